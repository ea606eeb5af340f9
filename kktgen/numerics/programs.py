"""LPs (HiGHS) and convex QPs (Clarabel) on plain arrays: bounds, heuristics and verification stand on it.

::

    min  1/2 x'P x + q'x   s.t.  lo <= A x <= hi,  lb <= x <= ub

Every one gets the time its deadline leaves; where that is nothing, it ends with ``limit`` before it begins. Those that
may take long work in the background, so that Ctrl-C stops them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import clarabel
import highspy
import numpy as np
import scipy.sparse as sp

from ..deadline import NEVER, Deadline
from ..errors import SolverError
from .quiet_highs import pass_model, quiet, run
from .sparse import Csr
from .timed import clarabel_within, highs_within

FAR = 1e9
"""A bound or side of this size and beyond is out of reach: sums with it lose the digits tolerances look at."""
APART = 1e5
"""A side so many times the next smaller one (1 at least) costs an interior-point method its accuracy."""


def within_reach(lo: np.ndarray, hi: np.ndarray, reach: float = FAR) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper sides, -inf and inf in place of those that are ``reach`` or more from zero."""
    return np.where(np.abs(lo) < reach, lo, -np.inf), np.where(np.abs(hi) < reach, hi, np.inf)


@dataclass(frozen=True, eq=False)
class Answer:
    """The outcome of one LP or QP.

    Parameters
    ----------
    status : str
        ``optimal``, ``infeasible``, ``unbounded``, ``limit`` or ``error``.
    x : ndarray (n,) or None
    value : float
        Objective; inf when infeasible, -inf when unbounded, nan otherwise without an optimum.
    row_dual, col_dual : ndarray
        d(value)/d(right-hand side) and reduced costs; empty without an optimum. Of an infeasible LP, row_dual is the
        ray of row prices that proves it, where HiGHS has one.
    words : str
        Of the status ``error``: what the solver says itself.
    """

    status: str
    x: np.ndarray | None
    value: float
    row_dual: np.ndarray
    col_dual: np.ndarray
    words: str = ""

    @property
    def ending(self) -> str:
        """The status as messages say it, with the solver's own words."""
        return f"{self.status!r}" + (f" ({self.words})" if self.words else "")


_STATUS = {
    highspy.HighsModelStatus.kOptimal: "optimal",
    highspy.HighsModelStatus.kModelEmpty: "optimal",
    highspy.HighsModelStatus.kInfeasible: "infeasible",
    highspy.HighsModelStatus.kUnbounded: "unbounded",
    highspy.HighsModelStatus.kUnboundedOrInfeasible: "infeasible_or_unbounded",
    highspy.HighsModelStatus.kTimeLimit: "limit",
    highspy.HighsModelStatus.kIterationLimit: "limit",
}


_LISTENING: ContextVar[tuple[list[str], ...]] = ContextVar("listening", default=())

_CLARABEL = {
    "Solved": "optimal",
    "AlmostSolved": "optimal",
    "PrimalInfeasible": "infeasible",
    "AlmostPrimalInfeasible": "infeasible",
    "DualInfeasible": "unbounded",
    "AlmostDualInfeasible": "unbounded",
    "MaxTime": "limit",
    "MaxIterations": "limit",
}


def as_lp(q: np.ndarray, A: Csr, lo: np.ndarray, hi: np.ndarray, lb: np.ndarray, ub: np.ndarray) -> Any:
    """Return the arrays as a HiGHS LP."""
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(q), len(lo)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = q, lb, ub
    lp.row_lower_, lp.row_upper_ = lo, hi
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.num_col_, lp.a_matrix_.num_row_ = len(q), len(lo)
    lp.a_matrix_.start_ = A.indptr.astype(np.int32)
    lp.a_matrix_.index_ = A.indices.astype(np.int32)
    lp.a_matrix_.value_ = A.data
    return lp


def _ended(status: str, words: str) -> Answer:
    """Return an answer without a point; the words are those of an error."""
    value = {"infeasible": np.inf, "unbounded": -np.inf}.get(status, np.nan)
    if status != "error":
        return Answer(status, None, value, np.empty(0), np.empty(0))
    return Answer(status, None, value, np.empty(0), np.empty(0), words)


