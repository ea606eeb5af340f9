"""The vanishing expressions of all followers, and which of them a product of the leader can tie together.

Two weights stand in one equation only where both change the same monomial ``z_a z_b``, that is where one condition
holds the other's column. The weights so fall into components (a follower, an hour of one); a product of the leader
concerns the components of its two columns and no others.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..deadline import NEVER, Deadline
from ..model.constants import constants, fold_entries
from ..model.model import Model
from ..numerics.sparse import Csr, components, coo, csr, row_index, vstack
from .binary_products import leaders_switches


@dataclass(frozen=True, eq=False)
class Conditions:
    """The expressions ``z_c (M z + constant)_c``, zero at every KKT point, one for every column c in ``weighted``.

    Leader's columns with equal bounds stand in the constants: their products with multipliers are none.

    Parameters
    ----------
    columns : ndarray (n,) of int
        The columns of the model they are written over; all other arrays count in these.
    weighted : ndarray (k,) of int
        Columns y, lam, mu: every weight belongs to one.
    M, constant : csr_array (k, n), ndarray (k,)
    gammas : ndarray (k,) of bool
        Whether the column is a mu.
    owner : ndarray (n,) of int
        Follower whose variable the column is; -1 for all others.
    live : ndarray (n,) of bool
        False for multipliers that are fixed at zero: products with them are zero.
    binary : ndarray (n,) of bool
        Columns of the leader that take two values: products with them are linear once the other factor has a box.
    deadline : Deadline
        Of the linear programs that choose weights.
    """

    columns: np.ndarray
    weighted: np.ndarray
    M: Csr
    constant: np.ndarray
    gammas: np.ndarray
    owner: np.ndarray
    live: np.ndarray
    binary: np.ndarray
    deadline: Deadline = NEVER

    @classmethod
    def of(cls, model: Model, deadline: Deadline = NEVER) -> Conditions:
        """Return the conditions of the KKT system behind ``model``."""
        kkt, n, space = model.kkt, model.n, model.space
        assert kkt is not None
        weighted = np.concatenate([kkt.y, kkt.lam, kkt.mu])
        prices = weighted[len(kkt.y) :]
        live, owner = np.ones(n, dtype=bool), np.full(n, -1)
        live[prices] = (space.lb[prices] != 0) | (space.ub[prices] != 0)
        owner[kkt.y] = kkt.y_of
        M, added = fold_entries(vstack([kkt.S, kkt.E, kkt.C], n), constants(space))
        return cls(
            np.arange(n), weighted, M, np.concatenate([kkt.s0, kkt.e0, kkt.c0]) + added,
            np.arange(len(weighted)) >= len(kkt.y) + len(kkt.lam), owner, live,
            leaders_switches(model), deadline,
        )  # fmt: skip

    def near(self, columns: np.ndarray) -> Conditions:
        """Return the conditions of the components some columns belong to, over those columns and their own."""
        component, order, start = self._components
        found = np.unique(component[columns])
        found = found[found >= 0]
        sizes = start[found + 1] - start[found]
        first = np.repeat(start[found] - np.cumsum(sizes) + sizes, sizes)
        at = np.sort(order[first + np.arange(len(first))])
        M, weighted = Csr(self.M[at]), self.weighted[at]
        kept = np.unique(np.concatenate([weighted, M.indices, columns]))
        narrow = csr(M.data, np.searchsorted(kept, M.indices), M.indptr, (len(at), len(kept)))
        return Conditions(
            self.columns[kept], np.searchsorted(kept, weighted), narrow, self.constant[at], self.gammas[at],
            self.owner[kept], self.live[kept], self.binary[kept], self.deadline,
        )  # fmt: skip

    @cached_property
    def _components(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The component of every column (-1: no weight), the conditions by component, where each component begins."""
        k, position = len(self.weighted), np.full(len(self.columns), -1)
        position[self.weighted] = np.arange(k)
        other = position[self.M.indices]
        tied = other >= 0
        graph = coo(np.ones(tied.sum()), row_index(self.M)[tied], other[tied], (k, k))
        count, label = components(graph)
        component = np.full(len(self.columns), -1)
        component[self.weighted] = label
        start = np.concatenate([[0], np.cumsum(np.bincount(label, minlength=count))])
        return component, np.argsort(label, kind="stable"), start
