"""A client of Redis' protocol for tests: one command, one answer, each with a deadline.

It is small on purpose, so that tests see the very replies of an engine: errors as they were said, and redirections not followed.
"""

import socket
import ssl

ASK_SECONDS = 5
# What is read of one reply line at most, and of one bulk reply.
LINE_BYTES = 64 << 10


class ErrorReply(Exception):
    """An error that the engine answered with; its first word says which."""

    @property
    def word(self):
        return str(self).split(" ", 1)[0]


class Status(str):
    """A reply such as OK or PONG."""


def encoded(words):
    """A command as bytes."""
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


class Conversation:
    """One connection. Raises OSError when there is no answer within the deadline, and ErrorReply when the answer is an error."""

    def __init__(self, port, host="127.0.0.1", password=None, user=None, tls=None, timeout=ASK_SECONDS):
        """`tls`: a folder with ca.pem, cert.pem and key.pem, or None."""
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if tls:
                context = ssl.create_default_context(cafile=str(tls / "ca.pem"))
                context.load_cert_chain(tls / "cert.pem", tls / "key.pem")
                self.socket = context.wrap_socket(self.socket, server_hostname=host)
            self.input = self.socket.makefile("rb")
            if password is not None:
                self.ask("AUTH", *([user] if user else []), password)
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, *words):
        self.socket.sendall(encoded(words))

    def ask(self, *words):
        self.send(*words)
        value = self.receive()
        if isinstance(value, ErrorReply):
            raise value
        return value

    def ask_all(self, commands):
        """All at once, then all their answers; errors among them are values."""
        self.socket.sendall(b"".join(encoded(words) for words in commands))
        return [self.receive() for _ in commands]

    def receive(self):
        """The next reply; an error within it is a value."""
        line = self.input.readline(LINE_BYTES)
        if not line.endswith(b"\r\n"):
            raise OSError(f"the connection ended within a reply: {line[:80]!r}")
        kind, rest = line[:1], line[1:-2]
        match kind:
            case b"+":
                return Status(rest.decode())
            case b"-":
                return ErrorReply(rest.decode(errors="replace"))
            case b":":
                return int(rest)
            case b"$":
                return None if rest == b"-1" else self._bulk(int(rest))
            case b"*":
                return None if rest == b"-1" else [self.receive() for _ in range(int(rest))]
        raise OSError(f"no reply of RESP2: {line[:80]!r}")

    def _bulk(self, length):
        data = self.input.read(length + 2)
        if len(data) != length + 2:
            raise OSError(f"the connection ended within {length} bytes")
        return data[:-2]


def pairs(values):
    """A flat array of names and values by names, as text."""
    texts = [one.decode() if isinstance(one, bytes) else str(one) for one in values]
    return dict(zip(texts[::2], texts[1::2]))
