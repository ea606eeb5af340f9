"""Followers' costs that are singular up to the rounding of their data: exact after they are accepted, or refused.

Oracle: a convex or barely nonconvex box QP in few variables has its minimum at one of 3^n candidates, every variable at
its lower bound, at its upper bound, or where its derivative vanishes.
"""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

import kktgen as kg
from kktgen.numerics.convexity import CLEAR, is_psd, nonconvex_block, repair
from kktgen.numerics.sparse import Csr

STEPS = np.linspace(0.0, 1.0, 21)


def gram(rng, digits):
    """Return a Gram matrix of too few vectors, rounded to significant digits, in units that are not alike."""
    n = int(rng.integers(2, 6))
    F = rng.normal(size=(int(rng.integers(1, n)) if rng.random() < 0.5 else n - 1, n)) * 10.0 ** rng.uniform(
        -0.5, 0.5, n
    )
    P = F.T @ F
    return np.array([[float(f"{P[min(i, j), max(i, j)]:.{digits - 1}e}") for j in range(n)] for i in range(n)])


def exactly_psd(P):
    """Return whether P is positive semidefinite, in rational numbers."""
    rest = [[Fraction(float(v)) for v in row] for row in P]
    while rest:
        at = max(range(len(rest)), key=lambda i: rest[i][i])
        d = rest[at][at]
        if d <= 0:
            return d == 0 and not any(v for row in rest for v in row)
        pivot = rest.pop(at)
        for row in rest:
            row[:] = [v - row[at] * w / d for v, w in zip(row, pivot, strict=True)]
        pivot.pop(at)
        for row in rest:
            row.pop(at)
    return True


def declared(P, q, c, lb, ub, d):
    """min x + d'y over x in [0, 1], y in argmin 1/2 y'Py + (q + c x)'y over a box."""
    m = kg.Bilevel("box")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", len(q), lb=lb, ub=ub)
    f.minimize(0.5 * (y @ (P @ y)) + q @ y + x * (c @ y))
    m.minimize(x + d @ y)
    return m, x, y


def best_response(P, q, lb, ub):
    """Return the minimum of a box QP and its least cost, by all 3^n candidates."""
    best, least = None, np.inf
    for side in itertools.product((0, 1, 2), repeat=len(q)):
        side = np.array(side)
        y, free = np.where(side == 0, lb, ub).astype(float), side == 2
        if free.any():
            y[free] = np.linalg.lstsq(P[np.ix_(free, free)], -(q + P[:, ~free] @ y[~free])[free], rcond=1e-6)[0]
        y = np.clip(y, lb, ub)
        cost = 0.5 * y @ P @ y + q @ y
        if cost < least - 1e-12:
            best, least = y, cost
    return best, least


def data(seed, digits):
    """Return P, q, c, lb, ub, d; every other problem pushes one variable alone, so that the response is nearly flat."""
    rng = np.random.default_rng([seed, digits])
    P = gram(rng, digits)
    n = len(P)
    q, c = rng.integers(-9, 10, n) + 0.5, rng.integers(-3, 4, n)
    if seed % 2:
        q[1:], c[1:] = 0.0, 0
    lb = -rng.integers(1, 6, n) * (1 + 2 * (seed % 2))
    return P, q, c, lb, lb + rng.integers(2, 8, n) * (1 + 3 * (seed % 2)), rng.integers(1, 4, n)


