"""Inner copies: bounds on problems with convex quadratic rows of followers, against known values and cone programs."""

from __future__ import annotations

import curved_followers
import numpy as np
import pytest
from inner_answers import bound_of, inner_answer

import kktgen as kg

R, X = 0.08, 0.06


def feeder(least, unit=1.0):
    """Two buses: the leader sells power at a price, the network operator imports at 30 over a line with losses."""
    m = kg.Bilevel("feeder")
    p = m.var("p", lb=0, ub=60 / unit)
    f = m.follower("operator")
    P, Q = f.var("P", lb=0, ub=2 * unit), f.var("Q", lb=0, ub=unit)
    l, g = f.var("l", lb=0, ub=5), f.var("g", lb=0, ub=unit)
    f.add(P + g - R * unit * l == 1.2 * unit, Q - X * unit * l == 0.4 * unit, name="balance")
    f.add(1 - 2 * R / unit * P - 2 * X / unit * Q + (R * R + X * X) * l >= least, name="voltage")
    current = f.add(unit**2 * l >= P @ P + Q @ Q, name="current")
    f.minimize(30 / unit * P + p @ g)
    m.maximize(p @ g - 10 / unit * g)
    return m, current


def converter():
    """The leader sells one kind of power of two, and pays the square of the size it chooses."""
    m = kg.Bilevel("converter")
    size = m.var("size", lb=1, ub=5)
    f = m.follower("converter")
    power = f.var("power", 2, lb=0, ub=10)
    limit = f.add(kg.norm(power) <= size, name="limit")
    f.maximize(3 * power[0] + 4 * power[1])
    m.maximize(3 * power[0] - size * size)
    return m, size, power, limit


def disc(least=0.1, ub=1.0):
    """The follower answers in a disc whose squared radius the leader wants small."""
    m = kg.Bilevel("disc")
    x = m.var("x", lb=least, ub=ub)
    f = m.follower("f")
    y = f.var("y", 2, lb=-1, ub=1)
    f.add(y @ y <= x, name="disc")
    f.minimize(y[0] + 2 * y[1])
    m.minimize(x)
    return m, x, y


def by_duals(copy):
    """Return the bound of a copy without pairs, where its cost is the value of a dual problem."""
    return kg.solve(kg.relax(kg.bound(kg.eliminate(kg.kkt(copy)))), time_limit=30).bound


@pytest.mark.parametrize(
    ("least", "value", "most"),
    [(0.80, 21.1398, {8: 21.607, 32: 21.244, 128: 21.172}), (0.85, 30.0338, {8: 30.200, 32: 30.042, 128: 30.0344})],
)
def test_the_bound_of_the_feeder_comes_down_to_its_value(least, value, most):
    m, _ = feeder(least)
    bounds = [by_duals(kg.inner_copy(m, pieces)) for pieces in most]
    assert all(value - 1e-4 <= one <= two for one, two in zip(bounds, most.values(), strict=True))
    assert bounds == sorted(bounds, reverse=True)


def test_pairs_and_dual_values_say_the_same_of_the_feeder():
    copy = kg.inner_copy(feeder(0.80)[0], 8)
    result = kg.optimize(copy, time_limit=60)
    assert result.report.claim == "optimal" and result.report.attained
    assert result.solution.bound == pytest.approx(by_duals(copy), abs=1e-4) and result.solution.bound > 21.1398


