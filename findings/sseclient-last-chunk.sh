#!/usr/bin/env bash
# The client for server-sent events on PyPI (sseclient 0.0.27) hands the end of a chunked answer out as an event.
#
# One would guess: a reader on top of requests sees the body without its framing, so a stream that a server ends cleanly ends there, and the next
# thing that its user gets comes after the reconnect.
# Seen: it reads below the decoding of chunks. The last chunk is "0" and an empty line, so its user gets one more event, which is empty, for each
# clean end; the events before it come whole, because lines that are no field are passed over.
# Why it matters here: the registry ends streams cleanly when it stops and when a credential runs out. An event without data is no news of ours, and
# a test that counts what this client gets has to leave such events out.
set -euo pipefail
readonly packages=(sseclient==0.0.27 requests==2.32.5)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"
timeout 30 "$folder/venv/bin/python" - <<'P'
import http.server, itertools, sys, threading
import sseclient

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    is_chunked = True

    def do_GET(self):
        body = b"id: 1\ndata: one\n\n"
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        if self.is_chunked:
            self.send_header("Transfer-Encoding", "chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()

def events(is_chunked):
    Handler.is_chunked = is_chunked
    client = sseclient.SSEClient(f"http://127.0.0.1:{server.server_port}/", retry=10)
    return [event.data for event in itertools.islice(client, 4)]

chunked, plain = events(True), events(False)
if chunked == ["one", "", "one", ""] and plain == ["one"] * 4:
    print(f"seen: four events of streams that end after each are {chunked} with chunks, {plain} without")
else:
    print(f"changed: with chunks {chunked}, without {plain}")
    sys.exit(1)
P
