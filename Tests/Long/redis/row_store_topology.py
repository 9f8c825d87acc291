"""Another server becomes the master, by Sentinels or within a cluster, and slots move while they are used."""

import time

from cluster import fill
from engines import Sentinels, SixNodes, check, wait_until
from rows import row
from store import SHARDS, Background, World, flavor, is_in_memory

PREFIX = "a8"


@row(seconds=240)
def sentinel_failover(run):
    """kill -9 of the master beside three Sentinels: the promoted replica is used within seconds, and nothing is lost; the old master comes back as a replica."""
    with Sentinels(flavor()) as group, World(run, group) as world:
        time.sleep(3)
        with world.oracle.outage():
            old = group.master()
            old.kill()
            began = time.monotonic()
            group.wait_promoted(old)
            promoted = time.monotonic()
            wait_until("a registration to be taken", lambda: 201 in world.count_refusals(0.2), 20)
            run.say(f"promoted after {promoted - began:.1f} s; a registration was taken {time.monotonic() - promoted:.1f} s later")
            old.start().wait_ready()
            wait_until(f"{old} to be a replica", lambda: old.role() == b"slave", 40)
        world.hold()


@row(seconds=240)
def ordered_failover(run):
    """An operator orders a failover: the old master lives on as a replica, and takes no change that would be lost."""
    with Sentinels(flavor()) as group, World(run, group, churn=20) as world:
        time.sleep(3)
        with world.oracle.outage():
            group.failover()
            time.sleep(2)
        world.hold()


@row(seconds=240)
def paused_master(run):
    """The master stands still until another is promoted, and goes on as if nothing had been: no change goes to it any more."""
    with Sentinels(flavor()) as group, World(run, group) as world:
        time.sleep(3)
        with world.oracle.outage():
            old = group.master()
            old.pause()
            group.wait_promoted(old)
            old.resume()
            time.sleep(5)
        world.hold()


@row(seconds=300)
def sentinels_end(run):
    """Two of three Sentinels are killed, then the third: the master is used on; members that start meanwhile find it by the one that is left."""
    with Sentinels(flavor()) as group, World(run, group) as world:
        for sentinel in group.sentinels[:2]:
            sentinel.kill()
        time.sleep(3)
        with world.oracle.outage():
            world.members[0].kill()
            world.members[0].start().wait_ready()
        group.sentinels[2].kill()
        time.sleep(5)
        check(is_in_memory() or set(world.count_refusals(2)) == {201}, "registrations are refused, and the master is well")
        world.hold()


@row(seconds=300)
def cluster_failover(run):
    """kill -9 of each master of a cluster of six in turn, each back before the next: its replica is used, and nothing is lost."""
    with SixNodes(flavor()) as nodes, World(run, nodes) as world:
        time.sleep(3)
        with world.oracle.outage():
            for master in nodes.masters():
                master.kill()
                slots_are_served(nodes)
                time.sleep(2)
                master.start().wait_ready()
                nodes.wait_whole()
        world.hold()


def slots_are_served(nodes, seconds=40):
    """Until the nodes that run say that all slots are served."""
    running = [node for node in nodes.nodes if node.is_running]
    wait_until("the cluster to serve all slots", lambda: all(b"cluster_state:ok" in node.ask("CLUSTER", "INFO") for node in running)
               and all(nodes.owner(slot).is_running for slot in range(0, 16_384, 2_048)), seconds)


@row(seconds=300)
def slots_move(run):
    """Every slot of ours moves to another node, key by key, while it is used: changes wait or are refused for a moment, and none is split or lost.

    The slot of the busy namespace moves slowly, with a pause after each key, twice there and back.
    """
    with SixNodes(flavor()) as nodes, World(run, nodes, churn=20) as world:
        time.sleep(3)
        with world.oracle.outage():
            moved = 0
            for shard in range(SHARDS):
                slot = nodes.slot(f"{{{PREFIX}.{shard}}}:m")
                moved += nodes.migrate(slot, another(nodes, slot))
            busiest = max(range(SHARDS), key=lambda shard: weight(nodes, shard))
            slot = nodes.slot(f"{{{PREFIX}.{busiest}}}:m")
            for _ in range(4):
                target = another(nodes, slot)
                source = nodes.begin_migration(slot, target)
                while count := nodes.move_keys(slot, source, target, count=1):
                    moved += count
                    time.sleep(0.2)
                nodes.end_migration(slot, target)
                time.sleep(1)
        run.say(f"{moved} keys were moved")
        world.hold()
        for shard in range(SHARDS):
            slot = nodes.slot(f"{{{PREFIX}.{shard}}}:m")
            holders = [node for node in nodes.masters() if node.ask("CLUSTER", "COUNTKEYSINSLOT", slot)]
            check(is_in_memory() or len(holders) == 1, f"shard {shard} has keys at {holders}")


def another(nodes, slot):
    """A master that does not serve the slot."""
    owner = nodes.owner(slot)
    return next(node for node in nodes.masters() if node is not owner)


def weight(nodes, shard):
    """How many instances a shard has."""
    slot = nodes.slot(f"{{{PREFIX}.{shard}}}:m")
    return nodes.owner(slot).ask("ZCARD", f"{{{PREFIX}.{shard}}}:z")


@row(seconds=240)
def cluster_down(run):
    """A third of the slots has nobody for 8 s: CLUSTERDOWN is an outage, and heals as one."""
    with SixNodes(flavor()) as nodes, World(run, nodes) as world:
        time.sleep(3)
        with world.oracle.outage():
            pair = [nodes.nodes[1], nodes.nodes[4]]
            for node in pair:
                node.pause()
            time.sleep(8)
            world.check_heartbeats(2)
            for node in pair:
                node.resume()
            nodes.wait_whole()
        world.hold()


@row(seconds=240)
def master_ends_in_mid_scan(run):
    """The master is killed while a member that starts reads what there is: it is not ready until it has read all, from the new one."""
    with Sentinels(flavor()) as group, World(run, group, keepers=20, churn=2) as world:
        fill(world.members[0], 3_000)
        time.sleep(2)
        with world.oracle.outage(), Background(lambda: world.check_heartbeats(0.2)):
            old = group.master()
            newcomer = world.members[-1]
            newcomer.kill()
            newcomer.start()
            time.sleep(0.15)
            old.kill()
            group.wait_promoted(old)
            newcomer.wait_ready(60)
            count = len(newcomer.get("/api/v1/instances?tags=filler")["instances"])
            check(count == 3_000, f"it is ready and lists {count} of 3000")
        world.hold()


