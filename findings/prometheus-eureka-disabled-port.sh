#!/usr/bin/env bash
# Prometheus (2.42.0 of Debian 12) scrapes an instance that it finds by Eureka at its plain port, also when that port is disabled and only the secure one
# is enabled, and whatever its status.
#
# One would guess: `port` with `enabled="false"` beside an enabled `securePort` gives `https` and the secure port, as Eureka's own clients choose; and an
# instance that is DOWN or OUT_OF_SERVICE is no target, as for every client of Eureka.
# Seen: the target is host and plain port for each. That the port is disabled, that the secure one is not, and the status are labels only, whose names
# begin with `__meta_eureka_app_instance_`.
# Why it matters here: an HTTPS-only deployment that changes from Eureka's server to this one keeps targets that nobody listens at, and a drained instance
# stays a target until it has gone. Rules with those labels cure both, or the registry's own page for monitors, which has the right port.
set -euo pipefail
readonly version=2.42.0+ds-5+deb12u1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
chmod 777 .
timeout 120 apt-get download -q "prometheus=$version" >/dev/null 2>&1
dpkg -x prometheus_*.deb .
timeout 60 python3 - "$folder" <<'P'
import http.server, json, pathlib, subprocess, sys, threading

folder = pathlib.Path(sys.argv[1])

def instance(name, status, port, secure):
    return (f'<instance><instanceId>{name}</instanceId><hostName>{name}.test</hostName><app>A</app><ipAddr>192.0.2.1</ipAddr><status>{status}</status>'
            f'<port enabled="{port}">8080</port><securePort enabled="{secure}">8443</securePort><countryId>1</countryId>'
            '<dataCenterInfo class="com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"><name>MyOwn</name></dataCenterInfo><metadata/>'
            '<vipAddress>a</vipAddress></instance>')

body = ("<applications><versions__delta>1</versions__delta><apps__hashcode>UP_2_OUT_OF_SERVICE_1_</apps__hashcode><application><name>A</name>"
        + instance("plain", "UP", "true", "false") + instance("secure", "UP", "false", "true") + instance("out", "OUT_OF_SERVICE", "true", "false")
        + "</application></applications>").encode()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
configuration = {"scrape_configs": [{"job_name": "a", "eureka_sd_configs": [{"server": f"http://127.0.0.1:{server.server_port}/eureka"}]}]}
(folder / "prometheus.yml").write_text(json.dumps(configuration))
found = subprocess.run([folder / "usr/bin/promtool", "check", "service-discovery", "--timeout=5s", folder / "prometheus.yml", "a"],
                       capture_output=True, text=True, timeout=50, check=True)
addresses = sorted(target["labels"]["__address__"] for target in json.loads(found.stdout))
if addresses != ["out.test:8080", "plain.test:8080", "secure.test:8080"]:
    sys.exit(f"changed: {addresses}")
print("seen: the instance with 8443 alone enabled is scraped at 8080, and one that is out of service too")
P
