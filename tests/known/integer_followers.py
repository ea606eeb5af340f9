"""Problems with integer followers, and oracles that share nothing with kktgen: brute force, grids, SciPy's LPs.

A case is data: ``min c'x + d'y + x'W y`` of the leader over y in argmin ``q'y + x'Q'y``, ``G y + H x <= h``.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linprog

import kktgen as kg

TIE = 1e-9


@dataclass
class Case:
    """Leader's x in boxes, follower's y = (u, k), u continuous; W is the leader's x'W y."""

    x: list[tuple[float, float]]
    kx: str
    u: list[tuple[float, float]]
    k: list[tuple[int, int]]
    c: np.ndarray
    d: np.ndarray
    q: np.ndarray
    G: np.ndarray
    H: np.ndarray
    h: np.ndarray
    Q: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    W: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))

    def __post_init__(self) -> None:
        nx, ny = len(self.x), len(self.u) + len(self.k)
        self.Q = self.Q if self.Q.size else np.zeros((ny, nx))
        self.W = self.W if self.W.size else np.zeros((nx, ny))

    def build(self, kind: str = "I") -> kg.Bilevel:
        """Return the problem as kktgen takes it."""
        m = kg.Bilevel("case")
        x = m.var("x", len(self.x), lb=[a for a, _ in self.x], ub=[b for _, b in self.x], kind=self.kx)
        f = m.follower("lower")
        parts = []
        if self.u:
            parts.append(f.var("u", len(self.u), lb=[a for a, _ in self.u], ub=[b for _, b in self.u]))
        if self.k:
            parts.append(f.var("k", len(self.k), lb=[a for a, _ in self.k], ub=[b for _, b in self.k], kind=kind))
        y = kg.concatenate(parts)
        f.add(self.G @ y + self.H @ x <= self.h, name="rows")
        f.minimize(self.q @ y + (self.Q.T @ y) @ x)
        m.minimize(self.c @ x + self.d @ y + x @ (self.W @ y))
        return m

    def best(self, x: np.ndarray) -> float:
        """Return the leader's value at a decision, ties broken for it; inf where the follower has no response."""
        n, b = len(self.u), self.h - self.H @ x
        q, d = self.q + self.Q @ x, self.d + x @ self.W
        found = []
        for k in itertools.product(*[range(lo, hi + 1) for lo, hi in self.k]):
            whole = np.array(k, dtype=float)
            side = b - self.G[:, n:] @ whole
            if n == 0:
                if (side >= -TIE).all():
                    found.append((q @ whole, whole))
                continue
            cost = linprog(q[:n], A_ub=self.G[:, :n], b_ub=side, bounds=self.u)
            if cost.status == 0:
                found.append((cost.fun + q[n:] @ whole, whole))
        if not found:
            return np.inf
        least = min(value for value, _ in found)
        values = []
        for value, whole in found:
            if value > least + TIE:
                continue
            if n == 0:
                values.append(d @ whole)
                continue
            side = b - self.G[:, n:] @ whole
            rows, sides = np.vstack([self.G[:, :n], q[:n]]), np.append(side, least + TIE - q[n:] @ whole)
            goal = linprog(d[:n], A_ub=rows, b_ub=sides, bounds=self.u)
            values += [goal.fun + d[n:] @ whole] if goal.status == 0 else []
        return float(self.c @ x + min(values)) if values else np.inf

    def over(self, decisions: list[np.ndarray]) -> float:
        """Return the best of some decisions."""
        return min(self.best(x) for x in decisions)

    @property
    def whole(self) -> list[np.ndarray]:
        """All decisions of an integer leader."""
        return [np.array(x, dtype=float) for x in itertools.product(*[range(int(a), int(b) + 1) for a, b in self.x])]


def all_integer(seed: int, nx: int = 3, ny: int = 4, rows: int = 3, top: int = 3) -> Case:
    """Return a random problem of integers in 0 .. top on both levels."""
    rng = np.random.default_rng(seed)
    G, H = rng.integers(-5, 10, (rows, ny)).astype(float), rng.integers(-5, 10, (rows, nx)).astype(float)
    h = np.round(0.24 * top * (np.maximum(G, 0).sum(1) + np.maximum(H, 0).sum(1)))
    return Case(
        [(0, top)] * nx, "I", [], [(0, top)] * ny, rng.integers(-10, 10, nx).astype(float),
        rng.integers(-10, 10, ny).astype(float), rng.integers(-10, 10, ny).astype(float), G, H, h,
    )  # fmt: skip


def binary_rows(seed: int, nx: int = 4, nc: int = 3, nd: int = 3) -> Case:
    """Return a random mixed follower in whose rows the leader's binaries stand."""
    rng, n = np.random.default_rng(500 + seed), nc + nd
    G, h = np.round(rng.uniform(-0.3, 1, (4, n)), 1), np.round(rng.uniform(0.8, 2, 4), 1)
    H, q = np.round(rng.uniform(-0.6, 0.6, (4, nx)), 1), -np.round(rng.uniform(0.2, 2, n), 1)
    return Case(
        [(0, 1)] * nx, "B", [(0, 1)] * nc, [(0, 1)] * nd, np.round(rng.uniform(-1, 1, nx), 1),
        np.round(rng.uniform(-1.5, 1.5, n), 1), q, G, H, h,
    )  # fmt: skip


def priced(seed: int) -> Case:
    """Return a random mixed follower that one continuous leader's column prices, and moves in no row."""
    rng = np.random.default_rng(seed)
    G, h = np.round(rng.uniform(-0.3, 1, (3, 5)), 1), np.round(rng.uniform(1, 2.5, 3), 1)
    q, Q = -np.round(rng.uniform(0.2, 2, 5), 1), np.zeros((5, 1))
    Q[:2, 0], Q[2, 0] = np.round(rng.uniform(0.1, 1, 2), 1), 0.5
    return Case(
        [(0, 2)], "C", [(0, 1)] * 2, [(0, 1)] * 3, np.zeros(1), np.round(rng.uniform(-1.5, 1.5, 5), 1), q, G,
        np.zeros((3, 1)), h, Q, -Q.T,
    )  # fmt: skip


def moved(seed: int) -> Case:
    """Return a random mixed follower whose rows one continuous leader's column moves."""
    case = priced(seed)
    rng = np.random.default_rng(900 + seed)
    case.Q, case.W = np.zeros((5, 1)), np.zeros((1, 5))
    case.H = np.round(rng.uniform(-1, 1, (3, 1)), 1)
    case.c = np.round(rng.uniform(-1, 1, 1), 1)
    return case


def priced_and_moved(seed: int) -> tuple[Case, np.ndarray]:
    """Return a random mixed follower that one column prices and two binaries move, and which columns are binaries."""
    case, rng = priced(seed), np.random.default_rng(300 + seed)
    case.x, case.kx = [(0, 2), (0, 1), (0, 1)], "C"
    case.Q, case.W = (np.hstack([case.Q, np.zeros((5, 2))]), np.vstack([case.W, np.zeros((2, 5))]))
    case.H = np.hstack([np.zeros((3, 1)), np.round(rng.uniform(-0.6, 0.6, (3, 2)), 1)])
    case.c = np.append(0.0, np.round(rng.uniform(-1, 1, 2), 1))
    return case, np.array([False, True, True])
