"""Points of the declared variables: by name, by variable, in order; values by the names of files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import kktgen as kg


def bard():
    """Bard's linear problem: (4, 4) is its optimum, -12."""
    m = kg.Bilevel("bard")
    x = m.var("x", lb=0)
    f = m.follower("lower")
    y = f.var("y", lb=0)
    m.minimize(x - 4 * y)
    f.minimize(y)
    f.add(-x - y <= -3, -2 * x + y <= 0, 2 * x + y <= 12, 3 * x - 2 * y <= 4)
    return m, x, y


def priced(seed):
    """A market whose price the leader is paid; hours, two plants."""
    r = np.random.default_rng(seed)
    m = kg.Bilevel("priced")
    offer = m.var("offer", 3, lb=0, ub=9)
    f = m.follower("market")
    g = f.var("g", (3, 2), lb=0, ub=[5, 40])
    balance = f.add(g.sum(axis=1) == r.uniform(6, 9, 3), name="balance")
    f.minimize(offer @ g[:, 0] + 20 * g[:, 1].sum() + 0.1 * g[:, 1] @ g[:, 1])
    m.maximize(balance.dual @ g[:, 0])
    return m, offer, g, balance


def test_the_numbers_a_paper_prints_are_enough():
    m, x, y = bard()
    points = ([4, 4], (4.0, 4.0), np.array([4, 4]), pd.Series([4, 4]), [[4], [4]], {x: 4, y: 4}, {"x": 4, "y": 4})
    points += ({"x": 4, "lower.y": 4}, {"x": 4, ("lower", "y"): 4}, {"x": 4, "y(lower)": np.array(4.0)})
    for point in points:
        report = kg.verify(m, point)
        assert report.claim == "bilevel-feasible" and report.value == -12
    assert kg.verify(m, {"x": 3, "y": 4}).claim == "unverified"
    assert kg.verify(m, [2, 3]).claim == "unverified"  # not the follower's choice


@pytest.mark.parametrize("seed", range(5))
def test_prices_that_somebody_uses_are_found(seed):
    m, offer, g, balance = priced(seed)
    solution = kg.optimize(m, time_limit=30).solution
    point = {"offer": solution[offer], "g": solution[g]}
    report = kg.verify(m, point)
    assert report.claim == "bilevel-feasible"
    assert report.value == pytest.approx(solution.objective, rel=1e-6)
    flat = [solution[offer], solution[g].tolist()]
    assert kg.verify(m, flat).value == pytest.approx(report.value)


def test_bits_and_products_follow_from_the_variables():
    m = kg.Bilevel("bits")
    k, x = m.var("k", lb=1, ub=6, kind="I"), m.var("x", kind="B")
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=9)
    f.add(k * y[0] + x * y[1] <= 12, y[0] + y[1] >= 3)
    f.minimize((y[0] - 4) ** 2 + (y[1] - 5) ** 2)
    m.minimize(y[0] + k - x)
    result = kg.optimize(m, time_limit=30)
    point = {name: result.solution[name] for name in ("k", "x", "y")}
    report = kg.verify(m, point)
    assert report.ok and report.value == pytest.approx(result.solution.objective, abs=1e-5)
    assert kg.verify(m, [point["k"], point["x"], *point["y"]]).ok


@pytest.mark.parametrize(
    ("point", "words"),
    [
        ({"x": 4}, "the point has no value for y"),
        ({"x": 4, "z": 1}, "no variable is called 'z'"),
        ({"x": 4, "lower.yy": 1}, r"no variable is called 'lower.yy' \(did you mean lower.y\?\)"),
        ({"x": [1, 2], "y": 1}, r"'x' takes a number, got \[1, 2\]"),
        ({"x": "four", "y": 1}, "'x' takes a number, got 'four'"),
        ([1, 2, 3], "the point has 3 entries; problem 'bard' has 2 variables .* and 7 columns with multipliers"),
        ({"x": 4, "lower.y": 4, "y": 3}, "two values are given for y"),
        ("xy", "a Solution, numbers, or values by name are needed, got str"),
        (None, "the point has 1 entries|are needed, got NoneType"),
    ],
)
def test_points_that_do_not_fit_are_refused(point, words):
    with pytest.raises(kg.ProblemError, match=words):
        kg.verify(bard()[0], point)


