"""Interval arithmetic on rows: no feasible point is lost."""

from __future__ import annotations

import numpy as np
import pytest

from kktgen.numerics.intervals import interval, tighten
from kktgen.numerics.sparse import Csr


@pytest.mark.parametrize("seed", range(10))
def test_tightening_keeps_every_feasible_point(seed):
    rng = np.random.default_rng(seed)
    n, m = 5, 6
    A = Csr(np.round(rng.normal(size=(m, n)), 1) * (rng.random((m, n)) < 0.5))
    points = rng.uniform(-1, 1, size=(200, n))
    values = points @ A.toarray().T
    lo, hi = values.min(axis=0), np.where(rng.random(m) < 0.3, np.inf, values.max(axis=0))
    lb, ub = np.where(rng.random(n) < 0.4, -np.inf, -5.0), np.where(rng.random(n) < 0.4, np.inf, 5.0)
    low, high = tighten(A, lo, hi, lb, ub)
    assert (points >= low).all() and (points <= high).all()
    assert (low >= lb).all() and (high <= ub).all()
    least, most = interval(A, np.full(n, -1.0), np.full(n, 1.0))
    assert (values >= least - 1e-12).all() and (values <= most + 1e-12).all()
