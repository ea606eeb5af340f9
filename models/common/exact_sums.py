"""Products of matrices that are the same on every CPU.

``A @ B`` is left to a BLAS, which sums in the order that suits the processor's vector units: the last digits differ
from machine to machine, and so would the files of a problem whose data were computed that way.
"""

from __future__ import annotations

import math

import numpy as np


def product(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Return ``A @ B`` (m, k) or (m,): each entry is the sum of the rounded products, rounded once.

    Parameters
    ----------
    A : ndarray (m, n)
    B : ndarray (n, k) or (n,)
    """
    if B.ndim == 2:
        return np.stack([product(A, column) for column in B.T], axis=1)
    return np.array([math.fsum(row) for row in (A * B).tolist()], dtype=float)
