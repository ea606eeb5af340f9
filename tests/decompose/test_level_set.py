"""How far a level set reaches: never beyond the truth whatever the multipliers, close to it with Clarabel's own.

The truth is a cone program of its own here: dense, at full accuracy, its cones from Cholesky factors.
"""

from __future__ import annotations

import pickle
from dataclasses import replace
from math import inf, nan

import clarabel
import numpy as np
import pytest
import scipy.sparse as sp

from kktgen.deadline import Deadline
from kktgen.decompose.level_set import LevelProgram, LevelSet, Prices, boxes_of, square_root
from kktgen.numerics.sparse import Csr

GROUPS = (-1, -1, 0, 0, 0, 1, 1, 1, 1)


def drawn(
    seed: int, cuts: int = 3, fixed: int = 1, diagonal: bool = False, bent: tuple[int, ...] = (-1, 0, 1)
) -> LevelSet:
    """Return a level set with points in it: rows of all kinds, boxes, costs bent within groups, cuts, fixed columns."""
    rng, group = np.random.default_rng(seed), np.array(GROUPS)
    n = len(group)
    inside = rng.normal(size=n)
    P = np.zeros((n, n))
    for k in bent:
        at = np.flatnonzero(group == k)
        root = rng.normal(size=(max(len(at) - 1, 1), len(at)))  # singular
        P[np.ix_(at, at)] = np.diag(rng.random(len(at)) + 0.1) if diagonal else root.T @ root
    q, r = rng.normal(size=n), float(rng.normal())
    M = rng.normal(size=(5, n)) * (rng.random((5, n)) < 0.6)
    value = M @ inside
    lo = value - rng.random(5) * np.array([0, 1, inf, 1, 1])
    hi = value + rng.random(5) * np.array([0, 1, 1, inf, 1])
    width = 0.5 + 2 * rng.random((2, n))
    lb, ub = inside - width[0], inside + width[1]
    still = rng.choice(n, fixed, replace=False)
    lb[still] = ub[still] = inside[still]
    of = rng.integers(0, 2, cuts)
    curve = np.array(
        [0.5 * inside[group == k] @ P[np.ix_(group == k, group == k)] @ inside[group == k] for k in (0, 1)]
    )
    A = rng.normal(size=(cuts, n)) * ((group == -1) | (group == of[:, None]))
    sides = curve[of] + A @ inside - 0.2 * rng.random(cuts)
    reach = 0.5 * inside @ P @ inside + q @ inside + r + 0.5 * rng.random()
    return LevelSet(Csr(P), q, r, reach, Csr(M), lo, hi, lb, ub, group, Csr(A), sides, of)


def truth(level: LevelSet, cost: np.ndarray) -> float:
    """Return the least ``cost'z`` over a level set: columns z, then t of every group, the leader's as well."""
    n, groups = len(cost), np.unique(level.group)
    t, P = len(groups), level.P.toarray()
    A, b, cones = [], [], []

    def rows(matrix, sides, kind):
        keep = np.isfinite(sides)
        A.append(np.hstack([matrix[keep], np.zeros((keep.sum(), n + t - matrix.shape[1]))]))
        b.append(sides[keep])
        cones.append(kind(int(keep.sum())))

    M, eye = level.M.toarray(), np.eye(n)
    equal = level.lo == level.hi
    rows(M[equal], level.hi[equal], clarabel.ZeroConeT)
    for matrix, sides in (
        (M[~equal], level.hi[~equal]),
        (-M[~equal], -level.lo[~equal]),
        (eye, level.ub),
        (-eye, -level.lb),
    ):
        rows(matrix, sides, clarabel.NonnegativeConeT)
    rows(np.hstack([level.q, np.ones(t)])[None, :], np.array([level.reach - level.r]), clarabel.NonnegativeConeT)
    straight = [k for k, group in enumerate(groups) if not P[level.group == group].any()]
    rows(np.hstack([np.zeros((len(straight), n)), np.eye(t)[straight]]), np.zeros(len(straight)), clarabel.ZeroConeT)
    pick = np.zeros((len(level.of), t))
    pick[np.arange(len(level.of)), np.searchsorted(groups, level.of)] = 1.0
    rows(np.hstack([-level.cuts.toarray(), -pick]), -level.sides, clarabel.NonnegativeConeT)
    for k, group in enumerate(groups):  # |(sqrt(2) L'z, t - 1)| <= t + 1 says z'P z / 2 <= t ... with P = L L'
        at = np.flatnonzero(level.group == group)
        if k in straight:
            continue
        size = P[np.ix_(at, at)]
        L = np.linalg.cholesky(size + 1e-13 * max(np.trace(size), 1.0) * np.eye(len(at)))
        cone = np.zeros((len(at) + 2, n + t))
        cone[0, n + k], cone[1, n + k] = -1.0, -1.0
        cone[np.ix_(np.arange(2, len(at) + 2), at)] = -np.sqrt(2.0) * L.T
        A.append(cone)
        b.append(np.concatenate([[1.0, -1.0], np.zeros(len(at))]))
        cones.append(clarabel.SecondOrderConeT(len(at) + 2))
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-10
    solver = clarabel.DefaultSolver(
        sp.csc_matrix((n + t, n + t)), np.concatenate([cost, np.zeros(t)]), sp.csc_matrix(np.vstack(A)),
        np.concatenate(b), cones, settings,
    )  # fmt: skip
    found = solver.solve()
    assert str(found.status) in ("Solved", "AlmostSolved")
    z = np.array(found.x)[:n]
    assert 0.5 * z @ P @ z + level.q @ z + level.r <= level.reach + 1e-6
    return float(cost @ z)


