"""Problems with integer followers in other units: the answer, its bound and its claim are those of the first ones."""

from __future__ import annotations

import numpy as np
import pytest
from integer_followers import all_integer, binary_rows, moved, priced, priced_and_moved

import kktgen as kg
from kktgen.reformulate.responses.stated import stated

KINDS = {
    "all_integer": (all_integer, "III"), "binary_rows": (binary_rows, "BBBB"), "priced": (priced, "C"),
    "moved": (moved, "C"), "priced_and_moved": (lambda seed: priced_and_moved(seed)[0], "CBB"),
}  # fmt: skip


def in_units(case, kinds, leader=1.0, follower=1.0, rows=1.0, cost=1.0, goal=1.0):
    """Return a case whose continuous columns, rows, follower's cost and leader's objective are counted in units."""
    nu = len(case.u)
    cx = np.where(np.array(list(kinds)) == "C", leader, 1.0)
    cy = np.array([follower] * nu + [1.0] * len(case.k))
    m = kg.Bilevel("case")
    x = kg.concatenate(
        [m.var(f"x{j}", 1, lb=a / cx[j], ub=b / cx[j], kind=kinds[j]) for j, (a, b) in enumerate(case.x)]
    )
    f = m.follower("lower")
    parts = []
    if nu:
        ends = np.array(case.u, dtype=float) / follower
        parts.append(f.var("u", nu, lb=ends[:, 0], ub=ends[:, 1]))
    parts.append(f.var("k", len(case.k), lb=[a for a, _ in case.k], ub=[b for _, b in case.k], kind="I"))
    y = kg.concatenate(parts)
    f.add((case.G * cy / rows) @ y + (case.H * cx / rows) @ x <= case.h / rows, name="rows")
    f.minimize((case.q * cy / cost) @ y + ((case.Q * cy[:, None] * cx / cost).T @ y) @ x)
    m.minimize((case.c * cx / goal) @ x + (case.d * cy / goal) @ y + x @ ((case.W * cy * cx[:, None] / goal) @ y))
    return m


def drawn(kind, seed):
    """Return units: one of five far away, or all at random."""
    rng = np.random.default_rng([seed, *map(ord, kind)])
    words = ["leader", "follower", "rows", "cost", "goal"]
    if seed % 2:
        return {word: 10.0 ** int(rng.integers(-6, 7)) for word in words}
    return {str(rng.choice(words)): float(rng.choice([1e-6, 1e6]))}


MANY = [
    pytest.param(kind, seed, marks=[pytest.mark.slow] if kind == "priced_and_moved" and seed else [])
    for kind in KINDS for seed in range(6)
]  # fmt: skip


@pytest.mark.parametrize(("kind", "seed"), MANY)
def test_other_units_change_neither_claim_nor_value_nor_bound(kind, seed):
    make, kinds = KINDS[kind]
    case, units = make(seed), drawn(kind, seed)
    first, other = (kg.optimize(in_units(case, kinds, **given), time_limit=60) for given in ({}, units))
    goal = units.get("goal", 1.0)
    assert other.report.claim == first.report.claim == "optimal"
    assert other.report.attained is first.report.attained
    assert other.solution.objective * goal == pytest.approx(first.solution.objective, abs=2e-4)
    assert other.bound * goal == pytest.approx(first.bound, abs=2e-4)


@pytest.mark.parametrize("seed", range(4))
def test_other_units_of_integers_on_both_levels_agree_with_brute_force(seed):
    case = all_integer(seed)
    m = in_units(case, "III", rows=1e6, cost=1e6, goal=1e-6)
    result = kg.optimize(m, time_limit=60)
    assert result.report.claim == "optimal"
    assert result.solution.objective * 1e-6 == pytest.approx(case.over(case.whole), abs=1e-6)


UNITS = {"leader": 1e-5, "follower": 1e-4, "rows": 1e3, "cost": 1e-5, "goal": 1e-6}
"""Units in which no number of a case is ordinary."""


def test_masters_and_responses_are_told_in_the_users_units(tmp_path):
    m = in_units(priced(0), "C", **UNITS)
    result = kg.optimize(m, time_limit=60, state=tmp_path / "x.responses.json")
    assert all((one.y[:2] <= 1 / UNITS["follower"] + 1e-6).all() for one in result.responses)
    assert max(one.y[:2].max() for one in result.responses) > 10  # as large as the user's numbers
    for model in (kg.master(m, result.responses), kg.master(m, tmp_path / "x.responses.json"), result.model):
        found = kg.solve(model, time_limit=60)
        assert found.objective == pytest.approx(result.solution.objective, rel=1e-4)
        assert kg.verify(m, found).claim == "optimal"
    again = kg.optimize(m, time_limit=60, state=tmp_path / "x.responses.json")
    assert again.rounds == 1 and again.report.claim == "optimal"
    started = kg.optimize(m, time_limit=60, start=result.solution)
    assert started.solution.objective == pytest.approx(result.solution.objective, rel=1e-4)


