"""The KKT system of all followers, stacked as matrices over all columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..numerics.sparse import Csr, joined, position
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
    used : columns (k,)
        The multipliers that stand in the leader's problem or in another follower's, sorted.
    beside : columns (k,)
        The only column that each of them is multiplied by, -1 where it stands alone or beside several.
    priced : ndarray of bool
        For every follower whether any of its multipliers do.
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
    used: np.ndarray
    beside: np.ndarray
    priced: np.ndarray
    followers: tuple[str, ...] = ()
    systems: tuple[System, ...] = ()

    @cached_property
    def seen(self) -> np.ndarray:
        """The columns that some follower sees without owning them: parameters of its problem, sorted."""
        zero = np.zeros(self.S.shape[1])
        seen = [system.fixed(zero).qp().x for system in self.systems]
        return np.unique(
            joined(seen + [s.varying.x for s in self.systems if s.varying is not None and not s.curved], int)
        )

    @cached_property
    def conditions(self) -> np.ndarray:
        """Which followers are complementarity said directly (k,) bool (:mod:`kktgen.problem.complementarity`)."""
        return np.array([system.condition for system in self.systems], dtype=bool)

    @property
    def varies(self) -> bool:
        """Whether rows of some follower hold products of continuous variables, the leader's with its own or its own."""
        return any(system.varying is not None for system in self.systems)

    @property
    def curved(self) -> tuple[str, ...]:
        """Names of the followers whose rows hold squares or norms of their own variables."""
        return tuple(system.name for system in self.systems if system.curved)

    def switches(self, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the leader's binary that decides whether each multiplier's row is an equation, and at what value.

        Parameters
        ----------
        columns : ndarray of int
            Columns of a model; -1 is returned for those that are no such multiplier (:mod:`kktgen.problem.lifting`).
        """
        mu, switch, on = (joined((getattr(s, key) for s in self.systems), int) for key in ("mu", "switch", "on"))
        at = position(mu, columns)
        return np.where(at >= 0, np.append(switch, -1)[at], -1), np.where(at >= 0, np.append(on, 0)[at], 0)

    def with_products(self, z: np.ndarray) -> np.ndarray:
        """Return a point (n,) with the product columns ``w = x e`` that its other entries make.

        ``e`` is read off the row ``w <= e - l (1 - x)`` behind the product (:mod:`kktgen.problem.lifting`).
        """
        product, switch, on = (joined((getattr(s, k) for s in self.systems), int) for k in ("product", "switch", "on"))
        at = np.flatnonzero((product >= 0) & (on == 1))
        if not len(at):
            return z
        C, row = Csr(self.C[at]), np.arange(len(at))
        scale = np.asarray(C[row, product[at]]).ravel()
        at, C, scale = at[scale < 0], Csr(C[scale < 0]), -scale[scale < 0]
        w, x = product[at], switch[at]
        held, z = z.copy(), z.copy()
        held[w] = held[x] = 0.0
        z[w] = z[x] * (C @ held[: C.shape[1]]) / scale
        return z

    def fixed(self, z: np.ndarray) -> Kkt:
        """Return the system where the products in nonconvex rows are linear, their leader's columns as at z (n,)."""
        out = self
        for system in self.systems:
            if system.varying is not None:
                S, E, C = (system.varying.substituted(M, z) for M in (out.S, out.E, out.C))
                out = replace(out, S=S, E=E, C=C)
        return replace(out, systems=tuple(system.fixed(z) for system in self.systems)) if self.varies else self

    def qp(self, k: int, z: np.ndarray | None = None) -> QP:
        """Return the matrix form of follower k, with its columns; at a point z (n,) where it has nonconvex rows.

        Raises
        ------
        UnsupportedError
            It has nonconvex rows, and no point is given.
        """
        return self.systems[k].qp() if z is None else self.systems[k].at(z)
