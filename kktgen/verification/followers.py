"""Re-solve every follower at the parameters of a point and compare its cost with the point's response.

The rows are elastic, each by the candidate's own violation: an inequality's side is moved to the candidate's
value where that lies beyond it, an equation's side to the candidate's value. So the candidate is feasible, a
response that is 1e-9 outside never makes the follower infeasible, and ``f* <= f(y)`` must hold.

With y* the re-solved response, d = y - y* and g = P (y + y*) / 2 + q, the cost above the optimum is ``g'd``. It is held
against the size of the whole cost. Where the cost truly falls along the variables that moved,
M = {j : |d_j| > 1e-6 max(1, |y_j|)}, which is no tie: ``sum_M g_j d_j > 3e-6 sum_M |d_j|``, it is also held against the
size of their terms alone: beside a cost of 50 000, a response that is wrong in a variable worth 0.01 is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from ..deadline import NEVER, Deadline
from ..errors import SolverError
from ..executors import each
from ..numerics.answers import Answer
from ..numerics.programs import Program
from ..problem.qp import QP
from ..reformulate.scale import Scaled
from .report import Line
from .residuals import line

CHUNK = 16
"""Followers a worker gets at a time."""
MOVED = 1e-6
"""A variable that differs by more than this, over ``max(1, |y_j|)``, is not the re-solved one."""
SLOPE = 3e-6
"""Slope of a follower's cost from a response to the re-solved one up to which they count as a tie."""
LATE = "not re-solved: the time was over before"
"""Trouble of a response that nobody had time to judge."""


@dataclass(frozen=True, eq=False)
class FollowerAtPoint:
    """One follower at fixed parameters, its rows elastic, and the response y to judge."""

    program: Program
    y: np.ndarray

    @classmethod
    def of(cls, qp: QP, z: np.ndarray) -> FollowerAtPoint:
        """Return the elastic problem of a follower at the point z."""
        y = z[qp.y]
        return cls(qp.at(z[qp.x], elastic=y), y)


@dataclass(frozen=True, eq=False)
class Resolved:
    """Scaled cost of a response above the optimum, what went wrong if anything did, and the optimal response.

    ``moved`` says which variables are not those of the optimal response, where that is no tie.
    """

    gap: float
    trouble: str = ""
    y: np.ndarray | None = None
    moved: np.ndarray | None = None


def solve(job: FollowerAtPoint, deadline: Deadline = NEVER) -> Resolved:
    """Return ``|f(y) - f*|`` over ``max(1, |f|, sum_j |q_j y_j|, 1/2 y'Py)``; inf when there is no optimum.

    It is the same of the variables that moved, over the size of their terms, where that is more and no tie.
    """
    program, y = job.program, job.y
    if len(y) == 0:
        return Resolved(0.0)
    square, terms = 0.5 * y @ (program.P @ y), program.q * y
    cost = float(square + terms.sum())
    try:
        answer = program.solve(deadline)
        if answer.x is None:
            answer = _scaled(program, deadline)
    except SolverError as error:
        return Resolved(np.inf, f"not re-solved: {error}")
    if answer.x is None:
        why = {
            "unbounded": "the follower is unbounded at these parameters",
            "infeasible": "the follower is infeasible at these parameters",
            "limit": LATE,
        }
        return Resolved(np.inf, why.get(answer.status, f"not re-solved: the solver stopped with {answer.ending}"))
    loss = cost - answer.value
    gap = loss / max(1.0, abs(cost), float(np.abs(terms).sum()), abs(float(square)))
    trouble = "the re-solve stopped above the response it judges" if gap < 0 else ""
    own, moved = _moved(job, answer.x, loss)
    return Resolved(max(abs(float(gap)), own), trouble, answer.x, moved)


