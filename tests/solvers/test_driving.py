"""Solvers that kktgen drives when they are installed, and what their modules share, which needs none of them."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from format_cases import CASES
from problems import ALL

import kktgen as kg
from kktgen.model.solution import STATUSES
from kktgen.solvers import solve, solver_modules, solvers
from kktgen.solvers.driving import watch
from kktgen.solvers.driving.arrays import arrays
from kktgen.solvers.driving.checks import interrupted, violation
from kktgen.solvers.driving.session import BOX, LibraryAnswer, drive, in_background, size_limited
from kktgen.solvers.driving.watch import Watch

INFO = solvers()
OPTIONAL = ("copt", "cplex", "gurobi", "xpress")


def need(solver: str) -> None:
    if not INFO[solver].available:
        pytest.skip(INFO[solver].version)


def ray() -> kg.Bilevel:
    """max 3 x - s + u  s.t.  x - s <= 4, u - x <= 1, x or s is 0: 17 at (4, 0, 5); nothing else bounds it."""
    m = kg.Bilevel("ray")
    x, s, u = m.var("x", lb=0), m.var("s", lb=0), m.var("u", lb=0)
    m.add(x - s <= 4, u - x <= 1)
    m.sos1([x, s])
    m.maximize(3 * x - s + u)
    return m


# -- every module, installed or not -------------------------------------------------------------------


@pytest.mark.parametrize("solver", OPTIONAL)
def test_they_are_known_whether_installed_or_not(solver):
    module = solver_modules()[solver]
    assert module.INSTALL.startswith("pip install ")
    assert set(getattr(module, "STATUS", {}).values()) <= set(STATUSES)
    if not INFO[solver].available:
        with pytest.raises(kg.SolverNotFound, match=module.INSTALL):
            solve(CASES["01_bounds"].build(), solver)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("solver", OPTIONAL)
def test_small_models_with_a_trap_each(solver, name):
    need(solver)
    case = CASES[name]
    try:
        sol = solve(case.build(), solver)
    except kg.UnsupportedError as refusal:
        assert name == "09_bilinear_compl" and solver in ("copt", "cplex")
        pytest.skip(str(refusal))
    assert sol.status == "optimal"
    assert sol.objective == pytest.approx(case.optimum, abs=case.tolerance)
    assert sol.bound == pytest.approx(case.optimum, abs=max(case.tolerance, 1e-4 * abs(case.optimum)))
    assert violation(sol.model, sol.z) <= 2e-6


@pytest.mark.parametrize("solver", OPTIONAL)
def test_random_models_agree_with_scip(solver):
    """Bounds of every sort, two-sided rows, integers, a set, indicators of both values, a convex objective and row."""
    need(solver)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        m = kg.Bilevel("random")
        x, k, b = m.var("x", 4, lb=-3, ub=[2, 4, 3, 1]), m.var("k", 2, lb=-2, ub=3.5, kind="I"), m.var("b", 2, kind="B")
        z = kg.concatenate([x, k, b])
        A = np.round(rng.normal(size=(3, 8)), 1)
        m.add(kg.between(-3, A @ z, [2, 3, np.inf]))
        m.sos1([x[0], x[1]])
        m.indicator(b[0], int(rng.integers(2)), kg.between(-1, x[2] + k[0], 1))
        m.indicator(b[1], 1, x[3] - x[2] == 0.5)
        m.add(x @ x + k[1] <= 9)
        c = np.round(rng.normal(size=8), 1)
        m.minimize(c @ z + 0.5 * (x[1] - k[0]) @ (x[1] - k[0]))
        best, sol = solve(m, "scip"), solve(m, solver)
        assert sol.status == best.status == "optimal"
        assert sol.objective == pytest.approx(best.objective, abs=2e-3)


@pytest.mark.parametrize("solver", OPTIONAL)
def test_a_model_beyond_a_size_limited_licence_is_refused_in_plain_words(solver):
    need(solver)
    m = kg.Bilevel("large")
    x = m.var("x", 12_000, lb=0, ub=1, kind="B")
    m.add(np.ones((1, 12_000)) @ x <= 5)
    m.maximize(x.sum())
    try:
        assert solve(m, solver, time_limit=30).objective == pytest.approx(5)
    except kg.SolverError as error:
        assert "size-limited licence" in str(error)
        assert "use another solver or a full licence" in str(error)


@pytest.mark.parametrize("solver", OPTIONAL)
def test_infeasible_is_told_from_unbounded(solver):
    """Presolvers call a model with a ray and no point infeasible or unbounded; it is infeasible."""
    need(solver)
    m = kg.Bilevel("neither")
    x, y = m.var("x", lb=0), m.var("y", 2, lb=0, ub=10)
    m.add(y[0] - y[1] >= 3, y[0] + y[1] <= 2)
    m.maximize(x)
    assert solve(m, solver).status == "infeasible"
    n = kg.Bilevel("ray")
    x, k = n.var("x", lb=0), n.var("k", lb=0, ub=9, kind="I")
    n.add(x - k >= 0.5)
    n.maximize(x)
    assert solve(n, solver).status == "unbounded"


@pytest.mark.parametrize("solver", OPTIONAL)
def test_a_model_whose_relaxation_alone_is_unbounded_is_not_called_unbounded(solver):
    need(solver)
    sol = solve(ray(), solver)
    assert sol.status in ("optimal", "heuristic")
    assert sol.objective == pytest.approx(17)
    assert (sol.bound is None) == (sol.status == "heuristic")


def kept(monkeypatch, model: kg.Model, solver: str) -> tuple[kg.Solution, list[np.ndarray]]:
    """Return the answer and all the points that a watch kept on the way to it, without another listener."""
    monkeypatch.setattr(watch, "COST", np.inf)  # leave no point out to save time
    points: list[np.ndarray] = []
    sol = solver_modules()[solver].solve(model, progress=Watch(None, keep=points.append))
    assert sol.status == "optimal"
    assert all(z.shape == (model.n,) and violation(model, z) <= 2e-6 for z in points)
    return sol, points


@pytest.mark.parametrize("solver", OPTIONAL)
def test_the_best_points_so_far_are_kept(solver, monkeypatch):
    """Packing with five capacities, the general integers at negative values: the points get better up to the best."""
    need(solver)
    rng = np.random.default_rng(1)
    m = kg.Bilevel("packing")
    x, k = m.var("x", 40, kind="B"), m.var("k", 3, lb=-5, ub=4, kind="I")
    weights = rng.integers(10, 100, (5, 43)).astype(float)
    m.add(weights @ kg.concatenate([x, k]) <= weights.sum(axis=1) // 3)
    m.maximize(rng.integers(10, 100, 43).astype(float) @ kg.concatenate([x, k]) + 7)
    sol, points = kept(monkeypatch, kg.kkt(m), solver)
    values = [sol.model.value(z) for z in points]
    assert values and (np.diff(values) > 0).all()
    assert values[-1] == pytest.approx(sol.objective)


@pytest.mark.parametrize("name", ["subsidy_budget", "retail", "price_cap"])
@pytest.mark.parametrize("solver", ["gurobi", "xpress", "cplex"])
def test_kept_points_satisfy_the_products(solver, name, monkeypatch):
    """Points of a relaxation would break the quadratic rows, or promise more than their columns are worth."""
    need(solver)
    model = kg.encode(kg.kkt(next(problem for problem in ALL if problem.name == name).build()), kg.Indicator())
    if not model.features <= solver_modules()[solver].FEATURES:
        pytest.skip(f"{solver} takes no such products")
    sol, points = kept(monkeypatch, model, solver)
    assert sol.model.value(points[-1]) == pytest.approx(sol.objective, abs=1e-4)


@pytest.mark.parametrize("solver", OPTIONAL)
def test_a_start_is_the_answer_when_no_time_is_left(solver):
    need(solver)
    m = CASES["11_indicator"].build()
    best = solve(m, solver)
    sol = solve(m, solver, start=[best, np.array([np.nan, 4.0])], time_limit=0)
    assert (sol.status, sol.objective, sol.bound) == ("time_limit", pytest.approx(-10), None)
    assert sol.raw["starts"] == (1, 2)
    assert solve(m, solver, time_limit=0).z is None


OPTIONS = [
    ("gurobi", "NodeLimit", 0, "many"), ("gurobi", "MIPGap", 0.5, "wide"), ("cplex", "mip.limits.nodes", 0, "many"),
    ("cplex", "mip.tolerances.mipgap", 0.5, -1.0), ("xpress", "maxnode", 1, "many"), ("xpress", "miprelstop", 0.5, "w"),
    ("copt", "NodeLimit", 1, "many"), ("copt", "RelGap", 0.5, "wide"),
]  # fmt: skip


@pytest.mark.parametrize(("solver", "name", "good", "bad"), OPTIONS)
def test_options_have_the_solvers_own_names(solver, name, good, bad):
    need(solver)
    m = CASES["02_integers"].build()
    assert solve(m, solver, **{name: good}).status in ("optimal", "time_limit")
    with pytest.raises(kg.ProblemError, match=f"refuses {bad!r} for its option '{name}'"):
        solve(m, solver, **{name: bad})
    with pytest.raises(kg.ProblemError, match=f"no option '{name}s' .did you mean"):
        solve(m, solver, **{f"{name}s": good})


@pytest.mark.parametrize(
    ("solver", "name"),
    [
        ("gurobi", "TimeLimit"),
        ("gurobi", "timelimit"),
        ("cplex", "timelimit"),
        ("xpress", "TIMELIMIT"),
        ("copt", "timelimit"),
    ],
)
def test_the_solvers_own_time_limit_counts(solver, name):
    need(solver)
    assert solve(CASES["02_integers"].build(), solver, time_limit=0, **{name: 10.0}).status == "optimal"


def test_cplex_refuses_what_it_gets_wrong():
    """A nonconvex objective over SOS1 sets whose columns may be large: CPLEX 22.2 returns 0 and calls it optimal."""
    need("cplex")
    m = kg.Bilevel("sets")
    x, y = m.var("x", 2, lb=0, ub=1e5), m.var("y", 2, lb=0, ub=1e5)
    m.minimize(-1.0 * (x[0] @ x[1]))
    assert solve_status(m, "cplex") == "optimal"
    m.sos1([x[0], y[0]])
    with pytest.raises(kg.UnsupportedError, match="nonconvex quadratic objective together with SOS1 sets"):
        solve(m, "cplex")
    disc = kg.Bilevel("disc")
    z = disc.var("z", 2, lb=-2, ub=2)
    disc.add(z @ z <= 2)
    disc.minimize(z[0] @ z[1])
    with pytest.raises(kg.UnsupportedError, match="together with convex quadratic rows"):
        solve(disc, "cplex")


def solve_status(m, solver):
    return solve(m, solver).status


def test_xpress_claims_no_optimum_beyond_the_box_it_puts_around_free_columns():
    need("xpress")
    m = next(problem for problem in ALL if problem.name == "cournot_tax").build()
    sol = solve(kg.encode(kg.eliminate(kg.kkt(m)), kg.Indicator()), "xpress")
    assert sol.objective == pytest.approx(12.0416667, abs=1e-3)
    assert (sol.status, sol.bound) == ("heuristic", None)


def test_xpress_keeps_products_within_a_millionth():
    """min x^2 + y^2 over x y >= 4 is 8; with Xpress's own tolerances it is 7.99994."""
    need("xpress")
    m = kg.Bilevel("products")
    x = m.var("x", 2)
    m.add(x[0] @ x[1] >= 4)
    m.minimize(x @ x)
    sol = solve(m, "xpress")
    assert sol.raw["violation"] <= 4e-6
    assert sol.objective == pytest.approx(8, abs=2e-5)


