"""The oracle must be able to fail: it is shown clusters that are broken, and has to say so."""

import threading
import time

from cluster import Cluster, check, wait_until
from journal import Population
from oracle import Oracle
from rows import row


def check_complaints(run, complaints, words):
    for word in words:
        check(any(word in complaint for complaint in complaints), f"the oracle did not complain of '{word}'")
    run.say(f"{len(complaints)} complaints, as it should be")


@row(seconds=90, fast=True)
def oracle_complains(run):
    """Two members that do not know one another: the oracle says that digests differ and that instances are missing.

    Expected: complaints about digests, about what is missing, and about heartbeats that were told that their instance is unknown.
    """
    with Cluster(run.registry, size=2, shares_directory=False, settings={"CLUSTER_SIZE": "1", "CLUSTER_PEERS": "none"}) as cluster:
        for member in cluster:
            member.start().wait_ready()
        with Population(cluster.members, churn=5) as population, Oracle(cluster, population) as oracle:
            time.sleep(3)
            complaints = oracle.judge(bound=2, expiry=1)
        check_complaints(run, complaints, ("digests differ", "and should be registration", "is unknown", "last_heartbeat"))


@row(seconds=90, fast=True)
def oracle_sees_ghosts(run):
    """Somebody keeps the dead alive, brings back what was removed and undoes a registration: the oracle says each.

    It is done behind the journal's back, as a cluster would that extends leases by copying, forgets removals or takes older changes for newer ones.
    """
    with Cluster(run.registry, size=1) as cluster:
        member = cluster.start().members[0]
        with Population([member], keepers=4, churn=6, changes=False) as population, Oracle(cluster, population) as oracle:
            journal, is_over = population.journal, threading.Event()

            def found(kind, verb):
                with journal.lock:
                    return next((entry for entry in journal.entries if entry.kind == kind and entry.changes and entry.last_change.verb == verb), None)

            zombie = wait_until("one that is abandoned", lambda: found("abandoned", "register"), 10)

            def keep_alive():
                while not is_over.wait(0.3):
                    member.ask("PUT", f"/api/v1/instances/{zombie.identity}/heartbeat")

            keeper = threading.Thread(target=keep_alive, daemon=True)
            keeper.start()
            ghost = wait_until("one that is removed", lambda: found("leaver", "deregister"), 10)
            check(member.ask("POST", "/api/v1/instances", ghost.body())[0] == 201, "the ghost was refused")
            time.sleep(1.5)
            check(member.ask("POST", "/api/v1/instances", {**population.keepers[0].body(), "metadata": {"number": 0}})[0] == 201, "it was refused")
            complaints = oracle.judge(bound=2, expiry=1)
            is_over.set()
            keeper.join()
        check_complaints(run, complaints, ("was still listed", "and should be gone", "went back"))
