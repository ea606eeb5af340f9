"""Squares and products of the leader's variables in followers' rows: constants to the followers."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest

import kktgen as kg
from kktgen.search import respond

LIMIT = 30


def parabola():
    """``min y - 2 x`` with ``y >= x^2`` at its least: ``x^2 - 2 x``, -1 at (1, 1)."""
    m = kg.Bilevel("parabola")
    x = m.var("x", lb=-3, ub=3)
    f = m.follower("f")
    y = f.var("y")
    f.minimize(y)
    f.add(y >= x * x, name="above")
    m.minimize(y - 2 * x)
    return m, -1.0, [1.0]


def shared():
    """``max y1 + y2`` with ``y1 + y2 = x1 x2`` shared in halves, ``x1 + x2 <= 4``: 4 at (2, 2)."""
    m = kg.Bilevel("shared")
    x = m.var("x", 2, lb=0, ub=4)
    f = m.follower("f")
    y = f.var("y", 2)
    f.add(y.sum() == x[0] * x[1], name="total")
    f.minimize(y @ y)
    m.add(x.sum() <= 4)
    m.maximize(y.sum())
    return m, 4.0, [2.0, 2.0]


def whole():
    """``min (y - 5)^2`` with ``y = max(k^2 - 3, 0)``, k whole: 6 at k = 3, so 1."""
    m = kg.Bilevel("whole")
    k = m.var("k", lb=0, ub=4, kind="I")
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.minimize(y)
    f.add(k * k - y <= 3)
    m.minimize((y - 5) ** 2)
    return m, 1.0, [3.0]


def priced():
    """``max lam + 4 x`` with ``lam = g = 10 - x^2`` of ``min g^2 / 2``: 14 at x = 2; the dual is d(cost)/d(side)."""
    m = kg.Bilevel("priced")
    x = m.var("x", lb=0, ub=3)
    f = m.follower("f")
    g = f.var("g", lb=0, ub=20)
    need = f.add(g + x * x == 10, name="need")
    f.minimize(0.5 * g * g)
    m.maximize(need.dual + 4 * x)
    return m, 14.0, [2.0]


def bard():
    """MacMPEC bard3: -12.678711 at x = (0, 2)."""
    m = kg.Bilevel("bard")
    x = m.var("x", 2, lb=0)
    f = m.follower("f")
    y = f.var("y", 2, lb=0)
    f.minimize(y[0] @ y[0] - 5 * y[1])
    m.add(x[0] @ x[0] + 2 * x[1] <= 4)
    f.add(-(x[0] @ x[0]) + 2 * x[0] - x[1] @ x[1] + 2 * y[0] - y[1] <= 3)
    f.add(-x[1] - 3 * y[0] + 4 * y[1] <= -4)
    m.minimize(-(x[0] @ x[0]) - 3 * x[1] - 4 * y[0] + y[1] @ y[1])
    return m, -12.678711, [0.0, 2.0]


def two_followers():
    """``min y + w`` with ``y = max(0, 1 - x^2)`` and ``w >= x^2 - 4, -x - 1``: by x = 1 and beyond 0 + 0."""
    m = kg.Bilevel("two")
    x = m.var("x", lb=-2, ub=2)
    a, b = m.follower("a"), m.follower("b")
    y, w = a.var("y", lb=0), b.var("w", lb=-1)
    a.minimize(y)
    a.add(y + x * x >= 1)
    b.minimize(w)
    b.add(w >= x * x - 4, w >= -x - 1)
    m.minimize(y + w)
    return m, -1.0, None


PROBLEMS = [parabola, shared, whole, priced, bard, two_followers]


@pytest.mark.parametrize("make", PROBLEMS)
def test_the_optimum_is_found_and_claimed(make):
    m, value, x = make()
    found = kg.optimize(m, time_limit=LIMIT)
    assert found.solution.objective == pytest.approx(value, rel=1e-4, abs=1e-5)
    assert found.report.claim == "optimal", str(found.report)
    assert found.start is not None
    if x is not None:
        assert found.solution.z[np.flatnonzero(m.space.role == "leader")] == pytest.approx(x, abs=2e-2)


@pytest.mark.parametrize("make", [parabola, shared, priced])
@pytest.mark.parametrize("encoding", ["sos1", "indicator", "bigm", "strongduality"])
def test_encodings_agree(make, encoding):
    m, value, _ = make()
    model = kg.encode(kg.bound(kg.eliminate(kg.kkt(m))), encoding)
    found = kg.solve(model, "scip", time_limit=LIMIT)
    assert found.objective == pytest.approx(value, abs=1e-4)
    assert kg.verify(m, found).ok


def test_the_row_is_judged_as_it_was_written():
    """The column that stands for ``x^2`` counts for nothing in a point: its value is the decision's."""
    m, _, _ = parabola()
    x, y = m.space.find("x"), m.space.find("y", "f")
    term = np.flatnonzero(m.space.role == "term")
    z = np.zeros(len(m.space))
    z[x], z[y] = 2.0, 4.0
    for value in (0.0, 4.0, 77.0, np.nan):
        z[term] = value
        assert kg.verify(m, z).ok
    z[y], z[term] = 3.0, 3.0
    report = kg.verify(m, z)
    assert not report.ok and not report["primal(f)"].ok
    z[y] = 5.0
    assert not kg.verify(m, z)["follower gap(f)"].ok


