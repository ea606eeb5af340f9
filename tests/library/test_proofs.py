"""Proofs in rational numbers beside instances: stored, checked, given up where they do not hold any more."""

from __future__ import annotations

import gzip
import json
import shutil

import pytest
from click.testing import CliRunner

from kktgen import catalog
from kktgen.cli import cli
from kktgen.exact import optimum
from kktgen.library import case_file, proofs, stored
from kktgen.library.add import add
from kktgen.library.check import check
from kktgen.library.merge import Found, merged
from kktgen.library.sources import source_of

NAME = "knapsack/i10_k3"


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Return the file of a copy of an instance, its optimum proved."""
    where = catalog.folder("instances") / NAME
    for path in where.parent.glob(f"{where.name}.*"):
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"{where.name}.toml"
    if not (tmp_path / f"{where.name}{stored.PROOF}").is_file():
        add(source_of(str(path), {}), 30.0, solve=False, prove=True)
    return path


def found(path):
    (one,) = check([path])
    return [(finding.kind, finding.wrong) for finding in one.findings if finding.kind != "catalogue"]


def test_the_claim_is_proved_and_the_file_says_so_to_anybody(own):
    data = case_file.read(own)
    known = data["known"]
    assert known["claim"] == "proved" and known["proof"] == f"{own.stem}.proof.json.gz"
    assert known["history"][-1]["claim"] == "proved" and known["history"][-1]["solver"] == "none"
    said = optimum.check(json.loads(gzip.decompress(own.with_name(known["proof"]).read_bytes())))
    assert float(said["bound"]) == known["bound"] and float(said["value"]) == pytest.approx(known["objective"])
    assert found(own) == []


def test_a_claim_without_its_file_is_found(own):
    own.with_name(f"{own.stem}.proof.json.gz").unlink()
    assert ("proof", f"claimed proved, and there is no file {own.stem}.proof.json.gz") in found(own)


def change(text: bytes, key: str, value: object) -> bytes:
    data = json.loads(text)
    data[key] = value
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda text: text[:-40], "is no JSON file"), (lambda text: change(text, "bound", 1e6), "changed after"),
        (lambda text: b"{}", "no proof"), (lambda text: change(text, "tree", []), "changed after"),
    ],
)  # fmt: skip
def test_a_spoilt_proof_is_found(own, spoil, word):
    path = own.with_name(f"{own.stem}.proof.json.gz")
    path.write_bytes(gzip.compress(spoil(gzip.decompress(path.read_bytes()))))
    assert [kind for kind, what in found(own) if word in what] == ["proof"]


def test_a_proof_of_another_problem_is_found(own):
    text = own.read_text().replace("seed = 0", "seed = 1")
    other = own.with_name("other.toml")
    other.write_text(text.replace(own.stem, "other"))
    for end in stored.LARGEST:
        shutil.copy(own.with_name(own.stem + end), own.with_name(f"other{end}"))
    assert any("is of another problem" in what for kind, what in found(other) if kind == "proof")


def test_another_value_or_bound_than_the_proved_one_is_found(own):
    known = case_file.read(own)["known"]
    bilevel = catalog.build(own)
    path = own.with_name(known["proof"])
    assert proofs.fault(path, known, bilevel) == ""
    assert "is recorded" in proofs.fault(path, {**known, "objective": known["objective"] + 1.0}, bilevel)
    assert "the bound" in proofs.fault(path, {**known, "bound": known["bound"] - 1.0}, bilevel)


def test_later_runs_keep_the_proof_and_a_better_point_ends_it(own):
    known = case_file.read(own)["known"]
    value = known["objective"]
    record = {"claim": "optimal", "by": "kktgen, sos1, another day", "objective": value, "bound": value}
    kept = merged(known, Found("min", record, value, value - 1e-7, "optimal"), True).known
    assert (kept["claim"], kept["proof"], kept["bound"]) == ("proved", known["proof"], known["bound"])
    fallen = merged(known, Found("min", record, value - 1.0, None, "bilevel-feasible"), True)
    assert fallen.known["claim"] != "proved" and "proof" not in fallen.known and fallen.takes_point


def test_a_changed_problem_takes_its_proof_away(own):
    own.write_text(own.read_text().replace("seed = 0", "seed = 3"))
    done = add(source_of(str(own), {}), 30.0, solve=False)
    assert any("the proof is of the problem before" in line for line in done.said)
    known = case_file.read(own)["known"]
    assert known["claim"] == "optimal" and "proof" not in known
    assert not own.with_name(f"{own.stem}.proof.json.gz").exists()


def test_what_cannot_be_proved_is_said_and_the_claim_stays(own):
    other = own.with_name("fresh.toml")
    other.write_text('# Fresh.\nmodel = "knapsack"\n[parameters]\nitems = 4\ntake = 1\n')
    said = CliRunner().invoke(cli, ["instance", "add", str(other), "--no-solve", "--prove", "-q"])
    assert said.exit_code == 0 and "no proof in rational numbers: no point is stored" in said.output
    assert "proof" not in case_file.read(other).get("known", {})
