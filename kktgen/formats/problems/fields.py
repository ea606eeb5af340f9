"""Values of a JSON document, each checked when it is taken: what is wrong is said with file, place and what was wanted.

Arrays are checked in bulk: no Python loop touches their entries.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...errors import FormatError, ProblemError
from ...numerics.sparse import Csr, csr
from ...wording import first_names

AXES = 32
"""Axes a variable or rows may have; NumPy has no more than 64."""
_WORDS = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true/false",
}


def kind_of(value: Any) -> str:
    """Return in words what a JSON value is."""
    return "null" if value is None else _WORDS.get(type(value), type(value).__name__)


@contextmanager
def placed(file: str, where: str) -> Iterator[None]:
    """Turn what a declaration objects to into a fault of the file, with the place in it."""
    try:
        yield
    except ProblemError as error:
        raise FormatError(f"{file}: {where}: {error}") from None


class Fields:
    """The values of one JSON object.

    Parameters
    ----------
    value : object
        What stands in the file.
    file : str
    where : str
        Its place in the file, such as ``declarations[3]``.
    keys : str
        The keys it must have, with blanks between them; it may have no others.

    Raises
    ------
    FormatError
        It is no object, a key is missing or unknown.
    """

    def __init__(self, value: Any, file: str, where: str, keys: str) -> None:
        self.file, self.where = file, where
        if not isinstance(value, dict):
            raise self.fault("", f"expected an object with {', '.join(keys.split())}, got {kind_of(value)}")
        self.value = value
        for key in keys.split():
            if key not in value:
                unknown = [one for one in value if one not in keys.split()]
                there = f"; unknown is {first_names(unknown)}" if unknown else ""
                raise self.fault("", f"the key {key!r} is missing{there}")
        for key in value:
            if key not in keys.split():
                raise self.fault("", f"unknown key {key!r}; expected {', '.join(keys.split())}")

    def place(self, key: str) -> str:
        """Return where a value stands."""
        return ".".join(part for part in (self.where, key) if part) or "top"

    def fault(self, key: str, words: str) -> FormatError:
        """Return an error about one value."""
        return FormatError(f"{self.file}: {self.place(key)}: {words}")

    def text(self, key: str) -> str:
        """Return a text."""
        if not isinstance(self.value[key], str):
            raise self.fault(key, f"expected a text, got {kind_of(self.value[key])}")
        return str(self.value[key])

    def choice(self, key: str, *choices: Any) -> Any:
        """Return one of a few values, of the same type."""
        value = self.value[key]
        for one in choices:
            if type(value) is type(one) and value == one:
                return one
        raise self.fault(key, f"expected {' or '.join(map(repr, choices))}, got {value!r}"[:300])

    def count(self, key: str, below: int | None = None) -> int:
        """Return a whole number of at least 0, less than ``below``."""
        value = self.value[key]
        if type(value) is not int or value < 0 or (below is not None and value >= below):
            range_ = "at least 0" if below is None else f"from 0 to {below - 1}"
            raise self.fault(key, f"expected a whole number {range_}, got {value!r}"[:300])
        return value

    def number(self, key: str, missing: float | None = None) -> float:
        """Return a finite number; null is ``missing`` where that is given."""
        value = self.value[key]
        if value is None and missing is not None:
            return missing
        if type(value) not in (int, float) or not math.isfinite(value):
            raise self.fault(key, f"expected a finite number{_or_null(missing)}, got {value!r}"[:300])
        return float(value)

    def items(self, key: str) -> list[Any]:
        """Return a list."""
        if not isinstance(self.value[key], list):
            raise self.fault(key, f"expected a list, got {kind_of(self.value[key])}")
        return list(self.value[key])

    def numbers(self, key: str, count: int | None = None, missing: float | None = None) -> np.ndarray:
        """Return finite numbers; null is ``missing`` where that is given."""
        items = self.items(key)
        allowed = {int, float} if missing is None else {int, float, type(None)}
        wrong = set(map(type, items)) - allowed
        if wrong:
            at = next(k for k, item in enumerate(items) if type(item) in wrong)
            raise self.fault(f"{key}[{at}]", f"expected a number{_or_null(missing)}, got {kind_of(items[at])}")
        out = np.array(items, dtype=float)
        if missing is not None:
            out[np.isnan(out)] = missing
        elif not np.isfinite(out).all():
            raise self.fault(key, "expected finite numbers")
        return self._counted(key, out, count)

    def indices(self, key: str, below: int, count: int | None = None) -> np.ndarray:
        """Return whole numbers from 0 to ``below - 1``."""
        items = self.items(key)
        wrong = set(map(type, items)) - {int}
        if wrong:
            at = next(k for k, item in enumerate(items) if type(item) in wrong)
            raise self.fault(f"{key}[{at}]", f"expected a whole number, got {kind_of(items[at])}")
        if items and (min(items) < 0 or max(items) >= below):
            raise self.fault(key, f"expected whole numbers from 0 to {below - 1}, got {min(items)} to {max(items)}")
        return self._counted(key, np.array(items, dtype=np.int64), count)

    def _counted(self, key: str, out: np.ndarray, count: int | None) -> np.ndarray:
        if count is not None and len(out) != count:
            raise self.fault(key, f"expected {count} entries, got {len(out)}")
        return out

    def shape(self, key: str, count: int) -> tuple[int, ...]:
        """Return a shape of so many entries; the empty list is that of a scalar."""
        items = self.items(key)
        sizes = len(items) <= AXES and not set(map(type, items)) - {int} and all(k >= 0 for k in items)
        if not sizes or math.prod(items) != count:
            raise self.fault(key, f"expected the shape of {count} entries, got {items[: AXES + 1]!r}"[:300])
        return tuple(items)

    def matrix(self, rows: int, columns: int) -> Csr:
        """Return the matrix of the keys ``start``, ``column`` and ``value``: rows one after another, columns rising."""
        value = self.numbers("value")
        column = self.indices("column", columns, len(value))
        start = self.indices("start", len(value) + 1, rows + 1)
        if start[0] != 0 or start[-1] != len(value) or (np.diff(start) < 0).any():
            raise self.fault("start", f"expected numbers that rise from 0 to {len(value)}, the number of entries")
        rising = np.diff(column, prepend=-1) > 0
        rising[start[:-1][np.diff(start) > 0]] = True
        if not rising.all():
            raise self.fault("column", "expected columns that rise within every row, none twice")
        return csr(value, column.astype(np.int32), start.astype(np.int32), (rows, columns))


def _or_null(missing: float | None) -> str:
    return "" if missing is None else " or null"
