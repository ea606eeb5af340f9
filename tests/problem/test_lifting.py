"""Products of the leader's integers with a follower's expressions: columns, rows, boxes, names, files, refusals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import kktgen as kg


def grid(form="product"):
    """Two candidate lines between three buses; the angles have bounds, the flows too."""
    m = kg.Bilevel("grid")
    x = m.var("x", 2, kind="B")
    f = m.follower("market")
    g = f.var("g", 3, lb=0, ub=[9, 6, 5])
    angle, flow = f.var("angle", 3, lb=-1, ub=1), f.var("flow", 2, lb=-4, ub=4)
    drop = np.array([3.0, 2.0]) * (angle[:2] - angle[1:])
    line = f.add(flow == x * drop, name="line") if form == "product" else f.add(flow == drop, when=x, name="line")
    f.add(g[0] - flow[0] == 1, g[1] + flow[0] - flow[1] == 2, g[2] + flow[1] == 5, name="balance")
    f.minimize(np.array([1.0, 3.0, 9.0]) @ g)
    m.minimize(np.array([2.0, 3.0, 9.0]) @ g + np.array([4.0, 8.0]) @ x)
    return m, x, f, angle, flow, line


def boxes(f):
    """Return the boxes of the product columns, read off the rows behind them."""
    rows = {d.word: d for d in f.rows()}
    up, low = rows["line_off_up"], rows["line_off_lo"]
    z = f.products.lifted[0].binary
    return -low.M.toarray()[np.arange(len(z)), z], -up.M.toarray()[np.arange(len(z)), z]


def test_one_column_and_four_rows_a_row_and_binary():
    m, x, f, angle, flow, line = grid()
    model = kg.kkt(m)
    assert len(f.products.lifted) == 1 and len(f.products.lifted[0].columns) == 2
    assert sum(len(d.lo) for d in f.rows() if d.word.startswith("line_")) == 8
    assert "lifted: 2 products of x(0), x(1) with expressions of market (2 columns, 8 rows), exact" in model.notes
    assert m.space.label(int(f.products.lifted[0].columns[1])) == "line_product(market,1)"


def test_rows_behind_a_product_make_it_the_product():
    m, x, f, *_ = grid()
    lifted = f.products.lifted[0]
    rng = np.random.default_rng(0)
    for plan in itertools.product((0.0, 1.0), repeat=2):
        z = rng.uniform(-1, 1, len(m.space))
        z[lifted.binary] = plan
        value = (lifted.E @ z[: lifted.E.shape[1]]) * plan
        for off in (0.0, 1e-3, -1e-3):
            z[lifted.columns] = value + off
            behind = [(d, d.M @ z[: d.M.shape[1]]) for d in f.rows() if "line_" in d.word]
            residual = max(np.maximum(d.lo - at, at - d.hi).max() for d, at in behind)
            assert residual <= 1e-12 if off == 0.0 else residual > 1e-4


def test_boxes_hold_with_room_for_every_point_of_the_followers_rows():
    """Each difference of angles reaches 2, so the expressions reach 6 and 4; angles alone bound them."""
    m, x, f, *_ = grid()
    low, high = boxes(f)
    assert (high > [6.0, 4.0]).all() and (low < [-6.0, -4.0]).all()
    assert (high < [9.0, 6.0]).all() and (low > [-9.0, -6.0]).all()


def test_linear_programs_bound_what_intervals_do_not():
    """``a - b`` is free by the columns' bounds, and within 1 by rows of three columns."""
    m = kg.Bilevel("lp")
    x = m.var("x", kind="B")
    f = m.follower("f")
    a, b, c = f.var("a"), f.var("b"), f.var("c", lb=0, ub=2)
    f.add(kg.between(-1, a - b + c, 1), kg.between(0, a + b, 9), name="row")
    f.add(x * (a - b) <= 0.5, name="switch")
    f.minimize(c - a)
    m.minimize(x - a)
    rows = {d.word: d for d in f.rows()}
    low = -rows["switch_off_lo"].M.toarray()[0, x.cols]
    high = -rows["switch_off_up"].M.toarray()[0, x.cols]
    assert -5.0 < low < -3.0 and 1.0 < high < 2.0  # [-3, 1], wider by an eighth


def test_a_box_that_no_row_gives_is_asked_for_by_name():
    m = kg.Bilevel("open")
    x = m.var("x", kind="B")
    f = m.follower("f")
    y, t = f.var("y", lb=0), f.var("t", lb=0, ub=1)
    f.add(x * (y - t) <= 4, name="row")
    f.minimize(y - t)
    with pytest.raises(kg.BoundError, match=r"row 'row': what x switches .* because of y\(f\).*lb=.., ub=.."):
        kg.kkt(m)
    f.add(y <= 9)
    assert kg.optimize(m, time_limit=20).report.claim == "optimal"


