"""Followers at the edge (``edge_followers.py``): right answers, no wrong box, or a refusal that names what is open."""

from __future__ import annotations

import numpy as np
import pytest
from edge_followers import CASES

import kktgen as kg
from kktgen.numerics import programs
from kktgen.numerics.sparse import Csr

ENCODINGS = ("auto", "sos1", "indicator", "bigm")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("known", CASES, ids=str)
def test_the_answer_is_right_or_refused_by_name(known, encoding):
    pytest.importorskip("pyscipopt", reason="SCIP's library is not installed")
    try:
        result = kg.optimize(known.build(), encoding, time_limit=20)
    except kg.BoundError as error:
        assert encoding == "bigm" and known.missing, error
        assert known.missing in str(error) and "none can be proved" in str(error) and "SOS1()" in str(error)
        return
    assert (result.report.claim, result.solution.status) == known.outcome, result
    if known.objective is not None:
        assert result.report.ok
        assert result.solution.objective == pytest.approx(known.objective, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("known", [c for c in CASES if c.objective is not None], ids=str)
def test_no_decision_does_better(known):
    """By brute force: over a grid of decisions, the leader's best value on the follower's optimal face."""
    m = known.build()
    model = kg.kkt(m)
    if model.kkt is None or model.kkt.priced.any() or not len(m.followers[0].columns):
        pytest.skip("the leader uses multipliers, or there is no follower: nothing to enumerate")
    qp, space = m.followers[0].qp(), m.space
    P, q, r = model.matrices
    lb, ub = space.lb[0], space.ub[0]
    values = []
    for x in [0.0, 0.5, 1.0, *np.linspace(lb, ub, 151)]:
        face = optimal_face(qp, x)
        if face is None:
            continue
        rows, lo, hi, _, _ = face
        cost = q[qp.y] + P[qp.y][:, [0]].toarray()[:, 0] * x
        Pyy = Csr(P[qp.y][:, qp.y])
        free = np.full(qp.ny, np.inf)
        answer = programs.qp(Pyy, cost, rows, lo, hi, -free, free)
        if answer.x is not None:
            values.append(answer.value + 0.5 * P[0, 0] * x * x + q[0] * x + r)
    best = m.sense * min(values)
    assert best == pytest.approx(known.objective, abs=0.03)


# -- proved boxes ----------------------------------------------------------------------------------


Face = tuple[Csr, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def optimal_face(qp: kg.QP, decision: float) -> Face | None:
    """Return rows, lo, hi of the follower's optimal responses at x, one of them, and the gradient; None: no optimum."""
    x = np.full(len(qp.x), decision)  # the only parameter there can be
    rows = np.vstack([qp.A.toarray(), qp.G.toarray()])
    b, h = qp.b - qp.B @ x, qp.h - qp.H @ x
    lo, hi = np.concatenate([b, np.full(len(h), -np.inf)]), np.concatenate([b, h])
    free = np.full(qp.ny, np.inf)
    cost = qp.q + qp.Q @ x
    if qp.P.nnz:
        answer = programs.qp(qp.P, cost, Csr(rows), lo, hi, -free, free)
    else:
        answer = programs.lp(cost, Csr(rows), lo, hi, -free, free)
    if answer.status != "optimal":
        return None
    curved = qp.P @ answer.x
    sides = np.concatenate([curved, [cost @ answer.x]])
    rows = np.vstack([rows, qp.P.toarray(), cost[None, :]])
    tolerance = 1e-7
    return (
        Csr(rows), np.concatenate([lo, sides - tolerance]), np.concatenate([hi, sides + tolerance]),
        answer.x, curved + cost,
    )  # fmt: skip


def largest(c: np.ndarray, face: tuple[Csr, np.ndarray, np.ndarray], lb: np.ndarray, ub: np.ndarray) -> float:
    """Return the largest value of c'v over a polyhedron, inf where there is none."""
    answer = programs.lp(-c, *face, lb, ub)
    assert answer.status in ("optimal", "unbounded"), answer.status
    return -answer.value if answer.status == "optimal" else np.inf


def decisions(m: kg.Bilevel, rng: np.random.Generator) -> np.ndarray:
    lb, ub = m.space.lb[0], m.space.ub[0]
    return np.concatenate([[lb, ub, 0.0, 0.5, 1.0], rng.uniform(lb, ub, 12)])


@pytest.mark.parametrize("known", CASES, ids=str)
def test_no_box_is_proved_that_an_optimum_leaves(known):
    """Every optimal response keeps its slack; all multipliers that are used keep their box, others can."""
    m = known.build()
    model = kg.kkt(m)
    if model.kkt is None or not len(model.kkt.mu) + len(model.kkt.lam):
        pytest.skip("no multipliers")
    bounded = kg.bound(model)
    qp, space, pairs = m.followers[0].qp(), bounded.space, bounded.pairs
    assert pairs is not None
    me, mi = len(qp.b), len(qp.h)
    slack_max = dict(zip(pairs.mu.tolist(), pairs.slack_max.value.tolist(), strict=True))
    tolerance = 1e-4 if qp.P.nnz else 1e-6  # a square near its minimum leaves the response half the digits
    checked = 0
    for x in decisions(m, np.random.default_rng(7)):
        face = optimal_face(qp, x)
        if face is None:
            continue
        checked += 1
        free = np.full(qp.ny, np.inf)
        primal = face[:3]
        s = np.array([
            qp.h[i] - (qp.H @ np.full(len(qp.x), x))[i] + largest(-qp.G[[i]].toarray()[0], primal, -free, free)
            for i in range(mi)
        ])  # fmt: skip
        for i, column in enumerate(qp.mu.tolist()):
            known_max = slack_max.get(column, np.inf if space.ub[column] == 0 else 0.0)
            assert s[i] <= known_max + 10 * tolerance, f"slack {i} reaches {s[i]} at x = {x}, proved {known_max}"
        dual = Csr(np.hstack([-qp.A.toarray().T, qp.G.toarray().T]))
        lb = np.concatenate([np.full(me, -np.inf), np.zeros(mi)])
        ub = np.concatenate([np.full(me, np.inf), np.where(s > 10 * tolerance, 0.0, np.inf)])
        ub[:me][~qp.A.toarray().any(axis=1)] = lb[:me][~qp.A.toarray().any(axis=1)] = 0.0
        ub[me:][~qp.G.toarray().any(axis=1)] = 0.0
        gradient = (dual, -face[4] - tolerance, -face[4] + tolerance)
        columns = np.concatenate([qp.lam, qp.mu])
        low, high = space.lb[columns] - 10 * tolerance, space.ub[columns] + 10 * tolerance
        used = np.isin(columns, model.kkt.used)
        for k, e in zip(np.flatnonzero(used), np.eye(me + mi)[used], strict=True):
            assert largest(e, gradient, lb, ub) <= high[k] and -largest(-e, gradient, lb, ub) >= low[k]
        fits = programs.lp(np.zeros(me + mi), *gradient, np.maximum(lb, low), np.minimum(ub, high))
        assert fits.status == "optimal", f"no multiplier of the optimum at x = {x} lies in the proved boxes"
    assert checked or known.outcome[0] == "infeasible"
