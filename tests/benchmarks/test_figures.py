"""The figures of runs against those computed by hand."""

from __future__ import annotations

import math

import pytest
from runs import record, unsolved

from kktgen.benchmarks import figures


def four():
    """Two ways on two instances: fast one 1 s and 4 s, slow one 2 s and not solved."""
    return [
        record("a/1", "auto scip", time=1.0), record("a/2", "auto scip", time=4.0),
        record("a/1", "sos1 scip", time=2.0), unsolved("a/2", "sos1 scip"),
    ]  # fmt: skip


def test_the_shifted_mean_is_that_of_the_formula():
    assert figures.shifted_mean([1.0, 4.0]) == pytest.approx(math.sqrt(2 * 5) - 1)
    assert figures.shifted_mean([3.0]) == pytest.approx(3.0)
    assert figures.shifted_mean([0.0, 0.0]) == 0
    assert math.isnan(figures.shifted_mean([]))


def test_ways_are_counted_and_unsolved_runs_take_their_limit():
    fast, slow = figures.figures(four())
    assert (fast.way, fast.runs, fast.solved, slow.solved) == ("auto scip", 2, 2, 1)
    assert fast.seconds == pytest.approx(math.sqrt(10) - 1)
    assert slow.seconds == pytest.approx(math.sqrt(3 * 11) - 1)
    assert math.isnan(fast.gap) and slow.gap == pytest.approx(3 / 12)
    assert slow.verdicts == {"right": 1, "better": 0, "open": 1, "wrong": 0, "failed": 0}


def test_a_wrong_answer_is_not_solved():
    wrong = record(value=11.0, bound=11.0, time=0.5)
    assert figures.taken(wrong) == 10.0
    assert figures.figures([wrong])[0].solved == 0
    assert math.isnan(figures.figures([wrong])[0].gap)


@pytest.mark.parametrize(
    ("fields", "gap"),
    [({}, 0.25), ({"bound": None}, 1.0), ({"value": 0.0, "bound": 0.0}, 0.0), ({"bound": -100.0}, 1.0),
     ({"ok": False}, 1.0)],
)  # fmt: skip
def test_gaps_of_what_is_left(fields, gap):
    assert figures.left_gap(unsolved(known={}, **fields)) == pytest.approx(gap)


def test_the_primal_integral_is_the_area_under_the_distance():
    track = [[2.0, 20.0, None], [5.0, 12.5, None], [7.0, 12.5, 9.0]]
    one = record(track=track, time=8.0)
    by_hand = (2 * 1.0 + 3 * 10 / 20 + 3 * 2.5 / 12.5 + 2 * 0.0) / 10
    assert figures.primal_integral(one, 10.0) == pytest.approx(by_hand)
    assert figures.primal_integral(one, None) is None
    assert figures.primal_integral(unsolved(track=[], ok=False, value=None), 10.0) == 1.0
    assert figures.primal_integral(record(track=[[5.0, -10.0, None]], time=10.0), 10.0) == pytest.approx(1.0)
    assert figures.primal_integral(record(track=[], value=0.0, time=4.0), 0.0) == pytest.approx(0.4)


def test_the_best_value_is_the_known_one_or_a_better_verified_one():
    found = figures.best_values(
        [unsolved("a/1"), unsolved("a/2", known={"best": 12.5}), record("a/3", known={}, ok=False)]
    )
    assert found == {"a/1": 10.0, "a/2": 12.0, "a/3": None}
    most = [record("a/1", sense="max", value=11.0, known={"best": 10.0})]
    assert figures.best_values(most) == {"a/1": 11.0}


def test_the_profile_is_that_of_dolan_and_more():
    rising = figures.profile(four())
    assert rising == {"auto scip": [1.0, 1.0], "sos1 scip": [2.0]}
    shares = [figures.share_within(rising["sos1 scip"], factor, 2) for factor in (1.0, 1.99, 2.0, 100.0)]
    assert shares == [0.0, 0.0, 0.5, 0.5]
    assert figures.solve_times(four()) == {"auto scip": [1.0, 4.0], "sos1 scip": [2.0]}


def test_times_below_a_tenth_of_a_second_are_the_same():
    quick = [record("a/1", "auto scip", time=0.01), record("a/1", "sos1 scip", time=0.09)]
    assert figures.profile(quick) == {"auto scip": [1.0], "sos1 scip": [1.0]}


def test_ways_are_compared_where_all_have_a_run():
    some = [*four(), record("a/3", "auto scip"), record("a/1", "auto scip", seed=1)]
    assert figures.shared(some) == four()
    assert figures.case_count(some) == 4
