"""A run's answer taken into what is known: better values and bounds alone, and never what a point refutes."""

from __future__ import annotations

import pytest

from kktgen.library.merge import Found, merged


def found(value=None, bound=None, claim="bilevel-feasible", sense="max", **record):
    by = {"by": "kktgen 0.1.0, auto, SCIP 10", "claim": claim, **record}
    return Found(sense, by, value, bound, claim, None if value is None else 1e-9)


OLD = {"objective": 10.0, "bound": 10.0, "claim": "optimal", "source": "old"}


def test_a_first_run():
    out = merged({}, found(3.0, 4.0), False)
    assert out.takes_point and list(out.known) == [
        "sense", "best", "bound", "claim", "infeasibility", "source", "history",
    ]  # fmt: skip
    assert (out.known["best"], out.known["bound"], out.known["claim"]) == (3.0, 4.0, "bilevel-feasible")


def test_the_same_value_brings_its_point_and_its_record():
    out = merged(OLD, found(10.0 + 1e-7, 10.0, "optimal"), False)
    assert out.takes_point and out.known["claim"] == "optimal" and not out.said
    assert [record["by"] for record in out.known["history"]] == ["old", "kktgen 0.1.0, auto, SCIP 10"]
    assert not merged(OLD, found(10.0, 10.0, "optimal"), True).takes_point


def test_a_worse_value_is_history_and_is_told_where_the_better_one_has_no_point():
    out = merged(OLD, found(9.0, 12.0), False)
    assert not out.takes_point and (out.known["objective"], out.known["bound"]) == (10.0, 10.0)
    assert "has no point" in out.said[0] and len(out.known["history"]) == 2
    assert merged(OLD, found(9.0, 12.0), True).said == []
    assert "this run found none" in merged(OLD, found(None, 12.0), False).said[0]


@pytest.mark.parametrize(("sense", "value", "bound"), [("max", 12.0, 15.0), ("min", 8.0, 5.0)])
def test_a_better_verified_value_ends_the_old_claim(sense, value, bound):
    out = merged(OLD, found(value, bound, sense=sense), True)
    assert out.takes_point and out.known["best"] == value and out.known["bound"] == bound
    assert out.known["claim"] == "bilevel-feasible" and "objective" not in out.known
    assert "is refuted" in out.said[0]


def test_a_tighter_bound_is_taken_a_looser_one_is_not():
    old = {"sense": "max", "best": 10.0, "bound": 20.0, "claim": "bilevel-feasible", "source": "old"}
    assert merged(old, found(None, 15.0), True).known["bound"] == 15.0
    assert merged(old, found(None, 25.0), True).known["bound"] == 20.0


def test_a_bound_that_contradicts_the_value():
    out = merged(OLD, found(None, 8.0), True)
    assert (out.known["objective"], out.known["bound"], out.known["claim"]) == (10.0, 10.0, "optimal")
    assert "dropped" in out.said[0]
    out = merged(OLD, found(8.0, 8.0, "optimal"), False)
    assert out.known["claim"] == "bilevel-feasible" and out.known["best"] == 10.0
    assert any("which has no point" in line for line in out.said)


def test_a_proof_makes_the_best_value_the_objective():
    old = {"best": 10.0, "bound": 20.0, "claim": "bilevel-feasible", "source": "old", "published": 9.0}
    known = merged(old, found(10.0, 10.0, "optimal"), True).known
    assert (known["objective"], known["bound"], known["claim"], known["published"]) == (10.0, 10.0, "optimal", 9.0)
    assert "best" not in known


def test_a_problem_without_points():
    known = merged({}, found(None, None, "infeasible"), False).known
    assert known["claim"] == "infeasible" and not {"objective", "best", "bound"} & set(known)


def test_the_same_run_of_the_same_day_is_recorded_once():
    first = merged({}, found(3.0, 4.0, date="2026-11-28", gap=0.3, best=3.0), False).known
    assert len(merged(first, found(2.0, 4.0, date="2026-11-28", gap=0.1, best=2.0), True).known["history"]) == 2
    assert len(merged(first, found(3.0, 3.5, date="2026-11-28", gap=0.2, best=3.0), True).known["history"]) == 1
    assert len(merged(first, found(3.0, 3.5, date="2026-11-29", gap=0.2, best=3.0), True).known["history"]) == 2
    assert len(merged(first, found(3.0, 9.0, date="2026-11-28", gap=2.0, best=3.0), True).known["history"]) == 2


def test_a_proved_value_is_called_objective_whatever_it_was_called():
    known = {**OLD, "best": 10.0, "sense": "max"}
    del known["objective"]
    got = merged(known, found(10.0), True).known
    assert got["objective"] == 10.0 and "best" not in got and got["claim"] == "optimal"
