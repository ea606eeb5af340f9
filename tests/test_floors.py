"""A module imports only from the floors below its own, so that data flow one way."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import kktgen

PACKAGE = Path(kktgen.__file__).parent

FLOORS: tuple[str, ...] = (
    "lineage scip_errors errors deadline background < timed sparse space refusals < rows < expr < join"
    " < array_functions",
    "qp quiet kernel convexity tables pairs summary units terms < model < solution mccormick constants fingerprint",
    "variable system curvature < follower < matrices < bilevel",
    "scale",
    "kkt",
    "identity eliminate relax bounds cuts level",
    "encodings",
    "single < formats < solvers < recession",
    "faults exactness report claims residuals resolve worth verify faces maxmin ties span nudge exact",
    "parameters search findings < shelf < loading instance < catalog optimize robust agree agreement < explain"
    " < point_estimate plots sweep",
    "child show options problem_files checks ends < jobs < outcome model_files < commands < cli < __main__",
)
"""From the ground up; ``a < b``: on one floor, b may import a. Names of one group may import one another."""

RANK = {
    name: (floor, group)
    for floor, line in enumerate(FLOORS)
    for group, names in enumerate(line.split("<"))
    for name in names.split()
}
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if "_models" not in p.parts and "_instances" not in p.parts)
FACADE = {"kktgen", "__init__"}


def owner(path: Path) -> str:
    """Return the part of the house a file belongs to: its module, or the package folder it is in."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(path: Path, source: str | None = None) -> set[str]:
    """Return the parts of kktgen that a file imports, wherever in the file; ``kktgen`` for the public names."""
    parents = path.relative_to(PACKAGE).parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8") if source is None else source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ["kktgen", *parents][: len(parents) + 2 - node.level] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            inside = stem == "kktgen" and {alias.name for alias in node.names} & set(RANK)
            names = [f"kktgen.{name}" for name in inside] if inside else [stem]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "kktgen":
                found.add(parts[1] if len(parts) > 1 else "kktgen")
    return found


def complaints(path: Path, source: str | None = None) -> list[str]:
    """Return what a file imports and should not."""
    me = owner(path)
    floor, group = RANK[me]
    out = []
    for other in sorted(imports(path, source) - {me}):
        if other in FACADE:
            if floor < 8:
                out.append(f"{path.name} imports the public names of kktgen itself")
        elif RANK[other][0] > floor or (RANK[other][0] == floor and RANK[other][1] > group):
            out.append(f"{path.name} (floor {floor}) imports {other} (floor {RANK[other][0]})")
    return out


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path):
    if path == PACKAGE / "__init__.py":
        assert owner(path) in FACADE
        return
    assert owner(path) in RANK, f"{path.name} has no floor: put it into FLOORS"
    assert complaints(path) == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("space.py", "from .kkt import kkt"),
        ("kkt.py", "import kktgen.verify"),
        ("model.py", "def f():\n    from kktgen.bilevel import Bilevel"),
        ("kkt.py", "from . import verify"),
        ("kkt.py", "import kktgen as kg"),
        ("formats/lp.py", "from ..solvers import scip"),
        ("formats/lp.py", "from ..verify import verify"),
        ("parameters.py", "from .catalog import models"),
        ("jobs.py", "from .cli import main"),
        ("commands/solve.py", "from ..cli import main"),
    ],
)
def test_an_import_upwards_is_noticed(file, source):
    assert len(complaints(PACKAGE / file, source)) == 1


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("kkt.py", "from .model import Model\nfrom .bilevel import Bilevel\nimport numpy"),
        (
            "solvers/scip.py",
            "from ..formats import lp\nfrom . import highs\nfrom .files import x\nfrom ..model import Model",
        ),
        ("cli.py", "import kktgen as kg\nfrom . import catalog, jobs"),
    ],
)
def test_an_import_downwards_is_fine(file, source):
    assert complaints(PACKAGE / file, source) == []
