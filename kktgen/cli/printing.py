"""What the command line prints: tables, sections, the live line while a solver works."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import click
from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from ..progress import AFTER, DOING, progress_line

QUIET_SECONDS = 5.0
"""Time between two lines of progress where there is no terminal."""

STAGES = {
    "kkt": "KKT model", "eliminate": "Eliminated products", "bound": "Bounds", "encode": "Encoded model",
    "cut": "Valid inequalities", "start": "Starting point", "parts": "Independent parts", "sum": "Sum of the parts",
    "solve": "Solver", "polish": "Polished point", "verify": "Verification", "search": "Search",
}  # fmt: skip
"""Title of each stage of the recipe."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on stdout, as wide as the terminal, or as its contents where there is none."""
    out = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 3, 0, 0))
    for k, word in enumerate(header):
        out.add_column(word, no_wrap=k == 0)
    for row in rows:
        out.add_row(*(Text(cell) for cell in row))
    console = Console()
    if console.is_terminal:
        console.print(out)
        return
    console = Console(width=10_000)
    with console.capture() as text:
        console.print(out)
    click.echo("\n".join(line.rstrip() for line in text.get().splitlines()))


def section(title: str, text: str) -> None:
    """Print a title and the text below it on stdout."""
    click.secho(title, bold=True)
    click.echo("\n".join(f"  {line}".rstrip() for line in text.splitlines()) + "\n")


class Progress:
    """A live line on stderr; a plain line every few seconds where stderr is no terminal; nothing when ``quiet``.

    Used as a context; called with the ``info`` of :class:`kktgen.Progress`.
    """

    def __init__(self, quiet: bool = False, every: float = QUIET_SECONDS) -> None:
        self.quiet = quiet
        self.every = every
        self.stage = "building"
        self._last = time.monotonic()
        console = Console(stderr=True)
        self._live: Status | None = console.status(self.stage) if console.is_terminal and not quiet else None

    def __enter__(self) -> Progress:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, info: Mapping[str, Any]) -> None:
        """Show the latest information."""
        if self.quiet:
            return
        if self._live is not None:
            self._live.update(Text(f"{self.stage}  {progress_line(info)}"))
        elif time.monotonic() - self._last >= self.every:
            self._last = time.monotonic()
            click.echo(f"{self.stage}  {progress_line(info)}", err=True)

    def note(self, text: str) -> None:
        """Print a line on stderr without disturbing the live line, which shows it from then on."""
        self.stage = text
        self.line(text)
        if self._live is not None:
            self._live.update(Text(text))

    def line(self, text: str) -> None:
        """Print a line on stderr without disturbing the live line."""
        if self.quiet:
            return
        if self._live is not None:
            self._live.console.print(Text(text))
        else:
            click.echo(text, err=True)

    def stage_passed(self, stage: str, text: str) -> None:
        """Note that a stage ended, and print nothing."""
        self.stage = DOING.get(AFTER.get(stage, ""), "working")
        if self._live is not None:
            self._live.update(Text(self.stage))

    def stage_ended(self, stage: str, text: str) -> None:
        """Print what a stage says of itself without disturbing the live line."""
        if text and stage != "verify":  # the report is printed last
            if self._live is not None:
                self._live.stop()
            section(STAGES.get(stage, stage), text)
            if self._live is not None:
                self._live.start()
        self.stage_passed(stage, text)


def size(path: Path) -> str:
    """Return the size of a file in words."""
    amount = float(path.stat().st_size)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} GB"


def files(paths: Iterable[Path]) -> str:
    """Return one line per written file with its size."""
    rows = [(str(path), size(path)) for path in paths]
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{name:<{width}}  {amount:>8}" for name, amount in rows)
