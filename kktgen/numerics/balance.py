"""Units of columns in which the entries of a matrix are of one size, by turns with those of its rows.

Geometric scaling: a row, then a column, is divided by the middle ``sqrt(least * most)`` of its entries (Curtis & Reid
1972 have the least squares of the same). A chain of rows ``t <= 1000 s``, ``s <= 1000 r`` has units in which all
entries are one, whatever its length.
"""

from __future__ import annotations

import numpy as np

from .sparse import Csr, row_index

SWEEPS, STILL = 200, 1e-2
"""How often rows and columns are divided at most, and the step (in powers of two) at which they are done."""


def column_units(M: Csr) -> np.ndarray:
    """Return powers of two c (n,) so that ``M diag(c)``, its rows in units of theirs, has entries of one size.

    Parameters
    ----------
    M : csr_array (m, n)

    Examples
    --------
    >>> import numpy as np
    >>> from kktgen.numerics.balance import column_units
    >>> from kktgen.numerics.sparse import Csr
    >>> column_units(Csr(np.array([[1.0, -1024.0, 0.0], [0.0, 1.0, -1024.0]]))).tolist()
    [1024.0, 1.0, 0.0009765625]
    """
    there = M.data != 0
    row, column, size = row_index(M)[there], M.indices[there], np.log2(np.abs(M.data[there]))
    units = np.zeros(M.shape[1])
    for _ in range(SWEEPS):
        here = size + units[column]
        here = here - _middle(here, row, M.shape[0])[row]
        step = _middle(here, column, M.shape[1])
        units -= step
        if np.abs(step).max(initial=0.0) < STILL:
            break
    out: np.ndarray = 2.0 ** np.round(units)
    return out


def _middle(size: np.ndarray, of: np.ndarray, count: int) -> np.ndarray:
    """Return the middle of the logarithms of every row or column (count,); 0 of empty ones."""
    least, most = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(least, of, size)
    np.maximum.at(most, of, size)
    empty = most < least
    out: np.ndarray = 0.5 * (np.where(empty, 0.0, least) + np.where(empty, 0.0, most))
    return out
