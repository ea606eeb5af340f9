"""Answers of an interior point method, sharpened."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from kktgen.numerics.answers import Answer
from kktgen.numerics.programs import qp
from kktgen.numerics.sharpen import Program, error, refined, sharpen
from kktgen.numerics.sparse import Csr


def test_a_blurred_answer_is_sharpened():
    rng = np.random.default_rng(5)
    root = rng.normal(size=(4, 6))
    A = Csr(rng.normal(size=(3, 6)))
    lo, hi, one = np.array([0.0, -np.inf, -1.0]), np.array([0.0, 1.0, 1.0]), np.ones(6)
    program = Program(Csr(root.T @ root), rng.normal(size=6), A, lo, hi, -one, one)
    exact = qp(program.P, program.q, A, program.lo, program.hi, program.lb, program.ub)
    blur = 1e-5 * rng.normal(size=6)
    blurred = Answer("optimal", exact.x + blur, exact.value, exact.row_dual + 1e-5, exact.col_dual - 1e-5)
    price = np.concatenate([blurred.row_dual, blurred.col_dual])
    sharp = sharpen(program, blurred)
    assert error(program, blurred.x, price) > 1e-6
    assert error(program, sharp.x, np.concatenate([sharp.row_dual, sharp.col_dual])) < 1e-11
    assert sharp.value == pytest.approx(exact.value, abs=1e-7)


def arrow(blocks: int, size: int, shared: int) -> Program:
    """Return many small QPs with some columns in common, which are held by rows of their own as well (dependent)."""
    rng = np.random.default_rng(1)
    n = blocks * size + shared
    own = sp.block_diag([sp.csr_array(rng.normal(size=(size // 2, size))) for _ in range(blocks)])
    rows = sp.hstack([own, sp.csr_array(rng.normal(size=(own.shape[0], shared)))], format="csr")
    A = Csr(sp.vstack([rows, rows[: size // 2]], format="csr"))  # the rows of the first block twice
    b = rng.normal(size=own.shape[0])
    side = np.concatenate([b, b[: size // 2]])
    free = np.full(n, np.inf)
    return Program(Csr(sp.eye_array(n, format="csr")), rng.normal(size=n), A, side, side, -free, free)


def test_dependent_active_rows_are_no_obstacle():
    program = arrow(3, 6, 2)
    x = np.zeros(20)
    answer = sharpen(program, Answer("optimal", x, 0.0, np.zeros(len(program.lo)), np.zeros(20)))
    assert error(program, answer.x, np.concatenate([answer.row_dual, answer.col_dual])) < 1e-10


def test_factors_of_many_blocks_with_common_columns_stay_sparse(monkeypatch):
    kept = []

    def recorded(K, **options):
        factor = splu(K, **options)
        kept.append((factor.L.nnz + factor.U.nnz) / K.nnz)
        return factor

    monkeypatch.setattr("kktgen.numerics.sharpen.splu", recorded)
    program = arrow(200, 12, 24)
    n = len(program.q)
    answer = sharpen(program, Answer("optimal", np.zeros(n), 0.0, np.zeros(len(program.lo)), np.zeros(n)))
    assert error(program, answer.x, np.concatenate([answer.row_dual, answer.col_dual])) < 1e-9
    assert kept and max(kept) < 4.0


def test_pivots_help_where_a_small_system_is_not_solved_without():
    """A wild first factor, as of a matrix whose order needs pivots: the second, with them, is taken."""
    K = sp.csc_array(np.array([[2.0, 1.0], [1.0, -3.0]]))
    right, begun = np.array([1.0, 2.0]), np.zeros(2)
    calls = []

    class Wild:
        def solve(self, rest):
            return 100.0 * rest

    def factor(matrix, **options):
        calls.append(options)
        return Wild() if options else splu(matrix)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kktgen.numerics.sharpen.splu", factor)
        u = refined(K, K, right, begun)
    assert len(calls) == 2
    assert K @ u == pytest.approx(right, abs=1e-12)
