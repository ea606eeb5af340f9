"""The guide is true and whole: its blocks run, its links lead somewhere, no sentence of a report is missing."""

from __future__ import annotations

import ast
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest
import written
from click.testing import CliRunner

import kktgen as kg
from kktgen import guide
from kktgen.cli import cli

PACKAGE = Path(guide.__file__).parents[1]
ROOT = PACKAGE.parent
TESTS = Path(__file__).parents[1]
SAYING = (
    "verification/**/*.py", "reformulate/**/*.py", "encodings/**/*.py", "model/*.py", "recipes/agree/*.py",
    "recipes/pipeline.py", "recipes/pessimistic/answer.py", "recipes/pessimistic/conclusion.py",
    "recipes/pessimistic/reading.py", "problem/curvature.py",
)  # fmt: skip
"""Files whose sentences stand in reports and in the notes of models."""
HOLE = "\x00"
"""What stands for a value in a sentence."""
NOT_SENTENCES = {
    "reformulate/scale/__init__.py": {"as_it_stands"},
    "model/solution.py": {"infeasible_or_unbounded"},
    "model/equilibrate.py": {"the leader's objective"},
    "model/enumerated.py": {"the integer followers"},
    "verification/mixed.py": {
        "mip_feasibility_tolerance", "primal_feasibility_tolerance", "dual_feasibility_tolerance", "mip_abs_gap"
    },
    "model/model.py": {
        "a convex quadratic objective", "a nonconvex quadratic objective", "convex quadratic rows",
        "nonconvex quadratic rows (products of variables)", "complementarity pairs (encode the model first)",
        f"Model({HOLE}, {HOLE} columns, {HOLE} rows, {HOLE} pairs)",
    },
    "verification/report.py": {f"Report({HOLE}, {HOLE}, {HOLE} conditions, {HOLE} failing)"},
    "model/printed.py": {
        "G y + H x <= h (bounds as column bounds)", "products in followers' rows", "columns for products",
        f"{HOLE}: {HOLE} columns, {HOLE} rows, {HOLE} entries", f"M on mu {HOLE}; on s {HOLE}",
        "maximised (its negative is minimised)", f"  bounds: {HOLE} more followers",
    },
    "model/values.py": {f"{HOLE} values from {HOLE} to {HOLE}, sum {HOLE}", f"  and {HOLE} more variables"},
    "reformulate/bounds/__init__.py": {f"bounds: follower {HOLE} of {HOLE}"},
    "encodings/parts/constants.py": {
        "a key is a follower, its name, rows that were added to a follower, their dual, a follower's variable, "
        "or a name"
    },
    "recipes/agree/__init__.py": {
        f"run {HOLE} of {HOLE}: {HOLE} by {HOLE}", f"run {HOLE} of {HOLE}: {HOLE} by {HOLE}: {HOLE}",
    },
    "recipes/agree/masters.py": {f"run {HOLE} of {HOLE}: {HOLE} by {HOLE}"},
    "recipes/agree/agreement.py": {f"{HOLE}: encodings and solvers compared", f", best verified value {HOLE}"},
    "recipes/pipeline.py": {f"start point: objective {HOLE}", "no start point", "no solver was reached"},
}  # fmt: skip
"""Headings, names of features, progress, and parts of errors: they are no sentences of a report."""
ERRORS = ("make one with kg.kkt(m)", "encode the model first: kg.encode(kg.kkt(m), kg.SOS1())")
"""Cures handed to checks that raise."""


