"""What responses at corners, or in the middle, say of a box holds for every response in it."""

import numpy as np
import pytest

from kktgen.deadline import NEVER
from kktgen.decompose.near_response import Dense, Ranges, narrowed
from kktgen.decompose.responses import Responses
from kktgen.problem.qp import QP
from kktgen.search.respond import solve_follower

CASES = ["definite", "singular", "linear", "equations"]


def drawn(case, seed):
    """A follower of 4 variables and 2 parameters, feasible for all parameters in a box around 0."""
    rng = np.random.default_rng(seed)
    ny, mi = 4, 6
    F = rng.normal(size=({"definite": 4, "singular": 2, "linear": 0, "equations": 4}[case], ny))
    P = F.T @ F + (0.2 * np.eye(ny) if case in ("definite", "equations") else 0)
    G = np.vstack([rng.normal(size=(mi, ny)), np.eye(ny), -np.eye(ny)])
    H = np.vstack([0.3 * rng.normal(size=(mi, 2)), np.zeros((2 * ny, 2))])
    h = np.concatenate([1.0 + rng.random(mi), np.full(2 * ny, 3.0)])
    A, b = (np.ones((1, ny)), np.array([0.1])) if case == "equations" else (np.zeros((0, ny)), np.zeros(0))
    B = 0.2 * rng.normal(size=(len(b), 2))
    return QP(P=P, Q=rng.normal(size=(ny, 2)), q=rng.normal(size=ny), A=A, B=B, b=b, G=G, H=H, h=h)


def wide(qp):
    top = np.full(len(qp.h), 200.0)
    return Ranges((np.full(qp.ny, -3.0), np.full(qp.ny, 3.0)), (np.full(len(qp.b), -200.0), np.full(len(qp.b), 200.0)),
                  (np.zeros(len(qp.h)), top), (np.zeros(len(qp.h)), top))  # fmt: skip


def reference(dense, responses, low, high, corners):
    middle = 0.5 * (low + high)
    if not corners:
        return dense.carried(responses(0, middle, NEVER), np.arange(2), middle, 0.5 * (high - low))
    xs = [np.array([a, b]) for a in (low[0], high[0]) for b in (low[1], high[1])]
    return dense.interpolated([responses(0, x, NEVER) for x in xs], xs)


