"""Solvers that are programs: the model goes out as a file, and whatever they do ends in a status or in our words."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from file_solver_models import knapsack, own_temporary_folder, small  # noqa: F401
from format_cases import CASES
from problems import ALL

import kktgen as kg
from kktgen.solvers import programs
from kktgen.solvers.programs.task import Task

READY = programs.ready()
PROGRAMS = ("files:cbc", "files:glpk", "files:highs", "files:scip")
SOLVERS = [
    pytest.param(name, marks=pytest.mark.skipif(name not in READY, reason=f"no program for {name} on this machine"))
    for name in PROGRAMS
]
every = pytest.mark.parametrize("solver", SOLVERS)


# -- optima, bounds, statuses ----------------------------------------------------------------------


@every
@pytest.mark.parametrize("name", CASES)
def test_known_optima(solver: str, name: str):
    """What a program does not take is refused by name; what it takes, it solves."""
    case, able = CASES[name], READY[solver]
    model = kg.kkt(case.build())
    if not model.features <= able.FEATURES or (solver, name) == ("files:highs", "07_miqp"):
        with pytest.raises(kg.UnsupportedError, match=f"^{able.TITLE} cannot solve"):
            kg.solve(model, solver)
        return
    sol = kg.solve(model, solver)
    digits = 0.5 if name == "05_precision" else 2e-5  # SCIP's and GLPK's solution files have 15 digits
    digits = 10.0 if (solver, name) == ("files:highs", "05_precision") else digits  # 1e-10 of terms that cancel
    assert sol.status == "optimal"
    assert sol.objective == pytest.approx(case.optimum, abs=digits)
    assert sol.bound == pytest.approx(case.optimum, abs=max(digits, 1e-4 * abs(case.optimum)))  # HiGHS stops there
    assert sol.objective == model.value(sol.z)
    assert sol.raw["violation"] <= (1e-5 if name == "05_precision" else 2e-6)  # its rows have units of up to 8
    assert sol.solver == f"{able.TITLE} {able.version()}"


@every
def test_maximised_with_a_constant(solver: str):
    sol = kg.solve(small(), solver, gap=0.0, threads=1)
    assert (sol.status, sol.objective) == ("optimal", pytest.approx(21, abs=1e-6))
    assert 21 - 1e-9 <= sol.bound <= 21 + 1e-4


@every
@pytest.mark.parametrize("kind", "CI")
def test_infeasible(solver: str, kind: str):
    m = kg.Bilevel("parity")
    x = m.var("x", 2, lb=0, ub=10, kind=kind)
    m.add(2 * x[0] + 4 * x[1] == (7 if kind == "I" else 70))
    m.minimize(x[0])
    sol = kg.solve(m, solver)
    assert sol.status in ("infeasible", "infeasible_or_unbounded")
    assert (sol.objective, sol.bound, sol.z) == (None, None, None)


@every
@pytest.mark.parametrize("kind", "CI")
def test_unbounded(solver: str, kind: str):
    m = kg.Bilevel("unbounded")
    x = m.var("x", 2, kind=kind)
    m.add(x[0] + 2 * x[1] <= 7)
    m.minimize(x[0])
    assert kg.solve(m, solver).status in ("unbounded", "infeasible_or_unbounded")


@every
def test_time_limit_keeps_point_and_bound(solver: str):
    model, began = knapsack(), time.perf_counter()
    sol = kg.solve(model, solver, time_limit=1.5)
    assert time.perf_counter() - began < 8
    assert sol.status == "time_limit"
    assert 3000 < sol.objective <= sol.bound
    assert sol.bound < 4100
    assert sol.raw["violation"] <= 1e-6
    assert kg.solve(model, solver, time_limit=0).status == "time_limit"


@every
def test_gap_limit_is_optimal_within_the_gap(solver: str):
    sol = kg.solve(knapsack(60, 10, 6), solver, gap=0.2, time_limit=60)
    assert sol.status == "optimal"
    assert sol.bound >= sol.objective
    assert sol.gap <= 0.25  # programs measure it differently


with_cbc = pytest.mark.skipif("files:cbc" not in READY, reason="CBC is not installed (apt install coinor-cbc)")


@with_cbc
def test_sets_that_cbc_gets_wrong_are_refused():
    """min -q1 - q2  s.t.  2 q1 + q2 - u == 9, q1 + 2 q2 - v == 8, q1 or u zero, q2 or v zero  is -17/3."""
    m = kg.Bilevel("firms")
    q, u = m.var("q", 2, lb=0), m.var("u", 2, lb=0)
    m.add(2 * q[0] + q[1] - u[0] == 9, q[0] + 2 * q[1] - u[1] == 8)
    m.sos1([q[0], u[0]]), m.sos1([q[1], u[1]])
    m.minimize(-q.sum())
    with pytest.raises(kg.UnsupportedError, match="^CBC cannot solve SOS1 sets of columns without bounds .*kg.bound"):
        kg.solve(m, "files:cbc")
    m.add(q <= 1e3, u <= 1e3)
    model = kg.kkt(m)
    model.space.ub[:] = 1e3
    assert kg.solve(model, "files:cbc").objective == pytest.approx(-17 / 3, abs=1e-5)


@with_cbc
@pytest.mark.parametrize("seed", [24, 105, 107, 113, 180])
def test_sets_that_cbc_gets_wrong_after_its_preprocessing(seed: int):
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(3, 9)), int(rng.integers(1, 5))
    m = kg.Bilevel("sets")
    x = m.var("x", n, lb=0, ub=10)
    A, z = rng.integers(-3, 4, (k, n)), np.where(rng.random(n) < 0.5, 0, rng.random(n) * 5)
    m.add(A @ x == A @ z)
    for _ in range(int(rng.integers(1, 4))):
        m.sos1([x[int(i)] for i in rng.choice(n, 2, replace=False)])
    m.minimize(rng.integers(-5, 6, n) @ x)
    exact, sol = kg.solve(m, "scip"), kg.solve(m, "files:cbc")
    assert sol.status == exact.status
    if exact.objective is not None:
        assert sol.objective == pytest.approx(exact.objective, abs=1e-4)


def test_a_gap_that_is_not_closed_is_told(monkeypatch: pytest.MonkeyPatch):
    """The bound lies between optimum and point plus gap."""
    model = knapsack(60, 10, 6)
    best = kg.solve(model, "highs", gap=0, time_limit=60)
    for solver in READY:
        sol = kg.solve(model, solver, gap=0.1, time_limit=60)
        assert sol.bound >= best.objective - 1e-6, solver
        assert sol.objective <= best.objective + 1e-6, solver


def test_highs_optimum_of_a_quadratic_objective_is_proved_by_its_multipliers(monkeypatch: pytest.MonkeyPatch):
    m = kg.Bilevel("qp")
    x = m.var("x", 3, lb=0, ub=2)
    m.add(kg.between(1, x.sum(), 1.5), x[0] - x[1] == 0.25)
    m.minimize((x - 1) @ (x - 1) + x[2] + 3)
    exact = kg.solve(m, "scip")
    sol = kg.solve(m, "files:highs")
    assert sol.status == "optimal"
    assert sol.bound == pytest.approx(exact.objective, abs=1e-5)
    honest = Task.read
    monkeypatch.setattr(Task, "read", lambda task: (honest(task)[0], honest(task)[1] + np.array([0.25, 0.25, 0.0])))
    with pytest.raises(kg.SolverError, match="that is not: duality gap"):
        kg.solve(m, "files:highs")


# -- starts ------------------------------------------------------------------------------------------

NO_SEARCH = {
    "files:scip": {"limits/nodes": 1, "presolving/maxrounds": 0},
    "files:highs": {"mip_max_nodes": 0, "mip_heuristic_effort": 0.0, "presolve": "off"},
    "files:cbc": {"maxNodes": 0, "heuristics": "off", "preprocess": "off", "cuts": "off"},
}


def equations() -> tuple[kg.Model, np.ndarray]:
    """Equations in binaries that have a solution, which no heuristic finds."""
    rng = np.random.default_rng(4)
    A, z = rng.integers(0, 100, (4, 40)), rng.integers(0, 2, 40).astype(float)
    m = kg.Bilevel("split")
    x = m.var("x", 40, kind="B")
    m.add(A @ x == A @ z)
    m.minimize(x.sum() - 2.5)
    return kg.kkt(m), z


@pytest.mark.parametrize("solver", [one for one in SOLVERS if one.values[0] != "files:glpk"])
def test_a_start_is_taken(solver: str):
    if solver == "files:highs" and READY[solver].version().startswith("1.11."):
        pytest.skip("HiGHS 1.11 reads a start and makes nothing of it")
    model, z = equations()
    few = {"time_limit": 10.0} if solver == "files:cbc" else {}
    nothing = NO_SEARCH[solver] if solver != "files:cbc" else {**NO_SEARCH[solver], "seconds": 1}
    assert kg.solve(model, solver, **nothing).z is None
    sol = kg.solve(model, solver, start=z, **nothing, **few)
    assert sol.objective is not None
    assert sol.objective <= z.sum() - 2.5 + 1e-6


def test_scip_completes_a_start():
    model, z = equations()
    z[::7] = np.nan
    assert kg.solve(model, "files:scip", **NO_SEARCH["files:scip"]).z is None
    assert kg.solve(model, "files:scip", start=z, **NO_SEARCH["files:scip"]).z is not None


def test_a_start_has_the_columns_that_only_the_file_has():
    """Slacks of indicator rows and the column of a quadratic objective: without them the start is infeasible."""
    m = kg.Bilevel("indicators")
    x, y = m.var("x", lb=0, ub=10), m.var("y", lb=0, ub=4)
    b, d = m.var("b", kind="B"), m.var("d", kind="B")
    m.minimize(-x + y - 9.5 * b + d + 0.01 * (x @ x + y @ y))
    m.indicator(b, 1, x <= 1)
    m.indicator(d, 0, x + y >= 6)
    m.indicator(d, 1, x - y == 0)
    best = kg.solve(m, "scip")
    nothing = {"limits/nodes": 1, "presolving/maxrounds": 0, "limits/time": 0.0}
    assert kg.solve(m, "files:scip", **nothing).z is None
    sol = kg.solve(m, "files:scip", start=best, **nothing)
    assert sol.objective == pytest.approx(best.objective, abs=1e-6)
    partial = best.z.copy()
    partial[x.cols] = np.nan
    assert kg.solve(m, "files:scip", start=partial).status == "optimal"


# -- options and refusals ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("solver", "options"),
    [
        ("files:cbc", {"no_such_thing": 3}),
        ("files:glpk", {"no_such_thing": True}),
        ("files:scip", {"limits/tme": 1}),
        ("files:highs", {"time_limt": 1}),
        ("files:highs", {"presolve": "maybe"}),
        ("files:scip", {"limits/nodes": "many"}),
    ],
)
def test_unknown_options_are_named(solver: str, options: dict):
    if solver not in READY:
        pytest.skip(f"no program for {solver} on this machine")
    with pytest.raises(kg.ProblemError, match=next(iter(options))):
        kg.solve(small(), solver, **options)


def test_options_reach_the_program(capfd: pytest.CaptureFixture):
    for solver, options, said in (
        ("files:cbc", {"maxNodes": 7}, "maxNodes was changed from 2147483647 to 7"),
        ("files:glpk", {"cuts": True}, "Cuts on level 0"),
        ("files:scip", {"display/verblevel": 5}, "SCIP Status"),
        ("files:highs", {"presolve": "off"}, "Presolve is switched off"),
    ):
        if solver in READY:
            kg.solve(small(), solver, verbose=True, **options)
            assert said in capfd.readouterr().out
            kg.solve(small(), solver)
            assert capfd.readouterr() == ("", "")


def test_programs_that_are_not_there():
    with pytest.raises(kg.SolverNotFound, match="no solver 'files:cbk' .did you mean files:cbc.*files:gurobi"):
        kg.solve(small(), "files:cbk")
    with pytest.raises(kg.SolverNotFound, match="no program 'no_such_program'.*installed"):
        kg.solve(small(), "files:no_such_program {model} {solution}")


@pytest.mark.parametrize("solver", ["gurobi", "cplex", "cbc", "glpk"])
def test_a_program_that_is_not_on_path_says_where_to_get_it(solver: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "/nowhere")
    known = programs.externals()[f"files:{solver}"]
    with pytest.raises(kg.SolverNotFound, match=f"no program '{known.record.PROGRAMS[0]}' on PATH .{known.INSTALL}"):
        kg.solve(small(), f"files:{solver}")
    assert f"files:{solver}" not in kg.solvers()


def test_the_list_of_solvers_has_the_programs():
    info = kg.solvers()
    assert {name for name in info if name.startswith("files:")} == set(READY)
    for name, one in READY.items():
        assert info[name].available
        assert info[name].version == one.version()
        assert any(letter.isdigit() for letter in info[name].version)


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
@every
def test_ctrl_c_returns_the_best_point(solver: str, tmp_path: Path):
    source = """
    import sys, tempfile, threading
    tempfile.tempdir = sys.argv[2]
    import kktgen as kg
    from file_solver_models import knapsack
    from kktgen.solvers.driving.checks import interrupted
    threading.Timer(2.5, lambda: print("ready", flush=True)).start()
    sol = kg.solve(knapsack(), sys.argv[1], time_limit=60)
    print(sol.status, sol.objective is not None, interrupted(sol), flush=True)
    """
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(source), solver, str(tmp_path / "temporary")],
        stdout=subprocess.PIPE, text=True, env=env,
    )  # fmt: skip
    try:
        assert child.stdout.readline().strip() == "ready"
        child.send_signal(signal.SIGINT)
        began = time.perf_counter()
        out, _ = child.communicate(timeout=40)
    finally:
        child.kill()
    assert out.strip() == f"time_limit {solver != 'files:glpk'} True"
    assert time.perf_counter() - began < 15
    assert child.returncode == 0


# -- the whole way -----------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", [one for one in SOLVERS if one.values[0] != "files:scip"])
def test_the_recipe_by_a_program(solver: str):
    problem = next(one for one in ALL if one.name == "handbook")
    result = kg.optimize(problem.build(), solver=solver, encoding="bigm", time_limit=60)
    assert result.solution.objective == pytest.approx(problem.objective, abs=1e-4)
    assert result.report.ok
    assert result.report.claim == "optimal", str(result.report)
    assert READY[solver].TITLE in str(result.solution)


@every
def test_unbounded_integers_are_not_called_infeasible(solver: str):
    """``min x_1`` over integers x_1 <= 6 that are in no row: CBC's preprocessing says "infeasible"."""
    m = kg.Bilevel("endless")
    x = m.var("x", 5, lb=[0, -np.inf, 0, -np.inf, 0], ub=[1, 6, 1, 4, 1], kind="I")
    m.add(-3 * x[0] + 2 * x[2] + 2 * x[3] - 2 * x[4] <= -5)
    m.minimize(-2 * x[0] + 2 * x[1] + x[2] - 2 * x[3] - 3 * x[4])
    assert kg.solve(m, solver, time_limit=20).status in ("unbounded", "infeasible_or_unbounded")
