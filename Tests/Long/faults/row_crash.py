"""Members that are killed without a word."""

import http.client
import threading
import time

from cluster import Cluster, check, exchange, fill, wait_until
from journal import Population
from network import Network
from oracle import WINDOW_SECONDS, Oracle
from rows import row


@row(seconds=120, fast=True)
def crash(run):
    """kill -9 of one member and then another in mid-broadcast: what they acknowledged stands, but for the last moments before; each comes back whole.

    Bounds: 25 s to converge after the last is back; lost is at most what was acknowledged within 500 ms before.
    """
    with Cluster(run.registry) as cluster, Population(cluster.start().members, churn=20) as population, Oracle(cluster, population) as oracle:
        time.sleep(2)
        for member in cluster.members[:2]:
            oracle.killing(member)
            member.kill()
            time.sleep(1)
            member.start().wait_ready()
            time.sleep(1)
        oracle.hold(bound=25)


@row(seconds=180)
def crash_window(run):
    """kill -9 while a member is told as much as it can take, five times: measures how long before its end an acknowledged registration can be lost.

    Bound: of what was acknowledged more than 500 ms before the kill nothing is missing on the others, and nothing differs between them.
    """
    longest = lost = acknowledged = 0
    for turn in range(5):
        with Cluster(run.registry) as cluster:
            victim, *others = cluster.start().members
            answered, lock, is_over = {}, threading.Lock(), threading.Event()

            def write(first):
                connection = victim.connect()
                number = first
                while not is_over.is_set():
                    name = f"{number}.window"
                    body = {"service_name": f"window-{number % 10}", "endpoint": {"type": "tcp", "value": name}, "ttl": 600}
                    try:
                        status, _ = exchange(connection, "POST", "/api/v1/instances", body)
                    except OSError:
                        return
                    if status == 201:
                        with lock:
                            answered[name] = time.monotonic()
                    number += 4

            writers = [threading.Thread(target=write, args=(first,)) for first in range(4)]
            for writer in writers:
                writer.start()
            time.sleep(1 + 0.137 * turn)
            killed = time.monotonic()
            victim.kill()
            is_over.set()
            for writer in writers:
                writer.join()
            cluster.wait_converged(others)
            held = {one["endpoint"]["value"] for one in others[0].get("/api/v1/instances")["instances"]}
            missing = {name: killed - when for name, when in answered.items() if name not in held}
            acknowledged += len(answered)
            lost += len(missing)
            longest = max([longest, *missing.values()])
            oldest = max(missing.values(), default=0)
            check(oldest <= WINDOW_SECONDS, f"what was acknowledged {oldest:.2f} s before is lost")
    run.say(f"{acknowledged} acknowledged, {lost} lost with their only holder, acknowledged up to {longest * 1000:.1f} ms before it was killed")


class Glimpses:
    """Asks a starting member for a list all the time: it may be answered 503 with `Retry-After`, or whole, and nothing else."""

    def __init__(self, member, services, least):
        self.member = member
        self.services = services
        self.least = least
        self.refused = self.whole = 0
        self.complaints = []
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join(timeout=20)

    def _look(self):
        turn = 0
        while not self.is_over.wait(0.02):
            turn += 1
            connection = self.member.connect(timeout=5)
            try:
                connection.request("GET", f"/api/v1/services/{self.services[turn % len(self.services)]}")
                response = connection.getresponse()
                data = response.read()
                if response.status == 503:
                    self.refused += 1
                    if not response.getheader("Retry-After"):
                        self.complaints.append("503 without Retry-After")
                elif response.status == 200 and data.count(b'"id":') >= self.least:
                    self.whole += 1
                else:
                    found = data.count(b'"id":')
                    self.complaints.append(f"{response.status} with {found} of {self.least} instances")
            except (OSError, http.client.HTTPException):
                pass  # It has just been killed, or is not there yet.
            finally:
                connection.close()

    def judge(self, run):
        run.say(f"look-ups at the starting member: {self.refused} were answered 503, {self.whole} whole")
        check(not self.complaints, f"{len(self.complaints)} look-ups were answered by halves, the first {self.complaints[:1]}")


