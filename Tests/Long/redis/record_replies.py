#!/usr/bin/env python3
"""Records what real engines answer to questions about where they are, for the tests of RedisStore.

Usage: record_replies.py [FOLDER]

Writes a file for each reply, as bytes, into FOLDER (default Tests/RedisStoreTests/Recorded), a folder for each engine; and of a failover what each
Sentinel said when, as lines: milliseconds since the master was killed, the Sentinel, the address that it names, the address and the epoch of its
configuration, and its flags. Ports are other ones each time.
"""

import pathlib
import sys
import time

from engines import FLAVORS, MASTER_NAME, ROOT, Sentinels, SixNodes, pairs, wait_until

from resp import encoded

SAMPLE_SECONDS = 0.02
WATCH_SECONDS = 8
QUIET_SECONDS = 0.3


def raw(engine, *words, until=QUIET_SECONDS):
    """The bytes of all that is answered until nothing comes for a while."""
    with engine.connect() as conversation:
        conversation.socket.sendall(encoded(words))
        conversation.socket.settimeout(until)
        data = b""
        try:
            while piece := conversation.socket.recv(1 << 16):
                data += piece
        except TimeoutError:
            pass
        return data


def record_sentinels(flavor, keep):
    with Sentinels(flavor) as group:
        sentinel, master = group.sentinels[0], group.master()
        questions = (("GET-MASTER-ADDR-BY-NAME", MASTER_NAME), ("MASTER", MASTER_NAME), ("SENTINELS", MASTER_NAME))
        keep("sentinel-calm", b"".join(raw(sentinel, "SENTINEL", *words) for words in questions))
        keep("sentinel-of-another-group", b"".join(raw(sentinel, "SENTINEL", words[0], "nobody") for words in questions))
        names = {engine.port: f"engine{number}" for number, engine in enumerate(group.engines)}
        master.kill()
        killed, lines = time.monotonic(), []
        while time.monotonic() < killed + WATCH_SECONDS:
            for number, one in enumerate(group.sentinels):
                at = round((time.monotonic() - killed) * 1_000)
                with one.connect() as conversation:
                    address, fields = conversation.ask_all([("SENTINEL", *words) for words in questions[:2]])
                told = pairs(fields)
                line = f"sentinel{number} {names[int(address[1])]} {names[int(told['port'])]} {told['config-epoch']} {told['flags']}"
                if line not in [before.split(" ", 1)[1] for before in lines if f" sentinel{number} " in before][-1:]:
                    lines.append(f"{at} {line}")
            time.sleep(SAMPLE_SECONDS)
        keep("failover", ("\n".join(lines) + "\n").encode())


def record_cluster(flavor, keep):
    with SixNodes(flavor) as cluster:
        first, second, third = cluster.nodes[:3]
        keep("slots", raw(first, "CLUSTER", "SLOTS"))
        keep("moved", b"".join(raw(third, "GET", f"{{a8.{shard}}}:m") for shard in range(16)))
        first.set("cluster-announce-hostname", "one.example")
        wait_until("the name to be told", lambda: b"one.example" in raw(second, "CLUSTER", "SLOTS"), 20)
        for node in (first, second):
            node.set("cluster-preferred-endpoint-type", "hostname")
        keep("slots-with-names", raw(second, "CLUSTER", "SLOTS"))
        first.set("cluster-preferred-endpoint-type", "unknown-endpoint")
        keep("slots-without-hosts", raw(first, "CLUSTER", "SLOTS"))


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "Tests" / "RedisStoreTests" / "Recorded"
    for flavor in FLAVORS:
        def keep(name, data, flavor=flavor):
            path = folder / flavor / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            print(path)

        record_sentinels(flavor, keep)
        record_cluster(flavor, keep)


if __name__ == "__main__":
    main()
