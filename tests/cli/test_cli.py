"""The command line: what it prints, what it writes, how it ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tiny import TINY

import kktgen
from kktgen.cli import cli, printing

ROOT = Path(kktgen.__file__).parents[1]


def run(*args: str | Path) -> Result:
    """Call the command line in this process."""
    return CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="kktgen")


def environment() -> dict[str, str]:
    """Return an environment in which this kktgen is the one that runs."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}


def started(*args: str | Path, cwd: Path, **options) -> subprocess.Popen[str]:
    """Start the command line as a process of its own, in its own group."""
    return subprocess.Popen(
        [sys.executable, "-m", "kktgen", *map(str, args)], cwd=cwd, env=environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, **options,
    )  # fmt: skip


def complaints(stderr: str) -> list[str]:
    """Return the lines of stderr but those of progress, which stand there every few seconds."""
    return [line for line in stderr.splitlines() if not re.match(r"[a-z ]+  \d+ s(  |$)", line)]


def test_help_of_every_command_teaches_with_an_example():
    assert run("--help").exit_code == 0
    for name in cli.commands:
        out = run(name, "--help")
        assert out.exit_code == 0
        assert f"\n  kktgen {name}" in out.stdout, f"{name} --help has no example"


def test_help_names_every_encoding():
    text = " ".join(run("solve", "--help").stdout.split())
    assert ", ".join(kktgen.encodings()) in text


def test_names_of_encodings_and_solvers_may_be_written_in_capitals(model_file):
    assert run("solve", model_file(), "--encoding", "SOS1", "--solver", "SCIP", "-q").exit_code == 0


def test_models_lists_every_model():
    out = run("models")
    assert out.exit_code == 0
    line = next(line for line in out.stdout.splitlines() if line.startswith("dso_vpp "))
    assert "hours=24" in line


def test_models_of_one_name_lists_parameters_and_instances():
    out = run("models", "dso_vpp")
    assert out.exit_code == 0
    assert "netting" in out.stdout
    assert "dso_vpp/short" in out.stdout
    assert "1.33144" in out.stdout


def test_models_of_a_path(model_file):
    out = run("models", model_file())
    assert "slope" in out.stdout
    assert "Slope of the last row." in out.stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["solve", "dso_vp"], "no model 'dso_vp' (did you mean dso_vpp?)"),
        (["solve", "dso_vpp/shrt"], "no instance 'dso_vpp/shrt' (did you mean dso_vpp/short?)"),
        (["solve", "nowhere.py"], "no model file nowhere.py"),
        (["solve", "nowhere.toml"], "no instance file nowhere.toml"),
        (["solve", "nowhere.lp"], "nowhere.lp: .lp files hold a single-level model"),
        (["check", "nowhere.gms"], "nowhere.gms: .gms files hold a single-level model"),
        (["solve", "dso_vpp", "--set", "hour=6"], "did you mean hours?"),
        (["solve", "dso_vpp", "--set", "hours=six"], "'hours' takes int, not 'six'"),
        (["solve", "dso_vpp", "--set", "hours"], "--set takes name=value, got 'hours'"),
        (["solve", "dso_vpp", "--set", "hours=25"], "hours is 25"),
        (["solve", "dso_vpp", "--set", "hours=6", "vpps=two"], "'vpps' takes int, not 'two'"),
        (["solve", "dso_vpp", "extra"], "--set takes name=value, got 'extra'"),
        (["solve", "dso_vpp", "--encoding", "sos"], "no encoding 'sos' (did you mean sos1?)"),
        (["solve", "dso_vpp", "--solver", "scop"], "no solver 'scop' (did you mean scip or copt?)"),
        (["solve", "dso_vpp", "--time-limit", "-1"], "--time-limit"),
        (["solve", "dso_vpp", "--bogus"], "--bogus"),
        (["solve"], "MODEL"),
        (["generate", "dso_vp"], "no model 'dso_vp'"),
        (["verify", "dso_vpp", "nowhere.sol"], "no solution file nowhere.sol"),
        (["info", "nowhere.mps"], "no file nowhere.mps"),
        (["info", "dso_vp"], "no model 'dso_vp'"),
        (["models", "dso_vp"], "no model 'dso_vp'"),
        (["generate", "dso_vpp", "-f", "lp", "-f", "foo"], "no format 'foo'; there are: cip, lp, mps"),
        (["slove"], "slove"),
    ],
)
def test_a_wrong_question_is_one_line_and_exit_code_2(args, words):
    out = run(*args)
    assert out.exit_code == 2, out.output
    assert out.stdout == ""
    assert len(out.stderr.splitlines()) == 1
    assert out.stderr.startswith("kktgen: ")
    assert words in out.stderr


