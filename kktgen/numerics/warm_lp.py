"""LPs by HiGHS, kept warm from objective to objective."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import highspy
import numpy as np

from ..deadline import NEVER, Deadline
from ..errors import SolverError
from .answers import Answer, ended, told
from .quiet_highs import pass_model, quiet, run
from .sparse import Csr
from .timed import highs_within

_STATUS = {
    highspy.HighsModelStatus.kOptimal: "optimal",
    highspy.HighsModelStatus.kModelEmpty: "optimal",
    highspy.HighsModelStatus.kInfeasible: "infeasible",
    highspy.HighsModelStatus.kUnbounded: "unbounded",
    highspy.HighsModelStatus.kUnboundedOrInfeasible: "infeasible_or_unbounded",
    highspy.HighsModelStatus.kTimeLimit: "limit",
    highspy.HighsModelStatus.kIterationLimit: "limit",
}
PRIMAL = 4
"""The primal method among HiGHS's ``simplex_strategy``."""


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


def _answer(highs: Any, words: str, point: bool = True) -> Answer:
    status = _STATUS.get(highs.getModelStatus(), "error")
    if status != "optimal":
        own = highs.modelStatusToString(highs.getModelStatus())
        return ended(status, f"HiGHS: {words or own}")
    found = highs.getSolution()
    columns = [found.col_value, found.col_dual] if point else [(), ()]
    x, reduced = (np.asarray(values, dtype=float) for values in columns)
    value = float(highs.getInfo().objective_function_value)
    return Answer(status, x if point else None, value, np.asarray(found.row_dual, dtype=float), reduced)


def _proved(highs: Any, answer: Answer) -> Answer:
    """Return the answer, with the ray that proves an LP infeasible where HiGHS has one."""
    if answer.status != "infeasible":
        return answer
    _, known, ray = highs.getDualRay()
    return replace(answer, row_dual=np.array(ray, dtype=float)) if known else answer


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
    primal : bool
        Take the primal simplex method, which goes on from where it is when the objective changes; HiGHS's own choice,
        the dual one, begins anew.
    """

    def __init__(
        self, A: Csr, lo: np.ndarray, hi: np.ndarray, lb: np.ndarray, ub: np.ndarray, deadline: Deadline = NEVER,
        most: float | None = None, primal: bool = False,
    ) -> None:  # fmt: skip
        self.n = A.shape[1]
        self._highs = quiet()
        if primal:
            self._highs.setOptionValue("simplex_strategy", PRIMAL)
        self._deadline, self._most = deadline, most
        self._costed = np.empty(0, dtype=np.int32)
        words = pass_model(self._highs, as_lp(np.zeros(self.n), A, lo, hi, lb, ub))
        if words:
            raise SolverError(
                "HiGHS refused a linear program: a coefficient, bound or side is too large for it (1e15 and beyond), "
                f"NaN, or bounds cross; state the data in larger units (HiGHS: {words})"
            )

    def minimize(self, columns: np.ndarray, costs: np.ndarray, point: bool = True) -> Answer:
        """Solve for the objective ``sum costs_k x[columns_k]``; without a point the row prices are all that is told."""
        highs = self._highs
        if len(self._costed):
            highs.changeColsCost(len(self._costed), self._costed, np.zeros(len(self._costed)))
        self._costed = np.asarray(columns, dtype=np.int32)
        if len(self._costed):
            highs.changeColsCost(len(self._costed), self._costed, np.asarray(costs, dtype=float))
        seconds = self._deadline.left(self._most)
        if seconds == 0.0:
            return ended("limit", "")
        out = _proved(highs, _answer(highs, highs_within(highs, seconds, lambda: run(highs)), point))
        unproved = out.status == "infeasible" and not len(out.row_dual)  # presolve also says so of unbounded LPs
        if unproved or out.status in ("infeasible_or_unbounded", "error"):  # ask once more, cold and without presolve
            highs.clearSolver()
            highs.setOptionValue("presolve", "off")
            listening = out.status == "error"
            left = self._deadline.left(self._most)
            words = highs_within(highs, left, lambda: run(highs, listen=listening))
            out = _proved(highs, _answer(highs, words, point))
            highs.setOptionValue("presolve", "choose")
        return told(out)

    def set_columns(self, columns: np.ndarray, lb: np.ndarray, ub: np.ndarray) -> None:
        """Change column bounds."""
        self._highs.changeColsBounds(
            len(columns), np.asarray(columns, dtype=np.int32), np.asarray(lb, dtype=float), np.asarray(ub, dtype=float)
        )

    def set_row(self, row: int, lo: float, hi: float) -> None:
        """Change one row's sides."""
        self._highs.changeRowBounds(int(row), float(lo), float(hi))

    def set_rows(self, rows: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> None:
        """Change several rows' sides."""
        self._highs.changeRowsBounds(
            len(rows), np.asarray(rows, dtype=np.int32), np.asarray(lo, dtype=float), np.asarray(hi, dtype=float)
        )

    def vertex(self) -> Any:
        """Return where the last solve has ended, None where it has no basis: :meth:`go_to` takes it back there."""
        basis = self._highs.getBasis()
        return basis if basis.valid else None

    def go_to(self, vertex: Any) -> None:
        """Begin the next solve at a vertex, of this LP or of one as large; anywhere if there is none."""
        if vertex is not None:
            self._highs.setBasis(vertex)
