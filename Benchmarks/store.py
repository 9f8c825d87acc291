"""The item of members without state: what a store in Redis costs, beside a cluster of the same binary that keeps everything
among its members. Both run in the same minute on the same cores, and rounds alternate.

What every request and every renewal costs, and how long a registration takes, is here; what depends on how much is stored
(its bytes, the start of a member, leases that run out at once) is in stored.py.
"""

import json
import re
import subprocess
from contextlib import ExitStack

import load
import stored
import throughput
from fleet import Spent, row
from redisclient import Monitor, RedisClient, encoded
from report import Result, median
from servers import BenchError
from storepair import BY_NAMESPACE, NAMESPACES, SERVICES, Pair, pairs, start_fleet, wait_held

RENEWED = 100_000
RENEWALS_PER_SECOND = 20_000  # on both members together
CHANGES_PER_SECOND = 5_000
REGISTRATIONS = 3_000       # in each round, one after the other
ID = b"0000%012d"            # as long as an id
APART_SECONDS = 0.002
KEY = re.compile(rb"^\{a8\.(\d+)\}:m$")


def _look_ups(bench, result):
    """Look-ups of a member over Redis beside those of a member of a cluster."""
    with ExitStack() as stack:
        both = pairs(bench, stack)
        for pair in both.values():
            throughput.seed(pair.first)
        for item in (throughput.ITEMS["list-service"], throughput.ITEMS["list-names"]):
            script = load.write_cycle_script(bench.work / f"store-{item.name}.lua", item.method, item.targets([]))
            rounds = []
            for number in range(bench.rounds + 1):
                order = list(both.items()) if number % 2 else list(both.items())[::-1]
                runs = {kind: bench.wrk(pair.first, script) for kind, pair in order}
                if number > 0:  # the first is the warm-up
                    rounds.append({kind: runs[kind] for kind in both})
            for runs in rounds:
                for kind, run in runs.items():
                    result.failures += run.failures(f"{item.name}, {kind}", None)
            name = item.name.replace("-", "_")
            result.figures |= {
                f"{name}_of_cluster": median([throughput.ratio(runs["store"], runs["cluster"]) for runs in rounds]),
                f"{name}_cpu_of_cluster": median([runs["store"].cpu_us / runs["cluster"].cpu_us for runs in rounds])}
            for kind in both:
                runs = [each[kind] for each in rounds]
                result.rows.append({
                    "server": f"{kind}, {item.name}", "per_second": median([run.per_second for run in runs]),
                    "cpu_us": median([run.cpu_us for run in runs]), "p50_us": median([run.p50_us for run in runs]),
                    "p99_us": median([run.p99_us for run in runs]), "busy": median([run.server_busy for run in runs]),
                    "peak_mib": max(run.peak_bytes for run in runs) / 2**20})
            disturbed = sum(max(runs[kind].disturbed for kind in runs) > throughput.DISTURBED for runs in rounds)
            if disturbed:
                result.notes.append(f"{item.name}: in {disturbed} of {len(rounds)} rounds others took more than "
                                    f"{throughput.DISTURBED:.0%} of a core, so CPU time per request alone was compared")


# Renewals


def _renewing(pair, count, rate, seconds):
    """Heartbeats on both members, each for half of the instances, so that it is known who renews what."""
    half = count // 2
    pace = f"rate={rate // 2}" if rate else ""
    return [f"heartbeat from={at * half} count={half} {pace} seconds={seconds} connections=32 port={member.port}"
            for at, member in enumerate(pair.members)]


def _measured(pair, driver, commands):
    with ExitStack() as stack:
        spent = [stack.enter_context(Spent(member)) for member in pair.members]
        in_redis = stack.enter_context(Spent(pair.redis)) if pair.redis else None
        phase = driver.run(*commands)
    renewals = sum(stream.requests for stream in phase.streams)
    return phase, {"members_us": sum(each.cpu_seconds for each in spent) * 1e6 / renewals,
                   "redis_us": in_redis.cpu_seconds * 1e6 / renewals if in_redis else None,
                   "per_second": renewals / max(1e-9, phase.seconds)}


