"""The main of a program that is a list of checks: runs them all, tells which failed, and how many."""

import argparse
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def run(checks, description):
    """Runs each check with the options of the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--registry", default=str(ROOT / "bin" / "registry"), type=os.path.abspath)
    parser.add_argument("--venv", default=ROOT / ".build" / "venv", type=pathlib.Path)
    parser.add_argument("checks", nargs="*", metavar="CHECK", help="words of the names of those to run; all without")
    options = parser.parse_args()
    if options.checks:
        checks = [check for check in checks if any(word in check.__name__ for word in options.checks)]
    failed = 0
    for check in checks:
        print(check.__name__.replace("_", " "), flush=True)
        try:
            check(options)
        except Exception as failure:
            failed += 1
            print(f"  FAILED: {type(failure).__name__}: {failure}", flush=True)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0
