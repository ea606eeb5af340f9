"""Convex quadratic forms as sums of squares of few expressions, and how far such a sum may be off.

::

    1/2 y'R y = sum_r d_r (l_r'y)^2 / 2 + 1/2 y'(R - sum_r d_r l_r l_r')y

A column that stands in its own square alone is its own expression, with d = R_jj; of every block of others the l_r are
the eigenvectors. The last term is rounding, bounded over a box of y.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...numerics.sparse import Csr, components, coo, joined

DROPPED = 1e-13
"""Relative size up to which an eigenvalue, or the entry of an eigenvector, is rounding."""
ROUNDING = 1e-15
"""Relative error of the products and sums by which the sum of squares is held against R."""


@dataclass(frozen=True, eq=False)
class Squares:
    """The form ``sum_r d_r (L y)_r^2 / 2``, and what is missing: a bound on ``|R - L'diag(d) L|`` entry by entry."""

    d: np.ndarray
    L: Csr
    off: Csr

    @classmethod
    def of(cls, R: Csr) -> Squares:
        """Return the squares of a positive semidefinite matrix (ny, ny)."""
        ny = R.shape[0]
        _, label = components(R)
        used = np.unique(R.indices[R.data != 0])
        d, rows, columns, values = list[float](), list[np.ndarray](), list[np.ndarray](), list[np.ndarray]()
        missing = list[tuple[np.ndarray, np.ndarray, np.ndarray]]()
        for block in np.unique(label[used]):
            at = used[label[used] == block]
            own = R[at][:, at].toarray()
            if len(at) == 1:
                size, vectors = own[0], np.ones((1, 1))
            else:
                size, vectors = np.linalg.eigh(0.5 * (own + own.T))
                keep = size > DROPPED * size.max()
                size, vectors = size[keep], np.where(np.abs(vectors[:, keep]) > DROPPED, vectors[:, keep], 0.0)
                scale = (np.abs(vectors) * size) @ np.abs(vectors).T
                error = np.abs(own - (vectors * size) @ vectors.T) + len(at) * ROUNDING * scale
                missing.append((error.ravel(), np.repeat(at, len(at)), np.tile(at, len(at))))
            for k in range(len(size)):
                rows.append(np.full(len(at), len(d)))
                columns.append(at)
                values.append(vectors[:, k] * np.sign(vectors[np.abs(vectors[:, k]).argmax(), k]))
                d.append(size[k])
        L = coo(joined(values), joined(rows, int), joined(columns, int), (len(d), ny))
        error, i, j = joined(m[0] for m in missing), joined((m[1] for m in missing), int), [m[2] for m in missing]
        return cls(np.array(d), L, coo(error, i, joined(j, int), (ny, ny)))

    def missing(self, size: np.ndarray) -> float:
        """Return how much larger than the sum of squares the form may be where ``|y| <= size`` (ny,)."""
        used = np.unique(self.off.indices)
        return 0.5 * float(size[used] @ (self.off[used][:, used] @ size[used])) if len(used) else 0.0
