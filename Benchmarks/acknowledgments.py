"""The item of acknowledged changes: what it costs that a registration is answered when all members have it, beside the release
before, whose members answer alone.

Three members of each release run by turns, under the same load: as much as 512 connections ask for, then half of what the older
release did then, at that pace, whatever is answered. The load is spread over the members, which share both cores with it, so only
ratios of one round mean anything. At last one member of this release is stopped (SIGSTOP) under a load of registrations.

The binary of the release before is given by `--last-release`; without it nothing can be compared, and the item is skipped.
"""

import json
import os
import signal
import time
from contextlib import ExitStack

from cluster import Member
from fleet import Fleet, Spent
from report import Result, median
from servers import free_port, wait_until

import load

MEMBERS = 3
CONNECTIONS = 512
COUNT = 60_000
SERVICES = 1_000
STOPPED_RATE = 500


class _Registry:
    """A Bench whose registry is another binary."""

    def __init__(self, bench, binary):
        self.work, self.registry_command, self.server_core = bench.work, [str(binary)], bench.all_cores


def _joined(member):
    page = member.cluster()
    others = [other for other in page["members"] if other["state"] == "streaming" and "reads_from_us" in other]
    return page["ready"] and len(others) == MEMBERS - 1


class _Member(Member):
    def cluster(self):
        self._alive_or_raise()
        with load.Client(self.port) as client:
            return json.loads(client.ask("GET", "/api/v1/cluster").body)


def _cluster(bench, name, binary, stack):
    ports = [free_port() for _ in range(MEMBERS)]
    members = [
        _Member(_Registry(bench, binary), f"{name}-{number}", port, ports, bench.all_cores, MEMBERS)
        for number, port in enumerate(ports, 1)]
    # Together: one alone would wait for the others.
    for member in members:
        stack.enter_context(member)
    for member in members:
        wait_until(f"all links of {member.name}", lambda: _joined(member), 60)
    return members


def _registering(members, count, connections, rate=None):
    """One stream of registrations for each member."""
    share = count // len(members)
    return [
        f"register from={number * share} count={share} connections={connections // len(members)} port={member.port}"
        + (f" rate={rate // len(members)}" if rate else "")
        for number, member in enumerate(members)]


class _Measured:
    def __init__(self, phase, spent):
        self.requests = sum(stream.requests for stream in phase.streams)
        self.per_second = self.requests / max(1e-9, phase.seconds)
        self.cpu_us = sum(each.cpu_seconds for each in spent) * 1e6 / max(1, self.requests)
        self.p50_ms = median([stream.latency_us["p50"] for stream in phase.streams]) / 1e3
        self.p99_ms = max(stream.latency_us["p99"] for stream in phase.streams) / 1e3
        self.slowest_ms = max(stream.latency_us["max"] for stream in phase.streams) / 1e3


def _measure(fleet, members, result, where, commands):
    with ExitStack() as stack:
        spent = [stack.enter_context(Spent(member)) for member in members]
        phase = fleet.run(*commands)
    result.failures += phase.failures(where)
    return _Measured(phase, spent)


def _round(bench, binaries, result, rate=None):
    """Both releases, each with a cluster of its own that nothing was registered with."""
    measured = {}
    count = COUNT // 10 if bench.quick else COUNT
    for name, binary in binaries.items():
        with ExitStack() as stack:
            members = _cluster(bench, name, binary, stack)
            fleet = stack.enter_context(Fleet(bench.fleet_binary, members[0].port, SERVICES, 0, bench.all_cores))
            fleet.run(*_registering(members, 300, 3))  # the first of everything
            closed = _measure(fleet, members, result, f"{name}, closed loop", _registering(members, count, CONNECTIONS))
            pace = rate or int(closed.per_second / 2)
            if name == "before" and not rate:
                rate = pace
            opened = _measure(fleet, members, result, f"{name}, open loop", _registering(members, count, 96, pace))
            beats = _measure(fleet, members, result, f"{name}, heartbeats", [
                f"heartbeat from=0 count={count // MEMBERS} rate={pace // MEMBERS} seconds=2 connections=32 port={member.port}"
                for member in members])
            measured[name] = (closed, opened, beats)
    return measured, rate


def _stopped(bench, binary, result):
    """One member is stopped while the two others take registrations."""
    with ExitStack() as stack:
        members = _cluster(bench, "stopped", binary, stack)
        fleet = stack.enter_context(Fleet(bench.fleet_binary, members[0].port, SERVICES, 0, bench.all_cores))
        fleet.run(*_registering(members, 300, 3))
        fleet.begin(*_registering(members[:2], 6 * STOPPED_RATE, 64, STOPPED_RATE))
        time.sleep(1)
        os.kill(members[2].process.pid, signal.SIGSTOP)
        try:
            first = fleet.end()
            after = fleet.run(*_registering(members[:2], 4 * STOPPED_RATE, 64, STOPPED_RATE))
        finally:
            os.kill(members[2].process.pid, signal.SIGCONT)
        for where, phase in (("a member is stopped", first), ("a member is left out", after)):
            result.failures += phase.failures(where)
        result.figures |= {
            "stopped_slowest_ms": max(stream.latency_us["max"] for stream in first.streams) / 1e3,
            "left_out_p99_ms": max(stream.latency_us["p99"] for stream in after.streams) / 1e3}


def acknowledgments(bench):
    result = Result("acknowledgments")
    if not bench.last_release:
        result.skipped = "no binary of the release before was given (--last-release)"
        return result
    # The older one first: its pace is that of both.
    binaries = {"before": bench.last_release, "now": bench.registry_command[0]}
    ratios = {"closed_loop": [], "cpu": [], "open_p50_more_ms": [], "heartbeat_cpu": []}
    for _ in range(bench.rounds):
        measured, _ = _round(bench, binaries, result)
        before, now = measured["before"], measured["now"]
        ratios["closed_loop"].append(now[0].per_second / before[0].per_second)
        ratios["cpu"].append(now[0].cpu_us / before[0].cpu_us)
        ratios["open_p50_more_ms"].append(now[1].p50_ms - before[1].p50_ms)
        ratios["heartbeat_cpu"].append(now[2].cpu_us / before[2].cpu_us)
        for name, (closed, opened, beats) in measured.items():
            result.notes.append(
                f"{name}: closed loop {closed.per_second:,.0f}/s, {closed.cpu_us:.0f} µs of all members' CPU each, p50 {closed.p50_ms:.1f} ms; "
                f"open loop {opened.per_second:,.0f}/s, p50 {opened.p50_ms:.2f} ms, p99 {opened.p99_ms:.1f} ms, {opened.cpu_us:.0f} µs; "
                f"heartbeats {beats.cpu_us:.1f} µs")
    result.figures |= {name: median(values) for name, values in ratios.items()}
    _stopped(bench, binaries["now"], result)
    return result


ITEMS = {"acknowledgments": acknowledgments}
