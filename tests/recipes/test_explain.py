"""Why a problem is infeasible or unbounded: one problem a kind, and random ones whose kind is known by construction.

Every contradiction is checked by SciPy's own programs: the rows shown contradict, without any one of them they do not,
and each alone would have to give what the table says.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import problems
import pytest
from click.testing import CliRunner
from scipy.optimize import Bounds, LinearConstraint, milp
from tiny import TINY

import kktgen as kg
from kktgen import cli
from kktgen.catalog.loading import load_model
from kktgen.model.model import Model
from kktgen.numerics.sparse import widen
from kktgen.recipes.explain import KINDS, Explanation, attainment, explain
from kktgen.recipes.explain.endless import piece_direction
from kktgen.recipes.explain.sides import Members, describe, elastic, members, without

GAP = 1e-6


# -- independent checks --------------------------------------------------------------------------


def of_labels(model: Model, found: Explanation) -> tuple[Members, np.ndarray]:
    """Return all members of a model and the positions of the explanation's contradiction among them."""
    all_of = members(model)
    told = list(zip(*describe(model, all_of), strict=True))
    return all_of, np.array([told.index((w.label, w.says)) for w in found.witness if w.in_conflict])


def least(model: Model, cost: np.ndarray | None = None) -> float | None:
    """Return SciPy's optimum of a (mixed-integer) linear model; None when it is infeasible."""
    space, rows = model.space, model.rows
    M = widen(rows.M, model.n)
    M.indices, M.indptr = M.indices.astype(np.int32), M.indptr.astype(np.int32)  # older SciPy takes no others
    found = milp(
        np.zeros(model.n) if cost is None else cost, bounds=Bounds(space.lb, space.ub),
        integrality=(space.kind != "C").astype(int),
        constraints=LinearConstraint(M, rows.lo, rows.hi),
    )  # fmt: skip
    assert found.status in (0, 2)
    return found.fun if found.status == 0 else None


def check_contradiction(model: Model, found: Explanation) -> None:
    """Check the rows shown: together infeasible, irreducible, and each alone gives what is said."""
    assert found.irreducible
    all_of, kept = of_labels(model, found)
    rest = np.setdiff1d(np.arange(len(all_of)), kept)
    assert least(without(model, all_of.take(rest))) is None
    for k in kept:
        assert least(without(model, all_of.take(np.append(rest, k)))) is not None
    small = without(model, all_of.take(rest))
    loose = elastic(small, all_of.take(kept))
    for k, witness in enumerate(w for w in found.witness if w.in_conflict):
        space = loose.model.space.copy()
        space.ub[loose.columns[loose.of != k]] = 0.0
        only = Model("only", space, loose.model.objective, 1, loose.model.rows, loose.model.quads)
        assert least(only, loose.model.matrices[1]) == pytest.approx(witness.alone, abs=GAP)


def check_ray(bilevel: kg.Bilevel, found: Explanation) -> None:
    """Check in fractions that the direction leaves P, A and G alone, and that the cost falls at both ends of x."""
    model = kg.kkt(bilevel)
    k = [f.name for f in bilevel.followers].index(found.follower)
    qp, d = model.kkt.qp(k), dict(found.ray)
    step = [Fraction(d.pop(model.space.label(c), 0.0)) for c in qp.y]
    assert not d and any(step)

    def times(matrix: Any) -> list[Fraction]:
        return [sum((Fraction(v) * s for v, s in zip(row, step, strict=True)), Fraction(0)) for row in matrix.toarray()]

    assert not any(times(qp.P)) and not any(times(qp.A))
    assert all(value <= 0 for value in times(qp.G))
    for x in (model.space.lb[qp.x], model.space.ub[qp.x]):
        assert float((qp.q + qp.Q @ x) @ np.array(step, dtype=float)) <= found.slope + GAP < 0


def check_endless(bilevel: kg.Bilevel, found: Explanation) -> None:
    """Check that the points along the direction verify, and that the leader's objective changes as told."""
    model = kg.kkt(bilevel)
    d = np.zeros(model.n)
    names = [model.space.label(c) for c in range(model.n)]
    for name, value in found.ray:
        d[names.index(name)] = value
    values = []
    for t in (0.0, 1.0, 10.0, 1e4):
        report = kg.verify(bilevel, found.point + t * d)
        assert report.ok, report
        values.append(bilevel.sense * report.value)
    assert values[1] - values[0] < -GAP
    assert np.diff(values) == pytest.approx((values[1] - values[0]) * np.array([1.0, 9.0, 9990.0]), rel=1e-6)


