"""Encodings and solvers held against each other: agreement, and every way a run can be wrong."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import orjson
import pytest
from click.testing import CliRunner
from problems import ALL

import kktgen as kg
from kktgen.cli import cli
from kktgen.recipes.agree import agree
from kktgen.recipes.agree.agreement import HEADER

pytest.importorskip("pyscipopt", reason="SCIP's library is not installed")

agreeing, optimizing = import_module("kktgen.recipes.agree"), import_module("kktgen.recipes.pipeline")
BY_NAME = {problem.name: problem for problem in ALL}
SCIP = ["scip"]
REAL = kg.solve


def verdicts(found: Any) -> dict[str, str]:
    return {run.origin: run.verdict for run in found.runs}


def lying(monkeypatch: pytest.MonkeyPatch, change: Any, encoding: str = "Indicator", where: Any = agreeing) -> None:
    """Let the solver change its answer to models of one encoding ('' for all)."""

    def solve(model: Any, solver: str = "scip", **options: Any) -> Any:
        found = REAL(model, solver, **options)
        return change(found) if not encoding or encoding in {used.encoding for used in model.encodings} else found

    monkeypatch.setattr(where, "solve", solve)


def handbook() -> kg.Bilevel:
    return BY_NAME["handbook"].build()


def worse_point(found: kg.Solution) -> np.ndarray:
    """Return the handbook's point x = 8, y = 0, value 8, where x + y <= 8 is active, and no better one alike."""
    m = handbook()
    z = np.zeros(len(m.space))
    z[0], z[m.followers[0].qp().mu[0]] = 8.0, 1.0
    assert kg.verify(m, z).ok
    return found.model.complete(z)


# -- agreement ----------------------------------------------------------------------------------


def test_all_encodings_and_solvers_agree():
    lines: list[str] = []
    found = agree(handbook(), told=lines.append)
    assert found.agreed and found.conclusion.endswith("all agree within 1e-04: 6.13333")
    assert {run.encoding for run in found.runs} == set(kg.encodings())
    ready = {name for name, about in kg.solvers().items() if about.available and not name.startswith("files:")}
    assert {run.solver for run in found.runs} == ready and len(found.runs) == len(ready) * len(kg.encodings())
    assert all(run.agrees for run in found.runs if run.solver == "scip")
    assert found.report.claim == "optimal" and found.solution.objective == pytest.approx(92 / 15)
    text = str(found)
    assert all(word in text for word in HEADER) and "claim of all runs together: optimal" in text
    assert lines[0].startswith("bounds: ") and lines[1].startswith("start point: objective 6.13333")
    assert any(line.startswith("run 1 of ") and "optimal: objective" in line for line in lines)
    data = found.to_dict()
    assert orjson.loads(orjson.dumps(data)) == data
    assert (data["agreed"], data["claim"], len(data["runs"])) == (True, "optimal", len(found.runs))


def test_a_solver_that_cannot_hold_a_model_is_a_row_that_says_why():
    pytest.importorskip("highspy", reason="HiGHS's library is not installed")
    found = agree(handbook(), ["sos1", "bigm"], ["scip", "highs"])
    assert verdicts(found)["sos1 by highs"] == "refused: HiGHS cannot solve SOS1 sets"
    assert found.agreed and "3 of 3 runs finished (1 refused)" in found.conclusion


def test_an_encoding_without_proved_constants_is_a_row_and_another_run_is_the_evidence():
    found = agree(BY_NAME["cournot"].build(), ["bigm", "sos1", "indicator"], SCIP)
    first, *others = found.runs
    assert (first.status, first.report) == ("refused", None)
    assert first.verdict.startswith("refused: BigM needs a bound on the multiplier of")
    assert {run.report.claim for run in others} == {"bilevel-feasible"}  # no box proved, each alone
    assert found.agreed and found.report.claim == "optimal"
    assert any("the evidence is a second solution" in reason for reason in found.report.reasons)


def test_runs_agree_that_there_is_no_point():
    """Two followers max y, y <= x, y <= 1 - x answer alike; the leader wants them apart."""
    m = kg.Bilevel("apart")
    x = m.var("x", lb=0, ub=1)
    y = []
    for name in ("a", "b"):
        f = m.follower(name)
        y.append(f.var("y"))
        f.add(y[-1] <= x, y[-1] <= 1 - x)
        f.maximize(y[-1])
    m.add(y[0] - y[1] >= 0.1)
    m.minimize(x)
    found = agree(m, ["sos1", "bigm"], SCIP)
    assert found.agreed and found.conclusion == "2 of 2 runs finished, all agree: infeasible"
    assert found.report.claim == "infeasible"


def test_a_model_without_pairs_is_solved_once_by_each_solver():
    m = kg.Bilevel("plain")
    m.maximize(m.var("x", lb=0, ub=3))
    found = agree(m, solvers=SCIP)
    assert [run.origin for run in found.runs] == ["no encoding by scip"] and not found.agreed
    assert "nothing confirms the 3 of no encoding by scip" in found.conclusion and found.report.claim == "optimal"


