"""The convex program that bounds a model in a box: rows, pairs, products and strong duality over proved boxes.

Over the columns z and a column w for each product::

    min  1/2 z'P z + q'z + p'w
    rows and boxes; C z + c0 = 0 where a slack is settled
    s_i / Ms_i + mu_i / Md_i <= 1                               pairs that are open: big-M with its binary projected out
    w = z_i z_j                                                 McCormick rows over the boxes
    2 r'P y - r'P r + linear + weights'w <= 0                   a follower's duality gap, its tangent at a response r

The value is that of row prices (:func:`kktgen.numerics.safe_bound.safe_convex_minimum`): an inexact solution costs
tightness, never truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from ..deadline import Deadline
from ..errors import SolverError
from ..model.model import Model
from ..numerics.convexity import is_psd
from ..numerics.product_hull import hull, product_boxes
from ..numerics.programs import lp, qp
from ..numerics.safe_bound import safe_convex_minimum, safe_minimum
from ..numerics.sparse import Csr, components, coo, csr, row_index, widen
from ..reformulate.identity import duality_gap

FIXED = 0.0
"""A box of this width is a value, which is put in."""


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums of products of columns: entry k is ``weight_k z_left z_right`` in the sum ``row_k``."""

    row: np.ndarray
    left: np.ndarray
    right: np.ndarray
    weight: np.ndarray

    def of(self, rows: np.ndarray) -> Sums:
        """Return the entries of some sums, numbered anew in their order."""
        at = np.full(max(int(self.row.max(initial=-1)), int(rows.max(initial=-1))) + 1, -1)
        at[rows] = np.arange(len(rows))
        keep = at[self.row] >= 0 if len(self.row) else np.zeros(0, dtype=bool)
        return Sums(at[self.row[keep]], self.left[keep], self.right[keep], self.weight[keep])


@dataclass(frozen=True, eq=False)
class Outcome:
    """A proved lower bound (inf: there is no point), the relaxed point over the model's columns, or None."""

    bound: float
    z: np.ndarray | None


