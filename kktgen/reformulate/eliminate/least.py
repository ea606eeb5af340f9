"""Weights with the smallest 1-norm of leftovers, by linear programming."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ...deadline import NEVER, Deadline
from ...numerics.programs import lp
from ...numerics.sparse import Csr
from .propagation import PairEquations, join, solve

MET = 1e-7
"""A scaled leftover below this counts as zero in the LP's answer and is then cancelled exactly."""
PREFERENCE = 1e-4
"""Share of the smallest coefficient that gamma < 0 costs: decides only between equal leftovers."""


def least(
    size: int, equations: PairEquations, component: np.ndarray, up: np.ndarray, down: np.ndarray, minus_up: np.ndarray,
    minus_down: np.ndarray, deadline: Deadline = NEVER,
) -> np.ndarray:  # fmt: skip
    """Return tau that minimises ``sum |ka tau_a + kb tau_b + c|``, exact in the equations it meets.

    Parameters
    ----------
    size : int
        Number of unknowns; those in no equation are 0.
    equations : PairEquations
    component : ndarray (m,) of int
        Of every equation; components are scaled one by one.
    up, down : ndarray (size,) of bool
        Whether tau may be positive, negative.
    minus_up, minus_down : ndarray (size,)
        Number of gammas that are negative for positive, for negative tau; avoided among equal leftovers.
    deadline : Deadline
        Where it comes before the optimum, all tau are zero.
    """
    used, where = np.unique(np.concatenate([equations.a, equations.b]), return_inverse=True)
    g, m = len(used), len(equations)
    a, b = where[:m], where[m:]
    largest = np.zeros(int(component.max()) + 1)
    np.maximum.at(largest, component, np.abs(equations.c))
    scale = np.where(largest > 0, largest, 1.0)
    local = PairEquations(a, b, equations.ka, equations.kb, equations.c / scale[component])

    rows = np.arange(m)
    K = sp.coo_array((np.concatenate([local.ka, local.kb]), (np.tile(rows, 2), np.concatenate([a, b]))), shape=(m, g))
    A = Csr(sp.hstack([K, -K, -sp.eye_array(m), sp.eye_array(m)], format="csr"))
    smallest = np.full(g, np.inf)
    for at, k in ((a, local.ka), (b[local.kb != 0], local.kb[local.kb != 0])):
        np.minimum.at(smallest, at, np.abs(k))
    share = PREFERENCE * smallest / (1.0 + minus_up[used] + minus_down[used])
    cost = np.concatenate([share * (0.01 + minus_up[used]), share * (0.01 + minus_down[used]), np.ones(2 * m)])
    ub = np.concatenate([np.where(up[used], np.inf, 0.0), np.where(down[used], np.inf, 0.0), np.full(2 * m, np.inf)])
    answer = lp(cost, A, -local.c, -local.c, np.zeros(len(cost)), ub, deadline)
    if answer.x is None:
        return np.zeros(size)
    tau = answer.x[:g] - answer.x[g : 2 * g]
    of = np.zeros(g, dtype=np.int64)
    of[a] = of[b] = component
    out = np.zeros(size)
    out[used] = exactly_met(local, tau) * scale[of]
    return out


def exactly_met(equations: PairEquations, tau: np.ndarray) -> np.ndarray:
    """Return tau with the equations it nearly meets, and its zeros, met exactly."""
    met = np.abs(equations.value(tau)) <= MET
    zero = np.flatnonzero(np.abs(tau) <= MET)
    at_zero = PairEquations(zero, zero, np.ones(len(zero)), np.zeros(len(zero)), np.zeros(len(zero)))
    family = solve(len(tau), join(equations.take(met), at_zero))
    t = np.where(np.isnan(family.t), tau[family.root], family.t)
    exact = family.slope * t[family.label] + family.offset
    return np.where(family.consistent[family.label], exact, tau)
