"""Responses that are right up to a tolerance and wrong for the leader."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg

LIMIT = 20


def beside(large, small):
    """A driver who pays ``large`` for w >= 50 and ``small`` for y, worth 1000 to the leader: y = 0, the value is 0."""
    m = kg.Bilevel("beside")
    x = m.var("x", lb=0, ub=10)
    f = m.follower("f")
    w, y = f.var("w", lb=50, ub=1000), f.var("y", lb=0, ub=1)
    f.add(w >= x)
    f.minimize(large * w + small * y)
    m.minimize(x - 1000 * y)
    return m, (x, w, y)


def point(m, columns, values):
    z = np.full(kg.kkt(m).n, np.nan)
    for column, value in zip(columns, values, strict=True):
        z[column.cols] = value
    return z


@pytest.mark.parametrize("large", [1, 1e3, 1e4])
@pytest.mark.parametrize("small", [1e-3, 1e-2, 1])
def test_a_small_loss_beside_a_large_cost(large, small):
    m, columns = beside(large, small)
    wrong = kg.verify(m, point(m, columns, (0, 50, 1)))
    assert not wrong.ok
    assert wrong["follower gap(f)"].where.startswith("y(f): 1, re-solved 0")
    assert kg.verify(m, point(m, columns, (0, 50, 0))).ok
    found = kg.optimize(m, time_limit=LIMIT)
    assert found.report.claim == "optimal" or "1e9 apart" in str(found.report)
    assert found.solution.objective == pytest.approx(0, abs=1e-6)


def test_errors_within_tolerance_in_a_large_cost_are_none():
    m, columns = beside(1e5, 1)
    assert kg.verify(m, point(m, columns, (0, 50 + 1e-7, 0))).ok


def test_a_tie_kept_up_to_rounding_stands():
    m = kg.Bilevel("toll")
    x = m.var("toll", lb=0, ub=3)
    f = m.follower("driver")
    y = f.var("road", lb=0, ub=1)
    f.minimize(x @ y - 2 * y)
    m.maximize(x @ y)
    assert kg.verify(m, point(m, (x, y), (2 + 1e-7, 1))).ok
    assert not kg.verify(m, point(m, (x, y), (2 + 1e-4, 1))).ok


def priced(size):
    """A price without a limit, times a quantity that is zero: nothing can be earned, the value is 0."""
    m = kg.Bilevel("priced")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y, w = f.var("y", lb=0, ub=4), f.var("w", lb=0, ub=4)
    f.add(w == 0)
    f.minimize(w + y + x * y)
    m.minimize(x - w.lower_dual * y)
    z = kg.optimize(m, time_limit=LIMIT).solution.z.copy()
    z[y.cols], z[w.lower_dual.cols] = 1e-7, size
    z[kg.kkt(m).kkt.lam] = 1 - size
    return m, z


@pytest.mark.parametrize("size", [1e6, 1e12, 1e20])
def test_a_tiny_quantity_at_a_huge_price(size):
    m, z = priced(size)
    report = kg.verify(m, z)
    assert report["stationarity(f)"].value < 2e-6
    assert not report.ok
    assert report["worth(f)"].where == "y(f): 1e-07, re-solved 0"


@pytest.mark.parametrize("encoding", [kg.Product(), kg.StrongDuality()], ids=["product", "strong duality"])
def test_such_a_point_refutes_no_right_answer(encoding):
    m, _ = priced(1)
    model = kg.bound(kg.eliminate(kg.kkt(m)))
    good = kg.solve(kg.encode(model, kg.SOS1()), "scip", time_limit=LIMIT)
    other = kg.solve(kg.encode(model, encoding), "scip", time_limit=LIMIT)
    report = kg.verify(m, other)
    assert not (report.ok and other.objective < -1e-3)
    if not report.ok and other.objective < -1e-3:
        assert report.failing[0].name == "worth(f)"
        assert "re-solved" in report.failing[0].where
    said = kg.verify(m, good, evidence=[other])
    assert said.value == pytest.approx(0, abs=1e-6)
    assert "solver fault" not in str(said).lower()


def test_no_line_where_no_error_matters():
    m, columns = beside(1, 1)
    assert not [line for line in kg.verify(m, point(m, columns, (0, 50, 0))).lines if line.kind == "worth"]
