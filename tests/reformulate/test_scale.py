"""Units of a problem: chosen from its data, exact powers of two, undone everywhere; files in a problem's own units."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from other_units import in_units

import kktgen as kg
from kktgen.formats.maps.read import read_map
from kktgen.model.own_units import column_units
from kktgen.reformulate.scale import scaled
from kktgen.reformulate.scale.restated import restated


def handbook(a: float = 1.0) -> kg.Bilevel:
    """README's first example with every length times a."""
    m = kg.Bilevel("handbook")
    x = m.var("x", lb=0, ub=8 * a)
    lower = m.follower("lower")
    y = lower.var("y")
    m.minimize(x + 3 * y)
    m.add(y <= 5 * a)
    lower.minimize(-y)
    lower.add(x + y <= 8 * a, x + 4 * y >= 8 * a, x + 2 * y <= 13 * a, 2 * y <= 7 * x)
    return m


def market(a: float = 1.0, c: float = 1.0) -> kg.Bilevel:
    """README's market with quantities times a and money times c, two-sided rows, an integer and an indicator."""
    m = kg.Bilevel("market")
    p = m.var("offer", lb=0, ub=60 * c / a)
    on = m.var("on", kind="B")
    f = m.follower("market")
    g = f.var("g", 3, lb=0, ub=np.array([60, 40, 50]) * a)
    balance = f.add(g.sum() == 100 * a, name="balance")
    f.add(kg.between(-90 * a, g[1] - g[2], 90 * a), name="ramp")
    k = c / a**2
    f.minimize(p @ g[0] + c / a * (20 * g[1] + 30 * g[2]) + 0.1 * k * (g[1] @ g[1]) + 0.05 * k * (g[2] @ g[2]))
    m.indicator(on, 1, g[0] <= 50 * a)
    m.add(p * p + c / a * p <= 1e4 * (c / a) ** 2)
    m.maximize(balance.dual @ g[0] - 10 * c / a * g[0] + c * on)
    return m


def test_ordinary_numbers_are_left_alone():
    model = kg.kkt(handbook())
    assert model.units is None and scaled(model).model is model


@pytest.mark.parametrize("a", [1e-3, 1e2, 1e12, 1e15])
def test_units_follow_the_data(a):
    one, other = kg.kkt(handbook(1e-6)).units, kg.kkt(handbook(1e-6 * a)).units
    ratio = other.columns[:2] / one.columns[:2]
    assert (np.log2(other.columns) % 1 == 0).all() and (np.abs(np.log2(ratio / a)) <= 1).all()
    assert abs(np.log2(other.objective / one.objective / a)) <= 1.5