@pytest.mark.parametrize("command", ["solve", "generate"])
def test_a_folder_that_cannot_be_written_is_refused_before_any_work(command, model_file, tmp_path):
    (tmp_path / "file").write_text("")
    out = run(command, model_file(), "-o", tmp_path / "file" / "out")
    assert out.exit_code == 2
    assert len(out.stderr.splitlines()) == 1
    assert "cannot write into" in out.stderr


def test_info_shows_the_blocks_of_the_kkt_system(model_file):
    out = run("info", model_file())
    assert out.exit_code == 0
    assert "stationarity(lower)" in out.stdout
    assert "complementarity(lower)" in out.stdout
    assert "4 pairs" in " ".join(out.stdout.split())


@pytest.mark.parametrize(
    ("sign", "said"),
    [(1, "high-point relaxation is exact, no pairs"), (-1, "no pairs are needed, if kktgen.bound boxes")],
)
def test_info_says_why_a_problem_is_easy(sign, said, tmp_path):
    m = kktgen.Bilevel("easy")
    x = m.var("x", kind="B")
    lower = m.follower("lower")
    y = lower.var("y", lb=0, ub=3)
    lower.add(y >= 1 + x)
    lower.minimize(y)
    m.minimize(sign * y - 2 * x)
    kktgen.write(m, tmp_path / "easy.bilevel.json")
    out = run("info", tmp_path / "easy.bilevel.json")
    assert out.exit_code == 0
    assert said in out.stdout


def test_several_parameters_follow_one_set():
    one = run("info", "dso_vpp", "--set", "hours=6", "vpps=2")
    other = run("info", "dso_vpp", "--set", "hours=6", "--set", "vpps=2")
    assert one.exit_code == other.exit_code == 0
    assert one.stdout == other.stdout and "stationarity(vpp2)" in one.stdout and "vpp3" not in one.stdout


def test_info_counts_independent_parts_and_solve_takes_them_apart(tmp_path):
    m = kktgen.Bilevel("tolls")
    toll = m.var("toll", 2, lb=0, ub=3)
    driver = m.follower("driver")
    road = driver.var("road", 2, lb=0, ub=1)
    driver.minimize(toll @ road - 2 * road.sum())
    m.maximize(toll @ road)
    path = tmp_path / "tolls.bilevel.json"
    kktgen.write(m, path)
    assert "independent parts: 2, which are solved as one" in run("info", path).stdout
    apart, whole = (run("solve", path, "--parts", how).stdout for how in ("on", "off"))
    assert "independent parts: 2, each proved" in apart and "claim: optimal" in apart
    assert "independent parts" not in whole and "claim: optimal" in whole


def test_info_reads_a_file(tmp_path):
    path = tmp_path / "small.lp"
    path.write_text("Minimize\n obj: x + y\nSubject To\n r: x + 2 y >= 1\nBounds\n x >= 0\nBinaries\n y\nEnd\n")
    out = run("info", path)
    assert out.exit_code == 0, out.output
    sizes, takers = out.stdout.split("\n\n")
    assert [line.split() for line in sizes.splitlines()[1:]] == [
        ["columns", "2"], ["binary", "1"], ["continuous", "1"], ["linear", "rows", "1"],
    ]  # fmt: skip
    assert all(name in takers for name in ("SCIP", "HiGHS", "Gurobi", "CPLEX", "CBC", "GLPK"))
    assert next(line for line in takers.splitlines() if line.startswith("lp_solve")).split()[2] == "-"
    path.write_text("no model at all")
    bad = run("info", path)
    assert bad.exit_code == 2
    assert "holds no model" in bad.stderr


@pytest.mark.parametrize("suffix", ["lp", "mps", "cip", "mps.gz"])
def test_info_of_what_is_no_model_is_one_line(tmp_path, suffix, capfd):
    path = tmp_path / f"bad.{suffix}"
    path.write_text("nothing that any reader knows")
    out = run("info", path)
    assert out.exit_code == 2
    assert out.stdout == ""
    assert len(out.stderr.splitlines()) == 1
    assert capfd.readouterr() == ("", "")


def test_solvers_lists_scip_with_its_version():
    out = run("solvers")
    assert out.exit_code == 0
    line = next(line for line in out.stdout.splitlines() if line.startswith("scip"))
    assert any(character.isdigit() for character in line)
    assert "SOS1 sets" in line


