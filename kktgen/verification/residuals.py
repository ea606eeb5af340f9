"""Scaled residuals of a point: the leader's rows, and every follower's KKT conditions, all followers at once.

All numbers are taken in the problem's own units (:mod:`kktgen.reformulate.scale`; the user's in problems of ordinary
numbers). A residual is divided by the magnitude of what it is made of, never by less than 1:

=================== =====================================================================================
row                 violation of a side of ``lo <= a'z <= hi`` over ``max(1, |that side|, max_j |a_j z_j|)``
column bound        violation over ``max(1, |bound|)``
stationarity        ``|P y + Q x + q - A'lam + G'mu|_j`` over the same scale of row j
primal feasibility  ``|A y + B x - b|_k``, ``(G y + H x - h)_i^+`` over the scale of the row
dual feasibility    ``mu_i^-`` over ``t_i``, the largest stationarity scale of the columns mu_i acts on
complementarity     ``|mu_i s_i|`` over the scale of row i times ``t_i``; where the leader uses multipliers, over
                    ``max(1, |y'(P y + Q x + q)|)`` if that is less: a large mu_i would hide what s_i lacks
=================== =====================================================================================

A multiplier of a row without own variables prices nothing and must be zero; that stands with dual feasibility.

Conditions ``l <= w <= u  _|_  F`` said directly (:mod:`kktgen.problem.complementarity`) need no multipliers. Beside
their bounds on w, their line ``complementarity`` is the natural residual, with t the scale of F as that of a row::

    F > 0   min(F / t, (w - l) / max(1, |l|, |w|))        F < 0   min(-F / t, (u - w) / max(1, |u|, |w|))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..model.kkt_system import Kkt
from ..model.tables import Indicators, QuadTable, RowTable, Sos1
from ..model.terms import defining
from ..numerics.sparse import Csr, position, row_index
from ..problem.columns import Block, Space, labels
from ..problem.cones import PRICED
from ..problem.follower_rows import System
from ..reformulate.scale import Scaled
from .report import Line, Tolerances


def row_scale(M: Csr, z: np.ndarray, side: np.ndarray | None = None) -> np.ndarray:
    """Return ``max(1, |side_i|, max_j |M_ij z_j|)`` for every row i."""
    out = np.ones(M.shape[0])
    np.maximum.at(out, row_index(M), np.abs(M.data * z[M.indices]))
    return out if side is None else np.maximum(out, np.abs(side))


@dataclass(frozen=True, eq=False)
class Residuals:
    """Scaled residuals of the followers' KKT conditions, one entry a row of the stacked system.

    Parameters
    ----------
    stationarity : ndarray (ny,)
    equality : ndarray (me,)
    inequality, dual, complementarity : ndarray (mi,)
    price : ndarray (me,)
        ``|lam|`` of equations without own variables, zero elsewhere.
    """

    stationarity: np.ndarray
    equality: np.ndarray
    inequality: np.ndarray
    dual: np.ndarray
    complementarity: np.ndarray
    price: np.ndarray

    @classmethod
    def of(cls, kkt: Kkt, space: Space, z: np.ndarray) -> Residuals:
        """Return the residuals of the KKT system at z (n,)."""
        z = z[: kkt.S.shape[1]]
        mu, lam, s = z[kkt.mu], z[kkt.lam], kkt.C @ z + kkt.c0
        stat_scale = row_scale(kkt.S, z, kkt.s0)
        row = row_scale(kkt.C, z, kkt.c0)
        whole = space.kind != "C"
        seen, equal = (
            _without(kkt.C, kkt.c0, z, whole, row), _without(kkt.E, kkt.e0, z, whole, row_scale(kkt.E, z, kkt.e0))
        )  # fmt: skip
        if kkt.varies:
            seen, equal = _at_the_decision(kkt, z, seen, equal)
        acts = position(kkt.mu, kkt.S.indices)
        touched = acts >= 0
        t = np.ones(len(kkt.mu))
        np.maximum.at(t, acts[touched], stat_scale[row_index(kkt.S)[touched]])
        size = np.where(kkt.priced[kkt.mu_of], np.minimum(row * t, _cost_scale(kkt, z)[kkt.mu_of]), row * t)
        return cls(
            np.abs(kkt.S @ z + kkt.s0) / stat_scale,
            np.abs(kkt.E @ z + kkt.e0) / equal,
            np.maximum(-s, 0.0) / seen,
            np.where(space.ub[kkt.mu] == 0, np.abs(mu), np.maximum(-mu, 0.0)) / t,
            np.abs(mu * s) / size,
            np.where(space.lb[kkt.lam] == space.ub[kkt.lam], np.abs(lam), 0.0),
        )


def _at_the_decision(
    kkt: Kkt, z: np.ndarray, unequal: np.ndarray, equal: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return the scales of inequalities and equations, smaller where products make their coefficients small.

    A row ``(x - 1) y = 0`` is ``y = 0`` however near x is to 1: what counts is how far y is from the row at the
    decision, where the row's size is that of its coefficients there.
    """
    own, moving = np.zeros(len(z), dtype=bool), np.zeros(len(z), dtype=bool)
    own[kkt.y] = True
    for system in kkt.systems:
        if system.varying is not None:
            moving[system.varying.v] = True
    there, out = kkt.fixed(z), []
    for before, M, r, scale in ((kkt.C, there.C, kkt.c0, unequal), (kkt.E, there.E, kkt.e0, equal)):
        bent = np.zeros(len(scale), dtype=bool)
        bent[row_index(before)[moving[before.indices]]] = True
        out.append(np.where(bent, _remaining(M, r, z, ~own, scale, bent), scale))
    return out[0], out[1]


