"""What an external solver is asked, and what it answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...formats.solutions import Stated, read_stated
from ...model.model import Model


@dataclass(frozen=True, eq=False)
class Task:
    """A model on disk for an external solver.

    Parameters
    ----------
    program : tuple of str
        The first words of the command.
    content : Model
    model, solution : Path
        Files it reads and writes.
    start : Path or None
        File with a point to begin with.
    time_limit, gap : float or None
    threads : int
    options : mapping
        The solver's own parameters.
    """

    program: tuple[str, ...]
    content: Model
    model: Path
    solution: Path
    start: Path | None = None
    time_limit: float | None = None
    gap: float | None = None
    threads: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)

    def beside(self, name: str) -> Path:
        """Return the path of a further file, in the folder of the model."""
        return self.model.with_name(name)

    def read(self) -> tuple[Stated, np.ndarray | None]:
        """Return what the solution file states, and its point; nothing where there is no file."""
        if not self.solution.is_file():
            return Stated(), None
        return read_stated(self.solution, self.content)

    def flags(self, dash: str) -> list[str]:
        """Return the options as words ``<dash>name value``; of an option that is True, its name alone."""
        words: list[str] = []
        for name, value in self.options.items():
            words += [f"{dash}{name}"] if value is True else [f"{dash}{name}", str(value)]
        return words


@dataclass(frozen=True, eq=False)
class Reply:
    """What an external solver answers.

    Parameters
    ----------
    status : str or None
        Of :data:`kktgen.model.solution.STATUSES`; None where its answer cannot be told.
    word : str
        Its own word.
    z : ndarray (n,) or None
    bound : float or None
        On the minimised objective.
    """

    status: str | None
    word: str
    z: np.ndarray | None = None
    bound: float | None = None


def last(pattern: str, log: str) -> str | None:
    """Return the first group of the last match of a pattern, line by line, in a log; None where there is none."""
    found = re.findall(pattern, log, re.MULTILINE)
    return str(found[-1]) if found else None


def number(text: str | None) -> float | None:
    """Return a number of a log, None where it is none or stands for infinity."""
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if abs(value) < 1e20 else None
