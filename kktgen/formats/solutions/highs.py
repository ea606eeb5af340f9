"""HiGHS's solution files: raw (``write_solution_style`` 0, its default), sparse raw (4) and pretty (1).

::

    Model status                 |      Index Status   Lower   Upper   Primal   Dual  Name
    Optimal                      |          0     BS    -inf     inf    -1.25      0  a
                                 |  Rows
    # Primal solution values     |  ..
    Feasible                     |
    Objective -24                |  Model status: Optimal
    # Columns 7                  |
    a -1.25                      |  Objective value: -24

Lines that nothing here stands for are passed over: HiGHS 1.16 says ``Objective_bound`` and ``MIP_rel_gap`` below the
objective of a mixed-integer problem, and ``sparse`` behind the number of columns. Pretty files have six digits. The
styles 2 and 3 are GLPK's, see :mod:`.glpk` and :mod:`.glpk_report`.

References
----------
https://ergo-code.github.io/HiGHS/dev/options/definitions/; written by HiGHS 1.11 to 1.16.
"""

from __future__ import annotations

import re
from typing import IO

import numpy as np

from ...errors import FormatError
from ...model.model import Model
from ..writing.names import CONSTANT, column_names
from ..writing.text import Number, emit, number_text
from .stated import Stated, spot, table

TITLE = "HiGHS"
OPENING = "'Model status' or 'Columns'"
STATUS = {
    "Optimal": "optimal",
    "Empty": "optimal",
    "Infeasible": "infeasible",
    "Unbounded": "unbounded",
    "Primal infeasible or unbounded": "infeasible_or_unbounded",
    "Time limit reached": "time_limit",
    "Iteration limit reached": "time_limit",
    "Solution limit reached": "time_limit",
    "Memory limit reached": "time_limit",
    "Bound on objective reached": "time_limit",
    "Target for objective reached": "time_limit",
    "Interrupted by user": "time_limit",
}
"""HiGHS's words -> ours."""
_WORD = {ours: word for word, ours in reversed(STATUS.items())}
_PRIMAL = re.compile(rb"^# Primal solution values *\n(?:(None|Feasible|Infeasible) *\n)?", re.MULTILINE)
_COUNT = re.compile(rb"(?:(?!# ).*\n)*# Columns (-?\d{1,18})\b.*\n")
_PRETTY = re.compile(rb"^Columns *\n(    Index Status .* Upper .*Primal .* Name) *\n", re.MULTILINE)
_MODEL_STATUS = re.compile(rb"^Model status: (.*)$", re.MULTILINE)


def begins(line: bytes) -> bool:
    """Return whether a file whose first line this is may be HiGHS's."""
    return line in (b"Model status", b"Columns")


def read(text: bytes, where: str, model: Model) -> Stated:
    """Return what the file states."""
    if text.lstrip().startswith(b"Columns"):
        return _read_pretty(text, where)
    at = text.index(b"Model status")
    word = text[at:].partition(b"\n")[2].partition(b"\n")[0].decode("utf-8", "replace").strip()
    status = STATUS.get(word)
    head = _PRIMAL.search(text, at)
    if head is None:
        raise FormatError(f"{where}: expected a line '# Primal solution values' (HiGHS, raw style)")
    if head[1] == b"None" or (head[1] == b"Infeasible" and status != "optimal"):
        return Stated(f"{word}, no feasible point" if status == "time_limit" else word, status)
    count = _COUNT.match(text, head.end())
    if count is None:
        raise FormatError(f"{spot(text, head.start(), where)}: expected '# Columns <number>' below this line")
    begin, number = count.end(), abs(int(count[1]))
    end = _line_end(text, begin, number)
    names, values = table(text, where, begin, end)
    if len(names) < number:
        raise FormatError(f"{spot(text, len(text), where)}: ends after {len(names)} of {number} columns")
    return Stated(word, status, names, values)


def _line_end(text: bytes, begin: int, number: int) -> int:
    """Return where ``number`` lines from ``begin`` on end."""
    lines = np.flatnonzero(np.frombuffer(text, dtype=np.uint8)[begin:] == 10)
    return begin + int(lines[number - 1]) + 1 if 0 < number <= len(lines) else begin if not number else len(text)


def _read_pretty(text: bytes, where: str) -> Stated:
    """Return what a file of the pretty style states: columns of fixed width, told by their heading."""
    head, tail = _PRETTY.search(text), _MODEL_STATUS.search(text)
    end = text.find(b"\nRows", head.end() - 1) if head else -1
    if head is None or end < 0:
        raise FormatError(f"{where}: expected 'Columns', a heading 'Index Status ..' and 'Rows' (HiGHS, pretty style)")
    word = tail[1].decode("utf-8", "replace").strip() if tail else ""
    heading = head[1]
    left, right = heading.index(b"Upper") + 5, heading.index(b"Primal") + 6
    gap = heading.index(b"Name") - right
    lines = rb"^.{%d}(.{%d})(?:.{%d}) *(\S+) *$" % (left, right - left, gap)
    found = re.findall(lines, text[head.end() : end], re.MULTILINE)
    if len(found) != text.count(b"\n", head.end() - 1, end):
        at = spot(text, head.end(), where)
        raise FormatError(f"{at}: expected lines as wide as their heading (HiGHS, pretty style)")
    if found and not found[0][0].strip():
        return Stated(word, STATUS.get(word))  # no primal values
    joined = b"".join(name + b" " + value + b"\n" for value, name in found)
    return Stated(word, STATUS.get(word), *table(joined, where))


def dump(status: str, model: Model, z: np.ndarray, file: IO[bytes]) -> None:
    """Write a complete point (n,) in the raw style to a binary file.

    Notes
    -----
    HiGHS reads the columns by name, and takes those that a file leaves out for zero.
    """
    constant = model.matrices[2] != 0
    words = f"Model status\n{_WORD.get(status, 'Unknown')}\n\n# Primal solution values\nFeasible\nObjective "
    file.write(words.encode() + number_text(np.array([model.objective.value(z)]))[0])
    file.write(b"\n# Columns %d\n" % (model.n + constant))
    emit(file, model.n, column_names(model), b" ", Number(z), b"\n")
    if constant:
        file.write(CONSTANT + b" 1\n")
