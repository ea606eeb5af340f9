"""What followers' ties are worth to the leader at one decision: its best and its worst value over the optimal face.

With the columns x that some follower sees fixed, the leader's objective and rows are linear in the rest::

    u   followers' variables, and multipliers the leader uses, on the face of :mod:`kktgen.verification.ties.face`
    v   the leader's columns no follower sees: recourse, chosen last

    best    min  over u and v   of  a'u + b'v + r          s.t.  lo <= R u + N v <= hi,  lb <= v <= ub
    worst   max over u of  min over v  of the same

A product of two columns of (u, v) stays linear where one of them has one value on the whole face; else the objective
as :func:`kktgen.eliminate` rewrites it is tried, which is equal at every KKT point.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from ...deadline import NEVER, Deadline
from ...errors import UnsupportedError
from ...model.model import Model
from ...model.tables import RowTable, join
from ...numerics.programs import Polyhedron
from ...numerics.sparse import Csr, take_columns, vstack
from ...numerics.warm_lp import WarmLp
from ...problem.columns import LEADER
from ...problem.expressions import Quad
from ...reformulate.eliminate import eliminate
from .face import Face, face

FLAT = 1e-7
"""A column whose values on the face differ by this at most (times ``max(1, |value|)``) counts as one value."""

SAME = 1e-6
"""How far (relative) the rewritten objective may be from the original at the point."""


@dataclass(frozen=True, eq=False)
class Play:
    """The leader's problem over the ties at one decision: columns ``w = (u, v)``, u first.

    Parameters
    ----------
    face : Face
        Of u.
    v : ndarray
        Recourse columns of the problem.
    cost : ndarray (k,)
        Of w; minimised.
    constant : float
    R : csr_array (m, k)
    lo, hi : ndarray (m,)
        The leader's rows over w, relaxed by what the point violates.
    rows : RowTable
        The same rows over all columns, for their names.
    lb, ub : ndarray (k,)
    start : ndarray (k,)
        The point's own w.
    integer : ndarray of bool
        Which of w are integer.
    """

    face: Face
    v: np.ndarray
    cost: np.ndarray
    constant: float
    R: Csr
    lo: np.ndarray
    hi: np.ndarray
    rows: RowTable
    lb: np.ndarray
    ub: np.ndarray
    start: np.ndarray
    integer: np.ndarray

    @property
    def columns(self) -> np.ndarray:
        """Columns of the problem behind w."""
        return np.concatenate([self.face.columns, self.v])

    @property
    def ties(self) -> Polyhedron:
        """The face, over u."""
        t = self.face
        return Polyhedron(t.A, t.lo, t.hi, t.lb, t.ub)

    @property
    def leader(self) -> Polyhedron:
        """The leader's rows over w, with the bounds of v."""
        k = len(self.face.columns)
        return Polyhedron(self.R, self.lo, self.hi, self.lb[k:], self.ub[k:])

    @property
    def whole(self) -> Polyhedron:
        """Ties and leader's rows together, over w."""
        t = self.face
        A = vstack([t.A, self.R], len(self.cost))
        return Polyhedron(A, np.concatenate([t.lo, self.lo]), np.concatenate([t.hi, self.hi]), self.lb, self.ub)


def play(model: Model, z: np.ndarray, deadline: Deadline = NEVER, before: np.ndarray | None = None) -> Play:
    """Return the leader's problem over the ties at a verified point of a KKT model.

    Parameters
    ----------
    model : Model
    z : ndarray (n,)
    deadline : Deadline
    before : ndarray of int, optional
        Columns of the leader that are decided before the followers respond, whoever sees them.

    Raises
    ------
    UnsupportedError
        A Nash game, or something that is not linear on the face.
    """
    ties = face(model, z, deadline)
    seen = np.zeros(model.n, dtype=bool)
    if model.kkt is not None:
        seen[model.kkt.seen] = True
    seen[model.terms.factors] = True
    seen[[] if before is None else before] = True
    v = np.flatnonzero((model.space.owner == LEADER) & (model.space.role == "leader") & ~seen)
    columns = np.concatenate([ties.columns, v])
    free = np.zeros(model.n, dtype=bool)
    free[columns] = True
    _refuse(model, free)
    goal, rows = _linear(model, ties, z, free, deadline)
    q, r = goal
    value = rows.M @ z
    R = take_columns(rows.M, columns)
    shift = value - R @ z[columns]
    some = np.diff(R.indptr) > 0
    lo, hi = np.minimum(rows.lo, value) - shift, np.maximum(rows.hi, value) - shift
    space = model.space
    return Play(
        ties, v, q[columns], r + float(q @ np.where(free, 0.0, z)), Csr(R[some]), lo[some], hi[some], rows.take(some),
        np.concatenate([ties.lb, np.minimum(space.lb[v], z[v])]),
        np.concatenate([ties.ub, np.maximum(space.ub[v], z[v])]),
        z[columns], space.kind[columns] != "C",
    )  # fmt: skip


