"""What convex quadratic functions say of boxes: rows bound their columns, an objective is bounded term by term.

With ``1/2 u'P u + a'u <= r`` and P positive definite on the columns w (the others, b, in boxes)::

    c(b) = -P_ww^-1 (P_wb b + a_w),    m = min over the box of  a_b'b - 1/2 (2 P_wb b + a_w)'P_ww^-1 a_w
    |w_j - c_j(b)| <= sqrt(2 (r - m) (P_ww^-1)_jj)

for what is left of the function at ``w = c(b)`` is ``1/2 b'S b``, S the Schur complement, and at least zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...model.model import Model
from ...model.tables import QuadTable, product_sums
from ...numerics.convexity import DENSE, is_psd
from ...numerics.intervals import tighten, within_reach
from ...numerics.product_hull import product_boxes
from ...numerics.safe_bound import OUTWARD
from ...numerics.sparse import Csr, components, coo, row_index, widen
from ...problem.columns import on_integers
from ..scale import scaled

SWEEPS = 5
"""Most rounds of linear and quadratic rows in turn."""
SINGULAR = 1e-9
"""Smallest eigenvalue, after scaling to a unit diagonal, of a matrix that is inverted."""
MOVED = 1e-3
"""Relative move of a bound from which on another round is worth it."""


def boxes(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Return the box of every column (lb, ub), tightened by rows, convex quadratic rows and integrality.

    Bounds out of reach (:data:`kktgen.numerics.intervals.FAR`) are none.
    """
    view = scaled(model)
    space = view.model.space
    lb, ub = tightened(view.model, space.lb, space.ub)
    return on_integers(view.back(lb), view.back(ub), space.kind)


