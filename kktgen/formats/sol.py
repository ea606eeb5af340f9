"""Solution files (.sol): written in SCIP's dialect, read in SCIP's, HiGHS's and Gurobi's.

SCIP's dialect::

    solution status: optimal solution found
    objective value:                 -24.0
    x                                  1.5 	(obj:1.0)

Columns that are missing are zero. Names that are not columns of the model (``ONE``, ``qobj_t``, slacks of
CIP's indicators) are passed over.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

from ..errors import FormatError, NoSolutionError, ProblemError, expect
from ..model import Model
from ..solution import Solution
from .files import file_path, replace_file
from .names import CONSTANT, column_names
from .text import Number, emit, number_text

_STATUS = {
    "optimal": "optimal solution found",
    "time_limit": "time limit reached",
    "infeasible": "infeasible",
    "unbounded": "unbounded",
    "infeasible_or_unbounded": "infeasible or unbounded",
}


def write_solution(solution: Solution, path: str | os.PathLike[str]) -> Path:
    """Write a point in SCIP's dialect, under the names of the columns in the files kktgen writes.

    Parameters
    ----------
    solution : Solution
        With a point.
    path : path

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    NoSolutionError
        The solution has no point.
    FormatError
        The file cannot be written.

    Notes
    -----
    ``objective value`` is that of the minimised objective, which is the one model files hold. Values have
    17 digits; columns at zero are written as well.
    """
    expect(solution, Solution, "write_solution")
    target, model, z = file_path(path), solution.model, solution.z
    if z is None:
        raise NoSolutionError(f"no point to write to {os.fspath(path)}: status {solution.status!r} ({solution.solver})")
    if len(z) != model.n:
        raise ProblemError(f"the point has {len(z)} entries, model {model.name!r} {model.n} columns")
    _, cost, constant = model.matrices
    names = column_names(model)
    value = model.objective.value(z)

    def fill(file: IO[bytes]) -> None:
        status = _STATUS.get(solution.status, solution.status)
        file.write(f"solution status: {status}\nobjective value: ".encode() + number_text(np.array([value]))[0] + b"\n")
        emit(file, model.n, names, b" ", Number(np.asarray(z, dtype=float)), b" \t(obj:", Number(cost), b")\n")
        if constant:
            emit(file, 1, CONSTANT, b" ", Number(np.ones(1)), b" \t(obj:", Number(np.array([float(constant)])), b")\n")

    return replace_file(target, fill)


def read_solution(path: str | os.PathLike[str], model: Model) -> np.ndarray:
    """Return the point of a solution file over the columns of a model.

    Parameters
    ----------
    path : path
        Written by SCIP, by HiGHS (raw style, its default), by Gurobi or by :func:`write_solution`.
    model : Model
        The model whose file was solved.

    Returns
    -------
    ndarray (n,)
        Zero where the file is silent.

    Raises
    ------
    FormatError
        The file is none of these (file, line, what was expected), or no name in it is a column of the model.
    NoSolutionError
        The file says that there is no point.
    """
    expect(model, Model, "read_solution", "give the model whose file was solved")
    try:
        lines = file_path(path).read_bytes().decode("utf-8", "replace").splitlines()
    except OSError as error:
        raise FormatError(f"{os.fspath(path)}: cannot be read ({error.strerror or error})") from error
    where = os.fspath(path)
    start, stop = _span(lines, where)
    names, values = _table(lines, start, stop, where)
    index = dict(zip(column_names(model).astype(str).tolist(), range(model.n), strict=True))
    at = np.fromiter((index.get(name, -1) for name in names), dtype=np.int64, count=len(names))
    if len(at) and (at < 0).all():
        raise FormatError(
            f"{where}: none of its {len(at)} names ({', '.join(names[:3])}, ..) is a column of {model.name!r}; "
            "give the model, and its parameters, whose file was solved"
        )
    z = np.zeros(model.n)
    z[at[at >= 0]] = values[at >= 0]
    return z


def _span(lines: Sequence[str], where: str) -> tuple[int, int]:
    """Return the first and last + 1 line of the table of values."""
    first = next((k for k, line in enumerate(lines) if line.strip()), 0)
    line = lines[first].strip() if lines else ""
    if line == "Model status":
        return _span_highs(lines, first, where)
    if line.startswith("#"):  # Gurobi: comments, then names and values
        return next((k for k in range(first, len(lines)) if not lines[k].startswith("#")), len(lines)), len(lines)
    if line.startswith("solution status:"):  # missing where SCIP prints a solution of its pool
        first += 1
    elif not line.startswith("objective value:"):
        raise FormatError(
            f"{where}, line {first + 1}: {line[:60]!r}; expected 'solution status: ..' or 'objective value: ..' "
            "(SCIP), 'Model status' (HiGHS, raw style) or '# ..' (Gurobi)"
        )
    line = lines[first] if first < len(lines) else ""
    if line.startswith("no solution"):
        raise NoSolutionError(f"{where}: {lines[first - 1]}; it holds no point")
    if not line.startswith("objective value:"):
        raise FormatError(f"{where}, line {first + 1}: expected 'objective value: ..' below the status")
    return first + 1, len(lines)


def _span_highs(lines: Sequence[str], first: int, where: str) -> tuple[int, int]:
    try:
        head = lines.index("# Primal solution values", first)
    except ValueError:
        raise FormatError(f"{where}: expected a line '# Primal solution values' (HiGHS, raw style)") from None
    if lines[head + 1 : head + 2] == ["None"]:
        raise NoSolutionError(f"{where}: HiGHS found no point")
    for k in range(head + 1, min(head + 4, len(lines))):
        word = lines[k].split()
        if word[:2] == ["#", "Columns"] and len(word) == 3 and word[2].isdigit():
            stop = k + 1 + int(word[2])
            if stop > len(lines):
                raise FormatError(f"{where}, line {len(lines)}: ends after {len(lines) - k - 1} of {word[2]} columns")
            return k + 1, stop
    raise FormatError(f"{where}, line {head + 2}: expected '# Columns <number>' below the primal values")


def _table(lines: Sequence[str], start: int, stop: int, where: str) -> tuple[list[str], np.ndarray]:
    """Return names and values of the lines ``name value [(obj:c)]``."""
    words = [line.split(None, 2) for line in lines[start:stop]]
    words = [word for word in words if word] if [] in words else words
    try:
        names, texts = [word[0] for word in words], [word[1] for word in words]
        values = np.array(texts, dtype=float) if texts else np.empty(0)
        if np.isfinite(values).all():
            return names, values
    except (IndexError, ValueError):
        pass
    for k in range(start, stop):
        word = lines[k].split()
        try:
            good = not word or np.isfinite(float(word[1]))
        except (IndexError, ValueError):
            good = False
        if not good:
            raise FormatError(f"{where}, line {k + 1}: {lines[k][:60]!r}; expected a name and a finite value")
    raise FormatError(f"{where}: expected lines of a name and a finite value")