def test_rows_declared_later_make_the_box_smaller():
    m, x, f, angle, *_ = grid()
    before = boxes(f)[1]
    f.add(kg.between(-0.1, angle[:2] - angle[1:], 0.1))
    after = boxes(f)[1]
    assert (after < before / 5).all()


def test_the_same_product_in_two_rows_is_one_column():
    m = kg.Bilevel("same")
    x = m.var("x", kind="B")
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=4)
    e = 3 * y[0] - 2 * y[1]
    f.add(kg.stack([x * e + y[0], -(x * e) + y[1]]) <= 5, name="both")
    f.add(2 * y[0] - x * e <= 9, name="again")
    f.add(x * (3 * y[0] - 4 * y[1]) <= 9, name="other")
    assert [len(part.columns) for part in f.products.lifted] == [1, 1]


def test_integers_are_written_in_bits():
    m = kg.Bilevel("bits")
    k = m.var("k", 3, lb=[-2, 0, 1], ub=[3, 1, 8], kind="I")
    f = m.follower("f")
    y = f.var("y", 3, lb=0, ub=1)
    f.add(k * y <= 2, name="row")
    f.add(k[0] * (y[0] - y[1]) <= 1)
    f.minimize(-y.sum())
    m.maximize(k.sum() + y.sum())
    bits = m.space.find("bits1")
    assert len(bits) == 3 + 3  # six values, two values (which needs none), eight values
    assert [row.name for row in m.rows] == ["bits1"]
    lifted = f.products.lifted[0]
    assert len(lifted.columns) == 3 + 1 + 3 and set(lifted.binary) == {*bits, int(k.cols[1])}


@pytest.mark.parametrize("ub", [np.inf, 2.0**21])
def test_integers_without_bounds_or_with_too_many_values_are_refused(ub):
    m = kg.Bilevel("bits")
    k = m.var("k", lb=0, ub=ub, kind="I")
    f = m.follower("f")
    y = f.var("y", lb=0, ub=1)
    with pytest.raises(kg.BoundError, match="the integer k .* written in bits"):
        f.add(k * y <= 2)


def test_products_of_something_else_are_refused():
    m = kg.Bilevel("refused")
    x, c = m.var("x", kind="B"), m.var("c", lb=0, ub=1)
    f, other = m.follower("f"), m.follower("other")
    y, w = f.var("y", 2, lb=0, ub=1), other.var("w", lb=0, ub=1)
    price = f.add(y.sum() <= 1, name="sum").dual
    for row, words in (
        (y[0] * y[1] <= 1, r"nonconvex: .* y\(f,0\), y\(f,1\)"), (x * w <= 1, r"x \* w\(other\)"),
        (x * price <= 1, "the product"), (w * y[0] <= 1, "the product"),
        (c * y[0] <= 1, r"the leader's continuous c; .* kind='B' or kind='I'"),
    ):  # fmt: skip
        before = len(m.space)
        with pytest.raises(kg.ProblemError, match=words):
            f.add(row)
        assert len(m.space) == before


def test_conditions_are_binaries_of_the_leader():
    m = kg.Bilevel("when")
    x, k, c = m.var("x", 2, kind="B"), m.var("k", lb=0, ub=3, kind="I"), m.var("c", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 3, lb=0, ub=1)
    for bad in (k, c, 2 * x[0], x[0] + x[1], 1, y[0], x, 1 - c):
        with pytest.raises(kg.ProblemError, match="when= takes a binary variable x of the leader"):
            f.add(y <= 0.5, when=bad)
    for good in (x[0], ~x[0], 1 - x[1], ~~x[0], ~(1 - x[1]), ~~~x[1]):
        f.add(y <= 0.5, when=good)
    f.add(y[:2] >= 0.5, when=x)
    assert [rows.shape for rows in (f.add(y[0] == 0.5, when=x[0]), f.add(y == 0.5, when=~x[0]))] == [(), (3,)]


def test_names_of_rows_behind_a_product_are_taken():
    m, x, f, angle, *_ = grid()
    with pytest.raises(kg.ProblemError, match="two rows are named 'line_off_up'"):
        f.add(angle[0] <= 1, name="line_off_up")


