"""The recipe: right answers with the right claims on the problems with known answers, and honest ends."""

from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np
import pytest
from found import answer
from problems import ALL

import kktgen as kg

OPTIMAL = [problem for problem in ALL if problem.outcome == "optimal"]

PIPELINE = importlib.import_module("kktgen.recipes.pipeline")


@pytest.mark.parametrize("problem", OPTIMAL, ids=lambda problem: problem.name)
def test_known_answer_is_found_and_claimed(problem):
    m, result = answer(problem.name)
    tolerance = max(problem.tolerance, 1e-4)
    assert result.solution.objective == pytest.approx(problem.objective, rel=tolerance, abs=tolerance)
    assert result.report.claim == "optimal", str(result.report)
    assert result.bound == pytest.approx(problem.objective, rel=2 * tolerance, abs=2 * tolerance)
    if result.start is not None:  # no start beats the optimum
        assert m.sense * (problem.objective - result.start) <= tolerance * max(1, abs(problem.objective))


@pytest.mark.parametrize("problem", [p for p in ALL if p.outcome == "infeasible"], ids=lambda problem: problem.name)
def test_infeasible_is_a_status_not_an_error(problem):
    m = problem.build()
    result = kg.optimize(m, time_limit=30)
    assert result.solution.objective is None
    assert result.report.claim in ("infeasible", "unverified")
    assert "no point" in str(result)
    with pytest.raises(kg.NoSolutionError):
        result.solution[m.objective]


def two_storages() -> kg.Bilevel:
    """max price'buy,  follower: min price'buy + b'b  s.t.  buy + b = (1, 2, 3), running sum of b in [-1, 1]."""
    m = kg.Bilevel("storages")
    price = m.var("price", 3, lb=0, ub=[1, 2, 1])
    f = m.follower("f")
    buy, b = f.var("buy", 3, lb=0, ub=5), f.var("b", 3, lb=-1, ub=1)
    f.add(buy + b == np.array([1.0, 2.0, 3.0]), name="balance")
    f.add(kg.between(-1, b.cumsum(), 1), name="energy")
    f.minimize(price @ buy + b @ b)
    m.maximize(price @ buy)
    return m


def test_stages_are_told_in_order_and_timed():
    told = []
    result = kg.optimize(two_storages(), stages=lambda stage, text: told.append((stage, text)))
    stages = ["kkt", "eliminate", "bound", "encode", "cut", "start", "solve", "polish", "verify"]
    assert [stage for stage, _ in told] == stages == list(result.seconds)
    assert "eliminated exactly" in dict(told)["eliminate"]
    assert "proved(D3)" in dict(told)["bound"]
    assert result.report.claim == "optimal"
    assert "claim      optimal" in str(result) and "time: kkt" in str(result)


@pytest.mark.parametrize("encoding", ["sos1", "bigm", "indicator", "auto", kg.BigM(slack=20, dual=20)])
def test_encodings_agree(encoding):
    result = kg.optimize(two_storages(), encoding)
    assert result.solution.objective == pytest.approx(kg.optimize(two_storages()).solution.objective, rel=1e-6)
    proved = not isinstance(encoding, kg.BigM)  # smaller proved constants replace the user's
    assert result.report.claim == "optimal" or not proved


def test_without_a_start_the_answer_is_the_same():
    with_start, without = kg.optimize(two_storages()), kg.optimize(two_storages(), start=False)
    assert without.start is None and with_start.start is not None
    assert with_start.solution.objective == pytest.approx(without.solution.objective, rel=1e-6)


def handbook(least: float = 0.0) -> kg.Bilevel:
    """min x + 3y,  y in argmin { -y : x + y <= 8, x + 4y >= 8, x + 2y <= 13, 2y <= 7x };  a multiplier is used.

    With x >= 1 (``least``) the optimum is 8 at (8, 0), and the relaxation of the rows alone has 6.25 at (1, 1.75).
    """
    m = kg.Bilevel("handbook")
    x = m.var("x", lb=least, ub=8)
    lower = m.follower("lower")
    y = lower.var("y")
    m.minimize(x + 3 * y)
    m.add(y <= 5)
    lower.minimize(-y)
    first, *_ = lower.add(x + y <= 8, x + 4 * y >= 8, x + 2 * y <= 13, 2 * y <= 7 * x)
    m.add(first.dual >= -50)  # the leader uses a multiplier, so no bound on basic ones will do
    return m


def test_without_boxes_a_second_encoding_is_the_evidence():
    alone, both = kg.optimize(handbook(1.0), evidence=False), kg.optimize(handbook(1.0))
    assert alone.report.claim == "bilevel-feasible"
    assert both.report.claim == "optimal"
    assert any("Indicator" in reason for reason in both.report.reasons)


