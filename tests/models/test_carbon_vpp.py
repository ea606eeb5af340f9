"""The low-carbon pricing game: its conditions, its cost, the optimum on record, emissions and the report."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import kktgen as kg
from kktgen import catalog
from kktgen.catalog import load_model
from kktgen.search import Responder

vpp_game = load_model("carbon_vpp")
out = vpp_game.outcomes()
RECORDS = {json.dumps(r["parameters"]): r for r in json.loads(out.PRICES.read_text(encoding="utf-8"))["cases"]}
DAY = RECORDS["{}"]


@dataclass(frozen=True)
class Result:
    """What a report reads of the recipe's result."""

    bilevel: kg.Bilevel
    solution: kg.Solution
    bound: float | None
    report: Any = None


def point(game: Any, lp: Any, ls: Any) -> np.ndarray:
    """Return the point at which all VPPs answer the given prices and the DSO trades the rest."""
    z = np.zeros(len(game.space))
    z[game.lp.cols], z[game.ls.cols] = np.broadcast_to(lp, game.lp.shape), np.broadcast_to(ls, game.ls.shape)
    z = Responder(game)(z)
    net = sum(plant.p.value(z) - plant.s.value(z) for plant in game.plants)
    z[game.dp.cols], z[game.ds.cols] = np.maximum(net, 0), np.maximum(-net, 0)
    return z


def at_prices(game: Any, lp: Any, ls: Any) -> Result:
    model, z = kg.kkt(game), point(game, lp, ls)
    return Result(game, kg.Solution("heuristic", model.value(z), None, z, 0.0, "responses", model), None)