def test_values_by_name():
    m, x, y = bard()
    solution = kg.optimize(m, time_limit=30).solution
    assert solution["x"] == solution["y"] == solution["lower.y"] == solution["y(lower)"] == pytest.approx(4)
    with pytest.raises(kg.ProblemError, match="no variable is called 'w'"):
        solution["w"]
    m = kg.Bilevel("two")
    for name in ("a", "b"):
        f = m.follower(name)
        f.minimize((f.var("y", 2, lb=0, ub=3) - 1).sum())
    m.minimize(0)
    solution = kg.optimize(m).solution
    assert solution["b.y"].tolist() == [0, 0] and solution["y(b,1)"] == 0
    with pytest.raises(kg.ProblemError, match="several followers have a variable 'y': say which, a.y, b.y"):
        solution["y"]


MPS = """NAME p
ROWS
 N OBJ
 L cap
 G need
COLUMNS
 INVEST OBJ 1 cap 1
 INVEST need 1
 Y7 OBJ -2 cap 1
 Y7 need 2
RHS
 RHS cap 8 need 4
BOUNDS
 UP BND INVEST 6
ENDATA
"""


def pair(folder):
    """Write a pair of files and read it."""
    (folder / "p.mps").write_text(MPS)
    (folder / "p.aux").write_text("N 1\nM 2\nLC 1\nLR 0\nLR 1\nLO 1\nOS 1\n")
    return kg.read(folder / "p.aux")


def test_columns_and_rows_of_a_file_keep_their_names(tmp_path):
    m = pair(tmp_path)
    result = kg.optimize(m, time_limit=30)
    assert result.solution["Y7"] == pytest.approx(2) and result.solution["INVEST"] == pytest.approx(0)
    assert "Y7 2" in str(result)
    assert kg.verify(m, {"INVEST": 0, "Y7": 2}).ok
    names = [m.space.label(k) for k in range(len(m.space))]
    assert names[:3] == ["INVEST", "Y7", "mu_lb(lower,Y7)"] and "mu(lower,cap)" in [
        name.replace("_up", "") for name in names
    ]
    path = kg.write(kg.encode(kg.bound(kg.kkt(m))), tmp_path / "q.lp")
    text = path.read_text()
    assert "INVEST" in text and "Y7" in text and "need" in text
    kg.write_solution(result.solution, tmp_path / "q.sol")
    assert "Y7 2" in (tmp_path / "q.sol").read_text().replace("2.0", "2")


def test_names_of_a_file_travel(tmp_path):
    m = pair(tmp_path)
    back = kg.read(kg.write(m, tmp_path / "p.bilevel.json"))
    assert kg.optimize(back, time_limit=30).solution["Y7"] == pytest.approx(2)
    assert kg.dumps(back, "bilevel.json") == kg.dumps(m, "bilevel.json")
    again = kg.read(kg.write(m, tmp_path / "again.aux"))
    assert kg.optimize(again, time_limit=30).solution["Y7"] == pytest.approx(2)


def test_names_that_files_cannot_hold_are_made_legal_in_them(tmp_path):
    (tmp_path / "p.mps").write_text(MPS.replace("Y7", "Y@7").replace("need", "3need"))
    (tmp_path / "p.aux").write_text("N 1\nM 2\nLC 1\nLR 0\nLR 1\nLO 1\nOS 1\n")
    m = kg.read(tmp_path / "p.aux")
    solution = kg.optimize(m, time_limit=30).solution
    assert solution["Y@7"] == pytest.approx(2)
    model = kg.encode(kg.bound(kg.kkt(m)), kg.BigM())
    for suffix in ("lp", "mps", "cip"):
        path = kg.write(model, tmp_path / f"q.{suffix}")
        assert "v_3need" in path.read_text()


def test_a_start_counts_the_declared_variables():
    m = kg.Bilevel("start")
    k = m.var("k", lb=1, ub=6, kind="I")
    f = m.follower("f")
    y = f.var("y", lb=0, ub=9)
    f.add(k * y <= 12)
    f.minimize((y - 4) ** 2)
    m.minimize(y + k)
    result = kg.optimize(m, time_limit=30, start=[3])
    assert result.report.claim == "optimal"


