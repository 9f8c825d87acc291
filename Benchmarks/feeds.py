"""The items about feeds: one change told to 10,000 that wait for it, beside nchan; answers by DNS, beside NSD; polls of
Envoy, beside a bare evhttp that answers the same."""

import http.client
import json
import re
import select
import shutil
import statistics
import subprocess
import time
from pathlib import Path

import canned
import load
import throughput
from report import Result
from servers import BenchError, ChosenPortServer, Nginx, free_port, pinned, port_in, wait_until

WATCHERS = 10_000
# Connections beside those of the watchers, and what servers may have open in all.
SPARE = 500
ARRIVAL_SECONDS = 30
IDLE_SECONDS = 40  # more than two keep-alives
# What an idle watcher may still hold in the way of buffers that are given back with a delay.
SETTLE_SECONDS = 2
SERVICE = "watched"
DNS_SERVICES, DNS_INSTANCES = 1_000, 10
DNS_TOOLS = {"nsd": "nsd", "dnsperf": "dnsperf"}
NCHAN = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
MANY = {"MAX_CONNECTIONS": str(WATCHERS + SPARE), "MAX_WATCHES": str(WATCHERS + SPARE)}
# Bytes of the node in a poll of Envoy 1.40, which lists its extensions.
NODE_BYTES = 77_000


# MARK: - Watchers

