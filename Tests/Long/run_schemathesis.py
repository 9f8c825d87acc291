#!/usr/bin/env python3
"""Tests the registry's REST API against its OpenAPI description with Schemathesis.

Usage: run_schemathesis.py [--registry PATH] [--venv DIR] [--examples N] [--seed N]

Starts the registry itself, with JWT authorization so that requests with a bad credential can be seen refused, and for the page of another origin,
and ends it. A second one has an operator, who is asking. A third one is asked while it drains: not ready, and serving as before.
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
TENANT = "contract"
SECRET = "a secret of this test alone, 32+ bytes"
OPERATOR = "an-operator-of-this-test-alone-32-bytes"
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
expected-statuses = ["2xx", "303", "304", "404", "410"]

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
        venv.create(directory, symlinks=True, with_pip=True)
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


def askable(registry, names_namespaces):
    """A file with the description, but for parameters that have one good value only, or are for operators."""
    left_out = {"dc"} if names_namespaces else {"dc", "namespace", "all"}

    def kept(parameters):
        return [one for one in parameters if resolved(one)["name"] not in left_out]

    def resolved(parameter):
        return description["components"]["parameters"][parameter["$ref"].rpartition("/")[2]] if "$ref" in parameter else parameter

    description = json.loads(DESCRIPTION.read_text())
    for path in description["paths"].values():
        for operation in [path, *path.values()]:
            if isinstance(operation, dict) and "parameters" in operation:
                operation["parameters"] = kept(operation["parameters"])
    # An application may be called delta, so what goes for all of them goes for the path of the delta.
    registration = description["paths"]["/eureka/{version}/apps/{app}"]["post"]
    description["paths"]["/eureka/{version}/apps/delta"]["post"] = {**registration, "operationId": "eurekaRegisterDelta"}
    file = registry.folder / "description.json"
    file.write_text(json.dumps(description))
    return file


def run(program, registry, options, phases, checks, report, seed=None, credential=None):
    """Runs Schemathesis against a registry, as a tenant unless a credential is given. Returns its exit status, or None when it had to be ended."""
    configuration = registry.folder / "schemathesis.toml"
    configuration.write_text(CONFIGURATION.format(hooks=json.dumps(str(HERE / "contract_hooks.py"))))
    command = [
        program, "--config-file", configuration, "--no-color", "run", askable(registry, names_namespaces=credential is not None),
        "--url", registry.url, "--header", f"Authorization: Bearer {credential or token(TENANT)}", "--header", f"Origin: {ORIGIN}",
        "--checks", checks, "--phases", phases, "--mode", "all",
        "--max-examples", str(options.examples), "--request-timeout", "10", "--continue-on-failure",
        *([] if credential else ["--exclude-tag", "operators"]), "--max-redirects", "0", "--warnings", "off", "--report-junit-path", report,
    ]
    if seed is not None:
        command += ["--seed", str(seed)]
    try:
        return subprocess.run(command, cwd=registry.folder, timeout=LONGEST_RUN_SECONDS).returncode
    except subprocess.TimeoutExpired:
        print(f"Schemathesis was ended after {LONGEST_RUN_SECONDS} s")
        return None


def counted_run(program, registry, options, phases, checks, seed=None, credential=None):
    """(passed, failed) of a run, in which a run that ended badly counts as a failure."""
    report = registry.folder / "report.xml"
    ran = run(program, registry, options, phases, checks, report, seed, credential)
    passed, failed = counted(report) if report.exists() else (0, 0)
    if registry.process.poll() is not None:
        print(f"the registry ended with {registry.process.returncode}:\n{registry.last_words()}")
        failed += 1
    elif ran != 0 and failed == 0:
        print(f"Schemathesis ended with {ran} and reported no failure")
        failed += 1
    return passed, failed


def serve(program, options, settings):
    """(passed, failed) of everything that a tenant may ask, and of the end."""
    with RunningRegistry(options.registry, settings) as registry:
        is_served = serves_its_description(registry)
        if not is_served:
            print(f"/swagger.json differs from {DESCRIPTION.name}")
        passed, failed = counted_run(program, registry, options, "examples,coverage,fuzzing,stateful", "all", options.seed)
        code, seconds = registry.stop()
        if code != 0:
            print(f"the registry ended with {code} after {seconds:.1f} s, where 0 was due:\n{registry.last_words()}")
        return passed + is_served + (code == 0), failed + (not is_served) + (code != 0)


def operate(program, options, settings):
    """(passed, failed) of asking everything as an operator."""
    with RunningRegistry(options.registry, {**settings, "OPERATOR_TOKEN": OPERATOR, "OPERATIONS_AUTH": "operator"}) as registry:
        return counted_run(program, registry, options, "examples,coverage,fuzzing", "all", options.seed, credential=OPERATOR)


def drain(program, options, settings):
    """(passed, failed) of asking everything of a registry that was told to stop and drains."""
    with RunningRegistry(options.registry, {**settings, "DRAIN_TIME": DRAIN_TIME}) as registry:
        registry.process.send_signal(signal.SIGTERM)
        passed, failed = counted_run(program, registry, options, "examples,coverage", DRAINING_CHECKS)
        connection = registry.connect()
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        if answer.status != 503 or json.loads(answer.read())["status"] != "draining":
            print(f"a draining registry answers /readyz with {answer.status}")
            failed += 1
        connection.close()
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
    passed = failed = 0
    for part_of_run in (serve, operate, drain):
        try:
            more_passed, more_failed = part_of_run(program, options, settings)
        except (StartFailed, OSError) as reason:
            print(f"the registry did not start: {reason}")
            more_passed, more_failed = 0, 1
        passed, failed = passed + more_passed, failed + more_failed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
