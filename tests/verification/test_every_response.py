"""Rows for every response, checked at points that no solver touched."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg


def goods(quadratic=False, every=True, scale=1.0):
    """The follower uses two goods that cost it the same; the leader wants little of the first."""
    m = kg.Bilevel("goods")
    x = m.var("x", lb=0, ub=8 * scale)
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=6 * scale)
    f.add(y.sum() >= x, name="need")
    f.minimize(y.sum())
    m.maximize(x)
    limit = (x - 8 * scale) * y[0] >= -9 * scale**2 if quadratic else y[0] <= 3 * scale
    m.add(limit, name="limit", every_response=every)
    return m, x, y


@pytest.mark.parametrize("scale", [1.0, 1e-7, 1e6])
def test_a_tie_that_breaks_a_row_is_found(scale):
    m, x, y = goods(scale=scale)
    for amount, off in ((3.0, 0.0), (4.0, 1.0), (8.0, 3.0)):
        report = kg.verify(m, {x: amount * scale, y: [0, amount * scale] if amount < 6 else [2 * scale, 6 * scale]})
        line = report["every response(limit)"]
        assert line.ok == report.ok == (off == 0)
        assert line.amount == pytest.approx(off * scale, rel=1e-6, abs=1e-12 * scale)
    assert "a tie makes it" in line.where
    plain, x, y = goods(every=False, scale=scale)
    assert kg.verify(plain, {x: 4 * scale, y: [0, 4 * scale]}).ok


def test_a_row_with_products_of_the_leader():
    m, x, y = goods(quadratic=True)
    for amount in (1.0, 2.0, 4.0):
        worst = max((8 - amount) * first for first in np.linspace(0, amount, 101))
        report = kg.verify(m, {x: amount, y: [0, amount]})
        assert report["every response(limit)"].amount == pytest.approx(max(worst - 9, 0), abs=1e-9)
        assert report.ok == (worst <= 9)


def test_ties_without_a_limit_break_a_row():
    m = kg.Bilevel("endless")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.minimize(0 * y)
    m.minimize(x)
    m.add(kg.between(-1, y - x, 5), name="limit", every_response=True)
    report = kg.verify(m, {x: 0, y: 1})
    assert not report.ok and report["every response(limit)"].where.startswith("ties have no limit")


def test_where_ties_are_not_known_nothing_is_claimed():
    m = kg.Bilevel("nash")
    x = m.var("x", lb=0, ub=1)
    for name in "ab":
        f = m.follower(name)
        y = f.var("y", lb=0, ub=1)
        f.minimize((y - x) ** 2)
    m.followers[1].minimize((m.variable("b.y") - m.variable("a.y")) ** 2)
    m.minimize(x)
    m.add(m.variable("b.y") <= 1, name="limit", every_response=True)
    report = kg.verify(m, {"x": 0.5, "a.y": 0.5, "b.y": 0.5})
    assert not report.ok and "not known to hold for every response" in report["every response(limit)"].where


def test_a_flag_is_true_or_false_and_stands_on_the_row():
    m, x, y = goods()
    assert m.rows[-1].every_response and not m.add(x <= 7).every_response
    again = m.add(m.rows[-2], name="again")
    assert not again.every_response and m.rows[-3].every_response is True
    with pytest.raises(kg.ProblemError, match="every_response=: expected bool"):
        m.add(y[1] <= 5, every_response="yes")
