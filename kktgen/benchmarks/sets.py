"""Words that stand for instances: sets, families, globs, grades, tags, names, files, folders of files."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..catalog import folder, instance_names, load_instance
from ..errors import ProblemError
from ..formats.problems import is_table, suffix_of
from ..wording import near

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
    key, equals, value = word.partition("=")
    if equals and key in ("grade", "tag"):
        return _picked(word, _graded(value) if key == "grade" else _tagged(value))
    if word == "quick":
        return list(_quick())
    if word == "all":
        return [_entry(name) for name in instance_names()]
    names, listed = instance_names(), folder("instances") / "sets" / f"{word}.txt"
    if word in names:
        return [_entry(word)]
    if f"{word}/" in {f"{name.partition('/')[0]}/" for name in names}:
        return [_entry(name) for name in instance_names(word)]
    if listed.is_file():
        return _listed(listed)
    if any(sign in word for sign in "*?["):
        return _picked(word, None, fnmatch.filter(names, word))
    path = Path(word).expanduser()
    if path.is_dir() and not (path / "model.py").is_file():
        return _in_folder(path)
    if path.exists() or suffix_of(word) or word.endswith((".py", ".toml")):
        return [_file(path)]
    families = sorted({name.partition("/")[0] for name in names})
    raise ProblemError(
        f"{word!r} stands for no instance{near(word, [*names, *families, *_sets()])}; take quick, all, a family "
        f"({', '.join(families)}), family/case, a glob such as 'roads/*', grade=easy, tag=market, a file, a folder of "
        f".bilevel.json files{''.join(f', {name}' for name in _sets())}"
    )


def _sets() -> list[str]:
    return sorted(path.stem for path in (folder("instances") / "sets").glob("*.txt"))


def _picked(word: str, wanted: Callable[[Any], bool] | None, names: Iterable[str] | None = None) -> list[Entry]:
    """Return the instances of the folder that are wanted; refuse a word that no instance answers to."""
    loaded = [load_instance(name) for name in (instance_names() if names is None else names)]
    found = [_of(one, one.name) for one in loaded if wanted is None or wanted(one)]
    if not found:
        raise ProblemError(f"{word!r}: no instance is like that")
    return found


def _graded(grade: str) -> Callable[[Any], bool]:
    return lambda instance: getattr(instance, "grade", "") == grade


def _tagged(tag: str) -> Callable[[Any], bool]:
    return lambda instance: tag in getattr(instance, "tags", ())


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


def _entry(name: str) -> Entry:
    return _of(load_instance(name), name)


def _of(instance: Any, target: str) -> Entry:
    return Entry(instance.name, target, dict(instance.known))


def _listed(path: Path) -> list[Entry]:
    """Return the instances that a file names, a line each; what follows ``#`` is a comment."""
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [entry for line in lines if line for entry in _meant(line)]


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
