"""``kktgen solve``: build, solve, verify, write."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

import kktgen as kg

from .. import checks, jobs, outcome, show
from ..ends import Stop
from ..options import encoding_option, gap_option, parameter_options, search_options, solver_option, time_option
from ..verify import with_range


@click.command("solve")
@click.argument("target", metavar="MODEL")
@encoding_option
@solver_option
@time_option
@gap_option
@click.option(
    "--cuts", type=click.Choice(["auto", "on", "off"]), default="auto", show_default=True,
    help="Valid inequalities from strong duality: where they raise the relaxation's optimum, for all followers, none.",
)  # fmt: skip
@search_options
@click.option("--range", "ranged", is_flag=True, help="Also the leader's best and worst value as followers break ties.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Write the files into this folder."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the outcome.")
@parameter_options
def command(
    target: str, overrides: dict[str, str], encoding: str, solver: str, time_limit: float | None, gap: float | None,
    cuts: str, search: dict[str, Any], ranged: bool, output: Path | None, as_json: bool, quiet: bool,
) -> None:  # fmt: skip
    """Build a model, solve it, verify the answer, write the files.

    MODEL is a name (kktgen models), an instance (model/case or a .toml file), the path of a .py file with a function
    build(), or a file that holds a problem (.bilevel.json, or .aux beside its .mps). With -o the model goes out as .lp,
    .mps and .cip, the point as .sol, the report as .json, the problem with its answer as .bilevel.json.
    A search (--method) evaluates decisions of the leader by solving its followers; it needs finite bounds on what
    they see, and writes no model.

    \b
    kktgen solve dso_vpp
    kktgen solve dso_vpp --set hours=6 --encoding sos1 -o out/
    kktgen solve my_model.py --time-limit 60 --json
    kktgen solve carbon_vpp --method nchho --iterations 20 --start lp=ub,ls=lb
    Exit code: 0 verified point, 1 no point or one that fails, 2 wrong question, 130 Ctrl-C.
    """
    checks.check_encoding(encoding)
    checks.check_solver(solver)
    silent = quiet or as_json
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():  # the model's own prints
        job = jobs.Job.of(target, overrides)
        jobs.check_method(job, search["method"])
        if output is not None:
            checks.make_folder(output)
        with show.Progress(quiet) as progress:
            result: Any
            if search["method"] == "exact":
                result = kg.optimize(
                    job.bilevel, encoding=encoding, solver=solver, time_limit=time_limit, gap=gap,
                    cuts=cuts if cuts == "auto" else cuts == "on", range=ranged, progress=progress,
                    stages=progress.stage_ended if not silent else progress.stage_passed, **job.options(solver),
                )  # fmt: skip
            elif search["method"] in job.methods:
                result = jobs.own_method(job, search["method"], progress)
            else:
                result = jobs.search(job, search, time_limit, progress, told=not silent)
            if ranged and search["method"] != "exact":
                result = replace(result, report=with_range(job.bilevel, result.report, result.solution))
            estimate = jobs.estimate(job, progress) if result.solution.z is not None else None
        own, unreported = job.report(result, estimate)
    answer, found = outcome.outcome(job, result, encoding, own), result.solution.z is not None
    written, refused, unwritten = outcome.write(job, result, answer, output)
    if as_json:
        click.echo(outcome.to_json({**answer, "files": [str(path) for path in written]}))
    else:
        if not silent and own is not None:
            show.section("The model's own report", str(own))
        if not silent and found:
            show.section("Verification", str(result.report))
        click.echo(outcome.headline(result))
        if written and not silent:
            click.echo()
            show.section("Files", "\n".join([show.files(written), *refused]))
    if not found:
        raise Stop(f"no point found: {result.solution.status} ({result.solution.solver})", 1)
    if not result.report.ok:
        raise Stop(f"the point fails verification: {result.report.claim}", 1)
    for fault in (unreported, unwritten):  # after the answer, which they do not touch
        if fault is not None:
            raise fault
