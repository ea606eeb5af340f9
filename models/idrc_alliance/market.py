"""The hourly clearing of energy, capacity and mileage, and what the alliance owns and offers.

``declare_hour`` declares one follower, ``declare_alliance`` the leader's variables and rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import kktgen as kg


@dataclass(frozen=True, eq=False)
class Offers:
    """What the alliance offers (n, T): prices of sale, purchase, capacity and mileage, and the quantities."""

    sale: Any
    purchase: Any
    capacity: Any
    mileage: Any
    most_sale: kg.Affine
    most_purchase: kg.Affine
    most_capacity: kg.Affine


@dataclass(frozen=True, eq=False)
class Hour:
    """Variables of one clearing, its rows, and what the alliance earns there at the clearing prices.

    Gencos: ``p``, ``c``, ``m``; retailers: ``r``, ``rc``, ``rm``; outsiders: ``oc``, ``om``; members: ``s``, ``b``
    (energy sold and bought), ``ic``, ``im``; ``flow`` on the lines.
    """

    p: kg.Affine
    c: kg.Affine
    m: kg.Affine
    r: kg.Affine
    rc: kg.Affine
    rm: kg.Affine
    oc: kg.Affine | None
    om: kg.Affine | None
    s: kg.Affine
    b: kg.Affine
    ic: kg.Affine
    im: kg.Affine
    flow: kg.Affine
    balance: kg.Rows
    capacity: kg.Rows
    mileage: kg.Rows
    revenue: kg.Quad


@dataclass(frozen=True, eq=False)
class Alliance:
    """The members' own operation (n, W, T): wind, storage, exchange within, shortage and surplus, headroom."""

    wind: kg.Affine
    charge: kg.Affine
    discharge: kg.Affine
    level: kg.Affine
    exchange: kg.Affine | None
    short: kg.Affine
    surplus: kg.Affine
    of_storage: kg.Affine
    of_wind: kg.Affine


