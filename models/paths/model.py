"""Some roads are delayed so that travellers take as long as possible: shortest-path interdiction.

The leader delays road a by ``delay`` minutes where x_a = 1, at most ``roads`` of them. Traveller k, one follower each,
of whom there are q_k, takes the fastest way from o_k to d_k::

    max_x    sum_k q_k (t + delay x)'y_k       s.t.  sum x <= roads,   x in {0, 1}^A
             y_k solves  min (t + delay x)'y_k    s.t.  N y_k = e(o_k) - e(d_k),   0 <= y_k <= 1

N is the node-arc matrix, without the row of d_k. With ``closed`` roads are shut instead of delayed, ``y_a <= 1 - x_a``,
and who finds no way pays ``delay`` to stay at home. The interests are opposite: by duality the travellers' times are
``max pi_o - pi_d  s.t.  pi_i - pi_j <= t_a + delay x_a``, so for binary x the problem is a mixed-integer linear one.
Strategies of attack branch on the roads of the current fastest way, which is the oracle: some road of it must be hit.

Data: Sioux Falls (24 nodes, 76 roads, the largest trips; q in thousands a day), or a grid as in the source, lengths 1
to 10 drawn by ``seed``, one traveller from the source on the left to the sink on the right.

Source: E. Israeli, R. K. Wood, Shortest-path network interdiction, Networks 40 (2002) 97-111. Sioux Falls: LeBlanc,
Morlok, Pierskalla 1975 (source and terms in ``common/roads/sioux_falls.json``). Simplified: all delays are alike and
every road costs the leader the same; no congestion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

import kktgen as kg

roads_of = kg.beside(__file__, "../common/roads/network")
summary = kg.beside(__file__, "../common/summary")


@dataclass(frozen=True)
class Parameters:
    """What may be varied.

    Parameters
    ----------
    network : str
        ``"sioux_falls"`` or ``"grid"``.
    trips : int
        The largest trips of the network, one follower each; one on a grid.
    roads : int
        How many roads the leader may delay or close.
    delay : float
        Minutes added to a road; with ``closed``, the cost of staying at home.
    closed : bool
        Whether roads are closed instead.
    size : tuple of int
        Rows and columns of the grid.
    seed : int
        Of the grid's lengths.
    """

    network: Literal["sioux_falls", "grid"] = "sioux_falls"
    trips: int = 1
    roads: int = 3
    delay: float = 10.0
    closed: bool = False
    size: tuple[int, int] = (4, 4)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.trips < 1 or self.roads < 0:
            raise kg.ProblemError("paths: give at least one trip, and roads >= 0")
        if self.delay <= 0:
            raise kg.ProblemError(f"paths: delay is {self.delay}; give a positive number")


class Interdiction(kg.Bilevel):
    """Delays on roads and travellers.

    Attributes
    ----------
    parameters : Parameters
    network : Network
    trips : tuple of (int, int, float)
    hit : Affine (arcs,)
    flow : tuple of Affine (arcs,)
        Way of every traveller.
    """

    def __init__(self, p: Parameters) -> None:
        super().__init__("paths")
        self.parameters = p
        self.network = net = roads_of.network(p.network, tuple(p.size), p.seed)
        self.trips = net.trips[: p.trips]
        road = {"road": net.labels}
        self.hit = self.var("hit", coords=road, kind="B")
        self.add(self.hit.sum() <= p.roads, name="roads")
        parts = [self._traveller(k, road) for k in range(len(self.trips))]
        self.flow = tuple(flow for flow, _ in parts)
        self.maximize(kg.sum([q * cost for (_, _, q), (_, cost) in zip(self.trips, parts, strict=True)]), unit="min")

    def _traveller(self, k: int, road: dict[str, list[str]]) -> tuple[kg.Affine, Any]:
        """Declare a traveller; return its way and what it costs."""
        p, net, (start, end, _) = self.parameters, self.network, self.trips[k]
        user = self.follower(f"trip{k + 1}")
        flow, others = user.var("flow", coords=road, lb=0, ub=1), np.arange(net.nodes) != end
        sent = (np.arange(net.nodes) == start)[others].astype(float)
        way = net.incidence()[others] @ flow
        if p.closed:
            home = user.var("home", lb=0)
            user.add(way + sent * home == sent, name="way")
            user.add(flow <= 1 - self.hit, name="closed")
            cost = net.minutes @ flow + p.delay * home
        else:
            user.add(way == sent, name="way")
            cost = net.minutes @ flow + p.delay * (self.hit @ flow)
        user.minimize(cost)
        return flow, cost


def build(**parameters: Any) -> Interdiction:
    """Return the problem of the given :class:`Parameters`.

    Raises
    ------
    ProblemError
        Parameters out of range.
    """
    return Interdiction(Parameters(**parameters))


def report(result: Any) -> kg.Findings:
    """Return the roads that are hit, and how long every trip takes before and after.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game = summary.of_model(result, "hit", "paths")
    p, net = game.parameters, game.network
    hit = np.round(result.solution[game.hit])
    names = ", ".join(name for name, on in zip(net.labels, hit, strict=True) if on) or "none"
    table = summary.answer(result, "Time of all trips", f"hit: {names}")
    after = np.where(hit > 0, p.delay if p.closed else net.minutes + p.delay, net.minutes)
    rows = []
    for start, end, amount in game.trips:
        times = [min(net.path(cost, start, end)[0], p.delay if p.closed else np.inf) for cost in (net.minutes, after)]
        rows.append((f"{start + 1}-{end + 1}", f"{amount:g}", *(f"{time:g}" for time in times)))
    data = "drawn data" if p.network == "grid" else "data as published"
    return kg.Findings((table, kg.Table("Trips (min)", ("trip", "amount", "before", "after"), tuple(rows))), data)