def unit(column: int, sign: float, n: int = len(GROUPS)) -> np.ndarray:
    cost = np.zeros(n)
    cost[column] = sign
    return cost


VARIANTS = [
    {}, {"cuts": 0}, {"fixed": 3}, {"diagonal": True}, {"bent": (0,)}, {"bent": ()}, {"cuts": 6, "fixed": 0},
    {"bent": (-1,), "cuts": 2},
]  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_no_multipliers_prove_more_than_the_truth(seed, variant):
    level, rng = drawn(seed, **variant), np.random.default_rng(100 + seed)
    n, m, k = len(level.lb), len(level.lo), len(level.of)
    for _ in range(4):
        cost = rng.normal(size=n)
        right, best = truth(level, cost), -inf
        for _ in range(100):
            theta = np.float32(rng.exponential() * (rng.random() < 0.9))
            rho = (rng.random(k) * theta / max(k, 1) * (rng.random(k) < 0.7)).astype(np.float32)
            p = (rng.normal(size=m) * (rng.random(m) < 0.7) * 10.0 ** rng.integers(-6, 2)).astype(np.float32)
            x = (rng.normal(size=n) * 3).astype(np.float32)
            found = level.least(cost, Prices(theta, rho, p, x))
            assert found <= right + 1e-7 * (1.0 + abs(right))
            best = max(best, found)
        assert best > -inf


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_clarabels_multipliers_come_close(seed, variant):
    level, rng = drawn(10 + seed, **variant), np.random.default_rng(seed)
    program = LevelProgram(level)
    for k in range(6):  # the same program again and again
        cost = (
            rng.normal(size=len(level.lb)) if k % 2 else unit(int(rng.integers(len(level.lb))), rng.choice([-1.0, 1.0]))
        )
        right = truth(level, cost)
        found, price = program.minimize(cost, Deadline())
        assert found <= right + 1e-7 * (1.0 + abs(right))
        assert found >= right - 3e-2 * (1.0 + abs(right))
        assert level.least(cost, price) == found
        assert price.theta.dtype == price.rho.dtype == price.p.dtype == price.x.dtype == np.float32


