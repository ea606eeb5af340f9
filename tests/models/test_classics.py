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


WHOLE = sorted(
    name for name, entry in model.problems().items()
    if any(len(box) > 2 for part in entry["followers"] for box in part["variables"].values())
)  # fmt: skip
"""Problems with integer followers."""


def holds(part: dict, values: dict[str, float]) -> bool:
    """Return whether values satisfy the rows and bounds of a level."""
    rows = all(eval(re.sub(r"(\d) ([a-z])", r"\1*\2", text), {}, values) for text in part["rows"])  # noqa: S307
    boxes = [(values[name], *box[:2]) for name, box in part["variables"].items()]
    return rows and all((lo is None or v >= lo) and (hi is None or v <= hi) for v, lo, hi in boxes)


def worth(part: dict, values: dict[str, float]) -> float:
    """Return the minimised goal of a level."""
    sense, _, text = part["goal"].partition(" ")
    value = eval(re.sub(r"(\d) ([a-z])", r"\1*\2", text), {}, values)  # noqa: S307
    return value if sense == "min" else -value


@pytest.mark.parametrize("name", WHOLE)
def test_the_published_value_of_an_integer_follower_is_that_of_brute_force(name):
    entry = model.problems()[name]
    leader, (lower,) = entry["leader"], entry["followers"]
    best = []
    for x in itertools.product(range(-8, 11), repeat=len(leader["variables"])):
        if not all(
            (lo is None or v >= lo) and (hi is None or v <= hi)
            for v, (lo, hi, *_) in zip(x, leader["variables"].values(), strict=True)
        ):
            continue
        decided = dict(zip(leader["variables"], x, strict=True))
        found = []
        for y in itertools.product(range(-8, 11), repeat=len(lower["variables"])):
            values = decided | dict(zip(lower["variables"], y, strict=True))
            if holds(lower, values):
                found.append((worth(lower, values), values))
        least = min((cost for cost, _ in found), default=0)
        best += [worth(leader, values) for cost, values in found if cost == least and holds(leader, values)]
    assert min(best) == entry["published"]
    result = kg.optimize(model.build(problem=name), time_limit=60)
    assert result.solution.objective == pytest.approx(entry["published"], abs=1e-6)
    assert result.report.claim == "optimal" and result.report.attained is True


@pytest.mark.parametrize(
    "name", sorted({*NAMES} - {"barguel", "pao_bilinear_rows", *WHOLE})
)  # products have own columns
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
        assert case.known["claim"] in ("optimal", "proved")


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
