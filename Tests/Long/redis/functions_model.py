"""What the functions in Redis promise, once more and naively: dictionaries, no care for speed, written from docs/redis-functions.md and not from the Lua.

A model takes the commands that the functions take and gives the replies that they give. It also says what every key must hold afterwards, byte by byte,
so whatever the functions leave behind or forget shows at once. The states are those of Catalog's codec as far as the events' readers look into them.
"""

import struct

SWEEP_DELAY = 300
SILENCE = 2_500
PRESENCE = 3_000
MINUTE = 60_000
MOST_TOLD = 50
SAME_TIME = 2_000
LEAST = 10
SMALLEST = 20
TOMBSTONE_TIME = 15 * 60_000
OVERRIDE_TIME = 60 * 60_000
GENERATIONS = 16
ENDLESS = float("inf")


class Refused(Exception):
    """An error reply; the word it begins with."""


def counted(data):
    """After its count, in base 128, the lowest digit first."""
    count, digits = len(data), b""
    while count > 127:
        digits += bytes([count & 127 | 128])
        count >>= 7
    return digits + bytes([count]) + data


def uncounted(data):
    """What is counted at the start, and the rest."""
    count = shift = at = 0
    while True:
        count |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return data[at:at + count], data[at + count:]


def version_of(value):
    return int.from_bytes(value[:16], "big")


def version_after(version):
    """Its time 2 later, with an origin that no member has."""
    return ((version_of(version) >> 64) + 2).to_bytes(9, "big")[1:] + b"\xff" * 8


def state(kind, namespace, name, version, payload):
    """A state as StateCodec has it; kind is i, t or s. What is behind the name is the payload."""
    head = bytes([{"i": 1, "t": 2, "s": 4}[kind]]) + counted(namespace) + version
    if kind == "i":
        head += bytes(16)
    return counted(head + (b"" if kind == "s" else b"\x01") + counted(name) + payload)


def read_state(data):
    """Kind, namespace, name and version of a counted state."""
    data, rest = uncounted(data)
    assert not rest, "bytes behind a state"
    kind = {1: "i", 2: "t", 4: "s"}[data[0]]
    namespace, data = uncounted(data[1:])
    version, data = data[:16], data[16:]
    if kind == "i":
        data = data[16:]
    name, _ = uncounted(data if kind == "s" else data[1:])
    return kind, namespace, name, version


class Reader:
    """Whoever follows the stream: holds what its events have told, without judging any of it."""

    def __init__(self, held=None):
        self.held = {kind: dict(what) for kind, what in (held or {"i": {}, "t": {}, "o": {}, "s": {}}).items()}

    def take(self, event):
        kind, data = event[:1], event[1:]
        if kind in (b"p", b"v"):
            stands, data = (data[:16], data[16:]) if kind == b"v" else (None, data)
            count, size = uncounted(data)
            told, override = data[:len(data) - len(size)], uncounted(size)[0]
            kind, namespace, name, version = read_state(told)
            key = (namespace, name)
            for other in "it" if kind in "it" else "":
                self.held[other].pop(key, None)
            self.held[kind][key] = (stands or version) + told
            if override:
                self.held["o"][key] = override
        elif kind == b"x":
            namespace, data = uncounted(data[8:])
            while data:
                name, data = uncounted(data)
                version, data = data[:16], data[16:]
                assert self.held["i"].pop((namespace, name))[:16] == version, "another version than that which is held has run out"


class Instance:
    def __init__(self, value, lease, end, changed=None):
        self.value, self.lease, self.end, self.changed = value, lease, end, changed
        # Whether a budget holds it back.
        self.is_back = False


