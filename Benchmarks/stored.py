"""What depends on how much is stored in Redis: bytes for each instance, how soon a new member is ready, and how late leases go
that all run out at one instant."""

import time
from contextlib import ExitStack

import load
from fleet import Spent, row
from redisclient import SHARDS, RedisClient
from report import median
from servers import BenchError, wait_until
from storepair import BY_NAMESPACE, NAMESPACES, SERVICES, Pair, StoreMember, held, start_fleet, wait_held

STORED = 100_000
FEW_STORED = 20_000         # in a quick run
SETTLED_SECONDS = 1.5       # after which nothing of what was registered is under way
AHEAD_MS = 4_000            # how long before they run out leases are told their end
KEPT, KEPT_RATE = 1_000, 5_000  # instances that are renewed meanwhile, and heartbeats a second for them
LOOK_SECONDS = 0.005        # between two looks at how many instances a member has
EXPIRY_SECONDS = 30
HOLD_SECONDS = 60


def size_and_start(bench, result):
    """Bytes in Redis for each instance, and a member's start with all of them."""
    count = FEW_STORED if bench.quick else STORED
    with ExitStack() as stack:
        pair = Pair(bench, stack, "store", cores=bench.all_cores, environment=BY_NAMESPACE)
        driver = start_fleet(bench, pair, stack, SERVICES, NAMESPACES, bench.all_cores)
        client = stack.enter_context(RedisClient(pair.redis.port))
        # What the first connections and calls allocate is not the instances' doing.
        result.failures += driver.run(f"register count={SERVICES} connections=32").failures("registering the first")
        time.sleep(SETTLED_SECONDS)
        empty, streams = client.used_memory(), client.memory_of_streams()
        with Spent(pair.first) as spent, Spent(pair.redis) as in_redis:
            phase = driver.run(f"register from={SERVICES} count={count} connections=32")
        result.failures += phase.failures("registering")
        result.rows.append(row(f"store, registering {count:,}", pair.first, phase["register"], spent))
        result.figures["registering_redis_cpu_us"] = in_redis.cpu_seconds * 1e6 / count
        wait_held(pair.second, SERVICES + count)
        time.sleep(SETTLED_SECONDS)
        full, streams = client.used_memory(), client.memory_of_streams() - streams
        events = sum(client.call("XLEN", "{a8.%d}:e" % shard) for shard in SHARDS)
        result.figures |= {"redis_bytes_an_instance": (full - empty - streams) / count, "redis_bytes_with_streams": (full - empty) / count}
        result.notes.append(f"size: {count:,} instances of 227 bytes of JSON in {NAMESPACES} namespaces; used_memory before and after, less "
                            f"that of the streams (MEMORY USAGE), which keep the last events whatever their number: {streams / 1e6:.1f} MB "
                            f"for {events:,} events here, 4 to 8 MB a shard at most; with_streams contains them")
        times, total = [], SERVICES + count
        for number in range(3 if bench.quick else 7):
            member = StoreMember(bench, f"store-new-{number}", pair.redis, bench.all_cores, 0, BY_NAMESPACE)
            began = time.monotonic()
            with member:
                member.wait_ready()
                times.append(time.monotonic() - began)
                with load.Client(member.port) as asking:
                    if (has := held(asking)) != total:
                        result.failures.append(f"a member that says it is ready has {has:,} of {total:,} instances")
                result.figures["start_cpu_seconds"] = member.cpu_seconds()
        result.figures |= {"start_seconds": median(times), "slowest_start_seconds": max(times)}
        result.notes.append(f"start: {len(times)} members, each from its exec until it says it is ready and has all {total:,} instances")


def expiry(bench, result):
    """Leases that all run out at one instant: in many namespaces, and in one, which is the work of one shard."""
    for name, namespaces in (("expiry", NAMESPACES), ("expiry_in_one", 0)):
        _run_out(bench, result, name, namespaces)


def _run_out(bench, result, name, namespaces):
    count = FEW_STORED if bench.quick else STORED
    with ExitStack() as stack:
        pair = Pair(bench, stack, "store", cores=bench.all_cores, environment=BY_NAMESPACE if namespaces else None)
        driver = start_fleet(bench, pair, stack, SERVICES, namespaces, bench.all_cores)
        client = stack.enter_context(RedisClient(pair.redis.port))
        result.failures += driver.run(f"register count={count} connections=32").failures("registering")
        entries = [("{a8.%d}:z" % shard, entry) for shard in SHARDS for entry in client.call("ZRANGE", "{a8.%d}:z" % shard, 0, -1)]
        if len(entries) != count:
            raise BenchError(f"{len(entries):,} leases are in Redis, not {count:,}")
        kept = f"from={count} count={KEPT}"
        result.failures += driver.run(f"register {kept} connections=32").failures("registering those that are kept")
        wait_held(pair.second, count + KEPT)
        wait_until("leases to run out at all", lambda: int.__gt__(*client.held_until()[::-1]), HOLD_SECONDS, 0.2)
        # No client can choose the instant so well: Redis is told it.
        _, now = client.held_until()
        instant = now + AHEAD_MS
        for start in range(0, count, 1_000):
            client.call_all([("ZADD", key, "XX", instant, entry) for key, entry in entries[start:start + 1_000]])
        rest = instant / 1e3 - time.time()
        if rest < 0.5:
            raise BenchError("telling Redis the end of the leases took longer than they last")
        time.sleep(rest - 0.4)
        driver.begin(f"heartbeat {kept} rate={KEPT_RATE} seconds=3 connections=32")
        seen, lateness = [], []
        with Spent(pair.redis) as in_redis, load.Client(pair.second.port) as looking:
            left, deadline = count, time.monotonic() + EXPIRY_SECONDS
            while left > 0:
                asked = time.time()
                left, before = held(looking) - KEPT, left
                # What went since the look before this one has gone by the time of this answer.
                late = time.time() * 1e3 - instant
                lateness += [late] * (before - left)
                if before > left and asked * 1e3 < instant:
                    result.failures.append(f"{name}: {before - left:,} instances went {instant - asked * 1e3:.0f} ms before their time")
                seen.append(late)
                if time.monotonic() > deadline:
                    raise BenchError(f"{left:,} instances were still there {EXPIRY_SECONDS} s after the end of their leases")
                time.sleep(LOOK_SECONDS)
        phase = driver.end()
        result.failures += phase.failures(name)
        result.notes += phase.notes(name)
    lateness.sort()
    beat = phase["heartbeat"]
    result.figures |= {
        f"{name}_p50_ms": lateness[len(lateness) // 2], f"{name}_p99_ms": lateness[len(lateness) * 99 // 100],
        f"{name}_last_ms": lateness[-1], f"{name}_heartbeat_p50_ms": beat.latency_us["p50"] / 1e3,
        f"{name}_heartbeat_p99_ms": beat.latency_us["p99"] / 1e3, f"{name}_heartbeat_slowest_ms": beat.latency_us["max"] / 1e3,
        f"{name}_redis_cpu_seconds": in_redis.cpu_seconds}
    result.notes.append(
        f"{name}: {count:,} leases in {namespaces or 1} namespaces, whose end was set to one instant in Redis; how late each went counts from "
        f"there and contains the 300 ms of grace; by the number of instances that the second member has, asked {len(seen)} times; "
        f"{KEPT_RATE:,} heartbeats a second to the first meanwhile")
