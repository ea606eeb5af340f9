"""External solvers through files: one module a program, found by scanning this folder; ``files:cbc`` and so on.

A module declares ``TITLE``, ``PROGRAMS`` (what it may be called on PATH), ``VERSION`` (arguments and the pattern of
their answer), ``INSTALL``, ``FORM`` (suffix of the model file it gets), ``FEATURES``, ``TOL``, ``START`` (dialect of a
start, None where it takes none), ``REFUSED`` (lines of its log that refuse an option), ``command(task)`` and
``outcome(task, log)``; where there is one, ``SOLUTION`` (suffix of its solution file), ``START_SUFFIX`` (that of a
start), ``refusal(model)`` (what it gets wrong), ``extend_start(model, z, path)`` (adds columns that only the file has),
``stand_in()`` (the command in place of the program), ``STAND_IN`` (what that needs) and ``stand_in_version()``.

A user's own command is a :class:`.template.Template`.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from ...errors import SolverNotFound
from ...wording import near
from .external import External, not_found
from .template import Template

__all__ = ["External", "PREFIX", "external", "externals", "ready"]
PREFIX = "files:"


@cache
def externals() -> dict[str, External]:
    """Return the external solvers by name, in alphabetical order."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    return {PREFIX + name: External(module) for name, module in modules.items() if hasattr(module, "PROGRAMS")}


def ready() -> dict[str, External]:
    """Return the external solvers that are on this machine, by name."""
    return {name: one for name, one in externals().items() if one.available()}


def external(name: str) -> External:
    """Return the external solver of a name ``files:<program>`` or ``files:<command with braces>``.

    Raises
    ------
    SolverNotFound
        Unknown, or not on this machine.
    ProblemError
        A command that cannot be used.
    """
    known = externals()
    found = known.get(name.strip().lower())
    if found is None and not ("{" in name or len(name.split()) > 1):
        raise SolverNotFound(
            f"no solver {name!r}{near(name, known, 1)}; there are {', '.join(known)}, and {PREFIX}<a command with "
            "{model} and {solution}>"
        )
    found = found or External(Template(name.removeprefix(PREFIX)))
    if not found.available():
        raise not_found(found, name.split()[0], ", ".join(ready()) or "none")
    return found
