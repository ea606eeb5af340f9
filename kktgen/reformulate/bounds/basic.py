"""Bounds on basic multipliers (D4): for every follower optimum SOME multipliers stay within them.

At an optimum ``-(P y + Q x + q) = -A'lam + G'mu`` with mu supported on active rows. By Caratheodory's theorem there
are such multipliers whose rows are linearly independent, so they extend to a basis B of the columns of
``N = [-A' G']`` and equal ``-B^-1 g`` with g the cost gradient: its box bounds them, basis by basis. Small components
are enumerated; on a network (totally unimodular rows, up to scales) the entries of ``B^-1`` are 0 or +-1 and the sum of
the gradients' sizes is a bound without enumeration (multipliers of equations that others imply may be zero).

They hold for one choice of multipliers, not for all: a leader who uses the multipliers may not rest on them.
"""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from ...deadline import NEVER, Deadline
from ...numerics.intervals import interval
from ...numerics.safe_bound import OUTWARD
from ...numerics.sparse import Csr, components, row_index
from ...problem.qp import QP
from .network import scales

BASES = 20_000
"""Largest number of bases a component is enumerated over."""
ENTRIES = 20_000_000
"""Largest number of entries of all these bases together."""
SMALL = 250_000
"""Largest number of rows times variables of a component whose bases are counted."""
SINGULAR = 1e-9
"""Smallest pivot, relative to the largest entry, of a basis."""


def basic_bounds(
    qp: QP, x_box: tuple[np.ndarray, np.ndarray], y_box: tuple[np.ndarray, np.ndarray], deadline: Deadline = NEVER
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return bounds that some multipliers of every optimum satisfy together.

    Parameters
    ----------
    qp : QP
    x_box, y_box : pair of ndarray
        Boxes of parameters and variables, over which the gradient is bounded.
    deadline : Deadline
        Components not reached by then have no bounds.

    Returns
    -------
    mu_max : ndarray (mi,)
        inf where nothing is proved.
    lam_lb, lam_ub : ndarray (me,)
    """
    me, mi = len(qp.b), len(qp.h)
    mu_max, lam_lb, lam_ub = np.full(mi, np.inf), np.full(me, -np.inf), np.full(me, np.inf)
    rows = Csr(sp.hstack([qp.Q, qp.P], format="csr"))
    low, high = interval(rows, np.concatenate([x_box[0], y_box[0]]), np.concatenate([x_box[1], y_box[1]]))
    low, high = low + qp.q, high + qp.q
    N = Csr(sp.vstack([-qp.A, qp.G], format="csr"))  # one row a multiplier, one column a variable
    pattern = sp.block_array([[None, N.T], [N, None]], format="csr")
    count, label = components(pattern)
    variables, multipliers = np.split(np.arange(qp.ny + me + mi), [qp.ny])
    for component in range(count):
        y = variables[label[: qp.ny] == component]
        rows_here = multipliers[label[qp.ny :] == component] - qp.ny
        if len(y) == 0 or len(rows_here) == 0 or not (np.isfinite(low[y]) & np.isfinite(high[y])).all():
            continue
        if deadline.over:
            break
        block, equations = Csr(N[rows_here][:, y]), int((rows_here < me).sum())
        small = len(rows_here) * len(y) <= SMALL
        found = _enumerated(block.toarray(), equations, low[y], high[y]) if small else None
        scaled = unimodular(block) if found is None else None
        if scaled is not None:
            rows_scale, columns_scale = scaled
            size = rows_scale * (np.maximum(np.abs(low[y]), np.abs(high[y])) * columns_scale).sum()
            found = -size, size
        if found is None:
            continue
        least, most = (_outward(found[0], -1.0), _outward(found[1], 1.0))
        lam_lb[rows_here[:equations]], lam_ub[rows_here[:equations]] = least[:equations], most[:equations]
        mu_max[rows_here[equations:] - me] = np.maximum(most[equations:], 0.0)
    return mu_max, lam_lb, lam_ub


def _outward(value: np.ndarray, sign: float) -> np.ndarray:
    return np.where(value == 0.0, 0.0, value + sign * OUTWARD * (1.0 + np.abs(value)))


def _enumerated(
    block: np.ndarray, equations: int, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the least and largest value of every multiplier over all bases, or None when there are too many.

    Equality rows stand in every basis, so they must be independent. A basis is left out when no gradient in the box
    gives it nonnegative mu.
    """
    _, pivots, order = scipy.linalg.qr(block, mode="economic", pivoting=True)
    diagonal = np.abs(np.diag(pivots))
    rank = int((diagonal > SINGULAR * max(1.0, np.abs(block).max())).sum())
    if equations and np.linalg.matrix_rank(block[:equations]) < equations:
        return None
    inequalities = len(block) - equations
    count = comb(inequalities, rank - equations)
    if count > BASES or count * rank**2 > ENTRIES:
        return None
    columns = np.sort(order[:rank])  # coordinates that determine the others
    low, high = low[columns], high[columns]
    chosen = np.array(list(combinations(range(equations, len(block)), rank - equations)), dtype=int)
    bases = np.hstack([np.tile(np.arange(equations), (len(chosen), 1)), chosen.reshape(len(chosen), -1)]).astype(int)
    matrices = block[:, columns][bases].transpose(0, 2, 1)  # columns of a basis are its multipliers' rows
    regular = np.linalg.svd(matrices, compute_uv=False)[:, -1] > SINGULAR * np.maximum(1.0, np.abs(block).max())
    bases, inverse = bases[regular], -np.linalg.inv(matrices[regular])
    most = np.maximum(inverse * low, inverse * high).sum(axis=2)
    least = np.minimum(inverse * low, inverse * high).sum(axis=2)
    possible = (most[:, equations:] >= -OUTWARD).all(axis=1)
    largest, smallest = np.zeros(len(block)), np.zeros(len(block))  # outside its basis a multiplier is zero
    np.maximum.at(largest, bases[possible].ravel(), most[possible].ravel())
    np.minimum.at(smallest, bases[possible].ravel(), least[possible].ravel())
    return smallest, largest


def unimodular(block: Csr) -> tuple[np.ndarray, np.ndarray] | None:
    """Return sizes of row and column scales that make rows totally unimodular, None where none are found.

    With ``d_i N_ij w_j`` in {-1, 0, 1} multipliers are ``m_i = d_i sum_j (+-1 or 0) w_j g_j``. The test is that of
    Heller and Tompkins: rows of one variable aside, every variable stands in at most two rows, which can be split into
    two classes: rows that share a variable with equal signs apart, with opposite signs together. The same test with
    rows and variables exchanged is tried as well.
    """
    several = np.diff(block.indptr) > 1
    M = Csr(block[several])
    for table, turned in ((M, False), (Csr(M.T), True)):
        found = scales(sp.csc_array(table))
        if found is None:
            continue
        one, other = np.abs(found[0]), np.ones(table.shape[1])
        other[table.indices] = 1.0 / (np.abs(table.data) * one[row_index(table)])
        d, w = np.ones(block.shape[0]), other if not turned else one
        d[several] = one if not turned else other
        single = np.flatnonzero(~several & (np.diff(block.indptr) == 1))
        at = block.indptr[single]
        d[single] = 1.0 / (np.abs(block.data[at]) * w[block.indices[at]])
        return d, w
    return None
