#!/usr/bin/env python3
"""One client behind a balancer that asks another member each time: no answer may contradict an earlier one.

Usage: balancer.py [--registry PATH]

haproxy, with the configuration that the project ships, stands in front of three members in round robin. A client registers,
changes, looks up and deregisters, 1,000 rounds of it: half of them while members are killed and started again, half of them with
haproxy's `retries 0`. What an answer says binds all answers after it; an answer that was never received, or that says 503, leaves
both outcomes open. Needs haproxy.
"""

import contextlib
import datetime
import http.client
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import threading
import time

import checks
from cluster import ROOT, cluster_settings, free_port, get, start_together, wait_for
from running_registry import RunningRegistry

MEMBERS = 3
ROUNDS = 250
DIRECT_ROUNDS = 300
SECONDS_BETWEEN_KILLS = 2
# haproxy notices a member's end with its next check, and a request that it loses it may ask again of another.
ATTEMPT_SECONDS = 10
# Where the answer was lost, or says that nothing is known.
UNKNOWN = (None, 502, 503, 504)


class Client:
    """One connection that is opened again when it breaks. An answer that does not come is None."""

    def __init__(self, port):
        self.port = port
        self.connection = None
        # For how many seconds the last answer may lack what others have acknowledged, as it said itself; None when it did not.
        self.stale = None

    def ask(self, method, path, body=None):
        """(status, JSON or None)"""
        self.stale = None
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ATTEMPT_SECONDS)
            self.connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"} if body else {})
            answer = self.connection.getresponse()
            content = answer.read()
            self.stale = answer.getheader("X-Registry-Stale")
            if answer.getheader("Connection") == "close":
                self.close()
            return answer.status, json.loads(content) if content[:1] == b"{" else None
        except (OSError, http.client.HTTPException):
            self.close()
            return None, None

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


class Belief:
    """What the client has been told of one instance, and what contradicts it. `possible` holds the states that it may be in: a
    status, or None for not registered."""

    def __init__(self, name, told):
        self.name = name
        self.told = told
        self.possible = {None}
        self.story = []

    def note(self, what, status):
        self.story.append(f"{what}: {status}")

    def contradicted(self, why):
        at = datetime.datetime.now(datetime.timezone.utc).strftime("%H:%M:%S.%f")[:12]
        self.told.append(f"{at} {self.name}: {why}, though it was one of {sorted(map(str, self.possible))}; {', '.join(self.story)}")

    def wrote(self, status, success, state):
        """A change to `state` was answered."""
        if status in success:
            self.possible = {state}
        elif status in UNKNOWN:
            self.possible = self.possible | {state}
        else:
            self.contradicted(f"a change was answered {status}")
            self.possible = self.possible | {state}

    def read(self, state):
        """An answer said that it is in `state`."""
        if state not in self.possible:
            self.contradicted(f"{state} was read")
        # Were it open, it is not any more.
        self.possible = {state}


def play(client, name, told, may_repeat):
    """One round. `may_repeat`: whether the balancer may have sent a DELETE twice, so that the second says that it is gone."""
    belief = Belief(name, told)
    body = {"service_name": "story", "endpoint": {"type": "http", "value": name}, "ttl": 60}
    instance = None
    for status in ("STARTING", "UP"):
        answered, content = client.ask("POST", "/api/v1/instances", {**body, "status": status})
        belief.note(f"registered {status}", answered)
        belief.wrote(answered, (201,), status)
        if content and "id" in content:
            instance = content["id"]
    if instance is None:
        return 0
    path = f"/api/v1/instances/{instance}"

    def look_up():
        answered, content = client.ask("GET", path)
        belief.note("looked up", f"{answered} {content.get('status') if content and answered == 200 else ''}" + (" stale" if client.stale else ""))
        if answered == 200:
            belief.read(content["status"])
        elif answered == 404:
            belief.read(None)
        elif answered not in UNKNOWN:
            belief.contradicted(f"a look-up was answered {answered}")

    def find():
        answered, content = client.ask("GET", "/api/v1/services/story")
        belief.note("listed", answered)
        if answered in (200, 404):
            found = [one["status"] for one in (content or {}).get("instances", []) if one["id"] == instance]
            belief.read(found[0] if found else None)

    def beat():
        answered, _ = client.ask("PUT", path + "/heartbeat")
        belief.note("renewed", answered)
        if answered == 200 and belief.possible == {None}:
            belief.contradicted("a heartbeat was taken")
        elif answered == 410:
            belief.read(None)

    for step in (look_up, find, look_up, beat, look_up):
        step()
    answered, _ = client.ask("DELETE", path)
    belief.note("removed", answered)
    if answered == 410 and not may_repeat and None not in belief.possible:
        belief.contradicted("a removal was answered 410")
    belief.wrote(200 if answered == 410 else answered, (200,), None)
    for step in (look_up, find, beat, look_up):
        step()
    return 1


