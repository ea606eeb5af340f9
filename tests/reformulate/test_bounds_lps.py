"""LPs over a relaxation: begun at one vertex, with bounds changed and put back; which of them are worth it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import kktgen as kg
from kktgen.deadline import Deadline
from kktgen.numerics.programs import Polyhedron, lp
from kktgen.numerics.sparse import Csr
from kktgen.reformulate.bounds import jobs_of
from kktgen.reformulate.bounds.follower import bound_follower
from kktgen.reformulate.bounds.lps import Lps
from kktgen.reformulate.bounds.multipliers import prices_to_ask


def polyhedron(seed: int, rows: int = 12, columns: int = 10) -> Polyhedron:
    """Random rows around a point inside a box."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(rows, columns)) * (rng.random((rows, columns)) < 0.6)
    inside = rng.uniform(0.2, 0.8, columns)
    lo, hi = A @ inside - rng.uniform(0.1, 1, rows), A @ inside + rng.uniform(0.1, 1, rows)
    return Polyhedron(Csr(A), lo, hi, np.zeros(columns), np.ones(columns))


def questions(program: Polyhedron) -> list[tuple]:
    """Every column up and down, with its neighbour held in the middle of its range, or a row at its upper side."""
    out = []
    for k in range(program.A.shape[1]):
        for sign in (1.0, -1.0):
            asked = np.array([k]), np.array([sign])
            beside = np.array([(k + 1) % program.A.shape[1]])
            out += [asked, (*asked, beside, np.array([0.5])), (*asked, *(np.empty(0, int), np.empty(0)), k)]
    return out


def cold(program: Polyhedron, columns, costs, fixed=(), at=(), row=-1) -> float:
    """Return the least value by an LP of its own."""
    q, lo, lb, ub = np.zeros(program.A.shape[1]), program.lo.copy(), program.lb.copy(), program.ub.copy()
    q[columns] = costs
    lb[list(fixed)] = ub[list(fixed)] = np.array(at)
    if row >= 0:
        lo[row] = program.hi[row]
    return lp(q, program.A, lo, program.hi, lb, ub).value


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("row", [None, 3])
def test_warm_lps_bound_what_cold_ones_find(seed, row):
    """From below and closely, whatever was asked before, of the whole polyhedron or of a part, empty ones included."""
    program = polyhedron(seed)
    lps, asked = Lps(program, row=row), questions(program)
    for question in [*asked, *reversed(asked)]:
        least, proved = cold(program, *question), lps.minimum(*question)
        assert proved <= least
        assert np.isinf(least) or proved >= least - 1e-6
    assert lps.count == 2 * len(asked)


def test_a_vertex_serves_the_next_relaxation():
    """It is only where the LPs begin: tighter sides and other rows are seen, and another shape takes none."""
    program = polyhedron(0)
    first = Lps(program, row=3)
    tighter = replace(program, ub=0.9 * program.ub)
    wider = program.with_rows(Csr(np.ones((1, 10))), np.array([-np.inf]), np.array([4.0]))
    for after in (tighter, wider):
        lps = Lps(after, row=3, before=first)
        for question in questions(after):
            least = cold(after, *question)
            assert least >= lps.minimum(*question) >= (least - 1e-6 if np.isfinite(least) else -np.inf)


def market(parameter_in_row: bool, priced: bool) -> kg.Bilevel:
    """min cost  s.t.  g_1 + g_2 + g_3 == 2 (+ x)."""
    m = kg.Bilevel("market")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    g = f.var("g", 3, lb=0, ub=2)
    balance = f.add(g.sum() == 2 + (x if parameter_in_row else 0), name="balance")
    f.minimize(x @ g[0] + np.array([1.0, 2.0, 3.0]) @ g + g @ g)
    m.maximize(balance.dual if priced else x + g[0])
    return m


@pytest.mark.parametrize(("in_row", "priced"), [(False, False), (True, False), (False, True), (True, True)])
def test_prices_are_asked_where_somebody_wants_them(in_row, priced):
    """Those that the leader uses, those that are multiplied by a parameter, and those without a box."""
    (job,) = jobs_of(kg.kkt(market(in_row, priced)), 2, Deadline())
    boxed, open_ = (-np.ones(1), np.ones(1)), (-np.ones(1), np.full(1, np.inf))
    assert prices_to_ask(job, boxed, again=False).all() == (in_row or priced)
    assert prices_to_ask(job, open_, again=False).all()
    assert prices_to_ask(job, open_, again=True).all()
    proved = bound_follower(job)
    assert np.isfinite([proved.lam_lb, proved.lam_ub]).all()


def test_wide_boxes_of_prices_are_asked_again():
    (job,) = jobs_of(kg.kkt(market(True, True)), 2, Deadline())
    job = replace(job, qp=replace(job.qp, A=Csr(np.ones((4, 3))), B=Csr(np.ones((4, 1))), b=np.zeros(4)))
    lam = np.zeros(4), np.array([1.0, 1.0, 2.0, 50.0])
    assert prices_to_ask(job, lam, again=False).tolist() == [True, True, True, True]
    assert prices_to_ask(job, lam, again=True).tolist() == [False, False, False, True]
