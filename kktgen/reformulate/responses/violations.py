"""Binaries that are 1 only where the leader moves a row so far that a response is no longer feasible.

A response is feasible while ``a'x <= r`` for every row the leader moves. A binary v may be 1 only where ``a'x >= t``:
where a'x takes values at a known distance (integers x and fractions a), t is the next value beyond r, and v is exact;
where x is continuous, t is r itself: v may be 1 at a'x = r too, so that more is allowed than is true, never less.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .base import Base
from .rows import Additions

NEAR = 1e-9
"""Distance at which a value counts as reached, over what the row varies by, or its side where that is less."""
ROUNDING = 1e-15
"""Relative error of a side."""


@dataclass(frozen=True, eq=False)
class Literals:
    """The sum ``constant + sum sign z_column``, at least 1 where some row is violated; ``always``: everywhere."""

    column: np.ndarray
    sign: np.ndarray
    constant: float
    always: bool = False

    @property
    def count(self) -> int:
        """How many rows may be violated."""
        return len(self.column)


@dataclass(eq=False)
class Violations:
    """The binaries of a master, one for every row and side.

    Parameters
    ----------
    base : Base
    added : Additions
    eps : float
        By how much ``t`` lies beyond r where x is continuous, over the same; 0 for a relaxation.
    """

    base: Base
    added: Additions
    eps: float = 0.0
    _known: dict[bytes, int] = field(default_factory=dict)

    def of(self, A: np.ndarray, r: np.ndarray, step: np.ndarray, x: np.ndarray) -> Literals:
        """Return the binaries of rows ``A z[x] <= r`` (m,), whose values have the distance ``step`` (0: dense)."""
        lb, ub = self.base.lb[x], self.base.ub[x]
        with np.errstate(invalid="ignore"):
            low = np.where(A > 0, A * lb, np.where(A < 0, A * ub, 0.0)).sum(axis=1)
            high = np.where(A > 0, A * ub, np.where(A < 0, A * lb, 0.0)).sum(axis=1)
        size = np.minimum(1.0 + np.abs(r), high - low)
        dense = step <= 0
        pitch = np.where(dense, 1.0, step)
        room = np.where(dense, NEAR * size + ROUNDING * np.abs(r), 0.5 * pitch)
        t = np.where(dense, r + self.eps * size, (np.floor(r / pitch + NEAR) + 1.0) * pitch)
        never = np.where(dense, high <= r + room, high < t - room) | ~A.any(axis=1)
        if (~never & np.where(dense, low > r + room, low >= t - room)).any():
            return Literals(np.empty(0, dtype=np.int64), np.empty(0), 0.0, True)
        live = np.flatnonzero(~never)
        columns, signs, constant = [], [], 0.0
        single = (np.count_nonzero(A, axis=1) == 1) & (self.base.free.space.kind[x][np.argmax(A != 0, axis=1)] != "C")
        for i in live.tolist():
            j = int(np.argmax(A[i] != 0))
            if single[i] and lb[j] == 0 and ub[j] == 1:
                columns.append(int(x[j]))
                signs.append(1.0 if A[i, j] > 0 else -1.0)
                constant += A[i, j] < 0
            else:
                columns.append(self._binary(A[i], float(t[i]), float(low[i]), x))
                signs.append(1.0)
        return Literals(np.array(columns, dtype=np.int64), np.array(signs), float(constant))

    def _binary(self, a: np.ndarray, t: float, low: float, x: np.ndarray) -> int:
        """Return the binary v with ``v = 1 -> a'x >= t``; low is the least value of a'x."""
        there = np.flatnonzero(a)
        key = np.concatenate([x[there], a[there], [t]]).tobytes()
        if key in self._known:
            return self._known[key]
        v = int(self.added.columns("v", 1, 0.0, 1.0, "B")[0])
        self._known[key] = v
        at, values = np.append(x[there], v), np.append(a[there], low - t)
        if np.isfinite(low):
            self.added.linear(
                "v_row", np.zeros(len(at), dtype=np.int64), at, values, np.array([low]), np.array([np.inf])
            )
        else:
            self.added.only_if("v_row", v, x[there], -a[there], t)
        return v
