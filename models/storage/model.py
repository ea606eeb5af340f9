"""A storage trades in a market whose prices it moves.

Hours t of load L_t, plants i with largest outputs and costs ``c_i g + a_i g^2``. The storage is the leader, every
hour's market a follower; it charges u_t, discharges v_t, and holds e_t at the end of the hour::

    max   sum_t lam_t (v_t - u_t)                            lam_t is the price: the multiplier of the balance
    s.t.  e_t = e_(t-1) + eta u_t - v_t / eta,  e_0 = e_T     as much at the end as at the beginning
          0 <= u_t, v_t <= power,  0 <= e_t <= energy
          u_t <= power z_t,  v_t <= power (1 - z_t)          exclusive=True: never both in one hour, z binary

    hour t:  g in argmin  sum_i c_i g_i + a_i g_i^2
             s.t.  sum_i g_i = L_t + u_t - v_t    (lam_t),   0 <= g_i <= most_i

With ``bus`` the storage stands at a bus of the grid and earns the price there; the market of an hour then has a balance
for every bus, flows f within the lines' limits, and Kirchhoff's voltage law round every loop, as in ``dc_market``.

``lam_t (v_t - u_t)`` is the price times the decision that stands in the same row: it is eliminated exactly, and what is
left is convex. Where a plant's cost is linear the price jumps, so the pairs matter.

What is simplified: no wear, no reserve, plants without least outputs and ramps, so hours are tied by the storage only.

Oracle: a dynamic programme over states of charge, prices by the merit order: 146.107 for six hours of RTS-24 on a
grid of 321 states, 146.111 proved.

Source: price-maker storage as in Mohsenian-Rad, "Coordinated price-maker operation of large energy storage units in
nodal energy markets", IEEE Transactions on Power Systems 31(1), 2016; and Sioshansi, "When energy storage reduces
social welfare", Energy Economics 41, 2014. Data: published grids and the RTS's winter load, ``models/common/grids``,
each file with its source; facts. The storage is ours. Units: 100 MW, 100 MWh, $/MWh, 100 $.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
    hours : int
        2 to 24: as many hours of a winter weekday, evenly spread; 48 to 168: whole days from Monday on.
    power : float
        Largest charge and discharge in 100 MW.
    energy : float
        Largest content in 100 MWh.
    eta : float
        Efficiency of the charge, and of the discharge.
    exclusive : bool
        Add a binary an hour so that the storage never charges and discharges at once.
    bus : int
        Number of the bus where the storage stands; 0 for a market without a network.
    load : float
        Load as a share of the table's.
    lines : float
        Limits of the lines as a share of the table's.
    """

    case: str = "rts24"
    hours: int = 6
    power: float = 2.0
    energy: float = 8.0
    eta: float = 0.9
    exclusive: bool = False
    bus: int = 0
    load: float = 1.0
    lines: float = 1.0

    def __post_init__(self) -> None:
        for word, least in {"hours": 2, "power": 0, "energy": 0, "bus": 0, "load": 0, "lines": 0.01}.items():
            grids.checked("storage", getattr(self, word), least, word)
        grids.checked("storage", self.eta, 0.01, "eta", 1)


