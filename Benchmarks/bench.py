#!/usr/bin/env python3
"""The registry's benchmark: ratios to a bare evhttp and to nginx, taken in one run. README.md tells the method.

    bench.py [options] all | ITEM...

Exit status: 0 when every threshold holds, 1 when one is missed or a measurement failed, 2 when nothing could be run.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

import acknowledgments
import before
import canned
import cluster
import catalogs
import conditions
import costs
import documents
import eureka
import feeds
import fleet
import load
import renewals
import report
import scale
import servers
import snapshots
import store
import throughput
import watching
import tls
from servers import BenchError

HERE = Path(__file__).resolve().parent
# In the order that they run in: what takes longest and loads the machine most comes last.
OTHERS = {**renewals.ITEMS, **costs.ITEMS, **conditions.ITEMS, **catalogs.ITEMS, **eureka.ITEMS, **feeds.ITEMS, **watching.ITEMS, **tls.ITEMS,
          **cluster.ITEMS, **acknowledgments.ITEMS, **before.ITEMS, **scale.ITEMS, **snapshots.ITEMS, **store.ITEMS}
ITEMS = [*throughput.ITEMS, *OTHERS]
# The stand-in writes no log, speaks no TLS, makes no certificates, has no tags, peers or leases.
NOT_IN_SELF_TEST = {"access-log", "not-modified", *catalogs.ITEMS, *eureka.ITEMS, *feeds.ITEMS, *watching.ITEMS, *renewals.ITEMS, *costs.ITEMS, *tls.ITEMS,
                    *cluster.ITEMS, *acknowledgments.ITEMS, *before.ITEMS, *scale.ITEMS, *snapshots.ITEMS}
QUICK_INSTANCES = 100_000
LARGEST_INSTANCES = 1_000_000  # what the thresholds of memory and of the storm are about
SELF_TEST_TOLERANCE = 0.2
# Which Debian package brings each tool.
TOOLS = {"wrk": "wrk", "nginx": "nginx", "gcc": "gcc", "taskset": "util-linux", "setpriv": "util-linux"}
REDIS_TOOLS = {"redis-server": "redis-server", "redis-benchmark": "redis-tools"}


class Bench:
    """The settings of one run, and the servers and load that belong to them."""

    def __init__(self, options):
        self.work = options.work.resolve()
        self.work.mkdir(parents=True, exist_ok=True)
        for log in self.work.glob("*.log"):
            log.unlink()
        self.rounds, self.seconds, self.starts = (2, 1, 3) if options.quick else (options.rounds, options.seconds, 10)
        self.redis = options.redis
        self.last_release = options.last_release and options.last_release.resolve()
        self.before = options.before and options.before.resolve()
        self.quick = options.quick
        self.instances = min(options.instances, QUICK_INSTANCES) if options.quick else options.instances
        self.churns = 2 if options.quick else options.churns
        self.self_test = options.self_test
        self.thresholds = {} if self.self_test else report.load_thresholds(options.thresholds)
        cores = sorted(os.sched_getaffinity(0))
        self.server_core, self.client_core = str(cores[0]), str(cores[1] if len(cores) > 1 else cores[0])
        self.all_cores = f"{self.server_core},{self.client_core}"
        self.floor_binary = build(self.work, "floor", [HERE / "floor.c"], ["-levent_openssl", "-levent", "-lssl", "-lcrypto"])
        self.epoll_binary = build(self.work, "epoll", [HERE / "epoll.c"], [])
        self.handshakes_binary = build(self.work, "handshakes", [HERE / "handshakes.c"], ["-lssl", "-lcrypto"])
        self.roundtrips_binary = build(self.work, "roundtrips", [HERE / "roundtrips.c"], [])
        self.watchers_binary = build(self.work, "watchers", [HERE / "watchers.c"], [])
        self.slow_clock = build(self.work, "slowclock.so", [HERE / "slowclock.c"], ["-shared", "-fPIC"])
        self.fleet_binary = build_fleet(self.work)
        if self.self_test:
            answers = canned.write(self.work / "stand-in.canned", canned.stand_in_entries())
            self.registry_command = [str(self.floor_binary), "--canned", str(answers)]
        else:
            self.registry_command = [str(options.registry.resolve())]

    def registry(self, name="registry", loops=1, access_log="off", cores=None, environment=None):
        return servers.registry(self.work, self.registry_command, name, loops, access_log, cores or self.server_core,
                                environment)

    def older(self):
        """The older build of `--before`, for what is asked of both."""
        return before.Build(self, "before", [str(self.before)])

    def fleet(self, server, services, namespaces=0):
        return fleet.Fleet(self.fleet_binary, server.port, services, namespaces, self.client_core)

    def floor(self, answers, certificate=None, key=None):
        return servers.floor(self.work, self.floor_binary, answers, self.server_core, certificate=certificate, key=key)

    def nginx(self):
        return servers.Nginx(self.work, self.server_core)

    def epoll(self, answer):
        return servers.epoll(self.work, self.epoll_binary, answer, self.server_core)

    def tls_servers(self):
        """The registry and nginx over HTTPS with one certificate, not yet started."""
        pair = servers.development_certificate(self.work, self.registry_command)
        return (servers.TLSRegistry(self.work, self.registry_command, *pair, self.server_core),
                servers.Nginx(self.work, self.server_core, *pair))

    def redis_server(self, cores=None):
        return servers.Redis(self.work, cores or self.server_core)

    def wrk(self, server, script, seconds=None, cores=None, **how):
        return load.run_wrk(server, script, seconds or self.seconds, cores or self.client_core, **how)

    def handshakes(self, server, kind, request, seconds=None):
        return load.run_handshakes(server, self.handshakes_binary, kind, request, seconds or self.seconds,
                                   self.client_core)

    def run(self, item):
        """Runs one item; what stops it becomes its failure, so that the others still run."""
        print(f"{item} …", file=sys.stderr, flush=True)
        try:
            if item in throughput.ITEMS:
                result = throughput.measure(self, throughput.ITEMS[item])
            else:
                result = OTHERS[item](self)
        except BenchError as error:
            result = report.Result(item, failures=[str(error)])
        except Exception:  # a defect of the benchmark, or an answer it cannot read: told in full, never passed over
            result = report.Result(item, failures=[traceback.format_exc(limit=-3)])
        result.failures = list(dict.fromkeys(result.failures))
        report.judge(result, self.thresholds.get(item, {}), partial=self.quick or self.instances < LARGEST_INSTANCES)
        return result


def build(work, name, sources, libraries):
    """One of the benchmark's own programs, compiled unless it is newer than its sources."""
    binary = work / name
    newest = max(source.stat().st_mtime for source in [*sources, *sources[0].parent.glob("*.h")])
    if not binary.exists() or binary.stat().st_mtime < newest:
        command = ["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-o", str(binary), *map(str, sources), *libraries]
        built = subprocess.run(command, capture_output=True, text=True)
        if built.returncode != 0:
            raise BenchError(f"{name} does not build (are libevent-dev and libssl-dev installed?):\n{built.stderr}")
    return binary


