"""Basic multipliers of rows that form a forest: prices passed on along chains that gain or lose (D4).

A storage with losses ``s_t = kappa s_{t-1} + eta c_t - d_t / eta`` is a generalised network: every variable stands in
at most two rows of several variables (*nodes*), with any coefficients, so that it is an arc between two nodes, or at
one. All other rows hold one variable. With multipliers m, and g the cost gradient in its box, stationarity of an arc j
between the nodes s and t reads ``N_sj m_s + N_tj m_t + g_j + (rows of j alone) = 0``.

*Basic multipliers* (:mod:`kktgen.reformulate.bounds.basic`). Let V be the nodes of the basis and T the arcs without
a row of their own in it; other multipliers are zero. The rows ``N[V, T]`` are independent, because every row of one
variable in the basis takes one arc out. So every part K of V that T connects has as many independent arcs as nodes:
more than a tree. It holds a *root*: a node with an arc of T whose other end is not in V (independent equations are),
hence ``m_s = -g_j / N_sj``; or a cycle of arcs of T with a gain other than one. Any other node of K is reached from the
root along a path of T, and every step is ``m_t = -(g_j + N_sj m_s) / N_tj``: gains multiply, costs add up.

Where the nodes, with parallel arcs taken as one, are a forest, cycles are pairs of parallel arcs (two equations in two
unknowns), and the path between two nodes is unique but for the choice among parallel arcs. So the interval hull of all
roots and all paths is found by messages up and down the trees, no message going back where it came from. Intervals
bear signs, and the multiplier of an inequality is not negative. Ahuja, Magnanti and Orlin, "Network Flows", 1993,
theorem 15.3: bases of generalised networks are forests whose trees have a root or an unbalanced cycle each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import dijkstra

from ...numerics.sparse import Csr, as_graph, components, row_index
from .network import SAME

PARALLEL = 64
"""Most parallel arcs between two nodes that are taken pair by pair."""

Box = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class _Arcs:
    """Arcs between two nodes: ends, coefficients, gradients, bundle of parallel arcs, and which are not pinned."""

    one: np.ndarray
    other: np.ndarray
    a: np.ndarray
    b: np.ndarray
    low: np.ndarray
    high: np.ndarray
    bundle: np.ndarray
    loose: np.ndarray


def forest_bounds(
    N: Csr, equation: np.ndarray, low: np.ndarray, high: np.ndarray, pinned: np.ndarray | None = None
) -> Box:
    """Return the least and largest value of all basic multipliers of the nodes (k,), infinite where nothing is proved.

    Parameters
    ----------
    N : csr_array (k, n)
        Rows of several variables each, one column a variable.
    equation : ndarray (k,) of bool
        Rows whose multiplier may be negative.
    low, high : ndarray (n,)
        Box of the gradient.
    pinned : ndarray (n,) of bool, optional
        Variables with an equation of their own.
    """
    pinned = np.zeros(N.shape[1], dtype=bool) if pinned is None else pinned
    k, columns = N.shape[0], sp.csc_array(N)
    count = np.diff(columns.indptr)
    at = np.flatnonzero(count == 2)
    first = columns.indptr[:-1][at]
    ends = columns.indices[first], columns.indices[first + 1]
    key = ends[0].astype(np.int64) * k + ends[1]
    pair, bundle = np.unique(key, return_inverse=True)
    arcs = _Arcs(*ends, columns.data[first], columns.data[first + 1], low[at], high[at], bundle, ~pinned[at])
    graph = sp.csr_array((np.ones(len(pair)), (pair // k, pair % k)), shape=(k, k))
    parts, part = components(graph)
    edges = np.bincount(part[pair // k], minlength=parts)
    bad = edges != np.bincount(part, minlength=parts) - 1
    bad[part[(pair // k)[np.bincount(bundle, minlength=len(pair)) > PARALLEL]]] = True
    strange = (count > 2) | ~(np.isfinite(low) & np.isfinite(high))
    entry = strange[np.repeat(np.arange(N.shape[1]), count)]
    bad[part[columns.indices[entry]]] = True
    good = ~bad[part]
    least, most = _messages(_roots(N, arcs, equation, low, high, pinned), graph, arcs, equation)
    return np.where(good, least, -np.inf), np.where(good, most, np.inf)


def image(low: np.ndarray, high: np.ndarray, a: np.ndarray, b: np.ndarray, x: Box) -> Box:
    """Return the box of ``-(g + a x) / b`` for g and x in boxes; (inf, -inf) where that of x is empty."""
    empty = x[0] > x[1]
    zero = np.where(empty, 0.0, x[0]), np.where(empty, 0.0, x[1])
    with np.errstate(invalid="ignore"):
        ends = a * zero[0], a * zero[1]
        sums = low + np.minimum(*ends), high + np.maximum(*ends)
        ends = -sums[0] / b, -sums[1] / b
        lo, hi = np.minimum(*ends), np.maximum(*ends)
    lo, hi = np.where(np.isnan(lo), -np.inf, lo), np.where(np.isnan(hi), np.inf, hi)
    return np.where(empty, np.inf, lo), np.where(empty, -np.inf, hi)


def hull_of(box: Box, group: np.ndarray, size: int) -> Box:
    """Return the hull of the boxes of every group (size,); (inf, -inf) where a group is empty."""
    lo, hi = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(lo, group, box[0])
    np.maximum.at(hi, group, box[1])
    return lo, hi


def signed(box: Box, equation: np.ndarray) -> Box:
    """Return boxes without the negative multipliers of inequalities; (inf, -inf) where nothing is left."""
    none = ~equation & (box[1] < 0.0)
    lo = np.where(equation, box[0], np.maximum(box[0], 0.0))
    return np.where(none, np.inf, lo), np.where(none, -np.inf, box[1])


def _roots(N: Csr, arcs: _Arcs, equation: np.ndarray, low: np.ndarray, high: np.ndarray, pinned: np.ndarray) -> Box:
    """Return the hull of what roots may be: an arc with the other end at zero, or two parallel arcs (k,)."""
    k, row, (i, j, det) = N.shape[0], row_index(N), _unbalanced(arcs)
    both = arcs.loose[i] & arcs.loose[j]
    open_end = _open_ends(N, arcs, equation, i[both], pinned)
    row, at, value = row[open_end], N.indices[open_end], N.data[open_end]
    nothing = np.zeros(len(at))
    found = [(row, image(low[at], high[at], nothing, value, (nothing, nothing)))]
    for end, c in ((arcs.one, arcs.b), (arcs.other, -arcs.a)):  # m det = g_j c_i - g_i c_j
        ends = np.sort([arcs.low[i] * c[j], arcs.high[i] * c[j]], axis=0)
        found.append((end[i], image(ends[0], ends[1], -c[i], det, (arcs.low[j], arcs.high[j]))))
    group = np.concatenate([g for g, _ in found])
    box = np.concatenate([b[0] for _, b in found]), np.concatenate([b[1] for _, b in found])
    return signed(hull_of(box, group, k), equation)


def _unbalanced(arcs: _Arcs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all pairs of parallel arcs with different gains, and the determinants of their two equations."""
    order = np.argsort(arcs.bundle, kind="stable")
    widest = int(np.bincount(arcs.bundle).max(initial=0))
    pairs = [np.empty((2, 0), dtype=np.int64)]
    for shift in range(1, min(widest, PARALLEL)):
        pair = np.stack([order[:-shift], order[shift:]])
        pairs.append(pair[:, arcs.bundle[pair[0]] == arcs.bundle[pair[1]]])
    i, j = np.concatenate(pairs, axis=1)
    left, right = arcs.a[i] * arcs.b[j], arcs.a[j] * arcs.b[i]
    apart = np.abs(left - right) > SAME * np.maximum(np.abs(left), np.abs(right))
    return i[apart], j[apart], (left - right)[apart]


