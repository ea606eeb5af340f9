"""Every solver found solves small models with known optima, says what it cannot take, and fails in our own words."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from installed_solvers import INFO, knapsack, needs, taking

import kktgen as kg
from kktgen.model.model import FEATURES
from kktgen.model.solution import STATUSES
from kktgen.numerics import programs
from kktgen.solvers import solve, solver_modules, solvers
from kktgen.solvers.driving.checks import violation
from kktgen.solvers.driving.watch import Watch

OWN_NODE_LIMIT = {
    "scip": {"limits/nodes": 1},
    "highs": {"mip_max_nodes": 0},
    "gurobi": {"NodeLimit": 0},
    "cplex": {"mip.limits.nodes": 0},
    "xpress": {"maxnode": 1},
    "copt": {"NodeLimit": 1},
}


def optimal(solution, value, tol=1e-5):
    """Check an optimum: value, bound, point."""
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(value, abs=tol)
    assert solution.bound == pytest.approx(value, abs=tol)
    assert solution.objective == solution.model.value(solution.z)
    assert violation(solution.model, solution.z) <= 2e-6
    assert solution.raw["violation"] == violation(solution.model, solution.z)


# -- optima ------------------------------------------------------------------------------------


@taking()
def test_linear_program(solver):
    """min -x - 2y  s.t.  x + y <= 4, x + 3y <= 6, x, y >= 0  is -5 at (3, 1)."""
    m = kg.Bilevel("lp")
    x, y = m.var("x", lb=0), m.var("y", lb=0)
    m.add(x + y <= 4, x + 3 * y <= 6)
    m.minimize(-x - 2 * y)
    sol = solve(m, solver)
    optimal(sol, -5)
    assert (sol[x], sol[y]) == (pytest.approx(3), pytest.approx(1))
    assert sol.seconds > 0
    assert sol.solver.startswith(solver_modules()[solver].TITLE)
    assert INFO[solver].version in sol.solver


@taking()
def test_maximised_with_constant_ranges_and_free_columns(solver):
    """max 3x - y + 10  s.t.  1 <= x + y <= 2, x - y == 1, x, y free  is 10 + 4.5 - 0.5 = 14 at (1.5, 0.5)."""
    m = kg.Bilevel("ranges")
    x, y = m.var("x"), m.var("y")
    m.add(kg.between(1, x + y, 2), x - y == 1)
    m.maximize(3 * x - y + 10)
    sol = solve(m, solver)
    optimal(sol, 14)
    assert (sol[x], sol[y]) == (pytest.approx(1.5), pytest.approx(0.5))


@taking("qobj")
def test_convex_quadratic_objective(solver):
    """min x^2 + y^2 + x + 1  s.t.  x + y == 1, x, y >= 0  is 1.875 at (1/4, 3/4)."""
    m = kg.Bilevel("qp")
    x = m.var("x", 2, lb=0)
    m.add(x.sum() == 1)
    m.minimize(x @ x + x[0] + 1)
    sol = solve(m, solver)
    optimal(sol, 1.875)
    assert sol[x] == pytest.approx([0.25, 0.75], abs=2e-3)


@taking("qobj")
def test_maximised_concave_objective_with_products(solver):
    """max 8x + 4y - x^2 - xy - y^2  is 16 at (4, 0), where both derivatives 8 - 2x - y and 4 - x - 2y vanish."""
    m = kg.Bilevel("products")
    x, y = m.var("x", lb=-9, ub=9), m.var("y", lb=-9, ub=9)
    m.maximize(8 * x + 4 * y - x @ x - x @ y - y @ y)
    sol = solve(m, solver)
    optimal(sol, 16)
    assert sol[x] == pytest.approx(4, abs=5e-3)


@taking("qobj")
def test_random_quadratic_programs_agree_with_an_interior_point_method(solver):
    rng = np.random.default_rng(5)
    for _ in range(5):
        n, k = 12, 6
        F, q, A = rng.standard_normal((7, n)), rng.standard_normal(n), rng.standard_normal((k, n))
        side = A @ rng.random(n)
        m = kg.Bilevel("random")
        x = m.var("x", n, lb=0, ub=1)
        m.add(A @ x <= side)
        m.minimize((F @ x) @ (F @ x) + q @ x)
        P = programs.Csr(2 * F.T @ F)
        exact = programs.qp(P, q, programs.Csr(A), np.full(k, -np.inf), side, np.zeros(n), np.ones(n))
        optimal(solve(m, solver), exact.value, 1e-4)


@taking("int")
def test_integer_program(solver):
    """max 5x + 4y  s.t.  6x + 4y <= 24, x + 2y <= 6, x, y integer  is 20 at (4, 0); relaxed 21."""
    m = kg.Bilevel("milp")
    x, y = m.var("x", lb=0, ub=9.5, kind="I"), m.var("y", lb=-0.5, ub=9, kind="I")
    m.add(6 * x + 4 * y <= 24, x + 2 * y <= 6)
    m.maximize(5 * x + 4 * y)
    sol = solve(m, solver)
    optimal(sol, 20)
    assert (sol[x], sol[y]) == (4.0, 0.0)
    assert sol.nodes is not None


@taking("int")
def test_random_knapsacks_agree_with_enumeration(solver):
    points = (np.arange(2**10)[:, None] >> np.arange(10)) & 1
    for seed in range(5):
        m, x = knapsack(10, 3, seed)
        model = kg.kkt(m)
        activity = model.rows.M @ points.T
        inside = (activity <= model.rows.hi[:, None] + 1e-9).all(axis=0)
        best = max(model.value(z.astype(float)) for z in points[inside])
        sol = solve(model, solver)
        optimal(sol, best)
        assert set(sol[x]) <= {0.0, 1.0}


@taking("int", "qobj")
def test_mixed_integer_quadratic_objective(solver):
    """min (x - 2.6)^2 + (x - y)^2, x integer, y <= 2  is 0.36 + 1 at x = 3, against 0.36 + 0 at x = 2: 0.36."""
    m = kg.Bilevel("miqp")
    x, y = m.var("x", lb=-5, ub=5, kind="I"), m.var("y", lb=-5, ub=2)
    m.minimize((x - 2.6) @ (x - 2.6) + (x - y) @ (x - y))
    sol = solve(m, solver)
    optimal(sol, 0.36)
    assert sol[x] == 2.0


@taking("qobj_nonconvex")
def test_nonconvex_objective(solver):
    """min x y  s.t.  x + y == 1, -1 <= x, y <= 2  is -2 at (-1, 2) or (2, -1)."""
    m = kg.Bilevel("nonconvex")
    x, y = m.var("x", lb=-1, ub=2), m.var("y", lb=-1, ub=2)
    m.add(x + y == 1)
    m.minimize(x @ y)
    optimal(solve(m, solver), -2)


@taking("sos1")
def test_sos1(solver):
    """max x + 2y + 3z, at most one nonzero, x <= 7, y <= 3, z <= 2, and -1 <= w <= 4 in a set with x: 7."""
    m = kg.Bilevel("sos1")
    x, y, z, w = m.var("x", lb=0, ub=7), m.var("y", lb=0, ub=3), m.var("z", lb=0, ub=2), m.var("w", lb=-1, ub=4)
    m.sos1([x, y, z])
    m.sos1([w, x])
    m.sos1([y])
    m.maximize(x + 2 * y + 3 * z + 0.5 * w)
    sol = solve(m, solver)
    optimal(sol, 8)  # z = 0, y = 3, w = 4 beats x = 7
    assert sol[w] == pytest.approx(4)
    m.maximize(x + 2 * y + 3 * z)
    optimal(solve(m, solver), 7)


def indicators():
    """min -x + y - 9.5 b + d  s.t.  b = 1 -> x <= 1;  d = 0 -> x + y >= 6;  d = 1 -> x - y == 0."""
    m = kg.Bilevel("indicators")
    x, y = m.var("x", lb=0, ub=10), m.var("y", lb=0, ub=4)
    b, d = m.var("b", kind="B"), m.var("d", kind="B")
    m.minimize(-x + y - 9.5 * b + d)
    m.add(x + y + b + d <= 100)
    m.indicator(b, 1, x <= 1)
    m.indicator(d, 0, x + y >= 6)
    m.indicator(d, 1, x - y == 0)
    return m, x, y, b, d


@taking("indicator", "int")
def test_indicators(solver):
    """b = d = 0: x = 10, y = 0 gives -10;  b = 1, d = 1: x = y gives -8.5;  b = 1, d = 0: x + y >= 6 fails."""
    m, x, y, b, d = indicators()
    sol = solve(m, solver)
    optimal(sol, -10)
    assert [sol[v] for v in (x, y, b, d)] == [pytest.approx(10), pytest.approx(0), 0.0, 0.0]
    m.add(b == 1)
    sol = solve(m, solver)
    optimal(sol, -8.5)
    assert sol[x] == pytest.approx(sol[y])


@taking("indicator", "int")
@pytest.mark.parametrize(("value", "best"), [(0, 1.0), (1, 3.0)])
def test_two_sided_indicator_rows(solver, value, best):
    """max x on [0, 3], b = value -> 0.5 <= x <= 1, b fixed at 0."""
    m = kg.Bilevel("ranged")
    x, b = m.var("x", lb=0, ub=3), m.var("b", ub=0, lb=0, kind="B")
    m.indicator(b, value, kg.between(0.5, x, 1))
    m.maximize(x)
    optimal(solve(m, solver), best)
    m.maximize(-1.0 * x)
    optimal(solve(m, solver), -0.5 if value == 0 else 0.0)


@taking("qrow")
def test_convex_quadratic_row(solver):
    """max x + y  s.t.  x^2 + y^2 <= 2  is 2 at (1, 1)."""
    m = kg.Bilevel("disc")
    x, y = m.var("x", lb=-3, ub=3), m.var("y", lb=-3, ub=3)
    m.add(x @ x + y @ y <= 2)
    m.maximize(x + y)
    optimal(solve(m, solver), 2)


@taking("qrow_nonconvex")
def test_bilinear_rows(solver):
    """min -x - y - 0.0625 z  s.t.  x y == 0, z + x z <= 3: x = 3, y = 0, z = 0.75 gives -3.046875."""
    m = kg.Bilevel("bilinear")
    x, y, z = m.var("x", lb=0, ub=3), m.var("y", lb=0, ub=2), m.var("z", lb=0, ub=10)
    m.minimize(-x - y - 0.0625 * z)
    m.add(x + y <= 100)
    m.add(x @ y == 0)
    m.add(z + x @ z <= 3)
    sol = solve(m, solver)
    optimal(sol, -3.046875)
    assert [sol[v] for v in (x, y, z)] == [pytest.approx(v, abs=1e-4) for v in (3, 0, 0.75)]


# -- models at the edge --------------------------------------------------------------------------


@taking()
def test_infeasible(solver):
    m = kg.Bilevel("infeasible")
    x, y = m.var("x", lb=0), m.var("y", lb=0)
    m.add(x + y <= 1, x + 2 * y >= 3)
    m.minimize(x)
    sol = solve(m, solver)
    assert sol.status == "infeasible"
    assert (sol.objective, sol.bound, sol.z) == (None, None, None)
    with pytest.raises(kg.NoSolutionError, match="infeasible"):
        sol[x]


@taking("int")
def test_infeasible_in_integers(solver):
    m = kg.Bilevel("parity")
    x = m.var("x", 2, lb=0, ub=10, kind="I")
    m.add(2 * x[0] + 4 * x[1] == 7)
    assert solve(m, solver).status == "infeasible"


@taking("int")
def test_no_integer_between_the_bounds(solver):
    m = kg.Bilevel("between")
    m.var("x", lb=0.2, ub=0.8, kind="I")
    sol = solve(m, solver)
    assert sol.status == "infeasible"
    assert "'x'" in sol.raw["status"]


@taking()
def test_crossed_sides_name_the_row(solver):
    m = kg.Bilevel("crossed")
    x = m.var("x", 2)
    m.add(x >= 0, name="floor")
    model = kg.kkt(m)
    rows = replace(model.rows, hi=np.array([np.inf, -1.0]))
    sol = solve(replace(model, rows=rows), solver)
    assert sol.status == "infeasible"
    assert "floor(1)" in sol.raw["status"]
    nearly = replace(model.rows, hi=np.array([np.inf, -1e-13]))  # rounding, not a contradiction
    assert solve(replace(model, rows=nearly), solver).status == "optimal"


def test_a_nonconvex_objective_without_end_is_called_unbounded_by_scip():
    """SCIP stops at its infinity, -1e20, and calls that point optimal."""
    m = kg.Bilevel("hyperbola")
    x, y = m.var("x", lb=0), m.var("y", lb=0)
    m.add(x - y <= 3)
    m.maximize(x * y)
    sol = solve(m, "scip", time_limit=20)
    assert sol.status == "unbounded" and sol.z is None and sol.objective is None


@taking()
def test_unbounded(solver):
    m = kg.Bilevel("unbounded")
    x, y = m.var("x", lb=0), m.var("y", lb=0)
    m.add(x - y <= 1)
    m.maximize(x + y)
    sol = solve(m, solver)
    assert sol.status in ("unbounded", "infeasible_or_unbounded")
    assert (sol.objective, sol.bound, sol.z) == (None, None, None)


@taking()
@pytest.mark.parametrize("kind", ["C", "I"])
def test_unbounded_is_not_called_infeasible(solver, kind):
    """``max z_3`` with the ray (0, 0, 1, 1); HiGHS's presolve calls it infeasible."""
    m = kg.Bilevel("ray")
    first = m.var("z0", 1, lb=1, ub=3, kind=kind)
    z = kg.concatenate([first, m.var("z", 3, lb=[0, -19.5, 0.5], ub=[4, np.inf, np.inf])])
    A = np.array([[2, 0, 0, -2], [-3, -3, -1, 1], [3, 3, 1, -1], [-3, 0, 0, 0]])
    m.add(A @ z <= np.array([1, -1, 2, 5]))
    m.maximize(z[3])
    sol = solve(m, solver)
    assert sol.status in ("unbounded", "infeasible_or_unbounded")
    assert kg.verify(m, sol).claim == "unverified"


