"""Numbers in expressions: what is one, read from Python, NumPy, SciPy, pandas and xarray alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp

from ...errors import ProblemError
from .base import Expression


def floats(value: Any) -> np.ndarray:
    """Return numbers as a float array.

    Series, frames and arrays of xarray are taken by position, whatever their labels say.

    Raises
    ------
    TypeError, ValueError
        Text, dates, complex numbers, masked entries, expressions, lists of several lengths.
    """
    if sp.issparse(value):
        value = value.toarray()
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise TypeError("masked entries have no value")
    out = np.asarray(value)
    if out.dtype.kind in "biuf":
        return out.astype(float, copy=False)
    if out.dtype.kind != "O" or any(isinstance(entry, str | bytes) for entry in out.flat):
        raise TypeError(f"no numbers, but {out.dtype}")
    return out.astype(float)


def numbers(value: Any) -> np.ndarray:
    """Return a constant operand as a float array, or refuse it by name."""
    try:
        out = floats(value)
    except (TypeError, ValueError):
        raise ProblemError(_complaint(value)) from None
    if np.isnan(out).any():
        raise ProblemError("NaN in the data of an expression; check the input arrays")
    return out


def _complaint(value: Any) -> str:
    """Say what is wrong with an operand that is no array of numbers."""
    kind = type(value).__name__
    if isinstance(value, Expression):
        return f"numbers are needed here, got an expression ({kind})"
    if isinstance(value, np.ndarray | Iterable) and any(isinstance(part, Expression) for part in _parts(value)):
        return f"several expressions in a {kind} are made one by kg.stack([..])"
    if isinstance(value, np.ma.MaskedArray):
        return "a masked array has entries without a value; give numbers, a.filled(0) for one"
    return f"cannot use a {kind} in an expression; give numbers or kktgen expressions"


def _parts(value: Any) -> list[Any]:
    """Return the entries of an operand that may hold expressions."""
    try:
        return list(np.asarray(value, dtype=object).ravel())
    except (TypeError, ValueError):
        return list(value)


def common_shape(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that all of them broadcast to."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ProblemError(f"shapes {' and '.join(map(str, shapes))} do not fit together") from None
