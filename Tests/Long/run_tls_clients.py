#!/usr/bin/env python3
"""Has strict TLS clients end connections with the registry in every way there is, and sees that each end is a clean one.

Usage: run_tls_clients.py [--registry PATH]

A TLS connection that ends without close_notify looks like one that was cut, and openssl s_client, curl and Python's ssl say so.
Each goes through TLS 1.2 and 1.3: the client asks for the end, leaves by itself, or the server ends it (a refusal, an idle
connection, a stop, a stop in the middle of an answer). Certificates are checked as strictly as the clients can. Standard library,
openssl and curl only; exits with 0 when every end was clean.
"""

import argparse
import json
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

from running_registry import RunningRegistry, StartFailed

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PATIENCE_SECONDS = 20
IDLE_SECONDS = 1
INSTANCES = 2_000
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
REQUEST = "GET /api/v1/services HTTP/1.1\r\nHost: localhost\r\n{}\r\n"
CLOSING = REQUEST.format("Connection: close\r\n")
LISTING = "GET /api/v1/instances HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Failed(Exception):
    """An end was not clean, or something else than an answer came; the text says what."""


def check(condition, text):
    if not condition:
        raise Failed(text)


class Port:
    """The TLS port of a running registry, and what a client has to know of it."""

    def __init__(self, registry, folder):
        self.registry = registry
        self.number = int(dict(line.split() for line in (registry.folder / "ports").read_text().splitlines())["https"])
        self.authority = f"{folder}/ca.pem"

    def connect(self, version, receive_buffer=None):
        """Python's ssl at its strictest: RFC 5280 to the letter, and an end without close_notify is an error."""
        context = ssl.create_default_context(cafile=self.authority)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.minimum_version = context.maximum_version = VERSIONS[version]
        context.set_alpn_protocols(["http/1.1"])
        plain = socket.socket()
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.settimeout(PATIENCE_SECONDS)
        plain.connect(("127.0.0.1", self.number))
        connection = context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False)
        check(connection.selected_alpn_protocol() == "http/1.1", f"ALPN chose {connection.selected_alpn_protocol()}")
        return connection


def read_to_end(connection):
    """All that comes before a clean end."""
    received = b""
    while data := connection.recv(65536):
        received += data
    return received


