"""Smaller boxes that keep the optimum: in any units, serial or not, beside a point alone, within their time."""

from __future__ import annotations

import math
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
from counted import install
from limits import LIMIT
from many_followers import carbon, dso, kept_by_the_leader, random_prices, ready, tariff
from other_units import in_units

import kktgen as kg
from kktgen.decompose.tighten import known_point
from kktgen.reformulate.level import Relaxed, level, without_cutoff
from kktgen.reformulate.scale import scaled
from kktgen.search import Responder
from kktgen.search.residual import violation

UNITS = (1e5, 1e-3)
QUICK = {
    "one hour": lambda: tariff(61),
    "hours": lambda: tariff(62, homes=3, hours=2, coupled="<="),
    "steps": lambda: tariff(63, hours=2, steps=True),
    "all": lambda: tariff(64, homes=4, hours=2, ordered=True, bent=True, fee=True, coupled=">="),
    "dso": lambda: dso(2, seed=1),
    "carbon": lambda: carbon(2),
}
SLOW = {
    **{f"tariff {k}": lambda k=k: tariff(k, 2 + k % 3, 1 + k % 3, bent=k % 2 == 0) for k in range(70, 80)},
    **{f"steps {seed}": lambda seed=seed: tariff(seed, 3, 2, steps=True, ordered=True) for seed in range(80, 84)},
    **{f"dso {seed}": lambda seed=seed: dso(3 + seed % 3, 3, seed) for seed in range(1, 5)},
    **{f"carbon {seed}": lambda seed=seed: carbon(3, 3, seed) for seed in range(1, 3)},
}  # fmt: skip
LONGER = ("all", "carbon")
CASES = [*(case for case in QUICK if case not in LONGER)]
CASES += [pytest.param(case, marks=pytest.mark.slow) for case in (*LONGER, *SLOW)]


@cache
def case_of(case, units=None):
    """Return problem, model, its optimum by SCIP alone, start points, and the model tightened with the first."""
    m = {**QUICK, **SLOW}[case]()
    m = m if units is None else in_units(m, *units)
    model = ready(m)
    encoded = kg.encode(model)
    right = kg.solve(encoded, "scip", time_limit=LIMIT, gap=0.0)
    assert right.status == "optimal"
    points = kg.search.start_points(m, model)
    points.sort(key=lambda z: model.sense * model.value(z))
    points = points[::-1] if case in ("hours", "all") else points  # a point that is not the optimum, too
    return m, encoded, right, points, kg.tighten(model, points[0])


@pytest.mark.parametrize("case", CASES)
def test_the_optimum_stays_what_it_is(case):
    m, encoded, right, _, tight = case_of(case)
    found = kg.solve(tight, "scip", time_limit=LIMIT, gap=0.0)
    size = 1.0 + abs(right.objective)
    assert found.status == "optimal" and found.objective == pytest.approx(right.objective, abs=2e-5 * size)
    assert (tight.space.lb >= encoded.space.lb).all() and (tight.space.ub <= encoded.space.ub).all()
    assert tight.pairs is None and tight.cutoff is not None
    assert tight.cutoff.value * tight.sense >= right.objective * tight.sense - 1e-5 * size
    report = kg.verify(m, found)
    assert report.ok and report.claim == "optimal"


@pytest.mark.parametrize("case", ["hours", "dso"])
def test_boxes_become_smaller(case):
    _, encoded, _, _, tight = case_of(case)
    seen = np.flatnonzero(encoded.space.role == "leader")
    assert ((tight.space.ub - tight.space.lb) < 0.9 * (encoded.space.ub - encoded.space.lb))[seen].any()
    changed = (tight.space.lb != encoded.space.lb) | (tight.space.ub != encoded.space.ub)
    assert all(proof.startswith("proved(cutoff") for proof in tight.space.proof[changed])
    assert "boxes of" in tight.notes[-1] and "a verified point has it" in tight.notes[-1]


@pytest.mark.parametrize("case", CASES)
def test_no_better_point_is_lost(case):
    """Random prices with exact responses, and start points: all that reach the cutoff satisfy boxes and rows."""
    m, encoded, _, points, tight = case_of(case)
    view, respond, kkt, kept = scaled(tight), Responder(m), kg.eliminate(kg.kkt(m)), 0
    low, high = tight.space.lb, tight.space.ub
    at = np.flatnonzero(m.space.role == "leader")
    rng = np.random.default_rng(5)
    inside = [low[at] + rng.random(len(at)) * (high[at] - low[at]) for _ in range(40)]
    near = [points[0][at] + 0.02 * rng.normal(size=len(at)) * (high[at] - low[at]) for _ in range(20)]
    answers = [respond(x) for x in [*random_prices(m, 6, 40), *inside, *(np.clip(x, low[at], high[at]) for x in near)]]
    for z in [*points, *(kept_by_the_leader(m, z) for z in answers if z is not None)]:
        if violation(scaled(kkt).model, scaled(kkt).point(kkt.complete(z))) > 1e-9:
            continue
        if tight.sense * (encoded.value(encoded.complete(z)) - tight.cutoff.value) > 0:
            continue
        kept += 1
        assert violation(view.model, view.point(tight.complete(z))) <= 2e-6
    assert kept > 0 or not case.startswith("one")


