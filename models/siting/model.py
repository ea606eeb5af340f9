"""Batteries are placed at buses of a grid, knowing how a day of its market will use and price them.

Buses b, hours t of load factor s_t, candidate buses n of a set N. The leader decides where the batteries stand; the
market, one follower over all hours, runs plants and batteries together::

    planner    min  sum_n K_n place_n + (cost of the market)
    merchant   max  sum_t sum_n lam_tn into_tn  -  sum_n K_n place_n     into > 0 feeds the grid at the bus's price
               s.t. sum_n place_n <= count,  place binary

    market:    min  sum_t ( sum_i c_i g_ti + a_i g_ti^2 + voll sum_b s_tb )
               s.t. sum_(i at b) g_ti + s_tb + into_tb - sum_l A_bl f_tl = s_t d_b        (lam_tb)
                    into_tn = place_n (v_tn - u_tn)           only a battery that is there feeds or takes
                    e_tn = e_(t-1)n + eta u_tn - v_tn / eta,  as much at the end as at the beginning
                    0 <= u, v <= power,  0 <= e <= energy,  0 <= g_i <= most_i,  0 <= s_tb <= s_t d_b
                    Kirchhoff's voltage law round every loop,  -L_l <= f_tl <= L_l

The second row is a product of the leader's binary with the market's variables, as it is said; kktgen lifts it by boxes
it proves. With ``units > 1`` several batteries may stand at a bus: place_n is then an integer from 0 to units, written
in bits. A planner agrees with the market, so its problem needs no pairs; a merchant prefers places where the batteries
do not level the prices they live on.

What is simplified: one day, batteries operated by the market and paid its prices (in ``storage`` the owner decides
itself), no wear, plants without least outputs. Ties of prices in the leader's favour.

Oracle: an LP over the day for every placing; for a merchant its revenue at the LP's prices, which is below the best of
ties.

Source: Dvorkin, Fernandez-Blanco, Kirschen, Pandzic, Watson, Silva-Monroy, "Ensuring profitability of energy storage",
IEEE Transactions on Power Systems 32(1), 2017, 611-623. Data: published grids and the RTS's winter load,
``models/common/grids``, each file with its source; facts. Batteries and candidates are ours. Units: 100 MW, 100 MWh,
$/MWh, 100 $.
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
    owner : str
        ``"planner"`` or ``"merchant"``.
    buses : tuple of int
        Candidate buses.
    count : int
        Most batteries in all.
    units : int
        Most batteries at one bus.
    capital : float
        Of one battery in 100 $ a day.
    power, energy : float
        Of one battery in 100 MW and 100 MWh.
    eta : float
        Efficiency of the charge, and of the discharge.
    hours : int
        2 to 24: as many hours of a winter weekday, evenly spread.
    voll : float
        Value of load shed in $/MWh.
    load : float
        Load as a share of the table's.
    lines : float
        Limits of the lines as a share of the table's.
    free : float
        Limit in MW of lines that have none in the table; 0 leaves them without.
    """

    case: str = "case5"
    owner: Literal["planner", "merchant"] = "planner"
    buses: tuple[int, ...] = (1, 2, 3, 4)
    count: int = 1
    units: int = 1
    capital: float = 1.0
    power: float = 1.0
    energy: float = 3.0
    eta: float = 0.95
    hours: int = 4
    voll: float = 200.0
    load: float = 1.0
    lines: float = 1.0
    free: float = 0.0

    def __post_init__(self) -> None:
        least = {"count": 0, "units": 1, "capital": 0, "power": 0, "energy": 0, "hours": 2, "voll": 0, "load": 0}
        for word, value in {**least, "lines": 0.01, "free": 0}.items():
            grids.checked("siting", getattr(self, word), value, word)
        grids.checked("siting", self.eta, 0.01, "eta", 1)
        if self.owner not in ("planner", "merchant"):
            raise kg.ProblemError(f"siting: owner is {self.owner!r}; give 'planner' or 'merchant'")
        if not self.buses or len(set(self.buses)) < len(self.buses):
            raise kg.ProblemError(f"siting: buses is {self.buses}; give candidate buses, none twice")


