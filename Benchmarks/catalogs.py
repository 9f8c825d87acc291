"""The item about sources: a list of 1,000 instances of which a file has every second one, beside the same list of
instances that are all registered. Kept, as lists are, and with RENDERED_CACHE=0, where each answer joins and renders."""

import json
import shutil

import load
import throughput
from report import Result
from servers import BenchError, wait_until

LIST = "/api/v1/instances"
READ_DEADLINE_SECONDS = 30
# As load.INSTANCE, with the tag that instances of a file get, so that both lists have the same bytes but for the TTL.
TAGGED = load.INSTANCE.replace('"blue"', '"blue","filesystem"')


def list_joined(bench):
    """What it costs to join a source's instances to one's own, as a share of the list without a source."""
    result = Result("list-joined")
    numbers = range(throughput.INSTANCES)
    for cache, suffix in ((None, ""), ("0", "-rendered")):
        folder = bench.work / f"catalog{suffix}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        filed = [json.loads(TAGGED % (throughput.service_of(number), number, "UP")) for number in numbers if number % 2]
        (folder / "default.json").write_text(json.dumps({"instances": filed}))
        environment = {} if cache is None else {"RENDERED_CACHE": cache}
        with bench.registry(name="own" + suffix, environment=environment) as own, \
                bench.registry(name="joined" + suffix, environment={**environment, "FS_CATALOG": str(folder)}) as joined:
            register(own, numbers)
            register(joined, [number for number in numbers if number % 2 == 0])
            for server in (own, joined):
                wait_until(f"{server.name} to list {len(numbers)} instances", lambda: listed(server) == len(numbers),
                           READ_DEADLINE_SECONDS, 0.05)
            scripts = {server.name: load.write_cycle_script(bench.work / f"{server.name}.lua", "GET", [LIST])
                       for server in (own, joined)}
            for server in (own, joined):
                bench.wrk(server, scripts[server.name], throughput.WARM_UP_SECONDS)
            rounds = []
            for _ in range(bench.rounds):
                runs = {}
                for server in (joined, own):
                    runs[server.name] = bench.wrk(server, scripts[server.name])
                    result.failures += runs[server.name].failures(server.name, None)
                rounds.append(runs)
        throughput.add_rows(result, rounds)
        throughput.add_ratios(result, rounds, subject="joined" + suffix)
    return result


def register(server, numbers):
    """Registers exactly these instances."""
    with load.Client(server.port) as client:
        for number in numbers:
            answer = client.ask("POST", LIST, TAGGED % (throughput.service_of(number), number, "UP"))
            if answer.status != 201:
                raise BenchError(f"registering instance {number} was answered {answer.status}: {answer.body[:200]}")


def listed(server):
    with load.Client(server.port) as client:
        return len(json.loads(client.ask("GET", LIST).body)["instances"])


ITEMS = {"list-joined": list_joined}
