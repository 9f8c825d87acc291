#!/usr/bin/env python3
"""Holds what users start a cluster with to its promises: the compose files, the balancer's configuration and `make cluster`.

Usage: cluster.py [--registry PATH] [--venv DIR]

There is no container engine in this: the compose files are read, and what they would run in containers is run here, the health
check against real registries and haproxy in front of three of them while one after the other is killed. Needs haproxy.
"""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import checks
import compose_files
from running_registry import RunningRegistry

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# What the image calls the program that the check runs.
INSTALLED = "/usr/local/bin/registry"
PATIENCE_SECONDS = 60
LOOKUP_SECONDS = 6


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(what, is_so):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if is_so():
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.05)
    raise AssertionError(f"waited {PATIENCE_SECONDS} s for {what}")


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return json.load(answer)


def register(port, name):
    body = {"service_name": name, "endpoint": {"type": "http", "value": "10.0.0.5:9080"}, "ttl": 300}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/instances", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status == 201, answer.status


def services(port):
    return get(port, "/api/v1/services")["services"]


def start_together(program, members):
    """Starts members at once: one alone would wait for the others."""
    registries = [None] * len(members)
    failures = []

    def start(index):
        try:
            registries[index] = RunningRegistry(program, members[index])
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=start, args=(index,)) for index in range(len(members))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        for registry in registries:
            if registry:
                registry.kill()
        raise failures[0]
    return registries


def cluster_settings(folder, size):
    return {
        "REPLICATION": "true", "CLUSTER_DIR": str(folder), "CLUSTER_SIZE": str(size), "REPLICATION_PORT": "0",
        "LISTEN_ADDRESS": "127.0.0.1"}


# The compose files


def compose_files_are_well_formed(options):
    for name in (*compose_files.CLUSTERS, *compose_files.OVER_REDIS):
        document = compose_files.read_yaml(ROOT / name, options.venv)
        compose_files.check_form(name, document)
        members = compose_files.members(document)
        count = sum(content.get("deploy", {}).get("replicas", 1) for content in members)
        if name in compose_files.CLUSTERS:
            assert {int(content["environment"]["A8_CLUSTER_SIZE"]) for content in members} == {count} == {3}, f"{name}: {count} members"
        else:
            assert {content["environment"]["A8_STORE"] for content in members} == {"redis"} and count == 2, f"{name}: {count} members"


def checks_tell_who_is_ready(options):
    commands = set()
    for name in (*compose_files.CLUSTERS, *compose_files.OVER_REDIS):
        for content in compose_files.read_yaml(ROOT / name, options.venv)["services"].values():
            if not content["image"].startswith("redis:"):
                commands.add(tuple(content["healthcheck"]["test"][1:]))
    # The members' is the program's own; the balancer, which has no such program, is asked by the shell.
    assert len(commands) == 2 and sum(INSTALLED in command for command in commands) == 1, commands
    for command in commands:
        check = [options.registry if word == INSTALLED else word.replace("$$", "$") for word in command]
        check_tells_who_is_ready(check, options)


def check_tells_who_is_ready(check, options):
    def status(port):
        adapted = [word.replace("/8080", f"/{port}") for word in check]
        return subprocess.run(adapted, capture_output=True, timeout=10, env={**os.environ, "A8_API_PORT": str(port)}).returncode

    with RunningRegistry(options.registry, {}) as registry:
        assert status(registry.port) == 0, f"a ready registry is taken for sick: {check}"
        port = registry.port
    assert status(port) != 0, f"no registry is taken for a healthy one: {check}"
    # A first member that waits for the others answers, though not with 200.
    with tempfile.TemporaryDirectory(prefix="registry-members-") as folder:
        port = free_port()
        settings = {**cluster_settings(folder, 3), "API_PORT": str(port), "SYNC_TIMEOUT": "60s", "LOG_LEVEL": "warn", "ACCESS_LOG": "off",
                    "EVENT_LOG": "off"}
        waiting = subprocess.Popen([options.registry], env={**os.environ, **settings}, stderr=subprocess.DEVNULL)
        try:
            wait_for("the registry to answer", lambda: socket.create_connection(("127.0.0.1", port), 1).close() is None)
            assert status(port) != 0, f"a registry without a copy is taken for a healthy one: {check}"
        finally:
            waiting.kill()
            waiting.wait()


# The balancer