def tightened(model: Model, lb: np.ndarray, ub: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the box [lb, ub] (n,) tightened by the model's rows and convex quadratic rows; far bounds are none."""
    rows, M = model.rows, widen(model.rows.M, model.n)
    for _ in range(SWEEPS):
        lb, ub = before = within_reach(*tighten(M, rows.lo, rows.hi, lb, ub))
        if len(model.quads):
            lb, ub = tighten_quads(model.quads, *_straight(model.quads, lb, ub))
        if not _moved(before, (lb, ub)):
            break
    return lb, ub


def _straight(quads: QuadTable, lb: np.ndarray, ub: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the box tightened by the linear parts of quadratic rows, their products anywhere in their intervals."""
    least, most = product_sums(quads, lb, ub)
    linear = quads.linear
    return tighten(widen(linear.M, len(lb)), linear.lo - most, linear.hi - least, lb, ub)


def _moved(old: tuple[np.ndarray, np.ndarray], new: tuple[np.ndarray, np.ndarray]) -> bool:
    with np.errstate(invalid="ignore"):  # inf less inf: not moved
        return any(bool((np.abs(a - b) > MOVED * (1.0 + np.abs(b))).any()) for a, b in zip(old, new, strict=True))


def tighten_quads(quads: QuadTable, lb: np.ndarray, ub: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the box [lb, ub] (n,) tightened by the convex sides of quadratic rows, rounded outward."""
    lb, ub, linear = lb.copy(), ub.copy(), quads.linear
    start = np.searchsorted(quads.row, np.arange(len(quads) + 1))
    for k in range(len(quads)):
        here, entries = slice(start[k], start[k + 1]), slice(linear.M.indptr[k], linear.M.indptr[k + 1])
        parts = (quads.i[here], quads.j[here], quads.v[here], linear.M.indices[entries], linear.M.data[entries])
        for sign, side in ((1.0, linear.hi[k]), (-1.0, -linear.lo[k])):
            if np.isfinite(side):
                _by_row(sign, *parts, side, lb, ub)
    return lb, ub


def _by_row(
    sign: float, i: np.ndarray, j: np.ndarray, v: np.ndarray, at: np.ndarray, a: np.ndarray, side: float,
    lb: np.ndarray, ub: np.ndarray,
) -> None:  # fmt: skip
    """Tighten lb and ub in place by ``sign (sum v z_i z_j + a'z[at]) <= side``."""
    columns = np.unique(np.concatenate([i, j]))
    k = len(columns)
    if not 0 < k <= DENSE:
        return
    P = np.zeros((k, k))
    np.add.at(P, (np.searchsorted(columns, i), np.searchsorted(columns, j)), sign * v)
    slope = np.zeros(k)
    inside = np.isin(at, columns)
    np.add.at(slope, np.searchsorted(columns, at[inside]), sign * a[inside])
    others = sign * a[~inside]
    rest = np.where(others > 0, others * lb[at[~inside]], others * ub[at[~inside]]).sum()
    if np.isfinite(rest):
        low, high = ellipsoid(P + P.T, slope, side - rest, lb[columns], ub[columns])
        lb[columns], ub[columns] = low, high


def ellipsoid(P: np.ndarray, a: np.ndarray, r: float, lb: np.ndarray, ub: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the box [lb, ub] (k,) tightened by ``1/2 u'P u + a'u <= r``, rounded outward.

    Columns without a finite box are bounded by those with one; where all have one, all are tightened. Where P is not
    positive definite on the columns in question, nothing is said.
    """
    free = ~(np.isfinite(lb) & np.isfinite(ub))
    free = free if free.any() else np.ones(len(a), dtype=bool)
    boxed = ~free
    inverse = _inverse(P[np.ix_(free, free)])
    if inverse is None or not is_psd(Csr(P)):
        return lb, ub
    cross = P[np.ix_(free, boxed)]
    lift = inverse @ a[free]
    centre = _interval(-inverse @ cross, lb[boxed], ub[boxed]) - lift
    least, _ = _interval((a[boxed] - cross.T @ lift)[None, :], lb[boxed], ub[boxed])
    terms = abs(r) + np.abs(least).sum() + 0.5 * abs(float(a[free] @ lift))
    room = r - float(least.sum()) + 0.5 * float(a[free] @ lift) + OUTWARD * terms
    if room < 0:  # no point: that is for others to prove
        return lb, ub
    reach = np.sqrt(2.0 * room * np.diagonal(inverse))
    low, high = centre[0] - reach, centre[1] + reach
    lb, ub = lb.copy(), ub.copy()
    lb[free] = np.maximum(lb[free], low - OUTWARD * (1.0 + np.abs(low)))
    ub[free] = np.minimum(ub[free], high + OUTWARD * (1.0 + np.abs(high)))
    return lb, ub


def _interval(M: np.ndarray, lb: np.ndarray, ub: np.ndarray) -> np.ndarray:
    """Return the smallest and the largest value of ``M b`` over a finite box (2, m)."""
    up, down = np.maximum(M, 0.0), np.minimum(M, 0.0)
    return np.array([up @ lb + down @ ub, up @ ub + down @ lb])


def _inverse(P: np.ndarray) -> np.ndarray | None:
    """Return the inverse of a matrix that is well positive definite; None for others."""
    diagonal = np.diagonal(P)
    if not (diagonal > 0).all():
        return None
    scale = 1.0 / np.sqrt(diagonal)
    values, vectors = np.linalg.eigh(P * scale[:, None] * scale)
    if values[0] < SINGULAR:
        return None
    half = scale[:, None] * vectors / np.sqrt(values)
    return half @ half.T


def least_value(model: Model, lb: np.ndarray, ub: np.ndarray) -> float:
    """Return a lower bound on the objective over the box [lb, ub] (n,), term by term; -inf where some term has none.

    The terms are the connected blocks of the Hessian with their linear part: a convex one is bounded by its minimum
    anywhere, what its curvature does not hold by the box; any other one product by product. Rounded outward.
    """
    P, q, r = model.matrices
    total = [np.array([r])]
    bent, blocks = P.diagonal(), Blocks.of(P)
    line = blocks.single & (bent == 0) & (q != 0)
    total.append(q[line] * np.where(q > 0, lb, ub)[line])
    curve = blocks.single & (bent != 0)
    total.append(_parabola(bent[curve], q[curve], lb[curve], ub[curve]))
    total += [np.array([_block_value(Csr(P[at][:, at]), q[at], lb[at], ub[at])]) for at in blocks]
    return _sum(np.concatenate(total))


def convex_part(model: Model, lb: np.ndarray, ub: np.ndarray) -> tuple[Csr, np.ndarray, float] | None:
    """Return P, q, r of a convex ``1/2 z'P z + q'z + r`` below the objective on the box [lb, ub] (n,), or None.

    Blocks of the Hessian that are not convex are replaced by what their products are at least, one by one.
    """
    P, q, r = model.matrices
    if is_psd(P):
        return P, q, r
    blocks, bent = Blocks.of(P), P.diagonal()
    gone = blocks.single & (bent < 0)
    least = [np.array([r]), _parabola(bent[gone], np.zeros(int(gone.sum())), lb[gone], ub[gone])]
    for at in blocks:
        part = Csr(P[at][:, at])
        if not is_psd(part):
            gone[at] = True
            least.append(_products(part, lb[at], ub[at]))
    total = _sum(np.concatenate(least))
    row = row_index(P)
    kept = ~gone[row]
    return (coo(P.data[kept], row[kept], P.indices[kept], P.shape), q, total) if np.isfinite(total) else None


def _sum(terms: np.ndarray) -> float:
    """Return the sum of the terms rounded down, -inf where one is infinite."""
    return float(terms.sum() - OUTWARD * np.abs(terms).sum()) if np.isfinite(terms).all() else -np.inf


@dataclass(frozen=True, eq=False)
class Blocks:
    """The connected blocks of a symmetric matrix: which columns are alone, and the members of the others."""

    single: np.ndarray
    order: np.ndarray
    start: np.ndarray
    several: np.ndarray

    @classmethod
    def of(cls, P: Csr) -> Blocks:
        """Return the blocks of a matrix."""
        count, label = components(P)
        sizes = np.bincount(label, minlength=count)
        start = np.concatenate([[0], np.cumsum(sizes)])
        return cls(sizes[label] == 1, np.argsort(label, kind="stable"), start, np.flatnonzero(sizes > 1))

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the members of the blocks of more than one column."""
        return (self.order[self.start[k] : self.start[k + 1]] for k in self.several)


def _parabola(bend: np.ndarray, q: np.ndarray, lb: np.ndarray, ub: np.ndarray) -> np.ndarray:
    """Return the least ``1/2 bend z^2 + q z`` over boxes (k,), one column each."""
    inner = np.clip(np.where(bend > 0, -q / bend, 0.0), lb, ub)
    ends = [np.where(np.isfinite(side), side * (0.5 * bend * side + q), np.where(bend > 0, np.inf, -np.inf))
            for side in (lb, ub)]  # fmt: skip
    inside = np.where(bend > 0, inner * (0.5 * bend * inner + q), np.inf)
    return np.minimum(np.minimum(*ends), inside)


def _products(P: Csr, lb: np.ndarray, ub: np.ndarray) -> np.ndarray:
    """Return what every product of ``1/2 u'P u`` is at least over a box (m,)."""
    i, j = row_index(P), P.indices
    below = i <= j
    i, j, v = i[below], j[below], np.where(i == j, 0.5, 1.0)[below] * P.data[below]
    low, high = product_boxes(i, j, lb, ub)
    across = (i == j) & (lb[i] < 0) & (ub[i] > 0)
    return v * np.where(v > 0, np.where(across, 0.0, low), high)


def _block_value(P: Csr, q: np.ndarray, lb: np.ndarray, ub: np.ndarray) -> float:
    """Return a lower bound on ``1/2 u'P u + q'u`` over a box, -inf where there is none."""
    each = _products(P, lb, ub).sum() + _least_linear(q, lb, ub)
    if P.shape[0] > DENSE or not is_psd(P):
        return float(each)
    dense = P.toarray()
    centre = np.linalg.lstsq(dense, -q, rcond=SINGULAR)[0]
    loose = q + dense @ centre
    loose[np.abs(loose) <= SINGULAR * np.abs(q).max(initial=0.0)] = 0.0
    return float(max(each, -0.5 * centre @ (dense @ centre) + _least_linear(loose, lb, ub)))


def _least_linear(q: np.ndarray, lb: np.ndarray, ub: np.ndarray) -> float:
    at = np.flatnonzero(q)
    return float((q[at] * np.where(q[at] > 0, lb[at], ub[at])).sum())