def build_fleet(work):
    return build(work, "fleet", sorted((HERE / "fleet").glob("*.c")), [])


def require_tools(options):
    """Says everything that is missing at once, with what to install."""
    tools = TOOLS | (REDIS_TOOLS if options.redis else {})
    missing = {tool: package for tool, package in tools.items() if not shutil.which(tool)}
    if missing:
        raise BenchError(f"missing: {', '.join(missing)}; install with: apt-get install "
                         + " ".join(sorted(set(missing.values()))))
    if not options.self_test and not os.access(options.registry, os.X_OK):
        raise BenchError(f"no registry at {options.registry}: build it first, or name it with --registry")


def machine_busy(seconds=0.5):
    """The share of all cores' time that is not idle right now, before anything of ours runs."""
    def read():
        fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return sum(fields), fields[3] + fields[4]
    total, idle = read()
    time.sleep(seconds)
    later_total, later_idle = read()
    return 1 - (later_idle - idle) / max(1, later_total - total)


def self_test_failures(bench, results):
    """What is wrong with the benchmark itself: the floor against the floor must be a draw, and refusals must fail."""
    found = [f"{result.item}: {failure}" for result in results for failure in result.failures]
    for result in results:
        value = result.figures.get("of_floor")
        if value is not None and abs(value - 1) > SELF_TEST_TOLERANCE:
            found.append(f"{result.item}: the floor is {value:.2f} of itself")
    answers = canned.write(bench.work / "refusing.canned", canned.stand_in_entries(heartbeat_status=410))
    script = load.write_cycle_script(bench.work / "refusing.lua", "PUT", throughput.heartbeats(["0"]))
    with servers.floor(bench.work, bench.floor_binary, answers, bench.server_core, "refusing") as server:
        run = bench.wrk(server, script, 1)
        if not any("status errors" in failure for failure in run.failures("refusing", None)):
            found.append("a server that refused every heartbeat was not noticed")
        if not any("bytes an answer" in failure for failure in run.failures("refusing", 5000)):
            found.append("answers of the wrong size were not noticed")
    found += fleet_failures(bench, answers)
    missed = report.Result("judged", {"of_floor": 0.5})
    report.judge(missed, {"of_floor": {"sense": "at_least", "threshold": 0.85}, "none": {"sense": "at_most",
                                                                                        "threshold": 1}})
    if len(missed.failures) != 1:
        found.append(f"a missed threshold gave {missed.failures}")
    return found


