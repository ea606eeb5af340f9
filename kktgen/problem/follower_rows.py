"""A follower's rows and cost over all columns, and their matrix form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..numerics.sparse import Csr, coo, position, take_columns
from .columns import Space
from .expressions import Affine, Quad, price
from .qp import QP


@dataclass(frozen=True, eq=False)
class Declared:
    """Rows ``lo <= M z <= hi`` of a follower with the multiplier columns of each side (-1: none).

    ``switch`` are the leader's binaries that alone decide whether each row is an equation: where they have the value
    ``on`` it is, elsewhere its multiplier is zero (-1: none; :mod:`kktgen.problem.lifting`). ``product`` are the
    product columns that the rows define, -1 elsewhere.
    """

    M: Csr
    lo: np.ndarray
    hi: np.ndarray
    lam: np.ndarray
    mu_lo: np.ndarray
    mu_hi: np.ndarray
    word: str
    item: str
    shape: tuple[int, ...]
    is_bound: bool
    switch: np.ndarray | None = None
    on: np.ndarray | None = None
    product: np.ndarray | None = None

    def price(self, space: Space) -> Callable[[], Affine]:
        """Return what makes the rows' dual: the multipliers of equations and lower sides less those of upper sides."""
        lower = np.maximum(self.mu_lo, self.lam)
        return lambda: price(space, lower, 1.0, self.shape) + price(space, self.mu_hi, -1.0, self.shape)


@dataclass(frozen=True, eq=False)
class System:
    """A follower's rows and objective over all columns z: ``E z = e`` (lam), ``C z <= c`` (mu >= 0), cost.

    ``source`` says for every inequality which declaration (index into ``declared``) and which of its
    rows it came from, ``side`` whether as upper (+1) or lower (-1) side; ``lam_source`` the same for equations.
    ``switch``, ``on`` and ``product`` are those of the declarations, one an inequality.
    """

    name: str
    y: np.ndarray
    E: Csr
    e: np.ndarray
    lam: np.ndarray
    C: Csr
    c: np.ndarray
    mu: np.ndarray
    side: np.ndarray
    source: np.ndarray
    position: np.ndarray
    lam_source: np.ndarray
    lam_position: np.ndarray
    cost: Quad
    declared: tuple[Declared, ...]
    switch: np.ndarray
    on: np.ndarray
    product: np.ndarray

    def qp(self) -> QP:
        """Return the follower as a :class:`QP` with the columns of y, x, lam and mu."""
        cost = self.cost.canonical()
        i, j = position(self.y, cost.i), position(self.y, cost.j)
        own, left, right = (i >= 0) & (j >= 0), (i >= 0) & (j < 0), (i < 0) & (j >= 0)
        seen = np.concatenate([self.E.indices, self.C.indices, cost.j[left], cost.i[right]])
        x = np.unique(seen[position(self.y, seen) < 0])
        ny, nx = len(self.y), len(x)
        half = coo(cost.v[own], i[own], j[own], (ny, ny))
        parameter = position(x, np.concatenate([cost.j[left], cost.i[right]]))
        Q = coo(np.concatenate([cost.v[left], cost.v[right]]), np.concatenate([i[left], j[right]]), parameter, (ny, nx))
        q = np.zeros(ny)
        at = position(self.y, cost.linear.indices)
        q[at[at >= 0]] = cost.linear.data[at >= 0]
        return QP(
            P=half + half.T, q=q, Q=Q, A=take_columns(self.E, self.y), B=take_columns(self.E, x), b=self.e,
            G=take_columns(self.C, self.y), H=take_columns(self.C, x), h=self.c,
            y=self.y, x=x, lam=self.lam, mu=self.mu,
        )  # fmt: skip
