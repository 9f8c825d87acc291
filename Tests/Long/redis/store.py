"""Members that keep what is registered in Redis, and the oracle that judges them.

Members know nothing of one another: each is told where the engines are. What the oracle of the faults of a cluster demands holds for them too, and more:
look-ups are answered whatever befalls the engines, nothing that was listed disappears before its lease is over, and no acknowledged change is lost with
the member that took it.

STORE_FAULTS_LOGS=folder keeps the logs of the members of a row that has failed. STORE_FAULTS_STORE=memory gives members that replicate to one another, and engines that nobody uses: so the harness can be tried by itself.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time

from engines import FLAVORS, Failed, SixNodes, check, wait_until

import cluster
from journal import Client, Population
from oracle import WATCH_SECONDS, Oracle, Watcher, listing

# Nothing is swept for so long after an outage, and as much as a member takes to notice that it is over.
GRACE_SECONDS = 30
NOTICED_SECONDS = 3
# What other members have acknowledged is listed by then, while nothing is wrong.
BOUND_SECONDS = 25
MEMBERS = 3
SHARDS = 16
# The settings of members that replicate to one another; each would be refused beside STORE=redis.
OF_CLUSTERS = ("REPLICATION", "REPLICATION_PORT", "ADVERTISE_ADDRESS", "MEMBER_NAME", "CLUSTER_SECRET", "SYNC_TIMEOUT", "CLUSTER_SIZE", "CLUSTER_DIR",
               "CLUSTER_PEERS")
# For settings with OPERATOR_TOKEN, and for the command line.
OPERATOR = "an-operator-of-the-rows-of-redis-0123456789"
COMMAND_SECONDS = 20
# Without a filter only what is UP is listed.
VALUES = "/api/v1/instances?status=ALL&fields=status,metadata,tags,ttl"


def flavor():
    """The engine of this run."""
    name = os.environ.get("STORE_FAULTS_ENGINE", FLAVORS[0])
    check(name in FLAVORS, f"STORE_FAULTS_ENGINE is {name}; there are {', '.join(FLAVORS)}")
    return name


def is_in_memory():
    return os.environ.get("STORE_FAULTS_STORE") == "memory"


def store_settings(engines):
    """Where the engines are, in the words of the settings."""
    settings = {"STORE": "redis"}
    if hasattr(engines, "sentinels"):
        settings["STORE_SENTINEL"] = engines.names
    else:
        settings["STORE_ADDRESS"] = engines.address
    if isinstance(engines, SixNodes):
        settings["STORE_CLUSTER"] = "true"
    password = engines.all[0].password
    return settings | ({"STORE_PASSWORD": password} if password else {})


class StoreMember(cluster.Member):
    """A member of STORE=redis. `is_serving`: that its look-ups have to be answered."""

    def __init__(self, program, name, folder, settings):
        super().__init__(program, name, folder, settings)
        self.is_serving = False
        if not is_in_memory():
            self.settings = {name: value for name, value in self.settings.items() if name not in OF_CLUSTERS}

    def wait_ready(self, seconds=cluster.START_SECONDS):
        super().wait_ready(seconds)
        self.is_serving = True
        return self

    def kill(self):
        self.is_serving = False
        super().kill()

    def pause(self):
        self.is_serving = False
        super().pause()

    def resume(self):
        super().resume()
        self.is_serving = True

    def stop(self):
        self.is_serving = False
        return super().stop()

    def listed(self):
        """All that it lists, an instance a line, without what heartbeats change."""
        status, value = self.ask("GET", VALUES)
        if status != 200:
            raise OSError(f"the list of {self.name} was answered {status}")
        return sorted(json.dumps(one, sort_keys=True) for one in value["instances"])

    def digest(self):
        """Of all that it lists: there is no page that has one."""
        return hashlib.sha256("\n".join(self.listed()).encode()).hexdigest()

    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmRSS:"))

    def command(self, *words):
        """What the command line answers that is pointed at this member, as OPERATOR: its exit status and all that it prints."""
        told = {name: os.environ[name] for name in cluster.INHERITED if name in os.environ}
        ran = subprocess.run([self.program, *words, "--url", f"http://127.0.0.1:{self.port}"], env={**told, "REGISTRY_TOKEN": OPERATOR},
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_SECONDS)
        return ran.returncode, ran.stdout + ran.stderr

    def heartbeat(self, identity):
        """The status of the answer."""
        return self.ask("PUT", f"/api/v1/instances/{identity}/heartbeat")[0]


class StoreCluster(cluster.Cluster):
    """Members over the same engines. `settings` are added to what says where these are; with None one of those is left out."""

    def __init__(self, run, engines, size=MEMBERS, settings=None):
        self.program = run.registry
        self.size = size
        self._temporary = tempfile.TemporaryDirectory(prefix="registry-store-")
        self.folder = pathlib.Path(self._temporary.name)
        self.members = []
        if is_in_memory():
            directory = self.folder / "members"
            directory.mkdir()
            self.settings = {"CLUSTER_DIR": str(directory), "CLUSTER_SIZE": str(size)}
        else:
            told = {**store_settings(engines), **(settings or {})}
            self.settings = {name: value for name, value in told.items() if value is not None}
        for _ in range(size):
            self.add()

    def __exit__(self, failure, *rest):
        if failure and (kept := os.environ.get("STORE_FAULTS_LOGS")):
            for member in self.members:
                shutil.copy(member.log, pathlib.Path(kept) / f"{member.name}.log")
        return super().__exit__(failure, *rest)

    def add(self, settings=None):
        """One more member, not started yet."""
        name = f"m{len(self.members) + 1}"
        member = StoreMember(self.program, name, self.folder / name, {**self.settings, **(settings or {})})
        self.members.append(member)
        return member

    def wait_joined(self, members=None, seconds=cluster.START_SECONDS):
        if is_in_memory():
            super().wait_joined(members, seconds)

    def population(self, **settings):
        """Clients of all members."""
        return Population(self.members, refusals_may_be_done=True, **settings)


class StoreWatcher(Watcher):
    """Also notes which look-ups were not answered, and what disappeared while its lease ran."""

    def __init__(self, members, journals):
        # Look-ups of members that have to serve, without an answer: (member, when, why).
        self.unanswered = []
        # (member, entry, seconds since its last acknowledged heartbeat).
        self.vanished = []
        self.seen = set()
        super().__init__(members, journals)

    def _watch(self, member):
        client = Client()
        while not self.is_over.wait(WATCH_SECONDS):
            was_serving, start, asked = member.is_serving, member.starts, time.monotonic()
            before = self._alive()
            try:
                found = listing(client, member)
            except OSError as error:
                # A moment later, so that a kill that is just under way has been noted.
                time.sleep(0.05)
                if was_serving and member.is_serving and member.starts == start:
                    with self.lock:
                        self.unanswered.append((member.name, asked, f"{type(error).__name__}: {error}"))
                continue
            self._note(member, start, asked, found, before)
        client.close()

    def _alive(self):
        """What is registered now and cannot have run out: {entry: how often it was changed}."""
        now, alive = time.monotonic(), {}
        for journal in self.journals:
            with journal.lock:
                for entry in journal.entries:
                    if entry.last_touch is None or entry.last_change is None or entry.last_change.verb != "register":
                        continue
                    if now < entry.last_touch.sent + entry.ttl - 1 and not any(one.verb == "deregister" for one in entry.uncertain):
                        alive[entry] = len(entry.changes)
        return alive

    def _note(self, member, start, asked, found, before):
        ended = time.monotonic()
        with self.lock:
            self.looks += 1
            for name, one in found.items():
                if "overdue" not in one:
                    self.sightings[member.name, name] = asked
                number = one["metadata"]["number"]
                key = member.name, start, name
                last = self.numbers.get(key, number)
                if number < last:
                    self.reversals.append((member.name, name, last, number))
                self.numbers[key] = number
        for entry, changes in before.items():
            key = member.name, start, entry.name
            if entry.name in found:
                self.seen.add(key)
            elif key in self.seen:
                with entry.journal.lock:
                    is_same = len(entry.changes) == changes and entry.under_way != "deregister" and not any(
                        one.verb == "deregister" for one in entry.uncertain)
                    since = ended - entry.last_touch.sent
                    if is_same and ended < entry.last_touch.sent + entry.ttl:
                        self.seen.discard(key)
                        self.vanished.append((member.name, entry, since))


class StoreOracle(Oracle):
    """As the oracle of faults, for members over engines."""

    def __init__(self, members, *populations):
        super().__init__(members, *populations, watcher=StoreWatcher)

    @contextlib.contextmanager
    def outage(self):
        """Around what keeps leases from running out: an outage, and some time after it."""
        try:
            yield
        finally:
            self.held_until = max(self.held_until, time.monotonic() + GRACE_SECONDS + NOTICED_SECONDS)

    def _differences(self, members):
        complaints = super()._differences(members)
        if any(complaint.startswith("digests differ") for complaint in complaints):
            lists = {member.name: set(member.listed()) for member in members}
            common = set.intersection(*lists.values())
            complaints += [f"only {name} lists {line}" for name, lines in lists.items() for line in sorted(lines - common)[:3]]
        return complaints

    def judge(self, bound, *settings, **more):
        complaints = super().judge(bound, *settings, **more)
        with self.watcher.lock:
            unanswered, vanished = list(self.watcher.unanswered), list(self.watcher.vanished)
        print(f"    {self.watcher.looks} look-ups, {len(unanswered)} of them not answered", flush=True)
        complaints += [f"{entry} was gone from the list of {member} {since:.1f} s after its last heartbeat, with a TTL of {entry.ttl} s"
                       for member, entry, since in vanished]
        if unanswered:
            complaints.append(f"{len(unanswered)} look-ups were not answered, the first by {unanswered[0][0]}: {unanswered[0][2]}")
        return complaints


class World:
    """Engines, members and clients of a row, and the oracle over them: all running. A context manager."""

    def __init__(self, run, engines, size=MEMBERS, settings=None, wire=None, **population):
        """`wire`: what stands in front of the engine, if anything does."""
        self.run = run
        self.engines = engines
        told = dict(settings or {})
        if wire:
            told["STORE_ADDRESS"] = wire.address
        self.cluster = StoreCluster(run, engines, size, told)
        self.population = self.cluster.population(**{"churn": 10, **population})
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.cluster)
            self.cluster.start()
            stack.enter_context(self.population)
            self.oracle = stack.enter_context(StoreOracle(self.cluster, self.population))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *failure):
        return self._stack.__exit__(*failure)

    @property
    def members(self):
        return self.cluster.members

    def hold(self, bound=BOUND_SECONDS, may_start=True):
        """The fault is over: everything is judged, and what is in the engines too, unless no member may start now."""
        self.oracle.hold(bound)
        if may_start and not is_in_memory():
            self.compare_newcomer()

    def compare_newcomer(self):
        """A member that starts now knows only what is in the engines: it lists the same as those that have kept a view of it all the time."""
        newcomer = self.cluster.add().start()
        newcomer.wait_ready()
        known, found = set(self.members[0].listed()), set(newcomer.listed())
        lacking, more = sorted(known - found), sorted(found - known)
        check(known and not lacking and not more, f"of {len(known)} instances a member that starts now lacks {lacking[:3]}, and it lists {more[:3]} besides")
        self.run.say(f"a member that started then lists the same {len(found)} instances")

    def wait_same(self, seconds=BOUND_SECONDS):
        """Until all members list the same; for clients that change nothing."""
        wait_until("all members to list the same", lambda: len(set(self.cluster.digests().values())) == 1, seconds)

    def check_heartbeats(self, seconds):
        """For so long heartbeats of what is known are answered 200 by each member, and never 410. Returns how many were."""
        answers, until = 0, time.monotonic() + seconds
        while time.monotonic() < until:
            for member in [member for member in self.members if member.is_serving]:
                for entry in self.population.keepers[:4]:
                    try:
                        status = member.heartbeat(entry.identity)
                    except OSError:
                        check(not member.is_serving, f"{member} does not answer")
                        continue
                    check(status == 200, f"a heartbeat of {entry} at {member} was answered {status}")
                    answers += 1
            time.sleep(0.2)
        return answers

    def count_refusals(self, seconds):
        """For so long a registration is tried at each member in turn. Returns the statuses and how often each was."""
        statuses, until, number = {}, time.monotonic() + seconds, 0
        while time.monotonic() < until:
            for member in self.members:
                number += 1
                body = {"service_name": "tried", "endpoint": {"type": "tcp", "value": f"{number}.tried:80"}, "ttl": 600, "tags": ["tried"]}
                began = time.monotonic()
                status, _ = member.ask("POST", "/api/v1/instances", body)
                check(time.monotonic() - began < 5, f"a registration at {member} was answered after {time.monotonic() - began:.1f} s")
                statuses[status] = statuses.get(status, 0) + 1
            time.sleep(0.1)
        return statuses


class Background:
    def __init__(self, action):
        self.failure = None
        self.is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(action,), daemon=True)
        self._thread.start()

    def _run(self, action):
        try:
            while not self.is_over.is_set():
                action()
        except BaseException as failure:
            self.failure = failure

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.finish()

    def finish(self, seconds=30):
        """Ends it."""
        self.is_over.set()
        self._thread.join(timeout=seconds)
        if self._thread.is_alive():
            raise Failed(f"a thread of the test runs {seconds} s after its end")
        if self.failure:
            raise self.failure
