"""The range of the leader's value at one decision, as followers break their ties for or against the leader."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ...deadline import NEVER, Deadline
from ...errors import SolverError, UnsupportedError
from ...model.model import Model
from ...numerics.intervals import interval
from ...numerics.sparse import Csr, row_index, take_columns
from ...problem.columns import labels
from ...reformulate.scale import Scaled, scaled
from ..report import Carrier, Range
from .face import TIE
from .leader_game import Play, play
from .max_min import Optimum, elastic, least, max_min

SECONDS = 60.0
"""Seconds for each search for a worst tie under recourse."""
CARRIERS = 6
"""Most variables named as carrying the difference."""
ROW = 1e-6
"""Violation of a leader's row by a tie that counts, over ``max(1, |side|)``."""
GAP = 1e-5
"""Gap (over ``max(1, |value|)``) above which a worst value is reported as not proved."""


def span(model: Model, z: np.ndarray, deadline: Deadline = NEVER, before: np.ndarray | None = None) -> Range:
    """Return the leader's best and worst value over the ties at a verified point.

    Parameters
    ----------
    model : Model
        The KKT model of the problem.
    z : ndarray (n,)
        A bilevel-feasible point.
    deadline : Deadline
    before : ndarray of int, optional
        Columns of the leader that are decided before the followers respond, and are no recourse.

    Raises
    ------
    UnsupportedError
        A Nash game, or a leader's problem that is not linear on the optimal face.
    SolverError
        A subproblem could not be solved.
    """
    view = scaled(model)
    model, z = view.model, view.point(z)
    game = play(model, z, deadline, before)
    best = least(game.whole, game.cost, game.integer, deadline)
    worst = _worst(game, best, deadline)
    rows = _rows(game, deadline)
    one, other = (None if found.w is None else _point(z, game, found.w) for found in (best, worst))
    value, low, limit = (
        view.objective * model.sense * (number + game.constant) + 0.0
        for number in (best.value, worst.value, worst.bound)
    )
    note = ""
    if abs(worst.bound - worst.value) > GAP * max(1.0, abs(worst.value)):
        note = f"the worst value is not proved: no tie is worse than {limit:.10g}"
        if np.isinf(worst.bound):
            note = "the worst value is not proved, as the leader's recourse holds integers: other ties may be worse"
    return Range(
        value, low, None if one is None else view.back(one), None if other is None else view.back(other),
        rows.feasible, rows.name, rows.violation, _carriers(view, game, best.w, worst.w), TIE,
        _excess(model, z, [one, other]), note,
    )  # fmt: skip


def _worst(game: Play, best: Optimum, deadline: Deadline) -> Optimum:
    """Return the tie that is worst for the leader, its recourse chosen afterwards."""
    k = len(game.face.columns)
    cost, recourse = game.cost, game.R.indices >= k
    if (game.cost[k:] == 0).all():  # v only has to be feasible
        return _negative(least(game.whole, -cost, game.integer, deadline))
    row = row_index(game.R)
    mixed = np.intersect1d(row[recourse], row[~recourse])
    if not len(mixed) and best.w is not None:  # v does not depend on u
        part = game.whole
        lb, ub = part.lb.copy(), part.ub.copy()
        lb[k:] = ub[k:] = best.w[k:]
        return _negative(least(replace(part, lb=lb, ub=ub), -cost, np.zeros(len(cost), dtype=bool), deadline))
    if game.integer.any():
        return _worst_relaxed(game, deadline)
    return max_min(game.ties, game.leader, cost, deadline.part(SECONDS))


def _worst_relaxed(game: Play, deadline: Deadline) -> Optimum:
    """Return the tie that is worst for a leader whose recourse need not be integer, with his integer answer to it.

    Another tie may be worse for the integer one, so the bound is infinite.
    """
    k = len(game.face.columns)
    found = max_min(game.ties, game.leader, game.cost, deadline.part(SECONDS))
    if found.w is None:
        return found
    part = game.whole
    lb, ub = part.lb.copy(), part.ub.copy()
    lb[:k] = ub[:k] = found.w[:k]
    answer = least(replace(part, lb=lb, ub=ub), game.cost, game.integer, deadline)
    if answer.w is None:
        raise UnsupportedError("the leader's recourse holds integers, and none of them answers the tie tried as worst")
    return Optimum(answer.w, answer.value, np.inf)


def _negative(found: Optimum) -> Optimum:
    return Optimum(found.w, -found.value, -found.bound)


class _TiedRows(NamedTuple):
    """Whether every tie satisfies the leader's rows; a row that one violates, and by how much."""

    feasible: bool | None
    name: str = ""
    violation: float = 0.0


