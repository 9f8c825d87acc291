#!/usr/bin/env python3
"""Soaks the registry at full size: a million instances of 10,000 services in 1,000 namespaces, renewed every 30 s.

Usage: soak_million.py [SECONDS] [--registry PATH] [--instances N] [--write-docs]

What it does, one after the other, and what must hold:
  1. registers everything, at full speed;
  2. renews everything every 30 s for SECONDS (600): nine in ten by a heartbeat of their own, one in ten by a batch of 100,
     as an agent with so many instances would; look-ups check that nothing that is renewed is ever missing; no answer may be
     other than expected, and resident memory must stay flat;
  3. the same pace for a tenth of SECONDS over 10,000 keep-alive connections;
  4. lets everything run out within one second while others are renewed: the 99th percentile of their heartbeats stays under
     10 ms, nothing goes before its TTL, nothing is seen more than 1 s after it;
  5. compares one namespace that holds everything with a thousand that hold a little, in turn: CPU time per heartbeat and
     latency are alike.
The load is the benchmark's fleet: one process on the second core that sends at a given rate whether or not answers come, so
latency counts from when a request was due. It says so when it was itself the limit.
"""

import argparse
import json
import pathlib
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "Benchmarks"))

import bench  # noqa: E402
import documents  # noqa: E402
import report  # noqa: E402
import servers  # noqa: E402
from fleet import Fleet, Spent, row  # noqa: E402
from scale import LEASES  # noqa: E402

SERVICES, NAMESPACES = 10_000, 1_000
RENEWAL_SECONDS = 30
TTL_SECONDS = 120
BATCHED_SHARE = 10          # one in so many instances is renewed by batches
LARGEST_BATCH = 1_000
# Instances come in multiples of this, so that those of a namespace that are renewed together make one batch.
EVEN = NAMESPACES * BATCHED_SHARE
CONNECTIONS, MANY_CONNECTIONS = 256, 10_000
KEPT, KEPT_RATE = 1_000, 10_000
LOOKS_PER_SECOND, LISTS_PER_SECOND = 200, 20
# Memory may vary by the allocator's slack but must not follow the number of heartbeats.
MEMORY_SLACK_SHARE = 0.03
STORM_P99_MS = 10
# One namespace with everything against a thousand with a little: CPU time per heartbeat, and no median may be this much apart.
ALIKE = 1.25
ALIKE_ROUNDS = 5


