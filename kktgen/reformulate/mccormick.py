"""A model with a column for every product of some sums, held as :mod:`kktgen.numerics.product_hull` holds one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from ..model.appended_columns import Products
from ..model.model import Model
from ..model.tables import RowTable
from ..numerics.product_hull import hull, product_boxes
from ..problem.columns import Block


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
