"""The items about the registry alone: its access log, its start, its loops."""

import os
import socket
import time

import load
import throughput
from report import Result, median
from scale import settled_bytes
from servers import BenchError, free_port

LOG_DEADLINE_SECONDS = 5
START_DEADLINE_SECONDS = 10
START_POLL_SECONDS = 0.0002


def access_log(bench):
    """What an access line per heartbeat costs: the same registry at ACCESS_LOG all and off, in alternating rounds."""
    result = Result("access-log")
    with bench.registry(name="registry-error") as quiet, \
            bench.registry(name="registry-info", access_log="all") as talking:
        scripts = {server.name: load.write_cycle_script(bench.work / f"{server.name}.lua", "PUT",
                                                        throughput.heartbeats(throughput.seed(server)))
                   for server in (talking, quiet)}
        for server in (talking, quiet):
            bench.wrk(server, scripts[server.name], throughput.WARM_UP_SECONDS)
        rounds, written = [], []
        for _ in range(bench.rounds):
            runs = {}
            for server in (talking, quiet):
                _quiesce(server.log)
                os.truncate(server.log, 0)  # it was opened for appending: the next line begins at 0 again
                run = runs[server.name] = bench.wrk(server, scripts[server.name])
                result.failures += run.failures(server.name, None)
                if server is talking:
                    _quiesce(server.log)
                    written.append(_lines(server.log) / max(1, run.requests))
            rounds.append(runs)
        os.truncate(talking.log, 0)
    throughput.add_rows(result, rounds)
    throughput.add_ratios(result, rounds, subject="registry-info")
    result.figures["extra_cpu_us"] = median(
        [round["registry-info"].cpu_us - round["registry-error"].cpu_us for round in rounds])
    result.figures["lines_per_request"] = min(written)
    return result


def _lines(path):
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def _quiesce(path):
    """Waits until a log has not grown for a while: a server may write its lines in batches."""
    deadline, size = time.monotonic() + LOG_DEADLINE_SECONDS, -1
    while size != (size := path.stat().st_size):
        if time.monotonic() > deadline:
            raise BenchError(f"{path} still grows {LOG_DEADLINE_SECONDS} s after the load ended")
        time.sleep(0.3)


def start(bench):
    """From exec to the first accepted connection, and what an empty registry holds."""
    result = Result("start")
    times, empty = [], []
    for _ in range(bench.starts):
        server = bench.registry(name="registry-start")
        try:
            begun = time.monotonic()
            server.launch_on(free_port())
            _first_connection(server)
            times.append((time.monotonic() - begun) * 1e3)
            with load.Client(server.port) as client:
                if client.ask("GET", "/").status != 200:
                    raise BenchError("GET / was not answered 200 after the start")
            empty.append(settled_bytes(server))
        finally:
            server.stop()
    result.figures = {"listening_ms": median(times), "slowest_ms": max(times), "empty_rss_mb": median(empty) / 1e6}
    result.notes.append(f"{len(times)} starts, fork and exec by the driver included")
    result.rounds = [{"listening_ms": times, "empty_rss_bytes": empty}]
    return result


def _first_connection(server):
    deadline = time.monotonic() + START_DEADLINE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", server.port), timeout=START_DEADLINE_SECONDS).close()
            return
        except OSError:
            if server.process.poll() is not None:
                raise BenchError(f"the registry ended with {server.process.returncode} while starting; "
                                 f"see {server.log}") from None
            if time.monotonic() > deadline:
                raise BenchError(f"no connection within {START_DEADLINE_SECONDS} s of the start") from None
            time.sleep(START_POLL_SECONDS)


def loops(bench):
    """CPU time per heartbeat of two loops against one: what sharing a catalog costs. Throughput is beside the point,
    since on two cores the client takes what the second loop would use."""
    result = Result("loops")
    with bench.registry(name="one-loop", cores=bench.all_cores) as one, \
            bench.registry(name="two-loops", loops=2, cores=bench.all_cores) as two:
        scripts = {server.name: load.write_cycle_script(bench.work / f"{server.name}.lua", "PUT",
                                                        throughput.heartbeats(throughput.seed(server)))
                   for server in (two, one)}
        rounds = []
        for round_number in range(bench.rounds + 1):
            runs = {}
            for server in (two, one):
                run = bench.wrk(server, scripts[server.name], cores=bench.all_cores, threads=2, connections=64)
                result.failures += run.failures(server.name, None)
                runs[server.name] = run
            if round_number > 0:  # the first is the warm-up
                rounds.append(runs)
        if not bench.self_test:
            tasks = len(os.listdir(f"/proc/{two.process.pid}/task")) - len(os.listdir(f"/proc/{one.process.pid}/task"))
            if tasks < 1:
                result.failures.append("LOOPS=2 has no more threads than LOOPS=1: nothing was compared")
    throughput.add_rows(result, rounds)
    result.figures["cpu_of_one_loop"] = median([round["two-loops"].cpu_us / round["one-loop"].cpu_us
                                                for round in rounds])
    return result


ITEMS = {"access-log": access_log, "start": start, "loops": loops}
