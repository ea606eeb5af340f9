"""What a model asks of whoever reads its file, and where in the model it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...model.model import Model
from ...model.tables import psd_rows
from ...numerics.convexity import nonconvex_block
from ...problem.columns import Block, find_label
from ...wording import first_names
from ..writing.magnitudes import Magnitudes
from ..writing.plain import Plain, plain
from ..writing.sides import Sides


def _nowhere(need: str) -> str:
    return ""


@dataclass(frozen=True)
class Needs:
    """What a model asks of a reader.

    Parameters
    ----------
    name : str
        Of the model or the file.
    features : frozenset of str
        Rows of the table of readers.
    magnitudes : Magnitudes
    where : callable
        Says in words where a need, or a number (``least_entry``, ..), stands in the model; empty when unknown.
    """

    name: str
    features: frozenset[str]
    magnitudes: Magnitudes
    where: Callable[[str], str] = _nowhere


def needs_of(model: Model, form: Plain | None = None) -> Needs:
    """Return what a model asks of a reader; pairs are left aside.

    Parameters
    ----------
    model : Model
    form : Plain, optional
        Its plain form, if it is at hand.
    """
    form = plain(model, "short", warned=False) if form is None else form
    features = combined(model.features - {"pairs"}, bool(_unbounded(model).any()))
    return Needs(model.name, features, form.magnitudes, lambda need: _where(model, form, need))


def combined(features: frozenset[str], unbounded: bool = False) -> frozenset[str]:
    """Return features together with what follows from several of them at once."""
    more = {"miqp"} if "int" in features and features & {"qobj", "qobj_nonconvex"} else set()
    return features | more | ({"int_free"} if unbounded else set())


def _unbounded(model: Model) -> np.ndarray:
    """Return which columns are integer without a lower bound (mask)."""
    return (model.space.kind != "C") & (model.space.lb == -np.inf)


def _where(model: Model, form: Plain, need: str) -> str:
    """Return where something stands, in words: the first place and how many more there are."""
    label = model.space.label
    if need in ("int", "int_free"):
        at = np.flatnonzero(_unbounded(model) if need == "int_free" else model.space.kind != "C")
        return _first(label(at[0]), len(at))
    if need in ("qobj", "miqp"):
        return _first(f"{label(form.i[0])} * {label(form.j[0])}", len(form.v))
    if need == "qobj_nonconvex":
        block = nonconvex_block(model.matrices[0])
        return "" if block is None else _first(f"the block of {label(block[0])}", len(block))
    if need in ("qrow", "qrow_nonconvex"):
        at = np.flatnonzero(psd_rows(model.quads, model.n) == (need == "qrow"))
        return _first(model.quads.linear.label(int(at[0])), len(at))
    if need == "sos1":
        count = len(form.set_source)
        return _first(_label(model.sos1.blocks, form.set_source[0], form.set_names[0]), count) if count else ""
    if need == "indicator":
        count = len(form.indicators)
        return _first(_row(form.indicators, _blocks(model)[1], 0), count) if count else ""
    return _number(model, form, need)


def _first(what: str, count: int) -> str:
    return first_names([what], 1, count)


def _label(blocks: Sequence[Block], i: int, name: bytes) -> str:
    """Return the label of an entry, its name in the file where no block covers it."""
    return find_label(blocks, int(i)) if blocks else name.decode()


def _row(sides: Sides, blocks: Sequence[Block], row: int) -> str:
    return _label(blocks, sides.source[row], sides.names[row])


def _blocks(model: Model) -> list[Sequence[Block]]:
    """Return the blocks of the linear, the implied and the quadratic rows."""
    implied = model.indicators.rows.blocks if model.indicators is not None else ()
    return [model.rows.blocks, implied, model.quads.linear.blocks]


def _number(model: Model, form: Plain, which: str) -> str:
    """Return where the extreme number of :class:`Magnitudes` stands."""
    if which not in Magnitudes._fields:
        return ""
    value = getattr(form.magnitudes, which)

    def column(j: int) -> str:
        return _label(model.space.blocks if j < model.n else (), j, form.columns[j])

    if which.endswith("cost"):
        return f"objective, {column(_at(form.cost, value))}"
    for sides, blocks in zip((form.linear, form.indicators, form.quads), _blocks(model), strict=True):
        numbers = sides.rhs if which == "largest_side" else sides.M.data
        at = np.flatnonzero(np.abs(numbers) == value)
        if len(at) and which == "largest_side":
            return f"right-hand side of {_row(sides, blocks, at[0])}"
        if len(at):
            row = int(np.searchsorted(sides.M.indptr, at[0], side="right")) - 1
            return f"{_row(sides, blocks, row)}, {column(sides.M.indices[at[0]])}"
    if which == "largest_side":
        bound = np.maximum(*(np.where(np.isfinite(b), np.abs(b), 0.0) for b in (form.lb, form.ub)))
        return f"bounds of {column(_at(bound, value))}"
    for v, i, j in ((form.v, form.i, form.j), (form.quad_v, form.quad_i, form.quad_j)):
        if value in np.abs(v):
            k = _at(v, value)
            return f"{column(int(i[k]))} * {column(int(j[k]))}"
    return ""


def _at(values: np.ndarray, size: float) -> int:
    return int(np.flatnonzero(np.abs(values) == size)[0])
