"""Norms below a follower's own side, against followers solved as second-order cone programs at decisions on grids."""

from __future__ import annotations

import numpy as np
import pytest
from cone_followers import answered, box_program, conic04, crane, stated, tip

import kktgen as kg
from kktgen.formats.problems.statistics import statistics


def test_a_problem_of_the_literature():
    m, x, y, _ = conic04()
    result = kg.optimize(m, time_limit=30)
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(12, abs=1e-4)
    assert any("norms" in reason and "strictly inside (Slater)" in reason for reason in result.report.reasons)
    assert "optimal" in str(kg.agree(m, time_limit=30).runs[0].report.claim)


def test_the_price_of_a_cone_is_the_slope_of_the_cost():
    m, load, force, cone = crane()
    result = kg.optimize(m, time_limit=30)
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(2, abs=1e-5)
    assert result.solution[load] == pytest.approx(2, abs=1e-2)
    assert result.solution[cone.dual] == pytest.approx(-1, abs=1e-6)
    assert result.solution[m.followers[0].dual("cone")] == pytest.approx(-1, abs=1e-6)
    m.maximize(2 * load - force * force + 3 * load @ cone.dual)  # 2 load - load^2 / 2 - 3 load, best at 1
    result = kg.optimize(m, time_limit=30)
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(-1.5, abs=1e-4)


@pytest.mark.parametrize(("unit", "cost"), [(1e3, 1.0), (1e-3, 1.0), (1.0, 1e5), (1e4, 1e-4)])
def test_they_are_right_in_any_units(unit, cost):
    m, load, *_ = crane(unit, cost)
    result = kg.optimize(m, time_limit=30)
    assert result.report.claim == "optimal"
    assert result.solution.objective / cost == pytest.approx(2, abs=1e-3)
    assert result.solution[load] / unit == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(("least", "value"), [(0.9, 0.0), (3.0, 2.3)])
def test_a_response_at_the_apex(least, value):
    """At p = 1 the drill is indifferent along the ray (0.6, 0.8), and the leader takes its end: 2.8 less 0.5."""
    m, p, y = tip(least)
    result = kg.optimize(m, time_limit=30)
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(value, abs=2e-4)
    z = kg.search.respond(m, [0.5 * least])
    assert kg.verify(m, z).ok
    if least < 1:
        assert abs(z[y.cols]).max() < 1e-6


def test_without_a_point_strictly_inside_nothing_is_called_optimal():
    """Nothing but the apex is there at x = 0, where no multiplier need exist."""
    m = kg.Bilevel("flat")
    x, f = m.var("x", lb=0, ub=4), m.follower("f")
    y, t = f.var("y", 2, lb=-10, ub=10), f.var("t", lb=0, ub=10)
    f.add(kg.norm(y) <= t, t <= x)
    f.minimize(t - y[0] - 0.5 * y[1])
    m.minimize(x - y[0])
    report = kg.optimize(m, time_limit=20).report
    assert report.claim != "optimal" and any("no point strictly inside" in reason for reason in report.reasons)


@pytest.mark.parametrize(
    ("square", "scale", "count"),
    [(False, 2297.7084556509258, 4), (False, 1000.0, 2), (True, 696.8186099181995, 3), (True, 757.7385581770245, 4)],
)
def test_errors_that_a_chain_of_rows_multiplies_are_no_slack(square, scale, count):
    """At x = 0 the chain leaves y = 0 alone, and no multiplier; 1e-9 more at its end is much at its head."""
    m = kg.Bilevel("chain")
    x, f = m.var("x", lb=0, ub=1), m.follower("f")
    y, s = f.var("y", 2, lb=-10, ub=10), f.var("s", count, lb=0, ub=10)
    f.add(s[:-1] <= scale * s[1:], s[-1] <= x)
    if square:
        f.add(y[0] * y[0] <= scale * s[0], name="curved")
    else:
        t = f.var("t", lb=1, ub=1)
        f.add(kg.norm(y) <= t, name="curved")
        f.add(t - y[1] <= scale * s[0])
    f.minimize(-y[0])
    m.minimize(x + y[0])
    model = kg.bound(kg.kkt(m))
    assert model.space.ub[f.dual("curved").M.indices] == np.inf


QUICK = (1, 2, 3, 8, 11)


@pytest.mark.parametrize("seed", [s if s in QUICK else pytest.param(s, marks=pytest.mark.slow) for s in range(12)])
def test_responses_and_optima_are_those_of_cone_programs(seed):
    data = box_program(seed)
    m, x, y = stated(data)
    values = []
    for at in np.linspace(0, 2, 41):
        own = answered(data, at)
        values.append(data["F"] @ own + 0.3 * at)
        if at in (0.0, 1.0, 2.0):
            z = kg.search.respond(m, [at])
            assert z[y.cols] == pytest.approx(own, abs=1e-4)
            assert kg.verify(m, z).ok
    result = kg.optimize(m, time_limit=60)
    assert result.report.claim == "optimal"
    assert result.solution.objective <= min(values) + 1e-3 * (1 + abs(min(values)))
    assert result.report.bound <= min(values) + 1e-5 * (1 + abs(min(values)))
    own = answered(data, result.solution[x])
    assert result.solution.objective == pytest.approx(data["F"] @ own + 0.3 * result.solution[x], abs=1e-3)


