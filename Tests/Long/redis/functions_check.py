#!/usr/bin/env python3
"""Checks the functions that run inside Redis, on Redis and on Valkey: by random commands beside a model, and by what goes wrong around them.

Usage: functions_check.py [--venv DIR] [CHECK...]

FUNCTIONS_SEED is the first seed (chosen and printed without), FUNCTIONS_SEQUENCES how many sequences each engine gets. A sequence that fails is made as
short as it goes and printed. The rules that are named are those of docs/redis-functions.md.
"""

import os
import pathlib
import random
import struct
import sys
import time

from engines import FLAVORS, ROOT, Failed, Single, SixNodes, check, wait_until

import checks
import functions_commands as commands
import functions_faults
from functions_commands import SAMPLES, TAG, Chooser, Differs, dump, item_words, number, perform, shortened, words_of
from functions_model import ENDLESS, Model, state, uncounted
from resp import ErrorReply

LIBRARY = ROOT / "Sources" / "CRedisFunctions" / "functions.lua"
SEQUENCES = int(os.environ.get("FUNCTIONS_SEQUENCES", "400"))
SEED = int(os.environ.get("FUNCTIONS_SEED", random.SystemRandom().randrange(1_000_000)))
COMMANDS = 70
# As many sequences find each seeded fault.
FAULT_SEQUENCES = 150
EPOCH = "00000000000000aa"
RUN = "c" * 40
MANY = 100_000
STATE_BYTES = 200
WRITERS = ("put", "renew", "heard", "tick", "hold", "leave", "reseed")


def library():
    return LIBRARY.read_text()


def load(engine, text):
    engine.ask("FUNCTION", "LOAD", "REPLACE", text)


def call(engine, name, *words, epoch=EPOCH + ".1", tag=TAG):
    return engine.ask("FCALL", f"a8_{name}", 1, f"{tag}:m", epoch, *words)


def opened(engine, text=None):
    """An empty shard, opened by these functions, in real time."""
    engine.ask("FLUSHALL")
    load(engine, text or library())
    engine.ask("FCALL", "a8_open", 1, f"{TAG}:m", "1", EPOCH, RUN)


def item(kind, name, count, namespace=b"tenant", lease=30_000, age=0, capacity=None, override=None, payload=b".", changed=None):
    """An item of put, in the version with this count."""
    version = count.to_bytes(16, "big")
    return item_words({
        "kind": kind, "namespace": namespace, "name": name, "version": version, "lease": lease if kind == "i" else None, "age": age,
        "capacity": capacity, "state": state(kind, namespace, name, version, payload), "override": override, "changed": changed})


def refusal(action):
    """The error that it is answered with, '' when it is not."""
    try:
        action()
    except ErrorReply as error:
        return str(error)
    return ""


def on_both(function):
    """A check for each engine, named after it."""
    def made(flavor):
        def run(options):
            with Single(flavor, venv=options.venv) as single, single.engine.connect(timeout=60) as engine:
                function(engine, library())

        run.__name__ = f"{function.__name__}_on_{flavor}"
        return run

    return [made(flavor) for flavor in FLAVORS]


# By random commands

def sequence(seed):
    """The commands of a seed. Most begin with a shard that is open."""
    chooser = Chooser(random.Random(seed), is_crowded=seed % 3 == 0)
    first = [("open", {"wanted": commands.EPOCHS[0], "run": commands.RUNS[0]})] if seed % 10 else []
    return first + [chooser.command() for _ in range(COMMANDS)]


def complaint(engine, sent):
    """What is wrong after these commands, '' when all is right."""
    try:
        perform(engine, sent)
    except (Differs, AssertionError, KeyError) as failure:
        return f"{type(failure).__name__}: {failure}"
    return ""


def random_commands_do_what_a_model_does(engine, text, seeds=None):
    """D501–D504, D511, D521–D531, D551–D553: replies, every key, and what a reader of the stream holds."""
    load(engine, commands.test_copy(text))
    for seed in seeds or range(SEED, SEED + SEQUENCES):
        sent = sequence(seed)
        if not complaint(engine, sent):
            continue
        few = shortened(sent, lambda fewer: complaint(engine, fewer))
        print(f"  FUNCTIONS_SEED={seed} fails; of its {len(sent)} commands these are needed:")
        for one in few:
            print(f"    {one}")
        raise Failed(complaint(engine, few))


