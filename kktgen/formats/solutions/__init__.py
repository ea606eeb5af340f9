"""Solution files: one module a dialect, found by scanning this folder; kktgen writes SCIP's and starts for others.

A module declares ``TITLE``, ``OPENING`` (how its files begin, in words), ``begins(line)``, ``read(text, where, model)``
and, where kktgen writes it, ``dump(status, model, z, file)``. Names that are not columns of the model (``ONE``,
``qobj_t``, slacks of CIP's indicators) are passed over.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import FormatError, NoSolutionError, ProblemError, expect
from ...model.model import Model
from ...model.single_level import single_level
from ...model.solution import Solution
from ...problem.bilevel import Bilevel
from ...reformulate.scale import as_it_stands
from ...reformulate.scale import scaled as in_own_units
from ..writing.files import contents, file_path, replace_file
from .stated import Stated, place, said, spot

__all__ = ["dialects", "read_solution", "read_stated", "write_point", "write_solution"]
DEFAULT = "scip"
"""The dialect of suffixes that no dialect claims as its ``SUFFIX``."""


@cache
def dialects() -> dict[str, Any]:
    """Return the modules of the dialects by name."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "begins")}


def _by_suffix(suffix: str) -> str:
    """Return the dialect that a suffix stands for."""
    return next((name for name, module in dialects().items() if getattr(module, "SUFFIX", "") == suffix), DEFAULT)


def write_solution(
    solution: Solution, path: str | os.PathLike[str], dialect: str | None = None, *, scaled: bool = False
) -> Path:
    """Write a point for a solver to begin with, or to be read again.

    Parameters
    ----------
    solution : Solution
        With a point.
    path : path
        Of the suffix ``.mst`` in Gurobi's dialect (a start, ``name value`` a line, which COPT reads as well), of any
        other suffix in SCIP's.
    dialect : str, optional
        ``"scip"``, ``"highs"``, ``"gurobi"``, ``"cplex"`` (XML, both ``.sol`` and ``.mst``) or ``"cbc"``
        (``-mipstart``), whatever the suffix.
    scaled : bool
        For a model file written with ``scaled=True``: the point in the units of that file.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    NoSolutionError
        The solution has no point.
    ProblemError
        The point is not finite or of another model; unknown dialect.
    FormatError
        The file cannot be written.

    See Also
    --------
    kktgen.read_solution : The way back.

    Notes
    -----
    Columns have the names they have in the files kktgen writes. An objective value is that of the minimised objective,
    which is the one model files hold. Values have 17 digits; columns at zero are written as well.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> solution = kg.optimize(m).solution
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = kg.write_solution(solution, pathlib.Path(folder) / "toll.sol")
    ...     z = kg.read_solution(path, solution.model)
    >>> bool((z == solution.z).all())
    True
    """
    expect(solution, Solution, "write_solution")
    target, model, z = file_path(path), solution.model, solution.z
    if z is None:
        raise NoSolutionError(f"no point to write to {os.fspath(path)}: status {solution.status!r} ({solution.solver})")
    if len(z) != model.n:
        raise ProblemError(f"the point has {len(z)} entries, model {model.name!r} {model.n} columns")
    if not np.isfinite(z).all():
        raise ProblemError(f"the point of model {model.name!r} has NaN or infinite entries")
    name = dialect or _by_suffix(target.suffix.lower())
    known = [one for one, module in dialects().items() if hasattr(module, "dump")]
    if name not in known:
        raise ProblemError(f"no dialect {name!r} of solution files; there are {', '.join(known)}")
    view, z = (in_own_units(model) if scaled else as_it_stands(model)), np.asarray(z, dtype=float)
    return write_point(view.model, view.point(z), target, name, solution.status)


def write_point(model: Model, z: np.ndarray, target: Path, dialect: str, status: str = "") -> Path:
    """Write a point (n,) in a dialect; NaN entries, where the dialect can leave columns open, are left open."""
    return replace_file(target, lambda file: dialects()[dialect].dump(status, model, z, file))


def read_solution(path: str | os.PathLike[str], model: Model | Bilevel, *, scaled: bool = False) -> np.ndarray:
    r"""Return the point of a solution file over the columns of a model.

    Parameters
    ----------
    path : path
        Written by SCIP, HiGHS (raw, sparse or pretty), CBC (``-solution``), GLPK (``-w``, or the six digits of ``-o``),
        Gurobi (``.sol``, ``.mst``, ``.json``), CPLEX (XML), COPT or Xpress (``.slx``), or by :func:`write_solution`;
        it may be packed by gzip. The dialect is recognised by the first line.
    model : Model or Bilevel
        The model whose file was solved; a problem without followers is one.
    scaled : bool
        The model file was written with ``scaled=True``: the point is brought back to the user's units.

    Returns
    -------
    ndarray (n,)
        In the user's units. Zero where the file is silent.

    Raises
    ------
    FormatError
        The file is none of these (file, line, what was expected), or no name in it is a column of the model.
    NoSolutionError
        The file says that there is no point.

    See Also
    --------
    kktgen.write_solution : The way out.
    kktgen.verify : What the point is worth.

    Examples
    --------
    A point that another solver wrote for the file of the model, here in SCIP's dialect.

    >>> import pathlib, tempfile
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> milp = kg.encode(kg.bound(kg.eliminate(kg.kkt(m))), kg.SOS1())
    >>> text = "solution status: optimal\nobjective value: -2\ntoll 2\nroad(driver) 1\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "toll.sol"
    ...     _ = path.write_text(text)
    ...     z = kg.read_solution(path, milp)
    >>> print(z[toll.cols], z[road.cols], kg.verify(m, z).claim)
    2.0 1.0 bilevel-feasible
    """
    if isinstance(model, Bilevel):
        model = single_level(model, "read_solution", "no file of a solver is about", "; give the model that was solved")
    expect(model, Model, "read_solution", "give the model whose file was solved")
    found, z = read_stated(path, model)
    if z is None:
        raise NoSolutionError(f"{os.fspath(path)}: {found.word}; it holds no point")
    return in_own_units(model).back(z) if scaled else z


def read_stated(path: str | os.PathLike[str], model: Model) -> tuple[Stated, np.ndarray | None]:
    """Return what a solution file states, and its point over the columns of the model, None where it holds none.

    Raises
    ------
    FormatError
        As :func:`read_solution`.
    """
    source = file_path(path)
    where = str(source)
    text = contents(source).replace(b"\r\n", b"\n")
    at = len(text) - len(text.lstrip())
    line = text[at : at + 500].partition(b"\n")[0].rstrip()
    for module in dialects().values():
        if module.begins(line):
            found = module.read(text, where, model)
            return found, None if found.names is None else place(found, model, where)
    openings = "; ".join(f"{module.OPENING} ({module.TITLE})" for module in dialects().values())
    raise FormatError(f"{spot(text, at, where)}: {said(text, at)}; expected one of {openings}")
