"""The linear relaxation of one follower's KKT system that proves bounds on its multipliers.

Columns ``v = (x, y, lam, mu, w, t)`` with w for the products of the identity and ``t <= 1/2 y'P y``; rows::

    primal          A y + B x = b,  G y + H x <= h              leader rows in x and y alone
    stationarity    P y + Q x - A'lam + G'mu = -q
    McCormick       w = x_l y_j, lam_k x_l, mu_i x_l over the boxes
    identity        2 t + q'y + Q.w - b'lam + B.w + h'mu - H.w <= 0
    tangent         t >= yhat'P y - 1/2 yhat'P yhat
    Slater          sigma'mu <= N            for any feasible yhat with slacks s(yhat) >= sigma >= 0

Terms of the identity with sides out of reach are left out. It holds at every KKT point (stationarity times y), the
Slater row for every multiplier, because ``f*(x) <= f(yhat, x) - mu's(yhat)`` and N bounds ``f(yhat, x) - f*(x)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from ...numerics.intervals import FAR
from ...numerics.product_hull import hull, product_boxes
from ...numerics.programs import Polyhedron
from ...numerics.sparse import Csr, row_index
from ...problem.qp import QP


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes of the columns of a relaxation: (x, y, lam, mu) stacked."""

    lb: np.ndarray
    ub: np.ndarray


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the parts of a relaxation's columns begin: x, y, lam, mu, w, t."""

    y: int
    lam: int
    mu: int
    w: int
    t: int

    @classmethod
    def of(cls, qp: QP) -> Layout:
        """Return the layout of a QP's relaxation."""
        y = qp.nx
        lam = y + qp.ny
        mu = lam + len(qp.b)
        w = mu + len(qp.h)
        return cls(y, lam, mu, w, w + qp.Q.nnz + qp.B.nnz + qp.H.nnz)

    @property
    def n(self) -> int:
        """Number of columns."""
        return self.t + 1


def with_rows(polyhedron: Polyhedron, A: Csr, lo: np.ndarray, hi: np.ndarray) -> Polyhedron:
    """Return a polyhedron with more rows, those with coefficients out of reach left out."""
    near = np.ones(len(lo), dtype=bool)
    near[row_index(A)[np.abs(A.data) >= FAR]] = False
    return polyhedron.with_rows(A[near], lo[near], hi[near])


def single_rows(qp: QP) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which inequality rows bound one column of y alone, that column, and its coefficient."""
    single = (np.diff(qp.G.indptr) == 1) & (np.diff(qp.H.indptr) == 0)
    at = np.flatnonzero(single)
    return at, qp.G.indices[qp.G.indptr[at]], qp.G.data[qp.G.indptr[at]]


def with_single_rows(qp: QP, lb: np.ndarray, ub: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the box of y tightened by the rows that bound one column alone."""
    at, column, coefficient = single_rows(qp)
    side = qp.h[at] / coefficient
    lb, ub = lb.copy(), ub.copy()
    np.minimum.at(ub, column[coefficient > 0], side[coefficient > 0])
    np.maximum.at(lb, column[coefficient < 0], side[coefficient < 0])
    return lb, ub


def products(qp: QP) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the two columns of every product w, and its coefficient in the identity."""
    at = Layout.of(qp)
    left = np.concatenate([qp.Q.indices, qp.B.indices, qp.H.indices])
    right = np.concatenate([at.y + row_index(qp.Q), at.lam + row_index(qp.B), at.mu + row_index(qp.H)])
    return left, right, np.concatenate([qp.Q.data, qp.B.data, -qp.H.data])


def _curvature_max(qp: QP, boxes: Boxes) -> float:
    """Return an upper bound on ``1/2 y'P y`` over the box."""
    at = Layout.of(qp)
    size = np.maximum(np.abs(boxes.lb[at.y : at.lam]), np.abs(boxes.ub[at.y : at.lam]))
    P = qp.P.tocoo()
    with np.errstate(invalid="ignore"):
        terms = np.abs(P.data) * size[P.row] * size[P.col]
    return 0.5 * float(np.where(np.isnan(terms), 0.0, terms).sum())


