"""SCIP's CIP format, written directly because SCIP's own writer keeps 15 digits only.

CIP has no quadratic objective and no one-line indicator, so a quadratic objective is an epigraph,
``min t  s.t.  q(x) - t <= 0`` with a free column ``qobj_t``, and the indicator row ``b = 1 -> a x <= r``
the row ``a x - s <= r`` with a slack column ``s >= 0`` and ``b = 1 -> s = 0``; an equation takes two.
"""

from __future__ import annotations

from dataclasses import replace
from typing import IO, NamedTuple

import numpy as np

from ..model.model import Model
from ..numerics.sparse import Csr, coo, csr, scale_rows, vstack, widen
from .maps.provenance import Listing, single
from .maps.provenance import listing as listed
from .writing.names import EPIGRAPH, unique
from .writing.plain import Plain, plain
from .writing.rows import Literal, ProductTexts, Style, write_rows
from .writing.sides import EQ, GE, LE, WHOLE, Sides
from .writing.text import Number, Part, Pick, emit, pieces, weave, with_blank

SUFFIX = ".cip"
QUADRATIC = b"qobj"
"""The row that defines the column of the objective."""
FEATURES = frozenset({"int", "qobj", "qobj_nonconvex", "qrow", "qrow_nonconvex", "sos1", "indicator"})
_SIDES = (Literal(b" <= ", b";\n"), Literal(b" >= ", b";\n"), Literal(b" == ", b";\n"))


def _style(kind: bytes, times: bytes) -> Style:
    head, nothing = Literal(b"  [" + kind + b"] <", after=b">:"), Literal()
    term = (Literal(b" +", times + b"<", after=b">"), Literal(b" -", times + b"<", after=b">"))
    product = (Literal(b" +", b"*<", b">*<", b">"), Literal(b" -", b"*<", b">*<", b">"))
    return Style(
        (head, head, head, *term, *product, nothing, nothing, nothing, nothing, nothing, *_SIDES), has_square=False
    )


LINEAR, NONLINEAR = _style(b"linear", b""), _style(b"nonlinear", b"*")


class _Extended(NamedTuple):
    """The plain form in CIP's terms: more columns, indicators as slacks, the objective as a row."""

    columns: np.ndarray
    lb: np.ndarray
    ub: np.ndarray
    kind: np.ndarray
    cost: np.ndarray
    slack_rows: Sides
    condition: np.ndarray
    value: np.ndarray
    slack: np.ndarray
    indicators: np.ndarray
    quads: Sides
    products: ProductTexts
    replaced: bool


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
    more = _extend(form)
    file.write(
        b"STATISTICS\n  Problem name     : " + form.name + b"\nOBJECTIVE\n  Sense            : minimize\nVARIABLES\n"
    )
    _variables(more, file)
    file.write(b"CONSTRAINTS\n")
    write_rows(file, LINEAR, more.columns, form.linear)
    write_rows(file, LINEAR, more.columns, more.slack_rows)
    emit(
        file, len(more.slack), b"  [indicator] <", more.indicators, b">: <", Pick(more.columns, more.condition),
        Pick(np.array([b"> = 0 -> <", b"> = 1 -> <"]), more.value), Pick(more.columns, more.slack), b"> = 0 (<",
        more.slack_rows.names, b">);\n",
    )  # fmt: skip
    write_rows(file, NONLINEAR, more.columns, more.quads, more.products)
    _sets(form, file)
    file.write(b"END\n")


def replaced(form: Plain) -> bool:
    """Return whether names that only this format adds were replaced: those of slacks and their rows."""
    return len(form.indicators) > 0 and _extend(form).replaced


def listing(model: Model, form: Plain) -> Listing:
    """Return what stands in the file, in its order: with slacks of indicators and the objective's epigraph."""
    found, more = listed(model, form), _extend(form)
    linear, implied, quads = found.rows
    which = more.slack_rows.source
    where = implied._replace(entry=implied.entry[which], tail=form.indicators.tail[which])
    columns, rows = list(found.columns), [linear]
    if len(form.v):
        columns.append(single(EPIGRAPH, "epigraph"))
        quads_too = [single(QUADRATIC, "epigraph"), quads]
    else:
        quads_too = [quads]
    slacks = [replace(block, role="slack") for block in implied.blocks]
    columns.append(where._replace(names=more.columns[more.slack], blocks=slacks, before=b"s_"))
    rows += [where._replace(names=more.slack_rows.names, before=b"lin_"), where._replace(names=more.indicators)]
    return Listing(columns, [*rows, *quads_too], found.sets)


