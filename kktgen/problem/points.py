"""Points of the declared variables alone: by name, by variable, or in the order of declaration.

A problem has further columns, multipliers first of all, of which who knows a paper's answer knows nothing. They are
filled where they follow from the variables (bits of integers), and NaN elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import ProblemError
from ..numerics.sparse import row_index
from .bilevel import Bilevel
from .by_labels import by_labels
from .columns import Space
from .expression_labels import coords_of_expression
from .expressions import Affine
from .names import named_block, named_columns


def declared_point(bilevel: Bilevel, values: Any, where: str) -> np.ndarray:
    """Return a point over all columns (n,) from values of the declared variables; NaN at multipliers.

    Parameters
    ----------
    bilevel : Bilevel
    values : mapping, or numbers in nested lists, arrays, Series
        By variable or by its name (:func:`kktgen.problem.names.named_columns`): a number or an array that fits its
        shape, by labels where both it and the variable have some (:func:`kktgen.problem.by_labels.by_labels`); prices
        may be among them, ``row.dual``. Or the values of all variables in the order of declaration, the leader's and
        the followers' as they come. All n columns are taken as they are.
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

    Bits of integers, products in rows and second expressions of conditions, which follow from them, are left out.
    """
    role = bilevel.space.role
    own = (role == "leader") | (role == "follower")
    own[bilevel.bits] = False
    for follower in bilevel.followers:
        if follower.is_condition:
            own[follower.columns] = False
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
            _put(z, key, value, where)
            continue
        name = ".".join(key) if isinstance(key, tuple) else str(key)
        columns, shape = named_columns(space, name)
        if len(columns):
            value = by_labels(value, named_block(space, name).coords if shape else None, f"{where}: {name!r}")
        _write(z, columns, _fitting(value, shape, name, where), space, where)
    return z


def _write(z: np.ndarray, columns: np.ndarray, values: np.ndarray, space: Space, where: str) -> None:
    """Write values of columns into a point, or refuse another value of one of them."""
    twice = np.flatnonzero(~np.isnan(z[columns]) & (z[columns] != values))
    if len(twice):
        name = space.label(int(columns[twice[0]]))
        raise ProblemError(
            f"{where}: two values are given for {name}, {z[columns][twice[0]]:g} and {values[twice[0]]:g}"
        )
    z[columns] = values


def _fitting(value: Any, shape: tuple[int, ...], name: str, where: str) -> np.ndarray:
    """Return a value for every entry of a shape, or refuse what does not fit."""
    try:
        return np.broadcast_to(np.asarray(value, dtype=float), shape).ravel()
    except (TypeError, ValueError):
        size = f"an array that fits {shape}" if shape else "a number"
        raise ProblemError(f"{where}: {name!r} takes {size}, got {value!r}"[:300]) from None


def _put(z: np.ndarray, key: Affine, value: Any, where: str) -> None:
    """Write the values of a variable, or of a price, into a point.

    A price of two sides is ``mu_lo - mu_up``: the one that is not needed is zero.
    """
    M, name = key.M, "a variable"
    if M.nnz:
        name = key.space.label(int(M.indices[0]))
    value = by_labels(value, coords_of_expression(key), f"{where}: {name}")
    given = _fitting(value, key.shape, name, where)
    row = row_index(M)
    plain = (np.abs(M.data) == 1).all() and not key.c.any()
    if not plain or (np.bincount(row, weights=M.data, minlength=len(given)) ** 2 > 1).any() or len(z) < M.shape[1]:
        raise ProblemError(f"{where}: values are given for variables and prices, not for expressions of several terms")
    two = (np.bincount(row, minlength=len(given)) > 1)[row]
    own = given[row] * M.data
    _write(z, M.indices, np.where(two, np.maximum(own, 0.0), own), key.space, where)


def _flat(values: Any, where: str) -> np.ndarray:
    """Return numbers in nested lists, arrays and Series one after the other."""
    if isinstance(values, list | tuple) and any(np.ndim(one) for one in values):
        return np.concatenate([_flat(one, where) for one in values])
    try:
        return np.array(values, dtype=float).ravel()
    except (TypeError, ValueError):
        kind = type(values).__name__
        raise ProblemError(f"{where}: a Solution, numbers, or values by name are needed, got {kind}") from None