@taking()
def test_empty_rows_free_rows_and_no_rows(solver):
    m = kg.Bilevel("empty")
    x = m.var("x", lb=1, ub=2)
    m.minimize(x)
    optimal(solve(m, solver), 1)
    m.add(0 * x <= 1)
    m.add(kg.between(-np.inf, x, np.inf))
    optimal(solve(m, solver), 1)
    model = kg.kkt(m)
    rows = replace(model.rows, hi=np.array([-1.0, np.inf]))  # 0 <= -1
    assert solve(replace(model, rows=rows), solver).status == "infeasible"


@taking()
def test_repeated_entries_of_a_row_are_added(solver):
    """min x  s.t.  x + x + x >= 6, given as three entries of one row."""
    m = kg.Bilevel("repeated")
    x = m.var("x", lb=0)
    m.add(x >= 6)
    m.minimize(x)
    model = kg.kkt(m)
    M = type(model.rows.M)((np.ones(3), np.zeros(3, dtype=int), np.array([0, 3])), shape=(1, 1))
    optimal(solve(replace(model, rows=replace(model.rows, M=M)), solver), 2)


@taking()
def test_nan_in_the_data_is_refused_before_the_solver_sees_it(solver):
    m = kg.Bilevel("nan")
    x = m.var("x", 2, lb=0)
    m.add(x >= 1, name="floor")
    m.minimize(x.sum())
    model = kg.kkt(m)
    model.rows.M.data[1] = np.nan
    with pytest.raises(kg.ProblemError, match=r"floor\(1\)"):
        solve(model, solver)


