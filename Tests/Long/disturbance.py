"""What tests of sources have in common: a registry whose look-ups are measured while one of its sources misbehaves."""

import json
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time

from running_registry import RunningRegistry

QUIET_SECONDS = 5
# A loop shares two cores with the clients of the test, the servers that it plays and the source's own thread.
P99_MS, TIMES_QUIET = 20, 5
WAIT_SECONDS = 90
# What a registry may take beside what its source has: an answer that is being read, and its parts.
MEMORY_MIB = 1_200


class Asker(threading.Thread):
    """Asks for one list again and again, and keeps how long each answer took."""

    def __init__(self, registry):
        super().__init__(daemon=True)
        self.registry, self.taken, self.failures, self.ended = registry, [], [], threading.Event()

    def run(self):
        connection = self.registry.connect()
        while not self.ended.is_set():
            begun = time.perf_counter()
            connection.request("GET", "/api/v1/services/own")
            answer = connection.getresponse()
            body = answer.read()
            self.taken.append((time.perf_counter() - begun) * 1e3)
            if answer.status != 200 or b"10.0.0.1:1" not in body:
                self.failures.append(f"{answer.status} {body[:200]!r}")
            time.sleep(0.001)

    def p99(self, since=0):
        taken = sorted(self.taken[since:])
        return taken[int(len(taken) * 0.99)] if taken else 0.0

    def end(self):
        self.ended.set()
        self.join(WAIT_SECONDS)


def ask(registry, path, method="GET", body=None, headers=None):
    connection = registry.connect(timeout=WAIT_SECONDS)
    connection.request(method, path, body, {**({"Content-Type": "application/json"} if body else {}), **(headers or {})})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def status(registry, name):
    """How a source stands."""
    catalogs = json.loads(ask(registry, "/api/v1/catalogs")[1])["catalogs"]
    return next(catalog for catalog in catalogs if catalog["name"] == name)


def wait(what, condition, seconds=WAIT_SECONDS, state=None):
    """Waits until a condition holds; returns what it gives then. `state` tells what there is instead when it never does."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}" + (f"; there is {state()}" if state else ""))
        time.sleep(0.05)


def services(registry):
    return json.loads(ask(registry, "/api/v1/services")[1])["services"]


class Certificates:
    """A certificate for 127.0.0.1, the authority that has signed it, and another that has not."""

    def __init__(self, options):
        self.folder = tempfile.TemporaryDirectory(prefix="certificates-")
        own, other = (pathlib.Path(self.folder.name) / name for name in ("own", "other"))
        for folder in (own, other):
            folder.mkdir()
            subprocess.run([options.registry, "dev-cert", folder], check=True, stdout=subprocess.DEVNULL)
        self.certificate, self.key = own / "server.pem", own / "server-key.pem"
        self.together = own / "together.pem"
        self.together.write_text(self.certificate.read_text() + self.key.read_text())
        self.right, self.wrong = own / "ca.pem", other / "ca.pem"
        # What the registry is given; it is replaced as files of secrets are, by another name that takes its place.
        self.given = pathlib.Path(self.folder.name) / "ca.pem"

    def give(self, authority):
        new = self.given.with_suffix(".new")
        shutil.copy(authority, new)
        new.rename(self.given)


class Undisturbed:
    """A registry with one instance of its own, whose look-ups are measured."""

    # Of the first run, in milliseconds.
    bound = None

    def __init__(self, options, settings, memory_mib=MEMORY_MIB):
        self.memory_mib = memory_mib
        self.registry = RunningRegistry(options.registry, {"MAX_TTL": "1h", **settings})
        body = json.dumps({"service_name": "own", "endpoint": {"type": "http", "value": "10.0.0.1:1"}, "ttl": 3600})
        assert ask(self.registry, "/api/v1/instances", "POST", body)[0] == 201
        self.asker = Asker(self.registry)
        self.asker.start()

    def __enter__(self):
        if Undisturbed.bound is None:
            time.sleep(QUIET_SECONDS)
            Undisturbed.bound = max(P99_MS, TIMES_QUIET * self.asker.p99())
            print(f"  undisturbed: p99 {self.asker.p99():.2f} ms, {self.registry.resident_kilobytes() / 1024:.0f} MiB")
        return self

    def __exit__(self, *_):
        self.asker.end()
        self.registry.__exit__()

    def during(self, what, action):
        """Runs a misbehaviour; fails where clients notice."""
        since = len(self.asker.taken)
        said = action()
        p99 = self.asker.p99(since)
        resident = self.registry.resident_kilobytes() / 1024
        print(f"  {what}: p99 {p99:.2f} ms, {resident:.0f} MiB{'; ' + said if said else ''}", flush=True)
        assert not self.asker.failures, self.asker.failures[:3]
        assert p99 <= self.bound, f"{what}: p99 {p99:.2f} ms is over {self.bound:.2f} ms"
        assert resident <= self.memory_mib, f"{what}: {resident:.0f} MiB is over {self.memory_mib}"
