"""Products of the leader's binaries with followers' columns: brought in by elimination, made linear by boxes."""

from dataclasses import replace

import numpy as np
import pytest

import kktgen as kg
from kktgen.reformulate.switched_products import with_switched_products


def lines(kappa=1.0, base=2.0):
    """Return a market of two lines that may be enlarged, a leader who earns by a rival plant and by rents."""
    m = kg.Bilevel("lines")
    z = m.var("z", 2, kind="B")
    f = m.follower("market")
    g, h = f.var("g", 2, lb=0), f.var("h", 2, lb=0, ub=[5, 20])
    limit = f.add(g <= base + 3 * z, name="limit")
    balance = f.add(g.sum() + h.sum() == 12.5, name="balance")
    f.minimize(10 * g[0] + 14 * g[1] + 20 * h[0] + 30 * h[1] + g @ g + h @ h)
    rent = -3 * (limit.dual[0] * z[0] + 0.4 * limit.dual[1] * z[1])
    m.maximize(balance.dual * h[0] - 20 * h[0] + kappa * rent - 10 * z.sum())
    return m, z, rent, balance


def points(m):
    respond = kg.search.Responder(m)
    return [respond(np.array(plan, dtype=float)) for plan in ((0, 0), (0, 1), (1, 0), (1, 1))]


def test_elimination_brings_in_products_of_binaries_where_that_rids_it_of_others():
    m, *_ = lines(kappa=0.0)
    before = kg.kkt(m)
    after = kg.eliminate(before)
    z, goal = m.space.find("z"), after.objective
    kinds = after.space.role
    cross = goal.i != goal.j
    assert cross.any()
    assert np.isin(goal.i[cross], z).all()
    assert set(kinds[goal.j[cross]]) == {"mu"}
    assert any("linear once" in note for note in after.notes)
    for point in points(m):
        assert after.value(point) == pytest.approx(before.value(point), rel=1e-9)


def test_what_is_eliminated_without_them_stays_as_it_is():
    m = kg.Bilevel("plain")
    z = m.var("z", kind="B")
    f = m.follower("market")
    g = f.var("g", 2, lb=0, ub=[6, 9])
    balance = f.add(g.sum() == 8 + z)
    f.minimize(10 * g[0] + 30 * g[1])
    m.maximize(balance.dual * g[0] - 5 * z)
    after = kg.eliminate(kg.kkt(m))
    assert len(after.objective.v) == 0
    assert with_switched_products(kg.bound(after)).n == after.n


def test_products_with_boxes_become_columns_and_keep_every_value():
    m, *_ = lines()
    model = kg.bound(kg.eliminate(kg.kkt(m)))
    lifted = with_switched_products(model)
    assert lifted.n > model.n
    assert not any(model.space.kind[lifted.objective.i] == "B")
    assert f"linearised: {lifted.n - model.n} product" in lifted.notes[-1]
    for point in points(m):
        whole = lifted.complete(point)
        assert lifted.value(whole) == pytest.approx(model.value(point), rel=1e-9)
        assert lifted.rows.residual(whole).max() < 1e-6


def test_a_row_and_the_objective_share_a_column_and_the_row_becomes_linear():
    m, _, rent, _ = lines()
    m.add(rent >= 4, name="earns")
    model = kg.bound(kg.kkt(m))
    lifted = with_switched_products(model)
    assert lifted.n - model.n == 2
    assert len(lifted.quads) == 0
    assert any(block.word == "earns" for block in lifted.rows.blocks)


def shut(alone: float) -> kg.Bilevel:
    """At z = 0 the plant is shut: the multipliers of its rows have no bound, only their difference has."""
    m = kg.Bilevel("shut")
    z = m.var("z", kind="B")
    f = m.follower("market")
    g, h = f.var("g", lb=0), f.var("h", lb=0, ub=9)
    limit = f.add(g <= 4 * z)
    f.add(g + h == 6)
    f.minimize(10 * g + 30 * h)
    m.maximize(-limit.dual * z - z + alone * limit.dual)
    return m


def test_without_a_box_the_product_stays():
    model = kg.bound(kg.kkt(shut(0.1)))
    assert with_switched_products(model) is model
    result = kg.optimize(shut(0.1), time_limit=30)
    assert (result.solution.objective, result.report.claim) == (pytest.approx(17.0), "optimal")


def test_a_multiplier_that_stands_beside_the_binary_alone_needs_no_bound_where_it_is_zero():
    model = kg.bound(kg.kkt(shut(0.0)))
    assert with_switched_products(model).n == model.n + 1
    result = kg.optimize(shut(0.0), time_limit=30)
    assert (result.solution.objective, result.report.claim) == (pytest.approx(19.0), "optimal")
    assert "every multiplier and slack lies in a proved box" in str(result.report)


def test_multipliers_of_rows_that_the_binary_switches_need_no_box():
    m = kg.Bilevel("switched")
    z = m.var("z", kind="B")
    f = m.follower("market")
    g, h = f.var("g", lb=0, ub=9), f.var("h", lb=0, ub=9)
    need = f.add(g + h == 4, when=z, name="need")
    f.minimize(2 * g + 3 * h)
    m.maximize(need.dual * z - z)
    model = kg.kkt(m)
    lifted = with_switched_products(model)
    assert lifted.n == model.n
    assert len(lifted.objective.v) == 0
    result = kg.optimize(m, time_limit=30)
    assert (result.solution.objective, result.report.claim) == (pytest.approx(1.0), "optimal")


def optimum(model):
    return kg.solve(kg.encode(model, kg.SOS1()), time_limit=30).objective


@pytest.mark.parametrize("kappa", [1.0, -1.0])
def test_each_row_and_each_box_is_needed(kappa):
    m, z, rent, _ = lines()
    m.maximize(kappa * rent + (9 * z.sum() if kappa < 0 else -z.sum()))
    model = kg.bound(kg.kkt(m))
    right = max(model.value(point) for point in points(m))
    lifted = with_switched_products(model)
    assert optimum(lifted) == pytest.approx(right, rel=1e-4)
    at = np.flatnonzero([lifted.rows.label(k).startswith("w_binary_hull") for k in range(len(lifted.rows))])
    wrong = []
    for row in at:
        keep = np.ones(len(lifted.rows), dtype=bool)
        keep[row] = False
        value = optimum(replace(lifted, rows=lifted.rows.take(keep)))
        wrong.append(value is None or abs(value - right) > 1e-3)
    assert sum(wrong) >= 2
    if kappa < 0:  # the leader pays: the best plan pays nothing
        return
    space = model.space.copy()
    mu = model.kkt.mu[np.isin(model.kkt.mu, model.objective.j)]
    space.ub[mu] = 0.5 * max(point[mu].max() for point in points(m))
    shrunk = optimum(with_switched_products(replace(model, space=space)))
    assert shrunk is None or abs(shrunk - right) > 1e-3
