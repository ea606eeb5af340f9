"""Linear bilevel problems as .mps and .aux in three spellings, statistics, and the commands that take such files."""

from __future__ import annotations

import gzip
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from problems import ALL

import kktgen as kg
from kktgen.catalog import build
from kktgen.cli import cli
from kktgen.formats.problems import aux_read, bundle_read
from kktgen.formats.problems.aux_text import parse
from kktgen.formats.problems.statistics import statistics

KNOWN = Path(__file__).parents[1] / "known"
FORMS = ("index", "names", "bobilib")


def linear() -> list:
    """Return the problems whose followers and leaders the pair of files can hold, by the words of the refusal."""
    out = []
    for problem in ALL:
        try:
            m = problem.build()
        except kg.ProblemError:
            continue
        one = len(m.followers) == 1 and not (m.quads or m.sets or m.conditions or len(m.objective.v))
        priced = one and kg.kkt(m).kkt.priced.any()
        if one and not priced and not len(m.followers[0].cost.v):
            out.append(problem)
    return out


LINEAR = linear()


def run(*words: object) -> str:
    out = CliRunner().invoke(cli, [str(word) for word in words])
    assert out.exit_code == 0, out.output
    return out.output


def moore_bard(folder: Path, y_is_integer: bool = False) -> Path:
    """Return the path of the example's .aux; y is continuous unless asked otherwise."""
    for suffix in (".aux", ".mps"):
        shutil.copy(KNOWN / "format_cases" / f"13_moorebard{suffix}", folder / f"13_moorebard{suffix}")
    if not y_is_integer:
        path = folder / "13_moorebard.mps"
        lines = path.read_text().splitlines()
        end = lines.index("    M2  'MARKER'  'INTEND'")
        first = next(k for k, line in enumerate(lines) if line.startswith("    y "))
        path.write_text("\n".join([*lines[:first], lines[end], *lines[first:end], *lines[end + 1 :]]) + "\n")
    return folder / "13_moorebard.aux"


@pytest.mark.parametrize("problem", LINEAR, ids=str)
def test_every_spelling_reads_as_the_same_problem_with_the_same_optimum(problem, tmp_path):
    m = problem.build()
    read = [kg.read(kg.write(m, tmp_path / f"{form}.aux", form=form)) for form in FORMS]
    texts = [kg.dumps(back, "bilevel.json") for back in read]
    assert texts[0] == texts[1] == texts[2]
    found = kg.optimize(read[0])
    if problem.outcome == "infeasible":
        assert found.solution.status == "infeasible"
    else:
        value = m.sense * found.solution.objective  # the files hold the minimised objective
        assert value == pytest.approx(problem.objective, rel=1e-6, abs=1e-6)


def test_there_are_linear_problems():
    assert len(LINEAR) >= 15


@pytest.mark.parametrize("seed", range(4))
def test_random_problems_keep_every_number(seed, tmp_path):
    """Columns, rows and costs are those of the problem; two-sided rows of the follower become two."""
    m = build("random_bilevel", {"seed": seed, "rows": 12, "cols": 8, "integers": 0.5, "coupling": 0.5})
    back = kg.read(kg.write(m, tmp_path / "a.aux"))
    assert statistics(back) == statistics(m)
    one, other = m.followers[0].qp(), back.followers[0].qp()
    order = np.argsort(m.space.kind[m.space.role == "leader"] != "C", kind="stable")  # continuous columns come first
    assert (one.q == other.q).all()
    assert sorted(one.h) == sorted(other.h)
    assert np.sort(np.abs(one.G.data)).tolist() == np.sort(np.abs(other.G.data)).tolist()
    x, y = (space.ub[space.role == "leader"] for space in (m.space, back.space))
    assert (x[order] == y).all()
    names = [back.space.label(c) for c in back.space.find("x")]
    assert names == [m.space.label(c) for c in np.flatnonzero(m.space.role == "leader")[order]]


