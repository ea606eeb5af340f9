"""A distribution system operator prices virtual power plants that pay for their carbon.

Hours t = 1..T of one hour, virtual power plants (VPPs) j = 1..N. The DSO is the leader, every VPP a follower.

The leader chooses for every VPP the prices at which it buys and sells, and trades what is left over on the wholesale
market::

    max   sum_t ws_t ds_t - wb_t dp_t + sum_j ( lp_jt p_jt - ls_jt s_jt )
    s.t.  ws_t <= ls_jt, lp_jt <= wb_t,  lp_jt - ls_jt >= margin     prices lie inside the wholesale prices, in order
          dp_t - ds_t = sum_j p_jt - s_jt,  dp, ds >= 0              as wb >= ws, trading both ways never pays

Follower j chooses purchase p, sale s, micro turbine g, charge ch, discharge dis, state of charge soc, solar pv, wind
wt, curtailed load cl, and the emissions d_k it pays for on step k of the carbon price::

    min   sum_t lp_t p_t - ls_t s_t + psi (p_t^2 + s_t^2)          trade, psi = trade_quad
          + a g_t^2 + bm g_t (+ c once a day)                      fuel
          + k_pv pv_t + k_wt wt_t + k_es (ch_t + dis_t) + wear (ch_t^2 + dis_t^2)     upkeep
          + kappa cl_t - gamma (pv_t + wt_t)                       compensation, green certificates
          + sum_k lam_k d_k,  lam_k = base (1 + (k-1) growth)      carbon, a ladder for every day
    s.t.  p_t - s_t + g_t + dis_t - ch_t + pv_t + wt_t + cl_t = load_t          the power balance
          soc_t = soc_(t-1) + eta ch_t / capacity - dis_t / (eta capacity)      the storage dynamics, soc_0 = home
          soc_24 = soc_48 = ... = home                                          every day ends as it began
          -down <= g_t - g_(t-1) <= up,  t >= 2                                 the ramps of the turbine
          sum_day n_tr (p+s) + n_mt g + n_pv pv + n_wt wt + n_es (ch+dis) = sum_k d_k      emission less quota
          d_1 <= S,  0 <= d_k <= S,  0 <= d_K,  and every other variable in its box

d_1 has no lower bound: what is left of the quota is sold at the base price (surplus="sell_at_base"); with "no_sale" a
step d_0 <= 0 of price zero takes it. A ladder that rises makes the cost convex, so no step needs a binary.

Two binaries of the paper are left out: trade goes one way, the storage goes one way. That is exact where going both
ways at once never pays a VPP, which :func:`check` proves on the data before anything is built:

* trade: lp_t - ls_t + 2 pi n_tr > 0 for every price of carbon pi that is possible;
* storage: (k_es + pi n_es)(1 + e) + nu_t (1 - e) > 0 with e = eta^2 and the least price of energy nu_t.

Source of the structure: the low-carbon multi-VPP Stackelberg game of Energies 19(8):1821, 2026. Its case study was not
at hand: all data are reconstructed, see ``provenance`` in the data file. With psi = 0, as in the paper, VPPs are often
indifferent, and the optimum rests on their goodwill; psi = 0.002 makes their response unique. Units: MW, MWh, kCNY,
t CO2.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np

import kktgen as kg

DATA = Path(__file__).parent / "data" / "carbon_vpp_case.json"
DAY = 24
ROUNDING = 1e-9
"""Figures of the checks below this are zero."""


@dataclass(frozen=True)
class Parameters:
    """What may be varied.

    Parameters
    ----------
    vpps : int
        Number of VPPs. Without a seed the three of the data in turn.
    hours : int
        2 to 23: the last hours of the day, storage at home level before the first and after the last of them;
        24: the day; a multiple of 24: that many equal days.
    seed : int or None
        Draw every VPP around one of the data: load, wind, sun, ratings and costs by up to ``spread``.
    spread : float
        Largest relative change of a drawn number, below 1.
    prices : str
        ``"differentiated"``: prices for each VPP; ``"uniform"``: the same for all.
    trade_quad : float
        Quadratic cost of trade psi (kCNY/MW2h). 0 in the paper; 0.002 makes the VPPs' response unique.
    carbon : bool
        Whether VPPs pay for carbon.
    surplus : str
        What a VPP gets for quota it does not need: ``"sell_at_base"`` the base price, ``"no_sale"`` nothing.
        ``"reward_ladder"``, a price that grows with the amount sold, is refused.
    growth : float
        Growth of the carbon price from step to step, as a share of the base price.
    trade_quota : float
        Quota for traded energy (t/MWh).
    margin : float
        Least ``lp - ls`` (kCNY/MWh); below zero VPPs may be paid more for a sale than a purchase costs.
    efficiency : float
        Of charging and of discharging, in (0, 1].
    wear : float
        Quadratic cost of the storage (kCNY/MW2h).
    mean_price : float or None
        Largest mean of the purchase prices of every VPP (kCNY/MWh).
    """

    vpps: int = 3
    hours: int = DAY
    seed: int | None = None
    spread: float = 0.2
    prices: Literal["differentiated", "uniform"] = "differentiated"
    trade_quad: float = 0.002
    carbon: bool = True
    surplus: Literal["sell_at_base", "no_sale", "reward_ladder"] = "sell_at_base"
    growth: float = 0.25
    trade_quota: float = 0.798
    margin: float = 0.0
    efficiency: float = 1.0
    wear: float = 0.0
    mean_price: float | None = None

    def __post_init__(self) -> None:
        wanted = {
            "vpps": (self.vpps >= 1, "at least one VPP is needed"),
            "hours": (2 <= self.hours < DAY or (self.hours > 0 and self.hours % DAY == 0), "2 to 24, or 48, 72, ..."),
            "spread": (0 <= self.spread < 1, "give a number in [0, 1)"),
            "prices": (self.prices in ("differentiated", "uniform"), "give 'differentiated' or 'uniform'"),
            "trade_quad": (self.trade_quad >= 0, "a negative cost is not convex"),
            "surplus": (self.surplus in ("sell_at_base", "no_sale", "reward_ladder"), "'sell_at_base' or 'no_sale'"),
            "efficiency": (0 < self.efficiency <= 1, "give a number in (0, 1]"),
            "wear": (self.wear >= 0, "a negative cost is not convex"),
        }
        for word, (fits, cure) in wanted.items():
            if not fits:
                raise kg.ProblemError(f"carbon_vpp: {word} is {getattr(self, word)!r}; {cure}")


@dataclass(frozen=True, eq=False)
class Vpp:
    """Data of one VPP: series (T,) in MW, ratings in MW and MWh, fuel costs in kCNY, charge as a share of capacity."""

    name: str
    load: np.ndarray
    wind: np.ndarray
    pv: np.ndarray
    a: float
    bm: float
    c: float
    g_max: float
    down: float
    up: float
    b_max: float
    capacity: float
    soc_min: float
    soc_max: float
    home: float
    trade_max: float


@dataclass(frozen=True, eq=False)
class Carbon:
    """Emission and quota factors (t/MWh) by source, step prices (K,) in kCNY/t, step length in t a day."""

    emission: dict[str, float]
    quota: dict[str, float]
    prices: np.ndarray
    step: float
    surplus: str

    def net(self, source: str) -> float:
        """Emission less quota of a source (t/MWh)."""
        return self.emission[source] - self.quota.get(source, 0.0)


@dataclass(frozen=True, eq=False)
class Case:
    """Wholesale prices (T,), hours (T,), VPPs, and what they have in common; ``charged``: carbon costs money."""

    buy: np.ndarray
    sell: np.ndarray
    hour: np.ndarray
    vpps: tuple[Vpp, ...]
    carbon: Carbon
    charged: bool
    upkeep: dict[str, float]
    certificate: float
    share: float
    compensation: float
    trade_quad: float
    efficiency: float
    wear: float

    @property
    def days(self) -> int:
        """Days, a part of a day counting as one."""
        return -(-len(self.hour) // DAY)

    @property
    def carbon_range(self) -> np.ndarray:
        """Smallest and largest price of carbon at the margin of a VPP (2,) in kCNY/t."""
        if not self.charged:
            return np.zeros(2)
        return np.array([0.0 if self.carbon.surplus == "no_sale" else self.carbon.prices[0], self.carbon.prices[-1]])


@cache
def _data() -> dict[str, Any]:
    return json.loads(DATA.read_text(encoding="utf-8"))


def _vpp(data: dict[str, Any], hour: np.ndarray) -> Vpp:
    turbine, storage = data["micro_turbine"], data["storage"]
    return Vpp(
        data["name"].lower(), np.array(data["load"])[hour], np.array(data["wind"])[hour], np.array(data["pv"])[hour],
        turbine["a"], turbine["b"], turbine["c"], turbine["p_max"], turbine["ramp_down"], turbine["ramp_up"],
        storage["p_max"], storage["capacity"], storage["soc_min"], storage["soc_max"], storage["soc_start_end"],
        data["trade_max"],
    )  # fmt: skip


def _drawn(vpp: Vpp, rng: np.random.Generator, spread: float) -> Vpp:
    """Return a VPP around ``vpp``; its load stays below ``trade_max``, so that it can always be bought."""
    noise = 1.0 + spread * (2.0 * rng.random((3, len(vpp.load))) - 1.0)
    factor = 1.0 + spread * (2.0 * rng.random(6) - 1.0)
    ratings = {"a": 0, "bm": 1, "g_max": 2, "down": 3, "up": 3, "b_max": 4, "capacity": 5}
    return replace(
        vpp,
        load=np.minimum(np.round(vpp.load * noise[0], 4), vpp.trade_max),
        wind=np.round(vpp.wind * noise[1], 4),
        pv=np.round(vpp.pv * noise[2], 4),
        **{word: round(getattr(vpp, word) * float(factor[k]), 4) for word, k in ratings.items()},
    )


def case(parameters: Parameters) -> Case:
    """Return the data of the case: the reconstructed ones, repeated, cut or drawn as the parameters say."""
    data, hours, ladder = _data(), parameters.hours, _data()["carbon"]
    hour = np.arange(DAY - hours, DAY) if hours < DAY else np.arange(hours) % DAY
    models = [_vpp(one, hour) for one in data["vpps"]]
    rng = np.random.default_rng(parameters.seed)
    vpps = []
    for j in range(parameters.vpps):
        model = models[j % len(models)]
        vpp = model if parameters.seed is None else _drawn(model, rng, parameters.spread)
        vpps.append(replace(vpp, name=f"vpp{j + 1}"))
    prices = ladder["base"] * (1.0 + parameters.growth * np.arange(ladder["steps"]))
    quota = {**data["quota"], "trade": parameters.trade_quota}
    return Case(
        np.array(data["wholesale"]["buy"])[hour], np.array(data["wholesale"]["sell"])[hour],
        hour + 1 if hours < DAY else np.arange(1, hours + 1), tuple(vpps),
        Carbon(data["emission"], quota, prices, ladder["step"], parameters.surplus), parameters.carbon,
        data["upkeep"], data["certificate"], data["curtailment"]["share"], data["curtailment"]["compensation"],
        parameters.trade_quad, parameters.efficiency, parameters.wear,
    )  # fmt: skip


def _refuse(vpp: Vpp, hour: str, condition: str, cure: str) -> kg.ProblemError:
    return kg.ProblemError(
        f"carbon_vpp: follower {vpp.name!r}, {hour}: {condition}, so the follower's own problem is not a convex QP "
        f"and its KKT conditions do not describe it. {cure}"
    )


def check(data: Case, margin: float = 0.0) -> None:
    """Refuse data for which the follower needs a binary: the conditions of the module's text, proved for all prices.

    Every condition is affine in the price of carbon, so its two extreme values decide.

    Parameters
    ----------
    data : Case
    margin : float
        Least ``lp - ls`` the leader may choose.

    Raises
    ------
    ProblemError
        Names the follower, the hour and the condition.
    """
    for vpp in data.vpps:
        if data.charged:
            _check_ladder(data.carbon, vpp)
        _check_trade(data, vpp, margin)
        _check_storage(data, vpp)


def _check_ladder(carbon: Carbon, vpp: Vpp) -> None:
    """Refuse a carbon cost with a concave kink."""
    if carbon.surplus == "reward_ladder":
        raise _refuse(vpp, "all hours", "a reward that grows with the quota sold makes the carbon cost concave there",
                      "Take surplus='sell_at_base' or 'no_sale'")  # fmt: skip
    if (np.diff(carbon.prices, prepend=0.0) < 0).any():
        raise _refuse(vpp, "all hours", f"the carbon prices {carbon.prices.round(4).tolist()} must rise from step to "
                      "step and not be negative, or the carbon cost is not convex", "Take growth >= 0")  # fmt: skip


def _check_trade(data: Case, vpp: Vpp, margin: float) -> None:
    """Refuse data for which buying and selling in one hour may pay: lp - ls + 2 pi n_tr < 0."""
    net = data.carbon.net("trade")
    spread = np.maximum(margin, data.sell - data.buy)
    least = spread + 2.0 * (data.carbon_range * net).min()
    bad = np.flatnonzero((least < -ROUNDING) | ((least <= ROUNDING) & (net < 0) & data.charged))
    if not len(bad):
        return
    t = bad[0]
    why = (f"the quota of traded energy, {data.carbon.quota['trade']:g} t/MWh, is above its emission, "
           f"{data.carbon.emission['trade']:g}" if net < 0 and data.charged else
           f"the sale price may be {-spread[t]:g} above the purchase price")  # fmt: skip
    raise _refuse(
        vpp, f"hour {data.hour[t]}", f"the trade-direction binary cannot be dropped: lp - ls + 2 pi n_tr > 0 is "
        f"needed and may be {least[t]:.4g} (n_tr = {net:.4g}; {why}), and buying and selling at once would pay",
        "Take margin >= 0 and trade_quota <= the emission of trade",
    )  # fmt: skip


def _check_storage(data: Case, vpp: Vpp) -> None:
    """Refuse data for which charging and discharging in one hour may pay.

    The price of energy nu obeys nu >= ls - pi n_tr - 2 psi s while the sale s is below its cap, and it is below it
    when all the VPP can have, less its load, is; at the cap nu is at least the cost of some source that runs, p, pv,
    wt or cl, when turbine and storage alone do not reach the cap.
    """
    pi, carbon = data.carbon_range[:, None], data.carbon
    wear, lossy = data.upkeep["storage"] + pi * carbon.net("storage"), data.efficiency < 1.0
    surplus = vpp.g_max + vpp.b_max + vpp.wind + vpp.pv + (data.share - 1.0) * vpp.load
    most = np.minimum(np.maximum(surplus, 0.0), vpp.trade_max)
    nu = data.sell - pi * carbon.net("trade") - 2.0 * data.trade_quad * most
    sources = [data.sell + pi * carbon.net("trade"), np.full((1, len(most)), data.compensation)]
    sources += [data.upkeep[word] - data.certificate + pi * carbon.net(word) for word in ("pv", "wind")]
    capped = np.minimum.reduce([nu, *np.broadcast_arrays(*sources)])
    capped = np.where(vpp.trade_max + vpp.load > vpp.g_max + vpp.b_max, capped, -np.inf)
    nu = np.where(surplus < vpp.trade_max, nu, capped) if lossy else 0.0 * nu
    kept = data.efficiency**2
    least = (wear * (1.0 + kept) + (1.0 - kept) * nu).min(axis=0)
    bad = np.flatnonzero(least <= ROUNDING if lossy else least < -ROUNDING)
    if len(bad):
        t = bad[0]
        raise _refuse(
            vpp, f"hour {data.hour[t]}", "the charge-direction binary cannot be dropped: (k_es + pi n_es)(1 + e) + "
            f"nu (1 - e) > 0 is needed and may be {least[t]:.4g} (e = {kept:.4g}, least nu = {nu[:, t].min():.4g}), "
            "and charging and discharging at once would burn energy at a profit",
            "Take a higher efficiency or storage upkeep",
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Plant:
    """Variables (T,) of one VPP, its carbon row, and what it pays in all, trade and operation."""

    p: kg.Affine
    s: kg.Affine
    g: kg.Affine
    ch: kg.Affine
    dis: kg.Affine
    soc: kg.Affine
    pv: kg.Affine
    wt: kg.Affine
    cl: kg.Affine
    cost: kg.Quad
    account: kg.Rows | None


def declare(owner: Any, data: Case, vpp: Vpp, buy: Any, sell: Any) -> Plant:
    """Declare a VPP trading at the prices ``buy`` and ``sell`` for ``owner``: a follower, or a problem of its own."""
    hours, eta, upkeep = len(vpp.load), data.efficiency, data.upkeep
    boxes: dict[str, tuple[Any, Any]] = {
        "p": (0, vpp.trade_max), "s": (0, vpp.trade_max), "g": (0, vpp.g_max), "ch": (0, vpp.b_max),
        "dis": (0, vpp.b_max), "soc": (vpp.soc_min, vpp.soc_max), "pv": (0, vpp.pv), "wt": (0, vpp.wind),
        "cl": (0, data.share * vpp.load),
    }  # fmt: skip
    p, s, g, ch, dis, soc, pv, wt, cl = (owner.var(word, hours, lb=lo, ub=hi) for word, (lo, hi) in boxes.items())
    start = np.where(np.arange(hours) == 0, vpp.home, 0.0)
    flow = (eta * ch - dis / eta) / vpp.capacity
    owner.add(p - s + g + dis - ch + pv + wt + cl == vpp.load, name="balance")
    owner.add((np.eye(hours) - np.eye(hours, k=-1)) @ soc - flow == start, name="charge")
    owner.add(soc[min(hours, DAY) - 1 :: DAY] == vpp.home, name="home")
    owner.add(kg.between(-vpp.down, g[1:] - g[:-1], vpp.up), name="ramp")
    green = (upkeep["pv"] - data.certificate) * pv + (upkeep["wind"] - data.certificate) * wt
    linear = vpp.bm * g + upkeep["storage"] * (ch + dis) + green + data.compensation * cl
    parts = [buy @ p, -(sell @ s), (vpp.a * g) @ g, linear.sum(), vpp.c * data.days]
    if data.trade_quad:
        parts += [(data.trade_quad * p) @ p, (data.trade_quad * s) @ s]
    if data.wear:
        parts += [(data.wear * ch) @ ch, (data.wear * dis) @ dis]
    account = None
    if data.charged:
        n = data.carbon.net
        excess = n("trade") * (p + s) + n("turbine") * g + n("pv") * pv + n("wind") * wt + n("storage") * (ch + dis)
        account, ladder = _ladder(owner, data, vpp, excess)
        parts.append(ladder)
    cost = kg.sum(parts)
    owner.minimize(cost)
    return Plant(p, s, g, ch, dis, soc, pv, wt, cl, cost, account)


def _ladder(owner: Any, data: Case, vpp: Vpp, excess: Any) -> tuple[kg.Rows, Any]:
    """Declare what is paid for on each step of the carbon price, day by day; return the account's row and the cost.

    The two open ends are closed where no emission can reach, so that every column has a box.
    """
    carbon, days, price = data.carbon, data.days, data.carbon.prices
    if carbon.surplus == "no_sale":
        price = np.concatenate([[0.0], price])
    least, most = _reach(data, vpp)
    floor, roof = np.zeros((days, len(price))), np.full((days, len(price)), carbon.step)
    if carbon.surplus == "no_sale":
        roof[:, 0] = 0.0
    floor[:, 0], roof[:, -1] = least - carbon.step, most
    d = owner.var("d", (days, len(price)), lb=floor, ub=roof)
    row = owner.add(excess.reshape(days, -1).sum(axis=1) == d.sum(axis=1), name="carbon")
    return row, (d @ price).sum()


def _reach(data: Case, vpp: Vpp) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the largest emission less quota of every day (t) that a VPP can reach.

    Trade and storage go one way at a time: it buys at most its load and a charge, it sells at most what it has.
    """
    buys, sells = vpp.load + vpp.b_max, vpp.g_max + vpp.b_max + vpp.pv + vpp.wind + (data.share - 1.0) * vpp.load
    trade = np.minimum(np.maximum(buys, sells), vpp.trade_max)
    most = {"trade": trade, "turbine": vpp.g_max, "pv": vpp.pv, "wind": vpp.wind, "storage": vpp.b_max}
    hourly = np.array([np.broadcast_to(data.carbon.net(word) * x, vpp.load.shape) for word, x in most.items()])
    low, high = (part.sum(axis=0).reshape(data.days, -1).sum(axis=1) for part in (hourly.clip(max=0), hourly.clip(0)))
    return low, high


