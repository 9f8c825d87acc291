#!/usr/bin/env python3
"""Holds a running registry against clients that mean it ill, and sees that it goes on serving the others at once.

Each trial starts a registry of its own and attacks it from this process. Meanwhile a third process looks services up, all the
time, over a connection that stays and now and then over a new one. A trial prints how long those look-ups took before and during
the attack (median, 99th percentile, longest), what the registry's memory came to and what was left of that afterwards, and fails
when a bound is broken. The bounds hold on two cores that are busy with other things as well. Standard library only.
"""

import argparse
import contextlib
import json
import multiprocessing
import pathlib
import resource
import select
import socket
import statistics
import subprocess
import sys
import time

from running_registry import RunningRegistry

# The bound on the others' look-ups in every trial: their 99th percentile, stated in SECURITY.md.
LOOKUP_P99_SECONDS = 0.1
# How often the others look up, every how many times over a new connection, and for how long before the attack.
LOOKUP_PACE = 0.002
LOOKUPS_EACH_CONNECTION = 20
CALM_SECONDS = 0.5
# Beyond this a client has waited in vain, and the trial says for what.
LATE_SECONDS = 5
# Bounds on memory are on what the registry grew by.
IDLE_CONNECTIONS = 10_000
IDLE_KILOBYTES_EACH = 12
# Long enough to open them all before the first is closed.
IDLE_SECONDS = 15
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
PEAK_SECONDS = 1
EMFILE_FILES = 256
EMFILE_CLIENTS = 600
IDLE_CPU_SHARE = 0.25
RATE = 50
FLOOD_SECONDS = 3
# A tenant with long lists: how many instances it has, how many ask for its lists and for how long, and how often it changes, so that no list is
# kept. Beside it another one, whose instances send heartbeats three times in a TTL.
LONG_INSTANCES = 100_000
LONG_CLIENTS = 8
LONG_SECONDS = 25
LONG_CHANGE_SECONDS = 0.2
LONG_KILOBYTES = 450_000
INNOCENT = 40
INNOCENT_TTL = 10
PIPELINED = 250
REQUEST = b"GET /api/v1/services HTTP/1.1\r\nHost: a\r\n\r\n"
LISTING = b"GET /api/v1/instances HTTP/1.1\r\nHost: a\r\n\r\n"


class Failed(Exception):
    """A bound was broken; the text says which."""


def check(condition, text):
    if not condition:
        raise Failed(text)


@contextlib.contextmanager
def awaiting(what):
    """Says what was awaited when a socket gives up, is closed, or is reset."""
    try:
        yield
    except TimeoutError:
        raise Failed(f"{what}: nothing within {LATE_SECONDS} s") from None
    except ConnectionError as error:
        raise Failed(f"{what}: {error or type(error).__name__}") from None


class Customer:
    """A client that behaves."""

    def __init__(self, port, address="127.0.0.1"):
        with awaiting("a new connection"):
            self.connection = socket.create_connection(("127.0.0.1", port), timeout=LATE_SECONDS, source_address=(address, 0))
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request=REQUEST):
        with awaiting(f"the answer to {request[:40]!r}"):
            self.connection.sendall(request)
            return read_answer(self.connection)

    def close(self):
        self.connection.close()


def look_up(port, address, pace, renews, request, told):
    """The third process: looks up until it is told to end, then tells when each look-up began and how long it took."""
    samples, failure = [], None
    try:
        customer = Customer(port, address)
        while not told.poll(pace):
            began = time.monotonic()
            if renews and len(samples) % LOOKUPS_EACH_CONNECTION == LOOKUPS_EACH_CONNECTION - 1:
                fresh = Customer(port, address)
                status = fresh.ask(request)[0]
                fresh.close()
            else:
                status = customer.ask(request)[0]
            check(status == 200, f"a look-up was answered {status}")
            samples.append((began, time.monotonic() - began))
    except (Failed, OSError) as error:
        failure = f"another client, after {len(samples)} look-ups: {error}"
    told.send((samples, failure))


