"""A small change of the leader's decision after which followers strictly prefer the response that was meant.

At an optimum followers are often indifferent, and the leader's value rests on their good will. Steps of
:mod:`kktgen.recipes.robust.steps` are tried for several margins; at every decision found the followers respond, the
range is computed again, and the next step also answers the new worst tie. The best worst value is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...deadline import Deadline
from ...errors import ProblemError, UnsupportedError, expect
from ...model.model import Model
from ...model.shared import shared_kkt
from ...model.solution import Solution
from ...numerics.programs import lp
from ...numerics.sparse import Csr, vstack
from ...problem.bilevel import Bilevel
from ...problem.integers import refuse_integers
from ...reformulate.scale import scaled
from ...reformulate.scale.restated import restated
from ...search import Responder
from ...search.recourse import Recourse
from ...solvers import check_arguments
from ...verification.report import Range, Report
from ...verification.ties.face import TIE
from ...verification.ties.leader_game import play
from ...verification.verify import verify
from .steps import settled, tilted

MARGINS = (1e-6, 1e-5, 1e-4)
"""Margins to try below the one given."""
ROUNDS = 3
"""Most worst ties to answer for each margin."""
MOST = 0.99
"""Share of the range above which the ties count as settled in the leader's favour."""
SLACK = 1e-9
"""How far below the best value (relative) the intended tie may be."""
BETTER = 1e-6
"""A worst value that improves by less than this, over ``max(1, |value|)``, does not count as better."""


@dataclass(frozen=True, eq=False)
class Robust:
    """What :func:`robust` returns.

    Parameters
    ----------
    solution : Solution
        The point with the best worst value found: the given one where nothing is better.
    report : Report
        Its verification, with the range.
    before : Range
        The range at the given point.
    margin : float
        Largest change of a leader's variable that was used, in its unit; 0 where nothing helps.
    tried : tuple of (float, float, float)
        Margin, best and worst value of every decision that was looked at.
    bound : float or None
        The bound of the given solution where it was claimed optimal: no worst value of any decision beats it.
    """

    solution: Solution
    report: Report
    before: Range
    margin: float
    tried: tuple[tuple[float, float, float], ...]
    bound: float | None = None

    @property
    def bracket(self) -> tuple[float, float] | None:
        """Between which values the pessimistic optimum lies: the worst value kept, and the bound; None if not known."""
        ties = self.range
        if self.bound is None or ties.note or ties.ties_feasible is not True or not np.isfinite(ties.worst):
            return None
        return min(ties.worst, self.bound), max(ties.worst, self.bound)

    @property
    def range(self) -> Range:
        """The range at the point kept."""
        assert self.report.range is not None
        return self.report.range

    @property
    def price(self) -> float:
        """What the leader gives up against the best value of the given point, to have its worst value for sure."""
        return abs(self.before.best - self.range.worst)

    @property
    def recovered(self) -> float:
        """Share of the given range by which the worst value has risen, 0 to 1; 1 where there was no range."""
        return abs(self.range.worst - self.before.worst) / self.before.width if self.before.width > 0 else 1.0

    def __str__(self) -> str:
        if self.bracket is None:
            return "\n".join(self._told())
        low, high = self.bracket
        return "\n".join([*self._told(), f"the pessimistic optimum lies in [{low:.10g}, {high:.10g}]"])

    def _told(self) -> list[str]:
        """Return what changed, in words."""
        before, after = self.before, self.range
        out = [f"given    best {before.best:.10g}, worst {before.worst:.10g}"]
        if before.width <= BETTER * max(self.report.size, abs(before.best)):
            return [*out, "the response is settled as it is: no change is needed"]
        if not self.margin:
            return [*out, "no small change helps: none that was tried has a better worst value"]
        out.append(f"changed  best {after.best:.10g}, worst {after.worst:.10g}, by at most {self.margin:.0e}")
        out.append(f"price of robustness {self.price:.6g}: {100 * self.recovered:.4g} % of the range is recovered")
        if self.recovered < MOST:
            out.append("no small change that was tried makes the followers strictly prefer what was meant")
        return out


