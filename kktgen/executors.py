"""Work handed to an executor: a pool of processes or threads, ``client.get_executor()`` of Dask.

A worker that dies costs time and nothing else: its work is done here. Every kind of executor has words of its own for
that (a broken pool, a killed worker, a cancelled future), so that any error but ours is taken for it; one that the work
itself raises comes out here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from concurrent.futures import TimeoutError as Late
from functools import partial
from typing import TypeVar

from .deadline import Deadline
from .errors import KktgenError, ProblemError

PATIENCE = 1.0
"""Seconds that work in other processes has to be handed over when the time is over."""

J = TypeVar("J")
R = TypeVar("R")
S = TypeVar("S")


def each(
    work: Callable[[J, Deadline], R], jobs: Iterable[J], executor: Executor | None, deadline: Deadline
) -> Iterator[R | None]:
    """Yield what the work gives of every job, in order; None of those that time ran out for.

    Parameters
    ----------
    work : callable
        Of a job and a deadline; it must be known to the workers, such as a function of a module.
    jobs : iterable
        Made one by one where there is no executor.
    executor : concurrent.futures.Executor or None
    deadline : Deadline

    Raises
    ------
    ProblemError
        The executor takes no work.
    KktgenError
        Of the work.
    """
    if executor is None:
        for job in jobs:
            yield _in_time(work, job, deadline)
        return
    waiting = list(jobs)
    futures = [handed(executor, work, job, deadline) for job in waiting]
    left = deadline.left()
    end = Deadline(None if left is None else left + PATIENCE)  # of all jobs together
    try:
        for job, future in zip(waiting, futures, strict=True):
            try:
                yield answer(future, end.left(), partial(_in_time, work, job, deadline))
            except Late:
                yield None
    finally:
        for future in futures:
            future.cancel()


def _in_time(work: Callable[[J, Deadline], R], job: J, deadline: Deadline) -> R | None:
    """Return what the work gives of a job, None where time is over."""
    return None if deadline.over else work(job, deadline)


def handed(executor: Executor, work: Callable[..., R], *arguments: object) -> Future[R]:
    """Return the future of work that is handed over; a broken one where the workers are dead.

    Raises
    ------
    ProblemError
        The executor takes no work: it is shut down.
    """
    try:
        return executor.submit(work, *arguments)
    except BrokenExecutor as error:
        broken: Future[R] = Future()
        broken.set_exception(error)
        return broken
    except RuntimeError as error:
        raise ProblemError(f"the executor takes no work ({error}); give one that is open, or None") from error


def answer(future: Future[R], seconds: float | None, here: Callable[[], S]) -> R | S:
    """Return what a future holds after some seconds at most, and what the work gives here where its worker died.

    Raises
    ------
    TimeoutError
        It is late.
    KktgenError
        Of the work.
    """
    try:
        return future.result(seconds)
    except (Late, KktgenError):
        raise
    except Exception:
        return here()
