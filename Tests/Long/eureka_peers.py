#!/usr/bin/env python3
"""Checks that the running registry is a good peer to servers of Netflix's Eureka, both ways.

Usage: eureka_peers.py [--registry PATH]

The server of Netflix's is played by netflix_peer.py, strictly by the contract. Standard library only; exits with 0 only when everything
passed.
"""

import json
import re
import sys
import time

import checks
from eureka_clients import ask, free_port, instance, wait
from netflix_peer import NetflixPeer
from running_registry import RunningRegistry

KIND = {"Content-Type": "application/json"}


def register(registry, app, name, dirty=1_000, **more):
    body = {"instance": NetflixPeer.registration(app, name, dirty, **more)}
    assert ask(registry, f"/eureka/v2/apps/{app}", "POST", json.dumps(body).encode(), **KIND)[0] == 204


def register_rest(registry, number, **more):
    body = {"service_name": "rest", "endpoint": {"type": "http", "value": f"10.0.0.9:{1 + number}"}, "ttl": 300, **more}
    status, answer = ask(registry, "/api/v1/instances", "POST", json.dumps(body).encode(), **KIND)
    assert status == 201, answer
    return json.loads(answer)["id"]


def metric(registry, pattern):
    found = re.search(rb"^" + pattern + rb" (\d+)", ask(registry, "/metrics")[1], re.MULTILINE)
    return int(found[1]) if found else 0


def nothing_waits(registry):
    return metric(registry, rb"a8registry_eureka_peers_waiting") == 0


def no_violations(peer):
    assert not peer.violations, peer.violations[:5]


def both_ways_and_nothing_back(options):
    """What Netflix's server tells is taken and not sent back; what clients do here it is told, in batches of 250 at most."""
    with NetflixPeer() as peer, RunningRegistry(options.registry, {"EUREKA_PEERS": peer.url}) as registry:
        base = registry.url + "/eureka/v2"
        theirs = [peer.registration("THEIRS", f"t{n}", 1_000 + n) for n in range(250)]
        results = peer.tell(base, [
            {"action": "Register", "appName": "THEIRS", "id": info["instanceId"], "lastDirtyTimestamp": int(info["lastDirtyTimestamp"]),
             "status": "UP", "instanceInfo": info} for info in theirs])
        assert all(result["statusCode"] in (200, 204) for result in results), results[:3]
        beat = {"action": "Heartbeat", "appName": "THEIRS", "status": "UP", "overriddenStatus": "UNKNOWN"}
        results = peer.tell(base, [
            {**beat, "id": "t0", "lastDirtyTimestamp": 1_000}, {**beat, "id": "t1", "lastDirtyTimestamp": 5_000},
            {**beat, "id": "t2", "lastDirtyTimestamp": 5}, {**beat, "id": "none", "lastDirtyTimestamp": 5},
            {"action": "StatusUpdate", "appName": "THEIRS", "id": "t3", "lastDirtyTimestamp": 1_003, "status": "OUT_OF_SERVICE"},
            {"action": "Cancel", "appName": "THEIRS", "id": "t4", "lastDirtyTimestamp": 1_004}])
        assert [result["statusCode"] for result in results] == [200, 404, 409, 404, 200, 200], results
        assert results[2]["responseEntity"]["lastDirtyTimestamp"] == "1002"
        # Single calls of a Netflix server are marked by a header.
        marked = {**KIND, "x-netflix-discovery-replication": "true"}
        body = json.dumps({"instance": peer.registration("THEIRS", "single", 1)}).encode()
        assert ask(registry, "/eureka/v2/apps/THEIRS", "POST", body, **marked)[0] == 204
        assert ask(registry, "/eureka/v2/apps/THEIRS/single?lastDirtyTimestamp=1", "PUT", None, **marked)[0] == 200
        assert ask(registry, "/eureka/v2/apps/THEIRS/t5/status?value=DOWN", "PUT", None, **marked)[0] == 200
        assert ask(registry, "/eureka/v2/apps/THEIRS/t6", "DELETE", None, **marked)[0] == 200

        began = time.time()
        for number in range(300):
            register(registry, "OURS", f"o{number}")
            register_rest(registry, number)
        wait("600 registrations at Netflix's server", lambda: len(peer.instances) == 600)
        assert ask(registry, "/eureka/v2/apps/OURS/o0?status=UP&lastDirtyTimestamp=1000", "PUT")[0] == 200
        assert ask(registry, "/eureka/v2/apps/OURS/o1/status?value=OUT_OF_SERVICE", "PUT")[0] == 200
        assert ask(registry, "/eureka/v2/apps/OURS/o2", "DELETE")[0] == 200
        wait("an override", lambda: peer.overrides.get(("OURS", "o1")) == "OUT_OF_SERVICE")
        wait("a removal", lambda: ("OURS", "o2") not in peer.instances)
        assert ask(registry, "/eureka/v2/apps/OURS/o1/status", "DELETE")[0] == 200
        wait("the override's end", lambda: ("OURS", "o1") not in peer.overrides)
        # A client that has moved here is one of ours from then on.
        assert ask(registry, "/eureka/v2/apps/THEIRS/t7?status=UP&lastDirtyTimestamp=1007", "PUT")[0] == 200
        wait("its registration, which Netflix's server here has lost", lambda: ("THEIRS", "t7") in peer.instances)
        wait("that nothing waits", lambda: nothing_waits(registry))
        told = {element["id"] for element in peer.told_of("THEIRS")}
        assert told == {"t7"}, f"what Netflix's server had told came back: {sorted(told)[:5]}"
        actions = [element["action"] for element in peer.told_of("OURS") if element["id"] == "o0"]
        assert actions == ["Register", "Heartbeat"], actions
        no_violations(peer)
        print(f"  {len(peer.batches)} batches of at most {max(len(batch[1]) for batch in peer.batches)}, "
              f"the first {1000 * (peer.batches[0][0] - began):.0f} ms after the first registration")


