"""Which problems an inner copy can be made of, by name what stands against it, and their followers in matrix form."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from ...errors import ProblemError, UnsupportedError
from ...numerics.sparse import Csr, joined, position, take_columns
from ...problem.bilevel import Bilevel
from ...problem.columns import LEADER
from ...problem.conic_qp import ConicQP, with_squares
from ...problem.every_response import refuse_every_response
from ...problem.follower import Follower
from ...problem.follower_rows import System
from ...problem.integers import refuse_integers
from ...problem.qp import QP


@dataclass(frozen=True, eq=False)
class Curved:
    """A follower with convex quadratic rows.

    Parameters
    ----------
    follower : Follower
    system : System
    qp : QP
        The follower that takes its squares' columns for parameters.
    products : ndarray (k,), ndarray (k,), csr_array (k, ny)
        Positions of these columns among the parameters, of the first factors in y, and the second factors.
    conic : ConicQP
        The follower with its squares in its rows.
    dead : ndarray (mi,) bool
        Inequalities without own variables.
    """

    follower: Follower
    system: System
    qp: QP
    products: tuple[np.ndarray, np.ndarray, Csr]
    conic: ConicQP
    dead: np.ndarray

    @classmethod
    def of(cls, follower: Follower) -> Curved:
        """Return a follower that has such rows."""
        system = follower.system()
        one, qp = system.varying, system.with_parameters()
        assert one is not None
        v, x, E = position(qp.x, one.v), position(qp.y, one.x), take_columns(one.E, qp.y)
        keep = np.ones(qp.nx)
        keep[v] = 0.0
        plain = Csr(qp.H @ sp.diags_array(keep))
        plain.eliminate_zeros()
        conic = with_squares(replace(qp, H=plain), take_columns(qp.H, v), v, x, E)
        return cls(follower, system, qp, (v, x, E), conic, follower.space.ub[qp.mu] == 0)

    def row(self, i: int) -> str:
        """Return the name of an inequality."""
        declared = self.system.declared[int(self.system.source[i])]
        return declared.word or declared.item


def is_curved(follower: Follower) -> bool:
    """Return whether a follower has convex quadratic rows."""
    return any(part.curved for part in follower.varying)


def read(bilevel: Bilevel) -> tuple[Curved, ...]:
    """Return the followers with convex quadratic rows.

    Raises
    ------
    ProblemError
        There are none, or rows are for every response.
    UnsupportedError
        Integer followers, followers that see each other, conditions, products with continuous variables of the leader,
        products with binaries or conditions in a follower with curved rows, a multiplier of such a follower.
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
            f"inner_copy: no follower of {bilevel.name!r} has convex quadratic rows; kg.kkt(m) is one level of it"
        )
    _refuse_prices(bilevel, curved)
    return tuple(map(Curved.of, curved))


def _refuse(bilevel: Bilevel, follower: Follower) -> None:
    """Refuse a follower that a copy would not be right of."""
    products, who = follower.products, f"inner_copy: follower {follower.name!r}"
    if follower.cones:
        raise UnsupportedError(
            f"{who} has a norm below a side of its own (row {follower.cones[0].name!r}); chords are "
            "made of squares alone"
        )
    if any(not part.curved for part in follower.varying):
        raise UnsupportedError(
            f"{who} has products with continuous variables of the leader in its rows (products=True), so it is no "
            "convex program in the leader's decision"
        )
    if is_curved(follower) and len(products):
        what = "conditions (when=)" if products.conditional else "products with integer variables of the leader"
        raise UnsupportedError(
            f"{who} has convex quadratic rows and rows with {what}; an inner copy is made of one or the other"
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


def _refuse_prices(bilevel: Bilevel, curved: list[Follower]) -> None:
    """Refuse multipliers of followers with curved rows in what is the leader's."""
    space, goal = bilevel.space, bilevel.objective
    used = {"the objective": joined([goal.i, goal.j, goal.linear.indices], int)}
    used |= {f"row {row.name!r}": row.M.indices for row in bilevel.rows}
    used |= {f"row {q.name!r}": joined([q.quad.i, q.quad.j, q.quad.linear.indices], int) for q in bilevel.quads}
    used |= {f"indicator {name!r}": rows.M.indices for name, _, _, rows in bilevel.conditions}
    owners = [follower.index for follower in curved]
    for where, columns in used.items():
        wrong = columns[space.is_price[columns] & np.isin(space.owner[columns], owners)]
        if len(wrong):
            raise UnsupportedError(
                f"inner_copy: {where} holds the multiplier {space.label(int(wrong[0]))} of a follower with convex "
                "quadratic rows; the copy is a response without multipliers"
            )
