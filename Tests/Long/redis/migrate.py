#!/usr/bin/env python3
"""Moves instances, under heartbeats, from members that keep everything themselves to members over Redis (docs/redis.md, "From members that keep
everything themselves"), and finds no look-up failing and no instance lost.

Usage: migrate.py [--registry PATH] [--venv DIR] [CHECK...]
"""

import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

from engines import FLAVORS, Single, check, wait_until
import checks  # engines.py knows where it is
from running_registry import RunningRegistry

TOKEN = "an-operator-of-both-registries-0123456789"
INSTANCES = 1_000
# Those that are moved at once, as a balancer moves the clients of one machine.
GROUP = 100
TTL_SECONDS = 10
HEARTBEAT_SECONDS = 2
# What the old members have taken is shown by the new ones within a round of the migration; the machine may be busy.
ROUND_SECONDS = 30
LOOK_SECONDS = 0.1


def ask(registry, method, path, body=None, token=None, timeout=10):
    """The status and the tree of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", registry.port, timeout=timeout)
    try:
        fields = {"Content-Type": "application/json"}
        if token:
            fields["Authorization"] = f"Bearer {token}"
        connection.request(method, path, body and json.dumps(body), fields)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None
    finally:
        connection.close()


def ids(registry, query=""):
    status, tree = ask(registry, "GET", f"/api/v1/instances?fields=status{query}")
    check(status == 200, f"a look-up was answered {status}")
    return {instance["id"] for instance in tree["instances"]}


def register(registry, name, ttl=TTL_SECONDS):
    status, tree = ask(
        registry, "POST", "/api/v1/instances", {"service_name": "moved", "endpoint": {"type": "tcp", "value": f"{name}:80"}, "ttl": ttl, "tags": [name]})
    check(status == 201, f"the registration of {name} was answered {status}: {tree}")
    return tree["id"]


def start_together(program, settings):
    """Starts registries at once: one alone would wait for the others."""
    registries, failures = [None] * len(settings), []

    def start(number):
        try:
            registries[number] = RunningRegistry(program, settings[number])
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=start, args=(number,)) for number in range(len(settings))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        for registry in registries:
            if registry:
                registry.kill()
        raise failures[0]
    return registries


class World:
    """Two members that replicate to one another, two over an engine, and what runs meanwhile. A context manager."""

    def __init__(self, options, flavor):
        self.program = options.registry
        self.engines = Single(flavor, venv=options.venv)
        self.folder = tempfile.TemporaryDirectory(prefix="registry-migration-")
        self.registries = []
        self.commands = []

    def __enter__(self):
        self.engines.__enter__()
        try:
            common = {"LISTEN_ADDRESS": "127.0.0.1", "OPERATOR_TOKEN": TOKEN, "MIN_TTL": "1s"}
            own = {"REPLICATION": "true", "CLUSTER_DIR": self.folder.name, "CLUSTER_SIZE": "2", "REPLICATION_PORT": "0"}
            stored = {"STORE": "redis", "STORE_ADDRESS": self.engines.address}
            self.old = start_together(self.program, [{**common, **own}] * 2)
            self.registries += self.old
            self.new = start_together(self.program, [{**common, **stored}] * 2)
            self.registries += self.new
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *failure):
        for command in self.commands:
            if command.poll() is None:
                command.kill()
                command.wait()
        for registry in self.registries:
            registry.__exit__(None, None, None)
        self.folder.cleanup()
        return self.engines.__exit__(*failure)

    def migrate(self, *words):
        """Begins `registry store migrate`; its output is in `migration`."""
        self.migration = pathlib.Path(self.folder.name) / "migration"
        with open(self.migration, "wb") as output:
            command = subprocess.Popen(
                [self.program, "store", "migrate", "--from-cluster", ",".join(registry.url for registry in self.old), "--url", self.new[0].url, *words],
                env={**os.environ, "REGISTRY_TOKEN": TOKEN}, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        self.commands.append(command)
        return command


class Clients:
    """Instances, each with a heartbeat every HEARTBEAT_SECONDS at where it is now. A context manager."""

    def __init__(self, registries, count):
        self.lock = threading.Lock()
        self.failures = []
        self.places = {}
        for number in range(count):
            place = registries[number % len(registries)]
            self.places[register(place, f"client-{number}")] = place
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def move(self, identities, registry):
        with self.lock:
            for identity in identities:
                self.places[identity] = registry

    def forget(self, identity):
        with self.lock:
            del self.places[identity]

    def _run(self):
        while not self._over.wait(HEARTBEAT_SECONDS):
            with self.lock:
                groups = {}
                for identity, place in self.places.items():
                    groups.setdefault(place, []).append(identity)
                for place, identities in groups.items():
                    try:
                        status, tree = ask(place, "PUT", "/api/v1/heartbeats", {"ids": identities})
                    except OSError as error:
                        status, tree = str(error), None
                    if status != 200 or any(result != 200 for result in tree["results"]):
                        self.failures.append((place.url, status, tree and [result for result in tree["results"] if result != 200][:3]))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


class Watcher:
    """Looks up at registries all the time, and notes what is not listed though it has to be. A context manager."""

    def __init__(self, registries):
        self.registries = registries
        self.lock = threading.Lock()
        self.wanted = set()
        self.looks = 0
        self.failures = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def want(self, identities):
        with self.lock:
            self.wanted |= set(identities)

    def forget(self, identity):
        with self.lock:
            self.wanted.discard(identity)

    def _run(self):
        while not self._over.wait(LOOK_SECONDS):
            for registry in self.registries:
                with self.lock:
                    wanted = set(self.wanted)
                    try:
                        missing = wanted - ids(registry)
                    except Exception as error:
                        missing = {f"everything: {error}"}
                self.looks += 1
                if missing:
                    self.failures.append((registry.url, len(missing), sorted(missing)[:3]))

    def stop(self):
        self._over.set()
        self._thread.join()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop()


def clients_move_one_by_one_while_both_serve(options):
    """R635, R636 States are merged by their versions, leases keep their age, and what was deregistered stays so."""
    for flavor in FLAVORS:
        with World(options, flavor) as world, Clients(world.old, INSTANCES) as clients, Watcher(world.old) as old_watcher, Watcher(world.new) as watcher:
            everybody = list(clients.places)
            wait_until("both old members to list all", lambda: all(len(ids(registry)) == INSTANCES for registry in world.old), ROUND_SECONDS)
            old_watcher.want(everybody)
            command = world.migrate("--follow")

            def are_shown():
                check(command.poll() is None, f"the command has ended:\n{world.migration.read_text()}")
                return all(set(everybody) <= ids(registry) for registry in world.new)

            wait_until("the new members to show what the old ones have", are_shown, ROUND_SECONDS)
            watcher.want(everybody)
            # Longer than a lease: what the old members renew is renewed in the new ones.
            time.sleep(TTL_SECONDS + 2)
            late = register(world.old[0], "late")
            clients.move([late], world.old[0])
            leaver = everybody.pop()
            clients.forget(leaver)
            old_watcher.forget(leaver)
            watcher.forget(leaver)
            check(ask(world.old[1], "DELETE", f"/api/v1/instances/{leaver}")[0] == 200, "a deregistration was refused")
            wait_until(
                "the new members to show what changed at the old ones",
                lambda: all(late in shown and leaver not in shown for shown in map(ids, world.new)), ROUND_SECONDS)
            everybody.append(late)
            # From here on the old members know less and less of who is alive.
            old_watcher.stop()
            for start in range(0, len(everybody), GROUP):
                clients.move(everybody[start:start + GROUP], world.new[start // GROUP % 2])
                time.sleep(0.3)
            # What has moved and is deregistered is not brought back by those who do not know.
            gone = everybody.pop()
            clients.forget(gone)
            watcher.forget(gone)
            check(ask(world.new[1], "DELETE", f"/api/v1/instances/{gone}")[0] == 200, "a deregistration was refused")
            # The old members have let all leases run out by then.
            wait_until("the old members to be empty", lambda: all(not ids(registry) for registry in world.old), 3 * TTL_SECONDS)
            for registry in world.new:
                check(gone not in ids(registry), f"{registry.url} lists again what was deregistered there")
            check(command.poll() is None, f"the command has ended:\n{world.migration.read_text()}")
            command.send_signal(signal.SIGINT)
            command.wait(10)
            for registry in world.old:
                registry.stop()
            time.sleep(TTL_SECONDS + 2)
            for registry in world.new:
                check(ids(registry) == set(everybody), f"{registry.url} lists {len(ids(registry))} instances, not {len(everybody)}")
            check(not clients.failures, f"heartbeats were refused: {clients.failures[:3]}")
            for each in (watcher, old_watcher):
                check(not each.failures, f"{len(each.failures)} of {each.looks} look-ups lacked something: {each.failures[:3]}")
            print(f"  {flavor}: {watcher.looks} look-ups at the new members and {old_watcher.looks} at the old ones lacked nothing")
            print(f"  {world.migration.read_text().splitlines()[0]}")


def one_round_has_everything_with_the_ages_of_leases(options):
    """R635 … Leases are as old as in the other registry."""
    with World(options, FLAVORS[0]) as world:
        kept, dying = register(world.old[0], "kept", ttl=60), register(world.old[0], "dying", ttl=8)
        time.sleep(4)
        command = world.migrate("--output", "json")
        check(command.wait(ROUND_SECONDS) == 0, f"the command has ended with {command.returncode}:\n{world.migration.read_text()}")
        moved = time.monotonic()
        round = json.loads(world.migration.read_text())
        check(round["states"] == round["told"] == round["taken"] == 2 and round["full"] == 0, f"{round}")
        check(all(ids(registry) == {kept, dying} for registry in world.new), "the new members do not list what the old ones do")
        wait_until("the lease to end that nobody renews", lambda: all(ids(registry) == {kept} for registry in world.new), 7)
        print(f"  a lease of 8 s that was 4 s old has ended {time.monotonic() - moved:.1f} s after the move")
        status, _ = ask(world.new[0], "PUT", "/api/v1/store/states", {"no": "states"}, TOKEN)
        check(status == 400, f"a body without states was answered {status}")
        check(ask(world.old[0], "PUT", "/api/v1/store/states", {}, TOKEN)[0] == 404, "a member without a store takes states")


def a_store_that_is_away_is_waited_for(options):
    """B109 … a registry that does not answer is asked again."""
    with World(options, FLAVORS[0]) as world:
        known = {register(world.old[0], f"known-{number}", ttl=300) for number in range(3)}
        command = world.migrate("--follow")
        wait_until("the new members to show what the old ones have", lambda: all(ids(registry) == known for registry in world.new), ROUND_SECONDS)
        world.engines.engine.pause()
        late = register(world.old[1], "late", ttl=300)
        wait_until("the command to be told to come back later", lambda: "going on" in world.migration.read_text(), ROUND_SECONDS)
        world.engines.engine.resume()
        known.add(late)
        wait_until("the new members to show what was registered meanwhile", lambda: all(ids(registry) == known for registry in world.new), ROUND_SECONDS)
        check(command.poll() is None, f"the command has ended:\n{world.migration.read_text()}")


CHECKS = [
    one_round_has_everything_with_the_ages_of_leases, a_store_that_is_away_is_waited_for, clients_move_one_by_one_while_both_serve]


if __name__ == "__main__":
    sys.exit(checks.run(CHECKS, __doc__))
