"""A distribution system operator sets hourly prices for virtual power plants.

Hours t = 1..T of one hour, virtual power plants (VPPs) j = 1..N. The DSO is the leader, every VPP a follower.

The leader chooses the prices at which VPPs buy and sell, and trades what is left over on the wholesale market::

    max   sum_t ws_t ds_t - wb_t dp_t + sum_j ( lp_t p_jt - ls_t s_jt )
    s.t.  ws_t <= lp_t <= wb_t,  ws_t <= ls_t <= wb_t     no price is worse for a VPP than the wholesale market's
          dp_t - ds_t = sum_j p_jt - s_jt                 the DSO buys or sells the net of all VPPs, dp, ds >= 0
          dp_t <= M z_t,  ds_t <= M (1 - z_t)             (netting="published") never both in one hour, z binary

As wb >= ws, trading both ways in one hour never pays, so netting="convex" leaves the binaries out.

Follower j chooses purchase p, sale s, micro turbine g, storage power b (> 0 discharges), state of charge soc
and wind power w::

    min   sum_t lp_t p_t - ls_t s_t + a g_t^2 + bm g_t + wear b_t^2   (+ c once a day)
    s.t.  p_t - s_t + g_t + b_t + w_t = load_t            the power balance
          soc_t = soc_(t-1) - b_t / capacity              the storage dynamics, soc_0 = home
          soc_24 = soc_48 = ... = home                    every day ends at the level it began with
          down <= g_t - g_(t-1) <= up,  t >= 2            the ramps of the turbine
          0 <= p_t, s_t <= trade_max                      the connection
          0 <= g_t <= g_max,  -b_max <= b_t <= b_max      the ratings
          soc_min <= soc_t <= soc_max,  0 <= w_t <= wind_t

``dominance=True`` adds ``ls_t <= lp_t`` for every hour: rows the paper does not have, and which lose no optimum. Where
``ls_t > lp_t``, a VPP with the net purchase ``n = p - s`` buys and sells as much as the connection T allows, p = T and
s = T - n for n >= 0, s = T and p = T + n for n < 0, and pays

    max(lp_t n, ls_t n) - T (ls_t - lp_t)        against        max(lp_t n, ls_t n)        at the two prices exchanged.

The difference is a constant, so the VPP has the same optimal net purchases (and dispatch) either way. Exchanged, the
prices stay in their boxes, which are alike, the DSO trades the same at the wholesale market, and earns
``T (ls_t - lp_t)`` more from every VPP. So whatever it earns at ``ls_t > lp_t``, ties broken in its favour, it earns
more with the two exchanged: no optimum has ``ls_t > lp_t``. It does not follow that the limits of the connection never
bind: they may have positive multipliers with ``p_t s_t = 0``, where a VPP's need exceeds them.

Mode 1 is the same without the DSO: every VPP trades at wholesale prices. Mode 2 is the game.

Source: Wang, Zhang, Badesa, "Analyzing the Role of the DSO in Electricity Trading of VPPs via a Stackelberg Game
Model", PowerTech 2025. Units: MW, MWh, prices in 100 EUR/MWh; objectives divided by 10 are k EUR.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

import kktgen as kg

DATA = Path(__file__).parent / "case.json"
DAY = 24


@dataclass(frozen=True)
class Parameters:
    """What may be varied.

    Parameters
    ----------
    vpps : int
        Number of VPPs. Without a seed the three published ones in turn.
    hours : int
        2 to 23: the last hours of the day, storage at home level before the first and after the last of them;
        24: the published day; a multiple of 24: that many equal days.
    seed : int or None
        Draw every VPP around a published one: load, wind, ratings and costs by up to ``spread``.
    netting : str
        ``"convex"``, or ``"published"`` with one binary an hour and the big M of the paper.
    spread : float
        Largest relative change of a drawn number, below 1.
    dominance : bool
        Add the rows ``ls_t <= lp_t``, which the paper does not have and every optimum satisfies.
    """

    vpps: int = 3
    hours: int = DAY
    seed: int | None = None
    netting: Literal["convex", "published"] = "convex"
    spread: float = 0.2
    dominance: bool = False

    def __post_init__(self) -> None:
        if self.vpps < 1:
            raise kg.ProblemError(f"dso_vpp: vpps is {self.vpps}; at least one VPP is needed")
        if not (2 <= self.hours < DAY or (self.hours > 0 and self.hours % DAY == 0)):
            raise kg.ProblemError(f"dso_vpp: hours is {self.hours}; give 2 to 24 or a multiple of 24")
        if self.netting not in ("convex", "published"):
            raise kg.ProblemError(f"dso_vpp: netting is {self.netting!r}; give 'convex' or 'published'")
        if not 0 <= self.spread < 1:
            raise kg.ProblemError(f"dso_vpp: spread is {self.spread}; give a number in [0, 1)")

    @property
    def published(self) -> bool:
        """Whether these are the data of the paper."""
        return self.vpps == 3 and self.hours == DAY and self.seed is None

    @property
    def days(self) -> int:
        """Days, a part of a day counting as one."""
        return -(-self.hours // DAY)


@dataclass(frozen=True, eq=False)
class Vpp:
    """Data of one VPP: series (T,) in MW, ratings in MW and MWh, costs in 100 EUR, charge as a share of capacity."""

    name: str
    load: np.ndarray
    wind: np.ndarray
    a: float
    bm: float
    c: float
    g_max: float
    down: float
    up: float
    wear: float
    b_max: float
    capacity: float
    soc_min: float
    soc_max: float
    home: float
    trade_max: float


@dataclass(frozen=True, eq=False)
class Case:
    """Wholesale prices ``buy``, ``sell`` (T,), the number of each hour (T,) and the VPPs."""

    buy: np.ndarray
    sell: np.ndarray
    hour: np.ndarray
    vpps: tuple[Vpp, ...]


@cache
def _published() -> dict[str, Any]:
    return json.loads(DATA.read_text(encoding="utf-8"))


def _vpp(data: dict[str, Any], hour: np.ndarray) -> Vpp:
    turbine, storage = data["micro_turbine"], data["storage"]
    return Vpp(
        data["name"].lower(), np.array(data["load"])[hour], np.array(data["wind"])[hour], turbine["a"], turbine["b"],
        turbine["c"], turbine["p_max"], turbine["ramp_down"], turbine["ramp_up"], storage["wear"], storage["p_max"],
        storage["capacity"], storage["soc_min"], storage["soc_max"], storage["soc_start_end"], data["trade_max"],
    )  # fmt: skip


def _drawn(vpp: Vpp, rng: np.random.Generator, spread: float) -> Vpp:
    """Return a VPP around ``vpp``; its load stays below ``trade_max``, so that it can always be bought."""
    hours = len(vpp.load)
    noise = 1.0 + spread * (2.0 * rng.random((2, hours)) - 1.0)
    factor = 1.0 + spread * (2.0 * rng.random(6) - 1.0)
    ratings = {"a": 0, "bm": 1, "g_max": 2, "down": 3, "up": 3, "b_max": 4, "capacity": 5}
    return replace(
        vpp,
        load=np.minimum(np.round(vpp.load * noise[0], 4), vpp.trade_max),
        wind=np.round(vpp.wind * noise[1], 4),
        **{word: round(getattr(vpp, word) * float(factor[k]), 4) for word, k in ratings.items()},
    )


def case(parameters: Parameters) -> Case:
    """Return the data of the case: the published ones, repeated, cut or drawn as the parameters say."""
    data, hours = _published(), parameters.hours
    hour = np.arange(DAY - hours, DAY) if hours < DAY else np.arange(hours) % DAY
    models = [_vpp(one, hour) for one in data["vpps"]]
    rng = np.random.default_rng(parameters.seed)
    vpps = []
    for j in range(parameters.vpps):
        model = models[j % len(models)]
        vpp = model if parameters.seed is None else _drawn(model, rng, parameters.spread)
        vpps.append(replace(vpp, name=f"vpp{j + 1}"))
    label = hour + 1 if hours < DAY else np.arange(1, hours + 1)
    buy, sell = (np.array(data["wholesale"][word])[hour] for word in ("buy", "sell"))
    return Case(buy, sell, label, tuple(vpps))


@dataclass(frozen=True, eq=False)
class Plant:
    """Variables (T,) of one VPP and what it pays in all, trade and operation."""

    p: kg.Affine
    s: kg.Affine
    g: kg.Affine
    b: kg.Affine
    soc: kg.Affine
    w: kg.Affine
    cost: kg.Quad


def _plant(owner: Any, vpp: Vpp, buy: Any, sell: Any) -> Plant:
    """Declare a VPP trading at the prices ``buy`` and ``sell`` for ``owner``: a follower, or a problem of its own."""
    hours = len(vpp.load)
    p = owner.var("p", hours, lb=0, ub=vpp.trade_max)
    s = owner.var("s", hours, lb=0, ub=vpp.trade_max)
    g = owner.var("g", hours, lb=0, ub=vpp.g_max)
    b = owner.var("b", hours, lb=-vpp.b_max, ub=vpp.b_max)
    soc = owner.var("soc", hours, lb=vpp.soc_min, ub=vpp.soc_max)
    w = owner.var("w", hours, lb=0, ub=vpp.wind)
    start = np.where(np.arange(hours) == 0, vpp.home, 0.0)
    owner.add(p - s + g + b + w == vpp.load, name="balance")
    owner.add((np.eye(hours) - np.eye(hours, k=-1)) @ soc + b / vpp.capacity == start, name="charge")
    owner.add(soc[min(hours, DAY) - 1 :: DAY] == vpp.home, name="home")
    owner.add(kg.between(vpp.down, g[1:] - g[:-1], vpp.up), name="ramp")
    fixed = vpp.c * -(-hours // DAY)
    cost = kg.sum([buy @ p, -(sell @ s), (vpp.a * g) @ g, vpp.bm * g.sum(), (vpp.wear * b) @ b, fixed])
    owner.minimize(cost)
    return Plant(p, s, g, b, soc, w, cost)


class Game(kg.Bilevel):
    """The game between the DSO and the VPPs: a bilevel problem that knows its parts.

    Attributes
    ----------
    parameters : Parameters
    case : Case
    lp, ls : Affine (T,)
        Prices at which a VPP buys from and sells to the DSO.
    dp, ds : Affine (T,)
        What the DSO buys and sells on the wholesale market.
    plants : tuple of Plant
        Variables and cost of every VPP.
    """

    def __init__(self, parameters: Parameters) -> None:
        super().__init__("dso_vpp")
        self.parameters = parameters
        self.case = data = case(parameters)
        hours, most = parameters.hours, sum(vpp.trade_max for vpp in data.vpps)
        self.lp = self.var("lp", hours, lb=data.sell, ub=data.buy)
        self.ls = self.var("ls", hours, lb=data.sell, ub=data.buy)
        self.dp = self.var("dp", hours, lb=0, ub=most)
        self.ds = self.var("ds", hours, lb=0, ub=most)
        self.plants = tuple(_plant(self.follower(vpp.name), vpp, self.lp, self.ls) for vpp in data.vpps)
        bought, sold = (kg.stack([getattr(plant, word) for plant in self.plants]).sum(axis=0) for word in "ps")
        self.add(self.dp - self.ds == bought - sold, name="net")
        if parameters.dominance:
            self.add(self.ls <= self.lp, name="dominance")
        if parameters.netting == "published":
            buying = self.var("buying", hours, kind="B")  # big M: all that can be traded, 30 MW in the paper
            self.add(self.dp <= most * buying, name="only_buys")
            self.add(self.ds <= most * (1 - buying), name="only_sells")
        self.maximize(data.sell @ self.ds - data.buy @ self.dp + self.lp @ bought - self.ls @ sold)


def build(**parameters: Any) -> Game:
    """Return the game (mode 2) for the given :class:`Parameters`.

    Raises
    ------
    ProblemError
        Parameters out of range.
    """
    return Game(Parameters(**parameters))


@dataclass(frozen=True, eq=False)
class Operation:
    """How the VPPs run: series (N, T) and what each pays in all (N,).

    Only the net trade ``p - s`` is meaningful where buying and selling cost the same.
    """

    p: np.ndarray
    s: np.ndarray
    g: np.ndarray
    b: np.ndarray
    soc: np.ndarray
    w: np.ndarray
    cost: np.ndarray

    @property
    def purchase(self) -> np.ndarray:
        """Net purchase (N, T) in MWh."""
        return np.maximum(self.p - self.s, 0.0)

    @property
    def sale(self) -> np.ndarray:
        """Net sale (N, T) in MWh."""
        return np.maximum(self.s - self.p, 0.0)


def _operation(runs: list[tuple[Plant, kg.Solution]]) -> Operation:
    words = (field.name for field in fields(Operation))
    return Operation(*(np.array([solution[getattr(plant, word)] for plant, solution in runs]) for word in words))


def respond(data: Case, buy: np.ndarray, sell: np.ndarray) -> Operation:
    """Return how the VPPs run when they trade at given prices (T,): one convex QP each."""
    runs = []
    for vpp in data.vpps:
        alone = kg.Bilevel(vpp.name)
        plant = _plant(alone, vpp, buy, sell)
        runs.append((plant, kg.solve(kg.kkt(alone), "highs")))
    return _operation(runs)


def mode1(parameters: Parameters) -> Operation:
    """Return how the VPPs run without a DSO, at wholesale prices."""
    data = case(parameters)
    return respond(data, data.buy, data.sell)


def mode2(game: Game, solution: kg.Solution) -> Operation:
    """Return how the VPPs run at a solution of the game."""
    return _operation([(plant, solution) for plant in game.plants])


def report(result: Any) -> kg.Findings:
    """Return the paper's tables beside ours; for other parameters the same tables alone.

    Parameters
    ----------
    result : Result
        What ``kg.optimize(build(...))`` returned.

    Returns
    -------
    Findings
        Prints as text. Table II (costs and profits), the changes of the first six VPPs (Tables III to V)
        and the prices.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game = result.bilevel
    if not hasattr(game, "plants"):
        raise kg.ProblemError(f"report: {game!r} was not made by dso_vpp.build(...)")
    make = kg.beside(__file__, "report").findings
    return make(result, mode1(game.parameters), mode2(game, result.solution), _published()["published"])


