"""The child's side of an isolated solve: take a job from the parent, run the solver, send what it finds.

The job comes pickled through stdin, which stays open: its end means that the parent has died, and takes the child with
it. Messages go pickled through stdout: ``begin`` as the solver begins, ``progress`` (nodes, incumbent, bound,
minimised), ``point`` (the best so far), and at the end one of ``answer`` (the fields of the solution), ``refused`` (an
error of the question, by its class) and ``failed`` (why). What the solver prints goes to stderr.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, fields
from io import BufferedWriter
from typing import Any

import numpy as np

from ...deadline import Deadline
from ...errors import KktgenError, SolverError
from ...model.model import Model
from ...model.solution import Solution
from ..driving.watch import Watch
from .memory import limit_memory

NO_MEMORY = "out of memory"
"""Why a solve failed, when it is that."""


@dataclass(frozen=True)
class SolveRequest:
    """What to solve, and how.

    Parameters
    ----------
    module : str
        Import name of the solver's module.
    model : Model
    start : list of ndarray (n,)
    deadline : Deadline
        Parent and child share its clock.
    memory_limit : float or None
        MB of address space beyond what the loaded model and solver take.
    options : dict
        All other arguments of the module's ``solve``.
    """

    module: str
    model: Model
    start: list[np.ndarray]
    deadline: Deadline
    memory_limit: float | None
    options: dict[str, Any]


class _Channel:
    """Sends messages, from any thread."""

    def __init__(self, file: BufferedWriter) -> None:
        self._file = file
        self._lock = threading.Lock()

    def send(self, kind: str, *content: Any) -> None:
        with self._lock:
            pickle.dump((kind, *content), self._file, protocol=5)
            self._file.flush()


def main() -> None:
    """Do the job that waits on stdin."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent in the background ignores it, and so would we
    channel = _Channel(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)
    job = pickle.load(sys.stdin.buffer)
    _follow_parent(os.dup(0))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    channel.send(*_outcome(job, channel))


def _follow_parent(pipe: int) -> None:
    """End this process and what it has started as soon as the parent has closed its end of the pipe."""

    def wait() -> None:
        os.read(pipe, 1)
        if hasattr(os, "killpg"):
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _outcome(job: SolveRequest, channel: _Channel) -> tuple[Any, ...]:
    """Return the last message."""
    lift = _no_limit
    try:
        module = importlib.import_module(job.module)
        module.version()  # loads its library
        if job.memory_limit is not None:
            lift = limit_memory(job.memory_limit)
        channel.send("begin")
        found = module.solve(
            job.model, start=job.start, progress=_watch(channel), verbose=True,
            time_limit=job.deadline.left(), **job.options,
        )  # fmt: skip
    except MemoryError:
        lift()
        return "failed", NO_MEMORY
    except KktgenError as error:
        lift()
        if not isinstance(error, SolverError):
            return "refused", type(error).__name__, str(error)
        return "failed", str(error)
    except (Exception, KeyboardInterrupt) as error:
        lift()
        traceback.print_exc()
        return "failed", str(error) or type(error).__name__
    lift()
    return "answer", {field.name: getattr(found, field.name) for field in fields(Solution) if field.name != "model"}


def _watch(channel: _Channel) -> Watch:
    """Return a watch that sends progress and points; the parent knows the sense."""

    def progress(info: Mapping[str, Any]) -> None:
        channel.send("progress", info["nodes"], info["incumbent"], info["bound"])

    return Watch(progress, keep=lambda z: channel.send("point", z))


def _no_limit() -> None:
    """Lift no limit."""
