#!/usr/bin/env python3
"""Plays the part of a member that runs the original registry, for tests of clusters with members of both kinds.

Usage: original_peer.py --directory DIR [--address 127.0.0.1] [--replication-port 0] [--api-port 0] [--port-file FILE]
                        [--sync-timeout 30] [--period SCALE]

Written from a description of what the original puts on the wire, with its weaknesses: a full copy first and the live streams
after it, no versions, no tombstones, leases that any copy or repair starts anew, members judged by the time in their files.
It serves as much of the REST API as a test needs (register, heartbeat, deregister, look-ups, and
`PUT /api/v1/instances/{id}/status?value=S`), with the bearer token as the namespace.
Of the shared directory it takes every name for a member: a second name at an address that it knows makes it close its stream to that address and
open another, and when that name is gone it closes that one too and never dials again. It handles no signal: SIGTERM ends it at once, and its file
stays. `GET /control/status` tells whom it reads and who reads it. Standard library only.
"""

import argparse
import base64
import collections
import datetime
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import queue
import re
import shutil
import socket
import threading
import time
import urllib.parse
import zlib

REGISTER, DEREGISTER, RENEW, SET_STATUS, READ_REPAIR = range(5)

FLUSH_SECONDS = 0.1
WRITE_SECONDS = 7
SCAN_SECONDS = 5
EXPIRY_SECONDS = 30
CORRUPT_SECONDS = 90
# After a stream was lost; each wait is twice the one before, without a limit.
REDIAL_SECONDS = 3
SWEEP_SECONDS = 0.05
DEFAULT_TTL_SECONDS, MINIMUM_TTL_SECONDS, MAXIMUM_TTL_SECONDS = 30, 1, 600
NANOSECONDS = 1_000_000_000
# A reader that is so far behind is let go.
QUEUE_LIMIT = 100_000
GZIP_WINDOW = 16 + zlib.MAX_WBITS


def go_time(nanoseconds):
    """RFC 3339 as Go writes it: no trailing zeros after the point."""
    seconds, fraction = divmod(nanoseconds, NANOSECONDS)
    text = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    digits = f"{fraction:09d}".rstrip("0")
    return text + (f".{digits}" if digits else "") + "Z"


def parse_go_time(text):
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", text)
    if not match:
        raise ValueError(f"not a time: {text!r}")
    zone = "+00:00" if match[3] == "Z" else match[3]
    seconds = int(datetime.datetime.fromisoformat(match[1] + zone).timestamp())
    return seconds * NANOSECONDS + int((match[2] or "").ljust(9, "0"))


def encode(kind, payload):
    inner = {"RepType": kind, "Payload": base64.b64encode(payload).decode()}
    return base64.b64encode(json.dumps(inner, separators=(",", ":")).encode()).decode()


def decode(data):
    inner = json.loads(base64.b64decode(data, validate=True))
    return inner["RepType"], base64.b64decode(inner["Payload"], validate=True)


def event(number, name, namespace, data):
    body = json.dumps({"Namespace": namespace, "Data": data}, separators=(",", ":"))
    return f"id: {number}\nevent: {name}\ndata: {body}\n\n".encode()


class Instance:
    """What is registered, as the wire has it, and its lease, which is this member's own."""

    def __init__(self, fields):
        self.fields = fields
        self.start_lease()

    def start_lease(self):
        self.deadline = time.monotonic() + self.fields["TTL"] / NANOSECONDS

    @property
    def is_live(self):
        return self.fields["Status"] == "OUT_OF_SERVICE" or time.monotonic() < self.deadline

    def rest(self):
        fields = self.fields
        rest = {
            "id": fields["ID"], "service_name": fields["ServiceName"], "status": fields["Status"],
            "endpoint": {"type": fields["Endpoint"]["Type"], "value": fields["Endpoint"]["Value"]},
            "ttl": fields["TTL"] // NANOSECONDS, "last_heartbeat": fields["LastRenewal"],
        }
        if fields.get("Tags"):
            rest["tags"] = fields["Tags"]
        if fields.get("Metadata"):
            rest["metadata"] = json.loads(base64.b64decode(fields["Metadata"]))
        return rest


