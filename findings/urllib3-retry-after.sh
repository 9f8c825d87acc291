#!/usr/bin/env bash
# urllib3 2.8.0 sends a PUT that was refused with 503 again by itself, if the answer has Retry-After, and sleeps for it each time.
#
# One would guess: a client that was told nothing about retries repeats what failed on the way, and gives an answer, whatever its status, to its caller:
# the list of statuses for which it retries (`status_forcelist`) is empty by default, and a 503 without Retry-After is indeed handed over at once.
# Seen: with Retry-After, 413, 429 and 503 are on another list, which is not empty. GET, PUT and DELETE are sent three times more, after sleeping as long
# as the header says, and only then is the caller given the 503. POST is not repeated.
# Why it matters here: the registry answers 429 and 503 with Retry-After. A heartbeat of such a client that is refused blocks its thread for three times
# that long, and a member that sheds load is asked four times for one heartbeat. So the times that Retry-After names have to be short, below the TTLs that
# instances use, and a registration (POST) has to be retried by whoever sent it.
set -euo pipefail
readonly package=urllib3==2.8.0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "$package"
timeout 60 "$folder/venv/bin/python" - <<'P'
import http.server, sys, threading, time
import urllib3

requests = []

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        requests.append(self.command)
        self.send_response(503)
        if self.path == "/with":
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_PUT = do_POST = answer
    def log_message(self, *_): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
pool = urllib3.PoolManager()

def seen(method, path):
    """The status that the caller gets, how many requests came, and how many whole seconds it took."""
    requests.clear()
    start = time.monotonic()
    status = pool.request(method, f"http://127.0.0.1:{server.server_port}{path}").status
    return status, len(requests), int(time.monotonic() - start)

outcomes = {(method, path): seen(method, path) for method in ("PUT", "POST") for path in ("/with", "/without")}
expected = {("PUT", "/with"): (503, 4, 3), ("PUT", "/without"): (503, 1, 0), ("POST", "/with"): (503, 1, 0), ("POST", "/without"): (503, 1, 0)}
if outcomes != expected:
    sys.exit(f"changed: {outcomes}")
print("seen: a PUT that is refused with Retry-After: 1 is sent 4 times in 3 s; one without it, and a POST, once")
P
