#!/usr/bin/env python3
"""Has real clients of Eureka use the running registry: each registers, renews, is discovered, loses its server and leaves.

Usage: eureka_clients.py [--registry PATH] [--venv DIR]

The clients are py-eureka-client, eurekapy and flask-eureka-client, which are installed into the virtual environment when they are not there
yet, and Prometheus' eureka_sd_configs by way of promtool. Each client is a process of its own. Exits with 0 only when everything passed.
"""

import contextlib
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv

import checks
from running_registry import RunningRegistry

REQUIREMENTS = ["py-eureka-client==0.13.3", "eurekapy==1.0.0", "flask-eureka-client==1.0.2"]
WAIT_SECONDS = 30
PROMTOOL = "/usr/bin/promtool"
TOKEN = "tenant-a"

# Each registers with the server of its first argument as the application of its second, prints a line of JSON each time what it has discovered
# changes, and leaves when its input ends. The client has a lock of asyncio that it takes in two threads, and again while it holds it: it hangs
# when its server comes back, or it leaves, at the wrong moment. That is no matter of the server's, so the lock is taken out. Its heartbeats also
# go on after it has left, and register it again, so that its process ends at once. A lease outlasts WAIT_SECONDS: what leaves has said so.
KEIJACK = """
import contextlib, json, os, sys, threading
import {module}.eureka_client as eureka_client
server, app = sys.argv[1:]
eureka_client.init(eureka_server=server, eureka_context="", app_name=app, instance_host="127.0.0.1", instance_ip="127.0.0.1", instance_port=9090,
    renewal_interval_in_secs=1, duration_in_secs=90, metadata={{"zone": "eu", "my_key": "1"}})
client = eureka_client.get_client()
client._EurekaClient__net_lock = contextlib.nullcontext()
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
last = None
while not ended.wait(0.2):
    seen = sorted((a.name, i.instanceId, i.status) for a in client.applications.applications for i in a.instances)
    if seen != last:
        last = seen
        print(json.dumps(seen), flush=True)
eureka_client.stop()
os._exit(0)
"""
FLASK = """
import json, sys, threading
from flask_eureka.eurekaclient import EurekaClient
server, app = sys.argv[1:]
client = EurekaClient(app, eureka_url=server, host_name="127.0.0.1", port=9090, heartbeat_interval=1, data_center="MyOwn",
    service_path="eureka/apps")
client.start()
print("[]", flush=True)
sys.stdin.read()
client.stop()
"""


