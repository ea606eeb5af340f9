"""Show exactly that a follower's cost is convex: its Hessian as a sum of squares and a diagonally dominant rest.

Per connected block of ``P``, the first of these that holds exactly:

* P is diagonally dominant itself: no squares;
* ``P - t I = R'R`` in floating point, t half the smallest eigenvalue: the squares are the rows of R;
* ``P = L D L'`` in rational numbers, D >= 0;
* the squares of the positive eigenvalues: the rest is rounding, and so is what a response may miss by it.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..deadline import NEVER, Deadline
from ..numerics.sparse import Csr, components
from ..problem.qp import QP

LARGEST = 60
"""Largest block that is factorised in rational numbers."""

Square = tuple[Fraction, list[tuple[int, Fraction]]]
"""``d (l'y)^2`` as d and the entries (column, value) of l."""


def squares(qp: QP, deadline: Deadline = NEVER) -> list[Square]:
    """Return the squares that show ``1/2 y'P y`` of a follower convex, over the columns of its variables.

    Raises
    ------
    OutOfTime
        The deadline has passed.
    """
    out: list[Square] = []
    count, label = components(qp.P)
    order = np.argsort(label, kind="stable")
    for block in np.split(order, np.cumsum(np.bincount(label, minlength=count))[:-1]):
        if len(block) > 1:
            deadline.check()
            inside = Csr(qp.P[block][:, block]).toarray()
            names = qp.y[block].tolist()
            out += [(d, [(names[i], v) for i, v in vector if v]) for d, vector in _block(inside, deadline)]
    return out


def _block(P: np.ndarray, deadline: Deadline) -> list[Square]:
    size = np.abs(P)
    if (2 * P.diagonal() >= size.sum(axis=1) * (1 + 1e-12)).all() or _dominant([[Fraction(v) for v in r] for r in P]):
        return []
    values, vectors = np.linalg.eigh(P)
    top = float(size.max())
    if values[0] > 1e-11 * len(P) * top:
        R = np.linalg.cholesky(P - 0.5 * values[0] * np.eye(len(P))).T
        return [(Fraction(1), _vector(row)) for row in R]
    found = _rational(P, deadline) if len(P) <= LARGEST and values[0] > -1e-9 * top else None
    if found is not None:
        return found
    large = np.flatnonzero(values > 1e-14 * len(P) * top)
    return [(Fraction(1), _vector(np.sqrt(values[k]) * vectors[:, k])) for k in large]


def _vector(values: np.ndarray) -> list[tuple[int, Fraction]]:
    return [(int(i), Fraction(float(values[i]))) for i in np.flatnonzero(values)]


def _dominant(rows: list[list[Fraction]]) -> bool:
    return all(2 * row[i] >= sum(abs(v) for v in row) if row[i] >= 0 else False for i, row in enumerate(rows))


def _rational(P: np.ndarray, deadline: Deadline) -> list[Square] | None:
    """Return the squares of ``P = L D L'`` by pivots on the diagonal; None when P is not semidefinite exactly."""
    rest = {i: {j: Fraction(float(v)) for j, v in enumerate(row) if v} for i, row in enumerate(P)}
    out: list[Square] = []
    while rest:
        deadline.check()
        pivot = max(rest, key=lambda i: rest[i].get(i, 0))
        row = rest.pop(pivot)
        d = row.get(pivot, Fraction(0))
        if d <= 0:
            return None if d < 0 or row or any(rest.values()) else out
        out.append((d, [(j, v / d) for j, v in row.items()]))
        for i, v in row.items():
            if i == pivot:
                continue
            other = rest[i]
            del other[pivot]
            for j, w in row.items():
                if j != pivot:
                    value = other.get(j, 0) - v * w / d
                    if value:
                        other[j] = value
                    else:
                        other.pop(j, None)
    return out
