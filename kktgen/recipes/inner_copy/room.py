"""How many chords leave a follower a point at every decision: chords lie above a curved row by less than its slack.

A chord of ``u^2 / 2`` over an interval of width w lies above it by at most ``w^2 / 8``. So where the u_r of a row lie
in boxes, each cut into N intervals, the row with chords in the place of its squares asks for at most::

    e_i / N^2,    e_i = sum_r d_r (width of u_r)^2 / 8

more than the row itself. Some rule ``yhat(x)`` keeps all rows at every x, the curved ones with slack sigma_i (Slater,
:mod:`kktgen.reformulate.bounds.conic`): with ``e_i / N^2 < sigma_i`` it keeps the rows with chords, too. Were there a
decision at which the chords leave no point, it would be cut off, and the bound be wrong.

Of a norm ``|e| <= t`` the inner polyhedron holds all points with ``|e| <= c t``
(:mod:`kktgen.recipes.inner_copy.polygons`). Where the rule has ``|e| <= E`` and the slack sigma, it is among them if::

    c >= E / (E + sigma),    for |e| / t <= |e| / (|e| + sigma) <= E / (E + sigma)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf, sqrt

import numpy as np

from ...deadline import NEVER
from ...errors import BoundError
from ...numerics.intervals import interval
from ...numerics.sparse import Csr
from ...problem.conic_qp import ConicQP, Norm
from ...reformulate.bounds.conic import strict_rule
from ...reformulate.bounds.slater import INSIDE, Rule
from .boxes import Box, responses
from .polygons import enough
from .reading import Curved
from .squares import Squares

MOST = 512
"""Most chords that are taken for one square."""
USED = 0.9
"""Share of the slack that the chords may take."""
WIDER = 1e-6
"""Relative widening of the boxes of u that do not follow from bounds of one variable."""
NAMED = 3
"""Most columns that are named."""


@dataclass(frozen=True, eq=False)
class Room:
    """What the inner polyhedron of one follower is made of.

    Parameters
    ----------
    one : Curved
    squares : dict of int to Squares
        Of its curved inequalities, by their index.
    ends : dict of int to (lo (k,), hi (k,))
        The boxes of their expressions.
    missing : dict of int to float
        What is added to each of these rows for the rounding of its squares.
    tops : tuple of float
        The largest side t of every norm, in the order of the cones; inf where there is none.
    least : int
        Intervals from which on the polyhedron has a point at every decision.
    """

    one: Curved
    squares: dict[int, Squares]
    ends: dict[int, Box]
    missing: dict[int, float]
    tops: tuple[float, ...]
    least: int


def rooms(curved: Sequence[Curved], box: Box) -> list[Room]:
    """Return what the inner polyhedra of some followers are made of; ``box`` is that of all columns.

    Raises
    ------
    BoundError
        No box, or no point strictly inside the curved rows at every decision; says what is missing.
    """
    return [_room(one, (box[0][one.qp.x], box[1][one.qp.x])) for one in curved]


def _room(one: Curved, x: Box) -> Room:
    squares = {i: Squares.of(R) for i, R in one.conic.squares}
    y = responses(one, x)
    ends, missing = dict[int, Box](), dict[int, float]()
    for i, form in squares.items():
        used = np.unique(form.L.indices)
        _refuse_open(one, used, y, f"row {one.row(i)!r}: no finite box of", "the square cannot be cut into chords")
        ends[i] = _ends(one, form, y)
        missing[i] = form.missing(np.maximum(np.abs(y[0]), np.abs(y[1])))
    error = {i: float(form.d @ (ends[i][1] - ends[i][0]) ** 2) / 8.0 for i, form in squares.items()}
    rule, scale = _rule(one, x, error | {norm.row: _size(norm, y) for norm in one.conic.norms})
    slack = rule.sigma / scale
    needed = dict[int, float]()
    for i, form in squares.items():
        _check(one, i, form, rule, x, ends[i])
        left = USED * (float(slack[i]) - missing[i])
        needed[i] = ceil(sqrt(error[i] / left)) if left > 0 else inf
    for norm in one.conic.norms:
        size = float(np.linalg.norm(_reached(norm, rule, x)))
        needed[norm.row] = enough(len(norm.e), size / (size + USED * float(slack[norm.row])))
    for i, pieces in needed.items():
        if pieces > MOST:
            raise BoundError(
                f"inner_copy: follower {one.follower.name!r}, row {one.row(i)!r}: the point strictly inside it has the "
                f"slack {slack[i]:.1e} at the decision where it has least, and more than {MOST} chords "
                "would be needed to stay inside there. Give the leader's variables bounds that leave the follower more "
                "room, and its variables tighter bounds"
            )
    tops = tuple(_top(one.conic, norm, x, y) for norm in one.conic.norms)
    return Room(one, squares, ends, missing, tops, int(max(1, *needed.values())))


def _size(norm: Norm, y: Box) -> float:
    """Return the size of a norm's largest entry over a box; 1 where it has none."""
    low, high = interval(norm.E, *y)
    size = float(np.maximum(np.abs(low + norm.e), np.abs(high + norm.e)).max())
    return size if 0 < size < np.inf else 1.0