# -- one problem a kind --------------------------------------------------------------------------


def caps() -> kg.Bilevel:
    """At most 3 + 3 can be made, the leader wants 9, and the follower's balance has points: ``y1 + y2 >= 9, y <= 3``.

    ``min x1 + x2,  0 <= x <= 4,  y1 + y2 >= 9;   y solves  min y1 + 2 y2,  y1 + y2 = x1 + x2,  0 <= y <= 3``
    """
    m = kg.Bilevel("caps")
    x = m.var("x", 2, lb=0, ub=4)
    f = m.follower("market")
    y = f.var("y", 2, lb=0, ub=3)
    f.add(y.sum() == x.sum(), name="bal")
    f.minimize(y[0] + 2 * y[1])
    m.add(y.sum() >= 9, name="need")
    m.minimize(x.sum())
    return m


def test_high_point_infeasible():
    found = explain(caps())
    assert found.kind == "high_point_infeasible"
    assert found.follower == ""
    assert set(found.rows) == {"coupling row 'need'", "bound of 'y(market,0)'", "bound of 'y(market,1)'"}
    assert [w.alone for w in found.witness] == pytest.approx([3, 3, 3])
    assert found.least == pytest.approx(3)
    assert sum(w.gives for w in found.witness) == pytest.approx(3)
    check_contradiction(kg.high_point(caps()), found)
    assert "coupling row 'need'" in str(found) and "y(market,0) + y(market,1) >= 9" in str(found)


def test_the_leaders_own_rows():
    """``x1 + x2 <= 1, x1 >= 1, x2 >= 1/2``: 1/2 too much. The follower is not at fault."""
    m = kg.Bilevel("own")
    x = m.var("x", 2, lb=[1, 0.5], ub=9)
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.add(y >= x[0])
    f.minimize(y)
    m.add(x.sum() <= 1, name="budget")
    m.add(y <= 100, name="fine")
    m.minimize(y)
    found = explain(m)
    assert (found.kind, found.follower) == ("high_point_infeasible", "")
    assert set(found.rows) == {"leader row 'budget'", "bound of 'x(0)'", "bound of 'x(1)'"}
    assert found.least == pytest.approx(0.5)
    assert "leader's own rows" in found.sentences[0]
    check_contradiction(kg.high_point(m), found)


def test_integrality_alone():
    """``2 k = 5`` with k integer: its neighbours are 4 and 6, so the row gives 1. Without integrality k = 5/2."""
    m = kg.Bilevel("odd")
    k = m.var("k", lb=0, ub=5, kind="I")
    m.add(2 * k == 5, name="odd")
    m.add(k <= 4, name="fine")
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.add(y >= k)
    f.minimize(y)
    m.minimize(y)
    found = explain(m)
    assert found.kind == "high_point_infeasible"
    assert found.rows == ("leader row 'odd'",)
    assert found.least == pytest.approx(1)
    assert "without integrality these rows have a point" in found.sentences
    check_contradiction(kg.high_point(m), found)


def short(need: float = 3.0) -> kg.Bilevel:
    """Follower a needs 3 and gets x <= 2 at most; follower b is well. A quadratic cost changes nothing.

    ``min x,  0 <= x <= 2;   a: min y^2, y <= x, y >= 3, 0 <= y <= 5;   b: min w, w >= 0``
    """
    m = kg.Bilevel("short")
    x = m.var("x", lb=0, ub=2)
    b = m.follower("b")
    w = b.var("w", lb=0)
    b.minimize(w)
    a = m.follower("a")
    y = a.var("y", lb=0, ub=5)
    a.add(y <= x, name="cap")
    a.add(y >= need, name="need")
    a.minimize(y * y)
    m.minimize(x)
    return m


def test_follower_infeasible_at_every_decision():
    found = explain(short())
    assert (found.kind, found.follower) == ("follower_infeasible", "a")
    assert set(found.rows) == {"row 'need(a)' of follower 'a'", "row 'cap(a)' of follower 'a'", "bound of 'x'"}
    assert found.least == pytest.approx(1)
    assert "follower 'a' has no feasible point at any decision" in found.sentences[0]
    check_contradiction(kg.high_point(short()), found)


def test_follower_infeasible_at_some_decisions():
    """With a need of 1 the decisions below 1 have no response, at x = 0 the rows lack 1; the problem has points."""
    found = explain(short(1.0))
    assert (found.kind, found.bounded) == ("feasible", True)
    assert any("follower 'a' has no feasible point at x = 0: its rows lack 1" in note for note in found.notes)
    assert not any("'b'" in note for note in found.notes)


