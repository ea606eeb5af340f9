"""An irreducible infeasible subset of a model's rows and bounds, and by how much they would have to give.

A linear model is made elastic: every side may be violated at a cost of 1 a unit. The least total violation is positive
exactly when the model is infeasible; the row prices are then a Farkas certificate, whose support contradicts itself.
From the support, or from all sides where there are integers, sets or quadratic rows, sides are dropped as long as what
remains is infeasible (Chinneck and Dravnieks, "Locating minimal infeasible constraint sets in linear programs", ORSA
Journal on Computing 3, 1991).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ...deadline import Deadline, OutOfTime
from ...model.model import Model
from ...model.tables import QuadTable
from ...numerics.answers import Answer
from ...numerics.programs import lp
from ...numerics.safe_bound import safe_minimum
from ...numerics.sparse import Csr, widen
from ...numerics.warm_lp import WarmLp
from ...problem.expressions import Quad
from ...solvers import solve
from .sides import BOUND, ROW, SET, Members, elastic, members, without

LINEAR: frozenset[str] = frozenset({"qobj", "qobj_nonconvex", "pairs"})
"""Features that leave the rows linear."""
VIOLATED, GIVEN = 1e-6, 1e-8
"""A least total violation above the first counts, and a side that gives more than the second."""
FARKAS = "the row prices of a linear program"
"""Proof of a contradiction that holds in spite of rounding."""
DUST = 1e-9
"""A row price below this is none."""
FILTER_SECONDS = 60.0
"""Seconds the deletion filter by solves with integers, sets or quadratic rows may take, and measuring the sides."""
MOST_ALONE = 200
"""Most sides whose own violation is computed."""


@dataclass(frozen=True, eq=False)
class Conflict:
    """Sides that contradict one another.

    Parameters
    ----------
    members : Members
        The infeasible subset.
    alone : ndarray (k,)
        By how much each would have to give if it alone gave; nan where that is not known.
    least : float
        Least total violation of all rows and bounds; nan where it is not known.
    gives : ndarray (k,)
        By how much each gives there.
    others, other_gives : Members, ndarray
        Sides outside the subset that give there too.
    irreducible : bool
        Whether the rest is feasible without any one of them.
    linear : bool
        Whether the sides contradict without integrality, sets and quadratic rows.
    proof : str
        What the infeasibility rests on, in words.
    """

    members: Members
    alone: np.ndarray
    least: float
    gives: np.ndarray
    others: Members
    other_gives: np.ndarray
    irreducible: bool
    linear: bool
    proof: str


def is_linear(model: Model) -> bool:
    """Return whether the rows are linear and every column continuous."""
    return model.features <= LINEAR


def linear_part(model: Model) -> Model:
    """Return the model without integrality, quadratic rows, sets and indicators: a relaxation."""
    space = model.space.copy()
    space.kind[:] = "C"
    return Model(model.name, space, Quad.of(space, 0.0), 1, model.rows, QuadTable.empty(model.n), kkt=model.kkt)


def point_of(model: Model, solver: str, deadline: Deadline) -> tuple[bool | None, np.ndarray | None]:
    """Return whether a model (objective left out) has a point, None where that stays open; and the point."""
    if is_linear(model):
        zero = np.zeros(model.n)
        rows = model.rows
        answer = lp(zero, widen(rows.M, model.n), rows.lo, rows.hi, model.space.lb, model.space.ub, deadline)
        return {"optimal": True, "infeasible": False}.get(answer.status), answer.x
    plain = replace(model, objective=Quad.of(model.space, 0.0), pairs=None)
    found = solve(plain, solver, time_limit=deadline.left())
    if found.z is not None:
        return True, found.z
    return (False if found.status == "infeasible" else None), None


def conflict(model: Model, solver: str, deadline: Deadline) -> Conflict | None:
    """Return what contradicts in a model, or None when it has a point or that stays open.

    Parameters
    ----------
    model : Model
        Without pairs; its objective does not count.
    solver : str
        For models with integers, sets or quadratic rows.
    deadline : Deadline

    Returns
    -------
    Conflict or None
    """
    all_of = members(model)
    part = model if is_linear(model) else linear_part(model)
    found = _linear(part, all_of, deadline)
    if found is None and part is not model and point_of(model, solver, deadline.check())[0] is False:
        found = np.arange(len(all_of)), False, solver
    if found is None:
        return None
    kept, irreducible, proof = found
    linear, own = proof != solver, deadline.part(FILTER_SECONDS)
    if part is not model:
        before = len(kept)
        kept, irreducible = shrink(kept, _Mixed(model, all_of, solver, own), own)
        linear &= len(kept) == before
    least, gives = _least_total(model, all_of, solver, own)
    if part is model and least <= VIOLATED:
        return None
    others = np.setdiff1d(np.flatnonzero(gives > GIVEN), kept)
    return Conflict(
        all_of.take(kept), _alone(model, all_of, kept, solver, own), least, gives[kept], all_of.take(others),
        gives[others], irreducible, linear, proof,
    )  # fmt: skip


def _linear(model: Model, all_of: Members, deadline: Deadline) -> tuple[np.ndarray, bool, str] | None:
    """Return the members of a linear model that contradict, if all are needed, and the proof; None: it has a point.

    The simplex method's ray of row prices is an extreme one, so that its support is hardly ever too large.
    """
    here = np.flatnonzero((all_of.family == ROW) | (all_of.family == BOUND))
    some, rows, space, nothing = all_of.take(here), model.rows, model.space, np.zeros(model.n)
    trial, M, every = _Trial(model, some, deadline.check()), widen(rows.M, model.n), np.arange(len(here))
    if not trial(every):
        return None
    answer, kept = trial.answer, every
    sure = safe_minimum(answer, nothing, M, rows.lo, rows.hi, space.lb, space.ub) == np.inf
    if len(answer.row_dual):
        kept = np.flatnonzero(_priced(some, answer.row_dual, M))
        kept = kept if trial(kept) else every
    kept, done = shrink(kept, trial, deadline.part(FILTER_SECONDS))
    return here[kept], done, FARKAS if sure else "HiGHS"


def _priced(some: Members, ray: np.ndarray, M: Csr) -> np.ndarray:
    """Return which sides a ray of row prices rests on: rows by their price, bounds by what the rows leave of it."""
    ray = ray / max(np.abs(ray).max(initial=0.0), DUST)
    price = np.zeros(len(some))
    row = some.family == ROW
    price[row] = ray[some.index[row]]
    price[~row] = -(M.T @ ray)[some.index[~row]]
    return np.where(some.side == 0, np.abs(price), -some.side * price) > DUST


def _solved(model: Model, deadline: Deadline) -> Answer:
    rows, space = model.rows, model.space
    return lp(model.matrices[1], widen(rows.M, model.n), rows.lo, rows.hi, space.lb, space.ub, deadline)


class _Trial:
    """A linear model of which all members but some are dropped, kept warm."""

    def __init__(self, model: Model, all_of: Members, deadline: Deadline) -> None:
        rows, space = model.rows, model.space
        self._of, loose = all_of, without(model, all_of)
        self._now = (loose.rows.lo, loose.rows.hi), (loose.space.lb, loose.space.ub)
        self._kept = np.zeros(len(all_of), dtype=bool)
        self._warm = WarmLp(
            widen(rows.M, model.n), loose.rows.lo, loose.rows.hi, loose.space.lb, loose.space.ub, deadline
        )
        self._sides = rows.lo, rows.hi, space.lb, space.ub
        self.answer = Answer("limit", None, np.nan, np.empty(0), np.empty(0))

    def __call__(self, kept: np.ndarray) -> bool:
        """Return whether the members at these positions contradict one another."""
        wanted = np.isin(np.arange(len(self._of)), kept)
        self._put(self._of.take(~wanted & self._kept), False)
        self._put(self._of.take(wanted & ~self._kept), True)
        self._kept = wanted
        self.answer = self._warm.minimize(np.empty(0, dtype=np.int64), np.empty(0))
        return self.answer.status == "infeasible"

    def _put(self, some: Members, there: bool) -> None:
        """Put sides into the program, or take them out of it."""
        lo, hi, lb, ub = self._sides
        for (low, high), given, family in zip(self._now, ((lo, hi), (lb, ub)), (ROW, BOUND), strict=True):
            below, above = some.of(family, -1), some.of(family, 1)
            low[below] = given[0][below] if there else -np.inf
            high[above] = given[1][above] if there else np.inf
            touched = np.union1d(below, above)
            if family == BOUND:
                self._warm.set_columns(touched, low[touched], high[touched])
                continue
            for i in touched.tolist():
                self._warm.set_row(i, low[i], high[i])


def shrink(
    kept: np.ndarray, contradicts: Callable[[np.ndarray], bool | None], deadline: Deadline
) -> tuple[np.ndarray, bool]:
    """Drop members as long as the rest contradicts: blocks of half the members first, then quarters, .. , then each.

    Parameters
    ----------
    kept : ndarray of int
        Members that contradict one another.
    contradicts : callable
        Whether a subset contradicts; None where that stays open (the members tried are then kept).
    deadline : Deadline

    Returns
    -------
    kept : ndarray of int
    irreducible : bool
        Every single member was tried, and without it the rest has a point.
    """
    sure, size = True, max(1, len(kept) // 2)
    try:
        while True:
            sure, at = True, 0
            while at < len(kept):
                deadline.check()
                rest = np.delete(kept, np.arange(at, min(at + size, len(kept))))
                answer = contradicts(rest) if len(rest) else False
                if answer:
                    kept = rest
                else:
                    sure &= answer is False
                    at += size
            if size == 1:
                return kept, sure
            size = max(1, min(size // 2, len(kept)))
    except OutOfTime:
        return kept, False


class _Mixed:
    """A model with integers, sets or quadratic rows of which all members but some are dropped."""

    def __init__(self, model: Model, all_of: Members, solver: str, deadline: Deadline) -> None:
        self._model, self._of, self._solver, self._deadline = model, all_of, solver, deadline

    def __call__(self, kept: np.ndarray) -> bool | None:
        """Return whether the members at these positions contradict one another; None where that stays open."""
        gone = self._of.take(~np.isin(np.arange(len(self._of)), kept))
        feasible, _ = point_of(without(self._model, gone), self._solver, self._deadline.check())
        return None if feasible is None else not feasible


def _least_total(model: Model, all_of: Members, solver: str, deadline: Deadline) -> tuple[float, np.ndarray]:
    """Return the least total violation of all members and what each gives; nan where that is not found in time."""
    loose = elastic(model, all_of)
    try:
        value, z = _optimum(loose.model, solver, deadline.check())
    except OutOfTime:
        z = None
    return (np.nan, np.full(len(all_of), np.nan)) if z is None else (value, loose.gives(z, len(all_of)))


def _alone(model: Model, all_of: Members, kept: np.ndarray, solver: str, deadline: Deadline) -> np.ndarray:
    """Return by how much each of the kept members would have to give if it alone gave; nan where it is not known."""
    out = np.full(len(kept), np.nan)
    subset = all_of.take(kept)
    small = without(model, all_of.take(~np.isin(np.arange(len(all_of)), kept)))
    loose = elastic(small, subset)
    for k in range(min(len(kept), MOST_ALONE)):
        if subset.family[k] == SET:
            continue
        space = loose.model.space.copy()
        space.ub[loose.columns[loose.of != k]] = 0.0
        try:
            out[k] = _optimum(replace(loose.model, space=space), solver, deadline.check())[0]
        except OutOfTime:
            break
    return out


def _optimum(model: Model, solver: str, deadline: Deadline) -> tuple[float, np.ndarray | None]:
    """Return the optimum of an elastic model and its point; nan and None where it is not proved."""
    if is_linear(model):
        answer = _solved(model, deadline)
        return (answer.value, answer.x) if answer.x is not None else (np.nan, None)
    found = solve(model, solver, time_limit=deadline.left())
    if found.status != "optimal" or found.objective is None:
        return np.nan, None
    return float(found.objective), found.z
