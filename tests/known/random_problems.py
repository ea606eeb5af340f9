"""Random bilevel problems, and how far a point is from their KKT systems."""

from __future__ import annotations

import numpy as np

import kktgen as kg


def kkt_residual(m: kg.Bilevel, z: np.ndarray) -> float:
    """Return the largest KKT residual of all followers, from their matrix form."""
    worst = 0.0
    for follower in m.followers:
        f = follower.qp()
        y, x, lam, mu = z[f.y], z[f.x], z[f.lam], z[f.mu]
        s = f.slack(y, x)
        parts = [f.stationarity(y, x, lam, mu), f.A @ y + f.B @ x - f.b, np.minimum(s, 0), np.minimum(mu, 0), s * mu]
        worst = max(worst, *(float(np.abs(part).max(initial=0.0)) for part in parts))
    return worst


def random_problem(seed: int, quadratic: bool, followers: int = 2) -> kg.Bilevel:
    """Declare followers with boxes, a free and a fixed variable, equations, one- and two-sided rows, all feasible.

    The free variable f is tied to the boxed ones by an equation; at x in [0, 1] the point y = 1/2 is feasible.
    """
    rng = np.random.default_rng(seed)
    m = kg.Bilevel(f"random{seed}")
    x = m.var("x", 3, lb=0, ub=1)
    goal = [rng.normal(size=3) @ x]
    for k in range(followers):
        lower = m.follower(f"f{k}")
        y = lower.var("y", 5, lb=0, ub=1)
        free = lower.var("free")
        fixed = lower.var("fixed", lb=0.3, ub=0.3)
        lower.add(free == rng.normal(size=5) @ y + rng.normal(size=3) @ x, name="tie")
        G, H = rng.normal(size=(3, 5)), rng.normal(size=(3, 3))
        room = G @ np.full(5, 0.5) + np.maximum(H, 0).sum(axis=1) + rng.random(3)
        lower.add(G @ y + H @ x + fixed <= room + 0.3, name="cap")
        a = rng.normal(size=5)
        lower.add(kg.between(a.sum() / 2 - 0.4, a @ y, a.sum() / 2 + 0.4), name="band")
        root = rng.normal(size=(3, 5))
        cost = rng.normal(size=5) @ y + 0.5 * free + x @ y[:3] + fixed * 2.0
        if quadratic:
            u = root @ y
            cost = cost + u @ u + 0.3 * (free @ free)
        lower.minimize(cost)
        goal.append(rng.normal(size=5) @ y)
    m.minimize(kg.sum(goal))
    return m
