"""Maps of names: a file beside a model file that says where every column, row and set comes from.

The map of ``day.lp`` is ``day.lp.map.json``, UTF-8::

    {"schema": "kktgen.map", "version": 1,
     "file": "day.lp", "model": "day", "names": "short",      names: "full" or "short"
     "sense": "maximize",                                     the user's; the file minimises, so "maximize" is negated
     "blocks": [{"kind": "dual", "role": "lam", "follower": "market", "word": "lam", "item": "balance",
                 "shape": [24], "source": {"word": "balance", "item": ""}}, ..],
     "columns": {"name": [..], "label": [..], "block": [..], "index": [..]},
     "rows": {..}, "sets": {..}}                              the same

Of a model that was written in its own units (``scaled=True``) the version is 2 and the map holds those units: the
objective of the file times ``objective_unit`` is that of the model, and so is column j times its ``unit``::

    {"schema": "kktgen.map", "version": 2, .., "objective_unit": 1024.0, "columns": {.., "unit": [..]}, ..}

The arrays have one entry a column, row or set, in the order of the file: its name there, its label in the model, its
block (-1: none) and its flat position (C order) in the shape of the block. The kinds are those of
:func:`kktgen.formats.maps.provenance.kind_of`. ``follower`` is empty for the leader. ``source`` is null, or the
row, bound or variable of the follower that the entry belongs to: ``word(follower,item,indices)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson

from ...problem.columns import Block
from ...reformulate.scale import Scaled
from ..writing.names import positions
from ..writing.text import Pick, emit
from .provenance import Listing, Source, kind_of, source_of

SUFFIX_OF_MAP = ".map.json"
SCHEMA, VERSION, WITH_UNITS = "kktgen.map", 1, 2


def map_path(path: Path) -> Path:
    """Return where the map of a model file stands."""
    return path.with_name(path.name + SUFFIX_OF_MAP)


def dump_map(file: IO[bytes], view: Scaled, path: Path, names: str, found: Listing) -> None:
    """Write the map of a model file, with the units where the file is in others than the model."""
    model = view.original
    head = {
        "schema": SCHEMA, "version": WITH_UNITS if view.changes else VERSION, "file": path.name, "model": model.name,
        "names": names, "sense": "minimize" if model.sense > 0 else "maximize",
    }  # fmt: skip
    if view.changes:
        head["objective_unit"] = view.objective
    file.write(orjson.dumps(head)[:-1] + b',\n"blocks": [')
    first, starts, comma = 0, [], b"\n"
    for k, part in enumerate(found[:3]):
        for origin in part:
            starts.append(first)
            first += len(origin.blocks)
            for block in origin.blocks:
                file.write(comma + orjson.dumps(_about(block, k == 0)))
                comma = b",\n"
    file.write(b"]")
    begin = iter(starts)
    for key, part in zip(("columns", "rows", "sets"), found[:3], strict=True):
        is_columns = key == "columns"
        units = _units(part, view) if is_columns and view.changes else None
        _entries(file, key, part, begin, found.order if is_columns else None, units)
    file.write(b"}\n")


def _about(block: Block, is_column: bool) -> dict[str, Any]:
    source = source_of(block)
    return {
        "kind": kind_of(block, is_column), "role": block.role, "follower": block.follower, "word": block.word,
        "item": block.item, "shape": block.shape,
        "source": None if source is None else {"word": source[0], "item": source[1]},
    }  # fmt: skip


def _units(part: Sequence[Source], view: Scaled) -> np.ndarray:
    """Return the unit of every column of a file: 1 of the constant, that of the objective of its epigraph."""
    own, *added = part
    of_added = {"epigraph": view.objective}
    more = [np.full(len(one.entry), of_added.get(one.blocks[0].role if one.blocks else "", 1.0)) for one in added]
    return np.concatenate([view.columns[own.entry], *more])


def _entries(
    file: IO[bytes], key: str, part: Sequence[Source], begin: Iterator[int], order: np.ndarray | None,
    units: np.ndarray | None,
) -> None:  # fmt: skip
    """Write the arrays of the columns, rows or sets."""
    block, index = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for origin, first in zip(part, begin, strict=False):
        count = len(origin.blocks)
        of, place, _ = positions(origin.blocks, origin.size) if count else (np.zeros(origin.size, dtype=int),) * 3
        block.append(np.where(of < count, first + of, -1)[origin.entry])
        index.append(place[origin.entry])
    texts = {"name": [origin.names for origin in part], "label": [origin.labels() for origin in part]}
    file.write(f',\n"{key}": {{'.encode())
    for word, given in texts.items():
        file.write(f'"{word}": ['.encode())
        text = np.concatenate(given)
        count = len(text)
        last = (np.arange(count) == count - 1).astype(np.int8)
        emit(file, count, b'"', text if order is None else text[order], Pick(np.array([b'",\n', b'"']), last))
        file.write(b"], ")
    numbered = [("block", block), ("index", index), *([] if units is None else [("unit", [units])])]
    for word, numbers in numbered:
        tail = b"}" if word == numbered[-1][0] else b", "
        whole = np.concatenate(numbers)
        array = np.ascontiguousarray(whole if order is None else whole[order])
        file.write(f'"{word}": '.encode() + orjson.dumps(array, option=orjson.OPT_SERIALIZE_NUMPY) + tail)