def _open_ends(N: Csr, arcs: _Arcs, equation: np.ndarray, unbalanced: np.ndarray, pinned: np.ndarray) -> np.ndarray:
    """Return for which entries of N the other end of the arc may be outside the basis, or there is none (nnz,) bool.

    Equations stand in every basis where they are independent: where one part of them has an arc that ends in no other
    equation, or a cycle with a gain other than one, pinned arcs aside.
    """
    k, row = len(equation), row_index(N)
    within = equation[arcs.one] & equation[arcs.other] & arcs.loose
    one, other = arcs.one[within], arcs.other[within]
    _, part = components(sp.csr_array((np.ones(2 * len(one)), (np.append(one, other), np.append(other, one))), (k, k)))
    ends = np.bincount(N.indices[equation[row]], minlength=N.shape[1])
    independent = np.zeros(k, dtype=bool)
    independent[part[row[equation[row] & ~pinned[N.indices] & (ends[N.indices] == 1)]]] = True
    independent[part[arcs.one[unbalanced][within[unbalanced]]]] = True
    stays = equation & independent[part]
    count, staying = (np.bincount(N.indices[mask], minlength=N.shape[1]) for mask in (row >= 0, stays[row]))
    return (count[N.indices] < 2) | (staying[N.indices] - stays[row] < 1)


