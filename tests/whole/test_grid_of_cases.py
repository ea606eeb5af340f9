"""Problems with known answers x encodings x solvers, from folder scans; a skip prints its reason."""

from __future__ import annotations

import pytest
from problems import ALL, Problem

import kktgen as kg

LIMIT = 20.0
ENCODINGS = {
    "sos1": kg.SOS1(),
    "bigm": kg.BigM(),
    "indicator": kg.Indicator(),
    "auto": kg.Auto(),
    "product": kg.Product(eps=1e-8),
    "strongduality": kg.StrongDuality(eps=1e-8),
}
SOLVERS = [name for name, solver in kg.solvers().items() if solver.available and ":" not in name]
LONG = {("cournot_tax", "product", "scip")}
"""Problem, encoding and solver that take many seconds to the proof."""
BUILDABLE = [problem for problem in ALL if problem.outcome in ("optimal", "infeasible")]


def loose(encoding: str) -> bool:
    """Return whether a tolerance on the product stays in the model."""
    return encoding in ("product", "strongduality")


def again(place: int, encoding: str) -> bool:
    """Return whether only the slow tests solve a problem so: with loose encodings every other one."""
    return loose(encoding) and place % 2 == 1


def encoded(problem: Problem, encoding: str) -> tuple[kg.Bilevel, kg.Model]:
    m = problem.build()
    model = kg.bound(kg.eliminate(kg.kkt(m)))
    try:
        return m, kg.encode(model, ENCODINGS[encoding])
    except kg.BoundError as error:
        pytest.skip(f"no proved bound: {error}")


def test_every_encoding_is_in_the_grid():
    assert set(ENCODINGS) == set(kg.encodings())


@pytest.mark.parametrize(
    ("problem", "encoding", "solver"),
    [
        pytest.param(
            problem, encoding, solver, id=f"{problem.name}-{encoding}-{solver}",
            marks=[pytest.mark.slow] if again(place, encoding) or (problem.name, encoding, solver) in LONG else [],
        )
        for place, problem in enumerate(BUILDABLE) for encoding in ENCODINGS for solver in SOLVERS
    ],
)  # fmt: skip
def test_known_answer(problem: Problem, encoding: str, solver: str):
    m, model = encoded(problem, encoding)
    try:
        solution = kg.solve(model, solver, time_limit=LIMIT)
    except kg.UnsupportedError as error:
        pytest.skip(f"{solver} refuses by name: {error}")
    if solution.status == "time_limit":
        pytest.skip(f"{solver} has no proof within {LIMIT:g} s")
    if solution.status == "heuristic":
        pytest.skip(f"{solver} has no proof: {solution.raw['status']}")
    if problem.outcome == "infeasible":
        assert solution.status in ("infeasible", "infeasible_or_unbounded")
        assert solution.objective is None
        return
    assert solution.status == "optimal"
    tolerance = max(problem.tolerance, 1e-3 if loose(encoding) else 1e-4)  # the optimality tolerance of a claim
    assert solution.objective == pytest.approx(problem.objective, rel=tolerance, abs=tolerance)
    if not loose(encoding):
        report = kg.verify(m, solution)
        assert report.ok, str(report)
        assert report.value == pytest.approx(problem.objective, rel=tolerance, abs=tolerance)
