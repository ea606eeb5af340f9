"""Rows written one after another, as LP and CIP do: name, terms, products, side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, NamedTuple

import numpy as np

from ...numerics.sparse import Csr, row_index
from .sides import Sides
from .text import CHUNK, Lines, Number, Part, Pick, emit, weave, with_blank

HEAD, IF_0, IF_1, PLUS, TIMES, SQUARE, OPEN, CLOSE, HALF, SIDE = 0, 1, 2, 3, 5, 7, 9, 10, 11, 12
"""Codes of the literals; PLUS, TIMES, SQUARE + 1 are those of a negative number, SIDE + sense those of a side."""


class Literal(NamedTuple):
    """What stands around the number and the names of a line: before, number, between, name, middle, name, after."""

    before: bytes = b""
    between: bytes = b""
    middle: bytes = b""
    after: bytes = b""


@dataclass(frozen=True)
class Style:
    """How a format spells rows: one literal for every code, and whether squares have a spelling of their own."""

    literals: tuple[Literal, ...]
    has_square: bool

    def table(self, part: str) -> np.ndarray:
        """Return one part of all literals as a bytes array."""
        return np.array([getattr(literal, part) for literal in self.literals])


class ProductTexts(NamedTuple):
    """Products ``v z_i z_j`` of the rows ``row``, ascending."""

    row: np.ndarray
    i: np.ndarray
    j: np.ndarray
    v: np.ndarray

    @classmethod
    def none(cls) -> ProductTexts:
        """Return no products."""
        empty = np.empty(0, dtype=np.int64)
        return cls(empty, empty, empty, np.empty(0))


def write_lines(file: IO[bytes], lines: Lines, style: Style, names: np.ndarray) -> None:
    """Write the lines; ``names`` is the table their names are picked from (last: blank)."""
    code = lines.code
    tail = [Pick(style.table("middle"), code)]
    if (lines.second >= 0).any():
        tail.append(Pick(names, lines.second))
    emit(
        file, len(code),
        Pick(style.table("before"), code), Number(lines.value, lines.shown), Pick(style.table("between"), code),
        Pick(names, lines.first), *tail, Pick(style.table("after"), code),
    )  # fmt: skip


def terms(row: np.ndarray, columns: np.ndarray, values: np.ndarray) -> Part:
    """Return the linear terms ``values z[columns]`` of the rows."""
    return Part(row, PLUS + (values < 0), np.abs(values), columns)


def products(items: ProductTexts, style: Style, close: int = CLOSE) -> list[Part]:
    """Return the bracket of the quadratic part: opened and closed in the rows that have products."""
    busy = np.unique(items.row)
    square = (items.i == items.j) & style.has_square
    code = np.where(square, SQUARE, TIMES) + (items.v < 0)
    second = np.where(square, -1, items.j)
    return [Part(busy, OPEN), Part(items.row, code, np.abs(items.v), items.i, second), Part(busy, close)]


def write_rows(
    file: IO[bytes],
    style: Style,
    columns: np.ndarray,
    sides: Sides,
    items: ProductTexts | None = None,
    condition: tuple[np.ndarray, np.ndarray] | None = None,
) -> None:
    """Write rows.

    Parameters
    ----------
    file : binary file
    style : Style
    columns : ndarray (n,) of bytes
        Names of the columns.
    sides : Sides
        Rows with one side each; the linear part.
    items : ProductTexts, optional
        Products of the rows.
    condition : (ndarray (m,), ndarray (m,)), optional
        Binary column and value of every indicator row.
    """
    names = with_blank(np.concatenate([columns, sides.names]))
    n, M = len(columns), sides.M
    lines = M.indptr[1:] + np.arange(1, len(sides) + 1)
    cuts = np.unique(
        np.concatenate([[0], np.searchsorted(lines, np.arange(CHUNK, lines[-1:].sum(), CHUNK)), [len(sides)]])
    )
    for start, stop in zip(cuts[:-1], cuts[1:], strict=True):
        count = stop - start
        every = np.arange(count)
        if condition is None:
            head = Part(every, HEAD, None, n + start + every)
        else:
            binary, value = (part[start:stop] for part in condition)
            head = Part(every, np.where(value == 1, IF_1, IF_0), None, n + start + every, binary)
        entries = slice(M.indptr[start], M.indptr[stop])
        block = Csr(
            (M.data[entries], M.indices[entries], M.indptr[start : stop + 1] - M.indptr[start]), shape=(count, n)
        )
        parts = [head, terms(row_index(block), block.indices, block.data)]
        if items is not None:
            of = slice(*np.searchsorted(items.row, [start, stop]))
            parts += products(ProductTexts(items.row[of] - start, items.i[of], items.j[of], items.v[of]), style)
        parts.append(Part(every, SIDE + sides.sense[start:stop], sides.rhs[start:stop]))
        write_lines(file, weave(parts, count), style, names)
