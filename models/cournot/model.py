"""A firm sells first, and the others compete in quantities knowing what it sells (Stackelberg, Cournot, Nash).

Markets t, firms i = 1..n. Firm 1 leads with quantities x_t; the others follow with y_it and find a Nash equilibrium
among themselves. The price in market t is ``a_t - b (x_t + sum_i y_it)``; costs are convex, capacities are joint over
the markets::

    max_x    sum_t (a_t - b (x_t + Y_t)) x_t - c_1 x_t - k_1/2 x_t^2        0 <= x_t <= limit
             y_i solves  max sum_t (a_t - b (x_t + Y_t)) y_it - c_i y_it - k_i/2 y_it^2
                         s.t.  sum_t y_it <= cap_i,   0 <= y_it <= cap       for i = 2..n,   Y_t = sum_i y_it

The followers' costs have products of one follower's and another's variables, so they are parts of one equilibrium, not
of one optimum. For a given x the game of the followers has a potential and one equilibrium: best responses in turn find
it, ``y_it = (a_t - c_i - b (x_t + rest_t) - capacity's price) / (2 b + k_i)``, and a scan of x is the oracle for one
market. The leader's revenue ``-b Y_t x_t`` stays: its problem is not convex.

Data: ``firms="five"`` takes the costs c = 10, 8, 6, 4, 2 of the five firms of Murphy, Sherali and Soyster 1982 (facts);
``"drawn"`` draws c in [1, 12] with two and k in [0.1, 0.4] with three decimals. Market t is ``a (1 - 0.12 t)`` large,
followers' capacities are 0.6, 0.7, ... of ``cap``.

Source: F. H. Murphy, H. D. Sherali, A. L. Soyster, A mathematical programming approach for determining oligopolistic
market equilibrium, Mathematical Programming 24 (1982) 92-106; H. D. Sherali, A. L. Soyster, F. H. Murphy,
Stackelberg-Nash-Cournot equilibria, Operations Research 31 (1983) 253-276. Simplified: the papers' demand 5000/Q^1.1
and costs with powers are replaced by affine demand and quadratic costs, so the papers' figures are not comparable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

import kktgen as kg

summary = kg.beside(__file__, "../common/summary")
COST, CURVE = np.array([10.0, 8.0, 6.0, 4.0, 2.0]), np.array([0.20, 0.18, 0.16, 0.14, 0.12])
SLOPE = 0.5


@dataclass(frozen=True)
class Parameters:
    """What may be varied.

    Parameters
    ----------
    firms : str
        ``"five"``, of the paper, or ``"drawn"`` by ``seed``.
    count : int
        Number of firms, the leader among them; at most five of the paper.
    markets : int
        Number of markets, at most 8.
    cap : float
        Largest sale of a follower in one market.
    size : float
        Price at which nothing is sold in the first market.
    seed : int
        Another seed draws other firms.
    """

    firms: Literal["five", "drawn"] = "five"
    count: int = 5
    markets: int = 1
    cap: float = 30.0
    size: float = 100.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.firms not in ("five", "drawn"):
            raise kg.ProblemError(f"cournot: firms is {self.firms!r}; give 'five' or 'drawn'")
        most = 5 if self.firms == "five" else 40
        if not 2 <= self.count <= most:
            raise kg.ProblemError(f"cournot: count is {self.count}; give 2 to {most}")
        if not 1 <= self.markets <= 8:
            raise kg.ProblemError(f"cournot: markets is {self.markets}; give 1 to 8")
        if self.cap <= 0 or self.size <= 0:
            raise kg.ProblemError("cournot: cap and size must be positive")


class Oligopoly(kg.Bilevel):
    """A leading firm and its competitors.

    Attributes
    ----------
    parameters : Parameters
    cost, curve : ndarray (n,)
        Linear and quadratic coefficients of the firms' costs.
    size : ndarray (markets,)
    capacity : ndarray (n - 1,)
        Joint capacity of every follower.
    lead : Affine (markets,)
    sales : tuple of Affine (markets,)
        Sales of every follower.
    """

    def __init__(self, p: Parameters) -> None:
        super().__init__("cournot")
        market = {"market": [f"m{t + 1}" for t in range(p.markets)]}
        self.parameters, self.cost, self.curve = p, COST[: p.count], CURVE[: p.count]
        if p.firms == "drawn":
            self.cost = np.round(np.random.default_rng([p.seed, 0]).uniform(1.0, 12.0, p.count), 2)
            self.curve = np.round(np.random.default_rng([p.seed, 1]).uniform(0.1, 0.4, p.count), 3)
        self.size = np.round(p.size * (1.0 - 0.12 * np.arange(p.markets)), 6)
        self.capacity = np.round(p.cap * (0.6 + 0.1 * np.arange(p.count - 1)), 6)
        self.lead = x = self.var("sales", coords=market, lb=0, ub=p.cap * p.markets)
        firms = [self.follower(f"firm{i + 2}") for i in range(p.count - 1)]
        self.sales = tuple(firm.var("sales", coords=market, lb=0, ub=p.cap) for firm in firms)
        total = kg.stack(self.sales).sum(axis=0)
        for i, (firm, y) in enumerate(zip(firms, self.sales, strict=True)):
            firm.add(y.sum() <= self.capacity[i], name="capacity")
            bend = (0.5 * self.curve[i + 1] + SLOPE) * (y @ y)
            firm.maximize((self.size - self.cost[i + 1]) @ y - bend - SLOPE * ((x + total - y) @ y))
        bend = (0.5 * self.curve[0] + SLOPE) * (x @ x)
        self.maximize((self.size - self.cost[0]) @ x - bend - SLOPE * (total @ x))


def build(**parameters: Any) -> Oligopoly:
    """Return the problem of the given :class:`Parameters`.

    Raises
    ------
    ProblemError
        Parameters out of range.
    """
    return Oligopoly(Parameters(**parameters))


def report(result: Any) -> kg.Findings:
    """Return the leader's profit, sales of every firm in every market, and prices.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game = summary.of_model(result, "lead", "cournot")
    table = summary.answer(result, "Profit of the leader")
    sold = [result.solution[game.lead], *(result.solution[y] for y in game.sales)]
    price = game.size - SLOPE * sum(sold)
    rows = [("leader", *(f"{v:.4g}" for v in sold[0]))]
    rows += [(f"firm{i + 2}", *(f"{abs(v):.4g}" for v in y)) for i, y in enumerate(sold[1:])]
    rows.append(("price", *(f"{v:.4g}" for v in price)))
    sales = kg.Table("Sales", ("", *(f"m{t + 1}" for t in range(len(price)))), tuple(rows))
    data = "costs as published, demand and curvature ours" if game.parameters.firms == "five" else "drawn data"
    return kg.Findings((table, sales), data)


PLOTS = {"sales": "Sales and prices by market"}
"""Names and titles of :func:`plots`."""


def plots(result: Any) -> dict[str, Any]:
    """Return the plot of sales and prices, as ``kktgen.plots`` describes it.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    """
    game = summary.of_model(result, "lead", "cournot")
    sold = [result.solution[game.lead], *(result.solution[y] for y in game.sales)]
    names = ["leader", *(f"firm{i + 2}" for i in range(len(game.sales)))]
    stacks = [{"label": name, "kind": "stack", "values": v} for name, v in zip(names, sold, strict=True)]
    price = [{"label": "price", "kind": "bar", "values": game.size - SLOPE * sum(sold), "color": "black"}]
    panels = [
        {"quantity": "sales", "unit": "1", "series": stacks},
        {"quantity": "price", "unit": "1", "series": price},
    ]
    x = [f"m{t + 1}" for t in range(len(game.size))]
    return {"sales": {"title": "Sales and prices", "x": x, "xlabel": "market", "panels": panels}}
