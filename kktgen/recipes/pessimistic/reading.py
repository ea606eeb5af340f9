"""What a pessimistic reading of a problem rests on: which ties there are, and what the leader makes of them.

The optimal responses of a follower with the cost ``1/2 y'P y + (Q x + q)'y`` are, for any response y of it::

    S(x) = { w feasible :  P w = P y,  (Q x + q)'w <= (Q x + q)'y }

Variables in positive definite blocks of P are the same in all of them; the others, which ties may change, are called
*loose* here. What follows speaks of these alone: of Q the columns that price them, of the leader's functions the terms
that hold them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from ...errors import UnsupportedError
from ...model.model import Model
from ...model.shared import shared_kkt
from ...numerics.convexity import definite
from ...numerics.sparse import Csr, coo, joined, row_index, scale_rows, tied, vstack
from ...problem.bilevel import Bilevel
from ...problem.columns import LEADER
from ...problem.every_response import decided_before, plain
from ...problem.expressions import Quad
from ...problem.follower import Follower
from ...problem.integers import refuse_integers

DENSE = 400
"""Most loose variables of a follower for which prices are looked for among the combinations of its gradient."""
SPANNED = 1e-12
"""Rest (relative) of a price in such a combination that rounding leaves."""


@dataclass(frozen=True, eq=False)
class Ties:
    """What tells the optimal responses of one follower from others, as rows over all columns (k, n).

    Parameters
    ----------
    loose : ndarray
        The columns that ties may change.
    gradient : csr_array
        P over the loose columns.
    cost : csr_array (1, n)
        Their fixed prices q.
    prices, whole : ndarray
        The leader's columns that price them: continuous ones, and those of integers.
    priced, switched : csr_array
        What each of these is multiplied by.
    """

    loose: np.ndarray
    gradient: Csr
    cost: Csr
    prices: np.ndarray
    priced: Csr
    whole: np.ndarray
    switched: Csr

    @classmethod
    def of(cls, follower: Follower, bilevel: Bilevel) -> Ties:
        """Return the ties of a follower that sees the leader alone."""
        space, n = bilevel.space, len(bilevel.space)
        system = follower.system()
        qp = system.fixed(np.where(space.lb == space.ub, space.lb, 0.0)).with_parameters()
        made = joined((part.columns for part in follower.products.lifted), int)
        loose = ~definite(qp.P) & ~np.isin(qp.y, made)
        y = qp.y[loose]
        gradient = _spread(Csr(qp.P[loose]), qp.y, n)
        gradient = _distinct(Csr(gradient[np.diff(gradient.indptr) > 0]))
        fixed = space.lb[qp.x] == space.ub[qp.x]
        Q = Csr(sp.csr_array(qp.Q)[loose])
        q = qp.q[loose] + Q @ np.where(fixed, space.lb[qp.x], 0.0)
        Q = _without(Q, qp.P, loose)
        used = (np.bincount(Q.indices[Q.data != 0], minlength=len(qp.x)) > 0) & ~fixed
        smooth = used & (space.kind[qp.x] == "C")
        by_price = _spread(Csr(Q.T.tocsr()), y, n)
        return cls(
            y, gradient, coo(q, np.zeros(len(y), dtype=int), y, (1, n)), qp.x[smooth], Csr(by_price[smooth]),
            qp.x[used & ~smooth], Csr(by_price[used & ~smooth]),
        )  # fmt: skip


def _without(Q: Csr, P: Csr, loose: np.ndarray) -> Csr:
    """Return Q (l, k) over the loose rows without the columns that P spans: there the prices see no difference.

    With ``P w = P y`` every combination of the rows of P is the same at w and y.
    """
    count = int(loose.sum())
    if not Q.nnz or not count or count > DENSE:
        return Q
    span, own = P[loose][:, loose].toarray(), Q.toarray()
    best = np.linalg.lstsq(span, own, rcond=1e-12)[0]
    off, size = np.abs(span @ best - own).max(axis=0), np.abs(own).max(axis=0)
    return Csr(own * (off > SPANNED * size))


def _spread(M: Csr, columns: np.ndarray, n: int) -> Csr:
    """Return M (k, m) over all n columns, of which ``columns`` (m,) are its own."""
    return coo(M.data, row_index(M), columns[M.indices], (M.shape[0], n))


def _distinct(M: Csr) -> Csr:
    """Return the rows of M without those that are multiples of an earlier one, number by number."""
    unit = scale_rows(1.0 / M.data[M.indptr[:-1]], M)
    weight = np.modf(np.sqrt(2.0 + M.indices))[0]
    mark = np.bincount(row_index(unit), weights=unit.data * weight, minlength=M.shape[0])
    _, first, at = np.unique(np.column_stack([np.diff(M.indptr), mark]), axis=0, return_index=True, return_inverse=True)
    same = first[at.ravel()]
    difference = Csr(unit - unit[same])
    differs = np.unique(row_index(difference)[difference.data != 0])
    same[differs] = differs
    return Csr(M[np.unique(same)])


@dataclass(frozen=True, eq=False)
class Reading:
    """A problem as a pessimist reads it.

    Parameters
    ----------
    bilevel : Bilevel
        With rows for every response as ordinary ones.
    ties : tuple of Ties
        Of every follower.
    loose : ndarray (n,) of bool
        The columns that ties may change.
    trouble : str
        Why no problem with further followers says what the worst response is; empty where there is one.
    """

    bilevel: Bilevel
    ties: tuple[Ties, ...]
    loose: np.ndarray
    trouble: str

    @property
    def price(self) -> str:
        """A continuous price of the leader on what ties may change, and whose: then no exact problem is known."""
        for follower, ties in zip(self.bilevel.followers, self.ties, strict=True):
            if len(ties.prices):
                return f"{self.bilevel.space.label(int(ties.prices[0]))} in the cost of follower {follower.name!r}"
        return ""

    def touched(self, M: Csr) -> np.ndarray:
        """Return which rows hold loose columns (k,) bool."""
        return np.bincount(row_index(M)[self.loose[M.indices] & (M.data != 0)], minlength=M.shape[0]) > 0


def read(bilevel: Bilevel) -> Reading:
    """Return a problem as a pessimist reads it.

    Raises
    ------
    UnsupportedError
        It has integer followers, or no worst response: a Nash game, complementarity conditions, no leader; or a set
        or an indicator of the leader holds followers' variables.
    """
    refuse_integers(bilevel, "pessimistic")
    m = plain(bilevel)
    model = shared_kkt(m)
    _refuse(m, model)
    ties = tuple(Ties.of(follower, m) for follower in m.followers)
    loose = np.zeros(len(m.space), dtype=bool)
    loose[joined((one.loose for one in ties), int)] = True
    return Reading(m, ties, loose, _trouble(m, model, loose, decided_before(bilevel)))


def _refuse(m: Bilevel, model: Model) -> None:
    """Refuse problems without a worst response, by name."""
    space = m.space
    if m.is_equilibrium or space.conditions:
        what = f"the conditions {min(space.conditions)!r}" if space.conditions else "no objective"
        raise UnsupportedError(
            f"pessimistic: problem {m.name!r} has {what}: followers break ties against a leader, and conditions and "
            "equilibria are nobody's response"
        )
    if model.kkt is not None and model.kkt.curved:
        raise UnsupportedError(
            f"pessimistic: follower {model.kkt.curved[0]!r} has rows with squares or norms, so its ties are no "
            "polyhedron, and no worst one is found"
        )
    if model.kkt is not None:
        for system, qp in zip(model.kkt.systems, (s.with_parameters() for s in model.kkt.systems), strict=True):
            other = qp.x[(space.owner[qp.x] != LEADER)]
            own = system.varying is not None and np.isin(other, system.varying.p).all()
            if len(other) and not own:
                raise UnsupportedError(
                    f"pessimistic: follower {system.name!r} sees {space.label(int(other[0]))}, which is not the "
                    "leader's: in a Nash game no follower's responses are given by the leader's decision alone"
                )
    held = [(f"SOS1 set {name!r}", columns) for name, columns in m.sets]
    held += [(f"indicator {name!r}", rows.M.indices) for name, _, _, rows in m.conditions]
    for what, columns in held:
        theirs = np.asarray(columns)[space.owner[columns] != LEADER]
        if len(theirs):
            raise UnsupportedError(
                f"pessimistic: the leader's {what} holds {space.label(int(theirs[0]))} of a follower; rows may, sets "
                "and indicators may not"
            )


def _trouble(m: Bilevel, model: Model, loose: np.ndarray, before: np.ndarray) -> str:
    """Return the term because of which worst responses are no further followers of a problem; empty where none is."""
    space = m.space
    if model.kkt is None:
        return ""
    prices = model.kkt.used
    if len(prices):
        return f"the leader uses the multiplier {space.label(int(prices[0]))}"
    varying = next((f for f in m.followers if f.varying), None)
    if varying is not None:
        return f"row {varying.varying[0].names[0]!r} of follower {varying.name!r} holds products with continuous ones"
    for where, quad in [("objective", m.objective), *((f"row {row.name!r}", row.quad) for row in m.quads)]:
        one = quad.canonical()
        both = np.flatnonzero(loose[one.i] & loose[one.j] & (one.v != 0))
        if len(both):
            a, b = (space.label(int(at[both[0]])) for at in (one.i, one.j))
            return f"the leader's {where} holds the product {a} * {b} of followers' variables"
    return _recourse(m, model, loose, before)


def _recourse(m: Bilevel, model: Model, loose: np.ndarray, before: np.ndarray) -> str:
    """Return which of the leader's columns is decided after followers have broken their ties; empty where none is."""
    space = m.space
    assert model.kkt is not None
    late = (space.owner == LEADER) & (space.role == "leader") & (space.lb < space.ub)
    late[model.kkt.seen] = late[model.terms.factors] = late[before] = False
    tables = [(rows.M, rows.name) for rows in m.rows] + [(_held(row.quad), row.name) for row in m.quads]
    goal = m.objective.canonical()
    products = coo(np.ones(2 * len(goal.v)), np.tile(np.arange(len(goal.v)), 2),
                   np.concatenate([goal.i, goal.j]), (len(goal.v), len(space)))  # fmt: skip
    tables.append((products, "the objective"))
    M = vstack([part for part, _ in tables], len(space))
    inside = (late | loose)[M.indices] & (M.data != 0)
    M = coo(M.data[inside], row_index(M)[inside], M.indices[inside], M.shape)
    free = coo(M.data[late[M.indices]], row_index(M)[late[M.indices]], M.indices[late[M.indices]], M.shape)
    label = tied(free)  # of recourse columns that rows tie to each other
    touches = np.bincount(row_index(M)[loose[M.indices]], minlength=M.shape[0]) > 0
    both = np.flatnonzero(touches & (np.diff(free.indptr) > 0))
    if not len(both):
        return ""
    hot = int(free.indices[free.indptr[both[0]]])
    names = np.repeat([name for _, name in tables], [part.shape[0] for part, _ in tables])
    count = int((late & np.isin(label, label[hot])).sum())
    more = f" and {count - 1} more" if count > 1 else ""
    name = str(names[both[0]])
    where = name if name == "the objective" else f"row {name!r}"
    return f"{space.label(hot)}{more}, by {where}, is decided by the leader after the followers have broken their ties"


def _held(quad: Quad) -> Csr:
    """Return one row with an entry for every column of an expression."""
    used = np.unique(np.concatenate([quad.i, quad.j, quad.linear.indices]))
    return coo(np.ones(len(used)), np.zeros(len(used), dtype=int), used, (1, len(quad.space)))