# -- starts, limits, progress ----------------------------------------------------------------------


@taking("int")
def test_start_is_kept_without_any_search(solver):
    m, x = knapsack(40, 5, 1)
    best = solve(m, solver, time_limit=20, gap=0.01)
    sol = solve(m, solver, start=best, **OWN_NODE_LIMIT[solver])
    assert sol.objective >= best.objective - 1e-6
    several = solve(m, solver, start=[np.zeros(40), best.z, np.full(40, np.nan)], **OWN_NODE_LIMIT[solver])
    assert several.objective >= best.objective - 1e-6


@taking("int")
def test_start_from_an_earlier_stage_is_completed(solver):
    """The integers are given, the continuous columns that follow are not."""
    m, x = knapsack(30, 5, 2)
    best = solve(m, solver, time_limit=20, gap=0.01)
    y = m.var("y", lb=0, ub=1)
    m.add(y <= x[0] + 0.5)
    m.maximize(m.objective * -1.0 + y)
    sol = solve(m, solver, start=best, **OWN_NODE_LIMIT[solver])
    assert sol.objective >= best.objective - 1e-6


@taking("indicator", "int", "qobj")
def test_start_fills_what_the_solver_adds(solver):
    """Slacks of indicator rows and the column of a quadratic objective are set, so the start is feasible."""
    m, x, y, b, d = indicators()
    m.minimize(m.objective + 0.01 * (x @ x + y @ y))
    best = solve(m, solver)
    z = best.z.copy()
    z[b.cols], z[d.cols], z[x.cols], z[y.cols] = 1, 1, 0.5, 0.5
    for point in (best.z, z):
        assert violation(best.model, point) <= 1e-6
        assert solve(m, solver, start=point).raw["starts"] == (1, 1)
    z[y.cols] = 0.0  # now d = 1 -> x - y == 0 fails
    assert solve(m, solver, start=z).raw["starts"] == (0, 1)


