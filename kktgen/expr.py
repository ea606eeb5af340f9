"""Affine and quadratic expressions over the columns of a Space, and the rows made from them.

An :class:`Affine` is the array ``M z + c`` of any shape, a :class:`Quad` the scalar
``1/2 z'Pz + q'z + r``; operators are sparse algebra, there are no expression trees. Comparing
expressions gives :class:`~kktgen.rows.Rows` or a :class:`~kktgen.rows.QuadRow`, which a problem's ``add`` takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from .errors import ProblemError
from .rows import QuadRow, Rows
from .space import Space
from .sparse import Csr, compress, coo, csr, left_multiply, row_index, scale_rows, widen

Array = np.ndarray


def numbers(value: Any) -> Array:
    """Return a constant operand as a float array, or refuse it by name."""
    if sp.issparse(value):
        value = value.toarray()
    try:
        out = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise ProblemError(
            f"cannot use a {type(value).__name__} in an expression; give numbers or kktgen expressions"
        ) from None
    if np.isnan(out).any():
        raise ProblemError("NaN in the data of an expression; check the input arrays")
    return out


def _broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ProblemError(f"shapes {' and '.join(map(str, shapes))} do not fit together") from None


@dataclass(frozen=True, eq=False)
class Declaration:
    """What a declared variable knows beyond its columns.

    Parameters
    ----------
    name : str
    lower, upper : ndarray
        Columns of the multipliers of its bounds, -1 where there is none.
    """

    name: str
    lower: Array
    upper: Array


class Affine:
    """The array ``M z + c`` of a given shape.

    Parameters
    ----------
    space : Space
        Columns the expression is written over.
    M : csr_array (k, n)
        Coefficients, one row an entry in C order; n is the number of columns when it was built.
    c : ndarray (k,)
        Constants.
    shape : tuple of int
        Shape of the array; ``()`` for a scalar.
    declared : Declaration or None
        Set on declared variables. They are no class of their own: Python would ask a subclass on the right of ``==``
        or ``<=`` first, and turn the row around.

    Notes
    -----
    ``+ - * /`` broadcast as NumPy does, ``A @ x`` takes dense and sparse matrices on either side,
    ``x @ y`` of two expressions is a :class:`Quad`. Slicing, ``sum``, ``cumsum``, ``reshape``, ``T``
    work as on arrays.
    """

    __array_ufunc__ = None
    __slots__ = ("space", "M", "c", "shape", "declared")
    __hash__ = object.__hash__

    def __init__(
        self, space: Space, M: Csr, c: Array, shape: tuple[int, ...], declared: Declaration | None = None
    ) -> None:
        self.space = space
        self.M = M
        self.c = c
        self.shape = shape
        self.declared = declared

    # -- shape -------------------------------------------------------------------------------

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of entries."""
        return len(self.c)

    @property
    def cols(self) -> Array:
        """Columns of a plain variable (every entry one column with coefficient 1), in the variable's shape."""
        if self.M.nnz != self.size or (np.diff(self.M.indptr) != 1).any() or (self.M.data != 1).any() or self.c.any():
            raise ProblemError("only plain variables have columns; this is an expression of several terms")
        return self.M.indices.reshape(self.shape).astype(np.int64)

    @property
    def lower_dual(self) -> Affine:
        """For a follower's variable: d(minimised follower cost)/d(lower bound) >= 0; zero where there is no bound.

        A fixed variable (lb = ub) has one free multiplier: this one.
        """
        return price(self.space, self._declaration().lower, 1.0, self.shape)

    @property
    def upper_dual(self) -> Affine:
        """For a follower's variable: d(minimised follower cost)/d(upper bound) <= 0; zero where there is no bound."""
        return price(self.space, self._declaration().upper, -1.0, self.shape)

    def _declaration(self) -> Declaration:
        if self.declared is None:
            raise ProblemError("only a declared variable has bounds, and prices of them; take the entries afterwards")
        return self.declared

    def __repr__(self) -> str:
        if self.declared is not None:
            return f"Variable({self.declared.name!r}, shape={self.shape})"
        return f"Affine(shape={self.shape}, {self.M.nnz} terms over {len(np.unique(self.M.indices))} columns)"

    def _gather(self, index: Array) -> Affine:
        """Return the entries at flat positions ``index``, in the shape of ``index``."""
        flat = index.ravel()
        return Affine(self.space, _rows_of(self.M, flat), self.c[flat], index.shape)

    def _broadcast_to(self, shape: tuple[int, ...]) -> Affine:
        if shape == self.shape:
            return self
        return self._gather(np.broadcast_to(np.arange(self.size).reshape(self.shape), shape))

    def __getitem__(self, key: Any) -> Affine:
        if not self.shape:
            raise ProblemError("a scalar variable has no entries to index")
        try:
            index = np.arange(self.size).reshape(self.shape)[key]
        except IndexError as error:
            raise IndexError(f"{error} (expression of shape {self.shape})") from None
        return self._gather(np.asarray(index))

    def __iter__(self) -> Iterator[Affine]:
        if not self.shape:
            raise TypeError("a scalar expression cannot be iterated")
        return (self[i] for i in range(self.shape[0]))

    def reshape(self, *shape: int | tuple[int, ...]) -> Affine:
        """Return the same entries in another shape."""
        wanted: Any = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        try:
            index = np.arange(self.size).reshape(wanted)
        except (TypeError, ValueError):
            raise ProblemError(f"cannot reshape an expression of shape {self.shape} into {wanted}") from None
        return Affine(self.space, self.M, self.c, index.shape)

    def ravel(self) -> Affine:
        """Return the entries as a vector."""
        return self.reshape(self.size)

    @property
    def T(self) -> Affine:
        """The transpose."""
        return self._gather(np.arange(self.size).reshape(self.shape).T)

    # -- linear algebra ----------------------------------------------------------------------

    def _map(self, A: Csr, shape: tuple[int, ...]) -> Affine:
        return Affine(self.space, left_multiply(A, self.M), A @ self.c, shape)

    def _last(self, axis: int) -> Array:
        """Return the positions of the entries with one axis moved to the end."""
        if not -self.ndim <= axis < self.ndim:
            raise ProblemError(f"axis {axis} is none of the {self.ndim} axes of an expression of shape {self.shape}")
        return np.moveaxis(np.arange(self.size).reshape(self.shape), axis, -1)

    def sum(self, axis: int | None = None, out: None = None) -> Affine:
        """Return the sum over all entries, or along one axis (``out`` is there for ``np.sum`` and does nothing)."""
        if axis is None:
            return Affine(self.space, row_combination(self.M, np.ones(self.size)), np.array([self.c.sum()]), ())
        index = self._last(axis)
        rest, length = index.shape[:-1], index.shape[-1]
        count = int(np.prod(rest, dtype=np.int64))
        A = coo(np.ones(self.size), np.repeat(np.arange(count), length), index.ravel(), (count, self.size))
        return self._map(A, rest)

    def cumsum(self, axis: int = 0) -> Affine:
        """Return the running sums along an axis."""
        index = self._last(axis)
        length = index.shape[-1]
        lower = sp.kron(sp.eye_array(index.size // max(length, 1)), np.tri(length), format="csr")
        flat = self._gather(index)
        summed = flat._map(Csr(lower), flat.shape)
        back = np.moveaxis(np.arange(self.size).reshape(index.shape), -1, axis)
        return summed._gather(back)

    def __matmul__(self, other: Any) -> Any:
        if isinstance(other, Affine):
            return self._dot(other)
        B = other if sp.issparse(other) else numbers(other)
        if B.ndim == 0 or not self.shape:
            return self * other
        if self.shape[-1] != B.shape[0] or self.ndim > 2 or B.ndim > 2:
            raise ProblemError(f"shapes {self.shape} and {B.shape} do not fit together in @")
        if self.ndim == 1:
            right = Csr(B.T) if B.ndim == 2 else Csr(B[None, :])
            return self._map(right, () if B.ndim == 1 else (B.shape[1],))
        right = Csr(B.T) if B.ndim == 2 else Csr(B[None, :])
        A = Csr(sp.kron(sp.eye_array(self.shape[0]), right, format="csr"))
        return self._map(A, (self.shape[0],) if B.ndim == 1 else (self.shape[0], B.shape[1]))

    def __rmatmul__(self, other: Any) -> Any:
        B = other if sp.issparse(other) else numbers(other)
        if B.ndim == 0 or not self.shape:
            return self * other
        if self.shape[0] != B.shape[-1] or self.ndim > 2 or B.ndim > 2:
            raise ProblemError(f"shapes {B.shape} and {self.shape} do not fit together in @")
        left = Csr(B) if B.ndim == 2 else Csr(B[None, :])
        head = () if B.ndim == 1 else (B.shape[0],)
        if self.ndim == 1:
            return self._map(left, head)
        A = Csr(sp.kron(left, sp.eye_array(self.shape[1]), format="csr"))
        return self._map(A, (*head, self.shape[1]))

    def _dot(self, other: Affine) -> Quad:
        """Return the scalar product of two expressions of equal shape."""
        if not self.size == other.size == 1 and (self.shape != other.shape or self.ndim > 1):
            raise ProblemError(
                "x @ y of two expressions is the scalar product of two vectors of equal length, "
                f"got {self.shape} and {other.shape}"
            )
        same_space(self, other)
        columns, (L, R) = compress(self.M, other.M)
        product = (L.T @ R).tocoo()
        i, j = columns[product.row], columns[product.col]
        linear = _add_rows(row_combination(self.M, other.c), row_combination(other.M, self.c))
        return Quad(
            self.space, np.minimum(i, j), np.maximum(i, j), product.data, linear, float((self.c * other.c).sum())
        )

    # -- arithmetic --------------------------------------------------------------------------

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Quad):
            return other + self
        if not isinstance(other, Affine):
            value = numbers(other)
            shape = _broadcast(self.shape, value.shape)
            left = self._broadcast_to(shape)
            return Affine(self.space, left.M, left.c + np.broadcast_to(value, shape).ravel(), shape)
        same_space(self, other)
        shape = _broadcast(self.shape, other.shape)
        left, right = self._broadcast_to(shape), other._broadcast_to(shape)
        n = max(left.M.shape[1], right.M.shape[1])
        return Affine(self.space, widen(left.M, n) + widen(right.M, n), left.c + right.c, shape)

    __radd__ = __add__

    def __neg__(self) -> Affine:
        return Affine(self.space, -self.M, -self.c, self.shape)

    def __pos__(self) -> Affine:
        return self

    def __sub__(self, other: Any) -> Any:
        return self + (-other if isinstance(other, Affine | Quad) else -numbers(other))

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Affine):
            if self.size == other.size == 1:
                return self._dot(other)
            raise ProblemError("a product of two vectors of variables is written x @ y (its sum)")
        if isinstance(other, Quad):
            raise ProblemError("a product of three variables is not quadratic")
        value = numbers(other)
        if not np.isfinite(value).all():
            raise ProblemError("inf as a coefficient of a variable; coefficients must be finite")
        shape = _broadcast(self.shape, value.shape)
        left = self._broadcast_to(shape)
        weights = np.broadcast_to(value, shape).ravel()
        M = scale_rows(weights, left.M)
        if not weights.all():
            M = M.copy()  # the index arrays are shared with the operand
            M.eliminate_zeros()
        return Affine(self.space, M, left.c * weights, shape)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Affine:
        if isinstance(other, Affine | Quad):
            raise ProblemError("division by a variable is not quadratic")
        value = numbers(other)
        if (value == 0).any():
            raise ProblemError("division of an expression by zero")
        return self * (1.0 / value)

    def __rtruediv__(self, other: Any) -> Affine:
        raise ProblemError("division by a variable is not quadratic")

    def __pow__(self, power: Any) -> Quad:
        if power != 2 or self.size != 1:
            raise ProblemError(
                "only the square of a scalar expression is quadratic; the sum of squares of a vector is x @ x"
            )
        return self * self

    # -- comparison: rows --------------------------------------------------------------------

    def __le__(self, other: Any) -> Any:
        if isinstance(other, Quad):
            return other >= self
        return _rows(self - other, upper=True)

    def __ge__(self, other: Any) -> Any:
        if isinstance(other, Quad):
            return other <= self
        return _rows(self - other, lower=True)

    def __eq__(self, other: Any) -> Any:
        if isinstance(other, Quad):
            return other == self
        return _rows(self - other, lower=True, upper=True)

    def __ne__(self, other: Any) -> Any:
        raise ProblemError("!= is not a convex constraint")

    def __lt__(self, other: Any) -> Any:
        raise ProblemError("strict inequalities have no closed feasible set; use <= or >=")

    __gt__ = __lt__

    def __bool__(self) -> bool:
        raise ProblemError("an expression has no truth value; use sol[expr] for numbers")

    def value(self, z: Array) -> Any:
        """Return ``M z + c`` at a point z (n,): a float for a scalar, else an array of this shape."""
        out = self.M @ np.asarray(z)[: self.M.shape[1]] + self.c
        return float(out[0]) if not self.shape else out.reshape(self.shape)