@contextlib.contextmanager
def served(registry, report, address="127.0.0.1", pace=LOOKUP_PACE, renews=True, request=REQUEST):
    """Has another process look up while the caller attacks, and holds what it met to the bound."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe()
    process = fork.Process(target=look_up, args=(registry.port, address, pace, renews, request, theirs), daemon=True)
    process.start()
    try:
        time.sleep(CALM_SECONDS)
        began = time.monotonic()
        yield
        ended = time.monotonic()
        ours.send("end")
        check(ours.poll(2 * LATE_SECONDS), "the process that looks up does not report")
        samples, failure = ours.recv()
    finally:
        process.kill()
        process.join()
    check(failure is None, failure)
    before = sorted(seconds for when, seconds in samples if when < began)
    during = sorted(seconds for when, seconds in samples if began <= when < ended)
    check(before and during, f"{len(before)} look-ups before and {len(during)} during the attack are not enough to judge by")
    p99 = during[len(during) * 99 // 100]
    report["look-ups"] = (
        f"median {statistics.median(before) * 1e6:.0f} us before, {statistics.median(during) * 1e6:.0f} us during; p99 of "
        f"{len(during)}: {p99 * 1e3:.1f} ms (bound {LOOKUP_P99_SECONDS * 1e3:.0f} ms), longest {during[-1] * 1e3:.1f} ms")
    check(p99 < LOOKUP_P99_SECONDS, f"a hundredth of the others' look-ups took {p99 * 1e3:.0f} ms and more")


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
    # Not put together anew with each piece: a list may have thirty million bytes.
    length, body = int(headers.get("content-length", 0)), bytearray(body)
    while len(body) < length:
        data = connection.recv(1 << 20)
        if not data:
            raise ConnectionError("closed within the answer")
        body += data
    return int(lines[0].split()[1]), headers, bytes(body)


def open_many(port, count, receive_buffer=None):
    connections = []
    for number in range(count):
        connection = socket.socket()
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(LATE_SECONDS)
        with awaiting(f"connection {number + 1} of {count}"):
            connection.connect(("127.0.0.1", port))
        connections.append(connection)
    return connections


def open_served(port, count):
    """So many connections that are let in; each is tried again while one that ended is still counted."""
    customers = []
    deadline = time.monotonic() + LATE_SECONDS
    while len(customers) < count:
        customer = Customer(port)
        if customer.ask()[0] == 200:
            customers.append(customer)
        else:
            customer.close()
            check(time.monotonic() < deadline, f"connection {len(customers) + 1} of {count} is not let in")
            time.sleep(0.05)
    return customers


def close_all(connections):
    for connection in connections:
        connection.close()


def metric(registry, name):
    """The sample of this name and labels."""
    with awaiting(f"/metrics, for {name}"):
        connection = registry.connect(timeout=LATE_SECONDS)
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


def peak_memory(registry):
    """The most that it holds within a second."""
    deadline, most = time.monotonic() + PEAK_SECONDS, 0
    while time.monotonic() < deadline:
        most = max(most, registry.resident_kilobytes())
        time.sleep(0.02)
    return most


def idle(program, report):
    """10,000 connections that say nothing."""
    with RunningRegistry(program, {"IDLE_TIMEOUT": f"{IDLE_SECONDS}s"}) as registry:
        empty = registry.resident_kilobytes()
        with served(registry, report):
            began = time.monotonic()
            idle_connections = open_many(registry.port, IDLE_CONNECTIONS)
            await_metric(registry, "a8registry_open_connections", IDLE_CONNECTIONS, LATE_SECONDS)
            took = time.monotonic() - began
            full = registry.resident_kilobytes()
            check(took < IDLE_SECONDS, f"opening them took {took:.1f} s, and the first were closed meanwhile")
            report["memory"] = f"{empty} KB, with {IDLE_CONNECTIONS} connections {full} KB"
            check(full - empty < IDLE_CONNECTIONS * IDLE_KILOBYTES_EACH, f"they cost {(full - empty) / IDLE_CONNECTIONS:.1f} KB each")
            received = await_ended(idle_connections, IDLE_SECONDS + 2 * LATE_SECONDS)
        check(not any(received), "an idle connection was sent something")
        close_all(idle_connections)
        expect_returned(registry, empty, report)


def expect_returned(registry, empty, report):
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
    with RunningRegistry(program, settings) as registry, served(registry, report):
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
        with served(registry, report):
            empty = registry.resident_kilobytes()
            connections = open_many(registry.port, NEVER_READING, receive_buffer=4096)
            for connection in connections:
                with awaiting("requests to be taken"):
                    connection.sendall(LISTING * 100)
            peak = peak_memory(registry)
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
                check(time.monotonic() < deadline, f"more than {bound} bytes still wait")
                time.sleep(0.1)
            close_all(connections)
        expect_returned(registry, empty, report)


def never_read_in_all(program, report):
    """The same where what waits for all of them is bounded."""
    never_read(program, report, total=TOTAL_BYTES)


def pipeline(program, report):
    """Clients that send requests without end and read nothing: what is read ahead is bounded."""
    with RunningRegistry(program, {"ANSWER_TIMEOUT": "30s"}) as registry:
        fill(registry)
        with served(registry, report):
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
            peak = peak_memory(registry)
            report["memory"] = f"{empty} KB, after {sent >> 10} KB of requests {peak} KB"
            check(peak - empty < 50 * (2 * ANSWER_KILOBYTES + 512), f"{(peak - empty) / 50:.0f} KB for each client")
            close_all(connections)


def too_many(program, report):
    """Over MAX_CONNECTIONS a client is told so, and the others are served."""
    with RunningRegistry(program, {"MAX_CONNECTIONS": "100"}) as registry, served(registry, report, renews=False):
        began = time.monotonic()
        customers = open_served(registry.port, 99)
        late = []
        for _ in range(1_000):
            # Some are closed so soon that the client learns of it while it still connects.
            with contextlib.suppress(Failed):
                late += open_many(registry.port, 1)
        told = 0
        for data in await_ended(late, 2 * LATE_SECONDS):
            told += data.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: " in data
        check(told >= 256, f"only {told} of 1000 were told 503")
        check(customers[-1].ask()[0] == 200, "the hundredth connection is not served any more")
        close_all(late + customers)
        open_served(registry.port, 1)[0].close()
        refused = metric(registry, 'a8registry_connections_refused_total{reason="connections"}')
        check(refused >= len(late), f"{refused} refusals counted, and {len(late)} met with")
        deadline = time.monotonic() + LATE_SECONDS
        while not (lines := [line for line in registry.log.read_text().splitlines() if "connections refused" in line]):
            check(time.monotonic() < deadline, "no line in the log")
            time.sleep(0.1)
        check(len(lines) <= time.monotonic() - began + 2, f"{len(lines)} lines in the log, where one a second is allowed")
        report["told 503"] = f"{told} of 1000, in {len(lines)} log lines"


def too_many_of_one(program, report):
    """MAX_CONNECTIONS_PER_CLIENT holds for an address and lets the others in."""
    settings = {"MAX_CONNECTIONS_PER_CLIENT": "5", "LISTEN_ADDRESS": "0.0.0.0"}
    with RunningRegistry(program, settings) as registry, served(registry, report, address="127.0.0.2"):
        # Each loop accepts for itself: a sixth connection might else be counted before a fifth.
        customers = open_served(registry.port, 5)
        deadline, refused = time.monotonic() + FLOOD_SECONDS, 0
        while time.monotonic() < deadline:
            late = open_many(registry.port, 3)
            for data in await_ended(late, LATE_SECONDS):
                check(data.startswith(b"HTTP/1.1 503 "), f"a sixth connection got {data[:40]!r}")
            refused += len(late)
            close_all(late)
        check(all(customer.ask()[0] == 200 for customer in customers), "one of the first five is not served any more")
        report["refused"] = f"{refused} connections of a client that had five, none of another"


def limited(start, files):
    """Starts the registry with so many descriptors."""
    original = subprocess.Popen
    subprocess.Popen = lambda command, **keywords: original(["prlimit", f"--nofile={files}:{files}", *command], **keywords)
    try:
        return start()
    finally:
        subprocess.Popen = original


def descriptors(program, report):
    """Without a free descriptor the processor rests, those who are in are served, and those who are not are told."""
    # More are let in than there are descriptors for: half of the limit is kept for other files, and the loops take some.
    settings = {"MAX_CONNECTIONS": "100000", "LOOPS": "2"}
    registry = limited(lambda: RunningRegistry(program, settings), EMFILE_FILES)
    with registry, served(registry, report, pace=0.01, renews=False):
        customer = Customer(registry.port)
        check(customer.ask()[0] == 200, "not served")
        # The limit falls under what is open, as when files of somebody else fill the table.
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
            with contextlib.suppress(OSError, Failed):
                if Customer(registry.port).ask()[0] == 200:
                    break
            check(time.monotonic() < deadline, f"nobody new is served {LATE_SECONDS} s after descriptors are free again")
            time.sleep(0.1)


def rates(program, report):
    """A flood of look-ups is answered 429 with Retry-After, and no heartbeat suffers from it."""
    settings = {
        "RATE_LIMIT_CLIENT": str(RATE), "RATE_LIMIT_CLIENT_HEARTBEATS": "100000", "RATE_LIMIT_BURST": "1s", "LISTEN_ADDRESS": "0.0.0.0"}
    # The other client keeps well below its own allowance.
    with RunningRegistry(program, settings) as registry, served(registry, report, address="127.0.0.2", pace=2 / RATE):
        customer = Customer(registry.port)
        body = b'{"service_name":"a","endpoint":{"type":"tcp","value":"a"}}'
        status, _, answer = customer.ask(
            b"POST /api/v1/instances HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        check(status == 201, f"registering was answered {status}")
        heartbeat = b"PUT /api/v1/instances/%s/heartbeat HTTP/1.1\r\nHost: a\r\n\r\n" % json.loads(answer)["id"].encode()
        asked, granted, began = 0, 0, time.monotonic()
        while (lasted := time.monotonic() - began) < FLOOD_SECONDS:
            status, headers, _ = customer.ask()
            asked += 1
            granted += status == 200
            check(status in (200, 429), f"a look-up was answered {status}")
            check(status == 200 or int(headers["retry-after"]) >= 1, "429 without a time to come back")
            check(customer.ask(heartbeat)[0] == 200, "a heartbeat was refused for the look-ups' sake")
        # The burst, and what was earned since.
        check(granted <= RATE * (lasted + 2), f"{granted} look-ups were granted in {lasted:.1f} s at {RATE} a second")
        check(asked - granted > 0, f"the flood was none: {asked} look-ups in {lasted:.1f} s")
        check(customer.ask(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")[0] == 200, "a probe was refused")
        report["refused"] = f"{asked - granted} of {asked} look-ups, no heartbeat"


def bearing(token, method, target, body=None, *headers):
    """A request of a tenant."""
    lines = [f"{method} {target} HTTP/1.1", "Host: a", f"Authorization: Bearer {token}", *headers]
    data = json.dumps(body).encode() if body is not None else b""
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def register_long(port, numbers):
    """Registers instances of the tenant with long lists, many at a time on one connection."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=LATE_SECONDS)
    numbers = list(numbers)
    for start in range(0, len(numbers), PIPELINED):
        batch = numbers[start:start + PIPELINED]
        connection.sendall(b"".join(
            bearing("greedy", "POST", "/api/v1/instances", {
                "service_name": f"s{number % 50}", "endpoint": {"type": "http", "value": f"192.0.2.1:{number}"}, "ttl": 600,
                "tags": [f"tag-{number % 7}", f"some-longer-tag-{number}"]}) for number in batch))
        got = b""
        while got.count(b"HTTP/1.1 ") < len(batch) or not got.endswith(b"}"):
            with awaiting("registrations to be answered"):
                got += connection.recv(1 << 20)
        check(got.count(b"HTTP/1.1 201") == len(batch), "a registration was refused")
    connection.close()


