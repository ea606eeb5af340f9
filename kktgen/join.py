"""Expressions joined into larger ones: concatenated, stacked, summed, held between two sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import ProblemError
from .expr import Affine, Quad, numbers, row_combination, same_space
from .rows import Rows
from .sparse import vstack


def _affine(parts: Sequence[Any], where: str) -> None:
    """Refuse parts that are no expressions of variables."""
    for part in parts:
        if not isinstance(part, Affine):
            raise ProblemError(f"{where}: linear expressions of variables are needed, got {type(part).__name__}")


def between(lo: Any, expr: Affine, hi: Any) -> Rows:
    """Return the two-sided rows ``lo <= expr <= hi``.

    Parameters
    ----------
    lo, hi : float or array
        Sides, broadcast to the expression's shape; -inf and inf where there is none.
    expr : Affine

    Returns
    -------
    Rows
        To be given to ``add``.

    Raises
    ------
    ProblemError
        No linear expression, sides of another shape, NaN, or ``lo > hi``.
    """
    _affine([expr], "between")
    try:
        lower, upper = (np.broadcast_to(numbers(side), expr.shape).ravel() for side in (lo, hi))
    except ValueError as error:
        if isinstance(error, ProblemError):
            raise
        raise ProblemError(
            f"between: sides of shapes {np.shape(lo)} and {np.shape(hi)} do not fit an expression of {expr.shape}"
        ) from None
    if (lower > upper).any():
        raise ProblemError("between(lo, expr, hi) with lo > hi: no point satisfies it")
    return Rows(expr.space, expr.M, lower - expr.c, upper - expr.c, expr.shape)


def concatenate(parts: Sequence[Affine], axis: int = 0) -> Affine:
    """Return the expressions joined along an existing axis, as ``np.concatenate`` does.

    Parameters
    ----------
    parts : sequence of Affine
        Of one problem, equal in shape but along the axis.
    axis : int

    Returns
    -------
    Affine

    Raises
    ------
    ProblemError
        Nothing to join, something else than expressions, shapes that do not fit.
    """
    parts = list(parts)
    _affine(parts, "concatenate")
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
    """Return the expressions joined along a new axis, as ``np.stack`` does.

    Parameters
    ----------
    parts : sequence of Affine
        Of one problem and one shape; scalars give a vector.
    axis : int

    Returns
    -------
    Affine

    Raises
    ------
    ProblemError
        Nothing to join, something else than expressions, several shapes.
    """
    parts = list(parts)
    _affine(parts, "stack")
    if len({part.shape for part in parts}) > 1:
        raise ProblemError(f"cannot stack expressions of shapes {[part.shape for part in parts]}")
    flat = concatenate([part.ravel() for part in parts])
    joined = flat.reshape(len(parts), *parts[0].shape)
    if not -joined.ndim <= axis < joined.ndim:
        raise ProblemError(f"stack: axis {axis} is none of the {joined.ndim} axes of the result")
    order = np.moveaxis(np.arange(joined.size).reshape(joined.shape), 0, axis)
    return joined._gather(order)


def total(parts: Sequence[Any]) -> Any:
    """Return the sum of many scalar expressions in one pass; available as ``kg.sum``.

    Parameters
    ----------
    parts : sequence of Affine, Quad or float
        Scalars of one problem.

    Returns
    -------
    Affine, Quad or float
        The narrowest type that holds the sum.

    Raises
    ------
    ProblemError
        A part that is no scalar, or expressions of two problems.
    """
    parts = list(parts)
    spaces = [part.space for part in parts if isinstance(part, Affine | Quad)]
    if not spaces:
        return float(np.sum([numbers(part) for part in parts])) if parts else 0.0
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