# Calls that are wrong

def bad_calls():
    """Calls with one thing wrong, and what each is called."""
    good = item("i", b"bad", 9, override=b"\xff" * 20)
    put = [(0, b"q", "kind"), (1, b"a\0b", "namespace"), (1, b"n" * 16_385, "namespace"), (2, b"", "id"), (2, b"i" * 16_385, "id"), (3, b"v" * 15, "version"),
           (3, b"v" * 17, "version"), (4, b"", "lease"), (4, b"0", "lease"), (4, b"-1", "lease"), (4, b"1.5", "lease"), (4, b"1e3", "lease"),
           (4, b"0x10", "lease"), (4, b" 5", "lease"), (4, b"INF", "lease"), (4, b"9" * 15, "lease"), (5, b"-1", "age"), (5, b"x", "age"),
           (6, b"x", "capacity"), (6, b"-1", "capacity"), (7, b"", "state"), (7, b"s" * 1_048_577, "state"), (8, b"v" * 15, "override"),
           (9, b"-1", "time of a change"), (9, b"1.5", "time of a change"), (9, b"9" * 16, "time of a change")]
    for place, value, what in put:
        bad = list(good)
        bad[place] = value
        # The item before it is right, and must not be taken either.
        yield f"put with the {what} {value[:20]!r}", ["put", EPOCH + ".1", "m", *item("i", b"before", 9), *bad]
    yield "a tombstone with a lease", ["put", EPOCH + ".1", "m", *item("t", b"x", 9)[:4], b"5", *item("t", b"x", 9)[5:]]
    yield "a service with an override", ["put", EPOCH + ".1", "m", *item("s", b"x", 9)[:8], b"v" * 16, b""]
    yield "a tombstone with the time of a change", ["put", EPOCH + ".1", "m", *item("t", b"x", 9)[:9], b"5"]
    yield "a put of nothing", ["put", EPOCH + ".1", "m"]
    yield "a put of no epoch", ["put"]
    yield "a put of half an item", ["put", EPOCH + ".1", "m", *good[:5]]
    yield "a put without a member", ["put", EPOCH + ".1", "", *good]
    yield "a put of 129 items", ["put", EPOCH + ".1", "m", *(word for at in range(129) for word in item("i", b"%d" % at, 9))]
    renew = [["m"], ["m", "2", "a", "b", "5"], ["m", "1", "a", "b", "x"], ["m", "1", "a", "", "5"], ["m", "1", "a\0b", "c", "5"], ["m", "-1"],
             ["m", "1", "a", "b", "--5"], ["m", "1", "a", "b", "-inf"], ["", "1", "a", "b", "5"], ["m", "1001", *["a", "b", "5"] * 1_001]]
    yield from ((f"renew {words[:5]}", ["renew", EPOCH + ".1", *words]) for words in renew)
    ticks = [["m", "{}", "x", "1", ""], ["m", "{}", "1", "501", ""], ["m", "{}", "1", "-1", ""], ["m", "{}", "1", "1", "101:5"], ["m", "{}", "1", "1", "0:5"],
             ["m", "{}", "1", "1", "20"], ["m", "{}", "1", "1", "20:"], ["m", "{}", "1", "1", "x:5"], ["m", "{}", "1", "1", "20:5:5"],
             ["", "{}", "1", "1", ""], ["m", "", "1", "1", ""], ["m", "a" * 4_097, "1", "1", ""], ["m" * 257, "{}", "1", "1", ""], ["m", "{}", "1", "1"]]
    yield from ((f"tick {[word[:9] for word in words]}", ["tick", EPOCH + ".1", *words]) for words in ticks)
    yield from ((f"{name} {words}", [name, EPOCH + ".1", *words]) for name, words in (
        ("heard", ["m"]), ("heard", ["m", ""]), ("heard", ["", "x"]), ("hold", []), ("hold", ["x"]), ("leave", []), ("get", []), ("get", ["a"]), ("get", ["a\0", "b"]),
        ("reseed", []), ("reseed", ["x"]), ("reseed", ["1" * 16 + ".1"]), ("reseed", [EPOCH])))
    yield from ((f"open {words}", ["open", *words]) for words in (
        ["1", EPOCH], ["1", EPOCH + "x", RUN], ["1", EPOCH[1:], RUN], ["1", "g" * 16, RUN], ["1", EPOCH + ".", RUN], ["1", EPOCH + ".1.1", RUN], ["1", EPOCH, ""],
        ["1", EPOCH, "r" * 65]))


