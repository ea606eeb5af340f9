"""Linear equations in rational numbers: choose a regular subsystem near a point, and solve it exactly.

The equations are eliminated twice at once, in floating point, which says how large a pivot is, and modulo a large
prime, which says whether it is zero: a system that is regular modulo a prime is regular. Its solution is lifted digit
by digit in that prime and turned into fractions, which are put into the equations before anybody sees them.

Loops run over the nonzeros in Python, for these numbers are integers of any length.

Source: Dixon, "Exact solution of linear equations using p-adic expansions", Numerische Mathematik 40 (1982).
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import gcd, isqrt, lcm

from ..deadline import NEVER, Deadline

PRIME = 2**255 - 19
"""The modulus of the elimination and the base of the digits."""
SMALL = 1e-9
"""An entry of the scaled rows up to this is no pivot: dependent in the data but for rounding."""
THRESHOLD = 0.05
"""A pivot is at least this times the largest entry its row has."""

Row = Mapping[int, Fraction]


@dataclass
class Factors:
    """The pivots of an elimination modulo ``PRIME``, in order, and what was done to the rows.

    Parameters
    ----------
    pivots : list of (row, column, inverse of the pivot)
    steps : list of (row, pivot row, factor)
        ``row -= factor * pivot row``, in order.
    rows : dict
        Each pivot row as it was when it became one.
    """

    pivots: list[tuple[int, int, int]] = field(default_factory=list)
    steps: list[tuple[int, int, int]] = field(default_factory=list)
    rows: dict[int, dict[int, int]] = field(default_factory=dict)


class Elimination:
    """Gaussian elimination with pivots that are few in fill-in, large in floating point and nonzero modulo a prime.

    Parameters
    ----------
    rows : sequence of mapping
        Coefficients by column.
    rank : sequence of int
        Rows of a lower rank are served first, in every class of columns.
    kind : mapping
        Class of every column: those of class 1 become pivots before those of class 2, and so on. A row that no pivot
        of one class serves waits for the next.
    deadline : Deadline
        Time limit.
    """

    def __init__(
        self, rows: Sequence[Row], rank: Sequence[int], kind: Mapping[int, int], deadline: Deadline = NEVER
    ) -> None:
        self.rank, self.kind, self.deadline = rank, kind, deadline
        self.exact = [{c: v.numerator * pow(v.denominator, -1, PRIME) % PRIME for c, v in r.items()} for r in rows]
        self.size = [_scaled(r) for r in rows]
        self.where: dict[int, set[int]] = {}
        for r, row in enumerate(rows):
            for c in row:
                self.where.setdefault(c, set()).add(r)
        self.left = set(range(len(rows)))
        self.factors = Factors()
        for group in sorted({kind[c] for c in self.where}):
            self._eliminate(group)

    def _eliminate(self, group: int) -> None:
        heap = [(self.rank[r], len(self.exact[r]), r) for r in self.left]
        heapq.heapify(heap)
        while heap:
            rank, count, r = heapq.heappop(heap)
            if r not in self.left:
                continue
            if count != len(self.exact[r]):
                heapq.heappush(heap, (rank, len(self.exact[r]), r))
                continue
            column = self._choose(r, group)
            if column is not None:
                self._pivot(r, column, heap)
                self.deadline.check()

    def _choose(self, r: int, group: int) -> int | None:
        """Return the column of row r to pivot on: in few other rows, and not small."""
        size, kind = self.size[r], self.kind
        open_to = [c for c in size if kind[c] <= group]
        least = max(SMALL, THRESHOLD * max((abs(size[c]) for c in open_to), default=0.0))
        fit = [c for c in open_to if abs(size[c]) >= least]
        return min(fit, key=lambda c: (len(self.where[c]), -abs(size[c]), c), default=None)

    def _pivot(self, r: int, column: int, heap: list[tuple[int, int, int]]) -> None:
        row, size = self.exact[r], self.size[r]
        inverse = pow(row[column], -1, PRIME)
        self.left.discard(r)
        for c in row:
            self.where[c].discard(r)
        entries = [(c, v, size[c]) for c, v in row.items() if c != column]
        for t in sorted(self.where[column]):
            other, large = self.exact[t], self.size[t]
            factor, ratio = other.pop(column) * inverse % PRIME, large.pop(column) / size[column]
            for c, v, number in entries:
                old = other.get(c)
                if old is None:
                    other[c], large[c] = -factor * v % PRIME, -ratio * number
                    self.where[c].add(t)
                    continue
                value = (old - factor * v) % PRIME
                if value:
                    other[c] = value
                    large[c] -= ratio * number
                else:
                    del other[c], large[c]
                    self.where[c].discard(t)
            self.factors.steps.append((t, r, factor))
            heapq.heappush(heap, (self.rank[t], len(other), t))
        self.where[column].clear()
        self.factors.pivots.append((r, column, inverse))
        self.factors.rows[r] = row


def _scaled(row: Row) -> dict[int, float]:
    top = float(max((abs(v) for v in row.values()), default=Fraction(1)))
    return {c: float(v) / top for c, v in row.items()}


def solve(
    rows: Sequence[Row], sides: Sequence[Fraction], factors: Factors, deadline: Deadline = NEVER
) -> dict[int, Fraction]:
    """Return the exact values of the pivot columns, from the pivot rows; the other columns stand in the sides.

    Raises
    ------
    OutOfTime
        The deadline has passed.
    """
    values: dict[int, Fraction] = {}
    for part in _parts(rows, factors):
        values |= _Lifting(rows, sides, part, deadline).run()
    return values


def _parts(rows: Sequence[Row], factors: Factors) -> list[Factors]:
    """Return the factors of every connected part of the pivot rows and columns."""
    parent = list(range(len(rows)))

    def root(r: int) -> int:
        while parent[r] != r:
            parent[r] = parent[parent[r]]
            r = parent[r]
        return r

    home = {column: r for r, column, _ in factors.pivots}
    for r, *_ in factors.pivots:
        for c in rows[r]:
            if c in home:
                parent[root(home[c])] = root(r)
    parts: dict[int, Factors] = {}
    for pivot in factors.pivots:
        part = parts.setdefault(root(pivot[0]), Factors())
        part.pivots.append(pivot)
        part.rows[pivot[0]] = factors.rows[pivot[0]]
    served = {r for r, *_ in factors.pivots}
    for step in factors.steps:
        if step[0] in served:
            parts[root(step[1])].steps.append(step)
    return list(parts.values())


class _Lifting:
    """One regular system over the integers, its solution digit by digit."""

    def __init__(self, rows: Sequence[Row], sides: Sequence[Fraction], factors: Factors, deadline: Deadline) -> None:
        self.factors, self.deadline = factors, deadline
        mine = {column for _, column, _ in factors.pivots}
        self.rows: dict[int, list[tuple[int, int]]] = {}
        self.sides: dict[int, int] = {}
        self.unscale: dict[int, int] = {}
        for r, *_ in factors.pivots:
            own = [(c, v) for c, v in rows[r].items() if c in mine]
            scale = lcm(sides[r].denominator, *(v.denominator for _, v in own))
            side, whole = int(sides[r] * scale), [int(v * scale) for _, v in own]
            shared = gcd(side, *whole)
            self.rows[r] = [(c, v // shared) for (c, _), v in zip(own, whole, strict=True)]
            self.sides[r] = side // shared
            self.unscale[r] = shared * pow(scale, -1, PRIME) % PRIME

    def run(self) -> dict[int, Fraction]:
        """Return the solution, put into the equations."""
        rest = dict(self.sides)
        values = dict.fromkeys((column for _, column, _ in self.factors.pivots), 0)
        power, wanted = 1, 1
        for count in itertools.count(1):  # the fractions have finite length, by Cramer's rule
            self.deadline.check()
            digit = self._digit(rest)
            for c, d in digit.items():
                values[c] += power * d
            for r, row in self.rows.items():
                rest[r] = (rest[r] - sum(v * digit[c] for c, v in row)) // PRIME
            power *= PRIME
            if count == wanted:
                found = _fractions(values, power)
                if found is not None and self._holds(*found):
                    numerators, denominator = found
                    return {c: Fraction(n, denominator) for c, n in numerators.items()}
                wanted += max(1, count // 2)
        raise AssertionError("not reached")

    def _digit(self, rest: Mapping[int, int]) -> dict[int, int]:
        """Return the solution of the system modulo the prime, for another right-hand side."""
        b = {r: value * self.unscale[r] % PRIME for r, value in rest.items()}
        for t, r, factor in self.factors.steps:
            b[t] = (b[t] - factor * b[r]) % PRIME
        x: dict[int, int] = {}
        for r, column, inverse in reversed(self.factors.pivots):
            known = sum(v * x[c] for c, v in self.factors.rows[r].items() if c in x)
            x[column] = (b[r] - known) * inverse % PRIME
        return x

    def _holds(self, x: Mapping[int, int], denominator: int) -> bool:
        return all(sum(v * x[c] for c, v in row) == self.sides[r] * denominator for r, row in self.rows.items())


def _fractions(values: Mapping[int, int], power: int) -> tuple[dict[int, int], int] | None:
    """Return numerators and the common denominator the residues modulo ``power`` stand for, where short enough."""
    limit, den = isqrt(power // 2), 1
    out: dict[int, tuple[int, int]] = {}
    for c, value in values.items():
        n = value * den % power
        n = n - power if 2 * n > power else n
        if abs(n) > limit >> 64:
            found = _fraction(n % power, power, limit)
            if found is None or den * found[1] > limit:
                return None
            n, den = found[0], den * found[1]
        out[c] = (n, den)
    return {c: n * (den // d) for c, (n, d) in out.items()}, den


def _fraction(value: int, modulus: int, limit: int) -> tuple[int, int] | None:
    """Return n and d > 0, both up to ``limit``, with ``n = d value`` modulo ``modulus`` (Euclid's algorithm)."""
    a, b, u, v = modulus, value, 0, 1
    while b > limit:
        q = a // b
        a, b, u, v = b, a - q * b, v, u - q * v
    return None if abs(v) > limit or v == 0 else (b, v) if v > 0 else (-b, -v)
