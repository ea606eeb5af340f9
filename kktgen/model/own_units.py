"""The units of a model's columns, pairs, costs and objective; 1 in problems of ordinary numbers."""

from __future__ import annotations

import numpy as np

from .appended_columns import Products
from .model import Model
from .pairs import Pairs


def column_units(model: Model) -> np.ndarray:
    """Return the unit of every column (n,), those that encodings appended included."""
    out = np.ones(model.n)
    if model.units is None:
        return out
    first = model.units.columns
    out[: len(first)] = first
    for lift in model.lifts:
        if isinstance(lift, Products):
            out[lift.columns] = out[lift.left] * out[lift.right]
        elif not lift.binary:
            out[lift.columns] = model.units.followers[model.space.owner[lift.mu]] / out[lift.mu]
    return out


def pair_units(model: Model, pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """Return the units of the slacks and of the multipliers of some pairs of a model (mi,), (mi,)."""
    if model.units is None:
        return np.ones(len(pairs)), np.ones(len(pairs))
    mu = model.units.columns[pairs.mu]
    return model.units.followers[pairs.follower] / mu, mu


def cost_units(model: Model) -> np.ndarray:
    """Return the units of the followers' costs (k,)."""
    if model.units is None:
        return np.ones(0 if model.kkt is None else len(model.kkt.followers))
    return model.units.followers


def objective_unit(model: Model) -> float:
    """Return the unit of the leader's objective."""
    return 1.0 if model.units is None else model.units.objective


SMALL = 1e-2
"""An objective above this share of its unit is measured by itself: the unit is that of its terms, which may cancel."""


LEAST = 1e-5
"""The least size of an objective, in its unit: what solvers' tolerances leave of one whose terms vanish."""


def objective_size(model: Model, z: np.ndarray) -> float:
    """Return what counts as 1 in the leader's objective at a point z (n,): at most the sum of its terms there.

    ``min(f, sum_t |term_t(z)|)``, but at least ``LEAST f_0``; f is 1 in problems of ordinary numbers, else ``SMALL`` of
    the objective's unit f_0. Gaps are relative to it where the objective is smaller.
    """
    goal, unit = model.objective, objective_unit(model)
    top = unit if model.units is None else SMALL * unit
    linear = goal.linear
    terms = [np.abs(goal.v * z[goal.i] * z[goal.j]), np.abs(linear.data * z[linear.indices]), np.abs([goal.r])]
    return float(np.clip(sum(float(part.sum()) for part in terms), LEAST * unit, top))
