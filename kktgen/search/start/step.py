"""Fix which side of every complementarity pair is zero: the rest of the problem is a convex QP.

A pattern says of each pair ``0 <= s_i _|_ mu_i >= 0`` whether it is active (s_i = 0) or not (mu_i = 0)::

    min  f(z)   s.t.   rows and bounds,   s_i = 0 (active),   mu_i = 0 (inactive),   discrete choices fixed

Its solution satisfies every pair exactly. Where f is not convex, a stationary point is found by conditional gradients.
Convex quadratic rows ``g(z) <= hi`` are cut off by their tangents, ``g(w) + g'(w) (z - w) <= hi``, at the solutions w
found so far until they hold (Kelley, "The cutting-plane method for solving convex programs", 1960).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from ...deadline import NEVER, Deadline
from ...model.model import Model
from ...model.tables import psd_rows
from ...model.terms import defining
from ...numerics.sharpen import Program, sharpen
from ...numerics.sparse import Csr, coo, vstack, widen
from ..residual import FEASIBLE, off_support

DESCENTS = 20
"""Most steps of conditional gradients."""
FLAT = 1e-9
"""A relative descent below this ends them."""
TANGENTS = 30
"""Most rounds of tangents of quadratic rows."""
TRUST, MOVES, STILL = 0.5, 12, 1e-7
"""How far (relative) factors of terms may move at first, most steps, and a move that counts as none."""
MET = 1e-9
"""A quadratic row violated by less than this (relative) holds."""


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


def active_pairs(model: Model, z: np.ndarray) -> np.ndarray:
    """Return the pattern of a point: the pairs whose slack is not above their multiplier, either scaled (mi,) bool."""
    pairs = model.pairs
    if pairs is None:
        return np.zeros(0, dtype=bool)
    s, mu = pairs.slack(z), z[pairs.mu]
    return s / max(1.0, np.abs(s).max(initial=0.0)) <= mu / max(1.0, np.abs(mu).max(initial=0.0))


def pattern_step(model: Model, z: np.ndarray, active: np.ndarray, deadline: Deadline = NEVER) -> Step | None:
    """Solve the convex QP of one pattern.

    Parameters
    ----------
    model : Model
        With complementarity pairs, its products eliminated.
    z : ndarray (n,)
        Gives the values of the integers and the support of the SOS1 sets; indicator rows are on or off by its binaries.
        For a nonconvex objective also where the descent begins.
    active : ndarray (mi,) bool
        Pairs with s = 0; the others have mu = 0.
    deadline : Deadline

    Returns
    -------
    Step or None
        None when the pattern has no feasible point or no optimum, or none in time, or when there are nonconvex
        quadratic rows other than those that define terms (:mod:`kktgen.model.terms`): of these the factors are moved
        along tangents first, and then held.

    Examples
    --------
    The best point at which the row ``road <= 1`` is active and ``road >= 0`` is not.

    >>> import numpy as np
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> model = kg.eliminate(kg.kkt(m))
    >>> step = kg.search.pattern_step(model, kg.search.respond(m, [1.0]), np.array([False, True]))
    >>> print(f"{step.z[toll.cols]:.3f} {step.value:.3f}")      # minimised
    2.000 -2.000
    """
    if not _can_be_cut_off(model):
        return None
    if not len(model.terms):
        return _held(model, z, active, deadline)
    points = [point for point in (_moved(model, z, active, deadline), z) if point is not None]
    steps = [step for point in points if (step := _held(model, point, active, deadline)) is not None]
    return min(steps, key=lambda step: step.value, default=None)


def _moved(model: Model, z: np.ndarray, active: np.ndarray, deadline: Deadline) -> np.ndarray | None:
    """Return a point of the pattern with other factors of terms, by tangents of the rows that define these.

    Quadratic programs one after the other (Wilson 1963), in a box around the last point that shrinks.
    """
    base, factors, point = _fixed(model, z, active, hold=False), model.terms.factors, z[: model.n]
    if base is None:
        return None
    radius, best = TRUST, None
    for _ in range(MOVES):
        room = radius * (1.0 + np.abs(point[factors]))
        near = replace(base, lb=base.lb.copy(), ub=base.ub.copy())
        near.lb[factors] = np.minimum(np.maximum(base.lb[factors], point[factors] - room), base.ub[factors])
        near.ub[factors] = np.maximum(np.minimum(base.ub[factors], point[factors] + room), base.lb[factors])
        found = _optimum(model, _with_tangents(near, model, point), point, deadline)
        if found is None or deadline.over:
            break
        point, last = found[0], point
        best, off = point, np.abs(model.terms.settled(point) - point).max(initial=0.0)
        if off <= MET * (1.0 + np.abs(point).max(initial=0.0)) and np.abs(point - last).max(initial=0.0) <= STILL:
            break
        radius *= 0.5
    return best


def _held(model: Model, z: np.ndarray, active: np.ndarray, deadline: Deadline) -> Step | None:
    """Solve the convex QP of one pattern, factors of terms held."""
    fixed = _fixed(model, z, active)
    if fixed is None:
        return None
    point, found = z[: model.n], None
    for _ in range(TANGENTS):
        if len(model.quads):
            fixed = _with_tangents(fixed, model, point)
        found = _optimum(model, fixed, point, deadline)
        if found is None:
            return None
        point = found[0]
        if _quadratic_rows_hold(model, point) or deadline.over:
            break
    assert found is not None
    point, row_price = found
    return Step(point, model.objective.value(point), _prices(model, fixed, active, point, row_price))


def _can_be_cut_off(model: Model) -> bool:
    """Return whether all quadratic rows are convex but those that define terms, whose factors are held."""
    if "qrow_nonconvex" not in model.features:
        return True
    return len(model.terms) > 0 and bool((psd_rows(model.quads, model.n) | defining(model.quads.linear)).all())


def _optimum(model: Model, program: Program, z: np.ndarray, deadline: Deadline) -> tuple[np.ndarray, np.ndarray] | None:
    """Return an optimum, or of a nonconvex objective a stationary point, with the prices of the rows."""
    nonconvex = "qobj_nonconvex" in model.features
    return _descend(program, z, deadline) if nonconvex else _solve(program, deadline)


def _with_tangents(program: Program, model: Model, z: np.ndarray) -> Program:
    """Return the program with the tangents of the quadratic rows at z as further rows."""
    quads, k = model.quads, len(model.quads)
    rows, columns = np.tile(quads.row, 2), np.concatenate([quads.i, quads.j])
    slope = np.concatenate([quads.v * z[quads.j], quads.v * z[quads.i]])
    J = Csr(coo(slope, rows, columns, (k, model.n)) + widen(quads.linear.M, model.n))
    shift = J @ z - quads.value(z)
    A = vstack([program.A, J], model.n)
    lo, hi = quads.linear.lo + shift, quads.linear.hi + shift
    return replace(program, A=A, lo=np.concatenate([program.lo, lo]), hi=np.concatenate([program.hi, hi]))


def _quadratic_rows_hold(model: Model, z: np.ndarray) -> bool:
    quads = model.quads
    return bool((quads.residual(z) <= MET * (1.0 + np.abs(quads.value(z)))).all())


def _prices(model: Model, fixed: Program, active: np.ndarray, z: np.ndarray, row_price: np.ndarray) -> np.ndarray:
    """Return the price of every fixed side, from the prices of the rows and the reduced costs of the columns."""
    price = np.zeros(len(active))
    pairs = model.pairs
    if pairs is None or not len(active):
        return price
    reduced = fixed.P @ z + fixed.q - fixed.A.T @ row_price
    by_row = pairs.row >= 0
    price[by_row] = -pairs.side[by_row] * row_price[pairs.row[by_row]]
    column, slope, _ = _bounds_of_pairs(model)
    price[~by_row] = reduced[column] / slope
    price[~active] = reduced[pairs.mu[~active]]
    return price


def _bounds_of_pairs(model: Model) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return column, slope and constant of the slacks ``slope z_j + constant`` that a column bound states."""
    pairs = model.pairs
    assert pairs is not None
    at = np.flatnonzero(pairs.row < 0)
    first = pairs.M.indptr[:-1][at]
    return pairs.M.indices[first], pairs.M.data[first], pairs.r[at]


