"""Data that carry labels of their own, put into the order of the labels they are meant for.

A Series, DataFrame or DataArray says by its index which number belongs to which entry. Where the entries have labels,
too, they decide, and the order in which the data come says nothing. Data without labels are read by position, and so
are those whose index only counts (``0, 1, 2, ..``) where the entries' labels are not numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ProblemError
from .coords import Coords, plain_labels, printed

Axis = tuple[Any, tuple[Any, ...] | None]
"""The name of an axis of data, or None, and its labels, None where it has none."""


def by_labels(value: Any, coords: Coords | None, where: str) -> Any:
    """Return data in the order of labels, as an array; what carries no labels as it is.

    Parameters
    ----------
    value : Any
        Of pandas or xarray; anything else is returned as it is.
    coords : Coords or None
        The labels of the entries the data are for.
    where : str
        Whose data they are, for messages.

    Raises
    ------
    ProblemError
        The data have a label twice, no value for a label, or a value for none.
    """
    found = None if coords is None or not coords.dims else _axes(value, coords, where)
    if coords is None or found is None:
        return value
    axes, data = found
    order = _dims(axes, coords)
    if order is None:
        return value
    for axis, ((_, labels), dim) in enumerate(zip(axes, order, strict=True)):
        wanted = coords.labels[coords.dims.index(dim)]
        data = np.take(data, _places(labels, wanted, data.shape[axis], f"{where}: {dim!r}"), axis=axis)
    data = data.transpose(np.argsort([coords.dims.index(dim) for dim in order]))
    return np.expand_dims(data, tuple(k for k, dim in enumerate(coords.dims) if dim not in order))


def _axes(value: Any, coords: Coords, where: str) -> tuple[list[Axis], np.ndarray] | None:
    """Return the axes of labelled data and their numbers; None of data without labels."""
    if hasattr(value, "dims") and hasattr(value, "indexes") and hasattr(value, "values"):
        known = value.indexes
        return [(d, _labels(known[d], where) if d in known else None) for d in value.dims], np.asarray(value.values)
    index = getattr(value, "index", None)
    if index is None or callable(index) or not hasattr(index, "nlevels"):
        return None
    columns = getattr(value, "columns", None)
    if columns is None and index.nlevels == len(coords.dims) > 1:
        return _unstacked(value, index, where)
    indexes = [index] if columns is None else [index, columns]
    return [(one.name, _labels(one, where)) for one in indexes], np.asarray(value)


def _unstacked(value: Any, index: Any, where: str) -> tuple[list[Axis], np.ndarray]:
    """Return the axes and the numbers of a Series over several levels, NaN where it has no entry."""
    levels = [list(dict.fromkeys(_labels(index.get_level_values(k), where))) for k in range(index.nlevels)]
    at = [
        np.array([{label: place for place, label in enumerate(level)}[one] for one in index_labels], dtype=int)
        for level, index_labels in zip(levels, (_labels(index.get_level_values(k), where) for k in range(len(levels))),
                                       strict=True)
    ]  # fmt: skip
    shape = tuple(map(len, levels))
    flat = np.ravel_multi_index(at, shape)
    if len(np.unique(flat)) < len(flat):
        raise ProblemError(f"{where}: the data have two values for one label")
    data = np.full(int(np.prod(shape)), np.nan)
    data[flat] = np.asarray(value, dtype=float)
    return [(name, tuple(level)) for name, level in zip(index.names, levels, strict=True)], data.reshape(shape)


def _labels(index: Any, where: str) -> tuple[Any, ...]:
    return plain_labels(index, str(index.name), where)


def _dims(axes: Sequence[Axis], coords: Coords) -> list[str] | None:
    """Return which dimension every axis is: by names, else in order, else by labels; None where nothing says it."""
    names = [name for name, _ in axes]
    if set(names) <= set(coords.dims) and len(set(names)) == len(names):
        return names
    if len(names) == len(coords.dims):
        known = [name for name in names if name in coords.dims]
        if len(set(known)) < len(known):
            return list(coords.dims)
        rest = iter([dim for dim in coords.dims if dim not in known])
        return [name if name in known else next(rest) for name in names]
    every = list(zip(coords.dims, map(set, coords.labels), strict=True))
    alike = [[dim for dim, one in every if labels is not None and set(labels) == one] for _, labels in axes]
    return [dims[0] for dims in alike] if all(len(dims) == 1 for dims in alike) else None


def _places(labels: tuple[Any, ...] | None, wanted: tuple[Any, ...], size: int, where: str) -> np.ndarray:
    """Return the place in the data of every label that is wanted."""
    count = tuple(range(size))
    if labels is None or (labels == count and set(labels) != set(wanted)):
        if size not in (1, len(wanted)):
            raise ProblemError(f"{where}: the data have {size} values for {len(wanted)} labels")
        return np.arange(size)
    place = {label: k for k, label in enumerate(labels)}
    if len(place) < len(labels):
        twice = next(one for k, one in enumerate(labels) if one in labels[:k])
        raise ProblemError(f"{where}: the data have label {printed(twice)!r} twice")
    missing = [one for one in wanted if one not in place]
    if missing:
        raise ProblemError(f"{where}: the data have no value for label {printed(missing[0])!r}")
    more = set(place) - set(wanted)
    if more:
        raise ProblemError(f"{where}: the data have label {printed(min(more, key=str))!r}, which is none of its own")
    return np.array([place[one] for one in wanted], dtype=int)
