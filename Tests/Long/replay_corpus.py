#!/usr/bin/env python3
"""Sends every line of Tests/Corpus/requests.jsonl to a live registry: its exact statuses, and whether the connection closes.

Each line goes over a connection of its own, once whole and once cut in two, plain or (with --tls) over TLS. Without --at, a
registry is started for it. A line that is not answered whole waits for the server's header deadline, which is set short.
"""

import argparse
import concurrent.futures
import json
import pathlib
import random
import socket
import ssl
import subprocess
import sys
import tempfile
import time

from running_registry import RunningRegistry

CORPUS = pathlib.Path(__file__).resolve().parent.parent / "Corpus" / "requests.jsonl"
ANSWER_SECONDS = 10
# How long a connection that is to stay open is watched.
OPEN_SECONDS = 0.3
# The server's deadlines for this test, and how late it may be in keeping them.
HEADER_SECONDS = 2
SLACK_SECONDS = 3
WORKERS = 16
SEED = 7


def raw(value):
    """The bytes of a line, as the corpus's README describes them."""
    if isinstance(value, str):
        return value.encode("latin-1")
    if len(value) == 2 and isinstance(value[1], int):
        return value[0].encode("latin-1") * value[1]
    return b"".join(raw(piece) for piece in value)


class Ended(Exception):
    pass


class Answers:
    """Reads responses off a connection, one status after another."""

    def __init__(self, connection):
        self.connection = connection
        self.buffer = b""

    def more(self):
        try:
            data = self.connection.recv(65536)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError) as error:
            raise Ended(repr(error)) from None
        if not data:
            raise Ended("closed")
        self.buffer += data

    def next(self, bodiless):
        """One final answer: (status, headers). Interim ones are skipped; `bodiless` says that it answers HEAD."""
        while True:
            while b"\r\n\r\n" not in self.buffer:
                self.more()
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            status = int(lines[0].split()[1])
            headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
            if status == 100:
                continue
            length = 0 if bodiless or status in (204, 304) else int(headers["content-length"])
            while len(self.buffer) < length:
                self.more()
            body, self.buffer = self.buffer[:length], self.buffer[length:]
            if status >= 400 and not bodiless:
                assert "Error" in json.loads(body), f"an error without its sentence: {body!r}"
            return status, headers


def connect(address, context):
    connection = socket.create_connection(address, timeout=ANSWER_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(connection, server_hostname="localhost") if context else connection


def send(connection, pieces):
    """Sends until it is done or the server has had enough; what it says of that is read afterwards."""
    try:
        for index, piece in enumerate(pieces):
            if index:
                time.sleep(0.02)
            connection.sendall(piece)
    except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
        pass


def closes(answers, seconds):
    answers.connection.settimeout(seconds)
    try:
        answers.more()
    except Ended:
        return True
    except TimeoutError:
        return False
    raise AssertionError(f"bytes behind the last answer: {answers.buffer[:80]!r}")


def replay(case, address, context, pieces):
    """None, or what differed."""
    unfinished = case["refusal"] is None and not case["answers"]
    expected = [408] if unfinished else case["answers"]
    heads = [line.startswith("HEAD ") for line in raw(case["bytes"]).decode("latin-1").split("\r\n") if " HTTP/1." in line]
    with connect(address, context) as connection:
        send(connection, pieces)
        answers = Answers(connection)
        seen = []
        try:
            for index in range(len(expected)):
                is_refusal = (unfinished or case["refusal"] is not None) and index == len(expected) - 1
                bodiless = index < len(heads) and heads[index]
                status, headers = answers.next(bodiless)
                seen.append(status)
                if is_refusal and headers.get("connection") != "close":
                    return f"the refusal does not say Connection: close: {headers}"
        except Ended as ended:
            return f"expected {expected}, got {seen}, then {ended}"
        except TimeoutError:
            return f"expected {expected}, got {seen}, then nothing"
        if seen != expected:
            return f"expected {expected}, got {seen}"
        should_close = unfinished or case["closes"]
        if closes(answers, ANSWER_SECONDS if should_close else OPEN_SECONDS) != should_close:
            return f"the connection {'stayed open' if should_close else 'was closed'}"
    return None


def cut(data, generator):
    if len(data) < 2:
        return [data]
    at = generator.randrange(1, len(data))
    return [data[:at], data[at:]]


def replay_all(address, context):
    """The lines that differed, as (name, how, what)."""
    generator = random.Random(SEED)
    cases = [json.loads(line) for line in CORPUS.read_text().splitlines()]
    jobs = []
    for case in cases:
        data = raw(case["bytes"])
        jobs.append((case, "whole", [data]))
        jobs.append((case, "in two", cut(data, generator)))

    def run(job):
        case, how, pieces = job
        try:
            return case["name"], how, replay(case, address, context, pieces)
        except (AssertionError, OSError, ValueError, KeyError) as error:
            return case["name"], how, f"{type(error).__name__}: {error}"

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        return len(jobs), [outcome for outcome in pool.map(run, jobs) if outcome[2]]


def insecure_context():
    """A test's own certificate need not be one that the machine trusts."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--registry", default="bin/registry")
    arguments.add_argument("--at", metavar="HOST:PORT", help="a running registry, with HEADER_TIMEOUT and REQUEST_TIMEOUT of 2s")
    arguments.add_argument("--tls", action="store_true", help="over TLS")
    options = arguments.parse_args()
    if options.at:
        host, _, port = options.at.rpartition(":")
        count, failures = replay_all((host, int(port)), insecure_context() if options.tls else None)
    elif options.tls:
        with tempfile.TemporaryDirectory(prefix="registry-tls-") as folder:
            subprocess.run([options.registry, "dev-cert", folder], check=True, stdout=subprocess.DEVNULL)
            settings = {
                "HEADER_TIMEOUT": f"{HEADER_SECONDS}s", "REQUEST_TIMEOUT": f"{HEADER_SECONDS}s", "HTTPS_PORT": "0",
                "TLS_CERT": f"{folder}/server.pem", "TLS_KEY": f"{folder}/server-key.pem"}
            with RunningRegistry(options.registry, settings) as registry:
                port = dict(line.split() for line in (registry.folder / "ports").read_text().splitlines())["https"]
                count, failures = replay_all(("127.0.0.1", int(port)), insecure_context())
    else:
        settings = {"HEADER_TIMEOUT": f"{HEADER_SECONDS}s", "REQUEST_TIMEOUT": f"{HEADER_SECONDS}s"}
        with RunningRegistry(options.registry, settings) as registry:
            count, failures = replay_all(("127.0.0.1", registry.port), None)
    for name, how, what in failures:
        print(f"FAIL {name} ({how}): {what}")
    print(f"{count - len(failures)} of {count} replays as the corpus says")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
