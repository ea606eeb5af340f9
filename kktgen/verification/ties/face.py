"""The ties at a point: every optimal response of the followers, and every optimal price, as one polyhedron.

With the parameters x of a follower fixed, a response yhat of it and a multiplier muhat of it, its optima are::

    F = { y :  rows of the follower,  P y = P yhat,  s_i(y) = 0 where muhat_i > 0 }

for y is optimal exactly when it is feasible, has the gradient of yhat (which all optima share), and is complementary
to one optimal multiplier: the same for every y. No row on the cost is needed, so no tolerance on the cost leaks into
the leader's value. The optimal multipliers are, the other way round::

    D = { (lam, mu) :  A'lam - G'mu = P yhat + Q x + q,  mu >= 0,  mu_i = 0 where s_i(yhat) > 0 }

and every pair of F x D is a KKT point. Multipliers and slacks up to ``TIE`` (scaled) count as zero; rows are relaxed by
what yhat violates, so yhat is always in F. Source: Mangasarian, "A simple characterization of solution sets of convex
programs", Oper. Res. Letters 7 (1988).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...deadline import NEVER, Deadline
from ...errors import UnsupportedError
from ...model.kkt_system import Kkt
from ...model.model import Model
from ...numerics.programs import Polyhedron
from ...numerics.sparse import Csr, coo, joined, row_index, scale_rows, take_columns, vstack
from ...problem.columns import LEADER
from ...problem.qp import QP
from ..residuals import row_scale

TIE = 1e-7
"""Multipliers up to this times the follower's largest gradient entry, and slacks up to this times the scale of their
row, count as zero (both scales are at least 1)."""


@dataclass(frozen=True, eq=False)
class Face(Polyhedron):
    """The polyhedron ``lo <= A u <= hi, lb <= u <= ub`` of followers' variables and, where priced, multipliers.

    Parameters
    ----------
    columns : ndarray (k,)
        The columns u of the problem.
    A, lo, hi, lb, ub
        Over u.
    start : ndarray (k,)
        The point's own values, which lie in it.
    """

    columns: np.ndarray
    start: np.ndarray


def face(model: Model, z: np.ndarray, deadline: Deadline = NEVER) -> Face:
    """Return the ties at a verified point.

    Parameters
    ----------
    model : Model
        The KKT model of the problem.
    z : ndarray (n,)
    deadline : Deadline

    Raises
    ------
    UnsupportedError
        Followers see each other's columns (Nash): their equilibria are no product of faces. Complementarity said
        directly.
    SolverError
        A linear program could not be solved.
    """
    kkt = model.kkt
    none = np.empty(0, dtype=np.int64)
    if kkt is None:
        return Face(Csr((0, 0)), np.empty(0), np.empty(0), np.empty(0), np.empty(0), none, np.empty(0))
    if kkt.curved:
        raise UnsupportedError(
            f"follower {kkt.curved[0]!r} has rows with squares or norms: its optimal responses are no polyhedron"
        )
    kkt = kkt.fixed(z)
    if model.space.conditions:
        raise UnsupportedError(
            f"complementarity conditions {min(model.space.conditions)!r} are nobody's response, so they break no ties"
        )
    qps = [kkt.qp(k) for k in range(len(kkt.followers))]
    for name, qp in zip(kkt.followers, qps, strict=True):
        other = qp.x[model.space.owner[qp.x] != LEADER]
        if len(other):
            raise UnsupportedError(
                f"follower {name!r} sees {model.space.label(int(other[0]))}, which is not the leader's: the ties of a "
                "Nash game are no product of the followers' optimal faces"
            )
    active = joined((_positive(qp, z, deadline) for qp in qps), bool)
    priced = np.concatenate([kkt.lam[kkt.priced[kkt.lam_of]], kkt.mu[kkt.priced[kkt.mu_of]]])
    columns = np.concatenate([kkt.y, priced])
    parts = [_equal(kkt.E, kkt.y, z, False), _inequalities(kkt, active, z), _equal(kkt.S, kkt.y, z, True)]
    parts.append(_equal(kkt.S, priced, z, True))
    return _joined(columns, parts, _boxes(model, kkt, columns, z), z)


def _positive(qp: QP, z: np.ndarray, deadline: Deadline) -> np.ndarray:
    """Return which multipliers mu of a follower are positive in one of its dual optima (mi,) bool.

    A multiplier is weighed with the largest entry of its row, over the largest entry of the gradient.
    """
    y, x = z[qp.y], z[qp.x]
    found = qp.multipliers(y, x, deadline)
    if found is None:
        return np.zeros(len(qp.h), dtype=bool)
    weight = np.zeros(len(qp.h))
    np.maximum.at(weight, row_index(qp.G), np.abs(qp.G.data))
    return found[1] * weight > TIE * max(1.0, float(np.abs(qp.gradient(y, x)).max(initial=0.0)))


Part = tuple[Csr, np.ndarray, np.ndarray]


def _equal(M: Csr, columns: np.ndarray, z: np.ndarray, scaled: bool) -> Part:
    """Return the rows that keep ``M z`` on some columns, as (rows over all columns, lo, hi); empty rows left out."""
    own = _restricted(M, columns)
    own = Csr(own[np.diff(own.indptr) > 0])
    if scaled:
        top = np.zeros(own.shape[0])
        np.maximum.at(top, row_index(own), np.abs(own.data))
        own = scale_rows(1.0 / top, own)
    value = own @ z[: own.shape[1]]
    return own, value, value


def _restricted(M: Csr, columns: np.ndarray) -> Csr:
    """Return M with the entries outside some columns dropped."""
    keep = np.zeros(M.shape[1], dtype=bool)
    keep[columns] = True
    inside = keep[M.indices]
    return coo(M.data[inside], row_index(M)[inside], M.indices[inside], M.shape)


def _inequalities(kkt: Kkt, active: np.ndarray, z: np.ndarray) -> Part:
    """Return the rows ``s(y) >= 0``, with ``s_i(y) <= s_i(yhat)`` where row i is active."""
    own = _restricted(kkt.C, kkt.y)
    value = own @ z
    slack = kkt.C @ z + kkt.c0
    lo, hi = value - np.maximum(slack, 0.0), np.where(active, value - np.minimum(slack, 0.0), np.inf)
    some = np.diff(own.indptr) > 0
    return Csr(own[some]), lo[some], hi[some]


def _boxes(model: Model, kkt: Kkt, columns: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return lb and ub of the columns: free for y and lam, ``mu_i >= 0`` and zero where ``s_i(yhat) > 0``."""
    lb, ub = np.full(model.n, -np.inf), np.full(model.n, np.inf)
    slack = (kkt.C @ z + kkt.c0) / row_scale(kkt.C, z, kkt.c0)
    shut = (slack > TIE) | (model.space.ub[kkt.mu] == 0)
    lb[kkt.mu] = np.minimum(z[kkt.mu], 0.0)
    ub[kkt.mu] = np.where(shut, np.maximum(z[kkt.mu], 0.0), np.inf)
    dead = kkt.lam[model.space.lb[kkt.lam] == model.space.ub[kkt.lam]]
    lb[dead] = ub[dead] = z[dead]
    return lb[columns], ub[columns]


def _joined(columns: np.ndarray, parts: list[Part], box: tuple[np.ndarray, np.ndarray], z: np.ndarray) -> Face:
    """Return the face of the parts; rows with one entry become bounds."""
    A = take_columns(vstack([M for M, _, _ in parts], len(z)), columns)
    lo, hi = (np.concatenate([part[k] for part in parts]) for k in (1, 2))
    lb, ub = box[0].copy(), box[1].copy()
    single = np.diff(A.indptr) == 1
    at = A.indptr[:-1][single]
    column, v = A.indices[at], A.data[at]
    low, high = np.where(v > 0, lo[single], hi[single]) / v, np.where(v > 0, hi[single], lo[single]) / v
    np.maximum.at(lb, column, low)
    np.minimum.at(ub, column, high)
    start = z[columns]
    lb, ub = np.minimum(lb, start), np.maximum(ub, start)
    return Face(Csr(A[~single]), lo[~single], hi[~single], lb, ub, columns, start)
