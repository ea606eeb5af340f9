"""Plots: descriptions of the models, figures, files, and what is refused."""

from __future__ import annotations

import builtins
import struct
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from found import instance_answer

import kktgen as kg
from kktgen import catalog
from kktgen.catalog import plots

MODELS = ("dso_vpp", "carbon_vpp")


@pytest.fixture(scope="module", autouse=True)
def matplotlib() -> Any:
    return pytest.importorskip("matplotlib", reason="plots need matplotlib")


@pytest.fixture(scope="module", params=MODELS)
def solved(request: pytest.FixtureRequest) -> tuple[Any, kg.Result]:
    """Return a model and a verified result of its short case."""
    model = catalog.load_model(request.param)
    return model, instance_answer(f"{request.param}/short")[1]


def simple(**changes: Any) -> Any:
    series = {"label": "wind", "kind": "stack", "values": [3.0, 1.0, 2.0], **changes}
    return {
        "title": "Dispatch",
        "x": [1, 2, 3],
        "xlabel": "hour",
        "panels": [{"quantity": "power", "unit": "MW", "series": [series]}],
    }


def written(path: Path) -> tuple[int, int]:
    """Return width and height of a complete PNG file."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert data[-8:-4] == b"IEND"
    return struct.unpack(">II", data[16:24])


def texts(figure: Any) -> list[str]:
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text)]


def test_every_plot_of_a_model_is_drawn_with_units_and_claim(solved, tmp_path):
    model, result = solved
    described = model.plots(result)
    assert list(described) == list(model.PLOTS)
    assert plots.claim(result).startswith("proved optimal (gap ")
    for name, plot in described.items():
        assert plot["title"] == model.PLOTS[name]
        figure = plots.figure(plot, plots.claim(result))
        words = texts(figure)
        assert any(plots.claim(result) in word for word in words)
        assert ("reconstructed data" in " ".join(words)) == (model.__name__.endswith("carbon_vpp"))
        for ax in figure.axes:
            assert ax.get_ylabel().endswith(")") and "(" in ax.get_ylabel()
        assert figure.axes[-1].get_xlabel() == plot["xlabel"]
        width, height = written(plots.save(plot, tmp_path / f"{name}.png"))
        assert width > 1000 and height > 500


def test_what_is_stacked_meets_the_load(solved):
    model, result = solved
    for panel, vpp in zip(model.plots(result)["dispatch"]["panels"], result.bilevel.case.vpps, strict=True):
        stacked = np.array([series["values"] for series in panel["series"] if series["kind"] == "stack"])
        lines = {series["label"]: series["values"] for series in panel["series"] if series["kind"] == "step"}
        np.testing.assert_allclose(lines["load"], vpp.load)
        np.testing.assert_allclose(stacked.sum(axis=0), lines["load"], atol=1e-6)
        np.testing.assert_allclose(stacked.clip(0).sum(axis=0), lines["load, charge and sale"], atol=1e-6)


def test_the_net_of_the_vpps_is_what_the_dso_trades(solved):
    model, result = solved
    (panel,) = model.plots(result)["trade"]["panels"]
    *vpps, wholesale = (series["values"] for series in panel["series"])
    np.testing.assert_allclose(np.sum(vpps, axis=0), wholesale, atol=1e-6)


def test_charge_begins_and_ends_at_home_inside_its_limits(solved):
    model, result = solved
    for panel, vpp in zip(model.plots(result)["charge"]["panels"], result.bilevel.case.vpps, strict=True):
        band, line = panel["series"]
        assert len(line["x"]) == len(vpp.load) + 1
        np.testing.assert_allclose(line["values"][[0, -1]], 100 * vpp.home, atol=1e-4)
        assert (line["values"] >= band["values"][0] - 1e-4).all()
        assert (line["values"] <= band["values"][1] + 1e-4).all()


def test_prices_are_marked_where_a_vpp_trades_at_them():
    shared = kg.beside(catalog.load_model("dso_vpp").__file__, "../common/vpp_plots")
    hour, buy, sell = np.arange(1, 4), np.full(3, 2.0), np.zeros(3)
    net = np.array([[1.0, 0.0, -1.0], [0.0, 0.0, 2.0]])
    plot = shared.prices(hour, buy, sell, np.full(3, 1.5), np.full(3, 0.5), net, "EUR/MWh", "")
    *_, bought, sold = plot["panels"][0]["series"]
    np.testing.assert_array_equal(bought["values"], [1.5, np.nan, 1.5])
    np.testing.assert_array_equal(sold["values"], [np.nan, np.nan, 0.5])
    each = shared.prices(hour, buy, sell, np.ones((2, 3)), np.ones((2, 3)), net, "EUR/MWh", "")
    np.testing.assert_array_equal(each["panels"][0]["series"][-1]["values"], [np.nan, np.nan, 1.0])
    np.testing.assert_array_equal(each["panels"][1]["series"][-1]["values"], [np.nan] * 3)
    assert [panel["title"] for panel in each["panels"]] == ["VPP1", "VPP2"]


def test_vpps_behind_the_first_are_drawn_together():
    shared = kg.beside(catalog.load_model("dso_vpp").__file__, "../common/vpp_plots")
    net = np.arange(16.0).reshape(8, 2)
    *_, others, wholesale = shared.trade(np.arange(2), net, net.sum(axis=0), "")["panels"][0]["series"]
    np.testing.assert_array_equal(others["values"], net[6:].sum(axis=0))
    figure = plots.figure(shared.dispatch(np.arange(2), net, {"trade (purchase +)": net}, ""))
    assert len(figure.axes) == shared.SHOWN


def test_emission_by_source_is_that_of_the_report():
    model = catalog.load_model("carbon_vpp")
    game = model.build(hours=6)
    run = model.outcomes().respond(game, game.case.buy, game.case.sell)
    plot = kg.beside(model.__file__, "plots").emission("", game.case, run, "")
    *sources, quota = plot["panels"][0]["series"]
    accounted, _ = run.emission(game.case)
    assert sum(series["values"].sum() for series in sources) == pytest.approx(accounted)
    free = {"turbine": run.g.sum(), "trade": np.abs(run.net).sum(), "pv": run.pv.sum(), "wind": run.wt.sum(),
            "storage": np.abs(run.ch - run.dis).sum()}  # fmt: skip
    owed = sum(game.case.carbon.net(word) * amount for word, amount in free.items())
    assert accounted - quota["values"].sum() == pytest.approx(owed)


def test_svg_is_the_same_from_every_run_and_carries_no_date(tmp_path):
    first = plots.save(simple(), tmp_path / "a.svg", "proved optimal").read_bytes()
    second = plots.save(simple(), tmp_path / "b.svg", "proved optimal").read_bytes()
    assert first == second
    assert ElementTree.fromstring(first).tag.endswith("svg")
    assert b"<dc:date>" not in first
    assert b"proved optimal" in first
    assert b"power (MW)" in first
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.svg", "b.svg"]


def test_settings_of_the_user_change_nothing(matplotlib, tmp_path):
    before = plots.save(simple(), tmp_path / "a.svg").read_bytes()
    with matplotlib.rc_context({"font.size": 3.0, "axes.facecolor": "red"}):
        after = plots.save(simple(), tmp_path / "b.svg").read_bytes()
    assert before == after


@pytest.mark.parametrize("kind", plots.KINDS)
@pytest.mark.parametrize("x", [[1, 2, 3], ["gas", "sun", "wind"], [0.5, 1.5, 4.0]], ids=["slots", "words", "scale"])
def test_every_kind_on_every_axis(kind, x):
    values = [[1.0, 2.0, 1.0], [3.0, np.nan, 4.0]] if kind == "band" else [1.0, np.nan, -2.0]
    plot = {**simple(kind=kind, values=values), "x": x}
    (ax,) = plots.figure(plot).axes
    drawn = ax.lines[: kind in ("line", "mark")] or ax.patches or ax.collections
    assert len(drawn) > 0
    words = [label.get_text() for label in ax.get_xticklabels()]
    assert x == [0.5, 1.5, 4.0] or words == [str(one) for one in x]


def test_stacks_grow_up_and_down_from_zero():
    plot = simple(values=[1.0, -1.0, 2.0])
    for label, values in (("sun", [2.0, -3.0, -1.0]), ("none", [0.0, 0.0, 0.0])):
        plot["panels"][0]["series"].append({"label": label, "kind": "stack", "values": values})
    (ax,) = plots.figure(plot).axes
    low = np.reshape([min(bar.get_y(), bar.get_y() + bar.get_height()) for bar in ax.patches], (-1, 3)).min(axis=0)
    high = np.reshape([max(bar.get_y(), bar.get_y() + bar.get_height()) for bar in ax.patches], (-1, 3)).max(axis=0)
    np.testing.assert_allclose(low, [0.0, -4.0, -1.0])
    np.testing.assert_allclose(high, [3.0, 0.0, 2.0])
    bottom, top = ax.get_ylim()
    assert bottom < -4.0 and top > 3.0, "nothing is cut off"


def test_a_label_has_one_colour_and_one_entry_in_the_legend():
    plot = simple()
    plot["panels"] = plot["panels"] * 3
    figure = plots.figure(plot)
    assert len({ax.patches[0].get_facecolor() for ax in figure.axes}) == 1
    legends = [ax.get_legend() for ax in figure.axes if ax.get_legend() is not None]
    assert [[text.get_text() for text in legend.get_texts()] for legend in legends] == [["wind"]]


def test_words_and_legend_stay_inside_the_figure_and_apart(solved):
    model, result = solved
    for plot in model.plots(result).values():
        figure = plots.figure(plot, plots.claim(result))
        figure.draw_without_rendering()
        paper = figure.bbox
        boxes = [text.get_window_extent() for text in figure.texts if text.get_text()]
        legend = next(ax.get_legend() for ax in figure.axes if ax.get_legend() is not None).get_window_extent()
        axes = [ax.get_tightbbox(bbox_extra_artists=[]) for ax in figure.axes]
        for box in [*boxes, legend]:
            assert box.x0 >= 0 and box.x1 <= paper.x1 and box.y0 >= 0 and box.y1 <= paper.y1
            assert not any(box.overlaps(ax.get_window_extent()) for ax in figure.axes)
        for box in boxes:
            assert not any(box.overlaps(other) for other in axes)


def test_a_dollar_is_a_dollar(tmp_path):
    assert plots.save({**simple(), "title": "from $_{ to $2"}, tmp_path / "a.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("plot", "words"),
    [
        (3, "plot: expected Mapping, got int"),
        ({"title": "t"}, "'panels' is missing"),
        ({**simple(), "ttle": ""}, "unknown key 'ttle' (did you mean title?)"),
        ({**simple(), "note": 3}, "'note': expected str, got int"),
        ({**simple(), "panels": []}, "no panels"),
        ({**simple(), "panels": 3}, "'panels': expected list, got int"),
        ({**simple(), "x": [None, 1, 2]}, "x must be numbers or words"),
        (simple(kind="pie"), "kind: no 'pie'; there are: line"),
        (simple(color="pink"), "no 'pink'"),
        (simple(dash="wavy"), "no 'wavy'"),
        (simple(values=[1.0, 2.0]), "values of shape (2,) do not fit x of shape (3,); expected (3,)"),
        (simple(kind="band"), "expected (2, 3)"),
        (simple(values=["a", "b", "c"]), "values must be numbers"),
        (simple(values=[np.inf, 0, 0]), "values must be finite"),
        (simple(x=[1, 2, 3]), "leave 'x' out of the series"),
    ],
)
def test_a_description_that_is_none_is_refused_by_name(plot, words):
    with pytest.raises(kg.ProblemError) as caught:
        plots.figure(plot)
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["plot.bmp", "plot", "plot.pgn"])
def test_an_unknown_suffix_is_refused(name, tmp_path):
    with pytest.raises(kg.FormatError, match=r"take .png or .svg"):
        plots.save(simple(), tmp_path / name)


def test_a_folder_that_is_not_there_is_refused_and_nothing_is_left(tmp_path):
    with pytest.raises(kg.FormatError, match="cannot be written"):
        plots.save(simple(), tmp_path / "nowhere" / "a.png")
    assert list(tmp_path.iterdir()) == []


def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every import of matplotlib fail."""
    real = builtins.__import__

    def fake(name: str, *args: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError("No module named 'matplotlib'")
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", fake)


def test_without_matplotlib_the_line_that_installs_it_is_told(monkeypatch):
    without(monkeypatch)
    with pytest.raises(kg.UnsupportedError, match=r"pip install 'kktgen\[plots\]'"):
        plots.figure(simple())


def test_models_describe_plots_without_matplotlib(solved, monkeypatch):
    without(monkeypatch)
    model, result = solved
    assert list(model.plots(result)) == list(model.PLOTS)


@pytest.mark.parametrize("name", MODELS)
def test_results_of_another_model_are_refused(name):
    other = kg.Bilevel("other")
    result = kg.Result(other, None, None, None, None)
    with pytest.raises(kg.ProblemError, match="was not made by"):
        catalog.load_model(name).plots(result)
