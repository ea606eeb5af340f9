"""CPLEX LP format, in the dialect that SCIP, HiGHS, Gurobi, CPLEX, Xpress, COPT, MOSEK and CBC read alike.

One term a line; every column has an explicit bound; the quadratic objective is ``[ .. ] / 2`` (coefficients
doubled), a quadratic row ``[ .. ]``; no constants, ranges, comments or numeric infinities.
"""

from __future__ import annotations

from typing import IO

import numpy as np

from ..model.model import Model
from .writing.plain import Plain, plain
from .writing.rows import HALF, Literal, ProductTexts, Style, products, terms, write_lines, write_rows
from .writing.text import Number, Part, Pick, emit, weave, with_blank

SUFFIX = ".lp"
FEATURES = frozenset({"int", "qobj", "qobj_nonconvex", "qrow", "qrow_nonconvex", "sos1", "indicator"})
STYLE = Style(
    (
        Literal(b" ", after=b":\n"),
        Literal(b" ", middle=b": ", after=b" = 0 ->\n"),
        Literal(b" ", middle=b": ", after=b" = 1 ->\n"),
        Literal(b" + ", b" ", after=b"\n"),
        Literal(b" - ", b" ", after=b"\n"),
        Literal(b" + ", b" ", b" * ", b"\n"),
        Literal(b" - ", b" ", b" * ", b"\n"),
        Literal(b" + ", b" ", b" ^2\n"),
        Literal(b" - ", b" ", b" ^2\n"),
        Literal(b" + [\n"),
        Literal(b" ]\n"),
        Literal(b" ] / 2\n"),
        Literal(b" <= ", b"\n"),
        Literal(b" >= ", b"\n"),
        Literal(b" = ", b"\n"),
    ),
    has_square=True,
)


def dump(model: Model | Plain, file: IO[bytes]) -> None:
    """Write the model to a binary file.

    Parameters
    ----------
    model : Model or Plain
        Without complementarity pairs, or its plain form; the minimised objective is written.
    file : binary file

    Raises
    ------
    ProblemError
        NaN or inf where a number is needed.
    """
    form = plain(model)
    file.write(b"Minimize\n obj:\n")
    _objective(form, file)
    file.write(b"Subject To\n")
    write_rows(file, STYLE, form.columns, form.linear)
    write_rows(file, STYLE, form.columns, form.indicators, condition=(form.binary, form.value))
    items = ProductTexts(form.quad_row, form.quad_i, form.quad_j, form.quad_v)
    write_rows(file, STYLE, form.columns, form.quads, items)
    file.write(b"Bounds\n")
    _bounds(form, file)
    for header, kind in ((b"Binaries\n", "B"), (b"Generals\n", "I")):
        of_kind = np.flatnonzero(form.kind == kind)
        if len(of_kind):
            file.write(header)
            emit(file, len(of_kind), b" ", Pick(form.columns, of_kind), b"\n")
    _sets(form, file)
    file.write(b"End\n")


def _objective(form: Plain, file: IO[bytes]) -> None:
    """Write the costs, 0.0 for columns that stand nowhere else, then twice the products over 2."""
    shown = (form.cost != 0) | ~form.used
    if not shown.any() and not len(form.v):
        shown[0] = True  # an empty objective is refused by some readers
    columns = np.flatnonzero(shown)
    row = np.zeros(len(form.v), dtype=np.int64)
    parts = [terms(np.zeros(len(columns), dtype=np.int64), columns, form.cost[columns])]
    parts += products(ProductTexts(row, form.i, form.j, 2.0 * form.v), STYLE, HALF)
    write_lines(file, weave(parts, 1), STYLE, with_blank(form.columns))


def _bounds(form: Plain, file: IO[bytes]) -> None:
    """Write ``x free``, ``-inf <= x <= u``, ``l <= x <= u``, ``x >= l`` or ``x = v`` for every column."""
    lb, ub = form.lb, form.ub
    low, high, fixed = np.isfinite(lb), np.isfinite(ub), lb == ub
    left = np.where(high & ~fixed, np.where(low, 1, 2), 0)
    right = np.where(fixed, 3, np.where(high, 2, np.where(low, 1, 0)))
    emit(
        file, len(lb), b" ", Number(lb, left == 1), Pick(np.array([b"", b" <= ", b"-inf <= "]), left), form.columns,
        Pick(np.array([b" free", b" >= ", b" <= ", b" = "]), right), Number(np.where(high, ub, lb), right > 0), b"\n",
    )  # fmt: skip


def _sets(form: Plain, file: IO[bytes]) -> None:
    """Write the sets, one a line: `` s: S1 :: x : 1 y : 2``."""
    count, sizes = len(form.set_names), np.diff(form.set_start)
    if not count:
        return
    file.write(b"SOS\n")
    every, of = np.arange(count), np.repeat(np.arange(count), sizes)
    weight = np.arange(len(of)) - form.set_start[of] + 1
    n = len(form.columns)
    lines = weave([Part(every, 0, None, n + every), Part(of, 1, weight, form.set_columns), Part(every, 2)], count)
    emit(
        file, len(lines.code), Pick(np.array([b" ", b" ", b"\n"]), lines.code),
        Pick(with_blank(np.concatenate([form.columns, form.set_names])), lines.first),
        Pick(np.array([b": S1 ::", b" : ", b""]), lines.code), Number(lines.value.astype(np.int64), lines.shown),
    )  # fmt: skip
