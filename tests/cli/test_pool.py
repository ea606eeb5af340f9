"""Processes of the commands: for large problems alone, deaf to Ctrl-C, gone when the block is left."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

import pytest
from click.testing import CliRunner

import kktgen as kg
from kktgen.cli import cli, pool
from kktgen.cli.commands import solve


def market(followers: int) -> kg.Bilevel:
    """Followers who buy at the leader's price, each below its own limit."""
    m = kg.Bilevel("market")
    price = m.var("price", lb=0, ub=2)
    profit = 0.0
    for k in range(followers):
        f = m.follower(f"f{k}")
        y = f.var("y", lb=0, ub=1 + k)
        f.minimize((price - 2) @ y + 0.1 * y @ y)
        profit = profit + price @ y
    m.maximize(profit)
    return m


def gone(pids: set[int]) -> bool:
    """Wait until none of the processes is left."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        alive = [pid for pid in pids if os.path.exists(f"/proc/{pid}")]
        if not alive:
            return True
        time.sleep(0.05)
    return False


def test_small_problems_and_single_followers_get_no_processes(monkeypatch):
    with pool.pool_for(market(2)) as executor:
        assert executor is None
    monkeypatch.setattr(pool, "LARGE", 1)
    for few in (market(1), market(0)):
        with pool.pool_for(few) as executor:
            assert executor is None


def test_so_many_processes_as_are_asked_for(monkeypatch):
    monkeypatch.setattr(pool, "LARGE", 1)
    with pool.pool_for(market(2), 1) as executor:
        assert executor is None
    with pool.pool_for(market(1), 3) as executor:
        assert executor.submit(os.getpid).result(60) != os.getpid()
        assert len(multiprocessing.active_children()) >= 3


def test_processes_belong_to_what_proves(tmp_path):
    said = CliRunner().invoke(cli, ["solve", "random_bilevel", "--method", "hho", "--jobs", "2"])
    assert said.exit_code == 2 and "--jobs belongs to --method exact" in said.output


@pytest.mark.skipif(not os.path.exists("/proc"), reason="processes are looked up in /proc")
def test_workers_ignore_ctrl_c_and_end_with_the_block_whatever_they_are_at(monkeypatch):
    monkeypatch.setattr(pool, "LARGE", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), pool.pool_for(market(2)) as executor:
        assert signal.getsignal(signal.SIGINT) is before
        pids = {future.result(60) for future in [executor.submit(os.getpid) for _ in range(8)]}
        assert os.getpid() not in pids and 1 <= len(pids) <= pool.PROCESSES
        assert executor.submit(signal.getsignal, signal.SIGINT).result(60) == signal.SIG_IGN
        for _ in range(4):
            executor.submit(time.sleep, 100)
        left = time.monotonic()
        raise KeyboardInterrupt
    assert time.monotonic() - left < 10
    assert gone(pids)


@pytest.mark.slow
def test_solve_bounds_large_problems_on_processes(monkeypatch):
    """With the answer it has without them."""
    given = []
    optimize = kg.optimize

    def heard(*arguments, executor=None, **options):
        given.append(executor)
        return optimize(*arguments, executor=executor, **options)

    monkeypatch.setattr(solve.kg, "optimize", heard)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    texts = []
    for large in (10**6, 1):
        monkeypatch.setattr(pool, "LARGE", large)
        run = CliRunner().invoke(cli, ["solve", "random_bilevel/two_followers", "-q"])
        assert run.exit_code == 0, run.output
        texts.append(run.stdout.split("(")[0] + run.stdout.split(")")[-1])
    assert given[0] is None and given[1] is not None
    assert texts[0] == texts[1] and "claim: optimal" in texts[0]
