"""Which instances a word means: all of the library, a family, a pattern, a file, a folder of one's own."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

from .. import catalog
from ..catalog import schema
from ..errors import ProblemError
from ..wording import near

ALL = "all"
"""The word for the whole library."""


def selected(words: Iterable[str]) -> list[Path]:
    """Return the files of the instances that words mean.

    Parameters
    ----------
    words : iterable of str
        ``all``, a family, ``family/case``, a pattern such as ``dc_market/*_24h``, a ``.toml`` file, a folder. Without
        any: the instances of the current folder, or, where there are none, the whole library.

    Raises
    ------
    ProblemError
        A word means nothing.
    """
    words = tuple(words)
    if not words:
        return in_folder(Path()) or _library("*/*")
    found = [path for word in words for path in _meant(word)]
    return list(dict.fromkeys(found))


def _meant(word: str) -> list[Path]:
    names = catalog.instance_names()
    families = sorted({name.partition("/")[0] for name in names})
    if word == ALL:
        return _library("*/*")
    if word in families:
        return _library(f"{word}/*")
    if word.endswith(".toml"):
        return [catalog.load_instance(word).path]
    if Path(word).is_dir():
        found = in_folder(Path(word)) + [path for one in sorted(Path(word).iterdir()) for path in in_folder(one)]
        if not found:
            raise ProblemError(f"no instances in the folder {word}")
        return found
    out = _library(word)
    if not out:
        raise ProblemError(
            f"no instance {word!r}{near(word, [*names, *families])}; give all, a family ({', '.join(families)}), "
            "family/case, a pattern, a .toml file or a folder"
        )
    return out


def _library(pattern: str) -> list[Path]:
    root = catalog.folder("instances")
    return [root / f"{name}.toml" for name in catalog.instance_names() if fnmatch(name, pattern)]


def in_folder(folder: Path) -> list[Path]:
    """Return the instance files that lie in a folder; other ``.toml`` files are passed over."""
    return [path for path in sorted(folder.glob("*.toml")) if _is_instance(path)] if folder.is_dir() else []


def _is_instance(path: Path) -> bool:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return "model" in data and isinstance(data["model"], str) and set(data) <= set(schema.TOP)


def name_of(path: Path) -> str:
    """Return how an instance is called: family/case in the library, its path elsewhere."""
    root = catalog.folder("instances").resolve()
    own = path.resolve()
    return f"{own.parent.name}/{own.stem}" if own.parent.parent == root else str(path.with_suffix(""))
