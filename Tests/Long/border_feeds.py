#!/usr/bin/env python3
"""Holds the feeds of a running registry against clients that mean it ill, and sees that it goes on serving the others at once.

As border.py, whose bounds on the others hold here too: each trial starts a registry of its own and attacks it, while another process looks
services up or sends heartbeats. Standard library only.
"""

import contextlib
import json
import socket
import struct
import sys
import threading
import time

import border
from border import (
    LATE_SECONDS, Customer, Failed, await_ended, await_metric, awaiting, check, close_all, expect_returned, metric, open_many,
    peak_memory, read_answer, served)
from running_registry import RunningRegistry

# More than the process may have, so that some are refused.
DNS_CONNECTIONS = 10_000
DNS_MOST = 9_000
# After so long without a query a connection is closed (N133), and how much later it may be on a busy machine.
DNS_IDLE_SECONDS = 30
DNS_LATE_SECONDS = 10
# A connection, with the two bytes of half of them.
DNS_KILOBYTES_EACH = 6
DNS_P99_SECONDS = 0.1
POLLS = 2_000
MOST_WATCHES = 1_000
# A connection with a poll.
POLL_KILOBYTES_EACH = 12
NOT_READING = 400
# What waits for one that does not read: 64 KiB, and one delivery (W207). What it may cost beside that: its connection and what is known of it.
WAITING_KILOBYTES = 64
WATCHER_KILOBYTES = 32
# What each delivery has: so many instances, each with so many bytes of metadata.
DELIVERED, DELIVERED_BYTES = 48, 1_000
DELIVERY_KILOBYTES = 64
ANSWER_SECONDS = 8
# One that does not read is noticed at the end of its time, after changes that the kernel had room for.
NOT_READING_SECONDS = 60
BODY_BYTES = 1 << 20
BODIES = 100
# All long bodies together (V206), and what buffers of them cost more than their bytes.
BODIES_BYTES = 64 << 20
BODIES_FACTOR = 1.5
REQUEST_SECONDS = 6


def ask(customer, method, target, body=None, *headers):
    data = json.dumps(body).encode() if body is not None else b""
    lines = [f"{method} {target} HTTP/1.1", "Host: a", *headers]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
    return customer.ask("\r\n".join(lines).encode() + b"\r\n\r\n" + data)


def register(customer, service, value, metadata=None):
    status, _, answer = ask(customer, "POST", "/api/v1/instances", {
        "service_name": service, "endpoint": {"type": "http", "value": value}, "ttl": 600, **({"metadata": metadata} if metadata else {})})
    check(status == 201, f"registering was answered {status}: {answer[:200]}")
    return json.loads(answer)["id"]


def heartbeat(identity):
    return f"PUT /api/v1/instances/{identity}/heartbeat HTTP/1.1\r\nHost: a\r\n\r\n".encode()


class Counts:
    """Reads metrics over a connection that is in already: while all places are taken, no other would be."""

    def __init__(self, customer):
        self.customer = customer

    def read(self, name):
        """A count that is shown only once there is something to count; 0 until then."""
        status, _, page = ask(self.customer, "GET", "/metrics")
        check(status == 200, f"/metrics was answered {status}")
        for line in page.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
        return 0

    def wait(self, name, at_least):
        deadline = time.monotonic() + LATE_SECONDS
        while (value := self.read(name)) < at_least:
            check(time.monotonic() < deadline, f"{name} is {value} after {LATE_SECONDS} s; {at_least} was awaited")
            time.sleep(0.1)
        return value


def dns_port(registry):
    for line in (registry.folder / "ports").read_text().splitlines():
        name, port = line.split()
        if name == "dns":
            return int(port)
    raise Failed("no DNS in the port file")


def query(name, number=1):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)


