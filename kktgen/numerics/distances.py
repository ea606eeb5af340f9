"""Shortest distances in a directed graph whose edges may have negative lengths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import NegativeCycleError, bellman_ford, dijkstra

from ..deadline import Deadline
from .sparse import Csr, as_graph

WORK = 5e7
"""Largest number of sources times edges over which distances between pairs are computed."""
BATCH = 256
"""Sources at a time."""


@dataclass(frozen=True, eq=False)
class Distances:
    """A graph and potentials that make its lengths nonnegative (Johnson 1977).

    Parameters
    ----------
    graph : csr_array (n, n)
        ``length + potential[from] - potential[to] >= 0``; an edge of length zero is an edge.
    potential : ndarray (n,)
    """

    graph: Csr
    potential: np.ndarray

    @classmethod
    def of(cls, start: np.ndarray, end: np.ndarray, length: np.ndarray, n: int) -> Distances | None:
        """Return the graph of some edges, parallel ones allowed; None where a cycle has a negative length."""
        order = np.lexsort((length, end, start))
        start, end, length = start[order], end[order], length[order]
        first = np.ones(len(start), dtype=bool)
        first[1:] = (start[1:] != start[:-1]) | (end[1:] != end[:-1])
        start, end, length = start[first], end[first], length[first]
        potential = np.zeros(n)
        if (length < 0).any():
            wide = _graph(np.append(start, np.full(n, n)), np.append(end, np.arange(n)), np.append(length, potential))
            try:
                potential = bellman_ford(wide, indices=n)[:n]
            except NegativeCycleError:
                return None
        return cls(_graph(start, end, np.maximum(length + potential[start] - potential[end], 0.0), n), potential)

    def around(self, node: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the distances from a node, and those to it (n,)."""
        shift = self.potential - self.potential[node]
        return dijkstra(self.graph, indices=node) + shift, dijkstra(as_graph(Csr(self.graph.T)), indices=node) - shift

    def between(self, start: np.ndarray, end: np.ndarray, most: np.ndarray, deadline: Deadline) -> np.ndarray:
        """Return the distances of some pairs of nodes (k,), at most ``most``; that where the graph is large or late."""
        out, sources = np.minimum(most, self._edge(start, end)), np.unique(start)
        if len(sources) * self.graph.nnz > WORK:
            return out
        order = np.argsort(start, kind="stable")
        for k in range(0, len(sources), BATCH):
            if deadline.over:
                break
            some = sources[k : k + BATCH]
            first, last = np.searchsorted(start[order], [some[0], some[-1] + 1])
            pair = order[first:last]
            far = dijkstra(self.graph, indices=some)[np.searchsorted(some, start[pair]), end[pair]]
            out[pair] = np.minimum(out[pair], far + self.potential[end[pair]] - self.potential[start[pair]])
        return out

    def _edge(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Return the lengths of the edges between pairs of nodes, inf where there is none."""
        graph, n = self.graph, self.graph.shape[0]
        if not graph.nnz:
            return np.full(len(start), np.inf)
        key = np.repeat(np.arange(n), np.diff(graph.indptr)) * n + graph.indices
        at = np.minimum(np.searchsorted(key, start * n + end), len(key) - 1)
        there = key[at] == start * n + end
        return np.where(there, graph.data[at] + self.potential[end] - self.potential[start], np.inf)


def _graph(start: np.ndarray, end: np.ndarray, length: np.ndarray, n: int | None = None) -> Csr:
    """Return the CSR array of edges sorted by start and end."""
    n = int(max(start.max(), end.max())) + 1 if n is None else n
    return as_graph(Csr((length, end, np.searchsorted(start, np.arange(n + 1))), shape=(n, n)))
