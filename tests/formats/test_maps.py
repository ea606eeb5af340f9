"""Maps of names: every column, row and set of a file, in its order, with what it stems from; short names; progress."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dialect import check_lp, check_mps
from format_cases import CASES
from format_models import rich_bilevel

import kktgen as kg
from kktgen import formats
from kktgen.formats.maps.read import read_map
from kktgen.formats.maps.write import map_path

SUFFIXES = ("lp", "mps", "cip")


def market(maximised: bool = True) -> kg.Bilevel:
    """A leader's offer; a market with a balance, bounds that may bind, and a row with two sides."""
    m = kg.Bilevel("market")
    p = m.var("offer", lb=0, ub=60)
    k = m.var("units", kind="I", lb=0, ub=3)
    f = m.follower("market")
    g = f.var("g", 3, lb=0, ub=[30, 20, 40])
    balance = f.add(g.sum() == 50 + k, name="balance")
    f.add(kg.between(-10, g[0] - g[1], 5), name="ramp")
    f.minimize(p @ g[0] + 20 * g[1] + 0.1 * g[1] @ g[1])
    m.add(kg.between(1, p + k, 50), name="cap")
    (m.maximize if maximised else m.minimize)(balance.dual @ g[0] - 10 * g[0] + 7)
    return m


def encoded(encoding: Any) -> kg.Model:
    return kg.encode(kg.bound(kg.eliminate(kg.kkt(market()))), encoding)


def written(problem: Any, path: Path, **options: Any) -> Any:
    formats.write(problem, path, map=True, **options)
    return read_map(path)


