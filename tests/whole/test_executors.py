"""Work in other processes: what a dead worker leaves is done here, whatever its executor says of it."""

from __future__ import annotations

import os
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest

import kktgen as kg
from kktgen.deadline import NEVER, Deadline
from kktgen.executors import each

HERE = os.getpid()


class Killed(Exception):
    """A worker is dead, in the words of an executor that is none of Python's."""


class Killing(Executor):
    """An executor of whose workers every second dies."""

    def __init__(self) -> None:
        self.count = 0

    def submit(self, fn, /, *args, **kwargs):
        future: Future = Future()
        self.count += 1
        if self.count % 2:
            future.set_exception(Killed("worker-1"))
        else:
            future.set_result(fn(*args, **kwargs))
        return future


def double(job, deadline):
    return 2 * job


def leave(job, deadline):
    """Take the worker along, unless it is this process."""
    if os.getpid() != HERE:
        os._exit(1)
    return 2 * job


def refuse(job, deadline):
    raise kg.SolverError("no")


def sleep(job, deadline):
    time.sleep(0.2 if job == 0 else 3.0)
    return job


@pytest.mark.parametrize("executor", [None, Killing()], ids=["none", "killed"])
def test_everything_comes_in_order(executor):
    assert list(each(double, range(5), executor, NEVER)) == [0, 2, 4, 6, 8]


def test_a_pool_whose_workers_leave_has_its_work_done_here():
    with ProcessPoolExecutor(2) as pool:
        assert list(each(leave, [1, 2, 3], pool, NEVER)) == [2, 4, 6]
        assert list(each(leave, [4], pool, NEVER)) == [8]  # it is broken for good


@pytest.mark.parametrize("executor", [None, Killing()], ids=["none", "killed"])
def test_errors_of_ours_come_out(executor):
    with pytest.raises(kg.SolverError, match="no"):
        list(each(refuse, [1], executor, NEVER))


def test_a_closed_executor_is_refused():
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(kg.ProblemError, match="takes no work"):
        list(each(double, [1], pool, NEVER))


def test_what_is_late_is_none_and_nothing_is_begun_afterwards():
    with ThreadPoolExecutor(2) as pool:
        assert list(each(sleep, [0, 1], pool, Deadline(0.5))) == [0, None]
    over = Deadline(0.0)
    assert list(each(double, [1, 2], None, over)) == [None, None]
