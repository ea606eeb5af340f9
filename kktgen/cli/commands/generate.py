"""``kktgen generate``: a model's files, without solving it."""

from __future__ import annotations

from pathlib import Path

import click

from ...formats.targets import target_name
from ...formats.targets.table import READERS
from .. import bundles, checks, model_files, printing, task
from ..options import encoding_option, folder_option, lower, parameter_options


@click.command("generate")
@click.argument("target", metavar="MODEL")
@encoding_option
@click.option(
    "-f", "--format", "formats", multiple=True, metavar="NAME,..",
    help="lp, mps, cip (all three by default): the encoded model; bilevel.json, aux: the problem itself.",
)  # fmt: skip
@folder_option
@click.option(
    "--target", "solver", metavar="SOLVER", callback=lower,
    help=f"Write only what this solver reads rightly, refuse the rest by name: {', '.join(READERS)}.",
)  # fmt: skip
@click.option(
    "--names", type=click.Choice(["full", "short"]), default="full", show_default=True,
    help="short: x1, x2, .. and c1, c2, .., with a map beside the file.",
)  # fmt: skip
@click.option("--map", "mapped", is_flag=True, help="Write a map: kind, follower and source of every row and column.")
@click.option("--scaled", is_flag=True, help="Write the model in units of its own, numbers of order one; see its map.")
@click.option("--boxes/--no-boxes", default=True, help="Prove finite boxes on prices and multipliers first (default).")
@parameter_options
def command(
    target: str, overrides: dict[str, str], encoding: str, formats: tuple[str, ...], output: Path, boxes: bool,
    solver: str | None, names: str, mapped: bool, scaled: bool,
) -> None:  # fmt: skip
    """Write a model's files without solving it.

    \b
    kktgen generate dso_vpp --encoding sos1 -o out/
    kktgen generate dso_vpp --set hours=6 --format lp --map
    kktgen generate dso_vpp --encoding bigm --target cplex --names short
    kktgen generate random_bilevel --format bilevel.json,aux
    """
    checks.check_encoding(encoding)
    if solver is not None:
        target_name(solver)
    single, whole = checks.check_formats(formats)
    job = task.Job.of(target, overrides)
    checks.make_folder(output)
    written: list[Path] = []
    refused: list[str] = []
    if single or not whole:
        with printing.Progress() as progress:
            model = model_files.encoded(job, encoding, progress, boxes)
            progress.stage = "writing"
            written, refused = model_files.write_model(
                model,
                output / job.stem,
                single,
                target=solver,
                names=names,
                map=mapped,
                scaled=scaled,
                progress=progress,
            )
    written += bundles.write(job, whole, output, written)
    printing.section("Files", "\n".join([printing.files(written), *refused]))
