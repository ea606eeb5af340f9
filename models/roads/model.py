"""Tolls on a road network, or roads closed in it, when drivers take the ways that are fastest for themselves.

The time on road a rises with its flow, ``t_a + s_a v_a``. All drivers are one follower: their equilibrium (Wardrop
1952, no driver gains by another way) is the optimum of Beckmann's convex problem, x_o the flows that start at o::

    drivers    min  sum_a t_a v_a + 1/2 s_a v_a^2 + toll_a v_a
               s.t. N x_o = d_o  for every origin o,   v = sum_o x_o,   x_o >= 0,   v_a = 0 where a is closed

    goal = "revenue"    max  sum_a toll_a v_a                   0 <= toll <= cap on the roads of ``tolled``
    goal = "time"       min  sum_a (t_a + s_a v_a) v_a          total time, by the same tolls
    goal = "close"      min  sum_a (t_a + s_a v_a) v_a          closed_a binary, for the roads of ``tolled``

The revenue is what drivers pay, so the products ``toll v`` are eliminated exactly. With every road tolled, tolls
``s_a v_a`` make the drivers' equilibrium the least total time (Pigou 1920). Braess: six drivers and four roads need 83
minutes each; with a fifth road they need 92, so closing it is best (498 against 552 in all).

Data: ``common/roads``. Braess 1968; Sioux Falls (LeBlanc, Morlok, Pierskalla 1975), the ``trips`` largest of its 528
trips, in thousands a day. Instances toll the busiest roads of the equilibrium without tolls.

Source: D. Braess, Unternehmensforschung 12 (1968) 258-268; M. Labbé, P. Marcotte, G. Savard, Management Science 44
(1998) 1608-1622 (tolls); L. J. LeBlanc, Transportation Science 9 (1975) 183-199 (design). Terms: facts of published
tables, see the files. Simplified: latency ``t (1 + 0.15 (v / c)^4)`` of Sioux Falls is taken with power 1 (times
``slope``), so that Beckmann's problem is a convex QP; drivers value time alike, a toll of 1 is a minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

import kktgen as kg

roads_of = kg.beside(__file__, "../common/roads/network")
summary = kg.beside(__file__, "../common/summary")
GOALS = ("revenue", "time", "close")


@dataclass(frozen=True)
class Parameters:
    """What may be varied.

    Parameters
    ----------
    network : str
        ``"braess"`` or ``"sioux_falls"``.
    trips : int or None
        The largest trips; none: all.
    goal : str
        ``"revenue"``, ``"time"`` or ``"close"``.
    tolled : list of str
        Roads by their ends, such as ``"10-16"``; those that may be tolled or closed. Empty: all.
    cap : float
        Largest toll (minutes).
    slope : float
        Factor on how fast times rise with flows.
    """

    network: Literal["braess", "sioux_falls"] = "braess"
    trips: int | None = None
    goal: Literal["revenue", "time", "close"] = "revenue"
    tolled: tuple[str, ...] = ()
    cap: float = 20.0
    slope: float = 1.0

    def __post_init__(self) -> None:
        if self.goal not in GOALS:
            raise kg.ProblemError(f"roads: goal is {self.goal!r}; give one of {', '.join(GOALS)}")
        if self.trips is not None and self.trips < 1:
            raise kg.ProblemError(f"roads: trips is {self.trips}; give at least one, or none for all")
        if self.cap <= 0 or self.slope < 0:
            raise kg.ProblemError("roads: give a positive cap and a slope >= 0")


class Tolls(kg.Bilevel):
    """Drivers on a road network, and who tolls or closes its roads.

    Attributes
    ----------
    parameters : Parameters
    network : Network
    slope : ndarray (arcs,)
    chosen : ndarray
        Roads that may be tolled or closed.
    lever : Affine
        Tolls, or closures, of the chosen roads.
    flow : Affine (arcs,)
    time : Quad
        Total time of all drivers.
    """

    def __init__(self, p: Parameters) -> None:
        super().__init__("roads")
        self.parameters, self.network = p, roads_of.network(p.network)
        net, names = self.network, self.network.labels
        unknown = [name for name in p.tolled if name not in names]
        if unknown:
            raise kg.ProblemError(
                f"roads: no road {unknown[0]!r} in {p.network}; roads are like {', '.join(names[:3])}"
            )
        self.chosen = np.array([names.index(name) for name in p.tolled or names])
        self.slope = np.round(p.slope * net.slope, 6)
        road = {"road": [names[a] for a in self.chosen]}
        if p.goal == "close":
            self.lever = self.var("closed", coords=road, kind="B")
        else:
            self.lever = self.var("toll", coords=road, lb=0, ub=p.cap, unit="min")
        drivers = self.follower("drivers")
        self.flow = v = self._flows(drivers)
        spread = (self.slope * v) @ v
        self.time = net.minutes @ v + spread
        cost = net.minutes @ v + 0.5 * spread
        if p.goal == "close":
            drivers.add(v[self.chosen] == 0, when=self.lever, name="closed")
            drivers.minimize(cost)
        else:
            drivers.minimize(cost + self.lever @ v[self.chosen])
        if p.goal == "revenue":
            self.maximize(self.lever @ v[self.chosen])
        else:
            self.minimize(self.time)

    def _flows(self, drivers: kg.Follower) -> kg.Affine:
        """Declare the flows by origin and their sum; return the sum (arcs,)."""
        net, labels = self.network, {"road": self.network.labels}
        trips, N = net.trips[: self.parameters.trips], net.incidence()
        origins = sorted({start for start, _, _ in trips})
        most = round(sum(q for _, _, q in trips), 6)
        parts = []
        for origin in origins:
            sent = np.zeros(net.nodes)
            for start, end, amount in trips:
                if start == origin:
                    sent[start] += amount
                    sent[end] -= amount
            others, sent = np.arange(net.nodes) != origin, np.round(sent, 6)
            x = drivers.var(f"from{origin + 1}", coords=labels, lb=0, ub=float(sent[origin]))
            drivers.add(N[others] @ x == sent[others], name=f"way{origin + 1}")
            parts.append(x)
        if len(parts) == 1:
            return parts[0]
        v = drivers.var("flow", coords=labels, lb=0, ub=most)
        drivers.add(v == kg.stack(parts).sum(axis=0), name="total")
        return v


def build(**parameters: Any) -> Tolls:
    """Return the problem of the given :class:`Parameters`.

    Raises
    ------
    ProblemError
        Parameters out of range, or no such road.
    """
    given = {**parameters, "tolled": tuple(parameters["tolled"])} if "tolled" in parameters else parameters
    return Tolls(Parameters(**given))


def report(result: Any) -> kg.Findings:
    """Return the tolls or closures, flows, and the total time.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game = summary.of_model(result, "lever", "roads")
    p, net = game.parameters, game.network
    table = summary.answer(result, {"revenue": "Revenue"}.get(p.goal, "Total time"))
    flow, lever = result.solution[game.flow], np.round(result.solution[game.lever], 6)
    total = float(flow @ (net.minutes + game.slope * flow))
    rows = tuple(
        (net.labels[a], f"{abs(value):.4g}", f"{abs(flow[a]):.4g}", f"{net.minutes[a] + game.slope[a] * flow[a]:.4g}")
        for a, value in zip(game.chosen, lever, strict=True)
    )
    header = ("road", "closed" if p.goal == "close" else "toll", "flow", "minutes")
    roads = kg.Table("Roads", header, rows, f"total time {total:.6g}")
    return kg.Findings((table, roads), "data as published, latency affine")
