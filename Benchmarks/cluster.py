"""The item of several members: how soon a registration is seen on a peer, how long a new member's copy takes, and what
a copy or a stuck peer costs those who ask meanwhile.

Visibility is measured by one process with one clock: the fleet registers on a member, and from the moment it has the
answer it asks another member for that instance over a kept connection, again and again, until it is there. So the figure
contains a whole look, and up to one pause between two looks; nothing is subtracted. Looks are few beside the changes (one
instance in 50 is looked for), so that asking does not slow down what is asked for.

Two cores hold two members and the load: the member under test has the first core to itself, the peer shares the second
with the load and is given the lesser weight (nice), else its copying would be counted as the first one's latency.
"""

import os
import signal
import time
from contextlib import ExitStack

import load
from fleet import Fleet, Spent, row
from report import Result, median
from servers import LONG_LEASES, BenchError, PortFileServer, free_port, wait_until

READY_SECONDS = 60
CHANGES_PER_SECOND = 10_000
COPIED = 100_000
SERVICES = 1_000
IDLE_REGISTRATIONS = 500
PACE = 5_000                # heartbeats a second while a copy is made or a peer is stuck
CHANGES_BESIDE = 500        # registrations a second beside them, so that there is something a stuck peer does not take
PEER_NICE = 10


class Member(PortFileServer):
    """One member of a cluster on loopback; `ports` are the replication ports of all, its own included."""

    def __init__(self, bench, name, port, ports, core, size=1, nice=0, sync_timeout="30s"):
        command = (["nice", f"-n{nice}"] if nice else []) + bench.registry_command
        super().__init__(name, bench.work, command, {
            "LOOPS": "1", "LOG_LEVEL": "warn", "ACCESS_LOG": "off", "EVENT_LOG": "off", **LONG_LEASES, "LISTEN_ADDRESS": "127.0.0.1", "REPLICATION": "true",
            "REPLICATION_PORT": str(port), "ADVERTISE_ADDRESS": "127.0.0.1", "CLUSTER_SIZE": str(size),
            "CLUSTER_PEERS": ",".join(f"127.0.0.1:{each}" for each in ports), "SYNC_TIMEOUT": sync_timeout,
            "MEMBER_NAME": name}, core)

    def is_ready(self):
        self._alive_or_raise()
        with load.Client(self.port) as client:
            return client.ask("GET", "/readyz").status == 200

    def wait_ready(self):
        wait_until(f"{self.name} to be ready", self.is_ready, READY_SECONDS)
        return self


def _pair(bench, stack, size=2, **second):
    ports = [free_port(), free_port()]
    first = Member(bench, "member-1", ports[0], ports, bench.server_core, size, sync_timeout="2s" if size == 1 else "30s")
    peer = Member(bench, "member-2", ports[1], ports, bench.client_core, size, **second)
    stack.enter_context(first)
    return first, peer


def _fleet(bench, server, stack):
    return stack.enter_context(Fleet(bench.fleet_binary, server.port, SERVICES, 0, bench.client_core))


def _lost(fleet, peer, result, where, deadline_seconds=10):
    """How many of all instances the peer does not have, once it has had time to hear of them."""
    deadline = time.monotonic() + deadline_seconds
    while True:
        phase = fleet.run(f"batch port={peer.port} passes=1 connections=2")
        batch = phase["batch"]
        missing = batch.unexpected.pop("410", 0) + batch.unexpected.pop("404", 0)
        if not missing or time.monotonic() > deadline:
            result.failures += phase.failures(where)
            return missing
        time.sleep(0.2)


def _visible(bench, result):
    """From a registration's answer on one member to the answer of a look on the other that finds it."""
    with ExitStack() as stack:
        first, peer = _pair(bench, stack)
        stack.enter_context(peer)
        first.wait_ready()
        peer.wait_ready()
        fleet = _fleet(bench, first, stack)
        watch = f"watch port={peer.port} connections=16 interval="
        fleet.run("register count=200 rate=200 connections=1 every=1", watch + "100")  # the first of everything
        count = 100 if bench.quick else IDLE_REGISTRATIONS
        idle = fleet.run(f"register from=200 count={count} rate=100 connections=1 every=1", watch + "100")
        seconds = 2 if bench.quick else 10
        changes = CHANGES_PER_SECOND * seconds
        with Spent(first) as spent, Spent(peer) as peer_spent:
            loaded = fleet.run(f"register from={200 + count} count={changes} rate={CHANGES_PER_SECOND} every=50",
                               watch + "500")
        lost = _lost(fleet, peer, result, "on the peer")
        result.rows.append(row("member, 10,000 changes/s", first, loaded["register"], spent))
        result.rows.append(row("its peer, per change", peer, loaded["register"], peer_spent))
        for where, phase in (("idle", idle), ("loaded", loaded)):
            result.failures += phase.failures(where)
            result.notes += phase.notes(where)
            seen = phase["watch"]
            result.figures |= {
                f"p50_{where}_ms": seen.visible_us["p50"] / 1e3, f"p99_{where}_ms": seen.visible_us["p99"] / 1e3,
                f"slowest_{where}_ms": seen.visible_us["max"] / 1e3,
                f"p50_{where}_since_sent_ms": seen.visible_from_sent_us["p50"] / 1e3,
                f"p99_{where}_since_sent_ms": seen.visible_from_sent_us["p99"] / 1e3}
            result.notes.append(f"{where}: {seen.instances:,} registrations looked for in {seen.requests:,} looks "
                                f"({seen.latency_us['p50']:.0f} µs a look), {seen.skipped:,} not for want of a connection")
        reached = loaded["register"].per_second
        result.figures |= {"changes_per_second": reached, "lost": lost}
        if reached < 0.98 * CHANGES_PER_SECOND:
            result.failures.append(f"{reached:,.0f} changes a second were made, not {CHANGES_PER_SECOND:,}")


