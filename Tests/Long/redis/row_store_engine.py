"""One engine that ends, stands still, forgets, is full, or takes no changes."""

import time

from engines import Single, check, wait_until
from rows import row
from store import SHARDS, Background, World, flavor, is_in_memory

DURABLE = {"appendonly": "yes", "appendfsync": "always"}
# Long enough to notice, longer than the TTL of 6 s that clients have here.
OUTAGE_SECONDS = 10


@row(seconds=180)
def kill_redis(run):
    """kill -9 of Redis for 10 s, longer than TTLs: nothing runs out, heartbeats are answered, changes are refused within the deadline, nothing is lost.

    Redis writes every change to its log before it answers. Bound: 25 s from when Redis answers again until all members list the same.
    """
    with Single(flavor(), DURABLE) as single, World(run, single) as world:
        time.sleep(3)
        with world.oracle.outage():
            single.engine.kill()
            time.sleep(2)
            answers = world.check_heartbeats(OUTAGE_SECONDS / 2)
            statuses = world.count_refusals(OUTAGE_SECONDS / 2)
            single.engine.start().wait_ready()
        run.say(f"{answers} heartbeats answered while it was away; registrations were answered {statuses}")
        check(is_in_memory() or set(statuses) == {503}, f"registrations were answered {statuses} while Redis was away")
        world.hold()


def stop_for(run, seconds):
    with Single(flavor()) as single, World(run, single) as world:
        time.sleep(3)
        with world.oracle.outage():
            single.engine.pause()
            time.sleep(seconds)
            single.engine.resume()
        world.hold()


@row(seconds=120)
def stop_half_second(run):
    """Redis stands still for 0.5 s, less than the deadline: everything waits for it and nothing is refused for good."""
    answers = []
    with Single(flavor()) as single, World(run, single) as world:
        def register():
            began = time.monotonic()
            body = {"service_name": "waits", "endpoint": {"type": "tcp", "value": f"{len(answers)}.waits:80"}, "ttl": 600}
            status, _ = world.members[0].ask("POST", "/api/v1/instances", body)
            answers.append((status, time.monotonic() - began))

        time.sleep(3)
        with world.oracle.outage():
            single.engine.pause()
            with Background(register):
                time.sleep(0.5)
                single.engine.resume()
        status, seconds = answers[0]
        run.say(f"a registration that came meanwhile was answered {status} after {seconds:.2f} s")
        check(is_in_memory() or status == 201 and seconds > 0.3, f"it did not wait: it was answered {status} after {seconds:.2f} s")
        world.hold()


@row(seconds=150)
def stop_5(run):
    """Redis stands still for 5 s: connections are replaced, what it did of what was sent before counts once, nothing is lost."""
    stop_for(run, 5)


@row(seconds=240)
def stop_60(run):
    """Redis stands still for 60 s, ten times the TTL: nobody expires, and nothing is lost."""
    stop_for(run, 60)


@row(seconds=180)
def flush(run):
    """FLUSHALL in mid-churn: the old view is served, and one member puts back what all of them know."""
    with Single(flavor()) as single, World(run, single) as world:
        time.sleep(4)
        with world.oracle.outage():
            single.engine.flush()
            time.sleep(2)
        world.hold()
        check(is_in_memory() or single.engine.ask("DBSIZE") > 0, "nothing was put back")


@row(seconds=180)
def flush_twice(run):
    """FLUSHALL twice in mid-churn, the second as soon as something of what was lost by the first is back."""
    with Single(flavor()) as single, World(run, single, churn=20) as world:
        time.sleep(4)
        with world.oracle.outage():
            single.engine.flush()
            began = time.monotonic()
            if not is_in_memory():
                count = wait_until("something to be put back", lambda: leases(single.engine), 10)
                run.say(f"{count} were back {time.monotonic() - began:.2f} s after the first")
            single.engine.flush()
            time.sleep(2)
        world.hold()


def leases(engine):
    """How many there are in all shards."""
    with engine.connect() as conversation:
        return sum(conversation.ask_all([("ZCARD", f"{{a8.{shard}}}:z") for shard in range(SHARDS)]))


@row(seconds=180)
def restart_empty(run):
    """kill -9 of a Redis that keeps nothing, and a new start: the members put back what they know."""
    with Single(flavor()) as single, World(run, single) as world:
        time.sleep(4)
        with world.oracle.outage():
            single.engine.restart(empty=True)
        world.hold()


@row(seconds=180)
def restart_older(run):
    """Redis comes back with what it had 3 s before its end: the members put back what it acknowledged since, and removals stay removals."""
    with Single(flavor()) as single, World(run, single, churn=20) as world:
        time.sleep(4)
        single.engine.ask("SAVE")
        time.sleep(3)
        with world.oracle.outage():
            single.engine.restart()
        world.hold()


