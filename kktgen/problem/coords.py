"""Labels of the entries of variables and rows: one list a dimension, such as hours and buses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import ProblemError


@dataclass(frozen=True)
class Coords:
    """The labels of an array: names of its dimensions, and for each the labels of its entries.

    Parameters
    ----------
    dims : tuple of str
    labels : tuple of tuple
        Texts, numbers, ``numpy.datetime64``, or tuples of these; none twice in a dimension.
    bare : bool
        The labels, of one dimension, are names by themselves, such as those of a file's columns.
    """

    dims: tuple[str, ...]
    labels: tuple[tuple[Any, ...], ...]
    bare: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of labels of each dimension."""
        return tuple(map(len, self.labels))

    @cached_property
    def texts(self) -> tuple[list[str], ...]:
        """The labels as they are printed, of each dimension."""
        return tuple(map(_texts, self.labels))

    @cached_property
    def indices(self) -> list[dict[str, int]]:
        """The place of every printed label, of each dimension."""
        return [{text: k for k, text in enumerate(part)} for part in self.texts]

    def text(self, place: int) -> list[str]:
        """Return the labels of the entry at a flat place (C order), as they are printed."""
        at = np.unravel_index(place, self.shape) if self.dims else ()
        return [texts[int(k)] for texts, k in zip(self.texts, at, strict=True)]

    def entry(self, dim: str, wanted: Any) -> Any:
        """Return the place of a label of a dimension, or a list of places.

        Raises
        ------
        ProblemError
            No such label.
        """
        axis = self.dims.index(dim)
        if isinstance(wanted, list | np.ndarray):
            return [self.entry(dim, one) for one in wanted]
        place = {label: k for k, label in enumerate(self.labels[axis])}
        for key in (wanted, _label(wanted, dim, "sel")) if not isinstance(wanted, str) else (wanted,):
            if key in place:
                return place[key]
        texts = self.texts[axis]
        if str(wanted) in texts:
            return texts.index(str(wanted))
        raise ProblemError(f"sel({dim}={wanted!r}): no such label; there are {', '.join(texts[:6])}")

    def flat(self, places: np.ndarray) -> Coords:
        """Return the labels of the entries at some flat places: one dimension, of the labels of all together."""
        at = np.unravel_index(places, self.shape)
        if len(self.dims) == 1:
            return Coords(self.dims, (tuple(self.labels[0][k] for k in places.tolist()),), self.bare)
        many = zip(*([part[k] for k in index] for part, index in zip(self.labels, at, strict=True)), strict=True)
        return Coords((" ".join(self.dims),), (tuple(many),))


def names_of(names: Iterable[str], dim: str) -> Coords:
    """Return labels that are names by themselves: those of a file's columns or rows."""
    return Coords((dim,), (tuple(names),), bare=True)


def of_array(array: Any) -> Coords | None:
    """Return the labels of an array of xarray, counted where a dimension has none; None where no dimension has any."""
    if not any(dim in array.indexes for dim in array.dims):
        return None
    labels = [array.indexes[dim] if dim in array.indexes else range(array.sizes[dim]) for dim in array.dims]
    return _checked([(str(dim), own) for dim, own in zip(array.dims, labels, strict=True)], "labels")


def coords_of(coords: Any, shape: Any, where: str) -> Coords | None:
    """Return what ``coords=`` says, or index objects in the place of a shape; None where neither holds labels.

    Parameters
    ----------
    coords : mapping of str to labels, or sequence of named index objects, or None
    shape : int, tuple of int, index objects, or None
    where : str
        Whose labels they are, for messages.

    Raises
    ------
    ProblemError
        No name for a dimension, a label twice, labels that are none, or a shape that differs.
    """
    if coords is None or isinstance(coords, Coords):
        return coords or _of_index(shape, where)
    if isinstance(coords, Mapping):
        items = list(coords.items())
    else:
        many = [coords] if _is_index(coords) else list(coords) if isinstance(coords, Iterable) else [coords]
        if not all(map(_is_index, many)):
            raise ProblemError(
                f"{where}: coords= takes labels by dimension, {{'hour': hours, 'bus': buses}}, or pandas indexes that "
                f"have names, got {type(coords).__name__}"
            )
        items = [(one.name, one) for one in many]
    found = _checked(items, where)
    if shape is not None and _is_shape(shape) and tuple(np.atleast_1d(shape).tolist()) != found.shape:
        raise ProblemError(f"{where}: its labels make the shape {found.shape}, shape= says {shape}; leave shape out")
    return found


def _is_index(value: Any) -> bool:
    """Tell whether a value is an index of pandas, or a coordinate of xarray that has one."""
    return hasattr(value, "to_numpy") and hasattr(value, "name") and getattr(value, "ndim", 0) == 1