@pytest.mark.parametrize("topic", guide.topics())
def test_a_page_does_what_it_says(topic, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert written.faults(guide.page(topic).text, tmp_path) == []


def test_every_file_is_a_page_with_title_and_summary():
    files = {path.stem for path in guide.FOLDER.glob("*.md")}
    assert set(guide.topics()) == files
    assert set(guide.ORDER) <= files
    for page in guide.pages():
        assert page.text.startswith("# ") and page.title, page.topic
        assert 20 < len(page.summary) < 120, f"{page.topic}: {page.summary}"


def test_links_lead_to_pages():
    for page in guide.pages():
        assert set(page.links) <= set(guide.topics()), page.topic
        assert set(re.findall(r"\]\(([^)]*)\)", page.text)) == {f"{topic}.md" for topic in page.links}, page.topic
    named = {topic for page in guide.pages() for topic in page.links}
    assert named | {"start"} == set(guide.topics()), "a page no other page points to"


def test_topics_named_elsewhere_exist():
    texts = [(ROOT / "README.md").read_text(encoding="utf-8"), *(page.text for page in guide.pages())]
    named = {topic for text in texts for topic in re.findall(r"`kktgen help ([a-z_]+)", text)}
    assert named - {"solve"} <= set(guide.topics())
    assert named


def test_tests_and_tools_named_on_pages_exist():
    there = {
        name
        for file in TESTS.rglob("test_*.py")
        for name in re.findall(r"^ *def (test_\w+)", file.read_text("utf-8"), re.M)
    }
    for page in guide.pages():
        assert set(re.findall(r"`(test_\w+)`", page.text)) <= there, page.topic
        assert all((ROOT / "tools" / tool).is_file() for tool in re.findall(r"`tools/(\w+)", page.text)), page.topic
        files = re.findall(r"`((?:kktgen|models|instances)/[a-z_/0-9.]+)`", page.text)
        assert all((ROOT / file).exists() for file in files), page.topic


def test_every_item_of_a_checklist_names_the_test_that_enforces_it():
    checklists = [page for page in guide.pages() if page.topic.startswith("add_")]
    assert len(checklists) == 5
    for page in checklists:
        items = page.text.split("* [ ] ")[1:]
        assert len(items) > 3 and all("`test_" in item for item in items), page.topic


def test_lines_of_prose_are_short():
    for page in guide.pages():
        prose = written.FENCE.sub("", page.text).splitlines()
        assert [line for line in prose if len(line) > 120 and not line.startswith("|")] == [], page.topic


def sentences(path: Path) -> Iterator[str]:
    """Yield the texts of three words or more in a file, without docstrings and errors, a hole for every value."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(node.value)
        elif isinstance(node, ast.Raise):
            skipped.update(ast.walk(node))
        elif isinstance(node, ast.JoinedStr):
            skipped.update(value for value in node.values if isinstance(value, ast.Constant))
        elif isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            skipped.update(ast.walk(node.format_spec))
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(v.value) if isinstance(v, ast.Constant) else HOLE for v in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        if len(re.findall(r"[A-Za-z]{2,}", text)) >= 3:
            yield text


def explained(sentence: str, page: str) -> bool:
    """Return whether a sentence stands on a page, whatever stands there for its values."""
    parts = [re.escape(" ".join(part.split())) for part in sentence.split(HOLE)]
    wanted = r"[^`]{0,80}?".join(part for part in parts if part)
    return re.search(wanted, page) is not None


def test_every_sentence_of_reports_and_notes_is_explained():
    """Of those that are said; ``html.py`` of a room sets what they say in tables."""
    page = " ".join(guide.page("claims").text.split())
    missing = []
    for path in sorted(file for pattern in SAYING for file in PACKAGE.glob(pattern) if file.name != "html.py"):
        name = path.relative_to(PACKAGE).as_posix()
        known = NOT_SENTENCES.get(name, set())
        found = set(sentences(path)) - set(ERRORS)
        assert known <= found, f"{name}: {known - found} is not there any more"
        missing += [(name, text) for text in sorted(found - known) if not explained(text, page)]
    assert missing == []


def test_a_new_sentence_would_be_noticed(tmp_path):
    file = tmp_path / "said.py"
    file.write_text('"""Of docstrings nothing is said."""\nnote = f"the moon has {3} new craters"\n')
    (found,) = sentences(file)
    assert not explained(found, " ".join(guide.page("claims").text.split()))
    assert explained(found, "we know that the moon has N new craters")


def test_pages_name_every_encoding_format_solver_model_and_dependency():
    import tomllib

    from kktgen.catalog import models
    from kktgen.formats import formats

    for encoding in kg.encodings().values():
        assert f"`{encoding.__name__}(" in guide.page("encodings").text, encoding
    for topic, words in (("files", formats()), ("solvers", kg.solvers()), ("models", models())):
        for word in words:
            assert f"`{word}`" in guide.page(topic).text, word
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for requirement in project["dependencies"]:
        assert re.match(r"[a-z]+", requirement)[0] in guide.page("solvers").text, requirement


def run(*words: str):
    return CliRunner().invoke(cli, ["help", *words])


def test_help_lists_the_pages():
    out = run()
    assert out.exit_code == 0
    lines = out.output.splitlines()
    for page in guide.pages():
        assert [line for line in lines if line.split()[:1] == [page.topic] and page.summary in line], page.topic


def test_help_shows_a_page_rendered_or_raw():
    shown, raw = run("coming-from"), run("coming_from", "--raw")
    assert raw.output == guide.page("coming_from").text
    assert "```" not in shown.output and shown.output.count("BilevelJuMP") >= 1
    assert "kktgen help prices" in " ".join(run("start").output.split()), "links say how the other page is shown"


def test_help_of_a_command_is_its_options():
    assert "--certify" in run("solve").output
    assert "CLAIM" not in run("solve").output and run("solve").exit_code == 0


def test_an_unknown_topic_says_which_are_near():
    out = run("claim")
    assert out.exit_code == 2
    assert "no page 'claim' (did you mean claims?); there are start, " in " ".join(out.output.split())


def test_a_page_longer_than_the_screen_goes_through_the_pager(monkeypatch):
    import click
    import rich.console

    paged = []
    monkeypatch.setattr(click, "echo_via_pager", lambda text, color=None: paged.append(text))
    monkeypatch.setattr(rich.console.Console, "is_terminal", True)
    monkeypatch.setenv("LINES", "20")
    run("claims")
    assert len(paged) == 1 and "bilevel-feasible" in paged[0]


def rendered(tmp_path: Path) -> Path:
    """Return the folder of the site's pages of the guide."""
    site = runpy.run_path(str(ROOT / "tools" / "site"), run_name="site")
    for page in guide.pages():
        (tmp_path / f"{page.topic}.html").write_text(site["page"](page.topic, page.title, page.text), encoding="utf-8")
    return tmp_path


def test_the_site_shows_every_page_and_its_links_resolve(tmp_path):
    folder = rendered(tmp_path)
    names = {path.name for path in folder.iterdir()} | {"index.html"}
    for page in guide.pages():
        text = (folder / f"{page.topic}.html").read_text(encoding="utf-8")
        assert f"<h1>{page.title}" in text and text.count("<h1>") == 1
        assert text.count("<pre") == len(written.FENCE.findall(page.text)) + len(indented(page.text)), page.topic
        away = set(re.findall(r'href="([^"]+)"', text)) - names
        assert all(link.startswith("kktgen") for link in away), f"{page.topic}: {away}"


def indented(text: str) -> list[str]:
    """Return the indented blocks of a page, formulas."""
    prose = written.FENCE.sub("", text)
    return re.findall(r"(?:\A|\n)\n((?:    .*\n| *\n(?=    ))+)", prose)


def test_the_site_has_the_public_names(tmp_path):
    pytest.importorskip("pdoc", reason="pdoc is not installed (pip install '.[site]')")
    site = runpy.run_path(str(ROOT / "tools" / "site"), run_name="site")
    files = {path.name: path.read_text(encoding="utf-8") for path in site["reference"](tmp_path)}
    assert all(f'id="{name}"' in files["kktgen.html"] for name in kg.__all__ if not name.startswith("__"))
