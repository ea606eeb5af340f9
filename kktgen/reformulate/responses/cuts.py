"""What a response says of every decision: the follower's cost is at most the response's, where that is feasible.

Of a response (u, k) at the decision x0 one of these is added to a master, f the cost at the master's own point:

* the leader moves no row, and prices u: ``f <= D``, D the value of some dual point of the QP that k leaves::

      D = -1/2 w'P_uu w + (b - A_k k)'lam - (h - G_k k)'mu + (Q_k x + q_k)'k + 1/2 k'P_kk k
      P_uu w + Q_u x + q_u + P_uk k - A_u'lam + G_u'mu = 0,   mu >= 0

  By weak and strong duality that is ``f <= min_u f(x, (u, k))``, as u lies in a box: no pairs, no binaries, no
  constants. D grows without end where k is infeasible.
* the leader moves rows, and prices u: the same, the rows that are moved held at what they are at (u, k), and
  ``f <= D + M v``, v the sum of binaries of moved rows that (u, k) violates (:mod:`.violations`).
* the leader takes from u or k by binaries, and what is left is feasible: no M for these rows (:mod:`.thinned`).
* the leader does not price u: ``f <= f(x, (u + Y (x - x0), k)) + M v``. The matrix Y keeps the rows that hold with
  equality so; it is zero where x is integer or there is no u. Any Y gives a true row: v looks at every row.

M is the largest value of the difference, from an LP over the problem's points (safe in spite of rounding) or intervals.
"""

from __future__ import annotations

import numpy as np

from ...errors import BoundError
from ...numerics.product_hull import product_boxes
from ...numerics.programs import Polyhedron
from ...numerics.safe_bound import safe_minimum
from ...numerics.sparse import row_index, widen
from ...problem.expressions import Quad
from .base import Base
from .parts import Part, Response, expression
from .rows import Additions
from .thinned import Takes, Thinned, thinned
from .violations import Literals, Violations

SLACK = 1e-9
"""What is added to the cost of a response, relative: it is feasible up to rounding."""
ACTIVE = 1e-7
"""Slack (relative) up to which a row holds with equality."""
STRONG = 1e-8
"""Multipliers above this are positive."""
STEP = 1e-7
"""Distance, in steps, at which what a response leaves of a row counts as a step of the leader's integers."""
NOTHING = 1e-9
"""Entries of a moved row up to this are rounding."""


def add_response(
    base: Base, k: int, response: Response, added: Additions, violations: Violations, known: Takes
) -> None:  # fmt: skip
    """Add what a response of follower k says; ``known`` are the rows by which the leader takes from it.

    Raises
    ------
    ProblemError
        It is no response of this follower.
    BoundError
        A constant is needed that nobody can prove.
    """
    part, cost = base.parts[k], base.cost[k]
    response = part.checked(response)
    if part.is_priced:
        literals = _violated(part, response, None, violations)
        if not literals.always:
            _copy(base, part, cost, response, added, literals)
        return
    Y = _rule(part, response)
    less = None if Y is not None else thinned(part, known, response)
    literals = _violated(part, response, Y, violations, less)
    if not literals.always:
        value = _followed(part, response, Y)
        if less is not None and len(less.rows):
            value = (value + _lost(part, less)).canonical()
        _at_most(base, part, cost, value, added, literals, part.cost)


def _copy(
    base: Base, part: Part, cost: Quad, response: Response, added: Additions, literals: Literals
) -> None:  # fmt: skip
    """Add ``cost <= D + M v`` and the rows of D's dual point."""
    qp, u, y = part.qp, part.u, response.y
    k = np.where(part.whole, y, 0.0)
    E, C = np.flatnonzero(part.with_u[0]), np.flatnonzero(part.with_u[1])
    e = np.where(part.equations, qp.A @ (y - k), qp.b - qp.A @ k)[E]
    c = np.where(part.moved, qp.G @ (y - k), qp.h - qp.G @ k)[C]  # as they are: u has to be feasible
    P = qp.P[u][:, u]
    bent = np.flatnonzero(np.diff(P.indptr))
    lam, mu = added.columns("lam", len(E)), added.columns("mu", len(C), 0.0)
    w = np.full(len(u), -1)
    w[bent] = added.columns("w", len(bent))
    row, column, value = [], [], []
    terms = ((qp.A[E][:, u].T, lam, -1.0), (qp.G[C][:, u].T, mu, 1.0), (qp.Q[u], qp.x, 1.0), (P, w, 1.0))
    for M, columns, sign in terms:
        M = M.tocsr()
        row.append(row_index(M))
        column.append(columns[M.indices])
        value.append(sign * M.data)
    side = -(qp.q + qp.P @ k)[u]
    added.linear("dual", *(np.concatenate(one) for one in (row, column, value)), side, side)  # type: ignore[call-arg]
    R = row_index(P)
    Q = qp.Q.T @ k
    columns = np.concatenate([lam, mu, qp.x])
    values = np.concatenate([e, -c, Q])
    fixed = float(qp.q @ k + 0.5 * k @ (qp.P @ k))
    D = expression(part.space, columns, values, fixed, (w[R], w[P.indices], -0.5 * P.data))
    least = _least_at(base, part, k)
    _at_most(base, part, cost, D, added, literals, part.cost - least)