def test_columns_nobody_declared_give_their_names_up(tmp_path):
    m, x, f, angle, *_ = grid()
    k = m.var("k", lb=-1, ub=3, kind="I")
    f.add(k * angle[0] <= 2, name="scalar")
    product = m.space.find("line_product", f.name)
    bits = m.space.find("bits1")
    mine, own = f.var("line_product", 2, lb=0, ub=1), m.var("bits1", lb=0, ub=1)
    assert (m.space.find("line_product", f.name) == mine.cols.ravel()).all()
    assert (m.space.find("line_product_", f.name) == product).all()
    assert m.space.find("bits1") == own.cols.ravel() and (m.space.find("bits1_") == bits).all()
    f.var("line_product_", lb=0, ub=1)
    assert (m.space.find("line_product__", f.name) == product).all()
    for name, declared in (("line_product", f), ("bits1", m)):
        with pytest.raises(kg.ProblemError, match="declared twice"):
            declared.var(name)
    model = kg.kkt(m)
    names = [model.space.label(i) for i in range(model.n)]
    assert len(set(names)) == len(names)
    back = kg.kkt(kg.read(kg.write(m, tmp_path / "m.bilevel.json")))
    assert sorted(back.space.label(i) for i in range(back.n)) == sorted(names)


def test_not_not_is_itself_and_a_sum_is_no_switch():
    m = kg.Bilevel("not")
    x = m.var("x", 2, kind="B")
    for same in (~~x, ~(1 - x)):
        assert (same.M != x.M).nnz == 0 and not same.c.any()
    for bad in (x.sum(), 2 * x, x + 1, 2 - x):
        with pytest.raises(kg.ProblemError, match="for binary variables alone"):
            _ = ~bad


def test_a_leaders_row_takes_no_condition():
    m = kg.Bilevel("leader")
    x, y = m.var("x", kind="B"), m.var("y", lb=0, ub=1)
    with pytest.raises(kg.ProblemError, match=r"row 'cap' of the leader takes no when=.*m.indicator\(x, 1, rows\)"):
        m.add(y <= 0.5, when=x, name="cap")
    assert not m.rows


@pytest.mark.parametrize("form", ["product", "when"])
def test_bundles_hold_them_as_declared(form, tmp_path):
    m, x, f, angle, flow, line = grid(form)
    k = m.var("k", lb=-1, ub=3, kind="I")
    f.add(k * angle[0] + x[0] * x[1] <= 2, name="scalar")
    f.add(kg.stack([k * angle[1], angle[2]]) >= -2, when=~x[1], name="both")
    text = kg.dumps(m, "bilevel.json")
    assert '"version":2' in text
    back = kg.read(kg.write(m, tmp_path / "grid.bilevel.json"))
    assert kg.dumps(back, "bilevel.json") == text
    one, two = kg.kkt(m), kg.kkt(back)
    for a, b in ((one.rows.M, two.rows.M), (one.kkt.S, two.kkt.S), (one.pairs.M, two.pairs.M)):
        assert (a != b).nnz == 0
    assert [one.space.label(i) for i in range(one.n)] == [two.space.label(i) for i in range(two.n)]
    assert [note.split(" with ")[-1] for note in one.notes] == [note.split(" with ")[-1] for note in two.notes]


def test_version_one_keeps_its_bytes():
    m = kg.Bilevel("plain")
    x = m.var("x", kind="B")
    f = m.follower("f")
    y = f.var("y", lb=0, ub=1)
    f.add(y <= x)
    f.minimize(-y)
    m.minimize(x)
    assert '"version":1' in kg.dumps(m, "bilevel.json")


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (',"row":[0,0,1,7]', "row"), (',"row":[0,0,1]', "expected 4 entries"), ("", "the key 'row' is missing"),
        (',"row":[0,0,1,1],"more":1', "unknown"),
    ],
)  # fmt: skip
def test_bundles_that_are_wrong_are_refused_by_place(after, words, tmp_path):
    text, before = kg.dumps(grid()[0], "bilevel.json"), ',"row":[0,0,1,1]'
    assert text.count(before) == 1
    path = tmp_path / "m.bilevel.json"
    path.write_text(text.replace(before, after))
    with pytest.raises(kg.FormatError, match=words):
        kg.read(path)


def test_rows_that_are_refused_leave_no_columns():
    m = kg.Bilevel("left")
    x = m.var("x", kind="B")
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=1)
    own = f.add(y.sum() <= 1, name="own").dual
    before = len(m.space)
    for row in (x * y >= np.inf, x * y[0] + own <= 1):
        with pytest.raises(kg.ProblemError):
            f.add(row)
    with pytest.raises(kg.ProblemError, match="without a finite side"):
        f.add(kg.between(-np.inf, x * y, np.inf), when=x)
    assert len(m.space) == before
    f.var("c2_product")  # names of rows without products are not taken