class Watchers:
    """watchers.c, holding connections to one server."""

    def __init__(self, bench, port, request, count=WATCHERS):
        self.count = count
        path = bench.work / "watchers.request"
        path.write_bytes(request)
        self.process = subprocess.Popen(pinned([str(bench.watchers_binary), str(port), str(count), str(path)], bench.client_core),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def __enter__(self):
        if self._line() != f"sent {self.count}":
            raise BenchError("the watchers could not connect")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def _line(self):
        if not select.select([self.process.stdout], [], [], 4 * ARRIVAL_SECONDS)[0]:
            raise BenchError("the watchers say nothing")
        return self.process.stdout.readline().strip()

    def _say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def await_heads(self):
        self._say(f"heads {ARRIVAL_SECONDS}")
        got = int(self._line().split()[1])
        if got != self.count:
            raise BenchError(f"{got} of {self.count} watchers were answered")

    def arm(self, mark, seconds=ARRIVAL_SECONDS):
        """Has every watcher wait for a mark, and read what comes meanwhile."""
        self._say(f"mark {mark} {seconds}")
        if self._line() != "armed":
            raise BenchError("the watchers are not ready")

    def _deliver(self, mark, act):
        self.arm(mark)
        began = time.monotonic_ns()
        act()
        _, got, first, last, received = self._line().split()
        if int(got) != self.count:
            raise BenchError(f"{got} of {self.count} watchers were told of {mark}")
        return (int(first) - began) / 1e9, (int(last) - began) / 1e9, int(received)

    def deliver(self, mark, act):
        """Has `act` bring a mark about: seconds until the first and the last watcher have it."""
        return self._deliver(mark, act)[:2]

    def deliver_and_count(self, mark, act):
        """The same: the bytes that all have received meanwhile."""
        return self._deliver(mark, act)[2]

    def watch(self, seconds):
        """Has all read what comes, for so long."""
        self._say(f"watch {seconds}")

    def watched(self):
        """How many bytes that were."""
        return int(self._line().split()[1])


class Nchan(Nginx):
    """nginx with nchan: one worker, one channel, for streams and for long polls."""

    def _command(self):
        folder = self.work / "nchan"
        folder.mkdir(exist_ok=True)
        configuration = folder / "nginx.conf"
        configuration.write_text(f"""\
load_module {NCHAN};
daemon off;
master_process off;
worker_processes 1;
worker_rlimit_nofile {2 * WATCHERS - SPARE};
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections {2 * WATCHERS - SPARE}; }}
http {{
    access_log off;
    tcp_nodelay on;
    nchan_message_buffer_length 1;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{self.port};
        location = /stream {{ nchan_subscriber eventsource; nchan_subscriber_first_message newest; nchan_channel_id a; }}
        location = /poll {{ nchan_subscriber longpoll; nchan_subscriber_first_message newest; nchan_channel_id a; }}
        location = /publish {{ nchan_publisher; nchan_channel_id a; }}
    }}
}}
""")
        return ["nginx", "-p", str(folder), "-c", str(configuration), "-e", "stderr"]


def instance(mark):
    return json.dumps({"service_name": SERVICE, "endpoint": {"type": "http", "value": "10.0.0.1:8080"}, "ttl": 3600,
                       "tags": ["blue"], "metadata": {"mark": mark}})


def change(server, mark):
    """Registers the one instance of the service anew, so that watchers are told of it."""
    with load.Client(server.port) as client:
        answer = client.ask("POST", "/api/v1/instances", instance(mark))
    if answer.status not in (200, 201):
        raise BenchError(f"a registration was answered {answer.status}")


def publish(server, body):
    with load.Client(server.port) as client:
        answer = client.ask("POST", "/publish", body)
    if answer.status not in (200, 201, 202):
        raise BenchError(f"nchan answered {answer.status}")


def tag(server):
    with load.Client(server.port) as client:
        return client.ask("GET", f"/api/v1/services/{SERVICE}").header("ETag")


def event_bytes(server, path):
    """The bytes that a change comes to in a stream, without their framing: nchan is given as many."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=ARRIVAL_SECONDS)
    connection.request("GET", path)
    answer = connection.getresponse()
    lines = []
    change(server, "mark-size")
    while not any("mark-size" in line for line in lines):
        lines.append(answer.fp.readline().decode())
    connection.close()
    return next(len(line) - len("data: ") - 1 for line in lines if "mark-size" in line)


def told(watchers, server, rounds, mark_of, act):
    """Tells watchers again and again: the medians of seconds until the last has it, and of CPU seconds of the server."""
    took, cpu = [], []
    for number in range(rounds):
        mark, before = mark_of(number), server.cpu_seconds()
        took.append(watchers.deliver(mark, lambda: act(mark))[1])
        time.sleep(0.2)  # what goes on after the last answer counts, too
        cpu.append(server.cpu_seconds() - before)
    return statistics.median(took), statistics.median(cpu)


def streams(bench):
    """One change to 10,000 streams, the CPU and memory of an idle one; with one loop beside nchan, and with two."""
    result = Result("watch-streams")
    if not NCHAN.exists():
        result.skipped = "there is no nchan; install libnginx-mod-nchan"
        return result
    path = f"/api/v1/watch?service_name={SERVICE}"
    request = load.request_bytes("GET", path, "localhost", header="Accept: text/event-stream")
    delivered = {}
    for loops, cores in ((1, bench.server_core), (2, bench.all_cores)):
        with bench.registry(f"registry-{loops}", loops=loops, cores=cores, environment=MANY) as server:
            change(server, "mark-first")
            size = event_bytes(server, path)
            before = server.resident_bytes()
            with Watchers(bench, server.port, request) as watchers:
                watchers.await_heads()
                time.sleep(SETTLE_SECONDS)
                if loops == 1:
                    result.figures["bytes_each"] = (server.resident_bytes() - before) / WATCHERS
                delivered[loops] = told(watchers, server, bench.rounds, lambda n: f"mark-{loops}-{n:04}", lambda mark: change(server, mark))
                if loops == 1:
                    idle = server.cpu_seconds()
                    time.sleep(IDLE_SECONDS)
                    result.figures["idle_cpu"] = (server.cpu_seconds() - idle) / IDLE_SECONDS
    with Nchan(bench.work, bench.server_core) as server:
        before = server.resident_bytes()
        subscribe = load.request_bytes("GET", "/stream", "localhost", header="Accept: text/event-stream")
        with Watchers(bench, server.port, subscribe) as watchers:
            watchers.await_heads()
            time.sleep(SETTLE_SECONDS)
            result.figures["nchan_bytes_each"] = (server.resident_bytes() - before) / WATCHERS
            delivered["nchan"] = told(watchers, server, bench.rounds, lambda n: f"mark-n-{n:04}", lambda mark: publish(server, mark.ljust(size, "x")))
    for name, (seconds, cpu) in delivered.items():
        result.notes.append(f"{name if name == 'nchan' else f'{name} loops'}: the last of {WATCHERS} after {seconds * 1000:.0f} ms, {cpu * 1e6 / WATCHERS:.1f} us of CPU each")
    result.figures["time_of_nchan"] = delivered[1][0] / delivered["nchan"][0]
    result.figures["cpu_of_nchan"] = delivered[1][1] / delivered["nchan"][1]
    result.figures["cpu_two_loops"] = delivered[2][1] / delivered[1][1]
    result.notes.append(f"events of {size} bytes")
    return result


def polls(bench):
    """The same with held long polls: each is answered by the new list, and its connection stays."""
    result = Result("watch-polls")
    if not NCHAN.exists():
        result.skipped = "there is no nchan; install libnginx-mod-nchan"
        return result
    took = {"registry": [], "nchan": []}
    cpu = {"registry": [], "nchan": []}
    for number in range(bench.rounds):
        mark = f"mark-{number:04}"
        with bench.registry(environment=MANY) as server:
            change(server, "mark-first")
            with load.Client(server.port) as client:
                size = len(client.ask("GET", f"/api/v1/services/{SERVICE}").body)
            before = server.resident_bytes()
            request = load.request_bytes("GET", f"/api/v1/services/{SERVICE}?wait=5m", "localhost", header=f"If-None-Match: {tag(server)}")
            with Watchers(bench, server.port, request) as watchers:
                wait_until("all polls to be held", lambda: metric(server, "a8registry_watches") >= WATCHERS, ARRIVAL_SECONDS, 0.1)
                result.figures["bytes_each"] = (server.resident_bytes() - before) / WATCHERS
                seconds, used = told(watchers, server, 1, lambda _: mark, lambda mark: change(server, mark))
                took["registry"].append(seconds)
                cpu["registry"].append(used)
        with Nchan(bench.work, bench.server_core) as server:
            with Watchers(bench, server.port, load.request_bytes("GET", "/poll", "localhost")) as watchers:
                time.sleep(SETTLE_SECONDS)
                seconds, used = told(watchers, server, 1, lambda _: mark, lambda mark: publish(server, mark.ljust(size, "x")))
                took["nchan"].append(seconds)
                cpu["nchan"].append(used)
    result.figures["time_of_nchan"] = statistics.median(a / b for a, b in zip(took["registry"], took["nchan"]))
    result.figures["cpu_of_nchan"] = statistics.median(a / b for a, b in zip(cpu["registry"], cpu["nchan"]))
    for name in took:
        result.notes.append(f"{name}: the last of {WATCHERS} after {statistics.median(took[name]) * 1000:.0f} ms, "
                            f"{statistics.median(cpu[name]) * 1e6 / WATCHERS:.1f} us of CPU each")
    result.notes.append(f"answers of {size} bytes")
    return result


def metric(server, name):
    """The sum of a metric over its labels."""
    with load.Client(server.port) as client:
        page = client.ask("GET", "/metrics").body.decode()
    return sum(float(value) for value in re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", page, re.MULTILINE))


# MARK: - DNS

class NSD(ChosenPortServer):
    """NSD with one server process, and a zone as a file."""

    def __init__(self, work, core, zone):
        super().__init__("nsd", work, core)
        self.zone = zone

    def _command(self):
        folder = (self.work / "nsd").resolve()
        folder.mkdir(exist_ok=True)
        (folder / "a8.zone").write_text(self.zone)
        (folder / "nsd.conf").write_text(f"""\
server:
    ip-address: 127.0.0.1@{self.port}
    username: ""
    server-count: 1
    tcp-count: 1000
    zonesdir: "{folder}"
    database: ""
    pidfile: "{folder}/nsd.pid"
    xfrdfile: "{folder}/xfrd.state"
    zonelistfile: "{folder}/zone.list"
    rrl-ratelimit: 0
remote-control:
    control-enable: no
zone:
    name: a8
    zonefile: a8.zone
""")
        return ["nsd", "-d", "-c", str(folder / "nsd.conf")]


def address(service, number):
    return f"10.{service // 250}.{service % 250}.{number + 1}"


def dns_port(server):
    return port_in(server.port_file.read_text(), "dns")


def zone():
    lines = ["$ORIGIN a8.", "$TTL 1", "@ SOA ns1 hostmaster 1 60 60 60 1", "@ NS ns1", "ns1 A 127.0.0.1"]
    for service in range(DNS_SERVICES):
        for number in range(DNS_INSTANCES):
            ip = address(service, number)
            host = "".join(f"{int(part):02x}" for part in ip.split(".")) + ".addr"
            lines += [f"_svc-{service:04d}._tcp.service SRV 1 256 8080 {host}", f"svc-{service:04d}.service A {ip}", f"{host} A {ip}"]
    return "\n".join(lines) + "\n"


def dnsperf(bench, port, queries, mode, seconds):
    """Answers a second, from one client that waits for them."""
    done = subprocess.run(pinned(["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(queries), "-l", str(seconds), "-e", "-m", mode,
                                  "-c", "16", "-T", "1", "-t", "2"], bench.client_core), capture_output=True, text=True, timeout=seconds + 60)
    found = re.search(r"Queries per second:\s+([\d.]+)", done.stdout)
    lost = re.search(r"Queries lost:\s+(\d+)", done.stdout)
    codes = re.search(r"Response codes:\s+(.*)", done.stdout)
    if not found or not codes:
        raise BenchError(f"dnsperf: {(done.stdout + done.stderr)[-500:]}")
    failures = []
    if "NOERROR" not in codes[1] or "," in codes[1]:
        failures.append(f"{mode}: answers were {codes[1]}")
    if int(lost[1]) > 100:
        failures.append(f"{mode}: {lost[1]} queries were lost")
    return float(found[1]), failures


def dns(bench):
    """SRV and A of 1,000 services of 10 instances, in alternating rounds."""
    result = Result("dns")
    missing = [package for tool, package in DNS_TOOLS.items() if not (shutil.which(tool) or shutil.which(tool, path="/usr/sbin"))]
    if missing:
        result.skipped = f"install {' '.join(missing)}"
        return result
    queries = bench.work / "dns.queries"
    order = throughput.scattered(range(DNS_SERVICES))
    queries.write_text("".join(f"_svc-{n:04d}._tcp.service.a8 SRV\nsvc-{n:04d}.service.a8 A\n" for n in order))
    with bench.registry(environment={"DNS_PORT": "0", "DNS_UDP_MAX": "8192"}) as server, NSD(bench.work, bench.server_core, zone()) as nsd:
        with load.Client(server.port) as client:
            for service in range(DNS_SERVICES):
                for number in range(DNS_INSTANCES):
                    body = {"service_name": f"svc-{service:04d}", "endpoint": {"type": "tcp", "value": f"{address(service, number)}:8080"}, "ttl": 3600}
                    answer = client.ask("POST", "/api/v1/instances", json.dumps(body))
                    if answer.status != 201:
                        raise BenchError(f"a registration was answered {answer.status}")
        ports = {"registry": dns_port(server), "nsd": nsd.port}
        for mode in ("udp", "tcp"):
            rates = {name: [] for name in ports}
            for name, port in ports.items():
                dnsperf(bench, port, queries, mode, throughput.WARM_UP_SECONDS)
            cpu = []
            for _ in range(bench.rounds):
                for name, port in ports.items():
                    before = server.cpu_seconds()
                    rate, failures = dnsperf(bench, port, queries, mode, bench.seconds)
                    rates[name].append(rate)
                    result.failures += [f"{name}: {failure}" for failure in failures]
                    if name == "registry":
                        cpu.append((server.cpu_seconds() - before) / (rate * bench.seconds))
            result.figures[f"{mode}_of_nsd"] = statistics.median(a / b for a, b in zip(rates["registry"], rates["nsd"]))
            result.notes.append(f"{mode}: {statistics.median(rates['registry']):,.0f} answers a second, {statistics.median(cpu) * 1e6:.1f} us of CPU each; "
                                f"NSD {statistics.median(rates['nsd']):,.0f}")
    return result


# MARK: - Envoy

def envoy(bench):
    """Polls of which nothing has changed, with a body as long as Envoy's, beside a bare evhttp that reads it and answers 304."""
    result = Result("envoy-polls")
    target = "/v3/discovery:endpoints"
    extensions = [{"name": f"envoy.filters.http.extension_{n:04d}", "category": "envoy.filters.http", "type_urls": [f"envoy.extensions.v3.Extension{n:04d}"]}
                  for n in range(NODE_BYTES // 132)]
    with bench.registry() as server:
        throughput.seed(server)
        with load.Client(server.port) as client:
            first = client.ask("POST", target, json.dumps({"resource_names": ["svc-0000"]}))
        if first.status != 200:
            raise BenchError(f"the first poll was answered {first.status}: {first.body[:200]}")
        body = json.dumps({"version_info": json.loads(first.body)["version_info"],
                           "node": {"id": "node-1", "cluster": "c1", "user_agent_name": "envoy", "extensions": extensions},
                           "resource_names": ["svc-0000"], "type_url": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"},
                          separators=(",", ":"))
        learnt = canned.learn(server.port, "POST", target, 304, body)
        answers = canned.write(bench.work / "envoy.canned", [canned.entry("POST", target, learnt)])
        script = load.write_bodies_script(bench.work / "envoy.lua", "POST", target, [body])
        with bench.floor(answers) as floor:
            rounds = []
            for each in (server, floor):
                bench.wrk(each, script, throughput.WARM_UP_SECONDS)
            for _ in range(bench.rounds):
                runs = {name: bench.wrk(each, script) for name, each in (("registry", server), ("floor", floor))}
                for name, run in runs.items():
                    result.failures += run.failures(name, None)
                rounds.append(runs)
    throughput.add_rows(result, rounds)
    throughput.add_ratios(result, rounds)
    result.notes.append(f"bodies of {len(body)} bytes")
    return result


ITEMS = {"dns": dns, "envoy-polls": envoy, "watch-streams": streams, "watch-polls": polls}
