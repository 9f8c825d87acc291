#!/usr/bin/env python3
"""Checks the engines that other tests stand on: every shape starts, does what a test will ask of it, and ends.

Usage: engines_check.py [CHECK...]
"""

import sys
import threading
import time

from engines import FLAVORS, Sentinels, Single, SixNodes, check, wait_until

import checks
from resp import Conversation, ErrorReply
from wire import Wire


def on_both(function):
    """A check for each engine, named after it."""
    def made(flavor):
        def run(options):
            function(flavor)

        run.__name__ = f"{function.__name__}_{flavor}"
        return run

    return [made(flavor) for flavor in FLAVORS]


def refusal(engine, *words):
    """The first word of the error that a command is answered with; None when it is not."""
    try:
        engine.ask(*words)
    except ErrorReply as error:
        return error.word
    return None


def one_engine(flavor):
    """kill -9 keeps what the AOF has, a restart without it is empty, a pause is felt, a flush empties."""
    with Single(flavor, options={"appendonly": "yes", "appendfsync": "always"}) as single:
        engine = single.engine
        engine.ask("SET", "a", "1")
        engine.restart()
        check(engine.ask("GET", "a") == b"1", "what was written is lost")
        engine.pause()
        began = time.monotonic()
        try:
            engine.ask("GET", "a", timeout=0.3)
            check(False, "a paused engine has answered")
        except OSError:
            check(time.monotonic() - began < 2, "the deadline was not kept")
        engine.resume()
        engine.wait_ready()
        engine.restart(empty=True)
        check(engine.ask("GET", "a") is None, "it is not empty")
        engine.ask("SET", "a", "1")
        engine.flush()
        check(engine.ask("DBSIZE") == 0, "it is not empty after FLUSHALL")


def passwords_and_limits(flavor):
    """NOAUTH, a user of an ACL, and a full engine answer as they do in production."""
    acl = "user member on >secret ~a8* +@all"
    with Single(flavor, options={"maxmemory": "4mb", "maxmemory-policy": "noeviction", "user": acl.removeprefix("user ")}, password="word") as single:
        engine = single.engine
        with Conversation(engine.port) as stranger:
            check(isinstance(stranger.ask_all([["GET", "a"]])[0], ErrorReply), "a stranger was answered")
        with engine.connect(password="secret", user="member") as member:
            check(member.ask("SET", "a8:x", "1") == "OK", "the user may not write")
            check(member.ask_all([["SET", "b", "1"]])[0].word == "NOPERM", "the user may write anywhere")
        with engine.connect() as conversation:
            for number in range(2_000):
                answer = conversation.ask_all([["SET", f"pad{number}", b"x" * 4_096]])[0]
                if isinstance(answer, ErrorReply):
                    break
            check(isinstance(answer, ErrorReply) and answer.word == "OOM", f"it never was full: {answer}")


def encrypted(flavor):
    """With TLS on, a client of plain text gets nothing, and one with a certificate does."""
    if flavor == "valkey":
        print("  the wheel's server is built without TLS")
        return
    with Single(flavor, with_tls=True) as single:
        check(single.engine.ask("PING") == "PONG", "no answer")
        try:
            with Conversation(single.engine.port) as plain:
                plain.ask("PING")
            check(False, "plain text was answered")
        except (OSError, ErrorReply):
            pass


def sentinels(flavor):
    """A master that is killed is replaced, and comes back as a replica; an ordered failover works, with passwords."""
    with Sentinels(flavor, password="word", sentinel_password="other") as group:
        first = group.master()
        first.ask("SET", "a", "1")
        check(first.ask("WAIT", 2, 5_000) == 2, "the replicas do not follow")
        first.kill()
        began = time.monotonic()
        second = group.wait_promoted(first)
        print(f"  promoted {time.monotonic() - began:.1f} s after kill -9")
        check(second.ask("GET", "a") == b"1", "the new master lacks what was replicated")
        first.start().wait_ready()
        wait_until(f"{first} to be a replica", lambda: first.role() == b"slave", 40)
        check(refusal(first, "SET", "a", "2") == "READONLY", "a replica takes writes")
        third = group.failover()
        check(third is not second, "the failover has not moved")


def six_nodes(flavor):
    """Redirections, a slot on its way, and a failover in a real cluster."""
    with SixNodes(flavor) as cluster:
        slot = cluster.slot("{a8.0}:m")
        source = cluster.owner(slot)
        target = next(node for node in cluster.masters() if node is not source)
        check(refusal(target, "GET", "{a8.0}:m") == "MOVED", "no MOVED")
        source.ask("SET", "{a8.0}:m", "1")
        source.ask("SET", "{a8.0}:n", "1")
        cluster.begin_migration(slot, target)
        check(cluster.move_keys(slot, source, target, count=1) == 1, "no key was moved")
        words = {refusal(source, "GET", key) for key in ("{a8.0}:m", "{a8.0}:n")}
        check(words == {None, "ASK"}, f"answers within a migration: {words}")
        check(refusal(source, "EXISTS", "{a8.0}:m", "{a8.0}:n") == "TRYAGAIN", "no TRYAGAIN")
        cluster.move_keys(slot, source, target)
        cluster.end_migration(slot, target)
        check(refusal(source, "GET", "{a8.0}:m") == "MOVED", "no MOVED after the migration")
        check(target.ask("GET", "{a8.0}:m") == b"1", "the key is lost")
        replica = next(node for node in cluster.nodes if node.role() == b"slave")
        cluster.fail_over(replica)
        cluster.wait_whole()


def wires(flavor):
    """A reply is cut where it is told, comes byte by byte, and stalls."""
    with Single(flavor) as single, Wire(single.engine.port) as wire:
        single.engine.ask("SET", "a", "x" * 1_000)
        with Conversation(wire.port, timeout=5) as conversation:
            wire.one_byte = True
            check(len(conversation.ask("GET", "a")) == 1_000, "bytes are missing")
            wire.one_byte = False
            wire.stalled = True
            answers = []
            asker = threading.Thread(target=lambda: answers.append(conversation.ask("PING")))
            asker.start()
            asker.join(0.3)
            check(not answers, "a stalled wire has carried")
            wire.stalled = False
            asker.join(5)
            check(answers == ["PONG"], f"after the stall: {answers}")
        wire.cut_after = 100
        try:
            with Conversation(wire.port) as conversation:
                conversation.ask("GET", "a")
            check(False, "the reply was not cut")
        except OSError:
            check(wire.counts["cut"] == 1, "another end")


CHECKS = [check for function in (one_engine, passwords_and_limits, encrypted, sentinels, six_nodes, wires) for check in on_both(function)]

if __name__ == "__main__":
    sys.exit(checks.run(CHECKS, __doc__))