class Model:
    """One shard."""

    def __init__(self, tag):
        self.tag = tag
        self.now = 0
        self.clear()

    def clear(self):
        """As FLUSHALL does."""
        self.i, self.t, self.o, self.s = {}, {}, {}, {}
        # When a tombstone, an override or a word on a service is forgotten, and what was, ever.
        self.ends, self.forgotten = {}, set()
        self.events, self.last_id = [], 0
        self.members, self.about = {}, {}
        # By namespace: when it ends, how many may run out, how many have, since when some are held back.
        self.minutes = {}
        self.lose_m()

    def lose_m(self):
        """As DEL of m does."""
        self.epoch = self.run = self.hold = self.grown = self.seq = None
        self.bases = {}

    @property
    def at(self):
        """Milliseconds; now is in microseconds."""
        return self.now // 1_000

    # Commands

    def check(self, epoch):
        if self.epoch is None or epoch != self.epoch:
            raise Refused("A8EPOCH")

    def event(self, data):
        self.seq = (self.seq or 0) + 1
        self.last_id = self.seq
        self.grown = (self.grown or 0) + len(data)
        self.events.append((self.seq, data))
        return self.seq

    def open(self, wanted, run):
        if self.epoch is None:
            if "." in wanted or not wanted:
                return [b"", 0, self.at, 0, b""]
            self.seq = max(self.seq or 0, self.last_id)
            self.epoch, self.run, self.bases = wanted + ".1", run, {1: self.seq}
        elif self.run != run:
            digits, generation = self.epoch.split(".")
            generation = int(generation) + 1
            self.epoch, self.run = f"{digits}.{generation}", run
            self.bases[generation] = self.seq
            self.bases.pop(generation - GENERATIONS, None)
        base = b""
        digits, generation = self.epoch.split(".")
        if wanted.startswith(digits + ".") and int(wanted[17:]) < int(generation):
            missed = range(int(wanted[17:]) + 1, int(generation) + 1)
            base = min(self.bases.get(one, 0) for one in missed)
        return [self.epoch.encode(), self.seq, self.at, self.hold or 0, base]

    def reseed(self, epoch, digits):
        self.check(epoch)
        if self.epoch.startswith(digits + "."):
            raise Refused("A8ARG")
        self.epoch = digits + ".1"
        self.event(b"c" + self.epoch.encode())
        self.bases = {1: self.seq}
        return self.seq

    def put(self, epoch, items):
        self.check(epoch)
        answers = [self.put_one(**item) for item in items]
        return [self.seq, *answers]

    def put_one(self, kind, namespace, name, version, lease, age, capacity, state, override, changed=None):
        key, value = (namespace, name), version + state
        if kind == "s":
            if key in self.s and version_of(self.s[key]) >= version_of(version):
                return 0
            self.s[key] = value
            self.ends.pop(("s", *key), None)
            if lease is not None:
                self.ends["s", *key] = self.at + lease
            return self.event(b"p" + state + counted(b""))
        live, dead = self.i.get(key), self.t.get(key)
        floor = version_of(live.value) if live else -1
        taken = version_of(version) >= floor if kind == "t" else version_of(version) > floor
        if dead is not None and version_of(version) <= version_of(dead):
            taken = False
        told_again = False
        if kind == "i" and live and None not in (changed, live.changed) and changed != live.changed:
            apart = abs((version_of(version) >> 80) - (version_of(live.value) >> 80))
            if apart <= SAME_TIME and taken != (changed > live.changed):
                stands = version_after(version if taken else live.value)
                told_again, taken = True, not taken
                if taken:
                    version, value = stands, stands + state
                else:
                    live.value = stands + live.value[16:]
        here = len([1 for other in self.i if other[0] == namespace])
        if taken and kind == "i" and not live and capacity is not None and here >= capacity:
            return -1
        overrides = override is not None and (key not in self.o or version_of(override) > version_of(self.o[key]))
        if overrides:
            self.o[key] = override
        if kind == "i" and (live or taken):
            heard = self.at - age
            if live and live.end < ENDLESS and live.lease < ENDLESS:
                heard = max(heard, min(self.at, live.end - live.lease))
            if taken:
                is_same = live and live.is_back and live.end == heard + lease
                self.i[key] = Instance(value, lease, heard + lease, changed)
                self.i[key].is_back = bool(is_same)
            elif heard + live.lease > live.end:
                live.end, live.is_back = heard + live.lease, False
        if taken and kind == "i" and dead is not None:
            del self.t[key], self.ends["t", *key]
        if taken and kind == "t":
            self.i.pop(key, None)
            self.t[key] = value
            self.ends["t", *key] = self.at + TOMBSTONE_TIME - age
        if not taken and not overrides and not told_again:
            return 0
        if not taken and not overrides:
            pass
        elif key in self.o and key in self.i:
            self.ends.pop(("o", *key), None)
        elif key in self.o:
            self.ends["o", *key] = self.at + OVERRIDE_TIME - (age if kind == "t" else 0)
        standing = self.i[key].value if key in self.i else self.t[key]
        head = b"p" if taken and not told_again else b"v" + standing[:16]
        return self.event(head + standing[16:] + counted(self.o.get(key, b"")))

    def renew(self, epoch, items):
        self.check(epoch)
        answer = b""
        for namespace, name, rest in items:
            instance = self.i.get((namespace, name))
            answer += b"1" if instance else b"0"
            if instance and rest < ENDLESS and self.at + rest > instance.end:
                instance.end, instance.is_back = self.at + rest, False
        return answer

    def heard(self, epoch, data):
        self.check(epoch)
        return self.event(b"h" + data)

    def get(self, epoch, keys):
        self.check(epoch)
        answer = []
        for key in keys:
            answer += [self.i[key].value if key in self.i else self.t.get(key, b""), self.o.get(key, b"")]
        return answer

    def hold_for(self, epoch, grace):
        self.check(epoch)
        self.hold_until(self.at + grace)
        return self.hold

    def hold_until(self, moment):
        if moment > (self.hold or 0):
            self.hold = moment

    def leave(self, epoch, member):
        self.check(epoch)
        self.members.pop(member, None)
        self.about.pop(member, None)
        return "OK"

    def run_out(self, *keys):
        """Leases of one namespace."""
        told = b"".join(counted(name) + self.i.pop((namespace, name)).value[:16] for namespace, name in keys)
        self.event(b"x" + struct.pack(">Q", self.now) + counted(keys[0][0]) + told)
        for key in keys:
            if key in self.o:
                self.ends["o", *key] = self.at + OVERRIDE_TIME

    def held_back(self, namespace):
        """The oldest first."""
        return sorted((one.end, key[1]) for key, one in self.i.items() if one.is_back and key[0] == namespace)

    def begin_minute(self, namespace, share):
        count = len([1 for key in self.i if key[0] == namespace])
        since = self.minutes.get(namespace, (0, 0, 0, 0))[3]
        self.minutes[namespace] = [self.at + MINUTE, ENDLESS if count < SMALLEST else max(LEAST, count * share // 100), 0, since]

    def sweep(self, overdue, budget, limit):
        """D551-D553. Returns how many have run out, and whether there may be more."""
        share, longest = budget or (100, 0)
        released = 0
        for namespace in list(self.minutes):
            if budget and self.minutes[namespace][0] <= self.at and self.held_back(namespace):
                self.begin_minute(namespace, share)
            for end, name in self.held_back(namespace):
                minute = self.minutes[namespace]
                if released == limit or budget and minute[2] >= minute[1] and end + longest > self.at:
                    break
                self.run_out((namespace, name))
                minute[2] += 1
                released += 1
        if not budget and not self.minutes:
            for namespace in dict.fromkeys(key[0] for _, _, key in overdue):
                keys = [key for _, _, key in overdue if key[0] == namespace]
                for start in range(0, len(keys), MOST_TOLD):
                    self.run_out(*keys[start:start + MOST_TOLD])
            return len(overdue), False
        gone = 0
        for end, _, key in overdue:
            namespace = key[0]
            minute = self.minutes.get(namespace)
            if budget and (minute is None or minute[0] <= self.at):
                if len([1 for other in self.i if other[0] == namespace]) >= SMALLEST:
                    self.begin_minute(namespace, share)
                    minute = self.minutes[namespace]
                else:
                    minute = None
            may_go = not budget or minute is None or end + longest <= self.at
            if may_go or minute[2] < minute[1] and not self.held_back(namespace):
                self.run_out(key)
                gone += 1
                if minute:
                    minute[2] += 1
            else:
                self.i[key].is_back = True
                minute[3] = minute[3] or self.at
        return released + gone, released == limit

    def tick(self, epoch, member, about, grace, limit, budget):
        self.check(epoch)
        overdue = sorted((one.end, b"\0".join(key), key) for key, one in self.i.items() if one.end <= self.at - SWEEP_DELAY and not one.is_back)[:limit]
        over = sorted((end, b"\0".join((entry[0].encode() + entry[1], entry[2])), entry) for entry, end in self.ends.items() if end <= self.at)[:limit]

        for other, last in list(self.members.items()):
            if other != member and last > self.at:
                self.members[other] = self.at
        silent = {other for other, last in self.members.items() if self.at - last > SILENCE}
        for other in silent - {member}:
            if self.members[other] + grace > self.at:
                self.hold_until(self.members[other] + grace)
            else:
                del self.members[other], self.about[other]
        heard = {other for other, last in self.members.items() if self.at - last <= SILENCE} - {member}
        is_first = member not in self.members and not heard and (self.i or self.minutes)
        if member in silent or is_first:
            self.hold_until(self.at + grace)
        self.members[member], self.about[member] = self.at, about
        present = len([1 for last in self.members.values() if self.at - last <= PRESENCE])

        swept, more = 0, len(over) == limit
        if self.at >= (self.hold or 0):
            swept, is_long = self.sweep(overdue, budget, limit)
            more = more or is_long or len(overdue) == limit
        for _, _, (kind, *key) in over:
            value = getattr(self, kind).pop(tuple(key))
            self.forgotten.add((kind, *key, value))
            del self.ends[kind, *key]
        held_back = []
        for namespace, minute in list(self.minutes.items()):
            count = len(self.held_back(namespace))
            minute[3] = minute[3] if count else 0
            held_back += [namespace, count, minute[3]] if count else []
            if not count and minute[0] <= self.at:
                del self.minutes[namespace]
        return [self.at, self.hold or 0, swept, 1 if more and limit else 0, present, self.seq or 0, held_back, self.next_sweep()]

    def next_sweep(self):
        ends = [one.end for one in self.i.values() if not one.is_back and one.end < ENDLESS]
        return min(ends) + SWEEP_DELAY if ends else 0

    # What the keys hold

    def held(self):
        """By kind, as a reader of the stream holds it."""
        return {"i": {key: one.value for key, one in self.i.items()}, "t": self.t, "o": self.o, "s": self.s}

    def keys(self):
        """Every key with what it holds; a sorted set as scores by entry, a stream as a list of ids and bytes."""
        found = {"m": {}, "z": {}, "b": {}, "g": {}, "n": set(), "a": {}, "w": {}, "e": []}
        if self.epoch is not None:
            found["m"] = {"schema": b"1", "epoch": self.epoch.encode(), "run": self.run.encode(), "seq": b"%d" % self.seq}
            found["m"] |= {f"base:{generation}": b"%d" % seq for generation, seq in self.bases.items()}
        found["m"] |= {} if self.hold is None else {"hold": b"%d" % self.hold}
        found["m"] |= {} if self.grown is None else {"grown": b"%d" % self.grown, "mark": b"0"}
        for kind, what in self.held().items():
            for (namespace, name), value in what.items():
                if kind == "i":
                    one = self.i[namespace, name]
                    value += struct.pack(">d", one.lease) if one.changed is None else struct.pack(">dd", one.changed, -one.lease)
                found.setdefault(f"{kind}:".encode() + namespace, {})[name] = value
                found["n"].add(namespace)
        found["z"] = {b"\0".join(key): float(one.end) for key, one in self.i.items() if not one.is_back}
        for (namespace, name), one in self.i.items():
            if one.is_back:
                found.setdefault(b"y:" + namespace, {})[name] = float(one.end)
        found["b"] = {namespace: b"%d %s %d %d" % (ends, b"inf" if may == ENDLESS else b"%d" % may, count, since)
                      for namespace, (ends, may, count, since) in self.minutes.items()}
        found["g"] = {kind.encode() + namespace + b"\0" + name: float(end) for (kind, namespace, name), end in self.ends.items()}
        found["a"] = {member.encode(): float(last) for member, last in self.members.items()}
        found["w"] = {member.encode(): about for member, about in self.about.items()}
        found["e"] = [(b"%d-0" % seq, data) for seq, data in self.events]
        return {self.tag.encode() + b":" + (name if isinstance(name, bytes) else name.encode()): what for name, what in found.items() if what}
