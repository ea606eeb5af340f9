"""Problems of several followers that meet only through the leader: small ones whose optimum other roads find, too."""

from __future__ import annotations

from functools import lru_cache, reduce
from operator import add

import numpy as np

import kktgen as kg
from kktgen.catalog import load_model
from kktgen.numerics.sparse import widen


def tariff(
    seed: int = 0, homes: int = 2, hours: int = 1, *, coupled: str = "==", steps: bool = False, ordered: bool = False,
    bent: bool = False, fee: bool = False,
) -> kg.Bilevel:  # fmt: skip
    """Return the problem of a seller's tariffs for homes that use less the dearer it is.

    Parameters
    ----------
    seed, homes, hours : int
    coupled : str
        ``"=="``, ``">="`` or ``"<="``: how what is bought and what is used are tied; ``""``: not at all.
    steps : bool
        Whether tariffs are whole numbers of a step.
    ordered : bool
        Whether a row ties the tariffs of different hours, and no home's columns.
    bent : bool
        Whether buying has a quadratic cost.
    fee : bool
        Whether the first home has a tariff of its own, too, that no other sees.
    """
    rng = np.random.default_rng(seed)
    m = kg.Bilevel(f"tariff{seed}")
    level = m.var("level", hours, lb=0, ub=4, kind="I") if steps else None
    price = m.var("price", hours, lb=1, ub=3)
    if level is not None:
        m.add(price == 1.0 + 0.5 * level, name="steps")
    bought = m.var("bought", hours, lb=0, ub=20.0 * homes)
    rebate = m.var("rebate", hours, lb=0, ub=0.5) if fee else None
    used = []
    for k in range(homes):
        home = m.follower(f"home{k + 1}")
        use = home.var("use", hours, lb=0, ub=4 + 3 * rng.random())
        worth, bend = 2.5 + 1.5 * rng.random(hours), 0.15 + 0.3 * rng.random(hours)
        cost = price @ use + (bend * use) @ use - worth @ use
        if rebate is not None and k == 0:
            cost = cost - rebate @ use
        home.minimize(cost)
        if hours > 1:
            home.add(use.sum() >= 0.5 + 0.5 * rng.random(), name="need")
        used.append(use)
    if ordered and hours > 1:
        m.add(price[0] >= price[1] - 0.25, name="ordered")
    total = reduce(add, used)
    if coupled == "==":
        m.add(bought == total, name="purchase")
    elif coupled == ">=":
        m.add(bought >= total, name="purchase")
    elif coupled == "<=":
        m.add(total - bought <= 0, name="purchase")
    earned = kg.sum([price @ use for use in used]) - (0.6 + 0.4 * rng.random(hours)) @ bought
    if rebate is not None:
        earned = earned - rebate @ used[0]
    if bent:
        earned = earned - 0.02 * bought @ bought
    m.maximize(earned)
    return m


def ready(m: kg.Bilevel) -> kg.Model:
    """Return the model of a problem with its products eliminated and its boxes proved."""
    return kg.bound(kg.eliminate(kg.kkt(m)))


def dso(hours: int = 3, vpps: int = 3, seed: int | None = None) -> kg.Bilevel:
    """Return the DSO's prices for some VPPs, in the last hours of the day."""
    return load_model("dso_vpp").build(hours=hours, vpps=vpps, seed=seed)


def carbon(hours: int = 2, vpps: int = 3, seed: int | None = None) -> kg.Bilevel:
    """Return the low-carbon prices for some VPPs, each with its own."""
    return load_model("carbon_vpp").build(hours=hours, vpps=vpps, seed=seed)


def random_prices(m: kg.Bilevel, seed: int, count: int) -> list[np.ndarray]:
    """Return random decisions of the leader (over its columns), half of their entries at the ends of their boxes.

    Purchase prices ``lp`` are not below sale prices ``ls``.
    """
    rng, space = np.random.default_rng(seed), m.space
    at = np.flatnonzero(space.role == "leader")
    low, high = space.lb[at], space.ub[at]
    low, high = np.where(np.isfinite(low), low, -1.0), np.where(np.isfinite(high), high, 1.0)
    out = []
    for _ in range(count):
        share = rng.random(len(at))
        ends = rng.random(len(at)) < 0.5
        share[ends] = np.round(share[ends])
        x = low + share * (high - low)
        buy, sell = (np.flatnonzero(names(m)[at] == word) for word in ("lp", "ls"))
        x[buy], x[sell] = np.maximum(x[buy], x[sell]), np.minimum(x[buy], x[sell])
        out.append(x)
    return out


@lru_cache(maxsize=20)
def names(m: kg.Bilevel) -> np.ndarray:
    """Return the name of the variable every column belongs to."""
    return np.array([m.space.label(c).partition("(")[0] for c in range(len(m.space))])


def kept_by_the_leader(m: kg.Bilevel, z: np.ndarray) -> np.ndarray:
    """Return a response with what the leader buys (and its whole steps) as its rows ask, where that can be."""
    z, name = z.copy(), names(m)
    level, price, bought, more, less = (
        np.flatnonzero(name == word) for word in ("level", "price", "bought", "dp", "ds")
    )
    if len(level):
        z[level] = np.round(2.0 * (z[price] - 1.0))
    for word, at in (("purchase", bought), ("net", more)):
        rows = next((rows for rows in m.rows if rows.name == word), None)
        if len(at) and rows is not None:
            M = widen(rows.M, len(z))
            z[at] = z[less] = 0.0
            size = np.array([M[k, c] for k, c in enumerate(at)])
            z[at] = ((rows.lo if np.isfinite(rows.lo).all() else rows.hi) - M @ z) / size
    if len(less):
        z[more], z[less] = np.maximum(z[more], 0.0), np.maximum(-z[more], 0.0)
    return z
