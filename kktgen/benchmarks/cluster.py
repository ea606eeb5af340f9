"""The workers of a Dask cluster as an executor of runs: each starts the process of a run, with its limits, itself.

The scheduler gives the run of a worker that dies to another one; a run that has taken several workers with it (by
default more than three, the scheduler's ``allowed-failures``) is ``lost``. What a worker has finished comes back at
once, and nothing that came back is done again. A run that nobody waits for any longer, as its driver was interrupted
or killed, is ended on its worker.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, Executor, Future, InvalidStateError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from ..errors import SolverError, UnsupportedError
from .machine import versions
from .one_run import one_run

INSTALL = "pip install 'kktgen[cluster]'"
SECONDS = 20.0
"""How long the scheduler and its first worker are waited for."""
ALIKE = ("kktgen", "code", "highspy", "pyscipopt")
"""What must be the same on all workers and here."""

LOOK = 0.25
"""Seconds between two looks at the scheduler."""
SILENT = 10.0
"""Seconds after which a scheduler that answers nothing, as it is stopped or cut off, counts as gone."""
ASKED = 2.0
"""Seconds between two questions to the scheduler."""
LOGS = ("distributed", "distributed.client", "distributed.core", "distributed.comm", "tornado.application", "asyncio")
"""Whose log tells of a scheduler that is gone, at length; a sentence of ours says it."""


@dataclass(frozen=True, eq=False)
class Cluster:
    """What carries runs to the workers of a cluster.

    Parameters
    ----------
    executor : Executor
    workers : int
        Runs at the same time.
    alive : callable
        Whether the scheduler answers.
    """

    executor: Executor
    workers: int
    alive: Callable[[], bool]


class Watched(Executor):
    """The executor of a cluster, whose futures break as soon as the scheduler is gone: nobody waits for them longer.

    Parameters
    ----------
    cluster : Cluster
    gone : callable
        Called once when the scheduler is gone.
    """

    def __init__(self, cluster: Cluster, gone: Callable[[], Any]) -> None:
        self._cluster, self._gone = cluster, gone
        self._open: set[Future[Any]] = set()
        self._lock, self._ended, self._broken = threading.Lock(), threading.Event(), False
        threading.Thread(target=self._watch, daemon=True).start()

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Hand work over."""
        try:
            there = None if self._broken else self._cluster.executor.submit(work, *arguments, **named)
        except Exception as error:
            raise BrokenExecutor(f"the cluster takes no work: {error}") from error
        here: Future[Any] = Future()
        with self._lock:
            if there is None or self._broken:
                raise BrokenExecutor("the cluster's scheduler is gone")
            self._open.add(here)
        here.add_done_callback(lambda one: there.cancel() if one.cancelled() else None)
        there.add_done_callback(lambda one: self._came(here, one))
        return here

    def _came(self, here: Future[Any], there: Future[Any]) -> None:
        """Pass on what a worker gave."""
        with self._lock:
            self._open.discard(here)
        with suppress(InvalidStateError):  # taken back, or broken before
            error = BrokenExecutor("taken back by the cluster") if there.cancelled() else there.exception()
            here.set_result(there.result()) if error is None else here.set_exception(error)

    def _watch(self) -> None:
        while not self._ended.wait(LOOK):
            if not self._cluster.alive():
                with self._lock:
                    self._broken, left = True, list(self._open)
                    self._open.clear()
                self._gone()
                for one in left:
                    with suppress(InvalidStateError):
                        one.set_exception(BrokenExecutor("the cluster's scheduler is gone"))
                return

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Look no longer; the cluster is closed by who opened it."""
        self._ended.set()


class _Unwanted:
    """Set as soon as the scheduler has taken the task of this thread back from its worker."""

    def __init__(self) -> None:
        from distributed import get_worker

        self._tasks = get_worker().state.tasks
        self._key = get_worker().get_current_task()

    def is_set(self) -> bool:
        """Return whether the task is no longer wanted."""
        task = self._tasks.get(self._key)
        return task is None or task.state == "cancelled"


def on_worker(job: Mapping[str, Any]) -> dict[str, Any]:
    """Make a run on a worker, as long as somebody waits for it."""
    return one_run(job, _Unwanted())


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """Yield a cluster, by the address of its scheduler.

    Raises
    ------
    UnsupportedError
        Dask is not installed, or workers have other versions than this process.
    SolverError
        Nobody answers, or there are no workers.
    """
    try:
        import distributed
    except ImportError as error:
        raise UnsupportedError(f"--cluster needs dask, which cannot be imported ({error}): {INSTALL}") from None
    for name in LOGS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = distributed.Client(address, timeout=SECONDS, name="kktgen", set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise SolverError(f"no scheduler answers at {address}: {error}") from None
    try:
        try:
            client.wait_for_workers(1, timeout=SECONDS)
        except TimeoutError:
            raise SolverError(f"the scheduler at {address} has no workers: dask worker {address}") from None
        _check(client, address)
        workers = sum(client.nthreads().values())
        executor = client.get_executor(pure=False)
        yield Cluster(executor, workers, _Answers(client))
    finally:
        client.close(timeout=1)


class _Answers:
    """Whether the scheduler of a client answers: it is asked now and then, and waited for ``SILENT`` seconds."""

    def __init__(self, client: Any) -> None:
        self._client, self._asked, self._gone = client, time.monotonic(), False

    def __call__(self) -> bool:
        client = self._client
        if self._gone or client.status != "running":
            return False
        if time.monotonic() - self._asked >= ASKED:
            try:
                client.sync(client.scheduler.identity, callback_timeout=SILENT)
            except Exception:  # it is late, or the connection broke
                self._gone = True
            self._asked = time.monotonic()
        return not self._gone


def _check(client: Any, address: str) -> None:
    """Refuse workers that would run something else."""
    here = versions()
    try:
        there = client.run(versions)
    except Exception as error:
        raise UnsupportedError(f"a worker of {address} cannot run kktgen ({error}); install it there") from None
    for worker, found in sorted(there.items()):
        other = [
            f"{name} {found.get(name)} there, {here[name]} here" for name in ALIKE if found.get(name) != here[name]
        ]
        if other:
            raise UnsupportedError(
                f"worker {worker} has other versions: {'; '.join(other)}; install the same everywhere"
            )
