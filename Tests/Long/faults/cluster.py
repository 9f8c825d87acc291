"""Members of a cluster as real processes: started, paused, killed and asked by the tests of faults.

Each member has its own folder with its log (level info) and its port file. A member keeps its ports when it is started again, as a real one would;
they are taken below the range from which the system serves connections that go out, so that none of those is in the way. Every wait has a deadline
and says what it waited for. Only processes that were started here are ended, each by its own id.
"""

import http.client
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import tempfile
import threading
import time

START_SECONDS = 40
STOP_SECONDS = 15
POLL_SECONDS = 0.02
ASK_SECONDS = 10
SECRET = "a secret of the tests of faults"
INHERITED = ("PATH", "HOME", "LD_LIBRARY_PATH", "TSAN_OPTIONS", "ASAN_OPTIONS", "UBSAN_OPTIONS")
# Below the usual range of ports for outgoing connections.
PORTS = range(20_000, 32_000)


class Failed(Exception):
    """A promise was not kept, or a wait ran out."""


def check(holds, complaint):
    if not holds:
        raise Failed(complaint)


def wait_until(what, condition, seconds):
    """Returns the condition's first true value. It may raise OSError for "not yet"."""
    deadline = time.monotonic() + seconds
    seen = None
    while True:
        try:
            value = condition()
            if value:
                return value
            seen = None
        except (OSError, http.client.HTTPException) as error:
            seen = error
        if time.monotonic() > deadline:
            raise Failed(f"waited {seconds:g} s for {what}" + (f": {type(seen).__name__}: {seen}" if seen else ""))
        time.sleep(POLL_SECONDS)


class Loopback:
    """Where members live when no network is cut: this machine's own loopback."""

    address = "127.0.0.1"
    prefix = ()

    def socket(self):
        return socket.socket()

    def free_port(self):
        """A port that nobody has now, and that stays free while its member is being restarted."""
        for port in random.sample(PORTS, 200):
            with socket.socket() as taken:
                try:
                    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    taken.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue
        raise Failed("no free port in 200 tries")


