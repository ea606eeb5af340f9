"""A room of the house imports only from the rooms above it in the list that ``help(kktgen)`` shows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import kktgen

PACKAGE = Path(kktgen.__file__).parent
ROOMS = tuple(re.findall(r"^    ([a-z]+)  +\S", (kktgen.__doc__ or "").partition("The house")[2], flags=re.MULTILINE))
RANK = {room: floor for floor, room in enumerate(ROOMS)}
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if "_models" not in p.parts and "_instances" not in p.parts)
FACADE = ("__init__", "__main__")
"""The public names, and ``python -m kktgen``: they stand above all rooms."""
PUBLIC = ("cli", *FACADE)
"""Who may use the public names."""


def room(path: Path) -> str:
    """Return the room a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path, source: str) -> Iterator[list[str]]:
    """Yield the dotted names that a file imports from kktgen, wherever in the file, without the leading ``kktgen``."""
    parents = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            stems = [(alias.name.split("."), [""]) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ["kktgen", *parents][: len(parents) + 2 - node.level] if node.level else []
            stem = [*base, *(node.module.split(".") if node.module else [])]
            stems = [(stem, [alias.name for alias in node.names])]
        else:
            continue
        for stem, names in stems:
            if stem[0] == "kktgen":
                yield from ([*stem[1:], name] for name in names)


def complaints(path: Path, source: str | None = None) -> list[str]:
    """Return what a file imports and should not."""
    me, out = room(path), []
    for names in imported(path, path.read_text(encoding="utf-8") if source is None else source):
        other = names[0]
        if other not in RANK:
            if me not in PUBLIC:
                out.append(f"{path.name} imports the public name {other or 'kktgen'}")
        elif RANK.get(me, len(RANK)) < RANK[other]:
            out.append(f"{path.name} (in {me}) imports from {other}, which comes after it")
    return out


def test_the_list_is_the_house():
    found = {p.name.removesuffix(".py") for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert found - {"_models", "_instances"} == {*ROOMS, *FACADE}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    assert complaints(path) == []


@pytest.mark.parametrize("name", [r for r in ROOMS if (PACKAGE / r).is_dir()])
def test_a_room_says_what_it_takes_gives_and_must_not_know(name):
    text = (PACKAGE / name / "__init__.py").read_text(encoding="utf-8")
    assert re.search(r"^Takes: .*^Gives: .*^Must not know: ", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("problem/columns.py", "from ..model.kkt import kkt"),
        ("model/kkt.py", "import kktgen.verification.verify"),
        ("numerics/sparse.py", "def f():\n    from kktgen.problem.bilevel import Bilevel"),
        ("model/kkt.py", "from .. import verification"),
        ("model/kkt.py", "import kktgen as kg"),
        ("model/kkt.py", "from kktgen import Bilevel"),
        ("formats/lp.py", "from ..solvers import scip"),
        ("formats/writing/text.py", "from ...verification.verify import verify"),
        ("catalog/parameters.py", "from ..cli import task"),
        ("wording.py", "from .problem.columns import Space"),
    ],
)
def test_an_import_against_the_stream_is_noticed(file, source):
    assert len(complaints(PACKAGE / file, source)) == 1


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("model/kkt.py", "from .model import Model\nfrom ..problem.bilevel import Bilevel\nimport numpy"),
        ("solvers/scip/__init__.py", "from ...formats import lp\nfrom . import load\nfrom ..programs import x"),
        ("cli/task.py", "import kktgen as kg\nfrom .. import catalog\nfrom . import printing"),
    ],
)
def test_an_import_with_the_stream_is_fine(file, source):
    assert complaints(PACKAGE / file, source) == []
