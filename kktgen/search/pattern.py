"""Fix which side of every complementarity pair is zero: the rest of the problem is a convex QP.

A pattern says of each pair ``0 <= s_i _|_ mu_i >= 0`` whether it is active (s_i = 0) or not (mu_i = 0)::

    min  f(z)   s.t.   rows and bounds,   s_i = 0 (active),   mu_i = 0 (inactive),   integers fixed

Its solution satisfies every pair exactly. Where both s_i = mu_i = 0 (a biactive pair) the pattern may be flipped
without losing the point, so the objective never gets worse; the price of the fixed side tells whether a flip pays.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from ..kernel import qp
from ..model import Model, Pairs
from ..sparse import Csr
from .residual import FEASIBLE, support, violation
from .sharpen import Program, sharpen

BIACTIVE = 1e-6
"""Slack and multiplier of a biactive pair are both below this."""
GAIN = 1e-9
"""Smallest relative improvement that counts."""
LOSS = 1e-6
"""Relative loss in the objective a polished point may have: what the solver's tolerances may have gained."""


@dataclass(frozen=True, eq=False)
class Step:
    """The optimum of one pattern.

    Parameters
    ----------
    z : ndarray (n,)
    value : float
        The minimised objective.
    price : ndarray (mi,)
        d(value)/d(fixed side): d/ds_i of an active pair, d/dmu_i of an inactive one; negative where leaving zero pays.
    """

    z: np.ndarray
    value: float
    price: np.ndarray


def available(model: Model) -> bool:
    """Return whether fixing a pattern leaves a convex QP: no quadratic rows, convex objective."""
    return not len(model.quads) and "qobj_nonconvex" not in model.features


def active_pairs(model: Model, z: np.ndarray) -> np.ndarray:
    """Return the pattern of a point: the pairs whose slack is not above their multiplier, either scaled (mi,) bool."""
    pairs = model.pairs
    if pairs is None:
        return np.zeros(0, dtype=bool)
    s, mu = pairs.slack(z), z[pairs.mu]
    return s / max(1.0, np.abs(s).max(initial=0.0)) <= mu / max(1.0, np.abs(mu).max(initial=0.0))


def pattern_step(model: Model, z: np.ndarray, active: np.ndarray, time_limit: float | None = None) -> Step | None:
    """Solve the convex QP of one pattern.

    Parameters
    ----------
    model : Model
        With complementarity pairs, its products eliminated.
    z : ndarray
        Gives the values of the integers and the support of the SOS1 sets; indicator rows are on or off by its binaries.
    active : ndarray (mi,) bool
        Pairs with s = 0; the others have mu = 0.
    time_limit : float, optional
        Seconds.

    Returns
    -------
    Step or None
        None when the pattern has no feasible point, no optimum, or fixing it leaves no convex QP.
    """
    if not available(model):
        return None
    fixed = _fixed(model, z, active)
    if fixed is None:
        return None
    found = _solve(fixed, time_limit)
    if found is None:
        return None
    point, row_price = found
    P, q, r = model.matrices
    A, m = model.rows.M, len(model.rows)
    price = np.empty(len(active))
    if len(active):
        pairs = model.pairs
        assert pairs is not None
        reduced = P @ point + q - fixed.A.T @ row_price
        by_row = pairs.row >= 0
        price[by_row] = -pairs.side[by_row] * row_price[pairs.row[by_row]]
        column, slope, _ = _bound_pairs(model)
        price[~by_row] = reduced[column] / slope
        price[~active] = reduced[pairs.mu[~active]]
    assert A.shape[0] == m
    return Step(point, float(0.5 * point @ (P @ point) + q @ point + r), price)


def _bound_pairs(model: Model) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return column, slope and constant of the slacks ``slope z_j + constant`` that a column bound states."""
    pairs = model.pairs
    assert pairs is not None
    at = np.flatnonzero(pairs.row < 0)
    first = pairs.M.indptr[:-1][at]
    return pairs.M.indices[first], pairs.M.data[first], pairs.r[at]


def _fixed(model: Model, z: np.ndarray, active: np.ndarray) -> Program | None:
    """Return the QP of the pattern; None when a fixed value is outside its bounds."""
    space, pairs = model.space, model.pairs
    lb, ub = space.lb.copy(), space.ub.copy()
    lo, hi = model.rows.lo.copy(), model.rows.hi.copy()
    A = model.rows.M
    fix, value = [], []
    if pairs is not None and len(pairs):
        fix.append(pairs.mu[~active])
        value.append(np.zeros(int((~active).sum())))
        bound, row = pairs.row < 0, pairs.row[active & (pairs.row >= 0)]
        column, slope, constant = _bound_pairs(model)
        fix.append(column[active[bound]])
        value.append((-constant / slope)[active[bound]])
        upper = pairs.side[active & (pairs.row >= 0)] > 0
        lo[row[upper]] = hi[row[upper]]
        hi[row[~upper]] = lo[row[~upper]]
    whole = np.flatnonzero(space.kind != "C")
    fix.append(whole)
    value.append(np.round(z[whole]))
    if len(model.sos1):
        off = support(model, z)
        fix.append(off)
        value.append(np.zeros(len(off)))
    columns, values = np.concatenate([np.empty(0, dtype=np.int64), *fix]), np.concatenate([np.empty(0), *value])
    room = FEASIBLE * np.maximum(1.0, np.abs(values))
    if ((values < lb[columns] - room) | (values > ub[columns] + room)).any() or (lo > hi).any():
        return None
    lb[columns] = ub[columns] = values
    if (np.abs(lb[columns] - values) > room).any():  # one column fixed at two values
        return None
    if model.indicators is not None and len(model.indicators):
        on = np.abs(z[model.indicators.binary] - model.indicators.value) < 0.5
        rows = model.indicators.rows.take(on)
        A = Csr(sp.vstack([A, rows.M], format="csr"))
        lo, hi = np.concatenate([lo, rows.lo]), np.concatenate([hi, rows.hi])
    P, q, _ = model.matrices
    return Program(P, q, A, lo, hi, lb, ub)


def _solve(program: Program, time_limit: float | None) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the optimum and the prices of the rows, with the fixed columns taken out; None without an optimum."""
    fixed = program.lb == program.ub
    z = np.where(fixed, program.lb, 0.0)
    free = np.flatnonzero(~fixed)
    shift = program.A @ z
    A = Csr(program.A[:, free])
    lo, hi = program.lo - shift, program.hi - shift
    live = np.diff(A.indptr) > 0
    room = FEASIBLE * np.maximum(1.0, np.abs(shift))
    if ((lo > room) | (hi < -room))[~live].any():
        return None
    small = Program(
        Csr(program.P[free][:, free]), (program.P @ z + program.q)[free], Csr(A[live]), lo[live], hi[live],
        program.lb[free], program.ub[free],
    )  # fmt: skip
    answer = qp(small.P, small.q, small.A, small.lo, small.hi, small.lb, small.ub, time_limit)
    if answer.x is None:
        return None
    answer = sharpen(small, answer)
    assert answer.x is not None
    z[free] = np.clip(answer.x, small.lb, small.ub)
    price = np.zeros(len(lo))
    price[live] = answer.row_dual
    return z, price