class Game(kg.Bilevel):
    """The game between the DSO and the VPPs: a bilevel problem that knows its parts.

    Attributes
    ----------
    parameters : Parameters
    case : Case
    lp, ls : Affine (N, T), or (T,) where prices are uniform
        Prices at which a VPP buys from and sells to the DSO.
    dp, ds : Affine (T,)
        What the DSO buys and sells on the wholesale market.
    plants : tuple of Plant
        Variables and cost of every VPP.
    """

    def __init__(self, parameters: Parameters, data: Case | None = None) -> None:
        super().__init__("carbon_vpp")
        self.parameters = parameters
        self.case = data = case(parameters) if data is None else data
        check(data, parameters.margin)
        hours, vpps, uniform = len(data.hour), data.vpps, parameters.prices == "uniform"
        shape = hours if uniform else (len(vpps), hours)
        most = sum(vpp.trade_max for vpp in vpps)
        self.lp = self.var("lp", shape, lb=data.sell, ub=data.buy)
        self.ls = self.var("ls", shape, lb=data.sell, ub=data.buy)
        self.dp = self.var("dp", hours, lb=0, ub=most)
        self.ds = self.var("ds", hours, lb=0, ub=most)
        prices = [(self.lp, self.ls) if uniform else (self.lp[j], self.ls[j]) for j in range(len(vpps))]
        self.plants = tuple(
            declare(self.follower(vpp.name), data, vpp, *pair) for vpp, pair in zip(vpps, prices, strict=True)
        )
        net = kg.stack([plant.p - plant.s for plant in self.plants]).sum(axis=0)
        self.add(self.dp - self.ds == net, name="net")
        self.add(self.lp - self.ls >= parameters.margin, name="order")
        if parameters.mean_price is not None:
            self.add(self.lp.sum(axis=-1) <= hours * parameters.mean_price, name="mean_price")
        revenue = [lp @ plant.p - ls @ plant.s for (lp, ls), plant in zip(prices, self.plants, strict=True)]
        self.maximize(kg.sum([data.sell @ self.ds, -(data.buy @ self.dp), *revenue]))


