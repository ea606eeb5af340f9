"""A model of many followers with smaller boxes and derived rows, as a model like any other."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

import numpy as np

from ..deadline import Deadline
from ..errors import ProblemError, expect, expect_executor
from ..model.fingerprint import equivalent
from ..model.model import Cutoff, Model
from ..model.solution import Solution
from ..model.tables import RowTable, join
from ..numerics.sparse import Csr, row_index, take_rows
from ..problem.columns import Block
from ..progress import ProgressOption, shown
from ..reformulate.bounds import WIDTH
from ..reformulate.level import without_cutoff
from ..reformulate.scale import scaled
from ..search.residual import FEASIBLE, violation
from ..solvers import check_arguments
from .blocks import decompose
from .rounds import Rounds

ROUNDS = 3
"""Rounds by default."""
CUTS = 3
"""How often a round derives rows."""


def tighten(
    model: Model,
    best: Any = None,
    *,
    rounds: int = ROUNDS,
    cuts: int = CUTS,
    gap: float = 1e-4,
    time_limit: float | None = None,
    executor: Executor | None = None,
    progress: ProgressOption = None,
) -> Model:
    """Make the boxes of a model smaller that several followers share, by rounds over the followers.

    The optimum stays what it is: a box may lose points, but none that is better than the point given. What happens in a
    round is told in :mod:`kktgen.decompose.rounds`.

    Parameters
    ----------
    model : Model
        With its products eliminated and its boxes proved: ``kg.bound(kg.eliminate(kg.kkt(m)))``. Pairs that are still
        in it are encoded first: big-M where proved and safe, SOS1 elsewhere.
    best : Solution, Result or array
        A good point of the model, all columns of the KKT model at least: the better, the smaller the boxes.
    rounds, cuts : int
        Most rounds, and how often each of them derives rows.
    gap : float
        Relative gap between the bound and the point at which no more rounds are made.
    time_limit : float, optional
        Seconds; what is proved by then is kept.
    executor : concurrent.futures.Executor, optional
        For the subproblems and boxes; serial by default.
    progress : bool or callable, optional
        True: a live line. A function is called with a :class:`kktgen.Progress`, also with ``round`` and ``jobs``
        (left).

    Returns
    -------
    Model
        Encoded. Its ``cutoff`` tells the value that boxes and rows rest on; :func:`kktgen.write` asks for the point
        beside the file.

    Raises
    ------
    ProblemError
        No point, or one that does not satisfy the model; fewer than two subproblems; an objective that is not convex.
    BoundError
        A pair cannot be encoded.

    See Also
    --------
    kktgen.decompose : The subproblems.
    kktgen.optimize : Does this by itself where it pays.

    Notes
    -----
    Rows are derived by SCIP at the root of single subproblems, and trusted as its own cuts are; each must hold at the
    known points. Boxes by cutoff are proved by multipliers that are summed and rounded outward here.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("tariff")
    >>> tariff, bought = m.var("tariff", lb=1, ub=3), m.var("bought", lb=0, ub=20)
    >>> homes = [m.follower(name) for name in ("home1", "home2")]
    >>> used = [home.var("used", lb=0, ub=size) for home, size in zip(homes, (4, 6))]
    >>> for home, use in zip(homes, used):
    ...     home.minimize(tariff @ use + use @ use / 4 - 3 * use)
    >>> _ = m.add(bought == used[0] + used[1], name="purchase")
    >>> m.maximize(tariff @ used[0] + tariff @ used[1] - bought)
    >>> model = kg.bound(kg.eliminate(kg.kkt(m)))
    >>> point = kg.search.start_points(m, model)[0]
    >>> tight = kg.tighten(model, point)
    >>> before, after = (float(one.space.ub[0] - one.space.lb[0]) for one in (model, tight))
    >>> before, after < 0.2
    (2.0, True)
    >>> print(f"{kg.solve(tight).objective:.4f}")
    4.0000
    """
    expect(model, Model, "tighten", "make one with kg.bound(kg.eliminate(kg.kkt(m)))")
    expect_executor(executor, "tighten")
    check_arguments(time_limit, gap)
    for word, value in (("rounds", rounds), ("cuts", cuts)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ProblemError(f"tighten: {word} must be a whole number >= 1, got {value!r}")
    blocks = decompose(model)
    if "qobj_nonconvex" in blocks.model.features:
        raise ProblemError("tighten: the leader's objective is not convex, so that no relaxation bounds its level sets")
    with shown(progress, "tighten") as told:
        run = Rounds(blocks, known_point(blocks.view.original, best), (), executor, Deadline(time_limit), told)
        work(run, rounds, cuts, gap)
    return tightened(blocks.view.original, run)


def known_point(model: Model, best: Any) -> np.ndarray:
    """Return a point of an encoded model, in its own units, from what somebody gives.

    Raises
    ------
    ProblemError
        There is no point, or it does not satisfy the model to 1e-6.
    """
    found = getattr(best, "solution", best)
    z = found.z if isinstance(found, Solution) else found
    if z is None:
        raise ProblemError("tighten: a good point is needed, such as kg.search.start_points(m, model)[0]")
    try:
        z, view = np.asarray(z, dtype=float).ravel(), scaled(model)
    except (TypeError, ValueError):
        raise ProblemError(f"tighten: best is no point but {type(z).__name__}; give numbers, or a solution") from None
    count = len(model.space) if model.kkt is None else int(np.isin(model.space.role, KKT).sum())
    if len(z) < min(count, model.n):
        raise ProblemError(f"tighten: the point has {len(z)} columns, the KKT model {count}")
    point = view.point(model.complete(z[:count]) if len(z) != model.n else z)
    off = violation(view.model, point)
    if off > FEASIBLE:
        raise ProblemError(f"tighten: the point violates the model by {off:.1e}; kg.search.start_points finds others")
    return point


KKT = ("leader", "term", "follower", "lam", "mu")
"""Roles of the columns of a KKT model."""


def work(run: Rounds, rounds: int, cuts: int, gap: float) -> None:
    """Do rounds until they gain nothing, close the gap, or time is over."""
    for _ in range(rounds):
        if not run.once(cuts) or run.gap <= gap:
            return


@equivalent
def tightened(model: Model, run: Rounds) -> Model:
    """Return an encoded model with the boxes and rows that rounds over its subproblems have found."""
    view, state, own = run.blocks.view, run.state, run.blocks.model
    before = own.cutoff
    told = own.sense * view.objective * (run.cutoff if before is None else min(run.cutoff, own.sense * before.value))
    space = own.space.copy()
    narrower = (state.lb > space.lb) | (state.ub < space.ub)
    loose = np.where((space.kind == "C") & (state.lb < state.ub), WIDTH, 0.0)
    low, high = state.lb - loose * (1.0 + np.abs(state.lb)), state.ub + loose * (1.0 + np.abs(state.ub))
    space.lb[narrower] = np.maximum(space.lb, low)[narrower]
    space.ub[narrower] = np.minimum(space.ub, high)[narrower]
    space.proof[narrower] = f"proved(cutoff {told:.3g})"
    columns = int((narrower & np.isin(space.role, ["leader"])).sum())
    open_before = (own.space.kind != "C") & (own.space.lb < own.space.ub)
    settled = int((open_before & (state.lb == state.ub)).sum())
    note = (
        f"tightened over {len(run.blocks.subproblems)} subproblems in {run.round} rounds: boxes of {columns} columns "
        f"of the leader, {settled} binaries settled, {len(state.rows)} rows derived by SCIP for single subproblems; "
        f"they hold for points of value {told:.10g} or better, and a verified point has it"
    )
    faults = () if not run.fault else (run.fault,)
    boxed = view.restore(replace(own, space=space, notes=(*own.notes, *faults, note)))
    rows = _in_users_units(run)
    whole = without_cutoff(model)
    cutoff = Cutoff(told, whole.space, whole.notes, whole.rows)
    return replace(boxed, rows=join([boxed.rows, rows], own.n), cutoff=cutoff)


def _in_users_units(run: Rounds) -> RowTable:
    """Return the derived rows with their names, in the user's units, subproblem by subproblem."""
    state, view = run.state, run.blocks.view
    order = np.argsort(state.owner, kind="stable")
    M = take_rows(state.rows.M, order)
    size: np.ndarray = np.ones(len(order))
    if view.changes and len(order):
        M = Csr((M.data / view.columns[M.indices], M.indices, M.indptr), shape=M.shape)
        size = 2.0 ** np.round(np.log2(np.maximum.reduceat(np.abs(M.data), M.indptr[:-1])))
        M = Csr((M.data / size[row_index(M)], M.indices, M.indptr), shape=M.shape)
    counts = np.bincount(state.owner, minlength=len(run.blocks.subproblems))
    starts = np.concatenate([[0], np.cumsum(counts)])
    names = [part.name for part in run.blocks.subproblems]
    blocks = tuple(
        Block(int(a), int(a + k), "root", "cut", name, shape=(int(k),))
        for a, k, name in zip(starts, counts, names, strict=False)
        if k
    )
    return RowTable(M, state.rows.lo[order] / size, state.rows.hi[order] / size, blocks)
