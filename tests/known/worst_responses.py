"""Small bilevel problems by their arrays, with worst responses by linear programs that share no code with kktgen.

Follower k: ``min 1/2 (R y)'(R y) + (R'r x + q + Q x)'y``, ``G y + H x <= h``, ``lb <= y <= ub``; the leader minimises
(or maximises) ``a'x + sum_k (d_k + W_k x)'y_k`` subject to ``sum_k L_k y_k + M x <= c``, for every response.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linprog

import kktgen as kg

PRICED = 1e-8
"""A dual above this is positive."""
TIGHT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


@dataclass
class Part:
    """One follower by its arrays, and the leader's terms that hold its variables."""

    q: np.ndarray
    G: np.ndarray
    h: np.ndarray
    H: np.ndarray
    d: np.ndarray
    Q: np.ndarray
    W: np.ndarray
    L: np.ndarray
    ub: np.ndarray
    R: np.ndarray | None = None
    r: np.ndarray | None = None

    def responses(self, x):
        """Return ``(b_eq of R, low rows, lb, ub)`` of the optimal responses at x; None where there is no response.

        They are the points that are complementary to one optimal dual: rows and bounds with a price are met.
        """
        c, b = self.q + self.Q @ x, self.h - self.H @ x
        box = list(zip(np.zeros(len(c)), self.ub, strict=True))
        s = None if self.R is None else self._squares(x, c, b, box)
        if self.R is not None and s is None:
            return None
        best = linprog(c, A_ub=self.G, b_ub=b, A_eq=self.R, b_eq=s, bounds=box, options=TIGHT)
        if best.status:
            return None
        met = np.abs(best.ineqlin.marginals) > PRICED
        lb, ub = np.zeros(len(c)), self.ub.copy()
        ub[best.lower.marginals > PRICED] = 0.0
        lb[best.upper.marginals < -PRICED] = self.ub[best.upper.marginals < -PRICED]
        return s, met, b, lb, ub

    def _squares(self, x, c, b, box):
        """Return ``R y`` of all optimal responses, one row alone: by a search over its value."""
        assert self.R is not None and self.R.shape[0] == 1
        ends = [linprog(sign * self.R[0], A_ub=self.G, b_ub=b, bounds=box, options=TIGHT) for sign in (1, -1)]
        if ends[0].status:
            return None
        low, high = ends[0].fun, -ends[1].fun
        mid = float((self.r @ x)[0])

        def cost(s):
            found = linprog(c, A_ub=self.G, b_ub=b, A_eq=self.R, b_eq=[s], bounds=box, options=TIGHT)
            return 0.5 * (s + mid) ** 2 + found.fun if not found.status else np.inf

        left, right, golden = low, high, (np.sqrt(5) - 1) / 2
        for _ in range(45):
            one, two = right - golden * (right - left), left + golden * (right - left)
            left, right = (left, two) if cost(one) <= cost(two) else (one, right)
        return np.array([(left + right) / 2])

    def worst(self, gain, x):
        """Return the largest ``gain'y`` over the optimal responses; None where there is no response."""
        ties = self.responses(x)
        if ties is None:
            return None
        s, met, b, lb, ub = ties
        E, e = self.G[met], b[met]
        if s is not None:
            E, e = np.vstack([E, self.R]), np.append(e, s)
        box = list(zip(lb, ub, strict=True))
        found = linprog(-gain, A_ub=self.G[~met], b_ub=b[~met], A_eq=E, b_eq=e, bounds=box, options=TIGHT)
        return None if found.status else -found.fun


