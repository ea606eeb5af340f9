"""Processes for the independent jobs of a large problem: bounding its followers, verifying their responses."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager

import kktgen as kg

from ..model.shared import shared_kkt
from ..problem.integers import has_integers

LARGE = 2500
"""Pairs from which on processes pay: some 2 ms of bounding each, while a process takes a second to start."""
PROCESSES = 2
"""Most processes: each takes some 160 MB."""


@contextmanager
def pool_for(bilevel: kg.Bilevel) -> Iterator[Executor | None]:
    """Yield an executor where the problem is large and has several followers, None elsewhere; it ends with the block.

    Ctrl-C is for this process alone: its workers ignore it, and are ended on the way out whatever they are at.
    """
    if has_integers(bilevel):
        yield None
        return
    model = shared_kkt(bilevel)
    pairs, followers = (
        (0, 0) if model.pairs is None or model.kkt is None else (len(model.pairs), len(model.kkt.followers))
    )
    count = min(PROCESSES, os.cpu_count() or 1, followers)
    if pairs < LARGE or count < 2:
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
