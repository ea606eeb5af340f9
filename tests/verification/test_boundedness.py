"""Whether an objective is bounded: term by term, through convex quadratic rows, and along multipliers alone."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg
from kktgen.reformulate.bounds.curved import boxes, least_value
from kktgen.verification.boundedness import is_bounded, prices_fall, relaxation_is_bounded

LIMIT = 30
INF = np.inf


def least(declare):
    m = kg.Bilevel("m")
    declare(m)
    model = kg.kkt(m)
    return least_value(model, *boxes(model))


# -- term by term -------------------------------------------------------------------------------


def squares(m):
    """``(x - y - 1)^2 + (y + 2)^2 - 3 >= -3``: jointly convex, free columns."""
    x, y = m.var("x"), m.var("y")
    m.minimize((x - y - 1) ** 2 + (y + 2) ** 2 - 3)


def singular(m):
    """``(x + y + z)^2 - 2 (x + y + z) >= -1``: singular, its linear part in the range."""
    x = m.var("x", 3)
    m.minimize(x.sum() * x.sum() - 2 * x.sum())


def held_by_a_side(m):
    """``(x - y)^2 + x >= 2`` for ``x >= 2``: the range holds half of ``x``, a bound on the right side the rest."""
    x, y = m.var("x", lb=2), m.var("y", lb=2)
    m.minimize((x - y) ** 2 + x)


def products_of_boxes(m):
    """``x y - w^2 >= -2 - 9`` over boxes."""
    x, y, w = m.var("x", lb=-1, ub=1), m.var("y", lb=0, ub=2), m.var("w", lb=-3, ub=2)
    m.minimize(x * y - w * w)


def of_known_sign(m):
    """``x y + 2 x - z >= 0 - 4`` with ``x, y >= 0, z <= 4``: right sides alone."""
    x, y, z = m.var("x", lb=0), m.var("y", lb=0), m.var("z", ub=4)
    m.minimize(x * y + 2 * x - z)


def free_product(m):
    x, y = m.var("x"), m.var("y")
    m.minimize(x * y)


def wrong_side(m):
    x = m.var("x", lb=0)
    m.minimize(-x)


def not_in_the_range(m):
    """``(x - y)^2 + x`` falls along ``x = y``."""
    x, y = m.var("x"), m.var("y")
    m.minimize((x - y) ** 2 + x)


@pytest.mark.parametrize(
    ("declare", "value"),
    [(squares, -3), (singular, -1), (held_by_a_side, 2 - 0.0), (products_of_boxes, -11), (of_known_sign, -4)],
)
def test_bounded_term_by_term(declare, value):
    found = least(declare)
    assert found <= value + 1e-9
    assert found == pytest.approx(value, abs=1.0 if declare is held_by_a_side else 1e-5)


@pytest.mark.parametrize("declare", [free_product, wrong_side, not_in_the_range])
def test_what_has_no_bound_term_by_term_gets_none(declare):
    assert least(declare) == -INF


def test_random_objectives_are_never_below_their_bound():
    rng = np.random.default_rng(3)
    finite = 0
    for _ in range(200):
        n = int(rng.integers(1, 5))
        m = kg.Bilevel("m")
        lb, ub = np.where(rng.random(n) < 0.4, -INF, -rng.integers(0, 4, n)), np.where(rng.random(n) < 0.4, INF, 3.0)
        x = m.var("x", n, lb=lb, ub=ub)
        half = rng.integers(-2, 3, (n, n)).astype(float)
        P = half @ half.T if rng.random() < 0.6 else half + half.T
        P[rng.random((n, n)) < 0.3] = 0.0
        P = np.triu(P) + np.triu(P, 1).T
        m.minimize(0.5 * (x @ (P @ x)) + rng.integers(-3, 4, n).astype(float) @ x)
        model = kg.kkt(m)
        bound = least_value(model, *boxes(model))
        low, high = np.where(np.isfinite(lb), lb, -50), np.where(np.isfinite(ub), ub, 50)
        z = low + (high - low) * rng.random((200, n))
        finite += np.isfinite(bound)
        assert all(model.objective.value(point) >= bound - 1e-7 for point in z)
    assert 60 < finite < 200


# -- convex quadratic rows ----------------------------------------------------------------------


def test_quadratic_rows_make_a_claim_possible():
    """``max y, y solves max y : y <= x1 + x2`` over the disc ``x'x <= 2``: 2 at x = (1, 1)."""
    m = kg.Bilevel("disc")
    x = m.var("x", 2)
    f = m.follower("f")
    y = f.var("y")
    f.minimize(-y)
    f.add(y <= x.sum())
    m.add(x @ x <= 2)
    m.maximize(y)
    found = kg.optimize(m, time_limit=LIMIT)
    assert found.solution.objective == pytest.approx(2, abs=1e-5)
    assert found.report.claim == "optimal", str(found.report)


def test_directions_keep_to_convex_quadratic_rows():
    """Along ``x = w`` nothing falls of ``x - w + y``; with ``(x - w)^2 + w <= 5`` there is ``w -> -inf`` as well."""

    def problem(bend, goal):
        m = kg.Bilevel("m")
        x, w = m.var("x"), m.var("w")
        f = m.follower("f")
        y = f.var("y", lb=0)
        f.add(y >= x)
        f.minimize(y)
        m.add((x - w) ** 2 + bend * w <= 5)
        m.minimize(goal(x, w, y))
        return kg.eliminate(kg.kkt(m))

    assert is_bounded([problem(0, lambda x, w, y: x - w + y)])
    assert is_bounded([problem(0, lambda x, w, y: 2 * w - 2 * x + y)])
    assert not is_bounded([problem(0, lambda x, w, y: x + w + y)])
    assert not is_bounded([problem(1, lambda x, w, y: w + y)])
    assert is_bounded([problem(-1, lambda x, w, y: w + y)])  # w >= (x - w)^2 - 5