def _reached(norm: Norm, rule: Rule, x: Box) -> np.ndarray:
    """Return the largest size of every entry of a norm along a rule (k,)."""
    reach = 0.5 * (x[1] - x[0])[rule.links]
    return np.asarray(np.abs(norm.E @ rule.y0 + norm.e) + np.abs(norm.E @ rule.Y) @ reach)


def _top(qp: ConicQP, norm: Norm, x: Box, y: Box) -> float:
    """Return the largest side of a norm over boxes of the parameters and of y, widened."""
    low = (interval(Csr(M[[norm.row]]), *box)[0][0] for M, box in ((qp.G, y), (qp.H, x)))
    top = float(qp.h[norm.row] - sum(low))
    return top + WIDER * (1.0 + abs(top))


def _ends(one: Curved, form: Squares, y: Box) -> Box:
    """Return the boxes of the expressions of a form: declared bounds as they are, others widened."""
    space, columns = one.follower.space, one.conic.y
    lo, hi = interval(form.L, *y)
    lo, hi = lo - WIDER * (1.0 + np.abs(lo)), hi + WIDER * (1.0 + np.abs(hi))
    alone = np.flatnonzero(np.diff(form.L.indptr) == 1)
    column = columns[form.L.indices[form.L.indptr[alone]]]
    lo[alone], hi[alone] = np.maximum(lo[alone], space.lb[column]), np.minimum(hi[alone], space.ub[column])
    return lo, hi


def _rule(one: Curved, x: Box, units: dict[int, float]) -> tuple[Rule, np.ndarray]:
    """Return a rule with slack in the curved rows, each in units of its own, and the factors of these.

    The units are the error of a single chord, and the size of a norm.
    """
    scale, most = np.ones(len(one.qp.h)), np.zeros(len(one.qp.h))
    for i, value in units.items():
        scale[i] = 1.0 / value if value > 0 else 1.0
        most[i] = 4.0  # the rule is sought with a quarter of it
    qp = one.qp
    rule = strict_rule(one.scaled(scale), x, one.dead, most, NEVER)
    if rule is None:
        held = np.zeros(qp.nx, dtype=bool)
        held[one.conic.B.indices[one.conic.B.data != 0]] = True
        held[one.conic.H.indices[one.conic.H.data != 0]] = True
        _refuse_open(one, np.flatnonzero(held), x, "no finite box of", "no point strictly inside can be sought", True)
        names = ", ".join(repr(one.row(i)) for i in units)
        raise BoundError(
            f"inner_copy: follower {one.follower.name!r}: no point strictly inside the rows {names} was found that "
            "keeps all its rows at every decision of the leader (Slater), so chords might leave it no point at some "
            "decision, which would be cut off. Give the leader's variables bounds that leave the follower room"
        )
    assert all(rule.sigma[i] > INSIDE for i in units)
    return rule, scale


def _check(one: Curved, i: int, form: Squares, rule: Rule, x: Box, ends: Box) -> None:
    """Refuse a rule that leaves the boxes of a form's expressions."""
    reach = 0.5 * (x[1] - x[0])[rule.links]
    middle, off = form.L @ rule.y0, np.abs(form.L @ rule.Y) @ reach
    slack = WIDER * (1.0 + np.abs(middle))
    if (middle - off < ends[0] - slack).any() or (middle + off > ends[1] + slack).any():
        raise BoundError(
            f"inner_copy: follower {one.follower.name!r}, row {one.row(i)!r}: the point strictly inside it is not "
            "known to stay in the box of its squares; give the follower's variables bounds"
        )


def _refuse_open(one: Curved, at: np.ndarray, box: Box, what: str, why: str, leader: bool = False) -> None:
    """Refuse columns without a finite box: positions among y, or among the parameters."""
    columns = one.qp.x if leader else one.qp.y
    wrong = columns[at[~(np.isfinite(box[0][at]) & np.isfinite(box[1][at]))]]
    if len(wrong):
        names = ", ".join(one.follower.space.label(c) for c in wrong[:NAMED].tolist())
        raise BoundError(
            f"inner_copy: follower {one.follower.name!r}, {what} {names}, so {why}; give bounds to {names}"
        )
