#!/usr/bin/env bash
# flask-eureka-client 1.0.2 registers every instance with an enabled secure port 443, whether anything listens there or not.
#
# One would guess: a client of Eureka says `"securePort": {"@enabled": "true"}` where it serves HTTPS, so a server that knows both ports hands out the
# secure one.
# Seen: a client that was given port 9090, and nothing about TLS, registers 9090 and 443, both enabled.
# Why it matters here: the original registry made the endpoint of the secure port where that was enabled, and so sent the clients of these services to a
# port that is closed. The endpoint is made of `port` where that is enabled, and of the secure one only where it alone is.
set -euo pipefail
readonly version=1.0.2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "flask-eureka-client==$version"

seen=$("$folder/venv/bin/python" - <<'P'
import http.server, json, threading
from flask_eureka.eurekaclient import EurekaClient

bodies, come = [], threading.Event()
class Eureka(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()
        come.set()
    def log_message(self, *arguments): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Eureka)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = EurekaClient("app", eureka_url=f"http://127.0.0.1:{server.server_port}/", host_name="127.0.0.1", port=9090, heartbeat_interval=3600,
    data_center="MyOwn", service_path="eureka/apps")
threading.Thread(target=client.start, daemon=True).start()
assert come.wait(30), "it has not registered"
instance = bodies[0]["instance"]
print(*(f"{name} {port['$']} {str(port['@enabled']).lower()}" for name, port in ((n, instance[n]) for n in ("port", "securePort"))))
import os, sys
sys.stdout.flush()
os._exit(0)
P
)
if [ "$seen" = "port 9090 true securePort 443 true" ]; then
    echo "seen: flask-eureka-client enables a secure port that nobody has asked for"
else
    echo "changed: $seen"
    exit 1
fi