class Catalog:
    """Instances by namespace and id. Guarded by its lock."""

    def __init__(self):
        self.lock = threading.RLock()
        self.instances = collections.defaultdict(dict)

    def get(self, namespace, instance_id):
        with self.lock:
            found = self.instances[namespace].get(instance_id)
            return found if found and found.is_live else None

    def live(self, namespace):
        with self.lock:
            return [instance for instance in self.instances[namespace].values() if instance.is_live]

    def everything(self):
        with self.lock:
            return [
                (namespace, dict(instance.fields)) for namespace, instances in self.instances.items()
                for instance in instances.values() if instance.is_live]

    def register(self, namespace, fields):
        with self.lock:
            self.instances[namespace][fields["ID"]] = Instance(fields)

    def renew(self, namespace, instance_id):
        with self.lock:
            instance = self.get(namespace, instance_id)
            if not instance:
                return False
            instance.fields["LastRenewal"] = go_time(time.time_ns())
            instance.start_lease()
            return True

    def deregister(self, namespace, instance_id):
        with self.lock:
            instance = self.get(namespace, instance_id)
            self.instances[namespace].pop(instance_id, None)
            return instance is not None

    def set_status(self, namespace, instance_id, status):
        with self.lock:
            instance = self.get(namespace, instance_id)
            if instance:
                instance.fields["Status"] = status
                instance.start_lease()
            return instance is not None

    def sweep(self):
        with self.lock:
            for instances in self.instances.values():
                for instance_id in [key for key, instance in instances.items() if not instance.is_live]:
                    del instances[instance_id]


class Reader:
    """Another member that reads our stream."""

    def __init__(self, name):
        self.name = name
        self.events = queue.Queue(QUEUE_LIMIT)
        self.is_gone = False

    def put(self, data):
        try:
            self.events.put_nowait(data)
        except queue.Full:
            self.is_gone = True


class EventParser:
    """Server-sent events from pieces of bytes; yields (event name, data)."""

    def __init__(self):
        self.rest = b""
        self.name, self.data = "", []

    def feed(self, piece):
        lines = (self.rest + piece).split(b"\n")
        self.rest = lines.pop()
        for line in lines:
            line = line.rstrip(b"\r")
            if not line:
                if self.data:
                    yield self.name, b"\n".join(self.data)
                self.name, self.data = "", []
                continue
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"event":
                self.name = value.decode()
            elif field == b"data":
                self.data.append(value)
            elif field not in (b"", b"id", b"retry"):
                raise ValueError(f"not a field: {line[:80]!r}")


class Dialer:
    """Reads one member's stream, again and again, until it is ended. One that was ended stays so."""

    def __init__(self, peer, address):
        self.peer = peer
        self.address = address
        self.connection = None  # While its stream is read. Guarded by the peer's `lock`.
        self.ended = threading.Event()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        wait = REDIAL_SECONDS * self.peer.period

        def opened(connection):
            nonlocal wait
            wait = REDIAL_SECONDS * self.peer.period
            with self.peer.lock:
                self.connection = connection
            if self.ended.is_set():
                hang_up(connection)

        while not self.ended.is_set():
            try:
                for name, data in self.peer.events(self.address, "/v1/replication", opened):
                    if self.ended.is_set():
                        break
                    self.peer.take(self.address, name, data)
            except (OSError, http.client.HTTPException, ValueError, AttributeError, zlib.error):
                pass
            with self.peer.lock:
                self.connection = None
            self.ended.wait(wait)
            wait *= 2

    def end(self):
        self.ended.set()
        with self.peer.lock:
            connection = self.connection
        if connection:
            hang_up(connection)


def hang_up(connection):
    """Without closing it, which would wait for the thread that reads."""
    try:
        connection.sock.shutdown(socket.SHUT_RDWR)
    except (OSError, AttributeError):
        pass


