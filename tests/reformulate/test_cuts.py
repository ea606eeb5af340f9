"""Valid inequalities from strong duality: they hold at every KKT point, cut off relaxations, and change no optimum."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from problems import ALL

import kktgen as kg
from kktgen.catalog import build
from kktgen.cli import cli
from kktgen.numerics.programs import qp
from kktgen.numerics.sparse import Csr, widen

BUILDABLE = [p for p in ALL if p.outcome in ("optimal", "infeasible")]
RANDOM = {
    "lp": {"family": "lp", "rows": 8, "cols": 5, "reach": 1.0},
    "qp": {"family": "qp", "rows": 6, "cols": 4, "reach": 1.0},
    "singular": {"family": "qp_singular", "rows": 6, "cols": 4, "reach": 1.0},
    "two": {"family": "lp", "rows": 6, "cols": 4, "followers": 2, "reach": 1.0, "coupling": 0.3},
    "integers": {"family": "lp", "rows": 8, "cols": 5, "integers": 0.6, "reach": 1.0},
    "priced": {"family": "qp", "rows": 6, "cols": 4, "priced": 0.5, "reach": 1.0},
    "toll": {"family": "toll", "rows": 6, "cols": 4, "followers": 2},
}


def tent() -> kg.Bilevel:
    """min y + x/10,  0 <= x <= 2;   y solves  max y,  y <= 2 - x (down),  y <= 1 + x (up),  y >= 0.

    Optimum 0.2 at x = 2, y = 0, mu = (1, 0). Without complementarity x = y = 0, mu = (1, 0) costs 0; its duality gap is
    ``-y + mu'(2 - x, 1 + x) = 2``.
    """
    m = kg.Bilevel("tent")
    x = m.var("x", lb=0, ub=2)
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.add(y <= 2 - x, name="down")
    f.add(y <= 1 + x, name="up")
    f.minimize(-y)
    m.minimize(y + 0.1 * x)
    return m


def tracker() -> kg.Bilevel:
    """min y - x/2,  0 <= x <= 4;   y solves  min (y - 3)^2,  0 <= y <= x (roof): y = min(x, 3), the optimum is 0."""
    m = kg.Bilevel("tracker")
    x = m.var("x", lb=0, ub=4)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=5)
    f.add(y <= x, name="roof")
    f.minimize(y @ y - 6 * y)
    m.minimize(y - 0.5 * x)
    return m


def root(model: kg.Model) -> tuple[float, np.ndarray]:
    """Return the optimum (minimised) and the point of the rows and boxes alone."""
    P, q, r = model.matrices
    rows, space = model.rows, model.space
    answer = qp(P, q, widen(rows.M, model.n), rows.lo, rows.hi, space.lb, space.ub)
    assert answer.x is not None
    return answer.value + r, answer.x


def cuts_of(model: kg.Model) -> list[str]:
    return [model.rows.label(b.start) for b in model.rows.blocks if b.word == "cut"]


def kkt_point(model: kg.Model, near: np.ndarray | None, rng: np.random.Generator) -> np.ndarray | None:
    """Return a random decision of the leader with every follower's optimum and multipliers, solved one by one."""
    space, kkt = model.space, model.kkt
    assert kkt is not None
    columns = np.flatnonzero((space.role == "leader") & (space.lb < space.ub))
    low, high = np.maximum(space.lb[columns], -12.0), np.minimum(space.ub[columns], 12.0)
    z = np.clip(np.zeros(model.n), space.lb, space.ub)
    z[columns] = rng.uniform(low, high)
    if near is not None:
        at = np.flatnonzero(space.role == "leader")
        z[at] = near + rng.uniform(0.0, 0.3) * (z[at] - near)
    whole = columns[space.kind[columns] != "C"]
    z[whole] = np.round(z[whole])
    for f in range(len(kkt.followers)):
        part = kkt.qp(f)
        x, none = z[part.x], np.full(part.ny, np.inf)
        rows = Csr(np.vstack([part.A.toarray(), part.G.toarray()]))
        equal, upper = part.b - part.B @ x, part.h - part.H @ x
        lo, hi = np.concatenate([equal, np.full(len(upper), -np.inf)]), np.concatenate([equal, upper])
        answer = qp(part.P, part.q + part.Q @ x, rows, lo, hi, -none, none)
        if answer.x is None:
            return None
        z[part.y] = answer.x
        z[part.lam], z[part.mu] = answer.row_dual[: len(equal)], -answer.row_dual[len(equal) :]
    return z


