"""Jobs on executors: what they share travels once, dead workers and late jobs cost little, results are the same."""

from __future__ import annotations

import os
import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest

import kktgen as kg
from kktgen import deadline as clocks
from kktgen.deadline import NEVER, Deadline
from kktgen.decompose.jobs import PATIENCE, Job, Shared, Unknown, at_worker, run

PARENT = os.getpid()
DEATH = 7


def scaled_sum(shared, factor, seconds):
    return factor * float(np.sum(shared))


def once(shared, flag, value, seconds):
    """Die the first time, in a process of its own; a file remembers."""
    if os.getpid() != shared and not Path(flag).exists():
        Path(flag).touch()
        os._exit(DEATH)
    return value


def asleep(shared, pause, seconds):
    time.sleep(pause)
    return "late"


def left(shared, seconds):
    return seconds


def refusing(shared, seconds):
    raise kg.UnsupportedError("a job that refuses")


def sums(shares, count=3):
    jobs = [Job(scaled_sum, share, (float(k),)) for share in shares for k in range(1, count + 1)]
    return jobs, [k * float(np.sum(share.value)) for share in shares for k in range(1, count + 1)]


def shares(count=4, tag=0):
    return [Shared.of(np.arange(5.0) + 10 * k + 1000 * tag) for k in range(count)]


class Recording:
    """An executor that works at once; it says what it was handed, and forgets the shared parts where it should."""

    def __init__(self, forgetful=False, broken_after=None):
        self.sent, self.forgetful, self.broken_after, self.calls = [], forgetful, broken_after, 0

    def submit(self, work, *arguments):
        self.calls += 1
        if self.broken_after is not None and self.calls > self.broken_after:
            raise BrokenProcessPool("a child process terminated abruptly")
        assert work is at_worker
        _, key, data, _, _ = arguments
        self.sent.append((key, data is not None))
        out = Future()
        out.set_result(Unknown(key) if self.forgetful and data is None else work(*arguments))
        return out


def test_a_digest_knows_equal_parts():
    a, b, c = Shared.of(np.arange(3.0)), Shared.of(np.arange(3.0)), Shared.of(np.arange(4.0))
    assert a.key == b.key != c.key


def test_without_an_executor_jobs_are_done_here_in_order():
    jobs, right = sums(shares())
    told = []
    assert list(run(jobs, None, NEVER, told.append)) == right
    assert told == list(range(len(jobs) - 1, -1, -1))
    assert list(run([Job(scaled_sum, np.ones(3), (2.0,))], None)) == [6.0]  # the object itself will do
    assert list(run([], None)) == [] == list(run([], Recording()))


def test_a_shared_part_travels_with_the_first_of_its_jobs():
    executor = Recording()
    parts = shares(tag=1)
    jobs, right = sums(parts)
    assert list(run(jobs, executor)) == right
    assert executor.sent == [(part.key, k == 0) for part in parts for k in range(3)]


def test_what_has_travelled_to_an_executor_does_not_travel_again():
    executor = Recording()
    jobs, right = sums(shares(tag=6))
    assert list(run(jobs, executor)) == right == list(run(jobs, executor))
    assert sum(with_data for _, with_data in executor.sent) == len(shares())


def test_a_worker_that_has_forgotten_gets_it_again():
    executor = Recording(forgetful=True)
    jobs, right = sums(shares(tag=2))
    assert list(run(jobs, executor)) == right
    assert sum(with_data for _, with_data in executor.sent) == len(jobs)


def test_a_worker_keeps_what_it_has_seen():
    part = Shared.of(np.arange(7.0) + 0.25)
    assert isinstance(at_worker(scaled_sum, part.key, None, (1.0,), None), Unknown)
    assert at_worker(scaled_sum, part.key, part.data, (1.0,), None) == part.value.sum()
    assert at_worker(scaled_sum, part.key, None, (2.0,), None) == 2 * part.value.sum()


def test_an_executor_that_breaks_while_jobs_are_handed_over_costs_time_alone():
    jobs, right = sums(shares(tag=3))
    assert list(run(jobs, Recording(broken_after=5))) == right
    assert list(run(jobs, Recording(broken_after=0))) == right  # it was broken before
    assert list(run(jobs, Recording(forgetful=True, broken_after=len(jobs) + 1))) == right


