"""A master: the problem's points at which no follower does worse than any response that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...model.fingerprint import same_problem
from ...model.model import Model
from ...model.tables import RowTable
from ...model.units import Units
from ...numerics.sparse import scale_rows
from ..scale import scaled
from .base import Base
from .cuts import add_response
from .parts import Response
from .rows import Additions
from .thinned import takes
from .violations import Violations

STAGE = "master"
"""Name of the stage in a model's origin."""
NOTE = "responses enumerated"
"""How the note of a master begins."""


def assembled(base: Base, responses: Sequence[Response], eps: float = 0.0, margin: float = 0.0) -> Model:
    """Return the master over some responses, with the KKT pairs of continuous variables still in it.

    Parameters
    ----------
    base : Base
    responses : sequence of Response
    eps : float
        By how much (relative) the leader must go beyond the rows of a response that is to count as infeasible; 0 makes
        a relaxation, more than 0 does not.
    """
    added = Additions.to(base.model, margin)
    violations = Violations(base, added, eps)
    place = {part.name: k for k, part in enumerate(base.parts)}
    known = [takes(part) for part in base.parts]
    for response in responses:
        k = place[response.follower]
        add_response(base, k, response, added, violations, known[k])
    model = added.done(base.objective)
    note = enumerated(len(responses))
    return same_problem(base.stated.free, replace(model, sense=base.free.sense, notes=(*model.notes, note)), STAGE)


def told(base: Base, model: Model) -> Model:
    """Return a master in the user's units, with those in which its numbers are of order one.

    Rows of the problem itself are as the user wrote them, others are divided by a power of two.
    """
    free, units = base.stated.free, base.stated.units
    if free.units is None:
        return model
    columns = np.ones(model.n)
    columns[: free.n] = units.columns
    names = () if model.kkt is None else model.kkt.followers
    of = {part.name: unit for part, unit in zip(base.parts, units.followers, strict=True)}
    followers = np.array([of[name] for name in names])
    back = Units(1.0 / columns, 1.0 / followers, 1.0 / units.objective)
    out = scaled(replace(model, units=back)).model
    out = replace(
        out, rows=_as_written(out.rows, free.rows), units=Units(columns, followers, units.objective, units.wide),
        notes=(*free.notes, *(note for note in model.notes if note not in free.notes)),
    )  # fmt: skip
    return same_problem(free, out, STAGE)


def _as_written(rows: RowTable, known: RowTable) -> RowTable:
    """Return rows, those that stand in a known table multiplied so that they are the same there."""
    first = {known.label(i): known.M.data[known.M.indptr[i]] for i in np.flatnonzero(np.diff(known.M.indptr)).tolist()}
    factor = np.ones(len(rows))
    for i in np.flatnonzero(np.diff(rows.M.indptr)).tolist():
        entry = rows.M.data[rows.M.indptr[i]]
        factor[i] = abs(first.get(rows.label(i), entry) / entry) if entry else 1.0
    return RowTable(scale_rows(factor, rows.M), rows.lo * factor, rows.hi * factor, rows.blocks)


def enumerated(count: int) -> str:
    """Return the sentence of how many responses a master knows."""
    return f"{NOTE}: {count}"


def distinct(responses: Sequence[Response], base: Base) -> list[Response]:
    """Return the responses that say different things, in order.

    Where the leader moves no row the integers alone count, or the cost; else all values do.
    """
    place = {part.name: part for part in base.parts}
    seen, out = set(), []
    for response in responses:
        key = key_of(place[response.follower], response)
        if key not in seen:
            seen.add(key)
            out.append(response)
    return out


def key_of(part, response: Response) -> tuple[str, bytes]:  # type: ignore[no-untyped-def]
    """Return what tells a response from others that say the same."""
    y = np.round(response.y, 9) + 0.0
    if not part.is_moved:
        return part.name, y[part.k].tobytes()
    x = np.round(response.x, 9) + 0.0
    return part.name, np.concatenate([y, x] if len(part.u) and not part.is_lattice else [y]).tobytes()
