"""An aggregator prices plants that are switched on and off: followers with start-ups, no-load costs and least powers.

The aggregator buys power at prices p_t of its own choice and sells it at known prices w_t. Every virtual power plant
(VPP) commits and dispatches its engines i so that its profit is largest::

    max_p    sum_t (w_t - p_t) sum_i g_it            0 <= p_t <= 60
    (g, v, u) solves, for every VPP,
      min    sum_it (a_i - p_t) g_it + b/2 g_it^2 + S_i v_it + N_i u_it
      s.t.   gmin_i u_it <= g_it <= gmax_i u_it
             u_it - u_i,t-1 <= v_it,  0 <= v_it <= 1,  u_i0 = 0,  u_it in {0, 1}

u says whether an engine is on, v whether it starts, g is its power. VPPs have integer variables, and so no KKT
conditions: their responses are enumerated. The leader moves no row of theirs, so that each choice of u is feasible at
every price or at none, the optimum is attained, and an enumeration ends. For one engine the response to given prices is
known for each of the 2^T choices of u (g lies at a bound, or at (p - a) / b): a grid of prices is the oracle.

Data: drawn by ``seed``, in EUR/MWh and MW: w from 20 to 60, a from 15 to 25, start-up S from 20 to 60, no-load cost N
from 5 to 20, gmin from 1 to 2, gmax from 4 to 6.

Source: the textbook unit commitment (A. J. Wood, B. F. Wollenberg, Power Generation, Operation, and Control, Wiley
1996) as the response to an aggregator's prices; ramps and least times on and off are left out. Own draws, no terms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import kktgen as kg

summary = kg.beside(__file__, "../common/summary")


@dataclass(frozen=True)
class Parameters:
    """What may be varied.

    Parameters
    ----------
    hours : int
        Number of hours T.
    engines : int
        Engines of every VPP.
    vpps : int
        Number of VPPs, each a follower.
    curve : float
        Slope b of the marginal cost, EUR/MWh per MW; 0 for linear costs.
    seed : int
        Another seed draws other prices and engines.
    """

    hours: int = 3
    engines: int = 1
    vpps: int = 1
    curve: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for word in ("hours", "engines", "vpps"):
            if getattr(self, word) < 1:
                raise kg.ProblemError(f"unit_commitment: {word} is {getattr(self, word)}; give 1 or more")
        if not self.curve >= 0:
            raise kg.ProblemError(f"unit_commitment: curve is {self.curve}; give 0 or more")


class Commitment(kg.Bilevel):
    """The aggregator and the VPPs it prices.

    Attributes
    ----------
    parameters : Parameters
    worth : ndarray (T,)
        What the aggregator sells at, EUR/MWh.
    cost, start, idle, least, most : ndarray (vpps, engines)
    price : Affine (T,)
    power, on : list of Affine (engines, T)
        Of every VPP.
    """

    def __init__(self, p: Parameters) -> None:
        super().__init__("unit_commitment")
        rng, shape = np.random.default_rng(p.seed), (p.vpps, p.engines)
        self.parameters = p
        self.worth = np.round(rng.uniform(20, 60, p.hours), 1)
        self.cost = np.round(rng.uniform(15, 25, shape), 1)
        self.start, self.idle = np.round(rng.uniform(20, 60, shape), 0), np.round(rng.uniform(5, 20, shape), 0)
        self.least, self.most = np.round(rng.uniform(1, 2, shape), 1), np.round(rng.uniform(4, 6, shape), 1)
        hours = {"hour": list(range(1, p.hours + 1))}
        self.price = self.var("price", lb=0, ub=60, coords=hours, unit="EUR/MWh")
        self.power, self.on = [], []
        for k in range(p.vpps):
            self._vpp(k, hours)
        sold = self.power[0].sum(axis=0)
        for power in self.power[1:]:
            sold = sold + power.sum(axis=0)
        self.maximize(self.worth @ sold - self.price @ sold, unit="EUR")

    def _vpp(self, k: int, hours: dict[str, list[int]]) -> None:
        """Declare a VPP."""
        p, vpp = self.parameters, self.follower(f"vpp{k + 1}")
        coords = {"engine": [f"e{i + 1}" for i in range(p.engines)], **hours}
        top = np.repeat(self.most[k][:, None], p.hours, axis=1)
        g = vpp.var("power", lb=0, ub=top, coords=coords, unit="MW")
        v = vpp.var("starts", lb=0, ub=1, coords=coords)
        u = vpp.var("on", kind="B", coords=coords)
        vpp.add(g >= self.least[k][:, None] * u, name="least")
        vpp.add(g <= self.most[k][:, None] * u, name="most")
        vpp.add(u[:, 0] <= v[:, 0], name="first_start")
        if p.hours > 1:
            vpp.add(u[:, 1:] - u[:, :-1] <= v[:, 1:], name="start")
        running = self.cost[k] @ g.sum(axis=1) + self.start[k] @ v.sum(axis=1) + self.idle[k] @ u.sum(axis=1)
        flat = g.reshape(-1)
        curve = [0.5 * p.curve * (flat @ flat)] if p.curve else []
        vpp.minimize(kg.sum([running, -self.price @ g.sum(axis=0), *curve]))
        self.power.append(g)
        self.on.append(u)


def build(**parameters: Any) -> Commitment:
    """Return the problem of the given :class:`Parameters`.

    Raises
    ------
    ProblemError
        Parameters out of range.
    """
    return Commitment(Parameters(**parameters))


def report(result: Any) -> kg.Findings:
    """Return profit, prices and powers by hour, and how many responses were enumerated.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game = summary.of_model(result, "worth", "unit_commitment")
    known = 0 if result.responses is None else len(result.responses)
    table = summary.answer(result, "Profit of the aggregator (EUR)", f"{result.rounds} rounds, {known} responses")
    sol = result.solution
    power, on = (sum(sol[part].sum(axis=0) for part in parts) for parts in (game.power, game.on))
    rows = zip(game.worth, sol[game.price], power, on, strict=True)
    body = tuple((str(t + 1), f"{w:.1f}", f"{p:.3f}", f"{g:.2f}", f"{n:.0f}") for t, (w, p, g, n) in enumerate(rows))
    hours = kg.Table("By hour", ("hour", "sold at EUR/MWh", "bought at EUR/MWh", "MW", "engines on"), body)
    return kg.Findings((table, hours), "drawn data")


PLOTS: dict[str, str] = {"prices": "Prices of the aggregator", "power": "Power of the engines"}
"""Names and titles of :func:`plots`."""


def plots(result: Any) -> dict[str, Any]:
    """Return prices and powers by hour, as ``kktgen.plots`` describes them.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game, sol = summary.of_model(result, "worth", "unit_commitment"), result.solution
    bought = np.asarray(sol[game.price])
    engines = [
        {"label": f"vpp{k + 1}, e{i + 1}", "kind": "stack", "values": np.asarray(sol[power])[i]}
        for k, power in enumerate(game.power)
        for i in range(game.parameters.engines)
    ]
    price = [
        {"label": "sold at", "kind": "step", "values": game.worth},
        {"label": "bought at", "kind": "step", "values": bought},
    ]
    words = f"{game.parameters.vpps} VPPs, profit {sol.objective:.5g} EUR"
    panels = {"prices": ("price", "EUR/MWh", price), "power": ("power", "MW", engines)}
    return {
        name: {"title": PLOTS[name], "x": np.arange(1, len(bought) + 1), "xlabel": "hour", "subtitle": words,
               "note": "", "panels": [{"quantity": word, "unit": unit, "series": series}]}
        for name, (word, unit, series) in panels.items()
    }  # fmt: skip
