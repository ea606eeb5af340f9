"""What the tests of external solvers share: two models, and a temporary folder that must be empty at the end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import kktgen as kg


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Temporary files go into a folder of the test's own, which must be empty at its end."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def knapsack(items: int = 100, rows: int = 60, seed: int = 3) -> kg.Model:
    """max c'x  s.t.  A x <= half of A's row sums, x binary: no solver is quick with many rows."""
    rng = np.random.default_rng(seed)
    A, c = rng.integers(1, 100, (rows, items)), rng.integers(1, 100, items)
    m = kg.Bilevel("knapsack")
    x = m.var("x", items, kind="B")
    m.add(A @ x <= A.sum(axis=1) / 2)
    m.maximize(c @ x)
    return kg.kkt(m)


def small() -> kg.Model:
    """max 5x + 4y + 1  s.t.  6x + 4y <= 24, x + 2y <= 6, x, y integer  is 21 at (4, 0)."""
    m = kg.Bilevel("small")
    x, y = m.var("x", lb=0, ub=9.5, kind="I"), m.var("y", lb=-0.5, ub=9, kind="I")
    m.add(6 * x + 4 * y <= 24, x + 2 * y <= 6)
    m.maximize(5 * x + 4 * y + 1)
    return kg.kkt(m)
