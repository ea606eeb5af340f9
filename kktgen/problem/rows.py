"""Constraints as declared: linear rows ``lo <= M z <= hi`` and quadratic ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..errors import ProblemError
from ..numerics.sparse import Csr
from .columns import Space
from .coords import Coords
from .refusals import Constraint


class Rows(Constraint):
    """The constraints ``lo <= M z <= hi``.

    Parameters
    ----------
    space : Space
        Columns they are written over.
    M : csr_array (k, n)
        Coefficients.
    lo, hi : ndarray (k,)
        Sides, -inf and inf where there are none; equal for equations.
    shape : tuple of int
        Shape of the expression they came from.
    name : str
        Name given in ``add``.
    every_response : bool
        Whether the leader's rows are to hold for every response of the followers; set when they are added.

    Attributes
    ----------
    dual : Affine
        For rows of a follower: d(minimised follower cost)/d(right-hand side), the sign solvers report, where the row
        reads "left minus right": ``5 == x`` is read by Python as ``x == 5``, ``5 - x == 0`` has the opposite sign.
        For ``maximize(e)`` the cost is ``-e``.
    price : callable or None
        Makes ``dual``; set when the rows are added to a follower.
    coords : Coords or None
        Labels of the rows; set when they are added.

    See Also
    --------
    kktgen.between : Rows with two sides.
    Bilevel.add, Follower.add : Who has to keep them.

    Examples
    --------
    Comparisons of expressions make rows; nothing is required until they are added.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("rows")
    >>> x = m.var("x", 3)
    >>> rows = x <= [1, 2, 3]
    >>> rows
    Rows(unnamed, shape=(3,), 3 entries)
    >>> len(rows), rows.hi.tolist()
    (3, [1.0, 2.0, 3.0])
    """

    __slots__ = ("space", "M", "lo", "hi", "shape", "name", "price", "coords", "every_response")
    __hash__ = object.__hash__

    def __init__(
        self, space: Space, M: Csr, lo: np.ndarray, hi: np.ndarray, shape: tuple[int, ...], name: str = "",
        every_response: bool = False,
    ) -> None:  # fmt: skip
        self.space = space
        self.M = M
        self.lo = lo
        self.hi = hi
        self.shape = shape
        self.name = name
        self.price: Callable[[], Any] | None = None
        self.coords: Coords | None = None
        self.every_response = every_response

    @property
    def dual(self) -> Any:
        """The multiplier of a follower's row: d(minimised follower cost)/d(right-hand side), the sign solvers report.

        One a row, in the shape of the rows: free for ``==`` (a price), nonpositive for ``<=``, nonnegative for
        ``>=``.

        Raises
        ------
        ProblemError
            The rows were not added to a follower.

        Examples
        --------
        A cheap plant can give 60 of the 100 that are asked for. One unit more of it would lower the cost by 30 - 20, so
        the multiplier of ``cheap <= 60`` is -10; one unit more of demand would cost 30.

        >>> import kktgen as kg
        >>> m = kg.Bilevel("market")
        >>> market = m.follower("market")
        >>> cheap, dear = market.var("cheap", lb=0), market.var("dear", lb=0)
        >>> balance = market.add(cheap + dear == 100, name="balance")
        >>> limit = market.add(cheap <= 60, name="limit")
        >>> market.minimize(20 * cheap + 30 * dear)
        >>> sol = kg.optimize(m).solution
        >>> print(f"{sol[balance.dual]:.2f} {sol[limit.dual]:.2f}")
        30.00 -10.00
        """
        if self.price is None:
            raise ProblemError(
                f"{self.name or 'these rows'!r}: rows have a multiplier once a follower has them: follower.add(rows); "
                "the leader's rows have none"
            )
        return self.price()

    def fresh(self) -> Rows:
        """Return the rows themselves the first time they are added, and afterwards a copy with a name of its own.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("rows")
        >>> x = m.var("x")
        >>> first = m.add(x <= 4, name="limit")
        >>> second = m.add(first, name="again")
        >>> first.name, second.name
        ('limit', 'again')
        """
        return Rows(self.space, self.M, self.lo, self.hi, self.shape) if self.name else self

    def __len__(self) -> int:
        return len(self.lo)

    def __repr__(self) -> str:
        return f"Rows({self.name or 'unnamed'}, shape={self.shape}, {self.M.nnz} entries)"

    def residual(self, z: np.ndarray) -> np.ndarray:
        """Return by how much each row is violated at z (k,).

        Examples
        --------
        >>> import numpy as np
        >>> import kktgen as kg
        >>> m = kg.Bilevel("rows")
        >>> x = m.var("x", 2)
        >>> (x <= 3).residual(np.array([2.0, 5.0])).tolist()
        [0.0, 2.0]
        """
        value = self.M @ z[: self.M.shape[1]]
        return np.maximum(np.maximum(self.lo - value, value - self.hi), 0.0)


class QuadRow(Constraint):
    """The quadratic constraint ``lo <= quad(z) <= hi`` (constant of ``quad`` is zero).

    Examples
    --------
    Comparisons with squares or products make quadratic rows, for the leader.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("disc")
    >>> x = m.var("x", 2)
    >>> m.add(x @ x <= 25, name="disc")
    QuadRow(disc, 2 products)
    >>> m.maximize(3 * x[0] + 4 * x[1])
    >>> print(f"{kg.solve(m).objective:.3f}")
    25.000
    """

    __slots__ = ("quad", "lo", "hi", "name", "every_response")

    def __init__(self, quad: Any, lo: float, hi: float, name: str = "", every_response: bool = False) -> None:
        self.quad = quad
        self.lo = lo
        self.hi = hi
        self.name = name
        self.every_response = every_response

    def __repr__(self) -> str:
        return f"QuadRow({self.name or 'unnamed'}, {len(self.quad.v)} products)"


class QuadRows(Constraint):
    """The quadratic constraints ``lo <= quads(z) <= hi`` entry by entry (constants of ``quads`` are zero).

    Parameters
    ----------
    quads : QuadArray
    lo, hi : ndarray (k,)
        Sides, -inf and inf where there are none.
    name : str

    Examples
    --------
    A line carries what the angles make of it if it is built, and nothing if it is not.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("lines")
    >>> built = m.var("built", 2, kind="B")
    >>> market = m.follower("market")
    >>> angle, flow = market.var("angle", 2, lb=-1, ub=1), market.var("flow", 2)
    >>> rows = flow == built * (5 * angle)
    >>> rows
    QuadRows(unnamed, shape=(2,), 2 products)
    >>> market.add(rows, name="flow")
    Rows(flow, shape=(2,), 4 entries)
    """

    __slots__ = ("quads", "lo", "hi", "name")

    def __init__(self, quads: Any, lo: np.ndarray, hi: np.ndarray, name: str = "") -> None:
        self.quads = quads
        self.lo = lo
        self.hi = hi
        self.name = name

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the expression they came from.

        Examples
        --------
        >>> import kktgen as kg
        >>> x = kg.Bilevel("rows").var("x", 3)
        >>> (x * x <= 1).shape
        (3,)
        """
        shape: tuple[int, ...] = self.quads.shape
        return shape

    def __len__(self) -> int:
        return len(self.lo)

    def __iter__(self) -> Iterator[QuadRow]:
        """Yield the rows one by one."""
        flat = self.quads.ravel()
        return (QuadRow(flat[k], float(self.lo[k]), float(self.hi[k])) for k in range(len(self)))

    def __repr__(self) -> str:
        return f"QuadRows({self.name or 'unnamed'}, shape={self.shape}, {self.quads.V.nnz} products)"