def wrong_arguments_change_nothing(engine, text):
    """D541: the error says that an argument is wrong, and everything is as it was."""
    opened(engine, text)
    call(engine, "put", "m", *item("i", b"a", 1), *item("t", b"b", 1), *item("s", b"c", 1), *item("i", b"bad", 1, override=b"\0" * 20))
    call(engine, "tick", "m", "{}", 1_000, 0, "")
    before = dump(engine)
    for what, (name, *words) in bad_calls():
        said = refusal(lambda name=name, words=words: engine.ask("FCALL", f"a8_{name}", 1, f"{TAG}:m", *words))
        check(said.startswith("A8ARG "), f"{what}: {said!r}")
        check(dump(engine) == before, f"{what} changed something")
    for keys in ([], ["x"], ["{x}:m", "{x}:z"], ["x:m"], [""]):
        said = refusal(lambda keys=keys: engine.ask("FCALL", "a8_hold", len(keys), *keys, EPOCH + ".1", 5))
        check(said.startswith("A8ARG "), f"the keys {keys}: {said!r}")
    check(dump(engine) == before, "wrong keys changed something")


def a_foreign_epoch_or_schema_changes_nothing(engine, text):
    """D541: nothing is done for whoever knows another epoch, or none."""
    opened(engine, text)
    call(engine, "put", "m", *item("i", b"a", 1))
    before = dump(engine)
    for name, arguments in SAMPLES.items():
        for epoch in ("", EPOCH, EPOCH + ".2", EPOCH + ".10", "1" * 16 + ".1"):
            said = refusal(lambda name=name, arguments=arguments, epoch=epoch: engine.ask(*words_of(name, arguments, epoch)))
            check(said.startswith("A8EPOCH "), f"{name} with the epoch {epoch!r}: {said!r}")
    for schema in ("2", "", "0"):
        said = refusal(lambda schema=schema: engine.ask("FCALL", "a8_open", 1, f"{TAG}:m", schema, EPOCH, RUN))
        check(said.startswith("A8SCHEMA "), f"schema {schema!r}: {said!r}")
    check(dump(engine) == before, "something has changed")
    engine.ask("HSET", f"{TAG}:m", "schema", "2")
    said = refusal(lambda: engine.ask("FCALL", "a8_open", 1, f"{TAG}:m", "1", EPOCH, RUN))
    check(said.startswith("A8SCHEMA "), f"another schema is stored: {said!r}")


def keys_of_another_program_change_nothing(engine, text):
    """D541: whichever key is of another type, the call fails before its first write."""
    for kind in (b"m", b"z", b"g", b"n", b"e", b"a", b"w", b"i:tenant", b"t:tenant", b"o:tenant", b"s:tenant", b"y:tenant", b"b"):
        opened(engine, text)
        # An instance that is overdue with an override, a tombstone to be forgotten, and another namespace's, so that there is something to do.
        call(engine, "put", "m", *item("i", b"old", 1, lease=1, age=10_000, override=b"\1" * 16), *item("t", b"gone", 1, age=10 * 3_600_000),
             *item("i", b"other", 1, namespace=b"other", lease=1, age=10_000))
        call(engine, "tick", "m", "{}", 0, 0, "")
        engine.ask("DEL", TAG.encode() + b":" + kind)
        engine.ask("SET", TAG.encode() + b":" + kind, "theirs")

        def everything():
            return {key: engine.ask("DUMP", key) for key in sorted(engine.ask("KEYS", "*"))}

        before = everything()
        calls = {"put": ["m", *item("i", b"new", 2, namespace=b"fresh"), *item("i", b"old", 2), *item("s", b"old", 2)], "tick": ["m2", "{}", 0, 500, ""],
                 "renew": ["m", 1, b"tenant", b"old", 5_000], "heard": ["m", "x"], "leave": ["m"], "reseed": ["1" * 16], "hold": [5_000]}
        # What does not touch the key works on.
        untouched = {b"m": (), b"z": ("heard", "leave", "reseed", "hold"), b"g": ("renew", "heard", "leave", "reseed", "hold"),
                     b"n": ("renew", "heard", "leave", "reseed", "hold"), b"e": ("renew", "leave", "hold"), b"a": ("put", "renew", "heard", "reseed", "hold"),
                     b"w": ("put", "renew", "heard", "reseed", "hold"), b"b": ("heard", "leave", "reseed", "hold")}.get(kind, ("renew", "heard", "leave", "reseed", "hold"))
        for name, words in calls.items():
            if name not in untouched:
                said = refusal(lambda name=name, words=words: call(engine, name, *words))
                check(said.startswith("WRONGTYPE "), f"{name} where {kind} is another program's: {said!r}")
                check(everything() == before, f"{name} where {kind} is another program's changed something")


