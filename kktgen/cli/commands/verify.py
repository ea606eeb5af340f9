"""``kktgen verify``: a point from any solver, judged."""

from __future__ import annotations

from pathlib import Path

import click

import kktgen as kg

from ...verification.verify import with_range
from .. import checks, model_files, task
from ..exit_codes import Stop
from ..options import lower, parameter_options


@click.command("verify", short_help="Check a point from any solver; say what may be claimed.")
@click.argument("target", metavar="MODEL")
@click.argument("solution", type=click.Path(path_type=Path), metavar="SOLUTION.sol")
@click.option(
    "--encoding", metavar="NAME", callback=lower, help="Also check the point against the rows of this encoding."
)
@click.option("--scaled", is_flag=True, help="The solver read a file of kktgen generate --scaled.")
@click.option("--range", "ranged", is_flag=True, help="Also the leader's best and worst value as followers break ties.")
@click.option("--certify", is_flag=True, help="Also prove the followers' responses optimal in rational numbers.")
@parameter_options
def command(
    target: str, solution: Path, overrides: dict[str, str], encoding: str | None, ranged: bool, certify: bool,
    scaled: bool,
) -> None:  # fmt: skip
    """Check a point from any solver: re-solve the followers, measure every residual, say what may be claimed.

    Give the same parameters as for the files the solver read; columns are matched by name. Solution files of SCIP,
    HiGHS, CBC, GLPK, Gurobi, CPLEX, Xpress and COPT are told apart by themselves; GLPK's hold no names and need
    --encoding.

    \b
    kktgen verify dso_vpp out/dso_vpp.sol
    kktgen verify dso_vpp gurobi.sol --set hours=6
    Exit code: 0 bilevel-feasible, 1 not.
    """
    if encoding is not None:
        checks.check_encoding(encoding)
    job = task.Job.of(target, overrides)
    result = model_files.stored(job, solution, encoding, scaled)
    report = with_range(job.bilevel, result.report, result.solution) if ranged else result.report
    click.echo(str(report))
    if report.ok and certify:
        click.echo(str(kg.certify(job.bilevel, result.solution)))
    if not report.ok:
        raise Stop(f"the point fails verification: {report.claim}", 1)
