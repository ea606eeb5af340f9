"""Leaders of one to three columns that many followers see: tariffs, a contract price, hyperparameters of regressions.

The data are synthetic, drawn with a seed and rounded.
"""

from __future__ import annotations

import numpy as np

import kktgen as kg


def contract(consumers: int = 30, hours: int = 3, seed: int = 1, whole: bool = False, unit: float = 1.0) -> kg.Bilevel:
    """One price of a supplier; every consumer takes from it or from its own dearer source, up to limits.

    Consumer k has the cost ``p sum y + sum (a_h g_h + 1/2 c_h g_h^2)`` under ``y_h + g_h = demand_h``; the supplier
    pays a rising cost for the sum. With ``unit`` the amounts are stated in units of ``1 / unit``.
    """
    rng = np.random.default_rng(seed)
    m = kg.Bilevel("contract")
    p = m.var("p", lb=0, ub=10, kind="I" if whole else "C")
    load = 0
    for k in range(consumers):
        demand = unit * rng.uniform(0.5, 3.0, hours).round(3)
        a, c = rng.uniform(1.0, 8.0, hours).round(3), rng.uniform(0.5, 4.0, hours).round(3)
        one = m.follower(f"c{k}")
        y, g = one.var("y", hours, lb=0), one.var("g", hours, lb=0)
        one.add(y + g == demand, name="balance")
        one.minimize(p * y.sum() + a @ g + 0.5 / unit * (g @ (c * g)))
        load = load + y.sum()
    m.maximize(p * load - 2.0 * load - (0.5 / consumers / unit) * (load * load))
    return m