def test_squares_in_the_cost_and_several_lines():
    """Four buses, of which two sell: 42.114957 by cone programs on a grid of prices."""
    r, x = np.array([0.08, 0.05, 0.10]), np.array([0.06, 0.05, 0.04])
    m = kg.Bilevel("buses")
    p = m.var("p", lb=0, ub=60)
    f = m.follower("operator")
    P, Q, l = f.var("P", 3, lb=0, ub=2), f.var("Q", 3, lb=0, ub=1), f.var("l", 3, lb=0, ub=5)
    g, station = f.var("g", 3, lb=0, ub=[1.0, 0.6, 0.0]), f.var("station", lb=0, ub=2.2)
    f.add(P + g - r * l == [1.2, 0.9, 0.7], Q - x * l == [0.4, 0.3, 0.2], name="balance")
    f.add(1 - 2 * r * P - 2 * x * Q + (r * r + x * x) * l >= 0.83, name="voltage")
    f.add(P.sum() <= station, l >= P * P + Q * Q)
    f.minimize(30 * P.sum() + p @ g.sum() + 2 * station @ station)
    m.maximize(p @ g.sum() - 10 * g.sum())
    bounds = [by_duals(kg.inner_copy(m, pieces)) for pieces in (8, 32)]
    assert 42.1149 < bounds[1] < 42.29 < bounds[0] < 42.82


def test_units_change_nothing():
    assert by_duals(kg.inner_copy(feeder(0.85, 1e6)[0], 32)) == pytest.approx(30.0344, abs=1e-3)


def test_a_norm_below_the_leaders_size():
    m, *_ = converter()
    bounds = [bound_of(kg.inner_copy(m, pieces)) for pieces in (4, 16)]
    assert bounds[0] > bounds[1] > 0.8 and bounds[1] < 1.2


def test_an_aligned_leader_loses_nothing():
    m, size, power, _ = converter()
    m.maximize(3 * power[0] + 4 * power[1] - size * size)
    assert bound_of(kg.inner_copy(m, 16)) == pytest.approx(6.25, abs=1e-4)


def with_three_chords():
    """The copy of :func:`disc` with three chords a square, by hand: they leave no point where x is below 2/9."""
    m = kg.Bilevel("three")
    x = m.var("x", lb=0.1, ub=1)
    y = m.var("y", 2, lb=-1, ub=1)
    f = m.follower("f")
    w, q = f.var("w", 2, lb=-1, ub=1), f.var("q", 2, lb=0, ub=1)
    ends = np.linspace(-1, 1, 4)
    for a, b in zip(ends, ends[1:], strict=False):
        f.add(q >= 0.5 * (a + b) * w - 0.5 * a * b)
    f.add(2 * q.sum() <= x)
    f.minimize(w[0] + 2 * w[1])
    m.add(y @ y <= x, y[0] + 2 * y[1] <= w[0] + 2 * w[1])
    m.minimize(x)
    return m


def test_chords_that_would_leave_no_point_are_raised():
    """The least x is 0.1; three chords would call it 2/9, and that no bound."""
    assert kg.optimize(with_three_chords(), time_limit=30).solution.bound == pytest.approx(2 / 9, abs=1e-4)
    m, *_ = disc()
    copy = kg.inner_copy(m, 3)
    assert copy.about["parameters"]["pieces"] > 3
    assert bound_of(copy) == pytest.approx(0.1, abs=1e-5)
    assert kg.inner_copy(m, 64).about["parameters"]["pieces"] == 64


@pytest.mark.parametrize("least", [0.0, 1e-12])
def test_without_a_point_strictly_inside_there_is_no_copy(least):
    with pytest.raises(kg.BoundError, match=r"'f': no point strictly inside the rows 'disc' .*\(Slater\)"):
        kg.inner_copy(disc(least)[0])


def test_more_chords_than_there_may_be_are_refused():
    with pytest.raises(kg.BoundError, match="row 'disc': the point strictly inside .* more than 512 chords"):
        kg.inner_copy(disc(6e-6)[0])


def test_boxes_may_follow_from_the_curved_row_itself():
    m = kg.Bilevel("free")
    x = m.var("x", lb=0.5, ub=2)
    f = m.follower("f")
    y = f.var("y", 2)
    f.add(y @ y + y[0] * y[1] <= x, name="ellipse")
    f.minimize(y[0] + y[1])
    m.minimize(x - 2 * y[0])
    copy = kg.inner_copy(m, 16)
    assert {"chord", "within"} <= {rows.word for rows in copy.followers[0].rows()}
    value = 0.5 + 2 * np.sqrt(0.5 / 3)  # y = -(1, 1) sqrt(x / 3), x = 0.5
    assert value - 0.5 < bound_of(copy) <= value + 1e-5


