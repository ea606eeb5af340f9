"""Linear expressions: arrays ``M z + c`` over the columns of a Space, and the rows made from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from ...errors import ProblemError
from ...numerics.sparse import Csr, add, compress, csr, left_multiply, row_combination, scale_rows, widen
from ..columns import LEADER, Space
from ..labelled import labels_of
from ..refusals import refusal
from ..rows import Rows
from .base import Expression
from .numbers import common_shape, numbers
from .quad import Quad, same_space
from .quad_array import QuadArray
from .shaped import Array
from .sums import Summed


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


class Affine(Summed):
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
    labels : DataArray or None
        Positions of the entries with the names and labels of their dimensions, for :meth:`sel`; on what was imported
        from a model that has them.
    declared : Declaration or None
        Set on declared variables. They are no class of their own: Python would ask a subclass on the right of ``==``
        or ``<=`` first, and turn the row around.

    See Also
    --------
    Quad : Sums of products of two variables.
    kktgen.concatenate, kktgen.stack, kktgen.sum : Several expressions joined.

    Notes
    -----
    ``+ - * /`` broadcast as NumPy does, ``A @ x`` takes dense and sparse matrices on either side. Of two expressions
    ``x @ y`` is a :class:`Quad`, the scalar product, and ``x * y`` a :class:`QuadArray`, entry by entry. Slicing, the
    methods and the functions of NumPy that :mod:`kktgen.problem.array_functions` lists work as on arrays; all others
    are refused. Numbers of pandas and xarray are taken by position, whatever their labels say.

    Examples
    --------
    Variables are expressions; arithmetic, slices and matrix products make more of them, comparisons make rows.

    >>> import numpy as np
    >>> import kktgen as kg
    >>> m = kg.Bilevel("expressions")
    >>> x = m.var("x", 3, lb=0, ub=1)
    >>> x
    Variable('x', shape=(3,))
    >>> 2 * x[1:] - 1
    Affine(shape=(2,), 2 terms over 2 columns)
    >>> np.array([[1, 2, 3], [0, 1, 0]]) @ x
    Affine(shape=(2,), 4 terms over 3 columns)
    >>> x.sum() <= 2
    Rows(unnamed, shape=(), 3 entries)
    >>> x.ndim, x.size, x.shape
    (1, 3, (3,))
    """

    __slots__ = ("space", "M", "c", "shape", "declared", "labels")

    def __init__(
        self, space: Space, M: Csr, c: Array, shape: tuple[int, ...], declared: Declaration | None = None
    ) -> None:
        self.space = space
        self.M = M
        self.c = c
        self.shape = shape
        self.declared = declared
        self.labels: Any = None

    # -- shape -------------------------------------------------------------------------------

    @property
    def cols(self) -> Array:
        """Columns of a plain variable (every entry one column with coefficient 1), in the variable's shape.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("columns")
        >>> x, y = m.var("x", 2), m.var("y", 3)
        >>> y.cols, y[1].cols
        (array([2, 3, 4]), array(3))
        """
        if self.M.nnz != self.size or (np.diff(self.M.indptr) != 1).any() or (self.M.data != 1).any() or self.c.any():
            raise ProblemError("only plain variables have columns; this is an expression of several terms")
        return self.M.indices.reshape(self.shape).astype(np.int64)

    def sel(self, **labels: Any) -> Affine:
        """Return the entries of some labels, as ``sel`` of xarray does.

        A label, or a list of labels, of each dimension that is chosen from. Variables have the labels of ``coords=``,
        prices and expressions those of the variables in them; those of models of linopy and PyPSA have their tool's.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("labels")
        >>> g = m.var("g", coords={"hour": [7, 8, 9], "bus": ["north", "south"]})
        >>> g.sel(bus="north").shape, (2 * g).sel(hour=[7, 9], bus="south").shape
        ((3,), (2,))
        >>> m.var("x", 2).sel(bus="north")
        Traceback (most recent call last):
            ...
        kktgen.errors.ProblemError: this expression has no labels (...); take entries by position, x[0]
        """
        if self.labels is None:
            return self._chosen(labels)
        try:
            at = self.labels.sel(**labels)
        except (KeyError, ValueError, IndexError) as error:
            dims = ", ".join(f"{dim} ({self.labels.sizes[dim]})" for dim in self.labels.dims) or "none"
            words = error.args[0] if error.args else error
            asked = ", ".join(f"{key}={value!r}" for key, value in labels.items())
            raise ProblemError(f"sel({asked}): {words}; dimensions of the expression: {dims}") from None
        out = self.gather(np.asarray(at.values))
        out.labels = at.copy(data=np.arange(at.size).reshape(at.shape))
        return out

    def _chosen(self, wanted: dict[str, Any]) -> Affine:
        """Return the entries of some labels of the variables in the expression."""
        coords = labels_of(self.space, self.M, self.shape)
        if coords is None:
            raise ProblemError(
                "this expression has no labels (say coords= where its variables are declared); take entries by "
                "position, x[0]"
            )
        for dim in wanted:
            if dim not in coords.dims:
                raise ProblemError(f"sel({dim}=..): dimensions of the expression are {', '.join(coords.dims)}")
        return self[tuple(coords.entry(dim, wanted[dim]) if dim in wanted else slice(None) for dim in coords.dims)]

    @property
    def lower_dual(self) -> Affine:
        """The multiplier of a follower's lower bound: d(minimised follower cost)/d(bound) >= 0, zero without a bound.

        A fixed variable (lb = ub) has one free multiplier: this one.

        Examples
        --------
        The follower would like y below its lower bound 1: one unit more of the bound costs 3.

        >>> import kktgen as kg
        >>> m = kg.Bilevel("bound")
        >>> lower = m.follower("lower")
        >>> y = lower.var("y", lb=1, ub=4)
        >>> lower.minimize(3 * y)
        >>> solution = kg.optimize(m).solution
        >>> print(f"{solution[y.lower_dual]:.2f} {abs(solution[y.upper_dual]):.2f}")
        3.00 0.00
        """
        return price(self.space, self._declaration().lower, 1.0, self.shape)

    @property
    def upper_dual(self) -> Affine:
        """The multiplier of a follower's upper bound: d(minimised follower cost)/d(bound) <= 0, zero without a bound.

        Examples
        --------
        A plant that is worth 5 a unit is used up to its limit 4; one unit more of it would lower the cost by 5.

        >>> import kktgen as kg
        >>> m = kg.Bilevel("limit")
        >>> lower = m.follower("lower")
        >>> y = lower.var("y", lb=0, ub=4)
        >>> lower.minimize(-5 * y)
        >>> print(f"{kg.optimize(m).solution[y.upper_dual]:.2f}")
        -5.00
        """
        return price(self.space, self._declaration().upper, -1.0, self.shape)

    def _declaration(self) -> Declaration:
        if self.declared is None:
            raise ProblemError("only a declared variable has bounds, and prices of them; take the entries afterwards")
        if (self.space.owner[self.cols.ravel()] == LEADER).any():
            raise ProblemError(
                f"{self.declared.name!r} is the leader's: bounds of followers' variables have multipliers"
            )
        self.space.check_prices(np.concatenate([self.declared.lower, self.declared.upper]))
        return self.declared

    def __repr__(self) -> str:
        if self.declared is not None:
            return f"Variable({self.declared.name!r}, shape={self.shape})"
        return f"Affine(shape={self.shape}, {self.M.nnz} terms over {len(np.unique(self.M.indices))} columns)"

    # -- linear algebra ----------------------------------------------------------------------

    def _map(self, A: Csr, shape: tuple[int, ...]) -> Affine:
        return Affine(self.space, left_multiply(A, self.M), A @ self.c, shape)

    def dot(self, other: Any) -> Any:
        """Return ``x @ other``.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("dot")
        >>> x = m.var("x", 3)
        >>> x.dot([1, 2, 3]), x.dot(x)
        (Affine(shape=(), 3 terms over 3 columns), Quad(3 products, 0 linear terms))
        """
        return self @ other

    def __matmul__(self, other: Any) -> Any:
        return self._dot(other) if isinstance(other, Affine) else super().__matmul__(other)

    def _total(self, shape: tuple[int, ...]) -> Affine:
        return Affine(self.space, row_combination(self.M, np.ones(self.size)), np.array([self.c.sum()]), shape)

    def _dot(self, other: Affine) -> Any:
        """Return the product ``x @ y`` of two expressions: of two vectors their scalar product."""
        if not self.size == other.size == 1 and (self.shape != other.shape or self.ndim > 1):
            return self._matrix_product(other)
        same_space(self, other)
        columns, (L, R) = compress(self.M, other.M)
        product = (L.T @ R).tocoo()
        i, j = columns[product.row], columns[product.col]
        linear = add(row_combination(self.M, other.c), row_combination(other.M, self.c))
        return Quad(
            self.space, np.minimum(i, j), np.maximum(i, j), product.data, linear, float((self.c * other.c).sum())
        )

    def _matrix_product(self, other: Affine) -> Any:
        """Return the product of a matrix and a vector, or of two matrices, of expressions."""
        left, right = self.shape, other.shape
        if {self.ndim, other.ndim} - {1, 2} or left[-1] != right[0] or self.ndim == other.ndim == 1:
            raise ProblemError(
                "x @ y of two expressions is the scalar product of two vectors of equal length, or a product with a "
                f"matrix, got {left} and {right}; entry by entry it is x * y"
            )
        rows = self if self.ndim == 2 else self.reshape(1, *left)
        columns = other if other.ndim == 2 else other.reshape(*right, 1)
        whole = (rows.reshape(rows.shape[0], 1, left[-1]) * columns.T.reshape(1, *columns.shape[::-1])).sum(axis=2)
        return whole.reshape(*left[:-1], *right[1:])

    # -- arithmetic --------------------------------------------------------------------------

    def __add__(self, other: Any) -> Any:
        if isinstance(other, QuadArray):
            return other + self
        if isinstance(other, Quad):
            return other + self if self.size == 1 else QuadArray.of(self.space, other) + self
        if not isinstance(other, Affine):
            value = numbers(other)
            shape = common_shape(self.shape, value.shape)
            left = self.broadcast_to(shape)
            return Affine(self.space, left.M, left.c + np.broadcast_to(value, shape).ravel(), shape)
        same_space(self, other)
        shape = common_shape(self.shape, other.shape)
        left, right = self.broadcast_to(shape), other.broadcast_to(shape)
        n = max(left.M.shape[1], right.M.shape[1])
        return Affine(self.space, widen(left.M, n) + widen(right.M, n), left.c + right.c, shape)

    __radd__ = __add__

    def __neg__(self) -> Affine:
        return Affine(self.space, -self.M, -self.c, self.shape)

    def __sub__(self, other: Any) -> Any:
        return self + (-other if isinstance(other, Expression) else -numbers(other))

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Affine):
            return QuadArray.product(self, other) if self.shape or other.shape else self._dot(other)
        if isinstance(other, Quad | QuadArray):
            raise ProblemError("a product of three variables is not quadratic")
        if self.shape and isinstance(other, np.matrix | sp.spmatrix):  # their * is @
            return self @ other
        value = numbers(other)
        if not np.isfinite(value).all():
            raise ProblemError("inf as a coefficient of a variable; coefficients must be finite")
        shape = common_shape(self.shape, value.shape)
        left = self.broadcast_to(shape)
        weights = np.broadcast_to(value, shape).ravel()
        M = scale_rows(weights, left.M)
        if not weights.all():
            M = M.copy()  # the index arrays are shared with the operand
            M.eliminate_zeros()
        return Affine(self.space, M, left.c * weights, shape)

    def __rmul__(self, other: Any) -> Any:
        if self.shape and isinstance(other, np.matrix | sp.spmatrix):
            return self.__rmatmul__(other)
        return self * other

    def __pow__(self, power: Any) -> Any:
        if isinstance(power, Expression):
            raise ProblemError(refusal("a number to the power", "exp"))
        exponent = numbers(power)
        if exponent.size == 1 and exponent.ravel()[0] == 1:
            return self
        if exponent.size != 1 or exponent.ravel()[0] != 2:
            raise ProblemError(refusal(f"the power {power}", "prod"))
        return self * self

    def __invert__(self) -> Affine:
        """Return ``1 - x`` of binary variables, or x of ``1 - x``: what holds where they do not."""
        if not self.is_switch:
            raise ProblemError("~x is 1 - x, for binary variables alone, one an entry")
        return 1 - self

    @property
    def is_switch(self) -> bool:
        """Whether every entry is a binary variable x, or ``1 - x``.

        Examples
        --------
        >>> import kktgen as kg
        >>> x = kg.Bilevel("switch").var("x", 2, kind="B")
        >>> x.is_switch, (1 - x).is_switch, x.sum().is_switch
        (True, True, False)
        """
        M, c = self.M, self.c
        single = (np.diff(M.indptr) == 1).all() and M.nnz == len(c)
        return bool(
            single and np.isin(c, [0.0, 1.0]).all() and (M.data == np.where(c == 0, 1.0, -1.0)).all()
            and (self.space.kind[M.indices] == "B").all()
        )  # fmt: skip

    # -- comparison: rows --------------------------------------------------------------------

    def _compared(self, lower: bool = False, upper: bool = False) -> Rows:
        """Return the rows ``expr >= 0``, ``expr <= 0`` or both."""
        none = np.full(self.size, np.inf)
        return Rows(self.space, self.M, -self.c if lower else -none, -self.c if upper else none, self.shape)

    def _as_quad(self) -> Quad:
        if self.size != 1:
            raise ProblemError(f"a scalar is needed here, got an expression of shape {self.shape}; sum it with .sum()")
        none = np.empty(0, dtype=np.int64)
        return Quad(self.space, none, none, np.empty(0), self.M, float(self.c[0]))

    def value(self, z: Array) -> Any:
        """Return ``M z + c`` at a point z (n,): a float for a scalar, else an array of this shape.

        See Also
        --------
        kktgen.Solution : ``solution[x]`` does the same at a solver's point.

        Examples
        --------
        >>> import numpy as np
        >>> import kktgen as kg
        >>> m = kg.Bilevel("value")
        >>> x = m.var("x", 2)
        >>> (3 * x + 1).value(np.array([1.0, 2.0])).tolist()
        [4.0, 7.0]
        """
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
