"""Models and instances are found by looking into folders; parameters are read by their types."""

from __future__ import annotations

from typing import Any, Literal

import pytest

import kktgen as kg
from kktgen import catalog
from kktgen.catalog.parameters import REQUIRED, Parameter, convert, parameters_of


def test_every_model_in_the_folder_is_described():
    found = catalog.models()
    assert "dso_vpp" in found
    for name, info in found.items():
        assert info.name == name
        assert info.summary.endswith(".")
        assert info.path.is_file()
        assert all(p.doc for p in info.parameters), f"{name}: a parameter has no documentation"
        assert all(p.default is not REQUIRED for p in info.parameters), f"{name}: a parameter has no default"


def test_every_instance_builds_and_belongs_to_a_model():
    for name in catalog.instance_names():
        case = catalog.load_instance(name)
        assert case.name == name
        assert case.model in catalog.model_names()
        assert case.description
        if case.quick:
            assert isinstance(catalog.build(name), kg.Bilevel)


def test_instances_are_listed_with_their_model():
    for name, info in catalog.models().items():
        assert info.instances == catalog.instance_names(name)


def test_build_reads_text_by_type():
    six = catalog.build("dso_vpp", {"hours": "6"})
    assert len(six.followers) == 3
    assert sum(len(f.columns) for f in six.followers) == 3 * 6 * 6


def test_own_file(model_file):
    path = model_file()
    info = catalog.describe(path)
    assert info.name == "tiny"
    assert info.summary == "A leader who pushes a follower up."
    assert [(p.name, p.type_name, p.default, p.doc) for p in info.parameters] == [
        ("top", "float", 8.0, "Largest x."),
        ("slope", "float", 7.0, "Slope of the last row."),
    ]
    m = catalog.build(str(path), {"top": "3"})
    assert m.space.ub[0] == 3.0


def test_parameters_from_the_arguments_of_build(model_file):
    path = model_file(
        "plain.py",
        '''
        """Plain."""
        import kktgen as kg

        def build(size: int, names: list[str] | None = None):
            """Build.

            Parameters
            ----------
            size : int
                How many.
            names : list
                Their names.
            """
            m = kg.Bilevel("plain")
            m.var("x", size)
            return m
        ''',
    )
    size, names = catalog.describe(path).parameters
    assert (size.name, size.type_name, size.default, size.doc) == ("size", "int", REQUIRED, "How many.")
    assert (names.name, names.type_name, names.doc) == ("names", "list[str] | None", "Their names.")
    assert len(catalog.build(path, {"size": "4"}).space) == 4
    with pytest.raises(kg.ProblemError, match="needs a value for 'size'"):
        catalog.build(path)


def test_comments_document_fields_without_docstring(model_file):
    path = model_file(
        "comments.py",
        """
        from dataclasses import dataclass
        import kktgen as kg

        @dataclass
        class Parameters:
            a: int = 1  # units of a
            b: str = "#"  #: a name

        def build(**parameters):
            return kg.Bilevel("c")
        """,
    )
    assert [p.doc for p in parameters_of(catalog.load_model(path))] == ["units of a", "a name"]


@pytest.mark.parametrize(
    ("hint", "text", "value"),
    [
        (int, "7", 7),
        (int, "1e3", 1000),
        (float, "7", 7.0),
        (float, "-1e-3", -1e-3),
        (float, "inf", float("inf")),
        (bool, "yes", True),
        (bool, "False", False),
        (str, "7", "7"),
        (int | None, "none", None),
        (int | None, "3", 3),
        (str | None, "None", None),
        (str | int, "3", 3),
        (str | int, "x", "x"),
        (list[int], "1,2,3", [1, 2, 3]),
        (list[float], "[1, 2.5]", [1.0, 2.5]),
        (list[str], "['a', b]", ["a", "b"]),
        (list[int], "[]", []),
        (list, "1,a", [1, "a"]),
        (tuple[int, float], "(1, 2)", (1, 2.0)),
        (tuple[int, ...], "1,2,3", (1, 2, 3)),
        (Literal["a", 2], "2", 2),
        (Any, "[1, 2]", [1, 2]),
        (Any, "free text", "free text"),
    ],
)
def test_values_are_read_by_type(hint, text, value):
    out = convert((Parameter("k", hint, None, ""),), {"k": text}, "m")["k"]
    assert out == value
    assert type(out) is type(value)


