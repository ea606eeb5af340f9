"""A solver that is a program: the model goes out as a file, the answer comes back as one."""

from __future__ import annotations

import math
import re
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ... import formats
from ...deadline import Deadline
from ...errors import FormatError, ProblemError, SolverError, SolverNotFound, UnsupportedError
from ...formats.solutions import write_point
from ...model.model import Model
from ...model.solution import Solution
from ..driving.checks import INTERRUPTED, answer, violation
from ..driving.watch import Watch
from .running import PATIENCE, Ended, run
from .task import Reply, Task, last

MARGIN = 1.0, 0.025
"""Seconds, and share of the time limit, that a program told of its limit may take longer."""


class External:
    """An external solver with the manners of a solver module.

    Parameters
    ----------
    record : module or object
        What is particular to the program; see :mod:`kktgen.solvers.programs`.
    """

    def __init__(self, record: Any) -> None:
        self.record = record
        self.TITLE: str = record.TITLE
        self.INSTALL: str = record.INSTALL
        self.FEATURES: frozenset[str] = record.FEATURES
        self.TOL: float = record.TOL

    def available(self) -> bool:
        """Return whether the program is on this machine."""
        return bool(self.program())

    def program(self) -> tuple[str, ...]:
        """Return the first words of its command, none where it is not on this machine."""
        for name in self.record.PROGRAMS:
            path = shutil.which(name)
            if path is not None:
                return (path,)
        return tuple(getattr(self.record, "stand_in", tuple)())

    def version(self) -> str:
        """Return its version, e.g. ``2.10.8 (files)``."""
        program = self.program()
        asked = getattr(self.record, "VERSION", None)
        if asked is None:
            return "(files)"
        if len(program) > 1:
            return f"{self.record.stand_in_version()} (files, {self.record.STAND_IN})"
        return f"{answered_version((*program, *asked[0]), asked[1])} (files)"

    def solve(
        self, model: Model, *, time_limit: float | None = None, gap: float | None = None, threads: int = 1,
        verbose: bool = False, start: Sequence[np.ndarray] = (), progress: Watch | None = None, **options: Any,
    ) -> Solution:  # fmt: skip
        """Solve a model; see :func:`kktgen.solve`."""
        started, deadline, title = time.perf_counter(), Deadline(time_limit), f"{self.TITLE} {self.version()}"
        self.check(model)
        with tempfile.TemporaryDirectory(prefix="kktgen-", ignore_cleanup_errors=True) as name:
            task = self._written(Path(name), model, start, None if gap is None else float(gap), threads, options)
            left = deadline.left()
            if left == 0.0:
                return answer(model, "time_limit", None, None, started, title, raw={"status": "no time to start it"})
            task = replace(task, time_limit=left)
            own = getattr(self.record, "TOLD", True)
            margin = 0.0 if left is None or not own else MARGIN[0] + MARGIN[1] * left
            folder = Path(name) if getattr(self.record, "OWN_FOLDER", True) else None
            ended = run(self.record.command(task), folder, left, margin, verbose, progress or Watch(None))
            _check_options(self.TITLE, self.record, task.options, ended)
            found = _outcome(self.record, task, ended, title)
        raw: dict[str, Any] = {"status": found.word}
        if ended.stopped == "interrupt":
            raw = {"status": INTERRUPTED, "said": found.word}
        elif ended.stopped:
            raw = {"status": f"{found.word or 'no answer'}, stopped from outside"}
        assert found.status is not None
        return answer(model, found.status, found.z, found.bound, started, title, None, raw)

    def check(self, model: Model) -> None:
        """Refuse what the program is known not to take, although its features do not tell."""
        why = self.record.refusal(model) if hasattr(self.record, "refusal") else ""
        if why:
            raise UnsupportedError(f"{self.TITLE} cannot solve {why} (model {model.name!r})")

    def isolated(self, model: Model, *, memory_limit: float | None = None, **arguments: Any) -> Solution:
        """Solve a model: in a process of its own it is anyway; what else fails is the status ``error``."""
        if memory_limit is not None:
            raise UnsupportedError(
                f"solve: {self.TITLE} through files has no memory_limit; give it an option of its own"
            )
        started = time.perf_counter()
        try:
            return self.solve(model, **arguments)
        except SolverError as error:
            title = f"{self.TITLE} {self.version()}"
            return answer(model, "error", None, None, started, title, None, {"status": "error", "error": str(error)})

    def _written(
        self, folder: Path, model: Model, start: Sequence[np.ndarray], gap: float | None, threads: int,
        options: Mapping[str, Any],
    ) -> Task:  # fmt: skip
        """Return the task, its files written."""
        form, dialect = self.record.FORM, self.record.START
        path = formats.write(replace(model, cutoff=None), folder / f"model.{form}")  # its boxes are meant for this run
        point = _point(model, start, self.TOL, complete=dialect == "highs") if dialect else None
        begin = None
        if point is not None:
            begin = write_point(model, point, folder / f"start{getattr(self.record, 'START_SUFFIX', '.sol')}", dialect)
            if hasattr(self.record, "extend_start"):
                self.record.extend_start(model, point, begin)
        solution = folder / f"solution{getattr(self.record, 'SOLUTION', '.sol')}"
        return Task(self.program(), model, path, solution, begin, None, gap, threads, options)


