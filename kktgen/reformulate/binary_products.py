"""Products of a binary column with a boxed one, each replaced exactly by a column between McCormick rows.

For x in {0, 1} and v in [l, u] the rows::

    l x <= w <= u x,    v - u (1 - x) <= w <= v - l (1 - x)

leave ``w = x v`` alone (:mod:`kktgen.numerics.product_hull`); so they do for an integer x between two neighbours. Where
the product is minimised with a positive weight the two rows that hold it from below are enough.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..errors import BoundError
from ..model.appended_columns import Products
from ..model.model import Model
from ..model.tables import RowTable
from ..numerics.product_hull import hull, product_boxes
from ..numerics.sparse import Csr, coo
from ..problem.columns import Block, Space, labels
from ..problem.expressions import Quad


@dataclass(frozen=True, eq=False)
class BinaryProducts:
    """Products ``z_left z_right``, each with the columns of its factors.

    Parameters
    ----------
    left, right : ndarray (m,)
        Columns: the binary factor, and the boxed one.
    below, above : ndarray (m,) of bool
        From which sides a product is to be held: both, unless it stands in an objective or in one side of a row alone.
    """

    left: np.ndarray
    right: np.ndarray
    below: np.ndarray
    above: np.ndarray

    @classmethod
    def both_sides(cls, left: np.ndarray, right: np.ndarray) -> BinaryProducts:
        """Return products that are held from both sides."""
        held = np.ones(len(left), dtype=bool)
        return cls(left, right, held, held)

    @classmethod
    def minimised(cls, left: np.ndarray, right: np.ndarray, weight: np.ndarray) -> BinaryProducts:
        """Return products of a function that is minimised, or stands on the smaller side of a row: held as needed."""
        return cls(left, right, weight > 0, weight < 0)

    def __len__(self) -> int:
        return len(self.left)


def switches(space: Space, columns: np.ndarray, lb: np.ndarray, ub: np.ndarray) -> np.ndarray:
    """Return which columns are whole numbers between two neighbours over the boxes [lb, ub] (mask)."""
    return (space.kind[columns] != "C") & (ub[columns] - lb[columns] <= 1)


def leaders_switches(model: Model) -> np.ndarray:
    """Return which columns are the leader's and take two values (n,) bool."""
    space = model.space
    return switches(space, np.arange(model.n), space.lb, space.ub) & (space.owner < 0) & (space.lb < space.ub)


def liftable(
    space: Space, first: np.ndarray, second: np.ndarray, lb: np.ndarray, ub: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sort the factors of products ``z_first z_second`` into a binary one and a boxed one.

    Parameters
    ----------
    space : Space
    first, second : ndarray (m,)
        Columns.
    lb, ub : ndarray (n,)
        Boxes of the columns.

    Returns
    -------
    can : ndarray (m,) of bool
        Whether the product can be replaced exactly: one factor takes two values, the other has a finite box.
    left, right : ndarray (m,)
        The binary factor and the other one, where it can; else as they come.
    """
    boxed = np.isfinite(lb) & np.isfinite(ub)
    here = switches(space, first, lb, ub) & boxed[second]
    turned = ~here & switches(space, second, lb, ub) & boxed[first]
    return here | turned, np.where(turned, second, first), np.where(turned, first, second)


def with_binary_products(
    model: Model, products: BinaryProducts, lb: np.ndarray, ub: np.ndarray, word: str = "w", role: str = "encoding"
) -> tuple[Model, np.ndarray]:
    """Return the model with a column for every product and the rows that hold it, and these columns (m,).

    Parameters
    ----------
    model : Model
    products : BinaryProducts
    lb, ub : ndarray (n,)
        Boxes of the columns, finite for the factors. They need not hold for all points of the model: those that are
        to be kept must lie in them, and where they do not lie the rows cut them off.
    word, role : str
        The columns are called ``word(follower,k)``, the rows ``word_hull``, with this role.

    Raises
    ------
    BoundError
        A factor without a finite box, or none of the two binary.
    """
    if not len(products):
        return model, np.empty(0, dtype=np.int64)
    space, left, right = model.space.copy(), products.left, products.right
    _check(space, left, right, lb, ub)
    low, high = product_boxes(left, right, lb, ub)
    owner = np.maximum(space.owner[left], space.owner[right])
    column = np.empty(len(products), dtype=np.int64)
    names = model.kkt.followers if model.kkt is not None else ()
    for k in np.unique(owner).tolist():  # one block a follower
        at = np.flatnonzero(owner == k)
        name = names[k] if k >= 0 else ""
        column[at] = space.append(
            word, "product", lb=low[at], ub=high[at], owner=k, follower=name, shape=(len(at),), proof="proved(hull)"
        )
    M, lo, hi = hull(left, right, column, lb, ub, len(space), products.below, products.above)
    table = RowTable(M, lo, hi, (Block(0, len(lo), f"{word}_hull", role, shape=lo.shape),))
    lifted = replace(model, space=space, lifts=(*model.lifts, Products(column, left, right)))
    return lifted.with_rows(table), column


def without_products(
    model: Model, quad: Quad, at: np.ndarray, lb: np.ndarray, ub: np.ndarray, word: str = "w", minimised: bool = False
) -> tuple[Model, Quad]:
    """Return the model with columns for some products of a function, and the function with these columns in it.

    Parameters
    ----------
    model : Model
    quad : Quad
        In canonical form: every monomial once.
    at : ndarray (m,) of bool
        Which monomials to replace; one factor of each is binary, the other boxed.
    lb, ub : ndarray (n,)
        Boxes of the columns.
    word : str
        See :func:`with_binary_products`.
    minimised : bool
        The function is minimised, or stands on the smaller side of a row alone: its products are held from the side
        that matters.
    """
    _, left, right = liftable(model.space, quad.i[at], quad.j[at], lb, ub)
    weight = quad.v[at]
    products = BinaryProducts.minimised(left, right, weight) if minimised else BinaryProducts.both_sides(left, right)
    lifted, column = with_binary_products(model, products, lb, ub, word)
    linear = quad.linear
    columns, values = np.concatenate([linear.indices, column]), np.concatenate([linear.data, weight])
    row = coo(values, np.zeros(len(columns), dtype=np.int64), columns, (1, lifted.n))
    return lifted, Quad(lifted.space, quad.i[~at], quad.j[~at], quad.v[~at], Csr(row), quad.r)


def _check(space: Space, left: np.ndarray, right: np.ndarray, lb: np.ndarray, ub: np.ndarray) -> None:
    """Refuse products that no rows replace exactly, by the name of the column that is in the way."""
    loose = right[~(np.isfinite(lb[right]) & np.isfinite(ub[right]))]
    if len(loose):
        raise BoundError(
            f"the product of {labels(space.blocks, left[:1])[0]} with {labels(space.blocks, loose[:1])[0]} needs a "
            "finite box of the second; bound that column, or its multiplier (kg.bound)"
        )
    many = left[~switches(space, left, lb, ub)]
    if len(many):
        raise BoundError(
            f"{labels(space.blocks, many[:1])[0]} takes more than two values, so that its products have no exact "
            "linear form; write it by binary columns"
        )
