"""Hong's two-point estimate against closed forms, Monte Carlo, and input that makes no sense."""

from __future__ import annotations

import math
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import kktgen as kg


def linear(point: dict[str, Any]) -> float:
    return 3.0 * point["a"] - 2.0 * point["b"] + 1.0


def breaks(point: dict[str, Any]) -> float:
    if point["a"] > 0:
        raise kg.ProblemError("a is too large")
    return 1.0 / 0.0 if point["b"] > 0 else 1.0


@pytest.mark.parametrize("skewness", [0.0, 0.7, -3.0, 1e6])
def test_points_and_weights_are_those_of_the_formulas(skewness):
    found = kg.point_estimate(linear, {"a": (0, 1, skewness), "b": (0, 1)})
    first, second = found.points[:2]
    assert first.xi > 0 > second.xi
    assert first.xi + second.xi == pytest.approx(skewness, abs=1e-12)
    assert first.xi * second.xi == pytest.approx(-2.0)
    assert first.weight == pytest.approx(-second.xi / (2 * (first.xi - second.xi)))
    assert sum(p.weight for p in found.points) == pytest.approx(1.0)
    assert all(p.weight > 0 for p in found.points)
    assert [p.input for p in found.points] == ["a", "a", "b", "b"]


def test_three_normal_inputs_are_three_deviations_root_away_with_equal_weights():
    found = kg.point_estimate(lambda p: p["x"], {"x": (50, 2), "y": (8, 0.7), "w": (3, 0.2)})
    assert [p.xi for p in found.points] == pytest.approx([math.sqrt(3), -math.sqrt(3)] * 3)
    assert [p.weight for p in found.points] == pytest.approx([1 / 6] * 6)
    assert found.points[0].at == {"x": pytest.approx(50 + 2 * math.sqrt(3)), "y": 8, "w": 3}


def test_a_linear_function_has_its_exact_mean_and_deviation():
    found = kg.point_estimate(linear, {"a": (1, 0.5, 0.9), "b": (-2, 2)})
    assert found.mean == pytest.approx(3 * 1 + 2 * 2 + 1)
    assert kg.point_estimate(linear, {"a": (1, 0.5), "b": (-2, 2)}).std == pytest.approx(math.hypot(1.5, 4))


def test_the_mean_of_separate_cubics_is_exact_for_the_given_skewness():
    # a gamma variable of shape k: mean k, variance k, skewness 2/sqrt(k); E[x^3] = k (k+1) (k+2)
    k = 4.0
    found = kg.point_estimate(
        lambda p: p["x"] ** 3 + p["y"] ** 2, {"x": (k, math.sqrt(k), 2 / math.sqrt(k)), "y": (1, 3)}
    )
    assert found.mean == pytest.approx(k * (k + 1) * (k + 2) + 1 + 9)


def test_monte_carlo_agrees_on_a_smooth_function():
    def f(point: dict[str, Any]) -> float:
        return math.exp(0.1 * point["x"]) + 0.2 * point["x"] * point["y"]

    rng = np.random.default_rng(0)
    x, y = rng.normal(1.0, 0.5, 400_000), rng.normal(2.0, 0.3, 400_000)
    values = np.exp(0.1 * x) + 0.2 * x * y
    found = kg.point_estimate(f, {"x": (1.0, 0.5), "y": (2.0, 0.3)})
    assert found.mean == pytest.approx(values.mean(), rel=1e-3)
    assert found.std == pytest.approx(values.std(), rel=2e-2)


def test_arrays_move_together_and_outputs_keep_their_form():
    spread = np.array([1.0, 2.0])
    found = kg.point_estimate(lambda p: {"sum": p["x"].sum(), "all": p["x"]}, {"x": (np.zeros(2), spread)})
    assert found.std["sum"] == pytest.approx(3.0)
    assert found.std["all"] == pytest.approx([1.0, 2.0])
    assert "sum: mean" in str(found)


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_a_pool_gives_the_same_in_order_and_tells_its_progress(pool):
    told: list[str] = []
    inputs = {"a": (1, 0.5, 0.9), "b": (-2, 2)}
    with pool(2) as executor:
        found = kg.point_estimate(linear, inputs, executor, lambda info: told.append(info["text"]))
    alone = kg.point_estimate(linear, inputs)
    assert [p.value for p in found.points] == [p.value for p in alone.points]
    assert told == [f"point estimate: {k} of 4" for k in (1, 2, 3, 4)]


def test_failed_points_are_told_and_leave_no_mean():
    with ThreadPoolExecutor(1) as executor:
        for found in (kg.point_estimate(breaks, {"a": (0, 1), "b": (0, 1)}, pool) for pool in (None, executor)):
            assert found.mean is None
            assert found.std is None
            assert [(p.input, p.value) for p in found.failed] == [("a", None), ("b", None)]
            assert [p.error for p in found.failed] == ["a is too large", "ZeroDivisionError: float division by zero"]
            assert "2 failed" in str(found)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, "no inputs"),
        ({"a": 1.0}, r"\(mean, std\)"),
        ({"a": (1.0,)}, r"\(mean, std\)"),
        ({"a": (1.0, -1.0)}, "std must be positive"),
        ({"a": (1.0, 0.0)}, "std must be positive"),
        ({"a": (1.0, math.nan)}, "finite"),
        ({"a": (math.inf, 1.0)}, "finite"),
        ({"a": ("x", 1.0)}, "numbers"),
        ({"a": ([1.0, 2.0], 1.0)}, "differ"),
        ({"a": (1.0, 1.0, math.inf)}, "skewness"),
        ({"a": ([1.0], [1.0], [0.5])}, "skewness"),
    ],
)
def test_inputs_that_are_none_are_refused(inputs, words):
    with pytest.raises(kg.ProblemError, match=words):
        kg.point_estimate(lambda p: 1.0, inputs)


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda p: np.zeros(1 + int(p["a"] > 0)), "shapes"),
        (lambda p: {"x": 1.0} if p["a"] > 0 else {"y": 1.0}, "other outputs"),
        (lambda p: {"x": 1.0} if p["a"] > 0 else 1.0, "other outputs"),
        (lambda p: "text", "no number"),
        ("no function", "callable"),
    ],
)
def test_outputs_that_do_not_fit_are_refused(f, words):
    with pytest.raises(kg.ProblemError, match=words):
        kg.point_estimate(f, {"a": (0, 1)})


def test_a_closed_executor_is_refused():
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(kg.ProblemError, match="takes no work"):
        kg.point_estimate(linear, {"a": (0, 1), "b": (0, 1)}, executor)
