"""Functions of NumPy on linear expressions: sums, products with numbers, entries moved, repeated and joined.

Each does what its name says; every other one is refused in words (:mod:`kktgen.problem.refusals`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ProblemError
from .combine import concatenate, rearranged
from .expressions import FUNCTIONS, Affine, Expression, Quad, QuadArray, numbers
from .refusals import title


def _of(names: str) -> list[Any]:
    """Return the functions of NumPy of these names, those that this version has."""
    return [getattr(np, name) for name in names.split() if hasattr(np, name)]


def does(names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register what functions of NumPy do to expressions."""

    def register(handler: Callable[..., Any]) -> Callable[..., Any]:
        FUNCTIONS.update(dict.fromkeys(_of(names), handler))
        return handler

    return register


def _linear(value: Any, name: str) -> Affine:
    """Return the argument that has to be a linear expression."""
    if isinstance(value, Affine):
        return value
    kind = "a product of variables" if isinstance(value, Quad | QuadArray) else f"a {type(value).__name__}"
    raise ProblemError(f"np.{name}: a linear expression is needed in the first place, got {kind}")


# -- entries moved, repeated, left out ---------------------------------------------------------


def _moved(function: Any) -> Callable[..., Any]:
    """Return the handler of a function that only moves entries of its first argument: it is asked where they go."""

    def handler(a: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(a, Quad):
            return _linear(a, function.__name__)
        return rearranged(lambda index: function(index, *args, **kwargs), [a], title(function))

    return handler


MOVED = """
    reshape ravel transpose permute_dims matrix_transpose swapaxes moveaxis rollaxis squeeze expand_dims broadcast_to
    flip fliplr flipud rot90 roll repeat tile take delete diagonal copy split array_split hsplit vsplit dsplit unstack
"""
FUNCTIONS.update({function: _moved(function) for function in _of(MOVED)})

JOINED = "concatenate concat stack vstack row_stack hstack dstack column_stack"


def _joined(function: Any) -> Callable[..., Any]:
    """Return the handler of a function that joins a sequence of arrays."""

    def handler(parts: Any, axis: Any = ...) -> Any:
        chosen = {} if axis is ... else {"axis": axis}
        return rearranged(lambda *index: function(index, **chosen), list(parts), title(function))

    return handler


FUNCTIONS.update({function: _joined(function) for function in _of(JOINED)})


def _each(function: Any) -> Callable[..., Any]:
    """Return the handler of a function of any number of arrays."""

    def handler(*parts: Any) -> Any:
        return rearranged(lambda *index: function(*index), list(parts), title(function))

    return handler


EACH = "atleast_1d atleast_2d atleast_3d broadcast_arrays"
FUNCTIONS.update({function: _each(function) for function in _of(EACH)})


def _with_zeros(function: Any) -> Callable[..., Any]:
    """Return the handler of a function that moves entries and puts zeros beside them."""

    def handler(a: Any, k: int = 0) -> Any:
        a = _linear(a, function.__name__)
        return rearranged(
            lambda index, zero: np.where((at := function(index + 1, k)) > 0, at - 1, zero), [a, 0.0], title(function)
        )

    return handler


ZEROS = "diag diagflat tril triu"
FUNCTIONS.update({function: _with_zeros(function) for function in _of(ZEROS)})


@does("append")
def _append(a: Any, values: Any, axis: int | None = None) -> Any:
    return rearranged(lambda x, y: np.append(x, y, axis), [a, values], "np.append")


@does("where")
def _where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if isinstance(condition, Expression) or x is None or y is None:
        raise ProblemError(
            "np.where takes a mask of numbers and two parts; a choice that depends on a decision is a binary variable "
            "of the leader (m.indicator)"
        )
    mask = numbers(condition) != 0
    return rearranged(lambda *index: np.where(mask, *index), [x, y], "np.where")


# -- sums --------------------------------------------------------------------------------------


@does("sum")
def _sum(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    if isinstance(a, QuadArray):
        return a.sum(axis, keepdims)
    return a if isinstance(a, Quad) and axis is None else _linear(a, "sum").sum(axis, keepdims)


@does("mean")
def _mean(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    if isinstance(a, QuadArray):
        return a.mean(axis, keepdims)
    return a if isinstance(a, Quad) and axis is None else _linear(a, "mean").mean(axis, keepdims)


@does("cumsum")
def _cumsum(a: Any, axis: int | None = None) -> Any:
    return _linear(a, "cumsum").cumsum(axis)


@does("average")
def _average(a: Any, axis: Any = None, weights: Any = None, *, keepdims: bool = False) -> Any:
    if isinstance(weights, Expression):
        raise ProblemError(
            "np.average: weights that are variables make a quotient of variables, which is not quadratic"
        )
    if weights is None:
        return _mean(a, axis, keepdims=keepdims)
    a = _linear(a, "average")
    w = numbers(weights)
    if w.shape != a.shape:
        along = isinstance(axis, int | np.integer) and a.last(axis).shape[-1]
        if along is False or w.shape != (along,):
            raise ProblemError(f"np.average: weights of shape {w.shape} do not fit an expression of shape {a.shape}")
        w = np.moveaxis(w.reshape(w.shape + (1,) * (a.ndim - 1)), 0, axis)
    w = np.broadcast_to(w, a.shape)
    return (a * w).sum(axis, keepdims) / w.sum(axis, keepdims=keepdims)


@does("diff")
def _diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    if not isinstance(n, int | np.integer) or n < 0:
        raise ProblemError(f"np.diff: n is a number of times, got {n!r}")
    shape = _linear(a, "diff").shape if isinstance(a, Expression) else np.shape(a)
    if not isinstance(axis, int | np.integer) or not -len(shape) <= axis < len(shape):
        raise ProblemError(f"np.diff: axis {axis} is none of the {len(shape)} axes of an expression of shape {shape}")
    axis %= len(shape)
    parts = [part for part in (prepend, a, append) if part is not None]
    if len(parts) > 1:
        beside = (*shape[:axis], 1, *shape[axis + 1 :])  # what a scalar before or behind the array fills
        a = concatenate([np.broadcast_to(part, beside) if np.ndim(part) == 0 else part for part in parts], axis)
    x, before = _linear(a, "diff"), (slice(None),) * axis
    for _ in range(n):
        x = x[(*before, slice(1, None))] - x[(*before, slice(None, -1))]
    return x


@does("trapezoid trapz")
def _trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y = _linear(y, "trapezoid")
    line, at = y.last(axis), numbers(dx if x is None else x)
    if at.shape not in (((),) if x is None else (y.shape, line.shape[-1:])):
        raise ProblemError(f"np.trapezoid: x of shape {at.shape} does not fit an expression of shape {y.shape}")
    step = at if x is None else np.diff(at if at.ndim == 1 else np.moveaxis(at, axis, -1))
    return ((y.gather(line[..., 1:]) + y.gather(line[..., :-1])) * (step / 2)).sum(-1)


@does("trace")
def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    return np.diagonal(_linear(a, "trace"), offset, axis1, axis2).sum(-1)


# -- products ----------------------------------------------------------------------------------


def _product(a: Any, b: Any) -> Any:
    """Return ``a @ b``, whichever of them is the expression."""
    return a @ b if isinstance(a, Expression) else b.__rmatmul__(a)


@does("dot")
def _dot(a: Any, b: Any) -> Any:
    return _product(a, b)


@does("vdot")
def _vdot(a: Any, b: Any) -> Any:
    return _product(np.ravel(a), np.ravel(b))


@does("inner")
def _inner(a: Any, b: Any) -> Any:
    return _product(a, np.transpose(b)) if np.ndim(b) <= 2 else _product(a, b)


@does("outer")
def _outer(a: Any, b: Any) -> Any:
    return np.multiply(np.reshape(a, (-1, 1)), np.reshape(b, (1, -1)))


# -- what is known without values --------------------------------------------------------------


@does("shape")
def _shape(a: Any) -> tuple[int, ...]:
    return tuple(a.shape)


@does("ndim")
def _ndim(a: Any) -> int:
    return len(a.shape)


@does("size")
def _size(a: Any) -> int:
    return int(np.prod(a.shape, dtype=np.int64))


@does("zeros_like")
def _zeros_like(a: Any) -> np.ndarray:
    return np.zeros(a.shape)


@does("ones_like")
def _ones_like(a: Any) -> np.ndarray:
    return np.ones(a.shape)
