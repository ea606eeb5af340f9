"""Bilevel problems as ``.bilevel.json``: the same problem comes back, and what is no such file is refused."""

from __future__ import annotations

import gzip
import random

import numpy as np
import orjson
import pytest
from format_models import rich_bilevel
from problems import ALL

import kktgen as kg
from kktgen.catalog import build
from kktgen.formats.problems import bundle_read
from kktgen.model.model import Model


def buildable() -> list:
    out = []
    for problem in ALL:
        try:
            problem.build()
        except kg.ProblemError:
            continue
        out.append(problem)
    return out


PROBLEMS = buildable()


def text(m: kg.Bilevel) -> str:
    return kg.dumps(m, "bilevel.json")


def again(m: kg.Bilevel) -> kg.Bilevel:
    return bundle_read.load(text(m).encode(), "memory")


def same(a: object, b: object) -> bool:
    """Tell whether two values hold the same numbers, bit for bit."""
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype.kind == "f":
        return a.shape == b.shape and a.tobytes() == b.tobytes()
    return a.shape == b.shape and bool((a == b).all())


def assert_same_model(a: Model, b: Model) -> None:
    assert [str(block) for block in a.space.blocks] == [str(block) for block in b.space.blocks]
    for key in ("lb", "ub", "kind", "owner", "role", "proof"):
        assert same(getattr(a.space, key), getattr(b.space, key)), key
    assert a.name == b.name and a.sense == b.sense and a.features == b.features
    tables = [(a.rows, b.rows), (a.quads.linear, b.quads.linear), (a.indicators.rows, b.indicators.rows)]
    for one, other in tables:
        assert str(one.blocks) == str(other.blocks)
        assert same(one.lo, other.lo) and same(one.hi, other.hi)
    pairs = [(one.M, other.M) for one, other in tables] + [(a.objective.linear, b.objective.linear)]
    if a.pairs is not None:
        pairs.append((a.pairs.M, b.pairs.M))
        assert (
            same(a.pairs.r, b.pairs.r) and same(a.pairs.mu, b.pairs.mu) and str(a.pairs.blocks) == str(b.pairs.blocks)
        )
        assert same(a.kkt.priced, b.kkt.priced)
    for M, N in pairs:
        assert same(M.data, N.data) and same(M.indices, N.indices) and same(M.indptr, N.indptr)
    for one, other in ((a.objective, b.objective), (a.quads, b.quads)):
        assert same(one.i, other.i) and same(one.j, other.j) and same(one.v, other.v)
    assert same(a.objective.r, b.objective.r)
    assert same(a.sos1.start, b.sos1.start) and same(a.sos1.columns, b.sos1.columns)
    assert same(a.indicators.binary, b.indicators.binary) and same(a.indicators.value, b.indicators.value)


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_the_same_problem_comes_back(problem):
    m = problem.build()
    back = again(m)
    assert text(back) == text(m)
    assert_same_model(kg.kkt(m), kg.kkt(back))
    assert [f.sense for f in m.followers] == [f.sense for f in back.followers]


def test_the_problems_have_what_is_hard_to_keep():
    built = [problem.build() for problem in PROBLEMS]
    assert len(built) >= 40
    assert any(len(m.followers) > 1 for m in built) and any(m.quads for m in built) and any(m.sets for m in built)
    assert any(kg.kkt(m).kkt.priced.any() for m in built if m.followers)
    assert any((m.space.kind == "B").any() for m in built)
    assert any(len(f.cost.v) for m in built for f in m.followers if f.cost is not None)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("family", ["lp", "qp", "qp_singular", "toll"])
def test_random_problems_come_back(family, seed):
    m = build("random_bilevel", {"family": family, "seed": seed, "followers": 2, "integers": 0.4, "coupling": 0.3})
    assert_same_model(kg.kkt(m), kg.kkt(again(m)))


FAMILIES = [
    "classics/conejo_2016", "cournot/five_3m", "forecast/p2_d5", "hyper/lasso_60x5", "hyper/svm_iris_12x2",
    "inverse/grid_ways3", "knapsack/i10_k3", "paths/grid_6x6_closed", "portfolio/a12_inv3_offers2", "qpec/n4_m8",
    "roads/braess_close",
]  # fmt: skip


@pytest.mark.parametrize("name", FAMILIES)
def test_families_of_the_literature_come_back(name):
    m = build(name)
    assert_same_model(kg.kkt(m), kg.kkt(again(m)))


