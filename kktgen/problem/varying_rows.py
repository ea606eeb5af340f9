"""Products of the leader's continuous variables with a follower's expressions in its rows.

Where row i of a follower holds ``x e_i(y)``, x a continuous variable of the leader, its KKT conditions hold the product
with the expression, and the product with the row's multiplier::

    (G y)_i + x (E y)_i + (H x)_i <= h_i                    primal
    P y + Q x + q - A'lam + G'mu + E'(x mu) = 0             stationarity

Both are columns, ``v_i = x (E y)_i`` and ``p_i = x mu_i``, which quadratic rows of the model define. With them the KKT
system is linear, that of the follower that takes v and p for parameters::

    min_y  1/2 y'P y + (Q x + q)'y + p'E y     s.t.   G y + v + H x <= h

It has the same KKT points, but it is another program: at fixed (x, v, p) its optima are not the follower's. The
follower itself is known where x is (:meth:`kktgen.problem.follower_rows.System.fixed`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..numerics.sparse import Csr, add, coo, csr, joined, position, row_index, scale_rows, take_columns, vstack, widen
from .columns import Space
from .expressions import Quad, QuadArray
from .leader_terms import ROLE

SQUARE = 2.0
"""Slope of the products with multipliers where x is an own variable: the gradient of a square is twice its factor."""


@dataclass(frozen=True, eq=False)
class Varying:
    """Columns ``v_k = x_k (E z)_k`` of rows, and ``p_l = x mu_l`` of their multipliers, with x that of ``of_l``.

    Parameters
    ----------
    v, x : ndarray (k,)
        Columns of the products, and of the leader's variables.
    E : csr_array (k, n)
        Expressions of the follower's variables.
    p, of, mu : ndarray (l,)
        Columns of the products with multipliers, which of the k each belongs to, and the multiplier.
    slope : ndarray (l,)
        Coefficient of ``p_l (E z)_of_l`` in the cost: 1 for the upper side of a row, -1 for its lower side and for
        equations, in the user's units.
    weight : ndarray (l,)
        ``p_l`` over ``x mu_l``: 1 in the user's units.
    names : tuple of str
        Name of the row of each of the k.
    curved : bool
        Whether x are the follower's own variables (:mod:`kktgen.problem.curved_rows`); the slope is twice as much then.
    """

    v: np.ndarray
    x: np.ndarray
    E: Csr
    p: np.ndarray
    of: np.ndarray
    mu: np.ndarray
    slope: np.ndarray
    weight: np.ndarray
    names: tuple[str, ...] = ()
    curved: bool = False

    def __len__(self) -> int:
        return len(self.v)

    @classmethod
    def of_parts(cls, parts: Sequence[Varying], n: int) -> Varying:
        """Return the products of several rows together, over n columns."""
        first = np.cumsum([0, *map(len, parts)])
        return cls(
            joined((part.v for part in parts), int), joined((part.x for part in parts), int),
            vstack([part.E for part in parts], n), joined((part.p for part in parts), int),
            joined((part.of + at for part, at in zip(parts, first, strict=False)), int),
            joined((part.mu for part in parts), int), joined(part.slope for part in parts),
            joined(part.weight for part in parts), tuple(name for part in parts for name in part.names),
            any(part.curved for part in parts),
        )  # fmt: skip

    @property
    def factors(self) -> np.ndarray:
        """The columns whose boxes make the model's products finite: x, those of the expressions, the multipliers."""
        return np.unique(np.concatenate([self.x, self.E.indices, self.mu])).astype(np.int64)

    def cost(self, space: Space) -> Quad:
        """Return the cost ``p'E y`` of the follower that takes p for a parameter."""
        E = self.E[self.of]
        row = row_index(E)
        none = coo(np.empty(0), np.empty(0, int), np.empty(0, int), (1, len(space)))
        return Quad(space, self.p[row], E.indices.astype(np.int64), self.slope[row] * E.data, none, 0.0)

    def substituted(self, M: Csr, z: np.ndarray) -> Csr:
        """Return rows (m, n) with ``x (E z)`` for v and ``x mu`` for p, where x is as at a point z (n,)."""
        columns, n = np.concatenate([self.v, self.p]), M.shape[1]
        keep = position(columns, M.indices) < 0
        rest = coo(M.data[keep], row_index(M)[keep], M.indices[keep], M.shape)
        count = np.arange(len(self.p))
        values = vstack(
            [scale_rows(z[self.x], self.E), coo(self.weight * z[self.x[self.of]], count, self.mu, (len(count), n))], n
        )
        return add(rest, Csr(take_columns(M, columns) @ values))

    def moved(self, to: np.ndarray) -> Varying:
        """Return them over new columns, ``to`` (n + 1,) of each old one or -1; those whose v is gone are left out."""
        keep = np.flatnonzero(to[self.v] >= 0)
        place = np.full(len(self), -1)
        place[keep] = np.arange(len(keep))
        left = np.flatnonzero(place[self.of] >= 0) if len(self.of) else np.empty(0, dtype=np.int64)
        E = take_columns(Csr(self.E[keep]), np.flatnonzero(to[: self.E.shape[1]] >= 0))
        return Varying(
            to[self.v[keep]], to[self.x[keep]], E, to[self.p[left]], place[self.of[left]], to[self.mu[left]],
            self.slope[left], self.weight[left], tuple(self.names[k] for k in keep.tolist()),
            self.curved,
        )  # fmt: skip

    def in_units(self, c: np.ndarray, f: float) -> Varying:
        """Return them where column j is ``c_j`` times the new one, and the follower's cost f times the new one."""
        E, row = self.E, row_index(self.E)
        data = E.data * c[E.indices] * (c[self.x] / c[self.v])[row]
        p, slope = c[self.p], c[self.v[self.of]] / c[self.x[self.of]] / f
        return replace(
            self, E=csr(data, E.indices, E.indptr, E.shape), slope=self.slope * p * slope,
            weight=self.weight * c[self.x[self.of]] * c[self.mu] / p,
        )  # fmt: skip


