"""Responses, patterns, polish and start points: every point found satisfies the KKT system, and none is too good."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from problems import ALL
from random_problems import kkt_residual, random_problem

import kktgen as kg
from kktgen.catalog import load_model
from kktgen.deadline import NEVER, SHARES, Deadline
from kktgen.reformulate.eliminate import eliminate
from kktgen.search import (
    Responder,
    land_all,
    pattern_search,
    pattern_step,
    polish,
    relax_and_respond,
    respond,
    start_points,
)
from kktgen.search.residual import violation
from kktgen.search.start.pattern import active_pairs, improve
from kktgen.search.start.relaxation import Relaxation
from kktgen.solvers.driving.checks import interrupted


def model_of(m: kg.Bilevel) -> kg.Model:
    return eliminate(kg.kkt(m))


# patterns


@pytest.mark.parametrize(("name", "optimum"), [("handbook", 92 / 15), ("retail", 4.5), ("market", 1200.0)])
def test_the_best_pattern_of_all_is_the_optimum(name, optimum):
    m = next(p for p in ALL if p.name == name).build()
    model = model_of(m)
    zero, best = np.zeros(model.n), -np.inf * model.sense
    pick = max if model.sense < 0 else min
    best, count = None, 0
    for bits in itertools.product([False, True], repeat=min(len(model.pairs), 10)):
        active = np.zeros(len(model.pairs), dtype=bool)
        active[: len(bits)] = bits
        step = pattern_step(model, zero, active)
        if step is None:
            continue
        count += 1
        assert violation(model, step.z) < 1e-7
        value = model.sense * step.value
        best = value if best is None else pick(best, value)
    assert count >= 2
    assert best == pytest.approx(optimum, abs=1e-6)


def kink() -> tuple[kg.Bilevel, kg.Model]:
    """Declare a follower y = max(x, 0) and a leader who wants x = 1."""
    m = kg.Bilevel("kink")
    x = m.var("x", lb=-2, ub=2)
    lower = m.follower("lower")
    y = lower.var("y", lb=0)
    lower.minimize(y @ y - 2 * (x @ y))
    m.minimize((x - 1) @ (x - 1) + 0.1 * y)
    return m, model_of(m)


def test_a_biactive_pair_is_flipped_where_that_pays():
    m, model = kink()
    z = respond(m, np.array([-1.0]))
    step = pattern_step(model, z, active_pairs(model, z))
    assert step.z[0] == pytest.approx(0.0, abs=1e-8)
    assert step.value == pytest.approx(1.0, abs=1e-8)
    assert step.price[0] < 0  # the slack wants to grow
    better = pattern_search(model, z)
    assert better[0] == pytest.approx(0.95, abs=1e-8)
    assert model.value(better) == pytest.approx(0.05**2 + 0.095, abs=1e-8)
    assert pattern_search(model, z, rounds=1)[0] == pytest.approx(0.0, abs=1e-8)


@pytest.mark.parametrize("by_row", [True, False], ids=["row", "bound"])
def test_the_price_of_a_fixed_slack_is_a_derivative(by_row):
    """Follower y >= 1, held active: with slack t the leader pays (1 + t)^2, so the price is 2."""

    def build(edge: float) -> kg.Model:
        m = kg.Bilevel()
        lower = m.follower("lower")
        y = lower.var("y", lb=-np.inf if by_row else edge)
        if by_row:
            lower.add(3 * y >= 3 * edge)
        lower.minimize(y)
        m.minimize(y @ y)
        return kg.kkt(m)

    model = build(1.0)
    step = pattern_step(model, np.zeros(model.n), np.array([True]))
    assert step.value == pytest.approx(1.0, abs=1e-9)
    assert step.price[0] == pytest.approx(2.0 / (3 if by_row else 1), abs=1e-6)
    nudged = pattern_step(build(1.0 + 1e-5), np.zeros(model.n), np.array([True]))
    assert (nudged.value - step.value) / (3e-5 if by_row else 1e-5) == pytest.approx(step.price[0], rel=1e-4)


@pytest.mark.parametrize("seed", range(6))
def test_pattern_search_never_worsens_and_stays_bilevel_feasible(seed):
    m = random_problem(seed, quadratic=bool(seed % 2))
    model = model_of(m)
    responder = Responder(m)
    for x in np.random.default_rng(seed).random((3, 3)):
        z = responder(x)
        assert z is not None
        better = pattern_search(model, z)
        assert model.objective.value(better) <= model.objective.value(z) + 1e-9
        assert violation(model, better) < 1e-6
        assert kkt_residual(m, better) < 1e-6
        again = responder(better)  # the follower's own optimum costs it as much
        for f in responder.qps:
            assert f.cost(again[f.y], again[f.x]) == pytest.approx(f.cost(better[f.y], better[f.x]), abs=1e-6)


def test_an_impossible_pattern_gives_no_step_and_leaves_the_point_alone():
    m, model = kink()
    z = np.array([-1.0, 0.0, 2.0])
    off = np.zeros(1, dtype=bool)
    boxed = model.space.copy()
    boxed.ub[0] = -0.5  # x <= -1/2: the follower's bound cannot be inactive
    model = replace(model, space=boxed)
    assert pattern_step(model, z, off) is None
    assert pattern_search(model, z, active=off) is z


def test_discrete_choices_of_the_leader_stay():
    m = kg.Bilevel()
    b = m.var("b", kind="B")
    x = m.var("x", 2, lb=0, ub=3)
    lower = m.follower("lower")
    y = lower.var("y", lb=0)
    lower.add(y >= x.sum())
    lower.minimize(y)
    m.minimize(-2 * y + 5 * b + x[1])
    m.sos1(x)
    m.indicator(b, 0, x <= 1)
    model = model_of(m)
    at = {"b": int(b.cols), "x": x.cols}
    for binary, keep, expected in ((0.0, 0, [1, 0]), (1.0, 0, [3, 0]), (1.0, 1, [0, 3]), (0.0, 1, [0, 1])):
        z = np.zeros(model.n)
        z[at["b"]], z[at["x"][keep]] = binary, 0.5
        step = pattern_step(model, z, np.array([True] + [False] * (len(model.pairs) - 1)))
        if step is None or step.z[y.cols] == 0:
            step = pattern_step(model, z, np.array([False] * (len(model.pairs) - 1) + [True]))
        assert step.z[at["x"]] == pytest.approx(expected, abs=1e-8)
        assert step.z[at["b"]] == binary
        assert violation(model, step.z) < 1e-8


def test_nonconvex_quadratic_rows_leave_the_point_alone():
    m, _ = kink()
    m.add(m.objective >= -3.0)
    model = kg.kkt(m)
    z = respond(m, np.array([0.5]))
    assert pattern_step(model, z, active_pairs(model, z)) is None
    assert pattern_search(model, z) is z


def test_a_nonconvex_objective_is_descended():
    """Leader max x y over x in [0, 1], follower y = x: the pattern's optimum is x = 1."""
    m = kg.Bilevel()
    x = m.var("x", lb=0, ub=1)
    lower = m.follower("lower")
    y = lower.var("y", lb=-5, ub=5)
    lower.minimize(y @ y - 2 * (x @ y))
    m.maximize(x @ y)
    model = kg.kkt(m)
    assert "qobj_nonconvex" in model.features
    z = respond(m, np.array([0.25]))
    step = improve(model, z)
    assert step.z[0] == pytest.approx(1.0, abs=1e-8)
    assert -step.value == pytest.approx(1.0, abs=1e-8)
    assert violation(model, step.z) < 1e-8


