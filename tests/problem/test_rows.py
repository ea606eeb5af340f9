"""``add`` takes rows one by one and in every kind of collection, and says what it cannot take."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import kktgen as kg

Case = Callable[[Any], Any]


@pytest.fixture(params=["leader", "follower"])
def p(request: pytest.FixtureRequest) -> SimpleNamespace:
    m = kg.Bilevel("t")
    f = m.follower("f")
    y = f.var("y", 4)
    owner: Any = m if request.param == "leader" else f
    rows = m.rows if request.param == "leader" else f.declared
    return SimpleNamespace(m=m, f=f, y=y, owner=owner, add=owner.add, rows=rows)


def sides(p: SimpleNamespace) -> list[float]:
    """Return the upper sides of the rows added."""
    return [float(row.hi[0]) for row in p.rows]


COLLECTIONS: dict[str, Case] = {
    "arguments": lambda y: (y[0] <= 0, y[1] <= 1, y[2] <= 2),
    "list": lambda y: ([y[k] <= k for k in range(3)],),
    "tuple": lambda y: (tuple(y[k] <= k for k in range(3)),),
    "generator": lambda y: ((y[k] <= k for k in range(3)),),
    "map": lambda y: (map(lambda k: y[k] <= k, range(3)),),
    "dict": lambda y: ({f"row {k}": y[k] <= k for k in range(3)},),
    "values of a dict": lambda y: ({k: y[k] <= k for k in range(3)}.values(),),
    "array": lambda y: (np.array([y[0] <= 0, y[1] <= 1, y[2] <= 2]),),
    "nested": lambda y: ([y[0] <= 0, (y[1] <= 1, [])], {"c": [y[2] <= 2]}),
}


@pytest.mark.parametrize("name", COLLECTIONS)
def test_rows_in_collections_are_added_in_order(p, name):
    added = p.add(*COLLECTIONS[name](p.y), name="cap")
    assert sides(p) == [0, 1, 2]
    assert isinstance(added, tuple)
    assert [row.name for row in added] == ["cap1", "cap2", "cap3"]
    if p.owner is p.f:
        assert all(row.dual is not None for row in added)


def test_one_row_comes_back_as_itself_and_a_list_of_one_as_a_tuple(p):
    assert isinstance(p.add(p.y[0] <= 0, name="a"), kg.Rows)
    (row,) = p.add([p.y[0] <= 0], name="b")
    assert row.name == "b"
    assert p.add([]) == p.add(x for x in ()) == ()
    assert sides(p) == [0, 0]


def test_quadratic_rows_in_a_list():
    m = kg.Bilevel("t")
    x = m.var("x", 2)
    m.add([x[0] <= 1, x @ x <= 2], name="row")
    assert (m.rows[0].name, m.quads[0].name) == ("row1", "row2")


def test_values_are_those_of_the_rows_one_by_one():
    for collect in (list, tuple, iter, lambda rows: dict(enumerate(rows)), lambda rows: np.array([*rows])):
        m = kg.Bilevel("t")
        x = m.var("x", 3, lb=0)
        m.add(collect([x[k] + x[(k + 1) % 3] <= k + 1 for k in range(3)]))
        m.maximize(x.sum())
        assert kg.solve(m, time_limit=30).objective == pytest.approx(3)


REFUSED: dict[str, tuple[Case, str]] = {
    "text": (lambda y: "y <= 1", "got str"),
    "text in a list": (lambda y: [y[0] <= 1, "y <= 1"], "got str"),
    "a decided comparison": (lambda y: 3 <= 4, "got bool: both sides of the comparison were numbers"),
    "decided comparisons": (lambda y: np.array([1, 2]) <= 3, "got bool: both sides of the comparison were numbers"),
    "an expression": (lambda y: y, "got Affine: compare it with something"),
    "a product": (lambda y: [y @ y], "got Quad: compare it with something"),
    "a set": (lambda y: {y[0] <= 1, y[1] <= 1}, "got set: a set has no order; give a list"),
    "None": (lambda y: [None], "got NoneType"),
    "a number": (lambda y: 3.0, "got float"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_row_is_refused_before_anything_is_added(p, name):
    call, words = REFUSED[name]
    with pytest.raises(kg.ProblemError) as caught:
        p.add(p.y[3] <= 3, call(p.y))
    assert words in str(caught.value)
    assert "add() takes rows such as x <= 1" in str(caught.value)
    assert sides(p) == []


def test_what_has_no_multiplier_says_so():
    m = kg.Bilevel("slip")
    x = m.var("x", lb=1, ub=4)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=4)
    f.minimize(-y)
    balance = m.add(y <= 3, name="balance")
    for ask in (lambda: balance.dual, lambda: (y <= 2).dual):
        with pytest.raises(kg.ProblemError, match="rows have a multiplier once a follower has them"):
            ask()
    for ask in (lambda: x.lower_dual, lambda: x.upper_dual):
        with pytest.raises(kg.ProblemError, match="'x' is the leader's"):
            ask()
