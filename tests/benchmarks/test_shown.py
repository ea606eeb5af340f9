"""What is told of runs: text and page."""

from __future__ import annotations

import re

import html_reader
from runs import record, unsolved

from kktgen.benchmarks import curves, shown


def some():
    return [
        record("a/1", "auto scip", time=1.0), record("a/2", "auto scip", time=4.0),
        record("a/1", "sos1 scip", time=2.0), unsolved("a/2", "sos1 scip"),
    ]  # fmt: skip


def test_the_text_has_figures_profile_and_times():
    text = shown.told(some())
    assert text.startswith("no disagreements")
    assert re.search(r"auto scip +2 +2 +2 +0 +0 +0 +0 +2.16 +- ", text)
    assert re.search(r"sos1 scip +2 +1 +1 +0 +1 +0 +0 +4.74 +25.00 ", text)
    assert re.search(r"way +0.1 +1 +2 +5 +10\n-+\nauto scip +0 +50 +50 +100 +100\nsos1 scip +0 +0 +50 +50 +50", text)
    assert re.search(r"way +1 +1.5 +2 +4 .*\n-+\nauto scip +100 +100 +100 .*\nsos1 scip +0 +0 +50 +50", text)


def test_what_is_wrong_stands_before_any_figure():
    text = shown.told([*some(), record("a/3", "auto scip", value=11.0, bound=11.0), record("a/3", "sos1 scip")])
    assert text.startswith("1 wrong answers:\n  wrong: a/3, auto scip, optimal, optimal, value 11, known 10")
    assert text.index("1 disagreements:") < text.index("Ways")


def test_runs_that_not_all_ways_have_are_left_out_and_told():
    text = shown.told([*some(), record("a/3", "auto scip")])
    assert "figures over the 2 of 3 instances and seeds" in text
    alone = shown.told([record("a/1", "auto scip"), record("a/2", "sos1 scip")])
    assert "figures over the 0 of 2 instances and seeds" in alone


def test_machines_states_and_load_are_told():
    here, there = ({"host": name, "calibration": speed, "cores": 2} for name, speed in (("x", 0.05), ("y", 0.1)))
    text = shown.told([
        record("a/1", machine=here, versions={"code": "1"}, load=2.9),
        record("a/2", machine=there, versions={"code": "2"}, load=9.0),
    ])  # fmt: skip
    assert "2 machines stand side by side; a fixed computation takes on x 0.05 s, y 0.1 s" in text
    assert "2 states of kktgen's code" in text
    assert "1 runs began with more load" in text


def test_a_comparison_is_told():
    text = shown.told_against(some(), [record(one["instance"], one["way"], time=1.0) for one in some()])
    assert re.search(r"now solved +a/2 +sos1 scip +0 of 1 +1 of 1", text)
    assert re.search(r"faster +a/2 +auto scip +4.00 s +1.00 s", text)
    assert re.search(r"auto scip +2 +0.632 +unknown +unknown", text)
    assert shown.told_against(some(), some()).startswith("nothing differs beyond the noise")


def test_a_page_is_whole_and_needs_nothing_else():
    page = shown.html([*some(), record("<b>&/1", "auto scip"), record("<b>&/1", "sos1 scip")], "Runs", some())
    html_reader.read(page)
    assert page.count("<svg") == 2 and "&lt;b&gt;&amp;/1" in page and "<b>&/1" not in page
    assert "http" not in page and "<script" not in page
    assert "Against the other runs" in page and page.count("<td") > 50


def test_curves_rise_at_their_values():
    svg = curves.steps({"one": [1.0, 10.0], "two": []}, 2, 1.0, 100.0, "seconds", "what")
    paths = re.findall(r'd="(M50\.0 [^"v]*)"', svg)
    assert paths == ["M50.0 258.0H50.0V135.0H250.0V12.0H450.0", "M50.0 258.0H450.0"]
    assert curves.steps({"late": [1000.0]}, 1, 1.0, 100.0, "s", "w").count("V12.0H") == 0


def test_what_failed_is_told_last_with_its_reason():
    lost = record("a/3", status="killed", claim=None, value=None, bound=None, ok=False, error="out of patience")
    last = shown.told([*some(), lost]).split("\n\n")[-1]
    assert last == "1 runs failed:\n  failed: a/3, auto scip, killed, known 10, out of patience"
    assert "runs failed" not in shown.told(some())
