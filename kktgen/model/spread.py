"""By how much a follower's cost may vary: one that hardly does is not told apart by tolerances."""

from __future__ import annotations

import numpy as np

from ..numerics.product_hull import product_boxes
from ..problem.columns import Space
from ..problem.expressions import Quad

SMALL = 1e-2
"""A cost that varies by less than this is not told apart by absolute tolerances."""


def spread(cost: Quad, space: Space, own: np.ndarray) -> float:
    """Return the most by which terms of a cost that hold own columns differ over the boxes; inf where one has none.

    Parameters
    ----------
    cost : Quad
    space : Space
    own : ndarray of int
        The follower's columns.
    """
    linear, mine = cost.linear, np.zeros(len(space), dtype=bool)
    mine[own] = True
    low, high = product_boxes(cost.i, cost.j, space.lb, space.ub)
    here, both = (linear.data != 0) & mine[linear.indices], mine[cost.i] | mine[cost.j]
    with np.errstate(invalid="ignore"):
        single = (np.abs(linear.data) * (space.ub - space.lb)[linear.indices])[here]
        total = float(single.sum() + (np.abs(cost.v) * (high - low))[both].sum())
    return np.inf if np.isnan(total) else total
