"""Boxes of a small mixed-integer program."""

from __future__ import annotations

import numpy as np

from kktgen.decompose.leaf import TRAP, no_trap


def test_no_box_is_narrower_than_a_solver_can_see():
    lb, ub = np.array([0.0, 0.0, 5.0, 5.0, 0.0, -3.0]), np.array([0.0, 1e-9, 5.0 + 1e-7, 6.0, 1e-9, 4.0])
    kind = np.array(["C", "C", "C", "C", "I", "C"])
    low, high = no_trap(lb, ub, kind)
    assert (low <= lb).all() and (high >= ub).all()
    assert np.array_equal((low, high), np.where([False, True, True, False, False, False], (low, high), (lb, ub)))
    assert (high - low)[[1, 2]].min() >= TRAP
