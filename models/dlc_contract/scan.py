"""The exact optimum over one price: every follower's response in pieces that are affine in the price.

A follower whose cost moves with one number x, and nothing else of it, is a convex QP whose optimum is piecewise affine
in x. A set of active rows gives one piece: the KKT system with these rows as equations is linear, and its solution is
optimal as long as its slacks and multipliers are nonnegative, which is an interval of x. The row that ends an interval
changes sides and gives the next one; where that fails the follower is solved in the middle of what is left. On each
cell between the ends of all intervals the leader's ``sum_k (x - pay_k) Q_k(x)``, Q = d(cost)/dx, is a parabola; where Q
jumps, as it does for an LP, both ends of the jump are optimal for the follower and the leader may choose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linprog

import kktgen as kg
from kktgen.search.respond import solve_follower

ROUNDING = 1e-9
"""Slacks and multipliers above minus this count as nonnegative."""
NARROW = 1e-7
"""Gaps between intervals narrower than this are closed by the neighbours."""


@dataclass(frozen=True, eq=False)
class Piece:
    """An interval of x and the optimum ``at0 + x slope`` on it, stacked as (y, lam, mu).

    ``active`` are the rows that hold with equality, ``ends`` the rows that change sides at lo and hi, -1 for none.
    """

    lo: float
    hi: float
    at0: np.ndarray
    slope: np.ndarray
    active: np.ndarray
    ends: tuple[int, int]

    def at(self, x: float) -> np.ndarray:
        """Return the optimum at x."""
        return self.at0 + x * self.slope

    def beside(self, upper: bool) -> np.ndarray | None:
        """Return the active rows of the interval below or above; None where no row ends this one."""
        row = self.ends[upper]
        if row < 0:
            return None
        active = self.active.copy()
        active[row] = ~active[row]
        return active


class Follower:
    """A follower in matrix form whose cost, and nothing else, holds one parameter x.

    Parameters
    ----------
    follower : kktgen.Follower
    column : int
        The leader's column x.
    lo, hi : float
        The box of x.

    Raises
    ------
    ProblemError
        It sees other parameters, or x stands in its rows.
    """

    def __init__(self, follower: kg.Follower, column: int, lo: float, hi: float) -> None:
        qp = self.qp = follower.qp()
        if not np.array_equal(qp.x, [column]) or qp.B.count_nonzero() or qp.H.count_nonzero():
            raise kg.ProblemError(f"scan: follower {follower.name!r} must see the price alone, and only in its cost")
        self.name, self.lo, self.hi = follower.name, lo, hi
        self.P, self.A, self.G, self.Q = (M.toarray() for M in (qp.P, qp.A, qp.G, qp.Q))
        self.columns = np.concatenate([qp.y, qp.lam, qp.mu])

    def piece(self, active: np.ndarray, x: float) -> Piece | None:
        """Return the piece of a set of active rows, None where it does not hold at x."""
        qp, G = self.qp, self.G[active]
        n, e, k = len(qp.q), len(qp.b), len(G)
        K, right = np.zeros((n + e + k, n + e + k)), np.zeros((n + e + k, 2))
        K[:n, :n], K[:n, n : n + e], K[:n, n + e :] = self.P, -self.A.T, G.T
        K[n : n + e, :n], K[n + e :, :n] = self.A, G
        right[:, 0] = np.concatenate([-qp.q, qp.b, qp.h[active]])
        right[:n, 1] = -self.Q[:, 0]
        try:
            both = np.linalg.solve(K, right)
        except np.linalg.LinAlgError:
            return None
        if not np.abs(K @ both - right).max() <= ROUNDING * (1.0 + np.abs(right).max()):
            return None
        full = np.zeros((n + e + len(active), 2))
        full[: n + e], full[n + e + np.flatnonzero(active)] = both[: n + e], both[n + e :]
        room = np.stack([qp.h, np.zeros(len(qp.h))], axis=1) - self.G @ full[:n]
        base, rate = np.where(active[:, None], full[n + e :], room).T
        lo, hi, ends = _interval(base, rate)
        return Piece(lo, hi, full[:, 0], full[:, 1], active, ends) if lo <= x <= hi else None

    def solved(self, x: float) -> Piece:
        """Return the piece around x by solving the follower there."""
        parts = solve_follower(self.qp, np.array([x]))
        if parts is None:
            raise kg.SolverError(f"scan: follower {self.name!r} could not be solved at the price {x:.9g}")
        y, _, mu = parts
        slack = self.qp.h - self.G @ y
        return self.piece(mu > slack, x) or self._spanned(slack <= ROUNDING * (1.0 + np.abs(self.qp.h)), parts, x)

    def _spanned(self, tight: np.ndarray, parts: tuple[np.ndarray, ...], x: float) -> Piece:
        """Return the piece on which the tight rows stay so: all KKT points of one pattern are a convex set in x."""
        qp, G = self.qp, self.G[tight]
        n, e, k = len(qp.q), len(qp.b), len(G)
        zero = np.zeros
        stationary = np.hstack([self.Q, self.P, -self.A.T, G.T])
        primal = np.hstack([zero((e + k, 1)), np.vstack([self.A, G]), zero((e + k, e + k))])
        equations = np.vstack([stationary, primal])
        right = np.concatenate([-qp.q, qp.b, qp.h[tight]])
        others = np.hstack([zero((len(tight) - k, 1)), self.G[~tight], zero((len(tight) - k, e + k))])
        box = [(self.lo, self.hi), *[(None, None)] * (n + e), *[(0.0, None)] * k]
        where = np.concatenate([np.arange(n + e), n + e + np.flatnonzero(tight)])
        ends = []
        for sign in (1.0, -1.0):
            cost = np.eye(1, 1 + n + e + k)[0] * sign
            found = linprog(cost, others, qp.h[~tight], equations, right, box, method="highs-ds")
            if found.status != 0:
                return Piece(x, x, np.concatenate(parts), zero(n + e + len(tight)), tight, (-1, -1))
            at = zero(n + e + len(tight))
            at[where] = found.x[1:]
            ends.append((float(found.x[0]), at))
        (lo, low), (hi, high) = ends
        slope = (high - low) / (hi - lo) if hi - lo > NARROW else zero(len(low))
        return Piece(lo, hi, low - lo * slope, slope, tight, (-1, -1))

    def pieces(self) -> list[Piece]:
        """Return the pieces that cover the box, in order."""
        found: list[Piece] = []
        gaps = [(self.lo, self.hi)]
        while gaps:
            a, b = gaps.pop()
            if b - a <= NARROW:
                continue
            first = self.solved(0.5 * (a + b))
            below, above = self._walk(first, a, upper=False), self._walk(first, b, upper=True)
            found += [*below, first, *above]
            gaps += [(a, min(piece.lo for piece in (first, *below))), (max(piece.hi for piece in (first, *above)), b)]
        return sorted(found, key=lambda piece: piece.lo + piece.hi)

    def _walk(self, piece: Piece, end: float, upper: bool) -> list[Piece]:
        """Return the pieces from one towards an end of the box, as far as one row at a time changes sides."""
        found: list[Piece] = []
        step = NARROW if upper else -NARROW
        while True:
            x = (piece.hi if upper else piece.lo) + 0.5 * step
            active = piece.beside(upper)
            if active is None or (end - x) * step <= 0:
                return found
            following = self.piece(active, x)
            if following is None:
                return found
            found.append(following)
            piece = following


def _interval(base: np.ndarray, rate: np.ndarray) -> tuple[float, float, tuple[int, int]]:
    """Return where ``base + x rate >= -ROUNDING``, and the rows that end it."""
    steep = np.abs(rate) > 1e-12
    if (base[~steep] < -ROUNDING).any():
        return np.inf, -np.inf, (-1, -1)
    at = np.where(steep, -(base + ROUNDING) / np.where(steep, rate, 1.0), 0.0)
    low, high = np.where(steep & (rate > 0), at, -np.inf), np.where(steep & (rate < 0), at, np.inf)
    below, above = (int(low.argmax()), int(high.argmin())) if len(at) else (-1, -1)
    lo, hi = (float(low[below]), float(high[above])) if len(at) else (-np.inf, np.inf)
    return lo, hi, (below if np.isfinite(lo) else -1, above if np.isfinite(hi) else -1)


@dataclass(frozen=True, eq=False)
class Response:
    """A follower's pieces: ``edges`` (k+1,) of x, and ``quantity`` Q on each, value at 0 and slope (k, 2)."""

    follower: Follower
    pieces: list[Piece]
    edges: np.ndarray
    quantity: np.ndarray

    @classmethod
    def of(cls, follower: Follower) -> Response:
        """Return the response over the follower's box of x."""
        pieces = follower.pieces()
        inner = [0.5 * (left.hi + right.lo) for left, right in zip(pieces, pieces[1:], strict=False)]
        along, n = follower.Q[:, 0], len(follower.Q)
        quantity = np.array([[along @ piece.at0[:n], along @ piece.slope[:n]] for piece in pieces])
        return cls(follower, pieces, np.array([follower.lo, *inner, follower.hi]), quantity)

    def __call__(self, x: np.ndarray, upper: bool) -> np.ndarray:
        """Return Q just above (``upper``) or just below each x."""
        k = np.searchsorted(self.edges, x, side="right" if upper else "left") - 1
        k = np.clip(k, 0, len(self.pieces) - 1)
        return self.quantity[k, 0] + x * self.quantity[k, 1]


