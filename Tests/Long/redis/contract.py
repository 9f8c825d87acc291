#!/usr/bin/env python3
"""Runs the tests of the real binary over a real Redis and a real Valkey: what clients are promised holds over a store too.

Usage: contract.py [--registry PROGRAM] [--venv DIR] [--engine redis|valkey] [TEST...]

TEST are words of the names of those to run; without any all do. These are the tests of Tests/ProcessTests, but for those of SKIPPED, each with a
reason: what members do that keep everything themselves. A name in SKIPPED that is no test's is an error. They have to be built; TestStore.swift
says how they come to the store. The programs of PROGRAMS are run besides, with the registry that is named.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import time

from engines import FLAVORS, ROOT, Failed, Single, check

TEST_SECONDS = 1_800
# What is shown of a run that fails, in lines; the rest is in the file that is named.
SHOWN_LINES = 120
LOGS = ROOT / ".build" / "contract"

# Reasons, and what is not run for each: all tests of a suite, or one of them.
SKIPPED = {
    "members that keep everything themselves replicate over a port of their own, which is closed here (D102)": [
        "SecureClusterTests",
        "ClusterTests/a member alone waits for the others it was promised, and says what it cannot know",
        "ClusterTests/a member that is stopped tells what it was told before it leaves",
        "ClusterTests/a member whose cluster directory is missing is not ready until it is there",
        "ClusterTests/a size of two and no replication stop the start with a sentence",
        "ClusterTests/after sync_timeout a member serves without the others, and says so loudly",
        "ClusterTests/members find one another in a directory, on ports of the system's choice",
        "ClusterTests/random bytes on the peers' port end a connection and nothing else",
        "ClusterTests/replication without a secret and without TLS is warned of",
        "ClusterTests/who does not know the secret stays outside",
        "DNSProcessTests/a member that has no copy yet answers SERVFAIL by both transports, and so do the feeds over HTTP",
        "ReloadTests/a cluster changes its secret member by member, under load, and every member stays linked",
    ],
    "members of a store do not wait for each other (docs/redis.md, What is promised)": [
        "ReadYourWritesTests/a client reads its own writes through any member",
        "ReadYourWritesTests/a member that is stopped costs one wait, and says that it may lack something when it goes on",
    ],
    "members of a store do not know what the others have, nor whether they are drained": [
        "MemberDrainTests/a member is drained from a terminal, and the others say so",
        "MemberDrainTests/which member is behind is one command",
    ],
    "the store keeps what is registered, so SNAPSHOT_FILE is refused (D102)": [
        "ClusterSnapshotTests",
        "SnapshotTests",
        "SnapshotCommandTests/an operator saves a snapshot, looks at it, and starts another registry with it",
    ],
    "what a budget holds back is not marked as overdue here (docs/expiry.md)": [
        "SilentInstancesTests/a fifth of those that fall silent goes in a minute, and the rest until it is heard or held too long",
    ],
}

# Other tests that start a registry, and need nothing but Python: by running_registry.py they come to the store.
PROGRAMS = [["replay_corpus.py"], ["replay_corpus.py", "--tls"], ["eureka_peers.py"]]


def environment(**more):
    return {**os.environ, "REGISTRY_TESTS": "ProcessTests", **more}


def tests():
    """Every test of ProcessTests, as SKIPPED names them."""
    listed = subprocess.run(
        ["swift", "test", "list", "--skip-build"], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=TEST_SECONDS)
    check(listed.returncode == 0, f"the tests cannot be listed; `swift build --build-tests` builds them:\n{listed.stderr[-2_000:]}")
    found = re.findall(r"^ProcessTests\.(\w+/)`?([^`(]+)`?\(", listed.stdout, re.MULTILINE)
    check(found, "there is no test in ProcessTests")
    return [suite + name for suite, name in found]


def skipped(all_tests):
    """The tests that are not run, each with its reason."""
    reasons = {}
    for reason, names in SKIPPED.items():
        for name in names:
            meant = [test for test in all_tests if test == name or test.startswith(name + "/")]
            check(meant, f"SKIPPED names {name}, which is no test")
            for test in meant:
                check(test not in reasons, f"SKIPPED names {test} twice")
                reasons[test] = reason
    return reasons


def pattern(test):
    """The one test, as `swift test --filter` has it."""
    suite, name = test.split("/", 1)
    # Swift's expressions know no escape of a space, so a character of another kind is put in brackets.
    plain = re.sub("([^A-Za-z0-9 _,-])", lambda match: f"[{match[1]}]", name)
    return rf"^ProcessTests\.{suite}/`?{plain}`?\("


def run_tests(flavor, address, chosen):
    """Runs tests over one engine; returns whether all passed."""
    path = LOGS / f"{flavor}.log"
    begun = time.monotonic()
    command = ["swift", "test", "--skip-build", *(word for test in chosen for word in ("--filter", pattern(test)))]
    with open(path, "w") as log:
        status = subprocess.run(
            command, cwd=ROOT, env=environment(REGISTRY_TEST_STORE_ADDRESS=address), stdout=log, stderr=log, timeout=TEST_SECONDS).returncode
    lines = path.read_text(errors="replace").splitlines()
    closing = next((line[2:] for line in reversed(lines) if "Test run with" in line), "the tests broke off")
    print(f"over {flavor}, in {time.monotonic() - begun:.0f} s: {closing}", flush=True)
    if status != 0:
        failed = [line for line in lines if line.startswith(("✘", "↳")) or " error: " in line or "Fatal error" in line]
        print("\n".join(f"  {line}" for line in failed[:SHOWN_LINES]) + f"\n  {path} has all of it", flush=True)
        return False
    passed = sum(1 for line in lines if line.startswith("✔ Test \""))
    check(passed == len(chosen), f"{passed} tests have passed of the {len(chosen)} that were to be run; {path} has all of it")
    return True


def run_program(flavor, address, program, registry):
    """Runs one of PROGRAMS over one engine; returns whether it passed."""
    begun = time.monotonic()
    ended = subprocess.run(
        [sys.executable, ROOT / "Tests" / "Long" / program[0], *program[1:], "--registry", registry],
        env=environment(REGISTRY_TEST_STORE_ADDRESS=address), capture_output=True, text=True, timeout=TEST_SECONDS)
    lines = (ended.stdout + ended.stderr).splitlines() or ["it has said nothing"]
    print(f"over {flavor}, in {time.monotonic() - begun:.0f} s: {' '.join(program)}: {lines[-1]}", flush=True)
    if ended.returncode != 0:
        print("\n".join(f"  {line}" for line in lines[-SHOWN_LINES:]), flush=True)
    return ended.returncode == 0


def run_steps(single, steps, uses_store=True):
    """Runs all, one after the other, over one engine; returns whether all passed. Each must have left something in the store."""
    results = []
    for step in steps:
        keys = single.engine.ask("DBSIZE")
        results.append(step())
        check(not uses_store or single.engine.ask("DBSIZE") > keys, "nothing has come to the store: the last step has not used it")
    return all(results)


def run(flavor, chosen, options):
    """Runs everything over one engine; returns whether all passed."""
    LOGS.mkdir(parents=True, exist_ok=True)
    # Members warn of a store that keeps no file, and tests count what they say.
    with Single(flavor, options={"appendonly": "yes"}, venv=options.venv) as single:
        steps = [lambda: run_tests(flavor, single.address, chosen)]
        if not options.tests:
            steps += [lambda program=program: run_program(flavor, single.address, program, options.registry) for program in PROGRAMS]
        # A single test may start no registry that serves.
        return run_steps(single, steps, uses_store=not options.tests)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--registry", default=str(ROOT / "bin" / "registry"), type=os.path.abspath)
    arguments.add_argument("--engine", choices=FLAVORS, action="append")
    arguments.add_argument("--venv", default=ROOT / ".build" / "venv", type=pathlib.Path)
    arguments.add_argument("tests", nargs="*", metavar="TEST")
    options = arguments.parse_args()
    try:
        all_tests = tests()
        reasons = skipped(all_tests)
        chosen = [test for test in all_tests if test not in reasons and (not options.tests or any(word in test for word in options.tests))]
        check(chosen, "no test that runs over a store has such a name")
        for reason in SKIPPED:
            print(f"{sum(1 for one in reasons.values() if one == reason)} are not run: {reason}")
        print(f"{len(chosen)} are run", flush=True)
        results = [run(flavor, chosen, options) for flavor in options.engine or FLAVORS]
    except Failed as failure:
        print(f"FAILED: {failure}")
        return 1
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
