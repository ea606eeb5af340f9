"""Plots of labelled variables: what stands on the axes, and what is refused."""

from __future__ import annotations

import sys

import pytest
from html_reader import read

import kktgen as kg
from kktgen.catalog import plots

HOURS = ["07:00", "08:00", "09:00"]


@pytest.fixture(scope="module", autouse=True)
def matplotlib():
    return pytest.importorskip("matplotlib", reason="plots need matplotlib")


@pytest.fixture(scope="module")
def market():
    m = kg.Bilevel("market & co")
    offer = m.var("offer", lb=0, ub=90, coords={"hour": HOURS}, unit="EUR/MWh")
    share = m.var("share", lb=0, ub=[1, 2, 3], coords={"hour": HOURS}, unit="MW")
    alone = m.var("alone", lb=0, ub=1)
    grid = m.var("grid", lb=0, ub=1, coords={"hour": HOURS, "bus": [f"b{k}" for k in range(9)]}, unit="MW")
    market = m.follower("market")
    g = market.var("g", lb=0, ub=[[50, 60]] * 3, coords={"hour": HOURS, "plant": ["own", "rival"]}, unit="MW")
    balance = market.add(g.sum(axis=1) == [70, 40, 90], name="balance")
    market.minimize(offer @ g[:, 0] + 40 * g[:, 1].sum() + 0.1 * g[:, 1] @ g[:, 1])
    m.maximize((balance.dual - 20) @ g[:, 0] + share.sum() + alone + grid.sum(), unit="EUR")
    return kg.optimize(m, time_limit=60), {"offer": offer, "g": g, "balance": balance, "alone": alone, "grid": grid}


def drawn(axes):
    """Return the values of the steps in a panel."""
    return [patch.get_data().values.tolist() for patch in axes.patches]


def test_one_dimension_is_steps_over_its_labels(market):
    result, by = market
    axes = kg.plot(result, by["offer"]).axes[0]
    assert [one.get_text() for one in axes.get_xticklabels()] == HOURS
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("hour", "offer (EUR/MWh)")
    assert drawn(axes) == [pytest.approx(result.solution[by["offer"]].tolist())]


def test_names_prices_and_several_of_one_axis(market):
    result, by = market
    figure = kg.plot(result, "offer", "share", by["balance"].dual, title="Day")
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "offer (EUR/MWh)", "share (MW)", "dual of balance(market)",
    ]  # fmt: skip
    assert "Day" in [text.get_text() for text in figure.texts]
    assert drawn(figure.axes[2]) == [pytest.approx(result.solution[by["balance"].dual].tolist())]


def test_two_dimensions_are_a_line_a_label(market):
    result, by = market
    axes = kg.plot(result, "market.g").axes[0]
    assert axes.get_ylabel() == "g(market) (MW)"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["own", "rival"]
    assert drawn(axes) == [pytest.approx(column) for column in result.solution[by["g"]].T.tolist()]


def test_many_labels_are_a_heat_map(market):
    result, by = market
    figure = kg.plot(result, "grid")
    assert figure.axes[0].images[0].get_array().shape == (3, 9)
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("bus", "hour")
    assert figure.axes[1].get_ylabel() == "grid (MW)"
    assert not kg.plot(result, "grid", kind="steps").axes[0].images
    assert kg.plot(result, by["g"], kind="heat").axes[0].images


def test_without_a_name_all_of_the_first_labels_are_drawn(market):
    result, _ = market
    assert [axes.get_ylabel() for axes in kg.plot(result.solution).axes] == ["offer (EUR/MWh)", "share (MW)"]


def test_without_labels_entries_are_numbered():
    m = kg.Bilevel("plain")
    x = m.var("x", 3, lb=0, ub=[1, 2, 3])
    m.maximize(x.sum())
    axes = kg.plot(kg.solve(m, time_limit=20)).axes[0]
    assert axes.get_xlabel() == "entry" and axes.get_ylabel() == "x" and drawn(axes) == [pytest.approx([1, 2, 3])]


def test_what_cannot_be_drawn_is_refused(market):
    result, by = market
    for what, words in [
        ((by["alone"],), "alone has 0 dimensions, one or two can be drawn; print it"),
        (("ofer",), "did you mean offer"),
        ((3.0,), "takes variables, linear expressions or names, got float"),
        ((by["offer"], by["offer"][:2]), "figures of their own"),
        (("grid", "grid"), "one heat map a figure"),
    ]:
        with pytest.raises(kg.ProblemError, match=words):
            kg.plot(result, *what)
    with pytest.raises(kg.ProblemError, match="kind must be one of auto, steps, heat"):
        kg.plot(result, "offer", kind="pie")
    with pytest.raises(kg.ProblemError, match="give a Result or a Solution"):
        kg.plot(by["offer"])


def test_a_missing_matplotlib_is_said(market, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for name in ("offer", "grid"):
        with pytest.raises(kg.UnsupportedError, match=r"pip install 'kktgen\[plots\]'"):
            kg.plot(market[0], name)


def test_no_point_is_no_plot():
    m = kg.Bilevel("empty")
    x = m.var("x", 2, lb=0, ub=1)
    m.add(x >= 2)
    with pytest.raises(kg.NoSolutionError, match="no point to draw"):
        kg.plot(kg.solve(m, time_limit=20), x)


def test_a_figure_within_a_page_refers_to_nothing_outside(market):
    result, _ = market
    day = {"title": "<b>&", "x": ["<i>", "b"], "xlabel": "hour", "panels": [
        {"quantity": "x", "unit": "", "series": [{"label": "a<b", "kind": "line", "values": [1.0, 2.0]}]}
    ]}  # fmt: skip
    one, two = (plots.inline(day, plots.claim(result), prefix) for prefix in ("p1-", "p2-"))
    parsed = read(one)
    assert parsed.tags[0] == "svg" and "b" not in parsed.tags and "i" not in parsed.tags
    assert "<b>&" in "".join(parsed.words) and "#000000" not in one
    assert not set(parsed.ids) & set(read(two).ids) and parsed.ids
    assert one == plots.inline(day, plots.claim(result), "p1-")