def test_the_text_of_the_three_spellings(tmp_path):
    m = next(p for p in LINEAR if p.name == "handbook").build()
    said = {form: kg.write(m, tmp_path / f"{form}.aux", form=form).read_text() for form in FORMS}
    assert said["index"] == "N 1\nM 4\nLC 1\nLR 1\nLR 2\nLR 3\nLR 4\nLO -1.0\nOS 1\n"
    rows = "".join(f"c{k}(lower)\n" for k in range(1, 5))
    assert said["names"] == (
        "@NUMVARS\n1\n@NUMCONSTR\n4\n@VARSBEGIN\ny(lower) -1.0\n@VARSEND\n@CONSTRBEGIN\n"
        f"{rows}@CONSTREND\n@NAME\nhandbook\n@MPS\nnames.mps\n"
    )
    assert said["bobilib"] == (
        "@NUMVARS\n1\n@NUMCONSTRS\n4\n@VARSBEGIN\ny(lower) -1.0\n@VARSEND\n@CONSTRSBEGIN\n"
        f"{rows}@CONSTRSEND\n@NAME\nhandbook\n@MPS\nbobilib.mps\n"
    )


def test_columns_are_counted_in_the_order_of_the_file(tmp_path):
    """Integer columns stand last in the .mps, equal rows keep one line, two-sided ones take two."""
    m = kg.Bilevel("order")
    k, x = m.var("k", lb=0, ub=3, kind="I"), m.var("x", lb=0, ub=3)
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=9)
    m.add(kg.between(0, k + x, 5), name="leader")
    f.add(kg.between(-1, y[0] - k, 1), name="two")
    f.add(y.sum() == x + 2, name="sum")
    f.minimize(y[0] + 2 * y[1])
    m.maximize(x + y[1] + 7)
    path = kg.write(m, tmp_path / "a.aux")
    assert path.read_text().split("\n")[:7] == ["N 2", "M 3", "LC 1", "LC 2", "LR 2", "LR 3", "LR 4"]
    back = kg.read(path)
    assert [back.space.label(c) for c in back.space.find("x")] == ["x", "k"]
    assert back.space.kind[:2].tolist() == ["C", "I"]
    assert back.objective.r == -7.0  # the column ONE is the constant again
    assert kg.optimize(back).solution.objective == pytest.approx(-kg.optimize(m).solution.objective)


def test_packed_pairs(tmp_path):
    m = LINEAR[0].build()
    path = kg.write(m, tmp_path / "a.aux.gz", form="bobilib")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.aux.gz", "a.mps.gz"]
    assert b"@MPS\na.mps.gz\n" in gzip.decompress(path.read_bytes())
    plain = kg.read(kg.write(m, tmp_path / "b.aux", form="bobilib"))
    assert kg.dumps(kg.read(path), "bilevel.json") == kg.dumps(plain, "bilevel.json")


# -- the example of Moore and Bard --------------------------------------------------------------


def test_an_integer_follower_is_read_and_solved(tmp_path):
    m = kg.read(moore_bard(tmp_path, y_is_integer=True))
    assert m.space.kind[m.space.find("y", "lower")] == "I"
    found = kg.optimize(m, time_limit=60)
    assert found.solution.objective == pytest.approx(-22) and found.report.claim == "optimal"  # Moore and Bard 1990


@pytest.mark.parametrize("form", FORMS)
def test_an_integer_follower_is_written_as_it_is_read(form, tmp_path):
    m = kg.read(moore_bard(tmp_path, y_is_integer=True))
    kg.write(m, tmp_path / "again.aux", form=form)
    assert "MARKER" in (tmp_path / "again.mps").read_text()
    back = kg.read(tmp_path / "again.aux")
    assert back.space.kind.tolist() == m.space.kind.tolist()
    assert kg.optimize(back, time_limit=60).solution.objective == pytest.approx(-22)


def test_a_continuous_follower_is_solved(tmp_path):
    m = kg.read(moore_bard(tmp_path))
    found = kg.optimize(m)
    assert found.solution.objective == pytest.approx(-18) and found.report.claim == "optimal"
    assert found.solution.z[m.space.find("x")] == pytest.approx(8)
    assert found.solution.z[m.space.find("y", "lower")] == pytest.approx(1)


def test_the_follower_may_maximise(tmp_path):
    path = moore_bard(tmp_path)
    path.write_text(path.read_text().replace("LO 1", "LO -1").replace("OS 1", "OS -1"))
    m = kg.read(path)
    assert m.followers[0].sense == -1 and kg.optimize(m).solution.objective == pytest.approx(-18)