def test_scip_takes_the_start_without_looking_for_a_point():
    """With no node and no presolve there is a point only if the start, slacks and all, is feasible to SCIP."""
    needs("scip")
    m, x, y, b, d = indicators()
    m.minimize(m.objective + 0.01 * (x @ x + y @ y))
    best = solve(m, "scip")
    assert (best[x], best[b]) == (pytest.approx(10, abs=1e-3), 0.0)  # b = 1 -> x <= 1 has the slack 9
    nothing = {"limits/nodes": 0, "presolving/maxrounds": 0}
    assert solve(m, "scip", **nothing).z is None
    assert solve(m, "scip", start=best, **nothing).objective == pytest.approx(best.objective, abs=1e-6)


@taking()
@pytest.mark.parametrize("start", [np.zeros(5), np.array([np.inf, 0]), "x", [["a", "b"]]])
def test_bad_starts_are_refused(solver, start):
    m = kg.Bilevel("two")
    m.var("x", 2, lb=0, ub=1)
    with pytest.raises(kg.ProblemError, match="start"):
        solve(m, solver, start=start)


@taking("int")
def test_time_limit_without_a_point(solver):
    """A market split: equations in binaries that have no solution, so that no heuristic finds a point."""
    rng = np.random.default_rng(4)
    A = rng.integers(0, 100, (5, 40))
    m = kg.Bilevel("split")
    x = m.var("x", 40, kind="B")
    m.add(A @ x == A.sum(axis=1) // 2)
    m.minimize(x.sum())
    sol = solve(m, solver, time_limit=0.05)
    assert sol.status == "time_limit"
    assert (sol.objective, sol.z) == (None, None)
    with pytest.raises(kg.NoSolutionError, match="time_limit"):
        sol[x]
    assert solve(m, solver, time_limit=0).status == "time_limit"


@taking("int")
def test_time_limit_keeps_point_and_bound(solver):
    m, x = knapsack(100, 60, 3)
    heard = []
    began = time.perf_counter()
    sol = solve(m, solver, time_limit=1.5, progress=heard.append)
    assert time.perf_counter() - began < 15
    assert sol.status == "time_limit"
    assert sol.objective <= sol.bound + 1e-6  # maximised: the bound lies above
    assert sol.objective > 0
    assert heard
    assert len(heard) <= 4 * sol.seconds + 1
    assert all(set(info) >= {"seconds", "nodes", "incumbent", "bound", "gap"} for info in heard)
    last = heard[-1]
    assert last["seconds"] > 0
    assert 0 < last["incumbent"] <= sol.objective + 1e-6
    assert last["bound"] >= sol.bound - 1e-6
    assert last["gap"] == pytest.approx(abs(last["incumbent"] - last["bound"]) / last["incumbent"])


@taking("int")
def test_gap_limit_is_optimal_within_the_gap(solver):
    m, x = knapsack(60, 10, 6)
    sol = solve(m, solver, gap=0.2, time_limit=30)
    assert sol.status == "optimal"
    assert sol.gap <= 0.2
    assert sol.bound >= sol.objective - 1e-6


@taking("int")
def test_an_error_of_progress_stops_the_solver_and_comes_out(solver):
    def progress(info):
        raise KeyError("my own mistake")

    m, x = knapsack(100, 60, 3)
    began = time.perf_counter()
    with pytest.raises(KeyError, match="my own mistake"):
        solve(m, solver, time_limit=30, progress=progress)
    assert time.perf_counter() - began < 15


@taking("int")
def test_threads_may_change_from_solve_to_solve(solver):
    m, x = knapsack(20, 4, 7)
    values = {solve(m, solver, threads=threads, gap=0).objective for threads in (1, 2, 1)}
    assert len(values) == 1
    assert programs.lp(np.ones(1), programs.Csr((0, 1)), np.empty(0), np.empty(0), np.zeros(1), np.ones(1)).value == 0


@taking("int")
def test_solving_in_another_thread(solver):
    out = []
    m, x = knapsack(10, 3, 0)
    worker = threading.Thread(target=lambda: out.append(solve(m, solver)))
    worker.start()
    worker.join(60)
    assert out[0].status == "optimal"


@pytest.mark.skipif(not hasattr(signal, "SIGINT") or os.name == "nt", reason="needs POSIX signals")
@taking("int")
def test_ctrl_c_returns_the_best_point(solver):
    source = """
    import sys
    import test_solvers as t
    m, x = t.knapsack(100, 60, 3)
    told = []
    def progress(info):
        if info["incumbent"] and not told:
            told.append(1)
            print("ready", flush=True)
    sol = t.solve(m, sys.argv[1], time_limit=60, progress=progress)
    print(sol.status, sol.objective is not None, flush=True)
    """
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(source), solver], stdout=subprocess.PIPE, text=True, env=env
    )
    try:
        assert child.stdout.readline().strip() == "ready"
        child.send_signal(signal.SIGINT)
        began = time.perf_counter()
        out, _ = child.communicate(timeout=40)
    finally:
        child.kill()
    assert "time_limit True" in out
    assert time.perf_counter() - began < 30
    assert child.returncode == 0


