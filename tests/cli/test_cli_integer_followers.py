"""The command line on problems with integer followers: solve, files, verify, info, and what is refused."""

from __future__ import annotations

import orjson
from click.testing import CliRunner

from kktgen.cli import cli


def run(*words, code=0):
    out = CliRunner().invoke(cli, [str(word) for word in words])
    assert out.exit_code == code, out.output
    return out.output


def test_a_solve_writes_its_master_its_point_and_its_responses(tmp_path):
    told = run("solve", "unit_commitment", "--set", "hours=2", "-o", tmp_path)
    assert "claim: optimal" in told
    names = {path.name for path in tmp_path.iterdir()}
    stem = "unit_commitment"
    assert {f"{stem}.lp", f"{stem}.mps", f"{stem}.cip", f"{stem}.sol", f"{stem}.responses.json"} <= names
    data = orjson.loads((tmp_path / f"{stem}.responses.json").read_bytes())
    assert data["format"] == "kktgen responses" and len(data["responses"]) >= 2
    bundle = tmp_path / f"{stem}.bilevel.json"
    assert "bilevel-feasible" in run("verify", bundle, tmp_path / f"{stem}.sol")
    assert "claim: optimal" in run("solve", bundle, "-q")


def test_a_master_is_written_without_solving(tmp_path):
    run("generate", "unit_commitment", "--set", "hours=2", "-o", tmp_path)
    assert (tmp_path / "unit_commitment.lp").stat().st_size > 1000


def test_info_counts_integers_and_names_who_takes_the_masters():
    told = run("info", "unit_commitment", "--set", "hours=2")
    table = {line.split()[0]: line.split()[1] for line in told.splitlines() if len(line.split()) > 1}
    assert table["B_l"] == "2" and table["n_y"] == "6"
    assert "their responses are enumerated" in told


def test_commands_that_need_kkt_conditions_say_so():
    assert "integer follower has no KKT conditions" in run("explain", "unit_commitment", code=2)