def _refuse(model: Model, free: np.ndarray) -> None:
    """Refuse SOS1 sets and indicators of the leader that hold free columns."""
    for word, columns, blocks in (
        ("SOS1 set", model.sos1.columns, model.sos1.blocks),
        ("indicator", *(((), ()) if model.indicators is None else
                        (np.append(model.indicators.rows.M.indices, model.indicators.binary),
                         model.indicators.rows.blocks))),
    ):  # fmt: skip
        if len(columns) and free[np.asarray(columns)].any():
            raise UnsupportedError(f"the leader's {word} {blocks[0].word!r} holds columns that vary over the ties")


Linear = tuple[tuple[np.ndarray, float], RowTable]


def _linear(model: Model, ties: Face, z: np.ndarray, free: np.ndarray, deadline: Deadline) -> Linear:
    """Return objective (q, r) and leader rows over all columns, linear on the face; the rewritten ones if need be."""
    flat = Flat(ties, z, free, deadline)
    for k, one in enumerate((model, None)):
        one = eliminate(model) if one is None else one
        goal = flat(one.objective)
        quads = [flat(one.quads.quad(i, one.space)) for i in range(len(one.quads))]
        if goal is not None and all(quad is not None for quad in quads):
            q, r = goal
            if k and abs(float(q @ z + r) - model.objective.value(z)) > SAME * max(1.0, abs(r), np.abs(q * z).sum()):
                break  # multipliers that are not in the point
            return (q, r), _rows(one, quads, model.n)
        if k == 0:
            where = f"the product {flat.trouble}"
    raise UnsupportedError(f"{where} in the leader's problem varies over the ties in both factors")


def _rows(model: Model, quads: list[tuple[np.ndarray, float] | None], n: int) -> RowTable:
    """Return the leader's linear rows, and its quadratic ones as they read on the face."""
    kept = model.rows.of_role("leader")
    table = model.rows.take(kept)
    if not quads:
        return table
    linear = [quad for quad in quads if quad is not None]
    side = np.array([r for _, r in linear])
    bent = model.quads.linear
    M = Csr(sp.csr_array(np.array([q for q, _ in linear])))
    return join([table, RowTable(M, bent.lo - side, bent.hi - side, bent.blocks)], n)


class Flat:
    """Reads quadratic expressions as linear ones on a face, with the fixed columns at their values."""

    def __init__(self, ties: Face, z: np.ndarray, free: np.ndarray, deadline: Deadline) -> None:
        self._ties, self._z, self._free = ties, z, free.copy()
        self._asked = np.zeros(len(z), dtype=bool)
        self._warm: WarmLp | None = None
        self._deadline = deadline
        self.trouble = ""

    def __call__(self, quad: Quad) -> tuple[np.ndarray, float] | None:
        """Return (q, r) with ``q'z + r`` equal to the expression on the face; None where a product stays."""
        quad = quad.canonical()
        both = self._free[quad.i] & self._free[quad.j]
        if both.any():
            self._ask(np.unique(np.concatenate([quad.i[both], quad.j[both]])))
            both = self._free[quad.i] & self._free[quad.j]
        if both.any():
            at = np.flatnonzero(both)[0]
            self.trouble = " * ".join(quad.space.label(int(c)) for c in (quad.i[at], quad.j[at]))
            return None
        P, q, r = quad.matrices(len(self._z))
        fixed = np.where(self._free, 0.0, self._z)
        gradient = P @ fixed
        moving = np.where(self._free, gradient + q, q)
        return moving, float(r + 0.5 * fixed @ gradient)

    def _ask(self, columns: np.ndarray) -> None:
        """Find out which columns have one value on the whole face, and count them as fixed."""
        place = {int(c): k for k, c in enumerate(self._ties.columns)}
        if self._warm is None:
            t = self._ties
            self._warm = t.warm(self._deadline)
        for column in columns[~self._asked[columns]].tolist():
            self._asked[column] = True
            if column not in place:
                continue
            at, here, off = np.array([place[column]]), self._z[column], 0.0
            for sign in (1.0, -1.0):
                answer = self._warm.minimize(at, np.array([sign]))
                off = max(off, np.inf if answer.x is None else abs(sign * answer.value - here))
            self._free[column] = off > FLAT * max(1.0, abs(here))