# polish


@pytest.mark.parametrize("seed", range(4))
def test_polish_cleans_a_blurred_point(seed):
    m = random_problem(seed, True)
    model = model_of(m)
    z = start_points(m, model, seconds=2.0)[0]
    blurred = z + 1e-5 * np.random.default_rng(seed).normal(size=len(z))
    longer = np.concatenate([blurred, np.ones(4)])
    assert violation(model, blurred) > 1e-6
    clean = polish(model, longer)
    assert len(clean) == model.n
    assert violation(model, clean) < 1e-9
    assert model.objective.value(clean) <= model.objective.value(z) + 1e-7


def test_polish_takes_back_what_a_leak_in_complementarity_gained():
    m, model = kink()
    z = np.array([1.0, 0.99, 0.0])
    z[2] = 2 * z[1] - 2 * z[0] + 0.02  # s = 0.99, mu = 0.02 / 2: cheaper than any true point
    leaky = z.copy()
    leaky[1] = 0.0
    leaky[2] = 1e-5
    for point in (z, leaky):
        clean = polish(model, point)
        assert violation(model, clean) < 1e-9
        assert kkt_residual(m, clean) < 1e-9


def test_polish_returns_the_point_when_nothing_better_is_feasible():
    _, model = kink()
    boxed = model.space.copy()
    boxed.lb[0], boxed.ub[0] = 0.3, 0.3
    model = replace(model, space=boxed)
    good = np.array([0.3, 0.3, 0.0])
    assert polish(model, good) == pytest.approx(good, abs=1e-8)
    stuck = np.array([0.3, 0.0, 0.5])  # its pattern y = 0 would need x <= 0
    assert polish(model, stuck) is not None
    assert np.array_equal(polish(model, stuck), stuck)


# residuals


