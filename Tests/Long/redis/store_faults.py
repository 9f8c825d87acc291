#!/usr/bin/env python3
"""Applies faults of Redis, and of the ways to it, to members that keep what is registered there.

Usage: store_faults.py [--registry PATH] [--list] [NAME...]

STORE_FAULTS_ENGINE=valkey takes Valkey in place of Redis. STORE_FAULTS_STORE=memory has the members do without, to try the harness itself. Each row is a
process of its own, and is ended when it takes too long.
"""

import sys

import engines  # (which finds the helpers of the other tests)
import run

if __name__ == "__main__":
    sys.exit(run.main(__file__, __doc__))
