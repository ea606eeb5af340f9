"""``kktgen instance``: add instances to a library, check and list them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from ...library import catalogue, forms
from ...library.add import Added, add
from ...library.check import check
from ...library.findings import Checked
from ...library.refresh import refreshed
from ...library.selection import name_of, selected
from ...library.sources import source_of
from ...library.stored import LARGEST
from .. import printing, result_files
from ..exit_codes import Stop
from ..options import POSITIVE, parameter_options
from ..pool import processes

SHOWN = (
    "class",
    "columns",
    "pairs",
    "n_x",
    "I_u",
    "B_u",
    "followers",
    "n_y",
    "m_u",
    "m_l",
    "m_coup",
    "n_link",
    "priced",
)
"""Statistics that ``add`` prints."""


@click.group("instance", short_help="Add instances to a library, check them, list them.")
def command() -> None:
    """Add instances to a library, check them, list them.

    \b
    kktgen instance add my_model.py --set hours=6    store problem and point, record what is proved
    kktgen instance check                            is everything right? (exit code 1 if not)
    kktgen instance list --family dc_market          sizes, class, grade, value, bound
    """


@command.command("add", short_help="Store an instance's problem and point; record what is proved of it.")
@click.argument("target", metavar="INSTANCE|MODEL|FILE")
@click.option("--name", default="", metavar="CASE", help="Name of the instance; that of the file by default.")
@click.option("--family", default="", metavar="F", help="Write into this family of a checkout's instances.")
@click.option(
    "--time-limit", type=POSITIVE, default=60.0, show_default=True, metavar="S",
    help="Seconds for the solve; a second proof has as many again.",
)  # fmt: skip
@click.option(
    "--second/--no-second", "again", default=None,
    help="A second proof by another encoding or solver: always, never; by default where boxes are not all proved.",
)  # fmt: skip
@click.option(
    "--prove", is_flag=True, help="Prove the optimum in rational numbers, too, and store the proof (to 100 kB)."
)
@click.option("--no-solve", is_flag=True, help="Only store the problem and its statistics.")
@click.option("-q", "--quiet", is_flag=True, help="Print no progress.")
@parameter_options
def add_command(
    target: str, overrides: dict[str, str], name: str, family: str, time_limit: float, again: bool | None,
    prove: bool, no_solve: bool, quiet: bool,
) -> None:  # fmt: skip
    """Store the problem and the best point of an instance, and record what is proved of it.

    INSTANCE is family/case or a .toml file, which is updated; MODEL the name or .py file of a model, FILE a whole
    problem (.bilevel.json, .aux), of which a new instance is made beside it. Values and bounds already known stay
    where they are better.

    \b
    kktgen instance add dc_market/rts24_4h --time-limit 120
    kktgen instance add my_model.py --set hours=6 --name six_hours
    kktgen instance add problem.bilevel.json --no-solve
    kktgen instance add knapsack/i10_k3 --no-solve --prove
    Exit code: 0 added, 1 the solver failed, 2 wrong question, 130 Ctrl-C.
    """
    with printing.Progress(quiet) as progress:
        source = source_of(target, overrides, name, family)
        done = add(
            source, time_limit, solve=not no_solve, again=again, prove=prove, progress=progress, told=progress.note
        )
    _told(done)


@command.command("check", short_help="Check instances: files, points, values, records; exit code 1 on findings.")
@click.argument("sets", nargs=-1, metavar="[SET]...")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Processes.")
@click.option("--quick", is_flag=True, help="Build no models: only what the files say.")
@click.option("-q", "--quiet", is_flag=True, help="Print no progress, and only what is wrong.")
def check_command(sets: tuple[str, ...], jobs: int, quick: bool, quiet: bool) -> None:
    """Check instances, one line each: ok, or what is wrong and how to cure it.

    SET is all (the library), a family, family/case, a pattern such as "dc_market/*_24h", a .toml file or a folder;
    without one, the instances of the current folder, or the library where there are none.

    The file and its keys; source, terms and status of the data; the stored problem, its sha256, and that the model
    builds the same; no duplicates; the stored point, verified, and its value; the bound, the claim, the records behind
    it, the grade. Responses of followers of up to 200 variables are certified in rational numbers where that can be.

    \b
    kktgen instance check
    kktgen instance check dc_market roads --jobs 2
    kktgen instance check all --quick
    Exit code: 0 all right, 1 something is wrong, 2 wrong question, 130 Ctrl-C.
    """
    paths = selected(sets)
    with printing.Progress(quiet) as progress, processes(jobs) as executor:
        progress.stage = "checking"

        def told(done: int, one: Checked) -> None:
            progress({"text": f"{done} of {len(paths)}  {one.name}"})

        checked = check(paths, models=not quick, executor=executor, told=told)
    for one in checked:
        if not (quiet and one.ok):
            click.echo(str(one))
    wrong = sum(not one.ok for one in checked)
    kinds = Counter(kind for one in checked for kind in {found.kind for found in one.findings})
    said = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
    proved = "" if quick else f", {sum(one.certified for one in checked)} certified"
    click.echo(f"{len(checked)} instances{proved}, {wrong} with findings" + (f": {said}" if said else ""))
    if wrong:
        raise Stop(f"{wrong} of {len(checked)} instances have findings", 1)


@command.command("list", short_help="List instances: sizes, class, grade, value, bound.")
@click.argument("sets", nargs=-1, metavar="[SET]...")
@click.option("--family", multiple=True, metavar="F", help="These families alone; may be repeated.")
@click.option("--grade", multiple=True, metavar="G", help="trivial, easy, hard or open; may be repeated.")
@click.option("--tag", multiple=True, metavar="T", help="Instances with one of these tags.")
@click.option("--class", "class_", multiple=True, metavar="CODE", help="The first letters of a class code, ? for any.")
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json", "solu", "md"]), default="table", show_default=True,
    help="How the list is printed.",
)  # fmt: skip
@click.option("--refresh", is_flag=True, help="First make the catalogue anew, and the files made from it.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Processes.")
def list_command(sets: tuple[str, ...], form: str, refresh: bool, jobs: int, **asked: tuple[str, ...]) -> None:
    """List instances with sizes, class code, grade, and the best known value and bound.

    SET as for kktgen instance check. Class codes and grades are explained by kktgen help library. Sizes are taken from
    catalogue.json; --refresh builds the models whose problems changed, and writes it, catalogue.csv and kktgen.solu
    anew.

    \b
    kktgen instance list
    kktgen instance list --family dc_market --grade open
    kktgen instance list all --class "??nL" --format csv
    """
    paths = selected(sets)
    if refresh:
        with printing.Progress() as progress, processes(jobs) as executor:
            progress.stage = "building"
            written = refreshed(paths, executor, lambda done: progress({"text": f"{done} of {len(paths)}"}))
        click.echo(printing.files(written), err=True)
    listed, stale = catalogue.entries(paths)
    named = [(name_of(path), one) for path, one in catalogue.matching(listed, **asked).items()]
    if form == "table":
        printing.table(forms.HEADER, (forms.row(name, one) for name, one in named))
        click.echo(f"{len(named)} instances")
    elif form == "json":
        plain = {name: {key: one[key] for key in one if key != catalogue.PICTURE} for name, one in named}
        click.echo(result_files.to_json(plain))
    else:
        make = {"csv": forms.csv_text, "solu": forms.solu_text, "md": forms.page}[form]
        click.echo(make(named), nl=False)
    if stale:
        click.echo(f"kktgen: the sizes of {len(stale)} instances are not known: {catalogue.REFRESH}", err=True)


def _told(done: Added) -> None:
    """Print what was stored, found and is missing."""
    click.echo("  ".join(f"{key} {done.sizes[key]}" for key in SHOWN if key in done.sizes))
    for line in done.said:
        click.echo(line)
    stem = done.path.stem
    paths = [p for p in sorted(done.path.parent.glob(f"{stem}.*")) if _is_own(p, stem)]
    click.echo(printing.files(paths))
    for line in done.missing:
        click.echo(f"missing: {line}")


def _is_own(path: Path, stem: str) -> bool:
    return path.name in (f"{stem}.toml", *(stem + end for end in LARGEST))
