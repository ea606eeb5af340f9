"""Rows of a follower with products, and with conditions, as linear rows with columns for the products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import ProblemError
from ..numerics.sparse import Csr, coo, widen
from .columns import LEADER, Space
from .cones import BESIDE, Cone
from .curved_rows import own_products, squared
from .expressions import Affine, Quad, QuadArray
from .leader_terms import ROLE, Term
from .lifted_rows import Lifted
from .lifting import Products
from .rows import QuadRow, QuadRows, Rows
from .variables import checked_data, of_problem
from .varying_rows import parted, product_columns


class Straight(NamedTuple):
    """Rows with products as linear ones, and what their products became.

    ``lifted`` are the product columns of binaries that are new; ``v``, ``x``, ``E`` and ``row`` the columns of products
    with continuous variables, these variables, the expressions, and the rows they stand in. ``curved`` says that these
    are the follower's own (:mod:`kktgen.problem.curved_rows`).
    """

    rows: Rows
    quads: QuadArray
    lifted: Lifted | None
    v: np.ndarray
    x: np.ndarray
    E: Csr
    row: np.ndarray
    curved: bool


def as_rows(row: QuadRow | QuadRows) -> tuple[QuadArray, np.ndarray, np.ndarray]:
    """Return the left sides, lower and upper sides of quadratic rows."""
    if isinstance(row, QuadRow):
        return QuadArray.of(row.quad.space, row.quad), np.array([row.lo]), np.array([row.hi])
    return row.quads, row.lo, row.hi


def straightened(
    products: Products, terms: list[Term], row: QuadRow | QuadRows, name: str,
    cones: Sequence[Cone] = (), cone: Cone | None = None,
) -> Straight:  # fmt: skip
    """Return rows with products as linear ones, their left sides with integers in bits, and their product columns.

    Parameters
    ----------
    products : Products
        Of the follower; new columns are appended to its space.
    terms : list of Term
        Of the follower; columns for products of the leader's alone are added to it.
    row : QuadRow or QuadRows
    name : str
    cones : sequence of Cone
        Of the follower.
    cone : Cone or None
        The one that the row is the half-space of.

    Raises
    ------
    ProblemError
        A product of something else than the leader's columns, or one of its binaries or integers with an own variable.
    BoundError
        An integer without finite bounds.
    """
    quads, lo, hi = as_rows(row)
    where = f"follower {products.follower!r}, row {name!r}"
    of_problem(quads.space, products.space)
    checked_data(np.concatenate([quads.V.data, quads.M.data]), lo, hi, where)
    _refuse(products, quads, name, cones, cone)
    squares = squared(products.space, products.owner, quads, lo, hi, where)  # refused before a column is made
    quads = products.in_bits(quads, where)
    entries, lifted = products.columns_for(quads, name)
    own = _terms(products, terms, quads, name)
    space = products.space
    _, i, j, _ = quads.terms()
    x, y = products.sorted(i, j)
    curved = len(squares[0]) > 0
    at, smooth, E = squares if curved else parted(quads, (x >= 0) & (space.kind[x] == "C"), x, y)
    word = "y_row" if curved else "x_row"
    v = product_columns(space, products.follower, name, len(at), word) if len(at) else at
    n = len(space)
    M = widen(quads.M, n) + widen(entries, n) + widen(own, n) + coo(np.ones(len(v)), at, v, (quads.size, n))
    return Straight(Rows(space, Csr(M), lo, hi, quads.shape), quads, lifted, v, smooth, E, at, curved)


def _refuse(products: Products, quads: QuadArray, name: str, cones: Sequence[Cone], cone: Cone | None) -> None:
    """Refuse products that are neither the leader's alone nor of its binaries or integers with own variables."""
    space = products.space
    _, i, j, _ = quads.terms()
    x, _ = products.sorted(i, j)
    alone, own = (space.role[i] == "leader") & (space.role[j] == "leader"), own_products(space, products.owner, i, j)
    wrong = np.flatnonzero(~alone & ~own & (x < 0))
    smooth = np.flatnonzero((x >= 0) & (space.kind[x] == "C"))
    if own.any():
        _refuse_mixed(products, i[x >= 0], j[x >= 0], name)
    if own.any() and cones:
        who = f"follower {products.follower!r}, row {name!r}"
        raise ProblemError(f"{who}: {BESIDE.format(squares=name, cone=cones[0].name)}")
    if len(wrong):
        a, b = space.label(i[wrong[0]]), space.label(j[wrong[0]])
        raise ProblemError(
            f"follower {products.follower!r}: row {name!r} holds the product {a} * {b}; follower rows may hold "
            "products of the leader's variables, and of its binary and integer variables with the follower's own, and "
            "convex squares of the follower's own. Products may stand in its objective, or the term may be linearised "
            "with a new variable"
        )
    if len(smooth) and not products.smooth and cone is None:
        a, b = space.label(i[smooth[0]]), space.label(j[smooth[0]])
        raise ProblemError(
            f"follower {products.follower!r}: row {name!r} holds the product {a} * {b} with the leader's continuous "
            f"{space.label(x[smooth[0]])}; of the leader's variables only those of kind='B' or kind='I' may be "
            "multiplied with the follower's in its rows. Make it an integer number of steps, move the product to "
            f"the follower's objective, or ask for nonconvex rows: m.follower({products.follower!r}, products=True)"
        )