def test_xpress_stopping_for_no_reason_is_an_error_and_no_limit():
    """Xpress 9.9 calls this row of products of binaries not convex and stops; the optimum is 3 at 0."""
    need("xpress")
    m = kg.Bilevel("binaries")
    x = m.var("x", 3, kind="B")
    m.add(kg.between(0, -2.5 * x[0] + x[1] - 4 * x[2], 3), 3.5 * x[0] - 3.5 * x[1] + 0.5 * x[2] == 0)
    m.add(2.5 * (x[0] @ x[0]) + x[0] @ x[1] - x[2] <= 3.5)
    m.minimize(4 * x[0] + 3 * x[1] - 2.5 * x[2] + 3)
    sol = solve(m, "xpress")
    assert (sol.status, sol.objective) in [("optimal", pytest.approx(3)), ("error", None)]


def test_every_status_of_gurobi_is_mapped():
    need("gurobi")
    from gurobipy import GRB

    from kktgen.solvers import gurobi

    errors = {"LOADED", "NUMERIC", "INPROGRESS", "LOCALLY_INFEASIBLE"}
    assert {word for word in dir(GRB.Status) if word.isupper()} - errors <= set(gurobi.STATUS)


def test_every_status_of_cplex_is_mapped():
    need("cplex")
    import cplex as library

    from kktgen.solvers import cplex

    with library.Cplex() as empty:
        words = {word for word in dir(empty.solution.status) if not word.startswith("_")}
    other = (
        "conflict", "multiobj", "feasible_relaxed", "optimal_relaxed", "MIP_feasible_relaxed", "MIP_optimal_relaxed",
        "benders", "optimal_populated", "populate", "fail", "abort_relaxed", "unknown",
    )  # fmt: skip
    assert {word for word in words if not word.startswith(other)} <= set(cplex.STATUS)