def test_every_kind_of_violation_is_seen():
    m = kg.Bilevel()
    b = m.var("b", kind="B")
    x = m.var("x", 2, lb=-1, ub=10)
    lower = m.follower("lower")
    y = lower.var("y", lb=0)
    lower.minimize(y @ y)
    m.add(x.sum() <= 4)
    m.sos1(x)
    m.indicator(b, 1, x[0] <= 2)
    m.add(x @ x <= 50)
    model = kg.kkt(m)
    good = respond(m, np.array([0.0, 3.0, 0.0]))
    assert violation(model, good) < 1e-12
    for column, value, expected in (
        (b.cols, 1.0, 0.5),  # indicator: x0 = 3 > 2, over its side
        (b.cols, 0.25, 0.25),
        (x.cols[1], 0.5, 0.5),
        (x.cols[0], -1.5, 0.5),
        (x.cols[0], 8.0, 1.0),
        (y.cols, -0.25, 0.5),
    ):
        bad = good.copy()
        bad[column] = value
        assert violation(model, bad) == pytest.approx(expected, abs=1e-9)
    bad = good.copy()
    bad[y.cols], bad[model.pairs.mu[0]] = 0.5, 1.0  # stationary, but both positive
    assert violation(model, bad) == pytest.approx(0.5, abs=1e-9)
    assert violation(model, np.full(model.n, np.nan)) == np.inf


# start points


KNOWN = [p for p in ALL if p.outcome != "refused" and p.sizes[0]]
QUADRATIC_ROWS = {"disc"}


@pytest.mark.parametrize(
    "problem", [*KNOWN[::2], *(pytest.param(one, marks=pytest.mark.slow) for one in KNOWN[1::2])], ids=str
)
def test_start_points_are_feasible_and_reach_the_known_optimum(problem):
    m = problem.build()
    model = model_of(m)
    points = start_points(m, model, seconds=5.0)
    if problem.outcome != "optimal":
        assert points == []
        return
    assert points or problem.name in QUADRATIC_ROWS
    values = [model.objective.value(z) for z in points]
    assert values == sorted(values)
    for z in points:
        assert violation(model, z) <= 1e-6
        assert kkt_residual(m, z) <= 1e-6
    if problem.name not in QUADRATIC_ROWS:
        assert model.sense * values[0] == pytest.approx(problem.objective, rel=1e-5, abs=1e-5)


def test_relax_and_respond_gives_a_bilevel_feasible_point():
    for seed in range(4):
        m = random_problem(seed, True)
        model = model_of(m)
        z = relax_and_respond(m, model)
        assert z is not None
        assert violation(model, z) <= 1e-6 and kkt_residual(m, z) <= 1e-6
    m = next(p for p in ALL if p.name == "coupling_infeasible").build()
    assert relax_and_respond(m, model_of(m)) is None


def flagship(**parameters):
    return load_model("dso_vpp").build(**parameters)


@pytest.mark.parametrize("netting", ["convex", pytest.param("published", marks=pytest.mark.slow)])
def test_the_short_flagship_starts_near_its_optimum(netting):
    m = flagship(hours=6, netting=netting)
    model = model_of(m)
    seen = []
    points = start_points(m, model, seconds=20.0, progress=seen.append)
    best = model.value(points[0])
    assert 0.95 * 1.33145 <= best <= 1.33145 + 1e-5
    assert violation(model, points[0]) <= 1e-6
    assert kkt_residual(m, points[0]) <= 1e-6
    told = [info["incumbent"] for info in seen]
    assert told == sorted(told) and told[-1] == best
    assert all(info["stage"] == "start" for info in seen)


def test_the_same_points_come_out_again():
    m = random_problem(2, True)
    model = model_of(m)
    first, second = (start_points(m, model, seconds=20.0) for _ in range(2))
    assert len(first) == len(second) > 0
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_starts_respect_the_proved_boxes_of_a_bounded_model():
    m = flagship(hours=6)
    model = kg.bound(model_of(m))
    points = start_points(m, model, seconds=20.0)
    assert model.value(points[0]) >= 0.95 * 1.33145
    assert violation(model, points[0]) <= 1e-6
    encoded = kg.encode(model, kg.SOS1())
    complete = encoded.complete(points[0])
    assert encoded.rows.residual(complete).max() <= 1e-6


def test_ctrl_c_in_a_solve_of_the_heuristics_ends_them_all(monkeypatch):
    from kktgen.search.start import discrete

    m = kg.Bilevel("choice")
    x = m.var("x", 3, kind="B")
    f = m.follower("f")
    y = f.var("y", lb=0, ub=1)
    f.minimize(-y + x.sum() @ y)
    m.add(x.sum() == 1)
    m.minimize(y - x[0])

    def pressed(program, *args, **options):
        return kg.Solution("time_limit", None, None, None, 0.0, "HiGHS", program, raw={"status": "Interrupted by user"})

    monkeypatch.setattr(discrete, "solve", pressed)
    result = kg.optimize(m)
    assert (result.solution.status, result.solution.z, result.report.claim) == ("time_limit", None, "unverified")
    assert interrupted(result.solution)


