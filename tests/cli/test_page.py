"""The page of a solve: all of it, escaped, from one file, and a browser shows it without a complaint."""

from __future__ import annotations

import json
import sys

import browser
import pytest
from click.testing import CliRunner
from html_reader import read
from tiny import TINY

from kktgen import cli

MARKET = '''
"""A firm <b>&"offers"</b> its plant hour by hour."""

import kktgen as kg

HOURS = ["06:00", "07:00<script>alert(1)</script>", "08:00"]


def build(cap: float = 90.0):
    m = kg.Bilevel("market <b>&")
    offer = m.var("offer", lb=0, ub=cap, coords={"hour": HOURS}, unit="EUR/MWh")
    market = m.follower("market")
    g = market.var("g", lb=0, ub=[[50, 60]] * 3, coords={"hour": HOURS, "plant": ["own<i>", "rival"]}, unit="<MW>")
    balance = market.add(g.sum(axis=1) == [70, 40, 90], name="balance")
    market.minimize(offer @ g[:, 0] + 40 * g[:, 1].sum() + 0.1 * g[:, 1] @ g[:, 1])
    m.maximize((balance.dual - 20) @ g[:, 0], unit="EUR")
    return m


def report(result):
    return "own report </pre><script>"
'''


def run(*args):
    """Call the command line in this process."""
    return CliRunner().invoke(cli.cli, [str(arg) for arg in args], prog_name="kktgen")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return the page of a model whose names are hostile, as the command wrote it."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "market.py").write_text(MARKET)
    out = run("solve", folder / "market.py", "--certify", "--time-limit", "30", "-o", folder / "out", "--set", "cap=80")
    assert out.exit_code == 0, out.output
    assert "report.html" in out.stdout
    return folder / "out" / "report.html"


def test_the_page_tells_all_of_it(written):
    parsed = read(written.read_text(encoding="utf-8"))
    for title in ("The problem", "Values", "Plots", "Conditions", "Certificate", "Time", "How to repeat it"):
        assert title in parsed.text, title
    for words in (
        "market <b>&", 'A firm <b>&"offers"</b> its plant', "optimal : the point is bilevel-feasible, and no other",
        "every multiplier and slack lies in a proved box", "the leader maximises (EUR)", "g 3 x 2 (<MW>)",
        "offer (EUR/MWh): 3 values from", "own<i>", "stationarity(market)", "the leader's rows hold exactly",
        "own report </pre><script>", "--time-limit 30.0 --certify --output", "--set cap=80", "SCIP", "market.lp",
    ):  # fmt: skip
        assert words in parsed.text, words
    assert not {"script", "b", "i"} & set(parsed.tags)


def test_plots_are_in_the_page(written):
    pytest.importorskip("matplotlib", reason="plots need matplotlib")
    parsed = read(written.read_text(encoding="utf-8"))
    assert parsed.tags.count("svg") == 1 and "offer (EUR/MWh)" in parsed.text and "g(market) (<MW>)" in parsed.text


def test_values_are_those_of_the_json_file(written):
    answer = json.loads(written.with_name("market.json").read_text())
    parsed = read(written.read_text(encoding="utf-8"))
    assert all(f"{value:.6g}" in parsed.text for value in answer["leader"]["offer"])
    assert f"objective {answer['objective']:.6g} (EUR)" in parsed.text


def test_without_matplotlib_the_page_says_how_to_get_plots(model_file, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    out = run("solve", model_file("market.py", MARKET), "-q", "-o", tmp_path / "out")
    assert out.exit_code == 0, out.output
    parsed = read((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))
    assert "pip install 'kktgen[plots]'" in parsed.text and "svg" not in parsed.tags


def test_a_model_without_labels_has_no_plots(model_file, tmp_path):
    out = run("solve", model_file(), "-q", "-o", tmp_path / "out", "--encoding", "sos1")
    assert out.exit_code == 0, out.output
    text = read((tmp_path / "out" / "report.html").read_text(encoding="utf-8")).text
    assert "Plots" not in text and "tiny report: 6.1333" in text and "--encoding sos1" in text


def test_a_problem_without_a_point_is_explained(model_file, tmp_path):
    out = run("solve", model_file("tiny.py", TINY.replace("m.add(y <= 5)", "m.add(y <= -5)")), "-o", tmp_path / "out")
    assert out.exit_code == 1, out.output
    text = read((tmp_path / "out" / "report.html").read_text(encoding="utf-8")).text
    assert "Why there is no optimum" in text and "no point" in text and "Values" not in text


def test_a_search_has_a_page_too(model_file, tmp_path):
    out = run("solve", model_file(), "--method", "hho", "--population", "6", "--iterations", "2",
              "--start", "x=1.5", "-q", "-o", tmp_path / "out")  # fmt: skip
    assert out.exit_code == 0, out.output
    text = read((tmp_path / "out" / "report.html").read_text(encoding="utf-8")).text
    assert "bilevel-feasible : every condition holds" in text and "--method hho --population 6" in text


def test_without_a_folder_no_page_is_written(model_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("solve", model_file(), "-q").exit_code == 0
    assert not list(tmp_path.rglob("report.html"))


@browser.needed
def test_a_browser_shows_the_page_without_a_complaint(written, tmp_path):
    dom, complaints = browser.shown(written, tmp_path)
    assert complaints == ""
    assert "How to repeat it" in dom and "market &lt;b&gt;&amp;" in dom and "<script" not in dom
    assert read(dom).tags == [*read(written.read_text(encoding="utf-8")).tags]


@browser.needed
def test_a_complaint_of_the_browser_is_noticed(tmp_path):
    page = tmp_path / "bad.html"
    page.write_text("<!DOCTYPE html><title>bad</title><script>console.error('no'); missing()</script>")
    assert "CONSOLE" in browser.shown(page, tmp_path)[1]
