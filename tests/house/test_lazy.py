"""Public names are imported when they are first used, and are the same whichever part came first."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import kktgen as kg
from kktgen.lazy import make_lazy

ROOMS = ["solvers", "encodings", "decompose"]
"""Rooms whose names are public functions too."""


def fresh(code: str) -> str:
    """Return what a fresh process prints."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def for_editors() -> dict[str, tuple[str, str]]:
    """Return the part and the word of every name that editors and type checkers see."""
    tree = ast.parse(Path(kg.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    found: dict[str, tuple[str, str]] = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        for name in node.names:
            part = ".".join(filter(None, (node.module, name.name)))
            is_part = (Path(kg.__file__).parent / part.replace(".", "/")).with_suffix(".py").is_file()
            is_room = (Path(kg.__file__).parent / part.replace(".", "/") / "__init__.py").is_file()
            whole = (is_part or is_room) and name.name in WHOLE
            found[name.asname or name.name] = (part, "") if whole else (node.module or "", name.name)
    return found


WHOLE = {"bounds", "cvxpy", "formats", "highs", "linopy", "matrices", "mof", "plots", "pyomo", "pypsa", "search"}
"""Parts that are public as they are."""


def test_names_for_editors_are_the_names_there_are():
    assert for_editors() == dict(kg.__where__)
    assert {*kg.__where__} == {*kg.__all__, "__version__"} | WHOLE


def test_importing_the_package_imports_no_part():
    loaded = fresh("import sys, kktgen; print(*(name for name in sys.modules if name.startswith('kktgen.')))").split()
    assert loaded == ["kktgen.lazy"]


def test_declaring_a_problem_imports_no_solver_and_no_neighbour():
    code = "import sys, kktgen as kg; m = kg.Bilevel('m'); x = m.var('x', lb=0); m.minimize(x); print(*sys.modules)"
    loaded = {name.partition(".")[0] for name in fresh(code).split()}
    assert not loaded & {"pyscipopt", "pandas", "xarray", "matplotlib", "orjson", "rich", "click"}


@pytest.mark.parametrize("room", ROOMS)
def test_a_function_named_as_a_room_stays_a_function(room):
    code = f"import kktgen.{room}; import kktgen as kg; print(callable(kg.{room}), type(kg.{room}).__name__)"
    assert fresh(code).split() == ["True", "function"]
    code = f"import kktgen as kg; kg.optimize; from kktgen import {room}; print(type({room}).__name__)"
    assert fresh(code).split() == ["function"]


def test_what_numpy_does_to_expressions_is_there_with_the_first_problem():
    code = "import numpy as np, kktgen as kg; x = kg.Bilevel('m').var('x', 3); print(np.concatenate([x, x]).shape)"
    assert fresh(code).strip() == "(6,)"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'kktgen' has no attribute 'optimise'"):
        kg.optimise  # noqa: B018


def test_a_star_import_gives_the_public_names():
    assert fresh("from kktgen import *; print(callable(optimize), callable(sum), sum.__module__)").split()[:2] == [
        "True", "True"]  # fmt: skip


def test_a_part_may_be_a_name_and_a_word_may_have_another(monkeypatch):
    package = type(sys)("lazy_example")
    monkeypatch.setitem(sys.modules, "lazy_example", package)
    monkeypatch.setitem(sys.modules, "lazy_example.part", part := type(sys)("lazy_example.part"))
    part.total = 3
    make_lazy("lazy_example", {"part": ". total=sum"})
    assert package.part is part
    assert package.sum == 3
    package.sum = part
    assert package.sum == 3
    assert dir(package)[-2:] == ["part", "sum"]
