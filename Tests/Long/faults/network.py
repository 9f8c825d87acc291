"""A network that can be cut: one namespace for each member, joined by a bridge. Meant to run within a network and a mount namespace of its own, which
`run.py` enters for the rows that need it; so whatever happens to the test, the system takes all of it back and nothing outside was touched.

Members are asked over the loopback of their own namespace, which no cut between members reaches.
"""

import ctypes
import os
import socket
import subprocess

from cluster import Failed, Loopback

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def ip(*words):
    run(["ip", *words])


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {done.stderr.strip()}")


def enter(descriptor):
    """Moves this thread to a network namespace."""
    if LIBC.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Place(Loopback):
    """The namespace of one member."""

    def __init__(self, network, name, number):
        self.network = network
        self.ports = 0
        self.namespace = name
        self.link = f"{name}-b"
        self.address = f"10.99.0.{number}"
        self.prefix = ("ip", "netns", "exec", name)
        ip("netns", "add", name)
        ip("link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("link", "set", self.link, "master", "bridge0", "up")
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "link", "set", "eth0", "up")
        ip("-n", name, "address", "add", f"{self.address}/24", "dev", "eth0")
        self.descriptor = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)

    def socket(self):
        """A socket belongs to the namespace in which it was made, whoever uses it."""
        enter(self.descriptor)
        try:
            return socket.socket()
        finally:
            enter(self.network.own)

    def free_port(self):
        """Nobody else is in the namespace."""
        self.ports += 1
        return 20_000 + self.ports


class Network:
    """The bridge and what can be done to it."""

    def __init__(self):
        self.own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.places = []
        ip("link", "set", "lo", "up")
        ip("link", "add", "bridge0", "type", "bridge")
        ip("link", "set", "bridge0", "up")

    def add(self, name):
        place = Place(self, name, len(self.places) + 1)
        self.places.append(place)
        return place

    # What can be done to a member's connection with all others

    def cut(self, member):
        """Takes the link down."""
        ip("link", "set", member.place.link, "down")

    def mend(self, member):
        ip("link", "set", member.place.link, "up")

    def throttle(self, member, rate="64kbit"):
        """What reaches the member passes at this rate. The queue before it is large: the bytes wait, they are not lost."""
        run(["tc", "qdisc", "add", "dev", member.place.link, "root", "tbf", "rate", rate, "burst", "8kb", "limit", "300kb"])

    def unthrottle(self, member):
        run(["tc", "qdisc", "del", "dev", member.place.link, "root"])

    # What can be done to the way from one member to another

    def blackhole(self, sender, receiver):
        """What the sender sends to the receiver vanishes, without a word to the sender."""
        ip("-n", sender.place.namespace, "route", "add", "blackhole", f"{receiver.place.address}/32")

    def unblackhole(self, sender, receiver):
        ip("-n", sender.place.namespace, "route", "del", "blackhole", f"{receiver.place.address}/32")

    def part(self, one, others):
        """Both ways between two groups of members, without a link going down."""
        for left in one:
            for right in others:
                self.blackhole(left, right)
                self.blackhole(right, left)

    def unpart(self, one, others):
        for left in one:
            for right in others:
                self.unblackhole(left, right)
                self.unblackhole(right, left)

    def swallow(self, sender, receiver):
        """As `blackhole`, but the sender's own system does not notice either: it sends to a station that does not exist."""
        ip("-n", sender.place.namespace, "neigh", "replace", receiver.place.address, "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "permanent")

    def unswallow(self, sender, receiver):
        ip("-n", sender.place.namespace, "neigh", "del", receiver.place.address, "dev", "eth0")
