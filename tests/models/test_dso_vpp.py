"""The DSO-VPP game: its sizes, its family, Mode 1, and the paper's tables at the published optimum."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

import kktgen as kg
from kktgen.catalog import load_model
from kktgen.search import Responder
from kktgen.verification.ties.leader_game import play
from kktgen.verification.ties.max_min import least

ROOT = Path(__file__).parents[2]
dso = load_model("dso_vpp")
needs_solve = pytest.mark.skipif(not hasattr(kg, "solve"), reason="kg.solve is missing")
needs_optimize = pytest.mark.skipif(not hasattr(kg, "optimize"), reason="kg.optimize is missing")

# The DSO's optimal prices in the published case (100 EUR/MWh), hours 1 to 24.
BUY = [0.4] * 7 + [0.4542857, 0.35, 0.35, 0.59, 0.7402549, 0.7594118, 0.7970588] + [0.75] * 4 + [1.2] * 4 + [0.4, 0.38]
SELL = [0.0] * 7 + [0.35, 0.35, 0.35, 0.385, 0.5, 0.5, 0.5, 0.35, 0.35, 0.75, 0.75]
SELL += [0.899707, 1.0978099, 1.1178594, 1.0944931, 0.4, 0.0]


@dataclass(frozen=True)
class Result:
    """What a report reads of the recipe's result."""

    bilevel: kg.Bilevel
    solution: kg.Solution
    bound: float | None
    report: Any = None


def at_prices(game: Any, buy: np.ndarray, sell: np.ndarray) -> Result:
    """Return the point at which all VPPs answer the given prices and the DSO trades the rest."""
    run, data = dso.respond(game.case, buy, sell), game.case
    model = kg.kkt(game)
    z = np.zeros(model.n)
    net = (run.p - run.s).sum(axis=0)
    z[game.lp.cols], z[game.ls.cols] = buy, sell
    z[game.dp.cols], z[game.ds.cols] = np.maximum(net, 0), np.maximum(-net, 0)
    for j, plant in enumerate(game.plants):
        for word in ("p", "s", "g", "b", "soc", "w"):
            z[getattr(plant, word).cols] = getattr(run, word)[j]
    profit = data.sell @ np.maximum(-net, 0) - data.buy @ np.maximum(net, 0) + (buy * run.p - sell * run.s).sum()
    assert model.value(z) == pytest.approx(profit, abs=1e-9)
    assert game.rows[0].residual(z).max() < 1e-6
    return Result(game, kg.Solution("heuristic", model.value(z), None, z, 0.0, "responses", model), None)


def test_published_sizes() -> None:
    m = dso.build()
    kkt = kg.kkt(m)
    assert len(kkt.kkt.y) == 432
    assert len(kkt.kkt.lam) == 147
    assert len(kkt.pairs) == 1002
    assert m.lp.size + m.ls.size == 48
    assert (m.space.kind == "C").all()
    assert kkt.features == {"pairs", "qobj_nonconvex"}


def test_published_netting_adds_one_binary_an_hour_and_the_big_m_of_the_paper() -> None:
    m = dso.build(netting="published")
    big = json.loads(dso.DATA.read_text(encoding="utf-8"))["big_m"]
    assert np.count_nonzero(m.space.kind == "B") == 24
    only_buys = next(rows for rows in m.rows if rows.name == "only_buys")
    assert set(np.abs(only_buys.M.data)) == {1.0, float(big)}


@pytest.mark.parametrize(("hours", "equations", "pairs"), [(6, 39, 246), (24, 147, 1002), (48, 294, 2010)])
def test_every_day_ends_at_home_level(hours: int, equations: int, pairs: int) -> None:
    kkt = kg.kkt(dso.build(hours=hours))
    assert len(kkt.kkt.lam) == equations
    assert len(kkt.pairs) == pairs


def test_short_case_is_the_end_of_the_day() -> None:
    whole, short = dso.case(dso.Parameters()), dso.case(dso.Parameters(hours=6))
    assert list(short.hour) == [19, 20, 21, 22, 23, 24]
    assert (short.buy == whole.buy[-6:]).all()
    assert (short.vpps[2].load == whole.vpps[2].load[-6:]).all()


def test_the_family_grows_without_changing_what_is_there() -> None:
    three, five = (dso.case(dso.Parameters(vpps=n, seed=7)) for n in (3, 5))
    other = dso.case(dso.Parameters(vpps=3, seed=8))
    for a, b, c in zip(three.vpps, five.vpps, other.vpps, strict=False):
        assert (a.load == b.load).all() and a.a == b.a
        assert (a.load != c.load).any()
    copies = dso.case(dso.Parameters(vpps=4))
    assert (copies.vpps[3].load == copies.vpps[0].load).all()


