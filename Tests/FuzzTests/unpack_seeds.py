#!/usr/bin/env python3
"""Writes the seeds of one fuzz target as files, one each, into a folder: unpack_seeds.py gate FOLDER.

A line of Seeds/NAME.txt is a seed, in which \\n stands for a line feed; of dns.txt it is in hexadecimal digits. The gate's seeds are the
requests of Tests/Corpus.
"""

import hashlib
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent


def raw(value):
    """The bytes of a request, as Tests/Corpus/README.md describes them."""
    if isinstance(value, str):
        return value.encode("latin-1")
    if len(value) == 2 and isinstance(value[1], int):
        return value[0].encode("latin-1") * value[1]
    return b"".join(raw(piece) for piece in value)


def seeds(name):
    if name == "gate":
        for line in (HERE.parent / "Corpus" / "requests.jsonl").read_text().splitlines():
            yield raw(json.loads(line)["bytes"])
    else:
        for line in (HERE / "Seeds" / f"{name}.txt").read_bytes().splitlines():
            if name == "dns":
                yield bytes.fromhex(line.decode())
            else:
                # JSON escapes of its own may hold the same two characters; there they are left alone.
                yield line if name in ("json", "envoy") else line.replace(b"\\n", b"\n")


def main():
    name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds(name):
        (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)


if __name__ == "__main__":
    main()
