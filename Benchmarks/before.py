"""The items `before` and `before-look-ups`: this build beside an older one (`--before BINARY`), in one run: what became faster or smaller, and
what slower. Rounds alternate between the two, beside the floor and a bare epoll loop; memory and instructions need no rounds.

Without `--before` there is nothing to compare, and the item is skipped.
"""

import shutil
from contextlib import ExitStack

import canned
import load
import renewals
import scale
import servers
import throughput
from cluster import CHANGES_PER_SECOND, Member
from fleet import Fleet, Spent
from report import Result, median, number
from servers import BenchError, free_port

WORKED = 1_000                  # registrations, lists and heartbeats after which resident memory is read
SHORT, LONG = 1_000, 5_000      # requests of the two runs whose difference is taken
CLUSTER_SERVICES = 1_000
LOOK_UPS = ("list-filter", "list-service", "list-names", "not-modified", "heartbeat")
# What is wanted of a row that begins so.
GOALS = {
    "heartbeat, of epoll, throughput": "≥ 0.95", "heartbeat, of epoll, CPU": "≥ 0.78",
    "registration, of floor, throughput": "≥ 1", "registration, instructions": "≤ 44,000",
    "bytes an instance": "≤ 260", "resident when empty": "≤ 10", "resident after": "≤ 16",
    "CPU of a replicated change": "≤ 0.6 of before", "visible on a peer": "≤ 2"}


class Build:
    """One of the two builds, with a Bench's way to start servers."""

    def __init__(self, bench, name, command):
        self.work, self.name, self.registry_command = bench.work, name, command
        self.server_core, self.client_core, self.cores = bench.server_core, bench.client_core, bench.server_core

    def server(self, environment=None, under=(), name=""):
        return servers.registry(self.work, [*under, *self.registry_command], f"{self.name}{name}", cores=self.cores,
                                environment=environment)


def before(bench):
    result = Result("before")
    if not bench.before:
        result.skipped = "no binary of an older build was given (--before): there is nothing to compare"
        return result
    builds = [Build(bench, "before", [str(bench.before)]), Build(bench, "now", bench.registry_command)]
    rows = []
    for part in (_heartbeats, _registrations, _instructions, _memory, _resident, _replication):
        try:
            rows += part(bench, builds, result)
        except BenchError as error:  # the other parts are still worth having
            result.failures.append(f"{part.__name__.strip('_')}: {error}")
    result.tables.append(("Before and now", ["work", "before", "now", "now / before", "goal"],
                          [[work, number(old), number(new), number(new / old) if old else "",
                            next((goal for begin, goal in GOALS.items() if work.startswith(begin)), "")]
                           for work, old, new in rows]))
    return result


def _rounds(bench, contenders, result, restarts=False):
    """Alternating rounds: a list of {name: Run}. Where each request makes something new, each begins with an empty registry."""
    if not restarts:
        for server, script, _ in contenders.values():
            bench.wrk(server, script, throughput.WARM_UP_SECONDS)
    rounds = []
    for _ in range(bench.rounds):
        runs = {}
        for name, (server, script, size) in contenders.items():
            if restarts and name in ("before", "now"):
                server.stop()
                server.start()
            runs[name] = bench.wrk(server, script)
            result.failures += runs[name].failures(name, size)
        rounds.append(runs)
    return rounds


def _beside(rounds, rival):
    """The median ratio to a rival of each build, by throughput and by CPU time."""
    return {name: (median([throughput.ratio(round[name], round[rival]) for round in rounds]),
                   median([round[rival].cpu_us / round[name].cpu_us for round in rounds])) for name in ("before", "now")}


def _rows(what, rounds, rival):
    beside = _beside(rounds, rival)
    return [(f"{what}, of {rival}, throughput", beside["before"][0], beside["now"][0]),
            (f"{what}, of {rival}, CPU", beside["before"][1], beside["now"][1])]