def test_drawn_vpps_can_always_buy_their_load() -> None:
    data = dso.case(dso.Parameters(vpps=60, seed=1, spread=0.9))
    for vpp in data.vpps:
        assert (vpp.load <= vpp.trade_max).all() and (vpp.load >= 0).all() and (vpp.wind >= 0).all()
        assert min(vpp.a, vpp.bm, vpp.g_max, vpp.b_max, vpp.capacity, vpp.up) > 0
        assert vpp.down < 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"vpps": 0}, "vpps"), ({"hours": 25}, "hours"), ({"hours": 1}, "hours"), ({"hours": 0}, "hours"),
     ({"netting": "none"}, "netting"), ({"spread": 1.0}, "spread")],
)  # fmt: skip
def test_parameters_out_of_range_are_refused_by_name(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(kg.ProblemError, match=said):
        dso.build(**wrong)


def test_costs_are_the_formulas() -> None:
    m = dso.build(hours=6, vpps=2, seed=5)
    z = np.random.default_rng(0).random(len(m.space))
    vpp, plant = m.case.vpps[1], m.plants[1]
    lp, ls, dp, ds = (e.value(z) for e in (m.lp, m.ls, m.dp, m.ds))
    p, s, g, b = (e.value(z) for e in (plant.p, plant.s, plant.g, plant.b))
    cost = lp @ p - ls @ s + vpp.a * g @ g + vpp.bm * g.sum() + vpp.wear * b @ b + vpp.c
    assert plant.cost.value(z) == pytest.approx(cost)
    trade = sum(lp @ one.p.value(z) - ls @ one.s.value(z) for one in m.plants)
    assert -m.objective.value(z) == pytest.approx(m.case.sell @ ds - m.case.buy @ dp + trade)


def test_dynamics_rows() -> None:
    m = dso.build(hours=48)
    vpp, plant, T = m.case.vpps[2], m.plants[2], 48
    qp = m.followers[2].qp()
    y = np.random.default_rng(1).random(qp.ny)
    z = np.zeros(len(m.space))
    z[qp.y] = y
    p, s, g, b, soc, w = (getattr(plant, word).value(z) for word in ("p", "s", "g", "b", "soc", "w"))
    residual = qp.A @ y - qp.b
    before = np.concatenate([[vpp.home], soc[:-1]])
    assert residual[:T] == pytest.approx(p - s + g + b + w - vpp.load)
    assert residual[T : 2 * T] == pytest.approx(soc - before + b / vpp.capacity)
    assert residual[2 * T :] == pytest.approx(soc[[23, 47]] - vpp.home)


def test_dominance_adds_one_row_an_hour_and_is_off_by_default() -> None:
    plain, with_rows = dso.build(hours=6), dso.build(hours=6, dominance=True)
    assert len(plain.rows) + 1 == len(with_rows.rows)
    rows = next(rows for rows in with_rows.rows if rows.name == "dominance")
    assert rows.M.shape[0] == 6
    z = np.zeros(len(with_rows.space))
    z[with_rows.lp.cols], z[with_rows.ls.cols] = 0.5, [0.5, 0.4, 0.6, 0.5, 0.0, 0.9]
    assert rows.residual(z) == pytest.approx([0, 0, 0.1, 0, 0, 0.4])


def earned(game: Any, model: kg.Model, responder: Any, lp: np.ndarray, ls: np.ndarray) -> float:
    """Return what the DSO earns at given prices, the VPPs' ties broken in its favour."""
    z = np.zeros(responder.n)
    z[game.lp.cols], z[game.ls.cols] = lp, ls
    z = responder(z)
    net = sum(z[plant.p.cols] - z[plant.s.cols] for plant in game.plants)
    z[game.dp.cols], z[game.ds.cols] = np.maximum(net, 0.0), np.maximum(-net, 0.0)
    ties = play(model, z)
    return -(least(ties.whole, ties.cost, ties.integer).value + ties.constant)


@pytest.mark.parametrize(
    ("hours", "count"),
    [(6, 20), pytest.param(6, 200, marks=pytest.mark.slow), pytest.param(24, 40, marks=pytest.mark.slow)],
)
def test_exchanging_prices_where_selling_pays_more_than_buying_costs_raises_the_profit(hours: int, count: int) -> None:
    """By what every VPP no longer earns by buying and selling at once: the difference of the prices times the limit."""
    game, rng = dso.build(hours=hours), np.random.default_rng(0)
    responder, data, model = Responder(game), game.case, kg.kkt(game)
    limit = sum(vpp.trade_max for vpp in data.vpps)
    crossed = 0
    for _ in range(count):
        share = np.clip(rng.uniform(-0.3, 1.3, (2, hours)), 0.0, 1.0)  # many at their bounds, where VPPs have ties
        lp, ls = data.sell + share * (data.buy - data.sell)
        crossed += bool((ls > lp).any())
        before = earned(game, model, responder, lp, ls)
        after = earned(game, model, responder, np.maximum(lp, ls), np.minimum(lp, ls))
        assert after - before == pytest.approx(limit * np.maximum(ls - lp, 0.0).sum(), abs=1e-5)
    assert crossed > 0.7 * count


def test_the_limit_of_the_connection_binds_where_nobody_buys_and_sells_at_once() -> None:
    """VPP 3 needs more than the connection lets through in hour 18: dominance does not settle these pairs."""
    game, hour = dso.build(dominance=True), 17
    responder, vpp, plant = Responder(game), game.case.vpps[2], game.plants[2]
    z = np.zeros(responder.n)
    z[game.lp.cols], z[game.ls.cols] = BUY, SELL
    z[game.lp.cols[hour]] = z[game.ls.cols[hour]] = 0.35
    assert game.case.sell[hour] == 0.35 and vpp.load[hour] + vpp.b_max > vpp.trade_max
    z = responder(z)
    p, s = z[plant.p.cols[hour]], z[plant.s.cols[hour]]
    assert p == pytest.approx(vpp.trade_max) and s == pytest.approx(0.0, abs=1e-9)
    qp = responder.qps[2]
    y, x = z[qp.y], z[qp.x]
    slack, own = qp.h - qp.G @ y - qp.H @ x, int(np.flatnonzero(qp.y == plant.p.cols[hour])[0])
    limit = int(np.flatnonzero(qp.G.toarray()[:, own] > 0)[0])
    system = np.hstack([qp.A.toarray().T, -qp.G.toarray().T])  # all multipliers of this response
    boxes = [(None, None)] * len(qp.b) + [(0.0, None if one < 1e-7 else 0.0) for one in slack]
    cost = np.eye(system.shape[1])[len(qp.b) + limit]
    least = linprog(cost, A_eq=system, b_eq=qp.gradient(y, x), bounds=boxes).fun
    assert least == pytest.approx(0.11, abs=1e-6)


@needs_optimize
def test_dominance_keeps_the_optimum_of_the_short_case() -> None:
    result = kg.optimize(dso.build(hours=6, dominance=True), time_limit=60)
    assert result.solution.objective == pytest.approx(1.33145, abs=2e-5)
    assert result.report.claim == "optimal"


@needs_solve
def test_mode1_meets_the_paper() -> None:
    run, data = dso.mode1(dso.Parameters()), dso.case(dso.Parameters())
    assert run.cost == pytest.approx([39.4691, 9.1820, 35.8701], abs=1e-4)
    assert (data.buy * run.purchase - data.sell * run.sale).sum() == pytest.approx(53.6986, abs=1e-3)
    assert np.minimum(run.p, run.s).max() < 1e-6  # buying and selling in one hour would cost money


@needs_solve
def test_report_at_the_published_optimum_meets_every_figure() -> None:
    """A sale price of 1e-4 instead of 0 makes the VPPs sell, not curtail, surplus wind; it costs the DSO 0.005."""
    sell = np.array(SELL)
    result = at_prices(dso.build(), np.array(BUY), np.where(sell == 0, 1e-4, sell))
    assert result.solution.objective == pytest.approx(11.3387, abs=2e-4)
    out = dso.report(result)
    assert out.compared == 146
    assert out.matched == 146
    text = str(out)
    assert [table.title.split(":")[0] for table in out.tables[:4]] == ["Table II", "Table III", "Table IV", "Table V"]
    assert "wholesale   5.370   5.370   4.152   4.152" in text
    assert "tie" in text and "not reproduced" in text
    assert json.loads(json.dumps(out.to_dict()))["tables"][0]["rows"][3] == ["DSO", "-", "-", "1.134", "1.134"]


@needs_solve
def test_report_counts_figures_that_are_missed() -> None:
    """At wholesale prices nothing changes against Mode 1, and the published changes are missed."""
    game = dso.build()
    out = dso.report(at_prices(game, game.case.buy, game.case.sell))
    assert out.compared == 146
    assert out.matched < 120


@needs_solve
def test_report_of_other_parameters_has_no_paper_columns() -> None:
    game = dso.build(hours=6, vpps=8, seed=2)
    out = dso.report(at_prices(game, game.case.buy, game.case.sell))
    assert out.compared == 0
    assert len(out.tables) == 2 + 6  # profits, prices, and the first six VPPs
    assert all("paper" not in table.header for table in out.tables)
    assert out.tables[0].rows[-3][0] == "all 8 VPPs"
    assert out.tables[1].note == "no hour differs"


@needs_solve
def test_report_refuses_another_problem() -> None:
    game = dso.build(hours=2)
    result = at_prices(game, game.case.buy, game.case.sell)
    with pytest.raises(kg.ProblemError, match="dso_vpp"):
        dso.report(replace(result, bilevel=kg.Bilevel("other")))


@needs_optimize
@pytest.mark.parametrize("netting", ["convex", pytest.param("published", marks=pytest.mark.slow)])
def test_both_nettings_reach_the_optimum_of_the_short_case(netting: str) -> None:
    result = kg.optimize(dso.build(hours=6, netting=netting), encoding="auto", solver="scip", time_limit=60)
    assert result.solution.objective == pytest.approx(1.33145, abs=2e-5)
    assert result.report.ok


@pytest.mark.parametrize("path", sorted((ROOT / "instances" / "dso_vpp").glob("*.toml")), ids=lambda path: path.stem)
def test_instances_build(path: Path) -> None:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    m = dso.build(**data["parameters"])
    assert len(m.followers) == data["parameters"]["vpps"]
    assert isinstance(data["quick"], bool) and "known" in data
