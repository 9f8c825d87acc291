"""Members that are killed without a word."""

import time

from cluster import Cluster
from journal import Population
from oracle import Oracle
from rows import row


@row(seconds=120, fast=True)
def crash(run):
    """kill -9 of a member in mid-broadcast: what it acknowledged stands, but for the last moments before; it comes back whole.

    Bounds: 25 s to converge after it is back; lost is at most what it acknowledged within 500 ms before.
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
