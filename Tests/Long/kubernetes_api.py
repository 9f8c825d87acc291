#!/usr/bin/env python3
"""A small API server of Kubernetes, as far as readers of EndpointSlices and pods see one: lists in pages, watches with bookmarks, a history that
is forgotten, and what goes wrong.

Usage: kubernetes_api.py [--port PORT] [--port_file PATH] [--token TOKEN] [--slices N [--endpoints N]]

It has a service of its own to show; with --slices it has so many instead, each of another service, web-00000 and so on.

Objects are written as with the real one: PUT and DELETE on .../namespaces/NS/endpointslices/NAME (or pods). Beside that:

  POST /faults?kind=KIND&count=N    the next N requests of a collection are answered so, all until they are cleared if N is 0; KIND is one of
                                    FAULTS below; namespace=NS has only requests of this namespace answered so
  DELETE /faults                    no fault any more; what is held ends
  POST /compact                     forget the history: older versions are answered 410
  POST /bookmark                    send a bookmark to each watch
  POST /end                         end each watch, as a server that shuts down does
"""

import argparse
import bisect
import contextlib
import copy
import gzip
import http.server
import json
import os
import re
import socket
import ssl
import threading
import time
import urllib.parse

PATH = re.compile(
    r"^/(?P<group>api/v1|apis/discovery\.k8s\.io/v1)(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>pods|endpointslices)(?:/(?P<name>[^/]+))?$")
KINDS = {"pods": ("v1", "Pod"), "endpointslices": ("discovery.k8s.io/v1", "EndpointSlice")}
GROUPS = {"pods": "api/v1", "endpointslices": "apis/discovery.k8s.io/v1"}
# A status of HTTP. error-N: an ERROR event within a stream. html: a page with 200. redirect: to another host. half: a document that is half there,
# with a length that is right. cut: the connection ends within an object. silent: a head, and then nothing. quiet: a bookmark, and then nothing. mute: not even a head. slow: a byte now
# and then. endless: white space without an end. bytes: each byte is a chunk. long: an object that is longer than any. deep: arrays in arrays.
# none: nothing does. unknown: events of unknown kinds, of objects that nobody has, and without a version. back: an event of a version before those that were sent.
FAULTS = ["none", "401", "403", "404", "410", "429", "500", "503", "504", "error-410", "error-429", "error-500", "html", "redirect", "half", "cut", "silent", "quiet", "mute",
          "slow", "endless", "bytes", "long", "deep", "unknown", "back"]
LONG_BYTES = 4 << 20
DEPTH = 100_000
SLOW_SECONDS = 0.2
BOOKMARK_SECONDS = 60
GZIP_BYTES = 128 << 10


def status(code, reason):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": reason, "reason": reason, "code": code}


