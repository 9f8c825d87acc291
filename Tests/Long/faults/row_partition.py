"""Members that cannot reach one another, in namespaces joined by a bridge."""

import json
import time

from cluster import Cluster, check, wait_until
from journal import Population
from network import Network
from oracle import Oracle
from rows import row

# Two periods in which members tell their digests.
CONVERGED_SECONDS = 10
CUT_SECONDS = 12
# A link is closed after three pings that nobody answered; a look at the page is up to 0.2 s old, and a processor may be busy.
NOTICED_SECONDS = 4.5
# A link is silent for three pings, and too few must be heard for three seconds before that is said.
STALE_SECONDS = 9


def both_sides_serve(run, population, sides, seconds):
    """Each side takes registrations and shows them to its own, while the other does not hear of them."""
    began = dict(population.journal.counts)
    time.sleep(seconds)
    for side in sides:
        numbers = [len(member.get("/api/v1/instances?tags=journal")["instances"]) for member in side]
        check(all(numbers), f"a side lists nothing: {numbers}")
    done = {what: number - began[what] for what, number in population.journal.counts.items()}
    check(done["registered"] and done["renewed"] and done["deregistered"], f"not all was served while cut: {done}")
    check(not done["unanswered"], f"{done['unanswered']} requests were not answered while cut")
    run.say(f"while cut: {done['registered']} registered, {done['renewed']} renewed, {done['deregistered']} deregistered, none unanswered")


@row(seconds=120, network=True)
def partition(run):
    """The link of one of three members goes down for 12 s: both sides serve, and agree again within two digest periods.

    Each client knows one side only. Expected: no request fails, the cut member is counted out, and 10 s after the link is up all hold the same.
    """
    network = Network()
    with Cluster(run.registry, network=network) as cluster:
        alone, *others = cluster.start().members
        with Population(cluster.members, ttl=8) as population, Oracle(cluster, population) as oracle:
            population.use([alone], others)
            time.sleep(3)
            network.cut(alone)
            both_sides_serve(run, population, ([alone], others), CUT_SECONDS)
            check(alone.cluster()["size"] == 1 and others[0].cluster()["size"] == 2, "the members do not know who is cut off")
            network.mend(alone)
            oracle.hold(CONVERGED_SECONDS)


@row(seconds=120, network=True)
def partition_isolated(run):
    """One of three members is cut off for 25 s while clients with a TTL of 10 s use the others: its list does not shrink, and says that it is stale.

    Expected: the cut-off member lists all that kept sending heartbeats, marked as overdue when their time has passed, with X-Registry-Stale from a few
    seconds after the cut until it hears the others again; the others mark nothing; and within two digest periods all hold the same.
    """
    network = Network()
    with Cluster(run.registry, network=network) as cluster:
        alone, *others = cluster.start().members
        with Population(cluster.members, keepers=60, ttl=10, churn=3, changes=False) as population, Oracle(cluster, population) as oracle:
            cluster.wait_converged()
            population.use(others)
            time.sleep(4)
            network.cut(alone)
            began = time.monotonic()
            fewest, first_stale, overdue = len(population.keepers), None, 0
            while time.monotonic() - began < 25:
                status, listed, stale = look(alone)
                check(status == 200, f"the cut-off member answered {status}")
                fewest = min(fewest, sum("keep-" in one["endpoint"]["value"] for one in listed))
                overdue = max(overdue, sum("overdue" in one for one in listed))
                if stale is not None and first_stale is None:
                    first_stale = time.monotonic() - began
                time.sleep(0.1)
            run.say(f"fewest listed: {fewest} of {len(population.keepers)}; up to {overdue} overdue; said to be stale after {first_stale or -1:.1f} s")
            check(fewest == len(population.keepers), "the list of the cut-off member has shrunk")
            check(overdue >= len(population.keepers), "what was not heard of for a TTL is not said to be overdue")
            check(first_stale is not None and first_stale < STALE_SECONDS, "the look-ups did not say that they are stale")
            check(not any("overdue" in one for one in look(others[0])[1]), "a member of the majority says that something is overdue")
            # With a status of 503: the cluster has been too small for a while.
            report = alone.ask("GET", "/uptime")[1]
            check("cut_off" in report.get("EXPIRY", {}).get("properties", {}), f"/uptime does not say that leases are held: {report}")
            network.mend(alone)
            oracle.hold(CONVERGED_SECONDS)
            check(look(alone)[2] is None and not any("overdue" in one for one in look(alone)[1]), "it is over, and look-ups are stale still")


