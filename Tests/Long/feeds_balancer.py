#!/usr/bin/env python3
"""Has readers of every feed reach another member with each request: what one member gave them, the next must understand.

Usage: feeds_balancer.py [--registry PATH] [--venv DIR] [CHECK ...]

haproxy, with the configuration that the project ships, stands in front of three members in round robin. Long polls show the tag of one member to
another, Consul's clients an index, streams the id of the last event, Envoy a version; DNS is asked over TCP. No reader may ask without end,
nor miss a change, also while a member is stopped or killed and comes back. Needs haproxy and dig; Traefik and Envoy come from PyPI.
"""

import contextlib
import http.client
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time

import checks
from balancer import MEMBERS, Cluster, running_balancer
from cluster import free_port, wait_for
from feeds import wait
from feeds_consul import Backend, Traefik, requests
from feeds_envoy import Envoy, backends
from running_registry import RunningRegistry

# A change is at every reader within milliseconds; the machine may be busy.
CHANGE_SECONDS = 2.0
# How long nothing changes while requests are counted, and for how long a reader lets an answer be held.
IDLE_SECONDS = 4
HELD = "20s"
CHANGES = 40
# A reader that got no answer, or a refusal, asks again after that.
PAUSE_SECONDS = 0.2
# How far indexes of the same state may be apart.
NEAR_MICROSECONDS = 60_000_000


class Feed(threading.Thread):
    """Reads a feed for as long as it is open, each time by a new connection. What is `known` are the ids that it was told last."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port = port
        self.known, self.refusals, self.answers, self.snapshots = None, [], 0, 0
        self.is_open = True

    def run(self):
        while self.is_open:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                self.read(connection)
            except (OSError, http.client.HTTPException) as failure:
                self.refusals.append(type(failure).__name__)
                time.sleep(PAUSE_SECONDS)
            finally:
                connection.close()

    def ask(self, connection, path, headers=()):
        connection.request("GET", path, headers=dict(headers))
        answer = connection.getresponse()
        self.answers += 1
        if answer.status not in (200, 304, 404):
            self.refusals.append(answer.status)
            time.sleep(PAUSE_SECONDS)
        return answer


class Polls(Feed):
    """Long polls of a list, by its tag."""

    path = f"/api/v1/services/web?wait={HELD}"
    tag = None

    def read(self, connection):
        answer = self.ask(connection, self.path, {"If-None-Match": self.tag} if self.tag else {})
        body = answer.read()
        self.tag = answer.headers.get("ETag", self.tag)
        if answer.status == 200:
            self.known = {instance["id"] for instance in json.loads(body)["instances"]}
        elif answer.status == 404:
            self.known = set()


class FilteredPolls(Polls):
    path = f"/api/v1/instances?service_name=web&tags=even,all&wait={HELD}"


class Queries(Feed):
    """Blocking queries of Consul, by the index."""

    path = f"/v1/health/service/web?passing&wait={HELD}"
    index = "0"

    def read(self, connection):
        answer = self.ask(connection, f"{self.path}&index={self.index}")
        body = answer.read()
        if answer.status == 200:
            self.index = answer.headers["X-Consul-Index"]
            self.known = {entry["Service"]["ID"] for entry in json.loads(body)}


class StateQueries(Queries):
    path = f"/v1/health/state/passing?wait={HELD}"

    def read(self, connection):
        answer = self.ask(connection, f"{self.path}&index={self.index}")
        body = answer.read()
        if answer.status == 200:
            self.index = answer.headers["X-Consul-Index"]
            self.known = {check["ServiceID"] for check in json.loads(body) if check["ServiceName"] == "web"}


class Streams(Feed):
    """Server-sent events, each delivery by a stream of its own."""

    last = None

    def read(self, connection):
        answer = self.ask(connection, "/api/v1/watch?service_name=web", {"Last-Event-ID": self.last} if self.last else {})
        if answer.status != 200:
            answer.read()
            return
        event, known, last = {}, set(self.known or ()), None
        # One delivery, whose last event has the id.
        while last is None:
            line = answer.readline().decode()
            if not line:
                break
            name, _, value = line.rstrip("\n").partition(": ")
            if name in ("id", "event", "data"):
                event[name] = value
            if line == "\n" and "data" in event:
                data = json.loads(event["data"])
                if event["event"] == "snapshot":
                    self.snapshots += 1
                    known = {instance["id"] for instance in data["instances"]}
                elif event["event"] == "put":
                    known.add(data["id"])
                else:
                    known.discard(data["id"])
                last, event = event.get("id"), {}
        if last:
            self.known, self.last = known, last


FEEDS = (Polls, FilteredPolls, Queries, StateQueries, Streams)


class Catalog:
    """Registers and removes through the balancer, so at any member, and knows what there is."""

    def __init__(self, port):
        self.port, self.instances, self.number = port, set(), 0

    def ask(self, method, path, body=None):
        """Asks until it is answered: a member may be going."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            try:
                connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"} if body else {})
                answer = connection.getresponse()
                content = answer.read()
                if answer.status in (200, 201, 410):
                    return json.loads(content) if content[:1] == b"{" else None
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            time.sleep(0.1)
        raise AssertionError(f"{method} {path} was not answered")

    def add(self):
        self.number += 1
        body = {"service_name": "web", "endpoint": {"type": "http", "value": f"10.0.{self.number // 250}.{self.number % 250}:80"}, "ttl": 600,
                "tags": ["all", "even"]}
        self.instances.add(self.ask("POST", "/api/v1/instances", body)["id"])

    def take(self):
        identifier = self.instances.pop()
        self.ask("DELETE", f"/api/v1/instances/{identifier}")

    def change(self, count, pause):
        for _ in range(count):
            self.add() if len(self.instances) < 3 or random.random() < 0.5 else self.take()
            time.sleep(pause * random.random())