@row(seconds=240)
def full(run):
    """maxmemory is reached for 15 s: heartbeats work on, new registrations are refused, the dead are removed, and all is well when there is room again."""
    with Single(flavor(), {"maxmemory-policy": "noeviction"}) as single, World(run, single) as world:
        time.sleep(3)
        engine = single.engine
        with world.oracle.outage():
            # Below what is in use: everything that needs memory is refused from now on.
            engine.set("maxmemory", "1mb")
            time.sleep(1)
            answers = world.check_heartbeats(8)
            statuses = world.count_refusals(6)
            engine.set("maxmemory", "0")
        run.say(f"{answers} heartbeats answered while it was full; registrations were answered {statuses}")
        check(is_in_memory() or set(statuses) == {503}, f"registrations were answered {statuses} while Redis was full")
        world.hold()


@row(seconds=180)
def read_only(run):
    """Redis becomes a replica without a master for 8 s and answers READONLY: changes are refused, look-ups and heartbeats are answered."""
    with Single(flavor()) as single, World(run, single) as world:
        time.sleep(3)
        with world.oracle.outage():
            single.engine.ask("REPLICAOF", "127.0.0.1", 1)
            time.sleep(2)
            answers = world.check_heartbeats(3)
            statuses = world.count_refusals(3)
            single.engine.ask("REPLICAOF", "NO", "ONE")
        run.say(f"{answers} heartbeats answered; registrations were answered {statuses}")
        check(is_in_memory() or set(statuses) == {503}, f"registrations were answered {statuses} at a replica")
        world.hold()


@row(seconds=180)
def no_auth(run):
    """The password of Redis is changed for 6 s and all connections are ended: members are refused, say so, and come back when it is the old one again."""
    with Single(flavor(), password="a-word-of-tests") as single, World(run, single) as world:
        time.sleep(3)
        with world.oracle.outage(), single.engine.connect() as operator:
            operator.ask("CONFIG", "SET", "requirepass", "another word")
            operator.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            time.sleep(2)
            world.check_heartbeats(4)
            operator.ask("CONFIG", "SET", "requirepass", single.engine.password)
        if not is_in_memory():
            said = [line for member in world.members for line in member.log_lines("WRONGPASS") + member.log_lines("password")]
            check(said, "no member has logged that its password is refused")
        world.hold()


@row(seconds=240)
def loading(run):
    """Redis is killed and takes seconds to load, answering LOADING: to members it is away until it has loaded."""
    with Single(flavor(), {**DURABLE, "loading-process-events-interval-bytes": 1_024}) as single, World(run, single) as world:
        time.sleep(2)
        engine = single.engine
        with engine.connect() as operator:
            operator.ask_all([("SET", f"pad:{number}", "x" * 100) for number in range(10_000)])
            operator.ask("BGREWRITEAOF")
        wait_until("the log to be rewritten", lambda: engine.info("persistence")["aof_rewrite_in_progress"] == "0", 30)
        with world.oracle.outage():
            engine.kill()
            # Microseconds for each key.
            engine.options["key-load-delay"] = 400
            engine._write()
            engine.start().wait_answering()
            began = time.monotonic()
            check(engine._answers().startswith("LOADING"), "it has loaded already")
            world.check_heartbeats(1)
            statuses = world.count_refusals(1)
            check(engine._answers().startswith("LOADING"), "it has loaded before members were asked")
            engine.wait_ready(60)
        run.say(f"it was loading for {time.monotonic() - began:.1f} s; registrations were answered {statuses}")
        check(is_in_memory() or set(statuses) == {503}, f"registrations were answered {statuses} while Redis was loading")
        world.hold()


@row(seconds=180)
def cannot_save(run):
    """Redis cannot save, so that it answers MISCONF to every change: changes are refused, and work again once it can save."""
    with Single(flavor(), {"save": "1 1", "stop-writes-on-bgsave-error": "yes"}) as single, World(run, single) as world:
        time.sleep(2)
        engine = single.engine
        with world.oracle.outage():
            # A folder is where the file is to be.
            (engine.folder / "dump.rdb").unlink(missing_ok=True)
            (engine.folder / "dump.rdb" / "in-the-way").mkdir(parents=True)
            wait_until("a save to have failed", lambda: engine.info("persistence")["rdb_last_bgsave_status"] == "err", 30)
            time.sleep(1)
            answers = world.check_heartbeats(3)
            statuses = world.count_refusals(2)
            (engine.folder / "dump.rdb" / "in-the-way").rmdir()
            (engine.folder / "dump.rdb").rmdir()
            wait_until("a save to have worked", lambda: engine.info("persistence")["rdb_last_bgsave_status"] == "ok", 30)
        run.say(f"{answers} heartbeats answered; registrations were answered {statuses}")
        check(is_in_memory() or set(statuses) == {503}, f"registrations were answered {statuses} while Redis could not save")
        world.hold()
