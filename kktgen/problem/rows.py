"""Constraints as declared: linear rows ``lo <= M z <= hi`` and quadratic ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..numerics.sparse import Csr
from .columns import Space
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

    Attributes
    ----------
    dual : Affine or None
        For rows of a follower: d(minimised follower cost)/d(right-hand side), the sign solvers report, where the row
        reads "left minus right": ``5 == x`` is read by Python as ``x == 5``, ``5 - x == 0`` has the opposite sign.
        For ``maximize(e)`` the cost is ``-e``.
    price : callable or None
        Makes ``dual``; set when the rows are added to a follower.
    """

    __slots__ = ("space", "M", "lo", "hi", "shape", "name", "price")
    __hash__ = object.__hash__

    def __init__(
        self, space: Space, M: Csr, lo: np.ndarray, hi: np.ndarray, shape: tuple[int, ...], name: str = ""
    ) -> None:
        self.space = space
        self.M = M
        self.lo = lo
        self.hi = hi
        self.shape = shape
        self.name = name
        self.price: Callable[[], Any] | None = None

    @property
    def dual(self) -> Any:
        """For rows of a follower: d(minimised follower cost)/d(right-hand side), the sign solvers report."""
        return None if self.price is None else self.price()

    def fresh(self) -> Rows:
        """Return the rows themselves the first time they are added, and afterwards a copy with a name of its own."""
        return Rows(self.space, self.M, self.lo, self.hi, self.shape) if self.name else self

    def __len__(self) -> int:
        return len(self.lo)

    def __repr__(self) -> str:
        return f"Rows({self.name or 'unnamed'}, shape={self.shape}, {self.M.nnz} entries)"

    def residual(self, z: np.ndarray) -> np.ndarray:
        """Return by how much each row is violated at z (k,)."""
        value = self.M @ z[: self.M.shape[1]]
        return np.maximum(np.maximum(self.lo - value, value - self.hi), 0.0)


class QuadRow(Constraint):
    """The quadratic constraint ``lo <= quad(z) <= hi`` (constant of ``quad`` is zero)."""

    __slots__ = ("quad", "lo", "hi", "name")

    def __init__(self, quad: Any, lo: float, hi: float, name: str = "") -> None:
        self.quad = quad
        self.lo = lo
        self.hi = hi
        self.name = name

    def __repr__(self) -> str:
        return f"QuadRow({self.name or 'unnamed'}, {len(self.quad.v)} products)"
