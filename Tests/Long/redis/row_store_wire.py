"""The way to Redis is bad, or what comes over it is."""

import random
import time

from engines import Single, check
from rows import row
from store import Background, World, flavor, is_in_memory
from wire import Wire

CUTS = 30
SEED = 20


@row(seconds=240)
def reset_in_mid_reply(run):
    """Connections are reset in the middle of replies, again and again for 15 s: nothing is done twice or lost, whatever had been read of a reply."""
    chooser = random.Random(SEED)
    with Single(flavor()) as single, Wire(single.engine.port) as wire, World(run, single, wire=wire) as world:
        time.sleep(3)
        with world.oracle.outage():
            for _ in range(CUTS):
                # The replies of a greeting are a few hundred bytes; those of a scan are more.
                wire.cut_after = chooser.choice((1, 7, 60, 300, 1_500, 6_000))
                if chooser.random() < 0.3:
                    wire.reset_all()
                time.sleep(0.5)
            wire.cut_after = None
            wire.reset_all()
        run.say(f"{wire.counts['cut']} connections were reset within a reply, of {wire.counts['connections']}")
        check(is_in_memory() or wire.counts["cut"] >= 5, "hardly any connection was reset")
        world.hold()


@row(seconds=180)
def one_byte_replies(run):
    """Each byte of a reply is a packet of its own, for 10 s: slower, and nothing else."""
    with Single(flavor()) as single, Wire(single.engine.port) as wire, World(run, single, wire=wire) as world:
        wire.one_byte = True
        time.sleep(10)
        wire.one_byte = False
        run.say(f"{wire.counts['alone']} bytes came alone")
        check(is_in_memory() or wire.counts["alone"] > 10_000, "hardly any byte came alone")
        world.hold()


@row(seconds=180)
def stalled_wire(run):
    """Nothing is carried for 10 s, and no connection ends: members notice by their deadlines, and connect anew."""
    with Single(flavor()) as single, Wire(single.engine.port) as wire, World(run, single, wire=wire) as world:
        time.sleep(3)
        with world.oracle.outage():
            wire.stalled = True
            time.sleep(2)
            answers = world.check_heartbeats(4)
            statuses = world.count_refusals(4)
            wire.stalled = False
        run.say(f"{answers} heartbeats answered; registrations were answered {statuses}")
        check(is_in_memory() or set(statuses) == {503}, f"registrations were answered {statuses} without a way to Redis")
        world.hold()


@row(seconds=180)
def poisoned_replies(run):
    """In place of a reply comes a string of 2 GB, arrays nested 100 deep, an endless line, bytes that are none of it: the connection is ended, and no more.

    Bound: no member takes 200 MB more for it.
    """
    poisons = (b"$2147483647\r\n" + b"x" * 100_000, b"*1\r\n" * 100 + b":1\r\n", b"+" + b"x" * 1_000_000, b"*2147483647\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n",
               b":12345678901234567890123\r\n", b"$-7\r\n", b"\x00" * 1_000)
    with Single(flavor()) as single, Wire(single.engine.port) as wire, World(run, single, wire=wire) as world:
        time.sleep(3)
        before = [member.resident_bytes() for member in world.members]
        with world.oracle.outage():
            for poison in poisons:
                wire.poison = poison
                time.sleep(1)
                wire.poison = None
                time.sleep(0.5)
        grown = max(member.resident_bytes() - size for member, size in zip(world.members, before))
        run.say(f"{wire.counts['poisoned']} replies were poisoned; the members have grown by {grown >> 20} MB at most")
        check(is_in_memory() or wire.counts["poisoned"] >= len(poisons), "hardly any reply was poisoned")
        check(grown < 200 << 20, f"a member has grown by {grown >> 20} MB")
        world.hold()


@row(seconds=180)
def slow_redis(run):
    """Redis takes 300 ms for every command, less than the deadline: it is slow, and nothing is refused for good."""
    with Single(flavor(), {"enable-debug-command": "local"}) as single, World(run, single, churn=4) as world:
        def sleep_in_redis():
            if not is_in_memory():
                single.engine.ask("DEBUG", "SLEEP", "0.3")
            time.sleep(0.05)

        with Background(sleep_in_redis):
            began, statuses = time.monotonic(), world.count_refusals(10)
            each = (time.monotonic() - began) / sum(statuses.values())
        run.say(f"registrations took {each:.2f} s each, and were answered {statuses}")
        # While nothing sleeps it is less than half of that: some milliseconds, and the pauses between them.
        check(is_in_memory() or each > 0.08, f"registrations took {each:.2f} s each: nothing was slow")
        check(set(statuses) <= {200, 201}, f"registrations were answered {statuses}")
        world.hold()
