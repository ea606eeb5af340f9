"""The problems of the literature: published points are right, their values optima over all sets of active rows."""

from __future__ import annotations

import itertools
import re

import numpy as np
import oracle
import pytest
from scipy.optimize import linprog

import kktgen as kg
from kktgen.catalog import instance_names, load_instance, load_model

model = load_model("classics")
NAMES = sorted(model.problems())
LINEAR = [
    "anandalingam_white_1990", "bard_1991_21", "bard_1991_22", "bard_falk_1982_1", "bard_falk_1982_2",
    "bilevel_jump_02", "candler_townsley_1982", "clark_westerberg_1988", "clark_westerberg_1990_31", "dempe_2002_p25",
    "liu_hart_1994", "savard_1989", "shimizu_1997_1611", "visweswaran_1996_1",
]  # fmt: skip
"""Continuous problems whose leader is linear and whose follower has few rows."""


def best_by_patterns(m: kg.Bilevel) -> float:
    """Return the least of the linear programs with each set of the follower's rows active, the others' prices zero."""
    qp, n = m.followers[0].qp(), len(m.space)
    rows, sides = [np.zeros((0, n))], [np.zeros(0)]
    for part in m.rows:
        M = np.zeros((part.M.shape[0], n))
        M[:, : part.M.shape[1]] = part.M.toarray()
        rows += [M[np.isfinite(part.hi)], -M[np.isfinite(part.lo)]]
        sides += [part.hi[np.isfinite(part.hi)], -part.lo[np.isfinite(part.lo)]]
    G, stationary = np.zeros((len(qp.h), n)), np.zeros((len(qp.y), n))
    G[:, qp.y], G[:, qp.x] = qp.G.toarray(), qp.H.toarray()
    assert not len(qp.b) and not qp.P.nnz
    stationary[:, qp.mu], stationary[:, qp.x] = qp.G.toarray().T, qp.Q.toarray()
    objective = np.zeros(n)
    objective[m.objective.linear.indices] = m.objective.linear.data
    assert not len(m.objective.i)
    ends = np.column_stack([m.space.lb, m.space.ub])
    ends[qp.mu] = (0.0, np.inf)
    values = []
    for active in itertools.product([False, True], repeat=len(qp.h)):
        on = np.array(active)
        box = ends.copy()
        box[qp.mu[~on]] = 0.0
        found = linprog(
            objective, np.vstack([*rows, G]), np.concatenate([*sides, qp.h]), np.vstack([stationary, G[on]]),
            np.concatenate([-qp.q, qp.h[on]]), box,
        )  # fmt: skip
        values += [found.fun] if found.status == 0 else []
    return m.sense * (min(values) + float(m.objective.value(np.zeros(n))))


@pytest.mark.parametrize("name", sorted({*NAMES} - {"barguel", "pao_bilinear_rows"}))  # products have own columns
def test_the_published_point_answers_the_follower_and_has_the_published_value(name):
    m = model.build(problem=name)
    z = np.full(len(m.space), np.nan)
    for word, value in m.entry["point"].items():
        z[m.names[word].cols] = value
    assert np.isfinite(z[np.isin(m.space.role, ["leader", "follower"])]).all()
    found = oracle.truth(m, z)
    assert max(found.leader, found.response) < 1e-7
    assert found.value == pytest.approx(m.entry["published"], rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("name", LINEAR)
def test_the_published_value_is_that_of_every_set_of_active_rows(name):
    m = model.build(problem=name)
    assert best_by_patterns(m) == pytest.approx(m.entry["published"], rel=1e-7, abs=1e-7)


def test_every_problem_is_an_instance_and_its_optimum_is_the_published_one():
    cases = [load_instance(name) for name in instance_names("classics")]
    assert sorted(case.parameters["problem"] for case in cases) == NAMES
    for case in cases:
        published = model.problems()[case.parameters["problem"]]["published"]
        assert case.known["published"] == pytest.approx(published)
        assert case.known["objective"] == pytest.approx(published, rel=1e-5, abs=1e-5)
        assert case.known["claim"] == "optimal"


def test_the_report_stands_beside_the_published_point():
    result = kg.optimize(model.build(problem="candler_townsley_1982"), time_limit=20)
    found = model.report(result)
    assert (found.compared, found.matched) == (1, 1)
    assert re.search(r"objective +-29.2 +-29.2", str(found)) and re.search(r"y2 +0.6 +0.6", str(found))


def test_what_cannot_be_read_is_refused():
    with pytest.raises(kg.ProblemError, match=r"no problem 'nothing'; there are: .*candler_townsley_1982"):
        model.build(problem="nothing")
    names = {"x": kg.Bilevel("m").var("x")}
    with pytest.raises(kg.ProblemError, match="no variable 'y'"):
        model.expression("2 x + y", names)
    with pytest.raises(kg.ProblemError, match="cannot read '/ 3'"):
        model.expression("2 x / 3", names)
