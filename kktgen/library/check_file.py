"""Checks of an instance that build no model: its file, the files beside it, and whether its records agree."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import FormatError, ProblemError
from ..formats.writing.files import contents
from ..verification.report import Tolerances
from . import case_file
from .add import ADD, missing_data
from .findings import Checked
from .records import EXACT, GAP, beyond, gap, grade, is_backed, value_of
from .stored import digest

HOLDS = Tolerances().feasibility
"""Largest scaled residual of a point that holds."""


def check_file(path: Path, out: Checked) -> dict[str, Any] | None:
    """Check an instance's file and what it says; return what it holds, None where it cannot be read."""
    try:
        data = case_file.read(path)
    except ProblemError as error:
        out.find("file", str(error), "correct the file")
        return None
    if lacking := missing_data(data):
        out.find("data", f"[data] has no {', '.join(lacking)}", f"write that into {path.name} (kktgen help library)")
    if not data.get("description") and not path.read_text(encoding="utf-8").startswith("#"):
        out.find("data", "no description", "write one, or open the file with a comment")
    known = data.get("known", {})
    if "problem" not in data and not known.get("history"):
        out.find("file", "nothing is stored or recorded of it", ADD)
        return data
    _problem(path, data, out)
    if not known.get("history"):
        out.find("proof", "nothing is recorded of it", ADD)
    elif "sense" not in known:
        out.find("file", "no known.sense", ADD)
    else:
        _answer(path, known, out)
    _grade(data, out)
    return data


def _problem(path: Path, data: Mapping[str, Any], out: Checked) -> None:
    """Check the stored problem against its digest."""
    problem = data.get("problem", {})
    if "sha256" not in problem:
        out.find("problem", "the problem is not stored and has no digest", ADD)
        return
    name = problem.get("file", "")
    if not name:
        return
    try:
        found = digest(contents(path.with_name(name)))
    except FormatError as error:
        out.find("problem", str(error), ADD)
        return
    if found != problem["sha256"]:
        out.find("problem", f"{name} is not the file whose sha256 is recorded", f"get the file again, or {ADD}")


def _answer(path: Path, known: Mapping[str, Any], out: Checked) -> None:
    """Check value, bound, claim and records against each other."""
    value, bound, claim = value_of(known), known.get("bound"), known.get("claim", "")
    if claim == "infeasible":
        if value is not None:
            out.find("proof", f"claimed infeasible, and a value of {value:.10g} is known", "one of them is wrong")
        return
    _records(value, known, out)
    if value is not None and not known.get("point"):
        out.find("point", f"the value {value:.10g} has no point", f"{ADD}, longer (--time-limit)")
    elif value is not None and not path.with_name(known["point"]).is_file():
        out.find("point", f"no file {known['point']}", ADD)
    if value is not None and bound is not None and beyond(known["sense"], value, bound):
        side = "above" if known["sense"] == "min" else "below"
        out.find("bound", f"the bound {bound:.10g} is {side} the value {value:.10g} of a point", "one of them is wrong")
    if claim == EXACT and not path.with_name(known.get("proof", "-")).is_file():
        out.find("proof", f"claimed proved, and there is no file {known.get('proof', 'of a proof')}", f"{ADD} --prove")
    if claim not in ("optimal", EXACT):
        return
    distance = gap(value, bound)
    if distance is None or distance > GAP:
        said = "no bound" if distance is None else f"a gap of {distance:.1e}"
        out.find("proof", f"claimed {claim} with {said}", f"{ADD}, or lower the claim")
    elif not is_backed(known):
        out.find(
            "proof",
            "claimed optimal, but no record has every box proved, and no two close the gap by different ways",
            f"{ADD} --second",
        )


def _records(value: float | None, known: Mapping[str, Any], out: Checked) -> None:
    """Check the value against the records, and how well its point was found to hold."""
    told = [one for one in map(value_of, known["history"]) if one is not None]
    best = min(told, default=None) if known["sense"] == "min" else max(told, default=None)
    if best is not None and (value is None or beyond(known["sense"], best, value)):
        there = "no value" if value is None else f"the value {value:.10g}"
        out.find("value", f"a record tells {best:.10g}, better than {there} that is known", "one of them is wrong")
    residual = known.get("infeasibility", 0.0)
    if residual > HOLDS:
        out.find("point", f"a residual of {residual:.1e} is recorded, and points hold to {HOLDS:.0e}", ADD)


def _grade(data: Mapping[str, Any], out: Checked) -> None:
    """Check the grade against the records."""
    if "grade" not in data:
        out.find("grade", "no grade", ADD)
        return
    earned = grade(data.get("known", {}))
    if earned != data["grade"]:
        out.find("grade", f"graded {data['grade']}, and the records say {earned}", f'write grade = "{earned}"')
