#!/usr/bin/env python3
"""Runs rows of the table of faults against real processes.

Usage: run.py [--registry PATH] [--fast] [--list] [NAME...]

Without names all rows are run, with --fast those that `make test` runs. Each row is run in a process of its own and ended when it takes too long; one
that cuts a network gets a network and a mount namespace of its own, which needs root or user namespaces that anybody may make, and `ip` (iproute2).
Exits with 1 when a row has failed, and with 77 when none has failed but one could not be run here. Told to end (SIGTERM, Ctrl-C), it ends the row that is
running and all that the row has started, and exits with 128 and the signal.
"""

import argparse
import importlib
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import time
import traceback

from cluster import Failed
from rows import ROWS, Run

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
SKIPPED = 77
END_SECONDS = 15
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Notes that this program is told to end, and wakes whoever waits for a row.

    An exception would not do: it could come when a row has been started and nobody holds it yet.
    """

    def __init__(self):
        self.signal = None
        self.reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer)
        for number in STOPS:
            # What nohup and the shell's `&` have it ignore it goes on to ignore.
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._note)

    def _note(self, number, _):
        self.signal = self.signal or number

    def wait(self, process, seconds):
        """Until the process has ended, for so long at most, or until the end of all."""
        deadline, handle = time.monotonic() + seconds, os.pidfd_open(process.pid)
        try:
            while process.poll() is None and self.signal is None and (left := deadline - time.monotonic()) > 0:
                select.select([handle, self.reader], [], [], left)
        finally:
            os.close(handle)


def namespace_command():
    """Enters new namespaces, in which the folder for the names of network namespaces is its own; None when that is not possible."""
    if not shutil.which("ip") or not shutil.which("unshare"):
        return None
    unshare = ["unshare", "--net", "--mount"] + ([] if os.geteuid() == 0 else ["--user", "--map-root-user"])
    if subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        return None
    return [*unshare, "sh", "-c", 'mount -t tmpfs tmpfs /run && exec "$@"', "sh"]


def run_here(row, registry):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(f"{row.name} was told to end"))
    try:
        row.function(Run(registry))
        return 0
    except Failed as failure:
        print(f"    {failure}", flush=True)
    except Exception:
        traceback.print_exc()
    return 1


def run_apart(row, registry, script, stop):
    """The row's exit status."""
    command = [sys.executable, script, "--here", "--registry", registry, row.name]
    if row.needs_network:
        enter = namespace_command()
        if enter is None:
            print("    skipped: there are no network namespaces for this user, or no iproute2")
            return SKIPPED
        command = [*enter, *command]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        stop.wait(process, row.seconds)
        if process.poll() is None:
            why = f"{signal.Signals(stop.signal).name} has come" if stop.signal else f"it takes more than {row.seconds} s"
            print(f"    ended: {why}", flush=True)
            return 1
        return process.returncode
    finally:
        end(process)


def end(process):
    """Asks the row to clean up; then ends it and whatever it has started."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def main(script=__file__, description=__doc__):
    """`script`: the program that is run, beside which the modules of rows are."""
    arguments = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--registry", default=str(ROOT / "bin" / "registry"))
    arguments.add_argument("--fast", action="store_true", help="only the rows of `make test`")
    arguments.add_argument("--list", action="store_true", help="tell the rows and what they are for")
    arguments.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments.add_argument("rows", nargs="*", metavar="NAME")
    options = arguments.parse_args()
    for module in sorted(pathlib.Path(script).resolve().parent.glob("row_*.py")):
        importlib.import_module(module.stem)
    if options.list:
        for row in ROWS.values():
            print(f"{row.name:<24} {row.promise}")
        return 0
    unknown = set(options.rows) - set(ROWS)
    if unknown:
        sys.exit(f"no such row: {', '.join(sorted(unknown))}; --list tells them")
    chosen = [ROWS[name] for name in options.rows] or [row for row in ROWS.values() if row.is_fast or not options.fast]
    registry = os.path.abspath(options.registry)
    if options.here:
        return run_here(chosen[0], registry)
    results, stop = {}, Stop()
    for row in chosen:
        print(f"{row.name}: {row.promise}", flush=True)
        began = time.monotonic()
        results[row.name] = run_apart(row, registry, script, stop)
        word = {0: "ok", SKIPPED: "SKIPPED"}.get(results[row.name], "FAILED")
        print(f"{word} {row.name} {time.monotonic() - began:.0f} s", flush=True)
        if stop.signal:
            print(f"{len(chosen) - len(results)} rows were not run", flush=True)
            return 128 + stop.signal
    failed = [name for name, status in results.items() if status not in (0, SKIPPED)]
    skipped = list(results.values()).count(SKIPPED)
    print(f"{len(results)} rows: {len(results) - len(failed) - skipped} ok, {len(failed)} failed, {skipped} skipped")
    if failed:
        print(f"failed: {', '.join(failed)}")
        return 1
    return SKIPPED if SKIPPED in results.values() else 0


if __name__ == "__main__":
    sys.exit(main())
