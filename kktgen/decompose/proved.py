"""What rounds over subproblems have proved: multipliers with their bound, boxes with the multipliers behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .level_set import Prices


@dataclass(frozen=True, eq=False)
class Dual:
    """Multipliers with the Lagrangian bound they give.

    Parameters
    ----------
    bound : float
        On the minimised objective.
    w, sigma
        Multipliers of coupling rows and of copies.
    minima : tuple of float
        D_j of every subproblem.
    lb, ub : ndarray (n,)
        The boxes it was computed in.
    """

    bound: float
    w: np.ndarray
    sigma: tuple[np.ndarray, ...]
    minima: tuple[float, ...]
    lb: np.ndarray
    ub: np.ndarray


@dataclass(frozen=True, eq=False)
class Box:
    """One side of a box by cutoff, with the multipliers that prove it.

    Parameters
    ----------
    column : int
    sign : float
        +1 for a lower bound, -1 for an upper one.
    value : float
        ``sign z_column >= value`` for every point that reaches the cutoff.
    level : int
        Number of the level set, in order, it was proved over.
    prices : Prices
    """

    column: int
    sign: float
    value: float
    level: int
    prices: Prices
