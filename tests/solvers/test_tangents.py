"""Tangents to a convex quadratic objective let a solver of mixed-integer LPs solve mixed-integer QPs."""

from __future__ import annotations

import importlib.metadata
import itertools
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import scipy.sparse as sp

import kktgen as kg
from kktgen import catalog
from kktgen.errors import SolverError
from kktgen.numerics.sparse import Csr
from kktgen.solvers import solve, solvers
from kktgen.solvers.driving.checks import violation
from kktgen.solvers.highs.tangents import Tangents, squares

HIGHS = solvers()["highs"]
pytestmark = pytest.mark.skipif(not HIGHS.available, reason=HIGHS.version)


def least_squares(count, rank, seed, whole=1.0, box=5.0, name="fit"):
    """min |A z - b|^2 + c'z, a share ``whole`` of z integer, |z| <= box, two rows."""
    rng = np.random.default_rng(seed)
    m = kg.Bilevel(name)
    integers = max(1, round(whole * count))
    parts = [m.var("k", integers, kind="I", lb=-box, ub=box)]
    if integers < count:
        parts.append(m.var("x", count - integers, lb=-box, ub=box))
    z = kg.concatenate(parts) if len(parts) > 1 else parts[0]
    rest = rng.normal(size=(rank, count)) @ z - 4 * rng.normal(size=rank)
    m.add(rng.normal(size=(2, count)) @ z <= rng.random(2))
    m.minimize(rest @ rest + rng.normal(size=count) @ z)
    return kg.kkt(m)


def closed(solution, gap=1e-4):
    """Check that the point is feasible and the bound within HiGHS's gap."""
    assert solution.status == "optimal", solution.raw
    assert violation(solution.model, solution.z) <= 2e-6
    assert solution.objective == solution.model.value(solution.z)
    assert abs(solution.objective - solution.bound) <= max(gap * abs(solution.objective), 1e-6)


# -- squares and tangents ------------------------------------------------------------------------


KINDS = ("zero", "diagonal with gaps", "singular", "of several sizes", "blocks", "chain", "large and singular")


