#!/usr/bin/env python3
"""Has real clients follow the running registry: curl reads a stream, and a loop of long polls reads a list.

Usage: feeds_watch.py [--registry PATH] [--venv DIR] [CHECK...]

requests is installed into the virtual environment when it is not there yet. Exits with 0 only when everything passed.
"""

import json
import subprocess
import sys
import time
import venv

import checks
from feeds import Pair, Process, wait

REQUIREMENT = "requests==2.32.3"
# A change is at every watcher within milliseconds; the machine may be busy.
CHANGE_SECONDS = 2.0

# Follows a service by long polls, and writes the ids after each answer.
POLLER = """
import json, sys, time
import requests
tag = None
while True:
    try:
        answer = requests.get(sys.argv[1], params={"wait": "5m"}, headers={"If-None-Match": tag} if tag else {}, timeout=400)
    except requests.exceptions.RequestException:
        time.sleep(0.5)
        continue
    tag = answer.headers.get("ETag", tag)
    known = sorted(instance["id"] for instance in answer.json()["instances"]) if answer.status_code == 200 else []
    print(json.dumps([answer.status_code, known]), flush=True)
    if answer.status_code == 503: time.sleep(0.5)
"""


def python(options):
    """A Python that has requests."""
    program = options.venv / "bin" / "python"
    if not program.exists():
        venv.create(options.venv, with_pip=True)
    if subprocess.run([program, "-c", "import requests"], capture_output=True).returncode != 0:
        subprocess.run([program, "-m", "pip", "install", "--quiet", REQUIREMENT], check=True)
    return str(program)


def lines(client):
    """What a client has written, line by line; the last may still be incomplete."""
    return [json.loads(line) for line in client.text().splitlines() if line.startswith("[") and line.endswith("]")]


def awaits(client, ids):
    """Waits until a client knows exactly these; how long that took."""
    began = time.monotonic()
    wait(f"{sorted(ids)} to be known", lambda: lines(client) and lines(client)[-1][1] == sorted(ids), client)
    return time.monotonic() - began


def curl_shows_events_and_comments(options):
    with Pair(options.registry) as pair:
        pair.register("web", "10.0.0.1:80")
        with Process("curl", "-sSN", pair.read.url + "/api/v1/watch?service_name=web") as client:
            wait("the snapshot", lambda: "event: snapshot\n" in client.text(), client)
            wait("a comment", lambda: "\n:\n" in client.text(), client)
            pair.register("web", "10.0.0.2:80")
            wait("the change", lambda: "event: put\n" in client.text(), client)
            assert client.text().startswith("retry: "), client.text()


def a_loop_of_long_polls_follows_a_restart(options):
    program = python(options)
    with Pair(options.registry) as pair:
        with Process(program, "-c", POLLER, pair.read.url + "/api/v1/services/web") as client:
            awaits(client, set())
            ids = {pair.register("web", "10.0.0.1:80")}
            assert awaits(client, ids) < CHANGE_SECONDS
            before = len(lines(client))
            time.sleep(2)
            assert len(lines(client)) == before, "a poll does not wait"
            pair.restart()
            ids.add(pair.register("web", "10.0.0.2:80"))
            awaits(client, ids)
            since = lines(client)[before:]
            assert all(known for status, known in since if status == 200), since
            assert all(status in (200, 304, 503) for status, _ in since), since
            assert len(since) < 30, f"it spins: {since}"


if __name__ == "__main__":
    sys.exit(checks.run([
        curl_shows_events_and_comments, a_loop_of_long_polls_follows_a_restart,
    ], __doc__))
