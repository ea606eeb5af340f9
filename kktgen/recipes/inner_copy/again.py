"""A problem declared again: variables, rows and costs over the columns of a new one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ...numerics.sparse import Csr, coo, row_index
from ...problem.bilevel import Bilevel
from ...problem.columns import Block, Space
from ...problem.coords import Coords
from ...problem.expressions import Affine, Quad, QuadArray
from ...problem.follower import Follower
from ...problem.rows import QuadRow, QuadRows, Rows
from .boxes import Box


class Said(NamedTuple):
    """Rows of a follower as they were declared, before their products became columns."""

    name: str
    quads: QuadArray
    lo: np.ndarray
    hi: np.ndarray
    coords: Coords | None
    when: tuple[np.ndarray, np.ndarray] | None
    source: int


def said(follower: Follower) -> Iterator[Said]:
    """Yield a follower's rows without its bounds and cones; ``source`` is the declaration's index.

    It is -1 of conditional rows.
    """
    cones = {cone.name for cone in follower.cones}
    natural = {row.name: row for row in follower.products.natural}
    conditional = {part.name: part for part in follower.products.conditional}
    for k, declared in enumerate(follower.declared):
        if declared.is_bound or declared.word in cones:
            continue
        if declared.word in natural:
            quads = natural[declared.word].quads
        else:
            quads = _with_terms(follower, declared.M, declared.shape)
        yield Said(declared.word, quads, declared.lo, declared.hi, declared.coords, None, k)
    for name, part in conditional.items():
        row = natural[name]
        yield Said(name, row.quads, row.lo, row.hi, part.coords, row.when, -1)


def _with_terms(follower: Follower, M: Csr, shape: tuple[int, ...]) -> QuadArray:
    """Return linear rows with the leader's products in the place of the columns that stand for them."""
    row, keep = row_index(M), np.ones(M.nnz, dtype=bool)
    parts = [(np.empty(0, int), np.empty(0, int), np.empty(0, int), np.empty(0))]
    for term in follower.terms:
        for e in np.flatnonzero(M.indices == term.column).tolist():
            keep[e] = False
            k = len(term.quad.v)
            parts.append((np.full(k, row[e]), term.quad.i, term.quad.j, M.data[e] * term.quad.v))
    at, i, j, v = (np.concatenate(part) for part in zip(*parts, strict=True))
    rest = coo(M.data[keep], row[keep], M.indices[keep], M.shape)
    return QuadArray.of_terms(follower.space, at, i, j, v, rest, np.zeros(M.shape[0]), shape)


def free_name(copy: Follower, word: str) -> str:
    """Return a name like this one that no variable of a follower has."""
    while word in copy._names:
        word += "_"
    return word


def declared_again(
    owner: Bilevel | Follower, block: Block, space: Space, name: str, box: Box | None = None
) -> np.ndarray:  # fmt: skip
    """Declare the variable of a block of another space for a leader or a follower; return its columns.

    Where it has no bound, that of a box of all columns of the other space is taken, if one is given.
    """
    part, whole = slice(block.start, block.stop), block.index is None
    kinds, shape = space.kind[part], block.shape if whole else (block.stop - block.start,)
    mixed = (kinds != kinds[0]).any()
    lb, ub = space.lb[part], space.ub[part]
    if box is not None:
        lb, ub = np.where(np.isfinite(lb), lb, box[0][part]), np.where(np.isfinite(ub), ub, box[1][part])
    made = owner.var(
        name, shape, lb=lb.reshape(shape), ub=ub.reshape(shape), kind="C" if mixed else str(kinds[0]),
        coords=block.coords if whole else None, unit=block.unit,
    ).cols.ravel()  # fmt: skip
    owner.space.kind[made] = kinds
    return made


def rows_again(one: Said, to: np.ndarray, space: Space) -> Rows | QuadRow | QuadRows:
    """Return rows over the columns ``to`` (n,) of another space."""
    M = matrix_again(one.quads.M, to, len(space))
    at, i, j, v = one.quads.terms()
    if not len(v):
        return Rows(space, M, one.lo, one.hi, one.quads.shape)
    if not one.quads.shape:
        return QuadRow(Quad(space, to[i], to[j], v, M, 0.0), float(one.lo[0]), float(one.hi[0]))
    zero = np.zeros(len(one.lo))
    return QuadRows(QuadArray.of_terms(space, at, to[i], to[j], v, M, zero, one.quads.shape), one.lo, one.hi)


def condition_again(one: Said, to: np.ndarray, space: Space) -> dict[str, Any]:
    """Return the condition of rows as an argument of :meth:`kktgen.Follower.add`; none without one."""
    if one.when is None:
        return {}
    binary, value = one.when
    M = coo(np.where(value == 1, 1.0, -1.0), np.arange(len(binary)), to[binary], (len(binary), len(space)))
    return {"when": Affine(space, M, np.where(value == 1, 0.0, 1.0), one.quads.shape)}


def matrix_again(M: Csr, to: np.ndarray, n: int) -> Csr:
    """Return rows over the columns ``to`` of another space of n."""
    return coo(M.data, row_index(M), to[M.indices], (M.shape[0], n))


def quad_again(quad: Quad, to: np.ndarray, space: Space) -> Quad:
    """Return an expression over the columns ``to`` of another space."""
    return Quad(space, to[quad.i], to[quad.j], quad.v, matrix_again(quad.linear, to, len(space)), quad.r)


def at_most(quad: Quad, side: float = 0.0) -> Rows | QuadRow:
    """Return the row that an expression is no larger than a number."""
    if len(quad.v):
        linear = Quad(quad.space, quad.i, quad.j, quad.v, quad.linear, 0.0)
        return QuadRow(linear, -np.inf, side - quad.r)
    return Rows(quad.space, quad.linear, np.array([-np.inf]), np.array([side - quad.r]), ())


def prices_again(old: Follower, new: Follower, to: np.ndarray) -> None:
    """Write the multipliers of a follower that was declared again into ``to`` (n,), in place."""
    there = {(d.word, d.item, d.is_bound): d.prices for d in new.declared}
    pairs = [pair for d in old.declared for pair in zip(d.prices, there[d.word, d.item, d.is_bound], strict=True)]
    conditional = {part.name: part for part in new.products.conditional}
    for part in old.products.conditional:
        pairs += [(part.mu_lo, conditional[part.name].mu_lo), (part.mu_hi, conditional[part.name].mu_hi)]
    for before, after in pairs:
        some = before >= 0
        to[before[some]] = after[some]
