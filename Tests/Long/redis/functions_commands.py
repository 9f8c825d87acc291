"""Random commands for the functions in Redis: how they are chosen, sent to an engine and to the model, and how a failing sequence is made short.

A command is plain data and does not depend on what came before it: the epoch that is stored is looked up when it is sent. So commands can be taken out
of a failing sequence, one after the other, until each that is left is needed.
"""

import pprint

from functions_model import ENDLESS, Model, Reader, Refused, counted, state
from resp import ErrorReply

TAG = "{a8.3}"
CLOCK = "test:clock"
# A round number of a day in 2026, in microseconds.
START = 1_790_000_000_123_456
EPOCHS = ("00000000000000aa", "ffffffffffffff01")
RUNS = ("a" * 40, "b" * 40)
MEMBERS = ("m1", "m2", "m3")
NAMESPACES = (b"", b"tenant", b"\xc3\xa9:x")
NAMES = (b"0123456789abcdef", b"i-2", b"a\0b")
# So many that two namespaces have more than 20 of them at times.
CROWD = 50
GRACES = (0, 1_000, 30_000)
BUDGETS = (None, None, (1, 600_000), (50, 70_000), (100, 0))
# The words of a version, so that each of its four parts decides at times, and so do the highest bits.
WORDS = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFF00FF00)
STEPS = (0, 1, 250, 299, 300, 301, 1_000, 2_499, 2_500, 2_501, 3_000, 3_001, 10_000, 60_000, 15 * 60_000, 3_600_000, -2_000, -60_000)


def test_copy(library):
    """The library with a clock that tests set: a key, in microseconds."""
    real = "redis.call('TIME')"
    assert library.count(real) == 1, "the library reads its clock in another way than tests know"
    return library.replace(real, f"(function() local at = tonumber(redis.call('GET', '{CLOCK}')) return {{ math.floor(at / 1000000), at % 1000000 }} end)()")


class Chooser:
    """Chooses commands. `is_crowded`: for so many instances that a budget counts."""

    def __init__(self, random, is_crowded=False):
        self.random = random
        self.latest = 0
        self.is_crowded = is_crowded
        self.names = [b"i-%02d" % number for number in range(CROWD)] if is_crowded else NAMES

    def version(self):
        """Mostly later than all before it."""
        if self.random.random() < 0.6:
            # At times by about the time within which members do not know of each other.
            self.latest += 1 if self.random.random() < 0.8 else self.random.choice((1_999, 2_000, 2_001)) << 16
            return (self.latest << 64 | self.random.choice(WORDS)).to_bytes(16, "big")
        if self.random.random() < 0.5:
            return (max(0, self.latest - self.random.randrange(4)) << 64 | self.random.choice(WORDS)).to_bytes(16, "big")
        # Below all that count up, or above them for good.
        words = [self.random.choice(WORDS) for _ in range(4)]
        return b"".join(word.to_bytes(4, "big") for word in words)

    def key(self):
        return self.random.choice(NAMESPACES[:2] if self.is_crowded else NAMESPACES), self.random.choice(self.names)

    def item(self):
        choose = self.random.choice
        kind = choose("i" * 20 + "ts" if self.is_crowded else "iiiiitts")
        (namespace, name), version = self.key(), self.version()
        payload = bytes(self.random.randrange(256) for _ in range(choose((1, 3, 200))))
        return {
            "kind": kind, "namespace": namespace, "name": name, "version": version,
            "lease": choose((1, 1_000, 5_000, 30_000, 5_000 if self.is_crowded else ENDLESS)) if kind == "i" else choose((None, 0, 5_000)) if kind == "s" else None,
            "age": choose((0, 0, 0, 1, 700, 4_000, 40_000, TOMBSTONE_AGE)),
            "capacity": None if self.is_crowded else choose((None, None, 0, 1, 2, 3)),
            "state": state(kind, namespace, name, version, payload),
            "override": self.version() + b"word" if kind != "s" and self.random.random() < 0.3 else None,
            "changed": choose((None, None, 0, 1, 2, 999_999_999_999_999)) if kind == "i" else None}

    def command(self):
        """(name, arguments), or ("wait", ms)."""
        choose, chance = self.random.choice, self.random.random()
        if self.is_crowded and 0.88 < chance < 0.98:
            # What ends everything would seldom let a budget come to its second minute.
            chance = 0.65
        member = choose(MEMBERS)
        if chance < 0.34:
            return "put", {"member": member, "items": [self.item() for _ in range(choose((1, 5, 40, 80) if self.is_crowded else (1, 1, 2, 5)))]}
        if chance < 0.52:
            return "wait", choose((301, 1_000, 6_000, 20_000, 60_000)) if self.is_crowded else choose(STEPS[:13] if self.random.random() < 0.8 else STEPS)
        if chance < 0.72:
            budgets = BUDGETS if self.random.random() < 0.15 or not self.is_crowded else ((20, 600_000), (20, 75_000))
            return "tick", {"member": member, "about": choose((b"{}", b'{"version":"1"}')), "grace": 0 if self.is_crowded else choose(GRACES),
                            "limit": choose((0, 1, 2, 500, 500)), "budget": choose(budgets)}
        if chance < 0.82:
            rest = (-3_000, 0, 900, 5_000, 30_000, ENDLESS)
            return "renew", {"member": member, "items": [(*self.key(), choose(rest)) for _ in range(choose((0, 5, 20) if self.is_crowded else (0, 1, 3)))]}
        if chance < 0.88:
            return "get", {"keys": [self.key() for _ in range(choose((1, 3)))]}
        if chance < 0.91:
            return "open", {"wanted": choose(("", *EPOCHS, *(f"{epoch}.{generation}" for epoch in EPOCHS for generation in (1, 2, 3)), CURRENT)), "run": choose(RUNS)}
        return choose((
            ("heard", {"member": member, "data": bytes([self.random.randrange(256)]) * 5}),
            ("hold", {"grace": choose(GRACES)}),
            ("leave", {"member": member}),
            ("reseed", {"digits": choose(EPOCHS)}),
            ("stale", choose(("put", "renew", "heard", "tick", "hold", "leave", "reseed", "get"))),
            ("lose_m", None) if self.random.random() < 0.3 else ("wait", 100),
            ("flush", None) if self.random.random() < 0.3 else ("wait", 100)))


