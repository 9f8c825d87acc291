"""Members as the user that docs/redis.md gives them, with its password in a file, over Sentinels that ask for a password of their own."""

import time

from documents import PASSWORD, line_of_the_document
from engines import Sentinels, SixNodes, check, wait_until
from resp import Conversation, ErrorReply
from row_store_topology import slots_are_served
from rows import row
from store import Background, StoreCluster, World, flavor, is_in_memory

OPERATORS_PASSWORD = "a-password-of-operators-of-redis"
SENTINELS_PASSWORD = "a-password-of-sentinels"
# A changed file is noticed within seconds.
NOTICED_SECONDS = 20


def files(engines, has_sentinels):
    """Settings that make members the user of the document, and the files that these name: of its password, and of that of Sentinels."""
    password, sentinels = engines.folder / "password", engines.folder / "sentinels-password"
    password.write_text(PASSWORD + "\n")
    sentinels.write_text(SENTINELS_PASSWORD + "\n")
    settings = {"STORE_USER": line_of_the_document()[0], "STORE_PASSWORD": None, "STORE_PASSWORD_FILE": str(password)}
    return settings | ({"STORE_SENTINEL_PASSWORD_FILE": str(sentinels)} if has_sentinels else {}), password, sentinels


def protected():
    """Engines with the user of the document and Sentinels, both with passwords."""
    return Sentinels(flavor(), options=with_user(), password=OPERATORS_PASSWORD, sentinel_password=SENTINELS_PASSWORD)


def with_user():
    name, rules = line_of_the_document()
    return {"user": " ".join([name, *rules])}


def check_only_the_user(engines, size):
    """Members are connected as the user, all of them, and the engines have refused it nothing."""
    name = line_of_the_document()[0]
    if is_in_memory():
        return
    for engine in engines.all:
        if engine.is_sentinel:
            continue
        refused = [entry for entry in engine.ask("ACL", "LOG") if name.encode() in entry]
        check(not refused, f"{engine} has refused members something: {refused[:2]}")
        lines = engine.ask("CLIENT", "LIST", "TYPE", "normal").decode().splitlines()
        own = [line for line in lines if f" user={name} " in line]
        if engine.role() == b"master":
            check(len(own) >= size, f"{len(own)} connections at {engine} are the user's:\n" + "\n".join(lines))


def check_strangers_are_refused(group):
    for engine in group.all:
        try:
            with Conversation(engine.port) as stranger:
                stranger.ask("ROLE")
        except ErrorReply as error:
            check(error.word == "NOAUTH", f"{engine} answers strangers: {error}")
        else:
            check(False, f"{engine} answers strangers")


def replace(group, old):
    """Another becomes the master while the old one is dead, which comes back as a replica."""
    old.kill()
    group.wait_promoted(old)
    old.start().wait_ready()
    wait_until(f"{old} to be a replica", lambda: old.role() == b"slave", 40)


@row(seconds=300)
def user_failover(run):
    """Members are the documented user, Sentinels ask for a password, and the master is killed: all goes as without, and Redis has refused members nothing."""
    with protected() as group:
        settings, _, _ = files(group, has_sentinels=True)
        check_strangers_are_refused(group)
        with World(run, group, settings={**settings, "STORE_WAIT": "1"}) as world:
            time.sleep(3)
            with world.oracle.outage():
                replace(group, group.master())
                wait_until("a registration to be taken", lambda: 201 in world.count_refusals(0.2), 20)
            world.hold()
            check_only_the_user(group, len(world.members))


@row(seconds=300)
def user_in_a_cluster(run):
    """Members are the documented user of a cluster of six, of which one master is killed: its replica is used, and Redis has refused members nothing."""
    with SixNodes(flavor(), options=with_user(), password=OPERATORS_PASSWORD) as nodes:
        settings, _, _ = files(nodes, has_sentinels=False)
        with World(run, nodes, settings=settings) as world:
            time.sleep(3)
            with world.oracle.outage():
                master = nodes.masters()[0]
                master.kill()
                # Back any sooner, it would be the master as before, and empty.
                slots_are_served(nodes)
                wait_until("a registration to be taken", lambda: 201 in world.count_refusals(0.2), 60)
                master.start().wait_ready()
                nodes.wait_whole()
                check(master.role() == b"slave", f"{master} is the master as before")
            world.hold()
            check_only_the_user(nodes, len(world.members))


@row(seconds=420)
def passwords_change(run):
    """The passwords of the user and of Sentinels are changed as docs/redis.md says, without one refusal; then another becomes the master, and members find it."""
    user = line_of_the_document()[0]
    with protected() as group:
        settings, password, sentinels_password = files(group, has_sentinels=True)
        with World(run, group, settings=settings) as world:
            time.sleep(2)
            refused = []

            def register():
                refused.extend(status for status in world.count_refusals(1) if status not in (200, 201))

            with Background(register):
                change(group.engines, user, PASSWORD, "another-" + PASSWORD, password)
                change(group.sentinels, "default", SENTINELS_PASSWORD, "another-" + SENTINELS_PASSWORD, sentinels_password)
            check(not refused, f"registrations were answered {refused} while passwords were changed")
            with world.oracle.outage():
                for engine in group.engines:
                    engine.ask("CLIENT", "KILL", "USER", user)
                for sentinel in group.sentinels:
                    for kind in ("pubsub", "normal"):
                        sentinel.ask("CLIENT", "KILL", "TYPE", kind)
                replace(group, group.master())
                wait_until("a registration to be taken", lambda: 201 in world.count_refusals(0.2), 20)
            world.hold()
            check_only_the_user(group, len(world.members))


def change(engines, user, old, new, file):
    """As the document says: the user gets a second password, the file is changed, and the old one is taken away."""
    for engine in engines:
        engine.ask("ACL", "SETUSER", user, f">{new}")
        if engine.is_sentinel:
            engine.ask("SENTINEL", "CONFIG", "SET", "sentinel-pass", new)
    file.write_text(new + "\n")
    # A changed file is noticed by when it was changed, which nothing tells from outside.
    time.sleep(NOTICED_SECONDS)
    for engine in engines:
        if user == "default":
            with engine.connect() as operator:
                operator.ask("ACL", "SETUSER", user, f"<{old}")
            engine.password = new
        else:
            engine.ask("ACL", "SETUSER", user, f"<{old}")


@row(seconds=120)
def wrong_sentinel_password(run):
    """A member is started with a wrong password for Sentinels: it is not ready and says why, and is ready soon after the file has the right one."""
    if is_in_memory():
        return
    with protected() as group:
        settings, _, sentinels_password = files(group, has_sentinels=True)
        sentinels_password.write_text("a-wrong-word-for-sentinels\n")
        with StoreCluster(run, group, size=1, settings=settings) as members:
            member = members[0].start().wait_answering()
            wait_until("the member to say what Sentinels refuse", lambda: member.log_lines("WRONGPASS"), 10)
            check(member.ask("GET", "/readyz")[0] == 503, "it says that it is ready")
            check(not member.log_lines(SENTINELS_PASSWORD) and not member.log_lines("a-wrong-word"), "its log has a password")
            sentinels_password.write_text(SENTINELS_PASSWORD + "\n")
            member.wait_ready(NOTICED_SECONDS)
