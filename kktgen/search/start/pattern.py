"""Search among complementarity patterns, and polish a solver's point.

At a biactive pair, s_i = mu_i = 0, the pattern may be flipped without losing the point, so the objective never gets
worse; the price of the side that is held at zero tells whether a flip may pay (a step of active-set methods for
mathematical programs with complementarity constraints: Fukushima and Tseng 2002).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...deadline import NEVER, Deadline
from ...model.model import Model
from ...model.pairs import Pairs
from ...model.solution import Solution
from ...reformulate.scale import scaled
from ..residual import FEASIBLE, violation
from .step import Step, active_pairs, pattern_step

__all__ = ["Step", "active_pairs", "improve", "pattern_search", "pattern_step", "polish"]

BIACTIVE = 1e-6
"""Slack and multiplier of a biactive pair are both below this."""
GAIN = 1e-9
"""Smallest relative improvement that counts."""
PATIENCE = (4, 20, 6_000)
"""A search ends after so many flips that hardly pay: at least, at most, and this over the number of pairs."""
HARDLY = 1e-5
"""A relative improvement below this hardly pays."""
UNCLEAR = 1e-4
"""Slack and multiplier of a solver's point below this leave open which of them is zero."""
LOSS = 1e-5
"""Relative loss in the objective a polished point may have: what the solver's tolerances may have gained."""


def pattern_search(
    model: Model, z: np.ndarray, rounds: int = 20, deadline: Deadline = NEVER, active: np.ndarray | None = None
) -> np.ndarray:
    """Improve a point by solving its pattern and flipping the biactive pairs that want to move.

    Parameters
    ----------
    model : Model
        With complementarity pairs, its products eliminated.
    z : ndarray (n,)
        A point whose discrete choices and pattern are taken.
    rounds : int
        Most patterns that are solved.
    deadline : Deadline
    active : ndarray (mi,) bool, optional
        Pattern to begin with; by default that of z.

    Returns
    -------
    ndarray (n,)
        Never worse than z where z is feasible. z itself when its pattern cannot be solved: it holds no feasible
        point, or there are nonconvex quadratic rows.

    See Also
    --------
    polish : One pattern alone.
    start_points : Looks for points to begin with.

    Examples
    --------
    From the toll 1 to the best toll at which the road is taken.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> model = kg.eliminate(kg.kkt(m))
    >>> z = kg.search.pattern_search(model, kg.search.respond(m, [1.0]))
    >>> print(f"{z[toll.cols]:.3f}")
    2.000
    """
    view, given = scaled(model), z
    model, z = view.model, view.point(z)
    step = improve(model, z, rounds, deadline, active)
    if step is None or violation(model, step.z) > max(FEASIBLE, violation(model, z)):
        return given
    if step.value > model.objective.value(z) and violation(model, z) <= FEASIBLE:
        return given
    return view.back(step.z)


def improve(
    model: Model, z: np.ndarray, rounds: int = 20, deadline: Deadline = NEVER, active: np.ndarray | None = None
) -> Step | None:
    """Return the last step of :func:`pattern_search`, or None when not even the first pattern can be solved."""
    active = active_pairs(model, z) if active is None else active
    best = pattern_step(model, z, active, deadline)
    if best is None or model.pairs is None:
        return best
    patience = within(PATIENCE, len(model.pairs))
    used, slow, improved = 1, 0, True
    while improved and slow < patience:
        improved = False
        for flip in _flips(model.pairs, best)[:patience]:
            if used >= rounds or deadline.over:
                return best
            trial = active.copy()
            trial[flip] = ~trial[flip]
            step = pattern_step(model, best.z, trial, deadline)
            used += 1
            if step is not None and step.value < best.value - GAIN * (1.0 + abs(best.value)):
                slow = 0 if step.value < best.value - HARDLY * (1.0 + abs(best.value)) else slow + 1
                best, active, improved = step, trial, True
                break
    return best


def within(limits: tuple[int, int, int], pairs: int) -> int:
    """Return how often something is tried in a model of so many pairs: a budget over these, within limits."""
    least, most, budget = limits
    return min(max(budget // max(pairs, 1), least), most)


def _flips(pairs: Pairs, step: Step) -> list[np.ndarray]:
    """Return sets of biactive pairs whose flip may pay: all that want to move, the strongest few, then one by one."""
    biactive = (pairs.slack(step.z) <= BIACTIVE) & (step.z[pairs.mu] <= BIACTIVE)
    wanting = np.flatnonzero(biactive & (step.price < -GAIN))
    wanting = wanting[np.argsort(step.price[wanting], kind="stable")]
    sizes = [size for size in (len(wanting), len(wanting) // 4) if size > 1]
    return [wanting[:size] for size in sizes] + list(wanting[:, None])


def polish(model: Model, z: np.ndarray, deadline: Deadline = NEVER) -> np.ndarray:
    """Clean a solver's point: fix its pattern and solve the continuous problem again.

    Parameters
    ----------
    model : Model
        With complementarity pairs, its products eliminated (the model before it was encoded).
    z : ndarray
        A point; columns an encoding appended are cut off.
    deadline : Deadline

    Returns
    -------
    ndarray (n,)
        The polished point: no further from feasible than 1e-6 or than z. It may cost more than z only where z itself
        is not feasible to 1e-6, or by 1e-5 relative. The point z otherwise.

    See Also
    --------
    pattern_search : Goes on to other patterns.

    Examples
    --------
    A toll that a solver left a little below 2.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> model = kg.eliminate(kg.kkt(m))
    >>> z = kg.search.polish(model, kg.search.respond(m, [1.9999]))
    >>> print(f"{z[toll.cols]:.6f}")
    2.000000
    """
    view, given = scaled(model), z[: model.n]
    model, z = view.model, view.point(given)
    before, value = violation(model, z), model.objective.value(z)
    active = active_pairs(model, z)
    patterns = [active]
    if model.pairs is not None and len(active):
        unclear = (model.pairs.slack(z) <= UNCLEAR) & (z[model.pairs.mu] <= UNCLEAR)
        patterns += [active | unclear, active & ~unclear] if unclear.any() else []
    steps = [pattern_step(model, z, pattern, deadline) for pattern in patterns]
    found = [step for step in steps if step is not None and violation(model, step.z) <= max(FEASIBLE, before)]
    if not found:
        return given
    best = min(found, key=lambda step: step.value)
    if before <= FEASIBLE and best.value > value + LOSS * (1.0 + abs(value)):
        return given
    return view.back(best.z)


def polished(
    model: Model, found: Solution, deadline: Deadline = NEVER
) -> tuple[Solution, tuple[float, float] | None]:  # fmt: skip
    """Return a solver's solution after :func:`polish`, and its objective before and after; itself without a point.

    Parameters
    ----------
    model : Model
        With the complementarity pairs that the model of the solution has encoded.
    found : Solution
    deadline : Deadline
    """
    if found.z is None or found.objective is None or model.pairs is None:
        return found, None
    z = polish(model, found.z[: model.n], deadline)
    after = model.value(z)
    return replace(found, z=found.model.complete(z), objective=after), (found.objective, after)
