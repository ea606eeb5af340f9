"""A leaf of a proof: prices in rational numbers that bound the objective, or show that there is no point.

Prices are rounded to few digits first. Where a column has no bound its reduced cost must vanish exactly; there the
prices, and the point of the tangent if need be, are completed by solving linear equations in rational numbers.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ...deadline import Deadline
from ..certificate import number
from ..linear import Elimination, solve
from ..optimum import Box, Refused, lower_bound
from .program import Program
from .relaxation import Relaxation, Relaxed

DIGITS = 2.0**30
"""Prices and points are rounded to whole multiples of one over this."""
ROUNDING = 1e-6
"""Relative distance to the known value that rounding explains."""
NEAR = 1e-5
"""A reduced cost up to this is meant to vanish."""
PAID = 1e-6
"""Prices from here on may change in the completion; smaller ones are taken for zero."""


def leaf(
    relaxation: Relaxation, found: Relaxed, box: Box, tight: frozenset[int], cut: Fraction, known: Fraction,
    deadline: Deadline,
) -> tuple[list[Any], Fraction | None] | None:  # fmt: skip
    """Return the leaf that proves a node done, and its bound if it is one; None where rational numbers do not say so.

    Parameters
    ----------
    relaxation : Relaxation
    found : Relaxed
        What it says of the node.
    box, tight
        The node, exactly.
    cut : Fraction
        What the objective is to be shown not to be below.
    known : Fraction
        The value of the point; where a linear program's optimum seems to be just that, it is sought exactly.
    deadline : Deadline
    """
    if any(low is not None and high is not None and low > high for low, high in box.values()):
        return ["empty"], None
    if found.y is None:
        return None
    y, z = _rounded(relaxation, found)
    plain = _written(relaxation, found, y, z)
    value = _proves(relaxation.program, plain, box, tight)
    if _enough(plain, value, cut):
        return _sharpened(relaxation, found, plain, value, (y, z), box, tight, known, deadline)
    completed = _completed(relaxation, found, y, z, box, tight, deadline)
    if completed is None:
        return None
    plain = _written(relaxation, found, *completed)
    value = _proves(relaxation.program, plain, box, tight)
    if not _enough(plain, value, cut):
        return None
    return _sharpened(relaxation, found, plain, value, (y, z), box, tight, known, deadline)


def _sharpened(
    relaxation: Relaxation, found: Relaxed, plain: list[Any], value: Fraction | None,
    given: tuple[dict[int, Fraction], dict[int, Fraction]], box: Box, tight: frozenset[int], known: Fraction,
    deadline: Deadline,
) -> tuple[list[Any], Fraction | None]:  # fmt: skip
    """Return a leaf, that of an exact vertex where it falls short of the known value by rounding alone."""
    if plain[0] == "ray" or not relaxation.linear or value is None or value >= known:
        return plain, value
    if float(known - value) > ROUNDING * max(1.0, abs(float(known))):
        return plain, value
    completed = _completed(relaxation, found, *given, box, tight, deadline, every=True)
    if completed is None:
        return plain, value
    other = _written(relaxation, found, *completed)
    better = _proves(relaxation.program, other, box, tight)
    return (other, better) if better is not None and better > value else (plain, value)


def _enough(plain: list[Any], value: Fraction | None, cut: Fraction) -> bool:
    return value is not None and (value >= cut if plain[0] == "bound" else value > 0)


def _rounded(relaxation: Relaxation, found: Relaxed) -> tuple[dict[int, Fraction], dict[int, Fraction]]:
    """Return row prices by number of the row, and the point where it is curved, in the units of the problem."""
    p = relaxation.program
    unit = Fraction(p.unit) if found.x is not None else Fraction(1)
    assert found.y is not None
    y = np.round(found.y * DIGITS) / DIGITS
    keys, units = _keys(relaxation, found), relaxation.units
    prices = {keys[k]: Fraction(float(y[k])) * unit / Fraction(units[k]) for k in np.flatnonzero(y)}
    if found.x is None:
        return prices, {}
    x = np.round((found.x if found.point is None else found.point) * DIGITS) / DIGITS
    return prices, {j: Fraction(float(x[j])) * Fraction(p.columns[j]) for j in p.goal.P if x[j]}


def _keys(relaxation: Relaxation, found: Relaxed) -> list[int]:
    """Return what the entries of row prices are called: the number of the row; tangents are counted on behind."""
    assert found.y is not None
    p = relaxation.program
    first = len(p.kkt.rows)
    return [*p.number.tolist(), *range(first, first + len(found.y) - len(p.number))]


def _terms(relaxation: Relaxation, key: int) -> dict[int, Fraction]:
    """Return the terms of a row, or of a tangent."""
    rows = relaxation.program.kkt.rows
    return rows[key].terms if key < len(rows) else relaxation.tangents[key - len(rows)].terms


def _written(relaxation: Relaxation, found: Relaxed, y: dict[int, Fraction], z: dict[int, Fraction]) -> list[Any]:
    first = len(relaxation.program.kkt.rows)
    prices: list[Any] = []
    for i, v in sorted(y.items()):
        if v and i < first:
            prices.append([i, number(v)])
        elif v:
            tangent = relaxation.tangents[i - first]
            prices.append([tangent.row.number, number(v), [[j, number(x)] for j, x in tangent.point]])
    if found.x is None:
        return ["ray", prices]
    return ["bound", [[j, number(v)] for j, v in sorted(z.items()) if v], prices]


def _proves(program: Program, plain: list[Any], box: Box, tight: frozenset[int]) -> Fraction | None:
    """Return what a leaf proves of the objective, or of zero; None where it proves nothing."""
    try:
        return lower_bound(program.kkt, program.goal if plain[0] == "bound" else None, plain, box, tight)
    except Refused:
        return None


def _completed(
    relaxation: Relaxation,
    found: Relaxed,
    y: dict[int, Fraction],
    z: dict[int, Fraction],
    box: Box,
    tight: frozenset[int],
    deadline: Deadline,
    every: bool = False,
) -> tuple[dict[int, Fraction], dict[int, Fraction]] | None:
    """Return prices and point nearby for which reduced costs vanish where a bound is missing; None if none is found.

    With ``every`` they vanish wherever they nearly do.
    """
    p, kkt = relaxation.program, relaxation.program.kkt
    goal = p.goal if found.x is not None else None
    assert found.y is not None
    size = np.abs(found.y)
    keys = np.array(_keys(relaxation, found), dtype=int)
    equal = np.array([i in tight or (i < len(kkt.rows) and _equal(kkt.rows[i])) for i in keys.tolist()], dtype=bool)
    free = {int(i) for i in keys[(size > PAID) | equal]}
    y = {i: v for i, v in y.items() if i in free}
    slope: dict[int, Fraction] = {}
    if goal is not None:
        values, unit, _ = goal.tangent(["bound", list(z.items())], box)
        slope = {j: Fraction(v) / unit for j, v in values.items()}
    rows: dict[int, dict[int, Fraction]] = {}
    for i in free:
        for j, v in _terms(relaxation, i).items():
            if v and (every or None in box[j]):
                rows.setdefault(j, {})[i] = v
    paid: dict[int, Fraction] = {}
    for j, row in rows.items():
        paid[j] = sum((v * y[i] for i, v in row.items() if i in y), Fraction(0))
    own = p.columns / p.unit
    wanted, sides = [], []
    for j in {*rows, *(j for j in slope if every or None in box[j])}:
        g = slope.get(j, Fraction(0)) - paid.get(j, Fraction(0))
        if abs(float(g)) * own[j] > NEAR:
            if box[j][g < 0] is None:
                return None
            continue
        row = dict(rows.get(j, {}))
        for i, entry in p.goal.P.get(j, ()) if goal is not None else ():
            row[-1 - i] = Fraction(-entry, p.goal.unit)
        wanted.append(row)
        sides.append(g)
    kind = {i: 1 + (i < 0) for row in wanted for i in row}
    factors = Elimination(wanted, [0] * len(wanted), kind, deadline).factors
    steps = solve(wanted, sides, factors, deadline)  # what the pivots change by; the others stay
    out = {**y}, {**z}
    for i, v in steps.items():
        part, key = (out[0], i) if i >= 0 else (out[1], -1 - i)
        part[key] = part.get(key, Fraction(0)) + v
    return out


def _equal(row: Any) -> bool:
    return row.low is not None and row.low == row.high
