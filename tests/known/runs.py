"""Records of runs, and model files that misbehave in them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kktgen.benchmarks.plan import Job, plan
from kktgen.benchmarks.sets import Entry
from kktgen.benchmarks.verdict import verdict

HANGING = '''
"""A model whose report never comes, and leaves a process of its own behind."""

import pathlib
import subprocess
import sys
import time

import kktgen as kg


def build(folder: str = ".", spare: int = 0):
    m = kg.Bilevel("hanging")
    x = m.var("x", lb=0, ub=8)
    lower = m.follower("lower")
    y = lower.var("y", lb=0)
    lower.minimize(y)
    lower.add(y >= x)
    m.maximize(x - 0.5 * y)
    return m


def report(result):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    pathlib.Path("{folder}", "pid").write_text(str(child.pid))
    time.sleep(600)
'''
"""The source of the model file; ``{folder}`` is to be replaced."""


def jobs(path: Path, limit: float = 30.0, seeds: tuple[int, ...] = (0,), **more: Any) -> list[Job]:
    """Return the runs of a model file by ``auto`` and SCIP."""
    return [
        Job(**{**job.to_dict(), **more})
        for job in plan([Entry("own/model", str(path))], [("auto", "scip")], seeds, limit)
    ]


def living(pid: int) -> bool:
    """Return whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Return what a condition gives once that is true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)
    return found


def marked(mark: str) -> list[int]:
    """Return the processes of this machine whose environment holds a text."""
    out = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and mark.encode() in Path(f"/proc/{name}/environ").read_bytes() and living(int(name)):
                out.append(int(name))
        except OSError:
            continue
    return out


def record(instance: str = "a/1", way: str = "auto scip", seed: int = 0, **fields: Any) -> dict[str, Any]:
    """Return a record of a minimisation that ended optimal at 10 after a second of ten, but for some fields."""
    encoding, _, solver = way.partition(" ")
    out = {
        "schema": "kktgen.run/1", "id": f"{instance}-{way}-{seed}", "instance": instance, "way": way,
        "encoding": encoding, "solver": solver, "seed": seed, "limits": {"time": 10.0, "memory": None}, "sense": "min",
        "status": "optimal", "claim": "optimal", "says": "optimal", "ok": True, "value": 10.0, "bound": 10.0,
        "gap": 0.0, "time": 1.0, "track": [], "error": None, "known": {"objective": 10.0, "claim": "optimal"},
        "problem": "sha256:1", "machine": {}, "versions": {}, "began": "2026-01-01T00:00:00+00:00", **fields,
    }  # fmt: skip
    return {"verdict": verdict(out), **out}


def unsolved(instance: str = "a/1", way: str = "auto scip", seed: int = 0, **fields: Any) -> dict[str, Any]:
    """Return a record that ended at its limit with the value 12 and the bound 9."""
    given = {"status": "time_limit", "claim": "bilevel-feasible", "says": "bilevel-feasible", "value": 12.0,
             "bound": 9.0, "time": 10.0}  # fmt: skip
    return record(instance, way, seed, **{**given, **fields})
