"""``kktgen instance``: add instances to a library, check and list them."""

from __future__ import annotations

from pathlib import Path

import click

from ...library.add import Added, add
from ...library.sources import source_of
from .. import printing
from ..options import parameter_options

SHOWN = (
    "class",
    "columns",
    "pairs",
    "n_x",
    "I_u",
    "B_u",
    "followers",
    "n_y",
    "m_u",
    "m_l",
    "m_coup",
    "n_link",
    "priced",
)
"""Statistics that ``add`` prints."""


@click.group("instance", short_help="Add instances to a library, check them, list them.")
def command() -> None:
    """Add instances to a library, check them, list them.

    \b
    kktgen instance add my_model.py --set hours=6    store problem and point, record what is proved
    kktgen instance check                            is everything right? (exit code 1 if not)
    kktgen instance list --family dc_market          sizes, class, grade, value, bound
    """


@command.command("add", short_help="Store an instance's problem and point; record what is proved of it.")
@click.argument("target", metavar="INSTANCE|MODEL|FILE")
@click.option("--name", default="", metavar="CASE", help="Name of the instance; that of the file by default.")
@click.option("--family", default="", metavar="F", help="Write into this family of a checkout's instances.")
@click.option(
    "--time-limit", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True, metavar="S",
    help="Seconds for the solve; a second proof has as many again.",
)  # fmt: skip
@click.option(
    "--second/--no-second", "again", default=None,
    help="A second proof by another encoding or solver: always, never; by default where boxes are not all proved.",
)  # fmt: skip
@click.option("--no-solve", is_flag=True, help="Only store the problem and its statistics.")
@click.option("-q", "--quiet", is_flag=True, help="Print no progress.")
@parameter_options
def add_command(
    target: str, overrides: dict[str, str], name: str, family: str, time_limit: float, again: bool | None,
    no_solve: bool, quiet: bool,
) -> None:  # fmt: skip
    """Store the problem and the best point of an instance, and record what is proved of it.

    INSTANCE is family/case or a .toml file, which is updated; MODEL the name or .py file of a model, FILE a whole
    problem (.bilevel.json, .aux), of which a new instance is made beside it. Values and bounds already known stay
    where they are better.

    \b
    kktgen instance add dc_market/rts24_4h --time-limit 120
    kktgen instance add my_model.py --set hours=6 --name six_hours
    kktgen instance add problem.bilevel.json --no-solve
    Exit code: 0 added, 1 the solver failed, 2 wrong question, 130 Ctrl-C.
    """
    with printing.Progress(quiet) as progress:
        source = source_of(target, overrides, name, family)
        done = add(source, time_limit, solve=not no_solve, again=again, progress=progress, told=progress.note)
    _told(done)


def _told(done: Added) -> None:
    """Print what was stored, found and is missing."""
    click.echo("  ".join(f"{key} {done.sizes[key]}" for key in SHOWN if key in done.sizes))
    for line in done.said:
        click.echo(line)
    stem = done.path.stem
    paths = [p for p in sorted(done.path.parent.glob(f"{stem}.*")) if _is_own(p, stem)]
    click.echo(printing.files(paths))
    for line in done.missing:
        click.echo(f"missing: {line}")


def _is_own(path: Path, stem: str) -> bool:
    return path.name in (f"{stem}.toml", f"{stem}.bilevel.json.gz", f"{stem}.sol.gz")