def test_one_run_confirms_nothing():
    found = agree(handbook(), ["sos1"], SCIP)
    assert not found.agreed and found.conclusion.startswith("1 of 1 run finished: nothing confirms the 6.13333 of")


def test_an_encoding_may_be_an_object_and_constants_that_cut_are_called_that():
    found = agree(handbook(), [kg.SOS1(), kg.BigM(slack=20.0, dual=0.1)], SCIP, start=False)
    assert list(verdicts(found)) == ["SOS1() by scip", "BigM(slack=20.0, dual=0.1) by scip"]
    assert not found.agreed and found.runs[1].disagrees
    assert "M too small, or a solver fault" in found.conclusion
    assert any("give larger constants" in text for text in found.runs[1].advice)


def test_what_is_asked_wrongly_is_refused():
    m = handbook()
    for bad in ([], "sos1"):
        with pytest.raises(kg.ProblemError, match="list of encodings"):
            agree(m, bad)
        with pytest.raises(kg.ProblemError, match="list of solvers"):
            agree(m, solvers=bad)
    with pytest.raises(kg.ProblemError, match="unknown encoding 'sos'"):
        agree(m, ["sos"])
    with pytest.raises(kg.SolverNotFound, match="no solver 'nobody'"):
        agree(m, solvers=["nobody"])
    with pytest.raises(kg.ProblemError, match="Bilevel"):
        agree(kg.kkt(m))
    with pytest.raises(kg.ProblemError, match="time_limit"):
        agree(m, time_limit=-1)


# -- disagreement -------------------------------------------------------------------------------


def test_a_bound_that_a_verified_point_beats(monkeypatch):
    lying(monkeypatch, lambda found: replace(found, bound=7.0))
    found = agree(handbook(), ["sos1", "indicator"], SCIP)
    assert not found.agreed and found.conclusion.startswith("DISAGREEMENT: indicator by scip: bound contradicts the")
    assert verdicts(found)["indicator by scip"].endswith(": solver fault") and found.runs[0].agrees
    assert any(text.startswith("what to do: compare other encodings") for text in found.runs[1].advice)
    assert found.report.claim == "bilevel-feasible"  # the proof of SOS1 stands, but which solver is right?
    assert found.report.bound == pytest.approx(92 / 15) and "the runs disagree" in found.report.reasons[0]
    assert "what to do" in str(found)


def test_a_model_called_infeasible(monkeypatch):
    lying(monkeypatch, lambda found: replace(found, status="infeasible", z=None, objective=None, bound=None))
    found = agree(handbook(), ["sos1", "indicator"], SCIP)
    said = verdicts(found)["indicator by scip"]
    assert said.startswith("called infeasible, against the verified point of ") and not found.agreed


def test_a_model_called_unbounded(monkeypatch):
    lying(monkeypatch, lambda found: replace(found, status="unbounded", z=None, objective=None, bound=None))
    found = agree(handbook(), ["sos1", "indicator"], SCIP)
    assert verdicts(found)["indicator by scip"] == "called unbounded, against the optimum of sos1 by scip"
    assert not found.agreed


def test_a_better_point_elsewhere(monkeypatch):
    lying(monkeypatch, lambda found: replace(found, z=worse_point(found), objective=8.0))
    found = agree(handbook(), ["indicator", "sos1"], SCIP, start=False)
    assert verdicts(found)["indicator by scip"].startswith("better point elsewhere: 6.1333333 of sos1 by scip")
    assert not found.agreed and found.solution.objective == pytest.approx(92 / 15)


def test_a_point_that_fails(monkeypatch):
    def spoil(found: kg.Solution) -> kg.Solution:
        z = found.z.copy()
        z[0] = 9.0  # above the leader's bound
        return replace(found, z=z)

    lying(monkeypatch, spoil)
    monkeypatch.setattr(agreeing, "polished", lambda model, found, deadline: (found, None))
    found = agree(handbook(), ["indicator", "sos1"], SCIP)
    assert verdicts(found)["indicator by scip"].startswith("its point fails ") and not found.agreed
    assert found.solution.objective == pytest.approx(92 / 15)


def test_the_start_heuristics_refute_every_run(monkeypatch):
    lying(monkeypatch, lambda found: replace(found, z=worse_point(found), objective=8.0, bound=8.0), encoding="")
    blind = agree(handbook(), ["sos1", "indicator"], SCIP, start=False)
    assert blind.agreed  # they err together
    found = agree(handbook(), ["sos1", "indicator"], SCIP)
    assert all(run.disagrees for run in found.runs) and found.report.claim != "optimal"
    assert "the verified point of the start heuristics" in found.conclusion