def test_followers_infeasible_together():
    """Follower a asks for x <= 3, follower b for x >= 6, a third for nothing: 3 lack.

    ``a: y + x <= 3, 0 <= y <= 1;   b: w + x >= 8, 0 <= w <= 2;   c: v >= x``
    """
    m = kg.Bilevel("split")
    x = m.var("x", lb=0, ub=10)
    a, b, c = (m.follower(name) for name in "abc")
    y, w, v = a.var("y", lb=0, ub=1), b.var("w", lb=0, ub=2), c.var("v")
    a.add(y + x <= 3, name="low")
    b.add(w + x >= 8, name="high")
    c.add(v >= x)
    for follower, own in ((a, y), (b, w), (c, v)):
        follower.minimize(own)
    m.minimize(x)
    found = explain(m)
    assert (found.kind, found.follower) == ("follower_infeasible", "a, b")
    assert len(found.rows) == 4
    assert found.least == pytest.approx(3)
    check_contradiction(kg.high_point(m), found)


def free(curved: bool) -> kg.Bilevel:
    """Along (1, 1) the row stays and the cost changes by x - 2 <= -1.

    ``min x, 0 <= x <= 1;   y solves  min x y1 - 2 y2 (+ (y1 - y2)^2),  y1 - y2 = x,  y >= 0``
    """
    m = kg.Bilevel("free")
    x = m.var("x", lb=0, ub=1)
    other = m.follower("other")
    w = other.var("w", lb=0)
    other.minimize(w)
    f = m.follower("f")
    y = f.var("y", 2, lb=0)
    f.add(y[0] - y[1] == x, name="flow")
    f.minimize(x @ y[0] - 2 * y[1] + (curved * (y[0] - y[1]) ** 2 if curved else 0))
    m.minimize(x)
    return m


@pytest.mark.parametrize("curved", [False, True])
def test_follower_unbounded_in_one_direction(curved):
    found = explain(free(curved))
    assert (found.kind, found.follower) == ("follower_unbounded", "f")
    assert dict(found.ray) == {"y(f,0)": 1.0, "y(f,1)": 1.0}
    assert found.slope == pytest.approx(-1, abs=1e-5)
    assert "exactly" in found.sentences[2]
    check_ray(free(curved), found)


def test_follower_unbounded_in_a_direction_that_depends_on_the_decision():
    """``min (2 b - 1) y`` with b binary and y free falls one way or the other; b = 1/2 would stop it, and is none."""
    m = kg.Bilevel("either")
    b = m.var("b", kind="B")
    f = m.follower("f")
    y = f.var("y")
    f.minimize((2 * b - 1) @ y)
    m.minimize(b)
    found = explain(m)
    assert (found.kind, found.follower) == ("follower_unbounded", "f")
    assert [abs(value) for _, value in found.ray] == [1.0]
    assert "depends on the decision" in found.sentences[0]


