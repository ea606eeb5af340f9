"""What a model of another tool has become: variables and multipliers by its names, and values the way back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import ProblemError
from ..problem.expressions import Affine, Quad, price
from ..problem.follower import Follower
from ..problem.refusals import NoSuchKey
from ..problem.variables import variable
from ..wording import first_names, near
from .names import Places


@dataclass(frozen=True, eq=False)
class Multipliers(Mapping[str, Affine]):
    """Multipliers by name: ``lower - upper``, in the shape of the name's array.

    Parameters
    ----------
    follower : Follower
    places : mapping of str to ndarray of int
    lower, upper : ndarray (k,)
        Columns of the multipliers of both sides, -1 where there is none.
    word : str
        What they are multipliers of.
    labels : mapping of str to DataArray
        Positions with labels, for :meth:`Affine.sel`; of the names that have some.
    """

    follower: Follower
    places: Places
    lower: np.ndarray
    upper: np.ndarray
    word: str
    labels: Mapping[str, Any] = field(default_factory=dict)
    __eq__, __hash__ = object.__eq__, object.__hash__

    def __getitem__(self, name: str) -> Affine:
        out = self.at(looked_up(name, self.places, self.word, self.follower))
        out.labels = self.labels.get(name)
        return out

    def at(self, positions: np.ndarray) -> Affine:
        """Return the multipliers at positions (any shape), zero at -1."""
        low, up = (np.append(side, -1)[positions].ravel() for side in (self.lower, self.upper))
        space, shape = self.follower.space, np.shape(positions)
        space.check_prices(np.concatenate([low, up]))
        return price(space, low, 1.0, shape) + price(space, up, -1.0, shape)

    def point(self, solution: Any) -> np.ndarray:
        """Return the values in a solution, by position (k,)."""
        values: np.ndarray = solution[self.at(np.arange(len(self.lower)))]
        return values

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)

    def __repr__(self) -> str:
        return f"Multipliers({self.word}: {first_names([*self.places], 6)})"


class Imported(Mapping[str, Affine]):
    """A model of another tool as a follower: its variables by name, leader's and follower's alike.

    Attributes
    ----------
    follower : Follower
    dual : mapping of str to Affine
        Multipliers of the follower's rows by name, in kktgen's sign: d(minimised cost)/d(right-hand side). Zero where
        a row became the leader's.
    lower_dual, upper_dual : mapping of str to Affine
        Multipliers of bounds by the name of the variable, as :attr:`Affine.lower_dual` and :attr:`Affine.upper_dual`.
    objective : Quad
        The neighbour's whole objective, with the leader's own terms and the constant, in its own sense.

    See Also
    --------
    kktgen.interop.matrices.follower : Makes one.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("market")
    >>> market = kg.matrices.follower(
    ...     m, P=[[0, 1, 0], [1, 0, 0], [0, 0, 0]], q=[0, 0, 30], A=[[0, 1, 1]], lo=100, hi=100, lb=0, ub=[60, 60, 80],
    ...     leader=["offer"], names=["offer", "own", "rival"], rows=["balance"], name="market",
    ... )
    >>> market
    Imported('market': offer, own, rival; rows balance)
    >>> market["own"], market.dual["balance"]
    (Variable('own', shape=()), Affine(shape=(), 1 terms over 1 columns))
    """

    __eq__, __hash__ = object.__eq__, object.__hash__

    def __init__(
        self,
        follower: Follower,
        z: Affine,
        sides: tuple[np.ndarray, ...],
        names: Places,
        rows: Places,
        objective: Quad,
        labels: Mapping[str, Any] | None = None,
        row_labels: Mapping[str, Any] | None = None,
    ) -> None:
        lower, upper, row_lower, row_upper = sides
        none = np.full(len(lower), -1)
        self.follower, self.z, self.sides = follower, z, sides
        self.places, self.rows, self.objective = names, rows, objective
        self.labels = labels or {}
        self.dual = Multipliers(follower, rows, row_lower, row_upper, "rows", row_labels or {})
        self.lower_dual = Multipliers(follower, names, lower, none, "columns", self.labels)
        self.upper_dual = Multipliers(follower, names, none, upper, "columns", self.labels)

    def __getitem__(self, name: str) -> Affine:
        out = self._variable(name, looked_up(name, self.places, "columns", self.follower))
        out.labels = self.labels.get(name)
        return out

    def _variable(self, name: str, at: np.ndarray) -> Affine:
        """Return the columns of a name, as declared where all of them are plain columns."""
        whole = self.at(at)
        if not (at >= 0).all():
            return whole
        try:
            columns = whole.cols.ravel()
        except ProblemError:  # an expression of the leader stands for it
            return whole
        lower, upper = (side[at].ravel() for side in self.sides[:2])
        return variable(whole.space, columns, whole.shape, name, lower, upper)

    def at(self, positions: np.ndarray) -> Affine:
        """Return the columns at positions (any shape), zero at -1.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("two")
        >>> f = kg.matrices.follower(m, None, [1, 2], [[1, 1]], 3, 5, lb=0, leader=["x"], names=["x", "y"])
        >>> f.at([1, 1, -1])
        Affine(shape=(3,), 2 terms over 1 columns)
        """
        return self.z.gather(np.asarray(positions))

    def point(self, solution: Any) -> np.ndarray:
        """Return the values of all columns in a solution, by position (n,).

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("two")
        >>> f = kg.matrices.follower(m, None, [1, 2], [[1, 1]], 3, 5, lb=0, leader=["x"], names=["x", "y"])
        >>> m.minimize(f["x"])
        >>> solution = kg.optimize(m).solution
        >>> print(f.point(solution), f.dual.point(solution))
        [0. 3.] [2.]
        """
        values: np.ndarray = solution[self.z][:-1]
        return values

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)

    def __repr__(self) -> str:
        named = f"{first_names([*self.places], 6)}; rows {first_names([*self.rows], 6)}"
        return f"{type(self).__name__}({self.follower.name!r}: {named})"


def looked_up(name: Any, known: Places, word: str, follower: Follower) -> np.ndarray:
    """Return the positions of a name.

    Raises
    ------
    NoSuchKey
        There is none: a ProblemError, and a KeyError.
    """
    if name not in known:
        there = first_names([*known], 6)
        raise NoSuchKey(
            f"follower {follower.name!r}: no {word} are named {name!r}{near(str(name), known)}; there are {there}"
        )
    return np.asarray(known[name])
