"""Shortest paths."""

from __future__ import annotations

import numpy as np
import pytest

from kktgen.deadline import Deadline
from kktgen.numerics import distances


@pytest.mark.parametrize("work", [np.inf, 0.0])
@pytest.mark.parametrize("seed", range(6))
def test_distances_with_negative_lengths(seed, work, monkeypatch):
    """Against the distances of Floyd and Warshall, parallel edges and edges of length zero among them."""
    monkeypatch.setattr(distances, "WORK", work)
    rng = np.random.default_rng(seed)
    n, k = 12, 40
    start, end = rng.integers(n, size=k), rng.integers(n, size=k)
    height = rng.integers(-5, 5, n).astype(float)
    length = np.where(rng.random(k) < 0.3, 0.0, rng.integers(0, 6, k)) + height[end] - height[start]
    truth = np.where(np.eye(n) == 1, 0.0, np.inf)
    np.minimum.at(truth, (start, end), length)
    for via in range(n):
        truth = np.minimum(truth, truth[:, [via]] + truth[[via]])
    graph = distances.Distances.of(start, end, length, n)
    ahead, back = graph.around(3)
    np.testing.assert_allclose(ahead, truth[3], atol=1e-12)
    np.testing.assert_allclose(back, truth[:, 3], atol=1e-12)
    ends = np.repeat(np.arange(n), n), np.tile(np.arange(n), n)
    found = graph.between(*ends, np.full(n * n, np.inf), Deadline())
    assert (found >= truth[ends] - 1e-12).all()
    if work:
        np.testing.assert_allclose(found, truth[ends], atol=1e-12)
    assert distances.Distances.of(np.array([0, 1]), np.array([1, 0]), np.array([1.0, -2.0]), 2) is None
