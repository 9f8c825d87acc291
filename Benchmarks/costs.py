"""What each kind of request costs the registry: instructions in user space and allocations, counted by callgrind.

Counts hardly differ from run to run and need no quiet machine, so they have thresholds of their own: a look-up that has
become dearer by a twentieth is seen, which no throughput on a shared machine would show. Clocks are slowed as much as
valgrind slows the program (slowclock.c): else the lists that are rendered once a second would be rendered for every tenth
request, and nothing else would be seen.
"""

import re
import shutil
import subprocess

import eureka
import load
import servers
import throughput
from report import Result
from servers import BenchError, wait_until

WARM, COUNTED = 200, 2_000      # requests of each kind, before counting and counted
START_SECONDS, DUMP_SECONDS = 60, 30
ALLOCATORS = re.compile(r"(malloc|calloc|realloc|aligned_alloc|posix_memalign|mallocx|rallocx)(@.*)?$")


class Counted:
    """A registry under callgrind, which tells what requests cost it."""

    def __init__(self, build, preload, name):
        self.folder = build.work / f"costs-{name}"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.out = self.folder / "callgrind.out"
        under = ["env", f"LD_PRELOAD={preload}", "valgrind", "--tool=callgrind", f"--callgrind-out-file={self.out}"]
        self.server = servers.registry(build.work, [*under, *build.registry_command], f"costs-{name}", cores=build.server_core)
        self.server.start_deadline = START_SECONDS
        self.dumps = 0

    def __enter__(self):
        self.server.start()
        try:
            self.clients = [load.Client(self.server.port) for _ in range(load.CONNECTIONS)]
        except BaseException:
            self.server.stop()
            raise
        return self

    def __exit__(self, *_):
        for client in self.clients:
            client.socket.close()
        self.server.stop()

    @property
    def port(self):
        return self.server.port

    def send(self, requests, statuses):
        """Sends requests, each a method, a target, a body and one more header, as many at once as wrk has connections."""
        for start in range(0, len(requests), len(self.clients)):
            turn = list(zip(self.clients, requests[start:start + len(self.clients)]))
            for client, request in turn:
                client.send(*request)
            for client, request in turn:
                status = client.receive().status
                if status not in statuses:
                    raise BenchError(f"{request[0]} {request[1]} under valgrind was answered {status}")

    def dump(self):
        """What was counted since the last one."""
        done = subprocess.run(["callgrind_control", "-d", str(self.server.process.pid)], capture_output=True, text=True)
        self.dumps += 1
        path = self.folder / f"callgrind.out.{self.dumps}"

        def is_whole():
            return path.exists() and re.search(r"^(totals|summary):", path.read_text(errors="replace")[-4_096:], re.MULTILINE)
        wait_until(f"callgrind to write {path} ({done.stdout.strip()[-200:]})", is_whole, DUMP_SECONDS)
        return path

    def cost(self, requests, statuses, fresh=False):
        """Instructions and allocations of one of the requests. Those that are not `fresh` are sent before, too."""
        if not fresh:
            self.send(round_about(requests, WARM), statuses)
            requests = round_about(requests, COUNTED)
        self.dump()
        self.send(requests, statuses)
        instructions, allocations = read(self.dump())
        return instructions / len(requests), allocations / len(requests)


def round_about(requests, count):
    return [requests[at % len(requests)] for at in range(count)]


def read(path):
    """Instructions and calls of allocators in a dump."""
    names, called, instructions, allocations = {}, None, 0, 0
    for line in path.read_text(errors="replace").splitlines():
        if line.startswith(("fn=", "cfn=")):
            number, _, name = line.split("=", 1)[1].partition(" ")
            if name:
                names[number] = name
            called = names[number]
        elif line.startswith("calls=") and ALLOCATORS.match(called.rsplit("'", 1)[0]):
            allocations += int(line[6:].split()[0])
        elif line.startswith(("totals:", "summary:")):
            instructions = int(line.split()[1])
    return instructions, allocations


