"""Answers of an interior point method, sharpened."""

from __future__ import annotations

import numpy as np
import pytest

from kktgen.numerics.answers import Answer
from kktgen.numerics.programs import qp
from kktgen.numerics.sharpen import Program, error, sharpen
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
