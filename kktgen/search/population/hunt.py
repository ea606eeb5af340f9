"""Hunt with a population: the loop around the equations of :mod:`.hawks`, and the public searches."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any

import numpy as np

from ...deadline import Deadline
from ...errors import ProblemError
from ...model.shared import shared_kkt
from ...model.solution import Solution
from ...problem.bilevel import Bilevel
from ...progress import ProgressOption, Told, shown
from ...solvers import check_arguments
from ...verification.verify import verify
from ..given import given_decisions
from ..recourse import Worth
from .fitness import Fitness, evaluate
from .hawks import HHO, NCHHO, Method, better, draw, move, sine_map
from .record import Record, Search
from .repair import DecisionRepair


class Hunt:
    """The population, the best so far, and the record of one search."""

    def __init__(
        self, fitness: Fitness, repair: DecisionRepair, method: Method, seed: int, sense: int,
        executor: Executor | None,
        time_limit: float | None, progress: Told | None,
    ) -> None:  # fmt: skip
        self.fitness, self.repair, self.method, self.sense = fitness, repair, method, sense
        self.rng = np.random.default_rng(seed)
        self.executor, self.progress = executor, progress
        self.deadline = Deadline(time_limit)
        self.best: np.ndarray | None = None
        self.worth = np.full(2, np.inf)
        self.record: list[tuple[float, float, int, float]] = []
        self.stopped, self._evaluations, self._text = "iterations", 0, "first population"

    def run(self, N: int, iterations: int, given: np.ndarray) -> None:
        """Hunt; ends early when time is up or on Ctrl-C, if there is a point by then."""
        try:
            lb, ub = self.repair.lb, self.repair.ub
            X = lb + self.rng.random((N, len(lb))) * (ub - lb)
            X[: len(given)] = given
            X = self.repair(X)
            F = self._evaluate(X)
            if not np.isfinite(F[:, 0]).any():
                raise ProblemError(self._hopeless())
            self._note()
            chaos = sine_map(N)
            for t in range(iterations):
                if self.deadline.over:
                    break
                self._text = f"iteration {t + 1} of {iterations}"
                X, F = self._iterate(X, F, (t + self.method.first) / iterations, chaos)
                self._note()
        except KeyboardInterrupt:
            if self.best is None:
                raise
            self._note()
            self.stopped = "interrupted"
            return
        if self.deadline.over:
            self.stopped = "time limit"

    def _iterate(self, X: np.ndarray, F: np.ndarray, s: float, chaos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the hawks and their worth after one iteration."""
        lb, ub, method, R = self.repair.lb, self.repair.ub, self.method, self.best
        assert R is not None
        draws = draw(self.rng, len(X), ub - lb)
        c = chaos if method.chaotic else draws.c
        Y, dives = move(X, R, lb, ub, method.energy(s), method.weight(s), c, draws)
        near = self.repair(Y)
        G = self._evaluate(near)
        taken = ~dives | better(G, F)
        X, F = np.where(taken[:, None], near, X), np.where(taken[:, None], G, F)
        again = np.flatnonzero(~taken)
        if len(again) and not self.deadline.over:
            far = self.repair(Y[again] + draws.flight[again])
            G = self._evaluate(far)
            won = better(G, F[again])
            X[again[won]], F[again[won]] = far[won], G[won]
        return X, F

    def _evaluate(self, X: np.ndarray) -> np.ndarray:
        """Return the worth of decisions (N, 2), and keep the best."""

        def told(k: int, worths: list[Worth]) -> None:
            F = np.array(worths)
            first = int(np.lexsort((F[:, 1], F[:, 0]))[0])
            if better(F[[first]], self.worth[None])[0]:
                self.best, self.worth = X[k + first].copy(), F[first]
            self._evaluations += len(F)
            self._tell()

        return evaluate(self.fitness, X, self.executor, self.deadline, told)

    def _tell(self) -> None:
        if self.progress is not None:
            text = f"{self._text}  {self._evaluations} evaluations"
            seconds = self.deadline.spent
            self.progress({"stage": "search", "seconds": seconds, "text": text, "incumbent": self._value()})

    def _value(self) -> float | None:
        return self.sense * float(self.worth[1]) + 0.0 if self.worth[0] == 0 else None

    def _note(self) -> None:
        value = self._value()
        seconds = self.deadline.spent
        self.record.append((np.nan if value is None else value, float(self.worth[0]), self._evaluations, seconds))

    def _hopeless(self) -> str:
        why = "do not settle in a Nash game" if self.fitness.responder.nash else "are infeasible or unbounded"
        why = "need more time than there is" if self.deadline.over else why
        return (
            f"search: at none of the {self._evaluations} first decisions every follower responds (they {why}); "
            "give a start from which they do, or a smaller box of the decisions they see"
        )


