"""The contract price: its data, the scan of the price, the single-level model, the two-point estimate, the report."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import kktgen as kg
from kktgen import catalog
from kktgen.catalog import plots
from kktgen.cli import cli
from kktgen.search import Responder

dlc = catalog.load_model("dlc_contract")
DAYS = ("working", "weekend")


@dataclass(frozen=True)
class Result:
    """What a report reads of the recipe's result."""

    bilevel: Any
    solution: kg.Solution
    report: Any
    bound: float | None = None


@cache
def game(**parameters: Any) -> Any:
    return dlc.build(**{"cells": 0, **parameters})


@cache
def scanned(**parameters: Any) -> Any:
    return dlc.scans().scan(game(**parameters))


@cache
def solved(**parameters: Any) -> kg.Solution:
    return dlc.scan(game(**parameters))


@cache
def figures(**parameters: Any) -> dict[str, float]:
    return dlc.reports().figures(game(**parameters), solved(**parameters))


@cache
def estimated() -> kg.Estimate:
    return dlc.estimate({})


def answered(m: Any, price: float) -> np.ndarray:
    """Return the point at which the DSO answers a price."""
    z = np.zeros(len(m.space))
    z[m.price.cols] = price
    found = Responder(m)(z)
    assert found is not None
    return found


def bought(m: Any, z: np.ndarray) -> np.ndarray:
    return np.array([hour.dlc.value(z).sum() for hour in m.hours])


# ---- the data


def test_the_network_is_a_tree_of_33_lines_and_carries_the_whole_demand():
    data = game().case
    assert data.reach.shape == (33, 33)
    assert (data.upstream < 0).sum() == 1
    assert data.reach.sum() == sum(_depth(data.upstream, k) for k in range(33))
    assert data.flow[data.upstream < 0][0] + data.first == pytest.approx(data.demand - data.wind)


def _depth(upstream: np.ndarray, line: int) -> int:
    return 1 + (_depth(upstream, upstream[line]) if upstream[line] >= 0 else 0)


