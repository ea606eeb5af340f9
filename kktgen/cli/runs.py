"""Runs as the commands make them: options, the line of progress, what is printed at the end."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ..benchmarks import cluster, driver, shown
from ..benchmarks.journal import Journal
from ..benchmarks.plan import Job
from ..benchmarks.verdict import fails
from . import printing
from .options import POSITIVE

_options = (
    click.option(
        "--memory-limit", type=POSITIVE, metavar="GB",
        help="Memory a run may take beyond Python, its libraries and the problem (Linux).",
    ),
    click.option(
        "--jobs", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
        help="Runs at the same time; times are comparable with one core and no other load a run.",
    ),
    click.option("--cluster", metavar="ADDRESS", help="Scheduler of a Dask cluster, whose workers make the runs."),
    click.option("--retry", is_flag=True, help="Repeat the runs that failed."),
    click.option("-q", "--quiet", is_flag=True, help="No progress."),
)  # fmt: skip


def run_options(command: Any) -> Any:
    """Give a command what all runs may be asked for."""
    return functools.reduce(lambda inner, option: option(inner), reversed(_options), command)


def made(planned: Sequence[Job], folder: Path, **asked: Any) -> list[dict[str, Any]]:
    """Make the runs that have no record in a folder yet; return the records of all of them."""
    count = asked["jobs"]
    with Journal(folder) as journal:
        todo = driver.wanted(planned, journal, asked["retry"])
        if len(todo) < len(planned):
            click.echo(f"{len(planned) - len(todo)} of {len(planned)} runs are there already", err=True)
        other = driver.judged_anew(planned, journal)
        if other:
            click.echo(f"{other} of them are judged anew: something else is known of their instances now", err=True)
        if todo:
            with printing.Progress(asked["quiet"]) as progress:
                progress.stage = "running"
                _drive(todo, journal, count, asked["cluster"], progress)
        return [journal.records[job.id] for job in planned]


def _drive(todo: list[Job], journal: Journal, count: int, address: str | None, progress: printing.Progress) -> None:
    """Make runs on threads of this process, or on a cluster."""

    def told(state: driver.State, record: dict[str, Any] | None) -> None:
        if record is not None and record["verdict"] in ("wrong", "failed"):
            progress.line(shown.line(record))
        progress({"text": str(state)})

    if address is None:
        with driver.threads(min(count, len(todo))) as submit:
            driver.drive(todo, journal, submit, count, told)
        return
    with cluster.connected(address) as workers, driver.elsewhere(workers.executor, cluster.on_worker) as submit:
        driver.drive(todo, journal, submit, workers.workers, told, workers.alive)


def tell(records: Sequence[dict[str, Any]]) -> None:
    """Print what came out of runs."""
    click.echo(str(shown.told(records)))


def wrong(records: Sequence[dict[str, Any]]) -> list[str]:
    """Return the names of the runs in which kktgen claimed something wrong."""
    return sorted({f"{one['instance']} ({one['way']})" for one in records if fails(one)})
