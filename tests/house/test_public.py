"""The public names of kktgen, and what their docstrings must hold."""

from __future__ import annotations

import inspect
import pydoc
import rlcompleter
import types
from importlib.metadata import version

import pytest

import kktgen as kg

_TEXT = """
    Affine Agreement Auto BigM Bilevel Blocks BoundError Certificate Estimate Explanation Findings Follower
    FormatError Indicator KktgenError Model NoSolutionError ProblemError Product Progress Proof QP Quad QuadArray
    QuadRow QuadRows Regret Report Result Rows SOS1 Solution SolverError SolverNotFound StrongDuality Table
    Tolerances UnsupportedError agree alignment beside between bound certify concatenate cut decompose
    die_with_parent dumps eliminate encode encodings explain high_point inner_copy kkt master norm optimize pessimistic
    plot point_estimate prove read read_map read_solution readers regret relax robust solve solvers stack sum tighten
    verify write write_solution
"""
NAMES = _TEXT.split()
CANNOT_FAIL = {"die_with_parent", "encodings", "solvers"}
"""Functions without arguments that raise nothing."""
FUNCTIONS = [name for name in NAMES if inspect.isfunction(getattr(kg, name))]
CLASSES = [name for name in NAMES if inspect.isclass(getattr(kg, name))]


def test_the_public_names_are_these():
    there = [n for n in dir(kg) if not n.startswith("_") and not isinstance(getattr(kg, n), types.ModuleType)]
    assert sorted(there) == NAMES
    assert sorted(kg.__all__) == NAMES


def test_the_version_is_that_of_the_package():
    assert kg.__version__ == version("kktgen")


def test_dir_shows_the_public_names_alone():
    shown = [name for name in dir(kg) if not name.startswith("__")]
    parts = ["bounds", "cvxpy", "formats", "highs", "linopy", "matrices", "mof", "plots", "pyomo", "pypsa", "search"]
    assert sorted(shown) == sorted([*NAMES, *parts])
    assert {"__doc__", "__all__", "__version__"} <= {*dir(kg)}
    for folder in (kg.search, kg.formats):
        assert [name for name in dir(folder) if not name.startswith("__")] == sorted(folder.__all__)


def test_tab_completion_finds_searches_and_formats():
    completer = rlcompleter.Completer({"kg": kg})
    assert completer.complete("kg.sea", 0) == "kg.search"
    assert str(completer.complete("kg.search.hh", 0)).startswith("kg.search.hho")
    assert str(completer.complete("kg.formats.dum", 0)).startswith("kg.formats.dumps")
    assert completer.complete("kg.space", 0) is None


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_says_what_it_takes_returns_and_raises(name):
    function = getattr(kg, name)
    text = inspect.getdoc(function) or ""
    sections = {"Returns"} if name in CANNOT_FAIL else {"Parameters", "Returns", "Raises"}
    assert sections <= set(text.splitlines())
    missing = [p for p in inspect.signature(function).parameters if p not in text]
    assert not missing
    assert text.splitlines()[0].endswith(".")


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_and_its_public_members_are_documented(name):
    members = [(name, getattr(kg, name))]
    for word, member in vars(members[0][1]).items():
        held = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if not word.startswith("_") and inspect.isfunction(held):
            members.append((f"{name}.{word}", held))
    assert [word for word, member in members if not (member.__doc__ or "").strip()] == []


@pytest.mark.parametrize("name", ["", *NAMES])
def test_help_can_be_read(name):
    text = pydoc.render_doc(getattr(kg, name) if name else kg, renderer=pydoc.plaintext)
    assert len(text.splitlines()) > 3
    assert " object at 0x" not in text
