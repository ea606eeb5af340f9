"""SCIP's solution files, which kktgen writes as well.

::

    solution status: optimal solution found
    objective value:                 -24.0
    x                                  1.5 	(obj:1.0)

Columns that are missing are zero. The first line is missing where SCIP prints a solution of its pool.

References
----------
https://www.scipopt.org/doc/html/, reader_sol.h; SCIP 10 writes 15 digits.
"""

from __future__ import annotations

import re
from typing import IO

import numpy as np

from ...errors import FormatError
from ...model.model import Model
from ..writing.names import CONSTANT, column_names
from ..writing.text import Number, emit, number_text
from .stated import Stated, said, spot, table

TITLE = "SCIP"
OPENING = "'solution status: ..' or 'objective value: ..'"
STATUS_LINE, VALUE_LINE = b"solution status:", b"objective value:"
_INFINITE = re.compile(rb"^\S+ +[-+]infinity\b", re.MULTILINE)

STATUS = {
    "optimal solution found": "optimal",
    "infeasible": "infeasible",
    "unbounded": "unbounded",
    "infeasible or unbounded": "infeasible_or_unbounded",
    "time limit reached": "time_limit",
    "node limit reached": "time_limit",
    "total node limit reached": "time_limit",
    "stall node limit reached": "time_limit",
    "gap limit reached": "time_limit",
    "memory limit reached": "time_limit",
    "solution limit reached": "time_limit",
    "solution improvement limit reached": "time_limit",
    "restart limit reached": "time_limit",
    "primal limit reached": "time_limit",
    "dual limit reached": "time_limit",
    "user interrupt": "time_limit",
    "termination signal received": "time_limit",
}
"""SCIP's words -> ours."""
_WORD = {ours: word for word, ours in reversed(STATUS.items())}


def begins(line: bytes) -> bool:
    """Return whether a file whose first line this is may be SCIP's."""
    return line.startswith((STATUS_LINE, VALUE_LINE))


def read(text: bytes, where: str, model: Model) -> Stated:
    """Return what the file states."""
    word, at = "", len(text) - len(text.lstrip())
    if text.startswith(STATUS_LINE, at):
        stop = _after(text, at)
        word, at = text[at + len(STATUS_LINE) : stop].decode("utf-8", "replace").strip(), stop
    status = STATUS.get(word)
    if text.startswith(b"no solution", at):
        return Stated(word, status)
    if not text.startswith(VALUE_LINE, at):
        raise FormatError(f"{spot(text, at, where)}: {said(text, at)}; expected 'objective value: ..' below the status")
    if _INFINITE.search(text, at):
        return Stated(f"{word}, with infinite values", "unbounded" if status in ("optimal", "time_limit") else status)
    return Stated(word, status, *table(text, where, _after(text, at)))


def _after(text: bytes, at: int) -> int:
    """Return where the next line begins."""
    return text.find(b"\n", at) + 1 or len(text)


def dump(status: str, model: Model, z: np.ndarray, file: IO[bytes]) -> None:
    """Write a point (n,) to a binary file; NaN entries are ``unknown``, which SCIP tries to find.

    Notes
    -----
    ``objective value`` is that of the minimised objective, which is the one model files hold; 0 of a point with
    unknown entries. Values have 17 digits; columns at zero are written as well.
    """
    _, cost, constant = model.matrices
    known = ~np.isnan(z)
    value = model.objective.value(z) if known.all() else 0.0
    head = f"solution status: {_WORD.get(status, status)}\nobjective value: ".encode()
    file.write(head + number_text(np.array([value]))[0] + b"\n")
    unknown = np.where(known, b"", b"unknown").astype("S7")
    emit(file, model.n, column_names(model), b" ", Number(np.where(known, z, 0.0), known), unknown,
         b" \t(obj:", Number(cost), b")\n")  # fmt: skip
    if constant:
        emit(file, 1, CONSTANT, b" ", Number(np.ones(1)), b" \t(obj:", Number(np.array([float(constant)])), b")\n")
