#!/usr/bin/env python3
"""Checks that the peer which plays the original's part gets on with itself: a wrong double proves nothing about the real thing.

Usage: original_peer_check.py
Standard library only. Exits with 0 when everything held.
"""

import http.client
import json
import pathlib
import sys
import tempfile
import time

from original_peer import DEREGISTER, REDIAL_SECONDS, RENEW, SCAN_SECONDS, OriginalPeer, decode, encode, go_time, parse_go_time

PATIENCE_SECONDS = 10
POLL_SECONDS = 0.01


def wait_for(promise, condition):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"not within {PATIENCE_SECONDS} s: {promise}")
        time.sleep(POLL_SECONDS)
    print(f"held: {promise}")


def body(number, **fields):
    return {"service_name": "web", "endpoint": {"type": "tcp", "value": f"10.0.0.{number}:80"}, "ttl": 60, **fields}


def status_of(peer, member_id):
    host, _, port = peer.name.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=5)
    connection.request("GET", "/v1/replication", headers={"Member-ID": member_id} if member_id else {})
    status = connection.getresponse().status
    connection.close()
    return status


def main():
    assert parse_go_time("2026-11-23T00:04:31.770527017Z") == 1795392271770527017
    assert go_time(1795392271770527017) == "2026-11-23T00:04:31.770527017Z"
    assert go_time(1795392271500000000) == "2026-11-23T00:04:31.5Z"
    assert decode(encode(RENEW, b"abc")) == (RENEW, b"abc")

    with tempfile.TemporaryDirectory(prefix="original-") as directory:
        first = OriginalPeer(directory, sync_timeout=1, period=0.02)
        first.start()
        early = first.client_register("tenant", body(1, metadata={"zone": "eu"}, tags=["v1"]))
        second = OriginalPeer(directory, sync_timeout=5, period=0.02)
        second.start()
        wait_for("a new member copies what there is", lambda: second.catalog.get("tenant", early["ID"]) is not None)
        assert second.copied_from == first.name
        assert json.loads((pathlib.Path(directory) / first.name).read_text())["port"] == first.port
        wait_for("each reads the other", lambda: all(
            len(peer.readers) == 1 and len(peer.status()["reads"]) == 1 for peer in (first, second)))

        began = time.monotonic()
        late = second.client_register("tenant", body(2))
        wait_for("a registration reaches the other", lambda: first.catalog.get("tenant", late["ID"]) is not None)
        print(f"after {(time.monotonic() - began) * 1000:.0f} ms")
        second.client_set_status("tenant", late["ID"], "OUT_OF_SERVICE")
        wait_for("a status does", lambda: first.catalog.get("tenant", late["ID"]).fields["Status"] == "OUT_OF_SERVICE")

        first.catalog.deregister("tenant", early["ID"])
        second.client_renew("tenant", early["ID"])
        wait_for("a renewal of something unknown brings it", lambda: first.catalog.get("tenant", early["ID"]) is not None)
        before = first.catalog.get("tenant", early["ID"]).deadline
        second.client_renew("tenant", early["ID"])
        wait_for("a renewal moves the lease", lambda: first.catalog.get("tenant", early["ID"]).deadline > before)
        second.client_deregister("tenant", early["ID"])
        wait_for("a deregistration does", lambda: first.catalog.get("tenant", early["ID"]) is None)
        assert first.catalog.get("other", late["ID"]) is None

        assert status_of(first, None) == 400 and status_of(first, first.name) == 400
        assert decode(encode(DEREGISTER, b"x")) == (DEREGISTER, b"x")
        problems = {**first.problems, **second.problems}
        assert not problems, problems

        # Every name counts as a member, by the address inside.
        double = pathlib.Path(directory) / f".{second.name}.new"
        double.write_text((pathlib.Path(directory) / second.name).read_text())
        wait_for("a second name is a second member", lambda: len(first.members) == 2)
        wait_for("it is read anew", lambda: first.status()["reads"] == [second.name])
        double.unlink()
        wait_for("when it is gone, its address is read no more", lambda: len(first.members) == 1 and not first.status()["reads"])
        time.sleep(REDIAL_SECONDS * 0.02 * 4)
        assert not first.status()["reads"], "it was dialed again"
        empty = pathlib.Path(directory) / "10.9.9.8:6100"
        empty.touch()
        time.sleep(SCAN_SECONDS * 0.02 * 4)
        assert len(first.members) == 1 and empty.exists(), "an empty file is no member, and stays"
        empty.unlink()

        second.stop()
        time.sleep(SCAN_SECONDS * 0.02 * 4)
        assert first.members == {second.name: second.name}, "a member that stops without a word is a member for as long as its file is fresh"
        second.own_file.unlink()
        wait_for("a member whose file is gone has left", lambda: not first.members)
        stale = pathlib.Path(directory) / "10.9.9.9:6100"
        stale.write_text(json.dumps({"ip": "10.9.9.9", "port": 6100, "timestamp": "2020-01-01T00:00:00Z"}))
        wait_for("a file that has expired is deleted", lambda: not stale.exists())
        first.stop(leaves=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
