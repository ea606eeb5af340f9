"""Run a solver in a process of its own: its crash, its hang, its hunger for memory cost one solve and nothing else.

The child is a new Python (a fork would inherit locks that threads of other libraries hold), fed through pipes, without
files. It sends its progress and every new best point, so that these survive it.
"""

from __future__ import annotations

import copy
import os
import re
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ... import errors
from ...deadline import Deadline
from ...errors import UnsupportedError
from ...model.model import Model
from ...model.solution import Solution
from ..driving.checks import INTERRUPTED, answer
from ..driving.watch import Watch
from .child import NO_MEMORY, SolveRequest
from .lineage import KILL
from .process import Child, Interrupts

MARGIN, GRACE = 0.5, 0.5
"""Seconds of patience after the time limit, before the solver is interrupted; from then until it is killed."""
SHARE = 0.025
"""Share of the time limit by which the first patience is longer."""
OWN_SHARE = 0.8
"""Share of the memory limit at which a solver that can watch its own memory is to stop by itself."""
NO_ROOM = re.compile(
    "bad_alloc|cannot allocate memory|out of memory|insufficient memory|memory allocation .*failed", re.IGNORECASE
)
"""What libraries say before they end for want of memory."""


def isolated(
    module: Any, model: Model, *, memory_limit: float | None, time_limit: float | None, verbose: bool,
    start: Sequence[np.ndarray], progress: Watch, **options: Any,
) -> Solution:  # fmt: skip
    """Solve a model as the module's own ``solve`` does, in a child process.

    Parameters
    ----------
    module : module
        The solver's module; the child imports it by name.
    model : Model
    memory_limit : float, optional
        MB the solver may take beyond the loaded model.
    time_limit : float, optional
        Seconds from now on, the start of the child (about half a second) included.
    verbose : bool
        Show the solver's log.
    start : sequence of ndarray (n,)
    progress : Watch
    **options
        As of :func:`kktgen.solve`.

    Returns
    -------
    Solution
        Where the child did not answer: status ``error``, or ``time_limit`` after the time limit or Ctrl-C, with the
        best point and bound it told; ``raw["error"]`` says why, ``raw["log"]`` holds the last lines of the log.

    Raises
    ------
    KktgenError
        Of the solver's module, when the question was wrong; :class:`UnsupportedError` for a memory limit that this
        system cannot hold, :class:`SolverError` when no process can be started.
    """
    begun = time.perf_counter()
    if memory_limit is not None:
        if not os.path.exists("/proc/self/statm"):
            raise UnsupportedError("solve: memory_limit needs Linux, whose limits on the size of a process hold")
        if hasattr(module, "MEMORY"):
            options.setdefault(module.MEMORY, OWN_SHARE * memory_limit)
    deadline = Deadline(time_limit)
    job = SolveRequest(module.__name__, _slim(model), list(start), deadline, memory_limit, options)
    title = f"{module.TITLE} {module.version()}"
    with Child(verbose) as child, Interrupts(child) as interrupts:
        child.give(job)
        heard = _attend(child, progress, interrupts, deadline)
        child.end()
    kind, *content = heard.last
    if kind == "refused":
        raise getattr(errors, content[0], errors.KktgenError)(content[1])
    if kind == "answer" and content[0]["status"] != "error":
        return Solution(**{**content[0], "seconds": time.perf_counter() - begun}, model=model)
    said = content[0]["raw"] if kind == "answer" else {}
    why = _why(child, heard, title, time_limit, memory_limit)
    status = "time_limit" if heard.stopped in ("time", "interrupt") else "error"
    raw = {"status": INTERRUPTED if heard.stopped == "interrupt" else status, **said, "error": why, "log": child.log}
    kept = answer(model, "time_limit", heard.point, heard.bound, begun, title, heard.nodes, raw)
    return replace(kept, status=status)


def _slim(model: Model) -> Model:
    """Return the model without what no solver reads, with what it has computed so far."""
    out = copy.copy(model)
    out.__dict__.update(kkt=None, notes=(), encodings=(), lifts=())
    return out


@dataclass
class _Heard:
    """What a child told, and why it was stopped: ``time``, ``interrupt``, ``progress``, or empty."""

    point: np.ndarray | None = None
    bound: float | None = None
    nodes: int | None = None
    last: tuple[Any, ...] = ("nothing",)
    stopped: str = ""


def _attend(child: Child, watch: Watch, interrupts: Interrupts, deadline: Deadline) -> _Heard:
    """Listen to a child until it has answered or died; interrupt it, then kill it where it does not end in time.

    Parameters
    ----------
    child : Child
    watch : Watch
        Told of the progress.
    interrupts : Interrupts
    deadline : Deadline
        The solver's own; it may take a little longer.
    """
    heard, passed_on = _Heard(), 0
    left = deadline.left()
    last = Deadline(None if left is None else left + MARGIN + SHARE * deadline.limit)
    while True:
        kind, *content = message = child.hear()
        if kind == "progress":
            heard.nodes, incumbent, heard.bound = content
            if watch.active and not watch.tell(heard.nodes, _number(incumbent, np.inf), _number(heard.bound, -np.inf)):
                heard.stopped = "progress"
                return heard
        elif kind == "point":
            heard.point = content[0]
        elif kind not in ("begin", ""):
            heard.last = message
            return heard
        if interrupts.count > passed_on:
            passed_on, heard.stopped = interrupts.count, "interrupt"
            if passed_on > 1:
                return heard
            child.interrupt()
        if last.over:
            if heard.stopped == "time":
                return heard
            heard.stopped, last = "time", Deadline(GRACE)
            child.interrupt()


def _number(value: float | None, nothing: float) -> float:
    return nothing if value is None else value


def _why(child: Child, heard: _Heard, title: str, time_limit: float | None, memory_limit: float | None) -> str:
    """Return in a sentence why there is no answer."""
    if heard.stopped == "time":
        return f"{title} did not end at its time limit of {time_limit:g} s and was stopped"
    if heard.stopped:
        return f"{title} was stopped by {'Ctrl-C' if heard.stopped == 'interrupt' else 'the progress function'}"
    kind, *content = heard.last
    limit = "" if memory_limit is None else f" (memory_limit is {memory_limit:g} MB)"
    if content == [NO_MEMORY] or NO_ROOM.search(child.log):
        return f"{title} ran out of memory{limit}"
    if kind == "answer":
        return f"{title} ended without an answer: {content[0]['raw'].get('status', 'error')}"
    if kind == "failed":
        return f"{title} failed: {content[0]}"
    code = child.code
    if code is None or code >= 0:
        return f"{title} ended its process without an answer (exit code {code})"
    word = signal.strsignal(-code) or "unknown signal"
    hint = f"out of memory?{limit}" if code == -KILL else "a fault in its library"
    return f"{title} died (signal {-code}: {word}, {hint})"
