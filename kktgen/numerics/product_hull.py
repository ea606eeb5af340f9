"""Products of two numbers in boxes, and the linear functions that touch them there (McCormick 1976).

For ``w = a b`` with a in [la, ua] and b in [lb, ub]::

    from below   w >= lb a + la b - la lb,    w >= ub a + ua b - ua ub
    from above   w <= ub a + la b - la ub,    w <= lb a + ua b - ua lb

They are the convex and the concave envelope of the product, and equal to it where a or b stands at an end of its box:
with a binary factor they are exact.
"""

from __future__ import annotations

import numpy as np

from .sparse import Csr, coo


def hull(
    left: np.ndarray, right: np.ndarray, column: np.ndarray, lb: np.ndarray, ub: np.ndarray, n: int,
    below: np.ndarray | bool = True, above: np.ndarray | bool = True,
) -> tuple[Csr, np.ndarray, np.ndarray]:  # fmt: skip
    """Return the rows of ``z[column_k] = z[left_k] z[right_k]`` over the boxes; infinite bounds give none.

    Parameters
    ----------
    left, right, column : ndarray (k,)
        Columns of the factors and of the product.
    lb, ub : ndarray
        Boxes of the columns, of the factors at least.
    n : int
        Number of columns of the rows.
    below, above : ndarray (k,) of bool, or bool
        Which products get the rows that hold them from below, and from above.

    Returns
    -------
    M, lo, hi
        Rows ``lo <= M z <= hi``, at most four a product.
    """
    la, ua, lo_right, up_right = lb[left], ub[left], lb[right], ub[right]
    parts = []
    for ca, cb, sign, wanted in (
        (la, lo_right, 1.0, below), (ua, up_right, 1.0, below),
        (la, up_right, -1.0, above), (ua, lo_right, -1.0, above),
    ):  # sign (w - cb a - ca b + ca cb) >= 0  # fmt: skip
        keep = np.isfinite(ca) & np.isfinite(cb) & wanted
        parts.append((column[keep], left[keep], right[keep], ca[keep], cb[keep], np.full(int(keep.sum()), sign)))
    w, a, b, ca, cb, signs = (np.concatenate(p) for p in zip(*parts, strict=True))
    k = len(w)
    rows = np.tile(np.arange(k), 3)
    M = coo(np.concatenate([signs, -signs * cb, -signs * ca]), rows, np.concatenate([w, a, b]), (k, n))
    return M, -signs * ca * cb, np.full(k, np.inf)


def product_boxes(left: np.ndarray, right: np.ndarray, lb: np.ndarray, ub: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the boxes of the products ``z[left_k] z[right_k]``."""
    with np.errstate(invalid="ignore"):
        ends = [a[left] * b[right] for a in (lb, ub) for b in (lb, ub)]
    corners = np.where(np.isnan(ends), 0.0, ends)  # 0 times inf: the factor is 0
    return corners.min(axis=0), corners.max(axis=0)
