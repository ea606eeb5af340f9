"""Euclidean norms in a follower's rows, ``norm(e) <= t``, as rows that KKT conditions can be written of.

* One entry: ``|e| <= t`` is two linear rows, whatever t is.
* More entries, and t a number or an expression of the leader's: ``e @ e <= t * t`` and ``t >= 0``, a convex quadratic
  row (:mod:`kktgen.problem.curved_rows`). Where e holds parameters it gets variables of the follower, tied to it.
* More entries, and the follower's own variables in t: a cone with an apex, where squares have no gradient. The follower
  gets a half-space, whose normal the leader's columns hold (:mod:`kktgen.problem.cones`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..errors import ProblemError
from ..numerics.intervals import interval
from .combine import concatenate, stack
from .cones import BESIDE, Cone
from .expressions import Affine, Expression
from .leader_terms import ROLE
from .refusals import Constraint
from .variables import unit_rows

if TYPE_CHECKING:
    from .follower import Follower
    from .rows import QuadRow, QuadRows, Rows

CURVED = (
    "a norm stands in kktgen only as norm(e) <= t, a row of a follower: not on the larger side, in an equation, in a "
    "sum, or in an objective"
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
        known = t.c if isinstance(t, Affine) and not t.M.nnz else t
        self.t = known if isinstance(known, Affine) else float(np.asarray(known, dtype=float).item())

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
        To be compared with a number or a scalar expression t. Of one entry it is the absolute value. Of more entries
        the row that the follower gets is the squared one, ``e @ e <= t * t``, where t is a number or an expression of
        the leader's variables, and ``.dual`` is the multiplier of that. With the follower's own variables in t it is a
        half-space around the cone, ``u @ e <= t``; its normal u is a column of the model
        (:mod:`kktgen.problem.cones`), and ``.dual`` is d(cost)/d(t), not positive.

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

    A crane moves ``load`` by two ropes; their pull together is no more than the force it pays for.

    >>> m = kg.Bilevel("crane")
    >>> load = m.var("load", lb=1, ub=4)
    >>> crane = m.follower("crane")
    >>> pull, force = crane.var("pull", 2, lb=0, ub=10), crane.var("force", lb=0, ub=20)
    >>> cone = crane.add(kg.norm(pull) <= force, name="cone")
    >>> _ = crane.add(pull[0] + pull[1] >= load)
    >>> crane.minimize(force)
    >>> m.maximize(2 * load - force * force)                        # force = load / sqrt(2)
    >>> result = kg.optimize(m)
    >>> print(f"{result.solution[load]:.2f} {result.solution.objective:.2f} {result.report.claim}")
    2.00 2.00 optimal
    >>> print(f"{result.solution[cone.dual]:.2f}")
    -1.00
    """
    if not isinstance(expr, Affine):
        raise ProblemError(f"norm: a linear expression of variables is needed, got {type(expr).__name__}")
    return Norm(expr.ravel())


def norm_rows(
    follower: Follower, row: NormRow, name: str
) -> tuple[Rows | QuadRow | QuadRows, list[tuple[Any, str]], Cone | None]:  # fmt: skip
    """Return the row that stands for a norm, the rows beside it with their names, and the cone; columns are declared.

    The cone is None where squares stand for the norm; of one that is returned the multiplier is not known yet.

    Raises
    ------
    ProblemError
        A negative number as the larger side; a cone in a follower that has squares of its own in other rows.
    """
    e, t, space = row.e, row.t, follower.space
    where = f"follower {follower.name!r}, row {name!r}"
    if len(e.c) == 1:
        return stack([e[0] - t, -e[0] - t]) <= 0, [], None
    beside: list[tuple[Any, str]] = []
    if isinstance(t, float):
        if not t >= 0:
            raise ProblemError(f"{where}: norm(e) <= {t:g} excludes every point")
    elif (space.role[t.M.indices] == "leader").all():
        beside = [(t >= 0, f"{name}_side")]
    else:
        return _half_space(follower, e, t, name, where)
    e = _own(follower, e, name, beside)
    return e @ e <= t * t, beside, None


def _half_space(
    follower: Follower, e: Affine, t: Affine, name: str, where: str
) -> tuple[QuadRow, list[tuple[Any, str]], Cone]:  # fmt: skip
    """Return the row ``u @ e <= t`` with new columns u, and the cone."""
    space, beside = follower.space, list[tuple[Any, str]]()
    squares = next((part.names[0] for part in follower.varying if part.curved), None)
    if squares is not None:
        raise ProblemError(f"{where}: {BESIDE.format(squares=squares, cone=name)}")
    e = _own(follower, e, name, beside)
    k, word = len(e.c), space.made(f"{name}_normal", follower.name, follower.products.variables)
    u = space.append(word, ROLE, lb=-1.0, ub=1.0, follower=follower.name, shape=(k,))
    normal = Affine(space, unit_rows(u, len(space)), np.zeros(k), (k,))
    both = concatenate([stack([t]), e])
    cone = Cone(name, u, both.M, both.c, -1, np.ones(k), np.full(k, -1), np.ones(k))
    return normal @ e <= t, beside, cone


def _own(follower: Follower, e: Affine, name: str, beside: list[tuple[Any, str]]) -> Affine:
    """Return e, or variables of the follower that rows ``beside`` tie to it where it holds parameters."""
    space, columns = follower.space, e.M.indices
    if not ((space.owner[columns] != follower.index) | (space.role[columns] != "follower")).any():
        return e
    low, high = interval(e.M, space.lb[: e.M.shape[1]], space.ub[: e.M.shape[1]])
    part = follower.var(f"{name}_part", len(e.c), lb=low + e.c - 1.0, ub=high + e.c + 1.0)
    beside.append((part == e, f"{name}_part"))
    return part