def test_follower_unbounded_at_some_decisions():
    """``min x y, y >= 0, -1 <= x <= 1`` falls without end for x < 0 only: the leader stays at x >= 0."""
    m = kg.Bilevel("sign")
    x = m.var("x", lb=-1, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.minimize(x @ y)
    m.minimize(x)
    found = explain(m)
    assert (found.kind, found.bounded) == ("feasible", True)
    assert any("direction of fall at x = -1" in note for note in found.notes)
    assert found.point[0] >= -GAP


def test_no_decision_at_which_both_respond():
    """``min (x - 3) y, y >= 0`` has an optimum for x >= 3 only, ``min (2 - x) w, w >= 0`` for x <= 2 only: 1 lacks."""
    m = kg.Bilevel("apart")
    x = m.var("x", lb=0, ub=10)
    a, b = m.follower("a"), m.follower("b")
    y, w = a.var("y", lb=0), b.var("w", lb=0)
    a.minimize((x - 3) @ y)
    b.minimize((2 - x) @ w)
    m.minimize(x)
    found = explain(m)
    assert (found.kind, found.follower) == ("no_response", "a, b")
    assert found.irreducible and all(w.alone == pytest.approx(1) for w in found.witness)
    stationarity = {"stationarity 'stat(a,y)' of follower 'a'", "stationarity 'stat(b,w)' of follower 'b'"}
    assert stationarity < set(found.rows)


def test_nash_followers_without_equilibrium():
    """Each wants to be one ahead of the other, ``y = w + 1`` and ``w = y + 1``: no equilibrium, though both respond."""
    m = kg.Bilevel("race")
    a, b = m.follower("a"), m.follower("b")
    y, w = a.var("y"), b.var("w")
    a.minimize((y - w - 1) ** 2)
    b.minimize((w - y - 1) ** 2)
    m.minimize(y)
    found = explain(m)
    assert (found.kind, found.follower) == ("no_response", "a, b")
    assert len(found.rows) == 2


def test_coupling_infeasible():
    """The follower always answers y = 1, the leader wants y <= 1/2 (and y <= 3, which is no matter)."""
    m, q = problems.coupling_infeasible()
    m.add(q["y"] <= 3, name="fine")
    found = explain(m)
    assert found.kind == "coupling_infeasible"
    assert found.rows == ("coupling row 'half'",)
    assert found.least == pytest.approx(0.5, abs=1e-5)
    assert [w.alone for w in found.witness] == pytest.approx([0.5], abs=1e-5)
    assert found.point[q["y"].cols] == pytest.approx(1)
    assert "y(f) = 1" in " ".join(found.sentences)


def apart(low: float, high: float) -> kg.Bilevel:
    """QP followers that both copy x: ``y1 = y2 = x``, yet the leader wants ``y1 <= low`` and ``y2 >= high``.

    ``y_j solves  min (y_j - x)^2``, so the least total violation is ``high - low``, each row alone gives as much.
    """
    m = kg.Bilevel("apart")
    x = m.var("x", lb=0, ub=1)
    y = []
    for name in ("one", "two"):
        f = m.follower(name)
        y.append(f.var("y", lb=-5, ub=5))
        f.minimize((y[-1] - x) ** 2)
    m.add(y[0] + y[1] <= 9, name="fine")
    m.add(y[0] <= low, name="low")
    m.add(y[1] >= high, name="high")
    m.minimize(x)
    return m


def test_coupling_rows_that_contradict_through_two_qp_followers():
    found = explain(apart(0.4, 0.6))
    assert found.kind == "coupling_infeasible"
    assert set(found.rows) == {"coupling row 'low'", "coupling row 'high'"}
    assert found.irreducible
    assert found.least == pytest.approx(0.2, abs=1e-4)
    assert [w.alone for w in found.witness] == pytest.approx([0.2, 0.2], abs=1e-4)
    assert explain(apart(0.6, 0.6)).kind == "feasible"


@pytest.mark.parametrize(("kind", "expected"), [("I", "coupling_infeasible"), ("C", "feasible")])
def test_coupling_with_an_integer_leader(kind, expected):
    """``w = 2 k`` with k whole; the leader wants ``0.6 <= w <= 1.6``, and w = 2 is nearest: 0.4 lack.

    Both sides are needed: w = 0 meets the upper one, w = 2 the lower one. A continuous k meets both.
    """
    m = kg.Bilevel("whole")
    k = m.var("k", lb=0, ub=3, kind=kind)
    g = m.follower("g")
    w = g.var("w", lb=0, ub=9)
    g.add(w <= 2 * k)
    g.maximize(w)
    m.add(kg.between(0.6, w, 1.6), name="band")
    m.minimize(k)
    found = explain(m)
    assert found.kind == expected
    if kind == "I":
        assert found.least == pytest.approx(0.4, abs=1e-5)
        assert found.rows == ("coupling row 'band'",) * 2
        assert sorted(w.says for w in found.witness) == ["w(g) <= 1.6", "w(g) >= 0.6"]


def test_coupling_through_quadratic_row_set_and_indicator():
    """The follower answers y = (1, 1). A disc of radius 1 lacks 1, a set of which one may be nonzero lacks 1, an
    indicator ``b = 1 -> y1 <= 1/2`` with b = 1 lacks 1/2."""
    for case, label, amount in (
        ("disc", "quadratic row 'disc'", 1.0), ("set", "set 'one'", 1.0), ("if", "indicator row 'if'", 0.5),
    ):  # fmt: skip
        m = kg.Bilevel(case)
        b = m.var("b", kind="B")
        f = m.follower("f")
        y = f.var("y", 2, lb=0, ub=1)
        f.maximize(y.sum())
        m.add(b >= 1)
        if case == "disc":
            m.add(y @ y <= 1, name="disc")
        elif case == "set":
            m.sos1(y, name="one")
        else:
            m.indicator(b, 1, y[0] <= 0.5, name="if")
        m.minimize(b)
        found = explain(m)
        assert (found.kind, found.rows) == ("coupling_infeasible", (label,)), case
        assert found.least == pytest.approx(amount, abs=1e-4)


def test_a_price_the_leader_wants_higher():
    """``min y, y >= x`` has the price 1 everywhere; the leader wants 3, and 2 lack."""
    m = kg.Bilevel("price")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y")
    held = f.add(y >= x, name="held")
    f.minimize(y)
    m.add(held.dual >= 3, name="dear")
    m.minimize(x)
    found = explain(m)
    assert (found.kind, found.rows) == ("coupling_infeasible", ("coupling row 'dear'",))
    assert found.witness[0].says == "mu(f,held) >= 3"
    assert found.least == pytest.approx(2, abs=1e-4)


def test_what_nobody_proved_is_not_claimed(monkeypatch):
    """Without proved boxes and without the claim ``optimal`` a solver's bound on the violation counts for nothing."""
    module = importlib.import_module("kktgen.recipes.explain.coupling")
    optimize = module.optimize

    def doubted(*args: Any, **options: Any) -> Any:
        result = optimize(*args, **options)
        return replace(result, report=replace(result.report, claim="bilevel-feasible"))

    monkeypatch.setattr(module, "optimize", doubted)
    assert explain(apart(0.4, 0.6)).kind == "coupling_infeasible"  # every box is proved there
    monkeypatch.setattr(module, "boxes", lambda model: (np.arange(1), np.arange(0)))
    found = explain(apart(0.4, 0.6))
    assert found.kind == "unknown"
    assert "lies in [0, 0.2]" in found.sentences[0]


def test_quadratic_leader_row_that_no_point_meets():
    """``x^2 + y^2 >= 9`` with x, y in [0, 2]: the largest value is 8, and 1 lacks."""
    m = kg.Bilevel("far")
    x = m.var("x", lb=0, ub=2)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=2)
    f.minimize((y - x) ** 2)
    m.add(x @ x + y @ y >= 9, name="far")
    m.minimize(x)
    found = explain(m)
    assert found.kind == "high_point_infeasible"
    assert "quadratic row 'far'" in found.rows and found.irreducible
    assert {"bound of 'x'", "bound of 'y(f)'"} < set(found.rows)
    assert next(w.alone for w in found.witness if "far" in w.label) == pytest.approx(1, abs=1e-3)


