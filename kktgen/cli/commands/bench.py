"""``kktgen bench``: many runs, judged, kept, shown."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import click

from ...benchmarks import plan, published, ranges, sets, shown, ways
from ...formats.writing import files
from .. import printing, runs
from ..exit_codes import Stop
from ..options import POSITIVE

FULL_SECONDS = 60.0
"""Time limit of a run where none is given."""


class _Bench(click.Group):
    """``kktgen bench SET..`` runs, ``kktgen bench show FOLDER..`` shows."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take what names no subcommand for the words of ``run``."""
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group("bench", cls=_Bench, short_help="Run instances by encodings, solvers and seeds; show what came out.")
def command() -> None:
    """Solve many instances in many ways, a process a run, and judge every answer.

    \b
    kktgen bench quick -o results/                  a small instance of each family, in less than two minutes
    kktgen bench roads 'dc_market/case5_*' --encodings auto,sos1,guessed-big-m --time-limit 300 -o results/
    kktgen bench all --seeds 0..2 --jobs 4 -o results/
    kktgen bench all --part 3/20 -o results/part3   one of twenty parts, as for an array of cluster jobs
    kktgen bench all --cluster tcp://host:8786 -o results/
    kktgen bench show results/ --html results/page.html
    kktgen bench run --help                         all options

    What is interrupted goes on when the same command is started again.
    """


@command.command("run")
@click.argument("words", metavar="SET...", nargs=-1, required=True)
@click.option(
    "--encodings", default="auto", show_default=True, metavar="NAME,..",
    help="Encodings, and the published ways strong-duality, guessed-big-m and plain-sos1.",
)  # fmt: skip
@click.option("--solvers", default="scip", show_default=True, metavar="NAME,..", help="scip, highs, cbc, ...")
@click.option("--seeds", default="0", show_default=True, metavar="0..2", help="The solver's seeds; 0 is as it comes.")
@click.option(
    "--time-limit", type=POSITIVE, metavar="S",
    help=f"Seconds a run; {FULL_SECONDS:g} by default, {sets.QUICK_SECONDS:g} for the set quick.",
)  # fmt: skip
@runs.run_options
@click.option("--part", metavar="k/n", help="Only part k of n of the runs.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("results"), show_default=True, metavar="DIR",
    help="Folder whose runs.jsonl keeps a line a run.",
)  # fmt: skip
def run(
    words: tuple[str, ...], encodings: str, solvers: str, seeds: str, time_limit: float | None,
    memory_limit: float | None, part: str | None, output: Path, **asked: Any,
) -> None:  # fmt: skip
    """Solve instances by encodings, solvers and seeds.

    SET is quick (of each family the first whose file says quick), all, the name of a file in instances/sets, a family,
    family/case, a glob, grade=easy, tag=market, a .py, .toml, .bilevel.json or .aux file, or a folder of the latter
    two.

    \b
    kktgen bench quick -o results/
    kktgen bench all --encodings auto,strong-duality --solvers scip,cbc --seeds 0..2 -o results/
    Exit code: 0, 1 where kktgen claimed something wrong, 2 wrong question, 130 Ctrl-C.
    """
    limit = time_limit or (sets.QUICK_SECONDS if words == ("quick",) else FULL_SECONDS)
    pairs = [(ways.way_name(way), ways.solver_name(solver)) for way in encodings.split(",")
             for solver in solvers.split(",")]  # fmt: skip
    jobs = plan.plan(sets.entries(words), pairs, ranges.whole(seeds, "--seeds"), limit, memory_limit)
    records = runs.made(jobs if part is None else plan.part(jobs, part), output, **asked)
    runs.tell(records)
    wrong = runs.wrong(records)
    if wrong:
        raise Stop(f"{len(wrong)} wrong: {', '.join(wrong)}", 1)


@command.command("show")
@click.argument("folders", metavar="FOLDER...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--against", type=click.Path(path_type=Path), multiple=True, metavar="DIR", help="Earlier runs.")
@click.option("--html", "target", type=click.Path(path_type=Path), metavar="FILE", help="Write a page.")
def show(folders: tuple[Path, ...], against: tuple[Path, ...], target: Path | None) -> None:
    """Show the figures of runs, from one folder or several together; published is a folder, too.

    \b
    kktgen bench show results/
    kktgen bench show part1/ part2/ --html page.html
    kktgen bench show after/ --against before/
    kktgen bench show published                     the runs that come with kktgen
    Exit code: 0, 1 where kktgen claimed something wrong, 2 no runs.
    """
    records = published.merged(folders)
    if not records:
        raise Stop(f"no runs in {', '.join(map(str, folders))}", 2)
    before = published.merged(against) if against else None
    runs.tell(records)
    if before is not None:
        click.echo(f"\n{shown.told_against(before, records)}")
    if target is not None:
        path = files.replace_file(target, lambda file: _fill(file, shown.html(records, "kktgen bench", before)))
        click.echo()
        printing.section("Files", printing.files([path]))
    wrong = runs.wrong(records)
    if wrong:
        raise Stop(f"{len(wrong)} wrong: {', '.join(wrong)}", 1)


def _fill(file: IO[bytes], text: str) -> None:
    file.write(text.encode())
