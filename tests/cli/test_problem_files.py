"""Problems of several files on the command line: solved, described, written, refused with file and key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import written
from click.testing import CliRunner

import kktgen as kg
from kktgen import guide
from kktgen.cli import cli


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Return the table of the guide, its files beside it, in a folder of its own."""
    for block in written.blocks(guide.page("levels").text):
        if block.file:
            (tmp_path / block.file).write_text(block.body)
    monkeypatch.chdir(tmp_path)
    return Path("bidding.toml")


def run(*args):
    return CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="kktgen")


def test_a_table_is_solved_described_and_written(table):
    done = run("solve", table, "-q", "-o", "out", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["objective"] == pytest.approx(1200)
    assert run("verify", table, "out/bidding.sol", "--encoding", "auto").exit_code == 0
    assert "multipliers the leader uses" in run("info", table).stdout
    done = run("generate", table, "--format", "mof.json,bilevel.json", "--encoding", "sos1", "-o", "gen")
    assert done.exit_code == 0, done.output
    names = {"bidding.mof.json", "bidding.market.mof.json", "bidding.link.json", "bidding.bilevel.json"}
    assert {path.name for path in Path("gen").iterdir()} >= names
    assert {*kg.read("gen/bidding.bilevel.json").about["files"]} >= names - {"bidding.bilevel.json"}
    done = run("solve", "gen/bidding.mof.json", "-q", "--json")
    assert json.loads(done.stdout)["objective"] == pytest.approx(1200)


def test_what_is_wrong_with_a_table_is_said(table):
    table.write_text(table.read_text().replace('"market.lp"', '"markt.lp"'))
    done = run("solve", table)
    assert done.exit_code == 2
    assert "bidding.toml: follower[0].file: there is no markt.lp" in done.stderr
    done = run("solve", table, "--set", "cap=3")
    assert done.exit_code == 2
    assert "holds a finished problem" in done.stderr


def test_an_instance_is_no_table(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('model = "no_such"\n[leader]\n')
    assert "mine.toml: unknown key 'leader'" in run("info", path).stderr
