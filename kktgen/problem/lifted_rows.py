"""Rows behind products of a binary and an expression, and rows that hold where a binary says so.

The mathematics is in :mod:`kktgen.problem.lifting`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..numerics.sparse import Csr, coo, widen
from .columns import Space
from .coords import Coords
from .expressions import Affine, QuadArray, price
from .follower_rows import Declared

WORDS = ("off_up", "off_lo", "on_up", "on_lo")
"""What is appended to a row's name for the four rows that define its product columns."""


@dataclass(frozen=True, eq=False)
class Lifted:
    """Columns ``w_k = x_k e_k`` of a follower, and the multipliers of the four rows that make each of them so.

    Parameters
    ----------
    columns, binary : ndarray (k,)
        w, and the leader's binaries x.
    E : csr_array (k, n)
        The expressions ``e = E z``.
    mu : ndarray (4, k)
        Multipliers of ``w <= u x``, ``w >= l x``, ``w <= e - l (1 - x)``, ``w >= e - u (1 - x)``.
    name : str
        Of the row they stand in.
    """

    columns: np.ndarray
    binary: np.ndarray
    E: Csr
    mu: np.ndarray
    name: str

    def rows(self, low: np.ndarray, high: np.ndarray) -> list[Declared]:
        """Return the four blocks of rows for boxes [low, high] (k,) of the expressions."""
        k, n = self.E.shape[0], int(max(self.columns.max(), self.binary.max(), self.E.shape[1] - 1) + 1)
        E = widen(self.E, n)
        at, one, none = np.arange(k), np.ones(k), np.full(k, -1)
        infinite = np.full(k, np.inf)
        w = coo(one, at, self.columns, (k, n))
        kinds = (
            (w - coo(high, at, self.binary, (k, n)), np.zeros(k), 1.0, 0),
            (w - coo(low, at, self.binary, (k, n)), np.zeros(k), -1.0, 0),
            (w - E - coo(low, at, self.binary, (k, n)), -low, 1.0, 1),
            (w - E - coo(high, at, self.binary, (k, n)), -high, -1.0, 1),
        )
        out = []
        for word, mu, (M, side, sign, on) in zip(WORDS, self.mu, kinds, strict=True):
            upper = sign > 0
            out.append(
                Declared(
                    Csr(M), -infinite if upper else side, side if upper else infinite, none, none if upper else mu,
                    mu if upper else none, f"{self.name}_{word}", "", (k,), False, self.binary, np.full(k, on),
                    self.columns,
                )
            )  # fmt: skip
        return out


@dataclass(frozen=True, eq=False)
class Conditional:
    """Rows ``lo <= E z <= hi`` of a follower that hold where a binary of the leader has a value.

    Parameters
    ----------
    E : csr_array (k, n)
    lo, hi : ndarray (k,)
    binary, value : ndarray (k,)
        The leader's binaries, and the value at which the rows hold, 0 or 1.
    mu_lo, mu_hi : ndarray (k,)
        Multipliers of the sides, -1 where there is none.
    name : str
    shape : tuple of int
    """

    E: Csr
    lo: np.ndarray
    hi: np.ndarray
    binary: np.ndarray
    value: np.ndarray
    mu_lo: np.ndarray
    mu_hi: np.ndarray
    name: str
    shape: tuple[int, ...]
    coords: Coords | None = None

    def price(self, space: Space) -> Callable[[], Affine]:
        """Return what makes the rows' dual, as of :class:`kktgen.problem.follower_rows.Declared`."""
        return lambda: price(space, self.mu_lo, 1.0, self.shape) + price(space, self.mu_hi, -1.0, self.shape)

    @property
    def names(self) -> tuple[str, str]:
        """Names of the rows of the upper sides and of the lower ones."""
        both = (self.mu_lo >= 0).any() and (self.mu_hi >= 0).any()
        return self.name, f"{self.name}_lo" if both else self.name

    def rows(self, low: np.ndarray, high: np.ndarray) -> list[Declared]:
        """Return the rows for boxes [low, high] (k,) of the expressions: sides that no point reaches where off."""
        out = []
        n = max(self.E.shape[1], int(self.binary.max(initial=-1)) + 1)
        E, equal = widen(self.E, n), self.lo == self.hi
        for mu, side, end, sign, name in (
            (self.mu_hi, self.hi, high, 1.0, self.names[0]), (self.mu_lo, self.lo, low, -1.0, self.names[1])
        ):  # fmt: skip
            at = np.flatnonzero(mu >= 0)
            if not len(at):
                continue
            room = sign * np.maximum(sign * (end[at] - side[at]), (high - low)[at] / 16.0)  # of the sign of the side
            on = self.value[at] == 1
            x = coo(np.where(on, room, -room), np.arange(len(at)), self.binary[at], (len(at), n))
            far, none = np.full(len(at), np.inf), np.full(len(at), -1)
            moved = side[at] + np.where(on, room, 0.0)
            out.append(
                Declared(
                    Csr(E[at] + x), -far if sign > 0 else moved, moved if sign > 0 else far, none,
                    none if sign > 0 else mu[at], mu[at] if sign > 0 else none, name, "",
                    self.shape if len(at) == len(mu) else (len(at),), False,
                    np.where(equal[at], self.binary[at], -1), self.value[at], none,
                    self.coords if len(at) == len(mu) else None,
                )
            )  # fmt: skip
        return out


@dataclass(frozen=True, eq=False)
class Natural:
    """A row of a follower as it was declared, before its products became columns.

    Parameters
    ----------
    name : str
    quads : QuadArray
        Its left side, integers already in bits.
    lo, hi : ndarray (k,)
    when : (ndarray (k,), ndarray (k,)) or None
        The binaries and their values at which the rows hold.
    first : int
        The column at which the first of its columns stands.
    """

    name: str
    quads: QuadArray
    lo: np.ndarray
    hi: np.ndarray
    when: tuple[np.ndarray, np.ndarray] | None
    first: int
