"""The load: what is sent, by wrk at full speed or by the driver itself when an exact number counts.

wrk runs generated Lua. The scripts build every request in advance where they can, look at no answer (that would cost
more than the answer itself), and end by printing one line of JSON, errors included. What the answers were is proven
otherwise: wrk counts the refusals, and the bytes it received must be those of the expected answer.
"""

import json
import os
import socket
import ssl
import subprocess
from dataclasses import dataclass
from typing import Optional

from servers import BenchError

CONNECTIONS = 32
WRK_GRACE_SECONDS = 30
CLIENT_TIMEOUT_SECONDS = 20
TTL_SECONDS = 3600

# One instance, 227 bytes, the same in Python and in Lua: both know %04d, %08d and %s, and JSON has no %.
# Fixed widths keep every request the same length, and so every answer.
INSTANCE = (
    '{"service_name":"svc-%04d","endpoint":{"type":"http","value":"host-%08d.internal:8080"},'
    f'"ttl":{TTL_SECONDS},'
    '"status":"%s","tags":["zone-a","v1.4.2","blue"],'
    '"metadata":{"version":"1.4.2","region":"eu-west","weight":10,"drain":false}}'
)
# What wrk counts, then what handshakes.c adds.
ERRORS = ("connect", "read", "write", "status", "timeout", "handshake", "resumption")
REGISTER_SERVICES = 1000  # registrations are spread over so many services

DONE = """
function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"microseconds":%d,"bytes":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d,'
    .. '"p50":%d,"p99":%d}\\n',
    summary.requests, summary.duration, summary.bytes, e.connect, e.read, e.write, e.status, e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass
class Run:
    """One run of wrk against one server, and what the server spent on it."""

    requests: int
    seconds: float
    bytes: int
    errors: dict
    p50_us: int
    p99_us: int
    server_cpu_seconds: float
    server_delay_seconds: float  # stood runnable, without a core
    client_cpu_seconds: float
    client_others_seconds: float  # what other processes and other machines took of the client's core
    peak_bytes: int               # the server's, at the end of the run
    negotiated: Optional[str] = None  # version, cipher and group, where handshakes.c was the load

    @property
    def per_second(self):
        return self.requests / self.seconds

    @property
    def cpu_us(self):
        """Server CPU time per request, microseconds."""
        return self.server_cpu_seconds * 1e6 / max(1, self.requests)

    @property
    def server_busy(self):
        """The share of the run that the server spent on a core or waiting for one: 1 is saturated (per loop)."""
        return (self.server_cpu_seconds + self.server_delay_seconds) / self.seconds

    @property
    def disturbed(self):
        """The larger share of the run that somebody else took of the server's or the client's core."""
        return max(self.server_delay_seconds, self.client_others_seconds) / self.seconds

    def failures(self, who, answer_bytes):
        """What makes this run worthless: refusals, broken connections, answers of another size than expected."""
        found = [f"{who}: {count} {kind} errors" for kind, count in self.errors.items() if count]
        if self.requests == 0:
            return [*found, f"{who}: no request was answered"]
        if answer_bytes is not None:
            least = 0.98 * answer_bytes * self.requests
            most = 1.02 * answer_bytes * (self.requests + 4 * CONNECTIONS)
            if not least <= self.bytes <= most:
                found.append(f"{who}: {self.bytes / self.requests:.0f} bytes an answer where {answer_bytes} were "
                             "expected: it did not answer what it was asked")
        return found


def busy_seconds(core):
    """What all processes together, and the hypervisor, have taken of one core since boot."""
    with open("/proc/stat", encoding="ascii") as stat:
        for line in stat:
            name, *fields = line.split()
            if name == f"cpu{core}":
                user, nice, system, steal = (int(fields[at]) for at in (0, 1, 2, 7))
                return (user + nice + system + steal) / os.sysconf("SC_CLK_TCK")
    return 0.0  # not one core but a list: nobody asks


def run_wrk(server, script, seconds, cores="1", threads=1, connections=CONNECTIONS, environment=None):
    """Runs wrk for whole `seconds` and measures the server's CPU time over the same span."""
    return run_load(server, ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "-s", str(script),
                             f"{server.scheme}://127.0.0.1:{server.port}/"], seconds, cores, environment)


def run_handshakes(server, binary, kind, request, seconds, cores="1"):
    """Runs handshakes.c, of the `kind` full or resume, with the request in the file `request` on every connection."""
    return run_load(server, [str(binary), str(server.port), str(seconds), str(CONNECTIONS), kind, str(request)],
                    seconds, cores)


