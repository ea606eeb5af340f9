"""Labels of variables, rows and prices; units; what is printed and read from files."""

from __future__ import annotations

import datetime as dt
import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import kktgen as kg

HOURS = pd.date_range("2030-01-01 07:00", periods=3, freq="h", name="hour")
BUSES = pd.Index(["north", "south"], name="bus")


def market():
    """Two buses, three hours, a strategic offer."""
    m = kg.Bilevel("labelled")
    offer = m.var("offer", HOURS, lb=0, ub=9, unit="EUR/MWh")
    f = m.follower("market")
    g = f.var("g", lb=0, ub=[[5, 6]] * 3, coords={"hour": HOURS, "bus": BUSES}, unit="MW")
    balance = f.add(g.sum(axis=1) == [7, 8, 9], name="balance")
    f.minimize(offer @ g[:, 0] + 20 * g[:, 1].sum())
    m.maximize(balance.dual @ g[:, 0], unit="100 EUR")
    return m, offer, f, g, balance


def rows_of(m):
    """Return the labels of the rows of the KKT model."""
    mpec = kg.kkt(m)
    return [block.label(k) for block in mpec.rows.blocks for k in range(block.stop - block.start)]


def test_columns_multipliers_and_rows_speak_labels():
    m, offer, f, g, balance = market()
    label = m.space.label
    assert label(offer.cols[1]) == "offer(08:00)"
    assert label(g.cols[2, 1]) == "g(market,09:00,south)"
    assert label(g.upper_dual.M.indices[1]) == "mu_ub(market,g,07:00,south)"
    assert [label(c) for c in balance.dual.M.indices] == [f"lam(market,balance,0{k}:00)" for k in (7, 8, 9)]
    assert "balance(market,08:00)" in rows_of(m) and "stat(market,g,08:00,north)" in rows_of(m)


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda g: g[1:, 0] - g[:-1, 0] <= 3, ["08:00", "09:00"]),  # the later hour
        (lambda g: g[:-1, 0] - g[1:, 0] <= 3, ["08:00", "09:00"]),
        (lambda g: g[::2, 1] <= 3, ["07:00", "09:00"]),
        (lambda g: g.sum(axis=0) <= 30, ["north", "south"]),
        (lambda g: g.T.ravel() <= 30, [0, 1, 2, 3, 4, 5]),
        (lambda g: np.array([[1.0, 1, 0], [0, 1, 1]]) @ g[:, 0] <= 9, ["08:00", "09:00"]),
        (lambda g: np.array([[1.0, 0, 1], [0, 1, 1]]) @ g[:, 0] <= 9, [0, 1]),  # one hour for both rows is none
    ],
)
def test_rows_have_the_labels_of_the_variables_in_them(make, wanted):
    m, _, f, g, _ = market()
    rows = f.add(make(g), name="row")
    own = [re.match(r"mu\(market,row,(.*)\)", m.space.label(c)) for c in rows.dual.M.indices]
    assert [str(one) for one in wanted] == [one.group(1) for one in own]


def test_matrices_keep_both_axes_and_count_an_axis_without_labels():
    m, _, f, g, _ = market()
    both = f.add(g <= 50, name="both")
    assert both.coords.dims == ("hour", "bus")
    weights = np.array([1.0, 2.0])
    doubled = f.add(g[:, 0].reshape(3, 1) * weights <= 50, name="doubled")
    assert doubled.coords.dims == ("hour", "dim_1")
    assert m.add(g[0].sum() <= 30, name="scalar").coords is None


def test_labels_of_rows_may_be_given_and_have_to_fit():
    m, offer, f, g, _ = market()
    rows = f.add(g[:, 0] <= 4, name="own", coords={"slot": ["a", "b", "c"]})
    assert m.space.label(rows.dual.M.indices[2]) == "mu(market,own,c)"
    m.add(offer <= 8, name="cap", coords=[pd.Index([1, 2, 3], name="step")])
    assert "cap(2)" in rows_of(m)
    with pytest.raises(kg.ProblemError, match=r"its labels make the shape \(2,\), the rows have \(3,\)"):
        f.add(g[:, 0] <= 4, coords={"slot": ["a", "b"]})


def test_conditional_rows_and_rows_with_products_have_labels():
    m, offer, f, g, _ = market()
    on = m.var("on", HOURS, kind="B")
    f.add(g[:, 0] <= 4, when=on, name="cap")
    f.add(g[:, 1] - on * g[:, 0] <= 5, name="tie")
    names = [m.space.label(c) for c in range(len(m.space))]
    assert {"mu(market,cap,08:00)", "mu(market,tie,09:00)"} <= set(names)
    assert kg.optimize(m, time_limit=30).report.claim == "optimal"