# -- the leader's objective ----------------------------------------------------------------------


def test_leader_unbounded():
    """``max x + y,  x >= 0;   y solves  max y, y <= x``: y follows x to infinity, 2 a unit."""
    m = kg.Bilevel("grow")
    x = m.var("x", lb=0)
    f = m.follower("f")
    y = f.var("y")
    f.add(y <= x, name="cap")
    f.maximize(y)
    m.maximize(x + y)
    found = explain(m)
    assert (found.kind, found.bounded) == ("leader_unbounded", False)
    assert dict(found.ray) == {"x": 1.0, "y(f)": 1.0}
    check_endless(m, found)


def test_leader_unbounded_far_from_the_first_point():
    """Up to x = 4 the leader pays, ``3 y - x = 2 x``; beyond, ``y = 4`` is idle and it gains without end.

    ``min 3 y - x,  x >= 0;   y solves  max y,  y <= x,  0 <= y <= 4``
    """
    m = kg.Bilevel("beyond")
    x = m.var("x", lb=0)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=4)
    f.add(y <= x, name="cap")
    f.maximize(y)
    m.minimize(3 * y - x)
    found = explain(m)
    assert found.kind == "leader_unbounded"
    assert dict(found.ray) == {"x": 1.0}
    assert found.point[x.cols] >= 4 - GAP
    check_endless(m, found)


def test_unbounded_prices():
    """``x <= y <= x`` as two rows: their prices may both grow, and the leader earns one of them.

    ``max mu_b;   y solves  min y,  y <= x (mu_a),  y >= x (mu_b)``: ``1 + mu_a - mu_b = 0``.
    """
    m = kg.Bilevel("rent")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y")
    f.add(y <= x, name="a")
    b = f.add(y >= x, name="b")
    f.minimize(y)
    m.maximize(b.dual)
    found = explain(m)
    assert found.kind == "leader_unbounded"
    assert dict(found.ray) == {"mu(f,a)": 1.0, "mu(f,b)": 1.0}
    assert "prices are unbounded" in found.sentences[1]
    check_endless(m, found)
    m.minimize(b.dual)  # its least value is 1
    found = explain(m)
    assert (found.kind, found.bounded, found.attained.word) == ("feasible", True, "yes")