FILLED = 10_000
SERVICES = [f"filler-{number}" for number in range(50)]
# At this rate a copy of what is filled in takes seconds, so that there is a middle.
COPY_RATE = "8mbit"


def wait_copying(member):
    wait_until(f"{member} to be copying", lambda: any(peer["state"] == "copying" for peer in member.cluster()["members"]), 20)


@row(seconds=180, network=True)
def crash_mid_copy(run):
    """kill -9 in mid-copy, of the member that copies and then of one it copies from: it is not ready until it has copied, and serves no half.

    10,000 instances are copied through 8 Mbit/s. Expected: all the time look-ups at it are answered 503 with Retry-After or whole; it ends up ready by
    a copy of the member that is left.
    """
    network = Network()
    with Cluster(run.registry, settings={"CLUSTER_SIZE": "2", "SYNC_TIMEOUT": "60s"}, network=network) as cluster:
        giver, other, copier = cluster.members
        for member in (giver, other):
            member.start()
        for member in (giver, other):
            member.wait_ready()
        with Population([giver, other], churn=4, ttl=8) as population, Oracle(cluster, population) as oracle:
            run.say(f"{FILLED} instances registered in {fill(giver, FILLED, metadata=300):.1f} s")
            cluster.wait_converged([giver, other])
            network.throttle(copier, COPY_RATE)
            with Glimpses(copier, SERVICES, FILLED // len(SERVICES)) as glimpses:
                copier.start().wait_answering()
                wait_copying(copier)
                time.sleep(0.5)
                check(copier.ask("GET", "/readyz")[0] == 503, "it is ready in mid-copy")
                oracle.killing(copier)
                copier.kill()
                began = time.monotonic()
                copier.start().wait_answering()
                wait_copying(copier)
                time.sleep(0.5)
                check(copier.ask("GET", "/readyz")[0] == 503, "it is ready in mid-copy")
                population.use([other])
                oracle.killing(giver)
                giver.kill()
                copier.wait_ready(seconds=60)
                page = copier.cluster()
                run.say(f"ready {time.monotonic() - began:.1f} s after its second start, because {page['ready_because']}")
                check(page["ready_because"] == "copied", "it did not become ready by a copy")
                time.sleep(1)
            glimpses.judge(run)
            check(glimpses.refused and glimpses.whole, "there was nothing to see")
            network.unthrottle(copier)
            giver.start().wait_ready()
            cluster.wait_joined()
            population.use(cluster.members)
            oracle.hold(bound=25)


@row(seconds=120, network=True)
def crash_only_giver(run):
    """kill -9, in mid-copy, of the only member there is to copy from: the copier waits for it for SYNC_TIMEOUT, and says what it then serves.

    SYNC_TIMEOUT is 10 s. Expected: until the dead member has been silent for that long, 503 and not half a list; then an error in the log that there is
    no whole copy. What the dead member had is lost but for what was copied: there is no other holder. Bound: ready 15 s after the kill.
    """
    network = Network()
    with Cluster(run.registry, size=2, settings={"SYNC_TIMEOUT": "10s", "CLUSTER_SIZE": "2"}, network=network) as cluster:
        giver, copier = cluster.members
        giver.start().wait_ready()
        fill(giver, FILLED, metadata=300)
        network.throttle(copier, COPY_RATE)
        with Glimpses(copier, SERVICES, FILLED // len(SERVICES)) as glimpses:
            began = time.monotonic()
            copier.start().wait_answering()
            wait_copying(copier)
            time.sleep(1)
            giver.kill()
            killed = time.monotonic()
            while time.monotonic() < killed + 9:
                status = copier.ask("GET", "/readyz")[0]
                check(status == 503, f"/readyz was answered {status}, {time.monotonic() - killed:.1f} s after the giver's end")
                time.sleep(0.1)
        glimpses.judge(run)
        copier.wait_ready(seconds=6)
        run.say(f"ready {time.monotonic() - killed:.1f} s after the giver's end, {time.monotonic() - began:.1f} s after its start, "
                f"because {copier.cluster()['ready_because']}")
        lines = copier.log_lines("without a full copy")
        check(len(lines) == 1 and "level=error" in lines[0], f"it does not say, as an error, that it serves without a copy: {lines}")
