"""Gurobi's JSON solution files (``ResultFile=x.json``).

::

    { "SolutionInfo": { "Status": 2, "ObjVal": -36, "ObjBound": -36, ..}, "Vars": [ { "VarName": "i", "X": 10}, ..]}

References
----------
https://docs.gurobi.com/projects/optimizer/en/current/reference/fileformats.html; written by Gurobi 13.0.3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from ...errors import FormatError
from ...model.model import Model
from .stated import Stated

TITLE = "Gurobi (JSON)"
OPENING = "'{'"
STATUS = {
    2: ("optimal", "optimal"),
    3: ("infeasible", "infeasible"),
    4: ("infeasible or unbounded", "infeasible_or_unbounded"),
    5: ("unbounded", "unbounded"),
    6: ("cutoff", "time_limit"),
    7: ("iteration limit", "time_limit"),
    8: ("node limit", "time_limit"),
    9: ("time limit", "time_limit"),
    10: ("solution limit", "time_limit"),
    11: ("interrupted", "time_limit"),
    13: ("suboptimal", "time_limit"),
    15: ("user objective limit", "time_limit"),
    16: ("work limit", "time_limit"),
    17: ("memory limit", "time_limit"),
}
"""Gurobi's number -> its word, ours."""


def begins(line: bytes) -> bool:
    """Return whether a file whose first line this is may be Gurobi's JSON."""
    return line.startswith(b"{")


def read(text: bytes, where: str, model: Model) -> Stated:
    """Return what the file states."""
    try:
        whole = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise FormatError(f"{where}, line {error.lineno}: expected JSON ({error.msg})") from None
    about = whole.get("SolutionInfo")
    if not isinstance(about, dict):
        raise FormatError(f"{where}: expected an object 'SolutionInfo' (Gurobi, JSON solution)")
    code = about.get("Status")
    word, status = STATUS.get(code, (f"status {code}", None)) if isinstance(code, int) else ("", None)
    columns = whole.get("Vars")
    if not isinstance(columns, list) or not any("X" in one for one in columns if isinstance(one, dict)):
        return Stated(word or "no point", status)
    names, values = _columns(columns, where)
    return Stated(word, status, names, values)


def _columns(columns: list[Any], where: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        names = np.array([one["VarName"].encode() for one in columns])
        values = np.array([one["X"] for one in columns], dtype=float)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise FormatError(f"{where}: expected 'VarName' and a number 'X' in each of its 'Vars'") from None
    if not np.isfinite(values).all():
        raise FormatError(f"{where}: expected finite values 'X'")
    return names, values
