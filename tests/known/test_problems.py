"""The known problems without a solver: refusals, sizes, and the published points against optimality conditions."""

from __future__ import annotations

import numpy as np
import problems
import pytest
from scipy.optimize import lsq_linear

import kktgen as kg

BUILT = [p for p in problems.ALL if p.outcome != "refused"]
SOLVED = [p for p in problems.ALL if p.outcome == "optimal"]
REFUSED = [p for p in problems.ALL if p.outcome == "refused"]
KNOWN = {p.name: p for p in problems.ALL}


def point(problem: problems.Problem, **changed: float) -> tuple[kg.Bilevel, np.ndarray, np.ndarray]:
    """Return the problem, its published point z, and which columns it fixes; multipliers not published are zero."""
    m, names = problem.declare()
    z, known = np.zeros(len(m.space)), np.zeros(len(m.space), dtype=bool)
    for name, value in {**problem.point, **changed}.items():
        expr = names[name]
        assert (np.diff(expr.M.indptr) == 1).all()
        z[expr.M.indices] = np.ravel(value) / expr.M.data
        known[expr.M.indices] = True
    return m, z, known


def leader_violation(m: kg.Bilevel, z: np.ndarray) -> float:
    """Return the largest violation of the leader's rows, bounds, kinds and sets at z."""
    own = m.space.owner == -1
    found = [0.0, *np.maximum(m.space.lb - z, z - m.space.ub)[own]]
    found += [r for rows in m.rows for r in rows.residual(z)]
    found += [max(row.lo - row.quad.value(z), row.quad.value(z) - row.hi) for row in m.quads]
    found += [np.sort(np.abs(z[columns]))[-2] for _, columns in m.sets]
    found += list(np.abs(z - np.round(z))[m.space.kind != "C"])
    return float(np.max(found))


def follower_error(qp: kg.QP, z: np.ndarray, known: np.ndarray) -> float:
    """Return how far z is from optimal for a follower: infeasibility, or the gradient no multipliers can balance.

    The multipliers are fitted: ``min |A'lam - G'mu - (P y + Q x + q)|``, ``mu >= 0``, zero where the row is slack.
    Published ones are kept.
    """
    y, x = z[qp.y], z[qp.x]
    slack = qp.slack(y, x)
    infeasible = max([0.0, *np.abs(qp.A @ y + qp.B @ x - qp.b), *-slack])
    dual = np.concatenate([qp.lam, qp.mu])
    columns = np.hstack([qp.A.toarray().T, -qp.G.toarray().T])
    lower = np.concatenate([np.full(len(qp.lam), -np.inf), np.zeros(len(qp.mu))])
    usable = np.concatenate([np.ones(len(qp.lam), dtype=bool), slack <= 1e-6])
    fixed = known[dual]
    wrong = max([0.0, *(lower - z[dual])[fixed], *np.abs(z[dual])[fixed & ~usable]])
    target = qp.gradient(y, x) - columns[:, fixed] @ z[dual][fixed]
    free = usable & ~fixed
    left = target
    if free.any():
        fit = lsq_linear(columns[:, free], target, bounds=(lower[free], np.full(free.sum(), np.inf)), tol=1e-14)
        left = columns[:, free] @ fit.x - target
    return float(max(infeasible, wrong, np.abs(left).max(initial=0.0)))


def test_names_are_unique_and_the_collection_is_large() -> None:
    assert len(KNOWN) == len(problems.ALL)
    assert len(problems.ALL) + len(problems.WHOLE) >= 50
    assert len(SOLVED) >= 41
    assert all(p.source for p in problems.ALL)
    assert all(set(p.unique) <= set(p.point) for p in problems.ALL)


@pytest.mark.parametrize("problem", REFUSED, ids=str)
def test_refused_with_a_witness(problem: problems.Problem) -> None:
    with pytest.raises(kg.ProblemError) as error:
        problem.build()
    for word in problem.witness:
        assert word in str(error.value)


def test_what_is_refused() -> None:
    assert {p.name for p in REFUSED} == {
        "nonconvex_follower", "own_price",
    }  # fmt: skip


