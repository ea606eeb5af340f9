"""The bilevel problem with the leader's coupling rows made elastic: the least total violation, and who causes it.

::

    min  sum of the violations   s.t.   the leader's own rows,   every follower responds optimally,
                                        lo - violation <= coupling rows <= hi + violation

Positive exactly when every optimal response to every decision of the leader breaks a coupling row.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from ...deadline import Deadline, OutOfTime
from ...errors import BoundError, SolverError, UnsupportedError
from ...model.model import Model
from ...model.relaxations import high_point
from ...model.terms import of_leader
from ...numerics.sparse import Csr, coo, widen
from ...problem.bilevel import Bilevel
from ...problem.expressions import Affine, Quad
from ...problem.rows import QuadRow, Rows
from ...verification.solved_model import boxes, cuts
from ..optimize import optimize
from .conflict import VIOLATED, shrink
from .parts import coupling_quads, coupling_sets
from .sides import INDICATOR, QUAD, ROW, SET, Members, entries_outside, joined, members

FILTER_SECONDS = 60.0
"""Seconds the search for an irreducible set of coupling rows may take, and what each would have to give."""
MOST_ALONE = 8
"""Most coupling rows whose own violation is computed."""
CLOSED = 1e-4
"""Gap between a violation and its bound, over ``max(1, |violation|)``, at which it counts as the least one."""


@dataclass(frozen=True, eq=False)
class Elastic:
    """What solving the elastic bilevel problem says.

    Parameters
    ----------
    status : str
        ``"meets"`` (a point breaks no coupling row), ``"breaks"`` (proved: every point does), ``"none"`` (proved: the
        followers have no joint response at all), ``"open"``.
    z : ndarray (n,) or None
        The point of least violation found, over the columns of the problem.
    gives : ndarray (k,)
        By how much each coupling member is broken there.
    bound : float
        Lower bound on the least total violation, 0 where none is proved.
    why : tuple of str
        What the status rests on, or what is in the way.
    """

    status: str
    z: np.ndarray | None
    gives: np.ndarray
    bound: float
    why: tuple[str, ...]

    @property
    def value(self) -> float:
        """Total violation of the point."""
        return float(self.gives.sum())


def coupling_members(model: Model) -> Members:
    """Return the sides of the leader's rows, sets and indicators that hold columns of others, of a high point."""
    own, all_of = of_leader(model.space.role), members(model)
    leader = model.rows.of_role("leader")
    masks = {
        ROW: leader & entries_outside(model.rows.M, own),
        QUAD: coupling_quads(model.quads, own),
        SET: coupling_sets(model),
    }
    if model.indicators is not None:
        masks[INDICATOR] = entries_outside(model.indicators.rows.M, own)
    parts = [all_of.take(all_of.family == f) for f in masks]
    return joined([part.take(mask[part.index]) for part, mask in zip(parts, masks.values(), strict=True)])


def loosened(bilevel: Bilevel, loose: Members, kept: np.ndarray) -> tuple[Bilevel, np.ndarray, np.ndarray]:
    """Return the elastic bilevel problem, the columns of its violations and the member each belongs to.

    Parameters
    ----------
    bilevel : Bilevel
    loose : Members
        From :func:`coupling_members`.
    kept : ndarray of int
        Members that stay, elastic; the others are dropped.
    """
    m = _copied(bilevel)
    inside = np.isin(np.arange(len(loose)), kept)
    sets = loose.family == SET
    low, high = (np.flatnonzero(inside & ~sets & (loose.side != side)) for side in (1, -1))
    of = np.concatenate([low, high])
    sizes = [len(bilevel.sets[k][1]) for k in loose.index[sets & inside]]
    of_sets = np.repeat(np.flatnonzero(sets & inside), sizes)
    violation = m.var("violation", len(of) + 2 * len(of_sets), lb=0)
    columns, sign = violation.cols[: len(of)], np.repeat([1.0, -1.0], [len(low), len(high)])
    gone = loose.take(~inside)

    def changed(M: Csr, lo: np.ndarray, hi: np.ndarray, family: int, first: int) -> tuple[Csr, np.ndarray, np.ndarray]:
        mine = (loose.family[of] == family) & (loose.index[of] >= first) & (loose.index[of] < first + len(lo))
        more = coo(sign[mine], loose.index[of[mine]] - first, columns[mine], (len(lo), len(m.space)))
        lo, hi = lo.copy(), hi.copy()
        for side, values, none in ((-1, lo, -np.inf), (1, hi, np.inf)):
            at = gone.of(family, side) - first
            values[at[(at >= 0) & (at < len(values))]] = none
        return Csr(widen(M, len(m.space)) + more), lo, hi

    first = 0
    for k, rows in enumerate(m.rows):
        m.rows[k] = Rows(m.space, *changed(rows.M, rows.lo, rows.hi, ROW, first), rows.shape, rows.name)
        first += len(rows)
    for k, row in enumerate(m.quads):
        M, lo, hi = changed(row.quad.linear, np.array([row.lo]), np.array([row.hi]), QUAD, k)
        quad = Quad(m.space, row.quad.i, row.quad.j, row.quad.v, M, row.quad.r)
        m.quads[k] = QuadRow(quad, float(lo[0]), float(hi[0]), row.name)
    first = 0
    for k, (name, binary, value, rows) in enumerate(m.conditions):
        M, lo, hi = changed(rows.M, rows.lo, rows.hi, INDICATOR, first)
        m.conditions[k] = (name, binary, value, Rows(m.space, M, lo, hi, rows.shape, rows.name))
        first += len(rows)
    _loosen_sets(m, loose, inside, violation[len(of) :])
    m.minimize(violation.sum() if violation.size else 0.0)
    return m, violation.cols, np.concatenate([of, of_sets, of_sets]).astype(np.int64)