def _copies(bench, result):
    """A new member's copy: its time, and what it costs those who ask the member that gives it."""
    with ExitStack() as stack:
        first, peer = _pair(bench, stack, size=1, nice=PEER_NICE)
        first.wait_ready()
        fleet = _fleet(bench, first, stack)
        result.failures += fleet.run(f"register count={COPIED} connections=32").failures("registering")
        times = []
        for _ in range(2 if bench.quick else 5):
            began = time.monotonic()
            with peer:
                peer.wait_ready()
                times.append(time.monotonic() - began)
                result.figures["lost"] += _lost(fleet, peer, result, "after a copy", deadline_seconds=2)
        result.figures |= {"copy_seconds": median(times), "slowest_copy_seconds": max(times)}
        result.notes.append(f"{len(times)} copies of {COPIED:,} instances to a member that was just started; timed from its "
                            "exec until it says it is ready, and then every instance was asked for")

        # As many copies as fit, one after the other; the fleet's phase is long enough for several.
        def copying(seconds):
            until, made = time.monotonic() + seconds, 0
            while time.monotonic() < until:
                with peer:
                    peer.wait_ready()
                made += 1
            return made

        rounds = []
        for _ in range(bench.rounds):
            with peer:
                peer.wait_ready()
                still = _paced(bench, fleet, first)
            disturbed = _paced(bench, fleet, first, copying)
            rounds.append((still, disturbed))
        _compare(result, rounds, "copying", first)


def _stuck(bench, result):
    """The API of a member whose peer takes nothing any more, beside the same with a peer that does."""
    with ExitStack() as stack:
        first, peer = _pair(bench, stack, nice=PEER_NICE)
        stack.enter_context(peer)
        first.wait_ready()
        peer.wait_ready()
        fleet = _fleet(bench, first, stack)
        result.failures += fleet.run("register count=20000").failures("registering")
        rounds = []
        for _ in range(bench.rounds):
            still = _paced(bench, fleet, first)
            os.kill(peer.process.pid, signal.SIGSTOP)
            try:
                disturbed = _paced(bench, fleet, first)
            finally:
                os.kill(peer.process.pid, signal.SIGCONT)
            result.figures["lost"] += _lost(fleet, peer, result, "after a stop", deadline_seconds=30)
            rounds.append((still, disturbed))
        _compare(result, rounds, "stuck", first)


def _paced(bench, fleet, server, meanwhile=None):
    """Heartbeats and some changes at a given pace; `meanwhile` runs beside them for the seconds that it is given."""
    seconds = 2 if bench.quick else 6
    command = (f"heartbeat count=20000 rate={PACE} seconds={seconds} connections=32",
               f"register count=20000 rate={CHANGES_BESIDE} seconds={seconds} connections=4")
    made = None
    with Spent(server) as spent:
        if meanwhile:
            fleet.begin(*command)
            made = meanwhile(seconds - 0.5)
            phase = fleet.end()
        else:
            phase = fleet.run(*command)
    return phase, spent, made


def _compare(result, rounds, name, server):
    """Adds the ratios of disturbed to undisturbed rounds, in CPU time of the API's loops and in median latency."""
    def requests(phase):
        return sum(stream.requests for stream in phase.streams)

    cpu, p50, p99 = [], [], []
    for still, disturbed in rounds:
        for phase, _, _ in (still, disturbed):
            result.failures += phase.failures(name)
        if not (still[1].api_seconds and disturbed[1].api_seconds):
            raise BenchError("the registry has no threads named api-N: their CPU time cannot be told apart")
        cpu.append((disturbed[1].api_seconds / requests(disturbed[0])) / (still[1].api_seconds / requests(still[0])))
        p50.append(disturbed[0]["heartbeat"].latency_us["p50"] / still[0]["heartbeat"].latency_us["p50"])
        p99.append(disturbed[0]["heartbeat"].latency_us["p99"] / 1e3)
    last_still, last_disturbed = rounds[-1]
    result.rows.append(row(f"undisturbed, beside {name}", server, last_still[0]["heartbeat"], last_still[1]))
    result.rows.append(row(name, server, last_disturbed[0]["heartbeat"], last_disturbed[1]))
    result.figures |= {f"{name}_cpu": median(cpu), f"{name}_p50": median(p50), f"{name}_p99_ms": median(p99)}
    made = [disturbed[2] for _, disturbed in rounds if disturbed[2] is not None]
    result.notes += list(dict.fromkeys(note for _, disturbed in rounds for note in disturbed[0].notes(name)))[:2]
    result.notes.append(f"{name}: {PACE:,} heartbeats and {CHANGES_BESIDE} changes a second, {len(rounds)} pairs of rounds; "
                        "CPU time is that of the API's loops alone" + (f"; copies in each: {made}" if made else ""))


def replication(bench):
    result = Result("replication")
    result.figures["lost"] = 0
    for part in (_visible, _copies, _stuck):
        try:
            part(bench, result)
        except BenchError as error:  # the other parts are still worth having
            result.failures.append(f"{part.__name__.strip('_')}: {error}")
    return result


ITEMS = {"replication": replication}
