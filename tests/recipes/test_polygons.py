"""Inner copies of followers with norms below a side of their own, against known values and cone programs on grids."""

from __future__ import annotations

from math import cos, pi

import numpy as np
import pytest
from cone_followers import answered, box_program, conic04, crane, stated, tip
from inner_answers import bound_of, inner_answer

import kktgen as kg


@pytest.mark.parametrize("pieces", [1, 16])
def test_a_problem_of_the_literature_loses_nothing(pieces):
    found = bound_of(kg.inner_copy(conic04()[0], pieces))
    assert 12 - 1e-4 < found <= 12 + 1e-6


@pytest.mark.parametrize(("unit", "cost"), [(1.0, 1.0), (1e3, 1.0), (1e-3, 1.0), (1.0, 1e5)])
def test_a_crane_in_any_units(unit, cost):
    found = bound_of(kg.inner_copy(crane(unit, cost)[0], 4))
    assert 2 - 1e-6 <= found / cost <= 2 + 1e-4


@pytest.mark.parametrize(("least", "value", "most"), [(0.9, 0.0, 1e-6), (3.0, 2.3, 2.325)])
def test_responses_at_the_apex(least, value, most):
    assert value - 1e-6 <= bound_of(kg.inner_copy(tip(least)[0], 8)) <= most


def ball(k, sign=1.0):
    """The leader chooses the direction in which k entries, of which the first has one sign, go to a length of 1."""
    m = kg.Bilevel("ball")
    g = m.var("x", k, lb=-1, ub=1)
    f = m.follower("f")
    y, t = f.var("y", k, lb=[0.0 if sign > 0 else -2.0] + [-2.0] * (k - 1), ub=2), f.var("t", lb=0, ub=1)
    f.add(kg.norm(y) <= t, name="cone")
    f.minimize(-g @ y)
    m.minimize(g.sum())
    return m


@pytest.mark.parametrize(("k", "pairs"), [(2, 1), (3, 2), (4, 2), (5, 3)])
@pytest.mark.parametrize("pieces", [4, 6, 16])
def test_polygons_lie_between_two_circles(k, pairs, pieces):
    """A tree over k entries has so many levels, each of which loses no more than cos(pi / N)."""
    copy, rng = kg.inner_copy(ball(k), pieces), np.random.default_rng(k)
    least = cos(pi / (8 if pieces == 6 else pieces)) ** pairs
    for _ in range(40):
        g = rng.normal(size=k)
        g[0] = abs(g[0])
        g /= np.linalg.norm(g)
        w = inner_answer(copy, g)
        assert np.linalg.norm(w[:k]) <= w[k] + 1e-7 and w[k] <= 1 + 1e-7
        assert least - 1e-7 <= g @ w[:k] <= 1 + 1e-7
    for j in range(k):  # corners lie on the axes
        assert inner_answer(copy, np.eye(k)[j])[j] == pytest.approx(1, abs=1e-6)


def test_terms_that_cancel_leave_no_rounding():
    """Solvers and the proofs of bounds take 1e-17 for a number, and call decisions infeasible by it."""
    m = kg.Bilevel("cancel")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y, t = f.var("y", 2, lb=-2, ub=2), f.var("t", lb=0, ub=5)
    f.add(kg.norm(np.array([[0.7, -0.3], [-0.7, -0.3], [-0.1, 0.3]]) @ y) <= t + 0.1, name="cone")
    f.minimize(t - x @ y.sum())
    m.minimize(x)
    for pieces in (4, 8, 24):
        rows = kg.inner_copy(m, pieces).followers[0].rows()
        assert min(np.abs(part.M.data).min() for part in rows) > 1e-3


def test_directions_that_no_entry_has_are_left_out():
    sizes = [len(kg.inner_copy(ball(2, sign), 16).followers[0].rows()[-1].lo) for sign in (-1.0, 1.0)]
    assert sizes == [16, 8]


@pytest.mark.parametrize("seed", range(6))
def test_polygons_lie_inside_and_leave_a_point_at_every_decision(seed):
    data = box_program(seed)
    copy, n = kg.inner_copy(stated(data)[0], 1), data["n"]

    def cost(v):
        return 0.5 * v @ data["P"] @ v + (data["q"] + at * data["d"]) @ v

    for at in np.linspace(0, 2, 21):
        y, w = answered(data, at), inner_answer(copy, np.array([at]))
        assert w is not None
        w = w[: len(y)]
        for k in range(data["count"]):
            assert np.linalg.norm(data["E"][k] @ w[:n] + data["e"][k]) <= w[n + k] + data["T"][k] * at + 1e-6
        assert cost(w) >= cost(y) - 1e-6


