"""What a model file on disk asks of its readers, whoever wrote it."""

from __future__ import annotations

from pathlib import Path

import pytest
from format_cases import CASES
from format_models import model

import kktgen as kg
from kktgen import formats
from kktgen.formats.targets.needs import needs_of

SUFFIXES = ("lp", "mps", "cip")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", CASES)
def test_files_ask_what_their_models_ask(name: str, suffix: str, tmp_path: Path) -> None:
    pytest.importorskip("pyscipopt")
    problem = CASES[name].build()
    path = formats.write(problem, tmp_path / f"a.{suffix}.gz")
    asked, read = needs_of(model(problem)), formats.file_features(path).needs
    is_curved = bool(asked.features & {"qobj", "qrow", "qrow_nonconvex"})
    if not (is_curved and suffix == "cip"):  # SCIP shows the expressions of a .cip as they stand
        assert read.features == asked.features
    if not is_curved:
        assert read.magnitudes == asked.magnitudes
    found = {v.reader for v in formats.readers(path) if v.ok}
    packed = {"lp_solve", "symphony"}
    assert found == {v.reader for v in formats.readers(problem) if v.ok and v.format == f".{suffix}"} - packed


FOREIGN = """Maximize
 obj: x + 2 y + [ {square} x ^2 + 4 x * y - 2 y ^2 ] / 2
Subject To
 c1: x + y <= 10
Bounds
 0 <= x <= 4
 -inf <= y <= 4
{more}End
"""


@pytest.mark.parametrize(
    "text, features",
    [
        (FOREIGN.format(square="- 8", more=""), {"qobj"}),
        (FOREIGN.format(square="8", more=""), {"qobj_nonconvex"}),
        (FOREIGN.format(square="- 8", more="Generals\n x y\n"), {"qobj", "int", "miqp", "int_free"}),
        (FOREIGN.format(square="- 8", more="SOS\n s1: S2 :: x : 1 y : 2\n"), {"qobj", "sos2"}),
    ],
)
def test_files_from_elsewhere(text: str, features: set[str], tmp_path: Path) -> None:
    pytest.importorskip("pyscipopt")
    path = tmp_path / "foreign.lp"
    path.write_text(text)
    assert formats.file_features(path).needs.features == features
    takers = [v.reader for v in formats.readers(path) if v.ok]
    assert "scip" in takers and ("gurobi" in takers) == ("sos2" not in features)
    assert ("highs" in takers) == (features == {"qobj"})


@pytest.mark.parametrize("text", [None, "", "Minimize\n obj: x y z +\nEnd\n"])
def test_files_that_cannot_be_read(text: str | None, tmp_path: Path) -> None:
    pytest.importorskip("pyscipopt")
    path = tmp_path / "a.lp"
    if text is not None:
        path.write_text(text)
    with pytest.raises(kg.FormatError, match=r"a\.lp"):
        formats.readers(path)


def test_sizes_to_print(tmp_path: Path) -> None:
    pytest.importorskip("pyscipopt")
    found = formats.file_features(formats.write(CASES["12_everything"].build(), tmp_path / "a.mps"))
    assert dict(found.sizes)["binary"] == "1" and dict(found.sizes)["SOS1 rows"] == "1"
    assert (found.suffix, found.is_packed) == (".mps", False)
    assert formats.readers(found) == formats.readers(tmp_path / "a.mps")
