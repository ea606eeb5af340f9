"""Names found by what they are, and by patterns."""

from __future__ import annotations

import numpy as np

from kktgen.interop.names import mask, matching, new_name


def test_a_name_with_brackets_is_itself_before_it_is_a_pattern():
    assert matching("x[1]", ["x1", "x[1]"], "columns", "here") == ["x[1]"]
    assert matching("x[1]", ["x1", "x2"], "columns", "here") == ["x1"]
    assert matching("x*", ["x1", "y", "x2"], "columns", "here") == ["x1", "x2"]


def test_a_mask_of_names_covers_their_arrays_and_no_absent_entry():
    known = {"x": np.array([[0, -1], [3, 1]]), "y": np.array(2)}
    assert mask(["x"], known, 4, "columns", "here").tolist() == [True, True, False, True]
    assert mask("y", known, 4, "columns", "here").tolist() == [False, False, True, False]
    assert not mask([], known, 4, "columns", "here").any()


def test_a_name_that_is_taken_gets_a_number():
    assert [new_name(["x", "x_2"], name) for name in ("x", "y")] == ["x_3", "y"]
