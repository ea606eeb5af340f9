"""Where better points than a given one can be: its level set in the convex relaxation.

Without complementarity, integrality, sets and indicators, and with products that are not convex bounded from below,
a model is ``min F(z)`` over a polyhedron, F convex quadratic. Prices of the rows prove a lower bound L on it that is
taken at a point x, and with the curvature that the tangent leaves out::

    F(z) >= L + 1/2 (z - x)'P (z - x)

So every point of value V at most lies in ``|z_j - x_j| <= sqrt(2 (V - L) (P^+)_jj)`` wherever the unit vector j is in
the range of P, and satisfies the tangent ``F(x) + F'(x)(z - x) <= V``: a linear program bounds what F does not bend.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

import numpy as np

from ..deadline import NEVER, Deadline, OutOfTime
from ..errors import SolverError
from ..model.appended_columns import Lift
from ..model.fingerprint import equivalent
from ..model.model import Cutoff, Model
from ..model.tables import QuadTable, join_quads
from ..numerics.convexity import DENSE
from ..numerics.intervals import FAR, interval
from ..numerics.programs import qp
from ..numerics.safe_bound import OUTWARD, safe_convex_minimum, safe_minimum
from ..numerics.sparse import Csr, position, vstack, widen
from ..numerics.warm_lp import WarmLp
from ..problem.expressions import Quad
from ..wording import first_names
from .bounds import WIDTH
from .bounds.curved import SINGULAR, Blocks, convex_part, tightened
from .scale import Scaled, scaled

SLACK = 1e-4
"""How much worse (relative to 1 + |V|) a point may be than the one of value V, whose own value is verified to 1e-6."""
LOOSE = 1e4
"""A box that becomes smaller by this factor was none."""
MOST = 200
"""Most columns that are bounded by linear programs."""


@dataclass(frozen=True, eq=False)
class Relaxed:
    """The convex relaxation of a model in its own units, and a bound on its optimum.

    Parameters
    ----------
    view : Scaled
        Of the model.
    P, q, r
        The convex objective ``1/2 z'P z + q'z + r``, minimised.
    x : ndarray (n,)
        The point the bound is taken at.
    bound : float
        Proved lower bound on the minimised objective.
    lb, ub : ndarray (n,)
        Boxes that rows and quadratic rows imply.
    """

    view: Scaled
    P: Csr
    q: np.ndarray
    r: float
    x: np.ndarray
    bound: float
    lb: np.ndarray
    ub: np.ndarray

    @classmethod
    def of(cls, model: Model, deadline: Deadline = NEVER) -> Relaxed | None:
        """Return the relaxation of a model; None where nothing bounds it from below in time."""
        view = scaled(model)
        own = view.model
        lb, ub = tightened(own, own.space.lb, own.space.ub)
        part = convex_part(own, lb, ub)
        if part is None:
            return None
        P, q, r = part
        rows, M = own.rows, widen(own.rows.M, own.n)
        try:
            answer = qp(P, q, M, rows.lo, rows.hi, lb, ub, deadline)
        except SolverError:
            return None
        value, x = safe_convex_minimum(answer, P, q, M, rows.lo, rows.hi, lb, ub)
        bound = value + r - OUTWARD * abs(r)
        return cls(view, P, q, r, x, bound, lb, ub) if np.isfinite(bound) else None

    @property
    def value(self) -> float:
        """The bound on the leader's objective, in the user's sense and units."""
        return self.view.model.sense * self.view.objective * self.bound


@equivalent
def level(model: Model, z: np.ndarray, relaxed: Relaxed, deadline: Deadline = NEVER) -> Model:
    """Return the model with boxes of the level set of a verified point on the columns that had none.

    Parameters
    ----------
    model : Model
        The KKT model, its products eliminated, with its pairs.
    z : ndarray (n,)
        A point of it that verification accepts.
    relaxed : Relaxed
        Of the model.
    deadline : Deadline

    Returns
    -------
    Model
        Its boxes hold for every point that is not worse than the given one by more than 1e-4; ``cutoff`` tells the
        value and the columns as they were. The same model where no box is found.
    """
    view, own = relaxed.view, relaxed.view.model
    value = own.objective.value(view.point(z))
    reach = value + SLACK * (1.0 + abs(value))
    low, high = _bent(relaxed, reach)
    low, high = tightened(replace(own, quads=join_quads([own.quads, _as_row(relaxed, reach)], own.n)), low, high)
    with contextlib.suppress(OutOfTime, SolverError):
        low, high = _by_programs(relaxed, reach, low, high, deadline)
    low, high = low - WIDTH * (1.0 + np.abs(low)), high + WIDTH * (1.0 + np.abs(high))
    known = np.isfinite(low) & np.isfinite(high) & np.isin(own.space.role, ["leader", "follower"])
    with np.errstate(invalid="ignore"):
        before = np.where(relaxed.ub - relaxed.lb < FAR, relaxed.ub - relaxed.lb, np.inf)
        gained = np.flatnonzero(known & (before > LOOSE * (high - low)))
    if not len(gained):
        return model
    told, space = model.value(z), own.space.copy()
    space.lb[gained] = np.maximum(space.lb[gained], low[gained])
    space.ub[gained] = np.minimum(space.ub[gained], high[gained])
    space.proof[gained] = f"proved(cutoff {told:.3g})"
    names = first_names([space.label(c) for c in gained[:3]], count=len(gained))
    note = f"cutoff: boxes of {names} hold for points of value {told:.6g} or better; a verified point has it"
    boxed = view.restore(replace(own, space=space, notes=(*_still(model.notes), note)))
    return replace(boxed, cutoff=Cutoff(told, model.space, model.notes))


def _still(notes: tuple[str, ...]) -> list[str]:
    """Return the notes without those on boxes nobody could prove: other boxes may be proved now."""
    return [note for note in notes if not (note.startswith("boxes") or "without proof" in note)]


def _bent(relaxed: Relaxed, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the boxes tightened by the curvature of the objective around the point of the bound."""
    P, x = relaxed.P, relaxed.x
    room = max(reach - relaxed.bound, 0.0)
    scale = np.full(len(x), np.inf)
    blocks, bent = Blocks.of(P), P.diagonal()
    alone = blocks.single & (bent > 0)
    scale[alone] = 1.0 / bent[alone]
    for at in blocks:
        if len(at) <= DENSE:
            scale[at] = _diagonal(P[at][:, at].toarray())
    far = np.sqrt(2.0 * room * scale) * (1.0 + OUTWARD) + OUTWARD * (1.0 + np.abs(x))
    return np.maximum(relaxed.lb, x - far), np.minimum(relaxed.ub, x + far)


