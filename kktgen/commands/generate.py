"""``kktgen generate``: a model's files, without solving it."""

from __future__ import annotations

from pathlib import Path

import click

from .. import checks, jobs, model_files, problem_files, show
from ..options import encoding_option, folder_option, parameter_options


@click.command("generate")
@click.argument("target", metavar="MODEL")
@encoding_option
@click.option(
    "-f", "--format", "formats", multiple=True, metavar="NAME,..",
    help="lp, mps, cip (all three by default): the encoded model; bilevel.json, aux: the problem itself.",
)  # fmt: skip
@folder_option
@click.option("--boxes/--no-boxes", default=True, help="Prove finite boxes on prices and multipliers first (default).")
@parameter_options
def command(
    target: str, overrides: dict[str, str], encoding: str, formats: tuple[str, ...], output: Path, boxes: bool
) -> None:
    """Write a model's files without solving it.

    \b
    kktgen generate dso_vpp --encoding sos1 -o out/
    kktgen generate dso_vpp --set hours=6 --format lp
    kktgen generate random_bilevel --format bilevel.json,aux
    """
    checks.check_encoding(encoding)
    single, whole = checks.check_formats(formats)
    job = jobs.Job.of(target, overrides)
    checks.make_folder(output)
    written: list[Path] = []
    refused: list[str] = []
    if single or not whole:
        with show.Progress() as progress:
            model = model_files.encoded(job, encoding, progress, boxes)
        written, refused = model_files.write_model(model, output / job.stem, single)
    written += problem_files.write(job, whole, output, written)
    show.section("Files", "\n".join([show.files(written), *refused]))