@pytest.mark.parametrize("names", ["full", "short"])
@pytest.mark.parametrize("encoding", [kg.SOS1(), kg.BigM()])
@pytest.mark.parametrize("suffix", ["lp", "mps"])
def test_names_stand_in_the_order_of_the_file(suffix: str, encoding: Any, names: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    found = written(encoded(encoding), path, names=names)
    text = path.read_text()
    if suffix == "lp":
        check_lp(text)
        bounds = text.split("Bounds\n")[1].split("Binaries")[0].split("Generals")[0].split("SOS")[0].split("End")[0]
        columns = re.findall(r"^(?: | \S+ <= )([A-Za-z_][\w.(),]*)(?= free| [<>=])", bounds, re.MULTILINE)
        rows = re.findall(r"^ (\S+):$", text.split("Subject To\n")[1].split("Bounds\n")[0], re.MULTILINE)
        sets = re.findall(r"^ (\S+): S1 ::", text, re.MULTILINE)
    else:
        check_mps(text)
        inside = text.split("COLUMNS\n")[1].split("RHS\n")[0].splitlines()
        columns = list(dict.fromkeys(line.split()[0] for line in inside if "MARKER" not in line))
        rows = re.findall(r"^ [LGE]  (\S+)$", text.split("COLUMNS")[0], re.MULTILINE)
        sets = re.findall(r"^ S1 (\S+)$", text, re.MULTILINE)
    assert list(found.columns.name) == columns
    assert list(found.rows.name) == rows
    assert list(found.sets.name) == sets
    if names == "short":
        assert sorted(columns, key=lambda c: (c == "ONE", int(c[1:] or 0) if c != "ONE" else 0)) == [
            *(f"x{k + 1}" for k in range(len(columns) - 1)), "ONE",
        ]  # fmt: skip
        assert rows == [f"c{k + 1}" for k in range(len(rows))] and sets == [f"s{k + 1}" for k in range(len(sets))]


@pytest.mark.parametrize("name", ["11_indicator", "06_qp", "12_everything"])
@pytest.mark.parametrize("names", ["full", "short"])
def test_scip_knows_the_same_names_of_a_cip(name: str, names: str, tmp_path: Path) -> None:
    pyscipopt = pytest.importorskip("pyscipopt")
    path = tmp_path / "a.cip"
    found = written(CASES[name].build(), path, names=names)
    scip = pyscipopt.Model()
    scip.hideOutput()
    scip.readProblem(str(path))
    assert set(found.columns.name) == {v.name for v in scip.getVars()} and len(found.columns) == scip.getNVars()
    rows = [row.name for row in scip.getConss() if row.getConshdlrName() != "SOS1"]
    assert list(found.rows.name) == rows
    assert list(found.sets.name) == [row.name for row in scip.getConss() if row.getConshdlrName() == "SOS1"]


COLUMNS = {
    "offer": ("leader", "leader", "", ""),
    "units": ("leader", "leader", "", ""),
    "g(market,1)": ("primal", "follower", "market", ""),
    "mu_lb(market,g,0)": ("dual", "mu", "market", "lb(market,g,0)"),
    "mu_ub(market,g,1)": ("dual", "mu", "market", "ub(market,g,1)"),
    "lam(market,balance)": ("dual", "lam", "market", "balance(market)"),
    "mu_lo(market,ramp)": ("dual", "mu", "market", "ramp(market)"),
    "mu_up(market,ramp)": ("dual", "mu", "market", "ramp(market)"),
    "ONE": ("constant", "constant", "", ""),
}
ROWS = {
    "cap_lo": ("leader", "leader", "", ""),
    "cap_up": ("leader", "leader", "", ""),
    "stat(market,g,1)": ("stationarity", "stationarity", "market", "g(market,1)"),
    "balance(market)": ("primal", "primal", "market", ""),
}
ENCODINGS = {
    "SOS1": (
        {"s_ub(market,g,2)": ("slack", "slack", "market", "ub(market,g,2)")},
        {"slack_ub(market,g,2)": ("slack", "encoding", "market", "ub(market,g,2)")},
        {"sos_up(market,ramp)": ("complementarity", "encoding", "market", "ramp(market)")},
    ),
    "BigM": (
        {"z_up(market,ramp)": ("binary", "binary", "market", "ramp(market)")},
        {
            "slackM_ub(market,g,2)": ("complementarity", "encoding", "market", "ub(market,g,2)"),
            "dualM_lo(market,ramp)": ("complementarity", "encoding", "market", "ramp(market)"),
        },
        {},
    ),
    "Indicator": (
        {"z_lb(market,g,0)": ("binary", "binary", "market", "lb(market,g,0)")},
        {"off_up(market,ramp)": ("complementarity", "encoding", "market", "ramp(market)")},
        {},
    ),
    "StrongDuality": ({}, {"duality(market)": ("complementarity", "encoding", "market", "")}, {}),
}


@pytest.mark.parametrize("names", ["full", "short"])
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_where_everything_comes_from(encoding: str, suffix: str, names: str, tmp_path: Path) -> None:
    found = written(encoded(getattr(kg, encoding)()), tmp_path / f"a.{suffix}", names=names)
    more = ENCODINGS[encoding]
    for part, expected in ((found.columns, COLUMNS | more[0]), (found.rows, ROWS | more[1]), (found.sets, more[2])):
        place = {label: k for k, label in enumerate(part.label)}
        for label, (kind, role, follower, source) in expected.items():
            at = place[label]
            assert (part.kind[at], part.role[at], part.follower[at], part.source[at]) == (kind, role, follower, source)
            assert names == "short" or part.name[at] == label
    assert found.sense == "maximize" and found.model == "market" and found.names == names


def test_what_a_cip_adds(tmp_path: Path) -> None:
    found = written(encoded(kg.Indicator()), tmp_path / "a.cip")
    kinds = dict(zip(found.columns.name, found.columns.kind, strict=True))
    assert kinds["qobj_t"] == "epigraph" and kinds["s_off_ub(market,g,2)"] == "slack"
    about = found.columns.about("s_off_ub(market,g,2)")
    assert about["source"] == "ub(market,g,2)" and about["follower"] == "market" and about["index"] == (2,)
    rows = dict(zip(found.rows.name, found.rows.kind, strict=True))
    assert rows["qobj"] == "epigraph" and rows["lin_off_ub(market,g,2)"] == "complementarity"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_labels_are_those_of_the_model(suffix: str, tmp_path: Path) -> None:
    model = kg.kkt(rich_bilevel(4))
    found = written(model, tmp_path / f"a.{suffix}", names="short")
    label = dict(zip(found.columns.name, found.columns.label, strict=True))
    assert [label[f"x{k + 1}"] for k in range(model.n)] == [model.space.label(k) for k in range(model.n)]
    stems = {re.sub(r"_(lo|up)$", "", text) for text in found.rows.label}
    assert {model.rows.label(k) for k in range(len(model.rows))} <= stems
    assert {model.quads.linear.label(k) for k in range(len(model.quads))} <= stems
    for entries in (found.columns, found.rows):
        assert len(set(entries.name)) == len(entries)


def clash() -> kg.Bilevel:
    m = kg.Bilevel("clash")
    big, small = m.var("Sum", lb=0, ub=1), m.var("sum", lb=0, ub=1)
    m.add(big + small <= 1, name="r" * 120)
    m.add(big - small <= 0.5, name="row")
    m.minimize(-big - 2 * small)
    return m


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_map_is_written_where_names_had_to_go(suffix: str, tmp_path: Path) -> None:
    path = formats.write(clash(), tmp_path / f"a.{suffix}")
    found = read_map(map_path(path))
    assert dict(zip(found.columns.name, found.columns.label, strict=True)) == {"x0": "Sum", "x1": "sum"}
    assert dict(zip(found.rows.name, found.rows.label, strict=True)) == {"c0": "r" * 120, "row": "row"}
    assert found.names == "full"
    formats.write(CASES["01_bounds"].build(), path)  # nothing had to go: the old map is not its map
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_map_is_written_where_only_the_format_s_own_names_clash(tmp_path: Path) -> None:
    m = kg.Bilevel("slack")
    m.var("S_on", lb=0, ub=1)
    x, b = m.var("x", lb=0, ub=1), m.var("b", kind="B")
    m.indicator(b, 1, x >= 0.5, name="on")
    formats.write(m, tmp_path / "a.lp")
    assert not map_path(tmp_path / "a.lp").exists()
    found = read_map(formats.write(m, tmp_path / "a.cip"))
    assert found.columns.kind[-1] == "slack" and found.columns.label[-1] == "s_on"


def test_any_letters_get_through(tmp_path: Path) -> None:
    m = kg.Bilevel('groß "x"\n')
    m.var('größe "a\\b', 2, lb=0, ub=1)
    f = m.follower("Märkte")
    f.var("y", 2, lb=0)
    f.minimize(f.var("z", lb=0, ub=1))
    model = kg.encode(kg.kkt(m), kg.SOS1())
    found = written(model, tmp_path / "a.lp")
    assert found.model == 'groß "x"\n' and found.columns.label[1] == 'größe "a\\b(1)'
    at = found.columns.label.index("mu_lb(Märkte,y,1)")
    assert found.columns.source[at] == "lb(Märkte,y,1)" and found.columns.follower[at] == "Märkte"


def test_packed_models_have_their_map(tmp_path: Path) -> None:
    path = formats.write(market_model(), tmp_path / "a.mps.gz", names="short")
    assert map_path(path).name == "a.mps.gz.map.json"
    assert str(read_map(path)) == "a.mps.gz: 20 columns, 11 rows, 8 sets of model 'market', short names"


def market_model() -> kg.Model:
    return kg.encode(kg.eliminate(kg.kkt(market())), kg.SOS1())


def test_names_is_checked(tmp_path: Path) -> None:
    for names in ("long", "", None):
        with pytest.raises(kg.ProblemError, match="is not one of 'full', 'short'"):
            formats.write(clash(), tmp_path / "a.lp", names=names)  # type: ignore[arg-type]
        with pytest.raises(kg.ProblemError, match="is not one of 'full', 'short'"):
            formats.column_names(kg.kkt(clash()), names=names)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_a_map_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "a.lp.map.json").mkdir()
    with pytest.raises(kg.FormatError, match=r"a\.lp\.map\.json"):
        formats.write(clash(), tmp_path / "a.lp")
    with pytest.raises(kg.FormatError, match="out of date, and cannot be removed"):
        formats.write(CASES["01_bounds"].build(), tmp_path / "a.lp")
    with pytest.raises(kg.ProblemError, match="no entry 'z' among 2"):
        written(clash(), tmp_path / "b.lp").columns.about("z")