def test_directions_keep_to_the_pattern_of_the_point():
    """Steeper ones lead out of the pattern: y alone, which is held at x, and the price of a row that is idle.

    ``max 10 y - x;            y solves  min y,  y >= x (b)``
    ``max mu_b + 5 mu_c;       y solves  min y,  y <= x (a),  y >= x (b),  y <= x + 1 (c)``
    """
    for goal, ray in (("response", {"x": 1.0, "y(f)": 1.0}), ("prices", {"mu(f,a)": 1.0, "mu(f,b)": 1.0})):
        m = kg.Bilevel("pattern")
        x = m.var("x", lb=0)
        f = m.follower("f")
        y = f.var("y")
        f.minimize(y)
        b = f.add(y >= x, name="b")
        m.maximize(10 * y - x)
        if goal == "prices":
            f.add(y <= x, name="a")
            c = f.add(y <= x + 1, name="c")
            m.maximize(b.dual - 5 * c.dual)
        model = kg.kkt(m)
        z = np.zeros(model.n)
        z[[model.space.label(k) == "mu(f,b)" for k in range(model.n)]] = 1.0
        found = piece_direction(model, z)
        at = np.flatnonzero(found.d)
        assert {model.space.label(k): value for k, value in zip(at, found.d[at], strict=True)} == ray


def test_a_point_that_fails_verification_is_no_point(monkeypatch):
    module = importlib.import_module("kktgen.recipes.explain.responses")
    verify = module.verify
    monkeypatch.setattr(module, "verify", lambda m, z, **limit: verify(m, z + 1.0, **limit))
    found = explain(problems.toll()[0])
    assert found.kind == "unknown" and "fails verification" in found.sentences[0]


def test_bounded_although_the_high_point_is_not():
    """``max y`` where the follower keeps y = x <= 1: its rows alone would let y grow."""
    m = kg.Bilevel("held")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.add(y >= x)
    f.minimize(y)
    m.maximize(y)
    found = explain(m)
    assert (found.kind, found.bounded) == ("feasible", True)
    assert "high-point relaxation is unbounded" in found.sentences[1]


def test_products_that_no_direction_moves():
    """A revenue ``tax (q1 + q2)`` is not convex, but no direction of the points moves q or tax: it is bounded."""
    found = explain(problems.cournot_tax()[0])
    assert (found.kind, found.bounded, found.attained.word) == ("feasible", True, "yes")


def test_without_followers():
    """An ordinary model: ``max x`` without end, ``min x`` with one, ``2 x1 - 2 x2 = 1`` in whole numbers."""
    for sign, kind in ((1, "leader_unbounded"), (-1, "feasible")):
        m = kg.Bilevel("ordinary")
        x = m.var("x", lb=0, kind="I")
        m.maximize(sign * x)
        assert explain(m).kind == kind
    m = kg.Bilevel("even")
    x = m.var("x", 2, lb=0, kind="I")
    m.add(2 * x[0] - 2 * x[1] == 1, name="half")
    m.minimize(x[0])
    found = explain(m)
    assert (found.kind, found.rows, found.least) == ("high_point_infeasible", ("leader row 'half'",), 1)


def test_another_solver():
    """HiGHS does what it can; where pairs without boxes need SOS1 sets it decides nothing."""
    assert explain(apart(0.4, 0.6), solver="highs").kind == "coupling_infeasible"
    m = kg.Bilevel("open")
    x = m.var("x", lb=0)
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.add(y <= 3 * x, y <= x + 2)
    f.maximize(y)
    m.add(y <= 0.5, name="low")
    m.add(x >= 1, name="far")
    m.minimize(x)
    assert explain(m).kind == "coupling_infeasible"
    found = explain(m, solver="highs")
    assert found.kind == "unknown" and "HiGHS" in found.sentences[0]


# -- attained or not -----------------------------------------------------------------------------


def revenue(cap: float) -> kg.Bilevel:
    """The least capacity c that earns 1 at a price p: ``mu = p`` and ``y = c``, so ``p c >= 1`` and c = 1/p.

    ``min c,  mu y >= 1,  0 <= p <= cap,  c >= 0;   y solves  max p y,  y <= c (mu)``

    With a cap the optimum is 1/cap; without one the infimum is 0, and no point has c = 0.
    """
    m = kg.Bilevel("revenue")
    p, c = m.var("p", lb=0, ub=cap), m.var("c", lb=0)
    f = m.follower("f")
    y = f.var("y")
    held = f.add(y <= c, name="cap")
    f.minimize(-(p @ y))
    m.add(held.dual @ y <= -1, name="revenue")
    m.minimize(c)
    return m