@pytest.mark.parametrize("seed", [1, 3, 6, 11])
def test_random_bounds_are_never_above_a_grid(seed):
    data = box_program(seed)
    best = min(data["F"] @ answered(data, at) + 0.3 * at for at in np.linspace(0, 2, 101))
    found = bound_of(kg.inner_copy(stated(data)[0], 8), 10)
    assert best - 0.5 <= found <= best + 1e-5 * (1 + abs(best))


def held(least, size=(0.6, 0.8)):
    """A follower whose entries are fixed at a length of 1, under a side that the leader wants small."""
    m = kg.Bilevel("held")
    x = m.var("x", lb=least, ub=2)
    f = m.follower("f")
    y, t = f.var("y", len(size), lb=-1, ub=1), f.var("t", lb=0, ub=5)
    f.add(y == np.array(size), name="fixed")
    f.add(t <= x, name="most")
    f.add(kg.norm(y) <= t, name="cone")
    f.minimize(t)
    m.minimize(x)
    return m


def with_a_diamond():
    """The copy of :func:`held` with a polygon of four sides, by hand: it leaves no point where x is below 1.4."""
    m = kg.Bilevel("diamond")
    x = m.var("x", lb=1.05, ub=2)
    y, t = m.var("y", 2, lb=-1, ub=1), m.var("t", lb=0, ub=5)
    f = m.follower("f")
    w, s = f.var("w", 2, lb=-1, ub=1), f.var("s", lb=0, ub=5)
    for a in (-1, 1):
        for b in (-1, 1):
            f.add(a * w[0] + b * w[1] <= s)
    f.add(w == np.array([0.6, 0.8]), s <= x)
    f.minimize(s)
    m.add(y @ y <= 5 * t, t <= s)
    m.minimize(x)
    return m


@pytest.mark.parametrize("size", [(0.6, 0.8), (0.48, 0.64, 0.6)])
def test_polygons_that_would_leave_no_point_are_raised(size):
    """The least x is 1.05; a polygon of four sides would call it 1.4, and that no bound."""
    assert kg.optimize(with_a_diamond(), time_limit=30).solution.bound == pytest.approx(1.4, abs=1e-4)
    copy = kg.inner_copy(held(1.05, size), 4)
    assert copy.about["parameters"]["pieces"] > 4
    assert bound_of(copy) == pytest.approx(1.05, abs=1e-5)
    assert kg.inner_copy(held(1.05, size), 64).about["parameters"]["pieces"] == 64


def test_more_pieces_than_there_may_be_are_refused():
    with pytest.raises(kg.BoundError, match="row 'cone': the point strictly inside .* more than 512 chords"):
        kg.inner_copy(held(1 + 1e-5))
    with pytest.raises(kg.BoundError, match=r"no point strictly inside the rows 'cone' .*\(Slater\)"):
        kg.inner_copy(held(1.0))


def test_sides_need_no_bounds():
    m = kg.Bilevel("free")
    x = m.var("x", lb=1, ub=2)
    f = m.follower("f")
    y, t = f.var("y", 3), f.var("t")
    f.add(kg.norm(y) <= t, y.sum() >= x)
    f.minimize(t)
    m.minimize(t)
    copy = kg.inner_copy(m, 16)
    for at in (1.0, 1.5, 2.0):  # the answer costs x / sqrt(3)
        cost = inner_answer(copy, np.array([at]))[3]
        assert at / np.sqrt(3) - 1e-6 <= cost <= at / np.sqrt(3) / cos(pi / 16) ** 2 + 1e-6


def test_parameters_in_the_entries_and_on_the_side():
    """A follower stays within ``t + reach`` of the leader's place; the value is -2.5."""
    m = kg.Bilevel("near")
    place, reach = m.var("place", lb=3, ub=5), m.var("reach", lb=0, ub=2)
    f = m.follower("f")
    y, t = f.var("y", 2, lb=-10, ub=10), f.var("t", lb=0, ub=4)
    f.add(kg.norm(kg.stack([y[0] - place, y[1]])) <= t + reach, name="cone")
    f.minimize(3 * y[0] + t)
    m.minimize(y[0] + 2 * reach - 0.5 * place)
    assert -2.6 < bound_of(kg.inner_copy(m, 16)) <= -2.5 + 1e-5


