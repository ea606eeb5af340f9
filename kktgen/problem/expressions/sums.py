"""Sums, means and running sums of linear expressions."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from ...errors import ProblemError
from ...numerics.sparse import coo, left_multiply, row_combination, row_index
from .shaped import Array, Shaped

LONGEST = 10**8
"""Terms above which running sums are refused."""


class Summed(Shaped):
    """An array of linear expressions with its sums; the base of :class:`Affine`."""

    __slots__ = ()

    def __mul__(self, other: Any) -> Any:
        raise NotImplementedError

    def last(self, axis: int | tuple[int, ...]) -> Array:
        """Return the positions of the entries, the axes named moved to the end and made one.

        Examples
        --------
        >>> import kktgen as kg
        >>> x = kg.Bilevel("axes").var("x", (2, 3))
        >>> x.last(0).tolist()
        [[0, 3], [1, 4], [2, 5]]
        """
        axes = axis if isinstance(axis, tuple) else (axis,)
        for one in axes:
            if not isinstance(one, int | np.integer) or not -self.ndim <= one < self.ndim:
                raise ProblemError(f"axis {one} is none of the {self.ndim} axes of an expression of shape {self.shape}")
        if len({one % self.ndim for one in axes}) < len(axes):
            raise ProblemError(f"axes {axes} name an axis twice")
        moved = np.moveaxis(self.positions(), axes, range(-len(axes), 0))
        rest = moved.shape[: self.ndim - len(axes)]
        return moved.reshape(*rest, int(np.prod(moved.shape[len(rest) :], dtype=np.int64)))

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Self:
        """Return the sum over all entries, or along one axis or several.

        See Also
        --------
        kktgen.sum : The sum of a list of expressions.

        Examples
        --------
        >>> import kktgen as kg
        >>> x = kg.Bilevel("sums").var("x", (2, 24))
        >>> x.sum(), x.sum(axis=1).shape, x.sum(axis=1, keepdims=True).shape
        (Affine(shape=(), 48 terms over 48 columns), (2,), (2, 1))
        """
        if axis is None:
            ones = np.ones(self.size)
            shape = (1,) * self.ndim if keepdims else ()
            return type(self)(self.space, row_combination(self.M, ones), np.array([self.c.sum()]), shape)
        index = self.last(axis)
        rest, length = index.shape[:-1], index.shape[-1]
        count = int(np.prod(rest, dtype=np.int64))
        A = coo(np.ones(self.size), np.repeat(np.arange(count), length), index.ravel(), (count, self.size))
        gone = {one % self.ndim for one in (axis if isinstance(axis, tuple) else (axis,))}
        kept = tuple(1 if k in gone else length for k, length in enumerate(self.shape))
        return type(self)(self.space, left_multiply(A, self.M), A @ self.c, kept if keepdims else rest)

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Self:
        """Return the mean over all entries, or along one axis or several.

        Examples
        --------
        >>> import numpy as np
        >>> import kktgen as kg
        >>> x = kg.Bilevel("means").var("x", (2, 2))
        >>> x.mean(axis=0).value(np.array([1.0, 2.0, 3.0, 6.0])).tolist()
        [2.0, 4.0]
        """
        if self.size == 0:
            raise ProblemError(f"an expression of shape {self.shape} has no entries, so it has no mean")
        total = self.sum(axis, keepdims)
        return total * (total.size / self.size)

    def cumsum(self, axis: int | None = None) -> Self:
        """Return the running sums along an axis, by default of all entries in C order.

        Raises
        ------
        ProblemError
            The sums have more than 1e8 terms; a variable for the running sum has two a row.

        Examples
        --------
        A battery's state of charge after every hour.

        >>> import numpy as np
        >>> import kktgen as kg
        >>> charge = kg.Bilevel("battery").var("charge", 4)
        >>> (10 + charge.cumsum()).value(np.array([2.0, 1.0, -3.0, 4.0])).tolist()
        [12.0, 13.0, 10.0, 14.0]
        """
        if axis is None:
            return self.ravel().cumsum(0)
        index = self.last(axis)
        length = index.shape[-1]
        lines = self.gather(index)
        row = row_index(lines.M)
        times = length - row % max(length, 1)
        if times.sum() > LONGEST:
            raise ProblemError(
                f"running sums of an expression of shape {self.shape} have {times.sum():.1e} terms; declare a variable "
                "s for them, with s[0] == x[0] and s[1:] - s[:-1] == x[1:]"
            )
        step = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
        M = coo(
            np.repeat(lines.M.data, times), np.repeat(row, times) + step, np.repeat(lines.M.indices, times),
            lines.M.shape,
        )  # fmt: skip
        c = lines.c.reshape(index.shape).cumsum(axis=-1).ravel()
        back = np.moveaxis(np.arange(self.size).reshape(index.shape), -1, axis)
        return type(self)(self.space, M, c, index.shape).gather(back)
