"""A point inside the leader's curved rows: solvers put it on them up to rounding, where no rational number need be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from ...deadline import Deadline
from .curved import CurvedRow
from .program import Program
from .relaxation import Node, Relaxation

INWARD = Fraction(1, 10**6)
"""How far inside, relative to the side and 1."""


def inside(
    program: Program, curved: Sequence[CurvedRow], point: Sequence[Fraction], deadline: Deadline
) -> np.ndarray | None:  # fmt: skip
    """Return the best point with the same zeros of the pairs and the same integers inside the curved rows, if any.

    Parameters
    ----------
    program : Program
    curved : sequence of CurvedRow
    point : sequence of Fraction (n,)
    deadline : Deadline

    Raises
    ------
    OutOfTime
        The deadline has passed.
    """
    p, z = program, np.array([float(v) for v in point]) / program.columns
    lb, ub, lo = p.lb.copy(), p.ub.copy(), p.lo.copy()
    shut = z[p.pairs.mu] <= np.maximum(p.pairs.slack(z), 0.0)
    ub[p.pairs.mu[shut]] = 0.0
    for k in np.flatnonzero(~shut):
        row, j = p.pairs.row[k], p.pairs.alone[k]
        if j >= 0:
            lb[j] = ub[j] = float(p.kkt.alone(int(row), tight=True)[1] or 0) / p.columns[j]
        else:
            lo[p.place[row]] = p.hi[p.place[row]]
    whole = list(p.kkt.integers)
    lb[whole] = ub[whole] = np.round(z[whole])
    inner = [replace(row, inward=INWARD * max(abs(row.end), Fraction(1))) for row in curved]
    found = Relaxation(program, deadline, inner).solve(Node(lb, ub, lo, p.hi))
    return None if found.x is None else found.x * p.columns
