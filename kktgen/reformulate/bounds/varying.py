"""Slater bounds (D1) of followers whose rows hold products with the leader's continuous variables.

The coefficients of the rows follow x, ``(G + sum_j x_j G_j) y + H x <= h``. One point yhat for every x in the box
[l, u], with d = x - c, is feasible with slacks sigma where (a rule affine in x would make the rows quadratic)::

    (G + sum_j c_j G_j) yhat + sum_j w_j + sigma <= h - H c,    w_j >= (u_j - c_j) t_j,  (l_j - c_j) t_j
    t_j = H_j + G_j yhat                                        of every row and j; t_j = 0 of equations

Then ``mu_i <= (f(yhat, x) - f*(x)) / sigma_i`` for every multiplier of every optimum
(:mod:`kktgen.reformulate.bounds.slater`), for weak duality asks the rows at one x alone. Its proof by bounds on the
products ``p = x mu`` that the linear KKT system holds makes the other tiers work
(:mod:`kktgen.problem.varying_rows`): they speak of all multipliers, never of basic ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from ...deadline import Deadline
from ...numerics.intervals import interval
from ...numerics.product_hull import product_boxes
from ...numerics.programs import lp
from ...numerics.sparse import Csr, coo, joined, position, row_index, scale_rows, take_columns
from ...problem.conic_qp import Norm, with_norms, with_own_products
from ...problem.follower_rows import System
from ...problem.qp import QP
from .conic import strict_rule
from .lps import SECONDS
from .relaxation import Boxes, relaxation
from .slater import EXACT, INSIDE, PASSES, Rule, slater

Side = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Bent:
    """The products in the rows of one follower, as plain arrays.

    Parameters
    ----------
    v, p : ndarray (k,), (l,)
        Positions of the products' columns among the parameters of the QP.
    x_lb, x_ub : ndarray (k,)
        Boxes of the leader's variables.
    x : ndarray (k,)
        Their positions among the parameters; -1 where nothing but products holds one.
    E : csr_array (k, ny)
        Expressions.
    of, mu : ndarray (l,)
        Which product each p belongs to; the position of its multiplier among the inequalities' (-1: an equation's).
    weight : ndarray (l,)
        ``p / (x mu)``.
    own : ndarray (k,)
        Positions of x among the follower's own variables, where its rows are convex quadratic
        (:mod:`kktgen.problem.curved_rows`); empty elsewhere.
    norms : tuple of Norm
        Of the rows that are half-spaces of cones (:mod:`kktgen.problem.cones`); columns are positions in x.
    of_norms : ndarray (k,) of bool
        Which products stand in those rows.
    """

    v: np.ndarray
    p: np.ndarray
    x_lb: np.ndarray
    x_ub: np.ndarray
    x: np.ndarray
    E: Csr
    of: np.ndarray
    mu: np.ndarray
    weight: np.ndarray
    own: np.ndarray
    norms: tuple[Norm, ...]
    of_norms: np.ndarray

    @property
    def curved(self) -> bool:
        """Whether a point strictly inside the rows is needed for multipliers to exist."""
        return bool(len(self.own) or self.norms)

    @classmethod
    def of_system(cls, system: System, qp: QP, lb: np.ndarray, ub: np.ndarray) -> Bent | None:
        """Return the products of a follower, None without any; ``lb`` and ``ub`` (n,) are the boxes of all columns."""
        one = system.varying
        if one is None:
            return None
        x, E = one.x, take_columns(one.E, qp.y)
        return cls(
            position(qp.x, one.v), position(qp.x, one.p), lb[x], ub[x], position(qp.x, x), E, one.of,
            position(qp.mu, one.mu), one.weight, position(qp.y, one.x if one.curved else one.x[:0]),
            tuple(replace(norm, columns=position(qp.x, norm.columns)) for norm in system.norms(np.zeros(len(lb)))),
            np.isin(x, joined((cone.u for cone in system.cones), int)),
        )  # fmt: skip

    def price_boxes(self, mu: np.ndarray) -> Side:
        """Return the boxes of p (l,) where the multipliers of inequalities are at most mu (mi,)."""
        most = np.where(self.mu >= 0, np.append(mu, np.inf)[self.mu], np.inf)
        least = np.where(self.mu >= 0, 0.0, -np.inf)
        k, at = len(most), np.arange(len(most))
        low, high = np.concatenate([self.x_lb[self.of], least]), np.concatenate([self.x_ub[self.of], most])
        low, high = product_boxes(at, at + k, low, high)
        return low * self.weight, high * self.weight


def without_prices(qp: QP, bent: Bent) -> QP:
    """Return the QP with the follower's own cost: that of the products with multipliers left out."""
    keep = np.ones(qp.nx)
    keep[bent.p] = 0.0
    Q = Csr(qp.Q @ sp.diags_array(keep))
    Q.eliminate_zeros()
    return replace(qp, Q=Q)