def test_infimum_that_no_point_attains():
    found = explain(revenue(np.inf), time_limit=60)
    assert (found.kind, found.bounded) == ("feasible", True)
    assert found.attained.word == "apparently no"
    assert str(found.attained) in str(found)
    model = kg.eliminate(kg.kkt(revenue(np.inf)))
    assert attainment(model).word == "not shown"
    assert "without a bound" in attainment(model).why


def test_a_bound_on_the_price_makes_the_infimum_a_minimum():
    m = revenue(10.0)
    result = kg.optimize(m)
    assert result.solution.objective == pytest.approx(0.1, abs=1e-6)
    model = kg.bound(kg.eliminate(kg.kkt(m)))
    assert attainment(model, result.solution.z[: model.n]).word != "apparently no"


def test_linear_rows_attain_whatever_the_multipliers_do():
    """Unbounded prices in the objective, an integer leader, a concave objective: finitely many polyhedra."""
    for name in ("price_cap", "market", "integer_leader", "toll", "degenerate", "cournot_tax"):
        model = kg.kkt(getattr(problems, name)()[0])
        assert attainment(model).word == "yes", name


def test_a_pessimistic_leader_need_not_attain():
    """A toll of 2 leaves the driver indifferent: 2 is attained by an obliging driver and approached otherwise."""
    m, _ = problems.toll()
    result = kg.optimize(m, range=True)
    assert attainment(kg.kkt(m)).word == "yes"
    assert result.report.range.best == pytest.approx(2) and result.report.range.worst == pytest.approx(0)
    robust = kg.robust(m, result.solution)
    assert all(worst < 2 for _, _, worst in robust.tried)
    assert max(worst for _, _, worst in robust.tried) > 2 - 1e-4


def test_convex_rows_attain_and_open_integers_are_left_alone():
    """``min y, y >= x^2`` attains 0 at no bounds at all; with x integer and unbounded no theorem used here says so."""
    for kind, word in (("C", "yes"), ("I", "not shown")):
        m = kg.Bilevel("parabola")
        x, y = m.var("x", kind=kind), m.var("y")
        m.add(x @ x <= y, name="above")
        m.minimize(y)
        assert attainment(kg.kkt(m)).word == word


# -- limits, words, the command line -------------------------------------------------------------


def test_time_limit_leaves_it_open():
    found = explain(caps(), time_limit=1e-9)
    assert found.kind == "unknown"
    assert "time limit" in found.sentences[0]
    assert not found.rows