def ask_for_long_lists(port, number, told):
    """One of the greedy: asks for long lists as fast as it gets them; a quarter of them reads none of it and comes back."""
    targets = ["/api/v1/instances?status=ALL", "/api/v1/instances?status=ALL&fields=id,tags,links", f"/api/v1/instances?tags=tag-{number % 7}",
               "/api/v1/instances", "/api/v1/services", "/api/v1/services/s1"]
    counts, failure = {}, None
    try:
        customer, turn = None, number
        while not told.poll(0):
            if customer is None:
                customer = Customer(port)
                customer.connection.settimeout(90)
            turn += 1
            request = bearing("greedy", "GET", targets[turn % len(targets)], None, "Accept-Encoding: gzip" if turn % 3 else "Accept: a/b")
            if number % 4 == 0:
                customer.connection.sendall(request)
                time.sleep(0.2)
                customer.close()
                customer = None
                continue
            status, headers, _ = customer.ask(request)
            counts[status] = counts.get(status, 0) + 1
            check(status != 503 or "retry-after" in headers, "503 without a time to come back")
    except (Failed, OSError) as error:
        failure = f"a greedy client: {error}"
    told.send((counts, failure))


def send_heartbeats(port, told):
    """The innocent tenant: 40 instances with a TTL of 10 s, each renewed every 3.3 s; tells how its heartbeats were answered."""
    counts, slowest, failure = {}, 0, None
    try:
        customer = Customer(port)
        ids = []
        for number in range(INNOCENT):
            status, _, answer = customer.ask(bearing("innocent", "POST", "/api/v1/instances", {
                "service_name": "a", "endpoint": {"type": "tcp", "value": f"{number}"}, "ttl": INNOCENT_TTL}))
            check(status == 201, f"registering was answered {status}")
            ids.append(json.loads(answer)["id"])
        due = [time.monotonic() + number * INNOCENT_TTL / 3 / INNOCENT for number in range(INNOCENT)]
        while not told.poll(0.01):
            for number, id in enumerate(ids):
                if due[number] <= time.monotonic():
                    began = time.monotonic()
                    status = customer.ask(bearing("innocent", "PUT", f"/api/v1/instances/{id}/heartbeat"))[0]
                    slowest = max(slowest, time.monotonic() - began)
                    counts[status] = counts.get(status, 0) + 1
                    due[number] += INNOCENT_TTL / 3
    except (Failed, OSError) as error:
        failure = f"the innocent tenant: {error}"
    told.send((counts, slowest, failure))


