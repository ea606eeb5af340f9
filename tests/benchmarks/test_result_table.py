"""The table of a sweep, and its plot."""

from __future__ import annotations

import builtins
import csv

import pytest
from runs import record, unsolved

import kktgen as kg
from kktgen.benchmarks import result_table
from kktgen.benchmarks.child import figures
from kktgen.benchmarks.grid_plot import value_plot

PROFITS = kg.Table("Profits", ("firm", "paper", "here"), (("north", "12.5", "12.5 %"), ("south", "none", "-7")))


def table():
    records = [record(report={"Profits: north, here": 12.5}), unsolved(report=None), record(way="sos1 scip")]
    return result_table.rows(records, [{"n": 3, "who": ["a"]}, {"n": 6, "who": ["b"]}, {"n": 6, "who": None}])


def test_rows_hold_parameters_outcome_and_figures():
    rows = table()
    assert list(rows[0]) == [
        "n", "who", "encoding", "solver", "status", "claim", "value", "bound", "gap", "seconds", "nodes", "error",
        "Profits: north, here",
    ]  # fmt: skip
    assert [row["value"] for row in rows] == [10.0, 12.0, 10.0]
    assert [row["Profits: north, here"] for row in rows] == [12.5, None, None]
    assert [row["who"] for row in rows] == ['["a"]', '["b"]', None]
    assert [row["claim"] for row in rows] == ["optimal", "bilevel-feasible", "optimal"]


def test_the_figures_of_a_report_are_the_numbers_of_its_tables():
    assert figures(kg.Findings((PROFITS,))) == {
        "Profits: north, paper": 12.5, "Profits: north, here": 12.5, "Profits: south, here": -7.0,
    }  # fmt: skip


def test_the_table_comes_back_from_csv_and_parquet(tmp_path):
    path = result_table.write(table(), tmp_path / "table.csv")
    with open(path, newline="") as file:
        back = list(csv.DictReader(file))
    assert [row["seconds"] for row in back] == ["1.0", "10.0", "1.0"] and back[1]["Profits: north, here"] == ""
    pytest.importorskip("pyarrow", reason="needs the extra `tables`: pyarrow")
    import pyarrow.parquet

    path = result_table.write(table(), tmp_path / "table.parquet")
    assert pyarrow.parquet.read_table(path).to_pylist() == table()


def test_parquet_without_pyarrow_is_refused_beforehand(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("pyarrow"):
            raise ImportError("no pyarrow")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    result_table.check_kind("csv")
    with pytest.raises(kg.UnsupportedError, match="pip install"):
        result_table.check_kind("parquet")


def test_a_plot_has_the_first_numbers_on_its_axis_and_a_band_over_the_rest():
    rows = [{"kind": kind, "n": n, "seed": seed, "encoding": "auto", "solver": "scip", "value": n + 0.1 * seed,
             "seconds": 1.0} for kind in "ab" for n in (3, 6) for seed in range(20)]  # fmt: skip
    plot = value_plot(rows, ("kind", "n", "seed"), "title")
    assert plot is not None and (plot["xlabel"], plot["x"]) == ("n", [3, 6])
    band, mean = plot["panels"][0]["series"][:2]
    assert (band["kind"], mean["kind"], mean["label"]) == ("band", "line", "kind a")
    assert mean["values"] == pytest.approx([3.95, 6.95])
    assert band["values"][1].tolist() == pytest.approx([4.9, 7.9])
    assert value_plot(rows, ("kind",), "title") is None


def test_a_plot_can_be_drawn(tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra `plots`: matplotlib")
    rows = [{"n": n, "encoding": way, "solver": "scip", "value": None if n == 4 else 1.0 * n, "seconds": 1.0}
            for way in ("auto", "sos1") for n in (3, 4, 6)]  # fmt: skip
    plot = value_plot(rows, ("n",), "title")
    assert plot is not None
    assert [series["label"] for series in plot["panels"][0]["series"]] == ["auto", "sos1"]
    assert kg.plots.save(plot, tmp_path / "plot.svg").stat().st_size > 1000


def test_a_parameter_that_is_called_as_what_is_found_has_a_column_of_its_own():
    (row,) = result_table.rows([record(value=10.0)], [{"value": 3, "seconds": 4, "time": 5}])
    assert (row["parameter value"], row["parameter seconds"], row["time"]) == (3, 4, 5)
    assert (row["value"], row["seconds"]) == (10.0, 1.0)
