"""Other discrete decisions of the leader near a point: one or two of its integers moved by one, answered exactly.

To each decision that the leader's rows allow (:mod:`kktgen.search.start.neighbours`) the followers respond, and one
convex QP finds the best point where multipliers above zero hold their rows and all others are zero. These are all
optima of the followers at that decision, so that the leader has its choice among ties.

The best decision takes the point's place, until none is better. Two integers are moved only where no single one helps:
a leader that may cut k lines can then only exchange one for another.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...deadline import Deadline
from ...model.model import Model
from ..replies import Replies
from ..residual import FEASIBLE, violation
from .moves import Moves
from .neighbours import Neighbours
from .pattern import GAIN, Step, active_pairs, pattern_step, within

HELD = 1e-9
"""A multiplier of a response above this, relative to the largest, holds its row."""
TRIED = (200, 2_000, 300_000)
"""Decisions tried: at least, at most, and this over the number of pairs."""


class Flips:
    """A search by flips and swaps; what was tried from one point is not tried again from another.

    Parameters
    ----------
    model : Model
        The KKT model, in its own units.
    moves : Moves
    deadline : Deadline

    Attributes
    ----------
    any : bool
        Whether the leader has integers that may move.
    """

    def __init__(self, model: Model, moves: Moves, deadline: Deadline) -> None:
        self._model, self._moves, self._deadline = model, moves, deadline
        self._neighbours = Neighbours(model, moves.responder.parameters)
        self.any = len(self._neighbours.columns) > 0
        self._replies = Replies(moves.responder, deadline)
        self._rules = model.indicators is not None and len(model.indicators) > 0
        answered = np.union1d(self._neighbours.columns, moves.responder.parameters)
        others = np.setdiff1d(np.flatnonzero(model.space.kind != "C"), answered)
        self._last_choices = len(others) > 0 or len(model.sos1) > 0 or self._rules
        self._most = within(TRIED, 0 if model.pairs is None else len(model.pairs))
        self._known: set[bytes] = set()

    def better(self, z: np.ndarray, value: float) -> Iterator[tuple[np.ndarray, float]]:
        """Yield better and better points with their values, each found from the one before, until there is none.

        Parameters
        ----------
        z : ndarray (n,)
            Where the search begins.
        value : float
            What it is worth, minimised.
        """
        step: Step | None = Step(z, value, np.empty(0))
        while step is not None:
            step = self._best(step.z, step.value)
            if step is not None:
                yield step.z, step.value

    def _best(self, z: np.ndarray, value: float) -> Step | None:
        """Return the best decision one move away, two where none of these is better; None without a better one."""
        steps, singles = self._neighbours.singles(z)
        best = self._best_of((steps.from_point(z, which) for which in singles), value)
        if best is None:
            pairs = self._neighbours.doubles(z, steps)
            best = self._best_of((steps.from_point(z, which) for some in pairs for which in some), value)
        return best

    def _best_of(self, decisions: Iterator[np.ndarray], value: float) -> Step | None:
        """Return the best of some decisions, as many as are to be tried in time; None where none is better."""
        best = None
        for z in decisions:
            if self._deadline.over or len(self._known) >= self._most:
                break
            step = self._at(z)
            if step is not None and step.value < value - GAIN * (1.0 + abs(value)):
                best, value = step, step.value
        return best

    def _at(self, z: np.ndarray) -> Step | None:
        """Return the best point where the followers respond to a decision; None without any, or if it is known."""
        key = np.round(z[self._neighbours.columns]).astype(np.int64).tobytes()
        if key in self._known:
            return None
        self._known.add(key)
        settled = self._neighbours.hold(z) and not self._rules
        kept = z if settled else self._moves.discrete.kept(z, self._deadline)
        reply = None if kept is None else self._replies(kept)
        if reply is None:
            return None
        if self._last_choices:
            reply = self._moves.chosen(reply, self._deadline)
        found = [step for active in self._patterns(reply) if (step := self._landed(reply, active)) is not None]
        return min(found, key=lambda step: step.value, default=None)

    def _landed(self, z: np.ndarray, active: np.ndarray) -> Step | None:
        """Return the best point of a pattern; None where it does not satisfy the model."""
        step = pattern_step(self._model, z, active, self._deadline)
        return None if step is None or violation(self._model, step.z) > FEASIBLE else step

    def _patterns(self, reply: np.ndarray) -> list[np.ndarray]:
        """Return the pattern of all optima of the followers, and that of all multipliers where the leader sees these.

        The second is also what is left where bounds on the multipliers cut off those of the response.
        """
        pairs, kkt = self._model.pairs, self._model.kkt
        if pairs is None or kkt is None:
            return [np.zeros(0, dtype=bool)]
        mu = reply[pairs.mu]
        held = mu > HELD * max(1.0, float(mu.max(initial=0.0)))
        return [held, active_pairs(self._model, reply)] if kkt.priced.any() else [held]
