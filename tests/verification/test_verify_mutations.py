"""Right points of the problems with known answers, spoiled in many ways: verification catches every spoiled one.

Whether a spoiled point is wrong is decided by :mod:`oracle`, without kktgen's verification: a change may lead to
another right point (ties, multipliers that are not unique), and such points prove nothing. Caught means: the claim
``optimal`` is gone; and where leader, response or used multipliers are wrong, the point is not accepted at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from found import answer
from oracle import Truth, truth
from problems import ALL, Problem
from scipy.optimize import linprog

import kktgen as kg
from kktgen.search import Responder

pytest.importorskip("pyscipopt", reason="SCIP's library is not installed")

KNOWN = [problem for problem in ALL if problem.outcome == "optimal"]
LEAST = 200
"""Corruptions that must have been caught in all."""
CLOSE = 1e-3
"""A value this close (relative) to the known optimum counts as the optimum."""


@dataclass(frozen=True, eq=False)
class Case:
    """A problem with its right point: everything a corruption may change."""

    problem: Problem
    m: kg.Bilevel
    solution: kg.Solution
    rng: np.random.Generator

    @property
    def z(self) -> np.ndarray:
        return self.solution.z.copy()

    def columns(self, role: str) -> np.ndarray:
        return np.flatnonzero(self.m.space.role == role)

    def qps(self) -> list[kg.QP]:
        return [f.qp() for f in self.m.followers]

    def at(self, z: np.ndarray) -> kg.Solution:
        """Return the solution with another point, its objective stated truly, its bound kept."""
        n = len(self.m.space)
        stated = self.m.sense * float(self.m.objective.value(np.where(np.isfinite(z[:n]), z[:n], 0.0)))
        return replace(self.solution, z=z, objective=stated)


def case(problem: Problem, kind: str) -> Case:
    """Return the case of a problem, with random numbers of its own for every kind of corruption."""
    m, result = answer(problem.name)
    seed = [ord(letter) for letter in f"{problem.name} {kind}"]
    return Case(problem, m, result.solution, np.random.default_rng(seed))


# -- right points -------------------------------------------------------------------------------


@pytest.mark.parametrize("problem", KNOWN, ids=str)
def test_a_right_point_is_accepted(problem):
    m, result = answer(problem.name)
    found = truth(m, result.solution.z)
    assert found.is_right and not found.breaks_multipliers  # the oracle itself knows right points
    assert abs(found.value - problem.objective) <= CLOSE * max(1.0, abs(problem.objective))
    assert result.report.claim == "optimal", str(result.report)
    assert kg.verify(m, result.solution.z).ok


# -- corruptions: each yields solutions that claim to be optimal ----------------------------------


def flip_a_sign(c: Case) -> Iterator[kg.Solution]:
    """Another sign for a follower's variable."""
    y = c.columns("follower")
    for column in c.rng.permutation(y[c.z[y] != 0])[:2]:
        z = c.z
        z[column] *= -1
        yield c.at(z)


def off_the_optimum(c: Case) -> Iterator[kg.Solution]:
    """A response moved towards another feasible one: nothing but its cost is wrong."""
    for qp in c.qps():
        x, y = c.z[qp.x], c.z[qp.y]
        G, h = qp.G.toarray(), qp.h - qp.H.toarray() @ x
        A, b = qp.A.toarray(), qp.b - qp.B.toarray() @ x
        box = [(v - 10, v + 10) for v in y]
        for t in (1.0, 0.1, 0.01):
            cost = c.rng.normal(size=qp.ny)
            found = linprog(cost, G if len(h) else None, h if len(h) else None, A if len(b) else None,
                            b if len(b) else None, box)  # fmt: skip
            if found.status == 0:
                z = c.z
                z[qp.y] = y + t * (found.x - y)
                yield c.at(z)


def the_opposite_response(c: Case) -> Iterator[kg.Solution]:
    """The response that is worst for the follower (to first order)."""
    for qp in c.qps():
        x, y = c.z[qp.x], c.z[qp.y]
        G, h = qp.G.toarray(), qp.h - qp.H.toarray() @ x
        A, b = qp.A.toarray(), qp.b - qp.B.toarray() @ x
        cost = qp.P @ y + qp.Q @ x + qp.q
        found = linprog(-cost, G if len(h) else None, h if len(h) else None, A if len(b) else None,
                        b if len(b) else None, [(v - 10, v + 10) for v in y])  # fmt: skip
        if found.status == 0:
            z = c.z
            z[qp.y] = found.x
            yield c.at(z)


def swap_two_entries(c: Case) -> Iterator[kg.Solution]:
    """The values of two columns exchanged."""
    n = len(c.m.space)
    for _ in range(3):
        i, j = c.rng.choice(n, 2, replace=False)
        if c.z[i] != c.z[j]:
            z = c.z
            z[[i, j]] = z[[j, i]]
            yield c.at(z)