@taking()
def test_solvers_are_silent_unless_asked(solver, capfd):
    m = kg.Bilevel("silent")
    x = m.var("x", lb=0, ub=1)
    m.minimize(x)
    solve(m, solver)
    assert capfd.readouterr() == ("", "")
    solve(m, solver, verbose=True)
    assert capfd.readouterr().out


# -- refusals --------------------------------------------------------------------------------------


def follower_problem():
    m = kg.Bilevel("two_levels")
    x = m.var("x", lb=0, ub=1)
    lower = m.follower("lower")
    y = lower.var("y", lb=0)
    lower.minimize(-1.0 * y)
    lower.add(x + y <= 1)
    m.minimize(x)
    return m


@taking()
def test_followers_and_pairs_are_refused_with_the_cure(solver):
    m = follower_problem()
    with pytest.raises(kg.UnsupportedError, match=r"followers.*kg\.encode\(kg\.kkt\(m\), kg\.SOS1\(\)\)"):
        solve(m, solver)
    with pytest.raises(kg.UnsupportedError, match=r"pairs.*kg\.encode\(kg\.kkt\(m\), kg\.SOS1\(\)\)"):
        solve(kg.kkt(m), solver)


def model_with(feature):
    m = kg.Bilevel(feature)
    x, y, b = m.var("x", lb=0, ub=1), m.var("y", lb=0, ub=1), m.var("b", kind="B")
    if feature == "qobj_nonconvex":
        m.minimize(x @ y)
    elif feature == "qrow":
        m.add(x @ x <= y)
    elif feature == "qrow_nonconvex":
        m.add(x @ y <= 0.5)
    elif feature == "sos1":
        m.sos1([x, y])
    elif feature == "indicator":
        m.indicator(b, 1, x <= 0.5)
    return m


