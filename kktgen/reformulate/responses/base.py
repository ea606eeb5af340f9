"""What all masters of a problem share: the model of its points, and each follower's cost in a form that solvers like.

Where the leader's columns x multiply continuous variables u in a follower's cost and move none of its rows, u is made
optimal for the integers k by KKT conditions, in which k are parameters. With their multipliers the cost is::

    f(x, y) = -1/2 u'P_uu u + (b - A_k k)'lam - (h - G_k k)'mu + (Q_k x + q_k)'k + 1/2 k'P_kk k

without the products of x with u; so is what the leader earns by the same prices. What is left are products of integers
with multipliers, which become columns: exact, as the multipliers lie in proved boxes. These are proved once, for the
problem without responses, at whose points the value of ``f`` is that of any multipliers that fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...deadline import NEVER, Deadline
from ...errors import UnsupportedError
from ...model.kkt import kkt
from ...model.model import Model
from ...numerics.intervals import tighten
from ...numerics.programs import Polyhedron
from ...numerics.safe_bound import safe_minimum
from ...numerics.sparse import coo, position, row_index, widen
from ...problem.bilevel import Bilevel
from ...problem.columns import on_integers
from ...problem.expressions import Quad
from ...problem.integers import released
from ..bounds import bound
from .parts import Part, expression
from .rows import Additions
from .stated import Stated, stated

BITS = 20
"""Most binary digits an integer is written in."""


@dataclass(frozen=True, eq=False)
class Base:
    """What all masters of a problem share, in the problem's own units.

    Parameters
    ----------
    stated : Stated
    free : Model
        The points of the problem, followers merely feasible.
    model : Model
        The same, with KKT conditions of the continuous variables of some followers, and digits of their integers.
    parts : sequence of Part
    cost : sequence of Quad
        Of every follower, at the points of ``model``.
    objective : Quad
    lb, ub : ndarray (n,)
        Boxes of the problem's columns over all its points; for constants of masters alone.
    """

    stated: Stated
    free: Model
    model: Model
    parts: Sequence[Part]
    cost: Sequence[Quad]
    objective: Quad
    lb: np.ndarray
    ub: np.ndarray


def base(bilevel: Bilevel, deadline: Deadline = NEVER) -> Base:
    """Return what all masters of a problem share.

    Raises
    ------
    KktgenError
        What a problem with integer followers cannot have.
    """
    own = stated(bilevel)
    free, parts = own.model, own.parts
    for part in parts:
        _check_equations(part)
    keep = [part.name for part in parts if part.is_priced and not part.is_moved]
    model = free
    while keep:
        m = released(own.problem, keep)
        m.objective, m.aims = Quad.of(m.space, 0.0), True
        model = bound(replace(kkt(m), units=None), time_limit=deadline.left())
        loose = [part.name for part in parts if part.name in keep and not _boxed(model, part)]
        if not loose:
            break
        keep = [name for name in keep if name not in loose]
    if not keep:
        model = free
    box = _boxes(free, deadline)
    added = Additions.to(model)
    digits = _Digits(added)
    goal, cost = free.objective.canonical(), []
    for part in parts:
        if part.name not in keep:
            cost.append(part.cost)
            continue
        cost.append(_by_multipliers(part, digits))
        goal = _without_prices(goal, part, cost[-1])
    return Base(own, free, added.done(Quad.of(free.space, 0.0)), parts, cost, goal, *box)


def _check_equations(part: Part) -> None:
    """Refuse an equation that continuous columns of the leader move, and no continuous variable can follow."""
    stuck = part.equations & ~part.with_u[0] & (part.steps[0] == 0)
    if stuck.any():
        at = part.qp.x[part.qp.B[np.flatnonzero(stuck)[:1]].indices]
        raise UnsupportedError(
            f"follower {part.name!r}: {part.space.label(int(at[0]))} moves an equation that holds integer variables of "
            "the follower alone: next to every decision it can be kept by no response, so nothing would be bounded. "
            "Make the leader's variable integer, or put a continuous variable of the follower into the equation"
        )


def _boxes(free: Model, deadline: Deadline) -> tuple[np.ndarray, np.ndarray]:
    """Return boxes of all columns over the problem's points: by the rows' activities, then by an LP a missing end."""
    rows, space = free.rows, free.space
    M = widen(rows.M, free.n)
    declared = on_integers(space.lb, space.ub, space.kind)
    lb, ub = on_integers(*tighten(M, rows.lo, rows.hi, *declared), space.kind)
    if (lb > ub).any():  # no points at all, as the masters will find
        return declared
    held = np.unique(M.indices)
    for sign, ends in ((1.0, lb), (-1.0, ub)):
        for j in held[~np.isfinite(ends[held])].tolist():
            q = np.zeros(free.n)
            q[j] = sign
            data = (M, rows.lo, rows.hi, lb, ub)
            ends[j] = sign * safe_minimum(Polyhedron(*data).minimize(q, deadline), q, *data)
            if lb[j] > ub[j] or ends[j] == sign * np.inf:
                return declared
    return on_integers(lb, ub, space.kind)


def _boxed(model: Model, part: Part) -> bool:
    """Return whether the multipliers that integers meet have finite boxes."""
    qp, space = part.qp, model.space
    columns = []
    for M, prices, with_u in zip((qp.A, qp.G), (qp.lam, qp.mu), part.with_u, strict=True):
        row = row_index(M)[part.whole[M.indices]]
        columns.append(prices[np.unique(row[with_u[row]])])
    at = np.concatenate(columns)
    return bool((np.isfinite(space.lb[at]) & np.isfinite(space.ub[at])).all())


def _by_multipliers(part: Part, digits: _Digits) -> Quad:
    """Return a follower's cost at points where u is optimal for k, without products of the leader's columns with u."""
    qp, space, y, k = part.qp, part.space, part.qp.y, part.k
    columns, values = [y[k]], [qp.q[k]]
    i, j, v = [], [], []
    for M, side, prices, with_u, sign in (
        (qp.A, qp.b, qp.lam, part.with_u[0], 1.0), (qp.G, qp.h, qp.mu, part.with_u[1], -1.0)
    ):  # fmt: skip
        columns.append(prices[with_u])
        values.append(sign * side[with_u])
        row, there = row_index(M), part.whole[M.indices]
        there &= with_u[row]
        one, of, weight, constant = digits.of(y[M.indices[there]])
        i.append(prices[row[there]][of])
        j.append(one)
        v.append(-sign * M.data[there][of] * weight)
        columns.append(prices[row[there]])
        values.append(-sign * M.data[there] * constant)
    row, P = row_index(qp.P), qp.P
    both = part.whole[row] & part.whole[P.indices]
    none = ~part.whole[row] & ~part.whole[P.indices]
    for there, half in ((both, 0.5), (none, -0.5)):
        i.append(y[row[there]])
        j.append(y[P.indices[there]])
        v.append(half * P.data[there])
    row = row_index(qp.Q)
    there = part.whole[row]
    i.append(y[row[there]])
    j.append(qp.x[qp.Q.indices[there]])
    v.append(qp.Q.data[there])
    products = tuple(np.concatenate(part_) for part_ in (i, j, v))
    return expression(space, np.concatenate(columns), np.concatenate(values), 0.0, products)  # type: ignore[arg-type]


def _without_prices(goal: Quad, part: Part, cost: Quad) -> Quad:
    """Return the leader's objective with ``a x'Q u`` written by the follower's cost; as it is where it holds none.

    That is where the leader's products with u are the follower's, all times one number a.
    """
    qp, y = part.qp, part.qp.y
    yi, yj = position(y, goal.i), position(y, goal.j)
    xi, xj = position(qp.x, goal.i), position(qp.x, goal.j)
    u = ~part.whole
    turned = (yj >= 0) & (xi >= 0)
    row, column = np.where(turned, yj, yi), np.where(turned, xi, xj)
    mine = (row >= 0) & (column >= 0)
    mine[mine] &= u[row[mine]]
    other = ((yi >= 0) & u[np.maximum(yi, 0)]) | ((yj >= 0) & u[np.maximum(yj, 0)])
    if not mine.any() or (other & ~mine & ~((yi >= 0) & (yj >= 0))).any():
        return goal
    W = coo(goal.v[mine], row[mine], column[mine], qp.Q.shape)
    there = np.flatnonzero(u[row_index(qp.Q)])
    Q = coo(qp.Q.data[there], row_index(qp.Q)[there], qp.Q.indices[there], qp.Q.shape)
    if W.nnz != Q.nnz or (W.indices != Q.indices).any() or (W.indptr != Q.indptr).any():
        return goal
    share = W.data / Q.data
    a = float(share[0])
    if (np.abs(share - a) > 1e-12 * abs(a)).any():
        return goal
    rest = part.cost
    uses = np.isin(rest.i, y[part.u]) | np.isin(rest.j, y[part.u])
    outside = ~np.isin(rest.i, y) | ~np.isin(rest.j, y)
    keep = ~(uses & outside)  # all but the products of x with u
    plain = Quad(rest.space, rest.i[keep], rest.j[keep], rest.v[keep], rest.linear, rest.r)
    left = Quad(goal.space, goal.i[~mine], goal.j[~mine], goal.v[~mine], goal.linear, goal.r)
    return (left + a * (cost - plain)).canonical()


class _Digits:
    """Integers as sums of binary digits; a binary is its own digit."""

    def __init__(self, added: Additions) -> None:
        self._added = added
        self._known: dict[int, tuple[np.ndarray, np.ndarray, float]] = {}

    def of(self, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return digits (m,), of which of the columns each is (m,), its weight (m,), and each column's constant."""
        found = [self._one(int(column)) for column in columns]
        of = np.repeat(np.arange(len(columns)), [len(digits) for digits, _, _ in found])
        digit = np.concatenate([np.empty(0, dtype=np.int64), *(digits for digits, _, _ in found)])
        weight = np.concatenate([np.empty(0), *(weights for _, weights, _ in found)])
        return digit, of, weight, np.array([constant for *_, constant in found], dtype=float)

    def _one(self, column: int) -> tuple[np.ndarray, np.ndarray, float]:
        if column not in self._known:
            self._known[column] = self._written(column)
        return self._known[column]

    def _written(self, column: int) -> tuple[np.ndarray, np.ndarray, float]:
        space = self._added.space
        lb, ub = float(space.lb[column]), float(space.ub[column])
        if not 1 < ub - lb < 2**BITS:
            return np.array([column]), np.ones(1), 0.0
        count = int(np.ceil(np.log2(ub - lb + 1)))
        digits, weights = self._added.columns("digit", count, 0.0, 1.0, "B"), 2.0 ** np.arange(count)
        at = np.append(digits, column)
        self._added.linear(
            "digits", np.zeros(len(at), dtype=np.int64), at, np.append(-weights, 1.0), np.array([lb]), np.array([lb])
        )
        return digits, weights, lb
