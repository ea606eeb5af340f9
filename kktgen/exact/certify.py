"""Prove in rational numbers that every follower's response at a point is optimal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from ..deadline import Deadline, OutOfTime
from ..errors import NoSolutionError, ProblemError, SolverError, expect
from ..model.kkt import kkt as kkt_model
from ..model.kkt_system import Kkt
from ..model.model import Model
from ..model.solution import Solution
from ..problem.bilevel import Bilevel
from ..problem.integers import refuse_integers
from ..reformulate.scale import Scaled, scaled
from ..verification.multipliers import with_prices
from . import checker
from .certificate import FORM, Certificate, judged, number, proofs_of, sealed
from .convex import Square, squares
from .pattern import ExactPoint, search
from .problem import plain

ZEROS = (1e-7, 1e-9, 1e-5, 1e-11)
"""Slacks and prices up to this, scaled, are taken for zero: one after the other, until a proof comes out."""
SECONDS = 60.0


@dataclass(frozen=True, eq=False)
class _Try:
    """A rational point, how far the leader's rows are off there, and whether all responses are optimal."""

    z: list[Fraction]
    ok: bool
    off: Fraction


def certify(bilevel: Bilevel, solution: Any, *, move: bool = True, seconds: float | None = SECONDS) -> Certificate:
    """Prove in rational numbers that every follower's response at a point is optimal for it.

    Floats are fractions, so the problem is taken as its floats state it. The pattern of the point, which inequalities
    hold with equality and which multipliers are zero, makes the KKT conditions linear equations; they are solved
    exactly near the point, and the signs are checked exactly. First the leader's decision stays as it is. A decision
    at which a follower is indifferent is often no float (a toll of 1/10 + 1/5); then, or where the leader's rows do not
    hold exactly, it may move as far as rounding did.

    Parameters
    ----------
    bilevel : Bilevel
    solution : Solution or array (n,)
        A point, best a polished one as :func:`kktgen.optimize` returns it; integers are rounded, and the leader's
        variables put inside their bounds. Multipliers that are missing, NaN or wrong are computed where the leader
        does not use them.
    move : bool
        Whether the leader's continuous decisions may move by what rounding took from them.
    seconds : float, optional
        Time limit; what is not proved by then is reported so. Without a limit: None.

    Returns
    -------
    Certificate
        ``ok`` only when :mod:`kktgen.exact.checker`, which is independent of the computation, accepts it.

    Raises
    ------
    ProblemError
        The point has too few entries, or is no array of finite numbers.
    NoSolutionError
        The solution has no point.

    See Also
    --------
    kktgen.verify : In floats, and with a claim about the leader's optimum.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("handbook")
    >>> x = m.var("x", lb=0, ub=8)
    >>> lower = m.follower("lower")
    >>> y = lower.var("y")
    >>> m.minimize(x + 3 * y)
    >>> _ = m.add(y <= 5)
    >>> lower.minimize(-y)
    >>> _ = lower.add(x + y <= 8, x + 4 * y >= 8, x + 2 * y <= 13, 2 * y <= 7 * x)
    >>> proof = kg.certify(m, kg.optimize(m).solution)
    >>> proof.ok, proof.exact, str(proof.value)
    (True, True, '92/15')
    >>> [str(entry) for entry in proof.z[:2]]
    ['8/15', '28/15']
    """
    expect(bilevel, Bilevel, "certify")
    refuse_integers(bilevel, "certify")
    deadline = Deadline(seconds)
    model = kkt_model(bilevel)
    given = _point(model, solution)
    problem = plain(model)
    shown, late = _squares(model.kkt, deadline)
    best = _best(model, problem, given, move, deadline)
    z = [Fraction(v) for v in given.tolist()] if best is None else best.z
    data = {
        "form": FORM,
        "problem": problem,
        "given": given.tolist(),
        "point": [number(v) for v in z],
        "squares": [[[number(d), [[j, number(v)] for j, v in vector]] for d, vector in part] for part in shown],
    }
    verdicts = judged(data)
    data["claims"] = checker.claims(problem, z, data["given"], max((gap for _, gap in verdicts), default=Fraction(0)))
    data = sealed(data)
    if (best is None or not best.ok) and deadline.over:
        late = [follower["name"] for follower in problem["followers"]]
    return Certificate(data, proofs_of(data, verdicts, late), tuple(checker.check(data)), deadline.spent)


def _point(model: Model, solution: Any) -> np.ndarray:
    """Return the point over the model's columns; missing multipliers are zero, negative ones too."""
    if isinstance(solution, Solution):
        if solution.z is None:
            raise NoSolutionError(f"certify: no point to certify: status {solution.status!r} ({solution.solver})")
        solution = solution.z
    try:
        z = np.array(solution, dtype=float).ravel()
    except (TypeError, ValueError):
        raise ProblemError(f"certify: give a Solution or an array of numbers, got {type(solution).__name__}") from None
    if len(z) < model.n:
        raise ProblemError(f"certify: the point has {len(z)} entries, problem {model.name!r} has {model.n} columns")
    z = z[: model.n].copy()
    z[model.space.is_price & ~np.isfinite(z)] = 0.0
    bad = np.flatnonzero(~np.isfinite(z))
    if len(bad):
        raise ProblemError(f"certify: the point is not finite at {model.space.label(int(bad[0]))}")
    z[(model.space.role == "mu") & (z < 0)] = 0.0
    return z + 0.0  # no negative zeros


def _squares(kkt: Kkt | None, deadline: Deadline) -> tuple[list[list[Square]], list[str]]:
    """Return the squares behind every follower's cost, and the followers whose time ran out."""
    out: list[list[Square]] = []
    late: list[str] = []
    for name, system in zip(kkt.followers, kkt.systems, strict=True) if kkt is not None else ():
        try:
            out.append(squares(system.qp(), deadline))
        except OutOfTime:
            out.append([])
            late.append(name)
    return out, late


def _best(model: Model, problem: dict[str, Any], given: np.ndarray, move: bool, deadline: Deadline) -> _Try | None:
    """Return the best point near the one given: all responses optimal, then the leader's rows, then not moved."""
    if model.kkt is None or not model.kkt.systems:
        return None
    best: _Try | None = None
    view = scaled(model)
    for tolerance in ZEROS:
        for moved in (False, True) if move else (False,):
            for found in _tries(view, given, moved, tolerance, deadline):
                if found.far:
                    continue
                off = checker.violation(problem, found.z)[0]
                if best is None or (found.ok, -off) > (best.ok, -best.off):
                    best = _Try(found.z, found.ok, off)
                if best.ok and best.off == 0:
                    return best
        if best is not None and best.ok:
            return best
    return best


def _tries(view: Scaled, given: np.ndarray, moved: bool, tolerance: float, deadline: Deadline) -> Iterator[ExactPoint]:
    """Yield rational points from the given multipliers and, where these do not do, from basic ones.

    What counts as zero is asked in the problem's own units, which are powers of two: the way back is exact.
    """
    model, kkt = view.model, view.model.kkt
    assert kkt is not None
    units, given = [Fraction(c) for c in view.columns.tolist()], view.point(given)

    def back(found: ExactPoint) -> ExactPoint:
        return replace(found, z=[v * c for v, c in zip(found.z, units, strict=True)])

    try:
        found = search(model, given, moved, tolerance, deadline)
        yield back(found)
        wanted = np.flatnonzero(((found.failing > 0) | found.far) & ~kkt.priced)
        if len(wanted):
            yield back(search(model, with_prices(kkt, given, wanted, deadline), moved, tolerance, deadline))
    except (OutOfTime, SolverError):
        return
