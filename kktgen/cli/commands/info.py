"""``kktgen info``: statistics of a problem, sizes of a model file."""

from __future__ import annotations

from pathlib import Path

import click

import kktgen as kg

from ...exact.reach import reach
from ...formats import encoding_rows, file_features, reader_rows, readers
from ...model.shared import shared_kkt
from ...problem.every_response import names_of, plain
from ...problem.integers import has_integers
from ...reformulate.independent_parts import groups_of, holding_pairs, parts_of
from ...reformulate.one_level import outlook
from .. import model_files, printing, problem_files, task
from ..options import parameter_options


@click.command("info", short_help="Print the statistics of a problem, or the sizes of a model file.")
@click.argument("target", metavar="MODEL|FILE")
@parameter_options
def command(target: str, overrides: dict[str, str]) -> None:
    """Print a problem's statistics, as BOBILib counts them, and the sizes of its KKT system.

    Of a problem also which solvers read the files of which encoding rightly; HiGHS as a library does more, convex
    MIQPs. Of an .lp, .mps or .cip file without an .aux beside it: the sizes of the model, and which solvers take the
    file, as far as is known of how they read it.

    \b
    kktgen info dso_vpp --set vpps=100
    kktgen info bilevel/instance.aux
    kktgen info out/dso_vpp.mps
    """
    pair = problem_files.aux_beside(target) if model_files.is_model_file(target) else ""
    if model_files.is_model_file(target) and not pair:
        about = file_features(Path(target))
        printing.table(("what", "number"), about.sizes)
        click.echo()
        printing.table(("solver", "takes it", "why not, or what to know"), reader_rows(readers(about)))
        return
    is_file = problem_files.is_problem_file(pair or target)
    problem = None if is_file and not overrides else task.Job.of(pair or target, overrides).bilevel
    problem, rows = problem_files.describe(pair or target, problem)
    printing.table(("symbol", "number", "what"), rows)
    if has_integers(problem):
        model = kg.master(problem)
        click.echo(f"\n{model}\n  integer followers have no KKT system: their responses are enumerated, by masters\n")
        printing.table(("solver", "takes the masters", "why not, or what to know"), reader_rows(readers(model)))
        return
    model = shared_kkt(plain(problem))
    for name in names_of(problem):
        click.echo(f"\nrow {name!r} is for every response; below it stands as a row for one")
    click.echo(f"\n{model}")
    said = outlook(model)
    click.echo(f"  {said}\n" if said else "")
    if reach(model):
        click.echo(f"  {reach(model)}\n")
    label = parts_of(problem)
    parts, groups = (holding_pairs(problem, one) for one in (label, groups_of(problem, label)))
    if parts > 1:
        apart = "are solved as one" if groups == 1 else "are solved apart" + f", in {groups} groups" * (groups < parts)
        click.echo(f"  independent parts: {parts}, which {apart}\n")
    printing.table(
        ("encoding", "what the model then has at most", "solvers that read the file"),
        encoding_rows(kg.eliminate(model)),
    )
