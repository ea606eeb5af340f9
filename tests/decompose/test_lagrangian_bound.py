"""Lagrangian bounds: below the optimum whatever the multipliers, at least the master's bound at the master's."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import inf

import numpy as np
import pytest
from limits import LIMIT
from many_followers import carbon, dso, ready, tariff
from other_units import in_units

import kktgen as kg
from kktgen.decompose.lagrangian import TOLERANCE, admissible, leaders_part, minimum, priced, total
from kktgen.decompose.master import Master, Strengthened
from kktgen.search.residual import violation

CASES = {
    "one hour": lambda: tariff(21),
    "at most": lambda: tariff(22, homes=3, hours=2, coupled="<=", bent=True),
    "at least": lambda: tariff(23, hours=2, coupled=">="),
    "whole steps": lambda: tariff(24, hours=2, steps=True, ordered=True),
    "fee": lambda: tariff(25, hours=2, fee=True, coupled="", ordered=True),
    "dso": lambda: dso(2),
    "carbon": lambda: carbon(2),
    "other units": lambda: in_units(tariff(26, homes=3, hours=2, bent=True, ordered=True), 1e4, 1e3),
}


@cache
def solved(case):
    """Return the blocks of a case, and the optimum of the model they are of, minimised, in the model's own units."""
    blocks = kg.decompose(ready(CASES[case]()))
    found = kg.solve(blocks.view.original, "scip", time_limit=LIMIT, gap=0.0)
    assert found.status == "optimal"
    point = blocks.view.point(found.z)
    assert violation(blocks.model, point) <= 1e-5
    return blocks, blocks.model.objective.value(point)


def bound_at(blocks, w, sigma, solver="scip", lb=None, ub=None):
    space = blocks.model.space
    lb, ub = space.lb if lb is None else lb, space.ub if ub is None else ub
    w = admissible(blocks, w)
    minima = [minimum(part, w, s, 0.0, 60.0, solver).bound for part, s in zip(blocks.subproblems, sigma, strict=True)]
    return total(leaders_part(blocks, w, sigma, lb, ub), minima)


@pytest.mark.parametrize(
    ("case", "count"),
    [(case, 4) for case in CASES] + [pytest.param(case, 100, marks=pytest.mark.slow) for case in CASES],
)
def test_no_multipliers_give_a_bound_above_the_optimum(case, count):
    """Random multipliers of several sizes, and those of the master moved at random."""
    blocks, optimum = solved(case)
    rng = np.random.default_rng(7)
    near = Master(Strengthened.of(blocks)).solve()
    best = -inf
    for k in range(count):
        size = 10.0 ** rng.uniform(-3, 1)
        w = size * rng.normal(size=len(blocks.coupling))
        sigma = [size * rng.normal(size=len(part.links)) for part in blocks.subproblems]
        if k % 2:
            w, sigma = near.w + 0.1 * w, [a + 0.1 * b for a, b in zip(near.sigma, sigma, strict=True)]
        found = bound_at(blocks, w, sigma)
        assert not np.isnan(found) and found <= optimum + 1e-5 * (1.0 + abs(optimum))
        best = max(best, found)
    assert best > -inf


@pytest.mark.parametrize("case", CASES)
def test_at_the_masters_multipliers_the_bound_is_at_least_the_masters(case):
    blocks, optimum = solved(case)
    master = Master(Strengthened.of(blocks)).solve()
    room = 1e-4 * (1.0 + abs(master.bound)) + TOLERANCE * len(blocks.subproblems)
    assert master.bound <= optimum + 1e-6 * (1.0 + abs(optimum))
    found = bound_at(blocks, master.w, master.sigma)
    assert master.bound - room <= found <= optimum + 1e-5 * (1.0 + abs(optimum))


def test_two_solvers_find_the_same_bound():
    blocks = kg.decompose(kg.encode(ready(at_most_one()), kg.BigM()))
    rng = np.random.default_rng(11)
    for _ in range(10):
        w = rng.normal(size=len(blocks.coupling))
        sigma = [rng.normal(size=len(part.links)) for part in blocks.subproblems]
        one, other = (bound_at(blocks, w, sigma, solver) for solver in ("scip", "highs"))
        assert one == pytest.approx(other, abs=1e-4 * (1.0 + abs(one)))
        assert one <= -1.0 + 1e-6


def test_the_minimum_is_that_of_the_priced_subproblem():
    blocks, _ = solved("dso")
    rng = np.random.default_rng(8)
    for part in blocks.subproblems:
        w, sigma = rng.normal(size=len(blocks.coupling)), rng.normal(size=len(part.links))
        z = rng.normal(size=len(part.columns))
        by_hand = part.model.objective.value(z) + w @ (part.coupling @ z[: part.own]) + sigma @ z[part.own :]
        assert priced(part, w, sigma).objective.value(z) == pytest.approx(by_hand, rel=1e-12)
        found, exact = minimum(part, w, sigma), kg.solve(priced(part, w, sigma), time_limit=LIMIT)
        assert exact.objective - 1e-5 * (1.0 + abs(exact.objective)) <= found.bound <= exact.objective
        assert violation(part.model, found.z) <= 1e-5


def test_a_solver_that_is_not_there_bounds_nothing():
    blocks, _ = solved("one hour")
    part = blocks.subproblems[0]
    found = minimum(part, np.zeros(len(blocks.coupling)), np.zeros(len(part.links)), solver="nobody's")
    assert (found.bound, found.z) == (-inf, None)
    assert minimum(part, np.zeros(len(blocks.coupling)), np.zeros(len(part.links)), 0.0, 0.0).bound <= 1e9