def robust(bilevel: Bilevel, solution: Any, margin: float = 1e-4, *, time_limit: float | None = None) -> Robust:
    """Look for a decision of the leader nearby whose worst tie is as good as possible.

    A tie is another response that costs its follower the same; which of them the follower takes nobody can say.

    Parameters
    ----------
    bilevel : Bilevel
    solution : Solution or array
        A bilevel-feasible point with the followers' multipliers, such as that of :func:`kktgen.optimize`.
    margin : float
        How far each continuous variable of the leader that a follower sees may move, in its unit (1 in problems of
        ordinary numbers, see :mod:`kktgen.reformulate.scale`); smaller margins are tried too.
    time_limit : float, optional
        Seconds; the best decision found by then counts.

    Returns
    -------
    Robust
        The solution kept, its report with the range, the range before, and the price of robustness. It is a
        heuristic: that nothing was found is no proof.

    Raises
    ------
    ProblemError
        The margin is not positive, the point fails verification or has no multipliers.
    UnsupportedError
        The range at the point cannot be computed.

    See Also
    --------
    kktgen.verify : With ``range=True``, what the ties are worth at one decision.
    kktgen.optimize : With ``pessimistic=True``, the best worst value there is, proved or with a bound.

    Examples
    --------
    At the toll 2 the driver may as well take the detour, and the leader would get nothing. A little less settles it.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> result = kg.robust(m, kg.optimize(m).solution)
    >>> print(f"{result.before.best:.3f} {result.before.worst:.3f}")
    2.000 0.000
    >>> print(f"{result.range.best:.3f} {result.range.worst:.3f} {result.recovered:.2f}")
    2.000 2.000 1.00

    However drivers break ties, so much is sure, and no toll is worth more than 2.

    >>> print(str(result).splitlines()[-1])
    the pessimistic optimum lies in [1.999999, 2]
    """
    if not isinstance(margin, int | float) or not 0 < margin < np.inf:
        raise ProblemError(f"robust: margin is {margin!r}; give a positive number")
    check_arguments(time_limit, None)
    expect(bilevel, Bilevel, "robust")
    refuse_integers(bilevel, "robust")
    deadline, model = Deadline(time_limit), shared_kkt(bilevel)
    if model.units is None:
        return _robust(bilevel, solution, float(margin), deadline)
    view, given = scaled(model), verify(bilevel, solution, range=True, time_limit=deadline.left())
    before, z = _usable(given), np.array(solution.z if isinstance(solution, Solution) else solution, dtype=float)
    own = _robust(restated(bilevel, model.units), view.point(z[: model.n]), float(margin), deadline)
    tried = tuple((step, best * view.objective, worst * view.objective) for step, best, worst in own.tried)
    if not own.margin or own.solution.z is None:
        point = solution if isinstance(solution, Solution) else _heuristic(model, z[: model.n], "given point", 0.0)
        return Robust(point, given, before, 0.0, tried, _bound(given))
    point = _heuristic(model, view.back(own.solution.z[: model.n]), "kktgen.robust", deadline.spent)
    report = verify(bilevel, point, range=True, time_limit=deadline.last().left())
    return Robust(point, report, before, own.margin, tried, _bound(given))


def _robust(bilevel: Bilevel, solution: Any, margin: float, deadline: Deadline) -> Robust:
    """Look for the decision in a problem whose numbers are of order one."""
    hunt = _Nearby(bilevel, solution, deadline)
    before, model = hunt.before, hunt.model
    if before.width > BETTER * max(1.0, abs(before.best)):
        margins = sorted({margin, *(m for m in MARGINS if m < margin)})
        for move in (settled, tilted):
            for step in margins:
                if deadline.over or hunt.series(move, step):  # larger steps only cost more
                    break
    if not hunt.margin:
        point = solution if isinstance(solution, Solution) else _heuristic(model, hunt.z, "given point", 0.0)
        return Robust(point, hunt.report, before, 0.0, tuple(hunt.tried), hunt.bound)
    point = _heuristic(model, hunt.best, "kktgen.robust", deadline.spent)
    report = replace(verify(bilevel, point, time_limit=deadline.last().left()), range=hunt.report.range)
    return Robust(point, report, before, hunt.margin, tuple(hunt.tried), hunt.bound)


def _bound(given: Report) -> float | None:
    """Return the bound of an optimum, None where no optimum was claimed."""
    return given.bound if given.claim == "optimal" else None


def _heuristic(model: Model, z: np.ndarray, solver: str, seconds: float) -> Solution:
    return Solution("heuristic", model.value(z), None, z, seconds, solver, model)


