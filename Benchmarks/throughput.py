"""The items that compare throughput: the registry against the floor and nginx, in alternating rounds of one run.

The machine drifts from minute to minute by more than the differences that matter here, so rounds alternate (registry,
floor, nginx, registry, …), a ratio is taken within each round, and its median over the rounds is the figure.
"""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Callable, Optional

import canned
import load
from report import Result, median, number
from servers import BenchError

SERVICES, PER_SERVICE = 100, 10
INSTANCES = SERVICES * PER_SERVICE
SATURATED = 0.9         # below this the client was the bottleneck, not the server
DISTURBED = 0.05        # the share of a core that others may take before throughput is no longer the servers' own
WARM_UP_SECONDS = 1
LEARNT_NUMBER = 99_999_999


def service_of(number):
    return number // PER_SERVICE


@dataclass(frozen=True)
class Item:
    """What one throughput item asks for, and how it is known that the answers are real."""

    name: str
    method: str
    pattern: str                     # of the request target, for the floor
    status: int
    targets: Optional[Callable]      # ids -> the targets the load goes round; None: registrations
    proof: Callable = lambda answer: True  # whether a learnt answer holds what the item measures
    status_of: Callable = lambda number: "UP"
    header: Callable = lambda registry: None  # one more header of every request, such as may be asked of the registry
    nginx: bool = False
    epoll: bool = False              # whether a bare epoll loop sends the same bytes; its requests have no body
    redis: bool = False


def _instances(answer, count):
    return len(json.loads(answer.body)["instances"]) == count


def _tag(registry):
    with load.Client(registry.port) as client:
        return client.ask("GET", "/api/v1/instances").header("ETag")


