"""Lists of values as they are typed."""

from __future__ import annotations

import pytest

import kktgen as kg
from kktgen.benchmarks.ranges import values, whole


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("3,6,10", ["3", "6", "10"]),
        ("1..4", ["1", "2", "3", "4"]),
        ("0..1..0.25", ["0", "0.25", "0.5", "0.75", "1"]),
        ("-1..1", ["-1", "0", "1"]),
        ("a, b,a", ["a", "b"]),
        ("[1, 2],[3]", ["[1, 2]", "[3]"]),
        ("1..2,7", ["1", "2", "7"]),
        ("0.1..0.3..0.1", ["0.1", "0.2", "0.3"]),
    ],
)
def test_values(text, found):
    assert values(text, "--set x") == found


@pytest.mark.parametrize("text", ["", ",", "3..1", "1..2..0", "1..1e9"])
def test_what_is_no_list_is_refused(text):
    with pytest.raises(kg.ProblemError, match="--set x"):
        values(text, "--set x")


def test_whole_numbers():
    assert whole("0..2", "--seeds") == [0, 1, 2]
    for text in ("-1", "1.5", "a"):
        with pytest.raises(kg.ProblemError, match="--seeds: whole numbers"):
            whole(text, "--seeds")


@pytest.mark.parametrize("text", ["2147483648", "9" * 5000, "1..1e999999999", f"0..{'9' * 5000}"])
def test_numbers_that_no_solver_takes_are_refused_shortly_and_at_once(text):
    with pytest.raises(kg.ProblemError, match="--seeds: ") as caught:
        whole(text, "--seeds")
    assert len(str(caught.value)) < 200
    assert whole("2147483647,1,01", "--seeds") == [2147483647, 1]


def test_a_range_of_too_many_values_is_told_apart_from_one_that_falls():
    with pytest.raises(kg.ProblemError, match="1..1000000 has more than 100000 values; take larger steps"):
        values("1..1000000", "--set x")
    with pytest.raises(kg.ProblemError, match="3..1 is no rising range"):
        values("3..1", "--set x")