def _least_at(base: Base, part: Part, k: np.ndarray) -> float:
    """Return a lower bound on the cost at given integers, over all boxes."""
    y = part.qp.y
    lb, ub = base.lb.copy(), base.ub.copy()
    lb[y[part.k]] = ub[y[part.k]] = k[part.k]
    lb[y[part.u]], ub[y[part.u]] = part.space.lb[y[part.u]], part.space.ub[y[part.u]]
    return -_largest(-1.0 * part.cost, lb, ub)


def _at_most(
    base: Base, part: Part, cost: Quad, value: Quad, added: Additions, literals: Literals, whole: Quad
) -> None:  # fmt: skip
    """Add ``cost <= value + M v``; M from ``whole``, the cost in the problem's own columns (less the least value)."""
    word = f"value({part.name})"
    difference = (cost - value).canonical()
    slack = 0.0 if part.is_priced or not len(part.u) else SLACK  # a dual point needs no feasible response
    room = (added.margin - slack) * max(1.0, abs(value.r))
    difference = Quad(
        difference.space, difference.i, difference.j, difference.v, difference.linear, difference.r + room
    )  # fmt: skip
    if not literals.count:
        added.at_most_zero(word, difference)
        return
    own = whole if part.is_priced else (whole - value).canonical()
    M = _most(base, own)
    if M <= 0:
        return
    if np.isfinite(M):
        push = expression(part.space, literals.column, -M * literals.sign, -M * literals.constant)
        added.at_most_zero(word, (difference + push).canonical())
        return
    if len(difference.v):
        raise BoundError(
            f"follower {part.name!r}: how much its cost may exceed that of a response has no bound, as columns in it "
            "have none; give the variables in its cost, and the leader's in its rows, finite bounds"
        )
    some = added.columns("any", 1, 0.0, 1.0, "B")
    added.at_most_zero(
        "any", expression(part.space, np.append(some, literals.column), np.append(1.0, -literals.sign),
                          -literals.constant)
    )  # fmt: skip
    added.only_where(word, int(some[0]), difference)


def _most(base: Base, quad: Quad) -> float:
    """Return an upper bound on an expression over all points of the problem."""
    by_box = _largest(quad, base.lb, base.ub)
    if len(quad.v):
        return by_box
    free, n = base.free, base.free.n
    q = np.zeros(n)
    np.add.at(q, quad.linear.indices, -quad.linear.data)
    rows = (widen(free.rows.M, n), free.rows.lo, free.rows.hi, base.lb, base.ub)
    answer = Polyhedron(*rows).minimize(q)
    return min(by_box, quad.r - safe_minimum(answer, q, *rows))


def _largest(quad: Quad, lb: np.ndarray, ub: np.ndarray) -> float:
    """Return the largest value of an expression over a box, term by term."""
    linear, (i, j, v) = quad.linear, (quad.i, quad.j, quad.v)
    with np.errstate(invalid="ignore"):
        own = np.where(linear.data > 0, linear.data * ub[linear.indices], linear.data * lb[linear.indices])
        low, high = product_boxes(i, j, lb, ub)
        products = np.where(v > 0, v * high, v * low)
    total = float(own[linear.data != 0].sum() + products.sum() + quad.r)
    return np.inf if np.isnan(total) else total


def _rule(part: Part, response: Response) -> np.ndarray | None:
    """Return how u follows x so that rows that hold with equality go on doing so (nu, nx); None where it does not."""
    if part.is_lattice or not len(part.u) or not part.is_moved:
        return None
    qp, u, y, x = part.qp, part.u, response.y, response.x
    E = np.flatnonzero(part.with_u[0])
    slack = qp.h - qp.G @ y - qp.H @ x
    tight = part.with_u[1] & (slack <= ACTIVE * (1.0 + np.abs(qp.h)))
    strong = np.zeros(len(qp.h), dtype=bool)
    fixed = _fixed(part, response)
    if fixed is not None:
        strong = tight & (fixed > STRONG)
    weak = np.flatnonzero(tight & ~strong)
    strong_at = np.flatnonzero(strong)
    A = np.vstack([qp.A[E][:, u].toarray(), qp.G[strong_at][:, u].toarray()])
    B = np.vstack([qp.B[E].toarray(), qp.H[strong_at].toarray()])
    Y = -np.linalg.pinv(A) @ B if len(A) else np.zeros((len(u), qp.nx))
    null = np.eye(len(u)) - np.linalg.pinv(A) @ A if len(A) else np.eye(len(u))
    W, V = qp.G[weak][:, u].toarray(), qp.H[weak].toarray()
    if len(W):
        Y = Y - null @ (np.linalg.pinv(W @ null, rcond=1e-9) @ (V + W @ Y))
    Y[np.abs(Y) < NOTHING] = 0.0
    return Y


