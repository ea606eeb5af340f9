"""Followers with integer variables: what is declared, what is refused and in which words, and their files."""

from __future__ import annotations

import numpy as np
import pytest
from problems import WHOLE

import kktgen as kg
from kktgen.problem.integers import released


def plant(bound=True):
    """Return a plant that is switched on by itself."""
    m = kg.Bilevel("plant")
    price = m.var("price", lb=0, ub=9)
    f = m.follower("plant")
    on, g = f.var("on", kind="B"), f.var("g", lb=0, ub=2 if bound else np.inf)
    row = f.add(g <= 2 * on, name="range")
    f.minimize(5 * on + g - price @ g)
    m.maximize(8 * g - price @ g)
    return m, f, price, on, g, row


def test_kinds_are_those_declared():
    m = kg.Bilevel("kinds")
    f = m.follower("f")
    on, n = f.var("on", 3, kind="B"), f.var("n", lb=0, ub=7, kind="I")
    assert m.space.kind[on.cols].tolist() == ["B"] * 3 and m.space.kind[n.cols] == "I"
    assert m.space.ub[on.cols].tolist() == [1, 1, 1]
    with pytest.raises(kg.ProblemError, match="kind 'X' is not one of"):
        f.var("x", kind="X")


def test_kkt_refuses_and_names_what_there_is():
    m, *_ = plant()
    with pytest.raises(
        kg.UnsupportedError, match=r"'plant' has integer variables \(on\(plant\)\).*kg.optimize.*kg.master"
    ):
        kg.kkt(m)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (kg.explain, "kg.optimize says whether a master"),
        (kg.pessimistic, "pessimistic: .*ties are worth at one decision"),
        (lambda m: kg.optimize(m, pessimistic=True), "pessimistic: .*ties are worth at one decision"),
        (lambda m: kg.prove(m, [0.0] * len(m.space)), "prove: .*branches on KKT pairs"),
        (kg.alignment, "responses of a convex follower"),
        (kg.search.Responder, "result.responses"),
        (lambda m: kg.certify(m, [0.0] * len(m.space)), "needs the proof of a mixed-integer program"),
        (lambda m: kg.robust(m, [0.0] * len(m.space)), "range=True"),
    ],
)  # fmt: skip
def test_verbs_that_need_kkt_conditions_say_what_there_is_instead(call, words):
    with pytest.raises(kg.UnsupportedError, match=words):
        call(plant()[0])


def test_a_master_of_continuous_followers_is_refused():
    m = kg.Bilevel("plain")
    f = m.follower("f")
    f.minimize(f.var("y", lb=0, ub=1))
    m.minimize(0)
    with pytest.raises(kg.ProblemError, match="no follower of 'plain' has integer variables"):
        kg.master(m)


def test_prices_are_refused_where_they_are_asked_for_and_where_they_stand():
    m, f, _, on, g, row = plant()
    for ask in (lambda: row.dual, lambda: g.upper_dual, lambda: on.lower_dual, lambda: f.dual("range")):
        with pytest.raises(kg.ProblemError, match="its follower has integer variables, so that its rows"):
            ask()
    early = kg.Bilevel("early")
    lower = early.follower("lower")
    y = lower.var("y", lb=0, ub=1)
    price = lower.add(y >= 0.5, name="need").dual
    lower.var("late", kind="B")  # integer only after the price was taken
    lower.minimize(y)
    early.minimize(price)
    with pytest.raises(kg.UnsupportedError, match=r"mu\(lower,need\).*has integer variables.*second, continuous"):
        kg.optimize(early)


def test_prices_beside_an_integer_follower_are_refused():
    m, *_ = plant()
    other = m.follower("other")
    y = other.var("y", lb=0, ub=1)
    need = other.add(y >= 0.5, name="need")
    other.minimize(y)
    m.maximize(need.dual)
    with pytest.raises(kg.UnsupportedError, match="stands beside one with integer variables"):
        kg.optimize(m)


def test_nash_games_are_refused():
    m, _, _, on, _, _ = plant()
    other = m.follower("other")
    y = other.var("y", lb=0, ub=1)
    other.add(y <= on)
    other.minimize(-y)
    with pytest.raises(kg.UnsupportedError, match=r"'other' sees on\(plant\).*Nash games with integer followers"):
        kg.optimize(m)


