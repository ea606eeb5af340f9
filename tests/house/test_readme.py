"""The README is true and short: its Python blocks run and print what stands under them."""

from __future__ import annotations

import re
from pathlib import Path

import written

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_every_python_block_shows_its_output():
    run = [block for block in written.blocks(README) if block.language == "python" and not block.file]
    assert len(run) == README.count("```python\n") >= 1
    assert all(block.printed for block in run)


def test_blocks_print_what_the_readme_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert written.faults(README, tmp_path) == []


def test_names_every_encoding_format_solver_and_model():
    import kktgen as kg
    from kktgen.catalog import models
    from kktgen.formats import formats

    for name, encoding in kg.encodings().items():
        assert f"`{encoding.__name__}(" in README, name
    for word in (*formats(), *kg.solvers(), *models()):
        assert f"`{word}`" in README, word


def test_every_command_and_every_page_is_named():
    from kktgen import guide
    from kktgen.cli import cli

    for command in cli.commands:
        assert f"`kktgen {command}" in README, command
    for topic in guide.topics():
        assert f"`kktgen help {topic}`" in README or f"`{topic}`" in README, topic
    assert len(README.splitlines()) <= 200


def test_every_public_name_it_uses_exists():
    import kktgen as kg

    for name in set(re.findall(r"\bkg\.(\w+)", README)):
        assert hasattr(kg, name), name
