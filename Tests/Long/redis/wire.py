"""A wire between a member and an engine that a test can spoil: cut in the middle of a reply, byte by byte, or silent.

It stands in front of one engine, at a port of its own, and carries whole connections; one thread serves all of them.
"""

import asyncio
import collections
import socket
import struct
import threading

PIECE_BYTES = 64 << 10
END_SECONDS = 10
POISON_SECONDS = 0.3


class Wire:
    """`port` is where the engine seems to be. The fields below may be set at any time, from any thread.

    one_byte: replies come one byte at a time, each in a packet of its own
    stalled: nothing is carried either way, and nothing is closed; what is said meanwhile comes when it ends
    refuses: new connections are closed at once
    poison: None, or bytes that come in place of the next reply of each connection, which is reset after them
    cut_after: None, or bytes of replies after which a connection is reset; counted anew for each connection. Connections that exist are counted on
    """

    def __init__(self, target_port, host="127.0.0.1"):
        self.target = (host, target_port)
        self.one_byte = False
        self.refuses = False
        self.poison = None
        self.cut_after = None
        self.counts = collections.Counter()
        self._listener = socket.socket()
        self._listener.bind((host, 0))
        self._listener.listen(128)
        self.host, self.port = self._listener.getsockname()
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._flows.set()
        self._ends = {}
        self._thread = threading.Thread(target=self._run, name=f"wire-{self.port}", daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    @property
    def stalled(self):
        return not self._flows.is_set()

    @stalled.setter
    def stalled(self, is_stalled):
        self._loop.call_soon_threadsafe(self._flows.clear if is_stalled else self._flows.set)

    def reset_all(self):
        """RST to both ends of each connection, wherever it is."""
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in list(self._ends)])

    def close(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=END_SECONDS)
        self._listener.close()

    # Everything below runs on the wire's thread.

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._accepted, sock=self._listener))
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _accepted(self, reader, writer):
        task = asyncio.current_task()
        self.counts["connections"] += 1
        writers = [writer]
        self._ends[task] = writers
        try:
            if self.refuses:
                self.counts["refused"] += 1
                return
            engine_reader, engine_writer = await asyncio.open_connection(*self.target)
            writers.append(engine_writer)
            for one in writers:
                one.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            directions = [asyncio.ensure_future(self._commands(reader, engine_writer)), asyncio.ensure_future(self._replies(engine_reader, writer))]
            try:
                await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for direction in directions:
                    direction.cancel()
                await asyncio.gather(*directions, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._ends.pop(task, None)
            for one in writers:
                reset(one)

    async def _commands(self, reader, writer):
        while piece := await reader.read(PIECE_BYTES):
            await self._flows.wait()
            writer.write(piece)
            await writer.drain()

    async def _replies(self, reader, writer):
        carried = 0
        while piece := await reader.read(PIECE_BYTES):
            await self._flows.wait()
            if poison := self.poison:
                self.counts["poisoned"] += 1
                writer.write(poison)
                await writer.drain()
                # For as long as it takes to be read.
                await asyncio.sleep(POISON_SECONDS)
                return
            limit = self.cut_after
            is_cut = limit is not None and carried + len(piece) >= limit
            if is_cut:
                piece = piece[:max(0, limit - carried)]
            carried += len(piece)
            if self.one_byte:
                self.counts["alone"] += len(piece)
                for index in range(len(piece)):
                    writer.write(piece[index:index + 1])
                    await asyncio.sleep(0)
            else:
                writer.write(piece)
            await writer.drain()
            if is_cut:
                self.counts["cut"] += 1
                return


def reset(writer):
    """Ends a connection by RST, and without what is still queued."""
    try:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass  # It has ended already.
    writer.transport.abort()