def _fixed(model: Model, z: np.ndarray, active: np.ndarray, hold: bool = True) -> Program | None:
    """Return the QP of the pattern, with factors of terms held or not; None when a column cannot take its value."""
    space, pairs = model.space, model.pairs
    lb, ub = space.lb.copy(), space.ub.copy()
    lo, hi, A = model.rows.lo.copy(), model.rows.hi.copy(), model.rows.M
    whole, held = np.flatnonzero(space.kind != "C"), model.terms.factors
    off = off_support(model, z)
    columns, values = [whole, off], [np.round(z[whole]), np.zeros(len(off))]
    if hold and len(held):  # products of these are constants to the followers
        z = z.copy()
        z[held] = np.clip(z[held], lb[held], ub[held])
        z[whole], z[off] = np.round(z[whole]), 0.0
        z = model.terms.settled(z)
        held = np.setdiff1d(np.concatenate([held, model.terms.columns]), np.concatenate([whole, off]))
        columns, values = [*columns, held], [*values, z[held]]
    if pairs is not None and len(pairs):
        at, slope, constant = _bounds_of_pairs(model)
        bound = active[pairs.row < 0]
        columns += [pairs.mu[~active], at[bound]]
        values += [np.zeros(int((~active).sum())), (-constant / slope)[bound]]
        by_row = active & (pairs.row >= 0)
        row, upper = pairs.row[by_row], pairs.side[by_row] > 0
        lo[row[upper]] = hi[row[upper]]
        hi[row[~upper]] = lo[row[~upper]]
    column, value = np.concatenate(columns), np.concatenate(values)
    room = FEASIBLE * np.maximum(1.0, np.abs(value))
    if ((value < lb[column] - room) | (value > ub[column] + room)).any() or (lo > hi).any():
        return None
    lb[column] = ub[column] = value
    if (np.abs(lb[column] - value) > room).any():  # one column, two values
        return None
    if model.indicators is not None and len(model.indicators):
        on = np.abs(z[model.indicators.binary] - model.indicators.value) < 0.5
        rows = model.indicators.rows.take(on)
        A = Csr(sp.vstack([A, rows.M], format="csr"))
        lo, hi = np.concatenate([lo, rows.lo]), np.concatenate([hi, rows.hi])
    P, q, _ = model.matrices
    return Program(P, q, A, lo, hi, lb, ub)