def test_a_continuous_column_without_a_box_is_named():
    m, *_ = plant(bound=False)
    with pytest.raises(kg.BoundError, match=r"g\(plant\) has no finite box \[0, inf\]"):
        kg.optimize(m)


def test_other_classes_are_refused_in_words():
    m, f, price, on, g, _ = plant()
    m.complements(price - 1, price)
    with pytest.raises(kg.UnsupportedError, match="integer followers and complementarity conditions"):
        kg.optimize(m)
    m = kg.Bilevel("nobody")
    for name in "ab":
        f = m.follower(name)
        f.minimize(f.var("n", kind="B"))
    with pytest.raises(kg.UnsupportedError, match="no objective of the leader"):
        kg.optimize(m)
    m = kg.Bilevel("terms")
    x = m.var("x", 2, lb=0, ub=1)
    f = m.follower("f")
    n = f.var("n", lb=0, ub=3, kind="I")
    f.add(n >= x[0] * x[1], name="bent")
    f.minimize(n)
    m.minimize(x.sum())
    with pytest.raises(kg.UnsupportedError, match="row 'bent': a product of the leader's variables"):
        kg.optimize(m)


def test_products_of_the_leaders_binaries_with_the_followers_variables_are_fine():
    m = kg.Bilevel("built")
    built = m.var("built", kind="B")
    f = m.follower("f")
    n, y = f.var("n", lb=0, ub=3, kind="I"), f.var("y", lb=0, ub=4)
    f.add(built * y <= 2, name="cap")
    f.add(y <= 1.5 * n)
    f.minimize(n - 3 * y)  # y 4 from n 3 where nothing is built, else 2 from n 2
    m.maximize(3 * built - y)
    result = kg.optimize(m, time_limit=60)
    assert result.solution.objective == pytest.approx(3 - 2, abs=1e-5)
    assert result.report.claim == "optimal"


def test_released_followers_keep_every_column():
    m, *_ = plant()
    free, main = released(m), released(m, ["plant"])
    assert len(free.space) == len(main.space) == len(m.space)
    assert not free.followers and len(main.followers) == 1
    assert main.followers[0].columns.tolist() == m.variable("g").cols.ravel().tolist()
    assert (m.space.owner[m.variable("on").cols] == 0).all()  # the problem itself is as it was


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_integer_followers_of_other_tools_are_solved_or_a_column_is_named(name):
    known = WHOLE[name]
    m = known.build()
    if name == "pao_toyexample3":  # a continuous column without an upper bound; with one: tests/recipes
        with pytest.raises(kg.BoundError, match="has no finite box"):
            kg.optimize(m)
        return
    result = kg.optimize(m, time_limit=60)
    assert result.solution.objective == pytest.approx(known.objective, abs=1e-6)
    assert result.report.claim == "optimal"


def test_a_bundle_of_an_integer_follower_is_of_version_2_and_comes_back(tmp_path):
    m, *_ = plant()
    kg.write(m, tmp_path / "a.bilevel.json")
    text = (tmp_path / "a.bilevel.json").read_text()
    assert '"version":2' in text
    back = kg.read(tmp_path / "a.bilevel.json")
    assert back.space.kind.tolist() == m.space.kind.tolist()
    assert kg.dumps(back, "bilevel.json") == kg.dumps(m, "bilevel.json")
    assert kg.optimize(back, time_limit=60).solution.objective == pytest.approx(9, abs=1e-5)


def test_matrices_make_an_integer_follower():
    m = kg.Bilevel("matrices")
    f = kg.matrices.follower(
        m, [[0, 0, -1], [0, 0, 0], [-1, 0, 0]], [0, 5, 1], [[0, -2, 1]], -np.inf, 0, lb=0, ub=[9, 1, 2],
        leader=["price"], names=["price", "on", "g"], kinds=["C", "B", "C"],
    )  # fmt: skip
    m.maximize(8 * f["g"] - f["price"] @ f["g"])
    assert kg.optimize(m, time_limit=60).solution.objective == pytest.approx(9, abs=1e-5)
    with pytest.raises(kg.ProblemError, match="its follower has integer variables"):
        f.dual["rows"]
