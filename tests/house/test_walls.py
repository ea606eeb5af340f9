"""A test lies in the folder of the room it tests, has the name of what it tests there, and uses no private name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import kktgen

PACKAGE, TESTS = Path(kktgen.__file__).parent, Path(__file__).parents[1]
ROOMS = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists() and path.name[0] != "_")
BESIDE = {
    "models": "tests/models/test_<name>.py tests models/<name>",
    "house": "how the project is built: floors, places, public names, documents, packages",
    "known": "problems with known answers, oracles, files; and the tests of these",
    "whole": "what runs through every room",
}
FILES = sorted(TESTS.rglob("*.py"))
FOREIGN = {"self", "cls", "os", "sys", "np", "numpy"}
"""Whose private names are not those of kktgen."""
REPLACES = ("setattr", "delattr", "getattr")
PRIVATE = re.compile(r"_(?!repr_html_)[A-Za-z]\w*")  # what notebooks call is no private name


def misplaced(path: Path) -> str:
    """Return what is wrong with the place of a test; nothing where it can be found by what it tests."""
    *folders, name = path.parts
    if not name.startswith("test_"):
        return "" if folders[:1] == ["known"] or path.parts == ("conftest.py",) else "helpers of tests lie in known/"
    if len(folders) != 1 or folders[0] not in (*ROOMS, *BESIDE):
        return f"a test lies in one of {', '.join((*ROOMS, *BESIDE))}"
    about, folder = name.removeprefix("test_").removesuffix(".py"), folders[0]
    if folder == "models":
        return "" if (PACKAGE.parent / "models" / about).is_dir() else f"there is no models/{about}"
    if folder in BESIDE:
        return ""
    below = {p.stem for p in (PACKAGE / folder).rglob("*.py")} | {p.name for p in (PACKAGE / folder).rglob("*/")}
    below.add(folder)
    near = any(f"{about}_".startswith(f"{word}_") or f"{word}_".startswith(f"{about}_") for word in below)
    return "" if near else f"kktgen/{folder} has no file or folder {about}"


def private_names(source: str) -> Iterator[str]:
    """Yield the private names that a test imports, takes from an object or replaces, in scripts it writes as well."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None) or ""
            if module.partition(".")[0] != "kktgen":
                names = [alias.name for alias in node.names if isinstance(node, ast.Import)]
                words = [word for name in names if name.startswith("kktgen.") for word in name.split(".")]
            else:
                words = [*module.split("."), *(alias.name for alias in node.names)]
            yield from (word for word in words if PRIVATE.fullmatch(word))
        elif isinstance(node, ast.Attribute) and PRIVATE.fullmatch(node.attr):
            base = node.value
            while isinstance(base, ast.Attribute):
                base = base.value
            if not (isinstance(base, ast.Name) and base.id in FOREIGN):
                yield node.attr
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in REPLACES:
            words = [one.value for one in node.args[1:2] if isinstance(one, ast.Constant)]
            yield from (word for word in words if isinstance(word, str) and PRIVATE.fullmatch(word))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "import kktgen" in node.value:
            yield from re.findall(r"(?<=[\w)\]]\.)_[a-z]\w*\b(?=\W)", re.sub(r"\bos\._exit", "", node.value))


def test_there_are_tests_of_every_room():
    assert {path.parent.name for path in FILES if path.name.startswith("test_")} == {*ROOMS, *BESIDE}


@pytest.mark.parametrize("path", [p.relative_to(TESTS) for p in FILES], ids=str)
def test_every_test_is_found_by_what_it_tests(path):
    assert misplaced(path) == ""


@pytest.mark.parametrize(
    "path", ["test_kkt.py", "plans/test_kkt.py", "model/deep/test_kkt.py", "model/test_kk.py", "model/oracle.py",
             "models/test_tiny.py"],
)  # fmt: skip
def test_a_test_that_nobody_finds_is_one(path):
    assert misplaced(Path(path)) != ""


@pytest.mark.parametrize("path", [p for p in FILES if p != Path(__file__)], ids=lambda p: str(p.relative_to(TESTS)))
def test_no_private_name_is_tested(path):
    assert [*private_names(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    "source",
    [
        "from kktgen.solvers import _found",
        "import kktgen._inner",
        "import kktgen as kg\nkg.Bilevel('m')._space",
        "monkeypatch.setattr(scip, '_attempt', fail)",
        "SCRIPT = 'import kktgen as kg; kg.solvers._found()'",
    ],
)
def test_a_private_name_is_seen(source):
    assert [*private_names(source)] != []


def test_names_of_others_and_own_ones_are_none():
    source = "from numpy._core import x\nimport os\nos._exit(3)\nclass A:\n    def f(self):\n        self._own = 1\n"
    assert [*private_names(source + "A().__dict__\n")] == []
