"""An aggregator sets the contract price at which a distribution system operator may shed load.

Hours h of one day, a radial network with buses n (1 is the substation) and lines l = (n, m) away from it. The
aggregator is the leader: one price lam for every hour of the day. The DSO is the follower, once for every hour, as
nothing ties its hours together.

The aggregator earns the price of direct load control (DLC) and pays the consumers::

    max   sum_h ( lam - pay_h ) sum_i P_ih            lam in [min rho, 1.15 max rho]

The DSO chooses DLC P, purchase S at the market price rho, and line flows f::

    min   lam sum_i P_i + rho ( S + sum_l z_l f_l^2 )         loss z f^2 is bought at the substation
    s.t.  f_n - sum_{l from n} f_l + P_n = D_n - W_n          every bus but the first; price om_n
          S - sum_{l from 1} f_l = D_1
          0 <= P_i <= share D_i
          U_m - U_n + z_l f_l = 0,  U_1 = 1                   limits = true: voltages, and
          U, f, S within their limits                         limits of voltages, lines, substation

Networks: ``qploss`` as written, a convex QP; ``lossless`` without the losses, an LP; ``pwl`` with losses above
tangents of z f^2, an LP too; all three are linear in f about U = 1. The paper has P_nm = U_n (U_n - U_m) / z, whose
losses load the lines as well. Its KKT points need not be optimal for the DSO, so ``nlp`` is refused as a follower;
:func:`exact` puts a solution's schedule through those equations and says what the convex follower misses.

The products lam P are eliminated exactly by strong duality. What is left is a bound on the price: prices are cut into
``cells``, and as the DSO buys less at a higher price (its cost is concave in lam, with slope sum P), its purchases at
the edges of a cell bound those within it. These rows cut off no response of the DSO.

Source: Shayegan-Rad, Zangeneh, "Optimal contract pricing of load aggregators for direct load control in smart
distribution systems", Turkish J. Electr. Eng. Comput. Sci. 27 (2019). Demand and prices are calibrated to its tables,
see ``provenance`` in the data file. Misprints there: (13)-(16) set a multiplier equal to a slack where their product
is zero; (12) lacks ``= 0`` and a minus before its last term; evaluation 6 of Table 1 is at x_32; the derivatives
are by P, S, U, not by lam. Units: MW, MWh, EUR/MWh, voltages and z per unit.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np

import kktgen as kg

DATA = Path(__file__).parent / "case.json"
DAY = 24
NETWORKS = ("qploss", "lossless", "pwl", "nlp")
ROOM = 1e-6
"""By how much (MW) the rows of the price cells are wider than the purchases they come from, before rounding."""

product = kg.beside(__file__, "../common/exact_sums").product


@dataclass(frozen=True)
class Parameters:
    """What may be varied.

    Parameters
    ----------
    day : str
        ``"working"`` or ``"weekend"``.
    network : str
        ``"qploss"``: quadratic losses; ``"lossless"``; ``"pwl"``: losses by tangents. ``"nlp"``, the paper's
        nonconvex equations, is refused.
    zones : int
        1, 4 or 26: all DLC buses together, by feeder, one by one; a zone sheds at its buses in equal parts.
    hours : int
        1 to 24: the last hours of the day.
    limits : bool
        Voltages, and limits of voltages, lines and the substation; with the data nothing binds.
    dlc_limit : str
        Most DLC of a bus, 30 % of its demand in the ``"hourly"``, or of its largest of the day (``"max"``).
    with_dlc : bool
        Whether the DSO may buy DLC at all.
    tangents : int
        Of every line's loss (``"pwl"``), over the flows that are possible.
    cells : int or None
        Cells of the price in the single-level model; 0 leaves them out; None: 40
        with 26 zones and for ``pwl``, which need them.
    price_shift, demand_shift, wind_shift : float
        Added to every hour's price (EUR/MWh) and total demand (MW); wind moves by so many standard deviations.
    estimate : bool
        Mean and standard deviation by the two-point estimate, in the report.
    """

    day: Literal["working", "weekend"] = "working"
    network: Literal["qploss", "lossless", "pwl", "nlp"] = "qploss"
    zones: int = 26
    hours: int = DAY
    limits: bool = False
    dlc_limit: Literal["hourly", "max"] = "hourly"
    with_dlc: bool = True
    tangents: int = 3
    cells: int | None = None
    price_shift: float = 0.0
    demand_shift: float = 0.0
    wind_shift: float = 0.0
    estimate: bool = False

    def __post_init__(self) -> None:
        wanted = {
            "day": (self.day in ("working", "weekend"), "'working' or 'weekend'"),
            "network": (self.network in NETWORKS, f"one of {', '.join(NETWORKS[:3])}"),
            "zones": (self.zones in (1, 4, 26), "1, 4 or 26"),
            "hours": (1 <= self.hours <= DAY, "1 to 24"),
            "dlc_limit": (self.dlc_limit in ("hourly", "max"), "'hourly' or 'max'"),
            "tangents": (self.tangents >= 1, "at least one"),
            "cells": (self.cells is None or self.cells >= 0, "0 or more"),
        }
        for word, (fits, cure) in wanted.items():
            if not fits:
                raise kg.ProblemError(f"dlc_contract: {word} is {getattr(self, word)!r}; give {cure}")
        if self.network == "nlp":
            raise kg.ProblemError(
                "dlc_contract: network 'nlp' is no follower: flows U_n (U_n - U_m) / z are products of two of its "
                "own variables in equations, so its problem is not convex and a KKT point need not be optimal. Take "
                "network='qploss', and exact(game, solution) for cost and losses of the solution by those equations"
            )

    @property
    def price_cells(self) -> int:
        """Cells of the price."""
        needed = self.with_dlc and (self.zones == 26 or self.network == "pwl")
        return self.cells if self.cells is not None else 40 * needed


@dataclass(frozen=True, eq=False)
class Case:
    """Data of a day: series (T,), loads by bus (33, T) of buses 2..34, lines ending there (33,), zones (33, Z).

    ``reach[l, n]`` is 1 where line l lies on the way from the substation to bus n, ``upstream`` the line before each
    line, -1 at the substation; ``split`` the share of a zone's DLC at each bus; ``most`` (Z, T) its limit;
    ``prices`` the contract prices that are allowed.
    """

    hour: np.ndarray
    rho: np.ndarray
    demand: np.ndarray
    wind: np.ndarray
    pay: np.ndarray
    first: np.ndarray
    load: np.ndarray
    z: np.ndarray
    upstream: np.ndarray
    reach: np.ndarray
    split: np.ndarray
    most: np.ndarray
    prices: tuple[float, float]

    @property
    def flow(self) -> np.ndarray:
        """Flows without DLC (33, T)."""
        return product(self.reach, self.load)


@cache
def stored_data() -> dict[str, Any]:
    return json.loads(DATA.read_text(encoding="utf-8"))


def case(parameters: Parameters) -> Case:
    """Return the data of the case as the parameters say.

    Raises
    ------
    ProblemError
        A shift leaves no demand.
    """
    data, p = stored_data(), parameters
    day, keep = data["days"][p.day], slice(DAY - p.hours, DAY)
    demand = np.array(day["demand"]) + p.demand_shift
    if demand.min() <= 0:
        raise kg.ProblemError(f"dlc_contract: demand_shift {p.demand_shift:g} leaves no demand in some hour")
    wind = np.maximum(np.array(data["wind"]["mean"]) + p.wind_shift * np.array(data["wind"]["std"]), 0.0)
    rho = (np.array(day["price"]) + p.price_shift)[keep]
    buses = data["buses"]
    share = demand / buses
    at = np.arange(2, buses + 1)
    load = np.broadcast_to(share, (buses - 1, DAY)) - np.where(at == data["wind_bus"], 1.0, 0.0)[:, None] * wind
    zones = {1: [data["dlc_buses"]], 4: list(data["zones"].values()), 26: [[n] for n in data["dlc_buses"]]}[p.zones]
    member = np.array([np.isin(at, zone) for zone in zones]).T
    cap = data["dlc_share"] * (share if p.dlc_limit == "hourly" else np.full(DAY, share.max()))
    most = member.sum(axis=0)[:, None] * cap * p.with_dlc
    z = np.array(data["lines"]["z"]) / data["base_kV"] ** 2
    head, tail = np.array(data["lines"]["to"]), np.array(data["lines"]["from"])
    order = np.argsort(head)
    upstream = np.searchsorted(head[order], tail[order]) - (tail[order] == 1)
    return Case(
        np.arange(1, DAY + 1)[keep], rho, demand[keep], wind[keep],
        np.array([day["payment"][word] for word in day["class"]], dtype=float)[keep], share[keep], load[:, keep],
        z[order], upstream, _reach(upstream), member / member.sum(axis=0), most[:, keep],
        (float(rho.min()), 1.15 * float(rho.max())),
    )  # fmt: skip


def _incidence(upstream: np.ndarray) -> np.ndarray:
    """Return 1 where a line arrives at a bus, -1 where it leaves one (33, 33): rows are buses."""
    lines = np.arange(len(upstream))
    inner = upstream >= 0
    incidence = np.eye(len(lines))
    incidence[upstream[inner], lines[inner]] = -1.0
    return incidence


def _reach(upstream: np.ndarray) -> np.ndarray:
    """Return which lines lie on the way to which bus (33, 33): the inverse of the incidence."""
    reach, bus, line = np.zeros((len(upstream), len(upstream))), np.arange(len(upstream)), np.arange(len(upstream))
    while len(bus):
        reach[line, bus] = 1.0
        bus, line = bus[upstream[line] >= 0], upstream[line][upstream[line] >= 0]
    return reach


@dataclass(frozen=True, eq=False)
class Hour:
    """Variables of the DSO in one hour, DLC (Z,) and purchase, its cost, and the balances: their duals are om."""

    dlc: kg.Affine
    purchase: kg.Affine
    cost: kg.Quad
    balance: kg.Rows


def _declare(owner: Any, p: Parameters, data: Case, t: int, price: Any) -> Hour:
    """Declare the DSO in hour t for ``owner``: a follower, or a problem of its own."""
    limits, rho, lines = stored_data(), data.rho[t], len(data.z)
    line, station = (limits["line_max"], limits["substation_max"]) if p.limits else (np.inf, np.inf)
    dlc = owner.var("dlc", data.most.shape[0], lb=0, ub=data.most[:, t])
    purchase = owner.var("purchase", lb=0 if p.limits else -np.inf, ub=station)
    if p.network == "lossless" and not p.limits:  # the network does nothing: one bus
        balance = owner.add(purchase + dlc.sum() == data.first[t] + data.load[:, t].sum(), name="balance")
        cost = kg.sum([price * dlc.sum(), rho * purchase])
        owner.minimize(cost)
        return Hour(dlc, purchase, cost, balance)
    flow = owner.var("flow", lines, lb=-line, ub=line)
    incidence = _incidence(data.upstream)
    balance = owner.add(incidence @ flow + data.split @ dlc == data.load[:, t], name="balance")
    roots = (data.upstream < 0).astype(float)
    owner.add(purchase - roots @ flow == data.first[t], name="substation")
    if p.limits:
        volt = limits["voltage"]
        u = owner.var("u", lines, lb=volt["min"], ub=volt["max"])
        owner.add(incidence.T @ u + data.z * flow == roots * volt["substation"], name="voltage")
    parts: list[Any] = [price * dlc.sum(), rho * purchase]
    if p.network == "qploss":
        parts.append((rho * data.z * flow) @ flow)
    elif p.network == "pwl":
        loss = owner.var("loss", lines)
        for k, points in enumerate(reports().tangent_points(p.tangents, data)):
            at = points[:, t]
            owner.add(loss - 2.0 * data.z * at * flow >= -data.z * at**2, name=f"tangent{k + 1}")
        parts.append(rho * loss.sum())
    cost = kg.sum(parts)
    owner.minimize(cost)
    return Hour(dlc, purchase, cost, balance)


class Game(kg.Bilevel):
    """The game between the aggregator and the DSO: a bilevel problem that knows its parts.

    Attributes
    ----------
    parameters : Parameters
    case : Case
    price : Affine
        The contract price.
    hours : tuple of Hour
    ends : ndarray (cells+1,)
        Ends of the price cells; empty without.
    step : Affine or None
        The binaries of the cells.
    """

    def __init__(self, parameters: Parameters) -> None:
        super().__init__("dlc_contract")
        self.parameters = p = parameters
        self.case = data = case(parameters)
        self.price = self.var("price", lb=data.prices[0], ub=data.prices[1])
        self.hours = tuple(_declare(self.follower(f"hour{h}"), p, data, t, self.price) for t, h in enumerate(data.hour))
        bought = kg.stack([hour.dlc.sum() for hour in self.hours])
        self.maximize(kg.sum([self.price * bought.sum(), -(data.pay @ bought)]))
        self.ends = np.empty(0)
        self.step: kg.Affine | None = None
        if p.price_cells:
            self._cells(bought)

    def _cells(self, bought: kg.Affine) -> None:
        """Cut the price into cells, and bound the DSO's purchases in each by those at its ends.

        The bounds are rounded outward to four digits: the last ones of the scan are those of the CPU.
        """
        responses = scans().scan(self)
        ends = self.ends = responses.cells(self.parameters.price_cells)
        most, least = responses.quantities(ends[:-1], upper=False), responses.quantities(ends[1:], upper=True)
        step = self.step = self.var("step", len(ends) - 1, kind="B")
        self.add(step.sum() == 1, name="one_cell")
        self.add(self.price >= ends[:-1] @ step, name="cell_from")
        self.add(self.price <= ends[1:] @ step, name="cell_to")
        self.add(bought <= np.ceil(1e4 * (most + ROOM)) / 1e4 @ step, name="most")
        self.add(bought >= np.floor(1e4 * (least - ROOM)) / 1e4 @ step, name="least")


def build(**parameters: Any) -> Game:
    """Return the game for the given :class:`Parameters`.

    Raises
    ------
    ProblemError
        Parameters out of range, or the nonconvex network.
    """
    return Game(Parameters(**parameters))


def scan(game: Game) -> kg.Solution:
    """Return the exact optimum by the DSO's responses at every price, see ``scan.py``.

    Independent of the single-level model: nothing is encoded, so the point has no solver's bound.

    Raises
    ------
    ProblemError
        The game was not made by :func:`build`.
    """
    if not isinstance(game, kg.Bilevel) or not hasattr(game, "hours"):
        raise kg.ProblemError(f"scan: {game!r} was not made by dlc_contract.build(...)")
    begun = time.perf_counter()
    responses, model = scans().scan(game), kg.kkt(game)
    price = responses.best()
    z = responses.point(price, model.n, int(game.price.cols[()]))
    if game.step is not None:
        cell = np.clip(np.searchsorted(game.ends, price) - 1, 0, len(game.ends) - 2)
        z[game.step.cols[cell]] = 1.0
    words = f"exact scan of the price, {responses.count} pieces"
    return kg.Solution("heuristic", model.value(z), None, z, time.perf_counter() - begun, words, model)


methods = {"scan": scan}
"""Ways of this model's own to solve it: a function of the game that returns a solution."""

