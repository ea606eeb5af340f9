"""Expressions that vanish at every KKT point, weighted and summed: the algebra behind elimination and strong duality.

At a KKT point three families are zero: ``S_j = y_j (P y + Q x + q - A'lam + G'mu)_j`` for every follower column,
``E_k = lam_k (b - A y - B x)_k`` for every equality, ``C_i = mu_i (h - G y - H x)_i`` for every inequality.
"""

from __future__ import annotations

import numpy as np

from ..errors import ProblemError
from ..model.model import Model
from ..numerics.sparse import Csr, csr, row_index
from ..problem.expressions import Quad


def combination(model: Model, alpha: np.ndarray, beta: np.ndarray, gamma: np.ndarray) -> Quad:
    """Return ``sum_j alpha_j S_j + sum_k beta_k E_k + sum_i gamma_i C_i`` as an expression.

    Parameters
    ----------
    model : Model
        With its KKT system.
    alpha, beta, gamma : ndarray (ny,), (me,), (mi,)
        Weights, in the order of ``model.kkt``.
    """
    kkt = model.kkt
    if kkt is None:
        raise ProblemError("the model has no followers, so no KKT identities")
    i, j, v, columns, values = [], [], [], [], []
    families = ((alpha, kkt.y, kkt.S, kkt.s0), (beta, kkt.lam, kkt.E, kkt.e0), (gamma, kkt.mu, kkt.C, kkt.c0))
    for weight, column, M, constant in families:
        used = np.flatnonzero(weight)
        rows = M if len(used) == len(weight) else Csr(M[used])
        left = column[used][row_index(rows)]
        i.append(np.minimum(left, rows.indices))
        j.append(np.maximum(left, rows.indices))
        v.append(rows.data * weight[used][row_index(rows)])
        columns.append(column[used])
        values.append(weight[used] * constant[used])
    linear = np.zeros(model.n)
    np.add.at(linear, np.concatenate(columns), np.concatenate(values))
    at = np.flatnonzero(linear)
    row = csr(linear[at], at, np.array([0, len(at)]), (1, model.n))
    return Quad(model.space, np.concatenate(i), np.concatenate(j), np.concatenate(v), row, 0.0)


def duality_gap(model: Model, follower: int) -> Quad:
    """Return ``y'P y + (Q x + q)'y - lam'(b - B x) + mu'(h - H x)`` of one follower.

    It is ``mu's >= 0`` at every primal and dual feasible point, and zero at every KKT point. Each product of two
    columns stands in it once.

    Parameters
    ----------
    model : Model
        With its KKT system.
    follower : int
        Index of the follower.
    """
    kkt = model.kkt
    if kkt is None:
        raise ProblemError("the model has no followers, so no KKT identities")
    weights = ((kkt.y_of, 1.0), (kkt.lam_of, -1.0), (kkt.mu_of, 1.0))
    alpha, beta, gamma = (np.where(of == follower, weight, 0.0) for of, weight in weights)
    return combination(model, alpha, beta, gamma).canonical()