def _heartbeats(bench, builds, result):
    with ExitStack() as stack:
        contenders, learnt = {}, None
        for build in builds:
            server = stack.enter_context(build.server())
            targets = throughput.heartbeats(throughput.seed(server))
            script = load.write_cycle_script(bench.work / f"{build.name}-heartbeat.lua", "PUT", targets)
            learnt = canned.learn(server.port, "PUT", targets[0], 200)
            contenders[build.name] = (server, script, learnt.size)
        answer = bench.work / "before.answer"
        answer.write_bytes(learnt.raw)
        answers = canned.write(bench.work / "before-heartbeat.canned", [
            canned.entry("PUT", throughput.ITEMS["heartbeat"].pattern, learnt)])
        script = contenders["now"][1]
        contenders["epoll"] = (stack.enter_context(bench.epoll(answer)), script, learnt.size)
        contenders["floor"] = (stack.enter_context(bench.floor(answers)), script, learnt.size)
        rounds = _rounds(bench, contenders, result)
    return _rows("heartbeat", rounds, "epoll") + _rows("heartbeat", rounds, "floor")[:1]


def _registrations(bench, builds, result):
    with ExitStack() as stack:
        script = load.write_register_script(bench.work / "before-register.lua")
        contenders, learnt = {}, None
        for build in builds:
            server = stack.enter_context(build.server())
            learnt = canned.learn(server.port, "POST", "/api/v1/instances", 201,
                                  load.INSTANCE % (0, throughput.LEARNT_NUMBER, "UP"))
            contenders[build.name] = (server, script, learnt.size)
        answers = canned.write(bench.work / "before-register.canned", [
            canned.entry("POST", "/api/v1/instances", learnt)])
        contenders["floor"] = (stack.enter_context(bench.floor(answers)), script, learnt.size)
        rounds = _rounds(bench, contenders, result, restarts=True)
    return _rows("registration", rounds, "floor")


def _instructions(bench, builds, result):
    if not shutil.which("valgrind"):
        result.notes.append("valgrind is not installed: instructions were not counted")
        return []
    rows = []
    for what, ask in (("heartbeat", _beat), ("registration", _register)):
        rows.append((f"{what}, instructions", *(_counted(bench, build, what, ask) for build in builds)))
    return rows


def _counted(bench, build, what, ask):
    """Instructions of one request: what two runs differ by."""
    totals = []
    for length in (SHORT, LONG):
        out = bench.work / f"callgrind-{build.name}-{what}-{length}.out"
        out.unlink(missing_ok=True)
        server = build.server(under=["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"], name="-valgrind")
        server.start_deadline = renewals.VALGRIND_START_SECONDS
        with server:
            ask(server, length)
        totals.append(renewals.total(out))
    return (totals[1] - totals[0]) / (LONG - SHORT)


def _beat(server, length):
    renewals.beat(server.port, throughput.heartbeats(throughput.seed(server)), length)


def _register(server, length):
    load.register_many(server.port, range(length), lambda number: number % load.REGISTER_SERVICES)


def _memory(bench, builds, result):
    """Resident bytes an instance takes, every protocol off, and without the log of changes, which takes the same for any number."""
    found = []
    for build in builds:
        with build.server(environment={**scale.LEASES, "CHANGE_LOG": "0"}) as server, \
                Fleet(bench.fleet_binary, server.port, scale.SERVICES, scale.NAMESPACES, bench.client_core) as fleet:
            fleet.run("register count=100 ttl=3600", "list rate=100")
            fleet.run("remove count=100")
            empty = scale.settled_bytes(server)
            phase = fleet.run(f"register count={bench.instances} ttl=3600 connections={scale.CONNECTIONS}")
            result.failures += phase.failures(f"{build.name}: registering")
            found.append((scale.settled_bytes(server) - empty) / bench.instances)
    return [(f"bytes an instance, of {bench.instances:,}", *found)]


