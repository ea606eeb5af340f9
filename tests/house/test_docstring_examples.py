"""Every public name shows what it is for: an Examples section, which doctest runs."""

from __future__ import annotations

import doctest
import functools
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import kktgen as kg

FOLDERS = (
    "catalog", "catalog.plots", "formats", "interop.cvxpy", "interop.highs", "interop.linopy", "interop.matrices",
    "interop.mof", "interop.pyomo", "interop.pypsa", "search",
)  # fmt: skip
"""Folders that are used by name."""
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
"""As in pyproject.toml."""
SECTION = re.compile(r"^(Parameters|Attributes|Returns|Raises|See Also|Notes|References)\n-+$", flags=re.MULTILINE)
"""What stands before the examples in a docstring."""


def documented(name: str, thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield a public thing and, of a class, its public methods and properties."""
    yield name, thing
    if inspect.isclass(thing):
        for kind in thing.__mro__:
            if kind.__module__.startswith("kktgen"):
                members = ((word, member) for word, member in vars(kind).items() if not word.startswith("_"))
                yield from ((f"{name}.{word}", member) for word, member in members if _described(member))


def _described(member: Any) -> bool:
    return isinstance(member, property | functools.cached_property | classmethod) or inspect.isfunction(member)


def public() -> dict[str, Any]:
    """Return what is public by name."""
    out = dict(part for name in kg.__all__ for part in documented(name, getattr(kg, name)))
    for folder in FOLDERS:
        module = importlib.import_module(f"kktgen.{folder}")
        for name in module.__all__:
            thing = getattr(module, name)
            if callable(thing) and not _plain_data(thing) and thing not in out.values():
                out |= dict(documented(f"{folder}.{name}", thing))
    return out


def _plain_data(thing: Any) -> bool:
    """Tell whether a type is a dict of a given form, as descriptions of plots are."""
    return inspect.isclass(thing) and issubclass(thing, dict)


PUBLIC = public()


def text_of(thing: Any) -> str:
    """Return the docstring."""
    return inspect.cleandoc(thing.__doc__ or "")


def complaints(text: str) -> list[str]:
    """Return what is wrong with the examples of a docstring."""
    heads = re.findall(r"^Examples\n--------\n", text, flags=re.MULTILINE)
    if len(heads) != 1:
        return [f"{len(heads)} sections of examples"]
    shown = text.partition("\nExamples\n--------\n")[2]
    out = [] if doctest.DocTestParser().get_examples(shown) else ["an example without code"]
    out += ["an example that is not run"] if "+SKIP" in shown else []
    out += ["a section after the examples"] if SECTION.search(shown) else []
    return out + (["a folder that stays"] if "mkdtemp" in shown else [])


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_has_examples(name):
    thing, text = PUBLIC[name], text_of(PUBLIC[name])
    if isinstance(thing, property) and "\nExamples\n" not in text:  # what is only read may be shown by its class
        owner, _, word = name.rpartition(".")
        assert re.search(rf"\.{word}\b", text_of(PUBLIC[owner]).partition("\nExamples\n")[2]), f"{name} is not shown"
    else:
        assert complaints(text) == []


def modules() -> Iterator[ModuleType]:
    """Yield every module that is not a program."""
    for info in pkgutil.walk_packages(kg.__path__, "kktgen."):
        if info.name.rpartition(".")[2] != "__main__" and "._models" not in info.name:
            yield importlib.import_module(info.name)


def test_every_example_is_found_by_doctest():
    """What doctest does not find it does not run, and a decorator may hide a function from it.

    Cached properties are found by pytest, not by doctest itself.
    """
    found = {test.docstring for module in modules() for test in doctest.DocTestFinder().find(module) if test.examples}
    things = [thing for thing in PUBLIC.values() if not isinstance(thing, functools.cached_property)]
    texts = {thing.__doc__ for thing in things if thing.__doc__ and ">>>" in thing.__doc__}
    assert len(texts) > 100
    assert [text.splitlines()[0] for text in texts - found] == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Return.", "0 sections of examples"),
        ("Return.\n\nExamples\n--------\nNothing.", "an example without code"),
        ("Return.\n\nExamples\n--------\n>>> f()  # doctest: +SKIP", "an example that is not run"),
        ("Return.\n\nExamples\n--------\n>>> path = mkdtemp()", "a folder that stays"),
        ("Return.\n\nExamples\n--------\n>>> 1\n1\n\nNotes\n-----\nMore.", "a section after the examples"),
    ],
)
def test_a_missing_example_is_noticed(text, complaint):
    assert complaint in complaints(text)


def test_the_settings_are_those_of_the_examples(pytestconfig):
    assert pytestconfig.getoption("doctestmodules")
    assert sum(doctest.OPTIONFLAGS_BY_NAME[flag] for flag in pytestconfig.getini("doctest_optionflags")) == FLAGS


def test_a_wrong_output_is_noticed():
    text = textwrap.dedent(text_of(kg.optimize)).replace("6.1333", "6.1334")
    test = doctest.DocTestParser().get_doctest(text, {}, "wrong", None, 0)
    assert doctest.DocTestRunner(optionflags=FLAGS).run(test, out=lambda line: None).failed > 0
