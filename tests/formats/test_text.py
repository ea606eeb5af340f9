"""Numbers and lines in bulk."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import kktgen as kg
from kktgen.formats.writing import text

FINITE = hnp.arrays(np.float64, st.integers(0, 30), elements=st.floats(allow_nan=False, allow_infinity=False))


@settings(max_examples=200, deadline=None)
@given(FINITE)
def test_numbers_read_back_bit_for_bit(values: np.ndarray) -> None:
    spelled = text.number_text(values)
    back = np.array([float(word) for word in spelled])
    assert (back.view(np.int64) == (values + 0.0).view(np.int64)).all()
    assert b"-0.0" not in spelled.tolist()


def test_spelling_is_frozen() -> None:
    values = [
        0.0,
        -0.0,
        1.0,
        0.1,
        -2.5,
        1e-7,
        1e16,
        123456789.12345679,
        1 / 3,
        1e15,
        1e-5,
        5e-324,
        -2.2250738585072014e-308,
    ]
    assert b" ".join(text.number_text(np.array(values))) == (
        b"0.0 0.0 1.0 0.1 -2.5 1e-7 1e16 123456789.12345679 0.3333333333333333 1000000000000000.0 0.00001 5e-324 "
        b"-2.2250738585072014e-308"
    )
    assert text.number_text(np.array([3, 0, -12])).tolist() == [b"3", b"0", b"-12"]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_no_number_no_text(bad: float) -> None:
    with pytest.raises(kg.ProblemError, match="NaN or inf"):
        text.number_text(np.array([1.0, bad]))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("abcXYZ09_.(),", max_size=20), max_size=40))
def test_split_undoes_joining(words: list[str]) -> None:
    joined = "".join(word + "\n" for word in words).encode()
    assert text.split(joined, b"\n").tolist() == [word.encode() for word in words]


def test_chunks_do_not_show() -> None:
    count = text.CHUNK + 5
    file = io.BytesIO()
    table = np.array([b"a", b"longer", b""])
    at, values = np.arange(count) % 3, np.arange(count) / 8
    text.emit(file, count, b"<", text.Pick(table, at), b"> ", text.Number(values, at != 1), b"\n")
    lines = file.getvalue().decode().splitlines()
    words = ["a", "longer", ""]
    assert lines == [f"<{words[k % 3]}> {'' if k % 3 == 1 else repr(k / 8)}" for k in range(count)]


def test_weave_orders_by_group_then_part() -> None:
    head = text.Part(np.array([0, 1, 2]), 0, None, np.array([7, 8, 9]))
    body = text.Part(np.array([0, 0, 2]), np.array([1, 2, 1]), np.array([0.5, -1.0, 3.0]))
    foot = text.Part(np.array([1]), 3)
    lines = text.weave([head, body, foot], 3)
    assert lines.code.tolist() == [0, 1, 2, 0, 3, 0, 1]
    assert lines.first.tolist() == [7, -1, -1, 8, -1, 9, -1]
    assert lines.value.tolist() == [0.0, 0.5, -1.0, 0.0, 0.0, 0.0, 3.0]
    assert lines.shown.tolist() == [False, True, True, False, False, False, True]
