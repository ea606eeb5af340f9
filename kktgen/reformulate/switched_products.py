"""Products of the leader's binaries with multipliers and variables of followers, made linear exactly.

The congestion rent of a line that may be built, or the revenue of a plant that may be bought, is written by products of
a binary x with a multiplier mu: as the leader wrote them, or as :func:`kktgen.eliminate` brought them in. Once mu has a
box, ``x mu`` is a column between four rows (:mod:`kktgen.reformulate.binary_products`). The box is one of the model's
own, so that the model with these columns has the points of the model with the products, whatever the box rests on: if
the leader's problem holds mu, it is valid for all multipliers (tiers D0 to D3 of :mod:`kktgen.reformulate.bounds`, path
costs, or a user's constant, which the claim names), at x = 0 perhaps for some, where the product is zero; if it does
not, the products came from elimination, whose value is the same for all multipliers that fit, and some lie in the box.

A multiplier of a row that x itself switches on (:mod:`kktgen.problem.lifting`) needs no box: where x switches the row
off it has slack, and the multiplier is zero, so ``x mu`` is mu, or zero, at every KKT point.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..model.fingerprint import equivalent
from ..model.model import Model
from ..model.tables import QuadTable, join
from ..numerics.convexity import is_psd
from ..numerics.sparse import add, coo
from ..problem.expressions import Quad
from .binary_products import BinaryProducts, leaders_switches, liftable, with_binary_products
from .bounds.curved import boxes
from .eliminate.rows import product_rows

WORD = "w_binary"
"""How the columns for products are called."""
ZERO, OWN, STAYS = -1, -2, -3
"""In place of a column: the product is zero at every KKT point; it needs a column of its own; it stays a product."""


@dataclass(frozen=True, eq=False)
class _Known:
    """What products stand for: ``column`` (m,), ``ZERO`` or ``OWN``, by their keys (m,), sorted.

    The key of the columns i < j is ``i n + j``.
    """

    n: int
    key: np.ndarray
    column: np.ndarray

    def of(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Return what the products ``z_i z_j`` stand for, ``STAYS`` where nothing is known of one."""
        key = _keys(self.n, i, j)
        at = np.minimum(np.searchsorted(self.key, key), len(self.key) - 1)
        return np.where(self.key[at] == key, self.column[at], STAYS)


@equivalent
def with_switched_products(model: Model) -> Model:
    """Return the model with products of the leader's binaries with columns of followers replaced where that is exact.

    Parameters
    ----------
    model : Model
        From :func:`kktgen.bound`: a product whose other factor has no finite box stays.

    Returns
    -------
    Model
        With columns and rows for products, and a note; the same model where there is nothing to replace.

    See Also
    --------
    kktgen.eliminate : Brings such products in where that rids the leader of others.

    Examples
    --------
    A line whose capacity may be raised by 4 earns the worth of what is added.

    >>> import kktgen as kg
    >>> from kktgen.reformulate.switched_products import with_switched_products
    >>> m = kg.Bilevel("line")
    >>> build = m.var("build", kind="B")
    >>> market = m.follower("market")
    >>> flow, local = market.var("flow", lb=0, ub=9), market.var("local", lb=0, ub=9)
    >>> limit = market.add(flow <= 1 + 4 * build, name="limit")
    >>> _ = market.add(flow + local == 6)
    >>> market.minimize(10 * flow + 30 * local)
    >>> m.maximize(-4 * limit.dual * build - 50 * build)
    >>> model = with_switched_products(kg.bound(kg.kkt(m)))
    >>> model.objective, model.notes[-1]
    (Quad(0 products, 2 linear terms), 'linearised: 1 product of binaries with columns of followers, exact')
    >>> print(kg.optimize(m).solution.objective)
    30.0
    """
    return linearised(model)