def test_a_time_limit_ends_with_the_best_point_and_no_claim_of_optimality():
    from kktgen import catalog

    m = catalog.build("dso_vpp", {"hours": 6})
    result = kg.optimize(m, encoding="sos1", time_limit=60, **{"limits/nodes": 1})
    assert result.solution.status == "time_limit"
    assert result.solution.objective == pytest.approx(result.start, abs=1e-5)
    assert result.report.ok and result.report.claim == "bilevel-feasible"


@pytest.mark.parametrize("encoding", [kg.SOS1(), kg.Indicator()])
def test_a_quadratic_objective_takes_evidence_too(encoding):
    """``min x^2 + 3y,  y <= 5``, the follower of the handbook: (x, y) = (8/15, 28/15)."""
    m = handbook()
    x = m.space.find("x")
    P = np.zeros((m.objective.linear.shape[1],) * 2)
    P[x, x] = 2.0
    m.minimize(m.objective + kg.Quad.from_matrices(m.space, P, -np.eye(len(P))[x[0]]))
    result = kg.optimize(m, encoding)
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx((8 / 15) ** 2 + 3 * 28 / 15, rel=1e-5)


def test_agreement_is_no_evidence_where_prices_are_rewarded_without_end():
    """``min_x xy - wy - y mu - x - 3w - 3y,  x in [-2, 2],  w in [-3, -1];  y: min (x + 2) y,  0 <= y <= 4``,

    ``-3 <= 2y <= 2 (mu its upper price),  -3x + w - 3y <= 1``. At x = -5/3, w = -1 both rows hold y at 1, their prices
    have no bound and the leader's cost none either; SCIP proves 1 in two encodings.
    """
    m = kg.Bilevel("endless")
    x, w = m.var("x", lb=-2, ub=2), m.var("w", lb=-3, ub=-1, kind="I")
    f = m.follower("f")
    y = f.var("y", lb=0, ub=4)
    row = f.add(kg.between(-3, 2 * y, 2))
    f.add(-3 * x + w - 3 * y <= 1)
    f.minimize(x @ y + 2 * y)
    m.minimize(x @ y - w @ y + row.dual @ y - x - 3 * w - 3 * y)
    assert kg.optimize(m).report.claim != "optimal"


def test_infeasible_is_asked_twice(monkeypatch):
    """A solver that calls the default encoding infeasible, but not the second one, is at fault."""

    def wrong(model, solver, **options):
        if model.encodings[0].encoding == "Indicator":
            return kg.solve(model, solver, **options)
        return kg.Solution("infeasible", None, None, None, 0.0, "nobody", model)

    monkeypatch.setattr(PIPELINE, "solve", wrong)
    assert kg.optimize(handbook(), start=False, evidence=False).report.claim == "infeasible"
    report = kg.optimize(handbook(), start=False).report
    assert report.claim == "unverified" and any("solver fault" in reason for reason in report.reasons)


@pytest.mark.parametrize("status, told", [("time_limit", "time_limit"), ("infeasible", "error")])
def test_a_solver_that_finds_nothing_leaves_the_start_point(monkeypatch, status, told):
    def nothing(model, solver, **options):
        return kg.Solution(status, None, None, None, 0.0, "nobody", model)

    monkeypatch.setattr(PIPELINE, "solve", nothing)
    result = kg.optimize(two_storages())
    assert result.solution.status == told
    assert result.solution.objective == pytest.approx(result.start)
    assert result.report.ok and result.report.claim == "bilevel-feasible"


def test_a_solver_that_fails_leaves_the_start_point_or_says_so(monkeypatch):
    def broken(model, solver, **options):
        raise kg.SolverError("error in LP solver")

    monkeypatch.setattr(PIPELINE, "solve", broken)
    result = kg.optimize(two_storages())
    assert result.solution.status == "error" and result.solution.raw["error"] == "error in LP solver"
    assert result.solution.objective == pytest.approx(result.start)
    assert result.report.claim == "bilevel-feasible"
    with pytest.raises(kg.SolverError, match="error in LP solver"):
        kg.optimize(two_storages(), start=False)


def test_a_second_run_that_fails_is_no_evidence_and_no_error(monkeypatch):
    real, calls = PIPELINE.solve, []

    def flaky(model, solver, **options):
        calls.append(model)
        if len(calls) > 1:
            raise kg.SolverError("error in LP solver")
        return real(model, solver, **options)

    monkeypatch.setattr(PIPELINE, "solve", flaky)
    result = kg.optimize(handbook(1.0))
    assert len(calls) == 2
    assert result.report.claim == "bilevel-feasible"


