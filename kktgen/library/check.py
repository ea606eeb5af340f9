"""Check instances: everything about each, then what they have in common; on several processes where asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path

from ..deadline import Deadline
from . import catalogue, duplicates
from .check_file import check_file
from .check_problem import check_problem
from .findings import Checked
from .selection import name_of


def check(
    paths: Sequence[Path], *, models: bool = True, executor: Executor | None = None,
    told: Callable[[int, Checked], None] | None = None,
) -> list[Checked]:  # fmt: skip
    """Check instances.

    Parameters
    ----------
    paths : sequence of Path
        Files of instances.
    models : bool
        Build the models; else only what the files say is checked.
    executor : concurrent.futures.Executor, optional
        Of processes.
    told : callable, optional
        Called with how many are done, and with the latest.
    """
    out = []
    for one in _each(paths, models, executor):
        out.append(one)
        if told is not None:
            told(len(out), one)
    duplicates.mark(out)
    catalogue.mark(paths, out)
    return out


def _each(paths: Sequence[Path], models: bool, executor: Executor | None) -> Iterator[Checked]:
    words = [str(path) for path in paths]
    flags = [models] * len(words)
    yield from map(check_one, words, flags) if executor is None else executor.map(check_one, words, flags)


def check_one(path: str, models: bool = True) -> Checked:
    """Check one instance."""
    clock, file = Deadline(), Path(path)
    out = Checked(name_of(file))
    data = check_file(file, out)
    if models and data is not None:
        check_problem(file, data, out)
    out.seconds = clock.spent
    return out