class Connection(http.client.HTTPConnection):
    """A connection that is made from where its member lives."""

    def __init__(self, place, port, timeout):
        super().__init__("127.0.0.1", port, timeout=timeout)
        self.place = place

    def connect(self):
        self.sock = self.place.socket()
        self.sock.settimeout(self.timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.sock.connect((self.host, self.port))
        except OSError:
            self.close()
            raise


class Member:
    """One registry process and the settings it is started with, again and again if need be."""

    def __init__(self, program, name, folder, settings, place=None, prefix=()):
        """`prefix`: a command that the registry is run by, such as ["prlimit", "--nofile=64"]; it must become the registry (exec)."""
        self.program = str(program)
        self.name = name
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.place = place or Loopback()
        self.prefix = list(prefix)
        self.log = self.folder / "log"
        self.port_file = self.folder / "ports"
        self.port = self.place.free_port()
        self.replication_port = self.place.free_port()
        self.settings = {
            "API_PORT": str(self.port), "REPLICATION": "true", "REPLICATION_PORT": str(self.replication_port),
            "ADVERTISE_ADDRESS": self.place.address, "LISTEN_ADDRESS": "127.0.0.1" if self.place.address == "127.0.0.1" else "0.0.0.0",
            "MEMBER_NAME": name, "CLUSTER_SECRET": SECRET, "MIN_TTL": "1s", "SYNC_TIMEOUT": "20s", "LOG_LEVEL": "info", **settings}
        self.process = None
        self.paused = False
        self.starts = 0

    def __repr__(self):
        return self.name

    @property
    def address(self):
        """As the other members know it."""
        return f"{self.place.address}:{self.replication_port}"

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    # Life

    def start(self):
        """Starts the process, and returns at once."""
        check(not self.is_running, f"{self.name} runs already")
        self.port_file.unlink(missing_ok=True)
        environment = {key: os.environ[key] for key in INHERITED if key in os.environ}
        self.starts += 1
        with open(self.log, "ab") as log:
            log.write(f"--- start {self.starts}\n".encode())
            log.flush()
            self.process = subprocess.Popen(
                [*self.place.prefix, *self.prefix, self.program, "--port_file", str(self.port_file)],
                env={**environment, **self.settings}, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def wait_answering(self, seconds=START_SECONDS):
        """Until it takes requests; it need not be ready."""
        wait_until(f"{self.name} to answer", lambda: self._lives() and self.ask("GET", "/livez", timeout=2)[0] == 200, seconds)
        return self

    def wait_ready(self, seconds=START_SECONDS):
        wait_until(f"{self.name} to be ready", lambda: self._lives() and self.ask("GET", "/readyz", timeout=2)[0] == 200, seconds)
        return self

    def _lives(self):
        check(self.is_running, f"{self.name} has ended with {self.process and self.process.poll()}:\n{self.last_words()}")
        return True

    def kill(self):
        """As kill -9 does."""
        if self.is_running:
            self.process.kill()
            self.process.wait()
        self.paused = False

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)
        self.paused = True

    def resume(self):
        self.process.send_signal(signal.SIGCONT)
        self.paused = False

    def stop(self):
        """A clean end, as by SIGTERM. Returns the seconds it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"{self.name} did not end within {STOP_SECONDS} s of SIGTERM") from None
        check(code == 0, f"{self.name} ended with {code} on SIGTERM:\n{self.last_words()}")
        return time.monotonic() - began

    # Requests

    def connect(self, timeout=ASK_SECONDS):
        return Connection(self.place, self.port, timeout)

    def ask(self, method, path, body=None, timeout=ASK_SECONDS):
        """Status and, of JSON, the value. Raises OSError when there is no answer."""
        connection = self.connect(timeout)
        try:
            return exchange(connection, method, path, body)
        finally:
            connection.close()

    def get(self, path, timeout=ASK_SECONDS):
        """The value of a 200."""
        status, value = self.ask("GET", path, timeout=timeout)
        if status != 200:
            raise OSError(f"GET {path} at {self.name} was answered {status}")
        return value

    def cluster(self):
        """GET /api/v1/cluster."""
        return self.get("/api/v1/cluster")

    def digest(self):
        """The same at two members only if they hold the same."""
        return self.cluster()["digest"]

    def link_to(self, other):
        """How this member sees another, by its address: an object of `members` in the cluster's page, or {}."""
        for peer in self.cluster()["members"]:
            if peer["address"] == other.address:
                return peer
        return {}

    def metric(self, name):
        connection = self.connect()
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        for line in text.splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        raise Failed(f"{self.name} has no metric {name}")

    def processor_seconds(self):
        """User and system time so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # Logs

    def log_lines(self, containing=""):
        """Of every start, without lines about single requests."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return [line for line in lines if containing in line and 'msg="request"' not in line]

    def last_words(self, lines=30):
        return "\n".join(self.log_lines()[-lines:])


def exchange(connection, method, path, body=None):
    """One request on a connection. Raises OSError when there is no whole answer."""
    try:
        headers = {} if body is None else {"Content-Type": "application/json"}
        connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
        response = connection.getresponse()
        data = response.read()
        return response.status, json.loads(data) if data[:1] in (b"{", b"[") else None
    except http.client.HTTPException as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


class Cluster:
    """Members that share a directory. A context manager: at its end no process of its own is left."""

    def __init__(self, program, size=3, settings=None, network=None, shares_directory=True):
        """`network`: a `Network` to give each member a place of its own; else all live on the loopback. Without a shared directory the members
        are told of one another by their settings, for which the caller cares before `start`."""
        self.program = program
        self.size = size
        self.network = network
        self.settings = dict(settings or {})
        self._temporary = tempfile.TemporaryDirectory(prefix="registry-fault-")
        self.folder = pathlib.Path(self._temporary.name)
        self.directory = self.folder / "members"
        self.directory.mkdir()
        self.shares_directory = shares_directory
        self.members = []
        for _ in range(size):
            self.add()

    def add(self, settings=None, program=None, prefix=()):
        """One more member, not started yet."""
        name = f"m{len(self.members) + 1}"
        shared = {"CLUSTER_DIR": str(self.directory)} if self.shares_directory else {}
        place = self.network.add(name) if self.network else None
        member = Member(
            program or self.program, name, self.folder / name,
            {"CLUSTER_SIZE": str(self.size), **shared, **self.settings, **(settings or {})}, place, prefix)
        self.members.append(member)
        return member

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        if failure:
            for member in self.members:
                print(f"--- the last of the log of {member.name} ({member.address})\n{member.last_words()}", flush=True)
        for member in self.members:
            member.kill()
        self._temporary.cleanup()

    def __iter__(self):
        return iter(self.members)

    def __getitem__(self, index):
        return self.members[index]

    def start(self):
        """Starts all that do not run, at once, until all are ready and linked."""
        for member in self.members:
            if not member.is_running:
                member.start()
        for member in self.members:
            member.wait_ready()
        self.wait_joined()
        return self

    def wait_joined(self, members=None, seconds=START_SECONDS):
        """Until each of these hears each other of these, and nothing is being copied."""
        members = members or self.members
        names = {member.address for member in members}

        def are_joined():
            for member in members:
                page = member.cluster()
                heard = {peer["address"] for peer in page["members"] if peer["state"] == "streaming" and "reads_from_us" in peer}
                if page["size"] < len(members) or not names - {member.address} <= heard:
                    return False
            return True

        wait_until(f"{', '.join(map(repr, members))} to be linked", are_joined, seconds)

    def digests(self, members=None):
        return {member.name: member.digest() for member in members or self.members}

    def wait_converged(self, members=None, seconds=25):
        """Until all digests are equal. Returns the seconds it took."""
        began = time.monotonic()
        wait_until("all digests to be equal", lambda: len(set(self.digests(members).values())) == 1, seconds)
        return time.monotonic() - began


def in_parallel(*actions):
    """Runs them at once and raises the first failure."""
    failures = []

    def run(action):
        try:
            action()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def fill(member, count, service="filler", ttl=600, metadata=0, threads=4, tag="filler"):
    """Registers many instances at one member; `metadata` is how many bytes each carries beside. Returns the seconds it took."""
    began = time.monotonic()

    def register(numbers):
        connection = member.connect()
        try:
            for number in numbers:
                body = {"service_name": f"{service}-{number % 50}", "endpoint": {"type": "tcp", "value": f"{number}.{service}:80"}, "ttl": ttl,
                        "tags": [tag], "metadata": {"pad": "x" * metadata}}
                status, _ = exchange(connection, "POST", "/api/v1/instances", body)
                check(status == 201, f"a registration at {member.name} was answered {status}")
        finally:
            connection.close()

    in_parallel(*[lambda first=first: register(range(first, count, threads)) for first in range(threads)])
    return time.monotonic() - began
