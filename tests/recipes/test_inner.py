"""Inner copies beside the encodings: bounds that no run may beat, and what is said where one does."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import pytest

import kktgen as kg

inner = import_module("kktgen.recipes.agree.inner")


def feeder(least=0.80):
    m = kg.Bilevel("feeder")
    p = m.var("p", lb=0, ub=60)
    f = m.follower("operator")
    P, Q = f.var("P", lb=0, ub=2), f.var("Q", lb=0, ub=1)
    l, g = f.var("l", lb=0, ub=5), f.var("g", lb=0, ub=1)
    f.add(P + g - 0.08 * l == 1.2, Q - 0.06 * l == 0.4, name="balance")
    f.add(1 - 0.16 * P - 0.12 * Q + 0.01 * l >= least, name="voltage")
    current = f.add(l >= P @ P + Q @ Q, name="current")
    f.minimize(30 * P + p @ g)
    m.maximize(p @ g - 10 * g)
    return m, current


def compared(m, **options):
    return kg.agree(m, ["bigm", "sos1"], ["scip"], time_limit=30, start=False, **options)


def test_the_bound_stands_beside_the_runs_and_is_no_answer():
    said = []
    found = compared(feeder()[0], told=said.append)
    run = found.runs[-1]
    assert run.origin == "inner copy, 128 chords by scip" and run.status == "optimal"
    assert run.solution is None and run.report is None and run.value is None and run.gap is None
    assert 21.1398 < run.bound < 21.172
    assert run.verdict.startswith("holds: a bound alone, 9") and not run.agrees and not run.disagrees
    assert found.agreed and found.report.claim == "optimal"
    assert found.solution.objective == pytest.approx(21.1398, abs=1e-3)
    assert found.report.bound == pytest.approx(found.solution.objective, rel=1e-4)
    assert found.conclusion.startswith("2 of 2 runs finished, all agree within 1e-04: 21.1398; no point is better than")
    assert found.to_dict()["runs"][-1]["objective"] is None and found.to_dict()["runs"][-1]["bound"] == run.bound
    assert said[-1].startswith("inner copy, 128 chords by scip: optimal, bound 21.1")


def test_a_bound_that_meets_the_value_agrees():
    found = compared(feeder(0.85)[0])
    assert found.runs[-1].verdict == "agrees: a bound alone, which meets the best verified value"
    assert found.conclusion.startswith("3 of 3 runs finished, all agree within 1e-04: 30.03")


def test_a_leader_in_the_rows_gets_fewer_chords_and_pairs():
    m = kg.Bilevel("converter")
    size = m.var("size", lb=1, ub=5)
    f = m.follower("converter")
    power = f.var("power", 2, lb=0, ub=10)
    f.add(kg.norm(power) <= size, name="limit")
    f.maximize(3 * power[0] + 4 * power[1])
    m.maximize(3 * power[0] - size * size)
    run = compared(m).runs[-1]
    assert (
        run.encoding == "inner copy, 16 chords" and 0.8 < run.bound < 1.2 and run.verdict.startswith("holds: a bound")
    )


def test_a_bound_that_is_not_tight_confirms_nothing():
    found = kg.agree(feeder()[0], ["bigm"], ["scip"], time_limit=30, start=False)
    assert not found.agreed and found.conclusion.startswith("1 of 1 run finished: nothing confirms the 21.1398 of bigm")
    assert "; no point is better than 21.1" in found.conclusion


def test_what_has_no_copy_says_so():
    m, current = feeder()
    m.add(current.dual >= -9, name="cap")
    run = compared(m).runs[-1]
    assert (run.encoding, run.status) == ("inner copy", "refused")
    assert run.verdict.startswith("refused: inner_copy: row 'cap' holds the multiplier mu(operator,current)")
    assert kg.agree(feeder()[0], ["bigm"], ["highs"], time_limit=30).runs[-1].verdict.startswith("refused: HiGHS")


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"bound": 21.0}, "bound contradicts the verified point of"),
        ({"status": "infeasible", "bound": None}, "called infeasible, against the verified point of"),
    ],
)
def test_a_bound_that_a_verified_point_beats_is_a_disagreement(monkeypatch, changes, verdict):
    honest = inner.solve
    monkeypatch.setattr(inner, "solve", lambda *args, **options: replace(honest(*args, **options), **changes))
    found = compared(feeder()[0])
    assert found.runs[-1].verdict.startswith(verdict) and found.runs[-1].disagrees and not found.agreed
    assert found.conclusion.startswith("DISAGREEMENT: inner copy, 128 chords by scip")
    assert found.report.claim == "bilevel-feasible" and "disagree" in found.report.reasons[0]


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"status": "time_limit", "bound": None}, "time limit; no bound"),
        (
            {"status": "time_limit", "bound": 25.0},
            "holds: time limit; a bound alone, 1.8e-01 from",
        ),
    ],
)
def test_what_is_not_finished_refutes_nothing(monkeypatch, changes, verdict):
    honest = inner.solve
    monkeypatch.setattr(inner, "solve", lambda *args, **options: replace(honest(*args, **options), **changes))
    found = compared(feeder()[0])
    assert found.runs[-1].verdict.startswith(verdict) and found.agreed and found.report.claim == "optimal"


def test_what_fails_is_a_row_that_says_so(monkeypatch):
    def fails(*args, **options):
        raise kg.SolverError("no linear program today")

    for name in ("bound", "solve"):
        with monkeypatch.context() as patch:
            patch.setattr(inner, name, fails)
            found = compared(feeder(0.85)[0])
            assert found.runs[-1].verdict == "error: no linear program today" and found.agreed


def test_without_curved_rows_there_is_no_such_run():
    m = kg.Bilevel("toll")
    toll = m.var("toll", lb=0, ub=3)
    driver = m.follower("driver")
    road = driver.var("road", lb=0, ub=1)
    driver.minimize(toll @ road - 2 * road)
    m.maximize(toll @ road)
    assert [run.encoding for run in compared(m).runs] == ["bigm", "sos1"]


def test_a_follower_without_a_point_has_no_copy():
    verdict = compared(feeder(0.99)[0]).runs[-1].verdict
    assert verdict.startswith("refused: inner_copy: follower 'operator': no point strictly inside the rows 'current'")


def test_without_a_verified_point_a_bound_refutes_nothing():
    m, _ = feeder()
    m.add(m.variable("p") <= 10, m.variable("operator.g") <= 0.1)
    found = compared(m)
    assert {run.verdict for run in found.runs} == {"agrees: infeasible"} and found.report.claim == "infeasible"
    assert found.runs[-1].outcome == "infeasible"


def test_a_bound_without_any_point_is_told(monkeypatch):
    m, _ = feeder()
    honest = import_module("kktgen.recipes.agree").solve
    monkeypatch.setattr("kktgen.recipes.agree.solve", lambda *args, **options: replace(
        honest(*args, **options), status="time_limit", z=None, objective=None, bound=None
    ))  # fmt: skip
    run = compared(m).runs[-1]
    assert run.verdict == "holds: a bound alone, and no verified point to hold it against"
