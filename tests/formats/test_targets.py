"""Files for a certain solver: what its reader would misread, reject or not solve is refused, with place and cure."""

from __future__ import annotations

import warnings
from pathlib import Path

import highspy
import numpy as np
import pytest
from format_cases import CASES
from format_models import model, random_bilevel, with_first_entry

import kktgen as kg
from kktgen import formats
from kktgen.formats.targets.needs import needs_of
from kktgen.formats.targets.table import CELLS, NEEDS, READERS, REMARKS, TABLE, VERDICTS
from kktgen.formats.targets.verdicts import judge
from kktgen.model.model import FEATURES

ALL = [(reader, suffix) for reader in READERS for suffix in (".lp", ".mps", ".cip")]


def toll() -> kg.Model:
    m = kg.Bilevel("toll")
    x = m.var("x", lb=0, ub=3)
    f = m.follower("driver")
    y = f.var("y", 2, lb=0, ub=1)
    f.minimize(x @ y[0] + y[0] @ y[0] - 4 * y[0] - y[1])
    m.maximize(x @ y[0])
    return kg.bound(kg.eliminate(kg.kkt(m)))


def mixed(kind: str = "C", lb: float = 0.0) -> kg.Bilevel:
    m = kg.Bilevel("mixed")
    m.var("x", 2, lb=lb, ub=2, kind=kind)
    return m


def test_the_table_is_whole() -> None:
    lines = [line.split()[:2] for line in TABLE.splitlines() if line.strip()][1:]
    for suffix in (".lp", ".mps"):
        assert {need for at, need in lines if at == suffix} == set(NEEDS)
    assert set(CELLS.values()) == set(VERDICTS)
    assert set(FEATURES) - {"pairs"} < set(NEEDS)
    for reader, need, suffix in REMARKS:
        assert reader in READERS and need in NEEDS and suffix in ("", ".lp", ".mps")


@pytest.mark.parametrize("suffix", [".lp", ".mps"])
@pytest.mark.parametrize("name", CASES)
def test_highs_does_what_is_said_of_it(name: str, suffix: str, tmp_path: Path) -> None:
    case = CASES[name]
    highs = highspy.Highs()
    highs.silent()
    status = highs.readModel(str(formats.write(case.build(), tmp_path / f"a{suffix}")))
    highs.run()
    solved = (
        status == highspy.HighsStatus.kOk
        and highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
        and abs(highs.getObjectiveValue() - case.optimum) <= case.tolerance + 1e-6
    )
    assert solved == judge("highs", suffix, False, needs_of(model(case.build()))).ok


