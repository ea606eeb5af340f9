"""A problem with integer followers in its own units, in which all about its responses is done, and the way back.

Enumeration and verification compare costs, rows and prices with absolute tolerances. So they see the problem as
:func:`kktgen.reformulate.scale.restated.restated` states it: its numbers are of order one, whatever units it was
written in. What they find is told in the user's units. Units are powers of two, so nothing is rounded; problems of
ordinary numbers are looked at as they stand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from ...model.enumerated import free_model, shared_free
from ...model.model import Model
from ...model.own_units import objective_size
from ...model.shared import state_of
from ...model.units import Units
from ...problem.bilevel import Bilevel
from ..scale.restated import restated
from .parts import Part, Response, parts_of


@dataclass(frozen=True, eq=False)
class Stated:
    """A problem with integer followers in its own units.

    Parameters
    ----------
    free : Model
        The points of the problem, followers merely feasible, in the user's units.
    problem : Bilevel
    model : Model
        As ``free``, in own units.
    parts : list of Part
        The followers in own units.
    """

    free: Model
    problem: Bilevel
    model: Model
    parts: list[Part]

    @property
    def units(self) -> Units:
        """The units; all 1 in problems of ordinary numbers."""
        if self.free.units is not None:
            return self.free.units
        return Units(np.ones(self.free.n), np.ones(len(self.parts)), 1.0)

    @property
    def objective(self) -> float:
        """Unit of the leader's objective."""
        return self.units.objective

    def cost(self, part: Part) -> float:
        """Return the unit of a follower's cost."""
        return float(self.units.followers[self.parts.index(part)])

    def point(self, z: np.ndarray) -> np.ndarray:
        """Return a point of the user's, its columns behind those of the problem left out."""
        z = z[: self.free.n]
        return z / self.units.columns[: len(z)]

    def back(self, z: np.ndarray) -> np.ndarray:
        """Return a point over the problem's columns in the user's units."""
        return z * self.units.columns

    def size(self, z: np.ndarray) -> float:
        """Return what counts as 1 in the leader's objective at a point, which is in own units as it is."""
        return objective_size(self.free, self.back(z)) / self.objective

    def responses(self, given: Iterable[Response]) -> list[Response]:
        """Return responses of the user's in own units, each checked.

        Raises
        ------
        ProblemError
            One is no response of its follower.
        """
        known = {part.name: part for part in self.parts}
        return [known[one.follower].checked(self._times(one, 1.0 / self.units.columns)) for one in given]

    def told(self, found: Iterable[Response]) -> tuple[Response, ...]:
        """Return responses in the user's units."""
        return tuple(self._times(one, self.units.columns) for one in found)

    def _times(self, one: Response, columns: np.ndarray) -> Response:
        qp = next(part.qp for part in self.parts if part.name == one.follower)
        if one.y.shape != (qp.ny,) or one.x.shape != (qp.nx,):
            return one  # as the check will say
        return Response(one.follower, one.y * columns[qp.y], one.x * columns[qp.x])


_STATED: WeakKeyDictionary[Bilevel, tuple[bytes, Stated]] = WeakKeyDictionary()


def stated(bilevel: Bilevel) -> Stated:
    """Return a problem with integer followers in its own units, made once.

    Raises
    ------
    KktgenError
        What a problem with integer followers cannot have.
    """
    state, known = state_of(bilevel), _STATED.get(bilevel)
    if known is None or known[0] != state:
        free = shared_free(bilevel)
        if free.units is None:
            made = Stated(free, bilevel, free, parts_of(bilevel))
        else:
            other = restated(bilevel, free.units)
            made = Stated(free, other, free_model(other), parts_of(other))
        known = _STATED[bilevel] = state, made
    return known[1]
