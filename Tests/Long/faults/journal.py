"""Clients of a cluster, and the journal of what they were told.

Each instance belongs to one client, which makes one request for it at a time, so the journal knows in which order things were acknowledged. A request
without an answer may have been carried out, or may yet be when a paused member wakes: it is kept as uncertain, and excuses both outcomes.

    keeper     registers, sends heartbeats as long as the population runs, registers anew with another number and status now and then
    leaver     registers, and deregisters after a second or so: it must not come back
    abandoned  registers and is never heard of again: it must be listed for its TTL, and no longer
"""

import bisect
import heapq
import itertools
import random
import statistics
import threading
import time

from cluster import Failed, exchange

TAG = "journal"
REQUEST_SECONDS = 2
# For how long a client avoids a member that has not answered.
AVOID_SECONDS = 5
STATUSES = ("UP", "STARTING", "OUT_OF_SERVICE")
WORKERS = 12


class Operation:
    """A request for one instance; times are monotonic seconds, `answered` is None without an answer."""

    def __init__(self, verb, member, number, status, sent, answered=None):
        self.verb = verb
        self.member = member
        self.number = number
        self.status = status
        self.sent = sent
        self.answered = answered

    def __repr__(self):
        return f"{self.verb} {self.number} {self.status} at {self.member}"


class Entry:
    """An instance and all that its client knows of it. Only its client writes, and only while it holds the journal's lock."""

    def __init__(self, journal, kind, name, ttl):
        self.journal = journal
        self.kind = kind
        self.name = name
        self.ttl = ttl
        self.identity = None
        self.number = 0
        self.status = "UP"
        # Registrations and deregistrations, in order. A heartbeat is only kept as the last one.
        self.changes = []
        self.uncertain = []
        self.last_touch = None
        self.uncertain_touch = None
        # What its client is asking for just now: it may be done already.
        self.under_way = None

    def __repr__(self):
        return f"{self.kind} {self.name} ({self.identity})"

    @property
    def service(self):
        return self.name.rsplit("-", 1)[0]

    def body(self):
        return {"service_name": self.service, "endpoint": {"type": "tcp", "value": f"{self.name}:80"}, "ttl": self.ttl, "status": self.status,
                "tags": [TAG], "metadata": {"number": self.number}}

    @property
    def last_change(self):
        return self.changes[-1] if self.changes else None

    def states(self, forgotten=()):
        """The (number, status) that it may have, None for gone: as acknowledged last, or as what is uncertain would have it. `forgotten`: acknowledged
        changes that may be lost, so that what was before them may stand."""
        allowed = {state_after(operation) for operation in self.uncertain}
        for operation in reversed(self.changes):
            allowed.add(state_after(operation))
            if operation not in forgotten:
                return allowed
        return allowed | {None}


def state_after(operation):
    return None if operation.verb == "deregister" else (operation.number, operation.status)


class Journal:
    """All entries, and what went wrong as clients saw it."""

    def __init__(self):
        self.lock = threading.RLock()
        self.entries = []
        self.counts = {"registered": 0, "renewed": 0, "deregistered": 0, "unanswered": 0, "refused": 0, "unknown": 0}
        # Answers 410 for what must have been known: (member, entry, verb, its last change then, seconds since its last acknowledged touch).
        self.unknown = []
        self.complaints = []

    def add(self, kind, name, ttl):
        entry = Entry(self, kind, name, ttl)
        with self.lock:
            self.entries.append(entry)
        return entry

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def summary(self):
        with self.lock:
            return ", ".join(f"{number} {what}" for what, number in self.counts.items() if number)


class Client:
    """Kept connections to members; for one thread."""

    def __init__(self):
        self.connections = {}

    def ask(self, member, method, path, body=None, timeout=REQUEST_SECONDS):
        connection = self.connections.get((member.name, member.starts))
        if connection is None:
            connection = self.connections[(member.name, member.starts)] = member.connect(timeout)
        try:
            return exchange(connection, method, path, body)
        except OSError:
            connection.close()
            self.connections.pop((member.name, member.starts), None)
            raise

    def close(self):
        for connection in self.connections.values():
            connection.close()


