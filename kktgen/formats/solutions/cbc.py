"""CBC's solution files (``-solution``): number, name, value, reduced cost.

::

    Optimal - objective value -24.00000000
          0 a                  -1.25                       0
    **    1 b                     -7                       0

Values have eight digits, most columns at zero are missing, and ``**`` marks values outside their bounds.

References
----------
https://github.com/coin-or/Cbc; written by CBC 2.10.8.
"""

from __future__ import annotations

import re
from typing import IO

import numpy as np

from ...model.model import Model
from ..writing.names import column_names
from ..writing.text import Number, emit, number_text
from .stated import Stated, table

TITLE = "CBC"
OPENING = "'Optimal - objective value ..' or the like"
_HEAD = re.compile(rb"\s*([A-Z][^\n]*?) - objective value [^\n]*(?:\n|$)")
_LIMIT = re.compile(r"Stopped on|Unknown|Status unknown")
MARK = re.compile(rb"^\*\*", re.MULTILINE)


def begins(line: bytes) -> bool:
    """Return whether a file whose first line this is may be CBC's."""
    return _HEAD.match(line) is not None


def read(text: bytes, where: str, model: Model) -> Stated:
    """Return what the file states."""
    head = _HEAD.match(text)
    assert head is not None
    word = head[1].decode("utf-8", "replace")
    status = _status(word)
    if status not in ("optimal", "time_limit") or "no integer solution" in word:
        return Stated(word, status)
    body, marks = MARK.subn(b"  ", text)
    return Stated(word, status, *table(body, where, head.end(), None, 1, 2), marked=marks > 0)


def _status(word: str) -> str | None:
    """Return our word for CBC's."""
    if word.startswith("Optimal"):
        return "optimal"
    if word.startswith(("Infeasible", "Integer infeasible")):
        return "infeasible"
    if word.startswith("Unbounded"):
        return "unbounded"
    return "time_limit" if _LIMIT.match(word) else None


def dump(status: str, model: Model, z: np.ndarray, file: IO[bytes]) -> None:
    """Write a point (n,), without its NaN entries, to a binary file: what CBC's ``-mipstart`` reads."""
    known = np.flatnonzero(~np.isnan(z))
    value = model.objective.value(z) if len(known) == model.n else 0.0
    file.write(b"Stopped on iterations - objective value " + number_text(np.array([value]))[0] + b"\n")
    emit(file, len(known), Number(known), b" ", column_names(model)[known], b" ", Number(z[known]), b" 0\n")