def _resident(bench, builds, result):
    """Resident when empty; and after some work of every kind."""
    empty, worked = [], []
    for build in builds:
        with build.server() as server:
            with load.Client(server.port) as client:
                client.ask("GET", "/")
            empty.append(scale.settled_bytes(server) / 1e6)
            ids = load.register_many(server.port, range(WORKED), throughput.service_of)
            with load.Client(server.port) as client:
                for id in ids:
                    client.ask("PUT", f"/api/v1/instances/{id}/heartbeat")
                for _ in range(WORKED):
                    client.ask("GET", "/api/v1/services/svc-0000")
                client.ask("GET", "/api/v1/instances")
            worked.append(scale.settled_bytes(server) / 1e6)
    return [("resident when empty, MB", *empty),
            (f"resident after {WORKED:,} registrations, lists and heartbeats, MB", *worked)]


def _replication(bench, builds, result):
    """Two members of each build at 10,000 changes a second: CPU time of a change on both, and how soon it is visible."""
    cpu, p99 = [], []
    for build in builds:
        with ExitStack() as stack:
            ports = [free_port(), free_port()]
            first = Member(build, f"{build.name}-1", ports[0], ports, bench.server_core, 2)
            peer = Member(build, f"{build.name}-2", ports[1], ports, bench.client_core, 2)
            stack.enter_context(first)
            stack.enter_context(peer)
            first.wait_ready()
            peer.wait_ready()
            fleet = stack.enter_context(Fleet(bench.fleet_binary, first.port, CLUSTER_SERVICES, 0, bench.client_core))
            watch = f"watch port={peer.port} connections=16 interval=500"
            fleet.run("register count=200 rate=200 connections=1 every=1", watch)
            count = CHANGES_PER_SECOND * (2 if bench.quick else 10)
            with Spent(first) as spent, Spent(peer) as peer_spent:
                loaded = fleet.run(f"register from=200 count={count} rate={CHANGES_PER_SECOND} every=50", watch)
            result.failures += loaded.failures(f"{build.name}: replication")
            # Without the loops of the API, which take registrations here and are asked for them there.
            cpu.append(sum(each.cpu_seconds - each.api_seconds for each in (spent, peer_spent)) * 1e6 / count)
            p99.append(loaded["watch"].visible_us["p99"] / 1e3)
    return [("CPU of a replicated change, published and received, µs", *cpu),
            (f"visible on a peer at {CHANGES_PER_SECOND:,} changes/s, p99, ms", *p99)]


def look_ups(bench):
    """Look-ups of the two builds in alternating rounds: what the user waits for most."""
    result = Result("before-look-ups")
    if not bench.before:
        result.skipped = "no binary of an older build was given (--before): there is nothing to compare"
        return result
    builds = [bench.older(), Build(bench, "now", bench.registry_command)]
    rows = []
    for name in LOOK_UPS:
        item = throughput.ITEMS[name]
        with ExitStack() as stack:
            contenders = {}
            for build in builds:
                server = stack.enter_context(build.server())
                targets = item.targets(throughput.seed(server, item.status_of))
                header = item.header(server)
                script = load.write_cycle_script(bench.work / f"{build.name}-{name}.lua", item.method, targets, header)
                learnt = canned.learn(server.port, item.method, targets[0], item.status, None, header)
                contenders[build.name] = (server, script, learnt.size)
            rounds = _rounds(bench, contenders, result)
        cpu = [median([round[build.name].cpu_us for round in rounds]) for build in builds]
        over = median([throughput.ratio(round["now"], round["before"]) for round in rounds])
        result.figures[name.replace("-", "_")] = over
        rows.append([name, *(f"{each:.2f}" for each in cpu), number(over)])
    result.tables.append(("Look-ups before and now", ["look-up", "CPU µs before", "CPU µs now", "throughput, now / before"], rows))
    return result


ITEMS = {"before": before, "before-look-ups": look_ups}
