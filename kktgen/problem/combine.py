"""Expressions joined into larger ones: concatenated, stacked, summed, held between two sides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import ProblemError
from ..numerics.sparse import Csr, row_combination, vstack
from .columns import Space
from .expressions import Affine, Expression, Quad, QuadArray, between_sides, numbers, same_space
from .rows import QuadRow, QuadRows, Rows


def between(lo: Any, expr: Affine | Quad | QuadArray, hi: Any) -> Rows | QuadRow | QuadRows:
    """Return the two-sided rows ``lo <= expr <= hi``.

    Parameters
    ----------
    lo, hi : float or array
        Sides, broadcast to the expression's shape; -inf and inf where there is none.
    expr : Affine, Quad or QuadArray

    Returns
    -------
    Rows, QuadRow or QuadRows
        To be given to ``add``.

    Raises
    ------
    ProblemError
        No expression of variables, sides of another shape, NaN, or ``lo > hi``.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("ramp")
    >>> power = m.var("power", 4, lb=0, ub=9)
    >>> m.add(kg.between(-2, power[1:] - power[:-1], 2), name="ramp")
    Rows(ramp, shape=(3,), 6 entries)
    >>> m.maximize(power.sum())
    >>> m.add(power[0] == 3)
    Rows(c1, shape=(), 1 entries)
    >>> print(f"{kg.solve(m).objective:.2f}")                # 3 + 5 + 7 + 9
    24.00
    """
    if not isinstance(expr, Expression):
        raise ProblemError(f"between: an expression of variables is needed, got {type(expr).__name__}")
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
    if not isinstance(expr, Affine):
        return between_sides(expr, lower, upper)
    return Rows(expr.space, expr.M, lower - expr.c, upper - expr.c, expr.shape)


def rearranged(function: Callable[..., Any], parts: Sequence[Any], where: str) -> Any:
    """Return what a function that only moves entries makes of expressions and numbers.

    The function is given arrays of positions, one a part, and returns one such array, or a list or tuple of them.

    Raises
    ------
    ProblemError
        No expression among the parts, expressions of two problems, or whatever the function objects to.
    """
    spaces = [part.space for part in parts if isinstance(part, Expression)]
    if not spaces:
        got = f"expressions of variables are needed, got {type(parts[0]).__name__}" if parts else "nothing to join"
        raise ProblemError(f"{where}: {got}")
    bent = any(isinstance(part, Quad | QuadArray) for part in parts)
    lifted: list[Any] = [
        QuadArray.of(spaces[0], part) if bent else part if isinstance(part, Affine) else _constant(part, spaces[0])
        for part in parts
    ]
    for part in lifted[1:]:
        same_space(lifted[0], part)
    starts = np.cumsum([0, *(part.size for part in lifted)])
    try:
        moved = function(*(start + part.positions() for start, part in zip(starts, lifted, strict=False)))
    except (IndexError, TypeError, ValueError) as error:
        if isinstance(error, ProblemError):
            raise
        shapes = " and ".join(str(part.shape) for part in lifted)
        raise ProblemError(f"{where} of expressions of shape {shapes}: {error}") from None
    whole = lifted[0] if len(lifted) == 1 else QuadArray.joined(lifted) if bent else _stacked(lifted)
    if isinstance(moved, list | tuple):
        return type(moved)([whole.gather(index) for index in moved])
    return whole.gather(np.asarray(moved))


def _stacked(parts: Sequence[Affine]) -> Affine:
    """Return expressions one after another, as one of a single dimension."""
    M = vstack([part.M for part in parts], max(part.M.shape[1] for part in parts))
    return Affine(parts[0].space, M, np.concatenate([part.c for part in parts]), (M.shape[0],))


def _constant(value: Any, space: Space) -> Affine:
    """Return numbers as an expression without variables."""
    c = numbers(value)
    return Affine(space, Csr((c.size, 0)), c.ravel(), c.shape)


def concatenate(parts: Sequence[Any], axis: int = 0) -> Any:
    """Return the expressions joined along an existing axis, as ``np.concatenate`` does.

    Parameters
    ----------
    parts : sequence of Affine, QuadArray or array
        Of one problem, equal in shape but along the axis; at least one is an expression.
    axis : int

    Returns
    -------
    Affine or QuadArray

    Raises
    ------
    ProblemError
        No expression to join, something else than expressions and numbers, shapes that do not fit.

    See Also
    --------
    stack : Joins along a new axis.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("join")
    >>> wind, sun = m.var("wind", 3), m.var("sun", 2)
    >>> kg.concatenate([wind, sun, [0]])
    Affine(shape=(6,), 5 terms over 5 columns)
    """
    return rearranged(lambda *index: np.concatenate(index, axis=axis), list(parts), "concatenate")


def stack(parts: Sequence[Any], axis: int = 0) -> Any:
    """Return the expressions joined along a new axis, as ``np.stack`` does.

    Parameters
    ----------
    parts : sequence of Affine, Quad, QuadArray or array
        Of one problem and one shape, at least one of them an expression; scalars give a vector.
    axis : int

    Returns
    -------
    Affine or QuadArray

    Raises
    ------
    ProblemError
        No expression to join, something else than expressions and numbers, several shapes.

    See Also
    --------
    concatenate : Joins along an existing axis.

    Examples
    --------
    The output of two plants in 24 hours, and of both together.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("join")
    >>> wind, sun = m.var("wind", 24), m.var("sun", 24)
    >>> both = kg.stack([wind, sun])
    >>> both.shape, both.sum(axis=0).shape
    ((2, 24), (24,))
    """
    return rearranged(lambda *index: np.stack(index, axis=axis), list(parts), "stack")


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

    See Also
    --------
    Affine.sum : The sum of the entries of one expression.

    Examples
    --------
    Python's own ``sum`` copies the running sum at every step; this one is made in a single pass.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("sum")
    >>> x = [m.var(f"x{k}") for k in range(100)]
    >>> kg.sum(k * x[k] for k in range(1, 100))
    Affine(shape=(), 99 terms over 99 columns)
    >>> kg.sum([x[0] * x[1], x[2], 5])
    Quad(1 products, 1 linear terms)
    """
    parts = list(parts)
    spaces = [part.space for part in parts if isinstance(part, Expression)]
    if not spaces:
        return float(np.sum([numbers(part) for part in parts])) if parts else 0.0
    quads = [Quad.of(spaces[0], part) for part in parts]
    for quad in quads[1:]:
        same_space(quads[0], quad)
    n = max(quad.linear.shape[1] for quad in quads)
    linear = row_combination(vstack([quad.linear for quad in quads], n), np.ones(len(quads)))
    r = float(sum(quad.r for quad in quads))
    if not any(isinstance(part, Quad | QuadArray) for part in parts):
        return Affine(spaces[0], linear, np.array([r]), ())
    return Quad(
        spaces[0],
        np.concatenate([quad.i for quad in quads]),
        np.concatenate([quad.j for quad in quads]),
        np.concatenate([quad.v for quad in quads]),
        linear,
        r,
    )
