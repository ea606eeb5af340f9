"""Independent parts: their sum against the problem as a whole and against separate solves; ends, gaps, units."""

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import kktgen as kg

LIMIT = 60


def bidding(hours, sense=1.0, scale=1.0):
    """Return the bids of a plant in some hours of a market without storage; the price is a multiplier."""
    demand = 100 + 10 * np.random.default_rng(1).normal(size=hours).round(2)
    m = kg.Bilevel("bidding")
    offer = m.var("offer", hours, lb=0, ub=60)
    market = m.follower("market")
    g = market.var("g", (3, hours), lb=0, ub=np.array([[60.0], [40.0], [50.0]]) * np.ones((1, hours)))
    balance = market.add(g.sum(axis=0) == demand, name="balance")
    cost = offer @ g[0] + 20 * g[1].sum() + 30 * g[2].sum() + 0.1 * (g[1] @ g[1]) + 0.05 * (g[2] @ g[2])
    market.minimize(scale * cost)
    profit = balance.dual @ g[0] - scale * 10 * g[0].sum() + scale * 7
    (m.maximize if sense > 0 else m.minimize)(sense * profit)
    m.price = balance.dual
    return m


def tolls(caps, infeasible=(), free=(), factor=1.0):
    """Return roads with a toll each: the toll of a road that costs 2 is 2, or its cap; what it earns, plus 5."""
    m, goal = kg.Bilevel("tolls"), 5.0
    for k, cap in enumerate(caps):
        toll = m.var(f"toll{k}", lb=0, ub=cap)
        driver = m.follower(f"driver{k}")
        road = driver.var("road", lb=0, ub=1)
        driver.minimize(factor * (toll @ road - 2 * road))
        if k in infeasible:
            m.add(road >= 2, name=f"full{k}")
        goal = goal + toll @ road
    if free:
        goal = goal + m.var("free", lb=0)
    m.maximize(factor * goal)
    return m


def said(result):
    return result.report.reasons[0]


@pytest.mark.parametrize(("hours", "sense"), [(3, 1.0), (2, -1.0)])
def test_hours_of_a_market_equal_the_whole(hours, sense):
    m = bidding(hours, sense)
    whole, parts = (kg.optimize(m, time_limit=LIMIT, parts=how) for how in (False, True))
    assert whole.report.claim == parts.report.claim == "optimal"
    assert parts.solution.objective == pytest.approx(whole.solution.objective, rel=1e-6)
    assert said(parts) == f"independent parts: {hours}, each proved"
    assert "parts" not in whole.seconds


@pytest.mark.slow
def test_a_day_falls_into_24_and_its_model_can_be_written_and_read():
    m = bidding(24)
    result = kg.optimize(m, time_limit=LIMIT * 2)
    assert said(result) == "independent parts: 24 in 4 groups, each group proved"
    assert result.report.claim == "optimal" == kg.verify(m, result.solution).claim
    assert result.model.pairs is None and len(result.solution.z) == result.model.n
    assert "balance(market,23)" in kg.dumps(result.model, "lp")
    assert (result.solution[m.price] > 0).all() and result.solution[m.price].shape == (24,)
    again = kg.solve(result.model, "scip", time_limit=LIMIT, start=result.solution.z, gap=1e-4)
    assert again.objective == pytest.approx(result.solution.objective, rel=1e-4)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_units(scale):
    parts = kg.optimize(bidding(2, scale=scale), time_limit=LIMIT, parts=True)
    plain = kg.optimize(bidding(2), time_limit=LIMIT)
    assert parts.report.claim == "optimal"
    assert said(parts) == "independent parts: 2, each proved"
    assert parts.solution.objective == pytest.approx(scale * plain.solution.objective, rel=1e-5)


def test_constants_and_columns_in_no_row():
    m = tolls([3.0, 1.5])
    spare = m.var("spare", lb=-1, ub=4)
    m.maximize(-m.objective + 3 * spare)
    result = kg.optimize(m, time_limit=LIMIT, parts=True)
    assert result.solution.objective == pytest.approx(2.0 + 1.5 + 5.0 + 12.0)
    assert result.bound == pytest.approx(20.5) and result.solution[spare] == pytest.approx(4.0)
    assert said(result) == "independent parts: 3, each proved"


def test_one_infeasible_part_makes_all_infeasible_whatever_the_others_do():
    for free in ((), (1,)):
        result = kg.optimize(tolls([3.0] * 3, infeasible=(1,), free=free), time_limit=LIMIT, parts=True)
        assert (result.solution.status, result.report.claim, result.solution.z) == ("infeasible", "infeasible", None)


def test_an_unbounded_part_counts_where_all_others_have_points():
    result = kg.optimize(tolls([3.0] * 2, free=(1,)), time_limit=LIMIT, parts=True)
    assert result.solution.status == "unbounded"
    assert result.report.claim in ("unverified", "bilevel-feasible")