class OriginalPeer:
    """One member. `start` returns when it serves; `stop` ends it within this process, `leaves` says whether its file goes too."""

    def __init__(self, directory, address="127.0.0.1", replication_port=0, api_port=0, sync_timeout=30, period=1.0):
        self.directory = pathlib.Path(directory)
        self.period = period
        self.catalog = Catalog()
        self.readers = []  # Guarded by `lock`.
        self.dialers = {}  # Whom we read or want to, by address. Guarded by `lock`.
        self.known = {}  # Of each file the last good content (address and time), and since when it is bad. The membership thread's own.
        self.members = {}  # File names to addresses.
        self.number = 0
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.sync_timeout = sync_timeout
        self.copied_from = None
        self.problems = collections.Counter()
        self.replication = self.listener(address, replication_port, replication_handler(self))
        self.api = self.listener(address, api_port, api_handler(self))
        self.address, self.port = address, self.replication.server_address[1]
        self.name = f"{address}:{self.port}"

    @staticmethod
    def listener(address, port, handler):
        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 64

            def handle_error(self, request, client_address):
                pass  # Whoever hangs up is no news.

        return Server((address, port), handler)

    def start(self):
        self.members = self.look()
        self.first_copy()
        for server in (self.replication, self.api):
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.write_own_file()
        found, self.members = self.members, {}
        self.follow(found)
        for target in (self.keep_file, self.keep_scanning, self.keep_sweeping):
            threading.Thread(target=target, daemon=True).start()

    def stop(self, leaves=False):
        self.stopping.set()
        if leaves:
            self.own_file.unlink(missing_ok=True)
        self.replication.shutdown()
        self.api.shutdown()
        with self.lock:
            dialers = list(self.dialers.values())
        for dialer in dialers:
            dialer.end()
        self.replication.server_close()
        self.api.server_close()

    # Membership

    @property
    def own_file(self):
        return self.directory / self.name

    def write_own_file(self):
        # In place, as the original does: whoever reads at that moment may read half of it.
        self.own_file.write_text(json.dumps(
            {"ip": self.address, "port": self.port, "timestamp": go_time(time.time_ns())}, separators=(",", ":")) + "\n")

    def keep_file(self):
        while not self.stopping.wait(WRITE_SECONDS * self.period):
            self.write_own_file()

    def keep_scanning(self):
        while not self.stopping.wait(SCAN_SECONDS * self.period):
            self.follow(self.look())

    def look(self):
        """The members by the names of their files, whatever these names are."""
        members = {}
        for path in self.directory.iterdir():
            member = self.judge(path)
            if member and member != self.name:
                members[path.name] = member
        return members

    def judge(self, path):
        """The address that a file tells; None when it is no member's. One that is old or was long unreadable is removed."""
        member, stamp, bad_since = self.known.get(path.name, (None, 0, None))
        try:
            text = path.read_text()
            if text:
                content = json.loads(text)
                member, stamp, bad_since = f"{content['ip']}:{content['port']}", parse_go_time(content["timestamp"]), None
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            bad_since = bad_since or time.monotonic()
        self.known[path.name] = (member, stamp, bad_since)
        is_corrupt = bad_since is not None and time.monotonic() - bad_since > CORRUPT_SECONDS
        is_expired = member is not None and time.time_ns() - stamp > EXPIRY_SECONDS * NANOSECONDS
        if is_corrupt or is_expired:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
            self.known.pop(path.name, None)
            return None
        return member

    def follow(self, members):
        """A name that was not there is a member that has joined, one that is gone a member that has left."""
        before, self.members = self.members, members
        for name in before.keys() - members.keys():
            self.end_dialer(before[name])
        for name in members.keys() - before.keys():
            self.end_dialer(members[name])
            dialer = Dialer(self, members[name])
            with self.lock:
                self.dialers[members[name]] = dialer

    def end_dialer(self, member):
        with self.lock:
            dialer = self.dialers.pop(member, None)
        if dialer:
            dialer.end()

    def keep_sweeping(self):
        while not self.stopping.wait(SWEEP_SECONDS):
            self.catalog.sweep()

    # Reading others

    def first_copy(self):
        """From whoever answers first. A copy cut short counts as a copy; with nobody there it starts empty."""
        deadline = time.monotonic() + self.sync_timeout
        while self.members and time.monotonic() < deadline:
            for member in sorted(set(self.members.values())):
                try:
                    for name, data in self.events(member, "/v1/sync", lambda connection: None):
                        self.take(member, name, data)
                    self.copied_from = member
                    return
                except (OSError, http.client.HTTPException):
                    continue
            time.sleep(0.2)

    def events(self, member, path, opened):
        host, _, port = member.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=5)
        try:
            connection.request("GET", path, headers={
                "Member-ID": self.name, "Accept": "text/event-stream", "Accept-Encoding": "gzip", "Cache-Control": "no-cache"})
            response = connection.getresponse()
            if response.status != 200:
                raise http.client.HTTPException(f"{member}{path} answered {response.status}")
            if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
                raise http.client.HTTPException(f"{member}{path} sends no events")
            if path == "/v1/replication":
                connection.sock.settimeout(None)
            opened(connection)
            inflater = zlib.decompressobj(GZIP_WINDOW) if response.headers.get("Content-Encoding") == "gzip" else None
            parser = EventParser()
            while piece := response.read1(65_536):
                yield from parser.feed(inflater.decompress(piece) if inflater else piece)
        finally:
            connection.close()

    def take(self, member, name, data):
        try:
            message = json.loads(data)
            namespace = message["Namespace"]
            kind, payload = decode(message["Data"])
            if name not in ("REP", "REPAIR", "SYNC"):
                raise ValueError(f"no such event: {name}")
            self.apply(member, namespace, kind, payload)
        except (ValueError, KeyError, TypeError) as error:
            self.problems[f"{member}: {error}"] += 1

    def apply(self, member, namespace, kind, payload):
        if kind == REGISTER:
            fields = json.loads(payload)
            missing = {"ID", "ServiceName", "Endpoint", "Status", "TTL", "RegistrationTime", "LastRenewal"} - fields.keys()
            if missing:
                raise ValueError(f"a register without {sorted(missing)}")
            self.catalog.register(namespace, fields)
        elif kind == DEREGISTER:
            self.catalog.deregister(namespace, payload.decode())
        elif kind == RENEW:
            if not self.catalog.renew(namespace, payload.decode()):
                self.tell(member, namespace, READ_REPAIR, payload)
        elif kind == SET_STATUS:
            fields = json.loads(payload)
            self.catalog.set_status(namespace, fields["InstanceID"], fields["Status"])
        elif kind == READ_REPAIR:
            instance = self.catalog.get(namespace, payload.decode())
            if instance:
                self.tell(member, namespace, REGISTER, json.dumps(instance.fields).encode())
        else:
            raise ValueError(f"no such message: {kind}")

    # Telling others

    def broadcast(self, namespace, kind, payload):
        data = encode(kind, payload)
        with self.lock:
            self.number += 1
            for reader in self.readers:
                reader.put(event(self.number, "REP", namespace, data))

    def tell(self, member, namespace, kind, payload):
        with self.lock:
            for reader in self.readers:
                if reader.name == member:
                    reader.put(event(0, "REPAIR", namespace, encode(kind, payload)))

    # What clients do

    def client_register(self, namespace, body):
        endpoint = body["endpoint"]
        name = body["service_name"]
        identity = f"{name}/{endpoint['type']}/{endpoint['value']}".encode()
        seconds = body.get("ttl") or DEFAULT_TTL_SECONDS
        fields = {
            "ID": hashlib.sha256(identity).hexdigest()[:16], "ServiceName": name,
            "Endpoint": {"Type": endpoint["type"], "Value": endpoint["value"]},
            "Status": (body.get("status") or "UP").upper(),
            "Metadata": base64.b64encode(json.dumps(body["metadata"]).encode()).decode() if "metadata" in body else None,
            "RegistrationTime": go_time(time.time_ns()), "LastRenewal": go_time(time.time_ns()),
            "TTL": min(max(seconds, MINIMUM_TTL_SECONDS), MAXIMUM_TTL_SECONDS) * NANOSECONDS,
            "Tags": body.get("tags"), "Extension": body.get("x_extension"),
        }
        self.catalog.register(namespace, fields)
        self.broadcast(namespace, REGISTER, json.dumps(fields, separators=(",", ":")).encode())
        return fields

    def client_renew(self, namespace, instance_id):
        if not self.catalog.renew(namespace, instance_id):
            return False
        self.broadcast(namespace, RENEW, instance_id.encode())
        return True

    def client_deregister(self, namespace, instance_id):
        if not self.catalog.deregister(namespace, instance_id):
            return False
        self.broadcast(namespace, DEREGISTER, instance_id.encode())
        return True

    def client_set_status(self, namespace, instance_id, status):
        if not self.catalog.set_status(namespace, instance_id, status):
            return False
        payload = json.dumps({"InstanceID": instance_id, "Status": status}, separators=(",", ":"))
        self.broadcast(namespace, SET_STATUS, payload.encode())
        return True

    def status(self):
        with self.lock:
            reading = sorted(address for address, dialer in self.dialers.items() if dialer.connection)
            return {
                "name": self.name, "members": sorted(self.members.values()), "reads": reading,
                "read_by": sorted(reader.name for reader in self.readers), "copied_from": self.copied_from,
                "instances": len(self.catalog.everything()), "problems": dict(self.problems)}


