"""A follower from an ``.lp`` or ``.mps`` file, or from a model that HiGHS holds."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FormatError, ProblemError
from ..formats.problems.linear_read import SingleLevel, held, read_quadratic
from ..problem.bilevel import Bilevel
from ..problem.expressions import Affine
from . import matrices
from .imported import Imported

__all__ = ["follower"]
INFINITE = 1e20
"""Bounds and sides of this size are none, as HiGHS and most solvers take them."""


def follower(
    m: Bilevel,
    source: Any,
    *,
    leader: Sequence[str] | np.ndarray = (),
    rows_of_leader: Sequence[str] | np.ndarray = (),
    given: Mapping[str, Affine] | None = None,
    name: str = "follower",
) -> Imported:
    """Declare the model of a file, or one that HiGHS holds, as a follower; some of its columns are the leader's.

    Parameters
    ----------
    m : Bilevel
    source : path or highspy.Highs
        An ``.lp`` or ``.mps`` file (``.gz`` may be behind it), linear but for products in its objective,
        ``[ 2 offer * g0 ] / 2`` in an ``.lp``; or a HiGHS object, ``linopy.Model.to_highspy()`` for one. Columns
        without names are called ``c0, c1, ..``, rows ``r0, r1, ..``.
    leader : sequence of str, or array of bool
        The leader's columns: names, patterns such as ``"offer*"``, or a mask.
    rows_of_leader : sequence of str, or array of bool
        Rows with columns of the follower that the leader keeps; rows without any are the leader's anyway.
    given : mapping of str to Affine, optional
        Expressions of the leader, declared already, that stand for the columns of some names.
    name : str
        Of the follower.

    Returns
    -------
    Imported
        Variables by name, ``dual`` by the names of the rows. Terms of the objective in the leader's columns alone are
        no cost of the follower, nor of the leader.

    Raises
    ------
    FormatError
        HiGHS cannot read the file: it says where. It reads no SOS sets, indicators or quadratic rows.
    UnsupportedError
        Semi-continuous variables.
    ProblemError
        As :func:`kktgen.interop.matrices.follower`.

    See Also
    --------
    kktgen.interop.matrices.follower : The same from matrices.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import kktgen as kg
    >>> text = '''Minimize
    ...  cost: 30 rival + [ 2 offer * own ] / 2
    ... Subject To
    ...  balance: own + rival = 100
    ... Bounds
    ...  offer <= 60
    ...  own <= 60
    ...  rival <= 80
    ... End
    ... '''
    >>> m = kg.Bilevel("bidding")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "market.lp"
    ...     _ = path.write_text(text)
    ...     market = kg.highs.follower(m, path, leader=["offer"], name="market")
    >>> m.maximize(market.dual["balance"] @ market["own"] - 10 * market["own"])
    >>> result = kg.optimize(m)
    >>> print(f"{result.solution.objective:.2f} at a price of {result.solution[market.dual['balance']]:.2f}")
    1200.00 at a price of 30.00
    """
    body = _body(source, name)
    lb, ub, lo, hi = (_open(side) for side in (body.lb, body.ub, body.lo, body.hi))
    return matrices.follower(
        m, body.P, body.cost, body.M, lo, hi, lb, ub, leader=leader, names=body.columns.tolist(),
        rows=body.rows.tolist(), kinds=body.kind, rows_of_leader=rows_of_leader, given=given,
        sense="min" if body.sense > 0 else "max", offset=body.offset, name=name,
    )  # fmt: skip


def _body(source: Any, name: str) -> SingleLevel:
    """Return the model of a file or of a HiGHS object."""
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if not path.name.lower().removesuffix(".gz").endswith((".lp", ".mps")):
            raise FormatError(f"{path}: expected an .lp or .mps file")
        return read_quadratic(path)
    if not hasattr(source, "getModel"):
        raise ProblemError(
            f"follower {name!r}: a path of an .lp or .mps file is expected, or a highspy.Highs object, got "
            f"{type(source).__name__}"
        )
    lp = source.getLp()
    return held(
        source, f"follower {name!r}", _named(lp.col_names_, lp.num_col_, "c"), _named(lp.row_names_, lp.num_row_, "r")
    )


def _named(given: Sequence[str], count: int, letter: str) -> np.ndarray:
    """Return names, those that HiGHS gives where there are none."""
    own = np.char.add(letter, np.arange(count).astype(str)) if count else np.empty(0, dtype=str)
    return np.where(np.array(given, dtype=str) == "", own, given) if len(given) == count and count else own


def _open(sides: np.ndarray) -> np.ndarray:
    """Return bounds or sides, infinite ones as such."""
    return np.where(np.abs(sides) >= INFINITE, np.copysign(np.inf, sides), sides)