def perturb_a_multiplier(c: Case) -> Iterator[kg.Solution]:
    """A price or multiplier moved by a tenth or more."""
    price = np.concatenate([c.columns("lam"), c.columns("mu")])
    for column in c.rng.permutation(price)[:3]:
        z = c.z
        z[column] += c.rng.choice([-1, 1]) * c.rng.uniform(0.1, 1.0) * max(1.0, abs(z[column]))
        yield c.at(z)


def multipliers_of_no_optimum(c: Case) -> Iterator[kg.Solution]:
    """Stationary multipliers of the right signs: nothing but their complementarity is wrong."""
    for qp in c.qps():
        me, mi = len(qp.b), len(qp.h)
        own = [M for M, size in ((qp.A.T, me), (-qp.G.T, mi)) if size]
        if not own:
            continue
        gradient = qp.P @ c.z[qp.y] + qp.Q @ c.z[qp.x] + qp.q
        box = [(-1e3, 1e3)] * me + [(0, 1e3)] * mi
        for _ in range(2):
            cost = c.rng.normal(size=me + mi)
            found = linprog(cost, A_eq=np.hstack([M.toarray() for M in own]), b_eq=gradient, bounds=box)
            if found.status == 0:
                z = c.z
                z[[*qp.lam, *qp.mu]] = found.x
                yield c.at(z)


def zero_the_multipliers(c: Case) -> Iterator[kg.Solution]:
    """All prices and multipliers of a follower zero."""
    for qp in c.qps():
        z = c.z
        z[[*qp.lam, *qp.mu]] = 0.0
        yield c.at(z)


def shrink_m(c: Case) -> Iterator[kg.Solution]:
    """Big-M with constants below what the optimum needs: the solver proves a false optimum, or finds no point."""
    model = kg.eliminate(kg.kkt(c.m))
    if model.pairs is None or not len(model.pairs):
        return
    z = c.z[: model.n]
    slack, dual = float(model.pairs.slack(z).max()), float(z[model.pairs.mu].max())
    for part in (0.5, 0.9):
        if slack > 1e-3 and dual > 1e-3:
            cut = kg.encode(model, kg.BigM(slack=part * slack, dual=part * dual))
            found = kg.solve(cut, "scip", time_limit=5)
            if found.z is not None:
                yield found


def a_wrong_bound(c: Case) -> Iterator[kg.Solution]:
    """A bound better or worse than the optimum, at the right point."""
    for off in (-0.1, -2e-3, 2e-3, 0.1):
        yield replace(c.solution, bound=c.solution.objective + off * max(1.0, abs(c.solution.objective)))


def drop_a_row(c: Case) -> Iterator[kg.Solution]:
    """The optimum of the encoded model without one of its rows."""
    model = c.solution.model
    for row in c.rng.permutation(len(model.rows))[:2]:
        short = replace(model, rows=model.rows.take(np.arange(len(model.rows)) != row))
        found = kg.solve(short, "scip", time_limit=1, **{"limits/nodes": 100})
        if found.z is not None:
            yield found


def a_point_of_another_problem(c: Case) -> Iterator[kg.Solution]:
    """The right point of another problem, cut or filled to length, under this problem's name and under its own."""
    k = int(c.rng.integers(len(KNOWN)))
    other = KNOWN[k] if KNOWN[k] is not c.problem else KNOWN[k - 1]
    foreign = answer(other.name)[1].solution
    z = np.zeros(c.solution.model.n)
    size = min(len(z), len(foreign.z))
    z[:size] = foreign.z[:size]
    yield c.at(z)
    if len(foreign.z) >= len(c.m.space):
        yield foreign


def no_number(c: Case) -> Iterator[kg.Solution]:
    """NaN or inf instead of a variable's value."""
    own = np.concatenate([c.columns("leader"), c.columns("follower")])
    for value in (np.nan, np.inf):
        z = c.z
        z[c.rng.choice(own)] = value
        yield c.at(z)


def an_integer_off(c: Case) -> Iterator[kg.Solution]:
    """A leader's integer between two integers."""
    whole = np.flatnonzero(c.m.space.kind != "C")
    for off in (0.4, 1e-3):
        for column in whole[:2]:
            z = c.z
            z[column] += off if z[column] < c.m.space.ub[column] else -off
            yield c.at(z)


