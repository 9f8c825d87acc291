"""The measured part of docs/performance.md: written from results that are kept, never by hand.

Each item's newest result is kept beside the benchmark's other output, so that items may be run one at a time and the page
still shows all of them, each with the commit and the hour it was measured at.
"""

import dataclasses
import json
import platform
import re
import shutil
import subprocess
import time
from pathlib import Path

import picture
import report
from servers import BenchError

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"


def _first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return next((line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()), "")


def _versions():
    """The anchors' versions: a ratio to nginx means a ratio to some nginx."""
    commands = {"nginx": ["nginx", "-v"], "wrk": ["wrk", "-v"], "redis-server": ["redis-server", "--version"],
                "valgrind": ["valgrind", "--version"], "libevent": ["pkg-config", "--modversion", "libevent"],
                "openssl": ["pkg-config", "--modversion", "openssl"]}
    for name, command in commands.items():
        if shutil.which(command[0]):
            version = re.search(r"\d+(\.\d+)+\w*", _first_line(*command))
            if version:
                yield f"{name} {version[0]}"


def measured_on(root):
    """A sentence on where and when: processor, cores, system, versions, commit."""
    model = "a processor of unknown make"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    cores = Path("/proc/cpuinfo").read_text().count("processor\t")
    commit = _first_line("git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*") or "no commit"
    return (f"{model}, {cores} cores, Linux {platform.release().split('-')[0]}, {', '.join(_versions())}; "
            f"commit {commit}, {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC.")


def keep(work, result, heading):
    """Keeps an item's result as its newest."""
    folder = work / "kept"
    folder.mkdir(exist_ok=True)
    kept = {"heading": heading, "result": dataclasses.asdict(dataclasses.replace(result, rounds=[]))}
    (folder / f"{result.item}.json").write_text(json.dumps(kept, ensure_ascii=False))


def write_bench(work, items, thresholds):
    """Rewrites the page's section `bench` from what is kept, in the order of `items`."""
    results, headings = [], {}
    for item in [item for item in items if item != "before"]:  # which has a section of its own
        path = work / "kept" / f"{item}.json"
        if path.exists():
            kept = json.loads(path.read_text())
            results.append(report.Result(**kept["result"]))
            headings.setdefault(kept["heading"], []).append(item)
    heading = "\n\n".join(f"{text}" + (f" Items: {', '.join(names)}." if len(headings) > 1 else "")
                          for text, names in headings.items())
    picture.write(results)
    write_section(PAGE, "bench", report.markdown(results, thresholds, heading, title="## Measured"))


def write_before(result, heading):
    """Rewrites the page's section `before`: the table beside an older build, and what it was measured on."""
    text = report.markdown([result], {}, heading, title="## Beside the build before")
    write_section(PAGE, "before", text)


def write_section(page, name, text):
    """Replaces what stands between the page's two marks of `name`."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    whole = page.read_text()
    if whole.count(begin) != 1 or whole.count(end) != 1 or whole.index(begin) > whole.index(end):
        raise BenchError(f"{page} has no section {begin} … {end}")
    before, after = whole.split(begin)[0], whole.split(end)[1]
    page.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}")
