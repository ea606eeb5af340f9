"""One expression of the leader and what exact rewriting makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...numerics.convexity import is_psd
from ...numerics.sparse import csr
from ...problem.columns import Space
from ...problem.expressions import Quad
from ..vanishing import Conditions
from .choice import CREATES, REASONS, choose
from .products import BilinearTerms
from .propagation import ZERO
from .result import Monomials


@dataclass(frozen=True, eq=False)
class Rewriting:
    """An expression and its rewriting, equal at every KKT point.

    Parameters
    ----------
    goal : Quad
        The expression, every monomial once.
    products : BilinearTerms
    w : ndarray
        Weights, in the columns of ``products``.
    new : ndarray (m,)
        Coefficient of every monomial afterwards.
    reason : ndarray (m,) of int
        See :class:`kktgen.reformulate.eliminate.choice.Choice`.
    """

    goal: Quad
    products: BilinearTerms
    w: np.ndarray
    new: np.ndarray
    reason: np.ndarray

    @classmethod
    def of(cls, conditions: Conditions, goal: Quad, near: bool = False, flat: bool = False) -> Rewriting | None:
        """Return the rewriting of an expression that is to be small, or None when it is convex already.

        Parameters
        ----------
        conditions : Conditions
        goal : Quad
            Every monomial once.
        near : bool
            Whether to look only at the conditions the expression can touch, which costs less where these are few.
        flat : bool
            Whether the weights must not bring in curvature, which leaves the direction open.
        """
        i, j = goal.i, goal.j
        if near:
            conditions = conditions.near(np.concatenate([i, j]))
            i, j = (np.searchsorted(conditions.columns, part) for part in (i, j))
        products = BilinearTerms.of(conditions, i, j, goal.v)
        if not products.target.any():
            return None
        products = products.flat() if flat else products
        first = cls._chosen(conditions, goal, products)
        if first.convex or not products.switched.any():
            return first
        second = cls._chosen(conditions, goal, products.with_binaries())
        return second if second.rest < first.rest else first

    @classmethod
    def _chosen(cls, conditions: Conditions, goal: Quad, products: BilinearTerms) -> Rewriting:
        """Return the rewriting of an expression with the weights that suit its products."""
        choice = choose(products, conditions.deadline)
        met = products.written & ~products.own & ~products.free & (choice.reason == 0)
        return cls(goal, products, choice.w, products.rewritten(choice.w, met), choice.reason)

    @property
    def rest(self) -> int:
        """How many products would keep the expression from being convex if those of binaries were linear."""
        p, new = self.products, np.where(self.products.switched, 0.0, self.new)
        return 0 if is_psd(p.hessian(new)) else int(((p.i != p.j) & (new != 0)).sum())

    @cached_property
    def convex(self) -> bool:
        """Whether the new expression is convex."""
        return is_psd(self.products.hessian(self.new))

    @cached_property
    def convex_once_boxed(self) -> bool:
        """Whether the new expression is another one, and convex but for products of binaries."""
        rest = np.where(self.products.switched, 0.0, self.new)
        return self.convex or (bool(self.w.any()) and is_psd(self.products.hessian(rest)))

    @property
    def linear(self) -> bool:
        """Whether the new expression is another one, and no product is left but those of binaries."""
        return bool(self.w.any()) and not self.new[~self.products.switched].any()

    @property
    def rewards_gap(self) -> bool:
        """Whether some gamma is negative, so that the new expression falls with ``mu s``."""
        return bool((self.w[self.products.mu] < 0).any())

    def quad(self, space: Space) -> Quad:
        """Return the new expression."""
        columns, goal = self.products.columns, self.goal
        brought = self.w * self.products.constant
        added = np.flatnonzero(brought)
        terms = np.concatenate([goal.linear.data, brought[added]])
        at, where = np.unique(np.concatenate([goal.linear.indices, columns[added]]), return_inverse=True)
        total, size = (np.bincount(where, weights=part, minlength=len(at)) for part in (terms, np.abs(terms)))
        used = np.abs(total) > ZERO * size
        linear = csr(total[used], at[used], np.array([0, used.sum()]), (1, len(space)))
        keep = np.flatnonzero(self.new)
        i, j = columns[self.products.i[keep]], columns[self.products.j[keep]]
        return Quad(space, i, j, self.new[keep], linear, goal.r)

    def cancelled(self) -> Monomials:
        """Return the products of the leader that are gone, with his coefficients."""
        return self._monomials(self._different & (self.new == 0), self.products.omega, 0 * self.reason)

    def leftover(self) -> Monomials:
        """Return the products of the leader that are kept, with new coefficients, and why; none when it is convex."""
        p = self.products
        stays = (self._different | p.free) & (self.new != 0) & (p.free | (p.target != 0) | (self.new != p.omega))
        return self._monomials(stays & (not self.convex), self.new, self.reason)

    def obstacles(self) -> Monomials:
        """Return the products that keep the expression from being convex: leftovers, else squares, and why."""
        found, p = self.leftover(), self.products
        if len(found) or self.convex:
            return found
        reason = np.where(self.reason == 0, CREATES, self.reason)
        return self._monomials((p.i == p.j) & (self.new < 0), self.new, reason)

    @property
    def _different(self) -> np.ndarray:
        return self.products.written & (self.products.i != self.products.j)

    def _monomials(self, at: np.ndarray, v: np.ndarray, reason: np.ndarray) -> Monomials:
        at, p = np.flatnonzero(at), self.products
        why = np.array(REASONS, dtype=object)[reason[at]]
        return Monomials(p.columns[p.i[at]], p.columns[p.j[at]], v[at], why)
