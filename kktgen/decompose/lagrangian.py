"""Lagrangian bounds: coupling rows and copies priced, the rest falls into independent minima.

Every linking column gets a copy in each subproblem that sees it; ``u_j = u`` is priced by sigma_j, the coupling rows
``lo <= C x + sum R_j z_j <= hi`` by w. With ``w'r`` for the sum of ``w_i hi_i`` where w_i > 0 and ``w_i lo_i`` where
w_i < 0 (a price whose side is infinite counts as zero), every feasible point satisfies ``w'(C x + sum R z) <= w'r`` and
``u_j = u``, so that::

    L(w, sigma) = r - w'r + min 1/2 x'P x + (c + C'w - sum_j E_j sigma_j)'x + sum_j D_j
    D_j        <= min { f_j(z) + w'R_j z + sigma_j'u : (z, u) in X_j }

is a lower bound of the optimum for any w and sigma: rounding of the multipliers costs tightness, never truth. The first
minimum runs over the leader's own rows and boxes (integrality left out), the D_j are proved bounds of a solver for
mixed-integer programs, unfinished solves included. (Geoffrion, "Lagrangean relaxation for integer programming", 1974;
copies of shared columns: Guignard and Kim, "Lagrangean decomposition", 1987.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import fsum
from typing import Any

import numpy as np

from ..deadline import NEVER, Deadline
from ..errors import KktgenError
from ..model.model import Model
from ..numerics.answers import Answer
from ..numerics.programs import qp
from ..numerics.safe_bound import ROUNDING, safe_convex_minimum
from ..numerics.sparse import position
from ..problem.expressions import Quad
from ..solvers import solve
from ..solvers.scip.root import heuristics_off
from .blocks import Blocks, Subproblem

TOLERANCE = 1e-6
"""What a solver's bound may be off for its feasibility tolerance, relative to 1 + |bound|, for every subproblem."""
QUICK = {
    "presolving/maxrestarts": 0, "propagating/probing/maxprerounds": 0, "separating/maxroundsroot": 10,
    "lp/presolving": False,
}  # fmt: skip
"""SCIP's parameters for subproblems, of which the bound is wanted: 0.1 to 0.6 s where its defaults take 0.7 to 2.1."""


@dataclass(frozen=True, eq=False)
class Minimum:
    """What a solver says of a priced subproblem.

    Parameters
    ----------
    bound : float
        Lower bound D_j, ``TOLERANCE`` taken off; -inf where there is none.
    z : ndarray or None
        Its best point, over the subproblem's columns.
    """

    bound: float
    z: np.ndarray | None


def priced(part: Subproblem, w: np.ndarray, sigma: np.ndarray) -> Model:
    """Return ``min f_j(z) + w'R_j z + sigma_j'u`` over X_j."""
    model, (P, q, _) = part.model, part.model.matrices
    q = q.copy()
    q[: part.own] += part.coupling.T @ w
    q[part.own :] += sigma
    return replace(model, objective=Quad.from_matrices(model.space, P, q))


def minimum(
    part: Subproblem, w: np.ndarray, sigma: np.ndarray, room: float = 0.0, time_limit: float | None = None,
    solver: str = "scip",
) -> Minimum:  # fmt: skip
    """Return a bound on a priced subproblem, ``room`` (absolute) from its optimum at most where time allows."""
    options: dict[str, Any] = {}
    if solver == "scip":
        options = {**heuristics_off(), **QUICK, "limits/absgap": room}
    try:
        found = solve(priced(part, w, sigma), solver, time_limit=time_limit, **options)
    except KktgenError:
        return Minimum(-np.inf, None)
    known = found.status in ("optimal", "time_limit") and found.bound is not None
    bound = found.bound - TOLERANCE * (1.0 + abs(found.bound)) if known and found.bound is not None else -np.inf
    return Minimum(bound if found.status != "infeasible" else np.inf, found.z)


def admissible(blocks: Blocks, w: np.ndarray) -> np.ndarray:
    """Return multipliers of coupling rows with zero where they would price a side that is infinite."""
    lo, hi = blocks.coupling.lo, blocks.coupling.hi
    return np.where(((w > 0) & ~np.isfinite(hi)) | ((w < 0) & ~np.isfinite(lo)), 0.0, w)


def leaders_part(
    blocks: Blocks, w: np.ndarray, sigma: Sequence[np.ndarray], lb: np.ndarray, ub: np.ndarray,
    deadline: Deadline = NEVER,
) -> float:  # fmt: skip
    """Return a lower bound on what the leader keeps: ``r - w'r + min 1/2 x'P x + (c + C'w - sum E_j sigma_j)'x``.

    Parameters
    ----------
    blocks : Blocks
    w, sigma
        Multipliers; those of w are admissible.
    lb, ub : ndarray (n,)
        Boxes of all columns of the model.
    deadline : Deadline

    Returns
    -------
    float
        -inf where a column without a box has a price left.
    """
    c = blocks.q + blocks.share.T @ w
    size = np.abs(blocks.q) + abs(blocks.share).T @ np.abs(w)
    for part, prices in zip(blocks.subproblems, sigma, strict=True):
        at = position(blocks.leader, part.links)
        np.subtract.at(c, at, prices)
        np.add.at(size, at, np.abs(prices))
    low, high = lb[blocks.leader], ub[blocks.leader]
    far = np.maximum(np.abs(low), np.abs(high))
    far = np.where(np.isfinite(far), far, 0.0)
    rows = blocks.rows
    side = np.where(w > 0, blocks.coupling.hi, blocks.coupling.lo)
    terms = [float(a * b) for a, b in zip(w[w != 0], side[w != 0], strict=True)]
    rounding = ROUNDING * (float((size * far).sum()) + fsum(abs(term) for term in terms))
    if len(rows):
        answer = qp(blocks.P, c, rows.M, rows.lo, rows.hi, low, high, deadline)
    else:
        x = np.clip(np.where(c > 0, low, high), low, high)
        x = np.where(np.isfinite(x), x, 0.0)
        answer = Answer("optimal", x, np.nan, np.empty(0), np.empty(0))
        if blocks.P.nnz:
            answer = qp(blocks.P, c, rows.M, rows.lo, rows.hi, low, high, deadline)
    value, _ = safe_convex_minimum(answer, blocks.P, c, rows.M, rows.lo, rows.hi, low, high)
    return fsum([value, blocks.r, *(-term for term in terms)]) - rounding


def total(leader: float, bounds: Sequence[float]) -> float:
    """Return the sum of the leader's part and the subproblems' bounds, exact but for the last rounding.

    -inf where one of them is; else +inf where one of them is: a subproblem without points leaves none of the whole.
    """
    parts = [leader, *bounds]
    if np.isfinite(parts).all():
        return fsum(parts)
    return np.inf if np.inf in parts and all(part > -np.inf for part in parts) else -np.inf
