"""The inside of a run's process: build the problem, solve it in a way, tell what was found.

The run comes as one line of JSON through stdin. Messages go out through stdout, a line of JSON each: ``built`` (the
problem's digest and sense, what its file knows of it), ``track`` (seconds, value, bound) as the solver goes on, and at
the end ``done``. What libraries print goes to stderr.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import numpy as np

from .. import catalog
from ..catalog.findings import Findings
from ..errors import KktgenError, SolverError
from ..formats import dumps
from ..formats.problems import is_table, read, suffix_of
from ..problem.bilevel import Bilevel
from ..progress import Progress
from ..solvers import solver_modules
from ..solvers.isolation.child import NO_MEMORY
from ..solvers.isolation.memory import limit_memory
from . import ways

TOLD = 0.5
"""Seconds between two values of the track that differ in the bound alone."""


class Channel:
    """Sends messages, and the track of value and bound since the solve began."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.begun = time.monotonic()
        self._last: tuple[Any, Any] = (None, None)
        self._at = -TOLD

    def send(self, kind: str, **content: Any) -> None:
        """Send a message."""
        self._file.write(json.dumps({"kind": kind, **content}, default=_plain) + "\n")
        self._file.flush()

    def __call__(self, info: Progress) -> None:
        """Take what a stage tells; the values of independent parts are not the problem's."""
        if info.stage == "solve":
            self.track(info.incumbent, info.bound)

    def stage(self, name: str, text: str) -> None:
        """Take what a stage says at its end: the start point has a value."""
        word = text.removeprefix("start point: objective ")
        if name == "start" and word != text:
            self.track(float(word), None)

    def track(self, value: float | None, bound: float | None) -> None:
        """Send value and bound, where they are news."""
        at = time.monotonic() - self.begun
        if (value, bound) != self._last and (value != self._last[0] or at >= self._at + TOLD):
            self._last, self._at = (value, bound), at
            self.send("track", at=round(at, 3), value=value, bound=bound)


def main() -> None:
    """Do the run whose description waits on stdin."""
    job = json.loads(sys.stdin.readline())
    channel = Channel(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    lift = None
    try:
        bilevel, module, parameters = _built(job)
        if job["memory_limit"] is not None:
            _load(job["solver"])
            lift = limit_memory(1000.0 * job["memory_limit"])
        channel.send(
            "built", problem=_digest(bilevel), sense="min" if bilevel.sense > 0 else "max",
            known=dict(bilevel.about.get("known", {})), parameters=parameters,
        )  # fmt: skip
        answer = _answer(job, bilevel, module, channel)
    except MemoryError:
        answer = {"status": "memory", "error": NO_MEMORY}
    except SolverError as error:
        answer = {"status": "failed", "error": str(error)}
    except KktgenError as error:
        answer = {"status": "refused", "error": str(error)}
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        answer = {"status": "failed", "error": f"{type(error).__name__}: {error}"}
    if lift is not None:
        lift()
    channel.send("done", **answer, **_used())


def _used() -> dict[str, Any]:
    """Return CPU seconds and MB of this process and of those it has started, where the system counts them."""
    try:
        import resource
    except ImportError:
        return {}
    own, below = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu = sum(used.ru_utime + used.ru_stime for used in (own, below))
    return {"cpu": round(cpu, 3), "rss_mb": max(own.ru_maxrss, below.ru_maxrss) // 1024}


def _built(job: Mapping[str, Any]) -> tuple[Bilevel, ModuleType | None, dict[str, Any]]:
    """Return the problem, the model's module and the parameters it was built with."""
    target = job["target"]
    if suffix_of(target) or is_table(target):
        return read(Path(target)), None, {}
    model, given = catalog.resolve(target)
    module = catalog.load_model(model)
    values = catalog.checked(module, {**given, **job["parameters"]})
    return catalog.call(module, values), module, values


def _load(solver: str) -> None:
    """Load a solver's library, which does not count as memory of the run."""
    module = solver_modules().get(solver)
    if module is not None:
        module.version()


def _digest(bilevel: Bilevel) -> str:
    """Return the digest of the problem as a file would hold it."""
    return "sha256:" + hashlib.sha256(dumps(bilevel, "bilevel.json").encode()).hexdigest()


def _answer(job: Mapping[str, Any], bilevel: Bilevel, module: ModuleType | None, channel: Channel) -> dict[str, Any]:
    """Return what a way found."""
    options = {**getattr(module, "OPTIONS", {}).get(job["solver"], {}), **ways.seed_options(job["solver"], job["seed"])}
    channel.begun = time.monotonic()
    outcome = ways.solved(
        job["encoding"], bilevel, job["solver"], job["time_limit"], channel, channel.stage, options
    )  # fmt: skip
    spent = time.monotonic() - channel.begun
    result, solution, report = outcome.result, outcome.result.solution, outcome.result.report
    value = report.value if report.ok else solution.objective
    fault = str((solution.raw or {}).get("error") or "")
    status = "memory" if solution.status == "error" and "memory" in fault.lower() else solution.status
    return {
        "status": status, "claim": report.claim, "says": outcome.says, "ok": report.ok, "value": value,
        "bound": solution.bound, "gap": report.gap, "start": result.start, "nodes": solution.nodes, "time": spent,
        "seconds": {stage: round(seconds, 4) for stage, seconds in result.seconds.items()},
        "solver_said": solution.solver, "reasons": list(report.reasons)[:6], "error": fault or None,
        "pairs": [[one.encoding, one.pairs, one.trust] for one in result.model.encodings],
        "report": _reported(module, result) if job["report"] else None,
    }  # fmt: skip


def _reported(module: ModuleType | None, result: Any) -> dict[str, float]:
    """Return the figures of the model's own report by name; none where it has none or it fails."""
    make = getattr(module, "report", None)
    if make is None or result.solution.z is None:
        return {}
    try:
        own = make(result)
    except (Exception, SystemExit):
        traceback.print_exc()
        return {}
    return figures(own) if isinstance(own, Findings) else {}


def figures(findings: Findings) -> dict[str, float]:
    """Return the numbers of the tables of a report by ``table: row, column``."""
    out = {}
    for table in findings.tables:
        for row in table.rows:
            for word, cell in zip(table.header[1:], row[1:], strict=True):
                try:
                    number = float(cell.strip().rstrip("%").replace(" ", ""))
                except ValueError:
                    continue
                if np.isfinite(number):
                    out[f"{table.title}: {row[0]}, {word}"] = number
    return out


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return value.tolist() if isinstance(value, np.ndarray) else str(value)