def limits(data: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the most a member can sell and buy (n, T): what it can deliver, and what it can use and store."""
    own, k, shape = data.idrcs, data.members, (len(data.members), len(data.hour))
    sale = own.wind.max(axis=(1, 2))[k] + own.power[k] if not data.resale else np.inf
    purchase = own.connection[k] if not data.resale else np.inf
    most = ((sale, data.most["sale"]), (purchase, data.most["purchase"]))
    sale, purchase = (np.broadcast_to(np.minimum(x, cap), shape[::-1]).T for x, cap in most)
    return sale, purchase


def declare_offers(problem: Any, data: Any, form: str) -> Offers:
    """Declare the alliance's offers; with form ``"quantities"`` there are no prices among them."""
    shape = (len(data.members), len(data.hour))
    sale, purchase = limits(data)
    # beyond the requirement capacity has no price, and S above the ratio keeps mileage free at the requirement
    capacity = np.minimum(data.most["capacity"], data.need)
    most = (("most_sale", sale), ("most_purchase", purchase), ("most_capacity", capacity))
    quantities = [problem.var(word, shape, lb=0, ub=ub) for word, ub in most]
    if form == "quantities":
        return Offers(0.0, 0.0, 0.0, 0.0, *quantities)
    words = (("sale", "energy"), ("purchase", "energy"), ("capacity", "capacity"), ("mileage", "mileage"))
    prices = [problem.var(f"{word}_price", shape, lb=0, ub=data.caps[cap]) for word, cap in words]
    problem.add(prices[0] >= prices[1], name="order")
    return Offers(*prices, *quantities)


def declare_hour(problem: Any, data: Any, offers: Offers, t: int, form: str) -> Hour:
    """Declare the clearing of hour t as a follower of ``problem``.

    Form ``"both"``: the members' offered quantities stand in its rows. ``"prices"``: there stand the most they can
    deliver or use, and the leader takes no more than it offers. ``"quantities"``: their dispatch is the leader's.
    """
    clearing = problem.follower(f"hour{data.hour[t]}")
    gencos, retailers = data.gencos, data.retailers
    p, c, m = _declare_party(clearing, gencos, t, ("p", "c", "m"), data.share)
    r, rc, rm = _declare_party(clearing, retailers, t, ("r", "rc", "rm"), data.share)
    s, b, ic, im = _declare_members(problem, clearing, data, offers, t, form)
    costs: list[Any] = [gencos.energy[:, t] @ p, -(retailers.energy[:, t] @ r)]
    costs += [x.capacity @ cap + x.mileage @ mil for x, cap, mil in ((gencos, c, m), (retailers, rc, rm))]
    if form != "quantities":
        costs += [offers.sale[:, t] @ s, -(offers.purchase[:, t] @ b), offers.capacity[:, t] @ ic]
        costs.append(offers.mileage[:, t] @ im)
    capacity, mileage = c.sum() + rc.sum() + ic.sum(), m.sum() + rm.sum() + im.sum()
    oc = om = None
    if len(data.outsiders):
        own, others = data.idrcs, data.outsiders
        oc, om = clearing.var("oc", len(others), lb=0), clearing.var("om", len(others), lb=0)
        clearing.add(oc <= own.outside[others], name="outside")
        clearing.add(om <= own.performance[others] * oc, name="outside_mileage")
        costs.append(own.capacity[others] @ oc + own.mileage[others] @ om)
        capacity, mileage = capacity + oc.sum(), mileage + om.sum()
    flow = _declare_flow(clearing, data)
    at = data.idrcs.bus[data.members]
    into = data.at(gencos.bus) @ p - data.at(retailers.bus) @ r + data.at(at) @ (s - b)
    balance = clearing.add(into - data.outflow @ flow == data.net_load[:, t], name="balance")
    capacity_row = clearing.add(capacity >= data.need[t], name="capacity")
    mileage_row = clearing.add(mileage >= data.ratio * data.need[t], name="mileage")
    clearing.minimize(kg.sum(costs))
    revenue = balance.dual[at] @ (s - b) + capacity_row.dual * ic.sum() + mileage_row.dual * im.sum()
    return Hour(p, c, m, r, rc, rm, oc, om, s, b, ic, im, flow, balance, capacity_row, mileage_row, revenue)


def _declare_party(clearing: Any, party: Any, t: int, words: tuple[str, str, str], share: float) -> list[kg.Affine]:
    """Declare Gencos or retailers: energy, capacity, mileage."""
    energy, capacity, mileage = (clearing.var(word, len(party.bus), lb=0) for word in words)
    most = party.most[:, t]
    clearing.add(energy + capacity <= most, name=f"{words[0]}_up")
    clearing.add(energy - capacity >= 0, name=f"{words[0]}_down")
    clearing.add(capacity <= share * most, name=f"{words[1]}_most")
    clearing.add(mileage <= party.performance * capacity, name=f"{words[2]}_most")
    return [energy, capacity, mileage]


def _declare_members(problem: Any, clearing: Any, data: Any, offers: Offers, t: int, form: str) -> list[kg.Affine]:
    """Declare the members' dispatch: sale, purchase, capacity, mileage."""
    hour, n = data.hour[t], len(data.members)
    performance = data.idrcs.performance[data.members]
    owner, tail = (problem, f"_{hour}") if form == "quantities" else (clearing, "")
    s, b, ic, im = (owner.var(word + tail, n, lb=0) for word in ("s", "b", "ic", "im"))
    owner.add(im <= performance * ic, name=f"im_most{tail}")
    offered = [(s + ic, offers.most_sale), (b, offers.most_purchase), (ic, offers.most_capacity)]
    names = ("s_most", "b_most", "ic_most")
    for name, (taken, most) in zip(names, offered, strict=True):
        holder = clearing if form == "both" else problem
        holder.add(taken <= most[:, t], name=name if form == "both" else f"{name}_{hour}")
    if form == "prices":
        sale, purchase = limits(data)
        clearing.add(s + ic <= sale[:, t], name="s_most")
        clearing.add(b <= purchase[:, t], name="b_most")
        clearing.add(ic <= min(data.most["capacity"], data.need[t]), name="ic_most")
    return [s, b, ic, im]


def _declare_flow(clearing: Any, data: Any) -> kg.Affine:
    """Declare flows: variables of their own on a tree, by angles on a mesh."""
    if data.radial:
        return clearing.var("flow", len(data.limit), lb=-data.limit, ub=data.limit)
    angle = clearing.var("angle", len(data.labels))
    clearing.add(angle[0] == 0, name="reference")
    flow = data.susceptance * (data.outflow.T @ angle)
    limited = np.isfinite(data.limit)
    if limited.any():
        clearing.add(kg.between(-data.limit[limited], flow[limited], data.limit[limited]), name="line")
    return flow


def declare_alliance(problem: Any, data: Any, offers: Offers, hours: tuple[Hour, ...]) -> Alliance:
    """Declare the members' operation in every scenario, and that their offers can be delivered in each."""
    own, k, rules = data.idrcs, data.members, data.storage
    wind, eta, window = own.wind[k], rules["efficiency"], rules["hours_of_capacity"]
    power = np.broadcast_to(own.power[k, None, None], wind.shape)
    size = np.broadcast_to(own.storage[k, None, None], wind.shape)
    home = rules["least"] * size
    used = problem.var("wind", wind.shape, lb=0, ub=wind)
    charge, discharge = (problem.var(word, wind.shape, lb=0, ub=power) for word in ("charge", "discharge"))
    level = problem.var("level", wind.shape, lb=home, ub=rules["most"] * size)
    short, surplus, of_storage, of_wind = (
        problem.var(word, wind.shape, lb=0) for word in ("short", "surplus", "of_storage", "of_wind")
    )
    net = kg.stack([hour.s - hour.b for hour in hours]).T.reshape(len(k), 1, len(hours))
    supply = used + discharge - charge + short - surplus
    exchange = None
    if len(k) > 1:
        exchange = problem.var("exchange", wind.shape)
        problem.add(exchange.sum(axis=0) == 0, name="exchange")
        supply = supply + exchange
    drawn = np.broadcast_to(own.drawn[k, None, :], wind.shape)
    problem.add(supply - net == drawn, name="own_balance")
    change = eta * charge - discharge / eta
    problem.add(level[:, :, 0] - change[:, :, 0] == home[:, :, 0], name="first_level")
    problem.add(level[:, :, -1] == home[:, :, -1], name="last_level")
    problem.add(of_storage + discharge - charge <= power, name="storage_power")
    problem.add(of_storage[:, :, 0] <= 0, name="first_energy")
    if len(hours) > 1:
        problem.add(level[:, :, 1:] - level[:, :, :-1] - change[:, :, 1:] == 0, name="level")
        energy = window * of_storage[:, :, 1:] - level[:, :, :-1]
        problem.add(energy <= -home[:, :, 1:], name="storage_energy")
    problem.add(of_wind + used <= wind, name="wind_power")
    promised = offers.most_capacity.reshape(len(k), 1, len(hours))
    problem.add(promised - of_storage - of_wind <= 0, name="deliverable")
    return Alliance(used, charge, discharge, level, exchange, short, surplus, of_storage, of_wind)
