"""``results.html``: what is proved in the library, and what came out of given runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..benchmarks import curves, figures, shown
from ..benchmarks.verdict import VERDICTS, solves
from ..catalog.schema import GRADES
from ..library.records import EASY, EXACT, default_seconds, first_records
from ..markup import Html, table, tag
from . import instances
from .facts import Facts
from .lists import Cell, Column, Row, asks, box, listed, whole

NAME = "results.html"
RUNS = (
    Column("instance", "instance", pin=True), Column("way", "way", "encoding and solver"),
    Column("seed", "seed", "", True), Column("verdict", "verdict", "held against what is known of the instance"),
    Column("status", "status", "the solver's word"), Column("claim", "claim", "kktgen help claims"),
    Column("value", "value", "", True), Column("bound", "bound", "", True), Column("gap", "gap", "", True),
    Column("seconds", "seconds", "of all stages", True), Column("limit", "limit", "seconds a run gets", True),
    Column("nodes", "nodes", "of branch and bound", True), Column("memory", "MB", "", True),
    Column("machine", "machine", "see Machines"), Column("load", "load", "of the machine at the beginning", True),
    Column("began", "began"), Column("error", "error"),
)  # fmt: skip
"""The columns of the list of runs."""
SHOWN = (
    ("verdict=wrong,failed", "runs that went wrong"),
    ("verdict=open gap>0.01", "runs that are far from a proof"),
    ("seconds>10 -sos1", "slow ones of other ways"),
)
"""Examples of filters."""
MARKS = {"better": " +", "open": "open", "wrong": "WRONG", "failed": "failed"}
"""What a table of times says of a run that is not simply solved."""

Record = Mapping[str, Any]


def page(told: Sequence[Facts], records: Sequence[Record]) -> Html:
    """Return the page of results: of the instances' own records, and of runs where some are given."""
    title = "Results on bilevel problems with convex-QP followers"
    further = tag("a", "All runs", href="#runs") if records else ""
    nav = tag("nav", tag("a", "Instances", href=instances.NAME), further)
    return whole(title, tag("h1", title), nav, *_library(told), *(_given(records) if records else [_none()]))


def _library(told: Sequence[Facts]) -> list[Html]:
    """Return what the instances' records prove: grades by family, and by when."""
    families = sorted({facts.entry["family"] for facts in told})
    grades = [grade for grade in (*GRADES, "") if any(facts.entry["grade"] == grade for facts in told)]
    columns = [Column("family", "family"), Column("instances", "instances", "", True)]
    columns += [Column(grade or "none", grade or "not graded", "", True) for grade in grades]
    columns += [
        Column("proved", "proved", "an optimum is claimed", True),
        Column("exact", "in rational numbers", "a proof of it is stored, kktgen help proofs", True),
    ]
    rows = []
    for family in families:
        own = [facts.entry for facts in told if facts.entry["family"] == family]
        counts = [sum(one["grade"] == grade for one in own) for grade in grades]
        cells = [Cell(family), *map(Cell, [len(own), *counts, sum(bool(one["proved"]) for one in own), _exact(own)])]
        rows.append(Row(family, cells))
    proved = sum(bool(facts.entry["proved"]) for facts in told)
    exact = _exact([facts.entry for facts in told])
    said = f"Of {len(told)} instances the optimum of {proved} is proved, that of {exact} in rational numbers."
    times = sorted(
        least for facts in told
        if (least := min(default_seconds(facts.known.get("history") or first_records(facts.known)), default=math.inf))
        < math.inf
    )  # fmt: skip
    out = [tag("h2", "What is proved"), tag("p", said), listed(columns, rows, caption="Families and grades")]
    if times:
        most = max(EASY, times[-1])
        out += [
            tag("p", "Share of the instances that the default recipe has proved, by its seconds, as recorded:"),
            curves.steps({"default recipe": times}, len(told), figures.LEAST, most, "seconds", "proved over time"),
        ]
    return out


def _exact(entries: Sequence[Mapping[str, Any]]) -> int:
    """Return how many optima are proved in rational numbers."""
    return sum(one["claim"] == EXACT for one in entries)


def _none() -> Html:
    words = "No runs are given: kktgen bench all -o results/ makes some, and "
    return tag("p", words, tag("code", "kktgen catalogue -o site/ --runs results/"), " shows them here.")


