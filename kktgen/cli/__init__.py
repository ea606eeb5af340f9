"""The command line ``kktgen``; each of its commands is a module of the folder ``commands``.

Takes: the words of a command.
Gives: what it prints, files, an exit code.
Must not know: mathematics.
"""

from __future__ import annotations

import sys

import click

from ..installed import own_version
from . import child_process
from .commands import commands
from .exit_codes import Commands

WIDTH = 100
CHILD = ("solve", "plot", "check", "explain")
"""Commands that run solvers, and so in a child process."""
CHILD_OF_GROUPS = (["instance", "add"],)
"""Such commands of groups of commands."""


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDTH})
@click.version_option(own_version() or "(not installed)", message="%(prog)s %(version)s")
def cli() -> None:
    """Bilevel problems with convex-QP followers: single-level models, files, certified answers.

    \b
    kktgen help                                 the guide: topics, pages
    kktgen models                               what there is
    kktgen solve dso_vpp --set hours=6 -o out/  build, solve, verify, write
    kktgen verify out/dso_vpp.bilevel.json out/dso_vpp.sol  judge a point from any solver
    kktgen generate dso_vpp -o files/           only write .lp, .mps and .cip
    kktgen check dso_vpp --set hours=6          do encodings and solvers agree?
    kktgen plot dso_vpp -o out/                 solve and draw its plots
    kktgen sweep dso_vpp --set hours=6,12,24    a grid of parameters, one table
    kktgen bench quick -o results/              many runs, judged by what is known
    kktgen catalogue -o site/ --runs results/   instances and results as pages for a browser
    """


for _command in commands():
    cli.add_command(_command)


def main() -> None:
    """Run the command line; commands that run solvers do so in a child process."""
    child_process.streams()
    words = sys.argv[1:]
    if words and (words[0] in CHILD or words[:2] in CHILD_OF_GROUPS) and not {"-h", "--help"} & set(words):
        child_process.split()
    try:
        cli(prog_name="kktgen")
    except KeyboardInterrupt:
        sys.exit(child_process.INTERRUPTED)
    finally:
        child_process.flush()
