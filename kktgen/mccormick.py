"""Products of two columns between the linear functions that touch them on a box (McCormick 1976).

For ``w = a b`` with a in [la, ua] and b in [lb, ub]::

    from below   w >= lb a + la b - la lb,    w >= ub a + ua b - ua ub
    from above   w <= ub a + la b - la ub,    w <= lb a + ua b - ua lb

They are the convex and the concave envelope of the product, and equal to it where a or b stands at an end of its box:
with a binary factor they are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from .model import Model, Products
from .space import Block, Space
from .sparse import Csr, coo
from .tables import QuadTable, RowTable

ROUNDING = 1e-9
"""Relative rounding outward of intervals."""


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


class Bilinear(Protocol):
    """Weighted products ``sum weight z_left z_right`` of one follower."""

    @property
    def follower(self) -> int:
        """Index of the follower."""

    @property
    def left(self) -> np.ndarray:
        """Columns of the first factors (m,)."""

    @property
    def right(self) -> np.ndarray:
        """Columns of the second factors (m,)."""

    @property
    def weight(self) -> np.ndarray:
        """Weights (m,)."""


def with_products(
    model: Model, sums: Sequence[Bilinear], lb: np.ndarray, ub: np.ndarray, word: str, role: str
) -> tuple[Model, list[np.ndarray]]:
    """Return the model with a column for every product of some sums, and each sum's columns.

    Each sum is to stand in a row ``.. + sum weight w <= side``, so a product is held from one side alone: from below
    where its weight is positive, else from above.

    Parameters
    ----------
    model : Model
        With its KKT system.
    sums : sequence of Bilinear
    lb, ub : ndarray (n,)
        Boxes of the columns.
    word, role : str
        The columns are called ``word(follower,k)``, the rows ``word_hull``, with this role.
    """
    names = model.kkt.followers if model.kkt is not None else ()
    space = model.space.copy()
    columns = []
    for part in sums:
        low, high = product_boxes(part.left, part.right, lb, ub)
        columns.append(
            space.append(
                word, "product", lb=low, ub=high, owner=part.follower, follower=names[part.follower], shape=low.shape
            )
        )
    if sum(map(len, columns)) == 0:
        return model, columns
    left, right, weight = (np.concatenate([getattr(part, key) for part in sums]) for key in ("left", "right", "weight"))
    column = np.concatenate(columns)
    M, lo, hi = hull(left, right, column, lb, ub, len(space), weight > 0, weight < 0)
    table = RowTable(M, lo, hi, (Block(0, len(lo), f"{word}_hull", role, shape=lo.shape),))
    lifted = replace(model, space=space, lifts=(*model.lifts, Products(column, left, right)))
    return lifted.with_rows(table), columns


def product_sums(table: QuadTable, lb: np.ndarray, ub: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the interval of the products of every quadratic row over the box [lb, ub] (k,), (k,)."""
    low, high = product_boxes(table.i, table.j, lb, ub)
    across = (table.i == table.j) & (lb[table.i] < 0) & (ub[table.i] > 0)
    low, v, count = np.where(across, 0.0, low), table.v, len(table)
    least = np.bincount(table.row, weights=v * np.where(v > 0, low, high), minlength=count)
    most = np.bincount(table.row, weights=v * np.where(v > 0, high, low), minlength=count)
    return least, most


def box_terms(space: Space, table: QuadTable) -> None:
    """Put the intervals of the terms that some rows define (:mod:`kktgen.terms`) onto their columns.

    They are exact where all factors are fixed, else rounded outward.
    """
    if not len(table):
        return
    column = table.linear.M.indices
    least, most = product_sums(table, space.lb, space.ub)
    room = np.where(least < most, ROUNDING, 0.0)
    space.lb[column] = np.where(np.isfinite(least), least - room * (1.0 + np.abs(least)), -np.inf)
    space.ub[column] = np.where(np.isfinite(most), most + room * (1.0 + np.abs(most)), np.inf)
    space.proof[column] = "proved(interval)"
