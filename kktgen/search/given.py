"""Points a user gives: where a population search or an exact solve begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import NoSolutionError, ProblemError
from ..model.solution import Solution
from ..problem.bilevel import Bilevel
from ..problem.columns import LEADER, Block, Space
from ..problem.points import declared_columns, named_values
from ..wording import near


def given_point(space: Space, start: Any, *parts: np.ndarray) -> np.ndarray:
    """Return a point over all columns, zero where nothing is given.

    Parameters
    ----------
    space : Space
        Columns of the problem.
    start : Solution, Result, Search or array
        A solution (of any stage; columns appended later are cut off) or what has one; all n columns, or the leader's
        alone.
    parts : ndarray of int
        Other sets of columns that may be given, tried first.

    Raises
    ------
    ProblemError
        Wrong length, or not finite.
    NoSolutionError
        A solution without a point.
    """
    start = getattr(start, "solution", start)
    if isinstance(start, Solution):
        if start.z is None:
            raise NoSolutionError(f"start: the solution has no point (status {start.status!r})")
        start = start.z
    try:
        z = np.asarray(start, dtype=float).ravel()
    except (TypeError, ValueError):
        raise ProblemError(f"start: a Solution or an array of numbers is needed, got {type(start).__name__}") from None
    leader = np.flatnonzero((space.owner == LEADER) & (space.role == "leader"))
    out = np.zeros(len(space))
    if len(z) >= len(space):
        out[:] = z[: len(space)]
    else:
        chosen = next((part for part in (*parts, leader) if len(part) == len(z)), None)
        if chosen is None:
            count = len(parts[0]) if parts else len(leader)
            raise ProblemError(
                f"start: {len(z)} entries; give all {len(space)} columns, or the leader's {count} as declared"
            )
        out[chosen] = z
    if not np.isfinite(out).all():
        raise ProblemError(f"start: {space.label(int(np.argmin(np.isfinite(out))))} is not finite")
    return out


def given_start(bilevel: Bilevel, start: Any) -> np.ndarray:
    """Return a point over all columns of a problem, zero where nothing is given; bits of integers follow from these.

    Parameters
    ----------
    bilevel : Bilevel
    start : Solution, Result, Search, mapping or numbers
        As of :func:`given_point`; or values by variable or name, the leader's all of them; or those of the variables
        the leader declared, or of all variables.

    Raises
    ------
    ProblemError, NoSolutionError
        As of :func:`given_point`; or the leader has a variable without a value.
    """
    space, own = bilevel.space, declared_columns(bilevel)
    mine = own[space.role[own] == "leader"]
    if isinstance(start, Mapping):
        z = named_values(space, start, "start")
        missing = mine[np.isnan(z[mine])]
        if len(missing):
            raise ProblemError(f"start: no value for {space.label(int(missing[0]))} of the leader")
        return bilevel.with_bits(np.where(np.isnan(z), 0.0, z))
    z = given_point(space, start, mine, own)
    return bilevel.with_bits(z) if np.size(start) in (len(mine), len(own)) else z


def given_decisions(space: Space, columns: np.ndarray, start: Any) -> np.ndarray:
    """Return the decisions a population search is told to begin with (k, d).

    Parameters
    ----------
    space : Space
    columns : ndarray (d,)
        The decisions.
    start : None, one start or a list of them
        A start is a Solution or an array as for :func:`given_point`, or a mapping of the leader's variables by name to
        values: a number, an array that fits the variable's shape (hourly values fit every unit), ``"lb"`` or ``"ub"``.

    Raises
    ------
    ProblemError
        An unknown name, a value that does not fit, or a variable that followers see left out.
    """
    if start is None:
        return np.empty((0, len(columns)))
    many = start if isinstance(start, list | tuple) and not _numbers(start) else [start]
    rows = [_named(space, columns, one) if isinstance(one, Mapping) else given_point(space, one) for one in many]
    return np.array([row[columns] for row in rows]).reshape(-1, len(columns))


def _numbers(start: Any) -> bool:
    return len(start) > 0 and all(isinstance(value, int | float | np.number) for value in start)


def _named(space: Space, columns: np.ndarray, start: Mapping[str, Any]) -> np.ndarray:
    """Return a point from values by name."""
    z = np.zeros(len(space))
    blocks = {block.word: block for block in space.blocks if block.role == "leader" and not block.follower}
    for name, value in start.items():
        if name not in blocks:
            raise ProblemError(f"start: the leader has no variable {name!r}{near(str(name), blocks)}")
        z[blocks[name].start : blocks[name].stop] = _values(space, blocks[name], value)
    for name, block in blocks.items():
        inside = (columns >= block.start) & (columns < block.stop)
        if inside.any() and name not in start:
            raise ProblemError(f"start: no value for {name!r}, which followers see; a number, an array, 'lb' or 'ub'")
    return z


def _values(space: Space, block: Block, value: Any) -> np.ndarray:
    """Return the entries of one variable."""
    if isinstance(value, str) and value in ("lb", "ub"):
        return getattr(space, value)[block.start : block.stop]
    try:
        out = np.broadcast_to(np.asarray(value, dtype=float), block.shape)
    except (TypeError, ValueError):
        size = f"an array that fits {block.shape}" if block.shape else "a number"
        raise ProblemError(f"start: {block.word!r} takes {size}, 'lb' or 'ub', not {value!r}") from None
    if not np.isfinite(out).all():
        raise ProblemError(f"start: a value of {block.word!r} is not finite")
    return out.ravel()
