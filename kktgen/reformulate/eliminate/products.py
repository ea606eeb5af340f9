"""The products of two columns in the leader's objective or row and in the followers' vanishing expressions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...numerics.convexity import is_psd
from ...numerics.sparse import Csr, components, coo, row_index
from ..vanishing import Conditions
from .propagation import ZERO, PairEquations


@dataclass(frozen=True, eq=False)
class BilinearTerms:
    """All monomials ``z_i z_j`` (i <= j) that the leader wrote or that a weight brings in.

    Every weight belongs to one column: alpha to y, beta to lam, gamma to mu. With weights w the coefficient of a
    monomial is ``omega + ki w_i + kj w_j``, whoever owns the columns.

    Parameters
    ----------
    n : int
        Number of columns that occur.
    columns : ndarray (n,) of int
        The column of the model behind each; all other arrays count in these.
    i, j, ki, kj : ndarray (m,)
    omega : ndarray (m,)
        The leader's coefficients.
    target : ndarray (m,)
        ``omega`` where it stands in a nonconvex block of the leader's Hessian; 0 where nothing needs to change.
    own : ndarray (m,) of bool
        Products of two columns y of one follower: they make the convex part ``sym(diag(alpha) P)``.
    constant : ndarray (n,)
        Linear coefficient that a unit of weight brings to its own column.
    mu : ndarray (n,) of bool
        Columns whose weight is a gamma.
    still : ndarray (n,) of bool
        Columns whose weight must be zero.
    switched : ndarray (m,) of bool
        Products of a leader's column that takes two values with a column y, lam or mu.
    free : ndarray (m,) of bool
        Monomials that may stand in the expression, whatever their coefficient.
    """

    n: int
    columns: np.ndarray
    i: np.ndarray
    j: np.ndarray
    ki: np.ndarray
    kj: np.ndarray
    omega: np.ndarray
    target: np.ndarray
    own: np.ndarray
    constant: np.ndarray
    mu: np.ndarray
    still: np.ndarray
    switched: np.ndarray
    free: np.ndarray

    @classmethod
    def of(cls, conditions: Conditions, i: np.ndarray, j: np.ndarray, v: np.ndarray) -> BilinearTerms:
        """Return the products ``v z_i z_j`` of the leader (every one once, i <= j) and those of the conditions.

        Products with a multiplier that is fixed at zero are zero and left out.
        """
        M, live, n = conditions.M, conditions.live, len(conditions.columns)
        row, column, value = conditions.weighted[row_index(M)], M.indices.astype(np.int64), M.data
        keep = live[row] & live[column] & (value != 0)
        row, column, value = row[keep], column[keep], value[keep]
        keep = live[i] & live[j] & (v != 0)
        gi, gj, gv = i[keep], j[keep], v[keep]

        low, high = np.minimum(row, column), np.maximum(row, column)
        key, where = np.unique(np.concatenate([low * n + high, gi * n + gj]), return_inverse=True)
        i, j = key // n, key % n
        at, m, first = where[: len(row)], len(key), row == low
        constant, mu = np.zeros(n), np.zeros(n, dtype=bool)
        constant[conditions.weighted], mu[conditions.weighted] = conditions.constant, conditions.gammas
        omega = np.bincount(where[len(row) :], weights=gv, minlength=m)
        theirs = np.zeros(n, dtype=bool)
        theirs[conditions.weighted] = True
        owner = conditions.owner
        own = (owner[i] == owner[j]) & (owner[i] >= 0)
        return cls(
            n, conditions.columns, i, j,
            np.bincount(at[first], weights=value[first], minlength=m),
            np.bincount(at[~first], weights=value[~first], minlength=m),
            omega, np.where(_convex(n, i, j, omega), 0.0, omega), own, constant, mu, np.zeros(n, dtype=bool),
            (conditions.binary[i] & theirs[j]) | (conditions.binary[j] & theirs[i]), np.zeros(m, dtype=bool),
        )  # fmt: skip

    def flat(self) -> BilinearTerms:
        """Return the same products where no weight may bring in curvature: alpha = 0 on curved columns."""
        return replace(self, still=self.curved)

    def with_binaries(self) -> BilinearTerms:
        """Return the same products where those of the leader's binaries with columns of followers are free.

        Each is linear between four rows once the other factor has a box (:mod:`kktgen.reformulate.binary_products`).
        """
        rest = np.where(self.switched, 0.0, self.omega)
        target = np.where(_convex(self.n, self.i, self.j, rest), 0.0, rest)
        return replace(self, free=self.switched, target=target)

    @property
    def written(self) -> np.ndarray:
        """Monomials of the leader (m,) bool."""
        return self.omega != 0

    @property
    def held(self) -> np.ndarray:
        """Monomials that some weight changes (m,) bool."""
        return (self.ki != 0) | (self.kj != 0)

    @property
    def curved(self) -> np.ndarray:
        """Columns y with curvature in their follower's cost (n,) bool."""
        out = np.zeros(self.n, dtype=bool)
        at = self.own & self.held
        out[self.i[at]] = out[self.j[at]] = True
        return out

    def equations(self, at: np.ndarray) -> PairEquations:
        """Return ``ki w_i + kj w_j + target = 0`` for the monomials ``at``."""
        return PairEquations(self.i[at], self.j[at], self.ki[at], self.kj[at], self.target[at])

    def coupling(self) -> PairEquations:
        """Return ``alpha_i = alpha_j`` for the columns P couples; then ``diag(alpha) P`` is psd when alpha >= 0."""
        at = np.flatnonzero(self.own & self.held & (self.i != self.j))
        return PairEquations(self.i[at], self.j[at], np.ones(len(at)), -np.ones(len(at)), np.zeros(len(at)))

    def change(self, w: np.ndarray) -> np.ndarray:
        """Return what the weights add to every coefficient, rounding errors removed (m,)."""
        left, right = self.ki * w[self.i], self.kj * w[self.j]
        out = left + right
        out[np.abs(out) <= ZERO * (np.abs(left) + np.abs(right))] = 0.0
        out[~self.own & ~self.written & ~self.free] = 0.0
        return out

    def rewritten(self, w: np.ndarray, met: np.ndarray | None = None) -> np.ndarray:
        """Return the coefficients with weights w, cancelled ones exactly zero (m,); ``met`` equations hold exactly."""
        size = np.abs(self.ki * w[self.i]) + np.abs(self.kj * w[self.j]) + np.abs(self.omega)
        out = self.omega + self.change(w)
        out[np.abs(out) <= ZERO * size] = 0.0
        return out if met is None else np.where(met, self.omega - self.target, out)

    def hessian(self, v: np.ndarray) -> Csr:
        """Return the Hessian (n, n) of ``sum v z_i z_j``."""
        half = coo(v, self.i, self.j, (self.n, self.n))
        return Csr(half + half.T)


def _convex(n: int, i: np.ndarray, j: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return whether every monomial ``v z_i z_j`` stands in a psd block of the Hessian (m,) bool."""
    used = v != 0
    columns, where = np.unique(np.concatenate([i[used], j[used]]), return_inverse=True)
    i, j = where[: used.sum()], where[used.sum() :]
    half = coo(v[used], i, j, (len(columns), len(columns)))
    P = Csr(half + half.T)
    count, label = components(P)
    diagonal = P.diagonal()
    cross = i != j
    bad = np.zeros(count, dtype=bool)
    bad[label[diagonal < 0]] = True
    bad[label[i[cross & ((diagonal[i] == 0) | (diagonal[j] == 0))]]] = True
    open_ = np.unique(label[i[cross & ~bad[label[i]]]])
    order = np.argsort(label, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(label, minlength=count))])
    for block in open_:
        members = order[starts[block] : starts[block + 1]]
        bad[block] = not is_psd(Csr(P[members][:, members]))
    out = np.ones(len(v), dtype=bool)
    out[used] = ~bad[label[i]]
    return out
