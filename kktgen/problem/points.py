"""Points of the declared variables alone: by name, by variable, or in the order of declaration.

A problem has further columns, multipliers first of all, of which who knows a paper's answer knows nothing. They are
filled where they follow from the variables (bits of integers), and NaN elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import ProblemError
from ..wording import near
from .bilevel import Bilevel
from .columns import Block, Space
from .expressions import Affine


def named_columns(space: Space, name: str) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return the columns of a variable by its name, or the one column of a label, and their shape.

    Parameters
    ----------
    space : Space
    name : str
        ``x`` of the leader or of the one follower that has it, ``market.x`` of a follower, or the label of a column,
        such as ``g(market,07:00,north)``.

    Raises
    ------
    ProblemError
        Nothing is called so, or several followers have such a variable.
    """
    own = _own(space)
    block = _named(own, name)
    if block is not None:
        return np.arange(block.start, block.stop), block.shape
    at = _labelled(own, name)
    if at is None:
        raise _unknown(own, name)
    return np.array([at]), ()


def named_block(space: Space, name: str) -> Block:
    """Return the declaration of a variable by its name, ``x`` or ``market.x``.

    Raises
    ------
    ProblemError
        Nothing is called so, or several followers have such a variable.
    """
    own = _own(space)
    block = _named(own, name)
    if block is None:
        raise _unknown(own, name)
    return block


def _own(space: Space) -> list[Block]:
    return [block for block in space.blocks if block.role in ("leader", "follower")]


def _named(own: list[Block], name: str) -> Block | None:
    """Return the one variable of a name; None where there is none."""
    whole = [b for b in own if b.word == name and not b.follower] or [
        b for b in own if f"{b.follower}.{b.word}" == name
    ]
    found = whole or [block for block in own if block.word == name]
    if len(found) > 1:
        several = ", ".join(f"{block.follower}.{block.word}" for block in found[:3])
        raise ProblemError(f"several followers have a variable {name!r}: say which, {several}")
    return found[0] if found else None


def _unknown(own: list[Block], name: str) -> ProblemError:
    names = [f"{b.follower}.{b.word}" if b.follower else b.word for b in own]
    return ProblemError(f"no variable is called {name!r}{near(name, names)}")


def _labelled(blocks: Iterable[Block], name: str) -> int | None:
    """Return the column with a label; None without any."""
    for block in blocks:
        at = block.find(name)
        if at is not None:
            return block.start + at
    return None


def declared_point(bilevel: Bilevel, values: Any, where: str) -> np.ndarray:
    """Return a point over all columns (n,) from values of the declared variables; NaN at multipliers.

    Parameters
    ----------
    bilevel : Bilevel
    values : mapping, or numbers in nested lists, arrays, Series
        By variable or by its name (:func:`named_columns`): a number or an array that fits its shape. Or the values of
        all variables in the order of declaration, the leader's and the followers' as they come. All n columns are taken
        as they are.
    where : str
        Who asks, for messages.

    Raises
    ------
    ProblemError
        An unknown name, a variable without a value, or values that do not fit.
    """
    space = bilevel.space
    own = declared_columns(bilevel)
    if isinstance(values, Mapping):
        z = named_values(space, values, where)
        missing = own[np.isnan(z[own])]
        if len(missing):
            raise ProblemError(f"{where}: the point has no value for {space.label(int(missing[0]))}")
    else:
        flat = _flat(values, where)
        if len(flat) >= len(space):
            return flat[: len(space)]
        if len(flat) != len(own):
            raise ProblemError(
                f"{where}: the point has {len(flat)} entries; problem {bilevel.name!r} has {len(own)} variables of the "
                f"leader and the followers, and {len(space)} columns with multipliers"
            )
        z = np.full(len(space), np.nan)
        z[own] = flat
    rest = np.isnan(z) & ~space.is_price
    z[rest] = 0.0
    return bilevel.with_bits(z)


def declared_columns(bilevel: Bilevel) -> np.ndarray:
    """Return the columns of the variables of the leader and the followers, in the order of declaration.

    Bits of integers and products in rows, which follow from them, are left out.
    """
    role = bilevel.space.role
    own = (role == "leader") | (role == "follower")
    own[bilevel.bits] = False
    for follower in bilevel.followers:
        for part in follower.products.lifted:
            own[part.columns] = False
    return np.flatnonzero(own)


def named_values(space: Space, values: Mapping[Any, Any], where: str) -> np.ndarray:
    """Return a point (n,) with the values of variables by themselves or by name, NaN elsewhere.

    Raises
    ------
    ProblemError
        An unknown name, or values that do not fit.
    """
    z = np.full(len(space), np.nan)
    for key, value in values.items():
        if isinstance(key, Affine):
            columns, shape = key.cols.ravel(), key.shape
            name = space.label(int(columns[0])) if len(columns) else "a variable"
        else:
            name = ".".join(key) if isinstance(key, tuple) else str(key)
            columns, shape = named_columns(space, name)
        try:
            z[columns] = np.broadcast_to(np.asarray(value, dtype=float), shape).ravel()
        except (TypeError, ValueError):
            size = f"an array that fits {shape}" if shape else "a number"
            raise ProblemError(f"{where}: {name!r} takes {size}, got {value!r}"[:300]) from None
    return z


def _flat(values: Any, where: str) -> np.ndarray:
    """Return numbers in nested lists, arrays and Series one after the other."""
    if isinstance(values, list | tuple) and any(np.ndim(one) for one in values):
        return np.concatenate([_flat(one, where) for one in values])
    try:
        return np.array(values, dtype=float).ravel()
    except (TypeError, ValueError):
        kind = type(values).__name__
        raise ProblemError(f"{where}: a Solution, numbers, or values by name are needed, got {kind}") from None
