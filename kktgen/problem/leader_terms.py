"""Columns in followers' rows that follow from decisions and responses: products of leader's columns, normals of cones.

See :mod:`kktgen.model.terms` and :mod:`kktgen.problem.cones`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .expressions import Quad

ROLE = "term"
"""Role of the columns, and of the rows that define them."""


@dataclass(frozen=True, eq=False)
class Term:
    """A column that is ``sum v z_i z_j`` of the leader's, in a row of a follower.

    Parameters
    ----------
    column : int
    quad : Quad
        Its products, no linear part.
    row : str
        Name of the follower's row.
    """

    column: int
    quad: Quad
    row: str

    def interval(self, lb: np.ndarray, ub: np.ndarray) -> tuple[float, float]:
        """Return the smallest and largest value of its products over the bounds of all columns (n,), (n,)."""
        i, j, v = self.quad.i, self.quad.j, self.quad.v
        with np.errstate(invalid="ignore"):
            ends = np.array([v * a[i] * b[j] for a in (lb, ub) for b in (lb, ub)])
        ends = np.where(np.isnan(ends), 0.0, ends)  # zero times infinity: the other ends tell
        return float(ends.min(axis=0).sum()), float(ends.max(axis=0).sum())
