"""Two sets of runs: what differs beyond the noise of seeds."""

from __future__ import annotations

import math

import pytest
from runs import record, unsolved

from kktgen.benchmarks.compare import compared


def of(times, **fields):
    return [record(seed=k, time=t, **fields) for k, t in enumerate(times)]


def test_one_seed_has_no_noise_and_large_differences_count():
    changes, paces = compared(of([2.0]), of([9.0]))
    assert [(one.kind, one.before, one.after) for one in changes] == [("slower", "2.00 s", "9.00 s")]
    assert paces[0].noise is None and not paces[0].beyond
    assert paces[0].ratio == pytest.approx(10 / 3)
    assert compared(of([2.0]), of([3.9]))[0] == []
    assert compared(of([0.1]), of([1.0]))[0] == []


def test_what_lies_within_the_noise_of_seeds_is_no_difference():
    changes, paces = compared(of([1.0, 3.0, 8.0]), of([2.0, 4.0, 7.0]))
    assert changes == [] and not paces[0].beyond


def test_what_lies_beyond_it_is_one():
    changes, paces = compared(of([3.0, 3.1, 3.2]), of([2.0, 2.1, 2.0]))
    assert [one.kind for one in changes] == ["faster"]
    assert paces[0].beyond and paces[0].ratio < 1


def test_the_noise_is_the_pooled_variance():
    before, after = of([1.0, 3.0]), of([3.0, 7.0])
    _, paces = compared(before, after)
    half = (math.log(4) - math.log(2)) / 2
    variance = (2 * half**2 + 2 * half**2) / 2  # both sides lie by half around their mean; one degree of freedom each
    assert paces[0].noise == pytest.approx(math.exp(2 * math.sqrt(variance * (1 / 2 + 1 / 2))))
    assert paces[0].ratio == pytest.approx(2.0)


def test_solved_and_value_come_before_times():
    before = [record("a/1"), unsolved("a/2"), record("a/3"), record("a/4", known={})]
    after = [unsolved("a/1"), record("a/2"), record("a/3", time=9.0), record("a/4", value=11.0, bound=11.0, known={})]
    changes, _ = compared(before, after)
    assert [(one.kind, one.instance) for one in changes] == [
        ("no longer solved", "a/1"), ("value changed", "a/4"), ("now solved", "a/2"), ("slower", "a/3"),
    ]  # fmt: skip


def test_only_what_both_have_is_compared():
    assert compared([record("a/1")], [record("a/2")]) == ([], [])
    assert compared([record("a/1")], [record("a/1", way="sos1 scip")]) == ([], [])
