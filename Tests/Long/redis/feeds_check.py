#!/usr/bin/env python3
"""Runs the readers of feeds beside members over a real Redis and a real Valkey: what they follow reaches them through a store too.

Usage: feeds_check.py [--registry PROGRAM] [--venv DIR] [--engine redis|valkey] [FEED...]

FEED are names of READERS; without any all are read. These are the programs of `make test.feeds` that need no peers of a registry: by
running_registry.py their members come to the store, and those that share a directory elsewhere share a prefix there. feeds_resolvers.py is not among
them: its members are in a network of their own, from which no store is reached.
"""

import argparse
import os
import pathlib
import sys

from contract import run_program, run_steps
from engines import FLAVORS, ROOT, Failed, Single, check

READERS = ("watch", "prometheus", "envoy", "consul", "dns")


def run(flavor, feeds, options):
    """Reads feeds over one engine; returns whether all went well."""
    with Single(flavor, options={"appendonly": "yes"}, venv=options.venv) as single:
        return run_steps(
            single, [lambda feed=feed: run_program(flavor, single.address, [f"feeds_{feed}.py"], options.registry) for feed in feeds])


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--registry", default=str(ROOT / "bin" / "registry"), type=os.path.abspath)
    arguments.add_argument("--engine", choices=FLAVORS, action="append")
    arguments.add_argument("--venv", default=ROOT / ".build" / "venv", type=pathlib.Path)
    arguments.add_argument("feeds", nargs="*", metavar="FEED")
    options = arguments.parse_args()
    try:
        unknown = set(options.feeds) - set(READERS)
        check(not unknown, f"there is no {', '.join(sorted(unknown))} among {', '.join(READERS)}")
        results = [run(flavor, options.feeds or READERS, options) for flavor in options.engine or FLAVORS]
    except Failed as failure:
        print(f"FAILED: {failure}")
        return 1
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
