"""The dual objective of a QP's optimum, from the multipliers in HiGHS's solution file."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from ...errors import FormatError
from ...formats.solutions.stated import Stated, place, table
from ...formats.writing.plain import plain
from ..highs import dual_value as value_of_duals
from .task import Task


def dual_value(task: Task, z: np.ndarray) -> float:
    """Return the dual objective, a proof of the optimum, see :func:`kktgen.solvers.highs`.

    Raises
    ------
    SolverError
        The multipliers do not fit, or the gap to the primal objective is too large.
    FormatError
        The file holds no multipliers.
    """
    text, where, form = task.solution.read_bytes(), str(task.solution), plain(task.content)
    at = text.find(b"# Dual solution values")
    columns, rows = text.find(b"# Columns", at), text.find(b"# Rows", at)
    end = text.find(b"\n\n", rows)
    if min(at, columns, rows) < 0 or end < 0:
        raise FormatError(f"{where}: expected '# Dual solution values' of columns and rows")
    names, values = table(text, where, text.find(b"\n", columns) + 1, rows)
    d = place(Stated(names=names, values=values), task.content, where)
    _, multipliers = table(text, where, text.find(b"\n", rows) + 1, end + 1)
    y = np.bincount(form.linear.source, weights=multipliers, minlength=len(task.content.rows))
    return value_of_duals(task.content, SimpleNamespace(col_value=z, row_dual=y, col_dual=d))