def test_the_solution_file_of_a_problem_without_followers_is_read(tmp_path):
    m = kg.Bilevel("plan")
    x = m.var("x", 2, lb=0, ub=3)
    m.maximize(x @ [1, 2])
    kg.write_solution(kg.solve(m), tmp_path / "plan.sol")
    z = kg.read_solution(tmp_path / "plan.sol", m)
    assert z[x.cols].tolist() == [3, 3]
    with pytest.raises(kg.UnsupportedError, match="has followers, .*give the model that was solved"):
        kg.read_solution(tmp_path / "plan.sol", bard()[0])


def test_a_plain_file_is_a_problem_without_followers(tmp_path):
    text = "Maximize\n cost: 2 own - 2.5 rival + 4 - [ 2 own ^2 ] / 2\nSubject To\n balance: own + rival = 5\n"
    (tmp_path / "plan.lp").write_text(text + "Bounds\n own <= 4\nGeneral\n rival\nEnd\n")
    m = kg.read(tmp_path / "plan.lp")
    solution = kg.solve(m)
    own = max(range(5), key=lambda k: 2 * k - 2.5 * (5 - k) + 4 - k * k)
    assert solution["own"] == pytest.approx(own) and solution["rival"] == pytest.approx(5 - own)
    assert solution.objective == pytest.approx(2 * own - 2.5 * (5 - own) + 4 - own * own)
    assert m.rows[0].coords.texts == (["balance"],) and m.followers == ()
    with pytest.raises(kg.FormatError, match="bad.mps, line 3"):
        (tmp_path / "bad.mps").write_text("NAME x\nROWS\n Q what\n")
        kg.read(tmp_path / "bad.mps")


def bid():
    """A bid whose price the leader is paid, and a row with two sides."""
    m = kg.Bilevel("bid")
    p = m.var("p", lb=0, ub=60)
    f = m.follower("market")
    g = f.var("g", 2, lb=0, ub=[60, 80], coords={"plant": ["own", "rival"]})
    balance = f.add(g.sum() == 100, name="balance")
    two = f.add(kg.between(-5, g[0] - g[1], 50), name="two")
    f.minimize(p @ g[0] + 30 * g[1])
    m.maximize(balance.dual @ g[0] - 10 * g[0])
    return m, p, f, g, balance, two


def test_prices_that_are_given_are_checked_and_the_rest_is_found():
    m, p, f, g, balance, two = bid()
    s = kg.optimize(m, time_limit=30).solution
    base, price = {"p": s[p], "g": s[g]}, s[balance.dual]
    right = (
        {balance.dual: price},
        {"lam(market,balance)": price},
        {g.upper_dual: s[g.upper_dual]},
        {two.dual: s[two.dual]},
    )
    for some in right:
        report = kg.verify(m, base | some)
        assert report.ok and report.value == pytest.approx(s.objective, rel=1e-6), str(report)
    for some in ({balance.dual: price + 1}, {balance.dual: -99}, {g.lower_dual: [7, 7]}, {two.dual: s[two.dual] + 3}):
        assert kg.verify(m, base | some).claim == "unverified"
    with pytest.raises(kg.ProblemError, match="not for expressions of several terms"):
        kg.verify(m, {p: 1, g[0] + g[1]: 100})


def test_prices_and_variables_are_found_by_name_in_a_problem_that_was_read(tmp_path):
    m, p, f, g, balance, _ = bid()
    back = kg.read(kg.write(m, tmp_path / "m.bilevel.json"))
    solution = kg.optimize(back, time_limit=30).solution
    same = kg.optimize(m, time_limit=30).solution
    assert solution[back.followers[0].dual("balance")] == pytest.approx(same[balance.dual])
    assert solution[back.variable("market.g")] == pytest.approx(same[g])
    assert solution["g(market)"] == pytest.approx(same[g]) and solution["lam(market,balance)"] == pytest.approx(
        same[balance.dual]
    )
    assert solution.frame("g").index.tolist() == ["own", "rival"]
    with pytest.raises(kg.ProblemError, match=r"no rows are named 'balanc' \(did you mean balance\?\)"):
        back.followers[0].dual("balanc")


