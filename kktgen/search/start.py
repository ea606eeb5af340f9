"""Start points: bilevel-feasible points found by relaxing, responding and searching patterns.

1. relax: drop complementarity, minimise; the leader's part x0 of the optimum is a promising decision;
2. respond: every follower's optimum at x0 gives a complementarity pattern;
3. pattern search: the best point of that pattern and of its neighbours;

and again from penalised relaxations (:mod:`kktgen.search.relaxation`) and from decisions near the best point.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..bilevel import Bilevel
from ..model import Model
from ..space import LEADER
from .discrete import Discrete
from .pattern import GAIN, Step, active_pairs, improve
from .relaxation import Relaxation
from .residual import FEASIBLE, violation
from .respond import Responder

TIGHT = 1e-7
"""A slack below this can be held at zero."""
NUDGES = 20
"""Decisions near the best point that are tried."""
PATIENCE = 10
"""Nudges without a better point after which the search ends."""
KEPT = 5
"""Points returned at most."""

Progress = Callable[[dict[str, Any]], None]


def relax_and_respond(
    bilevel: Bilevel, model: Model, responder: Responder | None = None, time_limit: float | None = None
) -> np.ndarray | None:
    """Return the followers' response to the optimum of the convex relaxation, moved to where the leader's rows hold.

    Parameters
    ----------
    bilevel : Bilevel
    model : Model
        The KKT model of the problem, its products eliminated, with complementarity pairs.
    responder : Responder, optional
        Made from the problem when not given.
    time_limit : float, optional
        Seconds per QP.

    Returns
    -------
    ndarray (n,) or None
        A bilevel-feasible point. Without a convex relaxation that is bounded, the decisions begin in the middle of the
        leader's box. None when no decision found there lets every follower respond within the leader's rows.
    """
    moves = Moves(bilevel, model, responder)
    for count, (_, z) in enumerate(moves.relaxation.points(time_limit)):
        response = moves.respond(z, time_limit)
        if response is not None:
            response = repaired(model, response, time_limit)
        if response is not None or count == 2:
            return response
    return None


class Moves:
    """From any point of the relaxation to a response of the followers, the leader's discrete choices included.

    Parameters
    ----------
    bilevel : Bilevel
    model : Model
    responder : Responder, optional
    """

    def __init__(self, bilevel: Bilevel, model: Model, responder: Responder | None = None) -> None:
        self.responder = Responder(bilevel) if responder is None else responder
        self.relaxation = Relaxation(model)
        self.discrete = Discrete(model)
        space = model.space
        self._given = np.union1d(self.responder.parameters, np.flatnonzero(space.owner != LEADER))
        self._whole = np.flatnonzero(space.kind != "C")

    def respond(self, z: np.ndarray, time_limit: float | None = None) -> np.ndarray | None:
        """Return the response to the decisions of z; choices no follower sees are made after it. None without one."""
        seconds = {} if time_limit is None else {"time_limit": time_limit}
        settled = self.discrete.settle(z, **seconds)
        response = None if settled is None else self.responder(settled)
        if response is None or not self.discrete.any:
            return response
        response[self._whole] = np.round(response[self._whole])
        chosen = self.discrete.recourse(response, self._given, **seconds)
        return response if chosen is None else chosen


def repaired(model: Model, z: np.ndarray, time_limit: float | None = None) -> np.ndarray | None:
    """Return z where it satisfies the model to 1e-6, else the best point of its pattern; None when there is none."""
    if violation(model, z) <= FEASIBLE:
        return z
    step = land(model, z, 1, time_limit)
    return None if step is None else step.z


def land(model: Model, z: np.ndarray, rounds: int, time_limit: float | None = None) -> Step | None:
    """Return the pattern search from a response; None when its pattern holds no point that satisfies the model.

    Where bounds on the multipliers cut off those of the response, every pair without slack is held active instead.
    """
    active = active_pairs(model, z)
    patterns = [active]
    if model.pairs is not None and len(active):
        patterns.append(model.pairs.slack(z) <= TIGHT)
    for pattern in patterns:
        step = improve(model, z, rounds, time_limit, pattern)
        if step is not None and violation(model, step.z) <= FEASIBLE:
            return step
    return None


class _Search:
    """Collects points, best first, and says when to stop."""

    def __init__(self, bilevel: Bilevel, model: Model, seconds: float, progress: Progress | None) -> None:
        self.model, self.progress = model, progress
        self.moves = Moves(bilevel, model)
        self.begun = time.monotonic()
        self.end = self.begun + seconds
        self.found: list[tuple[float, np.ndarray]] = []
        self.tried = 0
        self._seen: set[bytes] = set()

    def left(self) -> float:
        return max(self.end - time.monotonic(), 1e-3)

    def late(self) -> bool:
        return time.monotonic() > self.end

    @property
    def best(self) -> float:
        return self.found[0][0] if self.found else np.inf

    def attempt(self, label: str, z: np.ndarray) -> bool:
        """Respond to z, search from there, keep what is found; return whether it is the best so far."""
        self.tried += 1
        response = self.moves.respond(z, self.left())
        if response is None:
            return False
        choices = response[self.model.space.kind != "C"].tobytes() + response[self.model.sos1.columns].astype(bool).tobytes()
        pattern = active_pairs(self.model, response).tobytes() + choices
        if pattern in self._seen and not len(self.model.quads):
            return False
        self._seen.add(pattern)
        step = land(self.model, response, 20, self.left())
        if step is not None:
            return self.keep(label, step.z)
        return violation(self.model, response) <= FEASIBLE and self.keep(label, response)

    def keep(self, label: str, z: np.ndarray) -> bool:
        value, before = self.model.objective.value(z), self.best
        if any(abs(value - other) <= GAIN * (1.0 + abs(value)) for other, _ in self.found):
            return False
        self.found.append((value, z))
        self.found.sort(key=lambda pair: pair[0])
        del self.found[KEPT:]
        better = value < before - GAIN * (1.0 + abs(value))
        if better and self.progress is not None:
            self.progress(
                {"stage": "start", "seconds": time.monotonic() - self.begun, "incumbent": self.model.sense * value, "move": label,
                 "round": self.tried}
            )  # fmt: skip
        return better

    def nudges(self, seed: int) -> Iterator[tuple[str, np.ndarray]]:
        """Yield decisions near the best point: some of the leader's variables moved at random within their bounds."""
        rng = np.random.default_rng(seed)
        space = self.model.space
        seen = np.union1d(self.moves.responder.parameters, np.flatnonzero((space.kind != "C") & (space.role == "leader")))
        lb, ub = space.lb[seen], space.ub[seen]
        for k in range(NUDGES):
            z = self.found[0][1].copy()
            box = np.isfinite(lb) & np.isfinite(ub)
            width = np.where(box, np.where(box, ub, 0.0) - np.where(box, lb, 0.0), 1.0 + np.abs(z[seen]))
            radius = 10.0 ** rng.uniform(-3.0, 0.0)
            move = radius * width * rng.uniform(-1.0, 1.0, len(seen)) * (rng.random(len(seen)) < rng.uniform(0.05, 1.0))
            z[seen] = np.clip(z[seen] + move, lb, ub)
            yield f"nudge {k + 1}", z


def start_points(
    bilevel: Bilevel, model: Model, seconds: float = 10.0, progress: Progress | None = None, seed: int = 0
) -> list[np.ndarray]:
    """Return bilevel-feasible points, the best first.

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
        At most five, each satisfying rows, bounds and pairs of the model to 1e-6; empty when none is found.
    """
    search = _Search(bilevel, model, seconds, progress)
    for label, z in search.moves.relaxation.points(search.left()):
        search.attempt(label, z)
        if search.late():
            break
    idle = 0
    if search.found:
        for label, z in search.nudges(seed):
            if search.late() or idle >= PATIENCE:
                break
            idle = 0 if search.attempt(label, z) else idle + 1
    return [z for _, z in search.found]
