"""Series, frames and labelled arrays beside expressions: taken by position, or refused in words."""

from __future__ import annotations

import operator
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import kktgen as kg

pd = pytest.importorskip("pandas", reason="pandas is not installed")

w = np.array([0.5, -1.0, 2.0])
A = np.array([[1.0, 2.0, 0.0], [-1.0, 0.5, 3.0]])
ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul}
COMPARISONS = {"<=": operator.le, ">=": operator.ge, "==": operator.eq}


def labelled() -> dict[str, tuple[Any, np.ndarray]]:
    """Return numbers of other libraries, with the array that each is by position."""
    out = {
        "Series": (pd.Series(w, index=["c", "a", "b"]), w),
        "Series of Int64": (pd.Series([1, 2, 3], dtype="Int64"), np.array([1.0, 2, 3])),
        "Index": (pd.Index([1.0, 2.0, 3.0]), np.array([1.0, 2, 3])),
        "DataFrame": (pd.DataFrame(A, index=["u", "v"], columns=list("cab")), A),
    }
    return out


@pytest.fixture
def case():
    m = kg.Bilevel("t")
    return m, m.var("x"), m.var("y", 3), m.var("X", (2, 3))


def points(m: kg.Bilevel) -> list[np.ndarray]:
    return [np.random.default_rng(seed).normal(size=len(m.space)) for seed in range(5)]


@pytest.mark.parametrize("name", labelled())
@pytest.mark.parametrize("sign", ARITHMETIC)
def test_arithmetic_is_by_position_on_either_side(case, name, sign):
    m, x, y, X = case
    other, array = labelled()[name]
    do = ARITHMETIC[sign]
    for expr in (x, y, X):
        for z in points(m):
            for found, wanted in (
                (do(other, expr), do(array, expr.value(z))),
                (do(expr, other), do(expr.value(z), array)),
            ):
                assert isinstance(found, kg.Affine)
                np.testing.assert_allclose(found.value(z), wanted, rtol=1e-12)


@pytest.mark.parametrize("name", labelled())
@pytest.mark.parametrize("sign", COMPARISONS)
def test_comparisons_are_rows_on_either_side(case, name, sign):
    m, x, y, X = case
    other, array = labelled()[name]
    do = COMPARISONS[sign]
    for expr in (x, y, X):
        for z in [*points(m), np.zeros(len(m.space))]:
            for rows, wanted in (
                (do(other, expr), do(array, expr.value(z))),
                (do(expr, other), do(expr.value(z), array)),
            ):
                assert isinstance(rows, kg.Rows)
                np.testing.assert_array_equal(rows.residual(z) == 0, np.ravel(wanted))


def test_division_and_numpy_functions(case):
    m, x, y, X = case
    series = pd.Series(w)
    for z in points(m):
        np.testing.assert_allclose((y / series).value(z), y.value(z) / w)
        np.testing.assert_allclose(np.add(series, y).value(z), y.value(z) + w)
        np.testing.assert_allclose(np.multiply(series, y).value(z), y.value(z) * w)
        np.testing.assert_allclose(np.dot(series, y).value(z), y.value(z) @ w)
        np.testing.assert_allclose(np.average(y, weights=series.abs()).value(z), np.average(y.value(z), weights=abs(w)))
        np.testing.assert_allclose(np.concatenate([series, y]).value(z), [*w, *y.value(z)])
        np.testing.assert_allclose(np.where(series > 0, y, 0.0).value(z), np.where(w > 0, y.value(z), 0))
        np.testing.assert_allclose(y[series > 0].value(z), y.value(z)[w > 0])
    with pytest.raises(kg.ProblemError, match="division by a variable"):
        series / y


def test_products_of_series_and_frames(case):
    m, x, y, X = case
    series, frame = pd.Series(w, index=list("abc")), pd.DataFrame(A, index=["u", "v"])
    for z in points(m):
        value = y.value(z)
        for found in (series @ y, y @ series, series.dot(y)):
            assert isinstance(found, kg.Affine)
            assert found.value(z) == pytest.approx(w @ value)
        np.testing.assert_allclose((y @ frame.T).value(z), value @ A.T)
        np.testing.assert_allclose((frame.to_numpy() @ y).value(z), A @ value)
        each = frame @ y  # pandas multiplies the entries one by one and labels the sums
        assert list(each.index) == ["u", "v"]
        np.testing.assert_allclose([each[k].value(z) for k in ("u", "v")], A @ value)
        np.testing.assert_allclose(kg.stack(each).value(z), A @ value)


