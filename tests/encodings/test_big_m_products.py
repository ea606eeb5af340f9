"""A user's own constants as boxes of multipliers that products with binaries are made linear over: the claim's cap."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import kktgen as kg

LIMIT = 30.0
RIGHT, SMALL = 60.0, 15.0
"""Constants that leave every multiplier of the optimum, and that cut some off."""


def shut(alone: bool = True) -> kg.Bilevel:
    """Two lines that are shut unless built, so that their prices have no bound; the leader earns their rent."""
    m = kg.Bilevel("shut")
    z = m.var("z", 2, kind="B")
    f = m.follower("market")
    g, h = f.var("g", 2, lb=0), f.var("h", 2, lb=0, ub=[5, 20])
    limit = f.add(g <= 3 * z, name="limit")
    balance = f.add(g.sum() + h.sum() == 12.5, name="balance")
    f.minimize(np.array([10.5, 13.1, 18.2, 28.1]) @ kg.concatenate([g, h]) + g @ g + h @ h)
    rent = -3 * (limit.dual[0] * z[0] + 0.4 * limit.dual[1] * z[1])
    if alone:  # the prices are used by themselves, too: no box holds for all of them
        m.add(limit.dual >= -1e3, name="alone")
    m.maximize(0.3 * balance.dual * h[0] - 20 * h[0] + rent - 10 * z.sum())
    return m


@pytest.fixture(scope="module")
def optimum() -> float:
    m = shut()
    model, respond = kg.kkt(m), kg.search.Responder(m)
    found = [respond(np.array(plan, dtype=float)) for plan in itertools.product((0, 1), repeat=2)]
    return max(model.value(z) for z in found)


def lifted_over(constant: float) -> kg.Model:
    model = kg.encode(kg.bound(kg.eliminate(kg.kkt(shut()))), kg.BigM(dual=constant))
    assert any(note.startswith("linearised: ") for note in model.notes)
    return model


def test_products_over_a_users_box_are_capped_and_named(optimum: float) -> None:
    found = kg.solve(lifted_over(RIGHT), time_limit=LIMIT)
    assert (found.status, found.objective) == ("optimal", pytest.approx(optimum, rel=1e-6))
    report = kg.verify(shut(), found)
    assert report.ok and report.claim == "bilevel-feasible"
    said = " ".join(report.reasons)
    assert "4 pairs rest on the user's constants (BigM)" in said
    assert "mu(market,limit,0)" in said and "in a box that nobody proved (user)" in said


def test_no_evidence_lifts_the_cap(optimum: float) -> None:
    found = kg.solve(lifted_over(RIGHT), time_limit=LIMIT)
    other = kg.solve(kg.encode(kg.bound(kg.eliminate(kg.kkt(shut()))), kg.Indicator()), time_limit=LIMIT)
    assert other.objective == pytest.approx(optimum, rel=1e-6)
    assert kg.verify(shut(), found, evidence=(other,)).claim == "bilevel-feasible"


def test_a_box_that_is_too_small_is_never_an_optimum(optimum: float) -> None:
    found = kg.solve(lifted_over(SMALL), time_limit=LIMIT)
    assert found.objective is None or found.objective < optimum - 1.0
    assert kg.verify(shut(), found).claim in ("unverified", "bilevel-feasible")
    model = lifted_over(SMALL)
    good = kg.search.respond(shut(), np.array([1.0, 0.0]))
    assert kg.kkt(shut()).value(good) == pytest.approx(optimum, rel=1e-6)
    violated = model.rows.residual(model.complete(good)).max()
    beyond = (model.complete(good) - model.space.ub)[model.space.is_price].max()
    assert max(violated, beyond) > 1.0  # the box cuts it off


@pytest.mark.parametrize(
    ("constant", "key", "how"),
    [
        (RIGHT, "all", {"start": False}),
        (SMALL, "by name", {}),
        pytest.param(RIGHT, "by name", {}, marks=pytest.mark.slow),
        pytest.param(SMALL, "all", {"cuts": True}, marks=pytest.mark.slow),
        pytest.param(RIGHT, "all", {"parts": False, "evidence": False}, marks=pytest.mark.slow),
    ],
)
def test_optimize_keeps_the_cap(constant: float, key: str, how: dict, optimum: float) -> None:
    given = kg.BigM(dual=constant if key == "all" else {"market": constant})
    result = kg.optimize(shut(), given, time_limit=LIMIT, **how)
    assert result.report.claim != "optimal"
    said = " ".join(result.report.reasons)
    assert "user's constants" in said or "M too small" in said
    if constant == RIGHT:
        assert result.solution.objective == pytest.approx(optimum, rel=1e-6)


def test_a_bound_that_rests_on_no_encoding_may_say_optimal(optimum: float) -> None:
    result = kg.optimize(shut(alone=False), kg.BigM(dual=RIGHT), method="boxes", time_limit=LIMIT)
    assert result.solution.objective == pytest.approx(optimum, rel=1e-6)
    assert result.report.claim == "optimal"
    assert "on no encoding of the whole model" in " ".join(result.report.reasons)