def _renewals(bench, result):
    """What a renewal costs the members of both kinds, and Redis beside the same commands of redis-benchmark."""
    count, seconds = (RENEWED // 10 if bench.quick else RENEWED), max(2, bench.seconds)
    with ExitStack() as stack:
        both, drivers = pairs(bench, stack, cores=bench.all_cores, environment=BY_NAMESPACE), {}
        for kind, pair in both.items():
            drivers[kind] = start_fleet(bench, pair, stack, SERVICES, NAMESPACES, bench.all_cores)
            registering = drivers[kind].run(f"register count={count} connections=32")
            result.failures += registering.failures(f"registering, {kind}")
            wait_held(pair.second, count)
        rounds, full = [], []
        for _ in range(bench.rounds):
            for rate, kept in ((RENEWALS_PER_SECOND, rounds), (0, full)):
                found = {}
                for kind, pair in both.items():
                    phase, found[kind] = _measured(pair, drivers[kind], _renewing(pair, count, rate, seconds))
                    result.failures += phase.failures(f"renewals, {kind}")
                    if rate:
                        result.notes += [note for note in phase.notes(f"renewals, {kind}") if note not in result.notes][:1]
                kept.append(found)
        store = both["store"]
        bare = _bare_renewals(bench, result, store.redis, drivers["store"], _renewing(store, count, RENEWALS_PER_SECOND, 1), count)
    redis_us = median([found["store"]["redis_us"] for found in rounds])
    result.figures |= {
        "renewal_cpu_of_cluster": median([found["store"]["members_us"] / found["cluster"]["members_us"] for found in rounds]),
        "renewal_redis_cpu_of_bare": redis_us / bare,
        "renewal_redis_cpu_us": redis_us, "renewal_bare_redis_cpu_us": bare,
        "full_renewal_cpu_of_cluster": median([found["store"]["members_us"] / found["cluster"]["members_us"] for found in full]),
        "full_renewal_redis_cpu_us": median([found["store"]["redis_us"] for found in full])}
    for kind in both:
        result.figures |= {
            f"{kind}_renewal_cpu_us": median([found[kind]["members_us"] for found in rounds]),
            f"{kind}_renewals_per_second": median([found[kind]["per_second"] for found in full]),
            f"{kind}_full_renewal_cpu_us": median([found[kind]["members_us"] for found in full])}
    reached = min(found[kind]["per_second"] for found in rounds for kind in both)
    if reached < 0.95 * RENEWALS_PER_SECOND:
        result.notes.append(f"renewals: {reached:,.0f} a second were reached at the least, not {RENEWALS_PER_SECOND:,}")
    result.notes.append(
        f"renewals: {RENEWALS_PER_SECOND:,} a second for {count:,} instances of {NAMESPACES} namespaces, half on each member; CPU time "
        "is that of both members, and of all that Redis does meanwhile (sweeps, streams, what members tell each other); "
        "full_ is the same as fast as the answers come, on cores that everybody shares")


def _bare_renewals(bench, result, redis, driver, commands, count):
    """Redis' CPU microseconds for each renewal that redis-benchmark sends: calls of as many renewals as those of the members
    have on average, as many of them at once as come together, for any of as many instances."""
    with Monitor(redis.port) as monitor:
        driver.run(*commands)
        calls, at_once = _calls_of(monitor)
    if not calls:
        raise BenchError("no renewal reached Redis: nothing can be compared")
    in_a_call = sum(int(call[6]) for call in calls) / len(calls)
    size, depth = max(1, round(in_a_call)), max(1, round(at_once))
    namespace, lease = calls[-1][7], calls[-1][9]
    with RedisClient(redis.port) as client:
        epoch = client.call("FCALL", "a8_open", 1, "{bench.0}:m", 1, "00000000000000bb", "bench")[0]
        end = client.held_until()[1] + int(lease)
        for start in range(0, count, 1_000):
            client.call_all([("ZADD", "{bench.0}:z", end, b"%b\0%b" % (namespace, ID % number)) for number in range(start, start + 1_000)])
    # redis-benchmark puts another number below the count into each place of this word, of twelve digits.
    command = [*calls[-1][:3], b"{bench.0}:m", epoch, calls[-1][5], b"%d" % size]
    command += [namespace, ID.replace(b"%012d", b"__rand_int__"), lease] * size
    repeats = max(2_000, int(bench.seconds * 150_000 / size))
    options = ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", bench.all_cores, "redis-benchmark", "-p", redis.port, "-c", 1, "-P", depth,
               "-r", count, "-n", repeats, "--csv"]
    cpu = redis.cpu_seconds()
    done = subprocess.run([*(str(each).encode() for each in options), *command], stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
    cpu = redis.cpu_seconds() - cpu
    told = (done.stdout + done.stderr).decode(errors="replace").strip()
    if done.returncode != 0 or "ERR" in told or "A8E" in told or "A8A" in told:
        raise BenchError(f"redis-benchmark failed: {told[-300:]}")
    # The last line has the command, requests a second and six latencies.
    per_second = float(told.splitlines()[-1].rsplit(",", 7)[1].strip('"'))
    result.figures |= {"renewals_in_a_call": in_a_call, "calls_at_once": at_once, "bare_renewals_per_second": per_second * size}
    result.notes.append(
        f"renewals: redis-benchmark sent {repeats:,} calls of a8_renew with {size} renewals each, {depth} at once over one connection: the "
        f"averages of what the members sent at that pace, heard by MONITOR in a second of its own; each for one of {count:,} instances "
        "of a shard beside theirs")
    return cpu * 1e6 / (repeats * size)


def _calls_of(monitor):
    """The arguments of the calls that renew, and how many calls came at once on average."""
    calls = [heard for heard in monitor.heard() if heard.arguments[:2] == [b"FCALL", b"a8_renew"]]
    times, last = 0, {}
    for heard in calls:
        # Calls that are sent at once are run one after the other, each within a fraction of a millisecond.
        times += heard.seconds - last.get(heard.sender, 0) > APART_SECONDS
        last[heard.sender] = heard.seconds
    return [heard.arguments for heard in calls], len(calls) / max(1, times)


# Registrations


def _registrations(bench, result):
    """A registration's round trip beside that of the bare function, and beside that and a registration with a member that keeps
    everything itself, which are the two parts that it is made of; all on one connection, one after the other."""
    count = REGISTRATIONS // 6 if bench.quick else REGISTRATIONS
    with ExitStack() as stack:
        both = pairs(bench, stack)
        servers = {**{kind: pair.first for kind, pair in both.items()}, "alone": stack.enter_context(bench.registry(name="alone"))}
        redis = both["store"].redis
        with Monitor(redis.port) as monitor, load.Client(both["store"].first.port) as client:
            if client.ask("POST", "/api/v1/instances", load.INSTANCE % (0, 99_999_999, "UP")).status != 201:
                raise BenchError("the first registration was refused")
            put = next(each.arguments for each in monitor.heard() if each.arguments[:2] == [b"FCALL", b"a8_put"])
        shard = int(KEY.match(put[3])[1])
        with RedisClient(redis.port) as client:
            epoch = client.call("FCALL", "a8_open", 1, "{bench.%d}:m" % shard, 1, "00000000000000aa", "bench")[0]
        rounds, sent = [], 0
        for _ in range(bench.rounds + 1):
            found = {"fcall": _round_trips(bench, redis, "resp", [
                encoded(*put[:3], b"{bench.%d}:m" % shard, epoch, *put[5:8], b"%016x" % (sent + at), *put[9:])
                for at in range(count)])}
            for kind, server in servers.items():
                found[kind] = _round_trips(bench, server, "http", [
                    load.request_bytes("POST", "/api/v1/instances", f"127.0.0.1:{server.port}",
                                       load.INSTANCE % ((sent + at) % SERVICES, sent + at, "UP")) for at in range(count)])
            sent += count
            rounds.append(found)
        rounds = rounds[1:]  # the first is the warm-up
    for kind, name in (("store", "registration"), ("cluster", "cluster_registration"), ("alone", "alone_registration"), ("fcall", "fcall")):
        for share in ("p50", "p99"):
            result.figures[f"{name}_{share}_ms"] = median([found[kind][share] for found in rounds]) / 1e3
    result.figures |= {
        "registration_of_fcall": median([found["store"]["p50"] / found["fcall"]["p50"] for found in rounds]),
        "registration_of_parts": median([found["store"]["p50"] / (found["fcall"]["p50"] + found["alone"]["p50"]) for found in rounds])}
    result.notes.append(
        f"registrations: {count:,} one after the other on one connection; a8_put with the very arguments of a member's, but for id and "
        "prefix, by the same client to the same Redis; member and Redis share the first core, the client and the second member, "
        "which reads each registration, the other")


def _round_trips(bench, server, kind, requests):
    path = bench.work / f"round-trips-{kind}"
    path.write_bytes(b"".join(b"%d\n%b" % (len(request), request) for request in requests))
    done = subprocess.run(
        ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", bench.client_core, str(bench.roundtrips_binary), str(server.port), kind, str(path)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise BenchError(f"{server.name}: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)


# Visible elsewhere


def _visible(bench, result):
    """From a registration's answer on one member to a look on the other that finds it, at a pace that is given."""
    seconds = 2 if bench.quick else 10
    for kind in ("store", "cluster"):
        with ExitStack() as stack:
            pair = Pair(bench, stack, kind)
            driver = start_fleet(bench, pair, stack)
            watch = f"watch port={pair.second.port} connections=16 interval="
            driver.run("register count=200 rate=200 connections=1 every=1", watch + "100")  # the first of everything
            with Spent(pair.first) as spent, Spent(pair.second) as peer_spent:
                phase = driver.run(
                    f"register from=200 count={CHANGES_PER_SECOND * seconds} rate={CHANGES_PER_SECOND} every=25 connections=64",
                    watch + "500")
            result.failures += phase.failures(f"visible, {kind}")
            result.notes += phase.notes(f"visible, {kind}")
            made, seen = phase["register"], phase["watch"]
            result.rows.append(row(f"{kind}, {CHANGES_PER_SECOND:,} registrations/s", pair.first, made, spent))
            result.rows.append(row(f"{kind}, its peer, per change", pair.second, made, peer_spent))
            name = "visible" if kind == "store" else "cluster_visible"
            result.figures |= {
                f"{name}_p50_ms": seen.visible_us["p50"] / 1e3, f"{name}_p99_ms": seen.visible_us["p99"] / 1e3,
                f"{name}_slowest_ms": seen.visible_us["max"] / 1e3,
                f"{name}_since_sent_p99_ms": seen.visible_from_sent_us["p99"] / 1e3}
            if made.per_second < 0.98 * CHANGES_PER_SECOND:
                result.failures.append(f"visible, {kind}: {made.per_second:,.0f} changes a second were made, not {CHANGES_PER_SECOND:,}")


def store(bench):
    result = Result("store")
    if not bench.redis:
        result.skipped = "redis-server and redis-benchmark are not installed (make deps.bench installs them)"
        return result
    for part in (_look_ups, _renewals, _registrations, _visible, stored.size_and_start, stored.expiry):
        try:
            part(bench, result)
        except BenchError as error:  # the other parts are still worth having
            result.failures.append(f"{part.__name__.strip('_')}: {error}")
    return result


ITEMS = {"store": store}
