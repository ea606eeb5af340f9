"""Followers with norms below a side of their own: problems of known value, and random ones with an oracle."""

from __future__ import annotations

import clarabel
import numpy as np
import scipy.sparse as sp

import kktgen as kg


def conic04():
    """A problem of BilevelJuMP's tests; its value is 12."""
    m = kg.Bilevel("conic04")
    x, f = m.var("x", lb=2, ub=6), m.follower("f")
    y = f.var("y", 3)
    f.add(x + y[0] <= 8, x + 4 * y[0] >= 8, x + 2 * y[0] <= 12)
    cone = f.add(kg.norm(y[1:]) <= y[0], name="cone")
    f.minimize(-y[0])
    m.minimize(x + 3 * y[0])
    return m, x, y, cone


def crane(unit=1.0, cost=1.0):
    """Two ropes whose pull together is paid for: force = load / sqrt(2); the leader's best load is 2, at profit 2."""
    m = kg.Bilevel("crane")
    load = m.var("load", lb=unit, ub=4 * unit)
    f = m.follower("crane")
    pull, force = f.var("pull", 2, lb=0, ub=10 * unit), f.var("force", lb=0, ub=20 * unit)
    cone = f.add(kg.norm(pull) <= force, name="cone")
    f.add(pull[0] + pull[1] >= load)
    f.minimize(cost * force)
    m.maximize((2 * cost / unit) * load - (cost / unit**2) * (force * force))
    return m, load, force, cone


def tip(least):
    """A drill whose response is the apex until the leader pays enough: y = 0 where p <= 1, then the side ``t <= 2``."""
    m = kg.Bilevel("tip")
    p = m.var("p", lb=0, ub=least)
    f = m.follower("drill")
    y, t = f.var("y", 2, lb=-5, ub=5), f.var("t", lb=0, ub=2)
    f.add(kg.norm(y) <= t, name="cone")
    f.minimize(t - p @ (0.6 * y[0] + 0.8 * y[1]))
    m.maximize(y[0] + y[1] - 0.5 * p)
    return m, p, y


def box_program(seed):
    """Return the data of a random follower ``min 1/2 y'P y + (q + x d)'y`` in a box, with cones and linear rows."""
    rng = np.random.default_rng(seed)
    n, count = int(rng.integers(2, 4)), int(rng.integers(1, 3))
    size = n + count
    q = rng.normal(size=size).round(2)
    q[n:] = rng.uniform(0.1, 2, size=count).round(2)
    return {
        "n": n, "count": count, "P": np.diag(rng.choice([0.2, 0.5, 1], size=size)), "q": q,
        "d": rng.normal(size=size).round(2), "E": rng.integers(-2, 3, size=(count, 2, n)).astype(float),
        "e": rng.integers(-1, 2, size=(count, 2)).astype(float), "T": rng.integers(0, 2, size=count).astype(float),
        "F": rng.normal(size=size).round(2), "G": rng.integers(-2, 3, size=size).astype(float),
    }  # fmt: skip


def stated(data):
    m = kg.Bilevel("random")
    n, count = data["n"], data["count"]
    x, f = m.var("x", lb=0, ub=2), m.follower("f")
    y = f.var("y", n + count, lb=-5, ub=5)
    for k in range(count):
        f.add(kg.norm(data["E"][k] @ y[:n] + data["e"][k]) <= y[n + k] + data["T"][k] * x, name=f"cone{k}")
    f.add(data["G"] @ y - x <= 4, name="row")
    f.minimize(0.5 * (y @ (data["P"] @ y)) + data["q"] @ y + x @ (data["d"] @ y))
    m.minimize(data["F"] @ y + 0.3 * x)
    return m, x, y


def answered(data, x):
    """Return the follower's response at x."""
    n, count = data["n"], data["count"]
    size = n + count
    rows, sides = [np.eye(size), -np.eye(size), data["G"][None, :]], [np.full(2 * size, 5.0), [4.0 + x]]
    cones = [clarabel.NonnegativeConeT(2 * size + 1)]
    for k in range(count):
        block = np.zeros((3, size))
        block[0, n + k], block[1:, :n] = -1.0, -data["E"][k]
        rows.append(block)
        sides.append([data["T"][k] * x, *data["e"][k]])
        cones.append(clarabel.SecondOrderConeT(3))
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-12
    program = (sp.csc_matrix(data["P"]), data["q"] + x * data["d"], sp.csc_matrix(np.vstack(rows)))
    return np.array(clarabel.DefaultSolver(*program, np.concatenate(sides), cones, settings).solve().x)
