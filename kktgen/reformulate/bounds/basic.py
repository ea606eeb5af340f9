"""Bounds on basic multipliers (D4): for every follower optimum SOME multipliers stay within them.

At an optimum ``-(P y + Q x + q) = -A'lam + G'mu`` with mu supported on active rows. By Caratheodory's theorem there
are such multipliers whose rows are linearly independent, so they extend to a basis B of the columns of
``N = [-A' G']`` and equal ``-B^-1 g`` with g the cost gradient: its box bounds them, basis by basis.

*Some kept, the others basic.* The same holds of any part of the multipliers, given the rest: what the kept ones price
is one more term of g, and their boxes bound it. So a leader who uses some multipliers may rest on bounds of the others,
and a price with a box of its own separates what it ties together. If several may be kept or be chosen, all are chosen,
and g bears the terms of all: a term that is not there is zero.

*How.* Small components are enumerated. On a network (totally unimodular rows, up to scales) the entries of ``B^-1`` are
0 or +-1, and with n rows of several variables a multiplier is a sum of at most n gradients, n + 1 for a row of one
variable: the largest ones bound it. Chains that gain or lose pass on intervals
(:mod:`kktgen.reformulate.bounds.forests`). Whatever bounds them, a row of several variables in the basis has a variable
without a row of its own in the basis, whose stationarity determines the multiplier from those of the other rows; and of
the rows of one variable alone the basis holds one at most, which bears all that the other rows leave. (Multipliers of
equations that others imply may be zero.)

They hold for one choice of multipliers, not for all: a leader who uses a multiplier may not rest on such a bound on it.
"""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from ...deadline import NEVER, Deadline
from ...numerics.intervals import interval, rest_of
from ...numerics.safe_bound import OUTWARD
from ...numerics.sparse import Csr, components, row_index
from ...problem.qp import QP
from .forests import Box, forest_bounds, hull_of, image, signed
from .network import scales

BASES = 20_000
"""Largest number of bases a component is enumerated over."""
ENTRIES = 20_000_000
"""Largest number of entries of all these bases together."""
SMALL = 250_000
"""Largest number of rows times variables of a component whose bases are counted."""
SWEEPS = 20
"""Most rounds in which rows of several variables bound each other."""
ROUNDING = 1e-12
"""What a term may leave behind, relative to its size, where it is taken out of a sum."""
SINGULAR = 1e-9
"""Smallest pivot, relative to the largest entry, of a basis."""
DEPENDENT, TINY = 1e-13, 1e-300
"""Largest singular value that rounding leaves of a dependent choice; in place of the size of an empty row."""


