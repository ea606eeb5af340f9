"""What an explanation says in the user's units, while the problem is looked at in its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...model.kkt import kkt
from ...model.model import Model
from ...model.relaxations import high_point
from ...model.tables import RowTable
from ...model.units import Units
from ...problem.bilevel import Bilevel
from ...reformulate.scale.restated import restated
from .sides import BOUND, INDICATOR, QUAD, SET, Members, describe


@dataclass(frozen=True, eq=False)
class UsersUnits:
    """A problem in its own units, and the way back to the user's for the numbers that are told.

    Parameters
    ----------
    problem : Bilevel
        In its own units; as the user stated it where its numbers are of order one.
    units : Units or None
        None where nothing was restated.
    stated : tuple of Model
        The high-point relaxation and the KKT model as the user stated them.
    """

    problem: Bilevel
    units: Units | None
    stated: tuple[Model, ...]

    @classmethod
    def of(cls, bilevel: Bilevel) -> UsersUnits:
        """Return a problem in its own units."""
        model = kkt(bilevel)
        if model.units is None:
            return cls(bilevel, None, ())
        return cls(restated(bilevel, model.units), model.units, (high_point(bilevel), model))

    @property
    def objective(self) -> float:
        """Unit of the leader's objective."""
        return 1.0 if self.units is None else self.units.objective

    def cost(self, follower: int) -> float:
        """Return the unit of a follower's cost."""
        return 1.0 if self.units is None else float(self.units.followers[follower])

    def columns(self, at: np.ndarray) -> np.ndarray:
        """Return the units of some columns; of columns appended since, 1."""
        out = np.ones(len(at))
        if self.units is not None:
            known = at < len(self.units.columns)
            out[known] = self.units.columns[at[known]]
        return out

    def point(self, z: np.ndarray) -> np.ndarray:
        """Return a point, or its first columns, in the user's units."""
        return z * self.columns(np.arange(len(z)))

    def direction(self, at: np.ndarray, values: np.ndarray, slope: float, unit: float) -> tuple[np.ndarray, float]:
        """Return a direction's entries, the largest 1 where it was restated, and the slope of a cost along it."""
        if self.units is None:
            return values, slope
        values = values * self.columns(at)
        size = float(np.abs(values).max(initial=0.0)) or 1.0
        return values / size, slope * unit / size

    def total(self, amount: float) -> str:
        """Return a sum of violations of several rows in words."""
        return f"{amount:.6g}" if self.units is None else f"{amount:.6g}, every row counted in a unit of its own"

    def describe(self, part: Model, some: Members) -> tuple[list[str], list[str], np.ndarray]:
        """Return for some members of a model what each is, what it says, and the unit of its violation."""
        names, says = describe(part, some)
        if self.units is None:
            return names, says, np.ones(len(some))
        units = np.ones(len(some))
        for k, (family, index, side) in enumerate(zip(some.family, some.index, some.side, strict=True)):
            if family == SET:
                continue
            if family == BOUND:
                home, place = self.stated[1], int(index)
                units[k] = self.columns(np.array([place]))[0]
            else:
                home, place, units[k] = self._row(part, int(family), int(index))
            one = Members(np.array([family]), np.array([place]), np.array([side]))
            says[k] = describe(home, one)[1][0]
        return names, says, units

    def _row(self, part: Model, family: int, index: int) -> tuple[Model, int, float]:
        """Return the model as the user stated it that holds a row, the row there, and its unit."""
        own = _table(part, family)
        block = next(b for b in own.blocks if b.start <= index < b.stop)
        place = block.positions()[index - block.start]
        for home in self.stated:
            table = _table(home, family)
            for other in table.blocks:
                if (other.word, other.role, other.follower, other.item) == (
                    block.word, block.role, block.follower, block.item
                ):  # fmt: skip
                    there = other.start + int(np.flatnonzero(other.positions() == place)[0])
                    return home, there, self._unit(table, there, own, index)
        return part, index, 1.0

    def _unit(self, table: RowTable, place: int, own: RowTable, index: int) -> float:
        """Return by what a row was divided."""
        at, here = table.M.indptr[place], own.M.indptr[index]
        if at == table.M.indptr[place + 1] or here == own.M.indptr[index + 1]:
            return 1.0
        column = table.M.indices[[at]]
        return float(abs(table.M.data[at] * self.columns(column)[0] / own.M.data[here]))


def _table(model: Model, family: int) -> RowTable:
    """Return the rows of a family of members."""
    if family == INDICATOR and model.indicators is not None:
        return model.indicators.rows
    return model.quads.linear if family == QUAD else model.rows
