"""Companies that own wind and storage ally, and bid together into markets of energy and frequency regulation.

Hours t, scenarios w of probability rho_w, companies (IDRCs, incremental distribution and retail companies) i. First it
is seen who may ally with whom: a gravity model (:func:`networks`). Then an alliance K bids: it is the leader, the
clearing of every hour a follower.

The alliance chooses prices o and quantities of its offers, and the operation of its members in every scenario::

    max   sum_t Rev_t - sum_wti rho_w (pi+ sh + pi- su) + tariff sum load - cost of cooperation
          Rev_t = sum_i lamE_bus(i) (s_i - b_i) + lamC c_i + lamM m_i          at the clearing prices
    s.t.  s - b + load / eta = wd + ds - ch + x + sh - su,  sum_i x = 0        balance; exchange within the alliance
          E_t = E_(t-1) + 0.92 ch - ds / 0.92,  E in [10, 90] %, 10 % before the first and after the last hour
          cB <= Pb - ds + ch,  cB / 4 <= E_(t-1) - 10 %,  cW <= wind - wd      headroom of storage and wind
          most_c <= cB + cW in every scenario;  oS >= oB;  prices and quantities within their limits

The clearing of an hour chooses energy p, capacity c and mileage m of Gencos, retailers (they buy r), members (they sell
s, buy b), and outsiders (capacity and mileage at fixed prices)::

    min   cost of Gencos - value of retailers + their regulation + sum_i oS s - oB b + oC c + oM m + outsiders'
    s.t.  into every bus - out over the lines = load       lamE         sum c >= RC   lamC       sum m >= 10 RC   lamM
          p + c <= P,  p - c >= 0,  c <= 10 % P,  m <= S c              Gencos; r for p: retailers
          s + c <= most_s,  b <= most_b,  c <= most_c,  m <= S c        members: the offered quantities
          |flow| <= limit                                               flows on a tree, angles on a mesh

Revenue is a product of prices and quantities; strong duality over the rivals' rows removes it exactly.

``offers``: with ``"both"``, as written, multipliers of the members' rows have no bound where nothing is offered. With
``"prices"`` the rows hold what a member can deliver or use at most, and the alliance picks its dispatch among ties:
it offers at the clearing price, or beyond it what it withholds. With ``"quantities"`` the dispatch is the alliance's
own, without prices. Whatever "prices" can do "both" can (offer those limits), whatever "both" can "quantities" can
(the rivals' conditions are the same), so profits stand in this order. They are equal where the last one's clearing
prices lie within the caps of the offers, which :func:`supporting` checks.

A member sells what it can deliver and buys what its connection carries; with ``resale`` more, which pays beside a
limited line, as the exchange within the alliance does not use the network.

Source of the structure: Li, Wang, Jin, Li, "Two-Stage Dynamic Alliance Bidding for Incremental Distribution and Retail
Companies Based on Complex Network Theory", Front. Energy Res. 10:924106, 2022. Its equations and data were not at hand:
formulas and data are reconstructed, see ``provenance`` in the data files. Units: MW, MWh, $, $/MWh.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

import kktgen as kg

_case, _market, _coalitions, _network = (
    kg.beside(__file__, word) for word in ("case", "market", "coalitions", "network")
)


@dataclass(frozen=True)
class Parameters:
    """What may be varied.

    Parameters
    ----------
    case : str
        ``"illustrative"``: 3 IDRCs, 6 hours, 3 buses in a ring; ``"net33"``, ``"net69"``: 24 hours, a feeder.
    idrcs : int or None
        How many IDRCs of the data there are; 3 by default, net69 has 4.
    members : tuple of str
        The alliance, such as I1,I3; all by default. The others stand outside with their expected net load.
    lines : str
        ``"one"``: the limits of the data; ``"none"``; ``"all"``: every line limited.
    first, last : int or None
        First and last hour; all of the data by default.
    offers : str
        ``"both"``: prices and quantities; ``"prices"``, ``"quantities"``: equal in value where clearing prices lie
        within the caps, and easier.
    resale : bool
        Whether a member may sell and buy more than it can deliver and use.
    scenarios : int or None
        Draw wind around the data's mean and keep so many scenarios; the data's own by default.
    samples : int
        Drawn before the reduction.
    seed : int
        Of the draw.
    cost : float
        Of cooperation, a member and hour ($), where all are always together; part of the objective.
    cost_chosen : float
        The same where only coalitions form that give all members what they expect.
    expectation : float
        Every IDRC expects this times what it earns alone.
    coalitions : bool
        Solve every coalition of the members for the report: Shapley value, strategies.
    record : str or None
        JSON file that keeps the values of coalitions, so that a run that was stopped goes on.
    workers : int
        Coalitions solved at a time.
    patience : float or None
        Seconds for every coalition.
    """

    case: Literal["illustrative", "net33", "net69"] = "illustrative"
    idrcs: int | None = None
    members: tuple[str, ...] = ()
    lines: Literal["none", "one", "all"] = "one"
    first: int = 1
    last: int | None = None
    offers: Literal["both", "prices", "quantities"] = "both"
    resale: bool = False
    scenarios: int | None = None
    samples: int = 1000
    seed: int = 0
    cost: float = 0.0
    cost_chosen: float = 0.0
    expectation: float = 1.05
    coalitions: bool = False
    record: str | None = None
    workers: int = 1
    patience: float | None = None

    def __post_init__(self) -> None:
        wanted = {
            "case": (self.case in _case.CASES, f"one of {', '.join(_case.CASES)}"),
            "lines": (self.lines in ("none", "one", "all"), "'none', 'one' or 'all'"),
            "offers": (self.offers in ("both", "prices", "quantities"), "'both', 'prices' or 'quantities'"),
            "samples": (self.samples >= 1, "at least one"),
            "scenarios": (self.scenarios is None or 1 <= self.scenarios <= self.samples, "1 to samples, or none"),
            "seed": (self.seed >= 0, "0 or more"),
            "cost": (self.cost >= 0, "0 or more"),
            "cost_chosen": (self.cost_chosen >= 0, "0 or more"),
            "expectation": (self.expectation >= 0, "0 or more"),
            "workers": (self.workers >= 1, "at least one"),
            "patience": (self.patience is None or self.patience > 0, "more than 0, or none"),
        }
        for word, (fits, cure) in wanted.items():
            if not fits:
                raise kg.ProblemError(f"idrc_alliance: {word} is {getattr(self, word)!r}; give {cure}")


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of an alliance's problem: data, offers, clearings, the members' operation, form of the offers."""

    case: Any
    form: str
    offers: Any
    hours: tuple[Any, ...]
    alliance: Any

    @property
    def revenue(self) -> kg.Quad:
        """Sum of prices times quantities."""
        return kg.sum([hour.revenue for hour in self.hours])

    @property
    def deviation(self) -> kg.Affine:
        """Expected payment for shortage and surplus in every hour (T,)."""
        data, own = self.case, self.alliance
        paid = data.penalty["short"] * own.short + data.penalty["surplus"] * own.surplus
        return (data.probability[:, None] * paid.sum(axis=0)).sum(axis=0)

    @property
    def retail(self) -> np.ndarray:
        """What consumers pay in every hour (T,)."""
        return self.case.tariff * self.case.idrcs.load[self.case.members].sum(axis=0)

    def hourly(self, solution: kg.Solution) -> np.ndarray:
        """Return the profit of every hour (T,) before the cost of cooperation."""
        revenue = np.array([solution[hour.revenue] for hour in self.hours])
        return revenue - solution[self.deviation] + self.retail


