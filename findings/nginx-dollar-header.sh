#!/usr/bin/env bash
# nginx 1.22.1 (Debian 12) silently drops request fields whose name holds a dollar sign.
#
# One would guess: `$` is a legal character of a field name (RFC 9110, tchar), so a proxy passes `$WSSC: https`, which WebSphere's plug-in and
# the load balancers that imitate it add, on to the server behind it like any other field; at most names with an underscore are known to be lost.
# Seen: the server behind nginx gets every other field and never this one, without an error page and without a line in the log at its default level.
# With `ignore_invalid_headers off` in the server block it arrives.
# Why it matters here: the registry takes `$WSSC: https` from trusted proxies as "the client used TLS". Behind nginx in its default state the field never
# arrives, so a registry that requires HTTPS redirects for ever; nginx has to set X-Forwarded-Proto instead.
set -euo pipefail
readonly package=nginx=1.22.1-9+deb12u11
folder=$(mktemp -d)
pids=()
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q "$package" >/dev/null 2>&1
dpkg -x nginx_*.deb root

# A server that answers with the names of the fields it was sent.
cat >server.py <<'P'
import http.server
class Names(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = (" ".join(sorted(name.lower() for name in self.headers)) + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Names)
print(server.server_port, flush=True)
server.serve_forever()
P
exec 3< <(exec python3 server.py)
pids+=($!)
read -r -t 10 behind <&3
free() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

ask() {  # ask DIRECTIVE: the names that arrive behind an nginx with this in its server block
    local port state
    port=$(free)
    state=$(mktemp -d -p "$folder")
    cat >"$state/nginx.conf" <<N
daemon off; pid $state/pid; error_log $state/error.log;
events {}
http { access_log off;
  client_body_temp_path $state/a; proxy_temp_path $state/b; fastcgi_temp_path $state/c; uwsgi_temp_path $state/d; scgi_temp_path $state/e;
  server { listen 127.0.0.1:$port; $1 location / { proxy_pass http://127.0.0.1:$behind; } } }
N
    root/usr/sbin/nginx -e "$state/error.log" -c "$state/nginx.conf" >/dev/null 2>&1 3<&- &
    pids+=($!)
    curl -s --retry 50 --retry-connrefused --retry-delay 0 --retry-max-time 10 -H '$WSSC: https' -H 'X-Plain: 1' "http://127.0.0.1:$port/"
    if [ -s "$state/error.log" ]; then echo "logged"; fi
}

default=$(ask '')
allowed=$(ask 'ignore_invalid_headers off;')
case $default in *x-plain*) ;; *) echo "nothing arrived: $default"; exit 1 ;; esac
if [[ $default != *'$wssc'* && $default != *logged* && $allowed == *'$wssc'* ]]; then
    echo 'seen: nginx drops $WSSC without a word, and passes it on with ignore_invalid_headers off'
else
    echo "changed: by default '$default', with ignore_invalid_headers off '$allowed'"
    exit 1
fi
