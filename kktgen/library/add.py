"""Add an instance: store its problem, solve it shortly, store the point, record what was proved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..catalog.places import is_bundle
from ..errors import FormatError, ProblemError
from ..progress import ProgressOption
from ..verification.report import Report
from ..verification.verify import verify
from . import case_file
from .classes import sizes
from .merge import Merged, merged, without_point
from .points import full_bytes, point_bytes, read_point
from .proofs import keep, proved
from .records import default_seconds, grade, is_backed, same, value_of
from .runs import Run, needs_second, ran, second
from .sources import Source
from .stored import BUNDLE, FORMAT, LARGEST, POINT, PROOF, bundle_bytes, digest, packed, store, write_bytes

WANTED = {
    "source": "where the data come from", "terms": "under which terms they may be passed on",
    "status": "published, reconstructed, calibrated or drawn",
}  # fmt: skip
"""Keys of ``[data]`` and what they tell."""

ADD = "run kktgen instance add on it"
"""The cure of most that a check finds."""
QUICK = 5.0
"""Seconds within which a quick instance is proved."""
ISOLATED = 100
"""Pairs from which on the solver has a process of its own: starting it takes a second, which counts as solving."""


@dataclass
class Added:
    """What was done.

    Parameters
    ----------
    path : Path
        Of the instance's file.
    sizes : dict
        Statistics and class code.
    said : list of str
        What was stored, what a run found, what could not be kept.
    missing : list of str
        What the instance lacks, and how to give it.
    """

    path: Path
    sizes: dict[str, Any]
    said: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def add(
    source: Source, time_limit: float | None = 60.0, *, solve: bool = True, again: bool | None = None,
    prove: bool = False,
    progress: ProgressOption = None, told: Callable[[str], None] | None = None,
) -> Added:  # fmt: skip
    """Add or update an instance: its bundle and digest, a short solve, its point, records and grade.

    Parameters
    ----------
    source : Source
    time_limit : float, optional
        Seconds for a run; a second proof has as many again.
    solve : bool
        Whether to solve at all.
    again : bool, optional
        Make a second proof always or never; by default where the claim is optimal and not every box is proved.
    prove : bool
        Prove the optimum in rational numbers, too, with as many seconds again.
    progress, told
        As in :func:`kktgen.optimize`; ``told`` is given a line as each step begins.
    """
    say = told or (lambda line: None)
    out = Added(source.path, {})
    source.data["problem"] = _stored(source, out)
    case_file.write(source.path, source.data)
    out.sizes = sizes(source.bilevel)
    isolate = out.sizes["pairs"] > ISOLATED
    if solve:
        say(f"{source.name}: solving")
        first = ran(
            source.bilevel, time_limit=time_limit, isolate=isolate, progress=progress,
            options=getattr(source.module, "OPTIONS", {}).get("scip", {}),
        )  # fmt: skip
        _take(source, first, out)
        known = source.data["known"]
        if again or (again is None and needs_second(first) and not is_backed(known)):
            say(f"{source.name}: a second proof")
            other = second(source.bilevel, first, time_limit, isolate=isolate, progress=progress)
            if other is None:
                out.said.append("no second proof by another encoding or solver within the limit")
            else:
                _take(source, other, out)
        source.data["grade"] = grade(source.data["known"])
        fast = min(default_seconds(source.data["known"]["history"]), default=QUICK) < QUICK
        source.data.setdefault("quick", fast)
    if prove:
        say(f"{source.name}: a proof in rational numbers")
        _prove(source, time_limit, progress, out)
        if "known" in source.data:
            source.data["grade"] = grade(source.data["known"])
    case_file.write(source.path, source.data)
    out.missing = missing(source.data)
    return out


def missing_data(data: Mapping[str, Any]) -> list[str]:
    """Return what an instance's file does not say of its data."""
    told = data.get("data", {})
    return [key for key in WANTED if not told.get(key, "").strip()]


def missing(data: dict[str, Any]) -> list[str]:
    """Return what an instance's file lacks, and how to give it."""
    out = [f'[data] {key} = "..": {WANTED[key]}' for key in missing_data(data)]
    if is_bundle(data.get("model", "")) and not data.get("description"):
        out.append('description = "..": one sentence about it, in the first lines of the file')
    if "point" not in data.get("known", {}) and data.get("known", {}).get("claim") != "infeasible":
        out.append("a point: solve longer (kktgen instance add .. --time-limit S)")
    if "grade" not in data:
        out.append("a grade: add solves shortly and gives it")
    return out