@pytest.mark.parametrize("end", ["", "\n@OBJSENSE\nMIN"])
@pytest.mark.parametrize("kind", ["CONST", "CONSTR", "CONSTRS"])
def test_the_spellings_of_names(kind, end, tmp_path):
    path = moore_bard(tmp_path)
    rows = "\n".join(f"r{k}" for k in range(4))
    if kind == "CONST":
        path.write_text(f"N 1\nM 4\nOS 1\n@VARSBEGIN\ny 1\n@CONSTSBEGIN\n{rows}\n")
    else:
        path.write_text(
            f"@NUMVARS\n1\n@NUM{kind}\n4{end}\n@VARSBEGIN\n  y\t1.\n@VARSEND\n@{kind}BEGIN\n{rows}\n@{kind}END\n"
            "@NAME\nmoore\n@MPS\nelsewhere/13_moorebard.mps\n"
        )
    m = kg.read(path)
    assert m.name == ("moorebard" if kind == "CONST" else "moore")
    assert kg.optimize(m).solution.objective == pytest.approx(-18)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "number of the follower's variables is missing"),
        ("N 1\nM 0\nLC 0\n", "1 lines LC, but 0 lines LO"),
        ("N 2\nM 0\nLC 0\nLO 1\n", "says 2 variables of the follower, but lists 1"),
        ("N 1\nM 3\nLC 0\nLO 1\nLR 0\n", "says 3 rows of the follower, but lists 1"),
        ("N 1\nM 0\nLC 0.5\nLO 1\n", "expected a whole number after LC, got 0.5"),
        ("N 1\nM 0\nLC 0\nLO nan\n", "expected a finite number after LO"),
        ("N 1\nM 0\nLC 9\nLO 1\n", "no column 9 in 13_moorebard.mps, which has 2"),
        ("N 1\nM 0\nLC -1\nLO 1\n", "no column -1"),
        ("N 2\nM 0\nLC 0\nLC 0\nLO 1\nLO 1\n", "a column is listed twice"),
        ("N 1\nM 1\nLC 0\nLO 1\nLR 4\n", "no row 4"),
        ("N 1\nM 0\nLC 0\nLO 1\nOS 3\n", "'3' as the follower's sense"),
        ("N 1\nM 0\nQQ 3\n", r"aux, line 3: 'QQ 3'; expected N, M, LC"),
        ("N 1\nM 0\nLC 1\nLO 1\nIC 3\n", "interdiction"),
        ("N 1\nM 0\nLC\n", "line 3: 'LC'"),
        ("@NUMVARS\n1\n@NUMCONSTRS\n0\n@VARSBEGIN\nz 1\n@VARSEND\n", "no column z"),
        ("@NUMVARS\n1\n@NUMCONSTRS\n0\n@VARSBEGIN\ny\n@VARSEND\n", "line 5: expected a name and a number"),
        ("@NUMVARS\n1\n@NUMCONSTRS\n0\n@VARSBEGIN\ny one\n@VARSEND\n", "expected a finite number behind a variable"),
        ("@NUMVARS\n@NUMCONSTRS\n0\n", "line 1: expected one line below @NUMVARS, got 0"),
        ("@NUMVARS\none\n@NUMCONSTRS\n0\n", "expected a whole number of variables, got one"),
        ("@VARS\n", "line 1: '@VARS'; expected @NUMVARS"),
        ("@NUMVARS\n0\n@NUMCONSTRS\n0\n@OBJSENSE\nBEST\n", "'BEST' as the follower's sense"),
    ],
)
def test_a_fault_is_named(text, said, tmp_path):
    path = moore_bard(tmp_path)
    path.write_text(text)
    with pytest.raises(kg.FormatError, match=said) as error:
        kg.read(path)
    assert str(error.value).startswith(str(path))


def test_a_cut_file_is_refused_or_complete(tmp_path):
    whole = (KNOWN / "format_cases" / "13_moorebard.aux").read_text()
    for stop in range(len(whole) - len("OS 1\n") - 1):
        with pytest.raises(kg.FormatError):
            parse(whole[:stop], "cut")


@pytest.mark.parametrize("form", FORMS)
def test_replaced_letters_are_refused_or_read(form, tmp_path):
    path, rng = kg.write(LINEAR[0].build(), tmp_path / "a.aux", form=form), random.Random(3)
    whole, refused = path.read_text(), 0
    for _ in range(300):
        at = rng.randrange(len(whole))
        try:
            parse(whole[:at] + rng.choice("09.-@ \nLNxe_\x00") + whole[at + 1 :], "changed")
        except kg.FormatError:
            refused += 1
    assert refused > 50