REFUSED = {
    "frame @ vector compared": (lambda x, y, X: pd.DataFrame(A) @ y <= 3, "kg.stack"),
    "Series of expressions compared": (lambda x, y, X: pd.Series([x, y[0]]) <= pd.Series([1, 2]), "kg.stack"),
    "Series of expressions beside one": (lambda x, y, X: y + pd.Series([x, x, x]), "kg.stack"),
    "Series @ scalar": (lambda x, y, X: pd.Series(w) @ x, "by *, not by @"),
    "frame @ scalar": (lambda x, y, X: pd.DataFrame(A) @ x, "by *, not by @"),
    "Series of text": (lambda x, y, X: pd.Series(["1", "2", "3"]) * y, "cannot use a Series"),
    "Series of dates": (lambda x, y, X: pd.Series(pd.date_range("2020", periods=3)) + y, "cannot use a Series"),
    "Series with a gap": (lambda x, y, X: pd.Series([1, None, 3]) * y, "NaN"),
    "Series of another length": (lambda x, y, X: pd.Series([1.0, 2.0]) <= y, "do not fit"),
    "Series that decide": (lambda x, y, X: np.where(pd.Series([y[0] <= 1]), x, 0), "cannot use a Series"),
    "strict": (lambda x, y, X: pd.Series(w) < y, "use <= or >="),
    "unequal": (lambda x, y, X: pd.Series(w) != y, "not a convex constraint"),
    "power": (lambda x, y, X: pd.Series(w) ** x, "neither linear nor quadratic"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_in_words(case, name):
    m, x, y, X = case
    call, words = REFUSED[name]
    with pytest.raises(kg.ProblemError) as caught:
        call(x, y, X)
    assert words in str(caught.value)


def test_gaps_of_nullable_series_are_refused(case):
    m, x, y, X = case
    with pytest.raises(kg.ProblemError, match="NaN|cannot use a Series"):  # pandas hands out NaN or its own NA
        m.add(y <= pd.Series([1, None, 3], dtype="Int64"))


def test_bounds_and_sides_from_series():
    m = kg.Bilevel("t")
    y = m.var("y", 3, lb=pd.Series([0, 1, 2]), ub=pd.Series([4.0, 5.0, 6.0], index=list("abc")))
    np.testing.assert_array_equal(m.space.ub[y.cols], [4, 5, 6])
    rows = m.add(kg.between(pd.Series([0, 0, 0]), y, pd.Series([3, 3, 3])), name="band")
    np.testing.assert_array_equal(rows.hi, [3, 3, 3])


def test_rows_in_series_and_frames_are_added():
    m = kg.Bilevel("t")
    y = m.var("y", 4)
    rows = pd.Series({f"r{k}": y[k] <= k for k in range(4)})
    added = m.add(rows, name="cap")
    assert [row.name for row in added] == ["cap1", "cap2", "cap3", "cap4"]
    assert [row.hi[0] for row in m.rows] == [0, 1, 2, 3]
    m.add(pd.DataFrame({"a": [y[0] >= 0, y[1] >= 1], "b": [y[2] >= 2, y[3] >= 3]}))
    assert [row.lo[0] for row in m.rows[4:]] == [0, 2, 1, 3]  # row by row


def test_expressions_kept_in_series_and_frames():
    m = kg.Bilevel("t")
    u, v = m.var("u", 24), m.var("v", 24)
    kept = pd.Series({"u": u, "v": v})
    assert kept["u"] is u
    assert pd.DataFrame({"x": [u[0], v[0]]})["x"].sum().M.nnz == 2


def test_labelled_arrays_of_xarray(case):
    xr = pytest.importorskip("xarray", reason="xarray is not installed")
    m, x, y, X = case
    array, matrix = xr.DataArray(w, dims="t"), xr.DataArray(A, dims=("s", "t"))
    for z in points(m):
        for do in ARITHMETIC.values():
            np.testing.assert_allclose(do(y, array).value(z), do(y.value(z), w))
            np.testing.assert_allclose(do(X, matrix).value(z), do(X.value(z), A))
        for do in COMPARISONS.values():
            np.testing.assert_array_equal(do(X, matrix).residual(z) == 0, np.ravel(do(X.value(z), A)))
        np.testing.assert_allclose((y @ array).value(z), y.value(z) @ w)
        np.testing.assert_allclose(np.dot(array, y).value(z), y.value(z) @ w)
        np.testing.assert_allclose((array.values * y).value(z), y.value(z) * w)
    for do in (*ARITHMETIC.values(), *COMPARISONS.values(), operator.truediv, operator.pow):
        for left in (array, matrix, xr.DataArray(2.0)):
            for expr in (x, y, X, x * x):
                with pytest.raises(kg.ProblemError, match="put the expression first"):
                    do(left, expr)
    with pytest.raises(TypeError, match="DataArray"):  # xarray asks nobody before it says so
        array @ y


def test_neither_library_is_imported_by_kktgen():
    code = "import kktgen, sys; m = kktgen.Bilevel(); x = m.var('x', 3); m.add([x <= 1]); 2 * x + x.mean(); " \
           "print(*({'pandas', 'xarray'} & {*sys.modules}))"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split("\n")[-2:] == ["", ""]
