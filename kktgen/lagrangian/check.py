"""Check what a record of rounds says: by sums, and by a solver of one's own choice on small mixed-integer programs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..decompose.blocks import Blocks, decompose
from ..decompose.lagrangian import admissible, leaders_part, minimum, total
from ..decompose.level_set import LevelSet
from ..decompose.parts import part_of
from ..decompose.proved import Dual
from ..problem.expressions import Quad
from ..search.residual import FEASIBLE, violation

if TYPE_CHECKING:
    from .record import Lagrangian

SAME = 1e-6
"""A box holds when the sum repeated here gives its value up to this, relative to 1 + |value|."""


@dataclass(frozen=True, eq=False)
class Check:
    """What a check confirms; its printed form says it in words.

    Parameters
    ----------
    record : Lagrangian
    faults : tuple of str
        What does not hold: of the best point, the cuts, the boxes, the bound; empty where all do.
    plain, inside : float
        The bound over the boxes that hold for all points, and over those of the rounds; user's sense and units.
    derived : int
        Rows SCIP derived for subproblems, which are trusted.
    solver : str
    """

    record: Lagrangian
    faults: tuple[str, ...]
    plain: float
    inside: float
    derived: int
    solver: str

    @property
    def ok(self) -> bool:
        """Whether nothing is at fault, and neither bound is better than the best point."""
        record = self.record
        room = 1e-4 * (1.0 + abs(record.value))
        return not self.faults and all(record.sense * (b - record.value) <= room for b in (self.plain, self.inside))

    def __str__(self) -> str:
        record = self.record
        size = max(abs(record.value), 1e-12)
        gaps = [abs(bound - record.value) / size for bound in (self.plain, self.inside)]
        proved = len(record.boxes)
        held = proved - sum(fault.startswith("box") for fault in self.faults)
        lines = [
            f"{record.name}: {len(record.dual.minima)} subproblems, best point {record.value:.10g}",
            f"  boxes    {held} of {proved} follow from their multipliers",
            f"  bound    {self.plain:.10g} (gap {gaps[0]:.2e}): rests on {self.solver} and on the model's own boxes",
            f"  bound, given boxes    {self.inside:.10g} (gap {gaps[1]:.2e}): rests on {self.solver}, on these boxes, "
            f"and on {self.derived} rows and on boxes that SCIP derived at the roots of subproblems",
            *(f"  fault    {fault}" for fault in self.faults),
            "confirmed" if self.ok else "NOT confirmed",
        ]
        return "\n".join(lines)


def checked(record: Lagrangian, solver: str, time_limit: float | None) -> Check:
    """Check the best point, cuts, boxes and bound of a record."""
    blocks, space = decompose(record.model), record.model.space
    faults = [*_point_faults(record), *_cut_faults(record, blocks, solver, time_limit), *_box_faults(record)]
    plain = _bound(record, blocks, space.lb, space.ub, solver, time_limit)
    inside = _bound(record, blocks, record.dual.lb, record.dual.ub, solver, time_limit)
    told, room = record.sense * record.unit * record.bound, SAME * record.unit * (1.0 + abs(record.bound))
    if not max(record.sense * plain, record.sense * inside) >= record.sense * told - 10.0 * room:
        faults.append(f"bound: its multipliers prove {inside:.10g}, it says {told:.10g}")
    derived = max((len(level.lo) - len(record.model.rows) for level in record.levels), default=0)
    return Check(record, tuple(faults), plain, inside, derived, solver)


def _point_faults(record: Lagrangian) -> list[str]:
    """Return what is wrong with the best point: rows it violates, boxes and level sets it is not in."""
    z, off = record.incumbent, violation(record.model, record.incumbent)
    out = [] if off <= FEASIBLE else [f"the best point violates the model by {off:.1e}"]
    size, value = 2.0 * SAME * (1.0 + np.abs(z)), record.model.objective.value(z)
    where: list[tuple[str, Dual | LevelSet]] = [("the bound", record.dual)]
    where += [(f"level set {k + 1}", one) for k, one in enumerate(record.levels)]
    for word, one in where:
        if not ((one.lb <= z + size) & (z - size <= one.ub)).all():
            out.append(f"the best point is not in the boxes of {word}")
    for k, level in enumerate(record.levels):
        if not level.reach >= value:
            out.append(f"level set {k + 1} reaches {level.reach:.10g} only, the best point has {value:.10g}")
    return out


def _cut_faults(record: Lagrangian, blocks: Blocks, solver: str, time_limit: float | None) -> list[str]:
    """Return which Lagrangian cuts do not hold over the boxes of their level sets."""
    out = []
    for number, level in enumerate(record.levels):
        for k, row in enumerate(level.of.tolist()):
            part = blocks.subproblems[row]
            cost = level.cuts[[k]].toarray()[0]
            space = part_of(record.model.space, part.columns)
            space.lb[:], space.ub[:] = level.lb[part.columns], level.ub[part.columns]
            goal = Quad.from_matrices(space, part.model.matrices[0], cost[part.columns])
            known = replace(part, model=replace(part.model, space=space, objective=goal))
            cost[part.columns] = 0.0
            found = minimum(known, np.zeros(len(blocks.coupling)), np.zeros(len(part.links)), 0.0, time_limit, solver)
            side = float(level.sides[k])
            if cost.any() or not found.bound >= side - 10.0 * SAME * (1.0 + abs(side)):
                out.append(f"cut {k + 1} of level set {number + 1}: {solver} proves {found.bound:.6g} only, "
                           f"it says {side:.6g}")  # fmt: skip
    return out


def _box_faults(record: Lagrangian) -> list[str]:
    """Return which boxes do not follow from their multipliers, or lose the best point."""
    out, n = [], record.model.n
    for box in record.boxes:
        cost = np.zeros(n)
        cost[box.column] = box.sign
        found = record.levels[box.level].least(cost, box.prices)
        label = record.labels.get(box.column, f"column {box.column}")
        if not found >= box.value - SAME * (1.0 + abs(box.value)):
            out.append(f"box of {label}: its multipliers prove {found:.6g}, it says {box.value:.6g}")
        elif not box.sign * record.incumbent[box.column] >= box.value - SAME * (1.0 + abs(box.value)):
            out.append(f"box of {label} loses the best point")
    return out


def _bound(
    record: Lagrangian, blocks: Blocks, lb: np.ndarray, ub: np.ndarray, solver: str, time_limit: float | None
) -> float:  # fmt: skip
    """Return the Lagrangian bound of the multipliers over some boxes, in the user's sense and units."""
    dual, minima = record.dual, []
    w = admissible(blocks, dual.w)
    for part, sigma in zip(blocks.subproblems, dual.sigma, strict=True):
        space = part.model.space
        space.lb[:], space.ub[:] = lb[part.columns], ub[part.columns]
        minima.append(minimum(part, w, sigma, 0.0, time_limit, solver).bound)
    bound = total(leaders_part(blocks, w, dual.sigma, lb, ub), minima)
    return record.sense * record.unit * bound
