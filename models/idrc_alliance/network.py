"""Potential alliances by the gravity model, and what complex-network theory says of them.

Company i looks for the company of largest intensity ``T_ij = k M_i M_j / d_ij^2``; the pairs found are the edges of the
network, its connected components are the potential alliances.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import kktgen as kg

STRATEGIES = {"capacity": "capacity alone", "distance": "distance alone", "both": "capacity and distance"}


def library() -> Any:
    """Return networkx.

    Raises
    ------
    UnsupportedError
        It is not installed: with the line that installs it.
    """
    try:
        import networkx
    except ImportError as error:
        raise kg.UnsupportedError(
            f"idrc_alliance: alliance networks need networkx, which cannot be imported ({error}): "
            "pip install 'kktgen[networks]'"
        ) from None
    return networkx


def intensity(size: np.ndarray, distance: np.ndarray, strategy: str = "both") -> np.ndarray:
    """Return ``T_ij`` (n, n) for k = 1, -inf on the diagonal: of capacities (n,) and distances (n, n).

    ``"capacity"`` leaves the distances out, ``"distance"`` the capacities.

    Raises
    ------
    ProblemError
        Unknown strategy, or two companies at one place where distances count.
    """
    if strategy not in STRATEGIES:
        raise kg.ProblemError(f"idrc_alliance: no strategy {strategy!r}; there are: {', '.join(STRATEGIES)}")
    away = distance + np.eye(len(size))
    if strategy != "capacity" and (away <= 0).any():
        i, j = np.argwhere(away <= 0)[0]
        raise kg.ProblemError(f"idrc_alliance: companies {i + 1} and {j + 1} stand at one place; intensity is infinite")
    mass = np.outer(size, size) if strategy != "distance" else np.ones_like(distance)
    out = mass / away**2 if strategy != "capacity" else mass.astype(float)
    np.fill_diagonal(out, -np.inf)
    return out


def network(intensities: np.ndarray) -> Any:
    """Return the graph of companies 0..n-1 in which everyone is joined to its strongest partner, the first of equals.

    Raises
    ------
    UnsupportedError
        Without networkx.
    """
    graph = library().Graph()
    graph.add_nodes_from(range(len(intensities)))
    if len(intensities) > 1:
        graph.add_edges_from(enumerate(intensities.argmax(axis=1).tolist()))
    return graph


def feeder_distance(buses: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return the edges on the shortest way between buses (n, n), of a network with lines ``first`` to ``last``."""
    nx = library()
    graph = nx.Graph(zip(first.tolist(), last.tolist(), strict=True))
    reach = {i: nx.single_source_shortest_path_length(graph, i) for i in set(buses.tolist())}
    return np.array([[reach[i][j] for j in buses.tolist()] for i in buses.tolist()], dtype=float)


def plane_distance(xy: np.ndarray) -> np.ndarray:
    """Return the distances of points (n, 2) in the plane (n, n)."""
    return np.linalg.norm(xy[:, None] - xy, axis=2)


@dataclass(frozen=True, eq=False)
class Measures:
    """What describes an alliance network.

    ``path`` is the mean distance over ordered pairs that are connected; ``share`` the part of companies of each
    ``degree``; ``exponent`` and ``r2`` those of the fit ``p(k) = c k^-exponent``, nan with fewer than three degrees.
    """

    alliances: tuple[tuple[int, ...], ...]
    path: float
    degree: np.ndarray
    share: np.ndarray
    exponent: float
    r2: float


def measures(graph: Any) -> Measures:
    """Return the measures of a network.

    Raises
    ------
    UnsupportedError
        Without networkx.
    """
    nx = library()
    parts = sorted(
        (tuple(sorted(part)) for part in nx.connected_components(graph)), key=lambda part: (-len(part), part)
    )
    lengths = [d for _, away in nx.all_pairs_shortest_path_length(graph) for d in away.values() if d]
    degree, count = np.unique([k for _, k in graph.degree()], return_counts=True)
    share = count / count.sum()
    exponent, r2 = power_law(degree[degree > 0], share[degree > 0])
    return Measures(tuple(parts), float(np.mean(lengths)) if lengths else 0.0, degree, share, exponent, r2)


def power_law(degree: np.ndarray, share: np.ndarray) -> tuple[float, float]:
    """Return exponent and R^2 of ``share = c degree^-exponent``: least squares of the shares, not of their logarithms.

    For every exponent the best c is known, so a search along a line finds the best; nan with fewer than three points,
    which every power law fits.
    """
    if len(degree) < 3:
        return float("nan"), float("nan")

    def error(exponents: np.ndarray) -> np.ndarray:
        shape = degree[None, :].astype(float) ** -exponents[:, None]
        scale = (shape @ share) / (shape**2).sum(axis=1)
        return ((scale[:, None] * shape - share) ** 2).sum(axis=1)

    low, high = -5.0, 10.0
    for _ in range(40):
        grid = np.linspace(low, high, 41)
        at, step = grid[error(grid).argmin()], grid[1] - grid[0]
        low, high = at - step, at + step
    spread = ((share - share.mean()) ** 2).sum()
    return float(at), float(1.0 - error(np.array([at]))[0] / spread) if spread else float("nan")


def compared(size: np.ndarray, distance: np.ndarray) -> dict[str, tuple[Any, Measures]]:
    """Return network and measures of the three strategies."""
    out = {}
    for strategy in STRATEGIES:
        graph = network(intensity(size, distance, strategy))
        out[strategy] = (graph, measures(graph))
    return out
