"""A member that may open no more files."""

import os
import resource
import socket
import subprocess
import time

from cluster import Cluster, check, wait_until
from journal import Client, Population
from oracle import Oracle
from rows import row

CLIENTS = 600
# What is left to be opened when the limit falls.
LEFT = 20
EXHAUSTED_SECONDS = 6
IDLE_SHARE = 0.3
JOINED_SECONDS = 20
HEALED_SECONDS = 10


def limit(member, soft, hard):
    subprocess.run(["prlimit", f"--pid={member.process.pid}", f"--nofile={soft}:{hard}"], check=True, stdin=subprocess.DEVNULL)


def files_of(member):
    return len(os.listdir(f"/proc/{member.process.pid}/fd"))


def crowd(member, count):
    """Clients that connect and stay."""
    clients = []
    for _ in range(count):
        client = socket.socket()
        client.settimeout(2)
        try:
            client.connect(("127.0.0.1", member.port))
        except OSError:
            # The queue of those that wait to be accepted is full.
            client.close()
            break
        clients.append(client)
    return clients


def outcomes(clients):
    """How many were told 503, how many were closed, and how many wait."""
    told = closed = waiting = 0
    for client in clients:
        client.setblocking(False)
        try:
            data = client.recv(4096)
            told += data.startswith(b"HTTP/1.1 503 ")
            closed += not data
        except BlockingIOError:
            waiting += 1
        except OSError:
            closed += 1
    return told, closed, waiting


@row(seconds=120)
def descriptors(run):
    """Clients use up every file that one member may open, while another member is killed and comes back.

    Expected: the processor rests; clients that are in are served, others are answered 503 or refused; the links stay, and the member that comes back is
    linked both ways, as peers have a reserve. Bounds: linked within 20 s, serving everybody within 10 s after the clients have gone.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with Cluster(run.registry, settings={"MAX_CONNECTIONS": "100000"}) as cluster:
        victim, other, restarted = cluster.start().members
        with Population([other, restarted]) as population, Oracle(cluster, population) as oracle:
            inside = Client()
            check(inside.ask(victim, "GET", "/api/v1/services")[0] == 200, "not served before")
            limit(victim, files_of(victim) + LEFT, most)
            clients = crowd(victim, CLIENTS)
            try:
                spent, began = victim.processor_seconds(), time.monotonic()
                time.sleep(EXHAUSTED_SECONDS)
                share = (victim.processor_seconds() - spent) / (time.monotonic() - began)
                run.say(f"{len(clients)} clients, {files_of(victim)} files open, {share:.0%} of a processor")
                check(share < IDLE_SHARE, f"{share:.0%} of a processor are spent")
                check(inside.ask(victim, "GET", "/api/v1/services")[0] == 200, "a client that was in is not served")
                check(link_states(inside, victim) == ["streaming", "streaming"], f"a link was lost: {link_states(inside, victim)}")
                population.use([other])
                oracle.killing(restarted)
                restarted.kill()
                time.sleep(1)
                restarted.start().wait_ready()
                began = time.monotonic()
                wait_until("the member that came back to be linked both ways with the one without files", lambda: (
                    link_states(inside, victim) == ["streaming", "streaming"] and restarted.link_to(victim).get("state") == "streaming"), JOINED_SECONDS)
                run.say(f"the member that came back was linked after {time.monotonic() - began:.1f} s")
                population.use([other, restarted])
                told, closed, waiting = outcomes(clients)
                run.say(f"clients: {told} told 503, {closed} closed, {waiting} wait or are in")
                check(told + closed > 0, "nobody was told anything")
            finally:
                for client in clients:
                    client.close()
            limit(victim, most, most)
            wait_until("new clients to be served again", lambda: victim.ask("GET", "/api/v1/services", timeout=2)[0] == 200, HEALED_SECONDS)
            inside.close()
            population.use(cluster.members)
            oracle.hold(bound=25)


def link_states(client, member):
    """Over a connection that is there already."""
    status, page = client.ask(member, "GET", "/api/v1/cluster")
    check(status == 200, f"the cluster's page was answered {status}")
    return sorted(peer["state"] for peer in page["members"])