OPTIONS = {"scip": {"propagating/probing/maxprerounds": 0}}
"""Options of solvers. Every binary bounds the price, and so nearly every other: probing them finds millions of
implications, and with 26 zones SCIP does not leave its presolve for minutes."""


def exact(game: Game, price: float, dlc: np.ndarray) -> Any:
    """Return what a schedule costs the DSO by P_nm = U_n (U_n - U_m) / z, without the linearisation about U = 1.

    Parameters
    ----------
    game : Game
    price : float
        Contract price (EUR/MWh).
    dlc : ndarray (Z, T)
        DLC by zone (MW).

    Returns
    -------
    PowerFlow
        ``purchase``, ``losses`` (T,) in MW, ``voltage`` of buses 2..34 (33, T), ``cost`` in EUR.

    Raises
    ------
    ProblemError
        A schedule of another shape, or a load the network cannot carry.
    """
    return kg.beside(__file__, "flow").power_flow(game.case, stored_data()["voltage"]["substation"], price, dlc)


UNCERTAIN = ("price", "demand", "wind")


def uncertain(parameters: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Return the random inputs of the two-point estimate: shifts of all hours together, (mean, std) of each.

    Parameters
    ----------
    parameters : mapping
        As for :func:`build`; its shifts are the means.
    """
    p, data = Parameters(**parameters), stored_data()
    spread = {"price": data["sigma_price"], "demand": data["sigma_demand"], "wind": 1.0}
    return {word: (getattr(p, f"{word}_shift"), spread[word]) for word in UNCERTAIN}


def sample(parameters: Mapping[str, Any], point: Mapping[str, float]) -> dict[str, float]:
    """Return price, profit, costs and losses of both days at one point of the estimate, solved anew by :func:`scan`.

    Parameters
    ----------
    parameters : mapping
        As for :func:`build`.
    point : mapping
        Shifts of price, demand and wind.
    """
    out = {}
    for day in ("working", "weekend"):
        moved = {f"{word}_shift": float(point[word]) for word in UNCERTAIN}
        game = build(**{**parameters, **moved, "day": day, "cells": 0, "estimate": False})
        found = reports().figures(game, scan(game))
        out.update({f"{day} {word}": value for word, value in found.items()})
    return out


def estimate(
    parameters: Mapping[str, Any], executor: Executor | None = None, progress: Callable[..., Any] | None = None
) -> kg.Estimate:
    """Return mean and standard deviation of the figures of both days by the two-point estimate: six points.

    Parameters
    ----------
    parameters : mapping
        As for :func:`build`.
    executor, progress
        See :func:`kktgen.point_estimate`.
    """
    return kg.point_estimate(partial(sample, dict(parameters)), uncertain(parameters), executor, progress)


def scans() -> ModuleType:
    """Return the module beside this one with the DSO's responses at every price."""
    return kg.beside(__file__, "scan")


def reports() -> ModuleType:
    """Return the module beside this one that says what came out."""
    return kg.beside(__file__, "report")


def report(result: Any, estimated: kg.Estimate | None = None) -> Any:
    """Return the tables: the day, Tables 5 to 7 of the paper beside ours, the hours, where the data come from.

    Parameters
    ----------
    result : Result
        What ``kg.optimize(build(...))`` returned.
    estimated : Estimate, optional
        From :func:`estimate`; made here when the game asks for it and it is not given.

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
    game = _game(result, "report")
    if estimated is None and game.parameters.estimate:
        estimated = estimate(asdict(game.parameters))
    return reports().findings(game, result, estimated, stored_data(), exact)


def _game(result: Any, who: str) -> Game:
    if not hasattr(result.bilevel, "hours"):
        raise kg.ProblemError(f"{who}: {result.bilevel!r} was not made by dlc_contract.build(...)")
    game: Game = result.bilevel
    return game


PLOTS = {
    "demand": "Demand with and without direct load control",
    "market": "Energy bought on the market",
    "dlc": "Direct load control by hour",
    "losses": "Losses of the network",
}
"""Names and titles of :func:`plots`."""


def plots(result: Any) -> dict[str, Any]:
    """Return the plots of a result, as ``kktgen.plots`` describes them (Figures 6 to 10 of the paper).

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    return reports().plots(_game(result, "plots"), result.solution, PLOTS)
