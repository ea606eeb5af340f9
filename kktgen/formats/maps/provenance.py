"""Where every column, row and set of a file comes from: its label in the model, its kind, its follower, its source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...model.model import Model
from ...problem.columns import Block
from ..writing.names import CONSTANT, labels
from ..writing.plain import Plain
from ..writing.sides import TAILS, Sides
from ..writing.text import Pick, pieces

COLUMNS = {"leader": "leader", "term": "leader", "follower": "primal", "lam": "dual", "mu": "dual", "product": "lift"}
"""Kinds of columns by role, where they differ; ``slack``, ``binary``, ``constant`` and ``epigraph`` are their own."""
BOUNDS = {"fix": "fix", "mu_lb": "lb", "mu_ub": "ub"}
"""What the row is called that a bound's multiplier belongs to."""


class Source(NamedTuple):
    """Entries of a file that stem from one table of the model.

    Parameters
    ----------
    names : ndarray (k,) of bytes
        In the file.
    blocks : sequence of Block
        Of the table.
    size : int
        Length of the table.
    entry : ndarray (k,)
        Place in the table.
    tail : ndarray (k,), optional
        WHOLE, LOWER or UPPER.
    before : bytes
        What the file puts before the label.
    """

    names: np.ndarray
    blocks: Sequence[Block]
    size: int
    entry: np.ndarray
    tail: np.ndarray | None = None
    before: bytes = b""

    def labels(self) -> np.ndarray:
        """Return the labels (k,), spelled as the inside of JSON strings."""
        found = labels(self.blocks, self.size, legal=False)[self.entry]
        tail = np.zeros(len(found), dtype=np.int8) if self.tail is None else self.tail
        return pieces(len(found), self.before, found, Pick(TAILS, tail)) if self.before or tail.any() else found


class Listing(NamedTuple):
    """What stands in a file, in its order; ``order`` of the columns is None where they stand as in ``columns``."""

    columns: list[Source]
    rows: list[Source]
    sets: list[Source]
    order: np.ndarray | None = None


def listing(model: Model, form: Plain) -> Listing:
    """Return what stands in a file: the columns as in the model, linear, indicator and quadratic rows, sets."""
    n = model.n
    columns = [Source(form.columns[:n], model.space.blocks, n, np.arange(n))]
    if len(form.columns) > n:
        columns.append(single(CONSTANT, "constant"))
    rows = [
        of_sides(form.linear, model.rows.blocks, len(model.rows)),
        of_sides(form.indicators, *_implied(model)),
        of_sides(form.quads, model.quads.linear.blocks, len(model.quads)),
    ]
    return Listing(columns, rows, [Source(form.set_names, model.sos1.blocks, len(model.sos1), form.set_source)])


def of_sides(sides: Sides, blocks: Sequence[Block], count: int) -> Source:
    """Return where one-sided rows come from."""
    return Source(sides.names, blocks, count, sides.source, sides.tail)


def single(name: bytes, role: str) -> Source:
    """Return an entry that the file adds on its own."""
    return Source(np.array([name]), (Block(0, 1, name.decode(), role),), 1, np.zeros(1, dtype=np.int64))


def _implied(model: Model) -> tuple[Sequence[Block], int]:
    rows = model.indicators.rows if model.indicators is not None else None
    return ((), 0) if rows is None else (rows.blocks, len(rows))


def kind_of(block: Block, is_column: bool) -> str:
    """Return what the entries of a block are.

    Columns are ``leader``, ``primal``, ``dual``, ``slack``, ``binary``, ``lift``, ``constant``, ``epigraph``; rows
    ``leader``, ``stationarity``, ``primal``, ``complementarity`` (an encoding's), ``slack`` (its definition), ``lift``,
    ``cut``, ``epigraph``.
    """
    if is_column:
        return COLUMNS.get(block.role, block.role)
    if block.word.endswith("_hull"):
        return "lift"
    if block.role == "encoding":
        return "slack" if block.word.partition("_")[0] == "slack" else "complementarity"
    return block.role


def source_of(block: Block) -> tuple[str, str] | None:
    """Return word and item of the follower's row, bound or variable that a block belongs to; None when to none.

    With the follower, the shape and the index of the block itself they make a label: ``balance(market,3)`` of the
    multiplier ``lam(market,balance,3)``, ``ub(market,g,1)`` of the pair, slack or binary of a bound.
    """
    if not block.item:
        return None
    if block.role in ("lam", "mu"):
        bound = BOUNDS.get(block.word)
        return (bound, block.item) if bound else (block.item, "")
    tail = block.word.rpartition("_")[2]
    return (tail, block.item) if tail in ("lb", "ub") else (block.item, "")
