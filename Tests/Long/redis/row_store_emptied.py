"""Redis comes back empty after it was away for longer than what a member shows is believed: an operator decides, by the command line."""

import time

from cluster import fill
from engines import Single, check, wait_until
from rows import row
from store import OPERATOR, SHARDS, StoreCluster, World, flavor, is_in_memory

# A member fills an empty store by itself when it followed it so long ago, and no longer (docs/redis.md).
VIEW_AGE_SECONDS = 600
# Instances that send no heartbeats in the time.
SILENT = 500
SILENT_TTL = 7_200
SETTLED_SECONDS = 30


@row(seconds=VIEW_AGE_SECONDS + 240)
def emptied_long_ago(run):
    """Two Redis are away for more than ten minutes and come back empty: members refuse changes and say so, until an operator has one filled and the other given up.

    Bound: what an operator says is carried out within 30 s, whatever the order in which members are told.
    """
    if is_in_memory():
        return
    settings = {"OPERATOR_TOKEN": OPERATOR}
    with Single(flavor()) as filled, Single(flavor()) as given_up, World(run, filled, settings=settings) as world, \
            StoreCluster(run, given_up, size=2, settings=settings) as others:
        others.start()
        with others.population(churn=0, changes=False) as population:
            fill(world.members[0], SILENT, ttl=SILENT_TTL)
            fill(others[0], SILENT, ttl=SILENT_TTL)
            time.sleep(3)
            with world.oracle.outage():
                be_away(world, filled.engine, given_up.engine)
                reseed(run, world, filled.engine)
            world.population.churns(True)
            accept(run, others, population, given_up.engine)
            check(count_silent(world.members[0]) == SILENT, "what the store was filled with is not whole")
            world.hold()


def be_away(world, *engines):
    """All engines end; heartbeats are answered all the time, and changes are refused. Then they start with nothing."""
    for engine in engines:
        engine.kill()
    began = time.monotonic()
    time.sleep(2)
    world.population.churns(False)
    statuses = world.count_refusals(2)
    while time.monotonic() < began + VIEW_AGE_SECONDS + 5:
        check(world.check_heartbeats(2) > 0, "no heartbeat was answered")
        time.sleep(3)
    check(set(statuses) == {503}, f"registrations were answered {statuses} while Redis was away")
    for engine in engines:
        engine.restart(empty=True)


def wait_undecided(members):
    """Until each waits for a word, and says so wherever it can."""
    for member in members:
        wait_until(f"{member} to wait for a word", lambda member=member: member.get("/api/v1/store")["shards"].get("undecided") == SHARDS, SETTLED_SECONDS)
    for member in members:
        code, said = member.command("store", "status")
        check(code == 0 and f"{SHARDS} waiting for a word" in said and "`registry store reseed`" in said, f"`registry store status` exits with {code}:\n{said}")
        check(member.metric('a8registry_store_shards{state="undecided"}') == SHARDS, f"the metrics of {member} do not say that it waits")
        check(member.log_lines("registry store accept-empty"), f"the log of {member} does not say that it waits")
        check(member.ask("GET", "/uptime")[0] == 503 and member.ask("GET", "/readyz")[0] == 200, f"{member} is not unhealthy and ready")


def say(member, word):
    """Gives the word, which is for a member that waits: to say it again is refused."""
    code, said = member.command("store", word)
    check(code == 0 and f"({SHARDS} shards)" in said, f"`registry store {word}` exits with {code}:\n{said}")


def wait_settled(members):
    for member in members:
        wait_until(f"{member} to follow all shards", lambda member=member: "follows all" in member.command("store", "status")[1], SETTLED_SECONDS)
        wait_until(f"{member} to be well", lambda member=member: member.ask("GET", "/uptime")[0] == 200, SETTLED_SECONDS)
        for word in ("reseed", "accept-empty"):
            code, said = member.command("store", word)
            check(code == 1, f"`registry store {word}` exits with {code} where nothing waits:\n{said}")


def count_silent(member):
    return len(member.get("/api/v1/instances?tags=filler")["instances"])


def reseed(run, world, engine):
    """One member fills the store, and the others take what it has, told before it is done."""
    wait_undecided(world.members)
    answers, statuses = world.check_heartbeats(3), world.count_refusals(3)
    check(set(statuses) == {503}, f"registrations were answered {statuses} by members that wait")
    check(count_stored(engine) == 0, "somebody has written to the store, and nobody has said so")
    run.say(f"while they waited {answers} heartbeats were answered, and registrations {statuses}")
    first, *rest = world.members
    began = time.monotonic()
    say(first, "reseed")
    for member in rest:
        say(member, "accept-empty")
    wait_settled(world.members)
    run.say(f"filled, by {count_stored(engine)} instances, {time.monotonic() - began:.1f} s after the first word")
    check(set(world.count_refusals(1)) <= {200, 201}, "registrations are refused, and the store is filled")


def count_stored(engine):
    """How many instances the engine has."""
    return sum(engine.ask("ZCARD", f"{{a8.{shard}}}:z") for shard in range(SHARDS))


def accept(run, others, population, engine):
    """All give up what they show, but for what has sent them heartbeats meanwhile: that is alive, so it stays."""
    wait_undecided(others)
    check([count_silent(member) for member in others] == [SILENT, SILENT], "members that wait do not show all that was registered")
    for member in others:
        say(member, "accept-empty")
    wait_settled(others)
    names = {f"{entry.name}:80" for entry in population.keepers}
    wait_until("those that live to be listed alone", lambda: all(listed(member) == names for member in others), SETTLED_SECONDS)
    check(count_stored(engine) == len(names), f"the store has {count_stored(engine)} instances in place of {len(names)}")
    run.say(f"given up were {SILENT} instances; {len(names)} that send heartbeats are listed, of {population.journal.summary()}")


def listed(member):
    return {instance["endpoint"]["value"] for instance in member.get("/api/v1/instances")["instances"]}