@contextlib.contextmanager
def members(options, with_dns=False):
    with tempfile.TemporaryDirectory(prefix="registry-feeds-balancer-") as folder:
        cluster = Cluster(options.registry, pathlib.Path(folder), dns=with_dns)
        try:
            with running_balancer(cluster, 2) as port:
                yield cluster, port
        finally:
            cluster.end()


def stop(cluster, index):
    """Stops a member in order, and starts it again."""
    code, _ = cluster.registries[index].stop()
    assert code == 0, f"the member ended with {code}"
    time.sleep(1)
    cluster.registries[index] = RunningRegistry(cluster.program, cluster.settings[index])
    cluster.started.append((index + 1, cluster.registries[index]))
    wait_for("the member that came back", lambda: cluster.is_joined(cluster.registries[index].port))


def agree(feeds, catalog, what):
    """Waits until each feed tells what there is; how long the slowest took."""
    began = time.monotonic()
    for feed in feeds:
        wait(f"{type(feed).__name__} to know {what}", lambda: feed.known == catalog.instances or None, None)
    return time.monotonic() - began


def idle(feeds, what):
    """Nobody asks while nothing changes; an answer that was on its way may still come."""
    before = [feed.answers for feed in feeds]
    time.sleep(IDLE_SECONDS)
    asked = {type(feed).__name__: feed.answers - count for feed, count in zip(feeds, before)}
    assert max(asked.values()) <= MEMBERS, f"{what}: answers in {IDLE_SECONDS} s without a change: {asked}"


def every_feed_goes_from_member_to_member(options):
    with members(options) as (cluster, port):
        catalog = Catalog(port)
        feeds = [feed(port) for feed in FEEDS]
        for feed in feeds:
            feed.start()
        catalog.change(10, 0.05)
        agree(feeds, catalog, "the first instances")
        idle(feeds, "at first")
        # One after the other: each is told, and by nobody twice.
        before, snapshots = [feed.answers for feed in feeds], feeds[-1].snapshots
        slowest = 0
        for _ in range(CHANGES):
            catalog.change(1, 0)
            slowest = max(slowest, agree(feeds, catalog, "a change"))
            time.sleep(0.1)
        asked = {type(feed).__name__: feed.answers - count for feed, count in zip(feeds, before)}
        print(f"  {CHANGES} changes one by one: the slowest took {slowest * 1000:.0f} ms; answers: {asked}; snapshots: {feeds[-1].snapshots - snapshots}")
        assert slowest < CHANGE_SECONDS, slowest
        assert max(asked.values()) <= 2 * CHANGES + 5, asked
        assert feeds[-1].snapshots == snapshots, "a stream that goes on at another member begins anew"
        # Many at once.
        before = [feed.answers for feed in feeds]
        catalog.change(5 * CHANGES, 0.02)
        took = agree(feeds, catalog, "many changes")
        asked = {type(feed).__name__: feed.answers - count for feed, count in zip(feeds, before)}
        print(f"  {5 * CHANGES} changes at once: {took * 1000:.0f} ms after the last; answers: {asked}")
        assert took < 2 + CHANGE_SECONDS and max(asked.values()) <= 10 * CHANGES, (took, asked)
        idle(feeds, "after many changes")
        assert not any(feed.refusals for feed in feeds), [(type(feed).__name__, feed.refusals) for feed in feeds]
        # Members come and go, in order and without a word, while changes go on.
        before = [feed.answers for feed in feeds]
        began = time.monotonic()
        done = threading.Event()

        def go_on():
            while not done.is_set():
                catalog.change(1, 0.2)

        changing = threading.Thread(target=go_on)
        changing.start()
        try:
            for index in range(MEMBERS):
                stop(cluster, index)
                cluster.replace(index)
        finally:
            done.set()
            changing.join()
        took = agree(feeds, catalog, "what was changed while members came and went")
        asked = {type(feed).__name__: feed.answers - count for feed, count in zip(feeds, before)}
        seconds = time.monotonic() - began
        print(f"  {seconds:.0f} s of restarts: {took * 1000:.0f} ms after the last; answers: {asked}; "
              f"refusals: { {type(feed).__name__: len(feed.refusals) for feed in feeds} }")
        # Two members may differ for a moment when the third dies in the middle of a change; a poll goes back and forth as long.
        assert all(count < 50 * seconds for count in asked.values()), asked
        idle(feeds, "after restarts")
        for feed in feeds:
            feed.is_open = False


