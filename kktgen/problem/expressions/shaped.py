"""The array that a linear expression is: its shape, its entries, and how they are taken and moved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from ...errors import ProblemError
from ...numerics.sparse import Csr, csr, take_rows
from ..columns import Space
from ..refusals import NoSuchEntry, NotIterable, refusal
from .base import Expression, asked_by

Array = np.ndarray


class Shaped(Expression):
    """An array of linear expressions ``M z + c``; the base of :class:`Affine`."""

    __slots__ = ()
    space: Space
    M: Csr
    c: Array
    shape: tuple[int, ...]

    def __init__(self, space: Space, M: Csr, c: Array, shape: tuple[int, ...]) -> None:
        raise NotImplementedError

    @property
    def ndim(self) -> int:
        """Number of dimensions.

        Examples
        --------
        >>> import kktgen as kg
        >>> kg.Bilevel("shapes").var("x", (2, 3)).ndim
        2
        """
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of entries.

        Examples
        --------
        >>> import kktgen as kg
        >>> kg.Bilevel("shapes").var("x", (2, 3)).size
        6
        """
        return len(self.c)

    def positions(self) -> Array:
        """Return the positions of the entries in C order, in the shape of the expression.

        Examples
        --------
        >>> import kktgen as kg
        >>> kg.Bilevel("shapes").var("x", (2, 3)).positions().tolist()
        [[0, 1, 2], [3, 4, 5]]
        """
        return np.arange(self.size).reshape(self.shape)

    def gather(self, index: Array) -> Self:
        """Return the entries at flat positions ``index``, in the shape of ``index``.

        Examples
        --------
        >>> import numpy as np
        >>> import kktgen as kg
        >>> x = kg.Bilevel("shapes").var("x", (2, 3))
        >>> x.gather(np.array([5, 0])).cols.tolist()
        [5, 0]
        """
        flat = index.ravel()
        return type(self)(self.space, take_rows(self.M, flat), self.c[flat], index.shape)

    def broadcast_to(self, shape: tuple[int, ...]) -> Self:
        """Return the entries repeated to fill a larger shape, as NumPy broadcasts.

        Examples
        --------
        >>> import kktgen as kg
        >>> price = kg.Bilevel("shapes").var("price", (1, 3))
        >>> price.broadcast_to((2, 3)).cols.tolist()
        [[0, 1, 2], [0, 1, 2]]
        """
        return self if shape == self.shape else self.gather(np.broadcast_to(self.positions(), shape))

    def _entry(self, k: int) -> Self:
        """Return the entry at flat position k; the arrays are shared."""
        first, last = self.M.indptr[k : k + 2]
        row = csr(
            self.M.data[first:last], self.M.indices[first:last], np.array([0, last - first]), (1, self.M.shape[1])
        )
        return type(self)(self.space, row, self.c[k : k + 1], ())

    def __getitem__(self, key: Any) -> Self:
        if not self.shape:
            raise ProblemError("a scalar variable has no entries to index")
        plain = self.ndim == 1 and isinstance(key, int | np.integer) and not isinstance(key, bool)
        if plain and -self.size <= key < self.size:
            return self._entry(int(key) % self.size)
        if isinstance(key, Expression):
            raise ProblemError(
                "an expression cannot be an index: a choice needs binary variables, b @ x with b.sum() == 1"
            )
        try:
            index = self.positions()[key]
        except (IndexError, TypeError, ValueError) as error:
            raise NoSuchEntry(f"{error} (expression of shape {self.shape})") from None
        return self.gather(np.asarray(index))

    def __iter__(self) -> Iterator[Self]:
        if not self.shape:
            raise NotIterable("a scalar expression cannot be iterated")
        return (self[i] for i in range(self.shape[0]))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Return an array of objects, the entries one by one, for those who ask no expression for its operations.

        SciPy's sparse arrays leave an operation to the right side only where this is a single object.
        """
        if dtype is not None and np.dtype(dtype) != object:
            raise ProblemError(refusal("an array of numbers", "__float__"))
        if asked_by("scipy.sparse"):
            return self.whole()
        if not self.shape:
            if asked_by("pandas.core.series", "pandas.core.frame"):
                raise ProblemError("a Series or DataFrame is multiplied with a scalar expression by *, not by @")
            return self.whole()
        out = np.empty(self.size, dtype=object)
        for k in range(self.size):
            out[k] = self._entry(k)
        return out.reshape(self.shape)

    # -- another shape -----------------------------------------------------------------------

    def reshape(self, *shape: int | tuple[int, ...]) -> Self:
        """Return the same entries in another shape.

        Examples
        --------
        >>> import kktgen as kg
        >>> week = kg.Bilevel("shapes").var("week", 7 * 24)
        >>> week.reshape(7, 24)
        Affine(shape=(7, 24), 168 terms over 168 columns)
        """
        wanted: Any = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
        try:
            index = np.arange(self.size).reshape(wanted)
        except (TypeError, ValueError):
            raise ProblemError(f"cannot reshape an expression of shape {self.shape} into {wanted}") from None
        return self.gather(index)

    def ravel(self) -> Self:
        """Return the entries as a vector.

        Examples
        --------
        >>> import kktgen as kg
        >>> kg.Bilevel("shapes").var("x", (2, 3)).ravel()
        Affine(shape=(6,), 6 terms over 6 columns)
        """
        return self.reshape(self.size)

    flatten = ravel

    @property
    def T(self) -> Self:
        """The transpose.

        Examples
        --------
        >>> import kktgen as kg
        >>> kg.Bilevel("shapes").var("x", (2, 3)).T.cols.tolist()
        [[0, 3], [1, 4], [2, 5]]
        """
        return self.gather(self.positions().T)

    def transpose(self, *axes: Any) -> Self:
        """Return the entries with the axes in another order, reversed by default.

        Examples
        --------
        >>> import kktgen as kg
        >>> x = kg.Bilevel("shapes").var("x", (2, 3, 4))
        >>> x.transpose().shape, x.transpose(1, 0, 2).shape
        ((4, 3, 2), (3, 2, 4))
        """
        wanted: Any = axes[0] if len(axes) == 1 else axes or None
        try:
            return self.gather(self.positions().transpose(wanted))
        except (TypeError, ValueError) as error:
            raise ProblemError(f"transpose of an expression of shape {self.shape}: {error}") from None

    def squeeze(self, axis: int | tuple[int, ...] | None = None) -> Self:
        """Return the entries without axes of length one.

        Examples
        --------
        >>> import kktgen as kg
        >>> kg.Bilevel("shapes").var("x", (1, 3)).squeeze().shape
        (3,)
        """
        try:
            return self.gather(self.positions().squeeze(axis))
        except (TypeError, ValueError) as error:
            raise ProblemError(f"squeeze of an expression of shape {self.shape}: {error}") from None