def test_zones_hold_the_same_buses_and_the_same_most():
    for p in ({"zones": 1}, {"zones": 4}):
        data = game(**p).case
        assert data.split.sum(axis=0) == pytest.approx(1.0)
        assert (data.split.sum(axis=1) > 0).sum() == 26
        assert data.most.sum(axis=0) == pytest.approx(game().case.most.sum(axis=0))
    assert game().case.most.sum(axis=0) == pytest.approx(0.3 * 26 / 34 * game().case.demand)
    most = game(dlc_limit="max").case.most
    assert most == pytest.approx(np.full_like(most, 0.3 / 34 * 10.685))


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"network": "nlp"}, "not convex"),
        ({"day": "monday"}, "'working' or 'weekend'"),
        ({"zones": 5}, "1, 4 or 26"),
        ({"hours": 0}, "1 to 24"),
        ({"tangents": 0}, "at least one"),
        ({"cells": -1}, "0 or more"),
        ({"demand_shift": -5.0}, "no demand"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(parameters, words):
    with pytest.raises(kg.ProblemError, match=words):
        dlc.build(**parameters)


# ---- the scan


@pytest.mark.parametrize(
    ("day", "price", "profit", "without", "with_"),
    [("working", 51.6071, 498.5941, 7754.691, 7394.260), ("weekend", 34.1207, 278.5428, 3669.833, 3387.546)],
)
def test_the_day_at_the_means(day, price, profit, without, with_):
    found = figures(day=day)
    assert found["price"] == pytest.approx(price, abs=1e-3)
    assert found["profit"] == pytest.approx(profit, abs=1e-3)
    assert found["cost_without"] == pytest.approx(without, abs=1e-2)
    assert found["cost_with"] == pytest.approx(with_, abs=1e-2)


def test_the_weekend_at_a_price_of_a_coarser_search():
    """A grid of 0.8 EUR/MWh, refined around its best price, ends here."""
    m, data = game(day="weekend"), game(day="weekend").case
    z = answered(m, 34.561)
    run = dlc.reports().Schedule.of(m, lambda expr: expr.value(z))
    assert run.dlc.sum() == pytest.approx(23.873, abs=2e-2)
    assert (34.561 - data.pay) @ run.dlc == pytest.approx(278.02, abs=1e-2)
    assert run.cost.sum() == pytest.approx(3398.18, abs=0.1)
    assert figures(day="weekend")["profit"] > 278.54


@pytest.mark.slow
@pytest.mark.parametrize("parameters", [{}, {"zones": 4, "day": "weekend"}, {"network": "pwl", "zones": 1, "hours": 4},
                                        {"network": "lossless", "zones": 4}, {"limits": True, "zones": 4}])  # fmt: skip
def test_a_scan_is_bilevel_feasible_and_no_price_of_a_grid_earns_more(parameters):
    m, found = game(**parameters), solved(**parameters)
    report = kg.verify(m, found)
    assert report.ok, str(report)
    assert report.value == pytest.approx(found.objective)
    grid = np.linspace(*m.case.prices, 12)[1:-1]
    earned = [float((price - m.case.pay) @ bought(m, answered(m, price))) for price in grid]
    assert scanned(**parameters).earned(grid) == pytest.approx(earned, abs=1e-5)
    assert max(earned) <= found.objective + 1e-6


def test_the_scan_beats_a_fine_grid_by_next_to_nothing():
    for day in DAYS:
        responses, best = scanned(day=day), solved(day=day).objective
        earned = responses.earned(np.linspace(responses.lo, responses.hi, 20001))
        assert earned.max() <= best + 1e-9
        assert earned.max() == pytest.approx(best, abs=0.05)


@pytest.mark.slow
def test_the_dso_never_buys_more_at_a_higher_price():
    for parameters in ({}, {"network": "pwl", "zones": 4}, {"network": "lossless"}):
        x = np.linspace(*game(**parameters).case.prices, 200)
        for upper in (False, True):
            assert (np.diff(scanned(**parameters).quantities(x, upper), axis=1) <= 1e-9).all()


@pytest.mark.parametrize("day", DAYS)
def test_without_losses_the_best_price_is_a_market_price(day):
    for zones in (1, 4):
        found = figures(network="lossless", zones=zones, day=day)
        assert np.abs(game(day=day).case.rho - found["price"]).min() < 1e-6
        rho, pay, most = (getattr(game(day=day).case, word) for word in ("rho", "pay", "most"))
        profit = max(((x - pay) * (rho >= x) * most.sum(axis=0)).sum() for x in rho)
        assert found["profit"] == pytest.approx(profit)


def test_tangents_lie_below_the_losses_and_come_closer_with_their_number():
    exact = figures(zones=1, hours=6)["cost_without"]
    gap = [exact - figures(network="pwl", zones=1, hours=6, tangents=k)["cost_without"] for k in (1, 4)]
    assert 0 < gap[1] < 0.2 * gap[0]


def test_limits_that_do_not_bind_change_nothing_and_limits_that_bind_do(monkeypatch):
    free = figures(zones=4, hours=4)
    assert figures(zones=4, hours=4, limits=True)["profit"] == pytest.approx(free["profit"], abs=1e-6)
    monkeypatch.setitem(dlc.stored_data(), "substation_max", 6.0)
    m = dlc.build(zones=4, hours=4, limits=True, cells=0)
    tight = dlc.scan(m)
    assert kg.verify(m, tight).ok
    run = dlc.reports().Schedule.of(m, lambda expr: tight[expr])
    assert max(tight[hour.purchase] for hour in m.hours) == pytest.approx(6.0)
    assert run.dlc[0] > 1.9
    assert tight.objective > free["profit"]


def test_the_dso_can_be_kept_from_buying():
    found = figures(with_dlc=False, zones=4)
    assert found["profit"] == found["energy"] == 0
    assert found["cost_with"] == pytest.approx(found["cost_without"])
    assert found["cost_without"] == pytest.approx(figures()["cost_without"])


def test_the_top_of_a_parabola_inside_a_piece_is_found():
    m = kg.Bilevel("parabola")
    x, f = m.var("x", lb=0, ub=12), m.follower("f")
    y = f.var("y", lb=0, ub=10)
    f.minimize(x * y + y * y - 10 * y)  # y = (10 - x) / 2
    scans = dlc.scans()
    response = scans.Response.of(scans.Follower(f, int(x.cols[()]), 0.0, 12.0))
    found = scans.Scan((response,), np.array([2.0]), 0.0, 12.0)
    assert found.best() == pytest.approx(6.0)
    assert found.earned([6.0, 11.0]) == pytest.approx([8.0, 0.0], abs=1e-8)
    assert found.count == 2


def test_a_scan_takes_only_its_own_games():
    with pytest.raises(kg.ProblemError, match="not made by"):
        dlc.scan(kg.Bilevel("other"))
    m = kg.Bilevel("rows")
    x, f = m.var("x", lb=0, ub=1), m.follower("f")
    y = f.var("y", lb=0)
    f.add(y <= x)
    f.minimize(-y)
    with pytest.raises(kg.ProblemError, match="only in its cost"):
        dlc.scans().Follower(f, int(x.cols[()]), 0.0, 1.0)


# ---- what must hold of the economics


@pytest.mark.parametrize("day", DAYS)
def test_the_aggregator_earns_and_the_dso_saves(day):
    found, data = figures(day=day), game(day=day).case
    assert found["profit"] > 0
    assert found["cost_with"] < found["cost_without"]
    assert found["losses_with"] < found["losses_without"]
    assert data.pay.min() < found["price"] < data.rho.max()


def test_the_working_day_is_dearer_and_the_weekend_saves_more():
    saving = {}
    for day in DAYS:
        found = figures(day=day)
        saving[day] = 1 - found["cost_with"] / found["cost_without"]
    assert figures(day="working")["price"] > figures(day="weekend")["price"]
    assert saving["weekend"] > saving["working"]


@pytest.mark.parametrize("parameters", [{}, {"day": "weekend"},
                         pytest.param({"network": "pwl", "zones": 4}, marks=pytest.mark.slow)])  # fmt: skip
def test_dlc_is_bought_only_where_load_is_worth_the_price(parameters):
    m, found = game(**parameters), solved(**parameters)
    for hour in m.hours:
        value = m.case.split.T @ found[hour.balance.dual]  # of the zones
        used = found[hour.dlc] > 1e-6
        assert (value[used] >= found[m.price] - 1e-6).all()
        full = found[hour.dlc] >= np.array(hour.dlc.space.ub[hour.dlc.cols]) - 1e-6
        assert (value[~full] <= found[m.price] + 1e-6).all()


def test_the_value_of_load_is_the_market_price_with_marginal_losses():
    m, found = game(), solved()
    data = m.case
    for t in (0, 12):
        shed = found[m.hours[t].dlc]
        flow = data.reach @ (data.load[:, t] - data.split @ shed)
        expected = data.rho[t] * (1 + 2 * data.reach.T @ (data.z * flow))
        assert found[m.hours[t].balance.dual] == pytest.approx(expected, rel=1e-9)


def test_nothing_is_bought_above_every_value_of_load():
    m = game()
    data = m.case
    value = data.rho * (1 + 2 * data.reach.T @ (data.z[:, None] * data.flow))
    x = value.max() + 1e-3
    assert x < m.case.prices[1]
    assert bought(m, answered(m, x)).max() < 1e-9
    assert bought(m, answered(m, value.max() - 0.05)).max() > 1e-6


@pytest.mark.parametrize("day", DAYS)
def test_a_euro_on_every_market_price_is_worth_the_energy_sold(day):
    before, after = (figures(day=day, price_shift=shift) for shift in (0.0, 1.0))
    assert after["profit"] - before["profit"] == pytest.approx(before["energy"], rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("parameters", [{}, {"network": "lossless", "zones": 4}, {"network": "pwl", "zones": 4},
                                        {"limits": True, "zones": 4}])  # fmt: skip
def test_strong_duality_of_every_hour(parameters):
    """The income of an hour from duals alone, as the elimination writes it."""
    m, found = game(**parameters), solved(**parameters)
    for follower in m.followers:
        qp = follower.qp()
        y, lam, mu = (found.z[columns] for columns in (qp.y, qp.lam, qp.mu))
        cost = (qp.q + qp.Q @ found.z[qp.x]) @ y
        dual = qp.b @ lam - qp.h @ mu
        assert abs(cost + y @ (qp.P @ y) - dual) < 1e-6 * (1 + abs(dual))


def test_the_products_are_eliminated_exactly():
    model = kg.eliminate(kg.kkt(game(zones=4, hours=6)))
    assert any("eliminated exactly: 24 products price x dlc" in note for note in model.notes)
    found = solved(zones=4, hours=6)
    assert model.value(found.z) == pytest.approx(found.objective, abs=1e-8)


# ---- the paper's equations


def test_the_exact_power_flow_satisfies_the_equations_of_the_paper():
    m, data = game(), game().case
    shed = 0.4 * data.most
    flow = dlc.exact(m, 50.0, shed)
    u = np.vstack([np.ones(24), flow.voltage])  # bus 1 first
    above = np.where(data.upstream < 0, 0, data.upstream + 1)
    sent = u[above] * (u[above] - u[1:]) / data.z[:, None]
    taken = u[1:] * (u[1:] - u[above]) / data.z[:, None]
    injected = np.zeros((34, 24))
    np.add.at(injected, above, sent)
    injected[1:] += taken
    assert injected[1:] == pytest.approx(data.split @ shed - data.load, abs=1e-9)
    assert injected[0] == pytest.approx(flow.purchase - data.first, abs=1e-9)
    balance = data.demand - data.wind - shed.sum(axis=0) + flow.losses
    assert flow.purchase == pytest.approx(balance)
    assert flow.cost == pytest.approx(50.0 * shed.sum() + data.rho @ flow.purchase)


@pytest.mark.parametrize(("day", "exact", "linear"), [("working", 5.268, 4.810), ("weekend", 2.786, 2.659)])
def test_the_linearisation_loses_a_tenth_of_the_losses_at_most(day, exact, linear):
    m = game(day=day)
    flow = dlc.exact(m, 0.0, 0.0 * m.case.most)
    assert flow.losses.sum() == pytest.approx(exact, abs=2e-3)
    assert figures(day=day)["losses_without"] == pytest.approx(linear, abs=2e-3)
    assert 0 < 1 - linear / exact < 0.1
    assert flow.cost == pytest.approx(figures(day=day)["cost_without"], rel=5e-3)
    assert 0.9 < flow.voltage.min() < 1.0


def test_schedules_that_do_not_fit_and_loads_beyond_the_network_are_refused():
    with pytest.raises(kg.ProblemError, match="shape"):
        dlc.exact(game(), 50.0, np.zeros(24))
    heavy = game(demand_shift=60.0)
    with pytest.raises(kg.ProblemError, match="cannot carry"):
        dlc.exact(heavy, 50.0, 0.0 * heavy.case.most)


# ---- the single-level model


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [
        {"zones": 4, "hours": 3},
        pytest.param({"zones": 4, "hours": 6}, marks=pytest.mark.slow),
        pytest.param({"zones": 4, "hours": 6, "cells": 12}, marks=pytest.mark.slow),
        {"network": "lossless", "zones": 1},
        {"network": "pwl", "zones": 1, "hours": 1},
        pytest.param({"network": "pwl", "zones": 1, "hours": 3}, marks=pytest.mark.slow),
    ],
)
def test_the_recipe_proves_what_the_scan_finds(parameters):
    m = dlc.build(**parameters)
    result = kg.optimize(m, **dlc.OPTIONS["scip"])
    assert result.report.claim == "optimal", str(result)
    assert result.solution.objective == pytest.approx(dlc.scan(m).objective, rel=1e-5)


@pytest.mark.slow
def test_cells_cut_off_no_answer_of_the_dso():
    m = dlc.build(zones=4, cells=15)
    assert len(m.ends) == 16
    assert m.ends[[0, -1]] == pytest.approx(m.case.prices)
    model = kg.kkt(m)
    leader = np.zeros(len(model.rows), dtype=bool)
    for block in model.rows.blocks:
        leader[block.start : block.stop] = block.role == "leader"
    for price in np.random.default_rng(1).uniform(*m.case.prices, 12):
        z = answered(m, price)
        z[m.step.cols] = 0.0
        z[m.step.cols[np.searchsorted(m.ends, price) - 1]] = 1.0
        value = (model.rows.M @ z)[leader]
        assert (value >= model.rows.lo[leader] - 1e-9).all()
        assert (value <= model.rows.hi[leader] + 1e-9).all()


def test_a_scan_fills_the_cells_too():
    m = dlc.build(zones=4, hours=6, cells=12)
    report = kg.verify(m, dlc.scan(m))
    assert report.ok
    assert report.claim == "bilevel-feasible"  # a scan brings no solver's bound


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [{"zones": 4}, {"zones": 4, "day": "weekend"}, {"network": "pwl", "zones": 4}, {"network": "lossless"}, {}],
)
def test_whole_days_are_proved(parameters):
    m = dlc.build(**parameters)
    result = kg.optimize(m, time_limit=300, **dlc.OPTIONS["scip"])
    assert result.report.claim == "optimal", str(result)
    assert result.solution.objective == pytest.approx(dlc.scan(m).objective, rel=1e-5)


