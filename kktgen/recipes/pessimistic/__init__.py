"""The problem in which followers break ties against the leader, as a bilevel problem with further followers.

::

    min_x max_{y in S(x)} F(x, y)     s.t.  r(x, y) <= h  for every y in S(x)

S(x) are the optimal responses at x (:mod:`kktgen.recipes.pessimistic.reading`). One further follower for every follower
the objective looks at, and for every one a row looks at, answers with the response that is worst there
(:mod:`kktgen.recipes.pessimistic.twin`); the leader's objective and rows then hold its variables. Which responses these
followers choose among does not depend on which y the follower itself has chosen, so this is the problem exactly, where

* no continuous variable of the leader prices what ties may change: then S(x) is continuous, and so is the worst value,
* F and r are linear in what ties may change, and hold no multipliers,
* nothing of the leader's is decided after the tie is broken,
* followers do not see each other.

Continuous prices: ties that no price can break, with ``Q'w = Q'y``, are some of all there are, whatever x. The problem
over them alone is a relaxation, so its optimum bounds the pessimistic one. Source of the exact form for costs without
leader's variables: Zeng, "A practical scheme to compute the pessimistic bilevel optimization problem", INFORMS J.
Comput. 32 (2020).
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np

from ...errors import UnsupportedError, expect
from ...numerics.sparse import take_rows
from ...problem.bilevel import Bilevel
from ...problem.expressions import Affine, Quad
from ...problem.rows import QuadRow, Rows
from .reading import Reading, read
from .twin import cost_of, moved, part_of, with_twin


def pessimistic(bilevel: Bilevel, *, objective: bool = True, relax: bool = False) -> Bilevel:
    """Return the bilevel problem in which the followers break ties against the leader.

    Parameters
    ----------
    bilevel : Bilevel
        Its rows that hold followers' variables are read as rows for every response, whether they were added so or not.
    objective : bool
        False: the objective stays that of the response that suits the leader best, and only rows added with
        ``every_response=True`` hold for every response.
    relax : bool
        True: where the leader's continuous variables price what ties may change, ties that no price can break count
        alone; the problem is then a relaxation, whose optimum bounds the pessimistic one. Without such prices the same
        exact problem as by default.

    Returns
    -------
    Bilevel
        A problem like any other, to be printed, written, solved: the columns of the given one, which keep their places,
        and further followers that answer with the worst responses. ``sol[x]`` works with the variables of either.

    Raises
    ------
    UnsupportedError
        No such problem is known, because of a term that is named: a continuous price (unless ``relax``), a multiplier
        in the leader's problem, a product of two variables that ties may change, a leader's variable that is decided
        after the tie is broken; followers that see each other, conditions; sets or indicators with their variables.
    BoundError
        A variable that an integer price of the leader multiplies has no bounds.

    See Also
    --------
    kktgen.optimize : With ``pessimistic=True``: solves it, or brackets the value where there is no such problem.
    kktgen.robust : A decision nearby at which ties are settled.
    Bilevel.add : Rows for every response, one by one.

    Examples
    --------
    The follower does not care which of its two goods it uses; the leader pays 1 for x, and wants the second.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("goods")
    >>> x = m.var("x", lb=0, ub=1)
    >>> shop = m.follower("shop")
    >>> y = shop.var("y", 2, lb=0, ub=1)
    >>> _ = shop.add(y.sum() >= 1)
    >>> shop.minimize(y.sum())
    >>> m.minimize(x + y[0] - y[1])
    >>> worst = kg.pessimistic(m)
    >>> worst
    Bilevel('goods_pessimistic', 16 columns, 2 followers)
    >>> print(f"{kg.optimize(m).solution.objective:.2f} {kg.optimize(worst).solution.objective:.2f}")
    -1.00 1.00
    """
    expect(bilevel, Bilevel, "pessimistic")
    expect(objective, bool, "objective=", "True or False")
    expect(relax, bool, "relax=", "True or False")
    reading = read(bilevel)
    if reading.trouble:
        raise UnsupportedError(
            f"pessimistic: {reading.trouble}, so no problem with further followers says what the worst response is; "
            "kg.optimize(m, pessimistic=True) brackets the value"
        )
    if reading.price and not relax:
        raise UnsupportedError(
            f"pessimistic: the leader's continuous variable {reading.price} prices what ties may change, so the worst "
            "value jumps with it; kg.pessimistic(m, relax=True) returns a relaxation, and "
            "kg.optimize(m, pessimistic=True) brackets the value"
        )
    return with_worst(bilevel, reading, objective)


def with_worst(bilevel: Bilevel, reading: Reading, objective: bool = True, penalty: float = 0.0) -> Bilevel:
    """Return the problem with worst responses in the objective, and in the rows that are to hold for all of them.

    With a penalty its points satisfy the rows for every response, at values that no tie is worse than; its bound says
    nothing.
    """
    m = copy.deepcopy(reading.bilevel)
    m._bits.rows = m.rows
    word = "penalty" if penalty else "bound" if reading.price else "pessimistic" if objective else "every_response"
    m.name = m.space.name = f"{bilevel.name}_{word}"
    m.about = {"source": f"worst responses of {bilevel.name!r}"}
    count, quads = len(bilevel.rows), len(bilevel.quads)
    asked = (
        [objective or row.every_response for row in bilevel.rows],
        [objective or q.every_response for q in bilevel.quads],
    )
    if objective:
        m.objective = _worst(m, reading, m.objective, "worst", penalty)
    kept, sides = [], []
    for row, all_of_them in zip(m.rows[:count], asked[0], strict=True):
        touched = reading.touched(row.M) if all_of_them else np.zeros(len(row), dtype=bool)
        rest = np.flatnonzero(~touched)
        sides += [_Side.of(row, k, sign) for k in np.flatnonzero(touched).tolist() for sign in (1.0, -1.0)]
        if not touched.any():
            kept.append(row)
        elif len(rest):
            kept.append(Rows(m.space, take_rows(row.M, rest), row.lo[rest], row.hi[rest], (len(rest),), row.name))
    left = []
    for one, all_of_them in zip(m.quads[:quads], asked[1], strict=True):
        if all_of_them and _holds(one.quad, reading.loose):
            sides += [_Side(one.quad, one.hi, one.name), _Side(-one.quad, -one.lo, f"{one.name}_lo")]
        else:
            left.append(one)
    m.rows[:count], m.quads[:quads] = kept, left
    for side in sides:
        if np.isfinite(side.limit):
            worst = _worst(m, reading, side.quad, side.name, penalty)
            if len(worst.v):
                m.add(QuadRow(worst, -np.inf, side.limit), name=side.name)
            else:
                none, limit = np.array([-np.inf]), np.array([side.limit])
                m.add(Rows(m.space, worst.linear, none, limit, ()), name=side.name)
    return m


class _Side(NamedTuple):
    """One side of a leader's row: ``quad <= limit``."""

    quad: Quad
    limit: float
    name: str

    @classmethod
    def of(cls, rows: Rows, k: int, sign: float) -> _Side:
        """Return the upper (1) or lower (-1) side of a row."""
        M = take_rows(rows.M, np.array([k]))
        name = (f"{rows.name}_{k}" if rows.shape else rows.name) + ("" if sign > 0 else "_lo")
        limit = rows.hi[k] if sign > 0 else -rows.lo[k]
        return cls(Quad.of(rows.space, Affine(rows.space, M * sign, np.zeros(1), ())), float(limit), name)