@pytest.mark.parametrize(
    ("lb", "more", "words"),
    [
        (0.5, lambda x, y: y[0] ** 2 - y[1] <= x, r"row 'curve': no finite box of y\(f,0\).*give bounds to y\(f,0\)"),
        (-np.inf, lambda x, y: y @ y <= x * x, r"no finite box of .*, so no point strictly inside can be sought"),
    ],
)
def test_what_has_no_box_is_named(lb, more, words):
    m = kg.Bilevel("open")
    x = m.var("x", lb=lb, ub=2)
    f = m.follower("f")
    y = f.var("y", 2) if np.isfinite(lb) else f.var("y", 2, lb=-1, ub=1)
    f.add(more(x, y), name="curve")
    f.minimize(y[0] + y[1])
    m.minimize(x)
    with pytest.raises(kg.BoundError, match=words):
        kg.inner_copy(m)


def priced(where):
    m, _, power, limit = converter()
    if where == "row":
        m.add(limit.dual >= -3, name="cap")
    elif where == "product":
        m.add(limit.dual @ power[0] >= -3, name="cap")
    elif where == "bound":
        m.maximize(power.upper_dual[0])
    else:
        m.maximize(limit.dual)
    return m


def nash():
    m, *_ = disc()
    g = m.follower("g")
    z = g.var("z", lb=0, ub=1)
    g.minimize(z * m.variable("f.y")[0] + z * z)
    return m


def beside(word):
    m, x, y = disc()
    f, b = m.followers[0], m.var("b", kind="B")
    if word == "when":
        f.add(y[0] >= 0, when=b)
    elif word == "product":
        f.add(b * y[0] <= 1)
    elif word == "integer":
        f.var("n", lb=0, ub=3, kind="I")
    elif word == "smooth":
        g = m.follower("g", products=True)
        z = g.var("z", lb=0, ub=1)
        g.add(x * z <= 1)
        g.minimize(-z)
    elif word == "condition":
        m.complements(x - 1, x)
    else:
        m.add(y[0] <= 1, name="all", every_response=True)
    return m


@pytest.mark.parametrize(
    ("made", "error", "words"),
    [
        (lambda: priced("row"), kg.UnsupportedError, r"row 'cap' holds the multiplier mu\(converter,limit\)"),
        (lambda: priced("product"), kg.UnsupportedError, r"row 'cap' holds the multiplier mu\(converter,limit\)"),
        (
            lambda: priced("bound"),
            kg.UnsupportedError,
            r"multiplier mu_ub\(converter,power,0\)",
        ),
        (lambda: priced("goal"), kg.UnsupportedError, r"the objective holds the multiplier mu\(converter,limit\)"),
        (nash, kg.UnsupportedError, r"'g' sees y\(f,0\) of another follower: a Nash game"),
        (lambda: beside("when"), kg.UnsupportedError, r"'f' has convex quadratic rows and rows with conditions"),
        (lambda: beside("product"), kg.UnsupportedError, "rows with products with integer variables of the leader"),
        (lambda: beside("smooth"), kg.UnsupportedError, r"'g' has products .*\(products=True\)"),
        (lambda: beside("condition"), kg.UnsupportedError, "has the conditions 'comp1'"),
        (lambda: beside("integer"), kg.UnsupportedError, "integer variables"),
        (lambda: beside("every"), kg.ProblemError, "row 'all' .* every response"),
        (lambda: kg.Bilevel("none"), kg.ProblemError, "no follower of 'none' has convex quadratic rows"),
        (lambda: 5, kg.ProblemError, "inner_copy"),
    ],
)
def test_what_a_copy_would_not_be_right_of_is_refused_by_name(made, error, words):
    with pytest.raises(error, match=words):
        kg.inner_copy(made())


@pytest.mark.parametrize("pieces", [0, -1, 1025, 2.5, "8", True, None])
def test_pieces_are_a_whole_number(pieces):
    with pytest.raises(kg.ProblemError, match="pieces= is a whole number from 1 to 512"):
        kg.inner_copy(disc()[0], pieces)


