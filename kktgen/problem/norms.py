"""Euclidean norms in a follower's rows, ``norm(e) <= t``, as rows that KKT conditions can be written of.

* One entry: ``|e| <= t`` is two linear rows, whatever t is.
* More entries, and t a number or an expression of the leader's: ``e @ e <= t * t`` and ``t >= 0``, a convex quadratic
  row (:mod:`kktgen.problem.curved_rows`). Where e holds parameters it gets variables of the follower, tied to it.
* More entries, and t of the follower's own: a cone with an apex, where squares have no gradient. Not taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..errors import ProblemError
from ..numerics.intervals import interval
from .combine import stack
from .expressions import Affine, Expression
from .refusals import Constraint

if TYPE_CHECKING:
    from .follower import Follower
    from .rows import QuadRow, QuadRows, Rows

CURVED = (
    "a norm stands in kktgen only as norm(e) <= t, a row of a follower with a number or the leader's variables in t: "
    "not on the larger side, in an equation, in a sum, or in an objective"
)


class Norm:
    """The Euclidean norm of an expression, made by :func:`norm`; it can be compared, nothing else."""

    __slots__ = ("e",)
    __array_ufunc__ = None

    def __init__(self, e: Affine) -> None:
        self.e = e

    def __repr__(self) -> str:
        return f"Norm({self.e!r})"

    def __le__(self, other: Any) -> NormRow:
        return NormRow(self.e, other)

    def _refuse(self, *others: Any) -> NoReturn:
        raise ProblemError(CURVED)

    __ge__ = __lt__ = __gt__ = __eq__ = __ne__ = __add__ = __radd__ = __sub__ = __rsub__ = _refuse
    __mul__ = __rmul__ = __neg__ = __pow__ = __truediv__ = _refuse
    __hash__ = object.__hash__


class NormRow(Constraint):
    """The row ``norm(e) <= t`` of a follower."""

    __slots__ = ("e", "t")

    def __init__(self, e: Affine, t: Any) -> None:
        if isinstance(t, Expression) and (not isinstance(t, Affine) or t.shape != ()):
            raise ProblemError("norm(e) <= t: t is a number or one linear expression, a scalar")
        self.e = e
        self.t = t if isinstance(t, Affine) else float(np.asarray(t, dtype=float))

    def __repr__(self) -> str:
        return f"NormRow({len(self.e.c)} entries)"


def norm(expr: Any) -> Norm:
    """Return the Euclidean norm of a linear expression, for rows ``kg.norm(e) <= t`` of a follower.

    Parameters
    ----------
    expr : Affine
        Of any shape; all entries count.

    Returns
    -------
    Norm
        To be compared with a number or a scalar expression. Of one entry it is the absolute value, and t may be any
        linear expression; of more entries t is a number or an expression of the leader's variables, and the row that
        the follower gets is the squared one, ``e @ e <= t * t``: so ``.dual`` is its multiplier.

    Raises
    ------
    ProblemError
        No linear expression.

    See Also
    --------
    Follower.add : Takes the rows.

    Examples
    --------
    A converter of a size that the leader chooses gives active and reactive power.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("converter")
    >>> size = m.var("size", lb=1, ub=5)
    >>> f = m.follower("converter")
    >>> power = f.var("power", 2, lb=0, ub=10)
    >>> limit = f.add(kg.norm(power) <= size, name="limit")
    >>> f.maximize(3 * power[0] + 4 * power[1])
    >>> m.maximize(3 * power[0] + 4 * power[1] - size * size)       # 5 size - size^2
    >>> result = kg.optimize(m)
    >>> print(f"{result.solution[size]:.2f} {result.solution.objective:.2f} {result.report.claim}")
    2.50 6.25 optimal
    """
    if not isinstance(expr, Affine):
        raise ProblemError(f"norm: a linear expression of variables is needed, got {type(expr).__name__}")
    return Norm(expr.ravel())


def norm_rows(
    follower: Follower, row: NormRow, name: str
) -> tuple[Rows | QuadRow | QuadRows, list[tuple[Any, str]]]:  # fmt: skip
    """Return the row that stands for a norm, and the rows beside it with their names; variables are declared.

    Raises
    ------
    ProblemError
        A negative number as the larger side; a side of the follower's own variables beside several entries.
    """
    e, t, space = row.e, row.t, follower.space
    where = f"follower {follower.name!r}, row {name!r}"
    if len(e.c) == 1:
        return stack([e[0] - t, -e[0] - t]) <= 0, []
    if isinstance(t, float):
        if not t >= 0:
            raise ProblemError(f"{where}: norm(e) <= {t:g} excludes every point")
        beside: list[tuple[Any, str]] = []
    else:
        theirs = t.M.indices[space.role[t.M.indices] != "leader"]
        if len(theirs):
            raise ProblemError(
                f"{where}: norm(e) <= t with {space.label(int(theirs[0]))} in t, which is not the leader's, is a cone; "
                "kktgen takes norms of several entries below a number or the leader's variables. Squares below a "
                "linear term are taken (e @ e <= l), and so is the absolute value of one entry"
            )
        beside = [(t >= 0, f"{name}_side")]
    columns = e.M.indices
    if ((space.owner[columns] != follower.index) | (space.role[columns] != "follower")).any():
        low, high = interval(e.M, space.lb[: e.M.shape[1]], space.ub[: e.M.shape[1]])
        part = follower.var(f"{name}_part", len(e.c), lb=low + e.c - 1.0, ub=high + e.c + 1.0)
        beside.append((part == e, f"{name}_part"))
        e = part
    return e @ e <= t * t, beside
