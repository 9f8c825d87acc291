"""Another server becomes the master, by Sentinels or within a cluster, and slots move while they are used."""

import contextlib
import json
import pathlib
import tempfile
import threading
import time

from cluster import fill
from engines import Sentinels, SixNodes, check, wait_until
from rows import row
from store import SHARDS, Background, StoreMember, World, flavor, is_in_memory, store_settings

PREFIX = "a8"
# Enough that reading them takes longer than noticing that it has begun.
FILLERS = 15_000
BEGIN_SECONDS = 20
# What a node is sent before it is known to be away is waited for as long as STORE_TIMEOUT says, and changes behind it wait too.
NOTICED_SECONDS = 2
# Nodes that are well serve their slots while another slot has nobody.
PART_BY_PART = {"cluster-require-full-coverage": "no"}


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
        # Nobody is left who could tell another member where the master is.
        world.hold(may_start=False)


@row(seconds=300)
def cluster_failover(run):
    """kill -9 of each master of a cluster of six in turn, each back before the next: its replica is used, nothing is lost, and nobody waits who has nothing there."""
    with SixNodes(flavor(), PART_BY_PART) as nodes, World(run, nodes) as world, Tenants(run, nodes) as tenants:
        time.sleep(3)
        with world.oracle.outage():
            for master in nodes.masters():
                with tenants.others_are_served(tenants.shards_of(master)):
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
    """A third of the slots has nobody for 8 s, and no node serves any: CLUSTERDOWN is an outage, and heals as one."""
    with SixNodes(flavor()) as nodes, World(run, nodes) as world:
        time.sleep(3)
        with world.oracle.outage():
            with a_pair_stands(nodes):
                time.sleep(8)
                check(b"cluster_state:fail" in nodes.nodes[0].ask("CLUSTER", "INFO"), "a node that is well serves its slots")
                world.check_heartbeats(2)
                statuses = world.count_refusals(2)
            nodes.wait_whole()
        run.say(f"registrations were answered {statuses}")
        check(is_in_memory() or set(statuses) == {503}, f"registrations were answered {statuses} while no node served any slot")
        world.hold()


@row(seconds=240)
def cluster_part_down(run):
    """A third of the slots has nobody for 8 s, and the other nodes serve theirs: changes are refused in the namespaces of that third, and in no others."""
    with SixNodes(flavor(), PART_BY_PART) as nodes, World(run, nodes) as world, Tenants(run, nodes) as tenants:
        time.sleep(3)
        with world.oracle.outage():
            with tenants.others_are_served(tenants.shards_of(nodes.nodes[1])), a_pair_stands(nodes):
                time.sleep(8)
                world.check_heartbeats(2)
            nodes.wait_whole()
        tenants.wait_served()
        world.hold()


@contextlib.contextmanager
def a_pair_stands(nodes):
    """A master and its replica stand still."""
    pair = [nodes.nodes[1], nodes.nodes[4]]
    for node in pair:
        node.pause()
    try:
        yield
    finally:
        for node in pair:
            node.resume()


@row(seconds=180)
def slot_on_its_way(run):
    """A slot stays half way between two nodes for 6 s: changes in its namespaces are refused, heartbeats are kept and sent when it has arrived, and nobody else notices."""
    with SixNodes(flavor()) as nodes, Tenants(run, nodes) as tenants:
        if is_in_memory():
            return
        shard = 5
        slot = nodes.slot(tenants.key(shard))
        identity = tenants.register(shard, ttl=8)[1]["id"]
        source, target = nodes.owner(slot), another(nodes, slot)
        with tenants.others_are_served([shard]):
            nodes.begin_migration(slot, target)
            check(nodes.move_keys(slot, source, target, count=2) == 2, "the shard has not as many keys as should be")
            until = time.monotonic() + 6
            while time.monotonic() < until:
                status, _ = tenants.ask(shard, "PUT", f"/api/v1/instances/{identity}/heartbeat")
                check(status == 200, f"a heartbeat was answered {status} while its slot was on its way")
                time.sleep(0.5)
            while nodes.move_keys(slot, source, target):
                pass
            nodes.end_migration(slot, target)
            sent = time.monotonic()
            wait_until("a registration to be taken at the other node", lambda: tenants.register(shard)[0] in TAKEN, 10)
            run.say(f"a registration was taken {time.monotonic() - sent:.1f} s after the slot had arrived")
        ends = target.ask("ZSCORE", f"{{{Tenants.PREFIX}.{shard}}}:z", f"{tenants.names[shard]}\0{identity}")
        seconds, microseconds = target.ask("TIME")
        rest = float(ends) / 1_000 - int(seconds) - int(microseconds) / 1_000_000
        check(rest > 3, f"the lease that was renewed meanwhile ends in {rest:.1f} s")


TAKEN = (200, 201)


