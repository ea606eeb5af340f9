"""A follower's cost as its KKT conditions need it: convex in its own variables, beyond rounding.

Bounds, cuts and strong duality rest on ``y'P y >= 0`` for every y, near optima and far from them. A cost whose P is
singular and whose data are rounded misses that by a little: its diagonal is raised, and a note says by how much.
"""

from __future__ import annotations

import numpy as np

from ..errors import ProblemError
from ..numerics.convexity import DATA, DENSE, repair
from ..numerics.sparse import Csr, coo
from .columns import Space
from .expressions import Quad

SHOWN = 5
"""Most variables of a block that are named."""
NEAR = 1e-3
"""A block that lacks less than this share of its diagonal may be one that is singular, with rounded data."""


def convex(cost: Quad, index: int, who: str, what: str) -> tuple[Quad, str]:
    """Return a follower's cost with a Hessian that is positive semidefinite beyond rounding, and a note on the change.

    Parameters
    ----------
    cost : Quad
        Canonical; minimised.
    index : int
        Of the follower, the owner of its columns.
    who, what : str
        In words, for messages: ``follower 'f'``, ``cost``.

    Returns
    -------
    cost : Quad
        The same where it is convex as it stands.
    note : str
        By how much the diagonal was raised; empty where nothing was changed.

    Raises
    ------
    ProblemError
        A block is not convex, not even up to the rounding of its data; says how negative it is.
    """
    space = cost.space
    own = (space.owner[cost.i] == index) & (space.owner[cost.j] == index)
    columns = np.unique(np.concatenate([cost.i[own], cost.j[own]]))
    i, j = np.searchsorted(columns, cost.i[own]), np.searchsorted(columns, cost.j[own])
    half = coo(cost.v[own], i, j, (len(columns), len(columns)))
    P = Csr(half + half.T)
    found = repair(P)
    if found.bad is not None:
        block = Csr(P[found.bad][:, found.bad])
        raise ProblemError(
            f"{who}: the {what} is not convex in its own variables: the block of {_named(space, columns[found.bad])} "
            f"{_negative(block)}. Its KKT conditions would not be sufficient"
        )
    at = np.flatnonzero(found.diagonal)
    if not len(at):
        return cost, ""
    raised = Quad(space, columns[at], columns[at], 0.5 * found.diagonal[at], Csr((1, cost.linear.shape[1])), 0.0)
    note = ""
    if found.share:
        note = (
            f"{who}: the {what} is convex only up to the rounding of its data, so the second derivatives of "
            f"{_named(space, columns[at])} were raised by a share of {found.share:.1e} at most "
            f"({found.diagonal.max():.1e}); what follows is exact for that {what}"
        )
    return (cost + raised).canonical(), note


def _named(space: Space, columns: np.ndarray) -> str:
    return ", ".join(space.label(c) for c in columns[:SHOWN]) + (", ..." if len(columns) > SHOWN else "")


def _negative(P: Csr) -> str:
    """Return how negative the smallest eigenvalue of a block is, and a cure where rounding may be the reason."""
    if P.shape[0] > DENSE:
        return "has a negative eigenvalue"
    dense = P.toarray()
    least, top = float(np.linalg.eigvalsh(dense)[0]), float(np.abs(dense).max())
    said = f"has a negative eigenvalue, {least:.2g}, where its largest entry is {top:.3g}"
    scale = np.sqrt(np.maximum(dense.diagonal(), DATA * top))
    share = -float(np.linalg.eigvalsh(dense / np.outer(scale, scale))[0])
    if not share < NEAR:
        return said
    return f"{said} (if that is rounding of the data: give more digits, or add {share:.1e} times the diagonal)"
