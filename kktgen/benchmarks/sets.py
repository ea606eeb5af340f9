"""Words that stand for problems to be solved: those of the library, the set ``quick``, files, folders of files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..catalog import instance_names, load_instance
from ..catalog.selection import chosen, unknown
from ..errors import ProblemError
from ..formats.problems import is_table, suffix_of
from .verdict import judging

QUICK_A_FAMILY = 1
"""Instances of each family in the set ``quick``: the first by name of those whose file says ``quick = true``.

With one run each, one after the other, the set takes some 50 seconds, on a busy machine less than two minutes.
"""
QUICK_SECONDS = 10.0
"""Time limit of a run of the set ``quick`` where none is given."""
BUNDLES = (".bilevel.json", ".bilevel.json.gz", ".aux")
"""Files of a folder that are taken for problems."""


@dataclass(frozen=True)
class Entry:
    """A problem to be solved.

    Parameters
    ----------
    name : str
        ``family/case``.
    target : str
        What it is built from: a name or the path of a file.
    known : dict
        What is known of its answer.
    parameters : dict
        Values of the model's parameters that win over those of the target.
    """

    name: str
    target: str
    known: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def family(self) -> str:
        """The name up to the stroke."""
        return self.name.partition("/")[0]


def entries(words: Iterable[str]) -> list[Entry]:
    """Return the instances that words stand for, each once, in the order of the words.

    Raises
    ------
    ProblemError
        A word stands for nothing.
    """
    found: dict[str, Entry] = {}
    for word in words:
        for entry in _meant(word):
            found.setdefault(entry.target, entry)
    return list(found.values())


def _meant(word: str) -> list[Entry]:
    """Return what a word stands for."""
    if word == "quick":
        return list(_quick())
    names = chosen(word)
    if names:
        return [_of(load_instance(name), name) for name in names]
    path = Path(word).expanduser()
    if path.is_dir() and not (path / "model.py").is_file():
        return _in_folder(path)
    if path.exists() or suffix_of(word) or word.endswith((".py", ".toml")):
        return [_file(path)]
    raise unknown(word, "quick, a file, a folder of .bilevel.json files")


def _quick() -> Iterator[Entry]:
    """Yield the first quick instance of each family, in the order of the families."""
    taken: dict[str, int] = {}
    for name in instance_names():
        family = name.partition("/")[0]
        if taken.get(family, 0) < QUICK_A_FAMILY:
            instance = load_instance(name)
            if instance.quick:
                taken[family] = taken.get(family, 0) + 1
                yield _of(instance, name)


def _of(instance: Any, target: str) -> Entry:
    return Entry(instance.name, target, judging(instance.known))


def _in_folder(path: Path) -> list[Entry]:
    files = sorted(one for one in path.iterdir() if one.name.endswith(BUNDLES))
    if not files:
        raise ProblemError(f"the folder {path} holds no problem ({', '.join(BUNDLES)})")
    return [_file(one) for one in files]


def _file(path: Path) -> Entry:
    """Return the problem of a user's own file."""
    target = str(path.absolute())
    if path.suffix == ".toml" and not is_table(path):
        return _of(load_instance(path), target)
    name = path.name.removesuffix(".gz")
    ending = suffix_of(name) or path.suffix
    return Entry(f"{path.absolute().parent.name}/{name.removesuffix(ending)}", target)
