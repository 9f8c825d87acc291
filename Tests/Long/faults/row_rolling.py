"""Members that are restarted one after the other, again and again, also beside one that runs the original."""

import http.client
import pathlib
import sys
import time

from cluster import Cluster, check, exchange, wait_until
from journal import Population, Prober
from oracle import EXPIRY_BOUND_SECONDS, SLACK_SECONDS, Oracle
from rows import row

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
from rolling_upgrade import Original  # noqa: E402 (beside this folder)

RESTARTS = 20
READY_SECONDS = 20
# The original reads the directory often in this test, and a link with it begins with a copy.
JOINED_SECONDS = 20
VISIBLE_SECONDS = 5
LEFT_TTL_SECONDS = 10


def restart(cluster, population, prober, member, is_clean):
    """One restart. Returns the seconds until it was ready, having seen that the others' look-ups never failed."""
    others = [other for other in cluster if other is not member]
    population.use(others)
    # What it was asked before is answered.
    time.sleep(0.3)
    began = time.monotonic()
    member.stop() if is_clean else member.kill()
    member.start().wait_ready(READY_SECONDS)
    ready = time.monotonic() - began
    population.use(cluster.members)
    time.sleep(0.3)
    for other in others:
        failed = prober.failed(other, began, time.monotonic())
        check(not failed, f"look-ups at {other} failed while {member} was restarted: {failed[:3]}")
    return ready


@row(seconds=240)
def rolling_restart(run):
    """Three members are restarted one after the other, twenty times, by SIGTERM and every fourth time by SIGKILL, under load.

    Expected: look-ups through the others never fail and miss nobody; no lease is extended by all the copying. Bounds: ready within 20 s each time, the
    dead gone 4 s after their TTL.
    """
    with Cluster(run.registry) as cluster:
        with (Population(cluster.start().members, churn=10) as population, Oracle(cluster, population) as oracle,
              Prober(cluster.members) as prober):
            took = []
            for turn in range(RESTARTS):
                member = cluster[turn % 3]
                is_clean = turn % 4 != 3
                if not is_clean:
                    oracle.killing(member)
                took.append(restart(cluster, population, prober, member, is_clean))
            run.say(f"{RESTARTS} restarts, ready after {sorted(took)[len(took) // 2]:.2f} s, at most {max(took):.2f} s")
            cluster.wait_joined()
            oracle.hold(bound=25)


@row(seconds=300)
def rolling_mixed(run):
    """Two members of ours and one that runs the original are restarted in turn, twenty times, under load.

    Expected: look-ups through our others never fail; what clients of the original do is seen on ours, what clients of ours do on the original; ours let
    nothing live longer for having copied from it. Bounds: seen within 5 s, the dead gone from ours 4 s after their TTL.
    """
    with Cluster(run.registry, size=2, settings={"REPLICATION_PLAIN": "true", "CLUSTER_SIZE": "3"}) as cluster:
        port = cluster[0].place.free_port()
        original = Original(cluster.directory, port)
        left = Left()
        try:
            with (Population(cluster.start().members, churn=10) as population, Oracle(cluster, population) as oracle,
                  Prober(cluster.members) as prober):
                wait_until("all to be joined", lambda: is_joined(cluster, original), JOINED_SECONDS)
                for turn in range(RESTARTS):
                    left.leave(original, turn)
                    if turn % 3 == 2:
                        original.stop()
                        original = Original(cluster.directory, port)
                    else:
                        restart(cluster, population, prober, cluster[turn % 3], is_clean=True)
                    wait_until("all to be joined", lambda: is_joined(cluster, original), JOINED_SECONDS)
                    tell_each_other(cluster, original, turn)
                    left.check_gone(cluster)
                run.say(f"{RESTARTS} restarts")
                oracle.hold(bound=25)
                left.check_gone(cluster)
        finally:
            original.kill()


class Left:
    """Instances that were registered with the original and left alone."""

    def __init__(self):
        self.due = {}

    def leave(self, original, turn):
        name = f"left-{turn}"
        register(original, name, LEFT_TTL_SECONDS)
        self.due[name] = time.monotonic() + LEFT_TTL_SECONDS + EXPIRY_BOUND_SECONDS + SLACK_SECONDS

    def check_gone(self, cluster):
        now = time.monotonic()
        for name in [name for name, due in self.due.items() if due < now]:
            for member in cluster:
                check(not is_listed(member, name), f"{name} is still listed by {member} {LEFT_TTL_SECONDS + EXPIRY_BOUND_SECONDS} s after it was left")
            del self.due[name]


def is_joined(cluster, original):
    """Whether ours hear one another and the original, and it reads and is read by ours."""
    _, page = ask(original, "GET", "/control/status")
    for member in cluster:
        states = {peer["address"]: peer["state"] for peer in member.cluster()["members"]}
        if states.pop(f"127.0.0.1:{original.replication_port}", None) != "original" or set(states.values()) != {"streaming"}:
            return False
    return {member.address for member in cluster} <= set(page["reads"]) & set(page["read_by"])


def ask(member, method, path, body=None):
    """Of a member of either kind; without a token, so in the namespace that all share."""
    connection = http.client.HTTPConnection("127.0.0.1", member.port, timeout=10)
    try:
        return exchange(connection, method, path, body)
    finally:
        connection.close()


def register(member, name, ttl):
    status, value = ask(member, "POST", "/api/v1/instances", {"service_name": name, "endpoint": {"type": "tcp", "value": f"{name}:80"}, "ttl": ttl})
    check(status == 201, f"a registration was answered {status}")
    return value["id"]


def is_listed(member, name):
    return ask(member, "GET", f"/api/v1/services/{name}")[0] == 200


def tell_each_other(cluster, original, turn):
    """What the original is told, ours know, and the other way round; whoever removes it."""
    for teller, remover in ((original, cluster[turn % 2]), (cluster[turn % 2], original)):
        name = f"story-{turn}-{'original' if teller is original else 'ours'}"
        identity = register(teller, name, 60)
        for member in [*cluster, original]:
            wait_until(f"{name} to be seen", lambda: is_listed(member, name), VISIBLE_SECONDS)
        status, _ = ask(remover, "DELETE", f"/api/v1/instances/{identity}")
        check(status == 200, f"the removal of {name} was answered {status}")
        for member in [*cluster, original]:
            wait_until(f"{name} to be gone", lambda: not is_listed(member, name), VISIBLE_SECONDS)