class _Nearby:
    """The best decision found so far, by its worst tie."""

    def __init__(self, bilevel: Bilevel, solution: Any, deadline: Deadline) -> None:
        self.bilevel, self.model, self.deadline = bilevel, shared_kkt(bilevel), deadline
        self.report = verify(bilevel, solution, range=True, time_limit=deadline.left())
        self.before, self.bound = _usable(self.report), _bound(self.report)
        given = solution.z if isinstance(solution, Solution) else solution
        self.z = np.array(given, dtype=float)[: self.model.n]
        self.best = self._intended = _intended(self.model, self.z, self.before, deadline)
        self._respond = _Respond(bilevel, self.model, deadline)
        self._worst = self.before.worst
        self.margin = 0.0
        self.tried: list[tuple[float, float, float]] = []

    def series(self, move: Callable[..., np.ndarray | None], step: float) -> bool:
        """Answer one worst tie after the other by moves of one kind and size; return whether no tie is left."""
        rivals = [] if self.before.worst_point is None else [self.before.worst_point]
        last = self.before.worst
        for _ in range(ROUNDS if rivals else 0):
            moved = move(self.model, self._intended, rivals, step, self.deadline)
            if move is tilted and moved is not None:
                moved = self._respond(moved)
            found = None if moved is None else verify(self.bilevel, moved, range=True, time_limit=self.deadline.left())
            if found is None or not found.ok or found.range is None:
                return False
            reach = found.range
            self.tried.append((step, reach.best, reach.worst))
            if self._better(reach.worst, self._worst) and reach.best_point is not None:
                self.report, self.margin, self.best, self._worst = found, step, reach.best_point, reach.worst
            if reach.worst_point is None or not reach.carriers:
                return not reach.carriers
            if not self._better(reach.worst, last):
                return False
            last = reach.worst
            rivals.append(reach.worst_point)
        return False

    def _better(self, new: float, old: float) -> bool:
        return self.model.sense * (old - new) > BETTER * max(1.0, abs(old))


class _Respond:
    """Followers' responses and the leader's recourse at decisions of the leader."""

    def __init__(self, bilevel: Bilevel, model: Model, deadline: Deadline) -> None:
        self._responder, self._deadline = Responder(bilevel), deadline
        self._recourse = Recourse(model, self._responder.parameters)

    def __call__(self, z: np.ndarray) -> np.ndarray | None:
        found = self._responder(z, deadline=self._deadline)
        return None if found is None else self._recourse(found, self._deadline)[1]


def _usable(report: Report) -> Range:
    """Return the range of a report, or say why there is none."""
    if not report.ok:
        raise ProblemError(f"robust: the point fails verification ({'; '.join(report.reasons)})")
    absent = [line.name for line in report.lines if not line.counts and not line.ok and line.follower]
    if absent:
        raise ProblemError(
            f"robust: the followers' multipliers at the point do not hold ({absent[0]}); give all columns"
        )
    if report.range is None:
        raise UnsupportedError(f"robust: {report.reasons[-1]}")
    return report.range


def _intended(model: Model, z: np.ndarray, before: Range, deadline: Deadline) -> np.ndarray:
    """Return a best tie as far from the worst one as can be, so that it lies at an end of the optimal face.

    Among the ties of best value the one that goes farthest in the direction from the worst tie to the best one.
    """
    best, worst = before.best_point, before.worst_point
    if best is None or worst is None:
        return z
    game = play(model, z, deadline)
    whole, columns, k = game.whole, game.columns, len(game.face.columns)
    away = np.zeros(len(columns))
    away[:k] = (best - worst)[game.face.columns]
    away = np.where(np.abs(away) > TIE, np.sign(away), 0.0)
    value = float(game.cost @ best[columns])
    A = vstack([whole.A, Csr(game.cost[None, :])], len(columns))
    lo, hi = np.append(whole.lo, -np.inf), np.append(whole.hi, value + SLACK * max(1.0, abs(value)))
    lb, ub = (np.where(game.integer, best[columns], side) for side in (whole.lb, whole.ub))
    answer = lp(-away, A, lo, hi, lb, ub, deadline)
    if answer.x is None:
        return best
    out = best.copy()
    out[columns] = answer.x
    return out
