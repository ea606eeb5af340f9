"""A Dask scheduler and its workers as processes of this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runs import wait_for

import kktgen as kg

ROOT = Path(kg.__file__).parents[1]


@dataclass
class Here:
    """A scheduler, its address, and its workers, each with a mark in its environment."""

    folder: Path
    scheduler: Any = None
    address: str = ""
    workers: list[Any] = field(default_factory=list)

    def start(self, *words: str, **environment: str) -> Any:
        """Start a part of dask."""
        own = {**os.environ, "PYTHONPATH": str(ROOT), "DASK_LOGGING__DISTRIBUTED": "critical", **environment}
        return subprocess.Popen(
            [sys.executable, "-m", *words], env=own, cwd=self.folder, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def worker(self, mark: str = "", **environment: str) -> Any:
        """Start a worker of one thread, without a nanny that would start it again."""
        words = ("distributed.cli.dask_worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
        self.workers.append(self.start(*words, KKTGEN_TEST_MARK=mark, **environment))
        return self.workers[-1]


@contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[Here]:
    """Yield a scheduler with workers; all are ended."""
    here, file = Here(folder), folder / "scheduler.json"
    words = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    here.scheduler = here.start("distributed.cli.dask_scheduler", *words)
    try:
        wait_for(lambda: file.is_file() and file.read_text().strip().endswith("}"), 60)
        here.address = json.loads(file.read_text())["address"]
        for k in range(workers):
            here.worker(f"WORKER{k}-{os.getpid()}")
        yield here
    finally:
        for process in (*here.workers, here.scheduler):
            process.kill()
            process.wait()
