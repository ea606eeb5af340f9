"""What is written in Markdown is true: blocks of Python and commands run, and print what stands under them.

A block opens with one of these words:

* ``python``: is run; the blocks of one text share their names. A block ``text`` right below it is what it prints;
  without one it prints nothing. With ``title="FILE"`` it is the text of a file, which is written and not run.
* ``console``: lines ``$ kktgen ..`` are run, and print the lines below them; a line ``...`` stands for any lines.
* ``text``, ``py``, ``julia``, ``matlab``, ``gams``, ``toml``, ``sh``: are shown, not run.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from kktgen.cli import cli

FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```[ ]*$", flags=re.MULTILINE | re.DOTALL)
SHOWN = ("text", "py", "julia", "matlab", "gams", "toml", "sh")
"""Blocks that are not run."""


@dataclass(frozen=True)
class Block:
    """One block: its language, the file it is the text of, its text, what it should print, and its line."""

    language: str
    file: str
    body: str
    printed: str | None
    line: int


def blocks(text: str) -> list[Block]:
    """Return the blocks of a text; the text below a Python block is part of it."""
    out: list[Block] = []
    end = 0
    for match in FENCE.finditer(text):
        language, _, rest = match["info"].strip().partition(" ")
        file = re.search(r'title="([^"]+)"', rest)
        line = text.count("\n", 0, match.start()) + 1
        touches = not text[end : match.start()].strip()
        end = match.end()
        last = out[-1] if out else None
        if language == "text" and last and touches and last.language == "python" and last.printed is None:
            out[-1] = Block(last.language, last.file, last.body, match["body"], last.line)
        else:
            out.append(Block(language, file[1] if file else "", match["body"], None, line))
    return out


def faults(text: str, folder: Path) -> list[str]:
    """Run the blocks of a text in the current folder, which is ``folder``, and return what is not as written."""
    names: dict[str, Any] = {"__name__": "__main__"}
    out = []
    for block in blocks(text):
        where = f"the block of line {block.line}"
        if block.file:
            (folder / block.file).write_text(block.body, encoding="utf-8")
        elif block.language == "python":
            found = _run(block.body, where, names)
            out += _differences(where, found, block.printed or "")
        elif block.language == "console":
            out += _commands(where, block.body)
        elif block.language not in SHOWN:
            out.append(f"{where}: the word {block.language!r} is none of python, console, {', '.join(SHOWN)}")
    return out


def _run(code: str, where: str, names: dict[str, Any]) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, where, "exec"), names)
    return printed.getvalue()


def _commands(where: str, body: str) -> list[str]:
    """Run the lines ``$ kktgen ..`` of a block and compare what they print."""
    out = []
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        program, *words = shlex.split(command, comments=True)
        if program != "kktgen":
            out.append(f"{where}: {program} is not run; such lines stand in a block of sh")
            continue
        done = CliRunner().invoke(cli, words)
        out += _differences(f"{where}, {command}", done.output, printed)
    return out


def _differences(where: str, found: str, written: str) -> list[str]:
    """Return where a text differs from what is written, lines ``...`` of which stand for any lines."""
    left = [blurred(line) for line in found.strip().splitlines()]
    anywhere = False
    for line in written.strip().splitlines():
        wanted = blurred(line)
        if wanted.strip() == "...":
            anywhere = True
            continue
        at = next((k for k, one in enumerate(left) if one == wanted), None) if anywhere else 0
        if at is None or not left or left[at] != wanted:
            return [f"{where} does not print {line!r}; it prints\n{found}"]
        left, anywhere = left[at + 1 :], False
    return [] if anywhere or not any(left) else [f"{where} also prints {left[0]!r}; it prints\n{found}"]


def blurred(line: str) -> str:
    """Return a line without what differs from machine to machine: residuals, bounds, gaps, seconds, versions."""
    line = re.sub(r"\d\.\de[-+]\d\d(?=\s+(?:tolerance )?1e-0\d)", "RESIDUAL", line)
    line = re.sub(r"(RESIDUAL\s+1e-0\d\s+(?:ok|no)).*", r"\1", line)
    line = re.sub(r"\b\d+(\.\d+)?(?= s\b)", "SECONDS", line)
    line = re.sub(r"\b\d+ nodes?\b", "NODES", line)
    line = re.sub(r"(?<=, bound )[-+.\de]+", "BOUND", line)
    line = re.sub(r"\((SCIP|HiGHS) [\d.]+", r"(\1", line)
    return " ".join(line.split())
