"""Complementarity pairs and the bounds on their two sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..numerics.sparse import Csr
from ..problem.columns import Block, find_label, select


@dataclass(frozen=True, eq=False)
class Bounds:
    """Upper bounds with their provenance.

    Parameters
    ----------
    value : ndarray (k,)
        inf where nothing is known.
    proof : ndarray (k,) of str
        ``proved(..)``, ``user``, ``heuristic``; empty where nothing is known.
    """

    value: np.ndarray
    proof: np.ndarray

    @classmethod
    def unknown(cls, size: int) -> Bounds:
        """Return no bound for ``size`` quantities."""
        return cls(np.full(size, np.inf), np.full(size, "", dtype="U24"))

    def take(self, keep: np.ndarray) -> Bounds:
        """Return the bounds at the positions or mask ``keep``."""
        return Bounds(self.value[keep], self.proof[keep])

    def tightened(self, value: np.ndarray, proof: str, at: np.ndarray | None = None) -> Bounds:
        """Return the bounds with ``value`` (at the positions ``at``) wherever it is smaller."""
        new, tags = self.value.copy(), self.proof.copy()
        at = np.arange(len(new)) if at is None else at
        better = np.flatnonzero(value < new[at])
        new[at[better]] = value[better]
        tags[at[better]] = proof
        return Bounds(new, tags)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Complementarity pairs ``0 <= s = M z + r  _|_  z[mu] >= 0``.

    Parameters
    ----------
    M : csr_array (mi, n)
        Slack coefficients.
    r : ndarray (mi,)
        Slack constants.
    mu : ndarray (mi,)
        Columns of the multipliers.
    follower : ndarray (mi,)
        Index of the follower each pair belongs to.
    row : ndarray (mi,)
        Model row that states ``s >= 0``, or -1 when a column bound does.
    side : ndarray (mi,)
        +1 when that row or bound is an upper side (``s = hi - ..``), -1 when a lower side.
    slack_max, dual_max : Bounds
        Upper bounds on s and on mu.
    blocks : tuple of Block
    """

    M: Csr
    r: np.ndarray
    mu: np.ndarray
    follower: np.ndarray
    row: np.ndarray
    side: np.ndarray
    slack_max: Bounds
    dual_max: Bounds
    blocks: tuple[Block, ...] = ()

    def __len__(self) -> int:
        return len(self.r)

    def slack(self, z: np.ndarray) -> np.ndarray:
        """Return s at z (mi,)."""
        return self.M @ z[: self.M.shape[1]] + self.r

    def label(self, i: int) -> str:
        """Return the name of pair i."""
        return find_label(self.blocks, i)

    def take(self, keep: np.ndarray) -> Pairs:
        """Return the pairs where the mask ``keep`` is true."""
        return Pairs(
            Csr(self.M[keep]), self.r[keep], self.mu[keep], self.follower[keep], self.row[keep], self.side[keep],
            self.slack_max.take(keep), self.dual_max.take(keep), select(self.blocks, keep),
        )  # fmt: skip

    def column(self) -> np.ndarray:
        """Return the column that IS the slack up to sign and scale (single entry, no constant), or -1 (mi,)."""
        counts = np.diff(self.M.indptr)
        single = (counts == 1) & (self.r == 0)
        out = np.full(len(self), -1)
        out[single] = self.M.indices[self.M.indptr[:-1][single]]
        return out
