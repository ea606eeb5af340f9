"""Damaged and hostile files are refused in our own words; small random models mean the same in every format.

The number of examples of every property is that of the test, or ``KKTGEN_FUZZ`` where it is set.
"""

from __future__ import annotations

import copy
import gzip
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from format_cases import CASES
from format_models import rich_bilevel
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st
from problems import ALL

import kktgen as kg
from kktgen.catalog.instance import load_instance

PROBLEMS = {problem.name: problem for problem in ALL}
SOLUTIONS = sorted((Path(__file__).parents[1] / "known" / "solutions").glob("0*.*"))


def examples(count: int) -> Any:
    """Return the settings of a property: so many examples, in a folder that all of them share."""
    return settings(
        max_examples=int(os.environ.get("KKTGEN_FUZZ", count)),
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


# -- damage ---------------------------------------------------------------------------------------------

WORDS = [
    "", "nan", "inf", "-inf", "1e400", "-1e308", "1e-400", "99999999999999999999", "-1", "0", "1.5", "x", "y(lower)",
    "@NAME", "@MPS", "@VARSBEGIN", "@VARSEND", "@OBJSENSE", "N", "M", "LC", "LR", "LO", "OS", "\0", "é", "'MARKER'",
    "ENDATA", "RHS", "BOUNDS", "ROWS", "COLUMNS", "NAME", "UP", "BV", "0x10", "1_000", "²", "٣", "1e", "--1",
    "x" * 3000, "\u2028", "../../etc/passwd", "/dev/zero", "two words", "<=", "free", "general", "[", "]", "^2", ":",
    "<", "<!DOCTYPE", "9" * 5000, "-", "#", "=", '"',
]  # fmt: skip
OPS = ("truncate", "flip", "insert", "drop", "double", "swap", "word", "word", "word")
damage = st.lists(
    st.tuples(st.sampled_from(OPS), st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from(WORDS)),
    min_size=1, max_size=4,
)  # fmt: skip


def damaged(data: bytes, steps: list[tuple[str, int, int, str]]) -> bytes:
    """Return a text with bytes, lines and words changed, dropped, doubled and put elsewhere."""
    for what, first, second, word in steps:
        lines = data.split(b"\n")
        at, other = first % len(lines), second % len(lines)
        byte = first % (len(data) + 1)
        if what == "truncate":
            data = data[:byte]
        elif what == "flip":
            data = data[:byte] + bytes([second % 256]) + data[byte + 1 :]
        elif what == "insert":
            data = data[:byte] + second.to_bytes(4, "little") * (1 + second % 9) + data[byte:]
        else:
            if what == "drop":
                del lines[at]
            elif what == "double":
                lines.insert(other, lines[at])
            elif what == "swap":
                lines[at], lines[other] = lines[other], lines[at]
            else:
                words = lines[at].split(b" ")
                words[second % len(words)] = word.encode()
                lines[at] = b" ".join(words)
            data = b"\n".join(lines)
    return data


def refused_or_read(read: Callable[[], Any], *names: str) -> None:
    """Check that a file is read, or refused with its name in a message of bounded length."""
    try:
        read()
    except kg.KktgenError as error:
        assert isinstance(error, kg.FormatError | kg.ProblemError | kg.UnsupportedError | kg.NoSolutionError)
        assert any(name in str(error) for name in names), error
        assert len(str(error)) < 1000


# -- bundles --------------------------------------------------------------------------------------------

BUNDLES = [kg.dumps(rich_bilevel(0), "bilevel.json")]
BUNDLES += [kg.dumps(PROBLEMS[name].build(), "bilevel.json") for name in ("handbook", "market", "either_or", "disc")]
DROP, DOUBLE = object(), object()
VALUES = [
    None, -1, 0, 1, 2, 10**6, 10**18, 10**30, 1.5, -1e308, 1e308, 1e-320, True, "", "x", "x y", "C", "B", "I", "min",
    "\0", "a" * 5000, [], {}, [[]], [None], [1e308] * 3, [-1], [10**18], [0, 10**18], [1] * 70, ["x"], {"a": 1},
    [0] * 9, [1, 2, 3, 4, 5, 6, 7, 8], DROP, DOUBLE,
]  # fmt: skip


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """Return the paths to all values of a JSON document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inside for place in places(part, (*path, key)))]


def changed(root: Any, path: tuple, value: Any) -> Any:
    """Return a JSON document with one value replaced, dropped or doubled."""
    if not path:
        return None if value is DROP or value is DOUBLE else value
    root = at = copy.deepcopy(root)
    for key in path[:-1]:
        at = at[key]
    if value is DROP:
        del at[path[-1]]
    elif value is DOUBLE and isinstance(at, list):
        at.insert(path[-1], at[path[-1]])
    elif value is not DOUBLE:
        at[path[-1]] = value
    return root


@given(st.sampled_from(BUNDLES), damage)
@examples(300)
def test_a_damaged_bundle_is_read_or_refused(tmp_path_factory, text, steps):
    path = tmp_path_factory.getbasetemp() / "a.bilevel.json"
    path.write_bytes(damaged(text.encode(), steps))
    refused_or_read(lambda: kg.read(path), path.name)


@given(
    st.sampled_from(BUNDLES),
    st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(VALUES)), min_size=1, max_size=2),
)
@examples(400)
def test_a_bundle_with_other_values_is_read_or_refused(tmp_path_factory, text, steps):
    root = orjson.loads(text)
    for number, value in steps:
        paths = places(root)
        root = changed(root, paths[number % len(paths)], value)
    path = tmp_path_factory.getbasetemp() / "b.bilevel.json"
    path.write_text(json.dumps(root))
    refused_or_read(lambda: kg.read(path), path.name)


# -- .aux with .mps ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> list[tuple[bytes, bytes]]:
    """Return the texts of pairs .aux and .mps, in three spellings, with the .mps called t.mps."""
    folder, out = tmp_path_factory.mktemp("pairs"), []
    for problem in ALL:
        for form in ("index", "names", "bobilib"):
            if len(out) >= 18:
                break
            path = folder / "t.aux"
            try:
                kg.write(problem.build(), path, form=form)
            except kg.KktgenError:
                break
            out.append((path.read_bytes(), path.with_suffix(".mps").read_bytes()))
    assert len(out) == 18
    return out


@given(st.integers(0, 17), st.sampled_from(["aux", "mps", "both"]), damage)
@examples(500)
def test_a_damaged_pair_is_read_or_refused(tmp_path_factory, pairs, which, where, steps):
    folder = tmp_path_factory.getbasetemp()
    aux, mps = pairs[which]
    (folder / "t.aux").write_bytes(aux if where == "mps" else damaged(aux, steps))
    (folder / "t.mps").write_bytes(mps if where == "aux" else damaged(mps, steps))
    refused_or_read(lambda: kg.read(folder / "t.aux"), "t.aux", "t.mps")


MPS = """NAME          h  FREE
ROWS
 N  obj
 L  c1
 G  c2
COLUMNS
    x  obj  1.0
    x  c1  1.0
    y  c1  2.0
    y  c2  1.0
RHS
    RHS  c1  8.0
BOUNDS
 UP BND  x  8.0
ENDATA
"""
AUX = "N 1\nM 1\nLC 1\nLR 1\nLO 1\nOS 1\n"


@pytest.mark.parametrize(
    ("old", "new", "line", "wanted"),
    [
        ("COLUMNS\n", "", 6, "N, L, G or E"), ("ROWS\n", "", 2, "beginning of a section"),
        ("NAME", " x\nNAME", 1, "beginning of a section"),
        (" L  c1\n", " L é c1\n", 4, "a name without blanks"), (" L  c1\n", " X  c1\n", 4, "N, L, G or E"),
        (" L  c1\n", " L\n", 4, "N, L, G or E"), (" L  c1\n", " L  RHS\n", 4, "no keyword"),
        ("x  c1  1.0", "x  c1  abc", 8, "a row and a number"), ("x  c1  1.0", "x  c1  0x1", 8, "a row and a number"),
        ("x  c1  1.0", "x  c1  1.0  c2", 8, "a row and a number"), ("x  c1  1.0", "x", 8, "a row and a number"),
        ("RHS\n", "RHS\nRHS\n", 12, "every section once"), ("RHS  c1  8.0", "RHS  c1  1_0", 12, "a row and a number"),
        (" UP BND  x  8.0", " UP BND", 14, "a bound such as"), ("UP BND", "ZZ BND", 14, "a bound such as"),
        (" UP BND  x  8.0", " UP BND  x  nan", 14, "a bound such as"), ("BOUNDS\n", "WHAT\n", 13, "beginning of a"),
        ("8.0\nBOUNDS", "8.0\0\nBOUNDS", 12, "NUL"), ("BOUNDS\n", "COLUMNS\n", 13, "every section once"),
    ],
)  # fmt: skip
def test_a_defect_of_an_mps_file_is_named_with_its_line(tmp_path, old, new, line, wanted):
    (tmp_path / "a.aux").write_text(AUX)
    (tmp_path / "a.mps").write_text(MPS)
    assert len(kg.read(tmp_path / "a.aux").space) >= 2
    assert old in MPS
    (tmp_path / "a.mps").write_text(MPS.replace(old, new, 1))
    with pytest.raises(kg.FormatError, match=rf"a\.mps, line {line}: .*({wanted})"):
        kg.read(tmp_path / "a.aux")


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("ENDATA\n", "", "ENDATA is missing"), (MPS, "", "ROWS is missing"),
        ("    y  c2  1.0\n", "    y  c2  1.0\n    x  c2  3.0\n", "column is there twice"), ("G  c2", "G  c1", "cannot"),
        ("x", "x" * 3000, "longer than 255"), ("x  obj  1.0", "x  obj  1e400", "NaN or inf"),
    ],
)  # fmt: skip
def test_a_defect_of_a_whole_mps_file_is_named(tmp_path, old, new, wanted):
    (tmp_path / "a.aux").write_text(AUX)
    (tmp_path / "a.mps").write_text(MPS.replace(old, new))
    with pytest.raises(kg.FormatError, match=rf"a\.(mps|aux).*({wanted})"):
        kg.read(tmp_path / "a.aux")


# -- other files ------------------------------------------------------------------------------------------


@given(st.integers(0, 10**6), damage)
@examples(300)
def test_a_damaged_solution_is_read_or_refused(tmp_path_factory, which, steps):
    source = SOLUTIONS[which % len(SOLUTIONS)]
    path = tmp_path_factory.getbasetemp() / f"a{''.join(source.suffixes)}"
    path.write_bytes(damaged(source.read_bytes(), steps))
    model = kg.kkt(CASES[source.name.split(".")[0]].build())
    refused_or_read(lambda: kg.read_solution(path, model), path.name)


TOML = """# A case.
model = "random_bilevel"
description = "one"
quick = true

[parameters]
seed = 3
rows = 12
family = "lp"

[known]
objective = -1.5
claim = "optimal"
"""


@given(damage)
@examples(200)
def test_a_damaged_instance_is_read_or_refused(tmp_path_factory, steps):
    path = tmp_path_factory.getbasetemp() / "a.toml"
    path.write_bytes(damaged(TOML.encode(), steps))
    refused_or_read(lambda: load_instance(str(path)), path.name)


@cache
def zeros() -> bytes:
    """Return half a gigabyte of nothing, packed."""
    return gzip.compress(bytes(1 << 29))


BOMBS = {
    "deep.bilevel.json": lambda: b"[" * 100_000 + b"]" * 100_000,
    "deeper.bilevel.json": lambda: b'{"format":' * 100_000 + b"1" + b"}" * 100_000,
    "shape.bilevel.json": lambda: bundle(shape=[10**12]),
    "empty.bilevel.json": lambda: bundle(shape=[0, 10**18], lb=[], ub=[]),
    "axes.bilevel.json": lambda: bundle(shape=[1] * 1000),
    "columns.bilevel.json": lambda: bundle(columns=10**12),
    "zeros.bilevel.json.gz": zeros,
    "zeros.aux.gz": zeros,
    "many.aux.gz": lambda: gzip.compress(b"LC 1\n" * (1 << 24)),
    "word.aux": lambda: b"LC 1\n" * 100_000 + b"LC " + b"9" * 1_000_000,
    "count.aux": lambda: b"N 999999999999999\nM 0\nLC 1\nLO 1\n",
    "deep.toml": lambda: b"a = " + b"[" * 100_000 + b"]" * 100_000,
    "long.toml": lambda: b"a = " + b"9" * 100_000,
    "names.aux": lambda: b"N 0\nM 0\n",
    "deep.sol": lambda: b"<?xml version='1.0'?>" + b"<a>" * 100_000,
    "deep.json": lambda: b"[" * 100_000,
    "laughs.sol": lambda: b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'bbbbbbbbbb'>"
    + b"".join(b"<!ENTITY b%d '%s'>" % (k, b"&b%d;" % (k - 1) * 10) for k in range(1, 12)) + b"]><a>&b11;</a>",
    "zeros.sol.gz": zeros,
}  # fmt: skip


def bundle(columns: int | None = None, **changes: Any) -> bytes:
    """Return a bundle of one variable with some of its values changed."""
    m = kg.Bilevel("one")
    m.var("x", lb=0, ub=1)
    root = orjson.loads(kg.dumps(m, "bilevel.json"))
    root["declarations"][0].update(changes)
    return orjson.dumps(root | ({} if columns is None else {"columns": columns}))


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are those of Linux")
def test_bombs_are_refused_in_little_memory_and_time(tmp_path):
    """A child that may take half a gigabyte more than it has reads them all."""
    for name, make in BOMBS.items():
        (tmp_path / name).write_bytes(make())
    (tmp_path / "names.mps").write_text(MPS.replace("c2", "c" * 1_000_000))
    os.mkfifo(tmp_path / "pipe.aux")
    source = """
    import resource, sys, time
    import kktgen as kg, highspy
    from kktgen.catalog.instance import load_instance
    kg.solve(kg.Bilevel("warm"), "highs")
    m = kg.Bilevel("m")
    m.var("x", lb=0, ub=1)
    model = kg.kkt(m)
    size = next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmSize"))
    resource.setrlimit(resource.RLIMIT_AS, (size + (1 << 29),) * 2)
    for name in sys.argv[1:]:
        began = time.perf_counter()
        try:
            if name.endswith(".toml"):
                load_instance(name)
            elif ".sol" in name or not ".bilevel" in name and name.endswith(".json"):
                kg.read_solution(name, model)
            else:
                kg.read(name)
            print(name, "read", flush=True)
        except kg.KktgenError as error:
            slow, named = time.perf_counter() - began > 5, name.split(".")[0] in str(error)
            print(name, "slow" if slow else type(error).__name__ if named else error, flush=True)
        except BaseException as error:
            print(name, repr(error)[:200], flush=True)
    """
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    names = [*BOMBS, "pipe.aux"]
    out = subprocess.run([sys.executable, "-c", textwrap.dedent(source), *names], cwd=tmp_path, env=env, text=True,
                         capture_output=True, timeout=120)  # fmt: skip
    said = dict(line.split(" ", 1) for line in out.stdout.splitlines())
    assert list(said) == names, out.stderr
    assert said.pop("deep.toml") == said.pop("long.toml") == "ProblemError"
    assert set(said.values()) == {"FormatError"}, said


# -- models mean the same in every format -----------------------------------------------------------------


halves = st.integers(-8, 8).map(lambda k: k / 2)


@st.composite
def models(draw: Any) -> kg.Bilevel:
    """Draw a small bounded model: integers, double-sided rows, products, sets, indicators, a constant.

    The linear rows hold at the lower corner of the box, so that most models have a point.
    """
    n = draw(st.integers(2, 4))
    m = kg.Bilevel("drawn")
    parts, corner, kinds = [], [], draw(st.sampled_from(["C", "C", "CI", "CIB"]))
    for k in range(n):
        kind, low, width = (
            draw(st.sampled_from(kinds)),
            draw(st.sampled_from([0.0, 0.0, -2.0, -0.5, 1.5])),
            draw(halves),
        )
        low = {"B": 0.0, "I": np.ceil(low)}.get(kind, low)
        corner.append(low)
        parts.append(m.var(f"x{k}", lb=low, ub=1 if kind == "B" else low + abs(width), kind=kind))
    x = kg.concatenate([part.ravel() for part in parts])
    vector = st.lists(halves, min_size=n, max_size=n).map(np.array)
    for k in range(draw(st.integers(0, 3))):
        row = draw(vector)
        below, above = draw(st.sampled_from([(0, 3), (1, np.inf), (np.inf, 2.5), (0.5, 0.5), (0, 0)]))
        m.add(kg.between(row @ corner - below, row @ x, row @ corner + above), name=f"row{k}")
    goal = draw(vector) @ x + draw(halves)
    shape = draw(st.sampled_from(["linear", "linear", "convex", "any"]))
    if shape == "convex":
        factor = draw(vector) @ x + draw(halves)
        goal = goal + factor @ factor
    elif shape == "any":
        goal = goal + draw(halves) * (x[0] @ x[1]) + draw(halves) * (x[1] @ x[1])
    if draw(st.booleans()) and shape != "convex":
        m.maximize(goal)
    else:
        m.minimize(goal)
    if draw(st.integers(0, 2)) == 0:
        m.sos1(draw(st.permutations(parts))[: draw(st.integers(2, n))])
    if draw(st.integers(0, 2)) == 0:
        b, row = m.var("b", kind="B"), draw(vector.filter(np.any))
        below, above = draw(st.sampled_from([(0, 3), (1, np.inf), (-1, 2.5), (0, 0)]))
        m.indicator(b, draw(st.integers(0, 1)), kg.between(row @ corner - below, row @ x, row @ corner + above))
        m.add(b + x[0] >= corner[0] + draw(st.integers(0, 1)), name="on")
    if draw(st.integers(0, 3)) == 0:
        m.add(x[0] @ x[1] + draw(halves) * (x[0] @ x[0]) - x[n - 1] <= 3.5, name="product")
    return m


def by_scip(path: Path) -> tuple[str, float | None]:
    """Return status and objective of a file."""
    import pyscipopt

    scip = pyscipopt.Model()
    scip.hideOutput()
    scip.setParam("limits/gap", 1e-6)
    scip.setParam("constraints/SOS1/boundcutsfreq", -1)  # as in kktgen.solvers.scip: SCIP 10 errs with them
    scip.readProblem(str(path))
    scip.optimize()
    status = "optimal" if scip.getStatus() == "gaplimit" else scip.getStatus()
    return status, scip.getObjVal() if status == "optimal" else None


def by_highs(path: Path) -> tuple[str, float | None]:
    """Return status and objective of a file."""
    import highspy

    highs = highspy.Highs()
    highs.silent()
    assert highs.readModel(str(path)) != highspy.HighsStatus.kError
    highs.setOptionValue("mip_rel_gap", 0.0)
    highs.run()
    optimal = highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return ("optimal" if optimal else "infeasible"), highs.getInfo().objective_function_value if optimal else None


@given(models())
@examples(60)
def test_a_written_model_has_the_optimum_of_the_model(tmp_path_factory, m):
    folder = tmp_path_factory.getbasetemp()
    model = kg.kkt(m)
    note(kg.dumps(model, "lp"))
    sol = kg.solve(model, "scip", time_limit=5, gap=1e-6)
    assume(sol.status != "time_limit")
    assert sol.status in ("optimal", "infeasible")
    readers = [("lp", by_scip), ("mps", by_scip), ("cip", by_scip)]
    if model.features <= {"int"} or model.features <= {"qobj"}:
        readers += [("lp", by_highs), ("mps", by_highs)]
    for suffix, read in readers:
        path = kg.write(model, folder / f"drawn.{suffix}")
        status, value = read(path)
        assert status == sol.status, (suffix, read.__name__)
        if value is not None:
            assert m.sense * value == pytest.approx(sol.objective, rel=1e-5, abs=1e-5), (suffix, read.__name__)
