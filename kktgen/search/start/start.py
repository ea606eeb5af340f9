"""Start points: bilevel-feasible points found by relaxing, responding and searching patterns.

1. relax: drop complementarity, minimise; the leader's part x0 of the optimum is a promising decision;
2. respond: every follower's optimum at x0 gives a complementarity pattern;
3. pattern search: the best point of that pattern and of its neighbours;

and again from penalised relaxations (:mod:`kktgen.search.start.relaxation`) and from decisions near the best point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...deadline import NEVER, Deadline
from ...model.model import Model
from ...problem.bilevel import Bilevel
from ...reformulate.scale import Scaled, scaled
from ..given import given_point
from .moves import Moves
from .pattern import GAIN, active_pairs

NUDGES = 20
"""Decisions near the best point that are tried."""
PATIENCE = (10, 60, 10_000)
"""A phase ends after so many attempts without a better point: at least, at most, and this over the number of pairs."""
ROUNDS = 20
"""Patterns solved from one response."""
KEPT = 5
"""Points returned at most."""

Progress = Callable[[dict[str, Any]], None]


def relax_and_respond(bilevel: Bilevel, model: Model, deadline: Deadline = NEVER) -> np.ndarray | None:
    """Return the followers' response to the optimum of the convex relaxation, moved to where the leader's rows hold.

    Parameters
    ----------
    bilevel : Bilevel
    model : Model
        The KKT model of the problem, its products eliminated, with complementarity pairs.
    deadline : Deadline

    Returns
    -------
    ndarray (n,) or None
        A bilevel-feasible point. Without a convex relaxation that is bounded, the decisions begin in the middle of the
        leader's box. None when no decision found there lets every follower respond within the leader's rows.

    See Also
    --------
    start_points : Goes on from there.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> z = kg.search.relax_and_respond(m, kg.eliminate(kg.kkt(m)))
    >>> print(kg.verify(m, z).claim)
    bilevel-feasible
    """
    view = scaled(model)
    moves = Moves(view.model)
    for count, (_, z) in enumerate(moves.relaxation.points(deadline)):
        response = moves.respond(z, deadline)
        point = None if response is None else moves.land(response, 1, deadline)
        if point is not None or count == 2:
            return None if point is None else view.back(point)
    return None


def start_points(
    bilevel: Bilevel, model: Model, seconds: float = 10.0, progress: Progress | None = None, seed: int = 0
) -> list[np.ndarray]:
    """Return bilevel-feasible points, the best first. Ctrl-C ends the search with those found so far.

    Parameters
    ----------
    bilevel : Bilevel
    model : Model
        The KKT model of the problem, its products eliminated, with complementarity pairs (bounded or not).
    seconds : float
        Time limit. The same points come out on every run that is not stopped by it.
    progress : callable, optional
        Called at each better point with ``stage``, ``seconds``, ``incumbent`` (user's sense), ``move`` and ``round``.
    seed : int
        Of the random moves.

    Returns
    -------
    list of ndarray (n,)
        At most five of different value, each satisfying rows, bounds and pairs of the model to 1e-6; empty when none
        is found.

    See Also
    --------
    kktgen.optimize : Does this by itself, or takes such points as ``start``.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("handbook")
    >>> x = m.var("x", lb=0, ub=8)
    >>> lower = m.follower("lower")
    >>> y = lower.var("y")
    >>> m.minimize(x + 3 * y)
    >>> _ = m.add(y <= 5)
    >>> lower.minimize(-y)
    >>> _ = lower.add(x + y <= 8, x + 4 * y >= 8, x + 2 * y <= 13, 2 * y <= 7 * x)
    >>> points = kg.search.start_points(m, kg.bound(kg.kkt(m)), seconds=5)
    >>> print([f"{kg.kkt(m).value(z):.4f}" for z in points])
    ['6.1333']
    """
    return starts_within(bilevel, model, Deadline(seconds), progress, seed)


def starts_within(
    bilevel: Bilevel, model: Model, deadline: Deadline, progress: Progress | None = None, seed: int = 0
) -> list[np.ndarray]:
    """Return bilevel-feasible points found by a deadline, the best first; Ctrl-C stops it (:meth:`Deadline.stop`)."""
    view = scaled(model)
    search = StartSearch(view, deadline, progress)
    try:
        search.run(search.moves.relaxation.points(deadline))
        search.run(search.nudges(seed))
    except KeyboardInterrupt:
        deadline.stop()
    return [view.back(z) for _, z in search.found]


def land_start(bilevel: Bilevel, model: Model, start: Any, deadline: Deadline = NEVER) -> np.ndarray | None:
    """Return a point somebody gives, moved to where the model holds: the best point of its pattern and its neighbours.

    Parameters
    ----------
    bilevel : Bilevel
    model : Model
        The KKT model of the problem, its products eliminated, with complementarity pairs (bounded or not).
    start : Solution, Result, Search or array
        All columns, or the leader's alone: the followers then respond.
    deadline : Deadline

    Returns
    -------
    ndarray (n,) or None
        A point that satisfies rows, bounds and pairs of the model to 1e-6, no worse than the given one where that
        does; None where neither the point nor the response to its decisions leads to one.

    Raises
    ------
    ProblemError, NoSolutionError
        A start of the wrong length, that is not finite, or without a point.
    """
    given = given_point(bilevel.space, start)
    view = scaled(model)
    moves = Moves(view.model)
    z = view.point(model.complete(given))
    whole = bool(given[bilevel.space.role != "leader"].any())
    found = moves.land(z, ROUNDS, deadline) if whole else None
    if found is None:
        response = moves.respond(z, deadline)
        found = None if response is None else moves.land(response, ROUNDS, deadline)
    return None if found is None else view.back(found)


class StartSearch:
    """Collects points, best first, and says when to stop."""

    def __init__(self, view: Scaled, deadline: Deadline, progress: Progress | None) -> None:
        self.model, self.unit, self.deadline, self.progress = view.model, view.objective, deadline, progress
        self.moves = Moves(self.model)
        self.found: list[tuple[float, np.ndarray]] = []
        self._tried = 0
        self._seen: set[bytes] = set()

    def run(self, phase: Iterator[tuple[str, np.ndarray]]) -> None:
        """Attempt the points of a phase until they end, time is up or nothing better has come for long."""
        least, most, budget = PATIENCE
        pairs = 0 if self.model.pairs is None else len(self.model.pairs)
        patience, idle = int(np.clip(budget // max(pairs, 1), least, most)), 0
        for label, z in phase:
            better = self.attempt(label, z)
            idle = 0 if better or not self.found else idle + 1
            if idle >= patience or self.done():
                return

    def done(self) -> bool:
        """Return whether time is up, or the best point is as good as the relaxation allows."""
        if self.deadline.over:
            return True
        bound = self.moves.relaxation.bound
        return bool(self.found) and np.isfinite(bound) and self.found[0][0] <= bound + GAIN * (1.0 + abs(bound))

    def attempt(self, label: str, z: np.ndarray) -> bool:
        """Respond to z, search from there, keep what is found; return whether it is the best so far."""
        self._tried += 1
        response = self.moves.respond(z, self.deadline)
        if response is None:
            return False
        choices = np.flatnonzero((self.model.space.kind != "C") & (self.model.space.role == "leader"))
        pattern = active_pairs(self.model, response).tobytes() + response[choices].tobytes()
        if pattern in self._seen and not self.moves.many:
            return False
        self._seen.add(pattern)
        point = self.moves.land(response, ROUNDS, self.deadline)
        return point is not None and self._keep(label, point)

    def _keep(self, label: str, z: np.ndarray) -> bool:
        value = self.model.objective.value(z)
        room = GAIN * (1.0 + abs(value))
        if any(abs(value - other) <= room for other, _ in self.found):
            return False
        better = not self.found or value < self.found[0][0] - room
        self.found = sorted([*self.found, (value, z)], key=lambda pair: pair[0])[:KEPT]
        if better and self.progress is not None:
            value = self.model.sense * self.unit * value
            told = {"stage": "start", "seconds": self.deadline.spent, "incumbent": value}
            self.progress({**told, "move": label, "round": self._tried})
        return better

    def nudges(self, seed: int) -> Iterator[tuple[str, np.ndarray]]:
        """Yield decisions near the best point: some of the leader's variables moved at random within their bounds."""
        if not self.found:
            return
        rng = np.random.default_rng(seed)
        space = self.model.space
        choices = np.flatnonzero((space.kind != "C") & (space.role == "leader"))
        moved = np.union1d(self.moves.responder.parameters, choices)
        lb, ub = space.lb[moved], space.ub[moved]
        box = np.isfinite(lb) & np.isfinite(ub)
        for k in range(NUDGES):
            z = self.found[0][1].copy()
            width = np.where(box, np.where(box, ub, 0.0) - np.where(box, lb, 0.0), 1.0 + np.abs(z[moved]))
            radius = 10.0 ** rng.uniform(-3.0, 0.0)
            here = rng.random(len(moved)) < rng.uniform(0.05, 1.0)
            z[moved] = np.clip(z[moved] + radius * width * here * rng.uniform(-1.0, 1.0, len(moved)), lb, ub)
            self._switch(z, choices, rng)
            yield f"nudge {k + 1}", z

    def _switch(self, z: np.ndarray, choices: np.ndarray, rng: np.random.Generator) -> None:
        """Move one integer of z by one within its bounds, and let another member of one SOS1 set be the nonzero one."""
        space, sets = self.model.space, self.model.sos1
        if len(choices):
            column = rng.choice(choices)
            values = np.round(z[column]) + np.array([-1.0, 1.0])
            values = values[(values >= space.lb[column]) & (values <= space.ub[column])]
            z[column] = rng.choice(values) if len(values) else z[column]
        if len(sets):
            k = int(rng.integers(len(sets)))
            members = sets.columns[sets.start[k] : sets.start[k + 1]]
            size = max(1.0, float(np.abs(z[members]).max()))
            z[members] = 0.0
            column = rng.choice(members)
            z[column] = np.clip(size if space.ub[column] > 0 else -size, space.lb[column], space.ub[column])
