"""Small random bilevel problems, and their optimum by trying every pattern of complementarity.

With one side of every pair at zero the KKT conditions of all followers are linear: an LP (SciPy) or a convex QP
(Clarabel) a pattern and a value of the leader's integers. Nothing of kktgen but the declared matrices is used.
"""

from __future__ import annotations

import itertools

import clarabel
import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

import kktgen as kg

KINDS = ("linear", "quadratic", "nash", "integers", "prices", "curved")


def small(seed: int, rows: int = 3) -> kg.Bilevel:
    """Declare a small problem: its kind is ``KINDS[seed % 6]``; data are decimals, so few are short fractions."""
    rng, kind = np.random.default_rng(seed), KINDS[seed % len(KINDS)]
    m = kg.Bilevel(f"{kind}{seed}")
    x = m.var("x", 2, lb=0, ub=[2, 3], kind="I" if kind == "integers" else "C")
    count = 2 if kind == "nash" else 1
    goal = decimals(rng, 2) @ x
    owned, prices, lowers = [], [], []
    for k in range(count):
        lower = m.follower(f"f{k}")
        lowers.append(lower)
        owned.append(lower.var(f"y{k}", 2, lb=0))
    for k, lower in enumerate(lowers):
        y, few = owned[k], rows if count == 1 else rows - 1
        G, H = np.abs(decimals(rng, few, 2)) + 0.1, decimals(rng, few, 2)
        cap = lower.add(G @ y + H @ x <= np.abs(decimals(rng, few)) + 1.5 + np.maximum(H, 0) @ [2, 3], name="cap")
        cost = decimals(rng, 2) @ y + 0.5 * (x @ y)
        if kind in ("quadratic", "nash", "curved"):
            root = decimals(rng, 2, 2)
            u = root @ y
            cost = cost + u @ u + (0.5 * (owned[0] @ owned[1]) if kind == "nash" else 0.0)
        lower.minimize(cost)
        goal = goal + decimals(rng, 2) @ y
        prices.append(cap.dual)
    if kind == "prices":
        goal = goal + np.abs(decimals(rng, rows)) @ prices[0] * -1.0
    if kind == "curved":
        goal = goal + (x - 1) @ (x - 1) + (owned[0] - 1) @ (owned[0] - 1)
    if seed % 2:
        m.maximize(-goal)
    else:
        m.minimize(goal)
    return m


def decimals(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return numbers of one decimal between -2 and 2."""
    return rng.integers(-20, 21, shape) / 10


def optimum(m: kg.Bilevel) -> float:
    """Return the leader's optimum in its own sense; inf or -inf where there is no point or no end."""
    n, sense = len(m.space), m.sense
    P, q, r = m.objective.matrices(n)
    lb, ub, kind = m.space.lb.copy(), m.space.ub.copy(), m.space.kind
    equal, sides, pairs = [], [], []
    for follower in m.followers:
        f = follower.qp()
        lb[f.y], ub[f.y], lb[f.mu] = -np.inf, np.inf, 0.0
        stationarity = np.zeros((len(f.y), n))
        for columns, M in ((f.y, f.P), (f.x, f.Q), (f.lam, -f.A.T), (f.mu, f.G.T)):
            stationarity[:, columns] += M.toarray()
        rows, G = np.zeros((len(f.b), n)), np.zeros((len(f.h), n))
        rows[:, f.y], rows[:, f.x] = f.A.toarray(), f.B.toarray()
        G[:, f.y], G[:, f.x] = f.G.toarray(), f.H.toarray()
        equal += [stationarity, rows]
        sides += [-f.q, f.b]
        pairs += [(int(mu), g, h) for mu, g, h in zip(f.mu, G, f.h, strict=True)]
    A, b = np.vstack(equal), np.concatenate(sides)
    G, h = np.array([g for _, g, _ in pairs]), np.array([end for *_, end in pairs])
    whole = np.flatnonzero(kind != "C")
    best = np.inf
    for values in itertools.product(*(range(int(lb[j]), int(ub[j]) + 1) for j in whole)):
        low, high = lb.copy(), ub.copy()
        low[whole] = high[whole] = values
        for pattern in itertools.product((False, True), repeat=len(pairs)):
            tight = np.array(pattern)
            top = high.copy()
            top[[mu for (mu, *_), on in zip(pairs, pattern, strict=True) if not on]] = 0.0
            best = min(best, _least(P, q, np.vstack([A, G[tight]]), np.append(b, h[tight]), G, h, low, top))
    return sense * (best + r)


def _least(P, q, A, b, G, h, lb, ub) -> float:
    found = linprog(q if P.nnz == 0 else 0 * q, G, h, A, b, np.column_stack([lb, ub]), method="highs")
    if found.status == 3:
        return -np.inf
    if found.status != 0:
        return np.inf
    if P.nnz == 0:
        return float(found.fun)
    n, cones = len(q), [clarabel.ZeroConeT(len(b))]
    box = np.vstack([np.eye(n)[np.isfinite(ub)], -np.eye(n)[np.isfinite(lb)]])
    rest = np.concatenate([h, ub[np.isfinite(ub)], -lb[np.isfinite(lb)]])
    cones.append(clarabel.NonnegativeConeT(len(rest)))
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    rows = sp.csc_matrix(np.vstack([A, G, box]))
    solver = clarabel.DefaultSolver(sp.csc_matrix(sp.triu(P)), q, rows, np.concatenate([b, rest]), cones, settings)
    out = solver.solve()
    return float(out.obj_val) if "Solved" in str(out.status) else np.inf