# What is around the functions

def a_full_store_renews_and_sweeps(engine, text):
    """D542: what brings more is refused whole; what keeps or frees works."""
    opened(engine, text)
    call(engine, "put", "m", *item("i", b"living", 1), *item("i", b"dying", 1, lease=1, age=5_000), *item("i", b"kept", 1))
    engine.ask("CONFIG", "SET", "maxmemory", 500_000)
    before = dump(engine)
    for name, words in (("put", ["m", *item("i", b"new", 2)]), ("put", ["m", *item("t", b"kept", 2)]), ("heard", ["m", "x"])):
        said = refusal(lambda name=name, words=words: call(engine, name, *words))
        check(said.startswith("OOM "), f"{name} on a full store: {said!r}")
    check(dump(engine) == before, "a refused call changed something")
    check(call(engine, "renew", "m", 2, b"tenant", b"living", 90_000, b"tenant", b"nobody", 90_000) == b"10", "a renewal was refused")
    check(float(engine.ask("ZSCORE", f"{TAG}:z", b"tenant\0living")) > float(before[f"{TAG}:z".encode()][b"tenant\0living"]) + 50_000, "nothing was renewed")
    check(call(engine, "tick", "m", "{}", 0, 0, "")[2] == 0, "the first tick")
    answer = call(engine, "tick", "m", "{}", 0, 500, "")
    check(answer[2] == 1, f"what is overdue was not swept: {answer}")
    check(call(engine, "get", b"tenant", b"dying") == [b"", b""], "what was swept is there")
    check(call(engine, "hold", 5) > 0 and call(engine, "leave", "m") == "OK", "hold or leave")
    check(engine.ask("FCALL", "a8_open", 1, f"{TAG}:m", "1", "", RUN)[0] == (EPOCH + ".1").encode(), "opening it")
    check(refusal(lambda: call(engine, "reseed", "1" * 16)) == "", "seeding it anew")
    engine.ask("CONFIG", "SET", "maxmemory", 0)
    check(call(engine, "put", "m", *item("i", b"new", 2), epoch="1" * 16 + ".1")[1] > 0, "room was made, and a put is refused")


def a_replica_answers_questions_alone(flavor):
    """D528, D543."""
    def run(options):
        with Single(flavor, venv=options.venv) as single:
            replica = single.add("replica", options={"replicaof": f"127.0.0.1 {single.engine.port}"}).start().wait_ready()
            with single.engine.connect() as master, replica.connect() as engine:
                wait_until("the replica to follow", lambda: replica.info("replication")["master_link_status"] == "up", 20)
                opened(master)
                call(master, "put", "m", *item("i", b"a", 1, lease=1, age=9_000), *item("i", b"b", 1, override=b"\1" * 16), *item("t", b"c", 1))
                call(master, "tick", "m", "{}", 0, 500, "")
                call(master, "tick", "m", "{}", 0, 500, "")
                check(master.ask("WAIT", 1, 5_000) == 1, "the replica has not taken it")
                check(dump(engine) == dump(master), "the replica holds something else")
                before = dump(engine)
                for name in WRITERS:
                    said = refusal(lambda name=name: engine.ask(*words_of(name, SAMPLES[name], EPOCH + ".1")))
                    check(said.startswith("READONLY "), f"{name} at a replica: {said!r}")
                said = refusal(lambda: engine.ask("FCALL", "a8_open", 1, f"{TAG}:m", "1", EPOCH, RUN))
                check(said.startswith("READONLY "), f"open at a replica: {said!r}")
                check(dump(engine) == before, "a replica was written")
                check(engine.ask("FCALL_RO", "a8_get", 1, f"{TAG}:m", EPOCH + ".1", b"tenant", b"b")[0] != b"", "a question to a replica")
                check(engine.ask("FCALL_RO", "a8_version", 0) == master.ask("FCALL", "a8_version", 0) > 0, "the version at a replica")

    run.__name__ = f"a_replica_answers_questions_alone_on_{flavor}"
    return run


