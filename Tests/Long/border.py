#!/usr/bin/env python3
"""Holds a running registry against clients that mean it ill, and sees that it goes on serving the others at once.

Each trial starts a registry of its own, attacks it from another process (this one), and meanwhile measures look-ups over a
connection of its own. It prints the median time of a look-up before and during the attack, what the registry's memory came to
and what was left of that afterwards, and fails when a bound is broken. Standard library only.
"""

import argparse
import contextlib
import json
import pathlib
import resource
import select
import socket
import statistics
import subprocess
import sys
import time

from running_registry import RunningRegistry

# Bounds. Memory is what the registry grew by; times are generous, since the machine may be busy with other things.
IDLE_CONNECTIONS = 10_000
IDLE_KILOBYTES_EACH = 12
DRIPPING = 1_000
DRIP_SECONDS = 0.4
HEADER_SECONDS = 3
NEVER_READING = 200
ANSWER_KILOBYTES = 200
ANSWER_SECONDS = 4
# An answer that waits is held once, beside what the allocator keeps back.
# What may be held for each of them beside twice its answer: the heads of a hundred pipelined requests, and what was read ahead.
NEVER_READING_KILOBYTES = 32
TOTAL_BYTES = 8 << 20
RETURNED_KILOBYTES = 24_000
LOOKUP_SECONDS = 0.25
LOOKUPS = 200
LATE_SECONDS = 5
# Until the connection that asked whether the registry is ready is gone from its count.
SETTLE_SECONDS = 0.3
EMFILE_FILES = 256
EMFILE_CLIENTS = 600
IDLE_CPU_SHARE = 0.25
REQUEST = b"GET /api/v1/services HTTP/1.1\r\nHost: a\r\n\r\n"
LISTING = b"GET /api/v1/instances HTTP/1.1\r\nHost: a\r\n\r\n"


class Failed(Exception):
    """A bound was broken; the text says which."""


def check(condition, text):
    if not condition:
        raise Failed(text)


class Customer:
    """A client that behaves, and minds how long it waits."""

    def __init__(self, port):
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=LATE_SECONDS)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request=REQUEST):
        self.connection.sendall(request)
        return read_answer(self.connection)

    def median(self, count=LOOKUPS):
        times = []
        for _ in range(count):
            began = time.monotonic()
            status, _, _ = self.ask()
            check(status == 200, f"a look-up was answered {status}")
            times.append(time.monotonic() - began)
        return statistics.median(times)


def read_answer(connection):
    buffer = b""
    while b"\r\n\r\n" not in buffer:
        data = connection.recv(65536)
        if not data:
            raise ConnectionError("closed before the answer")
        buffer += data
    head, _, body = buffer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
    while len(body) < int(headers.get("content-length", 0)):
        data = connection.recv(65536)
        if not data:
            raise ConnectionError("closed within the answer")
        body += data
    return int(lines[0].split()[1]), headers, body


def open_many(port, count, receive_buffer=None):
    connections = []
    for _ in range(count):
        connection = socket.socket()
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(LATE_SECONDS)
        connection.connect(("127.0.0.1", port))
        connections.append(connection)
    return connections


def close_all(connections):
    for connection in connections:
        connection.close()


def metric(registry, name):
    """The sample of this name and labels."""
    connection = registry.connect()
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    for line in text.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[-1])
    raise Failed(f"no metric {name}")


def await_metric(registry, name, at_least, seconds):
    deadline = time.monotonic() + seconds
    while (value := metric(registry, name)) < at_least:
        check(time.monotonic() < deadline, f"{name} is {value} after {seconds} s; {at_least} was awaited")
        time.sleep(0.1)
    return value


def await_ended(connections, seconds):
    """Waits until the server has ended all of them; returns what each had been sent."""
    waiting = {connection.fileno(): connection for connection in connections}
    received = {number: b"" for number in waiting}
    poll = select.poll()
    for number in waiting:
        poll.register(number, select.POLLIN)
    deadline = time.monotonic() + seconds
    while waiting:
        left = deadline - time.monotonic()
        check(left > 0, f"{len(waiting)} of {len(connections)} connections are still open after {seconds} s")
        for number, _ in poll.poll(left * 1000):
            try:
                data = waiting[number].recv(65536)
            except OSError:
                data = b""
            received[number] += data
            if not data:
                poll.unregister(number)
                del waiting[number]
    return list(received.values())