class Tenants:
    """A tenant of each shard, which registers again and again at a member that only they have: whose changes are taken while a part is away?"""

    PREFIX = "t8"

    def __init__(self, run, nodes):
        self.run = run
        self.nodes = nodes
        self.answers = []
        self._lock = threading.Lock()
        self._number = 0
        self._stack = contextlib.ExitStack()
        self.names = [next(name for name in (f"tenant-{number}" for number in range(10_000)) if shard_of(name) == shard) for shard in range(SHARDS)]

    def __enter__(self):
        if is_in_memory():
            return self
        with contextlib.ExitStack() as stack:
            folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="registry-tenants-")))
            settings = {**store_settings(self.nodes), "AUTH_MODE": "trusted", "STORE_PREFIX": self.PREFIX}
            self.member = StoreMember(self.run.registry, "tenants", folder, settings).start()
            stack.callback(self.member.kill)
            self.member.wait_ready()
            stack.enter_context(Background(self._turn))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *failure):
        return self._stack.__exit__(*failure)

    def key(self, shard):
        return f"{{{self.PREFIX}.{shard}}}:m"

    def ask(self, shard, method, path, body=None):
        """What the tenant of a shard is answered."""
        connection = self.member.connect()
        try:
            headers = {"Authorization": f"Bearer {self.names[shard]}", "Content-Type": "application/json"}
            connection.request(method, path, body=json.dumps(body) if body else None, headers=headers)
            response = connection.getresponse()
            data = response.read()
            return response.status, json.loads(data) if data[:1] == b"{" else None
        finally:
            connection.close()

    def register(self, shard, ttl=600):
        with self._lock:
            self._number += 1
            number = self._number
        return self.ask(shard, "POST", "/api/v1/instances",
                        {"service_name": "tried", "endpoint": {"type": "tcp", "value": f"{number % 100}.tried:80"}, "ttl": ttl})

    def _turn(self):
        for shard in range(SHARDS):
            began = time.monotonic()
            status, _ = self.register(shard)
            with self._lock:
                self.answers.append((began, shard, status))
        time.sleep(0.05)

    def shards_of(self, node):
        """Those of which a node is the master now."""
        if is_in_memory():
            return []
        return [shard for shard in range(SHARDS) if self.nodes.owner(self.nodes.slot(self.key(shard))) is node]

    @contextlib.contextmanager
    def others_are_served(self, away):
        """While these shards are away, changes are refused in their namespaces, and in no others."""
        began = time.monotonic()
        yield
        if is_in_memory():
            return
        with self._lock:
            answers = [(shard, status) for when, shard, status in self.answers if when >= began + NOTICED_SECONDS]
        others = [status for shard, status in answers if shard not in away]
        refused = [status for shard, status in answers if shard in away and status not in TAKEN]
        self.run.say(f"shards {away} were away: {len(refused)} changes were refused there, and {len(others)} taken in the other namespaces")
        check(others and set(others) <= set(TAKEN), f"changes in other namespaces were answered {sorted(set(others))}")
        check(refused and set(refused) == {503}, f"changes in their namespaces were answered {sorted(set(refused))}")

    def wait_served(self, seconds=20):
        """Until changes are taken in all namespaces."""
        if not is_in_memory():
            wait_until("changes to be taken in all namespaces", lambda: all(self.register(shard)[0] in TAKEN for shard in range(SHARDS)), seconds)


def shard_of(namespace):
    """As members hash namespaces: FNV-1a, and a finalizer."""
    word = 0xCBF29CE484222325
    for byte in namespace.encode():
        word = (word ^ byte) * 0x100000001B3 % 2**64
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        word = (word ^ word >> 33) * factor % 2**64
    return (word ^ word >> 33) % SHARDS


def scans(operator):
    """How often namespaces were read piece by piece."""
    lines = operator.ask("INFO", "commandstats").decode().splitlines()
    return sum(int(line.split("calls=")[1].split(",")[0]) for line in lines if line.startswith("cmdstat_hscan:"))


@row(seconds=240)
def master_ends_in_mid_scan(run):
    """The master is killed while a member that starts reads what there is: it is not ready until it has read all, from the new one."""
    with Sentinels(flavor()) as group, World(run, group, keepers=20, churn=2) as world:
        fill(world.members[0], FILLERS)
        time.sleep(2)
        with world.oracle.outage(), Background(lambda: world.check_heartbeats(0.2)):
            old = group.master()
            newcomer = world.members[-1]
            newcomer.kill()
            with old.connect() as operator:
                before = scans(operator)
                newcomer.start()
                deadline = time.monotonic() + BEGIN_SECONDS
                # Without a pause, for reading takes some milliseconds.
                while not is_in_memory() and scans(operator) == before:
                    check(time.monotonic() < deadline, f"the member has not begun to read within {BEGIN_SECONDS} s")
                old.pause()
            if not is_in_memory():
                newcomer.wait_answering()
                check(newcomer.ask("GET", "/readyz")[0] == 503, "it has read everything already")
            old.kill()
            group.wait_promoted(old)
            newcomer.wait_ready(60)
            count = len(newcomer.get("/api/v1/instances?tags=filler")["instances"])
            check(count == FILLERS, f"it is ready and lists {count} of {FILLERS}")
        world.hold()
