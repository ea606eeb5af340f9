"""Collects start points: responds to decisions, keeps what is feasible, searches patterns from the best, and stops."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from math import inf

import numpy as np

from ...deadline import Deadline
from ...progress import Told
from ...reformulate.scale import Scaled
from .flips import Flips
from .moves import ROUNDS, Moves
from .pattern import GAIN, active_pairs, within

KEPT = 5
"""Points returned at most."""
LANDED = (2, 20, 2_000)
"""From so many of the best patterns the search goes on: at least, at most, and this over the number of pairs."""
NUDGES = 20
"""Decisions near the best point that are tried."""
FEW, SCATTERED = 8, 32
"""Most variables over whose box decisions are spread, and how many."""
PATIENCE = (6, 60, 6_000)
"""A phase ends after so many attempts without a better point: at least, at most, and this over the number of pairs."""
RETURN = (1.0, 2.0)
"""First weight and growth of the penalties that start at the best point."""
RETURNS = 3
"""How often they start there at most."""


class StartSearch:
    """Collects points, best first, and says when to stop.

    Parameters
    ----------
    view : Scaled
        The model in its own units.
    deadline : Deadline
    progress : callable, optional
        Told of each better point.

    Attributes
    ----------
    found : list of (float, ndarray)
        Minimised values and points, the best first.
    """

    def __init__(self, view: Scaled, deadline: Deadline, progress: Told | None) -> None:
        self.model, self.unit, self.deadline, self.progress = view.model, view.objective, deadline, progress
        self.moves = Moves(self.model)
        self.found: list[tuple[float, np.ndarray]] = []
        self._waiting: list[tuple[float, str, np.ndarray]] = []
        self._values: list[float] = []  # of the best points of all patterns, ascending
        self._tried = 0
        self._pairs = 0 if self.model.pairs is None else len(self.model.pairs)
        self._seen: set[bytes] = set()

    def run(self, phase: Iterator[tuple[str, np.ndarray]], every: bool = False) -> None:
        """Attempt the points of a phase until they end, time is up or nothing better comes; then go on from the best.

        A point counts as better when the best of its pattern is better than that of all patterns before. Where every
        point is to be attempted, nothing but time ends the phase.
        """
        patience, idle = inf if every else within(PATIENCE, self._pairs), 0
        for label, z in phase:
            better = self.attempt(label, z)
            idle = 0 if better or not self.found else idle + 1
            if idle >= patience or self.done():
                break
        self._search_on()

    def return_to_the_best(self) -> None:
        """Let growing penalties start at the best point, while that makes it better."""
        for _ in range(RETURNS if self.found else 0):
            before = self.found[0][0]
            self.run(self.moves.relaxation.rising(self.found[0][1], *RETURN, deadline=self.deadline))
            if self.done() or self.found[0][0] >= before - GAIN * (1.0 + abs(before)):
                return

    def flip(self, points: list[tuple[float, np.ndarray]]) -> None:
        """Move the leader's integers, one or two at a time, from points with their values on; keep every better one."""
        if self.done():
            return
        flips = Flips(self.model, self.moves, self.deadline)
        for value, z in points if flips.any else ():
            best = self.found[0][0]
            for better in flips.better(z, value):
                self._tried += 1
                self._keep("flip", *better)
                if self.done():
                    return
            value, z = self.found[0]
            if value < best:
                insort(self._values, value)
                self._waiting.append((value, "flip", z))
                self._search_on()

    def done(self) -> bool:
        """Return whether time is up, or the best point is as good as the relaxation allows."""
        if self.deadline.over:
            return True
        bound = self.moves.relaxation.bound
        return bool(self.found) and np.isfinite(bound) and self.found[0][0] <= bound + GAIN * (1.0 + abs(bound))

    def attempt(self, label: str, z: np.ndarray) -> bool:
        """Respond to z and keep the best point of the pattern; return whether it is the best pattern so far."""
        self._tried += 1
        response = self.moves.respond(z, self.deadline)
        if response is None:
            return False
        choices = np.flatnonzero((self.model.space.kind != "C") & (self.model.space.role == "leader"))
        pattern = active_pairs(self.model, response).tobytes() + response[choices].tobytes()
        if pattern in self._seen and not self.moves.many:
            return False
        self._seen.add(pattern)
        at_once = self.moves.discrete.any
        point = self.moves.land(response, ROUNDS if at_once else 1, self.deadline)
        if point is None:
            return False
        value = self.model.objective.value(point)
        better = not self._values or value < self._values[0] - GAIN * (1.0 + abs(value))
        insort(self._values, value)
        self._keep(label, point, value)
        if not at_once:
            self._waiting.append((value, label, point))
        return better

    def _search_on(self) -> None:
        """Search other patterns from those points of a phase that are among the best of all."""
        waiting, self._waiting = sorted(self._waiting, key=lambda one: one[0]), []
        best = self._values[: within(LANDED, self._pairs)]
        for value, label, z in waiting:
            if value > best[-1] or self.done():
                return
            point = self.moves.land(z, ROUNDS, self.deadline)
            if point is not None:
                self._keep(label, point, self.model.objective.value(point))

    def _keep(self, label: str, z: np.ndarray, value: float) -> None:
        room = GAIN * (1.0 + abs(value))
        if any(abs(value - other) <= room for other, _ in self.found):
            return
        better = not self.found or value < self.found[0][0] - room
        self.found = sorted([*self.found, (value, z)], key=lambda pair: pair[0])[:KEPT]
        if better and self.progress is not None:
            value = self.model.sense * self.unit * value
            told = {"stage": "start", "seconds": self.deadline.spent, "incumbent": value}
            self.progress({**told, "move": label, "round": self._tried})

    def scattered(self, seed: int) -> Iterator[tuple[str, np.ndarray]]:
        """Yield decisions spread over the leader's box, where few of its variables are seen and rows are nonconvex.

        No convex problem leads from one of the followers' patterns to its best decision there, nor from a decision
        alone to the nearest one that discrete choices are made for: where there are any, the followers respond first.
        """
        moved, space = self.moves.responder.parameters, self.model.space
        lb, ub = space.lb[moved], space.ub[moved]
        finite = np.isfinite(lb).all() and np.isfinite(ub).all()
        if not (self.moves.responder.varies and finite and 0 < len(moved) <= FEW):
            return
        rng = np.random.default_rng(seed)
        cells = np.array([rng.permutation(SCATTERED) for _ in moved]).T  # a Latin hypercube
        for k, part in enumerate((cells + rng.random(cells.shape)) / SCATTERED):
            z = self.found[0][1].copy() if self.found else np.zeros(self.model.n)
            z[moved] = lb + part * (ub - lb)
            if self.moves.discrete.any:
                z[moved] = np.where(space.kind[moved] == "C", z[moved], np.round(z[moved]))
                response = self.moves.responder(z, deadline=self.deadline)
                z = z if response is None else self.model.complete(response)
            yield f"scattered {k + 1}", z

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