def test_multipliers_that_are_not_admissible_prove_nothing():
    level = drawn(0)
    n, m, k = len(level.lb), len(level.lo), len(level.of)
    price = Prices(np.float32(1.0), np.zeros(k, np.float32), np.zeros(m, np.float32), np.zeros(n, np.float32))
    cost = unit(0, 1.0)
    assert np.isfinite(level.least(cost, price))
    much = np.full(k, 1.0, np.float32)
    for bad in (
        replace(price, theta=np.float32(-1.0)), replace(price, rho=-much), replace(price, rho=2 * much),
        replace(price, theta=np.float32(nan)), replace(price, rho=much * np.float32(nan)),
        replace(price, p=np.full(m, nan, np.float32)), replace(price, x=np.full(n, nan, np.float32)),
        replace(price, theta=np.float32(inf)),
    ):  # fmt: skip
        assert level.least(cost, bad) == -inf
    for broken in (replace(level, reach=nan), replace(level, reach=-inf), replace(level, sides=np.full(k, nan))):
        assert not broken.least(cost, price) > -inf
    assert not replace(level, sides=np.full(k, inf)).least(cost, replace(price, rho=much / (2 * k))) > -inf


@pytest.mark.parametrize("seed", range(4))
def test_open_boxes_give_minus_infinity_or_the_truth_and_never_nan(seed):
    level, rng = drawn(20 + seed, fixed=0), np.random.default_rng(seed)
    n, m, k = len(level.lb), len(level.lo), len(level.of)
    lb, ub = level.lb.copy(), level.ub.copy()
    lb[rng.random(n) < 0.3], ub[rng.random(n) < 0.3] = -inf, inf
    wide = replace(level, lb=lb, ub=ub)
    for _ in range(25):
        cost = unit(int(rng.integers(n)), 1.0)
        price = Prices(
            np.float32(rng.random()), np.zeros(k, np.float32), rng.normal(size=m).astype(np.float32),
            rng.normal(size=n).astype(np.float32),
        )  # fmt: skip
        found = wide.least(cost, price)
        assert not np.isnan(found) and found <= truth(level, cost) + 1e-6
    found = LevelProgram(wide).minimize(unit(0, 1.0), Deadline())
    assert found is None or found[0] <= truth(level, unit(0, 1.0)) + 1e-6


def test_a_level_set_without_points_needs_no_care():
    level = drawn(1)
    none = replace(level, reach=level.reach - 1e3)
    found = LevelProgram(none).minimize(unit(0, 1.0), Deadline())
    assert found is None or not np.isnan(found[0])


def test_all_columns_fixed():
    level = drawn(2)
    inside = np.clip(0.5 * (level.lb + level.ub), level.lb, level.ub)
    still = replace(
        level, lb=inside, ub=inside, lo=np.full(5, -inf), hi=np.full(5, inf), reach=1e3, sides=level.sides - 1e3
    )  # fmt: skip
    found = boxes_of(still, [(0, 1.0)], None)[0]
    assert found is None or found[0] == pytest.approx(inside[0], abs=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_boxes_are_those_of_single_columns(seed):
    level = drawn(30 + seed)
    asked = [(j, sign) for j in range(len(level.lb)) for sign in (1.0, -1.0)]
    found = boxes_of(level, asked, None)
    for (column, sign), (value, price) in zip(asked, found, strict=True):
        right = truth(level, unit(column, sign))
        assert right - 3e-2 * (1 + abs(right)) <= value <= right + 1e-7 * (1 + abs(right))
        assert pickle.loads(pickle.dumps(level)).least(unit(column, sign), price) == value


def test_no_time_no_boxes():
    assert boxes_of(drawn(0), [(0, 1.0), (1, -1.0)], 0.0) == [None, None]


# -- the root of the curvature ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_the_root_of_the_curvature(seed):
    rng, n = np.random.default_rng(seed), 12
    order, P = rng.permutation(n), np.zeros((n, n))
    for at, rank in ((order[:4], 4), (order[4:7], 2), (order[7:9], 1)):
        root = rng.normal(size=(rank, len(at))) * 10.0 ** rng.integers(-3, 4)
        P[np.ix_(at, at)] = root.T @ root
    P[order[9], order[9]] = 10.0 ** rng.integers(-6, 6)
    F = square_root(Csr(P))
    assert np.abs(F.T @ F - P).max() <= 1e-12 * max(np.abs(P).max(), 1.0)
    block = np.zeros(n)
    for number, at in enumerate((order[:4], order[4:7], order[7:9], order[9:10]), 1):
        block[at] = number
    row, column = F.nonzero()
    assert (block[row] == block[column]).all() and (block[row] > 0).all()


def test_the_root_of_nothing():
    assert square_root(Csr((4, 4))).nnz == 0
