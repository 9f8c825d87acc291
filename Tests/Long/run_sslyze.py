#!/usr/bin/env python3
"""Scans the registry's TLS port with sslyze and holds it to Mozilla's intermediate profile.

Usage: run_sslyze.py [--registry PATH] [--venv DIR]

Makes development certificates, starts the registry with them, and ends it. sslyze is installed into the virtual environment
when it is not there yet. Exits with 0 only when sslyze finds the port compliant.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import venv

from running_registry import RunningRegistry, StartFailed

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
REQUIREMENT = "sslyze>=6,<7"
LONGEST_RUN_SECONDS = 300


def sslyze_in(directory):
    program = directory / "bin" / "sslyze"
    if not program.exists():
        venv.create(directory, symlinks=True, with_pip=True)
        subprocess.run([directory / "bin" / "pip", "install", "--quiet", REQUIREMENT], check=True)
    return program


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--registry", default=ROOT / ".build" / "release" / "registry", type=pathlib.Path)
    parser.add_argument("--venv", default=ROOT / ".build" / "venv", type=pathlib.Path)
    options = parser.parse_args()
    program = sslyze_in(options.venv)
    with tempfile.TemporaryDirectory(prefix="registry-sslyze-") as folder:
        subprocess.run([options.registry, "dev-cert", folder], check=True, stdout=subprocess.DEVNULL)
        settings = {"HTTPS_PORT": "0", "TLS_CERT": f"{folder}/server.pem", "TLS_KEY": f"{folder}/server-key.pem"}
        try:
            with RunningRegistry(str(options.registry), settings) as registry:
                lines = (registry.folder / "ports").read_text().splitlines()
                port = dict(line.split() for line in lines)["https"]
                scan = subprocess.run(
                    [program, "--mozilla_config=intermediate", f"--certinfo_ca_file={folder}/ca.pem", f"localhost:{port}"],
                    capture_output=True, text=True, timeout=LONGEST_RUN_SECONDS)
        except StartFailed as failure:
            print(failure, file=sys.stderr)
            return 1
    if scan.returncode != 0:
        print(scan.stdout, scan.stderr, file=sys.stderr)
        print("sslyze: not compliant with Mozilla's intermediate profile", file=sys.stderr)
        return 1
    print("sslyze: compliant with Mozilla's intermediate profile")
    return 0


if __name__ == "__main__":
    sys.exit(main())