def _rows(game: Play, deadline: Deadline) -> _TiedRows:
    """Return whether every tie satisfies the leader's rows with some recourse.

    A row whose recourse columns stand in no other row: what they can reach, against the row's least and largest value
    on the face, one linear program each. Rows that share recourse: the worst tie's least sum of relaxations, which
    proves nothing of a recourse with integers but that it may fail.
    """
    k = len(game.face.columns)
    own, other = take_columns(game.R, np.arange(k)), take_columns(game.R, np.arange(k, len(game.cost)))
    held = np.bincount(other.indices, minlength=other.shape[1])
    shared = np.zeros(len(game.lo), dtype=bool)
    shared[row_index(other)[held[other.indices] > 1]] = True
    touched = np.diff(own.indptr) > 0
    whole = game.integer[k:]
    lb, ub = np.where(whole, np.ceil(game.lb[k:]), game.lb[k:]), np.where(whole, np.floor(game.ub[k:]), game.ub[k:])
    low, high = interval(other, lb, ub)
    found = _TiedRows(True)
    if (touched & ~shared).any():
        found = _private(game, own, touched & ~shared, game.lo - high, game.hi - low, deadline)
    stepped = np.bincount(row_index(other)[whole[other.indices]], minlength=len(game.lo)) > 0
    if found.feasible and (stepped & touched & ~shared & np.isfinite(game.lo) & np.isfinite(game.hi)).any():
        found = _TiedRows(None)  # integers between two sides may miss both
    if found.feasible is False or not touched[shared].any():
        return found
    part, cost = elastic(game.leader, k)
    worst = max_min(game.ties, part, cost, deadline.part(SECONDS))
    if worst.bound <= ROW:
        return _TiedRows(None) if whole.any() else found
    if worst.value <= ROW or worst.w is None:
        return _TiedRows(None)
    size = len(game.lo)
    at = int(np.argmax(worst.w[-2 * size :])) % size
    return _TiedRows(False, game.rows.label(at), worst.value)


def _private(
    game: Play, own: Csr, rows: np.ndarray, lo: np.ndarray, hi: np.ndarray, deadline: Deadline
) -> _TiedRows:  # fmt: skip
    """Return whether the rows ``lo <= own u <= hi`` hold on the whole face; else the one a tie violates most."""
    t, worst = game.face, _TiedRows(True)
    low, high = interval(own, t.lb, t.ub)
    with np.errstate(invalid="ignore"):
        asked = rows & ~((low >= lo) & (high <= hi))
    if not asked.any():
        return worst
    warm = t.warm(deadline)
    for i in np.flatnonzero(asked).tolist():
        entries = slice(own.indptr[i], own.indptr[i + 1])
        for sign, side, given in ((1.0, lo[i], game.rows.lo[i]), (-1.0, -hi[i], game.rows.hi[i])):
            if side == -np.inf:
                continue
            answer = warm.minimize(own.indices[entries], sign * own.data[entries])
            if answer.status not in ("optimal", "unbounded"):
                raise SolverError(f"ties: a linear program on row {game.rows.label(i)} ended with {answer.ending}")
            off = (side - answer.value) / max(1.0, abs(given))
            if off > max(ROW, worst.violation):
                worst = _TiedRows(False, game.rows.label(i), float(off))
    return worst


def _point(z: np.ndarray, game: Play, w: np.ndarray) -> np.ndarray:
    out = z.copy()
    out[game.columns] = w
    return out


def _carriers(view: Scaled, game: Play, best: np.ndarray | None, worst: np.ndarray | None) -> tuple[Carrier, ...]:
    """Return the columns of the face that differ most between two points of different value, the largest first."""
    if best is None or worst is None:
        return ()
    value, low = float(game.cost @ best), float(game.cost @ worst)
    if abs(low - value) <= ROW * max(1.0, abs(value)):
        return ()
    k = len(game.face.columns)
    apart = np.abs(best[:k] - worst[:k])
    order = np.argsort(-apart, kind="stable")[:CARRIERS]
    order = order[apart[order] > ROW]
    columns = game.face.columns[order]
    names = labels(view.model.space.blocks, columns)
    ends = (point[order] * view.columns[columns] for point in (best, worst))
    return tuple(Carrier(name, float(b), float(w)) for name, b, w in zip(names, *ends, strict=True))


def _excess(model: Model, z: np.ndarray, points: list[np.ndarray | None]) -> float:
    """Return the largest relative difference of a follower's cost between the point and some others."""
    out = 0.0
    for k in range(0 if model.kkt is None else len(model.kkt.followers)):
        assert model.kkt is not None
        qp = model.kkt.qp(k, z)
        cost = qp.cost(z[qp.y], z[qp.x])
        away = [abs(qp.cost(point[qp.y], point[qp.x]) - cost) for point in points if point is not None]
        out = max([out, *(float(off) / max(1.0, abs(cost)) for off in away)])
    return out
