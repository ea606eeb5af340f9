"""A bound on problems with convex quadratic rows, or norms, of followers that rests on no KKT conditions of these.

For a follower that at x answers with some y of least cost ``f(x, y)`` in::

    A y + B x = b,   G y + H x <= h,   1/2 y'R_i y + a_i'y + H_i x <= h_i   or   |E_i y + e_i| <= t_i(x, y)

the leader chooses a point y' of these rows, which are convex, and a copy w of the follower minimises the same cost over
a polyhedron inside them, chords in the place of the squares (:mod:`kktgen.recipes.inner_copy.chords`), or polygons of
chords in the place of the norms' circles (:mod:`kktgen.recipes.inner_copy.polygons`)::

    f(x, y') <= f(x, w),    w in argmin { f(x, w) : A w + B x = b, G w + H x <= h, rows with chords }

At no x is the least cost over less than all points below that over all. So every ``(x, y)`` of the problem satisfies
this with ``y' = y``, and the optimum of the problem with copies bounds the other one, so long as the polyhedron has a
point at every x: the chords are as many as :mod:`kktgen.recipes.inner_copy.room` proves that of. The copies are QPs
with linear rows, whose KKT conditions are necessary and sufficient whatever x is.
"""

from __future__ import annotations

import operator
from typing import Any

from ...errors import ProblemError, expect
from ...problem.bilevel import Bilevel
from .boxes import decisions
from .copies import Copies
from .reading import read
from .room import MOST, rooms


def inner_copy(bilevel: Bilevel, pieces: int = 32) -> Bilevel:
    """Return a bilevel problem whose optimum bounds that of one with convex quadratic rows or norms of followers.

    Its followers have linear rows, so that its bound does not rest on multipliers of the curved ones, as that of the
    problem itself does (:func:`kktgen.kkt`): two ways to the same number. Its own points and values are no answers to
    the problem, and its report speaks of itself alone.

    Parameters
    ----------
    bilevel : Bilevel
        Some follower has convex quadratic rows (:mod:`kktgen.problem.curved_rows`), or norms below a side of its own
        (:mod:`kktgen.problem.cones`).
    pieces : int
        Chords in the place of every square, from 1 to 512; the bound comes nearer with more of them. They are raised
        where fewer might leave a follower no point at some decision. A norm gets polygons of as many sides, a multiple
        of four.

    Returns
    -------
    Bilevel
        A problem like any other, to be printed, written, solved. The leader has its variables, and for every variable
        of a follower with curved rows a copy, ``operator_P`` for the variable ``P`` of ``operator``, with the rows
        that these are to keep; the follower itself has linear rows. ``about["parameters"]["pieces"]`` is the number of
        chords.

    Raises
    ------
    ProblemError
        No follower has such rows, rows are for every response, or ``pieces`` is out of range.
    UnsupportedError
        Multipliers of such followers in the leader's problem, followers with integer variables or that see each other,
        complementarity conditions, ``products=True``, products with integer variables of the leader or conditions
        (``when=``) beside curved rows.
    BoundError
        A variable in a square has no box, or no point was found that lies strictly inside the curved rows at every
        decision of the leader: chords might cut a decision off.

    See Also
    --------
    kktgen.agree : Holds the bound against the other ways to solve the problem.
    kktgen.relax : Enough for the bound where :func:`kktgen.eliminate` has made the row ``.._copy`` linear.

    Examples
    --------
    A converter of a size that the leader chooses: it sells one kind of power, of which the converter makes less.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("converter")
    >>> size = m.var("size", lb=1, ub=5)
    >>> f = m.follower("converter")
    >>> power = f.var("power", 2, lb=0, ub=10)
    >>> _ = f.add(kg.norm(power) <= size, name="limit")
    >>> f.maximize(3 * power[0] + 4 * power[1])
    >>> m.maximize(3 * power[0] - size * size)
    >>> print(f"{kg.optimize(m).solution.objective:.3f}")
    0.800
    >>> for pieces in (8, 32):
    ...     copy = kg.inner_copy(m, pieces)
    ...     print(copy, f"{kg.optimize(copy).solution.bound:.3f}")
    Bilevel('converter_inner_copy', 39 columns, 1 followers) 1.425
    Bilevel('converter_inner_copy', 87 columns, 1 followers) 0.968
    """
    expect(bilevel, Bilevel, "inner_copy")
    count = _count(pieces)
    curved = read(bilevel)
    box = decisions(bilevel, curved)
    found = rooms(curved, box)
    return Copies(bilevel, found, box, max([count, *(room.least for room in found)])).made()


def _count(pieces: Any) -> int:
    """Return the number of chords, or refuse what is none."""
    try:
        count = -1 if isinstance(pieces, bool) else operator.index(pieces)
    except TypeError:
        count = -1
    if not 1 <= count <= MOST:
        raise ProblemError(f"inner_copy: pieces= is a whole number from 1 to {MOST}, got {pieces!r}")
    return count