ITEMS = {item.name: item for item in [
    Item("heartbeat", "PUT", "/api/v1/instances/*/heartbeat", 200, nginx=True, epoll=True, redis=True,
         targets=lambda ids: [f"/api/v1/instances/{id}/heartbeat" for id in scattered(ids)]),
    Item("register", "POST", "/api/v1/instances", 201, targets=None),
    Item("list-service", "GET", "/api/v1/services/*", 200,
         targets=lambda ids: [f"/api/v1/services/svc-{n:04d}" for n in scattered(range(SERVICES))],
         proof=lambda answer: _instances(answer, PER_SERVICE)),
    Item("list-names", "GET", "/api/v1/services", 200, targets=lambda ids: ["/api/v1/services"],
         proof=lambda answer: len(json.loads(answer.body)["services"]) == SERVICES),
    Item("list-all", "GET", "/api/v1/instances", 200, targets=lambda ids: ["/api/v1/instances"],
         proof=lambda answer: _instances(answer, INSTANCES)),
    Item("not-modified", "GET", "/api/v1/instances", 304, nginx=True, targets=lambda ids: ["/api/v1/instances"],
         header=lambda registry: f"If-None-Match: {_tag(registry)}",
         proof=lambda answer: not answer.body and answer.header("ETag") is not None),
    Item("list-filter", "GET", "/api/v1/instances?*", 200, nginx=True,
         targets=lambda ids: [f"/api/v1/instances?service_name=svc-{n:04d}&status=UP"
                              for n in scattered(range(SERVICES))],
         status_of=lambda number: "UP" if number % 2 == 0 else "OUT_OF_SERVICE",
         proof=lambda answer: _instances(answer, PER_SERVICE // 2)),
]}


def scattered(values):
    """The values in a fixed order that is not the one they were registered in."""
    values = list(values)
    return [values[(at * 617) % len(values)] for at in range(len(values))] if len(values) % 617 else values


def heartbeats(ids):
    return ITEMS["heartbeat"].targets(ids)


def seed(server, status_of=lambda number: "UP"):
    return load.register_many(server.port, range(INSTANCES), service_of, status_of)


def measure(bench, item):
    """Runs one item and returns its Result."""
    result = Result(item.name)
    fresh = item.targets is None  # ever-new instances: each round begins with an empty registry, so all are alike
    with ExitStack() as stack:
        registry = stack.enter_context(bench.registry())
        header = None
        if fresh:
            script = load.write_register_script(bench.work / f"{item.name}.lua")
            first, body = "/api/v1/instances", load.INSTANCE % (0, LEARNT_NUMBER, "UP")
        else:
            targets = item.targets(seed(registry, item.status_of))
            header = item.header(registry)
            script = load.write_cycle_script(bench.work / f"{item.name}.lua", item.method, targets, header)
            first, body = targets[0], None

        learnt = canned.learn(registry.port, item.method, first, item.status, body, header)
        if not item.proof(learnt):
            raise BenchError(f"{item.method} {first} does not hold what it should: {learnt.body[:200]!r}")
        answers = canned.write(bench.work / f"{item.name}.canned", [canned.entry(item.method, item.pattern, learnt)])
        floor = stack.enter_context(bench.floor(answers))
        result.failures += canned.compare(learnt, canned.learn(floor.port, item.method, first, item.status, body,
                                                            header))

        contenders = [(registry, learnt.size), (floor, learnt.size)]
        if item.nginx:
            nginx = stack.enter_context(bench.nginx())
            contenders.append((nginx, canned.learn(nginx.port, item.method, first, 200, body).size))
        if item.epoll:
            (bench.work / f"{item.name}.answer").write_bytes(learnt.raw)
            contenders.append((stack.enter_context(bench.epoll(bench.work / f"{item.name}.answer")), learnt.size))

        before = None if fresh else last_heartbeats(registry)
        for server, _ in contenders:
            if not (fresh and server is registry):
                bench.wrk(server, script, WARM_UP_SECONDS)
        rounds = []
        for _ in range(bench.rounds):
            runs = {}
            for server, size in contenders:
                if fresh and server is registry:
                    server.stop()
                    server.start()
                run = bench.wrk(server, script)
                runs[server.name] = run
                result.failures += run.failures(server.name, size)
                if fresh and server is registry and not bench.self_test:
                    result.failures += registrations_missing(registry, run.requests)
            rounds.append(runs)
        if item.name == "heartbeat" and not bench.self_test:
            renewed = sum(id in before and before[id] != time for id, time in last_heartbeats(registry).items())
            if renewed != INSTANCES:
                result.failures.append(f"the heartbeats renewed {renewed} of {INSTANCES} instances")
    add_rows(result, rounds)
    add_ratios(result, rounds)
    if item.epoll:  # throughput beside it is limited by the client's core: CPU time tells more
        result.figures["cpu_of_epoll"] = median([round["epoll"].cpu_us / round["registry"].cpu_us for round in rounds])
    if item.redis and bench.redis:
        measure_redis(bench, result)
    return result


def last_heartbeats(registry):
    with load.Client(registry.plain_port if registry.scheme == "https" else registry.port) as client:
        listed = json.loads(client.ask("GET", "/api/v1/instances?status=ALL").body)["instances"]
    return {instance["id"]: instance.get("last_heartbeat") for instance in listed}


def registrations_missing(registry, answered):
    """Proof that what was answered 201 is there: three services hold their share of the registrations."""
    found = []
    expected = answered / load.REGISTER_SERVICES
    with load.Client(registry.port) as client:
        for service in (1, load.REGISTER_SERVICES // 2, load.REGISTER_SERVICES - 1):
            answer = client.ask("GET", f"/api/v1/services/svc-{service:04d}")
            count = len(json.loads(answer.body)["instances"]) if answer.status == 200 else 0
            if abs(count - expected) > 2:
                found.append(f"{answered} registrations were answered 201, yet svc-{service:04d} holds {count} "
                             f"instances, not about {expected:.0f}")
    return found


def ratio(run, rival):
    """The run's share of its rival's throughput, or of its thrift where throughput would not be the servers' own.

    When others took the cores, throughput tells of them: CPU time per request alone is compared. When the rival was
    not saturated, the client was the bottleneck, and that would flatter the slower server: the worse of both counts.
    """
    throughput, thrift = run.per_second / rival.per_second, rival.cpu_us / run.cpu_us
    if max(run.disturbed, rival.disturbed) > DISTURBED:
        return thrift
    return throughput if rival.server_busy >= SATURATED else min(throughput, thrift)


def add_rows(result, rounds):
    """Fills in the table's rows: the median of each server's rounds."""
    for name in rounds[0]:
        runs = [round[name] for round in rounds]
        result.rows.append({
            "server": name,
            "per_second": median([run.per_second for run in runs]),
            "cpu_us": median([run.cpu_us for run in runs]),
            "p50_us": median([run.p50_us for run in runs]),
            "p99_us": median([run.p99_us for run in runs]),
            "busy": median([run.server_busy for run in runs]),
            "peak_mib": max(run.peak_bytes for run in runs) / 2**20})
    result.rounds = [{name: vars(run) for name, run in round.items()} for round in rounds]


def add_ratios(result, rounds, subject="registry"):
    """Adds the subject's ratio to each rival, and notes on how far the rounds can be trusted."""
    for name in rounds[0]:
        if name == subject:
            continue
        pairs = [(round[subject], round[name]) for round in rounds]
        ratios = [ratio(run, rival) for run, rival in pairs]
        result.figures[f"of_{name}"] = median(ratios)
        note = f"of_{name} ranged from {number(min(ratios))} to {number(max(ratios))} over {len(rounds)} rounds"
        disturbed = sum(max(run.disturbed, rival.disturbed) > DISTURBED for run, rival in pairs)
        if disturbed:
            worst = max(max(run.disturbed, rival.disturbed) for run, rival in pairs)
            note += (f"; in {disturbed} of them others took up to {worst:.0%} of a core, so CPU time per request alone "
                     "was compared")
        unsaturated = sum(rival.server_busy < SATURATED for _, rival in pairs)
        if unsaturated > disturbed:
            note += (f"; in {unsaturated} the load could not saturate {name}, so the worse of throughput and CPU time "
                     "counted")
        result.notes.append(note)


def measure_redis(bench, result):
    with bench.redis_server() as server:
        rate, cpu_us = load.redis_expire(server, bench.seconds, bench.client_core)
        result.rows.append({"server": "redis EXPIRE", "per_second": rate, "cpu_us": cpu_us, "p50_us": None,
                            "p99_us": None, "busy": rate * cpu_us / 1e6,
                            "peak_mib": server.peak_resident_bytes() / 2**20})
    result.figures["of_redis"] = result.rows[0]["per_second"] / rate
    result.notes.append("Redis ran once, after the rounds: an anchor, not a ratio taken in the same minute")
