"""A problem under explanation: its relaxations, what is excluded so far, and how decisions are told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...deadline import Deadline
from ...model.kkt import kkt
from ...problem.bilevel import Bilevel
from ...problem.columns import labels
from ...problem.every_response import refuse_every_response
from .coupling import coupling_model
from .explanation import Explanation
from .rays import NIL
from .users_units import UsersUnits

NAMED = 4
"""Most values of a decision that a sentence names."""


class Case:
    """A problem under explanation.

    Parameters
    ----------
    bilevel : Bilevel
    solver : str
    deadline : Deadline

    Attributes
    ----------
    units : UsersUnits
        The problem in its own units, in which everything is looked at, and the way back.
    bilevel : Bilevel
        In its own units.
    model, coupling : Model, Members
        The high-point relaxation and the leader's coupling rows in it.
    mpec : Model
        The KKT model.
    excluded : list of str
        What is known not to be the case.
    """

    def __init__(self, bilevel: Bilevel, solver: str, deadline: Deadline) -> None:
        refuse_every_response(bilevel, "explain")
        self.units = UsersUnits.of(bilevel)
        self.bilevel, self.solver, self.deadline = self.units.problem, solver, deadline
        self.model, self.coupling = coupling_model(self.bilevel)
        self.mpec = kkt(self.bilevel)
        self.names = [f.name for f in bilevel.followers]
        self.excluded: list[str] = []

    def say(self, kind: str, *sentences: str, **parts: object) -> Explanation:
        """Return an explanation of this problem."""
        return replace(Explanation(self.bilevel.name, kind, sentences), **parts)  # type: ignore[arg-type]

    def unknown(self, why: str) -> Explanation:
        """Return that nothing was decided, with what is excluded so far."""
        return self.say("unknown", f"not decided: {why}", *(f"excluded: {one}" for one in self.excluded))

    def decision(self, z: np.ndarray) -> str:
        """Return the leader's decision at a point in words."""
        return self.at(np.flatnonzero(self.model.space.role == "leader"), z)

    def response(self, z: np.ndarray) -> str:
        """Return the followers' response at a point in words."""
        return self.at(np.flatnonzero(self.model.space.role == "follower"), z)

    def at(self, columns: np.ndarray, values: np.ndarray) -> str:
        """Return ``x = 1, y = 2`` for the first of some columns; values are all columns' or those columns' own."""
        own = values[columns] if len(values) != len(columns) else values
        names = labels(self.model.space.blocks, columns[:NAMED])
        own = np.where(np.abs(own[:NAMED]) <= NIL, 0.0, own[:NAMED]) * self.units.columns(columns[:NAMED])
        told = [f"{name} = {value:.6g}" for name, value in zip(names, own.tolist(), strict=True)]
        return ", ".join(told + ["..."] * (len(columns) > NAMED)) or "the only decision there is"
