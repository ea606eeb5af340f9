"""``kktgen info``: statistics of a problem, sizes of a model file."""

from __future__ import annotations

from pathlib import Path

import click

import kktgen as kg

from .. import jobs, model_files, problem_files, show
from ..options import parameter_options


@click.command("info", short_help="Print the statistics of a problem, or the sizes of a model file.")
@click.argument("target", metavar="MODEL|FILE")
@parameter_options
def command(target: str, overrides: dict[str, str]) -> None:
    """Print a problem's statistics, as BOBILib counts them, and the sizes of its KKT system.

    Of an .lp, .mps or .cip file without an .aux beside it: the sizes of the model.

    \b
    kktgen info dso_vpp --set vpps=100
    kktgen info bilevel/instance.aux
    kktgen info out/dso_vpp.mps
    """
    pair = problem_files.aux_beside(target) if model_files.is_model_file(target) else ""
    if model_files.is_model_file(target) and not pair:
        show.table(("what", "number"), model_files.file_sizes(Path(target)))
        return
    is_file = problem_files.is_problem_file(pair or target)
    problem = None if is_file and not overrides else jobs.Job.of(pair or target, overrides).bilevel
    problem, rows = problem_files.describe(pair or target, problem)
    show.table(("symbol", "number", "what"), rows)
    click.echo("\n" + (str(kg.kkt(problem)) if problem is not None else "integer followers have no KKT system"))