def test_prices_of_rows_with_products():
    m, _, _ = priced()
    found = kg.optimize(m, time_limit=LIMIT)
    row = m.followers[0].declared[-1]
    assert row.word == "need"
    assert found.solution.z[row.lam] == pytest.approx(6, abs=1e-3)


def test_products_with_others_are_refused_by_name():
    m = kg.Bilevel("m")
    x = m.var("x", 2)
    f, g = m.follower("f"), m.follower("g")
    y, w = f.var("y", 2), g.var("w")
    row = f.add(y[0] >= x[0])
    for product, words in (
        (x[0] * y[0], r"x\(0\) \* y\(f,0\)"), (y[0] * w, r"y\(f,0\) \* w\(g\)"), (x[1] * w, r"x\(1\) \* w\(g\)"),
    ):  # fmt: skip
        before = len(m.space)
        with pytest.raises(kg.ProblemError, match=rf"'late' holds the product {words}"):
            f.add(product + y[1] <= 3, name="late")
        assert len(m.space) == before
    with pytest.raises(kg.ProblemError, match="holds the product"):
        g.add(x[0] * row.dual + w <= 3)
    with pytest.raises(kg.ProblemError):
        f.minimize(x[0] * (x[1] * y[0]))
    with pytest.raises(kg.ProblemError, match="two rows are named"):
        f.add(x @ x + y[0] <= 1, name="c1")
    other = kg.Bilevel("other").var("z")
    with pytest.raises(kg.ProblemError, match="cannot be used"):
        f.add(other * other <= 1)


def test_products_that_cancel_leave_a_linear_row():
    m = kg.Bilevel("m")
    x = m.var("x")
    f = m.follower("f")
    y = f.var("y")
    row = f.add(x * x - x * x + 2 * y + x >= 1)
    assert not f.terms and not (m.space.role == "term").any()
    assert row.M.toarray()[0, :2].tolist() == [1.0, 2.0]


def test_constant_factors_make_a_constant():
    m, _, _ = shared()
    m.space.lb[0] = m.space.ub[0] = 3.0
    model = kg.kkt(m)
    term = int(np.flatnonzero(model.space.role == "term")[0])
    assert not len(model.quads)  # 3 x1 is linear
    m.space.lb[1] = m.space.ub[1] = 0.5
    model = kg.kkt(m)
    assert abs(model.space.lb[term]) == 1.5 and model.space.ub[term] == model.space.lb[term]
    assert kg.optimize(m, time_limit=LIMIT).solution.objective == pytest.approx(1.5)


