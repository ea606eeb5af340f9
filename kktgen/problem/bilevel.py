"""A bilevel problem: one leader, convex-QP followers, declared with expressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ProblemError, expect
from ..numerics.sparse import joined
from .columns import LEADER, Space
from .expressions import Affine, Quad
from .follower import Follower
from .from_matrices import declare_followers, declare_leader
from .qp import QP
from .rows import QuadRow, Rows
from .variables import checked, declare, listed, named, of_problem, variable


class Bilevel:
    """A leader and its followers; without followers an ordinary model.

    Parameters
    ----------
    name : str
        Name of the problem, used in files.

    Attributes
    ----------
    about : dict
        What is known of the problem: ``model``, ``parameters``, ``known`` (objective, bound, claim, ..), ``source``,
        ``version``, ``files``, ``names``; travels in ``.bilevel.json`` files.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> round(kg.optimize(m).solution.objective, 4)
    2.0
    """

    def __init__(self, name: str = "bilevel") -> None:
        self.name = named(name, "problem")
        self.space = Space(name)
        self._followers: dict[str, Follower] = {}
        self.rows: list[Rows] = []
        self.quads: list[QuadRow] = []
        self.sets: list[tuple[str, np.ndarray]] = []
        self.conditions: list[tuple[str, int, int, Rows]] = []
        self.objective: Quad = Quad.of(self.space, 0.0)
        self.sense = 1
        self.about: dict[str, Any] = {}
        self._names: set[str] = set()
        self._unnamed = 0

    def __repr__(self) -> str:
        return f"Bilevel({self.name!r}, {len(self.space)} columns, {len(self._followers)} followers)"

    @property
    def followers(self) -> tuple[Follower, ...]:
        """The followers in order of declaration."""
        return tuple(self._followers.values())

    def follower(self, name: str) -> Follower:
        """Declare a follower.

        Parameters
        ----------
        name : str

        Returns
        -------
        Follower

        Raises
        ------
        ProblemError
            The name is empty or taken.
        """
        if named(name, "follower") in self._followers:
            raise ProblemError(f"{self.name!r} already has a follower {name!r}")
        self._followers[name] = Follower(self.space, name, len(self._followers))
        return self._followers[name]

    def var(self, name: str, shape: Any = None, *, lb: Any = -np.inf, ub: Any = np.inf, kind: str = "C") -> Affine:
        """Declare a variable of the leader.

        Parameters
        ----------
        name : str
        shape : int or tuple of int, optional
            ``None`` for a scalar.
        lb, ub : float or array
            Bounds; free by default (binaries lie in [0, 1]).
        kind : str
            ``"C"`` continuous, ``"B"`` binary, ``"I"`` integer.

        Returns
        -------
        Affine
            The variable, an expression of the given shape.

        Raises
        ------
        ProblemError
            Name taken or none, a shape or bounds that do not fit, bounds that leave no value.
        """
        columns, _, _, dims = declare(self.space, self._names, name, shape, lb, ub, kind, LEADER, "")
        none = np.full(len(columns), -1)
        return variable(self.space, columns, dims, name, none, none)

    def add(self, *rows: Any, name: str | None = None) -> Any:
        """Add leader rows, linear or quadratic (coupling constraints may hold follower variables and prices).

        Parameters
        ----------
        rows : Rows, QuadRow, or lists, tuples, generators, dicts, arrays and Series of them
        name : str, optional
            Name of the row; several are numbered behind it.

        Returns
        -------
        Rows or QuadRow
            What was given; a tuple unless it was one row.

        Raises
        ------
        ProblemError
            Something else than rows, rows of another problem, NaN, or an infinite side that excludes every point.
        """
        if name is not None:
            named(name, "row")
        out: list[Any] = []
        given = listed(rows)
        for k, row in enumerate(given):
            label = name if name and len(given) == 1 else f"{name}{k + 1}" if name else self._next_name()
            out.append(self._add_linear(row, label) if isinstance(row, Rows) else self._add_quadratic(row, label))
        return out[0] if len(rows) == 1 and isinstance(rows[0], Rows | QuadRow) else tuple(out)

    def _add_linear(self, row: Rows, label: str) -> Rows:
        row = row.fresh()
        row.name = label
        self.rows.append(checked(row, self.space, f"row {label!r}"))
        return row

    def _add_quadratic(self, row: QuadRow, label: str) -> QuadRow:
        of_problem(row.quad.space, self.space)
        data = np.concatenate([row.quad.v, row.quad.linear.data])
        if np.isnan([row.lo, row.hi]).any() or not np.isfinite(data).all():
            raise ProblemError(f"row {label!r}: NaN or inf in the data of the row")
        if row.lo == np.inf or row.hi == -np.inf:
            raise ProblemError(f"row {label!r}: an infinite side on the wrong end excludes every point")
        row.name = label
        self.quads.append(row)
        return row

    def _next_name(self) -> str:
        self._unnamed += 1
        return f"c{self._unnamed}"

    def sos1(self, variables: Any, name: str | None = None) -> None:
        """Require that at most one of the variables (an expression of plain variables, or a sequence) is nonzero."""
        parts = [variables] if isinstance(variables, Affine) else list(variables)
        for part in parts:
            expect(part, Affine, "sos1", "give variables")
            of_problem(part.space, self.space)
        columns = joined((part.cols.ravel() for part in parts), int)
        if len(np.unique(columns)) < len(columns):
            raise ProblemError("sos1: a variable stands twice in the set")
        self.sets.append((name or f"sos{len(self.sets) + 1}", columns))

    def indicator(self, binary: Affine, value: int, rows: Rows, name: str | None = None) -> None:
        """Require ``rows`` whenever the leader's binary has the value 0 or 1."""
        expect(binary, Affine, "indicator", "give a binary variable")
        of_problem(binary.space, self.space)
        column = binary.cols.ravel()
        if len(column) != 1 or self.space.kind[column[0]] != "B":
            raise ProblemError("indicator: the condition must be one binary variable (kind='B')")
        if value not in (0, 1) or not isinstance(rows, Rows):
            raise ProblemError("indicator(b, value, rows): value is 0 or 1, rows are linear rows")
        label = name or f"ind{len(self.conditions) + 1}"
        self.conditions.append((label, int(column[0]), int(value), checked(rows, self.space, f"indicator {label!r}")))

    def minimize(self, expr: Any) -> None:
        """Set the leader's objective, minimised (it may hold multipliers and any products of two variables)."""
        self.objective, self.sense = self._objective(expr), 1

    def maximize(self, expr: Any) -> None:
        """Set the leader's objective, maximised (inside, ``-expr`` is minimised)."""
        self.objective, self.sense = -self._objective(expr), -1

    def _objective(self, expr: Any) -> Quad:
        quad = Quad.of(self.space, expr)
        of_problem(quad.space, self.space)
        if not (np.isfinite(quad.v).all() and np.isfinite(quad.linear.data).all() and np.isfinite(quad.r)):
            raise ProblemError("NaN or inf in the leader's objective")
        return quad

    @classmethod
    def from_matrices(
        cls,
        followers: QP | Mapping[str, QP],
        *,
        q: Any,
        P: Any = None,
        r: float = 0.0,
        lb: Any = -np.inf,
        ub: Any = np.inf,
        kind: str | Sequence[str] = "C",
        rows: tuple[Any, Any, Any] | None = None,
        sense: str = "min",
        name: str = "bilevel",
    ) -> Bilevel:
        """Return the bilevel problem given by matrices, without expressions.

        Parameters
        ----------
        followers : QP or mapping of str to QP
            Each follower's QP; their parameters x are the leader's variables, nx of them.
        q, P, r : (n,), (n, n), float
            Leader's objective ``1/2 z'Pz + q'z + r`` over ``z = (x, y of follower 1, y of follower 2, ...)``.
        lb, ub, kind : float, array or str
            Bounds and kinds of the leader's nx variables.
        rows : (M, lo, hi), optional
            Leader's rows ``lo <= M z <= hi`` over the same z.
        sense : str
            ``"min"`` or ``"max"``.
        name : str

        Returns
        -------
        Bilevel
            Leader variable ``x``, follower variables ``y``, rows ``eq`` and ``in``.
        """
        m = cls(name)
        if not isinstance(followers, QP | Mapping):
            raise ProblemError(
                f"from_matrices: followers is a QP, or a mapping of names to QPs, got {type(followers).__name__}"
            )
        qps = {"follower": followers} if isinstance(followers, QP) else dict(followers)
        z = declare_followers(m, qps, lb, ub, kind)
        declare_leader(m, z, P, q, r, rows, sense)
        return m