@pytest.mark.parametrize(
    "name", ["dso_vpp", "carbon_vpp", "grid_attack", "dc_market", "storage", "expansion", "switching", "siting"]
)
def test_the_models_come_back(name):
    m = build(name)
    back = again(m)
    assert text(back) == text(m)
    assert_same_model(kg.kkt(m), kg.kkt(back))
    for one, other in zip(m.followers, back.followers, strict=True):
        assert one.qp().ny == other.qp().ny and same(one.qp().P.data, other.qp().P.data)


@pytest.mark.parametrize("seed", range(3))
def test_sets_indicators_and_quadratic_rows_come_back(seed):
    m = rich_bilevel(seed)
    assert_same_model(kg.kkt(m), kg.kkt(again(m)))


def awkward() -> kg.Bilevel:
    """Return a problem with rows that make no columns, mixed kinds, -0.0, tiny numbers and names of any letters."""
    m = kg.Bilevel('Größe "x"\n')
    first, second = m.follower("α"), m.follower("β,1")
    late = first.var("late", (2, 2), lb=[[0, -np.inf], [1, 2]], ub=[[np.inf, 5], [1, np.inf]])
    x = m.var("x", 3, lb=[0, -1, 0], ub=[1, 1e300, 1])
    m.space.kind[x.cols] = ["B", "I", "C"]
    free = first.add(kg.between(-np.inf, x[2] + late[0, 0], np.inf), name="free")
    assert (free.dual.M.nnz, free.dual.c[0]) == (0, 0.0)
    y = second.var("y", lb=-0.0)
    price = first.add(late.sum() + x[1] >= 0.1 + 0.2, name="need").dual
    first.add(kg.between(-1, late[:, 0] - 5e-324 * x[0], 1), name="two")
    second.minimize(price * y + y @ y + 1e-17)
    first.maximize(-0.0 - late.sum() * 1e22)
    second.add(y <= late[0, 1], name="nash")
    m.maximize(price @ y + x.sum() / 3)
    m.add(price <= 7, x[0] * y >= -1)
    m.indicator(x[0], 0, kg.between(-1, y + price, 2.5), name="on")
    m.sos1([x[2], y], name="one")
    m.about = {
        "model": "own",
        "parameters": {"seed": 3, "sizes": [1, 2]},
        "known": {"objective": -1.5, "claim": "optimal"},
        "version": "0.1",
        "files": {"own.lp": "0" * 64},
    }
    return m


def test_what_is_awkward_comes_back(tmp_path):
    m = awkward()
    path = kg.write(m, tmp_path / "a.bilevel.json")
    back = kg.read(path)
    assert_same_model(kg.kkt(m), kg.kkt(back))
    assert kg.write(back, tmp_path / "b.bilevel.json").read_bytes() == path.read_bytes()
    assert back.about == m.about and back.name == m.name
    more = back.follower("γ").var("z", lb=0)  # it can be declared on
    back.add(more <= 1)


def test_it_has_the_same_optimum(tmp_path):
    problem = next(p for p in PROBLEMS if p.name == "market")
    found = kg.optimize(kg.read(kg.write(problem.build(), tmp_path / "m.bilevel.json")))
    assert found.solution.objective == pytest.approx(problem.objective, rel=1e-6)
    assert found.report.claim == "optimal"


def test_packed_is_the_same_bytes_and_reads_the_same(tmp_path):
    m = awkward()
    one, two = (kg.write(m, tmp_path / f"{k}.bilevel.json.gz").read_bytes() for k in "ab")
    assert one == two and gzip.decompress(one).decode() == text(m)
    assert text(kg.read(tmp_path / "a.bilevel.json.gz")) == text(m)
    (tmp_path / "a.bilevel.json.gz").write_bytes(one[:-9])
    with pytest.raises(kg.FormatError, match="cannot be unpacked"):
        kg.read(tmp_path / "a.bilevel.json.gz")


def test_a_model_is_no_bilevel_problem(tmp_path):
    with pytest.raises(kg.UnsupportedError, match="give the Bilevel, not a Model"):
        kg.write(kg.kkt(awkward()), tmp_path / "a.bilevel.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"known": 3}, "about.known: expected dict, got int"),
        ({"files": {"a.lp": "abc"}}, "expected a sha256"),
        ({"known": {"where": object()}}, "cannot hold this"),
        ("words", "expected an object"),
    ],
)
def test_about_holds_what_the_schema_has(about, said, tmp_path):
    m = awkward()
    m.about = about
    with pytest.raises(kg.ProblemError, match=said):
        kg.write(m, tmp_path / "a.bilevel.json")
    assert list(tmp_path.iterdir()) == []


