"""The KKT system of all followers, stacked as matrices over all columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..numerics.sparse import Csr, joined
from ..problem.follower_rows import System
from ..problem.qp import QP


@dataclass(frozen=True, eq=False)
class Kkt:
    """The followers' KKT system behind a model, stacked over all followers.

    Every row of ``S z + s0 = 0`` is the stationarity of the column ``y`` beside it, every row of
    ``E z + e0 = 0`` the equality with multiplier ``lam``, every row of ``C z + c0 >= 0`` the inequality with
    multiplier ``mu``.

    Parameters
    ----------
    S, s0, y : csr_array (ny, n), ndarray (ny,), columns (ny,)
    E, e0, lam : csr_array (me, n), ndarray (me,), columns (me,)
    C, c0, mu : csr_array (mi, n), ndarray (mi,), columns (mi,)
    y_of, lam_of, mu_of : ndarray
        Follower index of each.
    priced : ndarray of bool
        For every follower whether its multipliers stand in the leader's problem or in another follower's.
    followers : tuple of str
        Names.
    systems : tuple of System
        Rows and cost per follower over all columns; ``qp(k)`` is the matrix form.
    """

    S: Csr
    s0: np.ndarray
    y: np.ndarray
    E: Csr
    e0: np.ndarray
    lam: np.ndarray
    C: Csr
    c0: np.ndarray
    mu: np.ndarray
    y_of: np.ndarray
    lam_of: np.ndarray
    mu_of: np.ndarray
    priced: np.ndarray
    followers: tuple[str, ...] = ()
    systems: tuple[System, ...] = ()

    @cached_property
    def seen(self) -> np.ndarray:
        """The columns that some follower sees without owning them: parameters of its problem, sorted."""
        return np.unique(joined((system.qp().x for system in self.systems), int))

    def qp(self, k: int) -> QP:
        """Return the matrix form of follower k, with its columns."""
        return self.systems[k].qp()
