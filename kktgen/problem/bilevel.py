"""A bilevel problem: one leader, convex-QP followers, declared with expressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ProblemError, expect
from ..numerics.sparse import joined
from . import array_functions  # noqa: F401  what NumPy's functions do to expressions
from .columns import LEADER, Space
from .complementarity import declare_complements
from .expressions import Affine, Quad
from .follower import Follower
from .from_matrices import declare_followers, declare_leader
from .html import bilevel_html
from .integer_bits import Bits
from .labelled import labels_for
from .qp import QP
from .rows import QuadRow, QuadRows, Rows
from .variables import checked, checked_unit, declare, listed, named, named_variable, of_problem, variable


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

    See Also
    --------
    kktgen.optimize : Solve the problem and verify the answer.
    kktgen.kkt : The first step of the pipeline, by hand.

    Examples
    --------
    A road owner sets a toll of at most 3; a driver takes the road (``road`` = 1) while it costs no more than the
    detour, which costs 2.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> m
    Bilevel('toll', 4 columns, 1 followers)
    >>> print(f"{kg.optimize(m).solution.objective:.4f}")
    2.0000
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
        self.unit = ""
        self.aims = False  # whether an objective of the leader was set
        self.about: dict[str, Any] = {}
        self._names: set[str] = set()
        self._bits = Bits(self.space, self.rows, self._names)
        self._unnamed = 0

    def __repr__(self) -> str:
        conditions = sum(f.is_condition for f in self.followers)
        more = f", {conditions} complements" if conditions else ""
        followers = f"{len(self._followers) - conditions} followers"
        return f"Bilevel({self.name!r}, {len(self.space)} columns, {followers}{more})"

    def _repr_html_(self) -> str:
        return bilevel_html(self)

    @property
    def followers(self) -> tuple[Follower, ...]:
        """The followers in order of declaration.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("duopoly")
        >>> north, south = m.follower("north"), m.follower("south")
        >>> [follower.name for follower in m.followers]
        ['north', 'south']
        """
        return tuple(self._followers.values())

    def variable(self, name: str) -> Affine:
        """Return a variable by its name, for instance of a problem that was read from a file.

        Parameters
        ----------
        name : str
            ``x`` of the leader or of the one follower that has it, ``market.x`` of a follower, or a column's label.

        Returns
        -------
        Affine

        Raises
        ------
        ProblemError
            Nothing is called so, or several followers have such a variable.

        See Also
        --------
        Follower.dual : The price of a row by its name.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("toll")
        >>> driver = m.follower("driver")
        >>> _ = driver.var("road", 3, lb=0)
        >>> m.variable("driver.road").shape
        (3,)
        """
        return named_variable(self.space, name)

    @property
    def bits(self) -> np.ndarray:
        """Columns of the bits in which integers of the leader are written that multiply followers' expressions.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("sizes")
        >>> units = m.var("units", lb=0, ub=3, kind="I")
        >>> f = m.follower("f")
        >>> y = f.var("y", lb=0, ub=4)
        >>> _ = f.add(units * y <= 5)
        >>> len(m.bits)
        2
        """
        return self._bits.made

    def with_bits(self, z: np.ndarray) -> np.ndarray:
        """Return a point (n,) with the :attr:`bits` that its integers have.

        Parameters
        ----------
        z : ndarray (n,)

        Returns
        -------
        ndarray (n,)

        Examples
        --------
        >>> import numpy as np
        >>> import kktgen as kg
        >>> m = kg.Bilevel("sizes")
        >>> units = m.var("units", lb=0, ub=3, kind="I")
        >>> f = m.follower("f")
        >>> y = f.var("y", lb=0, ub=4)
        >>> _ = f.add(units * y <= 5)
        >>> z = np.zeros(len(m.space))
        >>> z[units.cols] = 2
        >>> print(m.with_bits(z)[m.bits])                # 2 = 0 * 1 + 1 * 2
        [0. 1.]
        """
        return self._bits.filled(z)

    def follower(self, name: str, *, products: bool = False) -> Follower:
        """Declare a follower.

        Parameters
        ----------
        name : str
        products : bool
            Its rows may hold products of its variables with continuous variables of the leader, too. Each row and its
            multiplier then make nonconvex rows of the model, which SCIP solves; ``optimal`` is claimed only where all
            their factors lie in proved boxes. Products with binary and integer variables need no asking.

        Returns
        -------
        Follower

        Raises
        ------
        ProblemError
            The name is empty or taken.

        See Also
        --------
        Follower : What can be declared on it.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("contract")
        >>> price = m.var("price", lb=0, ub=4)
        >>> buyer = m.follower("buyer")
        >>> use = buyer.var("use", lb=0)
        >>> buyer.minimize(price @ use + use @ use - 4 * use)    # uses (4 - price) / 2
        >>> m.maximize(price @ use)
        >>> print(f"{kg.optimize(m).solution[use]:.4f}")
        1.0000

        A quality x of the leader's choice says how much of a scarce good a unit takes.

        >>> m = kg.Bilevel("quality")
        >>> x = m.var("x", lb=1, ub=3)
        >>> shop = m.follower("shop", products=True)
        >>> sold = shop.var("sold", lb=0, ub=9)
        >>> scarce = shop.add(x * sold <= 6, name="scarce")
        >>> shop.minimize(0.5 * sold @ sold - 5 * sold)          # sells 5, or 6 / x if that is less
        >>> m.maximize(2 * x + sold)
        >>> result = kg.optimize(m)
        >>> print(f"{result.solution[x]:.3f} {result.solution[sold]:.3f} {result.report.claim}")
        3.000 2.000 optimal
        """
        if named(name, "follower") in self._followers:
            raise ProblemError(f"{self.name!r} already has a follower {name!r}")
        self._followers[name] = Follower(self.space, name, len(self._followers), self._bits, products)
        return self._followers[name]

    def var(
        self, name: str, shape: Any = None, *, lb: Any = -np.inf, ub: Any = np.inf, kind: str = "C",
        coords: Any = None, unit: str = "",
    ) -> Affine:  # fmt: skip
        """Declare a variable of the leader.

        Parameters
        ----------
        name : str
        shape : int or tuple of int, optional
            ``None`` for a scalar.
        lb, ub : float or array
            Bounds; free by default (binaries lie in [0, 1]). Data of pandas and xarray are read by their labels where
            the variable has labels, too.
        kind : str
            ``"C"`` continuous, ``"B"`` binary, ``"I"`` integer.
        coords : mapping or sequence of indexes, optional
            Labels of the entries, ``{"hour": hours, "bus": buses}`` or pandas indexes that have names; they make the
            shape. Index objects in the place of ``shape`` are labels, too.
        unit : str
            What the values are counted in, such as ``"MW"``; printed beside them.

        Returns
        -------
        Affine
            The variable, an expression of the given shape.

        Raises
        ------
        ProblemError
            Name taken or none, a shape or bounds that do not fit, bounds that leave no value.

        See Also
        --------
        Follower.var : A variable of a follower.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("design")
        >>> size = m.var("size", lb=0, ub=10)
        >>> built = m.var("built", 3, kind="B")
        >>> flow = m.var("flow", (3, 24), lb=0)
        >>> size, built, flow[:, 0]
        (Variable('size', shape=()), Variable('built', shape=(3,)), Affine(shape=(3,), 3 terms over 3 columns))

        With labels, which names of entries in reports and :meth:`kktgen.Solution.frame` speak.

        >>> offer = m.var("offer", lb=0, coords={"hour": ["07:00", "08:00"], "bus": ["north", "south"]}, unit="EUR/MWh")
        >>> offer.shape, m.space.label(offer.cols[1, 0])
        ((2, 2), 'offer(08:00,north)')
        """
        made = declare(self.space, self._names, name, shape, lb, ub, kind, LEADER, "", coords, unit)
        none = np.full(len(made.columns), -1)
        return variable(self.space, made.columns, made.shape, name, none, none)

    def add(self, *rows: Any, name: str | None = None, when: Any = None, coords: Any = None) -> Any:
        """Add leader rows, linear or quadratic; they may hold followers' variables and multipliers (``rows.dual``).

        Parameters
        ----------
        rows : Rows, QuadRow, or lists, tuples, generators, dicts, arrays and Series of them
        name : str, optional
            Name of the row; several are numbered behind it.
        coords : mapping or sequence of indexes, optional
            Labels of the rows, as of :meth:`var`; where they are left out, those of the variables in them.
        when : None
            For a follower's rows alone (:meth:`Follower.add`); the leader's are :meth:`indicator`.

        Returns
        -------
        Rows or QuadRow
            What was given; a tuple unless it was one row.

        Raises
        ------
        ProblemError
            Something else than rows, rows of another problem, NaN, an infinite side that excludes every point, or
            a condition.

        See Also
        --------
        Follower.add : Rows that the follower has to keep, with multipliers.
        kktgen.between : Two-sided rows.

        Examples
        --------
        A leader's row restricts the leader alone: the follower does not look at it when it responds.

        >>> import kktgen as kg
        >>> m = kg.Bilevel("quota")
        >>> x = m.var("x", lb=0, ub=8)
        >>> lower = m.follower("lower")
        >>> y = lower.var("y", lb=0)
        >>> lower.minimize(y)
        >>> lower.add(y >= x)
        Rows(c1, shape=(), 2 entries)
        >>> m.maximize(x)
        >>> m.add(x + y <= 10, name="cap")         # the response is y = x, so x is at most 5
        Rows(cap, shape=(), 2 entries)
        >>> print(f"{kg.optimize(m).solution[x]:.4f}")
        5.0000
        """
        if name is not None:
            named(name, "row")
        if when is not None:
            raise ProblemError(
                f"{f'row {name!r}' if name else 'a row'} of the leader takes no when=, which is for a follower's rows "
                "(follower.add). Rows of the leader that hold where a binary says so are m.indicator(x, 1, rows)"
            )
        out: list[Any] = []
        given = listed(rows)
        for k, row in enumerate(given):
            label = name if name and len(given) == 1 else f"{name}{k + 1}" if name else self._next_name()
            out.append(self._add_any(row, label, coords))
        return out[0] if len(rows) == 1 and isinstance(rows[0], Rows | QuadRow) else tuple(out)

    def _add_any(self, row: Rows | QuadRow | QuadRows, label: str, coords: Any) -> Any:
        if isinstance(row, Rows):
            return self._add_linear(row, label, coords)
        if isinstance(row, QuadRow):
            return self._add_quadratic(row, label)
        return tuple(self._add_quadratic(one, f"{label}_{k}") for k, one in enumerate(row))

    def _add_linear(self, row: Rows, label: str, coords: Any) -> Rows:
        row = row.fresh()
        row.coords = labels_for(row, coords, f"row {label!r}")
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

    def complements(self, first: Any, second: Any, *, name: str | None = None) -> Follower:
        """Require complementarity of two linear expressions, entry by entry.

        Parameters
        ----------
        first : Affine
            F, of any columns: the leader's, followers' variables and multipliers (``rows.dual``).
        second : Affine or Rows
            An expression b: ``0 <= F``, ``0 <= b``, and one of them is zero. Or bounds on one,
            ``kg.between(l, x, u)`` or a comparison: ``l <= x <= u``, and F >= 0 where x = l, F <= 0 where x = u,
            F = 0 between. Sides may be infinite; where both are, F = 0.
        name : str, optional
            Of the conditions, in reports and files; ``comp1``, ``comp2``, .. by default.

        Returns
        -------
        Follower
            Stands for the conditions where an encoding is chosen for them (``choices`` of :func:`kktgen.encode`).

        Raises
        ------
        ProblemError
            Something else than linear expressions, two shapes, NaN, bounds that leave no value, a name that is taken.

        See Also
        --------
        kktgen.between : Two-sided rows.

        Notes
        -----
        Where no objective of the leader was ever set, nobody optimises the whole: the answer is an equilibrium, and
        the claim ``equilibrium verified`` (``kktgen help equilibria``). A bound of the variable itself is no part of
        the conditions: ``m.complements(F, x)`` says ``x >= 0``, whatever ``lb`` and ``ub`` x was declared with.

        Examples
        --------
        Two firms sell at the price ``10 - q1 - q2`` at unit costs of 1 and 4. No firm offers more where its marginal
        revenue ``price - q`` is below its cost.

        >>> import kktgen as kg
        >>> m = kg.Bilevel("duopoly")
        >>> q = m.var("q", 2)
        >>> cournot = m.complements([1, 4] - (10 - q.sum()) + q, q, name="cournot")
        >>> cournot
        Complements('cournot', 2 conditions)
        >>> result = kg.optimize(m)
        >>> print(result.solution[q].round(3), result.report.claim)
        [4. 1.] equilibrium verified

        With bounds, and a leader who has an objective: x is the price between 1 and 3 at which demand meets supply.

        >>> m = kg.Bilevel("band")
        >>> supply, price = m.var("supply", lb=0, ub=9), m.var("price")
        >>> band = m.complements(supply - (8 - 2 * price), kg.between(1, price, 3), name="band")
        >>> m.maximize(price + 0.1 * supply)
        >>> result = kg.optimize(m)
        >>> print(f"{result.solution[price]:.2f} {result.solution[supply]:.2f} {result.report.claim}")
        3.00 2.00 optimal
        """
        if name is None:
            taken = set(self._followers)
            name = next(label for k in range(len(taken) + 1) if (label := f"comp{k + 1}") not in taken)
        return declare_complements(self, first, second, named(name, "condition"))

    @property
    def is_equilibrium(self) -> bool:
        """Whether nobody optimises the whole: no objective was set, and there are conditions or several followers.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("duopoly")
        >>> q = m.var("q", 2)
        >>> cournot = m.complements(q + q.sum() - 9, q)
        >>> m.is_equilibrium
        True
        >>> m.minimize(q.sum())
        >>> m.is_equilibrium
        False
        """
        return not self.aims and (len(self._followers) > 1 or any(f.is_condition for f in self.followers))

    def sos1(self, variables: Any, name: str | None = None) -> None:
        """Require that at most one of some variables is nonzero.

        Parameters
        ----------
        variables : Affine or sequence of Affine
            Plain variables, or slices of them.
        name : str, optional
            Name of the set.

        Raises
        ------
        ProblemError
            Something else than plain variables, variables of another problem, or one of them twice.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("site")
        >>> plant = m.var("plant", 3, lb=0, ub=[4, 6, 5])
        >>> m.maximize(plant.sum())
        >>> m.sos1(plant, name="one_site")         # at most one plant is built: the one of size 6
        >>> kg.solve(m).objective
        6.0
        """
        parts = [variables] if isinstance(variables, Affine) else list(variables)
        for part in parts:
            expect(part, Affine, "sos1", "give variables")
            of_problem(part.space, self.space)
        columns = joined((part.cols.ravel() for part in parts), int)
        if len(np.unique(columns)) < len(columns):
            raise ProblemError("sos1: a variable stands twice in the set")
        self.sets.append((name or f"sos{len(self.sets) + 1}", columns))

    def indicator(self, binary: Affine, value: int, rows: Rows, name: str | None = None) -> None:
        """Require rows whenever a binary variable of the leader has a value.

        Parameters
        ----------
        binary : Affine
            One variable of ``kind="B"``.
        value : int
            0 or 1: the value at which the rows hold.
        rows : Rows
            Linear rows.
        name : str, optional

        Raises
        ------
        ProblemError
            No single binary, another value, or no linear rows.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("plant")
        >>> on, power = m.var("on", kind="B"), m.var("power", lb=0, ub=9)
        >>> m.indicator(on, 1, power >= 5)         # at least 5 when it runs
        >>> m.indicator(on, 0, power <= 0)
        >>> m.add(power >= 2)
        Rows(c1, shape=(), 1 entries)
        >>> m.minimize(power)
        >>> print(f"{kg.solve(m)[power]:.4f}")
        5.0000
        """
        expect(binary, Affine, "indicator", "give a binary variable")
        of_problem(binary.space, self.space)
        column = binary.cols.ravel()
        if len(column) != 1 or self.space.kind[column[0]] != "B":
            raise ProblemError("indicator: the condition must be one binary variable (kind='B')")
        if value not in (0, 1) or not isinstance(rows, Rows):
            raise ProblemError("indicator(b, value, rows): value is 0 or 1, rows are linear rows")
        label = name or f"ind{len(self.conditions) + 1}"
        self.conditions.append((label, int(column[0]), int(value), checked(rows, self.space, f"indicator {label!r}")))

    def minimize(self, expr: Any, *, unit: str = "") -> None:
        """Set the leader's objective, minimised.

        Parameters
        ----------
        expr : Affine, Quad or float
            A scalar; it may hold followers' variables, multipliers (``rows.dual``) and products of any two of these.
        unit : str
            What it is counted in, such as ``"EUR"``; printed beside its values.

        Raises
        ------
        ProblemError
            No scalar, an expression of another problem, NaN or inf.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("target")
        >>> x = m.var("x", lb=0, ub=8)
        >>> m.minimize((x - 3) ** 2 + 1)
        >>> print(f"{kg.solve(m).objective:.4f}")
        1.0000
        """
        self.objective, self.sense, self.aims = self._objective(expr), 1, True
        self.unit = checked_unit(unit, "the objective")

    def maximize(self, expr: Any, *, unit: str = "") -> None:
        """Set the leader's objective, maximised (inside, ``-expr`` is minimised).

        Parameters
        ----------
        expr : Affine, Quad or float
            As of :meth:`minimize`.
        unit : str
            As of :meth:`minimize`.

        Raises
        ------
        ProblemError
            As of :meth:`minimize`.

        Examples
        --------
        The profit of a plant is *price x quantity* less its cost: the price is ``dual``, the multiplier of the market's
        balance.

        >>> import kktgen as kg
        >>> m = kg.Bilevel("market")
        >>> offer = m.var("offer", lb=0, ub=60)
        >>> market = m.follower("market")
        >>> g = market.var("g", 2, lb=0, ub=[60, 80])
        >>> balance = market.add(g.sum() == 100, name="balance")
        >>> market.minimize(offer @ g[0] + 30 * g[1])
        >>> m.maximize(balance.dual @ g[0] - 10 * g[0])
        >>> result = kg.optimize(m)
        >>> print(f"{result.solution.objective:.2f} at a price of {result.solution[balance.dual]:.2f}")
        1200.00 at a price of 30.00
        """
        self.objective, self.sense, self.aims = -self._objective(expr), -1, True
        self.unit = checked_unit(unit, "the objective")

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

        Raises
        ------
        ProblemError
            Shapes that clash, NaN or inf, an unknown kind or sense.

        See Also
        --------
        QP : The matrices of one follower.

        Examples
        --------
        The leader pays ``x + 3 y``; the follower keeps y as small as ``y >= 2 - x`` and ``y >= 0`` allow.

        >>> import kktgen as kg
        >>> follower = kg.QP(q=[1], G=[[-1], [-1]], H=[[-1], [0]], h=[-2, 0])
        >>> m = kg.Bilevel.from_matrices(follower, q=[1, 3], lb=0, ub=5)
        >>> solution = kg.optimize(m).solution
        >>> print(f"{solution.objective:.4f}")
        2.0000
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
