"""The items about those who watch: how soon a registration is seen everywhere, what thousands who watch cost the others,
a burst of changes, and the memory of a watcher over TLS."""

import os
import select
import socket
import statistics
import struct
import threading
import time
import urllib.parse

import load
import throughput
from feeds import ARRIVAL_SECONDS, MANY, SERVICE, SETTLE_SECONDS, Watchers, change, dns_port, instance
from report import Result
from servers import BenchError

# Of a change that follows no other: deliveries wait for each other for 20 ms.
QUIET_SECONDS = 0.03
LATENCY_ROUNDS = 60
BUSY, IDLE = 1_000, 10_000
CHANGES_A_SECOND, BURST_CHANGES_A_SECOND, BURST_SECONDS = 5, 100, 10
TLS_WATCHERS = 2_000
MANY_MORE = {"MAX_CONNECTIONS": str(BUSY + IDLE + 500), "MAX_WATCHES": str(BUSY + IDLE + 500)}


def stream_request(service):
    return load.request_bytes("GET", f"/api/v1/watch?service_name={service}", "localhost", header="Accept: text/event-stream")


# MARK: - How soon a registration is seen

class Observer:
    """A socket on which something is awaited."""

    def __init__(self, port, kind=socket.SOCK_STREAM):
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.connect(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, data):
        self.buffer = b""
        self.socket.sendall(data)

    def receive(self):
        self.buffer += self.socket.recv(65_536)

    def until(self, text):
        while text not in self.buffer:
            if not select.select([self.socket], [], [], ARRIVAL_SECONDS)[0]:
                raise BenchError(f"{text!r} never came, but {self.buffer[-200:]!r}")
            self.receive()


class Consul(Observer):
    """A blocking query that is asked again as soon as it is answered, as Consul's clients do."""

    def ask(self, index=None):
        blocking = f"?wait=5m&index={index}" if index else ""
        self.send(load.request_bytes("GET", f"/v1/health/service/{SERVICE}{blocking}", "localhost"))

    def index(self):
        """The index of a whole answer; None before it is whole."""
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        return int(fields[b"x-consul-index"]) if found and len(body) >= int(fields[b"content-length"]) else None

    def answered(self):
        while self.index() is None:
            if not select.select([self.socket], [], [], ARRIVAL_SECONDS)[0]:
                raise BenchError("a blocking query was not answered")
            self.receive()
        return self.index()


def dns_query():
    labels = b"".join(bytes([len(label)]) + label.encode() for label in (SERVICE, "service", "a8"))
    return struct.pack(">6H", 1, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)


def seen(address, api, dns, consul, stream):
    """Registers an instance: milliseconds from then until each of the three shows it."""
    packed, query, took = socket.inet_aton(address), dns_query(), {}
    body = instance(address).replace("10.0.0.1:8080", f"{address}:8080")
    began = time.monotonic_ns()
    api.send(load.request_bytes("POST", "/api/v1/instances", "localhost", body))
    dns.send(query)
    waiting = {dns.socket: dns, consul.socket: consul, stream.socket: stream}
    while waiting:
        ready = select.select(list(waiting), [], [], ARRIVAL_SECONDS)[0]
        if not ready:
            raise BenchError(f"the registration of {address} was never seen")
        for each in ready:
            observer = waiting[each]
            observer.receive()
            now = (time.monotonic_ns() - began) / 1e6
            name = {dns: "dns", consul: "consul", stream: "stream"}[observer]
            if (packed if observer is dns else address.encode()) in observer.buffer:
                took[name] = now
                del waiting[each]
            elif observer is dns:
                dns.send(query)
    api.until(b"201")
    return took