def build(**parameters: Any) -> Game:
    """Return the game for the given :class:`Parameters`.

    Raises
    ------
    ProblemError
        Parameters out of range, or data whose followers need binaries (see :func:`check`).
    """
    return Game(Parameters(**parameters))


def outcomes() -> ModuleType:
    """Return the module beside this one that says what came out of a game: its functions take the game."""
    return kg.beside(__file__, "_carbon_vpp_report")


def report(result: Any) -> kg.Findings:
    """Return the outcomes, the paper's claims on these data, the prices, and where the data come from.

    Parameters
    ----------
    result : Result
        What ``kg.optimize(build(...))`` returned.

    Returns
    -------
    Findings
        Prints as text. Outcomes: DSO profit, costs of the VPPs, accounted and physical emissions, use of renewables,
        import and marginal price of carbon, with and without the DSO, with and without a price of carbon.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    if not hasattr(result.bilevel, "plants"):
        raise kg.ProblemError(f"report: {result.bilevel!r} was not made by carbon_vpp.build(...)")
    return outcomes().findings(result, _data())


PLOTS: dict[str, str] = dict(
    kg.beside(__file__, "_vpp_plots").PLOTS, emission="Emission the VPPs account for, by source"
)
"""Names and titles of :func:`plots`."""


def plots(result: Any) -> dict[str, Any]:
    """Return the plots of a result, as ``kktgen.plots`` describes them.

    Prices, dispatch, trade, state of charge, emission by source beside the quota.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game, draw = result.bilevel, kg.beside(__file__, "_vpp_plots")
    if not hasattr(game, "plants"):
        raise kg.ProblemError(f"plots: {game!r} was not made by carbon_vpp.build(...)")
    data, sol, run = game.case, result.solution, outcomes().played(game, result.solution)
    seed, hour = game.parameters.seed, data.hour
    origin = _data()["standing"].partition(":")[0] + " data"
    words = f"DSO profit {round(sol.objective, 6) + 0.0:.5g} kCNY; " + (
        origin if seed is None else f"drawn around {origin} (seed {seed})"
    )
    load, limits = (np.array(x) for x in zip(*((v.load, (v.soc_min, v.soc_max)) for v in data.vpps), strict=True))
    sources = {"micro turbine": run.g, "wind": run.wt, "sun": run.pv, "curtailed load": run.cl,
               "storage (discharge +)": run.dis - run.ch, "trade (purchase +)": run.net}  # fmt: skip
    return {
        "prices": draw.prices(hour, data.buy, data.sell, sol[game.lp], sol[game.ls], run.net, "kCNY/MWh", words),
        "dispatch": draw.dispatch(hour, load, sources, words),
        "trade": draw.trade(hour, run.net, sol[game.dp] - sol[game.ds], words),
        "charge": draw.charge(hour, run.soc, [vpp.home for vpp in data.vpps], limits, words),
        "emission": _emission(data, run, words),
    }


