"""One level of a bilevel problem as a file holds it: a model, and what linear files cannot say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from ...numerics.sparse import Csr
from .linear_read import SingleLevel, read_quadratic


@dataclass(frozen=True, eq=False)
class QuadraticRow:
    """``lo <= 1/2 z'Pz + q'z <= hi``."""

    name: str
    P: Csr
    q: np.ndarray
    lo: float
    hi: float


@dataclass(frozen=True, eq=False)
class Body(SingleLevel):
    """A level: its objective (``sense`` 0: none), rows, bounds, and quadratic rows besides.

    ``zero_is_said`` tells that a lower bound 0 was asked for: in ``.lp`` and ``.mps`` files variables have it by
    themselves.
    """

    quads: Sequence[QuadraticRow] = ()
    zero_is_said: bool = False


def read_linear(path: Path) -> Body:
    """Return the level of an ``.lp`` or ``.mps`` file."""
    body = read_quadratic(path)
    return Body(*(getattr(body, one.name) for one in fields(SingleLevel)))
