"""Rational weights of the vanishing products, with which the leader's products cancel to the last digit.

The weights of :mod:`kktgen.reformulate.eliminate` are floats. Wherever they are meant to cancel a product, that is an
equation of two weights at most; these equations are solved exactly, near the floats.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import Any

import numpy as np

from ...deadline import NEVER, Deadline
from ...model.model import Model
from ...problem.expressions import Quad
from ...reformulate.eliminate import weights as float_weights
from ..linear import Elimination, solve
from ..optimum import Kkt, hessian

ZERO = 1e-9
"""A coefficient this small against its terms was to be cancelled."""

Weights = dict[int, Fraction]


def exact_weights(
    model: Model, kkt: Kkt, goal: Any, deadline: Deadline = NEVER, wanted: Quad | None = None
) -> Weights:  # fmt: skip
    """Return the weight of every column whose product with what vanishes is added to the objective, or to a row.

    Parameters
    ----------
    model : Model
        As :func:`kktgen.kkt` returns it.
    kkt : Kkt
        The same problem in rational numbers.
    goal : dict
        Its objective as plain data.
    wanted : Quad, optional
        Another expression that is to become convex, ``goal`` in floats; the objective without it.

    Raises
    ------
    OutOfTime
        The deadline has passed.
    """
    if model.kkt is None:
        return {}
    found = float_weights(model, wanted)
    columns = np.concatenate([model.kkt.y, model.kkt.lam, model.kkt.mu])
    values = np.concatenate([found.alpha, found.beta, found.gamma])
    w = {int(columns[k]): Fraction(float(values[k])) for k in np.flatnonzero(values)}
    parts: dict[tuple[int, int], dict[int, Fraction]] = defaultdict(dict)
    for j in w:
        for i, v in kkt.vanishing[j][0].items():
            at = min(i, j), max(i, j)
            parts[at][j] = parts[at].get(j, Fraction(0)) + v * (2 if i == j else 1)
    given = hessian(goal["products"])
    held = {j for j, (low, high) in kkt.box.items() if low is not None and low == high}
    rows, sides, off = [], [], False
    for at, terms in parts.items():
        if at[0] in held or at[1] in held:
            continue
        total = given[at] + sum(v * w[j] for j, v in terms.items())
        size = abs(given[at]) + sum(abs(v * w[j]) for j, v in terms.items())
        if abs(total) <= ZERO * size:
            rows.append(terms)
            sides.append(-given[at])
            off = off or total != 0
    return _solved(w, rows, sides, deadline) if off else w


def _solved(w: Weights, rows: list[dict[int, Fraction]], sides: list[Fraction], deadline: Deadline) -> Weights:
    """Return the weights near w that satisfy as many equations as are independent."""
    factors = Elimination(rows, [0] * len(rows), dict.fromkeys(w, 1), deadline).factors
    basic = {column for _, column, _ in factors.pivots}
    rest = list(sides)
    for k, *_ in factors.pivots:
        rest[k] -= sum((v * w[j] for j, v in rows[k].items() if j not in basic), Fraction(0))
    return {j: v for j, v in {**w, **solve(rows, rest, factors, deadline)}.items() if v}
