"""Whether the followers of the low-carbon game are convex QPs without the paper's binaries, proved on the data."""

from __future__ import annotations

from typing import Any

import numpy as np

import kktgen as kg

ROUNDING = 1e-9
"""Figures below this are zero."""


def _refuse(vpp: Any, hour: str, condition: str, cure: str) -> kg.ProblemError:
    return kg.ProblemError(
        f"carbon_vpp: follower {vpp.name!r}, {hour}: {condition}, so the follower's own problem is not a convex QP "
        f"and its KKT conditions do not describe it. {cure}"
    )


def check(data: Any, margin: float = 0.0, exclusive: bool = False) -> None:
    """Refuse data for which the follower needs a binary: the conditions of the model's text, proved for all prices.

    Every condition is affine in the price of carbon, so its two extreme values decide.

    Parameters
    ----------
    data : Case
    margin : float
        Least ``lp - ls`` the leader may choose.
    exclusive : bool
        Whether the binary of trade is kept, which then needs no proof.

    Raises
    ------
    ProblemError
        Names the follower, the hour and the condition.
    """
    for vpp in data.vpps:
        if data.charged:
            _check_ladder(data.carbon, vpp)
        if not exclusive:
            _check_trade(data, vpp, margin)
        _check_storage(data, vpp)


def _check_ladder(carbon: Any, vpp: Any) -> None:
    """Refuse a carbon cost with a concave kink."""
    if carbon.surplus == "reward_ladder":
        raise _refuse(vpp, "all hours", "a reward that grows with the quota sold makes the carbon cost concave there",
                      "Take surplus='sell_at_base' or 'no_sale'")  # fmt: skip
    if (np.diff(carbon.prices, prepend=0.0) < 0).any():
        raise _refuse(vpp, "all hours", f"the carbon prices {carbon.prices.round(4).tolist()} must rise from step to "
                      "step and not be negative, or the carbon cost is not convex", "Take growth >= 0")  # fmt: skip


def _check_trade(data: Any, vpp: Any, margin: float) -> None:
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


def _check_storage(data: Any, vpp: Any) -> None:
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
