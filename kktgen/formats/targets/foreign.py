"""What a model file on disk asks of whoever reads it, whoever wrote it: found by reading it with SCIP and HiGHS."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import FormatError, KktgenError, SolverNotFound
from ...model.tables import QuadTable, RowTable, psd_rows
from ...numerics.quiet_scip import heard
from ...numerics.sparse import Csr, joined
from ..problems.linear_read import read_single_level
from ..writing.files import file_path
from ..writing.magnitudes import Magnitudes
from .needs import Needs, combined

INFINITY = 1e20
"""What SCIP takes for infinite."""
LINEAR = {"linear", "setppc", "knapsack", "varbound", "logicor"}
KINDS = {"SOS1": "sos1", "SOS2": "sos2", "indicator": "indicator"}
"""Sorts of SCIP's constraints, and the features they are."""
OBJECTIVES = {"quadobj", "qmatrix"}
"""Rows that SCIP makes of the quadratic objective of .lp and .mps."""


def scip_model(path: Path) -> Any:
    """Return the model of a ``.lp``, ``.mps`` or ``.cip`` file as SCIP reads it.

    Raises
    ------
    FormatError
        There is no such file, SCIP cannot read it (why), or it holds nothing.
    SolverNotFound
        SCIP is not installed.
    """
    try:
        from pyscipopt import Model as Scip
    except ImportError:
        raise SolverNotFound(f"{path} is read through SCIP: pip install pyscipopt") from None
    if not path.is_file():
        raise FormatError(f"no file {path}")
    scip = Scip()
    scip.hideOutput()
    try:
        with heard() as said:
            scip.readProblem(str(path))
    except Exception as error:
        raise FormatError(f"{path} cannot be read by SCIP: {said.cause or error}") from None
    if not scip.getNVars(transformed=False) and not scip.getNConss(transformed=False):
        raise FormatError(f"{path} holds no model that SCIP can read")
    return scip


class ModelFile(NamedTuple):
    """What a model file on disk holds.

    Parameters
    ----------
    path : Path
    sizes : list of (str, str)
        Columns by kind and rows by SCIP's sorts, to print.
    needs : Needs
        What it asks of a reader.
    """

    path: Path
    sizes: list[tuple[str, str]]
    needs: Needs

    @property
    def suffix(self) -> str:
        """``.lp``, ``.mps`` or ``.cip``."""
        return Path(self.path.name.lower().removesuffix(".gz")).suffix

    @property
    def is_packed(self) -> bool:
        """Whether the file ends in ``.gz``."""
        return self.path.name.lower().endswith(".gz")


def file_features(path: str | os.PathLike[str]) -> ModelFile:
    """Return the sizes of a model file, and what its model asks of a reader.

    Parameters
    ----------
    path : path
        ``.lp``, ``.mps`` or ``.cip``, ``.gz`` may be behind it.

    Raises
    ------
    FormatError, SolverNotFound
        As :func:`scip_model`.

    See Also
    --------
    kktgen.readers : Takes the answer, or the path itself.

    Notes
    -----
    Convexity is judged as of any model. Coefficients that the reading itself drops (at most 1e-12 where HiGHS takes the
    file, else 1e-9) are not seen, nor how the file spells things.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import kktgen as kg
    >>> m = kg.Bilevel("choice")
    >>> x = m.var("x", 2, kind="B")
    >>> m.maximize(x.sum())
    >>> m.sos1(x)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     asked = kg.formats.file_features(kg.write(m, pathlib.Path(folder) / "choice.lp"))
    >>> sorted(asked.needs.features)
    ['int', 'sos1']
    """
    source = file_path(path)
    scip = scip_model(source)
    columns = scip.getVars(transformed=False)
    kinds: dict[str, list[Any]] = {}
    for row in scip.getConss(transformed=False):
        kinds.setdefault(row.getConshdlrName(), []).append(row)
    whole = [v for v in columns if v.vtype() != "CONTINUOUS"]
    features = {KINDS.get(kind, kind) for kind in kinds if kind not in LINEAR and kind != "nonlinear"}
    features |= {"int"} if whole else set()
    features |= _curved(scip, kinds.get("nonlinear", []), columns)
    unbounded = any(v.getLbOriginal() <= -INFINITY for v in whole)
    linear = features <= {"int"} and not source.name.lower().removesuffix(".gz").endswith(".cip")
    found = (linear and _by_highs(source)) or _by_scip(scip, kinds.get("linear", []), columns)
    needs = Needs(source.name, combined(frozenset(features), unbounded), found)
    return ModelFile(source, _sizes(scip, columns, kinds), needs)


