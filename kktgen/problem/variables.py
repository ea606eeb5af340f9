"""Declared variables and the checks every declaration passes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from operator import index
from typing import Any, NamedTuple

import numpy as np

from ..errors import ProblemError
from ..numerics.sparse import Csr, csr
from .by_labels import by_labels
from .columns import LEADER, Space
from .coords import Coords, coords_of
from .expressions import Affine, Declaration, Expression, floats
from .names import named_columns
from .rows import QuadRow, QuadRows, Rows


def unit_rows(columns: np.ndarray, n: int) -> Csr:
    """Return the rows ``z[columns_k]``."""
    k = len(columns)
    return csr(np.ones(k), columns, np.arange(k + 1), (k, n))


def variable(
    space: Space, columns: np.ndarray, shape: tuple[int, ...], name: str, lower: np.ndarray, upper: np.ndarray
) -> Affine:
    """Return a declared variable: the expression of its columns, with the multipliers of its bounds (-1: none)."""
    declared = Declaration(name, lower, upper)
    return Affine(space, unit_rows(columns, len(space)), np.zeros(len(columns)), shape, declared)


def named_variable(space: Space, name: str) -> Affine:
    """Return the variable of a name, or the column of a label (:mod:`kktgen.problem.names`).

    Raises
    ------
    ProblemError
        Nothing is called so, or several followers have such a variable.
    """
    columns, shape = named_columns(space, name)
    return Affine(space, unit_rows(columns, len(space)), np.zeros(len(columns)), shape)


def named(name: Any, what: str) -> str:
    """Return the name of a variable, a row or a problem, or refuse what is none."""
    if not isinstance(name, str) or not name.strip():
        raise ProblemError(f"a {what} is named by a text such as 'g', got {name!r}")
    return name


def _shape(shape: Any, name: str) -> tuple[int, ...]:
    try:
        dims = () if shape is None else (index(shape),) if np.ndim(shape) == 0 else tuple(index(k) for k in shape)
    except TypeError:
        dims = (-1,)
    if any(k < 0 for k in dims):
        raise ProblemError(f"variable {name!r}: its shape is None, a number of entries or a tuple, got {shape!r}")
    return dims


def bounds_of(value: Any, shape: tuple[int, ...], name: str, word: str) -> np.ndarray:
    """Return the lower or upper bounds of a variable, one an entry, or refuse what is none."""
    if value is None:
        raise ProblemError(f"variable {name!r}: {word} is None; leave it out, or give -inf or inf, where there is none")
    try:
        out = floats(value)
    except (TypeError, ValueError):
        raise ProblemError(f"variable {name!r}: {word} takes numbers, got {type(value).__name__}") from None
    if np.isnan(out).any():
        raise ProblemError(f"variable {name!r}: {word} holds NaN")
    try:
        return np.broadcast_to(out, shape).ravel().astype(float)
    except ValueError:
        raise ProblemError(f"variable {name!r}: {word} has shape {out.shape}, the variable {shape}") from None


class Declared(NamedTuple):
    """The columns of a variable, its bounds (k,), its shape and its labels."""

    columns: np.ndarray
    lb: np.ndarray
    ub: np.ndarray
    shape: tuple[int, ...]
    coords: Coords | None


def declare(
    space: Space, taken: set[str], name: str, shape: Any, lb: Any, ub: Any, kind: str, owner: int, follower: str,
    coords: Any = None, unit: str = "",
) -> Declared:  # fmt: skip
    """Append the columns of a variable after checking its name, kind, shape, labels and bounds."""
    labels = coords_of(coords, shape, f"variable {named(name, 'variable')!r}")
    dims = _shape(shape, name) if labels is None else labels.shape
    unit = checked_unit(unit, f"variable {name!r}")
    if kind not in ("C", "B", "I"):
        raise ProblemError(f"variable {name!r}: kind {kind!r} is not one of 'C', 'B', 'I'")
    lb, ub = by_labels(lb, labels, f"variable {name!r}: lb"), by_labels(ub, labels, f"variable {name!r}: ub")
    low, high = bounds_of(lb, dims, name, "lb"), bounds_of(ub, dims, name, "ub")
    if kind == "B":
        low, high = np.maximum(low, 0.0), np.minimum(high, 1.0)
    if (low > high).any() or (low == np.inf).any() or (high == -np.inf).any():
        at = int(np.flatnonzero((low > high) | (low == np.inf) | (high == -np.inf))[0])
        raise ProblemError(f"variable {name!r}: lb {low[at]:g} and ub {high[at]:g} of entry {at} leave no value")
    if name in taken and not space.give_way(name, follower, taken):
        raise ProblemError(f"variable {name!r} is declared twice" + (f" for follower {follower!r}" if follower else ""))
    taken.add(name)
    role = "leader" if owner == LEADER else "follower"
    columns = space.append(
        name, role, lb=low, ub=high, kind=kind, owner=owner, follower=follower, shape=dims, coords=labels, unit=unit
    )
    return Declared(columns, low, high, dims, labels)


def checked_unit(unit: Any, where: str) -> str:
    """Return the name of a unit, or refuse what is none."""
    if not isinstance(unit, str) or "\n" in unit:
        raise ProblemError(f"{where}: unit= is a text such as 'MW', got {unit!r}")
    return unit.strip()


def of_problem(space: Space, wanted: Space) -> None:
    """Refuse an expression of another problem."""
    if space.serial != wanted.serial:
        raise ProblemError(f"an expression of problem {space.name!r} cannot be used in {wanted.name!r}")


def listed(rows: Iterable[Any], where: str = "", more: tuple[type, ...] = ()) -> list[Any]:
    """Return the rows in lists, tuples, generators, values of dicts, arrays and Series, nested or not, one by one.

    ``more`` are further kinds that count as rows.

    Raises
    ------
    ProblemError
        Something else than rows.
    """
    out: list[Any] = []
    for row in rows:
        if isinstance(row, (Rows, QuadRow, QuadRows, *more)):
            out.append(row)
        elif isinstance(row, Mapping):
            out += listed(row.values(), where, more)
        elif hasattr(row, "to_numpy"):  # a Series, a DataFrame or an array of xarray
            out += listed(row.to_numpy().ravel().tolist(), where, more)
        elif isinstance(row, np.ndarray):
            out += listed(row.ravel().tolist(), where, more)
        elif isinstance(row, Iterable) and not isinstance(row, str | bytes | Set | Expression):
            out += listed(row, where, more)
        else:
            raise ProblemError(f"{where}add() takes rows such as x <= 1, got {type(row).__name__}{_hint(row)}")
    return out


def _hint(row: Any) -> str:
    """Say what may have been meant by something that is no row."""
    if isinstance(row, bool | np.bool_):
        return ": both sides of the comparison were numbers"
    if isinstance(row, Set):
        return ": a set has no order; give a list"
    return ": compare it with something" if isinstance(row, Expression) else ""


def checked(rows: Rows, space: Space, where: str) -> Rows:
    """Refuse rows of another problem, with sides that exclude every point, NaN, or no variable."""
    of_problem(rows.space, space)
    checked_data(rows.M.data, rows.lo, rows.hi, where)
    empty = np.diff(rows.M.indptr) == 0
    if (empty & ((rows.lo > 0) | (rows.hi < 0))).any():
        raise ProblemError(f"{where}: a row without variables is violated by its constants")
    return rows


def checked_data(values: np.ndarray, lo: np.ndarray, hi: np.ndarray, where: str) -> None:
    """Refuse rows with NaN, an infinite coefficient, or sides that exclude every point."""
    if np.isnan(lo).any() or np.isnan(hi).any() or not np.isfinite(values).all():
        raise ProblemError(f"{where}: NaN or inf in the data of the row")
    if (lo == np.inf).any() or (hi == -np.inf).any():
        raise ProblemError(f"{where}: an infinite side on the wrong end excludes every point")
