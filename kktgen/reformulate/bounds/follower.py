"""Proved boxes for one follower, tier by tier: path costs (D5), Slater (D1), activity (D2), basic ones (D4), LPs (D3).

D1 to D3 hold for ALL multipliers of every feasible point, so they may be used even when the leader's objective holds
prices. Where they leave a multiplier without a bound and nobody uses it, bounds on basic ones (D4) stand in, given the
others, and the conditional LPs then speak of those. A multiplier that is used beside a binary alone (a rent) is bounded
for all multipliers at one, and chosen at zero, where the product is zero. D5 is either, as its job asks
(:mod:`kktgen.reformulate.bounds.paths`); where it bounds all that there is, and many LPs would be solved for less, it
is the last word.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...deadline import NEVER, Deadline
from ...numerics.answers import failures
from ...numerics.intervals import FAR, within_reach
from ...numerics.sparse import take_columns
from .basic import basic_bounds
from .job import FollowerToBound, Proved
from .lps import Lps
from .multipliers import (
    LARGE,
    conditional_bounds,
    conditional_slacks,
    price_boxes,
    prices_to_ask,
    slack_bounds,
    slack_intervals,
    stationarity_bounds,
)
from .paths import path_bounds
from .products import product_bounds
from .relaxation import Boxes, Layout, relaxation, single_rows, with_rows, with_single_rows
from .slater import slater, slater_rule
from .varying import Bent, varying_bounds

SWITCHES = 50
"""Most binaries for which a follower is bounded once more, with the binary at one."""


class _Best:
    """The best boxes so far of one follower's variables and multipliers, and the tier each bound on mu comes from."""

    def __init__(self, job: FollowerToBound) -> None:
        self.x = job.x_lb, job.x_ub
        self.y = with_single_rows(job.qp, job.y_lb, job.y_ub)
        idle = _never(job)
        self.mu = np.where(job.dead | idle, 0.0, np.inf)
        self.tier = np.where(job.dead, "D0", np.where(idle, "D2", "")).astype("U8")
        empty = np.diff(job.qp.A.indptr) == 0  # an equation without own variables prices nothing
        if job.bent is not None:
            empty &= np.diff(take_columns(job.qp.B, job.bent.v).indptr) == 0
        free = np.where(empty, 0.0, np.inf)
        self.lam = -free, free
        self.choices: list[tuple[np.ndarray, np.ndarray]] = []
        """Which of (lam, mu) were chosen to be basic given the rest, and the bound on those that may not be (mi,)."""

    def boxes(self) -> Boxes:
        """Return the boxes of (x, y, lam, mu), those out of reach left open."""
        zero = np.zeros(len(self.mu))
        lower, upper = ((self.x[k], self.y[k], self.lam[k], (zero, self.mu)[k]) for k in (0, 1))
        return Boxes(*within_reach(np.concatenate(lower), np.concatenate(upper)))

    def multipliers(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the boxes of (lam, mu)."""
        return np.append(self.lam[0], np.zeros(len(self.mu))), np.append(self.lam[1], self.mu)

    def improve(self, mu: np.ndarray, tier: str) -> None:
        """Take the bounds on mu that are smaller."""
        better = mu < self.mu
        self.mu = np.where(better, mu, self.mu)
        self.tier[better] = tier

    def price(self, low: np.ndarray, high: np.ndarray) -> None:
        """Take the boxes of lam where they are smaller; a box that would be empty proves nothing."""
        self.lam = _smaller(self.lam, (low, high))

    def response(self, low: np.ndarray, high: np.ndarray) -> None:
        """Take a box for y where it had no bound: the relaxation of its rows is as good elsewhere."""
        low, high = (np.where(np.isfinite(old), old, new) for old, new in zip(self.y, (low, high), strict=True))
        self.y = _smaller(self.y, (low, high))


def _never(job: FollowerToBound) -> np.ndarray:
    """Return which rows bound a variable out of reach and beyond the box its other rows give it (mi,) bool."""
    out = np.zeros(len(job.qp.h), dtype=bool)
    at, column, coefficient = single_rows(job.qp)
    side = job.qp.h[at] / coefficient
    out[at] = (np.abs(side) >= FAR) & np.where(coefficient > 0, job.y_ub[column] < side, job.y_lb[column] > side)
    return out


def _smaller(old: tuple[np.ndarray, np.ndarray], new: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.maximum(old[0], new[0]), np.minimum(old[1], new[1])
    return (low, high) if (low <= high).all() else old


def bound_follower(job: FollowerToBound, deadline: Deadline = NEVER) -> Proved:
    """Return the boxes proved by a deadline for a follower's slacks, prices and multipliers."""
    with failures() as words:
        return replace(_bounded(job, deadline), failures=tuple(words))


def _bounded(job: FollowerToBound, deadline: Deadline) -> Proved:
    qp, best = job.qp, _Best(job)
    if job.bent is not None:
        found = _with_varying(job, best, job.bent, deadline)
        if found is None:
            return _nothing(job, best)
        job = found
    if job.network is not None:
        paths = _network(job, best, deadline)
        if paths is not None:
            return paths
    program = relaxation(qp, best.boxes(), job.leader, duals=False)
    lps = Lps(program, deadline)
    slack_max, slack_tier = slack_bounds(qp, lps, best.boxes(), deadline)
    rule = slater_rule(qp, job.x_lb, job.x_ub, slack_max, job.dead, deadline)
    cut, inner, count = None, "none", lps.count
    if rule is not None:
        cut, values = slater(qp, program, rule, job.dead, deadline)
        count += 3
        best.improve(values, "D1")
        inner = "found" if np.isfinite(values).any() or not rule.sigma.any() else "unbounded"
    _activity(job, best)
    if job.basic and not np.isfinite(best.mu).all():
        values, low, high = basic_bounds(qp, best.x, best.y, deadline)
        best.price(low, high)
        best.improve(values, "D4")
        _activity(job, best, "D4")
    _complete(job, best, deadline)
    count += _conditional(job, best, cut, deadline)
    _choose_again(job, best, deadline)
    if _complete(job, best, deadline):
        count += _conditional(replace(job, rounds=1), best, cut, deadline)
        _choose_again(job, best, deadline)
    if not np.isfinite(slack_max).all() and not deadline.over:
        count += _response_slacks(job, best, cut, slack_max, slack_tier, deadline)
    loose = np.concatenate([_open(qp.x, best.x, () if job.bent is None else job.bent.p), _open(qp.y, best.y)])
    return Proved(slack_max, slack_tier, best.mu, best.tier, *best.lam, inner, loose, count, late=deadline.over)


def _open(columns: np.ndarray, box: tuple[np.ndarray, np.ndarray], but: Any = ()) -> np.ndarray:
    """Return the columns without a finite box, but for some positions."""
    loose = np.isinf(box[0]) | np.isinf(box[1])
    loose[list(but)] = False
    return columns[loose]


def _with_varying(job: FollowerToBound, best: _Best, bent: Bent, deadline: Deadline) -> FollowerToBound | None:
    """Take the bounds a point inside all nonconvex rows gives; return the job with the boxes of their products.

    None where rows are squares or norms and no point lies strictly inside: there need be no multipliers then.
    """
    slack_max, _ = slack_intervals(job.qp, best.boxes())
    boxes = best.x, best.y
    found = varying_bounds(job.qp, bent, boxes, job.leader, job.dead, slack_max, deadline)
    if found is None and bent.curved:
        return None
    if found is not None:
        best.improve(found, "D1")
    x_lb, x_ub = job.x_lb.copy(), job.x_ub.copy()
    x_lb[bent.p], x_ub[bent.p] = bent.price_boxes(best.mu)
    best.x = x_lb, x_ub
    return replace(job, x_lb=x_lb, x_ub=x_ub)


def _nothing(job: FollowerToBound, best: _Best) -> Proved:
    """Return what holds of a follower whose multipliers need not exist: boxes of its slacks alone."""
    slack_max, slack_tier = slack_intervals(job.qp, best.boxes())
    free = np.full(len(job.qp.b), np.inf)
    mu, tier = np.where(job.dead, 0.0, np.inf), np.where(job.dead, "D0", "")
    return Proved(slack_max, slack_tier, mu, tier, -free, free, "flat", np.empty(0, dtype=np.int64), 0)


def _conditional(job: FollowerToBound, best: _Best, cut: tuple | None, deadline: Deadline) -> int:
    """Tighten prices and multipliers by rounds of conditional LPs (D3); return the number of LPs."""
    asked, count, lps = ~job.dead, 0, None
    for k in range(max(1, job.rounds)):
        if deadline.over:
            break
        lps = _lps(job, best, cut, deadline, lps)
        before = best.mu
        best.price(*price_boxes(job.qp, lps, best.lam, prices_to_ask(job, best.lam, k > 0), deadline))
        best.improve(conditional_bounds(job.qp, lps, job, asked, deadline), "D3")
        count += lps.count
        with np.errstate(invalid="ignore"):
            gained = (before - best.mu) > 0.1 * before
        known = best.mu[asked & np.isfinite(best.mu)]
        asked = asked & (best.mu > LARGE * (np.median(known) if len(known) else 0.0))
        if not gained.any() or not asked.any():
            break
    return count


def _lps(job: FollowerToBound, best: _Best, cut: tuple | None, deadline: Deadline, before: Lps | None = None) -> Lps:
    """Return the LPs over the relaxation of the KKT system that the boxes so far make."""
    program = relaxation(job.qp, best.boxes(), job.leader)
    identity = len(program.lo) - 1
    return Lps(program if cut is None else with_rows(program, *cut), deadline, identity, before)


def _network(job: FollowerToBound, best: _Best, deadline: Deadline) -> Proved | None:
    """Take the bounds from path costs; return them where they are all there is to prove, and LPs would take long."""
    assert job.network is not None
    qp = job.qp
    _activity(job, best)
    values, low, high = path_bounds(qp, job.network, best.boxes(), job.basic, deadline)
    best.price(low, high)
    best.improve(values, "D5")
    _activity(job, best, "D5")
    _complete(job, best, deadline)
    slack_max, slack_tier = slack_intervals(qp, best.boxes())
    known = [slack_max, best.mu, *best.lam]
    if 2 * len(qp.b) + len(qp.h) <= job.most or not all(np.isfinite(part).all() for part in known):
        return None
    none = np.empty(0, dtype=np.int64)
    return Proved(slack_max, slack_tier, best.mu, best.tier, *best.lam, "none", none, 0)


def _complete(job: FollowerToBound, best: _Best, deadline: Deadline) -> bool:
    """Choose the multipliers that nobody uses and that have no bound basic ones, given the rest; return whether it did.

    Those that stay are what they were, so their boxes still hold; what was known of a price that is chosen anew need
    not. (Of the rows that define a product, :mod:`kktgen.reformulate.bounds.products` chooses last: it only takes off.)
    """
    me = len(job.qp.b)
    low, high = best.multipliers()
    unbounded = ~(np.isfinite(low) & np.isfinite(high))
    chosen = unbounded & ~job.used
    at_one = _switched_on(job, unbounded[me:] & (job.beside >= 0), deadline)
    kept = np.isfinite(at_one)
    chosen[me:] |= kept
    if not chosen.any():
        return False
    values, *price = basic_bounds(job.qp, best.x, best.y, deadline, _given(best, chosen, at_one))
    finite = np.isfinite(np.concatenate([price[1] - price[0], values]))
    if not finite.any():
        return False
    best.choices.append((chosen & finite, np.where(kept, at_one, 0.0)))
    low, high = (np.where(chosen[:me], new, old) for new, old in zip(price, best.lam, strict=True))
    best.lam = low, high
    best.improve(np.where(kept, np.maximum(values, at_one), values), "D4")
    _activity(job, best, "D4")
    return True


def _given(best: _Best, chosen: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Return what is chosen, and the boxes of what (lam, mu) are where they are not; ``kept`` is finite, or nothing."""
    low, high = best.multipliers()
    low[chosen], bound = 0.0, np.where(np.isfinite(kept), kept, 0.0)
    high[chosen] = np.append(np.zeros(len(best.lam[0])), bound)[chosen]
    return chosen, (low, high)


def _choose_again(job: FollowerToBound, best: _Best, deadline: Deadline) -> None:
    """Bound the multipliers that were chosen once more, after the boxes of the rest have got smaller."""
    for chosen, kept in best.choices:
        known = best.multipliers()
        values, *price = basic_bounds(job.qp, best.x, best.y, deadline, _given(best, chosen, kept), known)
        best.price(price[0], price[1])
        best.improve(np.maximum(values, kept), "D4")
    if best.choices:
        _activity(job, best, "D4")


def _switched_on(job: FollowerToBound, asked: np.ndarray, deadline: Deadline) -> np.ndarray:
    """Return bounds on the mu asked for that hold for all multipliers while their binary is one, else inf (mi,)."""
    out = np.full(len(asked), np.inf)
    for z in np.unique(job.beside[asked])[:SWITCHES]:
        if deadline.over:
            break
        x_lb = job.x_lb.copy()
        x_lb[z] = job.x_ub[z]
        on = replace(job, x_lb=x_lb, used=np.ones_like(job.used), beside=np.full(len(asked), -1), rounds=1)
        at = asked & (job.beside == z)
        out[at] = _bounded(on, deadline).dual_max[at]
    return out


def _activity(job: FollowerToBound, best: _Best, tier: str = "D2") -> None:
    """Tighten the boxes by the activity of the stationarity rows: of the multipliers, and of free variables."""
    at = Layout.of(job.qp)
    found = stationarity_bounds(job.qp, best.boxes())
    best.price(found.lb[at.lam : at.mu], found.ub[at.lam : at.mu])
    best.improve(found.ub[at.mu :], tier)
    best.improve(product_bounds(job.qp, job.product, best.boxes()), tier)
    best.response(found.lb[at.y : at.lam], found.ub[at.y : at.lam])


def _response_slacks(
    job: FollowerToBound,
    best: _Best,
    cut: tuple | None,
    slack_max: np.ndarray,
    slack_tier: np.ndarray,
    deadline: Deadline,
) -> int:
    """Bound the slacks that the rows alone leave unbounded over the follower's responses; return the number of LPs."""
    _activity(job, best)
    lps = _lps(job, best, cut, deadline)
    value = conditional_slacks(job.qp, lps, ~np.isfinite(slack_max), deadline)
    better = value < slack_max
    slack_max[better], slack_tier[better] = value[better], "LP"
    return lps.count
