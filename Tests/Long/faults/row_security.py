"""Who is let in: certificates and secrets of members."""

import ssl
import socket
import subprocess
import time

import impostor
from cluster import Cluster, check
from impostor import Caller
from journal import Population
from oracle import Oracle
from rows import row

# How long strangers are left to try; dials are at most 5 s apart.
TRIED_SECONDS = 12
# The usual bound on waiting for members that do not answer: an outsider is looked at when it is long over.
SYNC_SECONDS = 5
REFUSED_SECONDS = 10
STRANGER = "127.0.0.66"


def certificates(run, folder):
    subprocess.run([run.registry, "dev-cert", str(folder)], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return folder


def tls_settings(folder, authority=None):
    return {"REPLICATION_TLS": "true", "REPLICATION_TLS_CERT": str(folder / "member.pem"), "REPLICATION_TLS_KEY": str(folder / "member-key.pem"),
            "REPLICATION_TLS_CA": str((authority or folder) / "ca.pem"), "CLUSTER_SECRET": ""}


def is_let_in(target, claimed, certificate):
    """Whether a caller over TLS with this certificate (a pair of paths, or None) hears more than that it is refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(*certificate)
    caller = Caller(target.address, STRANGER)
    try:
        caller.socket = context.wrap_socket(caller.socket)
        caller.upgrade(claimed.address)
        caller.frame()
        caller.say(impostor.hello(7, claimed.address, claimed.name.encode()))
        caller.say(impostor.proof(b""))
        caller.say(impostor.frame(impostor.SUBSCRIBE))
        heard = caller.everything(REFUSED_SECONDS)
        return heard is None or any(kind >= 32 for kind in kinds(heard))
    except OSError:
        # Refused in the handshake.
        return False
    finally:
        caller.socket.close()


def kinds(data):
    found = []
    while len(data) >= 5:
        found.append(data[4])
        data = data[4 + int.from_bytes(data[:4], "little"):]
    return found


def stays_out(cluster, outsider, words, why):
    """The members stay as they are; the outsider hears nobody, is not ready for as long as that lasts, and both sides say why."""
    members = [member for member in cluster if member is not outsider]
    time.sleep(TRIED_SECONDS)
    check(TRIED_SECONDS > 2 * SYNC_SECONDS, "it is looked at before a wrong readiness could show")
    status, readiness = outsider.ask("GET", "/readyz")
    check(status == 503 and readiness["reason"] == "refused" and readiness["until"] is None, f"the outsider's readiness: {status} {readiness}")
    status, health = outsider.ask("GET", "/uptime")
    check(status == 503 and health["REPLICATION"]["properties"]["refused"] == len(members), f"the outsider's health: {status} {health}")
    status, _ = outsider.ask("GET", "/api/v1/services")
    check(status == 503, f"a look-up at the outsider was answered {status}")
    page = outsider.cluster()
    check(page["not_ready_because"] == "refused" and page["refused_because"] == why, f"the outsider's page: {page}")
    check(all(peer["state"] == "refused" and peer["refused_because"] == why for peer in page["members"]), f"the outsider's page: {page}")
    remedies = outsider.log_lines("all other members refuse this one")
    check(len(remedies) == 1 and "level=error" in remedies[0], f"what to do is said {len(remedies)} times: {remedies}")
    check(all(member.ask("GET", "/readyz")[0] == 200 for member in members), "a member is held down by the outsider")
    cluster.wait_joined(members, seconds=1)
    check(outsider.cluster()["size"] == 1, f"the outsider counts {outsider.cluster()['size']} members")
    check(not outsider.cluster()["ready"], "the outsider is ready")
    check(all(peer["state"] not in ("copying", "streaming") for peer in outsider.cluster()["members"]), "the outsider hears a member")
    for member in members:
        check(member.cluster()["size"] == len(members), f"{member} counts the outsider")
        check(member.link_to(outsider).get("state") not in ("copying", "streaming"), f"{member} hears the outsider")
    for member in cluster:
        lines = [line for line in member.log_lines() if any(one in line for one in words)]
        check(lines, f"{member} does not say why: none of {words}")
        check(len(lines) < 3 * TRIED_SECONDS, f"{member} says it {len(lines)} times")


@row(seconds=120, fast=True)
def replication_tls(run):
    """Members speak TLS with certificates of `registry dev-cert`; strangers come with none, with another authority's, and with a client's.

    Expected: the cluster forms and works; strangers are refused, and so is a member with certificates of another authority, which both sides log.
    """
    with Cluster(run.registry) as cluster:
        ours, foreign = certificates(run, cluster.folder / "ours"), certificates(run, cluster.folder / "foreign")
        for member in cluster:
            member.settings |= tls_settings(ours)
        with Population(cluster.start().members) as population, Oracle(cluster, population) as oracle:
            target, claimed, _ = cluster.members
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(ours / "ca.pem")
            context.load_cert_chain(ours / "member.pem", ours / "member-key.pem")
            with socket.create_connection(("127.0.0.1", target.replication_port), 5) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1"):
                pass
            pair = lambda folder, name: (folder / f"{name}.pem", folder / f"{name}-key.pem")
            check(is_let_in(target, claimed, pair(ours, "member")), "a member's certificate is refused, so this test tries nothing")
            for what, certificate in (
                    ("no certificate", None), ("another authority's", pair(foreign, "member")), ("a client's", pair(ours, "client")),
                    ("a server's", pair(ours, "server"))):
                check(not is_let_in(target, claimed, certificate), f"a stranger with {what} was let in")
            with Caller(target.address, STRANGER) as caller:
                caller.say(impostor.preface(claimed.address))
                heard = caller.everything(REFUSED_SECONDS)
                check(heard is not None and b" 101 " not in heard, "a stranger without TLS was let in")
            check(target.log_lines("a connection on the replication port was refused"), "the strangers are not mentioned in the log")
            outsider = cluster.add({**tls_settings(foreign), "SYNC_TIMEOUT": f"{SYNC_SECONDS}s"})
            outsider.start().wait_answering()
            stays_out(cluster, outsider, ("a member is unreachable", "a connection on the replication port was refused"), "certificate")
            outsider.stop()
            oracle.hold(bound=25)


@row(seconds=120, fast=True)
def wrong_secret(run):
    """A member is restarted with another CLUSTER_SECRET.

    Expected: it stays out and is not ready, which both sides log, the others go on without it; with the right secret it is back. Bound: 25 s.
    """
    with Cluster(run.registry) as cluster:
        outsider = cluster.start()[2]
        with Population(cluster.members) as population, Oracle(cluster, population) as oracle:
            population.use(cluster.members[:2])
            outsider.stop()
            right = outsider.settings
            outsider.settings = {**right, "CLUSTER_SECRET": "quite another secret", "SYNC_TIMEOUT": f"{SYNC_SECONDS}s"}
            outsider.start().wait_answering()
            stays_out(cluster, outsider, ("the cluster secret was not proven",), "secret")
            outsider.stop()
            outsider.settings = right
            outsider.start().wait_ready()
            population.use(cluster.members)
            oracle.hold(bound=25)
