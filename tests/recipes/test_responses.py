"""Integer followers solved by enumeration, against brute force, grids and values of the literature."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from integer_followers import all_integer, binary_rows, moved, priced, priced_and_moved

import kktgen as kg

LINE = np.linspace(0, 2, 201)


def small(rows=True):
    """Return a plant that starts where the price pays for it, with its price and its binary."""
    m = kg.Bilevel("start")
    price = m.var("price", lb=0, ub=9)
    plant = m.follower("plant")
    on, g = plant.var("on", kind="B"), plant.var("g", lb=0, ub=2)
    if rows:
        plant.add(g <= 2 * on, name="range")
    plant.minimize(5 * on + g - price @ g)
    m.maximize(8 * g - price @ g)
    return m, price, on, g


def infimum():
    """Bard's example with an integer follower: -38/3 as x comes near 10/3 from above, at no point."""
    m = kg.Bilevel("bard")
    x = m.var("x", lb=0)
    f = m.follower("lower")
    y = f.var("y", lb=0, kind="I")
    f.minimize(y)
    f.add(-x - y <= -3, -2 * x + y <= 0, 2 * x + y <= 12, 3 * x - 2 * y <= 4)
    m.minimize(x - 4 * y)
    return m, x, y


def toy3():
    """Yue et al. 2019, third example: a mixed follower whose rows a continuous column moves; infimum -243.5."""
    m = kg.Bilevel("toy3")
    xr, x = m.var("xr", lb=0), m.var("x", lb=0, kind="I")
    f = m.follower("lower")
    yr, y = f.var("yr", lb=0, ub=14), f.var("y", lb=0, kind="I")
    f.maximize(39 * yr + 27 * y)
    f.add(8 * xr + 2 * yr + 8 * y <= 53, 9 * xr + 2 * yr + y <= 28)
    m.add(7 * xr + 5 * x + 7 * y <= 62, 6 * xr + 9 * x + 10 * yr + 2 * y <= 117)
    m.minimize(20 * xr - 38 * x + yr + 42 * y)
    return m


