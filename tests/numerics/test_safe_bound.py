"""Bounds of linear and convex programs that hold whatever the solver rounded."""

from __future__ import annotations

import numpy as np
import pytest

from kktgen.numerics import programs
from kktgen.numerics.answers import Answer
from kktgen.numerics.programs import qp
from kktgen.numerics.safe_bound import safe_convex_minimum, safe_minimum
from kktgen.numerics.sparse import Csr


@pytest.mark.parametrize("seed", range(20))
def test_safe_minimum_never_exceeds_the_lp(seed):
    rng = np.random.default_rng(seed)
    n, m = 6, 4
    A = Csr(rng.normal(size=(m, n)) * (rng.random((m, n)) < 0.6))
    lb, ub = rng.uniform(-3, 0, n), rng.uniform(0, 3, n)
    inside = A @ rng.uniform(lb, ub)
    q, lo, hi = rng.normal(size=n), inside - 0.1, inside + 0.1
    answer = programs.lp(q, A, lo, hi, lb, ub)
    safe = safe_minimum(answer, q, A, lo, hi, lb, ub)
    assert safe <= answer.value
    assert safe >= answer.value - 1e-5
    shaken = programs.Answer(
        answer.status, answer.x, answer.value, answer.row_dual + rng.normal(size=m) * 0.1, answer.col_dual
    )
    assert safe_minimum(shaken, q, A, lo, hi, lb, ub) <= answer.value


def test_bounds_of_convex_quadratic_programs_hold_and_are_tight():
    rng = np.random.default_rng(2)
    tight = 0
    for _ in range(60):
        n, k = int(rng.integers(1, 6)), int(rng.integers(0, 5))
        half = rng.integers(-2, 3, (int(rng.integers(1, n + 2)), n)).astype(float)
        P, q = Csr(half.T @ half), rng.integers(-3, 4, n).astype(float)
        A = Csr(rng.integers(-2, 3, (k, n)).astype(float))
        lo = np.where(rng.random(k) < 0.5, -np.inf, rng.integers(-4, 0, k).astype(float))
        hi = np.where(rng.random(k) < 0.5, np.inf, rng.integers(0, 5, k).astype(float))
        lb, ub = np.where(rng.random(n) < 0.5, -np.inf, -3.0), np.where(rng.random(n) < 0.5, np.inf, 4.0)
        answer = qp(P, q, A, lo, hi, lb, ub)
        bound, _ = safe_convex_minimum(answer, P, q, A, lo, hi, lb, ub)
        if answer.x is None:
            assert bound == -np.inf
            continue
        assert bound <= answer.value + 1e-6 * (1 + abs(answer.value))
        tight += bound >= answer.value - 1e-5 * (1 + abs(answer.value))
        z = np.clip(rng.normal(size=(500, n)) * 3, lb, ub)
        value = z @ A.T.toarray() if k else np.zeros((500, 0))
        inside = ((value >= lo) & (value <= hi)).all(axis=1)
        values = 0.5 * np.einsum("ij,jk,ik->i", z, P.toarray(), z) + z @ q
        assert (values[inside] >= bound).all()
    assert tight > 40


def test_what_a_row_price_leaves_of_one_term_is_no_rounding():
    """``z <= 1e12 y`` bounds nothing: a price of 1e-12 on it leaves 1e-12 of y alone, which has no bound."""
    A, q = Csr(np.array([[-1e12, 1.0]])), np.array([0.0, -1.0])
    answer = Answer("optimal", np.zeros(2), 0.0, np.array([-1.0]), np.zeros(2))
    side, far, zero = np.zeros(1), np.array([np.inf, np.inf]), np.zeros(2)
    assert safe_minimum(answer, q, A, -side - np.inf, side, zero, far) == -np.inf
    tiny = Csr(np.array([[-1e-12, 1.0]]))
    assert safe_minimum(answer, q, tiny, -side - np.inf, side, zero, far) == -np.inf


def test_noise_in_row_prices_costs_no_bound():
    """The second row has no part in ``min z1, z1 >= 1``; what a solver leaves on it falls on z2, which has no bound."""
    A, q = Csr(np.array([[1.0, 0.0], [0.0, 1.0]])), np.array([1.0, 0.0])
    answer = Answer("optimal", np.array([1.0, 0.0]), 1.0, np.array([1.0, 1e-12]), np.zeros(2))
    free = np.full(2, np.inf)
    found = safe_minimum(answer, q, A, np.array([1.0, 0.0]), free, -free, free)
    assert found == pytest.approx(1.0, abs=1e-6)
