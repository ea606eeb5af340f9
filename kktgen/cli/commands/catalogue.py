"""``kktgen catalogue``: the library and the results of runs as pages to look into."""

from __future__ import annotations

from pathlib import Path

import click

from ... import catalog
from ...benchmarks import published
from ...library.catalogue import REFRESH
from ...library.selection import ALL, name_of, selected
from ...webpages import site
from .. import printing


@click.command("catalogue", short_help="Write the library, and results of runs, as pages that sort and filter.")
@click.argument("sets", nargs=-1, metavar="[SET]...")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="DIR",
    help="Folder of catalogue.html and results.html, and of the files they offer.",
)  # fmt: skip
@click.option(
    "--runs", type=click.Path(path_type=Path), multiple=True, metavar="DIR",
    help="Results of kktgen bench or sweep; may be repeated. By default published, the runs that come with kktgen.",
)  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(sets: tuple[str, ...], output: Path, runs: tuple[Path, ...], quiet: bool) -> None:
    """Write catalogue.html, the list of instances, and results.html, what is proved of them and by which runs.

    SET is a family, family/case, a pattern, a .toml file, a folder or whatever kktgen instance check takes; without
    one, the whole library.

    Both pages work from the disk, without a network, in light and dark. Headings sort, a box filters, a row opens, and
    the address behind the # keeps what is shown. Words of the filter, all of which must fit:

    \b
    lasso                      a word of the row
    grade=open n_y>500         = != < <= > >=; several values: grade=hard,open
    binary-leader -coupling    features; - means not
    LC?L                       class codes that begin so, ? for any letter

    \b
    kktgen catalogue -o site/
    kktgen catalogue roads paths -o site/ --runs results/
    Exit code: 0, 2 wrong question.
    """
    paths = selected(sets or (ALL,))
    names = {name_of(path) for path in paths if path.is_relative_to(catalog.folder("instances"))}
    records = published.merged(runs) if runs else [one for one in published.published() if one["instance"] in names]
    with printing.Progress(quiet) as progress:
        progress.stage = "reading"
        written, stale = site.write(paths, output, records, lambda done: progress({"text": f"{done} of {len(paths)}"}))
    pages, copies = written[:2], written[2:]
    click.echo(printing.files(pages))
    if copies:
        total = sum(path.stat().st_size for path in copies)
        click.echo(f"{len(copies)} files beside them, {total / 1000:.0f} kB")
    click.echo(f"{len(paths)} instances, {len(records)} runs")
    if stale:
        click.echo(f"kktgen: the sizes of {len(stale)} instances are not known: {REFRESH}", err=True)
