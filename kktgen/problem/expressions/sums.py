"""Sums, means and running sums of linear expressions."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import scipy.sparse as sp

from ...errors import ProblemError
from ...numerics.sparse import Csr, coo, row_index
from .base import Expression
from .numbers import numbers
from .shaped import Array, Shaped

LONGEST = 10**8
"""Terms above which running sums are refused."""


class Summed(Shaped):
    """An array of linear expressions with its sums; the base of :class:`Affine`."""

    __slots__ = ()

    def __mul__(self, other: Any) -> Any:
        raise NotImplementedError

    def _map(self, A: Csr, shape: tuple[int, ...]) -> Any:
        """Return the entries ``A expr`` in a shape."""
        raise NotImplementedError

    def _total(self, shape: tuple[int, ...]) -> Any:
        """Return the sum of all entries in a shape of one entry."""
        return self._map(Csr(np.ones((1, self.size))), shape)

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, Expression):
            raise ProblemError("division by a variable is not quadratic")
        value = numbers(other)
        if (value == 0).any():
            raise ProblemError("division of an expression by zero")
        return self * (1.0 / value)

    def __matmul__(self, other: Any) -> Any:
        B = other if sp.issparse(other) else numbers(other)
        if B.ndim == 0 or not self.shape:
            return self * other
        if self.shape[-1] != B.shape[0] or self.ndim > 2 or B.ndim > 2:
            raise ProblemError(_misfit(self.shape, B.shape))
        right = Csr(B.T) if B.ndim == 2 else Csr(B[None, :])
        if self.ndim == 1:
            return self._map(right, () if B.ndim == 1 else (B.shape[1],))
        A = Csr(sp.kron(sp.eye_array(self.shape[0]), right, format="csr"))
        return self._map(A, (self.shape[0],) if B.ndim == 1 else (self.shape[0], B.shape[1]))

    def __rmatmul__(self, other: Any) -> Any:
        B = other if sp.issparse(other) else numbers(other)
        if B.ndim == 0 or not self.shape:
            return self * other
        if self.shape[0] != B.shape[-1] or self.ndim > 2 or B.ndim > 2:
            raise ProblemError(_misfit(B.shape, self.shape))
        left = Csr(B) if B.ndim == 2 else Csr(B[None, :])
        head = () if B.ndim == 1 else (B.shape[0],)
        if self.ndim == 1:
            return self._map(left, head)
        A = Csr(sp.kron(left, sp.eye_array(self.shape[1]), format="csr"))
        return self._map(A, (*head, self.shape[1]))

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

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
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
        >>> (x * x).sum(), (x * x).sum(axis=0)
        (Quad(48 products, 0 linear terms), QuadArray(shape=(24,), 48 products))
        """
        if axis is None:
            return self._total((1,) * self.ndim if keepdims else ())
        index = self.last(axis)
        rest, length = index.shape[:-1], index.shape[-1]
        count = int(np.prod(rest, dtype=np.int64))
        A = coo(np.ones(self.size), np.repeat(np.arange(count), length), index.ravel(), (count, self.size))
        gone = {one % self.ndim for one in (axis if isinstance(axis, tuple) else (axis,))}
        kept = tuple(1 if k in gone else length for k, length in enumerate(self.shape))
        return self._map(A, kept if keepdims else rest)

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
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


def _misfit(left: tuple[int, ...], right: tuple[int, ...]) -> str:
    """Say why two arrays cannot be multiplied."""
    most = "; it takes at most two dimensions, reshape to them" if max(len(left), len(right)) > 2 else ""
    return f"shapes {left} and {right} do not fit together in @{most}"