def _fixed(part: Part, response: Response) -> np.ndarray | None:
    """Return multipliers of the inequalities at a response whose integers are fixed (mi,)."""
    qp, u, y, x = part.qp, part.u, response.y, response.x
    k = np.where(part.whole, y, 0.0)
    program = qp.at(x, elastic=y)
    A = program.A[:, u].tocsr()
    shift = program.A @ k
    gradient = qp.gradient(y, x)[u]
    size = max(1.0, float(np.abs(gradient).max(initial=0.0)))
    room = 1.0 + np.abs(y[u]) * 1e3 + 1e3
    answer = Polyhedron(A, program.lo - shift, program.hi - shift, y[u] - room, y[u] + room).minimize(gradient / size)
    return None if answer.x is None else np.maximum(-answer.row_dual[len(qp.b) :], 0.0)


def _lost(part: Part, less: Thinned) -> Quad:
    """Return what a response loses where the leader takes from it, as an expression of the leader's columns."""
    signed = np.where(less.on, less.loss, -less.loss)
    return expression(part.space, part.qp.x[less.t], signed, float(less.loss[~less.on].sum()))


def _violated(
    part: Part, response: Response, Y: np.ndarray | None, violations: Violations, less: Thinned | None = None
) -> Literals:  # fmt: skip
    """Return the binaries of the rows that a response violates, as it follows the leader or is thinned by him."""
    qp, y, x = part.qp, response.y, response.x
    if not part.is_moved:
        return Literals(np.empty(0, dtype=np.int64), np.empty(0), 0.0)
    equal, unequal = qp.B.toarray(), qp.H.toarray()
    r, s = _left(part, y) if Y is None else (qp.b - qp.A @ y, qp.h - qp.G @ y)
    steps = part.steps
    if Y is None:
        e, c = part.equations.copy(), part.moved.copy()
        if less is not None:
            c[less.rows] = False
    else:
        follow, follow_less = qp.A[:, part.u] @ Y, qp.G[:, part.u] @ Y
        equal, unequal = equal + follow, unequal + follow_less
        r, s = r + follow @ x, s + follow_less @ x
        steps = (np.where(part.with_u[0], 0.0, steps[0]), np.where(part.with_u[1], 0.0, steps[1]))
        e, c = part.equations | part.with_u[0], part.moved | part.with_u[1]
    for A in (equal, unequal):
        A[np.abs(A) < NOTHING] = 0.0
    e &= equal.any(axis=1)
    c &= unequal.any(axis=1)
    rows = np.vstack([equal[e], -equal[e], unequal[c]])
    sides = np.concatenate([r[e], -r[e], s[c]])
    return violations.of(rows, sides, np.concatenate([steps[0][e], steps[0][e], steps[1][c]]), qp.x)


def _left(part: Part, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what a response leaves of equations and inequalities for the leader's terms (me,), (mi,).

    Where these have steps, and it is a step but for the error of a solver, it is the step: else the response would not
    be known to be feasible at the decision it was found at.
    """
    qp, out = part.qp, []
    for left, step in zip((qp.b - qp.A @ y, qp.h - qp.G @ y), part.steps, strict=True):
        pitch = np.where(step > 0, step, 1.0)
        whole = np.round(left / pitch)
        near = (step > 0) & (np.abs(left / pitch - whole) <= STEP)
        out.append(np.where(near, whole * pitch, left))
    return out[0], out[1]


def _followed(part: Part, response: Response, Y: np.ndarray | None) -> Quad:
    """Return the cost of a response that follows the leader, as an expression of the leader's columns."""
    qp, y, x = part.qp, response.y, response.x
    whole = np.zeros((qp.ny, qp.nx))
    if Y is not None:
        whole[part.u] = Y
    start = y - whole @ x  # y(x) = start + whole x
    linear = whole.T @ (qp.P @ start + qp.q) + qp.Q.T @ start
    bent = 0.5 * whole.T @ (qp.P @ whole) + whole.T @ qp.Q.toarray()
    row, column = np.nonzero(np.abs(bent) > 0)
    constant = float(0.5 * start @ (qp.P @ start) + qp.q @ start)
    at = np.flatnonzero(linear)
    return expression(part.space, qp.x[at], linear[at], constant, (qp.x[row], qp.x[column], bent[row, column]))