@contextlib.contextmanager
def beside(*works):
    """Runs functions in processes of their own; they are told to end by `reports`, which returns what they tell."""
    fork = multiprocessing.get_context("fork")
    running = []
    try:
        for function, *arguments in works:
            ours, theirs = fork.Pipe()
            process = fork.Process(target=function, args=(*arguments, theirs), daemon=True)
            process.start()
            running.append((process, ours))

        def reports():
            for _, ours in running:
                ours.send("end")
            for _, ours in running:
                check(ours.poll(100), "a process of the trial does not report")
            return [ours.recv() for _, ours in running]
        yield reports
    finally:
        for process, _ in running:
            process.kill()
            process.join()


def long_lists(program, report):
    """A tenant has a list of 100,000 instances made, filtered and compressed again and again; another's instances live on."""
    settings = {"AUTH_MODE": "trusted", "MAX_TTL": "10m"}
    with RunningRegistry(program, settings) as registry:
        register_long(registry.port, range(LONG_INSTANCES))
        full = registry.resident_kilobytes()
        look_up_innocent = bearing("innocent", "GET", "/api/v1/services")
        greedy = [(ask_for_long_lists, registry.port, number) for number in range(LONG_CLIENTS)]
        with beside((send_heartbeats, registry.port)) as innocent, served(registry, report, request=look_up_innocent), beside(*greedy) as asked:
            deadline, changed, most = time.monotonic() + LONG_SECONDS, LONG_INSTANCES, 0
            while time.monotonic() < deadline:
                register_long(registry.port, [changed])
                changed += 1
                most = max(most, registry.resident_kilobytes())
                time.sleep(LONG_CHANGE_SECONDS)
            lag = max(metric(registry, f'a8registry_loop_lag_seconds{{loop="{loop}"}}') for loop in [0])
            counts = {}
            for told, failure in asked():
                check(failure is None, failure)
                for status, count in told.items():
                    counts[status] = counts.get(status, 0) + count
            (beats, slowest, failure), = innocent()
        report["long lists"] = f"{counts}; lag at the end {lag * 1e3:.1f} ms"
        report["heartbeats"] = f"{beats}, the slowest {slowest * 1e3:.0f} ms"
        report["memory"] = f"{full} KB with {LONG_INSTANCES} instances, {most} KB while their lists were made"
        check(failure is None, failure)
        check(set(beats) == {200}, f"heartbeats were answered {beats}")
        check(counts.get(200, 0) > LONG_CLIENTS and set(counts) <= {200, 503}, f"long lists were answered {counts}")
        check(most - full < LONG_KILOBYTES, f"long lists cost {most - full} KB, and may cost {LONG_KILOBYTES} KB")
        expect_returned_after_lists(registry, full, report)


def expect_returned_after_lists(registry, full, report):
    """What was rendered is kept for others, within its bound; the rest comes back."""
    bound = full + (128 << 10) + 2 * RETURNED_KILOBYTES
    left = await_memory(registry, bound, seconds=30)
    report["memory"] += f", afterwards {left} KB"
    check(left < bound, f"{left - full} KB were not given back")


TRIALS = [idle, drip, long_lists, never_read, never_read_in_all, pipeline, too_many, too_many_of_one, descriptors, rates]


def main(trials, description):
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("--registry", default="bin/registry")
    arguments.add_argument("trials", nargs="*", help="names of the trials to run; all without")
    options = arguments.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most != resource.RLIM_INFINITY and most < IDLE_CONNECTIONS + 1_500:
        print(f"skipped: the limit on open files is {most}, too low for {IDLE_CONNECTIONS} connections")
        sys.exit(77)
    failures = 0
    for trial in trials:
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
    main(TRIALS, __doc__)
