"""Convex programs with convex quadratic rows and norms, by second-order cones and the interior point of Clarabel.

::

    min  1/2 x'P x + q'x   s.t.  lo <= A x <= hi,   lb <= x <= ub
                                 1/2 x'R_i x + (A x)_i <= hi_i,   |E_k x + e_k| + (A x)_k <= hi_k   of some rows i, k

With ``R = F'F`` and ``t = hi - (A x)_i`` a row is ``|F x|^2 <= 2 t``, the cone ``|(2 F x, 2 t - 1)| <= 2 t + 1``. The
multiplier of the row is twice the sum of the cone's first two. The dual of a norm's cone is ``(mu, nu)``, |nu| <= mu:
mu is the multiplier of its row, and with ``u = -nu / mu`` the row ``u'(E_k x + e_k) + (A x)_k <= hi_k`` has the same
one at the optimum. (Lobo, Vandenberghe, Boyd, Lebret 1998.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import clarabel
import numpy as np
import scipy.sparse as sp

from ..deadline import NEVER, Deadline
from ..errors import SolverError
from .answers import Answer
from .interior import solved_by_clarabel
from .programs import Program
from .sparse import Csr

FLAT = 1e-14
"""An eigenvalue below this share of the largest is zero."""
LEAST = 1e-300
"""Smallest multiplier that is divided by."""


def root(R: Csr) -> Csr:
    """Return F (r, n) with ``F'F = R`` of a symmetric positive semidefinite matrix R (n, n)."""
    used = np.unique(R.indices[R.data != 0])
    dense = R[used][:, used].toarray()
    if not np.count_nonzero(dense - np.diag(np.diagonal(dense))):
        F = np.diag(np.sqrt(np.maximum(np.diagonal(dense), 0.0)))
    else:
        size, vectors = np.linalg.eigh(dense)
        keep = size > FLAT * size.max(initial=0.0)
        F = np.sqrt(size[keep])[:, None] * vectors[:, keep].T
    row, column = np.nonzero(F)
    return Csr(sp.csr_array((F[row, column], (row, used[column])), shape=(F.shape[0], R.shape[0])))


@dataclass(frozen=True, eq=False)
class ConicProgram(Program):
    """A convex QP with convex quadratic rows and rows with norms; such rows have no lower side.

    Parameters
    ----------
    squares : tuple of (int, csr_array (n, n))
        Pairs (row i, R_i).
    norms : tuple of (int, csr_array (m, n), ndarray (m,))
        Row k, E_k and e_k.
    """

    squares: tuple[tuple[int, Csr], ...] = ()
    norms: tuple[tuple[int, Csr, np.ndarray], ...] = ()

    def solve(self, deadline: Deadline = NEVER) -> Answer:
        """Return the optimum with the multipliers of all rows and the norms' normals u, or why there is none."""
        n, m = len(self.q), len(self.lo)
        curved = np.array([one[0] for one in (*self.squares, *self.norms)], dtype=np.int64)
        plain = np.ones(m, dtype=bool)
        plain[curved] = False
        rows = sp.vstack([self.A[plain], sp.eye_array(n)], format="csr")
        low, high = np.concatenate([self.lo[plain], self.lb]), np.concatenate([self.hi[plain], self.ub])
        equal = low == high
        up, down = np.isfinite(high) & ~equal, np.isfinite(low) & ~equal
        parts, sides = [rows[equal], rows[up], -rows[down]], [low[equal], high[up], -low[down]]
        equations, inequalities = int(equal.sum()), int(up.sum() + down.sum())
        cones = [clarabel.ZeroConeT(equations)] if equations else []
        cones += [clarabel.NonnegativeConeT(inequalities)] if inequalities else []
        starts = []
        at = equations + inequalities
        for i, R in self.squares:
            F, a = root(R), 2.0 * self.A[[i]]
            parts += [a, a, -2.0 * F]
            sides += [np.array([2.0 * self.hi[i] + 1.0, 2.0 * self.hi[i] - 1.0]), np.zeros(F.shape[0])]
            cones.append(clarabel.SecondOrderConeT(2 + F.shape[0]))
            starts.append(at)
            at += 2 + F.shape[0]
        for i, E, e in self.norms:
            parts += [self.A[[i]], -E]
            sides += [self.hi[[i]], e]
            cones.append(clarabel.SecondOrderConeT(1 + len(e)))
            starts.append(at)
            at += 1 + len(e)
        stacked = sp.csc_matrix(sp.vstack(parts, format="csc"))
        found = solved_by_clarabel(self.P, self.q, stacked, np.concatenate(sides), cones, deadline)
        if isinstance(found, Answer):
            return found
        z, price = np.asarray(found.z), np.zeros(int(plain.sum()) + n)
        price[equal] = -z[:equations]
        price[up] -= z[equations : equations + int(up.sum())]
        price[down] += z[equations + int(up.sum()) : equations + inequalities]
        row_dual = np.zeros(m)
        row_dual[plain] = price[: int(plain.sum())]
        count = len(self.squares)
        of_squares = [-2.0 * float(z[k] + z[k + 1]) for k in starts[:count]]
        row_dual[curved] = [*of_squares, *(-float(z[k]) for k in starts[count:])]
        normals = tuple(
            -z[k + 1 : k + 1 + len(e)] / max(float(z[k]), float(np.linalg.norm(z[k + 1 : k + 1 + len(e)])), LEAST)
            for k, (_, _, e) in zip(starts[count:], self.norms, strict=True)
        )
        col_dual = price[int(plain.sum()) :]
        return Answer("optimal", np.asarray(found.x), float(found.obj_val), row_dual, col_dual, normals=normals)

    def in_size(self, size: float, unit: float) -> ConicProgram:
        """Return it for ``x = size v`` and a cost in units of ``unit``."""
        plain = super().in_size(size, unit)
        squares = tuple((i, Csr(R * size)) for i, R in self.squares)
        norms = tuple((i, E, e / size) for i, E, e in self.norms)
        assert isinstance(plain, ConicProgram)
        return replace(plain, squares=squares, norms=norms)

    @property
    def feasible(self) -> None:  # type: ignore[override]
        """No polyhedron: its curved rows cut it."""
        raise SolverError("a program with squares or norms in its rows has no polyhedron of feasible points")
