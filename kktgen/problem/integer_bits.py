"""Integer columns of the leader as sums of binaries: ``x = lb + sum_k 2^k b_k``."""

from __future__ import annotations

import numpy as np

from ..errors import BoundError
from ..numerics.sparse import coo, position
from .columns import LEADER, Space, on_integers
from .rows import Rows

MOST = 2**20
"""Values an integer column may have to be written in bits."""


class Bits:
    """The bits of the leader's integer columns that some follower's row multiplies.

    Parameters
    ----------
    space : Space
        The binaries are appended to it, as a variable of the leader.
    rows : list of Rows
        The leader's; the equations of the bits are appended to them.
    names : set of str
        Names of the leader's variables; those of the bits are added.
    """

    def __init__(self, space: Space, rows: list[Rows], names: set[str]) -> None:
        self.space, self.rows, self._names = space, rows, names
        none = np.empty(0, dtype=np.int64)
        self._columns, self._first, self._count, self._low = none, none, none, np.empty(0)
        self._made = 0

    def of(self, columns: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return for integer columns (k,) the first of their bits, the number of bits and the lower bound.

        Raises
        ------
        BoundError
            A column without finite bounds, or with too many values.
        """
        fresh = np.setdiff1d(columns, self._columns)
        if len(fresh):
            self._declare(fresh, where)
        at = position(self._columns, columns)
        return self._first[at], self._count[at], self._low[at]

    @property
    def made(self) -> np.ndarray:
        """All columns of bits."""
        return np.concatenate([np.arange(a, a + k) for a, k in zip(self._first, self._count, strict=True)] or [
            np.empty(0, dtype=np.int64)
        ])  # fmt: skip

    def filled(self, z: np.ndarray) -> np.ndarray:
        """Return a point (n,) with the bits that its integers have."""
        z, at, count = z.copy(), self.made, self._count
        if len(at):
            whole = np.repeat(np.round(np.nan_to_num(z[self._columns] - self._low)).astype(np.int64), count)
            power = np.arange(len(at)) - np.repeat(np.cumsum(count) - count, count)
            z[at] = (np.maximum(whole, 0) >> power) & 1
        return z

    def _declare(self, columns: np.ndarray, where: str) -> None:
        """Append bits and equations for integer columns."""
        space = self.space
        lb, ub = on_integers(space.lb[columns], space.ub[columns], space.kind[columns])
        with np.errstate(invalid="ignore"):
            wide = ~(np.isfinite(lb) & np.isfinite(ub)) | (ub - lb >= MOST)
        if wide.any():
            at = int(np.flatnonzero(wide)[0])
            raise BoundError(
                f"{where}: the integer {space.label(columns[at])} is multiplied with a follower's expression, so it is "
                f"written in bits; that takes finite bounds and at most {MOST} values, it lies in "
                f"[{lb[at]:g}, {ub[at]:g}]. Give it bounds, m.var(.., lb=.., ub=..)"
            )
        count = np.maximum(np.ceil(np.log2(np.maximum(ub - lb, 1.0) + 1.0)).astype(np.int64), 1)
        self._made += 1
        while f"bits{self._made}" in self._names:
            self._made += 1
        name = space.made(f"bits{self._made}", "", self._names)
        bits = space.append(name, "leader", lb=0.0, ub=1.0, kind="B", owner=LEADER, shape=(int(count.sum()),))
        start = bits[0] + np.cumsum(count) - count
        row = np.repeat(np.arange(len(columns)), count)
        power = 2.0 ** (np.arange(len(bits)) - np.repeat(np.cumsum(count) - count, count))
        M = coo(
            np.concatenate([np.ones(len(columns)), -power]), np.concatenate([np.arange(len(columns)), row]),
            np.concatenate([columns, bits]), (len(columns), len(space)),
        )  # fmt: skip
        self.rows.append(Rows(space, M, lb, lb.copy(), (len(columns),), name))
        self._columns = np.concatenate([self._columns, columns])
        self._first, self._count = np.concatenate([self._first, start]), np.concatenate([self._count, count])
        self._low = np.concatenate([self._low, lb])