def _copied(bilevel: Bilevel) -> Bilevel:
    """Return the problem over a space of its own, in which columns may be appended."""
    m = copy.copy(bilevel)
    m.space = bilevel.space.copy()
    m.rows, m.quads, m.sets = list(bilevel.rows), list(bilevel.quads), list(bilevel.sets)
    m.conditions, m._names = list(bilevel.conditions), set()
    m._followers = {follower.name: copy.copy(follower) for follower in bilevel.followers}
    for follower in m.followers:
        follower.space = m.space
    return m


def _loosen_sets(m: Bilevel, loose: Members, inside: np.ndarray, violation: Affine) -> None:
    """Let the members of coupling sets be off by a violation: the set is put on what remains of them."""
    mine = loose.family == SET
    of_set = dict(zip(loose.index[mine].tolist(), inside[mine].tolist(), strict=True))
    at, half, kept = 0, violation.size // 2, []
    for k, (name, columns) in enumerate(m.sets):
        if not of_set.get(k, True):
            continue
        if k in of_set:
            size = len(columns)
            rest = m.var(f"rest({name})", size)
            M = coo(np.ones(size), np.arange(size), columns, (size, len(m.space)))
            own = Affine(m.space, M, np.zeros(size), (size,))
            m.add(own + violation[at : at + size] - violation[half + at : half + at + size] - rest == 0, name=name)
            columns, at = rest.cols, at + size
        kept.append((name, columns))
    m.sets = kept


def least_violation(
    bilevel: Bilevel, loose: Members, kept: np.ndarray, solver: str, deadline: Deadline, only: int | None = None,
    start: bool = False,
) -> Elastic:  # fmt: skip
    """Solve the elastic bilevel problem with the members kept, one of them alone elastic where ``only`` names it.

    ``start`` has heuristics look for a point first, which pays on large problems.

    Raises
    ------
    OutOfTime
        No time is left.
    """
    m, columns, of = loosened(bilevel, loose, kept)
    if only is not None:
        m.space.ub[columns[of != only]] = 0.0
    nothing = np.zeros(len(loose))
    try:
        result = optimize(m, solver=solver, time_limit=deadline.check().left(), start=start)
    except (UnsupportedError, BoundError, SolverError) as error:
        return Elastic("open", None, nothing, 0.0, (str(error),))
    found, report = result.solution, result.report
    if report.claim == "infeasible":
        return Elastic("none", None, nothing, np.inf, report.reasons)
    exact = not cuts(result.model) and not len(boxes(result.model)[0])
    bound = max(result.bound or 0.0, 0.0) if exact or report.claim == "optimal" else 0.0
    if found.z is None or not report.ok:
        return Elastic("breaks" if bound > VIOLATED else "open", None, nothing, bound, report.reasons)
    gives = np.bincount(of, weights=np.maximum(found.z[columns], 0.0), minlength=len(loose))
    z = found.z[: len(bilevel.space)]
    status = "meets" if gives.sum() <= VIOLATED else "breaks" if bound > VIOLATED else "open"
    return Elastic(status, z, gives, bound, report.reasons)


def irreducible(bilevel: Bilevel, loose: Members, solver: str, deadline: Deadline) -> tuple[np.ndarray, bool]:
    """Return coupling members that no response satisfies together, and whether all of them are needed."""
    every = np.arange(len(loose))
    try:
        own = deadline.check().part(FILTER_SECONDS)
    except OutOfTime:
        return every, False

    def contradicts(kept: np.ndarray) -> bool | None:
        status = least_violation(bilevel, loose, kept, solver, own).status
        return {"meets": False, "breaks": True}.get(status)

    return shrink(every, contradicts, own)


def alone(bilevel: Bilevel, loose: Members, kept: np.ndarray, solver: str, deadline: Deadline) -> np.ndarray:
    """Return by how much each coupling member of an irreducible set would have to give if it alone gave.

    nan where that was not computed, and for sets.
    """
    out = np.full(len(kept), np.nan)
    try:
        own = deadline.check().part(FILTER_SECONDS)
        for k in range(min(len(kept), MOST_ALONE)):
            found = least_violation(bilevel, loose, kept, solver, own, only=int(kept[k]))
            if found.z is not None and found.value - found.bound <= CLOSED * max(1.0, found.value):
                out[k] = found.value
    except OutOfTime:
        pass
    return out


def coupling_model(bilevel: Bilevel) -> tuple[Model, Members]:
    """Return the high-point relaxation and its coupling members."""
    model = high_point(bilevel)
    return model, coupling_members(model)
