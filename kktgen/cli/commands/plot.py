"""``kktgen plot``: a model's plots of a result, or of the point of a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

import kktgen as kg

from ... import catalog
from ...catalog import plots
from ...errors import KktgenError, ProblemError
from .. import checks, model_files, printing, result_files, task
from ..exit_codes import Stop
from ..options import encoding_option, folder_option, gap_option, parameter_options, solver_option, time_option


def check_plots(job: task.Job, only: Iterable[str]) -> None:
    """Refuse a model without plots, and plots it does not offer, as far as it says so beforehand (``PLOTS``)."""
    if not hasattr(job.module, "plots"):
        able = ", ".join(name for name in catalog.model_names() if _offers(name))
        raise ProblemError(f"model {job.target!r} offers no plots (a function plots(result)); those that do: {able}")
    for name in only:
        checks.check_name("plot", name, getattr(job.module, "PLOTS", [name]), ProblemError)


def _offers(name: str) -> bool:
    """Return whether a model can be imported and offers plots."""
    try:
        return hasattr(catalog.load_model(name), "plots")
    except KktgenError:
        return False


def draw(job: task.Job, result: Any, folder: Path, suffix: str, only: tuple[str, ...] = ()) -> list[Path]:
    """Write the model's plots of a result, or some of them, one file each; return the paths."""
    offered = job.plots(result)
    for name in only:
        checks.check_name("plot", name, offered, ProblemError)
    standing, paths = plots.claim(result), []
    for name in dict.fromkeys(only) or offered:
        paths.append(plots.save(offered[name], folder / f"{job.stem}-{name}{suffix}", standing))
    return paths


@click.command("plot", short_help="Draw a model's plots of a result.")
@click.argument("target", metavar="MODEL")
@encoding_option
@solver_option
@time_option
@gap_option
@click.option(
    "--solution", type=click.Path(path_type=Path), metavar="FILE.sol",
    help="Draw the point of this file instead of solving; give the same parameters as for the file.",
)  # fmt: skip
@click.option("--only", multiple=True, metavar="NAME", help="This plot alone; may be given several times.")
@click.option(
    "-f", "--format", "form", type=click.Choice([s[1:] for s in plots.SUFFIXES], case_sensitive=False), default="png",
    show_default=True, help="Kind of file.",
)  # fmt: skip
@folder_option
@parameter_options
def command(
    target: str, overrides: dict[str, str], encoding: str, solver: str, time_limit: float | None, gap: float | None,
    solution: Path | None, only: tuple[str, ...], form: str, output: Path,
) -> None:  # fmt: skip
    """Solve a model and draw its plots, one file each; or draw the point of a file.

    \b
    kktgen plot dso_vpp -o out/
    kktgen plot dso_vpp/short --only prices --only trade --format svg
    kktgen plot dso_vpp --solution out/dso_vpp.sol -o out/
    Exit code: 0 verified point, 1 no point or one that fails, 2 wrong question, 130 Ctrl-C.
    """
    checks.check_encoding(encoding)
    checks.check_solver(solver)
    plots.check_library()
    job = task.Job.of(target, overrides)
    check_plots(job, only)
    checks.make_folder(output)
    if solution is not None:
        result = model_files.stored(job, solution)
    else:
        with printing.Progress() as progress:
            result = kg.optimize(
                job.bilevel, encoding=encoding, solver=solver, time_limit=time_limit, gap=gap, isolate=True,
                progress=progress, stages=progress.stage_passed, **job.options(solver),
            )  # fmt: skip
    if result.solution.z is None:
        raise Stop(f"no point found: {result.solution.status} ({result.solution.solver})", 1)
    written = draw(job, result, output, f".{form.lower()}", only)
    click.echo(f"{result_files.headline(result)}\n")
    printing.section("Files", printing.files(written))
    if not result.report.ok:
        raise Stop(f"the point fails verification: {result.report.claim}", 1)
