"""What SCIP derives at its root holds at every point of the model: at exact responses to random prices, above all."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from limits import LIMIT
from many_followers import dso, kept_by_the_leader, random_prices, ready, tariff

import kktgen as kg
from kktgen.decompose.lagrangian import priced
from kktgen.decompose.master import Master, Strengthened
from kktgen.search import Responder
from kktgen.search.residual import violation
from kktgen.solvers.scip.root import Root, root_rows

ROOM = 2e-6
"""Rows hold up to this, relative to the sum of their terms: twice SCIP's tolerance, by which they are loosened once."""


@cache
def parts(hours, vpps=3, seed=None):
    m = dso(hours, vpps, seed)
    model = kg.encode(ready(m))
    return m, model, kg.decompose(model)


@cache
def responses(hours, count, vpps=3, seed=None):
    """Return exact responses as points of the encoded model that satisfy it to a tenth of SCIP's tolerance."""
    m, model, blocks = parts(hours, vpps, seed)
    respond, out = Responder(m), []
    for x in random_prices(m, 11, count):
        z = respond(x)
        if z is None:
            continue
        point = blocks.view.point(model.complete(kept_by_the_leader(m, z)))
        if violation(blocks.model, point) <= 1e-7:
            out.append(point)
    assert len(out) > 0.6 * count
    return np.array(out)


def broken(root: Root, points: np.ndarray) -> float:
    """Return the largest violation of rows and boxes at some points, relative to the sizes of their terms."""
    size = 1.0 + np.abs(points)
    boxes = np.maximum(root.lb - points, points - root.ub) / size
    value, terms = root.M @ points.T, 1.0 + abs(root.M) @ np.abs(points.T)
    rows = np.maximum(root.lo[:, None] - value, value - root.hi[:, None]) / terms
    return max(float(boxes.max(initial=0.0)), float(rows.max(initial=0.0)))


def hold_everywhere(hours, count, vpps=3, seed=None):
    """Derive rows of every subproblem, without and with a point, twice, and hold them against all responses."""
    _, _, blocks = parts(hours, vpps, seed)
    known = responses(hours, count, vpps, seed)
    master = Master(Strengthened.of(blocks)).solve()
    rng, rows, narrower = np.random.default_rng(hours), 0, 0
    for k, part in enumerate(blocks.subproblems):
        mine, space = known[:, part.columns], part.model.space
        random = space.lb + rng.random(len(space.lb)) * (space.ub - space.lb)
        for model, point in (
            (priced(part, master.w, master.sigma[k]), None), (part.model, master.x[part.columns]),
            (part.model, random), (part.model, mine[0]),
            (priced(part, rng.normal(size=len(master.w)), rng.normal(size=len(part.links))), None),
        ):  # fmt: skip
            root = root_rows(model, point, time_limit=LIMIT)
            assert broken(root, mine) <= ROOM
            assert (root.lb >= space.lb).all() and (root.ub <= space.ub).all() and (root.lb <= root.ub).all()
            rows += len(root.lo)
            narrower += int(((root.lb > space.lb) | (root.ub < space.ub)).sum())
            if point is None:
                least = min(model.objective.value(z) for z in mine)
                assert root.bound <= least + 1e-5 * (1.0 + abs(least))
            else:
                assert root.bound == -np.inf
    assert rows > 20 and narrower > 5


def test_rows_and_boxes_hold_at_exact_responses():
    hold_everywhere(4, 100)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hours", "vpps", "seed"), [(6, 3, None), (8, 3, None), (24, 3, None), (12, 5, 3), (24, 6, 10)]
)
def test_rows_and_boxes_hold_at_hundreds_of_exact_responses(hours, vpps, seed):
    hold_everywhere(hours, 400, vpps, seed)


def test_rows_cut_off_the_point_they_are_asked_for():
    """At the master's optimum some row of some subproblem is violated: that is what they are for."""
    _, _, blocks = parts(4)
    x = Master(Strengthened.of(blocks)).solve().x
    worst = 0.0
    for part in blocks.subproblems:
        root = root_rows(part.model, x[part.columns], time_limit=LIMIT)
        worst = max(worst, broken(replace(root, lb=part.model.space.lb, ub=part.model.space.ub), x[None, part.columns]))
    assert worst > 1e-3


def test_no_point_of_a_feasible_model_is_cut_off_where_it_is_asked_for():
    _, _, blocks = parts(4)
    for z in responses(4, 100)[:3]:
        for part in blocks.subproblems:
            assert broken(root_rows(part.model, z[part.columns], time_limit=LIMIT), z[None, part.columns]) <= ROOM


def test_when_the_time_is_over_nothing_is_derived():
    _, _, blocks = parts(4)
    for part in blocks.subproblems:
        for point in (None, 0.5 * (part.model.space.lb + part.model.space.ub)):
            root = root_rows(part.model, point, time_limit=0.0)
            assert len(root.lo) == 0 and root.M.shape == (0, part.model.n) and root.bound == -np.inf
            assert (root.lb == part.model.space.lb).all() and (root.ub == part.model.space.ub).all()