def cancelling(constant=0.0):
    """Return two attacks on a choice of loads, of values 8.6 and 10.3, plus a constant."""
    m, goal = kg.Bilevel("cancelling"), constant
    for k in range(2):
        rng = np.random.default_rng([k, 5])
        x = m.var(f"x{k}", 10, kind="B")
        follower = m.follower(f"f{k}")
        y = follower.var("y", 10, lb=0, ub=1)
        follower.add(rng.uniform(1, 3, 10).round(2) @ y <= 6, name="room")
        follower.add(y <= 1 - 0.7 * x, name="shut")
        follower.minimize(-(rng.uniform(1, 3, 10).round(2) @ y))
        m.add(x.sum() <= 4)
        goal = goal + rng.uniform(1, 9, 10).round(2) @ y + 0.3 * rng.normal(size=10).round(2) @ x
    m.minimize(goal)
    return m


def test_parts_share_the_gap_of_the_whole():
    plain = kg.optimize(cancelling(), time_limit=LIMIT, gap=0.2)
    assert plain.report.gap > 0.02  # each part within a fifth of its value
    result = kg.optimize(cancelling(0.5 - 18.8591), time_limit=LIMIT, gap=0.2)
    assert result.solution.objective == pytest.approx(0.5, abs=0.1)
    assert abs(result.bound - result.solution.objective) <= 0.2  # a fifth of the sum, which is below 1


def test_constants_nobody_proved_are_never_optimal():
    result = kg.optimize(bidding(2), kg.BigM(dual=20.0), time_limit=LIMIT, parts=True)
    assert result.report.claim == "bilevel-feasible"
    assert "part 1 (offer(0) ..) of 2 is not proved: M unproved" in said(result)


def test_time_is_shared_and_what_is_not_reached_is_told():
    result = kg.optimize(tolls([3.0] * 3), time_limit=0.0, parts=True)
    assert (result.solution.status, result.report.claim) == ("time_limit", "unverified")
    start = kg.search.respond(tolls([3.0] * 3), [1.0, 1.0, 1.0])
    kept = kg.optimize(tolls([3.0] * 3), time_limit=0.0, parts=True, start=start)
    assert kept.report.claim == "bilevel-feasible" and kept.solution.objective == pytest.approx(8.0)


def test_ctrl_c_keeps_what_is_there():
    calls = []

    def stages(name, text):
        calls.append(name)

    def progress(info):
        if info.get("text") == "part 2 of 3":
            raise KeyboardInterrupt

    start = kg.search.respond(tolls([3.0] * 3), [1.0, 1.0, 1.0])
    result = kg.optimize(tolls([3.0] * 3), start=start, parts=True, progress=progress, stages=stages)
    assert result.solution.z is not None and result.report.claim != "unverified"
    assert result.solution.objective >= 8.0 - 1e-6
    assert calls == ["kkt", "parts", "sum", "verify"]


def stopped_at(text):
    """Return a progress callback that presses Ctrl-C when a part begins to work."""

    def progress(info):
        if str(info.get("text", "")).startswith(text):
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("part", [1, 2, 3])
def test_ctrl_c_in_any_part_leaves_a_point_of_all(part):
    """Without a start of the user's own: parts that were not reached take what was found for all of them at first."""
    result = kg.optimize(tolls([3.0] * 3), parts=True, progress=stopped_at(f"part {part} of 3"))
    assert result.solution.status == "time_limit" and result.report.claim == "bilevel-feasible"
    assert result.solution.objective == pytest.approx(11.0, abs=6.0)
    assert result.start is not None and result.bound is None
    assert any("not reached" in why or "is not proved" in why for why in result.report.reasons)


def test_ctrl_c_without_any_point_says_which_parts_have_none():
    result = kg.optimize(tolls([3.0] * 3), parts=True, start=False, progress=stopped_at("part 1 of 3"))
    assert (result.solution.z, result.report.claim) == (None, "unverified")
    assert "part 3 (toll2 ..) of 3 is not proved: not reached before the time limit, or Ctrl-C" in result.report.reasons


def test_small_parts_are_solved_in_groups_and_told_so():
    texts = {}
    m = bidding(10)
    result = kg.optimize(m, time_limit=LIMIT, stages=texts.__setitem__)
    whole = kg.optimize(m, time_limit=LIMIT, parts=False)
    assert result.solution.objective == pytest.approx(whole.solution.objective, rel=1e-6)
    assert said(result) == "independent parts: 10 in 2 groups, each group proved"
    assert re.match(r"[12] groups?: pairs encoded by .*\((exact|proved)\)", result.report.reasons[1])
    assert texts["parts"].startswith("independent parts: 10 in 2 groups (2 optimal)\n\nthe slowest")
    assert [line.split()[1:3] for line in texts["parts"].splitlines() if "optimal " in line] in (
        [["offer(0)", "30"], ["offer(5)", "30"]], [["offer(5)", "30"], ["offer(0)", "30"]]
    )  # fmt: skip
    assert "2 groups" in result.solution.solver
    assert "parts" not in kg.optimize(bidding(3), time_limit=LIMIT).seconds