def streams_are_bounded(engine, text):
    """D512: by entries and by bytes, and what is left has no gap."""
    opened(engine, text)
    for _ in range(110):
        engine.ask_all([("FCALL", "a8_heard", 1, f"{TAG}:m", EPOCH + ".1", "m", b"x")] * 100)
    length = engine.ask("XLEN", f"{TAG}:e")
    check(10_000 <= length <= 10_200, f"the stream keeps {length} entries")
    check(engine.ask("XRANGE", f"{TAG}:e", "-", "+", "COUNT", 1)[0][0] == b"%d-0" % (11_001 - length), "the oldest are not those that went")
    opened(engine, text)
    data = bytes(500_000)
    for at in range(60):
        call(engine, "heard", "m", data)
        entries = engine.ask("XLEN", f"{TAG}:e")
        check(entries >= min(at, 8), f"{entries} entries are left of {at + 1}")
        check(entries <= 19, f"{entries} entries of 500 kB are kept")
    seqs = [int(entry.split(b"-")[0]) for entry, _ in engine.ask("XRANGE", f"{TAG}:e", "-", "+")]
    check(seqs == list(range(61 - len(seqs), 61)), f"a gap in {seqs}")


def time_is_the_engines(engine, text):
    """D529: leases end by the engine's own clock, and with the margin."""
    opened(engine, text)
    call(engine, "tick", "m", "{}", 0, 0, "")
    put = call(engine, "put", "m", *item("i", b"a", 1, lease=300))
    deadline = float(engine.ask("ZSCORE", f"{TAG}:z", b"tenant\0a"))
    seconds, microseconds = engine.ask("TIME")
    now = int(seconds) * 1_000 + int(microseconds) // 1_000
    check(put[1] > 0 and 0 <= now - (deadline - 300) < 5_000, f"the deadline is {deadline - now} ms from now")

    def swept():
        answer = call(engine, "tick", "m", "{}", 0, 500, "")
        check(answer[0] >= deadline + 300 or answer[2] == 0, f"swept {answer[0] - deadline} ms behind its deadline")
        return answer[2]

    wait_until("the instance to run out", swept, 20)
    _, (_, event) = engine.ask("XREVRANGE", f"{TAG}:e", "+", "-", "COUNT", 1)[0]
    at = struct.unpack(">Q", event[1:9])[0]
    check(event[:1] == b"x" and at >= (deadline + 300) * 1_000, f"the event is {event}")


def leases_that_run_out_together_are_told_together(engine, text):
    """D513: those of a namespace, 50 in an event."""
    opened(engine, text)
    call(engine, "tick", "m", "{}", 0, 0, "")
    words = [item("i", b"%d" % at, at + 1, namespace=b"other" if at == 60 else b"tenant", lease=1, age=10_000) for at in range(132)]
    for start in (0, 100):
        seq = call(engine, "put", "m", *(word for one in words[start:start + 100] for word in one))[0]
    answer = call(engine, "tick", "m", "{}", 0, 500, "")
    check(answer[2:4] == [132, 0], f"the answer is {answer}")
    told = []
    for _, (_, event) in engine.ask("XRANGE", f"{TAG}:e", f"({seq}-0", "+"):
        namespace, rest = uncounted(event[9:])
        names = []
        while rest:
            name, rest = uncounted(rest)
            check(rest[:16] == (int(name) + 1).to_bytes(16, "big"), f"the version of {name} is {rest[:16]}")
            names, rest = [*names, name], rest[16:]
        told.append((namespace, len(names)))
    check(sorted(told) == [(b"other", 1), (b"tenant", 31), (b"tenant", 50), (b"tenant", 50)], f"the events are of {told}")
    check(engine.ask("EXISTS", *(f"{TAG}:{kind}" for kind in ("z", "n", "i:tenant", "i:other"))) == 0, "something is left")