@pytest.mark.parametrize("build", [lambda: handbook(1e-7), lambda: market(1e6, 1e-3), lambda: market(1e-9, 1e9)])
def test_scaled_and_back_is_the_same_to_the_bit(build):
    model = kg.bound(kg.eliminate(kg.kkt(build())))
    view = scaled(model)
    again = view.restore(view.model)
    for before, after in (
        (model.space.lb, again.space.lb), (model.space.ub, again.space.ub), (model.rows.lo, again.rows.lo),
        (model.rows.hi, again.rows.hi), (model.pairs.M.data, again.pairs.M.data), (model.pairs.r, again.pairs.r),
        (model.pairs.slack_max.value, again.pairs.slack_max.value),
        (model.pairs.dual_max.value, again.pairs.dual_max.value),
    ):  # fmt: skip
        assert np.array_equal(before, after)
    rng = np.random.default_rng(0)
    z = rng.normal(size=model.n) * view.columns
    assert view.back(view.point(z)) == pytest.approx(z, rel=0, abs=0)
    stated = view.model
    assert stated.objective.value(view.point(z)) * view.objective == pytest.approx(model.objective.value(z), rel=1e-13)
    assert stated.rows.M @ view.point(z) * view.rows == pytest.approx(model.rows.M @ z, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("build", [lambda: handbook(1e-7), lambda: market(1e6, 1e-3)])
def test_the_problem_in_other_units_has_the_scaled_kkt_system(build):
    m = build()
    model = kg.kkt(m)
    view, other = scaled(model), kg.kkt(restated(m, model.units))
    for part in ("S", "E", "C"):
        one, two = getattr(view.model.kkt, part), getattr(other.kkt, part)
        assert np.allclose(one.toarray(), two.toarray(), rtol=1e-15, atol=0)
    assert np.allclose(view.model.kkt.c0, other.kkt.c0, rtol=1e-15) and np.allclose(view.model.kkt.s0, other.kkt.s0)


def test_appended_columns_have_units():
    model = kg.encode(kg.bound(kg.eliminate(kg.kkt(market(1e6, 1e-3)))), kg.SOS1())
    units = column_units(model)
    z = kg.optimize(market(1e6, 1e-3), encoding=kg.SOS1(), time_limit=30).solution.z
    slack = model.space.role == "slack"
    assert slack.any() and (units[slack] != 1).any()
    view = scaled(model)
    assert view.model.complete(view.point(z)) == pytest.approx(view.point(model.complete(z)), rel=1e-12, abs=1e-12)


def test_rows_that_span_too_much_cap_the_claim():
    m = kg.Bilevel("wide")
    x = m.var("x", 2, lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 3, lb=0, ub=1)
    f.minimize(-y.sum())
    f.add(1e11 * y[0] + y[1] + x[0] <= 1, 1e11 * y[1] + y[2] + x[1] <= 1, 1e11 * y[2] + y[0] <= 1)
    m.minimize(x.sum() + y.sum())
    result = kg.optimize(m, time_limit=20)
    assert result.report.claim in ("bilevel-feasible", "unverified")
    assert any("more than 1e9 apart" in reason for reason in (*result.report.reasons, *result.model.notes))


@pytest.mark.parametrize("solver", ["scip", "highs"])
@pytest.mark.parametrize("suffix", ["lp", "mps", "cip"])
def test_a_scaled_file_solved_elsewhere_comes_back(solver, suffix, tmp_path):
    if solver == "highs" and suffix == "cip":
        pytest.skip("HiGHS reads no .cip files")
    model = kg.encode(kg.bound(kg.eliminate(kg.kkt(handbook(1e-7)))), kg.BigM())
    path = kg.write(model, tmp_path / f"m.{suffix}", scaled=True)
    if solver == "scip":
        import pyscipopt

        scip = pyscipopt.Model()
        scip.hideOutput()
        scip.readProblem(str(path))
        scip.setParam("limits/time", 20)
        scip.optimize()
        scip.writeBestSol(str(tmp_path / "m.sol"))
        value = scip.getObjVal()
    else:
        import highspy

        highs = highspy.Highs()
        highs.setOptionValue("output_flag", False)
        highs.setOptionValue("time_limit", 20.0)
        highs.readModel(str(path))
        highs.run()
        highs.writeSolution(str(tmp_path / "m.sol"), 0)
        value = highs.getObjectiveValue()
    found = read_map(path)
    assert found.objective_unit * value == pytest.approx(92 / 15 * 1e-7, rel=1e-6)
    z = kg.read_solution(tmp_path / "m.sol", model, scaled=True)
    assert z[:2] == pytest.approx([8 / 15 * 1e-7, 28 / 15 * 1e-7], rel=1e-6)
    assert kg.verify(handbook(1e-7), z).ok
    units = dict(zip(found.columns.label, found.columns.unit, strict=True))
    assert units["x"] == scaled(model).columns[0]


def test_a_start_for_a_scaled_file(tmp_path):
    result = kg.optimize(handbook(1e-7), time_limit=20)
    kg.write_solution(result.solution, tmp_path / "s.sol", scaled=True)
    again = kg.read_solution(tmp_path / "s.sol", result.model, scaled=True)
    assert np.array_equal(again, result.solution.z)


def test_files_of_ordinary_numbers_keep_their_bytes_and_their_map(tmp_path):
    model = kg.encode(kg.kkt(handbook()), kg.SOS1())
    plain, other = (
        kg.write(model, tmp_path / name, map=True, scaled=s) for name, s in (("a.lp", False), ("b.lp", True))
    )
    assert plain.read_bytes() == other.read_bytes()
    assert b'"version":1' in (tmp_path / "b.lp.map.json").read_bytes() and read_map(other).objective_unit == 1


def test_a_file_that_readers_would_get_wrong_is_warned_of(tmp_path):
    model = kg.encode(kg.kkt(handbook(1e-7)), kg.SOS1())
    with pytest.warns(UserWarning, match="scaled=True"):
        kg.write(model, tmp_path / "a.lp")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kg.write(model, tmp_path / "b.lp", scaled=True)
        kg.write(kg.encode(kg.kkt(handbook(1e4)), kg.SOS1()), tmp_path / "c.lp")


@pytest.mark.parametrize("solver", ["files:scip", "files:highs", "highs"])
def test_other_solvers_see_the_scaled_model(solver):
    result = kg.optimize(handbook(1e-7), kg.BigM(), solver, time_limit=40)
    assert result.solution.objective == pytest.approx(92 / 15 * 1e-7, rel=1e-6) and result.report.claim == "optimal"


def test_isolated_solves_and_progress_speak_the_users_units():
    told = []
    m = in_units(handbook(), 1e-7, 1.0)
    result = kg.optimize(m, time_limit=40, isolate=True, progress=told.append)
    assert result.report.claim == "optimal"
    values = [info["incumbent"] for info in told if info.get("incumbent") is not None]
    assert all(value == pytest.approx(92 / 15, rel=10) for value in values)
