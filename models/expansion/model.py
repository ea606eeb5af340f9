"""An investor builds plants and lines, knowing how the market on the grid will clear in every state of the load.

States w of weight pi_w and load factor s_w; candidate plants at buses n in sizes S_k; candidate lines m. The investor
is the leader, the market of every state a follower. Investment is in binaries, built_nk and line_m::

    planner    min  sum K S_k built_nk + sum Kl line_m + sum_w pi_w (cost of the market in w)
    merchant   max  sum_w pi_w ( sum_n (lam_wn - c) n_wn + sum_m (lam_w,to(m) - lam_w,from(m)) r_wm ) - the capital
    strategic  as merchant, and it chooses the prices o_wn in [0, voll] at which its new plants are offered
               sum_k built_nk <= 1                        one size at most

    state w:   min  sum_i c_i g_i + a_i g_i^2 + sum_n (c or o_wn) n_n + voll sum_b s_b
               s.t. sum_(i at b) g_i + sum_(n at b) n_n + s_b - sum_l A_bl f_l - sum_m B_bm r_m = s_w d_b   (lam_wb)
                    0 <= g_i <= most_i,  0 <= s_b <= s_w d_b,  -L_l <= f_l <= L_l
                    0 <= n_n <= sum_k S_k built_nk         only what is built runs
                    f_l = (theta_from(l) - theta_to(l)) / x_l
                    r_m = line_m (theta_from(m) - theta_to(m)) / x_new,  -L_new <= r_m <= L_new

The last row is the market's as it is said: a product of a binary of the leader with the market's angles, which kktgen
lifts by boxes it proves; the prices of all rows are those of the market with the lines that are built. Without
candidate lines the voltage law stands as rows round loops, as in ``dc_market``, and ``network=False`` leaves the grid
out. A merchant's line earns the congestion rent. A planner and the market agree on cost, so its problem needs no
complementarity.

What is simplified: one year as a few states, one kind of new plant, no uncertainty of rivals, plants without least
outputs, and the merchant's price ties broken in its favour. Angles lie within ``angle``.

Oracle: an LP for every plan and every state; for a planner the value is their least sum.

Source: Kazempour, Conejo, Ruiz, "Strategic generation investment using a complementarity approach", IEEE Transactions
on Power Systems 26(2), 2011; lines: Garces, Conejo, Garcia-Bertrand, Romero, "A bilevel approach to transmission
expansion planning within a market environment", same journal 24(3), 2009. Data: published grids,
``models/common/grids``, each file with its source; facts. Candidates, capital and states are ours. Units: 100 MW,
$/MWh; money in 100 $ an hour.
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
    investor : str
        ``"planner"``, ``"merchant"`` or ``"strategic"``.
    buses : tuple of int
        Buses where plants may be built; may be empty.
    sizes : tuple of float
        Sizes of a plant in 100 MW.
    corridors : tuple of str
        Lines that may be built, as ``"from-to"``; may be empty.
    cost : float
        Of a new plant's output in $/MWh.
    capital : float
        Of a new plant in $/h and MW.
    line_capital : float
        Of a new line in 100 $/h.
    line_x : float
        Reactance of a new line.
    line_limit : float
        Its limit in 100 MW.
    weights, levels : tuple of float
        Of the states: share of the time, and load as a share of the table's.
    voll : float
        Value of load shed in $/MWh.
    lines : float
        Limits of the existing lines as a share of the table's.
    network : bool
        False leaves the grid out.
    angle : float
        Largest angle of a bus in radians, with candidate lines.
    """

    case: str = "case5"
    investor: Literal["planner", "merchant", "strategic"] = "merchant"
    buses: tuple[int, ...] = (2, 3, 4)
    sizes: tuple[float, ...] = (1.0, 2.0, 4.0)
    corridors: tuple[str, ...] = ()
    cost: float = 12.0
    capital: float = 3.0
    line_capital: float = 5.0
    line_x: float = 0.1
    line_limit: float = 2.0
    weights: tuple[float, ...] = (0.5, 0.35, 0.15)
    levels: tuple[float, ...] = (0.7, 0.9, 1.05)
    voll: float = 100.0
    lines: float = 1.0
    network: bool = True
    angle: float = 0.6

    def __post_init__(self) -> None:
        least = {"cost": 0, "capital": 0, "line_capital": 0, "line_x": 1e-4, "line_limit": 0, "voll": 0, "lines": 0.01}
        for word, value in {**least, "angle": 0.01}.items():
            grids.checked("expansion", getattr(self, word), value, word)
        if self.investor not in ("planner", "merchant", "strategic"):
            raise kg.ProblemError(
                f"expansion: investor is {self.investor!r}; give 'planner', 'merchant' or 'strategic'"
            )
        if len(self.weights) != len(self.levels) or not self.levels:
            raise kg.ProblemError(f"expansion: {len(self.weights)} weights and {len(self.levels)} levels; give as many")
        if not self.corridors and not (self.buses and self.sizes):
            raise kg.ProblemError("expansion: there is nothing to build; give buses and sizes, or corridors")
        if not self.network and self.corridors:
            raise kg.ProblemError("expansion: corridors need network = true")