def its_version_is_in_it(engine, text):
    """D545."""
    load(engine, text)
    check(f"local VERSION = {engine.ask('FCALL_RO', 'a8_version', 0)}\n" in text, "a8_version tells another version")
    said = refusal(lambda: engine.ask("FUNCTION", "LOAD", text))
    check("already exists" in said, f"loading it twice: {said!r}")


def a_slot_on_its_way_is_left_alone(flavor):
    """D544: neither node writes or answers while the keys of a shard are at two; before and after it they do."""
    def run(options):
        with SixNodes(flavor, venv=options.venv) as nodes:
            slot = nodes.slot(TAG)
            source = nodes.owner(slot)
            target = next(node for node in nodes.masters() if node is not source)
            for master in nodes.masters():
                master.ask("FUNCTION", "LOAD", library())
            with source.connect() as old, target.connect() as new:
                def stored():
                    """What both nodes have, as they would send it to others."""
                    found = {}
                    for engine in (old, new):
                        for key in engine.ask("CLUSTER", "GETKEYSINSLOT", slot, 1_000):
                            engine.ask("ASKING")
                            found[key] = engine.ask("DUMP", key)
                    return found

                old.ask("FCALL", "a8_open", 1, f"{TAG}:m", "1", EPOCH, RUN)
                call(old, "tick", "m", "{}", 0, 0, "")
                call(old, "put", "m", *item("i", b"a", 1, lease=1, age=9_000, override=b"\1" * 16), *item("t", b"b", 1, age=3_600_000),
                     *item("i", b"c", 1, namespace=b"other"), *item("s", b"d", 1))
                whole = stored()
                nodes.begin_migration(slot, target)
                calls = {"put": ["m", *item("i", b"e", 2, namespace=b"fresh"), *item("i", b"c", 2)], "tick": ["m", "{}", 0, 500, ""],
                         "renew": ["m", 1, b"other", b"c", 99_000], "heard": ["m", "x"], "leave": ["m"], "hold": [9_000], "get": [b"other", b"c"]}
                keys = old.ask("CLUSTER", "GETKEYSINSLOT", slot, 1_000)
                random.Random(SEED).shuffle(keys)
                for moved in range(len(keys) + 1):
                    for name, words in calls.items():
                        for engine in (old, new):
                            if engine is new:
                                new.ask("ASKING")
                            said = refusal(lambda name=name, words=words, engine=engine: call(engine, name, *words))
                            where = f"{name} at the {'new' if engine is new else 'old'} node with {moved} keys of {len(keys)} moved"
                            check(said.startswith(("ASK ", "TRYAGAIN ")) or "non local key" in said, f"{where}: {said!r}")
                            check(stored() == whole, f"{where} changed something: {said}")
                    if moved < len(keys):
                        old.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 5_000, "KEYS", keys[moved])
                nodes.end_migration(slot, target)
                for name, words in calls.items():
                    said = refusal(lambda name=name, words=words: call(old, name, *words))
                    check(said.startswith("MOVED "), f"{name} at the old node behind the move: {said!r}")
                    call(new, name, *words)

    run.__name__ = f"a_slot_on_its_way_is_left_alone_on_{flavor}"
    return run


# Numbers, which are printed and not judged

def used_memory(engine):
    lines = engine.ask("INFO", "memory").decode().splitlines()
    return int(next(line.split(":")[1] for line in lines if line.startswith("used_memory:")))