def read_answer(connection, received=b""):
    while b"\r\n\r\n" not in received:
        data = connection.recv(65536)
        check(data, f"the end came in the head: {received[:200]!r}")
        received += data
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(next(line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")))
    while len(body) < length:
        data = connection.recv(65536)
        check(data, f"the end came after {len(body)} of {length} bytes")
        body += data
    return head, body


def python_asks_for_the_end(port, version):
    with port.connect(version) as connection:
        connection.sendall(CLOSING.encode())
        check(read_to_end(connection).startswith(b"HTTP/1.1 200 "), "no 200")
        connection.unwrap().close()


def python_leaves(port, version):
    with port.connect(version) as connection:
        connection.sendall(REQUEST.format("").encode())
        read_answer(connection)
        # Says close_notify, and waits for the server's.
        connection.unwrap().close()


def python_is_refused(port, version):
    with port.connect(version) as connection:
        connection.sendall(b"GET / HTTP/1.1\nHost: localhost\n\n")
        check(read_to_end(connection).startswith(b"HTTP/1.1 400 "), "no 400")


def python_says_nothing(port, version):
    with port.connect(version) as connection:
        check(read_to_end(connection) == b"", "an idle connection was sent something")


def python_falls_silent(port, version):
    with port.connect(version) as connection:
        connection.sendall(REQUEST.format("").encode())
        read_answer(connection)
        check(read_to_end(connection) == b"", "an idle connection was sent something")


def s_client(port, version):
    """openssl s_client: reads to the end, and reports one that is not clean as an error."""
    program = ["openssl", "s_client", "-connect", f"127.0.0.1:{port.number}", "-servername", "localhost", "-CAfile", port.authority,
               "-verify_return_error", "-verify_hostname", "localhost", "-x509_strict", "-alpn", "http/1.1", "-ign_eof",
               "-tls" + version.replace(".", "_")]
    run = subprocess.run(program, input=CLOSING, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    both = run.stdout + run.stderr
    check(run.returncode == 0, f"openssl s_client ends with {run.returncode}: {run.stderr.strip()}")
    check("HTTP/1.1 200 " in run.stdout, f"no 200: {both}")
    check("Verify return code: 0 (ok)" in both, "the certificate is not verified")
    check("error" not in run.stderr.lower() and "unexpected eof" not in both.lower(), f"not a clean end: {run.stderr.strip()}")


def curl(port, version):
    """curl, which keeps the connection for a second request, then with one that ends it."""
    url = f"https://localhost:{port.number}/api/v1/services"
    for header in [], ["-H", "Connection: close"]:
        run = subprocess.run(
            ["curl", "--silent", "--show-error", "--fail", "--verbose", "--cacert", port.authority, "--noproxy", "*",
             "--resolve", f"localhost:{port.number}:127.0.0.1", f"--tlsv{version}", "--tls-max", version, "--max-time", str(PATIENCE_SECONDS),
             *header, url, url],
            capture_output=True, text=True, timeout=2 * PATIENCE_SECONDS)
        check(run.returncode == 0, f"curl ends with {run.returncode}: {run.stderr[-500:]}")
        words = run.stderr.lower()
        check("unexpected eof" not in words, f"curl complains: {run.stderr[-500:]}")


def python_is_stopped(port, version):
    """An idle connection, and one in the middle of a large answer, when the registry stops."""
    idle = port.connect(version)
    idle.sendall(REQUEST.format("").encode())
    read_answer(idle)
    busy = port.connect(version, receive_buffer=4_096)
    busy.sendall(LISTING.encode())
    begun = busy.recv(1)
    port.registry.process.send_signal(signal.SIGTERM)
    check(read_to_end(idle) == b"", "an idle connection was sent something")
    _, body = read_answer(busy, begun)
    check(len(json.loads(body)["instances"]) == INSTANCES, "not all instances")
    check(read_to_end(busy) == b"", "something behind the answer")
    code = port.registry.process.wait(PATIENCE_SECONDS)
    check(code == 0, f"the registry ended with {code}")


def fill(registry):
    connection = registry.connect()
    for number in range(INSTANCES):
        body = {"service_name": "a", "endpoint": {"type": "http", "value": f"192.0.2.1:{number}"}, "metadata": "x" * 200}
        connection.request("POST", "/api/v1/instances", json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        check(answer.status == 201, f"registering was answered {answer.status}")
    connection.close()


SCENES = [python_asks_for_the_end, python_leaves, python_is_refused, python_says_nothing, python_falls_silent, s_client, curl]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--registry", default="bin/registry")
    options = parser.parse_args()
    failures = 0

    def run(scene, port, version):
        nonlocal failures
        began = time.monotonic()
        try:
            scene(port, version)
            verdict, because = "ok  ", ""
        except (Failed, OSError, subprocess.SubprocessError) as error:
            failures += 1
            verdict, because = "FAIL", f": {type(error).__name__}: {error}"
        print(f"{verdict} TLS {version}  {scene.__name__:<24} {time.monotonic() - began:4.1f} s{because}", flush=True)

    for tool in ("openssl", "curl"):
        if not shutil.which(tool):
            print(f"skipped: there is no {tool}")
            return 77
    with tempfile.TemporaryDirectory(prefix="registry-tls-") as folder:
        subprocess.run([options.registry, "dev-cert", folder], check=True, stdout=subprocess.DEVNULL)
        settings = {
            "HTTPS_PORT": "0", "TLS_CERT": f"{folder}/server.pem", "TLS_KEY": f"{folder}/server-key.pem", "DEFAULT_TTL": "2m",
            "IDLE_TIMEOUT": f"{IDLE_SECONDS}s"}
        try:
            with RunningRegistry(options.registry, settings) as registry:
                for version in VERSIONS:
                    for scene in SCENES:
                        run(scene, Port(registry, folder), version)
            for version in VERSIONS:
                with RunningRegistry(options.registry, settings) as registry:
                    fill(registry)
                    run(python_is_stopped, Port(registry, folder), version)
        except StartFailed as failure:
            print(failure, file=sys.stderr)
            return 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
