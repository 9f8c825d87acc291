#!/usr/bin/env bash
# Kubernetes' own client for Python (kubernetes 37.0.2) takes lines that are no JSON for events, hands out None for each, and asks again at once.
#
# One would guess: a watch that is answered with a page of HTML and status 200, as a proxy does that wants a sign-in, raises an exception; and an
# event is a JSON value, as client-go reads it, wherever its server breaks lines.
# Seen: Watch.stream yields None for each line of the page, without an exception, and asks again without a pause, hundreds of times a second. An
# event that is written on several lines is None for each of them, and never an event.
# Why it matters here: the registry reads the same API. It decodes values and not lines, asks for JSON by Content-Type, says what it was answered, and
# waits longer after each failure; and the API server of its tests must write each event on a line, or this client checks nothing.
set -euo pipefail
readonly package=kubernetes==37.0.2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "$package"
"$folder/venv/bin/python" - <<'P'
import http.server, json, sys, threading, time
from kubernetes import client, watch

PAGE = b"<html>\n<body>Sign in</body>\n</html>\n"
EVENT = json.dumps({"type": "ADDED", "object": {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a", "resourceVersion": "7"}}}, indent=1).encode() + b"\n"
asked = []

class Handler(http.server.BaseHTTPRequestHandler):
    body, type = PAGE, "text/html"
    def do_GET(self):
        asked.append(time.monotonic())
        self.send_response(200)
        self.send_header("Content-Type", self.type)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)
    def log_message(self, *arguments): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
api = client.CoreV1Api(client.ApiClient(client.Configuration(host=f"http://127.0.0.1:{server.server_port}")))

def watched(count):
    """The first so many things that a watch hands out."""
    seen, watching = [], watch.Watch()
    for event in watching.stream(api.list_pod_for_all_namespaces, resource_version="5"):
        seen.append(event)
        if len(seen) == count:
            return seen
    return seen

page = watched(300)
rate = (len(asked) - 1) / (asked[-1] - asked[0])
Handler.body, Handler.type = EVENT, "application/json"
event = watched(len(EVENT.splitlines()))
if page == [None] * 300 and len(asked) >= 100 and rate > 20 and event == [None] * len(event):
    print(f"seen: a page of HTML is {len(page)} events that are None, asked for again at once ({rate:.0f} times a second); an event of several lines is none")
else:
    print(f"changed: a page gave {page[:3]}…, asked {len(asked)} times, {rate:.0f} a second; an event of several lines gave {event[:3]}…")
    sys.exit(1)
P