class NodeProgram:
    """What the programs of all boxes of a model have in common.

    Parameters
    ----------
    model : Model
        In its own units, with its KKT system.

    Attributes
    ----------
    exact : bool
        Whether the objective is convex and every row linear: the program then is the model but for its pairs and
        integers.
    """

    def __init__(self, model: Model) -> None:
        self.model, self.n = model, model.n
        assert model.kkt is not None
        P, self.q, self.r = model.matrices
        self.P, self.bent = _split(P)
        quads = model.quads
        self.quads = Sums(quads.row, quads.i, quads.j, quads.v)
        self.exact = not len(self.bent.row) and not len(quads)
        self.M = widen(model.rows.M, self.n)
        count = len(model.kkt.followers)
        gaps = [duality_gap(model, f) for f in range(count)]
        own = model.space.role == "follower"
        curved = [own[g.i] & own[g.j] for g in gaps]
        self.gap_products = Sums(*(np.concatenate([np.empty(0, dtype=t), *parts]) for t, parts in (
            (np.int64, [np.full(int((~c).sum()), f) for f, c in enumerate(curved)]),
            (np.int64, [g.i[~c] for g, c in zip(gaps, curved, strict=True)]),
            (np.int64, [g.j[~c] for g, c in zip(gaps, curved, strict=True)]),
            (float, [g.v[~c] for g, c in zip(gaps, curved, strict=True)]),
        )))  # fmt: skip
        self.gap_linear = Csr(sp.vstack([widen(g.linear, self.n) for g in gaps], format="csr"))
        self.gap_constant = np.array([g.r for g in gaps])
        self.gap_bent = [
            coo(np.concatenate([g.v[c], g.v[c]]), np.concatenate([g.i[c], g.j[c]]), np.concatenate([g.j[c], g.i[c]]),
                (self.n, self.n))
            for g, c in zip(gaps, curved, strict=True)
        ]  # fmt: skip

    def minimise(
        self, lb: np.ndarray, ub: np.ndarray, pairs: PairBoxes, tangents: list[np.ndarray], deadline: Deadline
    ) -> Outcome:
        """Return the bound over a box of all columns.

        Parameters
        ----------
        lb, ub : ndarray (n,)
        pairs : PairBoxes
        tangents : list of ndarray (n,)
            Points at which the duality gaps of followers with open pairs are linearised.
        deadline : Deadline
        """
        arrays = self._arrays(lb, ub, pairs, tangents)
        keep = arrays.lb < arrays.ub
        try:
            return self._solved(arrays, keep, deadline)
        except SolverError:
            return Outcome(-np.inf, None)

    def _solved(self, full: _Arrays, keep: np.ndarray, deadline: Deadline) -> Outcome:
        """Solve with the fixed columns put in."""
        fixed = np.where(keep, 0.0, full.lb)
        shift = full.A @ fixed
        A = Csr(full.A[:, keep])
        live = np.diff(A.indptr) > 0
        lo, hi = full.lo - shift, full.hi - shift
        room = 1e-7 * (1.0 + np.abs(shift))
        if (lo[~live] > room[~live]).any() or (hi[~live] < -room[~live]).any():
            return Outcome(np.inf, None)
        A, lo, hi = Csr(A[live]), lo[live], hi[live]
        q = (full.q + full.P @ fixed)[keep]
        constant = float(full.q @ fixed + 0.5 * fixed @ (full.P @ fixed)) + self.r
        P, lb, ub = Csr(full.P[keep][:, keep]), full.lb[keep], full.ub[keep]
        answer = qp(P, q, A, lo, hi, lb, ub, deadline)
        if answer.x is None:
            if answer.status != "infeasible":
                return Outcome(-np.inf, None)
            zero = np.zeros(len(q))
            proof = lp(zero, A, lo, hi, lb, ub, deadline)
            return Outcome(safe_minimum(proof, zero, A, lo, hi, lb, ub) if proof.x is None else -np.inf, None)
        value, _ = safe_convex_minimum(answer, P, q, A, lo, hi, lb, ub)
        z = fixed
        z[keep] = answer.x
        return Outcome(value + constant - 1e-12 * abs(constant), z[: self.n])

    def _arrays(self, lb: np.ndarray, ub: np.ndarray, pairs: PairBoxes, tangents: list[np.ndarray]) -> _Arrays:
        rows, n = self.model.rows, self.n
        gaps = self._bounded_gaps(lb, ub, pairs.open_followers)
        sums = [self.bent, self.quads, self.gap_products.of(gaps)]
        left, right = (np.concatenate([getattr(s, key) for s in sums]) for key in ("left", "right"))
        width = n + len(left)
        column = np.arange(n, width)
        w_lb, w_ub = product_boxes(left, right, lb, ub)
        held, held_lo, held_hi = hull(left, right, column, lb, ub, width)
        of_goal, of_quads, of_gaps = np.split(column, np.cumsum([len(s.row) for s in sums])[:2])
        parts = [(widen(self.M, width), rows.lo, rows.hi), (held, held_lo, held_hi)]
        table = self.model.quads
        if len(table):
            linear = widen(table.linear.M, width)
            parts.append((_with(linear, self.quads, of_quads), table.linear.lo, table.linear.hi))
        parts += [(widen(M, width), lo, hi) for M, lo, hi in pairs.rows]
        products = sums[2]
        for r in tangents if len(gaps) else ():
            parts.append(self._gap_rows(gaps, products, of_gaps, r, width))
        A = Csr(sp.vstack([part[0] for part in parts], format="csr"))
        lo, hi = (np.concatenate([part[k] for part in parts]) for k in (1, 2))
        q = np.concatenate([self.q, np.zeros(width - n)])
        q[of_goal] = self.bent.weight
        P = Csr((self.P.data, self.P.indices, np.append(self.P.indptr, np.full(width - n, self.P.indptr[-1]))),
                shape=(width, width))  # fmt: skip
        return _Arrays(P, q, A, lo, hi, np.concatenate([lb, w_lb]), np.concatenate([ub, w_ub]))

    def _bounded_gaps(self, lb: np.ndarray, ub: np.ndarray, followers: np.ndarray) -> np.ndarray:
        """Return the followers whose duality gap has products of boxed columns alone."""
        sums = self.gap_products
        finite = np.isfinite(lb) & np.isfinite(ub)
        with np.errstate(invalid="ignore"):
            loose = ~(finite[sums.left] & finite[sums.right])
        return np.setdiff1d(followers, sums.row[loose])

    def _gap_rows(
        self, gaps: np.ndarray, products: Sums, columns: np.ndarray, at: np.ndarray, width: int
    ) -> tuple[Csr, np.ndarray, np.ndarray]:
        """Return the rows ``duality gap <= 0`` of some followers with the tangent of ``y'P y`` at a point."""
        slopes = [self.gap_bent[f] @ at for f in gaps]
        side = np.array([0.5 * float(at @ slope) for slope in slopes]) - self.gap_constant[gaps]
        linear = Csr(self.gap_linear[gaps] + Csr(np.array(slopes)))
        return _with(widen(linear, width), products, columns), np.full(len(gaps), -np.inf), side


@dataclass(frozen=True, eq=False)
class PairBoxes:
    """Rows of the pairs over (n,) columns, as (M, lo, hi), and the followers some of whose pairs are open."""

    rows: list[tuple[Csr, np.ndarray, np.ndarray]]
    open_followers: np.ndarray


@dataclass(frozen=True, eq=False)
class _Arrays:
    P: Csr
    q: np.ndarray
    A: Csr
    lo: np.ndarray
    hi: np.ndarray
    lb: np.ndarray
    ub: np.ndarray


def _with(linear: Csr, sums: Sums, columns: np.ndarray) -> Csr:
    """Return the rows with the columns of their products."""
    return Csr(linear + coo(sums.weight, sums.row, columns, linear.shape))


def _split(P: Csr) -> tuple[Csr, Sums]:
    """Return the convex blocks of a Hessian, and the products of the others as one sum."""
    none = np.empty(0, dtype=np.int64)
    if is_psd(P):
        return P, Sums(none, none, none, np.empty(0))
    count, label = components(P)
    bad = np.zeros(count, dtype=bool)
    for k in np.unique(label[P.indices]):
        at = np.flatnonzero(label == k)
        bad[k] = not is_psd(Csr(P[at][:, at]))
    row = row_index(P)
    gone = bad[label[row]]
    upper = gone & (row <= P.indices)
    i, j = row[upper], P.indices[upper]
    weight = np.where(i == j, 0.5, 1.0) * P.data[upper]
    kept = coo(P.data[~gone], row[~gone], P.indices[~gone], P.shape)
    return kept, Sums(np.zeros(len(i), dtype=np.int64), i, j, weight)


def taken(M: Csr, rows: np.ndarray) -> Csr:
    """Return some rows of a matrix (mask or positions)."""
    out = Csr(M[rows])
    return csr(out.data, out.indices, out.indptr, out.shape)