def test_several_followers_get_copies_and_linear_ones_keep_their_prices():
    m = kg.Bilevel("several")
    x = m.var("x", 2, lb=0.5, ub=2)
    y, values = [], []
    for k in range(2):
        f = m.follower(f"disc{k}")
        y.append(f.var("y", 2, lb=-2, ub=2))
        f.add(y[k] @ y[k] <= x[k], name="disc")
        f.minimize(y[k][0] + (k + 1) * y[k][1])
    market = m.follower("market")
    g = market.var("g", 2, lb=0, ub=[1, 3])
    need = market.add(g.sum() >= x[0] + x[1], name="need")
    market.minimize(g[0] + 4 * g[1])
    m.add(need.dual <= 4, name="cap")
    m.minimize(x.sum() + y[0][0] + 2 * y[1][1] + need.dual)
    for first in np.linspace(0.5, 2, 61):
        for second in np.linspace(0.5, 2, 61):
            price = 1.0 if first + second <= 1 else 4.0
            a, b = -np.sqrt(first / 2), -2 * np.sqrt(second / 5)
            values.append(first + second + a + 2 * b + price)
    copy = kg.inner_copy(m, 16)
    assert [f.name for f in copy.followers] == ["disc0", "disc1", "market"]
    assert min(values) - 0.5 < bound_of(copy) <= min(values) + 1e-4


def test_leaders_rows_sets_and_indicators_stay_on_the_point():
    """The least x[0] with y[0] <= -0.5 is 1/4 at a size of 1; sets and indicators hold what they held."""
    m = kg.Bilevel("rows")
    x, b = m.var("x", 2, lb=0.1, ub=4, unit="MW"), m.var("b", kind="B")
    f = m.follower("f")
    y = f.var("y", 2, lb=-2, ub=2)
    f.add(y @ y <= x[0], name="disc")
    f.minimize(y[0])
    m.add(y[0] <= -0.5, name="far")
    m.add(y @ y + x[1] ** 2 <= 3, name="ball")
    m.indicator(b, 1, y[0] <= -1)
    m.sos1([y[1], b])
    m.minimize(x.sum() - b, unit="EUR")
    copy = kg.inner_copy(m, 32)
    there = copy.variable("f_y").cols.ravel()
    assert [set(row.M.indices) & {*there.tolist()} for row in copy.rows if row.name == "far"] == [{there[0]}]
    assert copy.sets[0][1].tolist() == [there[1], *copy.variable("b").cols.ravel()]
    assert copy.conditions[0][3].M.indices.tolist() == [there[0]]
    assert copy.unit == "EUR" and copy.space.blocks[0].unit == "MW"
    found = bound_of(copy)
    assert found <= kg.optimize(m, time_limit=30).solution.objective + 1e-5
    assert found == pytest.approx(0.1, abs=0.2)  # x = (1, 0.1), b = 1


def test_a_copy_is_written_and_read_and_the_problem_stays_as_it_was(tmp_path):
    m, *_ = converter()
    before = kg.dumps(m, "bilevel.json")
    copy = kg.inner_copy(m, 8)
    assert kg.dumps(m, "bilevel.json") == before
    kg.write(copy, tmp_path / "copy.bilevel.json")
    again = kg.read(tmp_path / "copy.bilevel.json")
    assert kg.dumps(again, "bilevel.json") == kg.dumps(copy, "bilevel.json")
    assert again.about["parameters"] == {"pieces": 8} and "bounds 'converter'" in again.about["source"]
    assert repr(copy) == "Bilevel('converter_inner_copy', 39 columns, 1 followers)"


def test_the_answer_to_a_copy_is_none_to_the_problem():
    m, *_ = disc()
    result = kg.optimize(kg.inner_copy(m, 16), time_limit=30)
    assert result.report.claim == "optimal" and str(result.report).startswith("disc_inner_copy: optimal")
    report = kg.verify(m, result.solution)
    assert report.claim == "unverified" and "another problem" in report.reasons[0]