def kinds(counted):
    """The kinds of requests: name -> (requests, statuses, whether each is made for the first time). Registers what they ask for."""
    item = throughput.ITEMS
    ids = throughput.seed(counted.server, item["list-filter"].status_of)

    def get(targets, header=None):
        return [("GET", target, None, header) for target in targets]

    def of(name, status=200):
        header = item[name].header(counted.server)
        return [(item[name].method, target, None, header) for target in item[name].targets(ids)], (status,), False
    found = {
        "heartbeat": of("heartbeat"), "list-service": of("list-service"), "list-names": of("list-names"),
        "list-filter": of("list-filter"), "not-modified": of("not-modified", 304),
        "instance": (get(f"/api/v1/instances/{id}" for id in ids), (200,), False),
        "missing": (get(["/api/v1/services/nobody"]), (404,), False)}
    bodies = [load.INSTANCE % (number % throughput.SERVICES, throughput.INSTANCES + number, "UP") for number in range(2 * COUNTED)]
    found["register"] = ([("POST", "/api/v1/instances", body) for body in bodies[:COUNTED]], (201,), True)
    # Each look-up is of another service, and finds it changed.
    found["register-and-list"] = ([request for number in range(COUNTED) for request in (
        ("POST", "/api/v1/instances", bodies[COUNTED + number]),
        ("GET", f"/api/v1/services/svc-{number % throughput.SERVICES:04d}"))], (200, 201), True)
    return found


def eureka_kinds(counted):
    """Those of Eureka's API; none where a build does not have it."""
    with load.Client(counted.port) as client:
        if client.ask("POST", "/eureka/v2/apps/APP-0", eureka.BODY % (0, 0, 0)).status == 404:
            return {}
    eureka.seed(counted.server, range(throughput.INSTANCES))
    apps = range(eureka.APPLICATIONS)
    return {
        "eureka-heartbeat": ([("PUT", f"/eureka/v2/apps/APP-{eureka.app_of(n)}/10.0.0.1:app-{eureka.app_of(n)}:8080-{n}"
                                      "?status=UP&lastDirtyTimestamp=1795392343413") for n in range(throughput.INSTANCES)], (200,), False),
        "eureka-app": ([("GET", f"/eureka/v2/apps/APP-{app}", None, eureka.JSON_HEADER) for app in apps], (200,), False),
        "eureka-register": ([("POST", f"/eureka/v2/apps/APP-{eureka.app_of(n)}", eureka.BODY % (eureka.app_of(n), n, eureka.app_of(n)))
                             for n in range(20_000, 20_000 + COUNTED)], (204,), True)}


def count(build, preload, name):
    """Instructions and allocations of each kind of request, by its name."""
    with Counted(build, preload, name) as counted:
        found = {kind: counted.cost(*asked) for kind, asked in kinds(counted).items()}
        found.update({kind: counted.cost(*asked) for kind, asked in eureka_kinds(counted).items()})
    return found


def missing_tool():
    """Why nothing can be counted; nil when it can."""
    tools = [tool for tool in ("valgrind", "callgrind_control") if not shutil.which(tool)]
    return f"{tools[0]} is not installed (make deps.bench installs it): nothing was counted" if tools else None


def costs(bench):
    result = Result("costs")
    result.skipped = missing_tool()
    if result.skipped:
        return result
    found = count(bench, bench.slow_clock, "now")
    before = count(bench.older(), bench.slow_clock, "before") if bench.before else {}
    for kind, (instructions, allocations) in found.items():
        result.figures[kind.replace("-", "_")] = instructions
        result.figures[kind.replace("-", "_") + "_allocations"] = allocations
    columns = ["request", "instructions", "allocations"] + (["instructions before", "now / before"] if before else [])
    rows = []
    for kind, (instructions, allocations) in found.items():
        row = [kind, f"{instructions:,.0f}", f"{allocations:.1f}"]
        if before:
            old = before.get(kind, (None,))[0]
            row += [f"{old:,.0f}", f"{instructions / old:.2f}"] if old else ["", ""]
        rows.append(row)
    result.tables.append(("What a request costs", columns, rows))
    result.notes.append(f"callgrind, user space only, clocks slowed: {COUNTED:,} requests of each kind over {load.CONNECTIONS} "
                        "connections; `register-and-list` is half registrations and half look-ups of a service that has changed")
    return result


ITEMS = {"costs": costs}
