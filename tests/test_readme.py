"""The README is true: its Python blocks run and print what stands under them."""

from __future__ import annotations

import re
from pathlib import Path

import written

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_every_python_block_shows_its_output():
    run = [block for block in written.blocks(README) if block.language == "python" and not block.file]
    assert len(run) == README.count("```python\n") >= 1
    assert all(block.printed for block in run)


def test_blocks_print_what_the_readme_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert written.faults(README, tmp_path) == []


def test_the_model_file_shown_is_solved_by_the_command_shown(tmp_path):
    from click.testing import CliRunner

    from kktgen.cli import cli

    (source,) = re.findall(r"```py\n(.*?)```", README, flags=re.S)
    (command,) = re.findall(r"`kktgen (solve toll\.py [^`]*)`", README)
    (tmp_path / "toll.py").write_text(source, encoding="utf-8")
    words = [str(tmp_path / word) if word in ("toll.py", "out/") else word for word in command.split()]
    out = CliRunner().invoke(cli, words)
    assert out.exit_code == 0, out.output
    # toll t <= 4: drivers use the road until t + 0.4 road = 6; t (6 - t) / 0.4 is largest at t = 3, where road = 7.5
    assert "objective 22.5," in out.output and "claim: optimal" in out.output
    assert (tmp_path / "out" / "toll.mps").is_file()


def _blurred(line: str) -> str:
    """Return a line with residuals, gaps and their places masked: they differ from machine to machine."""
    line = re.sub(r"\d\.\de[-+]\d\d(?=\s+(?:tolerance )?1e-0\d)", "RESIDUAL", line)
    return re.sub(r"(RESIDUAL\s+1e-0\d\s+ok).*", r"\1", line).rstrip()


def test_tables_name_every_encoding_format_solver_and_model():
    import kktgen as kg
    from kktgen.catalog import models
    from kktgen.formats import formats

    for name, encoding in kg.encodings().items():
        assert f"`{encoding.__name__}(" in README, name
    for word in (*formats(), *kg.solvers(), *models()):
        assert f"`{word}`" in README, word


def test_dependency_table_names_every_dependency():
    import tomllib

    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    table = README[README.index("## Dependencies") :]
    for requirement in project["dependencies"]:
        assert re.match(r"[a-z]+", requirement)[0] in table, requirement
