"""Norms of a follower below a side of its own, ``norm(e(y)) <= t(y)``, as half-spaces whose normal the leader has.

Such a cone has an apex, where squares have no gradient. A half-space ``u'e <= t`` with ``|u| <= 1`` holds all of it,
whatever u is. With u among the leader's columns the follower gets the half-space for a row, and the leader the cone::

    follower   u'e(y) <= t(y)                     mu >= 0
    leader     u'u <= 1,   e'e <= t^2,   -t <= e <= t

* A response of this follower that the leader's rows let pass lies in the cone and is best in the half-space around it:
  it is a response of the follower with the cone.
* A response y of the follower with the cone has, where a point lies strictly inside of it (Slater), a multiplier
  ``(mu, nu)`` with ``|nu| <= mu`` and ``mu t + nu'e = 0``. With ``u = -nu / mu`` (0 where mu = 0) it is a response in
  the half-space, with the same mu.

* There ``u'e = t`` where mu > 0, hence ``e = t u``, and ``mu u = 0`` elsewhere: the model has the rows
  ``mu e = t (mu u)``, too. They follow from the others, but these say it by ``|e - t u|^2``, of which a solver's
  tolerance leaves the root.

So both problems have the same points where Slater holds at every decision, and elsewhere none of this one is wrong.
Products ``u_k e_k`` in the row are columns (:mod:`kktgen.problem.varying_rows`). mu is the price of the cone: the
cost falls by mu where t is one more. (Alizadeh & Goldfarb 2003, Second-order cone programming.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..numerics.sparse import Csr, csr, joined, take_columns, widen
from .columns import Space
from .combine import stack
from .expressions import Affine
from .rows import QuadRow, Rows
from .variables import unit_rows
from .varying_rows import Varying

SIDES, NORM, NORMAL, ALONG = "sides", "norm", "normal", "along"
"""What is appended to a row's name for the rows ``-t <= e <= t``, ``e'e <= t^2``, ``u'u <= 1``, ``mu e = t (mu u)``."""
PRICED = "cone"
"""Role of the last ones: multipliers stand in them, so that they are part of the KKT conditions."""

BESIDE = (
    "row {squares!r} holds squares of the follower's own variables, row {cone!r} is a norm below a side of its own; "
    "kktgen takes one of the two in a follower. A square is a norm, too: e @ e <= l is "
    "kg.norm(kg.stack([2 * e[0], .., l - 1])) <= l + 1"
)
"""What is wrong where a follower has both kinds of rows."""


def with_leader(parts: Sequence[Varying], cones: Sequence[Cone]) -> list[Varying]:
    """Return the products in a follower's rows with variables that the leader has declared.

    Those of squares and of norms are left out.
    """
    normals = joined((cone.u for cone in cones), int)
    return [part for part in parts if not part.curved and not np.isin(part.x, normals).all()]


@dataclass(frozen=True, eq=False)
class Cone:
    """A norm of a follower below a side of its own.

    Parameters
    ----------
    name : str
        Of the row.
    u : ndarray (k,)
        Columns of the normal, the first that arose with it.
    M, c : csr_array (1 + k, n), ndarray (1 + k,)
        ``t`` and ``e`` are ``M z + c``.
    mu : int
        Column of the half-space's multiplier.
    size : ndarray (k,)
        ``u_k`` over its column: 1 in the user's units.
    p : ndarray (k,)
        Columns of the products ``u_k mu``, -1 where e holds no variable.
    ratio : ndarray (k,)
        ``u_k`` by mu's column over that of p: 1 in the user's units.
    """

    name: str
    u: np.ndarray
    M: Csr
    c: np.ndarray
    mu: int
    size: np.ndarray
    p: np.ndarray
    ratio: np.ndarray

    @property
    def columns(self) -> np.ndarray:
        """All its columns, sorted."""
        p = self.p[self.p >= 0]
        return np.unique(np.concatenate([self.u, self.M.indices, [self.mu], p])).astype(np.int64)

    def sides(self, space: Space) -> Rows:
        """Return the leader's rows ``t + e >= 0`` and ``t - e >= 0`` (2 k,); they say ``t >= 0``, too."""
        t, e = self._parts(space)
        return stack([t + e, t - e]) >= 0

    def _parts(self, space: Space) -> tuple[Affine, Affine]:
        """Return t and e as expressions."""
        both = Affine(space, widen(self.M, len(space)), self.c, (len(self.c),))
        return both[0], both[1:]

    def quads(self, space: Space) -> tuple[QuadRow, QuadRow]:
        """Return the leader's rows ``e'e <= t^2`` and ``u'u <= 1``, without names."""
        t, e = self._parts(space)
        unit = Affine(space, unit_rows(self.u, len(space)), np.zeros(len(self.u)), (len(self.u),)) * self.size
        return e @ e - t * t <= 0, unit @ unit <= 1

    def along(self, space: Space) -> list[QuadRow]:
        """Return the rows ``mu e = t (mu u)`` without names, where columns hold the products."""
        t, e = self._parts(space)
        at = np.flatnonzero(self.p >= 0)
        columns = np.append(self.p[at], self.mu)
        each = Affine(space, unit_rows(columns, len(space)), np.zeros(len(columns)), (len(columns),))
        mu = each[len(at)]
        return [mu @ e[k] - each[i] @ (self.ratio[k] * t) == 0 for i, k in enumerate(at.tolist())]

    def priced(self, mu: int, u: np.ndarray, p: np.ndarray) -> Cone:
        """Return it with the column of its multiplier, and those of the products p of some entries u of its normal."""
        column = np.full(len(self.u), -1)
        column[np.searchsorted(self.u, u)] = p
        return replace(self, mu=mu, p=column)

    def moved(self, to: np.ndarray) -> Cone:
        """Return it over new columns, ``to`` (n + 1,) of each old one."""
        M = take_columns(self.M, np.flatnonzero(to[: self.M.shape[1]] >= 0))
        return replace(self, u=to[self.u], M=M, mu=int(to[self.mu]), p=to[self.p])

    def in_units(self, c: np.ndarray, f: float) -> Cone:
        """Return it where column j is ``c_j`` times the new one, and the follower's cost f times the new one."""
        M, row = self.M, f / c[self.mu]
        scaled = csr(M.data * c[M.indices] / row, M.indices, M.indptr, M.shape)
        ratio = self.ratio * np.where(self.p >= 0, c[self.p], 1.0) / c[self.mu]
        return replace(self, M=scaled, c=self.c / row, size=self.size * c[self.u], ratio=ratio)
