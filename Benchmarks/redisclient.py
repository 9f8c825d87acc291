"""Redis from Python: single commands, what others ask of it meanwhile, and what an item wants to know of its memory.

The commands of members are learnt from MONITOR, never made up: so what is repeated is what they send.
"""

import re
import socket
from dataclasses import dataclass

from servers import BenchError

TIMEOUT_SECONDS = 30
SHARDS = range(16)
_ARGUMENT = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(rb"\\(x[0-9a-f]{2}|.)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}


def encoded(*arguments):
    """A command as it is sent."""
    parts = [argument if isinstance(argument, bytes) else str(argument).encode() for argument in arguments]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


class RedisClient:
    """One connection. An error reply ends what is measured."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS)
        self.input = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.input.close()
        self.socket.close()

    def call(self, *arguments):
        return self.call_all([arguments])[0]

    def call_all(self, commands):
        """Sends commands at once; their replies in order."""
        self.socket.sendall(b"".join(encoded(*command) for command in commands))
        return [self._reply() for _ in commands]

    def line(self):
        line = self.input.readline()
        if not line.endswith(b"\r\n"):
            raise BenchError("Redis closed the connection in the middle of a reply")
        return line[:-2]

    def _reply(self):
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise BenchError(f"Redis refused a command: {rest.decode(errors='replace')}")
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.input.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self._reply() for _ in range(int(rest))]
        return rest

    # What an item wants to know

    def used_memory(self):
        return int(re.search(rb"used_memory:(\d+)", self.call("INFO", "memory"))[1])

    def memory_of_streams(self):
        return sum(self.call("MEMORY", "USAGE", "{a8.%d}:e" % shard, "SAMPLES", 0) or 0 for shard in SHARDS)

    def held_until(self):
        """Until when no lease runs out, in ms of its clock, and its clock."""
        seconds, microseconds = map(int, self.call("TIME"))
        holds = [int(self.call("HGET", "{a8.%d}:m" % shard, "hold") or 0) for shard in SHARDS]
        return max(holds), seconds * 1000 + microseconds // 1000


@dataclass
class Heard:
    """A command that somebody sent."""

    seconds: float
    sender: bytes
    arguments: list


class Monitor:
    """Everything that Redis is asked while it is open; costs Redis much, so nothing is measured meanwhile."""

    def __init__(self, port):
        self.port = port

    def __enter__(self):
        self.client = RedisClient(self.port)
        self.client.call("MONITOR")
        return self

    def __exit__(self, *_):
        self.client.__exit__()

    def heard(self):
        """All commands until now, but for those of functions."""
        with RedisClient(self.port) as other:
            other.call("ECHO", "the end of what is heard")
        found = []
        while b'"the end of what is heard"' not in (line := self.client.line()):
            time, sender, arguments = re.match(rb"\+([\d.]+) \[\d+ (\S+)\] (.*)$", line, re.DOTALL).groups()
            if sender != b"lua":
                found.append(Heard(float(time), sender, [_plain(each) for each in _ARGUMENT.findall(arguments)]))
        return found


def _plain(text):
    def replaced(match):
        code = match[1]
        return bytes([int(code[1:], 16)]) if len(code) == 3 else _ESCAPES.get(code, code)
    return _ESCAPE.sub(replaced, text)
