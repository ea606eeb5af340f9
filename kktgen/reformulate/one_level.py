"""Aligned and opposed leaders: single-level models without complementarity pairs that are the bilevel problem itself.

With ``F = phi(x) + sum_k kappa_k f_k(x, y_k)`` (:mod:`kktgen.reformulate.alignment`) and v_k the optimal value of
follower k the problem is ``min_x phi(x) + sum_k kappa_k v_k(x)`` over the decisions at which all have a response.

* ``kappa_k > 0``: ``kappa_k v_k = min kappa_k f_k`` over the primal rows. The follower's variables are the leader's, as
  in the high-point relaxation. At a decision where f_k falls without end there is no response, but the model is
  unbounded: it then proves nothing.
* ``kappa_k < 0``: ``kappa_k v_k = min -kappa_k' D_k`` over the dual ones, ``kappa' = |kappa|``, for the dual value::

      D_k = -1/2 y'P y + (b - B x)'lam - (h - H x)'mu  <=  v_k(x),    P y + Q x + q - A'lam + G'mu = 0,   mu >= 0

  The primal rows stay beside them: they exclude decisions without a response, at which D_k grows without end. The y of
  the stationarity rows and that of the primal rows may be one: every point of the model has ``D_k <= v_k(x)``, and the
  optimal y with its multipliers is a point of it. The products of binary x with boxed multipliers are columns
  (:mod:`kktgen.reformulate.binary_products`); a box is to hold for some multipliers of every response.
* ``kappa_k = 0``: primal and dual rows without a price, which a decision satisfies where there is a response.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import ProblemError
from ..model.appended_columns import Products
from ..model.constants import constants, fold
from ..model.fingerprint import equivalent
from ..model.model import Model
from ..model.tables import psd_rows
from ..numerics.convexity import is_psd
from ..numerics.sparse import coo, joined
from ..problem.expressions import Quad
from .alignment import Alignment, aligned_to
from .binary_products import liftable, without_products
from .bounds.curved import boxes
from .identity import combination

ALIGNED = "aligned leader: the high-point relaxation is exact, no pairs are needed"
OPPOSED = "opposed leader: the followers' dual values stand in the objective, no pairs are needed"
MIXED = (
    "leader aligned with some followers and opposed to others: primal and dual values stand in the objective, no pairs "
    "are needed"
)
NOTES = {"aligned": ALIGNED, "opposed": OPPOSED, "mixed": MIXED}
"""What the notes of such a model say, by the word of its alignment."""
IF_BOXED = ", if kktgen.bound boxes the multipliers of rows in which the leader decides"
BENT = ", but products of continuous variables, or of columns without bounds, keep the pairs"
"""What follows where it depends on boxes, and where it is of no use."""
RESTS = {
    ALIGNED: "the bound is that of the high-point relaxation of an aligned leader: it rests on no encoding",
    OPPOSED: "the bound is that of the dual form of an opposed leader: it rests on no encoding",
    MIXED: "the bound is that of the primal and dual forms of followers the leader is aligned with, or opposed to: it "
    "rests on no encoding",
}
"""What a bound of such a model rests on, by its note."""
WORD = "w_dual"
"""How the columns for products of the leader's with multipliers are called."""


@equivalent
def one_level(model: Model) -> Model:
    """Return the single-level model of an aligned or opposed leader, without pairs.

    Products that stay are for the solver: see :func:`is_tractable`.

    Parameters
    ----------
    model : Model
        From :func:`kktgen.kkt`, its products not eliminated; bounded (:func:`kktgen.bound`) where the leader is opposed
        to followers in whose rows it decides, for the sake of their multipliers' boxes.

    Returns
    -------
    Model
        The columns of the problem, and columns for products.

    Raises
    ------
    ProblemError
        The leader is neither aligned nor opposed.

    See Also
    --------
    kktgen.alignment : Says which.
    """
    found = aligned_to(model)
    if found is None or model.kkt is None:
        raise ProblemError(
            f"model {model.name!r}: its leader is neither aligned with its followers nor opposed to them"
        )
    dual = found.weight <= 0
    rows = model.rows
    if not dual.all():
        gone = rows.of_role("stationarity")
        gone[gone] = ~dual[model.kkt.y_of]
        rows = rows.take(~gone)
    goal = model.objective if dual.sum() == 0 else _with_dual_values(model, found)
    single = replace(model, objective=goal, rows=rows, pairs=None, notes=(*model.notes, NOTES[found.word]))
    lifted = _lifted(single)
    return lifted if dual.any() else replace(lifted, kkt=None)


