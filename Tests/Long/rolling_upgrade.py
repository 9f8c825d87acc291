#!/usr/bin/env python3
"""Upgrades a running cluster of three members of the original kind to three of ours, member by member, under load.

Usage: rolling_upgrade.py [--registry PATH] [--originals | --last-release PATH]

With `--originals` each member is replaced by another of the original kind: that tries this script itself. With `--last-release` the three run that
binary of ours at first; they are replaced by this one, and then back.

What must hold, all the time and through every member that is up:
  - a look-up never fails, and never misses an instance that keeps sending heartbeats;
  - a heartbeat that is sent in time is never answered that the instance is unknown;
  - what is registered through one member is found through all, whichever kind they are, and what is removed is gone from all;
  - an instance that stopped sending heartbeats is gone from our members when its time has come: no copy extends its lease;
  - when one of ours is ready, the originals that remain read from it;
and at the end, when all are ours:
  - digests and listings agree, and what was removed has not come back.
Standard library only. Exits with 0 only when all of this held.
"""

import argparse
import concurrent.futures
import http.client
import json
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from running_registry import RunningRegistry, StartFailed

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

NAMESPACE = "tenant"
KEEPERS = 40
KEEPER_TTL_SECONDS = 10
RENEW_SECONDS = 2
ABANDONED_TTL_SECONDS = 12
# How much faster than the original its double scans, writes and redials (after 3, 6, 12 ... s).
PERIOD = 0.2
SECRET = "what the members of an upgrade know"
# What the tick of a wheel, a look-up on its way and a busy machine may add.
EXPIRY_SLACK_SECONDS = 2
VISIBLE_SECONDS = 5
AGREE_SECONDS = 20
JOIN_SECONDS = 30
# After its last request, before a member is stopped: the original gathers what it has to tell for 100 ms, and a signal ends it at once.
FLUSH_SECONDS = 1
COMPLAINTS_SHOWN = 20


class Tally:
    """Promises that held and that did not. Guarded by its lock."""

    def __init__(self):
        self.lock = threading.Lock()
        self.checks = 0
        self.complaints = []

    def check(self, holds, complaint):
        with self.lock:
            self.checks += 1
            if not holds:
                self.complaints.append(complaint)
                if len(self.complaints) <= COMPLAINTS_SHOWN:
                    print(f"BROKEN: {complaint}", flush=True)


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Original:
    """A process that plays the original's part."""

    kind = "original"

    def __init__(self, directory, replication_port, sync_timeout=5):
        self.replication_port = replication_port
        self.folder = tempfile.TemporaryDirectory(prefix="original-")
        ports = pathlib.Path(self.folder.name) / "ports"
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "original_peer.py"), "--directory", str(directory), "--replication-port", str(replication_port),
             "--port-file", str(ports), "--sync-timeout", str(sync_timeout), "--period", str(PERIOD)], stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + JOIN_SECONDS
        while not ports.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise StartFailed("the peer that plays the original did not start")
            time.sleep(0.02)
        self.port = int(dict(line.split() for line in ports.read_text().splitlines())["api"])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=10)
        finally:
            self.kill()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()

    def last_words(self):
        return ""


class Ours(RunningRegistry):
    """A process of ours in the same directory, at the same address as the member that it replaces. Without a secret it lets originals in."""

    def __init__(self, program, directory, replication_port, kind="ours", secret=None):
        self.kind = kind
        self.replication_port = replication_port
        trust = {"CLUSTER_SECRET": secret} if secret else {"REPLICATION_PLAIN": "true"}
        super().__init__(program, {
            "REPLICATION": "true", "CLUSTER_DIR": str(directory), "CLUSTER_SIZE": "3", "ADVERTISE_ADDRESS": "127.0.0.1",
            "REPLICATION_PORT": str(replication_port), "LISTEN_ADDRESS": "127.0.0.1", "AUTH_MODE": "trusted",
            "MIN_TTL": "1s", "SYNC_TIMEOUT": "15s", "LOG_LEVEL": "info", "MEMBER_NAME": f"{kind}-{replication_port}", **trust})

    def last_words(self, lines=30):
        """The log without what it says of requests."""
        log = self.log.read_text(errors="replace").splitlines()
        return "\n".join([line for line in log if 'msg="request"' not in line][-lines:])


def ask(member, method, path, body=None):
    """Status and, of JSON, the value. Raises OSError when the member cannot be reached."""
    connection = http.client.HTTPConnection("127.0.0.1", member.port, timeout=10)
    try:
        headers = {"Authorization": f"Bearer {NAMESPACE}", "Content-Type": "application/json"}
        connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
        response = connection.getresponse()
        data = response.read()
        return response.status, json.loads(data) if data[:1] in (b"{", b"[") else None
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()


