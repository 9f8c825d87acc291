"""The fleet from Python: a load of very many leases at a given pace, driven by commands (fleet/main.c describes them).

wrk answers how much a server can do; the fleet answers how it does at a pace that is given, and whether what it says of
each instance is true. It is one process that remembers every instance, so that phases can follow each other.
"""

import json
import os
import subprocess

from servers import STOP_DEADLINE_SECONDS, BenchError

GENERATOR_BUSY = 0.85  # above this share of a core the load, not the server, may have set the pace

LATEST_EXPIRY_SECONDS = 1  # how long after its TTL an instance may be seen; as in fleet/fleet.h


class Fleet:
    """One running fleet; `run` carries out a phase and returns what its streams found."""

    def __init__(self, binary, port, services, namespaces=0, cores="1", name="the fleet"):
        self.name = name
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", cores, str(binary), str(port), str(services), str(namespaces)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.process.stdin.close()
            self.process.wait(STOP_DEADLINE_SECONDS)
        except (subprocess.TimeoutExpired, OSError):
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            pipe.close()

    def run(self, *streams):
        """Runs the streams at once, each given as words such as `heartbeat from=0 rate=1000 seconds=3`."""
        self.begin(*streams)
        return self.end()

    def begin(self, *streams):
        """As `run`, without waiting for the end."""
        self.command = "run " + " ; ".join(streams)
        try:
            self.process.stdin.write(self.command + "\n")
            self.process.stdin.flush()
        except OSError:
            self.end()

    def end(self):
        """Waits for the end of what was begun."""
        line = self.process.stdout.readline()
        if not line:
            self.process.wait(STOP_DEADLINE_SECONDS)
            raise BenchError(f"{self.name} ended at `{self.command}`: {self.process.stderr.read().strip()[-300:]}")
        return Phase(json.loads(line))


class Phase:
    """What the streams of one phase found, by kind."""

    def __init__(self, found):
        self.seconds = found["seconds"]
        self.generator_busy = found["cpu_seconds"] / max(1e-9, found["seconds"])
        self.streams = [Stream(stream) for stream in found["streams"]]

    def __getitem__(self, kind):
        return next(stream for stream in self.streams if stream.kind == kind)

    def failures(self, where):
        """What makes the phase worthless or the registry wrong, as sentences."""
        return [f"{where}: {failure}" for stream in self.streams for failure in stream.failures()]

    def notes(self, where):
        """How far the load itself can be trusted."""
        found = []
        if self.generator_busy > GENERATOR_BUSY:
            found.append(f"{where}: the load took {self.generator_busy:.0%} of its core: it may have set the pace")
        worst = max(self.streams, key=lambda stream: stream.own_delay_us["p99"])
        late = worst.own_delay_us["p99"]
        if late > 1000:
            found.append(f"{where}: 1 % of the requests ({worst.kind}) left over {late / 1e3:.1f} ms late by the load's own "
                         "fault; the latencies contain that")
        return found


class Stream:
    """One stream's findings; attributes as fleet/main.c names them."""

    def __init__(self, found):
        self.__dict__.update(found)

    @property
    def per_second(self):
        return self.requests / max(1e-9, self.seconds)

    def failures(self):
        found = []
        if self.broken:
            found.append(f"{self.broken} connections of {self.kind} broke or were refused")
        if self.unreadable:
            found.append(f"{self.unreadable} answers to {self.kind} could not be read")
        found += [f"{count} requests of {self.kind} were answered {status}" for status, count in self.unexpected.items()]
        if self.gone_early:
            found.append(f"{self.gone_early} of {self.checked} looks found an instance gone before its TTL, by up to "
                         f"{self.worst_early_ms:.0f} ms ({self.kind})")
        if self.seen_late:
            found.append(f"{self.seen_late} of {self.checked} looks saw an instance more than 1 s after its TTL or its "
                         f"removal, by up to {self.worst_late_ms:.0f} ms ({self.kind})")
        if self.never_seen:
            found.append(f"{self.never_seen} registrations were not visible within 10 s")
        if not self.requests:
            found.append(f"no request of {self.kind} was answered")
        return found


class Spent:
    """What a server spent while something ran: use as a context manager."""

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        self.cpu_seconds, self.api_seconds = -self.server.cpu_seconds(), -self.server.api_cpu_seconds()
        return self

    def __exit__(self, *_):
        self.cpu_seconds += self.server.cpu_seconds()
        self.api_seconds += self.server.api_cpu_seconds()


def row(name, server, stream, spent):
    """A row of the report's table of throughputs, from a stream of the fleet."""
    return {"server": name, "per_second": stream.per_second, "cpu_us": spent.cpu_seconds * 1e6 / max(1, stream.requests),
            "p50_us": stream.latency_us["p50"], "p99_us": stream.latency_us["p99"],
            "busy": spent.cpu_seconds / max(1e-9, stream.seconds), "peak_mib": server.peak_resident_bytes() / 2**20}
