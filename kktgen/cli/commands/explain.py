"""``kktgen explain``: why a model is infeasible or unbounded."""

from __future__ import annotations

import contextlib
import sys

import click

from ...recipes.explain import explain
from .. import checks, task
from ..exit_codes import Stop
from ..options import parameter_options, solver_option, time_option
from ..result_files import to_json


@click.command("explain", short_help="Say why a model is infeasible or unbounded.")
@click.argument("target", metavar="MODEL")
@solver_option
@time_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else on stdout.")
@parameter_options
def command(target: str, overrides: dict[str, str], solver: str, time_limit: float | None, as_json: bool) -> None:
    """Say why a model is infeasible or unbounded: the rows, the decision or the direction that shows it.

    \b
    kktgen explain my_model.py
    kktgen explain dso_vpp --set hours=6 --time-limit 60
    Exit code: 0 explained, or there is a point; 1 not decided.
    """
    checks.check_solver(solver)
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():  # the model's own prints
        job = task.Job.of(target, overrides)
    found = explain(job.bilevel, time_limit=time_limit, solver=solver)
    click.echo(to_json(found.to_dict()) if as_json else str(found))
    if found.kind == "unknown":
        raise Stop("not decided; give more time (--time-limit) or another solver", 1)
