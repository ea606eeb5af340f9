"""A follower with integer variables in pieces: its continuous and its integer columns, the rows that the leader moves.

With ``y = (u, k)``, u continuous and k integer, the follower at a decision x of the leader is::

    min  1/2 y'P y + (Q x + q)'y   s.t.   A y + B x = b,   G y + H x <= h,   k integer
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import gcd, lcm
from typing import Any

import numpy as np

from ...errors import ProblemError
from ...model.spread import spread
from ...numerics.sparse import Csr, position, row_index
from ...problem.bilevel import Bilevel
from ...problem.columns import Space
from ...problem.expressions import Quad
from ...problem.follower import Follower
from ...problem.qp import QP

DENOMINATOR = 10**6
"""Largest denominator up to which data count as whole numbers over a common one."""
EXACT = 1e-12
"""Relative distance of a number from the fraction it is taken for."""
DEFINITE = 1e-9
"""Least eigenvalue, over the largest entry, of a matrix that counts as positive definite."""
HOLDS = 1e-6
"""By how much a response may violate rows that the leader does not move, relative to their sides or coefficients."""


@dataclass(frozen=True, eq=False)
class Response:
    """What a follower does, and at which values of the columns it sees.

    Parameters
    ----------
    follower : str
    y : ndarray (ny,)
        Values of its variables, in the order of their columns.
    x : ndarray (nx,)
        Values of the leader's columns that it sees, in the order of the columns.
    """

    follower: str
    y: np.ndarray
    x: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"follower": self.follower, "y": self.y.tolist(), "x": self.x.tolist()}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Response:
        """Return the response of plain data."""
        y, x = (np.array(data[key], dtype=float) for key in ("y", "x"))
        return cls(str(data["follower"]), y, x)


@dataclass(frozen=True, eq=False)
class Part:
    """A follower in pieces.

    Parameters
    ----------
    name : str
    qp : QP
        All its columns are variables, those of the leader it sees parameters.
    whole : ndarray (ny,) of bool
        Which variables are integer.
    space : Space
        Of the problem.
    sense : int
    """

    name: str
    qp: QP
    whole: np.ndarray
    space: Space

    @classmethod
    def of(cls, bilevel: Bilevel, follower: Follower) -> Part:
        """Return the pieces of a follower."""
        qp = follower.system().qp()
        return cls(follower.name, qp, bilevel.space.kind[qp.y] != "C", bilevel.space)

    @cached_property
    def u(self) -> np.ndarray:
        """Positions of the continuous variables."""
        return np.flatnonzero(~self.whole)

    @cached_property
    def k(self) -> np.ndarray:
        """Positions of the integer variables."""
        return np.flatnonzero(self.whole)

    @cached_property
    def equations(self) -> np.ndarray:
        """Equations that the leader moves (me,) bool."""
        return np.diff(self.qp.B.indptr) > 0

    @cached_property
    def moved(self) -> np.ndarray:
        """Inequalities that the leader moves (mi,) bool."""
        return np.diff(self.qp.H.indptr) > 0

    @property
    def is_moved(self) -> bool:
        """Whether the leader moves some row."""
        return bool(self.equations.any() or self.moved.any())

    @cached_property
    def is_priced(self) -> bool:
        """Whether the leader's columns multiply continuous variables in the cost."""
        return bool(np.diff(self.qp.Q.indptr)[self.u].any())

    @cached_property
    def curved(self) -> np.ndarray:
        """Which continuous variables the quadratic cost makes unique, given the integers (ny,) bool.

        All of them in it where it is positive definite in them, else those that stand in it alone.
        """
        P, out = self.qp.P, np.zeros(self.qp.ny, dtype=bool)
        inside = np.flatnonzero((np.diff(P.indptr) > 0) & ~self.whole)
        own = P[inside][:, inside].toarray()
        if len(inside) and np.linalg.eigvalsh(own)[0] > DEFINITE * np.abs(own).max():
            out[inside] = True
        else:
            alone = (np.count_nonzero(own, axis=1) == 1) & (np.diag(own) > 0)
            out[inside[alone]] = True
        return out

    @cached_property
    def with_u(self) -> tuple[np.ndarray, np.ndarray]:
        """Equations and inequalities that hold continuous variables (me,), (mi,) bool."""
        return tuple(_holding(M, self.u) for M in (self.qp.A, self.qp.G))  # type: ignore[return-value]

    @cached_property
    def steps(self) -> tuple[np.ndarray, np.ndarray]:
        """Distances of the values that ``B x`` and ``H x`` can take (me,), (mi,); 0 where they are dense."""
        whole = self.space.kind[self.qp.x] != "C"
        return _steps(self.qp.B, whole), _steps(self.qp.H, whole)

    @cached_property
    def sizes(self) -> tuple[np.ndarray, np.ndarray]:
        """What distances from equations and inequalities are relative to (me,), (mi,).

        It is what the leader can move them by, or their side where that is less.
        """
        lb, ub = self.space.lb[self.qp.x], self.space.ub[self.qp.x]
        return _size(self.qp.B, self.qp.b, lb, ub), _size(self.qp.H, self.qp.h, lb, ub)

    @cached_property
    def is_lattice(self) -> bool:
        """Whether all that moves its rows is integer, with fractions for data."""
        be, hi = self.steps
        return bool((be[self.equations] > 0).all() and (hi[self.moved] > 0).all())

    @cached_property
    def cost(self) -> Quad:
        """The cost over all columns, without terms of the leader alone."""
        return as_quad(self.space, self.qp, self.qp.y, self.qp.x)

    @cached_property
    def spread(self) -> float:
        """Most by which the terms of the cost can differ over the declared boxes; inf where a column has none."""
        return spread(self.cost, self.space, self.qp.y)

    def checked(self, response: Response) -> Response:
        """Return a response with its integers whole.

        Raises
        ------
        ProblemError
            It is none of this follower: other lengths, fractions, or a violated row that the leader does not move.
        """
        qp, y, x = self.qp, response.y.copy(), response.x
        if y.shape != (qp.ny,) or x.shape != (qp.nx,) or not (np.isfinite(y).all() and np.isfinite(x).all()):
            raise ProblemError(
                f"a response of follower {self.name!r} has {qp.ny} values of its variables and {qp.nx} of the leader's"
            )
        whole = np.round(y[self.whole])
        fraction = np.abs(y[self.whole] - whole).max(initial=0.0)
        y[self.whole] = whole
        rows, sides = np.abs(qp.A @ y - qp.b), np.maximum(qp.G @ y - qp.h, 0.0)
        off = max(
            (rows / self._sizes(qp.A, qp.b, self.with_u[0]))[~self.equations].max(initial=0.0),
            (sides / self._sizes(qp.G, qp.h, self.with_u[1]))[~self.moved].max(initial=0.0),
        )
        if fraction > HOLDS or off > HOLDS:
            raise ProblemError(
                f"a response of follower {self.name!r} is none: its integers are off by {fraction:.1e}, its rows by "
                f"{off:.1e}"
            )
        return Response(response.follower, y, x)

    @staticmethod
    def _sizes(M: Csr, side: np.ndarray, with_u: np.ndarray) -> np.ndarray:
        """Return what violations are relative to: of rows of integers alone no large side, which could hide a step."""
        size, steps = 1.0 + np.abs(side), 1.0 + np.asarray(abs(M).sum(axis=1)).ravel()
        return np.where(with_u, size, np.minimum(size, steps))