def _diagonal(P: np.ndarray) -> np.ndarray:
    """Return ``(P^+)_jj`` where the unit vector j is in the range of P, inf elsewhere (k,)."""
    size = np.sqrt(np.maximum(np.diagonal(P), 0.0))
    size[size == 0] = 1.0
    values, vectors = np.linalg.eigh(P / size[:, None] / size)
    inside = values > SINGULAR * len(P)
    share = (vectors[:, inside] ** 2).sum(axis=1)
    out = (vectors[:, inside] ** 2 / values[inside]).sum(axis=1) / size**2
    return np.where(share > 1.0 - SINGULAR, out, np.inf)


def _as_row(relaxed: Relaxed, reach: float) -> QuadTable:
    """Return ``F(z) <= V`` as a quadratic row."""
    model = relaxed.view.model
    goal = Quad.from_matrices(model.space, relaxed.P, relaxed.q, relaxed.r)
    return QuadTable.of([goal], np.array([-np.inf]), np.array([reach]), (), model.n)


def _by_programs(
    relaxed: Relaxed, reach: float, low: np.ndarray, high: np.ndarray, deadline: Deadline
) -> tuple[np.ndarray, np.ndarray]:
    """Return the boxes with those of leader's columns that are still open bounded by linear programs."""
    model = relaxed.view.model
    asked = np.flatnonzero((np.isinf(low) | np.isinf(high)) & (model.space.role == "leader"))
    if not 0 < len(asked) <= MOST:
        return low, high
    low, high, x = low.copy(), high.copy(), relaxed.x
    slope = relaxed.P @ x + relaxed.q
    side = reach - relaxed.r + 0.5 * float(x @ (relaxed.P @ x))
    side += OUTWARD * (1.0 + abs(side) + float(np.abs(slope * x).sum()))
    A = vstack([widen(model.rows.M, model.n), Csr(slope[None, :])], model.n)
    rows = A, np.append(model.rows.lo, -np.inf), np.append(model.rows.hi, side)
    warm = WarmLp(*rows, low, high, deadline)
    for j in asked:
        for sign, box in ((1.0, low), (-1.0, high)):
            if np.isfinite(box[j]):
                continue
            cost = np.zeros(model.n)
            cost[j] = sign
            found = safe_minimum(warm.minimize(np.array([j]), np.array([sign])), cost, *rows, low, high)
            if np.isfinite(found):
                box[j] = sign * found
            deadline.check()
    return low, high


