"""The items of size: memory at a thousand, a hundred thousand and a million instances, and a million leases that run out
within one second. The load is the fleet, since Python is too slow for a million of anything and wrk looks at no answer.
"""

import time

from fleet import Spent, row
from report import Result

# As many services, and namespaces, as a large site has; the fleet's instance i is of service i modulo SERVICES.
SERVICES, NAMESPACES = 10_000, 1_000
# Short leases are wanted here, and a token that names a namespace.
LEASES = {"MIN_TTL": "1s", "DEFAULT_TTL": "10m", "MAX_TTL": "1h", "AUTH_MODE": "trusted"}
SETTLE_SECONDS = 0.5            # after which resident memory is read
# Freed memory is to be given back to the system: as soon as it has not fallen for the first of these, or after churning
# was over, the second, since an allocator may wait for as long as ten seconds to see whether it is needed again.
PLATEAU_SECONDS, LAST_PLATEAU_SECONDS = 2, 12
RELEASE_SECONDS = 60
HEARTBEATS_PER_PHASE = 300_000
KEPT = 1_000                    # instances that are renewed throughout the storm
KEPT_RATE = 10_000              # heartbeats a second for them
TRIAL = 20_000                  # registrations that tell how long a million will take
CONNECTIONS = 32


def settled_bytes(server):
    time.sleep(SETTLE_SECONDS)
    return server.resident_bytes()


def released_bytes(server, plateau=PLATEAU_SECONDS):
    """Resident memory once it has not fallen for `plateau` seconds."""
    since = time.monotonic()
    deadline, lowest = since + RELEASE_SECONDS, server.resident_bytes()
    while time.monotonic() < min(deadline, since + plateau):
        time.sleep(0.2)
        if server.resident_bytes() < lowest * 0.99:
            lowest, since = server.resident_bytes(), time.monotonic()
    return server.resident_bytes()


def memory(bench):
    """Resident bytes per instance at three sizes, what each heartbeat leaves behind (nothing), and after churn."""
    result = Result("memory")
    largest = bench.instances
    sizes = sorted({1_000, 100_000, largest} if largest >= 100_000 else {1_000, largest})
    with bench.registry(environment=LEASES) as server, bench.fleet(server, SERVICES, NAMESPACES) as fleet:
        fleet.run("register count=100 ttl=3600", "list rate=100")
        fleet.run("remove count=100")  # what the first connections and answers allocate is not the instances' doing
        empty = settled_bytes(server)
        registered, registering = 0, 0.0
        for size in sizes:
            phase = fleet.run(f"register from={registered} count={size - registered} ttl=3600 connections={CONNECTIONS}")
            result.failures += phase.failures(f"registering up to {size:,}")
            registered, registering = size, registering + phase.seconds
            result.figures[f"bytes_per_instance_{size}"] = (settled_bytes(server) - empty) / size
        full = settled_bytes(server)

        # The first phase may grow what is made once for each instance or connection; the second may grow nothing.
        count, after = max(largest, HEARTBEATS_PER_PHASE), [full]
        for _ in range(2):
            with Spent(server) as spent:
                phase = fleet.run(f"heartbeat count={largest} passes={-(-count // largest)} connections={CONNECTIONS}")
            result.failures += phase.failures("heartbeats")
            after.append(settled_bytes(server))
        result.rows.append(row(f"registry, {largest:,} instances", server, phase["heartbeat"], spent))
        result.notes += phase.notes("heartbeats")
        beats = phase["heartbeat"].requests
        result.figures |= {
            "empty_rss_mb": empty / 1e6, "full_rss_mb": full / 1e6,
            "first_bytes_per_heartbeat": (after[1] - after[0]) / beats,
            "bytes_per_heartbeat": (after[2] - after[1]) / beats}

        left = _churn(bench, server, fleet, largest, int(registering * 2) + 5, result)
        result.figures |= {
            # The share of what a full registry held that an empty one still holds after it all.
            "kept_after_first_churn": (left[0] - empty) / max(1, full - empty),
            "kept_after_churn": (left[-1] - empty) / max(1, full - empty),
            "after_churn_rss_mb": left[-1] / 1e6, "peak_rss_mb": server.peak_resident_bytes() / 1e6}
    result.notes.append(f"{len(left)} churns of {largest:,}: each ends with an empty registry, by removals and by leases "
                        "that run out, in turn; resident MB after each: "
                        + ", ".join(f"{value / 1e6:.0f}" for value in left))
    return result


