"""A bilevel problem: one leader, convex-QP followers, declared with expressions or matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .convexity import nonconvex_block
from .errors import ProblemError
from .expr import Affine, Quad, QuadRow, Rows, _numbers, price
from .qp import QP
from .space import LEADER, Space
from .sparse import Csr, coo, csr, position, row_index, scale_rows, take_columns, vstack


class Variable(Affine):
    """A declared variable: an :class:`Affine` that is its own columns.

    Attributes
    ----------
    name : str
    lower_dual, upper_dual : Affine
        For a follower's variable: d(minimised follower cost)/d(bound) of its lower bound (>= 0) and upper bound
        (<= 0); zero where there is no bound. A fixed variable (lb = ub) has one free multiplier: ``lower_dual``.
    """

    __slots__ = ("name", "_lower", "_upper")

    def __init__(self, space: Space, columns: np.ndarray, shape: tuple[int, ...], name: str) -> None:
        super().__init__(space, _unit(columns, len(space)), np.zeros(len(columns)), shape)
        self.name = name
        self._lower = self._upper = np.full(len(columns), -1)

    @property
    def lower_dual(self) -> Affine:
        """Price of the lower bound."""
        return price(self.space, self._lower, 1.0, self.shape)

    @property
    def upper_dual(self) -> Affine:
        """Price of the upper bound."""
        return price(self.space, self._upper, -1.0, self.shape)

    def __repr__(self) -> str:
        return f"Variable({self.name!r}, shape={self.shape})"


def _unit(columns: np.ndarray, n: int) -> Csr:
    """Return the rows ``z[columns_k]``."""
    k = len(columns)
    return csr(np.ones(k), columns, np.arange(k + 1), (k, n))


def _bound(value: Any, shape: tuple[int, ...], name: str, word: str) -> np.ndarray:
    out = np.asarray(value, dtype=float)
    if np.isnan(out).any():
        raise ProblemError(f"variable {name!r}: {word} holds NaN")
    try:
        return np.broadcast_to(out, shape).ravel().astype(float)
    except ValueError:
        raise ProblemError(f"variable {name!r}: {word} has shape {out.shape}, the variable {shape}") from None


def _declare(
    space: Space, taken: set[str], name: str, shape: Any, lb: Any, ub: Any, kind: str, owner: int, follower: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[int, ...]]:
    dims = () if shape is None else (int(shape),) if np.ndim(shape) == 0 else tuple(int(k) for k in shape)
    if kind not in ("C", "B", "I"):
        raise ProblemError(f"variable {name!r}: kind {kind!r} is not one of 'C', 'B', 'I'")
    if kind == "B":
        lb, ub = np.maximum(lb, 0.0), np.minimum(ub, 1.0)
    low, high = _bound(lb, dims, name, "lb"), _bound(ub, dims, name, "ub")
    if (low > high).any() or (low == np.inf).any() or (high == -np.inf).any():
        at = int(np.flatnonzero((low > high) | (low == np.inf) | (high == -np.inf))[0])
        raise ProblemError(f"variable {name!r}: lb {low[at]:g} and ub {high[at]:g} of entry {at} leave no value")
    if name in taken:
        raise ProblemError(f"variable {name!r} is declared twice" + (f" for follower {follower!r}" if follower else ""))
    taken.add(name)
    role = "leader" if owner == LEADER else "follower"
    columns = space.append(name, role, lb=low, ub=high, kind=kind, owner=owner, follower=follower, shape=dims)
    return columns, low, high, dims


def _checked(rows: Rows, where: str) -> Rows:
    """Refuse rows with sides that exclude every point, NaN, or no variable."""
    if np.isnan(rows.lo).any() or np.isnan(rows.hi).any() or not np.isfinite(rows.M.data).all():
        raise ProblemError(f"{where}: NaN or inf in the data of the row")
    if (rows.lo == np.inf).any() or (rows.hi == -np.inf).any():
        raise ProblemError(f"{where}: an infinite side on the wrong end excludes every point")
    empty = np.diff(rows.M.indptr) == 0
    if (empty & ((rows.lo > 0) | (rows.hi < 0))).any():
        raise ProblemError(f"{where}: a row without variables is violated by its constants")
    return rows


@dataclass(frozen=True, eq=False)
class _Declared:
    """Rows ``lo <= M z <= hi`` of a follower with the multiplier columns of each side (-1: none)."""

    M: Csr
    lo: np.ndarray
    hi: np.ndarray
    lam: np.ndarray
    mu_lo: np.ndarray
    mu_hi: np.ndarray
    word: str
    item: str
    shape: tuple[int, ...]
    is_bound: bool


@dataclass(frozen=True, eq=False)
class System:
    """A follower's rows and objective over all columns z: ``E z = e`` (lam), ``C z <= c`` (mu >= 0), cost.

    ``source`` says for every inequality which declaration (index into ``declared``) and which of its
    rows it came from, ``side`` whether as upper (+1) or lower (-1) side; ``lam_source`` the same for equations.
    """

    name: str
    y: np.ndarray
    E: Csr
    e: np.ndarray
    lam: np.ndarray
    C: Csr
    c: np.ndarray
    mu: np.ndarray
    side: np.ndarray
    source: np.ndarray
    position: np.ndarray
    lam_source: np.ndarray
    lam_position: np.ndarray
    cost: Quad
    declared: tuple[_Declared, ...]

    def qp(self) -> QP:
        """Return the follower as a :class:`QP` with the columns of y, x, lam and mu."""
        cost = self.cost.canonical()
        i, j = position(self.y, cost.i), position(self.y, cost.j)
        own, left, right = (i >= 0) & (j >= 0), (i >= 0) & (j < 0), (i < 0) & (j >= 0)
        seen = np.concatenate([self.E.indices, self.C.indices, cost.j[left], cost.i[right]])
        x = np.unique(seen[position(self.y, seen) < 0])
        ny, nx = len(self.y), len(x)
        half = coo(cost.v[own], i[own], j[own], (ny, ny))
        parameter = position(x, np.concatenate([cost.j[left], cost.i[right]]))
        Q = coo(np.concatenate([cost.v[left], cost.v[right]]), np.concatenate([i[left], j[right]]), parameter, (ny, nx))
        q = np.zeros(ny)
        at = position(self.y, cost.linear.indices)
        q[at[at >= 0]] = cost.linear.data[at >= 0]
        return QP(
            P=half + half.T, q=q, Q=Q, A=take_columns(self.E, self.y), B=take_columns(self.E, x), b=self.e,
            G=take_columns(self.C, self.y), H=take_columns(self.C, x), h=self.c, y=self.y, x=x, lam=self.lam, mu=self.mu,
        )  # fmt: skip


class Follower:
    """A follower: a convex QP in its own variables; whatever it does not own is a parameter.

    Made by :meth:`Bilevel.follower`. Rows may hold its variables linearly and parameters linearly; the
    objective may hold products of its variables with parameters.
    """

    def __init__(self, bilevel: Bilevel, name: str, index: int) -> None:
        self.bilevel = bilevel
        self.name = name
        self.index = index
        self._declared: list[_Declared] = []
        self._columns: list[np.ndarray] = []
        self._names: set[str] = set()
        self._unnamed = 0
        self.cost: Quad | None = None
        self.sense = 1

    def __repr__(self) -> str:
        return f"Follower({self.name!r}, {sum(map(len, self._columns))} variables)"

    @property
    def columns(self) -> np.ndarray:
        """Columns of the follower's variables, in order of declaration."""
        return np.concatenate([np.empty(0, dtype=np.int64), *self._columns])

    def var(self, name: str, shape: Any = None, *, lb: Any = -np.inf, ub: Any = np.inf, kind: str = "C") -> Variable:
        """Declare a variable of the follower; finite bounds are rows with multipliers.

        Parameters
        ----------
        name : str
        shape : int or tuple of int, optional
            ``None`` for a scalar.
        lb, ub : float or array
            Bounds; free by default.
        kind : str
            Only ``"C"``: a KKT system needs continuous followers.

        Returns
        -------
        Variable
            With ``lower_dual`` and ``upper_dual``.

        Raises
        ------
        ProblemError
            Integer kind, name taken, bounds that leave no value.
        """
        if kind != "C":
            raise ProblemError(
                f"follower {self.name!r}: variable {name!r} is of kind {kind!r}; a follower with integer variables has no KKT "
                "conditions, so kktgen refuses it. Relax it to kind='C', or move the decision to the leader"
            )
        space = self.bilevel.space
        columns, lb, ub, dims = _declare(space, self._names, name, shape, lb, ub, kind, self.index, self.name)
        self._columns.append(columns)
        variable = Variable(space, columns, dims, name)
        if np.isfinite(lb).any() or np.isfinite(ub).any():
            declared = self._declare_rows(variable.M, lb, ub, "", name, dims, is_bound=True)
            variable._lower, variable._upper = np.maximum(declared.mu_lo, declared.lam), declared.mu_hi
        return variable

    def add(self, *rows: Any, name: str | None = None) -> Any:
        """Add rows to the follower; returns them with ``.dual`` (a tuple for several).

        ``rows.dual`` is d(minimised follower cost)/d(right-hand side): the price for ``==``, nonpositive for
        ``<=``, nonnegative for ``>=``, their sum for two-sided rows.

        Raises
        ------
        ProblemError
            A product of variables, NaN, rows of another problem, or its own multipliers in a row.
        """
        out = []
        for k, row in enumerate(rows):
            if isinstance(row, QuadRow):
                i, j = (self.bilevel.space.label(c) for c in (row.quad.i[0], row.quad.j[0]))
                raise ProblemError(
                    f"follower {self.name!r}: row {name or '(unnamed)'!r} holds the product {i} * {j}; follower rows must be linear. "
                    "Products may stand in its objective, or the term may be linearised with a new variable"
                )
            if not isinstance(row, Rows):
                raise ProblemError(f"follower {self.name!r}: add() takes rows such as x <= 1, got {type(row).__name__}")
            label = name if name and len(rows) == 1 else f"{name}{k + 1}" if name else None
            if label is None:
                self._unnamed += 1
                label = f"c{self._unnamed}"
            out.append(self._add(row, label))
        return out[0] if len(out) == 1 else tuple(out)

    def _add(self, row: Rows, name: str) -> Rows:
        space = self.bilevel.space
        self.bilevel._check_space(row.space)
        _checked(row, f"follower {self.name!r}, row {name!r}")
        mine = (space.owner[row.M.indices] == self.index) & (space.role[row.M.indices] != "follower")
        if mine.any():
            raise ProblemError(
                f"follower {self.name!r}, row {name!r}: holds its own multiplier {space.label(row.M.indices[mine][0])}; "
                "a follower takes prices as given, so only the leader or another follower may use them"
            )
        if any(d.word == name for d in self._declared):
            raise ProblemError(f"follower {self.name!r}: two rows are named {name!r}")
        declared = self._declare_rows(row.M, row.lo, row.hi, name, "", row.shape)
        row.name = name
        row.prices = (np.maximum(declared.mu_lo, declared.lam), declared.mu_hi)
        return row

    def _declare_rows(
        self,
        M: Csr,
        lo: np.ndarray,
        hi: np.ndarray,
        word: str,
        item: str,
        shape: tuple[int, ...],
        is_bound: bool = False,
    ) -> _Declared:
        """Append the multipliers of ``lo <= M z <= hi`` and keep the rows."""
        space, k = self.bilevel.space, len(lo)
        equal = lo == hi
        own = np.zeros(k, dtype=bool)
        own[row_index(M)[(space.owner[M.indices] == self.index) & (space.role[M.indices] == "follower")]] = True
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
                    proof=np.where(live, "", "proved(D0)"),
                )  # fmt: skip
            return out

        lam = multipliers(equal, "fix" if is_bound else "lam", "lam", -np.inf)
        mu_lo = multipliers(np.isfinite(lo) & ~equal, words[0], "mu", 0.0)
        mu_hi = multipliers(np.isfinite(hi) & ~equal, words[1], "mu", 0.0)
        declared = _Declared(M, lo, hi, lam, mu_lo, mu_hi, word, item, shape, is_bound)
        self._declared.append(declared)
        return declared

    def minimize(self, expr: Any) -> None:
        """Set the follower's cost; it must be convex in the follower's own variables.

        Raises
        ------
        ProblemError
            Not convex in the own variables (the columns of a nonconvex block are named), or own multipliers in it.
        """
        self._set(Quad.of(self.bilevel.space, expr), 1)

    def maximize(self, expr: Any) -> None:
        """Set the follower's profit; the cost that is minimised, and that ``dual`` refers to, is ``-expr``."""
        self._set(-Quad.of(self.bilevel.space, expr), -1)

    def _set(self, cost: Quad, sense: int) -> None:
        space = self.bilevel.space
        self.bilevel._check_space(cost.space)
        if not (np.isfinite(cost.v).all() and np.isfinite(cost.linear.data).all() and np.isfinite(cost.r)):
            raise ProblemError(f"follower {self.name!r}: NaN or inf in the objective")
        used = np.concatenate([cost.i, cost.j, cost.linear.indices])
        mine = space.owner[used] == self.index
        if (space.role[used][mine] != "follower").any():
            raise ProblemError(f"follower {self.name!r}: its own multipliers cannot stand in its objective")
        cost = cost.canonical()
        own = (space.owner[cost.i] == self.index) & (space.owner[cost.j] == self.index)
        columns = np.unique(np.concatenate([cost.i[own], cost.j[own]]))
        i, j = np.searchsorted(columns, cost.i[own]), np.searchsorted(columns, cost.j[own])
        half = coo(cost.v[own], i, j, (len(columns), len(columns)))
        bad = nonconvex_block(Csr(half + half.T))
        if bad is not None:
            names = ", ".join(space.label(c) for c in columns[bad[:5]]) + (", ..." if len(bad) > 5 else "")
            raise ProblemError(
                f"follower {self.name!r}: the {'cost' if sense > 0 else 'negated profit'} is not convex in its own variables: "
                f"the block of {names} has a negative eigenvalue. Its KKT conditions would not be sufficient"
            )
        self.cost, self.sense = cost, sense

    def system(self) -> System:
        """Return the rows and the cost over all columns."""
        space, n = self.bilevel.space, len(self.bilevel.space)
        E, e, lam, C, c, mu = [], [], [], [], [], []
        side, source, place, lam_source, lam_place = [], [], [], [], []
        for k, d in enumerate(self._declared):
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
        whole = np.empty(0, dtype=np.int64)
        cost = self.cost if self.cost is not None else Quad.of(space, 0.0)
        return System(
            self.name, self.columns, vstack(E, n), np.concatenate([np.empty(0), *e]), np.concatenate([whole, *lam]),
            vstack(C, n), np.concatenate([np.empty(0), *c]), np.concatenate([whole, *mu]), np.concatenate([np.empty(0), *side]),
            np.concatenate([whole, *source]), np.concatenate([whole, *place]), np.concatenate([whole, *lam_source]),
            np.concatenate([whole, *lam_place]), cost, tuple(self._declared),
        )  # fmt: skip

    def qp(self) -> QP:
        """Return the follower in matrix form (:class:`QP`), with the columns each part stands for."""
        return self.system().qp()