def test_rows_of_the_problem_stand_in_masters_as_the_user_wrote_them():
    m = in_units(binary_rows(1), "BBBB", **UNITS)
    model = kg.master(m)
    own = [k for k in range(len(model.rows)) if model.rows.label(k).startswith("rows(")]
    rows = m.followers[0].declared[-1]
    assert len(own) == len(rows.lo) and model.units is not None
    assert model.rows.M[own].toarray()[:, : rows.M.shape[1]] == pytest.approx(rows.M.toarray(), rel=1e-12)
    assert model.rows.hi[own] == pytest.approx(rows.hi, rel=1e-12)


def test_progress_is_told_in_the_users_units():
    m, told = in_units(priced(1), "C", **UNITS), []
    result = kg.optimize(m, time_limit=60, progress=told.append)
    last = [one for one in told if one.stage == "responses"][-1]
    assert last.incumbent == pytest.approx(result.solution.objective)
    assert last.bound == pytest.approx(result.bound)


def test_amounts_of_lines_are_told_in_the_users_units():
    power, money = 1e5, 1e-6
    m = kg.Bilevel("start")
    price = m.var("price", lb=0, ub=9 * money / power)
    plant = m.follower("plant")
    on, g = plant.var("on", kind="B"), plant.var("g", lb=0, ub=2 * power)
    plant.add(g <= 2 * power * on, name="range")
    plant.minimize(5 * money * on + money / power * g - price @ g)
    m.maximize(8 * money / power * g - price @ g)
    point = {"price": 4 * money / power, "on": 0, "g": 0}  # to run would pay money: 5 + 2 - 8
    (line,) = kg.verify(m, point).failing
    assert line.name == "follower gap(plant)" and line.amount == pytest.approx(money, rel=1e-6)
    point = {"price": 4 * money / power, "on": 1, "g": 2.5 * power}
    lines = {line.name: line for line in kg.verify(m, point).failing}
    assert lines["primal(plant)"].amount == pytest.approx(0.5 * power, rel=1e-6)


def test_the_range_over_ties_is_told_in_the_users_units():
    ranges = []
    for power, money in ((1.0, 1.0), (1e6, 1e-6)):
        m = kg.Bilevel("plants")
        f = m.follower("plants")
        on, g = f.var("on", 2, kind="B"), f.var("g", 2, lb=0, ub=2 * power)
        f.add(g <= 2 * power * on, on.sum() == 1)
        f.minimize(money * (4 * on.sum() + g.sum() / power))
        m.maximize(money / power * ([5, 3] @ (2 * power * on - g)))
        ties = kg.verify(m, kg.optimize(m, time_limit=60).solution, range=True).range
        ranges.append((ties.best / money, ties.worst / money))
        assert {carrier.name for carrier in ties.carriers} >= {"on(plants,0)", "on(plants,1)"}
        assert ties.best_point[g.cols] == pytest.approx(0.0, abs=1e-6 * power)
    assert ranges[0] == pytest.approx((10, 6), abs=1e-4)
    assert ranges[1] == pytest.approx(ranges[0], abs=1e-4)


def test_ordinary_numbers_are_looked_at_as_they_stand():
    m = all_integer(0).build()
    assert stated(m).problem is m and kg.master(m).units is None


def test_products_with_the_leaders_binaries_are_restated():
    values = []
    for power in (1.0, 1e5):
        m = kg.Bilevel("switch")
        x = m.var("x", 2, kind="B")
        f = m.follower("f")
        g, k = f.var("g", 2, lb=0, ub=4 * power), f.var("k", lb=0, ub=3, kind="I")
        f.add(x[0] * g[0] + x[1] * (g[0] + g[1]) <= 3 * power, g.sum() <= 2 * power * k)
        f.minimize(k - g.sum() / power)
        m.minimize(g[0] / power - 2 * g[1] / power + 3 * (x @ [1.0, 0.5]))
        result = kg.optimize(m, time_limit=60)
        assert result.report.claim == "optimal"
        values.append(result.solution.objective)
    assert values[1] == pytest.approx(values[0], abs=1e-4)


def test_numbers_too_far_apart_are_named_and_no_optimum_is_claimed():
    m = kg.Bilevel("wide")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y, k = f.var("y", lb=0, ub=1), f.var("k", kind="B")
    f.add(y + 1e11 * k + 1e-3 * x <= 1e11 + 1, name="far")
    f.minimize(-y - k)
    m.maximize(y + k - x)
    report = kg.optimize(m, time_limit=60).report
    assert report.claim != "optimal"
    assert any("more than 1e9 apart" in reason for reason in report.reasons)