def parts_of(bilevel: Bilevel) -> list[Part]:
    """Return all followers in pieces."""
    return [Part.of(bilevel, follower) for follower in bilevel.followers]


def as_quad(space: Space, qp: QP, y: np.ndarray, x: np.ndarray) -> Quad:
    """Return the cost of a QP as an expression of given columns y and x."""
    row, Q = row_index(qp.P), qp.Q
    i, j = np.concatenate([y[row], y[row_index(Q)]]), np.concatenate([y[qp.P.indices], x[Q.indices]])
    v = np.concatenate([0.5 * qp.P.data, Q.data])
    return expression(space, y, qp.q, 0.0, (i, j, v))


def expression(
    space: Space, columns: np.ndarray, values: np.ndarray, constant: float = 0.0,
    products: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None,
) -> Quad:  # fmt: skip
    """Return ``sum values z_columns + sum v z_i z_j + constant``."""
    i, j, v = products or (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))
    n = int(max(columns.max(initial=-1), i.max(initial=-1), j.max(initial=-1)) + 1)
    row = Csr((values, (np.zeros(len(columns), dtype=np.int64), columns)), shape=(1, max(n, len(space))))
    low, high = np.minimum(i, j).astype(np.int64), np.maximum(i, j).astype(np.int64)
    return Quad(space, low, high, v, row, float(constant)).canonical()


def _holding(M: Csr, columns: np.ndarray) -> np.ndarray:
    out = np.zeros(M.shape[0], dtype=bool)
    out[row_index(M)[position(columns, M.indices) >= 0]] = True
    return out


def _size(M: Csr, side: np.ndarray, lb: np.ndarray, ub: np.ndarray) -> np.ndarray:
    span = np.bincount(row_index(M), np.abs(M.data) * (ub - lb)[M.indices], minlength=M.shape[0])
    return np.minimum(1.0 + np.abs(side), span)


def _steps(M: Csr, whole: np.ndarray) -> np.ndarray:
    """Return for every row the distance of the values it can take at integers; 0 where that is not known."""
    out = np.zeros(M.shape[0])
    for i in np.flatnonzero(np.diff(M.indptr)).tolist():
        part = slice(M.indptr[i], M.indptr[i + 1])
        if whole[M.indices[part]].all():
            out[i] = _step(M.data[part].tolist())
    return out


def _step(values: list[float]) -> float:
    """Return the greatest common divisor of numbers whose ratios are fractions; 0 where some are not.

    Ratios have no unit: the numbers of a row are whole over a common one in other units of the row, too.
    """
    least = min(map(abs, values))
    ratios = [value / least for value in values]
    parts = [Fraction(ratio).limit_denominator(DENOMINATOR) for ratio in ratios]
    if any(abs(float(p) - v) > EXACT * abs(v) for p, v in zip(parts, ratios, strict=True)):
        return 0.0
    scale = lcm(*(p.denominator for p in parts))
    return least * gcd(*(int(p * scale) for p in parts)) / scale if scale <= DENOMINATOR else 0.0