def test_every_status_of_xpress_is_mapped():
    need("xpress")
    import xpress as library

    from kktgen.solvers import xpress

    assert set(library.SolStatus.__members__) == set(xpress.SOLVED)
    assert set(xpress.SOLVED.values()) <= set(STATUSES)


def test_every_status_of_copt_is_mapped():
    need("copt")
    from coptpy import COPT

    from kktgen.solvers import copt

    words = {"OPTIMAL", "INFEASIBLE", "UNBOUNDED", "INF_OR_UNB", "NODELIMIT", "IMPRECISE", "TIMEOUT", "INTERRUPTED",
             "ITERLIMIT", "LOCAL_OPTIMAL"}  # fmt: skip
    assert words == set(copt.STATUS)
    assert all(hasattr(COPT, word) for word in words)


# -- what they share ------------------------------------------------------------------------------------


def test_arrays_hold_what_the_model_says():
    m = kg.Bilevel("all")
    x, k, b = m.var("x", 3, lb=[-1, -np.inf, 0], ub=[2, np.inf, 0]), m.var("k", ub=3.5, kind="I"), m.var("b", kind="B")
    m.add(kg.between(-1, x[0] + 2 * x[1], 4), x[0] - k == 2, kg.between(-np.inf, x[2], np.inf), 3 * x[1] >= 1)
    m.sos1(x)
    m.sos1([x[0]])
    m.indicator(b, 0, kg.between(1, x[0] - 2 * x[2], 5))
    m.add(x[0] @ x[1] + x[1] @ x[0] + k @ k - x[2] <= 7, x @ x >= 1)
    m.minimize(x @ x + x[0] @ k - 2 * k + 5)
    model = kg.kkt(m)
    a = arrays(model)
    assert a.sets() == [[0, 1, 2]]
    assert a.discrete and not a.linear
    assert (a.lb.tolist(), a.ub.tolist()) == ([-1, -np.inf, 0, -np.inf, 0], [2, np.inf, 0, 3, 1])
    assert a.rows.sense.tolist() == ["G", "L", "E", "G"]
    assert a.rows.rhs.tolist() == [-1, 4, 2, 1]
    assert (a.implied.sense.tolist(), a.implied.rhs.tolist()) == (["G", "L"], [1, 5])
    assert (a.binary.tolist(), a.value.tolist()) == ([4, 4], [0, 0])
    z = np.random.default_rng(3).normal(size=5)
    products = a.v * z[a.i] * z[a.j]
    left = np.add.reduceat(products, a.quad_start[:-1]) + a.quads.M @ z
    assert a.quads.sense.tolist() == ["L", "G"]
    assert left == pytest.approx(model.quads.value(z))
    assert (a.i <= a.j).all() and len(a.v) == 4
    assert 0.5 * z @ (a.P @ z) + a.q @ z + a.r == pytest.approx(model.objective.value(z))
    none = a.without_objective()
    assert not none.P.nnz and not none.q.any() and none.r == 0
    boxed = a.boxed(10.0)
    assert (boxed.lb.tolist(), boxed.ub.tolist()) == ([-1, -10, 0, -10, 0], [2, 10, 0, 3, 1])
    low, high = a.box(1e20)
    assert (low[1], high[1]) == (-1e20, 1e20)


