"""The shared directory is full, cannot be written, is gone, or has things in it that no member put there. In a mount namespace of their own, so that
whatever is mounted goes with the row."""

import os
import pathlib
import socket
import subprocess
import time

from cluster import Cluster, check, fill, wait_until
from journal import Population
from network import ip, run as command
from oracle import Oracle
from rows import row

# Longer than a member's file may stay as it is until it is taken for gone (30 s).
LONG_SECONDS = 40
# A member writes its file every 7 s and looks every 5 s.
NOTICED_SECONDS = 15
WRITTEN = "this member's file in the cluster directory cannot be written"
WRITTEN_AGAIN = "this member's file in the cluster directory can be written again"
READ = "the cluster directory cannot be read"
# Three looks long.
HANGS = "has not answered for 15 s"
ANSWERS = "answers again"
# Since the start.
UNUSABLE = "cannot be used; this member is not ready until"
USABLE = "can be used"


class SmallDirectory:
    """The cluster's directory as a file system of its own, with room for some files."""

    def __init__(self, cluster):
        ip("link", "set", "lo", "up")
        self.path = cluster.directory
        command(["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", str(self.path)])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", str(self.path)], stdin=subprocess.DEVNULL)

    def fill(self):
        with open(self.path / "filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass

    def empty(self):
        (self.path / "filler").unlink()

    def forbid(self):
        command(["mount", "-o", "remount,ro", str(self.path)])

    def allow(self):
        command(["mount", "-o", "remount,rw", str(self.path)])


class FreezableDirectory:
    """The cluster's directory as a file system of its own, which can be made to hang whoever writes: as a network's does whose server is gone."""

    def __init__(self, cluster):
        ip("link", "set", "lo", "up")
        self.path = cluster.directory
        image = cluster.folder / "image"
        with open(image, "wb") as file:
            file.truncate(8 << 20)
        command(["mkfs.ext4", "-q", str(image)])
        command(["mount", "-o", "loop", str(image), str(self.path)])
        command(["chmod", "755", str(self.path)])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for words in (["fsfreeze", "-u"], ["umount", "-l"]):
            subprocess.run([*words, str(self.path)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def freeze(self):
        command(["fsfreeze", "-f", str(self.path)])

    def thaw(self):
        command(["fsfreeze", "-u", str(self.path)])


def said(cluster, words):
    return {member.name: len(member.log_lines(words)) for member in cluster}


def once(cluster, words, seconds=NOTICED_SECONDS):
    wait_until(f"every member to say '{words}'", lambda: all(said(cluster, words).values()), seconds)


def is_held_back(member):
    """Whoever cannot announce itself is not ready, says so once, with the path, and in /readyz for as long as it lasts."""
    status, readiness = member.ask("GET", "/readyz")
    check(status == 503 and readiness["reason"] == "cluster directory" and readiness["until"] is None, f"{member} says {status} {readiness}")
    lines = member.log_lines(UNUSABLE)
    check(len(lines) == 1 and "level=error" in lines[0] and member.settings["CLUSTER_DIR"] in lines[0], f"{member} says: {lines}")


def hold_membership(run, cluster, oracle, population, words, restarts=None):
    """The members stay linked for much longer than a file lasts, and say what is wrong once."""
    once(cluster, words)
    check(all("level=error" in line for member in cluster for line in member.log_lines(words)), "it is not said as an error")
    if restarts:
        population.use([member for member in cluster if member is not restarts])
        restarts.stop()
        restarts.start().wait_answering()
        cluster.wait_joined()
        is_held_back(restarts)
        run.say(f"{restarts} was started meanwhile, found the others, and is not ready")
    lost = said(cluster, "lost the connection to a member")
    time.sleep(LONG_SECONDS)
    cluster.wait_joined(seconds=1)
    check(said(cluster, "lost the connection to a member") == lost, "a link was given up for the directory's sake")
    for member in cluster:
        lines = len(member.log_lines(words))
        check(lines <= 1, f"{member} says it {lines} times: {words}")


@row(seconds=180, network=True)
def directory_full(run):
    """The file system of the shared directory has no byte left for 45 s; a member is killed and restarted meanwhile, and a new one comes.

    Expected: those that have a file there keep it fresh, the restarted one too, which finds it as it left it; the new one says once, as an error, that
    it cannot write its own, and finds the others, and they it. Bound: noticed in 15 s.
    """
    with Cluster(run.registry) as cluster, SmallDirectory(cluster) as directory:
        with Population(cluster.start().members) as population, Oracle(cluster, population) as oracle:
            once(cluster, "is in the cluster directory")
            first, killed, _ = cluster.members
            population.use([member for member in cluster if member is not killed])
            directory.fill()
            oracle.killing(killed)
            killed.kill()
            killed.start().wait_ready()
            cluster.wait_joined()
            population.use(cluster.members)
            newcomer = cluster.add()
            newcomer.start().wait_answering()
            cluster.wait_joined()
            lost = said(cluster, "lost the connection to a member")
            time.sleep(LONG_SECONDS)
            is_held_back(newcomer)
            cluster.wait_joined(seconds=1)
            check(said(cluster, "lost the connection to a member") == lost, "a link was given up for the directory's sake")
            check(not first.log_lines(f"{killed.address} is gone from"), "the restarted member did not keep its file fresh")
            check(not any(said(cluster, WRITTEN).values()), f"said: {said(cluster, WRITTEN)}")
            directory.empty()
            newcomer.wait_ready()
            check(newcomer.log_lines(USABLE), "that it is over is not said")
            population.use(cluster.members)
            oracle.hold(bound=25)


@row(seconds=180, network=True)
def directory_read_only(run):
    """The file system of the shared directory is mounted read-only for 45 s, and a member is restarted meanwhile.

    Expected: the membership stays, each member says so once, as an error; the restarted one finds the others, and they it, and is not ready until it
    can write its file. Bound: noticed in 15 s.
    """
    with Cluster(run.registry) as cluster, SmallDirectory(cluster) as directory:
        with Population(cluster.start().members) as population, Oracle(cluster, population) as oracle:
            once(cluster, "is in the cluster directory")
            directory.forbid()
            hold_membership(run, cluster, oracle, population, WRITTEN, restarts=cluster[2])
            directory.allow()
            wait_until("the others to write again", lambda: all(member.log_lines(WRITTEN_AGAIN) for member in cluster.members[:2]), NOTICED_SECONDS)
            cluster[2].wait_ready()
            population.use(cluster.members)
            oracle.hold(bound=25)


@row(seconds=180, network=True)
def directory_hangs(run):
    """The file system of the shared directory does not answer for 45 s, and a new member comes meanwhile.

    Expected: the membership stays, each member says so once, as an error; the new one says that it is not ready for that, and is found by nobody; all
    answer clients. When the directory answers, each says so, and the new one is ready. Bounds: noticed in 30 s.
    """
    with Cluster(run.registry) as cluster, FreezableDirectory(cluster) as directory:
        with Population(cluster.start().members) as population, Oracle(cluster, population) as oracle:
            once(cluster, "is in the cluster directory")
            directory.freeze()
            newcomer = cluster.add()
            newcomer.start().wait_answering()
            once(cluster, HANGS, seconds=2 * NOTICED_SECONDS)
            lost = said(cluster, "lost the connection to a member")
            time.sleep(LONG_SECONDS)
            check(said(cluster, "lost the connection to a member") == lost, "a link was given up for the directory's sake")
            for member in cluster:
                lines = member.log_lines(HANGS)
                check(len(lines) == 1 and "level=error" in lines[0] and str(directory.path) in lines[0], f"{member} says: {lines}")
                check(("not ready" in lines[0]) == (member is newcomer), f"{member} says: {lines}")
            status, readiness = newcomer.ask("GET", "/readyz")
            check(status == 503 and readiness["reason"] == "cluster directory", f"{newcomer} says {status} {readiness}")
            directory.thaw()
            once(cluster, ANSWERS)
            newcomer.wait_ready()
            population.use(cluster.members)
            oracle.hold(bound=25)


@row(seconds=180)
def directory_gone(run):
    """The shared directory is moved away for 45 s.

    Expected: the membership stays; that it cannot be read and cannot be written is each said once; when it is back, it is used again.
    """
    with Cluster(run.registry) as cluster, Population(cluster.start().members) as population, Oracle(cluster, population) as oracle:
        away = cluster.directory.with_name("away")
        cluster.directory.rename(away)
        once(cluster, WRITTEN)
        hold_membership(run, cluster, oracle, population, READ)
        check(all(count == 1 for count in said(cluster, WRITTEN).values()), f"not said once: {said(cluster, WRITTEN)}")
        away.rename(cluster.directory)
        once(cluster, WRITTEN_AGAIN)
        once(cluster, "the cluster directory can be read again")
        oracle.hold(bound=25)


@row(seconds=120, fast=True)
def directory_gone_for_one(run):
    """One member alone loses the shared directory for 45 s, and another is restarted meanwhile.

    Expected: the others see its file change no more, and hear it all the same; it says once that it cannot read. When it leaves, who has long not seen
    its file change forgets it at once. Bounds: what is registered at it is seen by all within 5 s, the restarted one is linked to all in 15 s.
    """
    with Cluster(run.registry, shares_directory=False) as cluster:
        ways = {}
        for member in cluster:
            ways[member] = cluster.folder / f"way-of-{member.name}"
            ways[member].symlink_to(cluster.directory)
            member.settings["CLUSTER_DIR"] = str(ways[member])
        blind, *others = cluster.start().members
        with Population(cluster.members) as population, Oracle(cluster, population) as oracle:
            once(cluster, "is in the cluster directory")
            ways[blind].unlink()
            wait_until("the others to miss its file",
                       lambda: all(member.log_lines(f"{blind.address} is gone from") for member in others), LONG_SECONDS)
            time.sleep(5)
            cluster.wait_joined(seconds=1)
            check(not any(said(cluster, "lost the connection to a member").values()), "a link was given up for the directory's sake")
            check(len(blind.log_lines(READ)) == 1, f"{blind} says {len(blind.log_lines(READ))} times that it cannot read")
            fill(blind, 10)
            run.say(f"what was registered at {blind} was on the others after {cluster.wait_converged(seconds=5):.2f} s")
            others[0].stop()
            others[0].start().wait_ready()
            cluster.wait_joined(seconds=NOTICED_SECONDS)
            oracle.hold(bound=25)
        blind.stop()
        wait_until(f"{others[1]} to forget it", lambda: not others[1].link_to(blind), 2)


def litter(directory, member, outside):
    """Puts everything into the directory that does not belong there. Returns what must still be there afterwards, and a name that a member owns."""
    valid = (directory / member.address).read_bytes()
    files = {
        "127.0.0.1:11": b"\x00\xff not a member",
        "127.0.0.1:12": valid,
        "127.0.0.1:13": b"",
        "127.0.0.1:14": b"x" * 1_000_000,
        "127.0.0.1:15": valid[:-20],
        "127.0.0.1:16": b'{"ip":"127.0.0.1","port":16,"timestamp":"yesterday"}',
        "127.0.0.1:17": b"[" * 4_000,
        # A member's in every way, but nobody is there.
        "127.0.0.1:18": b'{"ip":"127.0.0.1","port":18,"timestamp":"2016-01-01T00:00:00Z"}',
        "README": b"not for members",
        ".hidden": b"",
        "not an address:6100": b"{}",
    }
    for name, content in files.items():
        (directory / name).write_bytes(content)
    os.symlink(directory / member.address, directory / "127.0.0.1:21")
    os.symlink("/dev/zero", directory / "127.0.0.1:22")
    os.symlink("127.0.0.1:23", directory / "127.0.0.1:23")
    os.mkfifo(directory / "127.0.0.1:24")
    (directory / "127.0.0.1:25").mkdir()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(directory / "127.0.0.1:26"))
    listener.close()
    with open(directory / "127.0.0.1:27", "wb") as sparse:
        sparse.truncate(1 << 40)
    # Where a member writes: its file becomes a link to somebody else's.
    outside.write_bytes(b"somebody else's")
    (directory / member.address).unlink()
    os.symlink(outside, directory / member.address)
    return sorted([*files, *(f"127.0.0.1:{number}" for number in range(21, 28))]), files


@row(seconds=120, fast=True)
def directory_litter(run):
    """In the shared directory lie corrupt, foreign, empty and huge files, links, pipes, a socket, also where a member writes its own.

    Expected: all of it is ignored, left where it is, and mentioned once; nobody hangs, nobody writes through a link, a new member finds the others.
    Bound: 15 s until a new member is linked.
    """
    with Cluster(run.registry) as cluster, Population(cluster.start().members) as population, Oracle(cluster, population) as oracle:
        directory, outside = cluster.directory, cluster.folder / "outside"
        names, files = litter(directory, cluster[0], outside)
        wait_until(f"{cluster[0]} to write its own file again", lambda: (directory / cluster[0].address).is_file()
                   and not (directory / cluster[0].address).is_symlink(), NOTICED_SECONDS)
        check(outside.read_bytes() == b"somebody else's", "a member wrote through a link")
        newcomer = cluster.add()
        newcomer.start().wait_ready()
        cluster.wait_joined(seconds=NOTICED_SECONDS)
        time.sleep(12)
        for member in cluster:
            lines = member.log_lines("is ignored")
            check(lines, f"{member} mentions nothing")
            mentioned = [line.split("the file ")[1].split(" ")[0] for line in lines]
            check(len(mentioned) == len(set(mentioned)), f"{member} mentions a file twice: {mentioned}")
            check(member.cluster()["size"] == 4, f"{member} counts {member.cluster()['size']} members")
        for name in names:
            check(os.path.lexists(directory / name), f"{name} was deleted")
        for name, content in files.items():
            check((directory / name).read_bytes() == content, f"{name} was written to")
        oracle.hold(bound=25)
        # A clean end, though the directory is as it is.
        for member in cluster:
            member.stop()
            check(not os.path.lexists(directory / member.address), f"{member} left its file behind")