def _messages(roots: Box, graph: Csr, arcs: _Arcs, equation: np.ndarray) -> Box:
    """Return the hull of zero, the roots, and what reaches every node from the roots elsewhere in its tree (k,)."""
    k = len(equation)
    both = Csr(graph + graph.T)
    _, part = components(both)
    top = np.unique(part, return_index=True)[1]
    hops, before, _ = dijkstra(as_graph(both), indices=top, unweighted=True, min_only=True, return_predecessors=True)
    down = before[arcs.other] == arcs.one
    child, parent = np.where(down, arcs.other, arcs.one), np.where(down, arcs.one, arcs.other)
    a, b = np.where(down, arcs.b, arcs.a), np.where(down, arcs.a, arcs.b)  # coefficients at the child, at the parent
    level = hops[child].astype(int)
    order = np.argsort(level, kind="stable")
    cut = np.searchsorted(level[order], np.arange(level.max(initial=0) + 2))
    here, others = (roots[0].copy(), roots[1].copy()), _nothing(k)
    for depth in range(len(cut) - 2, 0, -1):
        at = order[cut[depth] : cut[depth + 1]]
        nodes, of = np.unique(child[at], return_inverse=True)
        sent = image(arcs.low[at], arcs.high[at], a[at], b[at], (here[0][child[at]], here[1][child[at]]))
        sent = signed(hull_of(sent, of, len(nodes)), equation[before[nodes]])
        rest = -_others(-sent[0], before[nodes]), _others(sent[1], before[nodes])
        for side, take in ((0, np.minimum), (1, np.maximum)):
            others[side][nodes] = rest[side]
            take.at(here[side], before[nodes], sent[side])
    from_above = _nothing(k)
    for depth in range(1, len(cut) - 1):
        at = order[cut[depth] : cut[depth + 1]]
        nodes, of = np.unique(child[at], return_inverse=True)
        p = parent[at]
        known = [
            take.reduce([roots[side][p], from_above[side][p], others[side][child[at]]])
            for side, take in ((0, np.minimum), (1, np.maximum))
        ]
        sent = image(arcs.low[at], arcs.high[at], b[at], a[at], (known[0], known[1]))
        sent = signed(hull_of(sent, of, len(nodes)), equation[nodes])
        from_above[0][nodes], from_above[1][nodes] = sent
    return (
        np.minimum.reduce([here[0], from_above[0], np.zeros(k)]),
        np.maximum.reduce([here[1], from_above[1], np.zeros(k)]),
    )


def _nothing(k: int) -> Box:
    return np.full(k, np.inf), np.full(k, -np.inf)


def _others(value: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return the largest value of the other members of each one's group, -inf where it is alone."""
    order = np.lexsort((-value, group))
    v, g, n = value[order], group[order], len(value)
    starts = np.flatnonzero(np.diff(g, prepend=-1))
    second = np.full(n, -np.inf)
    follows = np.append(g[1:] == g[:-1], False)
    second[follows] = v[1:][follows[:-1]]
    of = np.cumsum(np.diff(g, prepend=-1) != 0) - 1
    out = np.empty(n)
    out[order] = np.where(np.arange(n) == starts[of], second[starts[of]], v[starts[of]]) if n else v
    return out
