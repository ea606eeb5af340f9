"""What comes of one independent part: its point, its bound, whether it is proved, and the boxes that were."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..deadline import LAST, Deadline
from ..errors import SolverError
from ..model.model import Model
from ..model.shared import shared_kkt
from ..model.solution import Solution
from ..problem.bilevel import Bilevel
from ..reformulate.one_level import foundation
from ..solvers.driving.checks import interrupted
from ..verification.claims import DECISIONS, RELAXATION, TREE, judge, usable
from ..verification.report import TOP, Report, Tolerances
from ..verification.verify import verify

if TYPE_CHECKING:
    from .pipeline import Result

Solve = Callable[[Bilevel, Any, float | None, float | None, Any], "tuple[Result, Model]"]
"""Solves a part: from its problem, a start, a gap, seconds and a callback to its result and its model with pairs."""
ANY_GAP = Tolerances(optimality=1.0)
"""With which a part is asked whether anything but its gap stands against its optimum: the gap is the sum's affair."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What came of a part.

    Parameters
    ----------
    status : str
        As of :class:`kktgen.Solution`.
    solver : str
    z : ndarray or None
        Over the columns of the part's problem.
    value, bound : float or None
    proved : bool
        Nothing but perhaps the gap stands against the part's optimum, or it is proved infeasible.
    why : str
        What stands against it.
    stopped : bool
        By Ctrl-C.
    nodes : int
    seconds : float
    kind : str
        What its claim rests on, in words.
    boxes : tuple of ndarray, or None
        ``lb``, ``ub`` and ``proof`` of the columns.
    slacks : tuple of ndarray, or None
        Multiplier columns of pairs, the bounds of their slacks and the proofs.
    """

    status: str = "time_limit"
    solver: str = "no solver was reached"
    z: np.ndarray | None = None
    value: float | None = None
    bound: float | None = None
    proved: bool = False
    why: str = "not reached before the time limit, or Ctrl-C"
    stopped: bool = False
    nodes: int = 0
    seconds: float = 0.0
    kind: str = ""
    boxes: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
    slacks: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None


def answered(
    part: Bilevel, solve: Solve, start: Any, gap: float | None, limit: float | None, progress: Any = None
) -> Answer:
    """Return what comes of a part; a solver that fails is an answer too."""
    clock = Deadline()
    try:
        result, model = solve(part, start, gap, limit, progress)
    except SolverError as error:
        return Answer("error", why=str(error), seconds=clock.spent)
    found, report, n = result.solution, result.report, len(part.space)
    proved, why = _standing(part, found, report)
    boxes = slacks = None
    if model.bounded and model.cutoff is None and not foundation(result.model):
        space = model.space
        boxes = space.lb[:n].copy(), space.ub[:n].copy(), space.proof[:n].copy()
        if model.pairs is not None:
            slacks = model.pairs.mu, model.pairs.slack_max.value, model.pairs.slack_max.proof
    return Answer(
        found.status, found.solver, None if found.z is None else found.z[:n], found.objective, usable(found.bound),
        proved, why, interrupted(found), found.nodes or 0, clock.spent, _kind(found), boxes, slacks,
    )  # fmt: skip


def _kind(found: Solution) -> str:
    """Return what the claim of a part rests on."""
    raw, model = found.raw or {}, found.model
    for key, words in ((RELAXATION, "bound of the convex relaxation"), (TREE, "tree over boxes"),
                       (DECISIONS, "every decision tried")):  # fmt: skip
        if raw.get(key):
            return words
    if foundation(model):
        return "one level, without pairs"
    if not model.encodings:
        return "no pair left to encode"
    return "pairs encoded by " + ", ".join(sorted(f"{used.encoding} ({used.trust})" for used in model.encodings))


def _standing(part: Bilevel, found: Solution, report: Report) -> tuple[bool, str]:
    """Return whether nothing but the gap stands against a part's claim, and what does."""
    if report.claim in (*TOP, "infeasible"):
        return True, ""
    why = report.reasons[0] if report.reasons else f"status {found.status!r}"
    if not report.ok or report.gap is None or report.gap <= report.tolerances.optimality:
        return False, why
    behind = found.model.sense * ((report.value or 0.0) - (found.bound or 0.0)) >= 0
    return behind and verify(part, found, tolerances=ANY_GAP, time_limit=LAST).claim == "optimal", why


def proved_bound(found: Result) -> tuple[float | None, str]:
    """Return the bound of a result where it is proved, whatever its gap; else None and why it is not."""
    report, bound = found.report, usable(found.bound)
    if report.claim == "optimal":
        return bound, ""
    why = next(iter(report.reasons), f"status {found.solution.status!r}")
    if bound is None or not report.ok or report.value is None or report.gap is None:
        return None, why
    beaten = found.model.sense * (report.value - bound) < 0
    if beaten or report.gap <= report.tolerances.optimality:
        return None, why
    open_end = replace(ANY_GAP, optimality=math.inf)  # the value may be zero
    grounds = judge(shared_kkt(found.bilevel), found.solution, report.value, open_end, (), deadline=Deadline(LAST))
    return (None, grounds.against[0]) if grounds.against else (bound, "")


def better(sense: int, before: Answer, after: Answer | None) -> Answer:
    """Return the later answer unless it has no point, or is worse in value and bound."""
    if after is None:
        return before
    after = replace(after, seconds=before.seconds + after.seconds)
    if before.z is None or before.value is None or before.bound is None:
        return after
    if after.z is None or after.value is None or after.bound is None or not after.proved:
        return before
    return after if abs(after.value - after.bound) < abs(before.value - before.bound) else before