@dataclass
class Known:
    """A problem with its arrays."""

    name: str
    a: np.ndarray
    lb: np.ndarray
    ub: np.ndarray
    kind: str
    parts: list[Part]
    M: np.ndarray
    c: np.ndarray
    sense: int = 1
    variables: list = field(default_factory=list)

    def build(self):
        """Return the problem, and the leader's variable."""
        m = kg.Bilevel(self.name)
        x = m.var("x", len(self.a), lb=self.lb, ub=self.ub, kind=self.kind)
        goal, rows = self.sense * (self.a @ x), self.M @ x if len(self.c) else None
        for k, part in enumerate(self.parts):
            f = m.follower(f"f{k}")
            y = f.var("y", len(part.q), lb=0, ub=part.ub)
            f.add(part.G @ y + part.H @ x <= part.h, name="rows")
            cost = part.q @ y
            if part.Q.any():
                cost = cost + (part.Q @ x) @ y
            if part.R is not None:
                e = part.R @ y + part.r @ x
                cost = cost + 0.5 * (e @ e)
            f.minimize(cost)
            goal = goal + self.sense * (part.d @ y)
            if part.W.any():
                goal = goal + self.sense * ((part.W @ x) @ y)
            rows = None if rows is None else rows + part.L @ y
        if rows is not None:
            m.add(rows <= self.c, name="limit", every_response=True)
        (m.minimize if self.sense > 0 else m.maximize)(goal)
        return m, x

    def value(self, x, slack=1e-7):
        """Return the worst value at a decision (to be minimised), inf where a response breaks a row; None without."""
        out = float(self.a @ x)
        for part in self.parts:
            worst = part.worst(part.d + part.W @ x, x)
            if worst is None:
                return None
            out += worst
        for i in range(len(self.c)):
            if self.M[i] @ x + sum(part.worst(part.L[i], x) for part in self.parts) > self.c[i] + slack:
                return np.inf
        return out

    def grid(self, steps):
        """Return all values on a grid of decisions."""
        whole = self.kind != "C"
        axes = [
            np.arange(low, high + 1) if whole else np.linspace(low, high, steps)
            for low, high in zip(self.lb, self.ub, strict=True)
        ]
        mesh = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
        return [(value, x) for x in mesh if (value := self.value(x)) is not None]


def random_problem(seed, family):
    """Return a random problem with many ties.

    Families: the leader in the ``rows``, ``binary``, ``integer`` or continuous prices (``priced``), a cost with one
    square (``bent``), ``two`` followers.
    """
    rng = np.random.default_rng([seed, sum(map(ord, family))])
    nx = 1 if rng.random() < 0.4 else 2
    kind = {"binary": "B", "integer": "I"}.get(family, "C")
    nx = 3 if family == "binary" else nx
    lb, ub = np.zeros(nx), np.full(nx, 1.0 if kind != "I" else 3.0)
    priced = family in ("priced", "binary", "integer")
    rows = 1 if rng.random() < 0.35 else 0
    parts = []
    for _ in range(2 if family == "two" else 1):
        n, k = int(rng.integers(3, 6)), int(rng.integers(1, 4))
        q = rng.choice([-2.0, -1.0, -1.0, 0.0, 1.0], n)
        G = rng.choice([0.0, 1.0, 1.0, 2.0, -1.0], (k, n))
        h = rng.integers(1, 4, k).astype(float)
        H = rng.choice([-1.0, 0.0, 0.0, 1.0], (k, nx)) * (family in ("rows", "two", "bent") or rng.random() < 0.5)
        h = h + np.maximum(H, 0).sum(axis=1) * ub[0]  # y = 0 is always a response's rival
        Q = np.zeros((n, nx))
        if priced:
            at = rng.permutation(n)[:nx]
            Q[at, np.arange(len(at))] = rng.choice([1.0, 1.0, -1.0], len(at))
        W = -Q if priced and rng.random() < 0.7 else np.zeros((n, nx))
        R = r = None
        if family == "bent":
            R, r = rng.choice([0.0, 1.0, 1.0], (1, n)), rng.choice([-1.0, 1.0], (1, nx))
            R[0, 0] = 1.0
            q = q * (rng.random() < 0.5) * 0.5
        parts.append(Part(q, G, h, H, rng.integers(-3, 4, n).astype(float) / 2, Q, W,
                          rng.choice([-1.0, 0.0, 1.0], (rows, n)), rng.choice([1.0, 2.0], n), R, r))  # fmt: skip
    M = rng.choice([-1.0, 0.0, 1.0], (rows, nx))
    c = rng.integers(0, 4, rows).astype(float)
    return Known(
        f"{family}_{seed}", rng.integers(-4, 5, nx) / 4.0, lb, ub, kind, parts, M, c, 1 if rng.random() < 0.6 else -1
    )
