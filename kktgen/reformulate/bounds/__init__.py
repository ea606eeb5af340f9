"""Proved bounds on slacks, prices and multipliers, with their provenance.

======== =============================================================================================
interval activity of the row over the columns' boxes
LP       one LP per row over the follower's KKT relaxation; given mu_i = 0 where the rows alone leave s_i open
D0       structure: a row without own variables prices nothing
D1       Slater: ``mu_i <= (f(yhat(x), x) - f*(x)) / s_i(yhat(x))`` for an affine rule yhat feasible for every x
D2       activity of the stationarity rows
D3       conditional LP: the largest mu_i given s_i = 0 and the opposite multiplier 0
D4       basic multipliers that nobody uses, given the others: small, totally unimodular, or chains that gain or lose
D5       path costs: followers whose equations are a network; of many rows the only one
======== =============================================================================================

Intervals and LPs know what the flow of a network cannot exceed (:mod:`kktgen.reformulate.bounds.flows`). Every value is
rounded outward from the LP's row prices (Neumaier & Shcherbina 2004).
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import replace

import numpy as np

from ...deadline import Deadline
from ...errors import expect, expect_executor
from ...executors import each
from ...model.fingerprint import equivalent
from ...model.model import Model
from ...model.terms import box_terms, defining
from ...numerics.sparse import Csr, joined, position, take_columns
from ...problem.columns import Space
from ...problem.qp import QP
from ...progress import ProgressOption, shown
from ..scale import scaled
from .curved import tightened
from .flows import flow_limits, own_box
from .follower import bound_follower
from .job import FollowerToBound, Proved
from .network import Network, network
from .notes import unproved
from .varying import Bent

NOTHING = 1e-6
"""A slack proved below this, the feasibility tolerance, is zero."""
WIDTH = 1e-4
"""Relative widening of proved boxes. A box, given or implied by others, that is narrower than a solver's feasibility
tolerance but not empty is a trap: SCIP takes no such column for one that can be positive, lets presolve fix it at its
bound, and then calls its SOS1 set infeasible."""
MANY = 300
"""Most LPs that are solved to tighten what path costs bound already, of all followers together."""


@equivalent
def bound(
    model: Model,
    *,
    rounds: int = 2,
    time_limit: float | None = None,
    executor: Executor | None = None,
    progress: ProgressOption = None,
) -> Model:
    """Return the KKT model with proved bounds on every slack and multiplier it can bound.

    A slack ``s >= 0`` is what an inequality of a follower leaves, a multiplier what one unit more of the right-hand
    side is worth to the follower: mu >= 0 of an inequality, lam of an equation (its price). The lower and the upper
    bound of one of them together are its box.

    Parameters
    ----------
    model : Model
        From :func:`kktgen.kkt`, with its pairs.
    rounds : int
        Rounds of conditional LPs; the second uses the boxes of the first.
    time_limit : float, optional
        Seconds; what is proved by then is kept, and a note names the followers that were to get more.
    executor : concurrent.futures.Executor, optional
        Bounds the followers in parallel; serial by default.
    progress : bool or callable, optional
        True: a live line. A function is called with a :class:`kktgen.Progress` after every follower.

    Returns
    -------
    Model
        Pairs carry ``slack_max`` and ``dual_max``; pairs proved inactive lose their multiplier (fixed at zero), pairs
        proved always active become equations. The boxes stand on the columns, so every encoding exports them.

    Raises
    ------
    ProblemError
        The argument is no Model, or the executor is shut down.
    SolverError
        A linear program fails, for instance because a number is too large.

    See Also
    --------
    kktgen.encode : Uses the bounds as big-M constants, and exports them with every encoding.

    Examples
    --------
    The driver's toll is at most 3 and the detour costs 2, so neither multiplier exceeds 2 (a bound is rounded outward).

    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> mpec = kg.bound(kg.kkt(m))
    >>> mpec.pairs.slack_max.value.round(2).tolist()
    [1.0, 1.0]
    >>> mpec.pairs.dual_max.value.round(2).tolist()
    [1.0, 2.0]
    >>> mpec.pairs.dual_max.proof.tolist()
    ['proved(D3)', 'proved(D3)']
    """
    expect(model, Model, "bound", "make one with kg.kkt(m)")
    expect_executor(executor, "bound")
    if model.kkt is None or model.pairs is None:
        return model
    deadline, view = Deadline(time_limit), scaled(model)
    jobs = jobs_of(view.model, rounds, deadline)
    count = len(model.kkt.followers)
    results: list[Proved | None] = []
    with shown(progress, "bound") as told:
        for k, proved in enumerate(each(bound_follower, jobs, executor, deadline)):
            results.append(proved)
            if told is not None:
                told({"text": f"bounds: follower {k + 1} of {count}", "seconds": deadline.spent})
    results += [None] * (count - len(results))
    return replace(view.restore(_apply(view.model, results)), bounded=True)


def jobs_of(model: Model, rounds: int, deadline: Deadline) -> Iterator[FollowerToBound]:
    """Yield one job per follower over boxes tightened by the leader's and the followers' rows; none when it is late."""
    kkt, space = model.kkt, model.space
    assert kkt is not None
    lb, ub = tightened(model, *_primal_boxes(space))
    leader = model.rows.of_role("leader")
    rows = model.rows.take(leader)
    known: list[tuple[QP, Network | None]] = []
    for system in kkt.systems:
        if deadline.over:
            return
        qp = system.with_parameters()
        net = network(qp) if system.varying is None else None
        known.append((qp, net))
        if net is not None:
            ub[qp.y] = flow_limits(qp, net, (lb[qp.x], ub[qp.x]), (lb[qp.y], ub[qp.y]))
    most = MANY // max(len(known), 1)
    for system, (qp, net) in zip(kkt.systems, known, strict=True):
        seen = np.concatenate([qp.x, qp.y])
        inside = np.isin(rows.M.indices, seen)
        counts = np.diff(rows.M.indptr)
        covered = np.bincount(np.repeat(np.arange(len(counts)), counts)[inside], minlength=len(counts)) == counts
        keep = covered & (counts > 0)
        own = (take_columns(Csr(rows.M[keep]), seen), rows.lo[keep], rows.hi[keep])
        key = system.source * (1 + system.position.max(initial=0)) + system.position
        order = np.lexsort((system.side, key))
        same = np.flatnonzero(key[order][1:] == key[order][:-1])
        twin = np.full(len(key), -1)
        twin[order[same]], twin[order[same + 1]] = order[same + 1], order[same]
        dead, varies = space.ub[qp.mu] == 0, system.varying is not None
        yield FollowerToBound(
            system.name,
            qp,
            lb[qp.x],
            ub[qp.x],
            lb[qp.y],
            ub[qp.y],
            own,
            twin,
            dead,
            rounds,
            np.isin(np.concatenate([qp.lam, qp.mu]), kkt.used) | varies,
            np.full(len(qp.mu), -1) if varies else _switches(model, qp, kkt.used, kkt.beside),
            net,
            most,
            position(qp.y, system.product),
            Bent.of_system(system, qp, lb, ub),
        )


def _primal_boxes(space: Space) -> tuple[np.ndarray, np.ndarray]:
    """Return the boxes of all columns, multipliers without any."""
    primal = np.isin(space.role, ["leader", "term", "follower"])
    return np.where(primal, space.lb, -np.inf), np.where(primal, space.ub, np.inf)


def _switches(model: Model, qp: QP, used: np.ndarray, beside: np.ndarray) -> np.ndarray:
    """Return the binary of the leader (position in qp.x) without which a multiplier is not used, -1 without (mi,).

    A multiplier may stand beside the binary z itself, or beside the variable ``0 <= y <= a z`` that its row bounds: at
    z = 0 the product is zero.
    """
    space, found = model.space, position(used, qp.mu)
    partner = np.where(found >= 0, np.append(beside, -1)[found], -1)
    binary = (space.kind[qp.x] != "C") & (space.lb[qp.x] == 0) & (space.ub[qp.x] - space.lb[qp.x] <= 1)
    binary &= space.owner[qp.x] < 0
    at = position(qp.x, partner)
    out = np.where((at >= 0) & np.append(binary, False)[at], at, -1)
    row = np.flatnonzero((np.diff(qp.G.indptr) == 1) & (np.diff(qp.H.indptr) == 1) & (qp.h == 0))
    own, switch = qp.G.indptr[row], qp.H.indices[qp.H.indptr[row]]
    variable = qp.G.indices[own]
    bears = (qp.G.data[own] > 0) & binary[switch] & (own_box(qp)[0][variable] == 0) & (partner[row] == qp.y[variable])
    out[row[bears]] = switch[bears]
    return out


def _apply(model: Model, results: list[Proved | None]) -> Model:
    """Return the model with the proved boxes on its columns and pairs, settled pairs taken out."""
    kkt, pairs = model.kkt, model.pairs
    assert kkt is not None and pairs is not None
    space = model.space.copy()
    slack, dual = pairs.slack_max, pairs.dual_max
    at_pair = np.full(model.n, -1)
    at_pair[pairs.mu] = np.arange(len(pairs))
    for system, proved in zip(kkt.systems, results, strict=True):
        if proved is None:
            continue
        here = at_pair[system.mu]
        live = np.flatnonzero(here >= 0)
        for tier in np.unique(np.concatenate([proved.slack_tier, proved.dual_tier])):
            if not tier:
                continue
            of_slack, of_dual = live[proved.slack_tier[live] == tier], live[proved.dual_tier[live] == tier]
            slack = slack.tightened(proved.slack_max[of_slack], f"proved({tier})", here[of_slack])
            dual = dual.tightened(proved.dual_max[of_dual], f"proved({tier})", here[of_dual])
        both = np.isfinite(proved.lam_lb) & np.isfinite(proved.lam_ub)
        price = system.lam[both]
        space.lb[price] = np.maximum(space.lb[price], proved.lam_lb[both])
        space.ub[price] = np.minimum(space.ub[price], proved.lam_ub[both])
        space.proof[price] = "proved(D3)"
    known = np.isfinite(dual.value)
    space.ub[pairs.mu[known]] = np.minimum(space.ub[pairs.mu[known]], dual.value[known])
    space.proof[pairs.mu[known]] = dual.proof[known]
    if kkt.varies:
        _box_products(model, space)
    notes = (*model.notes, *unproved(model, results))
    bounded = replace(model, space=space, pairs=replace(pairs, slack_max=slack, dual_max=dual), notes=notes)
    return _widened(_settle(bounded))


def _box_products(model: Model, space: Space) -> None:
    """Box the products in nonconvex rows and with their multipliers, after the factors that rows alone bound."""
    assert model.kkt is not None
    varying = [system.varying for system in model.kkt.systems if system.varying is not None]
    factors = np.unique(joined((part.factors for part in varying), int))
    factors = factors[np.isin(space.role[factors], ["leader", "term", "follower"])]
    low, high = tightened(model, *_primal_boxes(space))
    for side, found, outward in ((space.lb, low, -WIDTH), (space.ub, high, WIDTH)):
        at = factors[np.isinf(side[factors]) & np.isfinite(found[factors])]
        side[at] = found[at] + outward * (1.0 + np.abs(found[at]))
        space.proof[at] = "proved(interval)"
    columns = joined((part.v for part in varying), int), joined((part.p for part in varying), int)
    table = model.quads.take(defining(model.quads.linear))
    box_terms(space, table.take(position(np.concatenate(columns), table.linear.M.indices) >= 0))


def _widened(model: Model) -> Model:
    """Return the model with its proved boxes wider by ``WIDTH (1 + |bound|)``: still valid, no trap for presolve."""
    pairs, space = model.pairs, model.space.copy()
    assert pairs is not None
    slack, dual = (replace(b, value=b.value + WIDTH * (1.0 + b.value)) for b in (pairs.slack_max, pairs.dual_max))
    known = np.isfinite(dual.value)
    space.ub[pairs.mu[known]] = dual.value[known]
    price = np.flatnonzero((space.role == "lam") & (space.proof == "proved(D3)") & (space.lb < space.ub))
    space.lb[price] -= WIDTH * (1.0 + np.abs(space.lb[price]))
    space.ub[price] += WIDTH * (1.0 + np.abs(space.ub[price]))
    return replace(model, space=space, pairs=replace(pairs, slack_max=slack, dual_max=dual))


def _settle(model: Model) -> Model:
    """Take out the pairs whose side is known: mu = 0 proved, or s = 0 proved (the row becomes an equation)."""
    pairs = model.pairs
    assert pairs is not None
    inactive = pairs.dual_max.value <= NOTHING * 1e-3
    active = ~inactive & (pairs.slack_max.value <= NOTHING)
    if not inactive.any() and not active.any():
        return model
    space, lo, hi = model.space.copy(), model.rows.lo.copy(), model.rows.hi.copy()
    space.ub[pairs.mu[inactive]] = 0.0
    upper, row = pairs.side > 0, pairs.row
    for is_upper, take, give in ((True, hi, lo), (False, lo, hi)):
        at = row[active & (upper == is_upper) & (row >= 0)]
        give[at] = take[at]
    columns = active & (row < 0)
    column = pairs.M.indices[pairs.M.indptr[:-1][columns]]
    space.lb[column] = np.where(upper[columns], space.ub[column], space.lb[column])
    space.ub[column] = space.lb[column]
    space.proof[column] = "proved(LP)"
    count = int(inactive.sum()), int(active.sum())
    note = f"bounds: {count[0]} pairs proved inactive (mu = 0), {count[1]} proved always active (s = 0)"
    rows = replace(model.rows, lo=lo, hi=hi)
    return replace(
        model,
        space=space,
        rows=rows,
        pairs=pairs.take(~(inactive | active)),
        notes=(*model.notes, note),
    )
