"""Where a run was made: the machine, how fast it is, and the versions of what ran."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

PACKAGES = ("kktgen", "numpy", "scipy", "highspy", "pyscipopt", "clarabel")
"""Whose versions a record holds."""
TIMES = 3
"""How often the fixed computation is made; the fastest counts."""


@cache
def machine() -> dict[str, Any]:
    """Return what is told of this machine: no name of it, but a short digest that tells two apart."""
    return {
        "host": hashlib.sha256(platform.node().encode()).hexdigest()[:8], "cpu": _cpu(), "cores": os.cpu_count(),
        "os": f"{platform.system()} {platform.release()}", "python": platform.python_version(),
        "calibration": round(calibration(), 4),
    }  # fmt: skip


@cache
def versions() -> dict[str, str]:
    """Return the versions of kktgen and of the libraries it rests on, and a digest of kktgen's own code."""
    out = {}
    for name in PACKAGES:
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            out[name] = "not installed"
    return {**out, "code": _code()}


def calibration() -> float:
    """Return the CPU seconds of a fixed computation, by which machines can be compared roughly."""
    best = np.inf
    for _ in range(TIMES):
        begun = time.thread_time()
        rng = np.random.default_rng(0)
        draws = rng.random(100_000)
        order = np.argsort(draws, kind="stable")
        table = {int(k): float(v) for k, v in zip(order, draws, strict=True)}
        total = 0.0
        for k in range(0, 100_000, 2):
            total += table[k] * k
        best = min(best, time.thread_time() - begun)
    return float(best)


def _code() -> str:
    """Return a digest of the package's source: two states of one version are told apart."""
    root, digest = Path(__file__).resolve().parents[1], hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        if not {"_models", "_instances"} & set(path.relative_to(root).parts):
            digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
