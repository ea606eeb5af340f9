"""Bounds of followers some of whose multipliers are used, against all multipliers of the response to every decision.

Two things are asked of every decision: no used multiplier of any optimum lies outside its box, and whatever used ones
the leader may take, others complete them within theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

import kktgen as kg

LARGE = 1e4


@dataclass
class Case:
    """A problem whose follower holds rows that binaries z close, in units of cost and of quantity."""

    rng: np.random.Generator
    cost: float
    size: float
    m: kg.Bilevel = field(default_factory=lambda: kg.Bilevel("case"))
    rows: list = field(default_factory=list)
    closed: list = field(default_factory=list)

    def __post_init__(self):
        self.count = int(self.rng.integers(1, 3))
        self.z = self.m.var("z", self.count, kind="B")
        self.f = self.m.follower("f")

    def any_z(self):
        return self.z[int(self.rng.integers(self.count))]

    def costs(self, n, low=0, high=10):
        return self.rng.integers(low, high, n) * self.cost

    def add(self, row):
        self.rows.append(self.f.add(row))

    def close(self, y, cap, z):
        self.closed.append((self.f.add(y <= cap * self.size * z), z, y))

    def done(self) -> kg.Bilevel:
        """Let the leader use some multipliers: plain, beside the binary that closes the row, or beside its variable."""
        goal, share = self.cost * self.z.sum(), self.rng.choice([0.0, 0.0, 0.2, 0.7])
        for row in self.rows:
            goal = goal + (0.01 * row.dual.sum() if self.rng.random() < share else 0.0)
        for row, z, y in self.closed:
            kind = self.rng.random()
            if kind < 0.2:
                goal = goal + 0.3 * (z * row.dual).sum()
            elif kind < 0.35:
                goal = goal + (row.dual * y).sum() / self.size
            elif kind < 0.4:
                goal = goal + row.dual.sum()
        self.m.minimize(goal)
        return self.m


def storage(at: Case) -> None:
    """A market with storages that may be built, with losses."""
    T, rng, f = int(at.rng.integers(2, 4)), at.rng, at.f
    eta, kappa = rng.choice([1.0, 0.9, 0.7]), rng.choice([1.0, 0.95])
    g, short = f.var("g", T, lb=0, ub=4 * at.size), f.var("short", T, lb=0)
    injected, cost = g + short, at.costs(T) @ g + 100 * at.cost * short.sum()
    for s in range(int(rng.integers(1, 3))):
        c, d, e = (f.var(f"{name}{s}", T, lb=0) for name in ("charge", "discharge", "energy"))
        z = at.any_z()
        for t in range(T):
            at.add(e[t : t + 1] == (kappa * e[t - 1] if t else 0.0) + eta * c[t] - (1 / eta) * d[t])
        for y, cap in ((c, rng.choice([0.0, 2.0, 3.0])), (d, 2.0), (e, 5.0)):
            at.close(y, cap, z)
        if rng.random() < 0.3:
            at.add(c + d <= 3 * at.size * z)
        injected = injected + d - c
    at.add(injected == rng.integers(0, 8, T) * at.size)
    f.minimize(cost)


def arcs(at: Case) -> None:
    """A market of several places with losses on arcs that may be built, tolled or full."""
    rng, f, n = at.rng, at.f, int(at.rng.integers(2, 4))
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    N = np.zeros((n, len(pairs)))
    for a, (i, j) in enumerate(pairs):
        N[i, a], N[j, a] = -1.0, rng.choice([1.0, 0.9])
    g, y = f.var("g", n, lb=0, ub=rng.integers(0, 6, n) * at.size), f.var("y", len(pairs), lb=0)
    short, toll = f.var("short", n, lb=0), at.costs(len(pairs), 0, 4) * rng.choice([0.0, 1.0])
    at.add(g + N @ y + short == rng.integers(0, 5, n) * at.size)
    for a in range(len(pairs)):
        if rng.random() < 0.7:
            at.close(y[a : a + 1], 3.0, at.any_z())
    cost = at.costs(n) @ g + 50 * at.cost * short.sum() + at.costs(len(pairs), 0, 3) @ y
    f.minimize(cost + at.z[0] * (toll @ y))


def assignment(at: Case) -> None:
    """The best assignment of few to few, some pairs forbidden."""
    rng, f, n, k = at.rng, at.f, int(at.rng.integers(2, 4)), int(at.rng.integers(2, 4))
    y, left = f.var("y", (n, k), lb=0), f.var("left", n, lb=0)
    each = rng.random() < 0.4
    for i in range(n):
        at.add((y[i].sum() + left[i : i + 1] == at.size) if each else (y[i].sum() + 0 * left[i : i + 1] <= at.size))
    for j in range(k):
        at.add(y[:, j].sum() + 0 * left[:1] <= at.size)
    for i, j in product(range(n), range(k)):
        if rng.random() < 0.5:
            at.close(y[i, j : j + 1], 1.0, at.any_z())
    f.maximize((at.costs((n, k)) * y).sum() - at.cost * left.sum())


def any_rows(at: Case) -> None:
    """Every variable in two rows at most, with any coefficients."""
    rng, f, n, k = at.rng, at.f, int(at.rng.integers(2, 5)), int(at.rng.integers(1, 4))
    M = np.zeros((k, n))
    for j in range(n):
        M[rng.choice(k, size=min(k, 2), replace=False), j] = rng.choice([-2.0, -1.0, -0.5, 0.5, 1.0, 1.5])
        M[rng.integers(k), j] *= rng.choice([0.0, 0.7, 1.0, 2.0])
    y, point = f.var("y", n, lb=0, ub=4 * at.size), rng.integers(0, 4, n)
    for i in np.flatnonzero(M.any(axis=1)):
        side = at.size * (M[i] @ point + rng.choice([0.0, 1.0, -1.0]) * at.any_z())
        at.add(M[i : i + 1] @ y == side if rng.random() < 0.5 else M[i : i + 1] @ y <= side)
    for j in range(n):
        if rng.random() < 0.5:
            at.close(y[j : j + 1], 3.0, at.any_z())
    f.minimize(at.costs(n, -5, 6) @ y)


@dataclass
class Truth:
    """The KKT system of the follower, and the boxes, both in units of one."""

    qp: kg.QP
    lb: np.ndarray
    ub: np.ndarray
    used: np.ndarray
    switch: np.ndarray
    """The binary at whose zero a used multiplier is not used, -1 without."""

    @classmethod
    def of(cls, m: kg.Bilevel, at: Case) -> Truth:
        plain = kg.kkt(m)
        space, qp = kg.bound(plain).space, plain.kkt.qp(0)
        columns = np.concatenate([qp.lam, qp.mu])
        qp = kg.QP(
            None, qp.q / at.cost, A=qp.A, B=qp.B, b=qp.b / at.size, G=qp.G, H=qp.H, h=qp.h / at.size,
            Q=qp.Q / at.cost, y=qp.y, x=qp.x, lam=qp.lam, mu=qp.mu,
        )  # fmt: skip
        qp.B.data[:] /= at.size
        qp.H.data[:] /= at.size
        used = np.isin(columns, plain.kkt.used)
        beside = dict(zip(plain.kkt.used.tolist(), plain.kkt.beside.tolist(), strict=True))
        switch = np.full(len(columns), -1)
        for k, column in enumerate(columns):
            partner = beside.get(int(column), -1)
            if partner in qp.y:  # of a row y <= cap z
                i = k - len(qp.lam)
                partner = int(qp.x[qp.H.indices[qp.H.indptr[i]]])
            switch[k] = partner
        return cls(qp, space.lb[columns] / at.cost, space.ub[columns] / at.cost, used, switch)

    def face(self, z: np.ndarray):
        """Return the rows ``D m = r`` and the box of all multipliers of the response to z; None where it has none."""
        qp, x = self.qp, z[self.qp.x]
        g, h = qp.q + qp.Q @ x, qp.h - qp.H @ x
        A, b = (qp.A.toarray(), qp.b - qp.B @ x) if len(qp.b) else (None, None)
        answer = linprog(g, qp.G.toarray(), h, A, b, bounds=(None, None))
        if answer.status:
            return None
        zero, none = np.zeros(len(h)), np.full(len(qp.b), np.inf)
        most = np.where(h - qp.G @ answer.x > 1e-6, 0.0, np.inf)
        D = np.hstack([-qp.A.toarray().T, qp.G.toarray().T])
        return D, -g, np.append(-none, zero), np.append(none, most)


def extreme(c: np.ndarray, D: np.ndarray, r: np.ndarray, lb: np.ndarray, ub: np.ndarray, room: float = 0.0):
    A, b = np.vstack([D, -D]), np.append(r + room, room - r)
    return linprog(c, A, b, bounds=np.column_stack([lb, ub]))


def holds(truth: Truth, z: np.ndarray, rng: np.random.Generator, shrunk: float = 1.0) -> bool | None:
    """Return whether the boxes hold at a decision, None where there is no response."""
    found = truth.face(z)
    if found is None:
        return None
    D, r, low, high = found
    used = truth.used & ~((truth.switch >= 0) & (z[truth.switch] == 0))
    lb, ub = shrunk * truth.lb, shrunk * truth.ub
    room = 1e-5 * (1 + np.where(np.isfinite(lb), np.abs(lb), 0)), 1e-5 * (1 + np.where(np.isfinite(ub), np.abs(ub), 0))
    for k in np.flatnonzero(used):
        for sign, side in ((1.0, lb[k] - room[0][k]), (-1.0, -ub[k] - room[1][k])):
            answer = extreme(sign * np.eye(len(lb))[k], D, r, low, high)
            least = -np.inf if answer.status == 3 else answer.fun
            if least is not None and least < side:
                return False
    for _ in range(4 if used.any() else 1):
        least, most = np.maximum(low, lb - room[0]), np.minimum(high, ub + room[1])
        if used.any():
            direction = np.where(used, rng.normal(size=len(lb)), 0.0)
            answer = extreme(direction, D, r, np.maximum(low, -LARGE), np.minimum(high, LARGE))
            if answer.status:
                continue
            least[used] = most[used] = np.clip(answer.x, low, high)[used]
        if extreme(np.zeros(len(lb)), D, r, least, most, 1e-5).status == 2:
            return False
    return True


KINDS = {"storage": storage, "arcs": arcs, "assignment": assignment, "any rows": any_rows}
QUICK, MANY = 8, 60


def truths(kind: str, start: int, count: int, units: bool = False):
    for seed in range(start, start + count):
        rng = np.random.default_rng(seed)
        scale = (1.0, 1e-4, 1e4) if units else (1.0,)
        at = Case(rng, float(rng.choice(scale)), float(rng.choice(scale)))
        KINDS[kind](at)
        yield rng, Truth.of(at.done(), at), [np.array(z) for z in product([0.0, 1.0], repeat=at.count)]


@pytest.mark.parametrize("units", [False, True])
@pytest.mark.parametrize("start, count", [(0, QUICK), pytest.param(100, MANY, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_multipliers_the_leader_takes_others_complete_them(kind, start, count, units):
    found = [holds(truth, z, rng) for rng, truth, decisions in truths(kind, start, count, units) for z in decisions]
    assert False not in found and True in found


@pytest.mark.parametrize("kind", KINDS)
def test_smaller_boxes_would_not_do(kind):
    found = [holds(truth, z, rng, 0.3) for rng, truth, decisions in truths(kind, 0, QUICK) for z in decisions]
    assert False in found


@pytest.mark.parametrize("kind", KINDS)
def test_all_boxes_are_finite_where_no_multiplier_of_a_closed_row_is_used_alone(kind):
    bounded = 0
    for _, truth, _ in truths(kind, 200, QUICK):
        if not truth.used.any():
            assert np.isfinite(truth.ub).all() and np.isfinite(truth.lb).all()
            bounded += 1
    assert bounded
