"""Judges a cluster after a fault by what its clients were told.

After the fault has healed, within the bound:
  - the digests of all members are equal;
  - each instance that kept sending heartbeats is listed by every member, as it was registered last, and was never told that it is unknown;
  - no acknowledged registration is lost, but for one whose only holder was killed before any peer had it: how long before is measured and told;
  - no acknowledged deregistration has come back;
  - no dead instance was listed by any member for longer than its TTL and the bound, however often it was copied, unless it was said to be overdue;
  - `last_heartbeat` is the same everywhere.
"""

import threading
import time

from cluster import Failed
from journal import TAG, Client

# What is told to live for so long after its last heartbeat may be listed for so much longer (docs/consistency.md), and what this test adds of its own.
EXPIRY_BOUND_SECONDS = 4
SLACK_SECONDS = 1
# A change whose only holder was killed within so many seconds of acknowledging it may be lost. The window is a turn of a thread and a way through the
# network; on a busy machine both may have to wait for a processor.
WINDOW_SECONDS = 0.5
# A woken member may hold leases for so long while it waits to hear its peers.
HOLD_SECONDS = 15
# A list shows the last heartbeats of at most a second ago, and heartbeats are told within 200 ms.
LISTED_SECONDS = 1.6
WATCH_SECONDS = 0.3
COMPLAINTS_SHOWN = 12
LIST = f"/api/v1/instances?tags={TAG}&fields=status,metadata,last_heartbeat"


def listing(client, member, timeout=5):
    """By the name that the journal knows. Raises OSError when it is not served."""
    status, value = client.ask(member, "GET", LIST, timeout=timeout)
    if status != 200:
        raise OSError(f"the list of {member} was answered {status}")
    return {one["endpoint"]["value"].rsplit(":", 1)[0]: one for one in value["instances"]}


class Watcher:
    """Reads each member's list all the time."""

    def __init__(self, members, journals=()):
        self.journals = journals
        self.lock = threading.Lock()
        # The last time that a list was asked for which turned out to have it: {(member, name): monotonic seconds}.
        self.sightings = {}
        # Numbers that went back: (member, name, from, to).
        self.reversals = []
        self.numbers = {}
        self.looks = 0
        self.is_over = threading.Event()
        self.threads = []
        for member in members:
            self.add(member)

    def add(self, member):
        thread = threading.Thread(target=self._watch, args=(member,), daemon=True)
        self.threads.append(thread)
        thread.start()

    def stop(self):
        self.is_over.set()
        for thread in self.threads:
            thread.join(timeout=10)

    def _watch(self, member):
        client = Client()
        while not self.is_over.wait(WATCH_SECONDS):
            asked = time.monotonic()
            try:
                found = listing(client, member)
            except OSError:
                continue
            with self.lock:
                self.looks += 1
                for name, one in found.items():
                    if "overdue" not in one:
                        self.sightings[member.name, name] = asked
                    number = one["metadata"]["number"]
                    key = member.name, member.starts, name
                    before = self.numbers.get(key, number)
                    if number < before:
                        self.reversals.append((member.name, name, before, number))
                    self.numbers[key] = number
        client.close()


