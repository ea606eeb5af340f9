"""What known responses say of all responses in a box: proved boxes without a linear program.

Take any reference (yhat, lamhat, muhat) that follows a follower's parameters x, with the residuals

    r = P yhat + Q x + q - A'lamhat + G'muhat,   e = A yhat + B x - b,   shat = h - H x - G yhat

Every optimum y with any multipliers lam, mu >= 0 and slacks s >= 0 at the same x satisfies (stationarity of both, times
yhat - y, and mu's = 0)

    (yhat - y)'P(yhat - y) + muhat's + mu'shat = (yhat - y)'r + (lamhat - lam)'e + muhat'shat

With R the right side plus what the negative parts of muhat and shat take from the left, all over the box:

    mu_i <= R / min shat_i,    s_i <= R / min muhat_i,    (yhat - y)'P(yhat - y) <= R

The last bounds y where P is definite on what is not fixed, and the gradients P y everywhere, |P(yhat - y)|_j <= sqrt(R
P_jj); rows of both systems then bound the rest, and smaller boxes of s and mu make R smaller. Two references:

* the responses at the corners v_k of the box, interpolated (theta_k >= 0 with sum 1 for every x). Optimality conditions
  are linear but for mu's = 0, so it is feasible for all x, r = e = 0, and with m corners

      muhat'shat = sum_(k<l) theta_k theta_l (mu_k's_l + mu_l's_k) <= (m - 1) / 2m max_(k<l) (mu_k's_l + mu_l's_k)

* for many corners the response at the middle alone, carried on affinely with its active rows.

In a box that one pattern of active rows covers R is 0 for both, and every strictly complementary pair is settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from ..numerics.intervals import tighten
from ..numerics.sparse import Csr
from ..problem.qp import QP

ROUNDING = 1e-12
"""Relative rounding outward of sums of products."""
DEFINITE = 1e-9
"""Smallest eigenvalue, after scaling to a unit diagonal, at which P bounds a variable."""
EXACT = 1e-11
"""Largest residual, relative, of the equations of a pattern."""
WEAK = 1e-9
"""A slack or multiplier of a carried response below this, relative, says nothing of its pair."""


Parts = tuple[np.ndarray, np.ndarray, np.ndarray]
"""y, lam, mu of a response."""
Ends = dict[str, np.ndarray]
"""One end of y, lam, mu and s."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Where the reference lies over a box: ends of y, lam, mu, s, sizes of r and e, and the largest ``muhat'shat``.

    ``edges`` says how much of it the corners at both ends of each moving parameter make (k,), where that is known.
    """

    low: Ends
    high: Ends
    r: np.ndarray
    e: np.ndarray
    product: float
    edges: np.ndarray = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True, eq=False)
class Ranges:
    """Lower and upper ends of y, lam, mu and s of one follower."""

    y: tuple[np.ndarray, np.ndarray]
    lam: tuple[np.ndarray, np.ndarray]
    mu: tuple[np.ndarray, np.ndarray]
    s: tuple[np.ndarray, np.ndarray]


class Dense:
    """The matrices of one follower, dense, and what does not change from box to box.

    Parameters
    ----------
    qp : QP
    """

    def __init__(self, qp: QP) -> None:
        self.qp = qp
        self.P, self.Q, self.A, self.B, self.G, self.H = (
            M.toarray() for M in (qp.P, qp.Q, qp.A, qp.B, qp.G, qp.H)
        )  # fmt: skip
        self.bent = np.sqrt(np.maximum(np.diagonal(self.P), 0.0))
        ny, me, mi = qp.ny, len(qp.b), len(qp.h)
        eye = sp.eye_array
        self.rows = Csr(sp.block_array([
            [None, -qp.A.T if me else None, qp.G.T if mi else None, Csr((ny, mi)), eye(ny)],
            [qp.P, Csr((ny, me)), Csr((ny, mi)), None, -eye(ny)],
            [qp.A, None, None, Csr((me, mi)), Csr((me, ny))],
            [qp.G, Csr((mi, me)), Csr((mi, mi)), eye(mi), Csr((mi, ny))],
        ], format="csr"))  # fmt: skip

    def interpolated(self, corners: Sequence[Parts], xs: Sequence[np.ndarray]) -> Reference:
        """Return the reference between responses at the 2^k corners xs of a box, the last parameter changing first."""
        qp, m = self.qp, len(xs)
        y, lam, mu = (np.array([parts[k] for parts in corners]) for k in range(3))
        X = np.array(xs)
        mu = np.maximum(mu, 0.0)
        s = qp.h - X @ self.H.T - y @ self.G.T
        r = np.abs(y @ self.P.T + X @ self.Q.T + qp.q - lam @ self.A + mu @ self.G)
        e = np.abs(y @ self.A.T + X @ self.B.T - qp.b)
        values = {"y": y, "lam": lam, "mu": mu, "s": s}
        low = {name: value.min(axis=0) for name, value in values.items()}
        high = {name: value.max(axis=0) for name, value in values.items()}
        low["s"] = low["s"] - ROUNDING * (1.0 + np.abs(qp.h))
        W = mu @ np.maximum(s, 0.0).T
        own = float(np.diagonal(W).max(initial=0.0))
        np.fill_diagonal(W, 0.0)
        product = own + 0.5 * (m - 1) / m * float((W + W.T).max(initial=0.0)) * (1.0 + 1e-9)
        room = ROUNDING * (1.0 + np.abs(qp.q)), ROUNDING * (1.0 + np.abs(qp.b))
        both, k = W + W.T, m.bit_length() - 1
        first = np.arange(m)
        edges = np.array([both[first, first ^ (1 << (k - 1 - j))].sum() for j in range(k)])
        return Reference(low, high, r.max(axis=0) + room[0], e.max(axis=0, initial=0.0) + room[1], product, edges)

    def carried(self, parts: Parts, moving: np.ndarray, c: np.ndarray, reach: np.ndarray) -> Reference:
        """Return the response at c carried on along the parameters ``moving`` of x, ``|x - c| <= reach``."""
        qp = self.qp
        (y, dy), (lam, dlam), (mu, dmu) = self._affine(parts, moving, c)
        s, ds = qp.h - self.H @ c - self.G @ y, -self.H[:, moving] - self.G @ dy
        low, high = {}, {}
        for name, value, slope in (("y", y, dy), ("lam", lam, dlam), ("mu", mu, dmu), ("s", s, ds)):
            span = np.abs(slope) @ reach
            exact = (value == 0) & (span == 0)  # rows that are not carried have no multiplier
            room = np.where(exact, 0.0, ROUNDING * (1.0 + np.abs(value) + span))
            low[name], high[name] = value - span - room, value + span + room
        r = np.abs(self.P @ y + self.Q @ c + qp.q - self.A.T @ lam + self.G.T @ mu)
        r += np.abs(self.P @ dy + self.Q[:, moving] - self.A.T @ dlam + self.G.T @ dmu) @ reach
        e = np.abs(self.A @ y + self.B @ c - qp.b) + np.abs(self.A @ dy + self.B[:, moving]) @ reach
        size = {name: np.maximum(np.abs(low[name]), np.abs(high[name])) for name in ("mu", "s")}
        product = float((size["mu"] * size["s"]).sum())
        return Reference(low, high, r + ROUNDING * (1.0 + np.abs(qp.q)), e + ROUNDING * (1.0 + np.abs(qp.b)), product)

    def of_pattern(self, x: np.ndarray, active: np.ndarray, sign: float) -> Parts | None:
        """Return the response at x whose active rows are given (mi,) bool; None where they are not those of one."""
        qp, me = self.qp, len(self.qp.b)
        at = np.flatnonzero(active)
        K, h = self._system(at), qp.h - self.H @ x
        side = np.concatenate([-(self.Q @ x + qp.q), qp.b - self.B @ x, h[at]])
        try:
            found = np.linalg.solve(K, side)
        except np.linalg.LinAlgError:
            return None
        found += np.linalg.solve(K, side - K @ found)
        size = 1.0 + np.abs(side).max(initial=0.0)
        if not np.abs(K @ found - side).max(initial=0.0) <= EXACT * size:
            return None
        y, mu = found[: qp.ny], np.zeros(len(h))
        mu[at] = found[qp.ny + me :]
        s = h - self.G @ y
        s[at] = 0.0
        if (mu < -sign * size).any() or (s < -sign * size).any():
            return None
        return y, found[qp.ny : qp.ny + me], np.maximum(mu, 0.0)

    def _system(self, active: np.ndarray) -> np.ndarray:
        """Return the matrix of the optimality conditions with some rows active."""
        qp, me, m = self.qp, len(self.qp.b), len(active)
        K = np.zeros((qp.ny + me + m, qp.ny + me + m))
        K[: qp.ny, : qp.ny] = self.P
        K[: qp.ny, qp.ny : qp.ny + me], K[: qp.ny, qp.ny + me :] = -self.A.T, self.G[active].T
        K[qp.ny : qp.ny + me, : qp.ny], K[qp.ny + me :, : qp.ny] = self.A, self.G[active]
        return K

    def _affine(self, parts: Parts, moving: np.ndarray, c: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return values and slopes of y, lam, mu by the equations of the active rows."""
        y, lam, mu = parts
        qp, me = self.qp, len(self.qp.b)
        slack = qp.h - self.H @ c - self.G @ y
        active = np.flatnonzero(mu > slack)
        k = len(moving)
        K = self._system(active)
        right = np.zeros((len(K), k + 1))
        right[:, :k] = -np.vstack([self.Q[:, moving], self.B[:, moving], self.H[active][:, moving]])
        at = np.concatenate([y, lam, mu[active]])
        side = np.concatenate([-(self.Q @ c + qp.q), qp.b - self.B @ c, (qp.h - self.H @ c)[active]])
        right[:, k] = side - K @ at
        step = _solved(K, right)
        at = at + step[:, k]
        value, slope = np.zeros(len(qp.h)), np.zeros((len(qp.h), k))
        value[active], slope[active] = at[qp.ny + me :], step[qp.ny + me :, :k]
        parts_at = np.split(at[: qp.ny + me], [qp.ny])
        slopes = np.split(step[: qp.ny + me, :k], [qp.ny])
        return [(parts_at[0], slopes[0]), (parts_at[1], slopes[1]), (value, slope)]

    def radius(self, free: np.ndarray, size: float) -> np.ndarray:
        """Return by how much each variable of an ellipsoid ``u'P u <= size`` may move, the others fixed (ny,)."""
        out = np.full(len(free), np.inf)
        at = np.flatnonzero(free)
        if not len(at):
            return out
        scale = self.bent[at]
        scale = np.where(scale > 0, scale, 1.0)
        values, vectors = np.linalg.eigh(self.P[np.ix_(at, at)] / scale[:, None] / scale)
        inside = values > DEFINITE * len(at)
        share = (vectors[:, inside] ** 2).sum(axis=1)
        known = share > 1.0 - DEFINITE
        with np.errstate(over="ignore"):
            spread = np.sqrt((vectors[:, inside] ** 2 / values[inside]).sum(axis=1) * size) / scale
        out[at[known]] = spread[known]
        return out


