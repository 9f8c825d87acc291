"""The items about sources. A list of 1,000 instances of which a file has every second one, beside the same list of
instances that are all registered: kept, as lists are, and with RENDERED_CACHE=0, where each answer joins and renders.
And 100,000 endpoints of a Kubernetes cluster: what it costs to list and keep them, and when a change is seen."""

import json
import random
import shutil
import sys
import time
from pathlib import Path

import load
import scale
import throughput
from report import Result
from servers import BenchError, PortFileServer, wait_until

LIST = "/api/v1/instances"
READ_DEADLINE_SECONDS = 30
API_SERVER = Path(__file__).resolve().parent.parent / "Tests/Long/kubernetes_api.py"
SLICES, ENDPOINTS = 20_000, 5
CHANGES = 500
# An endpoint of the cluster as it is shown, registered or listed in a file instead.
SHOWN = ('{"service_name":"web-%05d","endpoint":{"type":"http","value":"%s:9080"},"ttl":3600,"tags":["kubernetes"],'
         '"metadata":{"zone":"zone-a"}}')
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


def sources(bench):
    """A large cluster of Kubernetes as a source: CPU until all is in view, from a change to a look-up, and memory beside
    the same instances in a file and registered here."""
    result = Result("sources")
    count = SLICES * ENDPOINTS
    with PortFileServer("kubernetes", bench.work, [
            sys.executable, str(API_SERVER), "--slices", str(SLICES), "--endpoints",
            str(ENDPOINTS)], {}, cores=bench.client_core) as cluster:
        empty = resident_when_empty(bench)
        environment = {"K8S_URL": f"http://127.0.0.1:{cluster.port}"}
        with bench.registry(name="kubernetes-source", environment=environment) as server:
            wait_until("the cluster to be in view", lambda: held(server) == count, READ_DEADLINE_SECONDS, 0.2)
            listing = server.cpu_seconds()
            taken = sorted(seen_after(server, cluster))
            kept = {"kubernetes": (scale.released_bytes(server, scale.LAST_PLATEAU_SECONDS) - empty) / count}
            peak = server.peak_resident_bytes()
    addresses = [(number // ENDPOINTS, f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}") for number in range(count)]
    folder = bench.work / "catalog-large"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "default.json").write_text('{"instances":[' + ",".join(SHOWN % each for each in addresses) + "]}")
    with bench.registry(name="file-source", environment={"FS_CATALOG": str(folder)}) as server:
        wait_until("the file to be in view", lambda: held(server) == count, READ_DEADLINE_SECONDS, 0.2)
        result.figures["file_cpu_seconds"] = server.cpu_seconds()
        kept["file"] = (scale.released_bytes(server, scale.LAST_PLATEAU_SECONDS) - empty) / count
    with bench.registry(name="registered") as server:
        with load.Client(server.port) as client:
            for each in addresses:
                answer = client.ask("POST", LIST, SHOWN % each)
                if answer.status != 201:
                    raise BenchError(f"registering {each} was answered {answer.status}: {answer.body[:200]}")
        kept["registered"] = (scale.released_bytes(server, scale.LAST_PLATEAU_SECONDS) - empty) / count
    result.figures |= {
        "listed_cpu_seconds": listing, "change_p50_ms": taken[len(taken) // 2], "change_p99_ms": taken[int(len(taken) * 0.99)],
        **{f"{name}_bytes_per_instance": value for name, value in kept.items()},
        **{f"{name}_bytes_of_registered": kept[name] / kept["registered"] for name in ("kubernetes", "file")},
        "kubernetes_peak_mb": peak / 1e6}
    result.notes.append(f"{count:,} endpoints in {SLICES:,} slices; CPU of the whole process from its start; {CHANGES} changes, one "
                        "after the other, each from its being sent to the API server to its being in a look-up")
    return result


def resident_when_empty(bench):
    with bench.registry(name="empty") as server:
        listed(server)
        return scale.settled_bytes(server)


def held(server):
    """How many instances its sources have."""
    with load.Client(server.port) as client:
        catalogs = json.loads(client.ask("GET", "/api/v1/catalogs").body)["catalogs"]
        return sum(catalog["instances"] for catalog in catalogs)


def seen_after(server, cluster):
    """Milliseconds from each change's being sent to the API server to its being in a look-up."""
    chance = random.Random(1)
    with load.Client(cluster.port) as writer, load.Client(server.port) as reader:
        for change in range(CHANGES):
            number = chance.randrange(SLICES)
            path = f"/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/web-{number:05}-a"
            address = f"172.16.{change >> 8}.{change & 255}"
            body = json.dumps({
                "metadata": {"labels": {"kubernetes.io/service-name": f"web-{number:05}"}}, "addressType": "IPv4",
                "endpoints": [{"addresses": [address], "zone": "zone-a"}], "ports": [{"name": "http", "port": 9080}]})
            begun = time.perf_counter()
            deadline = begun + READ_DEADLINE_SECONDS
            writer.send("PUT", path, body)
            while address.encode() not in reader.ask("GET", f"/api/v1/services/web-{number:05}").body:
                if time.perf_counter() > deadline:
                    raise BenchError(f"change {change} was not seen within {READ_DEADLINE_SECONDS} s")
            yield (time.perf_counter() - begun) * 1e3
            writer.receive()
            # Changes that come at once are gathered; these are to be apart.
            time.sleep(0.01)


ITEMS = {"list-joined": list_joined, "sources": sources}
