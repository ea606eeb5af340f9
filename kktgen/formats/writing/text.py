"""Text in bulk: numbers and names become lines without a Python object per line.

A line is a record of fixed-width fields padded with NUL bytes; a chunk of lines is one NumPy record
array, and deleting the NUL bytes gives the text. Numbers are spelled by orjson: the shortest decimal
that reads back to the same float64 (``1.0``, ``0.1``, ``1e-7``, ``1e16``), never ``-0.0``, NaN or inf.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import IO, NamedTuple

import numpy as np
import orjson

from ...errors import ProblemError

CHUNK = 1 << 15
"""Lines assembled at a time."""


class Pick(NamedTuple):
    """The field ``table[at]``, one text a line (table (t,) of bytes, at (k,) of int)."""

    table: np.ndarray
    at: np.ndarray


class Number(NamedTuple):
    """The field of numbers ``values`` (k,), blank on the lines where ``shown`` (k,) is false."""

    values: np.ndarray
    shown: np.ndarray | None = None


Field = bytes | np.ndarray | Pick | Number


@lru_cache(maxsize=64)
def _masks(words: int) -> np.ndarray:
    """Return for every length 0..8 words the 64-bit words that keep so many leading bytes."""
    size = 8 * words
    keep = (np.arange(size) < np.arange(size + 1)[:, None]).astype(np.uint8) * np.uint8(255)
    return np.ascontiguousarray(keep).view(np.uint64)


def split(text: bytes, separator: bytes) -> np.ndarray:
    """Return the pieces of a text in which a separator follows every piece, as a bytes array (k,)."""
    stop = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == separator[0])
    start = np.concatenate([[0], stop[:-1] + 1])[: len(stop)]
    return slices(text, start, stop - start)


def slices(text: bytes, start: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Return the pieces ``text[start_i : start_i + length_i]`` as a bytes array (k,)."""
    if not len(start):
        return np.empty(0, dtype="S1")
    width = max(1, int(length.max()))
    words = -(-width // 8)
    padded = text + bytes(8 * words)
    windows = np.ndarray((len(text),), dtype=f"V{8 * words}", buffer=padded, strides=(1,))
    kept = windows[start].view(np.uint64).reshape(-1, words) & _masks(words)[length]
    return kept.view(f"S{8 * words}").ravel().astype(f"S{width}")


def number_text(values: np.ndarray) -> np.ndarray:
    """Return the numbers spelled so that they read back bit for bit (k,) of bytes.

    Parameters
    ----------
    values : ndarray (k,)
        Finite floats, or integers.

    Raises
    ------
    ProblemError
        NaN or inf: neither has a spelling that every reader takes.
    """
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise ProblemError("NaN or inf where a file needs a number")
        values = values + 0.0  # -0.0 becomes 0.0
    body = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
    # versions of orjson differ in nothing but 1e16 and 1e+16
    return split(body[1:-1].replace(b"+", b"") + b",", b",") if len(values) else np.empty(0, dtype="S1")


def _cut(field: Field, start: int, stop: int) -> Field:
    if isinstance(field, bytes):
        return field
    if isinstance(field, Pick):
        return Pick(field.table, field.at[start:stop])
    if isinstance(field, Number):
        return Number(field.values[start:stop], None if field.shown is None else field.shown[start:stop])
    return field[start:stop]


def assemble(count: int, *fields: Field) -> bytes:
    """Return ``count`` lines, each the concatenation of its fields (a newline is a field, too)."""
    texts: list[tuple[bytes | np.ndarray, np.ndarray | None]] = []
    for field in fields:
        if isinstance(field, Pick):
            texts.append((field.table[field.at], None))
        elif isinstance(field, Number):
            shown = None if field.shown is None or field.shown.all() else field.shown
            texts.append((number_text(field.values if shown is None else field.values[shown]), shown))
        else:
            texts.append((field, None))
    widths = [len(text) if isinstance(text, bytes) else text.dtype.itemsize for text, _ in texts]
    record = np.zeros(count, dtype=[(f"f{k}", f"S{max(1, width)}") for k, width in enumerate(widths)])
    for k, (text, shown) in enumerate(texts):
        if shown is None:
            record[f"f{k}"] = text
        else:
            record[f"f{k}"][shown] = text
    return record.tobytes().translate(None, b"\0")


def emit(file: IO[bytes], count: int, *fields: Field) -> None:
    """Write ``count`` lines, a chunk at a time."""
    for start in range(0, count, CHUNK):
        stop = min(start + CHUNK, count)
        file.write(assemble(stop - start, *(_cut(field, start, stop) for field in fields)))


def pieces(count: int, *fields: Field) -> np.ndarray:
    """Return ``count`` texts, each the concatenation of its fields, as a bytes array (count,)."""
    parts = [np.empty(0, dtype="S1")]
    for start in range(0, count, CHUNK):
        stop = min(start + CHUNK, count)
        parts.append(split(assemble(stop - start, *(_cut(field, start, stop) for field in fields), b"\n"), b"\n"))
    return np.concatenate(parts)


class Part(NamedTuple):
    """Lines of one sort that stand in the groups ``group`` (k,), ascending.

    ``code`` selects the literals, ``value`` is a number, ``first`` and ``second`` are indices into
    the table of names; None where the sort has none.
    """

    group: np.ndarray
    code: np.ndarray | int
    value: np.ndarray | None = None
    first: np.ndarray | None = None
    second: np.ndarray | None = None


class Lines(NamedTuple):
    """Lines in the order of the file: literals, numbers (where ``shown``) and names (-1: none)."""

    code: np.ndarray
    value: np.ndarray
    shown: np.ndarray
    first: np.ndarray
    second: np.ndarray


def weave(parts: Sequence[Part], groups: int) -> Lines:
    """Return the lines of all parts, ordered by group and, within a group, by part."""
    counts = [np.bincount(part.group, minlength=groups) for part in parts]
    size = int(sum(len(part.group) for part in parts))
    whole = np.cumsum(np.sum(counts, axis=0)) - np.sum(counts, axis=0)  # where a group begins
    out = Lines(
        np.zeros(size, dtype=np.int8), np.zeros(size), np.zeros(size, dtype=bool), np.full(size, -1), np.full(size, -1)
    )
    for part, count in zip(parts, counts, strict=True):
        at = np.arange(len(part.group)) + (whole - (np.cumsum(count) - count))[part.group]
        out.code[at] = part.code
        if part.value is not None:
            out.value[at] = part.value
            out.shown[at] = True
        for target, names in ((out.first, part.first), (out.second, part.second)):
            if names is not None:
                target[at] = names
        whole = whole + count
    return out


def with_blank(names: np.ndarray) -> np.ndarray:
    """Return a table of names in which index -1 is the empty text."""
    return np.concatenate([names, np.array([b""])])