def test_same_bytes_for_any_hash_seed_and_number_of_threads(tmp_path: Path) -> None:
    code = (
        "import sys; from kktgen import formats; import kktgen as kg; from test_maps import market, market_model;"
        "from format_models import rich_bilevel; folder = sys.argv[1];"
        "[formats.write(rich_bilevel(5), f'{folder}/rich.{s}', map=True) for s in ('lp', 'mps', 'cip')];"
        "[formats.write(market_model(), f'{folder}/m.{s}', names='short') for s in ('lp', 'mps', 'cip')];"
        "formats.write(market(), f'{folder}/m.bilevel.json')"
    )
    found = []
    for seed, threads in (("1", "1"), ("2", "3")):
        folder = tmp_path / seed
        folder.mkdir()
        paths = os.pathsep.join(sys.path)
        done = subprocess.run(
            [sys.executable, "-c", code, str(folder)],
            env={**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads,
                 "PYTHONPATH": paths},
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found.append({path.name: path.read_bytes() for path in sorted(folder.iterdir())})
    assert len(found[0]) == 13 and sum(name.endswith(".map.json") for name in found[0]) == 6
    assert found[0] == found[1]


def test_maps_are_bulk_work(tmp_path: Path) -> None:
    import time

    m = kg.Bilevel("large")
    x = m.var("x", (300, 500), lb=0, ub=1)
    m.add(x.ravel() <= 0.5, name="cap")
    path = formats.write(m, tmp_path / "a.lp")
    begin = time.process_time()
    formats.write(m, path, names="short")
    assert time.process_time() - begin < 4.0
    found = read_map(path)
    assert found.columns.label[-1] == "x(299,499)" and found.columns.about("x150000")["index"] == (299, 499)
    assert found.rows.label[-1].startswith("cap(") and len(found.rows) == 150_000
