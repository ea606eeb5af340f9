"""How far linear functions reach over the points of a convex relaxation that are not worse than a given value.

::

    min  d'z   s.t.   rows and boxes,   sum_j t_j + q'z + r <= V,   1/2 z'P_j z <= t_j
                      t_j + a_i'z >= b_i                                (Lagrangian cuts of subproblem j)

Clarabel solves it as a second-order cone program. What counts is not its word but its multipliers: with theta of the
cutoff, rho_i of the cuts, prices p of the rows, and kappa_j = theta - sum rho_i, which is not negative where P_j is not
zero, for every point that is admitted::

    d'z >= d'z + theta (F(z) - V) + sum_i rho_i (b_i - a_i'z - t_j)
         = 1/2 z'(sum kappa_j P_j) z + (d + theta q - sum rho_i a_i)'z + theta (r - V) + rho'b     (t_j = 1/2 z'P_j z)

The minimum of the right side over rows and boxes is bounded from below by p, as in :mod:`kktgen.numerics.safe_bound`.
So inexact multipliers cost tightness, never truth; they are kept in single precision, for a checker to repeat the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any

import clarabel
import numpy as np
import scipy.sparse as sp

from ..deadline import Deadline
from ..numerics.answers import Answer
from ..numerics.background import in_background
from ..numerics.safe_bound import ROUNDING, safe_convex_minimum
from ..numerics.sparse import Csr, position, scale_rows, take_columns, take_rows
from ..reformulate.bounds.curved import Blocks as Connected

ACCURACY = 1e-4
"""Tolerances of the cone programs; what they leave open is rounded outward."""
DUST = 1e-9
"""Prices below this (relative to the largest) are taken as zero."""


@dataclass(frozen=True, eq=False)
class LevelSet:
    """Points of a convex relaxation that are not worse than a value.

    Parameters
    ----------
    P, q, r : csr_array (n, n), ndarray (n,), float
        The minimised objective.
    reach : float
        V.
    M, lo, hi : csr_array (m, n), ndarray (m,)
    lb, ub : ndarray (n,)
    group : ndarray (n,) of int
        Subproblem of every column, -1 of the leader's; their columns are bent together.
    cuts : csr_array (k, n), sides : ndarray (k,), of : ndarray (k,) of int
        The Lagrangian cuts ``t_of + cuts z >= sides``.
    """

    P: Csr
    q: np.ndarray
    r: float
    reach: float
    M: Csr
    lo: np.ndarray
    hi: np.ndarray
    lb: np.ndarray
    ub: np.ndarray
    group: np.ndarray
    cuts: Csr
    sides: np.ndarray
    of: np.ndarray

    @property
    def bent(self) -> np.ndarray:
        """The groups whose cost is not linear; of the others t is zero, and kappa may have any sign."""
        return np.unique(self.group[self.P.indices])

    def least(self, cost: np.ndarray, price: Prices) -> float:
        """Return the proved lower bound on ``cost'z`` that multipliers give; -inf where they give none."""
        theta, rho, p = float(price.theta), price.rho.astype(float), price.p.astype(float)
        groups = int(self.group.max(initial=-1)) + 2
        kappa = theta - np.bincount(self.of + 1, weights=rho, minlength=groups)
        if theta < 0 or (rho < 0).any() or (kappa[self.bent + 1] < 0).any():
            return -np.inf
        weight = kappa[self.group + 1]
        P = scale_rows(weight, self.P)
        q = cost + theta * self.q - self.cuts.T @ rho
        answer = Answer("optimal", price.x.astype(float), np.nan, p, np.empty(0))
        value, _ = safe_convex_minimum(answer, P, q, self.M, self.lo, self.hi, self.lb, self.ub)
        rest = [theta * self.r, -theta * self.reach, *(rho * self.sides)]
        with np.errstate(invalid="ignore"):
            found = float(value + sum(rest) - ROUNDING * sum(abs(part) for part in rest))
        return found if np.isfinite(found) else -np.inf  # numbers that are none prove nothing


