"""What a heartbeat costs: many renewals in one request beside one renewal in each, and the instructions of one heartbeat.

Both are about the same work, renewing a lease, seen without what differs from minute to minute: a batch against single
heartbeats of the same instances in the same rounds; instructions, which hardly differ at all.
"""

import dataclasses
import json
import re
import shutil
import subprocess

import canned
import load
import throughput
from report import Result, median
from servers import BenchError, floor, registry

BATCH = 1_000              # the most ids that one request may name
BATCHES = 10               # bodies that the load goes round
SHORT, LONG = 2_000, 12_000  # heartbeats of the two runs whose difference is taken
VALGRIND_START_SECONDS = 60
FUNCTIONS_SHOWN = 15


def batch(bench):
    """Instances renewed a second by PUT /api/v1/heartbeats with 1,000 ids, over single heartbeats."""
    result = Result("batch")
    with bench.registry() as server:
        ids = load.register_many(server.port, range(BATCH * BATCHES), throughput.service_of)
        bodies = [json.dumps({"ids": ids[at::BATCHES]}, separators=(",", ":")) for at in range(BATCHES)]
        target = "/api/v1/heartbeats"
        learnt = canned.learn(server.port, "PUT", target, 200, bodies[0])
        if json.loads(learnt.body).get("renewed") != BATCH:
            raise BenchError(f"a batch of {BATCH} ids did not renew as many: {learnt.body[:200]!r}")
        answers = canned.write(bench.work / "batch.canned", [canned.entry("PUT", target, learnt)])
        single = load.write_cycle_script(bench.work / "batch-single.lua", "PUT", throughput.heartbeats(ids))
        script = load.write_bodies_script(bench.work / "batch.lua", "PUT", target, bodies)
        size = canned.learn(server.port, "PUT", throughput.heartbeats(ids[:1])[0], 200).size
        with bench.floor(answers) as bare:
            result.failures += canned.compare(learnt, canned.learn(bare.port, "PUT", target, 200, bodies[0]))
            contenders = {"registry": (server, script, learnt.size), "single heartbeats": (server, single, size),
                          "floor": (bare, script, learnt.size)}
            for contender, how, _ in contenders.values():
                bench.wrk(contender, how, throughput.WARM_UP_SECONDS)
            before, rounds = throughput.last_heartbeats(server), []
            for _ in range(bench.rounds):
                runs = {}
                for name, (contender, how, expected) in contenders.items():
                    run = runs[name] = bench.wrk(contender, how)
                    result.failures += run.failures(name, expected)
                rounds.append(runs)
            renewed = sum(before.get(id) != time for id, time in throughput.last_heartbeats(server).items())
            if renewed != len(ids):
                result.failures.append(f"the batches renewed {renewed} of {len(ids)} instances")
    throughput.add_rows(result, rounds)
    # Per instance renewed, not per request: then a batch and a heartbeat are measured in the same unit.
    renewals = [{name: dataclasses.replace(run, requests=run.requests * BATCH) if name == "registry" else run
                 for name, run in round.items() if name != "floor"} for round in rounds]
    over = [throughput.ratio(round["registry"], round["single heartbeats"]) for round in renewals]
    result.figures = {
        "over_single": median(over),
        "renewed_per_second": median([round["registry"].per_second for round in renewals]),
        "cpu_us_per_renewal": median([round["registry"].cpu_us for round in renewals])}
    throughput.add_ratios(result, [{name: run for name, run in round.items() if name != "single heartbeats"}
                                   for round in rounds])
    result.notes.append(f"over_single ranged from {min(over):.1f} to {max(over):.1f}: instances renewed a second by "
                        f"batches of {BATCH:,} over single heartbeats for the same {len(ids):,} instances")
    return result