@pytest.mark.parametrize("feature", ["qobj_nonconvex", "qrow", "qrow_nonconvex", "sos1", "indicator"])
def test_highs_names_the_feature_it_lacks_and_who_has_it(feature):
    needs("highs")
    with pytest.raises(kg.UnsupportedError) as caught:
        solve(model_with(feature), "highs")
    assert FEATURES[feature] in str(caught.value)
    able = [name for name, info in INFO.items() if info.available and {feature, "int"} <= info.features]
    able += [f"files:{name}" for name in ("cbc",) if feature == "sos1" and f"files:{name}" in kg.solvers()]
    assert str(caught.value).endswith(f"solvers that can: {', '.join(able)}")
    assert "scip" in able


def test_highs_refuses_only_what_is_missing_beside_integers_and_a_quadratic_objective():
    needs("highs")
    m = kg.Bilevel("miqp")
    x = m.var("x", 2, lb=0, ub=1, kind="B")
    m.minimize(x @ x - x.sum())
    optimal(solve(m, "highs"), 0)
    m.sos1([x[0], x[1]])
    with pytest.raises(kg.UnsupportedError, match=r"^HiGHS cannot solve SOS1 sets \(model 'miqp'\); .*\bscip\b"):
        solve(m, "highs")


def test_unknown_solver_lists_what_there_is():
    with pytest.raises(kg.SolverNotFound) as caught:
        solve(kg.Bilevel("m"), "scop")
    message = str(caught.value)
    assert "did you mean scip?" in message
    assert "highs" in message
    assert "pip install pyscipopt" in message


@taking()
def test_a_solver_that_is_not_installed_says_how_to_install_it(solver, monkeypatch):
    module = solver_modules()[solver]
    monkeypatch.setattr(module, "available", lambda: False)
    with pytest.raises(kg.SolverNotFound, match=module.INSTALL):
        solve(kg.Bilevel("m"), solver)
    info = solvers()[solver]
    assert not info.available
    assert module.INSTALL in info.version