def test_the_mps_file_is_looked_for_and_checked(tmp_path):
    path = moore_bard(tmp_path)
    mps = tmp_path / "13_moorebard.mps"
    mps.rename(tmp_path / "other.mps")
    with pytest.raises(kg.FormatError, match=r"looked for 13_moorebard.mps, 13_moorebard.mps.gz, 13_moorebard.lp"):
        kg.read(path)
    mps.write_text("this is no file of rows and columns\n")
    with pytest.raises(kg.FormatError, match=r"mps, line 1: 'this is .*'; expected the beginning of a section"):
        kg.read(path)


# -- what the pair cannot hold ------------------------------------------------------------------


def one_follower() -> tuple[kg.Bilevel, kg.Affine, kg.Affine, kg.Rows]:
    m = kg.Bilevel("m")
    x, f = m.var("x", lb=0, ub=1), m.follower("f")
    y = f.var("y", lb=0, ub=1)
    f.minimize(y)
    return m, x, y, f.add(y >= x, name="need")


def two(m, x, y, need):
    m.follower("g").var("w", lb=0)


def none(m, x, y, need):
    m = kg.Bilevel("m")
    m.minimize(m.var("x", lb=0, ub=1))
    return m


def quadratic_cost(m, x, y, need):
    m.followers[0].minimize(y @ y)


def priced_cost(m, x, y, need):
    m.followers[0].minimize(x @ y)


def quadratic_goal(m, x, y, need):
    m.minimize(x @ x)


def quadratic_row(m, x, y, need):
    m.add(x @ y <= 1)


def sets(m, x, y, need):
    m.sos1([x, y])


def conditions(m, x, y, need):
    m.indicator(m.var("b", kind="B"), 1, x <= 0)


def price(m, x, y, need):
    m.add(need.dual <= 3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (two, "has 2 followers"), (none, "has 0 followers"), (quadratic_cost, r"the product y\(f\) \* y\(f\)"),
        (priced_cost, r"the product x \* y\(f\)"), (quadratic_goal, "objective of 'm' holds products"),
        (quadratic_row, "1 quadratic rows"), (sets, "1 SOS1 sets"), (conditions, "1 indicator rows"),
        (price, r"the price mu\(f,need\)"),
    ],
)  # fmt: skip
def test_what_it_cannot_hold_is_refused_by_name(change, said, tmp_path):
    m, *parts = one_follower()
    m = change(m, *parts) or m
    with pytest.raises(kg.UnsupportedError, match=said) as error:
        kg.write(m, tmp_path / "a.aux")
    assert ".bilevel.json holds the whole problem" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_wrong_arguments(tmp_path):
    m, *_ = one_follower()
    with pytest.raises(kg.ProblemError, match="no form 'mibs' of .aux files; there are index, names, bobilib"):
        kg.write(m, tmp_path / "a.aux", form="mibs")
    with pytest.raises(kg.ProblemError, match="expected Bilevel, got Model"):
        kg.write(kg.kkt(m), tmp_path / "a.aux")
    with pytest.raises(kg.FormatError, match="without blanks"):
        kg.write(m, tmp_path / "a b.aux", form="names")
    assert list(tmp_path.iterdir()) == []


# -- statistics ---------------------------------------------------------------------------------


def test_statistics_are_counted_by_hand():
    """Three kinds of leader variables, of which two are seen; one of two leader rows holds y; d_u'e = 2 - 2 = 0."""
    m = kg.Bilevel("counted")
    b, k, x = m.var("b", kind="B"), m.var("k", 2, lb=0, ub=9, kind="I"), m.var("x", 3, lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=1)
    f.add(y[0] >= k[0] - 5, y.sum() >= 1, name="row")
    f.minimize(2 * y[0] - y[1] + x[1] @ y[1])
    m.add(b + x[0] <= 1, y[1] + x[2] <= 1)
    m.minimize(y[0] + 2 * y[1] + b)
    assert statistics(m) == {
        "n_x": 6, "I_u": 2, "B_u": 1, "n_y": 2, "I_l": 0, "B_l": 0, "n_link": 2, "n_link^C": 1, "n_link^I": 1,
        "n_link^B": 0, "m_u": 2, "m_l": 2, "m_coup": 1, "m_link": 1, "alpha": 0.0, "followers": 1, "priced": 0,
        "products_u": 0, "products_l": 1, "nash": 0, "lifted": 0, "varying": 0, "curved": 0, "conditional": 0,
        "complements": 0,
    }  # fmt: skip
    m.minimize(4 * y[0] - 2 * y[1])
    assert statistics(m)["alpha"] == pytest.approx(1.0)
    m.minimize(b)
    assert statistics(m)["alpha"] is None