def _sizes(scip: Any, columns: list[Any], kinds: dict[str, list[Any]]) -> list[tuple[str, str]]:
    counted = [
        ("columns", len(columns)), ("binary", scip.getNBinVars()), ("integer", scip.getNIntVars()),
        ("continuous", scip.getNContVars()), *((f"{kind} rows", len(kinds[kind])) for kind in sorted(kinds)),
    ]  # fmt: skip
    return [(word, str(number)) for word, number in counted if number or word == "columns"]


def _curved(scip: Any, rows: list[Any], columns: list[Any]) -> set[str]:
    """Return the features of nonlinear rows; of an expression that is not quadratic as it stands, ``nonlinear``."""
    place = {v.name: k for k, v in enumerate(columns)}
    simple = [row for row in rows if scip.checkQuadraticNonlinear(row)]
    terms = [
        (k, min(place[x.name], place[y.name]), max(place[x.name], place[y.name]), value)
        for k, row in enumerate(simple)
        for x, y, value in _products(scip, row)
    ]
    row, i, j = (np.array(part, dtype=np.int64) for part in list(zip(*terms, strict=True))[:3] or ((), (), ()))
    v, n, count = np.array([term[3] for term in terms]), len(columns), len(simple)
    lo, hi = (np.array([get(r) for r in simple], dtype=float) for get in (scip.getLhs, scip.getRhs))
    lo[lo <= -INFINITY], hi[hi >= INFINITY] = -np.inf, np.inf
    convex = psd_rows(QuadTable(row, i, j, v, RowTable(Csr((count, n)), lo, hi)), n)
    out = {
        ("qobj" if row.name in OBJECTIVES else "qrow") + ("" if ok else "_nonconvex")
        for row, ok in zip(simple, convex, strict=True)
    }
    return out | ({"nonlinear"} if len(simple) < len(rows) else set())


def _products(scip: Any, row: Any) -> list[tuple[Any, Any, float]]:
    """Return the products of a quadratic row."""
    bilinear, squares, _ = scip.getTermsQuadratic(row)
    return [*bilinear, *((x, x, value) for x, value, _ in squares if value)]


def _by_highs(path: Path) -> Magnitudes | None:
    """Return the extremes of a linear file as HiGHS reads it, None when it does not."""
    try:
        lp = read_single_level(path)
    except KktgenError:
        return None
    return Magnitudes.of([lp.M.data], lp.cost, [lp.lo, lp.hi, lp.lb, lp.ub])


def _by_scip(scip: Any, rows: list[Any], columns: list[Any]) -> Magnitudes:
    """Return the extremes of the linear rows as SCIP reads them."""
    entries = [np.array(list(scip.getValsLinear(row).values()), dtype=float) for row in rows]
    sides = [side for row in rows for side in (scip.getLhs(row), scip.getRhs(row))]
    sides += [bound for v in columns for bound in (v.getLbOriginal(), v.getUbOriginal())]
    finite = np.array(sides, dtype=float)
    costs = np.array([v.getObj() for v in columns], dtype=float)
    return Magnitudes.of([joined(entries)], costs, [finite[np.abs(finite) < INFINITY]])
