#!/usr/bin/env bash
# etcd 3.4.23 (Debian 12) answers a keep-alive for a lease that it does not have with 200, and grants a longer lease than one asks for.
#
# One would guess: a heartbeat for a lease that has run out, or was never granted, is an error (404, say), as asking for a key's lease that is not there is
# in a command; and a lease of 1 s is one of 1 s, or refused.
# Seen: the answer is 200 with the id that was asked for, and without the field TTL; an answer for a lease that lives has the field. A lease of 1 s is
# granted for 2 s, since none is shorter than one and a half election timeouts; the answer says so.
# Why it matters here: a program that was written for etcd takes each 200 for a renewed lease unless it looks into the body. Against this registry, which
# answers 410, it has to register again at a status that it has never seen; and whoever compares the two with short leases compares different times.
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
import sys
from etcd import ask, start

etcd = start()
try:
    granted = ask("grant", TTL=1)[1]["TTL"]
    lease = ask("grant", TTL=60)[1]["ID"]
    known, unknown = ask("keepalive", ID=lease), ask("keepalive", ID="12345")
finally:
    etcd.kill()
    etcd.wait()
as_told = (granted == "2" and known[0] == unknown[0] == 200 and known[1]["result"]["TTL"] == "60"
           and unknown[1]["result"]["ID"] == "12345" and "TTL" not in unknown[1]["result"])
if not as_told:
    sys.exit(f"changed: {granted}, {known}, {unknown}")
print("seen: a keep-alive for an unknown lease is 200 without TTL, and a lease of 1 s is granted for 2 s")
P
timeout 60 python3 seen.py
