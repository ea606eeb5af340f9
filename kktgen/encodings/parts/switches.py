"""Pairs whose row is an equation exactly where a binary of the leader says so: they need no binary of their own.

The rows behind a product ``w = x e`` (:mod:`kktgen.problem.lifting`) are equations where x has one value and have slack
where it has the other: with x known, the pair says no more than ``mu = 0`` where there is slack.
"""

from __future__ import annotations

import numpy as np

from ...model.model import Model
from ...model.pairs import Pairs
from ...model.tables import RowTable
from ...numerics.sparse import coo
from .added_columns import renamed


def switches(model: Model, pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """Return the leader's binary that decides about each pair (-1: none), and the value at which its row is one.

    Parameters
    ----------
    model : Model
    pairs : Pairs

    Returns
    -------
    ndarray (mi,), ndarray (mi,)
    """
    if model.kkt is None:
        return np.full(len(pairs), -1), np.zeros(len(pairs), dtype=np.int64)
    return model.kkt.switches(pairs.mu)


def switched_rows(pairs: Pairs, switch: np.ndarray, on: np.ndarray, top: np.ndarray, n: int) -> RowTable:
    """Return the rows ``mu <= top x`` where the row holds at x = 1, ``mu <= top (1 - x)`` where at x = 0.

    Parameters
    ----------
    pairs : Pairs
    switch, on : ndarray (mi,)
        As of :func:`switches`, all with a switch.
    top : ndarray (mi,)
        Upper bounds on mu.
    n : int
        Number of columns.
    """
    k = np.arange(len(pairs))
    M = coo(
        np.concatenate([np.ones(len(k)), np.where(on == 1, -top, top)]), np.concatenate([k, k]),
        np.concatenate([pairs.mu, switch]), (len(k), n),
    )  # fmt: skip
    return RowTable(M, np.full(len(k), -np.inf), np.where(on == 1, 0.0, top), renamed(pairs, "dualM"))
