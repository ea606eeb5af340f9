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

Two binaries of the paper are left out (``exclusive=True`` keeps the first): trade goes one way, the storage goes one
way. That is exact where going both ways at once never pays a VPP, which :func:`check` proves on the data before
anything is built:

* trade: lp_t - ls_t + 2 pi n_tr > 0 for every price of carbon pi that is possible;
* storage: (k_es + pi n_es)(1 + e) + nu_t (1 - e) > 0 with e = eta^2 and the least price of energy nu_t.

Source of the structure: the low-carbon multi-VPP Stackelberg game of Energies 19(8):1821, 2026. Its case study was not
at hand: all data are reconstructed, see ``provenance`` in the data file. With psi = 0, as in the paper, VPPs are often
indifferent, and the optimum rests on their goodwill; psi = 0.002 makes their response unique. Units: MW, MWh, kCNY,
t CO2.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import numpy as np

import kktgen as kg

_case = kg.beside(__file__, "case")
DATA, DAY, case = _case.DATA, _case.DAY, _case.case
check = kg.beside(__file__, "check").check


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
    exclusive : bool
        Keep the paper's binary of trade: an hour sees a purchase or a sale, never both. The VPPs have integer variables
        then, and no price of carbon is reported. Where :func:`check` would pass, it changes no response.
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
    exclusive: bool = False

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


def declare(owner: Any, data: Any, vpp: Any, buy: Any, sell: Any, exclusive: bool = False) -> Plant:
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
    if exclusive:
        buys = owner.var("buys", hours, kind="B")
        owner.add(p <= vpp.trade_max * buys, s <= vpp.trade_max * (1 - buys), name="one_way")
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
        account = None if exclusive else account
        parts.append(ladder)
    cost = kg.sum(parts)
    owner.minimize(cost)
    return Plant(p, s, g, ch, dis, soc, pv, wt, cl, cost, account)


def _ladder(owner: Any, data: Any, vpp: Any, excess: Any) -> tuple[kg.Rows, Any]:
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


def _reach(data: Any, vpp: Any) -> tuple[np.ndarray, np.ndarray]:
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

    def __init__(self, parameters: Parameters, data: Any = None) -> None:
        super().__init__("carbon_vpp")
        self.parameters = parameters
        self.case = data = case(parameters) if data is None else data
        check(data, parameters.margin, parameters.exclusive)
        hours, vpps, uniform = len(data.hour), data.vpps, parameters.prices == "uniform"
        shape = hours if uniform else (len(vpps), hours)
        most = sum(vpp.trade_max for vpp in vpps)
        self.lp = self.var("lp", shape, lb=data.sell, ub=data.buy)
        self.ls = self.var("ls", shape, lb=data.sell, ub=data.buy)
        self.dp = self.var("dp", hours, lb=0, ub=most)
        self.ds = self.var("ds", hours, lb=0, ub=most)
        prices = [(self.lp, self.ls) if uniform else (self.lp[j], self.ls[j]) for j in range(len(vpps))]
        self.plants = tuple(
            declare(self.follower(vpp.name), data, vpp, *pair, parameters.exclusive)
            for vpp, pair in zip(vpps, prices, strict=True)
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
    return kg.beside(__file__, "report")


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
    return outcomes().findings(result, _case.data())


PLOTS: dict[str, str] = dict(
    kg.beside(__file__, "../common/vpp_plots").PLOTS, emission="Emission the VPPs account for, by source"
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
    if not hasattr(result.bilevel, "plants"):
        raise kg.ProblemError(f"plots: {result.bilevel!r} was not made by carbon_vpp.build(...)")
    return kg.beside(__file__, "plots").plots(result, sys.modules[__name__])
