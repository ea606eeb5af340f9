"""Products of leader's columns that a follower's row holds as one column, see :mod:`kktgen.model.terms`."""

from __future__ import annotations

from dataclasses import dataclass

from .expressions import Quad

ROLE = "term"
"""Role of the columns, and of the rows that define them."""


@dataclass(frozen=True, eq=False)
class Term:
    """A column that is ``sum v z_i z_j`` of the leader's, in a row of a follower.

    Parameters
    ----------
    column : int
    quad : Quad
        Its products, no linear part.
    row : str
        Name of the follower's row.
    """

    column: int
    quad: Quad
    row: str