class Store:
    """Objects by version, and the events that made them. Safe to use from any thread."""

    def __init__(self):
        self.changed = threading.Condition(threading.RLock())
        self.version = 100
        self.forgotten = 0
        self.objects = {"pods": {}, "endpointslices": {}}
        self.events = []
        self.bookmarks = 0
        # Each as [kind, how often, namespace]; 0 is without an end, None any namespace.
        self.faults = []
        # Counts what ends streams, and answers that a fault holds.
        self.ends = 0
        # Queries of lists and watches, as they came.
        self.lists, self.watches = [], []
        # What each list is answered with; None is what there is.
        self.canned = None

    def put(self, plural, namespace, name, body):
        with self.changed:
            self.version += 1
            known = (namespace, name) in self.objects[plural]
            body = copy.deepcopy(body)
            body["metadata"] = {**(body.get("metadata") or {}), "namespace": namespace, "name": name, "resourceVersion": str(self.version)}
            body.pop("kind", None), body.pop("apiVersion", None)
            self.objects[plural][namespace, name] = body
            self._tell(plural, "MODIFIED" if known else "ADDED", body)
            return body, known

    def delete(self, plural, namespace, name):
        with self.changed:
            body = self.objects[plural].pop((namespace, name), None)
            if body is None:
                return None
            self.version += 1
            body = copy.deepcopy(body)
            body["metadata"]["resourceVersion"] = str(self.version)
            self._tell(plural, "DELETED", body)
            return body

    def _tell(self, plural, change, body):
        version, kind = KINDS[plural]
        self.events.append((self.version, plural, change, {"kind": kind, "apiVersion": version, **body}))
        self.changed.notify_all()

    def compact(self):
        with self.changed:
            self.forgotten = self.version
            self.events = []
            self.changed.notify_all()

    def take_fault(self, namespace):
        with self.changed:
            for fault in self.faults:
                if fault[2] in (None, namespace):
                    fault[1] -= 1
                    if fault[1] == 0:
                        self.faults.remove(fault)
                    return fault[0]
            return None

    def fail(self, kind, count=0, namespace=None):
        """Has the next requests answered so; all of them if `count` is 0."""
        assert kind in FAULTS, kind
        with self.changed:
            self.faults.append([kind, count, namespace])

    def heal(self):
        with self.changed:
            self.faults.clear()
            self.end()

    def end(self):
        """Ends all streams, and what is held."""
        with self.changed:
            self.ends += 1
            self.changed.notify_all()

    def bookmark(self):
        with self.changed:
            self.bookmarks += 1
            self.changed.notify_all()

    def wait_for_end(self, ends, seconds):
        """Whether streams that began at `ends` are to end, within so many seconds."""
        with self.changed:
            return self.changed.wait_for(lambda: self.ends != ends, seconds)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without this each chunk of a watch waits for the acknowledgment of the last.
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        place, query = self._parse()
        if place is None or place["name"]:
            return self._answer(404, status(404, "NotFound"))
        token = self.server.token
        self.server.credentials.add(self.headers.get("Authorization"))
        if token and self.headers.get("Authorization") != f"Bearer {token}":
            return self._answer(401, status(401, "Unauthorized"))
        store = self.server.store
        is_watch = query.get("watch") in ("true", "1")
        with store.changed:
            (store.watches if is_watch else store.lists).append(query)
        fault, ends = store.take_fault(place["namespace"]), store.ends
        if fault and fault.isdigit():
            return self._answer(int(fault), status(int(fault), "Expired" if fault == "410" else "Fault"), {"Retry-After": "1"} if fault == "429" else {})
        try:
            if fault in self.MISBEHAVIOURS:
                self.close_connection = True
                return self.MISBEHAVIOURS[fault](self, ends)
            return self._watch(place, query, fault, ends) if is_watch else self._list(place, query, fault)
        except OSError:
            self.close_connection = True

    # MARK: - What goes wrong

    def _html(self, _):
        self._answer(200, b"<html><body>Sign in</body></html>", {"Content-Type": "text/html"})

    def _redirect(self, _):
        self._answer(302, {}, {"Location": "http://192.0.2.1" + self.path})

    def _half(self, _):
        self._answer(200, b'{"kind":"EndpointSliceList","apiVersion":"discovery.k8s.io/v1","metadata":{"resourceVersion":"1"},"items":[{"metad')

    def _cut(self, _):
        self._stream()
        self._chunk(b'{"type":"ADDED","object":{"metadata":{"na')

    def _silent(self, ends):
        self._stream()
        self.server.store.wait_for_end(ends, None)

    def _quiet(self, ends):
        store = self.server.store
        self._stream()
        with store.changed:
            version = store.version
        self._chunk(json.dumps({"type": "BOOKMARK", "object": {"kind": "EndpointSlice", "metadata": {"resourceVersion": str(version)}}}).encode() + b"\n")
        store.wait_for_end(ends, None)

    def _mute(self, ends):
        self.server.store.wait_for_end(ends, None)

    def _slow(self, ends):
        self._stream()
        for byte in b'{"kind":"EndpointSliceList","metadata":' + b" " * 100_000:
            self._chunk(bytes([byte]))
            if self.server.store.wait_for_end(ends, SLOW_SECONDS):
                return

    def _endless(self, ends):
        self._stream()
        self._chunk(b'{"kind":"EndpointSliceList"')
        while self.server.store.ends == ends:
            self._chunk(b" " * 65_536)

    def _long(self, _):
        self._stream()
        self._chunk(b'{"kind":"EndpointSliceList","items":[{"metadata":{"name":"' + b"x" * LONG_BYTES)

    def _deep(self, _):
        self._stream()
        self._chunk(b'{"kind":"EndpointSliceList","items":[{"metadata":' + b"[" * DEPTH + b"]" * DEPTH + b"}]}")
        self.wfile.write(b"0\r\n\r\n")

    MISBEHAVIOURS = {"html": _html, "redirect": _redirect, "half": _half, "cut": _cut, "silent": _silent, "quiet": _quiet, "mute": _mute, "slow": _slow,
                     "endless": _endless, "long": _long, "deep": _deep}

    # MARK: - What goes well

    def do_PUT(self):
        place, _ = self._parse()
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if place is None or not place["name"] or not place["namespace"]:
            return self._answer(404, status(404, "NotFound"))
        written, known = self.server.store.put(place["plural"], place["namespace"], place["name"], body)
        self._answer(200 if known else 201, written)

    def do_DELETE(self):
        if self.path == "/faults":
            self.server.store.heal()
            return self._answer(200, {})
        place, _ = self._parse()
        body = self.server.store.delete(place["plural"], place["namespace"], place["name"]) if place and place["name"] else None
        self._answer(*((200, body) if body else (404, status(404, "NotFound"))))

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        store = self.server.store
        if url.path == "/faults" and query.get("kind") in FAULTS:
            store.fail(query["kind"], int(query.get("count", 1)), query.get("namespace"))
        elif url.path == "/compact":
            store.compact()
        elif url.path == "/bookmark":
            store.bookmark()
        elif url.path == "/end":
            store.end()
        else:
            return self._answer(404, status(404, "NotFound"))
        self._answer(200, {})

    def _parse(self):
        url = urllib.parse.urlsplit(self.path)
        match = PATH.match(url.path)
        place = match.groupdict() if match else None
        if place and GROUPS[place["plural"]] != place["group"]:
            place = None
        return place, dict(urllib.parse.parse_qsl(url.query))

    def _answer(self, code, body, fields=None):
        data = body if isinstance(body, bytes) else json.dumps(body).encode() + b"\n"
        self.send_response(code)
        for name, value in {"Content-Type": "application/json", **(fields or {})}.items():
            self.send_header(name, value)
        # As the real one, which compresses what is long.
        if len(data) > GZIP_BYTES and "gzip" in self.headers.get("Accept-Encoding", ""):
            data = gzip.compress(data, 1)
            self.server.compressed += 1
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _list(self, place, query, fault):
        store = self.server.store
        if store.canned:
            return self._answer(200, store.canned)
        version, kind = KINDS[place["plural"]]
        with store.changed:
            items = [o for (ns, _), o in sorted(store.objects[place["plural"]].items()) if place["namespace"] in (None, ns)]
            now, begin = store.version, 0
            if "continue" in query:
                taken, begin = map(int, query["continue"].split("."))
                if taken < store.forgotten:
                    return self._answer(410, status(410, "Expired"))
                now = taken
        # As from a cache, which knows no pages.
        size = int(query.get("limit", 0)) if query.get("resourceVersion") != "0" else 0
        page = items[begin:begin + size] if size else items[begin:]
        metadata = {"resourceVersion": str(now)}
        if begin + len(page) < len(items):
            metadata["continue"] = f"{now}.{begin + len(page)}"
        if "PartialObjectMetadata" in self.headers.get("Accept", ""):
            version, kind = "meta.k8s.io/v1", "PartialObjectMetadata"
            page = [{"metadata": item["metadata"]} for item in page]
        body = {"kind": f"{kind}List", "apiVersion": version, "metadata": metadata, "items": page}
        if fault != "bytes":
            return self._answer(200, body)
        self._stream()
        self._send(body, 1)
        self.wfile.write(b"0\r\n\r\n")

    def _watch(self, place, query, fault, ends):
        store = self.server.store
        since = int(query.get("resourceVersion") or 0)
        if since < store.forgotten:
            return self._answer(410, status(410, "Expired"))
        self._stream()
        if fault and fault.startswith("error-"):
            code = int(fault[6:])
            self._send({"type": "ERROR", "object": status(code, "Expired" if code == 410 else "Fault")})
        else:
            if fault == "unknown":
                version, kind = KINDS[place["plural"]]
                self._send({"type": "RENAMED", "object": {"metadata": {"name": "x"}}})
                self._send({"type": "DELETED", "object": {"kind": kind, "apiVersion": version, "metadata": {"namespace": "default", "name": "nobody"}}})
            elif fault == "back":
                self._send({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(since - 1)}}})
            self._follow(place, query, since, 1 if fault == "bytes" else None, ends)
        self.wfile.write(b"0\r\n\r\n")

    def _stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _follow(self, place, query, since, piece, ends):
        store = self.server.store
        partial = "PartialObjectMetadata" in self.headers.get("Accept", "")
        version, kind = KINDS[place["plural"]]
        deadline = time.monotonic() + float(query.get("timeoutSeconds", 1800))
        bookmarked, marks = time.monotonic(), store.bookmarks
        while True:
            with store.changed:
                forgotten = since < store.forgotten
                begin = bisect.bisect_right(store.events, since, key=lambda event: event[0])
                new = [event for event in store.events[begin:] if event[1] == place["plural"]]
                if ends != store.ends:
                    return None
                if not new and not forgotten and marks == store.bookmarks:
                    rest = min(deadline, bookmarked + BOOKMARK_SECONDS) - time.monotonic()
                    if rest > 0:
                        store.changed.wait(rest)
                        continue
                marks, now = store.bookmarks, store.version
            if forgotten:
                return self._send({"type": "ERROR", "object": status(410, "Expired")})
            for at, _, change, body in new:
                since = at
                if place["namespace"] in (None, body["metadata"]["namespace"]):
                    if partial:
                        body = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": body["metadata"]}
                    self._send({"type": change, "object": body}, piece)
            if not new and query.get("allowWatchBookmarks") == "true":
                since, bookmarked = now, time.monotonic()
                self._send({"type": "BOOKMARK", "object": {"kind": kind, "apiVersion": version, "metadata": {"resourceVersion": str(now)}}}, piece)
            if time.monotonic() >= deadline:
                return None

    def _send(self, event, piece=None):
        data = json.dumps(event).encode() + b"\n"
        for begin in range(0, len(data), piece or len(data)):
            self._chunk(data[begin:begin + (piece or len(data))])

    def _chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    # Python's own makes a client that comes sixth wait for a second.
    request_queue_size = 128

    def __init__(self, port=0, token=None, store=None, certificate=None):
        """`certificate` is a file with a certificate and its key: then it speaks TLS."""
        super().__init__(("127.0.0.1", port), Handler)
        self.token = token
        # All that requests have brought as Authorization, None included.
        self.credentials = set()
        self.store = store or Store()
        self.connections = set()
        # Answers that were.
        self.compressed = 0
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate)

    def finish_request(self, request, client_address):
        # In the client's own thread: a handshake takes as long as the client likes.
        if self.context:
            request = self.context.wrap_socket(request, server_side=True)
        with self.store.changed:
            self.connections.add(request)
        try:
            super().finish_request(request, client_address)
        finally:
            with self.store.changed:
                self.connections.discard(request)

    def handle_error(self, request, client_address):
        """Clients that go away, or do not trust the certificate, are nothing unusual."""

    def start(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def stop(self):
        """Ends it, its connections included."""
        self.shutdown()
        self.server_close()
        with self.store.changed:
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self.store.end()

    @property
    def url(self):
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.server_port}"


