"""The jobs of one subproblem in a round: what was derived for it travels along, rows are derived, it is minimised."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..deadline import Deadline
from ..model.tables import RowTable
from ..numerics.sparse import take_columns, vstack
from ..problem.columns import Space
from ..solvers.scip.root import Root, root_rows
from .blocks import Subproblem
from .lagrangian import Minimum, minimum, priced
from .master import Strengthened

SECONDS = 30.0
"""Most seconds for one subproblem in one round; what it has proved by then counts."""


@dataclass(frozen=True, eq=False)
class Change:
    """What was derived for one subproblem: it travels with every job, the subproblem once.

    Parameters
    ----------
    lb, ub : ndarray (k,)
    rows : RowTable
        Over its columns.
    """

    lb: np.ndarray
    ub: np.ndarray
    rows: RowTable

    @classmethod
    def of(cls, state: Strengthened, k: int) -> Change:
        """Return what was derived for subproblem k."""
        columns, mine = state.blocks.subproblems[k].columns, state.rows.take(state.owner == k)
        return cls(state.lb[columns], state.ub[columns], RowTable(take_columns(mine.M, columns), mine.lo, mine.hi))

    def on(self, part: Subproblem) -> Subproblem:
        """Return the subproblem with it."""
        model = part.model
        space, old = model.space.copy(), model.rows
        space.lb[:], space.ub[:] = self.lb, self.ub
        rows = RowTable(
            vstack([old.M, self.rows.M], model.n), np.concatenate([old.lo, self.rows.lo]),
            np.concatenate([old.hi, self.rows.hi]),
        )  # fmt: skip
        return replace(part, model=replace(model, space=space, rows=rows))


def derive(
    part: Subproblem, change: Change, point: np.ndarray, w: np.ndarray, sigma: np.ndarray, limit: float,
    seconds: float | None,
) -> tuple[Root, ...]:  # fmt: skip
    """Return rows and boxes of a subproblem, separated at the optima of its priced objective, and at a point.

    They hold for points whose priced objective is not above ``limit``.
    """
    deadline, now = Deadline(seconds), change.on(part)
    costs = priced(now, w, sigma)
    first = root_rows(costs, None, limit, time_limit=deadline.left(SECONDS))
    costs = replace(costs, space=_boxed(costs.space, first))
    return first, root_rows(costs, point, limit, time_limit=deadline.left(SECONDS))


def _boxed(space: Space, root: Root) -> Space:
    out = space.copy()
    out.lb[:], out.ub[:] = root.lb, root.ub
    return out


def exact(
    part: Subproblem, change: Change, w: np.ndarray, sigma: np.ndarray, room: float, solver: str, seconds: float | None
) -> Minimum:
    """Return the minimum of a priced subproblem over its own rows, its boxes being those derived so far."""
    now = change.on(part)
    return minimum(now, w, sigma, room, Deadline(seconds).left(SECONDS), solver)