@pytest.mark.parametrize(
    ("hint", "bad", "words"),
    [
        (int, "six", "'k' takes int, not 'six'"),
        (int, "6.5", "whole number"),
        (int, "inf", "whole number"),
        (int, True, "takes int, not True"),
        (float, "nan", "not a number"),
        (float, [1], "takes float"),
        (bool, "maybe", "true or false"),
        (str, 3, "takes str, not 3"),
        (int | None, "x", r"takes int \| None"),
        (list[int], "1,x", r"takes list\[int\]"),
        (list[int], 3, "commas"),
        (tuple[int, int], "1", "2 values"),
        (Literal["a", "b"], "c", "choose from a, b"),
    ],
)
def test_values_of_the_wrong_type_are_refused(hint, bad, words):
    with pytest.raises(kg.ProblemError, match=words):
        convert((Parameter("k", hint, None, ""),), {"k": bad}, "m")


def test_unknown_names_say_what_there_is():
    with pytest.raises(kg.ProblemError, match=r"no model 'dso_vp' \(did you mean dso_vpp\?\); there are: .*dso_vpp"):
        catalog.build("dso_vp")
    with pytest.raises(kg.ProblemError, match=r"no parameter 'hour' \(did you mean hours\?\); it has: .*netting"):
        catalog.build("dso_vpp", {"hour": "6"})
    with pytest.raises(kg.ProblemError, match="no instance 'dso_vpp/nothing'"):
        catalog.load_instance("dso_vpp/nothing")


def test_missing_files_suggest_their_neighbours(model_file, tmp_path):
    model_file()
    with pytest.raises(kg.ProblemError, match=r"no model file .*tinny.py \(did you mean tiny.py\?\)"):
        catalog.load_model(tmp_path / "tinny.py")
    with pytest.raises(kg.ProblemError, match="no instance file"):
        catalog.load_instance(tmp_path / "case.toml")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = 1\n\n1/0\n", "cannot be imported: line 3: ZeroDivisionError"),
        ("def build(:\n", "cannot be imported: line 1: SyntaxError"),
        ("import nothing_of_this_name\n", "cannot be imported: line 1: ModuleNotFoundError"),
        ("x = 1\n", r"has no function build"),
        ("def build():\n    return 3\n", r"build\(\) returned int, not a kktgen.Bilevel"),
        ("def build():\n    return {}['x']\n", r"build\(\) failed: line 2: KeyError: 'x'"),
        ("from __future__ import annotations\n\ndef build(a: Nothing):\n    return 3\n", "type cannot be resolved"),
    ],
)
def test_faulty_model_files_are_refused_with_the_line(model_file, source, words):
    with pytest.raises(kg.ProblemError, match=words):
        catalog.build(model_file("faulty.py", source))


def test_instance_file_beside_its_model(model_file, tmp_path):
    model_file()
    path = tmp_path / "case.toml"
    path.write_text(
        'model = "tiny.py"\ndescription = "d"\nquick = true\n[parameters]\ntop = 3\n[known]\nobjective = 1.5\n'
    )
    case = catalog.load_instance(path)
    assert (case.name, case.quick, case.description) == ("tiny/case", True, "d")
    assert (case.parameters, case.known) == ({"top": 3}, {"objective": 1.5})
    assert catalog.build(path).space.ub[0] == 3.0
    assert catalog.build(path, {"top": "4"}).space.ub[0] == 4.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model = ", "not a TOML file"),
        ("modle = 'tiny.py'", r"unknown key 'modle' \(did you mean model\?\)"),
        ("quick = 'yes'", "'quick' must be true or false"),
        ("parameters = 3", "'parameters' must be a table"),
    ],
)
def test_faulty_instances_are_refused(tmp_path, text, words):
    path = tmp_path / "case.toml"
    path.write_text(text)
    with pytest.raises(kg.ProblemError, match=words):
        catalog.load_instance(path)


OTHER_FILES = {
    "x.lp": ("a single-level model", "kktgen info {} tells its sizes"),
    "folder/x.mps.gz": ("a single-level model", "kktgen info {} tells its sizes"),
    "X.CIP": ("a single-level model", "kktgen info {} tells its sizes"),
    "x.nl": ("a single-level model", ".bilevel.json"),
    "x.gms": ("a single-level model", ".toml"),
    "x.sol": ("a point", "kktgen verify MODEL {}"),
    "x.map.json": ("a map of names", ".aux"),
    "x.certificate.json": ("a certificate", ".py"),
}


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("name", OTHER_FILES)
def test_files_of_other_kinds_are_told_by_what_they_are(name, there, tmp_path):
    path = tmp_path / name
    if there:
        path.parent.mkdir(exist_ok=True)
        path.write_text("Minimize\n")
    for build in (catalog.build, catalog.load_instance, catalog.load_model):
        with pytest.raises(kg.ProblemError) as caught:
            build(path)
        assert all(words.format(path) in str(caught.value) for words in OTHER_FILES[name])


def test_a_model_file_with_its_aux_beside_it_points_there(tmp_path):
    (tmp_path / "x.aux").write_text("")
    with pytest.raises(kg.ProblemError, match=r"beside it lies .*x\.aux, give that"):
        catalog.build(tmp_path / "x.mps")