def basic_bounds(
    qp: QP,
    x_box: Box,
    y_box: Box,
    deadline: Deadline = NEVER,
    given: tuple[np.ndarray, Box] | None = None,
    known: Box | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return bounds that some multipliers of every optimum satisfy together.

    Parameters
    ----------
    qp : QP
    x_box, y_box : pair of ndarray
        Boxes of parameters and variables, over which the gradient is bounded.
    deadline : Deadline
        Components not reached by then have no bounds but those of forests.
    given : (ndarray (me + mi,) of bool, pair of ndarray), optional
        Which of (lam, mu) are chosen, and the boxes of what (lam, mu) are where they are not: zero for those that are
        chosen in any case, a box with zero in it for those that may stay what they are. All are chosen by default.
    known : pair of ndarray (me + mi,), optional
        Boxes that hold for the multipliers that are chosen.

    Returns
    -------
    mu_max : ndarray (mi,)
        inf where nothing is proved.
    lam_lb, lam_ub : ndarray (me,)
    """
    me, mi = len(qp.b), len(qp.h)
    N = Csr(sp.vstack([-qp.A, qp.G], format="csr"))  # one row a multiplier, one column a variable
    N.eliminate_zeros()
    rows, ends = Csr(sp.hstack([qp.Q, qp.P], format="csr")), [*map(np.concatenate, zip(x_box, y_box, strict=True))]
    low, high = (side + qp.q for side in interval(rows, *ends))
    free = np.ones(me + mi, dtype=bool)
    if given is not None:
        free, (least, most) = given
        priced = np.flatnonzero((least != 0) | (most != 0))
        down, up = interval(Csr(N[priced].T), least[priced], most[priced])
        low, high = low + down, high + up
    nothing = np.full(me + mi, -np.inf), np.full(me + mi, np.inf)
    start = tuple(side[free] for side in known or nothing)
    found = _found(Csr(N[free]), np.arange(me + mi)[free] < me, (low, high), (start[0], start[1]), deadline)
    least, most = nothing
    least[free], most[free] = _outward(found[0], -1.0), _outward(found[1], 1.0)
    return np.maximum(most[me:], 0.0), least[:me], most[:me]


def _found(N: Csr, equation: np.ndarray, gradient: Box, known: Box, deadline: Deadline) -> Box:
    """Return the least and largest value of the multipliers of rows N, given the box of the gradient (k,)."""
    (least, most), (low, high), count = known, gradient, np.diff(N.indptr)
    several, single = np.flatnonzero(count > 1), np.flatnonzero(count == 1)
    nodes, pinned = Csr(N[several]), np.zeros(N.shape[1], dtype=bool)
    pinned[N.indices[N.indptr[single[equation[single]]]]] = True
    ends = forest_bounds(nodes, equation[several], low, high, pinned)
    least[several], most[several] = np.maximum(least[several], ends[0]), np.minimum(most[several], ends[1])
    _by_components(N, equation, (low, high), (least, most), deadline)
    least[several], most[several] = _tight(nodes, equation[several], low, high, (least[several], most[several]))
    left = interval(Csr(nodes.T), least[several], most[several])
    at = N.indptr[single]
    column, zero = N.indices[at], np.zeros(len(at))
    box = image((low + left[0])[column], (high + left[1])[column], zero, N.data[at], (zero, zero))
    box = signed(box, equation[single])
    least[single] = np.maximum(least[single], np.minimum(box[0], 0.0))
    most[single] = np.minimum(most[single], np.maximum(box[1], 0.0))
    return least, most


def _by_components(N: Csr, equation: np.ndarray, gradient: Box, box: Box, deadline: Deadline) -> None:
    """Bound the multipliers of small or totally unimodular components with rows of several variables, into ``box``."""
    n, (low, high) = N.shape[1], gradient
    pattern = sp.block_array([[None, N.T], [N, None]], format="csr")
    _, label = components(pattern)
    order = np.argsort(label[n:], kind="stable")
    several = label[n:][np.diff(N.indptr) > 1]
    for component in np.unique(several):
        if deadline.over:
            break
        rows = order[slice(*np.searchsorted(label[n:][order], [component, component + 1]))]
        rows = np.sort(rows)
        y = np.unique(N[rows].indices)
        if not (np.isfinite(low[y]) & np.isfinite(high[y])).all():
            continue
        block, equations = Csr(N[rows][:, y]), int(equation[rows].sum())
        small = len(rows) * len(y) <= SMALL
        found = _enumerated(block.toarray(), equations, low[y], high[y]) if small else None
        found = _largest(block, low[y], high[y]) if found is None else found
        if found is not None:
            box[0][rows], box[1][rows] = np.maximum(box[0][rows], found[0]), np.minimum(box[1][rows], found[1])


def _largest(block: Csr, low: np.ndarray, high: np.ndarray) -> Box | None:
    """Return what the largest gradients make of a totally unimodular component, None where it is none."""
    scaled = unimodular(block)
    if scaled is None:
        return None
    size = np.sort(np.maximum(np.abs(low), np.abs(high)) * scaled[1])[::-1]
    several = np.diff(block.indptr) > 1
    terms = int(several.sum())
    most = scaled[0] * np.where(several, size[:terms].sum(), size[: terms + 1].sum())
    return -most, most


def _tight(N: Csr, equation: np.ndarray, low: np.ndarray, high: np.ndarray, box: Box) -> Box:
    """Return the boxes of rows of several variables, given that a variable's stationarity determines each but zeros."""
    row, k = row_index(N), len(equation)
    for _ in range(SWEEPS):
        ends = N.data * box[0][row], N.data * box[1][row]
        term = np.minimum(*ends), np.maximum(*ends)
        rest_low, rest_high = (rest_of(part, N.indices, N.shape[1]) for part in term)
        lost = ROUNDING * np.where(np.isfinite(ends), np.abs(ends), 0.0).sum(axis=0)
        rest_low, rest_high = rest_low + low[N.indices], rest_high + high[N.indices]
        rest_low -= lost + OUTWARD * (1.0 + np.abs(rest_low))
        rest_high += lost + OUTWARD * (1.0 + np.abs(rest_high))
        zero = np.zeros(len(row))
        new = image(rest_low, rest_high, zero, N.data, (zero, zero))
        new = signed(hull_of(new, row, k), equation)
        new = np.maximum(box[0], np.minimum(new[0], 0.0)), np.minimum(box[1], np.maximum(new[1], 0.0))
        with np.errstate(invalid="ignore"):  # infinite both times
            moved = [np.abs(now - before) > 1e-3 * (1 + np.abs(now)) for now, before in zip(new, box, strict=True)]
        box = new
        if not np.any(moved):
            break
    return box


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
    sizes = np.abs(matrices).max(axis=1, keepdims=True)
    even = matrices / np.where(sizes > 0, sizes, 1.0)  # of rows of large numbers a regular basis may look singular
    even = even / np.maximum(np.abs(even).max(axis=2, keepdims=True), TINY)
    share = np.linalg.svd(even, compute_uv=False)[:, -1]
    regular = share > SINGULAR
    if (share[~regular] > DEPENDENT).any():
        return None  # a basis that is left out although it is one would make bounds too small
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
