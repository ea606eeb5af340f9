"""MathOptFormat files read: functions, sets, what is refused by name and place."""

from __future__ import annotations

import json

import numpy as np
import pytest

import kktgen as kg
from kktgen.formats.problems.mof_read import read_mof


def affine(constant=0.0, **terms):
    """Return an affine function."""
    parts = [{"coefficient": value, "variable": name} for name, value in terms.items()]
    return {"type": "ScalarAffineFunction", "terms": parts, "constant": constant}


def variable(name):
    return {"type": "Variable", "name": name}


def row(function, kind, name="", **sides):
    return {"name": name, "function": function, "set": {"type": kind, **sides}}


def document(*constraints, objective=None, sense="min", names="xyz"):
    """Return a file of three variables."""
    return {
        "name": "three", "version": {"major": 1, "minor": 7}, "variables": [{"name": name} for name in names],
        "objective": {"sense": sense, "function": objective or affine(1.5, x=1.0, y=-2.0)},
        "constraints": list(constraints),
    }  # fmt: skip


def body(tmp_path, root):
    path = tmp_path / "level.mof.json"
    path.write_text(json.dumps(root))
    return read_mof(path)


def test_functions_and_sets(tmp_path):
    vector = {
        "type": "VectorAffineFunction", "constants": [1.0, -2.0],
        "terms": [{"output_index": 2, "scalar_term": {"coefficient": 3.0, "variable": "y"}}],
    }  # fmt: skip
    product = {
        "type": "ScalarQuadraticFunction",
        "affine_terms": [{"coefficient": 1.0, "variable": "x"}],
        "constant": 2.0,
    }
    product["quadratic_terms"] = [
        {"coefficient": 4.0, "variable_1": "x", "variable_2": "x"},
        {"coefficient": 5.0, "variable_1": "x", "variable_2": "z"},
    ]
    found = body(tmp_path, document(
        row(variable("x"), "GreaterThan", lower=0), row(variable("x"), "LessThan", lower=0, upper=9),
        row(variable("y"), "Interval", lower=-1, upper=1), row(variable("z"), "ZeroOne"),
        row({"type": "SingleVariable", "variable": "x"}, "Integer"),
        row(affine(2.0, x=1.0, y=1.0, z=1.0), "LessThan", "", upper=5),
        row(affine(0.0, x=1.0, y=3.0), "Interval", "band", lower=-1, upper=4),
        row(affine(0.0, z=2.0), "EqualTo", "c1", value=2),
        row(vector, "Nonpositives", "v", dimension=2),
        row({"type": "VectorOfVariables", "variables": ["y", "z"]}, "Zeros", dimension=2),
        row(product, "LessThan", "quad", upper=8), objective=product, sense="max",
    ))  # fmt: skip
    assert (found.lb.tolist(), found.ub.tolist()) == ([0, -1, -np.inf], [9, 1, np.inf])
    assert found.kind.tolist() == ["I", "C", "B"]
    assert found.rows.tolist() == ["c2", "band", "c1", "v[1]", "v[2]", "c3", "c4"]
    assert found.M.toarray().tolist() == [[1, 1, 1], [1, 3, 0], [0, 0, 2], [0, 0, 0], [0, 3, 0], [0, 1, 0], [0, 0, 1]]
    assert found.lo.tolist() == [-np.inf, -1, 2, -np.inf, -np.inf, 0, 0]
    assert found.hi.tolist() == [3, 4, 2, -1, 2, 0, 0]
    assert (found.sense, found.offset, found.cost.tolist()) == (-1, 2, [1, 0, 0])
    assert found.P.toarray().tolist() == [[4, 0, 5], [0, 0, 0], [5, 0, 0]]
    quad = found.quads[0]
    assert (quad.name, quad.lo, quad.hi, quad.q.tolist()) == ("quad", -np.inf, 6, [1, 0, 0])
    assert quad.P.toarray().tolist() == found.P.toarray().tolist()


def test_a_level_may_have_no_objective(tmp_path):
    root = document()
    root["objective"] = {"sense": "feasibility"}
    assert body(tmp_path, root).sense == 0


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda d: d.update(version={"major": 0}), kg.FormatError, "expected MathOptFormat"),
        (lambda d: d.pop("variables"), kg.FormatError, "top.variables: expected a list, got null"),
        (lambda d: d["variables"].append({"name": "x"}), kg.FormatError, "variables: 'x' is there twice"),
        (lambda d: d["variables"].append({}), kg.FormatError, r"variables\[3\].name: expected a text, got null"),
        (lambda d: d["objective"].update(sense="most"), kg.FormatError, "objective.sense: expected min, max or feas"),
        (lambda d: d["objective"].update(function=affine(w=1)), kg.FormatError, "no variable is named 'w'"),
        (lambda d: d["objective"].update(function={"type": "ScalarNonlinearFunction"}), kg.UnsupportedError,
         "objective.function: function ScalarNonlinearFunction is not read"),
        (lambda d: d["constraints"].append(row(variable("x"), "Semicontinuous", "s", lower=1, upper=2)),
         kg.UnsupportedError, r"constraints\[0\] \(s\): set Semicontinuous is not read; there are LessThan"),
        (lambda d: d["constraints"].append(row({"type": "VectorOfVariables", "variables": ["x"]}, "SOS1")),
         kg.UnsupportedError, "set SOS1 is not read"),
        (lambda d: d["constraints"].append(row({"type": "VectorQuadraticFunction"}, "Zeros")), kg.UnsupportedError,
         "function VectorQuadraticFunction is not read"),
        (lambda d: d["constraints"].append(row(affine(x=1), "LessThan", upper="a")), kg.FormatError,
         r"constraints\[0\].set.upper: expected a number, got a text"),
        (lambda d: d["constraints"].extend([row(affine(x=1), "LessThan", "r", upper=1)] * 2), kg.FormatError,
         "constraints: 'r' is there twice"),
        (lambda d: d["constraints"].append({"name": "r"}), kg.FormatError, r"constraints\[0\].function: expected"),
    ],
)  # fmt: skip
def test_what_is_not_read_is_named(change, error, words, tmp_path):
    root = document()
    change(root)
    with pytest.raises(error, match=words):
        body(tmp_path, root)


def test_no_json_is_said_with_its_place(tmp_path):
    (tmp_path / "level.mof.json").write_text('{"version":\n nul}')
    with pytest.raises(kg.FormatError, match=r"level.mof.json, line 2, column 2: no JSON"):
        read_mof(tmp_path / "level.mof.json")
