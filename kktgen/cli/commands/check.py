"""``kktgen check``: one model by several encodings and solvers, held against each other."""

from __future__ import annotations

import contextlib
import sys

import click

import kktgen as kg

from ...recipes.agree import agree
from .. import checks, printing, result_files, task
from ..exit_codes import Stop
from ..options import POSITIVE, parameter_options


def names(ctx: click.Context, option: click.Parameter, text: str | None) -> list[str] | None:
    """Return the names of a list ``a,b``."""
    if text is None:
        return None
    found = [word.strip().lower() for word in text.split(",") if word.strip()]
    if not found:
        raise click.BadParameter("give names separated by commas, such as sos1,bigm")
    return list(dict.fromkeys(found))


@click.command("check", short_help="Solve a model by several encodings and solvers; see whether they agree.")
@click.argument("target", metavar="MODEL")
@click.option("--encoding", "encodings", metavar="A,B", callback=names, help="These alone; all that apply by default.")
@click.option("--solver", "solvers", metavar="X,Y", callback=names, help="These alone; all libraries by default.")
@click.option(
    "--time-limit", type=POSITIVE, default=60.0, show_default=True, metavar="S",
    help="Seconds for each run.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Print no progress.")
@parameter_options
def command(
    target: str, overrides: dict[str, str], encodings: list[str] | None, solvers: list[str] | None, time_limit: float,
    as_json: bool, quiet: bool,
) -> None:  # fmt: skip
    """Solve a model by several encodings and solvers and hold the answers against each other.

    Bounds and start points are found once. Every bound is held against every verified point: one that is beaten is
    wrong, and the table says whose it is. The last lines say what may be claimed of all runs together.

    \b
    kktgen check dso_vpp --set hours=6
    kktgen check dso_vpp --encoding auto,bigm,indicator --solver scip --time-limit 120
    kktgen check my_model.py --json
    Exit code: 0 all that finished agree (two at least), 1 not, 2 wrong question, 130 Ctrl-C.
    """
    for name in encodings or ():
        checks.check_encoding(name)
    for name in solvers or ():
        checks.check_solver(name)
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():  # the model's own prints
        job = task.Job.of(target, overrides)
        with printing.Progress(quiet) as progress:
            found = agree(
                job.bilevel, encodings, solvers, time_limit, isolate=True, progress=progress, told=progress.note,
                options={name: job.options(name) for name in solvers or kg.solvers()},
            )  # fmt: skip
    if as_json:
        click.echo(result_files.to_json({"model": job.target, "parameters": job.parameters, **found.to_dict()}))
    else:
        click.echo(str(found))
    if not found.agreed:
        raise Stop(found.conclusion, 1)
