"""Rows with large sides: how far beyond them a response counts as infeasible depends on what the leader can move."""

from __future__ import annotations

import pytest

import kktgen as kg


def far(away, kind, size=1.0):
    """Return a follower that takes as many units as x lies beyond a number far away; the infimum is -1, at x -> 1."""
    m = kg.Bilevel("far")
    x = m.var("x", lb=away, ub=away + 4 * size, kind=kind)
    f = m.follower("f")
    k = f.var("k", lb=0, ub=4, kind="I")
    f.add(size * k - x <= -away)
    f.minimize(-k)
    m.minimize(3 * k - (x - away) / size)
    return m


@pytest.mark.parametrize("away", [0.0, 1e2, 1e4, 1e6, 1e8])
def test_a_side_far_away_leaves_no_gap(away):
    result = kg.optimize(far(away, "C"), time_limit=30)
    assert result.report.claim == "optimal"
    assert result.bound == pytest.approx(-1, abs=1e-5)
    assert -1 <= result.solution.objective <= -1 + 1e-4


@pytest.mark.parametrize("away", [0.0, 1e4, 1e8])
def test_so_do_integers(away):
    result = kg.optimize(far(away, "I"), time_limit=30)
    assert result.report.claim == "optimal" and result.report.attained is True
    assert result.solution.objective == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("size", [1e-4, 1e4])
def test_what_a_row_varies_by_may_be_small_or_large(size):
    result = kg.optimize(far(1e3 * size, "C", size), time_limit=30)
    assert result.report.claim == "optimal"
    assert -1 - 1e-5 <= result.solution.objective <= -1 + 1e-4


def test_small_steps_beside_a_large_side_are_told_apart():
    m = kg.Bilevel("steps")
    x = m.var("x", lb=0, ub=30, kind="I")
    f = m.follower("f")
    k = f.var("k", lb=0, ub=3, kind="I")
    f.add(0.001 * k - 0.0001 * x <= -0.0, 100 * k + 0.01 * x <= 300 + 0.2)
    f.minimize(-k)
    m.minimize(5 * k - x)
    result = kg.optimize(m, time_limit=30)
    best = min(5 * max(k for k in range(4) if 10 * k <= v and (k < 3 or v <= 20)) - v for v in range(31))
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(best, abs=1e-6)