# -- other ways to look at them -------------------------------------------------------------------


@pytest.mark.parametrize("make", PROBLEMS)
def test_bundles_hold_them_in_version_2(make, tmp_path):
    m, value, _ = make()
    text = kg.dumps(m, "bilevel.json")
    data = json.loads(text)
    assert data["version"] == 2 and data["columns"] == len(m.space)
    back = kg.read(kg.write(m, tmp_path / "m.bilevel.json"))
    assert kg.dumps(back, "bilevel.json") == text
    assert [t.row for f in back.followers for t in f.terms] == [t.row for f in m.followers for t in f.terms]
    a, b = kg.kkt(m), kg.kkt(back)
    assert a.origin.problem == b.origin.problem
    data["version"] = 1
    path = tmp_path / "old.bilevel.json"
    path.write_text(json.dumps(data))
    with pytest.raises(kg.FormatError):
        kg.read(path)


def test_bundles_without_them_stay_at_version_1():
    m = kg.Bilevel("m")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.minimize(y)
    f.add(y >= x)
    assert json.loads(kg.dumps(m, "bilevel.json"))["version"] == 1


@pytest.mark.parametrize(
    "change",
    [{"v": []}, {"i": [0, 0]}, {"i": [99]}, {"shape": [1]}, {"v": [None]}, {"j": None}, {"i": [2]}, {"v": ["x"]}],
)
def test_bundles_with_bad_products_are_refused(change, tmp_path):
    data = json.loads(kg.dumps(parabola()[0], "bilevel.json"))
    (row,) = [one for one in data["declarations"] if "v" in one]
    row.update(change)
    path = tmp_path / "bad.bilevel.json"
    path.write_text(json.dumps(data))
    with pytest.raises(kg.FormatError):
        kg.read(path)


def test_aux_refuses_them_by_name(tmp_path):
    m = kg.Bilevel("m")
    x = m.var("x", lb=0, ub=4)
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.minimize(y)
    f.add(y >= x * x, name="above")
    m.minimize(y - x)
    with pytest.raises(kg.UnsupportedError, match=r"row 'above' of follower 'f' holds the product x \* x"):
        kg.write(m, tmp_path / "m.aux")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".cip", ".lp", ".mps"])
def test_model_files_hold_the_whole_problem(suffix, tmp_path):
    from pyscipopt import Model as Scip

    m, value, _ = bard()
    model = kg.encode(kg.bound(kg.eliminate(kg.kkt(m))), kg.SOS1())
    path = kg.write(model, tmp_path / f"bard{suffix}", map=True)
    assert "term(f,c1)" in path.read_text()
    scip = Scip()
    scip.hideOutput()
    scip.setParam("constraints/SOS1/boundcutsfreq", -1)
    scip.setParam("limits/gap", 1e-5)
    scip.setParam("limits/time", LIMIT)
    scip.readProblem(str(path))
    scip.optimize()
    assert scip.getObjVal() == pytest.approx(value, abs=1e-3)
    entries = json.loads(path.with_name(path.name + ".map.json").read_text())
    assert "term" in json.dumps(entries)


def test_followers_respond_to_the_square_of_a_decision():
    m, _, _ = shared()
    z = respond(m, np.array([1.5, 2.0]))
    assert z[m.space.find("y", "f")] == pytest.approx([1.5, 1.5])
    assert np.abs(z[m.space.role == "term"]) == pytest.approx([3.0])
    assert kg.verify(m, z).ok


def test_searches_move_the_decisions_themselves():
    m, value, _ = shared()
    found = kg.search.hho(m, population=10, iterations=15, seed=1)
    assert found.report.ok
    assert value - 0.5 <= found.solution.objective <= value + 1e-6


