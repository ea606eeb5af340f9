"""Arrays of quadratic expressions: a table of products beside an array of linear expressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from ...errors import ProblemError
from ...numerics.sparse import Csr, coo, csr, left_multiply, row_index, scale_rows, take_rows, vstack, widen
from ..columns import Space
from ..refusals import refusal
from ..rows import QuadRow, QuadRows
from .base import Expression
from .numbers import common_shape, numbers
from .quad import Quad, quad_row, same_space
from .shaped import Array
from .sums import Summed


class QuadArray(Summed):
    """The array of a given shape with the entries ``sum_t v_kt z_i(t) z_j(t) + (M z + c)_k``.

    What ``*`` makes of two expressions, entry by entry. A single entry of it is a :class:`Quad`.

    Parameters
    ----------
    space : Space
        Columns the expression is written over.
    i, j : ndarray (m,)
        The products ``z_i z_j`` (i <= j) that stand in it, in order, none twice.
    V : csr_array (k, m)
        Their coefficients, one row an entry in C order.
    M, c : csr_array (k, n), ndarray (k,)
        Linear part and constants.
    shape : tuple of int

    See Also
    --------
    Affine : Linear expressions.
    Quad : A scalar.

    Examples
    --------
    The flow on each line that may be built: nothing where it is not, what the angles make of it where it is.

    >>> import numpy as np
    >>> import kktgen as kg
    >>> m = kg.Bilevel("lines")
    >>> built = m.var("built", 2, kind="B")
    >>> market = m.follower("market")
    >>> angle = market.var("angle", 3, lb=-1, ub=1)
    >>> flow = built * (np.array([5.0, 4.0]) * (angle[:2] - angle[1:]))
    >>> flow, flow[0]
    (QuadArray(shape=(2,), 4 products), Quad(2 products, 0 linear terms))
    >>> flow <= 3
    QuadRows(unnamed, shape=(2,), 4 products)
    """

    __slots__ = ("space", "i", "j", "V", "M", "c", "shape")

    def __init__(self, space: Space, i: Array, j: Array, V: Csr, M: Csr, c: Array, shape: tuple[int, ...]) -> None:
        self.space = space
        self.i = i
        self.j = j
        self.V = V
        self.M = M
        self.c = c
        self.shape = shape

    @classmethod
    def of(cls, space: Space, value: Any) -> QuadArray:
        """Return an expression or numbers as an array of quadratic expressions.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("quadratic")
        >>> x = m.var("x", 2)
        >>> kg.QuadArray.of(m.space, x @ x), kg.QuadArray.of(m.space, [1, 2]).shape
        (QuadArray(shape=(), 2 products), (2,))
        """
        if isinstance(value, QuadArray):
            return value
        none = np.empty(0, dtype=np.int64)
        if isinstance(value, Quad):
            own = value.canonical()
            count = len(own.v)
            V = csr(own.v, np.arange(count), np.array([0, count]), (1, count))
            return cls(space, own.i.astype(np.int64), own.j.astype(np.int64), V, own.linear, np.array([own.r]), ())
        if isinstance(value, Summed):
            return cls(space, none, none, Csr((value.size, 0)), value.M, value.c, value.shape)
        given = numbers(value)
        return cls(space, none, none, Csr((given.size, 0)), Csr((given.size, 0)), given.ravel(), given.shape)

    @classmethod
    def product(cls, left: Summed, right: Summed) -> QuadArray:
        """Return the product of two linear expressions, entry by entry, after broadcasting.

        ``(L_k z + a_k) (R_k z + b_k)`` has the products of every pair of entries of the two rows.

        Examples
        --------
        >>> import numpy as np
        >>> import kktgen as kg
        >>> x = kg.Bilevel("quadratic").var("x", 2)
        >>> kg.QuadArray.product(x, x + 1).value(np.array([2.0, 3.0])).tolist()
        [6.0, 12.0]
        """
        same_space(left, right)
        shape = common_shape(left.shape, right.shape)
        left, right = left.broadcast_to(shape), right.broadcast_to(shape)
        L, R = left.M, right.M
        row = row_index(L)
        times = np.diff(R.indptr)[row]
        first = np.repeat(np.arange(L.nnz), times)
        step = np.arange(len(first)) - np.repeat(np.cumsum(times) - times, times)
        second = R.indptr[row[first]] + step
        n = max(L.shape[1], R.shape[1])
        linear = coo(
            np.concatenate([L.data * right.c[row], R.data * left.c[row_index(R)]]),
            np.concatenate([row, row_index(R)]), np.concatenate([L.indices, R.indices]), (len(left.c), n),
        )  # fmt: skip
        return cls.of_terms(
            left.space, row[first], L.indices[first], R.indices[second], L.data[first] * R.data[second], linear,
            left.c * right.c, shape,
        )  # fmt: skip

    @classmethod
    def joined(cls, parts: Sequence[QuadArray]) -> QuadArray:
        """Return the entries of several arrays one after another, as a vector.

        Examples
        --------
        >>> import kktgen as kg
        >>> x = kg.Bilevel("quadratic").var("x", 2)
        >>> kg.QuadArray.joined([x * x, x * x[0]])
        QuadArray(shape=(4,), 4 products)
        """
        start = np.cumsum([0, *(part.size for part in parts)])
        terms = [part.terms() for part in parts]
        row = np.concatenate([first + one[0] for first, one in zip(start[:-1], terms, strict=True)])
        i, j, v = (np.concatenate([one[k] for one in terms]) for k in (1, 2, 3))
        M = vstack([part.M for part in parts], max(part.M.shape[1] for part in parts))
        c = np.concatenate([part.c for part in parts])
        return cls.of_terms(parts[0].space, row, i, j, v, M, c, (len(c),))

    @classmethod
    def of_terms(
        cls, space: Space, row: Array, i: Array, j: Array, v: Array, M: Csr, c: Array, shape: tuple[int, ...]
    ) -> QuadArray:
        """Return the array with the terms ``v z_i z_j`` in its entries ``row``, and a linear part.

        Examples
        --------
        >>> import numpy as np
        >>> from scipy import sparse
        >>> import kktgen as kg
        >>> space = kg.Bilevel("quadratic").var("x", 2).space
        >>> none, at = sparse.csr_array((2, 2)), np.array([0, 1])
        >>> kg.QuadArray.of_terms(space, at, at, at, np.ones(2), none, np.zeros(2), (2,))
        QuadArray(shape=(2,), 2 products)
        """
        n = np.int64(len(space))
        key = np.minimum(i, j).astype(np.int64) * n + np.maximum(i, j)
        known, at = np.unique(key, return_inverse=True)
        V = coo(v, row, at, (len(c), len(known)))
        used, V = _used(V)
        return cls(space, known[used] // n, known[used] % n, V, M, c, shape)

    def __repr__(self) -> str:
        return f"QuadArray(shape={self.shape}, {self.V.nnz} products)"

    # -- entries -----------------------------------------------------------------------------

    def terms(self) -> tuple[Array, Array, Array, Array]:
        """Return the terms as arrays: entry, i, j, coefficient.

        Examples
        --------
        >>> import kktgen as kg
        >>> x = kg.Bilevel("quadratic").var("x", 2)
        >>> [part.tolist() for part in (x * x[::-1]).terms()]
        [[0, 1], [0, 0], [1, 1], [1.0, 1.0]]
        """
        at = self.V.indices
        return row_index(self.V), self.i[at], self.j[at], self.V.data

    def gather(self, index: Array) -> Any:
        """Return the entries at flat positions ``index``, in the shape of ``index``.

        Examples
        --------
        >>> import numpy as np
        >>> import kktgen as kg
        >>> x = kg.Bilevel("quadratic").var("x", 3)
        >>> (x * x).gather(np.array([2, 0]))
        QuadArray(shape=(2,), 2 products)
        """
        flat = index.ravel()
        used, V = _used(take_rows(self.V, flat))
        return _narrowest(
            QuadArray(self.space, self.i[used], self.j[used], V, take_rows(self.M, flat), self.c[flat], index.shape)
        )

    def _entry(self, k: int) -> Any:
        return self.gather(np.asarray(k))

    def _map(self, A: Csr, shape: tuple[int, ...]) -> Any:
        used, V = _used(left_multiply(A, self.V))
        return _narrowest(
            QuadArray(self.space, self.i[used], self.j[used], V, left_multiply(A, self.M), A @ self.c, shape)
        )

    def cumsum(self, axis: int | None = None) -> Self:
        """Refuse running sums of products."""
        raise ProblemError(
            "running sums of products are not made; declare a variable s for them, with s[0] == x[0] * y[0] and "
            "s[1:] - s[:-1] == x[1:] * y[1:]"
        )

    def value(self, z: Array) -> Any:
        """Return the values at a point z (n,): a float for a scalar, else an array of this shape.

        Examples
        --------
        >>> import numpy as np
        >>> import kktgen as kg
        >>> x = kg.Bilevel("quadratic").var("x", 2)
        >>> (x * x[::-1] + 1).value(np.array([2.0, 3.0])).tolist()
        [7.0, 7.0]
        """
        z = np.asarray(z)
        out = self.V @ (z[self.i] * z[self.j]) + self.M @ z[: self.M.shape[1]] + self.c
        return float(out[0]) if not self.shape else out.reshape(self.shape)

    # -- arithmetic --------------------------------------------------------------------------

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Expression):
            same_space(self, other)
        right = QuadArray.of(self.space, other)
        shape = common_shape(self.shape, right.shape)
        at = [np.broadcast_to(part.positions(), shape).ravel() for part in (self, right)]
        terms = [part.terms() for part in (_gathered(self, at[0]), _gathered(right, at[1]))]
        row, i, j, v = (np.concatenate(part) for part in zip(*terms, strict=True))
        n = max(self.M.shape[1], right.M.shape[1])
        M = widen(take_rows(self.M, at[0]), n) + widen(take_rows(right.M, at[1]), n)
        return _narrowest(QuadArray.of_terms(self.space, row, i, j, v, M, self.c[at[0]] + right.c[at[1]], shape))

    __radd__ = __add__

    def __neg__(self) -> QuadArray:
        return QuadArray(self.space, self.i, self.j, -self.V, -self.M, -self.c, self.shape)

    def __sub__(self, other: Any) -> Any:
        return self + (-other if isinstance(other, Expression) else -numbers(other))

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Expression):
            raise ProblemError("a product of more than two variables is not quadratic")
        value = numbers(other)
        if not np.isfinite(value).all():
            raise ProblemError("inf as a coefficient of a variable; coefficients must be finite")
        shape = common_shape(self.shape, value.shape)
        at, weights = np.broadcast_to(self.positions(), shape).ravel(), np.broadcast_to(value, shape).ravel()
        wide = _gathered(self, at)
        V, M = scale_rows(weights, wide.V), scale_rows(weights, wide.M)
        if not weights.all():
            V, M = V.copy(), M.copy()  # the index arrays are shared with the operand
            V.eliminate_zeros()
            M.eliminate_zeros()
        used, V = _used(V)
        return _narrowest(QuadArray(self.space, wide.i[used], wide.j[used], V, M, wide.c * weights, shape))

    __rmul__ = __mul__

    def __pow__(self, power: Any) -> Any:
        if isinstance(power, int | float) and power == 1:
            return self
        raise ProblemError(refusal("a power of a product", "prod"))

    def __matmul__(self, other: Any) -> Any:
        if isinstance(other, Expression):
            raise ProblemError("a product of more than two variables is not quadratic")
        return super().__matmul__(other)

    # -- comparison: rows --------------------------------------------------------------------

    def _compared(self, lower: bool = False, upper: bool = False) -> QuadRows:
        """Return the rows ``expr >= 0``, ``expr <= 0`` or both."""
        none = np.full(self.size, np.inf)
        return QuadRows(_without_constants(self), -self.c if lower else -none, -self.c if upper else none)

    def _as_quad(self) -> Quad:
        if self.size != 1:
            raise ProblemError(f"a scalar is needed here, got an expression of shape {self.shape}; sum it with .sum()")
        row, i, j, v = self.terms()
        return Quad(self.space, i, j, v, self.M, float(self.c[0]))


def between_sides(expr: Quad | QuadArray, lo: Array, hi: Array) -> QuadRow | QuadRows:
    """Return ``lo <= expr <= hi`` with sides (k,), the constants moved to them."""
    if isinstance(expr, Quad):
        return quad_row(expr, float(lo[0]), float(hi[0]))
    return QuadRows(_without_constants(expr), lo - expr.c, hi - expr.c)


def _without_constants(expr: QuadArray) -> QuadArray:
    return QuadArray(expr.space, expr.i, expr.j, expr.V, expr.M, np.zeros(expr.size), expr.shape)


def _gathered(expr: QuadArray, at: Array) -> QuadArray:
    """Return entries of an array as a vector, whatever products they hold."""
    return QuadArray(expr.space, expr.i, expr.j, take_rows(expr.V, at), take_rows(expr.M, at), expr.c[at], (len(at),))


def _narrowest(expr: QuadArray) -> Any:
    """Return a scalar as a Quad, all else as it is."""
    return expr if expr.shape else expr._as_quad()


def _used(V: Csr) -> tuple[Array, Csr]:
    """Return the columns of a matrix that hold something, and the matrix of these."""
    used, at = np.unique(V.indices, return_inverse=True)
    if len(used) == V.shape[1]:
        return used, V
    return used, csr(V.data, at, V.indptr, (V.shape[0], len(used)))
