"""``.mps`` and ``.lp`` files read, through HiGHS, and models that HiGHS holds."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from ...errors import FormatError, SolverNotFound, UnsupportedError
from ...numerics.quiet_highs import logged, quiet
from ...numerics.sparse import Csr
from ..writing.files import contents
from .mps_check import check_mps, check_text, check_words

SMALLEST = 1e-12
"""HiGHS drops coefficients of at most this size; its own default is 1e-9."""


@dataclass(frozen=True, eq=False)
class SingleLevel:
    """A mixed-integer model: objective ``1/2 z'Pz + cost'z + offset``, rows ``lo <= M z <= hi``, bounds, kinds, names.

    Parameters
    ----------
    name : str
    columns, rows : ndarray of str
        Names.
    M : csr_array (m, n)
    lo, hi : ndarray (m,)
    lb, ub, cost : ndarray (n,)
    kind : ndarray (n,) of 'C', 'B' or 'I'
        Binary are integers with bounds [0, 1].
    sense : int
        1 minimised, -1 maximised.
    offset : float
    P : csr_array (n, n)
        Symmetric; empty where the objective is linear.
    """

    name: str
    columns: np.ndarray
    rows: np.ndarray
    M: Csr
    lo: np.ndarray
    hi: np.ndarray
    lb: np.ndarray
    ub: np.ndarray
    cost: np.ndarray
    kind: np.ndarray
    sense: int
    offset: float
    P: Csr


def read_single_level(path: Path) -> SingleLevel:
    """Return the linear model of an ``.mps`` or ``.lp`` file (``.gz`` may be behind it).

    Raises
    ------
    FormatError
        HiGHS cannot read it.
    UnsupportedError
        It has a quadratic objective, or semi-continuous variables.
    SolverNotFound
        HiGHS is not installed.

    Notes
    -----
    HiGHS refuses coefficients of 1e15 and more, and drops those of at most 1e-12.
    """
    body = read_quadratic(path)
    if body.P.nnz:
        raise UnsupportedError(f"{path}: a quadratic objective; bilevel problems from such files are linear")
    return body


def read_quadratic(path: Path) -> SingleLevel:
    """Return the model of an ``.mps`` or ``.lp`` file, whose objective may be quadratic.

    Raises
    ------
    FormatError, UnsupportedError, SolverNotFound
        As :func:`read_single_level`.
    """
    try:
        import highspy
    except ImportError:
        raise SolverNotFound(f"{path} is read through HiGHS: pip install highspy") from None
    data = contents(path)
    suffix = ".lp" if path.name.lower().removesuffix(".gz").endswith(".lp") else ".mps"
    check_text(data, str(path))
    if suffix == ".mps":
        check_mps(data, str(path))
    highs = quiet()
    highs.setOptionValue("small_matrix_value", SMALLEST)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"model{suffix}"
        copy.write_bytes(data)
        with logged(highs) as said:
            status = highs.readModel(str(copy))
            words = said().replace(str(copy), copy.name)
    lp = highs.getLp()
    if status == highspy.HighsStatus.kError or not lp.num_col_:
        why = f" ({words})" if words else ""
        raise FormatError(f"{path}: HiGHS {highs.version()} cannot read it; expected a linear {suffix} file{why}")
    columns, rows = _names(lp.col_names_, lp.num_col_, path, "column"), _names(lp.row_names_, lp.num_row_, path, "row")
    return held(highs, str(path), columns, rows, _title(data))


def held(highs: Any, where: str, columns: np.ndarray, rows: np.ndarray, name: str = "") -> SingleLevel:
    """Return the model that a HiGHS object holds, under these names.

    Raises
    ------
    UnsupportedError
        It has semi-continuous variables.
    """
    import highspy

    model = highs.getModel()
    lp, hessian = model.lp_, model.hessian_
    kinds = np.array([int(kind) for kind in lp.integrality_] or [0] * lp.num_col_)
    if (kinds > 1).any():
        raise UnsupportedError(
            f"{where}: {int((kinds > 1).sum())} semi-continuous variables, which kktgen does not hold"
        )
    by_column = lp.a_matrix_.format_ == highspy.MatrixFormat.kColwise
    lb, ub = (np.array(bound, dtype=float) for bound in (lp.col_lower_, lp.col_upper_))
    kind = np.where(kinds == 0, "C", np.where((lb == 0) & (ub == 1), "B", "I"))
    P = _packed(hessian, (hessian.dim_, hessian.dim_), True)
    P.resize((lp.num_col_, lp.num_col_))
    if hessian.format_ == highspy.HessianFormat.kTriangular:
        P = Csr(P + sp.tril(P, -1).T)
    P.eliminate_zeros()
    return SingleLevel(
        name, columns, rows, _packed(lp.a_matrix_, (lp.num_row_, lp.num_col_), by_column),
        np.array(lp.row_lower_, dtype=float), np.array(lp.row_upper_, dtype=float), lb, ub,
        np.array(lp.col_cost_, dtype=float), kind, 1 if lp.sense_ == highspy.ObjSense.kMinimize else -1, lp.offset_, P,
    )  # fmt: skip


def _packed(matrix: Any, shape: tuple[int, int], by_column: bool) -> Csr:
    """Return a matrix of HiGHS; a Hessian is kept by columns, its lower triangle alone."""
    parts = (np.array(matrix.value_), np.array(matrix.index_), np.array(matrix.start_))
    return Csr(sp.csc_array(parts, shape=shape)) if by_column else Csr(parts, shape=shape)


def _title(data: bytes) -> str:
    """Return the name an ``.mps`` file gives itself; HiGHS calls the model after the file."""
    found = re.search(rb"^NAME[ \t]+(\S+)", data[:10_000], re.MULTILINE)
    return found[1].decode("utf-8", "replace") if found else ""


def _names(given: Sequence[str], count: int, path: Path, what: str) -> np.ndarray:
    """Return the names; HiGHS has none left where one is there twice, and has made two of its column."""
    if len(given) != count:
        if what == "row" and ".lp" in path.suffixes:
            return np.char.add("c", np.arange(count).astype(str))
        raise FormatError(f"{path}: a {what} is there twice; expected every name once, and its entries together")
    check_words(given, str(path))
    return np.array(given, dtype=str)