def test_entries_are_chosen_by_label():
    m, p, f, g, *_ = bid()
    h = m.var("h", coords={"hour": pd.date_range("2030-01-01", periods=3, freq="h"), "bus": ["n", "s"]})
    assert g.sel(plant="rival").cols == g.cols[1]
    assert h.sel(hour="01:00").cols.tolist() == h.cols[1].tolist()
    assert h.sel(hour=pd.Timestamp("2030-01-01 02:00"), bus="s").cols == h.cols[2, 1]
    assert (3 * h).sel(bus=["s"]).shape == (3, 1)
    with pytest.raises(kg.ProblemError, match="no such label; there are own, rival"):
        g.sel(plant="other")
    with pytest.raises(kg.ProblemError, match="dimensions of the expression are plant"):
        g.sel(bus="n")


def test_labels_are_looked_up_whatever_stands_in_them():
    m = kg.Bilevel("labels")
    x = m.var("x", coords={"pair": [("a", "b,c"), ("d", "e")], "k": [1, 2]}, lb=0, ub=3)
    y = m.var("y", (2, 3), lb=0, ub=[[1, 2, 3], [4, 5, 6]])
    m.maximize(x.sum() + y.sum())
    solution = kg.solve(m)
    for expr in (x, y):
        for column in expr.cols.ravel():
            assert solution[m.space.label(column)] == solution.z[column]
    for name in ("y(2,0)", "y(0)", "y(0,0,0)", "y(a,b)", "x(a/b,1)"):
        with pytest.raises(kg.ProblemError, match="no variable is called"):
            solution[name]


HOURS = pd.date_range("2030-01-01", periods=3, freq="h", name="hour")
ZONED = pd.date_range("2030-03-31", periods=3, freq="h", name="hour", tz="Europe/Berlin")  # over the change of clocks


@pytest.mark.parametrize("hours", [HOURS, ZONED, pd.Index([3, 1, 2], name="hour"), pd.Index(list("abc"), name="hour")])
def test_labels_say_which_value_is_whose_in_whatever_order_they_come(hours):
    m = kg.Bilevel("labels")
    x = m.var("x", lb=0, ub=9, coords={"hour": hours, "plant": ["own", "rival"]})
    f = m.follower("market")
    g = f.var("g", hours, lb=0, ub=20)
    need = f.add(g >= x.sum(axis=1), name="need")
    f.minimize(2 * g.sum() + 0.1 * g @ g)
    m.minimize(need.dual @ [1, 2, 3])
    a, b = np.arange(6.0).reshape(3, 2), np.arange(6.0).reshape(3, 2).sum(axis=1)
    frame, series = pd.DataFrame(a, hours, pd.Index(["own", "rival"], name="plant")), pd.Series(b, hours)
    price = 2 + 0.2 * series
    at = price.to_numpy() @ [1, 2, 3]
    swapped = frame.iloc[[2, 0, 1], [1, 0]]
    for values in (frame, swapped, swapped.T, swapped.stack(), swapped.T.stack(), swapped.rename_axis(index=None)):
        for known in ({"x": values, "g": series[::-1]}, {x: values, g: series.iloc[[1, 0, 2]], need.dual: price[::-1]}):
            report = kg.verify(m, known)
            assert report.claim == "bilevel-feasible" and report.value == pytest.approx(at)
    xarray = pytest.importorskip("xarray")
    array = xarray.DataArray(a, dims=("hour", "plant"), coords={"plant": ["own", "rival"]})
    assert kg.verify(m, {"x": array.T.isel(plant=[1, 0]), "g": series.to_numpy()}).value == pytest.approx(at)
    assert kg.verify(m, {"x": a, "g": pd.Series(b)}).value == pytest.approx(at)  # an index that only counts


def test_labels_of_a_point_that_do_not_fit_are_refused():
    m = kg.Bilevel("labels")
    x = m.var("x", HOURS)
    m.minimize(x.sum())
    late, twice = HOURS + pd.Timedelta("1h"), HOURS[[0, 1, 1]]
    for index, words in ((late, "no value for label '2030-01-01 00:00'"), (twice, "'2030-01-01 01:00' twice")):
        with pytest.raises(kg.ProblemError, match=words):
            kg.verify(m, {"x": pd.Series(1.0, index)})
    four = pd.Series(1.0, pd.date_range(HOURS[0], periods=4, freq="h"))
    with pytest.raises(kg.ProblemError, match="none of its own"):
        kg.verify(m, {x: four})
    with pytest.raises(kg.ProblemError, match="4 values for 3 labels"):
        kg.verify(m, {x: pd.Series(1.0, range(4))})
