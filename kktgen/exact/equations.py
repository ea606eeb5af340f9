"""The equations a point with a given pattern satisfies, and the rational point near it that satisfies them exactly.

::

    P y + Q x + q - A'lam + G'mu = 0,   A y + B x = b                    all followers
    s_i = 0 where pair i is tight,      mu_i = 0 where it is shut        (both at a kink)
    a'z = side                          the leader's rows that hold with equality at the point

Columns that the equations leave free keep their values, so the rational point lies as near as rounding allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..deadline import NEVER, Deadline
from ..model.kkt_system import Kkt
from ..model.model import Model
from ..numerics.sparse import Csr, csr, vstack, widen
from ..verification.residuals import row_scale
from .linear import Elimination, solve
from .problem import leader_rows

FIXED, FOLLOWER, KINK, RECOURSE, DECISION = range(5)
"""Classes of columns: a later one only moves where the earlier ones cannot satisfy the equations."""


@dataclass(frozen=True, eq=False)
class Equations:
    """``M z + c = 0`` for all rows that may hold with equality: stationarity, equations, inequalities, leader's rows.

    Parameters
    ----------
    M, c
        All rows, in that order.
    pair : slice
        The followers' inequalities ``s = M z + c >= 0``.
    leader : slice
        The leader's rows, with their nearest side.
    """

    M: Csr
    c: np.ndarray
    pair: slice
    leader: slice

    @classmethod
    def of(cls, model: Model, kkt: Kkt, z: np.ndarray) -> Equations:
        """Return the equations of a model; the sides of the leader's rows are those nearest to z."""
        rows = leader_rows(model)
        M, lo, hi = Csr(model.rows.M[rows]), model.rows.lo[rows], model.rows.hi[rows]
        value = M @ z[: M.shape[1]]
        side = np.where(np.abs(value - lo) <= np.abs(hi - value), lo, hi)
        side = np.where(np.isfinite(side), side, value)
        first = len(kkt.y) + len(kkt.lam)
        last = first + len(kkt.mu)
        return cls(
            vstack([kkt.S, kkt.E, kkt.C, widen(M, model.n)], model.n),
            np.concatenate([kkt.s0, kkt.e0, kkt.c0, -side]),
            slice(first, last),
            slice(last, last + len(rows)),
        )

    def values(self, z: Sequence[Fraction], rows: Sequence[int]) -> list[Fraction]:
        """Return ``M z + c`` exactly for some rows."""
        ends, columns, data = (part.tolist() for part in (self.M.indptr, self.M.indices, self.M.data))
        out = []
        for r in rows:
            entries = zip(columns[ends[r] : ends[r + 1]], data[ends[r] : ends[r + 1]], strict=True)
            out.append(sum((Fraction(v) * z[j] for j, v in entries), Fraction(float(self.c[r]))))
        return out

    def near(
        self, z: Sequence[Fraction], kind: np.ndarray, rows: np.ndarray, rank: np.ndarray, deadline: Deadline = NEVER
    ) -> tuple[list[Fraction], np.ndarray]:
        """Return the point near z that satisfies as many of some rows as are independent, and the rows left out.

        Parameters
        ----------
        z : sequence of Fraction (n,)
        kind : ndarray (n,) of int
            Class of every column.
        rows : ndarray of int
        rank : ndarray of int
            Rows of a lower rank are satisfied first.

        Raises
        ------
        OutOfTime
            The deadline has passed.
        """
        M, classes = Csr(self.M[rows]), kind.tolist()
        ends, columns, data = M.indptr.tolist(), M.indices.tolist(), M.data.tolist()
        left, sides = [], []
        for k, constant in enumerate(self.c[rows].tolist()):
            entries = zip(columns[ends[k] : ends[k + 1]], data[ends[k] : ends[k + 1]], strict=True)
            row = {j: Fraction(v) for j, v in entries}
            left.append({j: v for j, v in row.items() if classes[j]})
            sides.append(-Fraction(constant) - sum((v * z[j] for j, v in row.items() if not classes[j]), Fraction(0)))
        factors = Elimination(left, rank.tolist(), dict(enumerate(classes)), deadline).factors
        basic = {column for _, column, _ in factors.pivots}
        for k, *_ in factors.pivots:
            sides[k] -= sum((v * z[j] for j, v in left[k].items() if j not in basic), Fraction(0))
        out = list(z)
        for j, v in solve(left, sides, factors, deadline).items():
            out[j] = v
        served = np.array(sorted(k for k, *_ in factors.pivots), dtype=np.int64)
        return out, np.delete(rows, served)


def seen(kkt: Kkt, n: int) -> np.ndarray:
    """Return which columns any follower's problem holds (n,) bool."""
    out = np.zeros(n, dtype=bool)
    out[kkt.seen] = out[kkt.y] = True
    return out


def scaled_slacks(kkt: Kkt, z: np.ndarray) -> np.ndarray:
    """Return the slacks of the followers' inequalities over the scale of their row (mi,)."""
    return (kkt.C @ z[: kkt.C.shape[1]] + kkt.c0) / row_scale(kkt.C, z, kkt.c0)


def scaled_prices(kkt: Kkt, z: np.ndarray) -> np.ndarray:
    """Return the multipliers mu over the largest gradient entry of their follower, at least 1 (mi,)."""
    own = np.zeros(kkt.S.shape[1], dtype=bool)
    own[np.concatenate([kkt.lam, kkt.mu])] = True
    gradient = csr(np.where(own[kkt.S.indices], 0.0, kkt.S.data), kkt.S.indices, kkt.S.indptr, kkt.S.shape)
    top = np.ones(len(kkt.systems))
    np.maximum.at(top, kkt.y_of, np.abs(gradient @ z[: kkt.S.shape[1]] + kkt.s0))
    return z[kkt.mu] / top[kkt.mu_of]
