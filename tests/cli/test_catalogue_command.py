"""The command ``catalogue``: what it writes, prints and refuses."""

from __future__ import annotations

import shutil

import pytest
from catalogued import own_folder
from click.testing import CliRunner
from runs import record

from kktgen import catalog
from kktgen.benchmarks.journal import Journal
from kktgen.cli import cli


def run(*words):
    return CliRunner().invoke(cli, [str(word) for word in words])


def test_pages_files_and_runs(tmp_path):
    folder = own_folder(tmp_path)
    with Journal(tmp_path / "results") as journal:
        journal.add(record("mine/duopoly"))
    out = run("catalogue", folder, "-o", tmp_path / "a" / "site", "--runs", tmp_path / "results")
    assert out.exit_code == 0, out.output
    lines = out.stdout.splitlines()
    assert lines[0].split()[0].endswith("catalogue.html") and lines[1].split()[0].endswith("results.html")
    assert lines[2].startswith("1 files beside them") and lines[-1] == "4 instances, 1 runs"
    assert "mine/duopoly" in (tmp_path / "a" / "site" / "results.html").read_text()


def test_the_same_question_gives_the_same_bytes(tmp_path):
    for name in "ab":
        assert run("catalogue", "knapsack", "-o", tmp_path / name).exit_code == 0
    assert (tmp_path / "a" / "catalogue.html").read_bytes() == (tmp_path / "b" / "catalogue.html").read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no_such", "-o", "site"], "'no_such'"), (["knapsack"], "Missing option '-o'"),
        (["knapsack", "-o", "site", "--runs", "none"], "cannot be read"),
        (["knapsack", "-o", "file/site"], "cannot be made"),
    ],
)  # fmt: skip
def test_wrong_questions(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    out = run("catalogue", *words)
    assert out.exit_code == 2 and said in out.stderr and not (tmp_path / "site").exists()


def test_two_instances_of_one_name_are_refused(tmp_path):
    for name in "ab":
        (tmp_path / name / "mine").mkdir(parents=True)
        shutil.copy(catalog.folder("instances") / "knapsack" / "i10_k3.toml", tmp_path / name / "mine")
    out = run("catalogue", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "site")
    assert out.exit_code == 2 and "two instances are called mine/i10_k3" in out.stderr