class Oracle:
    """Watches from its making on; `hold` is the judgement. A context manager, to end the watching."""

    def __init__(self, cluster, *populations, watcher=Watcher):
        self.cluster = cluster
        self.populations = populations
        self.crashes = []
        self.excuses = []
        # Until then leases were held, so that nothing had to run out.
        self.held_until = 0.0
        self.watcher = watcher(cluster.members, self._journals())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.watcher.stop()

    # What the test says

    def killing(self, member):
        """To be called just before a member is killed."""
        self.crashes.append((member.name, time.monotonic()))

    def waking(self, member):
        """To be called when a paused member is woken: it may list the dead until it has heard its peers."""
        self.excuses.append((member.name, time.monotonic() + HOLD_SECONDS))

    # The judgement

    def hold(self, bound, members=None, expiry=EXPIRY_BOUND_SECONDS, healed=None):
        """Raises Failed with everything that does not hold. Prints what it measured. `healed`: when the fault was over, if that is not now."""
        complaints = self.judge(bound, members, expiry, healed)
        if complaints:
            shown = "\n  ".join(complaints[:COMPLAINTS_SHOWN])
            more = f"\n  and {len(complaints) - COMPLAINTS_SHOWN} more" if len(complaints) > COMPLAINTS_SHOWN else ""
            raise Failed(f"{len(complaints)} promises are broken:\n  {shown}{more}")

    def judge(self, bound, members=None, expiry=EXPIRY_BOUND_SECONDS, healed=None):
        """The complaints; `members`: those that are to agree, else all that run."""
        healed = healed or time.monotonic()
        members = members or [member for member in self.cluster.members if member.is_running]
        self.lost = {}
        for population in self.populations:
            population.churns(False)
        complaints = self._converge(members, healed, bound)
        complaints += self._compare_heartbeats(members, healed + bound)
        self._await_the_dead(expiry)
        complaints += [f"after the judgement's end: {complaint}" for complaint in self._differences(members)]
        complaints += self._outlived(healed, expiry) + self._told_unknown() + self._went_back()
        for journal in self._journals():
            with journal.lock:
                complaints += journal.complaints
            print(f"    {len(journal.entries)} instances: {journal.summary()}", flush=True)
        if self.crashes:
            longest = max(self.lost.values(), default=None)
            when = f", acknowledged up to {longest * 1000:.0f} ms before" if self.lost else ""
            print(f"    lost with their only holder: {len(self.lost)}{when}", flush=True)
        return list(dict.fromkeys(complaints))

    def _journals(self):
        return list(dict.fromkeys(population.journal for population in self.populations))

    def _entries(self):
        for journal in self._journals():
            with journal.lock:
                yield from list(journal.entries)

    def _converge(self, members, healed, bound):
        """Waits until nothing differs. Returns what still does when the bound has passed."""
        while True:
            complaints = self._differences(members)
            took = time.monotonic() - healed
            if not complaints:
                print(f"    converged {took:.1f} s after it was healed (bound {bound:g} s)", flush=True)
                return []
            if took > bound:
                return [f"{complaint} ({bound:g} s after it was healed)" for complaint in complaints]
            time.sleep(0.1)

    def _differences(self, members):
        """What is not as it must be, as of now. Lists are read before what is expected is worked out, and only entries that did not change meanwhile
        count."""
        client, complaints, lists = Client(), [], {}
        before = {entry: len(entry.changes) for entry in self._entries()}
        began = time.monotonic()
        try:
            digests = {member.name: member.digest() for member in members}
            for member in members:
                lists[member.name] = listing(client, member)
        except OSError as error:
            return [f"{type(error).__name__}: {error}"]
        finally:
            client.close()
        ended = time.monotonic()
        if len(set(digests.values())) > 1:
            # A lease that runs out between two answers makes two digests differ for as long as that takes.
            complaints.append(f"digests differ: {digests}")
        for entry, changes in before.items():
            if changes != len(entry.changes) or not changes:
                continue
            if entry.kind == "abandoned" and ended + SLACK_SECONDS > entry.last_touch.sent + entry.ttl:
                continue
            # Told less than a moment ago, it may be on its way.
            if entry.last_change.answered > began - SLACK_SECONDS:
                continue
            allowed = entry.states(self._forgettable(entry))
            for name, found in lists.items():
                one = found.get(entry.name)
                state = (one["metadata"]["number"], one["status"]) if one else None
                if state not in allowed:
                    complaints.append(f"{entry} is {words(state)} at {name}, and should be {' or '.join(map(words, allowed))}")
                elif state != state_of(entry) and not entry.uncertain:
                    self._note_loss(entry, entry.last_change)
        return complaints

    # Losses that are excused

    def _forgettable(self, entry):
        return [operation for operation in entry.changes if self._is_forgettable(operation)]

    def _is_forgettable(self, operation):
        return any(name == operation.member and killed - WINDOW_SECONDS < operation.answered for name, killed in self.crashes
                   if operation.answered < killed + WINDOW_SECONDS)

    def _note_loss(self, entry, operation):
        killed = min((killed for name, killed in self.crashes if name == operation.member), key=lambda killed: abs(killed - operation.answered), default=None)
        if killed is not None:
            self.lost[entry.name] = max(self.lost.get(entry.name, 0.0), killed - operation.answered)

    # The other promises

    def _compare_heartbeats(self, members, deadline):
        """While no client asks for anything: the same everywhere, to the last digit."""
        for population in self.populations:
            population.hush()
        try:
            client = Client()
            while True:
                time.sleep(LISTED_SECONDS)
                complaints, lists = [], {}
                try:
                    for member in members:
                        lists[member.name] = listing(client, member)
                except OSError as error:
                    complaints.append(f"{type(error).__name__}: {error}")
                for entry in self._entries():
                    told = {name: found[entry.name]["last_heartbeat"] for name, found in lists.items() if entry.name in found}
                    if len(set(told.values())) > 1:
                        complaints.append(f"last_heartbeat of {entry} differs: {told}")
                # Once more, if there is time: what is compared while it expires or is repaired is compared again.
                if not complaints or time.monotonic() + LISTED_SECONDS > deadline:
                    client.close()
                    return complaints
                for population in self.populations:
                    population.resume()
                time.sleep(1)
                for population in self.populations:
                    population.hush()
        finally:
            for population in self.populations:
                population.resume()

    def _await_the_dead(self, expiry):
        """Until everything that was abandoned should be gone, and a look more."""
        due = [entry.last_touch.answered + entry.ttl for entry in self._entries() if entry.kind == "abandoned" and entry.last_touch]
        due += [entry.uncertain_touch + entry.ttl for entry in self._entries() if entry.kind == "abandoned" and entry.uncertain_touch]
        remaining = max([*due, self.held_until]) + expiry + SLACK_SECONDS - time.monotonic()
        time.sleep(max(0.0, remaining) + 2 * WATCH_SECONDS)

    def _outlived(self, healed, expiry):
        complaints, latest = [], 0.0
        with self.watcher.lock:
            sightings = dict(self.watcher.sightings)
        for entry in self._entries():
            if entry.kind != "abandoned" or not (entry.last_touch or entry.uncertain_touch):
                continue
            touched = entry.last_touch.answered if entry.last_touch else 0
            if entry.uncertain_touch:
                touched = max(touched, entry.uncertain_touch, healed)
            for member in self.cluster.members:
                seen = sightings.get((member.name, entry.name))
                if seen is None or any(name == member.name and seen < until for name, until in self.excuses):
                    continue
                late = seen - max(touched + entry.ttl, self.held_until)
                latest = max(latest, late)
                if late > expiry + SLACK_SECONDS:
                    complaints.append(f"{entry} was still listed by {member} {late:.1f} s after its TTL of {entry.ttl} s")
        print(f"    the dead were listed for up to {latest:.1f} s after their TTL (bound {expiry:g} s)", flush=True)
        return complaints

    def _told_unknown(self):
        complaints = []
        for journal in self._journals():
            with journal.lock:
                unknown = list(journal.unknown)
            for member, entry, verb, change, since in unknown:
                if self._is_forgettable(change):
                    self._note_loss(entry, change)
                else:
                    complaints.append(f"{entry} was told by {member} that it is unknown ({verb}), {since:.1f} s after its last acknowledged heartbeat")
        return complaints

    def _went_back(self):
        entries = {entry.name: entry for entry in self._entries()}
        with self.watcher.lock:
            reversals = list(self.watcher.reversals)
        return [f"{entries[name]} went back from registration {before} to {after} at {member}" for member, name, before, after in reversals
                if name in entries and not entries[name].uncertain and not self._forgettable(entries[name])]


def state_of(entry):
    last = entry.last_change
    return None if last.verb == "deregister" else (last.number, last.status)


def words(state):
    return "gone" if state is None else f"registration {state[0]} {state[1]}"