def test_solve_prints_every_stage_and_writes_every_file(model_file, tmp_path):
    out = run("solve", model_file(), "-o", tmp_path / "out")
    assert out.exit_code == 0, out.output
    text = out.stdout
    order = ["KKT model", "complementarity(lower)", "tiny report: 6.1333", "Verification", "Files"]
    assert [text.find(word) for word in order] == sorted(text.find(word) for word in order)
    assert all(word in text for word in order)
    for suffix in ("lp", "mps", "cip", "sol", "json"):
        path = tmp_path / "out" / f"tiny.{suffix}"
        assert path.stat().st_size > 0
        assert str(path) in text
    assert len(list((tmp_path / "out").iterdir())) == 7


def test_solve_writes_the_problem_with_its_answer(model_file, tmp_path):
    path = model_file()
    assert run("solve", path, "-q", "-o", tmp_path / "out").exit_code == 0
    bundle = tmp_path / "out" / "tiny.bilevel.json"
    about = kktgen.read(bundle).about
    assert about["known"]["objective"] == pytest.approx(6.1333, abs=1e-4)
    assert about["known"]["bound"] == pytest.approx(6.1333, abs=1e-3)
    assert about["known"]["claim"] == "optimal" and about["known"]["source"].startswith("SCIP")
    assert set(about["files"]) == {"tiny.lp", "tiny.mps", "tiny.cip", "tiny.sol", "tiny.json"}
    kept = run("solve", bundle, "-q", "--method", "hho", "--population", "4", "--iterations", "1", "-o", tmp_path / "b")
    assert kept.exit_code == 0, kept.output
    later = kktgen.read(tmp_path / "b" / "tiny.bilevel.json").about
    assert later["known"] == about["known"]  # a search proves nothing, so it replaces nothing


def test_a_file_that_cannot_be_written_costs_neither_the_answer_nor_the_other_files(model_file, tmp_path):
    (tmp_path / "tiny.lp").mkdir()
    out = run("solve", model_file(), "-o", tmp_path)
    assert out.exit_code == 2
    assert "6.1333" in out.stdout
    assert len(out.stderr.splitlines()) == 1
    assert "tiny.lp: cannot be written" in out.stderr
    assert {p.suffix for p in tmp_path.iterdir() if p.is_file() and p.stem == "tiny"} >= {
        ".mps",
        ".cip",
        ".sol",
        ".json",
    }


def test_solve_json_is_one_document(model_file, tmp_path):
    out = run("solve", model_file(), "--json", "--set", "top=8", "-o", tmp_path)
    assert out.exit_code == 0, out.output
    answer = json.loads(out.stdout)
    assert answer["objective"] == pytest.approx(6.1333, abs=1e-4)
    assert answer["leader"]["x"] == pytest.approx([0.53333], abs=1e-4)
    assert answer["parameters"] == {"top": 8.0}
    assert answer["report"] == "tiny report: 6.1333"
    assert answer["verification"]["claim"] == "optimal"
    assert str(tmp_path / "tiny.lp") in answer["files"]
    on_disk = json.loads((tmp_path / "tiny.json").read_text())
    assert on_disk["objective"] == answer["objective"]


NOISY = """
import ctypes
import kktgen as kg


def build():
    print("from the model")
    libc = ctypes.CDLL(None)
    libc.puts(b"from a library")
    libc.fflush(None)
    m = kg.Bilevel("noisy")
    m.minimize(m.var("x", lb=2, ub=3))
    return m


def report(result):
    print("from the report")
    return "reported"
"""


@pytest.mark.skipif(os.name != "posix", reason="C's stdout is moved on POSIX systems only")
def test_json_stays_alone_on_stdout_whatever_models_and_libraries_print(model_file, tmp_path):
    process = started("solve", model_file("noisy.py", NOISY), "--json", cwd=tmp_path)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert json.loads(stdout)["objective"] == pytest.approx(2)
    for words in ("from the model", "from a library", "from the report"):
        assert words in stderr


@pytest.mark.skipif(os.name != "posix", reason="needs /dev/full and closed streams")
@pytest.mark.parametrize("args", [["models"], ["solve", "tiny.py"], ["solve", "tiny.py", "--json"]], ids=" ".join)
def test_a_full_disk_behind_stdout_is_one_line(model_file, tmp_path, args):
    words = [str(model_file()) if arg == "tiny.py" else arg for arg in args]
    command = f"{sys.executable} -m kktgen {' '.join(words)} > /dev/full"
    process = subprocess.run(
        command, shell=True, cwd=tmp_path, env=environment(), timeout=120, capture_output=True, text=True
    )
    assert process.returncode == 1
    assert complaints(process.stderr) == ["kktgen: the output cannot be written: No space left on device"]


