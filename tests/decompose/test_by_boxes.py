"""Problems of few leader columns proved optimal over boxes, and confirmed by a grid of exact responses."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import few_leader_problems as problems
import numpy as np
import pytest
from few_leader_problems import values_at

import kktgen as kg
from kktgen.deadline import Deadline
from kktgen.decompose.by_boxes import TREE, by_boxes, worth_boxes
from kktgen.errors import FormatError, ProblemError

QUICK = {
    "contract": lambda: problems.contract(5, 2),
    "tariffs": lambda: problems.tariffs(3, 3),
    "lasso": lambda: problems.lasso(20, 4, 2),
    "svr": lambda: problems.svr(12, 2, 2),
}
FULL = {
    "contract": lambda: problems.contract(),
    "tariffs": lambda: problems.tariffs(20, 3),
    "lasso": lambda: problems.lasso(),
    "svr": lambda: problems.svr(20, 2, 2),
}


def decisions(m, columns, at, count):
    """Return decisions everywhere in the leader's box, and ever nearer to a given one."""
    low, high, rng = m.space.lb[columns], m.space.ub[columns], np.random.default_rng(0)
    per_axis = max(3, round(count ** (1.0 / len(columns))))
    axes = np.meshgrid(*(np.linspace(a, b, per_axis) for a, b in zip(low, high, strict=True)))
    near = [at + radius * (high - low) * rng.uniform(-1, 1, (count // 10, len(columns))) for radius in NEAR]
    return np.clip(np.vstack([np.stack(axes, axis=-1).reshape(-1, len(columns)), *near]), low, high)


NEAR = 10.0 ** np.arange(-1.0, -7.0, -1.0)


def confirmed(m, result, count):
    """Assert that no decision is better than the bound or the optimum claimed, and that those near it come near.

    At the optimum itself a follower may be indifferent and have been asked for what suits the leader: the decisions
    near it, where it is not, tell the value that is approached.
    """
    columns = kg.search.Responder(m).parameters
    values = values_at(m, columns, decisions(m, columns, result.solution.z[columns], count))
    value = m.sense * np.nanmin(m.sense * values)
    size = max(1.0, abs(value))
    assert m.sense * (value - result.bound) >= -1e-6 * size
    assert m.sense * (value - result.solution.objective) >= -1e-4 * size
    assert value == pytest.approx(result.solution.objective, abs=2e-4 * size)


@pytest.mark.parametrize("name", [n if n == "svr" else pytest.param(n, marks=pytest.mark.slow) for n in QUICK])
def test_small_cases_are_proved_and_agree_with_a_grid_and_the_solver(name):
    m = QUICK[name]()
    result = kg.optimize(m, method="boxes", time_limit=40)
    assert result.report.claim == "optimal" and result.solution.raw[TREE] in result.report.reasons
    confirmed(m, result, 50)
    other = kg.optimize(m, kg.SOS1(), method="solver", time_limit=20)
    assert other.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(other.solution.objective, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", FULL)
def test_cases_beyond_the_solver_are_proved_and_agree_with_a_grid(name):
    m = FULL[name]()
    result = kg.optimize(m, method="boxes", time_limit=280)
    assert result.report.claim == "optimal"
    confirmed(m, result, 150)


def bounded(m):
    return kg.bound(kg.eliminate(kg.kkt(m)))


@pytest.mark.slow
def test_a_case_of_many_pairs_is_taken_by_itself_and_one_of_few_is_not():
    many = problems.contract(20, 2)
    result = kg.optimize(many, time_limit=30)
    assert result.report.claim == "optimal" and "tree over boxes" in result.solution.solver
    assert " of 1 column of the leader, bounded by SCIP over proved M; " in result.solution.raw[TREE]
    few = QUICK["contract"]()
    model = bounded(few)
    points = kg.search.start_points(few, model, seconds=2)
    assert not worth_boxes(model, points, 1e9)
    assert worth_boxes(bounded(many), [result.solution.z[: result.solution.model.n]], 1e9)
    assert not worth_boxes(bounded(many), [result.solution.z], result.solution.objective * (1 + 1e-4))
    assert "tree" not in kg.optimize(few, time_limit=20).solution.solver


def test_a_whole_price_is_chosen_among_whole_prices():
    m = problems.contract(6, 2, whole=True)
    result = kg.optimize(m, method="boxes", time_limit=60)
    columns = kg.search.Responder(m).parameters
    values = values_at(m, columns, np.arange(11.0)[:, None])
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(np.nanmax(values), rel=1e-4)
    assert float(result.solution.z[columns[0]]).is_integer()


@pytest.mark.parametrize("name", ["kinked", pytest.param("capacity", marks=pytest.mark.slow)])
def test_products_that_stay_and_prices_of_the_leader_are_bounded(name):
    m = getattr(problems, name)()
    result = kg.optimize(m, method="boxes", time_limit=60)
    other = kg.optimize(m, method="solver", time_limit=60)
    assert other.report.claim == result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(other.solution.objective, rel=2e-4, abs=2e-4)


@pytest.mark.parametrize("power", [-6, pytest.param(7, marks=pytest.mark.slow)])
def test_other_units_change_nothing(power):
    plain, unit = problems.contract(5, 2), 10.0**power
    scaled = problems.contract(5, 2, unit=unit)
    results = [kg.optimize(m, method="boxes", time_limit=60) for m in (plain, scaled)]
    assert [r.report.claim for r in results] == ["optimal", "optimal"]
    assert results[1].solution.objective == pytest.approx(unit * results[0].solution.objective, rel=2e-4)


def test_a_time_limit_is_a_promise_and_leaves_a_bound_that_holds():
    m = problems.tariffs()
    begun = time.monotonic()
    result = kg.optimize(m, method="boxes", time_limit=4)
    assert time.monotonic() - begun <= 4 * 1.05 + 2
    assert result.solution.status == "time_limit" and result.report.claim == "bilevel-feasible"
    assert result.bound >= result.solution.objective
    assert any("gap" in reason for reason in result.report.reasons)


def test_ctrl_c_leaves_the_best_point_with_its_bound():
    m, told = problems.tariffs(), []

    def progress(info):
        if "nodes" in info and "open" in str(info.get("text")):
            told.append(info)
            if len(told) == 4:
                raise KeyboardInterrupt

    result = kg.optimize(m, method="boxes", time_limit=60, progress=progress)
    assert result.report.ok and result.solution.status == "time_limit" and result.solution.nodes == 4
    assert told[-1]["bound"] >= told[-1]["incumbent"] > 0
    assert result.bound == pytest.approx(told[-1]["bound"])


def test_it_goes_on_from_a_file_and_refuses_that_of_another_problem(tmp_path):
    model, file = bounded(problems.contract(14, 3)), tmp_path / "tree.npz"
    whole = by_boxes(model)

    def stop(info):
        raise KeyboardInterrupt

    first = by_boxes(model, progress=stop, file=file)
    assert first.status == "time_limit" and first.nodes == 1
    rest = by_boxes(model, file=file)
    assert (rest.status, rest.nodes) == ("optimal", whole.nodes)
    assert rest.objective == pytest.approx(whole.objective, rel=1e-6) and rest.bound == pytest.approx(whole.bound)
    with pytest.raises(FormatError, match="another problem"):
        by_boxes(bounded(problems.contract(14, 3, seed=9)), file=file)


def test_a_state_belongs_to_the_problem_however_its_boxes_were_proved(tmp_path):
    m, file = problems.contract(14, 3), tmp_path / "tree.npz"
    hasty = kg.bound(kg.eliminate(kg.kkt(m)), time_limit=0)
    thorough = kg.bound(kg.eliminate(kg.kkt(m)))
    assert not np.array_equal(hasty.space.ub, thorough.space.ub)

    def stop(info):
        raise KeyboardInterrupt

    assert by_boxes(hasty, progress=stop, file=file).nodes == 1
    rest = by_boxes(thorough, file=file)
    assert rest.status == "optimal" and rest.nodes > 1
    assert rest.objective == pytest.approx(by_boxes(thorough).objective, rel=1e-5)


def test_a_state_needs_a_path():
    with pytest.raises(FormatError, match="a path is needed"):
        kg.optimize(problems.contract(3, 2), method="boxes", state=5)


@pytest.mark.slow
def test_an_executor_finds_the_same_optimum():
    m = problems.contract(14, 3)
    with ThreadPoolExecutor(2) as pool:
        results = [kg.optimize(m, method="boxes", time_limit=20, executor=one) for one in (None, pool)]
    assert [r.report.claim for r in results] == ["optimal", "optimal"]
    assert results[1].solution.objective == pytest.approx(results[0].solution.objective, rel=2e-5)


def test_without_time_there_is_a_relaxed_bound_at_most():
    found = by_boxes(bounded(QUICK["contract"]()), deadline=Deadline(0.0))
    assert (found.status, found.z, found.bound, found.nodes) == ("time_limit", None, None, 0)


def test_a_bound_that_a_verified_point_beats_is_a_fault():
    m = problems.contract(5, 2)
    result = kg.optimize(m, method="boxes", time_limit=60)
    worse = kg.search.respond(m, [1.0])
    claimed = replace(result.solution, z=result.model.complete(worse), objective=None, bound=result.model.value(worse))
    report = kg.verify(m, claimed, evidence=[result.solution])
    assert report.claim == "bilevel-feasible" and any("beaten" in reason for reason in report.reasons)


def test_what_it_cannot_take_is_refused_in_words():
    m = kg.Bilevel("alone")
    m.minimize(m.var("x", lb=0, ub=1))
    with pytest.raises(ProblemError, match="no followers"):
        kg.optimize(m, method="boxes")
    with pytest.raises(ProblemError, match="method"):
        kg.optimize(m, method="tree")