@pytest.mark.parametrize(
    ("coords", "words"),
    [
        ({"hour": ["a", "a"]}, "label 'a' of 'hour' stands twice"),
        ({"hour": "abc"}, "the labels of 'hour' are a list, got str"),
        ({3: ["a"]}, "a dimension of its labels needs a name, such as 'hour', got 3"),
        ({"hour": [object()]}, "labels are texts, numbers or times, got object in 'hour'"),
        ({"hour": [np.nan]}, "a label of 'hour' is nan"),
        ({"hour": [np.datetime64("NaT")]}, r"no time \(NaT\)"),
        ([pd.Index([1, 2])], "needs a name"),
        (["a", "b"], "coords= takes labels by dimension"),
        (7, "coords= takes labels by dimension"),
    ],
)
def test_wrong_labels_are_refused(coords, words):
    with pytest.raises(kg.ProblemError, match=words):
        kg.Bilevel("wrong").var("x", coords=coords)


def test_a_shape_that_differs_and_a_unit_that_is_none_are_refused():
    m = kg.Bilevel("wrong")
    with pytest.raises(kg.ProblemError, match=r"its labels make the shape \(2,\), shape= says 3"):
        m.var("x", 3, coords={"bus": BUSES})
    with pytest.raises(kg.ProblemError, match="unit= is a text such as 'MW', got 3"):
        m.var("x", 3, unit=3)
    assert m.var("x", (2,), coords={"bus": BUSES}).shape == (2,)


def test_indexes_in_the_place_of_a_shape_are_labels():
    m = kg.Bilevel("indexes")
    assert m.var("a", BUSES).shape == (2,)
    assert m.var("b", (HOURS, BUSES, 4)).shape == (3, 2, 4)
    assert m.space.label(m.space.find("b")[-1]) == "b(09:00,south,3)"
    assert m.var("c", pd.Index([4, 5])).shape == (2,)
    multi = pd.MultiIndex.from_tuples([("n", 1), ("s", 2)])
    d = m.var("d", coords={"unit": multi})
    assert m.space.label(d.cols[1]) == "d(s/2)"
    m.maximize(-d.sum() - d @ d)
    assert kg.solve(m).frame(d).index.tolist() == [("n", 1), ("s", 2)]


@pytest.mark.parametrize(
    ("times", "texts"),
    [
        (pd.date_range("2030-01-01", periods=2, freq="D"), ["2030-01-01", "2030-01-02"]),
        (pd.date_range("2030-01-01", periods=2, freq="h"), ["00:00", "01:00"]),
        (pd.date_range("2030-01-01 23:00", periods=2, freq="h"), ["2030-01-01 23:00", "2030-01-02 00:00"]),
        ([dt.datetime(2030, 1, 1, 5, 0, 30)], ["05:00:30"]),
        ([dt.date(2030, 1, 1)], ["2030-01-01"]),
        (pd.date_range("2030-01-01", periods=1, freq="h", tz="Europe/Berlin"), ["2030-01-01 00:00+01:00"]),
        ([0.5, 2.0], ["0.5", "2"]),
    ],
)
def test_times_are_printed_as_short_as_they_stay_different(times, texts):
    m = kg.Bilevel("times")
    x = m.var("x", coords={"t": times})
    assert [m.space.label(c) for c in x.cols] == [f"x({text})" for text in texts]


def test_values_come_back_with_labels():
    m, offer, f, g, balance = market()
    solution = kg.optimize(m, time_limit=30).solution
    table = solution.frame(g)
    assert table.index.equals(HOURS) and table.columns.equals(BUSES)
    assert (table.to_numpy() == solution[g]).all()
    price = solution.frame(balance.dual)
    assert price.index.equals(HOURS) and price.to_numpy() == pytest.approx(solution[balance.dual])
    assert solution.frame(g[1:, 0] * 2).index.equals(HOURS[1:])
    assert solution.frame(offer).name == "offer"
    assert solution.frame(g.sum()).shape == (1,)
    cube = solution.array(g)
    assert cube.sel(hour="2030-01-01T08:00", bus="south") == solution[g][1, 1] and cube.attrs["units"] == "MW"
    whole = solution.to_dataset()
    xr.testing.assert_equal(whole["g(market)"], cube.rename("g(market)"))
    assert whole["offer"].dims == ("hour",)
    with pytest.raises(kg.ProblemError, match="takes a variable or a linear expression, got Quad"):
        solution.frame(g[:, 0] @ g[:, 0])


def test_three_dimensions_and_none():
    m = kg.Bilevel("cube")
    x = m.var("x", lb=0, ub=1, coords={"a": [1, 2], "b": [1, 2], "c": ["u", "v"]})
    y = m.var("y", 2, lb=0, ub=1)
    z = m.var("z", lb=0, ub=1, coords={"a": [7, 8, 9]})
    m.maximize(x.sum() + y.sum() + z.sum())
    solution = kg.solve(m)
    assert solution.frame(x).loc[(2, 1, "v")] == 1.0
    assert solution.frame(y).tolist() == [1, 1]
    assert dict(solution.to_dataset().sizes) == {"a": 2, "b": 2, "c": 2, "y_dim_0": 2, "z_a": 3}


def test_printed_solutions_show_values_and_units():
    m, *_ = market()
    result = kg.optimize(m, time_limit=30)
    text = str(result)
    assert "objective 300 (100 EUR)" in text and "  objective  300 (100 EUR)\n" in text
    assert re.search(r"offer +EUR/MWh +07:00 \S+, 08:00 \S+, 09:00 \S+\n", text)
    assert re.search(r"g\(market\) +MW +3 x 2 values from 2 to 5, sum 24\n", text)
    assert result.solution.headline.count("\n") == 0