@pytest.mark.skipif(os.name != "posix", reason="closed streams are a matter of POSIX shells")
@pytest.mark.parametrize(
    "closed",
    [
        ">&-",
        pytest.param("2>&-", marks=pytest.mark.slow),
        ">&- 2>&-",
        "| head -1",
        pytest.param("| true", marks=pytest.mark.slow),
    ],
)
def test_closed_streams_and_pipes_leave_no_traceback(model_file, tmp_path, closed):
    command = f"{sys.executable} -m kktgen solve {model_file()} {closed}"
    process = subprocess.run(
        command, shell=True, cwd=tmp_path, env=environment(), timeout=120, capture_output=True, text=True
    )
    assert process.returncode == 0
    assert complaints(process.stderr) == []


def test_solve_quiet_prints_one_line(model_file):
    out = run("solve", model_file(), "--quiet")
    assert out.exit_code == 0
    assert out.stderr == ""
    assert len(out.stdout.splitlines()) == 1
    assert "6.1333" in out.stdout
    assert "optimal" in out.stdout


BOXED = """
import kktgen as kg


def build():
    m = kg.Bilevel("boxed")
    x = m.var("x", lb=0, ub=2)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=1)
    m.maximize(y - 0.1 * x)
    f.minimize(0.5 * y @ y - x @ y)
    return m
"""


@pytest.mark.parametrize("encoding", ["auto", "bigm", "sos1", "indicator", "product", "strongduality"])
def test_solve_with_every_encoding(model_file, encoding):
    out = run("solve", model_file("boxed.py", BOXED), "--encoding", encoding, "--json", "--time-limit", "60")
    assert out.exit_code == 0, out.output
    assert json.loads(out.stdout)["objective"] == pytest.approx(0.9, abs=1e-3)


def test_an_encoding_that_needs_what_nobody_can_prove_is_a_wrong_question(model_file):
    priced = TINY.replace("    lower.add(", "    first, *_ = lower.add(")
    priced = priced.replace("    return m", "    m.add(first.dual >= -50)\n    return m")
    out = run("solve", model_file("priced.py", priced), "--encoding", "bigm", "-q")  # all multipliers, not basic ones
    assert out.exit_code == 2
    assert len(out.stderr.splitlines()) == 1
    assert "use SOS1()" in out.stderr


@pytest.mark.slow
def test_solve_an_instance_with_its_known_answer():
    out = run("solve", "dso_vpp/short", "--json")
    assert out.exit_code == 0, out.output
    answer = json.loads(out.stdout)
    assert answer["objective"] == pytest.approx(1.33145, abs=1e-4)
    assert answer["parameters"] == {"vpps": 3, "hours": 6}


def test_no_point_is_exit_code_1(model_file):
    source = (
        "import kktgen as kg\n\n\ndef build():\n    m = kg.Bilevel('none')\n    x = m.var('x', lb=0, ub=1)\n"
        "    f = m.follower('f')\n    y = f.var('y', lb=0, ub=1)\n    f.minimize(y - x @ y)\n    m.add(x + y >= 3)\n"
        "    m.minimize(x)\n    return m\n"
    )
    out = run("solve", model_file("none.py", source))
    assert out.exit_code == 1, out.output
    (line,) = complaints(out.stderr)
    assert line.startswith("kktgen: no point found: infeasible")


def test_a_report_that_fails_names_its_line(model_file):
    path = model_file()
    path.write_text(path.read_text() + "\n\ndef report(result):\n    return 1 / 0\n")
    out = run("solve", path, "-q")
    assert out.exit_code == 2
    assert "report() failed: line" in out.stderr
    assert "ZeroDivisionError" in out.stderr


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import sys\n\n\ndef build():\n    sys.exit(3)\n", "build() failed: line 5: SystemExit: 3"),
        ("import sys\n\nsys.exit()\n", "cannot be imported: line 3: SystemExit"),
        ("def build(:\n", "cannot be imported: line 1: SyntaxError"),
        ("def build():\n    raise RecursionError\n", "build() failed: line 2: RecursionError"),
        ("build = 3\n", "has no function build"),
        ("def build():\n    return 3\n", "returned int"),
    ],
)
def test_a_model_file_that_fails_is_a_wrong_question(model_file, source, words):
    out = run("solve", model_file("broken.py", source))
    assert out.exit_code == 2, out.output
    assert len(out.stderr.splitlines()) == 1
    assert words in out.stderr
    assert not out.stderr.rstrip().endswith(":")