# Longer ago than a tombstone is kept.
TOMBSTONE_AGE = 16 * 60_000
# Stands for the epoch that is stored.
CURRENT = "CURRENT"


def number(value):
    return b"" if value is None else b"inf" if value == ENDLESS else b"%d" % value


def item_words(item):
    return [item["kind"], item["namespace"], item["name"], item["version"], number(item["lease"]), number(item["age"]), number(item["capacity"]),
            item["state"], item["override"] or b"", number(item.get("changed"))]


def words_of(name, arguments, epoch):
    """The command as it is sent."""
    match name:
        case "open":
            rest = ["1", epoch if arguments["wanted"] == CURRENT else arguments["wanted"], arguments["run"]]
            return ["FCALL", "a8_open", 1, f"{TAG}:m", *rest]
        case "put":
            rest = [arguments["member"], *(word for item in arguments["items"] for word in item_words(item))]
        case "renew":
            rest = [arguments["member"], len(arguments["items"]), *(word for key in arguments["items"] for word in (*key[:2], number(key[2])))]
        case "heard":
            rest = [arguments["member"], arguments["data"]]
        case "tick":
            rest = [arguments["member"], arguments["about"], arguments["grace"], arguments["limit"], "%d:%d" % arguments["budget"] if arguments["budget"] else ""]
        case "hold":
            rest = [arguments["grace"]]
        case "leave":
            rest = [arguments["member"]]
        case "reseed":
            rest = [arguments["digits"]]
        case "get":
            rest = [word for key in arguments["keys"] for word in key]
    return ["FCALL", f"a8_{name}", 1, f"{TAG}:m", epoch, *rest]


def answer_of(model, name, arguments, epoch):
    match name:
        case "open":
            return model.open(epoch if arguments["wanted"] == CURRENT else arguments["wanted"], arguments["run"])
        case "put":
            return model.put(epoch, arguments["items"])
        case "renew":
            # Nothing to renew is answered before anything is looked at.
            return model.renew(epoch, arguments["items"]) if arguments["items"] else b""
        case "heard":
            return model.heard(epoch, arguments["data"])
        case "tick":
            return model.tick(epoch, arguments["member"], arguments["about"], arguments["grace"], arguments["limit"], arguments["budget"])
        case "hold":
            return model.hold_for(epoch, arguments["grace"])
        case "leave":
            return model.leave(epoch, arguments["member"])
        case "reseed":
            return model.reseed(epoch, arguments["digits"])
        case "get":
            return model.get(epoch, arguments["keys"])


# With right arguments, for calls with a wrong epoch.
_ITEM = {"kind": "i", "namespace": b"tenant", "name": b"stale", "version": b"\xff" * 16, "lease": 1_000, "age": 0, "capacity": None,
         "state": state("i", b"tenant", b"stale", b"\xff" * 16, b"."), "override": b"\xff" * 16}
