"""Runs on a Dask cluster: a scheduler and two workers of this machine, some of which die."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from operator import itemgetter
from pathlib import Path

import dask_here
import pytest
from click.testing import CliRunner
from runs import HANGING, jobs, living, marked, wait_for

import kktgen as kg
from kktgen import catalog
from kktgen.benchmarks import cluster, driver
from kktgen.benchmarks.journal import Journal, read
from kktgen.cli import cli

pytest.importorskip("distributed", reason="needs the extra `cluster`: dask[distributed]")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc"),
]
COUNTED = """
import json
import os
import pathlib
import time
import uuid

import kktgen as kg


def build(k: int = 0):
    pathlib.Path("{folder}", f"{k}-{uuid.uuid4().hex}").touch()
    time.sleep(1.5)
    m = kg.Bilevel("counted")
    x = m.var("x", lb=0, ub=1)
    m.maximize(x)
    return m
"""
"""A model that leaves a file each time it is built."""


def counted(tmp_path, model_file, count):
    folder = tmp_path / "built"
    folder.mkdir()
    path = model_file("counted.py", COUNTED.replace("{folder}", str(folder)))
    todo = [job for k in range(count) for job in jobs(path, parameters={"k": k}, id=f"run{k}")]
    return folder, todo


def test_a_worker_that_is_killed_loses_no_run_and_none_is_made_twice(tmp_path, model_file):
    folder, todo = counted(tmp_path, model_file, 6)
    with (
        dask_here.cluster(tmp_path) as here, Journal(tmp_path) as journal,
        cluster.connected(here.address) as workers, driver.elsewhere(workers.executor, cluster.on_worker) as submit,
    ):  # fmt: skip
        victim, mark = here.workers[0], f"WORKER0-{os.getpid()}"

        def kill():
            wait_for(lambda: len(marked(mark)) > 1)  # the process of a run
            wait_for(lambda: journal.records)
            wait_for(lambda: len(marked(mark)) > 1)
            victim.kill()
            victim.wait()

        killer = threading.Thread(target=kill)
        killer.start()
        driver.drive(todo, journal, submit, workers.workers, alive=workers.alive)
        killer.join()
        assert wait_for(lambda: not marked(mark), 10)  # nothing of the worker is left
    records = read(tmp_path)
    assert sorted(records) == sorted(job.id for job in todo)
    assert (tmp_path / "runs.jsonl").read_bytes().count(b"\n") == 6
    assert {one["claim"] for one in records.values()} == {"optimal"}
    assert len(list(folder.iterdir())) <= 7  # the run that died with its worker, once more


def test_a_hung_run_is_ended_on_its_worker(tmp_path, model_file):
    path = model_file("hanging.py", HANGING.replace("{folder}", str(tmp_path)))
    todo = jobs(path, limit=1.0, grace=0.5, report=True)
    with (
        dask_here.cluster(tmp_path, 1) as here, Journal(tmp_path) as journal,
        cluster.connected(here.address) as workers, driver.elsewhere(workers.executor, cluster.on_worker) as submit,
    ):  # fmt: skip
        driver.drive(todo, journal, submit, workers.workers, alive=workers.alive)
        assert [one["status"] for one in journal.records.values()] == ["killed"]
        wait_for(lambda: not living(int((tmp_path / "pid").read_text())), 5)


def test_where_the_scheduler_dies_the_records_stay_and_the_rest_goes_on_later(tmp_path, model_file):
    _, todo = counted(tmp_path, model_file, 6)
    with (
        dask_here.cluster(tmp_path) as here, Journal(tmp_path) as journal,
        cluster.connected(here.address) as workers, pytest.raises(kg.SolverError, match="scheduler is gone"),
        driver.elsewhere(workers.executor, cluster.on_worker) as submit,
    ):  # fmt: skip

        def kill():
            wait_for(lambda: journal.records)
            here.scheduler.kill()

        threading.Thread(target=kill).start()
        begun = time.monotonic()
        driver.drive(todo, journal, submit, workers.workers, alive=workers.alive)
    assert time.monotonic() - begun < 120
    kept = read(tmp_path)
    assert 1 <= len(kept) < 6
    with Journal(tmp_path) as journal, driver.threads(2) as submit:
        rest = driver.wanted(todo, journal)
        assert {job.id for job in rest} == {job.id for job in todo} - set(kept)
        driver.drive(rest, journal, submit, 2)
    assert len(read(tmp_path)) == 6


def test_a_run_ends_on_its_worker_when_its_driver_is_killed(tmp_path, model_file):
    path = model_file("endless.py", "import time\n\n\ndef build():\n    time.sleep(600)\n")
    mark = f"WORKER0-{os.getpid()}"
    with dask_here.cluster(tmp_path, 1) as here:
        words = ("kktgen", "bench", str(path), "--cluster", here.address, "-o", str(tmp_path / "out"))
        command = here.start(*words)
        wait_for(lambda: len(marked(mark)) > 1, 60)
        command.kill()
        command.wait()
        wait_for(lambda: len(marked(mark)) == 1, 30)  # the worker alone
    assert read(tmp_path / "out") == {}


def test_the_commands_run_on_a_cluster_and_refuse_other_versions(tmp_path, model_file):
    path = model_file()
    with dask_here.cluster(tmp_path) as here:
        words = ["bench", str(path), "--cluster", here.address, "-o", str(tmp_path / "out"), "-q"]
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 0, done.output
        assert [one["claim"] for one in read(tmp_path / "out").values()] == ["optimal"]
        other = tmp_path / "other" / "kktgen"
        other.parent.mkdir()
        shutil.copytree(Path(kg.__file__).parent, other)
        (other / "wording.py").write_text((other / "wording.py").read_text() + "\nOTHER = 1\n")
        here.worker(PYTHONPATH=str(other.parent))
        client = __import__("distributed").Client(here.address)
        client.wait_for_workers(3, timeout=60)
        client.close()
        refused = CliRunner().invoke(cli, [*words[:-2], str(tmp_path / "again"), "-q"])
        assert refused.exit_code == 2
        assert "has other versions: code" in refused.output


def test_bounding_and_estimates_take_the_cluster_as_an_executor(tmp_path):
    model = kg.kkt(catalog.build("random_bilevel/two_followers"))
    with dask_here.cluster(tmp_path) as here, cluster.connected(here.address) as workers:
        there = kg.bound(model, executor=workers.executor)
        assert (there.space.ub == kg.bound(model).space.ub).all()
        estimate = kg.point_estimate(itemgetter("load"), {"load": (10, 2)}, executor=workers.executor)
        assert estimate.mean == pytest.approx(10.0)


def test_solving_takes_the_cluster_and_finds_the_same(tmp_path):
    words = ["solve", "dso_vpp", "--set", "vpps=9", "hours=2", "--decompose", "on", "--time-limit", "120", "--json"]
    with dask_here.cluster(tmp_path) as here:
        told = [CliRunner().invoke(cli, [*words, *more]) for more in ([], ["--cluster", here.address])]
    assert [one.exit_code for one in told] == [0, 0], told[1].output
    alone, there = (json.loads(one.stdout) for one in told)
    assert there["objective"] == pytest.approx(alone["objective"], rel=1e-6)
    assert there["verification"]["claim"] == alone["verification"]["claim"] == "optimal"


def test_solving_says_that_nobody_answers(monkeypatch):
    monkeypatch.setattr(cluster, "SECONDS", 2.0)
    told = CliRunner().invoke(cli, ["solve", "random_bilevel/toll_small", "--cluster", "tcp://127.0.0.1:9", "-q"])
    assert told.exit_code != 0 and "no scheduler answers" in told.output and "Traceback" not in told.output


def test_nobody_at_an_address_and_no_workers_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "SECONDS", 2.0)
    with pytest.raises(kg.SolverError, match="no scheduler answers"), cluster.connected("tcp://127.0.0.1:9"):
        pass
    with (
        dask_here.cluster(tmp_path, 0) as here,
        pytest.raises(kg.SolverError, match="has no workers"),
        cluster.connected(here.address),
    ):
        pass


def test_a_scheduler_that_dies_while_a_problem_is_solved_is_told_and_the_work_goes_on_here(tmp_path):
    words = (
        "kktgen",
        "solve",
        "dso_vpp",
        "--set",
        "vpps=9",
        "hours=2",
        "--decompose",
        "on",
        "--time-limit",
        "60",
        "-q",
    )
    with dask_here.cluster(tmp_path) as here, open(tmp_path / "said", "wb") as said:
        client = __import__("distributed").Client(here.address)
        command = subprocess.Popen(
            [sys.executable, "-m", *words, "--cluster", here.address], stdout=said, stderr=said,
            env={**os.environ, "PYTHONPATH": str(dask_here.ROOT)},
        )  # fmt: skip
        wait_for(lambda: any(client.processing().values()), 60)
        client.close()
        here.scheduler.kill()
        assert command.wait(60) == 0
    text = (tmp_path / "said").read_text()
    assert "scheduler is gone; what is left to do is done here" in text
    assert "claim: optimal" in text and "Traceback" not in text and " ERROR " not in text


def test_futures_break_when_the_scheduler_is_gone():
    alive, gone = threading.Event(), threading.Event()
    alive.set()
    with ThreadPoolExecutor(1) as pool:
        over = threading.Event()
        watched = cluster.Watched(cluster.Cluster(pool, 1, alive.is_set), gone.set)
        assert watched.submit(divmod, 7, 2).result(10) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            watched.submit(divmod, 7, 0).result(10)
        stuck, waiting = watched.submit(over.wait, 60), watched.submit(int)
        assert waiting.cancel()
        alive.clear()
        with pytest.raises(BrokenExecutor, match="scheduler is gone"):
            stuck.result(10)
        with pytest.raises(BrokenExecutor, match="scheduler is gone"):
            watched.submit(int)
        assert gone.wait(10)
        over.set()


def test_a_scheduler_that_answers_nothing_counts_as_gone(tmp_path, monkeypatch):
    """As where it is stopped, or its machine is cut off: no connection breaks then."""
    monkeypatch.setattr(cluster, "SILENT", 1.0)
    told = []
    with (
        dask_here.cluster(tmp_path) as here, cluster.connected(here.address) as workers,
        cluster.Watched(workers, lambda: told.append(1)) as executor,
    ):  # fmt: skip
        assert executor.submit(abs, -3).result(30) == 3
        here.scheduler.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        with pytest.raises(BrokenExecutor, match="scheduler is gone"):
            executor.submit(abs, -4).result(60)
        assert time.monotonic() - begun < 15 and told == [1]
        here.scheduler.send_signal(signal.SIGCONT)
