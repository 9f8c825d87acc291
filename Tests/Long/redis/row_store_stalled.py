"""Failovers by which Redis loses what it had acknowledged: how much is measured, for a row in which nothing was lost proves nothing."""

import random
import time

from engines import Sentinels, check, wait_until
from rows import row
from store import MEMBERS, SHARDS, World, flavor, is_in_memory

RUNS = 5
PREFIX = "a8"
SEED = 7
# Of the events of a shard, the last that are looked at before the master ends.
LOOKED_AT = 500
# So much waits in the master for each replica before changes are made that only the master has.
WAITING_BYTES = 2 << 20
# The first byte of an event that is a change; others are heartbeats that were heard, and what ran out.
CHANGE = b"p"


class Loss:
    """What the old master had and the promoted one lacks, event by event."""

    def __init__(self):
        self.events = 0
        self.changes = 0
        self.runs = 0

    def note(self, had, has):
        """`had` and `has`: the last events of each shard, as `last_events` gives them."""
        lost = [what for shard, events in had.items() for number, what in events.items() if number > max(has[shard], default=0)]
        self.events += len(lost)
        self.changes += lost.count(CHANGE)
        self.runs += CHANGE in lost

    def __str__(self):
        return f"{self.changes} changes ({self.events} events) were lost in Redis"


def last_events(engine):
    """For each shard the first byte of its last events, by their numbers."""
    with engine.connect() as conversation:
        replies = conversation.ask_all([("XREVRANGE", f"{{{PREFIX}.{shard}}}:e", "+", "-", "COUNT", LOOKED_AT) for shard in range(SHARDS)])
    return {shard: {int(number.split(b"-")[0]): fields[1][:1] for number, fields in reply} for shard, reply in enumerate(replies)}


def fill_the_way(master, replicas):
    """Writes to the master, as another program that shares it would, until what follows stays in its memory.

    What the kernel holds for a replica that stands still it reads when it goes on, whatever has befallen the master: some megabytes.
    """
    def has_filled():
        master.ask("SET", "another-programs", "x" * (1 << 20))
        lines = master.ask("CLIENT", "LIST", "TYPE", "replica").decode().splitlines()
        waiting = [int(field.removeprefix("omem=")) for line in lines for field in line.split() if field.startswith("omem=")]
        return len(waiting) == len(replicas) and min(waiting) > WAITING_BYTES

    wait_until("more to wait for the replicas than the kernel takes", has_filled, 20)


def stalled(run, settings, killed, judge, runs=RUNS):
    """Failovers whose promoted replica lacks what the master took last. `killed`: how many members end with the master. `judge` is given the world.

    The replicas stand still first, and the master ends before they go on. What it lost is what was acknowledged in between.
    """
    chooser, loss = random.Random(SEED), Loss()
    with Sentinels(flavor()) as group, World(run, group, settings=settings, churn=30) as world:
        for turn in range(runs):
            time.sleep(2)
            with world.oracle.outage():
                master, replicas = group.master(), group.replicas()
                for replica in replicas:
                    replica.pause()
                fill_the_way(master, replicas)
                time.sleep(0.3 + chooser.random() * 0.6)
                had = last_events(master)
                victims = [world.members[(turn + number) % len(world.members)] for number in range(killed)]
                for member in victims:
                    if is_in_memory():
                        world.oracle.killing(member)
                    member.kill()
                master.kill()
                for replica in replicas:
                    replica.resume()
                for replica in replicas:
                    wait_until(f"{replica} to see that its master is gone", lambda replica=replica: not follows(replica), 10)
                left = {replica: last_events(replica) for replica in replicas}
                for member in victims:
                    member.start()
                loss.note(had, left[group.wait_promoted(master)])
                master.start().wait_ready()
                wait_until(f"{master} to be a replica", lambda: master.role() == b"slave", 40)
                for member in world.members:
                    member.wait_ready(60)
                for replica in group.replicas():
                    wait_until(f"{replica} to follow", lambda replica=replica: follows(replica), 40)
        run.say(f"{loss}, in {loss.runs} of {runs} failovers")
        check(loss.changes or is_in_memory(), "the fault never showed: the promoted replicas had all that their masters had taken")
        judge(world)


def follows(replica):
    return replica.info("replication").get("master_link_status") == "up"


@row(seconds=420)
def stalled_failover(run):
    """Five failovers whose replicas stood still while changes were acknowledged: what the new master lacks the members put back.

    WAIT is not used, so changes are lost in Redis; how many is another matter each time, but where none is, the row fails.
    """
    def judge(world):
        world.hold()
        rewritten = sum(member.metric("a8registry_store_rewritten_total") for member in world.members if not is_in_memory())
        run.say(f"{rewritten:.0f} states were written again")
        check(rewritten or is_in_memory(), "no member has written anything again")

    stalled(run, {}, killed=0, judge=judge)


@row(seconds=420)
def stalled_failover_with_wait(run):
    """Five times the master and all members are killed together while replicas stand still, with STORE_WAIT=1: what was acknowledged a replica had, so it stands."""
    # Members that keep everything themselves would lose it all.
    stalled(run, {"STORE_WAIT": "1"}, killed=1 if is_in_memory() else MEMBERS, judge=World.hold)


@row(seconds=240)
def oracle_sees_what_nobody_waits_for(run):
    """The same once, without STORE_WAIT: what was acknowledged is lost with the master and all members, and the oracle says so."""
    if is_in_memory():
        return

    def judge(world):
        complaints = world.oracle.judge(bound=2, expiry=1)
        check(any("and should be" in complaint for complaint in complaints), f"the oracle did not complain of what is lost: {complaints[:5]}")
        run.say(f"{len(complaints)} complaints, as it should be")

    stalled(run, {}, killed=MEMBERS, judge=judge, runs=1)
