"""MPECs of the literature by complementarity said directly: published optima, by several encodings and solvers."""

from __future__ import annotations

import mpecs
import pytest

import kktgen as kg

LIMIT = 30.0
NAMES = [make.__name__ for make in mpecs.PUBLISHED]


def problem(name):
    make = getattr(mpecs, name)
    return make(), mpecs.PUBLISHED[make]


@pytest.mark.parametrize("name", NAMES)
def test_published_optima_are_claimed_optimal(name):
    m, value = problem(name)
    result = kg.optimize(m, time_limit=LIMIT)
    assert result.solution.objective == pytest.approx(value, rel=1e-5, abs=1e-6)
    assert result.report.claim == "optimal", str(result.report)


@pytest.mark.parametrize("name", ["kth3", "scholtes4", "bard1", "gauvin", "nash1", "sl1"])
@pytest.mark.parametrize("encoding", [kg.SOS1(), kg.Auto()])
def test_encodings_agree_with_the_published_optimum(name, encoding):
    m, value = problem(name)
    model = kg.bound(kg.kkt(m))
    solution = kg.solve(kg.encode(model, encoding), time_limit=LIMIT)
    assert solution.objective == pytest.approx(value, rel=1e-4, abs=1e-4)


@pytest.mark.slow
def test_scip_and_highs_agree_on_a_bounded_mpec():
    m, value = problem("bard1")
    found = kg.agree(m, time_limit=2 * LIMIT)
    finished = {run.solver for run in found.runs if run.agrees}
    assert found.agreed and "scip" in finished, str(found)
    assert found.report.claim == "optimal" and found.report.value == pytest.approx(value, rel=1e-5)
