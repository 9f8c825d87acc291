"""Networks that lose, delay and repeat what they carry. A relay of ours stands before each member."""

import time

from cluster import Cluster, check
from journal import Population
from oracle import EXPIRY_BOUND_SECONDS, Oracle
from relay import CLEAR, Relays, Weather
from rows import row

# Links come and go all the time, and a member that is cut off for as long as a TTL lets instances go: that is what the row of partitions is about.
PATIENT_TTL_SECONDS = 20
CONVERGENCE_SECONDS = 25
# Three pings until a silent link is given up, the longest wait before the next dial, and a copy at this loss.
LATE_SECONDS = 12


def relayed(run, settings=None):
    return Cluster(run.registry, shares_directory=False, settings=settings)


def heal(cluster, relays, population):
    """Clear weather from now on. Returns when the members are linked; the time that takes is not part of the convergence that the oracle measures.

    What was registered a moment ago at another member need not be known at the one that is asked to remove it: that is not promised.
    """
    relays.weather(CLEAR)
    cluster.wait_joined(seconds=LATE_SECONDS)
    journal = population.journal
    with journal.lock:
        journal.unknown = [one for one in journal.unknown if not (one[1].kind == "leaver" and one[4] <= LATE_SECONDS)]


def told(relays):
    return ", ".join(f"{number} {what}" for what, number in sorted(relays.counts().items()))


@row(seconds=150)
def loss(run):
    """Between members 1 %, then 10 %, then 30 % of the packets are lost: each is a stall, and many a connection is cut in mid-frame.

    Expected: applying late or twice changes nothing; all that was acknowledged is everywhere once packets pass again. Bound: 25 s.
    """
    with relayed(run) as cluster, Relays(cluster) as relays:
        with Population(cluster.start().members, ttl=PATIENT_TTL_SECONDS, churn=10) as population, Oracle(cluster, population) as oracle:
            for share in (0.01, 0.1, 0.3):
                relays.weather(Weather(loss=share, cut=share / 20))
                time.sleep(12)
                run.say(f"{share:.0%} lost: {told(relays)}")
            check(relays.counts()["cuts"] > 3 and relays.counts()["lost"] > 100, "nothing befell what the relays carried")
            heal(cluster, relays, population)
            oracle.hold(bound=CONVERGENCE_SECONDS)


@row(seconds=120)
def delay(run):
    """Everything between members takes from 50 to 400 ms, each piece another time, and 2 % of the packets are lost on the way.

    Expected: the links stay, since their pings are answered; nothing is missing or expires meanwhile. Bound: 25 s after it ends.
    """
    with relayed(run) as cluster, Relays(cluster) as relays:
        with Population(cluster.start().members, churn=10) as population, Oracle(cluster, population) as oracle:
            lost = sum(len(member.log_lines("lost the connection to a member")) for member in cluster)
            relays.weather(Weather(delay=(0.05, 0.4), loss=0.02))
            time.sleep(20)
            run.say(told(relays))
            check(sum(len(member.log_lines("lost the connection to a member")) for member in cluster) == lost, "a link was given up though it was only slow")
            heal(cluster, relays, population)
            oracle.hold(bound=CONVERGENCE_SECONDS)


@row(seconds=120)
def reordering(run):
    """Each direction of each connection is late by another time, up to 1.5 s, and connections are cut to be late by yet another: changes overtake.

    Expected: the later version stands everywhere, in whatever order they were heard. Bound: 25 s after it ends.
    """
    with relayed(run) as cluster, Relays(cluster, seed=7) as relays:
        with Population(cluster.start().members, ttl=PATIENT_TTL_SECONDS, churn=10) as population, Oracle(cluster, population) as oracle:
            relays.weather(Weather(skew=(0.0, 1.5), cut=0.003))
            for turn in range(4):
                relays.all[turn % 3].cut_all()
                time.sleep(6)
            run.say(told(relays))
            for relay in relays.all:
                relay.cut_all()
            heal(cluster, relays, population)
            oracle.hold(bound=CONVERGENCE_SECONDS)


@row(seconds=150)
def duplicates(run):
    """Connections end early, and every second new one is first answered with all that the member had said on an earlier one, up to 5 s before.

    Without a secret, since a proven connection cannot be played again. Expected: what comes twice changes nothing, and nothing goes back to what it
    was. What is told is how old a heartbeat was when it was told, so for as long as its telling is repeated the dead may be listed. Bound: 25 s.
    """
    weather = Weather(cut=0.004, replay=0.5, replay_age=5)
    turns, turn_seconds = 8, 1.5
    with relayed(run, {"CLUSTER_SECRET": ""}) as cluster, Relays(cluster, seed=3) as relays:
        with Population(cluster.start().members, ttl=PATIENT_TTL_SECONDS, churn=10) as population, Oracle(cluster, population) as oracle:
            relays.weather(weather)
            for turn in range(turns):
                relays.all[turn % 3].cut_all()
                time.sleep(turn_seconds)
            run.say(told(relays))
            check(relays.counts()["replays"] > 5, "hardly anything was repeated")
            heal(cluster, relays, population)
            oracle.hold(bound=CONVERGENCE_SECONDS, expiry=EXPIRY_BOUND_SECONDS + weather.replay_age + turns * turn_seconds)
