"""The LPs that bound one follower's slacks, prices and multipliers."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ...deadline import NEVER, Deadline
from ...numerics.intervals import interval, tighten
from ...numerics.sparse import Csr
from ...problem.qp import QP
from .job import FollowerToBound
from .lps import Lps
from .relaxation import Boxes, Layout, single_rows

ZERO = 1e-9
"""A proved bound below this is a proved zero."""
LARGE = 3.0
"""Multipliers and prices with a box this many times the median are asked again in the next round."""
ROOM = 1e-6
"""Relative distance from its variable's box beyond which a bound is never active."""


def stationarity_bounds(qp: QP, boxes: Boxes) -> Boxes:
    """Return the boxes of (x, y, lam, mu) tightened by the activity of the stationarity rows (D2)."""
    rows = Csr(sp.hstack([qp.Q, qp.P, -qp.A.T, qp.G.T], format="csr"))
    return Boxes(*tighten(rows, -qp.q, -qp.q, boxes.lb, boxes.ub))


def slack_intervals(qp: QP, boxes: Boxes) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest slack of every inequality over the boxes of (x, y), and its tier."""
    at, C = Layout.of(qp), Csr(sp.hstack([qp.H, qp.G], format="csr"))
    value = qp.h - interval(C, boxes.lb[: at.lam], boxes.ub[: at.lam])[0]
    return value, np.where(np.isfinite(value), "interval", "").astype("U8")


def slack_bounds(qp: QP, lps: Lps, boxes: Boxes, deadline: Deadline = NEVER) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest slack of every inequality and its tier: intervals, then one LP per row of several columns."""
    C = Csr(sp.hstack([qp.H, qp.G], format="csr"))
    value, tier = slack_intervals(qp, boxes)
    for i in np.flatnonzero((np.diff(C.indptr) > 1) | ~np.isfinite(value)):
        if deadline.over:
            break
        entries = slice(C.indptr[i], C.indptr[i + 1])
        found = qp.h[i] - lps.minimum(C.indices[entries], C.data[entries])
        if found < value[i]:
            value[i], tier[i] = max(found, 0.0), "LP"
    return value, tier


def conditional_slacks(qp: QP, lps: Lps, asked: np.ndarray, deadline: Deadline = NEVER) -> np.ndarray:
    """Return for every row asked for its largest slack given that its multiplier is zero: otherwise it has none."""
    at, C = Layout.of(qp), Csr(sp.hstack([qp.H, qp.G], format="csr"))
    out = np.full(len(qp.h), np.inf)
    for i in np.flatnonzero(asked):
        if deadline.over:
            break
        entries, mu = slice(C.indptr[i], C.indptr[i + 1]), np.array([at.mu + i])
        found = qp.h[i] - lps.minimum(C.indices[entries], C.data[entries], mu, np.zeros(1))
        out[i] = max(found, 0.0)
    return out


def price_boxes(
    qp: QP, lps: Lps, lam: tuple[np.ndarray, np.ndarray], asked: np.ndarray, deadline: Deadline = NEVER
) -> tuple[np.ndarray, np.ndarray]:
    """Return proved boxes of the prices: two LPs for each that is asked for, all lower ends first."""
    at, low, high = Layout.of(qp), lam[0].copy(), lam[1].copy()
    for sign, ends, take in ((1.0, low, np.maximum), (-1.0, high, np.minimum)):
        for k in np.flatnonzero(asked):
            if deadline.over:
                break
            ends[k] = take(ends[k], sign * lps.minimum(np.array([at.lam + k]), np.array([sign])))
    return low, high


def prices_to_ask(job: FollowerToBound, lam: tuple[np.ndarray, np.ndarray], again: bool) -> np.ndarray:
    """Return which prices are worth LPs (me,) bool.

    A box that is implied by the rows of the relaxation makes it no smaller: only products with the price do. So where
    the leader does not use prices, and they are multiplied by no parameter, the activity of the stationarity rows will
    do. In later rounds the wide boxes are asked again.
    """
    B, width = job.qp.B, lam[1] - lam[0]
    used = np.full(len(width), not job.basic) | (np.diff(B.indptr) > 0)
    if again and np.isfinite(width).any():
        used &= width > LARGE * np.median(width[np.isfinite(width)])
    return used | ~np.isfinite(width)


def conditional_bounds(
    qp: QP, lps: Lps, job: FollowerToBound, asked: np.ndarray, deadline: Deadline = NEVER
) -> np.ndarray:
    """Return for every multiplier asked for its maximum given that its row is active and the opposite one zero (D3)."""
    at, mi, program = Layout.of(qp), len(qp.h), lps.program
    rows, columns, coefficients = single_rows(qp)
    column_of, value_of = np.full(mi, -1), np.zeros(mi)
    column_of[rows], value_of[rows] = at.y + columns, qp.h[rows] / coefficients
    row_of = np.full(mi, -1)
    row_of[column_of < 0] = len(qp.b) + np.arange(int((column_of < 0).sum()))
    single, bound = column_of[rows], value_of[rows]
    room = ROOM * (1.0 + np.abs(bound))
    never = job.dead.copy()  # beyond the box of its variable
    never[rows[(bound < program.lb[single] - room) | (bound > program.ub[single] + room)]] = True
    out = np.where(never & ~job.dead, 0.0, np.inf)
    for i in np.flatnonzero(asked & ~never):
        if deadline.over:
            break
        held = np.array([at.mu + job.twin[i], column_of[i]])
        here = np.array([job.twin[i], column_of[i]]) >= 0
        side = np.array([0.0, value_of[i]])[here]
        value = -lps.minimum(np.array([at.mu + i]), -np.ones(1), held[here], side, row_of[i])
        out[i] = 0.0 if value < ZERO else value
    return out