def test_certificates_hold_the_square_in_rational_numbers():
    """At ``x = 0.1`` the response is the float's square exactly, a number that is no float."""
    m, _, _ = parabola()
    z = np.zeros(len(m.space))
    z[m.space.find("x")], z[m.space.find("y", "f")] = 0.1, 0.1 * 0.1
    proof = kg.certify(m, z)
    assert proof.ok and proof.followers == {"f": "exact"}
    point = [Fraction(v) if not isinstance(v, str) else Fraction(*(int(p, 0) for p in v.split("/")))
             for v in proof.data["point"]]  # fmt: skip
    x, y = (point[int(m.space.find(*name)[0])] for name in (("x",), ("y", "f")))
    assert x == Fraction(0.1) and y == x * x and proof.violation == 0
    found = kg.optimize(bard()[0], time_limit=LIMIT)
    assert kg.certify(found.bilevel, found.solution).ok


def test_explanations_show_the_products():
    m = kg.Bilevel("m")
    x = m.var("x", 2, lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.minimize(y)
    f.add(y + x[0] * x[0] - 2 * x[0] * x[1] <= -2.5, name="low")
    m.minimize(y)
    found = kg.explain(m, time_limit=LIMIT)
    assert found.kind == "follower_infeasible"
    assert any("x(0)^2" in w.says and "x(0) x(1)" in w.says for w in found.witness)
    coupled, *_ = parabola()
    coupled.add(coupled.objective <= -5, name="cap")
    found = kg.explain(coupled, time_limit=LIMIT)
    assert found.kind in ("coupling_infeasible", "high_point_infeasible")


def test_the_range_leaves_their_factors_alone():
    m, _, _ = shared()
    found = kg.optimize(m, time_limit=LIMIT, range=True)
    assert found.report.range.best == pytest.approx(4, abs=1e-3)
    assert found.report.range.worst == pytest.approx(4, abs=1e-3)


@pytest.mark.parametrize(("quantity", "money"), [(1e-6, 1.0), (1e6, 1e-3)])
def test_in_other_units(quantity, money):
    """``y >= x^2 / quantity`` in other units of quantities and money."""
    m = kg.Bilevel("units")
    x = m.var("x", lb=-3 * quantity, ub=3 * quantity)
    f = m.follower("f")
    y = f.var("y")
    f.minimize(money * y)
    f.add(y >= x * x / quantity)
    m.minimize(money * y - 2 * money * x)
    found = kg.optimize(m, time_limit=LIMIT)
    assert found.solution.objective == pytest.approx(-1 * quantity * money, rel=1e-4)
    assert found.report.claim == "optimal", str(found.report)


@pytest.mark.slow
def test_random_problems_are_those_with_a_column_of_the_leaders_own():
    """The same problem with ``t == x'Q x`` declared by hand."""
    rng = np.random.default_rng(9)
    for _ in range(6):
        Q, a, b = rng.integers(-2, 3, (2, 2)).astype(float), rng.integers(-3, 4, 2).astype(float), rng.integers(1, 4)
        goal = rng.integers(-3, 4, 3).astype(float)
        values = []
        for lifted in (False, True):
            m = kg.Bilevel("random")
            x = m.var("x", 2, lb=-1, ub=2)
            f = m.follower("f")
            y = f.var("y", lb=-20, ub=20)
            f.minimize(0.5 * y * y + a @ x * y if lifted else 0.5 * y * y + (a @ x) * y)
            square = x @ (Q @ x)
            if lifted:
                t = m.var("t")
                m.add(t == square)
                f.add(y + t >= float(b))
            else:
                f.add(y + square >= float(b))
            m.minimize(goal[:2] @ x + goal[2] * y)
            found = kg.optimize(m, time_limit=LIMIT)
            assert found.report.claim == "optimal", str(found.report)
            values.append(found.solution.objective)
        assert values[0] == pytest.approx(values[1], rel=1e-4, abs=1e-5)