def address_of(number):
    """The address of a pod, another one for each number up to 16 million."""
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def slice_of(service, addresses, port=9080, pods=None):
    """An EndpointSlice of ready endpoints."""
    endpoints = [{"addresses": [address], "conditions": {"ready": True, "serving": True, "terminating": False}, "zone": "zone-a"} for address in addresses]
    for endpoint, pod in zip(endpoints, pods or []):
        endpoint["targetRef"] = {"kind": "Pod", "name": pod}
    return {"metadata": {"labels": {"kubernetes.io/service-name": service}}, "addressType": "IPv4", "endpoints": endpoints,
            "ports": [{"name": "http", "port": port, "protocol": "TCP"}]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port_file")
    parser.add_argument("--token")
    parser.add_argument("--slices", type=int, default=0)
    parser.add_argument("--endpoints", type=int, default=5)
    options = parser.parse_args()
    server = Server(options.port, options.token)
    put = server.store.put
    for number in range(options.slices):
        addresses = [address_of(number * options.endpoints + place) for place in range(options.endpoints)]
        put("endpointslices", "default", f"web-{number:05}-a", slice_of(f"web-{number:05}", addresses))
    if options.slices:
        # The history of a server that runs for long, which begins behind all this.
        server.store.compact()
    else:
        put("endpointslices", "default", "reviews-x7k2p", slice_of("reviews", ["10.1.0.4", "10.1.0.5"], pods=["reviews-v1-a", "reviews-v2-b"]))
        put("pods", "default", "reviews-v1-a", {"metadata": {"labels": {"app": "reviews", "version": "v1"}}})
        put("pods", "default", "reviews-v2-b", {"metadata": {"labels": {"app": "reviews", "version": "v2"}}})
    if options.port_file:
        with open(options.port_file + ".new", "w") as file:
            file.write(f"api {server.server_port}\n")
        os.rename(options.port_file + ".new", options.port_file)
    print(f"an API server of Kubernetes on {server.url}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