@pytest.mark.parametrize("seed", [0, 2, 3, 4, 6, 11, 13])
def test_chords_lie_inside_and_leave_a_point_at_every_decision(seed):
    one = curved_followers.case(seed)
    copy = kg.inner_copy(curved_followers.problem(one), 1)
    G, H, h = one.rows
    for x in curved_followers.grid(one, 25):
        y, w = curved_followers.response(one, x), inner_answer(copy, x)
        if y is None:
            continue
        assert w is not None
        w = w[: len(y)]
        assert all(0.5 * w @ S @ w + a @ w + K @ x <= k + 1e-6 for S, a, K, k in one.curved)
        assert (G @ w + H @ x <= h + 1e-6).all()
        assert curved_followers.cost(one, x, w) >= curved_followers.cost(one, x, y) - 1e-6


@pytest.mark.parametrize("seed", [0, 3, 4, 12, 15])
def test_random_bounds_are_never_above_a_grid(seed):
    one = curved_followers.case(seed)
    best = curved_followers.best(one, 400)
    found = bound_of(kg.inner_copy(curved_followers.problem(one), 8), 10)
    assert best - 0.2 <= found <= best + 1e-5


def test_arrays_of_rows_on_either_side_are_copied_row_by_row():
    """Three discs in one array, and one row the other way: the sum of three separate answers."""
    m = kg.Bilevel("array")
    x = m.var("x", lb=0.5, ub=2)
    f = m.follower("f")
    y, z = f.var("y", 3, lb=-3, ub=3), f.var("z", lb=-3, ub=3)
    f.add(y * y <= np.array([1.0, 2.0, 3.0]) * x, name="discs")
    f.add(x - z * z >= 0, name="other")
    f.minimize(y.sum() + 2 * z)
    m.minimize(3 * x + y.sum() + z)
    copy = kg.inner_copy(m, 64)
    grid = np.linspace(0.5, 2, 3001)
    best = (3 * grid - np.sqrt(np.outer(grid, [1, 2, 3])).sum(axis=1) - np.sqrt(grid)).min()
    assert best - 0.1 < bound_of(copy) <= best + 1e-5
    assert {"f_discs_0", "f_discs_1", "f_discs_2", "f_other"} <= {row.name for row in copy.quads}


def test_rows_of_the_leader_may_leave_the_follower_its_room():
    m, x, y = disc(0.0)
    m.add(2 * x >= 0.2, name="least")
    assert bound_of(kg.inner_copy(m, 4)) == pytest.approx(0.1, abs=1e-5)


def test_names_that_are_taken_get_others():
    m, x, y = disc()
    m.var("f_y", lb=0, ub=1)
    m.add(x <= 1, name="f_disc")
    f = m.followers[0]
    above = f.var("above", lb=0, ub=1)
    f.add(above >= 0.5 * y[0], name="chord")
    copy = kg.inner_copy(m, 4)
    assert copy.variable("f_y").shape == () and copy.variable("f_y_").shape == (2,)
    assert [row.name for row in copy.quads] == ["f_disc_"]
    words = [rows.word for rows in copy.followers[0].rows()]
    assert {"chord", "chord_"} <= set(words) and copy.variable("f.above_").shape == (2,)


def test_labels_and_units_stay():
    m = kg.Bilevel("labels")
    x = m.var("x", lb=0.5, ub=2)
    f = m.follower("f")
    y = f.var("y", lb=-2, ub=2, coords={"axis": ["east", "north"]}, unit="MW")
    f.add(y @ y <= x, name="disc")
    f.add(y <= 1.5, name="most")
    f.minimize(y.sum())
    m.minimize(x)
    copy = kg.inner_copy(m, 4)
    there = copy.variable("f_y").cols.ravel()
    assert [copy.space.label(int(c)) for c in there] == ["f_y(east)", "f_y(north)"]
    assert "unit" in kg.dumps(copy, "bilevel.json") and "east" in kg.dumps(copy, "bilevel.json")
