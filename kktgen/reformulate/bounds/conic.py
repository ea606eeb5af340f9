"""A point strictly inside a follower's squares and norms for every decision of the leader (Slater), with slacks.

A rule ``yhat(x) = y0 + Y (x - c)`` is sought, by a cone program, that keeps for every x of the box [l, u], d = x - c::

    A y0 = b - B c,   A Y + B = 0
    1/2 yhat'R_i yhat + (G yhat + H x)_i + sigma_i <= h_i        (R_i zero where a row is linear)
    |E_k yhat + e_k| + (G yhat + H x)_k + sigma_k <= h_k

A constant rule (Y = 0) holds for the whole box where it does for the worst of the linear terms H x. With an affine one
the rows are convex in x, so that they hold on the box where they hold at its corners; corners are few where few
parameters stand in the rows.

Where every curved row has slack, KKT conditions are necessary at every decision, and ``mu_i <= N / sigma_i`` bounds
their multipliers (:mod:`kktgen.reformulate.bounds.slater`). Where no such rule is found nothing is bounded: a KKT
system without multipliers at some decision would cut it off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import scipy.sparse as sp

from ...deadline import Deadline
from ...errors import SolverError
from ...numerics.conic import ConicProgram
from ...numerics.intervals import interval
from ...numerics.settled import settled
from ...numerics.sparse import Csr, position, row_index
from ...problem.conic_qp import ConicQP
from .slater import EXACT, INSIDE, PASSES, Rule

CORNERS = 6
"""Most parameters in the rows whose corners an affine rule is sought over."""


@dataclass(frozen=True, eq=False)
class _Rows:
    """The follower without its products' columns, the parameters in its rows, and corners of their box about c."""

    qp: ConicQP
    live: np.ndarray
    links: np.ndarray
    c: np.ndarray
    b: np.ndarray
    h: np.ndarray
    corners: np.ndarray
    affine: bool

    def at(self, y0: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the least slack of every row (mi,) of a rule, and by how much it misses the equations."""
        off = np.abs(self.qp.A @ y0 - self.b).max(initial=0.0)
        if not self.affine:
            return np.where(self.live, self.h - self.qp.G @ y0 - self.qp.curved(y0), 0.0), float(off)
        reach = np.abs(self.corners).max(axis=0, initial=0.0)
        off = max(off, np.abs((self.qp.A @ Y + self.qp.B[:, self.links].toarray()) * reach).max(initial=0.0))
        H, slack = Csr(self.qp.H[:, self.links]), np.full(len(self.h), np.inf)
        for d in self.corners:
            y = y0 + Y @ d
            slack = np.minimum(slack, self.h - self.qp.G @ y - H @ d - self.qp.curved(y))
        return np.where(self.live, slack, 0.0), float(off)

    def program(self, cap: np.ndarray) -> ConicProgram:
        """Return the program over (y0, Y, sigma) whose cost is still zero."""
        qp, k = self.qp, len(self.links) if self.affine else 0
        ny, mi = qp.ny, len(cap)
        pad, wide = Csr((len(qp.b), mi)), ny * k
        rows = [sp.hstack([qp.A, Csr((len(qp.b), wide)), pad])]
        sides = [self.b]
        if k:
            rows.append(sp.hstack([Csr((len(qp.b) * k, ny)), sp.kron(qp.A, sp.eye_array(k)), Csr((len(qp.b) * k, mi))]))
            sides.append(-qp.B[:, self.links].toarray().ravel())
        equal = sum(map(len, sides))
        squares: list[tuple[int, Csr]] = []
        norms: list[tuple[int, Csr, np.ndarray]] = []
        live, at = np.flatnonzero(self.live), equal
        place = np.full(mi, -1)
        place[live] = np.arange(len(live))
        own = sp.eye_array(mi, format="csr")[live]
        for d in self.corners if self.affine else [None]:
            T = sp.eye_array(ny) if d is None else sp.hstack([sp.eye_array(ny), sp.kron(sp.eye_array(ny), d[None, :])])
            rows.append(sp.hstack([qp.G[live] @ T, own]))
            sides.append((self.h if d is None else self.h - qp.H[:, self.links] @ d)[live])
            lift = sp.hstack([T, Csr((ny, mi))])
            squares += [(at + int(place[i]), Csr(lift.T @ R @ lift)) for i, R in qp.squares if place[i] >= 0]
            norms += [(at + int(place[one.row]), Csr(one.E @ lift), one.e) for one in qp.norms if place[one.row] >= 0]
            at += len(live)
        hi = np.concatenate(sides)
        lo = np.where(np.arange(len(hi)) < equal, hi, -np.inf)
        n, free = ny + wide + mi, np.full(ny + wide, np.inf)
        lb, ub = np.concatenate([-free, np.zeros(mi)]), np.concatenate([free, cap])
        return ConicProgram(
            Csr((n, n)), np.zeros(n), Csr(sp.vstack(rows, format="csr")), lo, hi, lb, ub, tuple(squares), tuple(norms)
        )


def strict_rule(
    conic: ConicQP, box: tuple[np.ndarray, np.ndarray], dead: np.ndarray, slack_max: np.ndarray, deadline: Deadline
) -> Rule | None:
    """Return a rule with slack in every square and norm for every x in the box; None where none is found.

    Parameters
    ----------
    conic : ConicQP
        The follower.
    box : (lb, ub)
        Of the parameters.
    dead : ndarray (mi,) bool
        Inequalities without own variables.
    slack_max : ndarray (mi,)
    deadline : Deadline
    """
    cap = np.where(dead, 0.0, np.clip(np.where(np.isfinite(slack_max), slack_max, 1.0) * 0.25, 0.0, 1.0))
    curved = np.array([i for i, _ in conic.squares] + [norm.row for norm in conic.norms], dtype=np.int64)
    cap[curved] = np.maximum(cap[curved], 10 * INSIDE)
    for affine in (False, True):
        rows = _rows(conic, box, dead, affine)
        rule = None if rows is None else _best(rows, cap, deadline)
        if rule is not None and (rule.sigma[curved] > INSIDE).all():
            return rule
    return None


def _rows(qp: ConicQP, box: tuple[np.ndarray, np.ndarray], dead: np.ndarray, affine: bool) -> _Rows | None:
    """Return the rows for one kind of rule; None where that kind cannot keep them."""
    lb, ub = box
    held = np.zeros(qp.nx, dtype=bool)
    held[qp.B.indices[qp.B.data != 0]] = True
    held[qp.H.indices[(qp.H.data != 0) & ~dead[row_index(qp.H)]]] = True
    links = np.flatnonzero(held & (lb < ub))
    if not (np.isfinite(lb[held]) & np.isfinite(ub[held])).all():
        return None
    c = np.zeros(qp.nx)
    c[held] = 0.5 * (lb[held] + ub[held])
    b, h = qp.b - qp.B @ c, qp.h - qp.H @ c
    low, high = (lb - c)[links], (ub - c)[links]
    if not affine:
        if (position(links, qp.B.indices[qp.B.data != 0]) >= 0).any():
            return None
        h = h - interval(Csr(qp.H[:, links]), low, high)[1]
        return _Rows(qp, ~dead, links, c, b, h, np.zeros((0, len(links))), False)
    if not 0 < len(links) <= CORNERS:
        return None
    corners = np.array(list(product(*zip(low.tolist(), high.tolist(), strict=True))))
    return _Rows(qp, ~dead, links, c, b, h, corners, True)


def _best(rows: _Rows, cap: np.ndarray, deadline: Deadline) -> Rule | None:
    """Return the rule of the largest slacks, each up to its cap; rows still without slack get further passes."""
    program, mi, ny = rows.program(cap), len(cap), rows.qp.ny
    k = len(rows.links) if rows.affine else 0
    found: list[np.ndarray] = []
    lacking, sigma, off = cap > 0, np.zeros(mi), np.inf
    y0, Y = np.zeros(ny), np.zeros((ny, k))
    for _ in range(PASSES):
        q = np.zeros(len(program.q))
        q[len(q) - mi :] = np.where(lacking, -1.0 / np.maximum(cap, 1e-12), 0.0)
        try:
            answer = replace(program, q=q).solve(deadline)
        except SolverError:
            break
        if answer.x is None:
            break
        found.append(answer.x[: ny + ny * k])
        mean = np.mean(found, axis=0)  # rules that keep the rows are a convex set
        y0, Y = mean[:ny], mean[ny:].reshape(ny, k)
        sigma, off = rows.at(y0, Y)
        lacking = (cap > 0) & (sigma < INSIDE)
        if not lacking.any():
            break
    if not found or not max(off, -sigma.min(initial=0.0)) <= EXACT:
        return None
    exact = _settled(program, np.concatenate([y0, Y.ravel()]))
    if exact is None:
        return None
    y0, Y = exact[:ny], exact[ny:].reshape(ny, k)
    sigma, _ = rows.at(y0, Y)
    sigma = np.maximum(sigma - EXACT * (1.0 + np.abs(rows.h)), 0.0)
    links = rows.links if rows.affine else np.empty(0, dtype=np.int64)
    return Rule(y0, Y, links, rows.c, sigma)


def _settled(program: ConicProgram, rule: np.ndarray) -> np.ndarray | None:
    """Return a rule near another that keeps the linear rows exactly, so that no slack in the curved ones is an error.

    None where none is found.
    """
    linear = np.ones(len(program.lo), dtype=bool)
    linear[np.array([one[0] for one in (*program.squares, *program.norms)], dtype=np.int64)] = False
    return settled(rule, Csr(program.A[linear][:, : len(rule)]), program.lo[linear], program.hi[linear])