def psd(kind):
    """A positive semidefinite matrix and its rank."""
    rng = np.random.default_rng(3)
    F = rng.normal(size=(5, 12))
    wide = rng.normal(size=(20, 600))
    scale = np.logspace(-4, 4, 12)
    chain = sp.diags_array([2.0 * np.ones(3000), -np.ones(2999), -np.ones(2999)], offsets=[0, 1, -1])
    return {
        "zero": (np.zeros((3, 3)), 0),
        "diagonal with gaps": (np.diag([2.0, 0.0, 1e-6, 1e6]), 3),
        "singular": (F.T @ F, 5),
        "of several sizes": (scale[:, None] * (F.T @ F + np.eye(12)) * scale, 12),
        "blocks": (np.kron(np.diag([1.0, 0.0, 7.0]), np.array([[1.0, -1.0], [-1.0, 1.0]])), 2),
        "chain": (chain, 3000),
        "large and singular": (wide.T @ wide, 20),
    }[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_squares_add_up_to_the_quadratic(kind):
    P, rank = psd(kind)
    P = Csr(P)
    F = squares(P)
    assert F.shape == (rank, P.shape[0])
    scale = np.sqrt(np.maximum(P.diagonal(), 1e-300))
    wrong = (F.T @ F - P).tocoo()
    assert (np.abs(wrong.data) <= 1e-9 * scale[wrong.row] * scale[wrong.col]).all()
    assert F.nnz <= max(P.nnz, 60)


def test_squares_of_an_indefinite_matrix_are_refused():
    with pytest.raises(SolverError, match="factored"):
        squares(Csr(np.array([[1.0, 2.0], [2.0, 1.0]])))


def test_tangents_lie_below_and_touch_at_their_points():
    rng = np.random.default_rng(5)
    P = Csr(psd("singular")[0])
    points = list(rng.normal(size=(4, 12)) * 10)
    none = Tangents.none(P)
    tangents = none.at(points)
    assert len(tangents) == 4 * 5
    for z in points:
        assert tangents.below(z) == pytest.approx(tangents.exact(z), rel=1e-9)
    for z in rng.normal(size=(50, 12)) * 10:
        assert tangents.exact(z).sum() == pytest.approx(0.5 * z @ (P @ z))
        assert (tangents.below(z) <= tangents.exact(z) + 1e-9).all()
        M, lo = tangents.rows()
        assert (M @ np.concatenate([z, tangents.exact(z)]) >= lo - 1e-9).all()
        at = np.concatenate([z, tangents.below(z)])
        tight = [(M @ at - lo)[tangents.term == k].min() for k in range(5) if tangents.below(z)[k] > 0]
        assert tight == pytest.approx(np.zeros(len(tight)), abs=1e-9)
    assert len(tangents.at(points)) == 0
    assert len(none.at([points[0], points[0]])) == 5


# -- known optima --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_random_problems_agree_with_scip(seed):
    if not solvers()["scip"].available:
        pytest.skip(solvers()["scip"].version)
    count = 4 + seed % 4
    model = least_squares(count, 1 + seed % count, seed, whole=[1.0, 0.5, 0.2][seed % 3], box=[1, 4, 30][seed // 4])
    assert model.features == {"int", "qobj"}
    mine, other = solve(model, "highs", gap=0), solve(model, "scip", time_limit=20)
    closed(mine, gap=0)
    assert other.status == "optimal"
    assert mine.objective == pytest.approx(other.objective, rel=1e-5, abs=1e-5)
    assert mine.raw["rounds"] >= 1
    assert mine.raw["tangents"] >= 1
    assert mine.solver.startswith("HiGHS ")
    assert mine.solver.endswith(", tangents")


def test_integer_least_squares_finds_the_best_of_all_points():
    model = least_squares(4, 4, 11, box=4)
    sol = solve(model, "highs", gap=0)
    closed(sol, gap=0)
    feasible = (np.array(z, dtype=float) for z in itertools.product(range(-4, 5), repeat=4))
    best = min(model.value(z) for z in feasible if violation(model, z) <= 1e-9)
    assert sol.objective == pytest.approx(best, abs=1e-9)


def test_a_dense_quadratic_of_many_columns():
    """min 1/2 (z - p)'P (z - p) with P dense, p integer but for one entry that may be no integer."""
    rng = np.random.default_rng(2)
    F, p = rng.normal(size=(60, 30)), rng.integers(-3, 4, 30).astype(float)
    m = kg.Bilevel("dense")
    z = m.var("z", 30, kind="I", lb=-5, ub=5)
    rest = F @ z - F @ p
    m.minimize(rest @ rest + 7)
    sol = solve(m, "highs")
    closed(sol)
    assert sol[z] == pytest.approx(p)
    assert sol.objective == pytest.approx(7)
    assert squares(sol.model.matrices[0]).shape == (30, 30)


def test_maximised_objectives_have_their_bound_above():
    m = kg.Bilevel("concave")
    k = m.var("k", kind="I", lb=-10, ub=10)
    x = m.var("x", lb=-10, ub=10)
    m.add(k + x <= 3.2)
    m.maximize(5 * k + 4 * x - k @ k - x @ x)  # at (2, 1.2), where the row holds with equality
    sol = solve(m, "highs", gap=0)
    closed(sol, gap=0)
    assert (sol[k], sol[x]) == pytest.approx((2, 1.2))
    assert sol.objective == pytest.approx(10 - 4 + 4.8 - 1.44)
    assert sol.bound >= sol.objective - 1e-6


@pytest.mark.parametrize("name", ["qp_10x5", "two_followers", "qp_singular_5x5"])
def test_quadratic_followers_with_big_m(name):
    case = catalog.load_instance(f"random_bilevel/{name}")
    m = catalog.build(case.model, case.parameters)
    ready = kg.encode(kg.bound(kg.eliminate(kg.kkt(m))), "bigm")
    sol = solve(ready, "highs")
    closed(sol)
    assert sol.objective == pytest.approx(case.known["objective"], rel=1e-4)
    assert kg.verify(m, sol).ok


@pytest.mark.slow
def test_six_hours_of_the_flagship():
    case = catalog.load_instance("dso_vpp/short")
    result = kg.optimize(catalog.build(case.model, case.parameters), encoding="bigm", solver="highs", time_limit=60)
    assert result.model.features == {"int", "qobj"}
    closed(result.solution)
    assert result.solution.objective == pytest.approx(1.331444, abs=2e-5)
    assert result.report.claim == "optimal", str(result.report)


# -- no optimum ----------------------------------------------------------------------------------


def test_infeasible_rows_and_infeasible_integers():
    for side in (3.5, 0.5):
        m = kg.Bilevel("infeasible")
        k = m.var("k", 2, kind="I", lb=0, ub=1)
        m.add(k.sum() == side)
        m.minimize(k @ k - k.sum())
        sol = solve(m, "highs")
        assert (sol.status, sol.objective, sol.bound) == ("infeasible", None, None)


@pytest.mark.parametrize(("rows", "status"), [("none", "unbounded"), ("parity", "infeasible")])
def test_an_objective_without_an_end_needs_a_point_with_whole_integers(rows, status):
    """min k^2 - y, y free; with 2 k = 2 j + 1 the relaxation falls without end, but there is no integer point."""
    m = kg.Bilevel("falling")
    k, j, y = m.var("k", kind="I"), m.var("j", kind="I", lb=-10, ub=10), m.var("y")
    if rows == "parity":
        m.add(2 * k - 2 * j == 1)
    m.minimize(k @ k - y)
    sol = solve(m, "highs", time_limit=20)
    old = importlib.metadata.version("highspy").startswith("1.11.")  # goes on for ever where nothing bounds it
    if old and (status, sol.status) == ("unbounded", "time_limit"):
        return
    assert (sol.status, sol.z) == (status, None)


def test_only_the_quadratic_part_keeps_the_problem_bounded():
    """min k^2 - 3.2 k + |y - k|^2, nothing boxed: k = y = 2, -2.4. Without tangents the linear problem falls."""
    m = kg.Bilevel("free")
    k, y = m.var("k", kind="I"), m.var("y")
    m.minimize(k @ k - 3.2 * k + (y - k) @ (y - k))
    sol = solve(m, "highs", gap=0)
    closed(sol, gap=0)
    assert (sol.objective, sol[k], sol[y]) == pytest.approx((-2.4, 2, 2), abs=1e-5)


def test_a_relaxation_without_an_answer_begins_at_an_integer_point(monkeypatch):
    from kktgen.numerics.answers import Answer
    from kktgen.numerics.programs import qp
    from kktgen.solvers.highs import rounds

    for said in ("error", "infeasible", "unbounded"):
        asked = []

        def failing(*arguments, said=said, asked=asked):
            asked.append(said)
            return Answer(said, None, np.nan, np.empty(0), np.empty(0)) if len(asked) == 1 else qp(*arguments)

        monkeypatch.setattr(rounds, "qp", failing)
        model = least_squares(6, 6, 4, whole=0.5)
        sol = solve(model, "highs", gap=0)
        monkeypatch.undo()
        closed(sol, gap=0)
        assert sol.objective == pytest.approx(solve(model, "highs", gap=0).objective, abs=1e-5)
        assert len(asked) > 1


# -- gaps, limits, starts ------------------------------------------------------------------------


def test_a_wider_gap_needs_fewer_rounds():
    model = least_squares(8, 8, 1)
    tight, wide = solve(model, "highs", gap=0), solve(model, "highs", gap=0.5)
    closed(tight, gap=0)
    closed(wide, gap=0.5)
    assert wide.raw["rounds"] < tight.raw["rounds"]
    assert wide.bound <= tight.objective + 1e-6
    assert solve(model, "highs", mip_rel_gap=0.5).raw["rounds"] == wide.raw["rounds"]


HARD = {"count": 45, "rank": 45, "seed": 6, "box": 10.0}


@pytest.mark.parametrize("limit", [0.0, 0.05, 1.0])
def test_a_time_limit_keeps_the_start_and_tells_the_bound(limit):
    model = least_squares(**HARD)
    start = np.zeros(model.n)
    assert violation(model, start) == 0
    began = time.perf_counter()
    sol = solve(model, "highs", time_limit=limit, start=start)
    assert time.perf_counter() - began < limit + 2
    assert sol.status == "time_limit"
    assert sol.objective <= model.value(start)
    if limit == 0:
        assert (sol.z == start).all()
        assert sol.bound is None
    if limit == 1:
        assert sol.bound <= sol.objective
    assert solve(model, "highs", time_limit=0).z is None


def test_the_best_start_is_handed_over_and_partial_ones_are_completed(monkeypatch):
    import highspy

    handed = []

    class Listening(highspy.Highs):
        def setSolution(self, count, columns, values):
            handed.append(np.asarray(values))
            return super().setSolution(count, columns, values)

    monkeypatch.setattr(highspy, "Highs", Listening)
    model = least_squares(8, 8, 1)
    best = solve(model, "highs", gap=0)
    poor = np.zeros(model.n)
    assert violation(model, poor) == 0
    assert solve(model, "highs", start=[poor, best], time_limit=0).objective == best.objective
    handed.clear()
    sol = solve(model, "highs", start=[poor, best], gap=0)
    assert sol.objective == pytest.approx(best.objective, abs=1e-9)
    assert len(handed) == sol.raw["rounds"]
    assert all((values[: model.n] == best.z).all() for values in handed)
    assert handed[0][model.n :].sum() == pytest.approx(0.5 * best.z @ (model.matrices[0] @ best.z))
    half = np.where(np.arange(model.n) < 4, best.z, np.nan)
    closed(solve(model, "highs", start=half, gap=0), gap=0)
    outside = np.full(model.n, -5.0)  # breaks the rows: of no use, and no harm
    assert violation(model, outside) > 1
    assert solve(model, "highs", start=outside, gap=0).objective == pytest.approx(best.objective, abs=1e-6)


def test_a_limit_on_nodes_ends_with_point_and_bound():
    sol = solve(least_squares(12, 12, 2), "highs", mip_max_nodes=5)
    assert sol.status == "time_limit"
    assert sol.bound <= sol.objective


@pytest.mark.slow
def test_progress_is_told_of_the_whole_solve():
    model, heard = least_squares(**HARD), []
    sol = solve(model, "highs", time_limit=2, start=np.zeros(model.n), progress=heard.append)
    assert heard
    assert len(heard) <= 4 * sol.seconds + 1
    best, bound = [info["incumbent"] for info in heard], [info["bound"] for info in heard if info["bound"] is not None]
    assert best == sorted(best, reverse=True)
    assert bound == sorted(bound)
    assert sol.objective <= best[-1] <= model.value(np.zeros(model.n))
    assert bound[-1] <= sol.objective
    assert heard[-1]["nodes"] <= sol.nodes


def test_an_error_of_progress_comes_out():
    def progress(info):
        raise KeyError("my own mistake")

    model, began = least_squares(**HARD), time.perf_counter()
    with pytest.raises(KeyError, match="my own mistake"):
        solve(model, "highs", time_limit=30, progress=progress)
    assert time.perf_counter() - began < 15


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_returns_the_best_point():
    source = """
    import test_tangents as t
    def progress(info):
        if info["incumbent"] is not None and info["nodes"] > 0:
            print("ready", flush=True)
    sol = t.solve(t.least_squares(**t.HARD), "highs", time_limit=60, progress=progress)
    print(sol.status, sol.objective is not None, sol.raw["status"], flush=True)
    """
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(source)], stdout=subprocess.PIPE, text=True, env=env
    )
    try:
        assert child.stdout.readline().strip() == "ready"
        child.send_signal(signal.SIGINT)
        began = time.perf_counter()
        out, _ = child.communicate(timeout=40)
    finally:
        child.kill()
    assert "time_limit True Interrupted by user" in out
    assert time.perf_counter() - began < 20
