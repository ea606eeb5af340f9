"""From any decision of the leader to a bilevel-feasible point: settle choices, respond, land in the pattern."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...deadline import NEVER, Deadline
from ...model.model import Model
from ...model.tables import Indicators, Sos1
from ...problem.columns import LEADER
from ...problem.leader_terms import ROLE
from ..residual import FEASIBLE, violation
from ..respond import Responder
from .discrete import Discrete
from .pattern import Step, active_pairs, improve
from .relaxation import Relaxation

ROUNDS = 20
"""Patterns solved from one point."""
TIGHT = 1e-7
"""A slack below this can be held at zero."""


class Moves:
    """The moves the heuristics are made of.

    Parameters
    ----------
    model : Model
        The KKT model of the problem, its products eliminated, with complementarity pairs.
    responder : Responder, optional
        Made from the problem when not given.

    Attributes
    ----------
    responder : Responder
    relaxation : Relaxation
    discrete : Discrete
    many : bool
        Whether one pattern may lead to several points: quadratic rows, or a nonconvex objective.
    """

    def __init__(self, model: Model, responder: Responder | None = None) -> None:
        self.model = model
        self.responder = Responder(model) if responder is None else responder
        self.relaxation = Relaxation(model)
        self.discrete = Discrete(model)
        self.many = bool(len(model.quads)) or not self.relaxation.convex
        space = model.space
        follows = (space.owner != LEADER) | (space.role == ROLE)
        self._given = np.union1d(self.responder.parameters, np.flatnonzero(follows))
        self._whole = np.flatnonzero(space.kind != "C")
        self._loose = model
        if self.discrete.any:
            loose = space.copy()
            loose.kind[:] = "C"
            self._loose = replace(model, space=loose, sos1=Sos1.empty(), indicators=Indicators.empty(model.n))

    def respond(self, z: np.ndarray, deadline: Deadline = NEVER) -> np.ndarray | None:
        """Return the response to the decisions of z; choices no follower sees are made after it. None without one."""
        settled = self.discrete.settle(z, deadline)
        if self.responder.conditional:  # nobody responds: the pattern of the point itself is what there is
            return settled
        response = None if settled is None else self.responder(settled, deadline=deadline)
        return None if response is None else self.chosen(response, deadline)

    def chosen(self, z: np.ndarray, deadline: Deadline) -> np.ndarray:
        """Return z with the best discrete choices while the columns followers own or see stay; z without any.

        Columns that the model says the values of, such as products with binaries, are set to these.
        """
        if not self.discrete.any:
            return z
        z = z.copy()
        z[self._whole] = np.round(z[self._whole])
        chosen = self.discrete.recourse(z, self._given, deadline)
        return self.model.complete(z if chosen is None else chosen)

    def land(self, z: np.ndarray, rounds: int, deadline: Deadline = NEVER) -> np.ndarray | None:
        """Return the best point that satisfies the model to 1e-6, searching patterns from a response; None without one.

        With discrete choices two searches are made: one keeps the choices of z, one leaves them open and makes
        them at its end.
        """
        found = [] if violation(self.model, z) > FEASIBLE else [z]
        step = _search(self.model, z, rounds, deadline)
        found += [] if step is None else [step.z]
        if self.discrete.any:
            open_ = _search(self._loose, z, rounds, deadline)
            if open_ is not None:
                step = _search(self.model, self.chosen(open_.z, deadline), rounds, deadline)
                found += [] if step is None else [step.z]
        return min(found, key=self.model.objective.value, default=None)


def _search(model: Model, z: np.ndarray, rounds: int, deadline: Deadline) -> Step | None:
    """Return the pattern search from a response; None when its pattern holds no point that satisfies the model.

    Where bounds on the multipliers cut off those of the response, every pair without slack is held active instead.
    """
    active = active_pairs(model, z)
    patterns = [active]
    if model.pairs is not None and len(active):
        patterns.append(model.pairs.slack(z) <= TIGHT)
    for pattern in patterns:
        step = improve(model, z, rounds, deadline, pattern)
        if step is not None and violation(model, step.z) <= FEASIBLE:
            return step
    return None