def pattern_search(
    model: Model, z: np.ndarray, rounds: int = 20, time_limit: float | None = None, active: np.ndarray | None = None
) -> np.ndarray:
    """Improve a point by solving its pattern and flipping the biactive pairs that want to move.

    Parameters
    ----------
    model : Model
        With complementarity pairs, its products eliminated.
    z : ndarray (n,)
        A feasible point.
    rounds : int
        Most patterns that are solved.
    time_limit : float, optional
        Seconds.
    active : ndarray (mi,) bool, optional
        Pattern to begin with; by default that of z.

    Returns
    -------
    ndarray (n,)
        A point that is never worse; z itself when its pattern cannot be solved.
    """
    step = improve(model, z, rounds, time_limit, active)
    if step is None or step.value > model.objective.value(z) + GAIN and violation(model, z) <= FEASIBLE:
        return z
    return step.z


def improve(
    model: Model, z: np.ndarray, rounds: int = 20, time_limit: float | None = None, active: np.ndarray | None = None
) -> Step | None:
    """Return the last step of :func:`pattern_search`, or None when not even the first pattern can be solved."""
    end = np.inf if time_limit is None else time.monotonic() + time_limit

    def left() -> float | None:
        return None if time_limit is None else max(end - time.monotonic(), 1e-3)

    active = active_pairs(model, z) if active is None else active
    best = pattern_step(model, z, active, left())
    if best is None or not len(active):
        return best
    pairs = model.pairs
    assert pairs is not None
    used, improved = 1, True
    while improved:
        improved = False
        for flip in _flips(pairs, best):
            if used >= rounds or time.monotonic() > end:
                return best
            trial = active.copy()
            trial[flip] = ~trial[flip]
            step = pattern_step(model, best.z, trial, left())
            used += 1
            if step is not None and step.value < best.value - GAIN * (1.0 + abs(best.value)):
                best, active, improved = step, trial, True
                break
    return best


def _flips(pairs: Pairs, step: Step) -> list[np.ndarray]:
    """Return sets of biactive pairs whose flip may pay: all that want to move, the strongest few, then one by one."""
    biactive = (pairs.slack(step.z) <= BIACTIVE) & (step.z[pairs.mu] <= BIACTIVE)
    wanting = np.flatnonzero(biactive & (step.price < -GAIN))
    wanting = wanting[np.argsort(step.price[wanting], kind="stable")]
    sizes = [size for size in (len(wanting), len(wanting) // 4) if size > 1]
    return [wanting[:size] for size in sizes] + list(wanting[:, None])


def polish(model: Model, z: np.ndarray) -> np.ndarray:
    """Clean a solver's point: fix its pattern and solve the continuous problem again.

    Parameters
    ----------
    model : Model
        With complementarity pairs, its products eliminated (the model before it was encoded).
    z : ndarray
        A point; columns an encoding appended are cut off.

    Returns
    -------
    ndarray (n,)
        The polished point. The original one when that would lose feasibility, or when the original is feasible and
        the polished objective is worse by more than 1e-6 relative.
    """
    z = z[: model.n]
    before, f = violation(model, z), model.objective.value(z)
    ties_active = active_pairs(model, z)
    steps = [pattern_step(model, z, ties_active)]
    if len(ties_active):
        pairs = model.pairs
        assert pairs is not None
        unclear = (pairs.slack(z) <= 1e2 * BIACTIVE) & (z[pairs.mu] <= 1e2 * BIACTIVE)
        if unclear.any():
            steps.append(pattern_step(model, z, ties_active | unclear))
            steps.append(pattern_step(model, z, ties_active & ~unclear))
    found = [step for step in steps if step is not None and violation(model, step.z) <= max(FEASIBLE, before)]
    if not found:
        return z
    best = min(found, key=lambda step: step.value)
    if before <= FEASIBLE and best.value > f + LOSS * (1.0 + abs(f)):
        return z
    return best.z
