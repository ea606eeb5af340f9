"""Rows of the leader that are to hold for every response: the most that any tie makes of each, against its sides.

The leader's variables keep their values; the followers' (and multipliers that the leader uses) vary over the optimal
face, one linear program a side.
"""

from __future__ import annotations

import numpy as np

from ...deadline import NEVER, Deadline
from ...errors import SolverError, UnsupportedError
from ...problem.bilevel import Bilevel
from ...problem.every_response import flagged
from ...problem.expressions import Quad
from ...problem.rows import QuadRow, Rows
from ...reformulate.scale import Scaled
from ..report import Line
from ..residuals import line
from .face import Face, face
from .leader_game import Flat

UNKNOWN = "not known to hold for every response"
"""What is said where the ties at a point are no polyhedron."""


def response_rows(
    bilevel: Bilevel, view: Scaled, z: np.ndarray, tolerance: float, deadline: Deadline = NEVER
) -> list[Line]:
    """Return a line for each of the rows for every response: its violation by the worst tie at a point.

    Parameters
    ----------
    bilevel : Bilevel
    view : Scaled
        Its KKT model in its own units.
    z : ndarray (n,)
        A point in the user's units.
    tolerance : float
    deadline : Deadline
    """
    linear, quadratic = flagged(bilevel)
    every: list[Rows | QuadRow] = [*linear, *quadratic]
    if not every:
        return []
    try:
        worst = _Worst(view, z, deadline)
        return [worst.of(row, tolerance) for row in every]
    except (UnsupportedError, SolverError) as error:
        return [line(f"every response({every[0].name})", np.inf, tolerance, f"{UNKNOWN}: {error}")]


class _Worst:
    """The largest and least values of the leader's rows over the ties at a point."""

    def __init__(self, view: Scaled, z: np.ndarray, deadline: Deadline) -> None:
        at = view.point(z)
        self._ties: Face = face(view.model, at, deadline)
        self._free = np.zeros(view.model.n, dtype=bool)
        self._free[self._ties.columns] = True
        self._flat = Flat(self._ties, at, self._free, deadline)
        self._view, self._at = view, at
        self._warm = self._ties.warm(deadline)
        self._place = np.full(view.model.n, -1)
        self._place[self._ties.columns] = np.arange(len(self._ties.columns))

    def of(self, row: Rows | QuadRow, tolerance: float) -> Line:
        """Return the line of some rows: the entry that a tie violates most."""
        size = self._view.columns
        if isinstance(row, QuadRow):
            linear = row.quad.linear
            own = Quad(self._view.model.space, row.quad.i, row.quad.j,
                       row.quad.v * size[row.quad.i] * size[row.quad.j], linear * 1.0, 0.0)  # fmt: skip
            own.linear.data = linear.data * size[linear.indices]
            found = self._flat(own)
            if found is None:
                raise UnsupportedError(f"row {row.name!r}: the product {self._flat.trouble} varies over the ties")
            q, r = found
            columns = np.flatnonzero(q)
            parts = [(columns, q[columns], row.lo - r, row.hi - r, "")]
        else:
            value, starts = row.M.data * size[row.M.indices], row.M.indptr
            parts = []
            for k in range(len(row)):  # a linear program each
                at = slice(starts[k], starts[k + 1])
                name = f"[{k}] " if row.shape else ""
                parts.append((row.M.indices[at], value[at], row.lo[k], row.hi[k], name))
        worst = max((self._excess(*part) for part in parts), key=lambda one: one[0])
        value, off, where = worst
        return line(f"every response({row.name})", value, tolerance, where if value > 0 else "", "", off)

    def _excess(
        self, columns: np.ndarray, values: np.ndarray, lo: float, hi: float, name: str
    ) -> tuple[float, float, str]:
        """Return by how much a tie violates a row, scaled and not, and what it makes of it.

        The scale is that of residuals: the largest term or side, and not less than what a unit of a column makes.
        """
        free = self._free[columns]
        fixed = float(values[~free] @ self._at[columns[~free]])
        unit = float(np.abs(values).max(initial=0.0)) if self._view.changes else 1.0
        sides = [abs(side) for side in (lo, hi) if np.isfinite(side)]
        scale = max(unit or 1.0, *sides, float(np.abs(values * self._at[columns]).max(initial=0.0)))
        out = (0.0, 0.0, "")
        for sign, side in ((-1.0, hi), (1.0, lo)):
            if not np.isfinite(side):
                continue
            answer = self._warm.minimize(self._place[columns[free]], sign * values[free])
            if answer.status == "unbounded":
                return np.inf, np.inf, f"{name}ties have no limit"
            if answer.x is None:
                raise SolverError(f"the worst tie: a linear program ended with {answer.ending}")
            off = max(-sign * (sign * answer.value + fixed - side), 0.0)
            if off / scale > out[0]:
                out = off / scale, off, f"{name}a tie makes it {sign * answer.value + fixed:.6g}"
        return out