@pytest.mark.parametrize("digits", [6, 7, 8, 9, 10, 15])
def test_what_is_accepted_is_psd_in_rational_numbers(digits):
    """60 matrices a number of digits: the follower's P is exactly psd, or the refusal says how negative it is."""
    kinds = {"plain": 0, "raised": 0, "refused": 0}
    for seed in range(60):
        P, *rest = data(seed, digits)
        try:
            m, _, y = declared(P, *rest)
        except kg.ProblemError as error:
            assert "negative eigenvalue, -" in str(error) and "largest entry" in str(error)
            assert not exactly_psd(P)
            kinds["refused"] += 1
            continue
        mine = m.followers[0].qp().P.toarray()
        note = [text for text in kg.kkt(m).notes if "rounding of its data" in text]
        if note:
            assert (
                exactly_psd(mine)
                and (np.diag(mine - P) >= 0).all()
                and (np.diag(mine) <= np.diag(P) * (1 + 2e-7)).all()
            )
            np.testing.assert_array_equal(mine - np.diag(np.diag(mine)), P - np.diag(np.diag(P)))
        else:
            np.testing.assert_array_equal(mine, P)  # not a bit of what is psd already is changed
            scale = np.sqrt(np.diag(P))
            assert np.linalg.eigvalsh(P / np.outer(scale, scale))[0] >= -CLEAR * len(P) ** 0.5
        kinds["raised" if note else "plain"] += 1
    assert kinds["plain"] and (digits < 15 or not kinds["refused"]) and (digits not in (8, 9, 10) or kinds["raised"])


def test_units_of_single_variables_change_no_verdict():
    P = np.array([[3.1716805, -1.1188271], [-1.1188271, 0.39467218]])
    for size in (1e-9, 1e-3, 1.0, 1e5, 1e12):
        D = np.diag([1.0, size])
        found = repair(Csr(D @ P @ D))
        assert found.bad is None and found.share == pytest.approx(repair(Csr(P)).share, rel=1e-6)
        assert not is_psd(Csr(D @ P @ D))  # whoever cannot repair it may not take it for psd
        assert repair(Csr(D @ (P - [[0.0, 1e-3], [1e-3, 0.0]]) @ D)).bad is not None


def test_what_is_psd_for_sure_stays_as_it_is():
    for P in ([[1, -1], [-1, 1]], [[4, 6], [6, 9]], [[1, 2, 3], [2, 4, 6], [3, 6, 9]], [[0, 0], [0, 2]]):
        assert not repair(Csr(np.array(P, dtype=float))).diagonal.any()
    F = np.random.default_rng(1).normal(size=(3, 60))
    assert not repair(Csr(F.T @ F)).diagonal.any()
    assert repair(Csr(np.diag([1.0, -6e-17]))).diagonal.tolist() == [0.0, 6e-17]  # what rounding leaves of a sum


def test_large_blocks_are_repaired_too():
    rng = np.random.default_rng(2)
    F = rng.normal(size=(20, 450))
    P = np.round(F.T @ F, 8)
    found = repair(Csr(P))
    assert found.bad is None and found.diagonal.all()
    assert np.linalg.eigvalsh(P + np.diag(found.diagonal))[0] > 0
    assert repair(Csr(P - np.eye(450))).bad is not None


def test_a_refusal_says_how_negative():
    box = np.zeros(2), np.zeros(2), -np.ones(2), np.ones(2), np.ones(2)
    with pytest.raises(kg.ProblemError, match=r"y\(f,0\), y\(f,1\) has a negative eigenvalue, -0.5, .* entry is 1\."):
        declared(np.array([[0.5, 1.0], [1.0, 0.5]]), *box)
    with pytest.raises(kg.ProblemError, match=r"eigenvalue, -5e-06, .*if that is rounding .* add 1.0e-05 times"):
        declared(np.array([[0.5, 0.500005], [0.500005, 0.5]]), *box)


def test_a_raised_cost_is_noted_and_carried_by_every_stage():
    P = np.array([[3.1716805, -1.1188271], [-1.1188271, 0.39467218]])
    m, x, y = declared(P, np.array([0.0, -3.8]), np.zeros(2), np.array([-5, -2]), np.array([4, 4]), np.ones(2))
    note = "follower 'f': the cost is convex only up to the rounding of its data"
    assert any(text.startswith(note) for text in kg.kkt(m).notes)
    result = kg.optimize(m, time_limit=30)
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(5.411, abs=1e-3)
    assert any(text.startswith(note) for text in result.report.reasons)