def test_a_folder_is_no_model_and_no_instance(tmp_path):
    for name in ("folder.py", "folder.toml"):
        (tmp_path / name).mkdir()
        out = run("solve", tmp_path / name)
        assert out.exit_code == 2
        assert "it is a folder" in out.stderr


def test_an_instance_without_a_model_says_so(tmp_path):
    path = tmp_path / "case.toml"
    path.write_text("[known]\nobjective = 1\n")
    out = run("solve", path)
    assert out.exit_code == 2
    assert "names no model" in out.stderr


def test_the_encoded_model_is_told_as_what_changed(model_file):
    text = " ".join(run("solve", model_file(), "--encoding", "sos1").stdout.split())
    assert text.count("stationarity(lower)") == 2  # in the KKT model and in the verification
    assert text.count("inequalities(lower)") == 1
    assert "equalities(lower) 0 rows" not in text
    assert "tiny: 9 columns (+3), 6 rows, 16 entries (+3) pairs as SOS1 3 pairs exact slack columns 3" in text
    assert "objective linear minimised" in text


def test_info_says_which_solvers_take_which_encoding(model_file):
    lines = run("info", model_file()).stdout.splitlines()
    by = {line.split()[0]: line for line in lines[lines.index(next(k for k in lines if k.startswith("encoding"))) :]}
    assert "glpk" in by["BigM"] and "highs" in by["BigM"]
    assert "cbc" in by["SOS1"] and "glpk" not in by["SOS1"] and "highs" not in by["SOS1"]
    assert "cplex" not in by["Product"] and "scip" in by["Product"]


def test_generate_for_a_target(model_file, tmp_path):
    out = run("generate", model_file(), "-o", tmp_path, "--encoding", "bigm", "--target", "GLPK", "--names", "short")
    assert out.exit_code == 0, out.output
    made = {p.name for p in tmp_path.iterdir()} - {"tiny.py", "__pycache__"}
    assert made == {f"tiny.{suffix}{tail}" for suffix in ("lp", "mps") for tail in ("", ".map.json")}
    assert "tiny.cip not written" in out.stdout and "GLPK 5.0 rejects .cip files" in out.stdout
    assert kktgen.read_map(tmp_path / "tiny.mps").columns.name[0] == "x1"
    refused = run("generate", model_file(), "-o", tmp_path / "b", "--encoding", "sos1", "--target", "glpk")
    assert refused.exit_code == 2 and "GLPK 5.0 rejects SOS1 sets" in refused.stderr
    unknown = run("generate", model_file(), "-o", tmp_path / "b", "--target", "glpx")
    assert unknown.exit_code == 2 and "glpk" in unknown.stderr


def test_solve_by_a_program_that_reads_files(model_file, tmp_path):
    out = run("solve", model_file(), "--encoding", "bigm", "--solver", "files:highs", "-q")
    assert out.exit_code == 0, out.output
    assert "objective 6.13333" in out.stdout and "claim: optimal" in out.stdout
    missing = run("solve", model_file(), "--solver", "files:No_Such {model} {solution}", "-q")
    assert missing.exit_code == 2 and "No_Such" in missing.stderr