PLOTS: dict[str, str] = kg.beside(__file__, "../common/vpp_plots").PLOTS
"""Names and titles of :func:`plots`."""


def plots(result: Any) -> dict[str, Any]:
    """Return the plots of a result: prices, dispatch, trade, state of charge, as ``kktgen.plots`` describes them.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game, draw = result.bilevel, kg.beside(__file__, "../common/vpp_plots")
    if not hasattr(game, "plants"):
        raise kg.ProblemError(f"plots: {game!r} was not made by dso_vpp.build(...)")
    data, sol, run = game.case, result.solution, mode2(game, result.solution)
    seed, hour, net = game.parameters.seed, data.hour, run.p - run.s
    origin = "" if seed is None else f"; data drawn around the published ones (seed {seed})"
    words = f"DSO profit {round(sol.objective / 10, 6) + 0.0:.5g} k EUR{origin}"
    load, limits = (np.array(x) for x in zip(*((v.load, (v.soc_min, v.soc_max)) for v in data.vpps), strict=True))
    sources = {"micro turbine": run.g, "wind": run.w, "storage (discharge +)": run.b,
               "trade (purchase +)": net}  # fmt: skip
    return {
        "prices": draw.prices(hour, data.buy, data.sell, sol[game.lp], sol[game.ls], net, "100 EUR/MWh", words),
        "dispatch": draw.dispatch(hour, load, sources, words),
        "trade": draw.trade(hour, net, sol[game.dp] - sol[game.ds], words),
        "charge": draw.charge(hour, run.soc, [vpp.home for vpp in data.vpps], limits, words),
    }