@equivalent
def with_boxes(encoded: Model, bounded: Model) -> Model:
    """Return an encoded model with the boxes of the KKT model behind it that was bounded again, and its cutoff.

    Rows and columns stay as they are; slack columns get the interval of the slack over the boxes.
    """
    view, new, n = scaled(encoded), scaled(bounded).model, bounded.n
    own = view.model
    space = own.space.copy()
    proved = np.char.startswith(new.space.proof, "proved")
    better = np.flatnonzero(proved & ((new.space.lb > space.lb[:n]) | (new.space.ub < space.ub[:n])))
    space.lb[better] = np.maximum(space.lb[better], new.space.lb[better])
    space.ub[better] = np.minimum(space.ub[better], new.space.ub[better])
    space.proof[better] = new.space.proof[better]
    for lift in own.lifts:
        if isinstance(lift, Lift) and not lift.binary:
            top, told = _slacks(lift, new, space.lb, space.ub)
            smaller = top < space.ub[lift.columns]
            space.ub[lift.columns[smaller]] = top[smaller]
            space.proof[lift.columns[smaller]] = told[smaller]
    notes = (*_still(encoded.notes), *(note for note in bounded.notes if note not in encoded.notes))
    assert bounded.cutoff is not None
    boxed = view.restore(replace(own, space=space, notes=notes))
    return replace(boxed, cutoff=Cutoff(bounded.cutoff.value, encoded.space, encoded.notes))


def _slacks(lift: Lift, bounded: Model, lb: np.ndarray, ub: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return upper bounds on the slacks behind some columns, and who proved them."""
    top = interval(lift.M, lb, ub)[1] + lift.r
    top = np.maximum(top + WIDTH * (1.0 + np.abs(top)), 0.0)
    told = np.full(len(top), "proved(interval)", dtype="U24")
    if bounded.pairs is None:
        return top, told
    at = position(bounded.pairs.mu, lift.mu)
    here = np.flatnonzero(at >= 0)
    known = bounded.pairs.slack_max.take(at[here])
    smaller = known.value < top[here]
    top[here[smaller]], told[here[smaller]] = known.value[smaller], known.proof[smaller]
    return top, told


@equivalent
def without_cutoff(model: Model) -> Model:
    """Return the model with the boxes and rows that hold for all points, not only for those of its cutoff."""
    cutoff = model.cutoff
    if cutoff is None:
        return model
    space, k = model.space.copy(), len(cutoff.space)
    space.lb[:k], space.ub[:k], space.proof[:k] = cutoff.space.lb, cutoff.space.ub, cutoff.space.proof
    rows = model.rows if cutoff.rows is None else cutoff.rows
    return replace(model, space=space, rows=rows, cutoff=None, notes=cutoff.notes)
