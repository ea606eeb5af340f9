"""Columns by the names of variables, and by the labels that reports print."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..errors import ProblemError
from ..wording import near
from .columns import Block, Space


def named_columns(space: Space, name: str) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return the columns of a variable by its name, or the one column of a label, and their shape.

    Parameters
    ----------
    space : Space
    name : str
        ``x`` of the leader or of the one follower that has it, ``market.x`` or ``x(market)`` of a follower, or the
        label of a column, a multiplier's too, such as ``g(market,07:00,north)`` or ``lam(market,balance,07:00)``.

    Raises
    ------
    ProblemError
        Nothing is called so, or several followers have such a variable.
    """
    own = [block for block in space.blocks if block.role in ("leader", "follower")]
    found = [block for block in own if block.word == name and not block.follower]
    found = found or [b for b in own if name in (f"{b.follower}.{b.word}", f"{b.word}({b.follower})")]
    found = found or [block for block in own if block.word == name]
    if len(found) > 1:
        several = ", ".join(f"{block.follower}.{block.word}" for block in found[:3])
        raise ProblemError(f"several followers have a variable {name!r}: say which, {several}")
    if found:
        return np.arange(found[0].start, found[0].stop), found[0].shape
    at = _labelled(space.blocks, name)
    if at is None:
        names = [f"{b.follower}.{b.word}" if b.follower else b.word for b in own]
        raise ProblemError(f"no variable is called {name!r}{near(name, names)}; prices of rows are follower.dual(name)")
    return np.array([at]), ()


def named_block(space: Space, name: str) -> Block:
    """Return the declaration of a variable by its name, as of :func:`named_columns`; of the column's for a label.

    Raises
    ------
    ProblemError
        Nothing is called so, or several followers have such a variable.
    """
    column = int(named_columns(space, name)[0][0])
    return next(block for block in space.blocks if block.start <= column < block.stop)


def _labelled(blocks: Iterable[Block], name: str) -> int | None:
    """Return the column with a label; None without any."""
    for block in blocks:
        at = block.find(name)
        if at is not None:
            return block.start + at
    return None