def _stored(source: Source, out: Added) -> dict[str, Any]:
    """Store the problem where it is small enough, or where there is no model; return its table."""
    data, path = bundle_bytes(source.bilevel, source.name, source.data.get("parameters", {})), source.beside(BUNDLE)
    small = packed(data)
    table = {"format": FORMAT, "sha256": digest(data)}
    if "proof" in source.data.get("known", {}) and table["sha256"] != source.data.get("problem", {}).get("sha256"):
        source.beside(PROOF).unlink(missing_ok=True)
        rest = {key: item for key, item in source.data["known"].items() if key != "proof"}
        source.data["known"] = {**rest, "claim": "optimal"}
        out.said.append("the proof is of the problem before: it is taken away (--prove makes another one)")
    if store(path, data):
        table["file"] = path.name
    elif source.is_file:
        write_bytes(path, small)
        table["file"] = path.name
    kept = "stored" if "file" in table else f"not stored, more than {LARGEST[BUNDLE] // 1000} kB"
    out.said.append(f"problem: {len(data) / 1000:.1f} kB, packed {len(small) / 1000:.1f} kB, {kept}")
    return table


def _take(source: Source, run: Run, out: Added) -> None:
    """Take a run into what is known, and its point into the stored file where it is the better one."""
    before = source.data.get("known", {})
    now: Merged = merged(before, run.found, _has_point(source, before))
    out.said += [_headline(run), *now.said]
    known = now.known
    if now.takes_point and run.z is not None:
        known = without_point(known)
        told = _store_point(source, run.z, run.found.value)
        if told is None:
            out.said.append("the point is too large to be stored, and the followers re-solved answer otherwise")
        else:
            known |= {"point": source.beside(POINT).name, "infeasibility": told}
    history = known.pop("history")
    source.data["known"] = {**known, "history": history}


def _prove(source: Source, limit: float | None, progress: ProgressOption, out: Added) -> None:
    """Prove that the stored point is the optimum, and store the proof."""
    known = source.data.get("known", {})
    path = source.path.with_name(known.get("point", "-"))
    z = read_point(source.bilevel, path) if path.is_file() else None
    if z is None:
        out.said.append("no proof in rational numbers: no point is stored")
        return
    proof, said = proved(source.bilevel, z, limit, progress)
    if proof is not None:
        source.data["known"], said = keep(source.beside(PROOF), proof, known, limit)
    out.said.append(said)


def _headline(run: Run) -> str:
    found = run.found
    value = "no point" if found.value is None else f"value {found.value:.10g}"
    bound = "no bound" if found.bound is None else f"bound {found.bound:.10g}"
    record = found.record
    return f"{record['by']}: {value}, {bound}, {found.claim}; {record['encoding']}; boxes {record['boxes']}"


def _has_point(source: Source, known: dict[str, Any]) -> bool:
    """Return whether the stored point of the known value is there and holds."""
    value, name = value_of(known), known.get("point", "")
    if value is None or not name or not source.path.with_name(name).is_file():
        return False
    report = verified(source, source.path.with_name(name))
    return report is not None and report.ok and same(report.value, value)


def verified(source: Source, path: Path) -> Report | None:
    """Return the report of a stored point, None where it cannot be read."""
    try:
        z = read_point(source.bilevel, path)
    except (FormatError, ProblemError):
        return None
    return None if z is None else verify(source.bilevel, z)


def _store_point(source: Source, z: np.ndarray, value: float | None) -> float | None:
    """Store a point, read it again and verify it; return its largest residual, None where it cannot be stored."""
    path = source.beside(POINT)
    for data in (point_bytes(source.bilevel, z), full_bytes(source.bilevel, z)):
        small = packed(data)
        if len(small) > LARGEST[BUNDLE]:
            break
        write_bytes(path, small)
        report = verified(source, path)
        if report is not None and report.ok and same(report.value, value):
            return float(f"{max((one.value for one in report.lines if one.counts), default=0.0):.2g}")
    path.unlink(missing_ok=True)
    return None