class Resolver:
    """Asks by UDP all the time, in a thread, and knows how long that took."""

    def __init__(self, port, name):
        self.port, self.name = port, name
        self.samples, self.failure, self.ends = [], None, threading.Event()
        self.thread = threading.Thread(target=self._ask, daemon=True)

    def _ask(self):
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(LATE_SECONDS)
                client.connect(("127.0.0.1", self.port))
                while not self.ends.wait(0.005):
                    began = time.monotonic()
                    client.send(query(self.name))
                    answer = client.recv(65_536)
                    check(answer[3] & 0xF == 0 and answer[7] == 1, f"a query was answered {answer[:12].hex()}")
                    self.samples.append(time.monotonic() - began)
        except (Failed, OSError) as error:
            self.failure = f"a resolver, after {len(self.samples)} queries: {error!r}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.thread.join()

    def judge(self, report):
        self.ends.set()
        self.thread.join()
        check(self.failure is None, self.failure)
        samples = sorted(self.samples)
        p99 = samples[len(samples) * 99 // 100]
        report["queries"] = f"{len(samples)} by UDP meanwhile, p99 {p99 * 1e3:.1f} ms, longest {samples[-1] * 1e3:.1f} ms"
        check(p99 < DNS_P99_SECONDS, f"a hundredth of the queries took {p99 * 1e3:.0f} ms and more")


def dns_idle(program, report):
    """10,000 connections to the port of DNS, half of which send a length and nothing more, where 9,000 may be."""
    with RunningRegistry(program, {"DNS_PORT": "0", "MAX_CONNECTIONS": str(DNS_MOST)}) as registry:
        port = dns_port(registry)
        customer = Customer(registry.port)
        register(customer, "web", "10.0.0.1:80")
        empty = registry.resident_kilobytes()
        counts = Counts(customer)
        with served(registry, report, renews=False), Resolver(port, "web.service.a8") as resolver:
            began = time.monotonic()
            connections = open_many(port, DNS_CONNECTIONS)
            for connection in connections[::2]:
                with contextlib.suppress(OSError):
                    connection.send(b"\xff\xff")
            # Two are of the HTTP port.
            refused = counts.wait('a8registry_connections_refused_total{reason="connections"}', DNS_CONNECTIONS - DNS_MOST + 2)
            held = counts.read("a8registry_dns_connections")
            took = time.monotonic() - began
            full = registry.resident_kilobytes()
            check(took < DNS_IDLE_SECONDS, f"opening them took {took:.1f} s, and the first were closed meanwhile")
            check(held + refused == DNS_CONNECTIONS, f"{held} are held and {refused} were refused of {DNS_CONNECTIONS}")
            check(held == DNS_MOST - 2, f"{held} connections are held, and {DNS_MOST} may be with the two of HTTP")
            report["memory"] = f"{empty} KB, with {held:.0f} connections {full} KB"
            check(full - empty < held * DNS_KILOBYTES_EACH, f"they cost {(full - empty) / held:.1f} KB each")
            # One that is in is answered, if it asks after all.
            message = query("web.service.a8")
            asks = open_late(port, connections, message)
            report["asks late"] = f"{asks} of those that were in were answered"
            received = await_ended(connections, DNS_IDLE_SECONDS + DNS_LATE_SECONDS + LATE_SECONDS)
            lasted = time.monotonic() - began
            check(lasted >= DNS_IDLE_SECONDS, f"the last was closed after {lasted:.1f} s, and may be idle for {DNS_IDLE_SECONDS} s")
            report["closed"] = f"the last after {lasted:.1f} s"
            resolver.judge(report)
        check(not any(received), "an idle connection was sent something")
        lines = [line for line in registry.log.read_text().splitlines() if "connections refused" in line]
        check(lines, "no line in the log of refused connections")
        check(counts.read("a8registry_dns_connections") == 0, "connections are still counted")
        close_all(connections)
        expect_returned(registry, empty, report)


def open_late(port, connections, message):
    """Has ten of those that sent nothing ask; how many were answered. They have their 30 seconds anew, so the caller's wait is for them too."""
    asked = 0
    for connection in connections[1:20:2]:
        with awaiting("an answer on a connection that was idle"):
            connection.sendall(struct.pack(">H", len(message)) + message)
            length = struct.unpack(">H", connection.recv(2, socket.MSG_WAITALL))[0]
            answer = connection.recv(length, socket.MSG_WAITALL)
        check(answer[3] & 0xF == 0 and answer[7] == 1, f"answered {answer[:12].hex()}")
        asked += 1
    return asked


def too_many_polls(program, report):
    """2,000 long polls where 1,000 may be held: the others are told, and heartbeats go on."""
    settings = {"MAX_WATCHES": str(MOST_WATCHES), "MAX_TTL": "10m"}
    with RunningRegistry(program, settings) as registry:
        customer = Customer(registry.port)
        identity = register(customer, "other", "10.0.0.1:80")
        _, fields, _ = ask(customer, "GET", "/api/v1/services/web")
        poll = f"GET /api/v1/services/web?wait=5m HTTP/1.1\r\nHost: a\r\nIf-None-Match: {fields['etag']}\r\n\r\n".encode()
        empty = registry.resident_kilobytes()
        with served(registry, report, request=heartbeat(identity)):
            connections = open_many(registry.port, POLLS)
            for connection in connections:
                connection.sendall(poll)
            await_metric(registry, "a8registry_watches_refused_total", POLLS - MOST_WATCHES, LATE_SECONDS)
            refused = [connection for connection in connections if has_news(connection)]
            check(len(refused) == POLLS - MOST_WATCHES, f"{len(refused)} of {POLLS} were answered at once")
            for connection in refused:
                with awaiting("a refusal"):
                    status, fields, _ = read_answer(connection)
                check(status == 429, f"one too many was answered {status}")
                check(int(fields["retry-after"]) >= 1, "429 without a time to come back")
            check(metric(registry, "a8registry_watches") == MOST_WATCHES, "not as many are held as may be")
            # Whoever was refused may ask for something else on the same connection.
            refused[0].sendall(border.REQUEST)
            check(read_answer(refused[0])[0] == 200, "one that was refused is not served any more")
            full = registry.resident_kilobytes()
            report["memory"] = f"{empty} KB, with {MOST_WATCHES} polls held and {POLLS - MOST_WATCHES} refused {full} KB"
            check(full - empty < POLLS * POLL_KILOBYTES_EACH, f"they cost {(full - empty) / POLLS:.1f} KB each")
            began = time.monotonic()
            register(customer, "web", "10.0.0.2:80")
            answers = {connection: read_answer(connection) for connection in connections if connection not in set(refused)}
            report["delivered"] = f"to {len(answers)} within {(time.monotonic() - began) * 1e3:.0f} ms"
            check({(status, body) for status, _, body in answers.values()} == {(200, next(iter(answers.values()))[2])}, "they differ")
            check(metric(registry, "a8registry_watches") == 0, "polls that were answered are still counted")
        close_all(connections)


def has_news(connection):
    connection.setblocking(False)
    try:
        return bool(connection.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        connection.settimeout(LATE_SECONDS)


def streams_unread(program, report):
    """400 streams whose clients never read, of a service that changes all the time: what waits for each is bounded."""
    settings = {"ANSWER_TIMEOUT": f"{ANSWER_SECONDS}s", "MAX_TTL": "10m"}
    with RunningRegistry(program, settings) as registry:
        customer = Customer(registry.port)
        identity = register(customer, "other", "10.0.0.1:80")

        def change(number):
            for index in range(DELIVERED):
                register(customer, "web", f"10.0.1.{index}:80", {"text": f"{number:06d}" + "x" * DELIVERED_BYTES})

        change(0)
        request = b"GET /api/v1/watch?service_name=web HTTP/1.1\r\nHost: a\r\n\r\n"
        with served(registry, report, request=heartbeat(identity)):
            empty = registry.resident_kilobytes()
            connections = open_many(registry.port, NOT_READING, receive_buffer=4096)
            for connection in connections:
                connection.sendall(request)
            await_metric(registry, "a8registry_watches", NOT_READING, LATE_SECONDS)
            began, number, peak = time.monotonic(), 0, 0
            while (left := metric(registry, "a8registry_watches")) > 0:
                check(time.monotonic() - began < NOT_READING_SECONDS, f"{left} that do not read are still held")
                number += 1
                change(number)
                peak = max(peak, registry.resident_kilobytes())
            bound = NOT_READING * (WAITING_KILOBYTES + DELIVERY_KILOBYTES + WATCHER_KILOBYTES) + border.RETURNED_KILOBYTES
            report["memory"] = f"{empty} KB, while {NOT_READING} did not read {number} deliveries {peak} KB (bound {empty + bound} KB)"
            report["closed"] = f"all within {time.monotonic() - began:.1f} s"
            check(peak - empty < bound, f"they cost {peak - empty} KB, and may cost {bound} KB")
            closed = metric(registry, 'a8registry_connections_closed_total{reason="answer_deadline"}')
            check(closed == NOT_READING, f"{closed} of {NOT_READING} were closed for taking nothing")
        close_all(connections)
        expect_returned(registry, empty, report)


def endless_bodies(program, report):
    """100 requests of Envoy whose bodies of 1 MiB do not end, where 64 MiB may be on their way."""
    settings = {"REQUEST_TIMEOUT": f"{REQUEST_SECONDS}s"}
    start = b'{"node":{"extensions":['
    # A list that goes on and on.
    text = (start + b'{"name":"x","category":"y"},' * (BODY_BYTES // 28 + 1))[:BODY_BYTES]
    head = b"POST /v3/discovery:endpoints HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    declared = head + b"Content-Length: %d\r\n\r\n" % BODY_BYTES
    with RunningRegistry(program, settings) as registry:
        customer = Customer(registry.port)
        register(customer, "web", "10.0.0.1:80")
        empty = registry.resident_kilobytes()
        with served(registry, report):
            connections = open_many(registry.port, BODIES)
            senders = [threading.Thread(target=send_quietly, args=(connection, declared + text[:-1]), daemon=True) for connection in connections]
            for sender in senders:
                sender.start()
            for sender in senders:
                sender.join()
            peak = peak_memory(registry)
            answers = [data.split(b"\r\n\r\n")[0] for data in await_ended(connections, REQUEST_SECONDS + 2 * LATE_SECONDS)]
            late = [answer for answer in answers if answer.startswith(b"HTTP/1.1 408 ")]
            told = [answer for answer in answers if answer.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: " in answer]
            report["memory"] = f"{empty} KB, with {BODIES} of {BODY_BYTES} bytes without their last {peak} KB"
            report["answers"] = f"{len(late)} were 408, {len(told)} were 503 with Retry-After"
            check(len(late) == BODIES_BYTES // BODY_BYTES and len(late) + len(told) == BODIES, f"neither 408 nor 503 with a time to come back: {BODIES - len(late) - len(told)}")
            check(peak - empty < BODIES_BYTES * BODIES_FACTOR / 1024, f"they cost {peak - empty} KB")
            close_all(connections)
            # What says no length is told once it is too long; what ends and is no JSON is told that.
            chunk = b"%x\r\n%s\r\n" % (len(text) // 8, text[:len(text) // 8])
            for request, wanted in [(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 9, 413), (declared + text, 400),
                                    (head + b"Content-Length: %d\r\n\r\n" % (BODY_BYTES + 1), 413)]:
                connection = socket.create_connection(("127.0.0.1", registry.port), timeout=LATE_SECONDS)
                send_quietly(connection, request)
                with awaiting(f"the answer {wanted}"):
                    status = read_answer(connection)[0]
                check(status == wanted, f"{request[:120]!r} was answered {status}")
                connection.close()
        expect_returned(registry, empty, report)


def send_quietly(connection, data):
    """A server that refuses does not read on."""
    with contextlib.suppress(OSError):
        connection.sendall(data)


TRIALS = [dns_idle, too_many_polls, streams_unread, endless_bodies]


if __name__ == "__main__":
    border.main(TRIALS, __doc__)