def look(member):
    """Status, instances and X-Registry-Stale of the journal's list."""
    connection = member.connect()
    try:
        connection.request("GET", "/api/v1/instances?tags=journal&status=ALL")
        response = connection.getresponse()
        return response.status, json.loads(response.read()).get("instances"), response.getheader("X-Registry-Stale")
    finally:
        connection.close()


@row(seconds=120, network=True)
def partition_silent(run):
    """No packet passes between two groups of four members for 12 s, and no link is down: both serve, and agree within two digest periods."""
    network = Network()
    with Cluster(run.registry, size=4, network=network) as cluster:
        cluster.start()
        sides = cluster.members[:2], cluster.members[2:]
        with Population(cluster.members, ttl=8) as population, Oracle(cluster, population) as oracle:
            population.use(*sides)
            time.sleep(3)
            network.part(*sides)
            both_sides_serve(run, population, sides, CUT_SECONDS)
            network.unpart(*sides)
            oracle.hold(CONVERGED_SECONDS)


@row(seconds=120, network=True)
def partition_one_way(run):
    """What one member sends to a second vanishes for 12 s, the other way and the third are open: all serve, and agree within two digest periods.

    Clients go to any member: a heartbeat at one is heard by another over the third. A registration is not: what a client has registered is asked of
    the side where it was registered.
    """
    network = Network()
    with Cluster(run.registry, network=network) as cluster:
        first, second, third = cluster.start().members
        with Population(cluster.members, ttl=8) as population, Oracle(cluster, population) as oracle:
            population.use([first, third], [second, third])
            time.sleep(3)
            network.blackhole(first, second)
            both_sides_serve(run, population, ([first, third], [second, third]), CUT_SECONDS)
            network.unblackhole(first, second)
            oracle.hold(CONVERGED_SECONDS)


def nothing_missing(run, size, homes, cuts):
    """Keepers with a TTL of 10 s send heartbeats each 3.3 s to some members, by number, while pairs of members are cut from one another for 20 s."""
    network = Network()
    with Cluster(run.registry, size=size, network=network) as cluster:
        members = cluster.start().members
        with Population(members, keepers=60, ttl=10, churn=0, changes=False) as population, Oracle(cluster, population) as oracle:
            cluster.wait_converged()
            population.use(*[[members[home]] for home in homes])
            time.sleep(4)
            for one, other in cuts:
                network.part([members[one]], [members[other]])
            end = time.monotonic() + 20
            fewest = {member.name: len(population.keepers) for member in cluster}
            while time.monotonic() < end:
                for member in cluster:
                    fewest[member.name] = min(fewest[member.name], len(member.get("/api/v1/instances?tags=journal&status=ALL")["instances"]))
                time.sleep(0.1)
            run.say(f"fewest listed: {fewest} of {len(population.keepers)}")
            check(set(fewest.values()) == {len(population.keepers)}, "an instance that kept sending heartbeats was missing")
            for one, other in cuts:
                network.unpart([members[one]], [members[other]])
            oracle.hold(CONVERGED_SECONDS)


@row(seconds=120, network=True)
def partition_heartbeats_through_third(run):
    """Two of three members cannot reach one another for 20 s: heartbeats at either keep an instance alive at both, through the third.

    Keepers with a TTL of 10 s are registered before and send heartbeats, each 3.3 s, to the first two members only; nothing else changes. Expected: no
    member ever says that one is unknown, nor lists fewer.
    """
    nothing_missing(run, 3, homes=[0, 1], cuts=[(0, 1)])


@row(seconds=120, network=True)
def partition_heartbeats_through_chain(run):
    """Four members of which each reaches only its neighbours in a row, for 20 s: heartbeats at either end keep an instance alive at the other.

    As with three, but what is heard at one end has to pass two others. Expected: no member ever says that one is unknown, nor lists fewer.
    """
    nothing_missing(run, 4, homes=[0, 3], cuts=[(0, 2), (0, 3), (1, 3)])


@row(seconds=120, network=True)
def half_open(run):
    """Everything that two members send each other vanishes after they have connected, and neither system says so: noticed within three pings.

    Expected: both close the link within three pings of one second (and the looks that show it), and say so; 10 s after it is over they agree.
    """
    network = Network()
    with Cluster(run.registry, network=network) as cluster:
        first, second, third = cluster.start().members
        with Population([third], ttl=8, churn=2) as population, Oracle(cluster, population) as oracle:
            network.swallow(first, second)
            network.swallow(second, first)
            began = time.monotonic()
            for member, other in ((first, second), (second, first)):
                wait_until(f"{member} to close its link to {other}", lambda: member.link_to(other).get("state") != "streaming", NOTICED_SECONDS)
                run.say(f"{member} noticed after {time.monotonic() - began:.1f} s")
                check(member.log_lines("lost the connection to a member"), f"{member} does not say so")
            check(all(third.link_to(other)["state"] == "streaming" for other in (first, second)), "the third member lost a link")
            time.sleep(4)
            network.unswallow(first, second)
            network.unswallow(second, first)
            oracle.hold(CONVERGED_SECONDS)


