"""What is bounded at every node: the rows, boxes and convex objective of a problem, exactly and as arrays.

The arrays are in units in which their numbers are of order one, powers of two, so that the way back is exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...numerics.sparse import Csr, coo
from ...reformulate.scale.scaled import Scaled
from ..optimum import Box, Goal, Kkt


@dataclass(frozen=True, eq=False)
class Pairs:
    """The pairs of a program: multiplier, number of the inequality, and its slack ``M z + r``; all in its units.

    ``alone`` is the column of an inequality that is the bound of one column, -1 elsewhere.
    """

    mu: np.ndarray
    row: np.ndarray
    alone: np.ndarray
    M: Csr
    r: np.ndarray

    def slack(self, z: np.ndarray) -> np.ndarray:
        """Return the slacks at a point."""
        return self.M @ z + self.r


@dataclass(frozen=True, eq=False)
class Program:
    """``min 1/2 z'P z + q'z + r, lo <= A z <= hi, lb <= z <= ub`` without the pairs, and the exact data behind it.

    Parameters
    ----------
    kkt, goal : Kkt, Goal
    P, q, r
    A, lo, hi, lb, ub
        ``A`` holds the rows ``number`` of ``kkt``.
    number : ndarray (m,) of int
    place : ndarray of int
        Of every row of ``kkt`` its place in ``A``, -1 where it is in none.
    columns, rows : ndarray (n,), (m,)
        Their units.
    unit : float
        That of the objective.
    pairs : Pairs
    chords : tuple of ndarray
        Columns with chords, and their weights.
    """

    kkt: Kkt
    goal: Goal
    P: Csr
    q: np.ndarray
    r: float
    A: Csr
    lo: np.ndarray
    hi: np.ndarray
    lb: np.ndarray
    ub: np.ndarray
    number: np.ndarray
    place: np.ndarray
    columns: np.ndarray
    rows: np.ndarray
    unit: float
    pairs: Pairs
    chords: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, kkt: Kkt, goal: Goal, view: Scaled) -> Program:
        """Return the program of a problem in the units of a view of its model."""
        n, c, unit = len(kkt.box), view.columns, view.objective
        single = {i for i in kkt.pairs.values() if kkt.single(i)}
        number = [
            i for i, row in enumerate(kkt.rows) if not row.products and i not in single and any(row.terms.values())
        ]
        A = _matrix([kkt.rows[i].terms for i in number], n, c)
        units = middles(A) if view.changes else np.ones(len(number))
        lo, hi = (_sides([getattr(kkt.rows[i], s) for i in number], e) / units for s, e in (("low", -1), ("high", 1)))
        switched = np.array([kkt.rows[i].switch is not None for i in number], dtype=bool)
        lo[switched], hi[switched] = -np.inf, np.inf
        lb, ub = (_sides([kkt.box[j][k] for j in range(n)], e) / c for k, e in ((0, -1), (1, 1)))
        place = np.full(len(kkt.rows), -1)
        place[number] = np.arange(len(number))
        q = np.zeros(n)
        q[list(goal.q)] = [v / goal.unit for v in goal.q.values()]
        entries = [(i, j, v / goal.unit) for i, row in goal.P.items() for j, v in row]
        i, j, v = (np.array(part) for part in zip(*entries, strict=True)) if entries else (np.empty(0, int),) * 3
        bent = np.array(list(goal.chords), dtype=int)
        P = Csr(coo(v * c[i] * c[j] / unit, i, j, (n, n)))
        return cls(
            kkt, goal, P, q * c / unit, float(goal.r) / unit,
            divided(A, units), lo, hi, lb, ub, np.array(number, dtype=int), place, c, units, unit,
            _pairs(kkt, single, n, c, view.changes),
            (bent, np.array([float(e) for e in goal.chords.values()]) * c[bent] ** 2 / unit),
        )  # fmt: skip

    @property
    def n(self) -> int:
        """Number of columns."""
        return len(self.q)

    def switched(self, box: Box) -> list[int]:
        """Return the rows that the columns fixed in a box switch on, by their place."""
        out = []
        for i, row in enumerate(self.kkt.rows):
            if row.switch is not None and self.place[i] >= 0 and box[row.switch[0]] == (Fraction(row.switch[1]),) * 2:
                out.append(int(self.place[i]))
        return out

    def sides(self, k: int) -> tuple[float, float]:
        """Return both sides of a row in its unit, whether it is on or off."""
        row, unit = self.kkt.rows[self.number[k]], self.rows[k]
        low, high = -np.inf if row.low is None else float(row.low), np.inf if row.high is None else float(row.high)
        return low / unit, high / unit

    def undecided(self, x: np.ndarray, box: Box, tolerance: float) -> list[int]:
        """Return the columns that, not fixed in a box, have values at a point whose rows the point violates."""
        out: dict[int, None] = {}
        value = self.A @ x
        for i, row in enumerate(self.kkt.rows):
            if row.switch is None or self.place[i] < 0:
                continue
            (j, at), k = row.switch, int(self.place[i])
            low, high = self.sides(k)
            if (
                box[j][0] != box[j][1]
                and abs(x[j] * self.columns[j] - float(at)) <= tolerance
                and not low - tolerance <= value[k] <= high + tolerance
            ):
                out[j] = None
        return list(out)


def _sides(values: Sequence[Fraction | None], infinite: int) -> np.ndarray:
    return np.array([infinite * np.inf if v is None else float(v) for v in values])


def _matrix(rows: Sequence[Mapping[int, Fraction]], n: int, c: np.ndarray) -> Csr:
    entries = [(k, j, float(v)) for k, row in enumerate(rows) for j, v in row.items() if v]
    i, j, v = (np.array(part) for part in zip(*entries, strict=True)) if entries else (np.empty(0, int),) * 3
    return Csr(coo(v * c[j], i, j, (len(rows), n)))


def middles(A: Csr) -> np.ndarray:
    """Return for every row the power of two in the middle of its smallest and largest entry."""
    out = np.ones(A.shape[0])
    for k in range(A.shape[0]):
        size = np.abs(A.data[A.indptr[k] : A.indptr[k + 1]])
        out[k] = 2.0 ** np.round(0.5 * (np.log2(size.min()) + np.log2(size.max()))) if len(size) else 1.0
    return out


def divided(A: Csr, units: np.ndarray) -> Csr:
    """Return a matrix, its rows divided by their units."""
    return Csr((A.data / np.repeat(units, np.diff(A.indptr)), A.indices, A.indptr), shape=A.shape)


def _pairs(kkt: Kkt, single: set[int], n: int, c: np.ndarray, scaled: bool) -> Pairs:
    live = [(mu, i) for mu, i in kkt.pairs.items() if kkt.box[mu][1] is None]
    terms = [{j: -v for j, v in kkt.rows[i].terms.items()} for _, i in live]
    M = _matrix(terms, n, c)
    units = middles(M) if scaled else np.ones(len(live))
    alone = [kkt.alone(i)[0] if i in single else -1 for _, i in live]
    r = np.array([float(kkt.rows[i].high or 0) for _, i in live])
    mu, row = (np.array([pair[k] for pair in live], dtype=int) for k in range(2))
    return Pairs(mu, row, np.array(alone, dtype=int), divided(M, units), r / units)
