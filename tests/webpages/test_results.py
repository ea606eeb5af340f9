"""The page of results: grades, figures, curves, machines, seconds by instance, every run."""

from __future__ import annotations

import re

from html_reader import Strict
from runs import record, unsolved

from kktgen.library.selection import selected
from kktgen.webpages import site

HERE = {"host": "abc", "cpu": "Some <CPU>", "cores": 4, "os": "Linux", "python": "3.11", "calibration": 0.0625}


def told(tmp_path, *records):
    """Return the words and the text of the page of the cournot family and some runs."""
    pages, _ = site.write(selected(["cournot"]), tmp_path, records)
    parser = Strict()
    parser.feed(text := pages[1].read_text(encoding="utf-8"))
    parser.close()
    assert parser.open == []
    return re.sub(r" (?=[,.])", "", parser.text.partition('"use strict"')[0]), text


def test_without_runs_it_says_what_is_proved_and_how_to_get_runs(tmp_path):
    words, text = told(tmp_path)
    assert "Of 8 instances the optimum of" in words and "kktgen catalogue -o site/ --runs results/" in words
    assert 'id="list"' not in text


def test_runs_have_figures_curves_machines_and_times(tmp_path):
    words, text = told(
        tmp_path, record("cournot/duopoly", machine=HERE, load=1.5), record("cournot/five", time=4.0, machine=HERE),
        record("cournot/duopoly", "sos1 scip", time=0.5, machine=HERE), unsolved("cournot/five", "sos1 scip"),
    )  # fmt: skip
    assert "4 runs on 2 instances: 3 right, 0 better, 1 open, 0 wrong, 0 failed" in words
    assert "no disagreements" in words and "auto scip 2 2 2 0 0 0 0 2.16" in words
    assert 'aria-label="performance profile, ' in text and 'aria-label="share solved over time, of ' in text
    assert "abc 3 Some <CPU> 4 Linux 3.11 0.0625 1.5" in words
    assert "cournot/duopoly 1.00 0.50" in words and "cournot/five 4.00 open" in words
    assert "<b>0.50</b>" in text and "<b>1.00</b>" not in text


def test_wrong_answers_and_disagreements_stand_first(tmp_path):
    words, _ = told(tmp_path, record(value=11.0, bound=11.0), record(way="sos1 scip"))
    assert words.index("1 wrong answers") < words.index("1 disagreements") < words.index("Ways, ")
    assert "a/1 WRONG 1.00" in words


def test_a_way_alone_has_no_fastest_one(tmp_path):
    _, text = told(tmp_path, record(), record(seed=1, time=3.0))
    assert ">2.00</td>" in text and "<b>2.00</b>" not in text
