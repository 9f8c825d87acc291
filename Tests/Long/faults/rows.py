"""The rows of the table of faults. A row is a function that is given a `Run`; its docstring says what the fault is, what is expected, and within which
bound, and its first line is printed."""

import time

ROWS = {}


class Row:
    def __init__(self, function, seconds, is_fast, needs_network):
        self.function = function
        self.name = function.__name__.replace("_", "-")
        self.seconds = seconds
        self.is_fast = is_fast
        self.needs_network = needs_network
        self.promise = function.__doc__.strip().splitlines()[0]


def row(seconds=120, fast=False, network=False):
    """Makes a function a row. `seconds`: after so long it is ended and has failed. `fast`: it is also run by `make test`; on the loopback only.
    `network`: it cuts a network, for which it gets one of its own."""
    assert not (fast and network)

    def add(function):
        added = Row(function, seconds, fast, network)
        ROWS[added.name] = added
        return function

    return add


class Run:
    """What a row is given."""

    def __init__(self, registry):
        self.registry = registry
        self.began = time.monotonic()

    def say(self, text):
        """A measurement, or a step."""
        print(f"    {text}", flush=True)
