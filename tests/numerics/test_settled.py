"""Points that keep rows without slack exactly, small and large, and units in which rows are of one size."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from kktgen.numerics.balance import column_units
from kktgen.numerics.settled import settled
from kktgen.numerics.sparse import Csr


def chain(length, factor):
    """Rows ``0 <= v_0 <= 0`` and ``v_k+1 <= factor v_k``, ``v >= 0``: nothing but 0."""
    steps = sp.eye_array(length, length + 1, k=1) - factor * sp.eye_array(length, length + 1)
    M = Csr(sp.vstack([sp.eye_array(1, length + 1), steps, sp.eye_array(length + 1)], format="csr"))
    lo = np.concatenate([np.full(1 + length, -np.inf), np.zeros(length + 1)])
    return M, lo, np.concatenate([np.zeros(1 + length), np.full(length + 1, np.inf)])


@pytest.mark.parametrize(("length", "factor"), [(2, 1e3), (3, 1e2), (6, 10.0)])
def test_what_an_error_opens_along_a_chain_is_closed(length, factor):
    M, lo, hi = chain(length, factor)
    v = 1e-9 * factor ** np.arange(length + 1.0)  # within a tolerance of every row, and 1e-3 at the end
    assert v[-1] >= 1e-4 and (M @ v <= hi + 1e-8).all()
    found = settled(v, M, lo, hi)
    assert found is not None and abs(found).max() < 1e-12


def test_a_point_that_keeps_them_stays():
    M, lo, hi = chain(3, 10.0)
    assert settled(np.zeros(4), M, lo, hi).tolist() == [0.0] * 4


@pytest.mark.parametrize("size", [50, 900])
def test_equations_of_any_number_are_met_to_rounding(size):
    rng = np.random.default_rng(size)
    at = np.repeat(np.arange(size), 8), rng.integers(0, 2 * size, 8 * size)
    rest = sp.coo_array((rng.random(8 * size), at), shape=(size, 2 * size))
    M = Csr(rest.tocsr() + sp.eye_array(size, 2 * size))
    v = rng.normal(size=2 * size)
    side = M @ v
    found = settled(v + 1e-8 * rng.normal(size=2 * size), M, side, side)
    assert np.abs(M @ found - side).max() < 1e-12 * (1 + np.abs(v).max()) * abs(M).sum(axis=1).max()
    assert np.abs(found - v).max() < 1e-6


def test_rows_that_are_nearly_dependent_settle_nothing():
    M = Csr(np.array([[1.0, 1.0], [1.0, 1.0 + 1e-10]]))
    assert settled(np.array([1.0, 1e-6]), M, np.array([1.0, 1.0]), np.array([1.0, 1.0])) is None


def test_units_balance_a_chain_of_any_length_and_leave_what_is_balanced():
    M = chain(8, 1e3)[0][1:9]
    unit = column_units(Csr(M))
    stated = np.abs((M @ sp.diags_array(unit)).toarray())
    spread = [row[row > 0].max() / row[row > 0].min() for row in stated]
    assert max(spread) <= 2.0 and unit.max() / unit.min() > 1e20
    assert (column_units(Csr(np.array([[1.0, -1.0], [1.0, 1.0]]))) == 1).all()