def tags_and_indexes_agree_at_once(options):
    """After each change, acknowledged at one member: the tags, indexes and versions of all are one and the same."""
    with members(options) as (cluster, port):
        catalog = Catalog(port)

        def field(registry, path, name):
            connection = registry.connect()
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            connection.close()
            return answer.headers[name]

        def seen(registry):
            found = {}
            for path in ("/api/v1/services/web", "/api/v1/services", "/api/v1/instances?tags=all", "/api/v1/instances"):
                found[path] = field(registry, path, "ETag")
            for path in ("/v1/health/service/web", "/v1/catalog/services", "/v1/health/state/any", "/v1/catalog/service/nobody"):
                found[path] = field(registry, path, "X-Consul-Index")
            connection = registry.connect()
            connection.request("POST", "/v3/discovery:endpoints", json.dumps({"resource_names": ["web", "nobody"]}), {"Content-Type": "application/json"})
            found["envoy"] = json.loads(connection.getresponse().read())["version_info"]
            connection.close()
            return found

        def compare(what, began_anew=False):
            states = [seen(registry) for registry in cluster.registries]
            differing = {key: [state[key] for state in states] for key in states[0] if len({state[key] for state in states}) > 1}
            # A member that has copied what there is counts its changes anew: indexes are about the same then, and the same after the next change.
            near = {key for key, values in differing.items()
                    if began_anew and key.startswith("/v1/") and max(map(int, values)) - min(map(int, values)) < NEAR_MICROSECONDS}
            assert not differing.keys() - near, f"{what}: {differing}"
            return near

        for number in range(100):
            catalog.change(1, 0)
            compare(f"after change {number}")
        for index in range(MEMBERS):
            for restart, what in ((stop, "restart"), (lambda cluster, index: cluster.replace(index), "end")):
                restart(cluster, index)
                differing = compare(f"after the {what} of member {index + 1}", began_anew=True)
                if differing:
                    print(f"  after the {what} of member {index + 1} {len(differing)} indexes were near each other, not the same")
                # Readers of what has not changed since are held all the same, and go back and forth at most once in two seconds.
                reader = Queries(port)
                reader.start()
                time.sleep(IDLE_SECONDS)
                assert reader.answers <= 2 * IDLE_SECONDS, f"{reader.answers} answers in {IDLE_SECONDS} s without a change"
                assert reader.known == catalog.instances
                reader.is_open = False
                catalog.add()
                catalog.take()
                near = compare("after changes since", began_anew=True)
                assert near <= {"/v1/catalog/services", "/v1/catalog/service/nobody"}, near


