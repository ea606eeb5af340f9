"""Linear equations with at most two unknowns each, solved along spanning trees of their graph.

The unknowns are nodes, an equation with two of them is an edge. On a connected component every unknown
is an affine function of one number, ``w = slope * t + offset``; the equations that are not in the tree either
fix t, are met by any t, or contradict.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import breadth_first_order

from ...numerics.sparse import Csr, as_graph, components

ZERO = 1e-12
"""A sum that is this small against the sum of its absolute terms counts as zero."""


@dataclass(frozen=True, eq=False)
class PairEquations:
    """The equations ``ka w_a + kb w_b + c = 0``.

    Parameters
    ----------
    a, b : ndarray (m,) of int
        The unknowns.
    ka, kb : ndarray (m,)
        Coefficients; an equation with one unknown has a zero.
    c : ndarray (m,)
        Constants.
    """

    a: np.ndarray
    b: np.ndarray
    ka: np.ndarray
    kb: np.ndarray
    c: np.ndarray

    def __len__(self) -> int:
        return len(self.c)

    def take(self, keep: np.ndarray) -> PairEquations:
        """Return the equations at the positions or mask ``keep``."""
        return PairEquations(self.a[keep], self.b[keep], self.ka[keep], self.kb[keep], self.c[keep])

    def normal(self) -> PairEquations:
        """Return the same equations with one unknown written as ``a = b``, ``kb = 0``."""
        same = self.a == self.b
        both = self.ka + self.kb
        both = np.where(np.abs(both) <= ZERO * (np.abs(self.ka) + np.abs(self.kb)), 0.0, both)
        ka, kb = np.where(same, both, self.ka), np.where(same, 0.0, self.kb)
        only_b, only_a = (ka == 0) & (kb != 0), kb == 0
        return PairEquations(
            np.where(only_b, self.b, self.a),
            np.where(only_a, self.a, self.b),
            np.where(only_b, kb, ka),
            np.where(only_b, 0.0, kb),
            self.c,
        )

    def value(self, w: np.ndarray) -> np.ndarray:
        """Return ``ka w_a + kb w_b + c`` (m,)."""
        return self.ka * w[self.a] + self.kb * w[self.b] + self.c


def join(*parts: PairEquations) -> PairEquations:
    """Return the equations of several systems in one unknown space."""
    return PairEquations(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("a", "b", "ka", "kb", "c")))


@dataclass(frozen=True, eq=False)
class Family:
    """The solutions ``w = slope * t[label] + offset`` of two-unknown equations.

    Parameters
    ----------
    label : ndarray (size,) of int
        Component of every unknown.
    slope, offset : ndarray (size,)
        One unknown of every component, its root, has slope 1 and offset 0.
    t : ndarray (components,)
        The value the equations fix; nan where any value will do.
    consistent : ndarray (components,) of bool
        Whether the equations of the component have a solution.
    root : ndarray (components,) of int
    """

    label: np.ndarray
    slope: np.ndarray
    offset: np.ndarray
    t: np.ndarray
    consistent: np.ndarray
    root: np.ndarray


def solve(size: int, equations: PairEquations) -> Family:
    """Return the solutions of equations with at most two of ``size`` unknowns each.

    Parameters
    ----------
    size : int
    equations : PairEquations
        Every one with at least one nonzero coefficient.
    """
    equations = equations.normal()
    label, root, parent, slope, offset = _tree(size, equations)
    depth = len(root) < size
    while depth:  # w = slope w_parent + offset, the parent replaced by its own parent until all are roots
        offset = slope * offset[parent] + offset
        slope = slope * slope[parent]
        above = parent[parent]
        depth = bool((above != parent).any())
        parent = above
    t, consistent = _fix(len(root), equations, label, slope, offset)
    return Family(label, slope, offset, t, consistent, root)


def _tree(size: int, equations: PairEquations) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return label, roots, and for every unknown its parent with ``w = slope w_parent + offset``."""
    edge = np.flatnonzero(equations.kb != 0)
    a, b = equations.a[edge], equations.b[edge]
    ones = np.ones(2 * len(edge))
    graph = Csr((ones, (np.concatenate([a, b]), np.concatenate([b, a]))), shape=(size, size))
    count, label = components(graph)
    _, root = np.unique(label, return_index=True)
    indptr = np.append(graph.indptr, graph.indptr[-1] + count)
    indices = np.concatenate([graph.indices, root])
    forest = Csr((np.ones(len(indices)), indices, indptr), shape=(size + 1, size + 1))
    _, parent = breadth_first_order(as_graph(forest), size, directed=True)
    parent = parent[:size].astype(np.int64)
    parent[root] = root

    key = np.minimum(a, b).astype(np.int64) * size + np.maximum(a, b)
    order = np.argsort(key, kind="stable")
    child = np.flatnonzero(parent != np.arange(size))
    wanted = np.minimum(child, parent[child]) * size + np.maximum(child, parent[child])
    at = edge[order[np.searchsorted(key, wanted, sorter=order)]]
    down = equations.a[at] == child
    own = np.where(down, equations.ka[at], equations.kb[at])
    other = np.where(down, equations.kb[at], equations.ka[at])
    slope, offset = np.ones(size), np.zeros(size)
    slope[child] = -other / own
    offset[child] = -equations.c[at] / own
    slope[root], offset[root] = 1.0, 0.0
    return label, root, parent, slope, offset


def _fix(
    count: int, equations: PairEquations, label: np.ndarray, slope: np.ndarray, offset: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the t every component is fixed to (nan: free), and whether all its equations then hold."""
    a, b, of = equations.a, equations.b, label[equations.a]
    rate_a, rate_b = equations.ka * slope[a], equations.kb * slope[b]
    rate, rate_size = rate_a + rate_b, np.abs(rate_a) + np.abs(rate_b)
    rate[np.abs(rate) <= ZERO * rate_size] = 0.0
    rest_a, rest_b = equations.ka * offset[a], equations.kb * offset[b]
    rest, rest_size = rest_a + rest_b + equations.c, np.abs(rest_a) + np.abs(rest_b) + np.abs(equations.c)

    t = np.full(count, np.nan)
    order = np.lexsort((np.abs(rate), of))
    last = order[np.flatnonzero(np.diff(of[order], append=-1) != 0)]
    last = last[rate[last] != 0]
    t[of[last]] = -rest[last] / rate[last]
    value = np.where(np.isnan(t), 0.0, t)[of]
    bad = np.abs(rate * value + rest) > ZERO * (rate_size * np.abs(value) + rest_size)
    consistent = np.ones(count, dtype=bool)
    consistent[of[bad]] = False
    return t, consistent
