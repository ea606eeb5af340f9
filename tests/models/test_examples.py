"""The notebooks in models/examples run from the first cell to the last, and are stored without outputs."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

import kktgen

FOLDER = Path(__file__).parents[2] / "models" / "examples"
NOTEBOOKS = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
NEEDS = {"pypsa_strategic_firm": "pypsa"}


def test_there_are_notebooks():
    assert {"file_to_another_solver", "market_from_scratch", "pypsa_strategic_firm"} <= {*NOTEBOOKS}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_stored_without_outputs(name):
    stored = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    code = [cell for cell in stored["cells"] if cell["cell_type"] == "code"]
    assert code and all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in NEEDS)) for n in NOTEBOOKS])
def test_a_notebook_runs(name, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(kktgen.__file__).parents[1]))
    nbformat = pytest.importorskip("nbformat", reason="notebooks need nbformat, nbclient and ipykernel")
    nbclient = pytest.importorskip("nbclient", reason="notebooks need nbformat, nbclient and ipykernel")
    for needed in ("ipykernel", NEEDS.get(name, "json")):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{name} needs {needed}")
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    nbclient.NotebookClient(notebook, timeout=100, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [out.data for cell in notebook.cells for out in cell.get("outputs", []) if "data" in out]
    assert any("kktgen" in data.get("text/html", "") for data in shown)
