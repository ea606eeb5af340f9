"""Labels of rows and expressions, read off the labelled variables they hold.

An axis of an expression has the labels of a dimension where the entries at each of its places hold variables up to one
label of that dimension, the largest one, and other places other ones. So the 24 balances of 24 hours are those of the
hours, and a row that ties an hour to the one before is that of the later hour.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ProblemError
from ..numerics.sparse import Csr, row_index
from .columns import Block, Space
from .coords import Coords, coords_of
from .rows import Rows


def labels_of(space: Space, M: Csr, shape: tuple[int, ...]) -> Coords | None:
    """Return the labels of the entries of ``M z`` of a shape; None where no axis has any.

    An axis without labels of its own is counted, under the name ``dim_k``.

    Parameters
    ----------
    space : Space
    M : csr_array (k, n)
    shape : tuple of int
    """
    if not shape or 0 in shape:
        return None
    row = row_index(M)
    used, at = np.unique(M.indices, return_inverse=True)
    codes = _codes(space.blocks, used)
    if not codes:
        return None
    dims: list[str] = []
    labels: list[tuple[object, ...]] = []
    for axis, size in enumerate(shape):
        found = None
        place = np.unravel_index(row, shape)[axis]
        for (dim, every), code in codes.items():
            own = code[at]
            most = np.full(size, -1)
            np.maximum.at(most, place, own)
            alike = _alike(row, own, place, most, int(np.prod(shape)))
            if dim not in dims and alike and (most >= 0).all() and len(np.unique(most)) == size:
                found = dim, tuple(every[k] for k in most.tolist())
                break
        dims.append(found[0] if found else f"dim_{axis}")
        labels.append(found[1] if found else tuple(range(size)))
    if all(dim == f"dim_{k}" for k, dim in enumerate(dims)):
        return None
    return Coords(tuple(dims), tuple(labels))


def labels_for(row: Rows, coords: Any, where: str) -> Coords | None:
    """Return the labels of rows that are added: those given, else those of the variables in them.

    Raises
    ------
    ProblemError
        Those given do not fit.
    """
    if coords is None:
        return labels_of(row.space, row.M, row.shape)
    found = coords_of(coords, None, where)
    if found is None or found.shape != row.shape:
        raise ProblemError(f"{where}: its labels make the shape {found and found.shape}, the rows have {row.shape}")
    return found


def _alike(row: np.ndarray, own: np.ndarray, place: np.ndarray, most: np.ndarray, count: int) -> bool:
    """Tell whether the largest label is the same for all entries at one place of the axis."""
    top = np.full(count, -1)
    np.maximum.at(top, row, own)
    return bool((top[row] == most[place]).all())


def _codes(blocks: Sequence[Block], used: np.ndarray) -> dict[tuple[str, tuple[object, ...]], np.ndarray]:
    """Return for each dimension the label (k,) of every used column, -1 for those it does not label.

    Of the blocks, which stand in order, only those that hold used columns are looked at.
    """
    out: dict[tuple[str, tuple[object, ...]], np.ndarray] = {}
    first = 0
    while first < len(used):
        block = blocks[bisect_right(blocks, int(used[first]), key=lambda one: one.start) - 1]
        last = int(np.searchsorted(used, block.stop))
        if block.coords is not None and not block.coords.bare:
            index = np.unravel_index(block.positions()[used[first:last] - block.start], block.shape)
            for dim, labels, own in zip(block.coords.dims, block.coords.labels, index, strict=True):
                out.setdefault((dim, labels), np.full(len(used), -1))[first:last] = own
        first = last
    return out