class Bilevel:
    """A leader and its followers; without followers an ordinary model.

    Parameters
    ----------
    name : str
        Name of the problem, used in files.

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
        self.name = name
        self.space = Space(name)
        self._followers: dict[str, Follower] = {}
        self.rows: list[Rows] = []
        self.quads: list[QuadRow] = []
        self.sets: list[tuple[str, np.ndarray]] = []
        self.conditions: list[tuple[str, int, int, Rows]] = []
        self.objective: Quad = Quad.of(self.space, 0.0)
        self.sense = 1
        self._names: set[str] = set()
        self._unnamed = 0

    def __repr__(self) -> str:
        return f"Bilevel({self.name!r}, {len(self.space)} columns, {len(self._followers)} followers)"

    @property
    def followers(self) -> tuple[Follower, ...]:
        """The followers in order of declaration."""
        return tuple(self._followers.values())

    def follower(self, name: str) -> Follower:
        """Declare a follower."""
        if name in self._followers:
            raise ProblemError(f"{self.name!r} already has a follower {name!r}")
        if not name:
            raise ProblemError("a follower needs a name")
        self._followers[name] = Follower(self, name, len(self._followers))
        return self._followers[name]

    def var(self, name: str, shape: Any = None, *, lb: Any = -np.inf, ub: Any = np.inf, kind: str = "C") -> Variable:
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
        """
        columns, _, _, dims = _declare(self.space, self._names, name, shape, lb, ub, kind, LEADER, "")
        return Variable(self.space, columns, dims, name)

    def add(self, *rows: Any, name: str | None = None) -> Any:
        """Add leader rows, linear or quadratic (coupling constraints may hold follower variables and prices).

        Returns the rows (a tuple for several).
        """
        for k, row in enumerate(rows):
            label = name if name and len(rows) == 1 else f"{name}{k + 1}" if name else self._next_name()
            if isinstance(row, Rows):
                self._check_space(row.space)
                row.name = label
                self.rows.append(_checked(row, f"row {label!r}"))
            elif isinstance(row, QuadRow):
                self._check_space(row.quad.space)
                if np.isnan([row.lo, row.hi]).any() or not np.isfinite(row.quad.v).all():
                    raise ProblemError(f"row {label!r}: NaN or inf in the data of the row")
                row.name = label
                self.quads.append(row)
            else:
                raise ProblemError(f"add() takes rows such as x <= 1, got {type(row).__name__}")
        return rows[0] if len(rows) == 1 else rows

    def _next_name(self) -> str:
        self._unnamed += 1
        return f"c{self._unnamed}"

    def sos1(self, variables: Any, name: str | None = None) -> None:
        """Require that at most one of the variables (an expression of plain variables, or a sequence) is nonzero."""
        parts = [variables] if isinstance(variables, Affine) else list(variables)
        columns = np.concatenate([np.atleast_1d(part.cols).ravel() for part in parts])
        for part in parts:
            self._check_space(part.space)
        if len(np.unique(columns)) < len(columns):
            raise ProblemError("sos1: a variable stands twice in the set")
        self.sets.append((name or f"sos{len(self.sets) + 1}", columns))

    def indicator(self, binary: Affine, value: int, rows: Rows, name: str | None = None) -> None:
        """Require ``rows`` whenever the leader's binary has the value 0 or 1."""
        column = binary.cols.ravel()
        if len(column) != 1 or self.space.kind[column[0]] != "B":
            raise ProblemError("indicator: the condition must be one binary variable (kind='B')")
        if value not in (0, 1) or not isinstance(rows, Rows):
            raise ProblemError("indicator(b, value, rows): value is 0 or 1, rows are linear rows")
        self._check_space(rows.space)
        label = name or f"ind{len(self.conditions) + 1}"
        self.conditions.append((label, int(column[0]), int(value), _checked(rows, f"indicator {label!r}")))

    def minimize(self, expr: Any) -> None:
        """Set the leader's objective, minimised (it may hold multipliers and any products of two variables)."""
        self.objective, self.sense = self._objective(expr), 1

    def maximize(self, expr: Any) -> None:
        """Set the leader's objective, maximised (inside, ``-expr`` is minimised)."""
        self.objective, self.sense = -self._objective(expr), -1

    def _objective(self, expr: Any) -> Quad:
        quad = Quad.of(self.space, expr)
        self._check_space(quad.space)
        if not (np.isfinite(quad.v).all() and np.isfinite(quad.linear.data).all() and np.isfinite(quad.r)):
            raise ProblemError("NaN or inf in the leader's objective")
        return quad

    def _check_space(self, space: Space) -> None:
        if space.serial != self.space.serial:
            raise ProblemError(f"an expression of problem {space.name!r} cannot be used in {self.name!r}")

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
        qps = {"follower": followers} if isinstance(followers, QP) else dict(followers)
        widths = {qp.nx for qp in qps.values()}
        if len(widths) > 1:
            raise ProblemError(f"from_matrices: followers see different numbers of parameters {sorted(widths)}")
        m = cls(name)
        nx = widths.pop() if widths else len(np.atleast_1d(q))
        kinds = np.broadcast_to(np.asarray(list(kind)), (nx,))
        binary = kinds == "B"
        x = m.var("x", nx, lb=np.where(binary, np.maximum(lb, 0.0), lb), ub=np.where(binary, np.minimum(ub, 1.0), ub))
        m.space.kind[x.cols] = kinds
        parts = [x.cols]
        for label, qp in qps.items():
            f = m.follower(label)
            y = f.var("y", qp.ny)
            if len(qp.b):
                f.add(qp.A @ y + qp.B @ x == qp.b, name="eq")
            if len(qp.h):
                f.add(qp.G @ y + qp.H @ x <= qp.h, name="in")
            n = len(m.space)
            cost = Quad.from_matrices(m.space, _spread(qp.P, y.cols, y.cols, (n, n)), _spread_vector(qp.q, y.cols, n))
            f.minimize(cost + y @ (qp.Q @ x) if qp.Q.nnz else cost)
            parts.append(y.cols)
        z, n = np.concatenate(parts), len(m.space)
        linear = np.asarray(q, dtype=float).ravel()
        if len(linear) != len(z):
            raise ProblemError(f"from_matrices: q has {len(linear)} entries, (x, y...) has {len(z)}")
        goal = Quad.from_matrices(
            m.space, _spread(Csr(P), z, z, (n, n)) if P is not None else None, _spread_vector(linear, z, n), r
        )
        if sense not in ("min", "max"):
            raise ProblemError(f"from_matrices: sense is 'min' or 'max', got {sense!r}")
        (m.minimize if sense == "min" else m.maximize)(goal)
        if rows is not None:
            M, lo, hi = Csr(rows[0]), _numbers(rows[1]).ravel(), _numbers(rows[2]).ravel()
            if M.shape[1] != len(z):
                raise ProblemError(f"from_matrices: rows have {M.shape[1]} columns, (x, y...) has {len(z)}")
            wide = _spread(M, np.arange(M.shape[0]), z, (M.shape[0], n))
            m.add(Rows(m.space, wide, lo, hi, (M.shape[0],)), name="rows")
        return m


def _spread(M: Csr, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> Csr:
    """Return M with its rows and columns moved to the given positions of a larger matrix."""
    entries = M.tocoo()
    return coo(entries.data, rows[entries.row], columns[entries.col], shape)


def _spread_vector(v: np.ndarray, columns: np.ndarray, n: int) -> np.ndarray:
    out = np.zeros(n)
    out[columns] = v
    return out
