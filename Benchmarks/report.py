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


def judge(result, rules):
    """Adds a failure for every threshold the item misses or did not measure."""
    for figure, rule in rules.items():
        bound = rule.get("threshold")
        if bound is None:
            continue
        if figure not in result.figures:
            # An item that failed to measure has said so already; one that did not must not pass unmeasured.
            if not result.failures:
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


def markdown(results, thresholds, heading):
    parts = [f"# Benchmark\n\n{heading}\n"]
    rows = [[result.item, row["server"], number(row["per_second"]), number(row["cpu_us"]), number(row["p50_us"]),
             number(row["p99_us"]), number(row["busy"] * 100) + " %", number(row["peak_mib"])]
            for result in results for row in result.rows]
    if rows:
        parts.append("## Throughput (medians)\n\n" + _table(
            ["item", "server", "requests/s", "CPU µs/request", "p50 µs", "p99 µs", "busy", "peak RSS MiB"], rows))
    rows = []
    for result in results:
        rules = thresholds.get(result.item, {})
        for figure, value in result.figures.items():
            rule = rules.get(figure, {})
            sign = {"at_least": "≥ ", "at_most": "≤ "}.get(rule.get("sense"), "")
            bound, goal = rule.get("threshold"), rule.get("goal")
            verdict = []
            if bound is not None:
                verdict.append("holds" if holds(value, rule["sense"], bound) else "**FAILS**")
            if goal is not None:
                verdict.append("goal met" if holds(value, rule["sense"], goal) else "goal missed")
            rows.append([result.item, figure, number(value), sign + number(bound) if bound is not None else "",
                         sign + number(goal) if goal is not None else "", ", ".join(verdict)])
    if rows:
        parts.append("## Figures\n\n" + _table(["item", "figure", "value", "threshold", "goal", ""], rows))
    notes = [f"- {result.item}: {note}" for result in results for note in result.notes]
    if notes:
        parts.append("## Notes\n\n" + "\n".join(notes) + "\n")
    failures = [f"- **{result.item}**: {failure}" for result in results for failure in result.failures]
    parts.append("## Failures\n\n" + ("\n".join(failures) if failures else "None.") + "\n")
    return "\n".join(parts)


def as_json(results, thresholds, settings):
    return json.dumps({
        "settings": settings,
        "passed": not any(result.failures for result in results),
        "items": {result.item: {
            "figures": result.figures, "servers": result.rows, "notes": result.notes, "failures": result.failures,
            "thresholds": thresholds.get(result.item, {}), "rounds": result.rounds} for result in results},
    }, indent=2, ensure_ascii=False) + "\n"
