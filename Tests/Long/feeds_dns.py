#!/usr/bin/env python3
"""Has real clients of DNS ask the running registry: every answer is read back by dnspython and dig, haproxy fills its servers, and Unbound,
which changes the case of names at random, forwards to it. The registry is restarted in the middle.

Usage: feeds_dns.py [--registry PATH] [--venv DIR] [CHECK ...]

Needs dig, haproxy and unbound; dnspython is installed into the virtual environment when it is not there yet. Exits with 0 only when everything
passed.
"""

import contextlib
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import venv

import checks
from running_registry import RunningRegistry

REQUIREMENTS = ["dnspython==2.9.2"]
WAIT_SECONDS = 30
# How long haproxy keeps a server that is not answered any more; and how long it may take to notice beyond that.
OBSOLETE_SECONDS = 2

# Asks each line of its input, `udp|tcp SIZE NAME TYPE`, and prints what it has read as JSON, or the error. Anything behind a message, and any
# pointer that leads forwards, is an error of dnspython's.
READER = """
import json, sys, dns.flags, dns.message, dns.query, dns.rcode, dns.rdatatype
port = int(sys.argv[1])
for line in sys.stdin:
    transport, size, name, kind = line.split()
    query = dns.message.make_query(name, kind, use_edns=int(size) > 0, payload=int(size) or None, want_dnssec=False)
    try:
        answer = getattr(dns.query, transport)(query, "127.0.0.1", port=port, timeout=10, ignore_trailing=False)
        records = lambda section: sorted(str(item) for rrset in section for item in rrset if rrset.rdtype != dns.rdatatype.OPT)
        print(json.dumps({"code": dns.rcode.to_text(answer.rcode()), "truncated": bool(answer.flags & dns.flags.TC),
            "answer": records(answer.answer), "authority": records(answer.authority), "additional": records(answer.additional)}), flush=True)
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def await_that(what, condition, seconds=WAIT_SECONDS):
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = condition()
            if found:
                return found
        except OSError:
            found = None
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}; last: {found!r}"
        time.sleep(0.05)


class Server:
    """A registry with DNS on a port that outlives it."""

    def __init__(self, options, **settings):
        self.options, self.port, self.settings = options, free_port(), settings
        self.registry = self.start()

    def start(self):
        return RunningRegistry(self.options.registry, {"DNS_PORT": str(self.port), "DEFAULT_TTL": "10m", **self.settings})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.registry.__exit__()

    def restart(self):
        self.registry.stop()
        self.registry.__exit__()
        self.registry = self.start()

    def register(self, instances):
        """Registers (service, type, value, tags) each; returns their ids."""
        connection = self.registry.connect()
        ids = []
        for service, kind, value, tags in instances:
            body = {"service_name": service, "endpoint": {"type": kind, "value": value}, "tags": tags, "ttl": 600}
            connection.request("POST", "/api/v1/instances", json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == 201, (answer.status, text)
            ids.append(json.loads(text)["id"])
        connection.close()
        return ids

    def remove(self, identifier):
        connection = self.registry.connect()
        connection.request("DELETE", f"/api/v1/instances/{identifier}")
        assert connection.getresponse().status == 200
        connection.close()


class Reader:
    """dnspython, in a process of its own."""

    def __init__(self, options, port):
        python = options.venv / "bin" / "python3"
        if not python.exists():
            venv.create(options.venv, symlinks=True, with_pip=True)
        if subprocess.run([python, "-c", "import dns"], capture_output=True).returncode:
            subprocess.run([python, "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)
        self.process = subprocess.Popen(
            [python, "-c", READER, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def ask(self, name, kind, transport="udp", size=0):
        self.process.stdin.write(f"{transport} {size} {name} {kind}\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, (name, kind, answer)
        return answer


def dig(port, name, kind, *options):
    """The answer section of dig, sorted, one record each; fails for whatever dig complains of."""
    done = subprocess.run(
        ["dig", "@127.0.0.1", "-p", str(port), name, kind, "+tries=2", "+time=5", "+noall", "+answer", "+comments", *options],
        capture_output=True, text=True)
    lines = done.stdout.splitlines()
    complaints = [line for line in lines if "Warning" in line or "malformed" in line or ";; ERROR" in line or "Truncated" in line]
    assert done.returncode == 0 and not complaints, (name, kind, done.stdout, done.stderr)
    status = next(line.split("status: ")[1].split(",")[0] for line in lines if "status: " in line)
    records = [line.split(None, 4) for line in lines if line and not line.startswith(";")]
    return status, sorted(record[4] for record in records)


def serial(reader):
    """The serial of the zone."""
    return int(reader.ask("a8", "SOA")["answer"][0].split()[2])


# MARK: - Checks


def every_answer_is_read_by_dig_and_dnspython(options):
    instances = [
        ("web", "http", "10.0.0.1:80", ["v1"]), ("web", "http", "10.0.0.2:8080", ["v2"]), ("web", "tcp", "[fd00::1]:80", []),
        ("web", "udp", "10.0.0.3:53", []), ("web", "tcp", "db1.example.com:5432", []), ("alias", "tcp", "one.example.com:1", []),
        ("my.dotted.name", "tcp", "10.0.0.4:1", []), ("UPPER", "tcp", "10.0.0.5:1", []), ("db x/y", "tcp", "10.0.0.6:1", [])]
    expected = {
        ("web.service.a8", "A"): ["10.0.0.1", "10.0.0.2", "10.0.0.3"], ("web.service.a8", "AAAA"): ["fd00::1"],
        ("v1.web.service.a8", "A"): ["10.0.0.1"], ("_web._udp.service.a8", "SRV"): ["1 256 53 0a000003.addr.a8."],
        ("_web._v2.service.a8", "SRV"): ["1 256 8080 0a000002.addr.a8."],
        ("web.service.a8", "SRV"): sorted([
            "1 256 80 0a000001.addr.a8.", "1 256 8080 0a000002.addr.a8.", "1 256 53 0a000003.addr.a8.",
            "1 256 80 fd000000000000000000000000000001.addr.a8.", "1 256 5432 db1.example.com."]),
        ("alias.service.a8", "A"): ["one.example.com."], ("alias.service.a8", "AAAA"): ["one.example.com."],
        ("my.dotted.name.service.a8", "A"): ["10.0.0.4"], ("upper.service.a8", "A"): ["10.0.0.5"],
        ("x--chh20u1ff4.service.a8", "A"): ["10.0.0.6"], ("0a000001.addr.a8", "A"): ["10.0.0.1"],
        ("fd000000000000000000000000000001.addr.a8", "AAAA"): ["fd00::1"], ("a8", "NS"): ["ns1.a8."],
        ("web.service.a8", "ANY"): ['"RFC8482" ""'],
        ("web.service.a8", "TXT"): [], ("service.a8", "A"): [], ("_tcp.service.a8", "A"): [], ("no.service.a8", "A"): None,
        ("foo.a8", "SRV"): None, ("example.com", "A"): "REFUSED", ("a8", "AXFR"): None}
    with Server(options) as server, Reader(options, server.port) as reader:
        server.register(instances[:1])
        before = serial(reader)
        server.register(instances[1:])
        after = serial(reader)
        assert 0 < (after - before) % 2**32 < 2**31, ("the serial must grow", before, after)
        expected[("a8", "SOA")] = [f"ns1.a8. hostmaster.a8. {after} 3600 600 86400 1"]
        for (name, kind), records in expected.items():
            if kind == "AXFR":
                continue
            code = records if isinstance(records, str) else "NXDOMAIN" if records is None else "NOERROR"
            wanted = records if isinstance(records, list) else []
            for transport in ("udp", "tcp"):
                for size in (0, 512, 1232, 8192, 65535):
                    read = reader.ask(name, kind, transport, size)
                    assert (read["code"], read["answer"], read["truncated"]) == (code, wanted, False), (name, kind, read)
                    negative = not wanted and code != "REFUSED"
                    assert bool(read["authority"]) == negative, (name, kind, read)
                options_of_dig = ["+tcp"] if transport == "tcp" else ["+notcp"]
                assert dig(server.port, name, kind, *options_of_dig) == (code, wanted), (name, kind)
        done = subprocess.run(
            ["dig", "@127.0.0.1", "-p", str(server.port), "a8", "AXFR"], capture_output=True, text=True, check=False)
        assert "Transfer failed" in done.stdout, done.stdout


def five_hundred_targets_come_with_their_addresses(options):
    with Server(options) as server, Reader(options, server.port) as reader:
        server.register([("big", "tcp", f"10.0.{number // 250}.{number % 250}:{1000 + number}", []) for number in range(500)])
        wanted = sorted(f"1 256 {1000 + n} 0a00{n // 250:02x}{n % 250:02x}.addr.a8." for n in range(500))
        addresses = sorted(f"10.0.{n // 250}.{n % 250}" for n in range(500))
        for _ in range(5):
            read = reader.ask("_big._tcp.service.a8", "SRV", "tcp")
            assert read["answer"] == wanted and read["additional"] == addresses and not read["truncated"]
        # dig comes by UDP, and again by TCP when it is told that there is more.
        assert dig(server.port, "_big._tcp.service.a8", "SRV", "+bufsize=1232", "+nocomments", "+comments", "+tcp")[1] == wanted
        short = reader.ask("_big._tcp.service.a8", "SRV", "udp", 1232)
        assert short["truncated"] and len(short["answer"]) == 32 and set(short["answer"]) <= set(wanted), len(short["answer"])
        assert all(reader.ask("_big._tcp.service.a8", "SRV", "udp", 1232)["answer"] == short["answer"] for _ in range(20))


@contextlib.contextmanager
def haproxy(port, slots):
    with tempfile.TemporaryDirectory(prefix="feeds-dns-") as folder:
        path, control = pathlib.Path(folder) / "haproxy.cfg", pathlib.Path(folder) / "control"
        path.write_text(f"""
