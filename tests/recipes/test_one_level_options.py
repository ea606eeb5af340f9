"""What kg.optimize promises holds for problems of one level: starts, limits, files, ranges, processes, Ctrl-C."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import kktgen as kg
from kktgen.reformulate.one_level import OPPOSED


def attack(k=2):
    """Return six roads of different capacity from a source to a sink of which k are closed, and what flows then."""
    m = kg.Bilevel("roads")
    cut = m.var("cut", 6, kind="B")
    m.add(cut.sum() <= k)
    flow = m.follower("flow")
    y, spill = flow.var("y", 6, lb=0), flow.var("spill", lb=0)
    flow.add(y <= np.array([9, 8, 7, 6, 5, 4]) * (1 - cut))
    flow.add(y.sum() + spill == 30)
    cost = np.arange(6) @ y + 20 * spill
    flow.minimize(cost)
    m.maximize(cost)
    return m


def exact(k=2):
    return kg.optimize(attack(k), kg.SOS1(), time_limit=30).solution.objective


def test_a_start_counts_and_is_no_worse_than_what_comes_out():
    m, told = attack(), {}
    result = kg.optimize(m, start=np.array([0.0, 0, 0, 0, 1, 1]), time_limit=30, stages=told.__setitem__)
    assert list(told) == ["kkt", "bound", "one level", "start", "solve", "polish", "verify"]
    assert list(result.seconds) == list(told)
    assert OPPOSED in told["one level"]
    assert result.start == pytest.approx(m_value([4, 5]))
    assert result.solution.raw["starts"] == (1, 1)
    assert result.solution.objective == pytest.approx(exact())
    again = kg.optimize(m, start=result, time_limit=30)
    assert again.start == pytest.approx(result.solution.objective)


def m_value(closed):
    left, cost, capacity = 30.0, 0.0, [9, 8, 7, 6, 5, 4]
    for road in range(6):
        flow = 0.0 if road in closed else min(left, capacity[road])
        left, cost = left - flow, cost + road * flow
    return cost + 20 * left


def test_the_value_is_the_worst_of_all_pairs_of_roads():
    worst = max(m_value([i, j]) for i in range(6) for j in range(i))
    assert kg.optimize(attack()).solution.objective == pytest.approx(worst)


def test_a_start_of_the_wrong_length_is_refused():
    with pytest.raises(kg.ProblemError, match="start"):
        kg.optimize(attack(), start=[1.0, 0.0])


def test_explicit_encodings_keep_the_pairs():
    for encoding in (kg.Auto(), kg.SOS1(), "bigm"):
        result = kg.optimize(attack(), encoding, time_limit=30)
        assert OPPOSED not in result.model.notes
        assert result.model.encodings
        assert result.solution.objective == pytest.approx(exact())
    for options in ({"method": "solver"}, {"cuts": True}, {"choices": {}}):
        result = kg.optimize(attack(), time_limit=30, **options)
        assert (OPPOSED in result.model.notes) is ("choices" in options)


@pytest.mark.parametrize("solver", ["scip", "highs"])
def test_any_solver_that_takes_the_model(solver):
    result = kg.optimize(attack(), solver=solver, time_limit=30)
    assert OPPOSED in result.model.notes
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(exact())


def test_processes_executors_ranges_and_gaps():
    seen = []
    with ThreadPoolExecutor(1) as pool:
        result = kg.optimize(
            attack(), time_limit=30, isolate=True, executor=pool, range=True, gap=1e-3, progress=seen.append
        )
    assert result.report.claim == "optimal"
    assert result.report.range is not None
    assert result.report.range.best == pytest.approx(result.solution.objective)
    assert result.report.range.worst == pytest.approx(result.solution.objective)
    assert any("text" in one for one in seen)


@pytest.mark.parametrize("suffix", ["lp", "mps", "cip"])
def test_what_was_solved_can_be_written_and_solved_again(suffix, tmp_path):
    result = kg.optimize(attack(), time_limit=30)
    path = tmp_path / f"roads.{suffix}"
    kg.write(result.model, path)
    from pyscipopt import Model as Scip

    scip = Scip()
    scip.hideOutput()
    scip.readProblem(str(path))
    scip.optimize()
    assert abs(scip.getObjVal()) == pytest.approx(result.solution.objective)


def test_no_time_at_all():
    result = kg.optimize(attack(), time_limit=0)
    assert result.report.claim in ("unverified", "bilevel-feasible")


@pytest.mark.parametrize("stage", ["text", "nodes"])
def test_ctrl_c_leaves_the_start(stage):
    m, pressed = attack(), []
    point = kg.search.respond(m, np.array([0.0, 0, 0, 0, 1, 1]))

    def press(info):
        if stage in info:
            pressed.append(stage)
            raise KeyboardInterrupt

    result = kg.optimize(m, start=point, progress=press)
    assert pressed == [stage]
    assert result.report.ok
    assert result.solution.objective >= m_value([4, 5]) - 1e-6
    assert result.solution.status == "time_limit"


def test_verification_by_hand_sees_what_the_bound_rests_on():
    m = attack()
    result = kg.optimize(m)
    report = kg.verify(m, result.solution)
    assert report.claim == "optimal"
    assert any("dual form of an opposed leader" in reason for reason in report.reasons)
    changed = kg.Solution(
        "optimal", result.solution.objective, result.bound, result.solution.z, 0.0, "SCIP", result.model.with_rows()
    )
    assert kg.verify(m, changed).claim == "optimal"
    other = attack(3)
    assert kg.verify(other, result.solution).claim != "optimal"
