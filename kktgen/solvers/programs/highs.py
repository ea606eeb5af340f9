"""HiGHS's program, or highspy in its place: mixed-integer LPs, and convex QPs whose optimum is checked.

Where there is no program ``highs``, a few lines of Python take the same arguments, see :mod:`.stand_in_highs`.

Reference: Huangfu & Hall, Parallelizing the dual revised simplex method, Math. Prog. Comp. 10 (2018),
https://ergo-code.github.io/HiGHS/dev/interfaces/cpp/executable/
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from ...model.model import Model
from ..highs import version as library_version
from .duality import dual_value
from .task import Reply, Task, last, number

TITLE = "HiGHS"
PROGRAMS = ("highs",)
VERSION = ("--version",), r"HiGHS version (\d[\d.]*)"
stand_in_version = library_version
STAND_IN = "highspy"
INSTALL = "https://highs.dev, or pip install highspy, which stands in for the program"
FORM = "mps"
FEATURES = frozenset({"int", "qobj"})
TOL = 1e-6
START = "highs"
REFUSED = r"^ERROR:.*[Oo]ption.*"


def stand_in() -> tuple[str, ...]:
    """Return the command that stands in for the program."""
    if importlib.util.find_spec(STAND_IN) is None:
        return ()
    return sys.executable, "-P", str(Path(__file__).with_name("stand_in_highs.py"))


def refusal(model: Model) -> str:
    """Return in words what it does not take together, empty where it takes the model."""
    if {"int", "qobj"} <= model.features:
        return "integers together with a quadratic objective through files; use 'highs' or 'scip'"
    return ""


def command(task: Task) -> list[str]:
    """Return the command: the parameters go in a file of options."""
    settings = dict(task.options)
    if task.time_limit is not None:
        settings.setdefault("time_limit", task.time_limit)
    if task.gap is not None:
        settings.setdefault("mip_rel_gap", task.gap)
    settings.setdefault("threads", task.threads)
    path = task.beside("options.txt")
    path.write_text("".join(f"{name} = {_text(value)}\n" for name, value in settings.items()))
    words = [*task.program, "--options_file", path.name, "--solution_file", task.solution.name]
    return [*words, *(["--read_solution_file", task.start.name] if task.start else []), task.model.name]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def outcome(task: Task, log: str) -> Reply:
    """Return what it found.

    Raises
    ------
    SolverError
        It calls a point of a QP optimal that is not.
    """
    stated, z = task.read()
    bound = None
    if "int" in task.content.features:
        bound = number(last(r"^ *Dual bound +(\S+)", log))
    elif stated.status == "optimal" and z is not None:
        quadratic = "qobj" in task.content.features
        bound = dual_value(task, z) if quadratic else task.content.objective.value(z)
    if stated.status not in ("optimal", "time_limit"):
        return Reply(stated.status, stated.word)
    return Reply(stated.status, stated.word, z, bound)