class Cluster:
    """Three members that may be killed, on ports that stay theirs."""

    def __init__(self, program, folder, dns=False):
        self.program = program
        self.folder = folder
        members = folder / "members"
        members.mkdir()
        self.settings = [
            {**cluster_settings(members, MEMBERS), "LOG_LEVEL": "info", "API_PORT": str(free_port()), "REPLICATION_PORT": str(free_port()),
             **({"DNS_PORT": str(free_port())} if dns else {})} for _ in range(MEMBERS)]
        self.registries = start_together(program, self.settings)
        # All that ran, so that their logs can be read in the end.
        self.started = [(number, registry) for number, registry in enumerate(self.registries, 1)]
        self.wait_until_joined()

    def wait_until_joined(self):
        for registry in self.registries:
            wait_for("all links of a member", lambda: self.is_joined(registry.port))

    @staticmethod
    def is_joined(port):
        page = get(port, "/api/v1/cluster")
        others = [member for member in page["members"] if member["state"] == "streaming"]
        # Both ways: who does not read from us yet is not waited for.
        return page["ready"] and len(others) == MEMBERS - 1 and all("reads_from_us" in member for member in others)

    def replace(self, index):
        """Kills a member and starts it again."""
        self.registries[index].kill()
        time.sleep(random.uniform(0, 1))
        self.registries[index] = RunningRegistry(self.program, self.settings[index])
        self.started.append((index + 1, self.registries[index]))
        wait_for("the member that came back", lambda: self.is_joined(self.registries[index].port))

    def logs(self):
        """What the members wrote, in the order of its time."""
        lines = [(line, number) for number, registry in self.started for line in registry.log.read_text().splitlines()]
        return [f"member {number} {line}" for line, number in sorted(lines)]

    def end(self):
        for registry in self.registries:
            registry.kill()


@contextlib.contextmanager
def running_cluster(options):
    with tempfile.TemporaryDirectory(prefix="registry-balancer-") as folder:
        cluster = Cluster(options.registry, pathlib.Path(folder))
        try:
            yield cluster
        finally:
            cluster.end()


