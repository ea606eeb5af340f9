"""What is told of many runs: disagreements first, then figures, profiles, every run; as text and as a page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..markup import Html, bullets, page, table, tag
from ..wording import Table
from . import compare, curves, figures
from .disagreements import disagreements
from .verdict import VERDICTS, Known

MOMENTS = (0.1, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
"""Seconds at which what is solved by then is printed."""
OWN = 1.0
"""Load beyond the cores that runs which keep all of them busy cause themselves."""
LINES = 30
"""Most lines of one kind in a text."""

Record = Mapping[str, Any]


def line(record: Record) -> str:
    """Return a record in one line."""
    known = Known.of(record["known"]).value
    words = [f"{record['verdict']}: {record['instance']}, {record['way']}"]
    words += [f"seed {record['seed']}"] if record["seed"] else []
    words += [record["status"] if record["claim"] is None else f"{record['status']}, {record['claim']}"]
    words += [f"value {record['value']:.10g}"] if record["value"] is not None else []
    words += [f"known {known:.10g}"] if known is not None else []
    words += [str(record["error"])[:200]] if record["error"] else []
    return ", ".join(words)


def told(records: Sequence[Record]) -> str:
    """Return what is told of runs, as text."""
    return "\n\n".join(str(part) for part in [*_first(records), *_tables(records), *_failed(records)])


def told_against(before: Sequence[Record], after: Sequence[Record]) -> str:
    """Return what differs between two sets of runs, as text."""
    return "\n\n".join(map(str, _against(before, after)))


def html(records: Sequence[Record], title: str, before: Sequence[Record] | None = None) -> Html:
    """Return a page about runs, and about what differs from other runs."""
    parts: list[Any] = [tag("h1", title), *summary(records)]
    if before is not None:
        parts += [tag("h2", "Against the other runs"), *map(_as_html, _against(before, records, whole=True))]
    rest = [*(one for some in figures.by_limit(records) for one in _rising(some)), _runs(records)]
    parts += [tag("h2", "Tables"), *map(_as_html, rest)]
    return page(title, *parts)


def summary(records: Sequence[Record]) -> list[Html]:
    """Return what a page tells of runs first: disagreements, figures of every way, curves."""
    parts: list[Html] = []
    for block in _first(records):
        head, *lines = block.splitlines()
        parts += [tag("p", head), bullets(lines)]
    for some in figures.by_limit(records):
        parts += [*map(_as_html, _figures(some)), *_curves(some)]
    return parts


def _curves(records: Sequence[Record]) -> list[Html]:
    """Return the curves of runs with one time limit."""
    common = figures.shared(records)
    if not common:
        return []
    count, limit = figures.case_count(common), figures.limit_of(common)
    within, factor = f"share solved over time, of {limit:g} s", f"performance profile, {limit:g} s a run"
    times = curves.steps(figures.solve_times(common), count, figures.LEAST, limit, "seconds", within)
    if len(figures.ways(common)) < 2:
        return [tag("h2", "Solved over time"), times]
    return [
        tag("h2", "Solved over time"),
        times,
        tag("h2", "Performance profile"),
        curves.steps(figures.profile(common), count, 1.0, 100.0, "factor of the fastest way", factor),
    ]


def _as_html(block: Table | str) -> Html:
    if isinstance(block, str):
        return tag("p", block)
    note = tag("p", block.note) if block.note else Html("")
    return Html(table(block.header, block.rows, block.title) + note)


def _first(records: Sequence[Record]) -> list[str]:
    """Return what is told before any figure."""
    found = disagreements(records)
    wrong = [line(one) for one in records if one["verdict"] == "wrong"]
    out = [_listed(f"{len(wrong)} wrong answers", wrong)] if wrong else []
    out += [_listed(f"{len(found)} disagreements", found)] if found else ["no disagreements"]
    states = {one["versions"]["code"] for one in records if one.get("versions", {}).get("code")}
    machines = {one["machine"]["host"]: one["machine"] for one in records if one.get("machine", {}).get("host")}
    loaded = sum((one.get("load") or 0) > (one.get("machine", {}).get("cores") or math.inf) + OWN for one in records)
    if len(states) > 1:
        out.append(f"the runs are of {len(states)} states of kktgen's code: {', '.join(sorted(states))}")
    if len(machines) > 1:
        speeds = ", ".join(f"{name} {one['calibration']:.3g} s" for name, one in sorted(machines.items()))
        out.append(f"times of {len(machines)} machines stand side by side; a fixed computation takes on {speeds}")
    if loaded:
        out.append(f"{loaded} runs began with more load than the machine has cores; their times say little")
    return out


def _failed(records: Sequence[Record]) -> list[str]:
    """Return what the runs without an answer died of, which stands last."""
    failed = [line(one) for one in records if one["verdict"] == "failed"]
    return [_listed(f"{len(failed)} runs failed", failed)] if failed else []


def _listed(head: str, lines: list[str]) -> str:
    more = [f"and {len(lines) - LINES} more"] if len(lines) > LINES else []
    return "\n".join([f"{head}:", *(f"  {one}" for one in (*lines[:LINES], *more))])


def _tables(records: Sequence[Record]) -> list[Table | str]:
    """Return the tables of figures; runs of different time limits apart."""
    return [one for some in figures.by_limit(records) for one in (*_figures(some), *_rising(some))]


def _figures(records: Sequence[Record]) -> list[Table | str]:
    """Return the figures of every way, and what they leave out, of runs with one time limit."""
    common = figures.shared(records)
    return [_ways(records)] if len(common) == len(records) else [_ways(common), _left_out(records)]


def _rising(records: Sequence[Record]) -> list[Table]:
    """Return what is solved within seconds, and within factors of the fastest, of runs with one time limit."""
    common = figures.shared(records) or list(records)
    count, limit = figures.case_count(common), figures.limit_of(common)
    moments = [at for at in MOMENTS if at < limit] + [limit]
    out = [_shares("Solved within seconds (%)", figures.solve_times(common), moments, count)]
    if len(figures.ways(common)) > 1:
        rising = figures.profile(common)
        out.append(_shares("Solved within a factor of the fastest (%)", rising, figures.FACTORS, count))
    return out


def _ways(records: Sequence[Record]) -> Table:
    header = ("way", "runs", "solved", *VERDICTS, "sgm s", "gap %", "integral %")
    rows = [
        (one.way, str(one.runs), str(one.solved), *(str(one.verdicts[word]) for word in VERDICTS),
         _number(one.seconds, 2), _number(100 * one.gap, 2), _number(100 * one.integral, 2))
        for one in figures.figures(records)
    ]  # fmt: skip
    note = (
        "sgm: geometric mean of seconds + 1, less 1, with the limit for what is not solved; gap: mean of what is open; "
        "integral: mean distance from the best value over the time limit"
    )
    limit = f", {figures.limit_of(records):g} s a run" if records else ""
    return Table(f"Ways{limit}", header, tuple(rows), note)


def _left_out(records: Sequence[Record]) -> str:
    common, there = (figures.case_count(some) for some in (figures.shared(records), records))
    return f"figures over the {common} of {there} instances and seeds of which every way has a run"


def _shares(title: str, rising: dict[str, list[float]], at: Sequence[float], count: int) -> Table:
    rows = [
        (way, *(f"{100 * figures.share_within(values, one, count):.0f}" for one in at))
        for way, values in rising.items()
    ]
    return Table(title, ("way", *(f"{one:g}" for one in at)), tuple(rows))


def _runs(records: Sequence[Record]) -> Table:
    header = ("instance", "way", "seed", "verdict", "status", "claim", "value", "bound", "seconds", "nodes")
    rows = [
        (one["instance"], one["way"], str(one["seed"]), one["verdict"], one["status"], one["claim"] or "-",
         _digits(one["value"]), _digits(one["bound"]), _number(one.get("time"), 2), _text(one.get("nodes")))
        for one in sorted(records, key=lambda one: (one["instance"], one["way"], one["seed"]))
    ]  # fmt: skip
    return Table("Runs", header, tuple(rows))


def _against(before: Sequence[Record], after: Sequence[Record], whole: bool = False) -> list[Table | str]:
    """Return what differs between two sets of runs."""
    changes, paces = compare.compared(before, after)
    shown = changes if whole else changes[:LINES]
    rows = tuple((one.kind, one.instance, one.way, one.before, one.after) for one in shown)
    out: list[Table | str] = []
    if rows:
        note = f"and {len(changes) - len(shown)} more" if len(shown) < len(changes) else ""
        out.append(Table("What differs", ("what", "instance", "way", "before", "after"), rows, note))
    else:
        out.append("nothing differs beyond the noise")
    if paces:
        lines = tuple(
            (one.way, str(one.instances), f"{one.ratio:.3f}", "unknown" if one.noise is None else f"{one.noise:.3f}",
             "yes" if one.beyond else "unknown" if one.noise is None else "no")
            for one in paces
        )  # fmt: skip
        note = "seconds + 1, after over before, where both solve every seed; noise: two standard errors, from seeds"
        out.append(Table("Times", ("way", "instances", "ratio", "noise", "beyond noise"), lines, note))
    return out


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def _digits(value: float | None) -> str:
    return "-" if value is None else f"{value:.8g}"


def _text(value: Any) -> str:
    return "-" if value is None else str(value)
