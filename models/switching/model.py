"""An operator opens lines of a grid so that its market costs less, or its consumers pay less.

Opening a line may help, because the flows of an AC grid follow Kirchhoff's laws and not the market. Lines l that may be
switched, hours t of load factor s_t. The operator is the leader, every hour's market a follower::

    goal="cost"     min  sum_t (cost of the market in t)
    goal="payment"  min  sum_t sum_b lam_bt s_t d_b           what consumers pay at the prices of their buses
                    s.t. sum_l (1 - on_l) <= k,  on binary    no more than k lines are open, the same in all hours

    hour t:  min  sum_i c_i g_i + a_i g_i^2 + voll sum_b s_b
             s.t. sum_(i at b) g_i + s_b - sum_l A_bl f_l = s_t d_b     (lam_bt)
                  f_l = on_l (theta_from(l) - theta_to(l)) / x_l        a line that is on
                  0 <= g_i <= most_i,  0 <= s_b <= s_t d_b,  -L_l <= f_l <= L_l
                  theta_1 = 0,  -angle <= theta_b <= angle

The voltage law is a product of a binary of the leader with the market's angles: kktgen lifts it by boxes it proves, and
prices are those of the market with the lines that are on. With goal="cost" leader and market agree, so no pairs are
needed (optimal transmission switching). With goal="payment" they do not: fewer lines may lower the prices that loads
pay although the dispatch costs more, and the leader's objective is in multipliers alone.

What is simplified: DC flows, no security against outages, no least outputs; ties of prices in the operator's favour.
Angles lie within ``angle``. Where load is shed it pays, too, so that voll should be well above every cost.

Oracle: an LP for every set of open lines; in goal="payment" with the least payment over the prices that fit the
dispatch, by a second LP over the dual's optimal face.

Source: Fisher, O'Neill, Ferris, "Optimal transmission switching", IEEE Transactions on Power Systems 23(3), 2008,
1346-1355; for payments: Hedman, O'Neill, Fisher, Oren, "Optimal transmission switching: sensitivity analysis and
extensions", same journal 23(3), 2008. Data: published grids and the RTS's winter load, ``models/common/grids``, each
file with its source; facts. Units: 100 MW, $/MWh, 100 $.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

import kktgen as kg

grids = kg.beside(__file__, "../common/grids")


@dataclass(frozen=True)
class Parameters:
    """What may be varied.

    Parameters
    ----------
    case : str
        The grid: ``"case5"``, ``"case6ww"``, ``"case9"``, ``"case14"``, ``"rts24"``, ``"case30"``, ``"case39"``,
        ``"case57"`` or ``"case118"``.
    goal : str
        ``"cost"`` or ``"payment"``.
    opened : int
        Most lines that are open.
    switchable : tuple of int
        Lines that may be switched, by their place in the table, the first is 1; empty for all.
    hours : int
        1: the peak; up to 24: as many hours of a winter weekday, evenly spread.
    voll : float
        Value of load shed in $/MWh.
    load : float
        Load as a share of the table's.
    lines : float
        Limits of the lines as a share of the table's.
    free : float
        Limit in MW of lines that have none in the table.
    angle : float
        Largest angle of a bus in radians.
    """

    case: str = "case5"
    goal: Literal["cost", "payment"] = "cost"
    opened: int = 1
    switchable: tuple[int, ...] = ()
    hours: int = 1
    voll: float = 1000.0
    load: float = 1.0
    lines: float = 1.0
    free: float = 500.0
    angle: float = 0.6

    def __post_init__(self) -> None:
        least = {"opened": 0, "voll": 0, "load": 0, "lines": 0.01, "free": 1, "angle": 0.01}
        for word, value in least.items():
            grids.checked("switching", getattr(self, word), value, word)
        if self.goal not in ("cost", "payment"):
            raise kg.ProblemError(f"switching: goal is {self.goal!r}; give 'cost' or 'payment'")


class Game(kg.Bilevel):
    """The operator and the hours of its market, a bilevel problem that knows its parts.

    Attributes
    ----------
    parameters : Parameters
    grid : Grid
    switched : ndarray
        Places of the lines that may be switched.
    on : Affine (n,)
    price : tuple of Affine (B,)
        Of every hour.
    cost, payment : Quad, Affine
        Of all hours.
    """

    def __init__(self, parameters: Parameters) -> None:
        super().__init__("switching")
        p = self.parameters = parameters
        k = self.grid = grids.grid(p.case, p.lines, p.free)
        count = len(k.line)
        for number in p.switchable:
            grids.checked("switching", number, 1, "a line of switchable", count)
        self.levels = grids.levels(p.hours)
        self.switched = np.array(p.switchable, dtype=int) - 1 if p.switchable else np.arange(count)
        self.on = self.var("on", kind="B", coords={"line": [k.line[j] for j in self.switched]})
        self.add((1 - self.on).sum() <= p.opened, name="opened")
        self.price: tuple[kg.Affine, ...] = ()
        hours = [self._hour(t) for t in range(p.hours)]
        self.cost, self.payment = kg.sum([cost for cost, _ in hours]), kg.sum([paid for _, paid in hours])
        self.minimize(self.cost if p.goal == "cost" else self.payment, unit="100 $")

    def _hour(self, t: int) -> tuple[Any, Any]:
        """Declare the market of hour t; return its cost and what consumers pay."""
        p, k, on = self.parameters, self.grid, self.switched
        load, fixed = np.round(p.load * self.levels[t] * k.load, 9), np.setdiff1d(np.arange(len(k.line)), on)
        market, bus, line = self.follower(f"h{t + 1}"), {"bus": k.bus}, {"line": k.line}
        g = market.var("g", lb=0, ub=k.most, coords={"plant": k.plant}, unit="100 MW")
        shed = market.var("shed", lb=0, ub=load, coords=bus, unit="100 MW")
        f = market.var("f", lb=-k.limit, ub=k.limit, coords=line, unit="100 MW")
        theta = market.var("theta", lb=-p.angle, ub=p.angle, coords=bus, unit="rad")
        price = market.add(k.plants @ g + shed - k.incidence @ f == load, name="balance", coords=bus).dual
        flow = (k.incidence.T @ theta) / k.x
        market.add(theta[0] == 0, name="reference")
        market.add(f[on] == self.on * flow[on], name="switched")
        if len(fixed):
            market.add(f[fixed] == flow[fixed], name="law")
        cost = kg.sum([k.c @ g, (k.a * g) @ g, p.voll * shed.sum()])
        market.minimize(cost)
        self.price = (*self.price, price)
        return cost, load @ price


def build(**parameters: Any) -> Game:
    """Return the game for the given :class:`Parameters`.

    Raises
    ------
    ProblemError
        Parameters out of range.
    """
    return Game(Parameters(**parameters))


def report(result: Any) -> kg.Findings:
    """Return the lines opened, cost and payment.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game, sol = result.bilevel, result.solution
    if not hasattr(game, "switched"):
        raise kg.ProblemError(f"report: {game!r} was not made by switching.build(...)")
    k, off = game.grid, game.switched[np.round(sol[game.on]) == 0]
    prices = np.array([sol[price] for price in game.price])
    figures = [
        ("cost 100 $", float(sol[game.cost])),
        ("payment 100 $", float(sol[game.payment])),
        ("least price $/MWh", prices.min()),
        ("largest price $/MWh", prices.max()),
    ]
    tables = (
        kg.Table("Lines opened", ("line", "limit MW"), tuple((k.line[j], f"{100 * k.limit[j]:.1f}") for j in off)),
        kg.Table("The market", ("figure", "value"), tuple((word, f"{value:.3f}") for word, value in figures)),
    )
    return kg.Findings(tables, f"grid data as published: {k.name}")
