"""Known problems in other units: quantities from 1e-9 to 1e9 times what they were, money from 1e-6 to 1e9."""

from __future__ import annotations

from functools import cache

import numpy as np
import problems
import pytest

import kktgen as kg
from kktgen.scale.problem import restated
from kktgen.units import Units

QUANTITIES = (1e-9, 1e-7, 1e-5, 1e-3, 1.0, 1e3, 1e5, 1e7, 1e9)
MONEY = (1e-6, 1e-3, 1.0, 1e3, 1e6, 1e9)
CORNERS = ((1e-9, 1e-6), (1e-9, 1e9), (1e9, 1e-6), (1e9, 1e9))
LIMIT = 30.0
KNOWN = [p for p in problems.ALL if p.outcome == "optimal"]


def in_units(m: kg.Bilevel, a: float, c: float) -> kg.Bilevel:
    """Return a problem with continuous quantities times a and costs times c; prices, duals among them, times c / a."""
    space = m.space
    columns = np.where(space.kind == "C", 1 / a, 1.0)
    price = np.isin(space.role, ["lam", "mu"])
    in_rows = np.zeros(len(space), dtype=bool)
    for table in [rows.M for rows in m.rows] + [d.M for f in m.followers for d in f.declared]:
        in_rows[table.indices] = True
    costs = [f.cost for f in m.followers if f.cost is not None]
    multiplied = np.zeros(len(space), dtype=bool)
    for cost in costs:
        multiplied[cost.i], multiplied[cost.j] = True, True
    price |= multiplied & (space.role == "leader") & (space.kind == "C") & ~in_rows
    columns[price] = a / c
    return restated(m, Units(columns, np.full(len(m.followers), 1 / c), 1 / c))


@cache
def plain(name: str) -> tuple[float, str]:
    known = next(p for p in KNOWN if p.name == name)
    result = kg.optimize(known.build(), time_limit=LIMIT)
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


@pytest.mark.parametrize("units", CORNERS, ids=lambda u: f"{u[0]:g}-{u[1]:g}")
@pytest.mark.parametrize("known", KNOWN, ids=str)
def test_value_and_claim_are_those_of_the_plain_problem(known, units):
    check(known, *units)


@pytest.mark.slow
@pytest.mark.parametrize("units", [(a, c) for a in QUANTITIES for c in MONEY], ids=lambda u: f"{u[0]:g}-{u[1]:g}")
@pytest.mark.parametrize("known", KNOWN, ids=str)
def test_value_and_claim_on_the_grid(known, units):
    check(known, *units)