def _emission(data: Case, run: Any, subtitle: str) -> dict[str, Any]:
    """Return the accounted emission of every VPP by source, and its quota."""
    energy = {
        "turbine": run.g,
        "wind": run.wt,
        "pv": run.pv,
        "storage": np.abs(run.dis - run.ch),
        "trade": np.abs(run.net),
    }
    total = {word: series.sum(axis=1) for word, series in energy.items()}
    quota = sum(data.carbon.quota.get(word, 0.0) * amount for word, amount in total.items())
    titles = {"turbine": "micro turbine", "pv": "sun", "trade": "traded energy"}
    colors = {"turbine": "grey", "wind": "sky", "pv": "yellow", "storage": "purple", "trade": "blue"}
    series: list[dict[str, Any]] = [
        {
            "label": titles.get(word, word),
            "kind": "stack",
            "values": data.carbon.emission[word] * amount,
            "color": colors[word],
        }
        for word, amount in total.items()
    ]
    series.append({"label": "quota", "kind": "mark", "values": quota, "color": "black"})
    panel = {"quantity": "emission", "unit": "t CO2", "series": series}
    note = "Traded energy counts for its seller and its buyer, as the VPPs are charged for it."
    return {"title": PLOTS["emission"], "x": [f"VPP{j + 1}" for j in range(len(quota))], "xlabel": "VPP",
            "panels": [panel], "subtitle": subtitle, "note": note}  # fmt: skip
