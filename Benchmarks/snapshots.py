"""The item `snapshot`: what it costs to write a full registry into a file, and how long a start from it takes.

The fleet registers the instances and sends heartbeats at a given pace, with no snapshot and then while one is written. Then the registry is killed and
started again with its file.
"""

import signal
import time
import urllib.request

from fleet import Spent
from report import Result
from scale import CONNECTIONS, LEASES, NAMESPACES, SERVICES
from servers import BenchError

INTERVAL = "15s"
RATE, BEATING = 10_000, 100_000     # heartbeats a second, and the instances that they are for
CALM_SECONDS = 10
WRITING_SECONDS = 60                # the longest that a snapshot is waited for
START_SECONDS = 60


def page(server, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=10) as answer:
        return answer.read().decode()


def metric(server, name):
    lines = (line.split() for line in page(server, "/metrics").splitlines())
    return next((float(line[1]) for line in lines if line and line[0] == f"a8registry_{name}"), None)


def written(server):
    return metric(server, "snapshots_total") or 0


def wait_for_snapshot(server, after):
    deadline = time.monotonic() + WRITING_SECONDS + 30
    while written(server) <= after:
        if time.monotonic() > deadline:
            raise BenchError("no snapshot was written")
        time.sleep(0.05)


def share_of_writing(server):
    """Which part of a core an idle registry takes while it writes, beside what it takes between."""
    wait_for_snapshot(server, written(server))
    begin, before = time.monotonic(), server.cpu_seconds()
    wait_for_snapshot(server, written(server))
    seconds, cpu = time.monotonic() - begin, server.cpu_seconds() - before
    return cpu / seconds


def snapshot(bench):
    result = Result("snapshot")
    file = bench.work / "snapshot-state"
    file.unlink(missing_ok=True)
    environment = {**LEASES, "SNAPSHOT_FILE": str(file), "SNAPSHOT_INTERVAL": "24h"}
    with bench.registry(environment=environment) as server, bench.fleet(server, SERVICES, NAMESPACES) as fleet:
        result.failures += fleet.run(f"register count={bench.instances} ttl=3600 connections={CONNECTIONS}").failures("registering")
        fleet.run(f"heartbeat count={bench.instances} passes=1 connections={CONNECTIONS}")
        with Spent(server) as spent:
            calm = fleet.run(f"heartbeat count={BEATING} rate={RATE} seconds={CALM_SECONDS} connections={CONNECTIONS}")["heartbeat"]
        calm_cpu = spent.cpu_seconds / calm.requests
    # The stop has written a first one, from which all is restored; from now on they are written all the time.
    result.figures["file_mb"] = file.stat().st_size / 1e6
    environment["SNAPSHOT_INTERVAL"] = INTERVAL
    with bench.registry(environment=environment) as server, bench.fleet(server, SERVICES, NAMESPACES) as fleet:
        result.figures |= {"idle_share_of_core": share_of_writing(server)}
        wait_for_snapshot(server, written(server))
        before = written(server)
        beating = f"heartbeat count={BEATING} rate={RATE} seconds={WRITING_SECONDS} connections={CONNECTIONS}"
        phase = fleet.run(f"register count={BEATING} ttl=3600 connections={CONNECTIONS}")
        with Spent(server) as spent:
            during = fleet.run(beating)["heartbeat"]
        result.failures += phase.failures("registering again")
        if written(server) <= before:
            result.failures.append("no snapshot ended while heartbeats were sent")
        result.figures |= {
            "written_in_s": metric(server, "snapshot_duration_seconds"),
            "p99_calm_ms": calm.latency_us["p99"] / 1e3, "p99_ms": during.latency_us["p99"] / 1e3,
            "slowest_calm_ms": calm.latency_us["max"] / 1e3, "slowest_ms": during.latency_us["max"] / 1e3,
            "cpu_of_calm": spent.cpu_seconds / during.requests / calm_cpu}
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    began = time.monotonic()
    with bench.registry(environment=environment) as server:
        while True:
            try:
                page(server, "/readyz")
                break
            except OSError:
                if time.monotonic() > began + START_SECONDS:
                    raise BenchError("the registry is not ready after its start with a file") from None
                time.sleep(0.01)
        result.figures["ready_after_s"] = time.monotonic() - began
        result.figures["restored"] = metric(server, "snapshot_restored_instances")
    if result.figures["restored"] != bench.instances:
        result.failures.append(f"{result.figures['restored']:.0f} of {bench.instances:,} instances were restored")
    result.notes.append(f"{bench.instances:,} instances of {SERVICES:,} services; a snapshot each {INTERVAL}; {RATE:,} heartbeats a second")
    file.unlink(missing_ok=True)
    return result


ITEMS = {"snapshot": snapshot}
