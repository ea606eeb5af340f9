"""One run on an instance, as a record and as what it found; and a second proof that rests on something else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from ..deadline import Deadline
from ..errors import BoundError, SolverError, SolverNotFound, UnsupportedError
from ..installed import own_version
from ..problem.bilevel import Bilevel
from ..progress import ProgressOption
from ..recipes.optimize import optimize
from ..recipes.pipeline import Result
from ..verification.claims import RELAXATION, usable
from ..verification.report import TOP
from ..verification.solved_model import boxes
from .merge import Found
from .records import GAP, PROVED, beyond, different, gap

EVIDENCE = "the evidence is a second solution"
"""How the report says that a claim rests on agreement, not on boxes."""
OTHERS = (("sos1", "scip"), ("indicator", "scip"), ("bigm", "scip"), ("auto", "highs"))
"""Ways of a second proof, tried in this order."""
LEAST_SECONDS = 1.0


@dataclass(frozen=True, eq=False)
class Run:
    """What a run found, and its point.

    Parameters
    ----------
    found : Found
    z : ndarray or None
        The verified point.
    status : str
        The solver's.
    """

    found: Found
    z: np.ndarray | None
    status: str


def ran(
    bilevel: Bilevel, encoding: str = "auto", solver: str = "scip", time_limit: float | None = None, *,
    start: Any = True, evidence: bool = True, isolate: bool = True, progress: ProgressOption = None,
    options: Mapping[str, Any] | None = None,
) -> Run:  # fmt: skip
    """Solve an instance by the recipe, and return what it found as a record."""
    result = optimize(
        bilevel, encoding, solver, time_limit, start=start, evidence=evidence, isolate=isolate, progress=progress,
        **(options or {}),
    )  # fmt: skip
    sense, report = "min" if bilevel.sense > 0 else "max", result.report
    value = report.value if report.ok else None
    bound = usable(result.bound)
    if bound is not None and value is not None and beyond(sense, value, bound):
        bound = None  # a point refutes it
    if report.claim in TOP and bound is None and value is not None:
        bound = value if report.claim != "optimal" else None
    seconds = round(sum(result.seconds.values()), 3)
    residuals = [one.value for one in report.lines if one.counts and one.kind != "finite values"]
    return Run(
        Found(
            sense, _record(result, encoding, value, bound, seconds, time_limit), value, bound, report.claim,
            float(f"{max(residuals, default=0.0):.2g}") if report.ok else None,
        ),
        result.solution.z if report.ok else None, result.solution.status,
    )  # fmt: skip


def second(
    bilevel: Bilevel, first: Run, time_limit: float | None, *, isolate: bool = True, progress: ProgressOption = None
) -> Run | None:
    """Return a second proof of what a run proved, by another encoding or solver; None where none ends in time."""
    deadline = Deadline(time_limit)
    for encoding, solver in OTHERS:
        left = deadline.left()
        if left is not None and left < LEAST_SECONDS:
            return None
        try:
            other = ran(
                bilevel, encoding, solver, left, start=True if first.z is None else first.z, evidence=False,
                isolate=isolate, progress=progress,
            )  # fmt: skip
        except (UnsupportedError, BoundError, SolverError, SolverNotFound):
            continue
        distance = gap(first.found.value, other.found.bound)
        if different(first.found.record, other.found.record) and distance is not None and distance <= GAP:
            return other
    return None


def needs_second(run: Run) -> bool:
    """Return whether a claim of optimality rests on boxes that are not all proved."""
    return run.found.claim == "optimal" and run.found.record.get("boxes") != PROVED


def _record(
    result: Result, encoding: str, value: float | None, bound: float | None, seconds: float, limit: float | None
) -> dict[str, Any]:
    """Return the history's table of a result."""
    claim, distance = result.report.claim, gap(value, bound)
    of = "" if limit is None else f" of {limit:.4g} s"
    out: dict[str, Any] = {"date": date.today()}
    out |= {} if value is None else {"objective" if claim in TOP else "best": value}
    out |= {} if bound is None else {"bound": bound}
    solver = result.solution.solver
    out |= {"claim": claim, "by": f"kktgen {own_version()}, {encoding}, {solver}, {seconds:.1f} s{of}, 1 thread"}
    out |= {"seconds": seconds, "encoding": _encoding(result), "solver": solver, "boxes": _boxes(result)}
    return out | ({} if distance is None else {"gap": float(f"{distance:.3g}")})


def _encoding(result: Result) -> str:
    """Return how complementarity was encoded, in words and counts."""
    if (result.solution.raw or {}).get(RELAXATION):
        return "none, convex relaxation"
    counts: dict[str, int] = {}
    for used in result.model.encodings:
        counts[used.encoding] = counts.get(used.encoding, 0) + used.pairs
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "no pairs"


def _boxes(result: Result) -> str:
    """Return whether every box that the claim asks for is proved, or how many are not."""
    rests = any(EVIDENCE in reason for reason in result.report.reasons)
    if result.report.claim in TOP and not rests:
        return PROVED
    missing = len(boxes(result.model)[0])
    columns = int(np.isin(result.model.space.role, ["lam", "mu", "slack"]).sum())
    return f"{missing} of {columns} not proved" if missing else PROVED
