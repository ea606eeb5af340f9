"""The command line: ``kktgen models``, ``solve``, ``generate``, ``verify``, ``plot``, ``solvers``, ``info``."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click

import kktgen as kg

from . import catalog, child, jobs, problem_files, show
from .ends import Commands, Stop
from .options import (
    encoding_option,
    folder_option,
    gap_option,
    lower,
    parameter_options,
    search_options,
    solver_option,
    time_option,
)
from .parameters import REQUIRED
from .plot_command import plot
from .verify import with_range

WIDTH = 100


def _version() -> str:
    try:
        return version("kktgen")
    except PackageNotFoundError:
        return "(not installed)"


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDTH})
@click.version_option(_version(), message="%(prog)s %(version)s")
def cli() -> None:
    """Bilevel problems with convex-QP followers: single-level models, files, certified answers.

    \b
    kktgen models                               what there is
    kktgen solve dso_vpp --set hours=6 -o out/  build, solve, verify, write
    kktgen generate dso_vpp -o out/             only write .lp, .mps and .cip
    kktgen plot dso_vpp -o out/                 solve and draw its plots
    """


@cli.command()
@click.argument("name", required=False)
def models(name: str | None) -> None:
    """List the models, or the parameters and instances of one.

    \b
    kktgen models
    kktgen models dso_vpp
    kktgen models my/own/model.py
    """
    if name is None:
        rows = [
            (info.name, info.summary, ", ".join(f"{p.name}={_default(p.default)}" for p in info.parameters))
            for info in catalog.models().values()
        ]
        show.table(("model", "what", "parameters"), rows)
        return
    info = catalog.describe(name)
    click.echo(f"{info.name}: {info.summary}\n{info.path}\n")
    show.table(
        ("parameter", "type", "default", "meaning"),
        [(p.name, p.type_name, _default(p.default), p.doc) for p in info.parameters],
    )
    if info.instances:
        click.echo()
        cases = [catalog.load_instance(case) for case in info.instances]
        show.table(("instance", "known objective", "what"), [(c.name, _known(c.known), c.description) for c in cases])


def _default(value: Any) -> str:
    return "" if value is REQUIRED else str(value)


def _known(known: dict[str, Any]) -> str:
    return str(known.get("objective", ""))


@cli.command()
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
def solve(
    target: str, overrides: dict[str, str], encoding: str, solver: str, time_limit: float | None, gap: float | None,
    cuts: str, search: dict[str, Any], ranged: bool, output: Path | None, as_json: bool, quiet: bool,
) -> None:  # fmt: skip
    """Build a model, solve it, verify the answer, write the files.

    MODEL is a name (kktgen models), an instance (model/case or a .toml file), the path of a .py file with a function
    build(), or a file that holds a problem (.bilevel.json, or .aux beside its .mps). With -o the model goes out as .lp,
    .mps and .cip, the point as .sol, the report as .json.
    A search (--method) evaluates decisions of the leader by solving its followers; it needs finite bounds on what
    they see, and writes .sol and .json.

    \b
    kktgen solve dso_vpp
    kktgen solve dso_vpp --set hours=6 --encoding sos1 -o out/
    kktgen solve my_model.py --time-limit 60 --json
    kktgen solve carbon_vpp --method nchho --iterations 20 --start lp=ub,ls=lb
    Exit code: 0 verified point, 1 no point or one that fails, 2 wrong question, 130 Ctrl-C.
    """
    jobs.check_encoding(encoding)
    jobs.check_solver(solver)
    silent = quiet or as_json
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():  # the model's own prints
        job = jobs.Job.of(target, overrides)
        jobs.check_method(job, search["method"])
        if output is not None:
            jobs.make_folder(output)
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
    answer, found = jobs.outcome(job, result, encoding, own), result.solution.z is not None
    written, refused, unwritten = jobs.write(job, result, answer, output)
    if as_json:
        click.echo(jobs.to_json({**answer, "files": [str(path) for path in written]}))
    else:
        if not silent and own is not None:
            show.section("The model's own report", str(own))
        if not silent and found:
            show.section("Verification", str(result.report))
        click.echo(jobs.headline(result))
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


@cli.command()
@click.argument("target", metavar="MODEL")
@encoding_option
@click.option(
    "-f", "--format", "formats", multiple=True, metavar="NAME,..",
    help="lp, mps, cip (all three by default): the encoded model; bilevel.json, aux: the problem itself.",
)  # fmt: skip
@folder_option
@click.option("--boxes/--no-boxes", default=True, help="Prove finite boxes on prices and multipliers first (default).")
@parameter_options
def generate(
    target: str, overrides: dict[str, str], encoding: str, formats: tuple[str, ...], output: Path, boxes: bool
) -> None:
    """Write a model's files without solving it.

    \b
    kktgen generate dso_vpp --encoding sos1 -o out/
    kktgen generate dso_vpp --set hours=6 --format lp
    kktgen generate random_bilevel --format bilevel.json,aux
    """
    jobs.check_encoding(encoding)
    single, whole = jobs.check_formats(formats)
    job = jobs.Job.of(target, overrides)
    jobs.make_folder(output)
    written: list[Path] = []
    refused: list[str] = []
    if single or not whole:
        with show.Progress() as progress:
            model = jobs.encoded(job, encoding, progress, boxes)
        written, refused = jobs.write_model(model, output / job.stem, single)
    written += problem_files.write(job, whole, output, written)
    show.section("Files", "\n".join([show.files(written), *refused]))


@cli.command(short_help="Check a point from any solver; say what may be claimed.")
@click.argument("target", metavar="MODEL")
@click.argument("solution", type=click.Path(path_type=Path), metavar="SOLUTION.sol")
@click.option(
    "--encoding", metavar="NAME", callback=lower, help="Also check the point against the rows of this encoding."
)
@click.option("--range", "ranged", is_flag=True, help="Also the leader's best and worst value as followers break ties.")
@parameter_options
def verify(target: str, solution: Path, overrides: dict[str, str], encoding: str | None, ranged: bool) -> None:
    """Check a point from any solver: re-solve the followers, measure every residual, say what may be claimed.

    Give the same parameters as for the files the solver read; columns are matched by name.

    \b
    kktgen verify dso_vpp out/dso_vpp.sol
    kktgen verify dso_vpp gurobi.sol --set hours=6
    Exit code: 0 bilevel-feasible, 1 not.
    """
    if encoding is not None:
        jobs.check_encoding(encoding)
    job = jobs.Job.of(target, overrides)
    result = jobs.stored(job, solution, encoding)
    report = with_range(job.bilevel, result.report, result.solution) if ranged else result.report
    click.echo(str(report))
    if not report.ok:
        raise Stop(f"the point fails verification: {report.claim}", 1)


@cli.command()
def solvers() -> None:
    """List the solvers: version, and what they take.

    \b
    kktgen solvers
    kktgen solve dso_vpp --solver scip
    """
    show.table(("solver", "version", "takes"), jobs.solver_rows())


@cli.command(short_help="Print the statistics of a problem, or the sizes of a model file.")
@click.argument("target", metavar="MODEL|FILE")
@parameter_options
def info(target: str, overrides: dict[str, str]) -> None:
    """Print a problem's statistics, as BOBILib counts them, and the sizes of its KKT system.

    Of an .lp, .mps or .cip file without an .aux beside it: the sizes of the model.

    \b
    kktgen info dso_vpp --set vpps=100
    kktgen info bilevel/instance.aux
    kktgen info out/dso_vpp.mps
    """
    pair = problem_files.aux_beside(target) if jobs.is_model_file(target) else ""
    if jobs.is_model_file(target) and not pair:
        show.table(("what", "number"), jobs.file_sizes(Path(target)))
        return
    is_file = problem_files.is_problem_file(pair or target)
    problem = None if is_file and not overrides else jobs.Job.of(pair or target, overrides).bilevel
    problem, rows = problem_files.describe(pair or target, problem)
    show.table(("symbol", "number", "what"), rows)
    click.echo("\n" + (str(kg.kkt(problem)) if problem is not None else "integer followers have no KKT system"))


cli.add_command(plot)


def main() -> None:
    """Run the command line; ``kktgen solve`` and ``plot`` run in a child process."""
    child.streams()
    if sys.argv[1:2] in (["solve"], ["plot"]) and not {"-h", "--help"} & set(sys.argv):
        child.split()
    try:
        cli(prog_name="kktgen")
    except KeyboardInterrupt:
        sys.exit(child.INTERRUPTED)
    finally:
        child.flush()
