#!/usr/bin/env bash
# Prometheus (2.42.0 of Debian 12) sends a token for http_sd_configs without the word Bearer, unless the configuration has it.
#
# One would guess: `authorization: {credentials: T}` is `Authorization: Bearer T`, because the documentation gives Bearer as the default of `type`,
# and scrapes with the same lines send it.
# Seen: the HTTP service discovery sends `Authorization: T` then; with `type: Bearer` beside it, it sends what one would guess.
# Why it matters here: a registry with tokens would answer such a monitor 401 and keep its targets as they were, with one line in Prometheus' log. The
# registry's page on Prometheus writes the type out.
set -euo pipefail
readonly version=2.42.0+ds-5+deb12u1
folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
cd "$folder"
chmod 777 .
apt-get download -q "prometheus=$version" >/dev/null 2>&1
dpkg -x prometheus_*.deb .
python3 - "$folder" <<'P'
import http.server, json, pathlib, socket, subprocess, sys, threading, time

folder = pathlib.Path(sys.argv[1])
asked, came = {}, threading.Condition()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with came:
            asked[self.path] = self.headers.get("Authorization")
            came.notify_all()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"[]")
    def log_message(self, *_): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
jobs = {"/without": {"credentials": "token"}, "/with": {"type": "Bearer", "credentials": "token"}}
configuration = {"scrape_configs": [{"job_name": path[1:], "http_sd_configs": [
    {"url": f"http://127.0.0.1:{server.server_port}{path}", "refresh_interval": "1s", "authorization": authorization}]} for path, authorization in jobs.items()]}
(folder / "prometheus.yml").write_text(json.dumps(configuration))
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
prometheus = subprocess.Popen([folder / "usr/bin/prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                               f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
try:
    with came:
        there = came.wait_for(lambda: len(asked) == len(jobs), 60)
finally:
    prometheus.terminate()
    prometheus.wait()
if there and asked == {"/without": "token", "/with": "Bearer token"}:
    print(f"seen: Authorization is {asked['/without']!r} without a type, {asked['/with']!r} with type: Bearer")
else:
    print(f"changed: {asked}")
    sys.exit(1)
P
