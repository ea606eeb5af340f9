"""Large test problems whose time limits are hard to keep: tolls on the roads of Sioux Falls, a market of many firms."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import scipy.sparse as sp

import kktgen as kg

DATA = Path(__file__).parent / "data" / "sioux_falls.json"
TOLLED = (28, 47, 48, 51)
"""Busy roads."""


def _roads() -> tuple[np.ndarray, np.ndarray, sp.csr_array, list[tuple[int, int, float]]]:
    """Return minutes on the empty road, more minutes per 1000 vehicles, node-arc matrix, trips in 1000 vehicles."""
    data = json.loads(DATA.read_text(encoding="utf-8"))
    start, end, capacity, minutes = np.array(data["roads"]).T
    tail, head, k = start.astype(int) - 1, end.astype(int) - 1, np.arange(len(minutes))
    entries = np.concatenate([np.ones(len(k)), -np.ones(len(k))])
    N = sp.csr_array((entries, (np.concatenate([tail, head]), np.concatenate([k, k]))))
    trips = [(int(a) - 1, int(b) - 1, count / 1000.0) for a, b, count in data["trips"]]
    return minutes, 0.15 * minutes / (capacity / 1000.0), N, trips


def tolls(pairs: int = 12) -> kg.Bilevel:
    """One follower, the drivers of all trips, by origin o; w are the totals, and v those on the tolled roads::

    max_tau  tau'v    s.t.  0 <= tau <= 5,  min { t'w + 1/2 s w'w + tau'v : N y_o = d_o, w = sum_o y_o, y, w >= 0 }
    """
    minutes, slope, N, trips = _roads()
    m = kg.Bilevel("tolls")
    toll = m.var("toll", len(TOLLED), lb=0, ub=5)
    drivers, total = m.follower("drivers"), 0.0
    for origin in sorted({a for a, _, _ in trips[:pairs]}):
        sent = np.zeros(N.shape[0])
        for a, b, count in trips[:pairs]:
            sent[a] += count * (a == origin)
            sent[b] -= count * (a == origin)
        y = drivers.var(f"y{origin + 1}", N.shape[1], lb=0)
        others = np.arange(len(sent)) != origin
        drivers.add(N[others] @ y == sent[others], name=f"from{origin + 1}")
        total = total + y
    w = drivers.var("w", N.shape[1], lb=0)
    drivers.add(w == total, name="total")
    drivers.minimize(minutes @ w + 0.5 * ((slope * w) @ w) + toll @ w[list(TOLLED)])
    m.maximize(toll @ w[list(TOLLED)])
    return m


def groups(pairs: int = 12) -> kg.Bilevel:
    """A follower for each trip k, who minds the vehicles of the others: a Nash game::

    min { (t + s sum_(l != k) y_l)'y_k + 1/2 s y_k'y_k + tau'v_k : N y_k = d_k, 0 <= y_k }
    """
    minutes, slope, N, trips = _roads()
    m = kg.Bilevel("groups")
    toll = m.var("toll", len(TOLLED), lb=0, ub=5)
    followers = [m.follower(f"trip{k + 1}") for k in range(pairs)]
    flows = [one.var("y", N.shape[1], lb=0) for one in followers]
    total = sum(flows[1:], flows[0])
    for (a, b, count), one, y in zip(trips, followers, flows, strict=False):
        sent = count * (np.eye(N.shape[0])[a] - np.eye(N.shape[0])[b])
        one.add(N @ y == sent, name="conservation")
        one.minimize((minutes + slope * (total - y)) @ y + 0.5 * ((slope * y) @ y) + toll @ y[list(TOLLED)])
    m.maximize(toll @ total[list(TOLLED)])
    return m


def firms(count: int = 100) -> kg.Bilevel:
    """Firms sell into one market at price ``100 - sum q``; a tax on sales. Best responses in turn settle slowly::

    max_tau  tau sum q    s.t.  0 <= tau <= 50,  min { 1/2 q_i^2 + (tau - 100 + sum_j q_j) q_i : 0 <= q_i <= 20 }
    """
    m = kg.Bilevel("firms")
    tax = m.var("tax", lb=0, ub=50)
    followers = [m.follower(f"firm{k + 1}") for k in range(count)]
    sales = [one.var("q", lb=0, ub=20) for one in followers]
    total = sum(sales[1:], sales[0])
    for one, q in zip(followers, sales, strict=True):
        one.minimize(0.5 * q * q + (tax - 100.0) * q + (total - q) * q + q * q)
    m.maximize(tax * total)
    return m


def delays(pairs: int = 10, roads: int = 5, minutes: float = 10.0) -> kg.Bilevel:
    """Delays on some roads keep the travellers of the largest trips q_k on their way (Israeli & Wood 2002)::

    max sum_k q_k (t + 10 cut)'y_k, sum cut <= roads;    min { (t + 10 cut)'y_k : N y_k = d_k, 0 <= y_k <= 1 }
    """
    empty, _, N, trips = _roads()
    m = kg.Bilevel("delays")
    cut = m.var("cut", len(empty), kind="B")
    m.add(cut.sum() <= roads)
    total = 0.0
    for k, (a, b, count) in enumerate(trips[:pairs]):
        user = m.follower(f"trip{k}")
        y, others = user.var("y", len(empty), lb=0, ub=1), np.arange(N.shape[0]) != b
        user.add(N[others] @ y == (np.arange(N.shape[0]) == a)[others].astype(float))
        cost = empty @ y + minutes * (cut @ y)
        user.minimize(cost)
        total = total + count * cost
    m.maximize(total)
    return m
