"""A member that reads slowly or not at all. Those that tell it must neither wait for it nor keep everything for it."""

import threading
import time

from cluster import Cluster, check, exchange
from journal import Population, Prober
from network import Network
from oracle import Oracle
from row_pause import check_unmoved
from rows import row

CAP_BYTES = 1 << 20
# What is looked at at once may be over the cap by one message, and the page is a moment old.
CAP_SLACK_BYTES = 256 << 10
SETTINGS = {"REPLICATION_QUEUE_BYTES": str(CAP_BYTES), "CLUSTER_SIZE": "3"}


class Writer:
    """Registers large instances over and over at one member, until told to end."""

    def __init__(self, member, instances=2_000, metadata=900, threads=2):
        self.member = member
        self.instances = instances
        self.metadata = metadata
        self.is_over = threading.Event()
        self.written = 0
        self.failures = []
        self.threads = [threading.Thread(target=self._write, args=(number, threads), daemon=True) for number in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join(timeout=20)

    def _write(self, first, step):
        connection = self.member.connect()
        turn = 0
        while not self.is_over.is_set():
            for number in range(first, self.instances, step):
                if self.is_over.wait(0.001):
                    break
                body = {"service_name": f"bulk-{number % 20}", "endpoint": {"type": "tcp", "value": f"{number}.bulk:80"}, "ttl": 600,
                        "metadata": {"turn": turn, "pad": "x" * self.metadata}}
                try:
                    status, _ = exchange(connection, "POST", "/api/v1/instances", body)
                except OSError as error:
                    self.failures.append(str(error))
                    return
                if status != 201:
                    self.failures.append(f"answered {status}")
                    return
                self.written += 1
            turn += 1


def watch_queue(run, teller, reader, seconds):
    """How the teller sees the reader's queue, each 50 ms. Returns (most bytes queued, whether it ever ran over)."""
    most, over = 0, False
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        queued = teller.link_to(reader).get("reads_from_us")
        if queued:
            most, over = max(most, queued["queued_bytes"]), over or queued["overflowed"]
        most = max(most, int(teller.metric("a8registry_replication_queued_bytes")))
        time.sleep(0.05)
    return most, over


def check_queue(run, most):
    run.say(f"most bytes queued for it: {most:,} (cap {CAP_BYTES:,})")
    check(most <= CAP_BYTES + CAP_SLACK_BYTES, "its queue is over its cap")


@row(seconds=150, network=True)
def slow_peer(run):
    """What reaches one member passes at 64 kbit/s, while another is told far more: the queue for it stays under its cap, everyone else is unmoved.

    20 s of about 1 MB/s of changes. Expected: the queue in the page and in the metrics stays under 1 MiB, it runs over, medians of the other two are
    unmoved, and once the line is fast again the member gets one full copy from each that had to drop, and all agree within 25 s.
    """
    network = Network()
    with Cluster(run.registry, settings=SETTINGS, network=network) as cluster:
        teller, other, reader = cluster.start().members
        with Population([teller, other], ttl=8, churn=4) as population, Oracle(cluster, population) as oracle, Prober([teller, other]) as prober, \
                Writer(teller) as writer:
            time.sleep(2)
            began = time.monotonic()
            time.sleep(6)
            copies = teller.metric("a8registry_replication_copies_sent_total")
            throttled = time.monotonic()
            network.throttle(reader)
            most, over = watch_queue(run, teller, reader, 20)
            freed = time.monotonic()
            network.unthrottle(reader)
            overflows = teller.metric("a8registry_replication_overflows_total")
            cluster.wait_joined()
            time.sleep(1)
            check_queue(run, most)
            run.say(f"its queue ran over {overflows:.0f} times; {writer.written} registrations in all")
            check(over or overflows, "its queue never ran over: this has tried nothing")
            check_unmoved(run, prober, [teller, other], [(began, throttled)], (throttled + 1, freed))
            check(not writer.failures, f"the writer was refused: {writer.failures[:1]}")
            writer.is_over.set()
            copies = teller.metric("a8registry_replication_copies_sent_total") - copies
            run.say(f"full copies sent since: {copies:.0f}")
            check(copies == 1, "it did not get one full copy")
            oracle.hold(bound=25)


@row(seconds=120)
def stuck_peer(run):
    """A member is stopped in mid-stream while another is told 1 MB/s: the queue for it stays under its cap, everyone else is unmoved.

    The stopped member's system still takes bytes, so that pings alone tell. Expected: the link is closed after three pings, nothing is kept for it, and
    when it wakes it gets one full copy from each, and all agree within 25 s.
    """
    with Cluster(run.registry, settings=SETTINGS) as cluster:
        teller, other, reader = cluster.start().members
        with Population([teller, other], ttl=8, churn=4) as population, Oracle(cluster, population) as oracle, Prober([teller, other]) as prober, \
                Writer(teller) as writer:
            time.sleep(2)
            began = time.monotonic()
            time.sleep(6)
            copies = reader.metric("a8registry_replication_copies_received_total")
            paused = time.monotonic()
            reader.pause()
            most, _ = watch_queue(run, teller, reader, 15)
            woken = time.monotonic()
            check("reads_from_us" not in teller.link_to(reader), "the link to a member that says nothing is kept")
            oracle.waking(reader)
            reader.resume()
            check_queue(run, most)
            check_unmoved(run, prober, [teller, other], [(began, paused)], (paused + 1, woken))
            check(not writer.failures, f"the writer was refused: {writer.failures[:1]}")
            cluster.wait_joined()
            writer.is_over.set()
            copies = reader.metric("a8registry_replication_copies_received_total") - copies
            run.say(f"full copies when it woke: {copies:.0f}")
            check(copies == 2, "it did not get one full copy from each")
            oracle.hold(bound=25)