def tariffs(consumers: int = 20, periods: int = 6, seed: int = 2) -> kg.Bilevel:
    """Three tariffs of a retailer (night, day, evening); consumers shift load between periods, which costs them.

    A consumer buys y_t or takes u_t of another source at prices of its own, ``y_t + u_t = want_t + shift_t``, with the
    shifts balanced over the day, up to limits, at a quadratic discomfort.
    """
    rng = np.random.default_rng(seed)
    zone = np.repeat(np.arange(3), -(-periods // 3))[:periods]
    buy = np.array([1.0, 2.0, 4.0])[zone] + rng.uniform(0, 0.5, periods).round(3)
    m = kg.Bilevel("tariffs")
    p = m.var("p", 3, lb=0.5, ub=8)
    profit = 0
    for k in range(consumers):
        want = rng.uniform(0.5, 2.0, periods).round(3)
        own = rng.uniform(3.0, 7.0, periods).round(3)
        stiff = round(float(rng.uniform(0.5, 3.0)), 3)
        one = m.follower(f"c{k}")
        y, u = one.var("y", periods, lb=0), one.var("u", periods, lb=0)
        shift = one.var("shift", periods, lb=-0.4 * want, ub=0.4 * want)
        one.add(y + u == want + shift, name="balance")
        one.add(shift.sum() == 0, name="day")
        one.minimize(p[zone] @ y + own @ u + 0.5 * (u @ u) + 0.5 * stiff * (shift @ shift))
        profit = profit + p[zone] @ y - buy @ y
    m.maximize(profit)
    return m


def _regression(rows: int, columns: int, seed: int, noise: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, columns))
    w = rng.normal(size=columns) * (rng.random(columns) < 0.6)
    y = X @ w + noise * rng.normal(size=rows)
    return np.round((X - X.mean(0)) / X.std(0), 3), np.round((y - y.mean()) / y.std(), 3)


def lasso(rows: int = 60, columns: int = 10, folds: int = 5, seed: int = 3, most: float = 30.0) -> kg.Bilevel:
    """The penalty of a lasso by cross-validation; fold k: ``min 1/2 |X w - y|^2 + L sum (p + n)``, ``w = p - n``."""
    X, y = _regression(rows, columns, seed, noise=3.0)
    part = np.arange(rows) % folds
    m = kg.Bilevel("lasso")
    penalty = m.var("penalty", lb=0.01, ub=most)
    error = 0
    for k in range(folds):
        t, v = part != k, part == k
        one = m.follower(f"fold{k}")
        p, n = one.var("p", columns, lb=0), one.var("n", columns, lb=0)
        r = X[t] @ (p - n) - y[t]
        one.minimize(0.5 * (r @ r) + penalty * p.sum() + penalty * n.sum())
        e = X[v] @ (p - n) - y[v]
        error = error + (1.0 / rows) * (e @ e)
    m.minimize(error)
    return m


def svr(rows: int = 30, columns: int = 3, folds: int = 3, seed: int = 4) -> kg.Bilevel:
    """Both hyperparameters of a support vector regression by cross-validation, absolute errors.

    Fold k: ``min 1/2 w'w + C sum xi``  s.t.  ``|X w + b - y| <= eps + xi``, ``xi >= 0``.
    """
    X, y = _regression(rows, columns, seed)
    part = np.arange(rows) % folds
    m = kg.Bilevel("svr")
    C, eps = m.var("C", lb=0.01, ub=10), m.var("eps", lb=0, ub=1)
    error = 0
    for k in range(folds):
        t, v = part != k, part == k
        one = m.follower(f"fold{k}")
        w, b = one.var("w", columns, lb=-10, ub=10), one.var("b", lb=-10, ub=10)
        xi = one.var("xi", int(t.sum()), lb=0)
        one.add(X[t] @ w + b - y[t] <= eps + xi, name="over")
        one.add(y[t] - X[t] @ w - b <= eps + xi, name="under")
        one.minimize(0.5 * (w @ w) + C * xi.sum())
        e = m.var(f"err{k}", int(v.sum()), lb=0)
        m.add(e >= X[v] @ w + b - y[v], e >= y[v] - X[v] @ w - b)
        error = error + (1.0 / rows) * e.sum()
    m.minimize(error)
    return m


def kinked(seed: int = 5) -> kg.Bilevel:
    """Linear followers with jumps, and a product in the leader's objective that nothing eliminates."""
    rng = np.random.default_rng(seed)
    m = kg.Bilevel("kinked")
    x = m.var("x", 2, lb=-1, ub=1)
    goal = 0.3 * (x @ x)
    for k in range(3):
        one = m.follower(f"f{k}")
        y = one.var("y", 3, lb=0, ub=2)
        one.add(rng.uniform(0.5, 1.5, 3).round(2) @ y <= 3.0)
        Q = rng.normal(size=(3, 2)).round(2)
        one.minimize((Q @ x) @ y + rng.normal(size=3).round(2) @ y)
        goal = goal + x[0] * y[0] - 0.5 * x[1] * y[2] + 0.4 * y[1]
    m.minimize(goal)
    return m


def capacity(seed: int = 6) -> kg.Bilevel:
    """A leader who moves right-hand sides, and is paid the followers' price of them."""
    rng = np.random.default_rng(seed)
    m = kg.Bilevel("capacity")
    x = m.var("x", 2, lb=0.2, ub=2)
    goal = -1.5 * x.sum()
    for k in range(4):
        one = m.follower(f"f{k}")
        y = one.var("y", 2, lb=0, ub=3)
        limit = one.add(y <= x * rng.uniform(0.3, 1.5, 2).round(2), name="limit")
        one.minimize(0.5 * (y @ y) - rng.uniform(0.5, 3.0, 2).round(2) @ y + 0.3 * y[0] * y[1])
        goal = goal + limit.dual.sum() + y.sum()
    m.maximize(goal)
    return m


def boxes_of(root) -> dict[str, np.ndarray]:
    """Return the boxes of a root as a payload."""
    return {name: getattr(root, name) for name in ("lb", "ub", "s_lb", "s_ub")}


def values_at(m: kg.Bilevel, columns: np.ndarray, xs: np.ndarray) -> np.ndarray:
    """Return the leader's values at decisions, by re-solving every follower; nan where one has no response.

    Columns called ``err`` are what their rows leave them: absolute errors of the validation.
    """
    respond, model = kg.search.Responder(m), kg.kkt(m)
    errors = np.array(
        [c for b in m.space.blocks if b.word.startswith("err") for c in range(b.start, b.stop)], dtype=int
    )
    out = np.full(len(xs), np.nan)
    for k, x in enumerate(xs):
        z = np.zeros(model.n)
        z[columns] = x
        z = respond(z)
        if z is None:
            continue
        if len(errors):
            z[errors] = 0.0
            low = model.rows.lo - model.rows.M @ z
            at = model.rows.M[:, errors].tocoo()
            leader = model.rows.of_role("leader")[at.row]
            np.maximum.at(z, errors[at.col[leader]], low[at.row[leader]] / at.data[leader])
        out[k] = model.value(z)
    return out
