"""Strong duality with binary decisions: products become columns, the row linear or convex, the answer exact."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from problems import ALL

import kktgen as kg
from kktgen.catalog import build
from kktgen.numerics.programs import lp
from kktgen.numerics.sparse import Csr

PROFIT, WEIGHT, CAPACITY = np.array([8.0, 7.0, 5.0, 6.0]), np.array([3.0, 2.0, 2.0, 4.0]), 5.0


def interdiction() -> kg.Bilevel:
    """min p'y,  x binary, sum x <= 2;   y solves  max p'y,  w'y <= 5,  0 <= y <= 1 - x: keep the best items out."""
    m = kg.Bilevel("interdiction")
    x = m.var("x", 4, kind="B")
    thief = m.follower("thief")
    y = thief.var("y", 4, lb=0)
    thief.add(WEIGHT @ y <= CAPACITY, name="capacity")
    thief.add(y + x <= 1, name="guard")
    thief.maximize(PROFIT @ y)
    m.add(x.sum() <= 2, name="budget")
    m.minimize(PROFIT @ y)
    return m


def best_interdiction() -> float:
    """Return the optimum of ``interdiction`` by trying every decision."""
    values = [
        -lp(
            -PROFIT, Csr(WEIGHT[None, :]), np.array([-np.inf]), np.array([CAPACITY]), np.zeros(4), 1.0 - np.array(x)
        ).value
        for x in product((0, 1), repeat=4)
        if sum(x) <= 2
    ]
    return min(values)


def switch() -> kg.Bilevel:
    """min (y - 2)^2 + x0 + x1,  x binary;   y solves  min (y - 3)^2 + y x1,  0 <= y <= 1 + 4 x0.

    (0, 0): y = 1, cost 1;   (1, 0): y = 3, cost 2;   (0, 1): y = 1, cost 2;   (1, 1): y = 2.5, cost 2.25.
    """
    m = kg.Bilevel("switch")
    x = m.var("x", 2, kind="B")
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.add(y <= 1 + 4 * x[0], name="roof")
    f.minimize(y @ y - 6 * y + x[1] @ y)
    m.minimize((y - 2) ** 2 + x[0] + x[1])
    return m


def encoded(m: kg.Bilevel, encoding: object = "strongduality") -> kg.Model:
    return kg.encode(kg.bound(kg.eliminate(kg.kkt(m))), encoding)


def products(model: kg.Model) -> np.ndarray:
    return np.flatnonzero(model.space.role == "product")


def test_binary_decisions_leave_a_linear_row():
    model = encoded(interdiction())
    assert len(model.quads) == 0 and model.features == {"int"}
    assert len(products(model)) > 0
    assert [(e.encoding, e.trust) for e in model.encodings] == [("StrongDuality", "proved")]
    assert "replaced exactly" in model.notes[-1]
    assert [model.rows.label(b.start) for b in model.rows.blocks if b.word == "duality"] == ["duality(thief)"]


@pytest.mark.parametrize("solver", ["scip", "highs"])
def test_the_answer_is_that_of_every_decision_tried(solver):
    m = interdiction()
    solution = kg.solve(encoded(m), solver)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(best_interdiction(), rel=1e-6)
    assert solution.objective == pytest.approx(kg.solve(encoded(m, "sos1"), "scip").objective, rel=1e-6)
    report = kg.verify(m, solution)
    assert report.claim == "optimal", str(report)


@pytest.mark.parametrize("seed", range(1, 7))
@pytest.mark.parametrize("shape", ["lp", "two"])
def test_random_problems_with_binary_leaders(shape, seed):
    parameters = {"family": "lp", "rows": 6, "cols": 4, "upper": 1.0, "integers": 1.0, "reach": 1.0, "seed": seed}
    m = build("random_bilevel", {**parameters, "followers": 2 if shape == "two" else 1})
    model = encoded(m)
    assert len(model.quads) == 0
    expected = kg.solve(encoded(m, "sos1"), "scip").objective
    for solver in ("scip", "highs"):
        assert kg.solve(model, solver).objective == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_known_problems_with_binary_leaders():
    found = 0
    for problem in (p for p in ALL if p.outcome == "optimal"):
        m = problem.build()
        model = encoded(m)
        if len(model.quads) or model.kkt is None or not any(e.encoding == "StrongDuality" for e in model.encodings):
            continue
        found += 1
        solution = kg.solve(model, "scip")
        assert solution.objective == pytest.approx(problem.objective, rel=1e-5, abs=1e-5), problem.name
        assert all(e.trust in ("exact", "proved") for e in model.encodings)
    assert found >= 4