@contextlib.contextmanager
def running_balancer(cluster, retries):
    """The shipped configuration, but for the port, the members' addresses and the retries. Yields the port."""
    port = free_port()
    servers = "\n".join(
        f"    server registry-{number} 127.0.0.1:{registry.port} check inter 1s fall 2 rise 1"
        for number, registry in enumerate(cluster.registries, 1))
    text = (ROOT / "deploy" / "haproxy.cfg").read_text()
    for pattern, replacement in (
            (r"^ *server-template .*$", servers), (r"bind :8080", f"bind 127.0.0.1:{port}"), (r"^ *retries .*$", f"    retries {retries}")):
        text, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
        assert count == 1, pattern
    path = cluster.folder / f"haproxy-{retries}.cfg"
    path.write_text(text)
    balancer = subprocess.Popen(["haproxy", "-db", "-f", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for("the balancer", lambda: get(port, "/api/v1/services") is not None)
        yield port
    finally:
        balancer.kill()
        balancer.wait()


def tell_story(options, retries, kills):
    told = []
    with running_cluster(options) as cluster, running_balancer(cluster, retries) as port:
        ended = threading.Event()
        failures = []
        killed = 0

        def kill():
            nonlocal killed
            try:
                while not ended.wait(SECONDS_BETWEEN_KILLS):
                    cluster.replace(killed % MEMBERS)
                    killed += 1
            except Exception as failure:
                failures.append(failure)

        killer = threading.Thread(target=kill)
        if kills:
            killer.start()
        client = Client(port)
        whole = 0
        try:
            for number in range(ROUNDS):
                whole += play(client, f"10.{retries}.{number // 250}.{number % 250}:9080", told, may_repeat=kills and retries > 0)
                # So that the rounds last as long as it takes to kill some.
                if kills:
                    time.sleep(0.05)
        finally:
            ended.set()
            if kills:
                killer.join()
            client.close()
        assert not failures, failures
        assert whole > ROUNDS * 0.9, f"only {whole} of {ROUNDS} rounds were registered"
        assert not kills or killed >= 3, f"only {killed} members were killed"
        print(f"  {whole} rounds, {killed} members killed, {len(told)} contradictions")
        if told:
            print("\n".join(cluster.logs()))
    assert not told, "\n    ".join([f"{len(told)} answers contradict earlier ones:"] + told[:10])


def nothing_is_contradicted(options):
    tell_story(options, retries=2, kills=False)


def nothing_is_contradicted_without_retries(options):
    tell_story(options, retries=0, kills=False)


def nothing_is_contradicted_while_members_are_killed(options):
    tell_story(options, retries=2, kills=True)


def nothing_is_contradicted_while_members_are_killed_without_retries(options):
    tell_story(options, retries=0, kills=True)


# Without a balancer: each request goes to another member than the one before it, at once.


def direct(options, story):
    with running_cluster(options) as cluster:
        clients = [Client(registry.port) for registry in cluster.registries]
        wrong = []
        for number in range(DIRECT_ROUNDS):
            shift = number % MEMBERS
            turned = clients[shift:] + clients[:shift]
            failure = story(turned, f"10.9.{number // 250}.{number % 250}:9080")
            if failure:
                wrong.append(f"round {number}: {failure}")
        for client in clients:
            client.close()
        print(f"  {DIRECT_ROUNDS} rounds, {len(wrong)} wrong")
        assert not wrong, "\n    ".join([f"{len(wrong)} of {DIRECT_ROUNDS}:"] + wrong[:10])


def register(client, value, status):
    answered, content = client.ask(
        "POST", "/api/v1/instances", {"service_name": "direct", "endpoint": {"type": "http", "value": value}, "ttl": 60, "status": status})
    assert answered == 201, (answered, content)
    return f"/api/v1/instances/{content['id']}"


def the_later_of_two_registrations_stands(options):
    def story(clients, value):
        register(clients[0], value, "STARTING")
        path = register(clients[1], value, "UP")
        seen = [client.ask("GET", path) for client in clients]
        statuses = [content["status"] if status == 200 else status for status, content in seen]
        return None if statuses == ["UP"] * MEMBERS else f"{statuses}"

    direct(options, story)


def what_is_registered_again_and_removed_elsewhere_is_gone(options):
    def story(clients, value):
        register(clients[0], value, "STARTING")
        path = register(clients[0], value, "UP")
        removed, _ = clients[1].ask("DELETE", path)
        seen = [client.ask("GET", path)[0] for client in clients]
        return None if removed == 200 and seen == [404] * MEMBERS else f"DELETE {removed}, then {seen}"

    direct(options, story)


def what_is_registered_and_removed_elsewhere_at_once_is_gone(options):
    def story(clients, value):
        path = register(clients[0], value, "UP")
        removed, _ = clients[1].ask("DELETE", path)
        seen = [client.ask("GET", path)[0] for client in clients]
        return None if removed == 200 and seen == [404] * MEMBERS else f"DELETE {removed}, then {seen}"

    direct(options, story)


CHECKS = [
    the_later_of_two_registrations_stands, what_is_registered_again_and_removed_elsewhere_is_gone,
    what_is_registered_and_removed_elsewhere_at_once_is_gone, nothing_is_contradicted, nothing_is_contradicted_without_retries,
    nothing_is_contradicted_while_members_are_killed, nothing_is_contradicted_while_members_are_killed_without_retries]


if __name__ == "__main__":
    sys.exit(checks.run(CHECKS, __doc__))
