"""Independent jobs on an executor, or in this process; what many jobs share travels to a worker once.

A job is a function of something large that many jobs share (a subproblem, a program) and of small arguments. The large
part is known by its digest: a worker that has not seen it says so, and gets it. That works with any
``concurrent.futures.Executor``: a pool of processes, ``client.get_executor()`` of Dask, a pool of threads. A job whose
worker dies is done in this process, so a dead worker costs its jobs' time and nothing else.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from weakref import WeakKeyDictionary

from ..deadline import NEVER, Deadline
from ..executors import PATIENCE, answer, handed

KEPT = 2000
"""Shared parts a worker keeps; the oldest are forgotten first."""

_known: OrderedDict[str, Any] = OrderedDict()
_sent: WeakKeyDictionary[Executor, set[str]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Unknown:
    """A worker's answer that it has not seen a shared part."""

    key: str


@dataclass(frozen=True, eq=False)
class Shared:
    """Something many jobs share, with its digest.

    Parameters
    ----------
    value : object
        Anything that can be pickled.
    """

    value: Any
    key: str
    data: bytes

    @classmethod
    def of(cls, value: Any) -> Shared:
        """Return it ready to travel."""
        data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
        return cls(value, blake2b(data, digest_size=16).hexdigest(), data)


@dataclass(frozen=True, eq=False)
class Job:
    """``work(shared, *arguments, seconds)``, the last being what is left of the time or None.

    Parameters
    ----------
    work : callable
        A function of a module, so that it can travel.
    shared : object or Shared
        In this process the object itself will do.
    arguments : tuple
    """

    work: Callable[..., Any]
    shared: Any
    arguments: tuple[Any, ...]


def at_worker(
    work: Callable[..., Any], key: str, data: bytes | None, arguments: tuple[Any, ...], seconds: float | None
) -> Any:
    """Do a job where it has travelled to; return :class:`Unknown` where the shared part has not come yet."""
    if key not in _known:
        if data is None:
            return Unknown(key)
        _known[key] = pickle.loads(data)  # noqa: S301  what this process's own caller has pickled
        while len(_known) > KEPT:
            _known.popitem(last=False)
    _known.move_to_end(key)
    return work(_known[key], *arguments, seconds)


def run(
    jobs: Sequence[Job], executor: Executor | None, deadline: Deadline = NEVER,
    told: Callable[[int], Any] = lambda left: None,
) -> Iterator[Any]:  # fmt: skip
    """Yield the result of every job in order, None of those that time ran out for.

    Parameters
    ----------
    jobs : sequence of Job
    executor : Executor or None
    deadline : Deadline
    told : callable
        Called with the number of jobs left after each.

    Raises
    ------
    ProblemError
        The executor takes no work.
    KktgenError
        Of a job.
    """
    if executor is None:
        for k, job in enumerate(jobs):
            yield None if deadline.over else _here(job, deadline)
            told(len(jobs) - k - 1)
        return
    sent = _sent_to(executor)
    futures = [_submit(executor, job, sent, deadline) for job in jobs]
    left = deadline.left()
    last = Deadline(None if left is None else left + PATIENCE)  # of all jobs together
    try:
        for k, (job, future) in enumerate(zip(jobs, futures, strict=True)):
            yield _result(executor, job, future, deadline, last)
            told(len(jobs) - k - 1)
    finally:
        for future in futures:
            future.cancel()


def _sent_to(executor: Executor) -> set[str]:
    """Return the digests of the shared parts that have travelled to an executor; who has not got one asks for it."""
    try:
        return _sent.setdefault(executor, set())
    except TypeError:  # it cannot be referred to weakly
        return set()


def _here(job: Job, deadline: Deadline) -> Any:
    shared = job.shared.value if isinstance(job.shared, Shared) else job.shared
    return job.work(shared, *job.arguments, deadline.left())


def _submit(executor: Executor, job: Job, sent: set[str], deadline: Deadline, data: bool = False) -> Future[Any]:
    """Hand a job over; the first one of a shared part takes that along."""
    shared = job.shared
    first = shared.key not in sent
    sent.add(shared.key)
    load = shared.data if first or data else None
    return handed(executor, at_worker, job.work, shared.key, load, job.arguments, deadline.left())


def _result(executor: Executor, job: Job, future: Future[Any], deadline: Deadline, last: Deadline) -> Any:
    """Return what a job found; None where it is late. It is done here where its worker died."""

    def here() -> Any:
        return None if deadline.over else _here(job, deadline)

    try:
        found = answer(future, last.left(), here)
        if isinstance(found, Unknown):
            found = answer(_submit(executor, job, set(), deadline, data=True), last.left(), here)
        return found
    except Late:
        return None