@row(seconds=60, network=True)
def half_open_at_once(run):
    """A connection to the port on which nothing is ever said: closed within the time for asking, while a real peer connects unhindered.

    Forty such connections are opened to one member. Expected: each is closed within 10 s, and a third member that is started meanwhile is ready at once.
    """
    network = Network()
    with Cluster(run.registry, settings={"SYNC_TIMEOUT": "3s"}, network=network) as cluster:
        first, second, third = cluster.members
        for member in (first, second):
            member.start()
        for member in (first, second):
            member.wait_ready()
        silent = []
        try:
            for _ in range(40):
                connection = second.place.socket()
                connection.settimeout(10)
                connection.connect((first.place.address, first.replication_port))
                silent.append(connection)
            began = time.monotonic()
            third.start().wait_ready()
            run.say(f"a third member was ready after {time.monotonic() - began:.1f} s")
            for connection in silent:
                while True:
                    try:
                        data = connection.recv(4096)
                    except ConnectionResetError:
                        data = b""
                    if not data:
                        break
            took = time.monotonic() - began
            run.say(f"all {len(silent)} silent connections were closed after {took:.1f} s")
            check(took < 10, "a silent connection is kept")
        finally:
            for connection in silent:
                connection.close()
        cluster.wait_joined()


def spread(member, name, number, status="UP"):
    body = {"service_name": "conflict", "endpoint": {"type": "tcp", "value": f"{name}:80"}, "ttl": 120, "status": status, "metadata": {"number": number}}
    code, value = member.ask("POST", "/api/v1/instances", body)
    check(code == 201, f"{name} at {member} was answered {code}")
    return value["id"]


def remove(member, identity):
    code, _ = member.ask("DELETE", f"/api/v1/instances/{identity}")
    check(code == 200, f"the removal of {identity} at {member} was answered {code}")


@row(seconds=90, network=True)
def partition_conflict(run):
    """Both sides of a partition change the same instances: the last change stands on every member, a removal like any other.

    Each is registered before, then changed on one side and a second later on the other, twenty of each kind. Expected within two digest periods:
    removed on one side while the other side sends heartbeats, gone; removed and then registered anew, there; registered anew and then removed, gone;
    registered on both sides, as it was registered last. None of it changes any more in the 6 s after.
    """
    network = Network()
    count = 20
    with Cluster(run.registry, network=network) as cluster:
        left, right, third = cluster.start().members
        kinds = {kind: [spread(left, f"{kind}-{number}", 0) for number in range(count)] for kind in ("renewed", "revived", "ended", "moved")}
        cluster.wait_converged()
        network.part([left], [right, third])
        time.sleep(1)
        for identity in kinds["renewed"]:
            remove(left, identity)
        for identity in kinds["revived"]:
            remove(left, identity)
        for number in range(count):
            spread(right, f"ended-{number}", 1)
            spread(left, f"moved-{number}", 1)
        time.sleep(1)
        for number in range(count):
            spread(right, f"revived-{number}", 2)
            spread(third, f"moved-{number}", 2, "STARTING")
        for identity in kinds["ended"]:
            remove(left, identity)
        for identity in kinds["renewed"]:
            code, _ = right.ask("PUT", f"/api/v1/instances/{identity}/heartbeat")
            check(code == 200, f"a heartbeat on the side that has not heard of the removal was answered {code}")
        network.unpart([left], [right, third])
        healed = time.monotonic()
        expected = {f"revived-{number}:80": (2, "UP") for number in range(count)} | {f"moved-{number}:80": (2, "STARTING") for number in range(count)}

        def held(member):
            found = member.get("/api/v1/services/conflict")["instances"]
            return {one["endpoint"]["value"]: (one["metadata"]["number"], one["status"]) for one in found}

        wait_until("the last changes to stand on every member", lambda: all(held(member) == expected for member in cluster), CONVERGED_SECONDS)
        cluster.wait_converged(seconds=CONVERGED_SECONDS)
        run.say(f"converged {time.monotonic() - healed:.1f} s after it was healed (bound {CONVERGED_SECONDS} s)")
        end = time.monotonic() + 6
        while time.monotonic() < end:
            for member in cluster:
                check(held(member) == expected, f"{member} has changed its mind")
            time.sleep(0.2)