def change(path: list, value: object) -> bytes:
    """Return the text of the awkward problem with one value replaced; ``...`` takes it out."""
    root = orjson.loads(text(awkward()))
    at = root
    for key in path[:-1]:
        at = at[key]
    if value is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return orjson.dumps(root)


FAULTS = [
    (["format"], "lp", "no bundle"),
    (["version"], 3, "version 3 of the schema; this kktgen reads 1 and 2"),
    (["version"], True, "version True"),
    (["colour"], "red", "top: unknown key 'colour'"),
    (["leader"], ..., "the key 'leader' is missing"),
    (["leader"], [], "leader: expected an object with sense, objective"),
    (["name"], 3, "name: expected a text, got a whole number"),
    (["name"], "", "name: a problem is named by a text"),
    (["columns"], 3, "columns: 3, but the declarations make"),
    (["columns"], -3, "columns: expected a whole number at least 0"),
    (["about"], {"files": []}, "about.files: expected dict"),
    (["declarations", 0, "follower"], "nobody", r"declarations\[0\].follower: expected the name of a follower"),
    (["declarations", 0, "shape"], [3, 2], r"declarations\[0\].shape: expected the shape of 4 entries"),
    (["declarations", 0, "shape"], [10**12], "expected the shape of 4 entries"),
    (["declarations", 0, "shape"], [-2, -2], "expected the shape of 4 entries"),
    (["declarations", 0, "lb", 1], "0", r"declarations\[0\].lb\[1\]: expected a number or null, got a text"),
    (["declarations", 0, "lb", 1], True, "expected a number or null, got true/false"),
    (["declarations", 0, "ub"], [1.0], "ub: expected 4 entries, got 1"),
    (["declarations", 0, "ub", 0], -1.0, r"declarations\[0\]: variable 'late': lb 0 and ub -1"),
    (["declarations", 0, "kind"], "I", r"declarations\[0\].kind: expected C, as followers are continuous in version 1"),
    (["declarations", 1, "kind"], "BIX", "kind: expected C, B or I, once or for each of 3 entries"),
    (["declarations", 1, "ub", 0], 2.0, "expected the bounds of a binary within 0 and 1"),
    (["declarations", 1, "variable"], "", "a variable is named by a text"),
    (["declarations", 2, "value", 0], None, r"declarations\[2\].value\[0\]: expected a number, got null"),
    (["declarations", 2, "column", 0], 10**9, "column: expected whole numbers from 0 to"),
    (["declarations", 2, "column", 0], 1.0, r"column\[0\]: expected a whole number, got a number"),
    (["declarations", 2, "column"], [4, 4], "column: expected columns that rise within every row, none twice"),
    (["declarations", 2, "start", 0], 1, "start: expected numbers that rise from 0"),
    (["declarations", 2, "lo", 0], [1.0], "expected a number or null, got a list"),
    (["followers", 0, "sense"], "least", "followers\\[0\\].sense: expected 'min' or 'max'"),
    (["followers", 0, "name"], "β,1", "name: .* already has a follower"),
    (["followers", 1, "cost", "v", 0], -1e9, "not convex"),
    (["followers", 1, "cost", "i"], [], "i: expected"),
    (["followers", 1, "cost", "constant"], None, "constant: expected a finite number, got None"),
    (["leader", "sos1", 0, "column"], [1, 1], r"leader.sos1\[0\]: sos1: a variable stands twice"),
    (["leader", "indicators", 0, "value"], 2, "expected 0 or 1, got 2"),
    (["leader", "indicators", 0, "binary"], 0, "the condition must be one binary variable"),
    (["leader", "quadratic_rows", 0, "lo"], "low", "expected a finite number or null"),
    (["leader", "objective", "column", 0], -1, "leader.objective.column: expected whole numbers from 0"),
    (["leader", "rows"], {}, "leader.rows: expected a list, got an object"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "said"), FAULTS, ids=[f"{k}-{f[0][-1]}" for k, f in enumerate(FAULTS)])
