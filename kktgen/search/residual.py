"""How far a point is from satisfying a model that still has its complementarity pairs."""

from __future__ import annotations

import numpy as np

from ..model.model import Model

FEASIBLE = 1e-6
"""Largest residual of a point that is called feasible."""


def violation(model: Model, z: np.ndarray) -> float:
    """Return the largest residual of rows, bounds, pairs, integrality, SOS1 sets and indicators at z.

    Row and bound residuals are divided by ``max(1, |side|)``; a pair counts ``min(s, mu, s mu)`` and the part
    of s or mu below zero; of a SOS1 set the second largest entry counts.
    """
    z = z[: model.n]
    space, rows, quads = model.space, model.rows, model.quads
    parts = [
        _scaled(rows.residual(z), rows.lo, rows.hi),
        _scaled(quads.residual(z), quads.linear.lo, quads.linear.hi),
        _scaled(np.maximum(np.maximum(space.lb - z, z - space.ub), 0.0), space.lb, space.ub),
        np.abs(z - np.round(z))[space.kind != "C"],
    ]
    if model.indicators is not None and len(model.indicators):
        parts.append(_scaled(model.indicators.residual(z), model.indicators.rows.lo, model.indicators.rows.hi))
    if model.pairs is not None and len(model.pairs):
        s, mu = model.pairs.slack(z), z[model.pairs.mu]
        parts += [np.maximum(np.maximum(-s, -mu), np.minimum(np.minimum(s, mu), s * mu))]
    if len(model.sos1):
        parts.append(np.abs(z[model.sos1.columns])[~_largest(model, z)])
    if not np.isfinite(z).all():
        return np.inf
    return max(float(part.max(initial=0.0)) for part in parts)


def _scaled(residual: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    return residual / np.maximum(1.0, np.minimum(np.abs(lo), np.abs(hi)))


def _largest(model: Model, z: np.ndarray) -> np.ndarray:
    """Return the entries of the SOS1 sets that are the largest of their set (mask over ``sos1.columns``)."""
    sizes = np.diff(model.sos1.start)
    of = np.repeat(np.arange(len(sizes)), sizes)
    size = np.abs(z[model.sos1.columns])
    order = np.lexsort((-size, of))
    first = order[np.append(True, np.diff(of[order]) > 0)] if len(order) else order
    out = np.zeros(len(size), dtype=bool)
    out[first] = True
    return out


def off_support(model: Model, z: np.ndarray) -> np.ndarray:
    """Return the columns that the SOS1 sets hold at zero when each set keeps its largest entry at z."""
    return np.unique(model.sos1.columns[~_largest(model, z)])