@contextmanager
def failures() -> Iterator[list[str]]:
    """Collect the words of every answer of status ``error`` that is given in the meantime."""
    heard: list[str] = []
    token = _LISTENING.set((*_LISTENING.get(), heard))
    try:
        yield heard
    finally:
        _LISTENING.reset(token)


def _told(answer: Answer) -> Answer:
    """Return an answer after those who listen have heard of its failure."""
    for heard in _LISTENING.get() if answer.status == "error" else ():
        heard.append(answer.words)
    return answer


def _answer(highs: Any, words: str) -> Answer:
    status = _STATUS.get(highs.getModelStatus(), "error")
    if status != "optimal":
        own = highs.modelStatusToString(highs.getModelStatus())
        return _ended(status, f"HiGHS: {words or own}")
    point = highs.getSolution()
    return Answer(
        status,
        np.asarray(point.col_value, dtype=float),
        float(highs.getInfo().objective_function_value),
        np.asarray(point.row_dual, dtype=float),
        np.asarray(point.col_dual, dtype=float),
    )


def _proved(highs: Any, answer: Answer) -> Answer:
    """Return the answer, with the ray that proves an LP infeasible where HiGHS has one."""
    if answer.status != "infeasible":
        return answer
    _, known, ray = highs.getDualRay()
    return replace(answer, row_dual=np.array(ray, dtype=float)) if known else answer


def lp(
    q: np.ndarray,
    A: Csr,
    lo: np.ndarray,
    hi: np.ndarray,
    lb: np.ndarray,
    ub: np.ndarray,
    deadline: Deadline = NEVER,
) -> Answer:
    """Solve ``min q'x  s.t.  lo <= A x <= hi, lb <= x <= ub``."""
    return WarmLp(A, lo, hi, lb, ub, deadline).minimize(np.arange(len(q)), q)


def qp(
    P: Csr, q: np.ndarray, A: Csr, lo: np.ndarray, hi: np.ndarray, lb: np.ndarray, ub: np.ndarray,
    deadline: Deadline = NEVER,
) -> Answer:  # fmt: skip
    """Solve ``min 1/2 x'P x + q'x  s.t.  lo <= A x <= hi, lb <= x <= ub`` for P positive semidefinite.

    An LP (HiGHS) when P is zero, else the interior-point method of Clarabel, which stays reliable when P is
    singular and tells infeasible and unbounded problems apart. Sides far from all others are left out at first: an
    optimum that satisfies them is the optimum.
    """
    if P.nnz == 0:
        return lp(q, A, lo, hi, lb, ub, deadline)
    reach = _reach(np.abs(np.concatenate([lo, hi, lb, ub])))
    if reach < np.inf:
        near = _interior(P, q, A, *within_reach(lo, hi, reach), *within_reach(lb, ub, reach), deadline)
        if near.status == "infeasible" or (near.x is not None and _inside(near.x, A, lo, hi, lb, ub, reach)):
            return near
    return _interior(P, q, A, lo, hi, lb, ub, deadline)


def _reach(size: np.ndarray) -> float:
    """Return the smallest size of a side that is out of reach; inf where there is none."""
    size = np.sort(np.append(size[np.isfinite(size)], 1.0))
    size = size[size >= 1.0]
    far = np.flatnonzero((size[1:] >= APART * size[:-1]) | (size[1:] >= FAR))
    return float(size[1 + far[0]]) if len(far) else np.inf


def _inside(
    x: np.ndarray, A: Csr, lo: np.ndarray, hi: np.ndarray, lb: np.ndarray, ub: np.ndarray, reach: float
) -> bool:
    """Return whether a point satisfies the sides that are out of reach."""
    return all(
        bool(((value >= low) | (np.abs(low) < reach)).all() and ((value <= high) | (np.abs(high) < reach)).all())
        for value, low, high in ((A @ x, lo, hi), (x, lb, ub))
    )


