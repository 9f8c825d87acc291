#!/usr/bin/env python3
"""A small API server of Kubernetes, as far as readers of EndpointSlices and pods see one: lists in pages, watches with bookmarks, a history that
is forgotten, and what goes wrong.

Usage: kubernetes_api.py [--port PORT] [--port-file PATH] [--token TOKEN]

Objects are written as with the real one: PUT and DELETE on .../namespaces/NS/endpointslices/NAME (or pods). Beside that:

  POST /faults?kind=KIND&count=N    the next N requests of a collection answer so; KIND is one of FAULTS below
  POST /compact                     forget the history: older versions are answered 410
  POST /bookmark                    send a bookmark to each watch
"""

import argparse
import copy
import http.server
import json
import os
import re
import threading
import time
import urllib.parse

PATH = re.compile(
    r"^/(?P<group>api/v1|apis/discovery\.k8s\.io/v1)(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>pods|endpointslices)(?:/(?P<name>[^/]+))?$")
KINDS = {"pods": ("v1", "Pod"), "endpointslices": ("discovery.k8s.io/v1", "EndpointSlice")}
GROUPS = {"pods": "api/v1", "endpointslices": "apis/discovery.k8s.io/v1"}
# A status of HTTP; error-N: an ERROR event within a stream; html: a page with 200; cut: the stream ends within an object; silent: a head, and
# then nothing; bytes: each byte is a chunk.
FAULTS = ["401", "403", "404", "410", "429", "500", "503", "error-410", "error-429", "error-500", "html", "cut", "silent", "bytes"]
BOOKMARK_SECONDS = 60


def status(code, reason):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": reason, "reason": reason, "code": code}


class Store:
    """Objects by version, and the events that made them. Safe to use from any thread."""

    def __init__(self):
        self.changed = threading.Condition()
        self.version = 100
        self.forgotten = 0
        self.objects = {"pods": {}, "endpointslices": {}}
        self.events = []
        self.bookmarks = 0
        self.faults = []

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

    def take_fault(self):
        with self.changed:
            return self.faults.pop(0) if self.faults else None


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
        if token and self.headers.get("Authorization") != f"Bearer {token}":
            return self._answer(401, status(401, "Unauthorized"))
        fault = self.server.store.take_fault()
        if fault and fault.isdigit():
            return self._answer(int(fault), status(int(fault), "Expired" if fault == "410" else "Fault"), {"Retry-After": "1"} if fault == "429" else {})
        if fault == "html":
            return self._answer(200, b"<html><body>Sign in</body></html>", {"Content-Type": "text/html"})
        if query.get("watch") in ("true", "1"):
            return self._watch(place, query, fault)
        return self._list(place, query)

    def do_PUT(self):
        place, _ = self._parse()
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if place is None or not place["name"] or not place["namespace"]:
            return self._answer(404, status(404, "NotFound"))
        written, known = self.server.store.put(place["plural"], place["namespace"], place["name"], body)
        self._answer(200 if known else 201, written)

    def do_DELETE(self):
        place, _ = self._parse()
        body = self.server.store.delete(place["plural"], place["namespace"], place["name"]) if place and place["name"] else None
        self._answer(*((200, body) if body else (404, status(404, "NotFound"))))

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        store = self.server.store
        if url.path == "/faults" and query.get("kind") in FAULTS:
            with store.changed:
                store.faults += [query["kind"]] * int(query.get("count", 1))
        elif url.path == "/compact":
            store.compact()
        elif url.path == "/bookmark":
            with store.changed:
                store.bookmarks += 1
                store.changed.notify_all()
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
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _list(self, place, query):
        store = self.server.store
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
        self._answer(200, {"kind": f"{kind}List", "apiVersion": version, "metadata": metadata, "items": page})

    def _watch(self, place, query, fault):
        store = self.server.store
        since = int(query.get("resourceVersion") or 0)
        if since < store.forgotten:
            return self._answer(410, status(410, "Expired"))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            if fault and fault.startswith("error-"):
                code = int(fault[6:])
                self._send({"type": "ERROR", "object": status(code, "Expired" if code == 410 else "Fault")})
            elif fault == "cut":
                self._chunk(b'{"type":"ADDED","object":{"metadata":{"na')
                self.close_connection = True
                return
            elif fault == "silent":
                time.sleep(float(query.get("timeoutSeconds", 300)))
            else:
                self._follow(place, query, since, 1 if fault == "bytes" else None)
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True

    def _follow(self, place, query, since, piece):
        store = self.server.store
        partial = "PartialObjectMetadata" in self.headers.get("Accept", "")
        version, kind = KINDS[place["plural"]]
        deadline = time.monotonic() + float(query.get("timeoutSeconds", 1800))
        bookmarked, marks = time.monotonic(), store.bookmarks
        while True:
            with store.changed:
                forgotten = since < store.forgotten
                new = [e for e in store.events if e[0] > since and e[1] == place["plural"]]
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
                return

    def _send(self, event, piece=None):
        data = json.dumps(event).encode() + b"\n"
        for begin in range(0, len(data), piece or len(data)):
            self._chunk(data[begin:begin + (piece or len(data))])

    def _chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port=0, token=None):
        super().__init__(("127.0.0.1", port), Handler)
        self.token = token
        self.store = Store()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


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
    parser.add_argument("--port-file")
    parser.add_argument("--token")
    options = parser.parse_args()
    server = Server(options.port, options.token)
    server.store.put("endpointslices", "default", "reviews-x7k2p", slice_of("reviews", ["10.1.0.4", "10.1.0.5"], pods=["reviews-v1-a", "reviews-v2-b"]))
    server.store.put("pods", "default", "reviews-v1-a", {"metadata": {"labels": {"app": "reviews", "version": "v1"}}})
    server.store.put("pods", "default", "reviews-v2-b", {"metadata": {"labels": {"app": "reviews", "version": "v2"}}})
    if options.port_file:
        with open(options.port_file + ".new", "w") as file:
            file.write(f"{server.server_port}\n")
        os.rename(options.port_file + ".new", options.port_file)
    print(f"an API server of Kubernetes on {server.url}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
