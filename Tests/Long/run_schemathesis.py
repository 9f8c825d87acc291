#!/usr/bin/env python3
"""Tests the registry's REST API against its OpenAPI description with Schemathesis.

Usage: run_schemathesis.py [--registry PATH] [--venv DIR] [--examples N] [--seed N]

Starts the registry itself, with JWT authorization so that requests with a bad credential can be seen refused, and for the page of another origin,
and ends it. Another one is asked while it drains: not ready, and serving as before.
Schemathesis is installed into the virtual environment when it is not there yet. Exits with 0 only when everything passed.
"""

import argparse
import base64
import hashlib
import hmac
import json
import pathlib
import signal
import subprocess
import sys
import venv
import xml.etree.ElementTree as XML

from running_registry import RunningRegistry, StartFailed

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DESCRIPTION = ROOT / "swagger" / "registry.json"
REQUIREMENT = "schemathesis>=4.32,<5"
SECRET = "a secret of this test alone, 32+ bytes"
LONGEST_RUN_SECONDS = 900
# As contract_hooks.py has it, which runs in Schemathesis' process.
ORIGIN = "https://console.example"
# Longer than it takes to ask everything once.
DRAIN_TIME = "5m"
# What a draining registry's answers are held against: all that is described, but not that 503 is a fault.
DRAINING_CHECKS = "status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,marked_for_browsers"

# Statuses a request that the description allows may still meet: 304 to a tag that matches, 410 for an id nobody registered. The null character is
# refused in paths and queries, and unknown query parameters are ignored by all operations but one.
CONFIGURATION = """
hooks = {hooks}
suppress-health-check = ["all"]

[generation]
allow-x00 = false
allow-extra-parameters = false
with-security-parameters = false
database = "none"

# TRACE is left out: Schemathesis sends it with a body, which R813 refuses before the method is looked at.
[phases.coverage]
unexpected-methods = ["DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT"]

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "304", "404", "410"]

[checks.negative_data_rejection]
expected-statuses = ["400", "401", "404", "405", "410", "413", "414", "415", "431"]
"""


def part(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def token(namespace):
    """A JSON Web Token for the namespace, signed with HS256."""
    text = part(b'{"alg":"HS256","typ":"JWT"}') + "." + part(json.dumps({"namespace": namespace}).encode())
    return text + "." + part(hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest())


def schemathesis_in(directory):
    program = directory / "bin" / "schemathesis"
    if not program.exists():
        venv.create(directory, with_pip=True)
        subprocess.run([directory / "bin" / "pip", "install", "--quiet", REQUIREMENT], check=True)
    return program


def serves_its_description(registry):
    connection = registry.connect()
    connection.request("GET", "/swagger.json")
    served = json.loads(connection.getresponse().read())
    connection.close()
    return served == json.loads(DESCRIPTION.read_text())


def counted(report):
    """(passed, failed) of a JUnit report."""
    passed = failed = 0
    for case in XML.parse(report).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is None:
            passed += 1
    return passed, failed


def run(program, registry, options, phases, checks, report, seed=None):
    """Runs Schemathesis against a registry. Returns its exit status, or None when it had to be ended."""
    configuration = registry.folder / "schemathesis.toml"
    configuration.write_text(CONFIGURATION.format(hooks=json.dumps(str(HERE / "contract_hooks.py"))))
    command = [
        program, "--config-file", configuration, "--no-color", "run", DESCRIPTION,
        "--url", registry.url, "--header", f"Authorization: Bearer {token('contract')}", "--header", f"Origin: {ORIGIN}",
        "--checks", checks, "--phases", phases, "--mode", "all",
        "--max-examples", str(options.examples), "--request-timeout", "10", "--continue-on-failure",
        "--max-redirects", "0", "--warnings", "off", "--report-junit-path", report,
    ]
    if seed is not None:
        command += ["--seed", str(seed)]
    try:
        return subprocess.run(command, cwd=registry.folder, timeout=LONGEST_RUN_SECONDS).returncode
    except subprocess.TimeoutExpired:
        print(f"Schemathesis was ended after {LONGEST_RUN_SECONDS} s")
        return None


def drain(program, options, settings):
    """(passed, failed) of asking everything of a registry that was told to stop and drains."""
    with RunningRegistry(options.registry, {**settings, "DRAIN_TIME": DRAIN_TIME}) as registry:
        registry.process.send_signal(signal.SIGTERM)
        report = registry.folder / "report.xml"
        ran = run(program, registry, options, "examples,coverage", DRAINING_CHECKS, report)
        passed, failed = counted(report) if report.exists() else (0, 1)
        connection = registry.connect()
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        if answer.status != 503 or json.loads(answer.read())["status"] != "draining":
            print(f"a draining registry answers /readyz with {answer.status}")
            failed += 1
        connection.close()
        if ran != 0 and failed == 0:
            print(f"Schemathesis ended with {ran} while the registry drained, and reported no failure")
            failed += 1
        return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--registry", default=str(ROOT / "bin" / "registry"), help="the program to test")
    parser.add_argument("--venv", type=pathlib.Path, default=ROOT / ".build" / "venv", help="where Schemathesis is, or goes")
    parser.add_argument("--examples", type=int, default=100, help="cases per operation and phase")
    parser.add_argument("--seed", type=int, help="repeat an earlier run")
    options = parser.parse_args()

    program = schemathesis_in(options.venv.resolve())
    settings = {"AUTH_MODE": "jwt", "JWT_SECRET": SECRET, "CORS_ORIGINS": ORIGIN}
    try:
        registry = RunningRegistry(options.registry, settings)
    except (StartFailed, OSError) as reason:
        print(f"the registry did not start: {reason}")
        print("0 passed, 1 failed")
        return 1
    with registry:
        passed, failed = (1, 0) if serves_its_description(registry) else (0, 1)
        if failed:
            print(f"/swagger.json differs from {DESCRIPTION.name}")
        report = registry.folder / "report.xml"
        ran = run(program, registry, options, "examples,coverage,fuzzing,stateful", "all", report, options.seed)
        if report.exists():
            more_passed, more_failed = counted(report)
            passed, failed = passed + more_passed, failed + more_failed
        if registry.process.poll() is not None:
            print(f"the registry ended with {registry.process.returncode}:\n{registry.last_words()}")
            failed += 1
        elif ran != 0 and failed == 0:
            print(f"Schemathesis ended with {ran} and reported no failure")
            failed += 1
        code, seconds = registry.stop()
        if code == 0:
            passed += 1
        else:
            print(f"the registry ended with {code} after {seconds:.1f} s, where 0 was due:\n{registry.last_words()}")
            failed += 1
    more_passed, more_failed = drain(program, options, settings)
    passed, failed = passed + more_passed, failed + more_failed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
