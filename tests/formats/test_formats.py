"""Model files: what SCIP and HiGHS make of them, golden text, and how writing fails."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

import highspy
import pytest
from format_cases import CASES
from format_models import model, random_bilevel, rich_bilevel, with_first_entry

import kktgen as kg
from kktgen import formats
from kktgen.model.model import FEATURES

KNOWN = Path(__file__).parents[1] / "known"
SUFFIXES = ("lp", "mps", "cip")


def highs_takes(problem: kg.Bilevel) -> bool:
    needs = model(problem).features
    return needs <= {"int"} or needs <= {"qobj"}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", CASES)
def test_scip_finds_the_known_optimum(name: str, suffix: str, tmp_path: Path) -> None:
    pyscipopt = pytest.importorskip("pyscipopt")
    case = CASES[name]
    path = formats.write(case.build(), tmp_path / f"{name}.{suffix}")
    scip = pyscipopt.Model()
    scip.hideOutput()
    scip.readProblem(str(path))
    scip.optimize()
    assert scip.getStatus() == "optimal"
    assert scip.getObjVal() == pytest.approx(case.optimum, abs=case.tolerance)


@pytest.mark.parametrize("suffix", ["lp", "mps"])
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if highs_takes(case.build())])
def test_highs_finds_the_known_optimum(name: str, suffix: str, tmp_path: Path) -> None:
    case = CASES[name]
    path = formats.write(case.build(), tmp_path / f"{name}.{suffix}")
    highs = highspy.Highs()
    highs.silent()
    assert highs.readModel(str(path)) == highspy.HighsStatus.kOk
    highs.run()
    assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    assert highs.getObjectiveValue() == pytest.approx(case.optimum, abs=case.tolerance)


def test_highs_is_asked_for_what_it_has() -> None:
    taken = {name for name, case in CASES.items() if highs_takes(case.build())}
    assert taken == {"01_bounds", "02_integers", "03_objconst", "04_ranges", "05_precision", "06_qp"}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", CASES)
def test_golden(name: str, suffix: str) -> None:
    golden = KNOWN / "golden" / suffix / f"{name}.{suffix}"
    assert formats.dumps(CASES[name].build(), suffix) == golden.read_text(encoding="ascii")


@pytest.mark.parametrize("name", ["random", "rich"])
def test_formats_agree(name: str, tmp_path: Path) -> None:
    """SCIP finds one optimum for a random model in three formats."""
    pyscipopt = pytest.importorskip("pyscipopt")
    p = kg.Bilevel(name)
    x = p.var("x", 4, lb=-2, ub=3)
    b = p.var("b", 2, kind="B")
    p.minimize(x @ x - 3 * x[0] @ x[1] + x.sum() - 2 * b[0] + 1.5)
    p.add(x[0] + x[1] + b[0] >= -0.25, x[2] - x[3] == 0.5)
    if name == "rich":
        p.add(x[0] @ x[2] <= 0.75)
        p.sos1(x[1:])
        p.indicator(b[0], 1, kg.between(-0.5, x[0] - x[2], 0.25))
    found = []
    for suffix in SUFFIXES:
        scip = pyscipopt.Model()
        scip.hideOutput()
        scip.readProblem(str(formats.write(p, tmp_path / f"{name}.{suffix}")))
        scip.optimize()
        assert scip.getStatus() == "optimal"
        found.append(scip.getObjVal())
    assert found == pytest.approx([found[0]] * 3, abs=1e-5)


def test_maximised_objective_is_negated() -> None:
    m = kg.Bilevel("max")
    x = m.var("x", lb=0, ub=2)
    m.maximize(3 * x + 1)
    text = formats.dumps(m, "lp")
    assert text.startswith("Minimize\n obj:\n - 3.0 x\n - 1.0 ONE\nSubject To\nBounds\n")


def test_registry_is_the_folder() -> None:
    assert {".lp", ".mps", ".cip"} <= set(formats.formats())
    for suffix, module in formats.formats().items():
        assert suffix == module.SUFFIX and set(FEATURES) >= module.FEATURES and callable(module.dump)


def test_returns_the_path_and_reads_the_suffix_in_any_case(tmp_path: Path) -> None:
    path = formats.write(random_bilevel(1), str(tmp_path / "a.MPS"))
    assert path == tmp_path / "a.MPS" and path.read_text().startswith("NAME")


@pytest.mark.parametrize("name", ["a.txt", "a", "a.gz", "a.sol.gz", "lp"])
def test_unknown_suffix_lists_the_known(name: str, tmp_path: Path) -> None:
    with pytest.raises(kg.FormatError, match=r"\.cip, \.lp, \.mps"):
        formats.write(random_bilevel(1), tmp_path / name)
    with pytest.raises(kg.FormatError, match=r"\.cip, \.lp, \.mps"):
        formats.dumps(random_bilevel(1), "txt")
    assert not list(tmp_path.iterdir())


def bilevel_with_follower() -> kg.Bilevel:
    m = kg.Bilevel("toll")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("driver")
    y = f.var("y", lb=0)
    f.add(y <= 1 + x)
    f.minimize(-y)
    m.minimize(x - y)
    return m


def test_followers_and_pairs_are_refused(tmp_path: Path) -> None:
    m = bilevel_with_follower()
    with pytest.raises(kg.UnsupportedError, match="has followers"):
        formats.write(m, tmp_path / "a.lp")
    with pytest.raises(kg.UnsupportedError, match="complementarity pairs.*encode the model first"):
        formats.write(kg.kkt(m), tmp_path / "a.lp")
    with pytest.raises(kg.ProblemError, match="got str"):
        formats.write("model", tmp_path / "a.lp")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_missing_feature_is_named_with_the_formats_that_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats.formats()[".mps"], "FEATURES", frozenset({"int", "qobj"}))
    with pytest.raises(kg.UnsupportedError, match=r"SOS1 sets of model '10_sos1'; formats that have it: \.cip, \.lp"):
        formats.dumps(CASES["10_sos1"].build(), "mps")
    assert formats.dumps(CASES["07_miqp"].build(), "mps").startswith("NAME")


def test_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.lp"
    path.write_text("old")
    with pytest.raises(kg.ProblemError, match="NaN or inf"):
        formats.write(with_first_entry(model(random_bilevel(1)), float("inf")), path)

    def full(problem: object, file: object) -> None:
        file.write(b"half a file")  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(formats.formats()[".lp"], "dump", full)
    for target in (path, tmp_path / "b.lp.gz"):
        with pytest.raises(kg.FormatError, match="No space left on device"):
            formats.write(random_bilevel(1), target)
    assert [p.name for p in tmp_path.iterdir()] == ["a.lp"] and path.read_text() == "old"


@pytest.mark.parametrize("suffix", [".lp", ".mps", ".cip"])
def test_bounds_of_integers_are_written_as_integers(tmp_path: Path, suffix: str) -> None:
    """HiGHS 1.15 calls k = 0.25 optimal where a file says that the integer k lies in [0, 0.5]."""
    m = kg.Bilevel("whole")
    k, far = m.var("k", 2, lb=[0.25, -1.5], ub=[2.75, 0.5], kind="I"), m.var("far", lb=0.5, kind="I")
    m.maximize(k.sum() - far)
    text = kg.write(m, tmp_path / f"whole{suffix}").read_text()
    assert not re.search(r"0\.25|0\.5|2\.75", text)
    if suffix != ".cip":
        highs = highspy.Highs()
        highs.setOptionValue("output_flag", False)
        highs.readModel(str(tmp_path / f"whole{suffix}"))
        highs.run()
        assert highs.getInfo().objective_function_value == pytest.approx(-(2 + 0 - 1))


def test_missing_or_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "none" / "a.lp", tmp_path / "file" / "a.lp"):
        with pytest.raises(kg.FormatError, match="cannot be written"):
            formats.write(random_bilevel(1), target)
    (tmp_path / "dir.lp").mkdir()
    with pytest.raises(kg.FormatError, match="cannot be written"):
        formats.write(random_bilevel(1), tmp_path / "dir.lp")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dir.lp", "file"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_gz_is_reproducible(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = formats.write(rich_bilevel(3), tmp_path / f"a.{suffix}.gz").read_bytes()
    monkeypatch.setattr("time.time", lambda: 1e9)
    second = formats.write(rich_bilevel(3), tmp_path / f"b.{suffix}.gz").read_bytes()
    assert first == second
    assert gzip.decompress(first).decode() == formats.dumps(rich_bilevel(3), suffix)


def test_same_bytes_for_any_hash_seed() -> None:
    code = (
        "import hashlib; from kktgen import formats; from format_models import rich_bilevel;"
        "print([hashlib.sha256(formats.dumps(rich_bilevel(5), s).encode()).hexdigest() for s in ('lp', 'mps', 'cip')])"
    )
    outputs = []
    for seed in ("1", "2"):
        path = os.pathsep.join(sys.path)
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path},
            timeout=120,
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1] and len(outputs[0]) > 190
