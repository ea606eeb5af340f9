"""What a solution file states, and how its words become the columns of a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...errors import FormatError
from ...model.model import Model
from ..writing.names import CONSTANT, EPIGRAPH, NAMES, column_names
from ..writing.text import slices

WIDEST = 128
"""Longer words are cut: no name of a column and no number has as many characters."""
OWN = np.array([CONSTANT, EPIGRAPH])
"""Columns that the files have and the model has not."""


@dataclass(frozen=True, eq=False)
class Stated:
    """What a solution file states.

    Parameters
    ----------
    word : str
        Its own word for the outcome; empty where it has none.
    status : str or None
        Ours for it, of :data:`kktgen.model.solution.STATUSES`; None where the file does not say.
    names : ndarray (k,) of bytes, or None
        Names of columns; None where the file holds no point.
    values : ndarray (k,), or None
    marked : bool
        The solver marked some values as violating the model.
    """

    word: str = ""
    status: str | None = None
    names: np.ndarray | None = None
    values: np.ndarray | None = None
    marked: bool = False


def table(
    text: bytes, where: str, begin: int = 0, end: int | None = None, name: int = 0, value: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return the words at the places ``name`` and ``value`` of every line of ``text[begin:end]``, blank lines aside.

    Parameters
    ----------
    text : bytes
        The whole file.
    where : str
        Its name, for the message.
    begin, end : int
        Where the table begins and ends.
    name, value : int
        Places within a line, from 0.

    Returns
    -------
    ndarray (k,) of bytes, ndarray (k,)

    Raises
    ------
    FormatError
        A line has too few words, or its value is no finite number.
    """
    part = text[begin:end]
    chars = np.frombuffer(part, dtype=np.uint8)
    edges = np.flatnonzero(np.diff(chars > 32, prepend=False, append=False))
    start, length = edges[::2], np.minimum(edges[1::2] - edges[::2], WIDEST)
    line = np.searchsorted(np.flatnonzero(chars == 10), start)
    first = np.flatnonzero(np.diff(line, prepend=-1))
    short = np.diff(first, append=len(start)) <= max(name, value)
    if short.any():
        raise _bad(text, begin, int(start[first[short][0]]), where)
    texts = slices(part, start[first + value], length[first + value])
    try:
        numbers = texts.astype(float)
    except ValueError:
        numbers = np.array([_number(word) for word in texts.tolist()])
    wrong = ~np.isfinite(numbers)
    if wrong.any():
        raise _bad(text, begin, int(start[first[wrong][0]]), where)
    return slices(part, start[first + name], length[first + name]), numbers


def _number(word: bytes) -> float:
    try:
        return float(word)
    except ValueError:
        return np.nan


def _bad(text: bytes, begin: int, at: int, where: str) -> FormatError:
    return FormatError(f"{spot(text, begin + at, where)}: {said(text, begin + at)}; expected a name and a finite value")


def spot(text: bytes, at: int, where: str) -> str:
    """Return file and line of a position, in words."""
    line = text.count(b"\n", 0, at) + 1
    return f"{where}, line {line}"


def said(text: bytes, at: int) -> str:
    """Return the line at a position, quoted, 60 characters of it at most."""
    start = text.rfind(b"\n", 0, at) + 1
    return repr(text[start : start + 200].partition(b"\n")[0].decode("utf-8", "replace").strip()[:60])


def place(stated: Stated, model: Model, where: str) -> np.ndarray:
    """Return the point over the columns of the model: zero where the file is silent.

    Raises
    ------
    FormatError
        No name in the file is a column of the model, or a variable is longer there than in the model.
    """
    assert stated.names is not None and stated.values is not None
    known = ~np.isin(stated.names, OWN)
    names, values = stated.names[known], stated.values[known]
    at = np.full(len(names), -1)
    for spelling in _spellings(model):
        again = _positions(names, spelling)
        at = again if (again >= 0).sum() > (at >= 0).sum() else at
        if (at >= 0).all():
            break
    if len(at) and (at < 0).all():
        shown = ", ".join(name.decode("utf-8", "replace") for name in names[:3].tolist())
        raise FormatError(
            f"{where}: none of its {len(at)} names ({shown}, ..) is a column of {model.name!r}; "
            "give the model, and its parameters, whose file was solved"
        )
    _check_sizes(names[at < 0], model, where)
    z = np.zeros(model.n)
    z[at[at >= 0]] = values[at >= 0]
    return z


def _check_sizes(strange: np.ndarray, model: Model, where: str) -> None:
    """Refuse names that are no columns of the model but would be, were a variable of it longer: ``g(6)`` of six."""
    if not len(strange):
        return
    own = np.isin(model.space.role, ["leader", "term", "follower"])
    known = _stem(column_names(model)[own])
    longer = np.flatnonzero(np.isin(_stem(strange), known[known != b""]))
    if len(longer):
        name = strange[longer[0]].decode("utf-8", "replace")
        raise FormatError(
            f"{where}: {name!r} is no column of {model.name!r}, whose variable of that name is shorter; "
            "give the parameters the file was made with"
        )


def _stem(names: np.ndarray) -> np.ndarray:
    """Return every name without its last index, ``g(market,`` of ``g(market,3)``; empty where there is none."""
    bare = np.char.rstrip(names, b")")
    stem = np.char.rstrip(bare, b"0123456789")
    indexed = (np.char.str_len(bare) == np.char.str_len(names) - 1) & (np.char.str_len(stem) < np.char.str_len(bare))
    return np.where(indexed, stem, b"")


def _spellings(model: Model) -> Iterator[np.ndarray]:
    """Return the names a file of the model may use for its columns."""
    for names in NAMES:
        yield column_names(model, names)


def _positions(names: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the column of every name, -1 where there is none."""
    if len(names) == len(columns) and (names == columns).all():
        return np.arange(len(columns))
    index = dict(zip(columns.tolist(), range(len(columns)), strict=True))
    return np.fromiter((index.get(name, -1) for name in names.tolist()), dtype=np.int64, count=len(names))
