"""The oracle must be able to fail: it is shown clusters that are broken, and has to say so."""

import time

from cluster import Cluster, check, wait_until
from journal import Population
from oracle import Oracle
from rows import row


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
        for word in ("digests differ", "and should be registration", "is unknown", "last_heartbeat"):
            check(any(word in complaint for complaint in complaints), f"the oracle did not complain of '{word}'")
        run.say(f"{len(complaints)} complaints, as it should be")