def _search(
    bilevel: Bilevel, method: Method, population: int, iterations: int, seed: int, start: Any,
    time_limit: float | None, executor: Executor | None, progress: ProgressOption,
) -> Search:  # fmt: skip
    check_arguments(time_limit, None)
    for word, number, least in (("population", population, 2), ("iterations", iterations, 0), ("seed", seed, 0)):
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < least:
            raise ProblemError(f"search: {word} must be a whole number >= {least}, got {number!r}")
    model = shared_kkt(bilevel)
    fitness = Fitness(bilevel, model)
    given = given_decisions(model.space, fitness.columns, start)
    if len(given) > population:
        raise ProblemError(f"search: {len(given)} starts for a population of {population}")
    with shown(progress, "search") as told:
        repair = DecisionRepair(model, fitness.columns)
        hunt = Hunt(fitness, repair, method, seed, model.sense, executor, time_limit, told)
        hunt.run(population, iterations, given)
    best, entries = hunt.best, np.array(hunt.record)
    assert best is not None
    _, z = fitness.point(best, hunt.deadline.last())
    spent = hunt.deadline.spent
    value = None if z is None else model.value(z)
    solution = Solution("heuristic", value, None, z, spent, f"{method.name}, a heuristic", model)
    report = verify(bilevel, solution, executor=executor, time_limit=hunt.deadline.last().left())
    seconds = {"search": spent, "verify": hunt.deadline.spent - spent}
    record = Record(entries[:, 0], entries[:, 1], entries[:, 2].astype(int), entries[:, 3])
    return Search(
        bilevel, method.name, solution, report, record, population, iterations, seed, hunt.stopped, seconds
    )  # fmt: skip


def hho(
    bilevel: Bilevel, *, population: int = 30, iterations: int = 50, seed: int = 0, start: Any = None,
    time_limit: float | None = None, executor: Executor | None = None, progress: ProgressOption = None,
) -> Search:  # fmt: skip
    """Search the leader's decisions by Harris hawks optimisation (Heidari et al. 2019).

    The equations stand in :mod:`.hawks`. A heuristic: it knows no bound and proves nothing. Each decision
    is judged by solving every follower's QP, then by the best of the leader's variables that no follower sees, so every
    feasible point is bilevel-feasible. Where a follower has several optima its solver picks one, not the one the leader
    likes best.

    Parameters
    ----------
    bilevel : Bilevel
        Its followers see the leader through continuous variables with finite bounds.
    population : int
        Hawks N, at least 2.
    iterations : int
        T; at most ``2 N`` decisions are evaluated in each.
    seed : int
        The same seed gives the same hunt, whatever the executor, unless a time limit ends it.
    start : optional
        Decisions some hawks begin with, the others at random in the box: a mapping of the leader's variables by name
        (``{"lp": "ub", "ls": [...]}``: a number, an array that fits, ``"lb"`` or ``"ub"``), a Solution, an array of all
        columns or of the leader's, or a list of these.
    time_limit : float, optional
        Seconds.
    executor : concurrent.futures.Executor, optional
        Evaluates decisions in parallel.
    progress : bool or callable, optional
        True: a live line. A function is called with a :class:`kktgen.Progress` as decisions are evaluated.

    Returns
    -------
    Search
        Best point with multipliers, verified; record of the hunt. Ctrl-C ends it with the best point so far.

    Raises
    ------
    ProblemError
        Followers see an integer or an unbounded variable or none at all; none of the first decisions has a response,
        as in a Nash game whose best responses run in a circle; the leader's own rows have no point.

    See Also
    --------
    nchho : The same with other controls.
    kktgen.optimize : Proves what it finds.

    Examples
    --------
    The best toll is 2; a search comes near it, and knows no bound.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> found = kg.search.hho(m, population=10, iterations=30, seed=0)
    >>> print(f"{found.objective:.1f} {found.report.claim} {found.bound}")
    2.0 bilevel-feasible None
    """
    return _search(bilevel, HHO, population, iterations, seed, start, time_limit, executor, progress)


def nchho(
    bilevel: Bilevel, *, population: int = 30, iterations: int = 50, seed: int = 0, start: Any = None,
    time_limit: float | None = None, executor: Executor | None = None, progress: ProgressOption = None,
) -> Search:  # fmt: skip
    """Search the leader's decisions by the nonlinear chaotic Harris hawks optimiser, as found in public code.

    :func:`hho` with other controls (Dehkordi et al. 2021); the equations and their oddities stand in
    :mod:`kktgen.search.population.hawks`. Parameters, result and errors are those of :func:`hho`.

    Returns
    -------
    Search

    See Also
    --------
    hho : With the parameters explained.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> found = kg.search.nchho(m, population=10, iterations=30, seed=0)
    >>> print(f"{found.objective:.1f} {found.report.claim}")
    2.0 bilevel-feasible
    """
    return _search(bilevel, NCHHO, population, iterations, seed, start, time_limit, executor, progress)