def latency(bench):
    """A registration until it is in DNS, in a held query of Consul's and in a stream, with one and with 100 that watch."""
    result = Result("watch-latency")
    with bench.registry(environment={**MANY, "DNS_PORT": "0"}) as server:
        change(server, "mark-first")
        api, dns = Observer(server.port), Observer(dns_port(server), socket.SOCK_DGRAM)
        for others in (0, 97):
            took = {"dns": [], "consul": [], "stream": []}
            stream, consul = Observer(server.port), Consul(server.port)
            stream.send(stream_request(SERVICE))
            stream.until(b"event: snapshot")
            consul.ask()
            consul.ask(consul.answered())
            crowd = Watchers(bench, server.port, stream_request(SERVICE), others) if others else None
            try:
                if crowd:
                    crowd.__enter__().await_heads()
                    crowd.arm(f"never-{others}", 300)  # reads what comes
                for number in range(LATENCY_ROUNDS * bench.rounds):
                    time.sleep(QUIET_SECONDS)
                    address = f"10.9.{number // 250}.{number % 250 + 1}"
                    stream.buffer = b""
                    for name, milliseconds in seen(address, api, dns, consul, stream).items():
                        took[name].append(milliseconds)
                    consul.ask(consul.answered())
                    time.sleep(QUIET_SECONDS)
                    api.until(b"\r\n\r\n")
                    api.until(b"}")
                    stream.buffer = b""
                    api.send(load.request_bytes("DELETE", location(api.buffer), "localhost"))
                    api.until(b"\r\n\r\n")
                    stream.until(b"event: gone")
                    consul.ask(consul.answered())
            finally:
                if crowd:
                    crowd.__exit__()
            for name, all_of_it in took.items():
                all_of_it.sort()
                p99 = all_of_it[int(len(all_of_it) * 0.99)]
                result.figures[f"{name}_p99_ms_{others + 3}"] = p99
                result.notes.append(f"{name}, {others + 3} that look: median {statistics.median(all_of_it):.2f} ms, p99 {p99:.2f}, "
                                    f"of {len(all_of_it)} registrations")
            stream.socket.close()
            consul.socket.close()
    return result


def location(answer):
    line = next(line for line in answer.split(b"\r\n") if line.lower().startswith(b"location: "))
    return urllib.parse.urlsplit(line.decode().split(": ", 1)[1]).path


# MARK: - What they cost the others

def mixed_script(path, ids):
    """Heartbeats and look-ups in turn, in a random-looking order of instances and services."""
    requests = [("PUT", target) for target in throughput.heartbeats(ids)]
    looks = throughput.ITEMS["list-service"].targets(ids)
    requests = [each for number, beat in enumerate(requests) for each in (beat, ("GET", looks[number % len(looks)]))]
    return load.write_mixed_script(path, requests)


class Changes:
    """A thread that changes the watched service so many times a second."""

    def __init__(self, bench, server, a_second):
        self.core, self.server, self.pause = bench.client_core, server, 1 / a_second
        self.made, self.stopped = 0, threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()

    def _run(self):
        os.sched_setaffinity(0, {int(self.core)})  # of this thread
        due = time.monotonic()
        with load.Client(self.server.port) as client:
            while not self.stopped.is_set():
                client.ask("POST", "/api/v1/instances", instance(f"mark-{self.made:06}"))
                self.made += 1
                due += self.pause
                self.stopped.wait(max(0, due - time.monotonic()))