def replication_handler(peer):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            member = self.headers.get("Member-ID")
            if self.path not in ("/v1/replication", "/v1/sync"):
                return self.send_error(404)
            if not member or member == peer.name:
                return self.send_error(400)
            self.packer = zlib.compressobj(wbits=GZIP_WINDOW) if "gzip" in self.headers.get("Accept-Encoding", "") else None
            self.send_response(200)
            self.send_header("Cache-Control", "no-cache")
            self.send_header("Connection", "keep-alive")
            if self.packer:
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.copy() if self.path == "/v1/sync" else self.stream(member)

        def send_piece(self, data, is_last=False):
            if self.packer:
                data = self.packer.compress(data) + self.packer.flush(zlib.Z_FINISH if is_last else zlib.Z_SYNC_FLUSH)
            if data:
                self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            if is_last:
                self.wfile.write(b"0\r\n\r\n")
            self.wfile.flush()

        def copy(self):
            for number, (namespace, fields) in enumerate(peer.catalog.everything()):
                # The keys of a copy come in another order.
                body = json.dumps({"Data": encode(REGISTER, json.dumps(fields).encode()), "Namespace": namespace})
                self.send_piece(f"id: {number}\nevent: SYNC\ndata: {body}\n\n".encode())
            self.send_piece(b"", is_last=True)
            self.close_connection = True

        def stream(self, member):
            reader = Reader(member)
            with peer.lock:
                peer.readers.append(reader)
            try:
                self.send_piece(b"")
                while not peer.stopping.is_set() and not reader.is_gone:
                    time.sleep(FLUSH_SECONDS)
                    pieces = []
                    while True:
                        try:
                            pieces.append(reader.events.get_nowait())
                        except queue.Empty:
                            break
                    if pieces:
                        self.send_piece(b"".join(pieces))
                    elif hung_up(self.connection):
                        break
            except OSError:
                pass
            finally:
                with peer.lock:
                    peer.readers.remove(reader)
                self.close_connection = True

    return Handler


