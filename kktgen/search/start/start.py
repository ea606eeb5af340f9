"""Start points: bilevel-feasible points found by relaxing, responding and searching patterns.

1. relax: drop complementarity, minimise; the leader's part x0 of the optimum is a promising decision;
2. respond: every follower's optimum at x0 gives a complementarity pattern, the best point of it is one convex QP;
3. penalise what the relaxation violates, more and more (:mod:`kktgen.search.start.relaxation`), and respond again;
4. pattern search from the best of these: flip the pairs that want to move;

and again from the best point, and from decisions near it (:mod:`kktgen.search.start.collecting`). At the end the
leader's integers move one or two at a time (:mod:`kktgen.search.start.flips`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ...deadline import NEVER, Deadline
from ...errors import ProblemError
from ...model.model import Model
from ...problem.bilevel import Bilevel
from ...progress import ProgressOption, Told, shown
from ...reformulate.scale import Scaled, scaled
from ..given import given_start
from .collecting import StartSearch
from .moves import ROUNDS, Moves


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
    bilevel: Bilevel, model: Model, seconds: float = 10.0, progress: ProgressOption = None, seed: int = 0,
    candidates: Iterable[np.ndarray] = (),
) -> list[np.ndarray]:  # fmt: skip
    """Return bilevel-feasible points, the best first. Ctrl-C ends the search with those found so far.

    Parameters
    ----------
    bilevel : Bilevel
    model : Model
        The KKT model of the problem, its products eliminated, with complementarity pairs (bounded or not).
    seconds : float
        Time limit. The same points come out on every run that is not stopped by it.
    progress : bool or callable, optional
        True: a live line. A function is called with a :class:`kktgen.Progress` at each better point, also with
        ``move`` and ``round``.
    seed : int
        Of the random moves.
    candidates : iterable of ndarray, optional
        Decisions from elsewhere, tried first: points over all columns, or the leader's columns alone.

    Returns
    -------
    list of ndarray (n,)
        At most five of different value, each satisfying rows, bounds and pairs of the model to 1e-6; empty when none
        is found.

    Raises
    ------
    ProblemError
        A candidate of the wrong length.

    See Also
    --------
    land_all : Tries candidates alone.
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
    with shown(progress, "start") as told:
        return starts_within(bilevel, model, Deadline(seconds), told, seed, candidates)


def starts_within(
    bilevel: Bilevel, model: Model, deadline: Deadline, progress: Told | None = None, seed: int = 0,
    candidates: Iterable[np.ndarray] = (),
) -> list[np.ndarray]:  # fmt: skip
    """Return bilevel-feasible points found by a deadline, the best first; Ctrl-C stops it (:meth:`Deadline.stop`)."""
    view = scaled(model)
    search = StartSearch(view, deadline, progress)
    try:
        search.run(_candidates(view, candidates), every=True)
        search.run(search.moves.relaxation.points(deadline))
        search.return_to_the_best()
        search.run(search.scattered(seed), every=True)
        early = search.found
        search.run(search.nudges(seed))
        search.flip([*search.found, *early])
    except KeyboardInterrupt:
        deadline.stop()
    return [view.back(z) for _, z in search.found]


def land_all(
    model: Model, candidates: Iterable[np.ndarray], deadline: Deadline = NEVER, progress: Told | None = None
) -> list[np.ndarray]:
    """Return the bilevel-feasible points that decisions from elsewhere lead to, the best first.

    The followers respond to every candidate, one convex QP finds the best point of their complementarity pattern, and
    the best of these points go on to other patterns. Ctrl-C ends it (:meth:`kktgen.deadline.Deadline.stop`).

    Parameters
    ----------
    model : Model
        The KKT model of a problem, its products eliminated, with complementarity pairs (bounded or not).
    candidates : iterable of ndarray
        Points over all columns, or the leader's columns alone, in the user's units; prices that a decomposition or
        another search came by, for instance. Taken one after the other while there is time.
    deadline : Deadline
    progress : callable, optional
        As of :func:`start_points`.

    Returns
    -------
    list of ndarray (n,)
        At most five of different value, each satisfying rows, bounds and pairs of the model to 1e-6.

    Raises
    ------
    ProblemError
        A candidate of the wrong length.

    See Also
    --------
    start_points : Has candidates of its own.

    Examples
    --------
    Three tolls. At the first two the driver takes the road, and what is best while he does is the toll 2.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> points = kg.search.land_all(kg.eliminate(kg.kkt(m)), [[0.5], [1.5], [2.5]])
    >>> print(f"{points[0][toll.cols]:.2f}")
    2.00
    """
    view = scaled(model)
    search = StartSearch(view, deadline, progress)
    try:
        search.run(_candidates(view, candidates), every=True)
    except KeyboardInterrupt:
        deadline.stop()
    return [view.back(z) for _, z in search.found]


def _candidates(view: Scaled, candidates: Iterable[np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield candidates as points of the scaled model, with their names."""
    model = view.model
    leader = np.flatnonzero(model.space.role == "leader")
    for k, given in enumerate(candidates):
        x = np.asarray(given, dtype=float)
        if len(x) < model.n and len(x) != len(leader):
            raise ProblemError(
                f"candidate {k + 1} has {len(x)} entries; give all {model.n} columns, or the leader's {len(leader)}"
            )
        z = np.zeros(model.n)
        if len(x) >= model.n:
            z = x[: model.n]
        else:
            z[leader] = x
        yield f"candidate {k + 1}", view.point(z)


def pair_count(model: Model) -> int:
    """Return the number of complementarity pairs, with which the time of the search grows."""
    return 0 if model.pairs is None else len(model.pairs)


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
    given = given_start(bilevel, start)
    view = scaled(model)
    moves = Moves(view.model)
    z = view.point(model.complete(given))
    whole = bool(given[bilevel.space.role != "leader"].any())
    found = moves.land(z, ROUNDS, deadline) if whole else None
    if found is None:
        response = moves.respond(z, deadline)
        found = None if response is None else moves.land(response, ROUNDS, deadline)
    return None if found is None else view.back(found)