def declare(problem: kg.Bilevel, data: Any, form: str = "both", cost: float = 0.0) -> Parts:
    """Declare the alliance's problem in an empty one; ``cost`` of cooperation, a member and hour."""
    offers = _market.declare_offers(problem, data, form)
    hours = tuple(_market.declare_hour(problem, data, offers, t, form) for t in range(len(data.hour)))
    parts = Parts(data, form, offers, hours, _market.declare_alliance(problem, data, offers, hours))
    together = cost * len(data.members) * len(data.hour) if len(data.members) > 1 else 0.0
    problem.maximize(kg.sum([parts.revenue, -parts.deviation.sum(), float(parts.retail.sum() - together)]))
    return parts


class Game(kg.Bilevel):
    """The game between the alliance and the market: a bilevel problem that knows its parts.

    Attributes
    ----------
    parameters : Parameters
    parts : Parts
    """

    def __init__(self, parameters: Parameters) -> None:
        super().__init__("idrc_alliance")
        self.parameters = parameters
        self.parts = declare(self, _case.case(parameters), parameters.offers, parameters.cost)


def build(**parameters: Any) -> Game:
    """Return the game for the given :class:`Parameters`.

    Raises
    ------
    ProblemError
        Parameters out of range, members or hours that are not there.
    """
    return Game(Parameters(**parameters))


def networks(name: str = "thirty") -> dict[str, Any]:
    """Return graph and measures of the three strategies: of the 30 IDRCs, or those of a case by edges of its network.

    Raises
    ------
    UnsupportedError
        Without networkx: with the line that installs it.
    """
    if name == "thirty":
        raw = _case.data(name)
        size = np.array(raw["wind"]) + np.array(raw["storage"])
        return _network.compared(size, _network.plane_distance(np.array(raw["xy"])))
    raw = _case.data(name)
    kind: Any = name
    data = _case.case(Parameters(case=kind, idrcs=len(raw["idrcs"]["name"])))
    away = _network.feeder_distance(data.idrcs.bus, data.first, data.last)
    return _network.compared(data.idrcs.installed, np.maximum(away, np.where(np.eye(len(away)), 0.0, 1.0)))