def test_followers_with_squares_and_linear_ones_stand_beside():
    """Cranes pull load / sqrt(2), discs answer -sqrt(x), and the price of what is needed is 4 where both need it."""
    m, load, force, _ = crane()
    x = m.var("x", lb=0.5, ub=2)
    disc = m.follower("disc")
    z = disc.var("z", 2, lb=-2, ub=2)
    disc.add(z @ z <= x, name="disc")
    disc.minimize(z[0])
    market = m.follower("market")
    g = market.var("g", 2, lb=0, ub=[1, 3])
    need = market.add(g.sum() >= x, name="need")
    market.minimize(g[0] + 4 * g[1])
    m.maximize(2 * load - force * force - z[0] - x - 0.05 * need.dual)
    grid = np.linspace(0.5, 2, 3001)
    best = 2 + (np.sqrt(grid) - grid - 0.05 * np.where(grid <= 1, 1.0, 4.0)).max()
    copy = kg.inner_copy(m, 16)
    assert best - 1e-5 <= bound_of(copy) <= best + 0.1
    assert {row.name for row in copy.quads} == {"crane_cone", "disc_disc"}


def test_nothing_that_stands_behind_a_cone_is_carried_over(tmp_path):
    m = conic04()[0]
    before = kg.dumps(m, "bilevel.json")
    copy = kg.inner_copy(m, 8)
    assert kg.dumps(m, "bilevel.json") == before
    assert {*copy.space.role.tolist()} <= {"leader", "follower", "lam", "mu"}
    assert not any("normal" in block.word for block in copy.space.blocks)
    assert not copy.followers[0].system().curved
    assert {row.name for row in copy.rows} >= {"f_cone_sides"}
    kg.write(copy, tmp_path / "copy.bilevel.json")
    assert kg.dumps(kg.read(tmp_path / "copy.bilevel.json"), "bilevel.json") == kg.dumps(copy, "bilevel.json")


def test_names_that_are_taken_get_others():
    m = kg.Bilevel("names")
    x = m.var("x", lb=0.5, ub=2)
    f = m.follower("f")
    y, t = f.var("y", 4, lb=-2, ub=2), f.var("t", lb=0, ub=3)
    length = f.var("cone_length", lb=0, ub=1)
    f.add(kg.norm(y) <= t, name="cone")
    f.add(y[0] >= length, name="cone_sides")
    f.minimize(t - x * y[1])
    m.minimize(x)
    m.add(x <= 1, name="f_cone")
    copy = kg.inner_copy(m, 4)
    assert copy.variable("f.cone_length").shape == () and copy.variable("f.cone_length_").shape == (2,)
    assert {row.name for row in copy.quads} >= {"f_cone_"}
    assert {row.name for row in copy.rows} >= {"f_cone", "f_cone_sides", "f_cone_sides_"}


def refused(word):
    m, load, force, cone = crane()
    f = m.followers[0]
    if word == "price":
        m.add(cone.dual >= -3, name="cap")
    elif word == "goal":
        m.maximize(load * cone.dual)
    elif word == "normal":
        label = next(m.space.label(k) for k in range(len(m.space)) if "normal" in m.space.label(k))
        m.add(m.variable(label) <= 0.5, name="cap")
    elif word == "product":
        f.add(m.var("b", kind="B") * force <= 9)
    elif word == "when":
        f.add(force >= 1, when=m.var("b", kind="B"))
    elif word == "smooth":
        g = m.follower("g", products=True)
        z, s = g.var("z", 2, lb=0, ub=1), g.var("s", lb=0, ub=3)
        g.add(kg.norm(z) <= s)
        g.add(load * z[0] <= 1)
        g.minimize(s - z[0])
    elif word == "nash":
        g = m.follower("g")
        z = g.var("z", lb=0, ub=1)
        g.minimize(z * force + z * z)
    else:
        f.var("n", kind="B")
    return m


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("price", r"row 'cap' holds the multiplier mu\(crane,cone\) of a follower with norms below a side of its own"),
        ("goal", r"the objective holds the multiplier mu\(crane,cone\)"),
        ("normal", "row 'cap' holds .*normal.*, which stands behind a row of a follower"),
        ("product", "'crane' has norms below a side of its own and rows with products with integer variables"),
        ("when", "'crane' has norms below a side of its own and rows with conditions"),
        ("smooth", r"'g' has products with continuous variables of the leader in its rows \(products=True\)"),
        ("nash", r"'g' sees force\(crane\) of another follower: a Nash game"),
        ("integer", "integer variables"),
    ],
)
def test_what_a_copy_would_not_be_right_of_is_refused_by_name(word, words):
    with pytest.raises(kg.UnsupportedError, match=words):
        kg.inner_copy(refused(word))


def test_it_stands_beside_the_other_runs():
    found = kg.agree(crane()[0], ["bigm"], ["scip"], time_limit=30, start=False)
    run = found.runs[-1]
    assert run.encoding == "inner copy, 16 chords" and run.solution is None
    assert run.verdict == "agrees: a bound alone, which meets the best verified value" and found.agreed