@dataclass(frozen=True, eq=False)
class Prices:
    """Multipliers that bound a linear function over a level set.

    Parameters
    ----------
    theta : float32
        Of the cutoff.
    rho : ndarray (k,) of float32
        Of the Lagrangian cuts.
    p : ndarray (m,) of float32
        Of the rows.
    x : ndarray (n,) of float32
        Where the tangent is taken; zero on columns that nothing bends.
    """

    theta: np.float32
    rho: np.ndarray
    p: np.ndarray
    x: np.ndarray


class LevelProgram:
    """A level set inside Clarabel, to be asked for several linear functions.

    Fixed columns are left out; the factorisation's order is found once.
    """

    def __init__(self, level: LevelSet) -> None:
        self.level = level
        self.free = np.flatnonzero(level.lb < level.ub)
        self.fixed = np.where(level.lb < level.ub, 0.0, level.lb)
        self._load()

    def _load(self) -> None:
        level, free = self.level, self.free
        n, groups = len(free), level.bent
        shift = level.M @ self.fixed
        M = take_columns(level.M, free)
        live = np.flatnonzero(np.diff(M.indptr) > 0)
        M, lo, hi = take_rows(M, live), (level.lo - shift)[live], (level.hi - shift)[live]
        equal = lo == hi
        up, down = np.isfinite(hi) & ~equal, np.isfinite(lo) & ~equal
        lb, ub = level.lb[free], level.ub[free]
        top, bottom = np.isfinite(ub), np.isfinite(lb)
        eye = sp.eye_array(n, format="csr")
        t = len(groups)
        cuts, q = take_columns(level.cuts, free), level.q[free]
        constant = float(level.q @ self.fixed) + level.r
        cone, tail, sizes = self._cones(groups)
        at, k = position(groups, level.of), len(level.of)
        bent = np.flatnonzero(at >= 0)  # where a subproblem's cost is linear, its t is zero
        epigraph = Csr((np.ones(len(bent)), (bent, at[bent])), shape=(k, t))
        wide = [sp.hstack([part, Csr((part.shape[0], t))], format="csr")
                for part in (M[equal], M[up], -M[down], eye[top], -eye[bottom])]  # fmt: skip
        cutoff = sp.csr_array(np.concatenate([q, np.ones(t)])[None, :])
        side = level.sides - level.cuts @ self.fixed
        A = sp.vstack([*wide, cutoff, sp.hstack([-cuts, -epigraph]), cone], format="csc")
        b = np.concatenate([hi[equal], hi[up], -lo[down], ub[top], -lb[bottom], [level.reach - constant], -side, tail])
        self._n, self._t, self._live = n, t, live
        self._parts = equal, up, down
        self._counts = int(equal.sum()), int(up.sum()), int(down.sum())
        self._box = int(top.sum()) + int(bottom.sum())
        m0, m1 = self._counts[0], sum(self._counts[1:]) + self._box + 1 + k
        cones: list[Any] = [clarabel.ZeroConeT(m0)] if m0 else []
        cones += [clarabel.NonnegativeConeT(m1), *(clarabel.SecondOrderConeT(size) for size in sizes)]
        settings = clarabel.DefaultSettings()
        settings.verbose, settings.presolve_enable = False, False
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = ACCURACY
        settings.max_threads = 1
        self._settings, self._data = settings, (sp.csc_array((n + t, n + t)), A, b, cones)
        self._solver: Any = None

    def _cones(self, groups: np.ndarray) -> tuple[Csr, np.ndarray, list[int]]:
        """Return the cones ``|(F z + f, t - 1/2)| <= t + 1/2`` with ``P_j = F'F``, f of the fixed columns."""
        level, free, n, t = self.level, self.free, len(self.free), len(groups)
        F = square_root(level.P)
        shift, F = F @ self.fixed, take_columns(F, free)
        rows, tail, sizes = [], [], []
        for k, group in enumerate(groups):
            mine = np.flatnonzero(level.group == group)  # row i of F is of column i's group
            part = take_rows(F, mine)
            some = np.flatnonzero(np.diff(part.indptr) > 0)
            constant = float(np.linalg.norm(shift[mine][np.diff(part.indptr) == 0]))
            head = Csr(([-1.0, -1.0], ([0, 1], [n + k, n + k])), shape=(2, n + t))
            body = sp.hstack([-take_rows(part, some), Csr((len(some), t))], format="csr")
            rows += [head, body, Csr((1, n + t))]
            tail.append(np.concatenate([[0.5, -0.5], shift[mine][some], [constant]]))
            sizes.append(len(some) + 3)
        M = sp.vstack(rows, format="csr") if rows else Csr((0, n + t))
        return Csr(M), np.concatenate([np.empty(0), *tail]), sizes

    def minimize(self, cost: np.ndarray, deadline: Deadline) -> tuple[float, Prices] | None:
        """Return a proved lower bound on ``cost'z`` with its multipliers; None where nothing was found in time."""
        if deadline.over:
            return None
        q = np.concatenate([cost[self.free], np.zeros(self._t)])
        P, A, b, cones = self._data
        try:
            if self._solver is None:
                self._solver = clarabel.DefaultSolver(
                    sp.csc_matrix(P), q, sp.csc_matrix(A), b, cones, self._settings
                )  # fmt: skip
            else:
                self._solver.update(q=q)
            found = _within(self._solver, deadline)
        except Exception:  # Clarabel has no class of its own: nothing is proved then
            self._solver = None
            return None
        if str(found.status) not in ("Solved", "AlmostSolved"):
            return None
        price = self._prices(np.asarray(found.x), np.asarray(found.z))
        return self.level.least(cost, price), price

    def _prices(self, x: np.ndarray, dual: np.ndarray) -> Prices:
        equal, up, down = self._parts
        e, u, d = self._counts
        p = np.zeros(len(equal))
        p[equal] = -dual[:e]
        p[up] -= dual[e : e + u]
        p[down] += dual[e + u : e + u + d]
        at = e + u + d + self._box
        theta = max(float(dual[at]), 0.0)
        rho = np.maximum(dual[at + 1 : at + 1 + len(self.level.of)], 0.0)
        if len(rho):
            sums = np.bincount(self.level.of + 1, weights=rho)[self.level.of + 1]
            over = np.isin(self.level.of, self.level.bent) & (sums > theta * (1.0 - 1e-6))
            rho[over] *= theta * (1.0 - 1e-6) / sums[over]
        z = self.fixed.copy()
        z[self.free] = x[: self._n]
        z[np.diff(self.level.P.indptr) == 0] = 0.0  # where nothing bends the tangent is the same everywhere
        prices = np.zeros(len(self.level.lo))
        prices[self._live] = np.where(np.abs(p) > DUST * np.abs(p).max(initial=0.0), p, 0.0)
        return Prices(np.float32(theta), rho.astype(np.float32), prices.astype(np.float32), z.astype(np.float32))


