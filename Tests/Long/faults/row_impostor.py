"""Strangers on the replication port."""

import os
import resource
import struct
import threading
import time

import impostor
from cluster import SECRET, Cluster, check, wait_until
from impostor import Caller
from journal import Population
from oracle import Oracle
from rows import row

# Strangers come from other addresses than the members.
STRANGER = "127.0.0.66"
CROWD = 3_000
CROWD_ADDRESSES = 200
FLOOD_SECONDS = 8
# What the port may cost while it is attacked, beside what it costs at rest.
MEMORY_KILOBYTES = 24_000
FILES = 400
# Of refusals there are at most ten lines and a count in 10 s, and a line a second of what breaks the protocol.
LINES_PER_SECOND = 2.5
# A stranger may take 5 s to ask and 5 s to prove who he is.
DROPPED_SECONDS = 9
JOINED_SECONDS = 20


def resident_kilobytes(member):
    for line in open(f"/proc/{member.process.pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def files_of(member):
    return len(os.listdir(f"/proc/{member.process.pid}/fd"))


def boot_id(member):
    return int(member.cluster()["boot_id"], 16)


class Watch:
    """What the attacked member comes to meanwhile."""

    def __init__(self, member):
        self.member = member
        self.memory, self.files = resident_kilobytes(member), files_of(member)
        self.most_memory, self.most_files = 0, 0
        self.lines = len(member.log_lines("level=warn"))
        self.began = time.monotonic()
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while not self.is_over.wait(0.05):
            self.most_memory = max(self.most_memory, resident_kilobytes(self.member) - self.memory)
            self.most_files = max(self.most_files, files_of(self.member) - self.files)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()

    def judge(self, run, what):
        lines = len(self.member.log_lines("level=warn")) - self.lines
        seconds = time.monotonic() - self.began
        run.say(f"{what}: {self.most_files} more files, {self.most_memory} KB more, {lines} warnings in {seconds:.0f} s")
        check(self.most_files < FILES, f"{what} opened {self.most_files} files")
        check(self.most_memory < MEMORY_KILOBYTES, f"{what} cost {self.most_memory} KB")
        check(0 < lines <= LINES_PER_SECOND * seconds + 10, f"{what} made {lines} lines in {seconds:.0f} s")


def stays(cluster, lost):
    check(sum(len(member.log_lines("lost the connection to a member")) for member in cluster) == lost, "a member lost another for the stranger's sake")
    cluster.wait_joined(seconds=1)


@row(seconds=120, fast=True)
def impostor_lies(run):
    """A stranger on the port claims to be a member, breaks the protocol, or speaks another one.

    It has a wrong secret, none, a proof thrown back, a proof heard elsewhere, a member's boot id and address; it sends a frame of 4 GB, frames too early,
    random bytes, a request that never ends, a request for the original's plain stream.
    Expected: nothing is told to it, it is dropped within 9 s and mentioned in the log; the member it claims to be stays. Bounds: 400 files, 24 MB.
    """
    with Cluster(run.registry) as cluster:
        target, claimed, third = cluster.start().members
        with Population(cluster.members) as population, Oracle(cluster, population) as oracle, Watch(target) as watch:
            lost = sum(len(member.log_lines("lost the connection to a member")) for member in cluster)
            refusals = target.metric("a8registry_replication_refusals_total")

            def refused(say, what, wants_goodbye=True):
                """`say` is told the accepter's hello; then the connection must end, without a word but a goodbye."""
                with Caller(target.address, STRANGER) as caller:
                    caller.upgrade(claimed.address)
                    _, theirs = caller.frame()
                    say(caller, theirs)
                    heard = caller.everything(DROPPED_SECONDS)
                    check(heard is not None, f"{what}: the connection is kept")
                    # Their proof comes as soon as our hello has; then nothing but "refused, for the secret".
                    kinds = frames_in(heard)
                    check(set(kinds) <= {impostor.PROOF, 5}, f"{what}: it was told frames of kinds {kinds}")
                    check(not wants_goodbye or impostor.REFUSED_SECRET in heard, f"{what}: it was not told why")

            def hello(nonce=None):
                return impostor.hello(boot_id(claimed), claimed.address, claimed.name.encode(), nonce)

            def with_code(make):
                def say(caller, theirs):
                    mine = hello()
                    caller.say(mine)
                    caller.say(impostor.proof(make(mine[4:], theirs)))
                return say

            refused(with_code(lambda mine, theirs: impostor.code(b"another secret", b"dialer", mine, theirs)), "a wrong secret")
            refused(with_code(lambda mine, theirs: b""), "no secret")
            refused(with_code(lambda mine, theirs: impostor.code(SECRET.encode(), b"accepter", mine, theirs)), "the other role's code")
            refused(with_code(lambda mine, theirs: impostor.code(SECRET.encode(), b"dialer", theirs, mine)), "a code of the hellos exchanged")

            def throw_back(caller, theirs):
                caller.say(impostor.frame(impostor.HELLO, theirs[1:]))
                _, proof = caller.frame()
                caller.say(impostor.frame(impostor.PROOF, proof[1:]))

            refused(throw_back, "a hello and a proof thrown back")
            refused(lambda caller, theirs: heard_elsewhere(caller, third, claimed, hello), "a proof that another member gave")
            refused(lambda caller, theirs: caller.say(struct.pack("<IB", 0xFFFF_FFFF, 1) + b"x" * 60_000), "a frame of 4 GB", False)
            refused(lambda caller, theirs: caller.say(struct.pack("<I", 0)), "an empty frame", False)
            refused(lambda caller, theirs: caller.say(impostor.frame(impostor.SUBSCRIBE)), "a subscription without a proof", False)
            refused(lambda caller, theirs: caller.say(hello() + hello()), "two hellos", False)
            refused(lambda caller, theirs: caller.say(impostor.frame(impostor.HELLO, b"\xff" * 1_000)), "a hello of nonsense", False)
            refused(lambda caller, theirs: caller.say(hello()), "silence after the hello", False)
            # What the metrics tell of the cluster is put together several times a second.
            wait_until("all refusals to be counted", lambda: target.metric("a8registry_replication_refusals_total") >= refusals + 12, 5)

            def dropped(data, what, answer=b""):
                with Caller(target.address, STRANGER) as caller:
                    caller.say(data)
                    heard = caller.everything(DROPPED_SECONDS)
                    check(heard is not None, f"{what}: the connection is kept")
                    check(heard.startswith(answer) and (answer or not heard), f"{what} was answered {heard[:60]!r}")

            dropped(os.urandom(20_000), "random bytes", b"HTTP/1.1 4")
            dropped(b"\x16\x03\x01\x02\x00\x01" + os.urandom(500), "a TLS handshake")
            dropped(impostor.preface(claimed.address, upgrade=None), "a plain stream", b"HTTP/1.1 403 ")
            dropped(impostor.preface(claimed.address, path="/v1/sync", upgrade=None), "a plain copy", b"HTTP/1.1 403 ")
            # The greeting finds out who that is.
            dropped(impostor.preface(target.address), "the member's own address without a greeting", b"HTTP/1.1 101 ")
            dropped(impostor.preface("nobody"), "no address", b"HTTP/1.1 400 ")
            dropped(b"GET /v1/replication HTTP/1.1\r\nX: " + b"x" * 9_000, "a request that does not end", b"HTTP/1.1 431 ")
            stays(cluster, lost)
            watch.judge(run, "lies")
            oracle.hold(bound=25)


def frames_in(data):
    kinds = []
    while len(data) >= 5:
        length, kind = struct.unpack("<IB", data[:5])
        kinds.append(kind)
        data = data[4 + length:]
    return kinds


def heard_elsewhere(caller, third, claimed, hello):
    """Asks another member for the proof that is wanted here: its code is of its own nonce and hello, so it is of no use."""
    mine = hello()
    caller.say(mine)
    with Caller(third.address, STRANGER) as other:
        other.upgrade(claimed.address)
        other.frame()
        other.say(mine)
        _, proof = other.frame()
    caller.say(impostor.frame(impostor.PROOF, proof[1:]))


@row(seconds=150)
def impostor_crowd(run):
    """Thousands of strangers come to the port from two hundred addresses; meanwhile a member is killed and comes back.

    They say nothing, ask for nonsense, claim to be a member, or never end what they say, and stay until they are thrown out.
    Expected: the links stay, the member that comes back is let in; files, memory and lines of the log stay bounded. Bounds: 400 files, 24 MB, linked
    again within 20 s.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with Cluster(run.registry) as cluster:
        target, claimed, restarted = cluster.start().members
        with Population([target, claimed]) as population, Oracle(cluster, population) as oracle:
            lost = sum(len(member.log_lines("lost the connection to a member")) for member in cluster)
            for what, words in (("nonsense", b"nonsense\r\n\r\n"), ("a claim", impostor.preface(claimed.address)), ("silence", b"")):
                with Watch(target) as watch, Crowd(target, words) as crowd:
                    crowd.come(CROWD)
                    time.sleep(2)
                    stays(cluster, lost)
                    time.sleep(DROPPED_SECONDS)
                    watch.judge(run, f"{crowd.came} connections with {what}")
            with Watch(target) as watch, Crowd(target, b"GET /v1/") as crowd:
                # As fast as they can, without an end, while somebody has to come in.
                crowd.keep_coming()
                oracle.killing(restarted)
                restarted.kill()
                time.sleep(1)
                restarted.start().wait_ready()
                began = time.monotonic()
                cluster.wait_joined(seconds=JOINED_SECONDS)
                run.say(f"the member that came back was linked {time.monotonic() - began:.1f} s after it was ready")
                time.sleep(FLOOD_SECONDS)
                crowd.stop()
                watch.judge(run, f"{crowd.came} connections without an end")
            population.use(cluster.members)
            oracle.hold(bound=25)


class Crowd:
    """Strangers from many addresses, each of whom says the same and waits."""

    def __init__(self, member, words):
        self.member = member
        self.words = words
        self.callers = []
        self.came = 0
        self.is_over = threading.Event()
        self.thread = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        for caller in self.callers:
            caller.socket.close()

    def come(self, count):
        for _ in range(count):
            self.came += 1
            try:
                caller = Caller(self.member.address, f"127.0.1.{self.came % CROWD_ADDRESSES + 1}")
            except OSError:
                continue
            self.callers.append(caller)
            caller.say(self.words)

    def keep_coming(self):
        def run():
            while not self.is_over.is_set():
                self.come(1)
                if len(self.callers) > CROWD:
                    self.callers.pop(0).socket.close()

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def stop(self):
        self.is_over.set()
        if self.thread:
            self.thread.join(timeout=15)
