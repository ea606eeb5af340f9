"""The solvers that are here, and a model that takes them long."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg
from kktgen.solvers import solvers

INFO = {name: info for name, info in solvers().items() if ":" not in name}  # programs: tests/solvers/test_programs.py


def taking(*features):
    """Parametrize over the solvers with these features; those not installed are skipped, saying so."""
    names = [
        pytest.param(name, marks=pytest.mark.skipif(not info.available, reason=info.version))
        for name, info in INFO.items()
        if set(features) <= info.features
    ]
    return pytest.mark.parametrize("solver", names)


def needs(solver):
    if not INFO[solver].available:
        pytest.skip(INFO[solver].version)


def knapsack(items, rows, seed, name="knapsack"):
    """max c'x  s.t.  A x <= half of A's row sums, x binary: no solver is quick with many rows."""
    rng = np.random.default_rng(seed)
    A, c = rng.integers(1, 100, (rows, items)), rng.integers(1, 100, items)
    m = kg.Bilevel(name)
    x = m.var("x", items, kind="B")
    m.add(A @ x <= A.sum(axis=1) / 2)
    m.maximize(c @ x)
    return m, x
