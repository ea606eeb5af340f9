"""Which travel times make the ways that people were seen to take the fastest? Inverse shortest paths.

The leader corrects the assumed times t of a road network to c, as little as possible, so that traveller k, one follower
each, would go where it was seen to go (the roads of seen_k, zeros and ones)::

    min_c    sum_a (c_a - t_a)^2 + weight sum_k |y_k - seen_k|_1       (1 - spread) t <= c <= (1 + spread) t
             y_k solves  min c'y_k    s.t.  N y_k = e(o_k) - e(d_k),   0 <= y_k <= 1

As 0 <= y <= 1, the distance ``|y - seen|_1 = sum seen + sum y - 2 seen'y`` is linear, and the leader's problem convex
but for the followers. Seen ways may be fastest for no c in the box, or contradict each other: then some follower goes
elsewhere, at ``weight`` a road. Where all of them can be fastest, the optimum is a convex QP, ``seen_k`` costing no
more than any other way (its dual: potentials with ``pi_i - pi_j <= c_a``, equal on seen roads), which is the oracle.

Data: Sioux Falls. True times are ``t (1 + noise u)``, u in [-1, 1] drawn by ``seed`` and rounded to two decimals; pairs
are drawn among those at least ``far`` roads apart; the seen ways are the fastest in true times. The largest demands of
Sioux Falls are between neighbours, which would be trivial. Or a drawn grid, from its first column to its last.

Source: D. Burton, Ph. L. Toint, On an instance of the inverse shortest paths problem, Mathematical Programming 53
(1992) 45-61. Network: LeBlanc, Morlok, Pierskalla 1975 (source and terms in ``common/roads/sioux_falls.json``).
Changed: the paper requires the seen ways to be fastest, a convex QP; here a way may be missed at a price, which makes
it bilevel.
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
        ``"sioux_falls"``, or ``"grid"`` with lengths drawn by ``seed``.
    ways : int
        Number of seen ways, one follower each.
    noise : float
        Largest relative difference of true and assumed times, below 1.
    spread : float
        Largest relative correction, below 1.
    weight : float
        What a road too many or too few costs.
    far : int
        Least number of roads between the ends of a way.
    size : tuple of int
        Rows and columns of the grid.
    seed : int
        Another seed draws other times and pairs.
    """

    network: Literal["sioux_falls", "grid"] = "sioux_falls"
    ways: int = 4
    noise: float = 0.5
    spread: float = 0.5
    weight: float = 10.0
    far: int = 3
    size: tuple[int, int] = (3, 4)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.ways < 1:
            raise kg.ProblemError(f"inverse: ways is {self.ways}; give at least one")
        if not (0 <= self.noise < 1 and 0 < self.spread < 1 and self.weight > 0):
            raise kg.ProblemError("inverse: give noise in [0, 1), spread in (0, 1) and a positive weight")
        if not 1 <= self.far <= 5:
            raise kg.ProblemError(f"inverse: far is {self.far}; give 1 to 5")


class Inverse(kg.Bilevel):
    """Corrected times and travellers.

    Attributes
    ----------
    parameters : Parameters
    network : Network
    ends : list of (int, int)
        Origin and destination of every seen way.
    seen : ndarray (ways, arcs)
        1 on the roads of a seen way.
    cost : Affine (arcs,)
        Corrected times.
    flow : tuple of Affine (arcs,)
    """

    def __init__(self, p: Parameters) -> None:
        super().__init__("inverse")
        self.parameters, self.network = p, roads_of.network(p.network, tuple(p.size), p.seed)
        net, t = self.network, self.network.minutes
        rng = np.random.default_rng(p.seed)
        true = t * (1.0 + p.noise * np.round(2.0 * rng.random(len(t)) - 1.0, 2))
        far = self._far()
        if p.ways > len(far):
            raise kg.ProblemError(f"inverse: ways is {p.ways}; there are {len(far)} pairs")
        self.ends = [far[k] for k in rng.permutation(len(far))[: p.ways]]
        self.seen = np.zeros((p.ways, len(t)))
        for k, (start, end) in enumerate(self.ends):
            self.seen[k, net.path(true, start, end)[1]] = 1.0
        low, high = np.round((1 - p.spread) * t, 6), np.round((1 + p.spread) * t, 6)
        self.cost = self.var("time", coords={"road": net.labels}, lb=low, ub=high, unit="min")
        self.flow = tuple(self._traveller(k) for k in range(p.ways))
        missed = [seen.sum() + y.sum() - 2.0 * (seen @ y) for seen, y in zip(self.seen, self.flow, strict=True)]
        change = self.cost - t
        self.minimize(change @ change + p.weight * kg.sum(missed))

    def _far(self) -> list[tuple[int, int]]:
        """Return the pairs of nodes that a way may join: far apart, on a grid from the first to the last column."""
        p, net = self.parameters, self.network
        if p.network == "grid":
            rows, columns = p.size
            node = 1 + np.arange(rows * columns).reshape(rows, columns)
            return [(int(a), int(b)) for a in node[:, 0] for b in node[:, -1]]
        hops = np.ones(len(net.minutes))
        return [(a, b) for a, b, _ in sorted(net.trips) if net.path(hops, a, b)[0] >= p.far]

    def _traveller(self, k: int) -> kg.Affine:
        """Declare a traveller; return its way."""
        net, (start, end) = self.network, self.ends[k]
        user = self.follower(f"way{k + 1}")
        y, others = user.var("flow", coords={"road": net.labels}, lb=0, ub=1), np.arange(net.nodes) != end
        user.add(net.incidence()[others] @ y == (np.arange(net.nodes) == start)[others].astype(float), name="way")
        user.minimize(self.cost @ y)
        return y


def build(**parameters: Any) -> Inverse:
    """Return the problem of the given :class:`Parameters`.

    Raises
    ------
    ProblemError
        Parameters out of range.
    """
    return Inverse(Parameters(**parameters))


def report(result: Any) -> kg.Findings:
    """Return the corrected times and which ways are met.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game = summary.of_model(result, "seen", "inverse")
    net, c = game.network, result.solution[game.cost]
    met = [np.abs(result.solution[y] - seen).max() < 1e-4 for y, seen in zip(game.flow, game.seen, strict=True)]
    table = summary.answer(result, "Change of times and ways missed", f"{sum(met)} of {len(met)} ways are met")
    rows = tuple(
        (net.labels[a], f"{net.minutes[a]:g}", f"{c[a]:.4g}") for a in np.flatnonzero(np.abs(c - net.minutes) > 1e-4)
    )
    return kg.Findings((table, kg.Table("Corrected times (min)", ("road", "assumed", "corrected"), rows)), "drawn ways")