def test_a_fault_is_named_with_its_place(path, value, said):
    data = change(path, value)
    with pytest.raises(kg.FormatError, match=said) as error:
        bundle_read.load(data, "bad.bilevel.json")
    assert str(error.value).startswith("bad.bilevel.json")


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b"null", b"NaN", b'{"format":"kktgen bilevel"}', b"\xff\xfe", b"[" * 5000]
)
def test_what_is_no_bundle_is_refused(data):
    with pytest.raises(kg.FormatError, match="^bad"):
        bundle_read.load(data, "bad")


def test_no_cut_or_replaced_byte_gets_past(tmp_path):
    """A file cut short is refused; one with a byte replaced is refused or is another problem that can be written."""
    whole, rng = text(awkward()).encode(), random.Random(5)
    for stop in rng.sample(range(len(whole) - 2), 150):
        with pytest.raises(kg.FormatError):
            bundle_read.load(whole[:stop], "cut")
    refused = 0
    for _ in range(300):
        at = rng.randrange(len(whole))
        data = whole[:at] + bytes([rng.choice(b'0123456789"[]{},:-.einull x')]) + whole[at + 1 :]
        try:
            text(bundle_read.load(data, "changed"))
        except kg.FormatError:
            refused += 1
    assert refused > 150


VALUES = [None, True, -1, 0.5, 2**63, "", "text", [], [None], {}, 1e308]


def test_no_replaced_value_gets_past():
    """Every value of the file replaced by values of other types raises FormatError or gives another problem."""
    root = orjson.loads(text(awkward()))
    places: list[list] = []

    def walk(at: object, path: list) -> None:
        for key, value in at.items() if isinstance(at, dict) else enumerate(at):
            places.append([*path, key])
            if isinstance(value, dict | list):
                walk(value, [*path, key])

    walk(root, [])
    refused, rng = 0, random.Random(7)
    for path in rng.sample(places, 150):
        try:
            text(bundle_read.load(change(path, rng.choice(VALUES)), "changed"))
        except kg.FormatError:
            refused += 1
    assert refused > 75


def test_a_missing_file_and_an_unknown_suffix_are_format_errors(tmp_path):
    with pytest.raises(kg.FormatError, match="cannot be read"):
        kg.read(tmp_path / "none.bilevel.json")
    with pytest.raises(kg.FormatError, match=r"is read from \.bilevel\.json, \.aux, \.mof\.json or a \.toml table"):
        kg.read(tmp_path / "none.txt")
    with pytest.raises(kg.ProblemError, match="belongs to .aux files"):
        kg.write(awkward(), tmp_path / "a.bilevel.json", form="index")


def test_rows_for_every_response_travel_in_version_2(tmp_path):
    def build(every):
        m = kg.Bilevel("goods")
        x = m.var("x", lb=0, ub=8)
        f = m.follower("f")
        y = f.var("y", 2, lb=0, ub=6)
        f.add(y.sum() >= x, name="need")
        f.minimize(y.sum())
        m.maximize(x)
        m.add(y[0] <= 3, name="limit", every_response=every)
        m.add(x * y[1] <= 9, name="product", every_response=every)
        m.add(x <= 7, name="plain")
        return m

    texts = {}
    for every in (False, True):
        file = tmp_path / f"{every}.bilevel.json"
        kg.write(build(every), file)
        texts[every] = file.read_text()
        again = kg.read(file)
        assert [row.every_response for row in (*again.rows, *again.quads)] == [every, False, every]
        kg.write(again, tmp_path / "again.bilevel.json")
        assert (tmp_path / "again.bilevel.json").read_text() == texts[every]
    assert '"version":1' in texts[False] and '"version":2' in texts[True]
    assert texts[True].replace(',"every_response":true', "").replace('"version":2', '"version":1') == texts[False]
    for wrong, words in (
        (texts[True].replace("true", "false"), "expected True, got False"),
        (texts[True].replace('"version":2', '"version":1'), "unknown key 'every_response'"),
    ):
        (tmp_path / "wrong.bilevel.json").write_text(wrong)
        with pytest.raises(kg.FormatError, match=words):
            kg.read(tmp_path / "wrong.bilevel.json")
    for suffix in (".aux", ".mof.json"):
        with pytest.raises(kg.UnsupportedError, match="row 'limit' of 'goods' is for every response"):
            kg.write(build(True), tmp_path / f"goods{suffix}")
