"""The values of a point with the labels of its variables: for printing, and as objects of pandas and xarray."""

from __future__ import annotations

from datetime import datetime
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import ProblemError, UnsupportedError
from ..problem.columns import Block, Space
from ..problem.coords import Coords
from ..problem.expression_labels import coords_of_expression
from ..problem.expressions import Affine

SHOWN = 12
"""Variables that are printed."""
ENTRIES = 6
"""Entries of a variable that are printed one by one."""


def shown_coords(expr: Affine) -> Coords:
    """Return the labels of an expression's entries, numbers where it has none."""
    return coords_of_expression(expr) or _counted(expr.shape)


def _counted(shape: tuple[int, ...]) -> Coords:
    return Coords(tuple(f"dim_{k}" for k in range(len(shape))), tuple(tuple(range(size)) for size in shape))


def name_of(expr: Affine) -> str | None:
    """Return the name of a variable, None of another expression."""
    return None if expr.declared is None else expr.declared.name


def frame(expr: Affine, values: np.ndarray) -> Any:
    """Return values (k,) as a Series of an expression of one dimension, a DataFrame of two, a Series of more.

    Raises
    ------
    UnsupportedError
        pandas is not installed.
    """
    pandas, coords = _module("pandas"), shown_coords(expr)
    if not coords.dims:
        return pandas.Series(values.ravel(), name=name_of(expr))
    axes = [_index(pandas, dim, labels) for dim, labels in zip(coords.dims, coords.labels, strict=True)]
    if len(axes) == 1:
        return pandas.Series(values.ravel(), index=axes[0], name=name_of(expr))
    if len(axes) == 2:
        return pandas.DataFrame(values.reshape(coords.shape), index=axes[0], columns=axes[1])
    return pandas.Series(values.ravel(), index=pandas.MultiIndex.from_product(axes), name=name_of(expr))


def array(expr: Affine, values: np.ndarray, name: str | None = None) -> Any:
    """Return values (k,) as a DataArray of xarray, with the unit of a variable as an attribute.

    Raises
    ------
    UnsupportedError
        xarray is not installed.
    """
    xarray, coords = _module("xarray"), shown_coords(expr)
    unit = unit_of(expr)
    axes = {dim: _times(labels) for dim, labels in zip(coords.dims, coords.labels, strict=True)}
    return xarray.DataArray(
        values.reshape(coords.shape), coords=axes, dims=list(coords.dims), name=name or name_of(expr),
        attrs={"units": unit} if unit else {},
    )  # fmt: skip


def dataset(space: Space, z: np.ndarray) -> Any:
    """Return all variables of the leader and the followers as a Dataset; dimensions that differ have different names.

    Raises
    ------
    UnsupportedError
        xarray is not installed.
    """
    xarray, out = _module("xarray"), {}
    known: dict[str, tuple[Any, ...]] = {}
    for block in variables(space):
        coords = block.coords or _counted(block.shape)
        dims = []
        for dim, labels in zip(coords.dims, coords.labels, strict=True):
            name = dim if block.coords and known.setdefault(dim, labels) == labels else f"{called(block)}_{dim}"
            known.setdefault(name, labels)
            dims.append(name)
        data = z[block.start : block.stop].reshape(block.shape)
        attrs = {"units": block.unit} if block.unit else {}
        out[called(block)] = xarray.Variable(dims, data, attrs)
    used = {dim for one in out.values() for dim in one.dims}
    return xarray.Dataset(out, coords={dim: _times(labels) for dim, labels in known.items() if dim in used})


def variables(space: Space) -> list[Block]:
    """Return the declarations of the leader's and the followers' variables; conditions have none of their own."""
    own = [block for block in space.blocks if block.role in ("leader", "follower") and block.index is None]
    return [block for block in own if block.follower not in space.conditions]


def unit_of(expr: Affine) -> str:
    """Return the unit of a variable, empty of other expressions."""
    if expr.declared is None or not expr.size:
        return ""
    first = int(expr.M.indices[0])
    return next((b.unit for b in expr.space.blocks if b.start <= first < b.stop), "")


def told(space: Space, z: np.ndarray) -> list[str]:
    """Return the values of the variables in words, one line each."""
    rows, more = value_rows(space, z)
    if not rows:
        return []
    wide, unit = (max(len(row[k]) for row in rows) for k in (0, 1))
    out = [f"  {a:<{wide}}  {b:<{unit}}  {c}" if unit else f"  {a:<{wide}}  {c}" for a, b, c in rows]
    return out + ([f"  and {more} more variables"] if more else [])


def value_rows(space: Space, z: np.ndarray) -> tuple[list[tuple[str, str, str]], int]:
    """Return name, unit and values of the first variables, and how many more there are."""
    own = variables(space)
    rows = [(called(b), b.unit, _values(z[b.start : b.stop], b)) for b in own[:SHOWN]]
    return rows, max(0, len(own) - SHOWN)


def called(block: Block) -> str:
    """Return the name of a variable, with its follower."""
    return f"{block.word}({block.follower})" if block.follower else block.word


def _values(values: np.ndarray, block: Block) -> str:
    shown = [f"{value:.6g}" for value in values[:ENTRIES] + 0.0]
    if not block.shape:
        return shown[0]
    if len(values) <= ENTRIES and len(block.shape) == 1:
        texts = block.coords.texts[0] if block.coords else []
        return ", ".join(f"{a} {b}" for a, b in zip(texts, shown, strict=True)) if texts else f"[{' '.join(shown)}]"
    size = " x ".join(map(str, block.shape))
    return f"{size} values from {values.min():.6g} to {values.max():.6g}, sum {values.sum():.6g}"


def _index(pandas: ModuleType, dim: str, labels: tuple[Any, ...]) -> Any:
    if labels and all(isinstance(one, tuple) for one in labels):
        return pandas.Index(list(labels), name=dim, tupleize_cols=False)
    if len({one.utcoffset() for one in labels if isinstance(one, datetime)}) > 1:  # clocks change: instants remain
        return pandas.DatetimeIndex(pandas.to_datetime(list(labels), utc=True), name=dim)
    return pandas.Index(_times(labels), name=dim)


def _times(labels: tuple[Any, ...]) -> Any:
    """Return labels as NumPy's times where they all are, else as a list."""
    times = bool(labels) and all(isinstance(one, np.datetime64) for one in labels)
    return np.array(labels, dtype="datetime64[ns]") if times else list(labels)


def _module(name: str) -> ModuleType:
    """Return a library that labels need, or say how it is installed."""
    try:
        return __import__(name)
    except ImportError as error:
        raise UnsupportedError(f"{name} is not installed; python -m pip install 'kktgen[labels]'") from error


def checked_expression(expr: Any, word: str) -> Affine:
    """Return a linear expression, or refuse what has no labels."""
    if not isinstance(expr, Affine):
        raise ProblemError(f"{word}(..) takes a variable or a linear expression, got {type(expr).__name__}")
    return expr