def values(
    parameters: Parameters,
    *,
    record: str | Path | None = None,
    executor: Executor | None = None,
    progress: Callable[[Mapping[str, Any]], Any] | None = None,
    **options: Any,
) -> dict[tuple[int, ...], Any]:
    """Return the value of every coalition of the members, nobody paying for cooperation; the others stand outside.

    Solved with ``offers="prices"``.

    Parameters
    ----------
    parameters : Parameters
    record : path, optional
        JSON file; values in it are not solved again, new ones are added one by one.
    executor : concurrent.futures.Executor, optional
        Of processes: solves coalitions in parallel.
    progress : callable, optional
        Called with ``done``, ``total`` and ``text`` after every coalition.
    **options
        Of :func:`kktgen.optimize`.

    Raises
    ------
    FormatError
        The record cannot be read or belongs to other parameters.
    NoSolutionError
        A coalition has no point within the limits.
    """
    data = _case.case(parameters)
    games: dict[tuple[int, ...], kg.Bilevel] = {}
    parts: dict[int, Parts] = {}
    for part in _coalitions.coalitions(data.members):
        games[part] = kg.Bilevel("coalition")
        parts[id(games[part])] = declare(games[part], replace(data, members=np.array(part)), "prices")
    asked = ("case", "idrcs", "members", "lines", "first", "last", "resale", "scenarios", "samples", "seed")
    key = {word: getattr(parameters, word) for word in asked} | {"data": _case.data(parameters.case)}
    names = {part: data.words(part) for part in games}
    return _coalitions.values(
        games, names, _coalitions.Record(record, key), lambda game, sol: parts[id(game)].hourly(sol),
        executor=executor, progress=progress, **options,
    )  # fmt: skip


def supporting(parts: Parts, solution: kg.Solution, tolerance: float = 1e-6) -> bool:
    """Return whether offers within the caps make the dispatch of a solution the market's own answer at its prices.

    Where a member trades energy, 0 <= lamE <= cap. Where it holds mileage back, lamM <= cap. Capacity that is used is
    offered at what is left of lamC after the price of the energy it takes the place of, which must not be negative.
    """
    caps, data = parts.case.caps, parts.case
    performance = data.idrcs.performance[data.members]
    for hour in parts.hours:
        energy = solution[hour.balance.dual][data.idrcs.bus[data.members]]
        capacity, mileage = solution[hour.capacity.dual], solution[hour.mileage.dual]
        s, b, c, m = (solution[x] for x in (hour.s, hour.b, hour.ic, hour.im))
        fine = (energy >= -tolerance) | (s <= tolerance)
        fine &= (energy <= caps["energy"] + tolerance) | (b <= tolerance)
        fine &= (mileage <= caps["mileage"] + tolerance) | (m >= performance * c - tolerance)
        worth = capacity + np.maximum(mileage, 0.0) * performance - np.maximum(energy - caps["energy"], 0.0)
        fine &= (worth >= -tolerance) | (c <= tolerance)
        if not fine.all():
            return False
    return True


def posted(game: Game, solution: kg.Solution, offers: Any = "both") -> tuple[Game, kg.Solution]:
    """Return the game with another form of offers, and the same dispatch at the same prices as a point of it.

    ``kg.verify(*posted(..))`` then says whether the offers hold: what a solution with ``offers="quantities"`` is worth
    can be had by offers.
    """
    other = Game(replace(game.parameters, offers=offers))
    z = kg.beside(__file__, "posted").posted(game.parts, solution, other)
    model = kg.kkt(other)
    return other, kg.Solution("heuristic", model.value(z), None, z, 0.0, "posted offers", model)


def residual(game: Any, solution: kg.Solution) -> float:
    """Return by how much revenue by strong duality differs from the sum of prices times quantities."""
    linear = kg.eliminate(kg.kkt(game))
    assert solution.z is not None
    return abs(linear.value(solution.z[: linear.n]) - solution[game.objective] * game.sense)


def report(result: Any) -> Any:
    """Return the tables of a result: profit, clearing, sources, networks, coalitions, data.

    Parameters
    ----------
    result : Result
        What ``kg.optimize(build(...))`` returned.

    Returns
    -------
    Findings
        Prints as text.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    _own(result, "report")
    return kg.beside(__file__, "report").findings(result, sys.modules[__name__])


PLOTS: dict[str, str] = {
    "network": "Alliance networks of the 30 IDRCs",
    "degree": "Degrees in the alliance networks",
    "clearing": "Cleared energy and regulation by source",
    "prices": "Clearing prices with and without limits of lines",
}
"""Names and titles of :func:`plots`."""


def plots(result: Any) -> dict[str, Any]:
    """Return the plots of a result, as ``kktgen.plots`` describes them.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    UnsupportedError
        Without networkx.
    """
    _own(result, "plots")
    return kg.beside(__file__, "plots").plots(result, sys.modules[__name__])


def _own(result: Any, asked: str) -> None:
    if not isinstance(getattr(result.bilevel, "parts", None), Parts) and not hasattr(result.bilevel, "parts"):
        raise kg.ProblemError(f"{asked}: {result.bilevel!r} was not made by idrc_alliance.build(...)")


def unlimited(game: Game) -> Game:
    """Return the same game without limits of lines."""
    return Game(replace(game.parameters, lines="none"))
