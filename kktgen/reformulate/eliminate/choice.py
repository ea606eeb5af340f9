"""Weights of the vanishing expressions ``y_j S_j``, ``lam_k E_k``, ``mu_i C_i`` that cancel the leader's products.

The monomials the leader did not write must stay absent (but free ones, whose coefficients do not matter): homogeneous
equations with at most two weights each, which tie the weights into groups ``w = slope * tau``. Each product of the
leader is then one equation in at most two tau. Exact solutions come by propagation; where there are none, a small LP
leaves the least.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...deadline import NEVER, Deadline
from ...numerics.convexity import is_psd
from ...numerics.sparse import Csr
from .least import least
from .products import BilinearTerms
from .propagation import ZERO, PairEquations, join, solve

REASONS = (
    "",
    "no condition of a follower holds this product",
    "cancelling it would bring in products the leader did not write",
    "cancelling it would make the objective nonconvex",
    "no weights cancel all products it is tied to; the smallest remainder is kept",
    "it is the leader's own product of variables of one follower",
    "it is linear once the follower's column has a box (kktgen.bound)",
)
"""Why a product of the leader is kept."""
ABSENT, CREATES, CURVED, LEAST, OWN, FREE = range(1, 7)


@dataclass(frozen=True, eq=False)
class Choice:
    """Weights and why the monomials of the leader that remain do.

    Parameters
    ----------
    w : ndarray (n,)
        Weight of every column (0 for columns that have none).
    reason : ndarray (m,) of int
        For every monomial, index into ``REASONS``; 0 where it is cancelled or is none of the leader's.
    """

    w: np.ndarray
    reason: np.ndarray


@dataclass(frozen=True, eq=False)
class _Groups:
    """Weights ``w = slope tau[group]`` that bring in no product the leader did not write."""

    group: np.ndarray
    slope: np.ndarray

    def equations(self, products: BilinearTerms, at: np.ndarray) -> PairEquations:
        """Return the equations of the monomials ``at`` in tau (coefficients zero where no weight is left)."""
        plain = products.equations(at)
        ka, kb = plain.ka * self.slope[plain.a], plain.kb * self.slope[plain.b]
        return PairEquations(self.group[plain.a], self.group[plain.b], ka, kb, plain.c).normal()


@dataclass(frozen=True, eq=False)
class _Attempt:
    """An exact solution, component by component.

    ``label`` is the component of every group, ``component`` that of every column; ``touched`` where it holds a product
    of the leader, ``ok`` where all of them cancel; w is zero outside touched components.
    """

    w: np.ndarray
    label: np.ndarray
    component: np.ndarray
    touched: np.ndarray
    ok: np.ndarray


def choose(products: BilinearTerms, deadline: Deadline = NEVER) -> Choice:
    """Return the weights: exact and convex where possible, else those with the least left over.

    Weights are first sought with equal alpha on columns that P couples, which keeps ``sym(diag(alpha) P)`` psd for
    alpha >= 0; then without that tie and with a test of convexity; then by LP.
    """
    reason = np.zeros(len(products.i), dtype=np.int8)
    reason[products.written & products.own] = OWN
    reason[products.written & ~products.own & ~products.held] = ABSENT
    reason[products.free & (products.written | products.held)] = FREE
    lead = np.flatnonzero(products.written & ~products.own & products.held & ~products.free)
    groups = _contract(products, coupled=True)
    reduced = groups.equations(products, lead)
    live = reduced.ka != 0
    reason[lead[~live]] = _why_stuck(products, lead[~live])
    lead, reduced = lead[live], reduced.take(live)

    first = _exact(products, groups, reduced, convex=True)
    failed = first.touched & ~first.ok
    w = np.where(failed[first.component], 0.0, first.w)
    if failed.any():
        rest = failed[first.label[reduced.a]]
        if products.still.any():  # only an exact solution will do
            reason[lead[rest]] = CURVED
        else:
            w = _repair(products, groups, first, failed, lead[rest], reduced.take(rest), w, reason, deadline)
    return Choice(w, reason)


def _repair(
    products: BilinearTerms, groups: _Groups, first: _Attempt, failed: np.ndarray, lead: np.ndarray,
    reduced: PairEquations,
    w: np.ndarray, reason: np.ndarray, deadline: Deadline,
) -> np.ndarray:  # fmt: skip
    """Return w with the failed components solved without the coupling by P, or by LP; fills in the reasons."""
    inside, of = failed[first.component], first.label[reduced.a]
    loose = _contract(products, coupled=False, zero=np.flatnonzero(~inside))
    equations = loose.equations(products, lead)
    solvable = equations.ka != 0
    second = _exact(products, loose, equations.take(solvable), convex=False)
    exact = failed.copy()
    exact[of[~solvable]] = False
    exact[first.component[inside & (second.touched & ~second.ok)[second.component]]] = False
    trial = w + np.where(exact[first.component], second.w, 0.0)
    good = _convex_components(products, trial, first.component, np.flatnonzero(exact), len(failed))
    w = np.where(good[first.component], trial, w)

    left = ~good[of]
    if left.any():
        tau = least(len(first.label), reduced.take(left), of[left], *_signs(products, groups), deadline)
        w = np.where((failed & ~good)[first.component], groups.slope * tau[groups.group], w)
        reason[lead[left]] = np.where(exact[of[left]], CURVED, LEAST)
    return w


def _contract(products: BilinearTerms, coupled: bool, zero: np.ndarray | None = None) -> _Groups:
    """Return the groups of weights that leave absent products absent (``zero`` and still columns have weight 0)."""
    hard = np.flatnonzero(~products.own & ~products.written & ~products.free & products.held)
    still = np.flatnonzero(products.still)
    zero = still if zero is None else np.concatenate([still, zero])
    parts = [products.equations(hard), PairEquations(zero, zero, *np.outer([1.0, 0.0, 0.0], np.ones(len(zero))))]
    if coupled:
        parts.append(products.coupling())
    family = solve(products.n, join(*parts))
    return _Groups(family.label, np.where(np.isnan(family.t)[family.label], family.slope, 0.0))


def _why_stuck(products: BilinearTerms, at: np.ndarray) -> np.ndarray:
    """Return why no weight is left for the monomials ``at``: absent products, or only the coupling by P."""
    if len(at) == 0:
        return np.empty(0, dtype=np.int8)
    loose = _contract(products, coupled=False).equations(products, at)
    return np.where(loose.ka != 0, CURVED, CREATES)


def _exact(products: BilinearTerms, groups: _Groups, equations: PairEquations, convex: bool) -> _Attempt:
    """Solve the leader's equations by propagation; with ``convex``, alpha < 0 on curved columns is a failure."""
    family = solve(int(groups.group.max(initial=-1)) + 1, equations)
    component = family.label[groups.group]
    slope = groups.slope * family.slope[groups.group]
    offset = groups.slope * family.offset[groups.group]
    touched = np.zeros(len(family.t), dtype=bool)
    touched[family.label[equations.a]] = True
    free = touched & family.consistent & np.isnan(family.t)
    t = np.where(np.isnan(family.t), 0.0, family.t)
    if free.any():
        t = np.where(free, _free_values(products, component, slope, offset, free), t)
    w = slope * t[component] + offset
    w[np.abs(w) <= ZERO * (np.abs(slope * t[component]) + np.abs(offset))] = 0.0
    w[~touched[component]] = 0.0
    ok = family.consistent & touched
    if convex:
        ok[component[products.curved & (w < 0)]] = False
    return _Attempt(w, family.label, component, touched, ok)


