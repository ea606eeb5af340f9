"""One run in a process of its own: its answer, its limits, nothing of it is left."""

from __future__ import annotations

import json
import sys
import threading
import time

import pytest
from runs import HANGING, jobs, living, wait_for

import kktgen as kg
from kktgen import catalog
from kktgen.benchmarks.one_run import POINTS, Stopped, one_run, thinned
from kktgen.benchmarks.verdict import judging

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")


def test_a_run_answers_with_all_that_is_told_of_it(model_file):
    record = one_run(jobs(model_file(), known={"objective": 92 / 15})[0].to_dict())
    assert (record["verdict"], record["status"], record["claim"]) == ("right", "optimal", "optimal")
    assert record["value"] == pytest.approx(92 / 15) == pytest.approx(record["bound"])
    assert record["sense"] == "min" and record["problem"].startswith("sha256:")
    assert 0 < record["time"] < record["wall"]
    assert {"kkt", "bound", "solve", "verify"} <= set(record["seconds"])
    assert record["machine"]["calibration"] > 0 and record["versions"]["kktgen"]
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_the_track_leads_to_the_value():
    entry = catalog.folder("instances") / "random_bilevel" / "lp_10x5.toml"
    record = one_run(jobs(entry, known=judging(catalog.load_instance(entry).known))[0].to_dict())
    assert record["verdict"] == "right"
    times = [at for at, _, _ in record["track"]]
    assert times == sorted(times) and record["track"]
    best = [value for _, value, _ in record["track"] if value is not None]
    assert record["track"][0][1] == pytest.approx(record["start"], rel=1e-5)
    assert best[-1] == pytest.approx(record["value"], rel=1e-4)


def test_a_problem_file_says_itself_what_is_known(tmp_path, model_file):
    m = catalog.build(model_file())
    m.about["known"] = {"objective": 5.0, "claim": "optimal"}
    path = kg.write(m, tmp_path / "tiny.bilevel.json")
    record = one_run(jobs(path)[0].to_dict())
    assert record["known"]["objective"] == 5.0
    assert record["verdict"] == "wrong"


@LINUX
def test_a_hung_run_is_ended_with_all_it_has_started(tmp_path, model_file):
    path = model_file("hanging.py", HANGING.replace("{folder}", str(tmp_path)))
    begun = time.monotonic()
    record = one_run(jobs(path, limit=1.0, grace=0.5, report=True)[0].to_dict())
    assert (record["status"], record["verdict"]) == ("killed", "failed")
    assert "0.5 s after its time limit of 1 s" in record["error"]
    assert time.monotonic() - begun < 30
    wait_for(lambda: not living(int((tmp_path / "pid").read_text())), 5)


def test_a_problem_that_is_never_built_is_ended(model_file):
    path = model_file("endless.py", "import time\n\n\ndef build():\n    time.sleep(600)\n")
    record = one_run(jobs(path, build=3.0)[0].to_dict())
    assert record["status"] == "killed" and "building the problem took longer than 3 s" in record["error"]


@LINUX
def test_the_memory_limit_is_that_of_the_run(model_file):
    hungry = one_run(jobs(catalog.folder("instances") / "dso_vpp" / "vpps6.toml", memory_limit=0.03)[0].to_dict())
    assert (hungry["status"], hungry["verdict"]) == ("memory", "failed")
    assert "memory" in hungry["error"]
    assert one_run(jobs(model_file(), memory_limit=1.0)[0].to_dict())["claim"] == "optimal"


def test_a_crash_and_a_refusal_are_records(model_file):
    crash = model_file("crash.py", "import os\n\n\ndef build():\n    os.kill(os.getpid(), 11)\n")
    record = one_run(jobs(crash)[0].to_dict())
    assert record["status"] == "crashed" and "signal 11" in record["error"]
    silent = model_file("silent.py", "import os\n\n\ndef build():\n    os._exit(3)\n")
    assert "exit code 3" in one_run(jobs(silent)[0].to_dict())["error"]
    refused = one_run(jobs(model_file("other.py", "def build():\n    return 1\n"))[0].to_dict())
    assert refused["status"] == "refused" and "not a kktgen.Bilevel" in refused["error"]
    assert refused["verdict"] == "failed"


def test_a_run_that_is_stopped_leaves_no_record(tmp_path, model_file):
    path = model_file("hanging.py", HANGING.replace("{folder}", str(tmp_path)))
    stop = threading.Event()
    threading.Timer(1.0, stop.set).start()
    begun = time.monotonic()
    with pytest.raises(Stopped):
        one_run(jobs(path, report=True)[0].to_dict(), stop)
    assert time.monotonic() - begun < 8


def test_what_the_model_prints_does_not_get_into_the_answer(model_file):
    path = model_file("loud.py", 'print("{\\"kind\\": \\"done\\"}")\n' + _tiny())
    assert one_run(jobs(path)[0].to_dict())["claim"] == "optimal"


def _tiny() -> str:
    return (
        "import kktgen as kg\n\n\ndef build():\n    m = kg.Bilevel('t')\n    x = m.var('x', lb=0, ub=1)\n"
        "    m.maximize(x)\n    return m\n"
    )


def test_a_long_track_is_thinned_to_its_ends_and_changes():
    track = [[float(k), float(k // 50), 0.1 * k] for k in range(500)]
    kept = thinned(track)
    assert len(kept) == POINTS and kept[0] == track[0] and kept[-1] == track[-1]
    assert {value for _, value, _ in kept} == {float(k) for k in range(10)}
    busy = [[float(k), float(k), None] for k in range(500)]
    assert len(thinned(busy)) <= POINTS and thinned(busy)[-1] == busy[-1]
    assert thinned(track[:5]) == track[:5]


@LINUX
def test_what_a_model_writes_between_the_messages_is_left_out(tmp_path):
    lines = r"3\n[1]\nnull\n{}\nno\n{\"kind\": \"track\"}\n{\"kind\": [1]}\n{\"kind\": \"done\"}\n"
    path = tmp_path / "noisy.py"
    path.write_text(f'''
import os
import kktgen as kg


def build():
    for name in os.listdir("/proc/self/fd"):
        try:
            if int(name) > 2 and "pipe" in os.readlink(f"/proc/self/fd/{{name}}"):
                os.write(int(name), b"{lines}")
        except OSError:
            pass
    m = kg.Bilevel("noisy")
    x = m.var("x", lb=0, ub=8)
    lower = m.follower("lower")
    y = lower.var("y", lb=0, ub=9)
    lower.minimize(y)
    lower.add(y >= x)
    m.maximize(x - 0.5 * y)
    return m
''')
    record = one_run(jobs(path)[0].to_dict())
    assert (record["status"], record["value"]) == ("optimal", pytest.approx(4.0))
