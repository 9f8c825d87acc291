"""A server of Netflix's Eureka as its peers see it: takes `POST peerreplication/batch/`, answers by the rules of docs/eureka.md
and of Netflix's public source, and notes whatever a peer of Netflix's would not send. It also sends batches of its own."""

import contextlib
import http.server
import json
import socket
import threading
import time
import urllib.request

ACTIONS = {"Register", "Heartbeat", "Cancel", "StatusUpdate", "DeleteStatusOverride"}
FIELDS = {"action", "appName", "id", "lastDirtyTimestamp", "overriddenStatus", "status", "instanceInfo"}
STATUSES = {"UP", "DOWN", "STARTING", "OUT_OF_SERVICE", "UNKNOWN"}
REQUIRED = ["instanceId", "hostName", "ipAddr", "app", "status", "dataCenterInfo"]
MOST_ELEMENTS = 250


class NetflixPeer:
    """One server, usable as a context manager. `port` 0 is one of the system's choice."""

    def __init__(self, port=0):
        self.lock = threading.Lock()
        self.instances = {}       # (app, id) -> what was registered
        self.overrides = {}
        self.batches = []         # (when, elements, bytes of the body)
        self.violations = []
        self.refusals = []        # statuses that the next batches are answered with
        self.connections = []
        self.longest = None       # bytes of a body; what is longer is answered 413, as by a proxy
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                peer.connections.append(self.connection)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with peer.lock:
                    status, answer = peer.take(self.path, self.headers, body)
                encoded = json.dumps(answer).encode() if answer is not None else b""
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(encoded)))
                self.end_headers()
                self.wfile.write(encoded)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.thread.join()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/eureka"

    # What it is told

    def take(self, path, headers, body):
        if path != "/eureka/peerreplication/batch/":
            self.violations.append(f"POST {path}")
            return 404, None
        if headers.get("x-netflix-discovery-replication"):
            self.violations.append("a batch with the header of single calls")
        if not headers.get("Content-Type", "").startswith("application/json"):
            self.violations.append(f"a body of type {headers.get('Content-Type')}")
        if self.longest is not None and len(body) > self.longest:
            return 413, None
        if self.refusals:
            return self.refusals.pop(0), None
        elements = json.loads(body)["replicationList"]
        self.batches.append((time.time(), elements, len(body)))
        if not 1 <= len(elements) <= MOST_ELEMENTS:
            self.violations.append(f"a batch of {len(elements)} elements")
        return 200, {"responseList": [self.carry_out(element) for element in elements]}

    def carry_out(self, element):
        wrong = set(element) - FIELDS
        action, key = element.get("action"), (element.get("appName", "").upper(), element.get("id"))
        if wrong or action not in ACTIONS or not all(key) or not isinstance(element.get("lastDirtyTimestamp"), int):
            self.violations.append(f"an element that none can read: {json.dumps(element)[:300]}")
        if action != "Cancel" and element.get("status") not in STATUSES:
            self.violations.append(f"the status {element.get('status')} of {key}")
        held = self.instances.get(key)
        if action == "Register":
            info = element.get("instanceInfo")
            if not info or any(not info.get(field) for field in REQUIRED) or info["app"].upper() != key[0]:
                self.violations.append(f"a registration that is refused: {json.dumps(info)[:300]}")
                return {"statusCode": 400}
            if not info["dataCenterInfo"].get("@class") or info["dataCenterInfo"]["name"] not in ("MyOwn", "Netflix", "Amazon"):
                self.violations.append(f"a data center that Java fails at: {info['dataCenterInfo']}")
            if not held or int(info["lastDirtyTimestamp"]) >= int(held["lastDirtyTimestamp"]):
                self.instances[key] = info
            return {"statusCode": 200}
        if held is None:
            return {"statusCode": 404}
        if action == "Heartbeat":
            told, stored = element["lastDirtyTimestamp"], int(held["lastDirtyTimestamp"])
            return {"statusCode": 409, "responseEntity": held} if told < stored else {"statusCode": 404 if told > stored else 200}
        if action == "Cancel":
            del self.instances[key]
            self.overrides.pop(key, None)
        elif action == "StatusUpdate":
            self.overrides[key] = element["status"]
        else:
            self.overrides.pop(key, None)
        return {"statusCode": 200}

    def told_of(self, app):
        """The elements about an application, in the order in which they came."""
        with self.lock:
            return [element for _, elements, _ in self.batches for element in elements if element["appName"].upper() == app]

    # What it tells

    @staticmethod
    def registration(app, name, dirty, status="UP", port=8080, **more):
        return {
            "instanceId": name, "hostName": "10.9.0.1", "app": app, "ipAddr": "10.9.0.1", "status": status, "overriddenStatus": "UNKNOWN",
            "port": {"$": port, "@enabled": "true"}, "securePort": {"$": 7002, "@enabled": "false"}, "countryId": 1,
            "dataCenterInfo": {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"},
            "leaseInfo": {"renewalIntervalInSecs": 30, "durationInSecs": 90}, "metadata": {"@class": "java.util.Collections$EmptyMap"},
            "vipAddress": app.lower(), "isCoordinatingDiscoveryServer": "false", "lastUpdatedTimestamp": str(dirty),
            "lastDirtyTimestamp": str(dirty), "actionType": "ADDED", **more}

    @staticmethod
    def tell(base, elements):
        """Sends a batch; the results, of which there must be one for each element."""
        assert len(elements) <= MOST_ELEMENTS
        request = urllib.request.Request(
            base + "/peerreplication/batch/", method="POST", data=json.dumps({"replicationList": elements}).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "Java-EurekaClient-Replication"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200
            results = json.loads(answer.read())["responseList"]
        assert len(results) == len(elements), f"{len(results)} results for {len(elements)} elements"
        return results