def test_a_quadratic_follower_leaves_a_convex_row():
    m = switch()
    model = encoded(m)
    assert "qrow" in model.features and "qrow_nonconvex" not in model.features
    assert [e.trust for e in model.encodings] == ["eps"]
    solution = kg.solve(model, "scip")
    assert solution.objective == pytest.approx(1.0, abs=1e-3)
    assert solution.objective == pytest.approx(kg.solve(encoded(m, "sos1"), "scip").objective, abs=1e-3)
    exact = kg.encode(kg.bound(kg.kkt(m)), kg.StrongDuality(eps=0))
    assert [e.trust for e in exact.encodings] == ["proved"]


@pytest.mark.parametrize("declare", [interdiction, switch])
def test_a_point_is_completed_by_its_products(declare):
    m = declare()
    model = encoded(m)
    z = kg.solve(encoded(m, "sos1"), "scip").z[: len(m.space)]
    whole = model.complete(z)
    w = products(model)
    assert model.rows.residual(whole).max() < 1e-5
    assert (whole >= model.space.lb - 1e-6).all() and (whole <= model.space.ub + 1e-6).all()
    lift = model.lifts[-1]
    np.testing.assert_array_equal(np.sort(lift.columns), w)
    np.testing.assert_allclose(whole[lift.columns], z[lift.left] * z[lift.right])


def test_a_box_that_is_too_small_is_noticed():
    """With the products of x held below half their value the optimum is lost."""
    model = encoded(interdiction())
    space, w = model.space.copy(), products(model)
    space.ub[w] = np.where(space.ub[w] > 0, 0.2 * space.ub[w], space.ub[w])
    space.lb[w] = np.where(space.lb[w] < 0, 0.2 * space.lb[w], space.lb[w])
    small = kg.solve(replace(model, space=space), "scip")
    assert small.objective is None or small.objective > best_interdiction() + 1e-3


def test_a_continuous_decision_keeps_its_products_and_says_so():
    m = kg.Bilevel("slide")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=2)
    f.add(y <= 1 + x)
    f.minimize(-y)
    m.minimize(y + x)
    model = encoded(m)
    assert "qrow_nonconvex" in model.features and len(products(model)) == 0
    assert [e.trust for e in model.encodings] == ["eps"]
    assert model.notes[-1] == "strong duality: rows that keep their products: 1 (f: x is not binary)"


def test_integers_of_two_neighbouring_values_count_as_binary_others_do_not():
    for high, nonconvex in ((3, False), (4, True)):
        m = kg.Bilevel("units")
        x = m.var("units", lb=2, ub=high, kind="I")
        f = m.follower("f")
        y = f.var("y", lb=0, ub=9)
        f.add(y <= 2 * x, name="capacity")
        f.minimize(-y)
        m.minimize(3 * x - y)
        model = encoded(m)
        assert ("qrow_nonconvex" in model.features) is nonconvex
        assert kg.solve(model, "scip").objective == pytest.approx(2.0, abs=1e-4)


def test_without_products_the_row_is_exact():
    m = kg.Bilevel("apart")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=2)
    f.minimize(-y)
    m.minimize(x + y)
    model = kg.encode(kg.kkt(m), kg.StrongDuality())
    assert [e.trust for e in model.encodings] == ["exact"]
    assert model.features == set()
    assert kg.solve(model, "highs").objective == pytest.approx(2.0)


def test_a_fixed_decision_is_no_product():
    m = kg.Bilevel("fixed")
    x = m.var("x", lb=3, ub=3)
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.add(y <= x)
    f.minimize(-y)
    m.minimize(y)
    model = kg.encode(kg.kkt(m), kg.StrongDuality())
    assert model.features == set() and len(products(model)) == 0
    assert kg.solve(model, "highs").objective == pytest.approx(3.0)


def test_it_bounds_by_itself_only_when_binaries_make_that_useful():
    binary, continuous = kg.kkt(interdiction()), kg.kkt(build("random_bilevel", {"rows": 4, "cols": 3}))
    assert len(kg.encode(binary, kg.StrongDuality()).quads) == 0
    open_ = kg.encode(continuous, kg.StrongDuality())
    assert len(open_.quads) == 1 and not np.isfinite(open_.space.ub[open_.space.role == "mu"]).any()


def test_constants_of_the_users_own_are_not_called_proved():
    m = interdiction()
    model = kg.bound(kg.kkt(m))
    mixed = kg.encode(model, kg.BigM(slack=50, dual=0.5), {"capacity(thief)": kg.StrongDuality()})
    trust = {e.encoding: e.trust for e in mixed.encodings}
    assert trust == {"BigM": "user", "StrongDuality": "user"}


def test_claims_follow_the_trust():
    linear = kg.optimize(interdiction(), "strongduality")
    assert linear.report.claim == "optimal", str(linear.report)
    assert linear.solution.objective == pytest.approx(best_interdiction(), rel=1e-6)
    convex = kg.optimize(switch(), "strongduality", evidence=False)
    assert convex.report.claim == "bilevel-feasible"