@taking()
@pytest.mark.parametrize("name", ["limits/tme", "time_limt", "no_such_thing"])
def test_unknown_option_is_named(solver, name):
    m = kg.Bilevel("m")
    m.var("x", lb=0, ub=1)
    with pytest.raises(kg.ProblemError, match=name):
        solve(m, solver, **{name: 1})


@pytest.mark.parametrize(
    ("solver", "name", "value"),
    [("scip", "limits/nodes", "many"), ("highs", "mip_rel_gap", -1.0), ("highs", "presolve", "maybe")],
)
def test_bad_option_value_is_named(solver, name, value):
    needs(solver)
    m = kg.Bilevel("m")
    m.var("x", lb=0, ub=1)
    with pytest.raises(kg.ProblemError, match=name):
        solve(m, solver, **{name: value})


@taking()
@pytest.mark.parametrize(
    "argument",
    [{"time_limit": -1}, {"time_limit": np.nan}, {"gap": -0.1}, {"gap": "small"}, {"threads": 0}, {"threads": 1.5}],
)
def test_bad_arguments_are_named(solver, argument):
    m = kg.Bilevel("m")
    m.var("x", lb=0, ub=1)
    with pytest.raises(kg.ProblemError, match=next(iter(argument))):
        solve(m, solver, **argument)


def test_only_models_can_be_solved():
    needs("scip")
    with pytest.raises(kg.ProblemError, match="ndarray"):
        solve(np.zeros(3), "scip")


# -- failures --------------------------------------------------------------------------------------


@taking()
def test_an_exception_of_the_library_becomes_a_solver_error(solver, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("SCIP: error in LP solver!")

    monkeypatch.setattr(solver_modules()[solver], "solve", fail)
    m = kg.Bilevel("dead")
    m.var("x", lb=0, ub=1)
    with pytest.raises(kg.SolverError, match=r"'dead'.*error in LP solver") as caught:
        solve(m, solver)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_failing_scip_becomes_a_solver_error(monkeypatch):
    needs("scip")
    import pyscipopt

    class Broken(pyscipopt.Model):
        def optimizeNogil(self):
            raise Exception("SCIP: unspecified error!")

    monkeypatch.setattr(pyscipopt, "Model", Broken)
    m = kg.Bilevel("dead")
    m.var("x", lb=0, ub=1)
    with pytest.raises(kg.SolverError, match="unspecified error"):
        solve(m, "scip")


@pytest.mark.parametrize("how", ["raises", "returns an error"])
def test_a_failing_highs_becomes_a_solver_error(how, monkeypatch):
    needs("highs")
    import highspy

    def run(self):
        if how == "raises":
            raise RuntimeError("lost")
        return highspy.HighsStatus.kError

    monkeypatch.setattr(highspy.Highs, "run", run)
    m = kg.Bilevel("dead")
    m.var("x", lb=0, ub=1)
    with pytest.raises(kg.SolverError, match="lost" if how == "raises" else "HiGHS failed"):
        solve(m, "highs")


def test_a_false_optimum_of_a_quadratic_program_is_noticed(monkeypatch):
    """HiGHS's point and multipliers are moved off the optimum: the duality gap shows it."""
    needs("highs")
    from kktgen.solvers import highs

    m = kg.Bilevel("false")
    x = m.var("x", 2, lb=0, ub=1)
    m.add(x.sum() >= 1)
    m.minimize(x @ x)
    assert solve(m, "highs").status == "optimal"
    honest = highs.dual_value

    class Moved:
        def __init__(self, point):
            self.row_dual, self.col_dual = point.row_dual, point.col_dual
            self.col_value = np.asarray(point.col_value) + np.array([0.1, 0.0])

    monkeypatch.setattr(highs, "dual_value", lambda model, point: honest(model, Moved(point)))
    with pytest.raises(kg.SolverError, match="duality gap"):
        solve(m, "highs")


def test_scip_begins_anew_where_its_lps_fail(monkeypatch):
    needs("scip")
    from kktgen.solvers import scip

    m = kg.Bilevel("again")
    x = m.var("x", lb=0, ub=1, kind="I")
    m.minimize(-x)
    honest, seen = scip.attempt, []

    def tried(*arguments):
        seen.append(arguments[-1])
        if len(seen) < len(scip.WAYS):
            raise Exception("SCIP: error in LP solver!")
        return honest(*arguments)

    monkeypatch.setattr(scip, "attempt", tried)
    assert kg.solve(kg.kkt(m), "scip", time_limit=10, **{"separating/maxrounds": 3}).objective == -1
    assert seen[0] == {"separating/maxrounds": 3}
    assert seen[1]["lp/resolvealgorithm"] == "p"
    assert seen[2] == {"separating/maxrounds": 3, "separating/maxroundsroot": 0}
    assert seen[3] == {"separating/maxrounds": 3, "randomization/randomseedshift": 1}
    monkeypatch.setattr(scip, "attempt", lambda *_: (_ for _ in ()).throw(Exception("SCIP: error in LP solver!")))
    with pytest.raises(kg.SolverError, match="LP solver"):
        kg.solve(kg.kkt(m), "scip")


def test_scip_statuses_are_all_mapped():
    needs("scip")
    import pyscipopt

    from kktgen.solvers import scip

    words = {word.lower() for word in dir(pyscipopt.SCIP_STATUS) if word.isupper()} - {"unknown"}
    assert words <= set(scip.STATUS)
    assert set(scip.STATUS.values()) <= set(STATUSES)


def test_highs_statuses_are_all_mapped():
    needs("highs")
    import highspy

    from kktgen.solvers import highs

    errors = {"kNotset", "kLoadError", "kModelError", "kPresolveError", "kSolveError", "kPostsolveError", "kUnknown"}
    assert set(highspy.HighsModelStatus.__members__) - errors <= set(highs.STATUS)
    assert set(highs.STATUS.values()) <= set(STATUSES)


# -- the registry ------------------------------------------------------------------------------------


def test_every_module_with_features_is_a_solver():
    assert {"scip", "highs"} <= set(INFO)
    assert "common" not in INFO
    assert list(INFO) == sorted(INFO)
    for info in INFO.values():
        assert info.features <= set(FEATURES)
        assert "pairs" not in info.features
        assert info.tol > 0
        if info.available:
            assert info.version[0].isdigit()


def test_the_libraries_are_imported_only_when_used():
    code = "import sys; from kktgen.solvers import solver_modules; solver_modules(); print('pyscipopt' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120,
                         env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})  # fmt: skip
    assert out.stdout.strip() == "False"