def _is_shape(value: Any) -> bool:
    many = [value] if np.ndim(value) == 0 else list(value)
    return all(isinstance(one, int | np.integer) for one in many)


def _of_index(shape: Any, where: str) -> Coords | None:
    """Return the labels that index objects in the place of a shape carry."""
    many = [shape] if _is_index(shape) else list(shape) if isinstance(shape, tuple | list) else []
    if not any(_is_index(one) for one in many):
        return None
    items = []
    for k, one in enumerate(many):
        if _is_index(one):
            items.append((one.name if one.name is not None else f"dim_{k}", one))
        else:
            items.append((f"dim_{k}", range(int(one))))
    return _checked(items, where)


def _checked(items: Sequence[tuple[Any, Any]], where: str) -> Coords:
    dims, labels = [], []
    for dim, given in items:
        if not isinstance(dim, str) or not dim.strip():
            raise ProblemError(f"{where}: a dimension of its labels needs a name, such as 'hour', got {dim!r}")
        if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
            raise ProblemError(f"{where}: the labels of {dim!r} are a list, got {type(given).__name__}")
        own = plain_labels(given, dim, where)
        if len(set(own)) < len(own):
            twice = next(one for k, one in enumerate(own) if one in own[:k])
            raise ProblemError(f"{where}: label {_texts((twice,))[0]!r} of {dim!r} stands twice")
        dims.append(dim)
        labels.append(own)
    if len(set(dims)) < len(dims):
        raise ProblemError(f"{where}: two dimensions of its labels have one name, {dims}")
    return Coords(tuple(dims), tuple(labels))


def plain_labels(given: Iterable[Any], dim: str, where: str) -> tuple[Any, ...]:
    """Return labels as plain values, which are equal where the labels are the same.

    Raises
    ------
    ProblemError
        One is no text, number or time.
    """
    return tuple(_label(one, dim, where) for one in _plain(given))


def printed(label: Any) -> str:
    """Return a label as it is printed when it stands alone, a time with its date."""
    if isinstance(label, np.datetime64):
        return str(np.datetime_as_string(label, "m")).replace("T", " ")
    return _texts((label,))[0]


def _plain(given: Any) -> Iterable[Any]:
    """Return labels one by one, times of pandas as those of NumPy."""
    array = given.to_numpy() if hasattr(given, "to_numpy") else given
    return array if isinstance(array, np.ndarray) and array.dtype.kind == "M" else list(array)


def _label(value: Any, dim: str, where: str) -> Any:
    """Return a label as a plain value: a text, a number, a time, or a tuple of these."""
    if isinstance(value, np.datetime64):
        if np.isnat(value):
            raise ProblemError(f"{where}: a label of {dim!r} is no time (NaT)")
        return value.astype("datetime64[ns]")
    if isinstance(value, tuple):
        return tuple(_label(one, dim, where) for one in value)
    if isinstance(value, datetime) and value.tzinfo is None:
        return np.datetime64(value.isoformat()).astype("datetime64[ns]")
    if isinstance(value, datetime):
        return datetime.fromisoformat(value.isoformat())
    if isinstance(value, date):
        return np.datetime64(value.isoformat()).astype("datetime64[ns]")
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not np.isfinite(value):
        raise ProblemError(f"{where}: a label of {dim!r} is {value}")
    if not isinstance(value, str | int | float | bool):
        raise ProblemError(f"{where}: labels are texts, numbers or times, got {type(value).__name__} in {dim!r}")
    return value


def _texts(labels: Sequence[Any]) -> list[str]:
    """Return labels as they are printed; times as short as they stay different."""
    if labels and all(isinstance(one, np.datetime64) for one in labels):
        return _times(np.array(labels, dtype="datetime64[ns]"))
    if labels and all(isinstance(one, tuple) and len(one) == len(labels[0]) for one in labels):
        return ["/".join(parts) for parts in zip(*(_texts(part) for part in zip(*labels, strict=True)), strict=True)]
    return ["/".join(map(_text, one)) if isinstance(one, tuple) else _text(one) for one in labels]


def _text(label: Any) -> str:
    if isinstance(label, np.datetime64):
        return _times(np.array([label]))[0]
    if isinstance(label, datetime):
        return label.isoformat(" ", "minutes")
    return f"{label:g}" if isinstance(label, float) else str(label)


def _times(times: np.ndarray) -> list[str]:
    """Return times: the dates where all are midnight, the clock where all are of one day, else both."""
    days = times.astype("datetime64[D]")
    if (times == days).all() and (len(times) > 1 or times[0] == days[0]):
        return [str(day) for day in days]
    unit: Any = next(u for u in ("m", "s", "ms", "us", "ns") if (times.astype(f"datetime64[{u}]") == times).all())
    words = np.datetime_as_string(times, unit=unit)
    return [word[11:] if (days == days[0]).all() else word.replace("T", " ") for word in words.tolist()]
