"""Proved boxes for one follower, tier by tier: Slater (D1), activity (D2), basic multipliers (D4), LPs (D3).

D1 to D3 hold for ALL multipliers of every feasible point, so they may be used even when the leader's objective holds
prices. Where they leave a multiplier without a bound and nobody uses the multipliers, bounds on basic ones (D4) stand
in, and the conditional LPs then speak of those.
"""

from __future__ import annotations

import numpy as np

from .basic import basic_bounds
from .job import Job, Proved
from .multipliers import conditional_bounds, price_boxes, slack_bounds, slater, slater_point, stationarity_bounds
from .relaxation import Boxes, Layout, relaxation, with_single_rows

LARGE = 3.0
"""Multipliers with a bound this many times the median are asked again in the next round."""


class _Best:
    """The best boxes so far of one follower's multipliers, and the tier each bound on mu comes from."""

    def __init__(self, job: Job, y_lb: np.ndarray, y_ub: np.ndarray) -> None:
        self._fixed = np.concatenate([job.x_lb, y_lb]), np.concatenate([job.x_ub, y_ub])
        self.mu = np.where(job.dead, 0.0, np.inf)
        self.tier = np.where(job.dead, "D0", "").astype("U8")
        free = np.where(np.diff(job.qp.A.indptr) == 0, 0.0, np.inf)  # an equation without own variables prices nothing
        self.lam_lb, self.lam_ub = -free, free

    def boxes(self) -> Boxes:
        """Return the boxes of (x, y, lam, mu)."""
        zero = np.zeros(len(self.mu))
        return Boxes(
            np.concatenate([self._fixed[0], self.lam_lb, zero]), np.concatenate([self._fixed[1], self.lam_ub, self.mu])
        )

    def improve(self, mu: np.ndarray, tier: str) -> None:
        """Take the bounds on mu that are smaller."""
        better = mu < self.mu
        self.mu = np.where(better, mu, self.mu)
        self.tier[better] = tier

    def price(self, low: np.ndarray, high: np.ndarray) -> None:
        """Take the boxes of lam where they are smaller; a box that would be empty proves nothing."""
        low, high = np.maximum(low, self.lam_lb), np.minimum(high, self.lam_ub)
        if (low <= high).all():
            self.lam_lb, self.lam_ub = low, high


def bound_follower(job: Job) -> Proved:
    """Return proved boxes for a follower's slacks, prices and multipliers."""
    qp = job.qp
    y_lb, y_ub = with_single_rows(qp, job.y_lb, job.y_ub)
    best = _Best(job, y_lb, y_ub)
    program = relaxation(qp, best.boxes(), job.leader, duals=False)
    slack_max, slack_tier, lps = slack_bounds(qp, program, y_lb, y_ub, job)
    inner = slater_point(qp, job.x_lb, job.x_ub, slack_max)
    cut = None
    if inner is not None:
        cut, values = slater(qp, program, inner, job)
        lps += 3
        best.improve(values, "D1")
    lam, values = stationarity_bounds(qp, best.boxes())
    best.price(*lam)
    best.improve(values, "D2")
    if job.basic and not np.isfinite(best.mu).all():
        values, low, high = basic_bounds(qp, (job.x_lb, job.x_ub), (y_lb, y_ub))
        best.price(low, high)
        best.improve(values, "D4")
    asked = ~job.dead
    for _ in range(max(1, job.rounds)):
        program = relaxation(qp, best.boxes(), job.leader)
        if cut is not None:
            program = program.rows(*cut)
        before = best.mu
        best.price(*price_boxes(program, Layout.of(qp), (best.lam_lb, best.lam_ub)))
        best.improve(conditional_bounds(qp, program, job, asked), "D3")
        lps += 2 * len(qp.b) + int(asked.sum())
        with np.errstate(invalid="ignore"):
            gained = (before - best.mu) > 0.1 * before
        known = best.mu[asked & np.isfinite(best.mu)]
        asked = asked & (best.mu > LARGE * (np.median(known) if len(known) else 0.0))
        if not gained.any() or not asked.any():
            break
    return Proved(slack_max, slack_tier, best.mu, best.tier, best.lam_lb, best.lam_ub, lps)