class Told:
    """A session that says what the test wants; it keeps what it was given."""

    def __init__(self, *answers):
        self.answers, self.seen, self.options, self.closed, self.seconds = list(answers), [], {}, 0, []

    def __call__(self):
        return self

    def set_option(self, name, value):
        self.options[name] = value

    def load(self, parts):
        self.seen.append(parts)

    def start(self, points):
        self.points = points

    def limit(self, seconds):
        self.seconds.append(seconds)

    def run(self, watch):
        if isinstance(self.answers[0], Exception):
            raise self.answers[0]

    def stop(self):
        raise AssertionError("nobody pressed Ctrl-C")

    def found(self):
        return self.answers.pop(0)

    def close(self):
        self.closed += 1


def told(m, *answers, start=(), time_limit=None, options=None):
    session = Told(*answers)
    sol = drive("Told 1", session, kg.kkt(m), tol=1e-6, time_limit=time_limit, own_limit="seconds", start=start,
                progress=None, options=options or {})  # fmt: skip
    assert session.closed == len(session.seen)
    return sol, session


def line(sos=False):
    m = kg.Bilevel("line")
    x = m.var("x", 2, lb=0)
    m.add(x.sum() >= 1)
    m.maximize(x.sum())
    if sos:
        m.sos1(x)
    return m


