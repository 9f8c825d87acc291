"""A member that stands still for a while (SIGSTOP), as in a frozen machine or a stuck disk, and then goes on as if nothing had happened."""

import time

from cluster import Cluster, Failed, check, wait_until
from journal import Population, Prober
from oracle import HOLD_SECONDS, Oracle
from rows import row

# What a median may be beside that of an undisturbed time in the same run: this much more by proportion, and by a machine's noise in seconds.
MEDIAN_FACTOR = 1.5
MEDIAN_NOISE_SECONDS = 0.001


def check_unmoved(run, prober, members, undisturbed, disturbed):
    """`undisturbed`: times (start, end), of which the slower counts; `disturbed`: one such time. All of the members answered all the time."""
    for member in members:
        base = max(prober.median(member, *times) for times in undisturbed)
        median = prober.median(member, *disturbed)
        run.say(f"median answer of {member}: {median * 1000:.2f} ms, undisturbed {base * 1000:.2f} ms")
        check(median <= base * MEDIAN_FACTOR + MEDIAN_NOISE_SECONDS, f"{member} answers slower while another member is disturbed")
        failures = prober.failed(member, undisturbed[0][0], disturbed[1])
        check(not failures, f"{len(failures)} look-ups at {member} failed, the first with {failures[:1]}")


def pause_for(run, seconds, ttl=6, compares_medians=True):
    """The paused member's clients go to the others meanwhile; what they keep alive must be alive on it when it wakes."""
    with Cluster(run.registry) as cluster, Population(cluster.start().members, ttl=ttl, churn=4) as population, \
            Oracle(cluster, population) as oracle, Prober(cluster.members[:2]) as prober:
        others, sleeper = cluster.members[:2], cluster.members[2]
        began = time.monotonic()
        time.sleep(5)
        paused = time.monotonic()
        sleeper.pause()
        # Changes go where they are answered: a change that waits in a paused member is carried out when it wakes, though its client has long given up.
        population.use(others)
        time.sleep(seconds)
        woken = time.monotonic()
        oracle.waking(sleeper)
        sleeper.resume()
        kept = {entry.name for entry in population.keepers}
        fewest, released = len(kept), None
        while time.monotonic() < woken + 5:
            try:
                status, value = sleeper.ask("GET", "/api/v1/instances?tags=journal&status=ALL", timeout=5)
            except OSError as error:
                raise Failed(f"the woken member does not answer: {error}") from error
            check(status == 200, f"the woken member answered {status}")
            listed = {one["endpoint"]["value"].rsplit(":", 1)[0] for one in value["instances"]}
            fewest = min(fewest, len(kept & listed))
            check(kept <= listed, f"the woken member let {sorted(kept - listed)} run out, which the others kept alive")
            if not sleeper.cluster()["leases_held"]:
                released = released or time.monotonic() - woken
            else:
                released = None
            time.sleep(0.05)
        run.say(f"fewest keepers listed by the woken member: {fewest} of {len(kept)}")
        if released is None:
            wait_until("the woken member to let leases run out again", lambda: not sleeper.cluster()["leases_held"], HOLD_SECONDS + 1)
            released = time.monotonic() - woken
        run.say(f"leases ran again {released:.1f} s after it woke")
        population.use(cluster.members)
        if compares_medians:
            check_unmoved(run, prober, others, [(began, paused)], (paused + 1, woken))
        oracle.hold(bound=25)


@row(seconds=90, fast=True)
def pause_5(run):
    """A member is paused for 5 s, less than a TTL: when it wakes it does not expire what the others kept alive.

    Bounds: converged 25 s after it woke; its leases run again within 15 s. A fast row measures no latency.
    """
    pause_for(run, 5, compares_medians=False)


@row(seconds=150)
def pause_40(run):
    """A member is paused for 40 s, longer than links, leases and its file in the directory live: the others are as fast as before, and it expires nothing.

    Bounds: the others' medians 1.5 times the undisturbed ones (and a millisecond); converged 25 s after it woke; its leases run again within 15 s.
    """
    pause_for(run, 40)


@row(seconds=240)
def pause_120(run):
    """A member is paused for 120 s with TTLs of 2 to 8 s: as in a pause of 40 s."""
    pause_for(run, 120)


@row(seconds=120)
def pause_all(run):
    """All members are paused for 15 s at once, longer than the TTL: what sends heartbeats afterwards is still there on every member.

    Nobody can tell who was alive meanwhile. Expected: each gives everybody as much longer as it was paused, and no keeper is told that it is unknown.
    """
    with Cluster(run.registry) as cluster, Population(cluster.start().members, ttl=6, churn=0, changes=False) as population, \
            Oracle(cluster, population) as oracle:
        time.sleep(3)
        population.hush()
        for member in cluster:
            member.pause()
        time.sleep(15)
        for member in cluster:
            oracle.waking(member)
            member.resume()
        # Time for the members to tell one another what they know, and to judge by it.
        time.sleep(2)
        fewest = min(len(member.get("/api/v1/instances?tags=journal")["instances"]) for member in cluster)
        run.say(f"fewest listed before a client was heard: {fewest} of {len(population.keepers)}")
        check(fewest == len(population.keepers), "instances ran out while nobody could have heard them")
        # The clients were paused too, as if the machine had been: they go on where they were.
        with population.journal.lock:
            for entry in population.keepers:
                entry.last_touch.sent += 15
        population.resume()
        time.sleep(HOLD_SECONDS)
        oracle.hold(bound=25)


@row(seconds=90)
def pause_unnoticed(run):
    """A member is paused for 10 s and clients go on asking any member, trying another after 2 s without an answer: nothing that is alive is lost.

    Heartbeats that waited in the paused member are heard when it wakes, late. Expected: no keeper with a TTL of 10 s is missing on any member that
    answers, nor told that it is unknown.
    """
    with Cluster(run.registry) as cluster, Population(cluster.start().members, ttl=10, churn=0, changes=False) as population, \
            Oracle(cluster, population) as oracle:
        cluster.wait_converged()
        sleeper = cluster[2]
        sleeper.pause()
        paused = time.monotonic()
        fewest = len(population.keepers)
        while time.monotonic() < paused + 16:
            if sleeper.paused and time.monotonic() > paused + 10:
                oracle.waking(sleeper)
                sleeper.resume()
            for member in cluster:
                if not member.paused:
                    fewest = min(fewest, len(member.get("/api/v1/instances?tags=journal")["instances"]))
            time.sleep(0.1)
        run.say(f"fewest keepers listed: {fewest} of {len(population.keepers)}")
        check(fewest == len(population.keepers), "a member lists fewer than are alive")
        oracle.hold(bound=25)
