#!/usr/bin/env python3
"""Builds the registry of the last release, once, and prints where it is.

Usage: last_release.py

The release is the newest that CHANGELOG.md names with its commit. It is built in a git worktree of its own, which goes when it is done; the
binary stays under .build, by its commit. Standard library only.
"""

import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / ".build" / "last-release"


def last_release():
    """Version and commit."""
    for line in (ROOT / "CHANGELOG.md").read_text().splitlines():
        match = re.fullmatch(r"## (\S+) \(([0-9a-f]{40})\)", line)
        if match:
            return match[1], match[2]
    sys.exit("CHANGELOG.md names no release with its commit")


def run(*command, **options):
    # What it says goes to the terminal: the output is the path alone.
    subprocess.run([str(word) for word in command], check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr, **options)


def build(version, commit):
    folder = CACHE / commit
    binary = folder / "registry"
    if binary.exists():
        return binary
    source, scratch = folder / "source", folder / "build"
    print(f"building {version} of {commit[:12]}, which takes minutes", file=sys.stderr)
    run("git", "-C", ROOT, "worktree", "prune")
    shutil.rmtree(source, ignore_errors=True)
    run("git", "-C", ROOT, "worktree", "add", "--detach", "--force", source, commit)
    try:
        run("swift", "build", "-c", "release", "--static-swift-stdlib", "--product", "registry", "--scratch-path", scratch, cwd=source)
        built = scratch / "release" / "registry"
        partial = binary.with_suffix(".partial")
        shutil.copy2(built, partial)
        partial.rename(binary)
    finally:
        run("git", "-C", ROOT, "worktree", "remove", "--force", source)
    shutil.rmtree(scratch, ignore_errors=True)
    return binary


if __name__ == "__main__":
    print(build(*last_release()))