def test_a_hard_question_stays_open():
    """Market splits (Cornuejols and Dawande 1998): 40 drawn numbers are halved five ways at once."""
    rng = np.random.default_rng(3)
    weights = rng.integers(0, 100, (5, 40))
    m = kg.Bilevel("split")
    k = m.var("k", 40, kind="B")
    m.add(weights @ k == weights.sum(axis=1) // 2, name="half")
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.add(y >= k.sum())
    f.minimize(y)
    m.minimize(y)
    found = explain(m, time_limit=1.0)
    assert found.kind == "unknown"
    assert found.seconds < 10


def test_what_is_excluded_is_said(monkeypatch):
    """Rows without contradiction and responses are excluded when the time ends before the coupling rows."""
    module = importlib.import_module("kktgen.recipes.explain.responses")

    def late(*args: Any, **options: Any) -> None:
        raise importlib.import_module("kktgen.deadline").OutOfTime

    monkeypatch.setattr(module, "least_violation", late)
    found = explain(problems.coupling_infeasible()[0], time_limit=100)
    assert found.kind == "unknown"
    assert sum("excluded: " in sentence for sentence in found.sentences) == 2


def test_refusals():
    with pytest.raises(kg.ProblemError, match="expected Bilevel"):
        explain(kg.kkt(caps()))
    with pytest.raises(kg.ProblemError, match="time_limit"):
        explain(caps(), time_limit=-1)
    with pytest.raises(kg.SolverNotFound):
        explain(apart(0.4, 0.6), solver="nobody")


def test_plain_data_and_text():
    for m in (caps(), short(), free(False), problems.coupling_infeasible()[0], problems.toll()[0]):
        found = explain(m)
        data = json.loads(json.dumps(found.to_dict()))
        assert data["kind"] == found.kind and data["meaning"] == KINDS[found.kind]
        assert [row["label"] for row in data["rows"] if row["in_conflict"]] == list(found.rows)
        text = str(found)
        assert text.startswith(f"{m.name}: {found.kind}")
        assert all(sentence in text for sentence in found.sentences) and all(row in text for row in found.rows)


def test_problems_with_known_answers():
    """Every problem that has an optimum is feasible, bounded and attained; every infeasible one is explained."""
    for problem in problems.ALL[:16]:
        if problem.outcome == "refused":
            continue
        found = explain(problem.build())
        if problem.outcome == "optimal":
            assert (found.kind, found.bounded, found.attained.word) == ("feasible", True, "yes"), problem.name
            assert kg.verify(problem.build(), found.point).ok
        else:
            assert found.kind not in ("feasible", "unknown"), problem.name


def test_command_line(model_file):
    path = model_file("tiny.py", TINY)
    out = CliRunner().invoke(cli.cli, ["explain", str(path), "--set", "top=-1"], prog_name="kktgen")
    assert out.exit_code != 0  # bounds that leave no value are refused
    path = model_file("caps.py", TINY.replace("m.add(y <= 5)", 'm.add(y <= -5, name="low")'))
    out = CliRunner().invoke(cli.cli, ["explain", str(path)], prog_name="kktgen")
    assert out.exit_code == 0, out.output
    assert "infeasible" in out.stdout and "coupling row 'low'" in out.stdout
    out = CliRunner().invoke(cli.cli, ["explain", str(path), "--json"], prog_name="kktgen")
    assert json.loads(out.stdout)["kind"] == "high_point_infeasible"


# -- random problems whose kind is known ---------------------------------------------------------


def drawn(seed: int, change: str) -> kg.Bilevel:
    """Return a random problem, feasible as drawn, with one flaw.

    ``rows``: the leader wants more of the followers' variables than their boxes hold. ``follower``: so does a follower.
    ``ray``: a follower gains without end from a free variable. ``coupling``: another follower answers 1, the leader
    allows 1/2. ``leader``: a variable without bound that pays. ``none``: no flaw.
    """
    module = load_model("random_bilevel")
    family = ("lp", "qp", "qp_singular")[seed % 3]
    m = module.build(
        family=family, followers=1 + seed % 2, rows=4, cols=3, coupling=0.5, integers=0.4 * (seed % 2), seed=seed
    )
    first, top = m.followers[-1], 10.0
    y = m.y[-1]
    if change == "rows":
        m.add(y.sum() >= 3 * top + 1, name="flaw")
    elif change == "follower":
        first.add(y.sum() >= 3 * top + 1, name="flaw")
    elif change == "ray":
        u = first.var("u", lb=0)
        first.add(u >= y[0] - 5, name="slow")
        first.minimize(first.cost - u)
    elif change == "coupling":
        other = m.follower("other")
        w = other.var("w", lb=0, ub=1)
        other.maximize(w)
        m.add(w <= 0.5, name="flaw")
    elif change == "leader":
        t = m.var("t", lb=0)
        m.minimize(m.objective - t)
    return m


EXPECTED = {
    "rows": "high_point_infeasible",
    "follower": "follower_infeasible",
    "ray": "follower_unbounded",
    "coupling": "coupling_infeasible",
    "leader": "leader_unbounded",
    "none": "feasible",
}


@pytest.mark.parametrize("change", EXPECTED)
@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(k, marks=pytest.mark.slow) for k in range(3, 6))])
def test_random_problems_with_one_flaw(seed, change):
    m = drawn(seed, change)
    found = explain(m, time_limit=60)
    assert found.kind == EXPECTED[change], str(found)
    if change in ("rows", "follower"):
        assert any("flaw" in row for row in found.rows)
        flaw = next(w for w in found.witness if "flaw" in w.label)
        assert 1 - GAP <= found.least <= flaw.alone + GAP
        check_contradiction(kg.high_point(m), found)
        assert found.follower == (m.followers[-1].name if change == "follower" else "")
    elif change == "ray":
        assert dict(found.ray) == {f"u({m.followers[-1].name})": 1.0}
        check_ray(m, found)
    elif change == "coupling":
        assert found.rows == ("coupling row 'flaw'",)
        assert found.least == pytest.approx(0.5, abs=1e-4)
    elif change == "leader":
        check_endless(m, found)
    else:
        assert found.bounded and kg.verify(m, found.point).ok
