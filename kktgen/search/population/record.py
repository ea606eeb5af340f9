"""What a population search found: the point, its verification, and how the best value came down."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...model.model import Model
from ...model.solution import Solution
from ...problem.bilevel import Bilevel
from ...verification.report import Report

SHOWN = 8
"""Lines of the record that are printed."""


@dataclass(frozen=True, eq=False)
class Record:
    """The best so far: after the first population, and after every iteration.

    Parameters
    ----------
    best : ndarray (k,)
        Leader's objective in the user's sense; nan as long as no decision was feasible.
    violation : ndarray (k,)
        Sum of the scaled residuals of the leader's rows at the best decision.
    evaluations : ndarray (k,)
        Decisions evaluated so far.
    seconds : ndarray (k,)
        Wall time so far.

    See Also
    --------
    hho : Keeps one.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> record = kg.search.hho(m, population=6, iterations=5).record
    >>> len(record.best), bool((record.best[1:] >= record.best[:-1]).all())
    (6, True)
    >>> int(record.evaluations[0])
    6
    """

    best: np.ndarray
    violation: np.ndarray
    evaluations: np.ndarray
    seconds: np.ndarray

    def __len__(self) -> int:
        return len(self.best)

    def __str__(self) -> str:
        state = np.stack([np.nan_to_num(self.best), self.violation])
        change = np.flatnonzero((state[:, 1:] != state[:, :-1]).any(axis=0)) + 1
        told = np.unique(np.concatenate([[0], change, [len(self) - 1]]))
        told = told[np.unique(np.linspace(0, len(told) - 1, min(SHOWN, len(told))).round().astype(int))]
        out = [f"{'iteration':>9}  {'evaluations':>11}  {'seconds':>7}  best"]
        for k in told:
            best = f"infeasible by {self.violation[k]:.3g}" if np.isnan(self.best[k]) else f"{self.best[k]:.6g}"
            out.append(f"{k:>9}  {self.evaluations[k]:>11}  {self.seconds[k]:>7.1f}  {best}")
        return "\n".join(out)


@dataclass(frozen=True, eq=False)
class Search:
    """What :func:`kktgen.search.hho` and :func:`kktgen.search.nchho` return.

    Parameters
    ----------
    bilevel : Bilevel
    method : str
        ``hho`` or ``nchho``.
    solution : Solution
        The best point over all columns of the KKT model: decisions, responses, multipliers; status ``heuristic``, no
        bound.
    report : Report
        Its verification: ``bilevel-feasible`` at most.
    record : Record
    population, iterations, seed : int
        What was asked.
    stopped : str
        ``iterations``, ``time limit`` or ``interrupted``.
    seconds : dict of str to float
        Wall time per stage.

    See Also
    --------
    hho, nchho : Return one.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> found = kg.search.hho(m, population=6, iterations=5)
    >>> found.method, found.stopped, found.bound, found.solution.status
    ('hho', 'iterations', None, 'heuristic')
    >>> found.objective == found.solution.objective, found.evaluations >= 36, found.model.n
    (True, True, 4)
    """

    bilevel: Bilevel
    method: str
    solution: Solution
    report: Report
    record: Record
    population: int
    iterations: int
    seed: int
    stopped: str
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def model(self) -> Model:
        """The KKT model, whose columns the solution has."""
        return self.solution.model

    @property
    def objective(self) -> float | None:
        """Leader's objective at the best point, in the user's sense."""
        return self.solution.objective

    @property
    def bound(self) -> None:
        """No bound: a search proves nothing."""
        return None

    @property
    def evaluations(self) -> int:
        """Decisions evaluated."""
        return int(self.record.evaluations[-1])

    def __str__(self) -> str:
        done = len(self.record) - 1
        asked = f"{done} iterations" if done == self.iterations else f"{done} of {self.iterations} iterations"
        ended = "" if self.stopped == "iterations" else f", ended by {self.stopped}"
        return "\n".join([
            f"{self.bilevel.name}: {self.method}, {self.population} hawks, {asked}, seed {self.seed}{ended}",
            *(f"  {line}" for line in str(self.record).splitlines()),
            f"  {self.evaluations} evaluations, {self.record.seconds[-1]:.1f} s, "
            f"objective {self.solution.objective:.6g}; claim: {self.report.claim}",
        ])  # fmt: skip