# -- the leader's part ------------------------------------------------------------------------------


def at_most_one():
    """``max z = y1 + y2`` of followers that take y up to x in [0, 1]; the coupling row z <= 1 binds."""
    m = kg.Bilevel("atmost")
    x = m.var("x", lb=0, ub=1)
    ys = []
    for name in ("a", "b"):
        f = m.follower(name)
        y = f.var("y", lb=0, ub=2)
        f.minimize(-y)
        f.add(y <= x)
        ys.append(y)
    m.add(ys[0] + ys[1] <= 1, name="atmost")
    m.maximize(ys[0] + ys[1])
    return m


def test_a_price_of_the_wrong_sign_counts_as_none():
    """-1 on a row z <= 1 would bound an optimum of -1 by +..., were it taken: it is no bound of anything."""
    blocks = kg.decompose(ready(at_most_one()))
    row = blocks.coupling
    sign = 1.0 if np.isfinite(row.hi[0]) else -1.0
    assert np.isfinite([row.lo[0], row.hi[0]]).sum() == 1
    assert admissible(blocks, np.array([-sign])).tolist() == [0.0]
    assert admissible(blocks, np.array([sign])).tolist() == [sign]
    space = blocks.model.space
    sigma = [np.zeros(len(part.links)) for part in blocks.subproblems]
    assert leaders_part(blocks, np.array([-sign]), sigma, space.lb, space.ub) == -inf  # not admissible: nothing
    for size in (0.0, 0.25, 0.5, 1.0, 2.0, -1.0, -100.0):
        assert bound_at(blocks, np.array([size * sign]), sigma) <= -1.0 + 1e-9
    assert bound_at(blocks, np.array([sign]), sigma) == pytest.approx(-1.0, abs=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_what_the_leader_keeps_is_below_its_cost_everywhere(case):
    """At random points of the leader's box that satisfy its own rows, as nearly as a search finds them."""
    blocks, _ = solved(case)
    rng, space = np.random.default_rng(9), blocks.model.space
    low, high = space.lb[blocks.leader], space.ub[blocks.leader]
    for _ in range(10):
        w = admissible(blocks, rng.normal(size=len(blocks.coupling)))
        sigma = [rng.normal(size=len(part.links)) for part in blocks.subproblems]
        found = leaders_part(blocks, w, sigma, space.lb, space.ub)
        side = np.where(w > 0, blocks.coupling.hi, blocks.coupling.lo)
        fixed = blocks.r - float(w[w != 0] @ side[w != 0])
        best = inf
        for k in range(200):
            x = low + rng.random(len(low)) * (high - low)
            ends = rng.random(len(low)) < (0.6 if k % 2 else 2.0)
            x[ends] = np.where(rng.random(len(low)) < 0.5, low, high)[ends]
            if len(blocks.rows) and RowsOf(blocks).off(x) > 0:
                continue
            whole = np.zeros(blocks.model.n)
            whole[blocks.leader] = x
            copies = sum(float(s @ whole[part.links]) for part, s in zip(blocks.subproblems, sigma, strict=True))
            value = 0.5 * float(x @ (blocks.P @ x)) + float((blocks.q + blocks.share.T @ w) @ x) - copies + fixed
            assert found <= value + 1e-9 * (1.0 + abs(value))
            best = min(best, value)
        if len(low) <= 4 and not len(blocks.rows) and not blocks.P.nnz and np.isfinite(best):
            assert found == pytest.approx(best, rel=1e-5, abs=1e-5)  # some corner was among them


class RowsOf:
    def __init__(self, blocks):
        self.rows = blocks.rows

    def off(self, x):
        value = self.rows.M @ x
        return float(np.maximum(self.rows.lo - value, value - self.rows.hi).max(initial=-inf))


@pytest.mark.parametrize("case", CASES)
def test_columns_without_a_box_give_no_bound_and_never_nan(case):
    blocks, optimum = solved(case)
    rng, space = np.random.default_rng(10), blocks.model.space
    seen = set()
    for _ in range(30):
        lb, ub = space.lb.copy(), space.ub.copy()
        lb[rng.random(len(lb)) < 0.2], ub[rng.random(len(ub)) < 0.2] = -inf, inf
        w = admissible(blocks, rng.normal(size=len(blocks.coupling)) * (rng.random(len(blocks.coupling)) < 0.7))
        sigma = [rng.normal(size=len(part.links)) for part in blocks.subproblems]
        open_, boxed = (leaders_part(blocks, w, sigma, *box) for box in ((lb, ub), (space.lb, space.ub)))
        assert not np.isnan(open_) and open_ <= boxed + 1e-6 * (1.0 + abs(boxed))
        seen.add(bool(np.isfinite(open_)))
    assert False in seen


def test_totals():
    assert total(1.0, [2.0, 1e-17]) == 3.0
    assert total(1e16, [1.0, -1e16]) == 1.0
    assert total(1.0, [-inf, 2.0]) == -inf == total(-inf, [inf]) == total(1.0, [inf, -inf])
    assert total(1.0, [inf, 2.0]) == inf  # a subproblem without points: there are none at all


def test_a_subproblem_without_points_says_so():
    blocks, _ = solved("one hour")
    part = blocks.subproblems[0]
    space = part.model.space.copy()
    rows = part.model.rows
    sides = replace(rows, lo=np.full(len(rows), 1e3), hi=np.full(len(rows), 1e3))
    none = replace(part, model=replace(part.model, space=space, rows=sides))
    found = minimum(none, np.zeros(len(blocks.coupling)), np.zeros(len(part.links)))
    assert found.bound == inf and found.z is None