def test_polish_gives_back_what_a_violated_bound_gained():
    m = kg.Bilevel("edge")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=2)
    f.add(y >= x)
    f.minimize(y)
    m.minimize(20 - 20 * x + 0 * y)
    model = kg.kkt(m)
    clean = pattern_step(model, np.zeros(model.n), np.array([False, False, True]))  # y >= x holds with equality
    assert clean is not None
    z = clean.z.copy()
    z[:2] += 4e-7  # x and y beyond the bound of x, within a solver's tolerance
    assert model.objective.value(z) < clean.value - 5e-6
    np.testing.assert_allclose(polish(model, z)[:2], [1.0, 1.0], atol=1e-9)


# growing penalties, candidates


def test_growing_penalties_close_the_gap():
    model = model_of(flagship(hours=6))
    relaxation = Relaxation(model)
    names, points = zip(*relaxation.points(), strict=True)
    assert names[0] == "relaxed optimum" and "centre" in names
    first = names[1 : names.index("centre")]
    weights = [float(name.removeprefix("penalty ")) for name in first]
    assert weights == sorted(weights) and weights[-1] > 10 * weights[0]

    def gap(z):
        return model.pairs.slack(z) @ z[model.pairs.mu]

    assert gap(points[len(first)]) < 0.05 * gap(points[1])
    assert relaxation.bound <= min(model.objective.value(z) for z in points) + 1e-6


def test_the_published_flagship_starts_at_its_optimum():
    m = flagship()
    model = model_of(m)
    best = start_points(m, model, seconds=30.0)[0]
    assert model.value(best) == pytest.approx(11.34333, abs=1e-3)
    assert kg.verify(m, best).ok


@pytest.mark.slow
@pytest.mark.parametrize(("vpps", "least"), [(10, 44.0), (30, 0.97 * 119.6)])
def test_many_followers_start_near_a_proved_bound(vpps, least):
    m = flagship(vpps=vpps, seed=vpps)
    model = model_of(m)
    points = start_points(m, model, seconds=60.0)
    assert len(points) > 1
    assert model.value(points[0]) > least
    assert kg.verify(m, points[0]).ok


def toll_road() -> tuple[kg.Bilevel, kg.Model]:
    m = kg.Bilevel("toll")
    toll = m.var("toll", lb=0, ub=9)
    driver = m.follower("driver")
    road = driver.var("road", 2, lb=0, ub=1)
    driver.add(road.sum() <= 1)
    driver.minimize(toll @ road[0] - 2 * road[0] + 3 * road[0] @ road[0] - 8 * road[1] + 8 * road[1] @ road[1])
    m.maximize(toll @ road[0])
    return m, model_of(m)


def test_every_candidate_is_tried_in_either_length():
    _, model = toll_road()
    poor = [np.array([9.0 - 0.001 * k]) for k in range(80)]  # beyond 2 nobody takes the road
    good = np.zeros(model.n)
    good[0] = 0.5
    assert model.value(land_all(model, poor)[0]) == pytest.approx(0.0, abs=1e-8)
    points = land_all(model, [*poor, good])
    assert model.value(points[0]) > 0.1
    assert all(violation(model, z) <= 1e-6 for z in points)
    again = land_all(model, [*poor, good])
    assert all(np.array_equal(a, b) for a, b in zip(points, again, strict=True))


def test_candidates_of_a_search_are_among_its_points():
    m = flagship(hours=6)
    model = model_of(m)
    best = start_points(m, model, seconds=20.0)[0]
    seen = []
    leader = best[model.space.role == "leader"]
    points = start_points(m, model, seconds=20.0, progress=seen.append, candidates=iter([leader]))
    assert seen[0]["move"] == "candidate 1"
    assert model.value(points[0]) >= model.value(best) - 1e-9


def test_a_candidate_of_the_wrong_length_is_named():
    _, model = toll_road()
    with pytest.raises(kg.ProblemError, match="candidate 2 has 3 entries; give all"):
        land_all(model, [[1.0], [1.0, 2.0, 3.0]])


def test_candidates_end_with_their_time():
    _, model = toll_road()
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield np.array([0.5])

    land_all(model, endless(), Deadline(0.2))
    assert taken


def test_a_limit_grows_with_the_pairs_unless_it_is_a_share():
    share = SHARES["start"]
    assert NEVER.share("start", 33_400).left() == pytest.approx(share.most + 33_400 * share.each)
    assert 50.0 < NEVER.share("start", 33_400).left() < 80.0
    assert Deadline(60.0).share("start", 33_400).left() == pytest.approx(60.0 * share.part, abs=0.5)