def _refuse_mixed(products: Products, i: np.ndarray, j: np.ndarray, name: str) -> None:
    """Refuse a curved row that holds products with the leader's variables, or in a follower that may hold such."""
    who = f"follower {products.follower!r}: row {name!r}"
    if len(i):
        a, b = products.space.label(i[0]), products.space.label(j[0])
        raise ProblemError(
            f"{who} holds squares of the follower's own variables beside the product {a} * {b} with the leader's; "
            "give the expression that is squared a variable of the follower, tied to it by an equation"
        )
    if products.smooth:
        raise ProblemError(
            f"{who} is a convex quadratic row, and the follower was asked for with products=True; kktgen takes one of "
            "the two in a follower"
        )


def _terms(products: Products, terms: list[Term], quads: QuadArray, name: str) -> Any:
    """Return the entries (k, n) of columns that stand for products of the leader's alone, one a row that holds some."""
    space = products.space
    row, i, j, v = quads.terms()
    at = np.flatnonzero((space.role[i] == "leader") & (space.role[j] == "leader"))
    rows = np.unique(row[at])
    columns = np.empty(len(rows), dtype=np.int64)
    scalar = quads.shape == ()
    for k, r in enumerate(rows.tolist()):  # rare: most products are with the follower's own variables
        item = name if scalar else f"{name},{r}"
        (columns[k],) = space.append(ROLE, ROLE, lb=-np.inf, ub=np.inf, follower=products.follower, item=item)
        here = at[row[at] == r]
        zero = coo(np.empty(0), np.empty(0, int), np.empty(0, int), (1, len(space)))
        terms.append(Term(int(columns[k]), Quad(space, i[here], j[here], v[here], zero, 0.0), name))
    return coo(np.ones(len(rows)), rows, columns, (quads.size, len(space)))


def condition(space: Space, when: Any, shape: tuple[int, ...], where: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the binaries and the values at which rows of a shape hold (k,), (k,), from ``x`` or ``1 - x``.

    Raises
    ------
    ProblemError
        Something else, or it does not fit the rows.
    """
    wanted = "when= takes a binary variable x of the leader (kind='B'), ~x or 1 - x, one for all rows or one a row"
    if not isinstance(when, Affine):
        raise ProblemError(f"{where}: {wanted}, got {type(when).__name__}")
    of_problem(when.space, space)
    c, binary = when.c, when.M.indices.astype(np.int64)
    if not (when.is_switch and (space.owner[binary] == LEADER).all()):
        raise ProblemError(f"{where}: {wanted}, got {when!r}")
    value = (c == 0).astype(np.int64)
    try:
        at = np.broadcast_to(np.arange(len(c)).reshape(when.shape), shape).ravel()
    except ValueError:
        raise ProblemError(f"{where}: {wanted}; shapes {when.shape} and {shape} do not fit together") from None
    return binary[at], value[at]
