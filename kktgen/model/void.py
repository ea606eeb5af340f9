"""Bounds and sides that no solver holds beside numbers of order one: they count for none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .model import Model
from .own_units import column_units, pair_units
from .unit_data import INFINITE, SPAN, VOID


def without_void(model: Model) -> Model:
    """Return a KKT model without bounds, and without sides of inequalities, that are none (``VOID``, ``INFINITE``).

    They are none in the problem's own units, and far as they stand as well. The multiplier of such a side is zero.
    Points are checked against them all the same.
    """
    space, pairs, rows = model.space.copy(), model.pairs, model.rows
    void = _void(column_units(model))
    low, high = space.lb <= -void, space.ub >= void
    count = int((np.isfinite(space.lb) & low).sum() + (np.isfinite(space.ub) & high).sum())
    space.lb[low], space.ub[high] = -np.inf, np.inf
    if pairs is not None:
        gone = np.abs(pairs.r) >= _void(pair_units(model, pairs)[0])
        taken, lo, hi = pairs.take(gone), rows.lo.copy(), rows.hi.copy()
        stated = taken.row >= 0
        count += int(stated.sum())
        space.ub[taken.mu], space.proof[taken.mu] = 0.0, "proved(D0)"
        lo[taken.row[stated & (taken.side < 0)]] = -np.inf
        hi[taken.row[stated & (taken.side > 0)]] = np.inf
        rows, pairs = replace(rows, lo=lo, hi=hi), pairs.take(~gone)
    if not count:
        return model
    note = f"{count} bounds or sides are {VOID:.0e} and more in the problem's own units: taken for none"
    return replace(model, space=space, rows=rows, pairs=pairs, notes=(*model.notes, note))


def _void(units: np.ndarray) -> np.ndarray:
    """Return from which size on bounds and sides of some units are none."""
    return np.clip(VOID * units, SPAN, INFINITE)
