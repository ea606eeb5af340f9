"""A convex QP with parameters, in matrix form: the type is the formula."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..deadline import NEVER, Deadline
from ..errors import ProblemError
from ..numerics.programs import Program
from ..numerics.sparse import Csr, vstack


def _matrix(value: Any, shape: tuple[int, int], name: str) -> Csr:
    try:
        out = Csr(shape) if value is None else Csr(sp.csr_array(value, dtype=float))
    except (TypeError, ValueError):
        raise ProblemError(f"QP: {name} is no matrix of numbers") from None
    if out.shape != shape:
        raise ProblemError(f"QP: {name} has shape {out.shape}, expected {shape}")
    if not np.isfinite(out.data).all():
        raise ProblemError(f"QP: {name} holds NaN or inf")
    return out


def _vector(value: Any, size: int, name: str) -> np.ndarray:
    try:
        out = np.zeros(size) if value is None else np.atleast_1d(np.asarray(value, dtype=float)).ravel()
    except (TypeError, ValueError):
        raise ProblemError(f"QP: {name} is no vector of numbers") from None
    if len(out) != size:
        raise ProblemError(f"QP: {name} has {len(out)} entries, expected {size}")
    if not np.isfinite(out).all():
        raise ProblemError(f"QP: {name} holds NaN or inf (leave out rows without a side)")
    return out


REACH = 1e3
"""How far (times the size of the response) the linear program behind the multipliers may move a variable."""


@dataclass(frozen=True, eq=False)
class QP:
    """A convex quadratic program in y with parameters x.

    ::

        min_y  1/2 y'P y + (Q x + q)'y          P symmetric positive semidefinite
        s.t.   A y + B x  = b      lam  free
               G y + H x <= h      mu >= 0      (bounds on y are rows of G)

    Parameters
    ----------
    P : (ny, ny), optional
        Hessian; the symmetric part is taken.
    q : (ny,)
        Linear cost.
    A, B, b : (me, ny), (me, nx), (me,), optional
        Equality rows.
    G, H, h : (mi, ny), (mi, nx), (mi,), optional
        Inequality rows.
    Q : (ny, nx), optional
        How the parameters enter the linear cost, for instance as prices of y.
    y, x, lam, mu : ndarray of int, optional
        Columns of a model the parts stand for, when the QP was taken from one.

    Raises
    ------
    ProblemError
        Shapes that clash, NaN or inf.

    See Also
    --------
    Bilevel.from_matrices : A bilevel problem from such followers.
    Follower.qp : The matrices of a follower that was declared by expressions.

    Examples
    --------
    The follower ``min y1^2 + y2^2  s.t.  y1 + y2 = x``: at x = 4 its optimum is (2, 2) with the multiplier 4.

    >>> import numpy as np
    >>> import kktgen as kg
    >>> qp = kg.QP(P=[[2, 0], [0, 2]], q=[0, 0], A=[[1, 1]], B=[[-1]], b=[0])
    >>> y, x, lam, none = np.array([2.0, 2.0]), np.array([4.0]), np.array([4.0]), np.empty(0)
    >>> qp.cost(y, x), qp.stationarity(y, x, lam, none).tolist()
    (8.0, [0.0, 0.0])
    """

    P: Any = None
    q: Any = None
    A: Any = None
    b: Any = None
    G: Any = None
    h: Any = None
    Q: Any = None
    B: Any = None
    H: Any = None
    y: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    x: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    lam: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    mu: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def __post_init__(self) -> None:
        sizes = [
            0 if self.q is None else np.size(self.q),
            self._width("P", 1),
            self._width("A", 1),
            self._width("G", 1),
            self._width("Q", 0),
        ]
        ny = next((size for size in sizes if size), 0)
        nx = max(self._width("Q", 1), self._width("B", 1), self._width("H", 1), len(self.x))
        me = max(0 if self.b is None else np.size(self.b), self._width("A", 0))
        mi = max(0 if self.h is None else np.size(self.h), self._width("G", 0))
        P = _matrix(self.P, (ny, ny), "P")
        put = object.__setattr__
        put(self, "P", Csr((P + P.T) * 0.5))
        put(self, "q", _vector(self.q, ny, "q"))
        put(self, "A", _matrix(self.A, (me, ny), "A"))
        put(self, "b", _vector(self.b, me, "b"))
        put(self, "G", _matrix(self.G, (mi, ny), "G"))
        put(self, "h", _vector(self.h, mi, "h"))
        put(self, "Q", _matrix(self.Q, (ny, nx), "Q"))
        put(self, "B", _matrix(self.B, (me, nx), "B"))
        put(self, "H", _matrix(self.H, (mi, nx), "H"))

    def _width(self, name: str, axis: int) -> int:
        """Return the size of a matrix as given along an axis."""
        value = getattr(self, name)
        if value is None:
            return 0
        try:
            shape = value.shape if sp.issparse(value) else np.shape(value)
        except ValueError:
            shape = ()
        if len(shape) != 2:
            raise ProblemError(f"QP: {name} must be a matrix, one row a list of its own, got shape {shape}")
        return shape[axis]

    @property
    def ny(self) -> int:
        """Number of variables.

        Examples
        --------
        >>> import kktgen as kg
        >>> qp = kg.QP(q=[1, 2, 3], G=[[-1, -1, -1]], H=[[1]], h=[0])
        >>> qp.ny, qp.nx
        (3, 1)
        """
        return len(self.q)

    @property
    def nx(self) -> int:
        """Number of parameters.

        Examples
        --------
        >>> import kktgen as kg
        >>> kg.QP(q=[1], Q=[[1, 1]]).nx                 # the cost is (1 + x1 + x2) y
        2
        """
        return self.Q.shape[1]

    def cost(self, y: np.ndarray, x: np.ndarray) -> float:
        """Return ``1/2 y'P y + (Q x + q)'y``.

        Examples
        --------
        >>> import numpy as np
        >>> import kktgen as kg
        >>> qp = kg.QP(P=[[2]], q=[-6], Q=[[1]])        # y^2 - 6 y + x y
        >>> qp.cost(np.array([3.0]), np.array([2.0]))
        -3.0
        """
        return float(0.5 * y @ (self.P @ y) + (self.Q @ x + self.q) @ y)

    def gradient(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return ``P y + Q x + q`` (ny,).

        Examples
        --------
        >>> import numpy as np
        >>> import kktgen as kg
        >>> qp = kg.QP(P=[[2]], q=[-6], Q=[[1]])        # y^2 - 6 y + x y, smallest at y = 2 when x = 2
        >>> qp.gradient(np.array([2.0]), np.array([2.0])).tolist()
        [0.0]
        """
        return self.P @ y + self.Q @ x + self.q

    def stationarity(self, y: np.ndarray, x: np.ndarray, lam: np.ndarray, mu: np.ndarray) -> np.ndarray:
        """Return ``P y + Q x + q - A'lam + G'mu`` (ny,), zero at a KKT point.

        Examples
        --------
        The follower ``min -y  s.t.  y <= x`` rests on its row, whose multiplier is 1.

        >>> import numpy as np
        >>> import kktgen as kg
        >>> qp = kg.QP(q=[-1], G=[[1]], H=[[-1]], h=[0])
        >>> qp.stationarity(np.array([3.0]), np.array([3.0]), np.empty(0), np.array([1.0])).tolist()
        [0.0]
        """
        return self.gradient(y, x) - self.A.T @ lam + self.G.T @ mu

    def slack(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return ``s = h - G y - H x`` (mi,).

        Examples
        --------
        >>> import numpy as np
        >>> import kktgen as kg
        >>> qp = kg.QP(q=[-1], G=[[1]], H=[[-1]], h=[0])    # y <= x
        >>> qp.slack(np.array([2.0]), np.array([3.0])).tolist()
        [1.0]
        """
        return self.h - self.G @ y - self.H @ x

    def at(self, x: np.ndarray, elastic: np.ndarray | None = None) -> Program:
        """Return the program in y at fixed parameters: equations first, then inequalities, as rows without bounds.

        Parameters
        ----------
        x : ndarray (nx,)
        elastic : ndarray (ny,), optional
            A point that is to be feasible: sides it lies beyond are moved to it.

        Examples
        --------
        The follower ``min -y  s.t.  y <= x`` at x = 3.

        >>> import numpy as np
        >>> import kktgen as kg
        >>> qp = kg.QP(q=[-1], G=[[1]], H=[[-1]], h=[0])
        >>> program = qp.at(np.array([3.0]))
        >>> program.A.toarray().tolist(), program.hi.tolist()
        ([[1.0]], [3.0])
        """
        b, h = self.b - self.B @ x, self.h - self.H @ x
        if elastic is not None:
            b, h = self.A @ elastic, np.maximum(h, self.G @ elastic)
        free = np.full(self.ny, np.inf)
        lo, hi = np.concatenate([b, np.full(len(h), -np.inf)]), np.concatenate([b, h])
        return Program(self.P, self.Q @ x + self.q, vstack([self.A, self.G], self.ny), lo, hi, -free, free)

    def prices(self, row_dual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the multipliers lam (me,) and mu >= 0 (mi,) from the row duals (me + mi,) of the program :meth:`at` x.

        Examples
        --------
        The multiplier of an equation keeps its sign, that of an inequality ``<=`` becomes nonnegative.

        >>> import numpy as np
        >>> import kktgen as kg
        >>> qp = kg.QP(q=[1, 2], A=[[1, 1]], b=[4], G=[[1, 0]], h=[3])
        >>> lam, mu = qp.prices(np.array([2.0, -1.0]))
        >>> lam.tolist(), mu.tolist()
        ([2.0], [1.0])
        """
        return row_dual[: len(self.b)], np.maximum(-row_dual[len(self.b) :], 0.0)

    def multipliers(
        self, y: np.ndarray, x: np.ndarray, deadline: Deadline = NEVER
    ) -> tuple[np.ndarray, np.ndarray] | None:  # fmt: skip
        """Return basic multipliers ``(lam, mu)`` of a response y; None where they are not found.

        They are a dual optimum of ``min c'y`` over the rows, c the gradient at y, which all optima share.

        Examples
        --------
        Two goods of cost 1 and 2 make up 4 units, of the cheap one at most 3: one unit more costs 2, one unit more of
        the cheap good would save 1.

        >>> import numpy as np
        >>> import kktgen as kg
        >>> qp = kg.QP(q=[1, 2], A=[[1, 1]], b=[4], G=[[1, 0], [0, -1]], h=[3, 0])
        >>> lam, mu = qp.multipliers(np.array([3.0, 1.0]), np.empty(0))
        >>> lam.round(6).tolist(), abs(mu).round(6).tolist()
        ([2.0], [1.0, 0.0])
        """
        c, program = self.gradient(y, x), self.at(x, y)
        size = max(1.0, float(np.abs(c).max(initial=0.0)))
        room = REACH * (1.0 + float(np.abs(y).max(initial=0.0)))
        found = replace(program.feasible, lb=y - room, ub=y + room).minimize(c / size, deadline)
        if found.x is None:  # the response is feasible and the box is finite
            return None
        lam, mu = self.prices(found.row_dual)
        return size * lam, size * mu