@pytest.mark.parametrize("products", [False, True])
def test_start_points_are_found_beside_binaries(products):
    """Normals, multipliers and products with binaries all follow from the decision; the best on a grid is -1.4."""
    m = kg.Bilevel("studio")
    b, x, f = m.var("b", kind="B"), m.var("x", lb=0, ub=2), m.follower("f")
    y, t = f.var("y", 3, lb=-5, ub=5), f.var("t", lb=-5, ub=5)
    f.add(kg.norm(kg.stack([y[0] - y[1], y[1] + y[2] - 1, 2 * y[2]])) <= t + x, name="cone")
    f.add(y[0] - y[2] <= 2, when=b)
    if products:
        f.add(b * (y[0] + y[1]) + y[1] <= 3)
    f.minimize(0.5 * (y @ y) + 0.5 * t * t + t - y[0] - 0.6 * y[1] + b * (0.8 * y[2] - 0.5 * y[1]) - x * y[0])
    m.minimize(y[0] - 2 * y[1] + y[2] - 0.4 * b + 0.3 * x)
    plain = kg.kkt(m)
    best = min(plain.value(kg.search.respond(m, [i, at])) for i in (0, 1) for at in np.linspace(0, 2, 21))
    points = kg.search.start_points(m, kg.bound(kg.eliminate(plain)), seconds=20)
    assert points and plain.value(points[0]) <= best + 0.1
    assert all(kg.verify(m, z[: plain.n]).ok for z in points)


def test_multipliers_of_opposite_rows_stay_in_the_models_boxes():
    """An interior point gives two opposite rows multipliers of any size; a model bounds basic ones."""
    m = kg.Bilevel("opposite")
    b, f = m.var("b", kind="B"), m.follower("f")
    y, t = f.var("y", 2, lb=-5, ub=5), f.var("t", lb=0, ub=5)
    f.add(kg.norm(y) <= t)
    f.add(b * (y[0] - y[1]) + y[1] <= 3)
    f.minimize(t - 2 * y[0] - 0.5 * y[1] + y @ y)
    m.minimize(y[0] + b)
    model = kg.bound(kg.kkt(m))
    for at in (0, 1):
        z = kg.search.Responder(model)([at])
        assert model.rows.residual(z).max() < 1e-6 and (z <= model.space.ub + 1e-6).all()


@pytest.mark.parametrize("seed", [2, 3, 8])
def test_what_is_found_is_right_to_a_solvers_tolerance(seed):
    """By ``u'e = t`` with ``u'u <= 1`` and ``e'e <= t^2`` alone a normal is right to the root of it."""
    data = box_program(seed)
    m, x, _ = stated(data)
    result = kg.optimize(m, time_limit=30)
    at = result.solution[x]
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(data["F"] @ answered(data, at) + 0.3 * at, abs=1e-5)
    assert result.report.bound == pytest.approx(result.solution.objective, abs=2e-5)


def test_wrong_multipliers_that_nobody_uses_do_no_harm():
    m, *_, cone = crane()
    z = kg.search.respond(m, [2.0])
    z[cone.price().M.indices] += 0.01
    assert kg.verify(m, z).ok


def test_the_leaders_variables_may_stand_on_both_sides():
    """A follower stays within ``t + x`` of the leader's place: its way back, 5 less ``t + x``, costs it 3 a unit."""
    m = kg.Bilevel("near")
    place, reach = m.var("place", lb=3, ub=5), m.var("reach", lb=0, ub=2)
    f = m.follower("f")
    y, t = f.var("y", 2, lb=-10, ub=10), f.var("t", lb=0, ub=4)
    f.add(kg.norm(kg.stack([y[0] - place, y[1]])) <= t + reach, name="cone")
    f.minimize(3 * y[0] + t)
    m.minimize(y[0] + 2 * reach - 0.5 * place)  # y = place - 4 - reach
    result = kg.optimize(m, time_limit=30)
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(0.5 * 3 - 4, abs=1e-4)


def test_parts_and_several_cones():
    m = kg.Bilevel("two")
    total = 0
    for k in range(2):
        load = m.var(f"load{k}", lb=1, ub=4)
        f = m.follower(f"crane{k}")
        pull, force = f.var("pull", 2, lb=0, ub=10), f.var("force", 2, lb=0, ub=20)
        f.add(*(kg.norm(kg.stack([pull[j], 0.5 * pull[1 - j]])) <= force[j] for j in range(2)), name="cone")
        f.add(pull[0] + pull[1] >= load)
        f.minimize(force.sum())  # each cone: load / 2 * sqrt(1.25)
        total += (2 + k) * load - force.sum() * force.sum()
    m.maximize(total)  # (2 + k) load - 1.25 load^2, load >= 1
    result = kg.optimize(m, time_limit=40)
    assert result.solution.objective == pytest.approx(0.75 + 1.8, abs=1e-3)
    assert result.report.bound >= 0.75 + 1.8 - 1e-4