def balancer_accepts_its_configuration(options):
    checked = subprocess.run(["haproxy", "-c", "-f", ROOT / "deploy" / "haproxy.cfg"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert "WARNING" not in checked.stderr, checked.stderr


def no_lookup_fails_while_members_are_killed(options):
    """The configuration as it is, but for the port and for the name, which takes an engine's name server."""
    configuration = (ROOT / "deploy" / "haproxy.cfg").read_text()
    with tempfile.TemporaryDirectory(prefix="registry-members-") as folder:
        folder = pathlib.Path(folder)
        (folder / "members").mkdir()
        registries = start_together(options.registry, [cluster_settings(folder / "members", 3)] * 3)
        port = free_port()
        servers = "\n".join(f"    server registry-{n} 127.0.0.1:{registry.port} check inter 1s fall 2 rise 1"
                            for n, registry in enumerate(registries, 1))
        adapted, count = re.subn(r"^ *server-template .*$", servers, configuration, flags=re.MULTILINE)
        assert count == 1
        adapted, count = re.subn(r"bind :8080", f"bind 127.0.0.1:{port}", adapted)
        assert count == 1
        (folder / "haproxy.cfg").write_text(adapted)
        balancer = subprocess.Popen(["haproxy", "-db", "-f", folder / "haproxy.cfg"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for("the balancer", lambda: services(port) == [])
            register(port, "reviews")
            for registry in registries:
                wait_for("the instance on every member", lambda: services(registry.port) == ["reviews"])
            for victim in registries[:2]:
                victim.kill()
                lookups = 0
                end = time.monotonic() + LOOKUP_SECONDS
                while time.monotonic() < end:
                    assert services(port) == ["reviews"], f"after {lookups} look-ups"
                    lookups += 1
                print(f"  {lookups} look-ups answered after a member was killed")
            register(port, "ratings")
            assert services(port) == ["ratings", "reviews"]
        finally:
            balancer.kill()
            balancer.wait()
            for registry in registries:
                registry.kill()


# make cluster


def script_runs_a_cluster_and_ends_it(options):
    environment = {**os.environ, "REGISTRY": str(options.registry), "FIRST_PORT": "0", "RESTART_SECONDS": "1"}
    with tempfile.TemporaryDirectory(prefix="registry-script-") as folder:
        environment["TMPDIR"] = folder
        script = subprocess.Popen(
            [ROOT / "scripts" / "cluster"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            stdin=subprocess.DEVNULL)
        processes = []
        try:
            lines = []

            def read_until(pattern):
                for line in script.stdout:
                    lines.append(line)
                    found = re.search(pattern, line)
                    if found:
                        return found
                raise AssertionError(f"the script has ended: {''.join(lines)}")

            read_until("Ctrl-C ends")
            members = re.findall(r"localhost:(\d+)  process (\d+)", "".join(lines))
            assert len(members) == 3, lines
            ports = [int(port) for port, _ in members]
            processes = [int(process) for _, process in members]
            register(ports[0], "reviews")
            wait_for("the third member to know", lambda: services(ports[2]) == ["reviews"])
            os.kill(processes[0], signal.SIGKILL)
            assert services(ports[1]) == ["reviews"]
            processes[0] = int(read_until(r"registry-1 is back, as process (\d+)").group(1))
            assert services(ports[0]) == ["reviews"], "the member that came back has not copied"
            script.send_signal(signal.SIGTERM)
            assert script.wait(timeout=30) == 0
            for process in processes:
                assert not pathlib.Path(f"/proc/{process}").exists(), f"process {process} was left behind"
            assert os.listdir(folder) == [], "files were left behind"
        finally:
            if script.poll() is None:
                script.kill()
                for process in processes:
                    try:
                        os.kill(process, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
            script.stdout.close()
            script.wait()


def script_says_when_a_port_is_taken(options):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environment = {**os.environ, "REGISTRY": str(options.registry), "FIRST_PORT": str(taken.getsockname()[1])}
        ran = subprocess.run([ROOT / "scripts" / "cluster"], env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert ran.returncode == 1, ran
    assert "registry-1 does not serve" in ran.stdout, ran


CHECKS = [
    compose_files_are_well_formed, checks_tell_who_is_ready, balancer_accepts_its_configuration,
    no_lookup_fails_while_members_are_killed, script_runs_a_cluster_and_ends_it, script_says_when_a_port_is_taken]


if __name__ == "__main__":
    sys.exit(checks.run(CHECKS, __doc__))
