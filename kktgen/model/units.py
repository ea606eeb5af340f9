"""The units in which numbers of a problem are of order one: powers of two for columns, followers' costs, objective."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..wording import first_names


@dataclass(frozen=True, eq=False)
class Units:
    """The units of a problem's columns and costs, powers of two.

    A column is ``z_j = columns_j z'_j``, the cost of follower k ``f_k = followers_k f'_k``, the leader's objective
    ``F = objective F'``. Row i of a follower has the unit ``followers_k / columns_(mu_i)`` of its slack, so that the
    product of slack and multiplier keeps the unit of the follower's cost.

    Parameters
    ----------
    columns : ndarray (n,)
        Of the columns of the KKT model; integer columns have the unit 1.
    followers : ndarray (k,)
    objective : float
    wide : tuple of str
        Rows whose numbers span more than solvers hold, whatever the units.
    """

    columns: np.ndarray
    followers: np.ndarray
    objective: float
    wide: tuple[str, ...] = ()


def spans(units: Units | None) -> tuple[str, ...]:
    """Return a note on rows whose numbers span more than solvers hold; none where there are no such rows."""
    if units is None or not units.wide:
        return ()
    return (
        f"numbers of {first_names(units.wide, 1)} are more than 1e9 apart, whatever the units: solvers do not see the "
        "small ones, so no optimum is claimed; state such a row in parts, or leave out what is negligible",
    )