def hung_up(connection):
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def api_handler(peer):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def answer(self, status, body=None):
            data = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            if data:
                self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def handle_request(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if length else b""
            namespace = (self.headers.get("Authorization") or "Bearer default").partition(" ")[2]
            url = urllib.parse.urlsplit(self.path)
            parts = [urllib.parse.unquote(part) for part in url.path.split("/")[1:]]
            query = dict(urllib.parse.parse_qsl(url.query))
            match (self.command, *parts):
                case ("GET", ""):
                    self.answer(200)
                case ("GET", "control", "status"):
                    self.answer(200, peer.status())
                case ("POST", "api", "v1", "instances"):
                    fields = peer.client_register(namespace, json.loads(body))
                    self.answer(201, {"id": fields["ID"], "ttl": fields["TTL"] // NANOSECONDS})
                case ("GET", "api", "v1", "instances"):
                    wanted = query.get("status", "UP").upper()
                    found = [instance.rest() for instance in peer.catalog.live(namespace)]
                    self.answer(200, {"instances": [one for one in found if wanted in ("ALL", one["status"])]})
                case ("GET", "api", "v1", "services"):
                    names = {instance.fields["ServiceName"] for instance in peer.catalog.live(namespace)}
                    self.answer(200, {"services": sorted(names)})
                case ("GET", "api", "v1", "services", name):
                    found = [one for one in peer.catalog.live(namespace) if one.fields["ServiceName"] == name]
                    if found:
                        self.answer(200, {"service_name": name, "instances": [one.rest() for one in found]})
                    else:
                        self.answer(404, {"Error": "no such service"})
                case ("PUT", "api", "v1", "instances", instance_id, "heartbeat"):
                    self.answer(200 if peer.client_renew(namespace, instance_id) else 410)
                case ("PUT", "api", "v1", "instances", instance_id, "status"):
                    self.answer(200 if peer.client_set_status(namespace, instance_id, query["value"].upper()) else 410)
                case ("DELETE", "api", "v1", "instances", instance_id):
                    self.answer(200 if peer.client_deregister(namespace, instance_id) else 410)
                case _:
                    self.answer(404, {"Error": "no such page"})

        do_GET = do_POST = do_PUT = do_DELETE = handle_request

    return Handler


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory", required=True)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--replication-port", type=int, default=0)
    parser.add_argument("--api-port", type=int, default=0)
    parser.add_argument("--port-file")
    parser.add_argument("--sync-timeout", type=float, default=30)
    parser.add_argument("--period", type=float, default=1.0, help="scales how often the directory is read and written, for faster tests")
    arguments = parser.parse_args()
    peer = OriginalPeer(
        arguments.directory, arguments.address, arguments.replication_port, arguments.api_port, arguments.sync_timeout,
        arguments.period)
    peer.start()
    if arguments.port_file:
        temporary = f"{arguments.port_file}.{os.getpid()}"
        pathlib.Path(temporary).write_text(f"api {peer.api.server_address[1]}\nreplication {peer.port}\n")
        os.rename(temporary, arguments.port_file)
    # A signal ends it, as it ends the original.
    threading.Event().wait()


if __name__ == "__main__":
    main()
