"""How a solve ends: open words are settled, narrow boxes are no missing pairs, advice is what was not done."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest

import kktgen as kg
from kktgen.solvers import scip
from kktgen.solvers.driving.checks import answer
from kktgen.solvers.driving.settle import settled
from kktgen.solvers.driving.watch import Watch

pytest.importorskip("pyscipopt", reason="SCIP's library is not installed")


# -- infeasible or unbounded ----------------------------------------------------------------------


def no_response():
    """The driver's gain grows without end at every decision, and the leader's objective falls without bounds."""
    m = kg.Bilevel("no_response")
    x = m.var("x", lb=-3)
    f = m.follower("f")
    y = f.var("y", 2, lb=[0, -np.inf])
    f.add(y[1] - y[0] <= 2 + x)
    f.minimize(-3 * y[0] + y[1])
    m.minimize(-x - y.sum())
    return m


def no_coupling():
    """Every response breaks the coupling rows: y = max(x0 + x1, -x0), and both rows ask for more."""
    m = kg.Bilevel("no_coupling")
    x = m.var("x", 2)
    f = m.follower("f")
    y = f.var("y")
    f.add(y >= x[0] + x[1], y >= -x[0])
    f.minimize(y)
    m.add(y >= x[0] + x[1] + 1, y >= 1 - x[0])
    m.minimize(x[0] - 3 * y)
    return m


def raw_models():
    """Infeasible models over free columns, as raw rows: what solvers' presolve calls infeasible or unbounded."""
    m = kg.Bilevel("free")
    x = m.var("x", 3)
    m.add(x[0] - x[1] >= 1, x[1] - x[0] >= 1)
    m.minimize(-x[2])
    return m


@pytest.mark.parametrize("build", [no_response, no_coupling])
def test_an_infeasible_problem_is_called_so(build):
    m = build()
    result = kg.optimize(m, time_limit=30)
    assert result.report.claim == "infeasible", str(result.report)
    assert kg.explain(m, time_limit=30).kind in ("follower_unbounded", "no_response", "coupling_infeasible")


@pytest.mark.parametrize("solver", ["scip", "highs"])
def test_a_model_without_points_over_free_columns_is_infeasible(solver):
    assert kg.solve(raw_models(), solver, time_limit=20).status == "infeasible"


class Solver:
    """Leaves open what the first model is; what it says of the second is given."""

    def __init__(self, second):
        self.second, self.asked = second, []

    def __call__(self, model, *, time_limit, start, progress, **options):
        self.asked.append((model, time_limit, start, options))
        progress.tell(3, 7.0, 7.0)
        z = np.zeros(model.n) if self.second == "optimal" else None
        return answer(model, self.second, z, 0.0, 0.0, "stub", raw={"status": f"word {self.second}"})


def left_open(sets=False):
    m = kg.Bilevel("open")
    x = m.var("x", 2, kind="I")
    if sets:
        m.sos1([x[0], x[1]])
    m.minimize(x.sum())
    model = kg.kkt(m)
    found = answer(model, "infeasible_or_unbounded", None, None, 0.0, "stub", raw={"status": "word"})
    return model, SimpleNamespace(found=found, seconds=found.seconds)


@pytest.mark.parametrize(
    ("second", "sets", "status", "word"),
    [
        ("infeasible", False, "infeasible", "word; without an objective: word infeasible"),
        ("optimal", False, "unbounded", "word; there is a point"),
        ("optimal", True, "infeasible_or_unbounded", "word; there is a point"),  # relaxation's rays prove nothing here
        ("time_limit", False, "infeasible_or_unbounded", "word"),
        ("error", False, "infeasible_or_unbounded", "word"),
    ],
)
def test_an_open_word_is_asked_again_without_the_objective(second, sets, status, word):
    model, given = left_open(sets)
    solver, told = Solver(second), []
    watch = Watch(told.append, model.sense)
    out = settled(given.found, model, solver, 1e9, watch, gap=None)
    (asked, limit, start, options), *more = solver.asked
    assert (out.status, out.raw["status"], out.z) == (status, word, None) and not more
    assert not asked.objective.linear.nnz and asked.rows is model.rows and start == [] and options == {"gap": None}
    assert 10 <= limit <= 10 + 10 * given.found.seconds  # patience, within the limit of the whole
    assert told and {info["incumbent"] for info in told} == {info["bound"] for info in told} == {None}


def test_nothing_else_is_asked_again_nor_is_anything_past_the_limit():
    model, given = left_open()
    for found, limit in (
        (given.found, given.found.seconds / 2),
        (answer(model, "infeasible", None, None, 0, "s"), None),
    ):
        assert settled(found, model, Solver("infeasible"), limit, Watch(None)) is found


def test_what_a_progress_raises_in_the_second_solve_is_raised():
    model, given = left_open()

    def stop(info):
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        settled(given.found, model, Solver("infeasible"), None, Watch(stop))


def test_the_open_word_is_settled_in_every_solve(monkeypatch):
    model, _ = left_open()
    solver = Solver("infeasible")

    def once(model, **given):
        if len(solver.asked):
            return solver(model, **given)
        solver.asked.append(None)
        return answer(model, "infeasible_or_unbounded", None, None, time.perf_counter(), "stub")

    monkeypatch.setattr(scip, "solve", once)
    assert kg.solve(model, "scip", time_limit=10).status == "infeasible" and len(solver.asked) == 2


# -- narrow boxes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["follower", "leader", "row", "all"])
@pytest.mark.parametrize("width", [1e-5, 9e-7, 1e-8, 1e-12, 0.0])
def test_a_narrow_box_leaves_no_pair_behind(width, kind):
    m = kg.Bilevel("narrow")
    x = m.var("x", lb=1, ub=1 + (width if kind in ("leader", "all") else 2))
    f = m.follower("f")
    y = f.var("y", 2, lb=1, ub=[1 + (width if kind in ("follower", "all") else 3), 4])
    f.add(kg.between(2, y.sum(), 2 + width) if kind in ("row", "all") else y.sum() >= x)
    f.minimize(y[0] + (x - 1.5) * y[1])
    m.minimize(x + y[0] - 2 * y[1])
    result = kg.optimize(m, time_limit=30)
    assert result.report.claim == "optimal", str(result.report)
    assert result.solution.objective == pytest.approx(0 if kind in ("row", "all") else -6, abs=1e-4)


# -- what is left to do -------------------------------------------------------------------------------


def without_boxes():
    """Nobody can box the multipliers: the leader may close every gap between the rows, and uses a price."""
    m = kg.Bilevel("boxless")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=2)
    top = f.add(y <= x, name="top")
    f.minimize(-y)
    m.minimize(x * x - x - top.dual)
    return m


def test_advice_is_what_was_not_done():
    m = without_boxes()
    bare = kg.kkt(m)
    bounded = kg.bound(bare)
    one, other = (kg.solve(kg.encode(model, "sos1"), "scip", time_limit=20) for model in (bare, bounded))
    bound, evidence = "bound the model (kktgen.bound)", "give evidence: a solution by another encoding or solver"

    def advice(solution, *given):
        said = [r for r in kg.verify(m, solution, evidence=given).reasons if "without a proved box;" in r]
        return [r.partition("without a proved box; ")[2] for r in said]

    assert advice(one) == [f"{bound}, or {evidence}"]
    assert advice(one, one) == [bound]
    assert advice(other) == [f"kktgen.bound proved none; {evidence}"]
    assert advice(other, other) == ["kktgen.bound proved none, and no evidence that was given stands in for it"]
