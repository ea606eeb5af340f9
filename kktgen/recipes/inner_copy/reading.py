"""Which problems an inner copy can be made of, by name what stands against it, and their followers in matrix form."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...errors import ProblemError, UnsupportedError
from ...numerics.sparse import Csr, joined, position, scale_rows, take_columns
from ...problem.bilevel import Bilevel
from ...problem.columns import LEADER
from ...problem.cones import with_leader
from ...problem.conic_qp import ConicQP, with_norms, with_own_products
from ...problem.every_response import refuse_every_response
from ...problem.follower import Follower
from ...problem.follower_rows import System
from ...problem.integers import refuse_integers
from ...problem.leader_terms import ROLE
from ...problem.qp import QP


@dataclass(frozen=True, eq=False)
class Curved:
    """A follower with convex quadratic rows, or with norms below a side of its own.

    Parameters
    ----------
    follower : Follower
    system : System
    qp : QP
        The follower that takes the columns behind its squares, or its norms, for parameters.
    conic : ConicQP
        The follower with its squares and norms in its rows; norms in the order of its cones.
    dead : ndarray (mi,) bool
        Inequalities without own variables.
    """

    follower: Follower
    system: System
    qp: QP
    conic: ConicQP
    dead: np.ndarray

    @classmethod
    def of(cls, follower: Follower) -> Curved:
        """Return a follower that has such rows."""
        system = follower.system()
        one, qp = system.varying, system.with_parameters()
        if follower.cones:
            still = joined([*(part.v for part in follower.varying), *(cone.u for cone in follower.cones)], int)
            at = position(qp.x, still)
            conic = with_norms(qp, at[at >= 0], system.norms(np.zeros(len(follower.space))))
        else:
            assert one is not None
            conic = with_own_products(qp, position(qp.x, one.v), position(qp.y, one.x), take_columns(one.E, qp.y))
        return cls(follower, system, qp, conic, follower.space.ub[qp.mu] == 0)

    def scaled(self, scale: np.ndarray) -> ConicQP:
        """Return the follower with its inequalities times some factors (mi,)."""
        qp = self.conic
        return replace(
            qp, G=scale_rows(scale, qp.G), H=scale_rows(scale, qp.H), h=scale * qp.h,
            squares=tuple((i, Csr(scale[i] * R)) for i, R in qp.squares),
            norms=tuple(replace(one, E=Csr(scale[one.row] * one.E), e=scale[one.row] * one.e) for one in qp.norms),
        )  # fmt: skip

    def row(self, i: int) -> str:
        """Return the name of an inequality."""
        declared = self.system.declared[int(self.system.source[i])]
        return declared.word or declared.item


def is_curved(follower: Follower) -> bool:
    """Return whether a follower has convex quadratic rows, or norms below a side of its own."""
    return bool(follower.cones) or any(part.curved for part in follower.varying)


def read(bilevel: Bilevel) -> tuple[Curved, ...]:
    """Return the followers with convex quadratic rows, or norms below a side of their own.

    Raises
    ------
    ProblemError
        There are none, or rows are for every response.
    UnsupportedError
        Integer followers, followers that see each other, conditions, products with continuous variables of the leader,
        products with binaries or conditions in a follower with curved rows, a multiplier of such a follower, or a
        column that stands behind a row.
    """
    refuse_integers(bilevel, "inner_copy")
    refuse_every_response(bilevel, "inner_copy")
    if bilevel.is_equilibrium or bilevel.space.conditions:
        what = f"the conditions {min(bilevel.space.conditions)!r}" if bilevel.space.conditions else "no objective"
        raise UnsupportedError(f"inner_copy: problem {bilevel.name!r} has {what}: nobody whom a copy would bound")
    for follower in bilevel.followers:
        _refuse(bilevel, follower)
    curved = [follower for follower in bilevel.followers if is_curved(follower)]
    if not curved:
        raise ProblemError(
            f"inner_copy: no follower of {bilevel.name!r} has convex quadratic rows or norms below a side of its own; "
            "kg.kkt(m) is one level of it"
        )
    _refuse_prices(bilevel, curved)
    return tuple(map(Curved.of, curved))


def _refuse(bilevel: Bilevel, follower: Follower) -> None:
    """Refuse a follower that a copy would not be right of."""
    products, who = follower.products, f"inner_copy: follower {follower.name!r}"
    if with_leader(follower.varying, follower.cones):
        raise UnsupportedError(
            f"{who} has products with continuous variables of the leader in its rows (products=True), so it is no "
            "convex program in the leader's decision"
        )
    if is_curved(follower) and len(products):
        what = "conditions (when=)" if products.conditional else "products with integer variables of the leader"
        raise UnsupportedError(
            f"{who} has {_kind(follower)} and rows with {what}; an inner copy is made of one or the other"
        )
    space, system = bilevel.space, follower.system()
    cost = system.cost.canonical()
    seen = joined([system.E.indices, system.C.indices, cost.linear.indices, cost.i, cost.j], int)
    others = seen[(space.owner[seen] != follower.index) & (space.owner[seen] != LEADER)]
    if len(others):
        raise UnsupportedError(
            f"{who} sees {space.label(int(others[0]))} of another follower: a Nash game, in which nobody responds to "
            "the leader alone"
        )


def _kind(follower: Follower) -> str:
    """Return what a follower's curved rows are."""
    return "norms below a side of its own" if follower.cones else "convex quadratic rows"


def _refuse_prices(bilevel: Bilevel, curved: list[Follower]) -> None:
    """Refuse multipliers of followers with curved rows, and what stands behind rows, in what is the leader's."""
    space, goal = bilevel.space, bilevel.objective
    used = {"the objective": joined([goal.i, goal.j, goal.linear.indices], int)}
    used |= {f"row {row.name!r}": row.M.indices for row in bilevel.rows}
    used |= {f"row {q.name!r}": joined([q.quad.i, q.quad.j, q.quad.linear.indices], int) for q in bilevel.quads}
    used |= {f"indicator {name!r}": rows.M.indices for name, _, _, rows in bilevel.conditions}
    used |= {f"set {name!r}": members for name, members in bilevel.sets}
    owners = [follower.index for follower in curved]
    for where, columns in used.items():
        wrong = columns[space.is_price[columns] & np.isin(space.owner[columns], owners)]
        if len(wrong):
            whose = _kind(next(one for one in curved if one.index == space.owner[wrong[0]]))
            raise UnsupportedError(
                f"inner_copy: {where} holds the multiplier {space.label(int(wrong[0]))} of a follower with {whose}; "
                "the copy is a response without multipliers"
            )
        wrong = columns[space.role[columns] == ROLE]
        if len(wrong):
            raise UnsupportedError(
                f"inner_copy: {where} holds {space.label(int(wrong[0]))}, which stands behind a row of a follower; the "
                "copy has none"
            )
