#!/usr/bin/env python3
"""Runs what the compose files with Redis have in containers, without a container engine: the very commands and health checks, on addresses of the loopback
that stand for those of the containers. Servers and Sentinels are killed and started again, as an engine would.

Usage: compose.py [--venv DIR] [CHECK...]
"""

import contextlib
import os
import pathlib
import random
import secrets
import subprocess
import sys
import tempfile

from engines import FAILOVER_SECONDS, START_SECONDS, Failed, wait_until
from resp import Conversation, ErrorReply, pairs
import checks  # engines.py knows where it is
import compose_files

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
PORT, SENTINEL_PORT = 6379, 26379
NETWORK = "172.28.61."
STOP_SECONDS = 10


class Containers:
    """The services of a compose file that run Redis, as processes. A context manager: at its end none is left."""

    def __init__(self, name, options):
        self.document = compose_files.read_yaml(ROOT / name, options.venv)
        self.services = {service: content for service, content in self.document["services"].items() if content["image"].startswith("redis:")}
        self.running = {}
        # The whole of 127.0.0.0/8 is the loopback: some of it that hardly anybody else has at the moment.
        self.network = f"127.{random.randrange(16, 240)}.{random.randrange(1, 255)}."
        self._temporary = tempfile.TemporaryDirectory(prefix="registry-compose-")
        self.folder = pathlib.Path(self._temporary.name)
        for secret in self.document.get("secrets", {}):
            (self.folder / secret).write_text(secrets.token_hex(32) + "\n")

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        for process in self.running.values():
            process.kill()
            process.wait()
        for log in sorted(self.folder.glob("*.log")) if failure else []:
            print(f"--- {log.name}:\n" + "\n".join(log.read_text(errors="replace").splitlines()[-16:]))
        self._temporary.cleanup()

    def log(self, service):
        return self.folder / f"{service}.log"

    def address(self, service):
        given = self.services[service].get("networks", {}).get("default", {}).get("ipv4_address", f"{NETWORK}200")
        return self._moved(given)

    def secret(self, name):
        return (self.folder / name).read_text().strip()

    def _moved(self, word):
        return word.replace(NETWORK, self.network)

    def _environment(self, service):
        data = self.folder / f"{service}.data"
        data.mkdir(exist_ok=True)
        return {**os.environ, "DATA": str(data), "SECRETS": str(self.folder)}

    def start(self, *services):
        for service in services:
            command = [self._moved(word).replace("/deploy/", f"{ROOT}/deploy/redis/") for word in self.services[service]["command"]]
            # In a container each has all addresses, here one of many.
            if not command[0].endswith("make-cluster"):
                command += ["--bind", self.address(service)]
            environment = self._environment(service)
            with open(self.log(service), "ab") as log:
                self.running[service] = subprocess.Popen(
                    command, env=environment, cwd=environment["DATA"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self, service):
        process = self.running.pop(service)
        process.kill()
        process.wait()

    def stop(self, service):
        """A server that writes its first append-only file, as after a full copy, takes SIGTERM and does not end: it is asked again."""
        process = self.running.pop(service)
        for _ in range(STOP_SECONDS):
            process.terminate()
            try:
                process.wait(1)
                return
            except subprocess.TimeoutExpired:
                pass
        process.kill()
        process.wait()
        raise Failed(f"{service} did not end within {STOP_SECONDS} s of SIGTERM")

    def is_healthy(self, service):
        """What the engine would take it for."""
        words = [self._moved(word).replace("/run/secrets", str(self.folder)).replace("$$", "$") for word in self.services[service]["healthcheck"]["test"][1:]]
        words = [word if "redis-cli -h" in word else word.replace("redis-cli", f"redis-cli -h {self.address(service)}") for word in words]
        return subprocess.run(words, capture_output=True, timeout=5).returncode == 0

    def wait_healthy(self, *services, seconds=START_SECONDS):
        for service in services:
            wait_until(f"{service} to be healthy", lambda service=service: self.lives(service) and self.is_healthy(service), seconds)

    def lives(self, service):
        if self.running[service].poll() is not None:
            raise Failed(f"{service} has ended with {self.running[service].poll()}")
        return True

    @contextlib.contextmanager
    def connected(self, service, password="redis_password", port=PORT):
        with Conversation(port, host=self.address(service), password=self.secret(password) if password else None) as conversation:
            yield conversation

    def ask(self, service, *words, **connection):
        with self.connected(service, **connection) as conversation:
            return conversation.ask(*words)


def one_redis_keeps_what_it_has(options):
    with Containers("docker-compose.redis.yml", options) as containers:
        containers.start("redis")
        containers.wait_healthy("redis")
        with containers.connected("redis", password=None) as conversation:
            assert conversation.ask("CONFIG", "GET", "maxmemory-policy")[1] == b"noeviction"
            conversation.ask("HSET", "{a8.0}:m", "epoch", "1")
        containers.stop("redis")
        containers.start("redis")
        containers.wait_healthy("redis")
        assert containers.ask("redis", "HGET", "{a8.0}:m", "epoch", password=None) == b"1", "a restart has lost what there was"


def master_of(containers):
    return containers.ask("sentinel-2", "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster", password="sentinel_password", port=SENTINEL_PORT)[0].decode()


def sentinels_have_a_replica_take_over(options):
    with Containers("docker-compose.redis-sentinel.yml", options) as containers:
        servers, sentinels = ["redis-1", "redis-2", "redis-3"], ["sentinel-1", "sentinel-2", "sentinel-3"]
        containers.start(*servers)
        containers.wait_healthy(*servers)
        containers.start(*sentinels)
        containers.wait_healthy(*sentinels)
        wait_until("Sentinels to know all", lambda: knows_all(containers, "sentinel-2"), FAILOVER_SECONDS)
        assert master_of(containers) == containers.address("redis-1")
        for service, password, port in (("redis-2", None, PORT), ("sentinel-1", None, SENTINEL_PORT)):
            try:
                containers.ask(service, "PING", password=password, port=port)
                raise AssertionError(f"{service} takes commands without a password")
            except ErrorReply as error:
                assert error.word == "NOAUTH", error
        # As members write with STORE_WAIT=1.
        with containers.connected("redis-1") as conversation:
            conversation.ask("HSET", "{a8.0}:m", "epoch", "1")
            assert conversation.ask("WAIT", 1, 5_000) >= 1, "no replica has followed"
        containers.kill("redis-1")
        wait_until("another master", lambda: master_of(containers) != containers.address("redis-1"), FAILOVER_SECONDS)
        master = next(service for service in servers if containers.address(service) == master_of(containers))
        wait_until(f"{master} to be one", lambda: containers.ask(master, "ROLE")[0] == b"master", FAILOVER_SECONDS)
        assert containers.ask(master, "HGET", "{a8.0}:m", "epoch") == b"1", "the failover has lost what there was"
        containers.start("redis-1")
        wait_until("the old master to follow the new one", lambda: follows(containers, "redis-1"), FAILOVER_SECONDS)
        # A Sentinel, and a server, remember what has changed.
        containers.stop("sentinel-2")
        containers.start("sentinel-2")
        containers.wait_healthy("sentinel-2")
        assert master_of(containers) == containers.address(master), "a Sentinel has forgotten the new master"
        containers.stop("redis-1")
        containers.start("redis-1")
        containers.wait_healthy("redis-1")
        assert containers.ask("redis-1", "ROLE")[0] == b"slave", "the old master has forgotten that it is none"


def knows_all(containers, sentinel):
    told = pairs(containers.ask(sentinel, "SENTINEL", "MASTER", "mymaster", password="sentinel_password", port=SENTINEL_PORT))
    return told["num-slaves"] == "2" and told["num-other-sentinels"] == "2"


def six_nodes_become_a_cluster_and_stay_one(options):
    with Containers("docker-compose.redis-cluster.yml", options) as containers:
        nodes = [f"redis-{number}" for number in range(1, 7)]
        containers.start(*nodes)
        containers.wait_healthy(*nodes)
        containers.start("make-cluster")
        containers.wait_healthy("make-cluster", seconds=FAILOVER_SECONDS)
        wait_until("three replicas to follow a master each", lambda: all(follows(containers, node) for node in nodes[3:]), FAILOVER_SECONDS)
        containers.kill("redis-1")
        wait_until("a replica to take over", lambda: roles(containers, nodes[1:]).count(b"master") == 3, FAILOVER_SECONDS)
        containers.stop("make-cluster")
        # All at once, as after a loss of power.
        for node in nodes[1:]:
            containers.kill(node)
        containers.start(*nodes)
        containers.wait_healthy(*nodes)
        containers.start("make-cluster")
        containers.wait_healthy("make-cluster", seconds=FAILOVER_SECONDS)
        wait_until("the cluster to be left as it is", lambda: "the nodes are a cluster" in containers.log("make-cluster").read_text(), START_SECONDS)
        wait_until("three masters again", lambda: roles(containers, nodes).count(b"master") == 3, FAILOVER_SECONDS)


def follows(containers, service):
    """Whether it is a replica that has what its master has."""
    role = containers.ask(service, "ROLE")
    return role[0] == b"slave" and role[3] == b"connected"


def roles(containers, nodes):
    return [containers.ask(node, "ROLE")[0] for node in nodes]


CHECKS = [one_redis_keeps_what_it_has, sentinels_have_a_replica_take_over, six_nodes_become_a_cluster_and_stay_one]


if __name__ == "__main__":
    sys.exit(checks.run(CHECKS, __doc__))
