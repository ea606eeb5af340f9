"""Messages along forests (D4): every basic solution of random chains that gain and lose lies within the hull."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from kktgen.numerics.sparse import Csr
from kktgen.reformulate.bounds.forests import forest_bounds


def forest(rng: np.random.Generator) -> np.ndarray:
    """Return rows of a random forest: one or two parallel arcs an edge, a few arcs at one node."""
    k = int(rng.integers(2, 5))
    columns = []
    for t in range(1, k):
        if rng.random() < 0.85:
            s = int(rng.integers(0, t))
            for _ in range(int(rng.integers(1, 3))):
                column = np.zeros(k)
                column[[s, t]] = rng.choice([-2.0, -1.0, -0.9, 0.5, 1.0], size=2)
                columns.append(column)
    columns += [np.eye(k)[int(rng.integers(k))] * rng.choice([-1.0, 0.5, 2.0]) for _ in range(2)]
    return np.array(columns).T


def basic_solutions(N: np.ndarray, equation: np.ndarray, pinned: np.ndarray, g: np.ndarray) -> list[np.ndarray]:
    """Return the multipliers of the nodes in every basis of the rows and one row of its own for every column.

    As many equations stand in a basis as are independent.
    """
    k, n = N.shape
    free = np.append(equation, pinned)
    every, found = np.vstack([N, np.eye(n)]), []
    needed = np.linalg.matrix_rank(every[free], tol=1e-9) if free.any() else 0
    for chosen in combinations(range(k + n), n):
        B = every[list(chosen)].T
        if free[list(chosen)].sum() < needed or np.linalg.matrix_rank(B, tol=1e-9) < n:
            continue
        m = np.zeros(k + n)
        m[list(chosen)] = np.linalg.solve(B, -g)
        if (m[:k][~equation] >= -1e-12).all():
            found.append(m[:k])
    return found


@pytest.mark.parametrize(
    "start", [0, pytest.param(30, marks=pytest.mark.slow), pytest.param(60, marks=pytest.mark.slow)]
)
def test_no_basic_solution_lies_outside(start):
    ratios = []
    for seed in range(start, start + 30):
        rng = np.random.default_rng(seed)
        N, units = forest(rng), 10.0 ** rng.integers(-3, 4)
        equation = rng.random(len(N)) < 0.6
        middle, half = rng.integers(-5, 6, N.shape[1]) * units, rng.integers(0, 3, N.shape[1]) * units
        low, high = middle - half, middle + half
        pinned = rng.random(N.shape[1]) < rng.choice([0.0, 0.0, 0.4])
        least, most = forest_bounds(Csr(N), equation, low, high, pinned)
        assert np.isfinite(least).all() and np.isfinite(most).all()
        for g in [low, high, middle, *(rng.uniform(low, high) for _ in range(3))]:
            for m in basic_solutions(N, equation, pinned, g):
                room = 1e-9 * (units + np.abs(m))
                assert (m >= least - room).all() and (m <= most + room).all()
                ratios.append(np.max(np.abs(m)) / max(np.abs(least).max(), np.abs(most).max(), 1e-300))
    assert max(ratios) > 0.99  # the hull is attained


def test_a_chain_passes_its_price_on_with_its_gains():
    """Arcs of cost zero between three nodes lose a tenth a step; the first node is worth 7 to 9."""
    N = Csr(np.array([[-0.9, 0.0, 1.0], [1.0, -0.9, 0.0], [0.0, 1.0, 0.0]]))
    low, high = np.array([0.0, 0.0, -9.0]), np.array([0.0, 0.0, -7.0])
    least, most = forest_bounds(N, np.ones(3, dtype=bool), low, high)
    np.testing.assert_allclose(most, [9.0, 8.1, 7.29])
    np.testing.assert_allclose(least, 0.0)


def test_a_chain_of_thousands_is_one_sweep_up_and_down():
    n = 5000
    N = Csr(np.eye(n) - 0.999 * np.eye(n, k=1))
    least, most = forest_bounds(N, np.ones(n, dtype=bool), np.full(n, -1.0), np.full(n, 1.0))
    assert np.isfinite(most).all() and (most <= 1.0 / (1 - 0.999) + 1.0).all()
    np.testing.assert_allclose(least, -most)


@pytest.mark.parametrize(
    "N",
    [
        [[1.0, 0.0, -1.0], [-0.9, 1.0, 0.0], [0.0, -0.9, 1.0]],  # a ring of three nodes
        [[1.0, 0.5], [1.0, 0.0], [-1.0, 2.0]],  # a variable in three rows
    ],
)
def test_what_is_no_forest_is_left_to_others(N):
    least, most = forest_bounds(Csr(np.array(N)), np.ones(3, dtype=bool), -np.ones(len(N[0])), np.ones(len(N[0])))
    assert np.isinf(least).all() and np.isinf(most).all()


def test_a_gradient_without_a_box_spoils_its_own_tree_alone():
    N = Csr(np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]]))
    low, high = np.array([-np.inf, 0.0, 1.0, 1.0]), np.array([0.0, 0.0, 2.0, 2.0])
    least, most = forest_bounds(N, np.ones(2, dtype=bool), low, high)
    assert np.isinf(most[0]) and np.isinf(least[0])
    assert (least[1], most[1]) == (-2.0, 2.0)