def test_a_pool_of_threads_does_the_same():
    jobs, right = sums(shares(8, tag=4))
    with ThreadPoolExecutor(4) as pool:
        assert list(run(jobs, pool)) == right


def test_a_closed_executor_is_refused():
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(kg.ProblemError, match="takes no work"):
        list(run(sums(shares())[0], pool))


def test_what_a_job_refuses_is_refused_everywhere():
    jobs = [Job(refusing, Shared.of(1), ())]
    with pytest.raises(kg.UnsupportedError):
        list(run(jobs, None))
    with ThreadPoolExecutor(1) as pool, pytest.raises(kg.UnsupportedError):
        list(run(jobs, pool))


def test_jobs_hear_how_much_time_is_left():
    jobs = [Job(left, Shared.of("time"), ())]
    assert list(run(jobs, None)) == [None] == list(run(jobs, Recording()))
    for executor in (None, Recording()):
        (found,) = run(jobs, executor, Deadline(50.0))
        assert 40.0 < found <= 50.0


def test_a_time_that_is_over_lets_no_job_begin_here():
    assert list(run(sums(shares())[0], None, Deadline(0.0))) == [None] * 12


class Stuck(Future):
    """A future nobody fulfils, that moves a clock while it is waited for."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock

    def result(self, timeout=None):
        self.clock[0] += timeout
        raise TimeoutError


def test_late_jobs_share_one_patience(monkeypatch):
    """A hundred jobs that are all late keep nobody waiting a hundred times."""
    now = [0.0]
    monkeypatch.setattr(clocks, "clock", lambda: now[0])

    class Never:
        def submit(self, work, *arguments):
            return Stuck(now)

    part = Shared.of(0)
    found = list(run([Job(left, part, ())] * 100, Never(), Deadline(10.0)))
    assert found == [None] * 100
    assert now[0] <= 10.0 + PATIENCE + 1e-9


def test_a_late_job_gives_none_and_its_neighbour_a_result():
    with ThreadPoolExecutor(2) as pool:
        jobs = [Job(asleep, Shared.of("slow"), (2.5,)), Job(scaled_sum, Shared.of(np.ones(2)), (1.0,))]
        begun = time.monotonic()
        assert list(run(jobs, pool, Deadline(0.2))) == [None, 2.0]
        assert time.monotonic() - begun < 2.4


def test_a_pool_of_processes_loses_a_worker_and_no_result(tmp_path):
    flag = str(tmp_path / "died")
    part = Shared.of(PARENT)
    jobs = [Job(once, part, (flag if k == 2 else __file__, k)) for k in range(6)]
    with ProcessPoolExecutor(2) as pool:
        assert list(run(jobs, pool)) == list(range(6))
        assert Path(flag).exists()
        more, right = sums(shares(tag=5))
        assert list(run(more, pool)) == right  # the pool is broken for good: the work is done here


def test_a_pool_of_processes_gives_what_is_found_here():
    jobs, right = sums(shares(tag=6), 2)
    with ProcessPoolExecutor(2) as pool:
        assert list(run(jobs, pool)) == right == list(run(jobs, pool))


@pytest.mark.slow
def test_dask_workers_give_what_is_found_here_and_one_may_die(tmp_path):
    distributed = pytest.importorskip("distributed", reason="needs the extra `cluster`: dask[distributed]")
    import dask

    flag = str(tmp_path / "died")
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=60
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.run(__import__("sys").path.append, str(Path(__file__).parent))
        executor = client.get_executor(pure=False)
        jobs, right = sums(shares(tag=7), 3)
        assert list(run(jobs, executor)) == right
        part = Shared.of(PARENT)
        jobs = [Job(once, part, (flag if k == 2 else __file__, k)) for k in range(6)]
        assert list(run(jobs, executor, Deadline(60.0))) == list(range(6))
        assert Path(flag).exists()
        jobs, right = sums(shares(tag=8), 3)
        assert list(run(jobs, executor, Deadline(60.0))) == right  # a new worker knows nothing
