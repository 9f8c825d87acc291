"""Engines that a member must not be started over, and that it says so."""

import time

from engines import Single, check, wait_until
from rows import row
from store import SHARDS, StoreCluster, flavor, is_in_memory

END_SECONDS = 20


def refused(run, engines, *words, settings=None):
    """Starts a member, which ends by itself with a sentence that has these words."""
    if is_in_memory():
        return
    with StoreCluster(run, engines, size=1, settings=settings) as members:
        member = members[0].start()
        wait_until("the member to end", lambda: not member.is_running, END_SECONDS)
        code, said = member.process.returncode, "\n".join(member.log_lines())
        check(code not in (0, None) and code > 0, f"it ended with {code}:\n{said[-2_000:]}")
        for word in words:
            check(word in said, f"it does not say '{word}':\n{said[-2_000:]}")
        run.say(f"it says: {next(line for line in said.splitlines() if words[0] in line)}")


@row(seconds=60)
def second_schema(run):
    """Under the prefix is a schema of another time: the member ends with a sentence, and changes nothing."""
    with Single(flavor()) as single:
        with single.engine.connect() as operator:
            for shard in range(SHARDS):
                operator.ask("HSET", f"{{a8.{shard}}}:m", "schema", "99", "epoch", "00000000000000ff.1", "seq", "7")

            def all_of_it():
                return {key: operator.ask("DUMP", key) for key in operator.ask("KEYS", "*")}

            before = all_of_it()
            refused(run, single, "schema")
            check(len(before) == SHARDS and all_of_it() == before, "what is foreign was changed")


@row(seconds=60)
def evicting_policy(run):
    """Redis would throw away any key when it is full: the member ends with a sentence."""
    with Single(flavor(), {"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"}) as single:
        refused(run, single, "allkeys-lru")


@row(seconds=60)
def other_prefix(run):
    """Two registries share a Redis with a prefix each: neither sees what the other has."""
    if is_in_memory():
        return
    with Single(flavor()) as single, StoreCluster(run, single, size=1) as one, \
            StoreCluster(run, single, size=1, settings={"STORE_PREFIX": "other"}) as other:
        one.start()
        other.start()
        pair = (one[0], "mine"), (other[0], "yours")
        for member, service in pair:
            body = {"service_name": service, "endpoint": {"type": "tcp", "value": "10.0.0.1:80"}, "ttl": 600}
            check(member.ask("POST", "/api/v1/instances", body)[0] == 201, f"{service} was refused")
        # Long enough to read what is not theirs.
        time.sleep(1)
        for member, service in pair:
            listed = [instance["service_name"] for instance in member.get("/api/v1/instances")["instances"]]
            check(listed == [service], f"where {service} was registered {listed} are listed")


@row(seconds=90)
def redis_comes_later(run):
    """Redis is not there when a member starts: it is not ready, answers 503 and no empty list, and is ready once Redis is there."""
    if is_in_memory():
        return
    with Single(flavor()) as single, StoreCluster(run, single, size=1) as members:
        single.engine.kill()
        member = members[0].start().wait_answering()
        until = time.monotonic() + 3
        while time.monotonic() < until:
            check(member.ask("GET", "/readyz")[0] == 503, "it says that it is ready")
            check(member.ask("GET", "/api/v1/instances")[0] == 503, "it answers a look-up, and has nothing to answer from")
        single.engine.start().wait_ready()
        member.wait_ready()
        check(member.get("/api/v1/instances")["instances"] == [], "the list is not empty")
