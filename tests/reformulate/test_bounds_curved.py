"""Boxes from convex quadratic rows."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg
from kktgen.reformulate.bounds.curved import boxes, ellipsoid, tighten_quads

INF = np.inf


def row_box(declare):
    m = kg.Bilevel("m")
    declare(m)
    return [side.tolist() for side in boxes(kg.kkt(m))]


def test_a_ball_bounds_its_columns():
    """``x'x <= 9``, ``(x - 1)^2 + 4 (y + 2)^2 <= 16``."""

    def ball(m):
        x = m.var("x", 2)
        m.add(x @ x <= 9)

    def ellipse(m):
        x, y = m.var("x"), m.var("y")
        m.add((x - 1) ** 2 + 4 * (y + 2) ** 2 <= 16)

    assert np.array(row_box(ball)) == pytest.approx(np.array([[-3, -3], [3, 3]]), abs=1e-5)
    assert np.array(row_box(ellipse)) == pytest.approx(np.array([[-3, -4], [5, 0]]), abs=1e-5)


def test_a_quadratic_row_and_a_side_bound_each_other():
    """``x^2 + 2 y <= 4`` with ``x, y >= 0``: ``x <= 2, y <= 2``; of ``-x^2 >= 2 y - 4`` the other side is convex."""

    def upper(m):
        x, y = m.var("x", lb=0), m.var("y", lb=0)
        m.add(x * x + 2 * y <= 4)

    def lower(m):
        x, y = m.var("x", lb=0), m.var("y", lb=0)
        m.add(-(x * x) - 2 * y >= -4, y - x <= 0)

    assert row_box(upper)[1][0] == pytest.approx(2, abs=1e-5)
    assert np.array(row_box(lower)[1]) == pytest.approx(np.array([2, 2]), abs=1e-5)


def test_correlated_columns_are_bounded_by_boxed_ones():
    """``(x - y)^2 <= 4`` bounds x where y is boxed, and nothing where neither is."""

    def boxed(m):
        x, y = m.var("x"), m.var("y", lb=-1, ub=5)
        m.add((x - y) ** 2 <= 4)

    def free(m):
        x, y = m.var("x"), m.var("y")
        m.add((x - y) ** 2 <= 4)

    low, high = row_box(boxed)
    assert (low[0], high[0]) == pytest.approx((-3, 7), abs=1e-5)
    assert row_box(free) == [[-INF, -INF], [INF, INF]]


def test_rows_that_are_not_convex_say_nothing():
    def hyperbola(m):
        x, y = m.var("x"), m.var("y")
        m.add(x * y <= 4, x * x >= 1)

    assert row_box(hyperbola) == [[-INF, -INF], [INF, INF]]


def test_no_point_of_a_random_ellipsoid_is_cut_off():
    rng = np.random.default_rng(8)
    tight = 0
    for _ in range(100):
        k = int(rng.integers(1, 5))
        half = rng.normal(size=(k, int(rng.integers(1, k + 2))))
        P, a = half @ half.T, rng.normal(size=k)
        lb, ub = np.where(rng.random(k) < 0.5, -INF, -1.0), np.where(rng.random(k) < 0.5, INF, 1.5)
        u = rng.normal(size=(400, k)) * 3
        u = np.clip(u, lb, ub)
        value = 0.5 * np.einsum("ij,jk,ik->i", u, P, u) + u @ a
        r = float(np.quantile(value, 0.5))
        low, high = ellipsoid(P, a, r, lb, ub)
        inside = u[value <= r]
        assert (inside >= low).all() and (inside <= high).all()
        tight += bool((np.isfinite(low) > np.isfinite(lb)).any())
    assert tight > 20


def test_columns_stay_within_quadratic_rows_of_both_kinds():
    m = kg.Bilevel("m")
    x, y = m.var("x", lb=-2, ub=2), m.var("y")
    m.add(y == x * x)
    model = kg.kkt(m)
    lb, ub = tighten_quads(model.quads, model.space.lb, model.space.ub)
    assert (lb <= model.space.lb).all() or (lb >= model.space.lb).all()
    assert (ub <= model.space.ub).all()
