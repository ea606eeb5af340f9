"""Expressions joined into larger ones: concatenated, stacked, summed, held between two sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import ProblemError
from .expr import Affine, Quad, numbers, row_combination, same_space
from .rows import Rows
from .sparse import vstack


def between(lo: Any, expr: Affine, hi: Any) -> Rows:
    """Return the two-sided rows ``lo <= expr <= hi`` (numbers or arrays on both sides)."""
    lower, upper = np.broadcast_to(numbers(lo), expr.shape).ravel(), np.broadcast_to(numbers(hi), expr.shape).ravel()
    if (lower > upper).any():
        raise ProblemError("between(lo, expr, hi) with lo > hi: no point satisfies it")
    return Rows(expr.space, expr.M, lower - expr.c, upper - expr.c, expr.shape)


def concatenate(parts: Sequence[Affine], axis: int = 0) -> Affine:
    """Return the expressions joined along an existing axis."""
    parts = [part for part in parts]
    if not parts:
        raise ProblemError("nothing to concatenate")
    for part in parts[1:]:
        same_space(parts[0], part)
    n = max(part.M.shape[1] for part in parts)
    sizes = np.cumsum([0, *(part.size for part in parts)])
    try:
        index = np.concatenate(
            [start + np.arange(part.size).reshape(part.shape) for start, part in zip(sizes, parts, strict=False)],
            axis=axis,
        )
    except ValueError as error:
        raise ProblemError(
            f"cannot concatenate expressions of shapes {[part.shape for part in parts]}: {error}"
        ) from None
    whole = Affine(
        parts[0].space,
        vstack([part.M for part in parts], n),
        np.concatenate([part.c for part in parts]),
        (int(sizes[-1]),),
    )
    return whole._gather(index)


def stack(parts: Sequence[Affine], axis: int = 0) -> Affine:
    """Return the expressions (of one shape) joined along a new axis."""
    parts = list(parts)
    if len({part.shape for part in parts}) > 1:
        raise ProblemError(f"cannot stack expressions of shapes {[part.shape for part in parts]}")
    flat = concatenate([part.ravel() for part in parts])
    joined = flat.reshape(len(parts), *parts[0].shape)
    order = np.moveaxis(np.arange(joined.size).reshape(joined.shape), 0, axis)
    return joined._gather(order)


def total(parts: Sequence[Any]) -> Any:
    """Return the sum of many scalar expressions (numbers, Affine, Quad) in one pass; available as ``kg.sum``."""
    parts = list(parts)
    spaces = [part.space for part in parts if isinstance(part, Affine | Quad)]
    if not spaces:
        return float(np.sum(parts)) if parts else 0.0
    quads = [Quad.of(spaces[0], part) for part in parts]
    for quad in quads[1:]:
        same_space(quads[0], quad)
    n = max(quad.linear.shape[1] for quad in quads)
    linear = row_combination(vstack([quad.linear for quad in quads], n), np.ones(len(quads)))
    r = float(sum(quad.r for quad in quads))
    if not any(isinstance(part, Quad) for part in parts):
        return Affine(spaces[0], linear, np.array([r]), ())
    return Quad(
        spaces[0],
        np.concatenate([quad.i for quad in quads]),
        np.concatenate([quad.j for quad in quads]),
        np.concatenate([quad.v for quad in quads]),
        linear,
        r,
    )