def a_congested_server_is_told_again(options):
    with NetflixPeer() as peer, RunningRegistry(options.registry, {"EUREKA_PEERS": peer.url}) as registry:
        peer.refusals = [503, 503]
        register(registry, "A", "i")
        register(registry, "A", "j")
        wait("both at the server once it takes batches again", lambda: len(peer.instances) == 2)
        assert not peer.refusals and len(peer.batches) == 1
        assert ask(registry, "/eureka/v2/apps/A/j", "DELETE")[0] == 200
        wait("a removal", lambda: len(peer.instances) == 1)
        no_violations(peer)


def batches_are_no_longer_than_servers_take(options):
    """At most 1 MiB, and less where the answer is 413."""
    pad = {"pad": "x" * 20_000}
    for longest in (None, 100_000):
        with NetflixPeer() as peer, RunningRegistry(options.registry, {"EUREKA_PEERS": peer.url}) as registry:
            peer.longest = longest
            for number in range(120):
                register(registry, "A", f"i{number}", metadata=pad)
            wait("all of them at the server", lambda: len(peer.instances) == 120)
            longest_sent = max(size for _, _, size in peer.batches)
            assert longest_sent <= (longest or 1 << 20), longest_sent
            assert metric(registry, rb"a8registry_eureka_peers_dropped_total") == 0
            no_violations(peer)


def a_server_that_restarts_is_told_everything(options):
    """It knows nothing then, and answers 404 to heartbeats."""
    port = free_port()
    with RunningRegistry(options.registry, {"EUREKA_PEERS": f"http://127.0.0.1:{port}/eureka"}) as registry:
        for number in range(20):
            register(registry, "A", f"i{number}")
        for life in ("starts late", "restarts"):
            with NetflixPeer(port) as peer:
                for number in range(20):
                    assert ask(registry, f"/eureka/v2/apps/A/i{number}?status=UP&lastDirtyTimestamp=1000", "PUT")[0] == 200
                wait(f"all at a server that {life}", lambda: len(peer.instances) == 20)
                no_violations(peer)


def two_of_ours_name_each_other(options):
    """What one tells the other does not come back."""
    ports = [free_port(), free_port()]
    settings = [{"API_PORT": str(port), "EUREKA_PEERS": f"http://127.0.0.1:{other}/eureka/v2"}
                for port, other in (ports, reversed(ports))]
    with RunningRegistry(options.registry, settings[0]) as one, RunningRegistry(options.registry, settings[1]) as other:
        for number in range(50):
            register(one, "A", f"i{number}")
        wait("all at the other", lambda: metric(other, rb"a8registry_instances") == 50)
        for number in range(50):
            assert ask(one, f"/eureka/v2/apps/A/i{number}?lastDirtyTimestamp=1000", "PUT")[0] == 200
        assert ask(one, "/eureka/v2/apps/A/i0/status?value=DOWN", "PUT")[0] == 200
        wait("an override", lambda: instance_status(other, "i0") == "DOWN")
        assert ask(one, "/eureka/v2/apps/A/i1", "DELETE")[0] == 200
        wait("a removal", lambda: metric(other, rb"a8registry_instances") == 49)
        batches = rb'a8registry_http_requests_total\{operation="eurekaReplicate",status="200"\}'
        assert nothing_waits(other) and metric(one, batches) == 0 and metric(other, batches) > 0
        register(other, "B", "back")
        wait("what clients do at the other", lambda: instance(one, "B"))
        # Both hold the same.
        assert hash_code(one) == hash_code(other) == "DOWN_1_UP_49_", (hash_code(one), hash_code(other))


def instance_status(registry, name):
    status, body = ask(registry, f"/eureka/v2/apps/A/{name}", Accept="application/json")
    return json.loads(body)["instance"]["status"] if status == 200 else None


def hash_code(registry):
    return json.loads(ask(registry, "/eureka/v2/apps", Accept="application/json")[1])["applications"]["apps__hashcode"]


if __name__ == "__main__":
    sys.exit(checks.run([
        both_ways_and_nothing_back, a_congested_server_is_told_again, batches_are_no_longer_than_servers_take,
        a_server_that_restarts_is_told_everything, two_of_ours_name_each_other,
    ], __doc__))
