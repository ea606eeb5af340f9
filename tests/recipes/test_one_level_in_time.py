"""An opposed leader's dual form that is not solved in its share of the time: the pairs have the rest."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

import kktgen as kg
from kktgen.recipes import pipeline
from kktgen.reformulate.one_level import OPPOSED

WEIGHT, WORTH, ROOM = np.array([4.0, 3.0, 2.0, 3.0]), np.array([6.0, 4.0, 3.0, 1.0]), 6.0


def attack():
    """The leader takes one thing away from a follower, who fills a bag."""
    m = kg.Bilevel("attack")
    x = m.var("x", 4, kind="B")
    m.add(x.sum() <= 1)
    f = m.follower("f")
    y = f.var("y", 4, lb=0, ub=1)
    f.add(WEIGHT @ y <= ROOM)
    f.add(y <= 1 - x)
    f.maximize(WORTH @ y)
    m.minimize(WORTH @ y)
    return m


VALUE = min(
    -linprog(-WORTH, [WEIGHT], [ROOM], bounds=[(0, 1 - taken) for taken in x]).fun
    for x in itertools.product((0, 1), repeat=4)
    if sum(x) <= 1
)


def late(monkeypatch, bounds, interrupt=False):
    """Have the solver run out of time: ``bounds`` are what it has proved by then, of the dual form and of the pairs.

    None is a solver that has the time. Returns the list of models that were solved, True for those of the dual form.
    """
    truth, seen = pipeline.solve, []

    def solve(model, *args, **options):
        dual = OPPOSED in model.notes and model.pairs is None and not model.encodings
        seen.append(dual)
        if interrupt and not dual:
            raise KeyboardInterrupt
        found, bound = truth(model, *args, **options), bounds[not dual]
        return found if bound is None else replace(found, status="time_limit", bound=bound)

    monkeypatch.setattr(pipeline, "solve", solve)
    return seen


def test_the_pairs_settle_what_the_dual_form_leaves_open(monkeypatch):
    seen = late(monkeypatch, (5.0, None))
    result = kg.optimize(attack(), time_limit=40)
    assert seen == [True, False]
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(VALUE)
    assert not any("dual form" in reason for reason in result.report.reasons)
    assert {"one level", "encode"} <= {*result.seconds}
    assert [used.encoding for used in result.model.encodings] == ["BigM"]  # strong duality is the dual form again


@pytest.mark.parametrize(("bounds", "kept", "dual"), [((5.0, 6.0), 6.0, False), ((6.0, 5.0), 6.0, True)])
def test_where_neither_is_solved_the_better_bound_stands(monkeypatch, bounds, kept, dual):
    seen = late(monkeypatch, bounds)
    result = kg.optimize(attack(), time_limit=40, evidence=False)
    assert seen == [True, False]
    assert result.report.claim == "bilevel-feasible" and result.report.bound == kept
    assert result.solution.objective == pytest.approx(VALUE)
    assert (not result.solution.model.encodings) == dual


def test_what_is_solved_in_time_is_solved_once(monkeypatch):
    seen = late(monkeypatch, (None, None))
    assert kg.optimize(attack(), time_limit=40).report.claim == "optimal"
    assert seen == [True]


def test_ctrl_c_in_the_second_part_leaves_what_the_first_has_proved(monkeypatch):
    late(monkeypatch, (5.0, None), interrupt=True)
    result = kg.optimize(attack(), time_limit=40)
    assert result.report.bound == 5.0 and result.solution.objective == pytest.approx(VALUE)
    assert result.report.claim == "bilevel-feasible"


def test_a_solver_that_may_not_have_the_pairs_leaves_what_the_first_has_proved(monkeypatch):
    """Such as HiGHS, which takes no SOS1 sets, where no box of a price is proved: here every encoding is refused."""
    seen = late(monkeypatch, (5.0, None))
    monkeypatch.setattr(pipeline, "encode", refused)
    result = kg.optimize(attack(), solver="highs", time_limit=40)
    assert seen == [True]
    assert result.report.bound == 5.0 and result.solution.objective == pytest.approx(VALUE)


def refused(*_):
    raise kg.BoundError("no bound")