def varying_bounds(
    qp: QP, bent: Bent, boxes: tuple[Side, Side], leader: tuple[Csr, np.ndarray, np.ndarray], dead: np.ndarray,
    slack_max: np.ndarray, deadline: Deadline,
) -> np.ndarray | None:  # fmt: skip
    """Return bounds on all multipliers mu (mi,) of a follower; inf where a point proves none, None without a point.

    Parameters
    ----------
    qp : QP
        As :meth:`kktgen.problem.follower_rows.System.with_parameters` returns it.
    bent : Bent
    boxes : (lb, ub), (lb, ub)
        Of the parameters and of y.
    leader : (csr_array (k, nx + ny), lo, hi)
        Leader rows in the parameters and the follower's variables alone.
    dead : ndarray (mi,) bool
        Inequalities without own variables.
    slack_max : ndarray (mi,)
    deadline : Deadline
    """
    rule = _rule(qp, bent, boxes[0], dead, slack_max, deadline)
    if rule is None:
        return None
    own = without_prices(qp, bent)
    (x_lb, x_ub), (y_lb, y_ub) = boxes
    most = np.full(len(qp.h), np.inf)
    free = np.full(len(qp.b), np.inf)
    lower = np.concatenate([x_lb, y_lb, -free, np.zeros(len(qp.h))])
    program = relaxation(own, Boxes(lower, np.concatenate([x_ub, y_ub, free, most])), leader, duals=False)
    return slater(own, program, rule, dead, deadline)[1]


def _rule(
    qp: QP, bent: Bent, box: Side, dead: np.ndarray, slack_max: np.ndarray, deadline: Deadline
) -> Rule | None:  # fmt: skip
    """Return a rule that keeps all rows, with slack in those that are squares or norms; None without."""
    if len(bent.own):
        return strict_rule(with_own_products(qp, bent.v, bent.own, bent.E), box, dead, slack_max, deadline)
    normals = joined((norm.columns for norm in bent.norms), int)
    if bent.norms and bent.of_norms.all():
        still = np.concatenate([bent.v, normals[normals >= 0]])
        return strict_rule(with_norms(qp, still, bent.norms), box, dead, slack_max, deadline)
    rule = _point(qp, bent, box, dead, slack_max, deadline)
    inside = [] if rule is None else [rule.sigma[norm.row] > INSIDE for norm in bent.norms]
    return rule if all(inside) else None