# ---- the two-point estimate

RECORD = {
    "working": {"price": (51.94, 1.61), "income": (1861.74, 203.17), "dlc_cost": (1361.17, 128.49),
                "profit": (500.57, 87.04), "cost_without": (7759.55, 1030.47), "cost_with": (7409.54, 990.48)},
    "weekend": {"price": (35.92, 2.35), "income": (802.90, 149.95), "dlc_cost": (520.73, 98.05),
                "profit": (282.17, 57.76), "cost_without": (3673.27, 713.85), "cost_with": (3423.90, 676.86)},
}  # fmt: skip


@pytest.mark.slow
def test_the_estimate_has_the_figures_on_record():
    found = estimated()
    assert not found.failed
    for day, figures_ in RECORD.items():
        for word, (mean, std) in figures_.items():
            room = 0.05 if word == "price" else 0.002 * mean
            assert found.mean[f"{day} {word}"] == pytest.approx(mean, abs=room)
            assert found.std[f"{day} {word}"] == pytest.approx(std, abs=room)


@pytest.mark.slow
def test_the_calibrated_days_lie_near_the_paper():
    found = estimated()
    for day, room in (("working", 0.17), ("weekend", 0.40)):
        paper = dlc.stored_data()["days"][day]["published"]
        for word in RECORD[day]:
            assert found.mean[f"{day} {word}"] == pytest.approx(paper[word][0], rel=0.02)
            assert found.std[f"{day} {word}"] == pytest.approx(paper[word][1], rel=room)
        saving = 100 * (1 - found.mean[f"{day} cost_with"] / found.mean[f"{day} cost_without"])
        assert saving == pytest.approx(paper["saving_percent"][0], abs=0.7)
        assert found.std[f"{day} cost_with"] < found.std[f"{day} cost_without"]


