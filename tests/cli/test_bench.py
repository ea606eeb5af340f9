"""The command ``bench``: what it runs, prints and refuses."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner
from runs import record

from kktgen import catalog
from kktgen.benchmarks.journal import Journal, read
from kktgen.cli import cli


def run(*words):
    return CliRunner().invoke(cli, [str(word) for word in words])


def test_runs_are_made_kept_shown_and_not_made_again(tmp_path, model_file):
    (tmp_path / "case.toml").write_text('model = "tiny.py"\n[known]\nobjective = 6.13333333\n')
    model_file()
    words = ["bench", tmp_path / "case.toml", "--encodings", "auto,guessed-big-m", "--time-limit", 20,
             "-o", tmp_path / "out"]  # fmt: skip
    done = run(*words, "-q")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("no disagreements")
    assert {one["way"]: one["verdict"] for one in read(tmp_path / "out").values()} == {
        "auto scip": "right", "guessed-big-m scip": "right",
    }  # fmt: skip
    before = (tmp_path / "out" / "runs.jsonl").read_bytes()
    again = run(*words)
    assert "2 of 2 runs are there already" in again.stderr and again.stdout == done.stdout
    assert (tmp_path / "out" / "runs.jsonl").read_bytes() == before
    shown = run("bench", "show", tmp_path / "out", "--html", tmp_path / "page.html")
    assert shown.exit_code == 0 and shown.stdout.startswith(done.stdout.rstrip("\n"))
    assert (tmp_path / "page.html").read_text().startswith("<!DOCTYPE html>")


def test_a_wrong_claim_is_exit_code_1_a_wrong_guess_is_not(tmp_path):
    for name, way in (("mine", "auto scip"), ("guess", "guessed-big-m scip")):
        with Journal(tmp_path / name) as journal:
            journal.add(record(way=way, value=11.0, bound=11.0))
    mine, guess = run("bench", "show", tmp_path / "mine"), run("bench", "show", tmp_path / "guess")
    assert mine.exit_code == 1 and "1 wrong: a/1 (auto scip)" in mine.stderr
    assert guess.exit_code == 0 and guess.stdout.startswith("1 wrong answers")


def test_a_wrong_value_on_the_shelf_ends_with_1(tmp_path, model_file):
    (tmp_path / "case.toml").write_text('model = "tiny.py"\n[known]\nobjective = 6.0\n')
    model_file()
    done = run("bench", tmp_path / "case.toml", "-o", tmp_path / "out", "-q")
    assert done.exit_code == 1 and "wrong" in done.stderr


def test_folders_are_merged_and_compared(tmp_path):
    for name, instance in (("a", "x/1"), ("b", "x/2")):
        with Journal(tmp_path / name) as journal:
            journal.add(record(instance, time=2.0))
            journal.add(record("x/3", time=2.0 if name == "a" else 9.0, id=name))
    both = run("bench", "show", tmp_path / "a", tmp_path / "b")
    assert both.exit_code == 0 and "auto scip     4" in both.stdout
    against = run("bench", "show", tmp_path / "b", "--against", tmp_path / "a")
    assert "slower  x/3" in against.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["bench", "nothing"], "stands for no instance"),
        (["bench", "quick", "--encodings", "sos3"], "no encoding 'sos3'"),
        (["bench", "quick", "--solvers", "nobody"], "no solver 'nobody'"),
        (["bench", "quick", "--seeds", "x"], "--seeds: whole numbers"),
        (["bench", "quick", "--part", "3/2"], "--part takes k/n"),
        (["bench", "quick", "--cluster", "tcp://127.0.0.1:9"], ""),
        (["bench", "show", "nowhere"], "cannot be read"),
        (["bench"], ""),
    ],
)  # fmt: skip
def test_wrong_questions_are_refused(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("kktgen.benchmarks.cluster.SECONDS", 1.0)
    done = run(*words)
    assert done.exit_code in (1, 2) and said in done.output


def test_a_part_is_a_part(tmp_path, model_file):
    path = model_file()
    words = ["bench", path, "--seeds", "0..2", "--time-limit", 20, "-q"]
    for k in (1, 2):
        assert run(*words, "--part", f"{k}/2", "-o", tmp_path / f"{k}").exit_code == 0
    sizes = [len(read(tmp_path / f"{k}")) for k in (1, 2)]
    assert sizes == [2, 1]
    assert len({name for k in (1, 2) for name in read(tmp_path / f"{k}")}) == 3


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the time is that of a Linux machine")
def test_the_quick_set_is_right_within_its_time(tmp_path):
    done = run("bench", "quick", "-o", tmp_path, "-q")
    assert done.exit_code == 0, done.output
    records = read(tmp_path).values()
    assert len(records) >= 18
    assert {one["verdict"] for one in records} <= {"right", "open", "better"}
    assert sum(one["wall"] for one in records) < 240  # a busy machine; see the guide
    assert all(json.dumps(one) for one in records) and catalog.instance_names()


@pytest.mark.parametrize("option", ["--time-limit", "--memory-limit"])
@pytest.mark.parametrize("value", ["nan", "inf", "1e400", "0"])
def test_limits_that_are_none_are_refused(option, value, tmp_path):
    done = run("bench", "classics/bard_1983", option, value, "-o", tmp_path / "out")
    assert done.exit_code == 2 and option in done.stderr and not (tmp_path / "out").exists()


def test_a_corrected_value_on_the_shelf_judges_the_runs_that_are_there(tmp_path, model_file):
    case, out = tmp_path / "case.toml", tmp_path / "out"
    model_file()
    case.write_text('model = "tiny.py"\n[known]\nobjective = 6.0\n')
    assert run("bench", case, "-o", out, "-q").exit_code == 1
    case.write_text('model = "tiny.py"\n[known]\nobjective = 6.13333333\n')
    again = run("bench", case, "-o", out, "-q")
    assert again.exit_code == 0 and "1 of them are judged anew" in again.stderr
    assert run("bench", "show", out).exit_code == 0
    assert "judged anew" not in run("bench", case, "-o", out, "-q").stderr
