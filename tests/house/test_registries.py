"""A new encoding, format, solver, program or model is one new file: dropped into the folder, it is there."""

from __future__ import annotations

import importlib
import sys
import textwrap
from pathlib import Path

import problems
import pytest
from click.testing import CliRunner

import kktgen as kg
from kktgen import catalog, formats
from kktgen.cli import cli


@pytest.fixture
def drop(tmp_path, monkeypatch):
    """Return a function that puts a file into a folder of kktgen for the time of a test."""

    def dropped(package: str, name: str, text: str) -> None:
        folder = tmp_path / package
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
        home = importlib.import_module(package)
        monkeypatch.setattr(sys.modules[package], "__path__", [*home.__path__, str(folder)])
        monkeypatch.delitem(sys.modules, f"{package}.{name}", raising=False)
        importlib.invalidate_caches()

    yield dropped
    for name in [n for n in sys.modules if n.startswith("kktgen.") and n.rsplit(".", 1)[-1].startswith("dropped_")]:
        del sys.modules[name]


def handbook():
    return problems.handbook()[0]


def test_an_encoding(drop):
    drop(
        "kktgen.encodings",
        "dropped_pairs",
        '''
        """SOS1 sets under another name."""

        from dataclasses import dataclass, replace
        from typing import ClassVar

        from kktgen.encodings.sos1 import SOS1


        @dataclass(frozen=True)
        class Dropped:
            """As SOS1, and wants boxes first."""

            FEATURES: ClassVar[frozenset[str]] = frozenset({"sos1"})
            EXACT: ClassVar[bool] = True
            RANK: ClassVar[int] = -1

            def needs_boxes(self, model):
                return True

            def __call__(self, model, pairs):
                return replace(SOS1()(model, pairs), notes=(*model.notes, "dropped was here"))
        ''',
    )
    assert next(iter(kg.encodings())) != "dropped"
    assert "dropped" in kg.encodings()
    m = handbook()
    model = kg.encode(kg.kkt(m), "dropped")
    assert model.bounded  # it asked for boxes
    assert "dropped was here" in model.notes
    assert kg.solve(model, "scip", time_limit=20).objective == pytest.approx(92 / 15)
    found = kg.agree(m, solvers=["scip"], time_limit=20)
    assert found.runs[0].encoding == "dropped"
    assert found.runs[0].value == pytest.approx(92 / 15)
    asked = CliRunner().invoke(cli, ["solve", "random_bilevel", "--encoding", "droped"])
    assert "did you mean dropped?" in asked.output


def test_a_format(drop, tmp_path):
    drop(
        "kktgen.formats",
        "dropped_sizes",
        '''
        """How many columns and rows a model has."""

        SUFFIX = ".sizes"
        FEATURES = frozenset({"sos1", "int"})


        def dump(form, file):
            """Write the numbers of columns and rows."""
            file.write(b"%d columns\\n%d rows\\n" % (len(form.columns), len(form.row_names)))
        ''',
    )
    assert ".sizes" in formats.formats()
    m = handbook()
    path = kg.write(kg.encode(kg.kkt(m), kg.SOS1()), tmp_path / "handbook.sizes")
    columns = int(path.read_text().split()[0])
    assert columns == kg.encode(kg.kkt(m), kg.SOS1()).n
    with pytest.raises(kg.UnsupportedError, match=r"\.sizes cannot hold"):
        kg.write(kg.encode(kg.kkt(m), kg.Product()), tmp_path / "product.sizes")


def test_a_solver(drop):
    drop(
        "kktgen.solvers",
        "dropped_solver",
        '''
        """HiGHS under another name."""

        from dataclasses import replace

        from kktgen.solvers import highs

        TITLE, INSTALL = "Dropped", "pip install dropped"
        FEATURES, TOL = highs.FEATURES, highs.TOL


        def available():
            return True


        def version():
            return "0.1"


        def solve(model, **arguments):
            return replace(highs.solve(model, **arguments), solver="Dropped 0.1")
        ''',
    )
    assert kg.solvers()["dropped_solver"].available
    m = handbook()
    found = kg.optimize(m, encoding="bigm", solver="dropped_solver", time_limit=20)
    assert found.report.claim == "optimal"
    assert kg.solve(kg.encode(kg.kkt(m), kg.BigM()), "dropped_solver").solver == "Dropped 0.1"
    with pytest.raises(kg.UnsupportedError, match="^Dropped cannot solve SOS1 sets"):
        kg.solve(kg.encode(kg.kkt(m), kg.SOS1()), "dropped_solver")


MODEL = '''
    """A toll road.

    The driver pays the toll or takes the detour.
    """

    from dataclasses import dataclass

    import kktgen as kg


    @dataclass(frozen=True)
    class Parameters:
        """What may be set.

        Parameters
        ----------
        detour : float
            Cost of the detour (EUR).
        """

        detour: float = 2.0


    def build(detour: float = 2.0) -> kg.Bilevel:
        """Return the problem."""
        m = kg.Bilevel("toll")
        toll = m.var("toll", lb=0, ub=10)
        driver = m.follower("driver")
        road = driver.var("road", lb=0, ub=1)
        driver.minimize(toll @ road - detour * road)
        m.maximize(toll @ road)
        return m
'''


def test_a_model(tmp_path, monkeypatch):
    """As a file and as a folder, by path and, in the folder of models, by name."""
    shelf = tmp_path / "models"
    (shelf / "dropped_toll").mkdir(parents=True)
    (shelf / "dropped_toll" / "model.py").write_text(textwrap.dedent(MODEL))
    (shelf / "plain_toll.py").write_text(textwrap.dedent(MODEL))
    places = importlib.import_module("kktgen.catalog.places")
    own = places.folder
    monkeypatch.setattr(places, "folder", lambda kind: shelf if kind == "models" else own(kind))
    assert catalog.model_names() == ("dropped_toll", "plain_toll")
    for name in ("dropped_toll", "plain_toll", str(shelf / "dropped_toll"), str(Path(shelf) / "plain_toll.py")):
        out = CliRunner().invoke(cli, ["solve", name, "--set", "detour=3", "-q", "--time-limit", "20"])
        assert out.exit_code == 0, out.output
        assert "optimal" in out.output