def largest_violation(model: kg.Model, near: np.ndarray | None, tries: int) -> tuple[int, float]:
    """Return how many sampled KKT points lie in the model, and the largest relative violation of the cuts there."""
    cut, rng = kg.cut(model, True), np.random.default_rng(7)
    assert len(cuts_of(cut)) == len(model.kkt.followers)
    count, worst = 0, 0.0
    for _ in range(tries):
        z = kkt_point(model, near, rng)
        if z is None or (z < model.space.lb - 1e-7).any() or (z > model.space.ub + 1e-7).any():
            continue
        if max(rows.residual(z).max(initial=0.0) for rows in (model.rows, model.quads)) > 1e-6:
            continue
        count += 1
        whole = cut.complete(z)
        added = cut.rows.residual(whole)[len(model.rows) :]
        worst = max(worst, float(added.max() / (1.0 + np.abs(whole).max())))
    return count, worst


def test_cuts_hold_at_sampled_kkt_points_of_the_known_problems():
    sampled = 0
    for problem in BUILDABLE:
        model = kg.bound(kg.kkt(problem.build()))
        if len(cuts_of(kg.cut(model, True))) < len(model.kkt.followers):
            continue
        count, worst = largest_violation(model, None, 6)
        assert worst <= 1e-6, problem.name
        sampled += count > 0
    assert sampled >= 25


@pytest.mark.parametrize("family", RANDOM)
@pytest.mark.parametrize("seed", [1, 2])
def test_cuts_hold_at_sampled_kkt_points_of_random_problems(family, seed):
    m = build("random_bilevel", {**RANDOM[family], "seed": seed})
    count, worst = largest_violation(kg.bound(kg.kkt(m)), m.known_x, 30)
    assert count >= 3
    assert worst <= 1e-6


def test_a_cut_cuts_off_the_point_of_the_relaxation():
    model = kg.bound(kg.kkt(tent()))
    value, z = root(model)
    assert value == pytest.approx(0.0, abs=1e-9)  # at x = y = 0, with any of many multipliers
    cut = kg.cut(model)
    assert cuts_of(cut) == ["cut(f)"]
    row = next(b.start for b in cut.rows.blocks if b.word == "cut")
    violation = cut.rows.residual(cut.complete(z))[row]
    down, up = z[model.space.role == "mu"][-2:]
    assert violation == pytest.approx(2 * down + up, rel=1e-3)  # the duality gap -y + mu'(2 - x, 1 + x)
    assert violation > 1 - 1e-3  # max y = 1 at x = 0: no multipliers cost less
    assert root(cut)[0] == pytest.approx(0.2, rel=1e-6)
    assert "from 0 to 0.2" in cut.notes[-1]


def test_a_convex_follower_is_cut_by_its_tangent():
    """At the relaxation's point the tangent of 2 y^2 is the square itself: the cut takes off that very point."""
    model = kg.bound(kg.kkt(tracker()))
    cut = kg.cut(model, True)
    value, z = root(model)
    row = next(b.start for b in cut.rows.blocks if b.word == "cut")
    x, y = z[model.space.find("x")[0]], z[model.space.find("y", "f")[0]]
    mu = z[model.space.role == "mu"]
    s = model.kkt.C @ z + model.kkt.c0
    assert cut.rows.residual(cut.complete(z))[row] == pytest.approx(mu @ s, abs=1e-6)
    assert mu @ s > 0.1 and 0 <= y <= x
    assert root(cut)[0] > value + 0.01


