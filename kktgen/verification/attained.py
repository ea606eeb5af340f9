"""Whether the optimal value of a problem is the value of some point."""

from __future__ import annotations

import numpy as np

from ..model.model import Model


def attained(original: Model, encoded: Model) -> bool | None:
    """Return whether a problem with a finite optimum has a point of that value; None where that is not known.

    With linear rows the KKT points are finitely many polyhedra, one for every complementarity pattern and every choice
    of integers, sets and indicators, and a quadratic objective that is bounded on a polyhedron has its optimum there
    (Frank & Wolfe 1956). With quadratic rows the points are closed, which is enough when every column is bounded.
    """
    n, space = original.n, original.space
    whole = space.kind != "C"
    if not (np.isfinite(space.lb[whole]) & np.isfinite(space.ub[whole])).all():
        return None
    if not len(original.quads):
        return True
    finite = np.isfinite(encoded.space.lb[:n]) & np.isfinite(encoded.space.ub[:n])
    return True if finite.all() else None