def test_a_model_without_followers_goes_through():
    m = kg.Bilevel("plain")
    x = m.var("x", 2, lb=0, ub=4, kind="I")
    m.add(x.sum() <= 5.5)
    m.maximize(x[0] + 2 * x[1])
    result = kg.optimize(m)
    assert result.solution.objective == pytest.approx(9)
    assert result.report.claim == "optimal"


def test_highs_takes_linear_followers_with_proved_bounds():
    m = kg.Bilevel("linear")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=2)
    f.add(y.sum() == 2)
    f.minimize(x * y[0] + 0.5 * y[1])
    m.maximize(x @ y[0])
    result = kg.optimize(m, solver="highs", encoding="bigm")
    assert result.solution.objective == pytest.approx(1.0, abs=1e-5)  # x = 0.5, y0 = 2 by the optimistic tie
    assert result.report.claim == "optimal"


def test_constants_of_the_users_get_no_second_solve(monkeypatch):
    m = kg.Bilevel("open")
    x = m.var("x", lb=0, ub=4)
    f, g = m.follower("f"), m.follower("g")
    y, w = f.var("y", lb=0, ub=9), g.var("w", lb=0)
    f.add(y >= x)
    f.minimize(y)
    both = g.add(w >= x, w <= x)  # the multipliers of an equation in two halves have no bound
    g.minimize(w)
    m.minimize((x - 2) * (x - 2) + y + 0 * w + 1e-3 * both[0].dual)
    real, calls = PIPELINE.solve, []
    counted = lambda model, solver, **options: calls.append(model) or real(model, solver, **options)  # noqa: E731
    monkeypatch.setattr(PIPELINE, "solve", counted)
    kg.optimize(m, kg.SOS1())
    assert len(calls) == 2
    result = kg.optimize(m, kg.SOS1(), choices={f: kg.BigM(dual=0.5)})
    assert len(calls) == 3
    assert result.report.claim != "optimal"


def test_a_solvers_point_that_fails_gives_way_to_a_start_point_that_holds(monkeypatch):
    """The follower wants y = x; the solver claims y = 0 at x = 2, where nothing binds it."""
    m = kg.Bilevel("follow")
    x = m.var("x", lb=0, ub=2)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=5)
    f.add(y <= x, name="limit")
    f.minimize(-y)
    m.minimize(y - 2 * x)
    right = kg.optimize(m)
    assert right.solution.objective == pytest.approx(-2)
    honest = PIPELINE.solve

    def wrong(model, *args, **options):
        found = honest(model, *args, **options)
        z = found.z.copy()
        z[y.cols[()]] = 0.0
        return replace(found, z=z, objective=model.value(z), bound=model.value(z))

    monkeypatch.setattr(PIPELINE, "solve", wrong)
    monkeypatch.setattr(PIPELINE, "polished", lambda model, found, deadline: (found, None))
    result = kg.optimize(m)
    assert result.solution.objective == pytest.approx(-2) and result.report.ok
    assert result.report.claim == "bilevel-feasible"  # its bound of -4 proves nothing of this point
    assert "the solver's point of value -4 fails" in result.report.reasons[0]
    assert "this is the start point" in result.report.reasons[0]


def ray(top: float = np.inf) -> kg.Bilevel:
    """``max -2 b`` over x >= -1; ``min a a / 2 + a b + b b / 2 + 3 x b``, ``-1 <= a <= 4``, ``3 a - b >= -3``.

    At x = t >= 0 the response is a = 4, b = -4 - 3 t with ``mu_ub(a) = 3 t``, so the leader earns 8 + 6 t without end.
    """
    m = kg.Bilevel("ray")
    x = m.var("x", lb=-1, ub=top)
    f = m.follower("f")
    a, b = f.var("a", lb=-1, ub=4), f.var("b")
    f.minimize(0.5 * a @ a + a @ b + 0.5 * b @ b + 3 * (x @ b))
    f.add(3 * a - b >= -3)
    m.maximize(-2 * b)
    return m


def test_two_encodings_that_agree_are_no_evidence_where_the_objective_may_have_no_end():
    """SCIP calls both the SOS1 and the indicator model optimal at 10."""
    result = kg.optimize(ray())
    assert result.report.claim != "optimal", str(result)


def test_with_a_bound_on_the_decision_they_are():
    result = kg.optimize(ray(100.0))
    assert result.solution.objective == pytest.approx(608.0)
    assert result.report.claim == "optimal", str(result)


@pytest.mark.parametrize("slope", [1e-7, 1e-8])
def test_a_small_slope_without_end_is_no_optimum(slope):
    """``min -slope x`` over x >= 0 without end, y in argmin { y : y >= x }: solvers take the slope for none."""
    m = kg.Bilevel("slope")
    x = m.var("x", lb=0)
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.add(y >= x)
    f.minimize(y)
    m.minimize(-slope * x)
    assert kg.optimize(m).report.claim != "optimal"