@pytest.mark.parametrize("seed", range(12))
def test_integers_on_both_levels_agree_with_brute_force(seed):
    case = all_integer(seed)
    result = kg.optimize(case.build(), time_limit=60)
    assert result.solution.objective == pytest.approx(case.over(case.whole), abs=1e-6)
    assert result.report.claim == "optimal" and result.report.attained is True


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12, 20))
def test_more_integers_on_both_levels_agree_with_brute_force(seed):
    case = all_integer(seed, top=4)
    result = kg.optimize(case.build(), time_limit=60)
    assert result.solution.objective == pytest.approx(case.over(case.whole), abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_binaries_in_the_rows_of_mixed_followers_agree_with_enumeration(seed):
    case = binary_rows(seed)
    result = kg.optimize(case.build("B"), time_limit=60)
    assert result.solution.objective == pytest.approx(case.over(case.whole), abs=1e-5)
    assert result.report.claim == "optimal" and result.report.attained is True


@pytest.mark.parametrize("seed", range(8))
def test_prices_of_mixed_followers_are_held_against_a_grid(seed):
    case = priced(seed)
    m = case.build("B")
    result = kg.optimize(m, time_limit=60)
    assert result.report.claim == "optimal" and result.report.attained is True
    x = result.solution[m.variable("x")]
    # the oracle's ties are narrower than the tolerances: it stands at the decision moved by as much
    near = min(case.best(np.clip(x + move, 0, 2)) for move in (0.0, 2e-6, -2e-6, 1e-5, -1e-5))
    assert result.solution.objective == pytest.approx(near, abs=1e-4)
    assert case.over([np.array([v]) for v in LINE]) >= result.bound - 1e-5


@pytest.mark.parametrize("seed", range(7))
def test_where_rows_move_continuously_no_point_of_a_grid_beats_the_bound(seed):
    case = moved(seed)
    m = case.build("B")
    result = kg.optimize(m, time_limit=60)
    assert result.report.ok
    assert case.over([np.array([v]) for v in LINE]) >= result.bound - 1e-5
    x = result.solution[m.variable("x")]
    near = min(case.best(np.clip(x + move, 0, 2)) for move in (0.0, 2e-6, -2e-6, 1e-5, -1e-5))
    assert result.solution.objective == pytest.approx(near, abs=1e-4)
    assert result.report.attained is None


def test_an_infimum_is_bracketed_and_not_called_attained():
    m, x, y = infimum()
    result = kg.optimize(m, time_limit=60)
    assert result.bound <= -38 / 3 + 1e-6
    assert result.bound == pytest.approx(-38 / 3, abs=1e-5)
    assert -38 / 3 < result.solution.objective < -38 / 3 + 1e-2
    assert result.solution[x] > 10 / 3
    assert round(float(result.solution[y])) == 4
    assert result.report.attained is None
    assert "attained   not known, as an integer follower's rows are moved" in str(result.report)


def test_the_infimum_of_a_mixed_follower_is_bracketed():
    result = kg.optimize(toy3(), time_limit=60)
    assert result.bound == pytest.approx(-243.5, abs=1e-3)
    assert -243.5 - 1e-4 < result.solution.objective < -243.4
    assert result.report.attained is None


def test_a_box_from_coupling_rows_does_not_enter_the_followers_own_problem():
    m = kg.Bilevel("toy2")  # Yue et al. 2019, second example: -22 where it does
    x = m.var("x", lb=0, kind="I")
    f = m.follower("lower")
    y = f.var("y", lb=0, kind="I")
    f.maximize(y)
    f.add(-3 * x + y <= -3, 3 * x + y <= 30)
    m.add(-2 * x + 3 * y <= 12, x + y <= 14)
    m.minimize(-x - 2 * y)
    result = kg.optimize(m, time_limit=60)
    assert result.solution.objective == pytest.approx(-20)
    assert result.report.claim == "optimal"


def test_general_integers_that_are_priced():
    m = kg.Bilevel("units")
    price = m.var("price", lb=0, ub=20)
    f = m.follower("lower")
    n, g = f.var("n", lb=0, ub=5, kind="I"), f.var("g", lb=0, ub=15)
    f.add(g <= 3 * n)
    f.minimize(4 * n + g - price @ g)  # a unit of 3 pays from a price of 7/3 on
    m.maximize(6 * g - price @ g)
    result = kg.optimize(m, time_limit=60)
    assert result.solution.objective == pytest.approx(15 * (6 - 7 / 3), abs=1e-3)
    assert result.solution[n] == pytest.approx(5)


def test_two_followers_one_of_them_continuous():
    m = kg.Bilevel("two")
    price = m.var("price", 2, lb=0, ub=9)
    a, b = m.follower("a"), m.follower("b")
    on, g = a.var("on", kind="B"), a.var("g", lb=0, ub=2)
    a.add(g <= 2 * on)
    a.minimize(5 * on + g - price[0] @ g)
    h = b.var("h", lb=0, ub=3)
    b.minimize(2 * h - price[1] @ h)
    m.add(g + h >= 1)
    m.maximize(8 * g - price[0] @ g + 5 * h - price[1] @ h)
    result = kg.optimize(m, time_limit=60)
    # a needs 3.5 a unit, b 2 a unit
    assert result.solution.objective == pytest.approx(2 * 4.5 + 3 * 3, abs=1e-4)
    assert result.report.claim == "optimal"


def test_a_quadratic_cost_agrees_with_the_closed_form():
    m = kg.Bilevel("curve")
    p = m.var("p", lb=0, ub=60)
    f = m.follower("plant")
    g, on = f.var("g", lb=0, ub=5), f.var("on", kind="B")
    f.add(on <= g, g <= 5 * on, name="range")
    f.minimize(g @ g + 10 * g + 6 * on - p @ g)
    m.maximize(30 * g - p @ g)
    result = kg.optimize(m, time_limit=60)
    values = []
    for price in np.linspace(0, 60, 60001):
        power = np.clip((price - 10) / 2, 1, 5)
        gain = (price - 10) * power - power**2 - 6
        values.append((30 - price) * power if gain >= 0 else 0.0)
    assert result.solution.objective == pytest.approx(max(values), abs=1e-2)
    assert result.report.claim == "optimal"


def test_masters_bound_and_a_file_of_responses_goes_on(tmp_path):
    case = all_integer(1)
    m = case.build()
    best = case.over(case.whole)
    result = kg.optimize(m, time_limit=60, state=tmp_path / "all.responses.json")
    for count in range(len(result.responses) + 1):
        model = kg.master(m, result.responses[:count])
        assert kg.solve(model, "highs", gap=0.0).objective <= best + 1e-6
    again = kg.optimize(m, time_limit=60, state=tmp_path / "all.responses.json")
    assert again.rounds < result.rounds
    assert again.solution.objective == pytest.approx(best)
    solved = kg.solve(kg.master(m, tmp_path / "all.responses.json"), "highs", gap=0.0)
    assert kg.verify(m, solved).claim == "optimal"
    assert "responses enumerated" in str(kg.verify(m, solved))


def test_responses_that_are_not_optimal_make_true_rows():
    case = all_integer(1)
    m = case.build()
    best = case.over(case.whole)
    kind = type(kg.optimize(m, time_limit=60).responses[0])
    bad = []
    for k in itertools.islice(itertools.product(range(4), repeat=4), 0, 256, 17):
        bad.append(kind("lower", np.array(k, dtype=float), np.array([1.0, 2.0, 0.0])))
    assert kg.solve(kg.master(m, bad), "highs", gap=0.0).objective <= best + 1e-6


def test_a_response_of_another_problem_is_refused(tmp_path):
    m, *_ = small()
    other = all_integer(0).build()
    with pytest.raises(kg.ProblemError, match="no response of a follower"):
        kg.master(m, kg.optimize(other, time_limit=60).responses)
    file = tmp_path / "x.responses.json"
    file.write_text("{}")
    with pytest.raises(kg.FormatError, match="no responses of kktgen"):
        kg.master(m, file)


def test_progress_tells_rounds_bound_and_value():
    told = []
    result = kg.optimize(all_integer(1).build(), time_limit=60, progress=told.append)
    rounds = [one for one in told if one.stage == "responses"]
    assert max(one["round"] for one in rounds) == result.rounds
    last = rounds[-1]
    assert last.incumbent == pytest.approx(result.solution.objective)
    assert last.bound == pytest.approx(result.bound)
    assert f"{len(result.responses)} responses" in last.text


def test_a_time_limit_is_kept_and_leaves_a_true_bound():
    case = all_integer(1, 8, 8, 8, 5)
    import time

    began = time.perf_counter()
    result = kg.optimize(case.build(), time_limit=3)
    assert time.perf_counter() - began < 3 * 1.05 + 2
    assert result.report.claim in ("bilevel-feasible", "unverified", "optimal")
    longer = kg.optimize(case.build(), time_limit=10)
    if result.bound is not None and longer.solution.objective is not None:
        assert result.bound <= longer.solution.objective + 1e-6


def test_an_infeasible_problem_is_called_so():
    m, price, _, g = small()
    m.add(g >= 1, price <= 0)
    result = kg.optimize(m, time_limit=60)
    assert result.report.claim == "infeasible"


def test_the_executor_gives_the_same_answer():
    from concurrent.futures import ThreadPoolExecutor

    m, *_ = small()
    with ThreadPoolExecutor(2) as pool:
        one, other = kg.optimize(m, time_limit=60, executor=pool), kg.optimize(m, time_limit=60)
    assert one.solution.objective == pytest.approx(other.solution.objective)


@pytest.mark.parametrize(
    "options", [{"method": "boxes"}, {"cuts": True}, {"choices": {}}, {"decompose": True}, {"parts": True}], ids=str
)
def test_options_for_kkt_conditions_are_refused(options):
    m, *_ = small()
    with pytest.raises(kg.UnsupportedError, match="integer followers, whose responses are enumerated"):
        kg.optimize(m, **options)


def test_a_given_start_is_used():
    m, price, *_ = small()
    result = kg.optimize(m, time_limit=60, start={"price": 3.5})
    assert result.solution.objective == pytest.approx(9.0, abs=1e-5)
    assert result.solution[price] == pytest.approx(3.5, abs=1e-5)


def test_without_a_constant_a_master_has_indicators_and_no_optimum_is_claimed():
    m = kg.Bilevel("free")  # tests of BilevelJuMP with MibS: -8 at x = 6, z = 0, y = 5
    x, z = m.var("x", kind="I"), m.var("z", kind="B")
    f = m.follower("lower")
    y = f.var("y", kind="I")
    f.minimize(y)
    f.add(2 * x - y + 3 * z <= 7, -2 * x + 4 * y <= 16, y <= 5)
    m.add(-3 * x + 2 * y + 5 * z <= 12, x + 2 * y <= 20, x <= 10)
    m.minimize(2 * x - 4 * y + 10 * z)
    result = kg.optimize(m, time_limit=60)
    assert result.solution.objective == pytest.approx(-8)
    assert result.bound == pytest.approx(-8)
    assert result.report.claim == "bilevel-feasible"
    assert any("in indicator rows without bounds" in reason for reason in result.report.reasons)


@pytest.mark.parametrize("seed", [1, 3, 4])
def test_a_follower_that_is_priced_and_moved_is_held_against_a_grid(seed):
    case, binary = priced_and_moved(seed)
    m = case.build("B")
    x = m.variable("x")
    m.space.kind[x.cols[binary]] = "B"
    result = kg.optimize(m, time_limit=60)
    assert result.report.ok
    grid = [np.array([v, i, j]) for v in np.linspace(0, 2, 21) for i in (0.0, 1.0) for j in (0.0, 1.0)]
    assert case.over(grid) >= result.bound - 1e-5
    p, *rest = result.solution[x]
    near = [case.best(np.array([np.clip(p + move, 0, 2), *np.round(rest)])) for move in (0.0, 2e-6, -2e-6, 1e-5, -1e-5)]
    assert result.solution.objective == pytest.approx(min(near), abs=1e-4)


def test_an_equation_that_moves_is_followed():
    m = kg.Bilevel("demand")
    d = m.var("d", lb=1, ub=8)
    f = m.follower("f")
    on, g = f.var("on", 2, kind="B"), f.var("g", 2, lb=0, ub=[5, 6])
    f.add(g <= np.array([5, 6]) * on, name="top")
    f.add(g.sum() == d, name="balance")
    f.minimize([2, 1] @ g + [1, 5] @ on)
    m.maximize(3 * d - 1.2 * ([2, 1] @ g + [1, 5] @ on))

    def cost(demand):
        found = []
        for k in itertools.product((0, 1), repeat=2):
            if 5 * k[0] + 6 * k[1] >= demand - 1e-12:
                cheap = min(demand, 6.0 * k[1])
                found.append(2 * (demand - cheap) + cheap + k[0] + 5 * k[1])
        return min(found)

    result = kg.optimize(m, time_limit=60)
    best = max(3 * v - 1.2 * cost(v) for v in np.linspace(1, 8, 7001))
    assert result.solution.objective == pytest.approx(best, abs=1e-3)
    assert result.bound == pytest.approx(best, abs=1e-3)


def test_an_equation_of_integers_that_moves_continuously_is_refused():
    m = kg.Bilevel("stuck")
    x = m.var("x", lb=0, ub=2)
    f = m.follower("f")
    n = f.var("n", lb=0, ub=2, kind="I")
    f.add(n == x)
    f.minimize(n)
    m.maximize(x)
    with pytest.raises(kg.UnsupportedError, match="x moves an equation that holds integer variables"):
        kg.optimize(m)