@pytest.mark.parametrize("encoding", ["sos1", "bigm", "indicator", "auto", "product", "strongduality"])
@pytest.mark.parametrize("declare", [tent, tracker])
def test_the_optimum_stays_whatever_the_encoding(declare, encoding):
    model = kg.bound(kg.kkt(declare()))
    before = kg.solve(kg.encode(model, encoding), "scip", time_limit=20)
    for cut in (kg.encode(kg.cut(model, True), encoding), kg.cut(kg.encode(model, encoding), True)):
        assert cuts_of(cut) == ["cut(f)"]
        after = kg.solve(cut, "scip", time_limit=20)
        assert after.status == before.status == "optimal"
        assert after.objective == pytest.approx(before.objective, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("family", ["two", "integers", "priced"])  # priced, SOS1: SCIP's own bound cuts were wrong
@pytest.mark.parametrize("encoding", ["sos1", "auto", "indicator"])
def test_the_optimum_stays_on_random_problems(family, encoding):
    m = build("random_bilevel", {**RANDOM[family], "seed": 3})
    model = kg.encode(kg.bound(kg.eliminate(kg.kkt(m))), encoding)
    found = [kg.solve(kg.cut(model, cuts), "scip", time_limit=30).objective for cuts in (False, True)]
    assert found[0] is not None
    assert found[1] == pytest.approx(found[0], rel=1e-5)


@pytest.mark.parametrize("problem", [p for p in ALL if p.outcome == "optimal"], ids=lambda p: p.name)
def test_known_answers_with_every_cut(problem):
    m = problem.build()
    model = kg.cut(kg.encode(kg.bound(kg.eliminate(kg.kkt(m))), "sos1"), True)
    solution = kg.solve(model, "scip", time_limit=20)
    tolerance = max(problem.tolerance, 1e-4)
    assert solution.objective == pytest.approx(problem.objective, rel=tolerance, abs=tolerance)
    assert kg.verify(m, solution).ok


def test_auto_adds_nothing_that_the_relaxation_satisfies():
    once = kg.cut(kg.bound(kg.kkt(tent())))
    again = kg.cut(once)
    assert len(again.rows) == len(once.rows) and again.n == once.n
    assert "cuts: 0 of 1 followers (1 not violated by the relaxation)" in again.notes


def test_auto_adds_nothing_that_does_not_raise_the_relaxation():
    """The handbook's relaxation satisfies the violated inequality again by other multipliers of equal cost."""
    model = kg.bound(kg.kkt(next(p for p in ALL if p.name == "handbook").build()))
    cut = kg.cut(model)
    assert cut.n == model.n and len(cut.rows) == len(model.rows)
    assert cut.notes[-1] == "cuts: 0 of 1 followers (1 that do not raise the relaxation's optimum)"
    assert root(kg.cut(model, True))[0] == pytest.approx(root(model)[0], abs=1e-6)


@pytest.mark.parametrize("kind", ["quadratic", "integer", "binary"])
def test_auto_leaves_quadratic_costs_and_integers_of_many_values_alone(kind):
    m = kg.Bilevel(kind)
    x = m.var("x", lb=0, ub={"binary": 1, "integer": 4}.get(kind, 4), kind="C" if kind == "quadratic" else "I")
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.add(y <= x, name="roof")
    f.minimize(y @ y - 9 * y if kind == "quadratic" else -y)
    m.minimize(y - 0.5 * x)
    model = kg.bound(kg.kkt(m))
    assert cuts_of(kg.cut(model, True)) == ["cut(f)"]
    cut = kg.cut(model)
    assert cuts_of(cut) == (["cut(f)"] if kind == "binary" else [])
    assert ("save no time" in cut.notes[-1]) is (kind != "binary")


def test_a_follower_without_boxes_is_left_out_and_named_in_the_notes():
    m = kg.Bilevel("open")
    x = m.var("x")
    f, g = m.follower("f"), m.follower("g")
    y, z = f.var("y"), g.var("z", lb=0, ub=1)
    f.add(y >= x)
    f.minimize(x @ y + y @ y)
    g.minimize(-z)
    m.minimize((x - 1) ** 2 + y + z)
    cut = kg.cut(kg.bound(kg.kkt(m)), True)
    assert cuts_of(cut) == ["cut(g)"]
    assert cut.notes[-1] == "cuts: 1 of 2 followers (1 with a product that has no bound)"


def test_without_an_optimum_of_the_relaxation_auto_adds_none():
    m = kg.Bilevel("endless")
    x = m.var("x", lb=0, ub=1)
    w = m.var("w")
    f = m.follower("f")
    y = f.var("y", lb=0, ub=1)
    f.minimize(y - x @ y)
    m.minimize(w - y)
    cut = kg.cut(kg.bound(kg.kkt(m)))
    assert cuts_of(cut) == [] and "the relaxation has no optimum" in cut.notes[-1]


def test_false_and_models_without_followers_are_left_alone():
    model = kg.kkt(tent())
    assert kg.cut(model, False) is model
    plain = kg.Bilevel("plain")
    plain.minimize(plain.var("x", lb=0))
    plain_model = kg.kkt(plain)
    assert kg.cut(plain_model, True) is plain_model


@pytest.mark.parametrize("bad", ["on", "True", 1, 0, None, [True]])
def test_what_is_neither_true_false_nor_auto_is_refused(bad):
    with pytest.raises(kg.ProblemError, match=r'cuts: True, False or "auto"'):
        kg.cut(kg.kkt(tent()), bad)
    with pytest.raises(kg.ProblemError, match=r'cuts: True, False or "auto"'):
        kg.optimize(tent(), cuts=bad)
    with pytest.raises(kg.ProblemError, match="kkt"):
        kg.cut(tent(), True)


@pytest.mark.parametrize("cuts", ["auto", True, False])
def test_the_recipe_takes_them_and_claims_the_same(cuts):
    told = {}
    result = kg.optimize(tent(), "sos1", cuts=cuts, stages=lambda stage, text: told.update({stage: text}))
    assert result.solution.objective == pytest.approx(0.2, abs=1e-6)
    assert result.report.claim == "optimal", str(result.report)
    assert (cuts_of(result.model) == ["cut(f)"]) is bool(cuts)
    assert told["cut"].startswith("cuts: 1 of 1 followers") if cuts else told["cut"] == ""


def test_a_start_point_satisfies_the_cuts_and_names_are_unique():
    model = kg.cut(kg.encode(kg.bound(kg.kkt(tent())), "bigm"), True)
    z = np.zeros(len(tent().space))
    labels = [model.space.label(c) for c in range(len(z))]
    for name, value in {"x": 2.0, "mu(f,down)": 1.0}.items():
        z[labels.index(name)] = value
    whole = model.complete(z)
    assert model.rows.residual(whole).max() < 1e-9
    names = [model.rows.label(i) for i in range(len(model.rows))]
    assert len(names) == len(set(names))
    assert kg.dumps(model, "lp").count("cut(f):") == 1


@pytest.mark.parametrize(("word", "added"), [("auto", 0), ("on", 1), ("off", None)])
def test_the_command_line_takes_them(word, added):
    ran = CliRunner().invoke(cli, ["solve", "random_bilevel/lp_10x5", "--encoding", "sos1", "--cuts", word])
    assert ran.exit_code == 0, ran.output
    assert (f"cuts: {added} of 1 followers" in ran.output) is (added is not None)
    refused = CliRunner().invoke(cli, ["solve", "random_bilevel/lp_10x5", "--cuts", "some"])
    assert refused.exit_code == 2
