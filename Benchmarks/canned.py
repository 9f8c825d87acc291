"""What the floor says: answers learnt from the registry, so that both send the same bytes.

A floor that sends less than the registry would make the registry look worse than it is, one that sends more would
flatter it. So the headers and the body come from a real answer of the registry, and once the floor runs its answer is
held against that one.
"""

import json
from pathlib import Path

from load import INSTANCE, Answer, Client
from servers import BenchError

LEFT_TO_EVHTTP = ("date", "content-length")
SIZE_TOLERANCE = 0.02  # addresses in links, ids and times may differ by some bytes


def learn(port, method, target, status, body=None, header=None):
    """Asks the registry once and returns its answer; refuses one that is not what the item means to measure."""
    with Client(port) as client:
        answer = client.ask(method, target, body, header)
    if answer.status != status:
        raise BenchError(f"{method} {target} was answered {answer.status} where {status} is the contract: "
                         f"{answer.body[:200]!r}")
    if (answer.header("Connection") or "keep-alive").lower() != "keep-alive":
        raise BenchError(f"{method} {target}: the registry does not keep the connection alive")
    return answer


def entry(method, pattern, answer):
    """One canned answer in the floor's file format (described in floor.c)."""
    headers = [(name, value) for name, value in answer.headers if name.lower() not in LEFT_TO_EVHTTP]
    lines = [f"{method} {pattern} {answer.status} {len(headers)} {len(answer.body)} {answer.reason}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\n".join(lines) + "\n").encode("latin-1") + answer.body + b"\n"


def write(path, entries):
    Path(path).write_bytes(b"".join(entries))
    return path


def compare(learnt, floor):
    """How the floor's answer differs from the one it was taught, as sentences; none when it does not."""
    found = []
    names = [sorted(name.lower() for name, _ in answer.headers) for answer in (learnt, floor)]
    if names[0] != names[1]:
        found.append(f"the floor sends other headers than the registry: {names[1]} for {names[0]}")
    if (learnt.status, learnt.body) != (floor.status, floor.body):
        found.append("the floor sends another status or body than the registry")
    if abs(learnt.size - floor.size) > SIZE_TOLERANCE * learnt.size:
        found.append(f"the floor sends {floor.size} bytes for the registry's {learnt.size}")
    return found


# The registry's part, played by the floor, for `--self-test`: answers of about the right shape and size.

def _stand_in(status, reason, body):
    text = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
    headers = [("X-Request-Id", "0123456789abcdef"), ("Vary", "Accept-Encoding")]
    if text:
        headers.append(("Content-Type", "application/json"))
    return Answer(status, reason, headers, text, 0)


def stand_in_entries(heartbeat_status=200, has_every_instance=False):
    """Canned answers with which the floor passes for a registry of 100 services of 10 instances. It has none by its id, or
    all of them for ever."""
    def instance(number):
        return {"id": f"{number:016x}", **json.loads(INSTANCE % (number // 10, number, "UP"))}

    one = {"id": f"{1:016x}", "ttl": 3600}
    ten = [instance(number) for number in range(10)]
    return [
        entry("POST", "/api/v1/instances", _stand_in(201, "Created", one)),
        entry("PUT", "/api/v1/instances/*/heartbeat", _stand_in(heartbeat_status, "OK", None)),
        entry("GET", "/api/v1/services", _stand_in(200, "OK", {"services": [f"svc-{n:04d}" for n in range(100)]})),
        entry("GET", "/api/v1/services/*", _stand_in(200, "OK", {"service_name": "svc-0000", "instances": ten})),
        entry("GET", "/api/v1/instances?*", _stand_in(200, "OK", {"instances": ten[:5]})),
        entry("GET", "/api/v1/instances", _stand_in(200, "OK", {"instances": [instance(n) for n in range(1000)]})),
        entry("GET", "/", _stand_in(200, "OK", None)),
    ] + ([entry("GET", "/api/v1/instances/*", _stand_in(200, "OK", instance(1)))] if has_every_instance else [])
