"""Valid inequalities from strong duality: what complementarity leaves in a linear relaxation.

At every KKT point of a follower ``y'P y + (Q x + q)'y - lam'(b - B x) + mu'(h - H x) = 0``, and the left side is
``mu's >= 0`` at every other primal and dual feasible point. ``<= 0`` is therefore valid, and it is what a relaxation
without complementarity violates. It becomes linear with

* ``y'P y >= 2 r'P y - r'P r`` for any r: the tangent at the relaxation's point;
* a column w for every product with a parameter, held from the side that matters by the two McCormick rows over
  the proved boxes of its factors (exact where the parameter is binary).

One inequality a follower (Kleinert, Labbe, Plein, Schmidt 2021, who bound the products by constants; the columns are
tighter: without a box on mu, constants and columns alike cut off next to nothing).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..deadline import Deadline
from ..errors import ProblemError, SolverError, expect
from ..model.fingerprint import equivalent
from ..model.model import Model
from ..model.own_units import cost_units, objective_unit
from ..model.tables import RowTable
from ..numerics.convexity import is_psd
from ..numerics.intervals import FAR
from ..numerics.programs import qp
from ..numerics.sparse import coo, widen
from ..problem.columns import Block
from .bounds.curved import boxes
from .identity import duality_gap
from .mccormick import with_products
from .scale import scaled

VIOLATED = 1e-4
"""Violation, relative to the largest term of the inequality, from which on it counts."""
GAIN = 1e-4
"""Relative rise of the relaxation's optimum from which on the inequalities are worth their columns."""


