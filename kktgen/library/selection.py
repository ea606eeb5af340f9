"""Which instance files a word means: those of the library, a file, a folder of one's own."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

from .. import catalog
from ..catalog import schema
from ..catalog.places import instance_path
from ..catalog.selection import ALL, chosen, unknown
from ..errors import ProblemError
from .stored import BUNDLE, POINT


def selected(words: Iterable[str]) -> list[Path]:
    """Return the files of the instances that words mean.

    Parameters
    ----------
    words : iterable of str
        Those of :func:`kktgen.catalog.selection.chosen`, a ``.toml`` file, a folder. Without any: the instances of the
        current folder, or, where there are none, the whole library.

    Raises
    ------
    ProblemError
        A word means nothing.
    """
    words = tuple(words)
    if not words:
        return in_folder(Path()) or _meant(ALL)
    found = [path for word in words for path in _meant(word)]
    return list(dict.fromkeys(found))


def _meant(word: str) -> list[Path]:
    names = chosen(word)
    if names:
        return [catalog.folder("instances") / f"{name}.toml" for name in names]
    if word.endswith(".toml"):
        return [instance_path(word)]
    if Path(word).is_dir():
        found = in_folder(Path(word)) + [path for one in sorted(Path(word).iterdir()) for path in in_folder(one)]
        if not found:
            raise ProblemError(f"no instances in the folder {word}")
        return found
    raise unknown(word, "a .toml file or a folder")


def in_folder(folder: Path) -> list[Path]:
    """Return the instance files that lie in a folder, faulty ones too; other ``.toml`` files are passed over."""
    return [path for path in sorted(folder.glob("*.toml")) if _is_instance(path)] if folder.is_dir() else []


def _is_instance(path: Path) -> bool:
    if any(path.with_suffix(suffix).is_file() for suffix in (BUNDLE, POINT)):
        return True
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return "model" in data and isinstance(data["model"], str) and set(data) <= set(schema.TOP)


def name_of(path: Path) -> str:
    """Return how an instance is called: family/case in the library, its path elsewhere."""
    root = catalog.folder("instances").resolve()
    own = path.resolve()
    return f"{own.parent.name}/{own.stem}" if own.parent.parent == root else str(path.with_suffix(""))