def _extend(form: Plain) -> _Extended:
    """Add the epigraph's column and row, and the indicators' slacks with their rows."""
    n, epigraph = len(form.columns), int(len(form.v) > 0)
    which, sign, tail = _split_equations(form.indicators)
    k = len(which)
    total = n + epigraph + k
    slack = n + epigraph + np.arange(k)

    stem = pieces(k, form.indicators.names[which], Pick(np.array([b"", b"_le", b"_ge"]), tail))
    fixed = np.concatenate([form.linear.names, form.quads.names, form.set_names])
    rows = np.concatenate([fixed, stem, pieces(k, b"lin_", stem)])
    columns = np.concatenate([form.columns, np.array([EPIGRAPH] * epigraph, dtype="S6"), pieces(k, b"s_", stem)])
    legal, made = unique(columns, b"x", n + epigraph), unique(rows, b"c", len(fixed))
    replaced, made = legal is not columns or made is not rows, made[len(fixed) :]
    M = scale_rows(sign, Csr(form.indicators.M[which]))
    M = Csr(widen(M, total) + coo(-np.ones(k), np.arange(k), slack, (k, total)))
    slack_rows = Sides(M, np.full(k, LE), sign * form.indicators.rhs[which], made[k:], which, np.full(k, WHOLE))
    return _Extended(
        legal,
        np.concatenate([form.lb, np.full(epigraph, -np.inf), np.zeros(k)]),
        np.concatenate([form.ub, np.full(epigraph + k, np.inf)]),
        np.concatenate([form.kind, np.full(epigraph + k, "C")]),
        np.concatenate([form.cost, np.ones(epigraph), np.zeros(k)]),
        slack_rows, form.binary[which], form.value[which], slack, made[:k], *_quadratic(form, total), replaced,
    )  # fmt: skip


def added_values(model: Model, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return names and values at a point z (n,) of the columns that the file has and the model has not.

    Values are NaN where they follow from unknown entries of z.
    """
    form = plain(model)
    more, n = _extend(form), len(form.columns)
    point = np.concatenate([z, np.ones(n - len(z))])
    t = (form.v * point[form.i] * point[form.j]).sum(keepdims=True)[: len(more.columns) - n - len(more.slack)]
    slack = np.maximum(Csr(more.slack_rows.M[:, :n]) @ point - more.slack_rows.rhs, 0.0)
    values = np.concatenate([t + 1e-9 * np.maximum(1.0, np.abs(t)), slack])
    return more.columns[n:], values


def _split_equations(sides: Sides) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (row, sign, tail) of the ``<=`` rows the rows consist of: sign -1 for a ``>=``, tail 1 and 2 for ``=``."""
    two = sides.sense == EQ
    which = np.repeat(np.arange(len(sides)), 1 + two)
    second = np.diff(which, prepend=-1) == 0
    sign = np.where(second | (sides.sense[which] == GE), -1.0, 1.0)
    return which, sign, np.where(two[which], 1 + second, 0)


def _quadratic(form: Plain, total: int) -> tuple[Sides, ProductTexts]:
    """Return the quadratic rows, the first being the objective's epigraph where it has products."""
    quads, items = form.quads, ProductTexts(form.quad_row, form.quad_i, form.quad_j, form.quad_v)
    if len(form.v):
        top = csr(np.array([-1.0]), np.array([len(form.columns)]), np.array([0, 1]), (1, total))
        quads = Sides(
            vstack([top, quads.M], total), np.concatenate([[LE], quads.sense]), np.concatenate([[0.0], quads.rhs]),
            np.concatenate([[QUADRATIC], quads.names]), quads.source, quads.tail,
        )  # fmt: skip
        items = ProductTexts(
            np.concatenate([np.zeros(len(form.v), dtype=np.int64), items.row + 1]),
            np.concatenate([form.i, items.i]), np.concatenate([form.j, items.j]), np.concatenate([form.v, items.v]),
        )  # fmt: skip
    return quads, items


def _variables(more: _Extended, file: IO[bytes]) -> None:
    low, high = np.isfinite(more.lb), np.isfinite(more.ub)
    sort = np.where(more.kind == "C", 0, np.where(more.kind == "I", 1, 2))
    emit(
        file, len(more.columns), Pick(np.array([b"  [continuous] <", b"  [integer] <", b"  [binary] <"]), sort),
        more.columns, b">: obj=", Number(more.cost), b", original bounds=[",
        Number(more.lb, low), Pick(np.array([b"-inf,", b","]), low.astype(np.int8)),
        Number(more.ub, high), Pick(np.array([b"+inf]\n", b"]\n"]), high.astype(np.int8)),
    )  # fmt: skip


def _sets(form: Plain, file: IO[bytes]) -> None:
    """Write the sets, one a line: ``[SOS1] <s>: <x> (1), <y> (2);``."""
    count, sizes = len(form.set_names), np.diff(form.set_start)
    if not count:
        return
    every, of = np.arange(count), np.repeat(np.arange(count), sizes)
    place = np.arange(len(of)) - form.set_start[of]
    names = with_blank(np.concatenate([form.columns, form.set_names]))
    code = np.where(place == 0, 1, 2)
    lines = weave(
        [Part(every, 0, None, len(form.columns) + every), Part(of, code, place + 1, form.set_columns), Part(every, 3)],
        count,
    )
    emit(
        file, len(lines.code),
        Pick(np.array([b"  [SOS1] <", b"<", b", <", b";\n"]), lines.code), Pick(names, lines.first),
        Pick(np.array([b">: ", b"> (", b"> (", b""]), lines.code), Number(lines.value.astype(np.int64), lines.shown),
        Pick(np.array([b"", b")", b")", b""]), lines.code),
    )  # fmt: skip
