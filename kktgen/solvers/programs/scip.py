"""SCIP's program, or PySCIPOpt in its place: everything an encoded model may hold.

Where there is no program ``scip``, a few lines of Python obey the same commands, see :mod:`.stand_in_scip`.

Reference: Bolusani et al., The SCIP Optimization Suite 9.0, 2024, https://www.scipopt.org/doc/html/SHELL.php
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np

from ...formats.cip import added_values
from ...formats.solutions.scip import STATUS
from ...model.model import FEATURES as ALL
from ...model.model import Model
from ..scip import version as library_version
from .task import Reply, Task, last, number

TITLE = "SCIP"
PROGRAMS = ("scip",)
VERSION = ("--version",), r"^SCIP version (\S+)"
stand_in_version = library_version
STAND_IN = "pyscipopt"
INSTALL = "https://www.scipopt.org, or pip install pyscipopt, which stands in for the program"
FORM = "cip"
FEATURES = frozenset(ALL) - {"pairs"}
TOL = 1e-6
START = "scip"
REFUSED = r"unknown parameter.*|invalid parameter value.*"


def stand_in() -> tuple[str, ...]:
    """Return the command that stands in for the program."""
    if importlib.util.find_spec(STAND_IN) is None:
        return ()
    return sys.executable, "-P", str(Path(__file__).with_name("stand_in_scip.py"))


def extend_start(model: Model, z: np.ndarray, path: Path) -> None:
    """Add to a start the columns that only the file has: slacks of indicators, the epigraph of the objective."""
    names, values = added_values(model, z)
    with open(path, "a", encoding="ascii") as file:
        for name, value in zip(names.tolist(), values.tolist(), strict=True):
            file.write(f"{name.decode()} {'unknown' if np.isnan(value) else repr(value)}\n")


def command(task: Task) -> list[str]:
    """Return the command: the parameters go in a file of settings."""
    settings = dict(task.options)
    if task.time_limit is not None:
        settings.setdefault("limits/time", task.time_limit)
    if task.gap is not None:
        settings.setdefault("limits/gap", task.gap)
    settings.setdefault("parallel/maxnthreads", task.threads)
    path = task.beside("settings.set")
    path.write_text("".join(f"{name} = {_text(value)}\n" for name, value in settings.items()))
    lines = ["read model.cip", *(["read start.sol"] if task.start else []), "optimize", "write solution solution.sol"]
    words = [*task.program, "-s", path.name]
    for line in [*lines, "quit"]:
        words += ["-c", line]
    return words


def _text(value: object) -> str:
    return str(value).upper() if isinstance(value, bool) else str(value)


def outcome(task: Task, log: str) -> Reply:
    """Return what it found."""
    word = last(r"^SCIP Status +:.*\[(.*)\]", log) or ""
    status = STATUS.get(word)
    if word == "gap limit reached" and task.gap is not None:
        status = "optimal"
    _, z = task.read()
    return Reply(status, word, z, number(last(r"^Dual Bound +: *(\S+)", log)))
