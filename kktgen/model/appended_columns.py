"""What encodings and cuts append to a model: how pairs were encoded, and columns for slacks and products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..numerics.sparse import Csr
from .units import Units


@dataclass(frozen=True)
class Encoded:
    """How some complementarity pairs were encoded.

    Parameters
    ----------
    encoding : str
        Name of the encoding.
    pairs : int
        Number of pairs.
    trust : str
        ``exact`` (no constant involved), ``proved`` (every constant is a proved bound), ``user`` or ``heuristic`` (some
        constant is not proved), ``eps`` (a tolerance on the product stays in the model).
    """

    encoding: str
    pairs: int
    trust: str


@dataclass(frozen=True, eq=False)
class Lift:
    """Columns an encoding appended, as functions of the KKT point: how a point of the KKT model is completed.

    Parameters
    ----------
    columns : ndarray (k,)
    M, r, mu
        Slack ``M z + r`` and multiplier column of the pair behind each column.
    binary : bool
        The columns are 1 where the slack is not above the multiplier (the row is active), else they are the slack.
    """

    columns: np.ndarray
    M: Csr
    r: np.ndarray
    mu: np.ndarray
    binary: bool

    def values(self, z: np.ndarray, units: Units | None = None, owner: np.ndarray | None = None) -> np.ndarray:
        """Return the columns' values at a point z whose earlier columns are known.

        A binary is 1 where the slack is the smaller one: both in their own units, with the followers of all columns.
        """
        slack = self.M @ z[: self.M.shape[1]] + self.r
        if not self.binary:
            return np.maximum(slack, 0.0)
        size = 1.0
        if units is not None and owner is not None:
            size = units.followers[owner[self.mu]] / units.columns[self.mu] ** 2
        return (slack <= size * z[self.mu]).astype(float)


@dataclass(frozen=True, eq=False)
class Products:
    """Columns that stand for products of two others: ``z[columns_k] = z[left_k] z[right_k]``."""

    columns: np.ndarray
    left: np.ndarray
    right: np.ndarray

    def values(self, z: np.ndarray, units: Units | None = None, owner: np.ndarray | None = None) -> np.ndarray:
        """Return the columns' values at a point z whose earlier columns are known."""
        return z[self.left] * z[self.right]
