"""A folder of instances of one's own, and the pages of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from kktgen import catalog
from kktgen.benchmarks.journal import Journal
from kktgen.cli import cli

NAMES = ("cournot/duopoly", "dc_market/case5_own3", "dc_market/case5_24h", "knapsack/i10_k3")
HOSTILE = "</script><b>bold</b> & \"quoted\" 'so'"
"""A description that must stay words."""


def run(*words: Any) -> Result:
    """Return what a command answers."""
    out = CliRunner().invoke(cli, [str(word) for word in words], prog_name="kktgen")
    assert out.exit_code == 0, out.output
    return out


def own_folder(parent: Path) -> Path:
    """Return a folder ``mine`` with four instances.

    Of two the problems are stored, one has a hostile description, of one no value is known.
    """
    folder = parent / "mine"
    folder.mkdir()
    for name in NAMES:
        shutil.copy(catalog.folder("instances") / f"{name}.toml", folder)
    hostile = folder / "duopoly.toml"
    text = hostile.read_text(encoding="utf-8").replace('status = "published"', 'status = "calibrated"')
    hostile.write_text(f"description = '''{HOSTILE}'''\n{text}", encoding="utf-8")
    unknown = folder / "i10_k3.toml"
    unknown.write_text(unknown.read_text(encoding="utf-8").partition("[known]")[0], encoding="utf-8")
    for case in ("duopoly", "case5_24h"):
        run("instance", "add", folder / f"{case}.toml", "--no-solve", "-q")
    return folder


def pages(parent: Path, *records: dict[str, Any]) -> Path:
    """Return the folder of the pages of :func:`own_folder` and of some runs."""
    folder = own_folder(parent)
    runs: list[Any] = []
    if records:
        with Journal(parent / "results") as journal:
            for one in records:
                journal.add(one)
        runs = ["--runs", parent / "results"]
    run("catalogue", folder, "-o", parent / "site", *runs, "-q")
    return parent / "site"