def _point(
    qp: QP, bent: Bent, box: Side, dead: np.ndarray, slack_max: np.ndarray, deadline: Deadline
) -> Rule | None:  # fmt: skip
    """Return a point that is feasible for every x of the box with its slacks, the same rule for all; None without."""
    rows = _Rows.of(qp, bent, box)
    if rows is None:
        return None
    cap = np.where(dead, 0.0, np.clip(np.where(np.isfinite(slack_max), slack_max, 1.0) * 0.25, 0.0, 1.0))
    A, (lo, hi), (lb, ub) = rows.program(cap, dead)
    ny, mi = qp.ny, len(qp.h)
    points: list[np.ndarray] = []
    lacking, y0, sigma = cap > 0, np.zeros(ny), np.zeros(mi)
    for _ in range(PASSES):
        q = np.zeros(A.shape[1])
        q[len(q) - mi :] = np.where(lacking, -1.0 / np.maximum(cap, 1e-12), 0.0)
        answer = lp(q, A, lo, hi, lb, ub, deadline.part(SECONDS))
        if answer.x is None:
            break
        points.append(answer.x[:ny])
        y0 = np.mean(points, axis=0)  # feasible points are a convex set
        sigma = np.where(dead, 0.0, rows.slack(y0))
        lacking = (cap > 0) & (sigma < INSIDE)
        if not lacking.any():
            break
    if not points or not max(rows.off(y0), -sigma.min(initial=0.0)) <= EXACT:
        return None
    none = np.empty(0, dtype=np.int64)
    sigma = np.maximum(sigma - EXACT * (1.0 + np.abs(rows.h)), 0.0)
    return Rule(y0, np.zeros((ny, 0)), none, np.zeros(qp.nx), sigma)


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows of a follower about the middle c of the box of its parameters, and how they turn away from it.

    ``A y = b`` and ``G y <= h`` at c; the terms ``t = T + E y`` of the rows ``row`` move by ``t d``, d in [low, high];
    of equations they are zero, ``fixed``.
    """

    A: Csr
    b: np.ndarray
    G: Csr
    h: np.ndarray
    row: np.ndarray
    T: np.ndarray
    E: Csr
    low: np.ndarray
    high: np.ndarray
    fixed: tuple[Csr, np.ndarray]

    @classmethod
    def of(cls, qp: QP, bent: Bent, box: Side) -> _Rows | None:
        """Return the rows; None where an equation moves with a parameter that no product can hold still."""
        lb, ub = (np.concatenate([side, own]) for side, own in zip(box, (bent.x_lb, bent.x_ub), strict=True))
        place = np.where(bent.x >= 0, bent.x, qp.nx + np.arange(len(bent.v)))  # of x among all parameters
        ends = np.where(np.isfinite(lb), lb, ub), np.where(np.isfinite(ub), ub, lb)
        known, moving = np.isfinite(ends[0]), lb < ub
        c = np.zeros(len(lb))
        c[known] = 0.5 * (ends[0][known] + ends[1][known])
        of_products = np.concatenate([bent.v, bent.p])
        c[of_products], moving[of_products] = 0.0, False
        at_c = scale_rows(c[place], bent.E)
        A, G = (Csr(own + take_columns(M, bent.v) @ at_c) for own, M in ((qp.A, qp.B), (qp.G, qp.H)))
        equal, upper = (_terms(M, bent, place, moving) for M in (qp.B, qp.H))
        if equal[2][np.diff(equal[3].indptr) == 0].any():
            return None
        row, j, T, E = upper
        x = c[: qp.nx]
        return cls(A, qp.b - qp.B @ x, G, qp.h - qp.H @ x, row, T, E, (lb - c)[j], (ub - c)[j], (equal[3], -equal[2]))

    def off(self, y: np.ndarray) -> float:
        """Return by how much a point misses the equations."""
        E, side = self.fixed
        return float(np.abs(np.concatenate([self.A @ y - self.b, E @ y - side])).max(initial=0.0))

    def slack(self, y: np.ndarray) -> np.ndarray:
        """Return the smallest slack of every inequality at a point, over the box (mi,)."""
        t, each = self.T + self.E @ y, np.arange(len(self.T))
        M = coo(t[t != 0], self.row[t != 0], each[t != 0], (len(self.h), len(t)))
        return self.h - self.G @ y - interval(M, self.low, self.high)[1]

    def program(self, cap: np.ndarray, dead: np.ndarray) -> tuple[Csr, Side, Side]:
        """Return the rows, their sides and the boxes of the LP over (y, w, sigma)."""
        ny, mi, k = self.G.shape[1], len(self.h), len(self.T)
        live = sp.diags_array((~dead).astype(float))
        sums = live @ coo(np.ones(k), self.row, np.arange(k), (mi, k))
        E, side = self.fixed
        rows = [[self.A, Csr((len(self.b), k)), Csr((len(self.b), mi))], [live @ self.G, sums, sp.eye_array(mi)],
                [E, None, None]]  # fmt: skip
        lo = [self.b, np.full(mi, -np.inf), side]
        hi = [self.b, np.where(dead, 0.0, self.h), side]
        for end, sign in ((self.low, -1.0), (self.high, 1.0)):
            far = np.isinf(end)  # w >= end t, or t of the right sign where the end is none
            d, one = np.where(far, sign, end), sp.diags_array(np.where(far, 0.0, 1.0))
            rows.append([-sp.diags_array(d) @ self.E, one, None])
            lo.append(d * self.T)
            hi.append(np.full(k, np.inf))
        free = np.full(ny + k, np.inf)
        lb, ub = np.concatenate([-free, np.zeros(mi)]), np.concatenate([free, cap])
        return Csr(sp.block_array(rows, format="csr")), (np.concatenate(lo), np.concatenate(hi)), (lb, ub)


def _terms(
    M: Csr, bent: Bent, place: np.ndarray, moving: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Csr]:  # fmt: skip
    """Return row, parameter, T and E of every coefficient ``T + E y`` of a parameter that moves in some rows."""
    k, row = position(bent.v, M.indices), row_index(M)
    j = np.where(k >= 0, place[np.maximum(k, 0)], M.indices)
    keep = moving[j]
    k, row, j, data = k[keep], row[keep], j[keep], M.data[keep]
    known, at = np.unique(row.astype(np.int64) * len(moving) + j, return_inverse=True)
    product = k >= 0
    T = np.bincount(at[~product], weights=data[~product], minlength=len(known))
    E = Csr(coo(data[product], at[product], k[product], (len(known), len(bent.v))) @ bent.E)
    return known // len(moving), known % len(moving), T, E
