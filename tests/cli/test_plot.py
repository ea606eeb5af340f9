"""``kktgen plot``: what it draws, prints and refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tiny import TINY

import kktgen as kg
from kktgen import cli
from kktgen.catalog import plots


@pytest.fixture(scope="module", autouse=True)
def matplotlib() -> Any:
    return pytest.importorskip("matplotlib", reason="plots need matplotlib")


def run(*args: str | Path) -> Any:
    """Call the command line in this process."""
    return CliRunner().invoke(cli.cli, [str(arg) for arg in args], prog_name="kktgen")


DRAWN = """

PLOTS = {"point": "The point", "line": "A line"}


def plots(result):
    x, y = result.solution.z[:2]
    def of(name):
        series = [{"label": "value", "kind": "bar", "values": [x, y]}]
        return {"title": PLOTS[name], "x": ["x", "y"], "xlabel": "variable",
                "panels": [{"quantity": "value", "unit": "1", "series": series}]}
    return {name: of(name) for name in PLOTS}
"""


@pytest.fixture
def drawn(model_file) -> Path:
    """Return a model file with plots."""
    return model_file("drawn.py", TINY + DRAWN)


def test_plot_solves_and_writes_one_file_a_plot(drawn, tmp_path):
    out = run("plot", drawn, "-o", tmp_path / "out")
    assert out.exit_code == 0, out.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["drawn-line.png", "drawn-point.png"]
    assert "objective 6.13333" in out.stdout
    assert "drawn-line.png" in out.stdout


def test_plot_takes_names_format_and_parameters(drawn, tmp_path):
    out = run("plot", drawn, "--only", "point", "-f", "svg", "-o", tmp_path / "out", "--set", "slope=6")
    assert out.exit_code == 0, out.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["drawn-point.svg"]


def test_plot_of_a_file_claims_no_bound(drawn, tmp_path):
    assert run("solve", drawn, "-q", "-o", tmp_path).exit_code == 0
    out = run("plot", drawn, "--solution", tmp_path / "drawn.sol", "--only", "point", "-f", "svg", "-o", tmp_path)
    assert out.exit_code == 0, out.output
    assert "objective 6.13333 (file drawn.sol" in out.stdout
    assert "bilevel-feasible, no bound on the optimum" in (tmp_path / "drawn-point.svg").read_text()


def test_plot_of_a_point_that_fails_says_so(drawn, tmp_path):
    (tmp_path / "bad.sol").write_text("objective value: 1\nx 3\ny 5\n")
    out = run("plot", drawn, "--solution", tmp_path / "bad.sol", "--only", "point", "-f", "svg", "-o", tmp_path)
    assert out.exit_code == 1
    assert "fails verification" in out.stderr
    assert "not verified" in (tmp_path / "drawn-point.svg").read_text()


def test_plot_without_a_point_draws_nothing(drawn, tmp_path):
    out = run("plot", drawn, "--set", "top=0.1", "-o", tmp_path / "out")
    assert out.exit_code == 1
    assert "no point found: infeasible" in out.stderr
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["random_bilevel"], "offers no plots (a function plots(result)); those that do: carbon_vpp, cournot, d"),
        (["dso_vpp/short", "--only", "price"], "no plot 'price' (did you mean prices?); there are: prices, dispatch"),
        (["dso_vpp/short", "-f", "bmp"], "'bmp' is not one of 'png', 'svg'"),
        (["dso_vpp/short", "--solution", "nowhere.sol"], "no solution file nowhere.sol"),
    ],
)
def test_a_wrong_question_is_refused_before_the_solve(args, words, tmp_path, monkeypatch):
    monkeypatch.setattr(kg, "optimize", lambda *args, **options: pytest.fail("solved"))
    out = run("plot", *args, "-o", tmp_path)
    assert (out.exit_code, out.stdout) == (2, "")
    assert len(out.stderr.splitlines()) == 1
    assert words in out.stderr


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return 1 / 0", "plots() failed: line"),
        ("return [1]", "plots() returned no dict of plots by name"),
        ("return {'a': 1}", "plot: expected Mapping, got int"),
    ],
)
def test_plots_of_a_model_that_fail_are_one_line(model_file, tmp_path, body, words):
    out = run("plot", model_file("odd.py", f"{TINY}\n\ndef plots(result):\n    {body}\n"), "-o", tmp_path)
    assert out.exit_code == 2
    assert out.stderr.splitlines()[-1].startswith("kktgen: ")
    assert words in out.stderr


def test_only_a_plot_that_is_offered_when_the_model_names_none_beforehand(model_file, tmp_path):
    source = f"{TINY}\n\ndef plots(result):\n    return {{'a': 1}}\n"
    out = run("plot", model_file("odd.py", source), "--only", "b", "-o", tmp_path)
    assert out.exit_code == 2
    assert "no plot 'b'; there are: a" in out.stderr


def test_without_matplotlib_nothing_is_solved(monkeypatch):
    monkeypatch.setattr(kg, "optimize", lambda *args, **options: pytest.fail("solved"))
    monkeypatch.setattr(plots, "check_library", lambda: (_ for _ in ()).throw(kg.UnsupportedError("plots need it")))
    out = run("plot", "dso_vpp/short")
    assert (out.exit_code, out.stdout, out.stderr) == (2, "", "kktgen: plots need it\n")