class Game(kg.Bilevel):
    """The storage and the hours of the market, a bilevel problem that knows its parts.

    Attributes
    ----------
    parameters : Parameters
    grid : Grid
    load : ndarray (T,)
        Load of all buses.
    charge, discharge, content : Affine (T,)
    price : tuple of Affine
        Of every hour, at the storage's bus.
    """

    def __init__(self, parameters: Parameters) -> None:
        super().__init__("storage")
        p = self.parameters = parameters
        k = self.grid = grids.grid(p.case, p.lines)
        share = np.round(p.load * grids.levels(p.hours), 9)
        self.load = np.round(share * k.total, 9)
        hours = {"hour": list(range(1, p.hours + 1))}
        self.charge = self.var("charge", lb=0, ub=p.power, coords=hours, unit="100 MW")
        self.discharge = self.var("discharge", lb=0, ub=p.power, coords=hours, unit="100 MW")
        self.content = self.var("content", lb=0, ub=p.energy, coords=hours, unit="100 MWh")
        before = np.roll(np.eye(p.hours), -1, axis=1)  # the hour before the first is the last
        step = (np.eye(p.hours) - before) @ self.content
        self.add(step == p.eta * self.charge - (1 / p.eta) * self.discharge, name="dynamics", coords=hours)
        if p.exclusive:
            charging = self.var("charging", kind="B", coords=hours)
            self.add(self.charge <= p.power * charging, name="only_charges")
            self.add(self.discharge <= p.power * (1 - charging), name="only_discharges")
        self.price: tuple[kg.Affine, ...] = ()
        self.maximize(kg.sum([self._hour(t, share[t]) for t in range(p.hours)]), unit="100 $")

    def _hour(self, t: int, share: float) -> kg.Quad:
        """Declare the market of hour t; return what the storage earns there."""
        p, k = self.parameters, self.grid
        market = self.follower(f"h{t + 1}")
        g = market.var("g", lb=0, ub=k.most, coords={"plant": k.plant}, unit="100 MW")
        net = self.charge[t] - self.discharge[t]
        if p.bus:
            at, here = k.place((p.bus,))[:, 0], int(k.at((p.bus,))[0])
            f = market.var("f", lb=-k.limit, ub=k.limit, coords={"line": k.line}, unit="100 MW")
            left, side = k.plants @ g - k.incidence @ f, np.round(share * k.load, 9) + at * net
            balance = market.add(left == side, name="balance", coords={"bus": k.bus})
            price = balance.dual[here]
            if len(k.loops):
                market.add(k.loops @ f == 0, name="loops")
        else:
            price = market.add(g.sum() == self.load[t] + net, name="balance").dual
        market.minimize(kg.sum([k.c @ g, (k.a * g) @ g]))
        self.price = (*self.price, price)
        return price @ self.discharge[t] - price @ self.charge[t]


def build(**parameters: Any) -> Game:
    """Return the game for the given :class:`Parameters`.

    Raises
    ------
    ProblemError
        Parameters out of range.
    """
    return Game(Parameters(**parameters))


def _series(result: Any, asked: str) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray]:
    """Return the game, prices, net discharge and content (T,) of a result."""
    game, sol = result.bilevel, result.solution
    if not hasattr(game, "discharge"):
        raise kg.ProblemError(f"{asked}: {game!r} was not made by storage.build(...)")
    net = sol[game.discharge] - sol[game.charge]
    return game, np.array([float(sol[price]) for price in game.price]), net, sol[game.content]


def report(result: Any) -> kg.Findings:
    """Return prices, trade and content by hour.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game, price, net, content = _series(result, "report")
    rows = zip(range(1, len(net) + 1), price, 100 * net, 100 * content, 100 * price * net, strict=True)
    body = tuple((str(t), f"{p:.3f}", f"{v:.1f}", f"{e:.1f}", f"{money:.0f}") for t, p, v, e, money in rows)
    head = ("hour", "price $/MWh", "discharge MW", "content MWh", "earned $")
    return kg.Findings((kg.Table("The storage", head, body),), f"grid data as published: {game.grid.name}; own storage")


PLOTS: dict[str, str] = {"prices": "Prices the storage meets", "storage": "Discharge and content of the storage"}
"""Names and titles of :func:`plots`."""


def plots(result: Any) -> dict[str, Any]:
    """Return prices, trade and content by hour, as ``kktgen.plots`` describes them.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game, price, net, content = _series(result, "plots")
    words = f"{game.grid.name}, profit {result.solution.objective:.5g} (100 $)"
    panels = {
        "prices": [("price", "$/MWh", {"label": "price", "kind": "step", "values": price})],
        "storage": [
            ("power", "MW", {"label": "discharge (+), charge (-)", "kind": "stack", "values": 100 * net}),
            ("energy", "MWh", {"label": "content at the end of the hour", "kind": "line", "values": 100 * content}),
        ],
    }
    return {
        name: {"title": PLOTS[name], "x": np.arange(1, len(net) + 1), "xlabel": "hour", "subtitle": words, "note": "",
               "panels": [{"quantity": word, "unit": unit, "series": [series]} for word, unit, series in parts]}
        for name, parts in panels.items()
    }  # fmt: skip
