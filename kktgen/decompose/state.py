"""The state of a tree over boxes as one file, from which the tree can go on at any moment.

A NumPy archive without pickled objects: boxes, bounds and depths of the open nodes, their payloads one after another
with the place of each, the best point, the counters, and the digest of the problem.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import FormatError

VERSION = 1
StoredNode = tuple[np.ndarray, np.ndarray, float, int, Mapping[str, np.ndarray], str]
"""lb, ub, bound, depth, payload, what the bound rests on."""


@dataclass(frozen=True, eq=False)
class TreeState:
    """What a tree over boxes goes on from.

    Parameters
    ----------
    problem : str
        Digest of the problem.
    nodes : list
        The open nodes: (lb, ub, bound, depth, payload, what the bound rests on).
    best : float
        Value of the best point, inf without one.
    point : ndarray or None
    done : float
        Least bound among the boxes that are done with.
    closed : dict of str to int
    evaluated : int
    """

    problem: str
    nodes: list[StoredNode]
    best: float
    point: np.ndarray | None
    done: float
    closed: Mapping[str, int]
    evaluated: int


def write_state(file: Path, state: TreeState) -> None:
    """Write a state in place of what the file holds; a reader sees the old one or the new one, whole."""
    names = sorted({name for node in state.nodes for name in node[4]})
    head = {"version": VERSION, "problem": state.problem, "closed": dict(state.closed), "evaluated": state.evaluated,
            "names": names, "how": [n[5] for n in state.nodes]}  # fmt: skip
    arrays = {
        "head": np.array(json.dumps(head)),
        "lb": np.array([n[0] for n in state.nodes], dtype=float),
        "ub": np.array([n[1] for n in state.nodes], dtype=float),
        "bound": np.array([n[2] for n in state.nodes], dtype=float),
        "depth": np.array([n[3] for n in state.nodes], dtype=np.int64),
        "values": np.array([state.best, state.done]),
        "point": np.empty(0) if state.point is None else state.point,
    }
    for k, name in enumerate(names):
        parts = [np.asarray(n[4].get(name, np.empty(0))) for n in state.nodes]
        arrays[f"data{k}"] = np.concatenate(parts)
        arrays[f"size{k}"] = np.array([len(part) for part in parts], dtype=np.int64)
    beside = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        with open(beside, "wb") as out:
            np.savez(out, **arrays)  # type: ignore[arg-type]
        os.replace(beside, file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise FormatError(f"{file}: the state of the tree cannot be written: {error}") from error


def read_state(file: Path, problem: str) -> TreeState:
    """Return the state a file holds.

    Raises
    ------
    FormatError
        It holds none, or that of another problem.
    """
    try:
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        head = json.loads(str(arrays["head"]))
        version, known = head["version"], head["problem"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise FormatError(f"{file}: no state of a tree over boxes ({error}); remove it to begin anew") from error
    if version != VERSION:
        raise FormatError(f"{file}: a state of version {version}, this kktgen writes and reads {VERSION}")
    if known != problem:
        raise FormatError(
            f"{file}: the state of another problem (digest {known}, this one has {problem}), "
            "or of its pairs encoded otherwise, as after a bounding that was cut short; give another file, or "
            "remove it to begin anew"
        )
    try:
        return _state(arrays, head)
    except (ValueError, KeyError, IndexError) as error:
        raise FormatError(f"{file}: the state of a tree is damaged ({error}); remove it to begin anew") from error


def _state(arrays: dict[str, np.ndarray], head: dict) -> TreeState:
    count = len(arrays["bound"])
    payloads: list[dict[str, np.ndarray]] = [{} for _ in range(count)]
    for k, name in enumerate(head["names"]):
        sizes = arrays[f"size{k}"]
        if len(sizes) != count or sizes.sum() != len(arrays[f"data{k}"]):
            raise ValueError(f"{name} does not fit the nodes")
        for payload, part in zip(payloads, np.split(arrays[f"data{k}"], np.cumsum(sizes)[:-1]), strict=False):
            payload[name] = part
    nodes: list[StoredNode] = [
        (
            arrays["lb"][k],
            arrays["ub"][k],
            float(arrays["bound"][k]),
            int(arrays["depth"][k]),
            payloads[k],
            str(head["how"][k]),
        )
        for k in range(count)
    ]
    best, done = (float(value) for value in arrays["values"])
    point = arrays["point"] if len(arrays["point"]) else None
    return TreeState(head["problem"], nodes, best, point, done, head["closed"], int(head["evaluated"]))