def fleet_failures(bench, refusing):
    """What the fleet does not notice: refusals, instances that are gone too early, and such as never go."""
    found = []
    with servers.floor(bench.work, bench.floor_binary, refusing, bench.server_core, "forgetting") as server, \
            bench.fleet(server, 10) as driver:
        driver.run("register count=10 ttl=60")
        if driver.run("heartbeat passes=1")["heartbeat"].unexpected != {"410": 10}:
            found.append("the fleet did not notice that every heartbeat was refused")
        if driver.run("look passes=1")["look"].gone_early != 10:
            found.append("the fleet did not notice that every instance had gone before its TTL")
    answers = canned.write(bench.work / "undying.canned", canned.stand_in_entries(has_every_instance=True))
    with servers.floor(bench.work, bench.floor_binary, answers, bench.server_core, "undying") as server, \
            bench.fleet(server, 10) as driver:
        driver.run("register count=10 ttl=1")
        if driver.run("look passes=1")["look"].failures():
            found.append("the fleet complained of instances that were there in time")
        time.sleep(1 + fleet.LATEST_EXPIRY_SECONDS + 0.1)
        if driver.run("look passes=1")["look"].seen_late != 10:
            found.append("the fleet did not notice that every instance outlived its TTL")
    return found


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], epilog="items: " + ", ".join(ITEMS))
    parser.add_argument("items", nargs="*", metavar="ITEM", help="one or more items, or all")
    parser.add_argument("--registry", type=Path, default=HERE.parent / "bin" / "registry", help="the binary to measure")
    parser.add_argument("--work", type=Path, default=HERE.parent / ".build" / "bench", help="folder for what it makes")
    parser.add_argument("--thresholds", type=Path, default=HERE / "thresholds.json")
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds of each throughput item (5)")
    parser.add_argument("--seconds", type=int, default=3, help="whole seconds of load in each (3)")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 1 s and 3 starts: a look, not a verdict")
    parser.add_argument("--instances", type=int, default=LARGEST_INSTANCES,
                        help="how many the items memory and storm register at most (1000000)")
    parser.add_argument("--churns", type=int, default=10, help="how often the item memory fills and empties it (10)")
    parser.add_argument("--redis", action="store_true", default=all(map(shutil.which, REDIS_TOOLS)),
                        help="insist on measuring EXPIRE of Redis beside the heartbeats, which is done when it is installed")
    parser.add_argument("--last-release", type=Path, help="the binary of the release before, which the item acknowledgments is measured beside")
    parser.add_argument("--before", type=Path, help="the binary of an older build, which the item before is measured beside")
    parser.add_argument("--write-docs", action="store_true",
                        help=f"write the newest results of all items, this run's included, into {documents.PAGE.name}")
    parser.add_argument("--self-test", action="store_true",
                        help="test the benchmark itself: the floor plays the registry, and no threshold is applied")
    options = parser.parse_intermixed_args(arguments)
    if options.items == ["all"] or (options.self_test and not options.items):
        options.items = [item for item in ITEMS if not (options.self_test and item in NOT_IN_SELF_TEST)]
    unknown = [item for item in options.items if item not in ITEMS]
    if unknown or not options.items:
        parser.error(f"name items to run ({', '.join(ITEMS)}) or all" + (f"; unknown: {unknown}" if unknown else ""))
    if min(options.rounds, options.seconds, options.instances, options.churns) < 1:
        parser.error("--rounds, --seconds, --instances and --churns are at least 1")
    if options.write_docs and (options.quick or options.self_test):
        parser.error("--write-docs needs a real run: without --quick and --self-test")
    return options


def stop_on(number, _):
    raise SystemExit(128 + number)  # unwinds through every `with`, which ends what was started


def main(arguments):
    options = parse(arguments)
    signal.signal(signal.SIGTERM, stop_on)
    signal.signal(signal.SIGHUP, stop_on)
    try:
        require_tools(options)
        bench = Bench(options)
    except (BenchError, ValueError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    busy = machine_busy()
    measured = documents.measured_on(HERE.parent)
    heading = (measured + f" {bench.rounds} rounds of {bench.seconds} s; servers on core {bench.server_core}, load on core "
               f"{bench.client_core}; {busy:.0%} busy with other work before the start."
               + (" SELF-TEST: the floor plays the registry." if bench.self_test else ""))
    if bench.server_core == bench.client_core:
        heading += " **Only one core: server and load share it, and the figures mean little.**"
    if busy > 0.1:
        heading += " **The machine was not idle: run again before believing a figure.**"
    results = []
    for item in options.items:
        results.append(bench.run(item))
        if not (options.quick or options.self_test):
            documents.keep(bench.work, results[-1], heading)
    text = report.markdown(results, bench.thresholds, heading)
    (bench.work / "results.md").write_text(text)
    (bench.work / "results.json").write_text(report.as_json(results, bench.thresholds, {
        "rounds": bench.rounds, "seconds": bench.seconds, "connections": load.CONNECTIONS, "self_test": bench.self_test,
        "busy_before": busy, "registry": bench.registry_command}))
    print(text)
    for result in results:
        if options.write_docs and result.item == "before" and result.tables:
            documents.write_before(result, heading)
    if options.write_docs and options.items != ["before"]:
        documents.write_bench(bench.work, ITEMS, bench.thresholds)
    failures = self_test_failures(bench, results) if bench.self_test else [f for r in results for f in r.failures]
    if bench.self_test:
        print("Self-test: " + ("passed" if not failures else "FAILED\n" + "\n".join(failures)))
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
