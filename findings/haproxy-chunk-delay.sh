#!/usr/bin/env bash
# haproxy 2.6.12 (Debian 12) hands on each chunk of a streamed answer a fifth of a second late.
#
# One would guess: a proxy that does not buffer answers passes each chunk on as it comes, so that server-sent events are as fast through it as without it;
# nothing in a usual configuration names a delay, and the kernel's own (TCP_NODELAY) is off.
# Seen: as long as the answer's last chunk has not come, haproxy tells the kernel that more will follow (MSG_MORE), and Linux keeps what does not fill a
# packet for 200 ms. An event takes 200 ms; with `option http-no-delay` a few milliseconds.
# Why it matters here: the registry delivers a change within milliseconds. Behind haproxy watchers learn of it 200 ms later, by streams, while those of
# long polls, whose answers end, notice nothing. The shipped configuration and the page on proxies have the option.
set -euo pipefail
readonly package=haproxy=2.6.12-1+deb12u4
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
timeout 120 apt-get download -q "$package" >/dev/null 2>&1
dpkg -x haproxy_*.deb root
cat >seen.py <<'P'
import http.client, http.server, socket, subprocess, sys, threading, time

sent = []

class Stream(http.server.BaseHTTPRequestHandler):
    """Ten chunks, half a second apart, whose times are kept."""

    protocol_version = "HTTP/1.1"
    wbufsize = 0

    def do_GET(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(10):
            time.sleep(0.5)
            sent.append(time.monotonic())
            self.wfile.write(b"6\r\nevent\n\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stream)
threading.Thread(target=server.serve_forever, daemon=True).start()

def median(option):
    """How long events take by way of a haproxy with this option, in milliseconds."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with open("haproxy.cfg", "w") as file:
        file.write(f"""defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s
listen all
    bind 127.0.0.1:{port}
    {option}
    server one 127.0.0.1:{server.server_port}
""")
    haproxy = subprocess.Popen(["root/usr/sbin/haproxy", "-db", "-f", "haproxy.cfg"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    sys.exit("haproxy does not answer")
                time.sleep(0.05)
        sent.clear()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/")
        answer = connection.getresponse()
        took = sorted((time.monotonic() - sent[number]) * 1000 for number in range(10) if answer.readline() == b"event\n")
        return took[5]
    finally:
        haproxy.kill()
        haproxy.wait()

usual, undelayed = median(""), median("option http-no-delay")
if 150 < usual < 400 and undelayed < 50:
    print(f"seen: an event takes {usual:.0f} ms by way of haproxy, {undelayed:.0f} ms with option http-no-delay")
else:
    sys.exit(f"changed: {usual:.0f} ms, and {undelayed:.0f} ms with option http-no-delay")
P
timeout 60 python3 seen.py