def test_kinds_of_claims_are_counted():
    """Two tolls with pairs, and two followers of one mind with the leader."""
    m = tolls([3.0, 1.5])
    goal = -m.objective
    for k in range(2):
        f = m.follower(f"friend{k}")
        y = f.var("y", lb=0, ub=3)
        on = m.var(f"on{k}", kind="B")
        f.minimize((y - 2 * on) ** 2)
        goal = goal - ((y - 2 * on) ** 2) - 0.5 * on
    m.maximize(goal)
    result = kg.optimize(m, time_limit=LIMIT, parts=True)
    assert result.report.claim == "optimal"
    assert result.report.reasons[0] == "independent parts: 4, each proved"
    assert "2 parts: one level, without pairs" in result.report.reasons
    assert sum(int(line.split()[0]) for line in result.report.reasons[1:] if " part" in line.split(":")[0]) == 4


def test_an_executor_solves_the_parts():
    with ThreadPoolExecutor(2) as executor:
        result = kg.optimize(tolls([3.0, 1.0, 2.5]), time_limit=LIMIT, executor=executor, parts=True)
    assert result.solution.objective == pytest.approx(10.0) and result.report.claim == "optimal"


def test_what_takes_the_problem_as_one():
    m = tolls([3.0] * 34)
    assert "parts" in kg.optimize(m, time_limit=LIMIT).seconds
    chosen = kg.optimize(m, time_limit=LIMIT, choices={"driver0": kg.SOS1()})
    assert "parts" not in chosen.seconds
    named = kg.optimize(m, kg.BigM(dual={"driver0": 9.0}), time_limit=LIMIT)
    assert "parts" not in named.seconds
    with pytest.raises(kg.ProblemError, match="does not go together with choices"):
        kg.optimize(m, choices={"driver0": kg.SOS1()}, parts=True)
    with pytest.raises(kg.ProblemError, match="parts: True, False or 'auto'"):
        kg.optimize(m, parts="some")


def small(m, k, rng):
    """Add a small random problem to ``m``; return its part of the leader's objective."""
    x = m.var(f"x{k}", 2, lb=-2, ub=2) if rng.integers(2) else m.var(f"x{k}", 2, kind="B")
    follower = m.follower(f"f{k}")
    y = follower.var("y", 2, lb=0, ub=3)
    A, B = rng.integers(-2, 3, (2, 2)).astype(float), rng.integers(-2, 3, (2, 2)).astype(float)
    rows = follower.add(A @ y <= B @ x + 4, name="rows")
    curved = float(rng.integers(2))
    follower.minimize(rng.normal(size=2).round(2) @ y + (rng.normal(size=(2, 2)).round(2) @ x) @ y + curved * (y @ y))
    if rng.integers(2):
        m.add(x.sum() + y.sum() <= 4, name=f"both{k}")
    goal = rng.normal(size=2).round(2) @ x + rng.normal(size=2).round(2) @ y + float(rng.integers(-3, 4))
    return goal + 0.1 * rows.dual[0] if rng.integers(3) == 0 else goal


@pytest.mark.parametrize("seed", [0, 1, 2, 3, *(pytest.param(k, marks=pytest.mark.slow) for k in range(4, 24))])
def test_random_problems_are_the_sum_of_separate_ones(seed):
    count = 2 + seed % 2
    total, status = 0.0, []
    for k in range(count):
        one = kg.Bilevel("one")
        one.minimize(small(one, k, np.random.default_rng([seed, k])))
        found = kg.optimize(one, time_limit=LIMIT, parts=False)
        status.append(found.report.claim)
        total += found.solution.objective if found.solution.objective is not None else np.nan
    m = kg.Bilevel("all")
    goals = [small(m, k, np.random.default_rng([seed, k])) for k in range(count)]
    m.minimize(sum(goals[1:], goals[0]))
    result = kg.optimize(m, time_limit=LIMIT, parts=True)
    assert "parts" in result.seconds
    if status == ["optimal"] * count:
        assert result.report.claim == "optimal"
        assert result.solution.objective == pytest.approx(total, rel=1e-5, abs=1e-5)
    else:
        assert result.report.claim in status


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 5, 8])
def test_groups_of_random_problems_are_the_sum_of_their_parts(seed):
    m = kg.Bilevel("many")
    goals = [small(m, k, np.random.default_rng([seed, k])) for k in range(12)]
    m.minimize(sum(goals[1:], goals[0]))
    groups, each = (kg.optimize(m, time_limit=LIMIT, parts=how) for how in ("auto", True))
    assert re.match(r"independent parts: 1\d in \d groups", next(w for w in groups.report.reasons if "parts: " in w))
    assert groups.report.claim == each.report.claim
    if each.report.claim == "optimal":
        assert groups.solution.objective == pytest.approx(each.solution.objective, rel=1e-4, abs=1e-4)