def _holds(quad: Quad, loose: np.ndarray) -> bool:
    """Return whether an expression holds a column that ties may change."""
    used = np.concatenate([quad.i[quad.v != 0], quad.j[quad.v != 0], quad.linear.indices[quad.linear.data != 0]])
    return bool(loose[used].any())


def _worst(m: Bilevel, reading: Reading, quad: Quad, word: str, penalty: float) -> Quad:
    """Return a function at the responses that make it largest.

    The followers that answer so are declared, one for every follower whose loose columns it holds.
    """
    quad, n = quad.canonical(), len(reading.loose)
    to, extra = np.arange(len(m.space)), list[Quad]()
    for follower, ties in zip(reading.bilevel.followers, reading.ties, strict=True):
        own = np.zeros(len(m.space), dtype=bool)
        own[ties.loose] = True
        if not _holds(quad, own):
            continue
        made = with_twin(m, m._followers[follower.name], ties, part_of(quad, own), f"{follower.name}_{word}", penalty)
        to[:n] = np.where(made[:n] != np.arange(n), made[:n], to[:n])
        to = np.concatenate([to, np.arange(len(to), len(m.space))])
        if penalty:
            cost, old = cost_of(follower, own), np.arange(len(to))
            extra += [penalty * moved(cost, old, m.space) - penalty * moved(cost, to, m.space)]
    out = moved(quad, to, m.space)
    for one in extra:
        out = out + one
    return out
