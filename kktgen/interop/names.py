"""Names of columns and rows: where each stands, and which of them a pattern or a mask means."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ProblemError
from ..wording import first_names, near

Places = Mapping[str, np.ndarray]
"""Positions of the columns (or rows) of every name, in the shape of its array; -1 where an entry is absent."""
ONE_BY_ONE = 500
"""Up to so many scalar names are declared one by one, so that reports show them."""


def places(names: Any, count: int, word: str, where: str) -> tuple[Places, Places]:
    """Return what can be looked up, and what is declared as one variable or as one set of rows.

    Parameters
    ----------
    names : sequence of str, mapping of str to array of int, or None
        A name for each; or arrays of positions, -1 where an entry is absent; ``None`` calls them all by the word.
    count : int
        How many there are.
    word : str
        ``"columns"`` or ``"rows"``.
    where : str
        Whose they are, for messages.
    """
    if names is None:
        every: Places = {word: np.arange(count)}
        return every, every
    if isinstance(names, Mapping):
        found = {str(name): np.asarray(at) for name, at in names.items()}
        parts = [at.ravel() for at in found.values()]
        if any(part.dtype.kind not in "iu" for part in parts if part.size):
            raise ProblemError(f"{where}: names of {word} map to arrays of positions, integers from 0")
        used = np.concatenate([np.empty(0, dtype=np.int64), *parts]).astype(np.int64)
        used = used[used != -1]
        if len(used) != count or not np.array_equal(np.sort(used), np.arange(count)):
            raise ProblemError(
                f"{where}: names of {word} hold every position 0 .. {count - 1} once, and -1 where an entry is absent; "
                f"they hold {len(used)} positions, {len(np.unique(used))} of them different"
            )
        return found, found
    given = [str(name) for name in names]
    if len(given) != count:
        raise ProblemError(f"{where}: {len(given)} names for {count} {word}")
    scalars: Places = {name: np.asarray(at) for at, name in enumerate(given)}
    if len(scalars) != count:
        twice = [name for name, at in scalars.items() if given.index(name) != at]
        raise ProblemError(f"{where}: names of {word} are there twice: {first_names(twice)}")
    return scalars, (scalars if count <= ONE_BY_ONE else {word: np.arange(count)})


def mask(wanted: Any, known: Places, count: int, word: str, where: str) -> np.ndarray:
    """Return which columns or rows are meant (n,) bool.

    Parameters
    ----------
    wanted : sequence of str, or array of bool
        Names, or patterns such as ``"offer*"``; or a mask.
    known, count, word, where
        As of :func:`places`.

    Raises
    ------
    ProblemError
        A name or pattern that fits none, or a mask of another length.
    """
    if not isinstance(wanted, str) and not _texts(wanted):
        out = np.asarray(wanted)
        if out.dtype != bool or out.shape != (count,):
            raise ProblemError(
                f"{where}: {word} are given by names, by patterns such as 'offer*', or by a mask of {count} booleans; "
                f"got {type(wanted).__name__} of shape {out.shape}"
            )
        return out
    out = np.zeros(count, dtype=bool)
    for pattern in [wanted] if isinstance(wanted, str) else wanted:
        for name in matching(pattern, known, word, where):
            at = known[name].ravel()
            out[at[at >= 0]] = True
    return out


def matching(pattern: str, known: Iterable[str], word: str, where: str) -> Sequence[str]:
    """Return the names a pattern means: the one it is, else those it fits.

    Raises
    ------
    ProblemError
        None does.
    """
    known = known if isinstance(known, Mapping) else list(known)
    if pattern in known:
        return [pattern]
    fits = re.compile(fnmatch.translate(pattern)).match
    found = [name for name in known if fits(name)]
    if not found:
        raise ProblemError(
            f"{where}: no {word} are named {pattern!r}{near(pattern, known)}; there are {first_names([*known], 6)}"
        )
    return found


def _texts(wanted: Any) -> bool:
    """Tell whether something is a collection of texts; an empty one is."""
    if isinstance(wanted, np.ndarray):
        return wanted.dtype.kind in "UO" or not wanted.size
    return isinstance(wanted, Iterable) and all(isinstance(one, str) for one in wanted)


def new_name(known: Container[str], wanted: str) -> str:
    """Return a name that is not known yet: the wanted one, else with a number behind it."""
    name, k = wanted, 1
    while name in known:
        k += 1
        name = f"{wanted}_{k}"
    return name
