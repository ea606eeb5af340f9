"""Random models that use everything a format has to spell, with numbers of 17 digits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

import kktgen as kg
from kktgen.model.model import Model


def digits(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return nonzero numbers over eight decades that need all their digits."""
    return rng.normal(size=size) * 10.0 ** rng.integers(-4, 5, size)


def random_bilevel(seed: int, m: int = 30, n: int = 20) -> kg.Bilevel:
    """Return a linear model: every sort of bound, kind, side, and an objective constant."""
    rng = np.random.default_rng(seed)
    p = kg.Bilevel(f"random_{seed}")
    low, high = -np.abs(digits(rng, n)), np.abs(digits(rng, n))
    sort = rng.integers(0, 7, n)
    low = np.select([sort == 0, sort == 1, sort == 2, sort == 3], [-np.inf, -np.inf, 0.0, high], low)
    high = np.select([sort == 0, sort == 4, sort == 6], [np.inf, np.inf, 0.0], high)
    x = p.var("x", n, lb=low, ub=high)
    k = p.var("k", 6, lb=[0, -3, -np.inf, 2, -np.inf, 1], ub=[np.inf, 5, 4, np.inf, np.inf, 1], kind="I")
    b = p.var("b", (2, 2), kind="B")
    z = kg.concatenate([x, k, b.ravel()])
    width = n + 10
    A = sp.random_array(
        (m, width), density=0.3, random_state=rng, data_sampler=lambda size: digits(rng, size), format="csr"
    )
    lo = digits(rng, m)
    hi = np.select([np.arange(m) % 4 == 0, np.arange(m) % 4 == 1], [lo, np.inf], lo + np.abs(digits(rng, m)))
    p.add(kg.between(np.where(np.arange(m) % 4 == 2, -np.inf, lo), A @ z, hi), name="row")
    p.minimize(digits(rng, width) * (rng.random(width) < 0.7) @ z + 0.1 * float(digits(rng, 1)[0]))
    return p


def rich_bilevel(seed: int) -> kg.Bilevel:
    """Return a random model with quadratic rows and objective, sets and indicators as well."""
    rng = np.random.default_rng(seed)
    p = random_bilevel(seed, 12, 8)
    x = p.var("q", 5, lb=-1, ub=4)
    b = p.var("switch", 2, kind="B")
    v = digits(rng, 12)
    goal = sum(float(v[k]) * x[k] @ x[(k * 2) % 5] for k in range(5))
    p.minimize(p.objective + goal)
    p.add(float(v[5]) * x[0] @ x[1] + float(v[6]) * x[2] <= 1.1, name="bil")
    p.add(float(v[7]) * x[0] @ x[0] - 0.3 * x[3] @ x[3] + float(v[8]) * x[1] >= -7.7, name="ball")
    p.add(x[4] @ x[2] == 0, name="comp")
    p.sos1([x[0], x[3]], name="pair")
    p.sos1(x, name="five")
    p.indicator(b[0], 1, kg.between(-1, x[:2] * float(v[9]), 3), name="on")
    p.indicator(b[1], 0, x[2] + float(v[10]) * x[3] == 0.5, name="off")
    p.indicator(b[0], 0, x[4] >= 0.25, name="low")
    return p


def model(bilevel: kg.Bilevel) -> Model:
    return kg.kkt(bilevel)


def with_first_entry(m: Model, value: float) -> Model:
    """Return the model with the number in its first row, unchecked."""
    M = m.rows.M.copy()
    M.data[0] = value
    return replace(m, rows=replace(m.rows, M=M))
