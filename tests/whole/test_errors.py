"""What a user may get wrong: every case ends in one of kktgen's exceptions, which says what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import kktgen as kg

NAN, INF = np.nan, np.inf
Case = Callable[[Any], Any]


@pytest.fixture
def p() -> SimpleNamespace:
    """A small problem: min x + 3 y with y in argmin { -y : x + y <= 8, 0 <= y <= 5 }, and one that is a stranger."""

    def small(name: str) -> SimpleNamespace:
        m = kg.Bilevel(name)
        x, v = m.var("x", lb=0, ub=8), m.var("v", 3, lb=0, ub=1)
        f = m.follower("f")
        y = f.var("y", lb=0, ub=5)
        m.minimize(x + 3 * y)
        f.minimize(-y)
        row = f.add(x + y <= 8, name="cap")
        return SimpleNamespace(m=m, x=x, v=v, f=f, y=y, row=row)

    one = small("small")
    one.other = small("other")
    return one


def milp(p: SimpleNamespace) -> kg.Model:
    """Return the problem encoded."""
    return kg.encode(kg.kkt(p.m), kg.SOS1())


DECLARATIONS: dict[str, tuple[Case, str]] = {
    "bound of words": (lambda p: p.m.var("w", 3, lb="a"), "lb takes numbers, got str"),
    "bound None": (lambda p: p.m.var("w", 3, lb=None), "lb is None; leave it out"),
    "bound None of a binary": (lambda p: p.m.var("w", lb=None, kind="B"), "lb is None"),
    "bound that is a variable": (lambda p: p.m.var("w", ub=p.x), "ub takes numbers, got Affine"),
    "bound NaN": (lambda p: p.m.var("w", lb=NAN), "lb holds NaN"),
    "bound inf": (lambda p: p.m.var("w", lb=INF), "leave no value"),
    "bounds of another shape": (lambda p: p.m.var("w", 3, lb=[1, 2]), "lb has shape (2,)"),
    "shape of words": (lambda p: p.m.var("w", "abc"), "got 'abc'"),
    "shape that is no whole number": (lambda p: p.m.var("w", 2.5), "got 2.5"),
    "shape below zero": (lambda p: p.m.var("w", -3), "got -3"),
    "name that is a number": (lambda p: p.m.var(3), "named by a text such as 'g', got 3"),
    "name empty": (lambda p: p.f.var(""), "a variable is named by a text"),
    "name taken": (lambda p: p.m.var("x"), "declared twice"),
    "follower without a name": (lambda p: p.m.follower(" "), "a follower is named by a text"),
    "row named by a number": (lambda p: p.m.add(p.x <= 1, name=3), "a row is named by a text"),
    "follower row named by a tuple": (lambda p: p.f.add(p.y <= 1, name=("a", 1)), "a row is named by a text"),
    "problem named by a number": (lambda p: kg.Bilevel(3), "a problem is named by a text"),
    "kind unknown": (lambda p: p.m.var("w", kind="X"), "kind 'X'"),
    "row that is none": (lambda p: p.m.add(p.x), "add() takes rows"),
    "row of another problem": (lambda p: p.m.add(p.other.x <= 1), "problem 'other' cannot be used in 'small'"),
    "row at inf": (lambda p: p.m.add(p.x >= INF), "wrong end"),
    "quadratic row at inf": (lambda p: p.m.add(p.x * p.x >= INF), "wrong end"),
    "objective that is a vector": (lambda p: p.m.minimize(p.v), "sum it with .sum()"),
    "objective NaN": (lambda p: p.m.minimize(NAN), "NaN"),
    "follower of a follower": (lambda p: p.f.follower("g"), "'f' has no followers of its own: kktgen knows two levels"),
    "follower of a variable": (lambda p: p.y.follower, "two levels"),
    "bound written as text": (lambda p: p.m.var("w", ub="5"), "ub takes numbers, got str"),
    "bound complex": (lambda p: p.m.var("w", ub=[1j]), "ub takes numbers, got list"),
    "bound masked": (lambda p: p.m.var("w", ub=np.ma.masked_array([1.0], [True])), "ub takes numbers"),
    "follower nonconvex": (lambda p: p.f.minimize(-p.y @ p.y), "negative eigenvalue"),
    "follower row with a product": (lambda p: p.f.add(p.x * p.y <= 1), "x * y(f)"),
    "follower with its own price": (lambda p: p.f.minimize(p.row.dual @ p.y), "its own multipliers"),
    "sos1 of words": (lambda p: p.m.sos1(["a"]), "sos1: expected Affine, got str"),
    "sos1 of another problem": (lambda p: p.m.sos1([p.other.x]), "cannot be used in 'small'"),
    "indicator of words": (lambda p: p.m.indicator("b", 1, p.y <= 1), "indicator: expected Affine"),
    "indicator of another problem": (
        lambda p: p.m.indicator(p.other.m.var("b", kind="B"), 1, p.y <= 1), "cannot be used in 'small'",
    ),
    "indicator that is not binary": (lambda p: p.m.indicator(p.x, 1, p.y <= 1), "one binary variable"),
}  # fmt: skip

EXPRESSIONS: dict[str, tuple[Case, str]] = {
    "NaN": (lambda p: NAN * p.x, "NaN"),
    "inf": (lambda p: INF * p.x, "must be finite"),
    "two problems": (lambda p: p.x + p.other.x, "two different problems"),
    "shapes": (lambda p: p.v + p.m.var("w", 2), "(3,) and (2,)"),
    "matrix": (lambda p: sp.eye_array(2) @ p.v, "(2, 2) and (3,)"),
    "cube": (lambda p: p.x * p.y * p.x, "more than two variables"),
    "one over x": (lambda p: 1 / p.x, "division by a variable"),
    "quadratic over zero": (lambda p: (p.x * p.x) / 0, "by zero"),
    "product with text": (lambda p: (p.x * p.x) * "x", "cannot use a str"),
    "sum over no axis": (lambda p: p.v.sum(axis=2), "axis 2 is none of the 1 axes"),
    "sum over an axis of a scalar": (lambda p: p.x.sum(axis=0), "axis 0"),
    "running sum over no axis": (lambda p: p.v.cumsum(axis=1), "axis 1"),
    "reshape to words": (lambda p: p.v.reshape("a"), "cannot reshape"),
    "strict": (lambda p: p.x < 1, "use <= or >="),
    "chained": (lambda p: 0 <= p.x <= 1, "kg.between"),
    "between of another shape": (lambda p: kg.between([1, 2], p.v, 3), "(2,) and ()"),
    "between of text": (lambda p: kg.between(0, "x", 3), "an expression of variables is needed, got str"),
    "between of a number": (lambda p: kg.between(0, 1, 3), "an expression of variables is needed, got int"),
    "between crossed": (lambda p: kg.between(2, p.x, 1), "lo > hi"),
    "concatenate words": (lambda p: kg.concatenate([p.v, ["a", "b"]]), "cannot use a list"),
    "concatenate nothing": (lambda p: kg.concatenate([]), "nothing"),
    "stack numbers": (lambda p: kg.stack([1, 2]), "got int"),
    "stack along no axis": (lambda p: kg.stack([p.v, p.v], axis=4), "axis 4"),
    "sum of words": (lambda p: kg.sum(["a"]), "cannot use a str"),
    "sum of vectors": (lambda p: kg.sum([p.v, p.v]), "scalar"),
}

MATRICES: dict[str, tuple[Case, str]] = {
    "P of words": (lambda p: kg.QP(P="a", q=[1, 2]), "QP: P must be a matrix"),
    "q of words": (lambda p: kg.QP(q="ab"), "QP: q is no vector"),
    "q NaN": (lambda p: kg.QP(q=[1, NAN]), "QP: q holds NaN"),
    "P of three axes": (lambda p: kg.QP(P=np.ones((2, 2, 2)), q=[1, 2]), "QP: P must be a matrix"),
    "G that is a vector": (lambda p: kg.QP(q=[1, 2], G=[1, 1], h=[1]), "QP: G must be a matrix"),
    "G ragged": (lambda p: kg.QP(q=[1, 2], G=[[1, 1], [1]], h=[1, 1]), "QP: G must be a matrix"),
    "P of another size": (lambda p: kg.QP(P=np.eye(2), q=[1, 2, 3]), "expected (3, 3)"),
    "no QP": (lambda p: kg.Bilevel.from_matrices(None, q=[1]), "followers is a QP"),
    "list of QPs": (lambda p: kg.Bilevel.from_matrices([BOX], q=[1]), "followers is a QP"),
    "leader's P of another size": (lambda p: kg.Bilevel.from_matrices(BOX, q=[1] * 4, P=np.eye(3)), "P has shape"),
    "leader's q of another size": (lambda p: kg.Bilevel.from_matrices(BOX, q=[1] * 3), "q has 3 entries"),
    "leader's q NaN": (lambda p: kg.Bilevel.from_matrices(BOX, q=[1, 1, 1, NAN]), "NaN"),
    "kind unknown": (lambda p: kg.Bilevel.from_matrices(BOX, q=[1] * 4, kind="XX"), "kind is"),
    "kind of another size": (lambda p: kg.Bilevel.from_matrices(BOX, q=[1] * 4, kind="CCC"), "kind is"),
    "lb of another size": (lambda p: kg.Bilevel.from_matrices(BOX, q=[1] * 4, lb=[1, 2, 3]), "lb has shape"),
    "rows of another size": (
        lambda p: kg.Bilevel.from_matrices(BOX, q=[1] * 4, rows=(np.eye(4), [1, 2], 3)), "4 entries each",
    ),
    "rows that are one matrix": (lambda p: kg.Bilevel.from_matrices(BOX, q=[1] * 4, rows=np.eye(4)), "(M, lo, hi)"),
}  # fmt: skip
BOX = kg.QP(P=np.eye(2), q=[1, 2], Q=np.eye(2))

VERBS: dict[str, tuple[Case, str]] = {
    "kkt of a model": (lambda p: kg.kkt(kg.kkt(p.m)), "kkt: expected Bilevel, got Model"),
    "optimize of nothing": (lambda p: kg.optimize(None), "expected Bilevel, got NoneType"),
    "high_point of a model": (lambda p: kg.high_point(kg.kkt(p.m)), "expected Bilevel"),
    "eliminate of a problem": (lambda p: kg.eliminate(p.m), "make one with kg.kkt(m)"),
    "bound of a problem": (lambda p: kg.bound(p.m), "make one with kg.kkt(m)"),
    "relax of a problem": (lambda p: kg.relax(p.m), "make one with kg.kkt(m)"),
    "encode of a problem": (lambda p: kg.encode(p.m, kg.SOS1()), "make one with kg.kkt(m)"),
    "encoding unknown": (lambda p: kg.optimize(p.m, encoding="foo"), "unknown encoding 'foo'"),
    "encoding None": (lambda p: kg.encode(kg.kkt(p.m), None), "an encoding is one of auto"),
    "encoding that is a class": (lambda p: kg.encode(kg.kkt(p.m), kg.SOS1), "kg.SOS1()"),
    "choices that are a list": (lambda p: kg.encode(kg.kkt(p.m), kg.SOS1(), [kg.SOS1()]), "a mapping"),
    "choices of variables": (lambda p: kg.encode(kg.kkt(p.m), kg.SOS1(), {p.x: kg.SOS1()}), "a key is"),
    "big-M of words": (lambda p: kg.encode(kg.kkt(p.m), kg.BigM(dual="a")), "BigM: dual: cannot use a str"),
    "big-M below zero": (lambda p: kg.encode(kg.kkt(p.m), kg.BigM(dual=-1)), "nonnegative"),
    "eps NaN": (lambda p: kg.encode(kg.kkt(p.m), kg.Product(eps=NAN)), "eps must be a number >= 0"),
    "eps of words": (lambda p: kg.encode(kg.kkt(p.m), kg.StrongDuality(eps="a")), "eps must be a number >= 0"),
    "solve of a problem": (lambda p: kg.solve(p.m), "kg.optimize(m)"),
    "solve of pairs": (lambda p: kg.solve(kg.kkt(p.m)), "encode the model first"),
    "solver unknown": (lambda p: kg.solve(milp(p), "knitro"), "no solver 'knitro'"),
    "option unknown": (lambda p: kg.solve(milp(p), foo=1), "no option 'foo'"),
    "time limit of words": (lambda p: kg.optimize(p.m, time_limit="10"), "time_limit must be a number"),
    "time limit below zero": (lambda p: kg.optimize(p.m, time_limit=-1), "time_limit must be a number"),
    "write of a problem": (lambda p: kg.write(p.m, "a.lp"), "has followers"),
    "write of pairs": (lambda p: kg.write(kg.kkt(p.m), "a.lp"), "encode the model first"),
    "write to an unknown suffix": (lambda p: kg.write(milp(p), "a.foo"), "'.foo'; known are"),
    "write to nothing": (lambda p: kg.write(milp(p), None), "a path is needed"),
    "write to a folder that is not there": (lambda p: kg.write(milp(p), "no/where/a.lp"), "cannot be written"),
    "dumps in no format": (lambda p: kg.dumps(milp(p), None), "no format"),
    "read of nothing": (lambda p: kg.read_solution(None, kg.kkt(p.m)), "a path is needed"),
    "read over a problem": (lambda p: kg.read_solution("a.sol", p.m), "has followers"),
    "write of no solution": (lambda p: kg.write_solution(None, "a.sol"), "expected Solution"),
    "verify with the arguments swapped": (lambda p: kg.verify(kg.solve(milp(p)), p.m), "expected Bilevel"),
    "verify of nothing": (lambda p: kg.verify(p.m, None), "verify:"),
    "tolerances that are a number": (lambda p: kg.verify(p.m, kg.solve(milp(p)), tolerances=3), "expected Tolerances"),
}

VALUES: dict[str, tuple[Case, str]] = {
    "number": (lambda p: kg.solve(milp(p))[3], "takes an expression such as x"),
    "words": (lambda p: kg.solve(milp(p))["nothing"], "no variable is called 'nothing'"),
    "rows": (lambda p: kg.solve(milp(p))[p.row], "got Rows"),
    "another problem": (lambda p: kg.solve(milp(p))[p.other.x], "problem 'other' has no value"),
}

ALL = {
    f"{title}: {name}": case
    for title, cases in (
        ("declaration", DECLARATIONS), ("expression", EXPRESSIONS), ("matrices", MATRICES), ("verb", VERBS),
        ("value", VALUES),
    )
    for name, case in cases.items()
}  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_bad_input_is_refused_in_words(p, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call, words = ALL[name]
    with pytest.raises(kg.KktgenError) as caught:
        call(p)
    assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


ASKED: dict[str, Callable[[kg.Bilevel, Any], Any]] = {
    "kkt": lambda m, path: kg.kkt(m),
    "high_point": lambda m, path: kg.high_point(m),
    "optimize": lambda m, path: kg.optimize(m),
    "qp": lambda m, path: m.followers[0].qp(),
    "explain": lambda m, path: kg.explain(m),
    "agree": lambda m, path: kg.agree(m),
    "search": lambda m, path: kg.search.hho(m, population=3, iterations=1),
    "write .aux": lambda m, path: kg.write(m, path / "a.aux"),
}


@pytest.mark.parametrize("name", ASKED)
def test_a_follower_without_an_objective_is_named(name, tmp_path):
    def toll() -> kg.Bilevel:
        m = kg.Bilevel("toll")
        x = m.var("x", lb=0, ub=5)
        f = m.follower("driver")
        y = f.var("y", lb=0, ub=3)
        f.add(y <= x)
        m.maximize(y)
        return m

    with pytest.raises(kg.ProblemError, match=r"'driver' has no objective: call its minimize.*minimize\(0\)"):
        ASKED[name](toll(), tmp_path)
    assert list(tmp_path.iterdir()) == []
    m = toll()
    kg.write(m, tmp_path / "unfinished.bilevel.json")
    assert kg.read(tmp_path / "unfinished.bilevel.json").followers[0].cost is None
    m.followers[0].minimize(0)
    ASKED[name](m, tmp_path)


@pytest.mark.parametrize("declare", [lambda p: p.m.var("late", lb=0, ub=1), lambda p: p.f.add(p.y <= 4).dual])
def test_what_was_declared_after_the_model_was_made_has_no_value(p, declare):
    model = milp(p)
    late = declare(p)
    found = kg.solve(model)
    assert found[p.x] == pytest.approx(8)
    with pytest.raises(kg.ProblemError, match="was declared after the model was made"):
        found[late]
    with pytest.raises(kg.ProblemError, match="was declared after the model was made"):
        found[p.x * late]


def test_rows_added_twice_keep_their_first_price_and_name(p):
    g = p.m.follower("g")
    w = g.var("w", lb=0, ub=1)
    g.minimize(-w)
    shared = p.x + p.y + w <= 9
    first = p.f.add(shared, name="first")
    second = g.add(shared, name="second")
    third = p.m.add(shared, name="third")
    assert first is shared
    assert (first.name, second.name, third.name) == ("first", "second", "third")
    assert first.dual.M.indices != second.dual.M.indices
    with pytest.raises(kg.ProblemError, match="'third': rows have a multiplier once a follower has them"):
        third.dual  # noqa: B018


def test_numpy_sum_is_the_sum(p):
    assert np.sum(p.v).M.toarray().tolist() == p.v.sum().M.toarray().tolist()


def test_a_number_too_large_is_refused_with_a_cure():
    m = kg.Bilevel("large")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=1)
    f.minimize(-1e100 * y)
    f.add(y <= x)
    m.minimize(x - y)
    with pytest.raises(kg.SolverError, match="state the data in larger units"):
        kg.optimize(m)
