"""Zeros that carry rounding errors: they set no units, and what they leave undecided is claimed by nobody."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg

LIMIT = 20


def noisy(count, noise):
    """A driver on roads of which some are shut up to a rounding error: 22.5 at a toll of 3, see the far bounds."""
    m = kg.Bilevel("noisy")
    t = m.var("toll", lb=0, ub=10)
    f = m.follower("drivers")
    road, detour = f.var("road", lb=0, ub=10), f.var("detour", lb=0, ub=10)
    shut = f.var("shut", count, lb=-noise, ub=noise * np.arange(count))
    f.add(road + detour + shut.sum() == 10)
    f.minimize(t * road + 0.2 * road * road + 6 * detour + 2 * shut.sum())
    m.maximize(t * road)
    return m


@pytest.mark.parametrize("count", [1, 4, 12])
@pytest.mark.parametrize("noise", [1e-12, 1e-17, 1e-25])
def test_shut_up_to_a_rounding_error(count, noise):
    found = kg.optimize(noisy(count, noise), time_limit=LIMIT)
    assert found.solution.objective == pytest.approx(22.5, rel=1e-5)
    assert found.report.claim == "optimal", str(found.report)


def test_more_noise_than_numbers_is_no_infeasible_problem():
    found = kg.optimize(noisy(60, 1e-20), time_limit=LIMIT)
    assert found.report.claim != "infeasible"
    if found.report.claim == "optimal":
        assert found.solution.objective == pytest.approx(22.5, rel=1e-5)
