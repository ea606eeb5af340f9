"""The pages of some instances and runs, written into a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import FormatError, ProblemError
from ..library import catalogue
from ..library.stored import write_bytes
from . import instances, results
from .downloads import Downloads
from .facts import Facts


def write(
    paths: Sequence[Path], folder: Path, records: Sequence[Mapping[str, Any]] = (),
    told: Callable[[int], None] | None = None,
) -> tuple[list[Path], list[Path]]:  # fmt: skip
    """Write the pages of instances, and of runs, into a folder.

    Parameters
    ----------
    paths : sequence of Path
        Files of instances.
    folder : Path
        Made where it is not there.
    records : sequence of records
        Of runs, which need not be of these instances.
    told : callable, optional
        Called with how many instances are done.

    Returns
    -------
    tuple of list
        The files written, pages first; the instances whose sizes the catalogue does not hold.

    Raises
    ------
    ProblemError
        An instance cannot be read, or two of them have one name.
    FormatError
        The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FormatError(f"{folder} cannot be made: {error.strerror or error}") from None
    listed, stale = catalogue.entries(paths)
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        by_name.setdefault(record["instance"], []).append(record)
    facts: list[Facts] = []
    names = set()
    for path, entry in listed.items():
        one = Facts(path, entry)
        if one.name in names:
            raise ProblemError(f"two instances are called {one.name}; make their pages one by one")
        names.add(one.name)
        own = [*by_name.get(one.name, ()), *(by_name.get(one.target, ()) if one.target != one.name else ())]
        facts.append(Facts(path, {**entry, "family": one.name.partition("/")[0]}, own))
        if told is not None:
            told(len(facts))
    downloads = Downloads(folder)
    pages = {instances.NAME: instances.page(facts, downloads, results.NAME), results.NAME: results.page(facts, records)}
    return [*(write_bytes(folder / name, text.encode()) for name, text in pages.items()), *downloads.written], stale