def test_whole_columns_keep_whole_boxes():
    """A knapsack with a whole column: 2 x + 3 y <= 7, x whole, has x <= 3; every whole point stays."""
    m = kg.Bilevel("whole")
    x, b, y = m.var("x", lb=0, ub=9, kind="I"), m.var("b", 3, kind="B"), m.var("y", lb=0, ub=2)
    m.add(2 * x + 3 * y + b.sum() <= 7.5, name="room")
    m.add(x - 4 * b[0] >= -0.5, name="if")
    m.minimize(-3 * x - y - 2 * b.sum())
    model = kg.kkt(m)
    rng = np.random.default_rng(0)
    draws = np.column_stack([rng.integers(0, 10, 4000), rng.integers(0, 2, (4000, 3)), 2 * rng.random(4000)])
    known = np.array([z for z in draws.astype(float) if violation(model, z) <= 1e-9])
    for point in (None, np.array([2.6, 0.4, 0.5, 0.5, 0.3])):
        root = root_rows(model, point, time_limit=LIMIT)
        assert (root.lb[:4] == np.round(root.lb[:4])).all() and (root.ub[:4] == np.round(root.ub[:4])).all()
        assert broken(root, known) <= ROOM
        assert root.ub[0] <= 9.0


@pytest.mark.parametrize("seed", range(6))
def test_rows_of_random_whole_problems_hold_at_all_their_points(seed):
    """Every point of small boxes of whole columns, with the best continuous one."""
    rng = np.random.default_rng(seed)
    m = kg.Bilevel(f"grid{seed}")
    x, y = m.var("x", 4, lb=0, ub=2, kind="I"), m.var("y", 2, lb=-1, ub=3)
    A, B = rng.integers(-3, 4, (4, 4)).astype(float), rng.normal(size=(4, 2))
    side = A @ np.ones(4) + B @ np.ones(2) + rng.random(4)
    m.add(A @ x + B @ y <= side)
    m.minimize(rng.normal(size=4) @ x + rng.normal(size=2) @ y)
    model = kg.kkt(m)
    grid = np.stack(np.meshgrid(*[np.arange(3.0)] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    points = np.concatenate([np.hstack([grid, np.tile(v, (len(grid), 1))]) for v in rng.uniform(-1, 3, (60, 2))])
    known = points[(points[:, :4] @ A.T + points[:, 4:] @ B.T <= side + 1e-12).all(axis=1)]
    assert len(known) > 20
    for point in (None, *(np.append(2 * rng.random(4), rng.uniform(-1, 3, 2)) for _ in range(3))):
        assert broken(root_rows(model, point, time_limit=LIMIT), known) <= ROOM


def test_columns_without_a_box_stay_so():
    """What SCIP calls infinite is infinite here; a finite side beside an infinite one is kept."""
    derived = 0
    for seed in range(2, 6):
        rng = np.random.default_rng(seed)
        m = kg.Bilevel("open")
        x, b = m.var("x", 3, lb=[-np.inf, 0.0, -np.inf], ub=[np.inf, np.inf, 5.0]), m.var("b", 12, kind="B")
        m.add(x[0] + x[1] - x[2] >= rng.random(12) @ b * 3 - 3, x[1] - rng.random(12) @ b <= 2.2)
        m.add(rng.integers(10, 40, (4, 12)) @ b + 0.1 * x[1] <= 131.5)
        m.minimize(x[0] + 2 * x[1] - x[2] - rng.random(12) @ b * 2)
        root = root_rows(kg.kkt(m), np.append([0.0, 1.0, 0.0], 0.3 + 0.4 * rng.random(12)), time_limit=LIMIT)
        assert root.lb[:3].tolist() == [-np.inf, 0.0, -np.inf] and root.ub[0] == np.inf and root.ub[2] == 5.0
        sides = np.concatenate([root.lo, root.hi, root.lb, root.ub])
        assert np.abs(sides[np.isfinite(sides)]).max() < 1e6
        derived += len(root.lo)
    assert derived > 0


def test_sets_and_indicators_are_kept():
    m = tariff(15, homes=2, hours=2)
    for encoding in (kg.SOS1(), kg.Indicator()):
        model = kg.encode(ready(m), encoding)
        blocks, respond = kg.decompose(model), Responder(m)
        answers = [model.complete(kept_by_the_leader(m, respond(x))) for x in random_prices(m, 1, 40)]
        for part in blocks.subproblems:
            mine = np.array([z[part.columns] for z in answers if violation(part.model, z[part.columns]) <= 1e-7])
            assert len(mine) > 20
            for point in (None, mine[0] + 0.1):
                assert broken(root_rows(part.model, point, time_limit=LIMIT), mine) <= ROOM


def test_a_model_without_points_derives_nothing_wrong():
    m = kg.Bilevel("empty")
    x = m.var("x", 2, kind="B")
    m.add(x.sum() >= 1.2, x[0] + x[1] <= 1.4)
    m.minimize(x.sum())
    model = kg.kkt(m)
    root = root_rows(model, time_limit=LIMIT)
    assert (root.lb <= root.ub).all()
