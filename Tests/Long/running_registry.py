"""Starts the registry for a long test, waits until it serves, and ends it.

The process is a child of the test, so it is ended by its own id and never by its name. Ports are taken by the system and
read back from the port file, so several tests can run side by side. With REGISTRY_TEST_STORE_ADDRESS what is registered is kept in the Redis
there, under a prefix of each registry's own, or of all that share a CLUSTER_DIR.
"""

import http.client
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import uuid

START_SECONDS = 20
STOP_SECONDS = 5
POLL_SECONDS = 0.02
STORE_ADDRESS = os.environ.get("REGISTRY_TEST_STORE_ADDRESS")


# Settings of members that keep everything themselves begin so; a registry with a store refuses them.
OF_MEMBERS = ("REPLICATION", "CLUSTER_", "ACKNOWLEDGE_")


def with_store(settings):
    """The settings, and those that have a registry keep everything in the store of the tests where there is one."""
    if not STORE_ADDRESS:
        return settings
    # Members of one directory are members of one prefix.
    own = pathlib.Path(settings["CLUSTER_DIR"]).name if "CLUSTER_DIR" in settings else uuid.uuid4()
    store = {"STORE": "redis", "STORE_ADDRESS": STORE_ADDRESS, "STORE_PREFIX": f"test-{own}", "STORE_TIMEOUT": "20s"}
    return {**store, **{name: value for name, value in settings.items() if not name.startswith(OF_MEMBERS)}}


class StartFailed(Exception):
    """The registry ended, or said nothing, before it served."""


class RunningRegistry:
    """One registry process, usable as a context manager."""

    def __init__(self, program, settings):
        self.directory = tempfile.TemporaryDirectory(prefix="registry-long-")
        self.folder = pathlib.Path(self.directory.name)
        self.log = self.folder / "log"
        port_file = self.folder / "ports"
        environment = {"API_PORT": "0", "LOG_LEVEL": "warn", "ACCESS_LOG": "off", "EVENT_LOG": "off", **with_store(settings)}
        inherited = {key: os.environ[key] for key in ("PATH", "HOME", "LD_LIBRARY_PATH") if key in os.environ}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [program, "--port_file", str(port_file)],
                env={**inherited, **environment}, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            self.port = self._wait_for_port(port_file)
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.directory.cleanup()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def connect(self, timeout=10):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def resident_kilobytes(self):
        """VmRSS, or None when the process is gone."""
        try:
            status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        except FileNotFoundError:
            return None
        for line in status.splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        return None

    def stop(self):
        """Asks for a clean stop. Returns (exit code, seconds); the code is None when it had to be killed."""
        asked = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            code = None
        return code, time.monotonic() - asked

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def last_words(self, lines=20):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _wait_for_port(self, port_file):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise StartFailed(f"it ended with {self.process.returncode} at start:\n{self.last_words()}")
            if port_file.exists():
                for line in port_file.read_text().splitlines():
                    words = line.split()
                    if len(words) == 2 and words[0] == "api":
                        return int(words[1])
            time.sleep(POLL_SECONDS)
        raise StartFailed(f"no 'api' line in its port file after {START_SECONDS} s:\n{self.last_words()}")

    def _wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                connection = self.connect(timeout=2)
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    connection.close()
                    return
                connection.close()
            except OSError:
                pass
            if self.process.poll() is not None:
                raise StartFailed(f"it ended with {self.process.returncode} at start:\n{self.last_words()}")
            time.sleep(POLL_SECONDS)
        raise StartFailed(f"/readyz was not 200 after {START_SECONDS} s:\n{self.last_words()}")