def parted(quads: QuadArray, smooth: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, Csr]:
    """Return the rows, the leader's columns and the expressions of the products ``smooth`` marks among all terms.

    Parameters
    ----------
    quads : QuadArray
    smooth : ndarray of bool
        Which of its terms are products of a continuous variable of the leader with an own one.
    x, y : ndarray of int
        The two columns of every term.

    Returns
    -------
    tuple of ndarray (k,), ndarray (k,), csr_array (k, n)
        One product a row of ``quads`` and leader's column.
    """
    row, _, _, v = quads.terms()
    n = np.int64(len(quads.space))
    at = np.flatnonzero(smooth)
    known, group = np.unique(row[at] * n + x[at], return_inverse=True)
    E = coo(v[at], group, y[at], (len(known), int(n)))
    live = np.diff(E.indptr) > 0
    return (known[live] // n).astype(np.int64), (known[live] % n).astype(np.int64), Csr(E[live])


def product_columns(space: Space, follower: str, name: str, count: int, word: str = "x_row") -> np.ndarray:
    """Append columns for the products of a leader's variables with a row's expressions, or with its multipliers."""
    return space.append(word, ROLE, lb=-np.inf, ub=np.inf, follower=follower, item=name, shape=(count,))


def with_price_columns(
    space: Space, follower: str, name: str, prices: tuple[np.ndarray, np.ndarray, np.ndarray], v: np.ndarray,
    x: np.ndarray, E: Csr, row: np.ndarray, curved: bool = False,
) -> Varying:  # fmt: skip
    """Append the columns of the products with the multipliers (lam, mu_lo, mu_hi) of rows; return all products.

    ``curved`` says that x are own variables.
    """
    steep = SQUARE if curved else 1.0
    words = (f"{'y' if curved else 'x'}_{part}" for part in ("lam", "mu_lo", "mu_up"))
    sides = zip(prices, (-steep, -steep, steep), words, strict=True)
    p, of, mu, slope = [], [], [], []
    for columns, side, word in sides:
        at = np.flatnonzero(columns[row] >= 0)
        if len(at):
            p.append(product_columns(space, follower, name, len(at), word))
            of.append(at)
            mu.append(columns[row[at]])
            slope.append(np.full(len(at), side))
    columns = joined(p, int)
    return Varying(
        v, x, widen(E, len(space)), columns, joined(of, int), joined(mu, int), joined(slope), np.ones(len(columns)),
        (name,) * len(v), curved,
    )  # fmt: skip
