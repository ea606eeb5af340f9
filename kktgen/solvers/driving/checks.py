"""What every solver module needs: checked data, starting points, and the answer they return."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...errors import ProblemError
from ...model.model import Model
from ...model.solution import Solution
from ...model.tables import RowTable
from ...numerics.sparse import Csr, coo, row_index
from ...problem.columns import INTEGRALITY, on_integers
from ...wording import near

INTERRUPTED = "Interrupted by user"
"""What ``raw["status"]`` says after Ctrl-C, in the words of HiGHS; SCIP has its own."""
CROSSING = 1e-9
"""Bounds that cross by less (relative to their size) are taken as equal: rounding, not a contradiction."""


def canonical(M: Csr, n: int) -> Csr:
    """Return M over n columns, sorted, without duplicates and zeros."""
    return coo(M.data, row_index(M), M.indices, (M.shape[0], n))


def column_bounds(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Return lb, ub (n,): those of integer columns on integers, crossings by rounding removed."""
    kind = model.space.kind
    lb, ub = on_integers(model.space.lb.astype(float), model.space.ub.astype(float), kind)
    binary = kind == "B"
    lb[binary], ub[binary] = np.maximum(lb[binary], 0.0), np.minimum(ub[binary], 1.0)
    return lb, np.where(_crossed(lb, ub), ub, np.maximum(lb, ub))


def sides(table: RowTable) -> tuple[np.ndarray, np.ndarray]:
    """Return lo, hi (m,) with crossings by rounding removed."""
    return table.lo, np.maximum(table.lo, table.hi)


