"""What runs the rows leaves nothing behind: told to end, it ends its row and all that the row has started."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

from engines import HERE, check, wait_until
from rows import row
from store import MEMBERS

START_SECONDS = 40
END_SECONDS = 30
# A row that is not over by itself before it is told to end.
LONG_ROW = "stop-60"
# Itself, the engine, and the members.
PROCESSES = 2 + MEMBERS


@row(seconds=150)
def runner_is_ended(run):
    """Whatever runs a row gets SIGTERM, or Ctrl-C: neither the row nor one of its processes or files is left, and it exits with 128 and the signal."""
    for number in (signal.SIGTERM, signal.SIGINT):
        with tempfile.TemporaryDirectory(prefix="registry-runner-") as folder, running(run, folder) as runner:
            started = wait_until("a row with all its processes", lambda: all_of_row(runner), START_SECONDS)
            runner.send_signal(number)
            code = runner.wait(timeout=END_SECONDS)
            left = [process for process in started if pathlib.Path(f"/proc/{process}").exists()]
            check(not left, f"processes are left after {number.name}: {left}")
            check(not os.listdir(folder), f"files are left after {number.name}: {os.listdir(folder)}")
            check(code == 128 + number, f"it exited with {code} on {number.name}")
            run.say(f"{len(started)} processes ended with it on {number.name}")


@contextlib.contextmanager
def running(run, folder):
    """A program that runs a row, with its files in the folder. What fails here leaves none of it either."""
    with open(os.devnull, "wb") as nothing:
        runner = subprocess.Popen(
            [sys.executable, HERE / "store_faults.py", "--registry", run.registry, LONG_ROW], env={**os.environ, "TMPDIR": folder},
            stdin=subprocess.DEVNULL, stdout=nothing, stderr=nothing, preexec_fn=heed)
    try:
        yield runner
    finally:
        if runner.poll() is None:
            runner.terminate()
            runner.wait(timeout=END_SECONDS)


def heed():
    """What runs in the background of a shell ignores Ctrl-C, and so would what it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def all_of_row(runner):
    """The processes of the row, which has a session of its own; none before there are all of them."""
    of_row = [process for process, parent, _ in stats() if parent == runner.pid]
    found = [process for process, _, session in stats() if session in of_row]
    return found if len(found) >= PROCESSES else []


def stats():
    """Of each process its id, its parent and its session."""
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        yield int(path.parent.name), int(fields[1]), int(fields[3])
