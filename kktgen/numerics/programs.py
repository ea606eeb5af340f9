"""LPs (HiGHS) and convex QPs (Clarabel) on plain arrays: bounds, heuristics and verification stand on them.

::

    min  1/2 x'P x + q'x   s.t.  lo <= A x <= hi,  lb <= x <= ub

Every one gets the time its deadline leaves; where that is nothing, it ends with ``limit`` before it begins. Those that
may take long work in the background, so that Ctrl-C stops them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from ..deadline import NEVER, Deadline
from .answers import Answer
from .interior import interior
from .intervals import FAR, within_reach
from .sparse import Csr
from .warm_lp import WarmLp

APART = 1e5
"""A side so many times the next smaller one (1 at least) costs an interior-point method its accuracy."""


def lp(
    q: np.ndarray,
    A: Csr,
    lo: np.ndarray,
    hi: np.ndarray,
    lb: np.ndarray,
    ub: np.ndarray,
    deadline: Deadline = NEVER,
) -> Answer:
    """Solve ``min q'x  s.t.  lo <= A x <= hi, lb <= x <= ub``."""
    return WarmLp(A, lo, hi, lb, ub, deadline).minimize(np.arange(len(q)), q)


def qp(
    P: Csr, q: np.ndarray, A: Csr, lo: np.ndarray, hi: np.ndarray, lb: np.ndarray, ub: np.ndarray,
    deadline: Deadline = NEVER,
) -> Answer:  # fmt: skip
    """Solve ``min 1/2 x'P x + q'x  s.t.  lo <= A x <= hi, lb <= x <= ub`` for P positive semidefinite.

    An LP (HiGHS) when P is zero, else the interior-point method of Clarabel, which stays reliable when P is
    singular and tells infeasible and unbounded problems apart. Sides far from all others are left out at first: an
    optimum that satisfies them is the optimum.
    """
    if P.nnz == 0:
        return lp(q, A, lo, hi, lb, ub, deadline)
    reach = _reach(np.abs(np.concatenate([lo, hi, lb, ub])))
    if reach < np.inf:
        near = interior(P, q, A, *within_reach(lo, hi, reach), *within_reach(lb, ub, reach), deadline)
        if near.status == "infeasible" or (near.x is not None and _inside(near.x, A, lo, hi, lb, ub, reach)):
            return near
    return interior(P, q, A, lo, hi, lb, ub, deadline)


@dataclass(frozen=True, eq=False)
class Polyhedron:
    """``lo <= A x <= hi, lb <= x <= ub``.

    Parameters
    ----------
    A : csr_array (m, n)
    lo, hi : ndarray (m,)
    lb, ub : ndarray (n,)
    """

    A: Csr
    lo: np.ndarray
    hi: np.ndarray
    lb: np.ndarray
    ub: np.ndarray

    def minimize(self, q: np.ndarray, deadline: Deadline = NEVER) -> Answer:
        """Return the least ``q'x``."""
        return lp(q, self.A, self.lo, self.hi, self.lb, self.ub, deadline)

    def warm(self, deadline: Deadline = NEVER, most: float | None = None, primal: bool = False) -> WarmLp:
        """Return an LP over it that is kept warm from objective to objective, ``most`` seconds for each."""
        return WarmLp(self.A, self.lo, self.hi, self.lb, self.ub, deadline, most, primal)

    def with_rows(self, A: Csr, lo: np.ndarray, hi: np.ndarray) -> Polyhedron:
        """Return it with more rows."""
        rows = Csr(sp.vstack([self.A, A], format="csr"))
        return Polyhedron(rows, np.concatenate([self.lo, lo]), np.concatenate([self.hi, hi]), self.lb, self.ub)


@dataclass(frozen=True, eq=False)
class Program:
    """A convex QP ``min 1/2 x'P x + q'x  s.t.  lo <= A x <= hi, lb <= x <= ub``; an LP where P is zero.

    Parameters
    ----------
    P : csr_array (n, n)
        Positive semidefinite.
    q : ndarray (n,)
    A : csr_array (m, n)
    lo, hi : ndarray (m,)
    lb, ub : ndarray (n,)
    """

    P: Csr
    q: np.ndarray
    A: Csr
    lo: np.ndarray
    hi: np.ndarray
    lb: np.ndarray
    ub: np.ndarray

    @property
    def feasible(self) -> Polyhedron:
        """The points it may take."""
        return Polyhedron(self.A, self.lo, self.hi, self.lb, self.ub)

    def solve(self, deadline: Deadline = NEVER) -> Answer:
        """Return the optimum, or why there is none."""
        return qp(self.P, self.q, self.A, self.lo, self.hi, self.lb, self.ub, deadline)

    def in_size(self, size: float, unit: float) -> Program:
        """Return it for ``x = size v``, its rows over size and its cost over unit; the box of x is to be free."""
        P, q = self.P * (size**2 / unit), self.q * (size / unit)
        return replace(self, P=Csr(P), q=q, lo=self.lo / size, hi=self.hi / size)


def _reach(size: np.ndarray) -> float:
    """Return the smallest size of a side that is out of reach; inf where there is none."""
    size = np.sort(np.append(size[np.isfinite(size)], 1.0))
    size = size[size >= 1.0]
    far = np.flatnonzero((size[1:] >= APART * size[:-1]) | (size[1:] >= FAR))
    return float(size[1 + far[0]]) if len(far) else np.inf


def _inside(
    x: np.ndarray, A: Csr, lo: np.ndarray, hi: np.ndarray, lb: np.ndarray, ub: np.ndarray, reach: float
) -> bool:
    """Return whether a point satisfies the sides that are out of reach."""
    return all(
        bool(((value >= low) | (np.abs(low) < reach)).all() and ((value <= high) | (np.abs(high) < reach)).all())
        for value, low, high in ((A @ x, lo, hi), (x, lb, ub))
    )
