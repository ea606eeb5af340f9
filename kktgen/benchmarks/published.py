"""The published results: runs on the library that come with kktgen, judged by what is known of it today."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..catalog import folder, instance_names, load_instance
from ..errors import FormatError
from . import journal
from .verdict import held_against, judging

WORD = "published"
"""What stands for these runs where a folder of runs is asked for."""


def path() -> Path:
    """Return the file of the published runs."""
    return folder("instances") / "results" / journal.PACKED


def published() -> list[dict[str, Any]]:
    """Return the published runs, none where there are none.

    An instance may have become better known since a run was made, so that every verdict is given anew, unless the
    instance is another problem now.

    Raises
    ------
    FormatError
        The file is no list of runs.
    """
    return judged(journal.read(path()).values()) if path().is_file() else []


def merged(folders: Iterable[Path]) -> list[dict[str, Any]]:
    """Return the runs of several folders as :func:`kktgen.benchmarks.journal.merged`; ``published`` is a folder, too.

    Raises
    ------
    FormatError
        A folder holds no runs, or there are no published ones.
    """
    folders = list(folders)
    records = journal.merged(_place(one) for one in folders)
    return judged(records) if WORD in map(str, folders) else records


def _place(folder: Path) -> Path:
    """Return where the runs of a folder are, or the published ones."""
    if str(folder) != WORD or folder.exists():
        return folder
    if not path().is_file():
        raise FormatError(
            f"there are no published runs here: {path()} is missing; make runs of your own with kktgen bench SET "
            "-o results/, and show results/"
        )
    return path()


def judged(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return records with what is known of the library's instances today, and the verdict it gives."""
    names, out = set(instance_names()), []
    known: dict[str, tuple[str, dict[str, Any]]] = {}
    for one in records:
        name = one["instance"]
        if name in names and name not in known:
            instance = load_instance(name)
            known[name] = f"sha256:{instance.problem.get('sha256', '')}", judging(instance.known)
        digest, today = known.get(name, ("", {}))
        out.append(held_against(one, today if digest == one.get("problem") else one["known"]))
    return out


def packed(records: Iterable[Mapping[str, Any]]) -> bytes:
    """Return runs as the bytes of a file, in an order of their own: the same runs give the same bytes."""
    ordered = sorted(records, key=lambda one: (one["instance"], one["limits"]["time"], one["way"], one["seed"]))
    text = "".join(json.dumps(one, allow_nan=False, sort_keys=True) + "\n" for one in ordered)
    return gzip.compress(text.encode(), mtime=0)
