"""``kktgen solve``: build, solve, verify, write."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

import kktgen as kg

from ...solvers.driving.checks import interrupted
from ...verification.verify import with_range
from .. import checks, page, printing, result_files, task
from ..exit_codes import Stop
from ..options import (
    PROVING,
    encoding_option,
    gap_option,
    memory_option,
    parameter_options,
    search_options,
    solver_option,
    time_option,
    worker_options,
)
from ..pool import pool_for

SWITCH = {"on": True, "off": False}
"""What "on" and "off" of an option mean; the rest is "auto"."""
EXPLAINED = ("infeasible", "unbounded", "infeasible_or_unbounded")
"""Statuses that want an explanation."""
EXPLAIN_SECONDS = 60.0
"""Seconds an explanation may take."""
PROVE_SECONDS, LEAST_SECONDS = 60.0, 1.0
"""Seconds a proof may take where there is no time limit; those it has at least where there is one."""


@click.command("solve")
@click.argument("target", metavar="MODEL")
@encoding_option
@solver_option
@time_option
@gap_option
@memory_option
@worker_options
@click.option(
    "--cuts", type=click.Choice(["auto", "on", "off"]), default="auto", show_default=True,
    help="Valid inequalities from strong duality: where they raise the relaxation's optimum, for all followers, none.",
)  # fmt: skip
@click.option(
    "--decompose", type=click.Choice(["auto", "on", "off"]), default="auto", show_default=True,
    help="Rounds over the followers first: where eight or more meet only through the leader, always, never.",
)  # fmt: skip
@click.option(
    "--parts", type=click.Choice(["auto", "on", "off"]), default="auto", show_default=True,
    help="Independent parts solved apart: where that pays (small ones in groups), wherever there are two, never.",
)  # fmt: skip
@search_options
@click.option("--range", "ranged", is_flag=True, help="Also the leader's best and worst value as followers break ties.")
@click.option(
    "--pessimistic", is_flag=True, help="Followers break ties against the leader: the best worst value, or a bracket."
)
@click.option("--certify", is_flag=True, help="Also prove the followers' responses optimal in rational numbers.")
@click.option("--prove", is_flag=True, help="Also prove the leader's optimum so, trusting no solver (small problems).")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Write the files into this folder."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the outcome.")
@parameter_options
def command(
    target: str,
    overrides: dict[str, str],
    certify: bool,
    prove: bool,
    output: Path | None,
    as_json: bool,
    quiet: bool,
    **asked: Any,
) -> None:
    """Build a model, solve it, verify the answer, write the files.

    MODEL is a name (kktgen models), an instance (model/case or a .toml file), the path of a .py file with a function
    build(), or a file that holds a problem (.bilevel.json, .aux beside its .mps, .mof.json beside its .link.json, a
    .toml table of .lp files, one a level: kktgen help levels). With -o the model goes out as .lp, .mps and .cip, the
    point as .sol, the report as .json, the problem with its answer as .bilevel.json, the certificate as
    .certificate.json, a proof as .proof.json.gz, what rounds over many followers rest on as .lagrangian.npz;
    report.html tells all of it on one page. A model that ends infeasible or unbounded is explained.
    A search (--method) evaluates decisions of the leader by solving its followers; it needs finite bounds on what
    they see, and writes no model.

    \b
    kktgen solve dso_vpp
    kktgen solve dso_vpp --set hours=6 --encoding sos1 -o out/
    kktgen solve random_bilevel --encoding bigm --solver files:cbc
    kktgen solve my_model.py --time-limit 60 --json
    kktgen solve dso_vpp --set vpps=100 --jobs 8 --time-limit 600
    kktgen solve toll.bilevel.json --pessimistic
    kktgen solve carbon_vpp --method nchho --iterations 20 --start lp=ub,ls=lb
    Exit code: 0 verified point, 1 no point, no optimum or a point that fails, 2 wrong question, 130 Ctrl-C.
    """
    checks.check_encoding(asked["encoding"])
    checks.check_solver(asked["solver"])
    silent = quiet or as_json
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():  # the model's own prints
        job = task.Job.of(target, overrides)
        task.check_method(job, asked["search"]["method"])
        if output is not None:
            checks.make_folder(output)
        with printing.Progress(quiet) as progress:
            result = _solved(job, asked, progress, silent)
            found, stopped = result.solution.z is not None, interrupted(result.solution)
            estimate = task.estimate(job, progress, asked["cluster"]) if found and not stopped else None
            certificate = _certified(job, result, progress) if certify and not stopped else None
            proof = _proved(job, result, asked, progress) if prove and not stopped else None
            explanation = _explained(job, result, asked, progress)
        own, unreported = job.report(result, estimate)
    answer = result_files.outcome(job, result, asked["encoding"], own, certificate, explanation, proof)
    written, refused, unwritten = result_files.write(job, result, answer, certificate, output, proof)
    if output is not None:
        told = page.Solved(job, result, own, certificate, proof, explanation, tuple(written), page.command_line())
        written.append(page.write(told, output))
    if as_json:
        click.echo(result_files.to_json({**answer, "files": [str(path) for path in written]}))
    else:
        texts = {"The model's own report": own, "Verification": result.report if found else None,
                 "Certificate": certificate, "Proof": proof, "Why there is no optimum": explanation}  # fmt: skip
        for title, text in texts.items():
            if text is not None and not silent:
                printing.section(title, str(text))
        click.echo(result_files.headline(result, proof))
        if written and not silent:
            click.echo()
            printing.section("Files", "\n".join([printing.files(written), *refused]))
    if not found:
        raise Stop(
            f"no point found: {result.solution.status} ({result.solution.solver}){result_files.trouble(result)}", 1
        )
    if explanation is not None and explanation.kind == "leader_unbounded":
        raise Stop("there is no optimum: the leader's objective improves without end", 1)
    if not result.report.ok:
        raise Stop(f"the point fails verification: {result.report.claim}", 1)
    for fault in (unreported, unwritten):  # after the answer, which they do not touch
        if fault is not None:
            raise fault


def _solved(job: task.Job, asked: Mapping[str, Any], progress: printing.Progress, silent: bool) -> Any:
    """Return the result of the method asked for, with the range where that is asked for."""
    method, ranged = asked["search"]["method"], asked["ranged"]
    if method in PROVING:
        with pool_for(job.bilevel, asked["jobs"], asked["cluster"]) as executor:
            return kg.optimize(
                job.bilevel, method="auto" if method == "exact" else method, encoding=asked["encoding"],
                solver=asked["solver"], time_limit=asked["time_limit"],
                gap=asked["gap"], cuts=SWITCH.get(asked["cuts"], "auto"),
                decompose=SWITCH.get(asked["decompose"], "auto"), parts=SWITCH.get(asked["parts"], "auto"),
                range=ranged, pessimistic=asked["pessimistic"],
                executor=executor, isolate=True, memory_limit=asked["memory_limit"], progress=progress,
                stages=progress.stage_passed if silent else progress.stage_ended, **job.options(asked["solver"]),
            )  # fmt: skip
    if method in job.methods:
        result: Any = task.own_method(job, method, progress)
    else:
        result = task.search(job, asked["search"], asked["time_limit"], progress, told=not silent)
    return replace(result, report=with_range(job.bilevel, result.report, result.solution)) if ranged else result


def _certified(job: task.Job, result: Any, progress: printing.Progress) -> kg.Certificate | None:
    """Return the certificate of a verified point; there is none of another."""
    if not result.report.ok:
        return None
    progress.stage = "proving the responses in rational numbers"
    progress({})
    return kg.certify(job.bilevel, result.solution)


def _proved(job: task.Job, result: Any, asked: Mapping[str, Any], progress: printing.Progress) -> kg.Proof | str | None:
    """Return the proof of a verified point, or why there can be none; nothing of another point."""
    if not result.report.ok:
        return None
    progress.stage = "proving the optimum in rational numbers"
    progress({})
    limit = asked["time_limit"]
    left = PROVE_SECONDS if limit is None else max(limit - sum(result.seconds.values()), LEAST_SECONDS)
    try:
        return kg.prove(job.bilevel, result.solution, limit=left, progress=progress)
    except kg.UnsupportedError as error:
        return str(error)


def _explained(
    job: task.Job, result: Any, asked: Mapping[str, Any], progress: printing.Progress
) -> kg.Explanation | None:  # fmt: skip
    """Return why there is no point or no optimum, where that is not for want of time."""
    if result.solution.status not in EXPLAINED or getattr(result, "pessimistic", None) is not None:
        return None  # an explanation is of the optimistic problem
    progress.stage = "looking for the reason"
    progress({})
    limit = min(asked["time_limit"] or EXPLAIN_SECONDS, EXPLAIN_SECONDS)
    return kg.explain(job.bilevel, time_limit=limit)