class Game(kg.Bilevel):
    """The investor and the states of the market, a bilevel problem that knows its parts.

    Attributes
    ----------
    parameters : Parameters
    grid : Grid
    built, line : Affine (N, K), (M,) or None
        What is built.
    cost : Quad
        Weighted cost of the market.
    """

    def __init__(self, parameters: Parameters) -> None:
        super().__init__("expansion")
        p = self.parameters = parameters
        k = self.grid = grids.grid(p.case, p.lines)
        self.built, self.line, capital = None, None, 0.0
        self.place, self.out = k.place(p.buses), k.between(p.corridors)
        if p.buses and p.sizes:
            coords = {"bus": list(p.buses), "size": list(p.sizes)}
            self.built = self.var("built", kind="B", coords=coords)
            self.add(self.built.sum(axis=1) <= 1, name="one_size")
            self.size = self.built @ np.array(p.sizes)
            capital = capital + p.capital * self.size.sum()
        if p.corridors:
            self.line = self.var("line", kind="B", coords={"corridor": list(p.corridors)})
            capital = capital + p.line_capital * self.line.sum()
        profit, self.cost = 0.0, 0.0
        for w, weight in enumerate(p.weights):
            earned, cost = self._state(w)
            profit, self.cost = profit + weight * earned, self.cost + weight * cost
        if p.investor == "planner":
            self.minimize(self.cost + capital, unit="100 $/h")
        else:
            self.maximize(profit - capital, unit="100 $/h")

    def _state(self, w: int) -> tuple[Any, Any]:
        """Declare the market of state w; return what a merchant earns there, and the market's cost."""
        p, k = self.parameters, self.grid
        market, load = self.follower(f"w{w + 1}"), np.round(p.levels[w] * k.load, 9)
        bus = {"bus": k.bus}
        g = market.var("g", lb=0, ub=k.most, coords={"plant": k.plant}, unit="100 MW")
        shed = market.var("shed", lb=0, ub=load, coords=bus, unit="100 MW")
        given, parts, asked = k.plants @ g + shed, [k.c @ g, (k.a * g) @ g, p.voll * shed.sum()], []
        new = rent = None
        if self.built is not None:
            new = market.var("new", lb=0, ub=max(p.sizes), coords={"site": list(p.buses)}, unit="100 MW")
            market.add(new <= self.size, name="capacity")
            given = given + self.place @ new
            if p.investor == "strategic":
                asked = [self.var(f"offer{w + 1}", lb=0, ub=p.voll, coords={"site": list(p.buses)}, unit="$/MWh") @ new]
        if self.line is not None:
            rent = market.var("r", lb=-p.line_limit, ub=p.line_limit, coords={"corridor": list(p.corridors)})
            given = given - self.out @ rent
        if p.network:
            given = given - k.incidence @ self._flows(market, rent)
            price = market.add(given == load, name="balance", coords=bus).dual
        else:
            price = market.add(given.sum() == load.sum(), name="balance").dual
        running = [p.cost * new.sum()] if new is not None else []
        market.minimize(kg.sum([*parts, *(asked or running)]))
        earned = []
        if new is not None:
            earned.append((price[k.at(p.buses)] @ new if p.network else price @ new.sum()) - running[0])
        if rent is not None:
            earned.append(-(self.out.T @ price) @ rent)
        return kg.sum(earned), kg.sum([*parts, *running])

    def _flows(self, market: Any, new: Any) -> kg.Affine:
        """Declare the flows of the lines there are, and say what flows over new ones."""
        p, k = self.parameters, self.grid
        f = market.var("f", lb=-k.limit, ub=k.limit, coords={"line": k.line}, unit="100 MW")
        if new is None:
            if len(k.loops):
                market.add(k.loops @ f == 0, name="loops")
            return f
        theta = market.var("theta", lb=-p.angle, ub=p.angle, coords={"bus": k.bus}, unit="rad")
        market.add(theta[0] == 0, name="reference")
        market.add((k.incidence.T @ theta) / k.x == f, name="law", coords={"line": k.line})
        market.add(new == self.line * ((self.out.T @ theta) / p.line_x), name="new_law")
        return f


def build(**parameters: Any) -> Game:
    """Return the game for the given :class:`Parameters`.

    Raises
    ------
    ProblemError
        Parameters out of range.
    """
    return Game(Parameters(**parameters))


def report(result: Any) -> kg.Findings:
    """Return what is built, and the market's cost.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game, sol = result.bilevel, result.solution
    if not hasattr(game, "built"):
        raise kg.ProblemError(f"report: {game!r} was not made by expansion.build(...)")
    p, rows = game.parameters, []
    if game.built is not None:
        size = 100 * np.round(sol[game.built]) @ np.array(p.sizes)
        rows += [(f"plant at bus {b}", f"{s:.0f}") for b, s in zip(p.buses, size, strict=True) if s > 0]
    if game.line is not None:
        rows += [
            (f"line {name}", f"{100 * p.line_limit:.0f}")
            for name, built in zip(p.corridors, np.round(sol[game.line]), strict=True) if built
        ]  # fmt: skip
    tables = (
        kg.Table(f"Built by the {p.investor} investor", ("what", "MW"), tuple(rows)),
        kg.Table("The market", ("figure", "100 $/h"), (("weighted cost", f"{float(sol[game.cost]):.3f}"),)),
    )
    return kg.Findings(tables, f"grid data as published: {game.grid.name}; candidates and states are ours")
