"""The pessimistic optimum, proved or between a decision and a bound, and rows for every response in one call.

* A **bound**: of the exact problem (:mod:`kktgen.recipes.pessimistic`), of the relaxation over ties that no price can
  break, or of the optimistic problem, which no pessimistic value beats.
* A **point**: a decision of these problems, or of :func:`kktgen.robust` near one of them, at which every response
  satisfies the leader's rows. Its value is that of its worst tie, re-solved, whatever a model said of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ...deadline import Deadline
from ...errors import BoundError, ProblemError, SolverError, UnsupportedError
from ...model.own_units import objective_size
from ...model.shared import shared_kkt
from ...problem.bilevel import Bilevel
from ...problem.expressions import Quad
from ...solvers.driving.checks import interrupted
from ...verification.refutation import gap
from ...verification.report import Report
from ...verification.verify import verify, with_range
from ..part_answer import proved_bound
from ..robust import robust
from . import with_worst
from .conclusion import concluded
from .reading import Reading, read
from .twin import part_of

if TYPE_CHECKING:
    from ..pipeline import Result

Solve = Callable[[Bilevel, float | None, bool], "Result"]
"""Solves a problem as it stands, within seconds; whether it is the first one."""
FIRST, FIRST_ALONE, SECOND = 0.3, 0.6, 0.7
"""Shares of the time that the optimistic problem takes where another one is solved after it, and where none is; of what
is left then, the share of that other one."""
PENALTIES = (1e3, 3e4)
"""Prices of a follower's loss, over the leader's largest coefficient by the follower's, where ties are penalised."""
TIMES, LEAST = 3.0, 5.0
"""A problem with a penalty, which proves nothing, gets so many times the seconds of the bound's, and these besides."""
CLOSED = 1e-4
"""Relative gap at which nothing is left to look for."""
EXACT = "the bound is that of the pessimistic problem itself, in which worst responses are further followers"
ROWS_EXACT = "the bound is that of the problem in which worst responses in rows are further followers"
RELAXED = "the bound is that of ties that no price can break, a relaxation of the pessimistic problem"
OPTIMISTIC = "the bound is that of the optimistic problem, which no pessimistic value beats"
ROWS_OPTIMISTIC = "the bound is that of the problem with rows for one response, a relaxation"


@dataclass(frozen=True, eq=False)
class Point:
    """A decision at which every response satisfies the leader's rows: its value, a worst point of it, its report."""

    value: float
    z: np.ndarray
    report: Report
    origin: str


def answered(
    bilevel: Bilevel, solve: Solve, objective: bool, time_limit: float | None, ranged: bool = False
) -> Result:  # fmt: skip
    """Return the answer to a problem whose rows, and objective if so asked, are read for every response.

    Parameters
    ----------
    bilevel : Bilevel
    solve : callable
        Solves a problem without rows for every response, optimistically.
    objective : bool
        Whether the objective is the worst one, and every row of the leader is for every response.
    time_limit : float or None
        Seconds for everything.
    ranged : bool
        Also give the range at the point found; with the worst objective it is there anyway.

    Raises
    ------
    UnsupportedError
        There is no worst response, or the ties at a point are no polyhedron on which the leader's problem is linear.
    """
    hunt = Hunt(bilevel, solve, objective, Deadline(time_limit))
    try:
        hunt.run()
    except KeyboardInterrupt:
        hunt.deadline.stop()
    if hunt.optimistic is None:
        raise KeyboardInterrupt
    found = concluded(hunt)
    if not ranged or objective or hunt.point is None:
        return found
    report = with_range(bilevel, found.report, hunt.point.z, hunt.deadline.last())
    return replace(found, report=report)