def _interior(
    P: Csr, q: np.ndarray, A: Csr, lo: np.ndarray, hi: np.ndarray, lb: np.ndarray, ub: np.ndarray,
    deadline: Deadline,
) -> Answer:  # fmt: skip
    """Solve a convex QP by Clarabel."""
    n, m = len(q), len(lo)
    rows = sp.vstack([A, sp.eye_array(n)], format="csr")
    low, high = np.concatenate([lo, lb]), np.concatenate([hi, ub])
    equal = low == high
    up, down = np.isfinite(high) & ~equal, np.isfinite(low) & ~equal
    stacked = sp.vstack([rows[equal], rows[up], -rows[down]], format="csc")
    sides = np.concatenate([low[equal], high[up], -low[down]])
    equations, inequalities = int(equal.sum()), int(up.sum() + down.sum())
    cones = [clarabel.ZeroConeT(equations)] if equations else []
    cones += [clarabel.NonnegativeConeT(inequalities)] if inequalities else []
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-9
    seconds = deadline.left()
    if seconds == 0.0:
        return _ended("limit", "")
    if seconds is not None:
        settings.time_limit = float(seconds)
    try:
        solver = clarabel.DefaultSolver(
            sp.csc_matrix(sp.triu(P)), q.astype(float), sp.csc_matrix(stacked), sides, cones, settings
        )
        found = clarabel_within(solver, P.nnz + stacked.nnz)
    except Exception as error:
        raise SolverError(f"Clarabel refused a quadratic program: {error}") from error
    status = _CLARABEL.get(str(found.status), "error")
    if status != "optimal":
        return _told(_ended(status, f"Clarabel: {found.status}"))
    price = np.zeros(n + m)
    multiplier = np.asarray(found.z)
    price[equal] = -multiplier[:equations]
    price[up] -= multiplier[equations : equations + int(up.sum())]
    price[down] += multiplier[equations + int(up.sum()) :]
    return Answer(status, np.asarray(found.x), float(found.obj_val), price[:m], price[m:])


class WarmLp:
    """One LP kept warm: the objective, column and row bounds change from solve to solve.

    Parameters
    ----------
    A, lo, hi, lb, ub
        Rows and bounds.
    deadline : Deadline
        Of all solves together.
    most : float, optional
        Seconds per solve.
    """

    def __init__(
        self, A: Csr, lo: np.ndarray, hi: np.ndarray, lb: np.ndarray, ub: np.ndarray, deadline: Deadline = NEVER,
        most: float | None = None,
    ) -> None:  # fmt: skip
        self.n = A.shape[1]
        self._highs = quiet()
        self._deadline, self._most = deadline, most
        self._costed = np.empty(0, dtype=np.int32)
        words = pass_model(self._highs, as_lp(np.zeros(self.n), A, lo, hi, lb, ub))
        if words:
            raise SolverError(
                "HiGHS refused a linear program: a coefficient, bound or side is too large for it (1e15 and beyond), "
                f"NaN, or bounds cross; state the data in larger units (HiGHS: {words})"
            )

    def minimize(self, columns: np.ndarray, costs: np.ndarray) -> Answer:
        """Solve for the objective ``sum costs_k x[columns_k]``."""
        highs = self._highs
        if len(self._costed):
            highs.changeColsCost(len(self._costed), self._costed, np.zeros(len(self._costed)))
        self._costed = np.asarray(columns, dtype=np.int32)
        if len(self._costed):
            highs.changeColsCost(len(self._costed), self._costed, np.asarray(costs, dtype=float))
        seconds = self._deadline.left(self._most)
        if seconds == 0.0:
            return _ended("limit", "")
        out = _proved(highs, _answer(highs, highs_within(highs, seconds, lambda: run(highs))))
        unproved = out.status == "infeasible" and not len(out.row_dual)  # presolve also says so of unbounded LPs
        if unproved or out.status in ("infeasible_or_unbounded", "error"):  # ask once more, cold and without presolve
            highs.clearSolver()
            highs.setOptionValue("presolve", "off")
            listening = out.status == "error"
            left = self._deadline.left(self._most)
            words = highs_within(highs, left, lambda: run(highs, listen=listening))
            out = _proved(highs, _answer(highs, words))
            highs.setOptionValue("presolve", "choose")
        return _told(out)

    def set_columns(self, columns: np.ndarray, lb: np.ndarray, ub: np.ndarray) -> None:
        """Change column bounds."""
        self._highs.changeColsBounds(
            len(columns), np.asarray(columns, dtype=np.int32), np.asarray(lb, dtype=float), np.asarray(ub, dtype=float)
        )

    def set_row(self, row: int, lo: float, hi: float) -> None:
        """Change one row's sides."""
        self._highs.changeRowBounds(int(row), float(lo), float(hi))