@pytest.mark.parametrize("corners", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", CASES)
def test_every_response_in_the_box_lies_in_the_boxes_proved(case, corners):
    settled = narrow = 0
    for seed in range(12):
        qp, rng = drawn(case, seed), np.random.default_rng(seed)
        responses = Responses([qp])
        dense = responses.dense[0]
        c, reach = rng.uniform(-0.5, 0.5, 2), 10.0 ** rng.uniform(-3, -0.3, 2)
        low, high = c - reach, c + reach
        known = wide(qp)
        for _ in range(3):
            known = narrowed(dense, reference(dense, responses, low, high, corners), known)
        settled += int((known.mu[0] > 0).sum() + (known.s[0] > 0).sum())
        narrow += int((known.y[1] - known.y[0] < 3.0).sum())
        for x in rng.uniform(low, high, (40, 2)):
            y, lam, mu = solve_follower(qp, x)
            s = qp.slack(y, x)
            for value, (lb, ub) in ((y, known.y), (lam, known.lam), (mu, known.mu), (s, known.s)):
                assert (value >= lb - 1e-7).all() and (value <= ub + 1e-7).all()
            assert (mu[known.s[0] > 1e-9] <= 1e-7).all() and (s[known.mu[0] > 1e-9] <= 1e-7).all()
    assert settled > 20 and (narrow > 10 or case == "linear")


@pytest.mark.parametrize("corners", [True, False])
def test_a_box_of_one_pattern_settles_all_its_pairs(corners):
    qp = drawn("definite", 3)
    responses = Responses([qp])
    low, high = np.array([0.1, 0.1]), np.array([0.1, 0.1]) + 1e-4
    known = narrowed(responses.dense[0], reference(responses.dense[0], responses, low, high, corners), wide(qp))
    y, _, mu = solve_follower(qp, 0.5 * (low + high))
    s = qp.slack(y, 0.5 * (low + high))
    assert np.minimum(mu, s).max() < 1e-8 < np.maximum(mu, s).min()
    assert ((known.mu[0] > 0) | (known.s[0] > 0)).all()


def test_the_identity_they_stand_on():
    """(yhat - y)'P(yhat - y) + muhat's + mu'shat = (yhat - y)'r + (lamhat - lam)'e + muhat'shat for any yhat, ..."""
    for case in CASES:
        qp, rng = drawn(case, 5), np.random.default_rng(5)
        x = rng.uniform(-0.5, 0.5, 2)
        y, lam, mu = solve_follower(qp, x)
        yhat, lamhat, muhat = rng.normal(size=qp.ny), rng.normal(size=len(qp.b)), rng.normal(size=len(qp.h))
        s, shat = qp.slack(y, x), qp.slack(yhat, x)
        r, e = qp.stationarity(yhat, x, lamhat, muhat), qp.A @ yhat + qp.B @ x - qp.b
        left = (yhat - y) @ (qp.P @ (yhat - y)) + muhat @ s + mu @ shat
        right = (yhat - y) @ r + (lamhat - lam) @ e + muhat @ shat
        assert left == pytest.approx(right, abs=1e-7)


@pytest.mark.parametrize("case", CASES)
def test_responses_by_patterns_are_those_of_the_solver(case):
    qp = drawn(case, 1)
    responses = Responses([qp])
    for x in np.random.default_rng(2).uniform(-0.5, 0.5, (60, 2)):
        y, lam, mu = responses(0, x, NEVER)
        assert qp.cost(y, x) == pytest.approx(qp.cost(solve_follower(qp, x)[0], x), abs=1e-7)
        assert np.abs(qp.stationarity(y, x, lam, mu)).max() < 1e-7
        assert (mu >= 0).all() and (qp.slack(y, x) >= -1e-7).all() and abs(mu @ qp.slack(y, x)) < 1e-6


def test_a_follower_without_a_response_has_none():
    qp = QP(q=np.ones(1), G=np.array([[1.0], [-1.0]]), H=np.array([[0.0], [1.0]]), h=np.array([1.0, 0.0]))
    responses = Responses([qp])
    assert responses(0, np.array([2.0]), NEVER) is None
    assert responses(0, np.array([0.5]), NEVER)[0] == pytest.approx(0.5)


def test_a_variable_of_an_ellipsoid_moves_as_far_as_its_end():
    P = np.array([[4.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    dense = Dense(QP(P=P, q=np.zeros(3)))
    inverse = np.linalg.inv(P[:2, :2])
    radius = dense.radius(np.ones(3, dtype=bool), 2.0)
    assert radius[:2] == pytest.approx(np.sqrt(2.0 * np.diagonal(inverse)))
    assert radius[2] == np.inf
    assert dense.radius(np.array([True, False, False]), 1.0)[0] == pytest.approx(0.5)


def test_a_response_that_bends_between_equal_corners_is_inside():
    """min 1/2 (y - 5)^2, y <= x, y <= 2 - x: y = 1/2 at both corners x = 1/2, 3/2, and 1 between them."""
    qp = QP(P=np.eye(1), q=np.array([-5.0]), G=np.ones((2, 1)), H=np.array([[-1.0], [1.0]]), h=np.array([0.0, 2.0]))
    responses = Responses([qp])
    xs = [np.array([0.5]), np.array([1.5])]
    at = responses.dense[0].interpolated([responses(0, x, NEVER) for x in xs], xs)
    assert at.product == pytest.approx(2.25)  # theta (1 - theta) (4.5 + 4.5)
    free = Ranges((np.full(1, -9.0), np.full(1, 9.0)), (np.empty(0), np.empty(0)),
                  (np.zeros(2), np.full(2, 99.0)), (np.zeros(2), np.full(2, 99.0)))  # fmt: skip
    known = narrowed(responses.dense[0], at, free)
    assert known.y[0][0] == pytest.approx(-1.0, abs=1e-6)
    assert known.y[1][0] == pytest.approx(1.5, abs=1e-6)  # not 2: the slacks leave no more
