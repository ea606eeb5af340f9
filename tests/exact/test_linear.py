"""Linear systems in rational numbers."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from kktgen.deadline import Deadline, OutOfTime
from kktgen.exact.linear import Elimination, solve


@pytest.mark.parametrize("seed", range(5))
def test_random_systems_are_solved_exactly(seed):
    rng = random.Random(seed)
    n = rng.randint(2, 25)
    rows = [{c: Fraction(rng.uniform(-1, 1)) for c in range(n) if c == r or rng.random() < 0.4} for r in range(n)]
    sides = [Fraction(rng.uniform(-1, 1)) for _ in rows]
    factors = Elimination(rows, [0] * n, dict.fromkeys(range(n), 1)).factors
    x = solve(rows, sides, factors)
    assert all(sum(v * x[c] for c, v in row.items()) == side for row, side in zip(rows, sides, strict=True))


def test_rows_that_depend_on_others_but_for_rounding_are_left_out():
    rows = [
        {0: Fraction(0.1), 1: Fraction(1)},
        {0: Fraction(0.2), 1: Fraction(2)},
        {0: Fraction(0.1 + 0.2), 1: Fraction(3)},
    ]
    assert rows[2][0] != rows[0][0] + rows[1][0]
    assert len(Elimination(rows, [0, 0, 0], {0: 1, 1: 1}).factors.pivots) == 1


def test_rows_of_a_lower_rank_and_columns_of_a_lower_class_come_first():
    rows = [{0: Fraction(1), 1: Fraction(1)}, {0: Fraction(2), 1: Fraction(2)}]
    factors = Elimination(rows, [1, 0], {0: 2, 1: 1}).factors
    assert [(r, c) for r, c, _ in factors.pivots] == [(1, 1)]


def test_a_time_limit_holds():
    rows = [{0: Fraction(1)}]
    with pytest.raises(OutOfTime):
        Elimination(rows, [0], {0: 1}, Deadline(0.0))