global
    stats socket {control} level admin
defaults
    mode tcp
    timeout connect 5s
    timeout client 5s
    timeout server 5s
resolvers registry
    nameserver r1 127.0.0.1:{port}
    accepted_payload_size 8192
    hold obsolete {OBSOLETE_SECONDS}s
backend web
    server-template web {slots} _web._tcp.service.a8 resolvers registry resolve-opts allow-dup-ip init-addr none
""")
        process = subprocess.Popen(["haproxy", "-db", "-f", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            def servers():
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(str(control))
                    client.sendall(b"show servers state web\n")
                    text = b""
                    while part := client.recv(65536):
                        text += part
                rows = [line.split() for line in text.decode().splitlines() if line and line[0].isdigit() and len(line.split()) > 10]
                return sorted(f"{row[4]}:{row[18]}" for row in rows if row[4] != "-")
            yield servers
        finally:
            process.kill()
            process.wait()


def haproxy_fills_its_servers_and_outlives_a_restart(options):
    # Several instances a host, and more than fit into one answer of 512 bytes.
    instances = [("web", "http", f"127.0.0.{10 + n % 20}:{2000 + n}", []) for n in range(100)]
    wanted = sorted(value for _, _, value, _ in instances)
    with Server(options) as server, haproxy(server.port, 120) as servers:
        ids = server.register(instances)
        await_that("100 servers of haproxy", lambda: servers() == wanted)
        server.remove(ids[17])
        left = sorted(set(wanted) - {instances[17][2]})
        await_that("99 servers of haproxy", lambda: servers() == left)
        server.register([instances[17]])
        await_that("100 servers of haproxy again", lambda: servers() == wanted)
        server.restart()
        server.register(instances)
        # What haproxy was told meanwhile it holds for 30 s; nothing may go, for longer than one obsolete record takes.
        deadline = time.monotonic() + 3 * OBSOLETE_SECONDS
        while time.monotonic() < deadline:
            assert servers() == wanted, f"after a restart: {len(servers())} servers"
            time.sleep(0.2)


def unbound_forwards_to_it_whatever_case_it_makes_of_names(options):
    with Server(options) as server, tempfile.TemporaryDirectory(prefix="feeds-dns-") as folder:
        port, path = free_port(), pathlib.Path(folder) / "unbound.conf"
        path.write_text(f"""
