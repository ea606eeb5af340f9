"""A producer offers its plants to a market on a DC network, knowing how prices at its buses answer.

Buses b of load d_b, hours t of load factor s_t, plants i with largest outputs and costs ``c_i g + a_i g^2``, lines l of
limits L_l. The producer owns the plants S and is the leader; every hour's market is a follower. With offers="prices"::

    max   sum_t sum_(i in S)  lam_bus(i),t g_it - c_i g_it - a_i g_it^2       prices are those of the balance rows
    s.t.  0 <= p_i <= cap                                                   one offer of a plant for all hours

    hour t:  g, f in argmin  sum_(i in S) p_i g_i + sum_(i not in S) c_i g_i + a_i g_i^2
             s.t.  sum_(i at b) g_i - sum_l A_bl f_l = s_t d_b    (lam_bt)    the balance of every bus
                   sum_l X_kl f_l = 0                                       Kirchhoff's voltage law round every loop k
                   -L_l <= f_l <= L_l,  0 <= g_i <= most_i

With offers="quantities" the producer offers capacities at cost instead: ``0 <= q_i <= most_i`` are the leader's, and
the rows ``g_i <= q_i`` stand in the market. ``hourly=True`` lets it offer anew for every hour; the hours are then
problems of their own. ``X`` has a row for every loop of a spanning tree instead of angles: the same flows, and numbers
near one.

``lam g`` is eliminated exactly: complementarity of the own plants' rows turns it into multiples of other columns.

What is simplified: plants have no least output and no start (else the market is not convex); no losses. Ties of
equal offers are broken in the leader's favour. Loads that cannot be served make an hour infeasible; there is no
shedding, and the price cap is that of the own offers.

Oracle: a grid of offers and an LP each; case5 with the plant at bus 4: 93.30 at an offer of 30 (a tie).

Source: Ruiz & Conejo, "Pool strategy of a producer with endogenous formation of locational marginal prices", IEEE
Transactions on Power Systems 24(4), 2009; Gabriel & Leuthold, "Solving discretely-constrained MPEC problems with
applications in electric power markets", Energy Economics 32(1), 2010. Data: published grids and the RTS's winter load,
``models/common/grids``, each file with its source; facts. Units: 100 MW, $/MWh, 100 $/h.
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
    own : tuple of int
        Plants of the leader, by their place in the table; the first is 1.
    offers : str
        ``"prices"``, or ``"quantities"`` offered at cost.
    hours : int
        1: the peak; up to 24: as many hours of a winter weekday, evenly spread; 48 to 168: whole days.
    hourly : bool
        Offers may differ from hour to hour.
    cap : float
        Largest price offered in $/MWh.
    load : float
        Load as a share of the table's.
    lines : float
        Limits of the lines as a share of the table's.
    free : float
        Limit in MW of lines that have none in the table; 0 leaves them without.
    """

    case: str = "case5"
    own: tuple[int, ...] = (4,)
    offers: Literal["prices", "quantities"] = "prices"
    hours: int = 1
    hourly: bool = False
    cap: float = 100.0
    load: float = 1.0
    lines: float = 1.0
    free: float = 0.0

    def __post_init__(self) -> None:
        for word, least in {"cap": 0, "load": 0, "lines": 0.01, "free": 0}.items():
            grids.checked("dc_market", getattr(self, word), least, word)
        if not self.own or len(set(self.own)) < len(self.own):
            raise kg.ProblemError(f"dc_market: own is {self.own}; give plants, none twice")
        if self.offers not in ("prices", "quantities"):
            raise kg.ProblemError(f"dc_market: offers is {self.offers!r}; give 'prices' or 'quantities'")


