"""Levels over common columns: who owns what, multipliers of sides and bounds, what is refused before it is declared."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

import kktgen as kg
from kktgen.problem.from_levels import PRICE, Columns, Level, Priced, declare_levels


def levels(owner=(-1, 0, PRICE), kind="CCC", leader="min", follower="min", sides=(1.0, 3.0), cost=(0.0, 1.0, 0.0)):
    """Return a follower ``min y, lo <= y - x <= hi`` of a leader ``min x + p``, as columns and levels."""
    names = {"x": np.array(0), "y": np.array(1), "p": np.array(2)}
    columns = Columns(names, np.array(owner), np.zeros(3), np.array([2.0, 9.0, np.inf]), np.array(list(kind)))
    none = sp.csr_array((3, 3))
    empty = Level(none, np.array([1.0, 0.0, 1.0]), 0.0, sp.csr_array((0, 3)), np.empty(0), np.empty(0), {}, leader)
    row = Level(
        none, np.array(cost), 0.0, sp.csr_array([[-1.0, 1.0, 0.0]]), np.array(sides[:1]), np.array(sides[1:]),
        {"row": np.array([0])}, follower,
    )  # fmt: skip
    return columns, empty, {"f": row}


@pytest.mark.parametrize(
    ("side", "follower", "value"),
    [(None, "min", 1.0), ("lower", "min", 1.0), ("upper", "min", 0.0), (None, "max", -1.0), ("upper", "max", 1.0)],
)
def test_a_price_is_of_a_row_or_of_one_of_its_sides(side, follower, value):
    m = kg.Bilevel("levels")
    declared = declare_levels(m, *levels(follower=follower), [Priced(2, 0, 0, side)])
    solution = kg.optimize(m).solution
    assert solution.objective == pytest.approx(value)  # at x = 0
    assert solution[declared.z] == pytest.approx([0, 1 if follower == "min" else 3, value, 0])
    assert solution[declared.dual(0, np.array([0, -1]))] == pytest.approx([1 if follower == "min" else -1, 0])


def test_a_price_may_be_of_a_bound():
    m = kg.Bilevel("levels")
    declare_levels(m, *levels(follower="max", sides=(1.0, np.inf)), [Priced(2, 0, 1, "upper", of_bound=True)])
    assert kg.optimize(m).solution.objective == pytest.approx(1)


def test_a_leader_without_an_objective_has_none_to_set():
    m = kg.Bilevel("levels")
    declare_levels(m, *levels(leader=None), [Priced(2, 0, 0)])
    assert not m.objective.linear.nnz


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"follower": None}, "follower 'f': no objective"),
        ({"cost": (0.0, 1.0, 2.0)}, "follower 'f': holds the multiplier p; only the leader may use it"),
    ],
)
def test_what_cannot_be_a_follower_is_refused_before_it_is_declared(change, words):
    m = kg.Bilevel("levels")
    with pytest.raises(kg.ProblemError, match=words):
        declare_levels(m, *levels(**change), [Priced(2, 0, 0)])
    assert not len(m.space) and not m.followers