def the_leader_alone(c: Case) -> Iterator[kg.Solution]:
    """A leader's decision moved within its bounds, the followers staying where they were."""
    space, own = c.m.space, c.columns("leader")
    for column in c.rng.permutation(own)[:3]:
        lb, ub = max(space.lb[column], c.z[column] - 10), min(space.ub[column], c.z[column] + 10)
        z = c.z
        z[column] = c.rng.uniform(lb, ub) if space.kind[column] == "C" else c.rng.choice([np.ceil(lb), np.floor(ub)])
        yield c.at(z)


def another_right_point(c: Case) -> Iterator[kg.Solution]:
    """The leader moved and the followers with him: a right point, but not of the value that is claimed."""
    space, own, responder = c.m.space, c.columns("leader"), Responder(c.m)
    for _ in range(3):
        z = c.z
        lb, ub = np.maximum(space.lb[own], z[own] - 10), np.minimum(space.ub[own], z[own] + 10)
        t = c.rng.uniform(0, 1, len(own)) * (c.rng.random(len(own)) < 0.7)
        moved = z[own] + t * (c.rng.uniform(lb, ub) - z[own])
        z[own] = np.where(space.kind[own] == "C", moved, np.clip(np.round(moved), lb, ub))
        answer = responder(z[: len(space)])
        if answer is not None:
            z[: len(space)] = answer
            yield c.at(z)


def everything_a_little(c: Case) -> Iterator[kg.Solution]:
    """Noise of a thousandth on every variable and multiplier."""
    n = len(c.m.space)
    z = c.z
    z[:n] += c.rng.uniform(-1e-3, 1e-3, n) * np.maximum(1.0, np.abs(z[:n]))
    yield c.at(z)


KINDS: tuple[Callable[[Case], Iterator[kg.Solution]], ...] = (
    flip_a_sign, off_the_optimum, the_opposite_response, swap_two_entries, perturb_a_multiplier,
    multipliers_of_no_optimum, zero_the_multipliers,
    shrink_m, a_wrong_bound, drop_a_row, a_point_of_another_problem, no_number, an_integer_off, the_leader_alone,
    another_right_point, everything_a_little,
)  # fmt: skip


# -- the judgement --------------------------------------------------------------------------------


def is_optimal(c: Case, found: Truth, spoiled: kg.Solution) -> bool | None:
    """Return whether a right point with its stated bound is the optimum after all; None where that is not clear."""
    best = c.problem.objective
    scale = max(1.0, abs(best))
    off = max(abs(found.value - best), abs((spoiled.bound if spoiled.bound is not None else np.inf) - best)) / scale
    return True if off <= max(c.problem.tolerance, 1e-6) else False if off > CLOSE else None


def verdict(c: Case, spoiled: kg.Solution) -> tuple[str, Any]:
    """Return whether a corruption is caught, missed, none at all, or undecided; and the report."""
    report = kg.verify(c.m, spoiled)
    found = truth(c.m, spoiled.z)
    if found.is_wrong:
        return ("missed" if report.ok else "caught"), report
    if not found.is_right:
        return "undecided", report
    if not report.ok:  # the oracle weighs a response by its cost alone, not by what it is worth to the leader
        return "undecided" if {c.kind for c in report.failing if c.counts} == {"worth"} else "false alarm", report
    if found.breaks_multipliers:
        return ("caught" if report.claim != "optimal" and report.failing else "missed"), report
    right = is_optimal(c, found, spoiled)
    if right is None:
        return "undecided", report
    if right:
        return "no corruption", report
    return ("missed" if report.claim == "optimal" else "caught"), report


@cache
def tally(kind: Callable[[Case], Iterator[kg.Solution]], every: int) -> tuple[Counter[str], tuple[str, ...]]:
    """Return how often each verdict was given for one kind of corruption, and what went wrong in words.

    ``every``: 2 takes every other problem.
    """
    counts: Counter[str] = Counter()
    wrong = []
    for problem in KNOWN[::every]:
        c = case(problem, kind.__name__)
        for spoiled in kind(c):
            word, report = verdict(c, spoiled)
            counts[word] += 1
            if word in ("missed", "false alarm"):
                wrong.append(f"{word}: {problem.name}: {truth(c.m, spoiled.z)}\n{report}")
    return counts, tuple(wrong)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_corruption_is_caught(kind):
    counts, wrong = tally(kind, 2)
    print(f"{kind.__name__}: {sum(counts.values())} tried, {dict(counts)}")
    assert not wrong, "\n\n".join(wrong)
    assert counts["caught"] > 0


@pytest.mark.slow
def test_enough_corruptions_were_caught():
    total: Counter[str] = sum((tally(kind, 1)[0] for kind in KINDS), Counter())
    print(f"{sum(total.values())} tried on {len(KNOWN)} problems: {dict(total)}")
    assert total["caught"] >= LEAST and not total["missed"] and not total["false alarm"]
    assert total["undecided"] <= 0.1 * sum(total.values())
