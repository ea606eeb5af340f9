"""Does the leader want what the followers want, or the opposite: which problems need no complementarity at all.

With ``F`` the leader's objective and ``f_k`` the part of follower k's cost that holds its own variables, both to be
minimised, the leader is tied to the followers where weights ``kappa_k`` leave::

    F = phi(x) + sum_k kappa_k f_k(x, y_k)

no follower sees another's variables or multipliers, and no row, quadratic row, SOS1 set or indicator of the leader
holds any of theirs. The leader is **aligned** with a follower of ``kappa_k > 0``, **opposed** to one of
``kappa_k < 0``, and indifferent to one of weight 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import ProblemError
from ..model.constants import constants, fold
from ..model.model import Model
from ..model.shared import shared_kkt
from ..numerics.sparse import joined
from ..problem.bilevel import Bilevel
from ..problem.expressions import Quad
from ..problem.integers import refuse_integers

SAME = 1e-12
"""Relative difference of two coefficients that count as multiples of each other."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """How the leader's objective is made of the followers' costs.

    Parameters
    ----------
    weight : ndarray (k,)
        ``kappa_k`` of every follower; 1 for one without a cost, whose variables are the leader's to choose.
    free : ndarray (k,) of bool
        Followers without a cost.
    """

    weight: np.ndarray
    free: np.ndarray

    @property
    def word(self) -> str:
        """``aligned``, ``opposed``, or ``mixed`` where some followers are of each kind."""
        below, above = bool((self.weight < 0).any()), bool(((self.weight > 0) & ~self.free).any())
        return "mixed" if below and above else "opposed" if below else "aligned"


def alignment(problem: Bilevel | Model) -> str | None:
    """Return whether the leader is aligned with the followers or opposed to them, which makes a problem easy.

    Parameters
    ----------
    problem : Bilevel or Model
        A model as :func:`kktgen.kkt` returns it.

    Returns
    -------
    str or None
        ``"aligned"``: the leader's objective is a sum of the followers' costs, times positive weights, and of terms
        of the leader's own variables; ``"opposed"``: the weights are negative; ``"mixed"``: some followers are of
        each kind. None otherwise, in particular where followers see one another's variables (a Nash game), or a row,
        set or indicator of the leader holds any of theirs, or their multipliers.

    Raises
    ------
    ProblemError
        The argument is neither, or a follower has no objective.

    See Also
    --------
    kktgen.optimize : Solves such problems without complementarity pairs where it can.

    Examples
    --------
    A planner who pays for a plant and for what the market pays for power; an attacker of the same market.

    >>> import kktgen as kg
    >>> def market(sign):
    ...     m = kg.Bilevel("market")
    ...     plant = m.var("plant", kind="B")
    ...     clearing = m.follower("clearing")
    ...     g = clearing.var("g", 2, lb=0, ub=100)
    ...     cost = 20 * g[0] + 50 * g[1]
    ...     rows = clearing.add(g.sum() == 100, g[0] <= 80 * plant)
    ...     clearing.minimize(cost)
    ...     m.minimize(sign * cost + 500 * plant)
    ...     return m
    >>> kg.alignment(market(+1)), kg.alignment(market(-1))
    ('aligned', 'opposed')
    """
    if not isinstance(problem, Bilevel | Model):
        raise ProblemError(f"alignment takes a Bilevel or its KKT model, got {type(problem).__name__}")
    if isinstance(problem, Bilevel):
        refuse_integers(problem, "alignment")
    found = aligned_to(shared_kkt(problem) if isinstance(problem, Bilevel) else problem)
    return None if found is None else found.word


def aligned_to(model: Model) -> Alignment | None:
    """Return how the objective of a KKT model is made of the followers' costs, or None where it is not.

    Parameters
    ----------
    model : Model
        As :func:`kktgen.kkt` returns it: its products are still those that the leader wrote.
    """
    kkt = model.kkt
    if kkt is None or not kkt.systems or _touched(model) or (model.space.owner[kkt.seen] >= 0).any():
        return None
    owner, count, n = np.append(model.space.owner, -1), len(kkt.systems), model.n
    value = constants(model.space)
    goal = _Terms.of(fold(model.objective, value), n, owner, None)
    costs = [_Terms.of(fold(system.cost, value), n, owner, k) for k, system in enumerate(kkt.systems)]
    paid_at, wanted_at = np.concatenate([part.key for part in costs]), goal.key
    key = np.union1d(wanted_at, paid_at)
    wanted, paid = np.zeros(len(key)), np.zeros(len(key))
    wanted[np.searchsorted(key, wanted_at)] = goal.value
    paid[np.searchsorted(key, paid_at)] = np.concatenate([part.value for part in costs])
    first, second = owner[key // (n + 1)], owner[key % (n + 1)]
    of = np.maximum(first, second)
    largest = np.zeros(count)
    np.maximum.at(largest, of, np.abs(paid))
    free, weight = largest == 0, np.ones(count)
    top = np.flatnonzero((np.abs(paid) == largest[of]) & (paid != 0))
    weight[of[top]] = wanted[top] / paid[top]
    off = np.abs(wanted - weight[of] * paid) > SAME * np.maximum(np.abs(wanted), np.abs(weight[of] * paid))
    alone = (first == second) | (np.minimum(first, second) < 0)
    price = np.append(model.space.is_price, False)
    if (off & ~(free[of] & alone)).any() or price[wanted_at // (n + 1)].any() or price[wanted_at % (n + 1)].any():
        return None
    return Alignment(weight, free)


def _touched(model: Model) -> bool:
    """Return whether a row, quadratic row, set or indicator of the leader holds a follower's column."""
    rows, quads, rules = model.rows, model.quads, model.indicators
    leader = rows.take(rows.of_role("leader")).M
    used = [leader.indices[leader.data != 0], quads.i, quads.j, quads.linear.M.indices, model.sos1.columns]
    used += [] if rules is None else [rules.binary, rules.rows.M.indices]
    return bool((model.space.owner[joined(used, int)] >= 0).any())


@dataclass(frozen=True, eq=False)
class _Terms:
    """Terms of a function that hold a follower's column: a key for each pair of columns, and coefficients."""

    key: np.ndarray
    value: np.ndarray

    @classmethod
    def of(cls, quad: Quad, n: int, owner: np.ndarray, k: int | None) -> _Terms:
        """Return the terms that hold a column of follower k, or of any; the second column of a linear term is n.

        ``owner`` (n + 1,) says whose every column is, -1 for the leader's and for none.
        """
        quad = quad.canonical()
        linear = quad.linear
        i, j = joined([quad.i, linear.indices], int), joined([quad.j, np.full(linear.nnz, n)], int)
        value = np.concatenate([quad.v, linear.data])
        held = np.maximum(owner[i], owner[j]) >= 0 if k is None else (owner[i] == k) | (owner[j] == k)
        kept = held & (value != 0)
        return cls((i * (n + 1) + j)[kept], value[kept])
