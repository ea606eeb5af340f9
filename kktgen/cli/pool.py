"""Processes for the independent jobs of a large problem: bounding its followers, verifying their responses."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager

import click

import kktgen as kg

from ..benchmarks import cluster
from ..model.shared import shared_kkt
from ..problem.integers import has_integers

LARGE = 2500
"""Pairs from which on processes pay: some 2 ms of bounding each, while a process takes a second to start."""
PROCESSES = 2
"""Most processes that are taken unasked: each takes some 160 MB."""


@contextmanager
def pool_for(bilevel: kg.Bilevel, jobs: int | None = None, address: str | None = None) -> Iterator[Executor | None]:
    """Yield an executor of so many processes, or of the cluster at an address; None for one process.

    Where nothing is asked for, there is one where the problem is large and has several followers. The processes end
    with the block. Ctrl-C is for this process alone: its workers ignore it, and are ended on the way out whatever they
    are at.
    """
    if address is not None:
        with cluster.connected(address) as workers, cluster.Watched(workers, _gone) as watched:
            yield watched
        return
    count = _suited(bilevel) if jobs is None else jobs
    if count < 2:
        yield None
        return
    context = multiprocessing.get_context("spawn")  # not forked: this process has threads of solvers
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=kg.die_with_parent)
    before = multiprocessing.active_children()
    try:
        with _deaf():
            for _ in range(count):
                pool.submit(int)  # starts a worker
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            if process not in before:
                process.terminate()


def _gone() -> None:
    click.echo("kktgen: the cluster's scheduler is gone; what is left to do is done here", err=True)


def _suited(bilevel: kg.Bilevel) -> int:
    """Return how many processes pay for a problem."""
    if has_integers(bilevel):
        return 1
    model = shared_kkt(bilevel)
    if model.pairs is None or model.kkt is None or len(model.pairs) < LARGE:
        return 1
    return min(PROCESSES, os.cpu_count() or 1, len(model.kkt.followers))


@contextmanager
def processes(count: int) -> Iterator[Executor | None]:
    """Yield an executor of so many processes, None for one; it ends with the block."""
    if count < 2:
        yield None
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context, initializer=kg.die_with_parent) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def _deaf() -> Iterator[None]:
    """Ignore Ctrl-C in the meantime, which processes inherit; in the main thread, which alone may."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if heard is None else heard)