# -- multipliers --------------------------------------------------------------------------------


def plain(shift):
    m = kg.Bilevel("plain")
    x = m.var("x")
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.add(y <= x)
    f.minimize(0.5 * y @ y - y)
    m.minimize(0.5 * (y - shift) ** 2 + 0.5 * (x - y - shift) ** 2)
    return m


def chained():
    """``min (a - 3)^2 + (y - a)^2 + y^2`` with ``y = max(a, 1)``: for a >= 1 ``(a - 3)^2 + a^2``, 4.5 at 1.5."""
    m = kg.Bilevel("chained")
    a = m.var("a")
    f = m.follower("f")
    y = f.var("y")
    f.minimize(y)
    f.add(y >= a, y >= 1)
    m.minimize((a - 3) ** 2 + (y - a) ** 2 + y * y)
    return m


@pytest.mark.parametrize(
    ("make", "value"),
    [(lambda: plain(0.0), 0.0), (lambda: plain(2.0), 0.5), (lambda: plain(0.5), 0.125), (chained, 4.5)],
)
def test_without_a_price_in_the_objective_prices_are_not_spoken_of(make, value):
    found = kg.optimize(make(), time_limit=LIMIT)
    assert found.solution.objective == pytest.approx(value, abs=1e-5)
    assert found.report.claim == "optimal", str(found.report)
    assert "without end" not in str(found.report)


def priced(objective):
    m = kg.Bilevel("m")
    x = m.var("x", lb=0, ub=4)
    f = m.follower("f")
    y = f.var("y", 2, lb=0)
    row = f.add(y.sum() == 3)
    again = f.add(2 * y.sum() == 6)
    f.minimize(y[0] + 2 * y[1] + x * y[0])
    m.minimize(objective(x, y, row.dual, again.dual))
    return kg.kkt(m)


def test_prices_alone():
    """Two copies of an equation: ``lam1 - 2 t, lam2 + t`` are prices as well; ``lam1 + 2 lam2 <= 2`` always."""
    assert prices_fall(priced(lambda x, y, lam, other: x + y[0])) is False
    assert prices_fall(priced(lambda x, y, lam, other: -lam)) is True
    assert prices_fall(priced(lambda x, y, lam, other: -lam - 2 * other)) is False
    assert prices_fall(priced(lambda x, y, lam, other: (lam - 1) ** 2)) is False
    assert prices_fall(priced(lambda x, y, lam, other: lam * x)) is None


def chained(factor, links, leader):
    """The follower's v are all 0 at x = 0, and their prices anything: each price of the chain is ``factor`` times the
    next one."""
    m = kg.Bilevel("chain")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    v = f.var("v", links + 1, lb=0, ub=10)
    f.add(v[0] <= x)
    for k in range(links):
        f.add(v[k + 1] <= factor * v[k])
    f.minimize(-v[links] + 0.1 * v.sum())
    m.maximize(leader(v) - 5 * x)
    return m


@pytest.mark.parametrize(("factor", "links"), [(10, 2), (1e3, 2), (1e3, 3), (30, 6), (10, 8), (2, 20)])
def test_prices_that_grow_along_a_chain_are_seen(factor, links):
    """Solvers call 0 the optimum of what has none: two of them agree on it."""
    m = chained(factor, links, lambda v: v.lower_dual[links])
    model = kg.encode(kg.bound(kg.eliminate(kg.kkt(m))))
    assert prices_fall(model) is True
    report = kg.optimize(m, time_limit=20).report
    assert report.claim != "optimal", report


@pytest.mark.parametrize(("factor", "links"), [(10, 2), (1e3, 2), (1e3, 3), (30, 4)])
def test_no_point_inside_a_chain_bounds_its_prices(factor, links):
    m = chained(factor, links, lambda v: v.lower_dual.sum())
    mpec = kg.bound(kg.kkt(m))
    price = m.followers[0].declared[0].mu_lo
    assert np.isinf(mpec.space.ub[price[1:]]).all()


@pytest.mark.parametrize("factor", [1.0, 1e4])
def test_a_price_without_a_box_in_a_product_is_asked_for_where_no_pair_is_left(factor):
    """The second row repeats the first, so that its price is anything, and x times it has no end."""
    m = kg.Bilevel("repeated")
    x, f = m.var("x", lb=0, ub=1), m.follower("f")
    y = f.var("y")
    f.minimize(y * y - 38 * y)
    row = f.add(factor * (-2 * y + 4 * x) == -4 * factor)
    f.add(-20 * y + 40 * x == -40)
    m.minimize(-factor * x @ row.dual + 3 * y)
    report = kg.optimize(m, time_limit=10).report
    assert report.claim != "optimal", report


def test_a_relaxation_that_is_not_solved_is_not_called_unbounded(monkeypatch):
    from kktgen.numerics.answers import Answer
    from kktgen.verification import boundedness

    failed = Answer("error", None, np.nan, np.empty(0), np.empty(0))
    monkeypatch.setattr(boundedness, "lp", lambda *_: failed)
    monkeypatch.setattr(boundedness, "qp", lambda *_: failed)
    model = priced(lambda x, y, lam, other: lam)
    assert prices_fall(model) is None
    assert not relaxation_is_bounded(model, 1.0)