def _given(records: Sequence[Record]) -> list[Html]:
    """Return what is told of runs."""
    counts = [f"{sum(one['verdict'] == word for one in records)} {word}" for word in VERDICTS]
    links = [asks(text, f"verdict={word}") for word, text in zip(VERDICTS, counts, strict=True)]
    head = tag("p", f"{len(records)} runs on {len({one['instance'] for one in records})} instances: ",
               Html(", ".join(links)), ".")  # fmt: skip
    rows = [(asks(text, text), what) for text, what in SHOWN]
    fold = Html(table(("filter", "shows"), rows) + tag("p", "Columns: ", ", ".join(one.key for one in RUNS), "."))
    ordered = sorted(records, key=lambda one: (one["instance"], one["way"], one["seed"]))
    return [
        tag("h2", "Runs"), head, *shown.summary(records), tag("h2", "Machines"), _machines(records),
        tag("h2", "Seconds by instance"), *_times(records), tag("h2", "All runs", id="runs"),
        box("verdict=wrong,failed   roads   seconds&gt;10", fold),
        listed(RUNS, map(_run, ordered), caption="All runs", main=True),
    ]  # fmt: skip


def _machines(records: Sequence[Record]) -> Html:
    """Return the machines with what tells how fast they are."""
    groups: dict[str, list[Record]] = {}
    for one in records:
        groups.setdefault(one.get("machine", {}).get("host") or "unknown", []).append(one)
    header = ("machine", "runs", "processor", "cores", "system", "Python", "calibration s", "largest load")
    rows = []
    for name, own in sorted(groups.items()):
        about = own[-1].get("machine", {})
        loads = [one["load"] for one in own if one.get("load") is not None]
        rows.append((
            name, len(own), about.get("cpu", ""), about.get("cores", ""), about.get("os", ""), about.get("python", ""),
            about.get("calibration", ""), f"{max(loads):.1f}" if loads else "",
        ))  # fmt: skip
    note = "calibration: CPU seconds of a fixed computation; names of machines are digests"
    return Html(table(header, rows) + tag("p", note, kind="quiet"))


def _times(records: Sequence[Record]) -> list[Html]:
    """Return the seconds of every way and limit on every instance, the mean over seeds, the fastest one marked."""
    several = len(figures.by_limit(records)) > 1
    cases: dict[str, dict[str, list[Record]]] = {}
    ways: dict[str, None] = {}
    for one in records:
        way = f"{one['way']}, {one['limits']['time']:g} s" if several else one["way"]
        ways.setdefault(way)
        cases.setdefault(one["instance"], {}).setdefault(way, []).append(one)
    columns = [Column("instance", "instance", pin=True), *(Column(way, way, "", True) for way in ways)]
    rows = []
    for name, by_way in sorted(cases.items()):
        spent = {way: _seconds(own) for way, own in by_way.items()}
        solved = [value for value in spent.values() if value is not None]
        best = min(solved, default=0.0) if len(by_way) > 1 else 0.0
        cells = [_time(by_way.get(way, []), spent.get(way), best) for way in ways]
        rows.append(Row(name, [Cell(name), *cells]))
    note = "mean over seeds where every one is solved, the least in bold; otherwise the verdict of the worst run"
    return [tag("p", note, kind="quiet"), listed(columns, rows, caption="Seconds by instance")]


def _seconds(own: Sequence[Record]) -> float | None:
    return sum(map(figures.taken, own)) / len(own) if own and all(map(solves, own)) else None


def _time(own: Sequence[Record], seconds: float | None, best: float) -> Cell:
    if seconds is not None:
        text = f"{seconds:.2f}"
        return Cell(seconds, tag("b", text) if 0 < seconds <= best else text)
    if not own:
        return Cell(None)
    worst = max((one["verdict"] for one in own if not solves(one)), key=VERDICTS.index)
    return Cell(None, MARKS.get(worst, "open"), worst if worst in ("wrong", "failed") else "quiet")


def _run(one: Record) -> Row:
    gap = None if solves(one) else figures.left_gap(one)
    began, error = (one.get("began") or "")[:16].replace("T", " "), one.get("error")
    cells = [
        Cell(one["instance"]), Cell(one["way"]), Cell(one["seed"]), Cell(one["verdict"], kind=one["verdict"]),
        Cell(one["status"]), Cell(one["claim"]), _figure(one["value"], ".8g"), _figure(one["bound"], ".8g"),
        _figure(gap, ".2g"), _figure(one.get("time"), ".2f"), _figure(one["limits"]["time"], "g"),
        Cell(one.get("nodes")), Cell(one.get("rss_mb")), Cell(one.get("machine", {}).get("host")),
        _figure(one.get("load"), ".1f"), Cell(began),
        Cell(error, error and tag("span", str(error)[:200], title=str(error)[:2000]), "clip"),
    ]  # fmt: skip
    return Row(one["id"], cells)


def _figure(value: float | None, form: str) -> Cell:
    return Cell(value, None if value is None else format(value, form))