def test_solve_proves_the_responses_in_rational_numbers(model_file, tmp_path):
    out = run("solve", model_file(), "--certify", "-o", tmp_path)
    assert out.exit_code == 0, out.output
    assert "Certificate" in out.stdout and "92/15" in out.stdout
    ran = subprocess.run(
        [sys.executable, "-m", "kktgen.exact", tmp_path / "tiny.certificate.json"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    as_json = json.loads(run("solve", model_file(), "--certify", "--json").stdout)
    assert as_json["certificate"] == {"ok": True, "followers": {"lower": "exact"}, "value": "92/15", "violation": 0.0}


def test_solve_proves_the_optimum_in_rational_numbers(model_file, tmp_path):
    out = run("solve", model_file(), "--prove", "-o", tmp_path)
    assert out.exit_code == 0, out.output
    assert "tiny: proved" in out.stdout and "claim: proved" in out.stdout
    assert "tiny: proved" in (tmp_path / "report.html").read_text(encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "kktgen.exact", tmp_path / "tiny.proof.json.gz", tmp_path / "tiny.bilevel.json"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0 and "it is a statement about" in ran.stdout, ran.stdout + ran.stderr
    as_json = json.loads(run("solve", model_file(), "--prove", "--json").stdout)
    assert {key: as_json["proof"][key] for key in ("claim", "value", "bound", "leaves", "open")} == {
        "claim": "proved", "value": "92/15", "bound": "92/15", "leaves": 1, "open": 0.0,
    }  # fmt: skip


def test_a_problem_without_a_proof_is_solved_all_the_same(model_file):
    source = """
        import kktgen as kg

        def build():
            m = kg.Bilevel("products")
            x = m.var("x", lb=0)
            lower = m.follower("lower")
            y = lower.var("y", lb=0)
            lower.minimize(y @ y - 2 * y)
            m.add(x <= 3)
            m.maximize(x @ y - x @ x)
            return m
    """
    out = run("solve", model_file("products.py", source), "--prove")
    assert out.exit_code == 0, out.output
    assert "give it finite bounds" in out.stdout and "claim: optimal" in out.stdout


def test_info_says_whether_a_proof_is_in_reach():
    assert "(--prove): within reach (246 pairs)" in run("info", "dso_vpp", "--set", "hours=6").stdout
    assert "(--prove): out of reach" in run("info", "dso_vpp").stdout


def test_solve_says_why_there_is_no_point(model_file):
    out = run("solve", model_file(), "--set", "top=0.1")
    assert out.exit_code == 1
    assert "Why there is no optimum" in out.stdout
    assert "no point found: infeasible" in out.stderr


UNBOUNDED = '''
import kktgen as kg


def build():
    """max x + y, y in argmin { y : y >= x }: y = x, and x has no end."""
    m = kg.Bilevel("endless")
    x = m.var("x", lb=0)
    low = m.follower("low")
    y = low.var("y", lb=0)
    low.add(y >= x)
    low.minimize(y)
    m.maximize(x + y)
    return m
'''


def test_solve_says_why_there_is_no_optimum_although_there_are_points(model_file):
    out = run("solve", model_file("endless.py", UNBOUNDED))
    assert out.exit_code == 1
    assert "Why there is no optimum" in out.stdout and "leader_unbounded" in out.stdout
    assert "improves without end" in out.stderr


def test_a_file_that_is_no_problem_is_told_apart_from_a_name(model_file, tmp_path):
    assert run("generate", model_file(), "-o", tmp_path, "--format", "lp").exit_code == 0
    out = run("solve", tmp_path / "tiny.lp")
    assert out.exit_code == 2 and "kktgen info" in out.stderr and "no instance" not in out.stderr


def test_a_solver_that_cannot_take_the_model_is_refused_before_a_start_is_sought(model_file):
    out = run(
        "solve", model_file(), "--encoding", "sos1", "--solver", "files:glpk" if shutil.which("glpsol") else "highs"
    )
    assert out.exit_code == 2 and "cannot solve SOS1 sets" in out.stderr and "another encoding" in out.stderr
    assert "Starting point" not in out.stdout


def test_generate_writes_files_without_solving(model_file, tmp_path):
    out = run("generate", model_file(), "-o", tmp_path / "files", "--encoding", "sos1")
    assert out.exit_code == 0, out.output
    assert {p.name for p in (tmp_path / "files").iterdir()} == {"tiny.lp", "tiny.mps", "tiny.cip"}
    assert "SOS1" in out.stdout
    sizes = run("info", tmp_path / "files" / "tiny.cip")
    assert "SOS1 rows" in sizes.stdout


def test_generate_one_format(model_file, tmp_path):
    out = run("generate", model_file(), "-o", tmp_path / "files", "--format", "mps")
    assert out.exit_code == 0, out.output
    assert [p.name for p in (tmp_path / "files").iterdir()] == ["tiny.mps"]


def test_verify_accepts_the_written_point_and_rejects_a_moved_one(model_file, tmp_path):
    path = model_file()
    assert run("solve", path, "-o", tmp_path / "out", "-q").exit_code == 0
    solution = tmp_path / "out" / "tiny.sol"
    good = run("verify", path, solution)
    assert good.exit_code == 0, good.output
    assert "bilevel-feasible" in good.stdout
    lines = solution.read_text().splitlines()
    moved = [line.replace(line.split()[1], "1.0", 1) if line.split()[:1] == ["y(lower)"] else line for line in lines]
    if moved == lines:
        moved = [f"{line.split()[0]} 1.0" if "y" in line.split()[0] and "mu" not in line else line for line in lines]
    assert moved != lines
    solution.write_text("\n".join(moved) + "\n")
    bad = run("verify", path, solution)
    assert bad.exit_code == 1, bad.output


def test_verify_a_point_written_by_gurobi(model_file, tmp_path):
    path = tmp_path / "gurobi.sol"
    path.write_text(
        "# Solution for model tiny\n# Objective value = 6.13\nx 0.533333333333333\ny(lower) 1.866666666666666\n"
    )
    out = run("verify", model_file(), path)
    assert out.exit_code == 0, out.output
    assert "a relaxation" not in out.stdout
    assert "no encoded model comes with the point" in out.stdout


def test_verify_refuses_a_point_of_another_model(model_file, tmp_path):
    path = tmp_path / "other.sol"
    path.write_text("# Solution for model other\nfoo 1\nbar 2\n")
    out = run("verify", model_file(), path)
    assert out.exit_code == 2
    assert "none of its 2 names (foo, bar, ..) is a column of 'tiny'" in out.stderr


def test_whole_run_as_a_process_from_another_folder(model_file, tmp_path):
    process = started("solve", model_file(), "-o", "out", cwd=tmp_path)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    assert "6.1333" in stdout
    assert (tmp_path / "out" / "tiny.lp").is_file()


def test_wrong_question_as_a_process(tmp_path):
    process = started("solve", "dso_vp", cwd=tmp_path)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (2, "")
    assert len(stderr.splitlines()) == 1


DYING = "import os\nimport signal\n\n\ndef build():\n    os.kill(os.getpid(), signal.{})\n"
WAITING = "import pathlib\nimport time\n\n\ndef build():\n    pathlib.Path('started').touch()\n    time.sleep(60)\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("name", ["SIGABRT", "SIGSEGV", "SIGKILL"])
def test_a_solver_that_dies_is_one_line_and_exit_code_1(model_file, tmp_path, name):
    process = started("solve", model_file("dying.py", DYING.format(name)), cwd=tmp_path)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (1, "")
    assert "the solver died" in stderr
    assert len([line for line in stderr.splitlines() if line.startswith("kktgen:")]) == 1
    assert "Traceback" not in stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("to_group", [True, False], ids=["terminal", "process"])
def test_interrupt_is_exit_code_130(model_file, tmp_path, to_group):
    process = started("solve", model_file("waiting.py", WAITING), cwd=tmp_path)
    for _ in range(600):
        if (tmp_path / "started").exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    begin = time.monotonic()
    (os.killpg if to_group else os.kill)(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert time.monotonic() - begin < 20
    assert "interrupted" in stderr
    assert "Traceback" not in stderr


def test_progress_without_a_terminal_is_a_plain_line_now_and_then(capsys):
    with printing.Progress(every=0.0) as progress:
        progress({"seconds": 1.0, "nodes": 2})
    assert capsys.readouterr().err == "building  1 s  2 nodes\n"
    with printing.Progress(every=60.0) as progress:
        progress({"seconds": 1.0})
    with printing.Progress(quiet=True, every=0.0) as progress:
        progress({"seconds": 1.0})
    assert capsys.readouterr().err == ""


def test_sections_of_stages_appear_as_they_end(capsys):
    progress = printing.Progress()
    progress.stage_ended("kkt", "3 columns")
    assert progress.stage == "eliminating products"
    progress.stage_ended("verify", "printed last, by the caller")
    out = capsys.readouterr().out
    assert "KKT model\n  3 columns\n" in out
    assert "printed last" not in out


def test_a_search_prints_its_record_and_writes_its_point(model_file, tmp_path):
    path = model_file()
    out = run("solve", path, "--method", "hho", "--population", "6", "--iterations", "4", "--seed", "2",
              "--start", "x=1.5", "-o", tmp_path / "out")  # fmt: skip
    assert out.exit_code == 0, out.output
    assert "tiny: hho, 6 hawks, 4 iterations, seed 2" in out.stdout
    assert "claim: bilevel-feasible" in out.stdout and "tiny report:" in out.stdout
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "tiny.sol", "tiny.json", "tiny.bilevel.json", "report.html",
    }  # fmt: skip
    assert run("verify", path, tmp_path / "out" / "tiny.sol").exit_code == 0


def test_a_search_as_json_has_its_record(model_file):
    out = run("solve", model_file(), "--method", "nchho", "--population", "4", "--iterations", "2", "--json")
    assert out.exit_code == 0, out.output
    answer = json.loads(out.stdout)
    assert answer["encoding"] is None and answer["bound"] is None and answer["status"] == "heuristic"
    search = answer["search"]
    assert (search["method"], search["population"], search["seed"]) == ("nchho", 4, 0)
    assert len(search["record"]["best"]) == 3 and search["record"]["evaluations"][-1] == search["evaluations"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--seed", "3"], "--seed belongs to --method nchho or hho"),
        (["--method", "hho", "--gap", "0.1"], "--gap belongs to --method exact"),
        (["--method", "hho", "--encoding", "sos1"], "--encoding belongs to --method exact"),
        (["--method", "hho", "--start", "x"], "--start takes NAME=VALUE"),
        (["--method", "hho", "--start", "x=high"], "--start takes NAME=VALUE"),
        (["--method", "hho", "--start", "z=1"], "no variable 'z'"),
        (["--method", "annealing"], "'annealing'"),
    ],
)
def test_options_that_do_not_fit_the_method_are_refused(args, words, model_file):
    out = run("solve", model_file(), *args)
    assert out.exit_code == 2 and out.stdout == ""
    assert words in out.stderr and len(out.stderr.splitlines()) == 1


def test_a_search_that_finds_nothing_feasible_ends_with_exit_code_1(model_file):
    source = TINY.replace("m.add(y <= 5)", "m.add(y >= 50)")
    out = run("solve", model_file("far.py", source), "--method", "hho", "--population", "5", "--iterations", "1")
    assert out.exit_code == 1
    assert "infeasible by" in out.stdout and "fails verification" in out.stderr


def test_boxes_of_the_leaders_columns_prove_the_optimum_from_the_command_line(model_file):
    out = run("solve", model_file(), "--method", "boxes", "--json", "--gap", "1e-6", "--time-limit", "30")
    answer = json.loads(out.stdout)
    assert (out.exit_code, answer["verification"]["claim"]) == (0, "optimal")
    plain = json.loads(run("solve", model_file(), "--json").stdout)
    assert answer["objective"] == pytest.approx(plain["objective"], rel=1e-4)
    assert any("over boxes" in reason or "that of a box" in reason for reason in answer["verification"]["reasons"])
    out = run("solve", model_file(), "--method", "boxes", "--population", "4")
    assert out.exit_code == 2 and "--population belongs to --method nchho or hho" in out.stderr


def test_solve_with_followers_against_the_leader(tmp_path):
    m = kktgen.Bilevel("depot")
    order = m.var("order", lb=0, ub=8)
    carrier = m.follower("carrier")
    road, rail = carrier.var("road", lb=0, ub=6), carrier.var("rail", lb=0, ub=6)
    carrier.add(road + rail >= order, name="delivery")
    carrier.minimize(road + rail)
    m.maximize(3 * order - 2 * road - rail)
    file, out = tmp_path / "depot.bilevel.json", tmp_path / "out"
    kktgen.write(m, file)
    found = run("solve", file, "--pessimistic", "-o", out, "--time-limit", "60")
    assert found.exit_code == 0, found.output
    assert "claim      pessimistic optimal" in found.output
    told = json.loads((out / "depot.json").read_text())
    near = pytest.approx(10)
    assert told["pessimistic"] == {"value": near, "bound": near, "attained": True, "exact": True}
    assert told["bracket"] == pytest.approx([10, 10]) and told["verification"]["claim"] == "pessimistic optimal"
    assert "known" not in json.loads((out / "depot.bilevel.json").read_text())["about"]
    model = kktgen.read_solution(out / "depot.sol", kktgen.kkt(kktgen.pessimistic(m)))
    assert model[order.cols[()]] == pytest.approx(8)
    assert "pessimistic optimal" in (out / "report.html").read_text()
    m.add(road <= 4, name="noise", every_response=True)
    kktgen.write(m, file)
    assert "claim      optimal" in run("solve", file).output
    assert "row 'noise' is for every response" in run("info", file).output
    refused = run("generate", file, "-o", out)
    assert refused.exit_code == 2 and "is to hold for every response" in refused.output
    wrong = run("solve", file, "--pessimistic", "--method", "nchho")
    assert wrong.exit_code == 2 and "--pessimistic belongs to --method exact" in wrong.output


EARLY = """
import builtins

load = builtins.__import__


def stopped(name, *more, **options):
    if name == "click":
        raise KeyboardInterrupt
    return load(name, *more, **options)


builtins.__import__ = stopped
from kktgen.__main__ import main

main()
"""
"""Ctrl-C while the command line's modules are being imported."""


def test_ctrl_c_while_the_command_line_is_loaded_is_exit_code_130():
    done = subprocess.run([sys.executable, "-c", EARLY], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (130, "kktgen: interrupted\n")
