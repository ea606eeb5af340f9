"""Names and folders checked before any work is done."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import kktgen as kg

from ..errors import FormatError, KktgenError, ProblemError, SolverNotFound
from ..formats import formats
from ..solvers.programs import PREFIX, external
from ..wording import near
from . import problem_files


def check_name(what: str, name: str, known: Iterable[str], error: type[KktgenError]) -> None:
    """Refuse an unknown name of something."""
    known = tuple(known)
    if name not in known:
        raise error(f"no {what} {name!r}{near(name, known)}; there are: {', '.join(known)}")


def check_formats(texts: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the formats named, those of single-level models and those of whole problems; refuse an unknown one."""
    names = [word.strip().lower().lstrip(".") for text in texts for word in text.split(",")]
    bare = [name.removesuffix(".gz") for name in names]
    for name in bare:
        check_name("format", name, [*(suffix[1:] for suffix in formats()), *problem_files.NAMES], FormatError)
    whole = tuple(name for name, stem in zip(names, bare, strict=True) if stem in problem_files.NAMES)
    return tuple(name for name in names if name not in whole), whole


def check_encoding(name: str) -> None:
    """Refuse an unknown encoding."""
    check_name("encoding", name, kg.encodings(), ProblemError)


def check_solver(name: str) -> None:
    """Refuse a solver that is unknown or not installed."""
    if name.startswith(PREFIX):
        external(name)
        return
    known = kg.solvers()
    check_name("solver", name, known, SolverNotFound)
    if not known[name].available:
        ready = ", ".join(other for other, about in known.items() if about.available) or "none"
        raise SolverNotFound(f"solver {name!r} is {known[name].version}; installed: {ready}")


def make_folder(path: Path) -> None:
    """Make a folder and see that files can be written into it, before any work is done."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise FormatError(f"cannot write into {path}: {error.strerror or error}") from None