def _within(solver: Any, deadline: Deadline) -> Any:
    """Return what Clarabel finds by a deadline, in reach of Ctrl-C."""
    stop, found = Event(), []
    if hasattr(solver, "set_termination_callback"):
        solver.set_termination_callback(lambda info: stop.is_set() or deadline.over)
    if in_background(lambda: found.append(solver.solve()), stop.set):
        raise KeyboardInterrupt
    return found[0]


def square_root(P: Csr) -> Csr:
    """Return F (n, n) with ``P = F'F`` for P positive semidefinite; row i of F holds columns of i's own block alone."""
    n = P.shape[0]
    blocks, bent = Connected.of(P), P.diagonal()
    alone = np.flatnonzero(blocks.single & (bent > 0))
    values, rows, columns = [np.sqrt(bent[alone])], [alone], [alone]
    for at in blocks:
        size, vectors = np.linalg.eigh(take_rows(take_columns(P, at), at).toarray())
        root = np.sqrt(np.maximum(size, 0.0))[:, None] * vectors.T
        row, column = np.nonzero(root)
        values.append(root[row, column])
        rows.append(at[row])
        columns.append(at[column])
    return Csr((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(n, n))


def boxes_of(
    level: LevelSet, asked: Sequence[tuple[int, float]], seconds: float | None
) -> list[tuple[float, Prices] | None]:
    """Return for every (column, sign) a proved lower bound on ``sign z_column`` with its multipliers, as a job."""
    deadline, program = Deadline(seconds), LevelProgram(level)
    out = []
    for column, sign in asked:
        cost = np.zeros(len(level.lb))
        cost[column] = sign
        out.append(program.minimize(cost, deadline))
    return out
