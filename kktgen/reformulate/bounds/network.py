"""Which equations of a follower are the nodes of a network, and which of its variables are arcs between them.

Arc j from node s to node t stands in two equations, with coefficients of equal size and opposite sign once rows are
scaled; in one equation where its other end is the ground (the node whose equation was left out). With the scales d::

    d_t (A y)_t = .. + w_j y_j,   d_s (A y)_s = .. - w_j y_j,   w_j > 0     (w = 1 but for units)
    (A'lam)_j = w_j (lam_t / d_t - lam_s / d_s),   lam_ground = 0

Several commodities on the same arcs are as many networks. What ties them together may be a *link*: an equation that
defines a total ``w = sum_j alpha_j y_j + const``, alpha > 0, with w in no other equation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import dijkstra

from ...numerics.sparse import Csr, as_graph, components, coo, row_index
from ...problem.qp import QP

SAME = 1e-12
"""Relative difference of numbers that differ by rounding."""


@dataclass(frozen=True, eq=False)
class Network:
    """The equations of a follower as graphs.

    Parameters
    ----------
    nodes : ndarray (k,) of int
        Equations that are nodes.
    scale : ndarray (k,)
        The d of the nodes.
    tail, head : ndarray (ny,) of int
        Nodes an arc leaves and enters, counted in ``nodes``; k is the ground. Both are k where y_j is no arc.
    weight : ndarray (ny,)
        The w of the arcs; 1 where y_j is no arc.
    part : ndarray (k + 1,) of int
        Connected part of every node, the ground left out (-1).
    links, total : ndarray (r,) of int
        Equations that define a total, and the variable that is the total.
    own : ndarray (r,)
        Coefficient of the total in its equation.
    alpha : csr_array (ny, r)
        What every variable counts in every total.
    """

    nodes: np.ndarray
    scale: np.ndarray
    tail: np.ndarray
    head: np.ndarray
    weight: np.ndarray
    part: np.ndarray
    links: np.ndarray
    total: np.ndarray
    own: np.ndarray
    alpha: Csr

    @property
    def ground(self) -> int:
        """Number of the ground."""
        return len(self.nodes)

    @property
    def arcs(self) -> np.ndarray:
        """Which variables are arcs (ny,) bool."""
        return self.tail != self.head

    @property
    def of(self) -> np.ndarray:
        """Part of every variable (ny,), -1 where it is no arc."""
        return np.maximum(self.part[self.tail], self.part[self.head])

    @property
    def grounded(self) -> np.ndarray:
        """Which parts have an arc to the ground (number of parts,) bool."""
        to_ground = self.arcs & ((self.tail == self.ground) | (self.head == self.ground))
        return np.bincount(self.of[to_ground], minlength=self.parts) > 0

    @property
    def parts(self) -> int:
        """Number of connected parts."""
        return int(self.part.max(initial=-1)) + 1


def network(qp: QP) -> Network | None:
    """Return the networks of a follower's equations, None where they are none.

    Parameters
    ----------
    qp : QP
    """
    if not qp.A.nnz:
        return None
    nothing = np.empty(0, dtype=np.int64)
    plain = _graph(qp.A, nothing, nothing)
    return plain if plain is not None else _graph(qp.A, *_totals(qp.A))


def _totals(A: Csr) -> tuple[np.ndarray, np.ndarray]:
    """Return the equations with one variable of their own, of a sign opposite to all others, and that variable."""
    row, column = row_index(A), A.indices
    own = np.bincount(column, minlength=A.shape[1])[column] == 1
    up, down, alone = (np.bincount(row[mask], minlength=A.shape[0]) for mask in (A.data > 0, A.data < 0, own))
    entry = np.flatnonzero(own & (alone == 1)[row])
    at, positive = row[entry], A.data[entry] > 0
    same, opposite = np.where(positive, up[at], down[at]), np.where(positive, down[at], up[at])
    chosen = (same == 1) & (opposite > 0)
    return at[chosen], column[entry[chosen]].astype(np.int64)


def _graph(A: Csr, links: np.ndarray, total: np.ndarray) -> Network | None:
    """Return the network of the equations that are no links, None where these are no incidence matrix."""
    me, ny = A.shape
    is_node = np.diff(A.indptr) > 0
    is_node[links] = False
    nodes = np.flatnonzero(is_node)
    M = Csr(A[nodes])
    if not M.nnz:
        return None
    found = scales(sp.csc_array(M))
    if found is None:
        return None
    scale, part = found
    value = M.data * scale[row_index(M)]
    tail, head, weight = np.full(ny, len(nodes)), np.full(ny, len(nodes)), np.ones(ny)
    for ends, entries in ((head, value > 0), (tail, value < 0)):
        ends[M.indices[entries]] = row_index(M)[entries]
    weight[M.indices] = np.abs(value)
    weights = Csr(A[links])
    own = np.asarray(A[links, total]).ravel() if len(links) else np.empty(0)
    link, counted = row_index(weights), weights.indices
    alpha = -weights.data / own[link]
    term = counted != total[link]
    counts = coo(alpha[term], counted[term], link[term], (ny, len(links)))
    return Network(nodes, scale, tail, head, weight, np.append(part, -1), links, total, own, counts)


def scales(M: sp.csc_array) -> tuple[np.ndarray, np.ndarray] | None:
    """Return scales of the rows that make the two entries of every column opposite, and the connected part of each row.

    The scale of the first row of every part is 1, those of the others follow along a tree of columns.

    Returns
    -------
    ndarray (k,), ndarray (k,) of int, or None
        None where there are no such scales, or a column has three entries.
    """
    k, count = M.shape[0], np.diff(M.indptr)
    if count.max(initial=0) > 2:
        return None
    at = M.indptr[:-1][count == 2]
    one, other, a, b = M.indices[at], M.indices[at + 1], M.data[at], M.data[at + 1]
    start, end, ratio = np.append(one, other), np.append(other, one), np.append(-a / b, -b / a)
    key, first = np.unique(start.astype(np.int64) * k + end, return_index=True)
    graph = sp.csr_array((np.ones(len(start)), (start, end)), shape=(k, k))
    _, part = components(graph)
    roots = np.unique(part, return_index=True)[1]
    hops, before, _ = dijkstra(as_graph(graph), indices=roots, unweighted=True, min_only=True, return_predecessors=True)
    scale = np.ones(k)
    for level in range(1, int(hops.max(initial=0)) + 1):
        node = np.flatnonzero(hops == level)
        scale[node] = scale[before[node]] * ratio[first[np.searchsorted(key, before[node].astype(np.int64) * k + node)]]
    left, right = scale[one] * a, scale[other] * b
    return (scale, part) if (np.abs(left + right) <= SAME * np.abs(left)).all() else None
