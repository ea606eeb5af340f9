"""An ``.lp`` or ``.mps`` file read as a problem without followers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...numerics.sparse import widen
from ...problem.bilevel import Bilevel
from ...problem.coords import names_of
from ...problem.expressions import Quad
from ...problem.rows import Rows
from .fields import placed
from .linear_read import read_quadratic

SUFFIXES = (".lp", ".mps")
INFINITE = 1e20
"""Bounds and sides of this size are none."""


def load(source: Path) -> Bilevel:
    """Return the problem of a file: leader variables ``x``, rows ``rows``, both called as in the file.

    Raises
    ------
    FormatError, UnsupportedError, SolverNotFound
        As :func:`kktgen.formats.problems.linear_read.read_quadratic`.
    """
    body = read_quadratic(source)
    lb, ub, lo, hi = (np.where(np.abs(s) >= INFINITE, np.copysign(np.inf, s), s) for s in
                      (body.lb, body.ub, body.lo, body.hi))  # fmt: skip
    with placed(str(source), "the problem"):
        m = Bilevel(body.name or source.name.split(".")[0])
        x = m.var("x", coords=names_of(body.columns, "column"), lb=lb, ub=ub)
        m.space.kind[x.cols] = body.kind
        if len(lo):
            M = widen(body.M, len(m.space))
            m.add(Rows(m.space, M, lo, hi, (len(lo),)), name="rows", coords=names_of(body.rows, "row"))
        goal = Quad.from_matrices(m.space, body.P if body.P.nnz else None, body.cost, body.offset)
        (m.minimize if body.sense > 0 else m.maximize)(goal)
    return m