class Game(kg.Bilevel):
    """The placing and the day of the market, a bilevel problem that knows its parts.

    Attributes
    ----------
    parameters : Parameters
    grid : Grid
    sites : Affine (N,)
        Batteries at every candidate bus.
    into, content : Affine (T, N)
        What the batteries feed into the grid, and hold at the end of every hour if one were there.
    price : Affine (T, B)
    cost : Quad
        Of the market.
    """

    def __init__(self, parameters: Parameters) -> None:
        super().__init__("siting")
        p = self.parameters = parameters
        k = self.grid = grids.grid(p.case, p.lines, p.free)
        levels = grids.levels(p.hours)
        self.load = np.round(p.load * np.multiply.outer(levels, k.load), 9)
        here, many = {"site": list(p.buses)}, p.units > 1
        self.sites = self.var("place", kind="I" if many else "B", lb=0, ub=p.units, coords=here)
        self.add(self.sites.sum() <= p.count, name="count")
        market, hours = self.follower("market"), {"hour": list(range(1, p.hours + 1))}
        g = market.var("g", lb=0, ub=np.tile(k.most, (p.hours, 1)), coords={**hours, "plant": k.plant}, unit="100 MW")
        shed = market.var("shed", lb=0, ub=self.load, coords={**hours, "bus": k.bus}, unit="100 MW")
        limit = np.tile(k.limit, (p.hours, 1))
        f = market.var("f", lb=-limit, ub=limit, coords={**hours, "line": k.line}, unit="100 MW")
        self.into = self._batteries(market, {**hours, **here})
        given = g @ k.plants.T + shed + self.into @ k.place(p.buses).T - f @ k.incidence.T
        self.price = market.add(given == self.load, name="balance", coords={**hours, "bus": k.bus}).dual
        if len(k.loops):
            market.add(f @ k.loops.T == 0, name="loops")
        flat = g.ravel()
        self.cost = kg.sum([np.tile(k.c, p.hours) @ flat, (np.tile(k.a, p.hours) * flat) @ flat, p.voll * shed.sum()])
        market.minimize(self.cost)
        if p.owner == "planner":
            self.minimize(self.cost + p.capital * self.sites.sum(), unit="100 $")
        else:
            earned = self.price[:, k.at(p.buses)].ravel() @ self.into.ravel()
            self.maximize(earned - p.capital * self.sites.sum(), unit="100 $")

    def _batteries(self, market: Any, coords: dict[str, Any]) -> kg.Affine:
        """Declare one battery at every candidate bus; return what those that are there feed into the grid."""
        p = self.parameters
        charge = market.var("charge", lb=0, ub=p.power, coords=coords, unit="100 MW")
        discharge = market.var("discharge", lb=0, ub=p.power, coords=coords, unit="100 MW")
        self.content = market.var("content", lb=0, ub=p.energy, coords=coords, unit="100 MWh")
        before = np.roll(np.eye(p.hours), -1, axis=1)  # the hour before the first is the last
        step = (np.eye(p.hours) - before) @ self.content
        market.add(step == p.eta * charge - (1 / p.eta) * discharge, name="dynamics", coords=coords)
        most = p.units * p.power
        into = market.var("into", lb=-most, ub=most, coords=coords, unit="100 MW")
        market.add(into == self.sites * (discharge - charge), name="there", coords=coords)
        return into


def build(**parameters: Any) -> Game:
    """Return the game for the given :class:`Parameters`.

    Raises
    ------
    ProblemError
        Parameters out of range.
    """
    return Game(Parameters(**parameters))


def report(result: Any) -> kg.Findings:
    """Return the places, and what every battery earns at the market's prices.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game, sol = result.bilevel, result.solution
    if not hasattr(game, "sites"):
        raise kg.ProblemError(f"report: {game!r} was not made by siting.build(...)")
    p, k = game.parameters, game.grid
    earned = (sol[game.price][:, k.at(p.buses)] * sol[game.into]).sum(axis=0)
    count, moved = np.round(sol[game.sites]).astype(int), 100 * np.maximum(sol[game.into], 0).sum(axis=0)
    rows = tuple(
        (str(b), str(n), f"{energy:.1f}", f"{money:.3f}")
        for b, n, energy, money in zip(p.buses, count, moved, earned, strict=True) if n
    )  # fmt: skip
    tables = (
        kg.Table(f"Batteries of the {p.owner}", ("bus", "units", "discharged MWh", "earned 100 $"), rows),
        kg.Table("The market", ("figure", "100 $"), (("cost", f"{float(sol[game.cost]):.3f}"),)),
    )
    return kg.Findings(tables, f"grid data as published: {k.name}; batteries are ours")


PLOTS: dict[str, str] = {"prices": "Prices where batteries stand", "content": "Content of the batteries"}
"""Names and titles of :func:`plots`."""


def plots(result: Any) -> dict[str, Any]:
    """Return prices and contents where batteries stand, as ``kktgen.plots`` describes them.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game, sol = result.bilevel, result.solution
    if not hasattr(game, "sites"):
        raise kg.ProblemError(f"plots: {game!r} was not made by siting.build(...)")
    p, k = game.parameters, game.grid
    count, at = np.round(sol[game.sites]), k.at(p.buses)
    price, content = sol[game.price], 100 * sol[game.content] * count
    here = np.flatnonzero(count) if count.any() else np.arange(len(at))
    words = f"{k.name}, {p.owner}, {count.sum():.0f} batteries"
    prices = [{"label": f"bus {p.buses[n]}", "kind": "step", "values": price[:, at[n]]} for n in here]
    contents = [{"label": f"bus {p.buses[n]}", "kind": "line", "values": content[:, n]} for n in here]
    panels = {"prices": ("price", "$/MWh", prices), "content": ("energy", "MWh", contents)}
    return {
        name: {"title": PLOTS[name], "x": np.arange(1, p.hours + 1), "xlabel": "hour", "subtitle": words, "note": "",
               "panels": [{"quantity": quantity, "unit": unit, "series": series}]}
        for name, (quantity, unit, series) in panels.items()
    }  # fmt: skip
