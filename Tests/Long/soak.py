#!/usr/bin/env python3
"""Soaks the registry: many clients register, renew, list, remove and abandon instances for a while.

Usage: soak.py [SECONDS] [--registry PATH] [--clients N]

Each client owns its service and knows what must be true of it at any moment, so every listing is checked:
  - an instance that is renewed in time is never missing;
  - an instance that is no longer renewed stays for its TTL, and is gone at most 1 s after it;
  - a removed instance is gone at once;
  - resident memory stops growing after the warm-up;
  - the registry exits with 0 within 5 s of SIGTERM.
Standard library only. Exits with 0 only when all of this held.
"""

import argparse
import collections
import http.client
import json
import pathlib
import random
import sys
import threading
import time

from running_registry import STOP_SECONDS, RunningRegistry, StartFailed

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

TTL_SECONDS = 2
# A client's turn may be late on a busy machine: renewing at a third of the TTL leaves room for that.
RENEW_SECONDS = TTL_SECONDS / 3
# A live instance counts as renewed in time only while its last renewal began less than this long ago; a client that was
# itself held up for longer proves nothing and does not complain.
RENEWED_IN_TIME_SECONDS = TTL_SECONDS * 0.9
LATEST_EXPIRY_SECONDS = TTL_SECONDS + 1
KEPT_PER_CLIENT = 20
# Endpoints are used again after this many, so that ids which were removed or ran out come back to life, and whatever the
# registry remembers of the dead stays bounded.
ENDPOINTS_PER_CLIENT = 1_000
WARM_UP_SHARE = 0.3
# After the warm-up, memory may vary by the allocator's slack but must not follow the number of requests.
MEMORY_SLACK_KILOBYTES = 8 * 1024
MEMORY_SLACK_SHARE = 0.15
COMPLAINTS_SHOWN = 20


