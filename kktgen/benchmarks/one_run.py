"""One run in a process of its own: started, watched, ended past its limit with all it has started; always a record.

The process is a new Python below a guard (:mod:`kktgen.solvers.isolation.lineage`), in a session of its own: it ends
with whoever called :func:`one_run`, a command that is killed or a worker of a cluster, within a second. Takes plain
values and returns plain values, so that any executor can carry it elsewhere.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import math
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

from ..solvers.isolation.group import Group
from ..solvers.isolation.parent import NO_ROOM
from .machine import machine, versions
from .verdict import verdict

SCHEMA = "kktgen.run/1"
CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.readline()); "
    "from kktgen.benchmarks import child; child.main()"
)
"""What the process runs: it imports from where this one does."""
SAYS = {"built": {"problem"}, "track": {"at", "value", "bound"}, "done": {"status"}}
"""Kinds of messages, and what each holds."""
TICK = 0.1
"""Seconds between two looks at the clock."""
LINES = 20
"""Lines of stderr that are kept where there is no answer."""
POINTS = 30
"""Most points of a track."""
SLACK = 0.05, 2.0
"""Share of the time limit, and seconds, that every run may be late before its grace begins."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Stop(Protocol):
    """Says whether a run is to stop, as :class:`threading.Event` does."""

    def is_set(self) -> bool:
        """Return whether it is to stop."""
        ...


class Stopped(Exception):
    """The run was to stop: there is no record of it."""


def one_run(job: Mapping[str, Any], stop: Stop | None = None) -> dict[str, Any]:
    """Make a run and return its record.

    Parameters
    ----------
    job : mapping
        A :class:`~kktgen.benchmarks.plan.Job` as plain data.
    stop : Stop, optional
        Such as a :class:`threading.Event`: set it to end the run without a record.

    Raises
    ------
    Stopped
        ``stop`` was set.
    """
    begun, load = datetime.datetime.now(datetime.UTC), os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    at = time.monotonic()
    try:
        answer = _attended(job, stop)
    except OSError as error:
        answer = {"status": "lost", "error": f"no process can be started: {error}"}
    return record(job, answer) | {
        "wall": round(time.monotonic() - at, 3), "began": begun.isoformat(timespec="seconds"), "load": load,
        "machine": machine(), "versions": {**versions(), "solver": job["solver_version"]},
    }  # fmt: skip


def record(job: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a run from what was asked and what came back, judged."""
    answer = dict(answer)
    known = {**answer.pop("known", {}), **job["known"]}
    out = {
        "schema": SCHEMA, "id": job["id"], "instance": job["instance"], "way": f"{job['encoding']} {job['solver']}",
        "encoding": job["encoding"], "solver": job["solver"], "seed": job["seed"],
        "limits": {"time": job["time_limit"], "memory": job["memory_limit"]},
        "status": "lost", "claim": None, "says": None, "ok": False, "value": None, "bound": None, "gap": None,
        "error": None, "known": known, "track": [], **answer,
    }  # fmt: skip
    return _finite({**out, "verdict": verdict(out)})


def _finite(value: Any) -> Any:
    """Return plain data without inf and nan, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class _Process(Group):
    """The process of a run, with threads that read what it says."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        pipe = subprocess.PIPE
        environment = {**os.environ, **ONE_THREAD, "PYTHONHASHSEED": "0"}
        super().__init__([sys.executable, "-c", CODE], stdin=pipe, stdout=pipe, stderr=pipe, env=environment)
        self.messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self.lines: deque[str] = deque(maxlen=LINES)
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._read, self._log)]
        for thread in self._threads:
            thread.start()
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has died, which its silence says as well
            self.process.stdin.write(f"{json.dumps(sys.path)}\n{json.dumps(dict(job))}\n".encode())
            self.process.stdin.flush()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            with contextlib.suppress(ValueError, RecursionError):  # a line cut short by the end, or not of the child
                message = json.loads(line)
                if isinstance(message, dict) and SAYS.get(str(message.get("kind")), {""}) <= set(message):
                    self.messages.put(message)
        self.messages.put(None)

    def _log(self) -> None:
        for line in self.process.stderr or ():
            self.lines.append(line.decode(errors="replace").rstrip("\n"))

    def end(self) -> int:
        """End it and all it has started; return its exit code, minus the number of a signal."""
        code = self.kill()
        for thread in self._threads:
            thread.join(5.0)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        return code


def _attended(job: Mapping[str, Any], stop: Stop | None) -> dict[str, Any]:
    """Start the process, listen to it, end it past its limit; return what is known of the run."""
    late = job["time_limit"] * (1.0 + SLACK[0]) + SLACK[1] + job["grace"]
    heard: dict[str, Any] = {}
    track: list[list[Any]] = []
    end, killed, last = time.monotonic() + job["build"], "", None
    process = _Process(job)
    try:
        while True:
            try:
                message = process.messages.get(timeout=TICK)
            except queue.Empty:
                message = {"kind": ""}
            if message is None:
                break
            kind = message.pop("kind")
            if kind == "built":
                heard |= message
                end = time.monotonic() + late
            elif kind == "track":
                track.append([message["at"], message["value"], message["bound"]])
            elif kind == "done":
                last = message
            if stop is not None and stop.is_set():
                raise Stopped
            if time.monotonic() > end:
                killed = _why_killed(job, "problem" in heard)
                break
    finally:
        code = process.end()
    heard["track"] = thinned(track)
    if last is not None:
        return {**heard, **last}
    return heard | _without_answer(code, killed, list(process.lines), job)


def _why_killed(job: Mapping[str, Any], built: bool) -> str:
    if not built:
        return f"building the problem took longer than {job['build']:g} s"
    return f"it did not end {job['grace']:g} s after its time limit of {job['time_limit']:g} s"


def _without_answer(code: int, killed: str, lines: list[str], job: Mapping[str, Any]) -> dict[str, Any]:
    """Return status and error of a process that gave no answer."""
    log = "\n".join(lines)
    if killed:
        return {"status": "killed", "error": killed}
    if NO_ROOM.search(log) or re.search(r"\bMemoryError\b", log):
        limit = "" if job["memory_limit"] is None else f" (limit {job['memory_limit']:g} GB)"
        return {"status": "memory", "error": f"out of memory{limit}"}
    if code < 0:
        word = signal.strsignal(-code) or "unknown signal"
        return {"status": "crashed", "error": f"signal {-code}: {word}; {lines[-1] if lines else 'no word'}"}
    return {"status": "crashed", "error": f"exit code {code}; {' | '.join(lines[-3:])}"}


def thinned(track: list[list[Any]]) -> list[list[Any]]:
    """Return at most ``POINTS`` points of a track, those at which the value changed first."""
    if len(track) <= POINTS:
        return track
    changed = [k for k in range(len(track)) if k == 0 or track[k][1] != track[k - 1][1]]
    keep = set(changed[-(POINTS - 2) :]) | {0, len(track) - 1}
    rest = [k for k in range(len(track)) if k not in keep]
    room = POINTS - len(keep)
    keep |= set(rest[:: max(1, -(-len(rest) // room))][:room]) if room > 0 else set()
    return [track[k] for k in sorted(keep)]