def python(options):
    """The interpreter of the virtual environment, with the clients."""
    program = options.venv / "bin" / "python"
    marker = options.venv / ".eureka-clients"
    if not marker.exists():
        venv.create(options.venv, symlinks=True, with_pip=True)
        subprocess.run([program, "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)
        marker.touch()
    return str(program)


class Client:
    """A client's process; `seen` is what it has discovered last."""

    def __init__(self, options, program, server, app):
        self.output = tempfile.NamedTemporaryFile()
        self.errors = tempfile.NamedTemporaryFile()
        self.process = subprocess.Popen(
            [python(options), "-c", program, server, app], stdin=subprocess.PIPE, stdout=open(self.output.name, "wb"),
            stderr=open(self.errors.name, "wb"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def seen(self):
        lines = pathlib.Path(self.output.name).read_text().splitlines()
        return [tuple(entry) for entry in json.loads(lines[-1])] if lines else None

    def leave(self):
        self.process.stdin.close()
        self.process.wait(timeout=WAIT_SECONDS)

    def last_words(self):
        return pathlib.Path(self.errors.name).read_text(errors="replace")[-2000:]


def wait(what, condition, client=None):
    """Waits until a condition holds; what it gives then."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"waited {WAIT_SECONDS} s in vain for {what}" + (f"; the client says:\n{client.last_words()}" if client else ""))


def ask(registry, path, method="GET", body=None, **headers):
    """The status and the body of an answer."""
    request = urllib.request.Request(registry.url + path, method=method, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def instance(registry, app, token=None):
    """The only instance of an application, as it is now; None without."""
    headers = {"Accept": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    status, body = ask(registry, f"/eureka/v2/apps/{urllib.request.quote(app)}", **headers)
    return json.loads(body)["application"]["instance"][0] if status == 200 else None


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def lives_its_life(options, program, app, server, settings=None, token=None, discovers=True, tail=""):
    """Registers, renews, is discovered, loses its server, and leaves."""
    port = str(free_port())
    settings = {"API_PORT": port, "MIN_TTL": "1s", **(settings or {})}
    with contextlib.ExitStack() as stack:
        registry = stack.enter_context(RunningRegistry(options.registry, settings))
        client = stack.enter_context(Client(options, program, server.format(port=port), app))
        first = wait("the registration", lambda: instance(registry, app, token), client)
        renewed = first["leaseInfo"]["lastRenewalTimestamp"]
        wait("a heartbeat", lambda: instance(registry, app, token)["leaseInfo"]["lastRenewalTimestamp"] > renewed + 1_500, client)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        status, _ = ask(registry, "/api/v1/services", **headers)
        assert status == 200
        if discovers:
            name = app.upper()
            wait("its own discovery", lambda: any(entry[0] == name and entry[2] == "UP" for entry in client.seen() or []), client)
            body = json.dumps({"service_name": "rest", "endpoint": {"type": "http", "value": "10.0.0.9:80"}, "ttl": 300}).encode()
            assert ask(registry, "/api/v1/instances", "POST", body, **{"Content-Type": "application/json"}, **headers)[0] == 201
            wait("an instance of the REST API", lambda: any(entry[0] == "REST" for entry in client.seen() or []), client)
            # A status that keeps the number of instances: what a client that trusts the hash code alone would miss.
            path = f"/eureka/v2/apps/{urllib.request.quote(app)}/{urllib.request.quote(first['instanceId'])}/status"
            assert ask(registry, path + "?value=OUT_OF_SERVICE", "PUT", **headers)[0] == 200
            wait("an override", lambda: any(entry[0] == name and entry[2] == "OUT_OF_SERVICE" for entry in client.seen() or []), client)
            assert ask(registry, path, "DELETE", **headers)[0] == 200
            wait("its end", lambda: any(entry[0] == name and entry[2] == "UP" for entry in client.seen() or []), client)
        registry.kill()
        registry = stack.enter_context(RunningRegistry(options.registry, settings))
        again = wait("another registration after the server was lost", lambda: instance(registry, app, token), client)
        renewed = again["leaseInfo"]["lastRenewalTimestamp"]
        wait("a heartbeat after it", lambda: instance(registry, app, token)["leaseInfo"]["lastRenewalTimestamp"] > renewed, client)
        client.leave()
        wait("the client's leave", lambda: instance(registry, app, token) is None)


def py_eureka_client_lives_its_life(options):
    lives_its_life(options, KEIJACK.format(module="py_eureka_client"), "my app_1", "http://127.0.0.1:{port}/eureka/v2")


def py_eureka_client_with_a_token_in_the_path(options):
    lives_its_life(
        options, KEIJACK.format(module="py_eureka_client"), "app-2", f"http://127.0.0.1:{{port}}/api/eureka/{TOKEN}/v2", {"AUTH_MODE": "trusted"},
        TOKEN)


def py_eureka_client_with_a_password(options):
    lives_its_life(
        options, KEIJACK.format(module="py_eureka_client"), "app-3", f"http://any:{TOKEN}@127.0.0.1:{{port}}/eureka", {"AUTH_MODE": "trusted"}, TOKEN)


def eurekapy_lives_its_life(options):
    lives_its_life(options, KEIJACK.format(module="eurekapy"), "app-4", "http://127.0.0.1:{port}/eureka/v2")


def flask_eureka_client_lives_its_life(options):
    lives_its_life(options, FLASK, "fl_app", "http://127.0.0.1:{port}/", discovers=False)


def prometheus_finds_instances_of_both_protocols(options):
    """Metadata keys that are no XML names included."""
    body = {"instance": {
        "instanceId": "i", "hostName": "10.0.0.1", "app": "PROM", "ipAddr": "10.0.0.1", "status": "UP", "port": {"$": 8080, "@enabled": "true"},
        "metadata": {"my_key": "1", "bad key": "2", "1k": "3", "a<b": "<&>"}}}
    with RunningRegistry(options.registry, {}) as registry, tempfile.TemporaryDirectory() as folder:
        kind = {"Content-Type": "application/json"}
        assert ask(registry, "/eureka/v2/apps/PROM", "POST", json.dumps(body).encode(), **kind)[0] == 204
        rest = {"service_name": "rest", "endpoint": {"type": "https", "value": "[::1]:8443"}, "ttl": 300}
        assert ask(registry, "/api/v1/instances", "POST", json.dumps(rest).encode(), **kind)[0] == 201
        configuration = pathlib.Path(folder) / "prometheus.yml"
        configuration.write_text(
            f"scrape_configs:\n- job_name: all\n  eureka_sd_configs:\n  - server: {registry.url}/eureka/v2\n")
        done = subprocess.run(
            [PROMTOOL, "check", "service-discovery", "--timeout=5s", str(configuration), "all"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        found = {entry["discoveredLabels"]["__address__"]: entry["discoveredLabels"] for entry in json.loads(done.stdout)}
        assert set(found) == {"10.0.0.1:8080", "[::1]:8443"}, found
        assert found["10.0.0.1:8080"]["__meta_eureka_app_instance_metadata_my__key"] == "1", found


def what_clients_do_reaches_a_peer(options):
    """A registry with EUREKA_PEERS tells another one, which is not there at first and knows nothing after a restart."""
    port = str(free_port())
    target = {"API_PORT": port, "AUTH_MODE": "trusted"}
    with RunningRegistry(options.registry, {"EUREKA_PEERS": f"http://any:{TOKEN}@127.0.0.1:{port}/eureka/v2"}) as source, contextlib.ExitStack() as stack:
        kind = {"Content-Type": "application/json"}
        rest = {"service_name": "rest", "endpoint": {"type": "http", "value": "10.0.0.9:80"}, "ttl": 300, "metadata": {"k": "v"}}
        status, body = ask(source, "/api/v1/instances", "POST", json.dumps(rest).encode(), **kind)
        assert status == 201
        name = json.loads(body)["id"]
        peer = stack.enter_context(RunningRegistry(options.registry, target))
        there = wait("the registration at the peer", lambda: instance(peer, "REST", TOKEN))
        assert there["instanceId"] == name and there["hostName"] == "10.0.0.9" and there["metadata"]["k"] == "v", there
        path = f"/eureka/v2/apps/REST/{name}"
        assert ask(source, path + "/status?value=OUT_OF_SERVICE", "PUT")[0] == 200
        wait("the override at the peer", lambda: instance(peer, "REST", TOKEN)["status"] == "OUT_OF_SERVICE")
        assert ask(source, path + "/status", "DELETE")[0] == 200
        wait("its end at the peer", lambda: instance(peer, "REST", TOKEN)["status"] == "UP")
        peer.kill()
        peer = stack.enter_context(RunningRegistry(options.registry, target))
        assert ask(source, f"/api/v1/instances/{name}/heartbeat", "PUT")[0] == 200
        wait("the registration after the peer's restart", lambda: instance(peer, "REST", TOKEN))
        assert ask(source, path, "DELETE")[0] == 200
        wait("the removal at the peer", lambda: instance(peer, "REST", TOKEN) is None)


if __name__ == "__main__":
    sys.exit(checks.run([
        py_eureka_client_lives_its_life, py_eureka_client_with_a_token_in_the_path, py_eureka_client_with_a_password, eurekapy_lives_its_life,
        flask_eureka_client_lives_its_life, what_clients_do_reaches_a_peer, prometheus_finds_instances_of_both_protocols,
    ], __doc__))