@dataclass(frozen=True, eq=False)
class DualityGap:
    """A follower's duality gap in parts: ``linear'z + constant + sum v z_i z_j + sum weight z_left z_right``.

    Parameters
    ----------
    follower : int
    columns, linear : ndarray (k,)
    constant : float
    i, j, v : ndarray (p,)
        The convex part ``y'P y``.
    left, right, weight : ndarray (m,)
        Products of a parameter (left) and one of the follower's own columns (right); factors that are fixed are
        in the linear part.
    """

    follower: int
    columns: np.ndarray
    linear: np.ndarray
    constant: float
    i: np.ndarray
    j: np.ndarray
    v: np.ndarray
    left: np.ndarray
    right: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, model: Model, follower: int, lb: np.ndarray, ub: np.ndarray) -> DualityGap:
        """Return the gap of a follower over the boxes of the columns."""
        quad, kkt = duality_gap(model, follower), model.kkt
        assert kkt is not None
        owned = [
            columns[of == follower] for columns, of in ((kkt.y, kkt.y_of), (kkt.lam, kkt.lam_of), (kkt.mu, kkt.mu_of))
        ]
        own = np.zeros(model.n, dtype=bool)
        own[np.concatenate(owned)] = True
        inside = own[quad.i] & own[quad.j]
        left, right, weight = quad.i[~inside], quad.j[~inside], quad.v[~inside]
        turned = own[left]
        left, right = np.where(turned, right, left), np.where(turned, left, right)
        by_left = lb[left] == ub[left]
        by_right = (lb[right] == ub[right]) & ~by_left
        free = ~(by_left | by_right)
        columns = np.concatenate([quad.linear.indices, right[by_left], left[by_right]])
        linear = np.concatenate([quad.linear.data, (weight * lb[left])[by_left], (weight * lb[right])[by_right]])
        return cls(
            follower, columns, linear, quad.r, quad.i[inside], quad.j[inside], quad.v[inside],
            left[free], right[free], weight[free],
        )  # fmt: skip

    @property
    def largest(self) -> float:
        """Largest coefficient."""
        return float(np.abs(np.concatenate([self.linear, self.weight, self.v])).max(initial=abs(self.constant)))

    def least(self, lb: np.ndarray, ub: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return what the McCormick rows leave of every weighted product at z (m,); -inf where they hold nothing."""
        below = self.weight > 0
        out = np.full(len(self.left), -np.inf)
        for ca, first in ((lb[self.left], lb), (ub[self.left], ub)):
            cb = np.where(below, first[self.right], (lb if first is ub else ub)[self.right])
            known = np.isfinite(ca) & np.isfinite(cb)
            ca, cb = np.where(known, ca, 0.0), np.where(known, cb, 0.0)
            plane = self.weight * (cb * z[self.left] + ca * z[self.right] - ca * cb)
            out = np.maximum(out, np.where(known, plane, -np.inf))
        return out

    def violation(self, lb: np.ndarray, ub: np.ndarray, z: np.ndarray, unit: float = 1.0) -> float:
        """Return by how much the inequality is violated at z, over its largest term (a unit of the cost at least)."""
        square = self.v * z[self.i] * z[self.j]
        terms = np.concatenate([self.linear * z[self.columns], square, self.least(lb, ub, z), [self.constant]])
        return float(terms.sum() / max(unit, np.abs(terms).max()))


@equivalent
def cut(model: Model, cuts: bool | str = "auto", *, time_limit: float | None = None) -> Model:
    """Return the model with valid inequalities from strong duality, one a follower.

    Parameters
    ----------
    model : Model
        With its KKT system, before or after :func:`kktgen.encode`; bounded (:func:`kktgen.bound`), for without bounds
        on the multipliers the inequalities say next to nothing.
    cuts : bool or "auto"
        True: for every follower whose products are bounded. ``"auto"``: for those of them where it saves time (see
        Notes) whose inequality the relaxation without complementarity violates, if together they raise its optimum.
        False: none.
    time_limit : float, optional
        Seconds for the two relaxations; one that is late counts as one without an optimum.

    Returns
    -------
    Model
        With the inequalities ``cut(follower)``, and columns ``w_cut(follower,k)`` with their McCormick rows. The
        last note says how many, and why not more. The bilevel optimum is the same.

    See Also
    --------
    kktgen.bound : Bounds on the multipliers, which the inequalities need.
    kktgen.StrongDuality : The same row as an encoding.

    Notes
    -----
    On random LP followers with boxed multipliers SCIP's trees are 2 to 11 times smaller, and hard cases take half the
    time. With quadratic costs the trees hardly shrink; with leader variables of many whole values they do, but each
    node takes longer: ``"auto"`` leaves both alone.

    Raises
    ------
    ProblemError
        The argument is no Model, or ``cuts`` none of the three.

    Examples
    --------
    The relaxation without complementarity lets the follower forget its own cost; the cut reminds it. The optimum is -8.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("cut")
    >>> x = m.var("x", lb=0, ub=8)
    >>> lower = m.follower("lower")
    >>> y = lower.var("y", lb=0, ub=6)
    >>> lower.minimize(y)
    >>> rows = lower.add(x + y <= 8, x + 4 * y >= 8, x + 2 * y <= 13)
    >>> m.minimize(-x - 2 * y)
    >>> mpec = kg.bound(kg.kkt(m))
    >>> tight = kg.cut(mpec, True)
    >>> print(tight.notes[-1])
    cuts: 1 of 1 followers
    >>> print(f"{kg.solve(kg.relax(mpec)).objective:.2f} {kg.solve(kg.relax(tight)).objective:.2f}")
    -13.00 -8.00
    """
    expect(model, Model, "cut", "make one with kg.kkt(m)")
    check_cuts(cuts)
    if cuts is False or model.kkt is None:
        return model
    deadline = Deadline(time_limit)
    lb, ub = boxes(model)
    count = len(model.kkt.followers)
    gaps = [DualityGap.of(model, f, lb, ub) for f in range(count) if not deadline.over]
    origin = np.zeros(model.n)
    near = [gap for gap in gaps if gap.largest < FAR]
    because = [f"{count - len(gaps)} not looked at within the time limit"] if len(gaps) < count else []
    because += [f"{len(gaps) - len(near)} with numbers of {FAR:.0e} or more"] if len(near) < len(gaps) else []
    bounded = [gap for gap in near if np.isfinite(gap.least(lb, ub, origin)).all()]
    because += [f"{len(near) - len(bounded)} with a product that has no bound"] if len(bounded) < len(near) else []
    if cuts is True:
        z = _root(model, deadline)[1] if any(len(gap.v) for gap in bounded) else None
        return _noted(_with(model, bounded, lb, ub, z), len(bounded), count, because)
    more, added, reasons = _paying(model, bounded, lb, ub, deadline)
    return _noted(more, added, count, because + reasons)


def _paying(
    model: Model, gaps: Sequence[DualityGap], lb: np.ndarray, ub: np.ndarray, deadline: Deadline
) -> tuple[Model, int, list[str]]:
    """Return the model with the inequalities that are worth their columns, how many, and why not all."""
    quick, because = [gap for gap in gaps if _saves_time(model, gap, lb, ub)], []
    if len(quick) < len(gaps):
        because.append(f"{len(gaps) - len(quick)} with a quadratic cost or integers, where they save no time")
    if not quick:
        return model, 0, because
    value, z = _root(model, deadline)
    if z is None:
        return model, 0, [*because, "the relaxation has no optimum that could be cut off"]
    units = cost_units(model)
    chosen = [gap for gap in quick if gap.violation(lb, ub, z, units[gap.follower]) > VIOLATED]
    if len(chosen) < len(quick):
        because.append(f"{len(quick) - len(chosen)} not violated by the relaxation")
    if not chosen:
        return model, 0, because
    more = _with(model, chosen, lb, ub, z)
    raised = _root(more, deadline)[0]
    if not raised > value + GAIN * max(objective_unit(model), abs(value)):
        return model, 0, [*because, f"{len(chosen)} that do not raise the relaxation's optimum"]
    told = [f"{model.sense * (bound + model.objective.r):.6g}" for bound in (value, raised)]
    return more, len(chosen), [*because, f"the relaxation's optimum goes from {told[0]} to {told[1]}"]


def _saves_time(model: Model, gap: DualityGap, lb: np.ndarray, ub: np.ndarray) -> bool:
    """Return whether a follower's cost is linear and no parameter in its products takes three whole values or more."""
    many = (model.space.kind[gap.left] != "C") & (ub[gap.left] - lb[gap.left] > 1)
    return not len(gap.v) and not many.any()


def check_cuts(cuts: bool | str) -> None:
    """Refuse what is neither True, False nor ``"auto"``."""
    if not (isinstance(cuts, bool) or (isinstance(cuts, str) and cuts == "auto")):
        raise ProblemError(f'cuts: True, False or "auto", got {cuts!r}')


def _noted(model: Model, added: int, count: int, because: Sequence[str]) -> Model:
    text = f"cuts: {added} of {count} followers" + (f" ({'; '.join(because)})" if because else "")
    return replace(model, notes=(*model.notes, text))


def _root(model: Model, deadline: Deadline) -> tuple[float, np.ndarray | None]:
    """Return the optimum of the model's rows and boxes alone, and its point; (nan, None) where there is none."""
    view = scaled(model)
    P, q, _ = view.model.matrices
    if not is_psd(P):
        return np.nan, None
    space, rows = view.model.space, view.model.rows
    try:
        answer = qp(P, q, widen(rows.M, model.n), rows.lo, rows.hi, space.lb, space.ub, deadline)
    except SolverError:  # it holds numbers that the solver refuses
        return np.nan, None
    return view.objective * answer.value, None if answer.x is None else view.back(answer.x)


def _with(model: Model, gaps: Sequence[DualityGap], lb: np.ndarray, ub: np.ndarray, z: np.ndarray | None) -> Model:
    """Return the model with the inequalities of some followers, ``y'P y`` replaced by its tangent at z."""
    if not gaps or model.kkt is None:
        return model
    at = np.zeros(model.n) if z is None else z
    lifted, w = with_products(model, gaps, lb, ub, "w_cut", "cut")
    entries, sides = [], []
    for k, gap in enumerate(gaps):
        column = np.concatenate([gap.columns, gap.i, gap.j])
        value = np.concatenate([gap.linear, gap.v * at[gap.j], gap.v * at[gap.i]])
        entries.append((np.full(len(column), k), column, value))
        entries.append((np.full(len(gap.left), k), w[k], gap.weight))
        sides.append(float((gap.v * at[gap.i] * at[gap.j]).sum()) - gap.constant)
    row, column, value = (np.concatenate(part) for part in zip(*entries, strict=True))
    names = model.kkt.followers
    blocks = tuple(Block(k, k + 1, "cut", "cut", names[gap.follower]) for k, gap in enumerate(gaps))
    M = coo(value, row, column, (len(gaps), lifted.n))
    return lifted.with_rows(RowTable(M, np.full(len(gaps), -np.inf), np.array(sides), blocks))
