"""Many runs: each once, whatever happens to the driver."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from pathlib import Path

import pytest
from runs import jobs, marked, wait_for

import kktgen as kg
from kktgen.benchmarks import driver
from kktgen.benchmarks.journal import Journal, read
from kktgen.benchmarks.plan import part

ROOT = Path(kg.__file__).parents[1]
SLOW = """
import time

import kktgen as kg


def build():
    time.sleep(1.0)
    m = kg.Bilevel("slow")
    x = m.var("x", lb=0, ub=1)
    m.maximize(x)
    return m
"""
"""A model that takes a second to build."""


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_killed_in_mid_run_and_started_again_every_run_is_there_once(tmp_path, model_file):
    path, out, mark = model_file("slow.py", SLOW), tmp_path / "results", f"MARK{os.getpid()}"
    command = [sys.executable, "-m", "kktgen", "bench", str(path), "--seeds", "0..4", "--jobs", "2", "-o", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KKTGEN_TEST_MARK": mark}
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    first = subprocess.Popen([*command, "--time-limit", "20"], env=environment, **streams)
    wait_for(lambda: (out / "runs.jsonl").is_file() and (out / "runs.jsonl").read_bytes().count(b"\n") >= 1, 60)
    wait_for(lambda: len(marked(mark)) >= 2)  # another run is at work
    first.send_signal(signal.SIGKILL)
    first.wait()
    wait_for(lambda: not marked(mark), 10)  # nothing outlives the driver
    kept = (out / "runs.jsonl").read_bytes()
    assert kept.count(b"\n") < 5
    with open(out / "runs.jsonl", "ab") as file:
        file.write(kept[:100])  # as if it had died while it wrote
    done = subprocess.run([*command, "--time-limit", "20"], env=environment, **streams)
    assert done.returncode == 0
    lines = (out / "runs.jsonl").read_bytes()
    assert lines.startswith(kept)
    assert lines.count(b"\n") == 5 and len(read(out)) == 5
    assert sorted(one["seed"] for one in read(out).values()) == list(range(5))


def test_progress_says_what_is_running_done_and_left(tmp_path, model_file):
    states = []
    with Journal(tmp_path) as journal, driver.threads(2) as submit:
        todo = driver.wanted(jobs(model_file(), seeds=(0, 1, 2)), journal)
        driver.drive(todo, journal, submit, 2, lambda state, record: states.append(state))
    assert states[-1].done == 3 and states[-1].left == 0
    assert max(state.running for state in states) == 2
    assert all(state.running == min(2, state.left) for state in states)
    assert any(state.remaining is not None and state.remaining > 0 for state in states)


def test_the_state_is_told_in_words():
    assert str(driver.State(2, 0, 5, 1.0)) == "2 running, 0 done, 5 left"
    state = driver.State(2, 4, 4, 400.0, failed=1, wrong=2)
    assert str(state) == "2 running, 4 done, 4 left, about 7 min to go, 2 wrong, 1 failed"
    assert [driver.duration(s) for s in (5, 99.4, 600, 9000)] == ["5 s", "99 s", "10 min", "2.5 h"]


def test_failed_runs_are_repeated_on_demand(tmp_path, model_file):
    flag = tmp_path / "flag"
    path = model_file(
        "once.py", f"import os, pathlib\n{SLOW}\nif not pathlib.Path({str(flag)!r}).exists():\n    os._exit(3)\n"
    )
    todo = jobs(path)
    with Journal(tmp_path) as journal, driver.threads(1) as submit:
        driver.drive(todo, journal, submit, 1)
        assert driver.wanted(todo, journal) == []
        assert driver.wanted(todo, journal, retry=True) == todo
        flag.touch()
        driver.drive(driver.wanted(todo, journal, retry=True), journal, submit, 1)
        assert driver.wanted(todo, journal, retry=True) == []
    assert [one["verdict"] for one in read(tmp_path).values()] == ["better"]


def test_what_an_executor_loses_is_a_record_and_what_it_cancels_ends_the_runs(tmp_path, model_file):
    def broken(job):
        future = Future()
        future.set_exception(RuntimeError("the worker died"))
        return future

    todo = jobs(model_file())
    with Journal(tmp_path) as journal:
        driver.drive(todo, journal, broken, 1)
        assert [(one["status"], one["verdict"]) for one in journal.records.values()] == [("lost", "failed")]
        with pytest.raises(kg.SolverError, match="scheduler is gone, 1 runs have no record"):
            driver.drive(todo, journal, broken, 1, alive=lambda: False)
        with pytest.raises(kg.SolverError, match="scheduler is gone"):
            driver.drive(todo, journal, lambda job: Future(), 1, alive=lambda: False)


def test_an_interrupt_ends_the_runs_at_once(tmp_path, model_file):
    def told(state, record):
        if state.seconds > 0.3:
            raise KeyboardInterrupt

    path = model_file("endless.py", "import time\n\n\ndef build():\n    time.sleep(600)\n")
    begun = time.monotonic()
    with Journal(tmp_path) as journal, pytest.raises(KeyboardInterrupt), driver.threads(1) as submit:
        driver.drive(jobs(path, seeds=(0, 1)), journal, submit, 1, told)
    assert time.monotonic() - begun < 20
    assert read(tmp_path) == {}


def test_parts_are_disjoint_and_whole(model_file):
    every = jobs(model_file(), seeds=tuple(range(7)))
    parts = [part(every, f"{k}/3") for k in (1, 2, 3)]
    assert sorted(job.id for one in parts for job in one) == sorted(job.id for job in every)
    assert {len(one) for one in parts} == {2, 3}
    for text in ("0/3", "4/3", "1", "a/b", "/"):
        with pytest.raises(kg.ProblemError, match="--part takes k/n"):
            part(every, text)


def test_where_all_runs_are_taken_back_at_once_all_of_them_are_counted(tmp_path, model_file):
    def taken(job):
        future = Future()
        future.cancel()
        future.set_running_or_notify_cancel()
        return future

    with Journal(tmp_path) as journal, pytest.raises(kg.SolverError, match="gone, 3 runs have no record"):
        driver.drive(jobs(model_file(), seeds=(0, 1, 2)), journal, taken, 1)