@cache
def answered_version(command: tuple[str, ...], pattern: str) -> str:
    """Return what a program says of its version."""
    with tempfile.TemporaryDirectory(prefix="kktgen-", ignore_cleanup_errors=True) as folder:
        try:
            ended = run(command, Path(folder), PATIENCE, 0.0, False, Watch(None))
        except SolverError:
            return "of unknown version"
    if ended.stopped == "interrupt":  # meant for more than this
        raise KeyboardInterrupt
    return last(pattern, ended.log) or "of unknown version"


def _point(model: Model, points: Sequence[np.ndarray], tol: float, complete: bool) -> np.ndarray | None:
    """Return the best point that is complete and feasible, else the first that may be given."""
    whole = [z for z in points if not np.isnan(z).any()]
    feasible = [z for z in whole if violation(model, z) <= tol]
    if feasible:
        return min(feasible, key=model.objective.value)
    return next(iter(whole if complete else points), None)


def _check_options(title: str, record: Any, options: Mapping[str, Any], ended: Ended) -> None:
    """Refuse an option that the program says it does not take."""
    for line in re.findall(record.REFUSED, ended.log, re.MULTILINE) if options and record.REFUSED else ():
        for name, value in options.items():
            if name in line or str(value) in line:
                raise ProblemError(f"{title} refuses its option {name!r} = {value!r}: {line.strip()}")


def _outcome(record: Any, task: Task, ended: Ended, title: str) -> Reply:
    """Return what the program found.

    Raises
    ------
    SolverError
        It crashed, or its answer cannot be told or read.
    """
    if ended.code and not ended.stopped:
        raise SolverError(f"{title} {ended.how()} on model {task.content.name!r}; its last lines:{ended.tail()}")
    try:
        found: Reply = record.outcome(task, ended.log)
        trouble = f"gave no answer on model {task.content.name!r}"
    except FormatError as error:
        found, trouble = Reply(None, ""), f"wrote a solution file that cannot be read: {error}"
    if ended.stopped and (ended.code or found.status is None):
        return replace(found, status="time_limit")
    if found.status is None:
        raise SolverError(f"{title} {trouble}; its last lines:{ended.tail()}")
    return found


def whole_seconds(time_limit: float) -> int:
    """Return a time limit in whole seconds, at least 1."""
    return max(1, math.ceil(time_limit))


def not_found(external: External, name: str, ready: str) -> SolverNotFound:
    """Return the error for a program that is not on this machine."""
    programs = " or ".join(repr(one) for one in external.record.PROGRAMS)
    return SolverNotFound(f"{name}: no program {programs} on PATH ({external.INSTALL}); installed: {ready}")