def beside(bench):
    """Heartbeats and look-ups while 1,000 watch a busy service and 10,000 a quiet one, beside a registry that nobody watches."""
    result = Result("watch-beside")
    seconds = max(bench.seconds, 3)
    with bench.registry("alone") as alone, bench.registry("watched", environment=MANY_MORE) as watched:
        scripts = {server: mixed_script(bench.work / f"{server.name}.lua", throughput.seed(server)) for server in (alone, watched)}
        change(watched, "mark-first")
        with Watchers(bench, watched.port, stream_request(SERVICE), BUSY) as busy, \
                Watchers(bench, watched.port, stream_request("quiet"), IDLE) as idle:
            busy.await_heads()
            idle.await_heads()
            for crowd in (busy, idle):
                crowd.arm("never", 600)
            time.sleep(SETTLE_SECONDS)
            with Changes(bench, watched, CHANGES_A_SECOND):
                before = watched.cpu_seconds()
                time.sleep(4 * seconds)
                share = (watched.cpu_seconds() - before) / (4 * seconds)
            ratios, slowest, runs = [], [], []
            for server in (alone, watched):
                bench.wrk(server, scripts[server], throughput.WARM_UP_SECONDS)
            for _ in range(bench.rounds):
                run = bench.wrk(alone, scripts[alone], seconds)
                with Changes(bench, watched, CHANGES_A_SECOND):
                    beside_them = bench.wrk(watched, scripts[watched], seconds)
                for each, name in ((run, "alone"), (beside_them, "watched")):
                    result.failures += each.failures(name, None)
                ratios.append(beside_them.per_second / (run.per_second * (1 - share)))
                slowest.append(beside_them.p99_us / 1000)
                runs.append((run, beside_them))
    result.figures["of_alone"] = statistics.median(ratios)
    result.figures["p99_ms"] = statistics.median(slowest)
    result.figures["deliveries_cpu"] = share
    result.notes.append(f"alone {statistics.median(a.per_second for a, _ in runs):,.0f} requests a second, p99 "
                        f"{statistics.median(a.p99_us for a, _ in runs) / 1000:.2f} ms; watched {statistics.median(b.per_second for _, b in runs):,.0f}; "
                        f"deliveries and keep-alives take {share:.1%} of a core")
    return result


def burst(bench):
    """100 changes a second to 10,000 that watch, and heartbeats meanwhile."""
    result = Result("watch-burst")
    with bench.registry(environment=MANY_MORE) as server:
        ids = throughput.seed(server)
        script = load.write_cycle_script(bench.work / "burst.lua", "PUT", throughput.heartbeats(ids))
        change(server, "mark-first")
        with Watchers(bench, server.port, stream_request(SERVICE), IDLE) as crowd:
            crowd.await_heads()
            size = crowd.deliver_and_count("mark-size", lambda: change(server, "mark-size")) / IDLE
            time.sleep(SETTLE_SECONDS)
            resident = server.resident_bytes()
            crowd.watch(BURST_SECONDS + 1)
            with Changes(bench, server, BURST_CHANGES_A_SECOND) as changes:
                run = bench.wrk(server, script, BURST_SECONDS)
            received = crowd.watched()
            took = crowd.deliver("mark-last", lambda: change(server, "mark-last"))[1]
            result.failures += run.failures("registry", None)
            result.figures["p99_ms"] = run.p99_us / 1000
            result.figures["deliveries_of_changes"] = received / (size * IDLE) / changes.made
            result.figures["grown_mb"] = (server.peak_resident_bytes() - resident) / 2**20
            result.notes.append(f"{changes.made} changes in {BURST_SECONDS} s, {received / (size * IDLE):.0f} deliveries to each of {IDLE}; "
                                f"{run.per_second:,.0f} heartbeats a second meanwhile; the last has one more change after {took * 1000:.0f} ms")
    return result


def memory_over_tls(bench):
    """The memory of a stream over TLS, its connection included."""
    result = Result("watch-tls")
    server, _ = bench.tls_servers()
    context = load.unverified_context()
    held = []
    with server:
        for number in range(TLS_WATCHERS + 1):
            if number == 1:  # what is made once is made
                before = server.resident_bytes()
            plain = socket.create_connection(("127.0.0.1", server.port))
            connection = context.wrap_socket(plain, server_hostname="localhost")
            connection.sendall(stream_request(SERVICE))
            data = b""
            while b"event: snapshot" not in data:
                data += connection.recv(65_536)
            held.append(connection)
        time.sleep(SETTLE_SECONDS)
        result.figures["bytes_each"] = (server.resident_bytes() - before) / TLS_WATCHERS
        for connection in held:
            connection.close()
    return result


ITEMS = {"watch-latency": latency, "watch-beside": beside, "watch-burst": burst, "watch-tls": memory_over_tls}