@pytest.mark.parametrize("seed", range(12))
def test_the_value_is_right_by_enumeration(seed):
    """Eight digits: the best point of a grid over the leader's decision is met, or the cost refused."""
    P, q, c, lb, ub, d = data(seed, 8)
    try:
        m, x, y = declared(P, q, c, lb, ub, d)
    except kg.ProblemError:
        pytest.skip("refused")
    grid = min(t + d @ best_response(P, q + c * t, lb, ub)[0] for t in STEPS)
    result = kg.optimize(m, time_limit=30)
    assert result.report.ok and result.report.claim in ("optimal", "bilevel-feasible"), str(result.report)
    value = result.solution.objective
    assert value <= grid + 1e-3 * (1 + abs(grid))
    response, least = best_response(P, q + c * result.solution[x], lb, ub)
    cost = 0.5 * result.solution[y] @ P @ result.solution[y] + (q + c * result.solution[x]) @ result.solution[y]
    assert cost == pytest.approx(least, abs=1e-5 * (1 + abs(least)))


@pytest.mark.parametrize("digits", [7, 8, 9])
def test_bounds_hold_at_every_response(digits):
    """No pair is settled, and no multiplier bounded, against a response found by enumeration."""
    for seed in range(25):
        P, q, c, lb, ub, d = data(100 + seed, digits)
        try:
            m, x, y = declared(P, q, c, lb, ub, d)
        except kg.ProblemError:
            continue
        model, n = kg.bound(kg.kkt(m)), len(q)
        for t in (0.0, 0.5, 1.0):
            best = best_response(P, q + c * t, lb, ub)[0]
            slope = P @ best + q + c * t
            for side, mu in ((y.lower_dual, np.maximum(slope, 0)), (y.upper_dual, np.maximum(-slope, 0))):
                column = side.M.indices
                assert len(column) == n
                room = 1e-4 * (1 + np.abs(slope))
                assert (mu <= model.space.ub[column] + room).all(), (seed, t, mu, model.space.ub[column])


def test_psd_test_by_blocks():
    rng = np.random.default_rng(0)
    F = sp.random_array((30, 40), density=0.05, random_state=rng)
    assert is_psd(Csr(F.T @ F))
    bad = sp.block_diag([np.eye(3), [[1.0, 2.0], [2.0, 1.0]], np.eye(2)], format="csr")
    np.testing.assert_array_equal(nonconvex_block(Csr(bad)), [3, 4])
    singular = Csr(sp.block_diag([[[1.0, -1.0], [-1.0, 1.0]]] * 3, format="csr"))
    assert is_psd(singular)
    assert not is_psd(Csr(np.array([[0.0, 1.0], [1.0, 5.0]])))
    np.testing.assert_array_equal(nonconvex_block(Csr(np.diag([1e6, -1e-3]))), [1])  # small, but a block of its own
    assert is_psd(Csr(np.diag([1.0, 0.1 + 0.2 - 0.3 - 6e-17])))  # what rounding leaves


def test_psd_test_at_a_hundred_thousand_columns():
    n = 100_000
    chain = sp.diags_array(
        [np.full(n, 2.0), np.full(n - 1, -1.0), np.full(n - 1, -1.0)], offsets=[0, 1, -1], format="csr"
    )
    assert is_psd(Csr(chain))
    assert not is_psd(Csr(chain - 0.1 * sp.eye_array(n)))
    pairs = sp.kron(sp.eye_array(n // 2), np.array([[1.0, -1.0], [-1.0, 1.0]]), format="csr")
    assert is_psd(Csr(pairs))
    broken = pairs.tolil()
    broken[70_000, 70_001] = broken[70_001, 70_000] = -1.5
    np.testing.assert_array_equal(nonconvex_block(Csr(broken.tocsr())), [70_000, 70_001])
