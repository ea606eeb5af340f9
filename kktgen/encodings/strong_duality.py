"""Strong duality: one bilinear row a follower instead of its complementarity pairs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..errors import ProblemError
from ..identity import combination
from ..model import Encoded, Model
from ..pairs import Pairs
from ..space import Block
from ..tables import QuadTable, join_quads


@dataclass(frozen=True)
class StrongDuality:
    """``y'P y + (Q x + q)'y - lam'(b - B x) + mu'(h - H x) <= eps``, one row a follower.

    The left side is ``mu's`` at every primal-dual feasible point, so the row forces complementarity as
    ``eps -> 0``. It holds the products (x, y), (x, lam), (x, mu) and is nonconvex. It settles all pairs of a
    follower together.

    Parameters
    ----------
    eps : float
        Tolerance on the duality gap, in units of the follower's cost.
    """

    FEATURES: ClassVar[frozenset[str]] = frozenset({"qrow", "qrow_nonconvex"})
    eps: float = 1e-7

    def __call__(self, model: Model, pairs: Pairs) -> Model:
        """Return the model with one row for every follower of the pairs."""
        if not (isinstance(self.eps, int | float | np.number) and 0 <= self.eps < np.inf):
            raise ProblemError(f"StrongDuality: eps must be a number >= 0, got {self.eps!r}")
        kkt = model.kkt
        assert kkt is not None
        followers = np.unique(pairs.follower)
        quads = [
            combination(
                model,
                (kkt.y_of == f).astype(float),
                -(kkt.lam_of == f).astype(float),
                (kkt.mu_of == f).astype(float),
            ).canonical()
            for f in followers
        ]
        blocks = tuple(Block(i, i + 1, "duality", "encoding", kkt.followers[f]) for i, f in enumerate(followers))
        k = len(followers)
        table = QuadTable.of(quads, np.full(k, -np.inf), np.full(k, float(self.eps)), blocks, model.n)
        trust = "exact" if self.eps == 0 else "eps"
        return replace(
            model,
            quads=join_quads([model.quads, table], model.n),
            encodings=(*model.encodings, Encoded("StrongDuality", len(pairs), trust)),
        )