@pytest.mark.parametrize("case", ["hours", pytest.param("dso", marks=pytest.mark.slow)])
def test_in_other_units_the_optimum_is_the_same(case):
    a, c = UNITS
    _, _, right, _, _ = case_of(case)
    m, encoded, other, _, tight = case_of(case, UNITS)
    assert scaled(encoded).changes and other.objective / c == pytest.approx(right.objective, rel=1e-4)
    found = kg.solve(tight, "scip", time_limit=LIMIT)
    assert found.objective / c == pytest.approx(right.objective, rel=1e-4)
    assert tight.sense * tight.cutoff.value >= tight.sense * other.objective - 1e-4 * abs(other.objective)
    assert kg.verify(m, found).claim == "optimal"
    seen = np.flatnonzero(encoded.space.role == "leader")
    assert ((tight.space.ub - tight.space.lb) < 0.9 * (encoded.space.ub - encoded.space.lb))[seen].any()


# -- the way back ----------------------------------------------------------------------------------


@pytest.mark.parametrize("units", [None, UNITS])
def test_without_its_cutoff_the_model_is_what_it_was(units):
    _, encoded, _, _, tight = case_of("hours", units)
    whole = without_cutoff(tight)
    assert whole.cutoff is None and whole.notes == encoded.notes
    assert (whole.space.lb == encoded.space.lb).all() and (whole.space.ub == encoded.space.ub).all()
    assert (whole.rows.M != encoded.rows.M).nnz == 0 and (whole.rows.hi == encoded.rows.hi).all()
    view = without_cutoff(scaled(tight).model)
    assert np.allclose(view.space.ub, scaled(encoded).model.space.ub)


def test_tightened_again_it_still_knows_what_it_was():
    m, encoded, right, points, tight = case_of("hours")
    best = min(points, key=lambda z: encoded.sense * encoded.value(encoded.complete(z)))
    again = kg.tighten(tight, best)
    whole = without_cutoff(again)
    assert (whole.space.lb == encoded.space.lb).all() and (whole.space.ub == encoded.space.ub).all()
    assert len(whole.rows) == len(encoded.rows) and whole.notes == encoded.notes
    assert again.sense * again.cutoff.value <= again.sense * tight.cutoff.value + 1e-9
    assert kg.solve(again).objective == pytest.approx(right.objective, rel=1e-5)


def test_boxes_of_a_level_set_are_not_taken_for_those_of_all_points():
    m = kg.Bilevel("far")
    price = m.var("price", lb=0)
    ys = []
    for name, worth in (("a", 4.0), ("b", 3.0)):
        home = m.follower(name)
        y = home.var("y", lb=0, ub=5)
        home.minimize(price * y + y * y - worth * y)
        ys.append(y)
    m.minimize((price - 2) * (price - 2) + ys[0] + ys[1])
    model = ready(m)
    start = kg.search.start_points(m, model)[0]
    boxed = level(model, start, Relaxed.of(model))
    assert boxed.cutoff is not None and np.isfinite(boxed.space.ub[0]) and np.isinf(model.space.ub[0])
    tight = kg.tighten(kg.bound(boxed), start)
    assert np.isinf(without_cutoff(tight).space.ub[0])


# -- serial or not -----------------------------------------------------------------------------------


def same(one, other):
    return (
        (one.space.lb == other.space.lb).all() and (one.space.ub == other.space.ub).all()
        and one.rows.M.shape == other.rows.M.shape and (one.rows.M != other.rows.M).nnz == 0
        and (one.rows.lo == other.rows.lo).all()
    )  # fmt: skip


def test_the_same_twice():
    m, _, _, points, tight = case_of("steps")
    assert same(kg.tighten(ready(m), points[0]), tight)


def test_an_executor_finds_the_same_boxes():
    m, _, _, points, tight = case_of("dso")
    with ProcessPoolExecutor(2, multiprocessing.get_context("forkserver")) as pool:
        assert same(kg.tighten(ready(m), points[0], executor=pool), tight)


def test_a_closed_executor_is_refused():
    m, _, _, points, _ = case_of("one hour")
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(kg.ProblemError, match="takes no work"):
        kg.tighten(ready(m), points[0], executor=pool)


# -- refusals ----------------------------------------------------------------------------------------


def test_a_point_is_needed():
    m, _, _, points, _ = case_of("one hour")
    model = ready(m)
    with pytest.raises(kg.ProblemError, match="a good point is needed"):
        kg.tighten(model)
    with pytest.raises(kg.ProblemError, match="columns"):
        kg.tighten(model, points[0][:2])
    with pytest.raises(kg.ProblemError, match="violates the model"):
        kg.tighten(model, points[0] + 0.1)
    with pytest.raises(kg.ProblemError):
        kg.tighten(model, np.full(len(points[0]), np.nan))
    with pytest.raises(kg.ProblemError):
        kg.tighten(m, points[0])


