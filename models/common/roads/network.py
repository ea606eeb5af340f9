"""Road networks that several models share: node-arc matrix, times, trips; and shortest paths."""

from __future__ import annotations

import heapq
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import scipy.sparse as sp

import kktgen as kg

NETWORKS = ("braess", "sioux_falls", "grid")


@dataclass(frozen=True, eq=False)
class Network:
    """A road network.

    Parameters
    ----------
    tail, head : ndarray (arcs,)
        Nodes of every road, from 0.
    minutes : ndarray (arcs,)
        Time on the empty road.
    slope : ndarray (arcs,)
        More minutes per unit of flow: the first-order part of the road's latency.
    trips : tuple of (int, int, float)
        From, to, amount; largest first.
    """

    tail: np.ndarray
    head: np.ndarray
    minutes: np.ndarray
    slope: np.ndarray
    trips: tuple[tuple[int, int, float], ...]

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return int(max(self.tail.max(), self.head.max())) + 1

    @property
    def labels(self) -> list[str]:
        """Labels of the roads, such as ``"3-12"``, nodes counted from 1."""
        return [f"{a + 1}-{b + 1}" for a, b in zip(self.tail, self.head, strict=True)]

    def incidence(self) -> sp.csr_array:
        """Return the node-arc matrix (nodes, arcs): 1 where a road leaves, -1 where it arrives."""
        k = np.arange(len(self.tail))
        entries = np.concatenate([np.ones(len(k)), -np.ones(len(k))])
        at = (np.concatenate([self.tail, self.head]), np.concatenate([k, k]))
        return sp.csr_array((entries, at), shape=(self.nodes, len(k)))

    def path(self, cost: np.ndarray, start: int, end: int) -> tuple[float, list[int]]:
        """Return cost and roads of a cheapest path (Dijkstra 1959)."""
        far, way, heap = {start: 0.0}, {}, [(0.0, start)]
        out = [np.flatnonzero(self.tail == v) for v in range(self.nodes)]
        while heap:
            here, v = heapq.heappop(heap)
            if v == end:
                break
            for a in out[v] if here <= far[v] else ():
                w, there = int(self.head[a]), here + float(cost[a])
                if there < far.get(w, np.inf):
                    far[w], way[w] = there, int(a)
                    heapq.heappush(heap, (there, w))
        roads, v = [], end
        while v != start:
            roads.append(way[v])
            v = int(self.tail[way[v]])
        return far[end], roads[::-1]


@cache
def load(name: str) -> Network:
    """Return ``"braess"`` or ``"sioux_falls"``, flows in the file's unit (single vehicles; thousands a day).

    The latency of Sioux Falls, ``t (1 + 0.15 (v / c)^4)``, is taken with power 1, so that it is affine.
    """
    data = json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))
    unit = float(data["unit"])
    if "lines" in data:
        start, end, minutes, slope = np.array(data["lines"], dtype=float).T
    else:
        start, end, capacity, minutes = np.array(data["roads"]).T
        slope = np.round(0.15 * minutes / (capacity / unit), 6)
    trips = tuple((int(a) - 1, int(b) - 1, float(q) / unit) for a, b, q in data["trips"])
    return Network(start.astype(int) - 1, end.astype(int) - 1, minutes, slope, trips)


def grid(rows: int, columns: int, seed: int) -> Network:
    """Return a grid as of Israeli and Wood: a source, ``rows x columns`` nodes, a sink; lengths 1 to 10 drawn.

    Roads lead from the source to the first column, from every node to its right neighbour and up and down (not up and
    down in the first and last column), and from the last column to the sink.
    """
    node = 1 + np.arange(rows * columns).reshape(rows, columns)
    sink = rows * columns + 1
    inner = node[:, 1:-1]
    pairs = [
        *((0, v) for v in node[:, 0]),
        *zip(node[:, :-1].ravel(), node[:, 1:].ravel(), strict=True),
        *zip(inner[:-1].ravel(), inner[1:].ravel(), strict=True),
        *zip(inner[1:].ravel(), inner[:-1].ravel(), strict=True),
        *((v, sink) for v in node[:, -1]),
    ]
    tail, head = np.array(pairs, dtype=int).T
    minutes = np.random.default_rng(seed).integers(1, 11, len(tail)).astype(float)
    return Network(tail, head, minutes, np.zeros(len(tail)), ((0, sink, 1.0),))


def network(name: str, size: tuple[int, int] = (4, 4), seed: int = 0) -> Network:
    """Return a network by name.

    Raises
    ------
    ProblemError
        No such network.
    """
    if name not in NETWORKS:
        raise kg.ProblemError(f"no network {name!r}; there are: {', '.join(NETWORKS)}")
    if name != "grid":
        return load(name)
    if min(size) < 2:
        raise kg.ProblemError(f"a grid of {size[0]} x {size[1]} nodes is too small; give at least 2 x 2")
    return grid(*size, seed)