SAMPLES = {
    "put": {"member": "m9", "items": [_ITEM]}, "renew": {"member": "m9", "items": [(b"tenant", b"i-2", 99_000)]}, "heard": {"member": "m9", "data": b"."},
    "tick": {"member": "m9", "about": b"{}", "grace": 99_000, "limit": 500, "budget": None}, "hold": {"grace": 99_000}, "leave": {"member": "m1"},
    "reseed": {"digits": "1" * 16}, "get": {"keys": [(b"tenant", b"i-2")]}}


def dump(engine):
    """Every key of the shard with what it holds, as Model.keys has it."""
    names = sorted(key for key in engine.ask("KEYS", "*") if key.startswith(TAG.encode()))
    kinds = engine.ask_all([("TYPE", key) for key in names])
    questions = {"hash": lambda key: ("HGETALL", key), "zset": lambda key: ("ZRANGE", key, 0, -1, "WITHSCORES"), "set": lambda key: ("SMEMBERS", key),
                 "stream": lambda key: ("XRANGE", key, "-", "+")}
    found = {}
    for key, kind, value in zip(names, kinds, engine.ask_all([questions[kind](key) for key, kind in zip(names, kinds)])):
        fields = list(zip(value[::2], value[1::2]))
        if kind == "hash":
            in_m = key == f"{TAG}:m".encode()
            found[key] = {name.decode() if in_m else name: one for name, one in fields}
        elif kind == "zset":
            found[key] = {entry: float(score) for entry, score in fields}
        else:
            found[key] = set(value) if kind == "set" else [(entry, data[1]) for entry, data in value]
    return found


class Differs(Exception):
    """The engine did not do what the model says."""


def difference(expected, found):
    lines = []
    for key in sorted(expected.keys() | found.keys()):
        if expected.get(key) != found.get(key):
            lines.append(f"{key}: expected {pprint.pformat(expected.get(key))}\n found {pprint.pformat(found.get(key))}")
    return "\n".join(lines)


def perform(engine, commands, look_each=1):
    """Sends the commands to an empty engine and to a model. Raises Differs at the first that does not have its reply or its effect."""
    model = Model(TAG)
    model.now = START
    engine.ask("FLUSHALL")
    engine.ask("SET", CLOCK, model.now)
    middle = None
    for place, (name, arguments) in enumerate(commands):
        if name == "wait":
            model.now += arguments * 1_000 + (7 if arguments > 0 else 0)
            engine.ask("SET", CLOCK, model.now)
            continue
        if name == "flush":
            model.clear()
            middle = None
            engine.ask("FLUSHALL")
            engine.ask("SET", CLOCK, model.now)
            continue
        if name == "lose_m":
            model.lose_m()
            engine.ask("DEL", f"{TAG}:m")
            continue
        epoch = model.epoch or EPOCHS[0] + ".1"
        if name == "stale":
            name, arguments, epoch = arguments, SAMPLES[arguments], "0" * 16 + ".1"
        try:
            expected = answer_of(model, name, arguments, epoch)
        except Refused as refusal:
            expected = f"refused with {refusal}"
        try:
            found = engine.ask(*words_of(name, arguments, epoch))
        except ErrorReply as error:
            found = f"refused with {error.word}" if error.word.startswith("A8") else str(error)
        where = f"command {place}, {name}"
        if expected != found:
            raise Differs(f"{where}: expected {expected}, found {found}")
        if place % look_each == 0 or place == len(commands) - 1:
            keys = dump(engine)
            if model.keys() != keys:
                raise Differs(f"{where}: {difference(model.keys(), keys)}")
        if middle is None and place > len(commands) // 3:
            middle = (len(model.events), {kind: dict(what) for kind, what in model.held().items()}, set(model.forgotten))
    if commands:
        replay(model, 0, Reader())
    if middle:
        replay(model, middle[0], Reader(middle[1]))


def replay(model, start, reader):
    """A reader that has followed from some event on holds what is held, but for what was forgotten, of which there is no event."""
    for _, event in model.events[start:]:
        reader.take(event)
    for kind, held in model.held().items():
        for key, value in held.items():
            if reader.held[kind].get(key) != value:
                raise Differs(f"a reader from event {start} on has {reader.held[kind].get(key)} for {kind} {key}, not {value}")
        for key, value in reader.held[kind].items():
            if key not in held and (kind, *key, value) not in model.forgotten:
                raise Differs(f"a reader from event {start} on still has {kind} {key}: {value}")


def shortened(commands, fails):
    """The commands of which none can be left out, halves first."""
    size = len(commands) // 2
    while size:
        start = 0
        while start < len(commands):
            fewer = commands[:start] + commands[start + size:]
            if fails(fewer):
                commands = fewer
            else:
                start += size
        size //= 2
    return commands