@dataclass(eq=False)
class Hunt:
    """What is known of the answer so far."""

    bilevel: Bilevel
    solve: Solve
    objective: bool
    deadline: Deadline
    optimistic: Result | None = None
    problem: Bilevel | None = None
    solved: Result | None = None
    point: Point | None = None
    bound: float | None = None
    rests: list[str] = field(default_factory=list)
    against: list[str] = field(default_factory=list)
    refused: str = ""
    unit: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reading: Reading = read(self.bilevel)
        self.model = shared_kkt(self.reading.bilevel)
        self.sense = self.model.sense

    @property
    def alone(self) -> bool:
        """Whether the optimistic problem is the only one there is."""
        return bool(self.reading.trouble)

    @property
    def exact(self) -> bool:
        """Whether there is a problem whose optimum is the one asked for."""
        return not (self.reading.trouble or self.reading.price)

    @property
    def closed(self) -> bool:
        """Whether point and bound meet."""
        return self._distance() <= CLOSED

    def size(self, point: Point) -> float:
        """Return what counts as 1 in the objective: at a point, or at that of the bound, where it counts for more."""
        return max(objective_size(self.model, point.z), self.unit)

    def _distance(self) -> float:
        if self.point is None or self.bound is None:
            return np.inf
        return gap(self.point.value, self.bound, self.size(self.point))

    def run(self) -> None:
        """Look for a bound and a point, the cheap ones first."""
        self.optimistic = self._solve("optimistic", self.reading.bilevel, FIRST_ALONE if self.alone else FIRST)
        self._bounded(self.optimistic, OPTIMISTIC if self.objective else ROWS_OPTIMISTIC)
        self._tried(self.optimistic.solution.z, "the optimistic decision")
        if self.closed or self.optimistic.report.claim == "infeasible" or interrupted(self.optimistic.solution):
            return
        if not (self.alone or self.deadline.over):
            self._further()
        if self.solved is not None and interrupted(self.solved.solution):
            return
        for name, found in (("the optimistic decision", self.optimistic), ("the decision of the bound", self.solved)):
            if self.closed or found is None or found.solution.z is None or self.deadline.over:
                continue
            self._nearby(found, name)
        for price in PENALTIES:
            if not (self.closed or self.exact or self.alone or self.deadline.over):
                self._penalised(price)

    def _further(self) -> None:
        """Solve the problem with worst responses, exact or relaxed."""
        try:
            problem = with_worst(self.bilevel, self.reading, self.objective)
            self.solved = self._solve("pessimistic", problem, SECOND)
        except (BoundError, SolverError, UnsupportedError) as error:
            self.refused = str(error)
            return
        self.problem = problem
        priced = bool(self.reading.price)
        said = RELAXED if priced else EXACT if self.objective else ROWS_EXACT
        self._bounded(self.solved, said)
        self._tried(self.solved.solution.z, "the decision of the bound" if priced else "the optimal decision")

    def _penalised(self, price: float) -> None:
        """Try the decision of the problem in which whatever a response costs its follower too much has a high price."""
        loose, goal = self.reading.loose, self.reading.bilevel.objective
        sizes = [_size(goal, loose)] + [
            _size(f.cost, loose) for f in self.reading.bilevel.followers if f.cost is not None
        ]
        penalty = price * max(sizes[0], 1e-6) / max(max(sizes[1:], default=1.0), 1e-6)
        try:
            problem = with_worst(self.bilevel, self.reading, self.objective, penalty)
            most = TIMES * self.seconds.get("pessimistic", 0.0) + LEAST
            found = self._solve("penalty", problem, SECOND, most)
        except (BoundError, SolverError, UnsupportedError):
            return
        self._tried(found.solution.z, "a decision at which followers pay dearly for what harms the leader")

    def _solve(self, stage: str, problem: Bilevel, share: float, most: float = np.inf) -> Result:
        """Solve a problem within a share of the time that is left, at most so many seconds; no limit without any."""
        begun, left = self.deadline.spent, self.deadline.left()
        limit = min(np.inf if left is None else share * left, most)
        found = self.solve(problem, limit if np.isfinite(limit) else None, self.optimistic is None)
        self.seconds[stage] = self.seconds.get(stage, 0.0) + self.deadline.spent - begun
        return found

    def _bounded(self, found: Result, said: str) -> None:
        """Take the bound of a relaxation where it is proved, and better than the one there is."""
        bound, why = proved_bound(found)
        self.refused = why or self.refused
        if bound is None or (self.bound is not None and self.sense * (bound - self.bound) <= 0):
            return
        self.unit = found.report.size
        self.bound, self.rests = bound, [said, *found.report.reasons] if found.report.claim == "optimal" else [said]

    def _tried(self, z: np.ndarray | None, origin: str) -> None:
        """Take a decision where every response satisfies the rows and its value is better than the one there is."""
        if z is None:
            self.against = self.against or [f"{origin}: {self._ended()}"]
            return
        begun = self.deadline.spent
        made = self._examined(z[: self.model.n], origin)
        self.seconds["verify"] = self.seconds.get("verify", 0.0) + self.deadline.spent - begun
        if made is not None and (self.point is None or self.sense * (made.value - self.point.value) < 0):
            self.point = made

    def _ended(self) -> str:
        """Return how the last solve ended, in words."""
        last = self.solved or self.optimistic
        return "" if last is None else next(iter(last.report.reasons), f"status {last.solution.status!r}")

    def _examined(self, z: np.ndarray, origin: str) -> Point | None:
        """Return a decision with its worst value, None where it has none that counts."""
        report = verify(self.bilevel, z, range=self.objective, time_limit=self.deadline.last().left())
        if not report.ok:
            self.against = [f"{origin}: {report.reasons[0]}"]
            return None
        if not self.objective:
            assert report.value is not None
            return Point(report.value, z, report, origin)
        ties = report.range
        if ties is None:
            self.against = [f"{origin}: {report.reasons[-1]}"]
            return None
        if ties.note or ties.ties_feasible is not True or not np.isfinite(ties.worst) or ties.worst_point is None:
            broken = f"a tie violates {ties.row or 'the rows'} by {ties.violation:.3g}"
            unknown = "not known whether every tie satisfies the rows"
            why = {True: ties.note or "ties have no worst value", None: unknown}.get(ties.ties_feasible, broken)
            self.against = [f"{origin}: {why}"]
            return None
        again = verify(self.bilevel, ties.worst_point, time_limit=self.deadline.last().left())
        if again.ok:
            return Point(ties.worst, ties.worst_point, replace(again, range=ties, size=report.size), origin)
        return Point(ties.worst, ties.worst_point, report, origin)

    def _nearby(self, found: Result, origin: str) -> None:
        """Look for a decision near another one at which ties are settled."""
        begun, z = self.deadline.spent, found.solution.z
        assert z is not None
        try:
            near = robust(self.reading.bilevel, z[: self.model.n], time_limit=self.deadline.before("verify").left())
        except (UnsupportedError, ProblemError, SolverError):
            return
        self.seconds["robust"] = self.seconds.get("robust", 0.0) + self.deadline.spent - begun
        if near.margin:
            self._tried(near.solution.z, f"a decision near {origin}, moved by at most {near.margin:.0e}")


def _size(quad: Quad, loose: np.ndarray) -> float:
    """Return the largest coefficient of an expression on loose columns."""
    part = part_of(quad, loose)
    return float(np.abs(np.concatenate([part.v, part.linear.data])).max(initial=0.0))