class Game(kg.Bilevel):
    """The producer and the hours of its market, a bilevel problem that knows its parts.

    Attributes
    ----------
    parameters : Parameters
    grid : Grid
    own : ndarray
        Places of the leader's plants.
    offer : Affine (n,) or (T, n)
    price, g, f : tuple of Affine
        Prices (B,), outputs (G,) and flows (L,) of every hour.
    """

    def __init__(self, parameters: Parameters) -> None:
        super().__init__("dc_market")
        p = self.parameters = parameters
        k = self.grid = grids.grid(p.case, p.lines, p.free)
        self.own = own = k.numbers(p.own)
        self.levels = grids.levels(p.hours)
        plants = {"plant": [k.plant[i] for i in own]}
        coords = {"hour": list(range(1, p.hours + 1)), **plants} if p.hourly else plants
        prices = p.offers == "prices"
        most = p.cap if prices else np.broadcast_to(k.most[own], [len(names) for names in coords.values()])
        self.offer = self.var("offer", lb=0, ub=most, coords=coords, unit="$/MWh" if prices else "100 MW")
        self.price: tuple[kg.Affine, ...] = ()
        self.g: tuple[kg.Affine, ...] = ()
        self.f: tuple[kg.Affine, ...] = ()
        self.maximize(kg.sum([self._hour(t) for t in range(p.hours)]), unit="100 $/h")

    def _hour(self, t: int) -> kg.Quad:
        """Declare the market of hour t; return what the leader earns there."""
        p, k, own = self.parameters, self.grid, self.own
        rest = np.setdiff1d(np.arange(len(k.c)), own)
        market = self.follower(f"h{t + 1}")
        g = market.var("g", lb=0, ub=k.most, coords={"plant": k.plant}, unit="100 MW")
        f = market.var("f", lb=-k.limit, ub=k.limit, coords={"line": k.line}, unit="100 MW")
        load = np.round(p.load * self.levels[t] * k.load, 9)
        balance = market.add(k.plants @ g - k.incidence @ f == load, name="balance", coords={"bus": k.bus})
        if len(k.loops):
            market.add(k.loops @ f == 0, name="loops")
        offer = self.offer[t] if p.hourly else self.offer
        cost = kg.sum([k.c[own] @ g[own], (k.a[own] * g[own]) @ g[own]])
        rivals = kg.sum([k.c[rest] @ g[rest], (k.a[rest] * g[rest]) @ g[rest]])
        if p.offers == "prices":
            market.minimize(rivals + offer @ g[own])
        else:
            market.add(g[own] <= offer, name="offered")
            market.minimize(rivals + cost)
        self.price, self.g, self.f = (*self.price, balance.dual), (*self.g, g), (*self.f, f)
        return balance.dual[k.plants[:, own].argmax(axis=0)] @ g[own] - cost


def build(**parameters: Any) -> Game:
    """Return the game for the given :class:`Parameters`.

    Raises
    ------
    ProblemError
        Parameters out of range.
    """
    return Game(Parameters(**parameters))


def report(result: Any) -> kg.Findings:
    """Return offers, outputs and prices of the own plants.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game, sol = result.bilevel, result.solution
    if not hasattr(game, "offer"):
        raise kg.ProblemError(f"report: {game!r} was not made by dc_market.build(...)")
    p, k, own = game.parameters, game.grid, game.own
    bus = k.plants[:, own].argmax(axis=0)
    offer = np.broadcast_to(sol[game.offer], (p.hours, len(own)))
    g, price = np.array([sol[x][own] for x in game.g]), np.array([sol[x][bus] for x in game.price])
    mean = (offer.mean(axis=0), 100 * g.sum(axis=0), price.mean(axis=0), (price * g).sum(axis=0))
    rows = tuple(
        (k.plant[i], k.bus[b], f"{x:.3f}", f"{y:.1f}", f"{z:.3f}", f"{100 * v:.0f}")
        for i, b, x, y, z, v in zip(own, bus, *mean, strict=True)
    )
    head = ("plant", "bus", "mean offer", "MWh", "mean price $/MWh", "revenue $")
    words = "offers in $/MWh" if p.offers == "prices" else "offers in 100 MW"
    return kg.Findings((kg.Table(f"The own plants ({words})", head, rows),), f"grid data as published: {k.name}")


PLOTS: dict[str, str] = {"prices": "Prices at the leader's buses", "output": "Output of the own plants"}
"""Names and titles of :func:`plots`."""


def plots(result: Any) -> dict[str, Any]:
    """Return prices and outputs by hour, as ``kktgen.plots`` describes them.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game, sol = result.bilevel, result.solution
    if not hasattr(game, "offer"):
        raise kg.ProblemError(f"plots: {game!r} was not made by dc_market.build(...)")
    k, own, words = game.grid, game.own, f"{game.grid.name}, profit {sol.objective:.5g} (100 $)"
    bus = sorted(set(k.plants[:, own].argmax(axis=0).tolist()))
    price, g = np.array([sol[x] for x in game.price]), 100 * np.array([sol[x] for x in game.g])
    prices = [{"label": f"bus {k.bus[b]}", "kind": "step", "values": price[:, b]} for b in bus]
    outputs = [{"label": f"plant {k.plant[i]}", "kind": "stack", "values": g[:, i]} for i in own]
    hour = np.arange(1, game.parameters.hours + 1)
    panels = {"prices": ("price", "$/MWh", prices), "output": ("power", "MW", outputs)}
    return {
        name: {"title": PLOTS[name], "x": hour, "xlabel": "hour", "subtitle": words, "note": "",
               "panels": [{"quantity": quantity, "unit": unit, "series": series}]}
        for name, (quantity, unit, series) in panels.items()
    }  # fmt: skip