@dataclass(frozen=True, eq=False)
class Scan:
    """All followers' responses over the box of x: what the leader earns at any x, exactly.

    Parameters
    ----------
    responses : tuple of Response
    pay : ndarray (H,)
        What a unit of each follower's Q costs the leader.
    lo, hi : float
        The box of x.
    """

    responses: tuple[Response, ...]
    pay: np.ndarray
    lo: float
    hi: float

    @property
    def count(self) -> int:
        """Number of pieces."""
        return sum(len(one.pieces) for one in self.responses)

    def quantities(self, x: np.ndarray, upper: bool) -> np.ndarray:
        """Return Q just above or below each x (H, n)."""
        return np.array([one(np.asarray(x, dtype=float), upper) for one in self.responses])

    def earned(self, x: np.ndarray) -> np.ndarray:
        """Return what the leader earns at each x, where followers break ties in its favour."""
        x = np.asarray(x, dtype=float)
        both = [(x - self.pay[:, None]) * self.quantities(x, upper) for upper in (False, True)]
        return np.maximum(*both).sum(axis=0)

    def best(self) -> float:
        """Return the x at which the leader earns most: the best top of a parabola, or end of a cell."""
        edges = np.unique(np.concatenate([one.edges for one in self.responses]))
        middle = 0.5 * (edges[1:] + edges[:-1])
        at = [np.clip(np.searchsorted(one.edges, middle) - 1, 0, len(one.pieces) - 1) for one in self.responses]
        value, slope = np.array([one.quantity[k] for one, k in zip(self.responses, at, strict=True)]).transpose(2, 0, 1)
        bend, tilt = slope.sum(axis=0), value.sum(axis=0) - self.pay @ slope
        curved = bend < 0
        top = np.clip(np.where(curved, -0.5 * tilt / np.where(curved, bend, 1.0), edges[1:]), edges[:-1], edges[1:])
        candidates = np.concatenate([edges, top])
        return float(candidates[self.earned(candidates).argmax()])

    def point(self, x: float, n: int, column: int) -> np.ndarray:
        """Return the columns (n,) where every follower responds to x in the leader's favour."""
        z = np.zeros(n)
        z[column] = x
        sides = [(x - self.pay) * self.quantities(np.array([x]), upper)[:, 0] for upper in (False, True)]
        for one, upper in zip(self.responses, sides[1] > sides[0], strict=True):
            k = np.searchsorted(one.edges, x, side="right" if upper else "left") - 1
            z[one.follower.columns] = one.pieces[int(np.clip(k, 0, len(one.pieces) - 1))].at(x)
        return z

    def cells(self, count: int) -> np.ndarray:
        """Return the ends (count+1,) of cells of x: the one with the largest bound on the earnings is halved.

        Bounds count to six digits, so that rounding does not choose between equal ones.
        """
        ends = [self.lo, self.hi]
        while len(ends) <= count:
            worst = int(np.round(self.bound(np.array(ends)), 6).argmax())
            ends.insert(worst + 1, 0.5 * (ends[worst] + ends[worst + 1]))
        return np.array(ends)

    def bound(self, ends: np.ndarray) -> np.ndarray:
        """Return a bound on the earnings in every cell: Q falls in x, so its values at the ends bound it."""
        most, least = self.quantities(ends[:-1], False), self.quantities(ends[1:], True)
        margin = ends[1:] - self.pay[:, None]
        return np.maximum(margin * most, margin * least).sum(axis=0)


def scan(game: Any) -> Scan:
    """Return the scan of a game: a leader with one ``price``, paying ``case.pay`` for the followers' quantities."""
    lo, hi = game.case.prices
    column = int(game.price.cols.ravel()[0])
    responses = tuple(Response.of(Follower(one, column, lo, hi)) for one in game.followers)
    return Scan(responses, game.case.pay, lo, hi)