def ordered_prices(game: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random prices lp >= ls inside the wholesale prices."""
    draw = np.sort(np.random.default_rng(seed).random((2, *game.lp.shape)), axis=0)
    low, high = game.case.sell, game.case.buy
    return low + draw[1] * (high - low), low + draw[0] * (high - low)


def alone(data: Any, j: int, lp: Any, ls: Any, binaries: bool) -> tuple[float, Any, kg.Solution]:
    """Return the least cost of VPP j at given prices, as a convex QP or with both direction binaries."""
    m = kg.Bilevel("alone")
    vpp = data.vpps[j]
    plant = vpp_game.declare(m, data, vpp, lp, ls)
    if binaries:
        hours = len(vpp.load)
        buys, charges = m.var("buys", hours, kind="B"), m.var("charges", hours, kind="B")
        m.add(plant.p <= vpp.trade_max * buys, plant.s <= vpp.trade_max * (1 - buys))
        m.add(plant.ch <= vpp.b_max * charges, plant.dis <= vpp.b_max * (1 - charges))
    solution = kg.solve(kg.kkt(m), "scip", gap=1e-8)
    return solution.objective, plant, solution


def prices_of(record: dict[str, Any], hours: int = 24) -> tuple[np.ndarray, np.ndarray]:
    return np.array(record["lp"])[:, -hours:], np.array(record["ls"])[:, -hours:]


# ---- the optimum


@pytest.mark.parametrize(
    "name", ["short_linear", *(pytest.param(name, marks=pytest.mark.slow) for name in ("short", "short_no_carbon"))]
)
def test_a_second_encoding_reaches_the_value_on_record(name: str) -> None:
    instance = catalog.load_instance(f"carbon_vpp/{name}")
    game = catalog.build(instance.model, instance.parameters)
    ready = kg.encode(kg.bound(kg.eliminate(kg.kkt(game))), kg.SOS1())
    solution = kg.solve(ready, "scip", time_limit=60)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(instance.known["objective"], abs=5e-6)


@pytest.mark.parametrize("parameters", RECORDS, ids=lambda text: text)
def test_prices_on_record_earn_the_proved_optimum_when_the_vpps_are_asked_again(parameters: str) -> None:
    record = RECORDS[parameters]
    game = vpp_game.build(**record["parameters"])
    result = at_prices(game, *prices_of(record))
    assert result.solution.objective == pytest.approx(record["profit"], abs=5e-5)
    known = [catalog.load_instance(name).known for name in catalog.instance_names("carbon_vpp")]
    assert min(abs(record["profit"] - one["objective"]) for one in known if "objective" in one) < 2e-6
    for row in game.rows:
        assert row.residual(result.solution.z).max() < 1e-9


# ---- what is left out is exact


@pytest.mark.parametrize("prices", ["optimal", "random"])
@pytest.mark.parametrize("j", [0, 1, 2])
def test_the_follower_is_the_problem_with_both_direction_binaries(j: int, prices: str) -> None:
    game = vpp_game.build()
    lp, ls = prices_of(DAY) if prices == "optimal" else ordered_prices(game, 11)
    relaxed, plant, solution = alone(game.case, j, lp[j], ls[j], binaries=False)
    exact, *_ = alone(game.case, j, lp[j], ls[j], binaries=True)
    assert relaxed == pytest.approx(exact, abs=1e-5)
    assert np.minimum(solution[plant.p], solution[plant.s]).max() < 1e-4


def test_a_sale_price_above_the_purchase_price_needs_the_binary_and_is_refused() -> None:
    data = vpp_game.case(vpp_game.Parameters(hours=6, trade_quad=0.0))
    low, high = data.sell, data.buy  # paid the purchase price for a sale, and the other way round
    relaxed, plant, solution = alone(data, 1, low, high, binaries=False)
    exact, *_ = alone(data, 1, low, high, binaries=True)
    assert relaxed < exact - 1e-2
    assert np.minimum(solution[plant.p], solution[plant.s]).max() > 1.0
    with pytest.raises(kg.ProblemError, match=r"'vpp1', hour 1: the trade-direction .* may be -0.1475"):
        vpp_game.build(margin=-1.0)
    with pytest.raises(kg.ProblemError, match="trade-direction binary"):
        vpp_game.build(margin=-0.01, carbon=False)


def test_a_sale_price_a_little_above_is_no_harm_while_trade_pays_for_carbon() -> None:
    """Lp - ls may fall to -2 lam_1 n_tr = -0.2525."""
    vpp_game.build(margin=-0.25, hours=6)
    with pytest.raises(kg.ProblemError, match="trade-direction binary"):
        vpp_game.build(margin=-0.255, hours=6)
    data = vpp_game.case(vpp_game.Parameters(hours=6))
    lp = data.sell + 0.1
    relaxed, plant, solution = alone(data, 1, lp, lp + 0.25, binaries=False)
    assert relaxed == pytest.approx(alone(data, 1, lp, lp + 0.25, binaries=True)[0], abs=1e-5)
    assert np.minimum(solution[plant.p], solution[plant.s]).max() < 1e-4


def test_a_quota_above_the_emission_of_trade_is_refused() -> None:
    parameters = vpp_game.Parameters(hours=6, trade_quota=1.6, trade_quad=0.0)
    data = vpp_game.case(parameters)
    _, plant, solution = alone(data, 0, data.buy, data.sell + 0.9 * (data.buy - data.sell), binaries=False)
    assert np.minimum(solution[plant.p], solution[plant.s]).max() > 10.0
    with pytest.raises(kg.ProblemError, match=r"'vpp1', hour 19: the trade-direction .* quota of traded energy, 1.6"):
        vpp_game.Game(parameters)
    vpp_game.build(hours=6, trade_quota=1.6, carbon=False)  # nobody pays, nobody washes


def test_quota_sold_at_a_rising_price_is_refused() -> None:
    with pytest.raises(kg.ProblemError, match="'vpp1', all hours: a reward that grows"):
        vpp_game.build(surplus="reward_ladder")
    with pytest.raises(kg.ProblemError, match="'vpp1', all hours: the carbon prices .* must rise"):
        vpp_game.build(growth=-0.1)
    vpp_game.build(growth=-0.1, carbon=False, hours=6)


@pytest.mark.parametrize("surplus", ["sell_at_base", "no_sale"])
def test_a_storage_with_losses_never_charges_and_discharges_at_once(surplus: str) -> None:
    game = vpp_game.build(efficiency=0.9, surplus=surplus)
    for seed in (1, 2):
        run = out.respond(game, *ordered_prices(game, seed))
        assert np.minimum(run.ch, run.dis).max() < 1e-8
        assert run.ch.max() > 0.1
    flow = (0.9 * run.ch - run.dis / 0.9) / np.array([[vpp.capacity] for vpp in game.case.vpps])
    assert np.diff(run.soc, prepend=0.4) == pytest.approx(flow, abs=1e-8)


def test_a_storage_that_may_lose_energy_at_a_profit_is_refused() -> None:
    """With a certificate of 5 kCNY/MWh and a narrow connection, losses make room for wind."""
    data = vpp_game.case(vpp_game.Parameters(efficiency=0.9))
    vpp_game.check(data)
    narrow = replace(data, certificate=5.0, vpps=tuple(replace(vpp, trade_max=6.0) for vpp in data.vpps))
    relaxed, plant, solution = alone(narrow, 2, data.buy, data.sell, binaries=False)
    exact, *_ = alone(narrow, 2, data.buy, data.sell, binaries=True)
    assert relaxed < exact - 1e-2
    assert np.minimum(solution[plant.ch], solution[plant.dis]).max() > 0.1
    with pytest.raises(kg.ProblemError, match="'vpp3', hour 1: the charge-direction binary"):
        vpp_game.check(replace(narrow, vpps=narrow.vpps[2:]))
    with pytest.raises(kg.ProblemError, match="'vpp1', hour 1: the charge-direction binary .* may be -0.1"):
        vpp_game.build(efficiency=0.5)


# ---- the follower


def test_costs_are_the_formulas() -> None:
    m = vpp_game.build(hours=6, vpps=2, seed=5, wear=0.03)
    z = np.random.default_rng(0).random(len(m.space))
    data, vpp, plant = m.case, m.case.vpps[1], m.plants[1]
    lp, ls, dp, ds = (e.value(z) for e in (m.lp, m.ls, m.dp, m.ds))
    p, s, g, ch, dis, pv, wt, cl = (getattr(plant, w).value(z) for w in ("p", "s", "g", "ch", "dis", "pv", "wt", "cl"))
    d = z[[c for c in m.followers[1].columns if "(vpp2,d," in m.space.label(c) or m.space.label(c).startswith("d(")]]
    assert len(d) == 5
    cost = lp[1] @ p - ls[1] @ s + 0.002 * (p @ p + s @ s) + vpp.a * g @ g + vpp.bm * g.sum() + vpp.c
    cost += 0.01 * pv.sum() + 0.012 * wt.sum() + 0.01 * (ch + dis).sum() + 0.03 * (ch @ ch + dis @ dis)
    cost += 0.8 * cl.sum() - 0.05 * (pv + wt).sum() + d @ [0.25, 0.3125, 0.375, 0.4375, 0.5]
    assert plant.cost.value(z) == pytest.approx(cost)
    trade = sum(lp[j] @ one.p.value(z) - ls[j] @ one.s.value(z) for j, one in enumerate(m.plants))
    assert -m.objective.value(z) == pytest.approx(data.sell @ ds - data.buy @ dp + trade)


@pytest.mark.parametrize("quota", [0.798, 1.29])
@pytest.mark.parametrize("surplus", ["sell_at_base", "no_sale"])
def test_carbon_is_charged_by_the_ladder(surplus: str, quota: float) -> None:
    """What carbon costs, computed from the emissions alone; steps fill in order; the price is that of the last step."""
    game = vpp_game.build(surplus=surplus, trade_quota=quota)
    z = point(game, *ordered_prices(game, 3))
    spare = 0
    n = {"p": 1.303 - quota, "s": 1.303 - quota, "g": 0.1407, "pv": 0.0765, "wt": -0.035, "ch": 0.0913, "dis": 0.0913}
    for j, plant in enumerate(game.plants):
        excess = sum(factor * getattr(plant, word).value(z).sum() for word, factor in n.items())
        lam = 0.25 * (1 + 0.25 * np.arange(5))
        paid = lam @ np.clip(excess - 4 * np.arange(5), 0, [4, 4, 4, 4, np.inf])
        step = lam[min(int(excess // 4), 4)]
        if excess < 0:
            spare += 1
            paid, step = (0.0, 0.0) if surplus == "no_sale" else (0.25 * excess, 0.25)
        free = replace(game.case, charged=False)
        bare = vpp_game.declare(kg.Bilevel("bare"), free, game.case.vpps[j], game.lp[j].value(z), game.ls[j].value(z))
        words = ("p", "s", "g", "ch", "dis", "soc", "pv", "wt", "cl")
        same = np.concatenate([getattr(plant, word).value(z) for word in words])
        assert plant.cost.value(z) - bare.cost.value(same) == pytest.approx(paid, abs=1e-6)
        price = out.operation(game, lambda e: e.value(z)).carbon_price[j, 0]
        kink = abs(excess / 4 - round(excess / 4)) < 1e-6
        assert kink or price == pytest.approx(step, abs=1e-6)
        assert 0.25 * (surplus != "no_sale") - 1e-9 <= price <= 0.5 + 1e-9
    assert spare == 0 if quota < 1 else spare > 0


def test_payments_are_the_expression_without_products() -> None:
    """Strong duality and complementarity: lp'p - ls's = b'nu - h'mu - c'x - x'Q x for every VPP."""
    game = vpp_game.build()
    z = point(game, *prices_of(DAY))
    for j, (plant, follower) in enumerate(zip(game.plants, game.followers, strict=True)):
        qp = follower.qp()
        y, nu, mu = z[qp.y], z[qp.lam], z[qp.mu]
        paid = game.lp[j].value(z) @ plant.p.value(z) - game.ls[j].value(z) @ plant.s.value(z)
        assert qp.b @ nu - qp.h @ mu - qp.q @ y - y @ (qp.P @ y) == pytest.approx(paid, abs=1e-6)


def test_no_vpp_loses_by_the_game() -> None:
    game = vpp_game.build()
    without = out.respond(game, game.case.buy, game.case.sell)
    assert (out.respond(game, *prices_of(DAY)).cost <= without.cost).all()
    for seed in range(3):
        assert (out.respond(game, *ordered_prices(game, seed)).cost <= without.cost + 1e-7).all()


# ---- the family


def powertech() -> Any:
    """Return the case of Wang, Zhang, Badesa (PowerTech 2025): the same VPPs without carbon, sun and curtailment."""
    data = vpp_game.case(vpp_game.Parameters(carbon=False, trade_quad=0.0, wear=0.05))
    none = {word: 0.0 for word in data.upkeep}
    vpps = tuple(replace(vpp, pv=0 * vpp.pv, trade_max=10.0) for vpp in data.vpps)
    return replace(data, vpps=vpps, upkeep=none, certificate=0.0, share=0.0)


def test_without_carbon_it_is_the_case_of_another_paper() -> None:
    data = powertech()
    game = vpp_game.Game(vpp_game.Parameters(carbon=False, prices="uniform"), data)
    run = out.respond(game, data.buy, data.sell)
    assert run.cost == pytest.approx([39.4691, 9.1820, 35.8701], abs=1e-4)
    assert (data.buy * run.net.clip(0) - data.sell * (-run.net).clip(0)).sum() == pytest.approx(53.70, abs=1e-2)


@pytest.mark.slow
def test_without_carbon_it_has_the_optimum_of_another_paper() -> None:
    result = kg.optimize(vpp_game.Game(vpp_game.Parameters(carbon=False, prices="uniform"), powertech()))
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(11.34333, abs=2e-5)


def test_sizes() -> None:
    game = vpp_game.build()
    assert [len(follower.columns) for follower in game.followers] == [9 * 24 + 5] * 3
    assert [len(follower.qp().lam) for follower in game.followers] == [24 + 24 + 1 + 1 + 10] * 3  # 10: no sun at night
    assert game.lp.shape == (3, 24)
    assert vpp_game.build(prices="uniform").lp.shape == (24,)


def test_every_day_has_its_own_carbon_account() -> None:
    two = vpp_game.build(hours=48, vpps=1)
    one = vpp_game.build(vpps=1)
    assert two.plants[0].account.dual.shape == (2,)
    run, day = (out.respond(game, game.case.buy, game.case.sell) for game in (two, one))
    ramped = 2 * day.cost - run.cost  # the ramp couples the days
    assert abs(ramped[0]) < 1e-2
    assert run.soc[0, [23, 47]] == pytest.approx([0.4, 0.4])


def test_the_family_grows_without_changing_what_is_there() -> None:
    three, five = (vpp_game.case(vpp_game.Parameters(vpps=n, seed=7)) for n in (3, 5))
    other = vpp_game.case(vpp_game.Parameters(vpps=3, seed=8))
    for a, b, c in zip(three.vpps, five.vpps, other.vpps, strict=False):
        assert (a.load == b.load).all() and (a.pv == b.pv).all() and a.a == b.a
        assert (a.load != c.load).any()


def test_drawn_vpps_can_always_buy_their_load() -> None:
    data = vpp_game.case(vpp_game.Parameters(vpps=40, seed=1, spread=0.9))
    vpp_game.check(data)
    for vpp in data.vpps:
        assert (vpp.load <= vpp.trade_max).all()
        assert min(vpp.load.min(), vpp.wind.min(), vpp.pv.min()) >= 0
        assert min(vpp.a, vpp.bm, vpp.g_max, vpp.b_max, vpp.capacity, vpp.up, vpp.down) > 0


def test_a_cap_on_the_mean_price() -> None:
    game = vpp_game.build(hours=6, mean_price=0.6)
    row = next(row for row in game.rows if row.name == "mean_price")
    z = np.zeros(len(game.space))
    z[game.lp.cols] = 0.7
    assert row.residual(z) == pytest.approx([0.6] * 3)


@pytest.mark.parametrize(
    "wrong",
    [{"vpps": 0}, {"hours": 25}, {"hours": 1}, {"prices": "none"}, {"spread": 1.0}, {"trade_quad": -1.0},
     {"surplus": "some"}, {"efficiency": 0.0}, {"efficiency": 1.1}, {"wear": -1.0}],
)  # fmt: skip
def test_parameters_out_of_range_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(kg.ProblemError, match=f"carbon_vpp: {next(iter(wrong))} is"):
        vpp_game.build(**wrong)


# ---- data and report


def test_every_number_says_where_it_comes_from() -> None:
    data = json.loads(vpp_game.DATA.read_text(encoding="utf-8"))
    assert "reconstructed" in data["standing"]
    said = " ".join(row[0] for row in data["provenance"])
    words = {"wholesale", "load", "wind", "pv", "micro_turbine", "storage", "trade_max", "curtailment", "upkeep"}
    assert all(word in said for word in words | {"certificate", "emission", "quota", "carbon"})


def test_emissions_count_internal_trade_twice_or_not_at_all() -> None:
    """Two VPPs trade 3 MWh with each other, and 1 MWh comes from outside."""
    data = vpp_game.case(vpp_game.Parameters(vpps=2, hours=2))
    zero = np.zeros((2, 2))
    p, s = np.array([[4.0, 0.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [3.0, 0.0]])
    run = out.Operation(p, s, 2 + zero, zero, 1 + zero, zero, 3 + zero, 4 + zero, zero, np.zeros(2))
    own = 4 * (2 * 0.5647 + 3 * 0.1545 + 4 * 0.043 + 0.0913)
    assert run.emission(data) == pytest.approx((own + 7 * 1.303, own + 1.303))
    assert out.profit(data, run, data.buy, data.sell) == pytest.approx((data.buy[0] * 3) - data.sell[0] * 3)


def test_report_of_the_day() -> None:
    game = vpp_game.build()
    found = vpp_game.report(at_prices(game, *prices_of(DAY)))
    outcomes, claims, prices, data = found.tables
    lines = {row[0]: row[1:] for row in outcomes.rows}
    assert lines["carbon on, no DSO"][:5] == ("-", "39.137", "4.083", "31.480", "74.700")
    assert lines["carbon on, the game"][:8] == (
        "5.74684",
        "39.110",
        "3.941",
        "30.856",
        "73.907",
        "189.9",
        "72.5",
        "91.1",
    )
    assert lines["carbon on, the game"][-1] == "0.500 0.438 0.500"
    assert lines["carbon off, the game (prices on record)"][0] == "11.59284"
    held = {row[0]: row[2] for row in claims.rows}
    assert held["win-win: the game serves the DSO and every VPP"] == "yes"
    assert held["the game: emission falls, accounted"] == "no"
    assert held["the game: emission falls, physical"] == "yes"
    assert held["carbon price, with the DSO: emission falls, physical"] == "yes"
    assert held["carbon price, with the DSO: more renewables are used"] == "no"
    assert len(prices.rows) == 24
    assert len(data.rows) == 11
    assert str(found).startswith("Data reconstructed")
    assert "optimistic" not in str(found)
    assert json.loads(json.dumps(found.to_dict()))["tables"][0]["title"] == "Outcomes"


def test_report_leaves_open_what_it_cannot_judge_and_says_where_ties_decide() -> None:
    game = vpp_game.build(hours=6, trade_quad=0.0)
    result = at_prices(game, game.case.buy, game.case.sell)
    found = vpp_game.report(replace(result, solution=replace(result.solution, objective=1.0)))
    held = {row[0]: row[2] for row in found.tables[1].rows}
    assert held["carbon price, with the DSO"] == "open"
    assert "the value is optimistic; trade_quad = 0.002 makes" in found.tables[0].note


def test_report_refuses_another_problem() -> None:
    game = vpp_game.build(hours=2)
    result = at_prices(game, game.case.buy, game.case.sell)
    with pytest.raises(kg.ProblemError, match="carbon_vpp"):
        vpp_game.report(replace(result, bilevel=kg.Bilevel("other")))


def test_with_the_binary_of_trade_the_vpps_respond_as_without_it():
    plain, exclusive = (vpp_game.build(vpps=1, hours=3, exclusive=word) for word in (False, True))
    assert (exclusive.space.kind != "C").sum() == 3
    result = kg.optimize(exclusive, time_limit=60)
    assert result.report.ok
    other = kg.optimize(plain, time_limit=60)
    assert result.solution.objective == pytest.approx(other.solution.objective, abs=1e-4)
    for plant in exclusive.plants:
        p, s = result.solution[plant.p], result.solution[plant.s]
        assert np.minimum(p, s).max() < 1e-6
    assert "DSO profit" in str(vpp_game.report(result))


def test_with_the_binary_of_trade_data_are_taken_that_need_it():
    with pytest.raises(kg.ProblemError, match="trade-direction binary"):
        vpp_game.build(vpps=1, hours=3, trade_quota=1.6)
    assert vpp_game.build(vpps=1, hours=3, trade_quota=1.6, exclusive=True).followers
