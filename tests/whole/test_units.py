"""Known problems in other units: quantities from 1e-9 to 1e9 times what they were, money from 1e-6 to 1e9."""

from __future__ import annotations

from functools import cache

import problems
import pytest
from found import BY_NAME, answer
from other_units import in_units

import kktgen as kg

QUANTITIES = (1e-9, 1e-7, 1e-5, 1e-3, 1.0, 1e3, 1e5, 1e7, 1e9)
MONEY = (1e-6, 1e-3, 1.0, 1e3, 1e6, 1e9)
CORNERS = ((1e-9, 1e-6), (1e-9, 1e9), (1e9, 1e-6), (1e9, 1e9))
LIMIT = 30.0
ALL_CORNERS = ("handbook", "market", "toll")
"""Problems that the quick tests see in all corners; the others in one each, by turns."""
KNOWN = [p for p in problems.ALL if p.outcome == "optimal"]


@cache
def plain(name: str) -> tuple[float, str]:
    known, result = BY_NAME[name], answer(name)[1]
    assert result.solution.objective == pytest.approx(known.objective, rel=1e-4, abs=1e-4)
    return result.solution.objective, result.report.claim


def check(known: problems.Problem, a: float, c: float) -> None:
    value, claim = plain(known.name)
    m = in_units(known.build(), a, c)
    result = kg.optimize(m, time_limit=LIMIT)
    found = result.solution.objective
    size = max(abs(value), 1.0 if abs(value) < 1e-6 else 0.0)
    assert found is not None and abs(found / c - value) <= 1e-6 * size, (found, value * c, str(result.report))
    assert result.report.value == pytest.approx(found, rel=1e-12)
    assert result.report.claim == claim, str(result.report)


@pytest.mark.parametrize(
    ("known", "units"),
    [
        pytest.param(known, units, id=f"{known}-{units[0]:g}-{units[1]:g}")
        for place, known in enumerate(KNOWN)
        for units in (CORNERS if known.name in ALL_CORNERS else CORNERS[place % 4 : place % 4 + 1])
    ],
)
def test_value_and_claim_are_those_of_the_plain_problem(known, units):
    check(known, *units)


@pytest.mark.slow
@pytest.mark.parametrize("units", [(a, c) for a in QUANTITIES for c in MONEY], ids=lambda u: f"{u[0]:g}-{u[1]:g}")
@pytest.mark.parametrize("known", KNOWN, ids=str)
def test_value_and_claim_on_the_grid(known, units):
    check(known, *units)


INFEASIBLE = [p for p in problems.ALL if p.outcome == "infeasible"]


def capped() -> kg.Bilevel:
    """README's example of an infeasible problem: every response breaks the leader's row by 0.5 at least."""
    m = kg.Bilevel("capped")
    x = m.var("x", lb=0, ub=8)
    lower = m.follower("lower")
    y = lower.var("y")
    lower.minimize(-y)
    lower.add(x + y <= 8, x + 4 * y >= 8, x + 2 * y <= 13, 2 * y <= 7 * x)
    m.minimize(x + 3 * y)
    m.add(x >= 2)
    m.add(x + y <= 7, name="cap")
    return m


def endless() -> kg.Bilevel:
    """A subsidy without a limit that the leader gains from."""
    m = kg.Bilevel("endless")
    x = m.var("x", lb=0)
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.add(y <= 2 * x, name="capacity")
    f.maximize(3 * y)
    m.maximize(y - x)
    return m


@pytest.mark.parametrize("units", [(1.0, 1.0), *CORNERS], ids=lambda u: f"{u[0]:g}-{u[1]:g}")
@pytest.mark.parametrize("known", INFEASIBLE, ids=str)
def test_what_has_no_point_has_none_in_other_units(known, units):
    m = in_units(known.build(), *units)
    result = kg.optimize(m, time_limit=LIMIT)
    assert result.report.claim == "infeasible", str(result.report)
    assert kg.explain(m, time_limit=LIMIT).kind == kg.explain(known.build(), time_limit=LIMIT).kind


@pytest.mark.parametrize("units", [(1.0, 1.0), *CORNERS], ids=lambda u: f"{u[0]:g}-{u[1]:g}")
def test_an_explanation_speaks_the_users_units(units):
    a, c = units
    m = in_units(capped(), a, c)
    assert kg.optimize(m, time_limit=LIMIT).report.claim == "infeasible"
    found = kg.explain(m, time_limit=LIMIT)
    assert found.kind == "coupling_infeasible" and found.rows == ("coupling row 'cap'",)
    assert found.witness[0].alone == pytest.approx(0.5 * a * scale_of(m, "cap"), rel=1e-5)
    assert found.point[:2] == pytest.approx([2 * a, 5.5 * a], rel=1e-5)
    assert f"x = {2 * a:.6g}" in str(found)
    other = in_units(endless(), a, c)
    found = kg.explain(other, time_limit=LIMIT)
    assert found.kind == "leader_unbounded"
    step = dict(found.ray)
    assert step["y(f)"] == pytest.approx(2 * step["x"], rel=1e-6)
    assert kg.optimize(other, time_limit=LIMIT).report.claim in ("unverified", "bilevel-feasible")


def scale_of(m: kg.Bilevel, name: str) -> float:
    """Return the size of a row's first coefficient: the row was multiplied as well as its columns."""
    rows = next(rows for rows in m.rows if rows.name == name)
    return float(abs(rows.M.data[0]))


@pytest.mark.parametrize("units", CORNERS, ids=lambda u: f"{u[0]:g}-{u[1]:g}")
@pytest.mark.parametrize(
    "name", ["handbook", "toll", *(pytest.param(name, marks=pytest.mark.slow) for name in ("market", "cournot_tax"))]
)
def test_explanation_and_comparison_agree_with_the_optimum(name, units):
    known = next(p for p in KNOWN if p.name == name)
    m = in_units(known.build(), *units)
    assert kg.explain(m, time_limit=LIMIT).kind == "feasible"
    result = kg.optimize(m, time_limit=LIMIT)
    joint = kg.agree(m, ["auto", "indicator"], ["scip"], time_limit=LIMIT)
    assert joint.report.claim == result.report.claim == "optimal"
    assert joint.report.value == pytest.approx(result.solution.objective, rel=1e-6)
    assert kg.verify(m, result.solution).ok


def tied() -> kg.Bilevel:
    """README's toll: the driver is indifferent at the optimum, 2; a hair less settles it."""
    m = kg.Bilevel("tied")
    price = m.var("toll", lb=0, ub=3)
    driver = m.follower("driver")
    road = driver.var("road", lb=0, ub=1)
    driver.minimize(price @ road - 2 * road)
    m.maximize(price @ road)
    return m


@pytest.mark.parametrize("units", CORNERS, ids=lambda u: f"{u[0]:g}-{u[1]:g}")
def test_ties_and_certificates_in_other_units(units):
    m, c = in_units(tied(), *units), units[1]
    result = kg.optimize(m, time_limit=LIMIT, range=True)
    reach = result.report.range
    assert (reach.best / c, reach.worst / c) == pytest.approx((2, 0), abs=1e-6)
    settled = kg.robust(m, result.solution, time_limit=LIMIT)
    assert settled.range.worst / c == pytest.approx(2, abs=1e-3) and settled.margin > 0
    proof = kg.certify(m, result.solution)
    assert proof.followers == {"driver": "exact"} and float(proof.value) / c == pytest.approx(2, rel=1e-6)