@pytest.mark.parametrize("problem", BUILT, ids=str)
def test_kkt_sizes(problem: problems.Problem) -> None:
    model = kg.kkt(problem.build())
    variables, equations, inequalities = problem.sizes
    assert len(model.kkt.y) == model.kkt.S.shape[0] == variables
    assert len(model.kkt.lam) == model.kkt.E.shape[0] == equations
    assert len(model.kkt.mu) == model.kkt.C.shape[0] == inequalities
    own = np.isin(model.kkt.C.indices, model.kkt.y)
    rows = np.repeat(np.arange(inequalities), np.diff(model.kkt.C.indptr))[own]
    assert len(model.pairs) == len(np.unique(rows))  # a row without own variables has no pair


@pytest.mark.parametrize("problem", SOLVED, ids=str)
def test_published_point_is_feasible_for_the_leader(problem: problems.Problem) -> None:
    m, z, known = point(problem)
    assert known[np.isin(m.space.role, ["leader", "follower"])].all()
    assert leader_violation(m, z) < 1e-9


@pytest.mark.parametrize("problem", SOLVED, ids=str)
def test_published_point_has_the_published_objective(problem: problems.Problem) -> None:
    m, z, _ = point(problem)
    assert m.sense * m.objective.value(z) == pytest.approx(problem.objective, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("problem", SOLVED, ids=str)
def test_published_point_is_optimal_for_every_follower(problem: problems.Problem) -> None:
    m, z, known = point(problem)
    for follower in m.followers:
        assert follower_error(follower.qp(), z, known) < 1e-7


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("handbook", {"y": 1.5}), ("handbook", {"y": 2.0}), ("cournot", {"q1": 3.0}), ("capacity_rent", {"rent": 2.0}),
        ("market", {"price": 31.0}), ("market", {"price": 27.0}), ("tie", {"x": 0.4}), ("issue144_min_max", {"x": 0.0}),
        ("conejo2016", {"lam": 11.0}), ("qp_lower_min", {"Q": 5.0}), ("pao2_two_followers", {"z2": 0.5}),
    ],
)  # fmt: skip
def test_a_moved_point_is_not_optimal_for_the_followers(name: str, changed: dict[str, float]) -> None:
    m, z, known = point(KNOWN[name], **changed)
    assert max(follower_error(follower.qp(), z, known) for follower in m.followers) > 1e-3


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("handbook", {"y": 5.5}), ("price_cap", {"price": 29.5}), ("disc", {"x": 0.9}),
        ("integer_leader", {"units": 3.5}), ("either_or", {"x": [1.0, 2.0]}), ("conejo2016", {"lam": 21.0}),
    ],
)  # fmt: skip
def test_a_moved_point_violates_the_leader(name: str, changed: dict[str, float]) -> None:
    m, z, _ = point(KNOWN[name], **changed)
    assert leader_violation(m, z) > 1e-2


@pytest.mark.parametrize("stem", ["HTP_quad01", "HTP_quad02", "HTP_quad08"])
def test_maximising_a_profit_is_minimising_its_negative(stem: str) -> None:
    low, high = (kg.kkt(KNOWN[f"{stem}_{sense}"].build()).kkt for sense in ("min", "max"))
    for word in ("S", "E", "C"):
        assert (getattr(low, word) != getattr(high, word)).nnz == 0
    assert (low.s0 == high.s0).all() and (low.c0 == high.c0).all() and (low.e0 == high.e0).all()


def test_bounds_of_a_lower_variable_belong_to_the_follower() -> None:
    qp = KNOWN["issue144_min_max"].build().followers[0].qp()
    assert sorted(qp.h) == [0.0, 1.0]
    assert sorted(qp.G.toarray().ravel()) == [-1.0, 1.0]


def test_a_named_multiplier_is_the_price_of_its_row() -> None:
    m, names = KNOWN["conejo2016"].declare()
    (lam,) = m.followers[0].qp().lam
    assert names["lam"].cols == lam
    box = next(rows for rows in m.rows if rows.name == "box_lam")
    assert (box.lo, box.hi) == (0.0, 20.0)
    assert list(box.M.indices) == [lam]


def test_a_follower_without_a_bound_has_inconsistent_stationarity() -> None:
    kkt = kg.kkt(KNOWN["jump_quad_01_c"].build()).kkt
    assert kkt.S.nnz == 0
    assert list(kkt.s0) == [1.0]


def test_nash_followers_see_each_other_as_parameters() -> None:
    m, names = KNOWN["cournot"].declare()
    first, second = (follower.qp() for follower in m.followers)
    assert list(first.x) == [names["q2"].cols] and list(second.x) == [names["q1"].cols]
    assert first.P.toarray() == [[2.0]] and first.Q.toarray() == [[1.0]] and list(first.q) == [-9.0]