def instructions(bench):
    """Instructions per heartbeat, of the registry and the floor: what two runs of different length differ by."""
    result = Result("instructions")
    if not shutil.which("valgrind"):
        result.skipped = "valgrind is not installed (make deps.bench installs it): instructions were not counted"
        return result
    answers = None
    counts, functions = {}, {}
    for name in ("registry", "floor"):
        totals, tables = [], []
        for length in (SHORT, LONG):
            out = bench.work / f"callgrind-{name}-{length}.out"
            out.unlink(missing_ok=True)
            under = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
            if name == "registry":
                server = registry(bench.work, [*under, *bench.registry_command], "registry-valgrind", cores=bench.server_core)
            else:
                server = floor(bench.work, bench.floor_binary, answers, bench.server_core, "floor-valgrind", under=under)
            server.start_deadline = VALGRIND_START_SECONDS
            try:
                try:
                    server.start()
                except BenchError as error:
                    result.skipped = f"valgrind cannot run the {name} here: {error}"
                    return result
                if name == "registry":
                    targets = throughput.heartbeats(throughput.seed(server))
                    learnt = canned.learn(server.port, "PUT", targets[0], 200)  # in both runs: they differ in length alone
                    answers = canned.write(bench.work / "instructions.canned", [
                        canned.entry("PUT", throughput.ITEMS["heartbeat"].pattern, learnt)])
                beat(server.port, targets, length)
            finally:
                server.stop()
            totals.append(total(out))
            tables.append(_by_function(out))
        beats = LONG - SHORT
        counts[name] = (totals[1] - totals[0]) / beats
        functions[name] = {key: (tables[1][key] - tables[0].get(key, 0)) / beats for key in tables[1]}
    result.figures = {"registry": counts["registry"], "floor": counts["floor"],
                      "of_floor": counts["registry"] / counts["floor"]}
    for name, spent in functions.items():
        result.tables.append(_table(name, counts[name], spent))
    result.notes.append(f"callgrind, user space only: {LONG:,} heartbeats less {SHORT:,}, over {load.CONNECTIONS} connections, "
                        "divided by the difference; the kernel's share, which is larger, is not in it")
    return result


def beat(port, targets, count):
    """Exactly `count` heartbeats, as many at once as wrk has connections."""
    clients = [load.Client(port) for _ in range(load.CONNECTIONS)]
    try:
        for start in range(0, count, len(clients)):
            turn = clients[:count - start]
            for at, client in enumerate(turn):
                client.send("PUT", targets[(start + at) % len(targets)])
            for client in turn:
                if client.receive().status != 200:
                    raise BenchError("a heartbeat under valgrind was refused")
    finally:
        for client in clients:
            client.socket.close()


def total(out):
    for line in out.read_text(errors="replace").splitlines():
        if line.startswith(("summary:", "totals:")):
            return int(line.split()[1])
    raise BenchError(f"{out} tells no total: valgrind was cut off")


def _by_function(out):
    """Instructions of each function itself: {(object, function): count}."""
    annotated = subprocess.run(["callgrind_annotate", "--threshold=100", "--auto=no", str(out)], capture_output=True, text=True)
    found = {}
    for line in annotated.stdout.splitlines():
        match = re.match(r"\s*([\d,]+) \(\s*[\d.]+%\)\s+(\S.*?)(?: \[([^\]]*)\])?$", line)
        if match and ":" in match[2]:
            key = ((match[3] or "").rsplit("/", 1)[-1], match[2].split(":", 1)[1])
            found[key] = found.get(key, 0) + int(match[1].replace(",", ""))
    return found


def _table(name, total, spent):
    """Where the instructions of one heartbeat go: (title, columns, rows) for the report."""
    spent = sorted(spent.items(), key=lambda entry: -entry[1])[:FUNCTIONS_SHOWN]
    names = [function for (_, function), _ in spent]
    if shutil.which("swift"):
        told = subprocess.run(["swift", "demangle", "--simplified", "--compact"], input="\n".join(names) + "\n",
                              capture_output=True, text=True)
        if told.returncode == 0 and len(told.stdout.splitlines()) == len(names):
            names = told.stdout.splitlines()
    rows = [[function[:100].replace("|", "\\|"), image, f"{count:,.0f}", f"{count / total:.1%}"]
            for function, ((image, _), count) in zip(names, spent)]
    return (f"Instructions of a heartbeat: {name}, {total:,.0f} in all", ["function", "in", "instructions", "share"], rows)


ITEMS = {"batch": batch, "instructions": instructions}
