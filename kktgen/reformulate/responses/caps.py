"""A problem's points at which followers' costs stay below given ones: what ties are looked for among."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...model.model import Model
from ...model.tables import QuadTable, RowTable, join, join_quads
from ...numerics.sparse import vstack
from ...problem.columns import Block
from ...problem.expressions import Quad
from .parts import Part


def capped(model: Model, parts: Sequence[Part], costs: Sequence[Quad], sides: Sequence[float]) -> Model:
    """Return a model with rows ``cost <= side``, one a follower; those without products are linear rows.

    Parameters
    ----------
    model : Model
    parts : sequence of Part
    costs : sequence of Quad
        Of every follower.
    sides : sequence of float
    """
    n, tables = model.n, [model.rows]
    bent: list[Quad] = []
    right: list[float] = []
    blocks: list[Block] = []
    for part, cost, side in zip(parts, (cost.canonical() for cost in costs), sides, strict=True):
        if len(cost.v):
            blocks.append(Block(len(bent), len(bent) + 1, "cap", "copy", part.name))
            bent.append(cost)
            right.append(side)
            continue
        hi, block = np.array([side - cost.r]), Block(0, 1, "cap", "copy", part.name)
        tables.append(RowTable(vstack([cost.linear], n), np.array([-np.inf]), hi, (block,)))
    table = QuadTable.of(bent, np.full(len(bent), -np.inf), np.array(right), tuple(blocks), n)
    return replace(model, rows=join(tables, n), quads=join_quads([model.quads, table], n))
