"""A follower: a convex QP in its own variables, declared with expressions."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ..errors import ProblemError
from ..numerics.sparse import Csr, joined, row_index, scale_rows, vstack
from ..wording import near
from .columns import Space
from .cones import Cone
from .coords import Coords
from .curvature import convex
from .expressions import Affine, Quad, QuadArray
from .follower_rows import Declared, System
from .integer_bits import Bits
from .labelled import labels_for
from .leader_terms import Term
from .lifted_rows import Natural
from .lifting import Products
from .norms import NormRow, norm_rows
from .qp import QP
from .refusals import NoSuchName
from .rows import QuadRow, QuadRows, Rows
from .straightening import condition, straightened
from .variables import checked, declare, listed, named, of_problem, unit_rows, variable
from .varying_rows import Varying, with_price_columns


class Follower:
    """A follower: a convex QP in its own variables; whatever it does not own is a parameter.

    Made by :meth:`Bilevel.follower`. Rows may hold its variables linearly and parameters linearly, squares and products
    of the leader's variables, which are constants to it, products of the leader's binary and integer variables with its
    own (:mod:`kktgen.problem.lifting`), and convex squares (:mod:`kktgen.problem.curved_rows`) and norms
    (:func:`kktgen.norm`) of its own; the objective may hold products of its variables with parameters.

    See Also
    --------
    Bilevel.follower : Makes one.

    Examples
    --------
    A shop orders what it is asked for, at the leader's price and at costs of its own that grow with the amount.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("supply")
    >>> price = m.var("price", lb=0, ub=10)
    >>> shop = m.follower("shop")
    >>> amount = shop.var("amount", 2, lb=0)
    >>> need = shop.add(amount.sum() >= 6, name="need")
    >>> shop.minimize(price @ amount[0] + 8 * amount[1] + amount @ amount)
    >>> shop
    Follower('shop', 2 variables)
    >>> m.maximize(price @ amount[0])
    >>> print(kg.optimize(m).solution[amount].round(3))
    [2.5 3.5]
    """

    def __init__(self, space: Space, name: str, index: int, bits: Bits, products: bool = False) -> None:
        self.space = space
        self.name = name
        self.index = index
        self.declared: list[Declared] = []  # rows and bounds, in order
        self.terms: list[Term] = []  # products of the leader's variables in the rows
        self._columns: list[np.ndarray] = []
        self._names: set[str] = set()
        self.products = Products(space, index, name, bits, self._names, products)  # of its binaries with own variables
        self.varying: list[Varying] = []  # products of its continuous variables with own variables
        self.cones: list[Cone] = []  # norms below a side of its own
        self._unnamed = 0
        self.cost: Quad | None = None
        self.sense = 1
        self.note = ""
        self.is_condition = False  # complementarity said directly (kktgen.problem.complementarity)

    def __getattr__(self, name: str) -> NoReturn:
        if name in ("follower", "followers"):
            raise NoSuchName(
                f"follower {self.name!r} has no followers of its own: kktgen knows two levels, a leader and followers. "
                "Declare every follower by m.follower(..); followers that see each other's variables play a Nash game"
            )
        raise AttributeError(f"'Follower' object has no attribute {name!r}", name=name, obj=self)

    def __repr__(self) -> str:
        size = sum(map(len, self._columns))
        if self.is_condition:
            return f"Complements({self.name!r}, {size} conditions)"
        return f"Follower({self.name!r}, {size} variables)"

    @property
    def columns(self) -> np.ndarray:
        """Columns of the follower's variables, in order of declaration.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("columns")
        >>> x = m.var("x", 2)
        >>> lower = m.follower("lower")
        >>> y = lower.var("y", 3)
        >>> lower.columns
        array([2, 3, 4])
        """
        return joined(self._columns, int)

    def var(
        self, name: str, shape: Any = None, *, lb: Any = -np.inf, ub: Any = np.inf, kind: str = "C",
        coords: Any = None, unit: str = "",
    ) -> Affine:  # fmt: skip
        """Declare a variable of the follower; finite bounds are rows with multipliers.

        Parameters
        ----------
        name : str
        shape : int or tuple of int, optional
            ``None`` for a scalar.
        lb, ub : float or array
            Bounds; free by default.
        kind : str
            ``"C"`` continuous, ``"B"`` binary, ``"I"`` integer. A follower with integer variables has no KKT conditions
            and no prices: :func:`kktgen.optimize` enumerates its responses (``kktgen help integer_followers``).
        coords : mapping or sequence of indexes, optional
            Labels of the entries, ``{"hour": hours, "bus": buses}`` or pandas indexes that have names; they make the
            shape. Index objects in the place of ``shape`` are labels, too.
        unit : str
            What the values are counted in, such as ``"MW"``; printed beside them.

        Returns
        -------
        Affine
            With ``lower_dual`` and ``upper_dual``.

        Raises
        ------
        ProblemError
            Name taken, an unknown kind, bounds that leave no value.

        See Also
        --------
        Affine.upper_dual : The multiplier of an upper bound.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("storage")
        >>> battery = m.follower("battery")
        >>> charge = battery.var("charge", 24, lb=0, ub=5)
        >>> charge[:6].sum()
        Affine(shape=(), 6 terms over 6 columns)
        >>> battery.var("running", 24, kind="B")
        Variable('running', shape=(24,))
        """
        space = self.space
        made = declare(space, self._names, name, shape, lb, ub, kind, self.index, self.name, coords, unit)
        columns, lb, ub, dims, labels = made
        self._columns.append(columns)
        lower = upper = np.full(len(columns), -1)
        if np.isfinite(lb).any() or np.isfinite(ub).any():
            M = unit_rows(columns, len(space))
            declared = self._declare_rows(M, lb, ub, "", name, dims, is_bound=True, coords=labels)
            lower, upper = np.maximum(declared.mu_lo, declared.lam), declared.mu_hi
        return variable(space, columns, dims, name, lower, upper)

    def add(self, *rows: Any, name: str | None = None, when: Any = None, coords: Any = None) -> Any:
        """Add rows to the follower; they come back with ``.dual``.

        ``rows.dual`` is d(minimised follower cost)/d(right-hand side): the price for ``==``, nonpositive for
        ``<=``, nonnegative for ``>=``, their sum for two-sided rows.

        Parameters
        ----------
        rows : Rows, QuadRow, QuadRows, or lists, tuples, generators, dicts, arrays and Series of them
            Convex squares of the follower's own variables may stand in them, ``P @ P + Q @ Q <= l``, and norms
            (:func:`kktgen.norm`); the model is nonconvex then (:mod:`kktgen.problem.curved_rows`).
            Products of the leader's binary and integer variables with the follower's own may stand in them,
            ``flow == built * (5 * (angle[0] - angle[1]))``; each becomes a column of the follower between four rows
            (:mod:`kktgen.problem.lifting`). The product with an expression needs a box for it, proved over the
            follower's own rows when :func:`kktgen.kkt` is called.
        name : str, optional
            Name of the row; several are numbered behind it.
        when : Affine, optional
            A binary variable x of the leader, ``~x`` or ``1 - x``, one for all rows or one a row: the rows hold where
            it is 1, and where it is not the follower need not keep them, and their multipliers are zero.
        coords : mapping or sequence of indexes, optional
            Labels of the rows, as of :meth:`var`; where they are left out, those of the variables in them.

        Returns
        -------
        Rows
            What was given; a tuple unless it was one row. A row with products comes back as a linear one: further
            columns of the problem stand for its products.

        Raises
        ------
        ProblemError
            Another product, NaN, rows of another problem, its own multipliers in a row, or a condition that is no
            binary.
        BoundError
            A product with an integer variable that has no finite bounds.

        See Also
        --------
        Bilevel.add : Rows of the leader alone.
        Rows.dual : The multiplier of a row, its price.
        kktgen.kkt : Raises a BoundError where an expression that a binary multiplies has no box.

        Examples
        --------
        Two plants of cost 20 and 30 serve a demand of 100; one unit more would cost 30.

        >>> import kktgen as kg
        >>> m = kg.Bilevel("market")
        >>> market = m.follower("market")
        >>> g = market.var("g", 2, lb=0, ub=[60, 80])
        >>> balance = market.add(g.sum() == 100, name="balance")
        >>> market.minimize(20 * g[0] + 30 * g[1])
        >>> m.minimize(balance.dual)
        >>> print(f"{kg.optimize(m).solution[balance.dual]:.4f}")
        30.0000

        A cable that may be built carries what the difference of the two angles makes of it, and nothing otherwise.

        >>> m = kg.Bilevel("cable")
        >>> built = m.var("built", kind="B")
        >>> market = m.follower("market")
        >>> g = market.var("g", 2, lb=0, ub=80)
        >>> flow = market.var("flow", lb=-50, ub=50)
        >>> angle = market.var("angle", 2, lb=-1, ub=1)
        >>> _ = market.add(flow == built * (100 * (angle[0] - angle[1])), name="cable")
        >>> _ = market.add(g[0] == flow, g[1] + flow == 70, name="balance")
        >>> market.minimize(20 * g[0] + 30 * g[1])
        >>> m.minimize(20 * g[0] + 30 * g[1] + 100 * built)
        >>> result = kg.optimize(m)
        >>> print(f"{result.solution[built]:.0f} {result.solution[flow]:.2f} {result.report.claim}")
        1 50.00 optimal
        """
        if name is not None:
            named(name, "row")
        given = listed(rows, f"follower {self.name!r}: ", (NormRow,))
        out = []
        for k, row in enumerate(given):
            label = name if name and len(given) == 1 else f"{name}{k + 1}" if name else None
            out.append(self._add(row, label, when, coords))
        return out[0] if len(rows) == 1 and isinstance(rows[0], Rows | QuadRow | QuadRows | NormRow) else tuple(out)

    def dual(self, name: str) -> Affine:
        """Return the price of rows by their name, as ``rows.dual`` is, for instance of a problem that was read.

        Parameters
        ----------
        name : str
            As given in :meth:`add`, or ``c1``, ``c2``, .. of rows without a name.

        Returns
        -------
        Affine

        Raises
        ------
        ProblemError
            No rows are called so.

        See Also
        --------
        Rows.dual : What it means, and its sign.
        Bilevel.variable : A variable by its name.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("market")
        >>> market = m.follower("market")
        >>> g = market.var("g", 2, lb=0, ub=80)
        >>> _ = market.add(g.sum() == 100, name="balance")
        >>> market.minimize(20 * g[0] + 30 * g[1])
        >>> m.minimize(0)
        >>> print(f"{kg.optimize(m).solution[market.dual('balance')]:.2f}")
        30.00
        """
        prices = {d.word: d.price for d in self.declared if not d.is_bound}
        prices |= {part.name: part.price for part in self.products.conditional}
        if name in prices:
            return prices[name](self.space)()
        names = list(prices)
        raise ProblemError(f"follower {self.name!r}: no rows are named {name!r}{near(name, names)}")

    def _add(self, given: Rows | QuadRow | QuadRows | NormRow, label: str | None, when: Any, coords: Any) -> Rows:
        name = label or f"c{self._unnamed + 1}"
        if self._taken(name):
            raise ProblemError(f"follower {self.name!r}: two rows are named {name!r}")
        row, cone = self._squared(given, name, when) if isinstance(given, NormRow) else (given, None)
        space, first, straight = self.space, len(self.space), None
        where = f"follower {self.name!r}, row {name!r}"
        self._refuse_own_multipliers(_linear(row, space), where)
        holds = None if when is None else self._condition(row, when, where)
        if isinstance(row, Rows):
            row = row.fresh()
        else:
            straight = straightened(self.products, self.terms, row, name, self.cones, cone)
            row = straight.rows
            if len(straight.v) and holds is not None:
                raise ProblemError(
                    f"{where}: a row with a condition holds no product with a continuous variable; give "
                    "the product a row of its own, without a condition"
                )
        self._unnamed += label is None
        checked(row, space, where)
        row.coords = labels_for(row, coords, where)
        if holds is None:
            alive = None if straight is None else straight.row
            declared = self._declare_rows(row.M, row.lo, row.hi, name, "", row.shape, alive=alive, coords=row.coords)
            row.price = declared.price(space)
            if straight is not None and len(straight.v):
                self.varying.append(with_price_columns(space, self.name, name, declared.prices, *straight[3:]))
        else:
            row.price = self.products.condition(row, *holds, name).price(space)
        if straight is not None and straight.lifted is not None:
            self._columns.append(straight.lifted.columns)
            self.products.with_multipliers(straight.lifted)
        if cone is not None:
            products = self.varying[-1]
            self.cones.append(cone.priced(int(declared.mu_hi[0]), products.x[products.of], products.p))
        elif straight is not None and (holds is not None or straight.curved or self.products.uses(straight.quads)):
            self.products.natural.append(Natural(name, straight.quads, row.lo, row.hi, holds, first))
        elif holds is not None:
            whole = QuadArray.of(space, Affine(space, row.M, np.zeros(len(row)), row.shape))
            self.products.natural.append(Natural(name, whole, row.lo, row.hi, holds, first))
        row.name = name
        return row

    def _squared(
        self, given: NormRow, name: str, when: Any
    ) -> tuple[Rows | QuadRow | QuadRows, Cone | None]:  # fmt: skip
        """Add what stands beside a norm and return the row that stands for it, and the cone if it is one."""
        if when is not None:
            raise ProblemError(f"follower {self.name!r}, row {name!r}: a norm takes no condition (when=)")
        row, beside, cone = norm_rows(self, given, name)
        for one, word in beside:
            self._add(one, word, None, None)
        return row, cone

    def _condition(self, row: Rows | QuadRow | QuadRows, when: Any, where: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the binaries and the values at which rows hold, or refuse them."""
        if not (np.isfinite(np.atleast_1d(row.lo)) | np.isfinite(np.atleast_1d(row.hi))).all():
            raise ProblemError(f"{where}: a row without a finite side says nothing, whatever its condition")
        return condition(self.space, when, () if isinstance(row, QuadRow) else row.shape, where)

    def _taken(self, name: str) -> bool:
        """Return whether a row has a name."""
        return self.products.takes(name) or any(d.word == name for d in self.declared if not d.is_bound)

    def _refuse_own_multipliers(self, M: Csr, where: str) -> None:
        space = self.space
        mine = (space.owner[M.indices] == self.index) & (space.role[M.indices] != "follower")
        if mine.any():
            raise ProblemError(
                f"{where}: holds its own multiplier "
                f"{space.label(M.indices[mine][0])}; a follower takes prices as given, so only "
                "the leader or another follower may use them"
            )

    def _declare_rows(
        self,
        M: Csr,
        lo: np.ndarray,
        hi: np.ndarray,
        word: str,
        item: str,
        shape: tuple[int, ...],
        is_bound: bool = False,
        alive: np.ndarray | None = None,
        coords: Coords | None = None,
    ) -> Declared:
        """Append the multipliers of ``lo <= M z <= hi`` and keep the rows; ``alive`` are rows of own products."""
        space, k = self.space, len(lo)
        equal = lo == hi
        own = np.zeros(k, dtype=bool)
        own[row_index(M)[(space.owner[M.indices] == self.index) & (space.role[M.indices] == "follower")]] = True
        own[[] if alive is None else alive] = True
        two = bool((np.isfinite(lo) & np.isfinite(hi) & ~equal).any())
        words = ("mu_lb", "mu_ub") if is_bound else ("mu_lo", "mu_up") if two else ("mu", "mu")

        def multipliers(mask: np.ndarray, stem: str, role: str, lower: float) -> np.ndarray:
            out = np.full(k, -1)
            at = np.flatnonzero(mask)
            if len(at):
                live = own[at]  # a row without own variables prices nothing: its multiplier is zero
                out[at] = space.append(
                    stem, role, lb=np.where(live, lower, 0.0), ub=np.where(live, np.inf, 0.0), owner=self.index,
                    follower=self.name, item=item or word, shape=shape, index=None if len(at) == k else at,
                    proof=np.where(live, "", "proved(D0)"), coords=coords,
                )  # fmt: skip
            return out

        lam = multipliers(equal, "fix" if is_bound else "lam", "lam", -np.inf)
        mu_lo = multipliers(np.isfinite(lo) & ~equal, words[0], "mu", 0.0)
        mu_hi = multipliers(np.isfinite(hi) & ~equal, words[1], "mu", 0.0)
        declared = Declared(M, lo, hi, lam, mu_lo, mu_hi, word, item, shape, is_bound, coords=coords)
        self.declared.append(declared)
        return declared

    def minimize(self, expr: Any) -> None:
        """Set the follower's cost; it must be convex in the follower's own variables.

        Raises
        ------
        ProblemError
            Not convex in the own variables (the columns of a nonconvex block are named), or own multipliers in it.

        Notes
        -----
        A Hessian that is positive semidefinite only up to the rounding of its data has its diagonal raised by that
        much: what kktgen proves rests on the exact matrix. ``kg.kkt(m).notes`` says so.

        Examples
        --------
        A product of the follower's variable with the leader's is fine; a cost that is not convex in the follower's own
        variables is refused.

        >>> import kktgen as kg
        >>> m = kg.Bilevel("heat")
        >>> tariff = m.var("tariff", lb=0, ub=5)
        >>> house = m.follower("house")
        >>> heat = house.var("heat", lb=0, ub=4)
        >>> house.minimize(tariff @ heat + (heat - 3) ** 2)
        >>> house.minimize(tariff @ heat - heat @ heat)
        Traceback (most recent call last):
            ...
        kktgen.errors.ProblemError: follower 'house': the cost is not convex in its own variables: ...
        """
        self._set(Quad.of(self.space, expr), 1)

    def maximize(self, expr: Any) -> None:
        """Set the follower's profit; the cost that is minimised, and that ``dual`` refers to, is ``-expr``.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("farm")
        >>> water = m.var("water", lb=0, ub=9)
        >>> farm = m.follower("farm")
        >>> crop = farm.var("crop", lb=0)
        >>> limit = farm.add(crop <= water, name="limit")
        >>> farm.maximize(5 * crop)
        >>> m.minimize(2 * water - crop + limit.dual)
        >>> print(f"{kg.optimize(m).solution[limit.dual]:.4f}")    # one unit of water more lowers the cost -5 crop by 5
        -5.0000
        """
        self._set(-Quad.of(self.space, expr), -1)

    def _set(self, cost: Quad, sense: int) -> None:
        space = self.space
        of_problem(cost.space, space)
        if not (np.isfinite(cost.v).all() and np.isfinite(cost.linear.data).all() and np.isfinite(cost.r)):
            raise ProblemError(f"follower {self.name!r}: NaN or inf in the objective")
        used = np.concatenate([cost.i, cost.j, cost.linear.indices])
        mine = space.owner[used] == self.index
        if (space.role[used][mine] != "follower").any():
            raise ProblemError(f"follower {self.name!r}: its own multipliers cannot stand in its objective")
        what = "cost" if sense > 0 else "negated profit"
        cost, self.note = convex(cost.canonical(), self.index, f"follower {self.name!r}", what)
        self.cost, self.sense = cost, sense

    def system(self) -> System:
        """Return the rows and the cost over all columns.

        Raises
        ------
        ProblemError
            No objective was given.

        See Also
        --------
        Follower.qp : The same over the follower's own columns and parameters.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("toll")
        >>> toll = m.var("toll", lb=0, ub=3)
        >>> driver = m.follower("driver")
        >>> road = driver.var("road", lb=0, ub=1)
        >>> driver.minimize(toll @ road - 2 * road)
        >>> m.maximize(toll @ road)
        >>> system = driver.system()
        >>> print(system.C.toarray())                # -road <= 0 and road <= 1, over (toll, road, two multipliers)
        [[ 0. -1.  0.  0.]
         [ 0.  1.  0.  0.]]
        """
        if self.cost is None:
            raise ProblemError(
                f"follower {self.name!r} has no objective: call its minimize(..) or maximize(..); a feasibility "
                "follower is minimize(0)"
            )
        n = len(self.space)
        varying = Varying.of_parts(self.varying, n) if self.varying else None
        E, e, lam, C, c, mu = [], [], [], [], [], []
        side, source, place, lam_source, lam_place = [], [], [], [], []
        declared = self.rows()
        for k, d in enumerate(declared):
            equal = np.flatnonzero(d.lam >= 0)
            if len(equal):
                E.append(d.M if len(equal) == len(d.lo) else Csr(d.M[equal]))
                e.append(d.lo[equal])
                lam.append(d.lam[equal])
                lam_source.append(np.full(len(equal), k))
                lam_place.append(equal)
            for columns, sides, sign in ((d.mu_lo, d.lo, -1.0), (d.mu_hi, d.hi, 1.0)):
                at = np.flatnonzero(columns >= 0)
                if len(at):
                    M = d.M if len(at) == len(d.lo) else Csr(d.M[at])
                    C.append(M if sign > 0 else scale_rows(np.full(len(at), sign), M))
                    c.append(sign * sides[at])
                    mu.append(columns[at])
                    side.append(np.full(len(at), sign))
                    source.append(np.full(len(at), k))
                    place.append(at)
        switch, on, product = _switches(declared)
        return System(
            self.name, self.columns, vstack(E, n), joined(e), joined(lam, int),
            vstack(C, n), joined(c), joined(mu, int),
            joined(side), joined(source, int), joined(place, int),
            joined(lam_source, int),
            joined(lam_place, int), self.cost if varying is None else self.cost + varying.cost(self.space), declared,
            switch, on, product, varying, self.is_condition, tuple(self.cones),
        )  # fmt: skip

    def rows(self) -> tuple[Declared, ...]:
        """Return the rows and bounds as the follower keeps them: those declared, then those behind products.

        Raises
        ------
        BoundError
            An expression that a binary of the leader multiplies has no box; names the column.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("switch")
        >>> on = m.var("on", kind="B")
        >>> plant = m.follower("plant")
        >>> power = plant.var("power", lb=0, ub=8)
        >>> _ = plant.add(on * power <= 3, name="cap")
        >>> [rows.word for rows in plant.rows()]
        ['', 'cap', 'cap_off_up', 'cap_off_lo', 'cap_on_up', 'cap_on_lo']
        """
        return (*self.declared, *self.products.rows(self.declared, self.terms))

    def qp(self) -> QP:
        """Return the follower in matrix form (:class:`QP`), with the columns each part stands for.

        See Also
        --------
        Bilevel.from_matrices : The way back.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("toll")
        >>> toll = m.var("toll", lb=0, ub=3)
        >>> driver = m.follower("driver")
        >>> road = driver.var("road", lb=0, ub=1)
        >>> driver.minimize(toll @ road - 2 * road)
        >>> m.maximize(toll @ road)
        >>> qp = driver.qp()
        >>> print(qp.q, qp.Q.toarray(), qp.G.toarray().ravel())    # cost (-2 + 1 toll) road, rows -road .. and road ..
        [-2.] [[1.]] [-1.  1.]
        """
        return self.system().qp()


def _switches(declared: tuple[Declared, ...]) -> list[np.ndarray]:
    """Return the switches of all inequalities, the values at which they are on, and their product columns."""
    parts: list[list[np.ndarray]] = [[], [], []]
    for d in declared:
        for columns in (d.mu_lo, d.mu_hi):
            at = np.flatnonzero(columns >= 0)
            for part, own in zip(parts, (d.switch, d.on, d.product), strict=True):
                part.append(np.full(len(at), -1) if own is None else own[at])
    return [joined(part, int) for part in parts]


def _linear(row: Rows | QuadRow | QuadRows, space: Space) -> Csr:
    """Return the linear part of rows (k, n), or refuse rows of another problem."""
    left = row if isinstance(row, Rows) else row.quad if isinstance(row, QuadRow) else row.quads
    of_problem(left.space, space)
    M: Csr = left.linear if isinstance(left, Quad) else left.M
    return M