def _solve(program: Program, deadline: Deadline) -> tuple[np.ndarray, np.ndarray] | None:
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
    price = np.zeros(len(lo))
    if not len(free):
        return z, price
    small = Program(
        Csr(program.P[free][:, free]), (program.P @ z + program.q)[free], Csr(A[live]), lo[live], hi[live],
        program.lb[free], program.ub[free],
    )  # fmt: skip
    answer = small.solve(deadline)
    if answer.x is None:
        return None
    answer = sharpen(small, answer, deadline)
    assert answer.x is not None
    z[free] = np.clip(answer.x, small.lb, small.ub)
    price[live] = answer.row_dual
    return z, price


def _descend(program: Program, z: np.ndarray, deadline: Deadline) -> tuple[np.ndarray, np.ndarray] | None:
    """Return a stationary point of a nonconvex QP and the prices of the rows, by conditional gradients.

    The linear program of the gradient gives a direction, along which the quadratic is minimised exactly (Frank and
    Wolfe 1956); every point on the way is feasible.
    """
    P, price = program.P, np.zeros(len(program.lo))
    fixed = program.lb == program.ub
    z = np.where(fixed, program.lb, np.clip(z[: len(program.q)], program.lb, program.ub))
    value = program.A @ z
    outside = np.maximum(np.maximum(program.lo - value, value - program.hi), 0.0)
    inside = bool((outside <= FEASIBLE * np.maximum(1.0, np.abs(value))).all())
    for _ in range(DESCENTS):
        if deadline.over:
            break
        gradient = P @ z + program.q
        found = _solve(replace(program, P=Csr(P.shape), q=gradient), deadline)
        if found is None:
            break
        corner, price = found
        if not inside:
            z, inside = corner, True
            continue
        direction = corner - z
        slope, bend = float(gradient @ direction), float(direction @ (P @ direction))
        if slope > -FLAT * (1.0 + abs(float(gradient @ z))):
            break
        z = z + (1.0 if bend <= 0 else min(1.0, -slope / bend)) * direction
    return (z, price) if inside else None
