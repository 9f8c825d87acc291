#!/usr/bin/env python3
"""Holds docs/redis.md and README to what real engines do: the user that the one gives members can do what members do, and nothing else; the
demonstration that the other names shows what it says; two members agree on registrations that they take at the same time; and certificates are renewed.

Usage: documents.py [--registry PATH] [--venv DIR] [CHECK...]
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

from engines import FLAVORS, Single, SixNodes, wait_until
from resp import ErrorReply
import checks  # engines.py knows where it is

HERE = pathlib.Path(__file__).resolve().parent

ROOT = HERE.parent.parent.parent
LIBRARY = ROOT / "Sources" / "CRedisFunctions" / "functions.lua"
PASSWORD = "a-password-of-the-store"
EPOCH, MEMBER, TAG = "0123456789abcdef", "00000000000000aa", "{a8.3}"
GRACE = 30_000
DEMONSTRATION_SECONDS = 60
MEMBER_SECONDS = 30
RACES = 60


def line_of_the_document():
    found = re.findall(r"^ACL SETUSER (\S+) (.*)$", (ROOT / "docs" / "redis.md").read_text(), re.MULTILINE)
    assert len(found) == 1, found
    name, rules = found[0]
    return name, rules.replace("PASSWORD", PASSWORD).split(" ")


def version(number):
    """A version as states carry it: a time and an origin."""
    return number.to_bytes(8, "big") + bytes(8)


def put(identity, number, kind="i", lease="30000", override=b""):
    return ["a8_put", 1, f"{TAG}:m", f"{EPOCH}.1", MEMBER, kind, "shop", identity, version(number), lease, 0, "", b"\x05state", override, ""]


def what_members_do():
    """Every function, and every command beside them, each as a list of words."""
    def function(name, *words):
        return ["FCALL", name, 1, f"{TAG}:m", f"{EPOCH}.1", *words]

    return [
        ["FUNCTION", "LOAD", "REPLACE", LIBRARY.read_bytes()],
        ["FCALL_RO", "a8_version", 0],
        ["FCALL", "a8_open", 1, f"{TAG}:m", 1, EPOCH, "run"],
        function("a8_tick", MEMBER, '{"name":"registry-1"}', GRACE, 500, ""),
        ["FCALL", *put("web-1", 1, override=version(1) + b"drain")],
        ["FCALL", *put("web-2", 1)],
        ["FCALL", *put("web-1", 2, "t", "", version(2) + b"lifted")],
        ["FCALL", *put("web", 1, "s", "")],
        function("a8_renew", MEMBER, 2, "shop", "web-1", 30_000, "shop", "web-2", 30_000),
        function("a8_heard", MEMBER, b"\x05state"),
        function("a8_hold", GRACE),
        function("a8_get", "shop", "web-1", "shop", "web-2"),
        function("a8_leave", MEMBER),
        function("a8_reseed", EPOCH[::-1]),
        ["XREAD", "COUNT", 10, "BLOCK", 10, "STREAMS", f"{TAG}:e", "0-0"],
        ["SSCAN", f"{TAG}:n", 0], ["HSCAN", f"{TAG}:i:shop", 0, "COUNT", 500], ["HGETALL", f"{TAG}:w"], ["HGET", f"{TAG}:m", "epoch"],
        ["HMGET", f"{TAG}:i:shop", "web-1", "web-2"], ["SMEMBERS", f"{TAG}:n"], ["ZSCORE", f"{TAG}:z", "shop\0web-2"],
        ["ZMSCORE", f"{TAG}:z", "shop\0web-1", "shop\0web-2"], ["HLEN", f"{TAG}:i:shop"],
        ["WAIT", 0, 10], ["INFO", "server"], ["ROLE"], ["PING"], ["CLIENT", "SETNAME", "registry-1"],
        ["CONFIG", "GET", "maxmemory-policy", "appendonly"],
    ]


def what_no_member_does():
    return [
        ["FLUSHALL"], ["FLUSHDB"], ["SHUTDOWN"], ["CONFIG", "SET", "maxmemory", "0"], ["CONFIG", "REWRITE"], ["ACL", "LIST"], ["KEYS", "*"], ["SCAN", 0],
        ["MONITOR"], ["REPLICAOF", "NO", "ONE"], ["FUNCTION", "FLUSH"], ["FUNCTION", "DELETE", "a8"], ["SCRIPT", "FLUSH"],
        ["EVAL", "return 1", 0], ["SET", f"{TAG}:m", "x"], ["DEL", f"{TAG}:m"], ["PUBLISH", "a", "b"], ["SUBSCRIBE", "a"], ["CLIENT", "KILL", "ID", 1],
        ["SAVE"], ["MIGRATE", "127.0.0.1", 1, f"{TAG}:m", 0, 1],
        ["HGET", "another", "x"], ["HSET", "another", "x", "y"], ["XREAD", "STREAMS", "another", "0-0"], ["FCALL", "a8_version", 1, "another"],
        ["HGET", "{a80.1}:m", "epoch"],
    ]


def is_refused(conversation, words):
    try:
        conversation.ask(*words)
    except ErrorReply as error:
        return error.word == "NOPERM"
    return False


def the_user_of_the_document_does_what_members_do_and_nothing_else(options):
    """D401 With this line a member can do all that it does, on Redis 7.0 and later, and can neither flush, configure or stop Redis nor read or
    change a key that is not its own."""
    name, rules = line_of_the_document()
    for flavor in FLAVORS:
        with Single(flavor, venv=options.venv) as single:
            single.engine.ask("ACL", "SETUSER", name, *rules)
            single.engine.ask("HSET", "another", "x", "y")
            with single.engine.connect(user=name, password=PASSWORD) as conversation:
                for words in what_members_do():
                    conversation.ask(*words)
                allowed = [words for words in what_no_member_does() if not is_refused(conversation, words)]
                assert not allowed, f"{flavor} lets the user do {allowed}"
                conversation.ask("SELECT", 1)
        print(f"  {flavor}: {len(what_members_do())} commands are allowed, {len(what_no_member_does())} are not")


def the_user_finds_its_way_in_a_cluster(options):
    """D401 … also in a cluster."""
    name, rules = line_of_the_document()
    for flavor in FLAVORS:
        with SixNodes(flavor, venv=options.venv) as cluster:
            node = cluster.owner(cluster.slot(f"{TAG}:m"))
            node.ask("ACL", "SETUSER", name, *rules)
            with node.connect(user=name, password=PASSWORD) as conversation:
                for words in [["CLUSTER", "SLOTS"], ["CLUSTER", "SHARDS"], ["CLUSTER", "NODES"], ["ASKING"], *what_members_do()]:
                    conversation.ask(*words)
                allowed = [words for words in (["CLUSTER", "RESET"], ["CLUSTER", "FAILOVER"]) if not is_refused(conversation, words)]
                assert not allowed, f"{flavor} lets the user do {allowed}"


def answer(port, path, body=None):
    """The status and the body of an answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body and json.dumps(body).encode(), {"Content-Type": "application/json", "Accept": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Demonstration:
    """scripts/demo-redis, on ports that the system chooses. A context manager: at its end the script is asked to end, and has to leave nothing behind."""

    def __init__(self, options):
        self._temporary = tempfile.TemporaryDirectory(prefix="registry-demo-")
        self.folder = pathlib.Path(self._temporary.name)
        self.output = self.folder / "output"
        (self.folder / "tmp").mkdir()
        environment = {**os.environ, "REGISTRY": str(options.registry), "FIRST_PORT": "0", "RESTART_SECONDS": "2", "TMPDIR": str(self.folder / "tmp")}
        with open(self.output, "wb") as output:
            self.script = subprocess.Popen([ROOT / "scripts" / "demo-redis"], env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self.ports, self.processes = {}, {}

    def said(self, pattern):
        return re.findall(pattern, self.output.read_text())

    def wait(self, pattern):
        def found():
            assert self.script.poll() is None or self.said(pattern), f"the script has ended:\n{self.output.read_text()}"
            return self.said(pattern)
        return wait_until(f"the script to say {pattern}", found, DEMONSTRATION_SECONDS)

    def __enter__(self):
        try:
            self.wait("Ctrl-C ends")
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        for name, port, process in self.said(r"(\S+) +(?:http://)?localhost:(\d+) +process (\d+)"):
            self.ports[name], self.processes[name] = int(port), int(process)
        return self

    def kill(self, *names):
        for name in names:
            os.kill(self.processes[name], signal.SIGKILL)

    def wait_back(self, name):
        self.processes[name] = int(self.wait(rf"{name} is back, as process (\d+)")[-1])

    def __exit__(self, failure, *_):
        self.script.terminate()
        self.script.wait(30)
        left = os.listdir(self.folder / "tmp")
        self._temporary.cleanup()
        if not failure:
            assert not left, f"the script left {left} behind"
            assert not [each for each in self.processes.values() if pathlib.Path(f"/proc/{each}").exists()], "the script left processes behind"


def the_demonstration_shows_what_readme_says(options):
    instance = {"service_name": "reviews", "endpoint": {"type": "http", "value": "10.0.0.5:9080"}, "ttl": 300}
    with Demonstration(options) as demo:
        first, second = demo.ports["registry-1"], demo.ports["registry-2"]
        status, body = answer(first, "/api/v1/instances", instance)
        assert status == 201, body
        identity = json.loads(body)["id"]

        def has_it(port):
            status, body = answer(port, "/api/v1/services/reviews")
            return status == 200 and identity in body

        wait_until("the second to have it", lambda: has_it(second), DEMONSTRATION_SECONDS)
        demo.kill("registry-1", "registry-2")
        for name in ("registry-1", "registry-2"):
            demo.wait_back(name)
        assert has_it(first) and has_it(second), "the registries have not read what Redis has"
        demo.kill("redis")
        wait_until("a registration to be refused", lambda: answer(first, "/api/v1/instances", {**instance, "ttl": 60})[0] == 503, DEMONSTRATION_SECONDS)
        assert has_it(first) and has_it(second), "look-ups ended with Redis"
        demo.wait_back("redis")
        wait_until("registrations to be taken again", lambda: answer(first, "/api/v1/instances", instance)[0] in (200, 201), DEMONSTRATION_SECONDS)
        assert has_it(first) and has_it(second)


def registrations_at_the_same_time_stand_as_clients_changed_them(options):
    """E202 and D532, over two members that have not heard of each other's registration: the later `lastDirtyTimestamp` stands, whichever came last."""
    def registration(number, changed):
        return {"instance": {"instanceId": f"h-{number}", "hostName": "10.0.0.6", "app": "RACE", "ipAddr": "10.0.0.6", "status": "UP",
                             "port": {"$": 9080, "@enabled": "true"}, "lastDirtyTimestamp": str(changed)}}

    def shown(port, number):
        status, body = answer(port, f"/eureka/v2/apps/RACE/h-{number}")
        return status == 200 and json.loads(body)["instance"]["lastDirtyTimestamp"]

    with Demonstration(options) as demo, concurrent.futures.ThreadPoolExecutor(2) as both:
        ports = [demo.ports["registry-1"], demo.ports["registry-2"]]
        for number in range(RACES):
            changes = (1_010, 1_020) if number % 2 else (1_020, 1_010)
            sent = [both.submit(answer, port, "/eureka/v2/apps/RACE", registration(number, changed)) for port, changed in zip(ports, changes)]
            assert [each.result()[0] for each in sent] == [204, 204], f"registration {number}: {[each.result() for each in sent]}"
        for number in range(RACES):
            wait_until(f"both to show the later change of {number}", lambda: [shown(port, number) for port in ports] == ["1020", "1020"], DEMONSTRATION_SECONDS)


def a_member_takes_renewed_certificates_without_a_restart(options):
    """D105 Changed files of STORE_TLS_CA, STORE_TLS_CERT and STORE_TLS_KEY are read within seconds too; those that cannot be used leave the old ones."""
    names = ["ca.pem", "cert.pem", "key.pem"]
    with Single("redis", with_tls=True, venv=options.venv) as single, tempfile.TemporaryDirectory(prefix="registry-tls-") as folder:
        own = pathlib.Path(folder)
        for name in names:
            shutil.copy(single.engine.tls / name, own / name)
        environment = {
            "STORE": "redis", "STORE_ADDRESS": f"rediss://{single.address}", "STORE_TLS_CA": own / "ca.pem", "STORE_TLS_CERT": own / "cert.pem",
            "STORE_TLS_KEY": own / "key.pem", "API_PORT": "0", "LISTEN_ADDRESS": "127.0.0.1", "PORT_FILE": own / "ports", "ACCESS_LOG": "off"}
        with open(own / "log", "wb") as log:
            member = subprocess.Popen([options.registry], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            def said(words):
                assert member.poll() is None, f"the member has ended:\n{(own / 'log').read_text()}"
                return words in (own / "log").read_text()
            wait_until("the member to have a port", (own / "ports").exists, MEMBER_SECONDS)
            port = int(re.search(r"api (\d+)", (own / "ports").read_text())[1])
            wait_until("the member to follow Redis", lambda: answer(port, "/readyz")[0] == 200, MEMBER_SECONDS)
            (own / "cert.pem").write_text("spoiled")
            wait_until("the member to refuse what is no certificate", lambda: said("new certificates of the store cannot be used"), MEMBER_SECONDS)
            single.engine.ask("CLIENT", "KILL", "TYPE", "normal")
            wait_until("the old certificate to be shown", lambda: answer(port, "/uptime")[0] == 200, MEMBER_SECONDS)
            shutil.rmtree(single.engine.tls)
            single.certificates()
            single.engine.restart()
            wait_until("the member not to believe another authority", lambda: said("do not trust each other"), MEMBER_SECONDS)
            wait_until("the store to be away", lambda: answer(port, "/uptime")[0] == 503, MEMBER_SECONDS)
            for name in names:
                shutil.copy(single.engine.tls / name, own / name)
            wait_until("the member to follow Redis by the new certificates", lambda: answer(port, "/uptime")[0] == 200, MEMBER_SECONDS)
            assert said("certificates of the store reloaded")
        finally:
            member.terminate()
            member.wait(30)


CHECKS = [
    the_user_of_the_document_does_what_members_do_and_nothing_else, the_user_finds_its_way_in_a_cluster, the_demonstration_shows_what_readme_says,
    registrations_at_the_same_time_stand_as_clients_changed_them, a_member_takes_renewed_certificates_without_a_restart]


if __name__ == "__main__":
    sys.exit(checks.run(CHECKS, __doc__))