def _crossed(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return (lo - hi > CROSSING * np.maximum(1.0, np.abs(lo))) | (lo == np.inf) | (hi == -np.inf)


def check_data(model: Model) -> None:
    """Refuse NaN anywhere and infinite coefficients.

    Raises
    ------
    ProblemError
        Names the part of the model.
    """
    P, q, r = model.matrices
    tables = {"row": model.rows, "quadratic row": model.quads.linear}
    if model.indicators is not None:
        tables["indicator row"] = model.indicators.rows
    if not (np.isfinite(P.data).all() and np.isfinite(q).all() and np.isfinite(r)):
        raise ProblemError(f"model {model.name!r}: NaN or inf in the objective; check the data it was built from")
    if not np.isfinite(model.quads.v).all():
        raise ProblemError(f"model {model.name!r}: NaN or inf in a quadratic row; check the data it was built from")
    for what, table in tables.items():
        bad = np.isnan(table.lo) | np.isnan(table.hi)
        bad[row_index(table.M)[~np.isfinite(table.M.data)]] = True
        if bad.any():
            at = int(np.flatnonzero(bad)[0])
            raise ProblemError(f"model {model.name!r}: NaN or inf in the data of {what} {_label(table, at)}")
    bad = np.isnan(model.space.lb) | np.isnan(model.space.ub)
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise ProblemError(f"model {model.name!r}: a bound of column {model.space.label(at)!r} is NaN")


def _label(table: RowTable, at: int) -> str:
    return repr(table.label(at)) if table.blocks else f"number {at}"


def contradiction(model: Model) -> str | None:
    """Return what excludes every point at first sight (crossed bounds or sides), in words; None otherwise."""
    crossed = np.flatnonzero(_crossed(*column_bounds(model)))
    if len(crossed):
        at = int(crossed[0])
        return f"the bounds of column {model.space.label(at)!r} leave no value"
    for table in (model.rows, model.quads.linear):
        crossed = np.flatnonzero(_crossed(table.lo, table.hi))
        if len(crossed):
            return f"the sides of row {_label(table, int(crossed[0]))} leave no value"
    return None


def starting_points(start: Any, model: Model) -> list[np.ndarray]:
    """Return the starting points as arrays (n,), NaN where a point says nothing.

    Parameters
    ----------
    start : Solution, array (k,) with k <= n, or a sequence of them, or None
        Columns are append-only, so a point of an earlier stage is a partial point of this model.

    Raises
    ------
    ProblemError
        An array of the wrong shape or with infinite entries.
    """
    if start is None:
        return []
    several = isinstance(start, Sequence) and not isinstance(start, str) and not all(np.isscalar(s) for s in start)
    out = []
    for one in start if several else [start]:
        z = one.z if isinstance(one, Solution) else one
        if z is None:  # a solution without a point
            continue
        try:
            z = np.asarray(z, dtype=float)
        except (TypeError, ValueError):
            raise ProblemError(
                f"start: a Solution or an array of {model.n} numbers, got {type(one).__name__}"
            ) from None
        if z.ndim != 1 or len(z) > model.n or np.isinf(z).any():
            raise ProblemError(
                f"start: a vector of at most {model.n} finite numbers (NaN where unknown), got shape {z.shape}"
            )
        lb, ub = column_bounds(model)
        out.append(rounded(np.clip(np.concatenate([z, np.full(model.n - len(z), np.nan)]), lb, ub), model))
    return out


def rounded(z: np.ndarray, model: Model) -> np.ndarray:
    """Return z with integer columns on the integer they are within ``INTEGRALITY`` of."""
    near = np.round(z)
    return np.where((model.space.kind != "C") & (np.abs(z - near) <= INTEGRALITY), near, z)


def violation(model: Model, z: np.ndarray) -> float:
    """Return the largest violation at z: bounds, rows, quadratic rows, integrality, SOS1 sets, indicators.

    Of an SOS1 set it is the second largest modulus.
    """
    space = model.space
    whole = space.kind != "C"
    parts = [
        space.lb - z,
        z - space.ub,
        np.abs(z[whole] - np.round(z[whole])),
        model.rows.residual(z),
        model.quads.residual(z),
        _second_largest(np.abs(z[model.sos1.columns]), model.sos1.start),
    ]
    if model.indicators is not None:
        parts.append(model.indicators.residual(z))
    return float(max([0.0, *(part.max() for part in parts if len(part))]))


def _second_largest(size: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the second largest entry of every run ``size[start_k : start_(k+1)]`` of two or more."""
    counts = np.diff(start)
    order = np.lexsort((size, np.repeat(np.arange(len(counts)), counts)))
    return size[order[start[1:][counts > 1] - 2]]


def answer(
    model: Model, status: str, z: np.ndarray | None, bound: float | None, started: float, solver: str,
    nodes: int | None = None, raw: dict[str, Any] | None = None,
) -> Solution:  # fmt: skip
    """Return the solution: objective recomputed from z, in the user's sense, as the bound is.

    Parameters
    ----------
    model : Model
    status : str
    z : ndarray (n,) or None
        Dropped with the statuses that have no point, and when it is not finite.
    bound : float or None
        Of the minimised objective.
    started : float
        ``time.perf_counter()`` at the beginning.
    solver : str
    nodes : int, optional
    raw : dict, optional
        ``violation`` is added where there is a point.
    """
    said = dict(raw or {})
    if status not in ("optimal", "time_limit", "heuristic"):
        z, bound = None, None
    if z is not None and not np.isfinite(z).all():
        z = None
        status = "error" if status == "optimal" else status
    if z is not None:
        z = rounded(z, model)
        said["violation"] = violation(model, z)
    elif status == "optimal":
        status = "error"
    return Solution(
        status, None if z is None else model.value(z), None if bound is None else model.sense * bound, z,
        time.perf_counter() - started, solver, model, nodes, said,
    )  # fmt: skip


def unrun(model: Model, points: Sequence[np.ndarray], tol: float, started: float, solver: str) -> Solution:
    """Return the answer of a solver that had no time to begin: the best feasible starting point."""
    feasible = [z for z in points if not np.isnan(z).any() and violation(model, z) <= tol]
    z = min(feasible, key=model.objective.value, default=None)
    raw = {"status": "no time left", "starts": (len(feasible), len(points))}
    return answer(model, "time_limit", z, None, started, solver, raw=raw)


def interrupted(solution: Solution) -> bool:
    """Return whether Ctrl-C ended the solve: a caller with more to do than this one solve should end as well."""
    return (solution.raw or {}).get("status") in ("userinterrupt", INTERRUPTED)


def unknown_option(title: str, name: str, known: Iterable[str]) -> ProblemError:
    """Return the error for an option the solver does not have."""
    return ProblemError(f"{title} has no option {name!r}{near(name, known, 3)}")


def refused_value(title: str, name: str, value: Any, why: str = "") -> ProblemError:
    """Return the error for an option value the solver does not take."""
    return ProblemError(f"{title} refuses {value!r} for its option {name!r}{f': {why}' if why else ''}")
