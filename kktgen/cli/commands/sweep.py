"""``kktgen sweep``: a model over a grid of its parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ...benchmarks import grid, grid_plot, plan, result_table, ways
from ...catalog import plots
from .. import printing, runs
from ..exit_codes import Stop
from ..options import POSITIVE, parameter_options

SECONDS = 60.0
"""Time limit of a run where none is given."""


@click.command("sweep", short_help="Solve a model over a grid of its parameters; one table.")
@click.argument("target", metavar="MODEL")
@click.option("--encodings", default="auto", show_default=True, metavar="NAME,..", help="As of kktgen bench.")
@click.option("--solvers", default="scip", show_default=True, metavar="NAME,..", help="scip, highs, cbc, ...")
@click.option(
    "--time-limit", type=POSITIVE, default=SECONDS, show_default=True, metavar="S",
    help="Seconds a run.",
)  # fmt: skip
@runs.run_options
@click.option("--part", metavar="k/n", help="Only part k of n of the runs.")
@click.option(
    "--table", "kind", type=click.Choice(result_table.KINDS), default="csv", show_default=True, help="Kind of table."
)
@click.option(
    "--plot", type=click.Choice([*(s[1:] for s in plots.SUFFIXES), "none"]), default="none", show_default=True,
    help="Draw value and seconds over the first parameter with several numbers (matplotlib).",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("sweep"), show_default=True, metavar="DIR",
    help="Folder of the table and of runs.jsonl, which keeps a line a run.",
)  # fmt: skip
@parameter_options
def command(
    target: str, overrides: dict[str, str], encodings: str, solvers: str, time_limit: float,
    memory_limit: float | None, part: str | None, kind: str, plot: str, output: Path, **asked: Any,
) -> None:  # fmt: skip
    """Solve a model at every combination of some values of its parameters, a process a run.

    Values stand with commas between them, ranges as 1..20 or 0..1..0.25; lists, where a parameter is one, with
    semicolons. The table has a row a run: parameters, value, bound, claim, seconds, and the figures of the model's own
    report. What is interrupted goes on when the same command is started again.

    \b
    kktgen sweep dso_vpp --set vpps=3,6,10 hours=6 -o out/
    kktgen sweep random_bilevel --set leaders=5,10 seed=1..20 --encodings auto,sos1 --jobs 2 -o out/
    kktgen sweep idrc_alliance/coalition_i12 --set 'members=I1;I2;I1,I2' -o out/
    Exit code: 0, 1 where a run gave no verified point, 2 wrong question, 130 Ctrl-C.
    """
    result_table.check_kind(kind)
    if plot != "none":
        plots.check_library()
    pairs = [(ways.way_name(way), ways.solver_name(solver)) for way in encodings.split(",")
             for solver in solvers.split(",")]  # fmt: skip
    found = grid.grid(target, overrides)
    jobs = plan.plan(found.entries, pairs, [0], time_limit, memory_limit, report=True)
    jobs = jobs if part is None else plan.part(jobs, part)
    records = runs.made(jobs, output, **asked)
    table = result_table.rows(records, [job.parameters for job in jobs])
    paths = [result_table.write(table, output / f"table.{kind}")]
    varied = [result_table.column(name) for name in found.varied]
    drawn = grid_plot.value_plot(table, varied, f"{target} over {', '.join(found.varied)}")
    if plot != "none" and drawn is not None:
        paths.append(plots.save(drawn, output / f"sweep.{plot}"))
    shown = [*varied, "encoding", "solver", "status", "claim", "value", "bound", "seconds"]
    printing.table(shown, ([_word(row[name]) for name in shown] for row in table))
    click.echo()
    printing.section("Files", printing.files(paths))
    bad = sum(not record["ok"] for record in records)
    if bad:
        raise Stop(f"{bad} of {len(records)} runs gave no verified point", 1)


def _word(value: Any) -> str:
    return "-" if value is None else f"{value:.8g}" if isinstance(value, float) else str(value)