server:
    interface: 127.0.0.1
    port: {port}
    do-daemonize: no
    username: ""
    chroot: ""
    directory: "{folder}"
    pidfile: "{folder}/unbound.pid"
    use-syslog: no
    do-not-query-localhost: no
    domain-insecure: "a8."
    local-zone: "a8." nodefault
    use-caps-for-id: yes
    module-config: "iterator"
stub-zone:
    name: "a8."
    stub-addr: 127.0.0.1@{server.port}
""")
        server.register([("web", "http", f"10.0.{n // 250}.{n % 250}:{1000 + n}", []) for n in range(400)])
        wanted = sorted(f"1 256 {1000 + n} 0a00{n // 250:02x}{n % 250:02x}.addr.a8." for n in range(400))
        process = subprocess.Popen(["unbound", "-d", "-c", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            def ask(*arguments):
                assert process.poll() is None, "unbound has ended"
                try:
                    return dig(port, *arguments)
                except AssertionError:
                    return None
            await_that("400 targets by way of unbound", lambda: ask("_web._tcp.service.a8", "SRV", "+tcp") == ("NOERROR", wanted))
            for name in ("_tcp.service.a8", "service.a8", "addr.a8", "_web._udp.service.a8"):
                assert dig(port, name, "A") == ("NOERROR", []), name
            assert dig(port, "no.service.a8", "A") == ("NXDOMAIN", [])
            # The name's parent was denied before its child is asked for.
            assert dig(port, "0a000001.addr.a8", "A") == ("NOERROR", ["10.0.0.1"])
            server.register([("late", "http", "10.9.9.9:1", [])])
            await_that("a service that is new", lambda: ask("late.service.a8", "A") == ("NOERROR", ["10.9.9.9"]))
        finally:
            process.kill()
            process.wait()


CHECKS = [
    every_answer_is_read_by_dig_and_dnspython, five_hundred_targets_come_with_their_addresses,
    haproxy_fills_its_servers_and_outlives_a_restart, unbound_forwards_to_it_whatever_case_it_makes_of_names]

if __name__ == "__main__":
    sys.exit(checks.run(CHECKS, __doc__))