class Soak:
    """One run: its registry, its fleet, and what was found so far."""

    def __init__(self, options):
        self.options = options
        self.work = ROOT / ".build" / "soak"
        self.work.mkdir(parents=True, exist_ok=True)
        self.fleet_binary = bench.build_fleet(self.work)
        self.count = options.instances // EVEN * EVEN
        self.batch = min(LARGEST_BATCH, self.count // EVEN)
        self.singles = self.count - self.count // BATCHED_SHARE
        self.result = report.Result("soak")

    def registry(self, name):
        return servers.registry(self.work, [str(self.options.registry.resolve())], name, loops=self.options.loops,
                                environment={**LEASES, "MAX_CONNECTIONS": "15000"})

    def fleet(self, server, namespaces):
        return Fleet(self.fleet_binary, server.port, SERVICES, namespaces)

    def phase(self, name, server, fleet, *streams):
        """Runs a phase, takes down its rows and latencies, and lets any wrong answer fail the soak."""
        print(f"{name} …", flush=True)
        with Spent(server) as spent:
            phase = fleet.run(*streams)
        self.result.failures += phase.failures(name)
        self.result.notes += phase.notes(name)
        # CPU time cannot be told apart by kind of request: where several run, it is that of all, per instance changed.
        changing = [stream for stream in phase.streams if stream.kind in ("register", "heartbeat", "batch")]
        cpu_us = spent.cpu_seconds * 1e6 / max(1, sum(stream.instances for stream in changing))
        self.result.rows += [{**row(f"{name}: {stream.kind}", server, stream, spent), "cpu_us": cpu_us,
                              "busy": spent.cpu_seconds / phase.seconds} for stream in changing]
        return phase, spent

    def renewing(self, seconds, connections):
        rate = self.count / RENEWAL_SECONDS
        single, batched = rate * self.singles / self.count, rate * (self.count - self.singles) / self.count
        return (f"heartbeat count={self.singles} rate={single} seconds={seconds} connections={connections}",
                f"batch from={self.singles} count={self.count - self.singles} size={self.batch} rate={batched / self.batch} "
                f"seconds={seconds} connections=8",
                f"look count={self.count} rate={LOOKS_PER_SECOND} seconds={seconds} connections=4",
                f"list rate={LISTS_PER_SECOND} seconds={seconds} connections=2")

    def latencies(self, name, stream):
        self.result.figures |= {f"{name}_{which}_ms": stream.latency_us[which] / 1e3
                                for which in ("p50", "p99", "p999", "max")}

    def steady(self, server, fleet):
        seconds = self.options.seconds
        samples, stop = [], threading.Event()

        def sample():
            while not stop.wait(1):
                samples.append(server.resident_bytes())

        sampler = threading.Thread(target=sample, daemon=True)
        sampler.start()
        try:
            phase, spent = self.phase("steady", server, fleet, *self.renewing(seconds, CONNECTIONS))
        finally:
            stop.set()
            sampler.join()
        self.latencies("steady", phase["heartbeat"])
        renewed = phase["heartbeat"].instances + phase["batch"].instances
        # The first pass over all instances may grow what is made once for each.
        settled = samples[min(len(samples) - 1, RENEWAL_SECONDS):] or samples
        early, late = max(settled[:max(1, len(settled) // 3)]), max(settled[-max(1, len(settled) // 3):])
        self.result.figures |= {"renewed_per_second": renewed / phase.seconds, "steady_cpu": spent.cpu_seconds / phase.seconds,
                                "rss_early_mb": early / 1e6, "rss_late_mb": late / 1e6,
                                "generator_busy": phase.generator_busy}
        if late > early * (1 + MEMORY_SLACK_SHARE):
            self.result.failures.append(f"memory grew under heartbeats: {early / 1e6:.0f} MB became {late / 1e6:.0f} MB")

    def many_connections(self, server, fleet):
        before = server.resident_bytes()
        phase, _ = self.phase(f"{MANY_CONNECTIONS:,} connections", server, fleet,
                              *self.renewing(max(RENEWAL_SECONDS, self.options.seconds / 10), MANY_CONNECTIONS))
        self.latencies("connections", phase["heartbeat"])
        self.result.figures["bytes_per_connection"] = (server.peak_resident_bytes() - before) / MANY_CONNECTIONS

    def storm(self, server, fleet, seconds_to_register):
        kept = f"from={self.count} count={KEPT}"
        pace = f"rate={KEPT_RATE} connections=32"
        self.phase("before the storm: others", server, fleet, f"register {kept} ttl=3600")
        # All ask again, each for what is left until the same second.
        until = int(seconds_to_register * 2) + 10
        began = time.monotonic()
        self.phase("before the storm", server, fleet, f"register count={self.count} until={until} connections=64",
                   f"heartbeat {kept} rate={KEPT_RATE // 10}")
        spare = began + until - time.monotonic()
        if spare < 1:
            self.result.failures.append("registering took longer than the leases last: there was no storm")
            return
        time.sleep(spare - 0.2)
        phase, _ = self.phase("storm", server, fleet, f"heartbeat {kept} {pace} seconds=1.6",
                              f"look count={self.count} sample=5000 rate=2000 seconds=1.6 connections=8",
                              "list rate=100 seconds=1.6 connections=4")
        time.sleep(1)
        after, _ = self.phase("after the storm", server, fleet, "list passes=1 connections=8")
        self.latencies("storm", phase["heartbeat"])
        looks = [stream for stream in [*phase.streams, *after.streams] if stream.kind in ("look", "list")]
        self.result.figures |= {"storm_looks": sum(stream.checked for stream in looks),
                                "gone_early": sum(stream.gone_early for stream in looks),
                                "seen_late": sum(stream.seen_late for stream in looks)}
        if self.result.figures["storm_p99_ms"] > STORM_P99_MS:
            self.result.failures.append(f"in the storm the 99th percentile of heartbeats was "
                                        f"{self.result.figures['storm_p99_ms']:.1f} ms, over {STORM_P99_MS} ms")

    def one_or_many(self):
        """Everything in one namespace, and the same in a thousand, renewed in turn."""
        cpu, p50 = [], []
        with self.registry("registry-one") as one, self.registry("registry-many") as many, \
                self.fleet(one, 1) as fleet_one, self.fleet(many, NAMESPACES) as fleet_many:
            pairs = (("one namespace", one, fleet_one), (f"{NAMESPACES:,} namespaces", many, fleet_many))
            for name, server, fleet in pairs:
                self.phase(name, server, fleet, f"register count={self.count} ttl=3600 connections=64")
                self.result.figures[f"rss_mb_{name.split()[0]}"] = server.resident_bytes() / 1e6
            kept, notes = len(self.result.rows), len(self.result.notes)
            for _ in range(ALIKE_ROUNDS):
                del self.result.rows[kept:], self.result.notes[notes:]  # those of the last round stand for all
                found = []
                for name, server, fleet in pairs:
                    phase, spent = self.phase(name, server, fleet,
                                              f"heartbeat count={self.count} rate={self.count / RENEWAL_SECONDS} seconds=5")
                    beat = phase["heartbeat"]
                    found.append((spent.cpu_seconds / beat.requests, beat.latency_us["p50"]))
                cpu.append(found[0][0] / found[1][0])
                p50.append(found[0][1] / found[1][1])
        self.result.figures |= {"one_namespace_cpu": report.median(cpu), "one_namespace_p50": report.median(p50)}
        if not 1 / ALIKE <= report.median(cpu) <= ALIKE:
            self.result.failures.append(f"a heartbeat in one namespace with everything costs {report.median(cpu):.2f} of "
                                        "one in a thousand with a little")

    def run(self):
        with self.registry("registry-soak") as server, self.fleet(server, NAMESPACES) as fleet:
            registering, _ = self.phase("registering", server, fleet,
                                        f"register count={self.count} ttl={TTL_SECONDS} connections=64")
            if registering.seconds > TTL_SECONDS - RENEWAL_SECONDS:
                self.result.failures.append(f"registering took {registering.seconds:.0f} s: the first leases ran out meanwhile")
                return
            self.result.figures |= {"instances": self.count, "registered_per_second": self.count / registering.seconds,
                                    "full_rss_mb": server.resident_bytes() / 1e6}
            # What was registered first is due first, and the renewals' order is another: a pass at full speed evens it out.
            self.phase("first pass", server, fleet, f"heartbeat count={self.count} passes=1 connections=64")
            self.steady(server, fleet)
            self.many_connections(server, fleet)
            self.storm(server, fleet, registering.seconds)
        self.one_or_many()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seconds", type=float, nargs="?", default=600, help="how long everything is renewed (600)")
    parser.add_argument("--registry", type=pathlib.Path, default=ROOT / "bin" / "registry", help="the program to soak")
    parser.add_argument("--instances", type=int, default=1_000_000, help="how many, in tens of thousands (1000000)")
    parser.add_argument("--loops", type=int, default=1, help="the registry's event loops; it has one core to itself (1)")
    parser.add_argument("--write-docs", action="store_true", help=f"write what was found into {documents.PAGE.name}")
    options = parser.parse_args()
    if options.instances < EVEN:
        parser.error(f"--instances is at least {EVEN:,}")
    soak = Soak(options)
    try:
        soak.run()
    except servers.BenchError as error:
        soak.result.failures.append(str(error))
    result = soak.result
    result.notes = list(dict.fromkeys(result.notes))
    result.failures = list(dict.fromkeys(result.failures))
    heading = (documents.measured_on(ROOT) + f" {options.seconds:.0f} s of renewals of {soak.count:,} instances; the registry on "
               "one core, the load on another; latencies count from when a request was due. CPU µs/request is, here, that of "
               "everything the registry did, per instance renewed.")
    text = report.markdown([result], {}, heading, title="## The soak")
    (soak.work / "results.md").write_text(text)
    (soak.work / "results.json").write_text(json.dumps({"figures": result.figures, "rows": result.rows, "notes": result.notes,
                                                        "failures": result.failures}, indent=2))
    if options.write_docs:
        documents.write_section(documents.PAGE, "soak", text)
    print(text)
    print(f"{len(result.figures)} figures, {len(result.failures)} failed")
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
