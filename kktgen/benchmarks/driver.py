"""Runs made one after the other or side by side, here or on a cluster; only the driver writes.

An executor is anything with ``submit(function, job)`` that gives a future: threads of this process, each of which
starts the process of one run, or the workers of a cluster (:mod:`kktgen.benchmarks.cluster`), which do the same there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ..errors import SolverError
from .journal import Journal
from .one_run import one_run, record
from .plan import Job
from .verdict import JUDGES, held_against

LOOK = 0.5
"""Seconds between two records of progress."""


@dataclass(frozen=True)
class State:
    """How far the runs are.

    Parameters
    ----------
    running, done, left : int
        ``left`` counts what has not ended.
    seconds : float
        Since the beginning.
    failed, wrong : int
    """

    running: int
    done: int
    left: int
    seconds: float
    failed: int = 0
    wrong: int = 0

    @property
    def remaining(self) -> float | None:
        """Seconds it will take, by the pace so far; None before the first run has ended."""
        return None if not self.done else self.seconds / self.done * self.left

    def __str__(self) -> str:
        words = [f"{self.running} running", f"{self.done} done", f"{self.left} left"]
        if self.remaining is not None:
            words.append(f"about {duration(self.remaining)} to go")
        words += [f"{n} {word}" for n, word in ((self.wrong, "wrong"), (self.failed, "failed")) if n]
        return ", ".join(words)


def duration(seconds: float) -> str:
    """Return a time in words: ``42 s``, ``7 min``, ``3.5 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def wanted(jobs: Sequence[Job], journal: Journal, retry: bool = False) -> list[Job]:
    """Return the runs that have no record yet; with ``retry`` those that failed as well."""
    done = {name for name, one in journal.records.items() if not (retry and one["verdict"] == "failed")}
    return [job for job in jobs if job.id not in done]


def judged_anew(jobs: Iterable[Job], journal: Journal) -> int:
    """Write again the records of runs of whose instances something else is known now; return how many there are."""
    count = 0
    for job in jobs:
        was = journal.records.get(job.id)
        if was is None or not job.known:
            continue
        known = {key: value for key, value in was["known"].items() if key not in JUDGES} | job.known
        if known != was["known"]:
            journal.add(held_against(was, known))
            count += 1
    return count


@contextmanager
def threads(count: int) -> Any:
    """Yield what submits runs to threads of this process; what is at work is ended on the way out."""
    stop = threading.Event()
    pool = ThreadPoolExecutor(count)
    try:
        yield lambda job: pool.submit(partial(one_run, stop=stop), job)
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


@contextmanager
def elsewhere(executor: Executor, run: Callable[[Mapping[str, Any]], dict[str, Any]] = one_run) -> Any:
    """Yield what submits runs to an executor; what is not done is taken back on the way out.

    Parameters
    ----------
    executor : Executor
    run : callable
        What makes a run there.
    """
    futures: list[Future[Any]] = []

    def submit(job: Mapping[str, Any]) -> Future[Any]:
        futures.append(executor.submit(run, job))
        return futures[-1]

    try:
        yield submit
    finally:
        for future in futures:
            future.cancel()


def drive(
    jobs: Sequence[Job], journal: Journal, submit: Callable[[Mapping[str, Any]], Future[Any]], workers: int,
    told: Callable[[State, dict[str, Any] | None], Any] = lambda state, record: None,
    alive: Callable[[], bool] = lambda: True,
) -> None:  # fmt: skip
    """Make runs and write their records as they come.

    Parameters
    ----------
    jobs : sequence of Job
        Without a record so far.
    journal : Journal
    submit : callable
        From :func:`threads` or :func:`elsewhere`.
    workers : int
        Runs at the same time.
    told : callable
        Gets the state twice a second, and with every record.
    alive : callable
        Whether what carries the runs is still there.

    Raises
    ------
    SolverError
        What carries the runs is gone. The records written stay.
    """
    begun = time.monotonic()
    futures = {submit(job.to_dict()): job for job in jobs}
    state = State(0, 0, len(futures), 0.0)
    pending = set(futures)
    while pending:
        ended, pending = wait(pending, timeout=LOOK, return_when=FIRST_COMPLETED)
        for future in ended:
            one = _record(future, futures[future], alive)
            if one is None:
                raise SolverError(_gone(state.left))
            journal.add(one)
            failed, wrong = state.failed + (one["verdict"] == "failed"), state.wrong + (one["verdict"] == "wrong")
            state = replace(state, done=state.done + 1, left=state.left - 1, failed=failed, wrong=wrong)
            told(_now(state, workers, begun), one)
        if pending and not ended and not alive():
            raise SolverError(_gone(len(pending)))
        told(_now(state, workers, begun), None)


def _now(state: State, workers: int, begun: float) -> State:
    return replace(state, running=min(workers, state.left), seconds=time.monotonic() - begun)


def _record(future: Future[Any], job: Job, alive: Callable[[], bool]) -> dict[str, Any] | None:
    """Return the record of a run that has ended; None where nobody is there to make it any longer."""
    try:
        out: dict[str, Any] = future.result()
        return out
    except CancelledError:
        return None
    except Exception as error:
        if not alive():
            return None
        answer = {"status": "lost", "error": f"{type(error).__name__}: {error}"[:500]}
        return {**record(job.to_dict(), answer), "wall": None, "began": "", "load": None, "machine": {}, "versions": {}}


def _gone(left: int) -> str:
    return (
        f"the cluster's scheduler is gone, {left} runs have no record; what is written stays: start the same command "
        "again once it is back"
    )
