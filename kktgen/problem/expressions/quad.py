"""Quadratic expressions: the scalar ``1/2 z'Pz + q'z + r``."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from ...errors import ProblemError
from ...numerics.sparse import Csr, add, coo, csr, row_index
from ..columns import Space
from ..refusals import refusal
from ..rows import QuadRow
from .base import Expression
from .numbers import numbers

Array = np.ndarray


class Quad(Expression):
    """The scalar ``1/2 z'Pz + q'z + r``.

    It is kept as a list of monomials ``v z_i z_j`` (i <= j, plain coefficient, not yet summed) and one
    linear row, so that building it costs only what it contains.

    Parameters
    ----------
    space : Space
        Columns the expression is written over.
    i, j, v : ndarray (k,)
        Monomials ``v z_i z_j``.
    linear : csr_array (1, n)
        Linear part.
    r : float
        Constant.

    See Also
    --------
    Affine : Linear expressions.

    Examples
    --------
    Squares and products of variables make one; it stands in objectives, and in rows of the leader.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("quadratic")
    >>> x, y = m.var("x", 2), m.var("y")
    >>> cost = x @ x + 2 * x[0] * y - 3 * y + 7
    >>> cost
    Quad(3 products, 1 linear terms)
    >>> cost <= 10
    QuadRow(unnamed, 3 products)
    """

    __slots__ = ("space", "i", "j", "v", "linear", "r")
    shape: tuple[int, ...] = ()
    ndim = 0
    size = 1

    def __init__(self, space: Space, i: Array, j: Array, v: Array, linear: Csr, r: float) -> None:
        self.space = space
        self.i = i
        self.j = j
        self.v = v
        self.linear = linear
        self.r = r

    @classmethod
    def of(cls, space: Space, value: Any) -> Quad:
        """Return a scalar Affine, a number or a Quad as a Quad over ``space``.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("quadratic")
        >>> x = m.var("x")
        >>> kg.Quad.of(m.space, 2 * x + 1), kg.Quad.of(m.space, 5).r
        (Quad(0 products, 1 linear terms), 5.0)
        """
        if isinstance(value, Quad):
            return value
        if isinstance(value, Expression):
            return value._as_quad()
        number = numbers(value)
        if number.size != 1:
            raise ProblemError(f"a scalar is needed here, got an array of shape {number.shape}")
        none = np.empty(0, dtype=np.int64)
        return cls(space, none, none, np.empty(0), Csr((1, 0)), float(number.ravel()[0]))

    @classmethod
    def from_matrices(cls, space: Space, P: Any, q: Array, r: float = 0.0) -> Quad:
        """Return ``1/2 z'Pz + q'z + r`` from its matrices (P (n, n) is made symmetric, q (n,)).

        Examples
        --------
        ``1/2 z'Pz + q'z`` at z = (1, 2), over the two columns of x.

        >>> import numpy as np
        >>> import kktgen as kg
        >>> m = kg.Bilevel("quadratic")
        >>> x = m.var("x", 2)
        >>> cost = kg.Quad.from_matrices(m.space, [[2, 0], [0, 4]], [1, 0])
        >>> cost.value(np.array([1.0, 2.0]))
        10.0
        >>> m.minimize(cost)
        """
        half = sp.coo_array(P if P is not None else (len(q), len(q)))
        i, j = np.minimum(half.row, half.col), np.maximum(half.row, half.col)
        return cls(
            space, i.astype(np.int64), j.astype(np.int64), half.data * 0.5, _sparse_row(np.asarray(q, dtype=float)), r
        )

    def __repr__(self) -> str:
        return f"Quad({len(self.v)} products, {self.linear.nnz} linear terms)"

    def canonical(self) -> Quad:
        """Return the same function with every monomial once, in order of columns, and zeros dropped.

        Examples
        --------
        >>> import kktgen as kg
        >>> x = kg.Bilevel("quadratic").var("x", 2)
        >>> twice = x[0] * x[1] + x[1] * x[0]
        >>> twice, twice.canonical()
        (Quad(2 products, 0 linear terms), Quad(1 products, 0 linear terms))
        """
        n = int(max(self.i.max(initial=-1), self.j.max(initial=-1)) + 1)
        total = coo(self.v, self.i, self.j, (n, n)) if n else Csr((0, 0))
        return Quad(self.space, row_index(total), total.indices.astype(np.int64), total.data, self.linear, self.r)

    def matrices(self, n: int | None = None) -> tuple[Csr, Array, float]:
        """Return ``(P, q, r)`` over n columns (all of the space by default), P (n, n) symmetric, q (n,).

        Examples
        --------
        >>> import kktgen as kg
        >>> x = kg.Bilevel("quadratic").var("x", 2)
        >>> P, q, r = (x @ x + 3 * x[0] * x[1] - x[1] + 4).matrices()
        >>> P.toarray().tolist(), q.tolist(), r
        ([[2.0, 3.0], [3.0, 2.0]], [0.0, -1.0], 4.0)
        """
        n = len(self.space) if n is None else n
        half = coo(self.v, self.i, self.j, (n, n))
        q = np.zeros(n)
        q[self.linear.indices] = self.linear.data
        return Csr(half + half.T), q, self.r

    @property
    def P(self) -> Csr:
        """Hessian (n, n), symmetric, over the columns declared so far.

        Examples
        --------
        >>> import kktgen as kg
        >>> x = kg.Bilevel("quadratic").var("x", 2)
        >>> (x[0] * x[1]).P.toarray().tolist()
        [[0.0, 1.0], [1.0, 0.0]]
        """
        return self.matrices()[0]

    @property
    def q(self) -> Array:
        """Linear coefficients (n,) over the columns declared so far.

        Examples
        --------
        >>> import kktgen as kg
        >>> x = kg.Bilevel("quadratic").var("x", 2)
        >>> (x @ x - 3 * x[1]).q.tolist()
        [0.0, -3.0]
        """
        return self.matrices()[1]

    def value(self, z: Array) -> float:
        """Return the value at a point z (n,).

        Examples
        --------
        >>> import numpy as np
        >>> import kktgen as kg
        >>> x = kg.Bilevel("quadratic").var("x", 2)
        >>> (x @ x + x[0] * x[1]).value(np.array([1.0, 2.0]))
        7.0
        """
        z = np.asarray(z)
        return float((self.v * z[self.i] * z[self.j]).sum() + self.linear.data @ z[self.linear.indices] + self.r)

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Expression) and getattr(other, "shape", ()) != ():
            return NotImplemented  # an array of them adds scalars to all its entries
        right = Quad.of(self.space, other)
        same_space(self, right)
        return Quad(
            self.space,
            np.concatenate([self.i, right.i]),
            np.concatenate([self.j, right.j]),
            np.concatenate([self.v, right.v]),
            add(self.linear, right.linear),
            self.r + right.r,
        )

    __radd__ = __add__

    def __neg__(self) -> Quad:
        return self * -1.0

    def __sub__(self, other: Any) -> Any:
        return self + (-other if isinstance(other, Expression) else -Quad.of(self.space, other))

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Expression):
            raise ProblemError("a product of more than two variables is not quadratic")
        number = numbers(other)
        if not np.isfinite(number).all():
            raise ProblemError("a quadratic expression can be multiplied by finite numbers only")
        if number.size != 1:
            from .quad_array import QuadArray  # which is made of these

            return QuadArray.of(self.space, self) * number
        a = float(number.ravel()[0])
        return Quad(self.space, self.i, self.j, a * self.v, self.linear * a, a * self.r)

    __rmul__ = __matmul__ = __rmatmul__ = __mul__

    def __truediv__(self, other: Any) -> Quad:
        if isinstance(other, Expression):
            raise ProblemError("division by a variable is not quadratic")
        value = numbers(other)
        if (value == 0).any():
            raise ProblemError("division of an expression by zero")
        return self * (1.0 / value)

    def _compared(self, lower: bool = False, upper: bool = False) -> QuadRow:
        """Return the rows ``expr >= 0``, ``expr <= 0`` or both."""
        return quad_row(self, 0.0 if lower else -np.inf, 0.0 if upper else np.inf)

    def __pow__(self, power: Any) -> Quad:
        if isinstance(power, int | float) and power == 1:
            return self
        raise ProblemError(refusal("a power of a product", "prod"))


def _sparse_row(q: Array) -> Csr:
    used = np.flatnonzero(q)
    return csr(q[used], used, np.array([0, len(used)]), (1, len(q)))


def quad_row(quad: Quad, lo: float, hi: float) -> QuadRow:
    """Return ``lo <= quad <= hi`` with the constant moved to the sides."""
    free = Quad(quad.space, quad.i, quad.j, quad.v, quad.linear, 0.0)
    return QuadRow(free, lo - quad.r, hi - quad.r)


def same_space(left: Any, right: Any) -> None:
    """Refuse two expressions of different problems."""
    if left.space.serial != right.space.serial:
        raise ProblemError(
            f"expressions of two different problems ({left.space.name!r} and {right.space.name!r}) cannot be combined"
        )