def test_one_follower_is_refused():
    m = tariff(61, homes=1)
    model = ready(m)
    with pytest.raises(kg.ProblemError, match="one follower"):
        kg.tighten(model, kg.search.start_points(m, model)[0])


def test_an_objective_that_is_not_convex_is_refused():
    m = tariff(61, homes=2)
    extra = m.var("extra", 2, lb=-1, ub=1)
    goal = m.objective
    m.maximize(-goal + extra @ extra)
    model = ready(m)
    assert "qobj_nonconvex" in model.features
    with pytest.raises(kg.ProblemError, match="convex"):
        kg.tighten(model, np.zeros(model.n))


def test_points_of_every_kind_will_do():
    m, encoded, right, points, _ = case_of("one hour")
    model = ready(m)
    result = kg.optimize(m, time_limit=LIMIT)
    for best in (right, result, points[0], encoded.complete(points[0]), list(points[0])):
        assert kg.tighten(model, best, rounds=1).cutoff is not None
    assert len(known_point(encoded, points[0])) == encoded.n


# -- time ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0.0, 3.0, pytest.param(20.0, marks=pytest.mark.slow)])
def test_a_limit_is_kept(limit, monkeypatch):
    m, _, right, points, _ = case_of("dso")
    model = ready(m)
    clock = install(monkeypatch)
    clock.begin()
    tight = kg.tighten(model, points[0], time_limit=limit)
    assert clock.now <= 1.05 * limit + 2.0
    monkeypatch.undo()
    assert kg.solve(tight, time_limit=LIMIT).objective == pytest.approx(right.objective, rel=1e-4)


def test_progress_is_told():
    m, _, right, points, _ = case_of("one hour")
    told = []
    tight = kg.tighten(ready(m), points[0], rounds=1, progress=told.append)
    assert told and {"text", "seconds", "incumbent", "bound", "gap", "round", "jobs"} <= set(told[-1])
    assert told[-1]["incumbent"] == pytest.approx(tight.cutoff.value)
    bounds = [one["bound"] for one in told if one["bound"] is not None]
    assert bounds and all(tight.sense * b <= tight.sense * right.objective + 1e-4 for b in bounds)
    assert not any(math.isnan(one["gap"]) for one in told if one["gap"] is not None)


def test_whole_columns_that_followers_see_keep_whole_boxes():
    """Plants of whole sizes, of which all homes see the price: a side by cutoff is rounded to the next whole one."""
    m = kg.Bilevel("sizes")
    size = m.var("size", 2, lb=0, ub=9, kind="I")
    used = []
    for k, worth in enumerate((2.0, 2.6, 1.9)):
        home = m.follower(f"home{k + 1}")
        use = home.var("use", 2, lb=0, ub=6)
        home.minimize(0.3 * use @ use - worth * use.sum() + 0.2 * size @ use)
        used.append(use)
    m.minimize(kg.sum([(size[0] - 3.3) * (size[0] - 3.3), (size[1] - 5.6) * (size[1] - 5.6)])
               - 0.05 * (used[0].sum() + used[1].sum() + used[2].sum()))  # fmt: skip
    model = ready(m)
    tight = kg.tighten(model, kg.search.start_points(m, model)[0])
    low, high = tight.space.lb[size.cols], tight.space.ub[size.cols]
    assert (high - low < 9).any()
    assert (low == np.round(low)).all() and (high == np.round(high)).all()
    right = kg.solve(kg.encode(model), time_limit=LIMIT).objective
    assert kg.solve(tight, time_limit=LIMIT).objective == pytest.approx(right, abs=1e-5)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"best": "abc"}, "best is no point but str"),
        ({"rounds": 1.5}, "rounds must be a whole number"),
        ({"rounds": 0}, "rounds must be a whole number"),
        ({"cuts": "abc"}, "cuts must be a whole number"),
        ({"gap": -1}, "gap must be a number >= 0"),
        ({"time_limit": "soon"}, "time_limit must be a number >= 0"),
        ({"executor": 2}, "expected an executor or None, got int"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(wrong, words):
    m = tariff(101, homes=2)
    model = kg.bound(kg.eliminate(kg.kkt(m)))
    best = kg.search.start_points(m, model)[0]
    with pytest.raises(kg.ProblemError, match=words):
        kg.tighten(model, **{"best": best, **wrong})


def test_an_executor_that_is_none_is_refused_everywhere():
    m = tariff(101, homes=2)
    for verb in (lambda: kg.optimize(m, executor=2), lambda: kg.bound(kg.kkt(m), executor=2)):
        with pytest.raises(kg.ProblemError, match="expected an executor or None, got int"):
            verb()
