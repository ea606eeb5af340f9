"""Attacks on the IEEE test system, lines for it, and delays on the roads of Sioux Falls: published sizes, proved."""

import itertools

import numpy as np
import pytest
from grids import attack, expansion, shed
from roads import delays

import kktgen as kg

SHED = {1: 0.0, 2: 1.94, 3: 3.09, 4: 5.16}
"""In 100 MW, by the number of lines that are cut; alike for transport and DC flows."""


@pytest.mark.parametrize(
    ("physics", "lines"),
    [("transport", 1), ("transport", 2), ("dc", 1)]
    + [pytest.param(*case, marks=pytest.mark.slow) for case in (("transport", 3), ("transport", 4))]
    + [pytest.param("dc", lines, marks=pytest.mark.slow) for lines in (2, 3, 4)],
)
def test_attacks(physics, lines):
    result = kg.optimize(attack(lines, physics), time_limit=120)
    assert result.report.claim == "optimal", result
    assert result.solution.objective == pytest.approx(SHED[lines], abs=1e-6)
    cut = result.solution.z[: len(result.bilevel.space.find("cut"))]
    assert shed(cut, physics) == pytest.approx(SHED[lines], abs=1e-6)


def test_attacks_of_one_line_by_enumeration():
    each = [shed(np.eye(38)[line], physics) for line in range(38) for physics in ("transport", "dc")]
    assert max(each) == pytest.approx(SHED[1], abs=1e-6)


@pytest.mark.slow
def test_attacks_of_two_lines_by_enumeration():
    each = [shed(np.eye(38)[list(pair)].sum(axis=0), "dc") for pair in itertools.combinations(range(38), 2)]
    assert max(each) == pytest.approx(SHED[2], abs=1e-6)


def test_delays_of_five_roads_for_ten_trips():
    result = kg.optimize(delays(), time_limit=30)
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(388.3)


def test_lines_for_a_day_are_those_of_enumeration():
    m = expansion()
    result = kg.optimize(m, time_limit=60)
    responder, model = kg.search.Responder(m), kg.kkt(m)
    values = [model.value(responder(np.array(plan))) for plan in itertools.product((0.0, 1.0), repeat=4)]
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(min(values), rel=1e-6)
    assert 0 < result.solution.z[:4].sum() < 4
