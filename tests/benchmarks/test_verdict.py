"""Verdicts: a run held against what is known."""

from __future__ import annotations

import pytest
from runs import record, unsolved

from kktgen.benchmarks.verdict import Known, fails, solves, verdict

BEST = {"best": 11.0, "bound": 8.0, "claim": "bilevel-feasible"}
INFEASIBLE = {"status": "infeasible", "claim": "infeasible", "says": "infeasible", "ok": False, "value": None}


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "right"),
        ({"value": 10.0005, "bound": 10.0005}, "right"),
        ({"value": 10.1, "bound": 10.1}, "wrong"),
        ({"value": 10.1, "bound": 10.1, "sense": "max"}, "better"),
        ({"value": 9.9, "bound": 9.9, "sense": "max"}, "wrong"),
        ({"value": 9.0, "bound": 9.0}, "better"),
        ({"ok": False}, "wrong"),
        ({"known": BEST, "value": 11.0, "bound": 11.0}, "better"),
        ({"known": BEST, "value": 10.0, "bound": 10.0}, "better"),
        ({"known": BEST, "value": 11.5, "bound": 11.5}, "wrong"),
        ({"known": {}}, "better"),
        ({"known": {"objective": 10.0}}, "right"),
        ({"known": {"objective": 10.0, "claim": "bilevel-feasible"}}, "better"),
        (INFEASIBLE, "wrong"),
        ({**INFEASIBLE, "known": {"claim": "infeasible"}}, "right"),
        ({**INFEASIBLE, "known": {}}, "open"),
    ],
)
def test_what_ended_is_right_or_wrong(fields, word):
    assert record(**fields)["verdict"] == word


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "open"),
        ({"known": {}}, "open"),
        ({"known": {"best": 12.5}}, "better"),
        ({"known": {"best": 12.5}, "ok": False}, "open"),
        ({"value": 9.0}, "better"),
        ({"bound": 10.5}, "wrong"),
        ({"bound": 12.5, "known": {}}, "wrong"),
        ({"bound": None, "value": None, "ok": False}, "open"),
        ({"sense": "max", "value": 8.0, "bound": 12.0}, "open"),
        ({"sense": "max", "value": 8.0, "bound": 9.5}, "wrong"),
    ],
)
def test_what_did_not_end_is_open_unless_it_contradicts(fields, word):
    assert unsolved(**fields)["verdict"] == word


@pytest.mark.parametrize("status", ["killed", "crashed", "memory", "refused", "lost", "failed", "error"])
def test_no_answer_is_a_failure(status):
    assert verdict({**record(), "status": status}) == "failed"
    assert not solves(record(status=status))


def test_a_guess_is_counted_wrong_and_not_held_against_kktgen():
    mine, guess = (record(way=f"{way} scip", value=11.0, bound=11.0) for way in ("auto", "guessed-big-m"))
    assert mine["verdict"] == guess["verdict"] == "wrong"
    assert fails(mine) and not fails(guess)
    assert not solves(guess)


def test_what_is_known_may_be_of_either_schema():
    assert Known.of({"objective": 3, "claim": "optimal"}) == Known(3.0, 3.0, True, False)
    assert Known.of({"best": 3, "bound": 2, "claim": "bilevel-feasible"}) == Known(3.0, 2.0, False, False)
    assert Known.of({"claim": "infeasible"}) == Known(None, None, False, True)
    assert Known.of({"objective": 0, "claim": "equilibrium verified"}).proved