ENCODINGS = {"sos1": kg.SOS1(), "auto": kg.Auto(), "indicator": kg.Indicator(), "strong duality": kg.StrongDuality(0.0)}


@pytest.mark.parametrize("form", ["product", "when"])
@pytest.mark.parametrize("name", ENCODINGS)
def test_encodings_agree(name, form):
    m, *_ = grid(form)
    model = kg.encode(kg.bound(kg.eliminate(kg.kkt(m))), ENCODINGS[name])
    assert kg.solve(model, time_limit=30).objective == pytest.approx(plain(form), rel=1e-5)


def plain(form):
    """Return the value by plans one after another."""
    best = np.inf
    for plan in itertools.product((0.0, 1.0), repeat=2):
        m, x, *_ = grid(form)
        m.space.lb[x.cols] = m.space.ub[x.cols] = plan
        best = min(best, kg.optimize(m, time_limit=20).solution.objective)
    return best


def test_pairs_behind_a_product_take_no_binary_of_their_own():
    m, *_ = grid()
    mpec = kg.bound(kg.kkt(m))
    behind = [mpec.pairs.label(i) for i in range(len(mpec.pairs)) if "line_" in mpec.pairs.label(i)]
    model = kg.encode(mpec, kg.SOS1())
    sets = [model.space.label(c) for c in model.sos1.columns]
    assert sum(label.startswith("x(") for label in sets) == sum("off" in label for label in behind)
    milp = kg.encode(mpec, kg.Indicator())
    assert not any("line_" in milp.space.label(c) for c in np.flatnonzero(milp.space.role == "binary"))


@pytest.mark.parametrize("held", [False, True])
def test_conditional_rows_may_hold_products_of_the_leaders_own(held):
    m = kg.Bilevel("both")
    x, c = m.var("x", 3, kind="B"), m.var("c", lb=0, ub=2)
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=5)
    f.add(y.sum() + x[0] * x[1] + c * x[1] + x[0] * y[0] <= 6, when=x[2] if held else ~x[2], name="cap")
    f.minimize(-y.sum())
    m.minimize(y.sum() + 9 * (x[2] if held else -x[2]) + x[:2].sum())
    result = kg.optimize(m, time_limit=30)
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(10.0 if held else 1.0, abs=1e-5)


def test_one_sided_conditions_need_one_end_of_a_box():
    m = kg.Bilevel("one")
    x = m.var("x", kind="B")
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.add(y >= 1, when=x)
    f.minimize(y)
    m.minimize(2 * x - 3 * y)
    result = kg.optimize(m, time_limit=20)
    assert result.solution.objective == pytest.approx(-1.0) and result.report.claim == "optimal"
    f.add(y <= 1, when=x)
    with pytest.raises(kg.BoundError, match=r"because of y\(f\)"):
        kg.kkt(m)


def test_names_of_bits_are_free_ones(tmp_path):
    m = kg.Bilevel("named")
    m.var("bits1")
    k = m.var("k", lb=0, ub=3, kind="I")
    f = m.follower("f")
    y = f.var("y", lb=0, ub=1)
    f.add(k * y <= 2)
    f.minimize(-y)
    m.minimize(-k)
    own = m.var("bits2")
    assert m.space.find("bits2") == own.cols.ravel() and len(m.space.find("bits2_")) == 2
    back = kg.read(kg.write(m, tmp_path / "m.bilevel.json"))
    assert kg.dumps(back, "bilevel.json") == kg.dumps(m, "bilevel.json")


def test_a_binary_may_be_declared_after_what_it_decides_about():
    m = kg.Bilevel("late")
    x = m.var("x", lb=0, ub=3)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=1)
    f.minimize(x @ y - 2 * y)
    late = m.var("late", kind="B")
    m.maximize(x @ y - late)
    f.add(y <= 0.5, when=late)
    result = kg.optimize(m, time_limit=20)
    assert result.solution.objective == pytest.approx(2.0, abs=1e-5) and result.report.claim == "optimal"


def test_product_columns_follow_from_the_other_entries_of_a_point():
    m, x, f, *_ = grid()
    lifted, kkt = f.products.lifted[0], kg.kkt(m).kkt
    for plan in itertools.product((0.0, 1.0), repeat=2):
        z = np.random.default_rng(0).uniform(-1, 1, len(m.space))
        z[lifted.binary] = plan
        found = kkt.with_products(z)[lifted.columns]
        np.testing.assert_allclose(found, plan * (lifted.E @ z[: lifted.E.shape[1]]), atol=1e-12)
