"""A relay between members, which loses, delays, repeats and cuts what it carries.

Members speak TCP, so a lost packet is no lost byte: it is a stall until it is sent again, and after too many of those a connection that is cut
wherever it happens to be. Packets that overtake one another do so between connections only. And what comes twice is a whole stream. That is
what this relay does, from a seed, so that the members' own kernels need no help of `netem`. It stands in front of one member: the others are
told the relay's port as that member's.
"""

import asyncio
import collections
import dataclasses
import random
import socket
import threading
import time

PACKET_BYTES = 1_400
# The wait before a lost packet is sent again, as Linux begins it; it doubles with each loss of the same packet.
RETRANSMIT_SECONDS = 0.2
# Linux gives up much later; by then a member has long closed a connection on which it hears nothing.
MOST_LOSSES = 6
PIECE_BYTES = 64 << 10
# What may be on its way in one direction: the sender's queue grows when the receiver's does not drain.
PIECES_IN_FLIGHT = 16
# What is remembered of a stream, to be played again.
RECORDED_BYTES = 1 << 20
RECORDINGS = 4


@dataclasses.dataclass(frozen=True)
class Weather:
    """What befalls what is carried. Probabilities are from 0 to 1, times in seconds."""

    # Of a packet, to be lost; each time it is sent.
    loss: float = 0.0
    # The time on the way is drawn for each piece between the two; order within a connection stays.
    delay: tuple = (0.0, 0.0)
    # A further delay, drawn once for each direction of each connection between the two: what makes one overtake the other.
    skew: tuple = (0.0, 0.0)
    # Of a packet, to end its connection, at a random byte of it.
    cut: float = 0.0
    # Of a new connection, to be answered with what the member said on an earlier one.
    replay: float = 0.0
    # How old what is played again may be. What is told is the age of heartbeats when they are told, so this much longer do leases seem to last.
    replay_age: float = 5.0


CLEAR = Weather()


class Relay:
    """Listens on a port of its own and carries to the member's. `weather` may be set at any time, from any thread."""

    def __init__(self, target, seed=1, host="127.0.0.1", port=0):
        self.target = target  # (host, port) of the member.
        self.weather = CLEAR
        self.counts = collections.Counter()
        self._random = random.Random(seed)
        self._recordings = collections.deque(maxlen=RECORDINGS)
        self._carrying = set()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((host, port))
        self._listener.listen(64)
        self.host, self.port = self._listener.getsockname()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"relay-{self.port}", daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    def cut_all(self):
        """Ends every connection, in the middle of whatever it carries."""
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in list(self._carrying)])

    def close(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=10)
        self._listener.close()

    # Everything below runs on the relay's thread.

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._accepted, sock=self._listener))
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _accepted(self, dialer_reader, dialer_writer):
        task = asyncio.current_task()
        self._carrying.add(task)
        self.counts["connections"] += 1
        member_writer = None
        try:
            if self._random.random() < self.weather.replay and (recording := self._recent()):
                return await self._play(recording, dialer_reader, dialer_writer)
            member_reader, member_writer = await asyncio.open_connection(*self.target)
            recording = Recording()
            self._recordings.append(recording)
            await self._both(
                self._carry(dialer_reader, member_writer, None), self._carry(member_reader, dialer_writer, recording))
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            for writer in (dialer_writer, member_writer):
                if writer:
                    # Without what is still queued: a cut is a cut.
                    writer.transport.abort()
            self._carrying.discard(task)

    @staticmethod
    async def _both(*directions):
        """The end of either direction is the end of the connection."""
        tasks = [asyncio.ensure_future(direction) for direction in directions]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry(self, reader, writer, recording):
        """One direction: a piece is read, its time of arrival is drawn, and another task writes it then."""
        skew = self._random.uniform(*self.weather.skew)
        on_the_way = asyncio.Queue(PIECES_IN_FLIGHT)
        arrivals = asyncio.ensure_future(self._arrive(on_the_way, writer))
        try:
            last = 0.0
            while piece := await reader.read(PIECE_BYTES):
                if recording:
                    recording.add(piece)
                delay, cut = self._fate(len(piece))
                last = max(last, time.monotonic() + delay + skew)
                await on_the_way.put((last, piece if cut is None else piece[:cut], cut is not None))
                if cut is not None:
                    break
            await on_the_way.put((last, b"", True))
            await arrivals
        finally:
            arrivals.cancel()

    @staticmethod
    async def _arrive(on_the_way, writer):
        while True:
            due, piece, is_end = await on_the_way.get()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if piece:
                writer.write(piece)
                await writer.drain()
            if is_end:
                return

    def _fate(self, length):
        """The delay of a piece, and where it is cut off, or None."""
        weather = self.weather
        delay = self._random.uniform(*weather.delay)
        if not weather.loss and not weather.cut:
            return delay, None
        longest = 0.0
        for packet in range(-(-length // PACKET_BYTES)):
            start = packet * PACKET_BYTES
            if self._random.random() < weather.cut:
                self.counts["cuts"] += 1
                return delay + longest, min(length, start + self._random.randrange(PACKET_BYTES))
            wait, losses = 0.0, 0
            while self._random.random() < weather.loss:
                wait += RETRANSMIT_SECONDS * 2**losses
                losses += 1
                if losses == MOST_LOSSES:
                    self.counts["given up"] += 1
                    return delay + longest, start
            self.counts["lost"] += losses
            longest = max(longest, wait)
        return delay + longest, None

    def _recent(self):
        """A stream that began lately enough, and has come to something."""
        recent = [one for one in self._recordings if one.data and time.monotonic() - one.began <= self.weather.replay_age]
        return self._random.choice(recent) if recent else None

    async def _play(self, recording, reader, writer):
        """Says again what the member said; what the dialer says is thrown away. Then the connection ends, as the first one did."""
        self.counts["replays"] += 1
        writer.write(bytes(recording.data))
        await writer.drain()
        try:
            # For as long as it takes to be read, and the dialer may close first.
            await asyncio.wait_for(self._discard(reader), 0.5)
        except asyncio.TimeoutError:
            pass

    @staticmethod
    async def _discard(reader):
        while await reader.read(PIECE_BYTES):
            pass


class Recording:
    """What a member said on one connection, from its beginning."""

    def __init__(self):
        self.began = time.monotonic()
        self.data = bytearray()

    def add(self, piece):
        if len(self.data) < RECORDED_BYTES:
            self.data += piece


class Relays:
    """One relay before each member of a cluster, at the address that the others are told; the members themselves listen elsewhere. To be made before
    the cluster starts, of one whose members share no directory. A context manager."""

    def __init__(self, cluster, seed=1):
        self.all = []
        names = ",".join(member.address for member in cluster)
        for number, member in enumerate(cluster):
            port = member.place.free_port()
            self.all.append(Relay((member.place.address, port), seed + number, member.place.address, member.replication_port))
            member.settings |= {"REPLICATION_PORT": str(port), "ADVERTISE_ADDRESS": member.address, "CLUSTER_PEERS": names}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for relay in self.all:
            relay.close()

    def weather(self, weather):
        for relay in self.all:
            relay.weather = weather

    def counts(self):
        return sum((relay.counts for relay in self.all), collections.Counter())
