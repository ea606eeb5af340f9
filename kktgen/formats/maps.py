"""Maps of names: a file beside a model file that says where every column, row and set comes from.

The map of ``day.lp`` is ``day.lp.map.json``, UTF-8::

    {"schema": "kktgen.map", "version": 1,
     "file": "day.lp", "model": "day", "names": "short",      names: "full" or "short"
     "sense": "maximize",                                     the user's; the file minimises, so "maximize" is negated
     "blocks": [{"kind": "dual", "role": "lam", "follower": "market", "word": "lam", "item": "balance",
                 "shape": [24], "source": {"word": "balance", "item": ""}}, ..],
     "columns": {"name": [..], "label": [..], "block": [..], "index": [..]},
     "rows": {..}, "sets": {..}}                              the same

The arrays have one entry a column, row or set, in the order of the file: its name there, its label in the model, its
block (-1: none) and its flat position (C order) in the shape of the block. The kinds are those of
:func:`kktgen.formats.provenance.kind_of`. ``follower`` is empty for the leader. ``source`` is null, or the row, bound
or variable of the follower that the entry belongs to: ``word(follower,item,indices)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson

from ..model import Model
from ..space import Block
from .names import positions
from .provenance import Listing, Origin, kind_of, source_of
from .text import Pick, emit

SUFFIX_OF_MAP = ".map.json"
SCHEMA, VERSION = "kktgen.map", 1


def map_path(path: Path) -> Path:
    """Return where the map of a model file stands."""
    return path.with_name(path.name + SUFFIX_OF_MAP)


def dump_map(file: IO[bytes], model: Model, path: Path, names: str, found: Listing) -> None:
    """Write the map of a model file."""
    head = {
        "schema": SCHEMA, "version": VERSION, "file": path.name, "model": model.name, "names": names,
        "sense": "minimize" if model.sense > 0 else "maximize",
    }  # fmt: skip
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
        _entries(file, key, part, begin, found.order if key == "columns" else None)
    file.write(b"}\n")


def _about(block: Block, is_column: bool) -> dict[str, Any]:
    source = source_of(block)
    return {
        "kind": kind_of(block, is_column), "role": block.role, "follower": block.follower, "word": block.word,
        "item": block.item, "shape": block.shape,
        "source": None if source is None else {"word": source[0], "item": source[1]},
    }  # fmt: skip


def _entries(file: IO[bytes], key: str, part: Sequence[Origin], begin: Iterator[int], order: np.ndarray | None) -> None:
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
    for word, numbers, tail in (("block", block, b", "), ("index", index, b"}")):
        whole = np.concatenate(numbers)
        array = np.ascontiguousarray(whole if order is None else whole[order])
        file.write(f'"{word}": '.encode() + orjson.dumps(array, option=orjson.OPT_SERIALIZE_NUMPY) + tail)