def test_the_deviation_of_the_lossless_cost_has_a_closed_form():
    m = game(network="lossless", zones=1)
    inputs = dlc.uncertain({"network": "lossless", "zones": 1})

    def cost(point: dict[str, float]) -> float:
        moved = {f"{word}_shift": value for word, value in point.items()}
        data = dlc.case(dlc.Parameters(network="lossless", zones=1, **moved))
        return float(data.rho @ (data.demand - data.wind))

    found = kg.point_estimate(cost, inputs)
    data, sigma = m.case, np.array(dlc.stored_data()["wind"]["std"])
    parts = (0.7 * data.rho.sum(), 2.0 * (data.demand - data.wind).sum(), data.rho @ sigma)
    assert found.std == pytest.approx(np.linalg.norm(parts), rel=1e-9)
    assert found.mean == pytest.approx(figures(network="lossless", zones=1)["cost_without"])
    draw = np.random.default_rng(0).normal(size=(40_000, 3))
    rho, demand = data.rho + 2.0 * draw[:, :1], data.demand + 0.7 * draw[:, 1:2]
    values = (rho * (demand - data.wind - sigma * draw[:, 2:])).sum(axis=1)
    assert found.mean == pytest.approx(values.mean(), rel=3e-3)
    assert found.std == pytest.approx(values.std(), rel=2e-2)


