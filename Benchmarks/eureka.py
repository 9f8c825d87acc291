"""The items about Eureka's API, each beside the same by the REST API of the same registry: renewals, registrations of as
many bytes, and the list of 10,000 instances, in JSON and XML, with a delta beside it."""

import json
import re
import statistics
import time

import load
import throughput
from report import Result
from servers import BenchError

INSTANCES = 10_000
APPLICATIONS = 100
CHANGES = 10
BODY = json.dumps({"instance": {
    "instanceId": "10.0.0.1:app-%d:8080-%d", "hostName": "10.0.0.1", "app": "APP-%d", "ipAddr": "10.0.0.1", "status": "UP",
    "overriddenstatus": "UNKNOWN", "port": {"$": 8080, "@enabled": "true"}, "securePort": {"$": 443, "@enabled": "false"}, "countryId": 1,
    "dataCenterInfo": {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"},
    "leaseInfo": {"renewalIntervalInSecs": 30, "durationInSecs": 600}, "metadata": {"management.port": "8080", "zone": "eu"},
    "homePageUrl": "http://10.0.0.1:8080/", "statusPageUrl": "http://10.0.0.1:8080/info", "healthCheckUrl": "http://10.0.0.1:8080/health",
    "vipAddress": "app", "lastUpdatedTimestamp": "1795392343413", "lastDirtyTimestamp": "1795392343413"}})
JSON_HEADER = "Accept: application/json"


def app_of(number):
    return number % APPLICATIONS


def seed(server, numbers):
    with load.Client(server.port) as client:
        for number in numbers:
            app = app_of(number)
            answer = client.ask("POST", f"/eureka/v2/apps/APP-{app}", BODY % (app, number, app))
            if answer.status != 204:
                raise BenchError(f"registering instance {number} was answered {answer.status}: {answer.body[:200]}")


def instances(server):
    """How many instances there are."""
    with load.Client(server.port) as client:
        return int(re.search(rb"^a8registry_instances (\d+)", client.ask("GET", "/metrics").body, re.MULTILINE)[1])


def compare(bench, server, result, scripts, value):
    """Runs scripts in turn against one server; the medians of what `value` makes of each pair's runs, by the first script."""
    names = list(scripts)
    for name in names:
        bench.wrk(server, scripts[name], throughput.WARM_UP_SECONDS)
    rounds = []
    for _ in range(bench.rounds):
        runs = {}
        for name in names:
            runs[name] = bench.wrk(server, scripts[name])
            result.failures += runs[name].failures(name, None)
        rounds.append(runs)
    throughput.add_rows(result, rounds)
    for name in names[1:]:
        result.figures[f"of_{name}"] = statistics.median(value(round[names[0]]) / value(round[name]) for round in rounds)


def heartbeat(bench):
    result = Result("eureka-heartbeat")
    with bench.registry() as server:
        seed(server, range(1_000))
        rest = throughput.seed(server)
        targets = [f"/eureka/v2/apps/APP-{app_of(n)}/10.0.0.1:app-{app_of(n)}:8080-{n}?status=UP&lastDirtyTimestamp=1795392343413"
                   for n in range(1_000)]
        compare(bench, server, result, {
            "eureka": load.write_cycle_script(bench.work / "eureka-heartbeat.lua", "PUT", targets),
            "rest": load.write_cycle_script(bench.work / "rest-heartbeat.lua", "PUT", throughput.heartbeats(rest))}, lambda run: run.per_second)
    return result


def register(bench):
    """Ever-new registrations beside those of the REST API whose bodies are as long, padded with metadata; each round begins
    with an empty registry. What a byte of the body costs is said for both."""
    result = Result("eureka-register")
    eureka = BODY.replace("app-%d:8080-%d", "app-0:8080-%08d").replace("APP-%d", "APP-0")
    rest = load.INSTANCE.replace("svc-%04d", "svc-0000").replace("%s", "UP")
    length = len(eureka % 0)
    rest = rest.replace('"metadata":{', '"metadata":{"pad":"%s",' % ("x" * (length - len(rest % 0) - len('"pad":"",'))))
    scripts = {"eureka": load.write_numbered_script(bench.work / "eureka-register.lua", "/eureka/v2/apps/APP-0", eureka),
               "rest": load.write_numbered_script(bench.work / "rest-register.lua", "/api/v1/instances", rest)}
    rounds = []
    for _ in range(bench.rounds):
        runs = {}
        for name, script in scripts.items():
            with bench.registry(name) as server:
                runs[name] = bench.wrk(server, script)
                held = instances(server)
            result.failures += runs[name].failures(name, None)
            if not 0 <= held - runs[name].requests <= load.CONNECTIONS:
                result.failures.append(f"{name}: {runs[name].requests} registrations were answered, and {held} instances are there")
        rounds.append(runs)
    throughput.add_rows(result, rounds)
    throughput.add_ratios(result, rounds, subject="eureka")
    for row in result.rows:
        result.figures[f"{row['server']}_ns_per_byte"] = row["cpu_us"] * 1000 / length
    result.notes.append(f"bodies of {length} bytes each")
    return result


def apps(bench):
    """The whole list in both forms beside REST's, by bytes a second; and the delta beside the whole, by requests."""
    result = Result("eureka-apps")
    with bench.registry() as server:
        seed(server, range(INSTANCES))
        for kind, header in (("json", JSON_HEADER), ("xml", None)):
            part = Result(f"eureka-apps-{kind}")
            compare(bench, server, part, {
                kind: load.write_cycle_script(bench.work / f"eureka-{kind}.lua", "GET", ["/eureka/v2/apps"], header),
                "rest": load.write_cycle_script(bench.work / f"rest-{kind}.lua", "GET", ["/api/v1/instances"])},
                lambda run: run.bytes / run.seconds)
            result.rows += part.rows
            result.failures += part.failures
            result.figures[f"{kind}_of_rest_bytes"] = part.figures["of_rest"]
    return result


def delta(bench):
    result = Result("eureka-delta")
    with bench.registry(environment={"CHANGE_LOG": "67108864"}) as server:
        seed(server, range(INSTANCES))
        result.notes.append("the seeding's changes are in the delta for three minutes; it is measured after them")
        time.sleep(185)
        seed(server, range(CHANGES))
        for kind, header in (("json", JSON_HEADER), ("xml", None)):
            part = Result(f"eureka-delta-{kind}")
            compare(bench, server, part, {
                f"delta-{kind}": load.write_cycle_script(bench.work / f"eureka-delta-{kind}.lua", "GET", ["/eureka/v2/apps/delta"], header),
                f"apps-{kind}": load.write_cycle_script(bench.work / f"eureka-whole-{kind}.lua", "GET", ["/eureka/v2/apps"], header)},
                lambda run: run.per_second)
            result.rows += part.rows
            result.failures += part.failures
            result.figures[f"{kind}_over_apps"] = part.figures[f"of_apps-{kind}"]
    return result


ITEMS = {"eureka-heartbeat": heartbeat, "eureka-register": register, "eureka-apps": apps, "eureka-delta": delta}
