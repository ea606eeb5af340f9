"""Integer followers by several solvers, each with its own masters, held against each other."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import pytest

import kktgen as kg
from kktgen.catalog import build, load_instance
from kktgen.solvers.driving.checks import INTERRUPTED

masters = import_module("kktgen.recipes.agree.masters")
NAME = "classics/bilevel_jump_mibs_1"


def test_two_solvers_agree_on_the_known_value():
    said = []
    found = kg.agree(build(NAME), solvers=["scip", "highs"], time_limit=30, told=said.append)
    assert [run.verdict for run in found.runs] == ["agrees", "agrees"] and found.agreed
    assert "SCIP" in found.runs[0].solution.solver and "HiGHS" in found.runs[1].solution.solver
    assert found.solution.objective == pytest.approx(load_instance(NAME).known["objective"])
    assert found.report.claim == "optimal" and len(said) == 4
    assert "2 of 2 runs finished, all agree" in str(found)


def test_encodings_of_the_masters_are_rows_of_their_own():
    found = kg.agree(build(NAME), ["bigm", "indicator"], ["scip"], time_limit=30)
    assert [(run.encoding, run.verdict) for run in found.runs] == [("bigm", "agrees"), ("indicator", "agrees")]


def test_a_solver_that_cannot_hold_a_master_is_a_row_that_says_so():
    found = kg.agree(build("unit_commitment/t3_curve"), solvers=["scip", "highs"], time_limit=30)
    assert [run.verdict for run in found.runs] == ["agrees", "refused: HiGHS cannot solve nonconvex quadratic rows "
                                                   "(products of variables)"]  # fmt: skip
    assert not found.agreed and "nothing confirms" in found.conclusion


def spoilt(monkeypatch, **changes):
    """Let the second run's solution be another one."""
    honest, count = masters.optimize, []

    def solved(*arguments, **options):
        result = honest(*arguments, **options)
        count.append(1)
        if len(count) < 2:
            return result
        report = replace(result.report, value=changes.get("objective", result.report.value))
        return replace(result, solution=replace(result.solution, **changes), report=report)

    monkeypatch.setattr(masters, "optimize", solved)
    return kg.agree(build(NAME), solvers=["scip", "highs"], time_limit=30)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"bound": 9.0}, "bound contradicts the verified point of responses by scip"),
        ({"objective": 9.0}, "better point elsewhere: 8 of responses by scip"),
        ({"status": "infeasible"}, "called infeasible, against the verified point of"),
    ],
)
def test_what_disagrees_is_told_and_nothing_is_claimed(monkeypatch, changes, verdict):
    found = spoilt(monkeypatch, **changes)
    assert found.runs[1].verdict.startswith(verdict) and found.runs[1].disagrees
    assert not found.agreed and found.conclusion.startswith("DISAGREEMENT")
    assert found.report.claim == "bilevel-feasible" and "disagree" in found.report.reasons[0]


def test_an_open_bound_agrees_with_nobody(monkeypatch):
    found = spoilt(monkeypatch, bound=7.0, status="time_limit")
    assert found.runs[1].verdict == "time limit; bound open" and not found.agreed


def test_without_a_point_anywhere_nothing_is_claimed():
    m = kg.Bilevel("none")
    x = m.var("x", lb=0, ub=1, kind="B")
    f = m.follower("f")
    y = f.var("y", lb=0, ub=3, kind="I")
    f.minimize(-y)
    f.add(y <= 2 + x)
    m.add(y <= 1)
    m.minimize(x)
    found = kg.agree(m, solvers=["scip", "highs"], time_limit=30)
    assert [run.verdict for run in found.runs] == ["agrees: infeasible", "agrees: infeasible"] and found.agreed
    assert found.solution.z is None


def test_ctrl_c_ends_the_comparison_with_the_run_that_is_done(monkeypatch):
    said, honest = [], masters.optimize

    def solved(*arguments, **options):
        result = honest(*arguments, **options)
        return replace(result, solution=replace(result.solution, status="time_limit", raw={"status": INTERRUPTED}))

    monkeypatch.setattr(masters, "optimize", solved)
    found = kg.agree(build(NAME), solvers=["scip", "highs"], time_limit=30, told=said.append)
    assert [run.solver for run in found.runs] == ["scip"] and said[-1].startswith("interrupted")