def test_watch_tells_at_most_four_times_a_second_and_in_the_users_sense():
    told = []
    watch = Watch(told.append, sense=-1)
    for _ in range(1000):
        if watch.due():
            watch.tell(3, -5.0, -np.inf)
    assert len(told) == 1
    assert (told[0]["incumbent"], told[0]["bound"], told[0]["gap"]) == (5.0, None, None)
    assert not Watch(None).due()


def test_violation_sees_every_part_of_a_model():
    m = kg.Bilevel("parts")
    x, y = m.var("x", 3, lb=0, ub=1), m.var("y", lb=0, ub=9, kind="I")
    b = m.var("b", kind="B")
    m.add(x.sum() <= 1)
    m.add(x[0] @ x[1] <= 0.1)
    m.sos1(x)
    m.indicator(b, 1, y <= 3)
    model = kg.kkt(m)
    for z, expected in [
        ([0, 0, 0, 0, 0], 0.0), ([0, 0, 1.25, 0, 0], 0.25), ([0.5, 0, 0.6, 0, 0], 0.5), ([0, 0, 0, 0.4, 0], 0.4),
        ([0, 0, 0, 5, 1], 2.0), ([0, 0, 0, 5, 0], 0.0), ([0.7, 0.7, 0, 0, 0], 0.7), ([0, 0, 0, -2, 0], 2.0),
        ([1, 1, 0, 0, 0], 1.0),
    ]:  # fmt: skip
        assert violation(model, np.array(z, dtype=float)) == pytest.approx(expected)
    quad = replace(model, sos1=type(model.sos1).empty(), rows=type(model.rows).empty(model.n))
    assert violation(quad, np.array([1.0, 1, 0, 0, 0])) == pytest.approx(0.9)


def many_alike(blocks: int) -> kg.Model:
    """Return a model of many independent blocks that are alike: their exchange is a large group of symmetries."""
    m = kg.Bilevel("alike")
    x = m.var("x", (blocks, 12), kind="B")
    rows = np.random.default_rng(0).integers(1, 4, (12, 12)) / 2.0
    m.add(x @ rows <= 9.5, name="weight")
    m.maximize(x.sum())
    return kg.encode(kg.kkt(m))


def test_scip_gives_up_symmetries_that_take_long():
    """Its search for them never looks at the clock: 4000 blocks that are alike held it for 80 s and more."""
    started = time.perf_counter()
    found = kg.solve(many_alike(4000), "scip", time_limit=8)
    assert time.perf_counter() - started <= 8 * 1.05 + 2
    assert found.status in ("optimal", "time_limit")
