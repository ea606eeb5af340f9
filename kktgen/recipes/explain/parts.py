"""Parts of a bilevel problem that may contradict by themselves: the leader, one follower, all of them, everything."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from ...model.model import Model
from ...model.tables import QuadTable, join
from ...model.terms import of_leader
from .sides import entries_outside, take_indicators, take_sets


def scope(high_point: Model, followers: Collection[str], coupling: bool) -> Model:
    """Return the part of a high-point relaxation that concerns the leader and some followers.

    Parameters
    ----------
    high_point : Model
        From :func:`kktgen.high_point`.
    followers : collection of str
        Whose rows stay.
    coupling : bool
        Whether the leader's rows, sets and indicators that hold columns of others stay; those of its own always do.
    """
    own = of_leader(high_point.space.role)
    keep = np.zeros(len(high_point.rows), dtype=bool)
    for block in high_point.rows.blocks:
        keep[block.start : block.stop] = block.role == "leader" or block.follower in followers
    if coupling:
        return replace(high_point, rows=high_point.rows.take(keep))
    leader = high_point.rows.of_role("leader")
    keep &= ~(leader & entries_outside(high_point.rows.M, own))
    indicators = high_point.indicators
    if indicators is not None:
        indicators = take_indicators(indicators, ~entries_outside(indicators.rows.M, own))
    return replace(
        high_point, rows=high_point.rows.take(keep), indicators=indicators,
        quads=high_point.quads.take(~coupling_quads(high_point.quads, own)),
        sos1=take_sets(high_point.sos1, ~coupling_sets(high_point)),
    )  # fmt: skip


def coupling_quads(quads: QuadTable, own: np.ndarray) -> np.ndarray:
    """Return which quadratic rows hold a column where the mask ``own`` is false."""
    out = entries_outside(quads.linear.M, own)
    out[quads.row[~own[quads.i] | ~own[quads.j]]] = True
    return out


def coupling_sets(model: Model) -> np.ndarray:
    """Return which SOS1 sets hold a column that is not the leader's."""
    out = np.zeros(len(model.sos1), dtype=bool)
    of = np.repeat(np.arange(len(model.sos1)), np.diff(model.sos1.start))
    out[of[model.space.role[model.sos1.columns] != "leader"]] = True
    return out


def with_conditions(part: Model, mpec: Model, followers: Collection[str]) -> Model:
    """Return a part with the stationarity rows and multipliers of its followers: complementarity is left out."""
    keep = np.zeros(len(mpec.rows), dtype=bool)
    for block in mpec.rows.blocks:
        keep[block.start : block.stop] = block.role == "stationarity" and block.follower in followers
    stationarity = mpec.rows.take(keep)
    space, priced = part.space.copy(), mpec.space.is_price
    space.lb[priced], space.ub[priced] = mpec.space.lb[priced], mpec.space.ub[priced]
    return replace(part, space=space, rows=join([part.rows, stationarity], mpec.n))


def followers_in(model: Model, rows: np.ndarray) -> list[str]:
    """Return the followers some rows belong to, in order."""
    names = [b.follower for b in model.rows.blocks if b.follower and ((rows >= b.start) & (rows < b.stop)).any()]
    return list(dict.fromkeys(names))