def instance(service, number, ttl):
    return {
        "service_name": service, "endpoint": {"type": "tcp", "value": f"10.0.0.{number}:80"}, "ttl": ttl, "tags": ["rolling"],
        "metadata": {"number": number}}


def wait_until(seconds, condition):
    deadline = time.monotonic() + seconds
    while True:
        if condition():
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)


class Cluster:
    """The members that are up, and what clients ask of them."""

    def __init__(self, tally):
        self.tally = tally
        self.lock = threading.Lock()
        self.members = []  # Those that clients may use. Guarded by `lock`.
        self.stopping = threading.Event()
        self.sequence = 0
        self.removed = []

    def up(self):
        with self.lock:
            return list(self.members)

    def add(self, member):
        with self.lock:
            self.members.append(member)

    def remove(self, member):
        with self.lock:
            self.members.remove(member)

    def is_up(self, member):
        with self.lock:
            return member in self.members

    def expect(self, member, method, path, wanted, what, body=None):
        """A request that must be answered so, unless the member was being taken out meanwhile."""
        try:
            status, value = ask(member, method, path, body)
        except OSError as error:
            status, value = str(error), None
        if self.is_up(member):
            self.tally.check(status == wanted, f"{what} through {member.kind} {member.replication_port}: {status}")
        return value if status == wanted else None

    # Clients

    def keep(self, number):
        """One instance that sends heartbeats through any member."""
        chooser = random.Random(number)
        body = instance("kept", number, KEEPER_TTL_SECONDS)
        registered = ask(chooser.choice(self.up()), "POST", "/api/v1/instances", body)
        self.tally.check(registered[0] == 201, f"register kept {number}: {registered}")
        path = f"/api/v1/instances/{registered[1]['id']}/heartbeat"
        while not self.stopping.wait(RENEW_SECONDS * chooser.uniform(0.8, 1.2)):
            self.expect(chooser.choice(self.up()), "PUT", path, 200, f"heartbeat of kept {number}")

    def look(self):
        while not self.stopping.wait(0.02):
            for member in self.up():
                value = self.expect(member, "GET", "/api/v1/services/kept", 200, "look-up")
                if value is not None:
                    found = {one["metadata"]["number"] for one in value["instances"]}
                    missing = set(range(KEEPERS)) - found
                    self.tally.check(not missing or not self.is_up(member), f"{member.kind} {member.replication_port} misses {sorted(missing)}")

    # Stories

    def everywhere(self):
        """What one member is told, all know; whoever is told and whoever removes."""
        members = self.up()
        for teller in members:
            self.sequence += 1
            service = f"story-{self.sequence}"
            value = self.expect(teller, "POST", "/api/v1/instances", 201, "register", instance(service, 1, 60))
            if not value:
                continue
            path = f"/api/v1/instances/{value['id']}"
            for member in members:
                self.tally.check(
                    wait_until(VISIBLE_SECONDS, lambda: ask(member, "GET", f"/api/v1/services/{service}")[0] == 200),
                    f"{service}, registered with {teller.kind} {teller.replication_port}, is not seen by {member.kind} {member.replication_port}")
            remover = members[self.sequence % len(members)]
            self.expect(remover, "DELETE", path, 200, f"removal of {service}")
            self.removed.append(service)
            for member in members:
                self.tally.check(
                    wait_until(VISIBLE_SECONDS, lambda: ask(member, "GET", f"/api/v1/services/{service}")[0] == 404),
                    f"{service}, removed from {remover.kind} {remover.replication_port}, is still seen by {member.kind} {member.replication_port}")

    def abandon(self):
        """An instance without heartbeats. Returns its service and when our members must have forgotten it."""
        self.sequence += 1
        service = f"abandoned-{self.sequence}"
        teller = random.choice(self.up())
        self.expect(teller, "POST", "/api/v1/instances", 201, "register", instance(service, 1, ABANDONED_TTL_SECONDS))
        return service, time.monotonic() + ABANDONED_TTL_SECONDS + EXPIRY_SLACK_SECONDS

    def check_forgotten(self, service, due):
        time.sleep(max(0.0, due - time.monotonic()))
        for member in self.up():
            if member.kind != "original":
                status, _ = ask(member, "GET", f"/api/v1/services/{service}")
                self.tally.check(status == 404, f"{member.kind} {member.replication_port} still has {service}: {status}")

    def check_agreement(self):
        members = self.up()

        def listings():
            return [sorted(one["id"] for one in ask(member, "GET", "/api/v1/instances?status=ALL")[1]["instances"]) for member in members]

        def digests():
            pages = [ask(member, "GET", "/api/v1/cluster")[1] for member in members]
            return len({page["digest"] for page in pages}) == 1

        self.tally.check(wait_until(AGREE_SECONDS, lambda: all(one == listings()[0] for one in listings())), "listings differ")
        # Another release may make its digests in another way.
        if {member.kind for member in members} in ({"ours"}, {"last-release"}):
            self.tally.check(wait_until(AGREE_SECONDS, digests), "digests differ")
        for service in self.removed:
            for member in members:
                status, _ = ask(member, "GET", f"/api/v1/services/{service}")
                self.tally.check(status == 404, f"{service} has come back on {member.replication_port}")


