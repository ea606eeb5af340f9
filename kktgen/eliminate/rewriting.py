"""Rewrite the leader's objective so that products of variables cancel, exactly at every KKT point.

At a KKT point three families of expressions vanish (stacked over all followers, see :class:`kktgen.model.Kkt`)::

    y_j  (S z + s0)_j          stationarity          weight alpha_j
    lam_k (E z + e0)_k         equality rows         weight beta_k
    mu_i (C z + c0)_i          complementarity       weight gamma_i

A weighted sum of them is added to the objective, with weights that cancel the leader's products, e.g. price times
quantity. This contains strong duality (all weights of a follower equal in size) and the linearisation of the revenue
of a strategic producer (Ruiz and Conejo 2009: alpha = 0 on the own offers, 1 on the others, beta = -1).
Away from complementarity ``new = old + sum_i gamma_i mu_i s_i``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..convexity import is_psd
from ..errors import expect
from ..expr import Quad
from ..model import Model
from ..sparse import csr
from .choice import REASONS, choose
from .outcome import Monomials, Weights
from .products import Products
from .words import describe


def weights(model: Model, goal: Quad | None = None) -> Weights:
    """Return the weights that cancel the products of the leader's objective.

    Parameters
    ----------
    model : Model
        From :func:`kktgen.kkt`.
    goal : Quad, optional
        Another expression that is to be small instead of the objective.

    Returns
    -------
    Weights
        All zero when the objective is convex already or there are no followers.

    Notes
    -----
    Blocks of the objective that are convex are left alone; products the leader did not write are never brought in;
    weights of followers whose products he does not use are zero. Exact weights that keep the objective convex are
    preferred; else the 1-norm of the remaining coefficients is minimised, with ``alpha >= 0`` wherever a follower's
    cost is curved and equal on columns its Hessian couples.
    """
    goal = model.objective if goal is None else goal
    if model.kkt is None or len(goal.v) == 0:
        return _unchanged(model, goal)
    products = Products.of(model, goal)
    if not products.target.any():
        return _unchanged(model, goal)
    kkt, choice = model.kkt, choose(products)
    w, cross = choice.w, products.written & ~products.own
    new = products.rewritten(w, cross & (choice.reason == 0))

    different = products.written & (products.i != products.j)
    gone = np.flatnonzero(different & (new == 0))
    stays = different & (new != 0) & ((products.target != 0) | (new != products.omega))
    left = np.flatnonzero(stays & (not is_psd(products.hessian(new))))
    why = np.array(REASONS, dtype=object)
    return Weights(
        w[kkt.y], w[kkt.lam], w[kkt.mu], _objective(model, goal, products, w, new),
        Monomials(products.i[gone], products.j[gone], products.omega[gone], why[np.zeros(len(gone), dtype=int)]),
        Monomials(products.i[left], products.j[left], new[left], why[choice.reason[left]]),
    )  # fmt: skip


def _unchanged(model: Model, goal: Quad) -> Weights:
    """Return zero weights."""
    kkt, column, value = model.kkt, np.empty(0, dtype=np.int64), np.empty(0)
    ny, me, mi = (0, 0, 0) if kkt is None else (len(kkt.y), len(kkt.lam), len(kkt.mu))
    nothing = Monomials(column, column, value, value.astype(object))
    return Weights(np.zeros(ny), np.zeros(me), np.zeros(mi), goal, nothing, nothing)


def _objective(model: Model, goal: Quad, products: Products, w: np.ndarray, new: np.ndarray) -> Quad:
    """Return ``goal`` with the coefficients ``new`` and the linear terms the weights bring."""
    keep, added = np.flatnonzero(new), np.flatnonzero(w * products.constant)
    linear = csr((w * products.constant)[added], added, np.array([0, len(added)]), (1, model.n))
    none = np.empty(0, dtype=np.int64)
    change = Quad(model.space, none, none, np.empty(0), linear, 0.0)
    return Quad(model.space, products.i[keep], products.j[keep], new[keep], goal.linear, goal.r) + change


def eliminate(model: Model) -> Model:
    """Return the model with the leader's products cancelled by vanishing expressions of the followers' KKT system.

    The objective keeps its value at every KKT point. Away from complementarity it is the old one plus
    ``sum_i gamma_i mu_i s_i``, so that gamma >= 0 makes the relaxation (:func:`kktgen.relax`) penalise the gap.

    Parameters
    ----------
    model : Model
        From :func:`kktgen.kkt`; a model without followers is returned unchanged.

    Returns
    -------
    Model
        With a new objective and notes that say what was cancelled, what is kept, and why. A convex objective
        stays as it is.

    Raises
    ------
    ProblemError
        The argument is no Model.

    References
    ----------
    Ruiz, Conejo (2009), Pool strategy of a producer with endogenous formation of locational marginal prices,
    IEEE Trans. Power Systems 24(4).
    """
    expect(model, Model, "eliminate", "make one with kg.kkt(m)")
    if model.kkt is None or model.matrices[0].nnz == 0:
        return model
    found = weights(model)
    if found.objective is model.objective:
        return replace(model, notes=(*model.notes, "leader's objective already convex: no products eliminated"))
    return replace(model, objective=found.objective, notes=(*model.notes, *describe(model, found)))
