"""Basic multipliers (D4): at sampled decisions some multipliers of the optimum lie within the bounds."""

from __future__ import annotations

import numpy as np
import pytest
from multipliers import some_multipliers_fit

import kktgen as kg
from kktgen.numerics.sparse import Csr
from kktgen.reformulate.bounds.basic import basic_bounds, unimodular


@pytest.mark.parametrize("quadratic", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_some_multipliers_of_every_optimum_fit(seed, quadratic):
    """min 1/2 y'Py + (Qx + q)'y  s.t.  G y + H x <= h, one equation now and then, y boxed by rows; degenerate at 0."""
    rng = np.random.default_rng(seed)
    ny, mi, nx = int(rng.integers(1, 4)), int(rng.integers(1, 4)), 2
    F = rng.normal(size=(ny, ny)) if quadratic else np.zeros((ny, ny))
    G = np.vstack([np.round(rng.normal(size=(mi, ny)), 1), np.eye(ny), -np.eye(ny)])
    H = np.vstack([np.round(rng.normal(size=(mi, nx)), 1), np.zeros((2 * ny, nx))])
    h = np.concatenate([np.zeros(mi), np.full(2 * ny, 3.0)])
    equation = {"A": np.ones((1, ny)), "b": [0.0], "B": np.ones((1, nx))} if ny > 1 and seed % 2 else {}
    qp = kg.QP(F.T @ F, rng.normal(size=ny), G=G, H=H, h=h, Q=rng.normal(size=(ny, nx)), **equation)
    box = np.full(nx, -1.0), np.full(nx, 1.0)
    bounds = basic_bounds(qp, box, (np.full(ny, -3.0), np.full(ny, 3.0)))
    assert np.isfinite(bounds[0]).all()
    answers = [some_multipliers_fit(qp, rng.uniform(-1, 1, nx), bounds) for _ in range(15)]
    answers += [some_multipliers_fit(qp, np.zeros(nx), bounds)]
    assert False not in answers and True in answers
    tight = tuple(0.001 * bound for bound in bounds)
    assert False in [some_multipliers_fit(qp, rng.uniform(-1, 1, nx), tight) for _ in range(40)]  # the test can fail


def test_the_handbook_case_gets_exact_bounds():
    """min -y  s.t.  y <= 8 - x, 4y >= 8 - x, 2y <= 13 - x, 2y <= 7x:  bases {1}, {3}, {4} give 1, 1/2, 1/2."""
    qp = kg.QP(None, [-1.0], G=[[1], [-4], [2], [2]], H=[[1], [-1], [1], [-7]], h=[8, -8, 13, 0])
    mu, _, _ = basic_bounds(qp, (np.zeros(1), np.full(1, 8.0)), (np.full(1, -np.inf), np.full(1, np.inf)))
    np.testing.assert_allclose(mu, [1, 0, 0.5, 0.5], rtol=1e-6)


def test_a_network_needs_no_enumeration():
    """Balance rows of a path of 60 nodes with box rows: far too many bases, but totally unimodular."""
    n = 60
    A = np.zeros((n - 1, 2 * n))
    for k in range(n - 1):
        A[k, k], A[k, k + 1], A[k, n + k] = 1, -1, 1
    G = np.vstack([np.eye(2 * n), -np.eye(2 * n)])
    qp = kg.QP(None, np.ones(2 * n), A=A, b=np.ones(n - 1), G=G, h=np.full(4 * n, 5.0), Q=np.zeros((2 * n, 1)))
    bounds = basic_bounds(qp, (np.zeros(1), np.ones(1)), (np.full(2 * n, -5.0), np.full(2 * n, 5.0)))
    assert (bounds[0] <= 2 * n * (1 + 1e-6) + 1e-6).all()
    assert some_multipliers_fit(qp, np.zeros(1), bounds)


@pytest.mark.parametrize(
    "matrix, network",
    [
        ([[1, 1, 0], [0, 1, 1]], True),
        ([[1, -1, 0], [0, 1, -1], [-1, 0, 1]], True),
        ([[1, 1, 0], [0, 1, 1], [1, 0, 1]], False),  # an odd cycle: determinant 2
        ([[1, 2]], True),  # in units of the second variable
        ([[1, 2], [1, 1]], False),
        ([[1, 1, 1, 0], [1, 0, 1, 1], [1, 1, 0, 1]], False),
    ],
)
def test_network_test(matrix, network):
    found = unimodular(Csr(np.array(matrix, dtype=float)))
    assert (found is not None) is network
    if found is not None:
        scaled = np.abs(found[0][:, None] * np.array(matrix) * found[1])
        assert np.isin(scaled, (0.0, 1.0)).all()


def test_units_change_the_bounds_of_a_network_as_they_change_the_multipliers():
    """The path of 60 nodes with rows and variables in units of their own."""
    n, rng = 60, np.random.default_rng(3)
    A = np.zeros((n - 1, 2 * n))
    for k in range(n - 1):
        A[k, k], A[k, k + 1], A[k, n + k] = 1, -1, 1
    G = np.vstack([np.eye(2 * n), -np.eye(2 * n)])
    plain = kg.QP(None, np.ones(2 * n), A=A, b=np.ones(n - 1), G=G, h=np.full(4 * n, 5.0), Q=np.zeros((2 * n, 1)))
    x = np.zeros(1), np.ones(1)
    mu, low, high = basic_bounds(plain, x, (np.full(2 * n, -5.0), np.full(2 * n, 5.0)))
    d, w, g = (2.0 ** rng.integers(-5, 6, size) for size in (n - 1, 2 * n, 4 * n))
    other = kg.QP(
        None,
        w * plain.q,
        A=d[:, None] * A * w,
        b=d * plain.b,
        G=g[:, None] * G * w,
        h=g * plain.h,
        Q=np.zeros((2 * n, 1)),
    )
    units = basic_bounds(other, x, (-5.0 / w, 5.0 / w))
    for found, known, scale in zip(units, (mu, low, high), (g, d, d), strict=True):
        np.testing.assert_allclose(found * scale, known, rtol=1e-4)
    assert some_multipliers_fit(other, np.zeros(1), units)


def test_nothing_is_claimed_without_a_gradient_box():
    qp = kg.QP(None, [0.0], G=[[1.0]], h=[1.0], Q=[[1.0]])
    mu, _, _ = basic_bounds(qp, (np.full(1, -np.inf), np.full(1, np.inf)), (np.zeros(1), np.ones(1)))
    assert mu[0] == np.inf


def test_bases_with_rows_of_large_numbers_are_bases():
    m = kg.Bilevel("large rows")
    x = m.var("x", lb=0, ub=2)
    f = m.follower("f")
    a, b, z = f.var("a"), f.var("b"), f.var("z")
    d = f.var("d", lb=0, ub=1)
    m.minimize(1000 * d)
    f.minimize(-2 * a + 202 * b - d)
    f.add(-3 * a - 2 * b + 3 * d <= -8, d <= 10 * x, a - 100 * b + 200 * x <= -198)
    f.add(-10000 * a - 2 * b - 2 * d + 100 * z + 4 * x <= -19903)
    f.add(-2 * b - 2 * d + 4 * x <= -4, name="last")  # at x = 0 its multiplier is 1, and no other will do
    model = kg.bound(kg.kkt(m))
    labels = [model.space.label(j) for j in range(model.n)]
    assert model.space.ub[labels.index("mu(f,last)")] >= 1
    assert abs(kg.optimize(m, time_limit=10).solution.objective) < 1e-6
