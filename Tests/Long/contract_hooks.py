"""What the OpenAPI description cannot say, for Schemathesis.

JSON Schema counts characters where the registry counts bytes, and cannot bound the bytes of a JSON value. Without these
hooks a body that is valid by the description, yet over a limit in bytes, would be reported as wrongly refused. Only what the
generator believes valid is held back; invalid bodies reach the registry untouched.

Nor can it say that `fields=` is a list without names (R313): the generator takes it for a list of one bad name; how long a duration may be; or that a
status may stand in the query or in the body. Requests that fail for such reasons are not sent, and one that is to be held is held for a moment.

And it says nothing of what all answers have in common: their identity, and what browsers look for (R114, R116, R122-R125). That is checked here,
for the origin that every request of the run names.
"""

import json
import re

import schemathesis
from schemathesis import GenerationMode

# The page of another origin whose requests these are: run_schemathesis.py has the registry started with it.
ORIGIN = "https://console.example"
# What is refused before it was read is marked for nobody (R122), and so is a fault of the transport.
UNREAD = (400, 408, 413, 414, 417, 431, 501, 505)

# How long an answer is held at most: the run waits for one after the other.
SHORT_WAIT = "100ms"
LONGEST_DURATION = "8784h"

SERVICE_NAME_BYTES = 64
ENDPOINT_VALUE_BYTES = 128
METADATA_BYTES = 1024
NAMESPACE_BYTES = 256
STATUS_OPERATIONS = ("setStatus", "setServiceStatus")
EUREKA_BODIES = ("eurekaRegister", "eurekaRegisterDelta", "eurekaReplicate")


def size(value):
    """UTF-8 bytes of a string; a lone surrogate, which has none, counts as too many."""
    try:
        return len(value.encode("utf-8"))
    except UnicodeEncodeError:
        return 1 << 30


def within_bytes(body):
    if not isinstance(body, dict):
        return True
    name = body.get("service_name")
    if isinstance(name, str) and size(name) > SERVICE_NAME_BYTES:
        return False
    endpoint = body.get("endpoint")
    if isinstance(endpoint, dict):
        value = endpoint.get("value")
        if isinstance(value, str) and size(value) > ENDPOINT_VALUE_BYTES:
            return False
    return "metadata" not in body or len(json.dumps(body["metadata"])) <= METADATA_BYTES


def is_empty(value):
    return value in ("", [""])


UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


def nanoseconds(text):
    """What a duration of the description's pattern comes to."""
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([0-9]+(?:\.[0-9]*)?)(ns|us|µs|ms|s|m|h)", text))


@schemathesis.hook
def before_call(context, case, kwargs):
    """Has what would be held for long held for a moment: a wait that is absent or 0 is one of minutes in Consul's API."""
    query = case.query or {}
    if "index" in query or nanoseconds(str(query.get("wait", ""))) > nanoseconds(SHORT_WAIT):
        case.query["wait"] = SHORT_WAIT


def may_be_sent(case):
    """Whether what is valid by the description is valid by what it cannot say."""
    query, operation = case.query or {}, case.operation.definition.raw.get("operationId")
    if "for" in query and not 1 <= nanoseconds(str(query["for"])) <= nanoseconds(LONGEST_DURATION):
        return False
    if size(str(query.get("namespace", ""))) > NAMESPACE_BYTES:
        return False
    if operation in STATUS_OPERATIONS:
        return ("value" in query) != (isinstance(case.body, dict) and "status" in case.body)
    # Eureka's documents are described in docs/eureka.md.
    if operation in EUREKA_BODIES:
        return False
    return operation != "registerInstance" or within_bytes(case.body)


@schemathesis.hook
def filter_case(context, case):
    if is_empty((case.query or {}).get("fields")):
        return False
    if case.meta is not None and case.meta.generation.mode != GenerationMode.POSITIVE:
        return True
    return may_be_sent(case)


def values(response, name):
    return [value for line in response.headers.get(name, []) for value in line.replace(" ", "").split(",")]


@schemathesis.check
def marked_for_browsers(context, response, case):
    """Every answer has one identity, and lets the one origin that is named read it, cookies aside."""
    identity = values(response, "x-request-id")
    assert len(identity) == 1 and identity == values(response, "request_id"), f"R114: {identity}, {values(response, 'request_id')}"
    assert "Accept-Encoding" in values(response, "vary"), "R116"
    assert not values(response, "access-control-allow-credentials"), "R125"
    allowed = values(response, "access-control-allow-origin")
    sent = case.headers.get("Origin", ORIGIN)
    if response.status_code in UNREAD and "close" in values(response, "connection"):
        assert not allowed, f"R122: what was not read is marked for {allowed}"
        return
    assert "Origin" in values(response, "vary"), "R124"
    assert allowed == ([ORIGIN] if sent == ORIGIN else []), f"R122: {allowed} for {sent}"
    if allowed and response.status_code != 204:
        assert "ETag" in values(response, "access-control-expose-headers"), "R122"
    if response.status_code == 405:
        assert "OPTIONS" in values(response, "allow"), "R103, R104"