def numbers(engine, text):
    """Memory of an instance, and the sweep of all of them at once. The goal is 450 bytes with a state of 200 and an id of 16 digits."""
    opened(engine, text)
    call(engine, "tick", "m", "{}", 0, 0, "")
    empty = used_memory(engine)
    began = time.monotonic()
    sizes = set()
    for start in range(0, MANY, 100):
        items = []
        for at in range(start, start + 100):
            words = item("i", b"%016x" % (at * 0x9E3779B97F4A7C15 % 2**64), at + 1, lease=60_000, payload=bytes(STATE_BYTES - 60))
            sizes.add(len(words[7]))
            items += words
        call(engine, "put", "m", *items)
    seconds = time.monotonic() - began
    stream = engine.ask("MEMORY", "USAGE", f"{TAG}:e", "SAMPLES", 0)
    print(f"  {MANY} instances with states of {sorted(sizes)} bytes: {(used_memory(engine) - empty - stream) / MANY:.0f} bytes each, and {stream / 1e6:.1f} MB of stream; "
          f"put in {seconds:.1f} s, 100 a call")
    ids = engine.ask("HKEYS", f"{TAG}:i:tenant")
    began = time.monotonic()
    for start in range(0, MANY, 1_000):
        call(engine, "renew", "m", 1_000, *(word for one in ids[start:start + 1_000] for word in (b"tenant", one, 70_000)))
    seconds = time.monotonic() - began
    print(f"  renewed in {seconds:.2f} s, 1,000 a call: {MANY / seconds:.0f} a second")
    for limit in (500, 100):
        # All of them are over at once: their deadlines are moved behind the functions' back.
        engine.ask("EVAL", "for _, one in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZADD', KEYS[1], ARGV[1], one) end", 1, f"{TAG}:z",
                   int(time.time() * 1_000) - 500)
        engine.ask("CONFIG", "SET", "slowlog-log-slower-than", 100)
        engine.ask("SLOWLOG", "RESET")
        began, calls, swept, longest = time.monotonic(), 0, 0, 0
        while True:
            asked = time.monotonic()
            answer = call(engine, "tick", "m", "{}", 0, limit, "")
            longest = max(longest, time.monotonic() - asked)
            calls, swept = calls + 1, swept + answer[2]
            if not answer[3] or limit == 100 and calls == 100:
                break
        slow = [entry[2] for entry in engine.ask("SLOWLOG", "GET", 128) if b"a8_tick" in entry[3]]
        print(f"  swept {swept}, {limit} a call, one call after the other: {time.monotonic() - began:.2f} s, {calls} calls; one call blocks the server for "
              f"{sorted(slow)[len(slow) // 2] / 1e3:.1f} ms, the slowest of the last {len(slow)} {max(slow) / 1e3:.1f} ms; seen by a client: {longest * 1e3:.1f} ms")
        if limit == 500:
            for start in range(0, 10_000, 100):
                call(engine, "put", "m", *(word for at in range(start, start + 100) for word in item("i", b"%016x" % at, MANY + at)))


def seeded_faults_are_found(engine, text):
    """Each of functions_faults.py is a fault that one could make; some check finds it."""
    quick = (wrong_arguments_change_nothing, a_foreign_epoch_or_schema_changes_nothing, keys_of_another_program_change_nothing, a_full_store_renews_and_sweeps,
             streams_are_bounded, time_is_the_engines, leases_that_run_out_together_are_told_together)
    missed = []
    for fault in functions_faults.FAULTS:
        broken = fault.applied(text)
        load(engine, commands.test_copy(broken) if "redis.call('TIME')" in broken else broken)
        seeds = range(FAULT_SEQUENCES)
        found = next((f"seed {seed}" for seed in seeds if complaint(engine, sequence(seed))), None) if "redis.call('TIME')" in broken else None
        for one in quick if not found else ():
            try:
                one(engine, broken)
            except (Failed, ErrorReply):
                found = one.__name__.replace("_", " ")
                break
            finally:
                engine.ask("CONFIG", "SET", "maxmemory", 0)
        print(f"  {fault.name}: {'found by ' + found if found else 'MISSED'}")
        missed += [] if found else [fault.name]
    check(not missed, f"nobody has found: {missed}")


CHECKS = [
    *on_both(random_commands_do_what_a_model_does), *on_both(wrong_arguments_change_nothing), *on_both(a_foreign_epoch_or_schema_changes_nothing),
    *on_both(keys_of_another_program_change_nothing), *on_both(a_full_store_renews_and_sweeps),
    *(a_replica_answers_questions_alone(flavor) for flavor in FLAVORS), *on_both(streams_are_bounded), *on_both(time_is_the_engines),
    *on_both(leases_that_run_out_together_are_told_together),
    *on_both(its_version_is_in_it), *(a_slot_on_its_way_is_left_alone(flavor) for flavor in FLAVORS), *on_both(numbers),
    on_both(seeded_faults_are_found)[0]]

if __name__ == "__main__":
    print(f"FUNCTIONS_SEED={SEED}")
    sys.exit(checks.run(CHECKS, __doc__))
