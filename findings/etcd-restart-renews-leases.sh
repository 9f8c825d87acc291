#!/usr/bin/env bash
# A single etcd 3.4.23 (Debian 12) that is restarted gives each lease its whole time again, though it keeps leases on disk.
#
# One would guess: a store that writes each lease and its time to disk, and counts in wall time, goes on after a restart with what was left of it, as long
# as the restart was short; or lets those run out whose time has passed meanwhile.
# Seen: what is on disk is the time that was granted, not when the lease was last renewed. Whoever comes to lead, and that is a lone server after a
# restart, starts every lease anew: of 60 s with 55 s left, 60 s are left again, however often it is restarted.
# Why it matters here: it is the rule that a registry needs which restores a snapshot alone: nobody could renew a lease while it was down, so each has its
# own time from the moment at which heartbeats can arrive again. A bound is needed besides, or a server that keeps crashing lists the dead for ever.
set -euo pipefail
readonly version=3.4.23-4+b4
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
chmod 777 .
timeout 120 apt-get download -q "etcd-server=$version" >/dev/null 2>&1
dpkg -x etcd-server_*.deb root
cat >etcd.py <<'P'
import json, socket, subprocess, sys, time, urllib.request

def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

URL, PEER = (f"http://127.0.0.1:{free_port()}" for _ in range(2))

def start():
    """A server that answers."""
    etcd = subprocess.Popen(["root/usr/bin/etcd", "--data-dir=data", f"--listen-client-urls={URL}", f"--advertise-client-urls={URL}",
                             f"--listen-peer-urls={PEER}", f"--initial-advertise-peer-urls={PEER}", f"--initial-cluster=default={PEER}"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if json.load(urllib.request.urlopen(f"{URL}/health", timeout=2))["health"] == "true":
                return etcd
        except OSError:
            time.sleep(0.1)
    etcd.kill()
    sys.exit("etcd does not answer")

def ask(page, **fields):
    answer = urllib.request.urlopen(urllib.request.Request(f"{URL}/v3/lease/{page}", json.dumps(fields).encode()), timeout=5)
    return answer.status, json.load(answer)
P
cat >seen.py <<'P'
import sys, time
from etcd import ask, start

etcd = start()
try:
    lease = ask("grant", TTL=60)[1]["ID"]
    deadline = time.monotonic() + 30
    # Until some of its time has passed, as etcd itself counts it.
    while (before := int(ask("timetolive", ID=lease)[1]["TTL"])) > 55 and time.monotonic() < deadline:
        time.sleep(0.2)
    etcd.kill()
    etcd.wait()
    etcd = start()
    after = int(ask("timetolive", ID=lease)[1]["TTL"])
finally:
    etcd.kill()
    etcd.wait()
if before > 55 or after < 58:
    sys.exit(f"changed: {before} s were left before the restart, {after} s after it")
print(f"seen: of a lease of 60 s {before} s were left before the restart, and {after} s after it")
P
timeout 90 python3 seen.py