def run_load(server, command, seconds, cores, environment=None):
    """Runs a load that ends by itself after `seconds` with a line of RESULT, pinned, beside the server's CPU time."""
    tool = os.path.basename(command[0])
    command = ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", cores, *command]
    cpu, delay = server.cpu_seconds(), server.run_delay_seconds()
    children, core = os.times(), busy_seconds(cores)
    client = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, env={**os.environ, **(environment or {})})
    try:
        output, _ = client.communicate(timeout=seconds + WRK_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        raise BenchError(f"{tool} against {server.name} did not end within {WRK_GRACE_SECONDS} s of its time") from None
    finally:
        if client.poll() is None:
            client.kill()
            client.wait()
    if server.process.poll() is not None:
        raise BenchError(f"{server.name} ended with {server.process.returncode} under load; see {server.log}")
    cpu, delay = server.cpu_seconds() - cpu, server.run_delay_seconds() - delay
    now, core = os.times(), busy_seconds(cores) - core
    client_cpu = now.children_user + now.children_system - children.children_user - children.children_system
    for line in output.splitlines():
        if line.startswith("RESULT "):
            result = json.loads(line[len("RESULT "):])
            return Run(
                requests=result["requests"], seconds=result["microseconds"] / 1e6, bytes=result["bytes"],
                errors={kind: result[kind] for kind in ERRORS if kind in result}, negotiated=result.get("negotiated"),
                p50_us=result["p50"], p99_us=result["p99"],
                server_cpu_seconds=cpu, server_delay_seconds=delay, client_cpu_seconds=client_cpu,
                client_others_seconds=max(0.0, core - client_cpu), peak_bytes=server.peak_resident_bytes())
    raise BenchError(f"{tool} against {server.name} gave no result: {output.strip()[-400:]}")


def request_bytes(method, target, host, body=None, header=None):
    """One request as wrk's scripts send it, so that what is learnt by hand is what is measured."""
    head = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n" + (header + "\r\n" if header else "")
    if body is not None:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n"
    elif method != "GET":
        head += "Content-Length: 0\r\n"
    return (head + "\r\n" + (body or "")).encode()


def write_cycle_script(path, method, targets, header=None):
    """A script that goes round `targets` for ever, with one more header; all requests are built before the run."""
    return write_mixed_script(path, ((method, target) for target in targets), header)


def write_mixed_script(path, requests, header=None):
    """A script that goes round requests, each a method and a target without a body; all are built before the run."""
    requests_file = path.with_suffix(".requests")
    requests_file.write_text("".join(f"{method} {target}\n" for method, target in requests))
    more = header.replace("\\", "\\\\").replace('"', '\\"') + "\\r\\n" if header else ""
    path.write_text(f"""\
local requests, at = {{}}, 0
function init()
  local host = wrk.host .. ":" .. wrk.port
  for line in io.lines("{requests_file}") do
    local length = line:sub(1, 4) == "GET " and "" or "Content-Length: 0\\r\\n"
    requests[#requests + 1] = line .. " HTTP/1.1\\r\\nHost: " .. host .. "\\r\\n{more}" .. length .. "\\r\\n"
  end
end
function request()
  at = at + 1
  if at > #requests then at = 1 end
  return requests[at]
end
{DONE}""")
    return path


def write_bodies_script(path, method, target, bodies):
    """A script that goes round `bodies`, each sent to one target; all requests are built before the run."""
    bodies_file = path.with_suffix(".bodies")
    bodies_file.write_text("".join(body + "\n" for body in bodies))
    path.write_text(f"""\
local requests, at = {{}}, 0
function init()
  local host = wrk.host .. ":" .. wrk.port
  for body in io.lines("{bodies_file}") do
    requests[#requests + 1] = "{method} {target} HTTP/1.1\\r\\nHost: " .. host
      .. "\\r\\nContent-Type: application/json\\r\\nContent-Length: " .. #body .. "\\r\\n\\r\\n" .. body
  end
end
function request()
  at = at + 1
  if at > #requests then at = 1 end
  return requests[at]
end
{DONE}""")
    return path


def write_register_script(path):
    """A script whose every request registers an instance that never was before (one wrk thread only)."""
    path.write_text(f"""\
local format, n, before = string.format, 0, nil
local instance = '{INSTANCE}'
function init()
  local length = #format(instance, 0, 0, "UP")
  before = "POST /api/v1/instances HTTP/1.1\\r\\nHost: " .. wrk.host .. ":" .. wrk.port
    .. "\\r\\nContent-Type: application/json\\r\\nContent-Length: " .. length .. "\\r\\n\\r\\n"
end
function request()
  n = n + 1
  return before .. format(instance, n % {REGISTER_SERVICES}, n, "UP")
end
{DONE}""")
    return path


def write_numbered_script(path, target, pattern):
    """A script whose every request posts `pattern` with another number in it, in the place of its %d (one wrk thread only)."""
    path.write_text(f"""\
local format, n, before = string.format, 0, nil
local pattern = '{pattern}'
function init()
  before = "POST {target} HTTP/1.1\\r\\nHost: " .. wrk.host .. ":" .. wrk.port
    .. "\\r\\nContent-Type: application/json\\r\\nContent-Length: " .. #format(pattern, 0) .. "\\r\\n\\r\\n"
end
function request()
  n = n + 1
  return before .. format(pattern, n)
end
{DONE}""")
    return path


@dataclass
class Answer:
    status: int
    reason: str
    headers: list  # of (name, value), in the order they came
    body: bytes
    size: int  # of the whole answer on the wire
    raw: bytes = b""  # the same as it came

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


def unverified_context():
    """A TLS client with OpenSSL's defaults that believes every certificate: whom it asks is known by the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Client:
    """A keep-alive connection that reads answers byte for byte, for asking one thing exactly."""

    def __init__(self, port, tls=False):
        self.host = f"127.0.0.1:{port}"
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=CLIENT_TIMEOUT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = unverified_context().wrap_socket(self.socket)
        self.input = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, method, target, body=None, header=None):
        self.send(method, target, body, header)
        return self.receive()

    def send(self, method, target, body=None, header=None):
        self.socket.sendall(request_bytes(method, target, self.host, body, header))

    def _more(self):
        try:
            got = self.socket.recv(1 << 18)
        except TimeoutError:
            raise BenchError(f"no answer from {self.host} within {CLIENT_TIMEOUT_SECONDS} s") from None
        if not got:
            raise BenchError(f"{self.host} closed the connection in the middle of an answer")
        return got

    def receive(self):
        while (end := self.input.find(b"\r\n\r\n")) < 0:
            self.input += self._more()
        first, *lines = self.input[:end].decode("latin-1").split("\r\n")
        _, status, *reason = first.split(" ", 2)
        headers = [tuple(line.split(": ", 1)) if ": " in line else (line.rstrip(":"), "") for line in lines]
        answer = Answer(int(status), "".join(reason), headers, b"", 0)
        length = "0" if answer.status in (204, 304) else answer.header("Content-Length")
        if length is None:
            raise BenchError(f"{self.host} answered without Content-Length; headers: {headers}")
        chunks, have, size = [self.input[end + 4:]], len(self.input) - end - 4, int(length)
        while have < size:
            chunks.append(self._more())
            have += len(chunks[-1])
        rest = b"".join(chunks)
        answer.raw = self.input[:end + 4] + rest[:size]
        answer.body, self.input = rest[:size], rest[size:]
        answer.size = end + 4 + size
        return answer


def register_many(port, numbers, service_of, status_of=lambda number: "UP"):
    """Registers exactly these instances, 32 at a time, and returns their ids in order."""
    numbers = list(numbers)
    ids = []
    clients = [Client(port) for _ in range(min(CONNECTIONS, len(numbers)))]
    try:
        for start in range(0, len(numbers), len(clients) or 1):
            batch = numbers[start:start + len(clients)]
            for client, number in zip(clients, batch):
                client.send("POST", "/api/v1/instances", INSTANCE % (service_of(number), number, status_of(number)))
            for client, number in zip(clients, batch):
                answer = client.receive()
                if answer.status != 201:
                    raise BenchError(f"registering instance {number} was answered {answer.status}: {answer.body[:200]}")
                ids.append(json.loads(answer.body)["id"])
    finally:
        for client in clients:
            client.socket.close()
    return ids


def redis_expire(server, seconds, cores="1"):
    """EXPIRE over 1,000 keys with redis-benchmark, for about `seconds`: (per second, CPU microseconds each)."""
    def run(count, *command):
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", cores, "redis-benchmark", "-p", str(server.port),
             "-c", str(CONNECTIONS), "-r", "1000", "-n", str(count), "--csv", *command],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds * 10 + WRK_GRACE_SECONDS)
        if done.returncode != 0 or "ERR" in done.stdout + done.stderr:
            raise BenchError(f"redis-benchmark failed: {(done.stdout + done.stderr).strip()[-300:]}")
        # The last line reads "COMMAND","requests per second",... (older versions print no heading).
        return float(done.stdout.strip().splitlines()[-1].split(",")[1].strip('"'))

    guess = run(20_000, "SET", "key:__rand_int__", "x")
    count = int(guess * seconds)
    cpu = server.cpu_seconds()
    rate = run(count, "EXPIRE", "key:__rand_int__", "60")
    return rate, (server.cpu_seconds() - cpu) * 1e6 / count