def test_statistics_beyond_the_library():
    by_name = {p.name: p for p in ALL}
    assert statistics(by_name["cournot"].build())["nash"] == 2
    assert statistics(by_name["retail"].build())["followers"] == 2
    assert statistics(by_name["revenue_adequacy"].build())["products_u"] > 0


# -- commands -----------------------------------------------------------------------------------


def test_generate_info_and_solve(tmp_path):
    out = run("generate", "random_bilevel/lp_10x5", "-f", "bilevel.json,aux", "--format", "lp", "-o", tmp_path)
    names = [f"random_bilevel-lp_10x5.{end}" for end in ("bilevel.aux", "bilevel.json", "bilevel.mps", "lp")]
    assert sorted(p.name for p in tmp_path.iterdir()) == names and names[0] in out
    m = kg.read(tmp_path / names[1])
    assert m.about["model"] == "random_bilevel/lp_10x5" and m.about["parameters"]["cols"] == 5
    assert sorted(m.about["files"]) == sorted(set(names) - {names[1]})
    assert "seed" in m.about["parameters"] and m.about["known"]["claim"] == "proved"
    told = run("info", tmp_path / names[1])
    assert "n_link^C" in told and "as written" in told and "complementarity(f1)" in told
    (tmp_path / names[3]).write_text("changed")
    (tmp_path / names[0]).unlink()
    told = run("info", tmp_path / names[1])
    assert [word for word in ("as written", "changed", "not here") if word not in told] == []
    found = run("solve", tmp_path / names[1], "-q")
    assert f"objective {m.about['known']['objective']:.3f}"[:-1] in found and "claim: optimal" in found


def test_a_known_answer_stays_with_its_parameters(tmp_path):
    run("generate", "random_bilevel/lp_10x5", "--set", "seed=99", "-f", "bilevel.json", "-o", tmp_path)
    about = kg.read(tmp_path / "random_bilevel-lp_10x5.bilevel.json").about
    assert about["parameters"]["seed"] == 99 and "known" not in about


def test_solving_an_aux_file_leaves_its_mps_alone(tmp_path):
    path = moore_bard(tmp_path)
    before = (tmp_path / "13_moorebard.mps").read_bytes()
    assert "objective -18" in run("solve", path, "-q", "-o", tmp_path)
    assert (tmp_path / "13_moorebard.mps").read_bytes() == before
    assert (tmp_path / "13_moorebard-kkt.mps").is_file()
    told = run("verify", path, tmp_path / "13_moorebard-kkt.sol")
    assert "bilevel-feasible" in told


def test_info_of_a_pair_counts_integer_followers(tmp_path):
    path = moore_bard(tmp_path, y_is_integer=True)
    told = run("info", path)
    table = {line.split()[0]: line.split()[1] for line in told.splitlines()[1:] if len(line.split()) > 1}
    assert table["I_l"] == "1" and table["m_l"] == "4" and table["alpha"] == "-1.0000"
    assert "no KKT system" in told and "takes the masters" in told
    assert run("info", path.with_suffix(".mps")) == told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["solve", "a.bilevel.json"], "a.bilevel.json: cannot be read"),
        (["info", "a.aux"], "a.aux: cannot be read"),
        (["generate", "dso_vpp", "-f", "aux"], "'dso_vpp' has 3 followers"),
        (["generate", "dso_vpp", "-f", "lp,foo"], "no format 'foo'; there are: cip, lp, mps, bilevel.json, aux"),
    ],
)
def test_one_line_when_it_cannot_be(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = CliRunner().invoke(cli, words)
    assert out.exit_code == 2 and said in out.output and len(out.output.strip().splitlines()) == 1


def test_a_finished_problem_has_no_parameters(tmp_path):
    path = kg.write(LINEAR[0].build(), tmp_path / "a.bilevel.json")
    out = CliRunner().invoke(cli, ["solve", str(path), "--set", "hours=3"])
    assert out.exit_code == 2 and "hours cannot be set" in out.output


def test_an_imported_pair_can_be_kept_as_a_bundle(tmp_path):
    m = aux_read.load(moore_bard(tmp_path).read_bytes(), tmp_path / "13_moorebard.aux")
    back = bundle_read.load(kg.dumps(m, "bilevel.json").encode(), "memory")
    assert [back.space.label(c) for c in (0, 1)] == ["x", "y"]
    assert back.followers[0].declared[-1].coords.texts[0] == ["r0", "r1", "r2", "r3"]