def _churn(bench, server, fleet, count, until, result):
    """Empties and fills the registry so many times, with other instances each time; resident bytes after each. Leases that
    are to run out last for `until` seconds from when registering begins, which is to take less."""
    left = []
    for churn in range(bench.churns):
        if churn > 0:
            lasting = f"until={until}" if churn % 2 else "ttl=3600"
            phase = fleet.run(f"register count={count} {lasting} generation={churn % 10} connections={CONNECTIONS}")
            result.failures += phase.failures(f"churn {churn + 1}")
            if churn % 2 and phase.seconds > until - 1:
                result.failures.append(f"churn {churn + 1}: registering took {phase.seconds:.0f} s, its leases {until} s")
        if churn % 2:
            time.sleep(max(0, until - phase.seconds) + 2.5)
            # Whoever is still listed now would be seen late.
            result.failures += fleet.run("list passes=1").failures(f"churn {churn + 1}, expired")
        else:
            result.failures += fleet.run(f"remove count={count} connections={CONNECTIONS}").failures(f"churn {churn + 1}")
        left.append(released_bytes(server, LAST_PLATEAU_SECONDS if churn in (0, bench.churns - 1) else PLATEAU_SECONDS))
    return left


def storm(bench):
    """All leases run out within the same second, while others are renewed at a pace that is given."""
    result = Result("storm")
    count = bench.instances
    kept = f"from={count} count={KEPT}"
    pace = f"rate={KEPT_RATE} connections={CONNECTIONS}"
    with bench.registry(environment=LEASES) as server, bench.fleet(server, SERVICES, NAMESPACES) as fleet:
        result.failures += fleet.run(f"register {kept} ttl=3600").failures("registering")
        trial = min(TRIAL, count)
        rate = fleet.run(f"register count={trial} ttl=3600 connections={CONNECTIONS}")["register"].per_second

        with Spent(server) as spent:
            before = fleet.run(f"heartbeat {kept} {pace} seconds={max(3, bench.seconds)}")
        result.failures += before.failures("before the storm")
        result.rows.append(row("registry, before the storm", server, before["heartbeat"], spent))

        # Each asks for what is left until the same second, in whole seconds: so they end within one.
        until = int(count / rate * 2) + 5  # twice, since it gets slower as it fills
        began = time.monotonic()
        registering = fleet.run(f"register count={count} until={until} connections={CONNECTIONS}",
                                f"heartbeat {kept} rate={KEPT_RATE // 10}")
        result.failures += registering.failures("registering")
        spare = began + until - time.monotonic()
        if spare < 1:
            result.failures.append(f"registering {count:,} took longer than their leases: nothing was measured")
            return result
        full = server.resident_bytes()
        time.sleep(spare - 0.2)
        with Spent(server) as spent:
            # From 0.2 s before the first lease ends until 0.4 s after the last: no longer, or calm would dilute the storm.
            during = fleet.run(f"heartbeat {kept} {pace} seconds=1.6",
                               f"look count={count} sample=5000 rate=2000 seconds=1.6 connections=8",
                               "list rate=100 seconds=1.6 connections=4")
        time.sleep(1.0)
        after = fleet.run("list passes=1 connections=8")  # every service, and so every instance
        result.failures += during.failures("in the storm") + after.failures("after the storm")
        result.notes += during.notes("in the storm")
        result.rows.append(row("registry, in the storm", server, during["heartbeat"], spent))
        left = released_bytes(server, LAST_PLATEAU_SECONDS)
    beat, looks = during["heartbeat"], [*during.streams[1:], *after.streams]
    result.figures = {
        "instances": count,
        "p99_before_ms": before["heartbeat"].latency_us["p99"] / 1e3,
        "p50_ms": beat.latency_us["p50"] / 1e3, "p99_ms": beat.latency_us["p99"] / 1e3,
        "p999_ms": beat.latency_us["p999"] / 1e3, "slowest_ms": beat.latency_us["max"] / 1e3,
        "looks": sum(stream.checked for stream in looks),
        "gone_early": sum(stream.gone_early for stream in looks),
        "seen_late": sum(stream.seen_late for stream in looks),
        "longest_seen_after_ttl_ms": max(stream.worst_late_ms for stream in looks),
        "full_rss_mb": full / 1e6, "after_rss_mb": left / 1e6}
    result.notes.append(f"{KEPT_RATE:,} heartbeats a second; latency counts from when a heartbeat was due")
    return result


ITEMS = {"memory": memory, "storm": storm}
