"""What a solver found: status, point, bound, and the model they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import NoSolutionError, ProblemError
from ..problem.columns import Space
from ..problem.expressions import Affine, Quad
from ..problem.names import named_columns
from ..problem.variables import named_variable
from .html import solution_html
from .model import Model
from .values import array, checked_expression, dataset, frame, told

STATUSES = (
    "optimal",  # the solver proved its point optimal for the model it was given
    "time_limit",  # stopped by a limit (time, nodes, gap, interrupt); a point may or may not be there
    "infeasible",
    "unbounded",
    "infeasible_or_unbounded",
    "heuristic",  # a feasible point from a heuristic, no bound
    "error",
)


@dataclass(frozen=True, eq=False)
class Solution:
    """A solver's answer.

    Parameters
    ----------
    status : str
        One of ``STATUSES``. The solver's own word; what may be claimed of the bilevel problem is said by
        :func:`kktgen.verify`.
    objective : float or None
        Leader's objective in the user's own sense; None without a point.
    bound : float or None
        The solver's proven bound on it, in the same sense; None where there is none.
    z : ndarray (n,) or None
        The point, over all columns of ``model``.
    seconds : float
        Wall time of the solve.
    solver : str
        Name and version.
    model : Model
        What was solved.
    nodes : int or None
        Branch-and-bound nodes.
    raw : dict
        Anything else the solver said.

    See Also
    --------
    kktgen.solve, kktgen.optimize : Return one.
    kktgen.verify : What may be claimed of it.

    Examples
    --------
    Values are read off by expressions.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> solution = kg.solve(kg.encode(kg.bound(kg.kkt(m))))
    >>> solution.status
    'optimal'
    >>> print(f"{solution.objective:.2f} {solution[toll]:.2f} {solution[3 * road + 1]:.2f}")
    2.00 2.00 4.00
    >>> print(f"{solution.gap:.4f}")
    0.0000
    """

    status: str
    objective: float | None
    bound: float | None
    z: np.ndarray | None
    seconds: float
    solver: str
    model: Model
    nodes: int | None = None
    raw: dict[str, Any] | None = None

    def __getitem__(self, expr: Affine | Quad | str) -> Any:
        """Return the value of an expression: a float for a scalar, else an array of its shape.

        A text is the name of a variable, ``"x"`` or ``"market.g"``, or the label of a column, such as a name in the
        file that was read.

        Raises
        ------
        NoSolutionError
            When there is no point.
        ProblemError
            No expression, or one of another problem or of variables declared after the model was made.
        """
        if self.z is None:
            raise NoSolutionError(f"no point to take values from: status {self.status!r} ({self.solver})")
        if isinstance(expr, str):
            columns, shape = named_columns(self.model.space, expr)
            return self.z[columns].reshape(shape) if shape else float(self.z[columns[0]])
        if not isinstance(expr, Affine | Quad):
            raise ProblemError(f"sol[..] takes an expression such as x or x + y, got {type(expr).__name__}")
        same_columns(expr, self.model.space)
        return expr.value(self.z)

    def frame(self, expr: Affine | str) -> Any:
        """Return the values of an expression with its labels, in pandas.

        Parameters
        ----------
        expr : Affine or str
            A variable or its name, or a linear expression such as ``rows.dual``, which has the labels of the variables
            in it.

        Returns
        -------
        pandas.Series or pandas.DataFrame
            A Series of one dimension, a DataFrame of two, a Series with a MultiIndex of more.

        Raises
        ------
        UnsupportedError
            pandas is not installed (``pip install 'kktgen[labels]'``).
        NoSolutionError, ProblemError
            As of ``solution[expr]``.

        See Also
        --------
        array : The same in xarray.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("prices")
        >>> market = m.follower("market")
        >>> g = market.var("g", lb=0, coords={"hour": ["07:00", "08:00"]}, unit="MW")
        >>> balance = market.add(g == [40, 60], name="balance")
        >>> market.minimize(0.1 * g @ g)
        >>> m.minimize(0)
        >>> solution = kg.optimize(m).solution
        >>> print(solution.frame(balance.dual).round(2).to_string())
        hour
        07:00     8.0
        08:00    12.0
        """
        expr = self._expression(expr, "frame")
        return frame(expr, np.asarray(self[expr], dtype=float).ravel())

    def array(self, expr: Affine | str) -> Any:
        """Return the values of an expression with its labels, in xarray.

        Parameters
        ----------
        expr : Affine
            As of :meth:`frame`.

        Returns
        -------
        xarray.DataArray
            The unit of a variable is its attribute ``units``.

        Raises
        ------
        UnsupportedError
            xarray is not installed (``pip install 'kktgen[labels]'``).
        NoSolutionError, ProblemError
            As of ``solution[expr]``.

        See Also
        --------
        to_dataset : All variables.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("plan")
        >>> x = m.var("x", lb=0, ub=3, coords={"site": ["a", "b"]}, unit="MW")
        >>> m.maximize(x.sum())
        >>> print(kg.solve(m).array(x).sel(site="b").item())
        3.0
        """
        expr = self._expression(expr, "array")
        return array(expr, np.asarray(self[expr], dtype=float).ravel())

    def _expression(self, expr: Affine | str, word: str) -> Affine:
        """Return an expression, or the variable of a name."""
        if isinstance(expr, str):
            return named_variable(self.model.space, expr)
        return checked_expression(expr, word)

    def to_dataset(self) -> Any:
        """Return all variables of the leader and the followers with their labels, in xarray.

        Returns
        -------
        xarray.Dataset
            One variable each, a follower's as ``name(follower)``. Dimensions of one name and the same labels are one.

        Raises
        ------
        UnsupportedError
            xarray is not installed (``pip install 'kktgen[labels]'``).
        NoSolutionError
            There is no point.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("plan")
        >>> x = m.var("x", lb=0, ub=3, coords={"site": ["a", "b"]})
        >>> m.maximize(x.sum())
        >>> print(list(kg.solve(m).to_dataset()))
        ['x']
        """
        if self.z is None:
            raise NoSolutionError(f"no point to take values from: status {self.status!r} ({self.solver})")
        return dataset(self.model.space, self.z)

    @property
    def gap(self) -> float | None:
        """Relative gap ``|objective - bound| / max(unit, |objective|)``; None when either is missing."""
        if self.objective is None or self.bound is None:
            return None
        unit = 1.0 if self.model.units is None else self.model.units.objective
        return abs(self.objective - self.bound) / max(unit, abs(self.objective))

    def __repr__(self) -> str:
        value = "no point" if self.objective is None else f"objective {self.objective:.6g}"
        return f"Solution({self.model.name!r}, {self.status}, {value})"

    def _repr_html_(self) -> str:
        return solution_html(self)

    def __str__(self) -> str:
        return "\n".join([self.headline, *([] if self.z is None else told(self.model.space, self.z))])

    @property
    def headline(self) -> str:
        """The first line of what is printed: status, objective, bound, solver.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("plan")
        >>> x = m.var("x", lb=0, ub=3)
        >>> m.maximize(x, unit="EUR")
        >>> print(kg.solve(m).headline[:27])
        optimal: objective 3 (EUR),
        """
        unit = f" ({self.model.unit})" if self.model.unit else ""
        point = "no point" if self.objective is None else f"objective {self.objective:.6g}{unit}"
        bound = "" if self.bound is None else f", bound {self.bound:.6g}"
        nodes = "" if self.nodes is None else f", {self.nodes} node{'' if self.nodes == 1 else 's'}"
        return f"{self.status}: {point}{bound} ({self.solver}, {self.seconds:.1f} s{nodes})"


DECLARED = ("leader", "follower")
"""Roles of variables; those of columns that a stage appended are others."""


def same_columns(expr: Affine | Quad, space: Space) -> None:
    """Refuse an expression whose columns are others in the space of a model, or are not there."""
    mine = expr.space
    if mine is space:
        return
    if mine.serial != space.serial:
        raise ProblemError(f"an expression of problem {mine.name!r} has no value in a solution of {space.name!r}")
    used = expr.M.indices if isinstance(expr, Affine) else np.concatenate([expr.i, expr.j, expr.linear.indices])
    there = used < min(len(space), len(mine))
    at = used[there]
    same = (space.role[at] == mine.role[at]) & (space.owner[at] == mine.owner[at])
    declared = [np.isin(role, DECLARED) for role in (space.role[at], mine.role[at])]
    there[there] = same | (declared[0] & declared[1])  # masters give followers' columns to the leader
    if not there.all():
        late = mine.label(used[~there][0])
        raise ProblemError(f"{late!r} was declared after the model was made, so the solution has no value for it")