def relaxation(qp: QP, boxes: Boxes, leader: tuple[Csr, np.ndarray, np.ndarray], duals: bool = True) -> Polyhedron:
    """Return the relaxation of a follower's KKT system over the boxes of (x, y, lam, mu).

    Parameters
    ----------
    qp : QP
    boxes : Boxes
        Of (x, y, lam, mu); the box of y already holds the rows that bound one column alone.
    leader : (csr_array (k, nx + ny), lo, hi)
        Leader rows in the follower's parameters and variables alone.
    duals : bool
        Without them the rows in lam and mu are left out: while the multipliers have no boxes, those rows spoil the
        safe bounds.
    """
    at = Layout.of(qp)
    ny, me, mi, n = qp.ny, len(qp.b), len(qp.h), at.n
    single = np.zeros(mi, dtype=bool)
    single[single_rows(qp)[0]] = True
    left, right, weight = products(qp)
    wide = n - at.lam

    def empty(rows: int, columns: int) -> Csr:
        return Csr((rows, columns))

    primal = sp.hstack([qp.B, qp.A, empty(me, wide)], format="csr")
    upper = sp.hstack([qp.H[~single], qp.G[~single], empty(int((~single).sum()), wide)], format="csr")
    stationarity = sp.hstack([qp.Q, qp.P, -qp.A.T, qp.G.T, empty(ny, n - at.w)], format="csr")
    bound = sp.hstack([leader[0], empty(leader[0].shape[0], n - at.lam)], format="csr")
    products_at = np.arange(at.w, at.t)
    held, held_lo, held_hi = hull(left, right, products_at, boxes.lb, boxes.ub, n)
    w_lb, w_ub = product_boxes(left, right, boxes.lb, boxes.ub)
    identity = np.zeros(n)
    b, h, known = _within_reach(qp)
    identity[at.y : at.lam], identity[at.lam : at.mu], identity[at.mu : at.w] = qp.q, -b, h
    identity[at.w : at.t], identity[at.t] = weight, 2.0
    A = sp.vstack([primal, upper, stationarity, bound, held, Csr(identity[None, :])], format="csr")
    none = np.full(int((~single).sum()), -np.inf)
    lo = np.concatenate([qp.b, none, -qp.q, leader[1], held_lo, [-np.inf]])
    hi = np.concatenate([qp.b, qp.h[~single], -qp.q, leader[2], held_hi, [known]])
    lb, ub = np.concatenate([boxes.lb, w_lb, [0.0]]), np.concatenate([boxes.ub, w_ub, [_curvature_max(qp, boxes)]])
    program = Polyhedron(Csr(A), lo, hi, lb, ub)
    return program if duals else _without(program, at, qp.Q.nnz)


def _within_reach(qp: QP) -> tuple[np.ndarray, np.ndarray, float]:
    """Return b, h and the side of the identity without terms out of reach.

    ``h_i mu_i >= 0`` of a large h_i may be left out of a sum that is at most 0; other large sides leave none.
    """
    far = np.abs(qp.b) >= FAR
    known = 0.0 if not far.any() and (qp.h > -FAR).all() else np.inf
    return np.where(far, 0.0, qp.b), np.where(np.abs(qp.h) < FAR, qp.h, 0.0), known


def _without(program: Polyhedron, at: Layout, prices: int) -> Polyhedron:
    """Return the program without the rows that hold lam, mu, or a product with them (w beyond the first ``prices``)."""
    column = program.A.indices
    dual = ((column >= at.lam) & (column < at.w)) | ((column >= at.w + prices) & (column < at.t))
    keep = np.ones(len(program.lo), dtype=bool)
    keep[row_index(program.A)[dual]] = False
    return Polyhedron(Csr(program.A[keep]), program.lo[keep], program.hi[keep], program.lb, program.ub)