POINT = np.array([3.0, 0.0])
OPTIMAL = LibraryAnswer("fine", "optimal", POINT, -3.0, 7)


def test_what_a_session_finds_is_the_answer():
    sol, session = told(line(), OPTIMAL, time_limit=5, options={"depth": 3})
    assert (sol.status, sol.objective, sol.bound, sol.nodes, sol.solver) == ("optimal", 3.0, 3.0, 7, "Told 1")
    assert sol.raw == {"status": "fine", "starts": (0, 0), "violation": 0.0}
    assert session.options == {"depth": 3}
    assert 0 < session.seconds[0] <= 5
    assert told(line(), OPTIMAL, time_limit=5, options={"Seconds": 9})[1].seconds == []


@pytest.mark.parametrize("status", ["unbounded", "infeasible_or_unbounded"])
def test_unbounded_is_believed_of_a_linear_model_with_a_point(status):
    sol, session = told(line(), LibraryAnswer("ray", status), OPTIMAL)
    assert (sol.status, sol.raw["status"]) == ("unbounded", "ray; without the objective: fine")
    assert not session.seen[1].q.any() and (session.seen[0].q == -1).all()


@pytest.mark.parametrize("status", ["infeasible", "time_limit", "error"])
def test_without_a_point_unbounded_is_what_the_second_solve_says(status):
    sol, _ = told(line(), LibraryAnswer("ray", "unbounded"), LibraryAnswer("none", status))
    assert (sol.status, sol.z) == (status, None)
    assert told(line(), LibraryAnswer("ray", "unbounded"), LibraryAnswer("ray", "unbounded"))[0].status == "unbounded"