def test_bundles_keep_them(tmp_path):
    for m in (conic04()[0], crane()[0], stated(box_program(1))[0]):
        back = kg.read(kg.write(m, tmp_path / "m.bilevel.json"))
        text = kg.dumps(m, "bilevel.json")
        assert kg.dumps(back, "bilevel.json") == text and '"norm":true' in text
        assert '"products"' not in text
    result = kg.optimize(kg.read(kg.write(conic04()[0], tmp_path / "m.bilevel.json")), time_limit=30)
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(12, abs=1e-4)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"norm":true', '"norm":1', "expected true"),
        ('"norm":true', '"norm":true,"i":[0],"j":[0],"v":[1.0]', "no other keys"),
        ('"hi":[-0.0,-0.0,-0.0],', '"hi":[-0.0,-0.0,1.0],', "lo equal to hi"),
        ('"version":2', '"version":1', "norm"),
    ],
)
def test_damaged_bundles_are_refused(tmp_path, old, new, words):
    text = kg.dumps(conic04()[0], "bilevel.json")
    assert old in text
    path = tmp_path / "m.bilevel.json"
    path.write_text(text.replace(old, new))
    with pytest.raises(kg.FormatError, match=words):
        kg.read(path)


@pytest.mark.parametrize("suffix", ["cip", "lp", "mps"])
def test_solvers_read_the_files(tmp_path, suffix):
    from pyscipopt import Model

    m = conic04()[0]
    path = kg.write(kg.encode(kg.bound(kg.kkt(m))), tmp_path / f"m.{suffix}")
    scip = Model()
    scip.hideOutput()
    scip.readProblem(str(path))
    scip.optimize()
    assert scip.getObjVal() == pytest.approx(12, abs=1e-3)


def test_what_cannot_handle_them_says_so(tmp_path):
    m = conic04()[0]
    result = kg.optimize(m, time_limit=30)
    for ask in (
        lambda: kg.prove(m, result.solution),
        lambda: kg.certify(m, result.solution),
        lambda: kg.pessimistic(m),
        lambda: kg.optimize(m, pessimistic=True, time_limit=20),
        lambda: kg.robust(m, result.solution),
        lambda: kg.write(m, tmp_path / "m.mof.json"),
        lambda: kg.write(m, tmp_path / "m.aux"),
    ):
        with pytest.raises(kg.UnsupportedError, match=r"norms?\b"):
            ask()
    with pytest.raises(kg.UnsupportedError, match="HiGHS"):
        kg.optimize(m, solver="highs", time_limit=20)
    with pytest.raises(kg.ProblemError, match="squares or norms"):
        kg.decompose(kg.bound(kg.eliminate(kg.kkt(m))))
    with pytest.raises(kg.UnsupportedError, match="no QP"):
        m.followers[0].qp()
    reasons = kg.optimize(m, range=True, time_limit=30).report.reasons
    assert any("no range" in reason and "no polyhedron" in reason for reason in reasons)


def test_what_is_refused_leaves_nothing_behind():
    m = kg.Bilevel("refused")
    b, f = m.var("b", kind="B"), m.follower("f")
    y, t = f.var("y", 2, lb=-1, ub=1), f.var("t", lb=0, ub=2)
    f.add(kg.norm(y) <= t, name="cone")
    before = len(m.space)
    with pytest.raises(kg.ProblemError, match="one of the two"):
        f.add(y @ y <= 1, name="disc")
    with pytest.raises(kg.ProblemError, match="when="):
        f.add(kg.norm(y) <= t + 1, when=b)
    with pytest.raises(kg.ProblemError, match="two rows are named 'cone'"):
        f.add(kg.norm(2 * y) <= t, name="cone")
    assert len(m.space) == before
    g = m.follower("g")
    w, s = g.var("w", 2, lb=-1, ub=1), g.var("s", lb=0)
    g.add(w @ w <= 1, name="disc")
    with pytest.raises(kg.ProblemError, match="one of the two"):
        g.add(kg.norm(w) <= s)


@pytest.mark.parametrize("whole", ["own", "another's"])
def test_beside_integer_followers_they_are_refused_by_name(whole):
    m, x, y, _ = conic04()
    f = m.followers[0] if whole == "own" else m.follower("g")
    n = f.var("n", kind="B")
    f.minimize(n - y[0] if whole == "own" else n - x @ n)
    with pytest.raises(kg.UnsupportedError, match="row 'cone': squares or norms, in a problem with integer followers"):
        kg.optimize(m, time_limit=20)


def test_it_is_counted_and_explained():
    m = conic04()[0]
    numbers = statistics(m)
    assert (numbers["n_x"], numbers["n_y"], numbers["curved"], numbers["varying"]) == (1, 3, 1, 0)
    assert (numbers["m_u"], numbers["m_l"], numbers["m_link"]) == (0, 4, 3)
    assert "curved rows" in str(kg.explain(m, time_limit=20))