def price(space: Space, columns: Array, sign: float, shape: tuple[int, ...]) -> Affine:
    """Return ``sign z[columns_k]``, 0 where the column is -1."""
    there = columns >= 0
    at = columns[there]
    indptr = np.concatenate([[0], np.cumsum(there)])
    return Affine(
        space, csr(np.full(len(at), sign), at, indptr, (len(columns), len(space))), np.zeros(len(columns)), shape
    )


def _rows_of(M: Csr, index: Array) -> Csr:
    """Return M[index, :] keeping canonical order."""
    if len(index) == M.shape[0] and (index == np.arange(len(index))).all():
        return M
    counts = np.diff(M.indptr)[index]
    indptr = np.concatenate([[0], np.cumsum(counts)])
    take = np.repeat(M.indptr[index] - indptr[:-1], counts) + np.arange(indptr[-1])
    return csr(M.data[take], M.indices[take], indptr, (len(index), M.shape[1]))


def same_space(left: Affine | Quad, right: Affine | Quad) -> None:
    """Refuse two expressions of different problems."""
    if left.space.serial != right.space.serial:
        raise ProblemError(
            f"expressions of two different problems ({left.space.name!r} and {right.space.name!r}) cannot be combined"
        )


def row_combination(M: Csr, weights: Array) -> Csr:
    """Return weights' M as a (1, n) row."""
    keep = np.repeat(weights, np.diff(M.indptr)) * M.data
    columns, inverse = np.unique(M.indices, return_inverse=True)
    sums = np.bincount(inverse, weights=keep, minlength=len(columns))
    used = sums != 0
    columns, sums = columns[used], sums[used]
    return csr(sums, columns, np.array([0, len(columns)]), (1, M.shape[1]))


