"""Two members over one Redis, and two of a cluster, for what is measured on both: the same binary, settings, cores and weights."""

import re

import load
from cluster import PEER_NICE, Member
from fleet import Fleet
from servers import LONG_LEASES, PortFileServer, free_port, wait_until

SERVICES = 1_000
NAMESPACES = 100            # spread over all shards, as those of many tenants are
BY_NAMESPACE = {"AUTH_MODE": "trusted"}
HELD_SECONDS = 30


class StoreMember(Member):
    """A member whose store is a Redis on loopback."""

    def __init__(self, bench, name, redis, core, nice=0, environment=None):
        command = (["nice", f"-n{nice}"] if nice else []) + bench.registry_command
        PortFileServer.__init__(self, name, bench.work, command, {
            "LOOPS": "1", "LOG_LEVEL": "warn", "ACCESS_LOG": "off", "EVENT_LOG": "off", **LONG_LEASES, "LISTEN_ADDRESS": "127.0.0.1",
            "STORE": "redis", "STORE_ADDRESS": f"127.0.0.1:{redis.port}", **(environment or {})}, core)


class Pair:
    """Two members that are ready, of the one kind or the other; `redis` is None in a cluster."""

    def __init__(self, bench, stack, kind, cores=None, environment=None):
        first_core, second_core = (cores, cores) if cores else (bench.server_core, bench.client_core)
        self.kind, self.redis, nice = kind, None, 0 if cores else PEER_NICE
        if kind == "store":
            self.redis = stack.enter_context(bench.redis_server(cores))
            self.first = StoreMember(bench, "store-1", self.redis, first_core, 0, environment)
            self.second = StoreMember(bench, "store-2", self.redis, second_core, nice, environment)
        else:
            ports = [free_port(), free_port()]
            self.first = Member(bench, "cluster-1", ports[0], ports, first_core, 2)
            self.second = Member(bench, "cluster-2", ports[1], ports, second_core, 2, nice)
            for member in self.members:
                # Tenants' members replicate over TLS, or say that they will not.
                member.environment.update({"REPLICATION_PLAIN": "true", **environment} if environment else {})
        for member in self.members:
            stack.enter_context(member)
        for member in self.members:
            member.wait_ready()

    @property
    def members(self):
        return [self.first, self.second]


def pairs(bench, stack, **how):
    """One pair of each kind."""
    return {kind: Pair(bench, stack, kind, **how) for kind in ("store", "cluster")}


def start_fleet(bench, pair, stack, services=SERVICES, namespaces=0, cores=None):
    return stack.enter_context(Fleet(bench.fleet_binary, pair.first.port, services, namespaces, cores or bench.client_core))


def held(client):
    """How many instances a member has, by its metrics."""
    return int(re.search(rb"^a8registry_instances (\d+)", client.ask("GET", "/metrics").body, re.MULTILINE)[1])


def wait_held(member, count):
    with load.Client(member.port) as client:
        wait_until(f"{member.name} to have {count:,} instances", lambda: held(client) == count, HELD_SECONDS, 0.02)
