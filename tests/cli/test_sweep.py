"""The command ``sweep``: a grid, its table, its plot."""

from __future__ import annotations

import csv

import pytest
from click.testing import CliRunner

from kktgen.cli import cli


def run(*words):
    return CliRunner().invoke(cli, [str(word) for word in words])


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_a_grid_becomes_a_table(tmp_path, model_file):
    words = ["sweep", model_file(), "--set", "top=0.2,8", "slope=7,8", "--time-limit", 20, "-o", tmp_path / "out", "-q"]
    done = run(*words)
    assert done.exit_code == 1, done.output  # with top = 0.2 there is no point
    table = rows(tmp_path / "out" / "table.csv")
    assert [(row["top"], row["slope"]) for row in table] == [
        ("0.2", "7.0"), ("0.2", "8.0"), ("8.0", "7.0"), ("8.0", "8.0"),
    ]  # fmt: skip
    assert [row["status"] for row in table] == ["infeasible", "infeasible", "optimal", "optimal"]
    assert float(table[2]["value"]) == pytest.approx(92 / 15)
    assert "2 of 4 runs gave no verified point" in done.stderr
    again = run(*words)
    assert "4 of 4 runs are there already" in again.stderr
    assert rows(tmp_path / "out" / "table.csv") == table


def test_the_figures_of_the_report_are_columns_and_a_plot_is_drawn(tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra `plots`: matplotlib")
    done = run(
        "sweep", "dso_vpp/short", "--set", "hours=2,3", "--time-limit", 30, "--plot", "svg", "-o", tmp_path, "-q",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    table = rows(tmp_path / "table.csv")
    assert [row["claim"] for row in table] == ["optimal"] * 2
    assert len(table[0]) > 12 and any(":" in name for name in table[0])
    assert (tmp_path / "sweep.svg").stat().st_size > 1000


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--set", "tops=1"], "no parameter 'tops'"), (["--set", "top=a,b"], "'top' takes float"),
     (["--encodings", "sos3", "--set", "top=1"], "no encoding")],
)  # fmt: skip
def test_wrong_grids_are_refused(words, said, tmp_path, model_file):
    done = run("sweep", model_file(), *words, "-o", tmp_path / "out")
    assert done.exit_code == 2 and said in done.stderr
    assert not (tmp_path / "out").exists()
