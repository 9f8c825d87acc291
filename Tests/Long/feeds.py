"""What the tests of feeds share: two members, one of which is restarted while a real client reads it, and that client's process.

A member that starts again has nothing until it has copied what the other has, or the store of redis/feeds_check.py; what it says meanwhile must
cost no client a target.
"""

import contextlib
import json
import pathlib
import re
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

from cluster import ROOT, cluster_settings, free_port, get, start_together
from running_registry import STORE_ADDRESS, RunningRegistry

WAIT_SECONDS = 30
# How long the member that is read stays away.
AWAY_SECONDS = 3
# How long a client is watched after that: longer than any of them batches changes.
AFTER_SECONDS = 8


def wait(what, condition, client=None):
    """Waits until a condition holds; what it gives then."""
    deadline = time.monotonic() + WAIT_SECONDS
    last = None
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            last = condition()
            if last:
                return last
        time.sleep(0.05)
    raise AssertionError(f"waited {WAIT_SECONDS} s in vain for {what}, which was {last!r}" + (f"\n{client.last_words()}" if client else ""))


def code_block(document, number, language="yaml"):
    """A block that a page of the documentation has, as its reader pastes it."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / document).read_text(), re.S)[number]


def replace(text, *pairs):
    """Puts this test's ports in place of those of the documentation."""
    for old, new in pairs:
        assert old in text, f"the documentation has no {old!r}"
        text = text.replace(old, new)
    return text


class Pair:
    """Two members; clients register with the first and the second is read. `of_each` has what is set for one of them alone."""

    def __init__(self, program, of_each=({}, {}), **settings):
        self.program = program
        self.folder = tempfile.TemporaryDirectory(prefix="registry-feeds-")
        self.settings = [
            {**cluster_settings(self.folder.name, 2), **settings, "API_PORT": str(free_port()), "REPLICATION_PORT": str(free_port()), **own}
            for own in of_each]
        self.members = start_together(program, self.settings)
        wait("the two members", lambda: all(self._is_joined(member) for member in self.members))

    @staticmethod
    def _is_joined(member):
        if STORE_ADDRESS:
            status, text = fetch(member.url + "/metrics")
            return status == 200 and b"\na8registry_store_up 1\n" in text
        page = get(member.port, "/api/v1/cluster")
        return page["ready"] and any(other["state"] == "streaming" and "reads_from_us" in other for other in page["members"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for member in self.members:
            member.kill()
        self.folder.cleanup()

    @property
    def read(self):
        return self.members[1]

    def ask(self, method, path, body=None, token=None, member=0):
        """The status and the body of an answer, read as JSON where it is some."""
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        request = urllib.request.Request(
            self.members[member].url + path, method=method, data=body and json.dumps(body).encode(), headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        return status, json.loads(content) if content[:1] in (b"{", b"[") else content

    def register(self, service, value, kind="http", token=None, **fields):
        status, answer = self.ask(
            "POST", "/api/v1/instances", {"service_name": service, "endpoint": {"type": kind, "value": value}, "ttl": 300, **fields}, token)
        assert status == 201, (status, answer)
        return answer["id"]

    def remove(self, instance, token=None):
        status, answer = self.ask("DELETE", f"/api/v1/instances/{instance}", token=token)
        assert status == 200, (status, answer)

    def restart(self):
        """Stops the member that is read, which stays away, and starts it again at its port."""
        code, _ = self.read.stop()
        assert code == 0, code
        time.sleep(AWAY_SECONDS)
        self.members[1] = RunningRegistry(self.program, self.settings[1])
        wait("the member that came back", lambda: self._is_joined(self.read))

    def watch(self, look):
        """Looks again and again, from before the restart until some seconds after it."""
        failures = []

        def restart():
            try:
                self.restart()
            except BaseException as failure:
                failures.append(failure)

        thread = threading.Thread(target=restart)
        thread.start()
        until = None
        while until is None or time.monotonic() < until:
            look()
            time.sleep(0.1)
            if until is None and not thread.is_alive():
                until = time.monotonic() + AFTER_SECONDS
        thread.join()
        if failures:
            raise failures[0]

    def answers(self, operation):
        """How many answers the member that is read has given, by status."""
        with urllib.request.urlopen(self.read.url + "/metrics", timeout=10) as answer:
            text = answer.read().decode()
        found = re.findall(r'a8registry_http_requests_total\{operation="' + operation + r'",status="(\d+)"\} (\d+)', text)
        return {int(status): int(count) for status, count in found}


class Process:
    """A client's process, whose output is kept. It is ended by its own id."""

    def __init__(self, *command):
        self.output = tempfile.NamedTemporaryFile()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def text(self):
        return pathlib.Path(self.output.name).read_text(errors="replace")

    def last_words(self):
        return self.text()[-3000:]


def fetch(url):
    """The status and the body of an answer of a client's own page."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
