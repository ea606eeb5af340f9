"""What docstrings refer to is there: every module, class, function, method and constant that they name by its role."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kktgen

PACKAGE = Path(kktgen.__file__).parent
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if not {"_models", "_instances", "__main__.py"} & {*p.parts})
ROLE = re.compile(r":(\w+):`~?([^`<]*?)(?:\s*<~?([^>`]+)>)?`")
KINDS = {"mod", "func", "class", "data", "meth", "attr", "exc"}
ELSEWHERE = ("concurrent", "multiprocessing", "subprocess", "numpy", "np", "scipy", "pandas", "dask", "pathlib")


def dotted(path: Path) -> str:
    """Return the dotted name of a module."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(("kktgen", *(parts[:-1] if parts[-1] == "__init__" else parts)))


def docstrings(source: str) -> Iterator[tuple[str, str]]:
    """Yield the strings that stand as statements, with the class around them: docstrings, of constants too."""

    def walk(node: ast.AST, owner: str) -> Iterator[tuple[str, str]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                if isinstance(child.value.value, str):
                    yield owner, child.value.value
            else:
                yield from walk(child, child.name if isinstance(child, ast.ClassDef) else owner)

    yield from walk(ast.parse(source), "")


def found(name: str, home: str, package: str, owner: str) -> bool:
    """Return whether a name means something where it is written, seen from its class, module or the public names."""
    if name.startswith("."):
        dots = len(name) - len(name.lstrip("."))
        base = package.split(".")
        stems = [".".join([*base[: len(base) + 1 - dots], name.lstrip(".")])]
    elif name.split(".")[0] in ("kktgen", *ELSEWHERE):
        stems = [name]
    else:
        stems = [*([f"{home}.{owner}.{name}"] if owner else []), f"{home}.{name}", f"kktgen.{name}"]
    return any(resolved(stem) for stem in stems)


def resolved(name: str) -> bool:
    """Return whether a dotted name is a module or something within one."""
    words = name.split(".")
    for size in range(len(words), 0, -1):
        try:
            at: Any = importlib.import_module(".".join(words[:size]))
        except ImportError:
            continue
        for word in words[size:]:
            fields = getattr(at, "__dataclass_fields__", {}) | getattr(at, "__annotations__", {})
            if not hasattr(at, word) and word not in fields:
                return False
            at = getattr(at, word, None)
        return True
    return False


def lost(path: Path, source: str) -> list[str]:
    """Return the references of a module's docstrings that lead nowhere."""
    home = dotted(path)
    package = home if path.name == "__init__.py" else home.rpartition(".")[0]
    out = []
    for owner, text in docstrings(source):
        for kind, title, target in ROLE.findall(text):
            name = (target or title).strip().removesuffix("()")
            if kind in KINDS and not found(name, home, package, owner):
                out.append(f":{kind}:`{name}`")
            elif kind not in KINDS and kind != "ref":
                out.append(f"no role {kind}: {name}")
    return out


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_docstrings_refer_to_is_there(path):
    assert lost(path, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "reference",
    [":func:`kktgen.optimise`", ":mod:`.linear_program`", ":class:`Bilevels`", ":meth:`Bilevel.vars`", ":fun:`kkt`"],
)
def test_a_reference_that_leads_nowhere_is_found(reference):
    assert len(lost(PACKAGE / "formats" / "lp.py", f'def f():\n    """See {reference}."""\n')) == 1


def test_references_are_read_as_they_are_written():
    text = ":func:`kktgen.optimize`, :mod:`.cip`, :mod:`..errors`, :class:`~kktgen.Bilevel`, :meth:`Bilevel.var`, "
    text += ":data:`the features <kktgen.model.model.FEATURES>`, :class:`subprocess.Popen`"
    assert lost(PACKAGE / "formats" / "lp.py", f'"""{text}"""\n') == []
    assert len(ROLE.findall(text)) == 7
