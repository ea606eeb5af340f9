"""The matrices of a whole model, read and checked before anything is declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..errors import ProblemError
from ..numerics.sparse import Csr, coo
from ..problem.bilevel import Bilevel
from ..problem.expressions import numbers
from ..wording import first_names
from .names import Places


@dataclass(frozen=True, eq=False)
class Data:
    """The matrices of a model, checked: P as triplets, ``lo <= A z <= hi``, ``lb <= z <= ub``."""

    P: sp.coo_array
    q: np.ndarray
    A: Csr
    lo: np.ndarray
    hi: np.ndarray
    lb: np.ndarray
    ub: np.ndarray
    kinds: np.ndarray


def read(P: Any, q: Any, A: Any, lo: Any, hi: Any, lb: Any, ub: Any, kinds: Any, where: str) -> Data:
    """Return the matrices with their shapes checked."""
    linear = _vector(q, None, "q", where)
    n = len(linear)
    rows = _matrix(A, None, n, "A", where)
    k = rows.shape[0]
    kinds = np.asarray(kinds)
    if kinds.shape not in ((), (n,)) or not np.isin(kinds, ["C", "B", "I"]).all():
        raise ProblemError(f"{where}: kinds are 'C', 'B' or 'I', once or for each of the {n} columns")
    kinds = np.broadcast_to(kinds, n)
    low, up = _vector(lb, n, "lb", where), _vector(ub, n, "ub", where)
    binary = kinds == "B"
    return Data(
        sp.coo_array(_matrix(P, n, n, "P", where)) if P is not None else sp.coo_array((n, n)), linear, rows,
        _vector(lo, k, "lo", where), _vector(hi, k, "hi", where),
        np.where(binary, np.maximum(low, 0.0), low), np.where(binary, np.minimum(up, 1.0), up), kinds,
    )  # fmt: skip


def _matrix(value: Any, height: int | None, width: int, word: str, where: str) -> Csr:
    """Return a matrix of finite numbers of the given size (any height when None)."""
    out: Any = value if sp.issparse(value) else numbers(value)
    if out.ndim != 2 or out.shape[1] != width or (height is not None and out.shape[0] != height):
        raise ProblemError(f"{where}: {word} has shape {out.shape}; q has {width} entries, one a column")
    t = out.tocoo() if sp.issparse(out) else sp.coo_array(out)
    if not np.isfinite(t.data).all():
        raise ProblemError(f"{where}: NaN or inf in {word}")
    return coo(t.data.astype(float), t.row.astype(np.int64), t.col.astype(np.int64), out.shape)


def _vector(value: Any, count: int | None, word: str, where: str) -> np.ndarray:
    """Return numbers, one for each of so many (any number of them when None)."""
    try:
        out = numbers(value)
    except ProblemError as error:
        raise ProblemError(f"{where}: {word}: {error}") from None
    if count is None:
        if out.ndim != 1:
            raise ProblemError(f"{where}: {word} has shape {out.shape}; it is a vector, one entry a column")
        if not np.isfinite(out).all():
            raise ProblemError(f"{where}: inf in {word}")
        return out
    if out.shape not in ((), (1,), (count,)):
        raise ProblemError(f"{where}: {word} has shape {out.shape}; expected one number or {count}")
    return np.broadcast_to(out, count).astype(float)


def check(data: Data, theirs: np.ndarray, blocks: Places, rows: Places, sense: str, where: str) -> None:
    """Refuse what cannot be a follower, before anything is declared."""
    if sense not in ("min", "max"):
        raise ProblemError(f"{where}: sense is 'min' or 'max', got {sense!r}")
    if theirs.all():
        raise ProblemError(f"{where}: every column is the leader's, none is left to the follower")
    for low, up, known, word in ((data.lb, data.ub, blocks, "columns"), (data.lo, data.hi, rows, "rows")):
        bad = (low > up) | (low == np.inf) | (up == -np.inf)
        if bad.any():
            at = int(np.flatnonzero(bad)[0])
            raise ProblemError(
                f"{where}: sides {low[at]:g} and {up[at]:g} leave no value to {word} {first_names(named(bad, known))}"
            )


def check_taken(m: Bilevel, theirs: np.ndarray, blocks: Places, where: str) -> None:
    """Refuse names of leader's variables that the problem has already, before anything is declared."""
    taken = {block.word for block in m.space.blocks if block.role == "leader"}
    found = [name for name, at in blocks.items() if name in taken and theirs[at[at >= 0]].any()]
    if found:
        raise ProblemError(
            f"{where}: the leader has a variable {found[0]!r} already; to have it stand for the column, give it: "
            f"given={{{found[0]!r}: ..}}"
        )


def named(chosen: np.ndarray, known: Places) -> list[str]:
    """Return the names of chosen positions (n,) bool, with flat positions in the arrays of their names."""
    out = []
    for name, at in known.items():
        there = np.flatnonzero((at.ravel() >= 0) & chosen[at.ravel()])
        out += [name if at.ndim == 0 else f"{name}[{','.join(map(str, np.unravel_index(i, at.shape)))}]" for i in there]
    return out
