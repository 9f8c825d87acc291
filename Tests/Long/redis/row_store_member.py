"""Members that end and stand still over a Redis that is well."""

import time

from cluster import exchange
from engines import Single, check, wait_until
from rows import row
from store import GRACE_SECONDS, StoreCluster, World, flavor, is_in_memory


@row(seconds=180)
def kill_member(run):
    """kill -9 of one member after the other in mid-churn: nothing that they acknowledged is lost, and each comes back whole."""
    with Single(flavor()) as single, World(run, single, churn=20) as world:
        time.sleep(2)
        with world.oracle.outage():
            for member in world.members:
                if is_in_memory():
                    world.oracle.killing(member)
                member.kill()
                time.sleep(1)
                member.start().wait_ready()
                time.sleep(1)
        world.hold()


@row(seconds=180)
def kill_member_window(run):
    """kill -9 of a member while it is told as much as it can take, five times: everything that it acknowledged is there.

    Unlike in a cluster of members that keep what they know themselves there is no window: what is acknowledged is in Redis.
    """
    acknowledged = 0
    with Single(flavor()) as single, StoreCluster(run, single, size=2) as members:
        members.start()
        victim, other = members
        for turn in range(5):
            answered = []
            connection = victim.connect()
            until = time.monotonic() + 1 + 0.137 * turn
            while time.monotonic() < until:
                name = f"{turn}-{len(answered)}.window"
                body = {"service_name": f"window-{turn}", "endpoint": {"type": "tcp", "value": name}, "ttl": 600}
                if exchange(connection, "POST", "/api/v1/instances", body)[0] == 201:
                    answered.append(name)
            victim.kill()
            time.sleep(1)
            held = {one["endpoint"]["value"] for one in other.get(f"/api/v1/services/window-{turn}")["instances"]}
            missing = [name for name in answered if name not in held]
            check(not missing or is_in_memory(), f"{len(missing)} of {len(answered)} acknowledged registrations are lost, the first {missing[:1]}")
            acknowledged += len(answered)
            victim.start().wait_ready()
        run.say(f"{acknowledged} acknowledged by a member that was killed, none lost")


@row(seconds=240)
def pause_member(run):
    """A member stands still for 15 s and its clients go to the others: what they keep alive is alive on it when it wakes."""
    with Single(flavor()) as single, World(run, single) as world:
        time.sleep(2)
        sleeper, others = world.members[-1], world.members[:-1]
        with world.oracle.outage():
            sleeper.pause()
            world.population.use(others)
            time.sleep(15)
            world.oracle.waking(sleeper)
            sleeper.resume()
        world.population.use(world.members)
        world.hold()


@row(seconds=180)
def all_members_restart(run):
    """All members are killed for 8 s, longer than TTLs, and started again: what was registered is served, and nobody has expired meanwhile."""
    with Single(flavor()) as single, World(run, single, churn=0, changes=False) as world:
        world.wait_same()
        world.population.hush()
        count = len(world.population.keepers)
        with world.oracle.outage():
            for member in world.members:
                member.kill()
            time.sleep(8)
            for member in world.members:
                member.start()
            for member in world.members:
                member.wait_ready()
            fewest = min(len(member.get("/api/v1/instances?tags=journal")["instances"]) for member in world.members)
        run.say(f"fewest listed after the start: {fewest} of {count}")
        check(fewest == count or is_in_memory(), f"{count - fewest} have expired while nobody could renew them")
        with world.population.journal.lock:
            for entry in world.population.keepers:
                entry.last_touch.sent += 8
        world.population.resume()
        if not is_in_memory():
            world.hold()


@row(seconds=150)
def the_dead_expire(run):
    """Nothing is wrong: what sends no heartbeats is gone on every member within the bound, and what does is never missing."""
    with Single(flavor()) as single, World(run, single, churn=20) as world:
        # The first sweep waits until every member has had its time.
        wait_until("the dead to expire", lambda: world.population.newcomers > 40 and not any(
            "-gone-2:" in one["endpoint"]["value"] for one in world.members[0].get("/api/v1/instances?tags=journal")["instances"]), GRACE_SECONDS + 30)
        time.sleep(5)
        world.hold()