@pytest.mark.parametrize("size, kept", [(1e-9, False), (1.1e-9, True), (9e14, True), (1e15, None)])
def test_numbers_highs_drops_and_refuses(size: float, kept: bool | None, tmp_path: Path) -> None:
    m = with_first_entry(model(random_bilevel(1)), size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = formats.write(m, tmp_path / "a.mps")
    highs = highspy.Highs()
    highs.silent()
    refused = highs.readModel(str(path)) == highspy.HighsStatus.kError
    found = None if refused else size in np.array(highs.getLp().a_matrix_.value_)
    assert found is kept
    assert judge("highs", ".mps", False, needs_of(m)).ok == (kept is True)


@pytest.mark.parametrize("size, kept", [(1e-9, False), (1.1e-9, True), (1e19, True), (1e20, None)])
def test_numbers_scip_drops_and_refuses(size: float, kept: bool | None, tmp_path: Path, capfd) -> None:
    pyscipopt = pytest.importorskip("pyscipopt")
    m = with_first_entry(model(random_bilevel(1)), size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = formats.write(m, tmp_path / "a.lp")
    scip = pyscipopt.Model()
    scip.hideOutput()
    try:
        scip.readProblem(str(path))
        found = any(size in scip.getValsLinear(row).values() for row in scip.getConss())
    except Exception:
        found = None
    assert found is kept
    assert judge("scip", ".lp", False, needs_of(m)).ok == (kept is True)


@pytest.mark.parametrize("reader, suffix", ALL)
def test_a_file_is_either_as_it_always_is_or_refused(reader: str, suffix: str, tmp_path: Path) -> None:
    for name, case in CASES.items():
        path = tmp_path / f"{name}{suffix}"
        verdict = next(v for v in formats.readers(case.build()) if (v.reader, v.format) == (reader, suffix))
        if verdict.ok:
            formats.write(case.build(), path, target=reader.upper())
            assert path.read_text() == formats.dumps(case.build(), suffix)
        else:
            with pytest.raises(kg.UnsupportedError, match=f"model '{name}' as {suffix} for {reader}: "):
                formats.write(case.build(), path, target=reader)
            with pytest.raises(kg.UnsupportedError, match=f"model '{name}' as {suffix} for {reader}: "):
                formats.dumps(case.build(), suffix, target=reader)
            assert not path.exists()


@pytest.mark.parametrize(
    "target, suffix, name, said",
    [
        ("highs", "lp", "10_sos1", r"rejects SOS1 sets \(s1.*Cures: scip, gurobi, cplex, xpress, copt, cbc take it"),
        ("highs", "mps", "07_miqp", r"refuses to solve, a quadratic objective.*x \* x.*by tangents"),
        ("cplex", "lp", "09_bilinear_compl", r"refuses to solve, nonconvex quadratic rows.*error 5002"),
        ("copt", "mps", "09_bilinear_compl", "solves only locally nonconvex quadratic rows.*LOCAL_OPTIMAL"),
        ("mosek", "lp", "09_bilinear_compl", "solves convex models only, not nonconvex quadratic rows"),
        ("mosek", "lp", "10_sos1", "rejects SOS1 sets"),
        ("cbc", "lp", "11_indicator", r"silently goes wrong on indicator rows.*'>' becomes a column"),
        ("symphony", "lp", "10_sos1", "silently goes wrong on SOS1 sets.*passes over"),
        ("lp_solve", "lp", "01_bounds", r"rejects .lp files .its .lp is another language.*Cures: write \.mps"),
        ("gurobi", "cip", "01_bounds", r"rejects \.cip files\. Cures: write \.lp or \.mps; scip takes it as \.cip"),
        ("glpk", "mps", "06_qp", "rejects a convex quadratic objective"),
    ],
)
def test_what_where_and_cure(target: str, suffix: str, name: str, said: str) -> None:
    with pytest.raises(kg.UnsupportedError, match=said):
        formats.dumps(CASES[name].build(), suffix, target=target)


def test_nonconvex_objectives() -> None:
    m = kg.Bilevel("saddle")
    x, y = m.var("x", lb=-2, ub=2), m.var("y", lb=-2, ub=2)
    m.minimize(x @ x - x @ y)
    with pytest.raises(kg.UnsupportedError, match=r"silently.*the block of x and 1 more; it calls a wrong.*eliminate"):
        formats.dumps(m, "lp", target="highs")
    with pytest.raises(kg.UnsupportedError, match="solves only locally a nonconvex quadratic objective"):
        formats.dumps(m, "lp", target="copt")
    taken = {v.reader: v.notes for v in formats.readers(m) if v.ok and v.format == ".lp"}
    assert set(taken) == {"scip", "gurobi", "cplex", "xpress"}
    assert taken["cplex"] == ("with its parameter optimalitytarget at 3",)
    m.minimize(x @ x - x @ y + y @ y)
    assert formats.dumps(m, "lp", target="highs") == formats.dumps(m, "lp")


def test_encodings_are_proposed_where_one_is_in_the_way() -> None:
    with pytest.raises(kg.UnsupportedError, match=r"\(sos_lb\(driver,y,0\) and 4 more\).*encode with kg.BigM"):
        formats.dumps(kg.encode(linear(), kg.SOS1()), "lp", target="glpk")
    assert "Binaries" in formats.dumps(kg.encode(linear(), kg.BigM()), "lp", target="glpk")
    with pytest.raises(kg.UnsupportedError, match=r"encode with kg.BigM\(\) or kg.Indicator\(\); "):
        formats.dumps(kg.encode(toll(), kg.SOS1()), "lp", target="mosek")
    with pytest.raises(kg.UnsupportedError, match=r"5002.*encode with kg.BigM\(\) or kg.Indicator\(\) or kg.SOS1"):
        formats.dumps(kg.encode(toll(), kg.Product()), "lp", target="cplex")
    for own in (model(CASES["10_sos1"].build()), kg.encode(linear(sets=True), kg.SOS1())):
        with pytest.raises(kg.UnsupportedError) as said:  # sets of the leader's own stay whatever the encoding
            formats.dumps(own, "lp", target="glpk")
        assert "encode" not in str(said.value)


def linear(sets: bool = False) -> kg.Model:
    m = kg.Bilevel("linear")
    x = m.var("x", lb=0, ub=3)
    if sets:
        m.sos1([x, m.var("w", lb=0, ub=1)], name="either")
    f = m.follower("driver")
    y = f.var("y", 2, lb=0, ub=1)
    f.add(y.sum() <= 1 + x, name="cap")
    f.minimize(-y.sum())
    m.minimize(x + y.sum())
    return kg.bound(kg.kkt(m))


def test_integers_without_a_lower_bound() -> None:
    with pytest.raises(kg.UnsupportedError, match=r"crashes at integer variables without a lower bound \(x\(0\) "):
        formats.dumps(mixed("I", -np.inf), "mps", target="symphony")
    for free in (mixed("I"), mixed("C", -np.inf)):
        assert formats.dumps(free, "mps", target="symphony").startswith("NAME")


@pytest.mark.parametrize(
    "entry, refusing",
    [
        (1e-10, {"scip", "highs", "copt", "lp_solve", "symphony"}),
        (1e-13, {"scip", "highs", "copt", "gurobi", "mosek", "lp_solve", "symphony"}),
        (1e15, {"highs", "lp_solve", "symphony"}),
        (1e20, {"highs", "scip", "mosek", "lp_solve", "symphony"}),
    ],
)
def test_coefficients(entry: float, refusing: set[str]) -> None:
    m = with_first_entry(model(random_bilevel(1)), entry)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a target there is nothing to guess
        for reader in READERS:
            if reader not in refusing:
                formats.dumps(m, "mps", target=reader)
                continue
            with pytest.raises(kg.UnsupportedError, match=r"coefficients .*, here 1e.*row\(0\), .*rescale"):
                formats.dumps(m, "mps", target=reader)


def test_places_are_named_as_in_the_model_whatever_the_names() -> None:
    sets = kg.encode(linear(), kg.SOS1())
    for names in ("full", "short"):
        with pytest.raises(kg.UnsupportedError, match=r"SOS1 sets \(sos_lb\(driver,y,0\) and 4 more\)"):
            formats.dumps(sets, "mps", target="highs", names=names)
        with pytest.raises(kg.UnsupportedError, match=r"here 1e-10 \(row\(0\), x\(\d+\)\)"):
            formats.dumps(with_first_entry(model(random_bilevel(1)), 1e-10), "mps", target="highs", names=names)
        with pytest.raises(kg.UnsupportedError, match=r"indicator rows \(off_lb\(driver,y,0\) and 9 more; "):
            formats.dumps(kg.encode(linear(), kg.Indicator()), "lp", target="cbc", names=names)


def test_costs_sides_and_bounds() -> None:
    p = kg.Bilevel("costs")
    x = p.var("x", 2, lb=0, ub=1)
    p.minimize(1e-10 * x[0] + x[1])
    with pytest.raises(kg.UnsupportedError, match=r"drops costs of at most 1e-09, here 1e-10 \(objective, x\(0\)\)"):
        formats.dumps(p, "lp", target="scip")
    assert formats.dumps(p, "lp", target="highs") == formats.dumps(p, "lp")
    q = kg.Bilevel("sides")
    z = q.var("z", lb=0)
    q.minimize(z)
    q = kg.kkt(q)
    q.space.ub[z.cols] = 2e20  # in a problem it would count for none
    with pytest.raises(kg.UnsupportedError, match=r"bounds for infinite from 1e\+20, here 2e\+20 \(bounds of z\)"):
        formats.dumps(q, "mps", target="gurobi")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "2e20" in formats.dumps(q, "mps", target="glpk")
    q.space.lb[z.cols] = -1e17
    with pytest.raises(kg.UnsupportedError, match=r"from 1e\+16, here 2e\+20"):
        formats.dumps(q, "mps", target="mosek")


def test_packed_files(tmp_path: Path) -> None:
    path = formats.write(mixed(), tmp_path / "a.mps.gz", target="gurobi")
    assert path.read_bytes()[:2] == b"\x1f\x8b"
    with pytest.raises(kg.UnsupportedError, match=r"as \.mps\.gz for lp_solve.*packed files.*write \.mps unpacked"):
        formats.write(mixed(), tmp_path / "b.mps.gz", target="lp_solve")


def test_unknown_targets_and_other_formats(tmp_path: Path) -> None:
    for target in ("matlab", "", 3):
        with pytest.raises(kg.ProblemError, match=r"is not one of scip, highs"):
            formats.write(mixed(), tmp_path / "a.lp", target=target)  # type: ignore[arg-type]
    for options in ({"target": "scip"}, {"names": "short"}, {"map": True}):
        with pytest.raises(kg.ProblemError, match=r"belong to \.cip, \.lp, \.mps files"):
            formats.write(mixed(), tmp_path / "a.bilevel.json", **options)
    assert not list(tmp_path.iterdir())


def test_readers_of_a_model_a_problem_and_features() -> None:
    sets = formats.readers(frozenset({"sos1"}))
    assert [str(v) for v in sets if v.format == ".mps" and not v.ok and v.reader in ("highs", "symphony")] == [
        "highs .mps: rejects SOS1 sets",
        "symphony .mps: silently goes wrong on SOS1 sets (it passes over the section, -9 where the optimum is -5)",
    ]
    assert len(sets) == len(ALL)
    both = [v for v in formats.readers(frozenset({"int", "qobj"})) if v.reader == "highs" and v.format == ".lp"]
    assert [fault.need for fault in both[0].faults] == ["miqp"]
    both = [v for v in formats.readers(frozenset({"int", "qobj"})) if v.reader == "glpk" and v.format == ".lp"]
    assert [fault.need for fault in both[0].faults] == ["qobj"]
    with pytest.raises(kg.ProblemError, match="a set of features"):
        formats.readers({"cones"})
    with pytest.raises(kg.UnsupportedError, match="has followers"):
        formats.readers(_with_follower())
    with pytest.raises(kg.UnsupportedError, match="complementarity pairs"):
        formats.readers(kg.kkt(_with_follower()))


def _with_follower() -> kg.Bilevel:
    m = kg.Bilevel("small")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=1)
    f.minimize(x @ y)
    m.minimize(x - y)
    return m


def test_rows_to_print() -> None:
    rows = {title.split()[0]: (taken, why) for title, taken, why in formats.reader_rows(formats.readers(mixed("I")))}
    assert list(rows) == [about.title for about in READERS.values()]
    assert rows["SCIP"] == (".lp .mps .cip", "") and rows["HiGHS"] == (".lp .mps", "")
    assert rows["lp_solve"] == (".mps", ".lp: rejects .lp files (its .lp is another language); it prints six digits")
    sets = {title.split()[0]: why for title, _, why in formats.reader_rows(formats.readers(frozenset({"sos1"})))}
    assert sets["HiGHS"] == "rejects SOS1 sets" and sets["Gurobi"] == ""


def test_encodings_and_who_takes_them() -> None:
    rows = {name: (needs, takers) for name, needs, takers in formats.encoding_rows(linear())}
    assert set(rows) == {"Auto", "BigM", "Indicator", "Product", "SOS1", "StrongDuality"}
    assert rows["BigM"][0] == "integer variables" and "glpk, symphony (.lp .mps); lp_solve (.mps)" in rows["BigM"][1]
    assert rows["SOS1"] == ("SOS1 sets", "scip (.lp .mps .cip); gurobi, cplex, xpress, copt, cbc (.lp .mps)")