def processor_seconds(process):
    words = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / 100


def await_memory(registry, bound, seconds=20):
    """The allocator gives memory back bit by bit within ten seconds; returns what it came to."""
    deadline = time.monotonic() + seconds
    while (kilobytes := registry.resident_kilobytes()) > bound and time.monotonic() < deadline:
        time.sleep(0.2)
    return kilobytes


@contextlib.contextmanager
def served(registry, report):
    """Measures look-ups before the attack and gives a function that measures them again in its midst."""
    customer = Customer(registry.port)
    before = customer.median()

    def during():
        measured = customer.median()
        report["median look-up"] = f"{before * 1e6:.0f} us before, {measured * 1e6:.0f} us during"
        check(measured < LOOKUP_SECONDS, f"a look-up took {measured:.3f} s in the median")
        fresh = Customer(registry.port)
        check(fresh.ask()[0] == 200, "a new connection is not served")

    yield during
    check(customer.ask()[0] == 200, "the customer lost its connection")


def idle(program, report):
    """10,000 connections that say nothing."""
    with RunningRegistry(program, {"IDLE_TIMEOUT": "5s"}) as registry, served(registry, report) as during:
        empty = registry.resident_kilobytes()
        idle_connections = open_many(registry.port, IDLE_CONNECTIONS)
        during()
        full = registry.resident_kilobytes()
        report["memory"] = f"{empty} KB, with {IDLE_CONNECTIONS} connections {full} KB"
        check(full - empty < IDLE_CONNECTIONS * IDLE_KILOBYTES_EACH, f"they cost {(full - empty) / IDLE_CONNECTIONS:.1f} KB each")
        # The customer has to ask now and then, or it is idle as well.
        received = []
        waiting = idle_connections
        deadline = time.monotonic() + 5 + LATE_SECONDS + 5
        while waiting:
            check(time.monotonic() < deadline, f"{len(waiting)} idle connections were not closed")
            during()
            waiting, ended = still_open(waiting)
            received += ended
            time.sleep(0.2)
        check(not any(received), "an idle connection was sent something")
        close_all(idle_connections)
        left = await_memory(registry, empty + RETURNED_KILOBYTES)
        report["memory"] += f", afterwards {left} KB"
        check(left < empty + RETURNED_KILOBYTES, f"{left - empty} KB were not given back")


def still_open(connections):
    poll = select.poll()
    by_number = {connection.fileno(): connection for connection in connections}
    for number in by_number:
        poll.register(number, select.POLLIN)
    ended = {}
    for number, _ in poll.poll(0):
        try:
            ended[number] = by_number[number].recv(4096)
        except OSError:
            ended[number] = b""
    return [connection for number, connection in by_number.items() if number not in ended], list(ended.values())


def drip(program, report):
    """1,000 clients that send a byte at a time, half of them in the head and half in the body."""
    settings = {"HEADER_TIMEOUT": f"{HEADER_SECONDS}s", "REQUEST_TIMEOUT": f"{2 * HEADER_SECONDS}s"}
    with RunningRegistry(program, settings) as registry, served(registry, report) as during:
        empty = registry.resident_kilobytes()
        connections = open_many(registry.port, DRIPPING)
        for index, connection in enumerate(connections):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: " if index % 2 else b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n")
        began = time.monotonic()
        waiting, answers = connections, []
        rounds = 0
        while waiting:
            check(time.monotonic() - began < 2 * HEADER_SECONDS + LATE_SECONDS, f"{len(waiting)} drips outlived their deadline")
            for connection in waiting:
                with contextlib.suppress(OSError):
                    connection.send(b"a")
            rounds += 1
            if rounds == 2:
                during()
                report["memory"] = f"{empty} KB, with {DRIPPING} drips {registry.resident_kilobytes()} KB"
            waiting, ended = still_open(waiting)
            answers += ended
            time.sleep(DRIP_SECONDS)
        check(all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers), "a drip was not answered 408")
        check(metric(registry, 'a8registry_connections_closed_total{reason="header_deadline"}') == DRIPPING / 2, "heads miscounted")
        check(metric(registry, 'a8registry_connections_closed_total{reason="request_deadline"}') == DRIPPING / 2, "requests miscounted")
        close_all(connections)
        report["lasted"] = f"{time.monotonic() - began:.1f} s with deadlines of {HEADER_SECONDS} and {2 * HEADER_SECONDS} s"


