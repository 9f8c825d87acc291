"""Figures, thresholds, and how both are told: a Markdown table for people, JSON for machines.

A figure without a threshold is only shown. One with a threshold that misses it fails the run, and so does anything an
item found wrong with its own measurement: a wrong figure is worse than none.
"""

import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path


def median(values):
    return statistics.median(values)


@dataclass
class Result:
    """What one item found."""

    item: str
    figures: dict = field(default_factory=dict)   # name -> number: what thresholds apply to
    rows: list = field(default_factory=list)      # one dictionary per server, for the table of throughputs
    notes: list = field(default_factory=list)     # what a reader should know
    failures: list = field(default_factory=list)  # what makes the item fail
    rounds: list = field(default_factory=list)    # raw figures, for the JSON only
    tables: list = field(default_factory=list)    # more to show: (title, columns, rows of text)
    skipped: str = ""                             # why nothing could be measured here; then no threshold applies


def load_thresholds(path):
    """Reads and checks the thresholds: {item: {figure: {"sense", "threshold"?, "goal"?}}}."""
    thresholds = json.loads(Path(path).read_text())
    for item, figures in thresholds.items():
        for figure, rule in figures.items():
            unknown = set(rule) - {"sense", "threshold", "goal"}
            if unknown or rule.get("sense") not in ("at_least", "at_most"):
                raise ValueError(f"{path}: {item}.{figure} needs sense at_least or at_most, threshold and goal; "
                                 f"unknown: {sorted(unknown)}")
    return thresholds


def holds(value, sense, bound):
    return value >= bound if sense == "at_least" else value <= bound


def judge(result, rules, partial=False):
    """Adds a failure for every threshold the item misses or did not measure; a `partial` run may leave some out."""
    if result.skipped:
        result.notes.append(f"SKIPPED: {result.skipped}")
        return
    for figure, rule in rules.items():
        bound = rule.get("threshold")
        if bound is None:
            continue
        if figure not in result.figures:
            # An item that failed to measure has said so already; one that did not must not pass unmeasured.
            if not result.failures and not partial:
                result.failures.append(f"{figure} has a threshold but was not measured")
        elif not holds(result.figures[figure], rule["sense"], bound):
            result.failures.append(f"{figure} is {number(result.figures[figure])}, its threshold is "
                                   f"{rule['sense'].replace('_', ' ')} {number(bound)}")


def number(value):
    """A number as a person wants to read it: 74,812 or 12.3 or 0.957."""
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def _table(columns, rows):
    lines = ["| " + " | ".join(columns) + " |", "|" + "|".join("---" for _ in columns) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _servers(results):
    rows = [[result.item, row["server"], number(row["per_second"]), number(row["cpu_us"]), number(row["p50_us"]),
             number(row["p99_us"]), number(row["busy"] * 100) + " %", number(row["peak_mib"])]
            for result in results for row in result.rows]
    return _table(["item", "server", "requests/s", "CPU µs/request", "p50 µs", "p99 µs", "busy", "peak RSS MiB"], rows)


def _goals(results, thresholds):
    rows = []
    for result in results:
        for figure, rule in thresholds.get(result.item, {}).items():
            value = result.figures.get(figure)
            sign = {"at_least": "≥ ", "at_most": "≤ "}[rule["sense"]]
            bound, goal = rule.get("threshold"), rule.get("goal")
            verdict = []
            if value is None:
                verdict.append("not measured")
            elif bound is not None and not holds(value, rule["sense"], bound):
                verdict.append("**misses its threshold**")
            if value is not None and goal is not None:
                verdict.append("met" if holds(value, rule["sense"], goal) else "**missed**")
            rows.append([result.item, figure, number(value), sign + number(goal) if goal is not None else "",
                         sign + number(bound) if bound is not None else "", ", ".join(verdict)])
    return _table(["item", "figure", "measured", "goal", "threshold", ""], rows) if rows else ""


def _others(results, thresholds):
    rows = [[result.item, figure, number(value)] for result in results for figure, value in result.figures.items()
            if figure not in thresholds.get(result.item, {})]
    return _table(["item", "figure", "measured"], rows) if rows else ""


def markdown(results, thresholds, heading, title="# Benchmark"):
    """The whole report; `title` sets its level, and the sections are a level below."""
    level = "#" + title.split(" ", 1)[0]
    parts = [f"{title}\n\n{heading}\n"]
    sections = [("Goals", _goals(results, thresholds)),
                ("Throughput and its cost (medians of the rounds)", _servers(results) if any(r.rows for r in results) else ""),
                ("Other figures", _others(results, thresholds))]
    sections += [(name, _table(columns, rows)) for result in results for name, columns, rows in result.tables]
    sections.append(("Notes", "".join(f"- {result.item}: {note}\n" for result in results for note in result.notes)))
    failures = "".join(f"- **{result.item}**: {failure}\n" for result in results for failure in result.failures)
    sections.append(("Failures", failures or "None.\n"))
    parts += [f"{level} {name}\n\n{text}" for name, text in sections if text]
    return "\n".join(parts)


def as_json(results, thresholds, settings):
    return json.dumps({
        "settings": settings,
        "passed": not any(result.failures for result in results),
        "items": {result.item: {
            "figures": result.figures, "skipped": result.skipped, "tables": result.tables,
            "servers": result.rows, "notes": result.notes, "failures": result.failures,
            "thresholds": thresholds.get(result.item, {}), "rounds": result.rounds} for result in results},
    }, indent=2, ensure_ascii=False) + "\n"
