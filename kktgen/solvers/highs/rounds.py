"""Mixed-integer convex QPs by a solver of mixed-integer LPs: rounds of tangents (outer approximation).

Every round solves the problem with the tangents there are. Its dual bound is a bound of the problem. Its point, and the
optimum of the convex QP with its integers fixed, are candidates, and get tangents. The rounds end when bound and best
candidate meet: the tangents at a QP's optimum prove that nothing better has the same integers.

Reference: Duran & Grossmann, An outer-approximation algorithm for a class of mixed-integer nonlinear programs, Math.
Prog. 36 (1986); Fletcher & Leyffer, Solving mixed integer nonlinear programs by outer approximation, Math. Prog. 66
(1994). That an unbounded relaxation and one integer point make the problem unbounded: Meyer, On the existence of
optimal solutions to integer and mixed-integer programming problems, Math. Prog. 7 (1974), for rational data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...deadline import Deadline
from ...model.model import Model
from ...model.solution import Solution
from ...numerics.programs import lp, qp
from ...numerics.sparse import Csr, vstack
from ..driving.checks import INTERRUPTED, answer, canonical, column_bounds, rounded, sides, violation
from ..driving.watch import Watch, finite
from .run import STATUS, TITLE, TOL, load, run, run_from_start
from .tangents import Tangents

LOOSE = 0.1
"""A round may stop at this share of the gap still open: a proof that new tangents will improve is not worth more."""
TIGHT = 1e-9
"""Feasibility tolerance of HiGHS where its own one leaves a gap."""


def solve_rounds(
    model: Model, highs: Any, started: float, deadline: Deadline, start: Sequence[np.ndarray], watch: Watch
) -> Solution:
    """Solve a model with integers and a convex quadratic objective.

    Parameters
    ----------
    model : Model
    highs : highspy.Highs
        Empty, its options set; ``mip_rel_gap`` and ``mip_abs_gap`` say when the solve is done.
    started : float
        ``time.perf_counter()`` at the beginning.
    deadline : Deadline
        Of all rounds.
    start : sequence of ndarray (n,)
    watch : Watch
    """
    rounds = _Rounds(model, highs, deadline, watch)
    try:
        status, word = rounds.solve(start)
    except KeyboardInterrupt:
        status, word = "time_limit", INTERRUPTED
    raw = {
        "status": word, "rounds": rounds.count, "tangents": len(rounds.tangents), "iterations": rounds.iterations
    }  # fmt: skip
    title = f"{TITLE} {highs.version()}, tangents"
    return answer(model, status, rounds.best, finite(rounds.bound), started, title, rounds.nodes, raw)


class _Rounds:
    """The state of a solve: tangents, the best point, its value and the bound, both minimised.

    Parameters
    ----------
    model : Model
    highs : highspy.Highs
    deadline : Deadline
    watch : Watch
    """

    def __init__(self, model: Model, highs: Any, deadline: Deadline, watch: Watch) -> None:
        self.model, self.highs, self.deadline, self.watch = model, highs, deadline, watch
        self.keep = watch.keep
        self.P, self.q, self.r = model.matrices
        self.whole = model.space.kind != "C"
        self.A, (self.lo, self.hi) = canonical(model.rows.M, model.n), sides(model.rows)
        self.lb, self.ub = column_bounds(model)
        self.tangents = Tangents.none(self.P)
        self.best: np.ndarray | None = None
        self.value, self.bound, self.shown = np.inf, -np.inf, (np.inf, np.empty(0))
        self.count = self.nodes = self.iterations = 0
        self.stopped = self.tight = False
        self._gaps = [highs.getOptionValue(name)[1] for name in ("mip_rel_gap", "mip_abs_gap")]

    # -- what is known ---------------------------------------------------------------------------

    @property
    def error(self) -> BaseException | None:
        """What the user's ``progress`` raised."""
        return self.watch.error

    def due(self) -> bool:
        """Return whether it is time to tell something."""
        return self.watch.due()

    def tell(self, nodes: int, incumbent: float, bound: float) -> bool:
        """Pass on a round's state as that of the whole solve: a round's own incumbent is too good to be true."""
        return self.watch.tell(self.nodes + nodes, self.value, max(self.bound, min(bound, self.value)))

    def target(self) -> float:
        """Return the gap to reach, as HiGHS measures it: relative to the objective, or absolute."""
        relative, absolute = self._gaps
        return float(max(relative * abs(self.value), absolute))

    def done(self) -> bool:
        """Return whether bound and best point meet."""
        return self.best is not None and abs(self.value - self.bound) <= self.target()

    def offer(self, z: np.ndarray | None) -> None:
        """Keep a point when it is feasible and the best so far."""
        if z is None or np.isnan(z).any() or violation(self.model, z) > TOL:
            return
        value = self.model.objective.value(z)
        if value < self.value:
            self.best, self.value = z, value
            self.show(z, value)

    def found(self, new: bool, point: Callable[[], np.ndarray]) -> None:
        """Pass on a point of a round at work where it is better than all before: its cost there is too low."""
        if new:
            z = rounded(np.clip(point()[: self.model.n], self.lb, self.ub), self.model)
            if violation(self.model, z) <= TOL:
                self.show(z, self.model.objective.value(z))
        self.watch.found(False, lambda: self.shown[1])

    def show(self, z: np.ndarray, value: float) -> None:
        """Have a point kept where it is better than all before."""
        if value < self.shown[0]:
            self.shown = value, z
            self.watch.found(True, lambda: z)

    # -- steps -----------------------------------------------------------------------------------

    def solve(self, start: Sequence[np.ndarray]) -> tuple[str, str]:
        """Return status and the reason in words."""
        load(self.model, self.highs, quadratic=False)
        terms = self.tangents.F.shape[0]
        none = np.zeros(0, dtype=np.int32)
        self.highs.addCols(
            terms, np.ones(terms), np.zeros(terms), np.full(terms, np.inf), 0, np.zeros(terms, dtype=np.int32), none,
            np.zeros(0),
        )  # fmt: skip
        complete = [z for z in start if not np.isnan(z).any()]
        for z in complete:
            self.offer(z)
        if self.deadline.over:
            return "time_limit", "Time limit reached"
        relaxed = qp(self.P, self.q, self.A, self.lo, self.hi, self.lb, self.ub, self.deadline)
        if relaxed.x is not None:
            self.add([relaxed.x, *complete])
        else:
            ended = self.without_relaxation(relaxed.status, start)
            if ended is not None:
                return ended
        while True:
            ended = self.round(start)
            if ended is not None:
                return ended

    def add(self, points: list[np.ndarray]) -> bool:
        """Add the tangents at the points; return whether there were any new ones."""
        new = self.tangents.at(points)
        M, lo = new.rows()
        self.highs.addRows(
            len(lo), lo, np.full(len(lo), np.inf), M.nnz, M.indptr[:-1].astype(np.int32), M.indices.astype(np.int32),
            M.data,
        )  # fmt: skip
        self.tangents = self.tangents.joined(new)
        return len(new) > 0

    def run(self, relative: float, absolute: float, start: Sequence[np.ndarray]) -> str:
        """Run HiGHS on the problem as it stands, from the best point, and return its word for the outcome."""
        points = [self.best] if self.best is not None else start
        if len(points):
            z = np.concatenate([points[0], self.tangents.exact(points[0])])
            said = np.flatnonzero(~np.isnan(z))
            self.highs.setSolution(len(said), said.astype(np.int32), z[said])
        self.highs.setOptionValue("mip_rel_gap", relative)
        self.highs.setOptionValue("mip_abs_gap", absolute)
        left = self.deadline.left()
        if left is not None:
            self.highs.setOptionValue("time_limit", self.highs.getRunTime() + left)  # its clock runs on
        self.stopped |= run_from_start(self.highs, self, left) if len(points) else run(self.highs, self)
        info = self.highs.getInfo()
        self.count += 1
        self.nodes += max(0, int(info.mip_node_count))
        self.iterations += max(0, int(info.simplex_iteration_count))
        return str(self.highs.getModelStatus().name)

    def round(self, start: Sequence[np.ndarray]) -> tuple[str, str] | None:
        """Solve with the tangents there are, add those that are missing; return the end when it is one."""
        relative, absolute = self._gaps[0] / 2, self._gaps[1] / 2
        gap = self.value - self.bound
        final = np.isfinite(gap) and LOOSE * gap <= self.target() / 2
        if not final:
            relative, absolute = (relative, LOOSE * gap) if np.isfinite(gap) else (max(relative, LOOSE), absolute)
        word = self.run(relative, absolute, start)
        status, said = STATUS.get(word, "error"), self.highs.modelStatusToString(self.highs.getModelStatus())
        if status == "infeasible":
            return (status, said) if self.best is None else ("error", "the best point is called infeasible")
        if status == "infeasible_or_unbounded" and self.best is None:
            return status, said
        if status not in ("optimal", "time_limit"):
            return self.open(f"{said}, with tangents only")
        self.bound = max(self.bound, self.highs.getInfo().mip_dual_bound)
        z = self.point()
        fixed = None if z is None else self.fixed(z)
        self.offer(fixed)
        self.offer(z)
        new = self.add([p for p in (z, fixed) if p is not None])
        if self.done():
            return "optimal", "Optimal"
        if self.stopped or self.error is not None:
            return "time_limit", INTERRUPTED
        if status == "time_limit" or self.deadline.over:
            return "time_limit", said if status == "time_limit" else "Time limit reached"
        if self.due():
            self.tell(0, self.value, self.bound)
        return self.tighten() if final and not new else None

    def tighten(self) -> tuple[str, str] | None:
        """Have HiGHS hold rows more exactly, after tangents violated within its tolerance kept a round from the end."""
        if self.tight:
            return self.open("the gap left is within the tolerances of the rows")
        self.tight = True
        for name in ("mip_feasibility_tolerance", "primal_feasibility_tolerance"):
            self.highs.setOptionValue(name, TIGHT)
        return None

    def open(self, reason: str) -> tuple[str, str]:
        """Return the end of a solve that proved nothing."""
        return ("error" if self.best is None else "time_limit"), reason

    def point(self) -> np.ndarray | None:
        """Return the point HiGHS found."""
        import highspy

        if self.highs.getInfo().primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return None
        z = np.asarray(self.highs.getSolution().col_value, dtype=float)[: self.model.n]
        return rounded(np.clip(z, self.lb, self.ub), self.model)

    def fixed(self, z: np.ndarray) -> np.ndarray | None:
        """Return the optimum with the integers of z fixed."""
        out = np.where(self.whole, np.round(z), 0.0)
        free = np.flatnonzero(~self.whole)
        side = self.A @ out
        found = qp(
            Csr(self.P[free][:, free]), (self.q + self.P @ out)[free], Csr(self.A[:, free]), self.lo - side,
            self.hi - side, self.lb[free], self.ub[free], self.deadline,
        )  # fmt: skip
        if found.x is None:
            return None
        out[free] = np.clip(found.x, self.lb[free], self.ub[free])
        return out

    def without_relaxation(self, status: str, start: Sequence[np.ndarray]) -> tuple[str, str] | None:
        """Begin from any integer point, the continuous relaxation having no optimum; return the end when it is one."""
        terms = np.arange(self.model.n, dtype=np.int32)
        self.highs.changeColsCost(len(terms), terms, np.zeros(len(terms)))
        word = self.run(self._gaps[0], self._gaps[1], start)
        found, said = STATUS.get(word, "error"), self.highs.modelStatusToString(self.highs.getModelStatus())
        z = self.point()
        if z is None:
            return ("error" if found == "optimal" else found), said
        self.offer(z)
        if status == "unbounded" and self.falls():
            return "unbounded", "the continuous relaxation falls without end, and there is a point with whole integers"
        self.highs.changeColsCost(len(terms), terms, self.q)
        fixed = self.fixed(z)
        self.offer(fixed)
        self.add([p for p in (z, fixed) if p is not None])
        return None

    def falls(self) -> bool:
        """Return whether a direction d keeps every row and bound, with ``F d = 0`` and ``q'd < 0``."""
        F = self.tangents.F
        rows = vstack([self.A, F], self.model.n)
        low = [np.where(np.isfinite(side), 0.0, -np.inf) for side in (self.lo, self.lb)]
        high = [np.where(np.isfinite(side), 0.0, np.inf) for side in (self.hi, self.ub)]
        still = np.zeros(F.shape[0])
        found = lp(
            self.q, rows, np.concatenate([low[0], still]), np.concatenate([high[0], still]), np.maximum(low[1], -1.0),
            np.minimum(high[1], 1.0), self.deadline,
        )  # fmt: skip
        return found.status == "optimal" and found.value < -1e-6 * max(1.0, np.abs(self.q).max(initial=0.0))