def linearised(model: Model) -> Model:
    """Return what :func:`with_switched_products` does, for use inside another stage."""
    if model.kkt is None or not (len(model.objective.v) or len(model.quads)):
        return model
    goal, quads, two = model.objective.canonical(), model.quads, leaders_switches(model)
    theirs = model.space.owner >= 0
    straight = not len(goal.v) or is_psd(goal.matrices(model.n)[0])
    of_goal = ((two[goal.i] & theirs[goal.j]) | (two[goal.j] & theirs[goal.i])) & (not straight)
    of_rows = (two[quads.i] & theirs[quads.j]) | (two[quads.j] & theirs[quads.i])
    of_rows &= np.isin(quads.row, product_rows(model))
    first, second = (
        np.concatenate([one[of_goal], other[of_rows]]) for one, other in ((goal.i, quads.i), (goal.j, quads.j))
    )
    known = _stand_for(model, np.unique(_keys(model.n, first, second)))
    if not len(known.key):
        return model
    lifted, known = _lifted(model, goal, of_rows, known)
    count = len(known.key)
    said = f"linearised: {count} product{'s' if count > 1 else ''} of binaries with columns of followers, exact"
    lifted = replace(lifted, objective=_in_goal(lifted, goal, of_goal, known), notes=(*lifted.notes, said))
    return _in_rows(lifted, of_rows, known) if of_rows.any() else lifted


def _keys(n: int, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Return one number for every pair of columns."""
    return np.minimum(i, j).astype(np.int64) * n + np.maximum(i, j)


def _stand_for(model: Model, key: np.ndarray) -> _Known:
    """Return what those of the products stand for that need not stay."""
    kkt, n = model.kkt, model.n
    if kkt is None or not len(key):
        return _Known(n, key, key)
    i, j = key // n, key % n
    leads = model.space.owner[i] < 0
    x, other = np.where(leads, i, j), np.where(leads, j, i)
    switch, on = kkt.switches(other)
    can = liftable(model.space, x, other, *boxes(model))[0]
    column = np.where(can, OWN, STAYS)
    column = np.where(switch == x, np.where(on == 1, other, ZERO), column)
    keep = column != STAYS
    return _Known(n, key[keep], column[keep])


def _lifted(model: Model, goal: Quad, of_rows: np.ndarray, known: _Known) -> tuple[Model, _Known]:
    """Return the model with columns for the products that need their own, and what all stand for then.

    A product of the objective alone is held from the side that matters.
    """
    own = known.column == OWN
    if not own.any():
        return model, known
    key, (lb, ub), quads = known.key[own], boxes(model), model.quads
    _, left, right = liftable(model.space, key // model.n, key % model.n, lb, ub)
    weight = np.zeros(len(key))
    number = _Known(model.n, key, np.arange(len(key))).of(goal.i, goal.j)
    weight[number[number >= 0]] = goal.v[number >= 0]
    both = np.isin(key, _keys(model.n, quads.i[of_rows], quads.j[of_rows]))
    products = BinaryProducts(left, right, both | (weight > 0), both | (weight < 0))
    lifted, columns = with_binary_products(model, products, lb, ub, WORD)
    column = known.column.copy()
    column[own] = columns
    return lifted, _Known(known.n, known.key, column)


def _in_goal(model: Model, goal: Quad, at: np.ndarray, known: _Known) -> Quad:
    """Return the objective with its products ``at`` replaced as far as they are known."""
    column = np.where(at, known.of(goal.i, goal.j), STAYS)
    used, stays = column >= 0, column == STAYS
    brought = coo(goal.v[used], np.zeros(used.sum(), dtype=np.int64), column[used], (1, model.n))
    linear = add(goal.linear, brought)
    return Quad(model.space, goal.i[stays], goal.j[stays], goal.v[stays], linear, goal.r)


def _in_rows(model: Model, at: np.ndarray, known: _Known) -> Model:
    """Return the model with the products ``at`` of its quadratic rows replaced; a row without any becomes linear."""
    quads, n = model.quads, model.n
    column = np.where(at, known.of(quads.i, quads.j), STAYS)
    used, stays = column >= 0, column == STAYS
    brought = coo(quads.v[used], quads.row[used], column[used], (len(quads), n))
    linear = replace(quads.linear, M=add(quads.linear.M, brought))
    rest = QuadTable(quads.row[stays], quads.i[stays], quads.j[stays], quads.v[stays], linear)
    straight = np.zeros(len(quads), dtype=bool)
    straight[quads.row[~stays]] = True
    straight[rest.row] = False
    return replace(model, quads=rest.take(~straight), rows=join([model.rows, linear.take(straight)], n))
