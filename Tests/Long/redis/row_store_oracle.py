"""The oracle must be able to fail: it is shown members that are broken, and has to say so."""

import threading
import time

from engines import Failed, Single, check, wait_until
from rows import row
from store import StoreCluster, StoreOracle, World, flavor, is_in_memory


def check_complaints(run, complaints, words):
    for word in words:
        check(any(word in complaint for complaint in complaints), f"the oracle did not complain of '{word}': {complaints[:5]}")
    run.say(f"{len(complaints)} complaints, as it should be")


@row(seconds=90)
def oracle_sees_strangers(run):
    """Two members over two prefixes: the oracle says that digests differ and that instances are missing."""
    if is_in_memory():
        return
    with Single(flavor()) as single, StoreCluster(run, single, size=1) as members:
        members.add({"STORE_PREFIX": "other"})
        members.start()
        with members.population(churn=5) as population, StoreOracle(members, population) as oracle:
            time.sleep(3)
            complaints = oracle.judge(bound=2, expiry=1)
        check_complaints(run, complaints, ("digests differ", "and should be registration", "is unknown"))


@row(seconds=90)
def oracle_sees_losses(run):
    """Somebody deregisters a keeper, keeps the dead alive, brings back what was removed, and a member is silent: the oracle says each."""
    with Single(flavor()) as single, World(run, single, size=1, churn=8, changes=False) as world:
        member, journal, is_over = world.members[0], world.population.journal, threading.Event()

        def found(kind, verb):
            with journal.lock:
                return next((entry for entry in journal.entries if entry.kind == kind and entry.changes and entry.last_change.verb == verb), None)

        zombie = wait_until("one that is abandoned", lambda: found("abandoned", "register"), 10)

        def keep_alive():
            while not is_over.wait(0.3):
                member.heartbeat(zombie.identity)

        keeper = threading.Thread(target=keep_alive, daemon=True)
        keeper.start()
        ghost = wait_until("one that is removed", lambda: found("leaver", "deregister"), 10)
        check(member.ask("POST", "/api/v1/instances", ghost.body())[0] == 201, "the ghost was refused")
        time.sleep(1)
        victim = world.population.keepers[0]
        # Until the watcher has looked in between.
        wait_until("the loss to be seen", lambda: member.ask("DELETE", f"/api/v1/instances/{victim.identity}") and world.oracle.watcher.vanished, 20)
        # A pause that the harness is not told of, longer than a look-up may take.
        member.process.send_signal(19)
        time.sleep(6)
        member.process.send_signal(18)
        complaints = world.oracle.judge(bound=2, expiry=1)
        is_over.set()
        keeper.join()
        check_complaints(run, complaints, ("was still listed", "and should be gone", "was gone from the list", "were not answered"))


@row(seconds=90)
def oracle_sees_what_redis_lacks(run):
    """Somebody takes one instance out of Redis that members have in view, whatever its status is: the oracle says that a member that starts lacks it."""
    if is_in_memory():
        return
    with Single(flavor()) as single, World(run, single, size=1, churn=0) as world:
        world.wait_same()
        for status in ("UP", "STARTING"):
            # So that no heartbeat of its own has it written again.
            world.population.hush()
            lost = next(entry for entry in world.population.keepers if entry.status == status)
            with single.engine.connect() as operator:
                held = [key for key in operator.ask("KEYS", "*") if b":i:" in key]
                check(sum(operator.ask_all([("HDEL", key, lost.identity) for key in held])) == 1, f"{lost} is not in Redis")
            try:
                world.compare_newcomer()
            except Failed as failure:
                check(lost.name in str(failure), f"the oracle complained of something else than {lost}: {failure}")
                run.say(f"where one that is {status} lacks: {str(failure)[:90]}")
            else:
                check(False, f"the oracle did not complain of {lost}, which is {status}")
            world.population.resume()