def _add_rows(left: Csr, right: Csr) -> Csr:
    n = max(left.shape[1], right.shape[1])
    return widen(left, n) + widen(right, n)


class Quad:
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
    """

    __array_ufunc__ = None
    __slots__ = ("space", "i", "j", "v", "linear", "r")
    __hash__ = object.__hash__
    shape: tuple[int, ...] = ()
    ndim = 0

    def __init__(self, space: Space, i: Array, j: Array, v: Array, linear: Csr, r: float) -> None:
        self.space = space
        self.i = i
        self.j = j
        self.v = v
        self.linear = linear
        self.r = r

    @classmethod
    def of(cls, space: Space, value: Any) -> Quad:
        """Return a scalar Affine, a number or a Quad as a Quad over ``space``."""
        if isinstance(value, Quad):
            return value
        none = np.empty(0, dtype=np.int64)
        if isinstance(value, Affine):
            if value.size != 1:
                raise ProblemError(
                    f"a scalar is needed here, got an expression of shape {value.shape}; sum it with .sum()"
                )
            return cls(value.space, none, none, np.empty(0), value.M, float(value.c[0]))
        number = numbers(value)
        if number.size != 1:
            raise ProblemError(f"a scalar is needed here, got an array of shape {number.shape}")
        return cls(space, none, none, np.empty(0), Csr((1, 0)), float(number.ravel()[0]))

    @classmethod
    def from_matrices(cls, space: Space, P: Any, q: Array, r: float = 0.0) -> Quad:
        """Return ``1/2 z'Pz + q'z + r`` from its matrices (P (n, n) is made symmetric, q (n,))."""
        half = sp.coo_array(P if P is not None else (len(q), len(q)))
        i, j = np.minimum(half.row, half.col), np.maximum(half.row, half.col)
        return cls(
            space, i.astype(np.int64), j.astype(np.int64), half.data * 0.5, _sparse_row(np.asarray(q, dtype=float)), r
        )

    def __repr__(self) -> str:
        return f"Quad({len(self.v)} products, {self.linear.nnz} linear terms)"

    def canonical(self) -> Quad:
        """Return the same function with every monomial once, in order of columns, and zeros dropped."""
        n = int(max(self.i.max(initial=-1), self.j.max(initial=-1)) + 1)
        total = coo(self.v, self.i, self.j, (n, n)) if n else Csr((0, 0))
        return Quad(self.space, row_index(total), total.indices.astype(np.int64), total.data, self.linear, self.r)

    def matrices(self, n: int | None = None) -> tuple[Csr, Array, float]:
        """Return ``(P, q, r)`` over n columns (all of the space by default), P (n, n) symmetric, q (n,)."""
        n = len(self.space) if n is None else n
        half = coo(self.v, self.i, self.j, (n, n))
        q = np.zeros(n)
        q[self.linear.indices] = self.linear.data
        return Csr(half + half.T), q, self.r

    @property
    def P(self) -> Csr:
        """Hessian (n, n), symmetric, over the columns declared so far."""
        return self.matrices()[0]

    @property
    def q(self) -> Array:
        """Linear coefficients (n,) over the columns declared so far."""
        return self.matrices()[1]

    def value(self, z: Array) -> float:
        """Return the value at a point z (n,)."""
        z = np.asarray(z)
        return float((self.v * z[self.i] * z[self.j]).sum() + self.linear.data @ z[self.linear.indices] + self.r)

    def __add__(self, other: Any) -> Quad:
        right = Quad.of(self.space, other)
        same_space(self, right)
        return Quad(
            self.space,
            np.concatenate([self.i, right.i]),
            np.concatenate([self.j, right.j]),
            np.concatenate([self.v, right.v]),
            _add_rows(self.linear, right.linear),
            self.r + right.r,
        )

    __radd__ = __add__

    def __neg__(self) -> Quad:
        return self * -1.0

    def __sub__(self, other: Any) -> Quad:
        return self + (-other if isinstance(other, Affine | Quad) else -numbers(other))

    def __rsub__(self, other: Any) -> Quad:
        return -self + other

    def __mul__(self, other: Any) -> Quad:
        if isinstance(other, Affine | Quad):
            raise ProblemError("a product of more than two variables is not quadratic")
        number = numbers(other)
        if number.size != 1 or not np.isfinite(number).all():
            raise ProblemError("a quadratic expression can be multiplied by one finite number only")
        a = float(number.ravel()[0])
        return Quad(self.space, self.i, self.j, a * self.v, self.linear * a, a * self.r)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Quad:
        if isinstance(other, Affine | Quad):
            raise ProblemError("division by a variable is not quadratic")
        value = numbers(other)
        if (value == 0).any():
            raise ProblemError("division of an expression by zero")
        return self * (1.0 / value)

    def __le__(self, other: Any) -> QuadRow:
        return _quad_row(self - other, -np.inf, 0.0)

    def __ge__(self, other: Any) -> QuadRow:
        return _quad_row(self - other, 0.0, np.inf)

    def __eq__(self, other: Any) -> Any:
        return _quad_row(self - other, 0.0, 0.0)

    def __ne__(self, other: Any) -> Any:
        raise ProblemError("!= is not a constraint kktgen can hold")

    def __bool__(self) -> bool:
        raise ProblemError("an expression has no truth value; use sol[expr] for numbers")


def _sparse_row(q: Array) -> Csr:
    used = np.flatnonzero(q)
    return csr(q[used], used, np.array([0, len(used)]), (1, len(q)))


def _rows(difference: Any, lower: bool = False, upper: bool = False) -> Any:
    if isinstance(difference, Quad):
        return _quad_row(difference, 0.0 if lower else -np.inf, 0.0 if upper else np.inf)
    side = -difference.c
    lo = side if lower else np.full(len(side), -np.inf)
    hi = side if upper else np.full(len(side), np.inf)
    return Rows(difference.space, difference.M, lo, hi, difference.shape)


def _quad_row(quad: Quad, lo: float, hi: float) -> QuadRow:
    """Return ``lo <= quad <= hi`` with the constant moved to the sides."""
    free = Quad(quad.space, quad.i, quad.j, quad.v, quad.linear, 0.0)
    return QuadRow(free, lo - quad.r, hi - quad.r)
