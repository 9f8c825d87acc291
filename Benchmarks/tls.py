"""The items over TLS: the registry beside nginx with the same certificate, versions, ciphers, groups, kind of tickets.

Both link the same OpenSSL, so what differs is what surrounds it. Heartbeats come over kept connections, by wrk; full
and resumed handshakes by handshakes.c, a heartbeat on each connection. That both servers came to the same terms is seen in
every run: a cipher that is cheaper would look like a faster server.
"""

import socket
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import canned
import load
import throughput
from report import Result
from servers import BenchError


@dataclass
class Exchange:
    """One request over a TLS connection of its own, as a client with OpenSSL's defaults sees it."""

    terms: str  # version and cipher
    status: int
    size: int   # bytes of the answer, before encryption


def exchange(port, request):
    """Sends one request that asks for the connection's end, and reads up to it."""
    with socket.create_connection(("127.0.0.1", port), timeout=load.CLIENT_TIMEOUT_SECONDS) as plain, \
            load.unverified_context().wrap_socket(plain) as connection:
        terms = f"{connection.version()} {connection.cipher()[0]}"
        connection.sendall(request)
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        return Exchange(terms, int(answer.split(b" ", 2)[1]), len(answer))


def closing(request):
    """The request with the wish that the connection ends after its answer."""
    return request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)


@contextmanager
def contenders(bench):
    """Both servers, started, and the targets of heartbeats over all of the registry's instances."""
    registry, nginx = bench.tls_servers()
    with registry, nginx:
        ids = load.register_many(registry.plain_port, range(throughput.INSTANCES), throughput.service_of)
        yield registry, nginx, throughput.heartbeats(ids)


def _probe(servers, target):
    """Each server's answer to one heartbeat; refuses servers that do not speak TLS 1.3 on the same terms."""
    request = closing(load.request_bytes("PUT", target, "127.0.0.1:0"))
    answers = [exchange(server.port, request) for server in servers]
    if any(answer.status != 200 for answer in answers):
        raise BenchError(f"a heartbeat over TLS was answered {[answer.status for answer in answers]}")
    _same_terms({server.name: answer.terms for server, answer in zip(servers, answers)})
    return answers


def _same_terms(terms):
    if len(set(terms.values())) != 1 or not all(text and text.startswith("TLSv1.3 ") for text in terms.values()):
        raise BenchError(f"the servers did not come to the same terms of TLS 1.3: {terms}")


def heartbeat(bench):
    """Heartbeats over kept TLS connections."""
    result = Result("tls-heartbeat")
    with contenders(bench) as (registry, nginx, targets), ExitStack() as stack:
        script = load.write_cycle_script(bench.work / "tls-heartbeat.lua", "PUT", targets)
        learnt = canned.learn(registry.plain_port, "PUT", targets[0], 200)
        answers = canned.write(bench.work / "tls-heartbeat.canned",
                               [canned.entry("PUT", throughput.ITEMS["heartbeat"].pattern, learnt)])
        floor = stack.enter_context(bench.floor(answers, nginx.certificate, nginx.key))
        probed = _probe((registry, floor, nginx), targets[0])
        result.notes.append(f"all servers: {probed[0].terms}")
        # The probe's answers name the connection's end, those to wrk need not: the learnt size is that of a kept one.
        sizes = {server: _kept_size(server, targets[0]) for server in (registry, floor, nginx)}
        before = throughput.last_heartbeats(registry)
        for server in sizes:
            bench.wrk(server, script, throughput.WARM_UP_SECONDS)
        rounds = []
        for _ in range(bench.rounds):
            runs = {}
            for server, size in sizes.items():
                run = runs[server.name] = bench.wrk(server, script)
                result.failures += run.failures(server.name, size)
            rounds.append(runs)
        renewed = sum(before.get(id) != time for id, time in throughput.last_heartbeats(registry).items())
        if renewed != throughput.INSTANCES:
            result.failures.append(f"the heartbeats renewed {renewed} of {throughput.INSTANCES} instances")
    throughput.add_rows(result, rounds)
    throughput.add_ratios(result, rounds)
    return result


def _kept_size(server, target):
    with load.Client(server.port, tls=True) as client:
        return client.ask("PUT", target).size


def handshakes(bench, kind):
    """Connections that are made anew, or resumed by ticket, for one heartbeat each."""
    result = Result("tls-handshake" if kind == "full" else "tls-resume")
    with contenders(bench) as (registry, nginx, targets):
        request = bench.work / f"{result.item}.request"
        request.write_bytes(closing(load.request_bytes("PUT", targets[0], "127.0.0.1:0")))
        sizes = {server: answer.size for server, answer in
                 zip((registry, nginx), _probe((registry, nginx), targets[0]))}
        for server in sizes:
            bench.handshakes(server, kind, request, throughput.WARM_UP_SECONDS)
        rounds = []
        for _ in range(bench.rounds):
            runs = {}
            for server, size in sizes.items():
                run = runs[server.name] = bench.handshakes(server, kind, request)
                result.failures += run.failures(server.name, size)
            _same_terms({name: run.negotiated for name, run in runs.items()})
            rounds.append(runs)
        result.notes.append(f"both servers: {rounds[0]['registry'].negotiated}")
    throughput.add_rows(result, rounds)
    throughput.add_ratios(result, rounds)
    return result


ITEMS = {
    "tls-heartbeat": heartbeat,
    "tls-handshake": lambda bench: handshakes(bench, "full"),
    "tls-resume": lambda bench: handshakes(bench, "resume"),
}
