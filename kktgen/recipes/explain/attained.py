r"""Whether the leader's infimum is the value of some point.

The points of an optimistic bilevel problem are those of its KKT model. With linear rows they are finitely many
polyhedra, one for every complementarity pattern and every choice of the discrete columns, in the variables *and* the
multipliers; a quadratic objective, convex or not, that is bounded below on a polyhedron attains its infimum there
(Frank & Wolfe 1956). So an integer leader, prices in the objective and unbounded multipliers do no harm:

    min  -price g + ...   linear rows, any multipliers                      attained whenever it is finite

Only three things lead to an infimum without a point:

quadratic rows over unbounded columns
    ``min y,  x y >= 1,  x >= 0,  y >= 0``: y = 1/x falls to 0 as x grows, and no point has y = 0. A price times a
    quantity in a leader's row is such a product: its multiplier has to be bounded. (With convex rows and a convex
    objective the infimum is attained: Belousov & Klatte 2002.)
a pessimistic leader
    toll on a road worth 2: at a toll of 2 the driver is indifferent and may stay away, below 2 he drives; the
    pessimistic supremum 2 is not attained. :func:`kktgen.verify` with ``range`` and :func:`kktgen.robust` show it.
an integer follower with a continuous leader
    its reaction jumps, and the better side of the jump may be open (Vicente, Savard & Judice 1996). kktgen refuses
    integer followers.

References
----------
M. Frank, P. Wolfe: An algorithm for quadratic programming. Naval Research Logistics Quarterly 3 (1956).
R. R. Meyer: On the existence of optimal solutions to integer and mixed-integer programming problems. Mathematical
Programming 7 (1974).
E. G. Belousov, D. Klatte: A Frank-Wolfe type theorem for convex polynomial programs. Computational Optimization and
Applications 22 (2002).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...deadline import NEVER, Deadline
from ...errors import SolverError, UnsupportedError
from ...model.model import Model
from ...numerics.intervals import tighten
from ...numerics.sparse import widen
from ...problem.columns import labels
from ...search.start.pattern import active_pairs
from ...solvers import solve
from ...wording import first_names

GROWTH = 10.0
"""By how much the boxes grow from one solve to the next."""
BOXES = 3
"""How many boxes are tried."""
BETTER = 1e-7
"""An objective that improves by less than this, over ``max(1, |value|)``, from box to box has settled."""
AT = 1e-3
"""A column this close (relative) to its box sits at it."""
SECONDS = 10.0
"""Seconds for each box."""


@dataclass(frozen=True)
class Attainment:
    """Whether an infimum is attained, and why.

    Parameters
    ----------
    word : str
        ``"yes"`` (a theorem says so, provided that the infimum is finite), ``"apparently no"`` (the objective goes on
        improving as columns grow with their boxes), ``"not shown"``.
    why : str
    """

    word: str
    why: str

    def __str__(self) -> str:
        return f"attained: {self.word} ({self.why})"


def attainment(
    model: Model, z: np.ndarray | None = None, deadline: Deadline = NEVER, *, solver: str = "scip", unit: float = 1.0
) -> Attainment:
    """Say whether the infimum of a model is the value of some point, provided that it is finite.

    Parameters
    ----------
    model : Model
        The KKT model of the problem, before or after :func:`kktgen.eliminate` and :func:`kktgen.bound`: proved boxes
        count. Products in rows that elimination replaced by linear terms count as linear.
    z : ndarray (n,), optional
        A feasible point. Where no theorem applies its complementarity pattern is solved in growing boxes.
    solver : str
        For these solves; it must take quadratic rows.
    deadline : Deadline
        Of these solves together; each may take ``SECONDS``.
    unit : float
        By which objectives are multiplied before they are told.

    Returns
    -------
    Attainment
    """
    features = model.features
    whole = model.space.kind != "C"
    endless = whole & ~(np.isfinite(model.space.lb) & np.isfinite(model.space.ub))
    if endless.any() and not features.isdisjoint({"qobj", "qobj_nonconvex", "qrow", "qrow_nonconvex"}):
        name = model.space.label(int(np.flatnonzero(endless)[0]))
        return Attainment("not shown", f"the integer {name} is unbounded and there are squares or products")
    if not len(model.quads):
        pieces = "rows are linear: finitely many polyhedra, on which a bounded quadratic attains its infimum"
        return Attainment("yes", pieces)
    if "qrow_nonconvex" not in features and "qobj_nonconvex" not in features:
        return Attainment("yes", "rows and objective are convex on each of finitely many pieces")
    open_ = unboxed(model)
    if not len(open_):
        return Attainment("yes", "every column in a product lies in a box, and the rest is linear")
    names = first_names(labels(model.space.blocks, open_[:3]), count=len(open_))
    why = f"{names} without a bound in a quadratic row or in a product"
    grown = None if z is None else grows(model, z[: model.n], open_, solver, deadline)
    if grown is None:
        return Attainment("not shown", why)
    columns, values = grown
    grown_names = ", ".join(labels(model.space.blocks, columns[:3]))
    told = ", ".join(f"{model.sense * unit * value:.6g}" for value in values)
    return Attainment("apparently no", f"the objective goes on improving, {told}, as {grown_names} grows with its box")


def unboxed(model: Model) -> np.ndarray:
    """Return the columns in quadratic rows or in products of the objective that rows and bounds leave without a box."""
    space, rows, quads = model.space, model.rows, model.quads
    lb, ub = tighten(widen(rows.M, model.n), rows.lo, rows.hi, space.lb, space.ub)
    used = np.concatenate([quads.i, quads.j, quads.linear.M.indices]).astype(np.int64)
    inside = np.zeros(model.n, dtype=bool)
    inside[used] = True
    inside |= np.diff(model.matrices[0].indptr) > 0
    return np.flatnonzero(inside & ~(np.isfinite(lb) & np.isfinite(ub)))


def grows(
    model: Model, z: np.ndarray, columns: np.ndarray, solver: str, deadline: Deadline = NEVER
) -> tuple[np.ndarray, list[float]] | None:
    """Solve the complementarity pattern of a point with some columns in growing boxes.

    Parameters
    ----------
    model : Model
    z : ndarray (n,)
    columns : ndarray of int
        Columns put into boxes of ``10, 100, 1000`` times ``max(1, |z|)``.
    solver : str
    deadline : Deadline
        Of all boxes; each may take ``SECONDS``.

    Returns
    -------
    columns : ndarray
        Those that sit at every box.
    values : list of float
        The (minimised) objectives, falling from box to box.
    None
        The objective settles, no column sits at its box, or a solve does not end with an optimum.
    """
    fixed = _pattern(model, z)
    size, values, at = np.maximum(1.0, np.abs(z[columns])).max(initial=1.0), [], np.ones(len(columns), dtype=bool)
    for k in range(1, BOXES + 1):
        box, space = size * GROWTH**k, fixed.space.copy()
        space.lb[columns] = np.maximum(space.lb[columns], -box)
        space.ub[columns] = np.minimum(space.ub[columns], box)
        try:
            found = solve(replace(fixed, space=space), solver, time_limit=deadline.left(SECONDS))
        except (UnsupportedError, SolverError):
            return None
        if found.z is None or found.objective is None or found.status != "optimal":
            return None
        at &= np.abs(np.abs(found.z[columns]) - box) <= AT * box
        values.append(fixed.sense * found.objective)
    falls = -np.diff(values)
    if not at.any() or (falls <= BETTER * np.maximum(1.0, np.abs(values[1:]))).any():
        return None
    return columns[at], values


def _pattern(model: Model, z: np.ndarray) -> Model:
    """Return the model with every pair's side fixed as at z, and no pairs."""
    pairs = model.pairs
    if pairs is None or not len(pairs):
        return replace(model, pairs=None)
    active, space = active_pairs(model, z), model.space.copy()
    space.lb[pairs.mu[~active]] = space.ub[pairs.mu[~active]] = 0.0
    lo, hi = model.rows.lo.copy(), model.rows.hi.copy()
    by_row = active & (pairs.row >= 0)
    upper, row = pairs.side[by_row] > 0, pairs.row[by_row]
    lo[row[upper]], hi[row[~upper]] = hi[row[upper]], lo[row[~upper]]
    bound = active & (pairs.row < 0)
    column = pairs.M.indices[pairs.M.indptr[:-1][bound]]
    side = np.where(pairs.side[bound] > 0, space.ub[column], space.lb[column])
    space.lb[column] = space.ub[column] = side
    return replace(model, space=space, rows=replace(model.rows, lo=lo, hi=hi), pairs=None)
