"""GLPK's solution files (``glpsol -w``), which HiGHS writes as well (``write_solution_style`` 2).

::

    c Status:     INTEGER OPTIMAL          c Status:     OPTIMAL
    s mip 3 6 o -36                        s bas 3 7 f f -24
    i 1 17                                 i 1 l -9 1
    j 1 10                                 j 1 b -1.25 0
    e o f                                  e o f

They number the columns and do not name them, in the order of the model file. Which of kktgen's formats that was is
told by the activities of the rows, which are in the file as well.

References
----------
GLPK 5.0, Reference Manual: ``glp_write_sol``, ``glp_write_ipt``, ``glp_write_mip``.
"""

from __future__ import annotations

import re

import numpy as np

from ...errors import FormatError
from ...model.model import Model
from ..writing.plain import plain
from .order import orders
from .stated import Stated, said, spot, table

TITLE = "GLPK"
OPENING = "'c ..' or 's mip|bas|ipt ..'"
_SIZE = rb"(\d{1,18}) (\d{1,18})"
_SUM = re.compile(rb"^s (?:(mip|ipt) %b (\w)|(bas) %b (\w) (\w)) \S+ *$" % (_SIZE, _SIZE), re.MULTILINE)
_COLUMNS, _END = re.compile(rb"^j 1 ", re.MULTILINE), re.compile(rb"^e o f", re.MULTILINE)
_WORDS = {"o": "optimal", "f": "feasible", "i": "infeasible point", "n": "no feasible solution", "u": "undefined"}
CLOSE = 1e-5
"""Largest error of a row's activity (relative to the size of its terms) that passes for rounding."""


def begins(line: bytes) -> bool:
    """Return whether a file whose first line this is may be GLPK's."""
    return line.startswith((b"c ", b"s mip ", b"s bas ", b"s ipt ")) or line == b"c"


def read(text: bytes, where: str, model: Model) -> Stated:
    """Return what the file states."""
    head = _SUM.search(text)
    if head is None:
        raise FormatError(f"{where}: expected a line 's mip|bas|ipt <rows> <columns> <status> <objective>' (GLPK)")
    kind = (head[1] or head[5]).decode()
    rows, columns = (int(head[2] or head[6]), int(head[3] or head[7]))
    primal, dual = (head[4] or head[8]).decode(), (head[9] or b"").decode()
    word = f"{kind} {_WORDS.get(primal, primal)}" + (f", dual {_WORDS.get(dual, dual)}" if dual else "")
    if primal not in "of":
        return Stated(word, "infeasible" if kind == "mip" and primal == "n" else None)
    status = "optimal" if primal == "o" or (primal, dual) == ("f", "f") else "time_limit"
    first, last = _COLUMNS.search(text, head.end()), _END.search(text, head.end())
    if last is None or (first is None and columns):
        raise FormatError(f"{spot(text, len(text), where)}: ends early; expected lines 'j <number> ..' and 'e o f'")
    middle = first.start() if first else last.start()
    place = 3 if kind == "bas" else 2
    activity = _numbered(text, where, head.end(), middle, place, rows)
    values = _numbered(text, where, middle, last.start(), place, columns)
    return Stated(word, status, _names(model, values, activity, where), values)


def _numbered(text: bytes, where: str, begin: int, end: int, place: int, count: int) -> np.ndarray:
    """Return the values of the lines ``i 1 .. value`` or ``j 1 .. value``."""
    number, values = table(text, where, begin, end, 1, place)
    if len(number) != count or (number != np.arange(1, count + 1).astype("S")).any():
        raise FormatError(
            f"{spot(text, end, where)}: {said(text, end)}; expected lines numbered 1 to {count} above it (GLPK)"
        )
    return values


def _names(model: Model, values: np.ndarray, activity: np.ndarray, where: str) -> np.ndarray:
    """Return the names of the columns in the order in which the rows' activities are right."""
    form = plain(model)
    M, n = form.linear.M, len(form.columns)
    if len(values) != n or len(activity) not in (M.shape[0], M.shape[0] + 1):
        raise FormatError(
            f"{where}: {len(values)} columns and {len(activity)} rows, but files of {model.name!r} have {n} and "
            f"{M.shape[0]}; give the model with the parameters and the encoding whose file was solved"
        )
    activity = activity[len(activity) - M.shape[0] :]  # HiGHS counts the objective as the first row
    for order in orders(form):
        z = np.empty(n)
        z[order] = values
        if (np.abs(M @ z - activity) <= CLOSE * (1.0 + abs(M) @ np.abs(z))).all():
            return form.columns[order]
    raise FormatError(
        f"{where}: its columns are neither in the order of the .mps nor of the .lp file of {model.name!r}: no point of "
        "this model has such activities of the rows; give the model, and its parameters, whose file was solved"
    )
