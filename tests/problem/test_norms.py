"""Norms in followers' rows: absolute values, numbers and the leader's expressions above them."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg


def test_cones_of_two_dimensions_are_linear_rows():
    """Two problems of BilevelJuMP's tests (conic02, conic03)."""
    m = kg.Bilevel("conic02")
    x, f = m.var("x", lb=2, ub=6), m.follower("f")
    y = f.var("y", 2)
    d = y[0] - y[1]
    f.add(y[0] >= 0, y[1] >= 0, x + d <= 8, x + 4 * d >= 8, x + 2 * d <= 12, kg.norm(y[1]) <= y[0])
    f.minimize(-d)
    m.minimize(x + 3 * d)
    assert not f.varying
    result = kg.optimize(m, time_limit=30)
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(12, abs=1e-4)
    m = kg.Bilevel("conic03")
    x, f = m.var("x", lb=0, ub=6), m.follower("f")
    y = f.var("y", 2)
    d = y[0] + y[1]
    f.add(y[0] >= 0, y[1] <= 0, x + d <= 8, x + 3 * d >= 8, -x + d <= 0, kg.norm(y[1]) <= y[0])
    f.minimize(-d)
    m.add(d <= 3)
    m.minimize(x + 2 * d)
    result = kg.optimize(m, time_limit=30)
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(6, abs=1e-4)


def moved():
    """A disc whose centre and radius are the leader's: y = (q + 3 t / 5, 4 t / 5 - 1) with t = s + 1."""
    m = kg.Bilevel("moved")
    s, q = m.var("s", lb=1, ub=5), m.var("q", lb=0, ub=2)
    f = m.follower("f")
    y = f.var("y", 2, lb=-10, ub=10)
    limit = f.add(kg.norm(kg.stack([y[0] - q, y[1] + 1])) <= s + 1, name="limit")
    f.maximize(3 * y[0] + 4 * y[1])
    m.maximize(3 * y[0] + 4 * y[1] - s * s - 3 * q + 0.5 * limit.dual)
    return m


def test_the_leaders_variables_may_stand_on_both_sides():
    result = kg.optimize(moved(), time_limit=30)
    s = np.linspace(1, 5, 40001)
    best = (5 * (s + 1) - 4 - s * s - 0.5 * 5 / (2 * (s + 1))).max()  # the multiplier is that of the squared row
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(best, abs=1e-4)


def test_a_number_above_it():
    m = kg.Bilevel("number")
    p = m.var("p", lb=0, ub=4)
    f = m.follower("f")
    y = f.var("y", 2, lb=-10, ub=10)
    f.add(kg.norm(y) <= 5, name="limit")
    f.maximize(3 * y[0] + p @ y[1])
    m.maximize(y[0] + y[1] - 0.1 * p)
    result = kg.optimize(m, time_limit=30)
    grid = np.linspace(0, 4, 40001)
    best = (5 * (3 + grid) / np.sqrt(9 + grid**2) - 0.1 * grid).max()
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(best, abs=1e-4)


def test_a_radius_that_may_vanish_is_never_called_optimal():
    m = kg.Bilevel("apex")
    t = m.var("t", lb=0, ub=5)
    f = m.follower("f")
    y = f.var("y", 2, lb=-10, ub=10)
    f.add(kg.norm(y) <= t, name="limit")
    f.minimize(y[0] + y[1])
    m.minimize(t)
    assert kg.optimize(m, time_limit=20).report.claim != "optimal"
    assert kg.verify(m, kg.search.respond(m, [0.0])).ok


def test_bundles_keep_them(tmp_path):
    m = moved()
    back = kg.read(kg.write(m, tmp_path / "m.bilevel.json"))
    assert kg.dumps(back, "bilevel.json") == kg.dumps(m, "bilevel.json")


def test_what_is_no_such_row_is_refused_in_words():
    m = kg.Bilevel("refused")
    x = m.var("x", lb=0, ub=1)
    b = m.var("b", kind="B")
    f = m.follower("f")
    y = f.var("y", 3, lb=-1, ub=1)
    before = len(m.space)
    with pytest.raises(kg.ProblemError, match="excludes every point"):
        f.add(kg.norm(y[:2]) <= -1)
    for wrong in (
        lambda: kg.norm(y) >= x,
        lambda: kg.norm(y) == x,
        lambda: kg.norm(y) + x,
        lambda: 2 * kg.norm(y),
        lambda: x <= kg.norm(y),
        lambda: kg.norm(y @ y),
        lambda: kg.norm(3.0),
        lambda: kg.norm(y) <= y,
        lambda: m.add(kg.norm(y) <= x),
        lambda: f.add(kg.norm(y - x) <= 1, when=b),
    ):
        with pytest.raises(kg.ProblemError):
            wrong()
    assert len(m.space) == before
