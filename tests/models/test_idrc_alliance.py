"""Alliances of IDRCs: networks, sizes, revenue without products, coalition values, Shapley, strategies, scenarios."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kktgen as kg
from kktgen.catalog import load_model
from kktgen.catalog.plots.describe import check
from kktgen.search import Responder

alliance = load_model("idrc_alliance")
cases, coalitions, gravity, market = (
    kg.beside(alliance.__file__, word) for word in ("case", "coalitions", "network", "market")
)
DAY = {(0,): 878.82, (1,): 617.15, (2,): 503.58, (0, 1): 1686.67, (0, 2): 1415.92, (1, 2): 1246.33, (0, 1, 2): 2233.51}
HOURLY = {
    (0,): [121.18367, 132.80404, 152.41092, 162.99985, 146.53571, 162.88217],
    (1,): [85.88775, 94.04893, 109.98989, 124.40573, 91.60714, 111.20871],
    (2,): [66.59183, 67.29383, 90.81132, 101.87716, 92.55102, 84.45360],
    (0, 1): [225.07142, 240.15097, 333.47142, 290.99014, 311.83971, 285.14748],
    (0, 2): [187.77551, 199.39587, 235.31657, 266.96414, 275.93257, 250.53569],
    (1, 2): [164.47959, 170.64077, 244.66791, 228.53557, 234.23257, 203.77551],
    (0, 1, 2): [291.66326, 307.44481, 433.80000, 395.80944, 434.66057, 370.13508],
}
"""One optimal hourly split of the day values above; it is not the only one."""
SHORT = {"first": 5, "last": 6}
HOUR = {"first": 6, "last": 6}


def solved(**parameters: Any) -> tuple[Any, kg.Result]:
    game = alliance.build(**parameters)
    return game, kg.optimize(game, evidence=False)


# ---- potential alliances


@pytest.mark.parametrize("n", [2, 3, 15, 30])
def test_a_star_has_the_path_2_less_2_over_n(n):
    pytest.importorskip("networkx")
    size = np.ones(n)
    size[0] = 9.0
    found = gravity.compared(size, 1.0 - np.eye(n))["capacity"][1]
    assert found.path == pytest.approx(2.0 - 2.0 / n, abs=1e-12)
    assert found.degree.max() == n - 1 and len(found.alliances) == 1


def test_the_three_strategies_on_the_thirty_companies():
    pytest.importorskip("networkx")
    found = {name: m for name, (_, m) in alliance.networks().items()}
    assert [round(m.path, 3) for m in found.values()] == [1.933, 1.25, 1.321]
    assert [len(m.alliances) for m in found.values()] == [1, 12, 11]
    assert found["both"].exponent == pytest.approx(2.145, abs=1e-3)
    assert found["both"].r2 == pytest.approx(0.9924, abs=1e-4)
    assert np.isnan(found["capacity"].exponent) and np.isnan(found["distance"].exponent)
    for m in found.values():
        assert m.share.sum() == pytest.approx(1.0) and sum(map(len, m.alliances)) == 30


def test_intensity_follows_capacity_and_distance():
    size, away = np.array([1.0, 2.0, 4.0]), np.array([[0, 1, 2], [1, 0, 4], [2, 4, 0.0]])
    both = gravity.intensity(size, away)
    assert both[0, 1] == 2.0 and both[0, 2] == 1.0 and both[1, 2] == 0.5 and (np.diag(both) == -np.inf).all()
    assert gravity.intensity(size, away, "capacity")[0, 2] == 4.0
    assert gravity.intensity(size, away, "distance")[1, 2] == 1 / 16
    assert (both == both.T).all()
    with pytest.raises(kg.ProblemError, match="companies 1 and 2 stand at one place"):
        gravity.intensity(size, np.zeros((3, 3)))
    with pytest.raises(kg.ProblemError, match="no strategy 'size'"):
        gravity.intensity(size, away, "size")


def test_power_law_finds_its_exponent():
    degree = np.arange(1, 7)
    exponent, r2 = gravity.power_law(degree, 0.6 * degree**-2.3)
    assert exponent == pytest.approx(2.3, abs=1e-9) and r2 == pytest.approx(1.0, abs=1e-12)
    assert np.isnan(gravity.power_law(degree[:2], np.array([0.7, 0.3]))).all()


def test_feeder_distance_counts_lines():
    pytest.importorskip("networkx")
    away = gravity.feeder_distance(np.array([0, 2, 3]), np.array([0, 1, 1]), np.array([1, 2, 3]))
    assert away.tolist() == [[0, 2, 2], [2, 0, 2], [2, 2, 0]]


def test_without_the_library_its_line_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(kg.UnsupportedError, match=r"pip install 'kktgen\[networks\]'"):
        alliance.networks()
    game, result = solved(members=("I3",), offers="quantities", **SHORT)
    assert "pip install 'kktgen[networks]'" in str(alliance.report(result))


# ---- the bilevel problem


@pytest.mark.parametrize(
    ("parameters", "size"),
    [
        ({}, (162, 24, 360)),
        ({"case": "net33", "lines": "none"}, (1632, 792, 1968)),
        ({"case": "net33"}, (1632, 792, 2016)),
        ({"case": "net33", "lines": "all"}, (1632, 792, 3504)),
        ({"case": "net69"}, (2496, 1656, 2016)),
        ({"case": "net69", "lines": "all"}, (2496, 1656, 5232)),
        ({"case": "net69", "lines": "all", "idrcs": 4}, (2592, 1656, 5424)),
    ],
)
def test_sizes_of_the_kkt_system(parameters, size):
    """Stationarity rows, equations and inequalities as counted by hand, hour by hour."""
    model = kg.kkt(alliance.build(**parameters))
    systems = model.kkt.systems
    assert (sum(len(s.y) for s in systems), sum(len(s.lam) for s in systems), len(model.pairs)) == size


def test_stationarity_rows_are_those_worked_out_by_hand():
    game = alliance.build(case="net33", first=17, last=17, members=("I1", "I2"))
    model, hour, data = kg.kkt(game), game.parts.hours[0], game.parts.case
    z = np.random.default_rng(5).random(model.n)
    ranges = [np.arange(b.start, b.stop) for b in model.rows.blocks if b.role == "stationarity"]
    rows = model.rows.take(np.isin(np.arange(len(model.rows)), np.concatenate(ranges)))
    residuals = dict(zip(model.kkt.systems[0].y.tolist(), (rows.M @ z - rows.lo).tolist(), strict=True))

    def mu(item: str, word: str = "mu") -> np.ndarray:
        found = next(b for b in game.space.blocks if (b.role, b.word, b.item) == ("mu", word, item))
        return z[found.start : found.stop]

    def nu(item: str) -> np.ndarray:
        return mu(item, "mu_lb")

    energy = hour.balance.dual.value(z)
    capacity, mileage = hour.capacity.dual.value(z), hour.mileage.dual.value(z)
    offers, g, k = game.parts.offers, data.gencos, data.members
    price, own = energy[data.idrcs.bus[k]], data.idrcs
    at = {word: getattr(offers, word).value(z)[:, 0] for word in ("sale", "purchase", "capacity", "mileage")}
    wanted = {
        "s": at["sale"] - price + mu("s_most") - nu("s"),
        "b": -at["purchase"] + price + mu("b_most") - nu("b"),
        "ic": at["capacity"] - capacity + mu("s_most") + mu("ic_most") - own.performance[k] * mu("im_most") - nu("ic"),
        "im": at["mileage"] - mileage + mu("im_most") - nu("im"),
        "p": g.energy[:, 0] - energy[g.bus] + mu("p_up") - mu("p_down") - nu("p"),
        "c": g.capacity - capacity + mu("p_up") + mu("p_down") + mu("c_most") - g.performance * mu("m_most") - nu("c"),
        "m": g.mileage - mileage + mu("m_most") - nu("m"),
        "r": -data.retailers.energy[:, 0] + energy[data.retailers.bus] + mu("r_up") - mu("r_down") - nu("r"),
        "om": own.mileage[2:] - mileage + mu("outside_mileage") - nu("om"),
    }
    for word, row in wanted.items():
        assert [residuals[c] for c in getattr(hour, word).cols] == pytest.approx(row.tolist(), abs=1e-9), word
    bent = np.zeros(len(data.limit))
    bent[2] = (mu("flow", "mu_ub") - nu("flow"))[0]
    flow = energy[data.first] - energy[data.last] + bent
    assert [residuals[c] for c in hour.flow.cols] == pytest.approx(flow.tolist(), abs=1e-9)


def test_a_member_never_buys_above_its_own_offer_to_sell():
    game = alliance.build(**SHORT)
    order = next(row for row in game.rows if row.name == "order")
    z = np.zeros(len(game.space))
    z[game.parts.offers.purchase.cols] = 1.0
    assert (order.M @ z[: order.M.shape[1]] < order.lo).all()


@pytest.mark.parametrize("offers", ["both", "prices", "quantities"])
@pytest.mark.parametrize("parameters", [{}, {"members": ("I1", "I3")}, {"case": "net33", "first": 17, "last": 18}])
def test_revenue_loses_its_products_and_keeps_its_value(offers, parameters):
    game = alliance.build(offers=offers, **parameters)
    model = kg.kkt(game)
    linear = kg.eliminate(model)
    assert not len(linear.objective.i) and len(model.objective.i)
    rng, spread = np.random.default_rng(3), 0.0
    quantities = offers == "quantities"
    for _ in range(4):
        point = np.zeros(len(game.space))
        leader = game.space.role == "leader"
        high = np.where(np.isfinite(game.space.ub), game.space.ub, 0.3)
        point[leader] = (0.2 * quantities + (not quantities)) * rng.random(leader.sum()) * high[leader]
        point = Responder(game)(point)
        assert point is not None
        old, new = model.value(point), linear.value(point[: linear.n])
        assert new == pytest.approx(old, abs=1e-6 * max(1.0, abs(old)))
        spread = max(spread, sum(abs(hour.revenue.value(point)) for hour in game.parts.hours))
    assert spread > 1.0


def test_the_elimination_leaves_out_the_alliances_own_rows():
    """Weight 0 on the members' columns and 1 on the rivals': strong duality over the rivals alone."""
    notes = "\n".join(kg.eliminate(kg.kkt(alliance.build(**SHORT))).notes)
    assert "eliminated exactly" in notes and "alpha 0 .. 1, beta -1" in notes


@pytest.mark.parametrize("members", [("I3",), pytest.param((), marks=pytest.mark.slow)])
def test_a_coalition_reaches_its_known_value_with_proved_boxes(members):
    game, result = solved(members=members, offers="prices")
    assert result.report.claim == "optimal", str(result.report)
    key = (2,) if members else (0, 1, 2)
    assert result.solution.objective == pytest.approx(DAY[key], abs=0.02)
    assert alliance.residual(game, result.solution) < 1e-6
    assert game.parts.hourly(result.solution).sum() == pytest.approx(result.solution.objective, abs=1e-6)


def test_three_forms_of_offers_agree_and_are_supported():
    found = {form: solved(members=("I3",), offers=form, **SHORT) for form in ("prices", "both", "quantities")}
    for game, result in found.values():
        assert result.solution.status == "optimal"
        assert result.solution.objective == pytest.approx(found["prices"][1].solution.objective, abs=0.02)
        assert alliance.supporting(game.parts, result.solution)


@pytest.mark.parametrize("offers", ["both", "prices"])
def test_quantities_can_be_posted_as_offers(offers):
    game, result = solved(members=("I1", "I2"), offers="quantities", **SHORT)
    other, point = alliance.posted(game, result.solution, offers)
    report = kg.verify(other, point)
    assert report.claim == "bilevel-feasible", str(report)
    assert point.objective == pytest.approx(result.solution.objective, abs=1e-6)
    assert alliance.residual(other, point) < 1e-6
    assert point[other.parts.offers.most_purchase].max() > 0.1


def test_offers_that_would_have_to_beat_their_caps_do_not_support():
    game, result = solved(members=("I3",), offers="quantities", **SHORT)
    z = result.solution.z.copy()
    for hour in game.parts.hours:
        z[hour.b.cols] = 1.0
        z[hour.balance.dual.M.indices] = 81.0
    beyond = kg.Solution("heuristic", 0.0, None, z, 0.0, "moved", result.model)
    assert not alliance.supporting(game.parts, beyond)


def test_resale_may_only_help():
    values = [solved(members=("I1", "I3"), offers="quantities", resale=r, **SHORT)[1] for r in (False, True)]
    assert values[1].solution.objective >= values[0].solution.objective - 1e-6


def test_a_tree_has_flows_of_their_own_and_a_mesh_has_angles():
    tree, mesh = alliance.build(case="net33", first=17, last=17), alliance.build(first=1, last=1)
    assert tree.parts.case.radial and not mesh.parts.case.radial
    assert tree.parts.hours[0].flow.declared is not None and mesh.parts.hours[0].flow.declared is None
    z = Responder(mesh)(np.zeros(len(mesh.space)))
    flow, data = mesh.parts.hours[0].flow.value(z), mesh.parts.case
    around = flow[[0, 2]].sum() - flow[1]  # 1-2-3-1, all lines of one susceptance
    assert around == pytest.approx(0.0, abs=1e-8) and np.abs(flow).max() > 0.5
    assert (np.abs(flow) <= data.limit + 1e-8).all()


@pytest.mark.parametrize("lines", ["none", "one"])
def test_a_limited_line_parts_the_prices(lines):
    game = alliance.build(case="net33", first=17, last=17, lines=lines)
    hour, data, point = game.parts.hours[0], game.parts.case, np.zeros(len(game.space))
    offers = game.parts.offers
    point[offers.purchase.cols] = data.caps["energy"]
    point[offers.most_purchase.cols] = data.idrcs.connection[:, None]
    point = Responder(game)(point)
    price = hour.balance.dual.value(point)
    behind = data.labels.index(4)
    if lines == "none":
        assert np.ptp(price) < 1e-6
    else:
        assert price[behind] > price[0] + 5.0
        assert abs(hour.flow.value(point)[2]) == pytest.approx(1.0)


def test_cooperation_costs_members_and_hours():
    free, paid = (alliance.build(cost=cost, **SHORT) for cost in (0.0, 3.0))
    z = np.zeros(len(free.space))
    assert free.objective.value(z) * free.sense - paid.objective.value(z) * paid.sense == pytest.approx(3 * 2 * 3.0)
    alone = alliance.build(cost=3.0, members=("I1",), **SHORT)
    assert alone.objective.value(np.zeros(len(alone.space))) * alone.sense == pytest.approx(75 * (3.6 + 2.6))


# ---- coalitions


def test_shapley_shares_everything_and_rewards_alike_alike():
    shares = coalitions.shapley(DAY, (0, 1, 2))
    assert shares.sum() == pytest.approx(DAY[0, 1, 2], abs=1e-9)
    assert shares == pytest.approx([952.3, 736.7, 544.5], abs=0.05)
    additive = {part: float(sum(i + 1 for i in part)) for part in coalitions.coalitions(range(4))}
    assert coalitions.shapley(additive, (0, 1, 2, 3)) == pytest.approx([1, 2, 3, 4])
    glove = {part: float(0 in part and len(part) > 1) for part in coalitions.coalitions(range(3))}
    assert coalitions.shapley(glove, (0, 1, 2)) == pytest.approx([2 / 3, 1 / 6, 1 / 6])
    with pytest.raises(kg.ProblemError, match=r"no value of coalition \(0, 1\)"):
        coalitions.shapley({part: v for part, v in glove.items() if part != (0, 1)}, (0, 1, 2))


@pytest.mark.parametrize(
    ("expectation", "satisfied"), [(1.02, (0, 33.3, 66.7)), (1.03, (0, 33.3, 55.6)), (1.05, (0, 27.8, 44.4))]
)
def test_strategies_on_a_known_split(expectation, satisfied):
    value = {part: np.array(series) for part, series in HOURLY.items()}
    runs = coalitions.strategies(value, expectation, 8.0, 2.0)
    assert [100 * run.satisfied for run in runs] == pytest.approx(satisfied, abs=0.05)
    assert runs[0].total < runs[1].total < runs[2].total
    assert runs[1].total == pytest.approx(DAY[0, 1, 2] - 6 * 3 * 8, abs=0.01)


def test_equal_costs_may_turn_the_order():
    value = {part: np.array(series) for part, series in HOURLY.items()}
    _, joint, chosen = coalitions.strategies(value, 1.05, 5.0, 5.0)
    assert joint.satisfied > chosen.satisfied


def test_a_coalition_forms_only_where_all_its_members_gain():
    value = {(0,): [1.0, 1.0, 1.0], (1,): [1.0, 1.0, 1.0], (0, 1): [3.0, 2.1, 1.0]}
    value = {part: np.array(series) for part, series in value.items()}
    expected = 1.2 * coalitions.alone(value)
    assert coalitions.choose(value, expected, 0.0) == ((0, 1), (), ())
    assert coalitions.choose(value, expected, 0.4) == ((), (), ())
    assert coalitions.choose(value, coalitions.alone(value), 0.0) == ((0, 1), (0, 1), ())


def test_values_resume_from_their_record(tmp_path, monkeypatch):
    parameters = alliance.Parameters(members=("I2", "I3"), **HOUR)
    path, told, solver = tmp_path / "values.json", [], kg.optimize
    calls: list[str] = []

    def stopping(game: Any, **options: Any) -> kg.Result:
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(game.name)
        return solver(game, evidence=False, **options)

    monkeypatch.setattr(kg, "optimize", stopping)
    with pytest.raises(KeyboardInterrupt):
        alliance.values(parameters, record=path)
    assert [p.name for p in tmp_path.iterdir()] == ["values.json"]
    calls.clear()
    found = alliance.values(parameters, record=path, progress=told.append)
    assert len(calls) == 1 and list(found) == [(1,), (2,), (1, 2)]
    assert [info["done"] for info in told] == [2, 3] and told[-1]["total"] == 3
    assert found[1, 2].day >= found[1,].day + found[2,].day - 1e-6
    again = alliance.values(parameters, record=path)
    assert len(calls) == 1 and (again[1,].hourly == found[1,].hourly).all()
    with pytest.raises(kg.FormatError, match="other parameters"):
        alliance.values(alliance.Parameters(members=("I2",), **HOUR), record=path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(kg.FormatError, match="cannot be read"):
        alliance.values(parameters, record=path)


def test_values_by_processes(tmp_path):
    parameters = alliance.Parameters(members=("I3",), **HOUR)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = alliance.values(parameters, executor=pool)
    here = alliance.values(parameters)
    assert found[2,].day == pytest.approx(here[2,].day, rel=1e-6)
    assert found[2,].claim == here[2,].claim


@pytest.mark.slow
def test_all_coalitions_of_the_illustrative_case():
    found = alliance.values(alliance.Parameters())
    assert {part: round(v.day, 2) for part, v in found.items()} == pytest.approx(DAY, abs=0.02)
    assert {v.claim for v in found.values()} == {"optimal"}
    assert all(v.bound == pytest.approx(v.day, rel=1e-4) for v in found.values())
    apart = [(s, t) for s in found for t in found if not set(s) & set(t)]
    assert apart and all(found[tuple(sorted(s + t))].day > found[s].day + found[t].day for s, t in apart)


# ---- scenarios and parameters


def test_reduced_scenarios_stand_for_the_drawn_ones():
    points = np.repeat(np.array([[0.0], [10.0], [20.0]]), [5, 3, 2], axis=0)
    chosen, weight = cases.reduce(points, 3)
    pairs = sorted(zip(points[chosen, 0].tolist(), weight.tolist(), strict=True))
    assert pairs == [(0.0, 0.5), (10.0, 0.3), (20.0, 0.2)]
    first, all_ = cases.reduce(np.array([[0.0], [4.0], [5.0], [9.0], [30.0]]), 1)
    assert first.tolist() == [2] and all_.tolist() == [1.0]  # the median has the least distance to all


def test_drawn_scenarios_are_the_same_for_a_seed():
    one, two, other = (alliance.build(scenarios=4, seed=s, samples=200).parts.case for s in (1, 1, 2))
    assert one.idrcs.wind.shape == (3, 4, 6) and one.probability.sum() == pytest.approx(1.0)
    assert (one.idrcs.wind == two.idrcs.wind).all() and (one.idrcs.wind != other.idrcs.wind).any()
    known = alliance.build().parts.case.idrcs.wind
    assert (one.idrcs.wind <= known.max(axis=(1, 2))[:, None, None] + 1e-12).all() and (one.idrcs.wind >= 0).all()


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"case": "net34"}, "one of illustrative, net33, net69"),
        ({"members": ("I9",)}, "give some of I1, I2, I3"),
        ({"members": ("I1", "I1")}, "each once"),
        ({"idrcs": 4}, "has 1 to 3"),
        ({"first": 4, "last": 3}, "hours 4 to 3"),
        ({"last": 7}, "within 1 to 6"),
        ({"scenarios": 0}, "1 to samples"),
        ({"offers": "all"}, "'prices' or 'quantities'"),
        ({"lines": "two"}, "'none', 'one' or 'all'"),
        ({"cost": -1.0}, "0 or more"),
        ({"workers": 0}, "at least one"),
    ],
)
def test_bad_parameters_are_named(parameters, word):
    with pytest.raises(kg.ProblemError, match=word):
        alliance.build(**parameters)


def test_hours_cut_out_of_the_day_keep_the_connection():
    day, part = (alliance.build(case="net33", **hours).parts.case for hours in ({}, {"first": 1, "last": 2}))
    assert (day.idrcs.connection == part.idrcs.connection).all()
    assert part.hour.tolist() == [1, 2] and part.need == pytest.approx(day.need[:2])
    sale, purchase = market.limits(part)
    assert purchase[0] == pytest.approx([0.5 / 0.98 + 0.15] * 2)


# ---- report and plots


@pytest.mark.slow
def test_report_and_plots(tmp_path: Path):
    pytest.importorskip("networkx")
    record = tmp_path / "values.json"
    game, result = solved(members=("I2", "I3"), offers="prices", coalitions=True, record=str(record), **SHORT)
    text = str(alliance.report(result))
    for part in ("Profit of I2+I3", "revenue by strong duality", "1.9333", "Shapley value", "I2+I3", "reconstructed"):
        assert part in text
    assert record.is_file()
    plots = alliance.plots(result)
    assert list(plots) == list(alliance.PLOTS)
    for plot in plots.values():
        check(plot)
    energy = plots["clearing"]["panels"][0]["series"]
    np.testing.assert_allclose(np.sum([series["values"] for series in energy], axis=0), 0.0, atol=1e-6)
    labels = {series["label"] for panel in plots["prices"]["panels"] for series in panel["series"]}
    assert labels == {"with limits", "without limits"}
    with pytest.raises(kg.ProblemError, match="not made by idrc_alliance"):
        alliance.report(kg.Result(kg.Bilevel("other"), result.model, result.solution, result.report, None))


def test_profit_is_the_sum_of_its_parts():
    game, result = solved(members=("I2", "I3"), offers="prices", cost=2.0, **SHORT)
    table = alliance.report(result).tables[0]
    figures = {word: float(value) for word, value in table.rows}
    profit = figures.pop("profit")
    assert sum(figures.values()) == pytest.approx(profit, abs=1e-3)
    assert figures["cost of cooperation"] == pytest.approx(-2.0 * 2 * 2, abs=1e-4)
