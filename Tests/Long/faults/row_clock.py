"""Members whose machines have a wrong clock: libfaketime (Debian's package `faketime`) tells one of them another time of day, and the true monotonic."""

import datetime
import glob
import time

from cluster import Cluster, check, wait_until
from journal import Population
from oracle import Oracle
from rows import row

LIBRARIES = "/usr/lib/*/faketime/libfaketimeMT.so.1"
# How often libfaketime looks at its file.
FAKED_SECONDS = 1
# Until it is noticed: the file is read, a ping is answered, and clocks are judged, each once a second.
NOTICED_SECONDS = 6
VISIBLE_SECONDS = 3
TRUE_SECONDS = 3
OFFSETS = {"+1h": 3_600, "-1h": -3_600, "+10y": 10 * 365 * 86_400, "-10y": -10 * 365 * 86_400}
# Years have leap days, or not, as one likes.
OFFSET_TOLERANCE = 5 * 86_400


class Clock:
    """The time of day that one member is told."""

    def __init__(self, member):
        libraries = glob.glob(LIBRARIES)
        check(libraries, "there is no libfaketime: make deps.faults")
        self.file = member.folder / "clock"
        self.set("+0s")
        # The allocator of the C library, since libfaketime and jemalloc each want the other to be there first.
        member.settings |= {
            "LD_PRELOAD": f"{libraries[0]} libc.so.6", "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_CACHE_DURATION": str(FAKED_SECONDS), "NO_FAKE_STAT": "1"}

    def set(self, offset):
        # Renamed: half a line is no time.
        fresh = self.file.with_suffix(".new")
        fresh.write_text(offset + "\n")
        fresh.rename(self.file)


def last_heartbeat(member, identity):
    """Seconds since 1970, as the member tells it."""
    for one in member.get("/api/v1/instances?tags=clock&fields=last_heartbeat")["instances"]:
        if one["id"] == identity:
            return datetime.datetime.fromisoformat(one["last_heartbeat"].replace("Z", "+00:00")).timestamp()
    return None


def metadata(member, identity):
    for one in member.get("/api/v1/instances?tags=clock&fields=metadata")["instances"]:
        if one["id"] == identity:
            return one["metadata"]["written"]
    return None


def register(member, name, written):
    body = {"service_name": "clock", "endpoint": {"type": "tcp", "value": f"{name}:80"}, "ttl": 60, "tags": ["clock"], "metadata": {"written": written}}
    status, value = member.ask("POST", "/api/v1/instances", body)
    check(status == 201, f"a registration at {member} was answered {status}")
    return value["id"]


def writes_count(cluster, wrong, name, is_noticed=True):
    """What is written at a member stands everywhere, whichever clock it has, and so does what is written upon it. Once the wrong clock is noticed,
    nobody tells a wrong time either."""
    others = [member for member in cluster if member is not wrong]
    for turn, writer in enumerate([wrong, others[0], wrong, others[1], wrong]):
        identity = register(writer, name, turn)
        for member in cluster:
            wait_until(f"write {turn} of {name}, at {writer}, to stand at {member}", lambda: metadata(member, identity) == turn, VISIBLE_SECONDS)
    for member in cluster if is_noticed else ():
        off = abs(last_heartbeat(member, identity) - time.time())
        check(off < TRUE_SECONDS, f"{member} tells a last heartbeat that is {off:.0f} s off")


def is_alarmed(member, seconds):
    page = member.cluster()
    return (
        page["clock_correction_ms"] != 0 and abs(page["clock_correction_ms"] / 1000 + seconds) < OFFSET_TOLERANCE
        and abs(page["clock_offset_ms"] - page["clock_correction_ms"]) < 1_500 and member.metric("a8registry_cluster_clock_corrected") == 1)


@row(seconds=200)
def clock(run):
    """The clock of one of three members jumps by an hour and by ten years, ahead and back, while clients go on.

    Expected: leases go on as they were; the member stamps with its peers' time, and says so in the log, in its metrics and in /api/v1/cluster, once for
    each jump; no change is dropped for its stamp, also of those made before the jump was noticed; the others do not mind. Bound: noticed within 6 s.
    """
    with Cluster(run.registry) as cluster:
        wrong = cluster[2]
        clock = Clock(wrong)
        # Heartbeats that are less than 2 s apart, and those of what never expires, are ordered by wall time alone: a wrong one may stand for last_heartbeat
        # until it is no longer in the future, or for a day at most.
        with Population(cluster.start().members, churn=10, ttl=20, changes=False) as population, Oracle(cluster, population) as oracle:
            for turn, (offset, seconds) in enumerate(OFFSETS.items(), 1):
                clock.set(offset)
                jumped = time.monotonic()
                # From before the jump to after it was noticed: none may be dropped.
                number = 0
                while not is_alarmed(wrong, seconds):
                    check(time.monotonic() < jumped + NOTICED_SECONDS, f"{offset} is not noticed within {NOTICED_SECONDS} s: {wrong.cluster()}")
                    writes_count(cluster, wrong, f"jump{offset}-{number}", is_noticed=False)
                    number += 1
                run.say(f"{offset} is noticed after {time.monotonic() - jumped:.1f} s; {number} times written meanwhile")
                writes_count(cluster, wrong, f"jumped{offset}")
                check(len(wrong.log_lines("clock differs from the clocks of the other members")) == turn, "the jump is not told once in the log")
                for other in cluster.members[:2]:
                    check(other.cluster()["clock_correction_ms"] == 0, f"{other} corrects its clock, which is right")
                clock.set("+0s")
                wait_until("the clock to be right again", lambda: wrong.cluster()["clock_correction_ms"] == 0, NOTICED_SECONDS)
                writes_count(cluster, wrong, f"back{offset}")
            oracle.hold(bound=25)


@row(seconds=120)
def clock_at_start(run):
    """A member is started with a clock that is ten years off, and is written to at once.

    Expected: what it accepts stands, though it has heard nobody yet; once it is ready so do changes of what others had; it is alarmed within 6 s.
    A change of what others have that is made before it has heard anybody is ordered by its wrong clock, which is not tried here.
    """
    with Cluster(run.registry) as cluster:
        wrong = cluster[2]
        clock = Clock(wrong)
        with Population(cluster.start().members, churn=10) as population, Oracle(cluster, population) as oracle:
            for offset in ("-10y", "+10y"):
                population.use(cluster.members[:2])
                wrong.stop()
                clock.set(offset)
                identities = {number: register(cluster[number % 2], f"known{offset}-{number}", "before") for number in range(20)}
                wrong.start().wait_answering()
                for number in list(identities):
                    identities[number + 100] = register(wrong, f"new{offset}-{number}", "after")
                wrong.wait_ready()
                for number in range(20):
                    register(wrong, f"known{offset}-{number}", "after")
                wait_until("the alarm", lambda: is_alarmed(wrong, OFFSETS[offset]), NOTICED_SECONDS)
                for member in cluster:
                    for identity in identities.values():
                        wait_until(f"what was written at the start to stand at {member}", lambda: metadata(member, identity) == "after", VISIBLE_SECONDS)
                population.use(cluster.members)
                time.sleep(2)
                writes_count(cluster, wrong, f"started{offset}")
            oracle.hold(bound=25)