def test_a_model_with_sets_called_unbounded_is_solved_in_a_box():
    ray_, inside = LibraryAnswer("ray", "unbounded"), LibraryAnswer("good", "optimal", np.array([0.0, 8.0]), -8.0)
    sol, session = told(line(sos=True), ray_, OPTIMAL, inside)
    assert (sol.status, sol.objective, sol.bound) == ("heuristic", 8.0, None)
    assert (session.seen[2].ub == BOX).all() and (session.seen[2].q == -1).all()
    at_the_wall = replace(inside, z=np.array([0.0, BOX]))
    sol, _ = told(line(sos=True), ray_, OPTIMAL, at_the_wall)
    assert (sol.status, sol.z) == ("infeasible_or_unbounded", None)


def test_the_best_feasible_start_stands_in_for_a_point():
    points = [np.array([1.0, 1.0]), np.array([0.0, 5.0]), np.array([-9.0, 0.0]), np.array([np.nan, 99.0])]
    sol, session = told(line(), LibraryAnswer("late", "time_limit"), start=points)
    assert (sol.status, sol.objective, sol.raw["starts"]) == ("time_limit", 5.0, (2, 4))
    assert len(session.points) == 4
    sol, session = told(line(), start=points, time_limit=0)
    assert (sol.status, sol.objective, session.seconds) == ("time_limit", 5.0, [])


def test_what_a_run_raises_comes_out_and_the_session_is_closed():
    session = Told(RuntimeError("broken"))
    with pytest.raises(RuntimeError, match="broken"):
        drive("Told 1", session, kg.kkt(line()), tol=1e-6, time_limit=None, own_limit="", start=(),
              progress=Watch(None), options={})  # fmt: skip
    assert session.closed == 1


def test_a_solve_the_solver_itself_interrupted_counts_as_interrupted():
    sol, _ = told(line(), LibraryAnswer("stopped by user", "time_limit", POINT, interrupted=True))
    assert interrupted(sol) and sol.raw["stopped"] == "stopped by user"
    assert not interrupted(told(line(), OPTIMAL)[0])


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_stops_the_work_even_where_the_library_takes_it_over():
    """The work sets Ctrl-C to end the process, as some libraries do; it is put back while the work goes on."""
    going, stopped = threading.Event(), threading.Event()

    def work():
        going.set()
        time.sleep(0.5)
        signal.raise_signal(signal.SIGINT)
        stopped.wait(20)

    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert in_background(work, stopped.set)
    finally:
        signal.signal(signal.SIGINT, before)
    assert going.is_set() and stopped.is_set()
    assert not in_background(lambda: None, stopped.set)


def test_the_words_for_a_licence_that_is_too_small():
    error = size_limited("Solver", "at most 2000 rows")
    assert isinstance(error, kg.SolverError)
    assert str(error).startswith("Solver: size-limited licence:") and "at most 2000 rows" in str(error)


@pytest.mark.skipif(not INFO["xpress"].available, reason="not installed (pip install xpress)")
def test_xpress_gets_one_thread_for_nonconvex_models():
    """With two threads Xpress 9.9.1 ends at -16.255 here, violating a row by 0.75; the optimum is -15.1995."""
    rng = np.random.default_rng(22)
    m = kg.Bilevel("threads")
    x, k = m.var("x", 4, lb=-3, ub=[2, 4, 3, 1]), m.var("k", 2, lb=-2, ub=3.5, kind="I")
    b = m.var("b", 2, kind="B")
    z = kg.concatenate([x, k, b])
    A = np.round(rng.normal(size=(3, 8)), 1)
    m.add(kg.between(-3, A @ z, [2, 3, np.inf]))
    m.indicator(b[0], int(rng.integers(2)), kg.between(-1, x[2] + k[0], 1))
    m.indicator(b[1], 1, x[3] - x[2] == 0.5)
    m.add(x @ x + k[1] <= 9)
    c = np.round(rng.normal(size=8), 1)
    i, j = rng.choice(4, 2, replace=False)
    m.minimize(c @ z + rng.normal() * (x[int(i)] @ x[int(j)]))
    sol = kg.solve(m, "xpress", threads=2, time_limit=10)
    assert sol.raw["violation"] < 1e-4
    assert sol.objective == pytest.approx(kg.solve(m, "scip").objective, abs=1e-3)
