"""Rounds: bounds below the optimum, boxes with every better point in them, faults that are noticed."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from limits import LIMIT
from many_followers import dso, kept_by_the_leader, random_prices, ready, tariff
from other_units import in_units

import kktgen as kg
from kktgen.deadline import Deadline
from kktgen.decompose import follower_jobs
from kktgen.decompose import rounds as rounds_of
from kktgen.decompose.level_set import LevelSet
from kktgen.decompose.rounds import Rounds
from kktgen.decompose.tighten import known_point, tightened
from kktgen.numerics.sparse import Csr
from kktgen.search import Responder
from kktgen.search.residual import violation

CASES = {
    "hours": lambda: tariff(91, homes=3, hours=2, bent=True),
    "steps": lambda: tariff(92, homes=2, hours=2, steps=True, ordered=True),
    "dso": lambda: dso(2),
    "units": lambda: in_units(tariff(93, homes=3, hours=2), 1e4, 1e4),
}
EACH = [case if case != "dso" else pytest.param(case, marks=pytest.mark.slow) for case in CASES]


@cache
def prepared(case):
    """Return blocks, the optimum of their model (minimised), and points of it, the best first."""
    m = CASES[case]()
    model = ready(m)
    blocks = kg.decompose(model)
    found = kg.solve(blocks.view.original, "scip", time_limit=LIMIT, gap=0.0)
    points = [known_point(blocks.view.original, z) for z in kg.search.start_points(m, model)]
    points.sort(key=blocks.model.objective.value)
    return blocks, blocks.model.objective.value(blocks.view.point(found.z)), points


@pytest.mark.parametrize("case", EACH)
def test_bounds_grow_and_stay_below_the_optimum(case):
    blocks, optimum, points = prepared(case)
    run, last = Rounds(blocks, points[0], points[1:]), -np.inf
    room = 2e-5 * (1.0 + abs(optimum))
    for _ in range(3):
        again = run.once()
        assert last <= run.bound <= optimum + room and run.value >= optimum - room
        last = run.bound
        assert not run.fault and run.refused == 0
        for dual in [run.dual] if run.dual else []:
            assert dual.bound <= optimum + room
        if not again:
            break
    assert run.gap < 0.1
    bound, said = run.told_bound
    assert bound == pytest.approx(blocks.model.sense * blocks.view.objective * run.bound)
    assert "the bound is Lagrangian" in said
    assert len(run.decisions) >= 1 and all(len(z) == blocks.model.n for z in run.decisions)


@pytest.mark.parametrize("case", EACH)
def test_boxes_hold_all_points_that_reach_the_cutoff(case):
    blocks, optimum, points = prepared(case)
    worst = points[-1]
    run = Rounds(blocks, worst)
    run.once()
    run.once()
    assert run.cutoff == pytest.approx(run.value) and run.reach > run.value
    for z in points:
        if blocks.model.objective.value(z) <= run.cutoff:
            size = 2e-6 * (1.0 + np.abs(z))
            assert (run.state.lb <= z + size).all() and (z - size <= run.state.ub).all()
            for box in run.boxes:
                assert box.sign * z[box.column] >= box.value - 2e-6 * (1.0 + abs(box.value))
    for box in run.boxes:
        level = run.levels[box.level]
        cost = np.zeros(blocks.model.n)
        cost[box.column] = box.sign
        assert level.least(cost, box.prices) >= box.value


def test_a_better_point_is_taken_and_a_worse_one_not():
    blocks, _, points = prepared("hours")
    run = Rounds(blocks, points[-1])
    assert run.better(points[0]) == (blocks.model.objective.value(points[0]) < blocks.model.objective.value(points[-1]))
    assert not run.better(points[-1])
    assert run.value == min(blocks.model.objective.value(z) for z in (points[0], points[-1]))


def test_what_loses_the_best_point_is_not_taken(monkeypatch):
    """A root that cuts a known point off, by a box or by a row, is refused; the optimum stays."""
    blocks, optimum, points = prepared("hours")
    real = follower_jobs.root_rows

    def lost(model, *args, **more):
        root = real(model, *args, **more)
        lb = root.lb.copy()
        lb[-1] = model.space.ub[-1]  # of a tariff
        return replace(root, lb=lb)

    monkeypatch.setattr(follower_jobs, "root_rows", lost)
    run = Rounds(blocks, points[0])
    run.once()
    assert run.refused > 0 and len(run.state.rows) == 0
    model = tightened(run.blocks.view.original, run)
    found = blocks.view.model.objective.value(blocks.view.point(kg.solve(model, time_limit=LIMIT).z))
    assert found == pytest.approx(optimum, abs=1e-4)

    def rows_too_far(model, *args, **more):
        root = real(model, *args, **more)
        return replace(root, lo=root.lo + 5.0)

    monkeypatch.setattr(follower_jobs, "root_rows", rows_too_far)
    run = Rounds(blocks, points[0])
    run.once()
    kept = run.state.rows
    assert run.refused > 0 or len(kept) == 0
    assert (kept.residual(points[0]) <= 1e-5 * (1.0 + abs(kept.M) @ np.abs(points[0]))).all()


def test_witnesses_are_kept_as_well(monkeypatch):
    """A row that only another known point violates is refused, too; not where boxes have lost that point before."""
    blocks, _, points = prepared("hours")
    m, best, real = CASES["hours"](), points[0], follower_jobs.root_rows
    answer = kept_by_the_leader(m, Responder(m)(random_prices(m, 1, 1)[0]))
    other = known_point(blocks.view.original, answer)
    assert np.abs(best - other)[blocks.linking].max() > 0.1

    def lost(model, *args, **more):
        """Cut the other point off, and not the best one: by the plane in the middle between them."""
        root, part = real(model, *args, **more), next(p for p in blocks.subproblems if p.model.name == model.name)
        a = best[part.columns] - other[part.columns]
        if not np.abs(a).max() > 0.01:
            return root
        middle = 0.5 * a @ (best + other)[part.columns]
        return replace(root, M=Csr(a[None, :]), lo=np.array([middle]), hi=np.array([np.inf]))

    monkeypatch.setattr(follower_jobs, "root_rows", lost)
    strict = Rounds(blocks, best, [other])
    strict.once(1, boxes=False)
    assert strict.refused > 0
    free = Rounds(blocks, best)
    free.once(1, boxes=False)
    assert free.refused == 0
    outside = Rounds(blocks, best, [np.full(blocks.model.n, 1e3)])
    outside.once(1, boxes=False)
    assert outside.refused == 0


def test_a_box_that_would_lose_the_best_point_gives_boxes_up(monkeypatch):
    blocks, _, points = prepared("hours")
    real = LevelSet.least
    monkeypatch.setattr(LevelSet, "least", lambda self, cost, price: real(self, cost, price) + 10.0)
    run = Rounds(blocks, points[0])
    run.once()
    assert "would lose the best point known" in run.fault and not run.boxes and not run.levels
    assert any("would lose" in note for note in tightened(run.blocks.view.original, run).notes)


def test_a_bound_above_the_best_point_is_a_fault(monkeypatch):
    blocks, _, points = prepared("hours")
    monkeypatch.setattr(rounds_of, "total", lambda leader, bounds: 1e6)
    run = Rounds(blocks, points[0])
    run.once()
    assert "better than the best point known" in run.fault
    assert run.bound <= run.value and run.dual is None
    monkeypatch.setattr(rounds_of, "total", lambda leader, bounds: np.inf)
    run = Rounds(blocks, points[0])
    run.once()
    assert run.fault and run.dual is None and np.isfinite(run.told_bound[0])


def test_without_time_nothing_is_proved_and_nothing_lost():
    blocks, _, points = prepared("hours")
    run = Rounds(blocks, points[0], deadline=Deadline(0.0))
    assert not run.once()
    assert run.told_bound == (None, "") and not run.boxes
    assert violation(blocks.model, points[0]) <= 1e-6
    model = tightened(run.blocks.view.original, run)
    assert (model.space.lb == blocks.view.original.space.lb).all()


def test_the_cutoff_is_that_of_the_boxes_not_of_points_found_later():
    blocks, _, points = prepared("hours")
    run = Rounds(blocks, points[-1])
    first = run.value
    run.once()
    assert run.cutoff == first
    better = blocks.model.objective.value(points[0]) < first
    run.better(points[0])
    assert run.cutoff == first
    run.once()
    if better and len(run.levels) > 1:
        assert run.cutoff < first


def test_a_pool_that_loses_a_worker_finds_the_same():
    """The worker dies between two steps: all that is left is done here."""
    blocks, _, points = prepared("hours")
    alone = Rounds(blocks, points[0])
    alone.once()
    with ProcessPoolExecutor(2) as pool:
        run = Rounds(blocks, points[0], executor=pool)
        pool.submit(time.sleep, 0.0).result()
        for process in list(vars(pool)["_processes"].values())[:1]:
            process.kill()
        run.once()
    assert (run.state.lb == alone.state.lb).all() and (run.state.ub == alone.state.ub).all()
    assert run.bound == alone.bound