def _moved(job: FollowerAtPoint, best: np.ndarray, loss: float) -> tuple[float, np.ndarray | None]:
    """Return what the variables that moved lose, over the size of their terms, and which they are; none in a tie."""
    P, q, y = job.program.P, job.program.q, job.y
    d, curved = y - best, 0.5 * (P @ (y + best))
    moved = np.abs(d) > MOVED * np.maximum(1.0, np.abs(y))
    own = min(loss, float(((curved + q) * d)[moved].sum()))
    if not own > SLOPE * float(np.abs(d[moved]).sum()):
        return 0.0, None
    terms = float(((np.abs(curved) + np.abs(q)) * np.maximum(np.abs(y), np.abs(best)))[moved].sum())
    return own / terms, moved


def _scaled(program: Program, deadline: Deadline) -> Answer:
    """Return the optimum by way of ``y = size v`` and a cost of size 1: solvers' tolerances are absolute."""
    sides = np.abs(np.concatenate([program.lo, program.hi]))
    size = max(1.0, sides[np.isfinite(sides)].max(initial=0.0))
    P, q = program.P * size**2, program.q * size
    unit = max(1.0, np.abs(q).max(initial=0.0), np.abs(P.data).max(initial=0.0))
    answer = program.in_size(size, unit).solve(deadline)
    if answer.x is None:
        return answer
    y = answer.x * size
    return replace(answer, x=y, value=float(0.5 * y @ (program.P @ y) + program.q @ y))


def solve_all(jobs: Sequence[FollowerAtPoint], deadline: Deadline = NEVER) -> list[Resolved]:
    """Return the outcomes of several jobs; of those not reached in time, that they were not."""
    return [Resolved(np.inf, LATE) if deadline.over else solve(job, deadline) for job in jobs]


def resolved(view: Scaled, z: np.ndarray, executor: Executor | None, deadline: Deadline = NEVER) -> list[Resolved]:
    """Return for every follower what became of its response at a point z (n,) in the user's units.

    Nobody responds in complementarity said directly: its residuals alone judge it.

    Raises
    ------
    ProblemError
        The executor takes no work.
    """
    kkt = view.model.kkt
    assert kkt is not None
    scaled_z = view.point(z)
    asked = np.flatnonzero(~kkt.conditions).tolist()
    jobs = [FollowerAtPoint.of(kkt.qp(k, scaled_z), scaled_z) for k in asked]
    out = [Resolved(0.0)] * len(kkt.followers)
    chunks = [jobs[k : k + CHUNK] for k in range(0, len(jobs), CHUNK)]
    parts = zip(chunks, each(solve_all, chunks, executor, deadline), strict=True)
    late = Resolved(np.inf, LATE)
    found = [outcome for chunk, part in parts for outcome in ([late] * len(chunk) if part is None else part)]
    for k, outcome in zip(asked, found, strict=True):
        out[k] = outcome
    return out


def response_lines(view: Scaled, z: np.ndarray, outcomes: Sequence[Resolved], tolerance: float) -> list[Line]:
    """Return for every follower the line ``follower gap``: its response against its re-solved optimum."""
    kkt = view.model.kkt
    assert kkt is not None
    return [
        line("follower gap", outcome.gap, tolerance, _where(outcome, tolerance, view, kkt.systems[k].y, z), name)
        for k, (name, outcome) in enumerate(zip(kkt.followers, outcomes, strict=True))
    ]


def _where(outcome: Resolved, tolerance: float, view: Scaled, y: np.ndarray, z: np.ndarray) -> str:
    """Return, for a response that is not optimal, the trouble or the variable farthest from an optimal response."""
    if outcome.gap <= tolerance or outcome.trouble or outcome.y is None:
        return outcome.trouble if outcome.gap > tolerance else ""
    at = int(np.argmax(np.abs(outcome.y - view.point(z)[y])))
    column = y[at]
    return (
        f"{view.model.space.label(column)}: {z[column]:.6g}, re-solved {outcome.y[at] * view.columns[column] + 0.0:.6g}"
    )
