"""What a notebook shows of a model and of a solution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..markup import Html, bullets, card, folded, table, tag
from ..problem.columns import Block, Space
from .printed import lines
from .values import called, value_rows, variables

if TYPE_CHECKING:
    from .model import Model
    from .solution import Solution

NOISE = 1e-12
"""A sum of this share of its terms is zero."""
MOST = 400
"""Entries of a variable that are shown one by one."""


def model_sizes(model: Model) -> Html:
    """Return the blocks of a model as a table, and its notes."""
    rows = [(line.what, f"{line.size} {line.unit}".strip(), line.meaning) for line in lines(model)]
    return Html(table(("block", "size", "meaning"), rows) + bullets(model.notes))


def model_html(model: Model) -> Html:
    """Return a model as HTML."""
    words = f"{model.n} columns, {len(model.rows)} rows, {model.rows.M.nnz} entries"
    return card(tag("p", model.name, kind="head"), tag("p", words), model_sizes(model))


def short_values(space: Space, z: np.ndarray) -> Html:
    """Return the variables of a point as a table, long ones in short."""
    rows, more = value_rows(space, z)
    rest = tag("p", f"and {more} more variables", kind="quiet") if more else Html("")
    return Html(table(("variable", "unit", "value"), rows) + rest)


def all_values(space: Space, z: np.ndarray) -> Html:
    """Return the variables of a point: numbers in a table, arrays below it, folded, with their labels."""
    own = variables(space)
    single = [b for b in own if not b.shape]
    head = table(("variable", "unit", "value"), [(called(b), b.unit, f"{z[b.start] + 0.0:.6g}") for b in single])
    return Html(head + "".join(_array(b, z[b.start : b.stop]) for b in own if b.shape))


def _array(block: Block, values: np.ndarray) -> Html:
    """Return an array as a table: of one dimension a line an entry, of more its last dimension across."""
    unit, name = f" ({block.unit})" if block.unit else "", called(block)
    size = " x ".join(map(str, block.shape))
    if not len(values):
        return tag("p", f"{name}{unit}: no entries")
    total = values.sum() if abs(values.sum()) > NOISE * np.abs(values).sum() else 0.0
    head = f"{name}{unit}: {size} values from {values.min() + 0.0:.6g} to {values.max() + 0.0:.6g}, sum {total:.6g}"
    if len(values) > MOST:
        return folded(head, tag("p", f"more than {MOST} values; the .sol file has them all", kind="quiet"))
    texts = [f"{value + 0.0:.6g}" for value in values]
    dims, labels = _labels(block)
    if len(block.shape) == 1:
        return folded(head, table((dims[0], f"value{unit}"), zip(labels[0], texts, strict=True)))
    across = block.shape[-1]
    starts = range(0, len(values), across)
    rows = [[*_place(block.shape[:-1], labels, k), *texts[at : at + across]] for k, at in enumerate(starts)]
    return folded(head, table((*dims[:-1], *(f"{label}" for label in labels[-1])), rows))


def _place(shape: Sequence[int], labels: Sequence[Sequence[str]], k: int) -> list[str]:
    return [labels[axis][int(at)] for axis, at in enumerate(np.unravel_index(k, shape))]


def _labels(block: Block) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    if block.coords is not None:
        return block.coords.dims, block.coords.texts
    dims = [f"dim_{k}" for k in range(len(block.shape))] if len(block.shape) > 1 else ["entry"]
    return dims, [[str(k) for k in range(size)] for size in block.shape]


def solution_html(solution: Solution) -> Html:
    """Return a solution as HTML."""
    values = Html("") if solution.z is None else short_values(solution.model.space, solution.z)
    return card(tag("p", solution.headline, kind="head"), values)