# ---- the command line


def run(*args: str) -> Any:
    return CliRunner().invoke(cli, list(args))


def test_a_method_of_the_models_own_and_its_estimate_by_the_command_line(tmp_path):
    folder = str(tmp_path / "out")
    out = run("solve", "dlc_contract", "--method", "scan", "-o", folder, "--json", "--set",
              "zones=1", "hours=3", "network=lossless", "estimate=true")  # fmt: skip
    assert out.exit_code == 0, out.output
    answer = json.loads(out.stdout)
    assert answer["encoding"] is None
    assert answer["bound"] is None
    assert answer["verification"]["claim"] == "bilevel-feasible"
    assert "two-point estimate" in answer["report"]["tables"][1]["title"]
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "dlc_contract.sol",
        "report.html",
        "dlc_contract.json",
        "dlc_contract.bilevel.json",
    }


def test_a_method_the_model_has_not_is_refused():
    for args in (("dlc_contract", "--method", "scans"), ("dso_vpp", "--method", "scan")):
        out = run("solve", *args)
        assert out.exit_code == 2
        assert "there are: exact, boxes, nchho, hho" in out.stderr
    out = run("solve", "dlc_contract", "--method", "scan", "--encoding", "sos1")
    assert out.exit_code == 2
    assert "belongs to --method exact" in out.stderr