class Tally:
    """Counts of checks by name, and the first complaints. Guarded by its lock; clients share it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.held = collections.Counter()
        self.broken = collections.Counter()
        self.complaints = []

    def check(self, promise, holds, complaint=""):
        with self.lock:
            if holds:
                self.held[promise] += 1
                return
            self.broken[promise] += 1
            if len(self.complaints) < COMPLAINTS_SHOWN:
                self.complaints.append(f"{promise}: {complaint}")


class Kept:
    """An instance and its last renewal, which took effect between `renewal_began` and `renewal_answered`."""

    def __init__(self, began):
        self.renewal_began = began
        self.renewal_answered = began


class Client(threading.Thread):
    """One client with one service and one keep-alive connection."""

    def __init__(self, number, registry, tally, until, seed):
        super().__init__(name=f"client-{number}", daemon=True)
        self.service = f"soak-{number}"
        self.registry = registry
        self.tally = tally
        self.until = until
        self.random = random.Random(seed)
        self.connection = registry.connect()
        self.next_number = 0
        self.kept = {}  # id -> Kept
        self.abandoned = {}  # id -> Kept, renewed no more
        self.removed = collections.deque(maxlen=200)

    def run(self):
        try:
            while time.monotonic() < self.until:
                self.turn()
        except (OSError, http.client.HTTPException, ValueError, KeyError) as reason:
            self.tally.check("every request is answered", False, f"{self.service}: {type(reason).__name__}: {reason}")
        finally:
            self.connection.close()

    def turn(self):
        self.renew_the_due()
        if len(self.kept) < KEPT_PER_CLIENT:
            self.register()
        else:
            identifier = self.random.choice(list(self.kept))
            if self.random.random() < 0.5:
                self.remove(identifier)
            else:
                # No renewal any more: nothing is sent, the instance is merely forgotten by its owner.
                self.abandoned[identifier] = self.kept.pop(identifier)
        self.renew_the_due()
        self.list()

    def request(self, method, path, body=None, expected=200):
        headers = {"Content-Type": "application/json"} if body is not None else {}
        self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = self.connection.getresponse()
        content = response.read()
        self.tally.check("every request is answered", response.status == expected,
                         f"{method} {path}: {response.status} where {expected} was due: {content[:200]!r}")
        return response.status, content

    def register(self):
        self.next_number = self.next_number % ENDPOINTS_PER_CLIENT + 1
        kept = Kept(time.monotonic())
        status, content = self.request("POST", "/api/v1/instances", {
            "service_name": self.service, "endpoint": {"type": "tcp", "value": f"10.0.0.1:{self.next_number}"},
            "ttl": TTL_SECONDS, "tags": ["soak", f"n{self.next_number % 7}"], "metadata": {"number": self.next_number},
        }, expected=201)
        if status == 201:
            kept.renewal_answered = time.monotonic()
            answer = json.loads(content)
            self.tally.check("the lease is granted as asked", answer["ttl"] == TTL_SECONDS, f"ttl {answer['ttl']}")
            identifier = answer["id"]
            self.abandoned.pop(identifier, None)
            if identifier in self.removed:
                self.removed.remove(identifier)
            self.kept[identifier] = kept

    def renew_the_due(self):
        for identifier, kept in list(self.kept.items()):
            began = time.monotonic()
            if began - kept.renewal_began < RENEW_SECONDS:
                continue
            late = began - kept.renewal_began >= RENEWED_IN_TIME_SECONDS
            self.connection.request("PUT", f"/api/v1/instances/{identifier}/heartbeat")
            response = self.connection.getresponse()
            response.read()
            answered = time.monotonic()
            if response.status == 200:
                kept.renewal_began, kept.renewal_answered = began, answered
                self.tally.check("an instance renewed in time is never missing", True)
                continue
            del self.kept[identifier]
            in_time = not late and answered - kept.renewal_began < RENEWED_IN_TIME_SECONDS
            self.tally.check("an instance renewed in time is never missing", response.status == 410 and not in_time,
                             f"{self.service} {identifier}: heartbeat answered {response.status}, "
                             f"{answered - kept.renewal_began:.2f} s after the last renewal")

    def remove(self, identifier):
        kept = self.kept.pop(identifier)
        in_time = time.monotonic() - kept.renewal_began < RENEWED_IN_TIME_SECONDS
        if in_time:
            self.request("DELETE", f"/api/v1/instances/{identifier}")
            self.removed.append(identifier)
        else:
            self.abandoned[identifier] = kept

    def list(self):
        by_service = self.random.random() < 0.5
        path = f"/api/v1/services/{self.service}" if by_service else f"/api/v1/instances?service_name={self.service}&tags=soak"
        began = time.monotonic()
        self.connection.request("GET", path)
        response = self.connection.getresponse()
        content = response.read()
        answered = time.monotonic()
        if response.status == 404 and by_service:
            seen = set()
        elif response.status == 200:
            seen = {instance["id"] for instance in json.loads(content)["instances"]}
        else:
            self.tally.check("every request is answered", False, f"GET {path}: {response.status} {content[:200]!r}")
            return
        for identifier, kept in self.kept.items():
            if answered - kept.renewal_began < RENEWED_IN_TIME_SECONDS:
                self.tally.check("an instance renewed in time is never missing", identifier in seen,
                                 f"{self.service} {identifier}: not listed {answered - kept.renewal_began:.2f} s after its renewal")
        for identifier, kept in list(self.abandoned.items()):
            if answered - kept.renewal_began < TTL_SECONDS:
                self.tally.check("no instance goes before its TTL", identifier in seen,
                                 f"{self.service} {identifier}: gone {answered - kept.renewal_began:.2f} s after its last renewal")
            # Its lease began no later than the last renewal was answered; the listing was made no earlier than it was asked for.
            if began - kept.renewal_answered > LATEST_EXPIRY_SECONDS:
                self.tally.check("no instance outlives its TTL by more than 1 s", identifier not in seen,
                                 f"{self.service} {identifier}: still listed {began - kept.renewal_answered:.2f} s after its last renewal")
                del self.abandoned[identifier]
        for identifier in self.removed:
            if identifier in seen:
                self.tally.check("a removed instance is gone at once", False, f"{self.service} {identifier}")
        self.tally.check("a removed instance is gone at once", True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seconds", type=float, nargs="?", default=60, help="how long, at least 10")
    parser.add_argument("--registry", default=str(ROOT / "bin" / "registry"), help="the program to soak")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    seconds = max(10.0, options.seconds)
    print(f"soaking for {seconds:.0f} s with {options.clients} clients, seed {options.seed}")

    tally = Tally()
    settings = {"MIN_TTL": "1s", "DEFAULT_TTL": f"{TTL_SECONDS}s", "MAX_TTL": "1m"}
    try:
        registry = RunningRegistry(options.registry, settings)
    except (StartFailed, OSError) as reason:
        print(f"the registry did not start: {reason}")
        print("0 passed, 1 failed")
        return 1
    with registry:
        started = time.monotonic()
        until = started + seconds
        clients = [Client(n, registry, tally, until, options.seed + n) for n in range(options.clients)]
        for client in clients:
            client.start()
        memory = []
        while time.monotonic() < until and registry.process.poll() is None:
            time.sleep(0.5)
            resident = registry.resident_kilobytes()
            if resident is not None and time.monotonic() - started > seconds * WARM_UP_SHARE:
                memory.append(resident)
        for client in clients:
            client.join(timeout=15)
            tally.check("every client comes to its end", not client.is_alive(), client.name)

        if registry.process.poll() is not None:
            tally.check("the registry stays up", False, f"it ended with {registry.process.returncode}:\n{registry.last_words()}")
        else:
            tally.check("the registry stays up", True)
            # Peaks are compared, early third against late third, so that one sample taken at a low point decides nothing.
            third = max(1, len(memory) // 3)
            early, late = max(memory[:third], default=0), max(memory[-third:], default=0)
            allowed = early + max(MEMORY_SLACK_KILOBYTES, early * MEMORY_SLACK_SHARE)
            print(f"resident memory after the warm-up: {early} kB, at the end {late} kB (at most {allowed:.0f} kB)")
            tally.check("memory is flat", 0 < late <= allowed, f"{early} kB became {late} kB")
            code, took = registry.stop()
            tally.check(f"SIGTERM ends it with 0 within {STOP_SECONDS} s", code == 0,
                        f"exit code {code} after {took:.1f} s:\n{registry.last_words()}")

    for complaint in tally.complaints:
        print(f"FAILED {complaint}")
    promises = {
        "a removed instance is gone at once",
        "an instance renewed in time is never missing",
        "no instance goes before its TTL",
        "no instance outlives its TTL by more than 1 s",
    }
    for promise in sorted(promises - set(tally.held) - set(tally.broken)):
        print(f"FAILED {promise}: never had a chance to be checked")
        tally.broken[promise] += 1
    for promise in sorted(set(tally.held) | set(tally.broken)):
        print(f"{promise}: {tally.held[promise]} checks held, {tally.broken[promise]} did not")
    failed = sum(1 for count in tally.broken.values() if count)
    passed = sum(1 for promise in tally.held if not tally.broken[promise])
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