def joined(members):
    """Whether the originals among the members read everybody, and ours hear everybody."""
    names = {f"127.0.0.1:{member.replication_port}" for member in members}
    for member in members:
        if member.kind == "original":
            page = ask(member, "GET", "/control/status")[1]
            if not names - {page["name"]} <= set(page["reads"]) & set(page["read_by"]):
                return False
        else:
            page = ask(member, "GET", "/api/v1/cluster")[1]
            heard = {peer["address"] for peer in page["members"] if peer["state"] in ("streaming", "original")}
            if page["size"] != len(members) or not names - {page["address"]} <= heard:
                return False
    return True


def check_read(new, members, tally):
    """Ready is who is read by every original: else what clients tell it is missing there."""
    for member in members:
        if new.kind != "original" and member.kind == "original":
            reads = ask(member, "GET", "/control/status")[1]["reads"]
            tally.check(f"127.0.0.1:{new.replication_port}" in reads, f"{new.kind} {new.replication_port} is ready, and {member.kind} {member.replication_port} "
                        f"reads only {reads}")


def replace(cluster, old, start, tally):
    began = time.monotonic()
    cluster.remove(old)
    time.sleep(FLUSH_SECONDS)
    service, due = cluster.abandon()
    old.stop()
    new = start(old.replication_port)
    ready = time.monotonic()
    check_read(new, cluster.up(), tally)
    cluster.add(new)
    tally.check(wait_until(JOIN_SECONDS, lambda: joined(cluster.up())), f"{new.kind} {new.replication_port} is not joined by all")
    print(f"replaced {old.kind} {old.replication_port} by {new.kind}: ready after {ready - began:.1f} s, joined after {time.monotonic() - began:.1f} s", flush=True)
    cluster.everywhere()
    cluster.check_forgotten(service, due)
    return new


def upgrade(cluster, members, starts, tally):
    """Replaces all members by those that the first of `starts` starts, then by those of the second."""
    threads = [threading.Thread(target=cluster.keep, args=(number,), daemon=True) for number in range(KEEPERS)]
    for thread in threads:
        thread.start()
    tally.check(wait_until(VISIBLE_SECONDS, lambda: all(
        len((ask(member, "GET", "/api/v1/services/kept")[1] or {}).get("instances", [])) == KEEPERS for member in members)),
        "the kept instances are not everywhere")
    looker = threading.Thread(target=cluster.look, daemon=True)
    looker.start()
    cluster.everywhere()
    for start in starts:
        for index, old in enumerate(list(members)):
            members[index] = replace(cluster, old, start, tally)
        cluster.check_agreement()
    cluster.stopping.set()
    for thread in [*threads, looker]:
        thread.join(timeout=30)


def start_together(start, ports, members):
    """At once, for a member of ours waits until there are as many as there should be. Adds those that have started."""
    failure = None
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for starting in [pool.submit(start, port) for port in ports]:
            try:
                members.append(starting.result())
            except StartFailed as failed:
                failure = failed
    if failure:
        raise failure


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--registry", default=str(ROOT / "bin" / "registry"))
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--originals", action="store_true", help="replace by the original kind: tries this script itself")
    kinds.add_argument("--last-release", metavar="PATH", help="begin with members of ours that run this binary, and go back to it")
    arguments = parser.parse_args()
    tally = Tally()
    cluster = Cluster(tally)
    members = []
    with tempfile.TemporaryDirectory(prefix="cluster-") as directory:
        def original(port):
            return Original(directory, port)

        def ours(port):
            return Ours(arguments.registry, directory, port, secret=SECRET if arguments.last_release else None)

        def last_release(port):
            return Ours(arguments.last_release, directory, port, "last-release", SECRET)

        first, starts = (last_release, [ours, last_release]) if arguments.last_release else (original, [original if arguments.originals else ours])
        try:
            start_together(first, [free_port() for _ in range(3)], members)
            for member in members:
                cluster.add(member)
            if not wait_until(JOIN_SECONDS, lambda: joined(members)):
                sys.exit(f"three members of the kind '{members[0].kind}' do not find one another")
            upgrade(cluster, members, starts, tally)
        except (StartFailed, OSError) as error:
            tally.check(False, str(error))
        finally:
            if tally.complaints:
                for member in members:
                    print(f"--- {member.kind} {member.replication_port}\n{member.last_words()}")
            for member in members:
                member.kill()
    print(f"{tally.checks} checks, {len(tally.complaints)} broken")
    return 1 if tally.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