def test_the_options_of_the_model_reach_the_solver(monkeypatch):
    seen: dict[str, Any] = {}

    def optimize(bilevel: Any, **options: Any) -> Any:
        seen.update(options)
        raise kg.SolverError("stopped here")

    monkeypatch.setattr(kg, "optimize", optimize)
    out = run("solve", "dlc_contract", "--set", "zones=1", "hours=2")
    assert "stopped here" in out.stderr
    assert seen["propagating/probing/maxprerounds"] == 0
    seen.clear()
    run("solve", "dlc_contract", "--solver", "highs", "--set", "zones=1", "hours=2")
    assert "propagating/probing/maxprerounds" not in seen


# ---- report and plots


@pytest.mark.slow
def test_the_report_stands_beside_the_paper_and_says_what_is_calibrated():
    m, found = game(), solved()
    text = str(dlc.report(Result(m, found, kg.verify(m, found)), estimated()))
    assert "CALIBRATED" in text
    assert text.count("NOT reproduced") == 3
    assert "1861.7" in text
    assert "1873.65 (181.38)" in text
    assert "claim: bilevel-feasible" in text


def test_figures_of_the_paper_are_left_out_where_they_do_not_belong():
    m, found = game(hours=6, zones=4), solved(hours=6, zones=4)
    out = dlc.report(Result(m, found, kg.verify(m, found)))
    assert all(row[3] == "-" for row in out.tables[0].rows)
    assert isinstance(out.to_dict()["tables"], (list, tuple))


def test_failed_points_of_an_estimate_are_told():
    m, found = game(hours=6, zones=4), solved(hours=6, zones=4)
    failed = kg.point_estimate(lambda point: 1 / 0, dlc.uncertain({}))
    out = dlc.report(Result(m, found, kg.verify(m, found)), failed)
    assert "6 points failed" in str(out.tables[1])


def test_other_results_are_refused():
    other = Result(kg.Bilevel("other"), solved(), None)
    for function in (dlc.report, dlc.plots):
        with pytest.raises(kg.ProblemError, match="not made by"):
            function(other)


def test_the_plots_can_be_drawn():
    m, found = game(zones=4), solved(zones=4)
    offered = dlc.plots(Result(m, found, None))
    assert list(offered) == list(dlc.PLOTS)
    for plot in offered.values():
        plots.describe.check(plot)
    run = dlc.reports().Schedule.of(m, lambda expr: found[expr])
    series = {one["label"]: one["values"] for one in offered["demand"]["panels"][0]["series"]}
    assert series["without DLC"] - series["with DLC"] == pytest.approx(run.dlc)
    balance = m.case.demand - m.case.wind - run.dlc + run.losses
    assert run.purchase == pytest.approx(balance)


def test_parameters_are_plain_data():
    assert dlc.Parameters(**asdict(dlc.Parameters())) == dlc.Parameters()