def fill(registry):
    """Registers so many instances that a listing of them is 200 kB long."""
    connection = registry.connect()
    size, index = 0, 0
    while size < ANSWER_KILOBYTES * 1000:
        for _ in range(100):
            body = {"service_name": f"s{index}", "endpoint": {"type": "http", "value": f"192.0.2.1:{index}"}, "ttl": 600,
                    "metadata": {"text": "x" * 600}}
            connection.request("POST", "/api/v1/instances", json.dumps(body), {"Content-Type": "application/json"})
            connection.getresponse().read()
            index += 1
        connection.request("GET", "/api/v1/instances")
        size = len(connection.getresponse().read())
    connection.close()
    return size


def never_read(program, report, total=None):
    """200 clients that ask for 200 kB again and again and read nothing."""
    settings = {"ANSWER_TIMEOUT": f"{ANSWER_SECONDS}s", "MAX_TTL": "10m"}
    if total:
        settings["MAX_BUFFERED_TOTAL"] = str(total)
    with RunningRegistry(program, settings) as registry:
        size = fill(registry)
        with served(registry, report) as during:
            empty = registry.resident_kilobytes()
            connections = open_many(registry.port, NEVER_READING, receive_buffer=4096)
            for connection in connections:
                connection.sendall(LISTING * 100)
            during()
            peak = registry.resident_kilobytes()
            report["memory"] = f"{empty} KB, with {NEVER_READING} answers of {size} bytes unread {peak} KB"
            bound = NEVER_READING * (2 * size // 1024 + NEVER_READING_KILOBYTES)
            check(peak - empty < bound, f"unread answers cost {peak - empty} KB, and may cost {bound} KB")
            reason = "waiting_output" if total else "answer_deadline"
            name = f'a8registry_connections_closed_total{{reason="{reason}"}}'
            wanted = NEVER_READING // 2 if total else NEVER_READING
            await_metric(registry, name, wanted, ANSWER_SECONDS + LATE_SECONDS)
            deadline = time.monotonic() + ANSWER_SECONDS + LATE_SECONDS
            bound = total or 0
            while metric(registry, "a8registry_waiting_answer_bytes") > bound:
                check(time.monotonic() < deadline, "more waits than may")
                time.sleep(0.1)
            close_all(connections)
            left = await_memory(registry, empty + RETURNED_KILOBYTES)
            report["memory"] += f", afterwards {left} KB"
            check(left < empty + RETURNED_KILOBYTES, f"{left - empty} KB were not given back")


def never_read_in_all(program, report):
    """The same where what waits for all of them is bounded."""
    never_read(program, report, total=TOTAL_BYTES)


def pipeline(program, report):
    """Clients that send requests without end and read nothing: what is read ahead is bounded."""
    with RunningRegistry(program, {"ANSWER_TIMEOUT": "30s"}) as registry:
        fill(registry)
        with served(registry, report) as during:
            empty = registry.resident_kilobytes()
            connections = open_many(registry.port, 50, receive_buffer=4096)
            sent = 0
            flood = LISTING + b"GET / HTTP/1.0\r\n\r\n" * 20_000
            for connection in connections:
                connection.setblocking(False)
            for _ in range(10):
                for connection in connections:
                    with contextlib.suppress(OSError):
                        sent += connection.send(flood)
                time.sleep(0.1)
            during()
            peak = registry.resident_kilobytes()
            report["memory"] = f"{empty} KB, after {sent >> 10} KB of requests {peak} KB"
            check(peak - empty < 50 * (2 * ANSWER_KILOBYTES + 512), f"{(peak - empty) / 50:.0f} KB for each client")
            close_all(connections)


def too_many(program, report):
    """Over MAX_CONNECTIONS a client is told so, and the others are served."""
    with RunningRegistry(program, {"MAX_CONNECTIONS": "100"}) as registry:
        time.sleep(SETTLE_SECONDS)
        connections = open_many(registry.port, 99)
        for connection in connections:
            connection.sendall(REQUEST)
            check(read_answer(connection)[0] == 200, "one of the first connections is not served")
        customer = Customer(registry.port)
        check(customer.ask()[0] == 200, "the hundredth connection is not served")
        late = []
        for _ in range(1_000):
            # Some are closed so soon that the client learns of it while it still connects.
            with contextlib.suppress(BrokenPipeError, ConnectionError):
                late += open_many(registry.port, 1)
        told = 0
        for data in await_ended(late, LATE_SECONDS + 5):
            told += data.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: " in data
        check(told >= 256, f"only {told} of 1000 were told 503")
        check(customer.ask()[0] == 200, "the hundredth connection is not served any more")
        close_all(late)
        close_all(connections)
        deadline = time.monotonic() + LATE_SECONDS
        while True:
            with contextlib.suppress(OSError, ConnectionError, Failed):
                if Customer(registry.port).ask()[0] == 200:
                    break
            check(time.monotonic() < deadline, "room was not made")
            time.sleep(0.05)
        refused = metric(registry, 'a8registry_connections_refused_total{reason="connections"}')
        check(refused >= 1_000, f"{refused} refusals counted")
        deadline = time.monotonic() + LATE_SECONDS
        while not (lines := [line for line in registry.log.read_text().splitlines() if "connections refused" in line]):
            check(time.monotonic() < deadline, "no line in the log")
            time.sleep(0.1)
        check(1 <= len(lines) <= 30, f"{len(lines)} lines in the log")
        report["told 503"] = f"{told} of 1000, in {len(lines)} log lines"


def too_many_of_one(program, report):
    """MAX_CONNECTIONS_PER_CLIENT holds for an address and lets the others in."""
    with RunningRegistry(program, {"MAX_CONNECTIONS_PER_CLIENT": "5", "LISTEN_ADDRESS": "0.0.0.0"}) as registry:
        time.sleep(SETTLE_SECONDS)
        connections = open_many(registry.port, 5)
        # Each loop accepts for itself: a sixth connection might else be counted before a fifth.
        for connection in connections:
            connection.sendall(REQUEST)
            check(read_answer(connection)[0] == 200, "one of the first five is not served")
        late = open_many(registry.port, 3)
        for data in await_ended(late, LATE_SECONDS):
            check(data.startswith(b"HTTP/1.1 503 "), f"a sixth connection got {data[:40]!r}")
        other = socket.create_connection(("127.0.0.1", registry.port), timeout=LATE_SECONDS, source_address=("127.0.0.2", 0))
        other.sendall(REQUEST)
        check(read_answer(other)[0] == 200, "another client is not served")
        close_all(connections)
        report["refused"] = "the sixth of one client, not the first of another"


def descriptors(program, report):
    """Without a free descriptor the processor rests, those who are in are served, and those who are not are told."""
    def start(command, **keywords):
        return original(["prlimit", f"--nofile={EMFILE_FILES}:{EMFILE_FILES}", *command], **keywords)

    original = subprocess.Popen
    subprocess.Popen = start
    try:
        # More are let in than there are descriptors for: half of the limit is kept for other files, and the loops take some.
        registry = RunningRegistry(program, {"MAX_CONNECTIONS": "100000", "LOOPS": "2"})
    finally:
        subprocess.Popen = original
    with registry:
        # The limit falls under what is open, as when files of somebody else fill the table.
        customer = Customer(registry.port)
        check(customer.ask()[0] == 200, "not served")
        opened = len(list(pathlib.Path(f"/proc/{registry.process.pid}/fd").iterdir()))
        subprocess.run(["prlimit", f"--pid={registry.process.pid}", f"--nofile={opened + 20}:{EMFILE_FILES}"], check=True)
        late = open_many(registry.port, EMFILE_CLIENTS)
        spent, began = processor_seconds(registry.process), time.monotonic()
        time.sleep(2)
        share = (processor_seconds(registry.process) - spent) / (time.monotonic() - began)
        report["processor"] = f"{100 * share:.0f} % while out of descriptors"
        check(share < IDLE_CPU_SHARE, f"it spends {100 * share:.0f} % of a processor on accepting")
        check(customer.ask()[0] == 200, "a client that was in is not served")
        told = 0
        for connection in late:
            connection.setblocking(False)
            with contextlib.suppress(OSError):
                told += connection.recv(4096).startswith(b"HTTP/1.1 503 ")
        report["told 503"] = f"{told} of {EMFILE_CLIENTS}"
        check(told > 0, "nobody was told")
        close_all(late)
        subprocess.run(["prlimit", f"--pid={registry.process.pid}", f"--nofile={EMFILE_FILES}:{EMFILE_FILES}"], check=True)
        deadline = time.monotonic() + LATE_SECONDS
        while True:
            with contextlib.suppress(OSError, ConnectionError):
                if Customer(registry.port).ask()[0] == 200:
                    break
            check(time.monotonic() < deadline, "it does not recover")
            time.sleep(0.1)


def rates(program, report):
    """A flood of look-ups is answered 429 with Retry-After, and no heartbeat suffers from it."""
    settings = {"RATE_LIMIT_CLIENT": "50", "RATE_LIMIT_CLIENT_HEARTBEATS": "500", "RATE_LIMIT_BURST": "1s"}
    with RunningRegistry(program, settings) as registry:
        customer = Customer(registry.port)
        body = b'{"service_name":"a","endpoint":{"type":"tcp","value":"a"}}'
        status, _, answer = customer.ask(
            b"POST /api/v1/instances HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        check(status == 201, f"registering was answered {status}")
        heartbeat = b"PUT /api/v1/instances/%s/heartbeat HTTP/1.1\r\nHost: a\r\n\r\n" % json.loads(answer)["id"].encode()
        refused = 0
        for _ in range(400):
            status, headers, _ = customer.ask()
            if status == 429:
                refused += 1
                check(int(headers["retry-after"]) >= 1, "429 without a time to come back")
            check(customer.ask(heartbeat)[0] == 200, "a heartbeat was refused for the look-ups' sake")
        check(refused > 200, f"{refused} of 400 look-ups were refused")
        check(customer.ask(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")[0] == 200, "a probe was refused")
        report["refused"] = f"{refused} of 400 look-ups, no heartbeat"


TRIALS = [idle, drip, never_read, never_read_in_all, pipeline, too_many, too_many_of_one, descriptors, rates]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--registry", default="bin/registry")
    arguments.add_argument("trials", nargs="*", help="names of the trials to run; all without")
    options = arguments.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most != resource.RLIM_INFINITY and most < IDLE_CONNECTIONS + 1_500:
        print(f"skipped: the limit on open files is {most}, too low for {IDLE_CONNECTIONS} connections")
        sys.exit(77)
    failures = 0
    for trial in TRIALS:
        if options.trials and trial.__name__ not in options.trials:
            continue
        report, began = {}, time.monotonic()
        try:
            trial(options.registry, report)
            verdict = "ok  "
        except (Failed, OSError) as error:
            failures += 1
            verdict = "FAIL"
            report["because"] = f"{type(error).__name__}: {error}"
        print(f"{verdict} {trial.__name__:<18} {time.monotonic() - began:5.1f} s  {trial.__doc__}", flush=True)
        for name, value in report.items():
            print(f"       {name}: {value}", flush=True)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
