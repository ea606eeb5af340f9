"""Model files: one module a format, found by scanning this folder.

A format module declares ``SUFFIX``, ``FEATURES`` (keys of :data:`kktgen.model.FEATURES` it can hold) and
``dump(model, file)``. What a format cannot hold is refused by name, never written and hoped for. Whole bilevel problems
are held by the formats of the folder ``instances``.
"""

from __future__ import annotations

import gzip
import importlib
import io
import os
import pkgutil
from functools import cache
from pathlib import Path
from typing import IO, Any, cast

from ..bilevel import Bilevel
from ..errors import FormatError, ProblemError, UnsupportedError
from ..kkt import kkt
from ..model import FEATURES, Model
from . import instances
from .files import file_path, replace_file
from .instances import read
from .names import column_names
from .sol import read_solution, write_solution

__all__ = ["column_names", "dumps", "formats", "read", "read_solution", "write", "write_solution"]


@cache
def formats() -> dict[str, Any]:
    """Return the format modules by suffix, e.g. ``{".cip": <module>, ".lp": <module>, ".mps": <module>}``."""
    modules = (importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__))
    return {module.SUFFIX: module for module in sorted(modules, key=lambda m: m.__name__) if hasattr(module, "SUFFIX")}


def write(problem: Model | Bilevel, path: str | os.PathLike[str], form: str | None = None) -> Path:
    """Write a model or a bilevel problem to a file in the format of its suffix.

    The file is complete or absent: it is written under a temporary name and then renamed. The same model
    gives the same bytes, whatever the process.

    Parameters
    ----------
    problem : Model or Bilevel
        A Bilevel must be without followers; an MPEC must be encoded first. Of ``.bilevel.json`` and ``.aux`` it is the
        other way round: they hold the Bilevel itself.
    path : path
        Ends in ``.lp``, ``.mps`` or ``.cip``, or in ``.bilevel.json`` (the whole problem, :func:`read` returns it) or
        ``.aux`` (one LP follower, together with an ``.mps`` of the same name), and in ``.gz`` as well to be compressed.
    form : str, optional
        Of an ``.aux`` file: ``"index"`` (MibS, the default), ``"names"`` (MibS) or ``"bobilib"`` (BOBILib, idol).

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    FormatError
        Unknown suffix, or the file cannot be written.
    UnsupportedError
        The format lacks a feature of the model, or there are followers or complementarity pairs.
    ProblemError
        NaN or inf where a number is needed.

    Notes
    -----
    The objective is always minimised: of a maximised problem the negated objective is written.
    """
    target = file_path(path)
    zipped = target.suffix.lower() == ".gz"
    whole = instances.suffix_of(target)
    if form is not None and whole != instances.aux_write.SUFFIX:
        raise ProblemError(f"{target}: form={form!r} belongs to .aux files")
    if whole == instances.aux_write.SUFFIX:
        return instances.aux_write.write(cast(Bilevel, problem), target, form)
    suffix = (target.with_suffix("") if zipped else target).suffix.lower()
    module = instances.bundle if whole else _format(suffix, str(target))
    model = problem if whole else _writable(problem, module)

    def fill(file: IO[bytes]) -> None:
        if zipped:
            with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as packed:
                module.dump(model, cast(IO[bytes], packed))
        else:
            module.dump(model, file)

    return replace_file(target, fill)


def dumps(problem: Model | Bilevel, format: str) -> str:  # noqa: A002
    """Return the text that :func:`write` puts into a file.

    Parameters
    ----------
    problem : Model or Bilevel
        A Bilevel must be without followers; an MPEC must be encoded first.
    format : str
        ``"lp"``, ``"mps"`` or ``"cip"``; ``"bilevel.json"`` of a Bilevel.

    Returns
    -------
    str

    Raises
    ------
    FormatError, UnsupportedError, ProblemError
        As :func:`write`.
    """
    suffix, file = "." + str(format).lower().lstrip("."), io.BytesIO()
    if suffix == instances.bundle.SUFFIX:
        instances.bundle.dump(cast(Bilevel, problem), file)
        return file.getvalue().decode("utf-8")
    module = _format(suffix, f"format {format!r}")
    module.dump(_writable(problem, module), file)
    return file.getvalue().decode("ascii")


def _format(suffix: str, where: str) -> Any:
    known = formats()
    if suffix not in known:
        raise FormatError(
            f"{where}: no format has the suffix {suffix!r}; known are {', '.join(known)}, each also with .gz behind "
            f"it; whole bilevel problems go into {' and '.join(instances.SUFFIXES)}"
        )
    return known[suffix]


def _writable(problem: Any, module: Any) -> Model:
    """Return the problem as a model the format can hold."""
    if isinstance(problem, Bilevel):
        if problem.followers:
            raise UnsupportedError(
                f"{problem.name!r} has followers, which {module.SUFFIX} cannot hold; write a single-level model of it: "
                "kg.write(kg.encode(kg.kkt(m), kg.SOS1()), path), or the problem itself into a .bilevel.json"
            )
        problem = kkt(problem)
    if not isinstance(problem, Model):
        raise ProblemError(f"write takes a Model or a Bilevel without followers, got {type(problem).__name__}")
    if problem.pairs is not None and len(problem.pairs):
        _refuse(problem, module, {"pairs"})
    if not (set(FEATURES) - {"pairs"} <= module.FEATURES):  # only then is it worth finding out which are needed
        missing = problem.features - module.FEATURES
        if missing:
            _refuse(problem, module, set(missing))
    return problem


def _refuse(model: Model, module: Any, missing: set[str]) -> None:
    able = [suffix for suffix, other in formats().items() if missing <= other.FEATURES]
    cure = f"formats that have it: {', '.join(able)}" if able else "no file format has it"
    if "pairs" in missing:
        cure += "; encode the model first: kg.encode(mpec, kg.SOS1())"
    words = ", ".join(FEATURES[key] for key in sorted(missing))
    raise UnsupportedError(f"{module.SUFFIX} cannot hold {words} of model {model.name!r}; {cure}")