def _without(M: Csr, r: np.ndarray, z: np.ndarray, held_columns: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return the scales of rows, smaller where a large coefficient of a column that is held hides the other terms.

    At a decision, an integer's term is a number: ``w <= 1e7 x`` is ``w <= 0`` at x = 0, and a w of 1 breaks it. So the
    scale of a row that holds such columns is that of what remains, but at least its largest other coefficient.
    """
    whole = held_columns[M.indices]
    if not whole.any():
        return scale
    mixed = np.zeros(len(scale), dtype=bool)
    mixed[row_index(M)[whole]] = True
    return _remaining(M, r, z, held_columns, scale, mixed)


def _remaining(
    M: Csr, r: np.ndarray, z: np.ndarray, held_columns: np.ndarray, scale: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Return the scales of rows, smaller where some are those of what remains beside columns that are numbers."""
    whole, row, term = held_columns[M.indices], row_index(M), M.data * z[M.indices]
    out = scale.copy()
    held = r + np.bincount(row[whole], weights=term[whole], minlength=len(scale))
    own = np.zeros(len(scale))
    np.maximum.at(own, row[~whole], np.maximum(np.abs(M.data), np.abs(term))[~whole])
    own = np.maximum(own, np.abs(held))
    some = rows & (own > 0)
    out[some] = np.minimum(scale, own)[some]
    return out


def _cost_scale(kkt: Kkt, z: np.ndarray) -> np.ndarray:
    """Return ``max(1, |y'(P y + Q x + q)|)`` of every follower."""
    free = z.copy()
    free[kkt.lam] = free[kkt.mu] = 0.0
    cost = np.bincount(kkt.y_of, z[kkt.y] * (kkt.S @ free + kkt.s0), minlength=len(kkt.followers))
    return np.maximum(1.0, np.abs(cost))


def worst(values: np.ndarray, of: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return for every group 0 .. count - 1 its largest value (0 for none) and where it stands (-1 for none)."""
    top, at = np.zeros(count), np.full(count, -1)
    if len(values):
        order = np.lexsort((values, of))
        last = order[np.flatnonzero(np.append(np.diff(of[order]) != 0, True))]
        top[of[last]], at[of[last]] = values[last], last
    return top, at


def natural(kkt: Kkt, space: Space, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the natural residuals of all conditions, scaled and as they stand, one a column of y; 0 for followers.

    Parameters
    ----------
    kkt : Kkt
    space : Space
    z : ndarray (n,)
    """
    own = kkt.conditions[kkt.y_of]
    plain = z[: kkt.S.shape[1]].copy()
    plain[kkt.mu[kkt.conditions[kkt.mu_of]]] = plain[kkt.lam[kkt.conditions[kkt.lam_of]]] = 0.0
    F, t = kkt.S @ plain + kkt.s0, row_scale(kkt.S, plain, kkt.s0)
    w, side = z[kkt.y], np.where(F > 0, space.lb[kkt.y], space.ub[kkt.y])
    room = np.maximum(np.where(F > 0, w - side, side - w), 0.0)  # infinite where there is no such side
    with np.errstate(invalid="ignore"):
        share = np.where(np.isfinite(side), room / np.maximum(1.0, np.maximum(np.abs(side), np.abs(w))), np.inf)
    return np.where(own, np.minimum(np.abs(F) / t, share), 0.0), np.where(own, np.minimum(np.abs(F), room), 0.0)


def follower_lines(view: Scaled, z: np.ndarray, tolerances: Tolerances) -> list[list[Line]]:
    """Return for every follower the lines stationarity, primal, dual, complementarity; for conditions, bounds and that.

    Parameters
    ----------
    view : Scaled
        The KKT model and its own units, in which residuals are scaled.
    z : ndarray (n,)
        In the user's units.
    tolerances : Tolerances
    """
    model, kkt = view.original, view.original.kkt
    if kkt is None or view.model.kkt is None:
        return []
    r, count = Residuals.of(view.model.kkt, view.model.space, view.point(z)), len(kkt.followers)
    first = next((b.start for b in model.rows.blocks if b.role == "stationarity"), 0)
    stat, stat_at = worst(r.stationarity, kkt.y_of, count)
    equal, equal_at = worst(r.equality, kkt.lam_of, count)
    unequal, unequal_at = worst(r.inequality, kkt.mu_of, count)
    dual, dual_at = worst(np.concatenate([r.dual, r.price]), np.concatenate([kkt.mu_of, kkt.lam_of]), count)
    product, product_at = worst(r.complementarity, kkt.mu_of, count)
    unmatched = natural(view.model.kkt, view.model.space, view.point(z))[0]
    match, match_at = worst(unmatched, kkt.y_of, count)
    own_match = natural(kkt, model.space, z)[1]
    columns = np.concatenate([kkt.mu, kkt.lam])
    slack = kkt.C @ z[: kkt.C.shape[1]] + kkt.c0
    own_stat = np.abs(kkt.S @ z[: kkt.S.shape[1]] + kkt.s0)
    own_equal, own_unequal = np.abs(kkt.E @ z[: kkt.E.shape[1]] + kkt.e0), np.maximum(-slack, 0.0)
    own_dual, own_product = np.abs(z[columns]), np.abs(z[kkt.mu] * slack)

    def own(amounts: np.ndarray, at: int) -> float:
        return float(amounts[at]) if at >= 0 else 0.0

    def names(blocks: Sequence[Block], index: np.ndarray, values: np.ndarray) -> list[str]:
        return labels(blocks, np.where(values > 0, index, -1))

    stat_name = names(model.rows.blocks, first + stat_at, stat)
    dual_name = names(model.space.blocks, columns[dual_at] if len(columns) else dual_at, dual)
    match_name = names(model.space.blocks, kkt.y[match_at] if len(kkt.y) else match_at, match)
    product_name = names(model.space.blocks, kkt.mu[product_at] if len(kkt.mu) else product_at, product)
    lam_start, mu_start = np.searchsorted(kkt.lam_of, np.arange(count)), np.searchsorted(kkt.mu_of, np.arange(count))
    out = []
    for k, (name, system) in enumerate(zip(kkt.followers, kkt.systems, strict=True)):
        primal, where, amount = max(equal[k], unequal[k]), "", 0.0
        if primal > 0:
            is_equal = bool(equal[k] >= unequal[k])
            at = equal_at[k] - lam_start[k] if is_equal else unequal_at[k] - mu_start[k]
            where = _row_name(system, int(at), is_equal)
            amount = own(own_equal, equal_at[k]) if is_equal else own(own_unequal, unequal_at[k])
        if system.condition:
            out.append([
                line("bounds", primal, tolerances.feasibility, where, name, amount),
                line("complementarity", match[k], tolerances.complementarity, match_name[k], name,
                     own(own_match, match_at[k])),
            ])  # fmt: skip
            continue
        out.append([
            line("stationarity", stat[k], tolerances.feasibility, stat_name[k], name, own(own_stat, stat_at[k])),
            line("primal", primal, tolerances.feasibility, where, name, amount),
            line("dual", dual[k], tolerances.feasibility, dual_name[k], name, own(own_dual, dual_at[k])),
            line("complementarity", product[k], tolerances.complementarity, product_name[k], name,
                 own(own_product, product_at[k])),
        ])  # fmt: skip
    return out


def line(
    kind: str, value: float, tolerance: float, where: str = "", follower: str = "", amount: float = np.nan
) -> Line:
    """Return the line of a condition (``value`` NaN fails)."""
    name = f"{kind}({follower})" if follower else kind
    return Line(name, float(value), tolerance, where, bool(value <= tolerance), follower, amount=float(amount))


def _row_name(system: System, i: int, is_equal: bool) -> str:
    """Return the name of equation i or inequality i of a follower, e.g. ``balance(market)``, ``ub(market,g,1)``."""
    source = system.lam_source if is_equal else system.source
    place = system.lam_position if is_equal else system.position
    declared = system.declared[source[i]]
    word = declared.word
    if declared.is_bound:
        word = "fix" if is_equal else "ub" if system.side[i] > 0 else "lb"
    k, coords = len(declared.lo), declared.coords
    return Block(0, k, word, "primal", system.name, declared.item, declared.shape, coords=coords).label(int(place[i]))


def leader_lines(view: Scaled, z: np.ndarray, tolerances: Tolerances) -> list[Line]:
    """Return the lines of the leader's rows, quadratic rows, SOS1 sets, indicators and column bounds at z (n,)."""
    limit, out = tolerances.feasibility, []
    plain, stated, scaled_z = view.original, view.model, view.point(z)

    def add(name: str, residual: np.ndarray, own: np.ndarray, blocks: Sequence[Block], index: Any = None) -> None:
        if len(residual):
            at = int(np.argmax(residual))
            entry = (at if index is None else int(index[at])) if residual[at] > 0 else -1
            out.append(line(name, residual[at], limit, labels(blocks, np.array([entry]))[0], amount=own[at]))

    rows_of_leader = plain.rows.of_role("leader")
    table, own = stated.rows.take(rows_of_leader), plain.rows.take(rows_of_leader)
    add("leader rows", _scaled_rows(table, scaled_z), own.residual(z), table.blocks)
    table = stated.quads.linear  # terms of a point are what its decision makes them; multipliers are judged below
    own_quads = ~(defining(table) | table.of_role(PRICED))
    quads, own_table = stated.quads.take(own_quads), plain.quads.take(own_quads)
    add("leader quadratic rows", _scaled_quads(quads, scaled_z), own_table.residual(z), quads.linear.blocks)
    sets = _scaled_sets(stated.sos1, scaled_z)
    add("leader SOS1", sets, np.full(len(sets), np.nan), stated.sos1.blocks)
    if stated.indicators is not None and plain.indicators is not None:
        rows = stated.indicators.rows
        add(
            "leader indicators",
            _scaled_indicators(stated.indicators, scaled_z),
            plain.indicators.residual(z),
            rows.blocks,
        )
    mine = np.flatnonzero(plain.space.role == "leader")
    lb, ub = stated.space.lb[mine], stated.space.ub[mine]
    off = np.maximum(np.maximum(plain.space.lb[mine] - z[mine], z[mine] - plain.space.ub[mine]), 0.0)
    add("leader bounds", _violation(scaled_z[mine], lb, ub), off, plain.space.blocks, mine)
    return out


def _violation(value: np.ndarray, lo: np.ndarray, hi: np.ndarray, scale: np.ndarray | float = 1.0) -> np.ndarray:
    """Return the violation of each side over ``max(scale, |that side|)``, the larger of the two."""
    with np.errstate(invalid="ignore"):  # inf / inf of a side that is not there
        below = np.where(np.isfinite(lo), (lo - value) / np.maximum(scale, np.abs(lo)), 0.0)
        above = np.where(np.isfinite(hi), (value - hi) / np.maximum(scale, np.abs(hi)), 0.0)
    return np.maximum(np.maximum(below, above), 0.0)


def _scaled_rows(table: RowTable, z: np.ndarray) -> np.ndarray:
    z = z[: table.M.shape[1]]
    return _violation(table.M @ z, table.lo, table.hi, row_scale(table.M, z))


def _scaled_quads(table: QuadTable, z: np.ndarray) -> np.ndarray:
    linear = table.linear
    scale = row_scale(linear.M, z)
    np.maximum.at(scale, table.row, np.abs(table.v * z[table.i] * z[table.j]))
    return _violation(table.value(z), linear.lo, linear.hi, scale)


def _scaled_sets(table: Sos1, z: np.ndarray) -> np.ndarray:
    """Return the second largest |z| of every set over ``max(1, largest)``."""
    size = np.abs(z[table.columns])
    which = np.repeat(np.arange(len(table)), np.diff(table.start))
    order = np.lexsort((-size, which))
    ranked, start = size[order], table.start[:-1]
    two = np.diff(table.start) > 1
    out = np.zeros(len(table))
    out[two] = ranked[start[two] + 1] / np.maximum(1.0, ranked[start[two]])
    return out


def _scaled_indicators(table: Indicators, z: np.ndarray) -> np.ndarray:
    on = np.abs(z[table.binary] - table.value) < 0.5
    return np.where(on, _scaled_rows(table.rows, z), 0.0)