def _free_values(
    products: BilinearTerms, component: np.ndarray, slope: np.ndarray, offset: np.ndarray, free: np.ndarray
) -> np.ndarray:
    """Return, for the free components, the t with the smallest weights in 1-norm.

    Among those with alpha >= 0 on curved columns and, if possible, gamma >= 0.
    """
    at = np.flatnonzero(free[component] & (slope != 0))
    root = -offset[at] / slope[at]  # where the weight is zero; the median minimises the 1-norm
    of, size, count = component[at], np.abs(slope[at]), len(free)
    order = np.lexsort((root, of))
    begin = np.concatenate([[0], np.cumsum(np.bincount(of, minlength=count))])
    running = np.concatenate([[0.0], np.cumsum(size[order])])
    half = running[begin[:-1]] + 0.5 * (running[begin[1:]] - running[begin[:-1]])
    middle = np.clip(np.searchsorted(running, half, side="left") - 1, begin[:-1], np.maximum(begin[1:] - 1, begin[:-1]))
    t = np.zeros(count)
    filled = begin[1:] > begin[:-1]
    t[filled] = root[order][middle[filled]]
    for wanted in (products.mu[at], products.curved[at]):
        up, down = wanted & (slope[at] > 0), wanted & (slope[at] < 0)
        low, high = np.full(count, -np.inf), np.full(count, np.inf)
        np.maximum.at(low, of[up], root[up])
        np.minimum.at(high, of[down], root[down])
        t = np.where(low <= high, np.clip(t, low, high), t)
    return t


def _convex_components(
    products: BilinearTerms, w: np.ndarray, component: np.ndarray, tested: np.ndarray, count: int
) -> np.ndarray:
    """Return which of the ``tested`` components keep the products of two y of one follower convex (count,) bool."""
    good = np.zeros(count, dtype=bool)
    good[tested] = True
    at = products.own & good[component[products.i]] & good[component[products.j]]
    added = products.hessian(np.where(at, products.change(w), 0.0))
    whole = products.hessian(np.where(at, products.rewritten(w), 0.0))
    falls = (added.diagonal() < 0) & (whole.diagonal() < 0)
    good[component[falls]] = False
    curved = np.flatnonzero(products.curved & good[component])
    order = curved[np.argsort(component[curved], kind="stable")]
    for members in np.split(order, np.flatnonzero(np.diff(component[order])) + 1):
        parts = (Csr(H[members][:, members]) for H in (added, whole))
        if len(members) and not any(is_psd(part) for part in parts):
            good[component[members[0]]] = False
    return good


def _signs(products: BilinearTerms, groups: _Groups) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return per group: tau may be > 0, may be < 0 (so that curved alpha >= 0), gammas < 0 if tau > 0, if tau < 0."""
    count = int(groups.group.max(initial=-1)) + 1
    curved, up, down = products.curved, groups.slope > 0, groups.slope < 0

    def counted(mask: np.ndarray) -> np.ndarray:
        return np.bincount(groups.group[mask], minlength=count)

    return (
        counted(curved & down) == 0,
        counted(curved & up) == 0,
        counted(products.mu & down),
        counted(products.mu & up),
    )
