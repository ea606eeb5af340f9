"""The IEEE reliability test system: attacks on its lines, and new lines for a day."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog

import kktgen as kg
from kktgen import catalog

grids = catalog.load_model("grid_attack").grids
NEW = ((2, 23), (0, 4), (6, 7), (14, 23))
"""Pairs of buses between which a line may be built."""


class Grid:
    """Loads d, plants (largest output, cost, and which bus), lines (incidence A, susceptance b, limit), in 100 MW."""

    def __init__(self, share: float = 1.0) -> None:
        grid = grids.grid("rts24", share)
        self.d, self.day = grid.load, grids.levels(24)
        self.most, self.cost, self.limit, self.b = grid.most, grid.c, grid.limit, 1 / grid.x
        self.plants, self.A = grid.plants, grid.incidence


def incidence(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return the matrix of what leaves every bus over every line (24, lines)."""
    A = np.zeros((24, len(start)))
    A[start, np.arange(len(start))], A[end, np.arange(len(start))] = 1.0, -1.0
    return A


def attack(lines: int, physics: str = "transport") -> kg.Bilevel:
    """Which lines to cut so that the operator has to shed most (Salmeron, Wood & Baldick 2004)::

    max shed, cut binary, sum cut <= lines;    min { shed : balance, |f| <= limit (1 - cut), 0 <= shed <= d }

    With ``dc`` also ``|b (theta_i - theta_j) - f| <= 1.2 b cut``, angles between -0.6 and 0.6.
    """
    k = Grid()
    m = kg.Bilevel("attack")
    cut = m.var("cut", len(k.b), kind="B")
    m.add(cut.sum() <= lines, name="budget")
    operator = m.follower("operator")
    g, shed = operator.var("g", len(k.most), lb=0, ub=k.most), operator.var("shed", 24, lb=0, ub=k.d)
    f = operator.var("f", len(k.b))
    operator.add(k.plants @ g + shed - k.A @ f == k.d, name="balance")
    operator.add(f <= k.limit * (1 - cut), name="up")
    operator.add(-f <= k.limit * (1 - cut), name="down")
    if physics == "dc":
        angle = operator.var("angle", 24, lb=-0.6, ub=0.6)
        law = k.b * (k.A.T @ angle) - f
        operator.add(angle[0] == 0, law <= 1.2 * k.b * cut, -law <= 1.2 * k.b * cut)
    operator.minimize(shed.sum())
    m.maximize(shed.sum())
    return m


def shed(cut: np.ndarray, physics: str) -> float:
    """Return what the operator has to shed, by SciPy."""
    k, kept = Grid(), np.round(cut) == 0
    n, lines = len(k.most), len(k.b)
    angles = 24 if physics == "dc" else 0
    rows = [np.hstack([k.plants, np.eye(24), -k.A, np.zeros((24, angles))])]
    if angles:
        law = np.hstack([np.zeros((lines, n + 24)), -np.eye(lines), k.b[:, None] * k.A.T])
        rows.append(law[kept])
    A = np.vstack(rows)
    side = np.concatenate([k.d, np.zeros(len(A) - 24)])
    bounds = [(0, top) for top in np.concatenate([k.most, k.d])]
    bounds += [(-top, top) for top in k.limit * kept] + [(0, 0)] * (angles > 0) + [(-0.6, 0.6)] * max(angles - 1, 0)
    cost = np.concatenate([np.zeros(n), np.ones(24), np.zeros(lines + angles)])
    return float(linprog(cost, A_eq=A, b_eq=side, bounds=bounds, method="highs").fun)


def expansion(hours: int = 24, capital: float = 20.0, voll: float = 2000.0) -> kg.Bilevel:
    """Which lines a planner builds who pays for them and for the market's cost, one follower an hour::

    min capital' build + sum cost;    min { c'g + voll shed : balance, DC flows, a new line's flow where it is built }

    The limits of the lines are 55 % of the table's, so that lines are missing; susceptances of new ones are 10.
    """
    k = Grid(0.55)
    start, end = np.array(NEW).T
    B = incidence(start, end)
    m = kg.Bilevel("expansion")
    build = m.var("build", len(NEW), kind="B")
    paid = capital * build.sum()
    for t, level in enumerate(k.day[-hours:]):
        hour = m.follower(f"hour{t}")
        g, spill = hour.var("g", len(k.most), lb=0, ub=k.most), hour.var("spill", 24, lb=0, ub=level * k.d)
        f, new = hour.var("f", len(k.b), lb=-k.limit, ub=k.limit), hour.var("new", len(NEW), lb=-2, ub=2)
        angle = hour.var("angle", 24, lb=-0.6, ub=0.6)
        hour.add(k.plants @ g + spill - k.A @ f - B @ new == level * k.d, name="balance")
        hour.add(angle[0] == 0, k.b * (k.A.T @ angle) == f)
        hour.add(new == build * (10 * (B.T @ angle)), name="law")
        cost = 0.1 * (k.cost @ g) + voll * spill.sum()
        hour.minimize(cost)
        paid = paid + cost
    m.minimize(paid)
    return m
