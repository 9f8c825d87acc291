"""What strangers say to the replication port: enough of the members' own protocol to lie in it, and things that are no protocol at all.

The frames are written here from the description in `FrameCodec.swift`, not with the registry's code: an impostor has its own.
"""

import hashlib
import hmac
import os
import socket
import struct
import time

PATIENCE_SECONDS = 10
HELLO, PROOF, PING, SUBSCRIBE = 1, 2, 3, 16
REFUSED_SECRET = b"\x05\x01\x02"


def preface(member_id, path="/v1/replication", upgrade="a8-replication/1"):
    wish = f"Connection: Upgrade\r\nUpgrade: {upgrade}\r\n" if upgrade else ""
    return f"GET {path} HTTP/1.1\r\nHost: a\r\nMember-ID: {member_id}\r\nAccept: text/event-stream\r\n{wish}\r\n".encode()


def count(value):
    """LEB128."""
    data = b""
    while value >= 0x80:
        data += bytes([value & 0x7F | 0x80])
        value >>= 7
    return data + bytes([value])


def text(value):
    return count(len(value)) + value


def frame(kind, body=b""):
    return struct.pack("<IB", 1 + len(body), kind) + body


def hello(boot_id, address, name=b"impostor", nonce=None, versions=(2, 2), wall=None):
    """`boot_id` is any member's, `address` any member's `host:port`."""
    host, _, port = address.rpartition(":")
    wall = int(time.time() * 1000) if wall is None else wall
    beat = struct.pack("<QqB", 1, wall, 1) + count(0)
    return frame(HELLO, struct.pack("<HHQ", *versions, boot_id) + text(host.encode()) + struct.pack("<H", int(port))
                 + text(name) + (nonce or os.urandom(32)) + beat)


def proof(code):
    return frame(PROOF, text(code))


def code(secret, role, said, told):
    """`said` and `told` are hellos without their lengths; `role` is `dialer` or `accepter`."""
    transcript = text(b"a8-replication " + role) + text(said) + text(told)
    return hmac.new(secret, transcript, hashlib.sha256).digest()


class Caller:
    """One connection to the port, perhaps from another address of the loopback."""

    def __init__(self, address, source="127.0.0.1"):
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS, source_address=(source, 0))
        self.heard = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def say(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            pass  # It has been dropped already, which is what is wanted.

    def wait_for(self, length):
        """Reads until so many bytes are there; False when the other end has closed before."""
        while len(self.heard) < length:
            try:
                data = self.socket.recv(65_536)
            except OSError:
                return False
            if not data:
                return False
            self.heard += data
        return True

    def take(self, length):
        if not self.wait_for(length):
            raise ConnectionError("closed")
        data, self.heard = self.heard[:length], self.heard[length:]
        return data

    def upgrade(self, member_id):
        self.say(preface(member_id))
        while b"\r\n\r\n" not in self.heard:
            if not self.wait_for(len(self.heard) + 1):
                raise ConnectionError("closed")
        head, _, self.heard = self.heard.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            raise ConnectionError(head.decode("latin-1"))

    def frame(self):
        """The type and the fields of the next frame, and its bytes without the length."""
        length, = struct.unpack("<I", self.take(4))
        data = self.take(length)
        return data[0], data

    def everything(self, seconds=PATIENCE_SECONDS):
        """What still comes until the other end closes; None when it does not."""
        self.socket.settimeout(seconds)
        while True:
            try:
                data = self.socket.recv(65_536)
            except TimeoutError:
                return None
            except OSError:
                return self.heard
            if not data:
                return self.heard
            self.heard += data