def envoy_goes_from_member_to_member(options):
    with members(options) as (cluster, port), backends(2) as addresses, tempfile.TemporaryDirectory() as folder:
        catalog = Catalog(port)
        ids = [catalog.ask("POST", "/api/v1/instances", {"service_name": "reviews", "endpoint": {"type": "http", "value": address}, "ttl": 600})["id"]
               for address in addresses]
        with Envoy(options, folder, port) as envoy:
            wait("both endpoints", lambda: envoy.endpoints().keys() == set(addresses), envoy)

            def unchanged():
                before = envoy.stats()
                wait("polls of all members", lambda: envoy.stats()["update_attempt"] >= before["update_attempt"] + 2 * MEMBERS, envoy)
                after = envoy.stats()
                # 304 counts as nothing.
                assert after["update_success"] == before["update_success"], (before, after)

            unchanged()
            catalog.ask("DELETE", f"/api/v1/instances/{ids[0]}")
            wait("one endpoint", lambda: envoy.endpoints().keys() == {addresses[1]}, envoy)
            unchanged()
            for index in range(MEMBERS):
                stop(cluster, index)
                assert envoy.endpoints().keys() == {addresses[1]}
            cluster.replace(0)
            unchanged()
            assert envoy.ask() == (200, addresses[1])
            stats = envoy.stats()
            assert stats["update_rejected"] == 0 and stats["update_failure"] == 0, stats


def traefik_goes_from_member_to_member(options):
    one, two = Backend("one"), Backend("two")
    with members(options) as (cluster, port), contextlib.ExitStack() as stack:
        catalog = Catalog(port)

        def register(backend):
            body = {"service_name": "web", "endpoint": {"type": "http", "value": f"127.0.0.1:{backend.port}"}, "ttl": 600}
            return catalog.ask("POST", "/api/v1/instances", body)["id"]

        def asked():
            return sum(requests(registry.port) for registry in cluster.registries)

        traefik = stack.enter_context(Traefik(options, port, True, token=""))
        last = register(one)
        wait("the first route", lambda: traefik.get("web") == "one", traefik)
        time.sleep(1)
        before = asked()
        time.sleep(IDLE_SECONDS)
        assert asked() - before <= 2, f"{asked() - before} requests in {IDLE_SECONDS} s without a change"
        took = []
        for index in range(MEMBERS):
            for backend, name in ((two, "two"), (one, "one")):
                if name == "one":
                    stop(cluster, index)
                before = asked()
                next = register(backend)
                catalog.ask("DELETE", f"/api/v1/instances/{last}")
                last, began = next, time.monotonic()
                wait("a change", lambda: traefik.get("web") == name and {traefik.get("web") for _ in range(4)} == {name}, traefik)
                took.append(time.monotonic() - began)
                time.sleep(0.5)
                # Two watches, and what they are answered is asked for by two requests and one for the service.
                assert asked() - before <= 40, f"{asked() - before} requests for one change"
        assert max(took) < 3, took
        assert "error" not in traefik.last_words().lower(), traefik.last_words()
        print(f"  changes took {', '.join(f'{seconds * 1000:.0f}' for seconds in took)} ms")


def dns_goes_from_member_to_member(options):
    with members(options, with_dns=True) as (cluster, port), tempfile.TemporaryDirectory() as folder:
        balanced, path = free_port(), pathlib.Path(folder) / "haproxy.cfg"
        servers = "\n".join(f"    server r{number} 127.0.0.1:{each['DNS_PORT']} check port {each['API_PORT']} inter 200ms fall 1 rise 1"
                            for number, each in enumerate(cluster.settings))
        path.write_text(f"""
defaults
    mode tcp
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    option redispatch 1
listen dns
    bind 127.0.0.1:{balanced}
    balance roundrobin
    option httpchk GET /readyz
{servers}
""")
        balancer = subprocess.Popen(["haproxy", "-db", "-f", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        catalog = Catalog(port)

        def addresses():
            done = subprocess.run(["dig", "+tcp", "+short", "+time=2", "+tries=3", "-p", str(balanced), "@127.0.0.1", "web.service.a8"],
                                  capture_output=True, text=True)
            return len(done.stdout.split()) if done.returncode == 0 else None

        try:
            catalog.change(10, 0)
            wait("answers", lambda: addresses() == len(catalog.instances))
            wrong = []
            for _ in range(60):
                catalog.change(1, 0)
                found = [addresses() for _ in range(MEMBERS)]
                if set(found) != {len(catalog.instances)}:
                    wrong.append((len(catalog.instances), found))
            assert not wrong, wrong
            for index in range(MEMBERS):
                stop(cluster, index)
                found = [addresses() for _ in range(2 * MEMBERS)]
                assert set(found) == {len(catalog.instances)}, (len(catalog.instances), found)
        finally:
            balancer.kill()
            balancer.wait()


CHECKS = [
    every_feed_goes_from_member_to_member, tags_and_indexes_agree_at_once, envoy_goes_from_member_to_member, traefik_goes_from_member_to_member,
    dns_goes_from_member_to_member]

if __name__ == "__main__":
    sys.exit(checks.run(CHECKS, __doc__))