@pytest.mark.parametrize("objective", [None, 8.0])
def test_runs_that_did_not_finish_count_for_nothing(monkeypatch, objective):
    def late(found: kg.Solution) -> kg.Solution:
        z = None if objective is None else worse_point(found)
        return replace(found, status="time_limit", z=z, objective=objective, bound=5.0)

    lying(monkeypatch, late)
    found = agree(handbook(), ["sos1", "bigm", "indicator"], SCIP, start=False)
    assert found.agreed and "2 of 3 runs finished" in found.conclusion
    better = "; better point elsewhere (sos1 by scip)"
    assert verdicts(found)["indicator by scip"] == "time limit" + (better if objective else "")
    lying(monkeypatch, late, encoding="")
    found = agree(handbook(), ["sos1", "bigm"], SCIP, start=False)
    assert not found.agreed and found.conclusion.startswith("0 of 2 runs finished: nothing to compare")


def test_a_solver_that_dies_is_a_row(monkeypatch):
    def die(found: kg.Solution) -> kg.Solution:
        raise kg.SolverError("out of order")

    lying(monkeypatch, die)
    found = agree(handbook(), ["sos1", "bigm", "indicator"], SCIP)
    assert (found.runs[2].status, found.runs[2].verdict) == ("error", "error: out of order")
    assert found.agreed and "2 of 3 runs finished" in found.conclusion
    lying(monkeypatch, die, encoding="")
    assert agree(handbook(), ["sos1"], SCIP).report is None


def test_ctrl_c_ends_with_the_runs_that_are_done(monkeypatch):
    lying(monkeypatch, lambda found: replace(found, status="time_limit", raw={"status": "userinterrupt"}), "SOS1")
    lines: list[str] = []
    found = agree(handbook(), ["bigm", "sos1", "indicator"], SCIP, told=lines.append)
    assert len(found.runs) == 2 and lines[-1].startswith("interrupted")


# -- the same checks in the recipe --------------------------------------------------------------


def test_the_recipe_holds_its_start_point_against_the_solver(monkeypatch):
    def lie(found: kg.Solution) -> kg.Solution:
        return replace(found, bound=7.0)

    lying(monkeypatch, lie, encoding="", where=optimizing)
    report = kg.optimize(handbook()).report
    assert report.claim == "bilevel-feasible" and report.reasons[0].startswith("solver fault: the bound 7 of SCIP")

    def fake(found: kg.Solution) -> kg.Solution:
        z = found.z.copy()
        z[0] = 8.5  # above the leader's bound
        return replace(found, z=z, objective=0.0, bound=7.0)

    lying(monkeypatch, fake, encoding="", where=optimizing)
    monkeypatch.setattr(optimizing, "polished", lambda model, found, deadline: (found, None))
    report = kg.optimize(handbook()).report
    assert report.claim == "bilevel-feasible" and report.value == pytest.approx(92 / 15)
    assert report.reasons[0].endswith("this is the start point")
    assert any("is beaten by a verified point of value 6.133333333" in reason for reason in report.reasons)


def test_the_recipe_says_so_where_a_solver_calls_a_model_infeasible_that_has_a_point(monkeypatch):
    lying(
        monkeypatch, lambda found: replace(found, status="infeasible", z=None, objective=None, bound=None), encoding="",
        where=optimizing,
    )  # fmt: skip
    result = kg.optimize(handbook())
    assert result.solution.status == "error" and result.report.claim == "bilevel-feasible"
    assert "calls the model infeasible, yet there is a verified point" in result.report.reasons[0]
    assert result.report.reasons[1].startswith("what to do: ")


# -- the command --------------------------------------------------------------------------------


def run(*args: Any) -> Any:
    return CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="kktgen")


def test_the_command_prints_the_table(model_file):
    out = run("check", model_file(), "--encoding", "sos1,bigm", "--solver", "scip")
    assert out.exit_code == 0, out.output
    assert "tiny: encodings and solvers compared" in out.stdout and "verdict" in out.stdout
    assert "2 of 2 runs finished, all agree within 1e-04: 6.13333" in out.stdout
    assert "run 2 of 2: bigm by scip: optimal" in out.stderr and "run 2" not in out.stdout


def test_the_command_prints_json_alone(model_file):
    out = run("check", model_file(), "--encoding", "sos1,bigm", "--solver", "scip", "--json", "-q", "--set", "top=7")
    assert out.exit_code == 0 and out.stderr == ""
    data = orjson.loads(out.stdout)
    assert data["agreed"] is True and data["claim"] == "optimal" and data["parameters"]["top"] == 7
    assert [run["verdict"] for run in data["runs"]] == ["agrees", "agrees"]


def test_the_command_ends_with_1_where_runs_disagree(model_file, monkeypatch):
    lying(monkeypatch, lambda found: replace(found, bound=7.0))
    out = run("check", model_file(), "--encoding", "sos1,indicator", "--solver", "scip", "-q")
    assert out.exit_code == 1 and "DISAGREEMENT" in out.stdout and "kktgen: DISAGREEMENT" in out.stderr


@pytest.mark.parametrize(
    "args", [("--encoding", "sos"), ("--solver", "nobody"), ("--encoding", ","), ("--time-limit", 0)]
)
def test_the_command_refuses_a_wrong_question(model_file, args):
    out = run("check", model_file(), *args)
    assert out.exit_code == 2 and out.stdout == "" and len(out.stderr.splitlines()) == 1