def test_files_name_entries_by_number_and_maps_by_label(tmp_path):
    m, *_ = market()
    model = kg.encode(kg.bound(kg.kkt(m)), kg.SOS1())
    path = kg.write(model, tmp_path / "m.lp", map=True)
    assert "g(market,1,0)" in path.read_text() and "08:00" not in path.read_text()
    entries = kg.read_map(path)
    assert "g(market,08:00,north)" in list(entries.columns.label)
    assert "balance(market,08:00)" in list(entries.rows.label)


def test_bundles_keep_labels_and_units(tmp_path):
    m, offer, f, g, _ = market()
    on = m.var(
        "on", coords={"unit": [("a", 1), ("b", 2)], "zone": pd.date_range("2030", periods=1, tz="UTC")}, kind="B"
    )
    f.add(g[:2, 0] <= 4, when=on[:, 0], name="cap")
    f.add(g[:, 0] <= 4.5, name="own", coords={"slot": ["a", "b", "c"]})
    f.add(g[:2, 1] - on[:, 0] * g[:2, 0] <= 5, name="tie", coords={"slot": [1, 2]})
    m.add(offer <= 8, name="top", coords={"slot": [0.5, 1, 2]})
    back = kg.read(kg.write(m, tmp_path / "m.bilevel.json"))
    assert kg.dumps(back, "bilevel.json") == kg.dumps(m, "bilevel.json")
    every = range(len(m.space))
    assert [back.space.label(k) for k in every] == [m.space.label(k) for k in every]
    assert rows_of(back) == rows_of(m)
    assert back.unit == "100 EUR" and [b.unit for b in back.space.blocks] == [b.unit for b in m.space.blocks]


def test_a_problem_without_labels_is_of_version_one():
    m = kg.Bilevel("plain")
    x = m.var("x", 3, lb=0, ub=1)
    m.maximize(x.sum())
    assert '"version":1' in kg.dumps(m, "bilevel.json")


def test_faults_in_the_labels_of_a_file_are_named(tmp_path):
    m, *_ = market()
    text = kg.dumps(m, "bilevel.json")
    path = tmp_path / "m.bilevel.json"
    for old, new, words in (
        ('"north"', "null", r"declarations\[1\].coords\[1\].labels\[0\]: expected a text, a number"),
        ('"dim":"bus"', '"dim":"hour"', r"declarations\[1\].coords\[1\].dim: 'hour' stands twice"),
        ('"south"', '"north"', "label 'north' of 'bus' stands twice"),
    ):
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(kg.FormatError, match=words):
            kg.read(path)


def test_explain_speaks_labels():
    m, offer, f, g, _ = market()
    m.add(g[1] >= 5.5, name="floor")
    found = str(kg.explain(m, time_limit=30))
    assert "08:00" in found


def test_bounds_with_labels_are_those_of_the_labels():
    hours = pd.date_range("2030-01-01", periods=3, freq="h", name="hour")
    plants = pd.Index(["own", "rival"], name="plant")
    caps = pd.DataFrame(np.arange(6.0).reshape(3, 2), hours, plants)
    m = kg.Bilevel("bounds")
    columns = [
        m.var("a", coords=[hours, plants], ub=caps),
        m.var("b", coords=[hours, plants], ub=caps.iloc[[2, 0, 1], [1, 0]]),
        m.var("c", coords=[hours, plants], ub=caps.T),
        m.var("d", (hours, plants), ub=caps.to_numpy()),
    ]
    assert all((m.space.ub[x.cols] == caps.to_numpy()).all() for x in columns)
    low = m.var("e", coords=[hours, plants], lb=pd.Series([1.0, 2.0], plants[::-1]))  # of one dimension: for all hours
    assert (m.space.lb[low.cols] == [2, 1]).all()
    by_hour = m.var("f", coords=[hours, plants], lb=pd.Series([3.0, 1.0, 2.0], hours[[2, 0, 1]]))
    assert (m.space.lb[by_hour.cols] == [[1, 1], [2, 2], [3, 3]]).all()
    with pytest.raises(kg.ProblemError, match="variable 'g': ub: 'plant': the data have no value for label 'rival'"):
        m.var("g", coords=[hours, plants], ub=pd.Series([1.0, 2.0], pd.Index(["own", "other"], name="plant")))


@pytest.mark.parametrize("day", ["2030-03-31", "2030-10-27"])
def test_hours_over_a_change_of_clocks_are_times_in_pandas(day):
    hours = pd.date_range(day, periods=5, freq="h", tz="Europe/Berlin", name="hour")
    m = kg.Bilevel("clocks")
    x = m.var("x", hours, lb=range(5))
    m.minimize(x.sum())
    solution = kg.solve(m)
    index = solution.frame(x).index
    assert isinstance(index, pd.DatetimeIndex) and index.name == "hour" and (index == hours).all()
    assert solution.frame(x).loc[hours[2]] == 2
