"""What an elimination found: the weights, and the products that are gone or kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...problem.expressions import Quad


@dataclass(frozen=True, eq=False)
class Monomials:
    """The products ``v z_i z_j``, each with a reason in words.

    Parameters
    ----------
    i, j : ndarray (k,) of int
    v : ndarray (k,)
    reason : ndarray (k,) of str
    """

    i: np.ndarray
    j: np.ndarray
    v: np.ndarray
    reason: np.ndarray

    def __len__(self) -> int:
        return len(self.v)

    @classmethod
    def joined(cls, parts: Sequence[Monomials]) -> Monomials:
        """Return the products of several lists, one after the other."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("i", "j", "v", "reason")))


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights of the vanishing expressions, and what they do to the objective.

    Parameters
    ----------
    alpha : ndarray (ny,)
        Beside ``model.kkt.y``: weight of ``y_j`` times its stationarity.
    beta : ndarray (me,)
        Beside ``model.kkt.lam``: weight of ``lam_k`` times its equality.
    gamma : ndarray (mi,)
        Beside ``model.kkt.mu``: weight of ``mu_i`` times its slack.
    objective : Quad
        The rewritten objective, minimised.
    cancelled : Monomials
        Products of the leader that are gone, with his coefficients.
    leftover : Monomials
        Products of the leader that are kept, with their new coefficients, and why; empty when the objective is convex.
    """

    alpha: np.ndarray
    beta: np.ndarray
    gamma: np.ndarray
    objective: Quad
    cancelled: Monomials
    leftover: Monomials


@dataclass(frozen=True, eq=False)
class RowOutcome:
    """What became of a row of the leader with products.

    Parameters
    ----------
    name : str
    kind : str
        ``linear``, ``convex``, ``switched`` (linear or convex but for products of binaries), ``split`` (one row a side,
        at least one of them convex) or ``kept``.
    cancelled : Monomials
        Products that are gone (of a row that is kept: that could go).
    obstacles : Monomials
        Products that keep a row from being convex, and why.
    rewards_gap : bool
        Whether some gamma is negative.
    """

    name: str
    kind: str
    cancelled: Monomials
    obstacles: Monomials
    rewards_gap: bool
