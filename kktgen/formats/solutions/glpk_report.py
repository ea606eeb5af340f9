"""GLPK's printable reports (``glpsol -o``), which HiGHS writes as well (``write_solution_style`` 3).

::

       No. Column name  St   Activity     Lower bound   Upper bound    Marginal
    ------ ------------ -- ------------- ------------- ------------- -------------
         1 a            B          -1.25

Values have six digits; a name of more than twelve characters has a line of its own.

References
----------
GLPK 5.0, Reference Manual: ``glp_print_sol``, ``glp_print_mip``.
"""

from __future__ import annotations

import re

from ...errors import FormatError
from ...model.model import Model
from .stated import Stated, spot, table

TITLE = "GLPK (report)"
OPENING = "'Problem: ..'"
STATUS = {
    "OPTIMAL": "optimal",
    "INTEGER OPTIMAL": "optimal",
    "FEASIBLE": "time_limit",
    "INTEGER NON-OPTIMAL": "time_limit",
    "INFEASIBLE (FINAL)": "infeasible",
    "INTEGER EMPTY": "infeasible",
    "UNBOUNDED": "unbounded",
}
"""GLPK's words -> ours."""
_STATUS_LINE = re.compile(rb"^Status: +(.*?) *$", re.MULTILINE)
_HEAD = re.compile(rb"^ +No\. Column name .*\n-[ -]*\n", re.MULTILINE)
_LINE = re.compile(rb"^ {0,6}\d+ (\S+)\s+(?:(?:B|NL|NU|NF|NS|\*) +)?([-+.\deE]+)(?=[ \n])", re.MULTILINE)


def begins(line: bytes) -> bool:
    """Return whether a file whose first line this is may be such a report."""
    return line.startswith(b"Problem:")


def read(text: bytes, where: str, model: Model) -> Stated:
    """Return what the file states."""
    said, head = _STATUS_LINE.search(text), _HEAD.search(text)
    word = said[1].decode("utf-8", "replace") if said else ""
    status = STATUS.get(word)
    if status not in ("optimal", "time_limit"):
        return Stated(word[:60] or "no status", status)
    end = text.find(b"\n\n", head.end() - 1) if head else -1
    if head is None or end < 0:
        raise FormatError(f"{where}: expected a table '   No. Column name ..' and an empty line below it (GLPK)")
    found = _LINE.findall(text, head.end(), end + 1)
    count = re.search(rb"^Columns: +(\d{1,18})\b", text, re.MULTILINE)
    if count is None or len(found) != int(count[1]):
        wanted = count[1].decode() if count else "a line 'Columns: ..' and as many"
        raise FormatError(f"{spot(text, end, where)}: {len(found)} columns above it, expected {wanted}")
    joined = b"".join(name + b" " + value + b"\n" for name, value in found)
    return Stated(word, status, *table(joined, where))