class Population:
    """The clients. `use` says through which members they may go; clients of different groups never meet, as if each knew its own side only."""

    def __init__(self, members, keepers=40, ttl=6, churn=5.0, seed=1, name="p", journal=None, changes=True, refusals_may_be_done=False):
        """`churn`: how many leavers and abandoned instances come each second. `changes`: whether keepers register anew now and then.
        `refusals_may_be_done`: a change that is answered 503 may have been carried out all the same, at once or a little later."""
        self.journal = journal or Journal()
        self.refusals_may_be_done = refusals_may_be_done
        self.name = name
        self.ttl = ttl
        self.churn = churn
        self.changes = changes
        self.random = random.Random(seed)
        self.condition = threading.Condition()
        self.tasks = []
        self.order = itertools.count()
        self.groups = [list(members)]
        self.avoided = {}
        self.is_hushed = False
        self.is_churning = True
        self.is_over = False
        self.busy = 0
        self.threads = []
        self.keepers = [self.journal.add("keeper", f"{name}keep-{number % 5}-{number}", ttl) for number in range(keepers)]
        self.newcomers = 0

    # What the test says

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self, seconds=20):
        """Until each keeper is registered."""
        for entry in self.keepers:
            self._later(self.random.uniform(0, 0.3), self._keep, entry)
        if self.churn:
            self._later(0.1, self._newcomer, None)
        self.threads = [threading.Thread(target=self._work, args=(number,), daemon=True) for number in range(WORKERS)]
        for thread in self.threads:
            thread.start()
        deadline = time.monotonic() + seconds
        while any(entry.last_touch is None for entry in self.keepers):
            if time.monotonic() > deadline:
                raise Failed(f"not all keepers could register within {seconds} s")
            time.sleep(0.02)
        return self

    def use(self, *groups):
        """From now on the clients of group i ask the members of groups[i % n]. With one group all ask all."""
        with self.condition:
            self.groups = [list(group) for group in groups]

    def churns(self, does):
        """Whether new leavers and abandoned ones come and keepers change; heartbeats are not touched."""
        with self.condition:
            self.is_churning = does

    def hush(self):
        """No request any more until `resume`; returns when none is under way."""
        with self.condition:
            self.is_hushed = True
            deadline = time.monotonic() + 2 * REQUEST_SECONDS + 5
            while self.busy:
                if not self.condition.wait(deadline - time.monotonic()):
                    raise Failed(f"a request is under way for more than {2 * REQUEST_SECONDS + 5} s")

    def resume(self):
        with self.condition:
            self.is_hushed = False
            self.condition.notify_all()

    def stop(self):
        with self.condition:
            self.is_over = True
            self.condition.notify_all()
        for thread in self.threads:
            thread.join(timeout=20)

    # The scheduler

    def _later(self, seconds, task, entry):
        with self.condition:
            heapq.heappush(self.tasks, (time.monotonic() + seconds, next(self.order), task, entry))
            self.condition.notify()

    def _work(self, number):
        client = Client()
        chooser = random.Random(f"{self.name}{number}")
        while True:
            with self.condition:
                while not self.is_over:
                    now = time.monotonic()
                    if not self.is_hushed and self.tasks and self.tasks[0][0] <= now:
                        break
                    self.condition.wait(None if self.is_hushed or not self.tasks else self.tasks[0][0] - now)
                if self.is_over:
                    break
                _, _, task, entry = heapq.heappop(self.tasks)
                self.busy += 1
            try:
                task(client, chooser, entry)
            except Exception as failure:  # A fault of the test itself must not pass for silence.
                with self.journal.lock:
                    self.journal.complaints.append(f"a client has failed: {type(failure).__name__}: {failure}")
            finally:
                with self.condition:
                    self.busy -= 1
                    self.condition.notify_all()
        client.close()

    def _choose(self, chooser, entry):
        with self.condition:
            groups = self.groups
            avoided = {name for name, until in self.avoided.items() if until > time.monotonic()}
        group = groups[hash_of(entry.name) % len(groups)]
        # Of members that left the group's list while it was being read nothing is asked; of those that do not answer, only when all do not.
        candidates = [member for member in group if member.name not in avoided] or group
        return chooser.choice(candidates) if candidates else None

    def _request(self, client, chooser, entry, verb, method, path, body=None):
        """One request, and its line in the journal. Returns the status, or None without an answer."""
        member = self._choose(chooser, entry)
        if member is None:
            return None
        sent = time.monotonic()
        operation = Operation(verb, member.name, entry.number, entry.status, sent)
        entry.under_way = verb
        try:
            status, value = client.ask(member, method, path, body)
        except ConnectionRefusedError:
            self._avoid(member)
            self.journal.count("refused")
            entry.under_way = None
            return None
        except OSError:
            self._avoid(member)
            self.journal.count("unanswered")
            with self.journal.lock:
                entry.uncertain_touch = time.monotonic()
                if verb != "renew":
                    entry.uncertain.append(operation)
                entry.under_way = None
            return None
        operation.answered = time.monotonic()
        with self.journal.lock:
            if status in (200, 201):
                self.journal.counts[{"register": "registered", "renew": "renewed", "deregister": "deregistered"}[verb]] += 1
                if verb != "deregister":
                    entry.last_touch = operation
                if verb != "renew":
                    entry.changes.append(operation)
                    # What a member has answered has got its version: a later change wins over it.
                    entry.uncertain = [one for one in entry.uncertain if one.answered is None or not self.refusals_may_be_done]
                if verb == "register":
                    entry.identity = value["id"]
            elif status == 410:
                self.journal.counts["unknown"] += 1
                since = sent - entry.last_touch.sent if entry.last_touch else None
                if since is not None and since < entry.ttl and not self._may_be_gone(entry):
                    self.journal.unknown.append((member.name, entry, verb, entry.last_change, since))
            elif status == 503:
                self.journal.counts["refused"] += 1
                self._avoid(member)
                if verb == "deregister" or verb == "register" and self.refusals_may_be_done:
                    entry.uncertain.append(operation)
                # A member that is copying renews the lease all the same.
                if verb == "renew" or self.refusals_may_be_done:
                    entry.uncertain_touch = time.monotonic()
            else:
                self.journal.complaints.append(f"{verb} of {entry} at {member} was answered {status}: {value}")
            entry.under_way = None
        return status

    def _may_be_gone(self, entry):
        return entry.last_change.verb == "deregister" or any(operation.verb == "deregister" for operation in entry.uncertain)

    def _avoid(self, member):
        with self.condition:
            self.avoided[member.name] = time.monotonic() + AVOID_SECONDS

    # The kinds

    def _keep(self, client, chooser, entry):
        period = self.ttl / 3
        with self.condition:
            changes = self.changes and self.is_churning
        if entry.identity is None or entry.last_touch is None or (changes and chooser.random() < 0.1):
            status = self._register(client, chooser, entry)
        else:
            status = self._request(client, chooser, entry, "renew", "PUT", f"/api/v1/instances/{entry.identity}/heartbeat")
            if status == 410:
                status = self._register(client, chooser, entry)
        self._later(chooser.uniform(0.5, 1) * period if status in (200, 201) else 0.2, self._keep, entry)

    def _register(self, client, chooser, entry):
        with self.journal.lock:
            entry.number += 1
            if entry.kind == "keeper":
                entry.status = chooser.choice(STATUSES) if self.changes else "UP"
        return self._request(client, chooser, entry, "register", "POST", "/api/v1/instances", entry.body())

    def _newcomer(self, client, chooser, _):
        self._later(chooser.uniform(0.5, 1.5) / self.churn, self._newcomer, None)
        with self.condition:
            if not self.is_churning:
                return
            self.newcomers += 1
            number = self.newcomers
        if number % 2:
            entry = self.journal.add("leaver", f"{self.name}leave-{number}", 60)
            if self._register(client, chooser, entry) == 201:
                self._later(chooser.uniform(0.8, 2), self._leave, entry)
        else:
            entry = self.journal.add("abandoned", f"{self.name}gone-{number}", chooser.choice((2, 4, 8)))
            self._register(client, chooser, entry)

    def _leave(self, client, chooser, entry):
        status = self._request(client, chooser, entry, "deregister", "DELETE", f"/api/v1/instances/{entry.identity}")
        if status != 200 and not (status == 410 and self._may_be_gone(entry)):
            self._later(0.3, self._leave, entry)