def foundation(model: Model) -> str:
    """Return what the bound of a model rests on that :func:`one_level` made; empty of any other model."""
    if model.origin is None or one_level.__name__ not in model.origin.stages:
        return ""
    said = next(text for note, text in RESTS.items() if note in model.notes)
    return f"{said}, {_boxed(model)}" if _boxed(model) else said


def _boxed(model: Model) -> str:
    """Return on how many boxes of multipliers the columns for products rest; empty where there are none."""
    factors = joined((lift.right for lift in model.lifts if isinstance(lift, Products)), int)
    count = len(np.unique(factors[model.space.is_price[factors]]))
    return f"and on proved boxes of {count} multipliers, for products with binary decisions" if count else ""


def outlook(model: Model) -> str:
    """Return in a sentence what :func:`kktgen.optimize` can make of a leader's alignment; empty where it is none.

    Parameters
    ----------
    model : Model
        From :func:`kktgen.kkt`.
    """
    found = aligned_to(model)
    if found is None:
        return ""
    if asks_boxes(model):
        return f"{NOTES[found.word]}{IF_BOXED}"
    return NOTES[found.word] if is_tractable(one_level(model)) else f"{found.word} leader{BENT}"


def asks_boxes(model: Model) -> bool:
    """Return whether :func:`one_level` of a model holds products with multipliers, whose boxes then decide how good."""
    found = aligned_to(model)
    if found is None or not (found.weight < 0).any():
        return False
    goal = _with_dual_values(model, found)
    price = model.space.is_price
    return bool((price[goal.i] | price[goal.j]).any())


def _with_dual_values(model: Model, found: Alignment) -> Quad:
    """Return the objective with the costs of followers of negative weight replaced by their dual values."""
    kkt, space, n = model.kkt, model.space, model.n
    assert kkt is not None
    size, goal = np.maximum(-found.weight, 0.0), model.objective.canonical()
    opposed = np.append(found.weight < 0, False)[space.owner]  # the last one for the leader's, -1
    beta, gamma = -size[kkt.lam_of], size[kkt.mu_of]
    dual = fold(combination(model, np.zeros(len(kkt.y)), beta, gamma).canonical(), constants(space))
    keep = (space.role[dual.i] != "follower") & (space.role[dual.j] != "follower")
    own = opposed[goal.i] & opposed[goal.j]  # kappa 1/2 y'P y, of which -kappa D has the opposite
    stays = ~(opposed[goal.i] | opposed[goal.j]) | own
    linear = goal.linear
    rest = ~opposed[linear.indices]
    columns = np.concatenate([linear.indices[rest], dual.linear.indices])
    values = np.concatenate([linear.data[rest], dual.linear.data])
    return Quad(
        space, np.concatenate([goal.i[stays], dual.i[keep]]), np.concatenate([goal.j[stays], dual.j[keep]]),
        np.concatenate([np.where(own, -goal.v, goal.v)[stays], dual.v[keep]]),
        coo(values, np.zeros(len(columns), dtype=np.int64), columns, (1, n)), goal.r + dual.r,
    ).canonical()  # fmt: skip


def _lifted(model: Model) -> Model:
    """Return the model with columns for the objective's products of binary columns with followers' boxed ones."""
    goal = model.objective.canonical()
    if not len(goal.v) or is_psd(goal.matrices(model.n)[0]):
        return model
    lb, ub = boxes(model)
    owner = model.space.owner
    at = liftable(model.space, goal.i, goal.j, lb, ub)[0] & (np.maximum(owner[goal.i], owner[goal.j]) >= 0)
    lifted, linear = without_products(model, goal, at, lb, ub, WORD, minimised=True)
    return replace(lifted, objective=linear)


def is_tractable(model: Model) -> bool:
    """Return whether a model is convex but for integers, and for products with an integer factor whose ends are known.

    Both factors of such a product have finite boxes, so that a solver's branching ends.
    """
    quads = model.quads
    P = model.matrices[0]
    if P.nnz and not is_psd(P):
        goal = model.objective.canonical()
        held = _held(model, goal.i, goal.j)
        rest = Quad(goal.space, goal.i[~held], goal.j[~held], goal.v[~held], goal.linear, 0.0)
        if not is_psd(rest.matrices(model.n)[0]):
            return False
    if not len(quads) or psd_rows(quads, model.n).all():
        return True
    left = ~_held(model, quads.i, quads.j)
    smooth = replace(quads, row=quads.row[left], i=quads.i[left], j=quads.j[left], v=quads.v[left])
    return bool(psd_rows(smooth, model.n).all())


def _held(model: Model, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Return which products have an integer factor, and two finite boxes (mask)."""
    space = model.space
    boxed = np.isfinite(space.lb) & np.isfinite(space.ub)
    whole = space.kind != "C"
    return (whole[i] | whole[j]) & boxed[i] & boxed[j]