def _solved(K: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return a solution of a square system, the shortest least-squares one where it is singular."""
    try:
        out = np.linalg.solve(K, right)
        if np.abs(K @ out - right).max(initial=0.0) <= 1e-9 * (1.0 + np.abs(right).max(initial=0.0)):
            return out
    except np.linalg.LinAlgError:
        pass
    return np.linalg.lstsq(K, right, rcond=1e-12)[0]


def narrowed(dense: Dense, at: Reference, known: Ranges) -> Ranges:
    """Return the boxes of y, lam, mu, s of all responses in the box of a reference, inside those that are known.

    Parameters
    ----------
    dense : Dense
    at : Reference
    known : Ranges
        Boxes that hold already; those of s and mu are at least zero.

    Returns
    -------
    Ranges
        A slack or multiplier whose upper end is 0 is zero in every response; one whose lower end is positive settles
        its pair for the other side.
    """
    box = {"y": known.y, "lam": known.lam, "mu": known.mu, "s": known.s}
    R = _right_side(at, box)
    if np.isfinite(R):
        above = np.where(at.low["s"] > WEAK, R / np.maximum(at.low["s"], WEAK), np.inf)
        beside = np.where(at.low["mu"] > WEAK, R / np.maximum(at.low["mu"], WEAK), np.inf)
        box["mu"] = box["mu"][0], np.minimum(box["mu"][1], above)
        box["s"] = box["s"][0], np.minimum(box["s"][1], beside)
    deviation = _deviations(dense, at, box, R)
    return Ranges(*(_meet(box[name], deviation[name], at.low[name], at.high[name]) for name in ("y", "lam", "mu", "s")))


def _right_side(at: Reference, box: dict[str, tuple[np.ndarray, np.ndarray]]) -> float:
    """Return R over the box."""
    low, high = at.low, at.high
    terms = [np.array([at.product])]
    for name, residual in (("y", at.r), ("lam", at.e)):
        terms.append(residual * np.maximum(high[name] - box[name][0], box[name][1] - low[name]))
    for hat, own in (("mu", "s"), ("s", "mu")):
        short, top = np.maximum(-low[hat], 0.0), box[own][1]
        none = (short == 0) | (top == 0)
        terms.append(np.where(none, 0.0, short * np.where(none, 0.0, top)))
    total = np.concatenate(terms)
    return float(total.sum()) * (1.0 + 1e-9) if np.isfinite(total).all() else np.inf


def _deviations(
    dense: Dense, at: Reference, box: dict[str, tuple[np.ndarray, np.ndarray]], R: float
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return boxes of ``(y, lam, mu, s) - (yhat, ..)`` at one x, tightened by the rows of both KKT systems."""
    qp = dense.qp
    ny, me, mi = qp.ny, len(qp.b), len(qp.h)
    ends = [(box[name][0] - at.high[name], box[name][1] - at.low[name]) for name in ("y", "lam", "mu", "s")]
    if np.isfinite(R):
        free = box["y"][0] < box["y"][1]
        radius = dense.radius(free, R) * (1.0 + 1e-9)
        ends[0] = np.maximum(ends[0][0], -radius), np.minimum(ends[0][1], radius)
        gradient = dense.bent * np.sqrt(R) * (1.0 + 1e-9) + ROUNDING
    else:
        gradient = np.full(ny, np.inf)
    ends.append((-gradient, gradient))
    lb, ub = (np.concatenate([end[k] for end in ends]) for k in (0, 1))
    side = np.concatenate([at.r, ROUNDING * np.ones(ny), at.e, ROUNDING * (1.0 + np.abs(qp.h))])
    crossed = lb > ub
    lb, ub = np.where(crossed, np.minimum(lb, ub), lb), np.where(crossed, np.maximum(lb, ub), ub)
    lb, ub = tighten(dense.rows, -side, side, lb, ub, sweeps=8)
    cuts = np.cumsum([ny, me, mi, mi])
    parts = zip(np.split(lb, cuts), np.split(ub, cuts), strict=True)
    return dict(zip(("y", "lam", "mu", "s", "gradient"), parts, strict=True))


def _meet(
    box: tuple[np.ndarray, np.ndarray], deviation: tuple[np.ndarray, np.ndarray], low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the box cut by ``[low, high] + deviation``; where nothing would be left it stays."""
    lb, ub = np.maximum(box[0], low + deviation[0]), np.minimum(box[1], high + deviation[1])
    crossed = lb > ub
    return np.where(crossed, box[0], lb), np.where(crossed, box[1], ub)