def hash_of(name):
    """The same in every run."""
    return sum(name.encode()) if name else 0


class Prober:
    """Measures how long members take to answer: one client a member that asks one thing after another."""

    PAUSE = 0.01

    def __init__(self, members, path="/api/v1/services"):
        self.path = path
        self.samples = {member.name: [] for member in members}
        self.failures = {member.name: [] for member in members}
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self._probe, args=(member,), daemon=True) for member in members]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join(timeout=20)

    def _probe(self, member):
        client = Client()
        while not self.is_over.wait(self.PAUSE):
            began = time.monotonic()
            try:
                status, _ = client.ask(member, "GET", self.path, timeout=10)
            except OSError as error:
                status = f"{type(error).__name__}: {error}"
            ended = time.monotonic()
            if status == 200:
                self.samples[member.name].append((began, ended - began))
            else:
                self.failures[member.name].append((began, status))
        client.close()

    def median(self, member, start, end):
        """Seconds, of requests that began in this time."""
        samples = self.samples[member.name]
        low, high = bisect.bisect_left(samples, (start,)), bisect.bisect_left(samples, (end,))
        if high - low < 20:
            raise Failed(f"only {high - low} answers of {member.name} in {end - start:.1f} s: no median")
        return statistics.median(seconds for _, seconds in samples[low:high])

    def failed(self, member, start, end):
        return [failure for failure in self.failures[member.name] if start <= failure[0] < end]
